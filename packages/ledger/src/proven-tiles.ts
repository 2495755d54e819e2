import {
  AssayError,
  decodeEntries,
  EMPTY_ROOT,
  type HashReader,
  TILE_WIDTH,
  type Tile,
  tilePath,
  tilesAt,
} from '@assay/core';
import { HASH_BYTES, leafHashes, merkleRoot } from './hashing.ts';
import type { TileSource } from './tile-store.ts';

/** Tiles kept in memory, 8 KiB each: those above the leaves are asked for 256 times in a row. */
const KEPT_TILES = 2_048;
const NOTHING = new Uint8Array();

/** What is wrong with one served file. */
export interface TileProblem {
  /**
   * missing: not served. altered: not what the signed root commits to. contradictory: it disagrees with what is
   * below it, and nothing above says which of them is right.
   */
  kind: 'missing' | 'altered' | 'contradictory';
  /** Null when it is the checkpoint that no tiles agree with. */
  tile: Tile | null;
  path: string;
  /** Ends the sentence that the path begins. */
  reason: string;
  /** What was served, cut to the tile's width; null when nothing was. */
  bytes: Uint8Array | null;
}

/** Entries that are in the signed tree. */
export interface ProvenEntries {
  entries: Uint8Array[];
  /** Their leaf hashes, packed. */
  hashes: Uint8Array;
  /** Bytes of the bundle. */
  bytes: Uint8Array;
}

/** The files of one signed tree, none of them believed before it is held against the root. */
export interface ProvenTiles {
  /** Reads one entry bundle and its tile of level 0, and holds both against the root. Null: not proven. */
  entries(index: number): Promise<ProvenEntries | null>;
  /** Proven hashes, for proofs. @throws TILE_INVALID when a tile is not proven. */
  readonly hash: HashReader;
}

/**
 * Reads a served tree from the signed root downwards: the partial tiles give the root, every full tile gives its
 * hash in the tile above, the entries of a bundle give their tile. Where a file does not fit, the ones below it
 * decide whether it is this one that is wrong.
 *
 * @param options.onProblem is told of each wrong file, of some more than once.
 * @example
 * const tiles = provenTiles({ source, size, root, onProblem: ({ path }) => console.log(path) });
 * const bundle = await tiles.entries(0);
 */
export function provenTiles(options: {
  source: TileSource;
  size: number;
  root: Uint8Array;
  onProblem: (problem: TileProblem) => void;
}): ProvenTiles {
  const { source, size, root, onProblem } = options;
  const kept = new Map<string, Promise<Uint8Array | null>>();
  /** The proven partial tile of each level; null when none give the root. */
  let edge: Promise<Uint8Array[] | null> | undefined;

  async function entries(index: number): Promise<ProvenEntries | null> {
    const [bundle, tile] = await Promise.all([read(tileOf('entries', index)), read(tileOf(0, index))]);
    if (await isProven(0, index, bundle.hashes)) {
      if (!same(bundle.hashes, tile.hashes)) report(tile, DISAGREES);
      return bundle as ProvenEntries;
    }
    if (await isProven(0, index, tile.hashes)) report(bundle, difference(bundle, tile));
    else await reportBoth(0, index, tile, bundle);
    return null;
  }

  function tile(level: number, index: number): Promise<Uint8Array | null> {
    const key = `${level}/${index}`;
    const found = kept.get(key) ?? prove(level, index);
    kept.delete(key);
    kept.set(key, found);
    if (kept.size > KEPT_TILES) kept.delete(kept.keys().next().value!);
    return found;
  }

  /** The proven hashes of a tile, or null. */
  async function prove(level: number, index: number): Promise<Uint8Array | null> {
    if (isPartial(level, index)) return (await provenEdge())?.[level] ?? null;
    const served = await read(tileOf(level, index));
    if (await isProven(level, index, served.hashes)) return served.hashes;
    const derived = await derive(served.tile);
    if (await isProven(level, index, derived)) {
      report(served, DISAGREES);
      return derived;
    }
    await reportBoth(level, index, served, null, derived);
    return null;
  }

  const hash: HashReader = async (level, index) => {
    const first = index * 2 ** (level % 8);
    const at = { level: Math.floor(level / 8), index: Math.floor(first / TILE_WIDTH) };
    const hashes = await tile(at.level, at.index);
    if (!hashes) {
      throw new AssayError(
        'TILE_INVALID',
        `${tilePath(tileOf(at.level, at.index))} is not what the root proves`,
      );
    }
    const from = (first % TILE_WIDTH) * HASH_BYTES;
    return merkleRoot(hashes.subarray(from, from + 2 ** (level % 8) * HASH_BYTES));
  };

  async function isProven(level: number, index: number, hashes: Uint8Array | null): Promise<boolean> {
    if (!hashes) return false;
    if (isPartial(level, index)) return same((await provenEdge())?.[level] ?? null, hashes);
    return same(await rootFromAbove(level, index), merkleRoot(hashes));
  }

  /** The root that a tile must have; null when nothing proves it. */
  async function rootFromAbove(level: number, index: number): Promise<Uint8Array | null> {
    if (isPartial(level, index)) return (await provenEdge()) ? root : null;
    const above = await tile(level + 1, Math.floor(index / TILE_WIDTH));
    const at = (index % TILE_WIDTH) * HASH_BYTES;
    return above?.subarray(at, at + HASH_BYTES) ?? null;
  }

  function provenEdge(): Promise<Uint8Array[] | null> {
    edge ??= readEdge();
    return edge;
  }

  /** The partial tile of every level: together they give the root. */
  async function readEdge(): Promise<Uint8Array[] | null> {
    const tiles: Tile[] = [];
    for (let level = 0; size >= TILE_WIDTH ** level; level++)
      tiles.push(tileOf(level, tilesAt(level, size).full));
    const served = await Promise.all(tiles.map(read));
    const hashes = served.map((reading) => reading.hashes);
    if (isComplete(hashes) && same(rootOfEdge(hashes), root)) return hashes;

    // One or more are wrong: those which the files below make again, if that leads to the root.
    const derived = await Promise.all(tiles.map(derive));
    for (const mixed of combinations(hashes.map((own, level) => [own, derived[level]!]))) {
      if (!isComplete(mixed) || !same(rootOfEdge(mixed), root)) continue;
      for (const [level, reading] of served.entries())
        if (!same(reading.hashes, mixed[level]!)) report(reading, DISAGREES);
      return mixed;
    }
    for (const [level, reading] of served.entries()) {
      if (!reading.hashes) report(reading, '');
      else if (derived[level] && !same(reading.hashes, derived[level])) contradict(reading);
    }
    const reason = 'has a root that the served tiles do not give';
    onProblem({ kind: 'contradictory', tile: null, path: 'checkpoint', reason, bytes: null });
    return null;
  }

  /** The hashes of a tile as the files right below it give them; null when one of those cannot be read. */
  async function derive({ level, index, width }: Tile): Promise<Uint8Array | null> {
    if (width === 0) return NOTHING;
    if (level === 0) return (await read(tileOf('entries', index))).hashes;
    const hashes = new Uint8Array(width * HASH_BYTES);
    for (let i = 0; i < width; i++) {
      const below = await read(tileOf((level as number) - 1, index * TILE_WIDTH + i));
      if (!below.hashes) return null;
      hashes.set(merkleRoot(below.hashes), i * HASH_BYTES);
    }
    return hashes;
  }

  /** A partial tile may be gone once the full one is there, which begins with the same bytes. */
  async function read(tile: Tile): Promise<Reading> {
    if (tile.width === 0) return { tile, bytes: NOTHING, hashes: NOTHING, entries: [], reason: '' };
    const bytes = await source.get(tilePath(tile));
    if (bytes) return readTile(tile, tile.width, bytes);
    const full = tile.width < TILE_WIDTH ? await source.get(tilePath({ ...tile, width: TILE_WIDTH })) : null;
    if (full) return readTile(tile, TILE_WIDTH, full);
    return { tile, bytes: null, hashes: null, entries: [], reason: 'is not served' };
  }

  function report(reading: Reading, reason: string): void {
    const { tile, bytes } = reading;
    const kind = bytes ? 'altered' : 'missing';
    onProblem({ kind, tile, path: tilePath(tile), reason: reading.reason || reason, bytes });
  }

  function contradict({ tile, bytes }: Reading): void {
    const reason = 'does not hold the hashes of what is below it';
    onProblem({ kind: 'contradictory', tile, path: tilePath(tile), reason, bytes });
  }

  /** Neither a tile nor what is below it is proven. */
  async function reportBoth(
    level: number,
    index: number,
    upper: Reading,
    lower: Reading | null,
    derived = lower?.hashes ?? null,
  ): Promise<void> {
    const isKnown = (await rootFromAbove(level, index)) !== null;
    for (const reading of lower ? [upper, lower] : [upper]) {
      if (isKnown || !reading.hashes) report(reading, 'is not what the root commits to');
    }
    if (!isKnown && upper.hashes && derived && !same(upper.hashes, derived)) contradict(upper);
  }

  function tileOf(level: Tile['level'], index: number): Tile {
    const { full, partialWidth } = tilesAt(level === 'entries' ? 0 : level, size);
    return { level, index, width: index < full ? TILE_WIDTH : partialWidth };
  }

  function isPartial(level: number, index: number): boolean {
    return index === tilesAt(level, size).full;
  }

  return { entries, hash };
}

const DISAGREES = 'does not hold the hashes of what is below it, which the root proves';

/** A file as it was served, not believed yet. */
interface Reading {
  tile: Tile;
  bytes: Uint8Array | null;
  /** Packed hashes of a tile, leaf hashes of a bundle; null for bytes that are neither. */
  hashes: Uint8Array | null;
  entries: Uint8Array[];
  /** Why there are no hashes. */
  reason: string;
}

/** Reads what was served as a tile of `width`, of which the first `tile.width` hashes or entries count. */
function readTile(tile: Tile, width: number, bytes: Uint8Array): Reading {
  const unreadable = (reason: string): Reading => ({ tile, bytes, hashes: null, entries: [], reason });
  if (tile.level !== 'entries') {
    if (bytes.length !== width * HASH_BYTES)
      return unreadable(`holds ${bytes.length} bytes instead of ${width * HASH_BYTES}`);
    const hashes = bytes.subarray(0, tile.width * HASH_BYTES);
    return { tile, bytes: hashes, hashes, entries: [], reason: '' };
  }
  let entries: Uint8Array[];
  try {
    entries = decodeEntries(bytes);
  } catch (error) {
    return unreadable(`is no entry bundle: ${(error as Error).message}`);
  }
  if (entries.length !== width) return unreadable(`holds ${entries.length} entries instead of ${width}`);
  if (width > tile.width) {
    entries = entries.slice(0, tile.width);
    bytes = bytes.subarray(0, entries.at(-1)!.byteOffset + entries.at(-1)!.length - bytes.byteOffset);
  }
  return { tile, bytes, hashes: leafHashes(entries), entries, reason: '' };
}

/** On every level the hashes of the full tiles stand to the left of what is incomplete below (MTH of RFC 6962). */
function rootOfEdge(levels: readonly Uint8Array[]): Uint8Array {
  let rising: Uint8Array = NOTHING;
  for (const hashes of levels) {
    if (hashes.length > 0 || rising.length > 0) rising = merkleRoot(Buffer.concat([hashes, rising]));
  }
  return rising.length > 0 ? rising : EMPTY_ROOT;
}

/** Every way to choose one of two on each level: at most 2^7 of them. */
function combinations<T>(choices: [T, T][]): T[][] {
  return choices.reduce<T[][]>(
    (all, pair) => all.flatMap((chosen) => pair.map((choice) => [...chosen, choice])),
    [[]],
  );
}

function isComplete(levels: (Uint8Array | null)[]): levels is Uint8Array[] {
  return levels.every((hashes) => hashes !== null);
}

function difference(bundle: Reading, tile: Reading): string {
  if (!bundle.hashes || !tile.hashes) return '';
  let at = 0;
  while (bundle.hashes[at] === tile.hashes[at]) at++;
  const entry = bundle.tile.index * TILE_WIDTH + Math.floor(at / HASH_BYTES);
  return `holds another entry ${entry} than the root proves`;
}

/** Ten times as fast as a loop. */
function same(a: Uint8Array | null, b: Uint8Array | null): boolean {
  return a !== null && b !== null && Buffer.compare(a, b) === 0;
}
