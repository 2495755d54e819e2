import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { parseTilePath } from '@assay/core';
import type { TileSource } from './tile-store.ts';

const compress = promisify(gzip);

/** Hot tiles kept in memory: the newest ones are what most readers ask for. */
const CACHE_BYTES = 64 * 1024 * 1024;

/** What a web server sends. */
export interface ServedFile {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/**
 * The HTTP face of a log (C2SP tlog-tiles), for any web server: `checkpoint`, `tile/…` and `tile/entries/…`, with
 * content types, caching and compression. Null is a 404.
 *
 * Tiles never change, so that they are kept in memory and by every cache on the way; entry bundles go compressed
 * to those who take that; browsers elsewhere may read everything.
 *
 * @example
 * const file = await servedLog(directoryTileStore('data/log'))('tile/0/000', request.headers['accept-encoding']);
 */
export function servedLog(
  source: TileSource,
  cacheBytes = CACHE_BYTES,
): (path: string, acceptEncoding?: string) => Promise<ServedFile | null> {
  const cache = new Map<string, ServedFile>();
  let cached = 0;

  function keep(key: string, file: ServedFile): ServedFile {
    cache.set(key, file);
    cached += file.body.length;
    for (const [oldest, { body }] of cache) {
      if (cached <= cacheBytes) break;
      cache.delete(oldest);
      cached -= body.length;
    }
    return file;
  }

  return async (path, acceptEncoding = '') => {
    if (path === 'checkpoint') {
      const body = await source.get(path);
      return body && { headers: CHECKPOINT_HEADERS, body };
    }
    const gzipped = path.startsWith('tile/entries/') && acceptsGzip(acceptEncoding);
    const key = gzipped ? `${path} gzip` : path;
    const hit = cache.get(key);
    if (hit) return hit;
    // Only a path that is the one spelling of a tile reaches the store.
    const tile = parseTilePath(path);
    const body = tile && (await source.get(path));
    if (!body) return null;
    if (tile.level !== 'entries') return keep(key, { headers: TILE_HEADERS, body });
    if (!gzipped) return keep(key, { headers: BUNDLE_HEADERS, body });
    return keep(key, { headers: GZIPPED_HEADERS, body: new Uint8Array(await compress(body)) });
  };
}

const READABLE = { 'access-control-allow-origin': '*', 'x-content-type-options': 'nosniff' };
const CHECKPOINT_HEADERS = {
  ...READABLE,
  'content-type': 'text/plain; charset=utf-8',
  'cache-control': 'no-cache',
};
const TILE_HEADERS = {
  ...READABLE,
  'content-type': 'application/octet-stream',
  'cache-control': 'public, max-age=31536000, immutable',
};
// A cache on the way must not give compressed bytes to those who cannot read them.
const BUNDLE_HEADERS = { ...TILE_HEADERS, vary: 'accept-encoding' };
const GZIPPED_HEADERS = { ...BUNDLE_HEADERS, 'content-encoding': 'gzip' };

/** Whether gzip is among the accepted codings, and not with a weight of zero (RFC 9110 section 12.5.3). */
function acceptsGzip(acceptEncoding: string): boolean {
  return /(?:^|,)\s*(?:gzip|x-gzip|\*)\s*(?:;\s*q=(?!0(?:\.0*)?\s*(?:,|$))[\d.]+)?\s*(?:,|$)/i.test(
    acceptEncoding,
  );
}
