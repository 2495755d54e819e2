const DAY_MS = 86_400_000;

/**
 * Daily bars of many assets side by side: what every figure is computed from. Columns are flat arrays, one asset
 * after the other, so that the bar of asset `a` on day `d` lies at `a * days.length + d`. Inside, a missing value is
 * NaN; no answer ever carries one.
 *
 * Bars of day `d` are known at its end, never before: a figure for day `d` reads columns up to and including `d`.
 */
export interface Panel {
  /** Identities, not tickers: a relaunched ticker is another asset. Sorted. */
  readonly assets: readonly string[];
  /** What people call each asset. */
  readonly symbols: readonly string[];
  readonly names: readonly string[];
  /** Starts of consecutive UTC days, in milliseconds. */
  readonly days: readonly number[];
  readonly open: Float64Array;
  readonly high: Float64Array;
  readonly low: Float64Array;
  readonly close: Float64Array;
  /** In units of the asset. */
  readonly volume: Float64Array;
  /** In US dollars, as last known on that day; NaN before the first snapshot and when it left the snapshots. */
  readonly marketCap: Float64Array;
  /** Units in circulation, as last known on that day. */
  readonly supply: Float64Array;
  /**
   * Redenominations, ascending by day. From that day on the columns go on in the units of before, so that returns
   * across it are right and no earlier price changes: a price in today's units is the column divided by `unitOn`.
   */
  readonly redenominations?: readonly { asset: number; day: number; newPerOld: number }[];
  /** Names as they became known, ascending by day; `names` has the first of each. Where it says nothing of an asset,
   * its name was always known. */
  readonly renames?: readonly { asset: number; day: number; name: string }[];
}

/** How many of today's units make up one of the first: 1 unless the asset was redenominated. */
export function unitOn(panel: Panel, asset: number, day: number): number {
  let unit = 1;
  for (const change of panel.redenominations ?? []) {
    if (change.asset === asset && change.day <= day) unit *= change.newPerOld;
  }
  return unit;
}

/** What an asset was called on a day. */
export function nameOn(panel: Panel, asset: number, day: number): string {
  const known = (panel.renames ?? []).filter((change) => change.asset === asset);
  if (known.length === 0) return panel.names[asset]!;
  return known.findLast((change) => change.day <= day)?.name ?? panel.symbols[asset]!;
}

/** A panel without a value. */
export function emptyPanel(
  assets: readonly { asset: string; symbol?: string; name?: string }[],
  days: readonly number[],
): Panel {
  const column = () => new Float64Array(assets.length * days.length).fill(Number.NaN);
  return {
    assets: assets.map(({ asset }) => asset),
    symbols: assets.map(({ asset, symbol }) => symbol ?? asset),
    names: assets.map(({ asset, name }) => name ?? asset),
    days,
    open: column(),
    high: column(),
    low: column(),
    close: column(),
    volume: column(),
    marketCap: column(),
    supply: column(),
  };
}

/** One asset's part of a column: a view, not a copy. */
export function seriesOf(panel: Panel, column: Float64Array, asset: number): Float64Array {
  return column.subarray(asset * panel.days.length, (asset + 1) * panel.days.length);
}

/** Place of a day in a panel, or -1. */
export function dayIndex(panel: Panel, time: string): number {
  const [first = 0] = panel.days;
  const index = Math.floor((Date.parse(time) - first) / DAY_MS);
  return index >= 0 && index < panel.days.length ? index : -1;
}

/** Start of the UTC day of an instant, in milliseconds. */
export function dayOf(time: string): number {
  return Math.floor(Date.parse(time) / DAY_MS) * DAY_MS;
}

/** RFC 3339 of a day's start. */
export function instantOfDay(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}
