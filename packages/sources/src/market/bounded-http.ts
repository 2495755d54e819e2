import { lookup as resolve } from 'node:dns';
import { type IncomingHttpHeaders, type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { AssayError } from '@assay/core';
import { boundedRetry, type RetryPace } from '../bounded-retry.ts';

export interface BoundedHttpOptions extends RetryPace {
  /** Whether machines of the own network may be asked. Off, because addresses come from feeds that anybody writes. */
  allowPrivate?: boolean | undefined;
  headers?: Readonly<Record<string, string>> | undefined;
  maxBytes?: number | undefined;
  /** Statuses from 400 on that are an answer, not a failure. */
  acceptStatus?: readonly number[] | undefined;
  timeoutMs?: number | undefined;
  signal?: AbortSignal | undefined;
}

export interface BoundedResponse {
  /** Where it came from in the end. */
  url: string;
  status: number;
  headers: IncomingHttpHeaders;
  body: Uint8Array;
}

const MAX_BYTES = 8 * 1024 * 1024;
const TIMEOUT_MS = 15_000;
const MAX_REDIRECTS = 5;
/** A refusal that asks for more patience than this is final for now. */
const MAX_ASKED_WAIT_MS = 8_000;

/**
 * Gets a resource by http or https. Bounded: 8 MB after decompression, 15 s a request, 5 redirects, 5 attempts. The
 * address that was checked is the one that is connected to, so that a name cannot change between the two. Secret
 * headers (`authorization`, `x-cg-…`) are not sent on to another host.
 *
 * @throws SOURCE_UNREACHABLE for no answer or a status from 400 on; ARGUMENT_INVALID for what is no address, another
 *   scheme, an address of the own network, too many redirects; PAYLOAD_TOO_LARGE.
 */
export async function boundedGet(
  address: string,
  options: BoundedHttpOptions = {},
): Promise<BoundedResponse> {
  return boundedRetry(() => follow(address, options), {
    ...options,
    mayPass: (error) => !(error instanceof AssayError) || error.detail?.passing === true,
    waitMs: (error) =>
      error instanceof AssayError ? (error.detail?.waitMs as number | undefined) : undefined,
    giveUp: (error, attempts) =>
      error instanceof AssayError
        ? error
        : new AssayError(
            'SOURCE_UNREACHABLE',
            `${withoutQuery(address)} did not answer after ${attempts} attempts: ${(error as Error).message.slice(0, 200)}`,
            { next: 'check the network and the address', cause: error },
          ),
  });
}

async function follow(address: string, options: BoundedHttpOptions): Promise<BoundedResponse> {
  let url = parse(address);
  const { origin } = url;
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
    const headers = url.origin === origin ? (options.headers ?? {}) : publicOnly(options.headers ?? {});
    const response = await once(url, headers, options);
    const { status } = response;
    if ([301, 302, 303, 307, 308].includes(status) && response.headers.location !== undefined) {
      url = parse(response.headers.location, url);
      continue;
    }
    if (status < 400 || options.acceptStatus?.includes(status)) return response;
    const waitMs = askedWait(response.headers);
    throw new AssayError('SOURCE_UNREACHABLE', `${withoutQuery(url.href)} answered with status ${status}`, {
      next:
        status === 401 || status === 403
          ? 'check the key or token, or wait until the limit of requests is lifted'
          : status === 404
            ? 'check the address'
            : 'try again later',
      detail: {
        status,
        passing: (status === 429 || status >= 500) && (waitMs ?? 0) <= MAX_ASKED_WAIT_MS,
        ...(waitMs === undefined ? {} : { waitMs }),
      },
    });
  }
  throw new AssayError(
    'ARGUMENT_INVALID',
    `expected at most ${MAX_REDIRECTS} redirects from ${withoutQuery(address)}, got more`,
  );
}

function parse(address: string, base?: URL): URL {
  if (!URL.canParse(address, base?.href))
    throw new AssayError(
      'ARGUMENT_INVALID',
      `expected an address, got ${JSON.stringify(address).slice(0, 120)}`,
    );
  const url = new URL(address, base?.href);
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw new AssayError('ARGUMENT_INVALID', `expected http or https, got ${url.protocol.slice(0, 20)}`);
  if (url.username !== '' || url.password !== '')
    throw new AssayError('ARGUMENT_INVALID', 'expected an address without a user name or password');
  return url;
}

function once(
  url: URL,
  headers: Readonly<Record<string, string>>,
  options: BoundedHttpOptions,
): Promise<BoundedResponse> {
  const { allowPrivate = false, maxBytes = MAX_BYTES, timeoutMs = TIMEOUT_MS, signal } = options;
  const host = url.hostname.replace(/^\[|\]$/g, '');
  // An address that needs no look-up never reaches the look-up below.
  if (!allowPrivate && isIP(host) && isPrivate(host)) throw privateAddress(url);
  const lookup: LookupFunction = (name, settings, done) =>
    resolve(name, { ...settings, all: true }, (error, addresses) => {
      if (error) return done(error, '', 4);
      if (!allowPrivate && addresses.some(({ address }) => isPrivate(address)))
        return done(privateAddress(url), '', 4);
      const [first] = addresses;
      if (settings.all) return done(null, addresses);
      return done(null, first!.address, first!.family);
    });
  return new Promise((done, fail) => {
    // Covers slow bodies too, which an idle time-out would let drip for ever.
    const limit = AbortSignal.any([AbortSignal.timeout(timeoutMs), ...(signal ? [signal] : [])]);
    const request = (url.protocol === 'https:' ? requestHttps : requestHttp)(
      url,
      {
        lookup,
        // A kept connection would be used again without looking at its address.
        agent: false,
        signal: limit,
        headers: { 'user-agent': 'assay/1', accept: '*/*', 'accept-encoding': 'gzip', ...headers },
      },
      (response) => {
        read(response, url, maxBytes).then(done, fail);
      },
    );
    request.once('error', fail);
    request.end();
  });
}

async function read(response: IncomingMessage, url: URL, maxBytes: number): Promise<BoundedResponse> {
  const tooLarge = () => {
    response.destroy();
    return new AssayError(
      'PAYLOAD_TOO_LARGE',
      `expected at most ${maxBytes} bytes from ${withoutQuery(url.href)}, got more`,
    );
  };
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw tooLarge();
    chunks.push(chunk);
  }
  let body: Uint8Array = Buffer.concat(chunks);
  if (response.headers['content-encoding'] === 'gzip' && body.length > 0) {
    try {
      body = gunzipSync(body, { maxOutputLength: maxBytes });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge();
      throw error;
    }
  }
  return { url: url.href, status: response.statusCode ?? 0, headers: response.headers, body };
}

/** Networks that no stranger's link may lead into (RFC 6890, RFC 4193, RFC 6598), with the clouds' own 169.254.169.254. */
const PRIVATE = new BlockList();
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 3],
] as const)
  PRIVATE.addSubnet(network, prefix, 'ipv4');
for (const [network, prefix] of [
  ['::', 96],
  ['64:ff9b::', 96],
  ['64:ff9b:1::', 48],
  ['2002::', 16],
  ['fc00::', 7],
  ['fe80::', 10],
  ['ff00::', 8],
] as const)
  PRIVATE.addSubnet(network, prefix, 'ipv6');

function isPrivate(address: string): boolean {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped) return PRIVATE.check(mapped, 'ipv4');
  // Any other spelling of a mapped address; BlockList itself compares it with the list for IPv4.
  return PRIVATE.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}

function privateAddress(url: URL): AssayError {
  return new AssayError(
    'ARGUMENT_INVALID',
    `expected a public address, got ${url.host}, which is in a private network`,
    {
      next: 'allow private addresses only for sources that you run yourself',
    },
  );
}

function publicOnly(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => /^(accept|if-|user-agent)/i.test(name)),
  );
}

/** Milliseconds that `Retry-After` (RFC 9110) asks for in seconds; dates are left to the back-off. */
function askedWait(headers: IncomingHttpHeaders): number | undefined {
  const seconds = Number(headers['retry-after'] ?? Number.NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : undefined;
}

/** Keys travel in queries; errors are logged. */
function withoutQuery(address: string): string {
  return address.split('?')[0]!.slice(0, 200);
}
