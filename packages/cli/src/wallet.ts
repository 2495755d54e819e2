/** The account that signs, the contracts that it speaks to, and the one way in which anything is sent. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { accountOf, type ContractsFile, externalSigner, openKeystore } from '@assay/chain';
import {
  type Call,
  type ContractName,
  callTo,
  describeCall,
  describeTypedData,
  refusalOf,
  type SigningContext,
  SYSTEM,
  type TypedData,
  type Words,
} from '@assay/contracts';
import { AssayError } from '@assay/core';
import {
  type Abi,
  createPublicClient,
  formatEther,
  type Hex,
  http,
  type LocalAccount,
  type PublicClient,
} from 'viem';
import type { Command } from './command.ts';

/** Options of every command that speaks to the contracts. */
export const WALLET_OPTIONS: Command['options'] = {
  'data-dir': { type: 'string', default: 'assay-data' },
  contracts: { type: 'string' },
  rpc: { type: 'string' },
  keystore: { type: 'string' },
  'password-file': { type: 'string' },
  signer: { type: 'string' },
  from: { type: 'string' },
  role: { type: 'string' },
  json: { type: 'boolean' },
  yes: { type: 'boolean' },
  'dry-run': { type: 'boolean' },
};
export const WALLET_USAGE =
  'with any that speaks to the contracts: [--keystore <file> | --signer <url> [--from <address>] | --role <name>] [--contracts <file>] [--rpc <url>] [--yes] [--dry-run] [--json]';

type Values = Record<string, string | boolean | undefined>;

const RECEIPT_TIMEOUT_MS = 120_000;
const REQUEST_TIMEOUT_MS = 20_000;

/** What came of calls that were sent. */
export interface Sent {
  transactions: { title: string; hash: Hex; block: number }[];
}

/** A line to the contracts, and an account once one is needed. */
export class Wallet {
  readonly place: ContractsFile;
  readonly client: PublicClient;
  readonly #values: Values;
  #account: LocalAccount | null = null;
  /** What addresses and ids are called, for the words. */
  readonly names: Record<Hex, string> = {};
  readonly proposals: NonNullable<SigningContext['proposals']> = {};

  private constructor(place: ContractsFile, values: Values) {
    this.place = place;
    this.#values = values;
    this.client = createPublicClient({
      transport: http(place.rpcUrl, { retryCount: 1, timeout: REQUEST_TIMEOUT_MS }),
      cacheTime: 0,
      pollingInterval: 200,
    });
  }

  /** @throws NOT_FOUND without a file of contracts, RPC_UNAVAILABLE when the endpoint is not of their chain. */
  static async open(values: Values): Promise<Wallet> {
    const file = (values.contracts as string) ?? join(values['data-dir'] as string, 'contracts.json');
    if (!existsSync(file)) {
      throw new AssayError('NOT_FOUND', `there is no ${file}, which says where the contracts are`, {
        next: 'start a node on its own chain, or name the file with --contracts',
      });
    }
    const place = JSON.parse(readFileSync(file, 'utf8')) as ContractsFile;
    const wallet = new Wallet({ ...place, rpcUrl: (values.rpc as string) ?? place.rpcUrl }, values);
    let served: number;
    try {
      served = await wallet.client.getChainId();
    } catch (cause) {
      throw new AssayError('RPC_UNAVAILABLE', `${wallet.place.rpcUrl} does not answer`, {
        next: 'start the node, or name another endpoint with --rpc',
        cause,
      });
    }
    if (served !== place.chainId) {
      throw new AssayError(
        'CHAIN_WRONG',
        `the contracts are on chain ${place.chainId}, the endpoint serves ${served}`,
        {
          next: 'name an endpoint of the right chain with --rpc',
        },
      );
    }
    return wallet;
  }

  get dryRun(): boolean {
    return this.#values['dry-run'] === true;
  }

  get json(): boolean {
    return this.#values.json === true;
  }

  /** @throws KEY_MISSING, KEY_INVALID, SIGNER_REFUSED */
  async account(): Promise<LocalAccount> {
    this.#account ??= await this.#openAccount();
    return this.#account;
  }

  get addresses(): ContractsFile['addresses'] {
    return this.place.addresses;
  }

  address(contract: ContractName): Hex {
    const address = this.place.addresses[contract];
    if (address) return address;
    throw new AssayError('NOT_FOUND', `the file of contracts names no ${contract}`);
  }

  async read<T>(contract: ContractName, functionName: string, ...args: unknown[]): Promise<T> {
    const { abi } = SYSTEM[contract] as { abi: Abi };
    return (await this.client.readContract({
      address: this.address(contract),
      abi,
      functionName,
      args,
    })) as T;
  }

  call(contract: ContractName, functionName: string, ...args: unknown[]): Call {
    return callTo(this.place.addresses, contract, functionName, ...args);
  }

  /**
   * Says in words what the calls do, asks, sends them one after the other, and says what came of it.
   *
   * @throws CALL_REFUSED when a contract refuses one, with its reason in words; the later ones are then not sent.
   */
  async send(calls: readonly Call[]): Promise<Sent | null> {
    const account = await this.account();
    const told = calls.map((call) => describeCall(call, this.#context()));
    for (const words of told) this.#show(words);
    if (this.dryRun) {
      await this.#simulate(calls[0]!, account.address);
      this.#say(
        calls.length === 1 ? 'Dry run: it would go through.' : 'Dry run: the first would go through.',
      );
      if (this.json) console.log(JSON.stringify({ dryRun: true, calls: told }));
      return null;
    }
    if (
      !(await this.#agreed(
        `Sign ${calls.length === 1 ? 'it' : `all ${calls.length}`} as ${account.address}?`,
      ))
    )
      return null;
    const sent: Sent = { transactions: [] };
    for (const [i, call] of calls.entries()) {
      const { hash, blockNumber } = await this.#sendOne(call, account);
      const { title } = told[i]!;
      sent.transactions.push({ title, hash, block: Number(blockNumber) });
      this.#say(`Done in block ${blockNumber}: ${title} (${hash})`);
    }
    if (this.json) console.log(JSON.stringify(sent));
    return sent;
  }

  /** Says in words what a message commits to, asks, and signs it. Null when the answer is no. */
  async sign(typedData: TypedData): Promise<Hex | null> {
    const account = await this.account();
    const words = describeTypedData(typedData, this.#context());
    this.#show(words);
    if (this.dryRun || !(await this.#agreed(`Sign it as ${account.address}?`))) return null;
    return account.signTypedData(typedData as never);
  }

  async #sendOne(call: Call, account: LocalAccount) {
    const { address } = account;
    await this.#simulate(call, address);
    const { baseFeePerGas } = await this.client.getBlock();
    const tip = await this.client.estimateMaxPriorityFeePerGas().catch(() => 1_000_000_000n);
    const gas = await this.client.estimateGas({ account: address, to: call.to!, data: call.data });
    const maxFeePerGas = 2n * (baseFeePerGas ?? 0n) + tip;
    const most = (gas * 5n * maxFeePerGas) / 4n;
    const balance = await this.client.getBalance({ address });
    if (balance < most) {
      throw new AssayError(
        'ACCOUNT_EMPTY',
        `${address} has ${formatEther(balance)} for fees, this may cost ${formatEther(most)}`,
        { next: `send at least ${formatEther(most - balance)} to it` },
      );
    }
    const serializedTransaction = await account.signTransaction({
      type: 'eip1559',
      chainId: this.place.chainId,
      nonce: await this.client.getTransactionCount({ address, blockTag: 'pending' }),
      to: call.to!,
      data: call.data,
      gas: (gas * 5n) / 4n,
      maxFeePerGas,
      maxPriorityFeePerGas: tip,
    });
    const hash = await this.client.sendRawTransaction({ serializedTransaction });
    const receipt = await this.client.waitForTransactionReceipt({ hash, timeout: RECEIPT_TIMEOUT_MS });
    if (receipt.status === 'success') return { hash, blockNumber: receipt.blockNumber };
    throw new AssayError('CALL_REFUSED', `the contract undid transaction ${hash}`, {
      next: 'somebody else was faster; look at the state and try again',
    });
  }

  async #simulate(call: Call, account: Hex): Promise<void> {
    try {
      await this.client.call({ account, to: call.to!, data: call.data });
    } catch (error) {
      throw refused(error, describeCall(call, this.#context()).title);
    }
  }

  #context(): SigningContext {
    const { chainId, addresses } = this.place;
    return { chainId, addresses, names: this.names, proposals: this.proposals };
  }

  #show({ title, lines, warnings }: Words): void {
    const width = Math.max(...lines.map(({ label }) => label.length));
    this.#say(
      [
        '',
        title,
        ...lines.map(({ label, value }) => `  ${label.padEnd(width)}  ${value}`),
        `  ${'Chain'.padEnd(width)}  ${this.place.chainId}`,
        ...warnings.map((warning) => `  ! ${warning}`),
        '',
      ].join('\n'),
    );
  }

  /** With --json the words go where people read, and the result where programs do. */
  #say(text: string): void {
    if (this.json) process.stderr.write(`${text}\n`);
    else console.log(text);
  }

  async #agreed(question: string): Promise<boolean> {
    if (this.#values.yes) return true;
    if (!process.stdin.isTTY) {
      throw new AssayError('ARGUMENT_INVALID', 'nobody is there to agree to this', {
        next: 'read the words above, and add --yes',
      });
    }
    const terminal = createInterface({ input: process.stdin, output: process.stderr });
    const answer = await terminal.question(`${question} [y/N] `);
    terminal.close();
    if (/^y(es)?$/i.test(answer.trim())) return true;
    this.#say('Nothing was signed.');
    return false;
  }

  async #openAccount(): Promise<LocalAccount> {
    const { signer, from, keystore, role } = this.#values as Record<string, string | undefined>;
    if ([signer, keystore, role].filter((each) => each !== undefined).length > 1) {
      throw new AssayError('ARGUMENT_INVALID', '--keystore, --signer and --role exclude each other', {
        next: 'name one of them',
      });
    }
    if (signer !== undefined) return externalSigner(signer, from as Hex | undefined);
    if (keystore !== undefined) {
      if (!existsSync(keystore)) throw new AssayError('NOT_FOUND', `there is no keystore ${keystore}`);
      const password = await passwordFrom(this.#values['password-file'] as string, `Password of ${keystore}`);
      let content: unknown;
      try {
        content = JSON.parse(readFileSync(keystore, 'utf8'));
      } catch (cause) {
        throw new AssayError('KEY_INVALID', `${keystore} is not JSON`, { cause });
      }
      return openKeystore(content, password);
    }
    if (role !== undefined) {
      const file = join(this.#values['data-dir'] as string, 'keys', `${role}.key`);
      if (!/^[\w-]+$/.test(role) || !existsSync(file)) {
        throw new AssayError(
          'KEY_MISSING',
          `the node's folder holds no key of the role ${JSON.stringify(role)}`,
          {
            next: `look into ${join(this.#values['data-dir'] as string, 'keys')}`,
          },
        );
      }
      return accountOf(readFileSync(file, 'utf8'));
    }
    const fromEnvironment = process.env.ASSAY_KEY;
    if (fromEnvironment !== undefined) return accountOf(fromEnvironment);
    throw new AssayError('KEY_MISSING', 'there is no key to sign with', {
      next: 'name a keystore with --keystore (make one with `assay key new`), an outside signer with --signer, or set ASSAY_KEY',
    });
  }
}

/** From a file, the environment, or the keyboard without an echo. */
export async function passwordFrom(file: string | undefined, question: string): Promise<string> {
  if (file !== undefined) return readFileSync(file, 'utf8').replace(/\r?\n$/, '');
  if (process.env.ASSAY_PASSWORD !== undefined) return process.env.ASSAY_PASSWORD;
  if (!process.stdin.isTTY) {
    throw new AssayError('KEY_MISSING', 'nobody is there to type the password', {
      next: 'name a file with --password-file, or set ASSAY_PASSWORD',
    });
  }
  process.stderr.write(`${question}: `);
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const terminal = createInterface({ input: process.stdin, output: silent, terminal: true });
  const password = await terminal.question('');
  terminal.close();
  process.stderr.write('\n');
  return password;
}

/** A contract's refusal, with what it was asked to do. */
function refused(cause: unknown, title: string): AssayError {
  const { reason, error, next } = refusalOf(cause);
  return new AssayError('CALL_REFUSED', `${reason}; it was asked to: ${title}`, {
    next,
    ...(error === null ? { cause } : { detail: { error } }),
  });
}
