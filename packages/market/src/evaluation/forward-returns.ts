import type { Panel } from '../panel/index.ts';

/** How a return is taken when there is no price at the end of the horizon. */
export interface ForwardReturnRules {
  /** Last day that is known; a return that needs a later one is not complete. */
  asOf: number;
  /** What becomes of the last price of an asset that stopped and that no snapshot ever knew, as a return. */
  deadReturn: number;
}

/** Without a bar on the last day, the next bar within this many days is where one could sell. */
const LATE_DAYS = 7;
/** After this many days without a bar an asset has stopped; by then the next monthly snapshot has come. */
export const STOPPED_DAYS = 35;
/** A price that rises more than this in a day is a redenomination or a relaunch, not a gain. */
const BREAK_FACTOR = 10;
/** Shortest horizon over which snapshots of market capitalisation stand in for prices. */
const SNAPSHOT_HORIZON = 30;

/**
 * Simple return of one asset from the end of a day to the end of the day `horizon` days later; NaN while it is not
 * complete. Dead assets count:
 *
 * - No bar on the last day: the next bar within a week counts.
 * - No bar for 35 days: the asset has stopped. If bars resume later, or it still is in the snapshots of market
 *   capitalisation, it lives, and is sold at its last close. If it fell out of the snapshots, its last close falls on
 *   as its market capitalisation does, to the smallest that is still in: the most that it can be worth. If no snapshot
 *   ever knew it, its last close loses `deadReturn` more.
 * - An asset that only snapshots know is judged from the day of a snapshot to the snapshot in force at the horizon's
 *   end, or the first one in the week after. If it is not in that one, it has fallen out likewise.
 *
 * A window with a price that rises more than tenfold in a day is not judged; a fall of any size is a loss.
 */
export function forwardReturn(
  panel: Panel,
  asset: number,
  day: number,
  horizon: number,
  rules: ForwardReturnRules,
): number {
  const base = asset * panel.days.length;
  const end = day + horizon;
  if (end > rules.asOf) return Number.NaN;
  const entry = lastBar(panel, base, day, day - LATE_DAYS + 1);
  if (entry < 0)
    return horizon < SNAPSHOT_HORIZON ? Number.NaN : snapshotReturn(panel, asset, day, end, rules);
  let last = entry;
  let resumes = false;
  for (let d = entry + 1; d <= end + STOPPED_DAYS; d++) {
    if (d > rules.asOf) return Number.NaN;
    const close = panel.close[base + d]!;
    if (!(close > 0)) continue;
    if (close > panel.close[base + last]! * BREAK_FACTOR) return Number.NaN;
    resumes = d > end + LATE_DAYS;
    if (resumes) break;
    last = d;
    if (d >= end) return close / panel.close[base + entry]! - 1;
  }
  const held = panel.close[base + last]! / panel.close[base + entry]!;
  const before = panel.marketCap[base + last]!;
  const after = panel.marketCap[base + end + STOPPED_DAYS];
  if (resumes || after! > 0) return held - 1;
  // Never in the snapshots: nothing tells what became of it.
  if (!(before > 0)) return held * (1 + rules.deadReturn) - 1;
  return held * fallenOut(panel, before, end + STOPPED_DAYS) - 1;
}

function snapshotReturn(
  panel: Panel,
  asset: number,
  day: number,
  end: number,
  { asOf }: ForwardReturnRules,
): number {
  const base = asset * panel.days.length;
  const fresh = (d: number) => panel.marketCap[base + d] !== panel.marketCap[base + d - 1];
  const entry = panel.marketCap[base + day]! / panel.supply[base + day]!;
  if (day === 0 || !(entry > 0) || !fresh(day)) return Number.NaN;
  let exit = end;
  while (exit < end + LATE_DAYS && !fresh(exit)) exit++;
  if (exit > asOf) return Number.NaN;
  const price = panel.marketCap[base + exit]! / panel.supply[base + exit]!;
  if (price > 0) return price > entry * BREAK_FACTOR ? Number.NaN : price / entry - 1;
  return fallenOut(panel, panel.marketCap[base + day]!, exit) - 1;
}

/** What is left, as a share, of an asset that fell out of the snapshots: no more than the smallest that is still in. */
function fallenOut(panel: Panel, before: number, day: number): number {
  let smallest = Number.POSITIVE_INFINITY;
  for (let other = 0; other < panel.assets.length; other++) {
    const cap = panel.marketCap[other * panel.days.length + day]!;
    if (cap > 0 && cap < smallest) smallest = cap;
  }
  return Number.isFinite(smallest) ? Math.min(smallest / before, 1) : Number.NaN;
}

function lastBar(panel: Panel, base: number, day: number, from: number): number {
  for (let d = day; d >= Math.max(0, from); d--) if (panel.close[base + d]! > 0) return d;
  return -1;
}
