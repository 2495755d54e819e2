import { AssayError, type SourceMode } from '@assay/core';
import { type LiveFeedOptions, openLiveFeed } from './live-feed.ts';
import { DAY_MS, type MarketKind, type MarketRows } from './market-rows.ts';
import { openRecordedUniverse } from './recorded-universe.ts';
import { SIMULATED_DAYS, simulateUniverse } from './simulated-universe.ts';

/** A stream of a feed: what kind of rows it gives, and who says it. */
export interface MarketStream {
  name: string;
  kind: MarketKind;
  venue: string;
}

/** Daily data of the whole market, from wherever it comes. */
export interface MarketFeed {
  mode: SourceMode;
  /** One sentence for people: what it is and why it was chosen. */
  describe: string;
  /** Name and version of the code that fetches, for the record. */
  adapter: string;
  streams: readonly MarketStream[];
  /** First day, and the day after the last one that is complete now. */
  range(): { fromMs: number; toMs: number };
  /**
   * Rows of a stream with time in [fromMs, toMs), ascending by time and key. Malformed rows are left out and
   * reported. Asking again gives the same rows, as far as the source does.
   *
   * @throws ARGUMENT_INVALID for a stream that the feed does not have, SOURCE_UNREACHABLE after bounded retries.
   */
  fetch(stream: string, fromMs: number, toMs: number, signal?: AbortSignal): Promise<MarketRows>;
  close(): Promise<void>;
}

export interface OpenMarketFeedOptions {
  /** Undefined: live if a venue answers, else the recording if a folder is given, else simulated. */
  choice?: SourceMode | undefined;
  replayFolder?: string | undefined;
  /** How many days back the feed goes; without it, as far as it can, live 400 days. */
  historyDays?: number | undefined;
  seed?: number | undefined;
  nowMs: () => number;
  /** What is followed live beside the venues, and where to ask. */
  live?: LiveFeedOptions | undefined;
}

const DEFAULT_SEED = 20_240_101;

/**
 * Opens the market data that was asked for, or the best there is.
 *
 * @throws SOURCE_UNREACHABLE when live was asked for and no venue answers; RECORDING_NOT_FOUND; RECORDING_INVALID;
 *   ARGUMENT_INVALID for a replay without a folder.
 * @example
 * const feed = await openMarketFeed({ choice: 'simulated', nowMs: Date.now });
 * const { fromMs, toMs } = feed.range();
 * const { rows } = await feed.fetch('simulated-a.bars.1d', fromMs, toMs);
 */
export async function openMarketFeed(options: OpenMarketFeedOptions): Promise<MarketFeed> {
  const { choice, replayFolder, historyDays, seed = DEFAULT_SEED } = options;
  if (choice === 'replay' && replayFolder === undefined) {
    throw new AssayError('ARGUMENT_INVALID', 'a replay of the market needs a recording', {
      next: 'name the folder of its Parquet files',
    });
  }
  if (historyDays !== undefined && !(Number.isSafeInteger(historyDays) && historyDays >= 1)) {
    throw new AssayError(
      'ARGUMENT_INVALID',
      `expected a whole number of days of history, got ${historyDays}`,
    );
  }
  if (choice === 'live' || choice === undefined) {
    const feed = await openLiveFeed({ ...options.live, historyDays, nowMs: options.nowMs });
    if (feed) return feed;
    if (choice === 'live') {
      throw new AssayError('SOURCE_UNREACHABLE', 'expected at least one venue to answer, got none', {
        next: 'check the network, or use a recording or the simulated market',
      });
    }
  }
  const why = choice === undefined ? '; no live venue answers' : '';
  if (choice === 'replay' || (choice === undefined && replayFolder !== undefined))
    return recorded(replayFolder!, historyDays, why);
  return simulated(seed, historyDays, why);
}

async function recorded(folder: string, historyDays: number | undefined, why: string): Promise<MarketFeed> {
  const universe = await openRecordedUniverse(folder);
  const fromMs = Math.max(universe.startMs, universe.endMs - (historyDays ?? Infinity) * DAY_MS);
  return {
    mode: 'replay',
    describe: `replay of the recording ${folder}: ${universe.describe}${why}`,
    adapter: 'assay-recorded-universe/1.0.0',
    streams: universe.streams,
    range: () => ({ fromMs, toMs: universe.endMs }),
    async fetch(stream, from, to) {
      known(universe.streams, stream);
      return universe.rows(stream, from, to);
    },
    close: async () => universe.close(),
  };
}

function simulated(seed: number, historyDays: number | undefined, why: string): MarketFeed {
  const universe = simulateUniverse({ seed });
  const fromMs = universe.endMs - Math.min(historyDays ?? SIMULATED_DAYS, SIMULATED_DAYS) * DAY_MS;
  return {
    mode: 'simulated',
    describe: `SIMULATED market of ${universe.assets.length} tokens with planted defects: no price is real, not even those of BTC, ETH, USDC and USDT${why}`,
    adapter: 'assay-simulated-universe/1.0.0',
    streams: universe.streams,
    range: () => ({ fromMs, toMs: universe.endMs }),
    async fetch(stream, from, to) {
      known(universe.streams, stream);
      return universe.rows(stream, from, to);
    },
    close: async () => undefined,
  };
}

function known(streams: readonly MarketStream[], stream: string): void {
  if (streams.some(({ name }) => name === stream)) return;
  throw new AssayError(
    'ARGUMENT_INVALID',
    `expected one of ${streams.map(({ name }) => name).join(', ')}, got ${JSON.stringify(stream).slice(0, 120)}`,
  );
}
