/** Shows that the tree grows the same way however its entries arrive, and lays out its tiles as specified. */
import { bytesEqual, encodeEntries, parseTilePath, tilePath, tilesFor } from '@assay/core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { leafHashes, merkleRoot } from './hashing.ts';
import { entriesFrom } from './log.fixture.ts';
import { batchOf, decodeBatch, EMPTY_EDGE, edgeTile, grow, readEdge, rootOfEdge } from './tree.ts';

const ENTRIES = entriesFrom(0, 70_000);
const HASHES = leafHashes(ENTRIES);

const hashesOf = (from: number, to: number) => HASHES.subarray(from * 32, to * 32);
const batch = (from: number, to: number) => batchOf(ENTRIES.slice(from, to), hashesOf(from, to));

test('the tree of 70,000 entries has the tiles of the specification’s example', () => {
  const { edge, full } = grow(EMPTY_EDGE, batch(0, 70_000));
  const levels = [...full.keys()].map((path) => parseTilePath(path)!.level);
  expect(levels.filter((level) => level === 0)).toHaveLength(273);
  expect(levels.filter((level) => level === 1)).toHaveLength(1);
  expect(levels.filter((level) => level === 'entries')).toHaveLength(273);
  expect(edge.levels.map((hashes) => hashes.length / 32)).toEqual([112, 17, 1]);
  expect(decodeBatch(edge.bundle).count).toBe(112);
  expect(rootOfEdge(edge)).toEqual(merkleRoot(HASHES));
});

test('batches of any size give the same tree and tiles as one batch', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 700 }), { maxLength: 6 }), (batches) => {
      let edge = EMPTY_EDGE;
      const tiles = new Map<string, Uint8Array>();
      for (const count of batches) {
        const grown = grow(edge, batch(edge.size, edge.size + count));
        edge = grown.edge;
        for (const [path, bytes] of grown.full) tiles.set(path, bytes);
      }
      const whole = grow(EMPTY_EDGE, batch(0, edge.size));
      expect(edge).toEqual(whole.edge);
      expect(tiles).toEqual(whole.full);
      expect(rootOfEdge(edge)).toEqual(merkleRoot(hashesOf(0, edge.size)));
    }),
    { numRuns: 40 },
  );
});

test('every tile holds exactly the hashes and entries of its place, and no tile is empty', () => {
  const size = fc.oneof(fc.integer({ min: 0, max: 1_500 }), fc.integer({ min: 64_700, max: 65_800 }));
  fc.assert(
    fc.property(size, fc.integer({ min: 1, max: 900 }), (from, more) => {
      const { edge, full } = grow(grow(EMPTY_EDGE, batch(0, from)).edge, batch(from, from + more));
      for (const tile of tilesFor(from, edge.size)) {
        const bytes = full.get(tilePath(tile)) ?? edgeTile(edge, tile);
        expect(tile.width).toBeGreaterThan(0);
        const span = tile.level === 'entries' ? 1 : 256 ** tile.level;
        const first = tile.index * 256 * span;
        const end = first + tile.width * span;
        if (tile.level === 'entries') expectBytes(bytes, encodeEntries(ENTRIES.slice(first, end)));
        else if (tile.level === 0) expectBytes(bytes, hashesOf(first, end));
        else expect(bytes.subarray(0, 32)).toEqual(merkleRoot(hashesOf(first, first + span)));
      }
    }),
    { numRuns: 6 },
  );
});

test('the edge is read back from stored tiles, also when a partial one was replaced by the full one', async () => {
  const { edge } = grow(EMPTY_EDGE, batch(0, 600));
  const later = grow(edge, batch(600, 1_000));
  const before = grow(EMPTY_EDGE, batch(0, 600)).full;
  const stored = new Map([...before, ...later.full]);
  for (const tile of tilesFor(0, 600).filter(({ level }) => level === 1))
    stored.set(tilePath(tile), edgeTile(edge, tile));
  const tiles = { get: async (path: string) => stored.get(path) ?? null };
  expect(await readEdge(tiles as never, 600)).toEqual(edge);
  stored.delete('tile/0/002');
  await expect(readEdge(tiles as never, 600)).rejects.toMatchObject({ code: 'LEDGER_CORRUPT' });
});

/** Compares long byte strings without describing how they differ, which takes a second. */
function expectBytes(actual: Uint8Array, expected: Uint8Array): void {
  expect(bytesEqual(actual, expected)).toBe(true);
}
