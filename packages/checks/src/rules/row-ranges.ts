import type { RowRanges } from '@assay/core';

/** Ascending row indices as inclusive ranges: [3, 4, 5, 9] is [[3, 5], [9, 9]]. */
export function toRanges(indices: readonly number[]): RowRanges {
  const ranges: RowRanges = [];
  for (const index of indices) {
    const last = ranges.at(-1);
    if (last && index === last[1] + 1) last[1] = index;
    else ranges.push([index, index]);
  }
  return ranges;
}

/** Number of rows in separate ranges. */
export function countRows(ranges: RowRanges): number {
  return ranges.reduce((total, [from, to]) => total + to - from + 1, 0);
}
