import type { Row } from '@assay/core';
import type { DetectorFinding, Exhibit } from '../detector.ts';
import { readColumn, readMembers, readNumber } from '../terms.ts';
import type { Entry, Frame } from './custody.ts';
import { type KeyedStates, noRoom, stateOf } from './keyed-states.ts';
import { instantText, isDoubt, parseInstant, readInstant } from './reading.ts';
import {
  decimalText,
  doubt,
  fault,
  findingOf,
  newVerdicts,
  type RowVerdicts,
  sound,
  tableOf,
} from './row-verdicts.ts';
import { readCoverage, readSeconds } from './temperature.ts';

/** Device times that are remembered to recognise a duplicate or a burst. */
const RECENT = 16;
/** Stretches of arrival time, each with its least delayed reading, over which a drift is fitted. */
const MAX_STRETCHES = 64;
const LEAST_STRETCHES = 8;
/** 99.9 % two-sided quantile of the normal distribution. */
const Z = 3.290527;
const HOUR_MS = 3_600_000;
/** A clock set to another zone differs by whole hours to so much. */
const ZONE_TOLERANCE_MS = 30_000;
const ZONE_READINGS = 3;
/** Before this a device that measures today has lost its clock (1970, 1980 and 2000 are where clocks restart). */
const OLDEST_MS = Date.UTC(2000, 0, 2);

export interface ClockTerms {
  /** Column with the time at which a reading reached whoever received it; null when nobody noted it. */
  arrival: string | null;
  /** How far a device may be ahead of who received it. */
  maxFutureMs: number;
  /** Largest delay; null allows any, because devices store and forward. */
  maxDelayMs: number | null;
  /** Step back that is a reset rather than disorder. */
  resetMs: number;
  /** Planned interval; null judges no bursts. */
  intervalMs: number | null;
  /** Longest silence; null judges none. */
  maxGapMs: number | null;
  /** Largest drift in parts per million; null only tells it. */
  maxDriftPpm: number | null;
  minimumCoverage: number;
}

interface Stretch {
  /** Of the least delayed reading: arrival, and arrival − device time, in ms. */
  arrival: number;
  offset: number;
}

interface Clock {
  /** The newest stamp that could be true. */
  device: number;
  /** The last reading's stamp, whatever it said, and its arrival. */
  stamp: number;
  arrival: number;
  recent: number[];
  /** Readings in a row that were off by the same whole hours. */
  zone: { hours: number; count: number };
  /** First arrival, length of a stretch, the finished ones and the one that grows. */
  start: number;
  stretchMs: number;
  stretches: Stretch[];
  growing: (Stretch & { index: number }) | null;
  drift: { ppm: number; low: number; high: number } | null;
}

export type ClockMemory = KeyedStates<Clock>;

export function readClockTerms(value: unknown, path: string): ClockTerms {
  const t = readMembers(
    value,
    path,
    [],
    [
      'arrival',
      'maxFutureSeconds',
      'maxDelaySeconds',
      'resetSeconds',
      'intervalSeconds',
      'maxGapSeconds',
      'maxDriftPpm',
      'minimumCoverage',
    ],
  );
  const seconds = (member: unknown, name: string) =>
    member === undefined ? null : readSeconds(member, `${path}.${name}`);
  return {
    arrival: t.arrival === undefined ? null : readColumn(t.arrival, `${path}.arrival`),
    maxFutureMs: seconds(t.maxFutureSeconds, 'maxFutureSeconds') ?? 5_000,
    maxDelayMs: seconds(t.maxDelaySeconds, 'maxDelaySeconds'),
    resetMs: seconds(t.resetSeconds, 'resetSeconds') ?? HOUR_MS,
    intervalMs: seconds(t.intervalSeconds, 'intervalSeconds'),
    maxGapMs: seconds(t.maxGapSeconds, 'maxGapSeconds'),
    maxDriftPpm:
      t.maxDriftPpm === undefined ? null : readNumber(t.maxDriftPpm, `${path}.maxDriftPpm`, 0.1, 1e6),
    minimumCoverage: readCoverage(t.minimumCoverage, `${path}.minimumCoverage`),
  };
}

/**
 * A device's clock against the order of its readings and against the time at which they arrived: duplicates, disorder,
 * resets, stamps from the future, whole hours of a wrong time zone, silences, bursts, and drift.
 *
 * Drift: delays are never negative, so that the least delayed reading of each stretch of time lies closest to the
 * clock's true offset (V. Paxson, "On calibrating measurements of packet transit times", 1998, section 4). A line is
 * fitted through those by the median of pairwise slopes, with Kendall's interval (P. K. Sen, 1968), at 99.9 %.
 */
export function examineClock(
  rows: readonly Row[],
  entries: readonly Entry[],
  terms: ClockTerms,
  memory: ClockMemory,
  frame: Frame,
): DetectorFinding {
  const on = newVerdicts(rows.length);
  const observed = parseInstant(frame.observedAt);
  let last: Clock | null = null;
  for (const [i, entry] of entries.entries()) {
    if (isDoubt(entry)) {
      doubt(on, i, entry.doubt);
      continue;
    }
    const arrival = terms.arrival === null ? observed : readInstant(rows[i]!, terms.arrival);
    if (arrival === null || isDoubt(arrival)) {
      doubt(on, i, arrival?.doubt ?? 'the observation has no time');
      continue;
    }
    const isFirst = !memory.has(entry.key);
    const clock = stateOf(memory, entry.key, arrival, () => newClock(entry.at, arrival));
    if (clock === null) {
      doubt(on, i, noRoom());
      continue;
    }
    sound(on, i);
    judgeOffset(on, i, clock, entry.at, arrival, terms);
    if (!isFirst) judgeOrder(on, i, clock, entry.at, terms);
    if (terms.arrival !== null && isPossible(entry.at, arrival, terms)) {
      judgeDrift(on, i, clock, entry.at, arrival, terms);
    }
    remember(clock, entry.at, arrival, terms);
    last = clock;
  }
  return findingOf(on, {
    check: 'custody_clock',
    column: terms.arrival === null ? frame.time : `${frame.time},${terms.arrival}`,
    noun: 'readings',
    well: 'are stamped in order and in time',
    figures: driftText(last, terms),
    minimumCoverage: terms.minimumCoverage,
    exhibits: [
      ...tableOf(on, rows, {
        title: 'Stamps around those that fail',
        columns: [frame.time, ...(terms.arrival === null ? [] : [terms.arrival])],
      }),
      ...driftSeries(on, last),
    ],
  });
}

function newClock(device: number, arrival: number): Clock {
  return {
    device,
    stamp: device,
    arrival,
    recent: [],
    zone: { hours: 0, count: 0 },
    start: arrival,
    stretchMs: 60_000,
    stretches: [],
    growing: null,
    drift: null,
  };
}

function judgeOffset(
  on: RowVerdicts,
  i: number,
  clock: Clock,
  device: number,
  arrival: number,
  terms: ClockTerms,
): void {
  const offset = arrival - device;
  if (device < OLDEST_MS) {
    fault(on, i, 'epoch', `the clock says ${instantText(device)}: it was lost`);
  } else if (offset < -terms.maxFutureMs) {
    fault(
      on,
      i,
      'future',
      `${instantText(device)} lies ${seconds(-offset)} after its arrival at ${instantText(arrival)}`,
    );
  } else if (terms.maxDelayMs !== null && terms.arrival !== null && offset > terms.maxDelayMs) {
    fault(on, i, 'late', `arrived ${seconds(offset)} late, of ${seconds(terms.maxDelayMs)} allowed`);
  }
  if (terms.arrival === null) return;
  const hours = Math.round(offset / HOUR_MS);
  const whole =
    hours !== 0 && Math.abs(hours) <= 14 && Math.abs(offset - hours * HOUR_MS) <= ZONE_TOLERANCE_MS;
  // A stored batch that is forwarded an hour later arrives at once; a wrong zone's readings arrive as they are made.
  const inStep = arrival - clock.arrival >= (device - clock.stamp) / 2;
  clock.zone =
    whole && inStep
      ? { hours, count: clock.zone.hours === hours ? clock.zone.count + 1 : 1 }
      : { hours: 0, count: 0 };
  if (clock.zone.count >= ZONE_READINGS) {
    fault(
      on,
      i,
      'zone',
      `the clock is ${Math.abs(hours)} whole hours ${hours > 0 ? 'behind' : 'ahead'}: another time zone`,
    );
  }
}

function judgeOrder(on: RowVerdicts, i: number, clock: Clock, device: number, terms: ClockTerms): void {
  const stepMs = device - clock.device;
  if (clock.recent.includes(device)) {
    fault(on, i, 'duplicate', `${instantText(device)} was sent before`);
  } else if (stepMs < -terms.resetMs) {
    fault(on, i, 'reset', `the clock went back ${seconds(-stepMs)} to ${instantText(device)}`);
  } else if (stepMs < 0) {
    fault(on, i, 'disorder', `${instantText(device)} came after ${instantText(clock.device)}`);
  } else if (terms.maxGapMs !== null && stepMs > terms.maxGapMs) {
    fault(
      on,
      i,
      'gap',
      `nothing for ${seconds(stepMs)} before ${instantText(device)}, of ${seconds(terms.maxGapMs)} allowed`,
    );
  }
  if (terms.intervalMs === null || clock.recent.length < RECENT || stepMs < 0) return;
  const spanMs = device - clock.recent[0]!;
  if (spanMs >= 0 && spanMs < (RECENT * terms.intervalMs) / 2) {
    fault(
      on,
      i,
      'burst',
      `${RECENT + 1} readings within ${seconds(spanMs)}, where ${seconds(RECENT * terms.intervalMs)} are planned`,
    );
  }
}

function judgeDrift(
  on: RowVerdicts,
  i: number,
  clock: Clock,
  device: number,
  arrival: number,
  terms: ClockTerms,
): void {
  // A clock that was set again has another offset: what was fitted is over.
  if (device - clock.device < -terms.resetMs || arrival < clock.start) {
    Object.assign(clock, { start: arrival, stretchMs: 60_000, stretches: [], growing: null, drift: null });
  }
  grow(clock, device, arrival);
  const { drift } = clock;
  if (drift === null || terms.maxDriftPpm === null) return;
  if (drift.low > terms.maxDriftPpm || drift.high < -terms.maxDriftPpm) {
    fault(
      on,
      i,
      'drift',
      `the clock ${driftWords(drift)}, where ${decimalText(terms.maxDriftPpm, 1)} ppm are allowed`,
    );
  }
}

function grow(clock: Clock, device: number, arrival: number): void {
  const offset = arrival - device;
  const index = Math.floor((arrival - clock.start) / clock.stretchMs);
  const { growing } = clock;
  if (growing === null) clock.growing = { index, arrival, offset };
  else if (index <= growing.index) {
    if (offset < growing.offset) Object.assign(growing, { arrival, offset });
  } else {
    clock.stretches.push({ arrival: growing.arrival, offset: growing.offset });
    clock.growing = { index, arrival, offset };
    if (clock.stretches.length >= MAX_STRETCHES) halve(clock);
    if (clock.stretches.length >= LEAST_STRETCHES) clock.drift = slopeOf(clock.stretches);
  }
}

/** Neighbours become one stretch of twice the length: the fit always covers everything since the last reset. */
function halve(clock: Clock): void {
  clock.stretchMs *= 2;
  const best = new Map<number, Stretch>();
  for (const stretch of clock.stretches) {
    const index = Math.floor((stretch.arrival - clock.start) / clock.stretchMs);
    const known = best.get(index);
    if (!known || stretch.offset < known.offset) best.set(index, stretch);
  }
  clock.stretches = [...best.values()];
  const { growing } = clock;
  if (growing) growing.index = Math.floor((growing.arrival - clock.start) / clock.stretchMs);
}

/** Sen's slope in parts per million with Kendall's interval; positive when the device is slow. */
function slopeOf(stretches: readonly Stretch[]): Clock['drift'] {
  const slopes: number[] = [];
  for (let a = 0; a < stretches.length; a++) {
    for (let b = a + 1; b < stretches.length; b++) {
      const apart = stretches[b]!.arrival - stretches[a]!.arrival;
      if (apart > 0) slopes.push(((stretches[b]!.offset - stretches[a]!.offset) / apart) * 1e6);
    }
  }
  if (slopes.length === 0) return null;
  slopes.sort((a, b) => a - b);
  const n = stretches.length;
  const width = Z * Math.sqrt((n * (n - 1) * (2 * n + 5)) / 18);
  const low = Math.max(0, Math.floor((slopes.length - width) / 2) - 1);
  const high = Math.min(slopes.length - 1, Math.ceil((slopes.length + width) / 2));
  const middle = slopes.length >> 1;
  const ppm = slopes.length % 2 === 1 ? slopes[middle]! : (slopes[middle - 1]! + slopes[middle]!) / 2;
  return { ppm, low: slopes[low]!, high: slopes[high]! };
}

/** A stamp that cannot be true is no yardstick for the next one. */
function remember(clock: Clock, device: number, arrival: number, terms: ClockTerms): void {
  clock.stamp = device;
  clock.arrival = arrival;
  if (!isPossible(device, arrival, terms)) return;
  clock.device = device;
  clock.recent.push(device);
  if (clock.recent.length > RECENT) clock.recent.shift();
}

function isPossible(device: number, arrival: number, { maxFutureMs }: ClockTerms): boolean {
  return device >= OLDEST_MS && device - arrival <= maxFutureMs;
}

function driftText(clock: Clock | null, terms: ClockTerms): string {
  if (clock === null || terms.arrival === null) return '';
  if (clock.drift === null) {
    return `No drift can be told before ${LEAST_STRETCHES} stretches of ${seconds(clock.stretchMs)}.`;
  }
  return `The clock ${driftWords(clock.drift)}.`;
}

function driftWords({ ppm, low, high }: NonNullable<Clock['drift']>): string {
  return `${ppm > 0 ? 'loses' : 'gains'} ${decimalText(Math.abs(ppm), 1)} ppm (between ${decimalText(low, 1)} and ${decimalText(high, 1)}, positive is slow)`;
}

function driftSeries(on: RowVerdicts, clock: Clock | null): Exhibit[] {
  if (!on.faults.has('drift') || clock === null) return [];
  return [
    {
      kind: 'series',
      title: 'Arrival less device time, least delayed reading of each stretch',
      unit: 's',
      points: clock.stretches.map(({ arrival, offset }) => ({
        time: instantText(arrival),
        value: decimalText(offset / 1_000, 3),
      })),
      marked: [[0, clock.stretches.length - 1]],
    },
  ];
}

function seconds(ms: number): string {
  return `${decimalText(ms / 1_000, 3)} s`;
}
