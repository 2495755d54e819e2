/**
 * Figures of risk against values worked out by hand and against their definitions written out again, as in empyrical and
 * SciPy. Then what holds for all three figures of this room: no row knows the future, none depends on anything older
 * than it says, and no number of absurd prices makes anything but a decimal or null.
 */
import { isDecimal } from '@assay/core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { randomBars } from '../indicators/bars.fixture.ts';
import { indicatorColumns } from '../indicators/index.ts';
import { seriesOf } from '../panel/index.ts';
import { correlationFigure, levelsFigure, READ_INDICATORS, riskFigure, riskOf } from './index.ts';
import { daysOf, inputOf, panelOfCloses, randomPanel } from './market.fixture.ts';

const PARAMETERS = riskFigure.parameters;
const pricesOf = (returns: readonly number[]) =>
  Float64Array.from(
    [1, ...returns].map((_, i) => 100 * returns.slice(0, i).reduce((p, r) => p * (1 + r), 1)),
  );

test('worked by hand: forty returns of +2 % and -1 % in turn', () => {
  const returns = Array.from({ length: 40 }, (_, i) => (i % 2 ? -0.01 : 0.02));
  const risk = riskOf(pricesOf(returns), PARAMETERS)!;
  // Mean 0.5 %; every return is 1.5 % from it, so that the sample's deviation is 1.5 % * sqrt(40 / 39).
  const deviation = 0.015 * Math.sqrt(40 / 39);
  expect(risk.days).toBe('40');
  expect(Number(risk.returnPct)).toBeCloseTo(100 * ((1.02 * 0.99) ** 20 - 1), 4);
  expect(Number(risk.cagrPct)).toBeCloseTo(100 * ((1.02 * 0.99) ** (20 * (365 / 40)) - 1), 3);
  expect(Number(risk.volatilityPct)).toBeCloseTo(100 * deviation * Math.sqrt(365), 4);
  expect(Number(risk.sharpe)).toBeCloseTo((0.005 / deviation) * Math.sqrt(365), 4);
  // Half of the days fall short by 1 %.
  expect(Number(risk.sortino)).toBeCloseTo((0.005 / (0.01 * Math.sqrt(0.5))) * Math.sqrt(365), 4);
  expect(risk.maxDrawdownPct).toBe('1');
  expect(risk.varPct).toBe('1');
  expect(risk.cvarPct).toBe('1');
  expect(risk.tailRatio).toBe('2');
  expect(risk.skew).toBe('0');
  // Two points: the least kurtosis that there is.
  expect(risk.kurtosis).toBe('-2');
});

test('quantiles by rank 0.05 (n - 1): of 41 returns the third lowest, of 40 between the second and the third', () => {
  const returns = Array.from({ length: 41 }, (_, i) => (i - 20) / 1_000);
  const odd = riskOf(pricesOf(returns), PARAMETERS)!;
  expect(odd.varPct).toBe('1.8');
  expect(odd.cvarPct).toBe('1.9');
  expect(odd.tailRatio).toBe('1');
  const even = riskOf(pricesOf(returns.slice(0, 40)), PARAMETERS)!;
  expect(even.varPct).toBe('1.805');
  expect(even.cvarPct).toBe('1.95');
});

test('the definitions of empyrical and SciPy, written out again, over random walks', () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 40, max: 366 }), (seed, length) => {
      const closes = [...randomBars(length, seed).close];
      const risk = riskOf(Float64Array.from(closes), PARAMETERS)!;
      const returns = closes.slice(1).map((close, i) => close / closes[i]! - 1);
      const n = returns.length;
      const mean = returns.reduce((a, b) => a + b, 0) / n;
      const moment = (power: number) => returns.reduce((sum, r) => sum + (r - mean) ** power, 0) / n;
      const sd = Math.sqrt((moment(2) * n) / (n - 1));
      const sorted = returns.toSorted((a, b) => a - b);
      const percentile = (share: number) => {
        const rank = share * (n - 1);
        const low = sorted[Math.floor(rank)]!;
        return low + (rank % 1) * (sorted[Math.ceil(rank)]! - low);
      };
      const tail = returns.filter((r) => r <= percentile(0.05));
      let worst = 0;
      for (let i = 0; i < length; i++) {
        for (let j = i; j < length; j++) worst = Math.min(worst, closes[j]! / closes[i]! - 1);
      }
      const expected = {
        volatilityPct: 100 * sd * Math.sqrt(365),
        sharpe: (mean / sd) * Math.sqrt(365),
        sortino:
          (mean * 365) /
          (Math.sqrt(returns.reduce((sum, r) => sum + Math.min(r, 0) ** 2, 0) / n) * Math.sqrt(365)),
        maxDrawdownPct: -100 * worst,
        cagrPct: 100 * ((closes.at(-1)! / closes[0]!) ** (365 / n) - 1),
        varPct: -100 * percentile(0.05),
        cvarPct: (-100 * tail.reduce((a, b) => a + b, 0)) / tail.length,
        tailRatio: Math.abs(percentile(0.95)) / Math.abs(percentile(0.05)),
        skew: moment(3) / moment(2) ** 1.5,
        kurtosis: moment(4) / moment(2) ** 2 - 3,
      };
      for (const [name, value] of Object.entries(expected)) {
        const ours = Number(risk[name as keyof typeof expected]);
        if (!(Math.abs(ours - value) <= 0.00006 + 1e-9 * Math.abs(value))) {
          throw new Error(`${name}: ${ours}, expected ${value}`);
        }
      }
    }),
    { numRuns: 40 },
  );
});

test('a rate without risk is taken off every day, and a price in other units has the same risk', () => {
  const closes = randomBars(200, 3).close;
  const plain = riskOf(closes, PARAMETERS)!;
  const withRate = riskOf(closes, { ...PARAMETERS, riskFreePct: '5' })!;
  const lower = 5 / Number(plain.volatilityPct);
  expect(Number(withRate.sharpe)).toBeCloseTo(Number(plain.sharpe) - lower, 3);
  expect(
    riskOf(
      closes.map((close) => close * 2 ** -30),
      PARAMETERS,
    ),
  ).toEqual(plain);
});

test('a missing day gives no daily return, and is neither zero nor a jump', () => {
  const closes = randomBars(101, 4).close;
  closes[50] = Number.NaN;
  const risk = riskOf(closes, PARAMETERS)!;
  expect(risk.days).toBe('98');
  expect(Number(risk.returnPct)).toBeCloseTo(100 * (closes[100]! / closes[0]! - 1), 4);
});

test('too few returns leave ratios unknown; no price, none that is positive, or the first one, no row', () => {
  expect(riskOf(Float64Array.of(100, 120, 90), PARAMETERS)).toMatchObject({
    days: '2',
    returnPct: '-10',
    maxDrawdownPct: '25',
    sharpe: null,
    varPct: null,
  });
  for (const closes of [[], [1], [1, Number.NaN], [1, 0], [1, -1], [Number.NaN, 1], [0, 1], [Infinity, 1]]) {
    expect(riskOf(Float64Array.from(closes), PARAMETERS)).toBeNull();
  }
  const still = riskOf(new Float64Array(100).fill(0.1), PARAMETERS)!;
  expect(still).toMatchObject({
    volatilityPct: '0',
    sharpe: null,
    sortino: null,
    skew: null,
    tailRatio: null,
  });
  const steady = riskOf(
    Float64Array.from({ length: 100 }, (_, i) => 1.01 ** i),
    PARAMETERS,
  )!;
  expect(steady).toMatchObject({
    volatilityPct: '0',
    sharpe: null,
    sortino: null,
    kurtosis: null,
    varPct: '-1',
  });
});

test('the indicators of a row are those of its own 366 days', () => {
  const panel = randomPanel(1, 500, 5);
  const [row] = riskFigure.compute(inputOf(panel, 499), PARAMETERS);
  const cut = (column: Float64Array) => seriesOf(panel, column, 0).subarray(134);
  const columns = indicatorColumns(
    {
      open: cut(panel.open),
      high: cut(panel.high),
      low: cut(panel.low),
      close: cut(panel.close),
      volume: cut(panel.volume),
    },
    READ_INDICATORS,
  );
  for (const name of READ_INDICATORS) {
    const value = columns[name].at(-1)!;
    expect(Math.abs(Number(row!.indicators[name]) - value) / Math.abs(value), name).toBeLessThan(1e-7);
  }
});

const FIGURES = [
  ['risk', riskFigure],
  ['levels', levelsFigure],
  ['correlation', correlationFigure],
] as const;

/** Each with its own type of parameters. */
function rowsOf(figure: (typeof FIGURES)[number][1], ...at: Parameters<typeof inputOf>) {
  return figure.compute(inputOf(...at), figure.parameters as never);
}

test.each(FIGURES)('%s: lies in the future change no row', (_, figure) => {
  const panel = randomPanel(12, 500, 6);
  const before = rowsOf(figure, panel, 440, 460);
  for (const column of [panel.open, panel.high, panel.low, panel.close, panel.volume]) {
    for (let asset = 0; asset < 12; asset++) {
      seriesOf(panel, column, asset).fill(asset % 2 ? Number.NaN : 1e9, 460);
    }
  }
  expect(before.length).toBeGreaterThan(200);
  expect(rowsOf(figure, panel, 440, 460)).toEqual(before);
});

test.each(FIGURES)('%s: a row is the same alone, among others, and from its own days only', (_, figure) => {
  const panel = randomPanel(12, 500, 7);
  const together = rowsOf(figure, panel, 450, 500);
  const from = 470 - figure.lookbackDays;
  const alone = rowsOf(figure, daysOf(panel, from, 471), figure.lookbackDays);
  const { time } = alone[0]!;
  expect(alone).toEqual(together.filter((row) => row.time === time));
});

test.each(FIGURES)('%s: nothing but decimals and null, whatever the prices', (_, figure) => {
  const absurd = [Number.NaN, 0, -5, 1e-300, 1e300, Number.POSITIVE_INFINITY, 1e29, 1e-29, 1, 2];
  fc.assert(
    fc.property(
      fc.array(fc.array(fc.constantFrom(...absurd), { minLength: 120, maxLength: 120 }), {
        maxLength: 5,
        minLength: 1,
      }),
      (closes) => {
        for (const row of rowsOf(figure, panelOfCloses(closes), 0)) check(row);
      },
    ),
    { numRuns: 25 },
  );
});

test.each(FIGURES)('%s: no assets, no days', (_, figure) => {
  expect(rowsOf(figure, randomPanel(0, 100, 1), 0)).toEqual([]);
  expect(rowsOf(figure, randomPanel(2, 100, 1), 50, 50)).toEqual([]);
});

function check(value: unknown, key = ''): void {
  if (value === null) return;
  if (typeof value === 'string') {
    const text = ['time', 'asset', 'lastTouch'].includes(key);
    if (!text && !isDecimal(value)) throw new Error(`${key}: ${value}`);
  } else if (typeof value === 'object')
    for (const [name, member] of Object.entries(value)) check(member, name);
  else throw new Error(`${key}: ${String(value)}`);
}
