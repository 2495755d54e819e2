import {
  AssayError,
  bytesEqual,
  concatBytes,
  decodeEntries,
  EMPTY_ROOT,
  encodeEntries,
  TILE_WIDTH,
  type Tile,
  tilePath,
  tilesAt,
} from '@assay/core';
import { HASH_BYTES, leafHashes, merkleRoot } from './hashing.ts';
import type { TileSource } from './tile-store.ts';

export const TILE_BYTES = TILE_WIDTH * HASH_BYTES;
const NOTHING = new Uint8Array();

/** Neighbouring entries on their way into the tree. */
export interface Batch {
  readonly count: number;
  /** As in an entry bundle (C2SP tlog-tiles). */
  readonly encoded: Uint8Array;
  /** Where in {@link encoded} each entry ends. */
  readonly ends: readonly number[];
  /** Leaf hashes, packed. */
  readonly hashes: Uint8Array;
}

/** The growing right side of the tree: all that is needed to append, at most 255 hashes a level. */
export interface Edge {
  readonly size: number;
  /** The partial entry bundle. */
  readonly bundle: Uint8Array;
  /** The partial tile of each level, level 0 first. */
  readonly levels: readonly Uint8Array[];
}

export const EMPTY_EDGE: Edge = { size: 0, bundle: NOTHING, levels: [] };

/** A batch of entries whose leaf hashes are known. */
export function batchOf(entries: readonly Uint8Array[], hashes: Uint8Array): Batch {
  let end = 0;
  const ends = entries.map((entry) => {
    end += 2 + entry.length;
    return end;
  });
  return { count: entries.length, encoded: encodeEntries(entries), ends, hashes };
}

/** A batch read back from its encoded entries. @throws TILE_INVALID */
export function decodeBatch(encoded: Uint8Array): Batch {
  const entries = decodeEntries(encoded);
  return { ...batchOf(entries, leafHashes(entries)), encoded };
}

/** Appends a batch: the new edge, and every tile and bundle that became full on the way, by path. */
export function grow(edge: Edge, batch: Batch): { edge: Edge; full: Map<string, Uint8Array> } {
  const full = new Map<string, Uint8Array>();
  const bundle = growBundles(edge, batch, full);
  const levels: Uint8Array[] = [];
  let rising = batch.hashes;
  for (let level = 0; level < edge.levels.length || rising.length > 0; level++) {
    const hashes = concatBytes(edge.levels[level] ?? NOTHING, rising);
    const firstTile = tilesAt(level, edge.size).full;
    const roots: Uint8Array[] = [];
    let at = 0;
    for (; at + TILE_BYTES <= hashes.length; at += TILE_BYTES) {
      const tile = hashes.subarray(at, at + TILE_BYTES);
      full.set(fullPath(level, firstTile + roots.length), tile);
      roots.push(merkleRoot(tile));
    }
    // A copy, so that a partial tile does not keep the memory of the full ones before it.
    levels.push(hashes.slice(at));
    rising = concatBytes(...roots);
  }
  return { edge: { size: edge.size + batch.count, bundle, levels }, full };
}

/** Root of the tree that ends in an edge (RFC 6962 section 2.1). */
export function rootOfEdge(edge: Edge): Uint8Array {
  // On every level the full tiles' hashes stand to the left of what is still incomplete below, which is how
  // MTH splits: always at the largest power of two.
  let incomplete: Uint8Array = NOTHING;
  for (const hashes of edge.levels) {
    if (hashes.length > 0 || incomplete.length > 0) incomplete = merkleRoot(concatBytes(hashes, incomplete));
  }
  return incomplete.length > 0 ? incomplete : EMPTY_ROOT;
}

/** Bytes of a partial tile or bundle of the edge, at its present width. */
export function edgeTile(edge: Edge, { level }: Tile): Uint8Array {
  return level === 'entries' ? edge.bundle : (edge.levels[level] ?? NOTHING);
}

/**
 * Reads the edge of a size back from stored tiles.
 *
 * @throws LEDGER_CORRUPT when a tile is missing or its entries do not hash to its leaves.
 */
export async function readEdge(tiles: TileSource, size: number): Promise<Edge> {
  const levels: Uint8Array[] = [];
  for (let level = 0; size >= TILE_WIDTH ** level; level++) {
    const { full: index, partialWidth: width } = tilesAt(level, size);
    const bytes = width === 0 ? NOTHING : await readPrefix(tiles, { level, index, width });
    if (bytes.length < width * HASH_BYTES) {
      throw corrupt(`expected a tile of ${width} hashes of 32 bytes, got ${bytes.length} bytes`);
    }
    levels.push(bytes.subarray(0, width * HASH_BYTES));
  }
  const { full: index, partialWidth: width } = tilesAt(0, size);
  const tile: Tile = { level: 'entries', index, width };
  const entries = width === 0 ? [] : decodeEntries(await readPrefix(tiles, tile)).slice(0, width);
  if (entries.length !== width || !bytesEqual(leafHashes(entries), levels[0] ?? NOTHING)) {
    throw corrupt(`the entries of ${tilePath(tile)} do not hash to tile level 0`, { path: tilePath(tile) });
  }
  return { size, bundle: encodeEntries(entries), levels };
}

export function fullPath(level: Tile['level'], index: number): string {
  return tilePath({ level, index, width: TILE_WIDTH });
}

export function corrupt(message: string, detail?: Record<string, unknown>): AssayError {
  return new AssayError('LEDGER_CORRUPT', `the log is damaged: ${message}`, {
    ...(detail ? { detail } : {}),
    next: 'restore the tiles and the lock from one and the same backup; do not delete either to start anew',
  });
}

/** Cuts the encoded entries where bundles become full; what is left over is the new partial bundle. */
function growBundles(edge: Edge, batch: Batch, full: Map<string, Uint8Array>): Uint8Array {
  let partial = edge.bundle;
  let from = 0;
  let bundle = Math.floor(edge.size / TILE_WIDTH);
  for (let last = (bundle + 1) * TILE_WIDTH - edge.size; last <= batch.count; last += TILE_WIDTH) {
    const to = batch.ends[last - 1]!;
    full.set(fullPath('entries', bundle++), concatBytes(partial, batch.encoded.subarray(from, to)));
    partial = NOTHING;
    from = to;
  }
  return concatBytes(partial, batch.encoded.subarray(from));
}

/** A partial tile may have been collected once the full one was stored; that one begins with the same bytes. */
async function readPrefix(tiles: TileSource, tile: Tile): Promise<Uint8Array> {
  const bytes = (await tiles.get(tilePath(tile))) ?? (await tiles.get(fullPath(tile.level, tile.index)));
  if (!bytes) throw corrupt(`${tilePath(tile)} is missing`, { path: tilePath(tile) });
  return bytes;
}
