/** Portfolios after Markowitz (1952): mean and variance under linear constraints. */
import { AssayError } from '@assay/core';
import { decimalOf } from '../decimal-of.ts';
import {
  assertFeasible,
  type Constraints,
  conflictOf,
  type NamedRow,
  type Programme,
  programmeOf,
} from './constraints.ts';
import { volatilityOf } from './covariance.ts';
import { dot, type Matrix } from './linear-algebra.ts';
import { solveLinear, sparse } from './linear-program.ts';
import { solveQuadratic } from './quadratic-program.ts';

export interface MeanVarianceInput {
  /** Yearly; must be positive definite. */
  covariance: Matrix;
  /** Yearly. */
  expected: Float64Array;
  constraints: Constraints;
  /** γ of a penalty γ Σ w², which spreads the weights; 0 for none. */
  penalty?: number;
}

/** Least wᵀΣw. What trading costs is weighed in as it stands. */
export async function minimumVariance(input: MeanVarianceInput): Promise<Float64Array> {
  const programme = programmeOf(input.constraints);
  return solve(input, programme, twice(input.covariance, input.penalty), negated(programme.cost));
}

/** Greatest μᵀw − costs − (riskAversion / 2) wᵀΣw. */
export async function maximumUtility(
  input: MeanVarianceInput & { riskAversion: number },
): Promise<Float64Array> {
  const programme = programmeOf(input.constraints);
  const quadratic = input.covariance.map((row) => row.map((value) => value * input.riskAversion));
  for (const [i, row] of quadratic.entries()) row[i]! += 2 * (input.penalty ?? 0);
  return solve(input, programme, quadratic, gain(input, programme));
}

/** Least variance whose expected return after costs reaches the target. */
export async function efficientReturn(input: MeanVarianceInput & { target: number }): Promise<Float64Array> {
  const programme = withTarget(input, programmeOf(input.constraints), input.target);
  return solve(
    input,
    programme,
    twice(input.covariance, input.penalty),
    new Float64Array(programme.cost.length),
  );
}

/**
 * Greatest expected return after costs whose volatility stays within the target. The least volatility that a return
 * asks for is convex and rising in that return; the return at which it meets the target is bracketed and found by the
 * Illinois rule to 1e-13, in at most 200 steps.
 */
export async function efficientRisk(input: MeanVarianceInput & { target: number }): Promise<Float64Array> {
  const { covariance, constraints, target } = input;
  const least = await minimumVariance(withoutCosts(input));
  const lowest = volatilityOf(least, covariance);
  if (lowest > target + 1e-12) {
    throw new AssayError(
      'ARGUMENT_INVALID',
      `portfolio: expected a target volatility of at least ${decimalOf(lowest, 8)}, got ${decimalOf(target, 8)}`,
      {
        next: 'raise targetVolatility or loosen the constraints',
        detail: { least: decimalOf(lowest, 10) },
      },
    );
  }
  let low = { value: netReturn(least, input), gap: lowest - target, weights: least };
  const { value: top, weights: corner } = await maximumReturn(input);
  const highest = await along(input, top, least, corner);
  if (volatilityOf(highest, covariance) <= target) return highest;
  let high = { value: top, gap: volatilityOf(highest, covariance) - target, weights: highest };
  let side = 0;
  let [gapLow, gapHigh] = [low.gap, high.gap];
  for (let step = 0; step < 200 && high.value - low.value > 1e-15 * Math.max(1, Math.abs(top)); step++) {
    // Every fifth step halves, so that a flat start cannot hold the rule up.
    const value =
      step % 5 === 4 || gapHigh === gapLow
        ? (low.value + high.value) / 2
        : Math.min(
            high.value,
            Math.max(low.value, (low.value * gapHigh - high.value * gapLow) / (gapHigh - gapLow)),
          );
    const weights = await along(input, value, low.weights, high.weights);
    const gap = volatilityOf(weights, covariance) - target;
    if (Math.abs(gap) <= 1e-14) return weights;
    if (gap < 0) {
      low = { value, gap, weights };
      gapLow = gap;
      if (side === -1) gapHigh /= 2;
      side = -1;
    } else {
      high = { value, gap, weights };
      gapHigh = gap;
      if (side === 1) gapLow /= 2;
      side = 1;
    }
    if (-low.gap <= 1e-13) break;
  }
  return closed(low.weights, constraints);
}

/**
 * Greatest Sharpe ratio (expected return after costs − riskFree) / volatility, by the change of variables y = κw with
 * (μ − riskFree)ᵀy − costs = 1 (Cornuejols and Tütüncü 2006, section 8.2), which makes it a quadratic programme.
 */
export async function maximumSharpe(input: MeanVarianceInput & { riskFree: number }): Promise<Float64Array> {
  const { covariance, expected, constraints, riskFree, penalty } = input;
  if (!(constraints.budget > 0)) {
    throw new AssayError(
      'ARGUMENT_INVALID',
      'portfolio: the greatest Sharpe ratio needs a positive sum of weights',
      { next: 'use efficient-risk for a market-neutral portfolio' },
    );
  }
  const programme = programmeOf(constraints);
  await assertFeasible(programme, constraints.assets);
  const n = programme.assets;
  // The weights sum to the budget, so that this takes off the risk-free rate once.
  const excess = gain(
    { ...input, expected: expected.map((value) => value - riskFree / constraints.budget) },
    programme,
  );
  const best = await solveLinear({
    ...programme,
    rows: programme.rows.map(sparse),
    cost: negated(excess),
  }).catch((error: unknown) => {
    if (error instanceof AssayError && error.message.includes('no bound'))
      return { objective: -Infinity, x: new Float64Array(excess.length) };
    throw error;
  });
  if (!best || -best.objective <= 1e-12) {
    throw new AssayError(
      'ARGUMENT_INVALID',
      `portfolio: no allowed portfolio is expected to earn more than the risk-free ${decimalOf(riskFree, 8)}`,
      { next: 'use min-variance, lower riskFree or choose other expected returns' },
    );
  }
  const total = programme.cost.length;
  const homogeneous = (coefficients: Float64Array, limit: number) => {
    const out = Float64Array.from(coefficients);
    for (let i = 0; i < n; i++) out[i]! -= limit / constraints.budget;
    return out;
  };
  const rows: NamedRow[] = [{ name: null, coefficients: excess, lower: 1, upper: 1 }];
  const addLimits = (coefficients: Float64Array, lower: number, upper: number) => {
    if (lower > -Infinity)
      rows.push({ name: null, coefficients: homogeneous(coefficients, lower), lower: 0, upper: Infinity });
    if (upper < Infinity)
      rows.push({ name: null, coefficients: homogeneous(coefficients, upper), lower: -Infinity, upper: 0 });
  };
  // The budget became the definition of κ: the sum of y over the budget.
  const placeOf = new Map<number, number>();
  for (const [r, row] of programme.rows.entries()) {
    if (r === 0) continue;
    placeOf.set(r, rows.length);
    addLimits(row.coefficients, row.lower, row.upper);
  }
  const lower = new Float64Array(total).fill(-Infinity);
  const upper = new Float64Array(total).fill(Infinity);
  for (let i = 0; i < total; i++) {
    const unit = new Float64Array(total);
    unit[i] = 1;
    const [low, high] = [programme.lower[i]!, programme.upper[i]!];
    if (low === 0) lower[i] = 0;
    if (high === 0) upper[i] = 0;
    // No weight exceeds a long-only budget: a bound there says nothing.
    const idle = high >= constraints.budget && programme.lower.every((value) => value >= 0);
    addLimits(unit, low === 0 ? -Infinity : low, high === 0 || idle ? Infinity : high);
  }
  rows.push({
    name: null,
    coefficients: Float64Array.from({ length: total }, (_, i) => (i < n ? 1 : 0)),
    lower: 0,
    upper: Infinity,
  });
  const solution = must(
    solveQuadratic(
      {
        quadratic: twice(covariance, penalty),
        linear: new Float64Array(total),
        lower,
        upper,
        rows,
        absolutes: programme.absolutes.map(
          ([minus, plus]) => [placeOf.get(minus)!, placeOf.get(plus)!] as const,
        ),
      },
      best.x,
    ),
  );
  const y = solution.x.subarray(0, n);
  const kappa = y.reduce((sum, value) => sum + value, 0) / constraints.budget;
  if (!(kappa > 1e-12)) {
    throw new AssayError('ARGUMENT_INVALID', 'portfolio: the Sharpe ratio has no greatest value here', {
      next: 'bound the weights or limit the gross leverage',
    });
  }
  return closed(
    y.map((value) => value / kappa),
    constraints,
  );
}

/** The feasible weights nearest to wanted ones, measured by the variance of the difference. */
export async function nearestAllowed(
  wanted: Float64Array,
  covariance: Matrix,
  constraints: Constraints,
): Promise<Float64Array> {
  const programme = programmeOf({ ...constraints, cost: new Float64Array(constraints.cost.length) });
  const linear = new Float64Array(programme.cost.length);
  for (const [i, row] of covariance.entries()) linear[i] = dot(row, wanted);
  return solve({ covariance, expected: wanted, constraints }, programme, covariance, linear);
}

/** `points` portfolios of least variance between the one of least variance of all and the one of greatest return. */
export async function efficientFrontier(
  input: MeanVarianceInput & { points: number },
): Promise<{ weights: Float64Array; expectedReturn: number; volatility: number }[]> {
  const least = await minimumVariance(withoutCosts(input));
  const from = netReturn(least, input);
  const { value: to, weights: corner } = await maximumReturn(input);
  const frontier: { weights: Float64Array; expectedReturn: number; volatility: number }[] = [];
  for (let i = 0; i < input.points; i++) {
    const target = input.points === 1 ? from : from + ((to - from) * i) / (input.points - 1);
    const weights = i === 0 ? least : await along(input, target, frontier.at(-1)!.weights, corner);
    frontier.push({
      weights,
      expectedReturn: netReturn(weights, input),
      volatility: volatilityOf(weights, input.covariance),
    });
  }
  return frontier;
}

/** Expected return less what it costs to trade there from the current weights. */
export function netReturn(
  weights: Float64Array,
  { expected, constraints }: Pick<MeanVarianceInput, 'expected' | 'constraints'>,
): number {
  let sum = 0;
  for (let i = 0; i < weights.length; i++)
    sum +=
      weights[i]! * expected[i]! - constraints.cost[i]! * Math.abs(weights[i]! - constraints.current[i]!);
  return sum;
}

/** Greatest expected return after costs. */
export async function maximumReturn(
  input: Pick<MeanVarianceInput, 'expected' | 'constraints'>,
): Promise<{ value: number; weights: Float64Array }> {
  const programme = programmeOf(input.constraints);
  const solution = await solveLinear({
    ...programme,
    rows: programme.rows.map(sparse),
    cost: negated(gain(input, programme)),
  });
  if (!solution) await assertFeasible(programme, input.constraints.assets);
  const { objective, x } = must(solution);
  return { value: -objective, weights: closed(x.subarray(0, programme.assets), input.constraints) };
}

/** Least variance for a return between those of two allowed portfolios. */
async function along(
  input: MeanVarianceInput,
  target: number,
  below: Float64Array,
  above: Float64Array,
): Promise<Float64Array> {
  const programme = withTarget(input, programmeOf(input.constraints), target);
  // A hair below the greatest return, where only one point is left.
  for (const give of [0, 1e-12, 1e-10]) {
    const row = programme.rows.at(-1)!;
    row.lower = target - give * Math.max(1, Math.abs(target));
    const start =
      programme.absolutes.length > 0 ? await conflictOf(programme, input.constraints.assets) : null;
    if (start && !('point' in start)) continue;
    const solution = solveQuadratic(
      { ...programme, quadratic: twice(input.covariance), linear: new Float64Array(programme.cost.length) },
      start?.point ?? below.map((value, i) => (value + above[i]!) / 2),
    );
    if (solution) return closed(solution.x.subarray(0, programme.assets), input.constraints);
  }
  await assertFeasible(programme, input.constraints.assets);
  return must<Float64Array>(null);
}

function withTarget(
  input: Pick<MeanVarianceInput, 'expected' | 'constraints'>,
  programme: Programme,
  target: number,
): Programme {
  const row = {
    name: `expected return at least ${decimalOf(target, 8)}`,
    coefficients: gain(input, programme),
    lower: target,
    upper: Infinity,
  };
  return { ...programme, rows: [...programme.rows, row] };
}

async function solve(
  { constraints }: MeanVarianceInput,
  programme: Programme,
  quadratic: Matrix,
  linear: Float64Array,
): Promise<Float64Array> {
  const start = await assertFeasible(programme, constraints.assets);
  const solution = must(solveQuadratic({ ...programme, quadratic, linear }, start));
  return closed(solution.x.subarray(0, programme.assets), constraints);
}

/** Expected return per unit of each variable, costs as losses. */
function gain(
  { expected, constraints }: Pick<MeanVarianceInput, 'expected' | 'constraints'>,
  programme: Programme,
): Float64Array {
  const out = negated(programme.cost);
  out.set(expected.subarray(0, constraints.assets.length));
  return out;
}

function twice(covariance: Matrix, penalty = 0): Matrix {
  return covariance.map((row, i) => row.map((value, j) => 2 * value + (i === j ? 2 * penalty : 0)));
}

function withoutCosts<Input extends MeanVarianceInput>(input: Input): Input {
  const { constraints } = input;
  return { ...input, constraints: { ...constraints, cost: new Float64Array(constraints.cost.length) } };
}

function negated(values: Float64Array): Float64Array {
  return values.map((value) => (value === 0 ? 0 : -value));
}

/** Rounding may leave a weight a hair outside its bounds; put it on them. */
function closed(weights: Float64Array, { lower, upper }: Constraints): Float64Array {
  return weights.map((value, i) => Math.min(upper[i]!, Math.max(lower[i]!, value)));
}

function must<Value>(value: Value | null): Value {
  if (value !== null) return value;
  throw new AssayError('ARGUMENT_INVALID', 'portfolio: the solver found no point where there should be one', {
    next: 'loosen the constraints a little: they leave a single point or less',
  });
}
