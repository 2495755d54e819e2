/** Where calls are made, put into words, tried and sent. Loaded when a wallet is there: most visitors only read. */
import {
  advanceCall,
  appealCalls,
  type Call,
  type ContractName,
  callTo,
  challengeCalls,
  type Desk,
  describeCall,
  type ProposalCalls,
  refusalOf,
  type SigningContext,
  SYSTEM,
  stakeCalls,
  type VerdictProof,
  type VerdictProofFile,
  verdictProofOf,
  type Words,
} from '@assay/contracts';
import {
  type Abi,
  createPublicClient,
  custom,
  type Hex,
  type PublicClient,
  parseUnits,
  sha256,
  stringToHex,
} from 'viem';
import { ask } from './api.ts';
import { type Session, said } from './wallet.ts';

const RECEIPT_TIMEOUT_MS = 180_000;
const POLL_MS = 1_000;
const DECISIONS = ['accept', 'flag', 'reject'];

/** What an account has in the economy, in the smallest unit. */
export interface Account {
  balance: string;
  owed: string;
  votes: string;
  delegate: string;
}

/** One account's place at the contracts, through its own wallet: what it reads does not come from this page's node. */
export class WalletDesk implements Desk {
  readonly addresses: SigningContext['addresses'];
  readonly #session: Session;
  readonly #context: SigningContext;
  readonly #client: PublicClient;

  constructor(session: Session, context: SigningContext) {
    this.#session = session;
    this.#context = context;
    this.addresses = context.addresses;
    this.#client = createPublicClient({
      transport: custom(session.provider as never),
      cacheTime: 0,
      pollingInterval: POLL_MS,
    });
  }

  async account(): Promise<{ address: Hex }> {
    return this.#session;
  }

  read<T>(contract: ContractName, functionName: string, ...args: unknown[]): Promise<T> {
    const { abi } = SYSTEM[contract] as { abi: Abi };
    return this.#client.readContract({
      address: this.addresses[contract]!,
      abi,
      functionName,
      args,
    }) as Promise<T>;
  }

  async mine(): Promise<Account> {
    const { address } = this.#session;
    const [balance, owed, votes, delegate] = await Promise.all([
      this.read<bigint>('AssayToken', 'balanceOf', address),
      this.read<bigint>('StakeVault', 'owed', address),
      this.read<bigint>('AssayToken', 'getVotes', address),
      this.read<string>('AssayToken', 'delegates', address),
    ]);
    return { balance: `${balance}`, owed: `${owed}`, votes: `${votes}`, delegate };
  }

  call(contract: ContractName, functionName: string, ...args: unknown[]): Call {
    return callTo(this.addresses, contract, functionName, ...args);
  }

  stake(providerId: string, amount: string): Promise<Call[]> {
    return stakeCalls(this, providerId as Hex, amountOf(amount));
  }

  unbond(providerId: string, amount: string): Call {
    return this.call('StakeVault', 'beginUnbonding', providerId, amountOf(amount));
  }

  async challenge(record: string, decision: string, evidence: string): Promise<Call[]> {
    const code = DECISIONS.indexOf(decision) + 1;
    return challengeCalls(this, await proofOf(record), code, digestOf(evidence));
  }

  async appeal(record: string, evidence: string): Promise<Call[]> {
    return appealCalls(this, await proofOf(record), digestOf(evidence));
  }

  async settle(record: string): Promise<Call> {
    return this.call('VerdictCourt', 'settle', await proofOf(record));
  }

  advance(step: 'queue' | 'execute', proposal: ProposalCalls): Call {
    return advanceCall(this.addresses, step, proposal);
  }

  words(call: Call): Words {
    return describeCall(call, this.#context);
  }

  /** Sends a call and waits until a block holds it. @throws Error in words, when contract, chain or owner say no. */
  async send(call: Call): Promise<{ hash: string; blockNumber: number }> {
    const { provider, address } = this.#session;
    const chainId = Number(await provider.request({ method: 'eth_chainId' }));
    if (chainId !== this.#context.chainId)
      throw new Error(
        `The wallet went to chain ${chainId}; the contracts are on chain ${this.#context.chainId}. Nothing was sent.`,
      );
    await this.try(call);
    const transaction = { from: address, to: call.to, data: call.data, value: '0x0' };
    const hash = await provider
      .request({ method: 'eth_sendTransaction', params: [transaction] })
      .catch((error) => {
        throw new Error(said(error, 'nothing was sent'));
      });
    const receipt = await this.#client.waitForTransactionReceipt({
      hash: hash as Hex,
      timeout: RECEIPT_TIMEOUT_MS,
    });
    if (receipt.status !== 'success')
      throw new Error('The contract undid the transaction: somebody else was faster. Look, and try again.');
    return { hash: hash as string, blockNumber: Number(receipt.blockNumber) };
  }

  /** @throws Error in words when the call would be refused as things stand. */
  async try(call: Call): Promise<void> {
    await this.#client
      .call({ account: this.#session.address, to: call.to!, data: call.data })
      .catch((error) => {
        const { reason, next } = refusalOf(error);
        throw new Error(`${reason}. What to do: ${next}.`);
      });
  }
}

async function proofOf(record: string): Promise<VerdictProof> {
  const id = record.trim().replace(/^0x/, '').split('.')[0]!;
  if (!/^[0-9a-f]{64}$/.test(id)) throw new Error('A record’s id has 64 hexadecimal digits.');
  return verdictProofOf(await ask<VerdictProofFile>(`/v1/records/${id}/verdict-proof`));
}

function amountOf(text: string): bigint {
  const amount = /^\d{1,12}(\.\d{1,18})?$/.test(text.trim()) ? parseUnits(text.trim(), 18) : 0n;
  if (amount > 0n) return amount;
  throw new Error('Enter an amount of ASSAY such as 1500 or 0.25.');
}

/** The chain keeps the SHA-256 of a text; the text itself goes to the reviewers. */
function digestOf(text: string): Hex {
  if (text.trim() === '') throw new Error('Say what shows it: reviewers will ask for this text.');
  return sha256(stringToHex(text));
}
