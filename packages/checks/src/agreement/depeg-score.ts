import { type Candle, type Finding, inRanges, type RowRanges } from '@assay/core';
import {
  advance,
  distance,
  type Feed,
  isFresh,
  medianOf,
  ONE,
  openFeed,
  RateBook,
  times,
  USD,
} from './price-feed.ts';

/** One batch of a stream with what the checks found in it. */
export interface DepegVerdict {
  stream: string;
  rows: readonly Candle[];
  findings: readonly Finding[];
}

/** How the depeg flags of one stream fared on one day. */
export interface DepegDay {
  stream: string;
  day: string;
  /** `agreement_at_par` for prices in a stablecoin, `peg` for the price of one. */
  check: 'agreement_at_par' | 'peg';
  rows: number;
  flags: number;
  /** Flags of minutes in which the other instruments show the coin off its peg. */
  trueFlags: number;
  /** Flags of minutes in which they show it on its peg. */
  falseFlags: number;
  /** Those of the false flags in which the others' rate is within the margin of the limit. */
  falseNearLimit: number;
  /** Flags of minutes in which no other instrument traded recently: neither true nor false. */
  unlabelledFlags: number;
  /** Rows that were not flagged though the others show the coin off its peg. */
  missed: number;
  missedNearLimit: number;
  /** Those of the missed that carry no trade of their own; such a price may be too old to be judged. */
  missedWithoutTrade: number;
}

export interface DepegScore {
  limitBps: number;
  marginBps: number;
  /** By stream, then by day. */
  days: DepegDay[];
}

/**
 * Scores the depeg flags against a truth that the checks did not use for them.
 *
 * - For BTC in a coin C (`agreement_at_par`, which compares BTC prices) a minute's truth is C's own dollar rate, from
 *   the streams that trade C itself.
 * - For C itself (`peg`, a range rule on its close) the truth is C's rate from all other instruments: other streams of
 *   C, and BTC in dollars divided by BTC in C. Where the pair is quoted in another coin D, it is C's rate over D's.
 *
 * The truth is the median of what is measured, off the peg when it lies more than `limitBps` from 1.
 *
 * @param verdicts every batch of the recording; each stream's in order of time. Streams that are not judged count too.
 * @param options `marginBps` around the limit counts as near: there the instruments' noise decides.
 * @example
 * const { days } = scoreDepeg(verdicts, { limitBps: 100, marginBps: 25, staleAfterMinutes: 5 });
 */
export function scoreDepeg(
  verdicts: Iterable<DepegVerdict>,
  options: { limitBps: number; marginBps: number; staleAfterMinutes: number },
): DepegScore {
  const { limitBps, marginBps, staleAfterMinutes } = options;
  const judged = [...gather(verdicts)].map(([name, { rows, flagged }]): Judged => {
    const feed = openFeed(name, rows);
    return { feed, rows, flagged, check: checkOf(feed) };
  });
  const feeds = judged.map(({ feed }) => feed);
  const minutes = new Set(feeds.flatMap(({ ticks }) => ticks.map(({ minute }) => minute)));
  const days = new Map<string, DepegDay>();
  for (const minute of [...minutes].sort((a, b) => a - b)) {
    for (const feed of feeds) advance(feed, minute);
    const book = new RateBook(feeds, minute);
    for (const { feed, rows, flagged, check } of judged) {
      const tick = feed.current;
      if (check === null || tick?.minute !== minute || tick.judged === null) continue;
      const day = rows[tick.judged]!.time.slice(0, 10);
      const key = `${feed.stream.name} ${day}`;
      const score = days.get(key) ?? emptyDay(feed.stream.name, day, check);
      days.set(key, score);
      const truth = trueRate(feed, feeds, book, minute, staleAfterMinutes);
      count(score, flagged.has(tick.judged), tick.traded, truth === null ? null : bpsFromOne(truth), {
        limitBps,
        marginBps,
      });
    }
  }
  return {
    limitBps,
    marginBps,
    days: [...days.values()].sort((a, b) => order(a.stream, b.stream) || order(a.day, b.day)),
  };
}

interface Judged {
  feed: Feed;
  rows: readonly Candle[];
  flagged: ReadonlySet<number>;
  check: DepegDay['check'] | null;
}

/** Joins each stream's batches, with the rows that a depeg check flagged. */
function gather(verdicts: Iterable<DepegVerdict>): Map<string, { rows: Candle[]; flagged: Set<number> }> {
  const streams = new Map<string, { rows: Candle[]; flagged: Set<number> }>();
  for (const { stream, rows, findings } of verdicts) {
    const joined = streams.get(stream) ?? { rows: [], flagged: new Set<number>() };
    streams.set(stream, joined);
    const offset = joined.rows.length;
    const failing = findings.filter(isDepegFlag).map((finding): RowRanges => finding.rows ?? []);
    rows.forEach((row, i) => {
      joined.rows.push(row);
      if (failing.some((ranges) => inRanges(ranges, i))) joined.flagged.add(offset + i);
    });
  }
  return streams;
}

/** The two checks that a depeg trips: the price at face value, and the coin's own band. */
function isDepegFlag({ check, column, status, severity }: Finding): boolean {
  return (
    status === 'fail' &&
    (check === 'agreement_at_par' ||
      (check === 'expect_column_values_to_be_between' && column === 'close' && severity === 'flag'))
  );
}

const BITCOIN = 'BTC';

function checkOf({ stream }: Feed): DepegDay['check'] | null {
  if (stream.base !== BITCOIN) return 'peg';
  return stream.quote === USD ? null : 'agreement_at_par';
}

/** What one coin is worth in the other, without the judged stream; null when nobody else measures it. */
function trueRate(
  judged: Feed,
  feeds: readonly Feed[],
  book: RateBook,
  minute: number,
  staleAfterMinutes: number,
): bigint | null {
  const { name, base, quote } = judged.stream;
  const measured = (coin: string) =>
    book
      .measured(coin, staleAfterMinutes)
      .filter(({ via }) => !via.includes(name))
      .map(({ value }) => value);
  if (base === BITCOIN) return median(measured(quote));
  const worth = median([...measured(base), ...implied(base, feeds, minute, staleAfterMinutes)]);
  const unit = quote === USD ? ONE : median(measured(quote));
  return worth === null || unit === null ? null : (worth * ONE) / unit;
}

/** A coin's dollar rate as the bitcoin market implies it: BTC in dollars over BTC in the coin. */
function implied(coin: string, feeds: readonly Feed[], minute: number, staleAfterMinutes: number): bigint[] {
  const prices = (quote: string) =>
    feeds
      .filter(
        (feed) =>
          feed.stream.base === BITCOIN &&
          feed.stream.quote === quote &&
          isFresh(feed, minute, staleAfterMinutes),
      )
      .map(({ current }) => current!.price);
  const dollars = median(prices(USD));
  return dollars === null ? [] : prices(coin).map((price) => (dollars * ONE) / price);
}

function median(values: readonly bigint[]): bigint | null {
  return values.length === 0 ? null : medianOf(values);
}

function bpsFromOne(rate: bigint): number {
  return Number(times(distance(rate, ONE), 1_000_000n * ONE) / ONE) / 100;
}

function count(
  score: DepegDay,
  flagged: boolean,
  traded: boolean,
  offBps: number | null,
  { limitBps, marginBps }: { limitBps: number; marginBps: number },
): void {
  score.rows++;
  if (flagged) score.flags++;
  if (offBps === null) {
    if (flagged) score.unlabelledFlags++;
    return;
  }
  const near = Math.abs(offBps - limitBps) <= marginBps ? 1 : 0;
  if (flagged && offBps > limitBps) score.trueFlags++;
  else if (flagged) {
    score.falseFlags++;
    score.falseNearLimit += near;
  } else if (offBps > limitBps) {
    score.missed++;
    score.missedNearLimit += near;
    if (!traded) score.missedWithoutTrade++;
  }
}

function emptyDay(stream: string, day: string, check: DepegDay['check']): DepegDay {
  return {
    stream,
    day,
    check,
    rows: 0,
    flags: 0,
    trueFlags: 0,
    falseFlags: 0,
    falseNearLimit: 0,
    unlabelledFlags: 0,
    missed: 0,
    missedNearLimit: 0,
    missedWithoutTrade: 0,
  };
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
