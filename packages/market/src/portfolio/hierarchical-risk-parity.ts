import { AssayError } from '@assay/core';
import { correlationOf } from './covariance.ts';
import { bilinear, type Matrix, zeros } from './linear-algebra.ts';

export interface HierarchicalOptions {
  /** Given when it was estimated on other periods than the covariance. */
  correlation?: Matrix;
  /**
   * What is clustered: `correlation` the distances √((1 − ρ)/2) themselves, `columns` the Euclidean distances between
   * their columns, as in the paper's own example.
   */
  distance?: 'correlation' | 'columns';
}

/**
 * Hierarchical risk parity (López de Prado 2016, "Building diversified portfolios that outperform out of sample"):
 * single-linkage tree, quasi-diagonal order, recursive bisection with inverse-variance weights. Long only, sum 1;
 * inverts nothing, so that a singular covariance does no harm.
 *
 * @returns weights, and the order in which the tree puts the assets.
 * @throws ARGUMENT_INVALID for an asset without variance.
 */
export function hierarchicalRiskParity(
  covariance: Matrix,
  { correlation = correlationOf(covariance), distance = 'correlation' }: HierarchicalOptions = {},
): { weights: Float64Array; order: number[]; merges: Merge[] } {
  const n = covariance.length;
  if (covariance.some((row, i) => !(row[i]! > 0))) {
    throw new AssayError('ARGUMENT_INVALID', 'hrp: expected every asset to have risk, got one without', {
      next: 'leave out the asset whose price never moved',
    });
  }
  let distances: Matrix = correlation.map((row) =>
    row.map((value) => Math.sqrt(Math.min(1, Math.max(0, (1 - value) / 2)))),
  );
  if (distance === 'columns') distances = betweenColumns(distances);
  const merges = singleLinkage(distances);
  const order = leavesOf(merges, n);
  const weights = new Float64Array(n).fill(1);
  const queue = [order];
  for (let items = queue.pop(); items; items = queue.pop()) {
    if (items.length < 2) continue;
    const half = items.length >> 1;
    const [first, second] = [items.slice(0, half), items.slice(half)];
    const [left, right] = [clusterVariance(covariance, first), clusterVariance(covariance, second)];
    const share = 1 - left / (left + right);
    for (const i of first) weights[i]! *= share;
    for (const i of second) weights[i]! *= 1 - share;
    queue.push(first, second);
  }
  return { weights, order, merges };
}

/** Two clusters become one: below n an asset, from n on the merge with that number less n. */
export interface Merge {
  left: number;
  right: number;
  distance: number;
}

/** Single linkage through the minimum spanning tree (Prim), merges in the order of their distance. */
function singleLinkage(distances: Matrix): Merge[] {
  const n = distances.length;
  const near = new Float64Array(n).fill(Infinity);
  const seen = new Array<boolean>(n).fill(false);
  const edges: { from: number; to: number; distance: number }[] = [];
  let at = 0;
  for (let k = 1; k < n; k++) {
    seen[at] = true;
    let next = -1;
    for (let i = 0; i < n; i++) {
      if (seen[i]) continue;
      near[i] = Math.min(near[i]!, distances[at]![i]!);
      if (next < 0 || near[i]! < near[next]!) next = i;
    }
    edges.push({ from: at, to: next, distance: near[next]! });
    at = next;
  }
  edges.sort((a, b) => a.distance - b.distance);
  const parent = Array.from({ length: 2 * n - 1 }, (_, i) => i);
  const root = (i: number): number => {
    let r = i;
    while (parent[r] !== r) r = parent[r]!;
    return r;
  };
  return edges.map(({ from, to, distance }, k) => {
    const [a, b] = [root(from), root(to)];
    parent[a] = parent[b] = n + k;
    return { left: Math.min(a, b), right: Math.max(a, b), distance };
  });
}

/** Leaves of the tree from left to right. */
function leavesOf(merges: readonly Merge[], n: number): number[] {
  const leaves: number[] = [];
  const stack = [2 * n - 2];
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    if (node < n) leaves.push(node);
    else stack.push(merges[node - n]!.right, merges[node - n]!.left);
  }
  return leaves;
}

/** Variance of the inverse-variance portfolio of some assets. */
export function clusterVariance(covariance: Matrix, items: readonly number[]): number {
  const part = items.map((i) => Float64Array.from(items, (j) => covariance[i]![j]!));
  const inverse = Float64Array.from(part, (row, i) => 1 / row[i]!);
  const sum = inverse.reduce((total, value) => total + value, 0);
  const weights = inverse.map((value) => value / sum);
  return bilinear(weights, part, weights);
}

function betweenColumns(distances: Matrix): Matrix {
  const out = zeros(distances.length);
  for (const [i, a] of distances.entries())
    for (const [j, b] of distances.entries())
      out[i]![j] = Math.sqrt(a.reduce((sum, value, k) => sum + (value - b[k]!) ** 2, 0));
  return out;
}
