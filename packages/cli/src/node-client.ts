/** Speaks to a running node over HTTP, and turns its problem documents back into errors. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AssayError, type Ed25519Signer, type ErrorCode, ed25519Signer, hexToBytes } from '@assay/core';
import { dataDirLayout, reviewerSeed } from '@assay/pipeline';
import { type Command, usageError } from './command.ts';

type Values = Record<string, string | boolean | undefined>;

const TIMEOUT_MS = 60_000;

/** Options of every command that speaks to a node. */
export const NODE_OPTIONS: Command['options'] = {
  node: { type: 'string', default: 'http://127.0.0.1:4600' },
  json: { type: 'boolean' },
};
/** Options of those that sign. */
export const SIGNER_OPTIONS: Command['options'] = {
  key: { type: 'string' },
  role: { type: 'string' },
  'data-dir': { type: 'string', default: 'assay-data' },
};

/**
 * Asks a node.
 *
 * @throws what the node's problem document says, SOURCE_UNREACHABLE when nobody answers.
 */
export async function askNode<T>(
  values: Values,
  path: string,
  request: { method?: string; body?: unknown; authorization?: string; apiKey?: string } = {},
): Promise<T> {
  const { method = 'GET', body, authorization, apiKey } = request;
  const base = String(values.node).replace(/\/$/, '');
  let answer: Response;
  try {
    answer = await fetch(`${base}${path}`, {
      method,
      signal: AbortSignal.timeout(TIMEOUT_MS),
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(authorization === undefined ? {} : { authorization }),
        ...(apiKey === undefined ? {} : { 'x-api-key': apiKey }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch (cause) {
    throw new AssayError('SOURCE_UNREACHABLE', `no node answers at ${base}: ${(cause as Error).message}`, {
      next: 'start it with npm start, or name it with --node <url>',
      cause,
    });
  }
  const text = await answer.text();
  if (answer.status === 204) return undefined as T;
  let said: unknown;
  try {
    said = JSON.parse(text);
  } catch (cause) {
    throw new AssayError(
      'SOURCE_UNREACHABLE',
      `${base} answered ${answer.status} with something that is no JSON`,
      {
        next: 'is that the address of a node?',
        cause,
      },
    );
  }
  if (answer.ok) return said as T;
  // `/v2` refuses in the format of Token Metrics: a message, and no code.
  const { code, detail, message, next } = said as {
    code?: ErrorCode;
    detail?: string;
    message?: string;
    next?: string;
  };
  throw new AssayError(
    code ?? 'REQUEST_INVALID',
    detail ?? message ?? `${base} answered ${answer.status}`,
    next === undefined ? {} : { next },
  );
}

/**
 * Whoever signs: `--key`, a file with a 32-byte Ed25519 seed in hexadecimal as a node keeps its own, or `--role`, one of
 * the local node's reviewers.
 */
export async function signerFrom(values: Values, usage: string): Promise<Ed25519Signer> {
  const { key, role } = values;
  if ((key === undefined) === (role === undefined))
    throw usageError('expected either --key <file> or --role <reviewer-1>', `assay ${usage}`);
  if (key !== undefined) return ed25519Signer(seedIn(String(key)));
  if (!/^[a-z0-9-]{1,40}$/.test(String(role)))
    throw usageError(`expected the name of a role, got ${JSON.stringify(role)}`, `assay ${usage}`);
  const { keys } = dataDirLayout(String(values['data-dir']));
  return ed25519Signer(reviewerSeed(seedIn(join(keys, `${role}.key`))));
}

function seedIn(file: string): Uint8Array {
  const text = existsSync(file) ? readFileSync(file, 'utf8').trim() : null;
  if (text !== null && /^[0-9a-f]{64}$/.test(text)) return hexToBytes(text);
  throw new AssayError(
    text === null ? 'KEY_MISSING' : 'KEY_INVALID',
    text === null ? `there is no file ${file}` : `expected 64 hexadecimal digits in ${file}`,
    { next: 'make one: assay stream key <file>' },
  );
}

/** This instant, as statements spell it. */
export function instantNow(): string {
  return `${new Date().toISOString().slice(0, 19)}Z`;
}
