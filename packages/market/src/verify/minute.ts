import { AssayError, type Candle, type Decimal } from '@assay/core';
import { median } from '../panel/composite-bar.ts';
import { instantOfDay, significant } from '../panel/index.ts';
import { significantDigits } from './venue-findings.ts';

const MINUTE_MS = 60_000;
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
  text: string;
  /** What was read, at most eight values: the feed's and the others' median at that minute. */
  evidence: { stream: string; time: string; value: Decimal; others: Decimal | null }[];
}

interface Columns {
  stream: string;
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
  const others = feeds.map((feed) => othersMedian(feeds, feed, length));
  const at = (minute: number) => instantOfDay(startMs + minute * MINUTE_MS);
  const found: Raw[] = [];
  for (const [f, feed] of feeds.entries()) {
    const rest = feeds.filter((other) => other !== feed);
    found.push(
      ...disagreements(feed, others[f]!, feeds.length, parameters),
      ...spikes(feed, rest, others[f]!, parameters),
      ...stale(feed, others[f]!, parameters),
      ...late(feed, others[f]!, parameters),
      ...volumes(feed, rest, parameters),
    );
  }
  if (request.stablecoin) found.push(...depegs(feeds, length, at, parameters));
  found.sort((a, b) => a.from - b.from);
  let minutes = 0;
  for (let m = 0; m < length; m++) if (feeds.filter(({ volume }) => volume[m]! > 0).length >= 2) minutes++;
  return {
    minutes,
    findings: dropTwins(found)
      .slice(0, MAX_FINDINGS)
      .map(({ kind, stream, from, to, known, text, evidence }) => ({
        kind,
        asset: request.asset,
        stream,
        from: at(from),
        to: at(to),
        knownAt: at(known),
        text,
        evidence: evidence.slice(0, MAX_EVIDENCE).map(({ stream: name, minute, value, others: rest }) => ({
          stream: name,
          time: at(minute),
          value: significant(value) ?? '0',
          others: rest === null ? null : significant(rest),
        })),
      })),
  };
}

interface Raw {
  kind: MinuteFinding['kind'];
  stream: string | null;
  from: number;
  to: number;
  known: number;
  text: string;
  evidence: { stream: string; minute: number; value: number; others: number | null }[];
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
  const column = () => new Float64Array(length).fill(Number.NaN);
  const read = feeds.map(({ stream, rows }, f): Columns => {
    const columns = {
      stream,
      high: column(),
      low: column(),
      close: column(),
      volume: column(),
      fresh: column(),
    };
    for (const [i, row] of rows.entries()) {
      const m = (times[f]![i]! - first) / MINUTE_MS;
      const [high, low, close, volume] = [row.high, row.low, row.close, row.volume].map(Number) as [
        number,
        number,
        number,
        number,
      ];
      // The first row of a minute counts; what is no candle is no measurement.
      if (!Number.isNaN(columns.close[m]!) || !(low > 0 && high >= low && close >= low && close <= high)) {
        continue;
      }
      columns.high[m] = high;
      columns.low[m] = low;
      columns.close[m] = close;
      columns.volume[m] = volume >= 0 ? volume : Number.NaN;
    }
    let lastTrade = Number.NEGATIVE_INFINITY;
    for (let m = 0; m < length; m++) {
      if (columns.volume[m]! > 0) lastTrade = m;
      if (m - lastTrade <= maxAgeMinutes) columns.fresh[m] = columns.close[lastTrade]!;
    }
    return columns;
  });
  return { feeds: read, startMs: first, length };
}

function othersMedian(feeds: readonly Columns[], feed: Columns, length: number): Float64Array {
  const rest = feeds.filter((other) => other !== feed);
  return Float64Array.from({ length }, (_, m) =>
    median(rest.map(({ fresh }) => fresh[m]!).filter((price) => !Number.isNaN(price))),
  );
}

/** Runs of minutes for which something holds, at least so long; a break of up to `bridge` minutes does not end one. */
function runs(length: number, holds: (m: number) => boolean, least: number, bridge = 0): [number, number][] {
  const found: [number, number][] = [];
  let start = -1;
  let end = -1;
  for (let m = 0; m <= length; m++) {
    if (m < length && holds(m)) {
      if (start < 0) start = m;
      end = m;
    } else if (start >= 0 && (m === length || m - end > bridge)) {
      if (end - start + 1 >= least) found.push([start, end]);
      start = -1;
    }
  }
  return found;
}

function disagreements(
  { stream, fresh }: Columns,
  others: Float64Array,
  feeds: number,
  { disagreementBps, disagreementMinutes }: MinuteParameters,
): Raw[] {
  const deviation = (m: number) => (fresh[m]! / others[m]! - 1) * 10_000;
  return runs(fresh.length, (m) => Math.abs(deviation(m)) >= disagreementBps, disagreementMinutes, 5).map(
    ([from, to]) => {
      const worst = worstOf(from, to, (m) => Math.abs(deviation(m)));
      return {
        kind: 'disagreement',
        stream: feeds > 2 ? stream : null,
        from,
        to,
        known: Math.min(from + disagreementMinutes - 1, to),
        text: `${stream} is ${percent(deviation(worst))} from the others' median at worst, over ${to - from + 1} minutes`,
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

function spikes(
  feed: Columns,
  rest: readonly Columns[],
  others: Float64Array,
  { spikeBps, spikeTimesUsual, followMinutes }: MinuteParameters,
): Raw[] {
  const { stream, high, low, fresh } = feed;
  const found: Raw[] = [];
  let usual = 0;
  for (let m = 1; m < high.length; m++) {
    const deviation = Math.abs(fresh[m]! / others[m]! - 1);
    const own = fresh[m - 1]!;
    const limit = Math.max(spikeBps / 10_000, usual * spikeTimesUsual);
    if (!Number.isNaN(deviation)) {
      // Four hours of memory; one spike can raise it by four times at most.
      usual += (Math.min(deviation, usual === 0 ? deviation : 4 * usual) - usual) / 240;
    }
    if (!(feed.volume[m]! > 0) || Number.isNaN(own)) continue;
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
      known: Math.min(m + followMinutes, high.length - 1),
      text: `${stream} traded at ${value}, ${percent((value / bound - 1) * 10_000)} beyond anything on the others within ${followMinutes} minutes`,
      evidence: [
        { stream, minute: m - 1, value: own, others: others[m - 1]! },
        { stream, minute: m, value, others: bound },
      ],
    });
  }
  return found;
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

function stale(
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
function late(
  { stream, fresh }: Columns,
  others: Float64Array,
  { lateWindowMinutes, lateMinutes }: MinuteParameters,
): Raw[] {
  const found: Raw[] = [];
  const returnOf = (prices: Float64Array, m: number) => Math.log(prices[m]! / prices[m - 1]!);
  for (let end = lateWindowMinutes + lateMinutes; end < fresh.length; end += lateWindowMinutes) {
    const correlation = (lag: number) => {
      let [n, x, y, xx, yy, xy] = [0, 0, 0, 0, 0, 0];
      for (let m = end - lateWindowMinutes + 1; m <= end; m++) {
        const [a, b] = [returnOf(fresh, m), returnOf(others, m - lag)];
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
    if (best.lag === 0 || !(best.correlation >= 0.5 && best.correlation >= 2 * now)) continue;
    const last = found.at(-1);
    if (last && last.to === end - lateWindowMinutes) {
      last.to = end;
      continue;
    }
    found.push({
      kind: 'late',
      stream,
      from: end - lateWindowMinutes + 1,
      to: end,
      known: end,
      text: `${stream} runs ${best.lag} minutes behind: its returns correlate ${best.correlation.toFixed(2)} with the others' of then, ${now.toFixed(2)} with those of the same minute`,
      evidence: [{ stream, minute: end, value: fresh[end]!, others: others[end]! }],
    });
  }
  return found;
}

/** Hours whose volume no market makes. */
function volumes(feed: Columns, rest: readonly Columns[], parameters: MinuteParameters): Raw[] {
  const hours = Math.floor(feed.close.length / 60);
  const own = hourly(feed, hours);
  const theirs = rest.map((other) => hourly(other, hours).volume);
  const found: Raw[] = [];
  for (let h = 0; h < hours; h++) {
    const text =
      loudButQuiet(feed.stream, own, theirs, h, parameters) ?? patterned(feed, h, own.round, parameters);
    if (text === null) continue;
    const last = found.at(-1);
    if (last && last.to === h * 60 - 1) {
      last.to = h * 60 + 59;
      continue;
    }
    found.push({
      kind: 'volume',
      stream: feed.stream,
      from: h * 60,
      to: h * 60 + 59,
      known: h * 60 + 59,
      text,
      evidence: [
        {
          stream: feed.stream,
          minute: h * 60,
          value: own.volume[h]!,
          others: theirs.length > 0 ? median(theirs.map((volume) => volume[h]!)) : null,
        },
      ],
    });
  }
  return found;
}

function hourly({ high, low, close, volume }: Columns, hours: number) {
  const made = { volume: [] as number[], range: [] as number[], round: [] as number[] };
  for (let h = 0; h < hours; h++) {
    let [total, top, bottom, traded, round, last] = [0, Number.NaN, Number.NaN, 0, 0, Number.NaN];
    for (let m = h * 60; m < h * 60 + 60; m++) {
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
  h: number,
  roundShares: readonly number[],
  { roundShare, sameShare }: MinuteParameters,
): string | null {
  const traded = [...volume.subarray(h * 60, h * 60 + 60)].filter((one) => one > 0);
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

function depegs(
  feeds: readonly Columns[],
  length: number,
  at: (minute: number) => string,
  { depegBps, depegMinutes, recoveryBps, recoveryMinutes }: MinuteParameters,
): Raw[] {
  const price = Float64Array.from({ length }, (_, m) =>
    median(feeds.map(({ fresh }) => fresh[m]!).filter((one) => !Number.isNaN(one))),
  );
  const distance = (m: number) => (price[m]! - 1) * 10_000;
  const found: Raw[] = [];
  let m = 0;
  while (m < length) {
    const onset = firstRun(m, length, (i) => Math.abs(distance(i)) >= depegBps, depegMinutes);
    if (onset === null) break;
    const over = firstRun(
      onset + depegMinutes,
      length,
      (i) => Number.isNaN(price[i]!) || Math.abs(distance(i)) < recoveryBps,
      recoveryMinutes,
    );
    const to = over === null ? length - 1 : over - 1;
    const worst = worstOf(onset, to, (i) => Math.abs(distance(i)));
    found.push({
      kind: 'depeg',
      stream: null,
      from: onset,
      to,
      known: onset + depegMinutes - 1,
      text: `${percent(distance(worst))} from 1 USD at worst, at ${at(worst)}; ${
        over === null ? 'not recovered' : `within ${recoveryBps} bps again from ${at(over)}`
      }`,
      evidence: feeds
        .filter(({ fresh }) => !Number.isNaN(fresh[worst]!))
        .map(({ stream, fresh }) => ({ stream, minute: worst, value: fresh[worst]!, others: price[worst]! })),
    });
    m = to + 1;
    if (over === null) break;
  }
  return found;
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
  for (let m = from; m <= to; m++) if (badness(m) > badness(worst)) worst = m;
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
