import { AssayError, type Candle, type Decimal } from '@assay/core';
import { decimalOf, significant } from '../decimal-of.ts';
import { median } from '../panel/composite-bar.ts';
import { instantOfDay } from '../panel/panel.ts';
import { significantDigits } from './venue-findings.ts';

export const MINUTE_MS = 60_000;
const MAX_MINUTES = 200_000;
const MAX_FEEDS = 32;
const MAX_FINDINGS = 1000;
const MAX_EVIDENCE = 8;

export interface MinuteParameters {
  /** A price is not used when the last trade is older. */
  maxAgeMinutes: number;
  /** Distance from the others' median, and for how many minutes. */
  disagreementBps: number;
  disagreementMinutes: number;
  /** How far one feed's minute must reach beyond the others' and its own last price, and how many times its usual deviation. */
  spikeBps: number;
  spikeTimesUsual: number;
  /** Minutes on both sides in which another feed may follow. */
  followMinutes: number;
  /** Minutes without a new price while the others moved. */
  staleMinutes: number;
  staleMoveBps: number;
  /** Minutes of returns from which lateness is read, and how late is looked for. */
  lateWindowMinutes: number;
  lateMinutes: number;
  /** Distance from a dollar and minutes until a depeg is told; distance and minutes until it is over. */
  depegBps: number;
  depegMinutes: number;
  recoveryBps: number;
  recoveryMinutes: number;
  /** An hour's volume against the median of a day of hours, for the feed and for the others; its range likewise. */
  volumeJump: number;
  othersJump: number;
  quietRange: string;
  /** Shares of an hour's traded minutes with round volume, and with one and the same volume. */
  roundShare: string;
  sameShare: string;
}

/** The parameters in use; docs/cross-verification.md has their false alarms. */
export const MINUTE_PARAMETERS: MinuteParameters = {
  maxAgeMinutes: 5,
  disagreementBps: 100,
  disagreementMinutes: 3,
  spikeBps: 100,
  spikeTimesUsual: 8,
  followMinutes: 2,
  staleMinutes: 15,
  staleMoveBps: 30,
  lateWindowMinutes: 180,
  lateMinutes: 10,
  depegBps: 100,
  depegMinutes: 5,
  recoveryBps: 50,
  recoveryMinutes: 60,
  volumeJump: 8,
  othersJump: 2,
  quietRange: '1.5',
  roundShare: '0.6',
  sameShare: '0.3',
};

export interface MinuteFeed {
  stream: string;
  rows: readonly Candle[];
}

export interface MinuteFinding {
  kind: 'disagreement' | 'spike' | 'stale' | 'late' | 'depeg' | 'volume';
  asset: string;
  /** Null when it concerns all feeds, or when two disagree and nothing tells which is right. */
  stream: string | null;
  /** First and last minute. */
  from: string;
  to: string;
  /** The minute at whose end it was known: nothing later was needed to say that it had begun. */
  knownAt: string;
  /** The minute at whose end it was known to be over; null while it is not. */
  over: string | null;
  /** Of a disagreement and of a depeg: the largest distance. */
  worstBps: Decimal | null;
  text: string;
  /** What was read, at most eight values: the feed's and the others' median at that minute. */
  evidence: { stream: string; time: string; value: Decimal; others: Decimal | null }[];
}

/** A feed as one double a minute; NaN where there is nothing. */
export interface Columns {
  stream: string;
  /** Whether its volume is one of the asset, so that it can be judged. */
  ownVolume: boolean;
  high: Float64Array;
  low: Float64Array;
  close: Float64Array;
  volume: Float64Array;
  /** The last traded close, if it is not too old. */
  fresh: Float64Array;
}

/**
 * Several feeds' one-minute candles of one asset, held against each other. A candle without volume is a quote and no
 * trade: it makes no price fresh. Memory is one double per feed, minute and column.
 *
 * @param request `stablecoin` asks whether the asset keeps to a dollar.
 * @returns Findings in the order of their first minute, at most a thousand; `minutes` that at least two feeds traded.
 * @throws ARGUMENT_INVALID for more than 32 feeds or 200,000 minutes, or times that are not whole minutes.
 * @example
 * crossVerifyMinutes({ asset: 'USDC', stablecoin: true, feeds: [{ stream: 'kraken.USDC-USD.1m', rows }] });
 */
export function crossVerifyMinutes(
  request: { asset: string; stablecoin?: boolean; feeds: readonly MinuteFeed[] },
  parameters: MinuteParameters = MINUTE_PARAMETERS,
): { findings: MinuteFinding[]; minutes: number } {
  const { feeds, startMs, length } = readFeeds(request.feeds, parameters);
  const { all, others } = mediansOf(feeds, length);
  const found: Raw[] = [];
  const hours = new Map(feeds.map((feed) => [feed.stream, hourly(feed, 0)]));
  const wholly = { since: 0, lateEnds: lateEnds(length, parameters), hours };
  for (const [f, feed] of feeds.entries()) {
    const rest = feeds.filter((other) => other !== feed);
    found.push(
      ...disagreements(feed, others[f]!, feeds.length, parameters),
      ...spikes(feed, rest, others[f]!, parameters, wholly).found,
      ...stale(feed, others[f]!, parameters),
      ...late(feed, others[f]!, parameters, wholly),
      ...volumes(feed, rest, parameters, wholly),
    );
  }
  if (request.stablecoin) found.push(...depegs(feeds, all, startMs, parameters));
  let minutes = 0;
  for (let m = 0; m < length; m++) if (feeds.filter(({ volume }) => volume[m]! > 0).length >= 2) minutes++;
  return { minutes, findings: told(found, request.asset, startMs) };
}

export interface Raw {
  kind: MinuteFinding['kind'];
  stream: string | null;
  from: number;
  to: number;
  known: number;
  /** Minute at whose end it was known to be over. */
  over: number | null;
  worstBps?: number;
  text: string;
  evidence: { stream: string; minute: number; value: number; others: number | null }[];
}

/** Findings as they are given out: in the order of their first minute, and at most a thousand. */
export function told(found: readonly Raw[], asset: string, startMs: number): MinuteFinding[] {
  const at = (minute: number) => instantOfDay(startMs + minute * MINUTE_MS);
  return dropTwins([...found].sort((a, b) => a.from - b.from))
    .slice(0, MAX_FINDINGS)
    .map(({ kind, stream, from, to, known, over, worstBps, text, evidence }) => ({
      ...{ kind, asset, stream, from: at(from), to: at(to), knownAt: at(known) },
      over: over === null ? null : at(over),
      worstBps: worstBps === undefined ? null : decimalOf(worstBps, 2),
      text,
      evidence: evidence.slice(0, MAX_EVIDENCE).map(({ stream: name, minute, value, others: rest }) => ({
        stream: name,
        time: at(minute),
        value: significant(value) ?? '0',
        others: rest === null ? null : significant(rest),
      })),
    }));
}

/** Two feeds that disagree say so twice; once is enough. */
function dropTwins(found: readonly Raw[]): Raw[] {
  return found.filter(
    (one, i) =>
      one.stream !== null ||
      one.kind !== 'disagreement' ||
      !found
        .slice(0, i)
        .some((twin) => twin.kind === one.kind && twin.stream === null && twin.from === one.from),
  );
}

function readFeeds(
  feeds: readonly MinuteFeed[],
  { maxAgeMinutes }: MinuteParameters,
): { feeds: Columns[]; startMs: number; length: number } {
  if (feeds.length > MAX_FEEDS) {
    throw new AssayError('ARGUMENT_INVALID', `expected at most ${MAX_FEEDS} feeds, got ${feeds.length}`);
  }
  let [first, last] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  const times = feeds.map(({ stream, rows }) =>
    rows.map(({ time }) => {
      const ms = Date.parse(time);
      if (!(ms % MINUTE_MS === 0)) {
        throw new AssayError(
          'ARGUMENT_INVALID',
          `expected whole minutes in ${stream}, got ${time.slice(0, 40)}`,
        );
      }
      first = Math.min(first, ms);
      last = Math.max(last, ms);
      return ms;
    }),
  );
  const length = last >= first ? (last - first) / MINUTE_MS + 1 : 0;
  if (length > MAX_MINUTES) {
    throw new AssayError('ARGUMENT_INVALID', `expected at most ${MAX_MINUTES} minutes, got ${length}`, {
      next: 'verify a shorter period at a time',
    });
  }
  const read = feeds.map(({ stream, rows }, f): Columns => {
    const columns = emptyColumns(stream, length);
    for (const [i, row] of rows.entries()) readCandle(columns, (times[f]![i]! - first) / MINUTE_MS, row);
    return refreshed(columns, maxAgeMinutes);
  });
  return { feeds: read, startMs: first, length };
}

export function emptyColumns(stream: string, length: number, ownVolume = true): Columns {
  const column = () => new Float64Array(length).fill(Number.NaN);
  return {
    ...{ stream, ownVolume, high: column(), low: column(), close: column(), volume: column() },
    fresh: column(),
  };
}

/** The first row of a minute counts; what is no candle is no measurement. */
export function readCandle({ high, low, close, volume }: Columns, m: number, row: Candle): void {
  if (!Number.isNaN(close[m]!)) return;
  const [top, bottom, last, traded] = [
    Number(row.high),
    Number(row.low),
    Number(row.close),
    Number(row.volume),
  ];
  if (!(bottom > 0 && top >= bottom && last >= bottom && last <= top)) return;
  high[m] = top;
  low[m] = bottom;
  close[m] = last;
  volume[m] = traded >= 0 ? traded : Number.NaN;
}

/** Notes the last traded close of each minute, where it is not too old. */
export function refreshed(columns: Columns, maxAgeMinutes: number): Columns {
  const { close, volume, fresh } = columns;
  let lastTrade = Number.NEGATIVE_INFINITY;
  for (let m = 0; m < close.length; m++) {
    if (volume[m]! > 0) lastTrade = m;
    if (m - lastTrade <= maxAgeMinutes) fresh[m] = close[lastTrade]!;
  }
  return columns;
}

/** Medians of each minute's fresh prices: of all feeds, and of those beside each one. */
export function mediansOf(
  feeds: readonly Columns[],
  length: number,
): { all: Float64Array; others: Float64Array[] } {
  const column = () => new Float64Array(length).fill(Number.NaN);
  const [all, others] = [column(), feeds.map(column)];
  const prices = new Float64Array(feeds.length);
  const owners = new Int32Array(feeds.length);
  for (let m = 0; m < length; m++) {
    let count = 0;
    for (const [f, { fresh }] of feeds.entries()) {
      const price = fresh[m]!;
      if (Number.isNaN(price)) continue;
      let place = count++;
      for (; place > 0 && prices[place - 1]! > price; place--) {
        prices[place] = prices[place - 1]!;
        owners[place] = owners[place - 1]!;
      }
      prices[place] = price;
      owners[place] = f;
    }
    if (count === 0) continue;
    // The one at `skipped` is passed over; none is when it lies beyond the last.
    const middle = (left: number, skipped: number) => {
      const at = (i: number) => prices[i < skipped ? i : i + 1]!;
      const half = left >> 1;
      return left % 2 === 1 ? at(half) : (at(half - 1) + at(half)) / 2;
    };
    all[m] = middle(count, count);
    for (const other of others) other[m] = all[m]!;
    for (let place = 0; place < count; place++)
      others[owners[place]!]![m] = count === 1 ? Number.NaN : middle(count - 1, place);
  }
  return { all, others };
}

/** Runs of minutes for which something holds, at least so long; a break of up to `bridge` minutes does not end one. */
function runs(
  length: number,
  holds: (m: number) => boolean,
  least: number,
  bridge = 0,
): { from: number; to: number; over: number | null }[] {
  const found: { from: number; to: number; over: number | null }[] = [];
  let start = -1;
  let end = -1;
  for (let m = 0; m <= length; m++) {
    if (m < length && holds(m)) {
      if (start < 0) start = m;
      end = m;
    } else if (start >= 0 && (m === length || m - end > bridge)) {
      if (end - start + 1 >= least) found.push({ from: start, to: end, over: m === length ? null : m });
      start = -1;
    }
  }
  return found;
}

export function disagreements(
  { stream, fresh }: Columns,
  others: Float64Array,
  feeds: number,
  { disagreementBps, disagreementMinutes }: MinuteParameters,
): Raw[] {
  const deviation = (m: number) => (fresh[m]! / others[m]! - 1) * 10_000;
  return runs(fresh.length, (m) => Math.abs(deviation(m)) >= disagreementBps, disagreementMinutes, 5).map(
    ({ from, to, over }) => {
      const worst = worstOf(from, to, (m) => Math.abs(deviation(m)));
      return {
        kind: 'disagreement',
        stream: feeds > 2 ? stream : null,
        from,
        to,
        known: Math.min(from + disagreementMinutes - 1, to),
        over,
        worstBps: deviation(worst),
        text: `${stream} is ${percent(deviation(worst))} from the others' median at worst`,
        evidence: [from, worst, to].map((minute) => ({
          stream,
          minute,
          value: fresh[minute]!,
          others: others[minute]!,
        })),
      };
    },
  );
}

/**
 * Minutes that the others did not follow: one is judged when they have had their minutes to.
 *
 * @param scope findings known from `since` on; `usual` is the usual deviation before them, where that is known.
 * @returns also the usual deviation after the last minute that was judged.
 */
export function spikes(
  feed: Columns,
  rest: readonly Columns[],
  others: Float64Array,
  { spikeBps, spikeTimesUsual, followMinutes }: MinuteParameters,
  { since, usual: before }: { since: number; usual?: number },
): { found: Raw[]; usual: number } {
  const { stream, high, low, fresh } = feed;
  const found: Raw[] = [];
  let usual = before ?? 0;
  const first = Math.max(since - followMinutes, 1);
  for (let m = before === undefined ? 1 : first; m < high.length - followMinutes; m++) {
    const deviation = Math.abs(fresh[m]! / others[m]! - 1);
    const own = fresh[m - 1]!;
    const limit = Math.max(spikeBps / 10_000, usual * spikeTimesUsual);
    if (!Number.isNaN(deviation)) {
      // Four hours of memory; one spike can raise it by four times at most.
      usual += (Math.min(deviation, usual === 0 ? deviation : 4 * usual) - usual) / 240;
    }
    if (m < first || !(feed.volume[m]! > 0) || Number.isNaN(own)) continue;
    const up = high[m]! > own * (1 + limit);
    const down = low[m]! < own * (1 - limit);
    if (!up && !down) continue;
    const [top, bottom] = reach(rest, m - followMinutes, m + followMinutes);
    const above = up && high[m]! > top * (1 + limit);
    const below = down && low[m]! < bottom * (1 - limit);
    if (!above && !below) continue;
    const value = above ? high[m]! : low[m]!;
    const bound = above ? top : bottom;
    found.push({
      kind: 'spike',
      stream,
      from: m,
      to: m,
      known: m + followMinutes,
      over: m + followMinutes,
      text: `${stream} traded at ${value}, ${percent((value / bound - 1) * 10_000)} beyond anything on the others within ${followMinutes} minutes`,
      evidence: [
        { stream, minute: m - 1, value: own, others: others[m - 1]! },
        { stream, minute: m, value, others: bound },
      ],
    });
  }
  return { found, usual };
}

/** Highest and lowest that the others traded at. */
function reach(feeds: readonly Columns[], from: number, to: number): [number, number] {
  let [top, bottom] = [Number.NaN, Number.NaN];
  for (const { high, low, volume } of feeds) {
    for (let m = Math.max(from, 0); m <= Math.min(to, high.length - 1); m++) {
      if (!(volume[m]! > 0)) continue;
      if (!(high[m]! <= top)) top = high[m]!;
      if (!(low[m]! >= bottom)) bottom = low[m]!;
    }
  }
  return [top, bottom];
}

export function stale(
  { stream, close, volume }: Columns,
  others: Float64Array,
  { staleMinutes, staleMoveBps }: MinuteParameters,
): Raw[] {
  const found: Raw[] = [];
  let since = -1;
  let told: Raw | null = null;
  for (let m = 0; m < close.length; m++) {
    const traded = volume[m]! > 0;
    if (since < 0 || (traded && close[m] !== close[since])) {
      // Before the first trade nothing can be stale.
      if (traded) since = m;
      if (told) told.over = m;
      told = null;
      continue;
    }
    if (m - since < staleMinutes) continue;
    const moved = (others[m]! / others[since]! - 1) * 10_000;
    if (told) {
      told.to = m;
    } else if (Math.abs(moved) >= staleMoveBps) {
      const silent = [...volume.subarray(since + 1, m + 1)].every((one) => !(one > 0));
      told = {
        kind: 'stale',
        stream,
        from: since,
        to: m,
        known: m,
        over: null,
        text: silent
          ? `${stream} has no trade for ${m - since} minutes while the others moved by ${percent(moved)}`
          : `${stream} repeats ${close[since]} for ${m - since} minutes while the others moved by ${percent(moved)}`,
        evidence: [since, m].map((minute) => ({
          stream,
          minute,
          value: close[since]!,
          others: others[minute]!,
        })),
      };
      found.push(told);
    }
  }
  return found;
}

/** A feed whose returns follow the others' of some minutes before, and not those of the same minute. */
export function late(
  { stream, fresh }: Columns,
  others: Float64Array,
  { lateWindowMinutes, lateMinutes }: MinuteParameters,
  { lateEnds: ends }: { lateEnds: readonly number[] },
): Raw[] {
  const found: Raw[] = [];
  if (ends.length === 0) return found;
  const [own, theirs] = [returnsOf(fresh), returnsOf(others)];
  for (const end of ends) {
    const correlation = (lag: number) => {
      let [n, x, y, xx, yy, xy] = [0, 0, 0, 0, 0, 0];
      for (let m = end - lateWindowMinutes + 1; m <= end; m++) {
        const a = own[m]!;
        const b = theirs[m - lag]!;
        if (Number.isNaN(a + b)) continue;
        n++;
        x += a;
        y += b;
        xx += a * a;
        yy += b * b;
        xy += a * b;
      }
      const spread = (xx - (x * x) / n) * (yy - (y * y) / n);
      return n >= lateWindowMinutes / 2 && spread > 0 ? (xy - (x * y) / n) / Math.sqrt(spread) : Number.NaN;
    };
    const now = correlation(0);
    let best = { lag: 0, correlation: now };
    for (let lag = 1; lag <= lateMinutes; lag++) {
      const one = correlation(lag);
      if (one > best.correlation) best = { lag, correlation: one };
    }
    if (best.lag === 0 || !(best.correlation >= 0.5 && best.correlation >= 2 * now)) {
      const before = found.at(-1);
      if (before && before.over === null) before.over = end;
      continue;
    }
    const last = found.at(-1);
    if (last && last.to === end - lateWindowMinutes) {
      last.to = end;
      last.over = null;
      continue;
    }
    found.push({
      kind: 'late',
      stream,
      from: end - lateWindowMinutes + 1,
      to: end,
      known: end,
      over: null,
      text: `${stream} runs ${best.lag} minutes behind: its returns correlate ${best.correlation.toFixed(2)} with the others' of then, ${now.toFixed(2)} with those of the same minute`,
      evidence: [{ stream, minute: end, value: fresh[end]!, others: others[end]! }],
    });
  }
  return found;
}

/** Where the windows of lateness end that lie in so many minutes. */
function lateEnds(length: number, { lateWindowMinutes, lateMinutes }: MinuteParameters): number[] {
  const ends: number[] = [];
  for (let end = lateWindowMinutes + lateMinutes; end < length; end += lateWindowMinutes) ends.push(end);
  return ends;
}

function returnsOf(prices: Float64Array): Float64Array {
  return prices.map((price, m) => Math.log(price / prices[m - 1]!));
}

/** A feed's hours: volume, range of prices, and share of minutes with round volume. */
export interface Hours {
  volume: number[];
  range: number[];
  round: number[];
}

/**
 * Hours whose volume no market makes.
 *
 * @param scope whole hours from minute `since` on are judged; `hours` are each feed's, those before them included.
 */
export function volumes(
  feed: Columns,
  rest: readonly Columns[],
  parameters: MinuteParameters,
  { since, hours }: { since: number; hours: ReadonlyMap<string, Hours> },
): Raw[] {
  if (!feed.ownVolume) return [];
  const own = hours.get(feed.stream)!;
  const theirs = rest.filter(({ ownVolume }) => ownVolume).map(({ stream }) => hours.get(stream)!.volume);
  const found: Raw[] = [];
  const told = own.volume.length - Math.floor((feed.close.length - since) / 60);
  for (let h = told; h < own.volume.length; h++) {
    const from = since + (h - told) * 60;
    const text =
      loudButQuiet(feed.stream, own, theirs, h, parameters) ??
      patterned(feed, from, h, own.round, parameters);
    const last = found.at(-1);
    const next = last !== undefined && last.to === from - 1;
    if (text === null) {
      if (next) last.over = from + 59;
      continue;
    }
    if (next) {
      last.to = from + 59;
      continue;
    }
    found.push({
      ...{ kind: 'volume', stream: feed.stream, from, to: from + 59, known: from + 59, over: null, text },
      evidence: [
        {
          stream: feed.stream,
          minute: from,
          value: own.volume[h]!,
          others: theirs.length > 0 ? median(theirs.map((volume) => volume[h]!)) : null,
        },
      ],
    });
  }
  return found;
}

/** The hours before, and those from minute `since` on. */
export function hourly({ high, low, close, volume }: Columns, since: number, before?: Hours): Hours {
  const made: Hours = {
    volume: [...(before?.volume ?? [])],
    range: [...(before?.range ?? [])],
    round: [...(before?.round ?? [])],
  };
  for (let from = since; from + 60 <= close.length; from += 60) {
    let [total, top, bottom, traded, round, last] = [0, Number.NaN, Number.NaN, 0, 0, Number.NaN];
    for (let m = from; m < from + 60; m++) {
      const one = volume[m]!;
      if (!(one > 0)) continue;
      total += one;
      traded++;
      if (significantDigits(one) <= 2) round++;
      if (!(high[m]! <= top)) top = high[m]!;
      if (!(low[m]! >= bottom)) bottom = low[m]!;
      last = close[m]!;
    }
    made.volume.push(total);
    made.range.push((top - bottom) / last);
    made.round.push(traded >= 30 ? round / traded : Number.NaN);
  }
  return made;
}

function loudButQuiet(
  stream: string,
  own: { volume: number[]; range: number[] },
  theirs: readonly number[][],
  h: number,
  { volumeJump, othersJump, quietRange }: MinuteParameters,
): string | null {
  const ratio = ratioToUsual(own.volume, h);
  const rest = median(theirs.map((volume) => ratioToUsual(volume, h)).filter((one) => !Number.isNaN(one)));
  return ratio >= volumeJump && rest <= othersJump && ratioToUsual(own.range, h) <= Number(quietRange)
    ? `${stream} states ${shown(ratio)} times its usual volume for the hour while the others have ${shown(rest)} times theirs, and its price range is no wider than usual`
    : null;
}

function patterned(
  { stream, volume }: Columns,
  from: number,
  h: number,
  roundShares: readonly number[],
  { roundShare, sameShare }: MinuteParameters,
): string | null {
  const traded = [...volume.subarray(from, from + 60)].filter((one) => one > 0);
  if (traded.length < 30) return null;
  const before = roundShares.slice(Math.max(h - 24, 0), h).filter((share) => !Number.isNaN(share));
  if (roundShares[h]! >= Number(roundShare) && before.length >= 12 && median(before) <= 0.2) {
    return `${percent(roundShares[h]! * 10_000)} of the hour's minutes of ${stream} have round volumes, ${percent(median(before) * 10_000)} are usual`;
  }
  const counts = new Map<number, number>();
  for (const one of traded) counts.set(one, (counts.get(one) ?? 0) + 1);
  const [value, count] = [...counts].reduce((most, entry) => (entry[1] > most[1] ? entry : most));
  return count >= traded.length * Number(sameShare)
    ? `${count} of ${traded.length} traded minutes of ${stream} have the same volume of ${value}`
    : null;
}

/** Against the median of the day before, of which twelve hours at least are needed. */
function ratioToUsual(hours: readonly number[], h: number): number {
  const before = hours.slice(Math.max(h - 24, 0), h).filter((value) => value > 0);
  return before.length < 12 ? Number.NaN : hours[h]! / median(before);
}

/**
 * Stretches in which the feeds' median kept away from a dollar.
 *
 * @param open one that began before the first minute, or was known to be open at `since`; recovery is looked for in the
 *   minutes that may complete it from `since` on.
 */
export function depegs(
  feeds: readonly Columns[],
  price: Float64Array,
  startMs: number,
  { depegBps, depegMinutes, recoveryBps, recoveryMinutes }: MinuteParameters,
  { since, open }: { since: number; open: boolean } = { since: 0, open: false },
): Raw[] {
  const { length } = price;
  const distance = (m: number) => (price[m]! - 1) * 10_000;
  // A minute without a price is no recovery.
  const near = (i: number) => Math.abs(distance(i)) < recoveryBps;
  const found: Raw[] = [];
  let m = 0;
  let begun = open;
  while (m < length) {
    const onset = begun
      ? Math.max(since - recoveryMinutes + 1, 0)
      : firstRun(m, length, (i) => Math.abs(distance(i)) >= depegBps, depegMinutes);
    if (onset === null) break;
    const over = firstRun(begun ? onset : onset + depegMinutes, length, near, recoveryMinutes);
    begun = false;
    const to = over === null ? length - 1 : Math.max(over - 1, 0);
    const worst = worstOf(onset, to, (i) => Math.abs(distance(i)));
    found.push({
      ...{ kind: 'depeg', stream: null, from: onset, to, known: onset + depegMinutes - 1 },
      over: over === null ? null : over + recoveryMinutes - 1,
      worstBps: distance(worst),
      text: depegText(
        distance(worst),
        instantOfDay(startMs + worst * MINUTE_MS),
        recoveryBps,
        over === null ? null : instantOfDay(startMs + over * MINUTE_MS),
      ),
      evidence: feeds
        .filter(({ fresh }) => !Number.isNaN(fresh[worst]!))
        .map(({ stream, fresh }) => ({ stream, minute: worst, value: fresh[worst]!, others: price[worst]! })),
    });
    if (over === null) break;
    m = over;
  }
  return found;
}

export function depegText(worstBps: number, at: string, recoveryBps: number, back: string | null): string {
  return `${percent(worstBps)} from 1 USD at worst, at ${at}; ${
    back === null ? 'not recovered' : `within ${recoveryBps} bps again from ${back}`
  }`;
}

function firstRun(from: number, length: number, holds: (m: number) => boolean, least: number): number | null {
  let count = 0;
  for (let m = from; m < length; m++) {
    count = holds(m) ? count + 1 : 0;
    if (count === least) return m - least + 1;
  }
  return null;
}

function worstOf(from: number, to: number, badness: (m: number) => number): number {
  let worst = from;
  for (let m = from; m <= to; m++)
    if (!(badness(m) <= badness(worst)) && !Number.isNaN(badness(m))) worst = m;
  return worst;
}

function percent(bps: number): string {
  return `${Math.round(bps) / 100} %`;
}

function shown(value: number): number {
  return Number(value.toPrecision(2));
}

/**
 * One feed priced through another, minute by minute where both traded: USDC-USDT times USDT-USD, or BTC-USD over
 * BTC-USDC. High and low are the first feed's at the second's close; volume is the first's, in its base asset.
 */
export function crossCandles(
  base: readonly Candle[],
  operation: 'times' | 'over',
  other: readonly Candle[],
): Candle[] {
  const closes = new Map(
    other.filter(({ volume }) => Number(volume) > 0).map(({ time, close }) => [time, Number(close)]),
  );
  return base.flatMap((row) => {
    const close = closes.get(row.time);
    if (close === undefined || !(close > 0)) return [];
    const priced = (value: Decimal) =>
      significant(operation === 'times' ? Number(value) * close : Number(value) / close);
    const [open, high, low, last] = [row.open, row.high, row.low, row.close].map(priced);
    if (open == null || high == null || low == null || last == null) return [];
    return [{ time: row.time, open, high, low, close: last, volume: row.volume }];
  });
}
