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
import { leafHash, merkleRoot } from './hashing.ts';
import type { TileStore } from './tile-store.ts';

/** An entry and its place-independent hash. */
export interface Leaf {
  readonly entry: Uint8Array;
  readonly hash: Uint8Array;
}

/** The growing right side of the tree: all that is needed to append, at most 255 hashes a level. */
export interface Edge {
  readonly size: number;
  /** Entries of the partial bundle. */
  readonly entries: readonly Uint8Array[];
  /** Hashes of the partial tile of each level, level 0 first. */
  readonly levels: readonly (readonly Uint8Array[])[];
}

export const EMPTY_EDGE: Edge = { size: 0, entries: [], levels: [] };

/** Appends leaves: the new edge, and every tile and bundle that became full on the way, by path. */
export function grow(edge: Edge, leaves: readonly Leaf[]): { edge: Edge; full: Map<string, Uint8Array> } {
  const full = new Map<string, Uint8Array>();
  const levels = edge.levels.map((hashes) => [...hashes]);
  let entries = [...edge.entries];
  let size = edge.size;
  for (const leaf of leaves) {
    size++;
    entries.push(leaf.entry);
    if (entries.length === TILE_WIDTH) {
      full.set(fullPath('entries', size / TILE_WIDTH - 1), encodeEntries(entries));
      entries = [];
    }
    let hash = leaf.hash;
    for (let level = 0; ; level++) {
      levels[level] ??= [];
      const hashes = levels[level]!;
      hashes.push(hash);
      if (hashes.length < TILE_WIDTH) break;
      full.set(fullPath(level, size / TILE_WIDTH ** (level + 1) - 1), concatBytes(...hashes));
      hash = merkleRoot(hashes);
      levels[level] = [];
    }
  }
  return { edge: { size, entries, levels }, full };
}

/** Root of the tree that ends in an edge (RFC 6962 section 2.1). */
export function rootOfEdge(edge: Edge): Uint8Array {
  // On every level the full tiles' hashes stand to the left of what is still incomplete below, which is how
  // MTH splits: always at the largest power of two.
  let incomplete: Uint8Array[] = [];
  for (const hashes of edge.levels) {
    if (hashes.length > 0 || incomplete.length > 0) incomplete = [merkleRoot([...hashes, ...incomplete])];
  }
  return incomplete[0] ?? EMPTY_ROOT;
}

/** Bytes of a partial tile or bundle of the edge. */
export function edgeTile(edge: Edge, { level, width }: Tile): Uint8Array {
  if (level === 'entries') return encodeEntries(edge.entries.slice(0, width));
  return concatBytes(...(edge.levels[level] ?? []).slice(0, width));
}

/**
 * Reads the edge of a size back from stored tiles.
 *
 * @throws LEDGER_CORRUPT when a tile is missing or its entries do not hash to its leaves.
 */
export async function readEdge(tiles: TileStore, size: number): Promise<Edge> {
  const levels: Uint8Array[][] = [];
  for (let level = 0; size >= TILE_WIDTH ** level; level++) {
    const { full: index, partialWidth: width } = tilesAt(level, size);
    levels.push(width === 0 ? [] : splitHashes(await readPrefix(tiles, { level, index, width }), width));
  }
  const { full: index, partialWidth: width } = tilesAt(0, size);
  const bundle: Tile = { level: 'entries', index, width };
  const entries = width === 0 ? [] : decodeEntries(await readPrefix(tiles, bundle)).slice(0, width);
  const hashes = levels[0] ?? [];
  if (entries.length !== width || entries.some((entry, i) => !bytesEqual(leafHash(entry), hashes[i]!))) {
    throw corrupt(`the entries of ${tilePath(bundle)} do not hash to tile level 0`, {
      path: tilePath(bundle),
    });
  }
  return { size, entries, levels };
}

/** The hashes of a tile's bytes. */
export function splitHashes(bytes: Uint8Array, width: number): Uint8Array[] {
  if (bytes.length < width * 32) {
    throw corrupt(`expected a tile of ${width} hashes of 32 bytes, got ${bytes.length} bytes`);
  }
  return Array.from({ length: width }, (_, i) => bytes.subarray(i * 32, i * 32 + 32));
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

/** A partial tile may have been collected once the full one was stored; that one begins with the same bytes. */
async function readPrefix(tiles: TileStore, tile: Tile): Promise<Uint8Array> {
  const bytes = (await tiles.get(tilePath(tile))) ?? (await tiles.get(fullPath(tile.level, tile.index)));
  if (!bytes) throw corrupt(`${tilePath(tile)} is missing`, { path: tilePath(tile) });
  return bytes;
}
