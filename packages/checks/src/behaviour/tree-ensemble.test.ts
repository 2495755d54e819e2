/**
 * SHAP values against Shapley's own formula, summed over all subsets of features by other code; that they add up to
 * the margin; and that trees which would loop or read beside their arrays are refused.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BOOSTING_DEFAULTS, randomFrom, trainGradientBoosting } from './gradient-boosting.ts';
import {
  assertTreeEnsemble,
  logistic,
  marginOf,
  rescale,
  shapOf,
  type Tree,
  type TreeEnsemble,
} from './tree-ensemble.ts';

const FEATURES = 4;

function someEnsemble(seed: number): TreeEnsemble {
  const random = randomFrom(seed);
  const columns = [...Array(FEATURES).keys()].map(() =>
    Float32Array.from({ length: 200 }, () => (random() < 0.1 ? Number.NaN : Math.floor(random() * 12))),
  );
  const labels = Uint8Array.from({ length: 200 }, () => (random() < 0.4 ? 1 : 0));
  // Noise for labels: deep trees that ask for the same feature again and again.
  return trainGradientBoosting(
    { columns, labels },
    { ...BOOSTING_DEFAULTS, trees: 4, maxLeaves: 12, maxDepth: 7, minChildHessian: 0.2, seed },
  );
}

/** Mean of a tree when only the features of `known` (a bit set) are known. */
function conditional(tree: Tree, node: number, row: Float32Array, known: number): number {
  const feature = tree.feature[node]!;
  if (feature < 0) return tree.value[node]!;
  const [left, right] = [tree.left[node]!, tree.right[node]!];
  if ((known >> feature) & 1) {
    const value = row[feature]!;
    const goesLeft = Number.isNaN(value) ? tree.missingLeft[node] === 1 : value <= tree.threshold[node]!;
    return conditional(tree, goesLeft ? left : right, row, known);
  }
  const [l, r] = [tree.cover[left]!, tree.cover[right]!];
  return (l * conditional(tree, left, row, known) + r * conditional(tree, right, row, known)) / (l + r);
}

function shapley(ensemble: TreeEnsemble, row: Float32Array, feature: number): number {
  const factorial = [1, 1, 2, 6, 24];
  const worth = (known: number) =>
    ensemble.trees.reduce((sum, tree) => sum + conditional(tree, 0, row, known), 0);
  let total = 0;
  for (let known = 0; known < 1 << FEATURES; known++) {
    if ((known >> feature) & 1) continue;
    const size = [...Array(FEATURES).keys()].filter((i) => (known >> i) & 1).length;
    const weight = (factorial[size]! * factorial[FEATURES - size - 1]!) / factorial[FEATURES]!;
    total += weight * (worth(known | (1 << feature)) - worth(known));
  }
  return total;
}

test('SHAP values are Shapley values, and add up to the margin', () => {
  const value = fc.oneof(fc.integer({ min: 0, max: 12 }), fc.constant(Number.NaN));
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 30 }), fc.tuple(value, value, value, value), (seed, values) => {
      const ensemble = someEnsemble(seed);
      const row = Float32Array.from(values);
      const { expected, contributions } = shapOf(ensemble, row);
      for (let i = 0; i < FEATURES; i++) expect(contributions[i]).toBeCloseTo(shapley(ensemble, row, i), 9);
      expect(contributions.reduce((a, b) => a + b, expected)).toBeCloseTo(marginOf(ensemble, row), 9);
    }),
    { numRuns: 40 },
  );
});

test('rescaling is a line over the margin', () => {
  const ensemble = someEnsemble(2);
  const row = Float32Array.of(3, 4, Number.NaN, 1);
  expect(marginOf(rescale(ensemble, 0.5, -1), row)).toBeCloseTo(0.5 * marginOf(ensemble, row) - 1, 5);
  expect(logistic(0)).toBe(0.5);
  expect(logistic(-800)).toBe(0);
  expect(logistic(800)).toBe(1);
});

test.each<[string, (tree: Tree, ensemble: TreeEnsemble) => void]>([
  [
    'a child that is its own ancestor',
    (tree) => {
      tree.left[0] = 0;
    },
  ],
  [
    'a child beside the array',
    (tree) => {
      tree.right[0] = 9_999;
    },
  ],
  [
    'two parents',
    (tree) => {
      tree.right[0] = tree.left[0]!;
    },
  ],
  [
    'a feature that is not there',
    (tree) => {
      tree.feature[0] = FEATURES;
    },
  ],
  [
    'an infinite leaf',
    (tree) => {
      tree.value[tree.value.length - 1] = Number.POSITIVE_INFINITY;
    },
  ],
  [
    'no cover',
    (tree) => {
      tree.cover[0] = 0;
    },
  ],
  [
    'arrays of different lengths',
    (tree) => {
      tree.value = tree.value.slice(1);
    },
  ],
  [
    'no nodes',
    (tree) => {
      tree.feature = new Int32Array(0);
    },
  ],
  [
    'a base that is no number',
    (_, ensemble) => {
      ensemble.base = Number.NaN;
    },
  ],
  [
    'no features',
    (_, ensemble) => {
      ensemble.featureCount = 0;
    },
  ],
])('refused: %s', (_, spoil) => {
  const ensemble = someEnsemble(4);
  assertTreeEnsemble(ensemble);
  spoil(ensemble.trees[0]!, ensemble);
  expect(() => assertTreeEnsemble(ensemble)).toThrow(expect.objectContaining({ code: 'ARGUMENT_INVALID' }));
});
