import type { Row } from '@assay/core';
import type { DetectorFinding } from '../detector.ts';
import { readChoice, readColumn, readMembers, readNumber, refuseTerms } from '../terms.ts';
import type { Entry, Frame } from './custody.ts';
import { geodesicMetres, type Position } from './geodesic.ts';
import { type KeyedStates, noRoom, stateOf } from './keyed-states.ts';
import { type Doubt, instantText, isDoubt, readPosition, readValue } from './reading.ts';
import {
  decimalText,
  doubt,
  fault,
  findingOf,
  newVerdicts,
  seriesOf,
  sound,
  tableOf,
} from './row-verdicts.ts';
import { readCoverage, readUnit } from './temperature.ts';

/** What nature allows of a quantity, whatever the sensor. */
const PHYSICS = {
  temperature_celsius: { least: -273.15, most: null, says: 'no temperature is below absolute zero' },
  temperature_fahrenheit: { least: -459.67, most: null, says: 'no temperature is below absolute zero' },
  temperature_kelvin: { least: 0, most: null, says: 'no temperature is below absolute zero' },
  relative_humidity: { least: 0, most: 100, says: 'relative humidity is 0 to 100 %' },
  absolute_pressure: { least: 0, most: null, says: 'absolute pressure is never negative' },
  mass: { least: 0, most: null, says: 'a mass is never negative' },
  concentration: { least: 0, most: null, says: 'a concentration is never negative' },
  ph: { least: -2, most: 16, says: 'no aqueous solution has a pH below -2 or above 16' },
} as const;
const QUANTITIES = Object.keys(PHYSICS) as (keyof typeof PHYSICS)[];
/** As many consistent readings in a row make a new level: the jump failed, what follows it is measured from there. */
const NEW_LEVEL = 3;

export interface JumpTerms {
  /** Of one quantity, or null for positions. */
  column: string | null;
  latitude: string | null;
  longitude: string | null;
  quantity: keyof typeof PHYSICS | null;
  /** Fastest possible change: units a second, or metres a second. Null judges the physics alone. */
  maxPerSecond: number | null;
  /** Differences up to this are noise or rounding: units, or metres. */
  tolerance: number;
  unit: string;
  minimumCoverage: number;
}

type Point = number | Position;

/** Where something was last, as far as that is plausible. */
export interface Track {
  at: number;
  point: Point;
  /** Where readings went that the last plausible one cannot have reached, and how many agree on it. */
  elsewhere: { at: number; point: Point; count: number } | null;
}

export type JumpMemory = KeyedStates<Track>;

export function readJumpTerms(value: unknown, path: string): JumpTerms {
  const t = readMembers(
    value,
    path,
    [],
    ['column', 'latitude', 'longitude', 'quantity', 'maxPerSecond', 'tolerance', 'unit', 'minimumCoverage'],
  );
  const positions = t.latitude !== undefined || t.longitude !== undefined;
  if (positions === (t.column !== undefined)) {
    refuseTerms(path, 'either column, or latitude and longitude', value);
  }
  const quantity = t.quantity === undefined ? null : readChoice(t.quantity, `${path}.quantity`, QUANTITIES);
  const maxPerSecond =
    t.maxPerSecond === undefined ? null : readNumber(t.maxPerSecond, `${path}.maxPerSecond`, 0, 1e9);
  if (quantity === null && maxPerSecond === null) refuseTerms(path, 'maxPerSecond or quantity', value);
  if (positions && maxPerSecond === null) refuseTerms(`${path}.maxPerSecond`, 'a number', t.maxPerSecond);
  return {
    column: positions ? null : readColumn(t.column, `${path}.column`),
    latitude: positions ? readColumn(t.latitude, `${path}.latitude`) : null,
    longitude: positions ? readColumn(t.longitude, `${path}.longitude`) : null,
    quantity: positions ? null : quantity,
    maxPerSecond,
    tolerance: t.tolerance === undefined ? 0 : readNumber(t.tolerance, `${path}.tolerance`, 0, 1e9),
    unit: t.unit === undefined ? (positions ? 'm' : '') : readUnit(t.unit, `${path}.unit`),
    minimumCoverage: readCoverage(t.minimumCoverage, `${path}.minimumCoverage`),
  };
}

/**
 * Readings that nature does not allow: beyond a quantity's bounds, or further from the last plausible reading than
 * the fastest possible change could carry it. A reading that jumped away is no yardstick for the next one, unless
 * three in a row agree on the new level.
 */
export function examineJump(
  rows: readonly Row[],
  entries: readonly Entry[],
  terms: JumpTerms,
  memory: JumpMemory,
  frame: Frame,
): DetectorFinding {
  const on = newVerdicts(rows.length);
  for (const [i, entry] of entries.entries()) {
    const point = readPoint(rows[i]!, terms);
    const impossible = isDoubt(point) ? null : againstPhysics(point, terms);
    if (impossible !== null) {
      fault(on, i, 'physics', impossible);
    } else if (isDoubt(entry)) doubt(on, i, entry.doubt);
    else if (isDoubt(point)) doubt(on, i, point.doubt, `${point.doubt} at ${instantText(entry.at)}`);
    else if (terms.maxPerSecond === null) sound(on, i);
    else {
      const isFirst = !memory.has(entry.key);
      const track = stateOf(memory, entry.key, entry.at, () => newTrack(entry.at, point));
      if (track === null) {
        doubt(on, i, noRoom());
        continue;
      }
      if (isFirst) {
        // Nothing to compare a first reading with: only its physics can be judged.
        if (terms.quantity !== null) sound(on, i);
        continue;
      }
      if (entry.at < track.at) {
        doubt(on, i, 'order', `a reading at ${instantText(entry.at)} is not after the one before it`);
        continue;
      }
      const told = follow(track, entry.at, point, { ...terms, maxPerSecond: terms.maxPerSecond });
      if (told === null) sound(on, i);
      else fault(on, i, 'jump', told);
    }
  }
  return findingOf(on, {
    check: 'custody_jump',
    column: terms.column ?? `${terms.latitude},${terms.longitude}`,
    noun: 'readings',
    well:
      terms.maxPerSecond === null
        ? 'are physically possible'
        : `change by at most ${decimalText(terms.maxPerSecond, 6)} ${terms.unit}/s`,
    minimumCoverage: terms.minimumCoverage,
    exhibits:
      terms.column === null
        ? tableOf(on, rows, {
            title: 'Positions around the impossible ones',
            columns: [frame.time, terms.latitude!, terms.longitude!],
          })
        : seriesOf(on, rows, {
            title: 'Readings, with the impossible ones marked',
            unit: terms.unit,
            time: frame.time,
            column: terms.column,
          }),
  });
}

export function newTrack(at: number, point: Point): Track {
  return { at, point, elsewhere: null };
}

/** Moves on to a reading, or says why it cannot be. */
export function follow(
  track: Track,
  at: number,
  point: Point,
  terms: Pick<JumpTerms, 'tolerance' | 'unit'> & { maxPerSecond: number },
): string | null {
  const { maxPerSecond } = terms;
  const seconds = (at - track.at) / 1_000;
  const way = between(track.point, point);
  if (way - terms.tolerance <= maxPerSecond * seconds) {
    track.at = at;
    track.point = point;
    track.elsewhere = null;
    return null;
  }
  const { elsewhere } = track;
  const agrees =
    elsewhere !== null &&
    at > elsewhere.at &&
    between(elsewhere.point, point) - terms.tolerance <= (maxPerSecond * (at - elsewhere.at)) / 1_000;
  track.elsewhere = { at, point, count: agrees ? elsewhere.count + 1 : 1 };
  const told = `${decimalText(way, 3)} ${terms.unit} in ${decimalText(seconds, 3)} s at ${instantText(at)}, where at most ${decimalText(maxPerSecond, 6)} ${terms.unit}/s is possible`;
  if (track.elsewhere.count >= NEW_LEVEL) {
    track.at = at;
    track.point = point;
    track.elsewhere = null;
  }
  return told;
}

function between(from: Point, to: Point): number {
  return typeof from === 'number' || typeof to === 'number'
    ? Math.abs((to as number) - (from as number))
    : geodesicMetres(from, to);
}

function readPoint(row: Row, { column, latitude, longitude }: JumpTerms): Point | Doubt {
  return column === null ? readPosition(row, latitude!, longitude!) : readValue(row, column);
}

function againstPhysics(point: Point, { quantity, unit }: JumpTerms): string | null {
  if (quantity === null || typeof point !== 'number') return null;
  const { least, most, says } = PHYSICS[quantity];
  return point < least || (most !== null && point > most)
    ? `a reading of ${decimalText(point, 3)}${unit === '' ? '' : ` ${unit}`}: ${says}`
    : null;
}
