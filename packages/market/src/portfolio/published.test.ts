/**
 * Worked examples with published numbers: quadprog's manual, He and Litterman (1999), Idzorek (2005), López de Prado
 * (2016), Maillard, Roncalli and Teïletche (2010), PyPortfolioOpt's small tables; and Ledoit–Wolf shrinkage against
 * values that were worked out in exact fractions from the papers' own formulas.
 */
import { describe, expect, test } from 'vitest';
import { blackLitterman, impliedReturns } from './black-litterman.ts';
import { plainConstraints } from './constraints.ts';
import { ledoitWolf, nearestPositive, sampleCovariance } from './covariance.ts';
import { historicalMean } from './expected-returns.ts';
import { hierarchicalRiskParity } from './hierarchical-risk-parity.ts';
import { cholesky, type Matrix, solveCholesky, symmetricEigen } from './linear-algebra.ts';
import { efficientReturn } from './mean-variance.ts';
import { solveQuadratic } from './quadratic-program.ts';
import { riskContributions, riskParity } from './risk-parity.ts';

const matrix = (rows: number[][]): Matrix => rows.map((row) => Float64Array.from(row));
const fromCorrelation = (deviations: number[], correlations: number[][]) =>
  matrix(correlations.map((row, i) => row.map((value, j) => value * deviations[i]! * deviations[j]!)));
/** Each value rounds to what was printed. */
const prints = (values: ArrayLike<number>, digits: number, printed: string[]) =>
  expect(Array.from(values, (value) => value.toFixed(digits))).toEqual(printed);

test("quadprog's manual: the solution, its multipliers, and the same with a variable that has no curvature", () => {
  const infinite = new Float64Array(3).fill(Infinity);
  const programme = {
    quadratic: matrix([
      [1, 0, 0],
      [0, 1, 0],
      [0, 0, 1],
    ]),
    linear: Float64Array.of(0, 5, 0),
    lower: infinite.map((value) => -value),
    upper: infinite,
    rows: [
      { coefficients: Float64Array.of(-4, -3, 0), lower: -8, upper: Infinity },
      { coefficients: Float64Array.of(2, 1, 0), lower: 2, upper: Infinity },
      { coefficients: Float64Array.of(0, -2, 1), lower: 0, upper: Infinity },
    ],
  };
  const { x, rowMultipliers } = solveQuadratic(programme)!;
  prints(x, 7, ['0.4761905', '1.0476190', '2.0952381']);
  prints(rowMultipliers, 7, ['0.0000000', '0.2380952', '2.0952381']);
});

describe('He and Litterman (1999)', () => {
  const covariance = fromCorrelation(
    [0.16, 0.203, 0.248, 0.271, 0.21, 0.2, 0.187],
    [
      [1, 0.488, 0.478, 0.515, 0.439, 0.512, 0.491],
      [0.488, 1, 0.664, 0.655, 0.31, 0.608, 0.779],
      [0.478, 0.664, 1, 0.861, 0.355, 0.783, 0.668],
      [0.515, 0.655, 0.861, 1, 0.354, 0.777, 0.653],
      [0.439, 0.31, 0.355, 0.354, 1, 0.405, 0.306],
      [0.512, 0.608, 0.783, 0.777, 0.405, 1, 0.652],
      [0.491, 0.779, 0.668, 0.653, 0.306, 0.652, 1],
    ],
  );
  const market = Float64Array.of(0.016, 0.022, 0.052, 0.055, 0.116, 0.124, 0.615);
  const prior = impliedReturns(covariance, market, 2.5);
  const percent = (values: Float64Array) => values.map((value) => value * 100);
  // France and the United Kingdom by their market weights, 29.5 % and 70.5 % as printed.
  const europe = 0.052 + 0.124;
  const germany = {
    portfolio: Float64Array.of(0, 0, -0.052 / europe, 1, 0, -0.124 / europe, 0),
    expectedReturn: 0.05,
  };
  const canada = { portfolio: Float64Array.of(0, 1, 0, 0, 0, 0, -1), expectedReturn: 0.03 };

  test('table 2: equilibrium returns', () => {
    prints(percent(prior), 1, ['3.9', '6.9', '8.4', '9.0', '4.3', '6.8', '7.6']);
  });

  test('table 4: Germany outperforms the rest of Europe by 5 %', () => {
    const posterior = blackLitterman({ covariance, prior, views: [germany], tau: 0.05 });
    prints(percent(posterior.expected), 1, ['4.3', '7.6', '9.3', '11.0', '4.5', '7.0', '8.1']);
    const weights = solveCholesky(
      cholesky(posterior.covariance)!,
      posterior.expected.map((value) => value / 2.5),
    );
    prints(percent(weights), 1, ['1.5', '2.1', '-4.0', '35.4', '11.0', '-9.5', '58.6']);
    prints([posterior.omega[0]! / 0.05], 3, ['0.021']);
  });

  test('table 5: and Canada the United States by 3 %', () => {
    const posterior = blackLitterman({ covariance, prior, views: [germany, canada], tau: 0.05 });
    prints(percent(posterior.expected), 1, ['4.4', '8.7', '9.5', '11.2', '4.6', '7.0', '7.5']);
  });
});

test('Idzorek (2005), table 6: eight asset classes and three views', () => {
  const covariance = matrix([
    [0.001005, 0.001328, -0.000579, -0.000675, 0.000121, 0.000128, -0.000445, -0.000437],
    [0.001328, 0.007277, -0.001307, -0.00061, -0.002237, -0.000989, 0.001442, -0.001535],
    [-0.000579, -0.001307, 0.059852, 0.027588, 0.063497, 0.023036, 0.032967, 0.048039],
    [-0.000675, -0.00061, 0.027588, 0.029609, 0.026572, 0.021465, 0.020697, 0.029854],
    [0.000121, -0.002237, 0.063497, 0.026572, 0.102488, 0.042744, 0.039443, 0.065994],
    [0.000128, -0.000989, 0.023036, 0.021465, 0.042744, 0.032056, 0.019881, 0.032235],
    [-0.000445, 0.001442, 0.032967, 0.020697, 0.039443, 0.019881, 0.028355, 0.035064],
    [-0.000437, -0.001535, 0.048039, 0.029854, 0.065994, 0.032235, 0.035064, 0.079958],
  ]);
  // As printed: the covariance is printed with too few digits to imply the last of these.
  const prior = Float64Array.of(0.0008, 0.0067, 0.0641, 0.0408, 0.0743, 0.037, 0.048, 0.066);
  const views = [
    { portfolio: Float64Array.of(0, 0, 0, 0, 0, 0, 1, 0), expectedReturn: 0.0525 },
    { portfolio: Float64Array.of(-1, 1, 0, 0, 0, 0, 0, 0), expectedReturn: 0.0025 },
    { portfolio: Float64Array.of(0, 0, 0.9, -0.9, 0.1, -0.1, 0, 0), expectedReturn: 0.02 },
  ];
  const { expected, omega } = blackLitterman({ covariance, prior, views, tau: 0.025 });
  prints(omega, 6, ['0.000709', '0.000141', '0.000866']);
  // His own inputs are printed too coarsely to repeat the last digit of each.
  const printed = [0.0007, 0.005, 0.065, 0.0432, 0.0759, 0.0394, 0.0493, 0.0684];
  for (const [i, value] of printed.entries()) expect(Math.abs(expected[i]! - value)).toBeLessThan(0.00015);
});

test('Black-Litterman: certain views hold exactly, views without confidence change nothing, half goes half way', () => {
  const covariance = matrix([
    [1, 0],
    [0, 1],
  ]);
  const prior = Float64Array.of(0.1, 0.1);
  const at = (confidence: number) =>
    blackLitterman({
      covariance,
      prior,
      views: [{ portfolio: Float64Array.of(1, 0), expectedReturn: 0.3, confidence }],
      tau: 0.05,
    }).expected;
  expect(at(1)[0]).toBeCloseTo(0.3, 15);
  expect(at(0)[0]).toBe(0.1);
  expect(at(0.5)[0]).toBeCloseTo(0.2, 15);
});

test('López de Prado (2016), section 3.1: distances of the three-asset example, and who merges with whom', () => {
  const correlation = matrix([
    [1, 0.7, 0.2],
    [0.7, 1, -0.2],
    [0.2, -0.2, 1],
  ]);
  const { merges } = hierarchicalRiskParity(correlation, { distance: 'columns' });
  expect(merges.map(({ left, right }) => [left, right])).toEqual([
    [0, 1],
    [2, 3],
  ]);
  prints(
    merges.map(({ distance }) => distance),
    4,
    ['0.5659', '0.9747'],
  );
  prints(
    hierarchicalRiskParity(correlation).merges.map(({ distance }) => distance),
    4,
    ['0.3873', '0.6325'],
  );
});

test('Maillard, Roncalli and Teïletche (2010): equal risk contributions of four assets', () => {
  const covariance = fromCorrelation(
    [0.1, 0.2, 0.3, 0.4],
    [
      [1, 0.8, 0, 0],
      [0.8, 1, 0, 0],
      [0, 0, 1, -0.5],
      [0, 0, -0.5, 1],
    ],
  );
  const weights = riskParity(covariance);
  prints(
    weights.map((value) => value * 100),
    1,
    ['38.4', '19.2', '24.3', '18.2'],
  );
  for (const share of riskContributions(weights, covariance))
    expect(Math.abs(share - 0.25)).toBeLessThan(1e-13);
});

test("PyPortfolioOpt's small tables: means, covariance, a market-neutral portfolio", async () => {
  const prices = [
    [4, 4.2, 3.9, 4.3, 4.1],
    [2, 2.1, 2, 2.1, 2.2],
    [0.6, 0.59, 0.58, 0.62, 0.63],
  ];
  const returns = prices.map((row) => Float64Array.from(row.slice(1), (price, t) => price / row[t]! - 1));
  prints(historicalMean(returns, { periodsPerYear: 1, compounding: true }), 7, [
    '0.0061922',
    '0.0241137',
    '0.0122722',
  ]);
  const covariance = sampleCovariance(returns, 1);
  const stated = [
    [0.006661687937656102, 0.00264970955585574, 0.0020849735375206195],
    [0.00264970955585574, 0.0023450491307634215, 0.00096770864287974],
    [0.0020849735375206195, 0.00096770864287974, 0.0016396416271856837],
  ];
  for (const [i, row] of stated.entries())
    for (const [j, value] of row.entries()) expect(covariance[i]![j]).toBeCloseTo(value, 15);

  const variances = [0.2, 0.2, 0.4, 0.3, 0.1, 0.5, 0.2, 0.3, 0.1];
  const expected = Float64Array.of(-0.15, -0.12, -0.1, -0.05, -0.01, 0.02, 0.03, 0.04, 0.05);
  const diagonal = matrix(variances.map((value, i) => variances.map((_, j) => (i === j ? value : 0))));
  const names = variances.map((_, i) => `asset ${i}`);
  const weights = await efficientReturn({
    covariance: diagonal,
    expected,
    constraints: { ...plainConstraints(names, -1, 1), budget: 0 },
    target: 0.08,
  });
  const variance = weights.reduce((sum, value, i) => sum + value ** 2 * variances[i]!, 0);
  expect(Math.abs(Math.sqrt(variance) - 0.16649041068958137)).toBeLessThan(1e-9);
});

test('Ledoit-Wolf in exact fractions: constant variance, single factor, constant correlation', () => {
  const five = [
    [2, 1, 0, -1, -2],
    [1, 2, 0, -2, -1],
    [2, -1, 0, 1, -2],
  ].map((row) => Float64Array.from(row, (value) => value / 100));
  const eight = [
    [1, -1, -2, 2, 1, -2, -1, 2],
    [2, -2, 1, 1, 2, -2, -1, -1],
    [-2, -1, 2, -2, -1, 1, 1, 2],
  ].map((row) => Float64Array.from(row, (value) => value / 100));
  const variance = ledoitWolf(five, 1, 'constant-variance');
  expect(variance.intensity).toBeCloseTo(67 / 100, 13);
  expect(variance.covariance[0]![1]).toBeCloseTo(33 / 625_000, 15);
  expect(variance.covariance[1]![2]).toBeCloseTo(0, 15);
  const factor = ledoitWolf(five, 1, 'single-factor');
  expect(factor.intensity).toBeCloseTo(3511 / 10_658, 13);
  expect(factor.covariance[0]![1]).toBeCloseTo(15_103 / 96_588_125, 15);
  expect(factor.covariance[0]![2]).toBeCloseTo(191_769 / 1_545_410_000, 15);
  const correlation = ledoitWolf(eight, 1, 'constant-correlation');
  expect(correlation.intensity).toBeCloseTo(733 / 1440, 13);
  expect(correlation.covariance[0]![1]).toBeCloseTo(347 / 9_600_000, 15);
  expect(correlation.covariance[1]![2]).toBeCloseTo(-1427 / 19_200_000, 15);
});

test('nearest positive matrix: eigenvalues of the 2 × 2 example that has a negative one', () => {
  const broken = matrix([
    [0.03818144, 0.04182824],
    [0.04182824, 0.04149209],
  ]);
  // (a + c ± √((a − c)² + 4b²)) / 2
  const root = Math.sqrt((0.03818144 - 0.04149209) ** 2 + 4 * 0.04182824 ** 2);
  const { values } = symmetricEigen(broken);
  expect(values[0]).toBeCloseTo((0.03818144 + 0.04149209 - root) / 2, 16);
  expect(values[0]).toBeLessThan(0);
  const fixed = symmetricEigen(nearestPositive(broken)).values;
  expect(Math.abs(fixed[0]!)).toBeLessThan(1e-17);
  expect(fixed[1]).toBeCloseTo((0.03818144 + 0.04149209 + root) / 2, 15);
});
