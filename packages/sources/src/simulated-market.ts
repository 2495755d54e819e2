import { type RecordedStream, type Recording, spanOf } from './recording.ts';
import { splitMix32 } from './split-mix.ts';
import { MINUTE_MS, STREAMS, type StreamSpec } from './streams.ts';

/** Something false that the simulation contains on purpose, so that detection can be scored. */
export interface Planted {
  stream: string;
  kind: 'spike' | 'stale' | 'depeg' | 'malformed' | 'wash-volume';
  fromMs: number;
  toMs: number;
}

export interface SimulatedMarket extends Recording {
  planted: Planted[];
}

const START_MS = Date.UTC(2024, 0, 1);
const HOUR_MS = 60 * MINUTE_MS;
/** Typical trade count weight of a venue's pair, in thousandths of a coin a minute. */
const BASE_VOLUME: Record<string, number> = { binance: 2_400, coinbase: 3_100, kraken: 900 };

/**
 * A market that never was: a seeded random walk of bitcoin and two stablecoins, seen through the same feeds as
 * the real one, with manipulation planted at known places. All arithmetic is on integers, so that the same
 * seed gives the same bytes on every machine.
 *
 * @param options `hours` of trading from 2024-01-01 UTC.
 */
export function simulateMarket(options: { seed: number; hours: number }): SimulatedMarket {
  const random = splitMix32(options.seed);
  const minutes = options.hours * 60;
  const truth = walk(random, minutes);
  const planted = plan(options.hours);
  const streams = new Map(STREAMS.map((stream) => [stream.name, feed(stream, truth, planted, random)]));
  return { ...spanOf(streams), planted };
}

/** True prices a minute: bitcoin in US cents, stablecoins in hundred-thousandths of a dollar. */
interface Truth {
  btc: number[];
  usdc: number[];
  usdt: number[];
}

function walk(random: () => number, minutes: number): Truth {
  const truth: Truth = { btc: [], usdc: [], usdt: [] };
  let btc = 4_200_000;
  for (let minute = 0; minute < minutes; minute++) {
    // Sum of four uniforms: bell-shaped, bounded, and integer.
    const step =
      between(random, -9, 9) + between(random, -9, 9) + between(random, -9, 9) + between(random, -9, 9);
    btc += Math.trunc((btc * step) / 100_000);
    truth.btc.push(btc);
    truth.usdc.push(100_000 + between(random, -12, 12));
    truth.usdt.push(100_000 + between(random, -15, 15));
  }
  return truth;
}

/** Planted episodes, one after another, in the middle of each half-day that the simulation has. */
function plan(hours: number): Planted[] {
  const at = (stream: string, kind: Planted['kind'], hour: number, minutes: number): Planted => {
    const fromMs = START_MS + hour * HOUR_MS;
    return { stream, kind, fromMs, toMs: fromMs + minutes * MINUTE_MS };
  };
  return [
    at('kraken.BTC-USD.1m', 'spike', 2.5, 3),
    at('binance.BTC-USDT.1m', 'wash-volume', 4.25, 20),
    at('coinbase.BTC-USDT.1m', 'malformed', 5.5, 2),
    at('coinbase.BTC-USD.1m', 'spike', 7.5, 2),
    at('kraken.BTC-USDT.1m', 'stale', 9, 40),
    at('kraken.USDC-USD.1m', 'depeg', 14, 240),
  ].filter(({ toMs }) => toMs <= START_MS + hours * HOUR_MS);
}

function feed(
  stream: StreamSpec,
  truth: Truth,
  planted: readonly Planted[],
  random: () => number,
): RecordedStream {
  const length = truth.btc.length;
  const columns = { times: new Float64Array(length), ...emptyColumns(length) };
  const scale = stream.base === 'BTC' ? 100 : 10_000;
  let open = 0;
  for (let minute = 0; minute < length; minute++) {
    const timeMs = START_MS + minute * MINUTE_MS;
    const active = (kind: Planted['kind'], name = stream.name) =>
      planted.some(
        (episode) =>
          episode.kind === kind &&
          episode.stream === name &&
          timeMs >= episode.fromMs &&
          timeMs < episode.toMs,
      );
    // A depeg is the stablecoin's, not one venue's: every feed that quotes in USDC shows it.
    const usdc = truth.usdc[minute]! - (active('depeg', 'kraken.USDC-USD.1m') ? 6_000 : 0);
    const fair = fairPrice(stream, truth.btc[minute]!, usdc, truth.usdt[minute]!);
    const noise = stream.base === 'BTC' ? between(random, -4, 4) : 0;
    let close = fair + Math.trunc((fair * noise) / 100_000);
    if (active('spike')) close = Math.trunc((close * 107) / 100);
    if (active('stale')) close = open;
    if (minute === 0) open = close;
    const wick = active('stale') ? 0 : Math.trunc((close * between(random, 0, 8)) / 100_000);
    columns.times[minute] = timeMs;
    columns.open[minute] = open / scale;
    columns.high[minute] = (Math.max(open, close) + wick) / scale;
    columns.low[minute] = (Math.min(open, close) - wick) / scale;
    columns.close[minute] = active('malformed') ? Number.NaN : close / scale;
    const traded =
      between(random, 100, 1_900) * BASE_VOLUME[stream.venue]! * (stream.base === 'BTC' ? 1 : 10_000);
    columns.volume[minute] = (active('stale') ? 0 : active('wash-volume') ? traded * 60 : traded) / 1_000_000;
    open = close;
  }
  return columns;
}

/** The true price of a pair in its own smallest unit: cents for bitcoin, ten-thousandths for stablecoins. */
function fairPrice({ base, quote }: StreamSpec, btcCents: number, usdc: number, usdt: number): number {
  const quoted = quote === 'USDC' ? usdc : quote === 'USDT' ? usdt : 100_000;
  if (base === 'BTC') return Math.trunc((btcCents * 100_000) / quoted);
  return Math.trunc(((base === 'USDC' ? usdc : usdt) * 10_000) / quoted);
}

function emptyColumns(length: number): Omit<RecordedStream, 'times'> {
  const column = () => new Float64Array(length);
  return { open: column(), high: column(), low: column(), close: column(), volume: column() };
}

/** Integers from `low` to `high`, both included. */
function between(random: () => number, low: number, high: number): number {
  return low + (random() % (high - low + 1));
}
