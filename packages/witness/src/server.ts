import fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';
import type { Witness } from './witness.ts';

/** 63 proof lines and a checkpoint with a few dozen post-quantum signatures fit. */
const MAX_BODY_BYTES = 128 * 1024;
const REQUEST_TIMEOUT_MS = 10_000;
const BYTES = 'application/octet-stream';

/**
 * The HTTP face of a witness: `POST /add-checkpoint` and `GET /<origin hash>/checkpoint` (C2SP tlog-witness).
 * The caller listens and closes.
 */
export function witnessServer(witness: Witness): FastifyInstance {
  const server = submissionServer(witness);
  server.get<{ Params: { originHash: string } }>('/:originHash/checkpoint', async (request, reply) => {
    const note = witness.checkpoint(request.params.originHash);
    reply.type('text/plain; charset=utf-8').header('cache-control', 'no-cache');
    return note === null
      ? reply.code(404).send('no checkpoint of this log was cosigned\n')
      : reply.send(note);
  });
  return server;
}

/** A server that takes checkpoints. */
export function submissionServer(
  { addCheckpoint }: Pick<Witness, 'addCheckpoint'>,
  requestTimeout = REQUEST_TIMEOUT_MS,
): FastifyInstance {
  const server = fastify({ bodyLimit: MAX_BODY_BYTES, requestTimeout, forceCloseConnections: true });
  // The protocol names no content type for requests: the body is bytes, whatever the client calls it.
  server.removeAllContentTypeParsers();
  server.addContentTypeParser(BYTES, { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  const asBytes = async (request: FastifyRequest) => {
    request.headers['content-type'] = BYTES;
  };
  server.post('/add-checkpoint', { onRequest: asBytes }, async (request, reply) => {
    const answer = await addCheckpoint((request.body as Buffer | undefined) ?? new Uint8Array());
    return reply.code(answer.status).type(answer.contentType).send(answer.body);
  });
  return server;
}
