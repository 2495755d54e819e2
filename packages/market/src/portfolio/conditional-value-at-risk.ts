/**
 * Conditional value at risk: the mean loss of the worst (1 − confidence) of the periods. Losses are positive, and per
 * period of the returns, not per year. Portfolios by the linear programme of Rockafellar and Uryasev (2000).
 */
import { AssayError } from '@assay/core';
import { assertFeasible, type Constraints, programmeOf } from './constraints.ts';
import { decimalOf } from './decimal-of.ts';
import { solveLinear } from './linear-program.ts';
import type { LinearRow } from './quadratic-program.ts';

export interface TailInput {
  /** Complete returns, one array an asset: every period is one scenario of equal weight. */
  returns: readonly Float64Array[];
  /** 0.95 for the worst twentieth. */
  confidence: number;
  /** Yearly. */
  expected: Float64Array;
  constraints: Constraints;
}

/** Least CVaR; with `targetReturn` (yearly, after costs) among the portfolios that reach it. */
export async function minimumCvar(input: TailInput & { targetReturn?: number }): Promise<Float64Array> {
  const { tail, programme, rows, lower, upper } = tailProgramme(input);
  if (input.targetReturn !== undefined) {
    const row = returnRow(input, programme.cost.length + 1 + tail.periods, programme.cost);
    const named = { ...row, name: `expected return at least ${decimalOf(input.targetReturn, 8)}`, lower: input.targetReturn };
    rows.push(named);
    await assertFeasible(
      {
        ...programme,
        rows: [...programme.rows, { ...named, coefficients: named.coefficients.subarray(0, programme.cost.length) }],
      },
      input.constraints.assets,
    );
  } else await assertFeasible(programme, input.constraints.assets);
  const cost = Float64Array.from(tail.cost);
  if (input.targetReturn === undefined) for (const [i, value] of programme.cost.entries()) cost[i]! += value;
  return weightsOf(await solveLinear({ cost, lower, upper, rows }), input);
}

/** Greatest expected return (yearly, after costs) whose CVaR per period stays within the target. */
export async function maximumReturnWithinCvar(input: TailInput & { targetCvar: number }): Promise<Float64Array> {
  const { tail, programme, rows, lower, upper } = tailProgramme(input);
  await assertFeasible(programme, input.constraints.assets);
  rows.push({ coefficients: tail.cost, lower: -Infinity, upper: input.targetCvar });
  const cost = returnRow(input, tail.cost.length, programme.cost).coefficients.map((value) => (value === 0 ? 0 : -value));
  const solution = await solveLinear({ cost, lower, upper, rows });
  if (!solution) {
    const free = { ...input.constraints, cost: new Float64Array(input.constraints.cost.length) };
    const least = cvarOf(
      portfolioReturns(await minimumCvar({ ...input, constraints: free }), input.returns),
      input.confidence,
    );
    throw new AssayError(
      'ARGUMENT_INVALID',
      `portfolio: expected a target CVaR of at least ${decimalOf(least, 8)}, got ${decimalOf(input.targetCvar, 8)}`,
      { next: 'raise targetCvar or loosen the constraints', detail: { least: decimalOf(least, 10) } },
    );
  }
  return weightsOf(solution, input);
}

/** Value at risk and CVaR of a series of returns, by counting: the least α that α + mean excess / (1 − c) allows. */
export function valueAtRisk(returns: Float64Array, confidence: number): { valueAtRisk: number; cvar: number } {
  const losses = Float64Array.from(returns, (value) => -value).sort();
  const place = Math.min(losses.length - 1, Math.max(0, Math.ceil(confidence * losses.length - 1e-9) - 1));
  const alpha = losses[place]!;
  let excess = 0;
  for (let i = place + 1; i < losses.length; i++) excess += losses[i]! - alpha;
  return { valueAtRisk: alpha, cvar: alpha + excess / (losses.length * (1 - confidence)) };
}

export function cvarOf(returns: Float64Array, confidence: number): number {
  return valueAtRisk(returns, confidence).cvar;
}

/** Return of fixed weights, period by period. */
export function portfolioReturns(weights: Float64Array, returns: readonly Float64Array[]): Float64Array {
  return Float64Array.from(returns[0] ?? [], (_, t) => {
    let sum = 0;
    for (const [i, series] of returns.entries()) if (weights[i] !== 0) sum += weights[i]! * series[t]!;
    return sum;
  });
}

/** Weights and auxiliaries, then α, then one excess loss a period. */
function tailProgramme({ returns, confidence, constraints }: TailInput) {
  const programme = programmeOf(constraints);
  const periods = returns[0]?.length ?? 0;
  const before = programme.cost.length;
  const total = before + 1 + periods;
  const rows: LinearRow[] = programme.rows.map((row) => {
    const coefficients = new Float64Array(total);
    coefficients.set(row.coefficients);
    return { coefficients, lower: row.lower, upper: row.upper };
  });
  for (let t = 0; t < periods; t++) {
    const coefficients = new Float64Array(total);
    for (const [i, series] of returns.entries()) coefficients[i] = series[t]!;
    coefficients[before] = 1;
    coefficients[before + 1 + t] = 1;
    rows.push({ coefficients, lower: 0, upper: Infinity });
  }
  const lower = new Float64Array(total);
  const upper = new Float64Array(total).fill(Infinity);
  lower.set(programme.lower);
  upper.set(programme.upper);
  lower[before] = -Infinity;
  const cost = new Float64Array(total);
  cost[before] = 1;
  cost.fill(1 / (periods * (1 - confidence)), before + 1);
  return { tail: { periods, cost }, programme, rows, lower, upper };
}

function returnRow({ expected, constraints }: TailInput, total: number, costs: Float64Array): LinearRow {
  const coefficients = new Float64Array(total);
  for (const [i, value] of costs.entries()) if (value !== 0) coefficients[i] = -value;
  coefficients.set(expected.subarray(0, constraints.assets.length));
  return { coefficients, lower: -Infinity, upper: Infinity };
}

function weightsOf(solution: { x: Float64Array } | null, { constraints }: TailInput): Float64Array {
  if (!solution) {
    throw new AssayError('ARGUMENT_INVALID', 'portfolio: the solver found no point where there should be one', {
      next: 'loosen the constraints a little: they leave a single point or less',
    });
  }
  return Float64Array.from(constraints.assets, (_, i) =>
    Math.min(constraints.upper[i]!, Math.max(constraints.lower[i]!, solution.x[i]!)),
  );
}

