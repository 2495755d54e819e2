import { AssayError, DECISIONS, LEVELS, MAX_FILES, MAX_FILES_BYTES, MAX_PAYLOAD_BYTES } from '@assay/core';
import { type Catalogue, describeRecord, listRecords, type RecordSummary, SERVED } from '@assay/pipeline';
import { z } from 'zod';
import type { App } from './app.ts';
import type { NodeView } from './node-view.ts';

const instant = z
  .string()
  .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?Z$/, 'expected a UTC time like 2023-03-11T07:00:00Z')
  .refine((time) => Number.isFinite(Date.parse(time)), 'expected a time that a clock can show')
  .transform((time) => (time.length === 17 ? `${time.slice(0, 16)}:00Z` : time));
const limit = z.coerce.number().int().min(1).max(1000);
const decision = z.enum(DECISIONS);
const level = z.enum(LEVELS);
const quality = z
  .object({
    accuracy: z.string().nullable(),
    completeness: z.string().nullable(),
    consistency: z.string().nullable(),
    credibility: z.string().nullable(),
    currentness: z.string().nullable(),
  })
  .nullable()
  .describe('ISO/IEC 25012 characteristics, 0 to 1 as decimal strings; null is not known');
const served = z.enum(SERVED).nullable().describe('as what it is served; use only what is accepted');
const servedReason = z.string().nullable();
const summary = z.object({
  id: z.string(),
  kind: z.enum([
    'row',
    'observation',
    'verdict',
    'derivation',
    'review',
    'appeal',
    'outcome',
    'commitment',
    'execution',
  ]),
  stream: z.string(),
  time: z.string(),
  values: z.record(z.string(), z.unknown()).nullable(),
  decision: decision.nullable(),
  level: level.nullable(),
  served,
  servedReason,
  quality,
  index: z.number().int().nullable(),
  proof: z.string(),
});
const rate = z.object({
  id: z.string(),
  time: z.string(),
  rate: z.string(),
  venues: z.array(z.record(z.string(), z.unknown())),
  excluded: z.array(z.record(z.string(), z.unknown())),
  decision: decision.nullable(),
  level: level.nullable(),
  served,
  servedReason,
  quality,
  proof: z.string(),
});

/** Routes for records, reference rates, search and the node's state. */
export function serveRecords(app: App, node: NodeView): void {
  const { catalogue } = node;

  app.get(
    '/v1/status',
    { schema: { summary: 'State of the node, its log, witnesses, chain and sources' } },
    () => node.status(),
  );
  app.get(
    '/v1/trust-policy',
    { schema: { summary: 'The trust policy that names this node; for a first try only' } },
    () => node.trustPolicy(),
  );
  app.get(
    '/v1/streams/:name/head',
    {
      schema: {
        summary: 'Where a stream stands: what its next observation has to follow',
        params: z.object({ name: z.string().max(120) }),
        response: {
          200: z.object({
            head: z.object({ id: z.string(), sequence: z.number().int(), to: z.string() }).nullable(),
          }),
        },
      },
    },
    ({ params }) => ({ head: catalogue.head(params.name) }),
  );
  app.get('/v1/streams', { schema: { summary: 'Streams with their rows and last times' } }, () => ({
    streams: catalogue.streams(),
  }));

  app.get(
    '/v1/records',
    {
      schema: {
        summary: 'Rows of a stream, newest first; without a stream, statements',
        querystring: z.object({
          stream: z.string().max(120).optional(),
          decision: decision.optional(),
          before: instant.optional(),
          limit: limit.default(50),
        }),
        response: { 200: z.object({ records: z.array(summary), next: z.string().nullable() }) },
      },
    },
    ({ query }) => {
      const records = listRecords(catalogue, query).map(plain);
      const last = records.at(-1);
      return { records, next: last && records.length === query.limit ? last.time : null };
    },
  );

  const byId = { params: z.object({ id: z.string().max(90) }) };
  app.get(
    '/v1/records/:id',
    { schema: { summary: 'One record, with its statement, verdict and lineage', ...byId } },
    ({ params }) => describeRecord(catalogue, params.id),
  );
  app.get(
    '/v1/records/:id/bundle',
    { schema: { summary: 'Self-contained proof of a record, for assay verify', ...byId } },
    async ({ params }, reply) => {
      const bundle = await node.bundle(params.id);
      return reply
        .header('content-disposition', `attachment; filename="${bundle.id.slice(0, 16)}.bundle.json"`)
        .send(bundle);
    },
  );

  app.post(
    '/v1/observations',
    {
      // Rows and files, in base64.
      bodyLimit: 2 * (MAX_PAYLOAD_BYTES + MAX_FILES_BYTES),
      schema: {
        summary: 'Record an observation that its provider signed',
        description: 'The statement id is the idempotency key: the same envelope is never recorded twice.',
        body: z.object({
          envelope: z.unknown(),
          payload: z.string().describe('base64 of the NDJSON rows'),
          attachments: z
            .array(z.string())
            .max(MAX_FILES)
            .optional()
            .describe('base64 of the contents of the files that file/v1 rows name, in any order'),
        }),
        response: { 201: z.object({ id: z.string(), index: z.number().int(), verdict: z.string() }) },
      },
    },
    async ({ body }, reply) => {
      const { envelope, payload, attachments = [] } = body;
      const bytes = (text: string) => new Uint8Array(Buffer.from(text, 'base64'));
      return reply
        .code(201)
        .send(await node.submit({ envelope, payload: bytes(payload), attachments: attachments.map(bytes) }));
    },
  );

  app.get(
    '/v1/records/:id/receipt',
    {
      schema: {
        summary: 'COSE receipt (RFC 9942): the log’s signed word in CBOR that the statement is in it',
        params: z.object({ id: z.string().regex(/^[0-9a-f]{64}$/, 'expected the id of a statement') }),
      },
    },
    async ({ params: { id } }, reply) =>
      reply
        .type('application/cose')
        .header('content-disposition', `attachment; filename="${id.slice(0, 16)}.receipt.cose"`)
        .send(Buffer.from(await node.receipt(id))),
  );

  app.get(
    '/v1/search',
    {
      schema: {
        summary: 'Find by id, digest, DID, log index or stream',
        querystring: z.object({ q: z.string().min(1).max(200) }),
        response: { 200: z.object({ matches: z.array(summary) }) },
      },
    },
    ({ query }) => ({ matches: search(catalogue, query.q.trim()).map(plain) }),
  );

  serveRates(app, catalogue);
}

function serveRates(app: App, catalogue: Catalogue): void {
  const params = z.object({ pair: z.string().max(20), interval: z.enum(['1m', '1h']) });
  app.get(
    '/v1/reference-rates/:pair/:interval',
    {
      schema: {
        summary: 'Reference rates of a pair, newest first',
        params,
        querystring: z.object({ limit: limit.default(60), before: instant.optional() }),
        response: { 200: z.object({ pair: z.string(), interval: z.string(), rates: z.array(rate) }) },
      },
    },
    ({ params: { pair, interval }, query }) => {
      const rates = ratesOf(catalogue, pair, interval, query);
      return { pair: pair.toUpperCase(), interval, rates };
    },
  );
  app.get(
    '/v1/reference-rates/:pair/:interval/:time',
    {
      schema: {
        summary: 'The reference rate at one time, or the latest',
        params: params.extend({ time: z.union([z.literal('latest'), instant]) }),
        response: { 200: rate },
      },
    },
    ({ params: { pair, interval, time } }) => {
      const before =
        time === 'latest' ? undefined : new Date(Date.parse(time) + 1000).toISOString().replace('.000', '');
      const [found] = ratesOf(catalogue, pair, interval, { limit: 1, before });
      if (found && (time === 'latest' || found.time === time)) return found;
      throw new AssayError(
        'NOT_FOUND',
        `no ${interval} rate of ${pair.toUpperCase()} is recorded ${time === 'latest' ? 'yet' : `at ${time}`}`,
        {
          next: `list what there is: /v1/reference-rates/${pair}/${interval}`,
        },
      );
    },
  );
}

function ratesOf(
  catalogue: Catalogue,
  pair: string,
  interval: string,
  query: { limit: number; before?: string | undefined },
) {
  const stream = `assay.${pair.toUpperCase()}.reference-rate.${interval}`;
  return listRecords(catalogue, { stream, ...query }).map(
    ({ id, time, values, decision, level, served, servedReason, quality, proof }) => ({
      ...(values as Pick<z.infer<typeof rate>, 'rate' | 'venues' | 'excluded'>),
      id,
      time,
      decision,
      level,
      served,
      servedReason,
      quality,
      proof,
    }),
  );
}

/** Ids and beginnings of ids, log indices, DIDs, payload digests and streams, most exact first. */
function search(catalogue: Catalogue, query: string): RecordSummary[] {
  if (/^[0-9a-f]{8,64}(\.\d+)?$/.test(query)) {
    const found = attempt(() => describeRecord(catalogue, query));
    if (found) return [found];
  }
  if (/^\d{1,15}$/.test(query)) {
    const entry = catalogue.at(Number(query));
    return entry ? [describeRecord(catalogue, entry.id)] : [];
  }
  const names = catalogue.streams().map(({ name }) => name);
  const wanted = query.toLowerCase();
  const exact = names.find((name) => name.toLowerCase() === wanted);
  if (exact) return listRecords(catalogue, { stream: exact, limit: 20 });
  if (query.startsWith('did:'))
    return catalogue.signedBy(query, 20).map(({ id }) => describeRecord(catalogue, id));
  return names
    .filter((name) => name.toLowerCase().includes(wanted))
    .slice(0, 20)
    .flatMap((stream) => listRecords(catalogue, { stream, limit: 1 }));
}

/** Response schemas describe rows as maps. */
function plain(record: RecordSummary) {
  return { ...record, values: record.values as Record<string, unknown> | null };
}

function attempt<T>(work: () => T): T | null {
  try {
    return work();
  } catch {
    return null;
  }
}
