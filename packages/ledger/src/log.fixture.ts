import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  bytesEqual,
  decodeEntries,
  ed25519NoteSigner,
  ed25519Signer,
  fromUtf8,
  leafHash,
  merkleRoot,
  openNote,
  parseCheckpoint,
  parseVkey,
  proveInclusion,
  TILE_WIDTH,
  type Tile,
  tilePath,
  tilesFor,
  utf8,
  verifyInclusion,
} from '@assay/core';
import { directoryTileStore } from './directory-tiles.ts';
import { type Ledger, type LedgerOptions, openLedger } from './ledger.ts';
import { sqliteCheckpointStore } from './sqlite-checkpoints.ts';

export const ORIGIN = 'ledger.test/log';

/** A log in a temporary folder, with the real stores. `dispose` closes and removes everything. */
export async function temporaryLog(folder = mkdtempSync(join(tmpdir(), 'assay-ledger-'))) {
  mkdirSync(folder, { recursive: true });
  const signer = ed25519NoteSigner(ORIGIN, await ed25519Signer(new Uint8Array(32).fill(7)));
  const tiles = directoryTileStore(join(folder, 'log'));
  const checkpoints = sqliteCheckpointStore(join(folder, 'ledger.db'), ORIGIN);
  const opened: Ledger[] = [];
  return {
    folder,
    signer,
    tiles,
    checkpoints,
    async open(overrides: Partial<LedgerOptions> = {}): Promise<Ledger> {
      const ledger = await openLedger({
        origin: ORIGIN,
        signer,
        tiles,
        checkpoints,
        witnesses: [],
        quorum: 0,
        poolForMs: 0,
        publishEveryMs: 0,
        ...overrides,
      });
      opened.push(ledger);
      return ledger;
    },
    async dispose() {
      for (const ledger of opened) await ledger.close();
      checkpoints.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The entry number n. */
export function entry(n: number): Uint8Array {
  return utf8(`entry ${n}`);
}

/** Entries from one number up to, not including, another. */
export function entriesFrom(from: number, to: number): Uint8Array[] {
  return Array.from({ length: to - from }, (_, i) => entry(from + i));
}

/** All of an asynchronous sequence. */
export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = [];
  for await (const item of items) collected.push(item);
  return collected;
}

/**
 * A reader that knows the specifications and nothing of this package: fetches a whole served log, and checks
 * every tile, the root, and inclusion proofs made from the tiles.
 */
export async function verifyServedLog(get: (path: string) => Promise<Uint8Array | null>, vkey: string) {
  const note = fromUtf8((await get('checkpoint'))!);
  const { text } = await openNote(note, [parseVkey(vkey)]);
  const { origin, size, root } = parseCheckpoint(text);

  const fetched = new Map<string, Uint8Array>();
  for (const tile of tilesFor(0, size)) {
    const bytes = (await get(tilePath(tile))) ?? (await get(tilePath({ ...tile, width: TILE_WIDTH })));
    if (!bytes) throw new Error(`${tilePath(tile)} is missing`);
    fetched.set(`${tile.level}/${tile.index}`, bytes);
  }
  const hash = (level: number, index: number) => {
    const at = (index % TILE_WIDTH) * 32;
    return fetched.get(`${level}/${Math.floor(index / TILE_WIDTH)}`)!.subarray(at, at + 32);
  };

  const entries: Uint8Array[] = [];
  for (let bundle = 0; bundle * TILE_WIDTH < size; bundle++) {
    const stored = decodeEntries(fetched.get(`entries/${bundle}`)!);
    entries.push(...stored.slice(0, size - bundle * TILE_WIDTH));
  }
  const leaves = entries.map((bytes) => leafHash(bytes));
  const wrongLeaf = leaves.findIndex((leaf, i) => !bytesEqual(leaf, hash(0, i)));
  if (leaves.length !== size || wrongLeaf >= 0)
    throw new Error(`entry ${wrongLeaf} does not hash to its leaf`);
  for (const { level, index, width } of tilesFor(0, size).filter(
    (tile): tile is Tile & { level: number } => tile.level !== 'entries' && tile.level > 0,
  )) {
    for (let i = 0; i < width; i++) {
      const below = (index * TILE_WIDTH + i) * TILE_WIDTH;
      const children = Array.from({ length: TILE_WIDTH }, (_, child) => hash(level - 1, below + child));
      if (!bytesEqual(merkleRoot(children), hash(level, index * TILE_WIDTH + i)))
        throw new Error(`level ${level} is wrong`);
    }
  }
  if (!bytesEqual(merkleRoot(leaves), root)) throw new Error('the tiles do not hash to the root');

  const read = async (level: number, index: number) => {
    const height = level % 8;
    const first = index * 2 ** height;
    return merkleRoot(Array.from({ length: 2 ** height }, (_, i) => hash(Math.floor(level / 8), first + i)));
  };
  for (const index of new Set([0, Math.floor(size / 2), size - 1])) {
    const path = await proveInclusion(index, size, read);
    verifyInclusion({ leafHash: leaves[index]!, index, size, path, root });
  }
  return { origin, size, root, entries, note };
}
