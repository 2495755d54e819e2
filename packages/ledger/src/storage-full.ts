import { AssayError } from '@assay/core';

/** SQLITE_FULL (sqlite.org/rescode.html). */
const SQLITE_FULL = 13;
const RETRY_AFTER_MS = 1_000;

/** The refusal that a failure stands for when it says that there is no space left; else null. */
export function storageFull(cause: unknown): AssayError | null {
  if (cause instanceof AssayError && cause.code === 'STORAGE_FULL') return cause;
  const { code, errcode } = (cause ?? {}) as { code?: string; errcode?: number };
  if (code !== 'ENOSPC' && code !== 'EDQUOT' && errcode !== SQLITE_FULL) return null;
  return new AssayError('STORAGE_FULL', 'there is no space left to store entries', {
    cause,
    detail: { retryAfterMs: RETRY_AFTER_MS },
    next: 'free space and submit the entries again: none of them was acknowledged, and what was is safe',
  });
}
