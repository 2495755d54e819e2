import { midRanks } from '../grades/cross-section.ts';

/**
 * Spearman's rank correlation over the pairs in which both are known, ties at their mean place; NaN with fewer than
 * three pairs or when one side does not vary. Equal to Pearson's correlation of the mid-ranks (Kendall & Gibbons, Rank
 * Correlation Methods, 3.8), which is what `scipy.stats.spearmanr` computes.
 *
 * @example
 * spearman([1, 2, 3, 4], [1, 4, 9, 16]); // 1
 */
export function spearman(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const x: number[] = [];
  const y: number[] = [];
  for (let i = 0; i < a.length; i++) {
    if (Number.isNaN(a[i]!) || Number.isNaN(b[i]!)) continue;
    x.push(a[i]!);
    y.push(b[i]!);
  }
  if (x.length < 3) return Number.NaN;
  const ranksX = midRanks(x);
  const ranksY = midRanks(y);
  const mean = (x.length + 1) / 2;
  let sxy = 0;
  let sxx = 0;
  let syy = 0;
  for (let i = 0; i < x.length; i++) {
    sxy += (ranksX[i]! - mean) * (ranksY[i]! - mean);
    sxx += (ranksX[i]! - mean) ** 2;
    syy += (ranksY[i]! - mean) ** 2;
  }
  return sxx > 0 && syy > 0 ? sxy / Math.sqrt(sxx * syy) : Number.NaN;
}
