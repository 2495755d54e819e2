/**
 * What an asset is expected to return in a year. Returns are simple returns per period, one array an asset, oldest
 * first; a missing one is NaN and left out of that asset's mean.
 */
import { covarianceOf } from './covariance.ts';

export interface MeanOptions {
  periodsPerYear: number;
  /** Geometric (the yearly growth) when true, else the arithmetic mean times the periods. */
  compounding: boolean;
}

/** Yearly mean of the past. NaN for an asset without a return, or whose price fell below zero. */
export function historicalMean(
  returns: readonly Float64Array[],
  { periodsPerYear, compounding }: MeanOptions,
): Float64Array {
  return Float64Array.from(returns, (series) => {
    let count = 0;
    let growth = 1;
    let sum = 0;
    for (const value of series) {
      if (Number.isNaN(value)) continue;
      count++;
      growth *= 1 + value;
      sum += value;
    }
    return compounding ? growth ** (periodsPerYear / count) - 1 : (sum / count) * periodsPerYear;
  });
}

/** Yearly mean with weights that fall by 1 − 2/(span + 1) a period, normalised over the returns that are there. */
export function exponentialMean(
  returns: readonly Float64Array[],
  { span, periodsPerYear, compounding }: MeanOptions & { span: number },
): Float64Array {
  return Float64Array.from(returns, (series) => {
    const mean = exponentialAverage(series, span);
    return compounding ? (1 + mean) ** periodsPerYear - 1 : mean * periodsPerYear;
  });
}

/** Exponentially weighted average of a series up to its last value; a gap ages the values before it. */
export function exponentialAverage(series: Float64Array, span: number): number {
  const keep = 1 - 2 / (span + 1);
  let sum = 0;
  let total = 0;
  for (const value of series) {
    sum *= keep;
    total *= keep;
    if (Number.isNaN(value)) continue;
    sum += value;
    total += 1;
  }
  return sum / total;
}

/**
 * Capital asset pricing model (Sharpe 1964): riskFree + β (market − riskFree), β against the market's returns; without
 * these, against the equally weighted mean of the assets.
 */
export function capitalAssetPricing(
  returns: readonly Float64Array[],
  { market, riskFree, ...mean }: MeanOptions & { market?: Float64Array; riskFree: number },
): { expected: Float64Array; betas: Float64Array } {
  const proxy = market ?? equalWeighted(returns);
  const variance = covarianceOf(proxy, proxy);
  const betas = Float64Array.from(returns, (series) => covarianceOf(series, proxy) / variance);
  const premium = historicalMean([proxy], mean)[0]! - riskFree;
  return { expected: betas.map((beta) => riskFree + beta * premium), betas };
}

/** Mean over the assets that have a return, period by period. */
export function equalWeighted(returns: readonly Float64Array[]): Float64Array {
  return Float64Array.from(returns[0] ?? [], (_, t) => {
    let sum = 0;
    let count = 0;
    for (const series of returns) {
      if (Number.isNaN(series[t]!)) continue;
      sum += series[t]!;
      count++;
    }
    return count === 0 ? Number.NaN : sum / count;
  });
}
