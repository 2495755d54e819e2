import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gzip as gzipCallback } from 'node:zlib';
import type { FastifyReply, FastifyRequest } from 'fastify';

const gzip = promisify(gzipCallback);
/** Below this a packet carries the answer anyway. */
const MIN_GZIP_BYTES = 1_400;

/** An answer ready to be sent: its bytes, packed and plain, and its name. */
export interface PreparedJson {
  etag: string;
  plain: Buffer;
  packed: Buffer | null;
}

/** Writes and packs an answer once, so that it can be sent to many. */
export async function prepareJson(value: unknown): Promise<PreparedJson> {
  const plain = Buffer.from(JSON.stringify(value));
  return {
    // Weak: one name for the packed and the plain bytes (RFC 9110, section 8.8.3.3).
    etag: `W/"${createHash('sha256').update(plain).digest('base64url').slice(0, 27)}"`,
    plain,
    // Level 5: on the grades of 6,000 assets it is twice as fast as 9 and 2 % larger.
    packed: plain.length < MIN_GZIP_BYTES ? null : await gzip(plain, { level: 5 }),
  };
}

/**
 * Sends an answer as its reader can take it; 304 where the reader has it already (RFC 9110, section 13.1.2). Readers
 * must ask each time: as what a row is served may change.
 */
export function sendJson(request: FastifyRequest, reply: FastifyReply, answer: PreparedJson): FastifyReply {
  reply
    .header('cache-control', 'no-cache')
    .header('vary', 'accept-encoding')
    .header('etag', answer.etag)
    .type('application/json; charset=utf-8');
  if (namesTag(request.headers['if-none-match'], answer.etag)) return reply.code(304).send();
  if (!answer.packed || !takesGzip(request.headers['accept-encoding'])) return reply.send(answer.plain);
  return reply.header('content-encoding', 'gzip').send(answer.packed);
}

function namesTag(header: string | undefined, etag: string): boolean {
  const opaque = (tag: string) => tag.trim().replace(/^W\//, '');
  return (header ?? '').split(',').some((tag) => opaque(tag) === opaque(etag) || tag.trim() === '*');
}

function takesGzip(header: string | string[] | undefined): boolean {
  return String(header ?? '')
    .split(',')
    .some((coding) => /^(gzip|\*)$/.test(coding.split(';')[0]!.trim()) && !/;\s*q=0(\.0*)?\s*$/.test(coding));
}
