import { AssayError } from '@assay/core';
import type { BarRow, CapRow } from '../rows.ts';
import { median } from './composite-bar.ts';
import type { Defect, DefectDay } from './defect.ts';
import { type CapEntry, type Identity, type IdentityParameters, identify, readCap } from './identities.ts';
import { emptyPanel, type Panel } from './panel.ts';
import { joinDays, readBars, type VenueSeries } from './read-bars.ts';

const DAY_MS = 86_400_000;
/** Seven columns of doubles: about a gigabyte. 6,000 assets over nine years stay below. */
const MAX_CELLS = 20_000_000;
const MAX_DEFECTS = 10_000;

export type PanelParameters = IdentityParameters;

/** The parameters in use. Why these values is in docs/cross-verification.md. */
export const PANEL_PARAMETERS: PanelParameters = {
  deviationLimitBps: 300,
  weightCap: '0.4',
  capMaxAgeDays: 45,
  relaunchGapDays: 30,
  relaunchFactor: '3',
  redenominationTolerance: '0.1',
  redenominations: [],
};

export interface PanelInput {
  bars: readonly { stream: string; rows: readonly BarRow[] }[];
  caps: readonly { stream: string; rows: readonly CapRow[] }[];
  /** Half open; whole UTC days. */
  days: { fromMs: number; toMs: number };
}

/**
 * The panel of what several venues and sources say: composite daily bars, market capitalisation and supply as last
 * known, and identities instead of tickers. What is wrong with the rows is named, each with what was done about it.
 *
 * Every decision about a day reads nothing of later days. What is learnt later (a relaunch, a redenomination) begins a
 * new identity or new units from then on; it never changes an earlier day.
 *
 * @throws ARGUMENT_INVALID when the days are not whole UTC days, or when assets times days exceeds 20 million.
 * @example
 * const { panel, defects } = buildPanel({ bars: [{ stream: 'kraken.bars.1d', rows }], caps: [], days: { fromMs, toMs } });
 */
export function buildPanel(
  input: PanelInput,
  parameters: PanelParameters = PANEL_PARAMETERS,
): { panel: Panel; defects: Defect[] } {
  const { fromMs, toMs } = input.days;
  const dayCount = (toMs - fromMs) / DAY_MS;
  if (!(Number.isInteger(dayCount) && Number.isInteger(fromMs / DAY_MS) && dayCount >= 0)) {
    throw new AssayError('ARGUMENT_INVALID', `expected whole UTC days, got ${fromMs} to ${toMs}`, {
      next: 'begin and end at midnight UTC, in milliseconds',
    });
  }
  const found: DefectDay[] = [];
  const tell = (defect: DefectDay) => found.push(defect);
  const venues = input.bars.map((stream) => readBars(stream, input.days, tell));
  const snapshots = readSnapshots(input, tell);
  const tickers = [...new Set([...venues.flatMap((venue) => [...venue.keys()]), ...snapshots.keys()])].sort();
  const identities: Identity[] = [];
  for (const ticker of tickers) {
    const series = venues.flatMap((venue): VenueSeries[] => {
      const one = venue.get(ticker);
      return one ? [one] : [];
    });
    for (const identity of identify(ticker, series, snapshots.get(ticker) ?? [], parameters, tell)) {
      identities.push(identity);
    }
    const cells = (identities.length + 1) * dayCount;
    if (cells > MAX_CELLS) {
      throw new AssayError(
        'ARGUMENT_INVALID',
        `expected at most ${MAX_CELLS} assets times days, got more by ${ticker}`,
        {
          next: 'ask for fewer days or assets',
        },
      );
    }
  }
  identities.sort((a, b) => (a.asset < b.asset ? -1 : a.asset > b.asset ? 1 : 0));
  const snapshotDays = input.caps.map(({ rows }) => daysOfSnapshots(rows));
  return {
    panel: fill(identities, snapshotDays, input.days, dayCount, parameters),
    defects: joinDays(found, MAX_DEFECTS),
  };
}

/** Snapshots by ticker, ascending in days. */
function readSnapshots(
  { caps, days: { fromMs, toMs } }: PanelInput,
  tell: (defect: DefectDay) => void,
): Map<string, { day: number; entries: CapEntry[] }[]> {
  const byTicker = new Map<string, Map<number, CapEntry[]>>();
  for (const [source, { stream, rows }] of caps.entries()) {
    const seen = new Set<string>();
    // Of several snapshots on a day the last one counts: it is what was known at the day's end.
    const lastOfDay = new Map<number, number>();
    for (const { time } of rows) {
      const ms = Date.parse(time);
      const day = Math.floor(ms / DAY_MS);
      if (!Number.isNaN(ms)) lastOfDay.set(day, Math.max(ms, lastOfDay.get(day) ?? ms));
    }
    for (const row of rows) {
      const ms = Date.parse(row.time);
      const day = Math.floor(ms / DAY_MS) * DAY_MS;
      const entry = readCap(row, source);
      if (Number.isNaN(ms) || entry === null || row.asset === '' || row.asset.includes('#')) {
        const at = Number.isNaN(ms) ? fromMs : day;
        const text = `a snapshot of ${row.asset.slice(0, 40)} has no readable time, price or capitalisation; left out`;
        tell({ kind: 'malformed', asset: null, stream, fromMs: at, toMs: at, text });
        continue;
      }
      // A snapshot taken before the first day is still what was last known then.
      if (day >= toMs || ms !== lastOfDay.get(day / DAY_MS)) continue;
      const key = [ms, row.asset, row.name, row.priceUsd].join('\n');
      if (seen.has(key)) {
        const text = 'the same asset is twice in a snapshot; counted once';
        tell({ kind: 'duplicate-row', asset: row.asset, stream, fromMs: day, toMs: day, text });
        continue;
      }
      seen.add(key);
      let days = byTicker.get(row.asset);
      if (!days) {
        days = new Map();
        byTicker.set(row.asset, days);
      }
      const entries = days.get(day);
      if (entries) entries.push(entry);
      else days.set(day, [entry]);
    }
  }
  return new Map(
    [...byTicker].map(([ticker, days]) => [
      ticker,
      [...days].map(([day, entries]) => ({ day, entries })).sort((a, b) => a.day - b.day),
    ]),
  );
}

function daysOfSnapshots(rows: readonly CapRow[]): number[] {
  const days = new Set(rows.map(({ time }) => Math.floor(Date.parse(time) / DAY_MS) * DAY_MS));
  return [...days].filter((day) => !Number.isNaN(day)).sort((a, b) => a - b);
}

function fill(
  identities: readonly Identity[],
  snapshotDays: readonly number[][],
  { fromMs }: PanelInput['days'],
  dayCount: number,
  { capMaxAgeDays }: PanelParameters,
): Panel {
  const days = Array.from({ length: dayCount }, (_, d) => fromMs + d * DAY_MS);
  const panel = emptyPanel(
    identities.map(({ asset, symbol, names }) => ({ asset, symbol, name: names[0]?.name ?? symbol })),
    days,
  );
  for (const [a, { bars, caps }] of identities.entries()) {
    for (const { day, bar, unit } of bars) {
      const at = a * dayCount + (day - fromMs) / DAY_MS;
      panel.open[at] = bar.open * unit;
      panel.high[at] = bar.high * unit;
      panel.low[at] = bar.low * unit;
      panel.close[at] = bar.close * unit;
      panel.volume[at] = bar.volume / unit;
    }
    if (caps.length > 0) carryCaps(panel, a, caps, snapshotDays, capMaxAgeDays);
  }
  const redenominations = identities
    .flatMap(({ redenominations: all }, asset) =>
      all.map(({ day, newPerOld }) => ({ asset, day: (day - fromMs) / DAY_MS, newPerOld })),
    )
    .sort((a, b) => a.day - b.day || a.asset - b.asset);
  const renames = identities
    .flatMap(({ names }, asset) =>
      names.map(({ day, name }) => ({ asset, day: (day - fromMs) / DAY_MS, name })),
    )
    .sort((a, b) => a.day - b.day || a.asset - b.asset);
  return { ...panel, redenominations, renames };
}

/** Each source's last snapshot counts while it is fresh and the source has published none without the asset since. */
function carryCaps(
  panel: Panel,
  asset: number,
  caps: Identity['caps'],
  snapshotDays: readonly number[][],
  maxAgeDays: number,
): void {
  const last = snapshotDays.map((): Identity['caps'][number] | null => null);
  const published = snapshotDays.map(() => 0);
  let next = 0;
  for (const [d, day] of panel.days.entries()) {
    for (; next < caps.length && caps[next]!.day <= day; next++) last[caps[next]!.source] = caps[next]!;
    const fresh = last.filter((cap, source): cap is Identity['caps'][number] => {
      const times = snapshotDays[source]!;
      while (published[source]! < times.length && times[published[source]!]! <= day) published[source]!++;
      const newest = times[published[source]! - 1];
      return cap !== null && cap.day === newest && day - cap.day <= maxAgeDays * DAY_MS;
    });
    if (fresh.length === 0) continue;
    const at = asset * panel.days.length + d;
    panel.marketCap[at] = median(fresh.map(({ marketCap }) => marketCap));
    panel.supply[at] = median(fresh.map(({ supply }) => supply).filter((supply) => !Number.isNaN(supply)));
  }
}
