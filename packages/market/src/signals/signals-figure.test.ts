/**
 * The signal rule: votes computed by hand, hysteresis, no look-ahead, the same rows however many days are asked for,
 * and broken series.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { emptyPanel, type Panel } from '../panel/index.ts';
import type { GradeRow } from '../rows.ts';
import { signalsFigure } from './signals-figure.ts';
import { trendStates } from './trend-rule.ts';

const DAY = 86_400_000;
const T0 = Date.UTC(2024, 0, 1);
const { parameters } = signalsFigure;
const panelOf = (...series: number[][]): Panel => {
  const length = series[0]!.length;
  const panel = emptyPanel(
    series.map((_, a) => ({ asset: `A${a}` })),
    Array.from({ length }, (_, d) => T0 + d * DAY),
  );
  for (const [a, closes] of series.entries()) {
    for (const [d, close] of closes.entries()) {
      for (const column of [panel.open, panel.high, panel.low, panel.close]) column[a * length + d] = close;
      panel.volume[a * length + d] = Number.isNaN(close) ? Number.NaN : 1e9;
    }
  }
  return panel;
};
const rowsOf = (panel: Panel, from = 0, to = panel.days.length, grades: GradeRow[] = []) =>
  signalsFigure.compute(
    {
      history: { panel, funding: [], articles: [], activity: [], development: [] },
      days: { from, to },
      figures: { grades },
    },
    parameters,
  );
/** Alternating steps, so that there is volatility, along a drift. */
const path = (length: number, drift: (day: number) => number) => {
  let price = 100;
  return Array.from({ length }, (_, d) => {
    price *= Math.exp(drift(d) + (d % 2 === 0 ? 0.01 : -0.01));
    return price;
  });
};

test('votes by hand: each is what was measured over what a random walk would give', () => {
  const closes = path(120, () => 0.0005);
  const few = { ...parameters, shortDays: 4, longDays: 8, trendDays: 6, volatilityDays: 4 };
  const state = trendStates(Float64Array.from(closes), new Float64Array(120).fill(1), () => 60, few).at(-1)!;
  // Log returns alternate between 0.0105 and -0.0095: deviation over n - 1 of four.
  const sigma = 0.01 * Math.sqrt(4 / 3);
  expect(state.votes!.short).toBeCloseTo((4 * 0.0005) / (sigma * 2), 9);
  expect(state.votes!.long).toBeCloseTo((8 * 0.0005) / (sigma * Math.sqrt(8)), 9);
  const mean = closes.slice(-6).reduce((sum, close) => sum + close, 0) / 6;
  expect(state.votes!.trend).toBeCloseTo(Math.log(closes.at(-1)! / mean) / (sigma * Math.sqrt(2)), 9);
  expect(state.votes!.grade).toBe(0.4);
});

test('up is long, down is short, and between entering and leaving it stays what it was', () => {
  const rows = rowsOf(panelOf(path(500, (d) => (d < 250 ? 0.006 : -0.006))));
  expect(rows).toHaveLength(500);
  expect(rows[50]).toMatchObject({ signal: '0', reasons: ['only 51 of 100 days of history: no signal yet'] });
  expect([rows[200]!.signal, rows[450]!.signal]).toEqual(['1', '-1']);
  const changes = rows.filter((row, i) => i > 0 && row.signal !== rows[i - 1]!.signal);
  expect(changes.length).toBeLessThanOrEqual(3);
  expect(changes.every(({ since, time }) => since === time)).toBe(true);
  expect(rows[200]!.since).toBe(changes[0]!.time);
  expect(rows.some(({ reasons }) => reasons.at(-1)!.endsWith('long, held on from before'))).toBe(true);
  const last = rows.at(-1)!.backtest!;
  expect(Number(last.returnPct)).toBeGreaterThan(Number(last.holdReturnPct));
  expect(last.days).toBe('401');
});

test('the grade votes where there is one', () => {
  const closes = path(200, () => 0.0002);
  const grade = (value: string): GradeRow[] =>
    Array.from({ length: 200 }, (_, d) => ({
      time: new Date(T0 + d * DAY).toISOString(),
      asset: 'A0',
      symbol: 'A0',
      investor: null,
      reason: null,
      trader: {
        grade: value,
        low: '0',
        high: '100',
        change: null,
        label: 'neutral',
        parts: { technical: null, exchange: null, onChain: null, fundamental: null, sentiment: null },
      },
    }));
  const score = (grades: GradeRow[]) => {
    const reason = rowsOf(panelOf(closes), 199, 200, grades)[0]!.reasons.at(-1)!;
    return Number(/votes (-?[\d.]+):/.exec(reason)![1]);
  };
  expect(score(grade('90'))).toBeGreaterThan(score([]));
  expect(score(grade('10'))).toBeLessThan(score([]));
});

test('no row reads a later day, and a row is the same however many days are asked for', () => {
  const step = fc.double({ min: -0.1, max: 0.1, noNaN: true });
  fc.assert(
    fc.property(
      fc.array(step, { minLength: 220, maxLength: 220 }),
      fc.array(fc.constantFrom(0.001, 1, 5000, Number.NaN), { minLength: 40, maxLength: 40 }),
      (steps, lies) => {
        let price = 100;
        const honest = steps.map((one) => {
          price *= Math.exp(one);
          return price;
        });
        const before = rowsOf(panelOf(honest), 0, 180);
        expect(rowsOf(panelOf([...honest.slice(0, 180), ...lies]), 0, 180)).toEqual(before);
        const whole = rowsOf(panelOf([...honest.slice(0, 180), ...lies]));
        expect(whole.slice(0, 180)).toEqual(before);
        expect(rowsOf(panelOf(honest), 150, 151)).toEqual([before[150]]);
      },
    ),
    { numRuns: 25 },
  );
});

test('a constant price, a silence, a delisting and an empty panel', () => {
  const constant = rowsOf(panelOf(Array.from({ length: 200 }, () => 5)));
  expect(constant.at(-1)).toMatchObject({
    signal: '0',
    reasons: ['the price does not move: no signal'],
    backtest: null,
  });
  const up = path(200, () => 0.006);
  const silent = rowsOf(panelOf([...up, ...Array.from({ length: 60 }, () => Number.NaN)]));
  expect(silent.find(({ time }) => time.startsWith('2024-07-20'))).toMatchObject({ signal: '1' });
  expect(silent.find(({ time }) => time.startsWith('2024-08-01'))).toMatchObject({
    signal: '0',
    since: '2024-07-26T00:00:00Z',
    reasons: [/no trade for 14 days: nothing is held/],
  });
  // Thirty days after its last bar it is delisted, and no signal is given.
  expect(silent).toHaveLength(230);
  expect(rowsOf(emptyPanel([], [T0]))).toEqual([]);
  expect(rowsOf(panelOf(up), 500, 600)).toEqual([]);
});
