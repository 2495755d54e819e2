import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createGzip } from 'node:zlib';
import { AssayError, parseTilePath, tilePath } from '@assay/core';
import type { FastifyInstance } from 'fastify';

/** Serves a C2SP tlog-tiles log from its folder: `/checkpoint` and `/tile/…`. */
export function serveLog(app: FastifyInstance, directory: string): void {
  app.get('/checkpoint', { schema: { hide: true } }, async (_request, reply) => {
    const note = await readFile(join(directory, 'checkpoint')).catch(() => null);
    if (!note) {
      throw new AssayError('NOT_FOUND', 'no checkpoint has been published yet', {
        next: 'wait for the first one to be witnessed',
      });
    }
    return reply.type('text/plain; charset=utf-8').header('cache-control', 'no-cache').send(note);
  });
  app.get('/tile/*', { schema: { hide: true } }, async (request, reply) => {
    // Only a path that is the one spelling of a tile reaches the file system.
    const tile = parseTilePath(`tile/${(request.params as { '*': string })['*']}`);
    const file = tile && join(directory, tilePath(tile));
    if (!file || !(await stat(file).catch(() => null))?.isFile()) {
      throw new AssayError('NOT_FOUND', 'no such tile', {
        next: 'ask for tiles that the current checkpoint requires',
      });
    }
    reply.type('application/octet-stream').header('cache-control', 'public, max-age=31536000, immutable');
    // Hashes do not compress; entries do.
    const compress = tile.level === 'entries' && /\bgzip\b/.test(request.headers['accept-encoding'] ?? '');
    if (tile.level === 'entries') reply.header('vary', 'accept-encoding');
    if (!compress) return reply.send(createReadStream(file));
    return reply
      .header('content-encoding', 'gzip')
      .send(createReadStream(file).pipe(createGzip({ level: 6 })));
  });
}
