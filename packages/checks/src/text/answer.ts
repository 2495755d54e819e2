import type { Decimal, FindingStatus } from '@assay/core';
import type { Quote } from './entities.ts';

/** One check's answer before the detector makes a finding of it. */
export interface Answer {
  check: string;
  status: FindingStatus;
  score?: Decimal;
  reason: string;
  /** The declared field that was compared. */
  field?: string;
  /** Places that agree or contradict, word for word. */
  quotes: Quote[];
}

/**
 * A contradiction. Scores say how sure the reading is: `0` for what arithmetic or a checksum decides, `0.1` for what
 * was read from words, where a clause may mean something else than its pattern.
 */
export function fails(
  check: string,
  reason: string,
  field: string | null,
  quotes: Quote[],
  score: Decimal = '0.1',
): Answer {
  return { check, status: 'fail', score, reason, ...(field === null ? {} : { field }), quotes };
}

/** Agreement: `1` for the declared value found word for word, `0.9` when all that was compared agrees. */
export function passes(
  check: string,
  reason: string,
  field: string | null,
  quotes: Quote[] = [],
  score: Decimal = field === null ? '0.9' : '1',
): Answer {
  return { check, status: 'pass', score, reason, ...(field === null ? {} : { field }), quotes };
}

export function unknown(
  check: string,
  reason: string,
  field: string | null = null,
  quotes: Quote[] = [],
): Answer {
  return { check, status: 'unknown', reason, ...(field === null ? {} : { field }), quotes };
}
