import { decimalOf, significant } from '../decimal-of.ts';
import type { Figure, FigureInput } from '../figure.ts';
import { standsForAnother, themesOf } from '../narratives/theme-lexicon.ts';
import { dayIndex, instantOfDay, type Panel } from '../panel/index.ts';
import type { IndexRow } from '../rows.ts';
import { INDEX_PARAMETERS, type IndexParameters, type IndexRule } from './index-rules.ts';
import { cappedWeights, exactWeights } from './weights.ts';

const DAY_MS = 86_400_000;
/** 1970-01-05 was a Monday. */
const MONDAY_MS = 4 * DAY_MS;
/** No rule picks from more. */
const MAX_RANKED = 200;

/**
 * Rule-based indices by the divisor method: value = Σ units × price / divisor. At a rebalancing units and divisor
 * change together, so that the value does not. Constituents are picked by what was known the day before and traded at
 * the day's close. One that is no longer quoted leaves at its last price.
 *
 * An index begins with `base` on the first day of the history on which its rule finds enough assets. A rebalancing
 * looks at nothing that was held before, so that another beginning changes the level and, from the second
 * rebalancing on, no return.
 *
 * @example
 * indicesFigure.compute({ history, days: { from: 364, to: 365 }, figures: { grades } }, indicesFigure.parameters);
 */
export const indicesFigure: Figure<'indices', IndexParameters> = {
  name: 'indices',
  version: '1.0.0',
  parameters: INDEX_PARAMETERS,
  reads: { observed: [], figures: ['assets', 'grades'] },
  // The level is chained from the base day on: all the history there is.
  lookbackDays: 3_650,
  compute: computeIndices,
};

function computeIndices(input: FigureInput, parameters: IndexParameters): IndexRow[] {
  const market = readMarket(input);
  const perRule = parameters.rules.map((rule) => computeIndex(rule, market, input.days, parameters));
  const rows: IndexRow[] = [];
  for (let day = input.days.from; day < input.days.to; day++)
    for (const ofRule of perRule) {
      const row = ofRule.get(day);
      if (row !== undefined) rows.push(row);
    }
  return rows;
}

interface Holding {
  asset: number;
  units: number;
  /** Last price, and the day of it. */
  price: number;
  pricedOn: number;
}

function computeIndex(
  rule: IndexRule,
  market: Market,
  wanted: { from: number; to: number },
  parameters: IndexParameters,
): Map<number, IndexRow> {
  const { panel } = market;
  const rows = new Map<number, IndexRow>();
  let holdings: Holding[] = [];
  let divisor = 0;
  let value = 0;
  let afterCosts = 0;
  const until = Math.min(wanted.to, panel.days.length);
  for (let day = 1; day < until; day++) {
    const started = divisor > 0;
    const before = value;
    const notes: string[] = [];
    if (started) {
      const left = reprice(holdings, day, market, parameters, notes);
      value = sumOf(holdings) / divisor;
      afterCosts *= before > 0 ? value / before : 1;
      if (left.size === holdings.length)
        notes.splice(0, notes.length, 'nothing held is quoted: the value stands still');
      else if (left.size > 0) {
        holdings = holdings.filter((holding) => !left.has(holding));
        // The proceeds go to the others in proportion: the divisor shrinks and the value stays.
        divisor = sumOf(holdings) / value;
      }
    }
    let turnover = 0;
    let rebalanced = false;
    if (!started || isRebalancing(panel.days[day]!, rule)) {
      const target = compose(rule, market, day, parameters);
      if (target !== null) {
        if (!started) {
          value = Number(parameters.base);
          afterCosts = value;
        }
        turnover = started ? turnoverOf(holdings, target) : 1;
        holdings = target.map(({ asset, weight, price }) => ({
          asset,
          units: (weight * value) / price,
          price,
          pricedOn: day,
        }));
        divisor = sumOf(holdings) / value;
        rebalanced = true;
        afterCosts *= 1 - costOf(turnover, started, parameters);
      } else if (started) notes.push('too few assets keep the rule: the holdings stay as they are');
    }
    if (divisor === 0 || day < wanted.from) continue;
    rows.set(day, {
      time: instantOfDay(panel.days[day]!),
      index: rule.id,
      name: rule.name,
      value: decimalOf(value, 6)!,
      changePct: started ? decimalOf((value / before - 1) * 100, 4) : null,
      rule: rule.rule,
      rebalanced,
      turnover: decimalOf(turnover, 6)!,
      holdings: holdingRows(holdings, market),
      costBps: rebalanced ? decimalOf(costOf(turnover, started, parameters) * 10_000, 4)! : '0',
      valueAfterCosts: decimalOf(afterCosts, 6)!,
      notes,
    });
  }
  return rows;
}

/** Of the value: every unit of turnover is a sale and a purchase; at the beginning there is nothing to sell. */
function costOf(turnover: number, started: boolean, { costBps }: IndexParameters): number {
  return (turnover * (started ? 2 : 1) * Number(costBps)) / 10_000;
}

/** Brings prices to a day; returns the holdings that leave. */
function reprice(
  holdings: readonly Holding[],
  day: number,
  { panel, symbols }: Market,
  { staleDays, jumpFactor }: IndexParameters,
  notes: string[],
): Set<Holding> {
  const left = new Set<Holding>();
  for (const holding of holdings) {
    const at = holding.asset * panel.days.length + day;
    const price = panel.close[at]!;
    const symbol = symbols[holding.asset]!;
    const last = instantOfDay(panel.days[holding.pricedOn]!).slice(0, 10);
    if (!(price > 0 && Number.isFinite(price))) {
      if (day - holding.pricedOn < staleDays) continue;
      left.add(holding);
      notes.push(`${symbol} left at its last price, of ${last}`);
      continue;
    }
    const factor = price / holding.price;
    if (factor > jumpFactor || factor < 1 / jumpFactor) {
      const supplied = panel.supply[at]! / panel.supply[at - (day - holding.pricedOn)]!;
      if (supplied * factor > 0.5 && supplied * factor < 2) {
        holding.units *= supplied;
        notes.push(`${symbol} was redenominated: units follow its supply`);
      } else if (factor > jumpFactor) {
        // A gain like that is no price until shown otherwise; a loss like that has happened, and counts.
        left.add(holding);
        notes.push(`${symbol} left at its price of ${last}: the next one is not credible`);
        continue;
      }
    }
    holding.price = price;
    holding.pricedOn = day;
  }
  return left;
}

interface Constituent {
  asset: number;
  weight: number;
  price: number;
}

/** Constituents of a day in the order of their identities; null when there are too few. */
function compose(
  rule: IndexRule,
  market: Market,
  day: number,
  parameters: IndexParameters,
): Constituent[] | null {
  const { panel } = market;
  const width = panel.days.length;
  const known = day - 1;
  if (rule.pick === 'trader-grade' && !market.isGraded(known, parameters.gradeDays)) return null;
  const largest = market
    .eligible(known, parameters)
    .filter((asset) => panel.close[asset * width + day]! > 0)
    .filter((asset) => !themesOf(market.symbols[asset]!).some((id) => rule.without.includes(id)))
    .slice(0, rule.among);
  const scored = largest.flatMap((asset) => {
    const score = scoreOf(asset);
    return Number.isFinite(score) && score > 0 ? [{ asset, score }] : [];
  });
  // Stable: equal scores keep the order of size.
  const order = rule.pick === 'low-volatility' ? 1 : -1;
  if (rule.pick !== 'market-cap') scored.sort((a, b) => order * (a.score - b.score));
  const picked = scored.slice(0, rule.count);
  if (picked.length < rule.count) return null;
  picked.sort((a, b) => market.place[a.asset]! - market.place[b.asset]!);
  const sizes = picked.map(({ asset, score }) => {
    if (rule.weigh === 'equal') return 1;
    if (rule.weigh === 'market-cap') return panel.marketCap[asset * width + known]!;
    return rule.weigh === 'grade' ? score : 1 / score;
  });
  const weights = cappedWeights(sizes, Number(rule.maxWeight));
  return picked.map(({ asset }, i) => ({
    asset,
    weight: weights[i]!,
    price: panel.close[asset * width + day]!,
  }));

  function scoreOf(asset: number): number {
    if (rule.pick === 'low-volatility') return volatility(panel, asset, known, parameters.volatilityDays);
    if (rule.pick === 'trader-grade') return market.gradeOf(asset, known, parameters.gradeDays);
    return panel.marketCap[asset * width + known]!;
  }
}

/** The largest {@link MAX_RANKED} assets that may be held; equal sizes in the order of their identities. */
function findEligible(market: Market, day: number, parameters: IndexParameters): number[] {
  const { panel } = market;
  const width = panel.days.length;
  const cap = (asset: number) => panel.marketCap[asset * width + day]!;
  const bySize = panel.assets
    .map((_, asset) => asset)
    .filter((asset) => cap(asset) > 0 && Number.isFinite(cap(asset)))
    .sort((a, b) => cap(b) - cap(a) || market.place[a]! - market.place[b]!);
  const found: number[] = [];
  for (const asset of bySize) {
    if (found.length === MAX_RANKED) break;
    if (mayBeHeld(market, asset, day, parameters)) found.push(asset);
  }
  return found;
}

function mayBeHeld(
  market: Market,
  asset: number,
  day: number,
  { seasoningDays, minBars, minTurnoverUsd }: IndexParameters,
): boolean {
  const { panel, symbols } = market;
  const row = asset * panel.days.length;
  if (!(panel.close[row + day]! > 0) || !Number.isFinite(panel.close[row + day]!)) return false;
  if (standsForAnother(symbols[asset]!) || market.isStablecoin(asset, day)) return false;
  const turnovers: number[] = [];
  let pegged = 0;
  for (let back = Math.max(0, day - seasoningDays + 1); back <= day; back++) {
    const close = panel.close[row + back]!;
    if (!(close > 0)) continue;
    const turnover = close * panel.volume[row + back]!;
    turnovers.push(turnover > 0 ? turnover : 0);
    if (Math.abs(close - 1) <= 0.02) pegged++;
  }
  if (turnovers.length < minBars || pegged > 0.9 * turnovers.length) return false;
  return medianOf(turnovers) >= Number(minTurnoverUsd);
}

function isRebalancing(ms: number, { rebalance }: IndexRule): boolean {
  return rebalance === 'monthly' ? new Date(ms).getUTCDate() === 1 : (ms - MONDAY_MS) % (7 * DAY_MS) === 0;
}

function turnoverOf(holdings: readonly Holding[], target: readonly Constituent[]): number {
  const total = sumOf(holdings);
  const held = new Map(holdings.map((one) => [one.asset, (one.units * one.price) / total]));
  let sum = 0;
  for (const { asset, weight } of target) {
    sum += Math.abs(weight - (held.get(asset) ?? 0));
    held.delete(asset);
  }
  for (const weight of held.values()) sum += weight;
  return sum / 2;
}

function holdingRows(holdings: readonly Holding[], { panel }: Market): IndexRow['holdings'] {
  const total = sumOf(holdings);
  const weights = exactWeights(
    holdings.map(({ units, price }) => (units * price) / total),
    6,
  );
  return holdings.map(({ asset, price }, i) => ({
    asset: panel.assets[asset]!,
    weight: weights[i]!,
    price: significant(price)!,
  }));
}

function sumOf(holdings: readonly Holding[]): number {
  let sum = 0;
  for (const { units, price } of holdings) sum += units * price;
  return sum;
}

/** Standard deviation of daily log returns; NaN when a fifth of them is missing or nothing moved. */
function volatility(panel: Panel, asset: number, day: number, window: number): number {
  const row = asset * panel.days.length;
  const returns: number[] = [];
  for (let i = Math.max(1, day - window + 1); i <= day; i++) {
    const change = Math.log(panel.close[row + i]! / panel.close[row + i - 1]!);
    if (Number.isFinite(change)) returns.push(change);
  }
  if (returns.length < 0.8 * window) return Number.NaN;
  const mean = returns.reduce((sum, one) => sum + one, 0) / returns.length;
  const squares = returns.reduce((sum, one) => sum + (one - mean) ** 2, 0);
  return Math.sqrt(squares / (returns.length - 1));
}

function medianOf(values: readonly number[]): number {
  const sorted = Float64Array.from(values).sort();
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

interface Market {
  panel: Panel;
  symbols: readonly string[];
  /** Place of each asset in the order of identities: no result depends on the panel's. */
  place: readonly number[];
  /** Whether the figure `assets` last called it a stablecoin, within a week before a day. */
  isStablecoin(asset: number, day: number): boolean;
  /** Last Trader Grade within some days before a day; NaN when there is none. */
  gradeOf(asset: number, day: number, days: number): number;
  /** Whether anything has a grade of these days. */
  isGraded(day: number, days: number): boolean;
  /** {@link findEligible}, once a day for all indices. */
  eligible(day: number, parameters: IndexParameters): readonly number[];
}

function readMarket({ history: { panel }, figures, days }: FigureInput): Market {
  const at = new Map(panel.assets.map((asset, i) => [asset, i]));
  const place = new Array<number>(panel.assets.length).fill(0);
  for (const [i, asset] of [...panel.assets].sort().entries()) place[at.get(asset)!] = i;
  const key = (asset: number, day: number) => asset * panel.days.length + day;
  const called = new Map<number, boolean>();
  for (const { time, asset, class: size } of figures.assets ?? []) {
    const [index, day] = [at.get(asset), dayIndex(panel, time)];
    if (index !== undefined && day >= 0 && day < days.to) called.set(key(index, day), size === 'stablecoin');
  }
  const grades = new Map<number, number>();
  const gradedDays = new Set<number>();
  const eligibleOn = new Map<number, readonly number[]>();
  for (const { time, asset, trader } of figures.grades ?? []) {
    const [index, day] = [at.get(asset), dayIndex(panel, time)];
    if (index === undefined || day < 0) continue;
    grades.set(key(index, day), trader ? Number(trader.grade) : Number.NaN);
    gradedDays.add(day);
  }
  const market: Market = {
    panel,
    symbols: panel.symbols,
    place,
    isStablecoin(asset, day) {
      for (let i = day; i >= 0 && i > day - 7; i--) {
        const said = called.get(key(asset, i));
        if (said !== undefined) return said;
      }
      return false;
    },
    gradeOf(asset, day, days) {
      for (let i = day; i >= 0 && i > day - days; i--) {
        const grade = grades.get(key(asset, i));
        if (grade !== undefined) return grade;
      }
      return Number.NaN;
    },
    isGraded(day, days) {
      for (let i = day; i >= 0 && i > day - days; i--) if (gradedDays.has(i)) return true;
      return false;
    },
    eligible(day, parameters) {
      const found = eligibleOn.get(day) ?? findEligible(market, day, parameters);
      eligibleOn.set(day, found);
      return found;
    },
  };
  return market;
}
