import { AssayError, concatBytes, MAX_ENTRY_BYTES, TILE_WIDTH } from '@assay/core';
import type { TileSource } from './tile-store.ts';

const TRIES = 4;
const FIRST_WAIT_MS = 200;
const MAX_WAIT_MS = 5_000;
const DEFAULT_TIMEOUT_MS = 10_000;
/** The largest entry bundle there can be: a server that sends more means no good. */
const MAX_BYTES = TILE_WIDTH * (2 + MAX_ENTRY_BYTES);

/**
 * A log that somebody serves over HTTP (C2SP tlog-tiles). Nothing of what it gives is believed here: that is
 * for the reader to verify.
 *
 * A path that the server does not have is null. Busy servers (429, 503) and broken connections are tried again
 * a few times, after as long as the server asks for.
 *
 * @param options.url URL prefix of the log.
 * @throws LOG_UNREACHABLE
 * @example
 * const checkpoint = await httpTileSource({ url: 'https://example.com/log' }).get('checkpoint');
 */
export function httpTileSource(options: {
  url: string;
  fetch?: typeof fetch;
  timeoutMs?: number;
}): TileSource {
  const prefix = options.url.replace(/\/*$/, '/');
  const request = options.fetch ?? fetch;

  async function attempt(
    url: string,
  ): Promise<{ bytes: Uint8Array | null } | { waitMs: number; why: string }> {
    try {
      const signal = AbortSignal.timeout(options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
      const response = await request(url, { signal, redirect: 'follow' });
      if (response.ok) return { bytes: await readBounded(response) };
      await response.body?.cancel();
      if (response.status === 404 || response.status === 410) return { bytes: null };
      const mayRecover = response.status === 429 || response.status >= 500;
      const why = `it answered ${response.status}`;
      return { waitMs: mayRecover ? retryAfterMs(response) : Number.POSITIVE_INFINITY, why };
    } catch (error) {
      const { message, cause } = error as Error;
      return { waitMs: 0, why: cause instanceof Error ? `${message}: ${cause.message}` : message };
    }
  }

  return {
    async get(path) {
      const url = prefix + path;
      for (let tries = 1; ; tries++) {
        const outcome = await attempt(url);
        if ('bytes' in outcome) return outcome.bytes;
        const waitMs = Math.max(outcome.waitMs, FIRST_WAIT_MS * 2 ** (tries - 1));
        if (tries === TRIES || waitMs > MAX_WAIT_MS) throw unreachable(url, outcome.why);
        await new Promise((resolve) => setTimeout(resolve, waitMs));
      }
    },
  };
}

async function readBounded(response: Response): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of response.body ?? []) {
    length += part.length;
    if (length > MAX_BYTES) throw new Error(`it sends more than ${MAX_BYTES} bytes`);
    parts.push(part);
  }
  return concatBytes(...parts);
}

/** What a busy server asks for in `Retry-After` (RFC 9110 section 10.2.3), in seconds there. */
function retryAfterMs(response: Response): number {
  const seconds = Number(response.headers.get('retry-after') ?? 0);
  return Number.isFinite(seconds) && seconds > 0 ? seconds * 1_000 : 0;
}

function unreachable(url: string, why: string): AssayError {
  return new AssayError('LOG_UNREACHABLE', `${url} cannot be read: ${why}`, {
    next: 'check the log URL and the network; what was verified before still holds',
  });
}
