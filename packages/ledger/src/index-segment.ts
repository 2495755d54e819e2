import { closeSync, existsSync, fstatSync, mkdirSync, openSync, readSync, renameSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import {
  bytesToHex,
  decodeEntries,
  type IndexSegment,
  indexRecords,
  placeOfRecord,
  proveRange,
  RECORD_BYTES,
  TILE_WIDTH,
} from '@assay/core';
import { HASH_BYTES, leafHashes, merkleRoot, sha256 } from './hashing.ts';
import type { TileSource } from './tile-store.ts';
import { corrupt, fullPath } from './tree.ts';

/** Segments of one size are merged into the next by so many. */
const FAN_OUT = 16;
/** Entries of a segment: an entry bundle, 16 bundles … 16,777,216 entries. */
const SPANS = Array.from({ length: 5 }, (_, level) => TILE_WIDTH * FAN_OUT ** level);
/** Leaves under one kept hash; what is below is hashed again when a proof needs it. */
const BLOCK = 256;
const BLOCK_LEVEL = 8;
const COUNT_BYTES = 8;
const READ_RECORDS = 4_096;
/** Records merged between two looks at what else the process has to do. */
const BREATH = 16_384;

/** Entries of a log, from one number up to, not including, another. */
export interface Span {
  from: number;
  to: number;
}

/** First and last key that match, as in core's `queryBounds`. */
export interface Bounds {
  low: Uint8Array;
  high: Uint8Array;
}

/** Sorted index records of a span: a file of records, block hashes, and the number of records. */
export interface SegmentFile extends IndexSegment {
  /** The records that match, with the one before and the one after them, and their path to the root. */
  find(bounds: Bounds): Promise<{ first: number; records: Uint8Array[]; path: Uint8Array[] }>;
  close(): void;
}

/** The spans that cover the full bundles of a log: the largest first, like the digits of a number. */
export function coverOf(size: number): Span[] {
  const cover: Span[] = [];
  let from = 0;
  for (const span of SPANS.toReversed()) {
    for (; from + span <= size; from += span) cover.push({ from, to: from + span });
  }
  return cover;
}

/** Where a segment is kept. */
export function segmentPath(folder: string, { from, to }: Span): string {
  return join(folder, `${from}-${to}`);
}

/**
 * Opens the segment of a span, and makes it from the log's entry bundles when it is not there. The same entries
 * always make the same segment.
 *
 * @throws LEDGER_CORRUPT when an entry bundle is missing.
 */
export async function openSegment(folder: string, span: Span, tiles: TileSource): Promise<SegmentFile> {
  const path = segmentPath(folder, span);
  if (!existsSync(path)) {
    mkdirSync(folder, { recursive: true });
    const sorted =
      span.to - span.from === TILE_WIDTH
        ? await recordsOfBundle(tiles, span.from / TILE_WIDTH)
        : merged(await openParts(folder, span, tiles));
    await writeSegment(path, sorted);
  }
  return readSegment(path, span);
}

function readSegment(path: string, span: Span): SegmentFile {
  const file = openSync(path, 'r');
  const bytes = (position: number, length: number): Buffer => {
    const buffer = Buffer.alloc(length);
    if (readSync(file, buffer, 0, length, position) !== length) throw damaged(path);
    return buffer;
  };
  const { size } = fstatSync(file);
  const count = size < COUNT_BYTES ? 0 : Number(bytes(size - COUNT_BYTES, COUNT_BYTES).readBigUInt64BE());
  const blocks = Math.floor(count / BLOCK);
  if (size !== count * RECORD_BYTES + blocks * HASH_BYTES + COUNT_BYTES || count === 0) {
    closeSync(file);
    throw damaged(path);
  }
  const records = (from: number, to: number) =>
    splitEvery(RECORD_BYTES, bytes(from * RECORD_BYTES, (to - from) * RECORD_BYTES));
  const blockHashes = bytes(count * RECORD_BYTES, blocks * HASH_BYTES);
  const rest = leafHashes(records(blocks * BLOCK, count));

  /** First record from which on `isAfter` holds; it must hold for all later ones. */
  const search = (isAfter: (record: Uint8Array) => boolean) => {
    let low = 0;
    for (let high = count; low < high; ) {
      const middle = (low + high) >>> 1;
      if (isAfter(records(middle, middle + 1)[0]!)) high = middle;
      else low = middle + 1;
    }
    return low;
  };

  async function hash(level: number, index: number): Promise<Uint8Array> {
    const first = index * 2 ** level;
    if (level < BLOCK_LEVEL) return merkleRoot(leafHashes(records(first, first + 2 ** level)));
    const at = (first / BLOCK) * HASH_BYTES;
    return merkleRoot(new Uint8Array(blockHashes.subarray(at, at + 2 ** (level - BLOCK_LEVEL) * HASH_BYTES)));
  }

  return {
    ...span,
    count,
    // The leaves after the last block hang to the right of all blocks, as MTH splits.
    root: bytesToHex(
      merkleRoot(Buffer.concat(rest.length > 0 ? [blockHashes, merkleRoot(rest)] : [blockHashes])),
    ),
    async find(bounds) {
      const first = Math.max(search((record) => placeOfRecord(record, bounds) >= 0) - 1, 0);
      const end = Math.min(search((record) => placeOfRecord(record, bounds) > 0) + 1, count);
      return { first, records: records(first, end), path: await proveRange(first, end, count, hash) };
    },
    close: () => closeSync(file),
  };
}

/** Writes records aside and renames them into place, so that a segment is there whole or not at all. */
async function writeSegment(path: string, sorted: Iterable<Uint8Array>): Promise<void> {
  const unfinished = `${path}.new`;
  const file = await open(unfinished, 'w');
  try {
    const blockHashes: Uint8Array[] = [];
    let block: Uint8Array[] = [];
    let count = 0;
    for (const record of sorted) {
      block.push(record);
      if (++count % BLOCK !== 0) continue;
      blockHashes.push(merkleRoot(leafHashes(block)));
      await file.write(Buffer.concat(block));
      block = [];
      if (count % BREATH === 0) await setImmediate();
    }
    const footer = Buffer.alloc(COUNT_BYTES);
    footer.writeBigUInt64BE(BigInt(count));
    await file.write(Buffer.concat([...block, ...blockHashes, footer]));
    await file.sync();
  } finally {
    await file.close();
  }
  renameSync(unfinished, path);
}

async function recordsOfBundle(tiles: TileSource, bundle: number): Promise<Uint8Array[]> {
  const path = fullPath('entries', bundle);
  const bytes = await tiles.get(path);
  if (!bytes) throw corrupt(`${path} is missing`, { path });
  return decodeEntries(bytes)
    .flatMap((entry, i) => indexRecords(entry, bundle * TILE_WIDTH + i, sha256))
    .sort(Buffer.compare);
}

/** Paths of the parts that make up a larger span, each of them made. */
async function openParts(folder: string, { from, to }: Span, tiles: TileSource): Promise<SegmentReader[]> {
  const span = (to - from) / FAN_OUT;
  const parts: SegmentReader[] = [];
  for (let at = from; at < to; at += span) {
    const part = { from: at, to: at + span };
    const segment = await openSegment(folder, part, tiles);
    segment.close();
    parts.push({ path: segmentPath(folder, part), count: segment.count });
  }
  return parts;
}

interface SegmentReader {
  path: string;
  count: number;
}

function* merged(parts: readonly SegmentReader[]): Iterable<Uint8Array> {
  const readers = parts.map((part) => recordsIn(part));
  const heads = readers.map((reader) => reader.next().value);
  for (;;) {
    let least = -1;
    for (const [i, head] of heads.entries()) {
      if (head && (least < 0 || Buffer.compare(head, heads[least]!) < 0)) least = i;
    }
    if (least < 0) return;
    yield heads[least]!;
    heads[least] = readers[least]!.next().value;
  }
}

function* recordsIn({ path, count }: SegmentReader): Generator<Uint8Array, undefined> {
  const file = openSync(path, 'r');
  try {
    for (let at = 0; at < count; at += READ_RECORDS) {
      const chunk = Buffer.alloc(Math.min(READ_RECORDS, count - at) * RECORD_BYTES);
      readSync(file, chunk, 0, chunk.length, at * RECORD_BYTES);
      yield* splitEvery(RECORD_BYTES, chunk);
    }
  } finally {
    closeSync(file);
  }
}

function splitEvery(width: number, bytes: Buffer): Uint8Array[] {
  const { buffer, byteOffset, length } = bytes;
  return Array.from(
    { length: length / width },
    (_, i) => new Uint8Array(buffer, byteOffset + i * width, width),
  );
}

function damaged(path: string) {
  return corrupt(`the index segment ${path} is damaged`, { path });
}
