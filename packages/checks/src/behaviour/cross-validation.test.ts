/** Figures against plain counting, Platt against a grid, folds that are even, whole and repeatable; the baseline. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bestThreshold, figuresOf, fitPlatt, reliability, stratifiedFolds } from './cross-validation.ts';
import { randomFrom } from './gradient-boosting.ts';
import { trainLogisticRegression } from './logistic-regression.ts';

test('precision, recall, F1 and Brier of four predictions', () => {
  expect(figuresOf([0.9, 0.8, 0.4, 0.1], [1, 0, 1, 0], 0.5)).toMatchObject({
    truePositives: 1,
    falsePositives: 1,
    falseNegatives: 1,
    trueNegatives: 1,
    precision: 0.5,
    recall: 0.5,
    f1: 0.5,
  });
  expect(figuresOf([0.9, 0.8, 0.4, 0.1], [1, 0, 1, 0], 0.5).brier).toBeCloseTo(
    (0.01 + 0.64 + 0.36 + 0.01) / 4,
    12,
  );
});

test('AUC is the share of pairs in the right order; the best threshold beats all others', () => {
  const example = fc.record({ p: fc.integer({ min: 0, max: 10 }), label: fc.constantFrom(0, 1) });
  fc.assert(
    fc.property(fc.array(example, { minLength: 2, maxLength: 40 }), (examples) => {
      const labels = examples.map(({ label }) => label);
      const p = examples.map((one) => one.p / 10);
      fc.pre(labels.includes(0) && labels.includes(1));
      let [won, pairs] = [0, 0];
      for (const [i, a] of labels.entries()) {
        for (const [j, b] of labels.entries()) {
          if (a !== 1 || b !== 0) continue;
          pairs += 1;
          won += p[i]! > p[j]! ? 1 : p[i] === p[j] ? 0.5 : 0;
        }
      }
      expect(figuresOf(p, labels, 0.5).auc).toBeCloseTo(won / pairs, 12);
      const best = figuresOf(p, labels, bestThreshold(p, labels)).f1;
      for (let t = 0; t <= 1.05; t += 0.05)
        expect(best).toBeGreaterThanOrEqual(figuresOf(p, labels, t).f1 - 1e-12);
    }),
  );
});

test('Platt finds the line that a fine grid finds, and recovers true log-odds', () => {
  const random = randomFrom(1);
  const margins = Array.from({ length: 4_000 }, () => 6 * random() - 3);
  const labels = margins.map((m) => (random() < 1 / (1 + Math.exp(-(0.5 * m - 1))) ? 1 : 0));
  const { slope, intercept } = fitPlatt(margins, labels);
  expect(slope).toBeCloseTo(0.5, 1);
  expect(intercept).toBeCloseTo(-1, 1);
  const loss = (a: number, b: number) =>
    margins.reduce((sum, m, i) => sum + Math.log1p(Math.exp(labels[i] === 1 ? -(a * m + b) : a * m + b)), 0);
  for (const [da, db] of [
    [0.02, 0],
    [-0.02, 0],
    [0, 0.02],
    [0, -0.02],
  ] as const) {
    expect(loss(slope, intercept)).toBeLessThan(loss(slope + da, intercept + db));
  }
});

test('folds keep groups together and labels even, and the seed decides', () => {
  const random = randomFrom(4);
  const labels = Array.from({ length: 500 }, () => (random() < 0.2 ? 1 : 0));
  const groups = labels.map((label, i) => (i % 5 === 0 ? `big-${label}` : `g${i}`));
  const folds = stratifiedFolds(labels, groups, 5, 7);
  const foldOf = new Map<string, number>();
  for (const [i, group] of groups.entries())
    expect(foldOf.get(group) ?? foldOf.set(group, folds[i]!).get(group)).toBe(folds[i]);
  const single = stratifiedFolds(
    labels,
    labels.map((_, i) => `g${i}`),
    5,
    7,
  );
  const positives = [0, 1, 2, 3, 4].map(
    (fold) => labels.filter((label, i) => label === 1 && single[i] === fold).length,
  );
  expect(Math.max(...positives) - Math.min(...positives)).toBeLessThanOrEqual(1);
  expect(stratifiedFolds(labels, groups, 5, 7)).toEqual(folds);
  expect(stratifiedFolds(labels, groups, 5, 8)).not.toEqual(folds);
});

test('reliability counts every prediction once', () => {
  const bins = reliability([0.05, 0.05, 0.95, 1], [0, 1, 1, 1], 10);
  expect(bins.map(({ count, share }) => [count, share])).toEqual([
    [2, 0.5],
    [2, 1],
  ]);
});

test('logistic regression separates what a line separates, missing values or not', () => {
  const random = randomFrom(2);
  const a = Float32Array.from({ length: 600 }, () => (random() < 0.1 ? Number.NaN : 4 * random() - 2));
  const b = Float32Array.from({ length: 600 }, () => 4 * random() - 2);
  const labels = Uint8Array.from(b, (value, i) => (value + (Number.isNaN(a[i]!) ? 0 : a[i]!) > 0 ? 1 : 0));
  const margin = trainLogisticRegression([a, b], labels, 1);
  const right = [...labels.keys()].filter(
    (i) => margin(Float32Array.of(a[i]!, b[i]!)) > 0 === (labels[i] === 1),
  );
  expect(right.length).toBeGreaterThan(570);
});
