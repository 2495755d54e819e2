import { midRanks } from '../grades/cross-section.ts';
import { spearman } from './rank-correlation.ts';

export const DECILES = 10;

/**
 * Decile of each value among the known ones, 0 the lowest to 9; -1 for NaN. Equal values share a decile, so that one
 * may stay empty.
 */
export function decilesOf(values: ArrayLike<number>): Int8Array {
  const ranks = midRanks(values);
  let count = 0;
  for (const rank of ranks) if (!Number.isNaN(rank)) count++;
  return Int8Array.from(ranks, (rank) =>
    Number.isNaN(rank) ? -1 : Math.min(DECILES - 1, Math.floor(((rank - 0.5) / count) * DECILES)),
  );
}

/** Mean return and number of assets of each decile of one day; NaN where a decile is empty. */
export function decileReturns(
  deciles: ArrayLike<number>,
  returns: ArrayLike<number>,
): { means: number[]; counts: number[] } {
  const sums = new Array<number>(DECILES).fill(0);
  const counts = new Array<number>(DECILES).fill(0);
  for (let i = 0; i < deciles.length; i++) {
    if (deciles[i]! < 0 || Number.isNaN(returns[i]!)) continue;
    sums[deciles[i]!]! += returns[i]!;
    counts[deciles[i]!]!++;
  }
  return { means: sums.map((sum, d) => (counts[d]! > 0 ? sum / counts[d]! : Number.NaN)), counts };
}

/** Spearman correlation of the decile's number with its mean return: 1 when each decile earns more than the one below. */
export function monotonicity(means: readonly number[]): number {
  return spearman(
    means.map((_, decile) => decile),
    means,
  );
}

/** Share of the later members that were not members before; NaN when there are no later ones. */
export function turnoverOf(before: ReadonlySet<string>, after: ReadonlySet<string>): number {
  let fresh = 0;
  for (const member of after) if (!before.has(member)) fresh++;
  return after.size > 0 ? fresh / after.size : Number.NaN;
}

/**
 * What trading a long and a short side costs a period: what is replaced of each is sold and bought anew, at `feeBps`
 * for each of the two trades. In units of return.
 */
export function tradingCost(turnover: { best: number; worst: number }, feeBps: number): number {
  return (2 * feeBps * (turnover.best + turnover.worst)) / 10_000;
}
