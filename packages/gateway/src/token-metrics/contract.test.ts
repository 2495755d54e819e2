/**
 * The format of Token Metrics' API, as its public SDK and MCP server read it: the members of each row and their types,
 * the envelope, days and pages. Rows carry `_proof`, because those clients merge pages and keep only rows.
 */
import type { AddressInfo } from 'node:net';
import { fromScaled, normaliseDecimal } from '@assay/core';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { FIXTURE_ODD, marketFixture } from '../market.fixture.ts';
import { marketNode } from '../market-node.fixture.ts';
import { createGateway, type Gateway } from '../server.ts';
import { foreignRow } from './foreign-row.ts';

type Row = Record<string, unknown> & { _proof: Record<string, unknown> };
type Answer = { success: boolean; message: string; length: number; data: Row[]; _evaluation?: unknown[] };

let gateway: Gateway;
let base: string;
beforeAll(async () => {
  gateway = await createGateway(marketNode(marketFixture({ assets: 150, days: 120 })));
  await gateway.listen({ host: '127.0.0.1', port: 0 });
  base = `http://127.0.0.1:${(gateway.server.address() as AddressInfo).port}`;
});
afterAll(() => gateway.close());

async function ask(path: string): Promise<Answer> {
  const answer = await fetch(`${base}/v2/${path}`, { headers: { 'x-api-key': 'any' } });
  expect(answer.status, path).toBe(200);
  return answer.json() as Promise<Answer>;
}

const TOKEN = { TOKEN_ID: 'number', TOKEN_NAME: 'string', TOKEN_SYMBOL: 'string' };
const DATED = { ...TOKEN, DATE: 'string' };
const TM_GRADE = {
  ...TOKEN,
  ...{ TM_GRADE: 'number', TM_GRADE_24h_PCT_CHANGE: 'number', TM_TRADER_GRADE_24H_CHANGE: 'number' },
  ...{
    FUNDAMENTAL_GRADE: 'number',
    FUNDAMENTAL_GRADE_CLASS: null,
    TM_GRADE_SIGNAL: 'string',
    MOMENTUM: null,
  },
};
const FUNDAMENTAL = {
  ...TOKEN,
  ...{ FUNDAMENTAL_GRADE: 'number', EXCHANGE_SCORE: 'number', FUNDAMENTAL_GRADE_CLASS: null },
  ...{ COMMUNITY_SCORE: null, VC_SCORE: null, TOKENOMICS_SCORE: null, DEFI_SCANNER_SCORE: null },
};
const LISTED = { ...TOKEN, EXCHANGE_LIST: 'object', CATEGORY_LIST: 'object', TM_LINK: 'string' };

/** null: a member that clients know and that nothing stands behind. */
const FIELDS: Record<string, Record<string, string | null>> = {
  'tokens?symbol=BTC': LISTED,
  'top-market-cap-tokens?top_k=3': LISTED,
  'price?symbol=BTC': { ...TOKEN, CURRENT_PRICE: 'number' },
  'daily-ohlcv?symbol=BTC': {
    ...{ ...TOKEN, TIMESTAMP: 'string', OPEN: 'number', HIGH: 'number', LOW: 'number', CLOSE: 'number' },
    VOLUME: 'number',
  },
  'tm-grade?symbol=BTC': TM_GRADE,
  'tm-grade-history?symbol=BTC': { ...TM_GRADE, DATE: 'string', TRADING_SIGNAL: 'number' },
  'fundamental-grade?symbol=BTC': FUNDAMENTAL,
  'fundamental-grade-history?symbol=BTC': { ...FUNDAMENTAL, DATE: 'string' },
  'trader-grades?symbol=BTC': {
    ...{ ...DATED, TA_GRADE: 'number', QUANT_GRADE: null, TM_TRADER_GRADE: 'number' },
    TM_TRADER_GRADE_24H_PCT_CHANGE: 'number',
  },
  'investor-grades?symbol=BTC': {
    ...{ ...DATED, TM_INVESTOR_GRADE: 'number', TM_INVESTOR_GRADE_7D_PCT_CHANGE: 'number' },
    ...{ FUNDAMENTAL_GRADE: 'number', TECHNOLOGY_GRADE: null, VALUATION_GRADE: null, DEFI_USAGE_SCORE: null },
    ...{ COMMUNITY_SCORE: null, EXCHANGE_SCORE: 'number', VC_SCORE: null, TOKENOMICS_SCORE: null },
    ...{ DEFI_SCANNER_SCORE: null, ACTIVITY_SCORE: null, SECURITY_SCORE: null, REPOSITORY_SCORE: null },
    COLLABORATION_SCORE: null,
  },
  'trading-signals?symbol=BTC': {
    ...{ ...DATED, TRADING_SIGNAL: 'number', TOKEN_TREND: 'number', TRADING_SIGNALS_RETURNS: 'number' },
    ...{
      HOLDING_RETURNS: 'number',
      TM_TRADER_GRADE: 'number',
      TM_INVESTOR_GRADE: 'number',
      TM_LINK: 'string',
    },
  },
  'market-metrics': {
    ...{ DATE: 'string', TOTAL_CRYPTO_MCAP: 'number', TM_GRADE_PERC_HIGH_COINS: 'number' },
    ...{ TM_GRADE_SIGNAL: null, LAST_TM_GRADE_SIGNAL: null },
  },
  'quantmetrics?symbol=BTC': {
    ...{ ...DATED, VOLATILITY: 'number', ALL_TIME_RETURN: 'number', CAGR: 'number', SHARPE: 'number' },
    ...{
      SORTINO: 'number',
      MAX_DRAWDOWN: 'number',
      SKEW: 'number',
      TAIL_RATIO: 'number',
      KURTOSIS: 'number',
    },
    ...{ DAILY_VALUE_AT_RISK: 'number', RISK_REWARD_RATIO: null, PROFIT_FACTOR: null },
    ...{ DAILY_RETURN_AVG: null, DAILY_RETURN_STD: null },
  },
  'resistance-support?symbol=BTC': { ...DATED, HISTORICAL_RESISTANCE_SUPPORT_LEVELS: 'object' },
  'correlation?symbol=BTC': { ...DATED, TOP_CORRELATION: 'object' },
  'price-prediction?symbol=BTC': { ...DATED, PRICE_PREDICTION: 'object' },
  'scenario-analysis?symbol=BTC': { ...DATED, SCENARIO_ANALYSIS: 'object', SCENARIO_PREDICTION: 'object' },
  indices: {
    ...{ ID: 'number', NAME: 'string', TICKER: 'string', PRICE: 'number', COINS: 'number', '24H': 'number' },
    ...{ '7D': 'number', '1M': 'number', '24H_VOLUME': null, INDEX_GRADE: null, ALL_TIME: 'number' },
    ...{ MARKET_CAP: null, TOP_GAINERS_ICONS: 'object' },
  },
  'indices-holdings?id=top-3': {
    ...{ ...DATED, COIN: 'string', CG_ID: null, WEIGHT: 'number', MARKET_CAP: 'number', PRICE: 'number' },
    ...{ CURRENT_ROI: null, TRADER_GRADE: 'number', TRADER_GRADE_CHANGE_24H: 'number', ICON: null },
  },
  'indices-performance?id=top-3': {
    ...{
      ID: 'number',
      DATE: 'string',
      INDEX_CUMULATIVE_ROI: 'number',
      MARKET_CAP: null,
      VOLUME: null,
      FDV: null,
    },
  },
  sentiments: {
    ...{ DATETIME: 'string', MARKET_SENTIMENT_GRADE: 'number', MARKET_SENTIMENT_LABEL: 'string' },
    ...{ NEWS_SENTIMENT_GRADE: 'number', NEWS_SENTIMENT_LABEL: 'string', NEWS_SUMMARY: 'string' },
    ...{ REDDIT_SENTIMENT_GRADE: null, REDDIT_SENTIMENT_LABEL: null, REDDIT_SUMMARY: null },
    ...{ TWITTER_SENTIMENT_GRADE: null, TWITTER_SENTIMENT_LABEL: null, TWITTER_SUMMARY: null },
  },
};

test.each(Object.entries(FIELDS))('%s has the members that clients read', async (path, fields) => {
  const { success, message, length, data } = await ask(path);
  expect(success).toBe(true);
  expect(message).toMatch(/^Data fetched successfully.*the data is simulated$/);
  expect(length).toBe(data.length);
  expect(length).toBeGreaterThan(0);
  for (const [name, type] of Object.entries(fields)) {
    expect(data[0], name).toHaveProperty(name);
    if (type === null) expect(data[0]![name], name).toBeNull();
    else expect(typeof data[0]![name], name).toBe(type);
  }
  const { record, bundle, statements, mode } = data[0]!._proof;
  expect(mode).toBe('simulated');
  if (statements) expect(data[0]!._proof.computed).toMatch(/^sum over \d+ assets/);
  else expect(bundle).toBe(`/v1/records/${record}/bundle`);
});

test.each([
  ['hourly-ohlcv?symbol=BTC', /nothing hourly/],
  ['hourly-trading-signals?token_id=1', /nothing hourly/],
  ['technology-grade?symbol=ETH', /no technology grade/],
  ['technology-grade-history?symbol=ETH', /no technology grade/],
  ['crypto-investors', /nothing is recorded about investors/],
  ['moonshot-tokens?type=active', /keeps no moonshots.*Steady large coins/],
  ['trader-indices', /no model portfolios/],
  ['investor-indices?limit=1000&page=0', /no model portfolios/],
  ['ai-reports?symbol=BTC', /no report/],
  ['indices?indicesType=active', /passive/],
  ['tokens?blockchain_address=ethereum:0x1', /no contract addresses/],
  ['trader-grades?fdv=100', /no fully diluted valuations/],
])('%s is empty and says why', async (path, reason) => {
  const { success, message, length, data } = await ask(path);
  expect({ success, length, data }).toEqual({ success: true, length: 0, data: [] });
  expect(message).toMatch(reason);
});

test('grades carry how good they have been; other figures do not', async () => {
  for (const path of ['tm-grade', 'trader-grades', 'investor-grades', 'fundamental-grade', 'trading-signals'])
    expect((await ask(path))._evaluation, path).toMatchObject([{ status: 'unknown' }, { status: 'fail' }]);
  expect((await ask('price'))._evaluation).toBeUndefined();
});

test('days are inclusive, newest first, and merge across the 29-day pieces of the clients without a gap', async () => {
  // As the SDK splits 2023-11-01 … 2024-01-31.
  const pieces = [
    ['2023-11-01', '2023-11-30'],
    ['2023-12-01', '2023-12-30'],
    ['2023-12-31', '2024-01-29'],
    ['2024-01-30', '2024-01-31'],
  ];
  const days: string[] = [];
  for (const [startDate, endDate] of pieces) {
    const { data } = await ask(
      `trader-grades?symbol=BTC&startDate=${startDate}&endDate=${endDate}&limit=50&page=1`,
    );
    const piece = data.map(({ DATE }) => DATE as string);
    expect(piece).toEqual([...piece].sort().reverse());
    days.push(...piece);
  }
  expect(new Set(days).size).toBe(92);
  expect([...days].sort().at(0)).toBe('2023-11-01');
  expect(days.length).toBe(92);
});

test('pages follow one another by market capitalisation, and end', async () => {
  const pages = await Promise.all([1, 2, 3, 4].map((page) => ask(`trader-grades?limit=50&page=${page}`)));
  // A rejected row and a coin without bars are not among 150; one row of 149 is withheld.
  expect(pages.map(({ length }) => length)).toEqual([50, 50, 49, 0]);
  expect(new Set(pages.flatMap(({ data }) => data.map(({ TOKEN_ID }) => TOKEN_ID))).size).toBe(149);
  expect(pages[0]!.data[0]!.TOKEN_SYMBOL).toBe('BTC');
  // Older clients count from 0, and ask for 1,000.
  expect((await ask('trader-grades?limit=1000&page=0')).length).toBe(149);
  expect(pages[2]!.message).toMatch(/1 row is withheld: rejected or flagged/);
});

test('tokens are found by number, ticker, name, venue and narrative; a ticker may belong to two', async () => {
  const { data } = await ask('tokens?symbol=btc');
  const { TOKEN_ID: id } = data[0]!;
  const names = async (query: string) =>
    (await ask(`tokens?${query}`)).data.map(({ TOKEN_NAME }) => TOKEN_NAME);
  expect(await names(`token_id=${id}`)).toEqual(['Bitcoin']);
  expect(await names('token_name=bitcoin,%20Solana')).toEqual(['Bitcoin', 'Solana']);
  expect(await names('symbol=LUNA')).toEqual(['Terra', 'Terra Classic']);
  expect(await names('category=layer%201')).toEqual(['Bitcoin', 'Ethereum', 'Solana']);
  expect(await names('category=meme')).toEqual([]);
  expect((await ask('tokens?exchange=kraken&limit=100')).data).toHaveLength(74);
  expect(await names('marketcap=1000000000&symbol=BTC,UNI')).toEqual(['Bitcoin']);
  expect((await ask('tokens?symbol=BTC,NOPE,NADA')).message).toMatch(
    /no token that is served has the symbol "NOPE", "NADA"/,
  );
});

test('filters by grade and signal keep what is above, and what is not known is not above anything', async () => {
  const strong = await ask('trader-grades?traderGrade=80&limit=1000');
  expect(strong.length).toBeGreaterThan(5);
  for (const { TM_TRADER_GRADE } of strong.data) expect(TM_TRADER_GRADE).toBeGreaterThanOrEqual(80);
  const all = await ask('trader-grades?traderGrade=0&limit=1000');
  expect(all.data.map(({ TOKEN_SYMBOL }) => TOKEN_SYMBOL)).not.toContain('UNI');
  const unfiltered = await ask(`trader-grades?symbol=UNI`);
  expect(unfiltered.data).toMatchObject([{ TM_TRADER_GRADE: null, _reason: 'fewer than 90 days of bars' }]);
  const flat = await ask('trading-signals?signal=0&limit=1000');
  expect(flat.length).toBeGreaterThan(3);
  // In the fixture every flat day follows a long week.
  for (const row of flat.data) expect(row).toMatchObject({ TRADING_SIGNAL: 0, TOKEN_TREND: 1 });
});

test('numbers agree with the recorded decimals, which stand beside those that a double cannot carry', async () => {
  const { data } = await ask('daily-ohlcv?symbol=BTC&startDate=2024-01-31&endDate=2024-01-31');
  const recorded = await fetch(`${base}/v1/market/figures/prices?keys=bitcoin`);
  const { rows } = (await recorded.json()) as { rows: { close: string; proof: { record: string } }[] };
  expect(String(data[0]!.CLOSE)).toBe(rows[0]!.close);
  expect(data[0]!._proof.record).toBe(rows[0]!.proof.record);
  const signals = await ask('trading-signals?symbol=BTC');
  expect(signals.data[0]).toMatchObject({ TRADING_SIGNALS_RETURNS: 0.1234, HOLDING_RETURNS: -0.056 });
  const { data: performance } = await ask(
    'indices-performance?id=top-3&startDate=2023-10-04&endDate=2024-01-31&limit=1000',
  );
  expect([performance.at(-1)!.INDEX_CUMULATIVE_ROI, performance[0]!.INDEX_CUMULATIVE_ROI]).toEqual([
    0, 0.2975,
  ]);
  const { data: indices } = await ask('indices');
  expect((await ask(`indices-holdings?id=${indices[0]!.ID}`)).data.map(({ WEIGHT }) => WEIGHT)).toEqual([
    60, 30, 10,
  ]);
});

test('a decimal is either what its JSON number prints as, or stands beside it', () => {
  const proof = { record: 'ab.0', served: null, level: null, decision: null, mode: 'simulated' as const };
  const decimals = fc
    .tuple(fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }), fc.integer({ min: 0, max: 25 }))
    .map(([digits, scale]) => fromScaled(digits, scale));
  fc.assert(
    fc.property(decimals, (decimal) => {
      const row = foreignRow([{ time: '2024-01-31T00:00:00Z', proof }], {}, { VALUE: decimal, NONE: null });
      const { exact } = row._proof as { exact?: { VALUE: string } };
      expect(row.NONE).toBeNull();
      expect(exact?.VALUE ?? normaliseDecimal(JSON.stringify(row.VALUE))).toBe(decimal);
    }),
  );
  expect(foreignRow([{ time: '', proof }], {}, { VALUE: '0.1' })._proof).not.toHaveProperty('exact');
  expect(foreignRow([{ time: '', proof }], {}, { VALUE: '12345678901234567.89' })._proof).toHaveProperty(
    'exact',
  );
});

test('what was rejected is not handed to clients that cannot read that it was', async () => {
  for (const path of ['tokens', 'price', 'daily-ohlcv', 'tm-grade', 'trading-signals', 'quantmetrics']) {
    expect((await ask(`${path}?token_name=Dogecoin`)).data, path).toEqual([]);
  }
  expect(FIXTURE_ODD.rejected).toBe('dogecoin');
});
