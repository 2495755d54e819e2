/** A trade, or what stands for several: a price and its weight, both as scaled integers. */
export interface Weighted {
  price: bigint;
  weight: bigint;
}

/**
 * Volume-weighted median: the price at which half of the volume is reached, counting from the cheapest. When the
 * half is reached exactly between two prices, their mean, kept as a fraction: the result is `numerator / 2`.
 *
 * A lone trade at a mad price moves it only by its share of the volume, which is why regulated benchmarks use it.
 *
 * @returns twice the median, so that a half stays exact; null when there is no volume.
 * @example
 * twiceWeightedMedian([{ price: 10n, weight: 1n }, { price: 20n, weight: 1n }]); // 30n
 */
export function twiceWeightedMedian(trades: readonly Weighted[]): bigint | null {
  const sorted = trades
    .filter(({ weight }) => weight > 0n)
    .sort((a, b) => (a.price < b.price ? -1 : a.price > b.price ? 1 : 0));
  const total = sorted.reduce((sum, { weight }) => sum + weight, 0n);
  let reached = 0n;
  for (const [i, { price, weight }] of sorted.entries()) {
    reached += weight;
    if (2n * reached > total) return 2n * price;
    if (2n * reached === total) return price + sorted[i + 1]!.price;
  }
  return null;
}
