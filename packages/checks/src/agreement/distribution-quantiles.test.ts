/**
 * Quantiles against published tables (NIST/SEMATECH e-Handbook 1.3.6.7.3 and 1.3.6.7.4; Clopper and Pearson 1934),
 * against SciPy 1.17 where tables have too few digits, and against closed forms. Then that they invert, and what they
 * refuse.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  betaQuantile,
  chiSquareQuantile,
  logGamma,
  normalCdf,
  regularisedBeta,
  regularisedGamma,
} from './distribution-quantiles.ts';

test.each([
  // degrees, 0.01, 0.025, 0.05, 0.95, 0.975, 0.99: NIST, critical values of the chi-square distribution.
  [2, 0.02, 0.051, 0.103, 5.991, 7.378, 9.21],
  [3, 0.115, 0.216, 0.352, 7.815, 9.348, 11.345],
  [5, 0.554, 0.831, 1.145, 11.07, 12.833, 15.086],
  [10, 2.558, 3.247, 3.94, 18.307, 20.483, 23.209],
  [20, 8.26, 9.591, 10.851, 31.41, 34.17, 37.566],
  [50, 29.707, 32.357, 34.764, 67.505, 71.42, 76.154],
  [100, 70.065, 74.222, 77.929, 124.342, 129.561, 135.807],
])('chi-square table, %d degrees of freedom', (degrees, ...row) => {
  [0.01, 0.025, 0.05, 0.95, 0.975, 0.99].forEach((p, i) => {
    expect(chiSquareQuantile(p, degrees)).toBeCloseTo(row[i]!, 3);
  });
});

test.each([
  [0.025, 1, 0.0009820691171752555],
  [0.5, 1, 0.454936423119572],
  [0.05, 17, 8.671760204670077],
  [0.025, 250, 208.09779814500047],
  [0.025, 2500.5, 2363.7996812318665],
  [0.1, 0.5, 0.00013500124771267946],
  [0.025, 1e6, 997230.0871432901],
])('chi-square at %d with %d degrees as SciPy has it', (p, degrees, expected) => {
  expect(Math.abs(chiSquareQuantile(p, degrees) / expected - 1)).toBeLessThan(1e-9);
});

test.each([
  [0.05, 2, 3, 0.09761146288641434],
  [0.05, 9, 3, 0.5299132007208238],
  [0.95, 9, 3, 0.921179954333971],
  [0.05, 0.5, 0.5, 0.0061558297024311365],
  [0.95, 0.5, 0.5, 0.9938441702975689],
  [0.05, 2.5, 7.25, 0.0693564832071197],
  [0.05, 101, 11, 0.8519792493319239],
  [0.95, 1001, 3, 0.9991842732312949],
  [0.05, 1e5, 1e4, 0.9076609654278313],
  [0.05, 1.0001, 400, 0.00012826981024596424],
])('beta quantile at %d of Beta(%d, %d) as SciPy has it', (p, a, b, expected) => {
  expect(Math.abs(betaQuantile(p, a, b) / expected - 1)).toBeLessThan(1e-10);
});

test.each([
  // NIST, upper 5 % of F(v1, v2); if X is F then v1 X / (v1 X + v2) is Beta(v1/2, v2/2).
  [2, 10, 4.103],
  [5, 10, 3.326],
  [10, 20, 2.348],
  [10, 60, 1.993],
])('beta quantile agrees with the F table at (%d, %d)', (v1, v2, f) => {
  const x = betaQuantile(0.95, v1 / 2, v2 / 2);
  expect((x * v2) / ((1 - x) * v1)).toBeCloseTo(f, 3);
});

test('the Clopper-Pearson interval of 5 in 10 and of 0 in 10, as published', () => {
  expect(betaQuantile(0.025, 5, 6)).toBeCloseTo(0.1871, 4);
  expect(betaQuantile(0.975, 6, 5)).toBeCloseTo(0.8129, 4);
  expect(betaQuantile(0.975, 1, 10)).toBeCloseTo(0.3085, 4);
});

test('where there is a closed form, it is that', () => {
  fc.assert(
    fc.property(
      fc.double({ min: 1e-6, max: 1 - 1e-6, noNaN: true }),
      fc.integer({ min: 1, max: 500 }),
      (p, n) => {
        expect(betaQuantile(p, n, 1)).toBeCloseTo(p ** (1 / n), 11);
        expect(betaQuantile(p, 1, n)).toBeCloseTo(-Math.expm1(Math.log1p(-p) / n), 11);
        expect(chiSquareQuantile(p, 2)).toBeCloseTo(-2 * Math.log1p(-p), 9);
      },
    ),
    { numRuns: 100 },
  );
  expect(logGamma(11)).toBeCloseTo(Math.log(3_628_800), 12);
  expect(normalCdf(1.959963984540054)).toBeCloseTo(0.975, 12);
});

test('a quantile inverts its distribution', () => {
  const p = fc.double({ min: 1e-4, max: 1 - 1e-4, noNaN: true });
  const parameter = fc.double({ min: 0.05, max: 2000, noNaN: true });
  fc.assert(
    fc.property(p, parameter, parameter, (p, a, b) => {
      expect(regularisedGamma(a, chiSquareQuantile(p, 2 * a) / 2)).toBeCloseTo(p, 8);
      const x = betaQuantile(p, a, b);
      // Closer to 1 than doubles can tell apart, no x has exactly this probability.
      if (x > 1e-290 && x < 1 - 1e-6) expect(regularisedBeta(x, a, b)).toBeCloseTo(p, 8);
    }),
    { numRuns: 200 },
  );
});

test.each([0, 1, -0.1, Number.NaN, Number.POSITIVE_INFINITY])('refuses %d for a probability', (p) => {
  expect(() => chiSquareQuantile(p, 3)).toThrow(/probability/);
  expect(() => betaQuantile(p, 3, 3)).toThrow(/probability/);
});

test.each([0, -1, Number.NaN, 1e7])('refuses %d for a parameter', (value) => {
  expect(() => chiSquareQuantile(0.5, value)).toThrow(/degrees of freedom above 0/);
  expect(() => betaQuantile(0.5, 1, value)).toThrow(/b above 0/);
});
