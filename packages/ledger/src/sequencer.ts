import { AssayError, encodeEntries, MAX_ENTRY_BYTES, type NoteSigner } from '@assay/core';
import type { CheckpointStore } from './checkpoint-store.ts';
import { leafHash } from './hashing.ts';
import { applyTiles, type Recovered } from './recovery.ts';
import { type SignedCheckpoint, signCheckpoint } from './signed-checkpoint.ts';
import type { TileStore } from './tile-store.ts';
import { type Edge, grow, type Leaf, rootOfEdge } from './tree.ts';
import type { Unstored } from './tree-reader.ts';

/** Bounds of a sequencer. */
export interface SequencerLimits {
  /** How long an entry waits for company before it is sequenced, so that neighbours share one checkpoint. */
  poolForMs: number;
  /** Entries of one checkpoint; a full batch does not wait. */
  maxBatchEntries: number;
  /** Entries and bytes that may wait to be sequenced. */
  maxPooledEntries: number;
  maxPooledBytes: number;
  /** Committed entries whose tiles may still be on their way to the store. */
  maxUnappliedEntries: number;
  /** The same bytes among this many of the latest entries get the index they already have; at least 1. */
  dedupeWindow: number;
}

interface Pooled extends Leaf {
  readonly key: string;
  readonly index: PromiseWithResolvers<number>;
}

const RETRY_AFTER_MS = 250;
const FIRST_BACKOFF_MS = 50;
const MAX_BACKOFF_MS = 5_000;

/**
 * Gives entries their place. One at a time: take a batch → grow the tree → sign → swap the lock, with the
 * entries staged in the same transaction (the commit point) → acknowledge → apply the tiles.
 *
 * Tiles are applied behind the commit, for several checkpoints at once when the disk is slow: the staged
 * entries make an acknowledged entry durable, and only checkpoints whose tiles are stored leave the process.
 */
export class Sequencer implements Unstored {
  readonly #log: { origin: string; signer: NoteSigner; tiles: TileStore; checkpoints: CheckpointStore };
  readonly #limits: SequencerLimits;
  readonly #nowMs: () => number;
  readonly #onApplied: (checkpoint: SignedCheckpoint) => void;
  readonly #onStopped: (error: AssayError) => void;

  #edge: Edge;
  #committed: SignedCheckpoint | null;
  #appliedSize: number;
  readonly fullTiles = new Map<string, Uint8Array>();

  readonly #pool: Pooled[] = [];
  #pooledBytes = 0;
  #pooledSinceMs = 0;
  readonly #inPool = new Map<string, Pooled>();
  readonly #recent = new Map<string, number>();
  readonly #recentKeys: string[] = [];

  #sequencing: Promise<void> | null = null;
  #applying: Promise<void> | null = null;
  #wake = Promise.withResolvers<void>();
  #closing = false;
  #failure: AssayError | null = null;
  /** The latest failure of the tile store, while it lasts. */
  #storageError: unknown = null;

  constructor(options: {
    log: { origin: string; signer: NoteSigner; tiles: TileStore; checkpoints: CheckpointStore };
    limits: SequencerLimits;
    recovered: Recovered;
    /** Hashes of the latest entries, oldest first, which end at the recovered size. */
    recentLeaves: readonly Uint8Array[];
    nowMs: () => number;
    onApplied: (checkpoint: SignedCheckpoint) => void;
    onStopped: (error: AssayError) => void;
  }) {
    this.#log = options.log;
    this.#limits = options.limits;
    this.#nowMs = options.nowMs;
    this.#onApplied = options.onApplied;
    this.#onStopped = options.onStopped;
    this.#edge = options.recovered.edge;
    this.#committed = options.recovered.committed;
    this.#appliedSize = this.#edge.size;
    const firstIndex = this.#edge.size - options.recentLeaves.length;
    for (const [i, hash] of options.recentLeaves.entries()) this.#remember(keyOf(hash), firstIndex + i);
  }

  get edge(): Edge {
    return this.#edge;
  }

  get committed(): SignedCheckpoint | null {
    return this.#committed;
  }

  async append(entries: readonly Uint8Array[]): Promise<number[]> {
    if (this.#closing || this.#failure) throw this.#failure ?? closed();
    const leaves = entries.map((entry) => {
      if (entry.length > MAX_ENTRY_BYTES) throw tooLarge(entry.length);
      const hash = leafHash(entry);
      return { entry, hash, key: keyOf(hash) };
    });
    this.#refuseOverflow(leaves);
    const indices = leaves.map((leaf) => this.#recent.get(leaf.key) ?? this.#enter(leaf).index.promise);
    if (this.#pool.length > 0) this.#sequencing ??= this.#run();
    if (this.#pool.length >= this.#limits.maxBatchEntries) this.#signal();
    return Promise.all(indices);
  }

  /** Sequences what is pooled, gives the tiles one more try, then stops. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#signal();
    await this.#sequencing;
    await this.#applying;
  }

  #refuseOverflow(leaves: readonly { entry: Uint8Array; key: string }[]): void {
    const fresh = leaves.filter(({ key }) => !this.#recent.has(key) && !this.#inPool.has(key));
    const bytes = fresh.reduce((total, { entry }) => total + entry.length, 0);
    const { maxPooledEntries, maxPooledBytes } = this.#limits;
    if (this.#pool.length + fresh.length <= maxPooledEntries && this.#pooledBytes + bytes <= maxPooledBytes)
      return;
    throw new AssayError(
      'LEDGER_BUSY',
      `expected at most ${maxPooledEntries} entries or ${maxPooledBytes} bytes to wait, got ` +
        `${this.#pool.length + fresh.length} entries, ${this.#pooledBytes + bytes} bytes`,
      {
        cause: this.#storageError ?? undefined,
        detail: { retryAfterMs: RETRY_AFTER_MS },
        next: this.#storageError
          ? 'look at the disk: tiles cannot be stored; what was acknowledged is safe'
          : 'send fewer entries at a time and retry shortly',
      },
    );
  }

  #enter(leaf: Leaf & { key: string }): Pooled {
    const waiting = this.#inPool.get(leaf.key);
    if (waiting) return waiting;
    if (this.#pool.length === 0) this.#pooledSinceMs = this.#nowMs();
    const pooled = { ...leaf, index: Promise.withResolvers<number>() };
    this.#pool.push(pooled);
    this.#inPool.set(leaf.key, pooled);
    this.#pooledBytes += leaf.entry.length;
    return pooled;
  }

  async #run(): Promise<void> {
    while (this.#pool.length > 0) {
      await this.#companyOrTime();
      await this.#roomForTiles();
      if (this.#failure) break;
      const batch = this.#pool.splice(0, this.#limits.maxBatchEntries);
      try {
        await this.#sequence(batch);
      } catch (error) {
        for (const { index } of batch) index.reject(error);
      }
      for (const { key, entry } of batch) {
        this.#inPool.delete(key);
        this.#pooledBytes -= entry.length;
      }
    }
    for (const { index } of this.#pool.splice(0)) index.reject(this.#failure ?? closed());
    this.#sequencing = null;
  }

  async #sequence(batch: readonly Pooled[]): Promise<void> {
    const before = this.#edge;
    const { edge, full } = grow(before, batch);
    const next = await signCheckpoint(
      { origin: this.#log.origin, size: edge.size, root: rootOfEdge(edge) },
      this.#log.signer,
    );
    await this.#commit(next, {
      fromSize: before.size,
      toSize: edge.size,
      entries: encodeEntries(batch.map(({ entry }) => entry)),
    });
    this.#edge = edge;
    this.#committed = next;
    for (const [path, bytes] of full) this.fullTiles.set(path, bytes);
    for (const [i, { key, index }] of batch.entries()) {
      this.#remember(key, before.size + i);
      index.resolve(before.size + i);
    }
    this.#applying ??= this.#applyAll();
  }

  async #commit(
    next: SignedCheckpoint,
    staged: Parameters<CheckpointStore['compareAndSwap']>[2],
  ): Promise<void> {
    const { checkpoints } = this.#log;
    const expected = this.#committed?.note ?? null;
    let failure: unknown;
    try {
      if (await checkpoints.compareAndSwap(expected, next.note, staged)) return;
      throw this.#stop(overtaken());
    } catch (error) {
      if (this.#failure) throw error;
      failure = error;
    }
    // The swap may have reached the disk before it failed: only the store knows.
    const stored = await checkpoints.load().catch((cause) => {
      throw this.#stop(lockUnreadable(cause));
    });
    if (stored.note === next.note) return;
    if (stored.note !== expected) throw this.#stop(overtaken());
    throw new AssayError(
      'STORAGE_FAILED',
      `the entries could not be committed: ${(failure as Error).message}`,
      {
        cause: failure,
        next: 'free disk space or repair the store, then submit the entries again; none of them was acknowledged',
      },
    );
  }

  async #applyAll(): Promise<void> {
    for (let failures = 0; this.#appliedSize < this.#edge.size && !this.#failure; ) {
      try {
        await this.#applyLatest();
        failures = 0;
        this.#storageError = null;
      } catch (error) {
        if (error instanceof AssayError && error.code === 'TILE_CONFLICT') {
          this.#stop(error);
          break;
        }
        this.#storageError = error;
        // What is staged is applied when the log is opened again.
        if (this.#closing) break;
        await this.#pause(Math.min(FIRST_BACKOFF_MS * 2 ** failures++, MAX_BACKOFF_MS));
      }
    }
    this.#applying = null;
    this.#signal();
  }

  async #applyLatest(): Promise<void> {
    const { tiles, checkpoints } = this.#log;
    const edge = this.#edge;
    const checkpoint = this.#committed!;
    const fullTiles = new Map(this.fullTiles);
    await applyTiles(tiles, this.#appliedSize, edge, fullTiles);
    for (const path of fullTiles.keys()) this.fullTiles.delete(path);
    this.#appliedSize = edge.size;
    await checkpoints.dropStaged(edge.size);
    this.#onApplied(checkpoint);
    this.#signal();
  }

  async #companyOrTime(): Promise<void> {
    const { poolForMs, maxBatchEntries } = this.#limits;
    for (;;) {
      const leftMs = this.#pooledSinceMs + poolForMs - this.#nowMs();
      // A clock that was set back must not hold entries for longer than the pool time.
      if (leftMs <= 0 || leftMs > poolForMs || this.#pool.length >= maxBatchEntries || this.#closing) return;
      await this.#pause(leftMs);
    }
  }

  async #roomForTiles(): Promise<void> {
    while (this.#edge.size - this.#appliedSize > this.#limits.maxUnappliedEntries && !this.#failure) {
      if (this.#closing && !this.#applying) return;
      await this.#wake.promise;
    }
  }

  #remember(key: string, index: number): void {
    // A ring of keys: a Map asked for its oldest key again and again scans ever more empty places.
    const { dedupeWindow } = this.#limits;
    const place = index % dedupeWindow;
    const forgotten = this.#recentKeys[place];
    if (forgotten !== undefined && this.#recent.get(forgotten) === index - dedupeWindow)
      this.#recent.delete(forgotten);
    this.#recentKeys[place] = key;
    this.#recent.set(key, index);
  }

  #stop(failure: AssayError): AssayError {
    if (!this.#failure) {
      this.#failure = failure;
      this.#onStopped(failure);
    }
    this.#signal();
    return failure;
  }

  /** Waits for a time or a signal, whichever comes first. */
  async #pause(ms: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const time = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, ms);
    });
    await Promise.race([time, this.#wake.promise]);
    clearTimeout(timer);
  }

  #signal(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers<void>();
  }
}

/** A leaf hash as a map key: one character a byte. */
function keyOf(hash: Uint8Array): string {
  return Buffer.from(hash.buffer, hash.byteOffset, hash.length).toString('latin1');
}

function tooLarge(length: number): AssayError {
  return new AssayError(
    'ENTRY_TOO_LARGE',
    `expected an entry of at most ${MAX_ENTRY_BYTES} bytes, got ${length}`,
    {
      next: 'split the batch, or keep the content outside the ledger and log its digest',
    },
  );
}

function overtaken(): AssayError {
  return new AssayError('LEDGER_STOPPED', 'another sequencer has advanced this log; this one has stopped', {
    next: 'run one sequencer for a log; restart this one to take over',
  });
}

function lockUnreadable(cause: unknown): AssayError {
  return new AssayError(
    'LEDGER_STOPPED',
    'a commit failed and the lock cannot be read, so its outcome is unknown',
    {
      cause,
      next: 'repair the checkpoint store and restart; what was acknowledged is safe',
    },
  );
}

function closed(): AssayError {
  return new AssayError('LEDGER_STOPPED', 'the ledger is closed', { next: 'open it again' });
}
