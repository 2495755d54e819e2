import { setTimeout as sleep } from 'node:timers/promises';
import {
  AssayError,
  base64Encode,
  bytesEqual,
  type Checkpoint,
  concatBytes,
  decodeEntries,
  digestHex,
  EVIDENCE_TYPE,
  type Evidence,
  fromUtf8,
  type HashReader,
  openCheckpoint,
  openEnvelope,
  openNote,
  parseCheckpoint,
  parseNote,
  parseTilePath,
  proveInclusion,
  proveSplit,
  proveTile,
  rootOf,
  TILE_WIDTH,
  type Tile,
  type TlogPolicy,
  tileHashReader,
  tilePath,
  tilesAt,
  utf8,
} from '@assay/core';
import { leafHashes } from './hashing.ts';
import type { MonitorState, MonitorStore } from './monitor-store.ts';
import type { TileSource } from './tile-store.ts';
import { batchOf, edgeTile, fullPath, grow, rootOfEdge } from './tree.ts';

/** A smaller checkpoint may come from a cache: so many times in a row it is no accident. */
const ROLLBACK_AFTER_POLLS = 3;
/** While it catches up, a monitor keeps its place every 65,536 entries. */
const SAVE_EVERY_BUNDLES = 256;

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
  /** Views of others that are ahead of ours. */
  const waiting = new Map<string, string>();
  let lastPoll = { atMs: null as number | null, tookMs: null as number | null, error: null as string | null };
  let rollbacks = 0;
  let reachedAtMs = startedAtMs;

  function report(
    kind: Incident['kind'],
    size: number | null,
    message: string,
    evidence: Evidence | null,
  ): void {
    // Wordings may differ, and so may what else was seen: an incident is what it shows.
    const id = `${kind}-${digestHex(utf8(evidence ? JSON.stringify(evidence) : `${kind} ${message}`)).slice(0, 16)}`;
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
    const note = await readNote();
    if (!note) return;
    const { checkpoint } = await openAsOurs(note);
    if (checkpoint.size > seen.size || seen.atMs === null) seen.atMs = nowMs();
    seen.size = Math.max(seen.size, checkpoint.size);
    const known = knownHead();
    if (checkpoint.size > (known?.size ?? 0)) await follow(note, checkpoint);
    else if (known && checkpoint.size < known.size) await stepBack(note, checkpoint, known);
    else if (known && !bytesEqual(checkpoint.root, known.root)) splitView(state.note!, note, []);
    if (!known || checkpoint.size >= known.size) rollbacks = 0;
    await compareWithOthers();
  }

  async function readNote(): Promise<string | null> {
    const bytes = await source.get('checkpoint');
    if (bytes) return fromUtf8(bytes);
    if (state.note === null) return null;
    throw new AssayError('LOG_UNREACHABLE', 'the log serves no checkpoint any more');
  }

  async function openAsOurs(note: string) {
    try {
      return await openCheckpoint(note, policy);
    } catch (error) {
      const { code, message } = error as AssayError;
      // A quorum may be short for a while; a wrong signature is never right.
      if (code !== 'QUORUM_NOT_REACHED') report('checkpoint-invalid', null, message, null);
      throw error;
    }
  }

  /** Verifies every entry up to a checkpoint, and every tile that it asks for. */
  async function follow(note: string, target: Checkpoint): Promise<void> {
    const counts = { ...state.counts };
    const altered = new Map<string, Altered>();
    const compare = async (tile: Tile, expected: Uint8Array) => {
      const bytes = await readTile(tile, note, target.size);
      if (bytes && !bytesEqual(bytes.subarray(0, expected.length), expected))
        altered.set(tilePath(tile), { bytes, expected });
      return bytes !== null;
    };
    let edge = state.progress ?? state.edge;
    for (let bundle = Math.floor(edge.size / TILE_WIDTH); bundle * TILE_WIDTH < target.size; bundle++) {
      const width = Math.min(target.size - bundle * TILE_WIDTH, TILE_WIDTH);
      const tile: Tile = { level: 'entries', index: bundle, width };
      const bytes = await readTile(tile, note, target.size);
      if (!bytes) return;
      const entries = entriesOf(bytes, edge.size - bundle * TILE_WIDTH, width);
      if (!entries || !bytesEqual(bytes.subarray(0, edge.bundle.length), edge.bundle))
        altered.set(tilePath(tile), { bytes, expected: null });
      if (!entries) break;
      await checkStatements(entries, edge.size, counts, note, target);
      const grown = grow(edge, batchOf(entries, leafHashes(entries)));
      for (const [path, expected] of grown.full) {
        const full = parseTilePath(path)!;
        if (full.level !== 'entries' && !(await compare(full, expected))) return;
      }
      edge = grown.edge;
      if (bundle % SAVE_EVERY_BUNDLES === SAVE_EVERY_BUNDLES - 1 && altered.size === 0)
        store.save({ ...state, progress: edge });
    }
    const whole = edge.size === target.size;
    for (let level = 0; whole && level < edge.levels.length; level++) {
      const { full: index, partialWidth: width } = tilesAt(level, edge.size);
      const tile: Tile = { level, index, width };
      if (width > 0 && !(await compare(tile, edgeTile(edge, tile)))) return;
    }
    counts.consistencyChecks++;
    const sound = whole && bytesEqual(rootOfEdge(edge), target.root);
    if (!sound || altered.size > 0) await explain(note, target, altered, sound);
    if (sound) {
      counts.entriesVerified += target.size - state.edge.size;
      state = { note, edge, progress: null, counts, grewAtMs: nowMs() };
    } else {
      state = { ...state, progress: null };
    }
    store.save(state);
  }

  /** What a log serves does not fit what it signed: finds out what was changed. */
  async function explain(
    note: string,
    target: Checkpoint,
    altered: ReadonlyMap<string, Altered>,
    entriesFit: boolean,
  ): Promise<void> {
    const served = tilesOf(target.size);
    const tilesFit = await leadsTo(served, target);
    const known = knownHead();
    // Tiles that lead to the new root and hold another past: the log has rewritten itself.
    if (tilesFit && known && known.size < target.size && !(await leadsTo(served, known)))
      return splitView(state.note!, note, await proveSplit(known.size, target.size, served));
    // Whichever of entries and tiles leads to the root is right, and shows what belongs in the place of the other.
    const wrong = !entriesFit && tilesFit ? await wrongBundles(target.size, served) : altered;
    const right = tilesFit ? served : entriesFit ? tilesOf(target.size, altered) : null;
    for (const [path, { bytes }] of wrong) {
      const tile = parseTilePath(path)!;
      const proof = right && (await proveTile(tile, target.size, right).catch(() => null));
      report('tile-altered', target.size, `${path} does not hash to what the log signed`, {
        mediaType: EVIDENCE_TYPE,
        kind: 'tile-altered',
        note,
        tile: path,
        bytes: base64Encode(bytes),
        root: proof ? base64Encode(proof.root) : '',
        path: proof ? proof.path.map(base64Encode) : [],
      });
    }
    if (wrong.size === 0)
      report(
        'checkpoint-invalid',
        target.size,
        `no tiles and no entries lead to the root at ${target.size}`,
        null,
      );
  }

  /** Bundles whose entries do not hash to the tiles above them. */
  async function wrongBundles(size: number, read: HashReader): Promise<Map<string, Altered>> {
    const wrong = new Map<string, Altered>();
    for (let index = 0; index * TILE_WIDTH < size; index++) {
      const width = Math.min(size - index * TILE_WIDTH, TILE_WIDTH);
      const tile: Tile = { level: 'entries', index, width };
      const bytes = await fetchTile(tile);
      const entries = bytes && entriesOf(bytes, 0, width);
      const hashes = Array.from({ length: width }, (_, i) => read(0, index * TILE_WIDTH + i));
      const right = concatBytes(...(await Promise.all(hashes)));
      if (bytes && !(entries && bytesEqual(leafHashes(entries), right)))
        wrong.set(tilePath(tile), { bytes, expected: null });
    }
    return wrong;
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

  /** Whether a checkpoint that is not larger than the verified one says something else; then it is reported. */
  async function contradicts(note: string, other: Checkpoint, known: Checkpoint): Promise<boolean> {
    if (other.size === 0) return false;
    if (other.size === known.size) {
      if (bytesEqual(other.root, known.root)) return false;
      splitView(state.note!, note, []);
      return true;
    }
    const read = tilesOf(known.size);
    // The tiles may have been changed since they were verified: then they are no witnesses.
    if (!(await leadsTo(read, known)) || (await leadsTo(read, other))) return false;
    splitView(state.note!, note, await proveSplit(other.size, known.size, read));
    return true;
  }

  async function compareWithOthers(): Promise<void> {
    for (const other of others) {
      const note = (await other.checkpoint().catch(() => null)) ?? waiting.get(other.name);
      const known = knownHead();
      if (!note || !known) continue;
      // What the log did not sign says nothing of the log.
      const opened = await openNote(note, [verifier]).catch(() => null);
      if (!opened) continue;
      const checkpoint = parseCheckpoint(opened.text);
      if (checkpoint.origin !== known.origin) continue;
      // Theirs may be newer than ours: it is compared once ours has come as far.
      if (checkpoint.size > known.size) waiting.set(other.name, waiting.get(other.name) ?? note);
      else {
        waiting.delete(other.name);
        await contradicts(note, checkpoint, known);
        state.counts.consistencyChecks++;
      }
    }
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

  /** The signatures of all at once: the platform verifies them on its own threads. */
  async function checkStatements(
    entries: readonly Uint8Array[],
    first: number,
    counts: MonitorState['counts'],
    note: string,
    target: Checkpoint,
  ): Promise<void> {
    await Promise.all(
      entries.map(async (entry, i) => {
        const code = await openEnvelope(entry).then(
          () => null,
          (error: AssayError) => error.code,
        );
        if (code === null) counts.statementsVerified++;
        else if (code !== 'SIGNATURE_INVALID') counts.notStatements++;
        else {
          counts.statementsInvalid++;
          const index = first + i;
          const path = await proveInclusion(index, target.size, tilesOf(target.size)).catch(() => null);
          report(
            'statement-invalid',
            target.size,
            `the signature of entry ${index} is wrong`,
            path && {
              mediaType: EVIDENCE_TYPE,
              kind: 'statement-invalid',
              note,
              index,
              entry: base64Encode(entry),
              path: path.map(base64Encode),
            },
          );
        }
      }),
    );
  }

  async function readTile(tile: Tile, note: string, size: number): Promise<Uint8Array | null> {
    const bytes = await fetchTile(tile);
    if (!bytes) {
      report('tile-missing', size, `${tilePath(tile)} is not served`, {
        mediaType: EVIDENCE_TYPE,
        kind: 'tile-missing',
        note,
        tile: tilePath(tile),
      });
    }
    return bytes;
  }

  /** A partial tile may be gone once the full one is there, which begins with the same bytes. */
  async function fetchTile(tile: Tile): Promise<Uint8Array | null> {
    const bytes = await source.get(tilePath(tile));
    return bytes ?? (tile.width < TILE_WIDTH ? source.get(fullPath(tile.level, tile.index)) : null);
  }

  /** Hashes as the log serves them, with others in the place of some tiles. */
  function tilesOf(size: number, instead: ReadonlyMap<string, Altered> = new Map()): HashReader {
    return tileHashReader(size, async (tile) => instead.get(tilePath(tile))?.expected ?? fetchTile(tile));
  }

  function knownHead(): Checkpoint | null {
    return state.note === null ? null : headOf(state.note);
  }

  function reportStall(): void {
    const since = state.grewAtMs ?? startedAtMs;
    if (state.note === null || nowMs() - since <= stallAfterMs) return;
    report('growth-stalled', headOf(state.note).size, `no growth since ${new Date(since).toISOString()}`, {
      mediaType: EVIDENCE_TYPE,
      kind: 'growth-stalled',
      note: state.note,
    });
  }

  return {
    poll,
    async run({ everyMs, signal }) {
      while (!signal.aborted) {
        await poll();
        await sleep(everyMs, undefined, { signal }).catch(() => {});
      }
    },
    status: () => ({
      origin: verifier.name,
      url,
      verifiedSize: knownHead()?.size ?? 0,
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

/** Bytes that were served, and what should have been, where that is known. */
interface Altered {
  bytes: Uint8Array;
  expected: Uint8Array | null;
}

/** Entries of a bundle from one place up to another, or null when it has not so many. */
function entriesOf(bundle: Uint8Array, from: number, to: number): Uint8Array[] | null {
  try {
    const entries = decodeEntries(bundle);
    return entries.length >= to ? entries.slice(from, to) : null;
  } catch {
    return null;
  }
}

async function leadsTo(read: HashReader, { size, root }: Checkpoint): Promise<boolean> {
  return rootOf(size, read).then(
    (made) => bytesEqual(made, root),
    () => false,
  );
}

function headOf(note: string): Checkpoint {
  return parseCheckpoint(parseNote(note).text);
}
