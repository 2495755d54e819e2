import { excerpt } from './encoding.ts';
import { AssayError } from './errors.ts';

/**
 * A number as a decimal string in its one canonical form: no exponent, no leading or trailing zeros, no `-0`.
 * Prices, volumes and rates travel as these; floats would lose digits and differ between machines.
 */
export type Decimal = string;

const CANONICAL = /^(0|-?(0\.\d*[1-9]|[1-9]\d*(\.\d*[1-9])?))$/;
const LOOSE = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,3}))?$/;
const MAX_LENGTH = 80;

/** Whether a value is a decimal string in canonical form. */
export function isDecimal(value: unknown): value is Decimal {
  return typeof value === 'string' && value.length <= MAX_LENGTH && CANONICAL.test(value);
}

/**
 * The canonical form of a plain or exponent notation, exactly.
 *
 * @throws DECIMAL_INVALID for anything else (NaN, empty, hexadecimal, over 80 characters).
 * @example
 * normaliseDecimal('1.50'); // '1.5'
 * normaliseDecimal('1e-7'); // '0.0000001'
 */
export function normaliseDecimal(text: string): Decimal {
  const match = text.length <= MAX_LENGTH ? LOOSE.exec(text) : null;
  const [, sign, whole = '', fraction = '', exponent = '0'] = match ?? [];
  if (match === null || whole + fraction === '') {
    throw new AssayError('DECIMAL_INVALID', `expected a decimal number, got ${excerpt(text)}`);
  }
  const scale = fraction.length - Number(exponent);
  const digits = BigInt(whole + fraction) * (scale < 0 ? 10n ** BigInt(-scale) : 1n);
  return fromScaled(sign === '-' ? -digits : digits, Math.max(scale, 0));
}

/**
 * A decimal as an integer of 10^-scale units.
 *
 * @throws DECIMAL_INVALID when the text is not canonical or has more than `scale` fraction digits.
 * @example
 * toScaled('20123.45', 8); // 2012345000000n
 */
export function toScaled(value: Decimal, scale: number): bigint {
  if (!isDecimal(value))
    throw new AssayError('DECIMAL_INVALID', `expected a canonical decimal, got ${excerpt(String(value))}`);
  const dot = value.indexOf('.');
  const digits = dot < 0 ? 0 : value.length - dot - 1;
  if (digits > scale) {
    throw new AssayError(
      'DECIMAL_INVALID',
      `expected at most ${scale} fraction digits, got ${digits} in ${value}`,
    );
  }
  return BigInt((dot < 0 ? value : value.slice(0, dot) + value.slice(dot + 1)) + '0'.repeat(scale - digits));
}

/** Like {@link toScaled}, but digits beyond the scale are rounded half to even instead of refused. */
export function toScaledRounded(value: Decimal, scale: number): bigint {
  const digits = Math.max(value.length - value.indexOf('.') - 1, scale);
  return value.includes('.') && digits > scale
    ? divRound(toScaled(value, digits), 10n ** BigInt(digits - scale))
    : toScaled(value, scale);
}

/** The decimal string of an integer of 10^-scale units; the inverse of {@link toScaled}. */
export function fromScaled(value: bigint, scale: number): Decimal {
  const negative = value < 0n;
  const digits = (negative ? -value : value).toString().padStart(scale + 1, '0');
  const whole = digits.slice(0, digits.length - scale);
  const fraction = digits.slice(digits.length - scale).replace(/0+$/, '');
  return (negative ? '-' : '') + whole + (fraction === '' ? '' : `.${fraction}`);
}

/** Negative, zero or positive as `a` is less than, equal to or greater than `b`. */
export function compareDecimal(a: Decimal, b: Decimal): number {
  const scale = Math.max(a.length, b.length);
  const difference = toScaled(a, scale) - toScaled(b, scale);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

/**
 * n / d rounded half to even (IEEE 754 roundTiesToEven), so that repeated rounding has no drift.
 *
 * @throws RangeError when `d` is not positive.
 * @example
 * divRound(5n, 2n); // 2n
 */
export function divRound(n: bigint, d: bigint): bigint {
  if (d <= 0n) throw new RangeError(`expected a positive divisor, got ${d}`);
  const floor = n / d - (n % d < 0n ? 1n : 0n);
  const twice = 2n * (n - floor * d);
  return twice > d || (twice === d && floor % 2n !== 0n) ? floor + 1n : floor;
}
