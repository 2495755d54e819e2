import { AssayError } from '@assay/core';
import { decimalOf } from '../decimal-of.ts';
import type { Figure } from '../figure.ts';
import { instantOfDay, type Panel } from '../panel/index.ts';
import type { CorrelationRow } from '../rows.ts';
import { isPrice } from './price.ts';

export interface CorrelationParameters {
  windowDays: number;
  /** Fewest days on which both returns are known. */
  minimumOverlap: number;
  /** Length of the lists of highest and lowest. */
  limit: number;
}

/** More would take more than a few seconds a day, since each pair is looked at. */
export const MAX_ASSETS = 10_000;

/**
 * With what every asset moved in the 90 days that end with a day: correlation (Pearson's) of daily log returns, over
 * the days on which both are known. The market is the mean return of all other assets. Assets without a return that
 * day, or with too few, have no row and are in no list; those that never moved correlate with nothing.
 *
 * Every pair is looked at: 18 million for 6,000 assets. They are taken in blocks that stay in the processor's
 * cache, and only the longest lists' worth of each is kept, so that memory grows with the assets, not the pairs.
 */
export const correlationFigure: Figure<'correlation', CorrelationParameters> = {
  name: 'correlation',
  version: '1.0.0',
  parameters: { windowDays: 90, minimumOverlap: 45, limit: 10 },
  reads: { observed: [], figures: [] },
  lookbackDays: 90,
  compute({ history: { panel }, days }, { windowDays, minimumOverlap, limit }) {
    if (panel.assets.length > MAX_ASSETS) throw tooMany(panel.assets.length);
    const rows: CorrelationRow[] = [];
    for (let day = days.from; day < days.to; day++) {
      const window = returnsOf(
        panel,
        day,
        windowDays,
        panel.assets.map((_, asset) => asset),
      );
      const used = [...window.known.keys()].filter(
        (i) => window.known[i]! >= minimumOverlap && !Number.isNaN(window.returns[(i + 1) * windowDays - 1]!),
      );
      const market = toMarket(window, used, minimumOverlap);
      const lists = extremes(standardise(window, used), minimumOverlap, limit);
      for (const [place, asset] of used.entries()) {
        const write = ({ other, correlation }: Ranked) => ({
          asset: panel.assets[used[other]!]!,
          correlation: decimalOf(correlation, 4)!,
        });
        rows.push({
          time: instantOfDay(panel.days[day]!),
          asset: panel.assets[asset]!,
          windowDays: String(windowDays),
          toMarket: decimalOf(market[place]!, 4),
          highest: lists[place]!.highest.map(write),
          lowest: lists[place]!.lowest.map(write),
        });
      }
    }
    return rows;
  },
};

/**
 * Correlations of daily log returns among some assets, over the `windowDays` days that end with `day`, and on how many
 * days each pair rests. Both are square, row by row, in the order of `assets` (places in the panel). NaN where a
 * pair has fewer than two days in common, or one that did not move: it is the caller's to ask for more days.
 * On the diagonal 1, with the asset's own days.
 *
 * Pairs rest on different days, so that the matrix need not be positive definite when data is missing.
 *
 * @throws ARGUMENT_INVALID for places outside of the panel or more than 2,000 assets.
 * @example
 * const { correlation, days } = correlationMatrix(panel, panel.days.length - 1, 90, [0, 1]);
 * correlation[1]; // of asset 0 with asset 1
 */
export function correlationMatrix(
  panel: Panel,
  day: number,
  windowDays: number,
  assets: readonly number[],
): { correlation: Float64Array; days: Uint16Array } {
  const size = assets.length;
  if (size > MAX_MATRIX) {
    throw new AssayError('ARGUMENT_INVALID', `expected at most ${MAX_MATRIX} assets, got ${size}`, {
      next: 'ask for fewer assets',
    });
  }
  if (!Number.isInteger(day) || day < 0 || day >= panel.days.length) {
    throw new AssayError('ARGUMENT_INVALID', `expected a day from 0 to ${panel.days.length - 1}, got ${day}`);
  }
  if (!Number.isInteger(windowDays) || windowDays < 2 || windowDays > 10_000) {
    throw new AssayError('ARGUMENT_INVALID', `expected a window of 2 to 10,000 days, got ${windowDays}`);
  }
  const stranger = assets.find((asset) => panel.assets[asset] === undefined);
  if (stranger !== undefined) {
    throw new AssayError(
      'ARGUMENT_INVALID',
      `expected places of assets from 0 to ${panel.assets.length - 1}, got ${stranger}`,
    );
  }
  const window = returnsOf(panel, day, windowDays, assets);
  const correlation = new Float64Array(size * size).fill(Number.NaN);
  const days = new Uint16Array(size * size);
  for (let i = 0; i < size; i++) {
    days[i * size + i] = window.known[i]!;
    correlation[i * size + i] = window.known[i]! >= 2 ? 1 : Number.NaN;
  }
  eachPair(
    standardise(
      window,
      assets.map((_, i) => i),
    ),
    2,
    (i, j, value, overlap) => {
      correlation[i * size + j] = value;
      correlation[j * size + i] = value;
      days[i * size + j] = overlap;
      days[j * size + i] = overlap;
    },
  );
  return { correlation, days };
}

const MAX_MATRIX = 2_000;

function tooMany(assets: number): AssayError {
  return new AssayError('ARGUMENT_INVALID', `expected at most ${MAX_ASSETS} assets, got ${assets}`, {
    next: 'take those with the largest market capitalisation',
  });
}

interface Returns {
  length: number;
  /** One asset after the other; NaN where a return is not known. */
  returns: Float64Array;
  /** Known returns of each asset. */
  known: Uint16Array;
}

function returnsOf(panel: Panel, day: number, length: number, assets: readonly number[]): Returns {
  const returns = new Float64Array(assets.length * length).fill(Number.NaN);
  const known = new Uint16Array(assets.length);
  const from = Math.max(1, day - length + 1);
  for (const [i, asset] of assets.entries()) {
    const start = asset * panel.days.length;
    for (let at = from; at <= day; at++) {
      const close = panel.close[start + at]!;
      const before = panel.close[start + at - 1]!;
      if (!isPrice(close) || !isPrice(before)) continue;
      returns[i * length + length - 1 - day + at] = Math.log(close / before);
      known[i]!++;
    }
  }
  return { length, returns, known };
}

interface Standardised {
  count: number;
  length: number;
  /** Returns less their mean, over their norm; 0 where unknown. */
  values: Float64Array;
  /** Whether every day is known, none is (or nothing moved), or some are. */
  kind: Uint8Array;
  /** 1 where known. */
  mask: Float64Array;
}

const NOTHING = 0;
const PARTLY = 1;
const WHOLE = 2;

function standardise({ length, returns, known }: Returns, used: readonly number[]): Standardised {
  const values = new Float64Array(used.length * length);
  const mask = new Float64Array(used.length * length);
  const kind = new Uint8Array(used.length);
  for (const [place, asset] of used.entries()) {
    const own = returns.subarray(asset * length, (asset + 1) * length);
    let sum = 0;
    for (const value of own) if (!Number.isNaN(value)) sum += value;
    const mean = sum / known[asset]!;
    let squares = 0;
    for (const value of own) if (!Number.isNaN(value)) squares += (value - mean) ** 2;
    const moves = squares > SMALLEST * known[asset]!;
    kind[place] = !moves ? NOTHING : known[asset] === length ? WHOLE : PARTLY;
    const norm = Math.sqrt(squares);
    for (let d = 0; d < length; d++) {
      const there = !Number.isNaN(own[d]!);
      mask[place * length + d] = there ? 1 : 0;
      values[place * length + d] = there && moves ? (own[d]! - mean) / norm : 0;
    }
  }
  return { count: used.length, length, values, kind, mask };
}

/** Mean square of daily returns below which there is nothing but rounding. */
const SMALLEST = 1e-24;

/** Assets in a block: two blocks of 90 days are 92 KB. */
const BLOCK = 64;

/**
 * Gives every pair i < j whose correlation is known. A pair's sums run over the days in order whatever the block, so
 * that its correlation does not depend on who else is there.
 */
function eachPair(
  data: Standardised,
  minimumOverlap: number,
  give: (i: number, j: number, correlation: number, overlap: number) => void,
): void {
  const { count, length, values, kind } = data;
  for (let rows = 0; rows < count; rows += BLOCK) {
    const rowsEnd = Math.min(count, rows + BLOCK);
    for (let columns = rows; columns < count; columns += BLOCK) {
      const columnsEnd = Math.min(count, columns + BLOCK);
      for (let i = rows; i < rowsEnd; i++) {
        const a = i * length;
        let j = Math.max(columns, i + 1);
        while (j < columnsEnd) {
          if (
            kind[i] === WHOLE &&
            j + 3 < columnsEnd &&
            kind[j] === WHOLE &&
            kind[j + 1] === WHOLE &&
            kind[j + 2] === WHOLE &&
            kind[j + 3] === WHOLE
          ) {
            // Four pairs at once: four sums that do not wait for each other, and one load of the row.
            const b = j * length;
            const c = b + length;
            const d = c + length;
            const e = d + length;
            let w = 0;
            let x = 0;
            let y = 0;
            let z = 0;
            for (let k = 0; k < length; k++) {
              const own = values[a + k]!;
              w += own * values[b + k]!;
              x += own * values[c + k]!;
              y += own * values[d + k]!;
              z += own * values[e + k]!;
            }
            give(i, j, clamp(w), length);
            give(i, j + 1, clamp(x), length);
            give(i, j + 2, clamp(y), length);
            give(i, j + 3, clamp(z), length);
            j += 4;
          } else {
            onePair(data, i, j, minimumOverlap, give);
            j++;
          }
        }
      }
    }
  }
}

function onePair(
  { length, values, mask, kind }: Standardised,
  i: number,
  j: number,
  minimumOverlap: number,
  give: (i: number, j: number, correlation: number, overlap: number) => void,
): void {
  const a = i * length;
  const b = j * length;
  if (kind[i] === WHOLE && kind[j] === WHOLE) {
    let sum = 0;
    for (let k = 0; k < length; k++) sum += values[a + k]! * values[b + k]!;
    give(i, j, clamp(sum), length);
    return;
  }
  let overlap = 0;
  let x = 0;
  let y = 0;
  let xx = 0;
  let yy = 0;
  let xy = 0;
  for (let k = 0; k < length; k++) {
    const own = values[a + k]! * mask[b + k]!;
    const other = values[b + k]! * mask[a + k]!;
    overlap += mask[a + k]! * mask[b + k]!;
    x += own;
    y += other;
    xx += own * own;
    yy += other * other;
    xy += own * other;
  }
  const left = xx - (x * x) / overlap;
  const right = yy - (y * y) / overlap;
  const known = overlap >= minimumOverlap && left > 1e-12 && right > 1e-12;
  give(i, j, known ? clamp((xy - (x * y) / overlap) / Math.sqrt(left * right)) : Number.NaN, overlap);
}

function clamp(correlation: number): number {
  return Math.max(-1, Math.min(1, correlation));
}

interface Ranked {
  other: number;
  correlation: number;
}

/** The `limit` highest and lowest of each asset; equal ones in the assets' order. */
function extremes(
  data: Standardised,
  minimumOverlap: number,
  limit: number,
): { highest: Ranked[]; lowest: Ranked[] }[] {
  const high = new Board(data.count, limit);
  const low = new Board(data.count, limit);
  eachPair(data, minimumOverlap, (i, j, correlation) => {
    if (Number.isNaN(correlation)) return;
    high.offer(i, j, correlation);
    high.offer(j, i, correlation);
    low.offer(i, j, -correlation);
    low.offer(j, i, -correlation);
  });
  return Array.from({ length: data.count }, (_, i) => ({
    highest: high.list(i, 1),
    lowest: low.list(i, -1),
  }));
}

/** The greatest few of many values for each asset, in flat arrays. */
class Board {
  readonly #limit: number;
  readonly #values: Float64Array;
  readonly #others: Int32Array;

  constructor(count: number, limit: number) {
    this.#limit = limit;
    this.#values = new Float64Array(count * limit).fill(Number.NEGATIVE_INFINITY);
    this.#others = new Int32Array(count * limit).fill(-1);
  }

  offer(asset: number, other: number, value: number): void {
    const first = asset * this.#limit;
    let at = first + this.#limit - 1;
    const values = this.#values;
    const others = this.#others;
    if (!this.#before(value, other, at)) return;
    while (at > first && this.#before(value, other, at - 1)) {
      values[at] = values[at - 1]!;
      others[at] = others[at - 1]!;
      at--;
    }
    values[at] = value;
    others[at] = other;
  }

  #before(value: number, other: number, at: number): boolean {
    const held = this.#values[at]!;
    return value > held || (value === held && other < this.#others[at]!);
  }

  list(asset: number, sign: 1 | -1): Ranked[] {
    const list: Ranked[] = [];
    for (let at = asset * this.#limit; at < (asset + 1) * this.#limit && this.#others[at]! >= 0; at++) {
      list.push({ other: this.#others[at]!, correlation: sign * this.#values[at]! });
    }
    return list;
  }
}

/** Correlation of each used asset with the mean return of all others. */
function toMarket(
  { length, returns, known }: Returns,
  used: readonly number[],
  minimumOverlap: number,
): number[] {
  const sums = new Float64Array(length);
  const counts = new Float64Array(length);
  for (const asset of used) {
    for (let d = 0; d < length; d++) {
      const value = returns[asset * length + d]!;
      if (Number.isNaN(value)) continue;
      sums[d]! += value;
      counts[d]! += 1;
    }
  }
  const pair: Returns = { length, returns: new Float64Array(2 * length), known: new Uint16Array(2) };
  return used.map((asset) => {
    let marketDays = 0;
    for (let d = 0; d < length; d++) {
      const value = returns[asset * length + d]!;
      const others = counts[d]! - (Number.isNaN(value) ? 0 : 1);
      pair.returns[d] = value;
      pair.returns[length + d] =
        others > 0 ? (sums[d]! - (Number.isNaN(value) ? 0 : value)) / others : Number.NaN;
      if (others > 0) marketDays++;
    }
    pair.known[0] = known[asset]!;
    pair.known[1] = marketDays;
    let result = Number.NaN;
    const data = standardise(pair, [0, 1]);
    if (data.kind[0] === NOTHING || data.kind[1] === NOTHING) return result;
    onePair(data, 0, 1, minimumOverlap, (_i, _j, correlation) => {
      result = correlation;
    });
    return result;
  });
}
