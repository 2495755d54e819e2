/** A series of returns in four numbers; the Sharpe ratio is per observation. */
export interface SharpeMoments {
  sharpe: number;
  observations: number;
  skewness: number;
  /** Not in excess: 3 for a normal distribution. */
  kurtosis: number;
}

/**
 * Probability that a true Sharpe ratio is above a benchmark, given what was observed (Bailey & López de Prado, The
 * Sharpe Ratio Efficient Frontier, Journal of Risk 15 (2012)). Ratios are per observation, not annual. NaN when the
 * moments allow no answer.
 *
 * @example
 * probabilisticSharpe({ sharpe: 0.1, benchmark: 0, observations: 250, skewness: 0, kurtosis: 3 }); // 0.942…
 */
export function probabilisticSharpe(observed: SharpeMoments & { benchmark: number }): number {
  const { sharpe, benchmark, observations, skewness, kurtosis } = observed;
  const variance = 1 - skewness * sharpe + ((kurtosis - 1) / 4) * sharpe ** 2;
  if (!(variance > 0) || !(observations > 1)) return Number.NaN;
  return normalCdf(((sharpe - benchmark) * Math.sqrt(observations - 1)) / Math.sqrt(variance));
}

const EULER_MASCHERONI = 0.5772156649015329;

/**
 * The Sharpe ratio that the best of `trials` worthless strategies is expected to show (the False Strategy theorem;
 * Bailey & López de Prado, The Deflated Sharpe Ratio, Journal of Portfolio Management 40 (2014), equation 1).
 *
 * @param variance of the trials' Sharpe ratios, per observation
 */
export function expectedMaximumSharpe(trials: number, variance: number): number {
  if (trials <= 1) return 0;
  return (
    Math.sqrt(variance) *
    ((1 - EULER_MASCHERONI) * normalQuantile(1 - 1 / trials) +
      EULER_MASCHERONI * normalQuantile(1 - 1 / (trials * Math.E)))
  );
}

/** The deflated Sharpe ratio: {@link probabilisticSharpe} against {@link expectedMaximumSharpe}. Same source, equation 2. */
export function deflatedSharpe(observed: SharpeMoments & { trials: number; trialVariance: number }): number {
  return probabilisticSharpe({
    ...observed,
    benchmark: expectedMaximumSharpe(observed.trials, observed.trialVariance),
  });
}

/** Mean over sample standard deviation, skewness and kurtosis of a series of returns; NaN without variance. */
export function sharpeMoments(returns: readonly number[]): SharpeMoments {
  const n = returns.length;
  let mean = 0;
  for (const value of returns) mean += value / n;
  let second = 0;
  let third = 0;
  let fourth = 0;
  for (const value of returns) {
    second += (value - mean) ** 2 / n;
    third += (value - mean) ** 3 / n;
    fourth += (value - mean) ** 4 / n;
  }
  const varies = n > 1 && second > 1e-24 * mean * mean && second > 0;
  return {
    sharpe: varies ? mean / Math.sqrt((second * n) / (n - 1)) : Number.NaN,
    observations: n,
    skewness: varies ? third / second ** 1.5 : Number.NaN,
    kurtosis: varies ? fourth / second ** 2 : Number.NaN,
  };
}

/** Standard normal distribution, by Marsaglia's series (Journal of Statistical Software 11 (2004)); error below 1e-15. */
export function normalCdf(x: number): number {
  if (Number.isNaN(x)) return Number.NaN;
  if (x < -8) return 0;
  if (x > 8) return 1;
  let term = x;
  let sum = x;
  // The terms fall from x²/2 on: 200 reach the last digit for every |x| ≤ 8.
  for (let k = 3; k < 403 && sum !== sum + term; k += 2) {
    term *= (x * x) / k;
    sum += term;
  }
  return Math.min(1, Math.max(0, 0.5 + (sum * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI)));
}

/** Inverse of {@link normalCdf} by bisection; within ±8. */
export function normalQuantile(probability: number): number {
  let low = -8;
  let high = 8;
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (normalCdf(middle) < probability) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}
