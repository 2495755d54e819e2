/**
 * Conditional value at risk: the mean loss of the worst (1 − confidence) of the periods. Losses are positive, and per
 * period of the returns, not per year. Portfolios by the linear programme of Rockafellar and Uryasev (2000).
 */
import { AssayError } from '@assay/core';
import { decimalOf } from '../decimal-of.ts';
import { assertFeasible, type Constraints, programmeOf } from './constraints.ts';
import { solveLinear, sparse } from './linear-program.ts';

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
  const { targetReturn } = input;
  let bounded = programme;
  if (targetReturn !== undefined) {
    const row = {
      name: `expected return at least ${decimalOf(targetReturn, 8)}`,
      coefficients: gainOf(input, programme.cost),
      lower: targetReturn,
      upper: Infinity,
    };
    bounded = { ...programme, rows: [...programme.rows, row] };
    rows.push(sparse(row));
  }
  await assertFeasible(bounded, input.constraints.assets);
  const cost = Float64Array.from(tail);
  if (input.targetReturn === undefined) for (const [i, value] of programme.cost.entries()) cost[i]! += value;
  return weightsOf(await solveLinear({ cost, lower, upper, rows }), input);
}

/** Greatest expected return (yearly, after costs) whose CVaR per period stays within the target. */
export async function maximumReturnWithinCvar(
  input: TailInput & { targetCvar: number },
): Promise<Float64Array> {
  const { tail, programme, rows, lower, upper } = tailProgramme(input);
  await assertFeasible(programme, input.constraints.assets);
  rows.push(sparse({ coefficients: tail, lower: -Infinity, upper: input.targetCvar }));
  const cost = new Float64Array(tail.length);
  for (const [i, value] of gainOf(input, programme.cost).entries()) cost[i] = value === 0 ? 0 : -value;
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
export function valueAtRisk(
  returns: Float64Array,
  confidence: number,
): { valueAtRisk: number; cvar: number } {
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
  const rows = programme.rows.map(sparse);
  const everything = Array.from(returns, (_, i) => i);
  for (let t = 0; t < periods; t++) {
    rows.push({
      indices: [...everything, before, before + 1 + t],
      values: [...returns.map((series) => series[t]!), 1, 1],
      lower: 0,
      upper: Infinity,
    });
  }
  const lower = new Float64Array(total);
  const upper = new Float64Array(total).fill(Infinity);
  lower.set(programme.lower);
  upper.set(programme.upper);
  lower[before] = -Infinity;
  const tail = new Float64Array(total);
  tail[before] = 1;
  tail.fill(1 / (periods * (1 - confidence)), before + 1);
  return { tail, programme, rows, lower, upper };
}

/** Expected return per unit of each variable, costs as losses. */
function gainOf({ expected, constraints }: TailInput, costs: Float64Array): Float64Array {
  const out = costs.map((value) => (value === 0 ? 0 : -value));
  out.set(expected.subarray(0, constraints.assets.length));
  return out;
}

function weightsOf(solution: { x: Float64Array } | null, { constraints }: TailInput): Float64Array {
  if (!solution) {
    throw new AssayError(
      'ARGUMENT_INVALID',
      'portfolio: the solver found no point where there should be one',
      {
        next: 'loosen the constraints a little: they leave a single point or less',
      },
    );
  }
  return Float64Array.from(constraints.assets, (_, i) =>
    Math.min(constraints.upper[i]!, Math.max(constraints.lower[i]!, solution.x[i]!)),
  );
}
