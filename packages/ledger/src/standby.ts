import { setTimeout as sleep } from 'node:timers/promises';
import { AssayError, fromUtf8 } from '@assay/core';
import type { CheckpointStore } from './checkpoint-store.ts';
import { type Ledger, type LedgerOptions, openLedger } from './ledger.ts';
import type { TileStore } from './tile-store.ts';

const DEFAULT_LEASE_MS = 5_000;
/** A holder renews this often within one lease, so that a slow answer or two do not cost it the lease. */
const RENEWALS_PER_LEASE = 3;

/** How to open a log that several processes stand ready to write. */
export interface StandbyOptions extends Omit<LedgerOptions, 'tiles'> {
  /** Opens the tile store. Called when it is this process's turn: some stores are one writer's at a time. */
  tiles: () => TileStore | Promise<TileStore>;
  /** Names this process and no other, such as `${hostname()}/${process.pid}`. */
  holder: string;
  /** How long a dead sequencer keeps the others waiting, at most. */
  leaseForMs?: number;
  /** Ends the waiting. */
  signal?: AbortSignal;
}

/**
 * Waits until no other process sequences this log, then opens it as {@link openLedger} does and keeps its turn:
 * the lease is renewed until the ledger is closed. Who dies is followed within `leaseForMs` and a moment.
 *
 * A process that finds its turn over, because it was paused or cut off for longer than the lease, commits
 * and publishes nothing more: the ledger stops, and `onStopped` hears why. That saves readers and the other
 * sequencer trouble; that the log cannot fork is the work of the swap, with or without a lease.
 *
 * @throws what {@link openLedger} throws; what the checkpoint store throws at the first request for the lease;
 * the signal's reason
 * @example
 * for (;;) {
 *   const stopped = Promise.withResolvers<AssayError>();
 *   const ledger = await openLedgerWhenFree({
 *     ...options,
 *     tiles: () => directoryTileStore(folder),
 *     holder: `${hostname()}/${process.pid}`,
 *     onStopped: stopped.resolve,
 *   });
 *   serve(ledger);
 *   await stopped.promise;
 *   await ledger.close();
 * }
 */
export async function openLedgerWhenFree(options: StandbyOptions): Promise<Ledger> {
  const { checkpoints } = options;
  for (;;) {
    const turn = await Turn.begin(options);
    let before: string | null | undefined;
    try {
      before = (await checkpoints.load()).note;
      return await openInTurn(options, turn);
    } catch (error) {
      const lost = !turn.kept;
      await turn.end();
      // The last commit of the one before us may have fallen between our reading the lock and the tiles.
      if (!lost && (await checkpoints.load()).note === before) throw error;
    }
  }
}

async function openInTurn(options: StandbyOptions, turn: Turn): Promise<Ledger> {
  const { onStopped } = options;
  let told = false;
  const stop = (error: AssayError) => {
    void turn.end();
    if (!told) onStopped?.(error);
    told = true;
  };
  const tiles = new TilesInTurn(await options.tiles(), turn);
  const checkpoints = checkpointsInTurn(options.checkpoints, turn);
  const ledger = await openLedger({ ...options, tiles, checkpoints, onStopped: stop });
  if (!turn.kept) {
    await ledger.close();
    throw turnIsOver();
  }
  tiles.published ??= ledger.published()?.note ?? null;

  const close = ledger.close.bind(ledger);
  turn.onRenewed = () => tiles.restoreCheckpoint();
  turn.onLost = () => {
    stop(turnIsOver());
    void close();
  };
  return Object.assign(ledger, {
    async close() {
      told = true;
      await close();
      await turn.end();
    },
  });
}

interface LeaseOptions {
  checkpoints: CheckpointStore;
  holder: string;
  forMs: number;
  nowMs: () => number;
}

/** The time between taking the lease and losing it or giving it up. */
class Turn {
  readonly #lease: LeaseOptions;
  readonly #over = new AbortController();
  /** A time at which the lease was surely ours. */
  #heldAtMs: number;
  #renewing: Promise<boolean> | null = null;
  #ending: Promise<void> | null = null;
  onRenewed: () => Promise<void> = async () => {};
  onLost: () => void = () => {};

  private constructor(lease: LeaseOptions, heldAtMs: number) {
    this.#lease = lease;
    this.#heldAtMs = heldAtMs;
    void this.#keep();
  }

  static async begin(options: StandbyOptions): Promise<Turn> {
    const { checkpoints, holder, leaseForMs: forMs = DEFAULT_LEASE_MS, signal } = options;
    const nowMs = options.nowMs ?? (() => performance.now());
    signal?.throwIfAborted();
    let askedAtMs = nowMs();
    let lease = await checkpoints.holdLease(holder, forMs);
    while (!lease.held) {
      // Whoever is ready to close gives the lease up early, so it is worth asking before its time.
      const waitMs = Math.min(lease.expiresInMs + 1, forMs / RENEWALS_PER_LEASE);
      await sleep(waitMs, undefined, signal && { signal }).catch(() => {});
      signal?.throwIfAborted();
      askedAtMs = nowMs();
      // A standby outlives a restart of the database.
      lease = await checkpoints.holdLease(holder, forMs).catch(() => lease);
    }
    return new Turn({ checkpoints, holder, forMs, nowMs }, askedAtMs);
  }

  /** False once the lease is known to be lost or given up. */
  get kept(): boolean {
    return !this.#over.signal.aborted;
  }

  /** Whether it is still our turn: as far as this process knows by its clock, else as the store says. */
  async isKept(): Promise<boolean> {
    const sinceMs = this.#lease.nowMs() - this.#heldAtMs;
    if (this.kept && sinceMs >= 0 && sinceMs < this.#lease.forMs) return true;
    return this.kept && this.#renew();
  }

  /** Gives the lease up. */
  end(): Promise<void> {
    this.#over.abort();
    const { checkpoints, holder } = this.#lease;
    // A renewal on its way would take the lease again. Where the store cannot be reached it ends by itself.
    const released = Promise.resolve(this.#renewing).catch(() => {});
    this.#ending ??= released.then(() => checkpoints.releaseLease(holder)).catch(() => {});
    return this.#ending;
  }

  #renew(): Promise<boolean> {
    this.#renewing ??= this.#ask().finally(() => {
      this.#renewing = null;
    });
    return this.#renewing;
  }

  async #ask(): Promise<boolean> {
    const { checkpoints, holder, forMs, nowMs } = this.#lease;
    const askedAtMs = nowMs();
    const { held } = await checkpoints.holdLease(holder, forMs);
    if (held) this.#heldAtMs = askedAtMs;
    if (!held && this.kept) {
      this.#over.abort();
      this.onLost();
    }
    return held && this.kept;
  }

  async #keep(): Promise<void> {
    const { signal } = this.#over;
    while (this.kept) {
      await sleep(this.#lease.forMs / RENEWALS_PER_LEASE, undefined, { signal, ref: false }).catch(() => {});
      try {
        // Nobody can take over while the store is away: then ask again.
        if (this.kept && (await this.#renew())) await this.onRenewed();
      } catch {}
    }
  }
}

/** A lock that is swapped only while it is our turn. */
function checkpointsInTurn(checkpoints: CheckpointStore, turn: Turn): CheckpointStore {
  return {
    load: () => checkpoints.load(),
    compareAndSwap: async (expected, next, staged) =>
      (await turn.isKept()) && checkpoints.compareAndSwap(expected, next, staged),
    dropStaged: (toSize) => checkpoints.dropStaged(toSize),
    holdLease: (holder, forMs) => checkpoints.holdLease(holder, forMs),
    releaseLease: (holder) => checkpoints.releaseLease(holder),
  };
}

/** A tile store whose public checkpoint is replaced only while it is our turn. Tiles may come late: they are the same. */
class TilesInTurn implements TileStore {
  readonly #tiles: TileStore;
  readonly #turn: Turn;
  #writing: Promise<void> = Promise.resolve();
  /** What readers should see. */
  published: string | null = null;

  constructor(tiles: TileStore, turn: Turn) {
    this.#tiles = tiles;
    this.#turn = turn;
  }

  get(path: string) {
    return this.#tiles.get(path);
  }
  put(tiles: ReadonlyMap<string, Uint8Array>) {
    return this.#tiles.put(tiles);
  }
  partials(path: string) {
    return this.#tiles.partials(path);
  }
  dropPartials(path: string) {
    return this.#tiles.dropPartials(path);
  }

  publish(checkpoint: string): Promise<void> {
    return this.#oneByOne(async () => {
      if (!(await this.#turn.isKept())) throw turnIsOver();
      this.published = checkpoint;
      await this.#tiles.publish(checkpoint);
    });
  }

  /** Undoes the one write that a sequencer which was paused inside it can finish after its turn. */
  restoreCheckpoint(): Promise<void> {
    return this.#oneByOne(async () => {
      const { published } = this;
      if (published === null) return;
      const seen = await this.#tiles.get('checkpoint');
      if (seen && fromUtf8(seen) === published) return;
      if (await this.#turn.isKept()) await this.#tiles.publish(published);
    });
  }

  #oneByOne(work: () => Promise<void>): Promise<void> {
    const done = this.#writing.then(work);
    this.#writing = done.catch(() => {});
    return done;
  }
}

function turnIsOver(): AssayError {
  return new AssayError('LEDGER_STOPPED', 'another process has taken over this log; this one has stopped', {
    next: 'open it again to stand by: entries that were not acknowledged go to the other process',
  });
}
