import { AssayError } from '@assay/core';
import loadHighs, { type Highs, type InitOptions } from 'highs';
import type { LinearRow } from './quadratic-program.ts';

/** lower ≤ Σ values × x[indices] ≤ upper. */
export interface SparseRow {
  indices: number[];
  values: number[];
  lower: number;
  upper: number;
}

/** Least c·x within bounds and rows. */
export interface LinearProgram {
  cost: Float64Array;
  lower: Float64Array;
  upper: Float64Array;
  rows: readonly SparseRow[];
}

export interface LinearSolution {
  x: Float64Array;
  objective: number;
  rowDuals: Float64Array;
}

/** A dense row without its zeros. */
export function sparse({ coefficients, lower, upper }: LinearRow): SparseRow {
  const indices: number[] = [];
  for (const [i, value] of coefficients.entries()) if (value !== 0) indices.push(i);
  return { indices, values: indices.map((i) => coefficients[i]!), lower, upper };
}

let loaded: Promise<Highs> | undefined;

/**
 * Solves a linear programme with HiGHS (dual simplex in WebAssembly, one thread, fixed seed: the same vertex every
 * time). Tolerances are 1e-10.
 *
 * @returns null when no point satisfies the constraints.
 * @throws ARGUMENT_INVALID when the objective has no bound or the solver gave up.
 */
export async function solveLinear({
  cost,
  lower,
  upper,
  rows,
}: LinearProgram): Promise<LinearSolution | null> {
  // Its types describe the CommonJS build, whose default is one level deeper than that of the ES module loaded here.
  const load = loadHighs as unknown as (options: InitOptions) => Promise<Highs>;
  loaded ??= load({ print: () => {}, printErr: () => {} });
  const highs = await loaded;
  const starts = [0];
  const indices: number[] = [];
  const values: number[] = [];
  for (const row of rows) {
    for (const [k, value] of row.values.entries()) {
      if (value === 0) continue;
      indices.push(row.indices[k]!);
      values.push(value);
    }
    starts.push(indices.length);
  }
  return highs.withModel((model) => {
    model.options.set({
      output_flag: false,
      primal_feasibility_tolerance: 1e-10,
      dual_feasibility_tolerance: 1e-10,
      solver: 'simplex',
      random_seed: 0,
      simplex_iteration_limit: 200_000,
    });
    model.passModel({
      numCols: cost.length,
      numRows: rows.length,
      colCost: cost,
      colLower: lower,
      colUpper: upper,
      rowLower: Float64Array.from(rows, (row) => row.lower),
      rowUpper: Float64Array.from(rows, (row) => row.upper),
      matrix: { format: 'csr', numRows: rows.length, numCols: cost.length, starts, indices, values },
    });
    model.run();
    const status = model.getModelStatus();
    const { infeasible, optimal, unbounded, unboundedOrInfeasible } = highs.constants.modelStatus;
    if (status === infeasible) return null;
    if (status === unbounded || status === unboundedOrInfeasible) {
      throw new AssayError(
        'ARGUMENT_INVALID',
        'portfolio: the objective has no bound under these constraints',
        {
          next: 'give every asset a lower and an upper bound, or limit the gross leverage',
        },
      );
    }
    const { colValue, rowDual } = model.getSolution();
    if (status !== optimal || colValue.some((value) => !Number.isFinite(value))) {
      throw new AssayError('ARGUMENT_INVALID', `portfolio: HiGHS stopped with model status ${status}`, {
        next: 'use fewer assets, a shorter window or fewer constraints',
      });
    }
    return { x: colValue, objective: model.getObjectiveValue(), rowDuals: rowDual };
  });
}
