/** Shows that a leaf is found exactly while it is kept, at its index, however the log grew and shrank. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bufferOn, leafHashes } from './hashing.ts';
import { entriesFrom } from './log.fixture.ts';
import { RecentLeaves } from './recent-leaves.ts';

const KEEP = 1_024;
const HASHES = bufferOn(leafHashes(entriesFrom(0, 6_000)));

test('behaves as a plain list of the latest leaves does', () => {
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.record({ push: fc.integer({ min: 1, max: 900 }) }) },
    { weight: 1, arbitrary: fc.record({ removeFrom: fc.nat(400), count: fc.nat(200) }) },
  );
  const start = fc.constantFrom(0, 7, 2 ** 31 - 100, 2 ** 40);
  fc.assert(
    fc.property(start, fc.array(step, { maxLength: 10 }), (first, steps) => {
      const leaves = new RecentLeaves(first);
      const model: number[] = [];
      let unused = 0;
      let forgotten = 0;
      for (const move of steps) {
        if ('push' in move) {
          for (let i = 0; i < move.push && unused < 6_000; i++, unused++) {
            expect(leaves.push(HASHES, unused * 32)).toBe(first + model.length);
            model.push(unused);
            leaves.keepFrom(first + model.length - KEEP);
            forgotten = Math.max(forgotten, model.length - KEEP);
          }
        } else {
          // A batch that failed is always among the latest.
          const from = Math.max(forgotten, model.length - move.removeFrom);
          const to = Math.min(model.length, from + move.count);
          leaves.remove(first + from, first + to);
          model.splice(from, to - from);
        }
      }
      expect(leaves.next).toBe(first + model.length);
      const kept = model.slice(forgotten);
      const places = new Map(model.map((hash, i) => [hash, first + i]));
      for (let hash = 0; hash < 6_000; hash++) {
        const found = leaves.find(HASHES, hash * 32);
        const place = places.get(hash) ?? -1;
        // What may be forgotten is found where it was, or not at all.
        if (found !== place && !(found === -1 && place < first + forgotten))
          throw new Error(`leaf ${hash} is at ${place}, found at ${found}`);
      }
      const slice = leaves.slice(first + forgotten, leaves.next);
      const hashes = kept.map((hash) => HASHES.subarray(hash * 32, hash * 32 + 32));
      expect(Buffer.compare(slice, Buffer.concat(hashes))).toBe(0);
    }),
    { numRuns: 60 },
  );
});
