import { readdir } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import {
  AssayError,
  bytesEqual,
  type Checkpoint,
  decodeEntries,
  encodeEntries,
  fromUtf8,
  type NoteVerifier,
  openNote,
  parseCheckpoint,
  parseNote,
  parseTilePath,
  TILE_WIDTH,
  type Tile,
  tilePath,
  tilesAt,
} from '@assay/core';
import { HASH_BYTES, leafHashes, merkleRoot } from './hashing.ts';
import { inParallel } from './in-parallel.ts';
import type { TileSource } from './tile-store.ts';
import { EMPTY_EDGE, fullPath, rootOfEdge, TILE_BYTES } from './tree.ts';

const PARALLEL_READS = 16;
/** A log damaged all over says so with the first thousands. */
const MAX_PROBLEMS = 10_000;

/** What is wrong with one file of a log. */
export interface Problem {
  path: string;
  message: string;
}

export interface FsckReport {
  checkpoint: Checkpoint;
  /** Names of the keys whose signatures were verified; none when no key was given. */
  signedBy: string[];
  entries: number;
  /** Files read and found right, the checkpoint included. */
  files: number;
  problems: Problem[];
  /** Tiles for entries after the checkpoint: a running log writes them before it publishes. */
  beyond: number;
}

/**
 * Re-hashes a whole log: every entry against its leaf, every tile against the one above, the last against the root
 * of the checkpoint. Each file is held against its neighbours only, so that a damaged one is named, and not
 * everything above it.
 *
 * @param log.files every file of the log's folder, where it can be listed: then older partial tiles are checked too,
 *   and strangers are named.
 * @param log.verifiers keys of the log and its witnesses; without any the signatures are not verified.
 * @throws NOT_FOUND when there is no checkpoint, NOTE_MALFORMED, CHECKPOINT_MALFORMED, NOTE_SIGNATURE_INVALID,
 *   NOTE_UNSIGNED when it is not one, or not of these keys.
 * @example
 * const { problems } = await fsck({ source: directoryTileStore('data/log'), verifiers: [parseVkey(vkey)] });
 */
export async function fsck(log: {
  source: TileSource;
  verifiers?: readonly NoteVerifier[];
  files?: readonly string[];
  onProgress?: (entries: number, size: number) => void;
}): Promise<FsckReport> {
  const { source, verifiers = [], files, onProgress } = log;
  const { checkpoint, signedBy } = await readCheckpoint(source, verifiers);
  const { size } = checkpoint;
  const report: FsckReport = { checkpoint, signedBy, entries: 0, files: 1, problems: [], beyond: 0 };
  const problem = (path: string, message: string) => {
    if (report.problems.length < MAX_PROBLEMS) report.problems.push({ path, message });
  };

  /** A tile's bytes and the path at which they were found; the full tile begins with every partial one. */
  async function read(tile: Tile): Promise<{ path: string; bytes: Uint8Array } | null> {
    for (const path of new Set([tilePath(tile), fullPath(tile.level, tile.index)])) {
      const bytes = await source.get(path);
      if (!bytes) continue;
      report.files++;
      return { path, bytes };
    }
    problem(tilePath(tile), 'is missing');
    return null;
  }

  /** Reads a tile of hashes and holds it against what is below it. Gives what stands there, to go on with. */
  async function checkTile(
    tile: Tile & { level: number },
    expected: Uint8Array,
    below: (i: number) => string,
  ) {
    const found = await read(tile);
    if (!found) return expected;
    const length = tile.width * HASH_BYTES;
    if (found.bytes.length !== (found.path === tilePath(tile) ? length : TILE_BYTES)) {
      problem(found.path, `expected ${length} bytes, got ${found.bytes.length}`);
      return expected;
    }
    const hashes = found.bytes.subarray(0, length);
    const [first, ...more] = differences(hashes, expected);
    if (first !== undefined)
      problem(
        found.path,
        `hash ${first} is not that of ${below(first)}${more.length > 0 ? `, and ${more.length} more after it` : ''}`,
      );
    return hashes;
  }

  async function checkBundle(tile: Tile & { level: number }): Promise<Uint8Array> {
    const bundle: Tile = { ...tile, level: 'entries' };
    const found = await read(bundle);
    const entries = found ? decodeOrNull(found.bytes) : [];
    const whole = found?.path === tilePath(bundle);
    if (!entries) problem(found!.path, 'is cut short inside an entry');
    else if (found && (whole ? entries.length !== tile.width : entries.length < tile.width))
      problem(found.path, `expected ${tile.width} entries, got ${entries.length}`);
    const hashes = new Uint8Array(tile.width * HASH_BYTES);
    hashes.set(leafHashes((entries ?? []).slice(0, tile.width)));
    const first = tile.index * TILE_WIDTH;
    report.entries += tile.width;
    onProgress?.(report.entries, size);
    return checkTile(tile, hashes, (i) => `entry ${first + i}`);
  }

  const edge: Uint8Array[] = [];
  let below = new Uint8Array();
  for (let level = 0; size >= TILE_WIDTH ** level; level++) {
    const { full, partialWidth } = tilesAt(level, size);
    const expected = below;
    const roots = new Uint8Array(full * HASH_BYTES);
    const check = (tile: Tile & { level: number }) => {
      if (level === 0) return checkBundle(tile);
      const at = tile.index * TILE_BYTES;
      const name = (i: number) => fullPath(level - 1, tile.index * TILE_WIDTH + i);
      return checkTile(tile, expected.subarray(at, at + tile.width * HASH_BYTES), name);
    };
    await inParallel(numbers(full), PARALLEL_READS, async (index) => {
      roots.set(merkleRoot(await check({ level, index, width: TILE_WIDTH })), index * HASH_BYTES);
    });
    edge.push(partialWidth > 0 ? await check({ level, index: full, width: partialWidth }) : new Uint8Array());
    below = roots;
  }
  if (!bytesEqual(rootOfEdge({ ...EMPTY_EDGE, levels: edge }), checkpoint.root))
    problem('checkpoint', `its root is not that of the ${size} entries below it`);
  if (files) await checkOthers(files, source, size, report, problem);
  return report;
}

/** Every file below a folder, as paths of the log; files that take shape are none of it. */
export async function listLog(folder: string): Promise<string[]> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true });
  return found
    .filter((file) => file.isFile())
    .map((file) => relative(folder, join(file.parentPath, file.name)).split(sep).join('/'))
    .filter((path) => !path.startsWith('.tmp/'));
}

async function readCheckpoint(source: TileSource, verifiers: readonly NoteVerifier[]) {
  const bytes = await source.get('checkpoint');
  if (!bytes) {
    throw new AssayError('NOT_FOUND', 'there is no checkpoint here', {
      next: 'name the folder or URL prefix of a log, in which "checkpoint" and "tile" lie',
    });
  }
  const note = fromUtf8(bytes);
  const checkpoint = parseCheckpoint(parseNote(note).text);
  if (verifiers.length === 0) return { checkpoint, signedBy: [] };
  const { signatures } = await openNote(note, verifiers);
  return { checkpoint, signedBy: signatures.map(({ name }) => name) };
}

/** Files that the checkpoint does not ask for: older partial tiles, tiles of the future, and strangers. */
async function checkOthers(
  files: readonly string[],
  source: TileSource,
  size: number,
  report: FsckReport,
  problem: (path: string, message: string) => void,
): Promise<void> {
  await inParallel(files, PARALLEL_READS, async (path) => {
    if (path === 'checkpoint') return;
    const tile = parseTilePath(path);
    if (!tile) return problem(path, 'is no part of a log');
    const { full, partialWidth } = tilesAt(tile.level === 'entries' ? 0 : tile.level, size);
    const width = tile.index < full ? TILE_WIDTH : tile.index === full ? partialWidth : 0;
    if (tile.width === width) return;
    if (tile.width > width) {
      report.beyond++;
      return;
    }
    const [older, current] = await Promise.all([source.get(path), source.get(tilePath({ ...tile, width }))]);
    // One that is gone by now was collected meanwhile; what is wrong with the current one is said already.
    if (!older || !current) return;
    report.files++;
    const begins =
      tile.level === 'entries' ? firstEntries(current, tile.width) : current.subarray(0, older.length);
    const length = tile.level === 'entries' ? older.length : tile.width * HASH_BYTES;
    if (older.length !== length || !begins || !bytesEqual(older, begins))
      problem(path, `is not the beginning of ${tilePath({ ...tile, width })}`);
  });
}

function firstEntries(bundle: Uint8Array, count: number): Uint8Array | null {
  const entries = decodeOrNull(bundle);
  return entries && encodeEntries(entries.slice(0, count));
}

function decodeOrNull(bundle: Uint8Array): Uint8Array[] | null {
  try {
    return decodeEntries(bundle);
  } catch {
    return null;
  }
}

/** Places at which two lists of hashes differ. */
function differences(hashes: Uint8Array, expected: Uint8Array): number[] {
  if (Buffer.compare(hashes, expected) === 0) return [];
  return numbers(hashes.length / HASH_BYTES).filter((i) => {
    const [from, to] = [i * HASH_BYTES, (i + 1) * HASH_BYTES];
    return !bytesEqual(hashes.subarray(from, to), expected.subarray(from, to));
  });
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}
