import type { Panel } from '../panel/index.ts';
import type { GradePart } from '../rows.ts';
import { type ObservedHistory, observedMean } from './observed.ts';

/** What a factor may read: one asset up to and including one day. Days are places in the panel. */
export interface FactorView {
  panel: Panel;
  observed: ObservedHistory;
  asset: number;
  /** The day that is graded: nothing later is read. */
  day: number;
  /** First day of the asset's usable history: after the last break in its price, within the lookback. */
  start: number;
}

/** A published factor: one number an asset and day, from which the cross-section is ranked. */
export interface Factor {
  name: string;
  part: GradePart;
  /** 1 when more is better, -1 when less is. */
  direction: 1 | -1;
  /** In plain words, with the window. */
  meaning: string;
  /** NaN when it is not known. */
  value(view: FactorView): number;
}

/** Days before and with the graded day that any factor may read. */
export const LOOKBACK_DAYS = 400;
/** Bars older than this do not stand for the price of a day. */
export const STALE_DAYS = 7;

/**
 * The factors in use. Which were tried and which earned their place is in docs/results/grades.md; those that read no
 * price or market capitalisation have no history to be judged on yet.
 */
export const FACTORS: readonly Factor[] = [
  {
    name: 'volatility-90',
    part: 'technical',
    direction: -1,
    meaning: 'standard deviation of the daily log returns of 90 days, at least 30 of them; calm is better',
    value: (view) => deviation(dailyReturns(view, 90, 30)),
  },
  {
    name: 'volatility-360',
    part: 'technical',
    direction: -1,
    meaning:
      'standard deviation of up to twelve log returns of 30 days each, at least three, from closes or snapshots; calm is better',
    value: (view) => {
      const prices = [0, 30, 60, 90, 120, 150, 180, 210, 240, 270, 300, 330, 360]
        .map((ago) => priceAt(view, view.day - ago))
        .filter((price) => price > 0);
      return prices.length < 4
        ? Number.NaN
        : deviation(prices.slice(1).map((price, i) => Math.log(prices[i]! / price)));
    },
  },
  {
    name: 'lottery-30',
    part: 'technical',
    direction: -1,
    meaning:
      'largest daily log return of 30 days, at least 20 of them: what lottery tickets are bought for; less is better',
    value: (view) => {
      const returns = dailyReturns(view, 30, 20);
      return returns.length === 0 ? Number.NaN : Math.max(...returns);
    },
  },
  {
    name: 'skew-90',
    part: 'technical',
    direction: -1,
    meaning: 'skewness of the daily log returns of 90 days, at least 60 of them; less is better',
    value: (view) => skewness(dailyReturns(view, 90, 60)),
  },
  {
    name: 'high-90',
    part: 'technical',
    direction: 1,
    meaning:
      'log of the last close over the highest close of 90 days, at least 30 of them; near the high is better',
    value: ({ panel, asset, day, start }) => {
      const base = asset * panel.days.length;
      let highest = 0;
      let last = Number.NaN;
      let bars = 0;
      for (let d = Math.max(start, day - 89); d <= day; d++) {
        const close = panel.close[base + d]!;
        if (!(close > 0)) continue;
        highest = Math.max(highest, close);
        last = close;
        bars++;
      }
      return bars >= 30 ? Math.log(last / highest) : Number.NaN;
    },
  },
  {
    name: 'reversal-3',
    part: 'technical',
    direction: -1,
    meaning: 'log return of three days; what fell is better, because the market overshoots',
    value: (view) => momentum(view, 3, 0),
  },
  {
    name: 'volume-steadiness-30',
    part: 'exchange',
    direction: -1,
    meaning:
      'standard deviation over mean of the daily dollar volume of 30 days, at least 20 of them; steady is better',
    value: (view) => {
      const volumes = dollarVolumes(view, 30);
      return volumes.length < 20 ? Number.NaN : deviation(volumes) / meanOf(volumes);
    },
  },
  {
    name: 'volume-surge-7',
    part: 'exchange',
    direction: -1,
    meaning:
      'log of the mean dollar volume of 7 days, at least 5 of them, over that of 30 days, at least 20; a surge is worse',
    value: (view) => {
      const week = dollarVolumes(view, 7);
      const month = dollarVolumes(view, 30);
      return week.length < 5 || month.length < 20 ? Number.NaN : Math.log(meanOf(week) / meanOf(month));
    },
  },
  {
    name: 'turnover-30',
    part: 'exchange',
    direction: -1,
    meaning:
      'log of the mean dollar volume of 30 days, at least 20 of them, over the market capitalisation; less churn is better',
    value: (view) => {
      const volumes = dollarVolumes(view, 30);
      return volumes.length < 20 ? Number.NaN : Math.log(meanOf(volumes) / capAt(view));
    },
  },
  {
    name: 'illiquidity-30',
    part: 'exchange',
    direction: -1,
    meaning:
      "log of Amihud's measure: mean of the absolute daily log return over the dollar volume, 30 days, at least 20; liquid is better",
    value: (view) => {
      const { panel, day, start } = view;
      const base = view.asset * panel.days.length;
      const ratios: number[] = [];
      for (let d = Math.max(start + 1, day - 29); d <= day; d++) {
        const close = panel.close[base + d]!;
        const previous = panel.close[base + d - 1]!;
        const volume = close * panel.volume[base + d]!;
        if (volume > 0 && previous > 0) ratios.push(Math.abs(Math.log(close / previous)) / volume);
      }
      return ratios.length < 20 ? Number.NaN : Math.log(meanOf(ratios));
    },
  },
  {
    name: 'funding-7',
    part: 'exchange',
    direction: -1,
    meaning:
      'mean daily funding rate of seven days, at least three: longs that pay much are a crowd; less is better',
    value: ({ observed, asset, day }) => observedMean(observed.funding.get(asset), 0, day, [7, 0], 3),
  },
  {
    name: 'open-interest-growth',
    part: 'exchange',
    direction: -1,
    meaning:
      'log of the mean open interest of 7 days (at least 3) over that of the 23 days before (at least 7): a growing crowd; less is better',
    value: ({ observed, asset, day }) => {
      const series = observed.funding.get(asset);
      return Math.log(observedMean(series, 1, day, [7, 0], 3) / observedMean(series, 1, day, [30, 7], 7));
    },
  },
  {
    name: 'active-growth-28',
    part: 'onChain',
    direction: 1,
    meaning:
      'log of one more than the mean active addresses of 28 days over one more than that of the 28 days before, 14 days each; growth is better',
    value: ({ observed, asset, day }) => activeGrowth(observed, asset, day, 28),
  },
  {
    name: 'active-growth-90',
    part: 'onChain',
    direction: 1,
    meaning: 'the same over 90 and 90 days, 45 days each; growth is better',
    value: ({ observed, asset, day }) => activeGrowth(observed, asset, day, 90),
  },
  {
    name: 'holders-growth-30',
    part: 'onChain',
    direction: 1,
    meaning: 'log of the mean holders of 7 days (at least 3) over that of 30 days earlier; growth is better',
    value: ({ observed, asset, day }) => {
      const series = observed.activity.get(asset);
      return Math.log(observedMean(series, 1, day, [7, 0], 3) / observedMean(series, 1, day, [37, 30], 3));
    },
  },
  {
    name: 'concentration',
    part: 'onChain',
    direction: -1,
    meaning: 'mean share of the supply that the ten largest holders have, 7 days; less is better',
    value: ({ observed, asset, day }) => observedMean(observed.activity.get(asset), 2, day, [7, 0], 1),
  },
  {
    name: 'swap-use-28',
    part: 'onChain',
    direction: 1,
    meaning: 'mean swap volume of 28 days (at least 14) over the market capitalisation; more use is better',
    value: (view) =>
      observedMean(view.observed.activity.get(view.asset), 3, view.day, [28, 0], 14) / capAt(view),
  },
  {
    name: 'size',
    part: 'fundamental',
    direction: 1,
    meaning: 'log market capitalisation; large is better',
    value: (view) => Math.log(capAt(view)),
  },
  {
    name: 'age',
    part: 'fundamental',
    direction: 1,
    meaning: `days since the first bar or snapshot, counted up to ${LOOKBACK_DAYS - 1}; old is better`,
    value: ({ panel, asset, day }) => {
      const base = asset * panel.days.length;
      for (let d = Math.max(0, day - LOOKBACK_DAYS + 1); d <= day; d++) {
        if (panel.close[base + d]! > 0 || panel.marketCap[base + d]! > 0) return day - d;
      }
      return Number.NaN;
    },
  },
  {
    name: 'development-90',
    part: 'fundamental',
    direction: 1,
    meaning: 'log of one more than the mean daily contributors of 90 days, at least 30; more is better',
    value: ({ observed, asset, day }) =>
      Math.log1p(observedMean(observed.development.get(asset), 1, day, [90, 0], 30)),
  },
  {
    name: 'sentiment-7',
    part: 'sentiment',
    direction: 1,
    meaning: 'mean sentiment score of the days of seven on which something was written; better is better',
    value: ({ observed, asset, day }) => observedMean(observed.sentiment.get(asset), 0, day, [7, 0], 1),
  },
  {
    name: 'sentiment-30',
    part: 'sentiment',
    direction: 1,
    meaning: 'the same over 30 days; better is better',
    value: ({ observed, asset, day }) => observedMean(observed.sentiment.get(asset), 0, day, [30, 0], 1),
  },
];

/** Close of the last bar in the week up to a day; NaN without one. */
export function closeAt({ panel, asset, start }: FactorView, day: number): number {
  const base = asset * panel.days.length;
  for (let d = day; d >= Math.max(start, day - STALE_DAYS + 1); d--) {
    if (panel.close[base + d]! > 0) return panel.close[base + d]!;
  }
  return Number.NaN;
}

/** The last close, or without bars the price that the snapshots imply (market capitalisation over supply). */
export function priceAt(view: FactorView, day: number): number {
  const close = closeAt(view, day);
  if (!Number.isNaN(close) || day < view.start) return close;
  const at = view.asset * view.panel.days.length + day;
  const price = view.panel.marketCap[at]! / view.panel.supply[at]!;
  return price > 0 && Number.isFinite(price) ? price : Number.NaN;
}

/** Log return from `from` to `to` days ago. */
export function momentum(view: FactorView, from: number, to: number): number {
  return Math.log(closeAt(view, view.day - to) / closeAt(view, view.day - from));
}

/** Log returns between consecutive days with bars, over the last `window` days; empty below `minimum`. */
export function dailyReturns(view: FactorView, window: number, minimum: number): number[] {
  const { panel, asset, day, start } = view;
  const base = asset * panel.days.length;
  const returns: number[] = [];
  for (let d = Math.max(start + 1, day - window + 1); d <= day; d++) {
    const previous = panel.close[base + d - 1]!;
    const close = panel.close[base + d]!;
    if (previous > 0 && close > 0) returns.push(Math.log(close / previous));
  }
  return returns.length >= minimum ? returns : [];
}

/** Sample standard deviation; NaN below two values. */
export function deviation(values: readonly number[]): number {
  if (values.length < 2) return Number.NaN;
  let mean = 0;
  for (const value of values) mean += value;
  mean /= values.length;
  let squares = 0;
  for (const value of values) squares += (value - mean) ** 2;
  return Math.sqrt(squares / (values.length - 1));
}

/** Adjusted by nothing: third central moment over the standard deviation cubed. NaN without returns or variance. */
export function skewness(values: readonly number[]): number {
  const mean = meanOf(values);
  let squares = 0;
  let cubes = 0;
  for (const value of values) {
    squares += (value - mean) ** 2 / values.length;
    cubes += (value - mean) ** 3 / values.length;
  }
  return squares > 0 ? cubes / squares ** 1.5 : Number.NaN;
}

/** NaN when there is none. */
export function meanOf(values: readonly number[]): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum / values.length;
}

/** Dollar volumes above zero of the days of a window: a day without volume is a day without a measurement. */
export function dollarVolumes({ panel, asset, day, start }: FactorView, window: number): number[] {
  const base = asset * panel.days.length;
  const volumes: number[] = [];
  for (let d = Math.max(start, day - window + 1); d <= day; d++) {
    const volume = panel.close[base + d]! * panel.volume[base + d]!;
    if (volume > 0) volumes.push(volume);
  }
  return volumes;
}

function capAt({ panel, asset, day }: FactorView): number {
  const cap = panel.marketCap[asset * panel.days.length + day]!;
  return cap > 0 ? cap : Number.NaN;
}

function activeGrowth(observed: ObservedHistory, asset: number, day: number, window: number): number {
  const series = observed.activity.get(asset);
  const now = observedMean(series, 0, day, [window, 0], window / 2);
  const before = observedMean(series, 0, day, [2 * window, window], window / 2);
  return Math.log1p(now) - Math.log1p(before);
}
