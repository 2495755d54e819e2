// The index gives exactly what comparing every hash gives, at every radius, through adding, removing, saving and
// crowding; then its bounds, and broken input.
import { AssayError } from '@assay/core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { NearDuplicateIndex, scanForNeighbours } from './near-duplicates.ts';

test('neighbours at exactly 31 bits are found wherever the bits lie, and at 32 they are not', () => {
  fc.assert(
    fc.property(hash(), fc.uniqueArray(fc.nat(255), { minLength: 32, maxLength: 32 }), (query, bits) => {
      const index = new NearDuplicateIndex();
      index.add('thirty-one', flipped(query, bits.slice(0, 31)));
      index.add('thirty-two', flipped(query, bits));
      expect(index.search(query)).toEqual({
        neighbours: [{ id: 'thirty-one', distance: 31 }],
        complete: true,
      });
    }),
    { numRuns: 40, seed: 2 },
  );
  // The worst case of the pigeonhole: two bits in each of fifteen words, one in the sixteenth.
  const spread = Array.from({ length: 31 }, (_, i) => Math.floor(i / 2) * 16 + (i % 2) * 7);
  const index = new NearDuplicateIndex();
  index.add('spread', flipped(new Uint8Array(32), spread));
  expect(index.search(new Uint8Array(32)).neighbours).toEqual([{ id: 'spread', distance: 31 }]);
});

test('adding, removing, saving and loading in any order: always what a scan finds', () => {
  const step = fc.oneof(
    fc.record({
      kind: fc.constant('add' as const),
      near: fc.nat(200),
      bits: fc.array(fc.nat(255), { maxLength: 40 }),
    }),
    fc.record({ kind: fc.constant('remove' as const), near: fc.nat(200), bits: fc.constant([] as number[]) }),
    fc.record({
      kind: fc.constant('reload' as const),
      near: fc.constant(0),
      bits: fc.constant([] as number[]),
    }),
  );
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 120 }),
      fc.array(hash(), { minLength: 3, maxLength: 3 }),
      fc.nat(31),
      (steps, seeds, radius) => {
        let index = new NearDuplicateIndex();
        const entries = new Map<string, Uint8Array>();
        for (const [i, { kind, near, bits }] of steps.entries()) {
          const ids = [...entries.keys()];
          if (kind === 'add') {
            entries.set(`id ${i}`, flipped(seeds[near % 3]!, bits));
            index.add(`id ${i}`, entries.get(`id ${i}`)!);
          } else if (kind === 'remove' && ids.length > 0) {
            const id = ids[near % ids.length]!;
            expect(index.remove(id)).toBe(true);
            expect(index.remove(id)).toBe(false);
            entries.delete(id);
          } else index = NearDuplicateIndex.load(index.save());
        }
        expect(index.size).toBe(entries.size);
        for (const seed of seeds) {
          expect(index.search(seed, { radius, limit: 10_000 }).neighbours).toEqual(
            scanForNeighbours(entries, seed, radius),
          );
        }
      },
    ),
    { numRuns: process.env.ASSAY_LONG ? 1000 : 25, seed: 3 },
  );
});

test('among eight thousand random hashes, as a scan', () => {
  const random = generator(7);
  const entries = new Map<string, Uint8Array>();
  const index = new NearDuplicateIndex();
  for (let i = 0; i < 8_000; i++) {
    const value = random();
    entries.set(`${i}`, value);
    index.add(`${i}`, value);
  }
  for (let i = 0; i < 10; i++) {
    const query = flipped(entries.get(`${i * 799}`)!, [i, 100 + i, 200 + i, 250]);
    expect(index.search(query).neighbours).toEqual(scanForNeighbours(entries, query));
  }
  const [first, second] = [index.save(), NearDuplicateIndex.load(index.save()).save()];
  expect(Buffer.compare(first, second)).toBe(0);
});

test('many equal hashes are one; crowded buckets still give what a scan gives', () => {
  const index = new NearDuplicateIndex();
  const same = new Uint8Array(32).fill(0xa5);
  for (let i = 0; i < 50_000; i++) index.add(`copy ${i}`, same);
  expect([index.size, index.distinct]).toEqual([50_000, 1]);
  const { neighbours, complete } = index.search(same, { limit: 5 });
  expect([neighbours.length, complete, neighbours[0]!.distance]).toEqual([5, false, 0]);

  // 4,096 hashes of two values a word: each of 32 buckets holds half of them.
  const crowded = new NearDuplicateIndex();
  const entries = new Map<string, Uint8Array>();
  for (let i = 0; i < 4096; i++) {
    const value = new Uint8Array(32);
    for (let word = 0; word < 16; word++) if ((i >> (word % 12)) & 1) value[2 * word] = 0xff;
    entries.set(`${i}`, value);
    crowded.add(`${i}`, value);
  }
  expect(crowded.distinct).toBe(4096);
  const query = flipped(entries.get('1365')!, [0, 1, 2]);
  expect(crowded.search(query, { limit: 10_000 }).neighbours).toEqual(scanForNeighbours(entries, query));
});

test('its bounds are told', () => {
  const index = new NearDuplicateIndex({ capacity: 2 });
  const value = (byte: number) => new Uint8Array(32).fill(byte);
  index.add('a', value(1));
  index.add('b', value(2));
  index.add('b', value(2));
  index.add('another of a', value(1));
  expect(() => index.add('c', value(3))).toThrow(/holds its 2 distinct hashes/);
  expect(() => index.add('b', value(3))).toThrow(/stands for another hash/);
  expect(() => index.add('', value(3))).toThrow(/1 to 200 bytes/);
  expect(() => index.add('x'.repeat(201), value(3))).toThrow(/1 to 200 bytes/);
  expect(() => index.add('d', new Uint8Array(31))).toThrow(/32 bytes, got 31/);
  expect(() => index.search(value(1), { radius: 32 })).toThrow(/radius of 0 to 31/);
  expect(() => index.search(value(1), { limit: 0 })).toThrow(/limit of 1 to 10,000/);
  for (const capacity of [0, -1, 1.5, Number.NaN, 17_000_000]) {
    expect(() => new NearDuplicateIndex({ capacity })).toThrow(AssayError);
  }
  index.remove('a');
  index.remove('another of a');
  index.add('c', value(3));
  expect(index.search(value(1)).neighbours.map(({ id }) => id)).not.toContain('a');
});

test('bytes that are no saved index are refused, whatever is cut or changed in length', () => {
  const index = new NearDuplicateIndex();
  index.add('one', new Uint8Array(32).fill(1));
  index.add('two', new Uint8Array(32).fill(2));
  const bytes = index.save();
  for (let length = 0; length < bytes.length; length++) {
    expect(() => NearDuplicateIndex.load(bytes.subarray(0, length))).toThrow(AssayError);
  }
  expect(() => NearDuplicateIndex.load(Buffer.concat([bytes, Buffer.of(0)]))).toThrow(/1 bytes after/);
  const claimsMore = Buffer.from(bytes);
  claimsMore.writeUInt32BE(0xffffffff, 4);
  expect(() => NearDuplicateIndex.load(claimsMore)).toThrow(/entry 3 of 4294967295/);
});

function hash() {
  return fc.uint8Array({ minLength: 32, maxLength: 32 });
}

function flipped(value: Uint8Array, bits: readonly number[]): Uint8Array {
  const result = value.slice();
  for (const bit of bits) result[31 - (bit >> 3)]! ^= 1 << (bit & 7);
  return result;
}

function generator(seed: number): () => Uint8Array {
  let state = seed;
  return () =>
    new Uint8Array(32).map(() => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state >>> 24;
    });
}
