import { type Checkpoint, parseCheckpoint } from './checkpoint.ts';
import { didKey } from './did.ts';
import { type Envelope, openEnvelope, parseEnvelope } from './dsse.ts';
import {
  base64Decode,
  bytesToHex,
  compareBytes,
  concatBytes,
  fromUtf8,
  hexToBytes,
  utf8,
} from './encoding.ts';
import { AssayError } from './errors.ts';
import { leafHash, rootFromRange, verifyInclusion } from './merkle.ts';
import { parseNote } from './note.ts';
import type { TrustPolicy } from './policy.ts';
import { sha256 } from './sha256.ts';
import { exactly, type Fail, instant, integer, kindOf, list, oneOf, sha256Hex, text } from './shape.ts';
import { type IndexSegment, PREDICATE } from './statement.ts';
import { type Answer, answerOf, checkCheckpoint, checkWitnesses, fail, pass, unknown } from './verify.ts';

// A log's index is a sorted list of records, cut into segments by entry number. The records of a segment are the
// leaves of an RFC 6962 tree, and the log signs and logs the roots. As records are sorted, the ones that match a
// query stand side by side: showing them together with the record before and the one after shows that there are
// no others. That the records are the right ones is for monitors to say, who make the segment again from the
// entries; the log cannot show one index to them and another to somebody else, because the roots are logged.

export const LOOKUP_TYPE = 'application/vnd.assay.lookup.v1+json';

/** Bytes of an index record: what kind of key, the key, the entry's number. */
export const RECORD_BYTES = 1 + 32 + 8;
const PREFIX_BYTES = 33;

const KEY = { entry: 1, subjectDigest: 2, subjectName: 3, signer: 4, time: 5 } as const;

/** Bounds of what one entry can put into the index. */
const MAX_SIGNATURES = 16;
const MAX_SUBJECTS = 256;
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;
/** The member of a predicate that says when it was made. */
const TIME_MEMBERS = ['observedAt', 'checkedAt', 'derivedAt'];

/**
 * What to look for: a statement by its id; statements about something, by a subject's digest or name or by their
 * stream; by who signed; by when they say they were made, `from` inclusive, `to` exclusive.
 */
export type LookupQuery =
  | { id: string }
  | { subjectDigest: string }
  | { subject: string }
  | { signer: string }
  | { from: string; to: string };

/** Every entry of a log that matches a query, with the proof that there are no others. */
export interface LookupAnswer {
  mediaType: typeof LOOKUP_TYPE;
  query: LookupQuery;
  /** Signed checkpoint with its cosignatures: the log of which the answer speaks. */
  checkpoint: string;
  /** The log's newest statement about its index; null for a log too small to have one. */
  index: { envelope: Envelope; index: number; path: string[] } | null;
  /** For each segment of the statement, neighbouring records in base64, beginning with record number `first`. */
  segments: { first: number; records: string[]; path: string[] }[];
  /** The entries after the last segment, in base64; null when there are too many to send. */
  tail: { entries: string[]; path: string[] } | null;
}

export interface LookupReport {
  outcome: 'verified' | 'failed' | 'inconclusive';
  steps: {
    step: 'checkpoint' | 'witnesses' | 'index' | 'segments' | 'tail';
    status: Answer['status'];
    reason: string;
  }[];
  /** Numbers of the entries that match; complete below {@link complete}. */
  entries: number[];
  /** There are no other matches among entries with smaller numbers. */
  complete: number;
}

/**
 * The index records of one entry, a pure function of its bytes. Entries that are no in-toto statements are found
 * by their digest only.
 *
 * @param hash SHA-256, where a faster one than noble's is at hand.
 */
export function indexRecords(
  entry: Uint8Array,
  index: number,
  hash: (bytes: Uint8Array) => Uint8Array = sha256,
): Uint8Array[] {
  const place = new Uint8Array(8);
  new DataView(place.buffer).setBigUint64(0, BigInt(index));
  const keys = [keyOf(KEY.entry, hash(entry)), ...statementKeys(entry, hash)];
  // A statement may name one subject twice, or its stream as its subject.
  const unique = new Map(keys.map((key) => [bytesToHex(key), key]));
  return [...unique.values()].map((key) => concatBytes(key, place));
}

/** First and last key that match a query: what comes between them matches too. @throws REQUEST_INVALID */
export function queryBounds(query: LookupQuery): { low: Uint8Array; high: Uint8Array } {
  const exact = (key: Uint8Array) => ({ low: key, high: key });
  if ('id' in query) return exact(keyOf(KEY.entry, hexToBytes(query.id)));
  if ('subjectDigest' in query) return exact(keyOf(KEY.subjectDigest, hexToBytes(query.subjectDigest)));
  if ('subject' in query) return exact(keyOf(KEY.subjectName, sha256(utf8(query.subject))));
  if ('signer' in query) return exact(keyOf(KEY.signer, sha256(utf8(query.signer))));
  const [from, to] = [query.from, query.to].map((time) => Date.parse(time));
  if (!(from! < to!)) {
    throw new AssayError('REQUEST_INVALID', `expected "from" before "to", got ${query.from} and ${query.to}`);
  }
  return { low: timeKey(from!), high: timeKey(to! - 1) };
}

/** Number of the entry that a record stands for. */
export function recordIndex(record: Uint8Array): number {
  const view = new DataView(record.buffer, record.byteOffset, record.byteLength);
  return Number(view.getBigUint64(PREFIX_BYTES));
}

/** Where a record lies: negative below what matches, zero within, positive above. */
export function placeOfRecord(
  record: Uint8Array,
  { low, high }: { low: Uint8Array; high: Uint8Array },
): number {
  const prefix = record.subarray(0, PREFIX_BYTES);
  if (compareBytes(prefix, low) < 0) return -1;
  return compareBytes(prefix, high) > 0 ? 1 : 0;
}

/**
 * Verifies a lookup: that these are the log's entries that match, all of them up to `complete` and no others.
 *
 * The log's key vouches for the index, which monitors make again from the entries; the checkpoint and its
 * witnesses vouch for everybody seeing the same one.
 *
 * @example
 * const { entries, complete } = await verifyLookup(parseLookup(json), policy);
 */
export async function verifyLookup(answer: LookupAnswer, policy: TrustPolicy): Promise<LookupReport> {
  const steps: LookupReport['steps'] = [];
  const entries: number[] = [];
  const rung = async (step: LookupReport['steps'][number]['step'], check: () => Answer | Promise<Answer>) => {
    const { status, reason } = await answerOf(check);
    steps.push({ step, status, reason });
    return status === 'pass';
  };
  const bounds = queryBounds(answer.query);
  let checkpoint: Checkpoint = { origin: '', size: 0, root: new Uint8Array(32) };
  let segments: IndexSegment[] = [];
  let covered = 0;

  const signed = await rung('checkpoint', () => {
    checkpoint = parseCheckpoint(parseNote(answer.checkpoint).text);
    return checkCheckpoint({ note: answer.checkpoint, checkpoint }, policy);
  });
  await rung('witnesses', () => checkWitnesses({ note: answer.checkpoint }, policy));
  const indexed = await rung('index', async () => {
    segments = await openIndex(answer, checkpoint, policy);
    covered = segments.at(-1)?.to ?? 0;
    return pass(
      answer.index
        ? `entry ${answer.index.index} commits to ${segments.length} segments, up to entry ${covered}`
        : 'the log has no index yet',
    );
  });
  const shown = await rung('segments', () => {
    if (!indexed) return unknown('there is no index to hold them against');
    if (segments.length !== answer.segments.length)
      return fail('LOOKUP_MALFORMED', `expected ${segments.length} segments, got ${answer.segments.length}`);
    for (const [i, segment] of segments.entries())
      entries.push(...matchesIn(segment, answer.segments[i]!, bounds));
    return pass(`${entries.length} of the first ${covered} entries match`);
  });
  let complete = shown ? covered : 0;
  await rung('tail', () => {
    if (!shown || !signed) return unknown('what comes before it is not proven');
    if (covered === checkpoint.size) return pass('the index covers the whole log');
    if (!answer.tail) return unknown(`entries ${covered} to ${checkpoint.size} are not indexed yet`);
    entries.push(...matchesInTail(answer.tail, covered, checkpoint, bounds));
    complete = checkpoint.size;
    return pass(`the entries from ${covered} to ${checkpoint.size} were read one by one`);
  });

  const required = steps.filter(({ step }) => step !== 'witnesses' || policy.require.includes('witnesses'));
  return {
    outcome: required.some(({ status }) => status === 'fail')
      ? 'failed'
      : required.every(({ status }) => status === 'pass')
        ? 'verified'
        : 'inconclusive',
    steps,
    entries: complete > 0 ? entries.sort((a, b) => a - b) : [],
    complete,
  };
}

/** Reads an answer of unknown origin, exactly. @throws LOOKUP_MALFORMED */
export function parseLookup(input: unknown): LookupAnswer {
  const a = exactly(
    typeof input === 'string' ? parseJson(input) : input,
    'lookup',
    ['mediaType', 'query', 'checkpoint', 'index', 'segments', 'tail'],
    malformed,
  );
  return {
    mediaType: oneOf(a.mediaType, 'lookup.mediaType', [LOOKUP_TYPE], malformed),
    query: parseQuery(a.query, malformed),
    checkpoint: text(a.checkpoint, 'lookup.checkpoint', malformed),
    index: a.index === null ? null : readIndex(a.index),
    segments: list(
      a.segments,
      'lookup.segments',
      (value, at) => {
        const segment = exactly(value, at, ['first', 'records', 'path'], malformed);
        return {
          first: integer(segment.first, `${at}.first`, malformed),
          records: strings(segment.records, `${at}.records`, 100_000),
          path: strings(segment.path, `${at}.path`, 126),
        };
      },
      malformed,
    ),
    tail: a.tail === null ? null : readTail(a.tail),
  };
}

/** Reads a query of unknown origin: exactly one of its forms. */
export function parseQuery(value: unknown, invalid: Fail): LookupQuery {
  const names = value && typeof value === 'object' ? Object.keys(value).sort().join() : kindOf(value);
  const form = oneOf(names, 'query', ['id', 'subjectDigest', 'subject', 'signer', 'from,to'], invalid);
  const query = value as Record<string, unknown>;
  if (form === 'from,to')
    return { from: instant(query.from, 'query.from', invalid), to: instant(query.to, 'query.to', invalid) };
  if (form === 'id') return { id: sha256Hex(query.id, 'query.id', invalid) };
  if (form === 'subjectDigest')
    return { subjectDigest: sha256Hex(query.subjectDigest, 'query.subjectDigest', invalid) };
  if (form === 'subject') return { subject: text(query.subject, 'query.subject', invalid, 300) };
  return { signer: text(query.signer, 'query.signer', invalid, 300) };
}

/** The segments that the log itself committed to. */
async function openIndex(
  { index }: LookupAnswer,
  checkpoint: Checkpoint,
  policy: TrustPolicy,
): Promise<IndexSegment[]> {
  if (!index) return [];
  const { entry, signer, statement } = await openEnvelope(index.envelope);
  const { origin, size, root } = checkpoint;
  const path = index.path.map(base64Decode);
  verifyInclusion({ leafHash: leafHash(entry), index: index.index, size, path, root });
  if (statement.predicateType !== PREDICATE.index || statement.predicate.stream !== origin)
    return malformed(`expected the index of ${origin}, got another statement`);
  const keys = policy.logs.filter((log) => log.origin === origin).map(({ vkey }) => didOfVkey(vkey));
  if (!keys.includes(signer)) {
    throw new AssayError('SIGNER_NOT_TRUSTED', `the index is signed by ${signer}, not by the log's key`);
  }
  const { segments } = statement.predicate;
  // A statement cannot speak of entries that came after it.
  if ((segments.at(-1)?.to ?? 0) > index.index)
    return malformed(`the index claims to cover entry ${index.index}, which is itself`);
  return segments;
}

/** Entries of one segment that match. Shows too that its records on either side of them do not. */
function matchesIn(
  segment: IndexSegment,
  shown: LookupAnswer['segments'][number],
  bounds: { low: Uint8Array; high: Uint8Array },
): number[] {
  const where = `segment ${segment.from} to ${segment.to}`;
  const records = shown.records.map(base64Decode);
  if (records.some(({ length }) => length !== RECORD_BYTES))
    malformed(`${where}: expected records of 41 bytes`);
  const root = rootFromRange({
    from: shown.first,
    leafHashes: records.map(leafHash),
    size: segment.count,
    path: shown.path.map(base64Decode),
  });
  if (bytesToHex(root) !== segment.root) malformed(`${where}: the records lead to another root`);
  if (records.some((record, i) => i > 0 && compareBytes(records[i - 1]!, record) >= 0))
    malformed(`${where}: the records are not in order`);
  const places = records.map((record) => placeOfRecord(record, bounds));
  if (places[0]! >= 0 && shown.first > 0)
    malformed(`${where}: the record before the first match is not shown`);
  if (places.at(-1)! <= 0 && shown.first + records.length < segment.count)
    malformed(`${where}: the record after the last match is not shown`);
  const matches = records.filter((_, i) => places[i] === 0).map(recordIndex);
  if (matches.some((index) => index < segment.from || index >= segment.to))
    malformed(`${where}: a record names an entry outside of it`);
  return matches;
}

function matchesInTail(
  tail: NonNullable<LookupAnswer['tail']>,
  from: number,
  checkpoint: Checkpoint,
  bounds: { low: Uint8Array; high: Uint8Array },
): number[] {
  const entries = tail.entries.map(base64Decode);
  if (from + entries.length !== checkpoint.size)
    malformed(`expected the entries from ${from} to ${checkpoint.size}, got ${entries.length}`);
  const root = rootFromRange({
    from,
    leafHashes: entries.map(leafHash),
    size: checkpoint.size,
    path: tail.path.map(base64Decode),
  });
  if (compareBytes(root, checkpoint.root) !== 0)
    malformed('the entries after the index lead to another root');
  return entries.flatMap((entry, i) =>
    indexRecords(entry, from + i)
      .filter((record) => placeOfRecord(record, bounds) === 0)
      .map(recordIndex),
  );
}

function statementKeys(entry: Uint8Array, hash: (bytes: Uint8Array) => Uint8Array): Uint8Array[] {
  const envelope = readEnvelopeLoosely(entry);
  if (!envelope) return [];
  const { statement, keyids } = envelope;
  const keys = keyids.map((keyid) => keyOf(KEY.signer, hash(utf8(keyid))));
  for (const subject of arrayOf(statement.subject).slice(0, MAX_SUBJECTS)) {
    const { name, digest } = objectOf(subject);
    if (typeof name === 'string') keys.push(keyOf(KEY.subjectName, hash(utf8(name))));
    const { sha256: hex } = objectOf(digest);
    if (typeof hex === 'string' && /^[0-9a-f]{64}$/.test(hex))
      keys.push(keyOf(KEY.subjectDigest, hexToBytes(hex)));
  }
  const predicate = objectOf(statement.predicate);
  if (typeof predicate.stream === 'string') keys.push(keyOf(KEY.subjectName, hash(utf8(predicate.stream))));
  for (const member of TIME_MEMBERS) {
    const time = predicate[member];
    const ms = typeof time === 'string' && INSTANT.test(time) ? Date.parse(time) : Number.NaN;
    if (ms >= 0) keys.push(timeKey(ms));
  }
  return keys;
}

/** Any DSSE envelope with an in-toto statement, also of other producers; null for other entries. */
function readEnvelopeLoosely(
  entry: Uint8Array,
): { statement: Record<string, unknown>; keyids: string[] } | null {
  // Text that begins an object: what is not JSON need not be parsed to be known.
  if (entry[0] !== 0x7b) return null;
  try {
    const envelope = objectOf(JSON.parse(fromUtf8(entry)));
    const statement = objectOf(JSON.parse(fromUtf8(base64Decode(String(envelope.payload)))));
    if (!String(statement._type).startsWith('https://in-toto.io/Statement/')) return null;
    const keyids = arrayOf(envelope.signatures)
      .slice(0, MAX_SIGNATURES)
      .map((one) => objectOf(one).keyid);
    return { statement, keyids: keyids.filter((keyid) => typeof keyid === 'string') };
  } catch {
    return null;
  }
}

function objectOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function arrayOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function keyOf(kind: number, key: Uint8Array): Uint8Array {
  return concatBytes(Uint8Array.of(kind), key);
}

/** Milliseconds of the epoch in the key's first eight bytes, so that keys sort as times do. */
function timeKey(ms: number): Uint8Array {
  const key = new Uint8Array(32);
  new DataView(key.buffer).setBigUint64(0, BigInt(ms));
  return keyOf(KEY.time, key);
}

/** The log's key as a DID: `name+hash+base64(type ‖ public key)`. */
function didOfVkey(vkey: string): string {
  return didKey(base64Decode(vkey.split('+').slice(2).join('+')).slice(1));
}

function readIndex(value: unknown): NonNullable<LookupAnswer['index']> {
  const index = exactly(value, 'lookup.index', ['envelope', 'index', 'path'], malformed);
  return {
    envelope: parseEnvelope(index.envelope),
    index: integer(index.index, 'lookup.index.index', malformed),
    path: strings(index.path, 'lookup.index.path', 63),
  };
}

function readTail(value: unknown): NonNullable<LookupAnswer['tail']> {
  const tail = exactly(value, 'lookup.tail', ['entries', 'path'], malformed);
  return {
    entries: strings(tail.entries, 'lookup.tail.entries', 10_000),
    path: strings(tail.path, 'lookup.tail.path', 126),
  };
}

function strings(value: unknown, path: string, limit: number): string[] {
  return list(value, path, (item, at) => text(item, at, malformed, 100_000), malformed, limit);
}

function parseJson(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (cause) {
    return malformed(`lookup: expected JSON: ${(cause as Error).message}`);
  }
}

const malformed: Fail = (message) => {
  throw new AssayError('LOOKUP_MALFORMED', message, { next: 'ask the log again; do not use this answer' });
};
