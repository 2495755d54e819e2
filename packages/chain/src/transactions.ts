import { setTimeout as sleep } from 'node:timers/promises';
import { AssayError } from '@assay/core';
import {
  BaseError,
  formatEther,
  formatGwei,
  type Hex,
  keccak256,
  type LocalAccount,
  TransactionReceiptNotFoundError,
} from 'viem';
import { type ChainEndpoints, inWords } from './endpoints.ts';
import type { Attempt, Intent, IntentStore } from './intent-store.ts';

/** What shall be sent. */
export interface Call {
  /** Names the purpose: while an intent of this purpose is open, or has succeeded, it is not sent again. */
  key: string;
  /** In words, for messages: `to anchor size 47`. */
  what: string;
  to: Hex;
  data: Hex;
  valueWei?: bigint;
  /** Estimated by the chain unless told. */
  gas?: bigint;
  /** Send it again although it succeeded before; for what may be undone by others. */
  repeat?: boolean;
}

export interface SenderOptions {
  endpoints: ChainEndpoints;
  /** Signs; its key may lie elsewhere. Nobody else may send with it. */
  account: LocalAccount;
  store: IntentStore;
  nowMs: () => number;
  /** Most that a unit of gas may cost; 200 gwei unless told. */
  maxFeePerGasWei?: bigint;
  /** A transaction that no block has taken for so long is replaced by a dearer one; 60 s unless told. */
  replaceAfterMs?: number;
  /** Transactions that may wait for a block at once; 16 unless told. */
  maxPending?: number;
  /** Pause between two looks while something is waited for; 1 s unless told. */
  pollMs?: number;
  /** The chain may lose its state; what was sent is then forgotten. */
  developmentChain?: boolean;
}

const DEFAULT_MAX_FEE_PER_GAS_WEI = 200_000_000_000n;
const DEFAULT_PRIORITY_FEE_WEI = 1_000_000_000n;
const REPLACE_AFTER_MS = 60_000;
const MAX_PENDING = 16;
const POLL_MS = 1_000;
/** Ten replacements more than triple the fee; after them the newest is sent again and again. */
const MAX_ATTEMPTS = 11;
/** The same bytes are sent again so often while no block has them: pools forget. */
const SEND_AGAIN_MS = 10_000;

/**
 * The one place from which an account sends to a chain. It writes down what it will send, signed, before it sends
 * it: after a crash the same bytes go out again, so nothing happens twice and nothing is forgotten. One nonce belongs
 * to one intent; a stuck transaction is replaced under its nonce, within the cap on fees.
 *
 * @example
 * const sender = new TransactionSender({ endpoints, account, store, nowMs: Date.now });
 * await sender.settle(await sender.submit({ key: 'vote:7', what: 'to vote', to, data }), { timeoutMs: 60_000 });
 */
export class TransactionSender {
  readonly address: Hex;
  readonly #options: SenderOptions;
  /** When the bytes of an attempt were last sent by this process. */
  readonly #sentAtMs = new Map<Hex, number>();
  #queue: Promise<unknown> = Promise.resolve();

  constructor(options: SenderOptions) {
    this.#options = options;
    this.address = options.account.address;
  }

  /**
   * Makes an intent durable, then sends it. Safe to repeat, also after a crash at any moment.
   *
   * @returns the intent; an earlier one when the purpose has one that is open or succeeded.
   * @throws FEE_ABOVE_CAP, ACCOUNT_EMPTY, TRANSACTION_REFUSED, TRANSACTION_QUEUE_FULL, CHAIN_UNAVAILABLE; nothing
   *   is kept then and the purpose may be submitted again.
   */
  submit(call: Call): Promise<Intent> {
    return this.#inTurn(async () => {
      const { store, endpoints, maxPending = MAX_PENDING } = this.#options;
      await this.#checkGenesis();
      await this.#checkForgotten();
      const earlier = store.latest(endpoints.chainId, this.address, call.key);
      if (earlier && (earlier.state === 'pending' || (succeeded(earlier) && !call.repeat))) return earlier;
      const waiting = this.open().filter(({ state }) => state === 'pending').length;
      if (waiting >= maxPending) {
        throw new AssayError(
          'TRANSACTION_QUEUE_FULL',
          `${waiting} transactions of ${this.address} wait for a block of chain ${endpoints.chainId}, at most ${maxPending} may`,
          { next: 'try again when some are mined' },
        );
      }
      const intent = store.add(await this.#sign(call));
      // Durable from here on: what goes wrong now is made good by `tend`.
      await this.#send(intent).catch(() => undefined);
      return intent;
    });
  }

  /**
   * Looks after what was submitted: sends again what no block has, replaces what is stuck, notes what was mined,
   * undone by a reorganisation, or final.
   *
   * @throws FEE_ABOVE_CAP or ACCOUNT_EMPTY when something is stuck for that reason, NONCE_TAKEN when somebody else
   *   sends with this account, CHAIN_UNAVAILABLE.
   */
  tend(finalBlock: number): Promise<void> {
    return this.#inTurn(async () => {
      const { store, endpoints } = this.#options;
      await this.#checkGenesis();
      await this.#checkForgotten();
      const open = this.open();
      if (open.length === 0) return;
      await this.#noteUndone(open);
      const pending = open.filter(({ state }) => state === 'pending');
      if (pending.length > 0) {
        const mined = await this.#minedCount();
        for (const intent of pending) {
          if (intent.nonce < mined) await this.#noteMined(intent, finalBlock);
        }
        for (const intent of pending) {
          if (intent.nonce >= mined) await this.#press(intent, intent.nonce === mined);
        }
      }
      store.finalize(endpoints.chainId, this.address, finalBlock);
    });
  }

  /**
   * Waits until an intent has so many confirmations.
   *
   * @throws TRANSACTION_REFUSED when the contract undid it, NONCE_TAKEN when somebody else used its nonce,
   *   CHAIN_UNAVAILABLE when it was not mined in time, and what stuck it: FEE_ABOVE_CAP, ACCOUNT_EMPTY.
   */
  async settle(
    { key }: Intent,
    options: { timeoutMs: number; confirmations?: number; signal?: AbortSignal },
  ): Promise<Intent> {
    const { nowMs, endpoints, pollMs = POLL_MS } = this.#options;
    const { timeoutMs, confirmations = 1, signal } = options;
    const deadline = nowMs() + timeoutMs;
    for (;;) {
      await endpoints.look();
      await this.tend(0);
      const intent = this.find(key);
      if (intent?.state === 'superseded') throw this.#nonceTaken(intent);
      if (intent && this.confirmations(intent) >= confirmations) {
        if (intent.mined?.success) return intent;
        throw new AssayError(
          'TRANSACTION_REFUSED',
          `the contract undid transaction ${intent.mined?.hash} ${intent.what}`,
          { next: 'look at the transaction on the chain' },
        );
      }
      if (nowMs() >= deadline) {
        throw new AssayError(
          'CHAIN_UNAVAILABLE',
          `the transaction ${intent?.what ?? ''} was not mined within ${timeoutMs / 1000} s`,
          { next: 'nothing: it is kept and sent again until a block takes it' },
        );
      }
      await sleep(pollMs, undefined, signal ? { signal } : undefined);
    }
  }

  /**
   * Notes that a transaction did nothing although a block took it, as a call does where no contract is. Its purpose
   * may then be submitted again.
   */
  disown({ id, key }: Intent): void {
    const intent = this.find(key);
    if (intent?.id !== id || !intent.mined) return;
    intent.mined.success = false;
    this.#options.store.update(intent);
  }

  /** The newest intent of a purpose. */
  find(key: string): Intent | null {
    return this.#options.store.latest(this.#options.endpoints.chainId, this.address, key);
  }

  /** Intents that are not final, by nonce. */
  open(): Intent[] {
    return this.#options.store.open(this.#options.endpoints.chainId, this.address);
  }

  /** Blocks that hold an intent, its own included, at the height that was last seen; 0 while none does. */
  confirmations({ mined }: Intent): number {
    return mined ? Math.max(1, this.#options.endpoints.height - mined.blockNumber + 1) : 0;
  }

  /** One at a time: two signatures must never share a nonce. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(work);
    this.#queue = turn.catch(() => undefined);
    return turn;
  }

  async #sign(call: Call): Promise<Omit<Intent, 'id'>> {
    const { store, endpoints, account, nowMs } = this.#options;
    const { key, what, to, data, valueWei = 0n } = call;
    const mined = await this.#minedCount();
    const nonce = Math.max(mined, store.nextNonce(endpoints.chainId, this.address));
    const market = await this.#market();
    if (market.needed > market.cap) throw this.#feeAboveCap(what, market);
    const gas = call.gas ?? (await this.#estimate(call));
    const fees = {
      maxFeePerGasWei: least(2n * market.base + market.tip, market.cap),
      priorityFeePerGasWei: market.tip,
    };
    await this.#checkBalance(what, gas * fees.maxFeePerGasWei + valueWei);
    const intent = { chainId: endpoints.chainId, nonce, to, data, valueWei, gas };
    const attempt = await signed(account, intent, fees);
    return {
      ...intent,
      account: this.address,
      key,
      what,
      attempts: [attempt],
      state: 'pending',
      mined: null,
      createdAtMs: nowMs(),
      attemptedAtMs: nowMs(),
    };
  }

  /** Sends an intent again, or a dearer form of it when it is stuck: only the first can be, the others wait for it. */
  async #press(intent: Intent, first: boolean): Promise<void> {
    const { nowMs, store, account, replaceAfterMs = REPLACE_AFTER_MS } = this.#options;
    const waitedMs = nowMs() - intent.attemptedAtMs;
    const last = intent.attempts.at(-1)!;
    let blocked: AssayError | null = null;
    if (first && waitedMs >= replaceAfterMs) {
      const market = await this.#market();
      const fees = {
        priorityFeePerGasWei: most(bumped(last.priorityFeePerGasWei), least(market.tip, market.cap)),
        maxFeePerGasWei: most(bumped(last.maxFeePerGasWei), least(2n * market.base + market.tip, market.cap)),
      };
      if (fees.maxFeePerGasWei <= market.cap && intent.attempts.length < MAX_ATTEMPTS) {
        intent.attempts.push(await signed(account, intent, fees));
        intent.attemptedAtMs = nowMs();
        store.update(intent);
      } else if (last.maxFeePerGasWei < market.needed) blocked = this.#feeAboveCap(intent.what, market);
    }
    const newest = intent.attempts.at(-1)!;
    const sentAtMs = this.#sentAtMs.get(newest.hash) ?? Number.NEGATIVE_INFINITY;
    // Looked at from both sides, because clocks are set back too.
    if (Math.abs(nowMs() - sentAtMs) >= SEND_AGAIN_MS) await this.#send(intent);
    if (blocked) throw blocked;
  }

  /** @throws ACCOUNT_EMPTY, TRANSACTION_REFUSED, CHAIN_UNAVAILABLE; the intent stays as it is. */
  async #send({ attempts, what, gas, valueWei }: Intent): Promise<void> {
    const { endpoints, nowMs } = this.#options;
    const { raw, hash, maxFeePerGasWei } = attempts.at(-1)!;
    try {
      await endpoints.ask((client) => client.sendRawTransaction({ serializedTransaction: raw }));
    } catch (error) {
      if (error instanceof AssayError) throw error;
      const words = error instanceof BaseError ? error.message : '';
      // The pool has it, has a dearer form of it, or a block just took it: the next look tells.
      if (!/already|known|nonce.{0,20}(too )?low|underpriced|fee cap|base fee/i.test(words)) {
        if (/insufficient funds/i.test(words))
          await this.#checkBalance(what, gas * maxFeePerGasWei + valueWei);
        throw this.#refused(what, error);
      }
    }
    if (this.#sentAtMs.size > 1_000) this.#sentAtMs.clear();
    this.#sentAtMs.set(hash, nowMs());
  }

  /** A reorganisation takes the newest blocks: looks from the newest backwards until one stands. */
  async #noteUndone(open: Intent[]): Promise<void> {
    const { store } = this.#options;
    for (const intent of open.toReversed()) {
      if (!intent.mined) continue;
      if ((await this.#blockHash(intent.mined.blockNumber)) === intent.mined.blockHash) return;
      intent.state = 'pending';
      intent.mined = null;
      store.update(intent);
      for (const { hash } of intent.attempts) this.#sentAtMs.delete(hash);
    }
  }

  /** The account's nonce has passed the intent's: finds which of its forms did it. */
  async #noteMined(intent: Intent, finalBlock: number): Promise<void> {
    const { store, endpoints } = this.#options;
    for (const { hash } of intent.attempts.toReversed()) {
      const receipt = await endpoints.ask((client) =>
        client.getTransactionReceipt({ hash }).catch((error) => {
          if (error instanceof TransactionReceiptNotFoundError) return null;
          throw error;
        }),
      );
      if (!receipt) continue;
      intent.state = 'mined';
      intent.mined = {
        blockNumber: Number(receipt.blockNumber),
        blockHash: receipt.blockHash,
        hash,
        gasUsed: receipt.gasUsed,
        success: receipt.status === 'success',
      };
      store.update(intent);
      return;
    }
    // An endpoint may know the count before the receipt, and a reorganisation may still give the nonce back.
    const final = await this.#minedCount(finalBlock).catch(() => 0);
    if (final <= intent.nonce) return;
    intent.state = 'superseded';
    store.update(intent);
    throw this.#nonceTaken(intent);
  }

  #minedCount(block?: number): Promise<number> {
    return this.#options.endpoints.ask((client) =>
      client.getTransactionCount({
        address: this.address,
        ...(block === undefined ? { blockTag: 'latest' } : { blockNumber: BigInt(block) }),
      }),
    );
  }

  /** Null when the chain has no such block. */
  async #blockHash(blockNumber: number): Promise<Hex | null> {
    return blockHashAt(this.#options.endpoints, blockNumber);
  }

  /** A chain id with another first block is another chain. Only a development chain may start anew. */
  async #checkGenesis(): Promise<void> {
    const { store, endpoints, developmentChain } = this.#options;
    const hash = await this.#blockHash(0);
    if (!hash || store.genesis(endpoints.chainId, hash) === hash) return;
    if (!developmentChain) {
      throw new AssayError(
        'CHAIN_WRONG',
        `the endpoint serves another chain of the id ${endpoints.chainId}: its first block is ${hash}`,
        { next: 'check the endpoint' },
      );
    }
    store.reset(endpoints.chainId, hash);
  }

  /** A development chain that died forgets its last seconds, even what was final. */
  async #checkForgotten(): Promise<void> {
    const { store, endpoints, developmentChain } = this.#options;
    const next = store.nextNonce(endpoints.chainId, this.address);
    const first = this.open()[0]?.nonce ?? next;
    if (!developmentChain || first === 0) return;
    const mined = await this.#minedCount();
    if (mined < first) store.forget(endpoints.chainId, this.address, mined);
  }

  async #estimate({ what, to, data, valueWei = 0n }: Call): Promise<bigint> {
    const { endpoints } = this.#options;
    try {
      const gas = await endpoints.ask((client) =>
        client.estimateGas({ account: this.address, to, data, value: valueWei }),
      );
      // Storage that is new when the estimate is made may be in use when the transaction runs, and the reverse.
      return (gas * 5n) / 4n;
    } catch (error) {
      throw error instanceof AssayError ? error : this.#refused(what, error);
    }
  }

  /** What the chain asks for a unit of gas now. */
  async #market(): Promise<Market> {
    const { endpoints, maxFeePerGasWei: cap = DEFAULT_MAX_FEE_PER_GAS_WEI } = this.#options;
    return endpoints.ask(async (client) => {
      const { baseFeePerGas } = await client.getBlock({ blockTag: 'latest' });
      const tip = await client.estimateMaxPriorityFeePerGas().catch(() => DEFAULT_PRIORITY_FEE_WEI);
      const base = baseFeePerGas ?? 0n;
      return { base, tip, needed: base + tip, cap };
    });
  }

  async #checkBalance(what: string, needed: bigint): Promise<void> {
    const { endpoints } = this.#options;
    const balance = await endpoints.ask((client) => client.getBalance({ address: this.address }));
    if (balance >= needed) return;
    throw new AssayError(
      'ACCOUNT_EMPTY',
      `${this.address} has ${formatEther(balance)} of chain ${endpoints.chainId}'s coin and needs ${formatEther(needed)} ${what}`,
      {
        next: `send at least ${formatEther(needed - balance)} to ${this.address}; it goes on by itself`,
        detail: { address: this.address, balanceWei: `${balance}`, neededWei: `${needed}` },
      },
    );
  }

  #feeAboveCap(what: string, { needed, cap }: Market): AssayError {
    return new AssayError(
      'FEE_ABOVE_CAP',
      `chain ${this.#options.endpoints.chainId} asks ${formatGwei(needed)} gwei a unit of gas, the cap is ${formatGwei(cap)}: the transaction ${what} waits`,
      {
        next: 'wait until the fee falls, or raise the cap',
        detail: { neededWei: `${needed}`, capWei: `${cap}` },
      },
    );
  }

  #refused(what: string, error: unknown): AssayError {
    return new AssayError(
      'TRANSACTION_REFUSED',
      `the chain refuses the transaction ${what}: ${inWords(error)}`,
      {
        next: 'the reason says what has to change first',
      },
    );
  }

  #nonceTaken({ nonce, what }: Intent): AssayError {
    return new AssayError(
      'NONCE_TAKEN',
      `somebody else sent transaction ${nonce} of ${this.address}; the one ${what} can no longer happen`,
      { next: 'let nothing else send with this account; if nothing does, its key was stolen' },
    );
  }
}

interface Market {
  base: bigint;
  tip: bigint;
  needed: bigint;
  cap: bigint;
}

/** Hash of the block at a height; null when the chain has none there. */
export function blockHashAt(endpoints: ChainEndpoints, blockNumber: number): Promise<Hex | null> {
  return endpoints.ask((client) => rawBlockHash(client, blockNumber));
}

/** The same from one endpoint. */
export async function rawBlockHash(
  client: { request: (args: never) => Promise<unknown> },
  block: number | 'finalized',
): Promise<Hex | null> {
  const tag = typeof block === 'number' ? `0x${block.toString(16)}` : block;
  const answer = (await client.request({
    method: 'eth_getBlockByNumber',
    params: [tag, false],
  } as never)) as { hash: Hex } | null;
  return answer?.hash ?? null;
}

async function signed(
  account: LocalAccount,
  {
    chainId,
    nonce,
    to,
    data,
    valueWei,
    gas,
  }: Pick<Intent, 'chainId' | 'nonce' | 'to' | 'data' | 'valueWei' | 'gas'>,
  fees: Pick<Attempt, 'maxFeePerGasWei' | 'priorityFeePerGasWei'>,
): Promise<Attempt> {
  const raw = await account.signTransaction({
    type: 'eip1559',
    chainId,
    nonce,
    to,
    data,
    value: valueWei,
    gas,
    maxFeePerGas: fees.maxFeePerGasWei,
    maxPriorityFeePerGas: fees.priorityFeePerGasWei,
  });
  return { hash: keccak256(raw), raw, ...fees };
}

function succeeded({ state, mined }: Intent): boolean {
  return (state === 'mined' || state === 'final') && mined !== null && mined.success;
}

/** Pools take a replacement that pays an eighth more, in both fees. */
function bumped(fee: bigint): bigint {
  return (fee * 9n + 7n) / 8n + 1n;
}

function least(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

function most(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
