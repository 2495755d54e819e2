/** Rules over batches of a stream: each expectation's meaning, batches among others, and agreement with a plain re-reading in TypeScript. */
import type { Candle, Finding, Row } from '@assay/core';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadContracts } from './contract-files.ts';
import { type CheckedBatch, historyAfter, NO_HISTORY, openRuleEngine, type RuleEngine } from './rules.ts';

const contracts = loadContracts();
let engine: RuleEngine;
beforeAll(async () => {
  engine = await openRuleEngine();
});
afterAll(() => engine.close());

const T0 = Date.UTC(2023, 2, 10);
const at = (minute: number) => `${new Date(T0 + minute * 60_000).toISOString().slice(0, 19)}Z`;
const candle = (minute: number, change: Partial<Candle> = {}): Candle => ({
  time: at(minute),
  open: '1',
  high: '1.0001',
  low: '0.9999',
  close: '1',
  volume: '5',
  ...change,
});
const batch = (rows: readonly Row[], change: Partial<CheckedBatch> = {}): CheckedBatch => ({
  id: 'a',
  contract: contracts.get('kraken.USDC-USD.1m')!,
  rows,
  history: NO_HISTORY,
  ...change,
});
const check = async (rows: readonly Row[], change: Partial<CheckedBatch> = {}) =>
  (await engine.evaluate([batch(rows, change)])).get('a')!;
const failing = (findings: readonly Finding[]) =>
  findings.filter(({ status }) => status === 'fail').map(({ check, column, rows }) => [check, column, rows]);

test('good rows pass everything that the contract states', async () => {
  const findings = await check([candle(0), candle(1), candle(5)], {
    observed: { observedAt: at(61), period: { from: at(0), to: at(60) } },
  });
  expect(findings.map(({ status }) => status)).toEqual(findings.map(() => 'pass'));
  expect(findings.every(({ score }) => score === '1')).toBe(true);
});

test.each<[string, Candle[], [string, string, [number, number][]][]]>([
  [
    'a price of zero',
    [candle(0, { low: '0' })],
    [
      ['expect_column_values_to_be_between', 'low', [[0, 0]]],
      ['expect_column_values_to_be_between', 'low', [[0, 0]]],
    ],
  ],
  [
    'a negative volume',
    [candle(0, { volume: '-1' })],
    [['expect_column_values_to_be_between', 'volume', [[0, 0]]]],
  ],
  [
    'high below low',
    [candle(0), candle(1, { high: '0.9998', open: '0.9998', close: '0.9998' })],
    [
      ['expect_column_pair_values_a_to_be_greater_than_b', 'high,low', [[1, 1]]],
      ['expect_column_pair_values_a_to_be_greater_than_b', 'open,low', [[1, 1]]],
      ['expect_column_pair_values_a_to_be_greater_than_b', 'close,low', [[1, 1]]],
    ],
  ],
  [
    'open above high',
    [candle(0, { open: '1.0002' })],
    [['expect_column_pair_values_a_to_be_greater_than_b', 'high,open', [[0, 0]]]],
  ],
  [
    'a repeated minute',
    [candle(0), candle(0), candle(1)],
    [['expect_column_values_to_be_increasing', 'time', [[1, 1]]]],
  ],
  ['a gap', [candle(0), candle(21), candle(22)], [['expect_column_steps_to_be_at_most', 'time', [[1, 1]]]]],
  [
    'a carried price for too long',
    [candle(0), ...Array.from({ length: 22 }, (_, i) => candle(i + 1, { volume: '0' }))],
    [['expect_column_to_be_positive_within', 'volume', [[21, 22]]]],
  ],
  [
    'a lost peg',
    [
      candle(0),
      candle(1, { low: '0.9', close: '0.9899' }),
      candle(2, { low: '0.9', close: '0.95' }),
      candle(3, { close: '0.9899', low: '0.9' }),
    ],
    [['expect_column_values_to_be_between', 'close', [[1, 3]]]],
  ],
])('%s fails its own rule', async (_, rows, expected) => {
  expect(failing(await check(rows))).toEqual(expected);
});

test('limits are compared exactly, eighteen digits deep', async () => {
  const close = (value: string) => check([candle(0, { close: value, low: '0.9' })]);
  expect(failing(await close('0.99'))).toEqual([]);
  expect(failing(await close('0.989999999999999999'))).toHaveLength(1);
});

test('what is not of its type, null, missing or strange is rejected by name; the other rules skip it', async () => {
  const rows: Row[] = [
    candle(0),
    { ...candle(1), close: null },
    { ...candle(2), close: 1 },
    { ...candle(3), close: '1e3', high: '01' },
    { time: at(4), open: '1', high: '1', low: '1', close: '1' },
    { ...candle(5), time: '2023-02-30T00:00:00Z' },
    { ...candle(6), comment: "'; DROP TABLE checked_rows; --", close: "'; DROP TABLE checked_rows; --" },
  ];
  const findings = await check(rows);
  expect(failing(findings)).toEqual([
    ['expect_column_values_to_be_of_type', 'time', [[5, 5]]],
    ['expect_column_values_to_be_of_type', 'high', [[3, 3]]],
    ['expect_column_values_to_not_be_null', 'close', [[1, 1]]],
    [
      'expect_column_values_to_be_of_type',
      'close',
      [
        [2, 3],
        [6, 6],
      ],
    ],
    ['expect_column_values_to_not_be_null', 'volume', [[4, 4]]],
    ['expect_table_columns_to_match_set', undefined, [[6, 6]]],
  ]);
  expect(findings.some(({ check }) => check === 'schema')).toBe(false);
});

test('a batch continues the stream: order, gaps and trades are judged across the boundary', async () => {
  const history = historyAfter(NO_HISTORY, [candle(0), candle(9, { volume: '0' })]);
  expect(history).toEqual({ lastTime: at(9), lastTradeTime: at(0) });
  expect(failing(await check([candle(9), candle(10)], { history }))).toEqual([
    ['expect_column_values_to_be_increasing', 'time', [[0, 0]]],
  ]);
  expect(failing(await check([candle(21, { volume: '0' })], { history }))).toEqual([
    ['expect_column_to_be_positive_within', 'volume', [[0, 0]]],
  ]);
  const gap = (await check([candle(60), candle(61)], { history })).find(({ rows }) => rows !== undefined);
  expect(gap).toMatchObject({
    reason: 'time has no gap over 1200 s: not in 1 of 2 rows; first 3060 s before 2023-03-10T01:00:00Z',
    // 1860 s of the 3120 s since the last row are missing.
    score: '0.403846',
  });
});

test('a reason says what was promised, what was seen and where', async () => {
  const findings = await check([
    candle(0),
    candle(1, { low: '0.874', close: '0.8741' }),
    candle(2, { low: '0.9', close: '0.95' }),
  ]);
  expect(findings.find(({ status }) => status === 'fail')?.reason).toBe(
    'close is at least 0.99 and at most 1.01: not in 2 of 3 rows; 0.8741 to 0.95, first at 2023-03-10T00:01:00Z',
  );
});

test('freshness: late is a failure, an unknown time of observation is unknown', async () => {
  const freshness = async (observed?: CheckedBatch['observed']) =>
    (await check([candle(0)], observed ? { observed } : {})).find(({ check }) => check === 'freshness');
  const period = { from: at(0), to: at(60) };
  expect(await freshness()).toMatchObject({ status: 'unknown' });
  expect(await freshness({ observedAt: at(120), period })).toMatchObject({ status: 'pass', score: '1' });
  expect(await freshness({ observedAt: at(180), period })).toMatchObject({ status: 'fail', score: '0.5' });
});

test('batches of several contracts are judged together as they are alone', async () => {
  const streams = [...contracts.values()];
  const batches = streams.flatMap((contract, s) =>
    Array.from(
      { length: 5 },
      (_, hour): CheckedBatch => ({
        id: `${contract.name}/${hour}`,
        contract,
        history: hour === 0 ? NO_HISTORY : { lastTime: at(hour * 60 - 1), lastTradeTime: at(hour * 60 - 1) },
        rows: Array.from({ length: 60 }, (_, i) => {
          const price = contract.name.includes('BTC') ? '20000' : (s + i) % 7 === 0 ? '0.98' : '1';
          return candle(hour * 60 + i, { open: price, high: price, low: price, close: price });
        }),
      }),
    ),
  );
  const together = await engine.evaluate(batches);
  expect([...together.keys()].sort()).toEqual(batches.map(({ id }) => id).sort());
  for (const one of batches.slice(0, 12)) {
    expect((await engine.evaluate([one])).get(one.id)).toEqual(together.get(one.id));
  }
  // Calls that overlap take turns on the shared tables.
  const [first, second] = await Promise.all([
    engine.evaluate(batches.slice(0, 3)),
    engine.evaluate(batches.slice(3)),
  ]);
  expect(new Map([...first, ...second])).toEqual(together);
});

test('property: the rows that fail are those that a plain reading fails', async () => {
  const price = fc
    .integer({ min: -3, max: 12 })
    .map((n) => (n === 0 ? '0' : n % 10 === 0 ? String(n / 10) : (n / 10).toString()));
  const row = fc.record({
    open: price,
    high: price,
    low: price,
    close: price,
    volume: price,
    step: fc.integer({ min: -1, max: 30 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 40 }), async (drawn) => {
      const rows: Candle[] = [];
      for (const { step, ...values } of drawn) {
        const minute = rows.length === 0 ? 100 : (Date.parse(rows.at(-1)!.time) - T0) / 60_000;
        rows.push(candle(minute + step, values));
      }
      const found = new Map(
        (await check(rows))
          .filter(({ severity, column }) => severity === 'reject' || column === 'time')
          .map((f) => [`${f.check}/${f.column}/${f.reason.split(':')[0]}`, indices(f)]),
      );
      const n = (text: string) => Number(text);
      const where = (test: (row: Candle, before: Candle | undefined) => boolean) =>
        rows.flatMap((candle, i) => (test(candle, rows[i - 1]) ? [i] : []));
      expect(found.get('expect_column_values_to_be_between/low/low is above 0')).toEqual(
        where(({ low }) => n(low) <= 0),
      );
      expect(found.get('expect_column_values_to_be_between/volume/volume is at least 0')).toEqual(
        where(({ volume }) => n(volume) < 0),
      );
      expect(
        found.get('expect_column_pair_values_a_to_be_greater_than_b/high,close/high is at least close'),
      ).toEqual(where(({ high, close }) => n(high) < n(close)));
      expect(found.get('expect_column_values_to_be_increasing/time/time increases')).toEqual(
        where(({ time }, before) => before !== undefined && time <= before.time),
      );
      expect(found.get('expect_column_steps_to_be_at_most/time/time has no gap over 1200 s')).toEqual(
        where(
          ({ time }, before) =>
            before !== undefined && Date.parse(time) - Date.parse(before.time) > 1_200_000,
        ),
      );
    }),
    { numRuns: 40 },
  );
});

function indices({ rows = [] }: Finding): number[] {
  return rows.flatMap(([from, to]) => Array.from({ length: to - from + 1 }, (_, i) => from + i));
}
