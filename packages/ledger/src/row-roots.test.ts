/** Shows that rows hashed on other threads give the roots that core gives, in whatever order they are ready. */
import { bytesToHex, commitRows, treeOfPayload } from '@assay/core';
import { expect, test } from 'vitest';
import { rowRoots } from './row-roots.ts';

test('batches of every size have the root of their statement', async () => {
  const roots = rowRoots(2);
  try {
    const sizes = [1, 2, 3, 255, 256, 257, 1_000, 4_096];
    const batches = sizes.map((count) =>
      commitRows(
        Array.from({ length: count }, (_, i) => ({
          time: '2026-01-01T00:00:00Z',
          close: `${i}`,
          note: 'ü'.repeat(i % 7),
        })),
        'candle/v1',
      ),
    );
    const made = await Promise.all(batches.map(({ payload }) => roots.rootOf(payload)));
    for (const [i, { commitment, payload }] of batches.entries()) {
      expect(bytesToHex(made[i]!)).toBe(commitment.root);
      expect(made[i]).toEqual(treeOfPayload(payload).root);
    }
  } finally {
    await roots.close();
  }
});
