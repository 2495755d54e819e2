import type { AddressInfo } from 'node:net';
import fastify from 'fastify';
import type { Fault } from '../replay-server.ts';
import { DAY_MS, type MarketRecord } from './market-rows.ts';
import type { SimulatedUniverse } from './simulated-universe.ts';

export interface WireServer {
  /** Base address for every venue: each has its own paths. */
  url: string;
  requests(): string[];
  close(): Promise<void>;
}

const BINANCE_MAX = 1000;
const COINBASE_MAX = 350;
const KRAKEN_DEPTH = 720;
const FUNDING_HOURS = [0, 8, 16];
const COINGECKO_MAX = 250;
type Query = Record<string, string | undefined>;

/**
 * An HTTP server on loopback that answers for Binance, Coinbase, Kraken, Deribit and CoinGecko in their own wire
 * formats from a simulated universe: its three venues stand for the first three. Nothing in the future of `nowMs` is
 * served; the candle of the running day is, as the real venues do.
 */
export async function startWireServer(
  universe: SimulatedUniverse,
  options: {
    nowMs: () => number;
    fault?: (request: number, path: string) => Fault;
    /** A second Kraken market under a ticker that is already taken. */
    duplicate?: string;
  },
): Promise<WireServer> {
  const app = fastify({ forceCloseConnections: true });
  const seen: string[] = [];
  app.addHook('onRequest', async (request, reply) => {
    const fault = options.fault?.(seen.length, request.url) ?? null;
    seen.push(request.url);
    if (fault === 'hang-up') request.raw.socket.destroy();
    else if (fault !== null) return reply.code(fault).send({ code: -1003, msg: 'planned fault' });
  });
  const [binance, coinbase, kraken] = ['simulated-a', 'simulated-b', 'simulated-c'].map((venue) =>
    byAsset(universe, `${venue}.bars.1d`),
  ) as [Bars, Bars, Bars];
  const funding = byAsset(universe, 'simulated-perpetuals.funding.1d');
  const within = (rows: readonly MarketRecord[] | undefined, fromMs: number, toMs: number) =>
    (rows ?? []).filter(({ time }) => {
      const ms = Date.parse(time);
      return ms >= fromMs && ms <= Math.min(toMs, options.nowMs());
    });

  // https://developers.binance.com/docs/binance-spot-api-docs
  app.get('/api/v3/exchangeInfo', () => ({
    symbols: [...binance.keys()].map((base) => binanceSymbol(base, 'spot')),
  }));
  app.get<{ Querystring: Query }>('/api/v3/klines', (request, reply) => {
    const { symbol = '', interval, startTime = '0', endTime = '9e15', limit = '500' } = request.query;
    const rows = binance.get(symbol.replace(/USDT$/, ''));
    if (!rows) return reply.code(400).send({ code: -1121, msg: 'Invalid symbol.' });
    if (interval !== '1d') return reply.code(400).send({ code: -1120, msg: 'Invalid interval.' });
    return within(rows, Number(startTime), Number(endTime))
      .slice(0, Math.min(Number(limit), BINANCE_MAX))
      .map((row) => {
        const at = Date.parse(row.time);
        return [
          at,
          row.open,
          row.high,
          row.low,
          row.close,
          row.volume,
          at + DAY_MS - 1,
          '0',
          0,
          '0',
          '0',
          '0',
        ];
      });
  });
  app.get<{ Querystring: Query }>('/api/v3/aggTrades', (request) => {
    const { startTime = '0', endTime = '9e15', limit = '500' } = request.query;
    // A trade a second for ten minutes of each hour, half of them the buyer's.
    const trades = [];
    for (
      let at = Math.ceil(Number(startTime) / 1000) * 1000;
      at <= Number(endTime) && trades.length < Number(limit);
      at += 1000
    ) {
      if (Math.floor(at / 60_000) % 60 >= 10) continue;
      trades.push({
        a: at / 1000,
        p: `4200${at % 7000}.10`,
        q: '0.00001000',
        f: 1,
        l: 1,
        T: at,
        m: at % 2000 === 0,
        M: true,
      });
    }
    return trades;
  });
  app.get<{ Querystring: Query }>('/api/v3/depth', () => ({
    lastUpdateId: 1,
    bids: [
      ['99.50', '1.0'],
      ['100.10', '2'],
      ['9.00', '3'],
    ],
    asks: [
      ['1000.5', '4'],
      ['101.00', '5.50'],
      ['200', '6'],
    ],
  }));
  app.get('/fapi/v1/exchangeInfo', () => ({
    symbols: [...funding.keys()].map((base) => binanceSymbol(base, 'perpetual')),
  }));
  app.get<{ Querystring: Query }>('/fapi/v1/fundingRate', (request) => {
    const { symbol = '', startTime = '0', endTime = '9e15', limit = '100' } = request.query;
    return (funding.get(symbol.replace(/USDT$/, '')) ?? [])
      .flatMap((row) =>
        FUNDING_HOURS.map((hour, i) => ({
          symbol,
          // Payments come some milliseconds late.
          fundingTime: Date.parse(row.time) + hour * 3_600_000 + i,
          fundingRate: paymentOf(row.rate!, i),
          markPrice: '1',
        })),
      )
      .filter(
        ({ fundingTime }) =>
          fundingTime >= Number(startTime) && fundingTime <= Math.min(Number(endTime), options.nowMs()),
      )
      .slice(0, Math.min(Number(limit), BINANCE_MAX));
  });
  app.get<{ Querystring: Query }>('/futures/data/openInterestHist', (request, reply) => {
    const { symbol = '', period, startTime = '0', endTime = '9e15', limit = '30' } = request.query;
    if (period !== '1d' || Number(startTime) < options.nowMs() - 31 * DAY_MS)
      return reply.code(400).send({ code: -1130, msg: "parameter 'startTime' is invalid." });
    return (funding.get(symbol.replace(/USDT$/, '')) ?? [])
      .map((row) => ({
        symbol,
        sumOpenInterest: '1',
        sumOpenInterestValue: row.openInterestUsd,
        timestamp: Date.parse(row.time) + DAY_MS,
      }))
      .filter(
        ({ timestamp }) =>
          timestamp >= Number(startTime) && timestamp <= Math.min(Number(endTime), options.nowMs()),
      )
      .slice(0, Number(limit));
  });

  // https://docs.cdp.coinbase.com: Advanced Trade, public market data
  app.get<{ Querystring: Query }>('/api/v3/brokerage/market/products', (request) => ({
    products: request.query.product_type
      ? []
      : [...coinbase.keys()].map((base) => ({
          product_id: `${base}-USD`,
          base_currency_id: base,
          quote_currency_id: 'USD',
          product_type: 'SPOT',
          status: 'online',
          trading_disabled: false,
          base_increment: '0.00000001',
          quote_increment: '0.01',
          price_increment: '0.01',
          base_min_size: '0.00000001',
          base_max_size: '1000',
          quote_min_size: '1',
          quote_max_size: '1000000',
          alias_to: [],
        })),
  }));
  app.get<{ Params: { id: string }; Querystring: Query }>(
    '/api/v3/brokerage/market/products/:id/candles',
    (request, reply) => {
      const { start, end, granularity } = request.query;
      const rows = coinbase.get(request.params.id.replace(/-USD$/, ''));
      const asked = (Number(end) - Number(start)) / 86_400;
      if (!rows || granularity !== 'ONE_DAY' || !(asked >= 0 && asked <= COINBASE_MAX))
        return reply
          .code(400)
          .send({ error: 'INVALID_ARGUMENT', error_details: 'refused', message: 'refused' });
      const candles = within(rows, Number(start) * 1000, Number(end) * 1000).map(
        ({ time, open, high, low, close, volume }) => ({
          start: String(Date.parse(time) / 1000),
          low,
          high,
          open,
          close,
          volume,
        }),
      );
      return { candles: candles.reverse() };
    },
  );

  // https://docs.kraken.com/api/docs/rest-api
  app.get('/0/public/AssetPairs', () => {
    const pair = (id: string, base: string) => [
      id,
      {
        altname: id,
        wsname: `${base}/USD`,
        aclass_base: 'currency',
        base: base === 'BTC' ? 'XXBT' : base,
        aclass_quote: 'currency',
        quote: 'ZUSD',
        pair_decimals: 5,
        lot_decimals: 8,
        lot_multiplier: 1,
        leverage_buy: [],
        leverage_sell: [],
        fees: [[0, 0.26]],
        fees_maker: [[0, 0.16]],
        ordermin: '1',
        status: 'online',
      },
    ];
    const { duplicate } = options;
    const pairs = [...kraken.keys()].map((base) => pair(krakenId(base), base));
    return {
      error: [],
      result: Object.fromEntries([...pairs, ...(duplicate ? [pair(`${duplicate}2USD`, duplicate)] : [])]),
    };
  });
  app.get<{ Querystring: Query }>('/0/public/OHLC', (request) => {
    const { pair = '', interval, since = '0' } = request.query;
    const rows = [...kraken].find(([base]) => krakenId(base) === pair)?.[1];
    if (!rows) return { error: ['EQuery:Unknown asset pair'] };
    if (interval !== '1440') return { error: ['EGeneral:Invalid arguments'] };
    const served = within(rows, 0, Number.MAX_SAFE_INTEGER)
      .slice(-KRAKEN_DEPTH)
      .map(
        ({ time, open, high, low, close, volume }) =>
          [Date.parse(time) / 1000, open, high, low, close, '0', volume, 0] as const,
      );
    return {
      error: [],
      result: { [pair]: served.filter(([at]) => at > Number(since) - 1), last: served.at(-2)?.[0] ?? 0 },
    };
  });

  // https://docs.deribit.com
  const expiries = [30, 90].map((days) => universe.endMs + days * DAY_MS);
  const strikes = [30_000, 40_000, 42_500.5];
  const optionsOf = (base: string) =>
    expiries.flatMap((expiry) =>
      strikes.flatMap((strike) =>
        (['call', 'put'] as const).map((type) => ({
          name: `${base}-${expiry}-${String(strike).replace('.', 'd')}-${type === 'call' ? 'C' : 'P'}`,
          expiry,
          strike,
          type,
        })),
      ),
    );
  app.get('/api/v2/public/get_instruments', () => ({
    jsonrpc: '2.0',
    result: ['BTC', 'ETH'].flatMap((base) => [
      deribitInstrument(`${base}-PERPETUAL`, base, {
        kind: 'future',
        settlement_period: 'perpetual',
        expiration_timestamp: 32_503_708_800_000,
      }),
      ...optionsOf(base).map(({ name, expiry, strike, type }) =>
        deribitInstrument(name, base, {
          kind: 'option',
          settlement_period: 'month',
          expiration_timestamp: expiry,
          strike,
          option_type: type,
        }),
      ),
    ]),
  }));
  app.get<{ Querystring: Query }>('/api/v2/public/get_book_summary_by_currency', (request) => ({
    jsonrpc: '2.0',
    result: optionsOf(request.query.currency ?? '').map(({ name, strike }) => ({
      instrument_name: name,
      base_currency: request.query.currency,
      quote_currency: request.query.currency,
      bid_price: strike === 40_000 ? null : 0.0405,
      ask_price: 0.041,
      mark_price: 0.04075201,
      mark_iv: 61.5,
      underlying_price: 43_210.123456,
      open_interest: 12.5,
      volume: 0,
      mid_price: null,
      creation_timestamp: universe.endMs,
    })),
  }));
  app.get<{ Querystring: Query }>('/api/v2/public/get_funding_rate_history', (request) => {
    const { start_timestamp = '0', end_timestamp = '0' } = request.query;
    const result = [];
    for (
      let at = Math.ceil(Number(start_timestamp) / 3_600_000) * 3_600_000;
      at <= Math.min(Number(end_timestamp), options.nowMs());
      at += 3_600_000
    )
      result.push({
        timestamp: at,
        index_price: 1,
        prev_index_price: 1,
        interest_8h: 0.00008,
        interest_1h: 0.00001,
      });
    return { jsonrpc: '2.0', result: result.slice(-744) };
  });

  // https://docs.coingecko.com/reference/coins-markets
  app.get<{ Querystring: Query }>('/api/v3/coins/markets', (request, reply) => {
    const { vs_currency, page = '1', per_page = '100' } = request.query;
    const size = Number(per_page);
    if (vs_currency !== 'usd' || !(size >= 1 && size <= COINGECKO_MAX))
      return reply.code(422).send({ error: 'Invalid per_page' });
    const month = new Date(options.nowMs());
    const first = Date.UTC(month.getUTCFullYear(), month.getUTCMonth());
    const rows = universe
      .rows('simulated-list.market-caps', first, first + 1)
      .rows.sort((a, b) => Number(a.rank) - Number(b.rank));
    reply.type('application/json');
    // Written by hand: the numbers on the wire are JSON numbers, with all their digits.
    return `[${rows
      .slice((Number(page) - 1) * size, Number(page) * size)
      .map(
        (row) =>
          `{"id":${JSON.stringify(row.name!.toLowerCase().replaceAll(' ', '-'))},"symbol":${JSON.stringify(row.symbol!.toLowerCase())},"name":${JSON.stringify(row.name)},"current_price":${row.priceUsd},"market_cap":${row.marketCapUsd},"market_cap_rank":${row.rank},"total_volume":${row.volumeUsd},"circulating_supply":${row.supply},"last_updated":"${new Date(options.nowMs()).toISOString()}"}`,
      )
      .join(',')}]`;
  });

  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, requests: () => [...seen], close: () => app.close() };
}

type Bars = Map<string, MarketRecord[]>;

/** Rows by asset, once for each universe: several servers may serve one. */
const ROWS = new WeakMap<SimulatedUniverse, Map<string, Bars>>();

function byAsset(universe: SimulatedUniverse, stream: string): Bars {
  const streams = ROWS.get(universe) ?? new Map<string, Bars>();
  ROWS.set(universe, streams);
  const found: Bars = streams.get(stream) ?? new Map();
  if (streams.has(stream)) return found;
  streams.set(stream, found);
  for (const row of universe.rows(stream, universe.startMs, universe.endMs).rows) {
    const rows = found.get(row.asset!) ?? [];
    rows.push(row);
    found.set(row.asset!, rows);
  }
  return found;
}

/** Three payments whose sum is the day's rate exactly: twice nothing but a ten-millionth, and the rest. */
function paymentOf(rate: string, place: number): string {
  return place === 0 ? '0.0000001' : place === 1 ? '-0.0000001' : rate;
}

function krakenId(base: string): string {
  return base === 'BTC' ? 'XXBTZUSD' : `${base}USD`;
}

function binanceSymbol(base: string, kind: 'spot' | 'perpetual') {
  return {
    symbol: `${base}USDT`,
    status: 'TRADING',
    baseAsset: base,
    quoteAsset: 'USDT',
    ...(kind === 'perpetual'
      ? {
          pair: `${base}USDT`,
          contractType: 'PERPETUAL',
          marginAsset: 'USDT',
          deliveryDate: 4_133_404_800_000,
        }
      : { isSpotTradingAllowed: true, permissions: ['SPOT'], permissionSets: [['SPOT']] }),
    filters: [
      { filterType: 'PRICE_FILTER', minPrice: '0.01', maxPrice: '1000000', tickSize: '0.01' },
      { filterType: 'LOT_SIZE', minQty: '0.00001', maxQty: '9000', stepSize: '0.00001' },
    ],
  };
}

function deribitInstrument(name: string, base: string, rest: Record<string, unknown>) {
  return {
    instrument_name: name,
    base_currency: base,
    counter_currency: 'USD',
    quote_currency: rest.kind === 'option' ? base : 'USD',
    settlement_currency: base,
    is_active: true,
    tick_size: 0.0005,
    min_trade_amount: 0.1,
    contract_size: 1,
    taker_commission: 0.0003,
    maker_commission: 0.0003,
    ...rest,
  };
}
