/** Bars of one asset, side by side; NaN is a value that is not known. */
export interface BarColumns {
  readonly open: Float64Array;
  readonly high: Float64Array;
  readonly low: Float64Array;
  readonly close: Float64Array;
  readonly volume: Float64Array;
}

/** After more missing bars than this in a row, everything begins anew: what comes back is another market. */
export const RESTART_AFTER_MISSING = 30;

/**
 * Whether a price can be computed with. Beyond 1e100, and nearer to zero than 1e-100, products and quotients of prices
 * would leave the range of doubles.
 */
export function isUsable(value: number): boolean {
  const size = Math.abs(value);
  return size <= 1e100 && (size >= 1e-100 || size === 0);
}

/** Whether a volume is known and can be one. */
export function isVolume(value: number): boolean {
  return value >= 0 && isUsable(value);
}
