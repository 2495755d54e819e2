import type { Decimal } from '@assay/core';

/**
 * A double as a canonical decimal string, rounded to `digits` fraction digits; null when it is no number. What rounds
 * to zero is `0`.
 *
 * @example
 * decimalOf(12.3456, 2); // '12.35'
 * decimalOf(Number.NaN, 2); // null
 */
export function decimalOf(value: number, digits: number): Decimal | null {
  if (!Number.isFinite(value)) return null;
  // From 1e21 on toFixed answers in exponent form; such a double is whole.
  if (Math.abs(value) >= 1e21) return BigInt(value).toString();
  const fixed = value.toFixed(digits);
  const plain = fixed.includes('.') ? fixed.replace(/\.?0+$/, '') : fixed;
  return plain === '-0' ? '0' : plain;
}
