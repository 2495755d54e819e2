import { AssayError } from '@assay/core';
import fastifyStatic from '@fastify/static';
import swagger from '@fastify/swagger';
import fastify, { type FastifyInstance, type FastifyReply } from 'fastify';
import {
  jsonSchemaTransform,
  serializerCompiler,
  validatorCompiler,
  type ZodTypeProvider,
} from 'fastify-type-provider-zod';
import { serveAlertRules } from './alert-rule-routes.ts';
import { serveDerivatives } from './derivatives-routes.ts';
import { serveEconomy } from './economy-routes.ts';
import { serveLog } from './log-routes.ts';
import { serveMarket } from './market-routes.ts';
import type { NodeEvent, NodeView } from './node-view.ts';
import { problemOf } from './problem.ts';
import { serveProviders } from './provider-credibility.ts';
import { serveRecords } from './record-routes.ts';
import { serveReviews } from './review-routes.ts';
import { serveTokenMetrics, type TokenMetricsOptions } from './token-metrics/index.ts';

/** A signed statement is far below this; routes that take more say so. */
const MAX_BODY_BYTES = 256 * 1024;
/** Live readers at once; each holds a socket and a little memory. */
const MAX_STREAMS = 200;

export type Gateway = FastifyInstance;

/**
 * The gateway: REST, live events, the log's files and the console on one port. Every answer about data
 * carries its level, its quality vector and a link to its proof.
 *
 * @param options `hosts` are the Host headers that are answered besides loopback; anything else is refused,
 *   or a page on the internet could read a local node through DNS rebinding. `tokenMetrics` says whose keys may read
 *   `/v2`, and who writes its reports.
 * @example
 * const gateway = await createGateway(node);
 * await gateway.listen({ host: '127.0.0.1', port: 4600 });
 */
export async function createGateway(
  node: NodeView,
  options: { hosts?: readonly string[]; tokenMetrics?: TokenMetricsOptions } = {},
): Promise<Gateway> {
  const app = fastify({
    bodyLimit: MAX_BODY_BYTES,
    forceCloseConnections: true,
    routerOptions: { ignoreTrailingSlash: true },
    // A path that cannot be decoded fails before any route and any error handler.
    frameworkErrors: (error, _request, reply) => sendProblem(reply, problemOf(error)),
  });
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.setErrorHandler((error, _request, reply) => {
    const problem = problemOf(error);
    if (problem.status >= 500) console.error(error);
    return sendProblem(reply, problem);
  });
  app.setNotFoundHandler((request, reply) => {
    // The console is one page with its own routes; the API and the log answer for themselves.
    const wantsPage =
      request.method === 'GET' &&
      !/^\/(v1|v2|tile|checkpoint)(\/|$)/.test(request.url) &&
      node.consoleDirectory;
    if (wantsPage && request.headers.accept?.includes('text/html')) return reply.sendFile('index.html');
    return sendProblem(
      reply,
      problemOf(
        new AssayError('NOT_FOUND', `nothing is served at ${request.url.slice(0, 120)}`, {
          next: 'see /openapi.json',
        }),
      ),
    );
  });
  app.addHook('onRequest', async (request, reply) => {
    checkHost(request.headers.host, options.hosts ?? []);
    reply.header('x-content-type-options', 'nosniff');
    reply.header('referrer-policy', 'no-referrer');
    reply.header(
      'content-security-policy',
      "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'",
    );
  });

  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Assay gateway',
        version: '1',
        description:
          'Records, reference rates and their proofs. Times are RFC 3339 UTC; prices and volumes are decimal strings.',
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
    },
    transform: jsonSchemaTransform,
  });
  app.get('/openapi.json', { schema: { hide: true } }, () => app.swagger());
  serveRecords(app.withTypeProvider<ZodTypeProvider>(), node);
  serveReviews(app.withTypeProvider<ZodTypeProvider>(), node);
  serveAlertRules(app.withTypeProvider<ZodTypeProvider>(), node);
  serveEvents(app, node);
  serveLog(app, node);
  serveEconomy(app, node);
  serveProviders(app.withTypeProvider<ZodTypeProvider>(), node);
  serveMarket(app.withTypeProvider<ZodTypeProvider>(), node);
  serveDerivatives(app.withTypeProvider<ZodTypeProvider>());
  await serveTokenMetrics(app, node, options.tokenMetrics);
  if (node.consoleDirectory) {
    await app.register(fastifyStatic, { root: node.consoleDirectory, cacheControl: false });
  }
  await app.ready();
  return app;
}

/** Server-sent events (WHATWG HTML, section 9.2): one event a happening, a comment every 15 s to keep proxies awake. */
function serveEvents(app: FastifyInstance, node: NodeView): void {
  let readers = 0;
  app.get('/v1/events', { schema: { hide: true } }, (_request, reply) => {
    if (readers >= MAX_STREAMS) {
      throw new AssayError('LEDGER_BUSY', `expected at most ${MAX_STREAMS} live readers`, {
        next: 'try again later, or poll /v1/records',
      });
    }
    readers += 1;
    reply.hijack();
    const { raw } = reply;
    raw.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    raw.write(': live\n\n');
    const unsubscribe = node.subscribe((event: NodeEvent) => {
      const { type, ...data } = event;
      // A reader that cannot follow loses the feed, not the node its memory.
      if (raw.writableLength > 1 << 20) raw.destroy();
      else raw.write(`event: ${type}\ndata: ${JSON.stringify(data)}\n\n`);
    });
    const heartbeat = setInterval(() => raw.write(': live\n\n'), 15_000);
    raw.on('close', () => {
      readers -= 1;
      clearInterval(heartbeat);
      unsubscribe();
    });
  });
}

function sendProblem(reply: FastifyReply, problem: ReturnType<typeof problemOf>) {
  if ([429, 503, 507].includes(problem.status)) reply.header('retry-after', '1');
  return reply.code(problem.status).type('application/problem+json').serializer(JSON.stringify).send(problem);
}

function checkHost(host: string | undefined, allowed: readonly string[]): void {
  const name = (host ?? '').replace(/:\d+$/, '').toLowerCase();
  if (['localhost', '127.0.0.1', '[::1]', ...allowed].includes(name)) return;
  throw new AssayError(
    'REQUEST_INVALID',
    `this node does not answer to the host ${JSON.stringify(name.slice(0, 80))}`,
    {
      next: 'use http://127.0.0.1:<port>, or start the node with --host <name>',
    },
  );
}
