/**
 * Places of the values in ascending order, from 1; equal values share the mean of their places. NaN keeps NaN and
 * takes no place.
 *
 * @example
 * midRanks([3, 1, 3]); // [2.5, 1, 2.5]
 */
export function midRanks(values: ArrayLike<number>): Float64Array {
  const ranks = new Float64Array(values.length).fill(Number.NaN);
  const known: number[] = [];
  for (let i = 0; i < values.length; i++) if (!Number.isNaN(values[i]!)) known.push(i);
  const order = Int32Array.from(known).sort((a, b) => values[a]! - values[b]!);
  for (let first = 0; first < order.length; ) {
    let last = first;
    while (last + 1 < order.length && values[order[last + 1]!] === values[order[first]!]) last++;
    for (let i = first; i <= last; i++) ranks[order[i]!] = (first + last) / 2 + 1;
    first = last + 1;
  }
  return ranks;
}

/** Where each value stands among the known ones: 100 × (place − ½) / count, ties at their mean place. */
export function percentileScores(values: ArrayLike<number>): Float64Array {
  const ranks = midRanks(values);
  let count = 0;
  for (const rank of ranks) if (!Number.isNaN(rank)) count++;
  return ranks.map((rank) => (100 * (rank - 0.5)) / count);
}

/** Median of the finite values, the mean of the middle two for an even number; NaN when there is none. */
export function medianOf(values: ArrayLike<number>): number {
  const sorted = Float64Array.from(values)
    .filter((value) => Number.isFinite(value))
    .sort();
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return Number.NaN;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** A normal distribution's standard deviation over its median absolute deviation. */
const MAD_TO_SIGMA = 1.4826;

/**
 * Values drawn in to median ± `limit` robust standard deviations (1.4826 × the median absolute deviation). When more
 * than half are equal the deviation is zero and nothing is drawn in. Infinities become NaN: they are no measurement.
 */
export function winsorise(values: ArrayLike<number>, limit: number): Float64Array {
  const centre = medianOf(values);
  const reach =
    limit * MAD_TO_SIGMA * medianOf(Float64Array.from(values, (value) => Math.abs(value - centre)));
  return Float64Array.from(values, (value) => {
    if (!Number.isFinite(value)) return Number.NaN;
    return reach > 0 ? Math.min(Math.max(value, centre - reach), centre + reach) : value;
  });
}

/**
 * What is left of the values after a straight line through the exposure was taken off (ordinary least squares with a
 * constant). A value whose exposure is unknown is compared with the mean. With fewer than `minimum` complete pairs, or
 * an exposure that does not vary, there is no line to take off and the values stay as they are.
 */
export function neutralise(
  values: ArrayLike<number>,
  exposure: ArrayLike<number>,
  minimum: number,
): Float64Array {
  let pairs = 0;
  let meanX = 0;
  let meanY = 0;
  for (let i = 0; i < values.length; i++) {
    if (Number.isNaN(values[i]!) || !Number.isFinite(exposure[i]!)) continue;
    pairs++;
    meanX += exposure[i]!;
    meanY += values[i]!;
  }
  if (pairs < Math.max(minimum, 3)) return Float64Array.from(values);
  meanX /= pairs;
  meanY /= pairs;
  let sxx = 0;
  let sxy = 0;
  for (let i = 0; i < values.length; i++) {
    if (Number.isNaN(values[i]!) || !Number.isFinite(exposure[i]!)) continue;
    sxx += (exposure[i]! - meanX) ** 2;
    sxy += (exposure[i]! - meanX) * (values[i]! - meanY);
  }
  // Rounding leaves a trace of variance in a constant exposure; a slope through it would be noise.
  if (sxx <= 1e-12 * pairs * (1 + meanX * meanX)) return Float64Array.from(values);
  const slope = sxy / sxx;
  return Float64Array.from(values, (value, i) =>
    Number.isFinite(exposure[i]!) ? value - meanY - slope * (exposure[i]! - meanX) : value - meanY,
  );
}
