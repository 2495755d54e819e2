/**
 * Hours as a node takes them, one after the other: together they say what a look at all minutes at once says, a depeg
 * keeps its onset for as long as it lasts, nothing after an hour's end changes its row, what was rejected is not believed,
 * and with one venue nothing is claimed.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Candle, checkRow } from '@assay/core';
import { DuckDBInstance } from '@duckdb/node-api';
import { expect, test } from 'vitest';
import { crossCandles, crossVerifyMinutes } from './minute.ts';
import { HOUR_PARAMETERS, type HourInput, type MinuteRow, verifyHour } from './minute-hour.ts';

const T0 = Date.parse('2024-01-01T00:00:00Z');
const HOUR_MS = 3_600_000;
const at = (minute: number) => `${new Date(T0 + minute * 60_000).toISOString().slice(0, 19)}Z`;

/** A small generator, so that a feed is the same in every run. */
function noise(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32 - 0.5;
  };
}

const HOURS = 40;
const bitcoin = (() => {
  const draw = noise(3);
  let price = 20_000;
  return Array.from({ length: HOURS * 60 }, () => {
    price *= 1 + draw() / 1_000;
    return price;
  });
})();

const STREAMS = [
  ...new Set(
    HOUR_PARAMETERS.assets.flatMap(({ feeds }) =>
      feeds.flatMap(({ stream, times, over }) => [stream, times, over]),
    ),
  ),
].filter((stream) => stream !== undefined);

/** What a coin was worth; both are a dollar unless the test says otherwise. */
type Worth = (coin: string, minute: number) => number;
type Change = (candle: Candle, minute: number, stream: string) => Candle | null;

/** A market in which every venue agrees, but for what is changed. */
function market(worth: Worth = () => 1, change: Change = (candle) => candle): HourInput[] {
  return STREAMS.map((stream) => {
    const draw = noise(stream.length * 7 + stream.charCodeAt(0));
    const [, base = '', quote = ''] = /\.(\w+)-(\w+)\./.exec(stream) ?? [];
    const dollars = (coin: string, m: number) =>
      coin === 'USD' ? 1 : coin === 'BTC' ? bitcoin[m]! : worth(coin, m);
    const rows = bitcoin.flatMap((_, m) => {
      const close = (dollars(base, m) / dollars(quote, m)) * (1 + draw() / 10_000);
      const text = (value: number) => String(Math.round(value * 1e8) / 1e8);
      const candle = change(
        {
          ...{ time: at(m), open: text(close), high: text(close * 1.0001), low: text(close * 0.9999) },
          ...{ close: text(close), volume: text(1 + draw()) },
        },
        m,
        stream,
      );
      return candle ? [candle] : [];
    });
    return { stream, rows, flagged: [], rejected: [] };
  });
}

/** Hour by hour, as a node does it: each hour is given its candles, some before it, and its own earlier rows. */
function hourByHour(inputs: readonly HourInput[], hours = HOURS): MinuteRow[] {
  const rows: MinuteRow[] = [];
  for (let hour = 0; hour < hours; hour++)
    rows.push(...verifyHour({ fromMs: T0 + hour * HOUR_MS, inputs: near(inputs, hour), before: rows }));
  return rows;
}
/** Candles from three hours before an hour on; ranges are by place, so that inputs with some are left whole. */
function near(inputs: readonly HourInput[], hour: number): HourInput[] {
  const [from, to] = [at(hour * 60 - 180), at(hour * 60 + 600)];
  return inputs.map((input) =>
    input.flagged.length + input.rejected.length > 0
      ? input
      : { ...input, rows: input.rows.filter(({ time }) => time >= from && time < to) },
  );
}
const of = (rows: readonly MinuteRow[], asset: string) => rows.filter((row) => row.asset === asset);
const flat = (price: number): Partial<Candle> => {
  const text = String(price);
  return { open: text, high: text, low: text, close: text };
};

test('venues that agree pass every hour, and each row is a figure that can be signed', () => {
  const rows = hourByHour(market(), 6);
  expect(rows).toHaveLength(18);
  for (const row of rows) {
    expect(row, row.asset).toMatchObject({ status: 'pass', findings: [], minutes: '60', compared: '60' });
    checkRow(row, 'figure/v1', 'row', (message) => {
      throw new Error(message);
    });
  }
  expect(of(rows, 'BTC')[0]!.venues).toEqual(['binance', 'coinbase', 'kraken']);
  expect(of(rows, 'USDC')[0]!.venues).toEqual(['binance', 'kraken']);
  expect(Math.abs(Number(of(rows, 'BTC')[5]!.price) / bitcoin[359]! - 1)).toBeLessThan(1e-4);
});

test('a depeg keeps its onset, its worst and when it was known for as long as it lasts, and its end is told', () => {
  // Off from 10:30 for twelve hours, four times as long as the candles before an hour reach.
  const [begin, end] = [630, 630 + 720];
  const rows = of(
    hourByHour(market((coin, m) => (coin !== 'USDC' || m < begin || m >= end ? 1 : m === 700 ? 0.9 : 0.97))),
    'USDC',
  );
  const depegs = rows.flatMap((row) =>
    row.findings.filter(({ kind }) => kind === 'depeg').map((one) => ({ row, one })),
  );
  expect(depegs[0]!.row.time).toBe(at(600));
  for (const { row, one } of depegs) {
    expect([one.from, one.knownAt], row.time).toEqual([at(begin), at(begin + 4)]);
    if (row.time > at(660)) expect(Number(one.worstBps)).toBeCloseTo(-1_000, -1);
    if (row.time > at(660)) expect(one.text).toContain(`at worst, at ${at(700)}`);
  }
  const last = depegs.at(-1)!;
  expect(last.one).toMatchObject({ to: at(end - 1), over: at(end + 59) });
  expect(last.one.text).toContain(`within 50 bps again from ${at(end)}`);
  const failing = rows.filter(({ status }) => status === 'fail').map(({ time }) => time);
  expect([failing[0], failing.at(-1)]).toEqual([at(600), at(1320)]);
  expect(rows.filter(({ findings }) => findings.some(({ kind }) => kind === 'depeg'))).toHaveLength(14);
});

test('hours without a price are no recovery', () => {
  const gone: Change = (candle, m, stream) => (m >= 720 && m < 900 && /USDC/.test(stream) ? null : candle);
  const rows = of(
    hourByHour(
      market((coin, m) => (coin === 'USDC' && m >= 630 ? 0.97 : 1), gone),
      18,
    ),
    'USDC',
  );
  expect(rows[13]).toMatchObject({ status: 'unknown', minutes: '0', venues: [], price: null });
  expect(rows[13]!.findings).toMatchObject([{ kind: 'depeg', from: at(630), over: null }]);
  expect(rows[17]!.findings.find(({ kind }) => kind === 'depeg')).toMatchObject({
    from: at(630),
    over: null,
  });
});

test('a spike of the last minute waits for the hour in which the others could have followed it', () => {
  const spiking: Change = (candle, m, stream) =>
    m === 299 && stream === 'kraken.BTC-USD.1m'
      ? { ...candle, high: String(Number(candle.high) * 1.05) }
      : candle;
  const rows = of(hourByHour(market(undefined, spiking), 6), 'BTC');
  expect(rows[4]).toMatchObject({ status: 'pass', findings: [] });
  expect(rows[5]).toMatchObject({
    status: 'fail',
    findings: [{ kind: 'spike', from: at(299), knownAt: at(301) }],
  });
});

test('a feed that falls silent stays stale for longer than the candles reach back', () => {
  const silent: Change = (candle, m, stream) =>
    m >= 610 && stream === 'coinbase.BTC-USD.1m' ? null : candle;
  const rows = of(hourByHour(market(undefined, silent), 24), 'BTC');
  const stale = rows.filter(({ findings }) => findings.some(({ kind }) => kind === 'stale'));
  expect(stale.at(-1)!.time).toBe(at(23 * 60));
  const [one] = stale.at(-1)!.findings;
  expect(one).toMatchObject({
    kind: 'stale',
    stream: 'coinbase.BTC-USD.1m',
    from: at(609),
    to: at(24 * 60 - 1),
    over: null,
  });
});

test('volume is judged by the hours of the day before, which only earlier rows still tell', () => {
  const washing: Change = (candle, m, stream) =>
    m >= 1_800 && m < 1_860 && stream === 'coinbase.BTC-USD.1m'
      ? { ...candle, volume: String(Number(candle.volume) * 30) }
      : candle;
  const rows = of(hourByHour(market(undefined, washing)), 'BTC');
  const found = rows.filter(({ findings }) => findings.length > 0);
  expect(found.map(({ time }) => time)).toEqual([at(1_800)]);
  expect(found[0]!.findings).toMatchObject([{ kind: 'volume', stream: 'coinbase.BTC-USD.1m' }]);
});

test('nothing after an hour’s end changes its row, whatever it is', () => {
  const honest = hourByHour(market(), 8);
  const lying = market(undefined, (candle, m) =>
    m >= 480 ? { ...candle, ...flat(3 + (m % 7)), volume: '900' } : candle,
  );
  expect(hourByHour(lying, 8)).toEqual(honest);
});

test('flagged rows are evidence, rejected ones are not believed', () => {
  const lying: Change = (candle, m, stream) =>
    m >= 240 && m < 300 && stream === 'kraken.BTC-USD.1m'
      ? { ...candle, ...flat(bitcoin[m]! * 1.05) }
      : candle;
  const marked = (as: 'flagged' | 'rejected') =>
    market(undefined, lying).map((input) =>
      input.stream === 'kraken.BTC-USD.1m' ? { ...input, [as]: [[240, 299]] } : input,
    );
  const flagged = of(hourByHour(marked('flagged'), 5), 'BTC')[4]!;
  expect(flagged).toMatchObject({ status: 'fail', flagged: '60', rejected: '0' });
  expect(flagged.findings.some(({ stream }) => stream === 'kraken.BTC-USD.1m')).toBe(true);
  const rejected = of(hourByHour(marked('rejected'), 5), 'BTC')[4]!;
  expect(rejected).toMatchObject({ flagged: '0', rejected: '60' });
  expect(
    rejected.findings.filter(({ stream, kind }) => stream === 'kraken.BTC-USD.1m' && kind !== 'stale'),
  ).toEqual([]);
});

test('one venue alone proves nothing, and of an hour without any trade nothing is said', () => {
  const only = market((coin) => (coin === 'USDC' ? 0.9 : 1)).filter(({ stream }) =>
    stream.startsWith('kraken'),
  );
  const rows = hourByHour(only, 3);
  for (const row of rows) expect(row).toMatchObject({ status: 'unknown', venues: ['kraken'] });
  expect(verifyHour({ fromMs: T0 + HOURS * HOUR_MS, inputs: market(), before: [] })).toEqual([]);
  expect(verifyHour({ fromMs: T0, inputs: [], before: [] })).toEqual([]);
  expect(() => verifyHour({ fromMs: T0 + 60_000, inputs: [], before: [] })).toThrow(/whole hour/);
  const broken = market(undefined, (candle) => ({ ...candle, high: 'x', low: '-1' }));
  expect(verifyHour({ fromMs: T0, inputs: broken, before: [] })).toEqual([]);
});

const data = fileURLToPath(new URL('../../../../../shared/data/usdc-depeg-2023-03/', import.meta.url));
if (!existsSync(data))
  console.warn('the recording usdc-depeg-2023-03 is absent: hours are not held against it');
test.skipIf(!existsSync(data))(
  'March 2023: hour by hour the depeg has the onset and the end that all minutes at once give',
  async () => {
    const connection = await (await DuckDBInstance.create(':memory:')).connect();
    const load = async (stream: string) => {
      const [, venue, pair] = /^(\w+)\.(.*)\.1m$/.exec(stream)!;
      const file = `${data}${venue}_${pair!.replace('-', '').toLowerCase()}.parquet`;
      return (
        await connection.runAndReadAll(
          `select strftime(timestamp at time zone 'UTC', '%Y-%m-%dT%H:%M:00Z') as time, open::varchar as open, high::varchar as high, low::varchar as low, close::varchar as close, volume::varchar as volume from '${file}' where "timestamp" >= TIMESTAMPTZ '2023-03-10 12:00:00+00' and "timestamp" < TIMESTAMPTZ '2023-03-14 00:00:00+00' order by timestamp`,
        )
      ).getRowObjectsJson() as unknown as Candle[];
    };
    const inputs: HourInput[] = [];
    for (const stream of STREAMS)
      inputs.push({ stream, rows: await load(stream), flagged: [], rejected: [] });
    const rowsOf = (stream: string) => inputs.find((input) => input.stream === stream)!.rows;
    const usdc = HOUR_PARAMETERS.assets.find(({ asset }) => asset === 'USDC')!;
    const whole = crossVerifyMinutes({
      ...{ asset: 'USDC', stablecoin: true },
      feeds: usdc.feeds.map(({ stream, times, over }) => ({
        stream,
        rows: times
          ? crossCandles(rowsOf(stream), 'times', rowsOf(times))
          : over
            ? crossCandles(rowsOf(over), 'over', rowsOf(stream))
            : rowsOf(stream),
      })),
    }).findings.filter(({ kind }) => kind === 'depeg');
    const rows: MinuteRow[] = [];
    const start = Date.parse('2023-03-10T12:00:00Z');
    for (let hour = 0; hour < 84; hour++) {
      const fromMs = start + hour * HOUR_MS;
      const [from, to] = [new Date(fromMs - 3 * HOUR_MS), new Date(fromMs + HOUR_MS)].map((time) =>
        time.toISOString(),
      );
      const near = inputs.map((input) => ({
        ...input,
        rows: input.rows.filter(({ time }) => time >= from! && time < to!),
      }));
      rows.push(...verifyHour({ fromMs, inputs: near, before: rows }));
    }
    const depegs = of(rows, 'USDC').flatMap(({ findings }) =>
      findings.filter(({ kind }) => kind === 'depeg'),
    );
    const onsets = [...new Set(depegs.map(({ from }) => from))];
    expect(onsets).toEqual(whole.map(({ from }) => from));
    expect(onsets[0]).toMatch(/^2023-03-11T0/);
    expect(depegs.filter(({ over }) => over !== null).map(({ to, text }) => [to, text])).toEqual(
      whole.filter(({ over }) => over !== null).map(({ to, text }) => [to, text]),
    );
    expect(depegs.at(-1)!.over).toMatch(/^2023-03-13T/);
  },
  60_000,
);
