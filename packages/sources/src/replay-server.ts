import type { AddressInfo } from 'node:net';
import fastify from 'fastify';
import type { RecordedStream, Recording } from './recording.ts';
import { MINUTE_MS, STREAMS, type Venue } from './streams.ts';

/** What the server does to a request instead of answering it: a status, or a cut connection. */
export type Fault = 429 | 500 | 'hang-up' | null;

export interface ReplayServer {
  /** Base address for every venue: each has its own paths. */
  url: string;
  requests(): number;
  close(): Promise<void>;
}

/** Kraken gives the newest 720 candles, however far back one asks. */
const KRAKEN_DEPTH = 720;
const BINANCE_MAX = 1000;
const COINBASE_MAX = 350;

/**
 * An HTTP server on loopback that answers for Binance, Coinbase and Kraken in their own wire formats from a
 * recording. Nothing that lies in the future of `nowMs` is served; the candle of the running minute is, as the
 * real venues do.
 */
export async function startReplayServer(
  recording: Recording,
  options: { nowMs: () => number; fault?: (request: number) => Fault },
): Promise<ReplayServer> {
  const app = fastify({ forceCloseConnections: true, keepAliveTimeout: 60_000 });
  let requests = 0;
  app.addHook('onRequest', async (request, reply) => {
    const fault = options.fault?.(requests++) ?? null;
    if (fault === 'hang-up') request.raw.socket.destroy();
    else if (fault !== null) return reply.code(fault).send({ code: -1003, msg: 'planned fault' });
  });
  const recorded = (venue: Venue, id: string): RecordedStream | undefined => {
    const stream = STREAMS.find((spec) => spec.venue === venue && spec.marketId === id);
    return stream && recording.streams.get(stream.name);
  };

  // https://developers.binance.com/docs/binance-spot-api-docs: klines
  app.get<{ Querystring: Record<string, string | undefined> }>('/api/v3/klines', (request, reply) => {
    const { symbol = '', interval, startTime, endTime, limit = '500' } = request.query;
    const stream = recorded('binance', symbol);
    if (!stream) return reply.code(400).send({ code: -1121, msg: 'Invalid symbol.' });
    if (interval !== '1m') return reply.code(400).send({ code: -1120, msg: 'Invalid interval.' });
    const most = Math.min(Number(limit), BINANCE_MAX);
    const range = indicesBetween(
      stream,
      Number(startTime ?? 0),
      Number(endTime ?? Number.MAX_SAFE_INTEGER),
      options.nowMs(),
    );
    const page = startTime === undefined ? range.slice(-most) : range.slice(0, most);
    return page.map((i) => [
      stream.times[i],
      wire(stream.open, i),
      wire(stream.high, i),
      wire(stream.low, i),
      wire(stream.close, i),
      wire(stream.volume, i),
      stream.times[i]! + MINUTE_MS - 1,
      '0',
      0,
      '0',
      '0',
      '0',
    ]);
  });

  // https://docs.cdp.coinbase.com: Advanced Trade, public product candles, newest first
  app.get<{ Params: { id: string }; Querystring: Record<string, string | undefined> }>(
    '/api/v3/brokerage/market/products/:id/candles',
    (request, reply) => {
      const { start, end, granularity } = request.query;
      const stream = recorded('coinbase', request.params.id);
      if (!stream)
        return reply.code(404).send({
          error: 'NOT_FOUND',
          error_details: 'valid product_id is required',
          message: 'valid product_id is required',
        });
      const asked = (Number(end) - Number(start)) / 60;
      if (granularity !== 'ONE_MINUTE' || !(asked >= 0 && asked <= COINBASE_MAX)) {
        const message = `number of candles requested should be less than ${COINBASE_MAX}`;
        return reply.code(400).send({ error: 'INVALID_ARGUMENT', error_details: message, message });
      }
      const range = indicesBetween(stream, Number(start) * 1000, Number(end) * 1000, options.nowMs());
      return {
        candles: range.reverse().map((i) => ({
          start: String(stream.times[i]! / 1000),
          low: wire(stream.low, i),
          high: wire(stream.high, i),
          open: wire(stream.open, i),
          close: wire(stream.close, i),
          volume: wire(stream.volume, i),
        })),
      };
    },
  );

  // https://docs.kraken.com/api/docs/rest-api/get-ohlc-data
  app.get<{ Querystring: Record<string, string | undefined> }>('/0/public/OHLC', (request) => {
    const { pair = '', interval = '1', since = '0' } = request.query;
    const stream = recorded('kraken', pair);
    if (!stream) return { error: ['EQuery:Unknown asset pair'] };
    if (interval !== '1') return { error: ['EGeneral:Invalid arguments'] };
    const known = indicesBetween(stream, 0, Number.MAX_SAFE_INTEGER, options.nowMs(), KRAKEN_DEPTH);
    const rows = known
      .filter((i) => stream.times[i]! / 1000 > Number(since))
      .map((i) => [
        stream.times[i]! / 1000,
        wire(stream.open, i),
        wire(stream.high, i),
        wire(stream.low, i),
        wire(stream.close, i),
        '0',
        wire(stream.volume, i),
        0,
      ]);
    const last = known.length > 1 ? stream.times[known.at(-2)!]! / 1000 : 0;
    return { error: [], result: { [pair]: rows, last } };
  });

  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, requests: () => requests, close: () => app.close() };
}

/** Row numbers with times in [fromMs, toMs] that have begun by `nowMs`; only the last `most` of them. */
function indicesBetween(
  stream: RecordedStream,
  fromMs: number,
  toMs: number,
  nowMs: number,
  most = Number.POSITIVE_INFINITY,
): number[] {
  const end = firstAfter(stream.times, Math.min(toMs, nowMs));
  const begin = Math.max(firstAfter(stream.times, fromMs - 1), end - most);
  return Array.from({ length: Math.max(end - begin, 0) }, (_, i) => begin + i);
}

/** Index of the first time that is later than `ms`. */
function firstAfter(times: Float64Array, ms: number): number {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle]! > ms) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** A number as the venues write it: the shortest text that reads back as the same value. */
function wire(column: Float64Array, index: number): string {
  return String(column[index]);
}
