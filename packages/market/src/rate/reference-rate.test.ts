/** The reference rate: hand-computed examples of the published method, then what must hold for any market. */
import type { Candle } from '@assay/core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { assessRates } from './rate-checks.ts';
import { BTC_USD, type RateInput, type RateParameters, referenceRates } from './reference-rate.ts';
import { twiceWeightedMedian } from './volume-weighted-median.ts';

const T0 = Date.UTC(2023, 2, 11, 7);
const time = (minute: number) => `${new Date(T0 + minute * 60_000).toISOString().slice(0, 19)}Z`;
const candle = (minute: number, price: string, volume: string): Candle => ({
  time: time(minute),
  open: price,
  high: price,
  low: price,
  close: price,
  volume,
});
const input = (stream: string, rows: Candle[], flagged: [number, number][] = []): RateInput => ({
  stream,
  rows,
  flagged,
  rejected: [],
});
const parameters: RateParameters = {
  ...BTC_USD,
  constituents: ['a', 'b', 'c'].map((stream) => ({ stream })),
  conversions: {},
};
const rates = (inputs: RateInput[], intervalMinutes = 1, minutes = intervalMinutes, under = parameters) =>
  referenceRates({
    period: { fromMs: T0, toMs: T0 + minutes * 60_000 },
    intervalMinutes,
    parameters: under,
    inputs,
  });

test('volume-weighted median: half of the volume decides, a tie takes the mean', () => {
  const median = (...trades: [number, number][]) =>
    twiceWeightedMedian(trades.map(([price, weight]) => ({ price: BigInt(price), weight: BigInt(weight) })));
  expect(median([100, 1], [101, 1], [500, 1])).toBe(202n);
  expect(median([100, 3], [101, 1], [500, 1])).toBe(200n);
  expect(median([100, 1], [200, 1])).toBe(300n);
  expect(median([200, 2], [100, 1], [300, 1])).toBe(400n);
  expect(median([100, 0])).toBeNull();
  expect(median()).toBeNull();
});

test('one hour: each of twelve partitions has its median, and they count equally whatever their volume', () => {
  // Partition k trades at 20000 + k, the last with a thousand times the volume: the mean ignores that.
  const rows = Array.from({ length: 12 }, (_, k) =>
    candle(k * 5 + 2, String(20000 + k), k === 11 ? '1000' : '1'),
  );
  expect(rates([input('a', rows), input('b', rows)], 60)).toMatchObject([
    { time: time(0), rate: '20005.5', partitions: 12 },
  ]);
});

test('a partition without trades does not count, an interval without trades has no rate', () => {
  expect(rates([input('a', [candle(2, '20000', '1'), candle(31, '20010', '5')])], 60)).toMatchObject([
    { rate: '20005', partitions: 2 },
  ]);
  expect(rates([input('a', [candle(0, '20000', '0')])])).toEqual([]);
  expect(rates([input('a', [candle(1, '20000', '2')])], 1, 2)).toMatchObject([{ time: time(1) }]);
});

test('the typical price of a candle is used: (high + low + close) / 3', () => {
  const row = { time: time(0), open: '1', high: '20100', low: '19900', close: '20050', volume: '1' };
  expect(rates([input('a', [row])])).toMatchObject([{ rate: '20016.67' }]);
});

test('a venue that deviates, is flagged, cannot be converted or does not trade is left out and named', () => {
  const at = (price: string, volume = '1') => [candle(0, price, volume)];
  const [rate] = rates([input('a', at('20000')), input('b', at('20010')), input('c', at('22000', '500'))]);
  expect(rate).toMatchObject({ venues: [{ stream: 'a', price: '20000', volume: '1' }, { stream: 'b' }] });
  expect(rate!.excluded).toEqual([{ stream: 'c', reason: 'deviates', deviationBps: '994.5' }]);
  const flagged = rates([
    input('a', at('20000')),
    input('b', at('20010')),
    input('c', at('20005'), [[0, 0]]),
  ]);
  expect(flagged[0]!.excluded).toEqual([{ stream: 'c', reason: 'flagged' }]);
  const unconverted = {
    ...parameters,
    constituents: [{ stream: 'a' }, { stream: 'b', via: 'USDX' }, { stream: 'c' }],
    conversions: { USDX: ['x'] },
  };
  expect(rates([input('a', at('20000')), input('b', at('1'))], 1, 1, unconverted)[0]!.excluded).toEqual([
    { stream: 'b', reason: 'no-conversion' },
    { stream: 'c', reason: 'no-trades' },
  ]);
});

test('a stablecoin quote is converted at its own measured rate, also a flagged one, but not at an old one', () => {
  const under = {
    ...parameters,
    constituents: [{ stream: 'b', via: 'USDX' }],
    conversions: { USDX: ['x', 'y'] },
  };
  const bitcoin = input('b', [candle(6, '22000', '1')]);
  const quote = (stream: string, minute: number, price: string) =>
    input(stream, [candle(minute, price, '9')], [[0, 0]]);
  expect(rates([bitcoin, quote('x', 6, '0.9'), quote('y', 4, '0.92')], 1, 7, under)).toMatchObject([
    { rate: '20020' },
  ]);
  expect(rates([bitcoin, quote('x', 0, '0.9')], 1, 7, under)).toEqual([]);
});

const market = fc.array(
  fc.record({
    stream: fc.constantFrom('a', 'b', 'c'),
    minute: fc.nat(9),
    cents: fc.integer({ min: 1_990_000, max: 2_010_000 }),
    volume: fc.integer({ min: 1, max: 999 }),
  }),
  { minLength: 1, maxLength: 60 },
);
const inputsOf = (trades: { stream: string; minute: number; cents: number; volume: number }[], factor = 1) =>
  trades.map(({ stream, minute, cents, volume }) =>
    input(stream, [candle(minute, String((cents * factor) / 100), String(volume))]),
  );

test('the order of inputs does not matter, and the rate lies among the prices traded', () => {
  fc.assert(
    fc.property(market, fc.integer(), (trades, seed) => {
      const shuffled = [...trades].sort(
        (a, b) => ((a.cents * 31 + seed) % 97) - ((b.cents * 31 + seed) % 97),
      );
      const [rate] = rates(inputsOf(trades), 10);
      const [again] = rates(inputsOf(shuffled), 10);
      expect(again).toEqual(rate);
      const prices = trades.map(({ cents }) => cents / 100);
      expect(Number(rate!.rate)).toBeGreaterThanOrEqual(Math.min(...prices) - 0.01);
      expect(Number(rate!.rate)).toBeLessThanOrEqual(Math.max(...prices) + 0.01);
    }),
  );
});

test('twice the prices give twice the rate, and an excluded venue never moves it', () => {
  fc.assert(
    fc.property(market, fc.integer({ min: 1, max: 1e6 }), (trades, volume) => {
      const [single] = rates(inputsOf(trades), 10);
      const [double] = rates(inputsOf(trades, 2), 10);
      expect(Math.abs(Number(double!.rate) - 2 * Number(single!.rate))).toBeLessThanOrEqual(0.015);
      const two = trades.filter(({ stream }) => stream !== 'c');
      fc.pre(new Set(two.map(({ stream }) => stream)).size === 2);
      const liar = input('c', [candle(0, '99999', String(volume))]);
      expect(rates([...inputsOf(two), liar], 10)[0]!.rate).toBe(rates(inputsOf(two), 10)[0]!.rate);
    }),
  );
});

test('the assessment flags what one venue alone says', () => {
  const agreed = rates(
    [input('a', [candle(0, '20000', '1'), candle(1, '20001', '1')]), input('b', [candle(0, '20001', '1')])],
    1,
    2,
  );
  expect(assessRates(agreed, 2, parameters)).toMatchObject({
    decision: 'flag',
    level: 'L1',
    rows: { flagged: [[1, 1]] },
  });
  expect(assessRates(agreed.slice(0, 1), 1, parameters)).toMatchObject({ decision: 'accept', level: 'L3' });
});
