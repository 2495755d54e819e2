import { meet, type Novelty, newNovelty } from './novelty.ts';
import type { Quiet, Surprise } from './series.ts';

/** What is known of how several series move together. */
export interface JointMemory {
  seen: number;
  /** Each column's unit, fixed after the first values: where it lay and how far it reached. */
  units: { centre: number; scale: number }[];
  /** The first values, kept until the units are fixed. */
  first: number[][];
  mean: number[];
  /** Covariance in those units, by rows. */
  covariance: number[];
  /** Its inverse, renewed every {@link RENEWED_EVERY} rows; empty before. */
  precision: number[];
  latest: number[][];
  novelties: Novelty[][];
  quiet: Quiet;
}

/** Inverting costs the cube of the columns: 16 keep it within the time of a point. */
export const MAX_COLUMNS = 16;
const WARM = 64;
const FADING = 2000;
const RENEWED_EVERY = 16;
const WINDOW = 16;
/** Perfectly parallel columns have no inverse; this much of each variance is taken as its own noise. */
const RIDGE = 1e-6;
/** Values beyond this many standard deviations teach the covariance no more than one there. */
const CLIP = 3;

export function newJoint(columns: number): JointMemory {
  return {
    seen: 0,
    units: [],
    first: [],
    mean: new Array(columns).fill(0),
    covariance: new Array(columns * columns).fill(0),
    precision: [],
    latest: [],
    novelties: Array.from({ length: columns }, () => [newNovelty(), newNovelty()]),
    quiet: { since: 0, worst: 0 },
  };
}

/**
 * Takes one row of known values and says how far the series have left the way in which they move together: each is
 * predicted from all others (its row of the inverse covariance, which whitens the residuals), and the residual and its
 * mean over 16 rows are asked whether they are new. A value that every series alone would find ordinary is found here
 * when the others did not go with it.
 *
 * @param columns names in the order of `values`, for the answer.
 */
export function observeJointly(
  memory: JointMemory,
  values: readonly number[],
  columns: readonly string[],
): Surprise & { column: string } {
  memory.seen++;
  let most = { distance: 0, measure: 'residual', value: 0, column: columns[0]! };
  if (memory.units.length === 0) {
    memory.first.push([...values]);
    if (memory.first.length === WARM) fixUnits(memory);
    return most;
  }
  const z = inUnits(memory, values);
  if (memory.precision.length > 0) {
    const residuals = residualsOf(memory, z);
    memory.latest.push(residuals);
    if (memory.latest.length > WINDOW) memory.latest.shift();
    columns.forEach((column, at) => {
      const mean = memory.latest.reduce((sum, one) => sum + one[at]!, 0) / memory.latest.length;
      [residuals[at]!, mean].forEach((value, which) => {
        const novelty = memory.novelties[at]![which]!;
        const distance = meet(novelty, value);
        if (novelty.seen > WARM && distance > most.distance) {
          const measure = which === 0 ? 'residual' : `mean residual of ${WINDOW}`;
          most = { distance, measure, value: value * memory.units[at]!.scale, column };
        }
      });
    });
  }
  learnCovariance(memory, z);
  if (memory.seen % RENEWED_EVERY === 0) memory.precision = inverse(memory.covariance, values.length);
  return most;
}

function fixUnits(memory: JointMemory): void {
  memory.units = memory.mean.map((_, at) => {
    const sorted = memory.first.map((row) => row[at]!).sort((a, b) => a - b);
    const centre = sorted[WARM / 2]!;
    const reach = Math.max(sorted[WARM - 1]! - centre, centre - sorted[0]!);
    return { centre, scale: reach > 0 && Number.isFinite(reach) ? reach : Math.max(Math.abs(centre), 1) };
  });
  for (const row of memory.first) learnCovariance(memory, inUnits(memory, row));
  memory.first = [];
}

/** Bounded, so that squares of absurd values stay finite. */
function inUnits({ units }: JointMemory, values: readonly number[]): number[] {
  return values.map((value, at) => {
    const { centre, scale } = units[at]!;
    return Math.max(-1e6, Math.min(1e6, (value - centre) / scale));
  });
}

function learnCovariance(memory: JointMemory, z: readonly number[]): void {
  const { mean, covariance } = memory;
  const size = z.length;
  const weight = 1 / Math.min(memory.seen, FADING);
  const away = z.map((value, at) => {
    const limit = CLIP * Math.sqrt(covariance[at * size + at]!);
    const distance = value - mean[at]!;
    return memory.seen > WARM && limit > 0 ? Math.max(-limit, Math.min(limit, distance)) : distance;
  });
  for (let row = 0; row < size; row++) {
    mean[row]! += weight * away[row]!;
    for (let column = 0; column < size; column++) {
      const at = row * size + column;
      covariance[at]! += weight * (away[row]! * away[column]! - covariance[at]!);
    }
  }
}

/** A column's residual from its regression on all others is its row of the precision, over its own entry. */
function residualsOf({ precision, mean }: JointMemory, z: readonly number[]): number[] {
  const size = z.length;
  return z.map((_, row) => {
    let sum = 0;
    for (let column = 0; column < size; column++) {
      sum += precision[row * size + column]! * (z[column]! - mean[column]!);
    }
    return sum / precision[row * size + row]!;
  });
}

/** Gauss-Jordan with pivots on the diagonal, which the ridge keeps positive. */
function inverse(covariance: readonly number[], size: number): number[] {
  const left = [...covariance];
  const right = new Array<number>(size * size).fill(0);
  for (let at = 0; at < size; at++) {
    const variance = left[at * size + at]!;
    left[at * size + at] = variance > 0 ? variance * (1 + RIDGE) : 1;
    right[at * size + at] = 1;
  }
  for (let pivot = 0; pivot < size; pivot++) {
    const scale = left[pivot * size + pivot]!;
    for (let column = 0; column < size; column++) {
      left[pivot * size + column]! /= scale;
      right[pivot * size + column]! /= scale;
    }
    for (let row = 0; row < size; row++) {
      const factor = left[row * size + pivot]!;
      if (row === pivot || factor === 0) continue;
      for (let column = 0; column < size; column++) {
        left[row * size + column]! -= factor * left[pivot * size + column]!;
        right[row * size + column]! -= factor * right[pivot * size + column]!;
      }
    }
  }
  return right;
}
