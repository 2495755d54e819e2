import type { VenueBar } from './read-bars.ts';

export interface CompositeParameters {
  /** A venue whose close is further than this from the median of the venues' closes is left out. */
  deviationLimitBps: number;
  /** Most that one of three or more venues may weigh in the median, whatever volume it states. */
  weightCap: string;
}

/** A day over all venues. */
export interface CompositeBar {
  open: number;
  high: number;
  low: number;
  close: number;
  volume: number;
  kept: VenueBar[];
  excluded: { bar: VenueBar; reason: 'no-trades' | 'deviates'; deviationBps: number }[];
  /** Two venues differ by more than the limit, and nothing says which is right: both count. */
  undecided: boolean;
}

/**
 * One day of one asset over its venues. Venues without volume are left out where others traded. Then those are left
 * out whose close deviates from the plain median of closes, so that stated volume buys no say in who is right. The
 * close is the median of the rest weighted by volume, each weight capped; open, high and low are the same median of
 * theirs, widened so that the bar stays one. Volume is the sum of the venues that were kept.
 *
 * Of two venues that differ, the one that left the last composite close is left out if the other stayed at least three
 * times nearer and within ten limits; else both count and the day is undecided.
 *
 * @returns null without a bar.
 */
export function compositeBar(
  bars: readonly VenueBar[],
  lastClose: number | null,
  { deviationLimitBps, weightCap }: CompositeParameters,
): CompositeBar | null {
  if (bars.length === 0) return null;
  const traded = bars.filter(({ volume }) => volume > 0);
  const heard = traded.length > 0 ? traded : [...bars];
  const limit = deviationLimitBps / 10_000;
  const centre = median(heard.map(({ close }) => close));
  const excluded: CompositeBar['excluded'] = bars
    .filter((bar) => !heard.includes(bar))
    .map((bar) => ({ bar, reason: 'no-trades', deviationBps: bps(bar.close, centre) }));
  let kept = heard.filter(({ close }) => Math.abs(close / centre - 1) <= limit);
  let undecided = false;
  if (heard.length === 2 && Math.abs(heard[0]!.close / heard[1]!.close - 1) > limit) {
    const [a, b] = heard as [VenueBar, VenueBar];
    const stayed = lastClose === null ? null : whoStayed(a, b, lastClose, limit);
    kept = stayed ? [stayed] : [a, b];
    undecided = stayed === null;
  } else if (kept.length === 0) {
    // Four or more that pairwise disagree: no centre exists that any of them is near.
    kept = heard;
    undecided = true;
  }
  const reference = kept.length < heard.length ? median(kept.map(({ close }) => close)) : centre;
  for (const bar of heard) {
    if (!kept.includes(bar)) {
      excluded.push({ bar, reason: 'deviates', deviationBps: bps(bar.close, reference) });
    }
  }
  const weights = cappedWeights(
    kept.map(({ volume }) => volume),
    Number(weightCap),
  );
  const of = (read: (bar: VenueBar) => number) => weightedMedian(kept.map(read), weights);
  const open = of((bar) => bar.open);
  const close = of((bar) => bar.close);
  return {
    open,
    high: Math.max(
      of((bar) => bar.high),
      open,
      close,
    ),
    low: Math.min(
      of((bar) => bar.low),
      open,
      close,
    ),
    close,
    volume: kept.reduce((sum, bar) => sum + bar.volume, 0),
    kept,
    excluded,
    undecided,
  };
}

function whoStayed(a: VenueBar, b: VenueBar, last: number, limit: number): VenueBar | null {
  const [near, far] =
    Math.abs(Math.log(a.close / last)) <= Math.abs(Math.log(b.close / last)) ? [a, b] : [b, a];
  const distance = Math.abs(Math.log(near.close / last));
  return distance <= 10 * limit && Math.abs(Math.log(far.close / last)) >= 3 * distance ? near : null;
}

/** Volumes as weights, equal where nobody traded, each at most the capped share of what the others state. */
function cappedWeights(volumes: readonly number[], cap: number): number[] {
  const total = volumes.reduce((sum, volume) => sum + volume, 0);
  if (total === 0) return volumes.map(() => 1);
  if (volumes.length < 3) return [...volumes];
  return volumes.map((volume) => Math.min(volume, ((total - volume) * cap) / (1 - cap)));
}

/** The value below which half of the weight lies; the mean of two where it lies exactly between them. */
export function weightedMedian(values: readonly number[], weights: readonly number[]): number {
  const order = values.map((_, i) => i).sort((a, b) => values[a]! - values[b]! || a - b);
  const half = order.reduce((sum, i) => sum + weights[i]!, 0) / 2;
  let below = 0;
  for (const [place, i] of order.entries()) {
    below += weights[i]!;
    if (below > half) return values[i]!;
    if (below === half) {
      const next = order[place + 1];
      return next === undefined ? values[i]! : (values[i]! + values[next]!) / 2;
    }
  }
  // Only rounding leads here: the last weight did not quite reach the half.
  return values[order.at(-1)!]!;
}

/** Plain median. */
export function median(values: readonly number[]): number {
  if (values.length === 0) return Number.NaN;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

function bps(value: number, reference: number): number {
  return (value / reference - 1) * 10_000;
}
