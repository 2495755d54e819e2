import { setTimeout as sleep } from 'node:timers/promises';
import { SYSTEM } from '@assay/contracts';
import { AssayError, bytesToHex } from '@assay/core';
import {
  type Account,
  BlockNotFoundError,
  createPublicClient,
  createTestClient,
  createWalletClient,
  encodeFunctionData,
  type Hex,
  http,
  keccak256,
  type PublicClient,
  parseEther,
  stringToHex,
  type TransactionReceipt,
  TransactionReceiptNotFoundError,
} from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import type { AnchorRecord, AnchorStore } from './anchor-store.ts';
import { takeAnchorProof } from './state-proof.ts';

export interface KeeperOptions {
  rpcUrl: string;
  chainId: number;
  origin: string;
  /** The CheckpointAnchor contract. */
  contract: Hex;
  /** Deploys the contract and registers the log with this anchorer; called when the chain shows neither. */
  prepare: () => Promise<void>;
  /** Records checkpoints; pays the gas. */
  anchorerSecret: Uint8Array;
  store: AnchorStore;
  nowMs: () => number;
  /** Least time between two anchors. */
  everyMs: number;
  /** Blocks that must hold an anchor, its own included, before it counts; 1 unless told. */
  confirmations?: number;
  /** How often an idle keeper asks whether its newest anchor still stands; 15 s unless told. */
  recheckMs?: number;
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
const RECHECK_MS = 15_000;
/** How far back to look for the transaction of an anchor that an earlier run sent; many endpoints refuse more. */
const LOG_RANGE_BLOCKS = 1_000n;

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
  readonly #anchorer: Account;
  readonly #originId: Hex;
  readonly #pollMs: number;
  readonly #stop = new AbortController();
  #wanted: Checkpoint | null = null;
  /** Newest anchor that stands, as the store has it. */
  #last: AnchorRecord | null;
  #lastError: string | null = null;
  #nextAnchorMs = Number.NEGATIVE_INFINITY;
  #nextCheckMs = Number.NEGATIVE_INFINITY;
  #hurry = false;
  #wake: () => void = () => undefined;
  readonly #loop: Promise<void>;

  constructor(options: KeeperOptions) {
    this.#options = options;
    this.#client = createPublicClient({ transport: this.#transport(), cacheTime: 0 });
    this.#anchorer = accountOf(options.anchorerSecret);
    this.#originId = keccak256(stringToHex(options.origin));
    this.#pollMs = options.developmentChain ? 20 : 1_000;
    this.#last = options.store.latest(options.origin, options.chainId);
    this.contract = options.contract.toLowerCase() as Hex;
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
    const pending = this.#pending();
    return {
      status: this.#lastError ? 'down' : pending ? 'pending' : this.#last ? 'confirmed' : 'none',
      chainId: this.#options.chainId,
      contract: this.contract,
      last: this.#last,
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
    return this.#wanted !== null && !isOf(this.#last, this.#wanted);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    for (let failures = 0; !signal.aborted; ) {
      const waitMs = this.#waitMs();
      if (waitMs > 0) {
        await this.#pause(waitMs);
        continue;
      }
      try {
        await this.#keep();
        this.#lastError = null;
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        this.#lastError = (error as { shortMessage?: string }).shortMessage ?? (error as Error).message;
        await this.#sleep(Math.min(FIRST_BACKOFF_MS * 2 ** failures++, MAX_BACKOFF_MS)).catch(
          () => undefined,
        );
      }
    }
  }

  /** Until something is to be anchored, or to be looked at again. */
  #waitMs(): number {
    const checkMs = this.#last ? this.#nextCheckMs : Number.POSITIVE_INFINITY;
    const anchorMs = this.#pending() ? (this.#hurry ? 0 : this.#nextAnchorMs) : Number.POSITIVE_INFINITY;
    return Math.min(checkMs, anchorMs) - this.#options.nowMs();
  }

  /** Waits, at most so long, for a submission, a flush or the end. */
  async #pause(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, Math.min(ms, 3_600_000));
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async #sleep(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#stop.signal });
  }

  /** One round: what was anchored still stands, and what was submitted gets anchored when it is due. */
  async #keep(): Promise<void> {
    const { nowMs, everyMs, recheckMs = RECHECK_MS } = this.#options;
    await this.#checkChain();
    await this.#dropOrphans();
    this.#nextCheckMs = nowMs() + recheckMs;
    if (!this.#pending() || (!this.#hurry && nowMs() < this.#nextAnchorMs)) return;
    await this.#anchor(this.#wanted!);
    this.#nextAnchorMs = nowMs() + everyMs;
  }

  async #anchor(checkpoint: Checkpoint): Promise<void> {
    const { chainId, origin, store, nowMs } = this.#options;
    await this.#settled(this.#anchorer);
    await this.#ensureRegistered();
    // Another run may have sent it and died before it saw the receipt: then only the proof is missing.
    const sent = (await this.#isRecorded(checkpoint))
      ? null
      : await this.#send(this.#anchorer, {
          to: this.contract,
          data: encodeFunctionData({
            abi: SYSTEM.CheckpointAnchor.abi,
            functionName: 'anchor',
            args: [this.#originId, BigInt(checkpoint.size), hexOf(checkpoint.root)],
          }),
        });
    const proof = await takeAnchorProof(
      this.#client,
      { origin, ...checkpoint },
      {
        chainId,
        contract: this.contract,
        blockNumber: sent?.blockNumber ?? (await this.#client.getBlockNumber()),
      },
    );
    // The chain may have lost its state since the round began; then the anchors before this one went with it.
    await this.#dropOrphans();
    const record: AnchorRecord = {
      origin,
      size: checkpoint.size,
      root: bytesToHex(checkpoint.root),
      anchoredAt: `${new Date(nowMs()).toISOString().slice(0, 19)}Z`,
      transaction: sent?.transactionHash ?? (await this.#earlierTransaction(checkpoint)),
      gasUsed: sent?.gasUsed.toString() ?? null,
      proof,
    };
    store.add(record);
    this.#last = record;
    this.#options.onAnchored?.(record);
  }

  async #checkChain(): Promise<void> {
    const actual = await this.#client.getChainId();
    if (actual === this.#options.chainId) return;
    throw new AssayError(
      'CHAIN_UNAVAILABLE',
      `expected chain ${this.#options.chainId}, the endpoint serves ${actual}`,
      { next: 'check the endpoint' },
    );
  }

  /** A reorganisation, or a lost state, takes the newest blocks: look from the newest anchor backwards. */
  async #dropOrphans(): Promise<void> {
    const { store, origin, chainId } = this.#options;
    while (this.#last) {
      const { blockNumber, blockHash } = this.#last.proof;
      const block = await this.#client.getBlock({ blockNumber: BigInt(blockNumber) }).catch((error) => {
        if (error instanceof BlockNotFoundError) return null;
        throw error;
      });
      if (block?.hash === blockHash) return;
      store.orphan(origin, chainId, blockNumber);
      this.#last = store.latest(origin, chainId);
      this.#nextAnchorMs = Number.NEGATIVE_INFINITY;
    }
  }

  /** What an earlier run sent may still wait in the pool; it must have its effect before anything is decided. */
  async #settled({ address }: Account): Promise<void> {
    const deadline = this.#options.nowMs() + RECEIPT_TIMEOUT_MS;
    for (;;) {
      const mined = await this.#client.getTransactionCount({ address, blockTag: 'latest' });
      const sent = await this.#client.getTransactionCount({ address, blockTag: 'pending' });
      if (sent <= mined) return;
      if (this.#options.nowMs() > deadline) {
        throw new AssayError(
          'CHAIN_UNAVAILABLE',
          `transaction ${mined} of ${address} has waited for ${RECEIPT_TIMEOUT_MS / 1000} s to be mined`,
          { next: 'wait, or replace it by one with a higher fee' },
        );
      }
      await this.#sleep(this.#pollMs);
    }
  }

  async #ensureRegistered(): Promise<void> {
    const deployed = Boolean(await this.#client.getCode({ address: this.contract }));
    if (deployed && (await this.#anchorerOnChain()) === this.#anchorer.address) return;
    if (this.#options.developmentChain) await this.#fund(this.#anchorer);
    await this.#options.prepare();
  }

  #anchorerOnChain(): Promise<Hex> {
    return this.#client.readContract({
      address: this.contract,
      abi: SYSTEM.CheckpointAnchor.abi,
      functionName: 'anchorerOf',
      args: [this.#originId],
    });
  }

  /** Whether the chain's head is this checkpoint already. @throws ANCHOR_CONFLICT when it contradicts it. */
  async #isRecorded({ size, root }: Checkpoint): Promise<boolean> {
    const [recordedRoot, recordedSize] = await this.#client.readContract({
      address: this.contract,
      abi: SYSTEM.CheckpointAnchor.abi,
      functionName: 'head',
      args: [this.#originId],
    });
    if (recordedSize < BigInt(size)) return false;
    if (recordedSize === BigInt(size) && recordedRoot === hexOf(root)) return true;
    throw new AssayError(
      'ANCHOR_CONFLICT',
      recordedSize > BigInt(size)
        ? `the chain records size ${recordedSize} of ${this.#options.origin}, the log shows only ${size}`
        : `the chain records the root ${recordedRoot} at size ${size}, the log shows ${hexOf(root)}`,
      { next: 'the log lost or rewrote entries that were anchored: restore it from a backup' },
    );
  }

  /** The transaction of an anchor that an earlier run sent; null when the endpoint does not tell. */
  async #earlierTransaction({ size }: Checkpoint): Promise<Hex | null> {
    try {
      const latest = await this.#client.getBlockNumber();
      const events = await this.#client.getContractEvents({
        address: this.contract,
        abi: SYSTEM.CheckpointAnchor.abi,
        eventName: 'CheckpointAnchored',
        args: { originId: this.#originId, size: BigInt(size) },
        fromBlock: latest > LOG_RANGE_BLOCKS ? latest - LOG_RANGE_BLOCKS : 0n,
        toBlock: latest,
      });
      return events.at(-1)?.transactionHash ?? null;
    } catch {
      return null;
    }
  }

  async #fund(...accounts: Account[]): Promise<void> {
    const chain = createTestClient({ mode: 'anvil', transport: this.#transport() });
    for (const { address } of accounts) await chain.setBalance({ address, value: parseEther('1000') });
  }

  async #send(account: Account, transaction: { to: Hex; data: Hex }): Promise<TransactionReceipt> {
    const wallet = createWalletClient({ account, transport: this.#transport() });
    const hash = await wallet.sendTransaction({ ...transaction, account, chain: null });
    const receipt = await this.#confirmed(hash);
    if (receipt.status === 'success') return receipt;
    throw new AssayError('CHAIN_UNAVAILABLE', `the chain refused transaction ${hash}`, {
      next: 'look at the transaction on the chain',
    });
  }

  /** The receipt, once enough blocks hold it; read anew each time, because a reorganisation may move it. */
  async #confirmed(hash: Hex): Promise<TransactionReceipt> {
    const { confirmations = 1, nowMs } = this.#options;
    const deadline = nowMs() + RECEIPT_TIMEOUT_MS * confirmations;
    while (nowMs() < deadline) {
      const receipt = await this.#client.getTransactionReceipt({ hash }).catch((error) => {
        if (error instanceof TransactionReceiptNotFoundError) return null;
        throw error;
      });
      if (receipt && confirmations === 1) return receipt;
      if (
        receipt &&
        (await this.#client.getBlockNumber()) - receipt.blockNumber + 1n >= BigInt(confirmations)
      )
        return receipt;
      await this.#sleep(this.#pollMs);
    }
    throw new AssayError('CHAIN_UNAVAILABLE', `transaction ${hash} was not confirmed in time`, {
      next: 'nothing: the chain is asked again',
    });
  }

  #transport() {
    return http(this.#options.rpcUrl, { retryCount: 0, timeout: REQUEST_TIMEOUT_MS });
  }
}

function isOf(record: AnchorRecord | null, { size, root }: Checkpoint): boolean {
  return record?.size === size && record.root === bytesToHex(root);
}

function hexOf(bytes: Uint8Array): Hex {
  return `0x${bytesToHex(bytes)}`;
}

function accountOf(secret: Uint8Array): Account {
  return privateKeyToAccount(hexOf(secret));
}
