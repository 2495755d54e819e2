/**
 * Token Metrics' own TypeScript SDK, unchanged, reads this gateway: every endpoint that it has, and its merging of
 * long periods. The SDK (MIT) is not a dependency: build github.com/token-metrics/tmai-api-sdk-typescript and name the
 * built index.js in ASSAY_TMAI_SDK; without that this is skipped.
 */
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { marketFixture } from '../market.fixture.ts';
import { marketNode } from '../market-node.fixture.ts';
import { createGateway, type Gateway } from '../server.ts';

const sdk = process.env.ASSAY_TMAI_SDK;
if (!sdk) console.log('skipped: ASSAY_TMAI_SDK does not name a built tmai-api SDK');

type Rows = { success?: boolean; message?: string; data: Record<string, unknown>[] };
// biome-ignore lint/suspicious/noExplicitAny: the SDK's types are not here.
type Client = any;

describe.skipIf(!sdk)('the official SDK', () => {
  let gateway: Gateway;
  let client: Client;

  beforeAll(async () => {
    // It tells of every chunk.
    vi.spyOn(console, 'log').mockImplementation(() => {});
    const text = (records: string[]) => ({ text: 'Bitcoin closed at 41382.34471166.', records });
    gateway = await createGateway(marketNode(marketFixture({ assets: 120, days: 90 })), {
      tokenMetrics: { reporter: { report: () => text(['ab.0']), answer: () => text(['ab.0']) } },
    });
    await gateway.listen({ host: '127.0.0.1', port: 0 });
    const { port } = gateway.server.address() as AddressInfo;
    const { TokenMetricsClient } = createRequire(import.meta.url)(sdk!) as {
      TokenMetricsClient: new (key: string) => object;
    };
    // The SDK reads the address from its client's class.
    class Ours extends TokenMetricsClient {
      static BASE_URL = `http://127.0.0.1:${port}/v2`;
    }
    client = new Ours('any-key');
  });
  afterAll(() => gateway?.close());

  const period = { startDate: '2023-11-10', endDate: '2024-01-31' };
  const of = (rows: Rows) => rows.data;
  test.each<[name: string, call: () => Promise<Rows>, fields: string[], rows: number]>([
    ['tokens', () => client.tokens.get({ symbol: 'BTC,ETH' }), ['TOKEN_ID', 'TOKEN_NAME', 'TOKEN_SYMBOL'], 2],
    ['topMarketCapTokens', () => client.topMarketCapTokens.get({ top_k: 10 }), ['TOKEN_ID'], 10],
    ['price', () => client.price.get({ symbol: 'BTC' }), ['CURRENT_PRICE'], 1],
    [
      'dailyOhlcv',
      () => client.dailyOhlcv.get({ symbol: 'BTC', ...period }),
      ['OPEN', 'CLOSE', 'VOLUME'],
      83,
    ],
    ['hourlyOhlcv', () => client.hourlyOhlcv.get({ symbol: 'BTC', ...period }), [], 0],
    ['marketMetrics', () => client.marketMetrics.get({ ...period }), ['DATE', 'TOTAL_CRYPTO_MCAP'], 83],
    ['tradingSignals', () => client.tradingSignals.get({ symbol: 'BTC', ...period }), ['TRADING_SIGNAL'], 83],
    ['hourlyTradingSignals', () => client.hourlyTradingSignals.get({ token_id: '1' }), [], 0],
    ['tmGrades', () => client.tmGrades.get({ token_name: 'Bitcoin' }), ['TM_GRADE', 'FUNDAMENTAL_GRADE'], 1],
    [
      'tmGrades.getHistorical',
      () => client.tmGrades.getHistorical({ symbol: 'BTC', ...period, limit: 100, page: 1 }),
      ['TM_GRADE', 'DATE'],
      83,
    ],
    ['technologyGrades', () => client.technologyGrades.get({ symbol: 'ETH' }), [], 0],
    ['technologyGrades.getHistorical', () => client.technologyGrades.getHistorical({ symbol: 'ETH' }), [], 0],
    ['fundamentalGrades', () => client.fundamentalGrades.get({ symbol: 'BTC' }), ['FUNDAMENTAL_GRADE'], 1],
    [
      'fundamentalGrades.getHistorical',
      () => client.fundamentalGrades.getHistorical({ symbol: 'ETH', ...period }),
      ['FUNDAMENTAL_GRADE'],
      83,
    ],
    ['quantmetrics', () => client.quantmetrics.get({ symbol: 'BTC' }), ['SHARPE', 'MAX_DRAWDOWN'], 1],
    [
      'resistanceSupport',
      () => client.resistanceSupport.get({ symbol: 'BTC' }),
      ['HISTORICAL_RESISTANCE_SUPPORT_LEVELS'],
      1,
    ],
    [
      'correlation',
      () => client.correlation.get({ base_symbol: 'BTC', quote_symbol: 'ETH' }),
      ['TOP_CORRELATION'],
      1,
    ],
    ['pricePrediction', () => client.pricePrediction.get({ symbol: 'BTC' }), ['PRICE_PREDICTION'], 1],
    ['indices', () => client.indices.get({ indicesType: 'passive' }), ['ID', 'NAME', 'TICKER'], 1],
    ['indicesHoldings', () => client.indicesHoldings.get({ id: 'top-3' }), ['WEIGHT', 'TOKEN_SYMBOL'], 3],
    [
      'indicesPerformance',
      () => client.indicesPerformance.get({ id: 'top-3', ...period }),
      ['INDEX_CUMULATIVE_ROI'],
      83,
    ],
    ['moonshotTokens', () => client.moonshotTokens.get({ type: 'active' }), [], 0],
    ['cryptoInvestors', () => client.cryptoInvestors.get(), [], 0],
    ['aiReports', () => client.aiReports.get({ symbol: 'BTC' }), ['INVESTMENT_ANALYSIS'], 1],
  ])('%s', async (_name, call, fields, count) => {
    const answer = await call();
    expect(of(answer)).toHaveLength(count);
    for (const row of of(answer)) {
      for (const field of fields) expect(row).toHaveProperty(field);
      expect(row).toHaveProperty('_proof');
    }
    // Its merging of chunks keeps what stands beside the data; it forgets that where there is none.
    if (count > 0)
      expect(answer).toMatchObject({ success: true, message: expect.stringContaining('simulated') });
  });

  test('what it merges of 29-day chunks has each day once', async () => {
    const rows = of(await client.dailyOhlcv.get({ symbol: 'BTC', ...period }));
    expect(new Set(rows.map(({ TIMESTAMP }) => TIMESTAMP)).size).toBe(83);
  });

  test('questions are answered, and a refusal is told in its words', async () => {
    expect(await client.aiAgent.getAnswerText('What is Bitcoin worth?')).toBe(
      'Bitcoin closed at 41382.34471166.',
    );
    await expect(client.tokens.get({ token_id: 'x' })).rejects.toThrow(
      /API Error: 400 - .*expected integers/,
    );
    expect(of(await client.price.get({ symbol: 'DOGE' }))).toEqual([]);
  });
});
