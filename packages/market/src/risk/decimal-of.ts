import { type Decimal, normaliseDecimal } from '@assay/core';

/** No figure of ours is meant to be longer; what is, is an artefact of absurd input. */
const MOST = 1e70;

/**
 * A double as a decimal string of at most `digits` fraction digits; null for NaN, the infinities and what lies beyond 1e70.
 *
 * @example
 * decimalOf(12.3456789, 4); // '12.3457'
 * decimalOf(-0.00001, 4); // '0'
 */
export function decimalOf(value: number, digits: number): Decimal | null {
  return Math.abs(value) < MOST ? normaliseDecimal(value.toFixed(digits)) : null;
}

/**
 * The same with `digits` significant digits, for prices: one of a millionth of a cent keeps its digits. What is
 * smaller than 1e-40 is zero.
 */
export function significantOf(value: number, digits: number): Decimal | null {
  if (!(Math.abs(value) < MOST)) return null;
  return Math.abs(value) < 1e-40 ? '0' : normaliseDecimal(value.toPrecision(digits));
}
