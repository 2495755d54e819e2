/** What a portfolio would have lost, and would lose. Weights are held fixed; losses are negative returns. */
import { AssayError } from '@assay/core';
import { covarianceOf } from './covariance.ts';
import { dot } from './linear-algebra.ts';

export interface WorstWindow {
  /** Places of the first and last period of returns. */
  from: number;
  to: number;
  return: number;
}

/**
 * The worst windows of a length that do not overlap, worst first. Each starts with the given weights and lets them
 * drift, so that an asset's whole fall counts once.
 */
export function worstWindows(
  weights: Float64Array,
  returns: readonly Float64Array[],
  length: number,
  count: number,
): WorstWindow[] {
  const periods = returns[0]?.length ?? 0;
  if (!Number.isInteger(length) || length < 1 || length > periods) return [];
  const windows: WorstWindow[] = [];
  for (let from = 0; from + length <= periods; from++) {
    let sum = 0;
    for (const [i, series] of returns.entries()) {
      if (weights[i] === 0) continue;
      let growth = 1;
      for (let t = from; t < from + length; t++) growth *= 1 + series[t]!;
      sum += weights[i]! * (growth - 1);
    }
    windows.push({ from, to: from + length - 1, return: sum });
  }
  windows.sort((a, b) => a.return - b.return || a.from - b.from);
  const kept: WorstWindow[] = [];
  for (const window of windows) {
    if (kept.length === count) break;
    if (kept.every(({ from, to }) => window.to < from || window.from > to)) kept.push(window);
  }
  return kept;
}

/** Deepest fall from a peak of a portfolio rebalanced to the weights every period, and its places. */
export function maximumDrawdown(portfolio: Float64Array): { drawdown: number; peak: number; trough: number } {
  let value = 1;
  let top = 1;
  let topAt = -1;
  let worst = { drawdown: 0, peak: -1, trough: -1 };
  for (const [t, change] of portfolio.entries()) {
    value *= 1 + change;
    if (value > top) {
      top = value;
      topAt = t;
    }
    const fall = value / top - 1;
    if (fall < worst.drawdown) worst = { drawdown: fall, peak: topAt, trough: t };
  }
  return worst;
}

/** Beta of each asset to a factor's returns. */
export function betasTo(factor: Float64Array, returns: readonly Float64Array[]): Float64Array {
  const variance = covarianceOf(factor, factor);
  if (!(variance > 0)) {
    throw new AssayError('ARGUMENT_INVALID', 'stress: expected a factor that moved, got one that did not', {
      next: 'choose another factor or a longer window',
    });
  }
  return Float64Array.from(returns, (series) => covarianceOf(series, factor) / variance);
}

/**
 * Return of the portfolio when a factor moves by `move` and every asset by beta × move. No long can lose more than all,
 * so that an asset's move ends at −1.
 */
export function factorShock(
  weights: Float64Array,
  betas: Float64Array,
  move: number,
): { return: number; contributions: Float64Array } {
  const contributions = weights.map((weight, i) => weight * Math.max(-1, betas[i]! * move));
  return { return: contributions.reduce((sum, value) => sum + value, 0), contributions };
}

export interface Scenario {
  name: string;
  /** Return of each asset. */
  returns: Float64Array;
  /** Left out of the expectation when null. */
  probability: number | null;
}

export interface ScenarioOutcome {
  name: string;
  return: number;
  contributions: Float64Array;
}

/** Profit or loss in each case, and the expectation when every case has a probability and these sum to 1. */
export function scenarioOutcomes(
  weights: Float64Array,
  scenarios: readonly Scenario[],
): { outcomes: ScenarioOutcome[]; expected: number | null } {
  const outcomes = scenarios.map(({ name, returns }) => ({
    name,
    return: dot(weights, returns),
    contributions: weights.map((weight, i) => weight * returns[i]!),
  }));
  const total = scenarios.reduce((sum, { probability }) => sum + (probability ?? Number.NaN), 0);
  const known = scenarios.length > 0 && Math.abs(total - 1) <= 1e-9;
  return {
    outcomes,
    expected: known
      ? scenarios.reduce((sum, { probability }, i) => sum + probability! * outcomes[i]!.return, 0)
      : null,
  };
}
