import type { Figure, FigureInput, MarketHistory } from '../figure.ts';
import { assetsFigure } from '../panel/assets-figure.ts';
import { PANEL_PARAMETERS } from '../panel/build-panel.ts';
import { compositeBar } from '../panel/composite-bar.ts';
import { decimalOf, instantOfDay, isStablecoin, type Panel, significant, unitOn } from '../panel/index.ts';
import { readBars, type VenueSeries } from '../panel/read-bars.ts';
import type { PriceRow } from '../rows.ts';
import { type VenueColumns, type VenueRuleParameters, venueFindings } from './venue-findings.ts';

const DAY_MS = 86_400_000;

export interface PricesParameters extends VenueRuleParameters {
  /** Those that the panel was built with. */
  deviationLimitBps: number;
  weightCap: string;
  /** Distance from a dollar at which a stablecoin has lost its peg. */
  depegBps: number;
  stablecoins: readonly string[];
  pegWindowDays: number;
  pegBand: string;
  pegShare: string;
}

const { stablecoins, pegWindowDays, pegBand, pegShare } = assetsFigure.parameters;

/**
 * The price of each asset on each day with a bar, held against every venue's own: the close is the panel's composite;
 * `fail` when a venue deviates, is stale or spikes alone, `unknown` with fewer than two venues that traded. A depeg
 * and volume that is not credible are told and decide nothing about whether the venues agree. Prices are in the units
 * of the day, also after a redenomination.
 */
export const pricesFigure: Figure<'prices', PricesParameters> = {
  name: 'prices',
  version: '1.0.0',
  parameters: {
    deviationLimitBps: PANEL_PARAMETERS.deviationLimitBps,
    weightCap: PANEL_PARAMETERS.weightCap,
    staleDays: 2,
    staleMoveBps: 100,
    spikeBps: 500,
    volumeWindowDays: 30,
    volumeJump: '8',
    othersJump: '2',
    quietRange: '1.5',
    roundOfTen: 9,
    sameOfTen: 3,
    depegBps: 100,
    stablecoins,
    pegWindowDays,
    pegBand,
    pegShare,
  },
  reads: { observed: [], figures: [] },
  lookbackDays: pegWindowDays,
  compute: priceRows,
};

function priceRows({ history, days }: FigureInput, parameters: PricesParameters): PriceRow[] {
  const { panel } = history;
  const from = Math.max(days.from, 0);
  const to = Math.min(days.to, panel.days.length);
  if (from >= to) return [];
  const start = Math.max(from - Math.max(parameters.volumeWindowDays, 10), 0);
  const venuesOf = readVenues(history, panel.days[start]!, panel.days[to - 1]! + DAY_MS);
  const rows: PriceRow[] = [];
  for (const [a, asset] of panel.assets.entries()) {
    const series = venuesOf(asset);
    const columns = series.map((one) => columnsOf(one, panel, a, start, to));
    for (let d = from; d < to; d++) {
      const row = priceRow(panel, a, d, series, columns, start, parameters);
      if (row) rows.push(row);
    }
  }
  return rows.sort((x, y) => (x.time < y.time ? -1 : x.time > y.time ? 1 : 0));
}

function priceRow(
  panel: Panel,
  a: number,
  d: number,
  series: readonly VenueSeries[],
  columns: readonly VenueColumns[],
  start: number,
  parameters: PricesParameters,
): PriceRow | null {
  const at = a * panel.days.length + d;
  const unit = unitOn(panel, a, d);
  const column = (values: Float64Array) => significant(values[at]! / unit);
  const [open, high, low, close] = [panel.open, panel.high, panel.low, panel.close].map(column);
  const volume = panel.volume[at]! * unit;
  const raw = panel.close[at]! / unit;
  if (open == null || high == null || low == null || close == null || !(raw > 0)) return null;
  const day = panel.days[d]!;
  const bars = series.flatMap(({ days, bars: all }) => {
    const place = days.indexOf(day);
    return place < 0 ? [] : [all[place]!];
  });
  const before = lastClose(panel, a, d);
  const made = compositeBar(bars, before === null ? null : before / unit, parameters);
  const traded = bars.filter((bar) => bar.volume > 0).length;
  const wrong = venueFindings(columns, d - start, parameters);
  const reasons = [
    ...disagreements(made, parameters),
    ...wrong.map(({ kind, text }) => `${kind}: ${text}`),
    ...depeg(panel, a, d, parameters),
    ...turnover(panel, a, d, parameters),
  ];
  const differ =
    made !== null && (made.undecided || made.excluded.some(({ reason }) => reason === 'deviates'));
  const failed = differ || wrong.some(({ kind }) => kind !== 'volume not credible');
  const previous = d > 0 ? panel.close[at - 1]! : Number.NaN;
  return {
    time: instantOfDay(day),
    asset: panel.assets[a]!,
    open,
    high,
    low,
    close,
    volume: significant(volume) ?? '0',
    volumeUsd: significant(volume * raw) ?? '0',
    changePct: decimalOf((panel.close[at]! / previous - 1) * 100, 4),
    venues: (made?.kept ?? []).map((bar) => ({
      stream: bar.stream,
      close: significant(bar.close)!,
      volume: significant(bar.volume) ?? '0',
      deviationBps: decimalOf((bar.close / raw - 1) * 10_000, 2) ?? '0',
    })),
    excluded: (made?.excluded ?? []).map(({ bar, reason, deviationBps }) => ({
      stream: bar.stream,
      reason:
        reason === 'no-trades'
          ? 'no volume on that day'
          : `its close deviates by ${decimalOf(deviationBps, 0)} bps from the others'`,
    })),
    status: traded < 2 ? 'unknown' : failed ? 'fail' : 'pass',
    reasons: traded < 2 ? [onlyOne(traded, series.length), ...reasons] : reasons,
  };
}

function onlyOne(traded: number, known: number): string {
  return traded === 1
    ? `only one of ${known} known ${known === 1 ? 'venue' : 'venues'} traded: nothing to hold its price against`
    : "no venue's own bars with trades are known: nothing to hold the price against";
}

function disagreements(
  made: ReturnType<typeof compositeBar>,
  { deviationLimitBps }: PricesParameters,
): string[] {
  if (made === null) return [];
  if (made.undecided) {
    const closes = made.kept.map(({ stream, close }) => `${stream} at ${close}`).join(', ');
    return [
      `disagreement: ${closes} differ by more than ${deviationLimitBps} bps, and nothing tells which is right`,
    ];
  }
  return made.excluded.flatMap(({ bar, reason, deviationBps }) =>
    reason === 'deviates'
      ? [
          `disagreement: ${bar.stream} closes at ${bar.close}, ${decimalOf(deviationBps, 0)} bps from the others; left out`,
        ]
      : [],
  );
}

/** How far a stablecoin is from its dollar, and since when. */
function depeg(panel: Panel, a: number, d: number, parameters: PricesParameters): string[] {
  if (!isStablecoin(panel, a, d, parameters)) return [];
  const distance = (day: number) =>
    (panel.close[a * panel.days.length + day]! / unitOn(panel, a, day) - 1) * 10_000;
  const now = distance(d);
  const [low, high] = [panel.low, panel.high].map(
    (column) => (column[a * panel.days.length + d]! / unitOn(panel, a, d) - 1) * 10_000,
  ) as [number, number];
  const worst = Math.abs(low) > Math.abs(high) ? low : high;
  if (Math.abs(now) < parameters.depegBps) {
    return Math.abs(worst) >= parameters.depegBps
      ? [`depeg: traded ${percent(worst)} from 1 USD during the day and closed within ${percent(now)}`]
      : [];
  }
  const first = Math.max(d - parameters.pegWindowDays, 0);
  let since = d;
  while (since > first && Math.abs(distance(since - 1)) >= parameters.depegBps) since--;
  const onset = `${since === first ? 'at least ' : ''}${instantOfDay(panel.days[since]!).slice(0, 10)}`;
  return [`depeg: closes ${percent(now)} from 1 USD, since ${onset}; worst of the day ${percent(worst)}`];
}

/** More traded in a day than there is: possible for a stablecoin, hardly for anything else. */
function turnover(panel: Panel, a: number, d: number, parameters: PricesParameters): string[] {
  const at = a * panel.days.length + d;
  const traded = panel.volume[at]! * panel.close[at]!;
  return traded > panel.marketCap[at]! && !isStablecoin(panel, a, d, parameters)
    ? [
        `volume not credible: ${significant(traded, 3)} USD traded in a day exceed the market capitalisation of ${significant(panel.marketCap[at]!, 3)} USD`,
      ]
    : [];
}

function lastClose(panel: Panel, a: number, d: number): number | null {
  for (let before = d - 1; before >= 0; before--) {
    const close = panel.close[a * panel.days.length + before]!;
    if (close > 0) return close;
  }
  return null;
}

/** Each asset's venues, by the ticker that venues know it by. */
function readVenues(
  { venues = [] }: MarketHistory,
  fromMs: number,
  toMs: number,
): (asset: string) => VenueSeries[] {
  const streams = venues.map((venue) => readBars(venue, { fromMs, toMs }, () => undefined));
  return (asset) =>
    streams.flatMap((stream) => {
      const series = stream.get(asset.split('#')[0]!);
      return series ? [series] : [];
    });
}

/** A venue's days of one identity: days on which the ticker was another asset are not its own. */
function columnsOf(series: VenueSeries, panel: Panel, a: number, start: number, to: number): VenueColumns {
  const column = () => new Float64Array(to - start).fill(Number.NaN);
  const columns = { stream: series.stream, high: column(), low: column(), close: column(), volume: column() };
  for (const [i, day] of series.days.entries()) {
    const d = (day - panel.days[0]!) / DAY_MS;
    if (!(panel.close[a * panel.days.length + d]! > 0)) continue;
    const bar = series.bars[i]!;
    const unit = unitOn(panel, a, d);
    columns.high[d - start] = bar.high * unit;
    columns.low[d - start] = bar.low * unit;
    columns.close[d - start] = bar.close * unit;
    // Significant digits of a volume must survive, and no venue changes its volume's meaning but at a redenomination.
    columns.volume[d - start] = unit === 1 ? bar.volume : bar.volume / unit;
  }
  return columns;
}

function percent(bps: number): string {
  return `${decimalOf(bps / 100, 2) ?? '?'} %`;
}
