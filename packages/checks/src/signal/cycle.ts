/**
 * What a series usually does at each point of its cycle (a day, a week, a machine's stroke): the profile of one period
 * in up to 288 parts, each the fading mean of earlier passes.
 */
export interface Profile {
  /** Milliseconds when `byClock`, else points. */
  period: number;
  byClock: boolean;
  parts: (number | null)[];
  /** The part that is passing now; it joins its mean when it is left, so that nothing is compared with itself. */
  current: number;
  sum: number;
  count: number;
  /** Times that the cycle began anew. */
  passes: number;
}

const MAX_PARTS = 288;
/** A pass counts for this much: about three passes are remembered. */
const PASS_WEIGHT = 0.3;
/** A step in the profile may come this many parts (of those that are sampled) earlier or later than last time. */
const SLACK_PARTS = 2;

export function newProfile(period: number, byClock: boolean): Profile {
  const parts = byClock ? MAX_PARTS : Math.min(MAX_PARTS, period);
  return { period, byClock, parts: new Array(parts).fill(null), current: -1, sum: 0, count: 0, passes: 0 };
}

/**
 * How far a value lies outside of what earlier passes had around this point of the cycle: 0 inside, null where no
 * earlier pass is known. Then the value is part of the present pass.
 *
 * @param position milliseconds since any fixed time, or points since the beginning, as `byClock` says.
 */
export function outsideProfile(profile: Profile, position: number, value: number): number | null {
  const { parts, period } = profile;
  const part = Math.floor(((((position % period) + period) % period) / period) * parts.length);
  if (part !== profile.current) {
    closePass(profile);
    if (part < profile.current) profile.passes++;
    profile.current = part;
  }
  const expected = expectedAround(parts, part);
  profile.sum += value;
  profile.count++;
  if (expected === null) return null;
  const { low, high } = expected;
  return value > high ? value - high : value < low ? value - low : 0;
}

function closePass(profile: Profile): void {
  const { parts, current, sum, count } = profile;
  if (count === 0) return;
  const mean = sum / count;
  const before = parts[current] ?? mean;
  parts[current] = before + PASS_WEIGHT * (mean - before);
  profile.sum = 0;
  profile.count = 0;
}

function expectedAround(
  parts: readonly (number | null)[],
  part: number,
): { low: number; high: number } | null {
  if ((parts[part] ?? null) === null) return null;
  let low = parts[part]!;
  let high = low;
  for (const direction of [-1, 1]) {
    let taken = 0;
    for (let step = 1; step <= parts.length / 12 && taken < SLACK_PARTS; step++) {
      const near = parts[(part + direction * step + parts.length) % parts.length] ?? null;
      if (near === null) continue;
      taken++;
      low = Math.min(low, near);
      high = Math.max(high, near);
    }
  }
  return { low, high };
}

/**
 * Looks for the period of a series, one lag with each point, so that every point costs the same.
 */
export interface PeriodSearch {
  /** The latest values, a ring. */
  values: number[];
  next: number;
  /** Mean of the values when this round began. */
  mean: number;
  /** Autocorrelation by lag, as far as this round has come. */
  correlation: number[];
  /** What the last round found, to be confirmed by the next. */
  candidate: number | null;
}

/** Two periods must fit, so that a period of up to 1,000 points is found; a longer one must be given. */
const SEARCHED = 2048;
const MAX_LAG = 1000;
const MIN_LAG = 6;
/** Weaker cycles than this explain too little of the series to be expected of it. */
const CLEAR_CORRELATION = 0.4;

export function newPeriodSearch(): PeriodSearch {
  return { values: [], next: 0, mean: 0, correlation: [], candidate: null };
}

/** Takes one more value; returns a period in points when two rounds have just agreed on one, else null. */
export function searchPeriod(search: PeriodSearch, value: number): number | null {
  const { values, correlation } = search;
  if (values.length < SEARCHED) values.push(value);
  else values[search.next] = value;
  search.next = (search.next + 1) % SEARCHED;
  if (values.length < 8 * MIN_LAG) return null;
  const last = Math.min(MAX_LAG, Math.floor(values.length / 2.2));
  if (correlation.length === 0) search.mean = meanOf(values);
  correlation.push(correlationAt(search, correlation.length));
  if (correlation.length <= last) return null;
  const period = firstPeak(correlation);
  const before = search.candidate;
  search.correlation = [];
  search.candidate = period;
  return period !== null && before !== null && Math.abs(period - before) <= 1 ? before : null;
}

function meanOf(values: readonly number[]): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum / values.length;
}

function correlationAt({ values, next, mean }: PeriodSearch, lag: number): number {
  const size = values.length;
  const oldest = size < SEARCHED ? 0 : next;
  let product = 0;
  let squareLater = 0;
  let squareEarlier = 0;
  let later = (oldest + lag) % size;
  let earlier = oldest;
  for (let pairs = size - lag; pairs > 0; pairs--) {
    const a = values[later]! - mean;
    const b = values[earlier]! - mean;
    product += a * b;
    squareLater += a * a;
    squareEarlier += b * b;
    if (++later === size) later = 0;
    if (++earlier === size) earlier = 0;
  }
  const scale = Math.sqrt(squareLater * squareEarlier);
  return scale > 0 ? product / scale : 0;
}

/** The first lag that correlates nearly as well as the best, beyond where nearness alone explains it. */
function firstPeak(correlation: readonly number[]): number | null {
  let from = 1;
  while (from < correlation.length && correlation[from]! > 0.2) from++;
  from = Math.max(from, MIN_LAG);
  let best = CLEAR_CORRELATION;
  for (let lag = from; lag < correlation.length; lag++) best = Math.max(best, correlation[lag]!);
  for (let lag = from; lag < correlation.length - 1; lag++) {
    const here = correlation[lag]!;
    const peak = here >= correlation[lag - 1]! && here >= correlation[lag + 1]!;
    if (peak && here > CLEAR_CORRELATION && here >= 0.9 * best) return lag;
  }
  return null;
}
