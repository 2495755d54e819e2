import type { MarketView } from '@assay/pipeline';
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { latestEvaluation, marketOf } from '../market-figures.ts';
import type { NodeView } from '../node-view.ts';
import { problemOf } from '../problem.ts';
import { ApiKeys } from './api-keys.ts';
import type { Context } from './foreign-pages.ts';
import { type Parameter, queryOf } from './foreign-query.ts';
import * as grades from './grade-endpoints.ts';
import * as whole from './market-endpoints.ts';
import { createPhrasing, type PhrasingOptions } from './phrasing.ts';
import { aiReports, type ChatMessage, chat, type Reporter } from './reports.ts';
import { readTokens, type TokenBook } from './token-book.ts';
import * as tokens from './token-endpoints.ts';
import { TokenIds } from './token-ids.ts';

export interface TokenMetricsOptions {
  /**
   * Keys that may read `/v2`; asked for each request. With none, any key is taken from requests that reach this node
   * on loopback, and nothing else is answered.
   */
  apiKeys?: () => readonly string[];
  /** Of each key; 600 by default. */
  requestsPerMinute?: number;
  /** Who writes reports and answers questions; without one, none are written. */
  reporter?: Reporter;
  /** A language model that may say answers in other words. */
  phrasing?: PhrasingOptions;
}

/** How long the list of tokens is used before it is read again. New figures are read at once. */
const BOOK_REUSE_MS = 10_000;
const MAX_MESSAGES = 20;
const MAX_MESSAGE_LENGTH = 4_000;

type Endpoint = {
  parameters: readonly Parameter[];
  summary: string;
  answer(context: Context): grades.Answer | Promise<grades.Answer>;
};

const NAMED = ['token_id', 'symbol', 'token_name'] as const;
const FILTERED = [...NAMED, 'category', 'exchange', 'marketcap', 'volume', 'fdv'] as const;
const DATED = ['startDate', 'endDate'] as const;

/**
 * The market in the format of Token Metrics' API, so that its clients read it unchanged: same paths, parameters and
 * names, and beside each row what proves it. docs/token-metrics-api.md says what stands behind each endpoint.
 */
export async function serveTokenMetrics(
  app: FastifyInstance,
  node: NodeView,
  options: TokenMetricsOptions = {},
): Promise<void> {
  const nowMs = () => performance.now();
  const keys = new ApiKeys({
    keys: options.apiKeys ?? (() => []),
    requestsPerMinute: options.requestsPerMinute ?? 600,
    nowMs,
  });
  const ids = new TokenIds();
  const bookOf = keptBook(ids, nowMs);
  const endpoints = endpointsOf(options, nowMs);
  const phrase = options.phrasing && createPhrasing(options.phrasing);

  await app.register(
    async (scope) => {
      const routes = scope.withTypeProvider<ZodTypeProvider>();
      scope.setErrorHandler((error, _request, reply) => {
        const { status, detail, next } = problemOf(error);
        if (status >= 500) console.error(error);
        if (status === 429) reply.header('retry-after', '1');
        return refuse(reply, status, next ? `${detail}: ${next}` : detail);
      });
      scope.setNotFoundHandler((request, reply) =>
        refuse(reply, 404, `there is no endpoint ${request.url.split('?')[0]!.slice(0, 100)}`),
      );
      scope.addHook('onRequest', async (request, reply) => {
        reply.header('cache-control', 'no-store');
        const verdict = keys.judge(request);
        if (verdict.allowed) return;
        if (verdict.status === 429) reply.header('retry-after', String(verdict.retryAfterS));
        return refuse(reply, verdict.status, verdict.message);
      });
      for (const [path, { parameters, summary, answer }] of Object.entries(endpoints)) {
        routes.get(
          `/${path}`,
          { schema: { summary, tags: ['Token Metrics format'], querystring: queryOf(parameters) } },
          async (request, reply) => {
            const market = marketOf(node.market);
            const base = `${request.protocol}://${request.host}`;
            const query = request.query as Context['query'];
            const found = await answer({ market, book: bookOf(market), ids, query, base });
            return sendAnswer(reply, market, found);
          },
        );
      }
      routes.post(
        '/tmai',
        {
          bodyLimit: 128 * 1024,
          schema: {
            summary: 'A question about the market, answered from recorded figures',
            tags: ['Token Metrics format'],
            body: z.object({ messages: z.array(message).min(1).max(MAX_MESSAGES) }),
          },
        },
        async ({ body }) => {
          marketOf(node.market);
          return chat(body.messages, options.reporter, phrase);
        },
      );
    },
    { prefix: '/v2' },
  );
}

function endpointsOf({ reporter }: TokenMetricsOptions, nowMs: () => number): Record<string, Endpoint> {
  const sums = new whole.MarketSums(nowMs);
  const empty = (reason: string) => () => ({ rows: [], notes: [reason] });
  const hourly = empty(
    'nothing hourly is computed: this node records daily bars; see daily-ohlcv and trading-signals',
  );
  const technology = empty(
    'no technology grade is computed: nothing recorded measures security or repositories',
  );
  const portfolios = empty('no model portfolios are kept: see indices and indices-holdings');
  const named = [...NAMED];
  const dated = [...NAMED, ...DATED];
  return {
    tokens: {
      summary: 'Tokens and their numbers',
      parameters: [...FILTERED, 'blockchain_address'],
      answer: tokens.tokens,
    },
    'top-market-cap-tokens': {
      summary: 'The largest tokens',
      parameters: ['top_k'],
      answer: tokens.topTokens,
    },
    price: { summary: 'Newest daily closes', parameters: dated, answer: tokens.price },
    'daily-ohlcv': {
      summary: 'Daily bars, newest first',
      parameters: [...FILTERED, ...DATED],
      answer: tokens.dailyOhlcv,
    },
    'hourly-ohlcv': { summary: 'Empty: no hourly bars', parameters: dated, answer: hourly },
    'tm-grade': { summary: 'Newest grades', parameters: named, answer: (c) => grades.tmGrades(c, false) },
    'tm-grade-history': {
      summary: 'Grades of days',
      parameters: dated,
      answer: (c) => grades.tmGrades(c, true),
    },
    'fundamental-grade': {
      summary: 'Newest fundamental parts of the investor grade',
      parameters: named,
      answer: (c) => grades.fundamentalGrades(c, false),
    },
    'fundamental-grade-history': {
      summary: 'Fundamental parts of days',
      parameters: dated,
      answer: (c) => grades.fundamentalGrades(c, true),
    },
    'technology-grade': { summary: 'Empty: no such grade', parameters: dated, answer: technology },
    'technology-grade-history': { summary: 'Empty: no such grade', parameters: dated, answer: technology },
    'trader-grades': {
      summary: 'Trader grades',
      parameters: [...FILTERED, ...DATED, 'traderGrade', 'traderGradePercentChange'],
      answer: grades.traderGrades,
    },
    'investor-grades': {
      summary: 'Investor grades',
      parameters: [...FILTERED, ...DATED, 'investorGrade'],
      answer: grades.investorGrades,
    },
    'trading-signals': {
      summary: 'Signals',
      parameters: [...FILTERED, ...DATED, 'signal'],
      answer: tokens.tradingSignals,
    },
    'hourly-trading-signals': { summary: 'Empty: no hourly signals', parameters: named, answer: hourly },
    'market-metrics': {
      summary: 'The whole market by day',
      parameters: [...DATED],
      answer: (c) => whole.marketMetrics(c, sums),
    },
    quantmetrics: {
      summary: 'Risk and return',
      parameters: [...FILTERED, ...DATED],
      answer: tokens.quantmetrics,
    },
    'resistance-support': {
      summary: 'Prices at which tokens turned',
      parameters: named,
      answer: tokens.resistanceSupport,
    },
    correlation: {
      summary: 'With what tokens move',
      parameters: [...FILTERED, ...DATED, 'base_symbol', 'quote_symbol'],
      answer: tokens.correlation,
    },
    'price-prediction': {
      summary: 'Scenarios; not a forecast',
      parameters: named,
      answer: (c) => tokens.scenarios(c, 'price-prediction'),
    },
    'scenario-analysis': {
      summary: 'Scenarios; not a forecast',
      parameters: named,
      answer: (c) => tokens.scenarios(c, 'scenario-analysis'),
    },
    indices: { summary: 'Indices', parameters: ['indicesType'], answer: whole.indices },
    'indices-holdings': { summary: 'What an index holds', parameters: ['id'], answer: whole.indicesHoldings },
    'indices-performance': {
      summary: 'An index by day, newest first',
      parameters: ['id', ...DATED],
      answer: whole.indicesPerformance,
    },
    'trader-indices': { summary: 'Empty: no model portfolios', parameters: [...DATED], answer: portfolios },
    'investor-indices': { summary: 'Empty: no model portfolios', parameters: [...DATED], answer: portfolios },
    sentiments: { summary: 'What is written about the market', parameters: [], answer: whole.sentiments },
    'moonshot-tokens': {
      summary: 'A list of that name, if kept',
      parameters: ['type'],
      answer: tokens.moonshots,
    },
    'crypto-investors': {
      summary: 'Empty: nothing is recorded about investors',
      parameters: [],
      answer: empty('nothing is recorded about investors, their rounds or their returns'),
    },
    'ai-reports': {
      summary: 'Reports on recorded figures',
      parameters: named,
      answer: (c) => aiReports(c, reporter),
    },
  };
}

/** `{ "user": … }` or `{ "chatbot": … }`. */
const said = z.string().min(1).max(MAX_MESSAGE_LENGTH);
const message = z
  .union([z.object({ user: said }), z.object({ chatbot: said })])
  .transform(
    (given): ChatMessage =>
      'user' in given ? { from: 'user', text: given.user } : { from: 'chatbot', text: given.chatbot },
  );

function sendAnswer(reply: FastifyReply, market: MarketView, { rows, notes, graded }: grades.Answer) {
  const { mode } = market.status();
  const said = [
    rows.length > 0 ? 'Data fetched successfully' : 'No data',
    ...notes,
    ...(mode === 'live' ? [] : [`the data is ${mode}`]),
  ];
  return reply.type('application/json; charset=utf-8').send(
    JSON.stringify({
      success: true,
      message: said.join('; '),
      length: rows.length,
      data: rows,
      ...(graded && {
        _evaluation: latestEvaluation(market).map(({ deciles: _, ...figures }) => figures),
      }),
    }),
  );
}

function refuse(reply: FastifyReply, status: number, message: string) {
  return reply
    .code(status)
    .type('application/json; charset=utf-8')
    .serializer(JSON.stringify)
    .send({ success: false, message, length: 0, data: [] });
}

function keptBook(ids: TokenIds, nowMs: () => number): (market: MarketView) => TokenBook {
  let kept: { revision: string; atMs: number; book: TokenBook } | null = null;
  return (market) => {
    const revision = JSON.stringify(market.status());
    if (!kept || kept.revision !== revision || nowMs() - kept.atMs > BOOK_REUSE_MS) {
      kept = { revision, atMs: nowMs(), book: readTokens(market, ids) };
    }
    return kept.book;
  };
}
