/**
 * Boosted trees: the first step by hand after the paper's equations, what they can learn (a crossing of two features,
 * the way of missing values), that weights count as repeated rows do, that training is deterministic, and bad input.
 */
import { expect, test } from 'vitest';
import {
  BOOSTING_DEFAULTS,
  type BoostingOptions,
  randomFrom,
  trainGradientBoosting,
} from './gradient-boosting.ts';
import { assertTreeEnsemble, logistic, marginOf } from './tree-ensemble.ts';

const plainly: BoostingOptions = { ...BOOSTING_DEFAULTS, rowShare: 1, featureShare: 1 };
const logLoss = (margins: number[], labels: Uint8Array) =>
  margins.reduce((sum, m, i) => sum + Math.log1p(Math.exp(labels[i] === 1 ? -m : m)), 0) / margins.length;

test('one stump of four rows is the one of equations 5 to 7', () => {
  const set = { columns: [Float32Array.of(1, 2, 3, 4)], labels: Uint8Array.of(0, 0, 1, 1) };
  const ensemble = trainGradientBoosting(set, {
    ...plainly,
    trees: 1,
    maxLeaves: 2,
    learningRate: 1,
    lambda: 1,
    minChildHessian: 0,
  });
  // Half are yes, so the margin starts at 0, every gradient is ±1/2 and every hessian 1/4. The best split is in the
  // middle: G = ±1, H = 1/2, leaf = -G / (H + lambda) = ∓2/3.
  const tree = ensemble.trees[0]!;
  expect(ensemble.base).toBe(0);
  expect(tree.threshold[0]).toBe(2.5);
  expect([...tree.value].map((value) => value.toFixed(6))).toEqual(['0.000000', '-0.666667', '0.666667']);
  expect([...tree.cover]).toEqual([4, 2, 2]);
});

test('two features that matter only together are learnt', () => {
  const random = randomFrom(3);
  const columns = [0, 1, 2].map(() => Float32Array.from({ length: 1_000 }, random));
  const truth = (i: number) => (columns[0]![i]! > 0.5 !== columns[1]![i]! > 0.3 ? 1 : 0);
  const labels = Uint8Array.from({ length: 1_000 }, (_, i) => truth(i));
  const ensemble = trainGradientBoosting({ columns, labels }, { ...plainly, trees: 60 });
  const fresh = [...Array(500).keys()].map(() => Float32Array.of(random(), random(), random()));
  const right = fresh.filter((row) => marginOf(ensemble, row) > 0 === (row[0]! > 0.5 !== row[1]! > 0.3));
  expect(right.length).toBeGreaterThan(480);
});

test.each([
  { name: 'like the large values', yesWhenMissing: 1 },
  { name: 'like the small values', yesWhenMissing: 0 },
])('missing values go the way that fits: $name', ({ yesWhenMissing }) => {
  const random = randomFrom(5);
  const column = Float32Array.from({ length: 600 }, (_, i) => (i % 3 === 0 ? Number.NaN : random()));
  const labels = Uint8Array.from(column, (value) =>
    Number.isNaN(value) ? yesWhenMissing : value > 0.5 ? 1 : 0,
  );
  const ensemble = trainGradientBoosting({ columns: [column], labels }, { ...plainly, trees: 20 });
  const yes = (value: number) => logistic(marginOf(ensemble, Float32Array.of(value)));
  expect(yes(0.9)).toBeGreaterThan(0.7);
  expect(yes(0.1)).toBeLessThan(0.3);
  expect(Math.abs(yes(Number.NaN) - yesWhenMissing)).toBeLessThan(0.3);
});

test('a row of weight two is the row twice', () => {
  const random = randomFrom(8);
  const values = Float32Array.from({ length: 80 }, () => Math.floor(random() * 20));
  const labels = Uint8Array.from(values, (value) => (value > 8 !== random() < 0.2 ? 1 : 0));
  const weights = Float64Array.from(values, (_, i) => (i % 4 === 0 ? 2 : 1));
  const twice = [...values.keys()].flatMap((i) => (weights[i] === 2 ? [i, i] : [i]));
  const options = { ...plainly, trees: 10, maxBins: 255 };
  const weighted = trainGradientBoosting({ columns: [values], labels, weights }, options);
  const repeated = trainGradientBoosting(
    {
      columns: [Float32Array.from(twice, (i) => values[i]!)],
      labels: Uint8Array.from(twice, (i) => labels[i]!),
    },
    options,
  );
  for (let value = 0; value < 20; value++) {
    const row = Float32Array.of(value);
    expect(marginOf(weighted, row)).toBeCloseTo(marginOf(repeated, row), 5);
  }
});

test('every tree lowers the training loss; the same seed gives the same trees, another seed others', () => {
  const random = randomFrom(11);
  const columns = [0, 1].map(() => Float32Array.from({ length: 400 }, random));
  const labels = Uint8Array.from({ length: 400 }, (_, i) => (columns[0]![i]! + 0.3 * random() > 0.6 ? 1 : 0));
  const options = { ...plainly, trees: 25 };
  const ensemble = trainGradientBoosting({ columns, labels }, options);
  const lossAfter = (trees: number) =>
    logLoss(
      [...labels.keys()].map((i) =>
        marginOf(
          { ...ensemble, trees: ensemble.trees.slice(0, trees) },
          Float32Array.from(columns, (column) => column[i]!),
        ),
      ),
      labels,
    );
  const losses = [...Array(26).keys()].map(lossAfter);
  for (let i = 1; i < losses.length; i++) expect(losses[i]).toBeLessThan(losses[i - 1]!);
  const sampled = { ...BOOSTING_DEFAULTS, trees: 5, rowShare: 0.5 };
  const trained = (seed: number) =>
    JSON.stringify(trainGradientBoosting({ columns, labels }, { ...sampled, seed }));
  expect(trained(1)).toBe(trained(1));
  expect(trained(1)).not.toBe(trained(2));
});

test('neighbouring 32-bit numbers, constants, one label, extremes: the trees stay valid', () => {
  const next = new Float32Array([1, 1 + 2 ** -23]);
  const columns = [
    Float32Array.from({ length: 40 }, (_, i) => next[i % 2]!),
    new Float32Array(40).fill(7),
    Float32Array.from({ length: 40 }, (_, i) => (i % 2 === 0 ? -3.4e38 : 3.4e38)),
    new Float32Array(40).fill(Number.NaN),
  ];
  const labels = Uint8Array.from({ length: 40 }, (_, i) => i % 2);
  const ensemble = trainGradientBoosting({ columns, labels }, { ...plainly, trees: 5 });
  assertTreeEnsemble(ensemble);
  const margin = (i: number) =>
    marginOf(
      ensemble,
      Float32Array.from(columns, (column) => column[i]!),
    );
  expect(margin(1)).toBeGreaterThan(margin(0));
  const only = trainGradientBoosting({ columns, labels: new Uint8Array(40) }, { ...plainly, trees: 3 });
  assertTreeEnsemble(only);
  expect(() => trainGradientBoosting({ columns: [], labels }, plainly)).toThrow(RangeError);
  expect(() => trainGradientBoosting({ columns: [new Float32Array(3)], labels }, plainly)).toThrow(
    RangeError,
  );
});
