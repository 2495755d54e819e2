import type { BarRow } from '../rows.ts';
import type { DefectDay } from './defect.ts';
import { instantOfDay } from './panel.ts';

const DAY_MS = 86_400_000;

/** One venue's day, as doubles. */
export interface VenueBar {
  stream: string;
  open: number;
  high: number;
  low: number;
  close: number;
  volume: number;
}

/** A venue's usable days of one asset, ascending. */
export interface VenueSeries {
  stream: string;
  days: number[];
  bars: VenueBar[];
}

/**
 * What is usable of a stream's bars, by ticker. A bar counts when it begins at midnight UTC, its prices are positive
 * and lie between its low and its high, and its volume is a number that is not negative. Of two bars of one day the
 * first that was published counts: a later one would change what was already read. Whatever does not count is told.
 */
export function readBars(
  { stream, rows }: { stream: string; rows: readonly BarRow[] },
  { fromMs, toMs }: { fromMs: number; toMs: number },
  tell: (defect: DefectDay) => void,
): Map<string, VenueSeries> {
  const found = new Map<string, VenueSeries>();
  const unsorted = new Set<string>();
  for (const row of rows) {
    const ms = Date.parse(row.time);
    const day = Math.floor(ms / DAY_MS) * DAY_MS;
    const says = (kind: DefectDay['kind'], text: string) =>
      tell({ kind, asset: row.asset, stream, fromMs: day, toMs: day, text });
    if (Number.isNaN(ms) || row.asset === '' || row.asset.includes('#')) {
      tell({
        kind: 'malformed',
        asset: null,
        stream,
        fromMs,
        toMs: fromMs,
        text: `expected a time and an asset without #, got time ${row.time.slice(0, 40)} and asset ${row.asset.slice(0, 40)}; left out`,
      });
      continue;
    }
    if (day < fromMs || day >= toMs) continue;
    const bar: VenueBar = {
      stream,
      open: Number(row.open),
      high: Number(row.high),
      low: Number(row.low),
      close: Number(row.close),
      volume: Number(row.volume),
    };
    const wrong = wrongWith(bar);
    if (ms !== day) {
      says('not-a-day', `its bar begins at ${row.time.slice(11, 16)} UTC and not at midnight; left out`);
    } else if (wrong) says(wrong.kind, wrong.text);
    else {
      let series = found.get(row.asset);
      if (!series) {
        series = { stream, days: [], bars: [] };
        found.set(row.asset, series);
      }
      if (series.days.length > 0 && day < series.days.at(-1)!) {
        unsorted.add(row.asset);
        says('out-of-order', 'came after a later day; put in its place');
      }
      series.days.push(day);
      series.bars.push(bar);
    }
  }
  for (const asset of unsorted) sortDays(found.get(asset)!);
  for (const [asset, series] of found) keepFirst(asset, series, tell);
  return found;
}

function wrongWith({ open, high, low, close, volume }: VenueBar): Pick<DefectDay, 'kind' | 'text'> | null {
  for (const price of [open, high, low, close]) {
    if (!Number.isFinite(price)) return { kind: 'malformed', text: 'a price is not a number; left out' };
    if (price <= 0) return { kind: 'price-not-positive', text: `a price is ${price}; left out` };
  }
  if (!Number.isFinite(volume) || volume < 0) {
    return { kind: 'malformed', text: `its volume is ${volume}; left out` };
  }
  if (high < low)
    return { kind: 'high-below-low', text: `its high ${high} is below its low ${low}; left out` };
  if (Math.max(open, close) > high || Math.min(open, close) < low) {
    return { kind: 'high-below-low', text: 'its open or close lies outside its low and high; left out' };
  }
  return null;
}

function sortDays(series: VenueSeries): void {
  const order = series.days.map((_, i) => i).sort((a, b) => series.days[a]! - series.days[b]! || a - b);
  const { days, bars } = series;
  series.days = order.map((i) => days[i]!);
  series.bars = order.map((i) => bars[i]!);
}

function keepFirst(asset: string, series: VenueSeries, tell: (defect: DefectDay) => void): void {
  let kept = 0;
  for (let i = 0; i < series.days.length; i++) {
    const day = series.days[i]!;
    const bar = series.bars[i]!;
    if (kept > 0 && series.days[kept - 1] === day) {
      const first = series.bars[kept - 1]!;
      const same =
        first.open === bar.open &&
        first.high === bar.high &&
        first.low === bar.low &&
        first.close === bar.close &&
        first.volume === bar.volume;
      tell({
        kind: same ? 'duplicate-row' : 'contradicting-rows',
        asset,
        stream: series.stream,
        fromMs: day,
        toMs: day,
        text: same
          ? 'the same bar is there twice; counted once'
          : `two different bars of one day, closing at ${first.close} and ${bar.close}; the first counts`,
      });
      continue;
    }
    series.days[kept] = day;
    series.bars[kept] = bar;
    kept++;
  }
  series.days.length = kept;
  series.bars.length = kept;
}

/** Defects in the form in which they are given out: days of the same kind that follow each other become one. */
export function joinDays(
  days: readonly DefectDay[],
  limit: number,
): {
  kind: DefectDay['kind'];
  asset: string | null;
  stream: string | null;
  from: string;
  to: string;
  text: string;
}[] {
  const key = (defect: DefectDay) => [defect.kind, defect.asset ?? '', defect.stream ?? ''].join('\n');
  const sorted = days
    .map((defect) => ({ defect, key: key(defect) }))
    .sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : a.defect.fromMs - b.defect.fromMs));
  const joined: { key: string; last: DefectDay; count: number }[] = [];
  for (const { defect, key: name } of sorted) {
    const open = joined.at(-1);
    if (open && open.key === name && defect.fromMs <= open.last.toMs + DAY_MS && JOINABLE.has(defect.kind)) {
      open.last = { ...open.last, toMs: Math.max(open.last.toMs, defect.toMs) };
      open.count++;
    } else joined.push({ key: name, last: defect, count: 1 });
  }
  const given = joined.slice(0, limit).map(({ last, count }) => ({
    kind: last.kind,
    asset: last.asset,
    stream: last.stream,
    from: instantOfDay(last.fromMs),
    to: instantOfDay(last.toMs),
    text: count > 1 ? `${last.text} (${count} times)` : last.text,
  }));
  const first = joined[limit];
  if (first) {
    given.push({
      kind: 'too-many',
      asset: null,
      stream: null,
      from: instantOfDay(first.last.fromMs),
      to: instantOfDay(first.last.toMs),
      text: `${joined.length - limit} more defects are not listed: at most ${limit} are`,
    });
  }
  return given;
}

/** Kinds whose every day says the same. */
const JOINABLE = new Set<DefectDay['kind']>([
  'malformed',
  'price-not-positive',
  'high-below-low',
  'not-a-day',
  'duplicate-row',
  'out-of-order',
  'zero-volume',
]);
