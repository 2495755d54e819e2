/** Portable functions agree with the engine's to the last digits, and say NaN where they do not hold. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { atan2, exp, ln, sincos } from './portable-math.ts';

const close = (ours: number, engine: number): void => {
  expect(Math.abs(ours - engine)).toBeLessThanOrEqual(4e-15 * Math.max(Math.abs(engine), 1e-300));
};
const numbers = (min: number, max: number) => fc.double({ min, max, noNaN: true });

test('known values: e, ln 10, sin 30°, a quarter of π', () => {
  close(exp(1), Math.E);
  close(exp(-33.54), Math.exp(-33.54));
  close(ln(10), Math.LN10);
  close(sincos(Math.PI / 6).sin, 0.5);
  close(atan2(1, 1), 0.7853981633974483);
  expect(exp(0)).toBe(1);
  expect(ln(1)).toBe(0);
  expect(atan2(0, 0)).toBe(0);
});

test('any argument within the bounds', () => {
  fc.assert(
    fc.property(numbers(-700, 700), (x) => close(exp(x), Math.exp(x))),
    { numRuns: 500 },
  );
  fc.assert(
    fc.property(numbers(1e-300, 1e300), (x) => {
      if (Math.abs(x - 1) > 1e-6) close(ln(x), Math.log(x));
    }),
    { numRuns: 500 },
  );
  fc.assert(
    fc.property(numbers(-1000, 1000), (x) => {
      expect(Math.abs(sincos(x).sin - Math.sin(x))).toBeLessThan(2e-13);
      expect(Math.abs(sincos(x).cos - Math.cos(x))).toBeLessThan(2e-13);
    }),
    { numRuns: 500 },
  );
  fc.assert(
    fc.property(numbers(-1e6, 1e6), numbers(-1e6, 1e6), (y, x) => {
      // Signed zeros and subnormals are not what positions are made of.
      if (Math.abs(x) > 1e-100 && Math.abs(y) > 1e-100) close(atan2(y, x), Math.atan2(y, x));
    }),
    { numRuns: 500 },
  );
});

test('outside them: NaN, never a wrong number', () => {
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, 701, -701]) expect(exp(bad)).toBeNaN();
  for (const bad of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) expect(ln(bad)).toBeNaN();
  expect(sincos(1e9).sin).toBeNaN();
});
