import { type Decimal, normaliseDecimal } from '@assay/core';

/**
 * A recorded number as people read it: at most six significant digits below a thousand, two after the point above,
 * none above a million, and commas. Never fewer than what {@link unprovenNumbers} asks of a rounded number.
 *
 * @example
 * shown('16547.9142'); // '16,547.91'
 */
export function shown(value: Decimal): string {
  const size = Math.abs(Number(value));
  const digits = value.replace(/^-|\./g, '').replace(/^0+/, '').length;
  const plain =
    size >= 1e6
      ? Number(value).toFixed(0)
      : size >= 1e3
        ? Number(value).toFixed(2)
        : digits > 6
          ? Number(value).toPrecision(6)
          : value;
  const [whole = '', fraction] = normaliseDecimal(plain).split('.');
  return whole.replace(/\B(?=(\d{3})+(?!\d))/g, ',') + (fraction === undefined ? '' : `.${fraction}`);
}
