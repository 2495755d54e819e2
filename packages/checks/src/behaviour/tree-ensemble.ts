import { AssayError } from '@assay/core';

/**
 * Binary decision trees whose leaves add up to a margin (log-odds). A row goes left at a node when its value is at
 * most the threshold; a missing value (NaN) goes the way that was learnt.
 *
 * Thresholds and leaf values are 32-bit floats, as in ONNX: what is exported is what is evaluated.
 */
export interface TreeEnsemble {
  featureCount: number;
  /** Margin before any tree, in log-odds. */
  base: number;
  trees: Tree[];
}

/** Nodes of one tree, the root first and children after their parent. */
export interface Tree {
  /** Feature that the node asks for; -1 at a leaf. */
  feature: Int32Array;
  threshold: Float32Array;
  /** 1 where a missing value goes left. */
  missingLeft: Uint8Array;
  left: Int32Array;
  right: Int32Array;
  /** What the leaf adds to the margin; 0 inside. */
  value: Float32Array;
  /** Training weight that passed through the node. */
  cover: Float32Array;
}

export const MAX_TREES = 4_096;
export const MAX_NODES_PER_TREE = 4_096;
export const MAX_TREE_DEPTH = 32;
export const MAX_FEATURES = 1_024;

/**
 * The margin (log-odds) of one row of 32-bit features; NaN is a missing value.
 *
 * @example
 * const probability = logistic(marginOf(ensemble, Float32Array.of(3, NaN)));
 */
export function marginOf(ensemble: TreeEnsemble, row: Float32Array): number {
  let margin = ensemble.base;
  for (const tree of ensemble.trees) margin += tree.value[leafOf(tree, row)]!;
  return margin;
}

/** 1 / (1 + e^-x) without overflow. */
export function logistic(x: number): number {
  const tail = Math.exp(-Math.abs(x));
  return x < 0 ? tail / (1 + tail) : 1 / (1 + tail);
}

/** The ensemble whose margin is `slope` times the old one plus `intercept`: a Platt calibration, kept in the trees. */
export function rescale(ensemble: TreeEnsemble, slope: number, intercept: number): TreeEnsemble {
  return {
    ...ensemble,
    base: Math.fround(ensemble.base * slope + intercept),
    trees: ensemble.trees.map((tree) => ({ ...tree, value: tree.value.map((value) => value * slope) })),
  };
}

/**
 * Checks an ensemble of unknown origin: sizes within bounds, children after their parent and each the child of one,
 * everything finite. After this, evaluation ends and stays inside the arrays.
 *
 * @throws ARGUMENT_INVALID with the tree and node.
 */
export function assertTreeEnsemble(ensemble: TreeEnsemble): void {
  const { featureCount, base, trees } = ensemble;
  if (!Number.isInteger(featureCount) || featureCount < 1 || featureCount > MAX_FEATURES) {
    refuse(`expected 1 to ${MAX_FEATURES} features, got ${featureCount}`);
  }
  if (!Number.isFinite(base)) refuse(`expected a finite base margin, got ${base}`);
  if (trees.length > MAX_TREES) refuse(`expected at most ${MAX_TREES} trees, got ${trees.length}`);
  for (const [t, tree] of trees.entries()) assertTree(tree, featureCount, `tree ${t}`);
}

/**
 * SHAP values: what each feature adds to a row's margin, after Lundberg, Erion and Lee, "Consistent Individualized
 * Feature Attribution for Tree Ensembles" (arXiv 1802.03888), algorithm 2. Absent features are averaged by the
 * training weight of both ways. They are exact: `expected` and the contributions add up to the margin.
 *
 * Time grows with trees × leaves × depth²; a depth of 6 takes about 20 µs a tree.
 *
 * @example
 * const { expected, contributions } = shapOf(ensemble, row);
 */
export function shapOf(
  ensemble: TreeEnsemble,
  row: Float32Array,
): { expected: number; contributions: Float64Array } {
  const contributions = new Float64Array(ensemble.featureCount);
  let expected = ensemble.base;
  for (const tree of ensemble.trees) {
    expected += expectedValue(tree, 0);
    attribute(tree, row, contributions);
  }
  return { expected, contributions };
}

function leafOf(tree: Tree, row: Float32Array): number {
  let node = 0;
  while (tree.feature[node]! >= 0) node = childOf(tree, node, row);
  return node;
}

function childOf(tree: Tree, node: number, row: Float32Array): number {
  const value = row[tree.feature[node]!]!;
  const goesLeft = Number.isNaN(value) ? tree.missingLeft[node] === 1 : value <= tree.threshold[node]!;
  return goesLeft ? tree.left[node]! : tree.right[node]!;
}

function expectedValue(tree: Tree, node: number): number {
  if (tree.feature[node]! < 0) return tree.value[node]!;
  const left = tree.left[node]!;
  const right = tree.right[node]!;
  return (
    (tree.cover[left]! * expectedValue(tree, left) + tree.cover[right]! * expectedValue(tree, right)) /
    (tree.cover[left]! + tree.cover[right]!)
  );
}

/** One feature of the path from the root: how much of the weight goes on when it is absent, and when present. */
interface Step {
  feature: number;
  absent: number;
  present: number;
  /** Sum of the permutation weights of the subsets that have as many features as this place. */
  weight: number;
}

function attribute(tree: Tree, row: Float32Array, contributions: Float64Array): void {
  const visit = (node: number, above: readonly Step[], feature: number, absent: number, present: number) => {
    const path = extend(above, feature, absent, present);
    if (tree.feature[node]! < 0) {
      for (let at = 1; at < path.length; at++) {
        const step = path[at]!;
        const weight = unwoundWeight(path, at);
        contributions[step.feature]! += weight * (step.present - step.absent) * tree.value[node]!;
      }
      return;
    }
    const hot = childOf(tree, node, row);
    const cold = hot === tree.left[node] ? tree.right[node]! : tree.left[node]!;
    const total = tree.cover[hot]! + tree.cover[cold]!;
    // A feature that was asked before on this path counts once, with both answers.
    const before = path.findIndex((step, at) => at > 0 && step.feature === tree.feature[node]);
    const met = before < 0 ? { absent: 1, present: 1 } : path[before]!;
    const rest = before < 0 ? path : unwind(path, before);
    visit(hot, rest, tree.feature[node]!, (met.absent * tree.cover[hot]!) / total, met.present);
    visit(cold, rest, tree.feature[node]!, (met.absent * tree.cover[cold]!) / total, 0);
  };
  visit(0, [], -1, 1, 1);
}

function extend(above: readonly Step[], feature: number, absent: number, present: number): Step[] {
  const path = above.map((step) => ({ ...step }));
  const depth = path.length;
  path.push({ feature, absent, present, weight: depth === 0 ? 1 : 0 });
  for (let at = depth - 1; at >= 0; at--) {
    path[at + 1]!.weight += (present * path[at]!.weight * (at + 1)) / (depth + 1);
    path[at]!.weight = (absent * path[at]!.weight * (depth - at)) / (depth + 1);
  }
  return path;
}

function unwind(path: readonly Step[], out: number): Step[] {
  const depth = path.length - 1;
  const { absent, present } = path[out]!;
  const rest = path.map((step) => ({ ...step }));
  let carried = rest[depth]!.weight;
  for (let at = depth - 1; at >= 0; at--) {
    const { weight } = rest[at]!;
    if (present !== 0) {
      rest[at]!.weight = (carried * (depth + 1)) / ((at + 1) * present);
      carried = weight - (rest[at]!.weight * absent * (depth - at)) / (depth + 1);
    } else {
      rest[at]!.weight = (weight * (depth + 1)) / (absent * (depth - at));
    }
  }
  for (let at = out; at < depth; at++) {
    const { feature, absent: less, present: more } = rest[at + 1]!;
    Object.assign(rest[at]!, { feature, absent: less, present: more });
  }
  rest.pop();
  return rest;
}

function unwoundWeight(path: readonly Step[], out: number): number {
  return unwind(path, out).reduce((sum, { weight }) => sum + weight, 0);
}

function assertTree(tree: Tree, featureCount: number, where: string): void {
  const size = tree.feature.length;
  if (size < 1 || size > MAX_NODES_PER_TREE) {
    refuse(`${where}: expected 1 to ${MAX_NODES_PER_TREE} nodes, got ${size}`);
  }
  for (const part of [tree.threshold, tree.missingLeft, tree.left, tree.right, tree.value, tree.cover]) {
    if (part.length !== size) refuse(`${where}: expected ${size} entries of each kind, got ${part.length}`);
  }
  const depth = new Int32Array(size).fill(-1);
  depth[0] = 0;
  for (let node = 0; node < size; node++) {
    const at = `${where}, node ${node}`;
    const feature = tree.feature[node]!;
    if (depth[node]! < 0) refuse(`${at}: expected a parent before it, got none`);
    if (depth[node]! > MAX_TREE_DEPTH) refuse(`${at}: expected a depth of at most ${MAX_TREE_DEPTH}`);
    if (feature >= featureCount) refuse(`${at}: expected a feature below ${featureCount}, got ${feature}`);
    if (!Number.isFinite(tree.value[node]!) || !Number.isFinite(tree.threshold[node]!)) {
      refuse(`${at}: expected finite numbers, got ${tree.value[node]} and ${tree.threshold[node]}`);
    }
    if (!(tree.cover[node]! > 0 && Number.isFinite(tree.cover[node]!))) {
      refuse(`${at}: expected a positive cover, got ${tree.cover[node]}`);
    }
    if (feature < 0) continue;
    for (const child of [tree.left[node]!, tree.right[node]!]) {
      if (child <= node || child >= size || depth[child] !== -1) {
        refuse(`${at}: expected children of its own after it, got ${child}`);
      }
      depth[child] = depth[node]! + 1;
    }
  }
}

function refuse(message: string): never {
  throw new AssayError('ARGUMENT_INVALID', `tree ensemble: ${message}`, {
    next: 'train the model again or fetch the published file, and compare its SHA-256 with the model card',
  });
}
