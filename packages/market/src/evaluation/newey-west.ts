/**
 * t statistic of a mean whose observations are correlated in time: the mean over its Newey–West standard error, with
 * Bartlett weights 1 − k/(lag+1) (Newey & West, Econometrica 55 (1987), equation 5), without a small-sample correction
 * (statsmodels' `use_correction=False`). NaN with fewer than two observations or without variance.
 *
 * @param values in order of time, without NaN
 * @param lag highest autocovariance that counts; cut at n − 1
 * @example
 * neweyWest([1, 2, 3, 4], 0); // { mean: 2.5, standardError: 0.559…, t: 4.47… }
 */
export function neweyWest(
  values: readonly number[],
  lag: number,
): { mean: number; standardError: number; t: number } {
  const n = values.length;
  let mean = 0;
  for (const value of values) mean += value / n;
  if (n < 2) return { mean: n === 0 ? Number.NaN : mean, standardError: Number.NaN, t: Number.NaN };
  let variance = 0;
  for (let k = 0; k <= Math.min(lag, n - 1); k++) {
    let covariance = 0;
    for (let i = k; i < n; i++) covariance += (values[i]! - mean) * (values[i - k]! - mean);
    variance += (k === 0 ? 1 : 2 * (1 - k / (lag + 1))) * (covariance / n);
  }
  const standardError = Math.sqrt(variance / n);
  // Bartlett's weights keep it from being negative; what is not above rounding is no variance.
  const varies = standardError > 1e-12 * Math.abs(mean);
  return {
    mean,
    standardError: varies ? standardError : Number.NaN,
    t: varies ? mean / standardError : Number.NaN,
  };
}

/**
 * Lags for observations whose returns overlap over `horizon` periods. Returns that overlap are correlated up to lag
 * horizon − 1; Bartlett's weights halve what lies in the middle, so twice that is taken, and no less than the usual
 * rule of ⌊4 (n/100)^(2/9)⌋ (Newey & West, Review of Economic Studies 61 (1994)) for what lasts longer than the overlap.
 */
export function overlapLag(observations: number, horizon: number): number {
  const rule = Math.floor(4 * (observations / 100) ** (2 / 9));
  return Math.max(0, Math.min(Math.max(2 * (horizon - 1), rule), observations - 1));
}
