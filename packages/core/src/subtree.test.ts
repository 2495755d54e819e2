/** Subtree proofs: the draft's examples, then every subtree of every small tree against brute force. */
import { expect, test } from 'vitest';
import { utf8 } from './encoding.ts';
import type { AssayError } from './errors.ts';
import {
  type HashReader,
  leafHash,
  merkleRoot,
  nodeHash,
  proveConsistency,
  proveInclusion,
  verifyConsistency,
} from './merkle.ts';
import { isSubtree, proveSubtreeConsistency, subtreeRoot, verifySubtreeConsistency } from './subtree.ts';

const MAX_SIZE = process.env.ASSAY_LONG ? 200 : 64;
const LEAVES = Array.from({ length: MAX_SIZE }, (_, i) => leafHash(utf8(`entry ${i}`)));
const roots = new Map<string, Uint8Array>();
const mth = (start: number, end: number) => {
  const key = `${start}-${end}`;
  const root = roots.get(key) ?? merkleRoot(LEAVES.slice(start, end));
  roots.set(key, root);
  return root;
};
const read: HashReader = async (level, index) => mth(index * 2 ** level, (index + 1) * 2 ** level);

test("the draft's examples in a tree of 14", async () => {
  expect(await proveSubtreeConsistency(4, 8, 14, read)).toEqual([mth(0, 4), mth(8, 14)]);
  expect(await proveSubtreeConsistency(8, 13, 14, read)).toEqual([
    mth(12, 13),
    mth(13, 14),
    mth(8, 12),
    mth(0, 8),
  ]);
  expect(await subtreeRoot(8, 13, read)).toEqual(mth(8, 13));
});

test('a subtree begins at a multiple of the power of two that holds it', () => {
  for (let start = 0; start <= 70; start++) {
    for (let end = 0; end <= 70; end++) {
      let power = 1;
      while (power < end - start) power *= 2;
      expect(isSubtree(start, end)).toBe(start <= end && start % power === 0);
    }
  }
  for (const [start, end] of [
    [-1, 0],
    [0, 0.5],
    [0, 2 ** 53],
    [Number.NaN, 1],
  ] as const)
    expect(isSubtree(start, end)).toBe(false);
  expect(isSubtree(2 ** 52, 2 ** 53 - 1)).toBe(true);
});

test(`every subtree of every tree up to ${MAX_SIZE} leaves is proven, and nothing else is`, async () => {
  for (let size = 0; size <= MAX_SIZE; size++) {
    const root = mth(0, size);
    for (let start = 0; start <= size; start++) {
      for (let end = start; end <= size; end++) {
        if (!isSubtree(start, end)) {
          await expect(proveSubtreeConsistency(start, end, size, read)).rejects.toThrow(RangeError);
          continue;
        }
        const path = await proveSubtreeConsistency(start, end, size, read);
        const proof = { start, end, size, subtreeRoot: mth(start, end), root, path };
        verifySubtreeConsistency(proof);
        if (start === end) continue;
        if (start === 0) {
          expect(path).toEqual(await proveConsistency(end, size, read));
          verifyConsistency({ oldSize: end, oldRoot: proof.subtreeRoot, newSize: size, newRoot: root, path });
        }
        if (end === start + 1) expect(path).toEqual(await proveInclusion(start, size, read));
        refusesVariants(proof);
      }
    }
  }
});

test('proofs near the largest sizes take no detour through 32 bits', async () => {
  const size = 2 ** 53 - 1;
  const levels = [LEAVES[0]!];
  for (let level = 1; level <= 53; level++) levels.push(nodeHash(levels.at(-1)!, levels.at(-1)!));
  const flat: HashReader = async (level) => levels[level]!;
  const root = await subtreeRoot(0, size, flat);
  for (const [start, end] of [
    [2 ** 52, 2 ** 52 + 3],
    [2 ** 40, 2 ** 41],
    [2 ** 53 - 2, size],
  ] as const) {
    const path = await proveSubtreeConsistency(start, end, size, flat);
    verifySubtreeConsistency({
      start,
      end,
      size,
      subtreeRoot: await subtreeRoot(start, end, flat),
      root,
      path,
    });
  }
});

function refusesVariants(proof: Parameters<typeof verifySubtreeConsistency>[0]): void {
  const other = leafHash(utf8('another'));
  const { path } = proof;
  const variants: Partial<typeof proof>[] = [
    { path: [...path, other] },
    { path: [other, ...path] },
    { subtreeRoot: other },
    { root: other },
    ...path.map((_, i) => ({ path: path.with(i, other) })),
    ...path.map((_, i) => ({ path: path.filter((_, j) => j !== i) })),
    { size: proof.end - 1 },
  ];
  for (const variant of variants) {
    expect(codeOf(() => verifySubtreeConsistency({ ...proof, ...variant }))).toBe(
      'CONSISTENCY_PROOF_INVALID',
    );
  }
}

function codeOf(run: () => void): string | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    return (error as AssayError).code;
  }
}
