/** Tails against printed tables, Sellke, Bayarri and Berger's calibration against theirs, and sums done by hand. */
import { expect, test } from 'vitest';
import { binomialTail, chiSquareTail, decimalOf, logChoose, poissonTail, soundness } from './p-value.ts';

test.each([
  // Upper critical values, NIST/SEMATECH e-Handbook of Statistical Methods, table 1.3.6.7.4.
  [15.507, 8, 0.05],
  [20.09, 8, 0.01],
  [3.841, 1, 0.05],
  [26.125, 8, 0.001],
  [112.022, 89, 0.05],
  [122.942, 89, 0.01],
])('chi-square %d with %d degrees of freedom has p %d', (x, degrees, p) => {
  expect(chiSquareTail(x, degrees)).toBeCloseTo(p, 4);
});

test('Poisson and binomial tails are the sums they stand for', () => {
  for (const mean of [0.01, 0.5, 3, 40]) {
    for (const k of [1, 2, 5, 60]) {
      let below = 0;
      let term = Math.exp(-mean);
      for (let i = 0; i < k; i++) {
        below += term;
        term *= mean / (i + 1);
      }
      expect(poissonTail(k, mean)).toBeCloseTo(1 - below, 10);
    }
  }
  expect(poissonTail(5, 0.01) / (1e-10 / 120)).toBeCloseTo(1, 1);
  expect(binomialTail(2, 3, 0.5)).toBeCloseTo(0.5, 12);
  expect(binomialTail(0, 10, 0.2)).toBeCloseTo(1, 12);
  expect(binomialTail(10, 10, 0.1)).toBeCloseTo(1e-10, 16);
  expect(Math.exp(logChoose(52, 5))).toBeCloseTo(2_598_960, 2);
  expect(poissonTail(0, 1)).toBe(1);
  expect(poissonTail(3, 0)).toBe(0);
  expect(chiSquareTail(0, 8)).toBe(1);
});

test.each([
  // Their table 1: p and the least probability of the hypothesis when both were equally likely before.
  [0.05, 0.289],
  [0.01, 0.111],
  [0.001, 0.0184],
])('p %d leaves the odds of Sellke, Bayarri and Berger', (p, least) => {
  const odds = Number(soundness(p)) / (1 - Number(soundness(p))) / 99;
  expect(odds / (1 + odds)).toBeCloseTo(least, 3);
});

test('scores are canonical decimals between 0 and 1 that fall with p', () => {
  const scores = [1, 0.5, 0.3, 0.05, 1e-3, 1e-8, 1e-300, 0].map((p) => Number(soundness(p)));
  expect(scores).toEqual([...scores].sort((a, b) => b - a));
  expect(soundness(1)).toBe('0.99');
  expect(decimalOf(-0.0000001)).toBe('0');
  expect(decimalOf(12.5)).toBe('12.5');
});
