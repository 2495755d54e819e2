import { AssayError, MAX_ENTRY_BYTES, type NoteSigner } from '@assay/core';
import type { CheckpointStore } from './checkpoint-store.ts';
import { bufferOn, HASH_BYTES, leafHashes } from './hashing.ts';
import { RecentLeaves } from './recent-leaves.ts';
import { applyTiles, type Recovered } from './recovery.ts';
import { type SignedCheckpoint, signCheckpoint } from './signed-checkpoint.ts';
import { storageFull } from './storage-full.ts';
import type { TileStore } from './tile-store.ts';
import { type Batch, batchOf, type Edge, grow, rootOfEdge } from './tree.ts';
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
  /** The same bytes among this many of the latest entries surely get the index they already have. */
  dedupeWindow: number;
}

/** Entries that came in together, until all of them are committed. */
interface Request {
  /** Where each of them will stand, if no batch before them fails. */
  indices: number[];
  /** The size that covers them. */
  size: number;
  readonly committed: PromiseWithResolvers<number[]>;
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
  readonly #onCommitted: (checkpoint: SignedCheckpoint) => void;
  readonly #onApplied: (checkpoint: SignedCheckpoint) => void;
  readonly #onStopped: (error: AssayError) => void;

  #edge: Edge;
  #committed: SignedCheckpoint | null;
  #appliedSize: number;
  readonly fullTiles = new Map<string, Uint8Array>();

  /** Entries that wait; the first of them will stand at the edge's size, or after the batch in sequence. */
  readonly #pool: Uint8Array[] = [];
  #pooledBytes = 0;
  #pooledSinceMs = 0;
  /** Leaves of the log's latest entries, then of those in sequence, then of the pool. */
  readonly #leaves: RecentLeaves;
  #requests: Request[] = [];

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
    /** Packed hashes of the latest entries, oldest first, which end at the recovered size. */
    recentLeaves: Uint8Array;
    nowMs: () => number;
    onCommitted: (checkpoint: SignedCheckpoint) => void;
    onApplied: (checkpoint: SignedCheckpoint) => void;
    onStopped: (error: AssayError) => void;
  }) {
    this.#log = options.log;
    this.#limits = options.limits;
    this.#nowMs = options.nowMs;
    this.#onCommitted = options.onCommitted;
    this.#onApplied = options.onApplied;
    this.#onStopped = options.onStopped;
    this.#edge = options.recovered.edge;
    this.#committed = options.recovered.committed;
    this.#appliedSize = this.#edge.size;
    const { recentLeaves } = options;
    const firstIndex = this.#edge.size - recentLeaves.length / HASH_BYTES;
    this.#leaves = new RecentLeaves(firstIndex);
    const hashes = bufferOn(recentLeaves);
    for (let at = 0; at < hashes.length; at += HASH_BYTES) this.#leaves.push(hashes, at);
  }

  get edge(): Edge {
    return this.#edge;
  }

  get committed(): SignedCheckpoint | null {
    return this.#committed;
  }

  async append(entries: readonly Uint8Array[]): Promise<number[]> {
    if (this.#closing || this.#failure) throw this.#failure ?? closed();
    const tooLong = entries.find((entry) => entry.length > MAX_ENTRY_BYTES);
    if (tooLong) throw tooLarge(tooLong.length);
    const hashes = bufferOn(leafHashes(entries));
    this.#refuseOverflow(entries, hashes);

    let size = 0;
    const indices = entries.map((entry, i) => {
      const known = this.#leaves.find(hashes, i * HASH_BYTES);
      const index = known < 0 ? this.#enter(entry, hashes, i * HASH_BYTES) : known;
      size = Math.max(size, index + 1);
      return index;
    });
    if (size <= this.#edge.size) return indices;
    const request = { indices, size, committed: Promise.withResolvers<number[]>() };
    this.#requests.push(request);
    this.#sequencing ??= this.#run();
    if (this.#pool.length >= this.#limits.maxBatchEntries) this.#signal();
    return request.committed.promise;
  }

  /** Sequences what is pooled, gives the tiles one more try, then stops. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#signal();
    await this.#sequencing;
    await this.#applying;
  }

  #refuseOverflow(entries: readonly Uint8Array[], hashes: Buffer): void {
    const { maxPooledEntries, maxPooledBytes } = this.#limits;
    const total = (items: readonly Uint8Array[]) => items.reduce((bytes, { length }) => bytes + length, 0);
    const fits = (count: number, bytes: number) =>
      this.#pool.length + count <= maxPooledEntries && this.#pooledBytes + bytes <= maxPooledBytes;
    if (fits(entries.length, total(entries))) return;
    const fresh = entries.filter((_, i) => this.#leaves.find(hashes, i * HASH_BYTES) < 0);
    if (fits(fresh.length, total(fresh))) return;
    throw new AssayError(
      'LEDGER_BUSY',
      `expected at most ${maxPooledEntries} entries or ${maxPooledBytes} bytes to wait, got ` +
        `${this.#pool.length + fresh.length} entries, ${this.#pooledBytes + total(fresh)} bytes`,
      {
        cause: this.#storageError ?? undefined,
        detail: { retryAfterMs: RETRY_AFTER_MS },
        next: this.#storageError
          ? 'look at the disk: tiles cannot be stored; what was acknowledged is safe'
          : 'send fewer entries at a time and retry shortly',
      },
    );
  }

  #enter(entry: Uint8Array, hashes: Buffer, offset: number): number {
    if (this.#pool.length === 0) this.#pooledSinceMs = this.#nowMs();
    this.#pool.push(entry);
    this.#pooledBytes += entry.length;
    return this.#leaves.push(hashes, offset);
  }

  async #run(): Promise<void> {
    while (this.#pool.length > 0) {
      await this.#companyOrTime();
      await this.#roomForTiles();
      if (this.#failure) break;
      const full = this.#hasRoom() ? null : storageFull(this.#storageError);
      if (full) this.#refuseAll(full);
      else await this.#sequence(this.#takeBatch());
    }
    this.#refuseAll(this.#failure ?? closed());
    this.#sequencing = null;
  }

  #refuseAll(error: AssayError): void {
    for (const { committed } of this.#requests.splice(0)) committed.reject(error);
    this.#pool.length = 0;
    this.#pooledBytes = 0;
    this.#leaves.remove(this.#edge.size, this.#leaves.next);
  }

  #takeBatch(): Batch {
    const { size } = this.#edge;
    const entries = this.#pool.splice(0, this.#limits.maxBatchEntries);
    for (const { length } of entries) this.#pooledBytes -= length;
    return batchOf(entries, this.#leaves.slice(size, size + entries.length));
  }

  async #sequence(batch: Batch): Promise<void> {
    const before = this.#edge;
    const { edge, full } = grow(before, batch);
    try {
      const next = await signCheckpoint(
        { origin: this.#log.origin, size: edge.size, root: rootOfEdge(edge) },
        this.#log.signer,
      );
      await this.#commit(next, { fromSize: before.size, toSize: edge.size, entries: batch.encoded });
      this.#committed = next;
      this.#onCommitted(next);
    } catch (error) {
      this.#refuse(before.size, edge.size, error);
      return;
    }
    this.#edge = edge;
    for (const [path, bytes] of full) this.fullTiles.set(path, bytes);
    this.#acknowledge();
    this.#applying ??= this.#applyAll();
  }

  #acknowledge(): void {
    const { size } = this.#edge;
    this.#leaves.keepFrom(size - this.#limits.dedupeWindow);
    this.#requests = this.#requests.filter((request) => {
      if (request.size > size) return true;
      request.committed.resolve(request.indices);
      return false;
    });
  }

  /** Rejects every request that has entries of a batch which failed; what waits behind it moves down. */
  #refuse(from: number, to: number, error: unknown): void {
    this.#leaves.remove(from, to);
    this.#requests = this.#requests.filter((request) => {
      if (request.indices.some((index) => index >= from && index < to)) {
        request.committed.reject(error);
        return false;
      }
      request.indices = request.indices.map((index) => (index < from ? index : index - (to - from)));
      request.size -= to - from;
      return true;
    });
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
    const full = storageFull(failure);
    if (full) throw full;
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
        this.#signal();
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
      if (leftMs <= 0 || this.#pool.length >= maxBatchEntries || this.#closing) return;
      await this.#pause(leftMs);
    }
  }

  #hasRoom(): boolean {
    return this.#edge.size - this.#appliedSize <= this.#limits.maxUnappliedEntries;
  }

  /** Waits for the tile store to catch up; not for a disk on which there is no space. */
  async #roomForTiles(): Promise<void> {
    while (!this.#hasRoom() && !this.#failure && !storageFull(this.#storageError)) {
      if (this.#closing && !this.#applying) return;
      await this.#wake.promise;
    }
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
