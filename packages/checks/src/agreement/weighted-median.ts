/**
 * The weighted median, steadied: the mean of the values at `spread` below and above half of the weight. With spread 0
 * it is the weighted median itself (the mean of two values when they split the weight into equal halves), and with
 * equal weights the plain median. Both places are returned, so that their mean can be taken exactly.
 *
 * @param ascending places in order of their values.
 * @param weights by place, at least one above 0; `without` is left out.
 * @example
 * weightedMedian([0, 1, 2], [1, 1, 4]); // { low: 2, high: 2 }
 */
export function weightedMedian(
  ascending: readonly number[],
  weights: readonly number[],
  { spread = 0, without = -1 }: { spread?: number; without?: number } = {},
): { low: number; high: number } {
  let total = 0;
  for (const place of ascending) if (place !== without) total += weights[place]!;
  // Equal halves that were summed in another order differ in their last bits. On a boundary both places move inward.
  const slack = total * 1e-9;
  const above = total * (0.5 - spread) + slack;
  const reached = total * (0.5 + spread) - slack;
  let sum = 0;
  let low = -1;
  let high = -1;
  for (const place of ascending) {
    const weight = weights[place]!;
    if (place === without || weight === 0) continue;
    sum += weight;
    if (low < 0 && sum > above) low = place;
    if (high < 0 && sum >= reached) high = place;
    if (low >= 0 && high >= 0) break;
  }
  return { low: low < 0 ? ascending[0]! : low, high: high < 0 ? ascending[0]! : high };
}
