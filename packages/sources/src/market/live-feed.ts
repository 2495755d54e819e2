import { AssayError } from '@assay/core';
import ccxt from 'ccxt';
import { assetLexicon } from './asset-lexicon.ts';
import { type BoundedHttpOptions, boundedGet } from './bounded-http.ts';
import { type ChainActivityOptions, type ChainActivityState, chainActivity } from './chain-activity.ts';
import { type AssetCode, fetchDevelopment } from './development.ts';
import { type FeedState, fetchFeed } from './feeds.ts';
import { fetchMarketCaps } from './market-caps.ts';
import { DAY_MS, dayStart, type MarketRecord, type MarketRows } from './market-rows.ts';
import type { MarketFeed, MarketStream } from './open-market-feed.ts';
import { MARKET_VENUES, type MarketVenue, VenueClient } from './venues.ts';

export interface LiveFeedOptions {
  /** Venues to ask; all three spot venues without it. */
  venues?: readonly MarketVenue[] | undefined;
  /** How many of the largest assets are followed. */
  assets?: number | undefined;
  coingeckoKey?: string | undefined;
  /** News feeds by the name that their stream gets. */
  feeds?: readonly { name: string; url: string }[] | undefined;
  /** An EVM chain whose tokens are followed. */
  chain?:
    | (Pick<ChainActivityOptions, 'chain' | 'client' | 'tokens' | 'confirmations'> & {
        state?: ChainActivityState;
      })
    | undefined;
  /** A forge with each asset's repositories. */
  forge?: { name: string; baseUrl: string; code: readonly AssetCode[]; token?: string } | undefined;
  /** Where to ask instead of the public addresses; these may be in a private network. */
  baseUrls?: Partial<Record<MarketVenue | 'coingecko', string>> | undefined;
  /** First pause between two attempts; each further one is twice as long. */
  firstBackoffMs?: number | undefined;
}

const PROBES: Record<MarketVenue, [origin: string, path: string]> = {
  binance: ['https://api.binance.com', '/api/v3/exchangeInfo?symbol=BTCUSDT'],
  coinbase: ['https://api.coinbase.com', '/api/v3/brokerage/market/products?limit=1'],
  kraken: ['https://api.kraken.com', '/0/public/AssetPairs?pair=XBTUSD'],
  deribit: ['https://www.deribit.com', '/api/v2/public/test'],
};
const PROBE_MS = 3_000;
const ASSETS = 200;
const HISTORY_DAYS = 400;
const SETTLE_MS = 10 * 60_000;
/** Articles of one feed that are kept between questions: a feed shows its newest ones only. */
const MAX_ARTICLES = 20_000;

/**
 * Live daily data of the venues that answer, or null when none does. What was read is kept in memory, so that a new day
 * asks for that day alone.
 */
export async function openLiveFeed(
  options: LiveFeedOptions & { historyDays?: number | undefined; nowMs: () => number },
): Promise<MarketFeed | null> {
  const { baseUrls = {}, feeds = [], chain, forge, historyDays = HISTORY_DAYS, firstBackoffMs } = options;
  // A day is over for us a little later than by the clock: venues need a while to close it.
  const nowMs = () => options.nowMs() - SETTLE_MS;
  const http = (base: string | undefined): BoundedHttpOptions => ({
    allowPrivate: base !== undefined,
    ...(firstBackoffMs === undefined ? {} : { firstBackoffMs }),
  });
  const wanted = options.venues ?? (['binance', 'coinbase', 'kraken'] as const);
  const answers = await Promise.all(wanted.map((venue) => isAnswering(venue, baseUrls[venue])));
  if (!answers.some(Boolean)) return null;
  // One that is silent now may answer later: its streams are there, and say that they cannot be reached.
  const venues = [...wanted].sort();
  const silent = wanted.filter((_, i) => !answers[i]).sort();

  const clients = new Map(
    venues.map((venue) => [
      venue,
      new VenueClient(venue, {
        nowMs,
        baseUrl: baseUrls[venue],
        rateLimit: baseUrls[venue] === undefined,
        ...(firstBackoffMs === undefined ? {} : { firstBackoffMs }),
      }),
    ]),
  );
  const coingecko = baseUrls.coingecko ?? 'https://api.coingecko.com';
  // The source tells what is now; the last day that is over is what it can speak of.
  const caps = (signal?: AbortSignal) =>
    fetchMarketCaps({
      ...http(baseUrls.coingecko),
      baseUrl: coingecko,
      key: options.coingeckoKey,
      timeMs: dayStart(nowMs()) - DAY_MS,
      limit: options.assets ?? ASSETS,
      signal,
    });
  const snapshot = remembered(nowMs, caps);
  // Who was followed once stays: leaving the list of the largest is no delisting.
  const known = new Set<string>();
  const followed = async (signal?: AbortSignal) => {
    try {
      for (const { asset } of (await snapshot(signal)).rows) known.add(asset!);
    } catch (error) {
      if (!(error instanceof AssayError)) throw error;
      // Without the list of the largest: what most venues trade.
      if (known.size === 0)
        for (const asset of await mostListed([...clients.values()], options.assets ?? ASSETS, signal))
          known.add(asset);
    }
    return known;
  };

  const sources: (MarketStream & { read: Read })[] = [];
  for (const [venue, client] of clients) {
    if (MARKET_VENUES[venue].page > 0) {
      sources.push({
        name: `${venue}.bars.1d`,
        kind: 'bars',
        venue,
        read: extended(nowMs, historyDays, async (from, to, signal) =>
          client.fetchDailyBars(from, to, await followed(signal), signal),
        ),
      });
    }
  }
  for (const [venue, client] of clients) {
    if (MARKET_VENUES[venue].funding) {
      sources.push({
        name: `${venue}.funding.1d`,
        kind: 'funding',
        venue,
        read: extended(nowMs, historyDays, async (from, to, signal) =>
          client.fetchFunding(from, to, await followed(signal), signal),
        ),
      });
    }
  }
  sources.push({
    name: 'coingecko.market-caps',
    kind: 'market-caps',
    venue: 'coingecko',
    read: async (from, to, signal) => part(await snapshot(signal), from, to),
  });
  for (const { name, url } of feeds)
    sources.push({
      name: `${name}.articles`,
      kind: 'articles',
      venue: name,
      read: articlesOf(name, url, snapshot),
    });
  if (chain) {
    sources.push({
      name: `${chain.chain}.activity.1d`,
      kind: 'activity',
      venue: chain.chain,
      read: activityOf(chain, nowMs, historyDays),
    });
  }
  if (forge) {
    const { name, ...code } = forge;
    sources.push({
      name: `${name}.development.1d`,
      kind: 'development',
      venue: name,
      read: extended(nowMs, historyDays, (fromMs, toMs, signal) =>
        fetchDevelopment({ forge: name, ...code, fromMs, toMs, nowMs: nowMs(), signal }),
      ),
    });
  }

  const note = venues.includes('binance') ? '; prices of binance are in USDT, taken for dollars' : '';
  return {
    mode: 'live',
    describe: `live from ${venues.filter((venue) => !silent.includes(venue)).join(', ')} and coingecko${silent.length > 0 ? ` (${silent.join(', ')} did not answer yet)` : ''}${feeds.length > 0 ? `, with ${feeds.length} news feeds` : ''}${note}`,
    adapter: `ccxt/${ccxt.version}`,
    streams: sources.map(({ name, kind, venue }) => ({ name, kind, venue })),
    range: () => ({ fromMs: dayStart(nowMs()) - historyDays * DAY_MS, toMs: dayStart(nowMs()) }),
    async fetch(stream, fromMs, toMs, signal) {
      const source = sources.find(({ name }) => name === stream);
      if (!source) {
        throw new AssayError(
          'ARGUMENT_INVALID',
          `expected one of ${sources.map(({ name }) => name).join(', ')}, got ${JSON.stringify(stream).slice(0, 120)}`,
        );
      }
      return source.read(fromMs, toMs, signal);
    },
    async close() {
      await Promise.all([...clients.values()].map((client) => client.close()));
    },
  };
}

type Read = (fromMs: number, toMs: number, signal?: AbortSignal) => Promise<MarketRows>;

/** The assets that most venues trade; of those that as many trade, by name. */
async function mostListed(
  clients: readonly VenueClient[],
  most: number,
  signal: AbortSignal | undefined,
): Promise<string[]> {
  const venues = new Map<string, number>();
  let failure: unknown = null;
  for (const client of clients) {
    try {
      const { markets } = await client.markets(signal);
      for (const asset of new Set(markets.map((market) => market.asset)))
        venues.set(asset, (venues.get(asset) ?? 0) + 1);
    } catch (error) {
      failure = error;
    }
  }
  if (venues.size === 0) throw failure;
  return [...venues]
    .sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
    .slice(0, most)
    .map(([asset]) => asset);
}

async function isAnswering(venue: MarketVenue, baseUrl: string | undefined): Promise<boolean> {
  const [origin, path] = PROBES[venue];
  const answer = boundedGet(`${baseUrl ?? origin}${path}`, {
    allowPrivate: baseUrl !== undefined,
    timeoutMs: PROBE_MS,
    firstBackoffMs: 1,
    signal: AbortSignal.timeout(PROBE_MS),
  });
  return answer.then(
    () => true,
    () => false,
  );
}

/** Read once a day; a failure is not remembered. */
function remembered(nowMs: () => number, read: (signal?: AbortSignal) => Promise<MarketRows>) {
  let day = Number.NaN;
  let kept: MarketRows | null = null;
  return async (signal?: AbortSignal): Promise<MarketRows> => {
    const today = dayStart(nowMs());
    if (kept === null || day !== today) {
      kept = await read(signal);
      day = today;
    }
    return kept;
  };
}

/** Reads a stream's whole history at the first question, and afterwards only days that were not over then. */
function extended(nowMs: () => number, historyDays: number, read: Read): Read {
  let kept: MarketRows = { rows: [], malformed: [] };
  let reached = Number.NaN;
  let running: Promise<void> = Promise.resolve();
  const extend = async (signal: AbortSignal | undefined) => {
    const today = dayStart(nowMs());
    const from = Number.isNaN(reached) ? today - historyDays * DAY_MS : reached;
    if (from >= today) return;
    const { rows, malformed } = await read(from, today, signal);
    const oldest = new Date(today - historyDays * DAY_MS).toISOString();
    kept = { rows: [...kept.rows.filter(({ time }) => time >= oldest.slice(0, 10)), ...rows], malformed };
    reached = today;
  };
  return async (fromMs, toMs, signal) => {
    // Two questions at once would ask the venue for everything twice.
    running = running.catch(() => undefined).then(() => extend(signal));
    await running;
    const found = part(kept, fromMs, toMs);
    // What was malformed is reported once.
    kept = { rows: kept.rows, malformed: [] };
    return found;
  };
}

/** Feeds show their newest articles only: what was seen before stays, up to a bound. */
function articlesOf(
  feed: string,
  url: string,
  snapshot: (signal?: AbortSignal) => Promise<MarketRows>,
): Read {
  const seen = new Map<string, MarketRecord>();
  let state: FeedState | undefined;
  return async (fromMs, toMs, signal) => {
    const { rows: coins } = await snapshot(signal);
    const lexicon = assetLexicon(
      coins.map(({ asset, symbol, name }) => ({ asset: asset!, ticker: symbol!, names: [name!] })),
    );
    const answer = await fetchFeed({ feed, url, lexicon, state, signal });
    state = answer.state;
    for (const row of answer.rows?.rows ?? []) {
      if (!seen.has(row.article!)) seen.set(row.article!, row);
      if (seen.size > MAX_ARTICLES) seen.delete(seen.keys().next().value!);
    }
    const rows = [...seen.values()].sort((a, b) =>
      a.time < b.time || (a.time === b.time && a.article! < b.article!) ? -1 : 1,
    );
    return part({ rows, malformed: answer.rows?.malformed ?? [] }, fromMs, toMs);
  };
}

function activityOf(
  chain: NonNullable<LiveFeedOptions['chain']>,
  nowMs: () => number,
  historyDays: number,
): Read {
  let { state } = chain;
  const seen: MarketRecord[] = [];
  let next = dayStart(nowMs()) - historyDays * DAY_MS;
  return async (fromMs, toMs, signal) => {
    const {
      rows,
      malformed,
      state: after,
    } = await chainActivity({ ...chain, state, fromMs: next, toMs: dayStart(nowMs()), signal });
    state = after;
    seen.push(...rows);
    const last = rows.at(-1);
    if (last) next = Date.parse(last.time) + DAY_MS;
    if (next < toMs) {
      // What is signed now would stand for the whole period, and the rest would never be asked for.
      throw new AssayError(
        'SOURCE_UNREACHABLE',
        `${chain.chain}: the final blocks reach to ${new Date(next).toISOString().slice(0, 10)} only`,
        { next: 'nothing: it is asked again with the next day' },
      );
    }
    return part({ rows: seen, malformed }, fromMs, toMs);
  };
}

function part({ rows, malformed }: MarketRows, fromMs: number, toMs: number): MarketRows {
  return {
    rows: rows.filter(({ time }) => {
      const ms = Date.parse(time);
      return ms >= fromMs && ms < toMs;
    }),
    malformed,
  };
}
