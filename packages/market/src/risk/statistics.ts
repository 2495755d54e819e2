/**
 * Quantile of ascending values, type 7 of Hyndman and Fan (1996): linear between the two values around rank
 * (n - 1) * share, as NumPy and R do without being told otherwise. NaN when there is none.
 */
export function quantile(ascending: Float64Array, share: number): number {
  const rank = (ascending.length - 1) * share;
  const below = Math.floor(rank);
  const value = ascending[below] ?? Number.NaN;
  const next = ascending[below + 1];
  return next === undefined ? value : value + (rank - below) * (next - value);
}

/** Mean, and the second, third and fourth moment about it (sums divided by n). */
export function momentsOf(values: Float64Array): { mean: number; m2: number; m3: number; m4: number } {
  const n = values.length;
  let mean = 0;
  for (let i = 0; i < n; i++) mean += values[i]!;
  mean /= n;
  let m2 = 0;
  let m3 = 0;
  let m4 = 0;
  for (let i = 0; i < n; i++) {
    const apart = values[i]! - mean;
    const square = apart * apart;
    m2 += square;
    m3 += square * apart;
    m4 += square * square;
  }
  return { mean, m2: m2 / n, m3: m3 / n, m4: m4 / n };
}
