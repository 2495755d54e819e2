import { type Decimal, divRound, fromScaled, normaliseDecimal } from '@assay/core';

/**
 * Sums that are exact whatever their order, so that a stream, a file and two threads give the same answer.
 *
 * A double is a whole number of 2^-1074; integers and decimals are whole numbers of their own unit. Doubles are summed
 * as non-overlapping parts (Shewchuk, "Adaptive Precision Floating-Point Arithmetic", 1997), which keeps additions fast;
 * the parts become one big integer only at the end.
 */
export class ExactSum {
  #parts: number[] = [];
  #units = 0n;
  #small = 0;

  /** Adds a finite double. */
  addDouble(value: number): void {
    let x = value;
    let kept = 0;
    for (let y of this.#parts) {
      if (Math.abs(x) < Math.abs(y)) [x, y] = [y, x];
      const high = x + y;
      const low = y - (high - x);
      if (low !== 0) this.#parts[kept++] = low;
      x = high;
    }
    this.#parts.length = kept;
    this.#parts.push(x);
  }

  /** Adds a whole number of the column's unit. */
  addUnits(value: number | bigint): void {
    if (typeof value === 'number' && Math.abs(this.#small + value) < 2 ** 53) this.#small += value;
    else this.#units += BigInt(value);
  }

  /** Adds the square of a double, exactly: the rounding error of the product is added too (Dekker 1971). */
  addSquare(value: number): void {
    const square = value * value;
    // Outside this range a product is not its high and low part.
    if (!(Math.abs(value) < 2 ** 500 && (square === 0 || square > 2 ** -900))) {
      this.addDouble(Number.isFinite(square) ? square : Number.MAX_VALUE);
      return;
    }
    const split = 134_217_729 * value;
    const high = split - (split - value);
    const low = value - high;
    this.addDouble(square);
    this.addDouble(low * low - (square - high * high - 2 * high * low));
  }

  units(): bigint {
    return this.#units + BigInt(this.#small);
  }

  /** Of doubles, in units of 2^-1074. */
  tiny(): bigint {
    return this.#parts.reduce((sum, part) => sum + tinyOf(part), 0n);
  }
}

/** 2^1074: the number of smallest doubles in 1. */
export const TINY: bigint = 1n << 1074n;

/** A double as a whole number of 2^-1074. */
export function tinyOf(value: number): bigint {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  const bits = view.getBigUint64(0);
  const exponent = (bits >> 52n) & 0x7ffn;
  const fraction = bits & 0xfffffffffffffn;
  const size = exponent === 0n ? fraction : (fraction | 0x10000000000000n) << (exponent - 1n);
  return value < 0 ? -size : size;
}

/** n/d to twelve significant digits, half to even. */
export function ratio(n: bigint, d: bigint): Decimal {
  if (n === 0n) return '0';
  const size = n < 0n ? -n : n;
  // Digits before the point, at most one off: then one more or less than twelve digits would be kept.
  let whole = String(size / d === 0n ? 0n : size / d).length - (size / d === 0n ? 1 : 0);
  if (whole === 0) whole = -(String(d / size).length - 1);
  let scale = 12 - whole;
  if (scaledSize(size, d, scale) >= 10n ** 12n) scale--;
  else if (scaledSize(size, d, scale + 1) < 10n ** 12n) scale++;
  const units = scaledSize(size, d, scale);
  return fromScaled((n < 0n ? -units : units) * (scale < 0 ? 10n ** BigInt(-scale) : 1n), Math.max(scale, 0));
}

function scaledSize(n: bigint, d: bigint, scale: number): bigint {
  return scale >= 0 ? divRound(n * 10n ** BigInt(scale), d) : divRound(n, d * 10n ** BigInt(-scale));
}

/** A double to twelve significant digits: what differs between two orders of summation is cut off. */
export function rounded(value: number): Decimal | null {
  return Number.isFinite(value) ? normaliseDecimal(value.toPrecision(12)) : null;
}

/** Sample standard deviation (n - 1), from exact sums of x and x². */
export function stdev(count: number, sum: bigint, squares: bigint, unit: bigint): Decimal | null {
  if (count < 2) return null;
  const n = BigInt(count);
  // squares has the unit of sum squared.
  const numerator = n * squares - sum * sum;
  const denominator = n * (n - 1n) * unit * unit;
  if (numerator <= 0n) return '0';
  // sqrt(p/q) by integers: 2^200 leaves about 30 digits.
  const shift = 1n << 200n;
  return ratio(root((numerator * shift * shift) / denominator), shift);
}

function root(value: bigint): bigint {
  if (value < 2n) return value;
  let guess = 1n << BigInt((value.toString(2).length + 1) >> 1);
  for (;;) {
    const next = (guess + value / guess) >> 1n;
    if (next >= guess) return guess;
    guess = next;
  }
}

export type Interpolation = 'nearest' | 'linear' | 'lower' | 'higher' | 'midpoint';

/**
 * Places (from 0) of the ordered values that a quantile lies between, and how far: numpy's definition over (n - 1) q.
 * `nearest` rounds a half to the even place.
 */
export function quantilePlaces(
  count: number,
  quantile: number,
  how: Interpolation,
): { low: number; high: number; part: number } {
  const place = (count - 1) * quantile;
  const [low, high] = [Math.floor(place), Math.ceil(place)];
  const at = (one: number) => ({ low: one, high: one, part: 0 });
  switch (how) {
    case 'lower':
      return at(low);
    case 'higher':
      return at(high);
    case 'midpoint':
      return low === high ? at(low) : { low, high, part: 0.5 };
    case 'linear':
      return { low, high, part: place - low };
    case 'nearest': {
      const below = place - low;
      return at(below < 0.5 || (below === 0.5 && low % 2 === 0) ? low : high);
    }
  }
}

/** Relative entropy Σ p ln(p/q) in nats after both are scaled to 1; infinite where q expects nothing. */
export function relativeEntropy(observed: readonly number[], expected: readonly number[]): number {
  const total = (weights: readonly number[]) => weights.reduce((sum, weight) => sum + weight, 0);
  const [allP, allQ] = [total(observed), total(expected)];
  return observed.reduce((sum, weight, i) => {
    const [p, q] = [weight / allP, expected[i]! / allQ];
    return sum + (p === 0 ? 0 : q === 0 ? Number.POSITIVE_INFINITY : p * Math.log(p / q));
  }, 0);
}
