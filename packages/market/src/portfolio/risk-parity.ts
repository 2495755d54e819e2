import { AssayError } from '@assay/core';
import { correlationOf } from './covariance.ts';
import { cholesky, dot, type Matrix, solveCholesky, times } from './linear-algebra.ts';

const MAX_STEPS = 200;

/**
 * Long-only weights, of sum 1, that each contribute the given share to the portfolio's variance (equal shares:
 * Maillard, Roncalli and Teïletche 2010).
 *
 * They are x / Σx with x the minimum of ½ xᵀCx − Σ b ln x over the correlations C, found by Spinu's (2013) damped
 * Newton method, which converges from anywhere because the function is self-concordant: damped steps first, then
 * quadratic convergence. It ends when no contribution is off by more than 1e-13 of the whole, or no longer improves.
 *
 * @param budgets shares that sum to 1; equal ones when left out.
 * @throws ARGUMENT_INVALID when a contribution is still off by more than 1e-9 after 200 steps, or an asset has no risk.
 * @example
 * riskParity([Float64Array.of(0.04, 0), Float64Array.of(0, 0.01)]); // 1/3 and 2/3
 */
export function riskParity(covariance: Matrix, budgets?: Float64Array): Float64Array {
  const n = covariance.length;
  const deviation = covariance.map((row, i) => Math.sqrt(row[i]!));
  if (deviation.some((value) => !(value > 0))) {
    throw new AssayError(
      'ARGUMENT_INVALID',
      'risk parity: expected every asset to have risk, got one without',
      {
        next: 'leave out the asset whose price never moved',
      },
    );
  }
  const shares = budgets ?? new Float64Array(n).fill(1 / n);
  const correlation = correlationOf(covariance);
  let x = Float64Array.from(shares, Math.sqrt);
  let best = { off: Infinity, x };
  for (let step = 0; step < MAX_STEPS; step++) {
    const marginal = times(correlation, x);
    const variance = dot(x, marginal);
    const off = x.reduce(
      (worst, value, i) => Math.max(worst, Math.abs((value * marginal[i]!) / variance - shares[i]!)),
      0,
    );
    // Where rounding ends it: twice without gain once close.
    if (off < best.off) best = { off, x };
    else if (best.off < 1e-11) break;
    if (off <= 1e-13) break;
    const gradient = marginal.map((value, i) => value - shares[i]! / x[i]!);
    const hessian = correlation.map((row, i) => {
      const out = Float64Array.from(row);
      out[i]! += shares[i]! / x[i]! ** 2;
      return out;
    });
    const factor = cholesky(hessian);
    if (!factor) break;
    const move = solveCholesky(factor, gradient);
    // Self-concordance is per unit of the least share.
    const decrement = Math.sqrt(dot(move, gradient) / Math.min(...shares));
    const length = decrement > 0.25 ? 1 / (1 + decrement) : 1;
    x = x.map((value, i) => value - length * move[i]!);
  }
  if (!(best.off <= 1e-9)) {
    throw new AssayError(
      'ARGUMENT_INVALID',
      `risk parity: contributions still off by ${best.off.toExponential(1)} after ${MAX_STEPS} steps`,
      { next: 'use a shrunk risk model or ask for a repair of the covariance' },
    );
  }
  const weights = best.x.map((value, i) => value / deviation[i]!);
  const sum = weights.reduce((total, value) => total + value, 0);
  return weights.map((value) => value / sum);
}

/** Each asset's share in the variance, summing to 1; all zero for a portfolio without risk. */
export function riskContributions(weights: Float64Array, covariance: Matrix): Float64Array {
  const marginal = times(covariance, weights);
  const variance = dot(weights, marginal);
  return weights.map((value, i) => (variance > 0 ? (value * marginal[i]!) / variance : 0));
}
