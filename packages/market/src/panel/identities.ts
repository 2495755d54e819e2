import type { CapRow } from '../rows.ts';
import { type CompositeBar, type CompositeParameters, compositeBar } from './composite-bar.ts';
import type { DefectDay } from './defect.ts';
import type { VenueSeries } from './read-bars.ts';

const DAY_MS = 86_400_000;
/** A close not older than this can be held against a snapshot. */
const FRESH_MS = DAY_MS;

export interface IdentityParameters extends CompositeParameters {
  /** A snapshot is carried forward for this many days. */
  capMaxAgeDays: number;
  /** A ticker that was silent for longer may come back as another asset. */
  relaunchGapDays: number;
  /** By how much the price must differ, up or down, to be another asset's. */
  relaunchFactor: string;
  /** How near an opening gap must be to a power of ten to be a redenomination, relative. */
  redenominationTolerance: string;
  /** Redenominations that were announced: how many new units make an old one, from a day on. */
  redenominations: readonly { asset: string; from: string; newPerOld: string }[];
}

/** A snapshot's row, as doubles. */
export interface CapEntry {
  /** Place of its stream among the snapshots' streams. */
  source: number;
  symbol: string;
  name: string;
  price: number;
  marketCap: number;
  supply: number;
}

/** One asset behind a ticker. */
export interface Identity {
  asset: string;
  symbol: string;
  /** Composite bars in the units of its first day. */
  bars: { day: number; bar: CompositeBar; unit: number }[];
  /** Snapshots, supply in the units of its first day. */
  caps: { day: number; source: number; marketCap: number; supply: number }[];
  names: { day: number; name: string }[];
  redenominations: { day: number; newPerOld: number }[];
}

interface Track extends Identity {
  unit: number;
  lastBarDay: number;
  lastBarClose: number;
  lastCapDay: number;
  lastCapPrice: number;
  lastSupply: number;
  /** A redenomination that no supply has confirmed yet. */
  open: { day: number; newPerOld: number; supplyBefore: number } | null;
}

/**
 * Who stands behind a ticker over time. Reads its days in order and decides each with what was known by then: a bar or
 * a snapshot continues the identity that it fits, or begins a new one (`LUNA`, `LUNA#2`, …). Two assets are never
 * joined because they share a ticker.
 *
 * - A ticker that was silent for longer than the gap and comes back with another name, or at a price that differs by
 *   the factor, is another asset. In snapshots, where an asset also falls silent when it leaves the list, the supply
 *   must have jumped too.
 * - An opening gap of a power of ten between two days' bars, at all venues at once, is a redenomination: a market that
 *   trades around the clock does not gap tenfold at midnight. It is the same asset, in other units. Whether the supply
 *   moved inversely is said as soon as a snapshot shows it.
 * - Of two rows with one ticker in a snapshot, the one whose price fits goes on; the other is another asset.
 */
export function identify(
  ticker: string,
  venues: readonly VenueSeries[],
  snapshots: readonly { day: number; entries: CapEntry[] }[],
  parameters: IdentityParameters,
  tell: (defect: DefectDay) => void,
): Identity[] {
  const tracks: Track[] = [];
  const streams = venues.map(({ stream }) => stream).join(', ');
  const places = venues.map(() => 0);
  let nextSnapshot = 0;
  const begin = (symbol: string): Track => {
    const track: Track = {
      asset: tracks.length === 0 ? ticker : `${ticker}#${tracks.length + 1}`,
      symbol,
      bars: [],
      caps: [],
      names: [],
      redenominations: [],
      unit: 1,
      lastBarDay: Number.NaN,
      lastBarClose: Number.NaN,
      lastCapDay: Number.NaN,
      lastCapPrice: Number.NaN,
      lastSupply: Number.NaN,
      open: null,
    };
    tracks.push(track);
    return track;
  };
  const says = (kind: DefectDay['kind'], track: Track, fromMs: number, toMs: number, text: string) =>
    tell({ kind, asset: track.asset, stream: null, fromMs, toMs, text });
  const context: Context = { ticker, streams, parameters, tracks, begin, says };

  for (;;) {
    let day = snapshots[nextSnapshot]?.day ?? Number.POSITIVE_INFINITY;
    for (const [v, { days }] of venues.entries()) day = Math.min(day, days[places[v]!] ?? day);
    if (day === Number.POSITIVE_INFINITY) break;
    const bars = venues.flatMap(({ days, bars: all }, v) =>
      days[places[v]!] === day ? [all[places[v]!++]!] : [],
    );
    if (bars.length > 0) {
      const trading = tracks.findLast((track) => !Number.isNaN(track.lastBarDay));
      const bar = compositeBar(bars, trading?.lastBarClose ?? null, parameters)!;
      readBar(context, day, bar, trading);
    }
    if (snapshots[nextSnapshot]?.day === day) readSnapshot(context, day, snapshots[nextSnapshot++]!.entries);
  }
  return tracks;
}

interface Context {
  ticker: string;
  streams: string;
  parameters: IdentityParameters;
  tracks: Track[];
  begin: (symbol: string) => Track;
  says: (kind: DefectDay['kind'], track: Track, fromMs: number, toMs: number, text: string) => void;
}

function readBar(
  { ticker, streams, parameters, tracks, begin, says }: Context,
  day: number,
  bar: CompositeBar,
  trading: Track | undefined,
): void {
  let track = trading;
  if (!track) {
    // The first bar of the ticker: it belongs to the asset of the snapshots whose price it has.
    track =
      tracks.find(
        (candidate) =>
          day - candidate.lastCapDay <= parameters.capMaxAgeDays * DAY_MS &&
          within(bar.close / candidate.lastCapPrice, Number(parameters.relaunchFactor)),
      ) ?? begin(ticker);
  } else {
    const gapDays = (day - track.lastBarDay) / DAY_MS;
    // A snapshot within the silence says better than the last bar what the price was.
    const seen =
      track.lastCapDay > track.lastBarDay && track.caps.length > 0 ? track.lastCapPrice : track.lastBarClose;
    const ratio = bar.open / (gapDays > parameters.relaunchGapDays ? seen : track.lastBarClose);
    const newPerOld = redenominated(ticker, track, day, bar, ratio, parameters);
    if (newPerOld !== null) {
      track.unit *= newPerOld;
      track.redenominations.push({ day, newPerOld });
      track.open = { day, newPerOld, supplyBefore: track.lastSupply };
      says(
        'redenomination',
        track,
        track.lastBarDay,
        day,
        `one old unit became ${newPerOld} new ones: the price went from ${track.lastBarClose} to ${bar.open} between two bars; returns across it are corrected, the supply is not yet known`,
      );
    } else if (gapDays > parameters.relaunchGapDays) {
      const before = track.names.findLast((entry) => entry.day <= track!.lastBarDay)?.name;
      const now = track.names.at(-1)?.name;
      const renamed = before !== undefined && now !== undefined && !sameName(before, now);
      const elsewhere = tracks.findLast(
        (other) =>
          other !== track &&
          day - other.lastCapDay <= parameters.capMaxAgeDays * DAY_MS &&
          within(bar.close / other.lastCapPrice, Number(parameters.relaunchFactor)),
      );
      if (renamed || elsewhere || !within(ratio, Number(parameters.relaunchFactor))) {
        const old = track;
        track = elsewhere ?? begin(ticker);
        says(
          'relaunched',
          track,
          old.lastBarDay,
          day,
          `the ticker ${ticker} was silent for ${gapDays} days and came back at ${round(ratio)} times the price${
            renamed ? `, as ${now} instead of ${before}` : ''
          }: held to be another asset than ${old.asset}`,
        );
      }
    } else if (!within(ratio, Number(parameters.relaunchFactor))) {
      says(
        'price-jump',
        track,
        track.lastBarDay,
        day,
        `opened at ${round(ratio)} times the close of the bar before, which is no power of ten; left as it is`,
      );
    }
    if (track === trading && gapDays > 1) {
      says(
        'missing-days',
        track,
        track.lastBarDay + DAY_MS,
        day - DAY_MS,
        `no bar on ${gapDays - 1} ${gapDays === 2 ? 'day' : 'days'} at ${streams}`,
      );
    }
  }
  if (bar.volume === 0) says('zero-volume', track, day, day, 'nothing was traded; the price is only a quote');
  track.bars.push({ day, bar, unit: track.unit });
  track.lastBarDay = day;
  track.lastBarClose = bar.close;
}

/** How many new units make an old one, if the units changed with this bar; else null. */
function redenominated(
  ticker: string,
  track: Track,
  day: number,
  bar: CompositeBar,
  ratio: number,
  { redenominations, redenominationTolerance, relaunchGapDays }: IdentityParameters,
): number | null {
  for (const stated of redenominations) {
    const from = Math.floor(Date.parse(stated.from) / DAY_MS) * DAY_MS;
    const newPerOld = Number(stated.newPerOld);
    // Stated for a day without a bar, it takes effect with the next one.
    if (stated.asset === ticker && from <= day && from > track.lastBarDay && within(ratio * newPerOld, 2)) {
      return newPerOld;
    }
  }
  const power = 10 ** Math.round(Math.log10(ratio));
  if (power === 1 || Math.abs(ratio / power - 1) > Number(redenominationTolerance)) return null;
  // It opened there and stayed there; a collapse or a spike of the market does neither.
  if (!within(bar.close / bar.open, 2) || !within(bar.high / bar.low, 4)) return null;
  const newPerOld = power < 1 ? Math.round(1 / power) : 1 / power;
  if ((day - track.lastBarDay) / DAY_MS <= relaunchGapDays) return newPerOld;
  // After a long silence only the supply tells it from a relaunch.
  const [before, after] = [
    track.caps.findLast((cap) => cap.day <= track.lastBarDay)?.supply,
    track.caps.at(-1)?.supply,
  ];
  return before && after && within(after / before / newPerOld, 1.5) ? newPerOld : null;
}

function readSnapshot(context: Context, day: number, entries: readonly CapEntry[]): void {
  const bySource = new Map<number, CapEntry[]>();
  for (const entry of entries) {
    const rows = bySource.get(entry.source);
    if (rows) rows.push(entry);
    else bySource.set(entry.source, [entry]);
  }
  for (const rows of bySource.values()) {
    if (rows.length > 1) {
      const names = rows.map(({ name, price }) => `${name} at ${price}`).join(' and ');
      const track = context.tracks.at(-1) ?? context.begin(rows[0]!.symbol);
      context.says('duplicate-symbol', track, day, day, `one snapshot has ${names} under ${context.ticker}`);
    }
    const taken = new Set<Track>();
    const pairs = rows
      .flatMap((row) =>
        context.tracks.map((track) => ({ row, track, distance: distanceTo(track, row, day) })),
      )
      .sort((a, b) => a.distance - b.distance);
    const placed = new Map<CapEntry, Track>();
    for (const { row, track } of pairs) {
      if (!placed.has(row) && !taken.has(track)) {
        placed.set(row, track);
        taken.add(track);
      }
    }
    for (const row of rows) place(context, day, row, placed.get(row), rows.length > 1);
  }
}

/** How far a row's price is from what is known of an identity, in logarithms. */
function distanceTo(track: Track, row: CapEntry, day: number): number {
  const fresh = day - track.lastBarDay <= FRESH_MS;
  const price = fresh ? track.lastBarClose : track.lastCapPrice;
  const name = track.names.at(-1)?.name;
  const distance = Math.abs(Math.log(row.price / price));
  return (
    (Number.isNaN(distance) ? 0 : distance) + (name === undefined || sameName(name, row.name) ? 0 : 0.01)
  );
}

function place(
  context: Context,
  day: number,
  row: CapEntry,
  fitting: Track | undefined,
  duplicated: boolean,
): void {
  const { ticker, parameters, begin, says } = context;
  const factor = Number(parameters.relaunchFactor);
  let track = fitting ?? begin(row.symbol);
  if (day - track.lastBarDay <= FRESH_MS && !within(row.price / track.lastBarClose, factor)) {
    if (!duplicated) {
      says(
        'cap-disagrees',
        track,
        day,
        day,
        `a snapshot has ${row.name} at ${row.price}, the venues close at ${track.lastBarClose}: it may be another asset with the ticker ${ticker}; not used`,
      );
      return;
    }
    track = begin(row.symbol);
  } else if (track.caps.length > 0 && !(day - track.lastBarDay <= FRESH_MS)) {
    const priceRatio = row.price / track.lastCapPrice;
    const supplyRatio = row.supply / track.lastSupply;
    const gapDays = (day - track.lastCapDay) / DAY_MS;
    const name = track.names.at(-1)?.name ?? row.name;
    const power = 10 ** Math.round(Math.log10(supplyRatio));
    if (power !== 1 && within(supplyRatio / power, 1.25) && within(priceRatio * power, factor)) {
      track.unit *= power;
      track.redenominations.push({ day, newPerOld: power });
      says(
        'redenomination',
        track,
        track.lastCapDay,
        day,
        `one old unit became ${round(power)} new ones: supply went from ${track.lastSupply} to ${row.supply} and the price from ${track.lastCapPrice} to ${row.price}; corrected`,
      );
    } else {
      const long = gapDays > 2 * parameters.capMaxAgeDays;
      const otherPrice = !within(priceRatio, factor);
      const otherName = !sameName(name, row.name) && !within(supplyRatio, 1.5);
      // Emission makes a supply grow twentyfold in a year (SLP, 2021); burning never halved one in these snapshots.
      const otherSupply = supplyRatio < 0.5 || supplyRatio > 100;
      if (otherPrice && (duplicated || otherName || (long && otherSupply))) {
        const old = track;
        track = begin(row.symbol);
        says(
          'relaunched',
          track,
          old.lastCapDay,
          day,
          `${row.name} came at ${round(priceRatio)} times the price and ${round(supplyRatio)} times the supply of ${name}, ${gapDays} days after its last snapshot: held to be another asset than ${old.asset}`,
        );
      }
    }
  }
  if (track.open && Number.isFinite(row.supply / track.open.supplyBefore)) {
    const moved = within(row.supply / track.open.supplyBefore / track.open.newPerOld, 1.5);
    says(
      'redenomination',
      track,
      track.open.day,
      day,
      moved
        ? `the supply of the snapshot moved inversely, from ${track.open.supplyBefore} to ${row.supply}: confirmed`
        : `the supply of the snapshot did not move inversely (${track.open.supplyBefore} before, ${row.supply} now): not confirmed, somebody must look`,
    );
    track.open = null;
  }
  const known = track.names.at(-1)?.name;
  if (known !== row.name) {
    track.names.push({ day, name: row.name });
    if (known !== undefined && !sameName(known, row.name)) {
      says('renamed', track, day, day, `${known} is called ${row.name} now`);
    }
  }
  track.caps.push({
    day,
    source: row.source,
    marketCap: row.marketCap,
    supply: row.supply / track.unit,
  });
  track.lastCapDay = day;
  track.lastCapPrice = row.price;
  track.lastSupply = row.supply;
}

/** Whether a ratio lies between 1/factor and factor; NaN does, because it says nothing. */
function within(ratio: number, factor: number): boolean {
  return !(ratio > factor || ratio < 1 / factor);
}

/** Names that differ in case, spaces or an addition only. */
function sameName(a: string, b: string): boolean {
  const [x, y] = [a, b].map((name) => name.toLowerCase().replace(/\(.*?\)|[^\p{L}\p{N}]/gu, '')) as [
    string,
    string,
  ];
  return x === y || (x !== '' && y.startsWith(x)) || (y !== '' && x.startsWith(y));
}

function round(value: number): number {
  return Number(value.toPrecision(3));
}

/** A snapshot's row as doubles; null where its price or capitalisation cannot be read. */
export function readCap(row: CapRow, source: number): CapEntry | null {
  const price = Number(row.priceUsd);
  const marketCap = Number(row.marketCapUsd);
  const supply = row.supply === null ? Number.NaN : Number(row.supply);
  if (!(price > 0 && price < Number.POSITIVE_INFINITY && marketCap >= 0 && Number.isFinite(marketCap)))
    return null;
  return {
    source,
    symbol: row.symbol,
    name: row.name,
    price,
    marketCap,
    supply: supply > 0 ? supply : Number.NaN,
  };
}
