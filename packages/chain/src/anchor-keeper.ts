import { setTimeout as sleep } from 'node:timers/promises';
import { CREATE2_DEPLOYER, checkpointAnchorAbi, checkpointAnchorBytecode } from '@assay/contracts';
import { AssayError, bytesToHex } from '@assay/core';
import {
  type Account,
  concatHex,
  createPublicClient,
  createTestClient,
  createWalletClient,
  encodeAbiParameters,
  encodeFunctionData,
  getCreate2Address,
  type Hex,
  http,
  keccak256,
  type PublicClient,
  parseEther,
  stringToHex,
  zeroHash,
} from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import type { AnchorRecord, AnchorStore } from './anchor-store.ts';
import { takeAnchorProof } from './state-proof.ts';

export interface KeeperOptions {
  rpcUrl: string;
  chainId: number;
  origin: string;
  /** Registers the log in the contract; never records checkpoints. */
  registrarSecret: Uint8Array;
  /** Records checkpoints; pays the gas. */
  anchorerSecret: Uint8Array;
  store: AnchorStore;
  nowMs: () => number;
  /** Least time between two anchors. */
  everyMs: number;
  /** Gives the accounts gas by decree: possible, and meant, on a development chain only. */
  developmentChain: boolean;
  onAnchored?: (record: AnchorRecord) => void;
}

export interface KeeperState {
  status: 'confirmed' | 'pending' | 'none' | 'down';
  chainId: number;
  contract: Hex;
  last: AnchorRecord | null;
  /** Size that waits to be anchored. */
  pendingSize: number | null;
  lastError?: string;
}

const FIRST_BACKOFF_MS = 250;
const MAX_BACKOFF_MS = 15_000;
const REQUEST_TIMEOUT_MS = 5_000;
const RECEIPT_TIMEOUT_MS = 60_000;

interface Checkpoint {
  size: number;
  root: Uint8Array;
}

/**
 * Keeps a log's newest checkpoint on a chain. Only the newest counts: it covers all before it. A chain that is
 * down, was reorganised or lost its state delays the anchor and nothing else; what the chain says is read again
 * before every transaction, so nothing depends on what this process remembers.
 */
export class AnchorKeeper {
  readonly contract: Hex;
  readonly #options: KeeperOptions;
  readonly #client: PublicClient;
  readonly #registrar: Account;
  readonly #anchorer: Account;
  readonly #originId: Hex;
  readonly #stop = new AbortController();
  #wanted: Checkpoint | null = null;
  #anchored: Checkpoint | null = null;
  #lastError: string | null = null;
  #lastAnchorMs = 0;
  #hurry = false;
  #wake: () => void = () => undefined;
  readonly #loop: Promise<void>;

  constructor(options: KeeperOptions) {
    this.#options = options;
    this.#client = createPublicClient({ transport: this.#transport(), cacheTime: 0, pollingInterval: 50 });
    this.#registrar = accountOf(options.registrarSecret);
    this.#anchorer = accountOf(options.anchorerSecret);
    this.#originId = keccak256(stringToHex(options.origin));
    this.contract = anchorAddress(this.#registrar.address);
    this.#loop = this.#run();
  }

  /** Asks for a checkpoint to be anchored; a newer one replaces it. */
  submit(checkpoint: Checkpoint): void {
    if (this.#wanted && this.#wanted.size >= checkpoint.size) return;
    this.#wanted = checkpoint;
    this.#wake();
  }

  /** Anchors what was submitted without waiting for the interval; false when it did not get there in time. */
  async flush(timeoutMs: number): Promise<boolean> {
    this.#hurry = true;
    this.#wake();
    const deadline = this.#options.nowMs() + timeoutMs;
    while (this.#pending() && this.#options.nowMs() < deadline) await sleep(20);
    this.#hurry = false;
    return !this.#pending();
  }

  state(): KeeperState {
    const { chainId, origin, store } = this.#options;
    const last = store.latest(origin, chainId);
    const pending = this.#pending();
    return {
      status: this.#lastError ? 'down' : pending ? 'pending' : last ? 'confirmed' : 'none',
      chainId,
      contract: this.contract,
      last,
      pendingSize: pending ? this.#wanted!.size : null,
      ...(this.#lastError ? { lastError: this.#lastError } : {}),
    };
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.#wake();
    await this.#loop;
  }

  #pending(): boolean {
    return this.#wanted !== null && this.#wanted.size > (this.#anchored?.size ?? 0);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    for (let failures = 0; !signal.aborted; ) {
      const waitMs = this.#hurry ? 0 : this.#lastAnchorMs + this.#options.everyMs - this.#options.nowMs();
      if (!this.#pending() || waitMs > 0) {
        await this.#pause(this.#pending() ? waitMs : 3_600_000);
        continue;
      }
      const checkpoint = this.#wanted!;
      try {
        await this.#anchor(checkpoint);
        this.#anchored = checkpoint;
        this.#lastAnchorMs = this.#options.nowMs();
        this.#lastError = null;
        failures = 0;
      } catch (error) {
        this.#lastError = (error as { shortMessage?: string }).shortMessage ?? (error as Error).message;
        await sleep(Math.min(FIRST_BACKOFF_MS * 2 ** failures++, MAX_BACKOFF_MS), undefined, {
          signal,
        }).catch(() => undefined);
      }
    }
  }

  /** Waits, at most so long, for a submission, a flush or the end. */
  async #pause(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, Math.max(ms, 1));
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async #anchor(checkpoint: Checkpoint): Promise<void> {
    const { chainId, origin, store, nowMs } = this.#options;
    await this.#checkChain();
    await this.#dropOrphans();
    // After a restart the newest checkpoint may stand there already.
    if ((store.latest(origin, chainId)?.size ?? 0) >= checkpoint.size) return;
    await this.#ensureRegistered();
    const [, recorded] = await this.#head();
    const root: Hex = `0x${bytesToHex(checkpoint.root)}`;
    // Another run may have sent it and died before it saw the receipt: then only the proof is missing.
    const sent =
      recorded === BigInt(checkpoint.size)
        ? null
        : await this.#send(this.#anchorer, {
            to: this.contract,
            data: encodeFunctionData({
              abi: checkpointAnchorAbi,
              functionName: 'anchor',
              args: [this.#originId, BigInt(checkpoint.size), root],
            }),
          });
    const blockNumber = sent?.blockNumber ?? (await this.#client.getBlockNumber());
    const proof = await takeAnchorProof(
      this.#client,
      { origin, ...checkpoint },
      { chainId, contract: this.contract, blockNumber },
    );
    const record: AnchorRecord = {
      origin,
      size: checkpoint.size,
      anchoredAt: `${new Date(nowMs()).toISOString().slice(0, 19)}Z`,
      transaction: sent?.transactionHash ?? null,
      gasUsed: sent?.gasUsed.toString() ?? null,
      proof,
    };
    store.add(record);
    this.#options.onAnchored?.(record);
  }

  async #checkChain(): Promise<void> {
    const actual = await this.#client.getChainId();
    if (actual !== this.#options.chainId) {
      throw new AssayError(
        'CHAIN_UNAVAILABLE',
        `expected chain ${this.#options.chainId}, the endpoint serves ${actual}`,
        {
          next: 'check the endpoint',
        },
      );
    }
  }

  /** A reorganisation, or a lost state, takes the newest blocks: look from the newest anchor backwards. */
  async #dropOrphans(): Promise<void> {
    const { store, origin, chainId } = this.#options;
    for (let last = store.latest(origin, chainId); last; last = store.latest(origin, chainId)) {
      const { blockNumber, blockHash } = last.proof;
      const block = await this.#client.getBlock({ blockNumber: BigInt(blockNumber) }).catch((error) => {
        if ((error as Error).name === 'BlockNotFoundError') return null;
        throw error;
      });
      if (block?.hash === blockHash) return;
      store.orphan(origin, chainId, blockNumber);
    }
  }

  async #ensureRegistered(): Promise<void> {
    if (!(await this.#client.getCode({ address: this.contract }))) {
      await this.#fund(this.#registrar, this.#anchorer);
      if (!(await this.#client.getCode({ address: CREATE2_DEPLOYER }))) {
        throw new AssayError(
          'CHAIN_UNAVAILABLE',
          `the chain has no deployment proxy at ${CREATE2_DEPLOYER}`,
          {
            next: 'deploy the deterministic deployment proxy first, or choose another chain',
          },
        );
      }
      await this.#send(this.#registrar, {
        to: CREATE2_DEPLOYER,
        data: concatHex([zeroHash, creationCode(this.#registrar.address)]),
      });
    }
    const anchorer = await this.#client.readContract({
      address: this.contract,
      abi: checkpointAnchorAbi,
      functionName: 'anchorerOf',
      args: [this.#originId],
    });
    if (anchorer.toLowerCase() === this.#anchorer.address.toLowerCase()) return;
    await this.#send(this.#registrar, {
      to: this.contract,
      data: encodeFunctionData({
        abi: checkpointAnchorAbi,
        functionName: 'registerOrigin',
        args: [this.#options.origin, this.#anchorer.address],
      }),
    });
  }

  async #head() {
    return this.#client.readContract({
      address: this.contract,
      abi: checkpointAnchorAbi,
      functionName: 'head',
      args: [this.#originId],
    });
  }

  async #fund(...accounts: Account[]): Promise<void> {
    if (!this.#options.developmentChain) return;
    const chain = createTestClient({ mode: 'anvil', transport: this.#transport() });
    for (const { address } of accounts) await chain.setBalance({ address, value: parseEther('1000') });
  }

  async #send(account: Account, transaction: { to: Hex; data: Hex }) {
    const wallet = createWalletClient({ account, transport: this.#transport() });
    const hash = await wallet.sendTransaction({ ...transaction, account, chain: null });
    const receipt = await this.#client.waitForTransactionReceipt({ hash, timeout: RECEIPT_TIMEOUT_MS });
    if (receipt.status !== 'success') {
      throw new AssayError('CHAIN_UNAVAILABLE', `the chain refused transaction ${hash}`, {
        next: 'look at the transaction on the chain',
      });
    }
    return receipt;
  }

  #transport() {
    return http(this.#options.rpcUrl, { retryCount: 0, timeout: REQUEST_TIMEOUT_MS });
  }
}

/** Address of the contract for a registrar: the same on every chain (CREATE2, EIP-1014). */
export function anchorAddress(registrar: Hex): Hex {
  return getCreate2Address({
    from: CREATE2_DEPLOYER,
    salt: zeroHash,
    bytecode: creationCode(registrar),
  }).toLowerCase() as Hex;
}

function creationCode(registrar: Hex): Hex {
  return concatHex([checkpointAnchorBytecode, encodeAbiParameters([{ type: 'address' }], [registrar])]);
}

function accountOf(secret: Uint8Array): Account {
  return privateKeyToAccount(`0x${bytesToHex(secret)}`);
}
