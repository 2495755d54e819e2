import {
  closeAt,
  dailyReturns,
  deviation,
  dollarVolumes,
  FACTORS,
  type Factor,
  type FactorView,
  meanOf,
  momentum,
  priceAt,
} from '../src/grades/factors.ts';

/** A factor that was tried, with the idea that it is one form of. */
export interface Candidate extends Pick<Factor, 'name' | 'direction' | 'value'> {
  idea: string;
}

/**
 * Everything that was tried for the parts that are made of prices and market capitalisations. The direction is the one
 * that the literature names, or for those in use the one that the choice part showed; the ledger counts both.
 */
export function gradeCandidates(): Candidate[] {
  const used = (name: string, idea: string): Candidate => ({
    ...FACTORS.find((factor) => factor.name === name)!,
    idea,
  });
  const tried = (name: string, idea: string, direction: 1 | -1, value: Factor['value']): Candidate => ({
    name,
    idea,
    direction,
    value,
  });
  return [
    used('volatility-90', 'volatility'),
    used('volatility-360', 'volatility'),
    tried('volatility-30', 'volatility', -1, (view) => deviation(dailyReturns(view, 30, 20))),
    tried('volatility-180 (months)', 'volatility', -1, (view) => deviation(monthlyReturns(view, 6))),
    used('lottery-30', 'lottery'),
    tried('five largest days of 30', 'lottery', -1, (view) =>
      meanOf(
        dailyReturns(view, 30, 20)
          .sort((a, b) => b - a)
          .slice(0, 5),
      ),
    ),
    tried('largest month of 360 days', 'lottery', -1, (view) => {
      const months = monthlyReturns(view, 12);
      return months.length === 0 ? Number.NaN : Math.max(...months);
    }),
    used('skew-90', 'skewness'),
    used('high-90', 'nearness to the high'),
    tried('high-30', 'nearness to the high', 1, (view) => nearness(view, 30, 20)),
    tried('high-180 (months)', 'nearness to the high', 1, (view) => monthlyNearness(view, 6)),
    tried('high-360 (months)', 'nearness to the high', 1, (view) => monthlyNearness(view, 12)),
    used('reversal-3', 'reversal'),
    tried('reversal-1', 'reversal', -1, (view) => momentum(view, 1, 0)),
    ...[
      [7, 0],
      [14, 0],
      [21, 1],
      [30, 0],
      [30, 7],
      [60, 7],
    ].map(([from, to]) =>
      tried(`momentum ${from} to ${to}`, 'momentum', 1, (view) => momentum(view, from!, to!)),
    ),
    ...[
      [30, 0],
      [90, 0],
      [90, 7],
      [180, 0],
      [180, 30],
      [360, 30],
    ].map(([from, to]) =>
      tried(`momentum ${from} to ${to} (with snapshots)`, 'momentum', 1, (view) =>
        Math.log(priceAt(view, view.day - to!) / priceAt(view, view.day - from!)),
      ),
    ),
    tried('share of four averages below the close', 'trend', 1, (view) => {
      const averages = [10, 20, 50, 100]
        .map((days) => average(view, days))
        .filter((value) => !Number.isNaN(value));
      const close = closeAt(view, view.day);
      return averages.length < 3
        ? Number.NaN
        : averages.filter((value) => close > value).length / averages.length;
    }),
    tried('close over the average of 50 days', 'trend', 1, (view) =>
      Math.log(closeAt(view, view.day) / average(view, 50)),
    ),
    used('volume-steadiness-30', 'steady volume'),
    used('volume-surge-7', 'volume surge'),
    tried('volume of 30 over 90 days', 'volume surge', -1, (view) => {
      const quarter = dollarVolumes(view, 90);
      const month = dollarVolumes(view, 30);
      return quarter.length < 60 || month.length < 20
        ? Number.NaN
        : Math.log(meanOf(month) / meanOf(quarter));
    }),
    used('turnover-30', 'turnover'),
    used('illiquidity-30', 'liquidity'),
    tried('dollar volume of 30 days', 'liquidity', 1, (view) => {
      const month = dollarVolumes(view, 30);
      return month.length < 20 ? Number.NaN : Math.log(meanOf(month));
    }),
    used('size', 'size'),
    used('age', 'age'),
    ...[90, 180, 360].map((days) =>
      tried(`supply growth of ${days} days`, 'dilution', -1, ({ panel, asset, day, start }) => {
        const base = asset * panel.days.length + day;
        return day - days < start ? Number.NaN : Math.log(panel.supply[base]! / panel.supply[base - days]!);
      }),
    ),
  ];
}

function monthlyPrices(view: FactorView, months: number): number[] {
  return Array.from({ length: months + 1 }, (_, i) => priceAt(view, view.day - 30 * i)).filter(
    (price) => price > 0,
  );
}

function monthlyReturns(view: FactorView, months: number): number[] {
  const prices = monthlyPrices(view, months);
  return prices.length < 4 ? [] : prices.slice(1).map((price, i) => Math.log(prices[i]! / price));
}

function monthlyNearness(view: FactorView, months: number): number {
  const prices = monthlyPrices(view, months);
  return prices.length < 4 ? Number.NaN : Math.log(prices[0]! / Math.max(...prices));
}

function closes({ panel, asset, day, start }: FactorView, window: number): number[] {
  const base = asset * panel.days.length;
  const known: number[] = [];
  for (let d = Math.max(start, day - window + 1); d <= day; d++) {
    if (panel.close[base + d]! > 0) known.push(panel.close[base + d]!);
  }
  return known;
}

function nearness(view: FactorView, window: number, minimum: number): number {
  const known = closes(view, window);
  return known.length < minimum ? Number.NaN : Math.log(known.at(-1)! / Math.max(...known));
}

function average(view: FactorView, window: number): number {
  const known = closes(view, window);
  return known.length < 0.8 * window ? Number.NaN : meanOf(known);
}
