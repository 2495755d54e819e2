import { AssayError, type Candle, type Decimal, inRanges, type RowRanges } from '@assay/core';
import { decimalOf, significant } from '../decimal-of.ts';
import { instantOfDay } from '../panel/panel.ts';
import {
  type Columns,
  depegs,
  depegText,
  disagreements,
  emptyColumns,
  type Hours,
  hourly,
  late,
  MINUTE_MS,
  MINUTE_PARAMETERS,
  type MinuteFinding,
  type MinuteParameters,
  mediansOf,
  type Raw,
  readCandle,
  refreshed,
  spikes,
  stale,
  told,
  volumes,
} from './minute.ts';

/** One way in which an asset is priced in dollars, minute by minute. */
export interface HourFeed {
  /** The stream whose price of the asset it is. */
  stream: string;
  /** What it is priced through where it does not quote in dollars: times a rate, or a dollar price over it. */
  times?: string;
  over?: string;
}

/** What an hour's rows depend on beside the candles; recorded with every derivation. */
export interface HourParameters extends MinuteParameters {
  assets: { asset: string; stablecoin: boolean; feeds: HourFeed[] }[];
  /** Minutes of candles before the hour, and hours of own rows. */
  lookbackMinutes: number;
  memoryHours: number;
}

/**
 * Each asset's feeds, direct and through one other stream; of a cross, the venue is the one that trades the asset. The
 * conversions are those of the venue itself where it has one, else of the venue with the deepest market in it.
 */
export const HOUR_PARAMETERS: HourParameters = {
  ...MINUTE_PARAMETERS,
  assets: [
    {
      asset: 'BTC',
      stablecoin: false,
      feeds: [
        { stream: 'coinbase.BTC-USD.1m' },
        { stream: 'kraken.BTC-USD.1m' },
        { stream: 'binance.BTC-USDT.1m', times: 'kraken.USDT-USD.1m' },
        { stream: 'coinbase.BTC-USDT.1m', times: 'coinbase.USDT-USD.1m' },
        { stream: 'kraken.BTC-USDT.1m', times: 'kraken.USDT-USD.1m' },
        { stream: 'binance.BTC-USDC.1m', times: 'kraken.USDC-USD.1m' },
        { stream: 'kraken.BTC-USDC.1m', times: 'kraken.USDC-USD.1m' },
      ],
    },
    {
      asset: 'USDC',
      stablecoin: true,
      feeds: [
        { stream: 'kraken.USDC-USD.1m' },
        { stream: 'binance.USDC-USDT.1m', times: 'kraken.USDT-USD.1m' },
        { stream: 'kraken.BTC-USDC.1m', over: 'kraken.BTC-USD.1m' },
        { stream: 'binance.BTC-USDC.1m', over: 'coinbase.BTC-USD.1m' },
      ],
    },
    {
      asset: 'USDT',
      stablecoin: true,
      feeds: [
        { stream: 'coinbase.USDT-USD.1m' },
        { stream: 'kraken.USDT-USD.1m' },
        { stream: 'binance.BTC-USDT.1m', over: 'coinbase.BTC-USD.1m' },
        { stream: 'coinbase.BTC-USDT.1m', over: 'coinbase.BTC-USD.1m' },
        { stream: 'kraken.BTC-USDT.1m', over: 'kraken.BTC-USD.1m' },
      ],
    },
  ],
  lookbackMinutes: 180,
  memoryHours: 24,
};

/** Name and version of the method; the digest of its code is recorded beside it. */
export const HOUR_FUNCTION = { name: 'market.minutes', version: '1.0.0' } as const;

/** One asset's hour (`figure/v1`). Numbers are decimal strings; null is not known. */
export interface MinuteRow {
  /** Start of the hour. It is known at the hour's end. */
  time: string;
  asset: string;
  /** Minutes of the hour in which some feed traded, and in which at least two had a fresh price to compare. */
  minutes: Decimal;
  compared: Decimal;
  /** Venues on which the asset traded in the hour. */
  venues: string[];
  /** Median of the feeds in US dollars at the hour's last minute that has a price. */
  price: Decimal | null;
  /** Furthest that a feed was from the median of the others. */
  worstBps: Decimal | null;
  /** Minutes of the hour, over all streams read, that the checks had flagged and that are used all the same; and that were rejected and are not. */
  flagged: Decimal;
  rejected: Decimal;
  /** `unknown` with fewer than two venues; `fail` when a finding held in the hour or became known in it. */
  status: 'pass' | 'fail' | 'unknown';
  reason: string;
  findings: HourFinding[];
  /** What later hours need to know of this one: each feed's volume, range and usual deviation. */
  feeds: {
    feed: string;
    minutes: Decimal;
    worstBps: Decimal | null;
    usualBps: Decimal;
    volume: Decimal | null;
    range: Decimal | null;
    roundShare: Decimal | null;
  }[];
}

export type HourFinding = Omit<MinuteFinding, 'asset'>;

export interface HourInput {
  stream: string;
  rows: readonly Candle[];
  flagged: RowRanges;
  rejected: RowRanges;
}

/**
 * Cross-verifies an hour, asset by asset: the findings of {@link crossVerifyMinutes} that hold in the hour or become known
 * in it, out of the hour's candles, some before it, and this function's own rows of the day before, which say since when
 * something is open and what is usual. Nothing after the hour's end is read.
 *
 * Rows that the checks flagged count: in a depeg they are the evidence. Rejected ones do not.
 *
 * @param request `before`: earlier rows of this function, oldest first; of the memory's hours only those count.
 * @returns a row an asset; none when nothing at all was traded in the hour.
 * @throws ARGUMENT_INVALID for an hour that does not begin at one, or more than 32 feeds an asset.
 */
export function verifyHour(
  request: { fromMs: number; inputs: readonly HourInput[]; before: readonly MinuteRow[] },
  parameters: HourParameters = HOUR_PARAMETERS,
): MinuteRow[] {
  const { fromMs } = request;
  const since = parameters.lookbackMinutes;
  if (fromMs % (60 * MINUTE_MS) !== 0 || !Number.isInteger(since) || since < 0 || since > 1_440) {
    throw new AssayError('ARGUMENT_INVALID', 'expected a whole hour and at most a day of candles before it', {
      next: 'begin at a full hour',
    });
  }
  const grid: Grid = { startMs: fromMs - since * MINUTE_MS, since, length: since + 60 };
  const streams = readStreams(request.inputs, grid);
  const traded = [...streams.values()].some(({ columns: { volume } }) =>
    volume.subarray(since).some((one) => one > 0),
  );
  if (!traded) return [];
  const oldest = instantOfDay(fromMs - parameters.memoryHours * 60 * MINUTE_MS);
  const known = request.before.filter(({ time }) => time >= oldest && time < instantOfDay(fromMs));
  return parameters.assets.map((one) =>
    rowOf(
      one,
      streams,
      grid,
      known.filter(({ asset }) => asset === one.asset),
      parameters,
    ),
  );
}

interface Grid {
  startMs: number;
  /** First minute of the hour, counted from the grid's start. */
  since: number;
  length: number;
}

interface Read {
  columns: Columns;
  flagged: number;
  rejected: number;
}

function readStreams(inputs: readonly HourInput[], { startMs, since, length }: Grid): Map<string, Read> {
  const streams = new Map<string, Read>();
  for (const { stream, rows, flagged, rejected } of inputs) {
    let read = streams.get(stream);
    if (!read) {
      read = { columns: emptyColumns(stream, length), flagged: 0, rejected: 0 };
      streams.set(stream, read);
    }
    for (const [i, row] of rows.entries()) {
      const minute = (Date.parse(row.time) - startMs) / MINUTE_MS;
      if (!(minute >= 0 && minute < length && Number.isInteger(minute))) continue;
      if (inRanges(rejected, i)) {
        if (minute >= since) read.rejected += 1;
        continue;
      }
      if (minute >= since && inRanges(flagged, i)) read.flagged += 1;
      readCandle(read.columns, minute, row);
    }
  }
  return streams;
}

function rowOf(
  { asset, stablecoin, feeds: defined }: HourParameters['assets'][number],
  streams: ReadonlyMap<string, Read>,
  grid: Grid,
  before: readonly MinuteRow[],
  parameters: HourParameters,
): MinuteRow {
  const { startMs, since, length } = grid;
  const feeds = defined.map((feed) => refreshed(priced(feed, streams, length), parameters.maxAgeMinutes));
  const { all, others } = mediansOf(feeds, length);
  const last = before.at(-1);
  const open = (last?.findings ?? []).filter(({ over }) => over === null);
  const memory = hoursBefore(before, parameters.memoryHours, grid);
  const hours = new Map(feeds.map((feed) => [feed.stream, hourly(feed, since, memory.get(feed.stream))]));
  const scope = { since, lateEnds: [length - 1], hours };
  const found: Raw[] = [];
  const usual = new Map<string, number>();
  const priceable = feeds.filter(({ fresh }) => fresh.some((one) => one > 0)).length;
  for (const [f, feed] of feeds.entries()) {
    const rest = feeds.filter((other) => other !== feed);
    const remembered = last?.feeds.find((one) => one.feed === feed.stream)?.usualBps;
    const spiked = spikes(feed, rest, others[f]!, parameters, {
      since,
      ...(remembered === undefined ? {} : { usual: Number(remembered) / 10_000 }),
    });
    usual.set(feed.stream, spiked.usual);
    found.push(
      ...disagreements(feed, others[f]!, priceable, parameters),
      ...spiked.found,
      ...stale(feed, others[f]!, parameters),
      ...late(feed, others[f]!, parameters, scope),
      ...volumes(feed, rest, parameters, scope),
    );
  }
  if (stablecoin) {
    const begun = open.some(({ kind }) => kind === 'depeg');
    found.push(...depegs(feeds, all, startMs, parameters, { since, open: begun }));
  }
  const current = told(
    found.filter(({ over }) => over === null || over >= since),
    asset,
    startMs,
  );
  const end = instantOfDay(startMs + (length - 1) * MINUTE_MS);
  const findings = [
    ...current.map((finding) => continued(finding, open, parameters)),
    ...open
      .filter((one) => one.kind === 'stale' && stillSilent(one, feeds, current, since))
      .map((one) => ({ ...one, to: end })),
  ].map(({ asset: _, ...finding }: HourFinding & { asset?: string }) => finding);
  const venues = venuesOf(defined, feeds, since);
  const failing = findings.some((finding) => holdsIn(finding, instantOfDay(startMs + since * MINUTE_MS)));
  const status = venues.length < 2 ? 'unknown' : failing ? 'fail' : 'pass';
  const counts = countsOf(feeds, since);
  const shares = defined.flatMap((feed) => [feed.stream, feed.times ?? feed.over ?? feed.stream]);
  const read = [...new Set(shares)].flatMap((stream) => streams.get(stream) ?? []);
  const worst = feeds.map((feed, f) => worstDeviation(feed, others[f]!, since));
  return {
    ...{ time: instantOfDay(startMs + since * MINUTE_MS), asset },
    ...{ minutes: String(counts.traded), compared: String(counts.compared), venues },
    price: lastPrice(all, since),
    worstBps: shown(Math.max(...worst.filter((one) => !Number.isNaN(one)))),
    flagged: String(read.reduce((sum, one) => sum + one.flagged, 0)),
    rejected: String(read.reduce((sum, one) => sum + one.rejected, 0)),
    status,
    reason:
      status === 'unknown'
        ? `${venues.length === 0 ? 'no venue' : `only ${venues[0]}`} traded ${asset}: two are needed to compare`
        : failing
          ? `${findings.length} finding${findings.length === 1 ? '' : 's'}: ${[...new Set(findings.map(({ kind }) => kind))].join(', ')}`
          : `${venues.length} venues agree`,
    findings,
    feeds: feeds.map((feed, f) => {
      const { volume, range, round } = hours.get(feed.stream)!;
      return {
        feed: feed.stream,
        minutes: String(tradedIn(feed, since)),
        worstBps: shown(worst[f]!),
        usualBps: decimalOf(usual.get(feed.stream)! * 10_000, 4) ?? '0',
        volume: feed.ownVolume ? significant(volume.at(-1)!) : null,
        range: significant(range.at(-1)!),
        roundShare: decimalOf(round.at(-1)!, 4),
      };
    }),
  };
}

/** Whether a finding holds in the hour that begins at an instant, or became known in it: not only that it was over. */
export function holdsIn({ to, knownAt, over }: HourFinding, hour: string): boolean {
  return to >= hour || knownAt >= hour || over === null;
}

/** A feed in dollars. Where it is a cross, both must have traded in a minute. */
function priced(
  { stream, times, over }: HourFeed,
  streams: ReadonlyMap<string, Read>,
  length: number,
): Columns {
  const base = streams.get(stream)?.columns ?? emptyColumns(stream, length);
  const through = times ?? over;
  if (through === undefined) return { ...base, fresh: new Float64Array(length).fill(Number.NaN) };
  const other = streams.get(through)?.columns;
  const made = emptyColumns(
    times ? `${stream} x ${times}` : `${over} / ${stream}`,
    length,
    times !== undefined,
  );
  if (!other) return made;
  for (let m = 0; m < length; m++) {
    const rate = other.close[m]!;
    if (!(other.volume[m]! > 0) || Number.isNaN(base.close[m]!)) continue;
    made.volume[m] = base.volume[m]!;
    made.close[m] = times ? base.close[m]! * rate : rate / base.close[m]!;
    // The dollar price over the feed's: where the feed is highest, the asset that it quotes in is lowest.
    made.high[m] = times ? base.high[m]! * rate : rate / base.low[m]!;
    made.low[m] = times ? base.low[m]! * rate : rate / base.high[m]!;
  }
  return made;
}

/** Volume, range and round share of each feed in the hours of the memory; nothing where an hour is missing. */
function hoursBefore(
  before: readonly MinuteRow[],
  memoryHours: number,
  { startMs, since }: Grid,
): Map<string, Hours> {
  const byTime = new Map(before.map((row) => [row.time, row]));
  const found = new Map<string, Hours>();
  for (let back = memoryHours; back >= 1; back--) {
    const row = byTime.get(instantOfDay(startMs + (since - back * 60) * MINUTE_MS));
    for (const { feed, volume, range, roundShare } of row?.feeds ?? []) {
      const hours = found.get(feed) ?? { volume: [], range: [], round: [] };
      found.set(feed, hours);
      hours.volume.push(Number(volume ?? 0));
      hours.range.push(range === null ? Number.NaN : Number(range));
      hours.round.push(roundShare === null ? Number.NaN : Number(roundShare));
    }
  }
  return found;
}

/** A finding that was open at the last hour's end goes on: it began when it began, and its worst is its worst. */
function continued(
  finding: MinuteFinding,
  open: readonly HourFinding[],
  { recoveryBps }: HourParameters,
): MinuteFinding {
  const earlier = open.find(
    ({ kind, stream, to }) =>
      kind === finding.kind &&
      stream === finding.stream &&
      finding.from <= instantOfDay(Date.parse(to) + MINUTE_MS),
  );
  if (!earlier) return finding;
  const { from, knownAt, worstBps } = earlier;
  const worse =
    worstBps !== null && !(Math.abs(Number(finding.worstBps ?? Number.NaN)) > Math.abs(Number(worstBps)));
  const made = { ...finding, from, knownAt };
  if (!worse) return made;
  const kept = { ...made, worstBps, evidence: earlier.evidence };
  if (finding.kind !== 'depeg') return { ...kept, text: earlier.text };
  const back = finding.over === null ? null : instantOfDay(Date.parse(finding.to) + MINUTE_MS);
  return {
    ...kept,
    text: depegText(Number(worstBps), earlier.evidence[0]?.time ?? from, recoveryBps, back),
  };
}

/** A feed that has been silent for longer than the candles before the hour reach is as stale as it was. */
function stillSilent(
  { stream }: HourFinding,
  feeds: readonly Columns[],
  current: readonly MinuteFinding[],
  since: number,
): boolean {
  const feed = feeds.find((one) => one.stream === stream);
  return (
    feed !== undefined &&
    tradedIn(feed, since) === 0 &&
    !current.some((finding) => finding.kind === 'stale' && finding.stream === stream)
  );
}

function venuesOf(defined: readonly HourFeed[], feeds: readonly Columns[], since: number): string[] {
  const trading = defined.filter((_, f) => tradedIn(feeds[f]!, since) > 0);
  return [...new Set(trading.map(({ stream }) => stream.slice(0, stream.indexOf('.'))))].sort();
}

function tradedIn({ volume }: Columns, since: number): number {
  let count = 0;
  for (let m = since; m < volume.length; m++) if (volume[m]! > 0) count++;
  return count;
}

function countsOf(feeds: readonly Columns[], since: number): { traded: number; compared: number } {
  const counts = { traded: 0, compared: 0 };
  for (let m = since; m < (feeds[0]?.close.length ?? 0); m++) {
    if (feeds.some(({ volume }) => volume[m]! > 0)) counts.traded++;
    if (feeds.filter(({ fresh }) => fresh[m]! > 0).length >= 2) counts.compared++;
  }
  return counts;
}

function worstDeviation({ fresh }: Columns, others: Float64Array, since: number): number {
  let worst = Number.NaN;
  for (let m = since; m < fresh.length; m++) {
    const bps = Math.abs(fresh[m]! / others[m]! - 1) * 10_000;
    if (!Number.isNaN(bps) && !(bps <= worst)) worst = bps;
  }
  return worst;
}

function lastPrice(all: Float64Array, since: number): Decimal | null {
  for (let m = all.length - 1; m >= since; m--) if (all[m]! > 0) return significant(all[m]!);
  return null;
}

function shown(bps: number): Decimal | null {
  return decimalOf(bps, 2);
}
