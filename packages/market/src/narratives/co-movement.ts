import type { Panel } from '../panel/index.ts';
import { standsForAnother } from './theme-lexicon.ts';

export interface CoMovementParameters {
  /** Most liquid assets that are looked at. */
  maxAssets: number;
  /** Fewer than this form no groups. */
  minAssets: number;
  /** Days whose returns are compared, and the share of them that an asset must have, in percent. */
  windowDays: number;
  presentPercent: number;
  /** Days whose median turnover says how liquid an asset is. */
  turnoverDays: number;
  /** Residuals beyond this many standard deviations are cut: one jump is no co-movement. */
  clipDeviations: number;
}

/** Which assets moved with which up to a day. Assets are places in the panel, in the order of their identities. */
export interface CoMovement {
  assets: number[];
  /** Correlations of what the market does not explain, row after row. */
  correlations: Float64Array;
}

/**
 * Correlations of daily log returns after the market is taken out: each asset's returns are regressed on the
 * median return of all (ordinary least squares with an intercept), and the residuals are compared. Days that an asset
 * misses count as no residual.
 *
 * @returns null when there are too few assets.
 */
export function measureCoMovement(
  panel: Panel,
  day: number,
  parameters: CoMovementParameters,
): CoMovement | null {
  const { windowDays, minAssets } = parameters;
  if (day < windowDays) return null;
  const assets = mostLiquid(panel, day, parameters);
  if (assets.length < minAssets) return null;
  const returns = assets.map((asset) => logReturns(panel, asset, day, windowDays));
  const market = Float64Array.from({ length: windowDays }, (_, i) =>
    median(returns.map((series) => series[i]!).filter(Number.isFinite)),
  );
  const kept: number[] = [];
  const residuals: Float64Array[] = [];
  for (const [i, series] of returns.entries()) {
    const residual = residualOf(series, market, parameters.clipDeviations);
    if (residual === null) continue;
    kept.push(assets[i]!);
    residuals.push(residual);
  }
  const n = kept.length;
  if (n < minAssets) return null;
  const correlations = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    correlations[i * n + i] = 1;
    for (let k = i + 1; k < n; k++) {
      let sum = 0;
      const [one, other] = [residuals[i]!, residuals[k]!];
      for (let t = 0; t < windowDays; t++) sum += one[t]! * other[t]!;
      correlations[i * n + k] = sum;
      correlations[k * n + i] = sum;
    }
  }
  return { assets: kept, correlations };
}

/** Log returns of the days up to one, oldest first; NaN where one is missing. */
export function logReturns(panel: Panel, asset: number, day: number, days: number): Float64Array {
  const row = asset * panel.days.length;
  return Float64Array.from({ length: days }, (_, i) => {
    const at = day - days + 1 + i;
    const [before, now] = [panel.close[row + at - 1]!, panel.close[row + at]!];
    return at >= 1 && before > 0 && now > 0 && now / before < Number.POSITIVE_INFINITY
      ? Math.log(now / before)
      : Number.NaN;
  });
}

export function median(values: readonly number[]): number {
  if (values.length === 0) return Number.NaN;
  const sorted = Float64Array.from(values).sort();
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Median turnover in US dollars over the days up to one; days without a bar count as none. */
export function medianTurnover(panel: Panel, asset: number, day: number, days: number): number {
  const row = asset * panel.days.length;
  const turnovers: number[] = [];
  for (let at = Math.max(0, day - days + 1); at <= day; at++) {
    const turnover = panel.close[row + at]! * panel.volume[row + at]!;
    turnovers.push(turnover > 0 && turnover < Number.POSITIVE_INFINITY ? turnover : 0);
  }
  return median(turnovers);
}

/** Whether an asset kept within 2 % of one dollar on nine days of ten in the month up to a day. */
export function isPegged(panel: Panel, asset: number, day: number): boolean {
  const row = asset * panel.days.length;
  let [present, near] = [0, 0];
  for (let at = Math.max(0, day - 29); at <= day; at++) {
    const close = panel.close[row + at]!;
    if (!(close > 0)) continue;
    present++;
    if (Math.abs(close - 1) <= 0.02) near++;
  }
  return present >= 20 && near >= 0.9 * present;
}

/** In the order of their identities, so that no sum depends on the panel's order. */
function mostLiquid(panel: Panel, day: number, parameters: CoMovementParameters): number[] {
  const { windowDays, presentPercent, turnoverDays, maxAssets } = parameters;
  const width = panel.days.length;
  const found: { asset: number; turnover: number }[] = [];
  for (let asset = 0; asset < panel.assets.length; asset++) {
    if (!(panel.close[asset * width + day]! > 0) || standsForAnother(panel.symbols[asset]!)) continue;
    let present = 0;
    for (let at = day - windowDays; at <= day; at++) if (panel.close[asset * width + at]! > 0) present++;
    if (present < ((windowDays + 1) * presentPercent) / 100 || isPegged(panel, asset, day)) continue;
    const turnover = medianTurnover(panel, asset, day, turnoverDays);
    if (turnover > 0) found.push({ asset, turnover });
  }
  const name = ({ asset }: { asset: number }) => panel.assets[asset]!;
  return found
    .sort((a, b) => b.turnover - a.turnover || (name(a) < name(b) ? -1 : 1))
    .slice(0, maxAssets)
    .sort((a, b) => (name(a) < name(b) ? -1 : 1))
    .map(({ asset }) => asset);
}

/** Of length one, so that a correlation is an inner product; null when nothing is left to compare. */
function residualOf(series: Float64Array, market: Float64Array, clip: number): Float64Array | null {
  let [count, sumX, sumY] = [0, 0, 0];
  for (let t = 0; t < series.length; t++) {
    if (!Number.isFinite(series[t]! + market[t]!)) continue;
    count++;
    sumX += market[t]!;
    sumY += series[t]!;
  }
  if (count < 2) return null;
  const [meanX, meanY] = [sumX / count, sumY / count];
  let [xx, xy] = [0, 0];
  for (let t = 0; t < series.length; t++) {
    if (!Number.isFinite(series[t]! + market[t]!)) continue;
    xx += (market[t]! - meanX) ** 2;
    xy += (market[t]! - meanX) * (series[t]! - meanY);
  }
  const beta = xx > 0 ? xy / xx : 0;
  const residual = series.map((value, t) => {
    const left = value - meanY - beta * (market[t]! - meanX);
    return Number.isFinite(left) ? left : 0;
  });
  const deviation = Math.sqrt(residual.reduce((sum, one) => sum + one * one, 0) / count);
  // Rounding leaves a trace where a series is the market itself, or constant.
  if (!(deviation > 1e-9)) return null;
  const clipped = residual.map((one) => Math.min(Math.max(one, -clip * deviation), clip * deviation));
  const length = Math.sqrt(clipped.reduce((sum, one) => sum + one * one, 0));
  return clipped.map((one) => one / length);
}
