import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { AssayError, bytesEqual, fromUtf8, TILE_WIDTH, utf8 } from '@assay/core';
import { AwsClient } from 'aws4fetch';
import { inParallel } from './in-parallel.ts';
import type { TileStore } from './tile-store.ts';

const compress = promisify(gzip);

/** Requests at the same time. */
const PARALLEL_REQUESTS = 16;
/** Tries of a request that the server was too busy for; waits double from the first one. */
const TRIES = 6;
const FIRST_WAIT_MS = 100;
const MAX_WAIT_MS = 5_000;
const TIMEOUT_MS = 30_000;
/** A tile has at most 255 partial versions, so a listing with more answers than that does not end. */
const MAX_LISTING_PAGES = TILE_WIDTH;
/** An object that is there for one purpose: a second conditional write of it must be refused. */
const PROBE = '.write-once-probe';

/** A bucket of an S3-compatible object store, and the right to read, write, list and delete in it. */
export interface S3Bucket {
  /** The server's URL; the bucket becomes the first part of the path. */
  endpoint: string;
  bucket: string;
  region: string;
  accessKeyId: string;
  secretAccessKey: string;
  /** Folder of the log inside the bucket, such as `logs/eu`. */
  prefix?: string;
  fetch?: typeof fetch;
}

/** Tiles in an object store. */
export interface S3TileStore extends TileStore {
  /** Forgets one object. May be repeated. */
  drop(path: string): Promise<void>;
}

/**
 * Tiles as objects of an S3-compatible store: the bucket is the served log, with the content types and caching
 * of C2SP tlog-tiles, and entry bundles compressed.
 *
 * Tiles are written with `If-None-Match: *`, so that none can ever be replaced. A server that does not know
 * this condition is found out at the start and refused. Busy answers (409, 429, 5xx) and broken connections are
 * tried again a few times; an object is durable when the server says so.
 *
 * @throws STORAGE_UNSUITABLE for a server without conditional writes, STORAGE_FAILED (`detail.status`)
 * @example
 * const tiles = await s3TileStore({
 *   endpoint: 'https://s3.eu-central-1.amazonaws.com', region: 'eu-central-1', bucket: 'example-log',
 *   accessKeyId, secretAccessKey,
 * });
 */
export async function s3TileStore(options: S3Bucket): Promise<S3TileStore> {
  const objects = new Objects(options);
  await refuseIfReplaceable(objects);

  async function put(path: string, bytes: Uint8Array): Promise<void> {
    const bundle = path.startsWith('tile/entries/');
    const body = bundle ? new Uint8Array(await compress(bytes)) : bytes;
    const headers = bundle ? BUNDLE_HEADERS : TILE_HEADERS;
    for (let tries = 1; !(await objects.create(path, body, headers)); tries++) {
      const stored = await objects.read(path);
      if (stored && bytesEqual(stored, bytes)) return;
      if (stored) throw conflict(path);
      if (tries === TRIES) throw new AssayError('STORAGE_FAILED', `${path} is neither stored nor absent`);
    }
  }

  async function partials(path: string): Promise<number[]> {
    const names = await objects.list(`${path}.p/`);
    const widths = names.filter((name) => /^[1-9]\d{0,2}$/.test(name));
    return widths.map(Number).sort((a, b) => a - b);
  }

  return {
    get: (path) => objects.read(path),
    put: (tiles) => inParallel([...tiles], PARALLEL_REQUESTS, ([path, bytes]) => put(path, bytes)),
    publish: (checkpoint) => objects.replace('checkpoint', utf8(checkpoint), CHECKPOINT_HEADERS),
    partials,
    async dropPartials(path) {
      const widths = await partials(path);
      await inParallel(widths, PARALLEL_REQUESTS, (width) => objects.remove(`${path}.p/${width}`));
    },
    drop: (path) => objects.remove(path),
  };
}

const CHECKPOINT_HEADERS = { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-cache' };
const TILE_HEADERS = {
  'content-type': 'application/octet-stream',
  'cache-control': 'public, max-age=31536000, immutable',
};
// tlog-tiles, "Log entries": gzip may be served without negotiation. Readers over HTTP decompress by themselves.
const BUNDLE_HEADERS = { ...TILE_HEADERS, 'content-encoding': 'gzip' };

/** Writes the same object twice on condition that it is absent: the second time the server must refuse. */
async function refuseIfReplaceable(objects: Objects): Promise<void> {
  const body = utf8('This object shows that the store never replaces a tile.\n');
  const create = () =>
    objects.create(PROBE, body, CHECKPOINT_HEADERS).catch((error: AssayError) => {
      throw error.detail?.status === 501 ? replaceable(error) : error;
    });
  const created = await create();
  if (created && (await create())) throw replaceable();
}

/** Objects below a prefix, through the few requests of the S3 API that tiles need. */
class Objects {
  readonly #aws: AwsClient;
  readonly #fetch: typeof fetch;
  readonly #bucketUrl: string;
  readonly #prefix: string;

  constructor(options: S3Bucket) {
    const { endpoint, bucket, region, accessKeyId, secretAccessKey } = options;
    this.#aws = new AwsClient({ accessKeyId, secretAccessKey, region, service: 's3' });
    this.#fetch = options.fetch ?? fetch;
    this.#bucketUrl = `${endpoint.replace(/\/+$/, '')}/${encodeURIComponent(bucket)}`;
    this.#prefix = (options.prefix ?? '').replace(/^\/+|\/+$/g, '').replace(/.$/, '$&/');
  }

  async read(path: string): Promise<Uint8Array | null> {
    const { status, body } = await this.#send('GET', this.#url(path), [200, 404]);
    return status === 200 ? body : null;
  }

  /** Stores an object unless one is there: false then. */
  async create(path: string, body: Uint8Array, headers: Record<string, string>): Promise<boolean> {
    const conditional = { ...headers, 'if-none-match': '*' };
    const { status } = await this.#send('PUT', this.#url(path), [200, 201, 204, 412], conditional, body);
    return status !== 412;
  }

  async replace(path: string, body: Uint8Array, headers: Record<string, string>): Promise<void> {
    await this.#send('PUT', this.#url(path), [200, 201, 204], headers, body);
  }

  async remove(path: string): Promise<void> {
    await this.#send('DELETE', this.#url(path), [200, 204, 404]);
  }

  /** Names of the objects below a folder. */
  async list(folder: string): Promise<string[]> {
    const prefix = this.#prefix + folder;
    const names: string[] = [];
    let next: string | null = null;
    for (let page = 0; page < MAX_LISTING_PAGES; page++) {
      const query = new URLSearchParams({ 'list-type': '2', 'encoding-type': 'url', prefix });
      if (next !== null) query.set('continuation-token', next);
      const { body } = await this.#send('GET', `${this.#bucketUrl}?${query}`, [200]);
      const listing = parseListing(fromUtf8(body));
      for (const key of listing.keys) {
        if (!key.startsWith(prefix)) throw badListing(`got the key ${key}, which is not below ${prefix}`);
        names.push(key.slice(prefix.length));
      }
      next = listing.next;
      if (next === null) return names;
    }
    throw badListing(`expected at most ${MAX_LISTING_PAGES} pages for ${prefix}`);
  }

  #url(path: string): string {
    return `${this.#bucketUrl}/${(this.#prefix + path).split('/').map(encodeURIComponent).join('/')}`;
  }

  /** One request, tried again while the server is busy or away. */
  async #send(
    method: string,
    url: string,
    expected: readonly number[],
    headers: Record<string, string> = {},
    body?: Uint8Array,
  ): Promise<{ status: number; body: Uint8Array }> {
    // Signed with the request, so that what arrives altered is refused.
    const digest = createHash('sha256')
      .update(body ?? '')
      .digest('hex');
    const content = body ? { body: body as Uint8Array<ArrayBuffer> } : {};
    for (let tries = 1; ; tries++) {
      let outcome: { status: number | null; why: string; waitMs: number };
      try {
        const init = { method, headers: { ...headers, 'x-amz-content-sha256': digest }, ...content };
        const request = await this.#aws.sign(url, init);
        const response = await this.#fetch(request, { signal: AbortSignal.timeout(TIMEOUT_MS) });
        const bytes = new Uint8Array(await response.arrayBuffer());
        const { status } = response;
        const code = status >= 400 ? errorCode(bytes) : '';
        if (expected.includes(status) && code !== 'NoSuchBucket') return { status, body: bytes };
        outcome = { status, why: `it answered ${status} ${code}`.trimEnd(), waitMs: retryAfterMs(response) };
      } catch (error) {
        const { message, cause } = error as Error;
        const why = cause instanceof Error ? `${message}: ${cause.message}` : message;
        outcome = { status: null, why, waitMs: 0 };
      }
      const waitMs = Math.max(outcome.waitMs, FIRST_WAIT_MS * 2 ** (tries - 1));
      const hopeless = !mayRecover(outcome.status) || tries === TRIES || waitMs > MAX_WAIT_MS;
      if (hopeless) throw failed(method, url, outcome.status, outcome.why);
      await sleep(waitMs);
    }
  }
}

/** No answer; a conditional write that met another one (409); asked to slow down (429, 503); broken for now. */
function mayRecover(status: number | null): boolean {
  return status === null || [409, 429, 500, 502, 503, 504].includes(status);
}

/** What a busy server asks for in `Retry-After` (RFC 9110 section 10.2.3), in seconds there. */
function retryAfterMs(response: Response): number {
  const seconds = Number(response.headers.get('retry-after') ?? 0);
  return Number.isFinite(seconds) && seconds > 0 ? seconds * 1_000 : 0;
}

function errorCode(body: Uint8Array): string {
  return /<Code>(\w{1,64})<\/Code>/.exec(new TextDecoder().decode(body))?.[1] ?? '';
}

/** Keys of one page of ListObjectsV2, and where the next page begins. */
export function parseListing(xml: string): { keys: string[]; next: string | null } {
  if (!/<ListBucketResult[\s>]/.test(xml)) throw badListing('got a document without ListBucketResult');
  const only = (name: string): string | null => {
    const found = [...xml.matchAll(new RegExp(`<${name}>([^<]*)</${name}>`, 'g'))];
    if (found.length > 1) throw badListing(`expected one ${name}, got ${found.length}`);
    return found.length === 1 ? unescapeXml(found[0]![1]!) : null;
  };
  const truncated = only('IsTruncated');
  if (truncated !== 'true' && truncated !== 'false') throw badListing('got no valid IsTruncated');
  const next = truncated === 'true' ? only('NextContinuationToken') : null;
  if (truncated === 'true' && !next) throw badListing('got no NextContinuationToken after a part');

  const encoded = only('EncodingType') === 'url';
  const keys = [...xml.matchAll(/<Key>([^<]*)<\/Key>/g)].map((match) => {
    const key = unescapeXml(match[1]!);
    try {
      return encoded ? decodeURIComponent(key.replaceAll('+', ' ')) : key;
    } catch {
      throw badListing(`got the key ${key}, which is not URL-encoded`);
    }
  });
  return { keys, next };
}

const XML_ENTITIES: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

function unescapeXml(text: string): string {
  return text.replaceAll(/&([^;]*);?/g, (entity, name: string) => {
    const code = /^#(?:x([\da-f]{1,6})|(\d{1,7}))$/i.exec(name);
    const point = code && Number.parseInt((code[1] ?? code[2])!, code[1] ? 16 : 10);
    const character = point && point <= 0x10ffff ? String.fromCodePoint(point) : XML_ENTITIES[name];
    if (character === undefined || !entity.endsWith(';')) throw badListing(`got the XML entity ${entity}`);
    return character;
  });
}

function badListing(got: string): AssayError {
  return new AssayError('STORAGE_FAILED', `the object store's listing cannot be read: ${got}`, {
    next: 'check that the endpoint speaks the S3 API (ListObjectsV2)',
  });
}

function failed(method: string, url: string, status: number | null, why: string): AssayError {
  const next =
    status === 401 || status === 403
      ? "check the access key, this machine's clock, and the right to read, write, list and delete"
      : status === 404
        ? 'make the bucket, or correct its name'
        : 'check the endpoint and the object store; what was acknowledged is safe';
  return new AssayError('STORAGE_FAILED', `${method} ${url} failed: ${why}`, { detail: { status }, next });
}

function replaceable(cause?: unknown): AssayError {
  return new AssayError(
    'STORAGE_UNSUITABLE',
    'expected an object store that refuses to replace an object (If-None-Match: *), got one that does not know it',
    { cause, next: 'use a store with conditional writes, or keep the tiles in a folder' },
  );
}

function conflict(path: string): AssayError {
  return new AssayError('TILE_CONFLICT', `${path} is stored with other bytes than the log would write`, {
    detail: { path },
    next: 'the prefix belongs to another log or was altered: restore it, or start a log under a new prefix',
  });
}
