import { AssayError, type LookupQuery, parseQuery } from '@assay/core';
import { servedLog } from '@assay/ledger';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { NodeView } from './node-view.ts';

const digest = z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 lower-case hexadecimal digits');
/** One form of a query, as its members in the URL. */
const lookup = z
  .object({
    id: digest.describe('id of a statement, or SHA-256 of any entry'),
    subjectDigest: digest.describe('SHA-256 of what statements are about'),
    subject: z.string().max(300).describe('name of a subject, or of a stream'),
    signer: z.string().max(300).describe('DID of who signed'),
    from: z.string().describe('statements made from this time on …'),
    to: z.string().describe('… and before this one, both like 2023-03-11T07:00:00Z'),
  })
  .partial();

/** Serves the node's log to anybody's client (C2SP tlog-tiles), and lookups in its index. */
export function serveLog(app: FastifyInstance, node: NodeView): void {
  serveTiles(app, node);
  servePolicy(app, node);
  app.get(
    '/v1/log/health',
    {
      schema: {
        summary: 'Growth, witnesses, consistency checks, anchors, incidents and service level of the log',
      },
    },
    (_request, reply) => reply.header('cache-control', 'no-store').send(node.health()),
  );
  app.get(
    '/v1/log/evidence/:name',
    {
      schema: {
        summary: 'Evidence of an incident, for `assay verify-evidence`',
        params: z.object({
          name: z
            .string()
            .regex(/^[a-z-]{1,40}-[0-9a-f]{16}\.json$/, 'expected the name of an evidence file'),
        }),
      },
    },
    (request, reply) => {
      const { name } = request.params as { name: string };
      const evidence = node.evidence(name);
      if (evidence === null) throw noSuchEvidence();
      return reply
        .type('application/json')
        .header('content-disposition', `attachment; filename="${name}"`)
        .send(evidence);
    },
  );
  app.get(
    '/v1/log/lookup',
    {
      schema: {
        summary: 'Every entry of the log that matches, with the proof that there are no others',
        description:
          'Give one of id, subjectDigest, subject, signer, or from and to. The answer verifies offline: `assay verify lookup.json`.',
        querystring: lookup,
      },
    },
    (request) => node.lookup(readQuery(request.query)),
  );
}

/** Under the name by which the reader reached this node. */
function servePolicy(app: FastifyInstance, node: NodeView): void {
  app.get(
    '/v1/log/policy',
    {
      schema: {
        summary:
          'The log, its witnesses and their quorum as a tlog-policy file, for `assay monitor`; for a first try only',
        produces: ['text/plain'],
      },
    },
    (request, reply) =>
      reply.type('text/plain; charset=utf-8').send(node.logPolicy(`${request.protocol}://${request.host}`)),
  );
}

function readQuery(query: unknown): LookupQuery {
  return parseQuery(query, (message) => {
    throw new AssayError('REQUEST_INVALID', message, {
      next: 'give exactly one of id, subjectDigest, subject, signer, or from and to',
    });
  });
}

function serveTiles(app: FastifyInstance, { tiles }: NodeView): void {
  const read = servedLog(tiles);
  for (const route of ['/checkpoint', '/tile/*']) {
    app.get(route, { schema: { hide: true } }, async (request, reply) => {
      const path = request.url.split('?')[0]!.slice(1);
      const file = await read(path, request.headers['accept-encoding']);
      if (!file) throw path === 'checkpoint' ? notYet() : noSuchTile();
      return reply.headers(file.headers).send(file.body);
    });
  }
}

function notYet(): AssayError {
  return new AssayError('NOT_FOUND', 'no checkpoint has been published yet', {
    next: 'wait for the first one to be witnessed',
  });
}

function noSuchTile(): AssayError {
  return new AssayError('NOT_FOUND', 'no such tile', {
    next: 'ask for tiles that the current checkpoint requires',
  });
}

function noSuchEvidence(): AssayError {
  return new AssayError('NOT_FOUND', 'there is no such evidence', {
    next: 'see the incidents in /v1/log/health',
  });
}
