import {
  AssayError,
  type Candle,
  type Decimal,
  divRound,
  fromScaled,
  inRanges,
  type RowRanges,
  toScaledRounded,
} from '@assay/core';
import { twiceWeightedMedian, type Weighted } from './volume-weighted-median.ts';

/** Everything that the rate depends on besides its inputs; recorded with every rate. */
export interface RateParameters {
  pair: string;
  /** Feeds of the base asset; `via` names the stablecoin in which a feed quotes, if it does not quote in the quote asset. */
  constituents: { stream: string; via?: string }[];
  /** Feeds of each stablecoin against the quote asset; their median is its measured rate. */
  conversions: Record<string, string[]>;
  /** Length of a partition in minutes. An interval shorter than that is one partition. */
  partitionMinutes: number;
  /** A venue whose own median is further than this from the median of the venues is left out. */
  deviationLimitBps: number;
  /** A conversion rate older than this is not used. */
  maxConversionAgeMinutes: number;
  /** Fraction digits of the published rate. */
  decimals: number;
}

/** One statement's rows, with what its verdict said of them. */
export interface RateInput {
  stream: string;
  rows: readonly Candle[];
  flagged: RowRanges;
  rejected: RowRanges;
}

/** A rate (`reference-rate/v1`). `time` is the start of the interval that it sums up. */
export interface ReferenceRate {
  time: string;
  rate: Decimal;
  /** Venues that contributed: their own volume-weighted median in the quote asset, and their volume. */
  venues: { stream: string; price: Decimal; volume: Decimal }[];
  /** Venues that did not, and why. */
  excluded: { stream: string; reason: ExclusionReason; deviationBps?: Decimal }[];
  /** Partitions with trades, whose medians are averaged. */
  partitions: number;
}

export type ExclusionReason = 'deviates' | 'flagged' | 'no-conversion' | 'no-trades';

/** The parameters in use. The method, and why these values, is in docs/reference-rate.md. */
export const BTC_USD: RateParameters = {
  pair: 'BTC-USD',
  constituents: [
    { stream: 'coinbase.BTC-USD.1m' },
    { stream: 'kraken.BTC-USD.1m' },
    { stream: 'binance.BTC-USDT.1m', via: 'USDT' },
    { stream: 'coinbase.BTC-USDT.1m', via: 'USDT' },
    { stream: 'kraken.BTC-USDT.1m', via: 'USDT' },
    { stream: 'binance.BTC-USDC.1m', via: 'USDC' },
    { stream: 'kraken.BTC-USDC.1m', via: 'USDC' },
  ],
  conversions: {
    USDT: ['coinbase.USDT-USD.1m', 'kraken.USDT-USD.1m'],
    USDC: ['kraken.USDC-USD.1m'],
  },
  partitionMinutes: 5,
  deviationLimitBps: 200,
  maxConversionAgeMinutes: 5,
  decimals: 2,
};

/** Name and version of the method; the digest of its code is recorded beside it. */
export const RATE_FUNCTION = { name: 'reference-rate', version: '1.0.0' } as const;

const SCALE = 12;
const MINUTE_MS = 60_000;
const BPS = 10_000n;

/** A minute of one venue, in the quote asset: `typical` is three times the typical price. */
interface Trade extends Weighted {
  timeMs: number;
}

interface Venue {
  stream: string;
  trades: Trade[];
  missing: ExclusionReason;
}

/**
 * Reference rates for consecutive intervals of a period, after the published method of regulated benchmarks (CME
 * CF Bitcoin Reference Rate): each partition's volume-weighted median over all venues' trades, averaged with equal
 * weights; venues that deviate are left out and named. A candle stands for its minute's trades with the typical
 * price (high + low + close) / 3 and its volume. An interval in which nothing was traded has no rate: none is
 * invented.
 *
 * Pure and exact: integers throughout, one rounding (half to even) at the end.
 *
 * @param request `period` in milliseconds, a multiple of `intervalMinutes`.
 * @example
 * referenceRates({ period: { fromMs, toMs }, intervalMinutes: 60, parameters: BTC_USD, inputs });
 */
export function referenceRates(request: {
  period: { fromMs: number; toMs: number };
  intervalMinutes: number;
  parameters: RateParameters;
  inputs: readonly RateInput[];
}): ReferenceRate[] {
  const { period, intervalMinutes, parameters, inputs } = request;
  const length = intervalMinutes * MINUTE_MS;
  if ((period.toMs - period.fromMs) % length !== 0) {
    throw new AssayError(
      'ARGUMENT_INVALID',
      `expected a period of whole intervals of ${intervalMinutes} minutes`,
      {
        next: 'begin and end the period at the interval',
      },
    );
  }
  const quotes = conversionQuotes(parameters, inputs);
  const venues = parameters.constituents.map((constituent) =>
    readVenue(constituent, inputs, quotes, parameters),
  );
  const rates: ReferenceRate[] = [];
  for (let fromMs = period.fromMs; fromMs < period.toMs; fromMs += length) {
    const rate = rateOf(venues, fromMs, fromMs + length, parameters);
    if (rate) rates.push(rate);
  }
  return rates;
}

function rateOf(
  all: readonly Venue[],
  fromMs: number,
  toMs: number,
  parameters: RateParameters,
): ReferenceRate | null {
  const venues = all.map((venue) => {
    const { missing, trades } = within(venue, fromMs, toMs);
    return { stream: venue.stream, missing, trades, twiceMedian: twiceWeightedMedian(trades) };
  });
  const trading = venues.filter((venue) => venue.twiceMedian !== null) as ((typeof venues)[number] & {
    twiceMedian: bigint;
  })[];
  const centre = medianOf(trading.map(({ twiceMedian }) => twiceMedian));
  if (centre === null) return null;
  const deviation = ({ twiceMedian }: { twiceMedian: bigint }) =>
    divRound(abs(twiceMedian * centre.over - centre.sum) * BPS * 100n, centre.sum);
  const limit = BigInt(parameters.deviationLimitBps) * 100n;
  const kept = trading.filter((venue) => deviation(venue) <= limit);

  const step = Math.min(parameters.partitionMinutes * MINUTE_MS, toMs - fromMs);
  const medians: bigint[] = [];
  for (let at = fromMs; at < toMs; at += step) {
    const partition = kept.flatMap(({ trades }) =>
      trades.filter(({ timeMs }) => timeMs >= at && timeMs < at + step),
    );
    const median = twiceWeightedMedian(partition);
    if (median !== null) medians.push(median);
  }
  if (medians.length === 0) return null;
  const sum = medians.reduce((total, median) => total + median, 0n);
  const unit = 10n ** BigInt(SCALE - parameters.decimals);
  return {
    time: instantOf(fromMs),
    // Prices are three times the typical price, medians twice that.
    rate: fromScaled(divRound(sum, 6n * BigInt(medians.length) * unit), parameters.decimals),
    venues: kept.map(({ stream, trades, twiceMedian }) => ({
      stream,
      price: fromScaled(divRound(twiceMedian, 6n * unit), parameters.decimals),
      volume: fromScaled(
        trades.reduce((total, { weight }) => total + weight, 0n),
        SCALE,
      ),
    })),
    excluded: venues.flatMap((venue) => {
      if (venue.twiceMedian === null) return [{ stream: venue.stream, reason: venue.missing }];
      const bps = deviation({ twiceMedian: venue.twiceMedian });
      return bps > limit
        ? [{ stream: venue.stream, reason: 'deviates' as const, deviationBps: fromScaled(bps, 2) }]
        : [];
    }),
    partitions: medians.length,
  };
}

/** The part of a venue's minutes that lies in an interval, and why there is nothing if there is nothing. */
function within(venue: Venue, fromMs: number, toMs: number): { trades: Trade[]; missing: ExclusionReason } {
  const minutes = venue.trades.filter(({ timeMs }) => timeMs >= fromMs && timeMs < toMs);
  const trades = minutes.filter(({ weight }) => weight > 0n);
  const why = minutes.find(({ weight }) => weight < 0n);
  return { trades, missing: why ? REASONS[Number(-why.weight)]! : 'no-trades' };
}

/** Minutes that cannot count carry the reason as a negative weight, so that they stay in their place in time. */
const REASONS: Record<number, ExclusionReason> = { 1: 'flagged', 2: 'no-conversion' };

function readVenue(
  { stream, via }: RateParameters['constituents'][number],
  inputs: readonly RateInput[],
  quotes: ReadonlyMap<string, ReadonlyMap<number, bigint>[]>,
  parameters: RateParameters,
): Venue {
  const trades: Trade[] = [];
  for (const input of inputs.filter((candidate) => candidate.stream === stream)) {
    for (const [i, row] of input.rows.entries()) {
      const timeMs = Date.parse(row.time);
      if (inRanges(input.flagged, i) || inRanges(input.rejected, i)) {
        trades.push({ timeMs, price: 0n, weight: -1n });
        continue;
      }
      const rate =
        via === undefined ? { sum: 1n, over: 1n } : conversionAt(quotes.get(via) ?? [], timeMs, parameters);
      if (!rate) trades.push({ timeMs, price: 0n, weight: -2n });
      else
        trades.push({
          timeMs,
          price: divRound(thriceTypical(row) * rate.sum, rate.over),
          weight: toScaledRounded(row.volume, SCALE),
        });
    }
  }
  return { stream, trades, missing: 'no-trades' };
}

/** Typical prices of each conversion feed by minute, times three and scaled. Rejected rows are no measurement. */
function conversionQuotes(
  parameters: RateParameters,
  inputs: readonly RateInput[],
): Map<string, Map<number, bigint>[]> {
  return new Map(
    Object.entries(parameters.conversions).map(([coin, streams]) => [
      coin,
      streams.map((stream) => {
        const quotes = new Map<number, bigint>();
        for (const input of inputs.filter((candidate) => candidate.stream === stream)) {
          for (const [i, row] of input.rows.entries()) {
            // A flagged rate still is the measured one: in a depeg it is the very thing to convert with.
            if (!inRanges(input.rejected, i)) quotes.set(Date.parse(row.time), thriceTypical(row));
          }
        }
        return quotes;
      }),
    ]),
  );
}

/** Median of the feeds' latest rates, none older than allowed, as a fraction. */
function conversionAt(
  feeds: readonly ReadonlyMap<number, bigint>[],
  timeMs: number,
  { maxConversionAgeMinutes }: RateParameters,
): { sum: bigint; over: bigint } | null {
  const latest = feeds.flatMap((feed) => {
    for (let age = 0; age <= maxConversionAgeMinutes; age++) {
      const quote = feed.get(timeMs - age * MINUTE_MS);
      if (quote !== undefined) return [quote];
    }
    return [];
  });
  const median = medianOf(latest);
  // Quotes are three times the typical price, scaled.
  return median && { sum: median.sum, over: median.over * 3n * 10n ** BigInt(SCALE) };
}

/** Plain median as a fraction `sum / over`, so that the mean of two stays exact. */
function medianOf(values: readonly bigint[]): { sum: bigint; over: bigint } | null {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? { sum: sorted[middle]!, over: 1n }
    : { sum: sorted[middle - 1]! + sorted[middle]!, over: 2n };
}

function thriceTypical({ high, low, close }: Candle): bigint {
  return toScaledRounded(high, SCALE) + toScaledRounded(low, SCALE) + toScaledRounded(close, SCALE);
}

function abs(value: bigint): bigint {
  return value < 0n ? -value : value;
}

function instantOf(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}
