/** Tiles and entry bundles: the examples of C2SP tlog-tiles, its formula for partial tiles, and one spelling of each path. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { concatBytes, utf8 } from './encoding.ts';
import { leafHash, merkleRoot } from './merkle.ts';
import {
  decodeEntries,
  encodeEntries,
  parseTilePath,
  type Tile,
  tileHashReader,
  tilePath,
  tilesAt,
  tilesFor,
} from './tiles.ts';

test('index 1234067 is x001/x234/067', () => {
  const tile = { level: 0, index: 1_234_067, width: 256 };
  expect(tilePath(tile)).toBe('tile/0/x001/x234/067');
  expect(parseTilePath('tile/0/x001/x234/067')).toEqual(tile);
});

test('a tree of 70,000: 273 full tiles and one of 112, one full and one of 17, one of 1', () => {
  expect([0, 1, 2, 3].map((level) => tilesAt(level, 70_000))).toEqual([
    { full: 273, partialWidth: 112 },
    { full: 1, partialWidth: 17 },
    { full: 0, partialWidth: 1 },
    { full: 0, partialWidth: 0 },
  ]);
  const paths = tilesFor(0, 70_000).map(tilePath);
  expect(paths).toHaveLength(2 * 274 + 2 + 1);
  expect(paths).toEqual(
    expect.arrayContaining([
      'tile/0/273.p/112',
      'tile/1/001.p/17',
      'tile/2/000.p/1',
      'tile/entries/273.p/112',
    ]),
  );
});

test('a tree of 256: one full tile, and one of width 1 above it', () => {
  expect(tilesFor(0, 256).map(tilePath)).toEqual(['tile/0/000', 'tile/1/000.p/1', 'tile/entries/000']);
});

test('at any size, level and growth: floor(s / 256^l) mod 256, never an empty tile, nothing twice', () => {
  fc.assert(
    fc.property(fc.nat(300_000), fc.nat(70_000), (oldSize, growth) => {
      const size = oldSize + growth;
      const partial = new Map(
        tilesFor(oldSize, size)
          .filter(({ width }) => width < 256)
          .map((tile) => [tile.level, tile.width]),
      );
      for (const [level, width] of partial)
        expect(width).toBe(Math.floor(size / 256 ** (level === 'entries' ? 0 : level)) % 256);
      const paths = tilesFor(oldSize, size).map(tilePath);
      expect(new Set(paths).size).toBe(paths.length);
      expect(tilesFor(oldSize, size).every(({ width }) => width > 0)).toBe(true);
    }),
    { numRuns: 30 },
  );
});

test('any tile has one path, and reads back', () => {
  const tile: fc.Arbitrary<Tile> = fc.record({
    level: fc.oneof(fc.constant('entries' as const), fc.nat(63)),
    index: fc.maxSafeNat(),
    width: fc.integer({ min: 1, max: 256 }),
  });
  fc.assert(
    fc.property(tile, (each) => {
      expect(parseTilePath(tilePath(each))).toEqual(each);
    }),
  );
  for (const path of [
    'tile/00/000',
    'tile/64/000',
    'tile/-1/000',
    'tile/0/0',
    'tile/0/0000',
    'tile/0/x000/001',
    'tile/0/001/002',
    'tile/0/x001',
    'tile/0/000.p/0',
    'tile/0/000.p/256',
    'tile/0/000.p/07',
    'tile/0/000.p/',
    'tile/0/000/',
    '/tile/0/000',
    'tile/data/000',
    'tile/0/x999/x999/x999/x999/x999/999',
    'tile/0/000\n',
  ])
    expect(parseTilePath(path), path).toBeNull();
});

test('entry bundles: a 16-bit big-endian length before each entry', () => {
  const entries = [utf8('ab'), new Uint8Array(), new Uint8Array(65_535)];
  const bundle = encodeEntries(entries);
  expect(bundle.subarray(0, 8)).toEqual(Uint8Array.of(0, 2, 0x61, 0x62, 0, 0, 0xff, 0xff));
  expect(decodeEntries(bundle)).toEqual(entries);
  expect(() => encodeEntries([new Uint8Array(65_536)])).toThrow(/at most 65535/);
  for (const cut of [1, 3, 5, 7, 100])
    expect(() => decodeEntries(bundle.subarray(0, cut))).toThrow(/ends inside/);
});

test('a reader takes a full tile in place of a partial one that is gone, and no short or torn one', async () => {
  const leaves = Array.from({ length: 256 }, (_, i) => leafHash(Uint8Array.of(i)));
  const full = concatBytes(...leaves);
  const asked: string[] = [];
  const read = tileHashReader(100, async (tile) => {
    asked.push(tilePath(tile));
    return tile.width === 256 ? full : null;
  });
  expect(await read(2, 3)).toEqual(merkleRoot(leaves.slice(12, 16)));
  expect(asked).toEqual(['tile/0/000.p/100', 'tile/0/000']);
  for (const bytes of [null, new Uint8Array(), full.subarray(0, 99 * 32), full.subarray(1)])
    await expect(tileHashReader(100, async () => bytes)(0, 0)).rejects.toMatchObject({
      code: 'TILE_INVALID',
    });
});
