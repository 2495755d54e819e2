import { AssayError } from '@assay/core';
import { HOUR_PARAMETERS } from '@assay/market/verify';
import { MINUTES_STREAM, minuteRows } from '@assay/pipeline';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { App } from './app.ts';
import { type PreparedJson, prepareJson, sendJson } from './cached-json.ts';
import {
  bundlePath,
  DAY_MS,
  FIGURES,
  instant,
  latestEvaluation,
  marketOf,
  withBundle,
} from './market-figures.ts';
import { assetPage } from './market-page.ts';
import { type GradesTable, gradesTable, inOrder, TABLE_ORDERS } from './market-table.ts';
import type { NodeView } from './node-view.ts';
import { refuseOtherPages } from './review-routes.ts';

const MAX_KEYS = 500;
const MAX_ROWS = 10_000;
/** Two months of hours at once. */
const MAX_HOURS = 1_500;
const LATEST_HOURS = 24;
const HOUR_MS = 3_600_000;
/** How long a table is handed out before it is made again. New figures are handed out at once. */
const REUSE_MS = 30_000;
const MAX_KEPT = 8;
/** Portfolios that are computed at once: each may take a core for a second. */
const MAX_PORTFOLIOS = 2;

const day = z
  .string()
  .regex(/^\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\dZ)?$/, 'expected a day like 2023-03-11, or a UTC time')
  .transform((text) => (text.length === 10 ? `${text}T00:00:00Z` : text))
  .refine((text) => {
    const ms = Date.parse(text);
    return Number.isFinite(ms) && instant(ms) === text;
  }, 'expected a day that is in the calendar');
const keys = z
  .union([z.string().max(16_000), z.array(z.string().max(200))])
  .transform((given) =>
    (Array.isArray(given) ? given : given.split(',')).map((key) => key.trim()).filter((key) => key !== ''),
  )
  .refine((list) => list.length <= MAX_KEYS, `expected at most ${MAX_KEYS} keys`);
const row = z.record(z.string(), z.unknown());
const evaluation = z
  .array(row)
  .describe(
    'how good the grades have been, good or bad; empty: not judged yet, so that nothing is known of them',
  );

/** The market's figures: each row with its level, as what it is served, and the path of its proof. */
export function serveMarket(app: App, node: NodeView): void {
  app.get(
    '/v1/market/status',
    {
      schema: {
        summary: 'What the market’s figures are, from when to when, and which streams they are made of',
        response: { 200: row },
      },
    },
    (_request, reply) => {
      reply.header('cache-control', 'no-store');
      return marketOf(node.market).status() as unknown as Record<string, unknown>;
    },
  );
  serveFigures(app, node);
  app.get(
    '/v1/market/assets/:asset',
    {
      schema: {
        summary: 'One asset: what it is, the newest row of each figure, and its prices, grades and signals',
        params: z.object({ asset: z.string().min(1).max(100) }),
        querystring: z.object({ days: z.coerce.number().int().min(1).max(1000).default(90) }),
        response: { 200: z.looseObject({ asset: row, latest: row, history: row, evaluation }) },
      },
    },
    async (request, reply) => {
      const { params, query } = request;
      return answer(request, reply, assetPage(marketOf(node.market), params.asset, query.days));
    },
  );
  serveTable(app, node);
  servePortfolio(app, node);
  serveMinutes(app, node);
}

function serveFigures(app: App, node: NodeView): void {
  app.get(
    '/v1/market/figures/:figure',
    {
      schema: {
        summary: 'Rows of one figure, oldest first; of the latest day when no days are named',
        description: `At most ${MAX_ROWS} rows an answer; \`next\` is the path of the following ones. Answers with grades carry \`evaluation\`.`,
        params: z.object({ figure: z.enum(FIGURES) }),
        querystring: z.object({
          keys: keys
            .optional()
            .describe(
              'identities, separated by commas; of the figure’s own keys where it is not about assets',
            ),
          from: day.optional().describe('first day …'),
          to: day.optional().describe('… and the day after the last'),
          limit: z.coerce.number().int().min(1).max(MAX_ROWS).default(1000),
          offset: z.coerce.number().int().min(0).max(1_000_000).default(0),
        }),
        response: {
          200: z.object({
            figure: z.string(),
            rows: z.array(row),
            total: z.number().int().describe('rows that match, on all pages'),
            next: z.string().nullable(),
            evaluation: evaluation.optional(),
          }),
        },
      },
    },
    async (request, reply) => {
      const market = marketOf(node.market);
      const { figure } = request.params;
      const { keys, from, to, limit, offset } = request.query;
      if (from && to && from >= to) {
        throw new AssayError('REQUEST_INVALID', `expected from before to, got ${from} and ${to}`, {
          next: '`to` is the day after the last one that is wanted',
        });
      }
      const all = market.rows(figure, { keys, from, to });
      const rows = all.slice(offset, offset + limit);
      return answer(request, reply, {
        figure,
        rows: rows.map(withBundle),
        total: all.length,
        next: offset + limit < all.length ? nextPage() : null,
        ...(['grades', 'factors', 'guides'].includes(figure) && { evaluation: latestEvaluation(market) }),
      });

      /** Names its days even where this request did not: the latest day may be another one by then. */
      function nextPage(): string {
        const first = from ?? (to ? undefined : all[0]?.time);
        const last = to ?? (from ? undefined : instant(Date.parse(all.at(-1)!.time) + DAY_MS));
        const query = new URLSearchParams({
          ...(keys && { keys: keys.join(',') }),
          ...(first && { from: first }),
          ...(last && { to: last }),
          ...{ limit: `${limit}`, offset: `${offset + limit}` },
        });
        return `/v1/market/figures/${figure}?${query}`;
      }
    },
  );
}

/** What the venues' minutes say of each other, hour by hour. A node that follows no daily market has these too. */
function serveMinutes(app: App, node: NodeView): void {
  app.get(
    '/v1/market/minutes/:asset',
    {
      schema: {
        summary: 'Hours of an asset whose venues were held against each other minute by minute, oldest first',
        description: `At most ${MAX_HOURS} hours; without a period the last ${LATEST_HOURS}. Findings say since when they were known.`,
        params: z.object({
          asset: z.enum(HOUR_PARAMETERS.assets.map(({ asset }) => asset) as [string, ...string[]]),
        }),
        querystring: z.object({
          from: day.optional().describe('first hour …'),
          to: day.optional().describe('… and the end of the last'),
        }),
        response: { 200: z.object({ asset: z.string(), rows: z.array(row) }) },
      },
    },
    async (request, reply) => {
      const { asset } = request.params;
      const { catalogue } = node;
      const { from, to } = request.query;
      if (from && to && from >= to) {
        throw new AssayError('REQUEST_INVALID', `expected from before to, got ${from} and ${to}`, {
          next: '`to` is the end of the last hour that is wanted',
        });
      }
      const toMs = Date.parse(to ?? catalogue.head(MINUTES_STREAM)?.to ?? instant(0));
      const fromMs = from ? Date.parse(from) : toMs - LATEST_HOURS * HOUR_MS;
      if (toMs - fromMs > MAX_HOURS * HOUR_MS) {
        throw new AssayError('ARGUMENT_INVALID', `expected at most ${MAX_HOURS} hours, got more`, {
          next: 'ask for a shorter period at a time',
        });
      }
      const found = minuteRows(catalogue, { asset, from: instant(fromMs), to: instant(toMs) });
      const rows = found.map(({ proof, ...values }) => ({
        ...values,
        proof: { ...proof, bundle: bundlePath(proof.record) },
      }));
      return answer(request, reply, { asset, rows });
    },
  );
}

function serveTable(app: App, node: NodeView): void {
  const tables = new Kept<number, GradesTable>();
  const answers = new Kept<string, PreparedJson>();
  app.get(
    '/v1/market/grades',
    {
      schema: {
        summary:
          'The newest grades of every asset with price, signal and sparkline, and how good grades have been',
        querystring: z.object({
          order: z
            .enum(TABLE_ORDERS)
            .default('rank')
            .describe('by market capitalisation; by a grade, or the day’s change, highest first; by symbol'),
          days: z.coerce
            .number()
            .pipe(z.union([z.literal(0), z.literal(7), z.literal(30), z.literal(90)]))
            .default(30)
            .describe('points of the sparkline: 0, 7, 30 or 90'),
          limit: z.coerce.number().int().min(1).max(MAX_ROWS).default(MAX_ROWS),
          offset: z.coerce.number().int().min(0).max(1_000_000).default(0),
        }),
        response: { 200: z.looseObject({ day: z.string().nullable(), rows: z.array(row), evaluation }) },
      },
    },
    async (request, reply) => {
      const market = marketOf(node.market);
      const { order, days, limit, offset } = request.query;
      const revision = JSON.stringify(market.status());
      const name = JSON.stringify([order, days, limit, offset]);
      const prepared = await answers.get(name, revision, async () => {
        const table = await tables.get(days, revision, () => gradesTable(market, days));
        const rows = inOrder(table.rows, order).slice(offset, offset + limit);
        return prepareJson({ ...table, rows });
      });
      return sendJson(request, reply, prepared);
    },
  );
}

/** What was made lately of the same figures: many readers ask for one table. */
class Kept<Name, Value> {
  readonly #made = new Map<Name, { revision: string; atMs: number; value: Promise<Value> }>();

  get(name: Name, revision: string, make: () => Promise<Value>): Promise<Value> {
    const kept = this.#made.get(name);
    if (kept && kept.revision === revision && performance.now() - kept.atMs < REUSE_MS) return kept.value;
    const value = make();
    this.#made.delete(name);
    this.#made.set(name, { revision, atMs: performance.now(), value });
    if (this.#made.size > MAX_KEPT) this.#made.delete(this.#made.keys().next().value!);
    // A failure is told to those who wait for it, and tried again for the next.
    value.catch(() => this.#made.delete(name));
    return value;
  }
}

function servePortfolio(app: App, node: NodeView): void {
  let running = 0;
  app.post(
    '/v1/market/portfolio',
    {
      schema: {
        summary: 'Build a portfolio out of what is recorded',
        body: row.describe('what to hold, how to weigh it, and within which limits'),
        response: {
          200: z.object({
            result: z.unknown(),
            proof: z.object({ record: z.string(), bundle: z.string() }).nullable(),
          }),
        },
      },
    },
    async (request) => {
      // Each is recorded for good, under this node's name.
      refuseOtherPages(request);
      const market = marketOf(node.market);
      if (!market.portfolio) {
        throw new AssayError('NOT_FOUND', 'this node builds no portfolios', {
          next: 'read the figures and build it yourself: /v1/market/figures/risk',
        });
      }
      if (running >= MAX_PORTFOLIOS) {
        throw new AssayError('LEDGER_BUSY', `expected at most ${MAX_PORTFOLIOS} portfolios at once`, {
          next: 'try again in a second',
        });
      }
      running += 1;
      try {
        const { result, proof } = await market.portfolio(request.body);
        return { result, proof: proof && { record: proof.record, bundle: bundlePath(proof.record) } };
      } finally {
        running -= 1;
      }
    },
  );
}

async function answer(request: FastifyRequest, reply: FastifyReply, value: unknown): Promise<FastifyReply> {
  return sendJson(request, reply, await prepareJson(value));
}
