import { AssayError, type ErrorCode } from '@assay/core';
import { storageFull } from '@assay/ledger';
import type { FastifyError } from 'fastify';
import type { Problem } from './node-view.ts';

/** HTTP status of each code that a request can meet; everything else that a caller sent wrong is 400. */
const STATUS: Partial<Record<ErrorCode, number>> = {
  NOT_FOUND: 404,
  PROOF_PENDING: 409,
  BATCH_REPLAYED: 409,
  BATCH_OUT_OF_ORDER: 409,
  PAYLOAD_TOO_LARGE: 413,
  PROVIDER_UNKNOWN: 403,
  SIGNATURE_INVALID: 403,
  PAYLOAD_MISMATCH: 422,
  CANDLE_MALFORMED: 422,
  ROW_MALFORMED: 422,
  REVIEWER_UNPROVEN: 401,
  REVIEWER_UNKNOWN: 403,
  REVIEW_NOT_ASSIGNED: 403,
  REVIEW_REPEATED: 409,
  REVIEW_ROUND_CLOSED: 409,
  REVIEW_MISMATCH: 422,
  APPEAL_REFUSED: 409,
  EXECUTOR_UNKNOWN: 403,
  EXECUTION_REFUSED: 409,
  EXECUTION_MISMATCH: 422,
  LEDGER_BUSY: 429,
  LEDGER_STOPPED: 503,
  COLD_STORAGE_UNREACHABLE: 503,
  STORAGE_FAILED: 503,
  STORAGE_FULL: 507,
  CHAIN_UNAVAILABLE: 503,
  RPC_UNAVAILABLE: 503,
};

/** A refusal repeats what was asked for, but not all of it. */
const MAX_DETAIL = 1_000;

/** Turns any failure into a problem document (RFC 9457). A defect of ours says nothing of its insides. */
export function problemOf(failure: unknown): Problem {
  const error = storageFull(failure) ?? failure;
  if (error instanceof AssayError) {
    const status = STATUS[error.code] ?? 400;
    return problem(error.code, status, error.message, error.next);
  }
  const { statusCode = 500, message, code } = error as FastifyError;
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    return problem(
      'PAYLOAD_TOO_LARGE',
      413,
      'the request is larger than this door accepts',
      'send the rows in several batches',
    );
  }
  return statusCode < 500
    ? problem(
        'REQUEST_INVALID',
        statusCode,
        message.slice(0, MAX_DETAIL),
        'compare the request with /openapi.json',
      )
    : {
        ...problem('REQUEST_INVALID', 500, 'the node failed to answer; its log says why'),
        code: 'INTERNAL',
        type: typeOf('INTERNAL'),
      };
}

function problem(code: ErrorCode, status: number, detail: string, next?: string): Problem {
  return {
    type: typeOf(code),
    title: code.toLowerCase().replaceAll('_', ' '),
    status,
    detail,
    code,
    ...(next === undefined ? {} : { next }),
  };
}

function typeOf(code: string): string {
  return `urn:assay:problem:${code.toLowerCase().replaceAll('_', '-')}`;
}
