import { type Decimal, normaliseDecimal } from '@assay/core';

/** No figure of ours is meant to be longer; what is, is an artefact of absurd input. */
const LIMIT = 1e70;

/**
 * A double as a canonical decimal string with at most `digits` fraction digits; null for NaN, the infinities and
 * anything from 1e70 on.
 *
 * @example
 * decimalOf(-0.0001, 2); // '0'
 */
export function decimalOf(value: number, digits: number): Decimal | null {
  return Math.abs(value) < LIMIT ? normaliseDecimal(value.toFixed(digits)) : null;
}

/**
 * A double with `digits` significant digits, for prices and volumes of any size; whole digits are all kept.
 *
 * @example
 * significant(0.0000123456789, 4); // '0.00001235'
 */
export function significant(value: number, digits = 10): Decimal | null {
  if (value === 0) return '0';
  const magnitude = Math.floor(Math.log10(Math.abs(value)));
  // Forty fraction digits hold ten significant ones of 1e-30; what is smaller is rounded to zero.
  return decimalOf(value, Math.min(Math.max(digits - 1 - magnitude, 0), 40));
}
