import type { Figure, FigureInput } from '../figure.ts';
import { decimalOf, instantOfDay, type Panel, significant, unitOn } from '../panel/index.ts';
import type { ScenarioRow } from '../rows.ts';

export interface ScenariosParameters {
  horizonsDays: readonly number[];
  /** Days of returns that are read, and how many of them there must be. */
  windowDays: number;
  leastReturns: number;
  /** How much of yesterday's variance stays; also how fast it returns to that of the window. */
  decay: string;
  /** Share of the window's mean return that is carried on. */
  driftShare: string;
  /** Quantile of the moon case as a normal deviate; the bear case is its mirror. 1.2816 is nine in ten. */
  deviate: string;
  /** Days from which beta to the market is read, and the weight of what is measured against one. */
  betaDays: number;
  betaShare: string;
  /** Sizes of the whole market, in US dollars. */
  totalsUsd: readonly string[];
}

/**
 * What a price would be in three cases, at several horizons and under several sizes of the whole market. It is a
 * scenario, no forecast: the base case says that little is known of the drift, and bear and moon say how far prices
 * with this volatility usually go. docs/signals.md has the method and how often prices stayed between them.
 */
export const scenariosFigure: Figure<'scenarios', ScenariosParameters> = {
  name: 'scenarios',
  version: '1.0.0',
  parameters: {
    horizonsDays: [30, 90, 365],
    windowDays: 365,
    leastReturns: 60,
    decay: '0.97',
    driftShare: '0.1',
    deviate: '1.2816',
    betaDays: 180,
    betaShare: '0.67',
    totalsUsd: ['1000000000000', '2000000000000', '5000000000000', '10000000000000'],
  },
  reads: { observed: [], figures: [] },
  lookbackDays: 366,
  compute: scenarioRows,
};

function scenarioRows(
  { history: { panel }, days }: FigureInput,
  parameters: ScenariosParameters,
): ScenarioRow[] {
  const from = Math.max(days.from, 0);
  const to = Math.min(days.to, panel.days.length);
  if (from >= to) return [];
  const market = marketReturns(panel, Math.max(from - parameters.betaDays, 0), to);
  const rows: ScenarioRow[] = [];
  for (let d = from; d < to; d++) {
    const total = totalCap(panel, d);
    for (const [a, asset] of panel.assets.entries()) {
      const seen = returnsBefore(panel, a, d, parameters.windowDays);
      const close = panel.close[a * panel.days.length + d]!;
      if (!(close > 0) || seen.length < parameters.leastReturns) continue;
      const price = close / unitOn(panel, a, d);
      const moved = movement(seen, parameters);
      const beta = betaOf(seen, market, d, parameters);
      for (const horizon of parameters.horizonsDays) {
        const row = rowOf(panel.days[d]!, asset, price, horizon, moved, beta, total, parameters);
        if (row) rows.push(row);
      }
    }
  }
  return rows;
}

interface DayReturn {
  day: number;
  value: number;
}

interface Movement {
  mean: number;
  variance: number;
  recent: number;
  count: number;
}

function rowOf(
  dayMs: number,
  asset: string,
  price: number,
  horizon: number,
  moved: Movement,
  beta: { value: number; residual: number } | null,
  total: number,
  { decay, driftShare, deviate, windowDays, totalsUsd, betaDays }: ScenariosParameters,
): ScenarioRow | null {
  const drift = moved.mean * Number(driftShare) * horizon;
  const spread = Number(deviate) * Math.sqrt(horizonVariance(moved, horizon, Number(decay)));
  const now = significant(price);
  const daily = percent(Math.sqrt(moved.variance));
  const cases = (
    [
      ['bear', -1, 'one in ten ends lower'],
      ['base', 0, 'half end lower'],
      ['moon', 1, 'one in ten ends higher'],
    ] as const
  ).map(([name, side, share]) => {
    const factor = Math.exp(drift + side * spread);
    return {
      name,
      price: significant(price * factor),
      returnPct: decimalOf((factor - 1) * 100, 2),
      basis: `Of ${horizon}-day paths with this asset's volatility (${daily} a day over ${moved.count} of the last ${windowDays} days, ${percent(Math.sqrt(moved.recent))} lately, returning to the former) and ${percent(Number(driftShare))} of its mean return, ${share}, were returns normal. A scenario, not a forecast.`,
    };
  });
  const marketCaps =
    beta === null || !(total > 0)
      ? []
      : totalsUsd.map((totalUsd) => {
          const base = price * (Number(totalUsd) / total) ** beta.value;
          const wide = Number(deviate) * beta.residual * Math.sqrt(Math.min(horizon, betaDays));
          return {
            totalUsd,
            bear: significant(base * Math.exp(-wide)),
            base: significant(base),
            moon: significant(base * Math.exp(wide)),
          };
        });
  const whole = (value: object) => Object.values(value).every((one) => one !== null);
  if (now === null || !cases.every(whole) || !marketCaps.every(whole)) return null;
  return {
    time: instantOfDay(dayMs),
    asset,
    horizonDays: String(horizon),
    price: now,
    cases: cases as ScenarioRow['cases'],
    marketCaps: marketCaps as ScenarioRow['marketCaps'],
  };
}

/** Sum of the daily variances that are expected when today's returns to the window's by the decay. */
function horizonVariance({ variance, recent }: Movement, horizon: number, decay: number): number {
  const excess = ((recent - variance) * (1 - decay ** horizon)) / (1 - decay);
  return Math.max(variance * horizon + excess, 0);
}

/** Log returns between bars of consecutive days, oldest first. */
function returnsBefore(panel: Panel, a: number, d: number, window: number): DayReturn[] {
  const found: DayReturn[] = [];
  const start = a * panel.days.length;
  for (let day = Math.max(d - window + 1, 1); day <= d; day++) {
    const value = Math.log(panel.close[start + day]! / panel.close[start + day - 1]!);
    if (!Number.isNaN(value)) found.push({ day, value });
  }
  return found;
}

function movement(returns: readonly DayReturn[], { decay }: ScenariosParameters): Movement {
  const count = returns.length;
  const mean = returns.reduce((sum, { value }) => sum + value, 0) / count;
  const variance = returns.reduce((sum, { value }) => sum + (value - mean) ** 2, 0) / (count - 1);
  let recent = variance;
  for (const { value } of returns) recent = Number(decay) * recent + (1 - Number(decay)) * value ** 2;
  return { mean, variance, recent, count };
}

/** Beta to the market, drawn to one, and the daily deviation of what it leaves over. */
function betaOf(
  returns: readonly DayReturn[],
  market: ReadonlyMap<number, number>,
  d: number,
  { betaDays, betaShare, leastReturns }: ScenariosParameters,
): { value: number; residual: number } | null {
  const pairs = returns.flatMap(({ day, value }) => {
    const other = market.get(day);
    return day > d - betaDays && other !== undefined ? [[value, other] as const] : [];
  });
  if (pairs.length < leastReturns) return null;
  const n = pairs.length;
  const mx = pairs.reduce((sum, [, m]) => sum + m, 0) / n;
  const my = pairs.reduce((sum, [r]) => sum + r, 0) / n;
  const xx = pairs.reduce((sum, [, m]) => sum + (m - mx) ** 2, 0);
  const xy = pairs.reduce((sum, [r, m]) => sum + (r - my) * (m - mx), 0);
  if (!(xx > 0)) return null;
  const value = 1 + Number(betaShare) * (xy / xx - 1);
  const rest = pairs.reduce((sum, [r, m]) => sum + (r - my - value * (m - mx)) ** 2, 0);
  return { value, residual: Math.sqrt(rest / (n - 1)) };
}

/** Return of all assets with a capitalisation the day before, weighted by it. */
function marketReturns(panel: Panel, from: number, to: number): Map<number, number> {
  const { length } = panel.days;
  const found = new Map<number, number>();
  for (let d = Math.max(from, 1); d < to; d++) {
    let [weight, sum] = [0, 0];
    for (let a = 0; a < panel.assets.length; a++) {
      const at = a * length + d;
      const change = panel.close[at]! / panel.close[at - 1]! - 1;
      const cap = panel.marketCap[at - 1]!;
      if (Number.isNaN(change) || !(cap > 0)) continue;
      weight += cap;
      sum += cap * change;
    }
    if (weight > 0 && sum / weight > -1) found.set(d, Math.log1p(sum / weight));
  }
  return found;
}

function totalCap(panel: Panel, d: number): number {
  let total = 0;
  for (let a = 0; a < panel.assets.length; a++) {
    const cap = panel.marketCap[a * panel.days.length + d]!;
    if (cap > 0) total += cap;
  }
  return total;
}

function percent(value: number): string {
  return `${decimalOf(value * 100, 1) ?? '?'} %`;
}
