/// <reference path="./quadprog.d.ts" />
import { AssayError } from '@assay/core';
import { solveQP } from 'quadprog';
import { cholesky, dot, type Matrix, solveCholesky } from './linear-algebra.ts';

/** lower ≤ a·x ≤ upper; ±Infinity for none, equal for an equality. */
export interface LinearRow {
  coefficients: Float64Array;
  lower: number;
  upper: number;
}

/** Least ½ xᵀDx − dᵀx within bounds and rows. */
export interface QuadraticProgram {
  /** Over the first `quadratic.length` variables, positive definite; the others are absolute values. */
  quadratic: Matrix;
  linear: Float64Array;
  lower: Float64Array;
  upper: Float64Array;
  rows: readonly LinearRow[];
  /** For each absolute value t = |a·x − k|, in the order of its variables, the places of its rows t − a·x ≥ −k and t + a·x ≥ k. */
  absolutes?: readonly (readonly [number, number])[];
}

export interface QuadraticSolution {
  x: Float64Array;
  /** Multiplier of each row and bound: positive where the lower limit holds it, negative where the upper does. */
  rowMultipliers: Float64Array;
  boundMultipliers: Float64Array;
  /** Largest component of the gradient that no multiplier explains: 0 at the optimum. */
  residual: number;
}

const MAX_ITERATIONS = 20_000;
const MAX_SIDE_CHANGES = 300;
/**
 * quadprog takes any slack below −2e-15 for a violation. Where more constraints meet in a point than it has
 * dimensions, rounding alone makes it say "inconsistent"; then inequalities are tried again this much wider.
 */
const WIDENINGS = [0, 1e-14, 1e-13, 1e-12, 1e-11, 1e-10, 1e-9];
/** No answer leaves whose gradient is further than this, relative to the numbers given, from what the multipliers explain. */
const STATIONARY = 1e-8;

/**
 * Solves a convex quadratic programme with quadprog (Goldfarb and Idnani 1983, dual active set).
 *
 * Absolute values have no curvature, which quadprog needs. Each is replaced by ± its argument, which is held to that
 * side; at the optimum of these sides the multipliers tell for each argument at zero whether the other side is better,
 * and then it changes sides. The point stays allowed as it does, so that the objective only falls: as there are
 * finitely many sides, the end is the optimum of the whole. At most 300 changes.
 *
 * The answer is checked by its own multipliers before it is given.
 *
 * @param start an allowed point, needed with absolute values: its sides are taken when those of the optimum without
 * them allow nothing.
 * @returns null when quadprog finds the constraints inconsistent, or no answer that stands the check.
 * @throws ARGUMENT_INVALID when the matrix is not positive definite or a bound on iterations is hit.
 */
export function solveQuadratic(programme: QuadraticProgram, start?: Float64Array): QuadraticSolution | null {
  const { quadratic, linear, rows, absolutes = [] } = programme;
  if (absolutes.length === 0) return restricted(programme, start);
  const curved = quadratic.length;
  const defining = new Set(absolutes.flat());
  const others = rows.map((_, r) => r).filter((r) => !defining.has(r));
  const parts = absolutes.map(([, plus]) => ({
    argument: rows[plus]!.coefficients.subarray(0, curved),
    at: rows[plus]!.lower,
  }));
  const sidesOf = (x: Float64Array): number[] =>
    parts.map(({ argument, at }) => (dot(argument, x.subarray(0, curved)) < at ? -1 : 1));
  const bounds = { lower: programme.lower.subarray(0, curved), upper: programme.upper.subarray(0, curved) };
  /** The rows over the curved variables alone, with every absolute value on its side. */
  const onSides = (sides: readonly number[]): QuadraticProgram => {
    const pull = linear.slice(0, curved);
    for (const [j, { argument }] of parts.entries())
      if (linear[curved + j] !== 0)
        for (let i = 0; i < curved; i++) pull[i]! += linear[curved + j]! * sides[j]! * argument[i]!;
    const reduced = others.map((r): LinearRow => {
      const row = rows[r]!;
      const coefficients = row.coefficients.slice(0, curved);
      let constant = 0;
      for (const [j, { argument, at }] of parts.entries()) {
        const weight = row.coefficients[curved + j]! * sides[j]!;
        if (weight === 0) continue;
        constant -= weight * at;
        for (let i = 0; i < curved; i++) coefficients[i]! += weight * argument[i]!;
      }
      return { coefficients, lower: row.lower - constant, upper: row.upper - constant };
    });
    for (const [j, { argument, at }] of parts.entries()) {
      const side = sides[j]!;
      reduced.push({
        coefficients: argument.map((value) => side * value),
        lower: side * at,
        upper: Infinity,
      });
    }
    return { quadratic, linear: pull, ...bounds, rows: reduced };
  };

  const open = restricted(
    {
      quadratic,
      linear: linear.slice(0, curved),
      ...bounds,
      rows: others
        .map((r) => rows[r]!)
        .filter(({ coefficients }) => coefficients.subarray(curved).every((value) => value === 0))
        .map((row) => ({ ...row, coefficients: row.coefficients.subarray(0, curved) })),
    },
    start,
  );
  let sides = sidesOf(open?.x ?? start ?? new Float64Array(curved));
  let solution = restricted(onSides(sides), open?.x ?? start);
  if (!solution && start) {
    sides = sidesOf(start);
    solution = restricted(onSides(sides), start);
  }
  const tolerance = STATIONARY * scaleOf(programme) * 0.01;
  for (let change = 0; solution; change++) {
    const { x, rowMultipliers, boundMultipliers, residual } = solution;
    // What one more unit of each absolute value costs; its two rows share this.
    const prices = parts.map((_, j) => {
      let price = -linear[curved + j]!;
      for (const [k, r] of others.entries()) price -= rowMultipliers[k]! * rows[r]!.coefficients[curved + j]!;
      return price;
    });
    const presses = parts.map((_, j) => rowMultipliers[others.length + j]!);
    const excess = presses.map((press, j) => press - 2 * Math.max(0, prices[j]!));
    const worst = Math.max(...excess);
    if (worst <= tolerance) {
      const whole = new Float64Array(linear.length);
      whole.set(x);
      const multipliers = new Float64Array(rows.length);
      for (const [k, r] of others.entries()) multipliers[r] = rowMultipliers[k]!;
      for (const [j, { argument, at }] of parts.entries()) {
        whole[curved + j] = Math.abs(dot(argument, x) - at);
        const [minus, plus] = absolutes[j]!;
        const [held, free] = sides[j]! > 0 ? [minus, plus] : [plus, minus];
        multipliers[held] = prices[j]! - presses[j]! / 2;
        multipliers[free] = presses[j]! / 2;
      }
      const ofBounds = new Float64Array(linear.length);
      ofBounds.set(boundMultipliers);
      return { x: whole, rowMultipliers: multipliers, boundMultipliers: ofBounds, residual };
    }
    if (change === MAX_SIDE_CHANGES) {
      throw new AssayError(
        'ARGUMENT_INVALID',
        `portfolio: no optimum within ${MAX_SIDE_CHANGES} changes of side`,
        {
          next: 'drop the turnover, cost or leverage constraint, or use fewer assets',
        },
      );
    }
    // All at once as a rule; one by one should that ever go in circles.
    const least = change < 30 ? tolerance : worst * (1 - 1e-12);
    sides = sides.map((side, j) => (excess[j]! > least ? -side : side));
    solution = restricted(onSides(sides), x);
  }
  return null;
}

/** Below this many variables nothing is won by leaving some out. */
const SMALL = 40;
const JOIN_AT_ONCE = 20;

/**
 * Most weights of a long-only optimum of many assets lie on their lower limit. Variables that do so at a nearby point
 * are kept there, and those whose multiplier says that they should leave it join in, until none does: then the whole
 * is solved, by the same conditions. Variables only ever join, so that there is an end; 200 assets take a quarter of the
 * time.
 */
function restricted(programme: QuadraticProgram, near?: Float64Array): QuadraticSolution | null {
  const { lower, upper } = programme;
  const n = programme.linear.length;
  if (n < SMALL || !near) return checked(programme);
  const inside = Array.from(lower, (low, i) => !(near[i]! <= low + 1e-9));
  const tolerance = STATIONARY * scaleOf(programme) * 0.01;
  for (let round = 0; round < n && inside.includes(false); round++) {
    const solution = checked({ ...programme, upper: upper.map((high, i) => (inside[i] ? high : lower[i]!)) });
    if (!solution) break;
    const { boundMultipliers } = solution;
    const joining = inside
      .map((_, i) => i)
      .filter((i) => !inside[i] && lower[i] !== upper[i] && boundMultipliers[i]! < -tolerance)
      .sort((a, b) => boundMultipliers[a]! - boundMultipliers[b]! || a - b)
      .slice(0, JOIN_AT_ONCE);
    if (joining.length === 0) return solution;
    for (const i of joining) inside[i] = true;
  }
  return checked(programme);
}

/** The answer of the first widening that stands the check. */
function checked(programme: QuadraticProgram): QuadraticSolution | null {
  for (const widening of WIDENINGS) {
    const solution = direct(programme, widening);
    if (solution && solution.residual <= STATIONARY * scaleOf(programme)) return solution;
  }
  return null;
}

function scaleOf({ quadratic, linear }: QuadraticProgram): number {
  let most = 0;
  for (const [i, row] of quadratic.entries()) most = Math.max(most, row[i]!);
  for (const value of linear) most = Math.max(most, Math.abs(value));
  return most;
}

function direct(
  { quadratic, linear, lower, upper, rows }: QuadraticProgram,
  widening: number,
): QuadraticSolution | null {
  const total = linear.length;
  // Scaled so that quadprog's absolute tolerances mean the same for daily variances and for yearly ones.
  const scale = quadratic.reduce((sum, row, i) => sum + row[i]!, 0) / total || 1;
  // A fixed variable is a number, not an equality: several of these with a budget would be dependent.
  const free = Array.from({ length: total }, (_, i) => i).filter((i) => lower[i] !== upper[i]);
  const x = Float64Array.from(lower, (low, i) => (low === upper[i] ? low : 0));
  const fixedPart = (coefficients: Float64Array) => dot(coefficients, x);

  const constraints: {
    coefficients: Float64Array;
    least: number;
    equal: boolean;
    of: number;
    sign: number;
  }[] = [];
  for (const [r, row] of rows.entries()) {
    const offset = fixedPart(row.coefficients);
    if (free.every((i) => row.coefficients[i] === 0)) {
      const slack = 1e-9 * (1 + Math.abs(offset));
      if (offset < row.lower - slack || offset > row.upper + slack) return null;
      continue;
    }
    if (row.lower === row.upper) {
      constraints.push({
        coefficients: row.coefficients,
        least: row.lower - offset,
        equal: true,
        of: r,
        sign: 1,
      });
      continue;
    }
    if (row.lower > -Infinity)
      constraints.push({
        coefficients: row.coefficients,
        least: row.lower - offset,
        equal: false,
        of: r,
        sign: 1,
      });
    if (row.upper < Infinity)
      constraints.push({
        coefficients: row.coefficients.map((value) => -value),
        least: offset - row.upper,
        equal: false,
        of: r,
        sign: -1,
      });
  }
  constraints.sort((a, b) => Number(b.equal) - Number(a.equal));
  const equalities = constraints.filter(({ equal }) => equal).length;
  const bounds: { place: number; least: number; of: number; sign: number }[] = [];
  for (const [place, i] of free.entries()) {
    if (lower[i]! > -Infinity) bounds.push({ place, least: lower[i]!, of: i, sign: 1 });
    if (upper[i]! < Infinity) bounds.push({ place, least: -upper[i]!, of: i, sign: -1 });
  }

  const n = free.length;
  const boundMultipliers = new Float64Array(total);
  const rowMultipliers = new Float64Array(rows.length);
  if (n > 0) {
    const D: number[][] = [[]];
    const d: number[] = [0];
    const A: number[][] = [[]];
    for (const i of free) {
      const row = [0];
      let pull = linear[i]! / scale;
      for (const j of free) row.push(quadratic[i]![j]! / scale);
      for (let j = 0; j < total; j++) pull -= (quadratic[i]![j]! * x[j]!) / scale;
      D.push(row);
      d.push(pull);
      const column = [0];
      for (const { coefficients } of constraints) column.push(coefficients[i]!);
      for (let k = 0; k < bounds.length; k++) column.push(0);
      A.push(column);
    }
    for (const [k, { place, sign }] of bounds.entries()) A[place + 1]![constraints.length + k + 1] = sign;
    const b = [0, ...constraints.map(({ least, equal }) => (equal ? least : least - widening))];
    for (const { least } of bounds) b.push(least - widening);
    if (b.length === 1) {
      for (const column of A.slice(1)) column.push(0);
      b.push(-1);
    }
    limitReads(b);
    const answer = solveQP(D, d, A, b, equalities);
    if (answer.message.includes('inconsistent')) return null;
    const values = answer.solution.slice(1);
    if (answer.message !== '' || values.some((value) => !Number.isFinite(value))) {
      throw new AssayError('ARGUMENT_INVALID', 'portfolio: the covariance is not positive definite', {
        next: 'use a longer window, a shrunk risk model, or ask for a repair of the covariance',
      });
    }
    for (const [k, { of, sign, equal }] of constraints.entries())
      if (!equal) rowMultipliers[of]! += sign * answer.Lagrangian[k + 1]! * scale;
    for (const [k, { of, sign }] of bounds.entries())
      boundMultipliers[of]! += sign * answer.Lagrangian[constraints.length + k + 1]! * scale;
    for (const [place, i] of free.entries()) x[i] = values[place]!;
  }

  // What the inequalities leave of the gradient belongs to the equalities: quadprog turns these round as it goes, so
  // that the sign of its own multiplier is lost.
  const rest = linear.map((value, i) => dot(quadratic[i]!, x) - value);
  for (const [r, { coefficients }] of rows.entries())
    if (rowMultipliers[r] !== 0)
      for (let i = 0; i < total; i++) rest[i]! -= rowMultipliers[r]! * coefficients[i]!;
  for (let i = 0; i < total; i++) rest[i]! -= boundMultipliers[i]!;
  const equal = constraints.filter((constraint) => constraint.equal);
  const normals = equal.map(({ coefficients }) => Float64Array.from(free, (i) => coefficients[i]!));
  const factor = cholesky(normals.map((a) => Float64Array.from(normals, (b) => dot(a, b))));
  if (factor) {
    const left = Float64Array.from(free, (i) => rest[i]!);
    const multipliers = solveCholesky(
      factor,
      normals.map((normal) => dot(normal, left)),
    );
    for (const [k, { of, coefficients }] of equal.entries()) {
      rowMultipliers[of] = multipliers[k]!;
      for (let i = 0; i < total; i++) rest[i]! -= multipliers[k]! * coefficients[i]!;
    }
  }
  for (let i = 0; i < total; i++) {
    if (lower[i] !== upper[i]) continue;
    boundMultipliers[i] = rest[i]!;
    rest[i] = 0;
  }
  const residual = rest.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return { x, rowMultipliers, boundMultipliers, residual };
}

/** quadprog's loop has no end of its own; it reads the first limit once an iteration, which counts them. */
function limitReads(b: number[]): void {
  let value = b[1]!;
  let reads = 0;
  Object.defineProperty(b, 1, {
    get: () => {
      if (++reads > MAX_ITERATIONS) {
        throw new AssayError(
          'ARGUMENT_INVALID',
          `portfolio: no optimum within ${MAX_ITERATIONS} iterations`,
          {
            next: 'use fewer assets or constraints, or a shrunk risk model',
          },
        );
      }
      return value;
    },
    set: (next: number) => {
      value = next;
    },
  });
}
