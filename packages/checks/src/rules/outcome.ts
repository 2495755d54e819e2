import type { Decimal, FindingStatus } from '@assay/core';

export type Shown = null | boolean | number | string;

/** What came of one expectation, whoever evaluated it. */
export interface Outcome {
  status: FindingStatus;
  /** Why nothing can be said; only of `unknown`. */
  why?: string;
  /** Rows that the condition chooses. */
  elements?: number;
  /** Those of them that are judged: without missing values, or without ignored rows. */
  considered?: number;
  /** Those that do not hold; only of what is asked of each row. */
  unexpected?: number;
  /** The first ones, with their place in the table from 0. */
  examples?: Example[];
  /** Places of all that do not hold, ascending; absent when they were not all kept. */
  places?: readonly number[];
  /** The most frequent values that do not hold. */
  frequent?: { value: Shown | Shown[]; count: number }[];
  /** What was measured; of what is asked of the whole column or table. */
  observed?: unknown;
  details?: unknown;
}

export interface Example {
  row: number;
  /** By column, in the order of the expectation. */
  values: Record<string, Shown>;
}

export const MAX_EXAMPLES = 20;

export function unknown(why: string): Outcome {
  return { status: 'unknown', why };
}

/** Great Expectations' `mostly`, exactly: unexpected of considered is at most 1 - mostly. Nothing considered holds. */
export function holdsMostly(considered: number, unexpected: number, mostly: Decimal): boolean {
  if (unexpected === 0 || considered === 0) return true;
  const [whole = '0', fraction = ''] = mostly.split('.');
  const needed = BigInt(whole + fraction) * BigInt(considered);
  return BigInt(considered - unexpected) * 10n ** BigInt(fraction.length) >= needed;
}
