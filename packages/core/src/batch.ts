import { canonicalJson } from './canonical-json.ts';
import type { Decimal } from './decimal.ts';
import { bytesToHex, concatBytes, fromUtf8, utf8 } from './encoding.ts';
import { AssayError } from './errors.ts';
import { leafHash, type MerkleTree, merkleTree } from './merkle.ts';
import { sha256 } from './sha256.ts';
import { decimal, exactly, type Fail, instant, list, pattern, sha256Hex, text } from './shape.ts';
import type { RowRanges, RowSchema, RowsCommitment } from './statement.ts';

/** One row of a batch: flat JSON with decimal strings. */
export type Row = object;

/** A minute of trading (`candle/v1`): `time` is the minute's start. */
export interface Candle {
  time: string;
  open: Decimal;
  high: Decimal;
  low: Decimal;
  close: Decimal;
  /** In units of the base asset. */
  volume: Decimal;
}

/** One input of a derivation (`material/v1`): an observation with the verdict that admitted it. */
export interface Material {
  stream: string;
  observation: string;
  verdict: string;
}

/** One file (`file/v1`). Its content travels beside the payload and is kept under its digest. */
export interface FileRow {
  /** When it came to be, or was recorded. */
  time: string;
  name: string;
  mediaType: string;
  /** Size of the content. */
  bytes: Decimal;
  /** SHA-256 of the content, in hex. */
  sha256: string;
  /** What its provider says of it: the canonical JSON of an object. A text, so that rows stay flat. */
  metadata: string;
}

/** One reading of a device (`reading/v1`): named decimal strings at a time. */
export type Reading = { time: string } & Record<string, Decimal | null>;

/** One record of a table (`record/v1`): texts by name at a time. What each column must hold is its data contract's to say. */
export type TableRecord = { time: string } & Record<string, string | null>;

/** One row of a derived figure (`figure/v1`): JSON without numbers, so that no float is ever signed. */
export type FigureRow = { time: string } & Record<string, FigureValue>;
export type FigureValue =
  | string
  | boolean
  | null
  | readonly FigureValue[]
  | { readonly [name: string]: FigureValue };

/** Bounds of the files of one observation. */
export const MAX_FILES = 16;
export const MAX_FILES_BYTES = 16 * 1024 * 1024;
const MAX_METADATA = 16_384;
const MAX_VALUES = 32;
const MAX_TEXT = 4_096;
/** Of one figure's row. */
const MAX_DEPTH = 6;
const MAX_MEMBERS = 65_536;

/** Largest payload that one observation may commit to. */
export const MAX_PAYLOAD_BYTES = 4 * 1024 * 1024;
/** Largest payload of a derived figure: a day of ten thousand assets with everything about each. It never comes through the door. */
export const MAX_FIGURE_BYTES = 64 * 1024 * 1024;

/**
 * Commits to rows: their Merkle root, their count, and the content identifier of their NDJSON payload.
 *
 * @throws PAYLOAD_TOO_LARGE, and RangeError for no rows.
 * @example
 * const { commitment, payload } = commitRows(candles, 'candle/v1');
 */
export function commitRows(
  rows: readonly Row[],
  schema: RowSchema,
): { commitment: RowsCommitment; payload: Uint8Array; sha256: string } {
  if (rows.length === 0) throw new RangeError('expected at least one row, got none');
  const payload = encodePayload(rows);
  const limit = schema === 'figure/v1' ? MAX_FIGURE_BYTES : MAX_PAYLOAD_BYTES;
  if (payload.length > limit) {
    throw new AssayError(
      'PAYLOAD_TOO_LARGE',
      `expected at most ${limit} bytes of rows, got ${payload.length}`,
      {
        next: 'send the rows in several batches',
      },
    );
  }
  const root = bytesToHex(treeOfPayload(payload).root);
  const digest = sha256(payload);
  return {
    commitment: { count: rows.length, root, schema, payload: cidOfDigest(digest), bytes: payload.length },
    payload,
    sha256: bytesToHex(digest),
  };
}

/** What a row's leaf hash covers: its canonical JSON. */
export function rowBytes(row: Row): Uint8Array {
  return utf8(canonicalJson(row));
}

/** The stored payload: one canonical row a line (NDJSON). */
export function encodePayload(rows: readonly Row[]): Uint8Array {
  return utf8(rows.map((row) => `${canonicalJson(row)}\n`).join(''));
}

/** Rows of a stored payload. @throws PAYLOAD_MISMATCH when it is not NDJSON. */
export function decodePayload(payload: Uint8Array): Row[] {
  try {
    return fromUtf8(payload)
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Row);
  } catch (cause) {
    throw new AssayError('PAYLOAD_MISMATCH', 'the payload is not one JSON object a line', { cause });
  }
}

/** The tree over the rows of a stored payload. @throws PAYLOAD_MISMATCH when it is not NDJSON. */
export function treeOfPayload(payload: Uint8Array): MerkleTree {
  const leaves: Uint8Array[] = [];
  for (let from = 0; from < payload.length; ) {
    const end = payload.indexOf(0x0a, from);
    if (end < 0) throw new AssayError('PAYLOAD_MISMATCH', 'the payload does not end with a line break');
    // A line is a row's canonical JSON: exactly what its leaf hash covers.
    leaves.push(leafHash(payload.subarray(from, end)));
    from = end + 1;
  }
  return merkleTree(leaves);
}

/** Path from one row to the batch's root. */
export function rowPath(rows: readonly Row[], index: number): Uint8Array[] {
  return treeOfPayload(encodePayload(rows)).path(index);
}

/** CIDv1 of some bytes: raw codec, sha2-256, base32 (multiformats). */
export function cidOf(bytes: Uint8Array): string {
  return cidOfDigest(sha256(bytes));
}

/**
 * Checks one row against its schema, exactly. A null value has the right shape: whether it is acceptable is
 * the data contract's question, whose answer is logged.
 *
 * @throws through `fail`, with the path of what is wrong.
 */
export function checkRow(row: unknown, schema: RowSchema, path: string, fail: Fail): Row {
  if (schema === 'candle/v1') {
    const candle = exactly(row, path, ['time', 'open', 'high', 'low', 'close', 'volume'], fail);
    instant(candle.time, `${path}.time`, fail);
    for (const column of ['open', 'high', 'low', 'close', 'volume'] as const) {
      if (candle[column] !== null) decimal(candle[column], `${path}.${column}`, fail);
    }
    return candle;
  }
  if (schema === 'material/v1') {
    const material = exactly(row, path, ['stream', 'observation', 'verdict'], fail);
    text(material.stream, `${path}.stream`, fail, 120);
    for (const id of ['observation', 'verdict'] as const) sha256Hex(material[id], `${path}.${id}`, fail);
    return material;
  }
  if (schema === 'file/v1') return checkFile(row, path, fail);
  if (schema === 'reading/v1') return checkReading(row, path, fail);
  if (schema === 'record/v1') return checkRecord(row, path, fail);
  if (schema === 'figure/v1') return checkFigure(row, path, fail);
  const rate = exactly(row, path, ['time', 'rate', 'venues', 'excluded'], fail, ['partitions']);
  instant(rate.time, `${path}.time`, fail);
  decimal(rate.rate, `${path}.rate`, fail);
  for (const group of ['venues', 'excluded'] as const) {
    list(
      rate[group],
      `${path}.${group}`,
      (venue, at) => text((venue as { stream?: unknown } | null)?.stream, `${at}.stream`, fail),
      fail,
    );
  }
  return rate;
}

function checkFile(row: unknown, path: string, fail: Fail): Row {
  const file = exactly(row, path, ['time', 'name', 'mediaType', 'bytes', 'sha256', 'metadata'], fail);
  instant(file.time, `${path}.time`, fail);
  const name = text(file.name, `${path}.name`, fail, 255);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a name with control characters could forge a listing.
  if (name === '' || /[\u0000-\u001f\u007f/\\]/.test(name))
    fail(`${path}.name: expected a file name without separators or control characters`);
  pattern(
    file.mediaType,
    `${path}.mediaType`,
    /^[a-z0-9][a-z0-9.+-]{0,63}\/[a-z0-9][a-z0-9.+-]{0,63}$/,
    'a media type like image/png',
    fail,
  );
  pattern(file.bytes, `${path}.bytes`, /^(0|[1-9]\d{0,9})$/, 'a size in bytes as a decimal string', fail);
  sha256Hex(file.sha256, `${path}.sha256`, fail);
  metadataOf(text(file.metadata, `${path}.metadata`, fail, MAX_METADATA), `${path}.metadata`, fail);
  return file;
}

/** What a file's row declares of it. @throws through `fail` when it is not the canonical JSON of an object. */
export function metadataOf(metadata: string, path: string, fail: Fail): Readonly<Record<string, unknown>> {
  let value: unknown;
  let canonical = '';
  try {
    value = JSON.parse(metadata);
    canonical = canonicalJson(value);
  } catch {
    return fail(`${path}: expected JSON`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value) || canonical !== metadata)
    return fail(`${path}: expected the canonical JSON (RFC 8785) of an object`);
  return value as Record<string, unknown>;
}

function checkReading(row: unknown, path: string, fail: Fail): Row {
  const values = namedValues(row, path, fail);
  for (const [name, value] of Object.entries(values))
    if (value !== null) decimal(value, `${path}.${name}`, fail);
  return row as Row;
}

function checkRecord(row: unknown, path: string, fail: Fail): Row {
  const values = namedValues(row, path, fail);
  for (const [name, value] of Object.entries(values))
    if (value !== null) text(value, `${path}.${name}`, fail, MAX_TEXT);
  return row as Row;
}

function checkFigure(row: unknown, path: string, fail: Fail): Row {
  const values = namedValues(row, path, fail);
  let members = 0;
  const check = (value: unknown, at: string, depth: number): void => {
    members += 1;
    if (members > MAX_MEMBERS) fail(`${path}: expected at most ${MAX_MEMBERS} members`);
    if (value === null || typeof value === 'boolean') return;
    if (typeof value !== 'object') {
      text(value, at, fail, MAX_TEXT);
      return;
    }
    if (depth === MAX_DEPTH) fail(`${at}: expected at most ${MAX_DEPTH} levels`);
    for (const [name, inner] of Object.entries(value)) check(inner, `${at}.${name}`, depth + 1);
  };
  for (const [name, value] of Object.entries(values)) check(value, `${path}.${name}`, 1);
  return row as Row;
}

/** A row's members beside its time. */
function namedValues(row: unknown, path: string, fail: Fail): Record<string, unknown> {
  if (typeof row !== 'object' || row === null || Array.isArray(row))
    return fail(`${path}: expected an object`);
  const { time, ...values } = row as Record<string, unknown>;
  instant(time, `${path}.time`, fail);
  const names = Object.keys(values);
  if (names.length === 0 || names.length > MAX_VALUES)
    fail(`${path}: expected 1 to ${MAX_VALUES} values, got ${names.length}`);
  for (const name of names)
    pattern(
      name,
      `${path}: the name of a value`,
      /^[A-Za-z_][A-Za-z0-9_]{0,62}$/,
      'letters, digits and _',
      fail,
    );
  return values;
}

/** Whether a row lies in some ranges. */
export function inRanges(ranges: RowRanges, index: number): boolean {
  return ranges.some(([from, to]) => from <= index && index <= to);
}

function cidOfDigest(digest: Uint8Array): string {
  return `b${base32(concatBytes(Uint8Array.of(0x01, 0x55, 0x12, 0x20), digest))}`;
}

function base32(bytes: Uint8Array): string {
  const alphabet = 'abcdefghijklmnopqrstuvwxyz234567';
  let out = '';
  let bits = 0;
  let value = 0;
  for (const byte of bytes) {
    value = ((value << 8) | byte) & 0xffff;
    for (bits += 8; bits >= 5; bits -= 5) out += alphabet[(value >> (bits - 5)) & 31];
  }
  return bits > 0 ? out + alphabet[(value << (5 - bits)) & 31] : out;
}
