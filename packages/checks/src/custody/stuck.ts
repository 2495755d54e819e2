import type { Row } from '@assay/core';
import type { DetectorFinding } from '../detector.ts';
import { readColumn, readInteger, readMembers, readNumber } from '../terms.ts';
import type { Entry, Frame } from './custody.ts';
import { type KeyedStates, noRoom, stateOf } from './keyed-states.ts';
import { ln } from './portable-math.ts';
import { instantText, isDoubt, readValue } from './reading.ts';
import { decimalText, doubt, fault, findingOf, newVerdicts, seriesOf, sound } from './row-verdicts.ts';
import { readCoverage, readSeconds } from './temperature.ts';

/** Longest pattern whose repetition is looked for: a value, or up to so many values again and again. */
const MAX_PERIOD = 32;
/** Counts are halved beyond this, so that a sensor may age. */
const MAX_COUNT = 4_096;
/** No shorter repetition is ever called improbable. */
const LEAST_RUN = 8;
/**
 * As many times longer than any run before. Twice called 4 of 80 honest coarse sensors stuck, because a slow drift
 * through a step repeats for longer than chance would; three times called one.
 */
const LONGER = 3;
/** 97.5 % quantile of the normal distribution, for Wilson's bound. */
const Z = 1.959964;

export interface StuckTerms {
  column: string;
  /** Step of the sensor's digits; readings closer than half of it are the same. */
  resolution: number;
  /** Readings of the sensor's own that are needed before anything is improbable, and the time they span. */
  minimumHistory: number;
  minimumHistoryMs: number;
  /** How improbable a repetition must be under the sensor's own noise. */
  falseAlarm: number;
  /** A value may stand still for so long at most, whatever the history; null when it may for ever. */
  maximumConstantMs: number | null;
  minimumCoverage: number;
}

/** One sensor so far. Index p − 1 of each list is about repetition with period p. */
interface Sensor {
  began: number;
  at: number;
  readings: number;
  /** The last {@link MAX_PERIOD} values, newest last. */
  recent: number[];
  /** Readings in a row that equal the one p before. */
  run: number[];
  /** Over completed runs: matches that might have gone on, and those that did. */
  matches: number[];
  continued: number[];
  longest: number[];
  /** Whether the run was called improbable: then it teaches nothing. */
  refused: boolean[];
  constantSince: number;
}

export type StuckMemory = KeyedStates<Sensor>;

export function readStuckTerms(value: unknown, path: string): StuckTerms {
  const t = readMembers(
    value,
    path,
    ['column'],
    [
      'resolution',
      'minimumHistory',
      'minimumHistorySeconds',
      'falseAlarm',
      'maximumConstantSeconds',
      'minimumCoverage',
    ],
  );
  return {
    column: readColumn(t.column, `${path}.column`),
    resolution: t.resolution === undefined ? 0 : readNumber(t.resolution, `${path}.resolution`, 0, 1e6),
    minimumHistory:
      t.minimumHistory === undefined
        ? 256
        : readInteger(t.minimumHistory, `${path}.minimumHistory`, 64, 100_000),
    // A day: what surrounds a sensor has a daily cycle, and its quietest hours are part of its noise.
    minimumHistoryMs:
      t.minimumHistorySeconds === undefined
        ? 86_400_000
        : readSeconds(t.minimumHistorySeconds, `${path}.minimumHistorySeconds`),
    falseAlarm:
      t.falseAlarm === undefined ? 1e-6 : readNumber(t.falseAlarm, `${path}.falseAlarm`, 1e-12, 0.01),
    maximumConstantMs:
      t.maximumConstantSeconds === undefined
        ? null
        : readSeconds(t.maximumConstantSeconds, `${path}.maximumConstantSeconds`),
    minimumCoverage: readCoverage(t.minimumCoverage, `${path}.minimumCoverage`),
  };
}

/**
 * A sensor that repeats itself more than its own noise allows. For each period up to 32 readings it learns how often
 * a repetition goes on by one more reading (Wilson's upper bound of that share, over completed runs); a run fails
 * from the reading at which it would happen by chance less often than `falseAlarm`, shared among the periods, and is
 * three times as long as any run before it, over a history of a day at least. Period 1 is a constant value, a longer
 * one a loop of recorded values.
 *
 * A sensor stuck from its first reading has no noise to compare with: that is unknown, unless the contract says how
 * long a value may stand still.
 */
export function examineStuck(
  rows: readonly Row[],
  entries: readonly Entry[],
  terms: StuckTerms,
  memory: StuckMemory,
  frame: Frame,
): DetectorFinding {
  const on = newVerdicts(rows.length);
  for (const [i, entry] of entries.entries()) {
    const value = readValue(rows[i]!, terms.column);
    if (isDoubt(entry)) doubt(on, i, entry.doubt);
    else if (isDoubt(value)) doubt(on, i, value.doubt, `${value.doubt} at ${instantText(entry.at)}`);
    else {
      const isFirst = !memory.has(entry.key);
      const sensor = stateOf(memory, entry.key, entry.at, () => newSensor(entry.at));
      if (sensor === null) {
        doubt(on, i, noRoom());
        continue;
      }
      if (!isFirst && entry.at <= sensor.at) {
        doubt(on, i, 'order', `a reading at ${instantText(entry.at)} is not after the one before it`);
        continue;
      }
      const period = take(sensor, value, entry.at, terms);
      const stoodMs = entry.at - sensor.constantSince;
      if (terms.maximumConstantMs !== null && stoodMs > terms.maximumConstantMs) {
        fault(
          on,
          i,
          'constant',
          `${decimalText(value, 6)} for ${decimalText(stoodMs / 60_000, 1)} min by ${instantText(entry.at)}, of ${decimalText(terms.maximumConstantMs / 60_000, 1)} min allowed`,
        );
      } else if (period !== null) {
        fault(on, i, `period ${period}`, toldOf(sensor, period, value, entry.at));
      } else if (knows(sensor, 0, terms) || terms.maximumConstantMs !== null) sound(on, i);
      else
        doubt(
          on,
          i,
          'history',
          `the sensor’s history is shorter than ${terms.minimumHistory} readings or ${decimalText(terms.minimumHistoryMs / 3_600_000, 1)} h`,
        );
    }
  }
  return findingOf(on, {
    check: 'custody_stuck',
    column: terms.column,
    noun: 'readings',
    well: 'repeat no more than the sensor’s own noise allows',
    minimumCoverage: terms.minimumCoverage,
    exhibits: seriesOf(on, rows, {
      title: 'Readings, with the improbable repetition marked',
      unit: '',
      time: frame.time,
      column: terms.column,
    }),
  });
}

function newSensor(at: number): Sensor {
  const zeros = () => new Array<number>(MAX_PERIOD).fill(0);
  return {
    began: at,
    at,
    readings: 0,
    recent: [],
    run: zeros(),
    matches: zeros(),
    continued: zeros(),
    longest: zeros(),
    refused: new Array<boolean>(MAX_PERIOD).fill(false),
    constantSince: at,
  };
}

/** Takes one reading in. Gives the shortest period whose repetition is improbable by now, else null. */
function take(sensor: Sensor, value: number, at: number, terms: StuckTerms): number | null {
  const { recent } = sensor;
  const last = recent.at(-1);
  if (last === undefined || !same(value, last, terms.resolution)) sensor.constantSince = at;
  let improbable: number | null = null;
  for (let p = Math.min(recent.length, MAX_PERIOD); p >= 1; p--) {
    const j = p - 1;
    if (same(value, recent[recent.length - p]!, terms.resolution)) {
      sensor.run[j]!++;
      if (!sensor.refused[j] && knows(sensor, j, terms)) {
        sensor.refused[j] = isImprobable(sensor, j, terms.falseAlarm);
      }
      if (sensor.refused[j]) improbable = p;
    } else if (sensor.run[j]! > 0) endRun(sensor, j);
  }
  recent.push(value);
  if (recent.length > MAX_PERIOD) recent.shift();
  sensor.at = at;
  sensor.readings++;
  return improbable;
}

function endRun(sensor: Sensor, j: number): void {
  const length = sensor.run[j]!;
  if (!sensor.refused[j]) {
    sensor.matches[j]! += length;
    sensor.continued[j]! += length - 1;
    sensor.longest[j] = Math.max(sensor.longest[j]!, length);
    if (sensor.matches[j]! > MAX_COUNT) {
      sensor.matches[j]! /= 2;
      sensor.continued[j]! /= 2;
    }
  }
  sensor.run[j] = 0;
  sensor.refused[j] = false;
}

/** Whether enough was read outside the run that is under way, which takes its share of the time. */
function knows(sensor: Sensor, j: number, terms: StuckTerms): boolean {
  const outside = sensor.readings - sensor.run[j]!;
  return (
    outside >= terms.minimumHistory &&
    (sensor.at - sensor.began) * outside >= terms.minimumHistoryMs * sensor.readings
  );
}

function isImprobable(sensor: Sensor, j: number, falseAlarm: number): boolean {
  const run = sensor.run[j]!;
  if (run < LEAST_RUN + j || run <= LONGER * sensor.longest[j]!) return false;
  return run * ln(goesOn(sensor, j)) < ln(falseAlarm / MAX_PERIOD);
}

/** Upper bound of the chance that a repetition goes on by one more reading (Wilson 1927, one match each way added). */
function goesOn(sensor: Sensor, j: number): number {
  const n = sensor.matches[j]! + 2;
  const share = (sensor.continued[j]! + 1) / n;
  const zz = Z * Z;
  return (share + zz / (2 * n) + Z * Math.sqrt((share * (1 - share)) / n + zz / (4 * n * n))) / (1 + zz / n);
}

function same(a: number, b: number, resolution: number): boolean {
  return a === b || Math.abs(a - b) < resolution / 2;
}

function toldOf(sensor: Sensor, period: number, value: number, at: number): string {
  const j = period - 1;
  const what =
    period === 1 ? `the value ${decimalText(value, 6)} again` : `the ${period} values before it again`;
  return `${what} for ${sensor.run[j]} readings by ${instantText(at)}; the longest such run before was ${sensor.longest[j]}`;
}
