/**
 * Indices: weights computed by hand and what must hold for all; an index against a portfolio of dollars that knows no
 * divisor; what a delisting, a redenomination and a price out of nowhere do; look-ahead, order, cut histories.
 */
import { isDecimal, toScaled } from '@assay/core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { FigureInput } from '../figure.ts';
import { emptyPanel, instantOfDay, type Panel } from '../panel/index.ts';
import type { GradeRow, IndexRow } from '../rows.ts';
import { INDEX_PARAMETERS, type IndexParameters, type IndexRule } from './index-rules.ts';
import { indicesFigure } from './indices.ts';
import { cappedWeights, exactWeights } from './weights.ts';

const DAY_MS = 86_400_000;
const T0 = Date.UTC(2022, 0, 1);

test('capping by hand: the excess goes to the others in proportion, also when that lifts another above the cap', () => {
  expect(cappedWeights([60, 30, 10], 0.5)).toEqual([0.5, 0.375, 0.125]);
  // 70 → 40; 60 to share among 20, 5, 5 gives 40, 10, 10.
  const twice = cappedWeights([70, 24, 3, 3], 0.4);
  expect(twice[0]).toBe(0.4);
  expect(twice[1]).toBe(0.4);
  expect(twice[2]).toBeCloseTo(0.1, 12);
  expect(cappedWeights([1, 1, 1, 1], 0.25)).toEqual([0.25, 0.25, 0.25, 0.25]);
  expect(() => cappedWeights([1, 1], 0.3)).toThrow(/cap of at least 1\/2/);
  expect(() => cappedWeights([1, Number.NaN], 0.6)).toThrow(/finite/);
});

test('weights: sum 1, cap kept, order of size kept, proportional among those below the cap', () => {
  const sizes = fc.array(fc.double({ min: 1e-6, max: 1e15, noNaN: true }), { minLength: 2, maxLength: 40 });
  fc.assert(
    fc.property(sizes, fc.double({ min: 0.03, max: 1, noNaN: true }), (list, wish) => {
      const cap = Math.max(wish, 1 / list.length);
      const weights = cappedWeights(list, cap);
      expect(weights.reduce((sum, one) => sum + one, 0)).toBeCloseTo(1, 9);
      for (const [i, weight] of weights.entries()) {
        expect(weight).toBeLessThanOrEqual(cap + 1e-12);
        for (const [j, other] of weights.entries()) {
          if (list[i]! > list[j]!) expect(weight).toBeGreaterThanOrEqual(other - 1e-12);
          if (weight < cap * (1 - 1e-9) && other < cap * (1 - 1e-9))
            expect(weight * list[j]!).toBeCloseTo(
              other * list[i]!,
              -Math.log10(1e-6 * (1 + list[i]! + list[j]!)),
            );
        }
      }
      const exact = exactWeights(weights, 6);
      expect(exact.reduce((sum, one) => sum + toScaled(one, 6), 0n)).toBe(1_000_000n);
      for (const [i, one] of exact.entries()) expect(Math.abs(Number(one) - weights[i]!)).toBeLessThan(1e-6);
    }),
  );
});

const SIMPLE: IndexRule = {
  ...INDEX_PARAMETERS.rules[0]!,
  id: 'three',
  count: 3,
  among: 3,
  maxWeight: '0.5',
};
const simple: IndexParameters = {
  ...INDEX_PARAMETERS,
  rules: [SIMPLE],
  minTurnoverUsd: '0',
  seasoningDays: 5,
  minBars: 5,
  volatilityDays: 10,
};

function panelOf(prices: Record<string, number[]>, caps: Record<string, number> = {}): Panel {
  const names = Object.keys(prices);
  const width = Math.max(...Object.values(prices).map((series) => series.length));
  const panel = emptyPanel(
    names.map((asset) => ({ asset })),
    Array.from({ length: width }, (_, day) => T0 + day * DAY_MS),
  );
  for (const [i, name] of names.entries())
    for (const [day, price] of prices[name]!.entries()) {
      panel.close[i * width + day] = price;
      panel.volume[i * width + day] = 1_000;
      panel.marketCap[i * width + day] = (caps[name] ?? 1) * price;
      panel.supply[i * width + day] = caps[name] ?? 1;
    }
  return panel;
}

function compute(
  panel: Panel,
  from = 0,
  to = panel.days.length,
  under = simple,
  figures: FigureInput['figures'] = {},
) {
  return indicesFigure.compute(
    {
      history: { panel, funding: [], articles: [], activity: [], development: [] },
      days: { from, to },
      figures,
    },
    under,
  );
}
const steady = (price: number, days: number) => Array<number>(days).fill(price);
const value = (rows: readonly IndexRow[], day: number) =>
  Number(rows.find(({ time }) => time === instantOfDay(T0 + day * DAY_MS))!.value);

test('by hand: caps 60, 30, 10 give half, three eighths and an eighth; a price that doubles adds its weight', () => {
  const prices = { A: steady(60, 12), B: steady(30, 12), C: [...steady(10, 10), 20, 20], D: steady(5, 12) };
  const rows = compute(panelOf(prices));
  expect(rows[0]).toMatchObject({
    value: '1000',
    changePct: null,
    rebalanced: true,
    turnover: '1',
    costBps: '20',
  });
  expect(rows[0]!.time).toBe(instantOfDay(T0 + 5 * DAY_MS));
  expect(rows[0]!.holdings).toEqual([
    { asset: 'A', weight: '0.5', price: '60' },
    { asset: 'B', weight: '0.375', price: '30' },
    { asset: 'C', weight: '0.125', price: '10' },
  ]);
  expect(rows.at(-2)).toMatchObject({ value: '1125', changePct: '12.5', rebalanced: false, turnover: '0' });
  expect(rows.at(-2)!.holdings.map(({ weight }) => weight)).toEqual(['0.444445', '0.333333', '0.222222']);
});

/** Prices as walks: `steps` in percent. */
const market = fc
  .record({
    assets: fc.integer({ min: 5, max: 9 }),
    steps: fc.array(fc.integer({ min: -20, max: 25 }), { minLength: 720, maxLength: 720 }),
    holes: fc.array(fc.nat(719), { maxLength: 30 }),
  })
  .map(({ assets, steps, holes }) => {
    const days = 80;
    const prices: Record<string, number[]> = {};
    const supplies: Record<string, number> = {};
    for (let i = 0; i < assets; i++) {
      const name = `N${i}`;
      let price = 3 + i;
      prices[name] = Array.from({ length: days }, (_, day) => (price *= 1 + steps[i * days + day]! / 100));
      supplies[name] = 1 + ((i * 7) % 5);
      for (const hole of holes) if (Math.floor(hole / days) === i) prices[name][hole % days] = Number.NaN;
    }
    return { prices, supplies };
  });

test('against a portfolio in dollars: no divisor, no units, the same values', () => {
  fc.assert(
    fc.property(market, ({ prices, supplies }) => {
      const names = Object.keys(prices);
      const rows = compute(panelOf(prices, supplies));
      const dollars = new Map<string, number>();
      const last = new Map<string, number>();
      const expected: number[] = [];
      for (let day = 1; day < 80; day++) {
        for (const [name, amount] of dollars) {
          const price = prices[name]![day]!;
          if (Number.isNaN(price)) continue;
          dollars.set(name, (amount * price) / last.get(name)!);
          last.set(name, price);
        }
        const first = dollars.size === 0;
        const total = first ? 1000 : [...dollars.values()].reduce((a, b) => a + b, 0);
        if (first || new Date(T0 + day * DAY_MS).getUTCDate() === 1) {
          const able = names.filter(
            (name) =>
              prices[name]!.slice(Math.max(0, day - 5), day).filter((one) => !Number.isNaN(one)).length ===
                5 && !Number.isNaN(prices[name]![day]),
          );
          const size = (name: string) => supplies[name]! * prices[name]![day - 1]!;
          const top = able.sort((a, b) => size(b) - size(a) || (a < b ? -1 : 1)).slice(0, 3);
          if (top.length === 3) {
            // Of three with a cap of a half, only the largest can be above it.
            const all = top.reduce((sum, name) => sum + size(name), 0);
            const big = size(top[0]!) / all > 0.5;
            dollars.clear();
            for (const [i, name] of top.entries()) {
              const weight = !big
                ? size(name) / all
                : i === 0
                  ? 0.5
                  : (0.5 * size(name)) / (all - size(top[0]!));
              dollars.set(name, total * weight);
              last.set(name, prices[name]![day]!);
            }
          }
        }
        if (dollars.size > 0) expected.push([...dollars.values()].reduce((a, b) => a + b, 0));
      }
      expect(rows.length).toBe(expected.length);
      for (const [i, row] of rows.entries()) expect(Number(row.value) / expected[i]!).toBeCloseTo(1, 7);
    }),
    { numRuns: 60 },
  );
});

test('rows: weights sum to exactly 1, caps kept at a rebalancing, which moves no value and only its costs', () => {
  fc.assert(
    fc.property(market, ({ prices, supplies }) => {
      const panel = panelOf(prices, supplies);
      const rows = compute(panel);
      let before: IndexRow | undefined;
      for (const row of rows) {
        expect(row.holdings.reduce((sum, { weight }) => sum + toScaled(weight, 6), 0n)).toBe(1_000_000n);
        expect([row.value, row.turnover, row.valueAfterCosts, row.costBps].every(isDecimal)).toBe(true);
        if (row.rebalanced)
          for (const { weight } of row.holdings) expect(Number(weight)).toBeLessThanOrEqual(0.500001);
        if (before) {
          // The day's change is that of what was held the evening before, whatever happens at the close.
          const day = Math.round((Date.parse(row.time) - T0) / DAY_MS);
          const grown = before.holdings.reduce((sum, { asset, weight, price }) => {
            const now = prices[asset]![day]!;
            return sum + Number(weight) * (Number.isNaN(now) ? 1 : now / Number(price));
          }, 0);
          expect(Number(row.value) / Number(before.value)).toBeCloseTo(grown, 4);
          const net = Number(row.valueAfterCosts) / Number(before.valueAfterCosts);
          const gross = Number(row.value) / Number(before.value);
          expect(net / gross).toBeCloseTo(1 - Number(row.costBps) / 10_000, 6);
          expect(Number(row.costBps)).toBeCloseTo(Number(row.turnover) * 40, 3);
        }
        before = row;
      }
    }),
    { numRuns: 40 },
  );
});

test('no look-ahead, any order of assets, any first wanted day, and a cut history keeps the returns', () => {
  fc.assert(
    fc.property(market, fc.integer({ min: 12, max: 78 }), ({ prices, supplies }, cut) => {
      const rows = compute(panelOf(prices, supplies));
      const limit = instantOfDay(T0 + cut * DAY_MS);
      const lies = Object.fromEntries(
        Object.entries(prices).map(([name, series], i) => [
          name,
          series.map((one, day) => (day < cut ? one : 1000 - i * 90)),
        ]),
      );
      const early = ({ time }: IndexRow) => time < limit;
      const lying = panelOf(lies, supplies);
      expect(compute(lying).filter(early)).toEqual(rows.filter(early));
      expect(compute(panelOf(prices, supplies), cut)).toEqual(rows.filter((row) => !early(row)));

      const reversed = Object.fromEntries(Object.entries(prices).reverse());
      expect(compute(panelOf(reversed, supplies))).toEqual(rows);

      // From the first of March on (day 59), a history that begins with day 20 has the same changes and holdings.
      const shortened = panelOf(prices, supplies);
      const recent = {
        ...panelOf(
          Object.fromEntries(Object.entries(prices).map(([name, series]) => [name, series.slice(20)])),
          supplies,
        ),
        days: shortened.days.slice(20),
      };
      const after = (list: IndexRow[]) => list.filter(({ time }) => time > instantOfDay(T0 + 59 * DAY_MS));
      const [long, short] = [after(rows), after(compute(recent))];
      for (const [i, row] of long.entries()) {
        // Unless the first of March could not be rebalanced to, and older holdings stayed.
        if (rows.find(({ time }) => time === instantOfDay(T0 + 59 * DAY_MS))?.rebalanced !== true) break;
        expect(row.holdings).toEqual(short[i]!.holdings);
        expect(Number(row.changePct)).toBeCloseTo(Number(short[i]!.changePct), 3);
      }
    }),
    { numRuns: 40 },
  );
});

test('a delisted constituent is carried for a week and leaves at its last price; the value does not jump', () => {
  const prices = { A: steady(3, 25), B: steady(3, 25), C: [...steady(3, 8), 1.5], D: steady(0.1, 25) };
  const rows = compute(panelOf({ ...prices, C: [...prices.C, ...steady(Number.NaN, 16)] }));
  expect(value(rows, 7)).toBe(1000);
  for (let day = 8; day < 25; day++) expect(value(rows, day)).toBeCloseTo(1000 * (5 / 6), 4);
  expect(rows.find(({ notes }) => notes!.length > 0)).toMatchObject({
    time: instantOfDay(T0 + 15 * DAY_MS),
    notes: ['C left at its last price, of 2022-01-09'],
    rebalanced: false,
  });
  expect(rows.at(-1)!.holdings).toEqual([
    { asset: 'A', weight: '0.5', price: '3' },
    { asset: 'B', weight: '0.5', price: '3' },
  ]);
});

test('a redenomination is no return, a gain out of nowhere is no price, a collapse counts', () => {
  const base = { A: steady(3, 12), B: steady(3, 12), D: steady(0.1, 12) };
  const split = panelOf({ ...base, C: [...steady(3, 8), ...steady(0.003, 4)] });
  split.supply.fill(1000, 3 * 12 + 8, 4 * 12);
  const redenominated = compute(split);
  expect(value(redenominated, 11)).toBeCloseTo(1000, 6);
  expect(redenominated.find(({ notes }) => notes!.length > 0)!.notes).toEqual([
    'C was redenominated: units follow its supply',
  ]);
  const collapse = compute(panelOf({ ...base, C: [...steady(3, 8), ...steady(0.003, 4)] }));
  expect(value(collapse, 11)).toBeCloseTo(667, 0);
  const nonsense = compute(panelOf({ ...base, C: [...steady(3, 8), ...steady(3e6, 4)] }));
  expect(value(nonsense, 11)).toBeCloseTo(1000, 6);
  expect(nonsense.at(-1)!.holdings.map(({ asset }) => asset)).toEqual(['A', 'B']);
});

test('left out: stablecoins by figure, by ticker and by price, wrapped coins, memes where the rule says so', () => {
  const days = 12;
  const wobble = (price: number) => Array.from({ length: days }, (_, day) => price * (1 + 0.01 * (day % 3)));
  const prices = {
    USDT: wobble(1),
    WBTC: wobble(9),
    PEG: steady(1.004, days),
    KNOWN: wobble(8),
    DOGE: wobble(7),
    A: wobble(6),
    B: wobble(5),
    C: wobble(4),
  };
  const known = [{ time: instantOfDay(T0), asset: 'KNOWN', class: 'stablecoin' }] as never;
  const held = (rule: Partial<IndexRule>) =>
    compute(
      panelOf(prices),
      6,
      7,
      { ...simple, rules: [{ ...SIMPLE, ...rule }] },
      { assets: known },
    )[0]!.holdings.map(({ asset }) => asset);
  expect(held({})).toEqual(['A', 'B', 'DOGE']);
  expect(held({ without: ['meme'] })).toEqual(['A', 'B', 'C']);
});

test('grades and volatility pick: the highest grades of a week, the calmest series', () => {
  const days = 40;
  const swing = (price: number, percent: number) =>
    Array.from({ length: days }, (_, day) => price * (1 + (day % 2 === 0 ? 0 : percent / 100)));
  const prices = { A: swing(9, 8), B: swing(8, 1), C: swing(7, 4), D: swing(6, 2), E: swing(5, 16) };
  const rules = [
    { ...SIMPLE, id: 'calm', among: 5, pick: 'low-volatility', weigh: 'inverse-volatility', maxWeight: '1' },
    {
      ...SIMPLE,
      id: 'graded',
      among: 5,
      pick: 'trader-grade',
      weigh: 'grade',
      maxWeight: '1',
      rebalance: 'weekly',
    },
  ] as const;
  const grade = (asset: string, day: number, of: string | null) =>
    ({
      time: instantOfDay(T0 + day * DAY_MS),
      asset,
      trader: of === null ? null : { grade: of },
    }) as unknown as GradeRow;
  const grades = [
    ...['A', 'B', 'C', 'D', 'E'].map((asset, i) => grade(asset, 20, String(90 - 10 * i))),
    grade('A', 21, null),
    // Known only at the end of day 22: what is bought on that day's close may not know it.
    grade('E', 22, '100'),
  ];
  const rows = compute(panelOf(prices), 0, days, { ...simple, rules }, { grades });
  const of = (id: string) => rows.filter(({ index }) => index === id);
  expect(of('calm')[0]!.holdings.map(({ asset }) => asset)).toEqual(['B', 'C', 'D']);
  const [b, c, d] = of('calm')[0]!.holdings.map(({ weight }) => Number(weight));
  expect(b! / d!).toBeCloseTo(Math.log(1.02) / Math.log(1.01), 1);
  expect(d! / c!).toBeCloseTo(Math.log(1.04) / Math.log(1.02), 1);
  // The index begins with the first grades; 24 January 2022 (day 23) is the first Monday after.
  expect(of('graded')[0]).toMatchObject({ time: instantOfDay(T0 + 21 * DAY_MS), rebalanced: true });
  expect(of('graded')[0]!.holdings.map(({ asset }) => asset)).toEqual(['A', 'B', 'C']);
  expect(of('graded')[1]!.rebalanced).toBe(false);
  expect(of('graded')[2]!.holdings.map(({ asset }) => asset)).toEqual(['B', 'C', 'E']);
  // Later Mondays find no grade of the week before: nothing is changed, and the row says so.
  expect(
    of('graded')
      .at(-1)!
      .holdings.map(({ asset }) => asset),
  ).toEqual(['B', 'C', 'E']);
  expect(of('graded').flatMap(({ notes }) => notes!)).toContain(
    'too few assets keep the rule: the holdings stay as they are',
  );
});

test('an empty or hopeless market has no index, and bad numbers never leave', () => {
  expect(compute(emptyPanel([], []))).toEqual([]);
  expect(compute(emptyPanel([{ asset: 'A' }], [T0, T0 + DAY_MS]))).toEqual([]);
  const broken = { A: steady(-1, 12), B: steady(0, 12), C: steady(Number.POSITIVE_INFINITY, 12) };
  expect(compute(panelOf(broken))).toEqual([]);
});
