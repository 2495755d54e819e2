import type { Decimal } from '@assay/core';

/**
 * A recorded number as people read it: as it is up to six significant digits, else rounded to six, above a thousand to
 * two digits after the point, above a million to none. Zeros of a rounded number stay: they say how far it is exact.
 *
 * @example
 * shown('16547.9142'); // '16,547.91'
 * shown('2.50000001'); // '2.50000'
 */
export function shown(value: Decimal): string {
  const size = Math.abs(Number(value));
  const digits = value.replace(/^-|\./g, '').replace(/^0+/, '').length;
  const places = value.split('.')[1]?.length ?? 0;
  const wanted = size >= 1e6 ? 0 : size >= 1e3 ? 2 : digits <= 6 ? places : 5 - Math.floor(Math.log10(size));
  const text = places <= wanted ? value : Number(value).toFixed(Math.min(wanted, 60));
  const [whole = '', fraction] = text.split('.');
  return whole.replace(/\B(?=(\d{3})+(?!\d))/g, ',') + (fraction === undefined ? '' : `.${fraction}`);
}
