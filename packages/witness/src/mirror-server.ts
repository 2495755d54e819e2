import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { type ServedFile, servedLog, type TileSource } from '@assay/ledger';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Mirror } from './mirror.ts';
import { submissionServer } from './server.ts';

/** A stream of entries is cut off after this time; what came before is kept, and the client goes on from there. */
const UPLOAD_TIMEOUT_MS = 300_000;
const IDLE_TIMEOUT_MS = 30_000;
/** Each may hold one bundle of 256 entries of 64 KiB that is not proven yet. */
const MAX_UPLOADS = 16;
const RETRY_AFTER_SECONDS = '5';
/** A name of our own for bodies that are not read as a whole: clients may call them what they like. */
const STREAM = 'application/x-entries';

/**
 * The HTTP face of a mirror: `POST /add-checkpoint`, `POST /add-entries`, and each copy as a log of its own below
 * `/<origin hash>/` (C2SP tlog-mirror). The caller listens and closes.
 */
export function mirrorServer(mirror: Mirror): FastifyInstance {
  const server = submissionServer(mirror, UPLOAD_TIMEOUT_MS);
  server.server.setTimeout(IDLE_TIMEOUT_MS);
  serveUploads(server, mirror);
  serveCopies(server, mirror);
  return server;
}

function serveUploads(server: FastifyInstance, mirror: Mirror): void {
  let uploads = 0;
  server.addContentTypeParser(STREAM, (_request, payload, done) => done(null, payload));
  const asStream = async (request: FastifyRequest) => {
    request.headers['content-type'] = STREAM;
  };
  server.post('/add-entries', { onRequest: asStream }, async (request, reply) => {
    reply.header('accept-encoding', 'gzip');
    const body = decoded(request);
    if (!body) return refuse(request, reply.code(415), 'expected the content encoding gzip or none');
    if (uploads >= MAX_UPLOADS) {
      reply.code(503).header('retry-after', RETRY_AFTER_SECONDS);
      return refuse(request, reply, `${MAX_UPLOADS} uploads are going on already`);
    }
    uploads++;
    try {
      const answer = await mirror.addEntries(body);
      return reply.code(answer.status).type(answer.contentType).send(answer.body);
    } finally {
      uploads--;
      readPast(request, body);
    }
  });
}

function refuse(request: FastifyRequest, reply: FastifyReply, reason: string): FastifyReply {
  readPast(request, request.raw);
  return reply.type('text/plain; charset=utf-8').send(`${reason}\n`);
}

/** An answer may come before the end of the request, whose rest is then read and forgotten. */
function readPast({ raw }: FastifyRequest, body: Readable): void {
  if (body !== raw) {
    raw.unpipe();
    body.destroy();
  }
  // Whoever listens for bytes would hold them back.
  raw.removeAllListeners('readable').resume();
}

/** The bytes of a request; null for an encoding that is not known here. */
function decoded({ raw, headers }: FastifyRequest): Readable | null {
  const encoding = headers['content-encoding']?.toLowerCase() ?? 'identity';
  if (encoding === 'identity') return raw;
  if (encoding !== 'gzip' && encoding !== 'x-gzip') return null;
  const plain = createGunzip();
  // A request that breaks off ends here as it does there.
  raw.on('close', () => raw.complete || plain.destroy());
  // The reader is told too, if there is still one.
  plain.on('error', () => {});
  return raw.pipe(plain);
}

function serveCopies(server: FastifyInstance, mirror: Mirror): void {
  const readers = new Map<TileSource, (path: string, accept?: string) => Promise<ServedFile | null>>();
  server.get<{ Params: { originHash: string; '*': string } }>('/:originHash/*', async (request, reply) => {
    const copy = mirror.copy(request.params.originHash);
    const read = copy && (readers.get(copy) ?? servedLog(copy));
    if (copy && read) readers.set(copy, read);
    // The path as it was sent: a tile has one spelling.
    const path = request.url.split('?')[0]!.split('/').slice(2).join('/');
    const file = await read?.(path, request.headers['accept-encoding']);
    if (!file) return reply.code(404).type('text/plain; charset=utf-8').send('not mirrored here\n');
    return reply.headers(file.headers).send(file.body);
  });
}
