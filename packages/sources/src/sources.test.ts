/**
 * The sources: the same ccxt code that runs live reads a real HTTP server with the exchanges' wire formats, loses
 * nothing of the recording, bears faults, and never sees the future.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Candle, ed25519Signer, openEnvelope } from '@assay/core';
import { afterEach, expect, test } from 'vitest';
import { recordedClock } from './clock.ts';
import { Exchanges, gapsIn } from './exchanges.ts';
import { openMarketSource } from './open-source.ts';
import { createProvider, splitIntoBatches } from './provider.ts';
import { type Recording, readRecording } from './recording.ts';
import { type Fault, startReplayServer } from './replay-server.ts';
import { simulateMarket } from './simulated-market.ts';
import { instantOf, MINUTE_MS, STREAMS } from './streams.ts';

const FOLDER = fileURLToPath(new URL('../../../../shared/data/usdc-depeg-2023-03', import.meta.url));
const stream = (name: string) => STREAMS.find((spec) => spec.name === name)!;
const closing: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function connect(recording: Recording, fault?: (request: number) => Fault, nowMs = recording.endMs) {
  const clock = recordedClock({ startMs: nowMs, endMs: recording.endMs, speed: 'max' });
  const server = await startReplayServer(recording, { nowMs: clock.nowMs, ...(fault ? { fault } : {}) });
  const baseUrls = { binance: server.url, coinbase: server.url, kraken: server.url };
  const exchanges = new Exchanges({ clock, baseUrls, rateLimit: false, random: () => 0, firstBackoffMs: 1 });
  closing.push(server.close, () => exchanges.close());
  return { exchanges, server };
}

const DAY_MS = 24 * 60 * MINUTE_MS;

test.skipIf(!existsSync(FOLDER))(
  'every row of two recorded days reaches us through ccxt, digit for digit (skipped without the recording)',
  async () => {
    const recording = await readRecording(FOLDER);
    const fromMs = Date.UTC(2023, 2, 10);
    const toMs = fromMs + 2 * DAY_MS;
    const source = await openMarketSource({
      choice: 'replay',
      replayFolder: FOLDER,
      speed: 'max',
      resumeFromMs: fromMs,
    });
    closing.push(source.close);
    const rows = new Map(source.streams.map(({ name }) => [name, [] as Candle[]]));
    // As the node does: all streams a window, so that Kraken's depth of 720 candles is never exceeded.
    for (let at = fromMs; at < toMs; at += 300 * MINUTE_MS) {
      const until = Math.min(at + 300 * MINUTE_MS, toMs);
      await source.clock.waitUntil(until);
      for (const spec of source.streams)
        rows.get(spec.name)!.push(...(await source.fetchCandles(spec, at, until)).rows);
    }
    expect(rows.size).toBe(11);
    for (const [name, got] of rows) {
      const { times, open, high, low, close, volume } = recording.streams.get(name)!;
      const within = [...times.keys()].filter((i) => times[i]! >= fromMs && times[i]! < toMs);
      expect(got.length, name).toBe(within.length);
      const numbers = got.map((row) => [
        row.time,
        ...[row.open, row.high, row.low, row.close, row.volume].map(Number),
      ]);
      expect(numbers).toEqual(
        within.map((i) => [instantOf(times[i]!), open[i], high[i], low[i], close[i], volume[i]]),
      );
    }
  },
  60_000,
);

test('a simulation is the same bytes for the same seed, and another for another', () => {
  const bytes = (seed: number) => {
    const { streams } = simulateMarket({ seed, hours: 3 });
    return [...streams.values()]
      .flatMap((columns) => Object.values(columns))
      .map((column) => Buffer.from(column.buffer).toString('base64'));
  };
  expect(bytes(7)).toEqual(bytes(7));
  expect(bytes(7)).not.toEqual(bytes(8));
});

test('refusals and cut connections are retried, and a venue that stays down is reported as unreachable', async () => {
  const market = simulateMarket({ seed: 1, hours: 3 });
  const { exchanges, server } = await connect(
    market,
    (request) => ([429, 'hang-up', 500, null] as Fault[])[request] ?? null,
  );
  const spec = stream('binance.BTC-USDT.1m');
  expect(
    (await exchanges.fetchCandles(spec, market.startMs, market.startMs + 60 * MINUTE_MS)).rows,
  ).toHaveLength(60);
  expect(server.requests()).toBe(4);

  const down = await connect(market, () => 500);
  await expect(
    down.exchanges.fetchCandles(spec, market.startMs, market.startMs + MINUTE_MS),
  ).rejects.toMatchObject({
    code: 'SOURCE_UNREACHABLE',
  });
  expect(down.server.requests()).toBe(5);
  expect(down.exchanges.states().find((state) => state.stream === spec.name)).toMatchObject({
    state: 'unreachable',
  });
});

test('the running minute and the future are never taken', async () => {
  const market = simulateMarket({ seed: 1, hours: 3 });
  const now = market.startMs + 10 * MINUTE_MS + 30_000;
  for (const name of ['binance.BTC-USDT.1m', 'coinbase.BTC-USD.1m', 'kraken.BTC-USD.1m']) {
    const { exchanges } = await connect(market, undefined, now);
    const { rows } = await exchanges.fetchCandles(
      stream(name),
      market.startMs,
      market.startMs + 60 * MINUTE_MS,
    );
    expect(rows.at(-1)?.time, name).toBe(instantOf(market.startMs + 9 * MINUTE_MS));
  }
});

test('a garbled candle is left out, named, and its minute is a gap', async () => {
  const market = simulateMarket({ seed: 1, hours: 12 });
  const { exchanges } = await connect(market);
  const planted = market.planted.find(({ kind }) => kind === 'malformed')!;
  const fromMs = planted.fromMs - 5 * MINUTE_MS;
  const toMs = planted.toMs + 5 * MINUTE_MS;
  const { rows, malformed } = await exchanges.fetchCandles(stream(planted.stream), fromMs, toMs);
  expect(gapsIn(rows, fromMs, toMs)).toEqual([
    { from: instantOf(planted.fromMs), to: instantOf(planted.toMs) },
  ]);
  expect(malformed.map(({ code, message }) => `${code} ${message}`)).toMatchInlineSnapshot(`
    [
      "CANDLE_MALFORMED coinbase.BTC-USDT.1m at 2024-01-01T05:30:00Z: expected a number for close, got "NaN"",
      "CANDLE_MALFORMED coinbase.BTC-USDT.1m at 2024-01-01T05:31:00Z: expected a number for close, got "NaN"",
    ]
  `);
});

test('the exchanges refuse in their own words, and ccxt understands them', async () => {
  const market = simulateMarket({ seed: 1, hours: 3 });
  market.streams.delete('kraken.BTC-USD.1m');
  market.streams.delete('binance.BTC-USDC.1m');
  const { exchanges } = await connect(market);
  for (const name of ['kraken.BTC-USD.1m', 'binance.BTC-USDC.1m']) {
    await expect(
      exchanges.fetchCandles(stream(name), market.startMs, market.endMs),
      name,
    ).rejects.toMatchObject({ code: 'SOURCE_UNREACHABLE' });
  }
});

test('a batch stays within its hour, and its observation commits to exactly its rows', async () => {
  const market = simulateMarket({ seed: 1, hours: 3 });
  const { exchanges } = await connect(market);
  const spec = stream('coinbase.BTC-USD.1m');
  const fromMs = market.startMs + 30 * MINUTE_MS;
  const toMs = market.startMs + 150 * MINUTE_MS;
  const batches = splitIntoBatches((await exchanges.fetchCandles(spec, fromMs, toMs)).rows, fromMs, toMs);
  expect(
    batches.map(({ rows, period }) => [rows.length, period.from.slice(11, 16), period.to.slice(11, 16)]),
  ).toEqual([
    [30, '00:30', '01:00'],
    [60, '01:00', '02:00'],
    [30, '02:00', '02:30'],
  ]);
  const provider = createProvider({
    signer: await ed25519Signer(new Uint8Array(32).fill(5)),
    adapter: 'test/1',
    mode: 'simulated',
  });
  const { opened, payload } = await provider.observe({
    stream: spec,
    ...batches[0]!,
    observedAt: instantOf(toMs),
    sequence: 1,
    previous: null,
  });
  expect(await openEnvelope(opened.entry)).toEqual(opened);
  expect(opened.statement.predicate.rows).toMatchObject({ count: 30, bytes: payload.length });
});

test('a missing folder, an empty one and a file that is no recording are told apart', async () => {
  const here = fileURLToPath(new URL('.', import.meta.url));
  await expect(readRecording(`${here}/nowhere`)).rejects.toMatchObject({ code: 'RECORDING_NOT_FOUND' });
  await expect(readRecording(here)).rejects.toMatchObject({ code: 'RECORDING_NOT_FOUND' });
  await expect(openMarketSource({ choice: 'replay', speed: 1 })).rejects.toMatchObject({
    code: 'ARGUMENT_INVALID',
  });
});
