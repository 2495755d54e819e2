/**
 * The live adapters against a server that speaks the venues' own wire formats over real HTTP: every digit arrives, pages
 * are joined, running days are left out, faults are borne within bounds, and ambiguous tickers are named.
 */
import { afterEach, expect, test } from 'vitest';
import { fetchMarketCaps } from './market-caps.ts';
import { DAY_MS } from './market-rows.ts';
import { openMarketFeed } from './open-market-feed.ts';
import { simulateUniverse } from './simulated-universe.ts';
import { type MarketVenue, VenueClient, type VenueMarket } from './venues.ts';
import { startWireServer } from './wire-server.ts';

const universe = simulateUniverse({ seed: 3 });
const NOW = Date.UTC(2023, 11, 15, 12, 30);
const TODAY = Date.UTC(2023, 11, 15);
const closing: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function connect(options: Partial<Parameters<typeof startWireServer>[1]> = {}) {
  const server = await startWireServer(universe, { nowMs: () => NOW, ...options });
  closing.push(server.close);
  const venue = (name: MarketVenue, more: object = {}) => {
    const client = new VenueClient(name, {
      nowMs: () => NOW,
      baseUrl: server.url,
      rateLimit: false,
      random: () => 0,
      firstBackoffMs: 1,
      ...more,
    });
    closing.push(() => client.close());
    return client;
  };
  return { server, venue };
}

/** What the server has, under the name of the stream that the client gives. */
function truth(stream: string, fromMs: number, toMs: number, assets: ReadonlySet<string>) {
  return universe.rows(stream, fromMs, toMs).rows.filter(({ asset }) => assets.has(asset!));
}

test('daily bars of three venues arrive digit for digit, over several pages, without the running day', async () => {
  const { server, venue } = await connect();
  const assets = new Set(['BTC', 'ETH', universe.assets[20]!.asset]);
  for (const [name, stands, fromMs] of [
    ['binance', 'simulated-a', universe.startMs],
    // 700 days are three pages of Coinbase; Kraken has the newest 720 days alone.
    ['coinbase', 'simulated-b', universe.startMs],
    ['kraken', 'simulated-c', TODAY - 500 * DAY_MS],
  ] as const) {
    const { rows, malformed } = await venue(name).fetchDailyBars(fromMs, universe.endMs, assets);
    expect(rows, name).toEqual(truth(`${stands}.bars.1d`, fromMs, TODAY, assets));
    expect(malformed, name).toEqual([]);
  }
  expect(server.requests().filter((url) => url.includes('/candles')).length).toBe(3 * 3);
});

test('a market that garbles a number loses that day, no other', async () => {
  const [planted] = universe.planted.filter(({ kind }) => kind === 'malformed');
  const { venue } = await connect();
  const { rows } = await venue('coinbase').fetchDailyBars(
    planted!.fromMs - DAY_MS,
    planted!.toMs + DAY_MS,
    new Set([planted!.asset]),
  );
  expect(rows.map(({ time }) => Date.parse(time))).toEqual([planted!.fromMs - DAY_MS, planted!.toMs]);
});

test('two markets under one ticker are named and neither is used, until somebody says which is which', async () => {
  const { venue } = await connect({ duplicate: 'ETH' });
  const { markets, duplicates } = await venue('kraken').markets();
  expect(duplicates.map(({ message }) => message)).toEqual([
    expect.stringMatching(/^kraken: expected one market for ETH, got ETHUSD and ETH2USD$/),
  ]);
  expect(markets.some(({ asset }) => asset === 'ETH')).toBe(false);
  const told = venue('kraken', {
    assetOf: (_: string, { id, base }: { id: string; base: string }) => (id === 'ETH2USD' ? null : base),
  });
  expect((await told.markets()).markets.filter(({ asset }) => asset === 'ETH').map(({ id }) => id)).toEqual([
    'ETHUSD',
  ]);
  expect((await told.markets()).duplicates).toEqual([]);
});

test('funding is summed by day, and open interest is that of the day’s end, as far back as the venue keeps it', async () => {
  const { venue } = await connect();
  const assets = new Set(['BTC', 'ETH']);
  const fromMs = TODAY - 40 * DAY_MS;
  const { rows, malformed } = await venue('binance').fetchFunding(fromMs, universe.endMs, assets);
  expect(malformed).toEqual([]);
  const expected = truth('simulated-perpetuals.funding.1d', fromMs, TODAY, assets).map((row) => ({
    ...row,
    openInterestUsd: Date.parse(row.time) >= TODAY - 29 * DAY_MS ? row.openInterestUsd : null,
  }));
  expect(rows).toEqual(expected);
  const deribit = await venue('deribit').fetchFunding(TODAY - 60 * DAY_MS, TODAY, assets);
  expect(deribit.rows).toHaveLength(120);
  // 24 hours at 0.00001 each; the rate of eight hours, which is stated too, is not summed.
  expect(new Set(deribit.rows.map(({ rate }) => rate))).toEqual(new Set(['0.00024']));
});

test('trades of several pages and empty hours, each once; books in the order of numbers, not of texts; options with strikes', async () => {
  const { venue } = await connect();
  const binance = venue('binance');
  const btc = (await binance.markets()).markets.find(
    ({ asset, kind }) => asset === 'BTC' && kind === 'spot',
  ) as VenueMarket;
  const trades = await binance.fetchTrades(btc, TODAY - 5 * 3_600_000, TODAY - 3_600_000);
  expect(trades).toHaveLength(4 * 600);
  expect(new Set(trades.map(({ id }) => id)).size).toBe(4 * 600);
  expect(trades[0]).toMatchObject({ amount: '0.00001', price: expect.stringMatching(/\.1$/) });
  const book = await binance.fetchOrderBook(btc);
  expect(book.bids.map(([price]) => price)).toEqual(['100.1', '99.5', '9']);
  expect(book.asks.map(([price]) => price)).toEqual(['101', '200', '1000.5']);
  const chain = await venue('deribit').fetchOptionChain('BTC');
  expect(chain).toHaveLength(12);
  expect(chain.slice(0, 6).map(({ strike, type }) => `${strike} ${type}`)).toEqual([
    '30000 call',
    '30000 put',
    '40000 call',
    '40000 put',
    '42500.5 call',
    '42500.5 put',
  ]);
  expect(chain[2]).toMatchObject({
    expiry: '2024-01-31T00:00:00Z',
    bid: null,
    ask: '0.041',
    mark: '0.04075201',
    markIv: '61.5',
    underlyingUsd: '43210.123456',
  });
});

test('faults that pass are borne; those that stay end after five attempts, with the venue’s name', async () => {
  const { venue } = await connect({
    fault: (request) => (request < 3 ? 429 : request < 6 || request === 9 ? 'hang-up' : null),
  });
  const { rows } = await venue('binance').fetchDailyBars(TODAY - 3 * DAY_MS, TODAY, new Set(['BTC']));
  expect(rows).toHaveLength(3);
  const down = await connect({ fault: () => 500 });
  await expect(down.venue('kraken').markets()).rejects.toMatchObject({
    code: 'SOURCE_UNREACHABLE',
    message: expect.stringContaining('kraken markets: no answer after 5 attempts'),
  });
  expect(down.server.requests()).toHaveLength(5);
});

test('market caps are paged with all their digits, and a ticker that two coins claim goes to the larger', async () => {
  const { server } = await connect();
  const timeMs = Date.UTC(2023, 11, 1);
  const options = { baseUrl: server.url, timeMs, limit: 500, allowPrivate: true };
  const { rows, malformed } = await fetchMarketCaps(options);
  expect(malformed).toEqual([]);
  expect(rows).toEqual(universe.rows('simulated-list.market-caps', timeMs, timeMs + 1).rows);
  expect((await fetchMarketCaps({ ...options, limit: 7 })).rows).toHaveLength(7);
  await expect(fetchMarketCaps({ ...options, allowPrivate: false })).rejects.toMatchObject({
    code: 'ARGUMENT_INVALID',
  });
});

test('live is chosen when a venue answers: history is read once, and a new day alone is added to it', async () => {
  let now = NOW;
  const { server } = await connect({ nowMs: () => now });
  const live = {
    baseUrls: { binance: server.url, coinbase: server.url, kraken: server.url, coingecko: server.url },
    assets: 5,
    venues: ['kraken', 'binance'] as const,
  };
  const feed = await openMarketFeed({ historyDays: 30, nowMs: () => now, live });
  closing.push(() => feed.close());
  expect(feed.mode).toBe('live');
  expect(feed.describe).toMatch(/^live from binance, kraken/);
  expect(feed.range()).toEqual({ fromMs: TODAY - 30 * DAY_MS, toMs: TODAY });
  expect(feed.streams.map(({ name }) => name)).toEqual([
    'binance.bars.1d',
    'kraken.bars.1d',
    'binance.funding.1d',
    'coingecko.market-caps',
  ]);
  const caps = await feed.fetch('coingecko.market-caps', TODAY - DAY_MS, TODAY);
  expect(caps.rows).toHaveLength(5);
  const first = await feed.fetch('binance.bars.1d', TODAY - 30 * DAY_MS, TODAY - 20 * DAY_MS);
  const asked = server.requests().length;
  const second = await feed.fetch('binance.bars.1d', TODAY - 20 * DAY_MS, TODAY);
  expect(server.requests().length).toBe(asked);
  const assets = new Set(caps.rows.map(({ asset }) => asset!));
  expect([...first.rows, ...second.rows]).toEqual(
    truth('simulated-a.bars.1d', TODAY - 30 * DAY_MS, TODAY, assets),
  );
  now += DAY_MS;
  const { rows } = await feed.fetch('binance.bars.1d', TODAY, TODAY + DAY_MS);
  expect(rows.length).toBe(assets.size);
  expect(
    server
      .requests()
      .slice(asked)
      .filter((url) => url.includes('/klines'))
      .every((url) => url.includes(`startTime=${TODAY}`)),
  ).toBe(true);
});

test('when live was asked for and nobody answers, it says so; when it was not, the market is simulated', async () => {
  const { server } = await connect({ fault: () => 500 });
  const live = {
    baseUrls: { binance: server.url, coinbase: server.url, kraken: server.url, coingecko: server.url },
  };
  await expect(openMarketFeed({ choice: 'live', nowMs: () => NOW, live })).rejects.toMatchObject({
    code: 'SOURCE_UNREACHABLE',
  });
  const feed = await openMarketFeed({ nowMs: () => NOW, live });
  expect(feed.mode).toBe('simulated');
  expect(feed.describe).toMatch(/^SIMULATED .*no live venue answers$/);
});

test('a venue that is silent at the start has its streams and comes later; without the list of the largest the feed goes on', async () => {
  const down = { kraken: true };
  const { server } = await connect({
    fault: (_, path) =>
      path.startsWith('/api/v3/coins') || (down.kraken && path.startsWith('/0/public')) ? 500 : null,
  });
  const feed = await openMarketFeed({
    choice: 'live',
    historyDays: 10,
    // Nine minutes after midnight the day before is not over yet.
    nowMs: () => TODAY + 9 * 60_000,
    live: {
      baseUrls: { binance: server.url, kraken: server.url, coingecko: server.url },
      venues: ['binance', 'kraken'],
      assets: 3,
      firstBackoffMs: 1,
    },
  });
  closing.push(() => feed.close());
  expect(feed.describe).toMatch(/^live from binance and coingecko \(kraken did not answer yet\)/);
  const { toMs } = feed.range();
  expect(toMs).toBe(TODAY - DAY_MS);
  const { rows } = await feed.fetch('binance.bars.1d', toMs - 5 * DAY_MS, toMs);
  const assets = new Set(rows.map(({ asset }) => asset));
  expect(assets.size).toBeGreaterThan(0);
  expect(assets.size).toBeLessThanOrEqual(3);
  await expect(feed.fetch('kraken.bars.1d', toMs - 5 * DAY_MS, toMs)).rejects.toMatchObject({
    code: 'SOURCE_UNREACHABLE',
  });
  down.kraken = false;
  expect((await feed.fetch('kraken.bars.1d', toMs - 5 * DAY_MS, toMs)).rows.length).toBeGreaterThan(0);
}, 30_000);
