import type { FigureInput } from '../figure.ts';
import { dayIndex, type Panel } from '../panel/index.ts';

/** One asset's observations of one kind, one a day, ascending. */
export interface DailyValues {
  days: number[];
  values: Float64Array[];
}

/** What is known beside bars and market caps, by asset. Rows after the graded day are in it and must not be read. */
export interface ObservedHistory {
  /** Mean funding rate of the venues; sum of their open interest. */
  funding: ReadonlyMap<number, DailyValues>;
  /** Active addresses, holders, the largest share of the top ten, swap volume: summed over chains. */
  activity: ReadonlyMap<number, DailyValues>;
  /** Commits summed over forges; contributors of the forge with the most. */
  development: ReadonlyMap<number, DailyValues>;
  /** Score, articles. */
  sentiment: ReadonlyMap<number, DailyValues>;
}

type Combine = (known: Float64Array, next: Float64Array, count: number) => void;

/** Rows by asset and day. Rows of assets that the panel does not have are left out: they cannot be graded. */
export function observedHistory({ history, figures }: FigureInput): ObservedHistory {
  const { panel } = history;
  return {
    funding: byAsset(
      panel,
      history.funding,
      ({ rate, openInterestUsd }) => [numberOf(rate), numberOf(openInterestUsd)],
      (known, next, count) => {
        known[0]! += (next[0]! - known[0]!) / count;
        known[1] = addKnown(known[1]!, next[1]!);
      },
    ),
    activity: byAsset(
      panel,
      history.activity,
      ({ activeAddresses, holders, topTenShare, swapVolumeUsd }) =>
        [activeAddresses, holders, topTenShare, swapVolumeUsd].map(numberOf),
      (known, next) => {
        known[0] = addKnown(known[0]!, next[0]!);
        known[1] = addKnown(known[1]!, next[1]!);
        known[2] = largerKnown(known[2]!, next[2]!);
        known[3] = addKnown(known[3]!, next[3]!);
      },
    ),
    development: byAsset(
      panel,
      history.development,
      ({ commits, contributors }) => [commits, contributors].map(numberOf),
      (known, next) => {
        known[0] = addKnown(known[0]!, next[0]!);
        known[1] = largerKnown(known[1]!, next[1]!);
      },
    ),
    sentiment: byAsset(
      panel,
      figures.sentiment ?? [],
      ({ score, articles }) => [score, articles].map(numberOf),
      (known, next) => known.set(next),
    ),
  };
}

/** Mean of one value over the days `day - from + 1` to `day - to`; NaN below `minimum` known days. */
export function observedMean(
  series: DailyValues | undefined,
  place: number,
  day: number,
  [from, to]: readonly [number, number],
  minimum: number,
): number {
  if (!series) return Number.NaN;
  let sum = 0;
  let count = 0;
  for (let i = lowerBound(series.days, day - from + 1); i < series.days.length; i++) {
    if (series.days[i]! > day - to) break;
    const value = series.values[i]![place]!;
    if (!Number.isFinite(value)) continue;
    sum += value;
    count++;
  }
  return count >= minimum ? sum / count : Number.NaN;
}

function byAsset<Row extends { time: string; asset: string }>(
  panel: Panel,
  rows: readonly Row[],
  read: (row: Row) => number[],
  combine: Combine,
): Map<number, DailyValues> {
  const result = new Map<number, DailyValues>();
  if (rows.length === 0) return result;
  const places = new Map(panel.assets.map((asset, index) => [asset, index]));
  const counts = new Map<number, number>();
  for (const row of rows) {
    const asset = places.get(row.asset);
    const day = dayIndex(panel, row.time);
    if (asset === undefined || day < 0) continue;
    const series = result.get(asset) ?? { days: [], values: [] };
    result.set(asset, series);
    const next = Float64Array.from(read(row));
    const last = series.days.at(-1);
    // Rows ascend in time; one that does not cannot be put in its place without changing what was known before.
    if (last !== undefined && day < last) continue;
    if (day === last) {
      const count = counts.get(asset)! + 1;
      counts.set(asset, count);
      combine(series.values.at(-1)!, next, count);
    } else {
      counts.set(asset, 1);
      series.days.push(day);
      series.values.push(next);
    }
  }
  return result;
}

function lowerBound(sorted: readonly number[], value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A decimal string as a double; what is not known or no number is NaN. */
function numberOf(value: string | null | undefined): number {
  if (value === null || value === undefined || value === '') return Number.NaN;
  return Number(value);
}

function addKnown(a: number, b: number): number {
  return Number.isNaN(a) ? b : Number.isNaN(b) ? a : a + b;
}

function largerKnown(a: number, b: number): number {
  return Number.isNaN(a) ? b : Number.isNaN(b) ? a : Math.max(a, b);
}
