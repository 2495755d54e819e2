import { AssayError, base64Encode, type NoteVerifier, openNote, parseNote, parseVkey } from '@assay/core';
import type { SignedCheckpoint } from './signed-checkpoint.ts';

/** What a log knows of one of its witnesses. */
export interface WitnessState {
  readonly name: string;
  readonly url: string;
  /**
   * `unknown` before the first answer, `ok` after a cosignature, `unreachable` when it does not answer or asks
   * for patience, `refusing` when it answers but will not cosign: then something is wrong with it or with us.
   */
  readonly state: 'unknown' | 'ok' | 'unreachable' | 'refusing';
  readonly lastError: string | null;
  /** Size of the latest checkpoint that it cosigned, as far as is known. */
  readonly size: number | null;
  /** Before this time it is not asked again. */
  readonly retryAtMs: number;
  /** How long its latest cosignature took. */
  readonly latencyMs: number | null;
  /** When that came, in milliseconds of the epoch. */
  readonly lastCosignedAtMs: number | null;
}

/** One witness, asked for cosignatures (C2SP tlog-witness). */
export interface WitnessClient {
  readonly verifier: NoteVerifier;
  state(): WitnessState;
  /**
   * Asks for a cosignature and verifies it. One request at a time.
   *
   * @param prove the consistency path from an older size to the checkpoint's.
   * @returns the signature line, with its newline.
   * @throws WITNESS_UNAVAILABLE, WITNESS_REFUSED; then {@link WitnessState.retryAtMs} lies ahead.
   */
  cosign(
    checkpoint: SignedCheckpoint,
    prove: (oldSize: number) => Promise<Uint8Array[]>,
    signal?: AbortSignal,
  ): Promise<string>;
}

const DEFAULT_TIMEOUT_MS = 5_000;
const FIRST_BACKOFF_MS = 200;
const MAX_BACKOFF_MS = 10_000;
/** A witness may ask for more patience than our own back-off, but not for ever. */
const MAX_RETRY_AFTER_MS = 300_000;
const MAX_ANSWER_BYTES = 64 * 1024;
/** First try, one after a 409, one more should the size have moved meanwhile. */
const MAX_ATTEMPTS = 3;

/**
 * A witness behind HTTP.
 *
 * @param options.url submission prefix, without `/add-checkpoint`.
 * @param options.vkey its verifier key, Ed25519 (0x04) or ML-DSA-44 (0x06): what it says without it counts for nothing.
 * @example
 * witnessClient({ url: 'http://127.0.0.1:4701', vkey });
 */
export function witnessClient(options: {
  url: string;
  vkey: string;
  /** A clock that is never set back, the same as the log's; by default that of the process. */
  nowMs?: () => number;
  fetch?: typeof fetch;
  timeoutMs?: number;
  maxBackoffMs?: number;
}): WitnessClient {
  const { timeoutMs = DEFAULT_TIMEOUT_MS, maxBackoffMs = MAX_BACKOFF_MS } = options;
  const nowMs = options.nowMs ?? (() => performance.now());
  const url = options.url.replace(/\/+$/, '');
  const post = options.fetch ?? fetch;
  const verifier = parseVkey(options.vkey);
  if (verifier.algorithm === 'ed25519') {
    throw new AssayError(
      'KEY_INVALID',
      'expected a cosignature key (type 0x04 or 0x06), got a plain Ed25519 key (0x01)',
      {
        next: 'use the verifier key that the witness prints when it starts',
      },
    );
  }

  let state: WitnessState['state'] = 'unknown';
  let lastError: string | null = null;
  let size: number | null = null;
  let retryAtMs = 0;
  let failures = 0;
  let latencyMs: number | null = null;
  let lastCosignedAtMs: number | null = null;

  async function cosign(
    checkpoint: SignedCheckpoint,
    prove: (oldSize: number) => Promise<Uint8Array[]>,
    signal?: AbortSignal,
  ): Promise<string> {
    const began = nowMs();
    try {
      const line = await ask(checkpoint, prove, signal);
      latencyMs = nowMs() - began;
      lastCosignedAtMs = Date.now();
      [state, lastError, size, retryAtMs, failures] = ['ok', null, checkpoint.size, 0, 0];
      return line;
    } catch (error) {
      const known = error instanceof AssayError ? error : unreachable((error as Error).message, error);
      const asked = Number(known.detail?.retryAfterMs ?? 0);
      state = known.code === 'WITNESS_UNAVAILABLE' ? 'unreachable' : 'refusing';
      lastError = known.message;
      retryAtMs = nowMs() + Math.max(asked, Math.min(FIRST_BACKOFF_MS * 2 ** failures++, maxBackoffMs));
      throw known;
    }
  }

  async function ask(
    checkpoint: SignedCheckpoint,
    prove: (oldSize: number) => Promise<Uint8Array[]>,
    signal?: AbortSignal,
  ): Promise<string> {
    let oldSize = Math.min(size ?? 0, checkpoint.size);
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const request = addCheckpointRequest(oldSize, await prove(oldSize), checkpoint.note);
      const answer = await send(request, signal);
      if (answer.status === 200) return cosignatureLine(checkpoint.note, answer.body);
      if (answer.status !== 409) throw notCosigned(answer);
      const seen = parseSize(answer.body);
      if (seen === null || seen === oldSize)
        throw refused('it keeps another tree of this size', answer.status);
      size = seen;
      if (seen > checkpoint.size) throw aheadOfUs(seen, checkpoint.size);
      oldSize = seen;
    }
    throw refused(
      `its size moved ${MAX_ATTEMPTS} times while it was asked; does another log use this origin?`,
      409,
    );
  }

  async function send(body: string, signal?: AbortSignal): Promise<Answer> {
    const timeout = AbortSignal.timeout(timeoutMs);
    const response = await post(`${url}/add-checkpoint`, {
      method: 'POST',
      body,
      headers: { 'content-type': 'text/plain; charset=utf-8' },
      redirect: 'error',
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    }).catch((error) => {
      const reason = timeout.aborted
        ? `no answer within ${timeoutMs} ms`
        : (error.cause?.message ?? error.message);
      throw unreachable(reason, error);
    });
    return {
      status: response.status,
      retryAfter: response.headers.get('retry-after'),
      body: await boundedText(response),
    };
  }

  /** The lines of keys other than the witness's are ignored; its own must verify (C2SP tlog-witness). */
  async function cosignatureLine(note: string, lines: string): Promise<string> {
    const opened = await openNote(note + lines, [verifier]).catch((cause) => {
      throw refused(`its answer holds no valid cosignature: ${cause.message}`, 200, cause);
    });
    // An answer with an empty line could pass off a text of its own as the checkpoint.
    if (opened.text !== parseNote(note).text)
      throw refused('its answer is not a list of signature lines', 200);
    return `${opened.signatures[0]!.line}\n`;
  }

  function notCosigned({ status, body, retryAfter }: Answer): AssayError {
    const text = `it answered ${status} ${JSON.stringify(body.slice(0, 120))}`;
    if (status !== 429 && status < 500) return refused(text, status);
    const retryAfterMs = Math.max(Number(retryAfter ?? 0), 0) * 1000 || 0;
    return unreachable(text, undefined, Math.min(retryAfterMs, MAX_RETRY_AFTER_MS));
  }

  function unreachable(reason: string, cause?: unknown, retryAfterMs = 0): AssayError {
    return new AssayError('WITNESS_UNAVAILABLE', `witness ${verifier.name} is not available: ${reason}`, {
      cause,
      detail: { retryAfterMs },
      next: 'the log goes on and asks again; check that the witness runs and can be reached',
    });
  }

  function refused(reason: string, status: number, cause?: unknown): AssayError {
    return new AssayError('WITNESS_REFUSED', `witness ${verifier.name} did not cosign: ${reason}`, {
      cause,
      detail: { status },
      next: 'check that the witness was given this log’s origin and key, and that its key is the one you trust',
    });
  }

  function aheadOfUs(seen: number, own: number): AssayError {
    return new AssayError(
      'WITNESS_REFUSED',
      `witness ${verifier.name} has cosigned size ${seen} of this log, which now stands at ${own}`,
      {
        detail: { seen, own },
        next: 'this log was restored from an old backup or runs twice: stop it and restore its latest state',
      },
    );
  }

  return {
    verifier,
    cosign,
    state: () => ({
      name: verifier.name,
      url,
      state,
      lastError,
      size,
      retryAtMs,
      latencyMs,
      lastCosignedAtMs,
    }),
  };
}

interface Answer {
  status: number;
  body: string;
  retryAfter: string | null;
}

/** Body of an add-checkpoint request (C2SP tlog-witness). */
export function addCheckpointRequest(oldSize: number, path: readonly Uint8Array[], note: string): string {
  return `old ${oldSize}\n${path.map((hash) => `${base64Encode(hash)}\n`).join('')}\n${note}`;
}

function parseSize(body: string): number | null {
  const size = /^(0|[1-9]\d{0,15})\n?$/.test(body) ? Number(body) : Number.NaN;
  return Number.isSafeInteger(size) ? size : null;
}

async function boundedText(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > MAX_ANSWER_BYTES)
      throw new Error(`its answer is longer than ${MAX_ANSWER_BYTES} bytes`);
  }
  return text;
}
