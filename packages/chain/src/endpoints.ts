import { AssayError } from '@assay/core';
import {
  BaseError,
  createPublicClient,
  HttpRequestError,
  http,
  InternalRpcError,
  LimitExceededRpcError,
  type PublicClient,
  TimeoutError,
} from 'viem';

/** What an endpoint of a chain last did. */
export interface EndpointState {
  /** Scheme, host and port only: the rest of an address is often a password. */
  url: string;
  ok: boolean;
  /** Height that it last told. */
  blockNumber: number | null;
  /** In words; null when there is nothing to say. */
  error: string | null;
}

interface Endpoint extends EndpointState {
  readonly client: PublicClient;
}

const REQUEST_TIMEOUT_MS = 5_000;
const MAX_ENDPOINTS = 8;
/** An endpoint so many blocks behind the best one is asked only when no better one answers. */
const BEHIND_BLOCKS = 3;

/**
 * The endpoints through which one chain is seen. Each may be down, behind, of another chain, or lying: questions go
 * to the first good one, and what matters is asked of all.
 */
export class ChainEndpoints {
  readonly chainId: number;
  readonly #endpoints: readonly Endpoint[];

  /** @throws ARGUMENT_INVALID without an endpoint, with more than 8, or with one that is no http(s) URL. */
  constructor(options: { chainId: number; rpcUrls: readonly string[]; timeoutMs?: number }) {
    const { chainId, rpcUrls, timeoutMs = REQUEST_TIMEOUT_MS } = options;
    if (rpcUrls.length === 0 || rpcUrls.length > MAX_ENDPOINTS) {
      throw new AssayError(
        'ARGUMENT_INVALID',
        `expected 1 to ${MAX_ENDPOINTS} endpoints of chain ${chainId}, got ${rpcUrls.length}`,
      );
    }
    this.chainId = chainId;
    this.#endpoints = rpcUrls.map((rpcUrl) => ({
      url: withoutCredentials(rpcUrl),
      ok: true,
      blockNumber: null,
      error: null,
      client: createPublicClient({
        transport: http(rpcUrl, { retryCount: 0, timeout: timeoutMs }),
        cacheTime: 0,
      }),
    }));
  }

  /**
   * Asks every endpoint for its chain and its height.
   *
   * @throws CHAIN_UNAVAILABLE when none answers, CHAIN_WRONG when those that answer serve another chain.
   */
  async look(): Promise<void> {
    let other: number | null = null;
    await Promise.all(
      this.#endpoints.map(async (endpoint) => {
        try {
          const served = await endpoint.client.getChainId();
          if (served !== this.chainId) {
            other = served;
            Object.assign(endpoint, { ok: false, error: `it serves chain ${served}` });
            return;
          }
          const blockNumber = Number(await endpoint.client.getBlockNumber());
          Object.assign(endpoint, { ok: true, blockNumber, error: null });
        } catch (error) {
          Object.assign(endpoint, { ok: false, error: inWords(error) });
        }
      }),
    );
    if (this.#endpoints.some(({ ok }) => ok)) return;
    if (other !== null) {
      throw new AssayError('CHAIN_WRONG', `expected chain ${this.chainId}, the endpoint serves ${other}`, {
        next: 'name an endpoint of the right chain with --rpc, or the right chain with --chain-id',
      });
    }
    throw this.#unavailable();
  }

  /**
   * Asks the first endpoint that answers; one of another chain is not asked.
   *
   * @throws CHAIN_UNAVAILABLE when none answers; what `question` throws of an answer that it got.
   */
  async ask<T>(question: (client: PublicClient) => Promise<T>): Promise<T> {
    for (const endpoint of this.#inOrder()) {
      try {
        return await question(endpoint.client);
      } catch (error) {
        if (!isOutage(error)) throw error;
        Object.assign(endpoint, { ok: false, error: inWords(error) });
      }
    }
    throw this.#unavailable();
  }

  /** Asks every good endpoint; answers of those that gave one, in configured order. */
  async askAll<T>(question: (client: PublicClient) => Promise<T>): Promise<{ url: string; answer: T }[]> {
    const answers = await Promise.all(
      this.#endpoints.map(async (endpoint) => {
        if (!endpoint.ok) return [];
        try {
          return [{ url: endpoint.url, answer: await question(endpoint.client) }];
        } catch (error) {
          if (isOutage(error)) endpoint.ok = false;
          endpoint.error = inWords(error);
          return [];
        }
      }),
    );
    return answers.flat();
  }

  /** How many endpoints are configured. */
  get count(): number {
    return this.#endpoints.length;
  }

  /** Height of the chain as its best endpoint told when it was last looked at; 0 before. */
  get height(): number {
    return Math.max(0, ...this.#endpoints.map(({ ok, blockNumber }) => (ok ? (blockNumber ?? 0) : 0)));
  }

  states(): EndpointState[] {
    return this.#endpoints.map(({ url, ok, blockNumber, error }) => ({ url, ok, blockNumber, error }));
  }

  /** Good ones first; one that failed may have come back, one of another chain may not. */
  #inOrder(): Endpoint[] {
    const rank = ({ ok, blockNumber }: Endpoint) =>
      !ok ? 2 : (blockNumber ?? this.height) < this.height - BEHIND_BLOCKS ? 1 : 0;
    return this.#endpoints
      .filter(({ error }) => !error?.startsWith('it serves chain'))
      .toSorted((a, b) => rank(a) - rank(b));
  }

  #unavailable(): AssayError {
    const each = this.#endpoints.map(({ url, error }) => `${url}: ${error ?? 'no answer'}`);
    return new AssayError(
      'CHAIN_UNAVAILABLE',
      `no endpoint of chain ${this.chainId} answers (${each.join('; ')})`,
      { next: 'nothing: it is asked again; if that lasts, name another endpoint with --rpc' },
    );
  }
}

/** What went wrong, without the address that it went wrong at. */
export function inWords(error: unknown): string {
  if (!(error instanceof BaseError)) return withoutAddresses((error as Error).message);
  const { shortMessage, details } = error;
  const words = details && !shortMessage.includes(details) ? `${shortMessage} ${details}` : shortMessage;
  return withoutAddresses(words);
}

function withoutAddresses(text: string): string {
  return text.replaceAll(/https?:\/\/\S+/g, (url) => withoutCredentials(url)).slice(0, 500);
}

function withoutCredentials(rpcUrl: string): string {
  const url = URL.parse(rpcUrl);
  if (url && /^https?:$/.test(url.protocol)) return url.origin;
  throw new AssayError('ARGUMENT_INVALID', 'expected the endpoint of a chain to be an http or https URL', {
    next: 'for example --rpc https://rpc.example:8545',
  });
}

/** Whether the endpoint gave no answer, rather than one that is not liked. */
function isOutage(error: unknown): boolean {
  return (
    error instanceof BaseError &&
    error.walk(
      (cause) =>
        cause instanceof HttpRequestError ||
        cause instanceof TimeoutError ||
        cause instanceof LimitExceededRpcError ||
        (cause instanceof InternalRpcError && !/revert|fee|fund|nonce/i.test(cause.details ?? '')),
    ) !== null
  );
}
