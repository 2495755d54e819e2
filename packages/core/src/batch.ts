import { canonicalJson } from './canonical-json.ts';
import type { Decimal } from './decimal.ts';
import { bytesToHex, concatBytes, fromUtf8, utf8 } from './encoding.ts';
import { AssayError } from './errors.ts';
import { leafHash, type MerkleTree, merkleTree } from './merkle.ts';
import { sha256 } from './sha256.ts';
import { decimal, exactly, type Fail, instant, list, sha256Hex, text } from './shape.ts';
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

/** Largest payload that one observation may commit to. */
export const MAX_PAYLOAD_BYTES = 4 * 1024 * 1024;

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
  if (payload.length > MAX_PAYLOAD_BYTES) {
    throw new AssayError(
      'PAYLOAD_TOO_LARGE',
      `expected at most ${MAX_PAYLOAD_BYTES} bytes of rows, got ${payload.length}`,
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
