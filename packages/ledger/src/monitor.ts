import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  AssayError,
  base64Encode,
  bytesEqual,
  type Checkpoint,
  digestHex,
  EMPTY_ROOT,
  EVIDENCE_TYPE,
  type Evidence,
  fromUtf8,
  openCheckpoint,
  openNote,
  parseCheckpoint,
  parseNote,
  proveInclusion,
  proveSplit,
  proveTile,
  rootOf,
  TILE_WIDTH,
  type TlogPolicy,
  utf8,
  type VerifiedSignature,
} from '@assay/core';
import { CompactRange } from './compact-range.ts';
import { HASH_BYTES } from './hashing.ts';
import { inParallel } from './in-parallel.ts';
import type { MonitorState, MonitorStore } from './monitor-store.ts';
import { type ProvenTiles, provenTiles, type TileProblem } from './proven-tiles.ts';
import { type CheckedEntries, type StatementChecker, statementChecker } from './statement-checker.ts';
import type { TileSource } from './tile-store.ts';

/** A smaller checkpoint may come from a cache: so many times in a row it is no accident. */
const ROLLBACK_AFTER_POLLS = 3;
/** While it catches up, a monitor keeps its place every 16,384 entries. */
const BUNDLES_AT_A_TIME = 64;
const PARALLEL_READS = 16;
/** From here on threads check the signatures: of 200 µs a statement they leave this thread 20 (Node 24). */
const MANY_ENTRIES = 4_096;
/** Views of one other that wait to be compared: the first ones, and the latest. */
const MAX_WAITING_VIEWS = 16;

/** Something that a log should not do. */
export interface Incident {
  /** The same for the same finding. */
  id: string;
  kind: Evidence['kind'] | 'checkpoint-invalid' | 'unreachable';
  atMs: number;
  /** Size of the checkpoint in question. */
  size: number | null;
  message: string;
  /** Name of the evidence file; null where there is nothing to show. */
  evidence: string | null;
}

export interface MonitorStatus {
  origin: string;
  url: string | null;
  /** Entries read and found to be what the log signed. */
  verifiedSize: number;
  /** Size of the newest checkpoint that was seen. */
  checkpointSize: number;
  checkpointSeenAtMs: number | null;
  grewAtMs: number | null;
  entriesVerified: number;
  statementsVerified: number;
  statementsInvalid: number;
  notStatements: number;
  consistencyChecks: number;
  lastPollAtMs: number | null;
  lastPollMs: number | null;
  lastError: string | null;
  incidents: Incident[];
}

/** Someone else's view of the same log: a witness, a mirror, a friend. */
export interface OtherView {
  name: string;
  /** The checkpoint that they saw last, or null. */
  checkpoint(): Promise<string | null>;
}

export interface Monitor {
  status(): MonitorStatus;
  /** Looks once. Never throws for what the log does: that is in the status, and in the incidents. */
  poll(): Promise<void>;
  /** Looks again and again until the signal. */
  run(options: { everyMs: number; signal: AbortSignal }): Promise<void>;
}

/**
 * Follows a log: reads every entry, makes the tree again, checks every signature, and compares with the views of
 * others. It trusts the policy's keys and nothing that the log serves.
 *
 * @param options.policy exactly one log, whose checkpoints need the policy's quorum.
 * @param options.nowMs the time of day, for reports and for stalled growth.
 * @param options.stallAfterMs how long the log may go without a new checkpoint.
 * @example
 * const monitor = createMonitor({ policy, source: httpTileSource({ url }), store, nowMs: Date.now });
 * await monitor.run({ everyMs: 10_000, signal });
 */
export function createMonitor(options: {
  policy: TlogPolicy;
  source: TileSource;
  store: MonitorStore;
  nowMs: () => number;
  stallAfterMs?: number;
  others?: readonly OtherView[];
  onIncident?: (incident: Incident) => void;
}): Monitor {
  const { policy, source, store, nowMs, stallAfterMs = Number.POSITIVE_INFINITY, others = [] } = options;
  const [log, ...more] = policy.logs;
  if (!log || more.length > 0) {
    throw new AssayError('POLICY_MALFORMED', `expected a policy of one log, got ${policy.logs.length}`, {
      next: 'run one monitor for each log',
    });
  }
  const { verifier, url } = log;
  let state = store.load();
  const startedAtMs = nowMs();
  const seen = { size: knownHead()?.size ?? 0, atMs: null as number | null };
  let lastPoll = { atMs: null as number | null, tookMs: null as number | null, error: null as string | null };
  let rollbacks = 0;
  let stop: AbortSignal | null = null;
  let reachedAtMs = startedAtMs;

  function report(
    kind: Incident['kind'],
    size: number | null,
    message: string,
    evidence: Evidence | null,
  ): void {
    // What was served may differ each time: the finding is the same.
    const id = `${kind}-${digestHex(utf8(message)).slice(0, 16)}`;
    const incident = store.report({ id, kind, atMs: nowMs(), size, message }, evidence);
    if (incident) options.onIncident?.(incident);
  }

  async function poll(): Promise<void> {
    const began = nowMs();
    try {
      await look();
      reachedAtMs = nowMs();
      lastPoll = { atMs: began, tookMs: reachedAtMs - began, error: null };
    } catch (error) {
      if (!(error instanceof AssayError)) throw error;
      lastPoll = { atMs: began, tookMs: nowMs() - began, error: error.message };
      if (error.code === 'LOG_UNREACHABLE' && nowMs() - reachedAtMs > stallAfterMs)
        report('unreachable', null, `not reached since ${new Date(reachedAtMs).toISOString()}`, null);
    }
    reportStall();
  }

  async function look(): Promise<void> {
    const served = await source.get('checkpoint');
    if (!served && state.note !== null)
      throw new AssayError('LOG_UNREACHABLE', 'the log serves no checkpoint any more');
    if (served) await compare(await openAsOurs(served));
    await readEntries();
    await compareWithOthers();
  }

  async function openAsOurs(served: Uint8Array): Promise<Served> {
    try {
      const note = fromUtf8(served);
      const opened = await openCheckpoint(note, policy).catch(async (error: AssayError) => {
        // What the log signed binds it, with a quorum or without.
        if (error.code === 'QUORUM_NOT_REACHED') await compareView(note);
        throw error;
      });
      const { size, root } = opened.checkpoint;
      if (size === 0 && !bytesEqual(root, EMPTY_ROOT))
        throw new AssayError('CHECKPOINT_MALFORMED', 'expected the root SHA-256("") at size 0, got another');
      return { note, ...opened };
    } catch (error) {
      const { code, message } = error as AssayError;
      // A quorum may be short for a while; a wrong signature is never right.
      if (code !== 'QUORUM_NOT_REACHED') report('checkpoint-invalid', null, message, null);
      throw error;
    }
  }

  /** Holds a checkpoint of the log against the one before. */
  async function compare({ note, checkpoint, signatures }: Served): Promise<void> {
    if (checkpoint.size > seen.size || seen.atMs === null) seen.atMs = nowMs();
    seen.size = Math.max(seen.size, checkpoint.size);
    const known = knownHead();
    if (known && checkpoint.size < known.size) return stepBack(note, checkpoint, known);
    rollbacks = 0;
    const cosignedAtMs = newestTime(signatures);
    if (checkpoint.size === known?.size) {
      if (!bytesEqual(checkpoint.root, known.root)) splitView(state.note!, note, []);
      else if (cosignedAtMs && cosignedAtMs > state.freshAtMs!) keep({ note, freshAtMs: cosignedAtMs });
    } else if (await isProven(note, checkpoint, known)) {
      keep({ note, grewAtMs: nowMs(), freshAtMs: cosignedAtMs ?? nowMs() });
    }
  }

  /** Whether the served tiles give the root of a checkpoint, and the one before it on the way. */
  async function isProven(note: string, target: Checkpoint, known: Checkpoint | null): Promise<boolean> {
    if (target.size === 0) return true;
    const { tiles, problems } = openTiles(target);
    // The partial tiles first: with them all others can be proven.
    const made = await rootOf(target.size, tiles.hash).catch(unproven);
    const before =
      made && known && known.size > 0 ? await rootOf(known.size, tiles.hash).catch(unproven) : null;
    await reportTiles(note, target, tiles, problems);
    if (!made || !known || known.size === 0) return made !== null;
    if (!before) return false;
    state.counts.consistencyChecks++;
    if (bytesEqual(before, known.root)) return true;
    splitView(state.note!, note, await proveSplit(known.size, target.size, tiles.hash));
    return false;
  }

  /** Reads every entry that the newest checkpoint commits to and that was not read yet. */
  async function readEntries(): Promise<void> {
    const target = knownHead();
    if (!target || state.verifiedSize >= target.size) return;
    const { tiles, problems } = openTiles(target);
    const many = target.size - state.verifiedSize >= MANY_ENTRIES;
    const checker = statementChecker(many ? availableParallelism() : 0);
    try {
      while (
        state.verifiedSize < target.size &&
        !stop?.aborted &&
        (await readBundles(target, tiles, checker))
      );
    } finally {
      await checker.close();
      await reportTiles(state.note!, target, tiles, problems);
    }
    if (
      state.verifiedSize === target.size &&
      !bytesEqual(new CompactRange(target.size, state.roots).root(), target.root)
    ) {
      throw new AssayError(
        'LEDGER_CORRUPT',
        'the entries that were read do not give the root that was proven',
        {
          next: 'the memory of the monitor is damaged: start it again with an empty folder',
        },
      );
    }
  }

  /** Reads some bundles. What stands before the first one that is not proven counts. @returns whether all are. */
  async function readBundles(
    target: Checkpoint,
    tiles: ProvenTiles,
    checker: StatementChecker,
  ): Promise<boolean> {
    const from = state.verifiedSize;
    const first = Math.floor(from / TILE_WIDTH);
    const count = Math.min(Math.ceil(target.size / TILE_WIDTH) - first, BUNDLES_AT_A_TIME);
    const indices = Array.from({ length: count }, (_, i) => first + i);
    const read = new Map<number, { hashes: Uint8Array; checked: CheckedEntries }>();
    await inParallel(indices, PARALLEL_READS, async (index) => {
      const proven = await tiles.entries(index);
      if (!proven) return;
      const skip = Math.max(from - index * TILE_WIDTH, 0);
      const checked = await checker.check(proven.bytes, skip);
      for (const { place, reason } of checked.forged)
        await reportForgery(index * TILE_WIDTH + place, proven.entries[place]!, reason, target, tiles);
      read.set(index, { hashes: proven.hashes.subarray(skip * HASH_BYTES), checked });
    });

    const tree = new CompactRange(from, state.roots);
    const counts = { ...state.counts };
    for (const index of indices) {
      const bundle = read.get(index);
      if (!bundle) break;
      tree.append(bundle.hashes);
      counts.statementsVerified += bundle.checked.statements;
      counts.statementsInvalid += bundle.checked.forged.length;
      counts.notStatements += bundle.checked.others;
    }
    counts.entriesVerified += tree.size - from;
    if (tree.size > from) keep({ verifiedSize: tree.size, roots: [...tree.roots], counts });
    return read.size === count;
  }

  /** A smaller checkpoint than one that was seen: another past, or a step back to the same one. */
  async function stepBack(note: string, smaller: Checkpoint, known: Checkpoint): Promise<void> {
    if (await contradicts(note, smaller, known)) return;
    if (++rollbacks < ROLLBACK_AFTER_POLLS) return;
    report('rollback', smaller.size, `size ${smaller.size} is served after size ${known.size}`, {
      mediaType: EVIDENCE_TYPE,
      kind: 'rollback',
      notes: [state.note!, note],
    });
  }

  /**
   * Whether a checkpoint that is not larger than the newest one says something else; then it is reported. Null
   * when the log does not serve what is needed to know.
   */
  async function contradicts(note: string, other: Checkpoint, known: Checkpoint): Promise<boolean | null> {
    if (other.size === 0) return false;
    const { tiles } = openTiles(known);
    const ours =
      other.size === known.size ? known.root : await rootOf(other.size, tiles.hash).catch(unproven);
    state.counts.consistencyChecks++;
    if (!ours || bytesEqual(ours, other.root)) return ours && false;
    splitView(
      state.note!,
      note,
      other.size === known.size ? [] : await proveSplit(other.size, known.size, tiles.hash),
    );
    return true;
  }

  async function compareWithOthers(): Promise<void> {
    const views = await Promise.all(
      others.map(async (other) => ({ name: other.name, note: await other.checkpoint().catch(() => null) })),
    );
    for (const { name, note } of views) {
      const waiting = state.views[name] ?? [];
      const undecided: string[] = [];
      // Theirs may be newer than ours: it is compared once ours has come as far.
      for (const view of new Set(note === null ? waiting : [...waiting, note]))
        if (!(await compareView(view))) undecided.push(view);
      const kept =
        undecided.length > MAX_WAITING_VIEWS ? undecided.toSpliced(MAX_WAITING_VIEWS - 1, 1) : undecided;
      if (String(kept) !== String(waiting)) keep({ views: { ...state.views, [name]: kept } });
    }
  }

  /** Holds what others saw against what we saw. @returns whether nothing more is to be learnt from it. */
  async function compareView(note: string): Promise<boolean> {
    const known = knownHead();
    if (!known) return false;
    // What the log did not sign says nothing of the log.
    const view = await openNote(note, [verifier])
      .then(({ text }) => parseCheckpoint(text))
      .catch(() => null);
    if (view?.origin !== known.origin) return true;
    return view.size <= known.size && (await contradicts(note, view, known)) !== null;
  }

  function openTiles({ size, root }: Checkpoint): { tiles: ProvenTiles; problems: Map<string, TileProblem> } {
    const problems = new Map<string, TileProblem>();
    const onProblem = (problem: TileProblem) => {
      if (!problems.has(problem.path)) problems.set(problem.path, problem);
    };
    return { tiles: provenTiles({ source, size, root, onProblem }), problems };
  }

  async function reportTiles(
    note: string,
    { size }: Checkpoint,
    tiles: ProvenTiles,
    problems: ReadonlyMap<string, TileProblem>,
  ): Promise<void> {
    for (const { kind, tile, path, bytes, reason } of problems.values()) {
      const message = `${path} ${reason}`;
      if (!tile) report('checkpoint-invalid', size, `at size ${size} it ${reason}`, null);
      else if (kind === 'missing' || !bytes)
        report('tile-missing', size, message, {
          mediaType: EVIDENCE_TYPE,
          kind: 'tile-missing',
          note,
          tile: path,
        });
      else {
        const proof = await proveTile(tile, size, tiles.hash).catch(unproven);
        report('tile-altered', size, message, {
          mediaType: EVIDENCE_TYPE,
          kind: 'tile-altered',
          note,
          tile: path,
          bytes: base64Encode(bytes),
          root: proof ? base64Encode(proof.root) : '',
          path: proof ? proof.path.map(base64Encode) : [],
        });
      }
    }
  }

  async function reportForgery(
    index: number,
    entry: Uint8Array,
    reason: string,
    { size }: Checkpoint,
    tiles: ProvenTiles,
  ): Promise<void> {
    report('statement-invalid', size, `entry ${index} is forged: ${reason}`, {
      mediaType: EVIDENCE_TYPE,
      kind: 'statement-invalid',
      note: state.note!,
      index,
      entry: base64Encode(entry),
      path: (await proveInclusion(index, size, tiles.hash)).map(base64Encode),
    });
  }

  function splitView(ours: string, theirs: string, path: readonly Uint8Array[]): void {
    const [a, b] = [headOf(ours).size, headOf(theirs).size];
    const message =
      a === b ? `two roots at size ${a}` : `the trees of sizes ${a} and ${b} hold different pasts`;
    report('split-view', Math.max(a, b), message, {
      mediaType: EVIDENCE_TYPE,
      kind: 'split-view',
      notes: [ours, theirs],
      path: path.map(base64Encode),
    });
  }

  function reportStall(): void {
    const since = state.freshAtMs;
    if (state.note === null || since === null || nowMs() - since <= stallAfterMs) return;
    report('growth-stalled', headOf(state.note).size, `no growth since ${new Date(since).toISOString()}`, {
      mediaType: EVIDENCE_TYPE,
      kind: 'growth-stalled',
      note: state.note,
    });
  }

  /** When a checkpoint was cosigned last; null if it was not. Clocks that are ahead do not count as the future. */
  function newestTime(signatures: readonly VerifiedSignature[]): number | null {
    const newest = Math.max(0, ...signatures.map(({ timestamp = 0 }) => timestamp * 1_000));
    return newest === 0 ? null : Math.min(newest, nowMs());
  }

  function keep(changes: Partial<MonitorState>): void {
    state = { ...state, ...changes };
    store.save(state);
  }

  function knownHead(): Checkpoint | null {
    return state.note === null ? null : headOf(state.note);
  }

  return {
    poll,
    async run({ everyMs, signal }) {
      stop = signal;
      while (!signal.aborted) {
        await poll();
        await sleep(everyMs, undefined, { signal }).catch(() => {});
      }
    },
    status: () => ({
      origin: verifier.name,
      url,
      verifiedSize: state.verifiedSize,
      checkpointSize: seen.size,
      checkpointSeenAtMs: seen.atMs,
      grewAtMs: state.grewAtMs,
      ...state.counts,
      lastPollAtMs: lastPoll.atMs,
      lastPollMs: lastPoll.tookMs,
      lastError: lastPoll.error,
      incidents: store.incidents(),
    }),
  };
}

/** A checkpoint as the log serves it, opened. */
interface Served {
  note: string;
  checkpoint: Checkpoint;
  signatures: VerifiedSignature[];
}

/** What is not proven is reported where it is found; a log that does not answer is another matter. */
function unproven(error: AssayError): null {
  if (error.code === 'TILE_INVALID') return null;
  throw error;
}

function headOf(note: string): Checkpoint {
  return parseCheckpoint(parseNote(note).text);
}
