import { AssayError } from './errors.ts';
import { type HashReader, merkleRoot } from './merkle.ts';

/** Hashes in a full tile; a tile spans 8 levels of the tree (C2SP tlog-tiles). */
export const TILE_WIDTH = 256;
/** Largest log entry: its length is written in 16 bits. */
export const MAX_ENTRY_BYTES = 65_535;

/** One tile of hashes (`level` 0–63) or one bundle of entries. `width` below 256 marks a partial one. */
export interface Tile {
  level: number | 'entries';
  index: number;
  width: number;
}

/**
 * Path of a tile below the log's prefix (C2SP tlog-tiles, "Merkle Tree").
 *
 * @example
 * tilePath({ level: 0, index: 1234067, width: 256 }); // 'tile/0/x001/x234/067'
 */
export function tilePath({ level, index, width }: Tile): string {
  const groups = [String(index % 1000).padStart(3, '0')];
  for (let rest = Math.floor(index / 1000); rest > 0; rest = Math.floor(rest / 1000)) {
    groups.unshift(`x${String(rest % 1000).padStart(3, '0')}`);
  }
  return `tile/${level}/${groups.join('/')}${width < TILE_WIDTH ? `.p/${width}` : ''}`;
}

/** The tile that a path names, or null for a path that names none: the inverse of {@link tilePath}. */
export function parseTilePath(path: string): Tile | null {
  const match = /^tile\/(entries|\d{1,2})\/((?:x\d{3}\/){0,5}\d{3})(?:\.p\/(\d{1,3}))?$/.exec(path);
  if (!match) return null;
  const tile: Tile = {
    level: match[1] === 'entries' ? 'entries' : Number(match[1]),
    index: Number(match[2]!.replaceAll(/[x/]/g, '')),
    width: match[3] === undefined ? TILE_WIDTH : Number(match[3]),
  };
  // One spelling each: comparing with the path it would get rejects leading zeros and needless groups.
  return tilePath(tile) === path && tile.width > 0 && (tile.level === 'entries' || tile.level < 64)
    ? tile
    : null;
}

/** Tiles of hashes that a tree of `size` has at a level: full ones, then at most one partial. */
export function tilesAt(level: number, size: number): { full: number; partialWidth: number } {
  const hashes = Math.floor(size / TILE_WIDTH ** level);
  return { full: Math.floor(hashes / TILE_WIDTH), partialWidth: hashes % TILE_WIDTH };
}

/** Every tile of a tree of `newSize` that the tree of `oldSize` did not have: hashes and entry bundles. */
export function tilesFor(oldSize: number, newSize: number): Tile[] {
  const tiles: Tile[] = [];
  for (let level = 0; newSize >= TILE_WIDTH ** level; level++) {
    const before = tilesAt(level, oldSize);
    const after = tilesAt(level, newSize);
    for (let index = before.full; index < after.full; index++)
      tiles.push({ level, index, width: TILE_WIDTH });
    const grew = after.full > before.full || after.partialWidth > before.partialWidth;
    if (grew && after.partialWidth > 0) tiles.push({ level, index: after.full, width: after.partialWidth });
  }
  const bundles = tiles
    .filter((tile) => tile.level === 0)
    .map((tile) => ({ ...tile, level: 'entries' as const }));
  return [...tiles, ...bundles];
}

/** An entry bundle: each entry behind its 16-bit big-endian length. @throws ENTRY_TOO_LARGE */
export function encodeEntries(entries: readonly Uint8Array[]): Uint8Array {
  const bundle = new Uint8Array(entries.reduce((total, entry) => total + 2 + entry.length, 0));
  let at = 0;
  for (const entry of entries) {
    if (entry.length > MAX_ENTRY_BYTES) {
      throw new AssayError(
        'ENTRY_TOO_LARGE',
        `expected an entry of at most ${MAX_ENTRY_BYTES} bytes, got ${entry.length}`,
        {
          next: 'split the batch, or keep the content outside the ledger and log its digest',
        },
      );
    }
    bundle[at] = entry.length >> 8;
    bundle[at + 1] = entry.length;
    bundle.set(entry, at + 2);
    at += 2 + entry.length;
  }
  return bundle;
}

/** Entries of a bundle. @throws TILE_INVALID when a length points beyond the end. */
export function decodeEntries(bundle: Uint8Array): Uint8Array[] {
  const entries: Uint8Array[] = [];
  for (let at = 0; at < bundle.length; ) {
    const end = at + 2 + ((bundle[at]! << 8) | (bundle[at + 1] ?? 0));
    if (at + 2 > bundle.length || end > bundle.length) {
      throw new AssayError('TILE_INVALID', `the entry bundle ends inside entry ${entries.length}`);
    }
    entries.push(bundle.subarray(at + 2, end));
    at = end;
  }
  return entries;
}

/**
 * Reads the hashes of a published tree of `size` from its tiles, as any client of the log would.
 *
 * @param fetchTile The bytes of a tile, or null where it is not (any more) served: a partial tile may be
 *   gone once the full one is there, which is then read in its place.
 * @throws TILE_INVALID when a tile is missing or has the wrong length.
 * @example
 * await proveInclusion(7, size, tileHashReader(size, (tile) => download(tilePath(tile))));
 */
export function tileHashReader(
  size: number,
  fetchTile: (tile: Tile) => Promise<Uint8Array | null>,
): HashReader {
  const read = async (level: number, index: number): Promise<Uint8Array> => {
    const { full, partialWidth } = tilesAt(level, size);
    const width = index < full ? TILE_WIDTH : partialWidth;
    const tile = { level, index, width };
    const bytes =
      (await fetchTile(tile)) ??
      (width < TILE_WIDTH ? await fetchTile({ ...tile, width: TILE_WIDTH }) : null);
    if (!bytes || bytes.length < width * 32 || bytes.length % 32 !== 0) {
      throw new AssayError(
        'TILE_INVALID',
        `expected ${width} hashes in ${tilePath(tile)}, got ${bytes ? `${bytes.length} bytes` : 'nothing'}`,
      );
    }
    return bytes;
  };
  const tiles = new Map<string, Promise<Uint8Array>>();
  return async (level, index) => {
    const tileLevel = Math.floor(level / 8);
    const below = 2 ** (level % 8);
    const tileIndex = Math.floor((index * below) / TILE_WIDTH);
    const key = `${tileLevel}/${tileIndex}`;
    const tile = tiles.get(key) ?? read(tileLevel, tileIndex);
    tiles.set(key, tile);
    const bytes = await tile;
    const first = (index * below) % TILE_WIDTH;
    return merkleRoot(
      Array.from({ length: below }, (_, i) => bytes.subarray((first + i) * 32, (first + i + 1) * 32)),
    );
  };
}
