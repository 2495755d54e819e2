import { instantOfDay, type Panel } from '../panel/index.ts';
import { medianOf } from './cross-section.ts';
import { closeAt, type FactorView, STALE_DAYS } from './factors.ts';
import type { ObservedHistory } from './observed.ts';

/** How an asset may be graded on a day. */
export interface Standing {
  asset: number;
  /** First day of the usable history. */
  start: number;
  trader: boolean;
  investor: boolean;
  /** Why it is not graded, or not with both grades. */
  reason: string | null;
}

/** Bars that an asset must have in the last `HISTORY_WINDOW` days for both grades. */
export const HISTORY_BARS = 30;
const HISTORY_WINDOW = 60;
/** Days that an asset without bars must have been in the snapshots for an Investor Grade. */
const SNAPSHOT_DAYS = 90;
/** A price that changes by more than this factor in a day is a redenomination, a relaunch or an error. */
const BREAK_FACTOR = 10;
/** A dollar peg: this share of the closes lies within this distance of 1. */
const PEG_SHARE = 0.9;
const PEG_DISTANCE = 0.03;
/** Without bars: in so many of the last four months, so that one in which the peg was lost does not make it a coin. */
const PEG_MONTHS = 3;
/** A peg to another currency: the median day moves less than the first, and no day more than the second. */
const CALM_MEDIAN = 0.004;
const CALM_LIMIT = 0.025;
/** A copy moves with its original but for this share of its daily moves. Unrelated coins came down to 0.24 in 2021. */
const COPY_SHARE = 0.15;
/** Over one and over three weeks the two may differ by this, in log return. */
const COPY_DRIFT = 0.02;
/** For assets without bars: six of seven months keep one ratio of prices within the first, the other within the second. */
const COPY_MONTHS = [0, 30, 60, 90, 120, 150, 180];
const COPY_MONTH_DRIFT = 0.005;
const COPY_MONTH_LIMIT = 0.05;

/**
 * The point-in-time universe of a day: every asset with a bar or a market capitalisation in the last `lookbackDays`,
 * dead ones included, and how each may be graded. Reads nothing after the day.
 */
export function universeOn(
  panel: Panel,
  observed: ObservedHistory,
  day: number,
  lookbackDays: number,
): Standing[] {
  const standings: Standing[] = [];
  for (let asset = 0; asset < panel.assets.length; asset++) {
    const standing = standingOf({ panel, observed, asset, day, start: Math.max(0, day - lookbackDays + 1) });
    if (standing) standings.push(standing);
  }
  markCopies(panel, observed, day, standings);
  return standings;
}

function standingOf(whole: FactorView): Standing | null {
  const { panel, asset, day } = whole;
  const base = asset * panel.days.length;
  const bars = readBars(whole);
  const cap = panel.marketCap[base + day]!;
  if (bars.last < 0 && !hadCap(whole)) return null;
  const view = { ...whole, start: bars.start };
  const refuse = (reason: string): Standing => ({
    asset,
    start: bars.start,
    trader: false,
    investor: false,
    reason,
  });
  if (bars.last > day - STALE_DAYS) {
    if (bars.broken >= 0) {
      return refuse(
        `bad data: the bar of ${dateOf(panel, bars.broken)} has no possible prices; graded again ${HISTORY_BARS} days later`,
      );
    }
    const recent = closesWithin(view, HISTORY_WINDOW);
    if (recent.length < HISTORY_BARS) {
      return refuse(
        bars.jump < 0
          ? `too little history: ${recent.length} bars in ${HISTORY_WINDOW} days, ${HISTORY_BARS} are needed`
          : `bad data: the price changed more than ${BREAK_FACTOR}-fold on ${dateOf(panel, bars.jump)} (redenomination, relaunch or error); graded again after ${HISTORY_BARS} bars`,
      );
    }
    const peg = pegOf(recent);
    if (peg) return refuse(peg);
    return { asset, start: bars.start, trader: true, investor: true, reason: null };
  }
  if (cap > 0 && panel.supply[base + day]! > 0) return fromSnapshots(view, refuse);
  return refuse(
    bars.last < 0
      ? 'left the snapshots of market capitalisation and has no bars'
      : `no bars since ${dateOf(panel, bars.last)}: delisted, dead or not collected`,
  );
}

/** An asset that only snapshots know: months are all that can be seen of it. */
function fromSnapshots(view: FactorView, refuse: (reason: string) => Standing): Standing {
  const months = [0, 30, 60, SNAPSHOT_DAYS].map((ago) => impliedPrice(view, view.day - ago));
  if (months.some(Number.isNaN)) {
    return refuse(
      `too little history: no bars, and less than ${SNAPSHOT_DAYS} days of market capitalisation`,
    );
  }
  const near = months.filter((price) => Math.abs(price - 1) <= PEG_DISTANCE).length;
  if (near >= PEG_MONTHS) {
    return refuse(
      `stablecoin: its price was within ${PEG_DISTANCE * 100} % of 1 US dollar in ${near} of the last ${months.length} months`,
    );
  }
  return {
    asset: view.asset,
    start: view.start,
    trader: false,
    investor: true,
    reason: 'no Trader Grade: there are no daily bars, only snapshots of market capitalisation',
  };
}

/** One pass over an asset's window. */
function readBars({ panel, asset, day, start: from }: FactorView) {
  const base = asset * panel.days.length;
  let start = from;
  let last = -1;
  let jump = -1;
  let broken = -1;
  let previous = Number.NaN;
  for (let d = from; d <= day; d++) {
    const close = panel.close[base + d]!;
    if (Number.isNaN(close)) continue;
    last = d;
    if (!isPossible(panel, base + d)) {
      if (d > day - HISTORY_BARS) broken = d;
      continue;
    }
    // A break hides in a gap too: it is compared with the last bar, however old.
    if (close > previous * BREAK_FACTOR || close * BREAK_FACTOR < previous) {
      start = d;
      jump = d;
    }
    previous = close;
  }
  return { start, last, jump, broken };
}

function isPossible({ high, low, close }: Panel, at: number): boolean {
  const slack = 1e-9 * Math.abs(close[at]!);
  return (
    close[at]! > 0 &&
    Number.isFinite(close[at]!) &&
    !(low[at]! <= 0) &&
    !(high[at]! < close[at]! - slack) &&
    !(low[at]! > close[at]! + slack)
  );
}

function hadCap({ panel, asset, day, start }: FactorView): boolean {
  const base = asset * panel.days.length;
  for (let d = start; d <= day; d++) if (panel.marketCap[base + d]! > 0) return true;
  return false;
}

function closesWithin({ panel, asset, day, start }: FactorView, window: number): number[] {
  const base = asset * panel.days.length;
  const closes: number[] = [];
  for (let d = Math.max(start, day - window + 1); d <= day; d++) {
    if (panel.close[base + d]! > 0) closes.push(panel.close[base + d]!);
  }
  return closes;
}

/** Why a price is not that of a coin that rises and falls on its own, by how it behaved; null when it is. */
function pegOf(closes: readonly number[]): string | null {
  const near = closes.filter((close) => Math.abs(close - 1) <= PEG_DISTANCE).length;
  if (near >= PEG_SHARE * closes.length) {
    return `stablecoin: ${near} of its last ${closes.length} closes lie within ${PEG_DISTANCE * 100} % of 1 US dollar`;
  }
  const moves = closes.slice(1).map((close, i) => Math.abs(Math.log(close / closes[i]!)));
  moves.sort((a, b) => a - b);
  const median = moves[moves.length >> 1]!;
  if (median === 0) return 'bad data: the price did not move on most days: it is not traded';
  if (median < CALM_MEDIAN && moves.at(-1)! < CALM_LIMIT) {
    return `pegged: none of its last ${moves.length} daily moves reached ${CALM_LIMIT * 100} %, and the median is below ${CALM_MEDIAN * 100} %`;
  }
  return null;
}

/** The smaller of two assets that move as one is a copy (wrapped, bridged, staked) of the larger. */
function markCopies(panel: Panel, observed: ObservedHistory, day: number, standings: Standing[]): void {
  const viewOf = ({ asset, start }: Standing): FactorView => ({ panel, observed, asset, day, start });
  const originals = new Map<Standing, Standing>();
  const mark = (one: Standing, other: Standing): void => {
    const copy = isLarger(panel, day, one, other) ? other : one;
    const original = copy === one ? other : one;
    const known = originals.get(copy);
    if (!known || isLarger(panel, day, original, known)) originals.set(copy, original);
  };
  const graded = standings.filter(({ investor }) => investor);
  const daily = graded
    .filter(({ trader }) => trader)
    .map((standing) => {
      const view = viewOf(standing);
      const now = closeAt(view, day);
      return {
        standing,
        weeks: Math.log(now / closeAt(view, day - 21)),
        week: Math.log(now / closeAt(view, day - 7)),
        recent: recentReturns(view),
      };
    })
    .filter(({ weeks, week }) => !Number.isNaN(weeks + week))
    .sort((a, b) => a.weeks - b.weeks);
  for (const [i, one] of daily.entries()) {
    for (let j = i + 1; j < daily.length && daily[j]!.weeks - one.weeks <= COPY_DRIFT; j++) {
      const other = daily[j]!;
      if (Math.abs(one.week - other.week) > COPY_DRIFT) continue;
      if (moveAsOne(one.recent, other.recent)) mark(one.standing, other.standing);
    }
  }
  const monthly = graded
    .map((standing) => {
      const prices = COPY_MONTHS.map((ago) => Math.log(impliedPrice(viewOf(standing), day - ago)));
      return { standing, prices, move: prices[0]! - prices[1]! };
    })
    .filter(({ prices }) => !prices.some(Number.isNaN) && Math.max(...prices) - Math.min(...prices) > 0.1)
    .sort((a, b) => a.move - b.move);
  for (const [i, one] of monthly.entries()) {
    for (let j = i + 1; j < monthly.length && monthly[j]!.move - one.move <= COPY_MONTH_LIMIT; j++) {
      const other = monthly[j]!;
      // Two with bars were compared by the day, which is sharper.
      if (one.standing.trader && other.standing.trader) continue;
      if (keepTheirRatio(one.prices, other.prices)) mark(one.standing, other.standing);
    }
  }
  for (const [copy, original] of originals) {
    copy.trader = false;
    copy.investor = false;
    copy.reason = `copy: moves as ${panel.symbols[original.asset]!} does (wrapped, bridged or staked)`;
  }
}

/** Daily log returns of the last 60 days, NaN where a bar is missing, and half the sum of their sizes. */
function recentReturns({ panel, asset, day, start }: FactorView): { returns: Float64Array; size: number } {
  const base = asset * panel.days.length;
  const returns = new Float64Array(HISTORY_WINDOW - 1).fill(Number.NaN);
  let size = 0;
  for (let i = 0; i < returns.length; i++) {
    const d = day - i;
    if (d <= start) break;
    returns[i] = Math.log(panel.close[base + d]! / panel.close[base + d - 1]!);
    if (Number.isFinite(returns[i]!)) size += Math.abs(returns[i]!) / 2;
  }
  return { returns, size };
}

/** Whether the daily returns of two assets differ by little against what they are; over days that both have. */
function moveAsOne(one: ReturnType<typeof recentReturns>, other: ReturnType<typeof recentReturns>): boolean {
  // Of all days: what the sum over the common days cannot exceed, so that most pairs are done after a few days.
  const most = COPY_SHARE * (one.size + other.size);
  let difference = 0;
  let size = 0;
  let days = 0;
  for (let i = 0; i < one.returns.length && difference <= most; i++) {
    const a = one.returns[i]!;
    const b = other.returns[i]!;
    if (!Number.isFinite(a + b)) continue;
    difference += Math.abs(a - b);
    size += (Math.abs(a) + Math.abs(b)) / 2;
    days++;
  }
  return days >= HISTORY_BARS - 1 && size > 0 && difference <= COPY_SHARE * size;
}

/** Whether two log prices keep one distance in all of the months but one, and nearly in that one. */
function keepTheirRatio(one: readonly number[], other: readonly number[]): boolean {
  const [a, b, c] = [one[0]! - other[0]!, one[1]! - other[1]!, one[2]! - other[2]!];
  // With one month out of seven apart, two of any three agree: most pairs end here.
  const near = 2 * COPY_MONTH_DRIFT;
  if (Math.abs(a - b) > near && Math.abs(a - c) > near && Math.abs(b - c) > near) return false;
  const ratios = one.map((price, month) => price - other[month]!);
  const usual = medianOf(ratios);
  const apart = ratios.map((ratio) => Math.abs(ratio - usual));
  return (
    apart.filter((drift) => drift <= COPY_MONTH_DRIFT).length >= apart.length - 1 &&
    apart.every((drift) => drift <= COPY_MONTH_LIMIT)
  );
}

/** By market capitalisation; without one on both sides by name, so that the order is always the same. */
function isLarger(panel: Panel, day: number, one: Standing, other: Standing): boolean {
  const capOf = ({ asset }: Standing) => panel.marketCap[asset * panel.days.length + day]! || 0;
  const difference = capOf(one) - capOf(other);
  return difference === 0 ? panel.assets[one.asset]! < panel.assets[other.asset]! : difference > 0;
}

function impliedPrice({ panel, asset, start }: FactorView, day: number): number {
  if (day < start) return Number.NaN;
  const at = asset * panel.days.length + day;
  const price = panel.marketCap[at]! / panel.supply[at]!;
  return price > 0 && Number.isFinite(price) ? price : Number.NaN;
}

function dateOf(panel: Panel, day: number): string {
  return instantOfDay(panel.days[day]!).slice(0, 10);
}
