import { AssayError } from '@assay/core';
import { decimalOf } from '../decimal-of.ts';
import { type SparseRow, solveLinear, sparse } from './linear-program.ts';
import type { LinearRow } from './quadratic-program.ts';

/** What a portfolio's weights must keep to. Weights are fractions of the capital; a short is negative. */
export interface Constraints {
  assets: readonly string[];
  /** Sum of the weights: 1 is fully invested, 0 market neutral. */
  budget: number;
  lower: Float64Array;
  upper: Float64Array;
  groups: readonly { name: string; members: readonly number[]; lower: number; upper: number }[];
  /** Highest sum of |weight|; Infinity for no limit. */
  grossLeverage: number;
  /** Weights held now, all zero when nothing is. */
  current: Float64Array;
  /** Highest half sum of |weight − current|; Infinity for no limit. */
  turnover: number;
  /** Cost of a traded unit of weight, by asset, as a fraction: taken off the expected return. */
  cost: Float64Array;
}

/** Long only, fully invested, nothing else. */
export function plainConstraints(assets: readonly string[], lower = 0, upper = 1): Constraints {
  return {
    assets,
    budget: 1,
    lower: new Float64Array(assets.length).fill(lower),
    upper: new Float64Array(assets.length).fill(upper),
    groups: [],
    grossLeverage: Infinity,
    current: new Float64Array(assets.length),
    turnover: Infinity,
    cost: new Float64Array(assets.length),
  };
}

export interface NamedRow extends LinearRow {
  /** In words, for a person; null for rows that only define an auxiliary variable. */
  name: string | null;
}

/**
 * The constraints as linear rows over weights and, after them, auxiliary variables: one |weight − current| an asset
 * where turnover is limited or costs something, one |weight| an asset where leverage is limited and shorting allowed.
 */
export interface Programme {
  assets: number;
  lower: Float64Array;
  upper: Float64Array;
  rows: NamedRow[];
  /** Cost of each variable in the objective: what trading costs. */
  cost: Float64Array;
  /** Places of the two rows that define each auxiliary variable. */
  absolutes: [number, number][];
}

export function programmeOf(constraints: Constraints): Programme {
  const { assets, lower, upper, current, budget, groups, grossLeverage, turnover, cost } = constraints;
  const n = assets.length;
  const trades = turnover < Infinity || cost.some((value) => value > 0);
  const levered = grossLeverage < Infinity && lower.some((value) => value < 0);
  const tradeAt = n;
  const grossAt = n + (trades ? n : 0);
  const total = grossAt + (levered ? n : 0);
  const row = (name: string | null, entries: [number, number][], low: number, high: number): NamedRow => {
    const coefficients = new Float64Array(total);
    for (const [i, value] of entries) coefficients[i] = value;
    return { name, coefficients, lower: low, upper: high };
  };
  const all = Array.from({ length: n }, (_, i) => i);
  const rows = [
    row(
      `sum of weights ${show(budget)}`,
      all.map((i) => [i, 1]),
      budget,
      budget,
    ),
  ];
  for (const group of groups) {
    const entries = group.members.map((i): [number, number] => [i, 1]);
    if (group.lower > -Infinity)
      rows.push(row(`group ${group.name} at least ${show(group.lower)}`, entries, group.lower, Infinity));
    if (group.upper < Infinity)
      rows.push(row(`group ${group.name} at most ${show(group.upper)}`, entries, -Infinity, group.upper));
  }
  if (grossLeverage < Infinity) {
    rows.push(
      row(
        `gross leverage at most ${show(grossLeverage)}`,
        all.map((i) => [levered ? grossAt + i : i, 1]),
        -Infinity,
        grossLeverage,
      ),
    );
  }
  if (turnover < Infinity) {
    rows.push(
      row(
        `turnover at most ${show(turnover)}`,
        all.map((i) => [tradeAt + i, 1]),
        -Infinity,
        2 * turnover,
      ),
    );
  }
  const absolutes: [number, number][] = [];
  const absolute = (variable: number, i: number, at: number) => {
    absolutes.push([rows.length, rows.length + 1]);
    rows.push(
      row(
        null,
        [
          [variable, 1],
          [i, -1],
        ],
        -at,
        Infinity,
      ),
    );
    rows.push(
      row(
        null,
        [
          [variable, 1],
          [i, 1],
        ],
        at,
        Infinity,
      ),
    );
  };
  if (trades) for (const i of all) absolute(tradeAt + i, i, current[i]!);
  if (levered) for (const i of all) absolute(grossAt + i, i, 0);
  const extended = (values: Float64Array, rest: number) => {
    const out = new Float64Array(total).fill(rest);
    out.set(values);
    return out;
  };
  const costs = new Float64Array(total);
  if (trades) costs.set(cost, tradeAt);
  return {
    assets: n,
    lower: extended(lower, 0),
    upper: extended(upper, Infinity),
    rows,
    cost: costs,
    absolutes,
  };
}

export interface Conflict {
  /** Constraints that cannot hold together, in words. */
  conflicting: string[];
  /** By how much which of them would have to give way: the least in sum. */
  relaxation: { constraint: string; by: string }[];
}

/**
 * A portfolio that keeps to all rows; if none does, which of them contradict each other and what the least
 * relaxation is. One linear programme: every constraint may be broken at its own price of 1, the sum is minimised. The
 * constraints with a price in its dual are a Farkas certificate, a set that already contradicts itself.
 */
export async function conflictOf(
  programme: Programme,
  assets: readonly string[],
): Promise<Conflict | { point: Float64Array }> {
  const { lower, upper, rows } = programme;
  const total = lower.length;
  const soft: { name: string; row: SparseRow }[] = [];
  const hard: SparseRow[] = [];
  for (const row of rows) {
    if (row.name === null) hard.push(sparse(row));
    else soft.push({ name: row.name, row: sparse(row) });
  }
  for (const [i, asset] of assets.entries()) {
    const weight = { indices: [i], values: [1] };
    if (lower[i]! > -Infinity)
      soft.push({
        name: `weight of ${asset} at least ${show(lower[i]!)}`,
        row: { ...weight, lower: lower[i]!, upper: Infinity },
      });
    if (upper[i]! < Infinity)
      soft.push({
        name: `weight of ${asset} at most ${show(upper[i]!)}`,
        row: { ...weight, lower: -Infinity, upper: upper[i]! },
      });
  }
  const columns = total + 2 * soft.length;
  // Column total + 2i lifts the left side of constraint i, the next one lowers it.
  const widened = (row: SparseRow, i: number): SparseRow => {
    const indices = [...row.indices];
    const values = [...row.values];
    if (row.lower > -Infinity) {
      indices.push(total + 2 * i);
      values.push(1);
    }
    if (row.upper < Infinity) {
      indices.push(total + 2 * i + 1);
      values.push(-1);
    }
    return { ...row, indices, values };
  };
  const low = new Float64Array(columns);
  const high = new Float64Array(columns).fill(Infinity);
  for (let i = 0; i < programme.assets; i++) low[i] = -Infinity;
  const cost = new Float64Array(columns);
  for (let i = total; i < columns; i++) cost[i] = 1;
  const solution = await solveLinear({
    cost,
    lower: low,
    upper: high,
    rows: [...soft.map(({ row }, i) => widened(row, i)), ...hard],
  });
  // Every constraint may give way, so that there always is a solution.
  if (solution!.objective <= 1e-9) return { point: solution!.x.subarray(0, total) };
  return {
    conflicting: soft.filter((_, i) => Math.abs(solution!.rowDuals[i]!) > 1e-9).map(({ name }) => name),
    relaxation: soft.flatMap(({ name }, i) => {
      const by = solution!.x[total + 2 * i]! + solution!.x[total + 2 * i + 1]!;
      return by > 1e-9 ? [{ constraint: name, by: show(by) }] : [];
    }),
  };
}

/**
 * Refuses constraints that no portfolio can keep.
 *
 * @returns a point that keeps them.
 * @throws ARGUMENT_INVALID, naming the constraints that contradict each other and the least relaxation.
 */
export async function assertFeasible(programme: Programme, assets: readonly string[]): Promise<Float64Array> {
  const found = await conflictOf(programme, assets);
  if ('point' in found) return found.point;
  throw infeasible(found);
}

export function infeasible({ conflicting, relaxation }: Conflict): AssayError {
  const some = (list: string[]) =>
    list.slice(0, 12).join('; ') + (list.length > 12 ? `; and ${list.length - 12} more` : '');
  return new AssayError(
    'ARGUMENT_INVALID',
    `portfolio: these constraints contradict each other: ${some(conflicting)}`,
    {
      next: `relax, at the least: ${some(relaxation.map(({ constraint, by }) => `${constraint} by ${by}`))}`,
      detail: { conflicting, relaxation },
    },
  );
}

function show(value: number): string {
  return decimalOf(value, 8) ?? String(value);
}
