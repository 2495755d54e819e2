import { type Decimal, normaliseDecimal } from '@assay/core';

/**
 * A double rounded to so many fraction digits, as a decimal string; null for what is no number.
 *
 * @example
 * decimalOf(0.1 + 0.2, 10); // '0.3'
 */
export function decimalOf(value: number, digits: number): Decimal | null {
  if (!Number.isFinite(value) || Math.abs(value) >= 1e21) return null;
  return normaliseDecimal(value.toFixed(digits));
}
