import type { Decimal } from '@assay/core';
import { decimalOf, significant } from '../decimal-of.ts';
import type { Figure } from '../figure.ts';
import { type IndicatorName, indicatorBatch } from '../indicators/index.ts';
import { instantOfDay, seriesOf } from '../panel/index.ts';
import type { RiskRow } from '../rows.ts';
import { isPrice } from './price.ts';
import { momentsOf, quantile } from './statistics.ts';

/** Indicators that are read with the risk of an asset. */
export const READ_INDICATORS = [
  'rsi14',
  'macd',
  'macdSignal',
  'macdHistogram',
  'sma20',
  'sma50',
  'sma200',
  'ema20',
  'bollingerUpper',
  'bollingerLower',
  'bollingerPlace',
  'atr14',
  'natr14',
  'adx14',
  'plusDi14',
  'minusDi14',
  'stochasticK',
  'stochasticD',
  'cci20',
  'mfi14',
  'vwap20',
  'superTrend10',
  'sar',
  'volatility30',
  'hurst100',
] as const satisfies readonly IndicatorName[];

export interface RiskParameters {
  /** Returns that the figures rest on, at most. */
  windowDays: number;
  /** With fewer returns, everything but the return and the drawdown is null. */
  minimumReturns: number;
  /** Share of days that VaR is not exceeded on. */
  confidence: Decimal;
  /** Annual, in percent. */
  riskFreePct: Decimal;
}

const DAYS_A_YEAR = 365;

/**
 * Risk and return of every asset with a price that day, over the 366 days that end with it: see docs/risk.md for each
 * definition. No row for an asset's first day, and none while its price is not positive. Nothing older than
 * the window is read, so that a row comes out the same from any history that holds it.
 */
export const riskFigure: Figure<'risk', RiskParameters> = {
  name: 'risk',
  version: '1.0.0',
  parameters: { windowDays: 365, minimumReturns: 30, confidence: '0.95', riskFreePct: '0' },
  reads: { observed: [], figures: [] },
  lookbackDays: 365,
  compute({ history: { panel }, days }, parameters) {
    const length = parameters.windowDays + 1;
    const indicators = indicatorBatch(length, READ_INDICATORS);
    const columns = READ_INDICATORS.map(() => new Float64Array(length));
    const rows: RiskRow[][] = Array.from({ length: Math.max(0, days.to - days.from) }, () => []);
    for (let asset = 0; asset < panel.assets.length; asset++) {
      const [open, high, low, close, volume] = [
        panel.open,
        panel.high,
        panel.low,
        panel.close,
        panel.volume,
      ].map((column) => seriesOf(panel, column, asset)) as [
        Float64Array,
        Float64Array,
        Float64Array,
        Float64Array,
        Float64Array,
      ];
      for (let day = days.from; day < days.to; day++) {
        if (!isPrice(close[day]!)) continue;
        const from = Math.max(0, day - parameters.windowDays);
        const window = close.subarray(from, day + 1);
        const risk = riskOf(window, parameters);
        if (!risk) continue;
        const outputs = columns.map((column) => column.subarray(0, window.length));
        const [o, h, l, v] = [open, high, low, volume].map((column) => column.subarray(from, day + 1)) as [
          Float64Array,
          Float64Array,
          Float64Array,
          Float64Array,
        ];
        indicators({ open: o, high: h, low: l, close: window, volume: v }, outputs);
        rows[day - days.from]!.push({
          time: instantOfDay(panel.days[day]!),
          asset: panel.assets[asset]!,
          ...risk,
          indicators: Object.fromEntries(
            READ_INDICATORS.map((name, i) => [name, significant(outputs[i]!.at(-1)!, 8)]),
          ),
        });
      }
    }
    return rows.flat();
  },
};

/**
 * Risk and return of a series of daily closes, NaN where a day is missing. Daily returns need two days in a row; the
 * return over the whole and the drawdown are of all closes.
 *
 * @returns null unless the last close and one before it are positive.
 * @example
 * riskOf(Float64Array.of(100, 120, 90), riskFigure.parameters)?.maxDrawdownPct; // '25'
 */
export function riskOf(
  closes: Float64Array,
  { minimumReturns, confidence, riskFreePct }: RiskParameters,
): Omit<RiskRow, 'time' | 'asset' | 'indicators'> | null {
  const last = closes.length - 1;
  const first = closes.findIndex(isPrice);
  if (first < 0 || first === last || !isPrice(closes[last]!)) return null;

  const all = new Float64Array(closes.length);
  let count = 0;
  let peak = closes[first]!;
  let drawdown = 0;
  for (let day = first; day <= last; day++) {
    const close = closes[day]!;
    if (!isPrice(close)) continue;
    peak = Math.max(peak, close);
    drawdown = Math.max(drawdown, 1 - close / peak);
    if (day > first && isPrice(closes[day - 1]!)) all[count++] = close / closes[day - 1]! - 1;
  }
  const growth = closes[last]! / closes[first]!;
  const always = {
    days: String(count),
    returnPct: decimalOf(100 * (growth - 1), 4)!,
    maxDrawdownPct: decimalOf(100 * drawdown, 4)!,
  };
  if (count < minimumReturns) return { ...always, ...UNKNOWN };

  const returns = all.subarray(0, count);
  const { mean, m2, m3, m4 } = momentsOf(returns);
  const free = Number(riskFreePct) / 100 / DAYS_A_YEAR;
  const excess = mean - free;
  const deviation = Math.sqrt((m2 * count) / (count - 1));
  let below = 0;
  for (let i = 0; i < count; i++) {
    const short = Math.min(0, returns[i]! - free);
    below += short * short;
  }
  const downside = Math.sqrt(below / count);
  const annual = Math.sqrt(DAYS_A_YEAR);
  const ascending = returns.slice().sort();
  const tail = 1 - Number(confidence);
  const worst = quantile(ascending, tail);
  let losses = 0;
  let exceeding = 0;
  while (exceeding < count && ascending[exceeding]! <= worst) losses += ascending[exceeding++]!;
  // Equal returns differ by rounding only; no ratio is made of that.
  const moves = deviation > 1e-12;
  return {
    ...always,
    cagrPct: decimalOf(100 * Math.expm1((Math.log(growth) * DAYS_A_YEAR) / (last - first)), 4),
    volatilityPct: decimalOf(100 * annual * deviation, 4),
    sharpe: moves ? decimalOf((excess / deviation) * annual, 4) : null,
    sortino: moves && downside > 1e-12 ? decimalOf((excess / downside) * annual, 4) : null,
    varPct: decimalOf(-100 * worst, 4),
    cvarPct: decimalOf((-100 * losses) / exceeding, 4),
    tailRatio: Math.abs(worst) > 1e-12 ? decimalOf(Math.abs(quantile(ascending, 1 - tail) / worst), 4) : null,
    skew: moves ? decimalOf(m3 / (m2 * Math.sqrt(m2)), 4) : null,
    kurtosis: moves ? decimalOf(m4 / (m2 * m2) - 3, 4) : null,
  };
}

const UNKNOWN = {
  cagrPct: null,
  volatilityPct: null,
  sharpe: null,
  sortino: null,
  varPct: null,
  cvarPct: null,
  tailRatio: null,
  skew: null,
  kurtosis: null,
};
