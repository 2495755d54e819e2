/**
 * The market's rows without a network: the simulated universe is the same on every machine and contains what it says
 * is planted; the recorded one loses no digit of its files; both are signed in batches that fit.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkRow, ed25519Signer, isDecimal, openEnvelope } from '@assay/core';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { COLUMNS, collectRows, DAY_MS, type MarketRecord, marketRow } from './market-rows.ts';
import { openMarketFeed } from './open-market-feed.ts';
import { recordProvider, splitAtMonths } from './record-provider.ts';
import { dailyFunding, openRecordedUniverse } from './recorded-universe.ts';
import { simulateUniverse } from './simulated-universe.ts';

const RECORDED = fileURLToPath(new URL('../../../../../shared/data/coinbase-daily', import.meta.url));
const universe = simulateUniverse({ seed: 20_240_101 });
const fail = (message: string): never => {
  throw new Error(message);
};
const day = (time: string) => Date.parse(`${time}T00:00:00Z`);
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'universe-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const closesOf = new Map<string, Map<string, Map<number, number>>>();

/** Close by day's start, of one asset on one stream. */
function closes(stream: string, asset: string): Map<number, number> {
  let assets = closesOf.get(stream);
  if (!assets) {
    assets = new Map();
    closesOf.set(stream, assets);
    for (const row of universe.rows(stream, universe.startMs, universe.endMs).rows) {
      const series = assets.get(row.asset!) ?? new Map<number, number>();
      assets.set(row.asset!, series.set(Date.parse(row.time), Number(row.close)));
    }
  }
  return assets.get(asset) ?? new Map();
}

test('every simulated row has the shape of its kind, in order, and any part can be asked for alone', () => {
  const fromMs = day('2023-05-20');
  const toMs = day('2023-06-10');
  for (const { name, kind } of universe.streams) {
    const { rows } = universe.rows(name, fromMs, toMs);
    expect(rows.length, name).toBeGreaterThan(50);
    const columns = [
      'time',
      ...COLUMNS[kind].texts,
      ...COLUMNS[kind].decimals,
      ...COLUMNS[kind].optional,
    ].sort();
    for (const row of rows) {
      checkRow(row, 'record/v1', name, fail);
      expect(Object.keys(row).sort(), name).toEqual(columns);
      for (const column of COLUMNS[kind].decimals)
        expect(isDecimal(row[column]), `${name} ${column}`).toBe(true);
    }
    const keys = rows.map((row) => `${row.time} ${row[COLUMNS[kind].key]}`);
    expect(keys, name).toEqual([...new Set(keys)].sort());
    const parts = [fromMs, fromMs + 5 * DAY_MS, toMs - 3 * DAY_MS].flatMap(
      (from, i, all) => universe.rows(name, from, all[i + 1] ?? toMs).rows,
    );
    expect(parts, name).toEqual(rows);
  }
});

test('the same seed gives the same bytes, another seed others', () => {
  const digest = (seed: number) => {
    const made = simulateUniverse({ seed });
    const hash = createHash('sha256');
    for (const { name } of made.streams)
      hash.update(JSON.stringify(made.rows(name, day('2023-11-01'), day('2023-11-05')).rows));
    return hash.digest('hex');
  };
  expect(digest(7)).toBe(digest(7));
  expect(digest(7)).not.toBe(digest(8));
});

test('the tickers are invented, but for the four that everybody expects', () => {
  expect(universe.assets.length).toBeGreaterThanOrEqual(118);
  const tickers = universe.assets.map(({ asset }) => asset);
  expect(tickers.filter((ticker) => !ticker.endsWith('SIM'))).toEqual(['BTC', 'ETH', 'USDT', 'USDC']);
  for (const { name } of universe.assets) expect(name).toMatch(/simulated/i);
});

test('what is planted is there: compared with the other venues, which do not have it', () => {
  const of = (kind: string) => universe.planted.filter((planted) => planted.kind === kind);
  const ratio = (stream: string, asset: string, ms: number) => {
    const others = universe.streams.filter(({ kind, name }) => kind === 'bars' && name !== stream);
    const honest = others
      .map(({ name }) => closes(name, asset).get(ms))
      .filter((close) => close !== undefined);
    return (closes(stream, asset).get(ms) ?? Number.NaN) / honest[0]!;
  };
  for (const { stream, asset, fromMs, toMs } of [...of('spike'), ...of('lying').slice(0, 2)]) {
    expect(ratio(stream!, asset, fromMs), asset).toBeGreaterThan(1.05);
    expect(ratio(stream!, asset, fromMs - DAY_MS), asset).toBeCloseTo(1, 2);
    expect(ratio(stream!, asset, toMs), asset).toBeCloseTo(1, 2);
  }
  for (const { stream, asset, fromMs, toMs } of of('stale')) {
    const series = closes(stream!, asset);
    for (let ms = fromMs; ms < toMs; ms += DAY_MS) expect(series.get(ms)).toBe(series.get(fromMs - DAY_MS));
    expect(series.get(toMs)).not.toBe(series.get(fromMs - DAY_MS));
  }
  for (const { asset, fromMs, toMs } of of('dead')) {
    const series = closes('simulated-a.bars.1d', asset);
    expect(series.get(toMs - DAY_MS)! / series.get(fromMs - DAY_MS)!, asset).toBeLessThan(0.1);
    expect(series.has(toMs), asset).toBe(false);
  }
  expect(of('dead')).toHaveLength(8);
  const [relaunched] = of('relaunched');
  const lives = closes('simulated-a.bars.1d', relaunched!.asset);
  expect(lives.has(relaunched!.toMs - DAY_MS)).toBe(false);
  expect(lives.has(relaunched!.toMs)).toBe(true);
  const [redenominated] = of('redenominated');
  const units = closes('simulated-b.bars.1d', redenominated!.asset);
  expect(units.get(redenominated!.fromMs)! / units.get(redenominated!.fromMs - DAY_MS)!).toBeGreaterThan(500);
  const [depeg] = of('depeg');
  const peg = closes('simulated-a.bars.1d', depeg!.asset);
  expect(peg.get(depeg!.fromMs)).toBeLessThan(0.92);
  expect(peg.get(depeg!.toMs)).toBeGreaterThan(0.99);
  const [wash] = of('wash-volume');
  const volumes = universe
    .rows(wash!.stream!, wash!.fromMs - DAY_MS, wash!.fromMs + DAY_MS)
    .rows.filter((row) => row.asset === wash!.asset);
  expect(Number(volumes[1]!.volume) / Number(volumes[0]!.volume)).toBeGreaterThan(10);
  const [garbled] = of('malformed');
  const { rows, malformed } = universe.rows(garbled!.stream!, garbled!.fromMs, garbled!.toMs);
  expect(rows.some((row) => row.asset === garbled!.asset)).toBe(false);
  expect(malformed[0]).toMatchObject({
    code: 'ROW_MALFORMED',
    message: expect.stringContaining('expected a number for close, got "NaN"'),
  });
});

test('news says a little of what comes, not all: good and bad headlines differ in the next day’s mean', () => {
  const good: number[] = [];
  const bad: number[] = [];
  const series = new Map(universe.assets.map(({ asset }) => [asset, closes('simulated-a.bars.1d', asset)]));
  for (const row of universe.rows('simulated-wire.articles', universe.startMs, universe.endMs - DAY_MS)
    .rows) {
    const at = Math.floor(Date.parse(row.time) / DAY_MS) * DAY_MS;
    const of = series.get(row.assets!);
    const next = (of?.get(at + DAY_MS) ?? Number.NaN) / (of?.get(at) ?? Number.NaN) - 1;
    if (!Number.isFinite(next) || Math.abs(next) > 1) continue;
    if (/wins|live|record|praise|rallies/.test(row.title!)) good.push(next);
    if (/halts|investigation|plunges|Outage|Lawsuit/.test(row.title!)) bad.push(next);
  }
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  expect(mean(good) - mean(bad)).toBeGreaterThan(0.005);
  expect(good.filter((move) => move < 0).length / good.length).toBeGreaterThan(0.2);
});

test('the feed is chosen as asked, says what it is, and knows its streams', async () => {
  const feed = await openMarketFeed({ choice: 'simulated', historyDays: 90, nowMs: () => 0 });
  expect(feed.describe).toMatch(/^SIMULATED market of 120 tokens.*no price is real/);
  expect(feed.range()).toEqual({ fromMs: day('2023-10-03'), toMs: day('2024-01-01') });
  await expect(feed.fetch('nobody.bars.1d', 0, 1)).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' });
  await expect(openMarketFeed({ choice: 'replay', nowMs: () => 0 })).rejects.toMatchObject({
    code: 'ARGUMENT_INVALID',
  });
  await expect(openMarketFeed({ choice: 'simulated', historyDays: 0, nowMs: () => 0 })).rejects.toMatchObject(
    { code: 'ARGUMENT_INVALID' },
  );
});

test.skipIf(!existsSync(RECORDED))(
  'every recorded bar and snapshot reads back as the very float of its file (skipped without the recording)',
  async () => {
    const feed = await openMarketFeed({ choice: 'replay', replayFolder: RECORDED, nowMs: () => 0 });
    expect(
      feed.streams
        .slice(0, 2)
        .map(({ name }) => name)
        .sort(),
    ).toEqual(['coinbase.bars.1d', 'snapshot.market-caps']);
    const { fromMs, toMs } = feed.range();
    const { rows } = await feed.fetch('coinbase.bars.1d', fromMs, toMs);
    const caps = await feed.fetch('snapshot.market-caps', fromMs, toMs);
    await feed.close();
    const connection = await (await DuckDBInstance.create(':memory:')).connect();
    const read = async (sql: string) => (await connection.runAndReadAll(sql)).getRows() as number[][];
    const floats = await read(
      `SELECT open, high, low, close, volume FROM '${RECORDED}/ohlcv-2020-2023.parquet' ORDER BY date, base`,
    );
    expect(rows.map((row) => [row.open, row.high, row.low, row.close, row.volume].map(Number))).toEqual(
      floats,
    );
    const [[count] = []] = await read(
      `SELECT count(*)::DOUBLE FROM '${RECORDED}/market-cap-monthly-2020-2023.parquet'`,
    );
    connection.closeSync();
    expect(caps.rows).toHaveLength(count!);
    expect(caps.malformed).toEqual([]);
    const march = caps.rows.filter((row) => row.time === '2023-03-01T00:00:00Z' && row.symbol === 'BNX');
    expect(march.map((row) => row.asset)).toEqual(['BNX', 'BNX:binaryx']);
  },
);

test('a bad recording is named with its file', async () => {
  const write = async (name: string, sql: string) => {
    const at = join(folder, name);
    mkdirSync(at);
    const connection = await (await DuckDBInstance.create(':memory:')).connect();
    await connection.run(`COPY (${sql}) TO '${at.replaceAll("'", "''")}/days.parquet' (FORMAT parquet)`);
    connection.closeSync();
    return at;
  };
  const bars = `DATE '2023-01-02' AS date, 'A' AS base, 1.5 AS open, 2.0 AS high, 1.0 AS low, 1.7 AS close, 3.25 AS volume`;
  await expect(openRecordedUniverse(join(folder, 'none'))).rejects.toMatchObject({
    code: 'RECORDING_NOT_FOUND',
  });
  await expect(openRecordedUniverse(folder)).rejects.toMatchObject({ code: 'RECORDING_NOT_FOUND' });
  await expect(openRecordedUniverse(await write('other', 'SELECT 1 AS a'))).rejects.toMatchObject({
    code: 'RECORDING_INVALID',
    message: expect.stringMatching(/other\/days.parquet: expected the columns date, base.*got a$/),
  });
  await expect(
    openRecordedUniverse(await write('empty', `SELECT ${bars} WHERE false`)),
  ).rejects.toMatchObject({
    code: 'RECORDING_INVALID',
    message: expect.stringContaining('there are no rows'),
  });
  const garbled = join(folder, 'garbled');
  mkdirSync(garbled);
  writeFileSync(join(garbled, 'days.parquet'), 'PAR1 and nothing else');
  await expect(openRecordedUniverse(garbled)).rejects.toMatchObject({
    code: 'RECORDING_INVALID',
    message: expect.stringContaining('not a readable Parquet file'),
  });
  const at = await write(
    "it's-daily",
    `SELECT ${bars}, 'A/USD' AS symbol UNION ALL SELECT ${bars}, 'A/EUR' UNION ALL SELECT ${bars}, 'A/USD'
     UNION ALL SELECT DATE '2023-01-03', 'A', 1, 2, 1, 'NaN'::DOUBLE, 3, 'A/USD'`,
  );
  const opened = await openRecordedUniverse(at);
  const { rows, malformed } = await opened.rows(opened.streams[0]!.name, 0, day('2024-01-01'));
  opened.close();
  expect(rows).toEqual([
    {
      time: '2023-01-02T00:00:00Z',
      asset: 'A',
      open: '1.5',
      high: '2',
      low: '1',
      close: '1.7',
      volume: '3.25',
    },
  ]);
  expect(malformed.map(({ message }) => message)).toEqual([
    expect.stringContaining('2023-01-03T00:00:00Z, A: expected a number for close, got null'),
    expect.stringContaining('expected one row for A, got two'),
  ]);
});

test('funding is summed exactly over whole days, and half a day is not taken for one', () => {
  const pay = (time: string, rate: string) => ({ timeMs: Date.parse(time), asset: 'BTC', rate });
  const { rows, malformed } = dailyFunding('x.funding.1d', [
    pay('2023-01-01T00:00:00.004Z', '0.0001'),
    pay('2023-01-01T08:00:00Z', '-0.000300000000000000001'),
    pay('2023-01-01T08:00:00.002Z', '-0.000300000000000000001'),
    pay('2023-01-01T16:00:00Z', '1e-7'),
    pay('2023-01-02T00:00:00Z', '0.0001'),
    pay('2023-01-02T08:00:00Z', '0.0001'),
  ]);
  expect(rows).toEqual([
    { time: '2023-01-01T00:00:00Z', asset: 'BTC', rate: '-0.000199900000000000001', openInterestUsd: null },
  ]);
  expect(malformed[0]?.message).toContain('2023-01-02, BTC: expected 3 payments of funding, got 2');
});

test('rows of the wrong shape are named; what is only implausible is for the checks', () => {
  const bar = { asset: 'A', open: '1', high: '1', low: '1', close: '1', volume: '0' };
  expect(marketRow('s', 'bars', 0, { ...bar, close: '-1', open: 1e21 })).toMatchObject({
    close: '-1',
    open: '1000000000000000000000',
  });
  for (const wrong of [
    { close: '' },
    { close: Number.NaN },
    { close: '1e-200' },
    { close: '0x10' },
    { asset: '' },
    { asset: 7 },
    { volume: null },
  ])
    expect(() => marketRow('s', 'bars', 0, { ...bar, ...wrong }), JSON.stringify(wrong)).toThrow(
      /^s at 1970-01-01T00:00:00Z/,
    );
  expect(() => marketRow('s', 'bars', Number.NaN, bar)).toThrow(/expected milliseconds since 1970 for time/);
  expect(
    collectRows('s', 'bars', [
      { timeMs: 0, values: bar },
      { timeMs: 0, values: bar },
    ]).malformed,
  ).toHaveLength(1);
});

test('batches end with months, fit, cover all rows once, and say where days are missing', () => {
  const fromMs = day('2023-01-10');
  const toMs = day('2023-04-03');
  const { rows } = universe.rows('simulated-c.bars.1d', fromMs, toMs);
  const kept = rows.filter(({ time }) => time < '2023-02-03' || time >= '2023-02-05');
  const batches = splitAtMonths(kept, fromMs, toMs);
  expect(batches.map(({ period }) => [period.from.slice(0, 10), period.to.slice(0, 10)])).toEqual([
    ['2023-01-10', '2023-02-01'],
    ['2023-02-01', '2023-03-01'],
    ['2023-03-01', '2023-04-01'],
    ['2023-04-01', '2023-04-03'],
  ]);
  expect(batches.map(({ gaps }) => gaps)).toEqual([
    [],
    [{ from: '2023-02-03T00:00:00Z', to: '2023-02-05T00:00:00Z' }],
    [],
    [],
  ]);
  const small = splitAtMonths(kept, fromMs, toMs, 60_000);
  expect(small.length).toBeGreaterThan(8);
  for (const { rows: part, period } of small) {
    expect(part.map((row) => JSON.stringify(row)).join('\n').length).toBeLessThan(60_000);
    expect(part.every(({ time }) => time >= period.from && time < period.to)).toBe(true);
  }
  expect(small.flatMap((batch) => batch.rows)).toEqual(kept);
  expect(() => splitAtMonths(kept, fromMs, toMs, 5_000)).toThrow(/expected at most 5000 bytes of rows at/);
  expect(() => splitAtMonths(kept.toReversed(), fromMs, toMs)).toThrow(/out of place/);
  expect(splitAtMonths([], fromMs, toMs)).toEqual([]);
});

test('a signed batch opens again, commits to its rows, and says that it is simulated', async () => {
  const signer = await ed25519Signer(new Uint8Array(32).fill(5));
  const provider = recordProvider({ signer, adapter: 'test/1', mode: 'simulated' });
  const place = { observedAt: '2024-01-01T00:00:00Z', sequence: 1, previous: null };
  for (const stream of universe.streams) {
    const [fromMs, toMs] = [day('2023-12-01'), day('2024-01-01')];
    const [batch] = splitAtMonths(
      universe.rows(stream.name, fromMs, toMs).rows as MarketRecord[],
      fromMs,
      toMs,
    );
    const { opened, payload } = await provider.observe({ stream, ...batch!, ...place });
    expect(await openEnvelope(opened.entry)).toEqual(opened);
    expect(opened.statement.predicate.rows).toMatchObject({
      count: batch!.rows.length,
      bytes: payload.length,
      schema: 'record/v1',
    });
    expect(opened.statement.predicate.source).toMatchObject({
      mode: 'simulated',
      venue: stream.venue,
      instrument: stream.kind,
      interval: /\.1d$/.test(stream.name) ? '1d' : 'irregular',
    });
  }
});
