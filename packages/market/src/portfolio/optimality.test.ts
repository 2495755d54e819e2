/**
 * On random problems: the Karush–Kuhn–Tucker conditions hold to 1e-8 by the solver's own multipliers, no random
 * feasible portfolio is better, risk contributions are equal to 1e-8, the CVaR programme finds what enumeration finds,
 * and infeasible sets are named with a relaxation that makes them feasible.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cvarOf, minimumCvar, portfolioReturns } from './conditional-value-at-risk.ts';
import { type Conflict, type Constraints, conflictOf, plainConstraints, programmeOf } from './constraints.ts';
import { volatilityOf } from './covariance.ts';
import { hierarchicalRiskParity } from './hierarchical-risk-parity.ts';
import { dot, type Matrix, times, zeros } from './linear-algebra.ts';
import { solveLinear, sparse } from './linear-program.ts';
import {
  efficientFrontier,
  efficientReturn,
  efficientRisk,
  maximumReturn,
  maximumSharpe,
  maximumUtility,
  minimumVariance,
} from './mean-variance.ts';
import { solveQuadratic } from './quadratic-program.ts';
import { riskContributions, riskParity } from './risk-parity.ts';

const RUNS = { numRuns: 25, seed: 20240901 };

/** Numbers in [0, 1) from a seed. */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 4294967296;
  };
}

interface Problem {
  covariance: Matrix;
  expected: Float64Array;
  constraints: Constraints;
  random: () => number;
}

/** A covariance of a random factor model, and constraints that a random portfolio is known to keep. */
function problem(seed: number, n: number, shorting: boolean, extra: boolean): Problem {
  const random = generator(seed);
  for (let i = 0; i < 8; i++) random();
  const loadings = Array.from({ length: n }, () => [random(), random() - 0.5, random() - 0.5]);
  const covariance = zeros(n);
  for (let i = 0; i < n; i++)
    for (let j = 0; j < n; j++)
      covariance[i]![j] =
        dot(loadings[i]!, loadings[j]!) * 0.2 + (i === j ? 0.02 + 0.3 * ((i * 7) % 5) * 0.1 : 0);
  const expected = Float64Array.from({ length: n }, () => random() * 0.4 - 0.05);
  const names = Array.from({ length: n }, (_, i) => `asset ${i}`);
  const shares = Array.from({ length: n }, () => random());
  const total = shares.reduce((sum, value) => sum + value, 0);
  const current = Float64Array.from(shares, (value) => value / total);
  const constraints = plainConstraints(names, shorting ? -0.5 : 0, 0.8);
  if (!extra) return { covariance, expected, constraints, random };
  const members = [0, 1];
  const held = members.reduce((sum, i) => sum + current[i]!, 0);
  return {
    covariance,
    expected,
    random,
    constraints: {
      ...constraints,
      current,
      upper: constraints.upper.map((value, i) => Math.max(value, current[i]!)),
      turnover: 0.1 + 0.3 * random(),
      cost: new Float64Array(n).fill(0.002),
      groups: [{ name: 'first two', members, lower: held - 0.1, upper: held + 0.05 }],
      grossLeverage: shorting ? 1.3 : Infinity,
    },
  };
}

const problems = fc
  .tuple(fc.integer({ min: 1, max: 1e9 }), fc.integer({ min: 2, max: 12 }), fc.boolean(), fc.boolean())
  .map(([seed, n, shorting, extra]) => problem(seed, n, shorting, extra));

/** Feasible portfolios: mixtures of corners that random objectives lead to. */
async function feasible({ constraints, random }: Problem, count: number): Promise<Float64Array[]> {
  const programme = programmeOf(constraints);
  const corners: Float64Array[] = [];
  for (let k = 0; k < 6; k++) {
    const cost = Float64Array.from(programme.cost, (_, i) => (i < programme.assets ? random() - 0.5 : 0));
    const corner = await solveLinear({ ...programme, rows: programme.rows.map(sparse), cost });
    corners.push(corner!.x.slice(0, programme.assets));
  }
  return Array.from({ length: count }, () => {
    const shares = corners.map(() => -Math.log(1 - random()));
    const total = shares.reduce((sum, value) => sum + value, 0);
    return corners[0]!.map((_, i) =>
      corners.reduce((sum, corner, k) => sum + (corner[i]! * shares[k]!) / total, 0),
    );
  });
}

function breaks(
  { lower, upper, groups, grossLeverage, turnover, current, budget }: Constraints,
  weights: Float64Array,
): number {
  let worst = Math.abs(weights.reduce((sum, value) => sum + value, 0) - budget);
  let gross = 0;
  let traded = 0;
  for (const [i, value] of weights.entries()) {
    worst = Math.max(worst, lower[i]! - value, value - upper[i]!);
    gross += Math.abs(value);
    traded += Math.abs(value - current[i]!);
  }
  for (const group of groups) {
    const held = group.members.reduce((sum, i) => sum + weights[i]!, 0);
    worst = Math.max(worst, group.lower - held, held - group.upper);
  }
  return Math.max(worst, gross - grossLeverage, traded / 2 - turnover);
}

const costOf = ({ cost, current }: Constraints, weights: Float64Array) =>
  weights.reduce((sum, value, i) => sum + cost[i]! * Math.abs(value - current[i]!), 0);

test('Karush–Kuhn–Tucker: stationary, feasible, complementary, each within 1e-8', async () => {
  fc.assert(
    fc.property(problems, ({ covariance, expected, constraints }) => {
      let worst = 0;
      const programme = programmeOf(constraints);
      const linear = programme.cost.map((value) => -value);
      for (const [i, value] of expected.entries()) linear[i] = value;
      const { lower, upper, rows, absolutes } = programme;
      const allowed = programme.cost.slice();
      allowed.set(constraints.current);
      const { x, rowMultipliers, boundMultipliers } = solveQuadratic(
        {
          quadratic: covariance,
          linear,
          lower,
          upper,
          rows,
          absolutes,
        },
        allowed,
      )!;
      const gradient = linear.map((value) => -value);
      const curved = times(covariance, x.subarray(0, covariance.length));
      for (const [i, value] of curved.entries()) gradient[i]! += value;
      for (const [r, row] of rows.entries())
        for (let i = 0; i < x.length; i++) gradient[i]! -= rowMultipliers[r]! * row.coefficients[i]!;
      for (let i = 0; i < x.length; i++)
        worst = Math.max(worst, Math.abs(gradient[i]! - boundMultipliers[i]!));
      const limit = (value: number, low: number, high: number, multiplier: number) => {
        worst = Math.max(worst, low - value, value - high);
        // A positive multiplier presses against the lower limit, a negative one against the upper.
        if (low !== high) {
          if (multiplier > 0) worst = Math.max(worst, Math.min(multiplier, value - low));
          if (multiplier < 0) worst = Math.max(worst, Math.min(-multiplier, high - value));
        }
      };
      for (const [r, row] of rows.entries())
        limit(dot(row.coefficients, x), row.lower, row.upper, rowMultipliers[r]!);
      for (let i = 0; i < x.length; i++) limit(x[i]!, lower[i]!, upper[i]!, boundMultipliers[i]!);
      expect(worst).toBeLessThan(1e-8);
    }),
    { ...RUNS, numRuns: 120 },
  );
});

test('no random feasible portfolio is better than the optimum, and every optimum is feasible', async () => {
  await fc.assert(
    fc.asyncProperty(problems, async (given) => {
      const { covariance, expected, constraints } = given;
      const input = { covariance, expected, constraints };
      const others = await feasible(given, 40);
      const variance = (weights: Float64Array) =>
        volatilityOf(weights, covariance) ** 2 + costOf(constraints, weights);
      const net = (weights: Float64Array) => dot(weights, expected) - costOf(constraints, weights);
      const utility = (weights: Float64Array) => net(weights) - 1.5 * volatilityOf(weights, covariance) ** 2;
      const sharpe = (weights: Float64Array) => (net(weights) - 0.01) / volatilityOf(weights, covariance);

      const least = await minimumVariance(input);
      const useful = await maximumUtility({ ...input, riskAversion: 3 });
      for (const weights of [least, useful]) expect(breaks(constraints, weights)).toBeLessThan(1e-9);
      for (const other of others) {
        expect(breaks(constraints, other)).toBeLessThan(1e-8);
        expect(variance(other)).toBeGreaterThan(variance(least) - 1e-10);
        expect(utility(other)).toBeLessThan(utility(useful) + 1e-10);
      }
      const { value: top } = await maximumReturn(input);
      if (top > 0.02) {
        const best = await maximumSharpe({ ...input, riskFree: 0.01 });
        expect(breaks(constraints, best)).toBeLessThan(1e-8);
        for (const other of others) expect(sharpe(other)).toBeLessThan(sharpe(best) + 1e-9);
      }
      const target = Math.min(top, net(others[0]!));
      const efficient = await efficientReturn({ ...input, target });
      expect(net(efficient)).toBeGreaterThan(target - 1e-9);
      for (const other of others)
        if (net(other) >= target)
          expect(volatilityOf(other, covariance)).toBeGreaterThan(volatilityOf(efficient, covariance) - 1e-9);
      const risk = volatilityOf(others[1]!, covariance);
      const risky = await efficientRisk({ ...input, target: risk });
      expect(volatilityOf(risky, covariance)).toBeLessThan(risk + 1e-9);
      for (const other of others)
        if (volatilityOf(other, covariance) <= risk) expect(net(other)).toBeLessThan(net(risky) + 1e-8);
    }),
    RUNS,
  );
});

test('the frontier rises, and its ends are the least variance and the greatest return', async () => {
  const { covariance, expected, constraints } = problem(7, 8, false, false);
  const points = await efficientFrontier({ covariance, expected, constraints, points: 12 });
  expect(points).toHaveLength(12);
  for (let i = 1; i < points.length; i++) {
    expect(points[i]!.expectedReturn).toBeGreaterThan(points[i - 1]!.expectedReturn);
    expect(points[i]!.volatility).toBeGreaterThan(points[i - 1]!.volatility - 1e-12);
  }
  expect(points.at(-1)!.expectedReturn).toBeCloseTo(
    (await maximumReturn({ expected, constraints })).value,
    9,
  );
});

test('risk parity: every contribution equals its share within 1e-8; HRP weights are positive and sum to 1', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1e9 }), fc.integer({ min: 1, max: 30 }), (seed, n) => {
      const { covariance, random } = problem(seed, Math.max(2, n), true, false);
      const shares = covariance.map(() => 0.05 + random());
      const total = shares.reduce((sum, value) => sum + value, 0);
      const budgets = Float64Array.from(shares, (value) => value / total);
      const weights = riskParity(covariance, budgets);
      expect(weights.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 12);
      for (const [i, share] of riskContributions(weights, covariance).entries())
        expect(Math.abs(share - budgets[i]!)).toBeLessThan(1e-8);
      const hrp = hierarchicalRiskParity(covariance);
      expect(Math.min(...hrp.weights)).toBeGreaterThan(0);
      expect(hrp.weights.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 12);
      expect([...hrp.order].sort((a, b) => a - b)).toEqual(covariance.map((_, i) => i));
    }),
    RUNS,
  );
});

test('CVaR: the programme finds the least that trying every corner of two assets finds', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 1e9 }),
      fc.constantFrom(0.75, 0.8, 0.9),
      async (seed, confidence) => {
        const random = generator(seed);
        for (let i = 0; i < 8; i++) random();
        const periods = 20;
        const returns = [0, 1].map(() => Float64Array.from({ length: periods }, () => random() * 0.2 - 0.1));
        const weights = await minimumCvar({
          returns,
          confidence,
          expected: new Float64Array(2),
          constraints: plainConstraints(['A', 'B']),
        });
        // The mean of the worst k losses, k = 20 (1 − c) whole periods; piecewise linear in w with corners where two
        // periods' losses are equal.
        const worst = Math.round(periods * (1 - confidence));
        const direct = (w: number) => {
          const losses = Array.from(
            { length: periods },
            (_, t) => -(w * returns[0]![t]! + (1 - w) * returns[1]![t]!),
          );
          losses.sort((a, b) => b - a);
          return losses.slice(0, worst).reduce((sum, value) => sum + value, 0) / worst;
        };
        const corners = [0, 1];
        for (let s = 0; s < periods; s++)
          for (let t = 0; t < s; t++) {
            const slope = returns[0]![s]! - returns[1]![s]! - returns[0]![t]! + returns[1]![t]!;
            const w = (returns[1]![t]! - returns[1]![s]!) / slope;
            if (w > 0 && w < 1) corners.push(w);
          }
        const least = Math.min(...corners.map(direct));
        expect(Math.abs(direct(weights[0]!) - least)).toBeLessThan(1e-9);
        expect(Math.abs(cvarOf(portfolioReturns(weights, returns), confidence) - least)).toBeLessThan(1e-9);
      },
    ),
    RUNS,
  );
});

test('an infeasible set: the named constraints alone contradict each other, and the relaxation is enough', async () => {
  const names = ['BTC', 'ETH', 'SOL', 'DOGE'];
  const constraints: Constraints = {
    ...plainConstraints(names, 0, 0.2),
    lower: Float64Array.of(0, 0, 0, 0.05),
    groups: [{ name: 'layer one', members: [0, 1, 2], lower: 0.3, upper: Infinity }],
  };
  const conflict = (await conflictOf(programmeOf(constraints), names)) as Conflict;
  expect(conflict.conflicting.sort()).toEqual([
    'sum of weights 1',
    'weight of BTC at most 0.2',
    'weight of DOGE at most 0.2',
    'weight of ETH at most 0.2',
    'weight of SOL at most 0.2',
  ]);
  // Four assets of at most 0.2 make 0.8: 0.2 is missing, whoever gives it.
  const given = conflict.relaxation.reduce((sum, { by }) => sum + Number(by), 0);
  expect(given).toBeCloseTo(0.2, 9);
  await expect(
    minimumVariance({ covariance: zeros(4), expected: new Float64Array(4), constraints }),
  ).rejects.toThrow(/contradict each other: .*weight of BTC at most 0\.2/);
  expect(
    await conflictOf(programmeOf({ ...constraints, upper: new Float64Array(4).fill(0.25) }), names),
  ).toHaveProperty('point');
});

test('of many assets: leaving out those on their limit ends at the same optimum, by the conditions of the whole', async () => {
  const { covariance, expected, constraints } = problem(11, 90, false, true);
  const programme = programmeOf({
    ...constraints,
    turnover: Infinity,
    cost: new Float64Array(90),
    groups: [],
  });
  const { lower, upper, rows } = programme;
  const whole = { quadratic: covariance, linear: expected, lower, upper, rows };
  const corner = new Float64Array(90);
  corner[3] = 0.6;
  corner[4] = 0.4;
  const [all, few] = [solveQuadratic(whole)!, solveQuadratic(whole, corner)!];
  for (const [i, value] of all.x.entries()) expect(Math.abs(value - few.x[i]!)).toBeLessThan(1e-10);
  const gradient = times(covariance, few.x);
  for (const [i, value] of gradient.entries()) {
    const slope = value - expected[i]! - few.rowMultipliers[0]!;
    if (few.x[i]! > 1e-9 && few.x[i]! < upper[i]! - 1e-9) expect(Math.abs(slope)).toBeLessThan(1e-8);
    if (few.x[i]! <= 1e-9) expect(slope).toBeGreaterThan(-1e-8);
  }
});
