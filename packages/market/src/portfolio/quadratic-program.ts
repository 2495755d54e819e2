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
  /** Over the first `quadratic.length` variables, positive definite; the others have no curvature. */
  quadratic: Matrix;
  linear: Float64Array;
  lower: Float64Array;
  upper: Float64Array;
  rows: readonly LinearRow[];
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
const MAX_PROXIMAL_STEPS = 200;
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
 * Variables without curvature (those that stand for an absolute value) are solved by the proximal point method
 * (Rockafellar 1976): each step adds ρ/2 |t − tₖ|² for these alone, so that quadprog's matrix is positive definite,
 * and the fixed point is the exact optimum, not a regularised one. For quadratic programmes it ends after few steps;
 * here when t moves less than 1e-12.
 *
 * The answer is checked by its own multipliers before it is given.
 *
 * @returns null when quadprog finds the constraints inconsistent, or no answer that stands the check.
 * @throws ARGUMENT_INVALID when the matrix is not positive definite or the bound on iterations is hit.
 */
export function solveQuadratic(programme: QuadraticProgram): QuadraticSolution | null {
  for (const widening of WIDENINGS) {
    const solution = proximal(programme, widening);
    if (!solution) continue;
    const largest = programme.quadratic.reduce((most, row, i) => Math.max(most, row[i]!), 0);
    if (solution.residual <= STATIONARY * (largest + Math.max(...programme.linear.map(Math.abs))))
      return solution;
  }
  return null;
}

function proximal(programme: QuadraticProgram, widening: number): QuadraticSolution | null {
  const { quadratic, linear } = programme;
  const curved = quadratic.length;
  const total = linear.length;
  // Scaled so that quadprog's absolute tolerances mean the same for daily variances and for yearly ones.
  const scale = quadratic.reduce((sum, row, i) => sum + row[i]!, 0) / curved || 1;
  const rho = 1e-2;
  let centre = new Float64Array(total);
  for (let step = 0; ; step++) {
    const solution = direct(programme, scale, rho, centre, widening);
    if (!solution || curved === total) return solution;
    let moved = 0;
    for (let i = curved; i < total; i++) moved = Math.max(moved, Math.abs(solution.x[i]! - centre[i]!));
    if (moved <= 1e-12) return solution;
    if (step === MAX_PROXIMAL_STEPS) {
      throw new AssayError(
        'ARGUMENT_INVALID',
        `portfolio: no optimum within ${MAX_PROXIMAL_STEPS} proximal steps`,
        {
          next: 'drop the turnover, cost or leverage constraint, or use fewer assets',
        },
      );
    }
    centre = Float64Array.from(solution.x);
  }
}

function direct(
  { quadratic, linear, lower, upper, rows }: QuadraticProgram,
  scale: number,
  rho: number,
  centre: Float64Array,
  widening: number,
): QuadraticSolution | null {
  const total = linear.length;
  const curved = quadratic.length;
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
      for (const j of free)
        row.push(i < curved && j < curved ? quadratic[i]![j]! / scale : i === j ? rho : 0);
      if (i < curved) for (let j = 0; j < curved; j++) pull -= (quadratic[i]![j]! * x[j]!) / scale;
      else pull += rho * centre[i]!;
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
  const rest = linear.map((value, i) => (i < curved ? dot(quadratic[i]!, x.subarray(0, curved)) : 0) - value);
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
