import { experience } from './calibration.ts';
import {
  newPeriodSearch,
  newProfile,
  outsideProfile,
  type PeriodSearch,
  type Profile,
  searchPeriod,
} from './cycle.ts';
import { meet, type Novelty, newNovelty, SAME } from './novelty.ts';

/** What is known of one series before its first value. Plain data of bounded size. */
export interface SeriesMemory {
  /** Known values so far. */
  seen: number;
  /** The first known value: everything is reckoned from it, so that a large offset costs no digits. */
  origin: number;
  /** The latest {@link LONGEST} known values, a ring. */
  latest: number[];
  next: number;
  novelties: Record<string, Novelty>;
  /** How often the latest value has come in a row. */
  repeats: number;
  firstTime: number | null;
  cycles: Record<string, { profile: Profile; outside: number[] }>;
  search: PeriodSearch | null;
  quiet: Quiet;
}

/** After an alarm only something clearly worse is another alarm, for a while and then fadingly. */
export interface Quiet {
  since: number;
  worst: number;
}

/** One measure of the series that was far from anything seen before. */
export interface Surprise {
  /** Distance in ranges, weighted; 0 to 5. */
  distance: number;
  /** The measure: `mean of 16`. */
  measure: string;
  /** Its value now, in the series' unit. */
  value: number;
}

export interface SeriesOptions {
  /** The period, when it is known: milliseconds of the clock, or points. */
  period: { milliseconds: number } | { points: number } | null;
}

/** Windows of the local mean: each four times the last, from a single point to an hour of minutes. */
const MEANS = [1, 4, 16, 64] as const;
const SPREADS = [16, 64] as const;
const LONGEST = 64;
/**
 * Measures of shape (spread, restlessness, cycle) surprise more often than those of level in real series and mean
 * less; half of their distance counts nearly the same (0.3 to 0.5 score alike), but in full they drown the rest.
 */
const SHAPE_WEIGHT = 0.4;
/** A measure says nothing before it has been taken this often. */
const WARM = 24;
/** One pass to know the cycle, one to know how well it is kept. */
const WARM_PASSES = 2;
const DAY_MS = 86_400_000;
const WEEK_MS = 7 * DAY_MS;
const RESIDUALS = 4;
export const STANDSTILL = 'number of equal values in a row';
/** So often any coarse sensor repeats itself; from there doublings count. */
const ORDINARY_REPEATS = 8;

export function newSeries(options: SeriesOptions): SeriesMemory {
  const { period } = options;
  const cycles: SeriesMemory['cycles'] = {};
  const add = (name: string, length: number, byClock: boolean) => {
    cycles[name] = { profile: newProfile(length, byClock), outside: [] };
  };
  if (period === null) {
    add('day', DAY_MS, true);
    add('week', WEEK_MS, true);
  } else if ('points' in period) add('cycle', period.points, false);
  else add('cycle', period.milliseconds, true);
  return {
    seen: 0,
    origin: 0,
    latest: [],
    next: 0,
    novelties: {},
    repeats: 0,
    firstTime: null,
    cycles,
    search: period === null ? newPeriodSearch() : null,
    quiet: { since: 0, worst: 0 },
  };
}

/**
 * Takes the next known value and says how far the series has gone from anything it did before.
 *
 * @param value finite.
 * @param time milliseconds, or null when unknown; then no daily or weekly pattern is looked for at this point.
 */
export function observe(memory: SeriesMemory, value: number, time: number | null): Surprise {
  if (memory.seen === 0) memory.origin = value;
  const x = bounded(value - memory.origin);
  const previous = memory.seen === 0 ? null : memory.latest[(memory.next - 1 + LONGEST) % LONGEST];
  memory.seen++;
  memory.repeats = x === previous ? memory.repeats + 1 : 1;
  memory.latest[memory.next] = x;
  memory.next = (memory.next + 1) % LONGEST;
  let most: Surprise = { distance: 0, measure: 'value', value };
  const grain = 1e-9 * (memory.novelties.value?.range ?? 0) + 1e-12 * Math.abs(memory.origin);
  const take = (
    measure: string,
    weight: number,
    taken: number,
    offset: number,
    ready = true,
    same = grain,
  ) => {
    memory.novelties[measure] ??= newNovelty();
    const novelty = memory.novelties[measure];
    const distance = weight * meet(novelty, taken, same);
    if (ready && novelty.seen > WARM && distance > most.distance) {
      most = { distance, measure, value: taken + offset };
    }
  };
  const { means, spreads, restlessness } = shapeOf(memory);
  MEANS.forEach((window, which) => {
    if (memory.seen < window) return;
    take(window === 1 ? 'value' : `mean of ${window}`, 1, means[which]!, memory.origin);
  });
  SPREADS.forEach((window, which) => {
    if (memory.seen >= window) take(`spread of ${window}`, SHAPE_WEIGHT, spreads[which]!, 0);
  });
  if (memory.seen > LONGEST) take(`restlessness of ${LONGEST}`, SHAPE_WEIGHT, restlessness, 0);
  const still = standstill(memory);
  if (still.distance > most.distance) most = still;
  learnPeriod(memory, x, time);
  // Where a cycle is kept well, departures are tiny and so is their range: what the series itself would call the same
  // value is no departure.
  const unnoticed = SAME * (memory.novelties.value?.range ?? 0);
  for (const [name, cycle] of Object.entries(memory.cycles)) {
    const position = cycle.profile.byClock ? time : memory.seen;
    const outside = position === null ? null : outsideProfile(cycle.profile, position, x);
    if (outside === null) continue;
    if (cycle.outside.push(outside) > RESIDUALS) cycle.outside.shift();
    const mean = cycle.outside.reduce((sum, one) => sum + one, 0) / cycle.outside.length;
    const ready = cycle.profile.passes >= WARM_PASSES;
    take(`departure from the ${name}`, SHAPE_WEIGHT, mean, 0, ready, Math.max(grain, unnoticed));
  }
  return most;
}

/**
 * Between which values the next one would be no alarm, unless it fell into a gap; null before anything is known.
 *
 * @param threshold of {@link alarmStrength}.
 */
export function expectedBand(memory: SeriesMemory, threshold: number): { low: number; high: number } | null {
  const novelty = memory.novelties.value;
  if (novelty === undefined || novelty.known.length === 0) return null;
  const slack = (threshold / experience(memory.seen)) * novelty.range;
  const low = Math.min(...novelty.known) - slack;
  const high = Math.max(...novelty.known) + slack;
  return { low: low + memory.origin, high: high + memory.origin };
}

/**
 * How strongly a surprise calls for an alarm: its distance, weighted by {@link experience}; 0 when it belongs to the
 * incident before, which is told once. From the threshold on it is an alarm.
 */
export function alarmStrength(memory: { seen: number; quiet: Quiet }, distance: number): number {
  const { quiet, seen } = memory;
  const strength = distance * experience(seen);
  const rest = Math.max(24, Math.min(250, seen / 10));
  const past = seen - quiet.since;
  const held = past <= rest ? quiet.worst : quiet.worst * Math.max(0, 2 - past / rest);
  if (strength <= Math.max(FAINTEST, held === 0 ? 0 : held + CLEARLY_WORSE)) return 0;
  memory.quiet = { since: seen, worst: strength };
  return strength;
}
const FAINTEST = 0.025;
const CLEARLY_WORSE = 0.035;

/** How long the latest value has not changed, in doublings: without a unit, unlike the other measures. */
function standstill(memory: SeriesMemory): Surprise {
  memory.novelties.standstill ??= newNovelty();
  const novelty = memory.novelties.standstill;
  const doublings = Math.log2(Math.max(memory.repeats / ORDINARY_REPEATS, 1));
  const distance = SHAPE_WEIGHT * meet(novelty, doublings);
  return { distance: novelty.seen > WARM ? distance : 0, measure: STANDSTILL, value: memory.repeats };
}

function learnPeriod(memory: SeriesMemory, x: number, time: number | null): void {
  if (memory.search === null) return;
  memory.firstTime ??= time;
  const period = searchPeriod(memory.search, x);
  const present = memory.cycles.cycle?.profile.period;
  if (period === null || (present !== undefined && Math.abs(period - present) <= 1)) return;
  // The clock's day and week are watched already, and more exactly.
  const lasts =
    time === null || memory.firstTime === null ? 0 : ((time - memory.firstTime) / memory.seen) * period;
  if ([DAY_MS, WEEK_MS].some((watched) => Math.abs(lasts / watched - 1) < 0.05)) return;
  memory.cycles.cycle = { profile: newProfile(period, false), outside: [] };
  delete memory.novelties['departure from the cycle'];
}

/** Differences of doubles near the largest overflow; beyond this a value is as absurd as can be. */
function bounded(x: number): number {
  return Math.max(-1e150, Math.min(1e150, x));
}

/**
 * The measures over the latest values, in one walk back and one for the squares. Summed afresh each time: a running
 * sum would carry the rounding of one absurd value for ever.
 */
function shapeOf({ latest, next, seen }: SeriesMemory) {
  const size = Math.min(seen, LONGEST);
  const at = (back: number) => latest[(next - back + LONGEST) % LONGEST]!;
  const means: number[] = [];
  let sum = 0;
  let steps = 0;
  for (let back = 1; back <= size; back++) {
    const value = at(back);
    sum += value;
    if (back > 1) steps += Math.abs(at(back - 1) - value);
    if (back === MEANS[means.length]) means.push(sum / back);
  }
  const spreads = SPREADS.map((window) => {
    const mean = means[MEANS.indexOf(window)] ?? 0;
    let squares = 0;
    for (let back = 1; back <= Math.min(window, size); back++) squares += (at(back) - mean) ** 2;
    return Math.sqrt(squares / window);
  });
  return { means, spreads, restlessness: steps / (LONGEST - 1) };
}
