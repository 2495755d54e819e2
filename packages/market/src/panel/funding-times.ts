import { AssayError } from '@assay/core';
import { median } from './composite-bar.ts';

const MAX_TIMES = 1_000_000;

/** What a venue says of its own clock: funding every so many hours, one of them at this hour UTC. */
export interface FundingSchedule {
  everyHours: number;
  anchorHourUtc: number;
}

/** A stretch in which a file keeps one interval and one phase. */
export interface FundingStretch {
  from: string;
  to: string;
  intervalHours: number;
  /** Minutes after the multiples of the interval since midnight, as the file writes them. */
  phaseMinutes: number;
  times: number;
  /**
   * What must be taken from the file's times to get UTC, in minutes, in -12 h to +12 h, nearest to zero first. Several
   * where the interval is shorter than a day: times alone fix the offset only up to whole intervals. Null without a
   * schedule.
   */
  offsetMinutes: number[] | null;
}

export interface FundingClock {
  stretches: FundingStretch[];
  /** Times that are off the grid of their stretch. */
  irregular: string[];
  /** Silences of more than one interval, with how many times are missing. */
  gaps: { from: string; to: string; missing: number }[];
  /** Moves of one hour and back, in spring and autumn: the file is in local time. */
  daylightSaving: boolean;
  /** Furthest that a time of the grid lies from the full minute, in milliseconds. */
  jitterMs: number;
  text: string;
}

/**
 * The interval and the clock of a venue's funding times, read from the times themselves, and its offset from UTC
 * against the schedule that the venue declares. Changes over time (another interval, daylight saving) begin a new
 * stretch; single times that are off are named and do not.
 *
 * Whole intervals cannot be seen in times: an hourly file looks the same in every zone of whole hours. Compare rates
 * with a venue whose clock is known (`bestShift`) where that matters.
 *
 * @param times As written, read as if they were UTC, ascending, in milliseconds.
 * @throws ARGUMENT_INVALID for fewer than four times, more than a million, or times that do not ascend.
 * @example
 * readFundingTimes(times, { everyHours: 8, anchorHourUtc: 0 }).stretches[0].offsetMinutes; // [180, -300, …]
 */
export function readFundingTimes(times: readonly number[], schedule?: FundingSchedule): FundingClock {
  if (times.length < 4 || times.length > MAX_TIMES) {
    throw new AssayError('ARGUMENT_INVALID', `expected 4 to ${MAX_TIMES} funding times, got ${times.length}`);
  }
  const minutes = times.map((time) => Math.round(time / 60_000));
  for (let i = 1; i < minutes.length; i++) {
    if (!(minutes[i]! > minutes[i - 1]!)) {
      throw new AssayError('ARGUMENT_INVALID', `expected ascending times, got a step back at place ${i}`);
    }
  }
  const marks = markGrid(minutes);
  const stretches: FundingStretch[] = [];
  const irregular: string[] = [];
  const gaps: FundingClock['gaps'] = [];
  let last: { minute: number; interval: number } | null = null;
  for (const [i, minute] of minutes.entries()) {
    const mark = marks[i]!;
    if (mark === null) {
      irregular.push(instantOf(minute));
      continue;
    }
    const missing = last ? Math.round((minute - last.minute) / mark.interval) - 1 : 0;
    if (last && last.interval === mark.interval && missing > 0) {
      gaps.push({ from: instantOf(last.minute), to: instantOf(minute), missing });
    }
    const open = stretches.at(-1);
    if (open && open.intervalHours * 60 === mark.interval && open.phaseMinutes === mark.phase) {
      open.to = instantOf(minute);
      open.times++;
    } else {
      stretches.push({
        from: instantOf(minute),
        to: instantOf(minute),
        intervalHours: mark.interval / 60,
        phaseMinutes: mark.phase,
        times: 1,
        offsetMinutes: schedule ? offsets(mark, schedule) : null,
      });
    }
    last = { minute, interval: mark.interval };
  }
  const daylightSaving = followsDaylightSaving(stretches);
  const jitterMs = times.reduce(
    (most, time, i) => (marks[i] ? Math.max(most, Math.abs(time - minutes[i]! * 60_000)) : most),
    0,
  );
  return {
    stretches,
    irregular,
    gaps,
    daylightSaving,
    jitterMs,
    text: inWords(stretches, irregular, gaps, daylightSaving),
  };
}

interface Mark {
  interval: number;
  phase: number;
}

/** Half of the neighbours that a time's grid is read from. A new grid shows when it has lasted that long. */
const REACH = 6;

/**
 * Interval and phase of each time: those of the neighbours' majority, if the time lies on it, else those of the
 * neighbours before or after alone (near a change), else none.
 */
function markGrid(minutes: readonly number[]): (Mark | null)[] {
  return minutes.map((minute, i) => {
    const windows = [
      [i - REACH, i + REACH],
      [i, i + 2 * REACH],
      [i - 2 * REACH, i],
    ] as const;
    for (const [from, to] of windows) {
      const near = minutes.slice(Math.max(from, 0), to + 1);
      if (near.length < 4) continue;
      const interval = median(near.slice(1).map((next, k) => next - near[k]!));
      if (!Number.isInteger(interval) || 1440 % interval !== 0) continue;
      const counts = new Map<number, number>();
      for (const one of near) counts.set(one % interval, (counts.get(one % interval) ?? 0) + 1);
      const [phase, count] = [...counts].reduce((best, entry) => (entry[1] > best[1] ? entry : best));
      if (count * 3 >= near.length * 2 && minute % interval === phase) return { interval, phase };
    }
    return null;
  });
}

function offsets({ interval, phase }: Mark, { everyHours, anchorHourUtc }: FundingSchedule): number[] | null {
  if (everyHours * 60 !== interval) return null;
  const first = phase - ((anchorHourUtc * 60) % interval);
  const found: number[] = [];
  for (let offset = first - 1440; offset <= 720; offset += interval) {
    if (offset >= -720) found.push(offset);
  }
  return found.sort((a, b) => Math.abs(a) - Math.abs(b) || b - a);
}

/** At least two moves of one hour there and back, each in the months in which clocks are changed. */
function followsDaylightSaving(stretches: readonly FundingStretch[]): boolean {
  let moves = 0;
  for (let i = 1; i < stretches.length; i++) {
    const [before, after] = [stretches[i - 1]!, stretches[i]!];
    if (before.intervalHours !== after.intervalHours) continue;
    const interval = after.intervalHours * 60;
    const move = (((after.phaseMinutes - before.phaseMinutes) % interval) + interval) % interval;
    const month = Number(after.from.slice(5, 7));
    if ((move === 60 || move === interval - 60) && [3, 4, 10, 11].includes(month)) moves++;
  }
  return moves >= 2;
}

function inWords(
  stretches: readonly FundingStretch[],
  irregular: readonly string[],
  gaps: FundingClock['gaps'],
  daylightSaving: boolean,
): string {
  const first = stretches[0];
  if (!first) return 'the times keep no interval';
  const [offset] = first.offsetMinutes ?? [];
  const words = [
    `every ${first.intervalHours} h`,
    ...(offset === undefined ? [] : [offset === 0 ? 'in UTC' : `${offset / 60} h from UTC`]),
    ...(stretches.length > 1 ? [`${stretches.length - 1} changes of interval or phase`] : []),
    ...(daylightSaving ? ['in local time with daylight saving'] : []),
    ...(irregular.length > 0 ? [`${irregular.length} times off the grid`] : []),
    ...gaps.map(({ from, to, missing }) => `${missing} missing between ${from} and ${to}`).slice(0, 5),
  ];
  return words.join('; ');
}

/**
 * By how many hours a venue's rates run behind another's: the shift at which they correlate most. Zones that times
 * alone cannot tell apart show here; so does a venue that applies a rate one interval after it was measured, which
 * looks the same, so that a shift of whole intervals remains a question and no answer.
 *
 * @param a, b Rates by hour since the epoch.
 * @returns null below a hundred pairs, or without variation.
 */
export function bestShift(
  a: ReadonlyMap<number, number>,
  b: ReadonlyMap<number, number>,
  maxHours = 12,
): { hours: number; correlation: number; pairs: number } | null {
  let best: { hours: number; correlation: number; pairs: number } | null = null;
  for (let hours = -maxHours; hours <= maxHours; hours++) {
    const pairs: [number, number][] = [];
    for (const [hour, rate] of a) {
      const other = b.get(hour + hours);
      if (other !== undefined) pairs.push([rate, other]);
    }
    const correlation = correlationOf(pairs);
    if (pairs.length >= 100 && correlation !== null && correlation > (best?.correlation ?? -1)) {
      best = { hours, correlation, pairs: pairs.length };
    }
  }
  return best;
}

function correlationOf(pairs: readonly [number, number][]): number | null {
  let [x, y, xx, yy, xy] = [0, 0, 0, 0, 0];
  for (const [a, b] of pairs) {
    x += a;
    y += b;
  }
  const [mx, my] = [x / pairs.length, y / pairs.length];
  for (const [a, b] of pairs) {
    xx += (a - mx) ** 2;
    yy += (b - my) ** 2;
    xy += (a - mx) * (b - my);
  }
  return xx > 0 && yy > 0 ? xy / Math.sqrt(xx * yy) : null;
}

function instantOf(minute: number): string {
  return `${new Date(minute * 60_000).toISOString().slice(0, 16)}:00Z`;
}
