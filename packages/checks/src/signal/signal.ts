import { type Decimal, normaliseDecimal, type Row } from '@assay/core';
import { cell } from '../cell.ts';
import type { Detector, DetectorFinding, Exhibit } from '../detector.ts';
import { toRanges } from '../rules/row-ranges.ts';
import { falseAlarmChance } from './calibration.ts';
import { type JointMemory, newJoint, observeJointly } from './joint.ts';
import {
  alarmStrength,
  expectedBand,
  newSeries,
  observe,
  type SeriesMemory,
  STANDSTILL,
  type Surprise,
} from './series.ts';
import { readSignalTerms, type SignalTerms } from './terms.ts';

/** What the detector remembers of a stream: plain, bounded by the columns, never by the rows. */
export interface SignalMemory {
  /** Rows so far, judged or not. */
  rows: number;
  columns: { series: SeriesMemory; trail: TrailPoint[] }[];
  /** With two columns or more. */
  joint: JointMemory | null;
}

/** A point as a reviewer will see it. */
interface TrailPoint {
  time: string;
  value: number | null;
  low: number | null;
  high: number | null;
  score: number | null;
}

/** Points shown up to the worst alarm, and after it. */
const SHOWN_BEFORE = 60;
const SHOWN_AFTER = 20;
/** A batch passes when this share of its rows could be judged. */
const COVERAGE = 0.9;
const MAX_NUMBER_LENGTH = 400;
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?$/;

/**
 * Watches numbers for what they never did before: a spike, another level, another spread, a broken cycle, a sensor
 * that stands still; and several columns for no longer moving together.
 *
 * - `signal_anomaly`, for each column: fails with the rows that were alarms (a continuing incident is one alarm),
 *   unknown while it learns or when too many values are missing, else passes.
 * - `signal_joint`, with two columns or more: the same for how they move together.
 *
 * Its score is that of the worst row: the chance that a point of a stationary series looks this surprising (see
 * {@link falseAlarmChance}). Missing values, text and infinities are not judged and teach it nothing.
 *
 * @example
 * const memory = signal.begin(terms);
 * const { findings } = signal.examine({ stream, digest, observedAt, rows }, terms, memory);
 */
export const signal: Detector<SignalTerms, SignalMemory> = {
  name: 'signal',
  version: '1.1.0',
  readTerms: readSignalTerms,
  begin: (terms) => ({
    rows: 0,
    columns: terms.columns.map(() => ({ series: newSeries({ period: terms.period }), trail: [] })),
    joint: terms.columns.length > 1 ? newJoint(terms.columns.length) : null,
  }),
  examine({ rows }, terms, memory) {
    if (rows === undefined) return { findings: [nothingToRead(terms)], memory };
    const tallies = terms.columns.map(() => newTally());
    const together = newTally();
    rows.forEach((row, at) => {
      const time = readTime(row, terms.time);
      const values = terms.columns.map((column) => readNumber(row, column));
      values.forEach((value, which) => {
        judgeValue(memory, which, value, time, terms, tallies[which]!, at);
      });
      if (memory.joint !== null) judgeTogether(memory.joint, values, terms, together, at);
      memory.rows++;
    });
    const findings = terms.columns.map((column, which) =>
      findingOf(tallies[which]!, terms, column, rows.length),
    );
    if (memory.joint !== null) findings.push(findingOf(together, terms, null, rows.length));
    return { findings, memory };
  },
};

/** What one check met in one batch. */
interface Tally {
  judged: number;
  learning: number;
  missing: number;
  alarms: number[];
  /** The least likely row of those judged. */
  chance: number;
  /** The alarm that is farthest; its story is the reason. */
  worst: { distance: number; story: string } | null;
  /** What to look at: the points around the worst alarm. */
  scene: { points: TrailPoint[]; marked: number[]; after: number } | null;
}

const newTally = (): Tally => ({
  judged: 0,
  learning: 0,
  missing: 0,
  alarms: [],
  chance: 1,
  worst: null,
  scene: null,
});

function judgeValue(
  memory: SignalMemory,
  which: number,
  value: number | null,
  time: { ms: number | null; text: string | null },
  terms: SignalTerms,
  tally: Tally,
  at: number,
): void {
  const { series, trail } = memory.columns[which]!;
  const place = time.text ?? `row ${memory.rows}`;
  const point: TrailPoint = { time: place, value, low: null, high: null, score: null };
  if (trail.push(point) > SHOWN_BEFORE) trail.shift();
  if (tally.scene !== null && tally.scene.after < SHOWN_AFTER) {
    tally.scene.points.push(point);
    tally.scene.after++;
  }
  if (value === null) {
    tally.missing++;
    return;
  }
  const band = expectedBand(series, terms.threshold);
  const known = series.seen;
  const surprise = observe(series, value, time.ms);
  const alarm = alarmStrength(series, surprise.distance) >= terms.threshold;
  if (known < terms.probation) {
    tally.learning++;
    return;
  }
  tally.judged++;
  const chance = falseAlarmChance(surprise.distance, known);
  tally.chance = Math.min(tally.chance, chance);
  point.score = chance;
  if (band !== null) Object.assign(point, band);
  if (!alarm) return;
  if (noteAlarm(tally, at, surprise.distance, () => storyOf(surprise, known, place, terms.unit, band))) {
    tally.scene = { points: [...trail], marked: [trail.length - 1], after: 0 };
  } else if (tally.scene!.points.at(-1) === point) {
    tally.scene!.marked.push(tally.scene!.points.length - 1);
  }
}

function judgeTogether(
  joint: JointMemory,
  values: readonly (number | null)[],
  terms: SignalTerms,
  tally: Tally,
  at: number,
): void {
  if (values.some((value) => value === null)) {
    tally.missing++;
    return;
  }
  const known = joint.seen;
  const surprise = observeJointly(joint, values as number[], terms.columns);
  const alarm = alarmStrength(joint, surprise.distance) >= terms.threshold;
  if (known < terms.probation) {
    tally.learning++;
    return;
  }
  tally.judged++;
  const chance = Math.min(
    1,
    falseAlarmChance(surprise.distance, known) * Math.max(1, terms.columns.length / 4),
  );
  tally.chance = Math.min(tally.chance, chance);
  if (!alarm) return;
  noteAlarm(tally, at, surprise.distance, () => {
    const { column, measure, value, distance } = surprise;
    return (
      `${column} at row ${at} no longer goes with the other columns: its ${measure} from what they foretell is ` +
      `${shown(value)}${unitOf(terms)}, ${percent(distance)} of the range away from any before in ${known} rows`
    );
  });
}

/** Whether this alarm is the farthest of the batch so far. */
function noteAlarm(tally: Tally, at: number, distance: number, story: () => string): boolean {
  tally.alarms.push(at);
  if (tally.worst !== null && distance <= tally.worst.distance) return false;
  tally.worst = { distance, story: story() };
  return true;
}

function storyOf(
  surprise: Surprise,
  known: number,
  place: string,
  unit: string,
  band: { low: number; high: number } | null,
): string {
  const suffix = unit === '' || surprise.measure === STANDSTILL ? '' : ` ${unit}`;
  const expected =
    band === null
      ? ''
      : `; single values were expected between ${shown(band.low)} and ${shown(band.high)}${suffix}`;
  return (
    `since ${place} the ${surprise.measure} is ${shown(surprise.value)}${suffix}, ${percent(surprise.distance)} of the ` +
    `range away from anything seen in the ${known} values before${expected}`
  );
}

function findingOf(
  tally: Tally,
  terms: SignalTerms,
  column: string | null,
  rowCount: number,
): DetectorFinding {
  const { judged, learning, missing, alarms, worst } = tally;
  const check = column === null ? 'signal_joint' : 'signal_anomaly';
  const subject = { check, ...(column === null ? {} : { column }) };
  const score = decimal(tally.chance, 6);
  const unjudged = [
    learning > 0 ? `${learning} while it learns from the first ${terms.probation} values` : '',
    missing > 0 ? `${missing} with a missing, unreadable or infinite value` : '',
  ].filter((text) => text !== '');
  const besides = unjudged.length === 0 ? '' : `; not judged: ${unjudged.join(', ')}`;
  if (worst !== null) {
    const count = alarms.length === 1 ? '1 alarm' : `${alarms.length} alarms, of which the farthest`;
    return {
      ...subject,
      status: 'fail',
      reason: `${count}: ${worst.story}${besides}`.slice(0, 2000).toWellFormed(),
      score,
      rows: toRanges(alarms),
      ...(column === null || tally.scene === null
        ? {}
        : { exhibits: [exhibitOf(tally.scene, terms.unit, column)] }),
    };
  }
  if (judged === 0) {
    const reason = rowCount === 0 ? 'no rows' : `no row could be judged: ${unjudged.join(', ')}`;
    return { ...subject, status: 'unknown', reason };
  }
  const enough = judged >= COVERAGE * rowCount;
  return {
    ...subject,
    ...(enough ? { status: 'pass', score } : { status: 'unknown' }),
    reason: `${judged} of ${rowCount} rows are like what was seen before${besides}`,
  };
}

function exhibitOf({ points, marked }: NonNullable<Tally['scene']>, unit: string, column: string): Exhibit {
  return {
    kind: 'series',
    title: `${column}, with what was expected of single values`,
    unit,
    points: points.map(({ time, value, low, high, score }) => ({
      time,
      value: value === null ? null : decimal(value, 12),
      ...(low === null ? {} : { low: decimal(low, 12) }),
      ...(high === null ? {} : { high: decimal(high, 12) }),
      ...(score === null ? {} : { score: decimal(score, 6) }),
    })),
    marked: toRanges(marked),
  };
}

function nothingToRead(terms: SignalTerms): DetectorFinding {
  const { columns } = terms;
  return {
    check: 'signal_anomaly',
    ...(columns.length === 1 ? { column: columns[0]! } : {}),
    status: 'unknown',
    reason: `the observation has no rows to read ${columns.join(', ')} from`,
  };
}

/** A finite number, or null: numbers, decimal strings and big integers are read. */
function readNumber(row: Row, column: string): number | null {
  const value = cell(row, column);
  const numeric =
    typeof value === 'number' || typeof value === 'bigint'
      ? Number(value)
      : typeof value === 'string' && value.length <= MAX_NUMBER_LENGTH && NUMBER.test(value)
        ? Number(value)
        : Number.NaN;
  return Number.isFinite(numeric) ? numeric : null;
}

/** Milliseconds since 1970 and the text to show; a time without a zone is UTC, a number below 10^11 seconds. */
function readTime(row: Row, column: string): { ms: number | null; text: string | null } {
  const value = cell(row, column);
  if (typeof value === 'number' && Number.isFinite(value)) {
    return instant(Math.abs(value) < 1e11 ? value * 1000 : value);
  }
  const match =
    typeof value === 'string' && value.length <= 40
      ? /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)(Z|[+-]\d\d:\d\d)?)?$/.exec(value)
      : null;
  if (match === null) return { ms: null, text: null };
  const [, day, clock = '00:00', zone = 'Z'] = match;
  return instant(Date.parse(`${day}T${clock}${zone}`));
}

function instant(ms: number): { ms: number | null; text: string | null } {
  if (!(Math.abs(ms) <= 8.64e15)) return { ms: null, text: null };
  return { ms, text: new Date(ms).toISOString().replace('.000Z', 'Z') };
}

/** A double as a decimal of so many significant digits; beyond 60 digits either way it cannot travel as one. */
function decimal(value: number, digits: number): Decimal {
  if (!(Math.abs(value) > 1e-40)) return '0';
  const bounded = Math.max(-1e40, Math.min(1e40, value));
  return normaliseDecimal(String(Number(bounded.toPrecision(digits))));
}

const shown = (value: number): string => String(Number(value.toPrecision(6)));
const percent = (distance: number): string => `${Math.round(distance * 100)}%`;
const unitOf = ({ unit }: SignalTerms): string => (unit === '' ? '' : ` ${unit}`);
