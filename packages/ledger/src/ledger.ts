import {
  AssayError,
  type HashReader,
  type NoteSigner,
  proveConsistency,
  proveInclusion,
  TILE_WIDTH,
} from '@assay/core';
import type { CheckpointStore } from './checkpoint-store.ts';
import { Publisher, type PublishLimits } from './publisher.ts';
import { recover } from './recovery.ts';
import { Sequencer, type SequencerLimits } from './sequencer.ts';
import type { SignedCheckpoint } from './signed-checkpoint.ts';
import type { TileStore } from './tile-store.ts';
import { TreeReader } from './tree-reader.ts';
import type { WitnessClient, WitnessState } from './witness-client.ts';

/** A log that this process writes. */
export interface Ledger {
  readonly origin: string;
  /** Committed entries. */
  readonly size: number;

  /**
   * Adds entries and gives their indices, in order. Resolves only when a checkpoint that covers them is
   * committed and would survive a power cut; a rejection means that nothing of it was acknowledged, though
   * some of it may be in the log.
   *
   * The same bytes get the same index: surely within the latest `dedupeWindow` entries (also after a restart),
   * as it happens beyond them. Many entries may spread over several checkpoints. The arrays must not be
   * changed afterwards.
   *
   * @throws ENTRY_TOO_LARGE, LEDGER_BUSY (`detail.retryAfterMs`), STORAGE_FAILED, LEDGER_STOPPED
   */
  append(entries: readonly Uint8Array[]): Promise<number[]>;

  /** The public checkpoint with its cosignatures, or null before the first. It never goes back. */
  published(): SignedCheckpoint | null;
  /** The latest committed checkpoint, signed by the log alone; witnesses may not have seen it yet. */
  latest(): SignedCheckpoint | null;
  /** Resolves once the public checkpoint covers a size. */
  whenPublished(size: number): Promise<SignedCheckpoint>;

  /** Proof that entry `index` is in the tree of `size`, for any committed size (RFC 6962 section 2.1.1). */
  inclusionPath(index: number, size: number): Promise<Uint8Array[]>;
  /** Proof that the tree of `newSize` extends that of `oldSize` (RFC 6962 section 2.1.2). */
  consistencyPath(oldSize: number, newSize: number): Promise<Uint8Array[]>;
  /** Hashes of complete subtrees of the committed tree, from which any other proof can be made. */
  readonly hash: HashReader;
  /** Committed entries from one index up to, not including, another. */
  entries(from: number, to: number): AsyncIterable<Uint8Array>;

  witnessStates(): WitnessState[];
  /** Commits what waits, stores the tiles, stops. The stores stay open: they belong to the caller. */
  close(): Promise<void>;
}

/** How to open a log. */
export interface LedgerOptions extends Partial<SequencerLimits>, Partial<PublishLimits> {
  /** Unique name of the log, as a rule its URL without the scheme. */
  origin: string;
  /** The log's key; its name should be the origin. */
  signer: NoteSigner;
  tiles: TileStore;
  checkpoints: CheckpointStore;
  witnesses: readonly WitnessClient[];
  /** Cosignatures that a checkpoint needs to become public. */
  quorum: number;
  /**
   * A clock that is never set back, for pauses only: the log does not read the time of day. By default that of
   * the process. Witness clients should have the same.
   */
  nowMs?: () => number;
  /** Called for each commit, before its entries are acknowledged. */
  onCommitted?: (checkpoint: SignedCheckpoint) => void;
  /** Called once for each size that becomes public, in order. */
  onPublished?: (checkpoint: SignedCheckpoint) => void;
  /** Called when the log can take no more entries until it is opened again. */
  onStopped?: (error: AssayError) => void;
}

const steadyClock = () => performance.now();

const DEFAULT_LIMITS: SequencerLimits & PublishLimits = {
  poolForMs: 5,
  maxBatchEntries: 4_096,
  maxPooledEntries: 262_144,
  maxPooledBytes: 256 * 1024 * 1024,
  maxUnappliedEntries: 16_384,
  dedupeWindow: 65_536,
  publishEveryMs: 250,
  graceMs: 50,
};

/**
 * Opens a C2SP tlog-tiles log, made when the stores are empty: recovers, then sequences and publishes until
 * it is closed.
 *
 * @throws LEDGER_CORRUPT when tiles and lock do not belong together.
 * @example
 * const ledger = await openLedger({
 *   origin, signer: ed25519NoteSigner(origin, key),
 *   tiles: directoryTileStore('data/log'), checkpoints: sqliteCheckpointStore('data/ledger.db', origin),
 *   witnesses, quorum: 2,
 * });
 * const [index] = await ledger.append([envelopeBytes(envelope)]);
 */
export async function openLedger(options: LedgerOptions): Promise<Ledger> {
  checkQuorum(options);
  const { origin, signer, tiles, checkpoints, witnesses, quorum, nowMs = steadyClock } = options;
  const limits = { ...DEFAULT_LIMITS, ...definedLimits(options) };

  const recovered = await recover({ origin, vkey: signer.vkey, tiles, checkpoints });
  const atRest = new TreeReader(tiles, { edge: recovered.edge, fullTiles: new Map() });
  const recentLeaves = await atRest.latestLeaves(limits.dedupeWindow);

  const sequencer = new Sequencer({
    log: { origin, signer, tiles, checkpoints },
    limits,
    recovered,
    recentLeaves,
    nowMs,
    onCommitted: (checkpoint) => options.onCommitted?.(checkpoint),
    onApplied: (checkpoint) => publisher.offer(checkpoint),
    onStopped: (error) => options.onStopped?.(error),
  });
  const reader = new TreeReader(tiles, sequencer);
  const publisher = new Publisher({
    witnesses,
    quorum,
    tiles,
    limits,
    published: recovered.published,
    committed: recovered.committed,
    nowMs,
    prove: (oldSize, newSize) => proveConsistency(oldSize, newSize, reader.hash),
    onPublished: (checkpoint) => options.onPublished?.(checkpoint),
  });

  const committedSize = (size: number) => {
    if (size <= sequencer.edge.size) return size;
    throw new AssayError('NOT_FOUND', `expected a size of at most ${sequencer.edge.size}, got ${size}`, {
      next: 'wait until the entry is committed',
    });
  };

  return {
    origin,
    get size() {
      return sequencer.edge.size;
    },
    append: (entries) => sequencer.append(entries),
    published: () => publisher.published,
    latest: () => sequencer.committed,
    whenPublished: (size) => publisher.whenPublished(size),
    inclusionPath: async (index, size) => proveInclusion(index, committedSize(size), reader.hash),
    consistencyPath: async (oldSize, newSize) =>
      proveConsistency(oldSize, committedSize(newSize), reader.hash),
    hash: reader.hash,
    entries: (from, to) => readEntries(reader, from, committedSize(to)),
    witnessStates: () => witnesses.map((witness) => witness.state()),
    async close() {
      await sequencer.close();
      await publisher.close();
    },
  };
}

async function* readEntries(reader: TreeReader, from: number, to: number): AsyncIterable<Uint8Array> {
  for (let bundle = Math.floor(from / TILE_WIDTH); bundle * TILE_WIDTH < to; bundle++) {
    const first = bundle * TILE_WIDTH;
    const entries = await reader.bundle(bundle);
    yield* entries.slice(Math.max(from - first, 0), to - first);
  }
}

function checkQuorum({ quorum, witnesses }: LedgerOptions): void {
  if (!Number.isInteger(quorum) || quorum < 0 || quorum > witnesses.length) {
    throw new AssayError(
      'ARGUMENT_INVALID',
      `expected a quorum from 0 to ${witnesses.length} witnesses, got ${quorum}`,
      {
        next: 'name more witnesses or lower the quorum',
      },
    );
  }
  const names = new Set(witnesses.map(({ verifier }) => verifier.name));
  const keys = new Set(witnesses.map(({ verifier }) => verifier.vkey.split('+').at(-1)));
  if (names.size < witnesses.length || keys.size < witnesses.length) {
    throw new AssayError(
      'ARGUMENT_INVALID',
      'expected witnesses with different names and keys, got one of them twice',
      {
        next: 'one witness is one opinion: remove the repeated one',
      },
    );
  }
}

/** The limits among the options that were given; an explicit `undefined` means the default. */
function definedLimits(options: LedgerOptions): Partial<SequencerLimits & PublishLimits> {
  const given = Object.keys(DEFAULT_LIMITS) as (keyof typeof DEFAULT_LIMITS)[];
  return Object.fromEntries(
    given.flatMap((key) => (options[key] === undefined ? [] : [[key, options[key]]])),
  );
}
