import { AssayError, DECISIONS, LEVELS, ROW_SCHEMAS, reviewerOf } from '@assay/core';
import { CAUSES } from '@assay/pipeline';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { App } from './app.ts';
import type { NodeView } from './node-view.ts';

const id = z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 lower-case hexadecimal digits');
const decision = z.enum(DECISIONS);
const level = z.enum(LEVELS);
const ranges = z.array(z.tuple([z.number().int(), z.number().int()]));
const values = z.record(z.string(), z.unknown());
const row = z.object({ time: z.string(), values });
const signed = z.object({ envelope: z.unknown().describe('DSSE envelope of an in-toto statement') });
const appealView = z.object({ id: z.string(), by: z.string(), reason: z.string(), at: z.string() });
const review = z.object({
  id: z.string(),
  reviewer: z.string(),
  round: z.number().int(),
  decision,
  reason: z.string(),
  disputed: z.array(z.string()),
  evidence: z.array(z.string()),
  at: z.string(),
});
const outcome = z.object({
  id: z.string(),
  decision,
  level,
  rows: z.object({ flagged: ranges, rejected: ranges }),
  round: z.number().int(),
  reviews: z.array(z.string()),
  reason: z.string(),
  since: z.string(),
  previous: z.string().nullable(),
});
const finding = z.object({
  check: z.string(),
  column: z.string().optional(),
  status: z.enum(['pass', 'fail', 'unknown']),
  severity: z.enum(['flag', 'reject']),
  reason: z.string(),
  rows: ranges.optional(),
  score: z.string().optional(),
  evidence: z.array(z.string()).optional(),
  exhibits: z.array(z.object({ digest: z.string(), kind: z.string(), title: z.string() })),
});
const queue = z.object({
  counts: z.object({
    open: z.number().int(),
    closed: z.number().int(),
    enrolled: z.number().int(),
  }),
  reviewer: z.string().nullable().describe('DID that the request proved'),
  asked: z.array(
    z.object({
      item: z.string(),
      stream: z.string(),
      observation: z.string(),
      time: z.string(),
      round: z.number().int(),
      until: z.string(),
    }),
  ),
  closed: z.array(
    z.object({
      item: z.string(),
      stream: z.string(),
      observation: z.string(),
      time: z.string(),
      cause: z.enum(CAUSES),
      round: z.number().int(),
      decision,
      reviewers: z.number().int(),
      closedAt: z.string(),
    }),
  ),
});
const item = z.object({
  item: z.string(),
  state: z.enum(['open', 'closed']),
  round: z.number().int(),
  until: z.string().nullable(),
  stream: z.string(),
  observation: z.string(),
  schema: z.enum(ROW_SCHEMAS),
  period: z.object({ from: z.string(), to: z.string() }),
  signer: z.string(),
  verdict: z.object({
    id: z.string(),
    decision,
    level,
    required: level,
    quality: z.record(z.string(), z.string().nullable()),
    findings: z.array(finding),
    contract: z.object({ name: z.string(), version: z.string(), digest: z.object({ sha256: z.string() }) }),
    rows: z.object({ flagged: ranges, rejected: ranges }),
  }),
  rows: z.array(row.extend({ index: z.number().int(), decision, inQuestion: z.boolean() })),
  before: z.array(row),
  after: z.array(row),
  others: z.array(z.object({ stream: z.string(), level: level.nullable(), rows: z.array(row) })),
  files: z.array(
    z.object({
      index: z.number().int(),
      name: z.string(),
      mediaType: z.string(),
      sha256: z.string(),
      url: z.string(),
      metadata: z.unknown(),
    }),
  ),
  appeals: z.array(appealView),
  sign: z.object({
    stream: z.string(),
    observation: z.string(),
    verdict: z.string(),
    item: z.string(),
    round: z.number().int(),
  }),
  closed: z
    .object({ cause: z.enum(CAUSES), reviews: z.array(review), outcome: outcome.nullable() })
    .nullable(),
});
const ALERT_STATES = ['open', 'acknowledged', 'recovered'] as const;
const alert = z.object({
  id: z.string(),
  stream: z.string(),
  check: z.string(),
  severity: z.enum(['warning', 'critical']),
  state: z.enum(ALERT_STATES),
  reason: z.string(),
  observation: z.string().nullable().describe('whose verdict the newest failure stands in'),
  count: z.number().int(),
  firstAt: z.string(),
  lastAt: z.string(),
  acknowledged: z.object({ at: z.string(), by: z.string() }).nullable(),
  recoveredAt: z.string().nullable(),
  passingSince: z.string().nullable(),
  flaps: z.number().int(),
  history: z.array(z.object({ at: z.string(), to: z.enum(ALERT_STATES), reason: z.string() })),
});

/** Routes for reviews, appeals, what reviewers look at, and alerts. */
export function serveReviews(app: App, node: NodeView): void {
  serveQueue(app, node);
  serveEvidence(app, node);
  serveAlerts(app, node);
}

function serveQueue(app: App, node: NodeView): void {
  const { reviews } = node;
  app.get(
    '/v1/reviews',
    {
      schema: {
        summary: 'The review queue; for a reviewer also what it is asked',
        description:
          'A reviewer proves who it is with `Authorization: Assay-Reviewer did="…", time="…", sig="…"`: Ed25519 over method, path and time (docs/review.md). Without it, `asked` is empty.',
        response: { 200: queue },
      },
    },
    async (request, reply) => {
      const reviewer = await proven(request, node);
      reply.header('cache-control', 'no-store');
      return { ...reviews.queue(reviewer), reviewer };
    },
  );
  app.get(
    '/v1/reviews/:item',
    {
      schema: {
        summary: 'One item with its evidence side by side; an open one only for those who are asked',
        params: z.object({ item: id }),
        response: { 200: item },
      },
    },
    async (request, reply) => {
      const detail = reviews.item(request.params.item, await proven(request, node));
      reply.header('cache-control', 'no-store');
      return detail as z.infer<typeof item>;
    },
  );
  app.post(
    '/v1/reviews/:item',
    {
      schema: {
        summary: 'Send a signed review (urn:assay:review/v1)',
        description:
          'It is kept durably and goes to the log together with the others when the round closes. The answer says nothing of what others decided.',
        params: z.object({ item: id }),
        body: signed,
        response: { 202: z.object({ id: z.string(), state: z.literal('held') }) },
      },
    },
    async ({ params, body }, reply) => {
      const { id } = await reviews.decide(params.item, body.envelope);
      return reply.code(202).send({ id, state: 'held' });
    },
  );
  app.post(
    '/v1/records/:id/appeals',
    {
      schema: {
        summary: 'Send a signed appeal (urn:assay:appeal/v1) against what was decided about a record',
        params: z.object({ id: z.string().max(90) }),
        body: signed,
        response: { 201: z.object({ id: z.string(), item: z.string(), index: z.number().int() }) },
      },
    },
    async ({ params, body }, reply) => reply.code(201).send(await reviews.appeal(params.id, body.envelope)),
  );
  app.post(
    '/v1/records/:id/executions',
    {
      schema: {
        summary:
          'Send a signed execution (urn:assay:execution/v1): what computing a derived figure again gave',
        description:
          'From enrolled executors, once each; never from who made the figure. The record is at L4 while every execution agrees.',
        params: z.object({ id: z.string().max(90) }),
        body: signed,
        response: { 201: z.object({ id: z.string(), index: z.number().int() }) },
      },
    },
    async ({ params, body }, reply) =>
      reply.code(201).send(await reviews.execution(params.id, body.envelope)),
  );
  app.get(
    '/v1/reviewers',
    {
      schema: {
        summary: 'Who reviews, how much, and how accurately where that is known',
        response: {
          200: z.object({
            reviewers: z.array(
              z.object({
                did: z.string(),
                name: z.string().nullable(),
                enrolled: z.boolean(),
                reviews: z.number().int(),
                accuracy: z
                  .object({ accuracy: z.string(), low: z.string(), high: z.string() })
                  .nullable()
                  .describe('0 to 1 with its 95 % interval; null until there is enough to estimate it from'),
              }),
            ),
          }),
        },
      },
    },
    () => ({ reviewers: reviews.reviewers() }),
  );
}

/** Media types that a browser shows without running anything of them. */
const SHOWN = new Set([
  'image/png',
  'image/jpeg',
  'image/webp',
  'image/gif',
  'application/pdf',
  'text/plain',
]);

function serveEvidence(app: App, node: NodeView): void {
  app.get(
    '/v1/exhibits/:digest',
    {
      schema: {
        summary:
          'What a detector showed, under the digest that its finding names (sha256:<hex> of these bytes)',
        params: z.object({
          digest: z.string().regex(/^sha256:[0-9a-f]{64}$/, 'expected sha256: and 64 hexadecimal digits'),
        }),
      },
    },
    ({ params }, reply) =>
      reply
        .type('application/json')
        .header('cache-control', 'public, max-age=31536000, immutable')
        .send(Buffer.from(node.exhibit(params.digest))),
  );
  app.get(
    '/v1/files/:sha256',
    {
      schema: {
        summary: 'A file that an observation names, under the digest of its content',
        params: z.object({ sha256: id }),
      },
    },
    ({ params }, reply) => {
      const { mediaType, bytes } = node.file(params.sha256);
      const shown = SHOWN.has(mediaType);
      return (
        reply
          .type(shown ? mediaType : 'application/octet-stream')
          .header('content-disposition', shown ? 'inline' : 'attachment')
          // A stranger's file must not act in our name, whatever it is.
          .header('content-security-policy', "default-src 'none'; sandbox; frame-ancestors 'self'")
          .header('cache-control', 'private, max-age=31536000, immutable')
          .send(Buffer.from(bytes))
      );
    },
  );
}

function serveAlerts(app: App, { alerts }: NodeView): void {
  app.get(
    '/v1/alerts',
    {
      schema: {
        summary: 'What is wrong with streams: one alert a stream and check, open ones first',
        querystring: z.object({
          state: z.enum(ALERT_STATES).optional(),
          stream: z.string().max(120).optional(),
          limit: z.coerce.number().int().min(1).max(1000).default(100),
        }),
        response: {
          200: z.object({
            counts: z.object({
              open: z.number().int(),
              acknowledged: z.number().int(),
              recovered: z.number().int(),
            }),
            alerts: z.array(alert),
          }),
        },
      },
    },
    ({ query }, reply) => {
      reply.header('cache-control', 'no-store');
      return { counts: alerts.counts(), alerts: alerts.list(query) };
    },
  );
  app.post(
    '/v1/alerts/:id/acknowledge',
    {
      schema: {
        summary: 'Note that somebody has seen an alert',
        params: z.object({ id: z.string().regex(/^[0-9a-f]{16}$/, 'expected the id of an alert') }),
        body: z.object({ by: z.string().min(1).max(60).default('operator') }),
        response: { 200: alert },
      },
    },
    (request) => {
      refuseOtherPages(request);
      return alerts.acknowledge(request.params.id, request.body.by);
    },
  );
}

/** The reviewer that a request proves to come from; null when it claims nothing. @throws REVIEWER_UNPROVEN */
async function proven(request: FastifyRequest, { nowMs }: NodeView): Promise<string | null> {
  const { authorization } = request.headers;
  if (authorization === undefined) return null;
  return reviewerOf(authorization, { method: request.method, path: request.url }, nowMs());
}

/** What is not signed is taken from our own pages and from programs, not from another site's page. */
export function refuseOtherPages({ headers: { origin, host } }: FastifyRequest): void {
  if (origin === undefined || URL.parse(origin)?.host === host) return;
  throw new AssayError('REQUEST_INVALID', `a page of ${origin.slice(0, 80)} may not do this`, {
    next: 'use the console of this node, or `assay alerts`',
  });
}
