import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import {
  AssayError,
  base64Decode,
  concatBytes,
  encodeEntries,
  type HashReader,
  type NoteVerifier,
  openNote,
  parseCheckpoint,
  parseNote,
  parseVkey,
  proveConsistency,
  proveSubtreeConsistency,
  TILE_WIDTH,
  utf8,
} from '@assay/core';
import type { SignedCheckpoint } from './signed-checkpoint.ts';
import { addCheckpointRequest } from './witness-client.ts';

const compress = promisify(gzip);

/** What a mirror answered. */
export interface MirrorAnswer {
  readonly status: number;
  readonly body: string;
  /** How long it asks to be left alone. */
  readonly retryAfterMs?: number;
}

/** Carries a request to a mirror. @throws MIRROR_UNAVAILABLE */
export type MirrorPost = (path: 'add-checkpoint' | 'add-entries', body: Uint8Array) => Promise<MirrorAnswer>;

/** One mirror, given what is new in a log (C2SP tlog-mirror). */
export interface MirrorClient {
  /**
   * Brings the mirror's copy up to a checkpoint. It may be broken off and repeated: the mirror says where it was.
   *
   * @param log reads entries and hashes of the log, which may be larger than the checkpoint.
   * @returns the mirror's cosignature lines, verified, each with its newline.
   * @throws MIRROR_UNAVAILABLE (`detail.retryAfterMs`), MIRROR_REFUSED
   */
  push(checkpoint: SignedCheckpoint, log: LogReader): Promise<string>;
}

/** Where the new entries are read; a {@link Ledger} is one. */
export interface LogReader {
  entries(from: number, to: number): AsyncIterable<Uint8Array>;
  readonly hash: HashReader;
}

/** tlog-mirror: a request should have at most 32 packages. Those of long entries end earlier. */
const MAX_PACKAGES = 32;
const MAX_BODY_BYTES = 8 * 1024 * 1024;
/** Requests without progress, one after the other: others may be uploading too. */
const MAX_CONFLICTS = 8;
const MAX_ANSWER_BYTES = 64 * 1024;
const DEFAULT_TIMEOUT_MS = 60_000;
const MAX_RETRY_AFTER_MS = 300_000;

/**
 * Gives a mirror what is new in a log.
 *
 * @param options.vkeys the mirror's verifier keys: what it says without one of them counts for nothing.
 * @example
 * const mirror = mirrorClient({ post: httpMirror({ url: 'http://127.0.0.1:4720' }), vkeys });
 * const cosignatures = await mirror.push(ledger.published()!, ledger);
 */
export function mirrorClient(options: { post: MirrorPost; vkeys: readonly string[] }): MirrorClient {
  const { post } = options;
  const verifiers = options.vkeys.map(parseVkey);
  let pendingSize = 0;

  async function push(checkpoint: SignedCheckpoint, log: LogReader): Promise<string> {
    await addCheckpoint(checkpoint, log.hash);
    const { origin } = parseCheckpoint(parseNote(checkpoint.note).text);
    const end = checkpoint.size;
    let ticket: Uint8Array = new Uint8Array();
    // No entries from the end on: either all are there, or the answer says which one is the next.
    let start = end;
    let conflicts = 0;
    for (;;) {
      const head = uploadHead(origin, start, end, ticket);
      const answer = await post('add-entries', concatBytes(head, ...(await packages(start, end, log))));
      if (answer.status === 200) return cosignatures(checkpoint.note, answer.body, verifiers);
      const info = answer.status === 202 || answer.status === 409 ? parseInfo(answer.body) : notTaken(answer);
      conflicts = answer.status === 202 && info.nextEntry > start ? 0 : conflicts + 1;
      if (conflicts > MAX_CONFLICTS) throw refused(`its next entry stays at ${info.nextEntry}`);
      if (info.size !== end) await addCheckpoint(checkpoint, log.hash);
      start = Math.min(info.nextEntry, end);
      ticket = info.ticket;
    }
  }

  /** Makes the checkpoint a pending one of the mirror. */
  async function addCheckpoint({ size, note }: SignedCheckpoint, hash: HashReader): Promise<void> {
    for (let tries = 0; tries < MAX_CONFLICTS; tries++) {
      const oldSize = Math.min(pendingSize, size);
      const path = await proveConsistency(oldSize, size, hash);
      const answer = await post('add-checkpoint', utf8(addCheckpointRequest(oldSize, path, note)));
      if (answer.status === 200) {
        pendingSize = size;
        return;
      }
      if (answer.status !== 409) notTaken(answer);
      pendingSize = parseSize(answer.body.replace(/\n$/, ''));
      if (pendingSize > size)
        throw refused(`it has seen size ${pendingSize} of this log, which now stands at ${size}`);
      if (pendingSize === oldSize) throw refused('it keeps another tree of this size');
    }
    throw refused(`its pending checkpoint moved ${MAX_CONFLICTS} times while it was asked`);
  }

  return { push };
}

/** A mirror behind HTTP. Entries are sent compressed. @param options.url submission prefix. */
export function httpMirror(options: { url: string; fetch?: typeof fetch; timeoutMs?: number }): MirrorPost {
  const { timeoutMs = DEFAULT_TIMEOUT_MS } = options;
  const url = options.url.replace(/\/+$/, '');
  return async (path, body) => {
    const isLong = path === 'add-entries';
    try {
      const response = await (options.fetch ?? fetch)(`${url}/${path}`, {
        method: 'POST',
        body: new Uint8Array(isLong ? await compress(body) : body),
        headers: {
          'content-type': isLong ? 'application/octet-stream' : 'text/plain; charset=utf-8',
          ...(isLong ? { 'content-encoding': 'gzip' } : {}),
        },
        redirect: 'error',
        signal: AbortSignal.timeout(timeoutMs),
      });
      const seconds = Number(response.headers.get('retry-after') ?? 0);
      const retryAfterMs = seconds > 0 ? Math.min(seconds * 1_000, MAX_RETRY_AFTER_MS) : 0;
      return { status: response.status, body: await boundedText(response), retryAfterMs };
    } catch (cause) {
      const { message, cause: inner } = cause as Error;
      throw unavailable(inner instanceof Error ? `${message}: ${inner.message}` : message, 0, cause);
    }
  };
}

/** The first of the canonical packages from one entry on (C2SP tlog-mirror, "Request Body"). */
async function packages(start: number, end: number, log: LogReader): Promise<Uint8Array[]> {
  const parts: Uint8Array[] = [];
  const first = start - (start % TILE_WIDTH);
  const last = Math.min(first + MAX_PACKAGES * TILE_WIDTH, end);
  let entries: Uint8Array[] = [];
  let bytes = 0;
  let at = start;
  for await (const entry of start < last ? log.entries(start, last) : []) {
    entries.push(entry);
    bytes += entry.length;
    at++;
    if (at % TILE_WIDTH !== 0 && at !== end) continue;
    const tileStart = Math.floor((at - 1) / TILE_WIDTH) * TILE_WIDTH;
    const path = await proveSubtreeConsistency(tileStart, at, end, log.hash);
    parts.push(encodeEntries(entries), Uint8Array.of(path.length), ...path);
    entries = [];
    if (bytes >= MAX_BODY_BYTES) break;
  }
  return parts;
}

function uploadHead(origin: string, start: number, end: number, ticket: Uint8Array): Uint8Array {
  const sizes = new DataView(new ArrayBuffer(16));
  sizes.setBigUint64(0, BigInt(start));
  sizes.setBigUint64(8, BigInt(end));
  return concatBytes(encodeEntries([utf8(origin)]), new Uint8Array(sizes.buffer), encodeEntries([ticket]));
}

/** Lines of unknown keys are ignored; one of the mirror's must verify. */
async function cosignatures(
  note: string,
  lines: string,
  verifiers: readonly NoteVerifier[],
): Promise<string> {
  const opened = await openNote(note + lines, verifiers).catch((cause) => {
    throw refused(`its answer holds no valid cosignature: ${cause.message}`, cause);
  });
  if (opened.text !== parseNote(note).text) throw refused('its answer is not a list of signature lines');
  return opened.signatures.map(({ line }) => `${line}\n`).join('');
}

/** `text/x.tlog.mirror-info`: a pending size, the next entry, a ticket. */
function parseInfo(body: string): { size: number; nextEntry: number; ticket: Uint8Array } {
  const match = /^(\d{1,16})\n(\d{1,16})\n([A-Za-z0-9+/=]*)\n$/.exec(body);
  if (!match) throw refused(`it answered ${JSON.stringify(body.slice(0, 120))} instead of its progress`);
  try {
    return { size: parseSize(match[1]!), nextEntry: parseSize(match[2]!), ticket: base64Decode(match[3]!) };
  } catch (cause) {
    throw cause instanceof AssayError && cause.code === 'MIRROR_REFUSED'
      ? cause
      : refused('its ticket is not base64', cause);
  }
}

function parseSize(text: string): number {
  const size = /^(0|[1-9]\d{0,15})$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(size)) return size;
  throw refused(`expected a size, got ${JSON.stringify(text.slice(0, 40))}`);
}

function notTaken({ status, body, retryAfterMs = 0 }: MirrorAnswer): never {
  const text = `it answered ${status} ${JSON.stringify(body.slice(0, 200))}`;
  throw status === 429 || status >= 500 ? unavailable(text, retryAfterMs) : refused(text);
}

function unavailable(reason: string, retryAfterMs: number, cause?: unknown): AssayError {
  return new AssayError('MIRROR_UNAVAILABLE', `the mirror is not available: ${reason}`, {
    cause,
    detail: { retryAfterMs },
    next: 'try again later; what it has stored is not sent again',
  });
}

function refused(reason: string, cause?: unknown): AssayError {
  return new AssayError('MIRROR_REFUSED', `the mirror did not take the log: ${reason}`, {
    cause,
    next: 'check that it was given this log’s origin and key, and that its key is the one you trust',
  });
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
