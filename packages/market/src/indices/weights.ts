import { AssayError, type Decimal, fromScaled } from '@assay/core';

const MAX_ROUNDS = 1_000;

/**
 * Weights in proportion to `sizes`, none above `cap`: what is above the cap goes to the others in proportion to their
 * sizes, again and again until none is above it, as the large providers' capped indices do.
 *
 * @param sizes finite and above zero.
 * @returns in the order of `sizes`; sums to 1.
 * @throws ARGUMENT_INVALID when the cap is below 1 / n, so that nothing could keep it.
 * @example
 * cappedWeights([60, 30, 10], 0.5); // [0.5, 0.375, 0.125]
 */
export function cappedWeights(sizes: readonly number[], cap: number): number[] {
  if (!(cap * sizes.length >= 1 - 1e-12)) {
    throw new AssayError(
      'ARGUMENT_INVALID',
      `expected a cap of at least 1/${sizes.length} for ${sizes.length} assets, got ${cap}`,
      { next: 'raise the cap or ask for more assets' },
    );
  }
  if (!sizes.every((size) => Number.isFinite(size) && size > 0)) {
    throw new AssayError('ARGUMENT_INVALID', 'expected sizes that are finite and above zero', {
      next: 'leave assets without a size out',
    });
  }
  const capped = new Set<number>();
  let weights = share(sizes, capped, cap);
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const above = weights.flatMap((weight, i) => (!capped.has(i) && weight > cap ? [i] : []));
    if (above.length === 0) break;
    for (const i of above) capped.add(i);
    weights = share(sizes, capped, cap);
  }
  return weights;
}

function share(sizes: readonly number[], capped: ReadonlySet<number>, cap: number): number[] {
  const free = 1 - capped.size * cap;
  const total = sizes.reduce((sum, size, i) => (capped.has(i) ? sum : sum + size), 0);
  return sizes.map((size, i) => (capped.has(i) ? cap : (size / total) * free));
}

/**
 * Weights as decimal strings that sum to exactly 1: rounded down, and the missing units go to the largest remainders
 * (Hamilton's method); equal remainders go in order.
 *
 * @param weights not negative, with a sum near 1.
 * @example
 * exactWeights([1 / 3, 1 / 3, 1 / 3], 2); // ['0.34', '0.33', '0.33']
 */
export function exactWeights(weights: readonly number[], digits: number): Decimal[] {
  if (weights.length === 0) return [];
  const unit = 10 ** digits;
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const scaled = weights.map((weight) => (weight / total) * unit);
  const units = scaled.map(Math.floor);
  let missing = unit - units.reduce((sum, one) => sum + one, 0);
  const order = scaled
    .map((value, i) => ({ i, remainder: value - units[i]! }))
    .sort((a, b) => b.remainder - a.remainder || a.i - b.i);
  for (let turn = 0; missing > 0; turn++, missing--) units[order[turn % order.length]!.i]! += 1;
  return units.map((one) => fromScaled(BigInt(one), digits));
}
