import { AssayError, type Candle, type SourceMode } from '@assay/core';
import ccxt from 'ccxt';
import { recordedClock, type SourceClock, wallClock } from './clock.ts';
import { Exchanges, type StreamState } from './exchanges.ts';
import { type Recording, readRecording } from './recording.ts';
import { startReplayServer } from './replay-server.ts';
import { simulateMarket } from './simulated-market.ts';
import { MINUTE_MS, STREAMS, type StreamSpec } from './streams.ts';

/** Where market data comes from, behind one face: ccxt asks, live venues or a replay server answer. */
export interface MarketSource {
  mode: SourceMode;
  streams: readonly StreamSpec[];
  clock: SourceClock;
  /** Where reading begins when nothing was read before. */
  startMs: number;
  /** Name and version of the code that fetches, for the record. */
  adapter: string;
  /** One sentence for people: what this is and why it was chosen. */
  describe: string;
  fetchCandles(
    stream: StreamSpec,
    fromMs: number,
    toMs: number,
    signal?: AbortSignal,
  ): Promise<{ rows: Candle[]; malformed: AssayError[] }>;
  states(): StreamState[];
  close(): Promise<void>;
}

export interface OpenSourceOptions {
  /** Undefined: live if reachable, else the replay if a folder is given, else simulated. */
  choice?: SourceMode | undefined;
  replayFolder?: string | undefined;
  /** How much faster than life a recording runs. */
  speed: number | 'max';
  /** Time up to which everything was already read. */
  resumeFromMs?: number | undefined;
  seed?: number | undefined;
  simulatedHours?: number | undefined;
  signal?: AbortSignal | undefined;
}

const PROBE_MS = 3_000;
/** Live data before the first start is not asked for further back than this. */
const LIVE_LOOKBACK_MS = 60 * MINUTE_MS;
const DEFAULT_SEED = 20_240_101;
const DEFAULT_SIMULATED_HOURS = 24;

/**
 * Opens the source that was asked for, or the best there is.
 *
 * @throws SOURCE_UNREACHABLE when live was asked for and fewer than two venues answer, RECORDING_NOT_FOUND,
 *   RECORDING_INVALID, ARGUMENT_INVALID for a replay without a folder.
 */
export async function openMarketSource(options: OpenSourceOptions): Promise<MarketSource> {
  const { choice, replayFolder } = options;
  if (choice === 'replay' && replayFolder === undefined) {
    throw new AssayError('ARGUMENT_INVALID', 'a replay needs a recording', {
      next: 'name its folder: --source replay --replay <folder>',
    });
  }
  if (choice === 'live' || choice === undefined) {
    const answering = await probe();
    if (answering.length >= 2) return live(options, `live from ${answering.join(', ')}`);
    if (choice === 'live') {
      throw new AssayError(
        'SOURCE_UNREACHABLE',
        `expected at least two venues to answer, got ${answering.length}`,
        {
          next: 'check the network, or use --source replay or --source simulated',
        },
      );
    }
  }
  const why = choice === undefined ? '; the live venues do not answer' : '';
  if (choice === 'replay' || (choice === undefined && replayFolder !== undefined)) {
    const recording = await readRecording(replayFolder!);
    return replay('replay', recording, options, `replay of the recording ${replayFolder}${why}`);
  }
  const market = simulateMarket({
    seed: options.seed ?? DEFAULT_SEED,
    hours: options.simulatedHours ?? DEFAULT_SIMULATED_HOURS,
  });
  return replay(
    'simulated',
    market,
    options,
    `SIMULATED market with planted manipulation, no real prices${why}`,
  );
}

function live(options: OpenSourceOptions, describe: string): MarketSource {
  const clock = wallClock();
  const exchanges = new Exchanges({ clock, rateLimit: true });
  const startMs =
    Math.floor((options.resumeFromMs ?? clock.nowMs() - LIVE_LOOKBACK_MS) / MINUTE_MS) * MINUTE_MS;
  return face('live', STREAMS, clock, startMs, describe, exchanges, () => exchanges.close());
}

async function replay(
  mode: SourceMode,
  recording: Recording,
  options: OpenSourceOptions,
  describe: string,
): Promise<MarketSource> {
  const startMs = Math.max(recording.startMs, Math.min(options.resumeFromMs ?? 0, recording.endMs));
  const clock = recordedClock({ startMs, endMs: recording.endMs, speed: options.speed });
  const server = await startReplayServer(recording, { nowMs: clock.nowMs });
  const baseUrls = { binance: server.url, coinbase: server.url, kraken: server.url };
  const exchanges = new Exchanges({ clock, baseUrls, rateLimit: false });
  const streams = STREAMS.filter(({ name }) => recording.streams.has(name));
  return face(mode, streams, clock, recording.startMs, describe, exchanges, async () => {
    await exchanges.close();
    await server.close();
  });
}

function face(
  mode: SourceMode,
  streams: readonly StreamSpec[],
  clock: SourceClock,
  startMs: number,
  describe: string,
  exchanges: Exchanges,
  close: () => Promise<void>,
): MarketSource {
  return {
    mode,
    streams,
    clock,
    startMs,
    describe,
    adapter: `ccxt/${ccxt.version}`,
    fetchCandles: (stream, fromMs, toMs, signal) => exchanges.fetchCandles(stream, fromMs, toMs, signal),
    states: () => exchanges.states().filter((state) => streams.some(({ name }) => name === state.stream)),
    close,
  };
}

/** Venues whose public interface answers within a few seconds. */
async function probe(): Promise<string[]> {
  const addresses = {
    binance: 'https://api.binance.com/api/v3/ping',
    coinbase: 'https://api.coinbase.com/api/v3/brokerage/time',
    kraken: 'https://api.kraken.com/0/public/Time',
  };
  const answers = await Promise.all(
    Object.entries(addresses).map(async ([venue, url]) => {
      const response = await fetch(url, { signal: AbortSignal.timeout(PROBE_MS) }).catch(() => null);
      return response?.ok ? venue : null;
    }),
  );
  return answers.filter((venue) => venue !== null);
}
