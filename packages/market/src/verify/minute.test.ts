/**
 * Minutes of several feeds: a planted stale, late, spiking and washing feed is found and named, feeds that agree are
 * left alone, the future changes nothing that was known, and in real data USDC's depeg of March 2023 is found with its
 * onset and recovery, and none before.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Candle } from '@assay/core';
import { DuckDBInstance } from '@duckdb/node-api';
import { expect, test } from 'vitest';
import { crossCandles, crossVerifyMinutes, type MinuteFeed } from './minute.ts';

const T0 = Date.UTC(2024, 0, 1);
const LENGTH = 2000;

/** A small generator, so that a planted feed is the same in every run. */
function noise(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32 - 0.5;
  };
}

const walk = (() => {
  const draw = noise(1);
  let price = 20_000;
  return Array.from({ length: LENGTH }, () => {
    price *= 1 + draw() / 500;
    return price;
  });
})();

type Change = (candle: Candle, m: number) => Candle | null;
const feed = (stream: string, change: Change = (candle) => candle, prices = walk): MinuteFeed => {
  const draw = noise(stream.length + stream.charCodeAt(0));
  return {
    stream,
    rows: prices.flatMap((price, m) => {
      const close = price * (1 + draw() / 10_000);
      const candle = change(
        {
          time: `${new Date(T0 + m * 60_000).toISOString().slice(0, 19)}Z`,
          open: String(close),
          high: String(close * 1.0001),
          low: String(close * 0.9999),
          close: String(close),
          volume: String(1 + draw()),
        },
        m,
      );
      return candle === null ? [] : [candle];
    }),
  };
};
const minute = (m: number) => `${new Date(T0 + m * 60_000).toISOString().slice(0, 19)}Z`;
const flat = (value: number): Partial<Candle> => ({
  open: String(value),
  high: String(value),
  low: String(value),
  close: String(value),
});
const verify = (feeds: MinuteFeed[]) => crossVerifyMinutes({ asset: 'BTC', feeds });
const good = [feed('a'), feed('b')];

test('feeds that agree: nothing is found', () => {
  expect(verify([...good, feed('c')])).toEqual({ findings: [], minutes: LENGTH });
});

test('a feed that repeats its price, and one that falls silent, are stale', () => {
  const stuck = feed('c', (candle, m) => (m >= 500 && m < 560 ? { ...candle, ...flat(walk[500]!) } : candle));
  const [first, ...more] = verify([...good, stuck]).findings.filter(({ kind }) => kind === 'stale');
  expect(more).toEqual([]);
  expect(first).toMatchObject({ stream: 'c', from: minute(500), to: minute(559) });
  expect(first!.text).toMatch(/^c repeats/);
  const silent = feed('c', (candle, m) => (m >= 500 && m < 600 ? null : candle));
  expect(verify([...good, silent]).findings).toMatchObject([
    { kind: 'stale', stream: 'c', text: /^c has no trade for/ },
  ]);
  // Candles without volume are quotes: repeating one makes no price fresh.
  const quoted = feed('c', (candle, m) =>
    m >= 500 && m < 600 ? { ...candle, ...flat(walk[499]!), volume: '0' } : candle,
  );
  expect(verify([...good, quoted]).findings).toMatchObject([{ kind: 'stale', stream: 'c' }]);
});

test('a feed that runs three minutes behind is late', () => {
  const behind = feed('c', undefined, [walk[0]!, walk[0]!, walk[0]!, ...walk.slice(0, -3)]);
  const late = verify([...good, behind]).findings.filter(({ kind }) => kind === 'late');
  expect(late).toHaveLength(1);
  expect(late[0]!.text).toMatch(/^c runs 3 minutes behind/);
});

test('a spike that the others do not follow is one; one that they follow is none', () => {
  const spiking = (stream: string, at: number) =>
    feed(stream, (candle, m) => (m === at ? { ...candle, high: String(walk[m]! * 1.05) } : candle));
  expect(verify([...good, spiking('c', 900)]).findings).toMatchObject([
    { kind: 'spike', stream: 'c', from: minute(900), knownAt: minute(902) },
  ]);
  expect(verify([feed('a'), spiking('b', 901), spiking('c', 900)]).findings).toEqual([]);
});

test('volume that moves nothing, and volume in round numbers, is not credible', () => {
  const washing = feed('c', (candle, m) =>
    m >= 1500 && m < 1560 ? { ...candle, volume: String(Number(candle.volume) * 30) } : candle,
  );
  expect(verify([...good, washing]).findings).toMatchObject([
    { kind: 'volume', stream: 'c', from: minute(1500), to: minute(1559) },
  ]);
  const round = feed('c', (candle, m) =>
    m >= 1500 && m < 1620 ? { ...candle, volume: String(0.5 + (m % 7) / 10) } : candle,
  );
  expect(verify([...good, round]).findings).toMatchObject([
    { kind: 'volume', from: minute(1500), to: minute(1619), text: /round volumes/ },
  ]);
});

test('what is known at a minute does not change when the future is a lie', () => {
  const odd =
    (cut: number): Change =>
    (candle, m) =>
      m >= cut
        ? { ...candle, ...flat(7 + (m % 5)), volume: '900' }
        : m === 400
          ? { ...candle, high: String(walk[m]! * 1.05) }
          : m >= 500 && m < 530
            ? { ...candle, ...flat(walk[500]! * 1.03) }
            : candle;
  const known = (cut: number) =>
    verify([...good, feed('c', odd(cut))])
      .findings.filter(({ knownAt, to }) => knownAt < minute(1400) && to < minute(1400))
      .map((finding) => JSON.stringify(finding));
  expect(known(1400)).toEqual(known(LENGTH));
  expect(known(LENGTH).length).toBeGreaterThan(1);
});

test('broken candles are no measurement; bounds are told', () => {
  const broken = feed('c', (candle, m) => (m % 3 === 0 ? { ...candle, high: '1', low: 'x' } : candle));
  expect(verify([...good, broken]).findings).toEqual([]);
  expect(verify([]).findings).toEqual([]);
  expect(() => verify(Array.from({ length: 33 }, (_, i) => feed(`f${i}`)))).toThrow(/at most 32 feeds/);
  const far = { ...good[0]!.rows[0]!, time: '2031-01-01T00:00:00Z' };
  expect(() => verify([good[0]!, { stream: 'x', rows: [far] }])).toThrow(/at most 200000 minutes/);
  expect(() => verify([{ stream: 'x', rows: [{ ...far, time: '2031-01-01T00:00:07Z' }] }])).toThrow(
    /whole minutes in x/,
  );
});

const data = fileURLToPath(new URL('../../../../../shared/data/usdc-depeg-2023-03/', import.meta.url));
test.skipIf(!existsSync(data))(
  'March 2023: USDC loses its peg on the 11th and is back on the 13th; nothing of the kind before',
  async () => {
    const connection = await (await DuckDBInstance.create(':memory:')).connect();
    const load = async (name: string) =>
      (
        await connection.runAndReadAll(
          `select strftime(timestamp at time zone 'UTC', '%Y-%m-%dT%H:%M:00Z') as time, open::varchar as open, high::varchar as high, low::varchar as low, close::varchar as close, volume::varchar as volume from '${data}${name}.parquet' order by timestamp`,
        )
      ).getRowObjectsJson() as unknown as Candle[];
    const usdt = await load('kraken_usdtusd');
    const feeds = [
      { stream: 'kraken.USDC-USD.1m', rows: await load('kraken_usdcusd') },
      {
        stream: 'binance.USDC-USDT.1m x kraken.USDT-USD.1m',
        rows: crossCandles(await load('binance_usdcusdt'), 'times', usdt),
      },
      {
        stream: 'kraken.BTC-USD.1m / kraken.BTC-USDC.1m',
        rows: crossCandles(await load('kraken_btcusd'), 'over', await load('kraken_btcusdc')),
      },
      {
        stream: 'coinbase.BTC-USD.1m / binance.BTC-USDC.1m',
        rows: crossCandles(await load('coinbase_btcusd'), 'over', await load('binance_btcusdc')),
      },
    ];
    const depegs = crossVerifyMinutes({ asset: 'USDC', stablecoin: true, feeds }).findings.filter(
      ({ kind }) => kind === 'depeg',
    );
    const [first] = depegs;
    expect(first!.from >= '2023-03-10T21:00:00Z' && first!.from <= '2023-03-11T04:00:00Z').toBe(true);
    const end = depegs.at(-1)!;
    expect(end.to.slice(0, 10)).toBe('2023-03-13');
    expect(end.text).toMatch(/within 50 bps again from 2023-03-13T/);
    expect(first!.text).toMatch(/^-1[0-9.]+ % from 1 USD at worst, at 2023-03-11T0/);
    expect(first!.evidence.length).toBeGreaterThanOrEqual(2);
  },
  30_000,
);
