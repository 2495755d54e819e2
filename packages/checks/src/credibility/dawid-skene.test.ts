/**
 * Dawid and Skene: the 45 anaesthesia patients of their paper (table 1) with the error rates, class shares and doubtful
 * patients that it publishes (tables 2 to 4); then what holds for any reviews; then few items, gold and broken input.
 */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { dice } from '../dice.fixture.ts';

import { dawidSkene, type Review } from './dawid-skene.ts';

/** By patient: three labels by observer 1, one each by observers 2 to 5. */
const PATIENTS = (
  '1111111 3334334 1122122 2223121 2223222 2223322 1222111 3333433 2222223 2322223 4444444 2223343 ' +
  '1111111 2223212 1211111 1112111 1111111 1111111 2222221 2221322 2222222 2222221 2223222 2212222 ' +
  '1111111 1111111 2322222 1111111 1111111 1121121 1111111 3333233 1111111 2222222 2223232 4334343 ' +
  '2212232 2323233 3333432 1111111 1111111 1212111 2322222 1211111 2222222'
).split(' ');
const anaesthesia = PATIENTS.flatMap((labels, i): Review[] =>
  [...labels].map((label, at) => ({
    item: `patient ${String(i + 1).padStart(2, '0')}`,
    reviewer: `observer ${Math.max(1, at - 1)}`,
    label,
  })),
);
/** As published, by observer: rows are the true class. */
const ERROR_RATES = [
  [
    [0.89, 0.11, 0, 0],
    [0.07, 0.88, 0.05, 0],
    [0, 0.34, 0.66, 0],
    [0, 0, 0.56, 0.44],
  ],
  [
    [0.83, 0.17, 0, 0],
    [0.05, 0.63, 0.31, 0],
    [0, 0, 1, 0],
    [0, 0, 0, 1],
  ],
  [
    [1, 0, 0, 0],
    [0.11, 0.79, 0.11, 0],
    [0, 0.4, 0.2, 0.4],
    [0, 0, 0.67, 0.33],
  ],
  [
    [0.94, 0.06, 0, 0],
    [0.05, 0.84, 0.1, 0],
    [0, 0, 0.8, 0.2],
    [0, 0, 0.33, 0.67],
  ],
  [
    [1, 0, 0, 0],
    [0.16, 0.73, 0.11, 0],
    [0, 0.21, 0.79, 0],
    [0, 0, 0.33, 0.67],
  ],
];

test('the published error rates of the five observers', () => {
  const found = dawidSkene(anaesthesia, { smoothing: 0 });
  expect(found.converged).toBe(true);
  found.priors.forEach((prior, j) => {
    expect(Math.abs(prior - [0.4, 0.42, 0.11, 0.07][j]!)).toBeLessThan(0.0051);
  });
  found.reviewers.forEach(({ confusion }, r) => {
    confusion.forEach((row, j) => {
      row.forEach((rate, l) => {
        expect(
          Math.abs(rate - ERROR_RATES[r]![j]![l]!),
          `observer ${r + 1}, ${j + 1} as ${l + 1}`,
        ).toBeLessThan(0.0051);
      });
    });
  });
});

test('the published classes of the patients that are in doubt, and of some that are not', () => {
  const { items } = dawidSkene(anaesthesia, { smoothing: 0 });
  const published: Record<number, number[]> = {
    2: [0, 0, 0, 1],
    3: [0, 1, 0, 0],
    7: [0.98, 0.02, 0, 0],
    12: [0, 0, 1, 0],
    30: [1, 0, 0, 0],
    35: [0, 0.95, 0.05, 0],
    36: [0, 0, 0, 1],
    38: [0, 0.02, 0.98, 0],
  };
  for (const [patient, classes] of Object.entries(published)) {
    items[Number(patient) - 1]!.posterior.forEach((p, j) => {
      expect(Math.abs(p - classes[j]!), `patient ${patient}`).toBeLessThan(0.0051);
    });
  }
});

const anyReviews = fc.array(
  fc.record({
    item: fc.integer({ min: 0, max: 11 }).map((i) => `item ${i}`),
    reviewer: fc.constantFrom('ann', 'bob', 'cy', 'dee'),
    label: fc.constantFrom('accept', 'flag', 'reject'),
  }),
  { minLength: 1, maxLength: 60 },
);

test('the likelihood never decreases, and everything that should sum to one does', () => {
  fc.assert(
    fc.property(anyReviews, fc.constantFrom(0, 0.5, 1, 5), fc.boolean(), (reviews, smoothing, withGold) => {
      const gold = withGold ? { 'item 0': 'reject', 'item 1': 'accept' } : {};
      const found = dawidSkene(reviews, { smoothing, gold, maxIterations: 60 });
      for (let i = 1; i < found.trace.length; i++) {
        expect(found.trace[i]!).toBeGreaterThanOrEqual(found.trace[i - 1]! - 1e-9);
      }
      const one = (row: number[]) => expect(row.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 9);
      one(found.priors);
      for (const { posterior } of found.items) one(posterior);
      for (const { confusion, accuracy, interval } of found.reviewers) {
        confusion.forEach(one);
        expect(interval[0]).toBeLessThanOrEqual(accuracy + 1e-9);
        expect(interval[1]).toBeGreaterThanOrEqual(accuracy - 1e-9);
      }
    }),
    { numRuns: 200 },
  );
});

test('neither the order of the reviews nor the names matter', () => {
  fc.assert(
    fc.property(anyReviews, (reviews) => {
      const found = dawidSkene(reviews);
      expect(dawidSkene([...reviews].reverse())).toEqual(found);
      const renamed = dawidSkene(reviews.map((it) => ({ ...it, reviewer: `x${it.reviewer}` })));
      expect(renamed.items).toEqual(found.items);
    }),
    { numRuns: 50 },
  );
});

/** Reviewers of known accuracy; the fourth only guesses. */
function simulate(seed: number, items: number, accuracies: number[]) {
  const random = dice(seed);
  const reviews: Review[] = [];
  const truth: Record<string, string> = {};
  const right = accuracies.map(() => 0);
  for (let i = 0; i < items; i++) {
    const item = `i${String(i).padStart(4, '0')}`;
    truth[item] = random() < 0.3 ? 'reject' : 'accept';
    accuracies.forEach((accuracy, r) => {
      const says = random() < accuracy;
      if (says) right[r]!++;
      const other = truth[item] === 'reject' ? 'accept' : 'reject';
      reviews.push({ item, reviewer: `r${r}`, label: says ? truth[item]! : other });
    });
  }
  return { reviews, truth, right: right.map((n) => n / items) };
}

test('it finds who is accurate, labels better than a vote, and its intervals hold the accuracy', () => {
  const accuracies = [0.97, 0.9, 0.6, 0.55, 0.55];
  let inside = 0;
  let ours = 0;
  let votes = 0;
  for (let seed = 1; seed <= 12; seed++) {
    const { reviews, truth, right } = simulate(seed, 300, accuracies);
    const found = dawidSkene(reviews);
    found.reviewers.forEach(({ interval }, r) => {
      if (interval[0] <= right[r]! && right[r]! <= interval[1]) inside++;
    });
    for (const { item, label } of found.items) {
      if (label !== truth[item]) ours++;
      const accepts = reviews.filter((it) => it.item === item && it.label === 'accept').length;
      if ((accepts >= 3 ? 'accept' : 'reject') !== truth[item]) votes++;
    }
  }
  expect(ours).toBeLessThan(votes / 2);
  expect(inside / 60).toBeGreaterThanOrEqual(0.9);
});

test('gold holds the labels where most reviewers are contrary', () => {
  const { reviews, truth } = simulate(3, 200, [0.9, 0.1, 0.1, 0.15]);
  const gold = Object.fromEntries(Object.entries(truth).slice(0, 30));
  const held = dawidSkene(reviews, { gold });
  expect(held.items.filter(({ item, label }) => label !== truth[item]).length).toBeLessThan(20);
  expect(held.reviewers.map(({ accuracy }) => accuracy > 0.5)).toEqual([true, false, false, false]);
  for (const { item, label } of held.items) if (item in gold) expect(label).toBe(gold[item]);
});

test('one right review is no certainty', () => {
  const { reviewers } = dawidSkene([{ item: 'a', reviewer: 'ann', label: 'x' }], {
    gold: { a: 'x' },
    classes: ['x', 'y'],
  });
  expect(reviewers[0]!.accuracy).toBe(1);
  expect(reviewers[0]!.interval[0]).toBeLessThan(0.2);
  expect(reviewers[0]!.confusion[0]![0]!).toBeLessThan(0.8);
});

test('labels whose meaning is lost are said to be so', () => {
  expect(dawidSkene(anaesthesia).identified).toBe(true);
  // Gold shows that what all reviewers call accept is reject; what they call reject has no gold and may be anything.
  const reviews = Array.from({ length: 60 }, (_, i) =>
    ['ann', 'bob', 'cy'].map((reviewer) => ({
      item: `i${String(i).padStart(2, '0')}`,
      reviewer,
      label: i % 2 === 0 ? 'accept' : 'reject',
    })),
  ).flat();
  const gold = Object.fromEntries(
    Array.from({ length: 20 }, (_, i) => [`i${String(2 * i).padStart(2, '0')}`, 'reject']),
  );
  expect(dawidSkene(reviews, { gold }).identified).toBe(false);
  expect(dawidSkene(reviews).identified).toBe(true);
});

test('no reviews are no answer, and what makes no sense is refused', () => {
  expect(dawidSkene([])).toMatchObject({ items: [], reviewers: [], classes: [] });
  const review = { item: 'a', reviewer: 'ann', label: 'x' };
  expect(() => dawidSkene([review], { classes: ['y'] })).toThrow(/ann on a: expected one of y, got "x"/);
  expect(() => dawidSkene([review], { gold: { a: 'z' }, classes: ['x'] })).toThrow(/gold of a/);
  expect(() => dawidSkene([review], { smoothing: -1 })).toThrow(/smoothing/);
  expect(() => dawidSkene([review], { maxIterations: 0 })).toThrow(/maxIterations/);
  const labels = Array.from({ length: 33 }, (_, i) => ({ ...review, label: `${i}` }));
  expect(() => dawidSkene(labels)).toThrow(/at most 32 classes, got 33/);
});
