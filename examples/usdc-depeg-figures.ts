import assert from 'node:assert/strict';
import { type DataContract, type DepegDay, scoreDepeg } from '@assay/checks';
import type { Candle, Decision, Finding, RowRanges } from '@assay/core';
import type { ReferenceRate } from '@assay/market';

/** An hour of one stream with the verdict on it. */
export interface Batch {
  stream: string;
  /** Start of its period. */
  from: string;
  rows: readonly Candle[];
  findings: readonly Finding[];
  decision: Decision;
  flagged: RowRanges;
}

/** Limits that the contracts state. */
export interface Thresholds {
  contractVersion: string;
  atParLimitBps: number;
  peg: { min: string; max: string };
  toleranceBps: number;
  minimumVenues: number;
  staleAfterMinutes: number;
  /** Around the limit the instruments' noise decides; the report's own choice. */
  marginBps: number;
}

/** Flags or misses of one stream and day that lie beyond the margin. */
export interface FarFromLimit {
  kind: 'false' | 'missed';
  stream: string;
  day: string;
  count: number;
  /** Hours of the day in which they lie. */
  hours: number[];
  /** Medians over those hours of what USDC was worth in dollars at two venues; null for another coin. */
  usdc: { kraken: number | null; binance: number | null } | null;
}

export interface Quote {
  stream: string;
  hour: string;
  finding: Finding;
}

export interface RateHour {
  rate: ReferenceRate;
  /** Largest distance of a contributing venue's own price from the rate. */
  widestBps: number;
  /** How far the median close of Kraken's BTC/USDC, read as dollars, lies from the rate. */
  atParPercent: number | null;
}

/** Everything that the report says in numbers. */
export interface Figures {
  rows: number;
  decisions: Record<Decision, number>;
  thresholds: Thresholds;
  /** Flagged rows, by any check, by stream and day. */
  flags: { stream: string; day: string; rows: number; flagged: number }[];
  /** Rows that failed `agreement_converted`, by stream. */
  convertedFailures: { stream: string; rows: number }[];
  score: DepegDay[];
  far: FarFromLimit[];
  /** Of the rows that `agreement_at_par` flagged, those that the coin's measured rate explains. */
  explained: { coin: string; flags: number; explained: number }[];
  /** How far the closes of BTC/USD at Coinbase and Kraken lay apart. */
  dollars: {
    period: string;
    minutes: number;
    medianBps: number;
    p99Bps: number;
    maxBps: number;
    /** Minutes beyond the contracts' tolerance. */
    beyond: number;
  }[];
  /** The hour in which a venue's median USDT/USD was highest, and how far the venues lay apart in that hour. */
  usdtPeak: { hour: string; coinbase: number; kraken: number };
  /** Coins traded a day on average, and the share of minutes with a trade. */
  volumes: { stream: string; perDay: number; traded: number }[];
  quotes: Quote[];
  rateHours: RateHour[];
  /** Hours with a reference rate, and all hours. */
  rates: { hours: number; of: number };
}

const MARGIN_BPS = 25;
/** The days on which USDC was off its peg. */
export const DEPEG_DAYS = ['2023-03-11', '2023-03-12', '2023-03-13'];
const RATE_HOURS = ['00', '03', '04', '07', '12', '18', '23'].map((hour) => `2023-03-11T${hour}:00:00Z`);
/** Where the examples are quoted from. */
const QUOTED = [
  { stream: 'kraken.BTC-USDC.1m', hour: '2023-03-11T07:00:00Z', check: 'agreement_at_par' },
  { stream: 'coinbase.BTC-USDT.1m', hour: '2023-03-12T06:00:00Z', check: 'agreement_at_par' },
  { stream: 'binance.BTC-USDC.1m', hour: '2023-03-11T04:00:00Z', check: 'agreement_converted' },
];

/** Takes the report's figures from the verdicts and the rows that they judge. */
export function measure(recording: {
  batches: readonly Batch[];
  rates: readonly ReferenceRate[];
  contracts: ReadonlyMap<string, DataContract>;
}): Figures {
  const { batches, rates, contracts } = recording;
  const thresholds = thresholdsOf(contracts);
  const prices = closesOf(batches);
  const score = scoreDepeg(batches, scoreOptions(thresholds)).days;
  const decisions: Record<Decision, number> = { accept: 0, flag: 0, reject: 0 };
  for (const { decision } of batches) decisions[decision]++;
  return {
    rows: batches.reduce((total, { rows }) => total + rows.length, 0),
    decisions,
    thresholds,
    flags: flagsByDay(batches),
    convertedFailures: convertedFailures(batches),
    score,
    far: farFromLimit(batches, score, thresholds, prices),
    explained: explainedFlags(batches),
    dollars: dollarGaps(prices, thresholds.toleranceBps),
    usdtPeak: usdtPeak(prices),
    volumes: volumesOf(batches),
    quotes: QUOTED.map(({ stream, hour, check }): Quote => {
      const batch = batches.find((one) => one.stream === stream && one.from === hour);
      const finding = batch?.findings.find((one) => one.check === check);
      assert.ok(finding, `expected a finding ${check} on ${stream} at ${hour}`);
      return { stream, hour, finding };
    }),
    rateHours: RATE_HOURS.map((time) => {
      const rate = rates.find((one) => one.time === time);
      assert.ok(rate, `expected a reference rate at ${time}`);
      return rateHour(rate, prices);
    }),
    rates: { hours: rates.length, of: new Set(batches.map(({ from }) => from.slice(0, 13))).size },
  };
}

/** Reads the limits off the contracts; where several state one, they must agree, or the report would not hold. */
function thresholdsOf(contracts: ReadonlyMap<string, DataContract>): Thresholds {
  const all = [...contracts.values()];
  const only = <T>(name: string, values: readonly T[]): T => {
    const distinct = [...new Set(values)];
    assert.equal(distinct.length, 1, `expected one ${name} in all contracts, got ${distinct.join(', ')}`);
    return distinct[0]!;
  };
  const terms = all.flatMap(({ agreement }) => agreement ?? []);
  const pegs = all.flatMap(({ rules }) =>
    rules.flatMap(({ severity, expectation }) =>
      severity === 'flag' &&
      expectation.type === 'expect_column_values_to_be_between' &&
      expectation.column === 'close'
        ? [expectation]
        : [],
    ),
  );
  return {
    contractVersion: only(
      'version',
      all.map(({ version }) => version),
    ),
    atParLimitBps: only(
      'atParLimitBps',
      terms.flatMap(({ atParLimitBps }) => atParLimitBps ?? []),
    ),
    peg: {
      min: only(
        'lower end of the peg',
        pegs.map(({ min }) => min ?? ''),
      ),
      max: only(
        'upper end of the peg',
        pegs.map(({ max }) => max ?? ''),
      ),
    },
    toleranceBps: only(
      'toleranceBps',
      terms.map(({ toleranceBps }) => toleranceBps),
    ),
    minimumVenues: only(
      'minimumVenues',
      terms.map(({ minimumVenues }) => minimumVenues),
    ),
    staleAfterMinutes: only(
      'staleAfterMinutes',
      terms.map(({ staleAfterMinutes }) => staleAfterMinutes),
    ),
    marginBps: MARGIN_BPS,
  };
}

function scoreOptions({ atParLimitBps, marginBps, staleAfterMinutes }: Thresholds) {
  return { limitBps: atParLimitBps, marginBps, staleAfterMinutes };
}

function flagsByDay(batches: readonly Batch[]): Figures['flags'] {
  const days = new Map<string, Figures['flags'][number]>();
  for (const { stream, from, rows, flagged } of batches) {
    const day = from.slice(0, 10);
    const sum = days.get(`${stream} ${day}`) ?? { stream, day, rows: 0, flagged: 0 };
    days.set(`${stream} ${day}`, sum);
    sum.rows += rows.length;
    sum.flagged += widthOf(flagged);
  }
  return [...days.values()];
}

function convertedFailures(batches: readonly Batch[]): Figures['convertedFailures'] {
  const streams = [...new Set(batches.map(({ stream }) => stream))];
  return streams.map((stream) => ({
    stream,
    rows: batches
      .filter((batch) => batch.stream === stream)
      .flatMap(({ findings }) => findings)
      .filter(({ check, status }) => check === 'agreement_converted' && status === 'fail')
      .reduce((total, { rows = [] }) => total + widthOf(rows), 0),
  }));
}

/** Looks up the hours of the flags and misses that the margin does not excuse, and what USDC cost in them. */
function farFromLimit(
  batches: readonly Batch[],
  score: readonly DepegDay[],
  thresholds: Thresholds,
  prices: Closes,
): FarFromLimit[] {
  const counts = {
    false: ({ falseFlags, falseNearLimit }: DepegDay) => falseFlags - falseNearLimit,
    missed: ({ missed, missedNearLimit }: DepegDay) => missed - missedNearLimit,
  };
  const kinds = ['false', 'missed'] as const;
  const concerned = score.filter((day) => kinds.some((kind) => counts[kind](day) > 0));
  const hourly = new Map(
    [...new Set(concerned.map(({ day }) => day))].map((day) => [day, scoreByHour(batches, day, thresholds)]),
  );
  return kinds.flatMap((kind) =>
    concerned
      .filter((day) => counts[kind](day) > 0)
      .map((day): FarFromLimit => {
        const inHours = hourly.get(day.day)!.map((scores) => {
          const hour = scores.find(({ stream }) => stream === day.stream);
          return hour ? counts[kind](hour) : 0;
        });
        const count = counts[kind](day);
        const found = inHours.reduce((total, one) => total + one, 0);
        assert.equal(found, count, `expected the hours of ${day.stream} on ${day.day} to add up`);
        const hours = [...inHours.keys()].filter((hour) => inHours[hour]! > 0);
        return {
          ...{ kind, stream: day.stream, day: day.day, count, hours },
          usdc: day.stream.includes('USDC') ? usdcIn(prices, day.day, hours) : null,
        };
      }),
  );
}

/**
 * What each hour of a day adds to its score: the hour with the one before it, less that one alone. The hour before
 * holds every price that is not stale yet, so the labels are those of the whole recording.
 */
function scoreByHour(batches: readonly Batch[], day: string, thresholds: Thresholds): DepegDay[][] {
  const midnight = Date.parse(`${day}T00:00:00Z`);
  return Array.from({ length: 24 }, (_, hour) => {
    const [before, now] = [hour - 1, hour].map((h) => {
      const name = new Date(midnight + h * 3_600_000).toISOString().slice(0, 13);
      return batches.filter(({ from }) => from.startsWith(name));
    }) as [Batch[], Batch[]];
    const scoreOf = (some: readonly Batch[]) =>
      scoreDepeg(some, scoreOptions(thresholds)).days.filter((one) => one.day === day);
    const alone = scoreOf(before);
    return scoreOf([...before, ...now]).map((both) => {
      const lead = alone.find(({ stream }) => stream === both.stream);
      return {
        ...both,
        falseFlags: both.falseFlags - (lead?.falseFlags ?? 0),
        falseNearLimit: both.falseNearLimit - (lead?.falseNearLimit ?? 0),
        missed: both.missed - (lead?.missed ?? 0),
        missedNearLimit: both.missedNearLimit - (lead?.missedNearLimit ?? 0),
      };
    });
  });
}

/** Closes of the minutes in which something was traded, by stream and minute. */
type Closes = ReadonlyMap<string, ReadonlyMap<string, number>>;

function closesOf(batches: readonly Batch[]): Closes {
  const closes = new Map<string, Map<string, number>>();
  for (const { stream, rows } of batches) {
    const ofStream = closes.get(stream) ?? new Map<string, number>();
    closes.set(stream, ofStream);
    for (const { time, close, volume } of rows) if (volume !== '0') ofStream.set(time, Number(close));
  }
  return closes;
}

/** Closes of a stream in some hours, such as '2023-03-11T03'. */
function closesIn(prices: Closes, stream: string, hours: readonly string[]): [time: string, close: number][] {
  return [...(prices.get(stream) ?? [])].filter(([time]) => hours.includes(time.slice(0, 13)));
}

function usdcIn(prices: Closes, day: string, hours: readonly number[]): FarFromLimit['usdc'] {
  const names = hours.map((hour) => `${day}T${String(hour).padStart(2, '0')}`);
  const binance = closesIn(prices, 'binance.USDC-USDT.1m', names).flatMap(([time, close]) => {
    const usdt = ['coinbase', 'kraken'].flatMap(
      (venue) => prices.get(`${venue}.USDT-USD.1m`)?.get(time) ?? [],
    );
    return usdt.length > 0 ? [close * median(usdt)] : [];
  });
  const kraken = closesIn(prices, 'kraken.USDC-USD.1m', names).map(([, close]) => close);
  return {
    kraken: kraken.length > 0 ? median(kraken) : null,
    binance: binance.length > 0 ? median(binance) : null,
  };
}

/** Adds up what the findings at par say of the coin's measured rate. */
function explainedFlags(batches: readonly Batch[]): Figures['explained'] {
  return ['USDC', 'USDT'].map((coin) => {
    const sum = { coin, flags: 0, explained: 0 };
    for (const { stream, findings } of batches) {
      if (!stream.includes(`.BTC-${coin}.`)) continue;
      for (const { check, reason } of findings) {
        const said = /the measured rate explains (\d+) of the (\d+)/.exec(reason);
        if (check !== 'agreement_at_par' || !said) continue;
        sum.explained += Number(said[1]);
        sum.flags += Number(said[2]);
      }
    }
    return sum;
  });
}

function dollarGaps(prices: Closes, toleranceBps: number): Figures['dollars'] {
  const coinbase = prices.get('coinbase.BTC-USD.1m') ?? new Map<string, number>();
  const kraken = prices.get('kraken.BTC-USD.1m') ?? new Map<string, number>();
  const gaps = [...coinbase].flatMap(([time, a]) => {
    const b = kraken.get(time);
    return b === undefined ? [] : [{ time, bps: (Math.abs(a - b) / ((a + b) / 2)) * 10_000 }];
  });
  const inDepeg = (time: string) => DEPEG_DAYS.includes(time.slice(0, 10));
  return [
    { period: '11–13 March', some: gaps.filter(({ time }) => inDepeg(time)) },
    { period: 'the other 18 days', some: gaps.filter(({ time }) => !inDepeg(time)) },
  ].map(({ period, some }) => {
    const sorted = some.map(({ bps }) => bps).sort((a, b) => a - b);
    return {
      period,
      minutes: sorted.length,
      medianBps: median(sorted),
      p99Bps: sorted[Math.floor(sorted.length * 0.99)] ?? 0,
      maxBps: sorted.at(-1) ?? 0,
      beyond: sorted.filter((bps) => bps > toleranceBps).length,
    };
  });
}

function usdtPeak(prices: Closes): Figures['usdtPeak'] {
  const byHour = (venue: string) =>
    new Map(
      [...Map.groupBy(prices.get(`${venue}.USDT-USD.1m`) ?? [], ([time]) => time.slice(0, 13))].map(
        ([hour, closes]) => [hour, median(closes.map(([, close]) => close))],
      ),
    );
  const kraken = byHour('kraken');
  const peaks = [...byHour('coinbase')]
    .map(([hour, coinbase]) => ({ hour: `${hour}:00:00Z`, coinbase, kraken: kraken.get(hour) ?? 0 }))
    .sort((a, b) => b.coinbase - a.coinbase);
  assert.ok(peaks[0], 'expected prices of USDT');
  return peaks[0];
}

function volumesOf(batches: readonly Batch[]): Figures['volumes'] {
  const days = new Set(batches.map(({ from }) => from.slice(0, 10))).size;
  return [...Map.groupBy(batches, ({ stream }) => stream)].map(([stream, some]) => {
    const rows = some.flatMap((batch) => batch.rows);
    return {
      stream,
      perDay: rows.reduce((total, { volume }) => total + Number(volume), 0) / days,
      traded: rows.filter(({ volume }) => volume !== '0').length / (days * 24 * 60),
    };
  });
}

function rateHour(rate: ReferenceRate, prices: Closes): RateHour {
  const atPar = closesIn(prices, 'kraken.BTC-USDC.1m', [rate.time.slice(0, 13)]).map(([, close]) => close);
  return {
    rate,
    widestBps: Math.max(
      ...rate.venues.map(({ price }) => Math.abs(Number(price) / Number(rate.rate) - 1) * 10_000),
    ),
    atParPercent: atPar.length > 0 ? (median(atPar) / Number(rate.rate) - 1) * 100 : null,
  };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

function widthOf(ranges: RowRanges): number {
  return ranges.reduce((total, [from, to]) => total + to - from + 1, 0);
}
