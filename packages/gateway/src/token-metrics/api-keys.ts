import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';

/** Callers whose spending is remembered; the one that was heard of longest ago is forgotten first. */
const MAX_CALLERS = 10_000;
const MAX_KEY_LENGTH = 200;

export type KeyVerdict =
  | { allowed: true }
  | { allowed: false; status: 401; message: string }
  | { allowed: false; status: 429; message: string; retryAfterS: number };

/**
 * Who may read `/v2`, and how often. Keys are compared by their digests in constant time, are kept by digest only, and
 * are never written anywhere.
 */
export class ApiKeys {
  readonly #keys: () => readonly string[];
  readonly #perMinute: number;
  readonly #nowMs: () => number;
  /** Requests that a caller may still make, and when that was counted: a bucket that fills evenly. */
  readonly #buckets = new Map<string, { tokens: number; atMs: number }>();

  /**
   * @param options.keys asked for each request, so that a key can be withdrawn while the node runs. With an empty list
   *   any key is taken, but only on loopback.
   * @param options.nowMs a clock that never goes back.
   */
  constructor(options: {
    keys: () => readonly string[];
    requestsPerMinute: number;
    nowMs: () => number;
  }) {
    this.#keys = options.keys;
    this.#perMinute = options.requestsPerMinute;
    this.#nowMs = options.nowMs;
  }

  judge(request: FastifyRequest): KeyVerdict {
    // Older clients send the same key as `api_key`.
    const given = request.headers['x-api-key'] ?? request.headers.api_key;
    const known = this.#refusal(given, request.socket.localAddress);
    // Wrong keys spend from one bucket for each address, or guessing would be free.
    const caller = known === null ? digestOf(String(given)).toString('hex') : `refused ${request.ip}`;
    const waitS = this.#spend(caller);
    if (waitS > 0) {
      const message = `expected at most ${this.#perMinute} requests a minute; try again in ${waitS} s`;
      return { allowed: false, status: 429, message, retryAfterS: waitS };
    }
    return known === null ? { allowed: true } : { allowed: false, status: 401, message: known };
  }

  /** Why a key is not taken; null when it is. */
  #refusal(given: string | string[] | undefined, localAddress: string | undefined): string | null {
    if (typeof given !== 'string' || given.trim() === '') {
      return 'expected an API key in the header x-api-key';
    }
    if (given.length > MAX_KEY_LENGTH) return `expected an API key of at most ${MAX_KEY_LENGTH} characters`;
    const keys = this.#keys();
    if (keys.length === 0) {
      return isLoopback(localAddress)
        ? null
        : 'this node has no API keys, and without any it answers on loopback only';
    }
    const digest = digestOf(given);
    // No early way out: the time says nothing of which key was nearly right.
    const matches = keys.filter((key) => timingSafeEqual(digestOf(key), digest));
    return matches.length > 0 ? null : 'this API key is not known here';
  }

  /** Takes one request from a caller's bucket. @returns seconds to wait when it is empty; 0 when it was taken. */
  #spend(caller: string): number {
    const nowMs = this.#nowMs();
    const perMs = this.#perMinute / 60_000;
    const before = this.#buckets.get(caller) ?? { tokens: this.#perMinute, atMs: nowMs };
    const tokens = Math.min(this.#perMinute, before.tokens + (nowMs - before.atMs) * perMs);
    const taken = tokens >= 1;
    this.#buckets.delete(caller);
    this.#buckets.set(caller, { tokens: taken ? tokens - 1 : tokens, atMs: nowMs });
    if (this.#buckets.size > MAX_CALLERS) this.#buckets.delete(this.#buckets.keys().next().value!);
    return taken ? 0 : Math.max(1, Math.ceil((1 - tokens) / perMs / 1000));
  }
}

function digestOf(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}

function isLoopback(address: string | undefined): boolean {
  return address !== undefined && /^(::ffff:)?127\.|^::1$/.test(address);
}
