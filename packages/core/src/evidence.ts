import { type Checkpoint, parseCheckpoint } from './checkpoint.ts';
import { openEnvelope } from './dsse.ts';
import { base64Decode, bytesEqual } from './encoding.ts';
import { AssayError, type ErrorCode } from './errors.ts';
import { type HashReader, leafHash, merkleRoot, nodeHash, splitOf, verifyInclusion } from './merkle.ts';
import { type NoteVerifier, openNote, type VerifiedSignature } from './note.ts';
import { exactly, type Fail, integer, list, oneOf, text } from './shape.ts';
import { proveSubtreeConsistency, subtreeRoot, verifySubtreeConsistency } from './subtree.ts';
import { decodeEntries, parseTilePath, TILE_WIDTH, type Tile } from './tiles.ts';
import { type Answer, answerOf, fail, pass, unknown } from './verify.ts';

export const EVIDENCE_TYPE = 'application/vnd.assay.evidence.v1+json';

/** The largest bundle in base64: 256 entries of 65,535 bytes, each behind its length. */
const MAX_TEXT = Math.ceil((TILE_WIDTH * 65_537) / 3) * 4;

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
    text(e[name], `evidence.${name}`, malformed, MAX_TEXT);
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

/** Root over the hashes that belong in a tile or bundle, and the path that leads it to the root of the tree. */
export async function proveTile(
  tile: Tile,
  size: number,
  read: HashReader,
): Promise<{ root: Uint8Array; path: Uint8Array[] }> {
  const { start, end } = leavesUnder(tile);
  return {
    root: await subtreeRoot(start, end, read),
    path: await proveSubtreeConsistency(start, end, size, read),
  };
}

/**
 * Why an entry is a forgery: it names a signer who did not sign it, or it repeats a true statement in other bytes,
 * under which its id is not found. Null for a sound statement, and for what is no statement of Assay at all.
 *
 * @example
 * await judgeEntry(entry); // { isStatement: true, forgery: null }
 */
export async function judgeEntry(
  entry: Uint8Array,
): Promise<{ isStatement: boolean; forgery: { code: ErrorCode; reason: string } | null }> {
  try {
    const opened = await openEnvelope(entry);
    if (bytesEqual(opened.entry, entry)) return { isStatement: true, forgery: null };
    const reason = 'its envelope is not canonical JSON (RFC 8785)';
    return { isStatement: true, forgery: { code: 'ENVELOPE_MALFORMED', reason } };
  } catch (error) {
    if (!(error instanceof AssayError)) throw error;
    const { code, message: reason } = error;
    return code === 'SIGNATURE_INVALID'
      ? { isStatement: true, forgery: { code, reason } }
      : { isStatement: false, forgery: null };
  }
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
  const byLog = await openNote(note, keys.log);
  const checkpoint = parseCheckpoint(byLog.text);
  // A log answers for its own name only.
  if (byLog.signatures.every(({ name }) => name !== checkpoint.origin))
    throw new AssayError('SIGNER_NOT_TRUSTED', `no key of ${checkpoint.origin} signed its checkpoint`);
  const { signatures } = await openNote(note, [...keys.log, ...(keys.witnesses ?? [])]);
  return { checkpoint, signatures };
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
  const root = base64Decode(evidence.root);
  verifySubtreeConsistency({
    ...leavesUnder(tile),
    size: checkpoint.size,
    subtreeRoot: root,
    root: checkpoint.root,
    path: evidence.path.map(base64Decode),
  });
  const served = rootOfServed(base64Decode(evidence.bytes), tile);
  return served && bytesEqual(served, root)
    ? fail('EVIDENCE_MALFORMED', 'the bytes are what belongs there')
    : pass(`the bytes are not what the log signed at ${evidence.tile}`);
}

/** Root of the hashes that served bytes stand for; null for bytes that are no tile or bundle of this width. */
function rootOfServed(bytes: Uint8Array, { level, width }: Tile): Uint8Array | null {
  if (level !== 'entries') {
    if (bytes.length !== width * 32) return null;
    return merkleRoot(Array.from({ length: width }, (_, i) => bytes.subarray(i * 32, i * 32 + 32)));
  }
  try {
    const entries = decodeEntries(bytes);
    return entries.length === width ? merkleRoot(entries.map(leafHash)) : null;
  } catch (error) {
    if (error instanceof AssayError) return null;
    throw error;
  }
}

async function invalidStatement(
  evidence: Extract<Evidence, { kind: 'statement-invalid' }>,
  checkpoint: Checkpoint,
): Promise<Answer> {
  const entry = base64Decode(evidence.entry);
  const { size, root } = checkpoint;
  const path = evidence.path.map(base64Decode);
  verifyInclusion({ leafHash: leafHash(entry), index: evidence.index, size, path, root });
  const { isStatement, forgery } = await judgeEntry(entry);
  // A log may hold entries that are no statements.
  return forgery
    ? pass(`entry ${evidence.index} is a forged statement: ${forgery.reason}`)
    : fail(
        'EVIDENCE_MALFORMED',
        `entry ${evidence.index} is ${isStatement ? 'a sound statement' : 'no statement'}`,
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

/** The leaves below a tile or bundle: always a subtree, as a tile begins at a multiple of its full width. */
function leavesUnder({ level, index, width }: Tile): { start: number; end: number } {
  const each = TILE_WIDTH ** (level === 'entries' ? 0 : level);
  const start = index * TILE_WIDTH * each;
  return { start, end: start + width * each };
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
