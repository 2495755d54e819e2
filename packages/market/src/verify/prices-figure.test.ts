/** The verified price: each finding on a day made for it, status, agreement with the panel, and no look-ahead. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { buildPanel } from '../panel/build-panel.ts';
import type { BarRow } from '../rows.ts';
import { pricesFigure } from './prices-figure.ts';

const DAY = 86_400_000;
const T0 = Date.UTC(2024, 0, 1);
const LENGTH = 40;
const time = (day: number) => `${new Date(T0 + day * DAY).toISOString().slice(0, 19)}Z`;
/** A walk that every venue follows, with its own small noise and volume. */
const price = (day: number) => 100 * 1.02 ** ((day * 7) % 11);
const bar = (day: number, venue: number, more: Partial<BarRow> = {}, close = price(day)): BarRow => {
  const own = close * (1 + venue / 10_000);
  return {
    time: time(day),
    asset: 'AAA',
    open: String(own),
    high: String(own * 1.01),
    low: String(own * 0.99),
    close: String(own),
    volume: String(1000.123 + ((day * 37 + venue * 11) % 97)),
    ...more,
  };
};
type Change = (row: BarRow, day: number, venue: number) => BarRow | null;
const history = (change: Change = (row) => row, venues = 3, length = LENGTH) => {
  const streams = Array.from({ length: venues }, (_, v) => ({
    stream: `v${v}.bars.1d`,
    rows: Array.from({ length }, (_, day) => change(bar(day, v), day, v)).filter((row) => row !== null),
  }));
  const { panel } = buildPanel({
    bars: streams,
    caps: [],
    days: { fromMs: T0, toMs: T0 + length * DAY },
  });
  return { panel, venues: streams, funding: [], articles: [], activity: [], development: [] };
};
const rows = (change?: Change, venues = 3, from = 0) =>
  pricesFigure.compute(
    { history: history(change, venues), days: { from, to: LENGTH }, figures: {} },
    pricesFigure.parameters,
  );
const last = (change?: Change, venues = 3) => rows(change, venues, LENGTH - 1)[0]!;

test('venues that agree pass; one venue alone is unknown', () => {
  const made = rows();
  expect(made).toHaveLength(LENGTH);
  expect(made.every(({ status, reasons }) => status === 'pass' && reasons.length === 0)).toBe(true);
  const row = made[12]!;
  expect(row.venues.map(({ stream }) => stream)).toEqual(['v0.bars.1d', 'v1.bars.1d', 'v2.bars.1d']);
  expect(Number(row.close)).toBeCloseTo(price(12) * 1.0001, 6);
  expect(row.venues.map(({ deviationBps }) => Number(deviationBps))).toEqual([-1, 0, 1]);
  expect(Number(row.changePct)).toBeCloseTo((price(12) / price(11) - 1) * 100, 3);
  expect(made[0]!.changePct).toBeNull();
  expect(last(undefined, 1)).toMatchObject({
    status: 'unknown',
    reasons: [/only one of 1 known venue traded/],
  });
});

test.each<[string, Change, RegExp, string]>([
  [
    'a venue that deviates is left out',
    (row, day, venue) =>
      venue === 2 && day === LENGTH - 1 ? { ...bar(day, venue, {}, price(day) * 1.2) } : row,
    /^disagreement: v2.bars.1d closes at .* left out$/,
    'fail',
  ],
  [
    'a venue that repeats its price',
    (row, day, venue) =>
      venue === 1 && day > LENGTH - 5 ? { ...bar(day, venue, {}, price(LENGTH - 5)) } : row,
    /^stale feed: v1.bars.1d has closed at .* for 5 days/,
    'fail',
  ],
  [
    'a venue that is a day late',
    (row, day, venue) => (venue === 1 && day > 20 ? bar(day, 0, {}, price(day - 1)) : row),
    /^stale feed: v1.bars.1d closes at the others' price of the day before$/,
    'fail',
  ],
  [
    'a spike that nobody follows',
    (row, day, venue) =>
      venue === 0 && day === LENGTH - 1 ? { ...row, high: String(price(day) * 1.3) } : row,
    /^suspected manipulation: v0.bars.1d traded at .* above anything on v1.bars.1d, v2.bars.1d$/,
    'fail',
  ],
  [
    'volume without a move',
    (row, day, venue) => (venue === 2 && day === LENGTH - 1 ? { ...row, volume: '20345.678' } : row),
    /^volume not credible: v2.bars.1d states 19 times its usual volume/,
    'pass',
  ],
  [
    'round volumes',
    (row, day, venue) => (venue === 2 && day > 20 ? { ...row, volume: String(1000 + 100 * (day % 9)) } : row),
    /^volume not credible: 10 of the last 10 volumes of v2.bars.1d are round numbers$/,
    'pass',
  ],
])('%s', (_, change, text, status) => {
  const row = last(change);
  expect(row.status).toBe(status);
  expect(row.reasons.filter((reason) => text.test(reason))).toHaveLength(1);
  expect(Number(row.close)).toBeGreaterThan(price(LENGTH - 1) * 0.9998);
  expect(Number(row.close)).toBeLessThan(price(LENGTH - 1) * 1.0003);
});

test('a stablecoin that loses its peg: the distance and since when, and venues that agree on it pass', () => {
  const of = (closes: (day: number) => number) =>
    rows((_, day, venue) => ({ ...bar(day, venue, {}, closes(day)), asset: 'USDC' }));
  const steady = of((day) => 1 + (day % 3) / 2000);
  const told = (made: ReturnType<typeof rows>) =>
    made.map(({ reasons }) => reasons.filter((reason) => reason.startsWith('depeg: closes')));
  expect(told(steady).flat()).toEqual([]);
  const broken = of((day) => (day >= 30 && day < 34 ? 0.97 : 1 + (day % 3) / 2000));
  expect(told(broken).map((reasons) => reasons.length)).toEqual(
    Array.from({ length: LENGTH }, (_, day) => (day >= 30 && day < 34 ? 1 : 0)),
  );
  expect(broken[33]).toMatchObject({ status: 'pass' });
  expect(told(broken)[33]![0]).toMatch(/^depeg: closes -2.99 % from 1 USD, since 2024-01-31;/);
});

test('nothing of a later day changes a row', () => {
  const before = rows().slice(0, 30);
  fc.assert(
    fc.property(
      fc.array(
        fc.tuple(fc.integer({ min: 30, max: LENGTH - 1 }), fc.double({ min: 0.01, max: 9, noNaN: true })),
      ),
      (lies) => {
        const lie = new Map(lies);
        const after = rows((row, day, venue) =>
          lie.has(day) ? bar(day, venue, { volume: '5' }, price(day) * lie.get(day)! * (1 + venue)) : row,
        );
        expect(after.filter((row) => row.time < time(30))).toEqual(before);
      },
    ),
    { numRuns: 30 },
  );
});

test('prices are in the units of the day across a redenomination, and the change is right', () => {
  const made = rows((row, day, venue) => (day >= 21 ? bar(day, venue, {}, price(day) / 1000) : row));
  expect(Number(made[21]!.close)).toBeCloseTo((price(21) / 1000) * 1.0001, 6);
  expect(Number(made[21]!.changePct)).toBeCloseTo((price(21) / price(20) - 1) * 100, 3);
  expect(made[21]).toMatchObject({ status: 'pass' });
});

test('without the venues’ own bars nothing is verified, and nothing is green', () => {
  const { venues: _, ...rest } = history();
  const made = pricesFigure.compute(
    { history: rest, days: { from: 0, to: LENGTH }, figures: {} },
    pricesFigure.parameters,
  );
  expect(new Set(made.map(({ status }) => status))).toEqual(new Set(['unknown']));
  expect(made[0]!.reasons).toEqual([
    "no venue's own bars with trades are known: nothing to hold the price against",
  ]);
});
