import { Agent } from 'node:http';
import { AssayError, compareDecimal, type Decimal, isDecimal, normaliseDecimal } from '@assay/core';
import ccxt, { type Exchange } from 'ccxt';
import { boundedRetry, type RetryPace } from '../bounded-retry.ts';
import { instantOf } from '../streams.ts';
import { collectRows, DAY_MS, dayStart, type MarketRows } from './market-rows.ts';
import { dailyFunding } from './recorded-universe.ts';

/** Venues that are asked, with the currency whose markets count as dollars there. */
export const MARKET_VENUES = {
  binance: { quote: 'USDT', page: 1000, funding: true },
  coinbase: { quote: 'USD', page: 300, funding: false },
  kraken: { quote: 'USD', page: 720, funding: false },
  deribit: { quote: 'USD', page: 0, funding: true },
} as const;
export type MarketVenue = keyof typeof MARKET_VENUES;

export interface VenueOptions extends RetryPace {
  nowMs: () => number;
  /** Where to ask instead of the venue's public addresses. */
  baseUrl?: string | undefined;
  /** Wait between requests as the venue demands. */
  rateLimit: boolean;
  /** Asset of a venue's market when the ticker does not say it; null leaves the market out. */
  assetOf?: ((venue: MarketVenue, market: { id: string; base: string }) => string | null) | undefined;
}

/** One market of a venue, under the name that its asset has with us. */
export interface VenueMarket {
  asset: string;
  /** The venue's own name of it. */
  id: string;
  symbol: string;
  kind: 'spot' | 'perpetual';
}

export interface Trade {
  time: string;
  id: string;
  price: Decimal;
  amount: Decimal;
  side: 'buy' | 'sell' | null;
}

export interface OrderBook {
  /** Best first. */
  bids: [price: Decimal, amount: Decimal][];
  asks: [price: Decimal, amount: Decimal][];
}

export interface OptionQuote {
  id: string;
  asset: string;
  expiry: string;
  strike: Decimal;
  type: 'call' | 'put';
  /** Prices in units of the asset, as Deribit quotes them. */
  bid: Decimal | null;
  ask: Decimal | null;
  mark: Decimal | null;
  /** In percent a year. */
  markIv: Decimal | null;
  underlyingUsd: Decimal | null;
  openInterest: Decimal | null;
  volume24h: Decimal | null;
}

const REQUEST_TIMEOUT_MS = 15_000;
/** Bounds of one call. */
const MAX_PAGES = 1_000;
const MAX_OPTIONS = 20_000;
const MAX_LEVELS = 1_000;
/** Binance keeps a month of daily open interest. */
const OPEN_INTEREST_DAYS = 29;

/** What one venue publishes, through ccxt, in exact decimal strings. Only days that are over are given. */
export class VenueClient {
  readonly venue: MarketVenue;
  readonly #options: VenueOptions;
  readonly #client: Exchange;
  readonly #agent = new Agent({ keepAlive: true });
  #markets: Promise<{ markets: VenueMarket[]; duplicates: AssayError[] }> | null = null;

  constructor(venue: MarketVenue, options: VenueOptions) {
    this.venue = venue;
    this.#options = options;
    const { baseUrl, rateLimit } = options;
    this.#client = new ccxt[venue]({
      // Strings instead of floats: prices keep every digit that the venue sent.
      number: String,
      enableRateLimit: rateLimit,
      timeout: REQUEST_TIMEOUT_MS,
      options: { fetchMarkets: venue === 'binance' ? { types: ['spot', 'linear'] } : undefined },
      ...(baseUrl?.startsWith('http:') ? { agent: this.#agent } : {}),
    }) as Exchange;
    if (baseUrl !== undefined) {
      const api = this.#client.urls.api as Record<string, string>;
      for (const [name, url] of Object.entries(api))
        if (typeof url === 'string') api[name] = url.replace(/^https:\/\/[^/]+/, baseUrl);
    }
  }

  /**
   * The active markets against the venue's dollar. Two markets of one kind whose asset has the same ticker are told
   * apart by `assetOf` alone; without it none of them is given, and `duplicates` names them: a wrong price is worse than none.
   */
  markets(signal?: AbortSignal): Promise<{ markets: VenueMarket[]; duplicates: AssayError[] }> {
    this.#markets ??= this.#loadMarkets(signal).catch((error) => {
      this.#markets = null;
      throw error;
    });
    return this.#markets;
  }

  /** Daily bars of spot markets with days in [fromMs, toMs). @throws SOURCE_UNREACHABLE after bounded retries. */
  async fetchDailyBars(
    fromMs: number,
    toMs: number,
    assets?: ReadonlySet<string>,
    signal?: AbortSignal,
  ): Promise<MarketRows> {
    const { markets, duplicates } = await this.markets(signal);
    const raw: { timeMs: number; values: Record<string, unknown> }[] = [];
    const failed: AssayError[] = [];
    for (const { asset, symbol, kind } of markets) {
      if (kind !== 'spot' || (assets && !assets.has(asset))) continue;
      const page = MARKET_VENUES[this.venue].page - 1;
      const end = Math.min(toMs, dayStart(this.#options.nowMs()));
      const own: typeof raw = [];
      let whole = true;
      for (let at = fromMs; at < end; at += page * DAY_MS) {
        const until = Math.min(at + page * DAY_MS, end);
        const candles = await this.#lenient(failed, `${this.venue} ${symbol}`, signal, () =>
          this.#client.fetchOHLCV(
            symbol,
            '1d',
            at,
            page + 1,
            this.venue === 'kraken' ? {} : { until: until - 1 },
          ),
        );
        for (const [time, open, high, low, close, volume] of (candles ?? []) as unknown[][]) {
          if (Number(time) >= at && Number(time) < until)
            own.push({ timeMs: Number(time), values: { asset, open, high, low, close, volume } });
        }
        whole = candles !== null;
        if (!whole) break;
      }
      // A part of a history would be signed as the whole of it: none is better, and the failure names the market.
      if (whole) raw.push(...own);
    }
    const { rows, malformed } = collectRows(`${this.venue}.bars.1d`, 'bars', raw);
    return { rows, malformed: [...duplicates, ...failed, ...malformed] };
  }

  /** Funding of perpetuals, summed by day, with the open interest at the day's end where the venue tells it. */
  async fetchFunding(
    fromMs: number,
    toMs: number,
    assets?: ReadonlySet<string>,
    signal?: AbortSignal,
  ): Promise<MarketRows> {
    const { markets } = await this.markets(signal);
    const all: MarketRows = { rows: [], malformed: [] };
    const end = Math.min(toMs, dayStart(this.#options.nowMs()));
    for (const market of markets) {
      if (market.kind !== 'perpetual' || (assets && !assets.has(market.asset))) continue;
      const payments = await this.#fundingPayments(market, fromMs, end, all.malformed, signal);
      const interest = await this.fetchOpenInterest(market, fromMs, end, signal, all.malformed);
      const { rows, malformed } = dailyFunding(
        `${this.venue}.funding.1d`,
        payments,
        (_, day) => interest.get(day) ?? null,
      );
      all.rows.push(...rows);
      all.malformed.push(...malformed);
    }
    const raw = all.rows.map(({ time, ...values }) => ({ timeMs: Date.parse(time), values }));
    const { rows, malformed } = collectRows(`${this.venue}.funding.1d`, 'funding', raw);
    return { rows, malformed: [...all.malformed, ...malformed] };
  }

  /** Open interest in dollars at the end of each day; empty where the venue keeps no history of it. */
  async fetchOpenInterest(
    market: VenueMarket,
    fromMs: number,
    toMs: number,
    signal?: AbortSignal,
    failed: AssayError[] = [],
  ): Promise<Map<number, Decimal>> {
    const byDay = new Map<number, Decimal>();
    const since = Math.max(fromMs, dayStart(this.#options.nowMs()) - OPEN_INTEREST_DAYS * DAY_MS);
    if (this.venue !== 'binance' || since >= toMs) return byDay;
    // What was open at the start of a day is what was open at the end of the day before.
    const found = await this.#lenient(failed, `${this.venue} open interest of ${market.symbol}`, signal, () =>
      this.#client.fetchOpenInterestHistory(market.symbol, '1d', since + 1, OPEN_INTEREST_DAYS + 1, {
        until: toMs,
      }),
    );
    for (const { timestamp, openInterestValue } of found ?? []) {
      const value = decimalOrNull(openInterestValue);
      if (value !== null && timestamp !== undefined) byDay.set(dayStart(timestamp - 1), value);
    }
    return byDay;
  }

  /** Public trades with time in [fromMs, toMs), as far back as the venue keeps them. At most 1,000 pages. */
  async fetchTrades(
    market: VenueMarket,
    fromMs: number,
    toMs: number,
    signal?: AbortSignal,
  ): Promise<Trade[]> {
    const trades = new Map<string, Trade>();
    let since = fromMs;
    for (let page = 0; page < MAX_PAGES && since < toMs; page++) {
      const found = await this.#retry(`${this.venue} trades of ${market.symbol}`, signal, () =>
        this.#client.fetchTrades(
          market.symbol,
          since,
          1000,
          this.venue === 'kraken' ? {} : { until: toMs - 1 },
        ),
      );
      let latest = since;
      let fresh = 0;
      for (const trade of found) {
        const time = Number(trade.timestamp);
        latest = Math.max(latest, time);
        const price = decimalOrNull(trade.price);
        const amount = decimalOrNull(trade.amount);
        const key = trade.id ?? `${time} ${price} ${amount} ${trade.side}`;
        if (!(time >= fromMs && time < toMs) || price === null || amount === null || trades.has(key))
          continue;
        fresh += 1;
        const side = trade.side === 'buy' || trade.side === 'sell' ? trade.side : null;
        trades.set(key, { time: new Date(time).toISOString(), id: key, price, amount, side });
      }
      // Coinbase gives the newest trades of a window, all at once; an empty Binance window is an hour without a trade.
      if (this.venue === 'coinbase' || (fresh === 0 && this.venue !== 'binance')) break;
      since = fresh > 0 ? Math.max(latest, since + 1) : since + 3_600_000;
    }
    return [...trades.values()].sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0));
  }

  /** The order book as it is now, best prices first. */
  async fetchOrderBook(market: VenueMarket, levels = 100, signal?: AbortSignal): Promise<OrderBook> {
    const book = await this.#retry(`${this.venue} order book of ${market.symbol}`, signal, () =>
      this.#client.fetchOrderBook(market.symbol, Math.min(levels, MAX_LEVELS)),
    );
    // ccxt sorts as text when numbers are texts, so that 9 would come before 10.
    const side = (found: unknown[][], sign: 1 | -1) =>
      found
        .map(([price, amount]): [Decimal, Decimal] => [
          decimal(price, 'a price'),
          decimal(amount, 'an amount'),
        ])
        .sort(([a], [b]) => sign * compareDecimal(a, b))
        .slice(0, levels);
    return { bids: side(book.bids as unknown[][], -1), asks: side(book.asks as unknown[][], 1) };
  }

  /** Every listed option of an asset with its quote, by expiry and strike. Deribit only. */
  async fetchOptionChain(asset: string, signal?: AbortSignal): Promise<OptionQuote[]> {
    await this.markets(signal);
    const chain = await this.#retry(`${this.venue} options of ${asset}`, signal, () =>
      this.#client.fetchOptionChain(asset),
    );
    const quotes: OptionQuote[] = [];
    for (const option of Object.values(chain).slice(0, MAX_OPTIONS)) {
      const info = option.info as Record<string, unknown>;
      const id = String(info.instrument_name);
      const market = this.#client.markets_by_id?.[id]?.[0] as
        | { expiry?: number; strike?: unknown; optionType?: string }
        | undefined;
      const strike = decimalOrNull(market?.strike);
      // Listed after the markets were read: it is there next time.
      if (!market?.expiry || strike === null) continue;
      quotes.push({
        id,
        asset,
        expiry: instantOf(market.expiry),
        strike,
        type: market.optionType === 'put' ? 'put' : 'call',
        bid: decimalOrNull(option.bidPrice),
        ask: decimalOrNull(option.askPrice),
        mark: decimalOrNull(option.markPrice),
        markIv: decimalOrNull(info.mark_iv),
        underlyingUsd: decimalOrNull(option.underlyingPrice),
        openInterest: decimalOrNull(option.openInterest),
        volume24h: decimalOrNull(option.baseVolume),
      });
    }
    return quotes.sort(
      (a, b) =>
        a.expiry.localeCompare(b.expiry) ||
        compareDecimal(a.strike, b.strike) ||
        a.type.localeCompare(b.type),
    );
  }

  async close(): Promise<void> {
    this.#agent.destroy();
    await this.#client.close();
  }

  async #fundingPayments(
    { asset, symbol }: VenueMarket,
    fromMs: number,
    toMs: number,
    failed: AssayError[],
    signal: AbortSignal | undefined,
  ): Promise<{ timeMs: number; asset: string; rate: string }[]> {
    const payments: { timeMs: number; asset: string; rate: string }[] = [];
    // Hourly payments of 30 days and eight-hourly ones of 333 fit into one page of either venue.
    const step = (this.venue === 'deribit' ? 29 : 300) * DAY_MS;
    for (let at = fromMs; at < toMs; at += step) {
      const until = Math.min(at + step, toMs);
      const found = await this.#lenient(failed, `${this.venue} funding of ${symbol}`, signal, () =>
        this.#client.fetchFundingRateHistory(symbol, at, 1000, { until: until - 1 }),
      );
      for (const { timestamp, fundingRate, info } of found ?? []) {
        const timeMs = Number(timestamp);
        // Deribit states each hour the rate of eight hours and that of the hour itself, which is what is paid.
        const rate = this.venue === 'deribit' ? info?.interest_1h : fundingRate;
        if (timeMs >= at && timeMs < until) payments.push({ timeMs, asset, rate: String(rate) });
      }
      // A part of it would be signed as the whole.
      if (found === null) return [];
    }
    return payments.sort((a, b) => a.timeMs - b.timeMs);
  }

  async #loadMarkets(signal: AbortSignal | undefined) {
    const { assetOf } = this.#options;
    const listed = await this.#retry(`${this.venue} markets`, signal, () => this.#client.fetchMarkets());
    this.#client.setMarkets(listed);
    const { quote } = MARKET_VENUES[this.venue];
    const found: VenueMarket[] = [];
    for (const market of listed) {
      const kind = market?.spot ? 'spot' : market?.swap ? 'perpetual' : null;
      if (!market || kind === null || market.active === false || market.quote !== quote) continue;
      const { id, base, symbol } = market as { id: string; base: string; symbol: string };
      const asset = assetOf ? assetOf(this.venue, { id, base }) : base.toUpperCase();
      // Perpetuals of one asset differ in what they settle in: the first listed one stands for all.
      if (
        asset !== null &&
        !(kind === 'perpetual' && found.some((other) => other.kind === kind && other.asset === asset))
      )
        found.push({ asset, id, symbol, kind });
    }
    const byAsset = new Map<string, VenueMarket[]>();
    for (const market of found) {
      const key = `${market.kind} ${market.asset}`;
      byAsset.set(key, [...(byAsset.get(key) ?? []), market]);
    }
    const duplicates = [...byAsset.values()]
      .filter((same) => same.length > 1)
      .map(
        (same) =>
          new AssayError(
            'ROW_MALFORMED',
            `${this.venue}: expected one market for ${same[0]!.asset}, got ${same.map(({ id }) => id).join(' and ')}`,
            { next: 'say which asset each of them is; until then none of them is used' },
          ),
      );
    const markets = [...byAsset.values()].flatMap((same) => (same.length === 1 ? same : []));
    return { markets: markets.sort((a, b) => (a.asset < b.asset ? -1 : 1)), duplicates };
  }

  /** Null, and a report, when this one market does not answer as it should; @throws SOURCE_UNREACHABLE when the venue does not answer. */
  async #lenient<T>(
    failed: AssayError[],
    what: string,
    signal: AbortSignal | undefined,
    work: () => Promise<T>,
  ): Promise<T | null> {
    try {
      return await this.#retry(what, signal, work);
    } catch (error) {
      if (!(error instanceof AssayError) || error.cause instanceof ccxt.NetworkError || signal?.aborted)
        throw error;
      failed.push(error);
      return null;
    }
  }

  async #retry<T>(what: string, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    signal?.throwIfAborted();
    return boundedRetry(work, {
      ...this.#options,
      mayPass: (error) => error instanceof ccxt.NetworkError,
      giveUp: (error, attempts) => {
        const message = (error instanceof Error ? error.message : String(error))
          .replace(/\s+/g, ' ')
          .slice(0, 200);
        return new AssayError(
          'SOURCE_UNREACHABLE',
          `${what}: no answer after ${attempts} attempts: ${message}`,
          {
            next: 'check the network; what is missing is asked for again next time',
            cause: error,
          },
        );
      },
      signal,
    });
  }
}

function decimal(value: unknown, what: string): Decimal {
  const found = decimalOrNull(value);
  if (found !== null) return found;
  throw new AssayError(
    'ROW_MALFORMED',
    `expected ${what}, got ${JSON.stringify(value)?.slice(0, 60) ?? 'nothing'}`,
  );
}

function decimalOrNull(value: unknown): Decimal | null {
  if (value === undefined || value === null) return null;
  try {
    const found = normaliseDecimal(String(value));
    return isDecimal(found) ? found : null;
  } catch {
    return null;
  }
}
