import { type Checkpoint, parseCheckpoint } from './checkpoint.ts';
import { openEnvelope } from './dsse.ts';
import { base64Decode, bytesEqual } from './encoding.ts';
import { AssayError } from './errors.ts';
import {
  type HashReader,
  leafHash,
  merkleRoot,
  nodeHash,
  rootFromInclusion,
  splitOf,
  verifyInclusion,
} from './merkle.ts';
import { type NoteVerifier, openNote, type VerifiedSignature } from './note.ts';
import { exactly, type Fail, integer, list, oneOf, text } from './shape.ts';
import { subtreeRoot } from './subtree.ts';
import { decodeEntries, parseTilePath, TILE_WIDTH, type Tile } from './tiles.ts';
import { type Answer, answerOf, fail, pass, unknown } from './verify.ts';

export const EVIDENCE_TYPE = 'application/vnd.assay.evidence.v1+json';

/**
 * What a monitor saw, for others to judge. Hashes and bytes are in base64; nothing in it is commentary.
 *
 * - `split-view`: two checkpoints that the log signed and that cannot both be true. When their sizes differ, `path`
 *   shows what the larger one's tree holds at the smaller size ({@link proveSplit}).
 * - `rollback`: a checkpoint (the second) that was served after a larger one.
 * - `tile-altered`: bytes served for a tile or bundle; `path` leads `root`, the root of what belongs there, to the
 *   checkpoint. Both are empty where that could not be had.
 * - `tile-missing`: a tile that the checkpoint commits to and that is not served.
 * - `statement-invalid`: a statement whose signature is wrong, with its inclusion path.
 * - `growth-stalled`: the newest checkpoint of a log that stopped to publish.
 */
export type Evidence = { mediaType: typeof EVIDENCE_TYPE } & (
  | { kind: 'split-view'; notes: [string, string]; path: string[] }
  | { kind: 'rollback'; notes: [string, string] }
  | { kind: 'tile-altered'; note: string; tile: string; bytes: string; root: string; path: string[] }
  | { kind: 'tile-missing'; note: string; tile: string }
  | { kind: 'statement-invalid'; note: string; index: number; entry: string; path: string[] }
  | { kind: 'growth-stalled'; note: string }
);

export interface EvidenceReport {
  /** verified: it proves the log's fault to anybody. inconclusive: it fits, but rests on its author's word. */
  outcome: 'verified' | 'failed' | 'inconclusive';
  steps: { step: 'signatures' | 'contradiction' | 'served'; status: Answer['status']; reason: string }[];
}

/**
 * Judges evidence against a log, trusting only the log's key (and the witnesses' for times).
 *
 * @example
 * const { outcome } = await verifyEvidence(parseEvidence(json), { log: [parseVkey(logVkey)] });
 */
export async function verifyEvidence(
  evidence: Evidence,
  keys: { log: readonly NoteVerifier[]; witnesses?: readonly NoteVerifier[] },
): Promise<EvidenceReport> {
  const steps: EvidenceReport['steps'] = [];
  const rung = async (
    step: EvidenceReport['steps'][number]['step'],
    check: () => Answer | Promise<Answer>,
  ) => {
    const { status, reason } = await answerOf(check);
    steps.push({ step, status, reason });
    return status;
  };
  const notes = 'notes' in evidence ? evidence.notes : [evidence.note];
  const views: View[] = [];
  const signed = await rung('signatures', async () => {
    for (const note of notes) views.push(await openView(note, keys));
    const [first, second] = views;
    if (second && second.checkpoint.origin !== first!.checkpoint.origin)
      return fail('EVIDENCE_MALFORMED', 'the checkpoints are of two logs');
    return pass(views.map(({ checkpoint: { origin, size } }) => `${origin} signed size ${size}`).join(', '));
  });
  if (signed === 'pass') {
    await rung('contradiction', () => contradiction(evidence, views));
    if (evidence.kind !== 'split-view' && evidence.kind !== 'statement-invalid')
      await rung('served', () => served(evidence, views));
  }
  return {
    outcome: steps.some(({ status }) => status === 'fail')
      ? 'failed'
      : steps.every(({ status }) => status === 'pass')
        ? 'verified'
        : 'inconclusive',
    steps,
  };
}

/** Reads evidence of unknown origin, exactly. @throws EVIDENCE_MALFORMED */
export function parseEvidence(input: unknown): Evidence {
  const value = typeof input === 'string' ? parseJson(input) : input;
  const kind = oneOf((value as { kind?: unknown } | null)?.kind, 'evidence.kind', KINDS, malformed);
  const e = exactly(value, 'evidence', ['mediaType', 'kind', ...MEMBERS[kind]], malformed);
  const mediaType = oneOf(e.mediaType, 'evidence.mediaType', [EVIDENCE_TYPE], malformed);
  const string = (name: (typeof MEMBERS)[Evidence['kind']][number]) =>
    text(e[name], `evidence.${name}`, malformed);
  const strings = (name: 'path' | 'notes', limit: number) =>
    list(e[name], `evidence.${name}`, (item, at) => text(item, at, malformed), malformed, limit);
  const pair = (): [string, string] => {
    const [first, second] = strings('notes', 2);
    if (first === undefined || second === undefined) return malformed('evidence.notes: expected two');
    return [first, second];
  };
  if (kind === 'split-view') return { mediaType, kind, notes: pair(), path: strings('path', 128) };
  if (kind === 'rollback') return { mediaType, kind, notes: pair() };
  const note = string('note');
  if (kind === 'growth-stalled') return { mediaType, kind, note };
  if (kind === 'tile-missing') return { mediaType, kind, note, tile: string('tile') };
  if (kind === 'tile-altered')
    return {
      mediaType,
      kind,
      note,
      tile: string('tile'),
      bytes: string('bytes'),
      root: string('root'),
      path: strings('path', 63),
    };
  return {
    mediaType,
    kind,
    note,
    index: integer(e.index, 'evidence.index', malformed),
    entry: string('entry'),
    path: strings('path', 63),
  };
}

/**
 * The subtree roots of a tree of `newSize`, from left to right, of which some make up its first `oldSize` leaves:
 * with them anybody computes the tree's root and what it holds at the older size.
 */
export async function proveSplit(oldSize: number, newSize: number, read: HashReader): Promise<Uint8Array[]> {
  const walk = async (from: number, to: number): Promise<Uint8Array[]> => {
    if (to <= oldSize || from >= oldSize) return [await subtreeRoot(from, to, read)];
    const middle = from + splitOf(to - from);
    return [...(await walk(from, middle)), ...(await walk(middle, to))];
  };
  return walk(0, newSize);
}

/**
 * Root of the entries below a tile, and the path that leads it to the tree's root. Null for a partial tile above
 * level 0: it does not stand for all the entries at its place.
 */
export async function proveTile(
  tile: Tile,
  size: number,
  read: HashReader,
): Promise<{ root: Uint8Array; path: Uint8Array[] } | null> {
  const span = spanOf(tile);
  if (span === null) return null;
  const rootOfTiles = (from: number, to: number) => subtreeRoot(from * span, Math.min(to * span, size), read);
  const walk = async (from: number, to: number): Promise<Uint8Array[]> => {
    if (to - from === 1) return [];
    const middle = from + splitOf(to - from);
    return tile.index < middle
      ? [...(await walk(from, middle)), await rootOfTiles(middle, to)]
      : [...(await walk(middle, to)), await rootOfTiles(from, middle)];
  };
  return { root: await rootOfTiles(tile.index, tile.index + 1), path: await walk(0, Math.ceil(size / span)) };
}

/** Both roots from the path of {@link proveSplit}. @throws EVIDENCE_MALFORMED when the path has the wrong length. */
export function rootsFromSplit(split: { oldSize: number; newSize: number; path: readonly Uint8Array[] }): {
  oldRoot: Uint8Array;
  newRoot: Uint8Array;
} {
  const { oldSize, newSize, path } = split;
  if (!(oldSize > 0 && oldSize < newSize) || path.length > 128)
    malformed(`path: unfit for ${oldSize} of ${newSize}`);
  const before: Uint8Array[] = [];
  let used = 0;
  const walk = (from: number, to: number): Uint8Array => {
    if (to <= oldSize || from >= oldSize) {
      const hash = path[used++];
      if (hash?.length !== 32) return malformed('path: too short, or not of hashes');
      if (to <= oldSize) before.push(hash);
      return hash;
    }
    const middle = from + splitOf(to - from);
    const left = walk(from, middle);
    return nodeHash(left, walk(middle, to));
  };
  const newRoot = walk(0, newSize);
  if (used !== path.length) malformed('path: too long');
  // Complete subtrees, ever smaller: the older tree hangs each on the left of what follows.
  return { oldRoot: before.reduceRight((right, left) => nodeHash(left, right)), newRoot };
}

interface View {
  checkpoint: Checkpoint;
  signatures: VerifiedSignature[];
}

async function openView(
  note: string,
  keys: { log: readonly NoteVerifier[]; witnesses?: readonly NoteVerifier[] },
): Promise<View> {
  await openNote(note, keys.log);
  const { text: body, signatures } = await openNote(note, [...keys.log, ...(keys.witnesses ?? [])]);
  return { checkpoint: parseCheckpoint(body), signatures };
}

function contradiction(evidence: Evidence, views: readonly View[]): Answer | Promise<Answer> {
  const { checkpoint } = views[0]!;
  switch (evidence.kind) {
    case 'split-view':
      return splitView(views.map((view) => view.checkpoint) as [Checkpoint, Checkpoint], evidence.path);
    case 'rollback':
      return views[1]!.checkpoint.size < checkpoint.size
        ? pass(`size ${views[1]!.checkpoint.size} is smaller than ${checkpoint.size}`)
        : fail('EVIDENCE_MALFORMED', 'the second checkpoint is not smaller than the first');
    case 'tile-altered':
      return alteredTile(evidence, checkpoint);
    case 'tile-missing':
      return isTileOf(evidence.tile, checkpoint.size)
        ? pass(`a log of ${checkpoint.size} entries has ${evidence.tile}`)
        : fail('EVIDENCE_MALFORMED', `a log of ${checkpoint.size} entries has no ${evidence.tile}`);
    case 'statement-invalid':
      return invalidStatement(evidence, checkpoint);
    case 'growth-stalled':
      return unknown('a checkpoint does not say how long it stayed the newest');
  }
}

function splitView([a, b]: [Checkpoint, Checkpoint], path: readonly string[]): Answer {
  const [older, newer] = a.size <= b.size ? [a, b] : [b, a];
  if (older.size === newer.size) {
    if (path.length > 0) return fail('EVIDENCE_MALFORMED', 'expected no path for checkpoints of one size');
    return bytesEqual(older.root, newer.root)
      ? fail('EVIDENCE_MALFORMED', 'both checkpoints say the same')
      : pass(`two roots at size ${older.size}`);
  }
  const roots = rootsFromSplit({ oldSize: older.size, newSize: newer.size, path: path.map(base64Decode) });
  if (!bytesEqual(roots.newRoot, newer.root))
    return fail('EVIDENCE_MALFORMED', `the path does not lead to the root at size ${newer.size}`);
  return bytesEqual(roots.oldRoot, older.root)
    ? fail('EVIDENCE_MALFORMED', 'the larger tree extends the smaller one')
    : pass(
        `the tree of ${newer.size} entries holds another tree of ${older.size} than the one that was signed`,
      );
}

function alteredTile(evidence: Extract<Evidence, { kind: 'tile-altered' }>, checkpoint: Checkpoint): Answer {
  const tile = parseTilePath(evidence.tile);
  if (!tile || !isTileOf(evidence.tile, checkpoint.size))
    return fail('EVIDENCE_MALFORMED', `a log of ${checkpoint.size} entries has no ${evidence.tile}`);
  if (evidence.path.length === 0 && evidence.root === '')
    return unknown('the evidence does not show what belongs there');
  const span = spanOf(tile);
  if (span === null) return fail('EVIDENCE_MALFORMED', `${evidence.tile} alone has no path to the root`);
  const root = base64Decode(evidence.root);
  // Whole tiles are the leaves of a tree of their own: its last leaf is what is still incomplete.
  const proven = rootFromInclusion({
    leafHash: root,
    index: tile.index,
    size: Math.ceil(checkpoint.size / span),
    path: evidence.path.map(base64Decode),
  });
  if (!bytesEqual(proven, checkpoint.root))
    return fail('EVIDENCE_MALFORMED', 'the path does not lead to the root of the checkpoint');
  return bytesEqual(rootOfServed(base64Decode(evidence.bytes), tile.level === 'entries'), root)
    ? fail('EVIDENCE_MALFORMED', 'the bytes are what belongs there')
    : pass(`the bytes are not what the log signed at ${evidence.tile}`);
}

/** Root of the hashes that served bytes stand for; nothing for bytes that are no tile. */
function rootOfServed(bytes: Uint8Array, isBundle: boolean): Uint8Array {
  try {
    if (isBundle) return merkleRoot(decodeEntries(bytes).map(leafHash));
  } catch {
    return new Uint8Array();
  }
  if (bytes.length === 0 || bytes.length % 32 !== 0) return new Uint8Array();
  return merkleRoot(Array.from({ length: bytes.length / 32 }, (_, i) => bytes.subarray(i * 32, i * 32 + 32)));
}

async function invalidStatement(
  evidence: Extract<Evidence, { kind: 'statement-invalid' }>,
  checkpoint: Checkpoint,
): Promise<Answer> {
  const entry = base64Decode(evidence.entry);
  const { size, root } = checkpoint;
  const path = evidence.path.map(base64Decode);
  verifyInclusion({ leafHash: leafHash(entry), index: evidence.index, size, path, root });
  const error = await openEnvelope(entry).then(
    () => null,
    (reason: AssayError) => reason,
  );
  // A log may hold entries that are no statements; one that names a signer who did not sign is a forgery.
  return error?.code === 'SIGNATURE_INVALID'
    ? pass(`entry ${evidence.index} is a forged statement: ${error.message}`)
    : fail(
        'EVIDENCE_MALFORMED',
        `entry ${evidence.index} is ${error ? 'no statement' : 'a sound statement'}`,
      );
}

/** What nobody signs: which bytes a server gave, and when. */
function served(evidence: Evidence, views: readonly View[]): Answer {
  if (evidence.kind !== 'rollback')
    return unknown('a server does not sign what it serves: ask it, to see for yourself');
  const [larger, smaller] = views;
  for (const { verifier, timestamp = 0 } of smaller!.signatures) {
    const earlier = larger!.signatures.find(
      (signature) => signature.verifier.vkey === verifier.vkey,
    )?.timestamp;
    if (earlier !== undefined && timestamp > earlier)
      return pass(
        `${verifier.name} cosigned the smaller checkpoint ${timestamp - earlier} s after the larger one`,
      );
  }
  return unknown('no witness cosigned both, so that nothing shows which one came first');
}

/** Entries below a whole tile; null for a tile that leaves out some at its place. */
function spanOf({ level, width }: Tile): number | null {
  if (level === 'entries' || level === 0) return TILE_WIDTH;
  return width === TILE_WIDTH ? TILE_WIDTH ** (level + 1) : null;
}

function isTileOf(path: string, size: number): boolean {
  const tile = parseTilePath(path);
  if (!tile) return false;
  const hashes = Math.floor(size / TILE_WIDTH ** (tile.level === 'entries' ? 0 : tile.level));
  const width = Math.min(hashes - tile.index * TILE_WIDTH, TILE_WIDTH);
  return tile.width === width;
}

const MEMBERS = {
  'split-view': ['notes', 'path'],
  rollback: ['notes'],
  'tile-altered': ['note', 'tile', 'bytes', 'root', 'path'],
  'tile-missing': ['note', 'tile'],
  'statement-invalid': ['note', 'index', 'entry', 'path'],
  'growth-stalled': ['note'],
} as const;
const KINDS = Object.keys(MEMBERS) as Evidence['kind'][];

function parseJson(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (cause) {
    return malformed(`evidence: expected JSON: ${(cause as Error).message}`);
  }
}

const malformed: Fail = (message) => {
  throw new AssayError('EVIDENCE_MALFORMED', message, { next: 'ask for the file as the monitor wrote it' });
};
