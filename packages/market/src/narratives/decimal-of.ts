import { type Decimal, normaliseDecimal } from '@assay/core';

/**
 * A double as a decimal string with at most `digits` after the point; null when it is not finite.
 *
 * @example
 * decimalOf(-0.00004, 4); // '0'
 */
export function decimalOf(value: number, digits: number): Decimal | null {
  return Number.isFinite(value) ? normaliseDecimal(value.toFixed(digits)) : null;
}

/** A price with ten significant digits: prices of coins span twelve powers of ten. */
export function priceOf(value: number): Decimal | null {
  return Number.isFinite(value) ? normaliseDecimal(value.toPrecision(10)) : null;
}
