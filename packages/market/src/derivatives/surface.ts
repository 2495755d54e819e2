import { AssayError } from '@assay/core';
import { impliedVolatility, type OptionKind } from './black.ts';

/** A quoted option of a chain. */
export interface OptionQuote {
  instrument: string;
  kind: OptionKind;
  strike: number;
  /** Milliseconds. */
  expiryMs: number;
  /** Price of the underlying for that expiry. */
  forward: number;
  /** Price of the option in the currency of the strike; null when nobody quotes it. */
  price: number | null;
}

/** One expiry of a surface: total implied variance (σ²T) over log-moneyness ln(K/F). */
export interface SmileSlice {
  expiryMs: number;
  years: number;
  forward: number;
  points: readonly { logMoneyness: number; totalVariance: number }[];
}

export interface VolatilitySurface {
  atMs: number;
  slices: readonly SmileSlice[];
  /** Options without a usable volatility, and what contradicts the absence of arbitrage. */
  left: readonly { instrument: string; reason: string }[];
  warnings: readonly string[];
}

const YEAR_MS = 365 * 86_400_000;
const MAX_QUOTES = 10_000;

/**
 * The implied volatility surface of a chain: of each expiry and strike the option that is out of the money, whose price
 * is all time value; the two kinds at one strike are averaged at the money. Variance is what is interpolated, linearly in
 * log-moneyness and in time, which keeps it from falling between two expiries that do not fall themselves (Gatheral,
 * The Volatility Surface, ch. 3). Beyond the quoted strikes it is held, not guessed.
 *
 * @throws ARGUMENT_INVALID for more than 10,000 quotes, or when none has a volatility.
 */
export function volatilitySurface(quotes: readonly OptionQuote[], atMs: number): VolatilitySurface {
  if (quotes.length > MAX_QUOTES)
    throw new AssayError('ARGUMENT_INVALID', `expected at most ${MAX_QUOTES} quotes, got ${quotes.length}`);
  const left: { instrument: string; reason: string }[] = [];
  const leave = (instrument: string, reason: string) => {
    left.push({ instrument, reason });
  };
  const byExpiry = new Map<number, { forward: number; points: Map<number, number[]> }>();
  for (const quote of [...quotes].sort((a, b) => a.expiryMs - b.expiryMs || a.strike - b.strike)) {
    const { instrument, kind, strike, forward, expiryMs, price } = quote;
    const years = (expiryMs - atMs) / YEAR_MS;
    if (!(years > 0)) leave(instrument, 'it has expired');
    else if (!(strike > 0 && forward > 0)) leave(instrument, 'strike or forward is not a positive price');
    else if (price === null || !(price > 0)) leave(instrument, 'it has no price');
    else if (kind === 'call' ? strike < forward : strike > forward) leave(instrument, 'it is in the money');
    else {
      const volatility = impliedVolatility({ kind, strike, forward, years, price });
      if (volatility === null || volatility === 0) {
        leave(instrument, 'its price is outside what any volatility gives');
        continue;
      }
      const slice = byExpiry.get(expiryMs) ?? { forward, points: new Map<number, number[]>() };
      byExpiry.set(expiryMs, slice);
      const x = Math.log(strike / forward);
      slice.points.set(x, [...(slice.points.get(x) ?? []), volatility * volatility * years]);
    }
  }
  if (byExpiry.size === 0) {
    throw new AssayError('ARGUMENT_INVALID', 'no option of the chain has an implied volatility', {
      next: 'give quotes with prices between what exercising is worth and the underlying',
    });
  }
  const slices = [...byExpiry].map(
    ([expiryMs, { forward, points }]): SmileSlice => ({
      expiryMs,
      years: (expiryMs - atMs) / YEAR_MS,
      forward,
      points: [...points]
        .sort(([a], [b]) => a - b)
        .map(([logMoneyness, variances]) => ({
          logMoneyness,
          totalVariance: variances.reduce((sum, variance) => sum + variance, 0) / variances.length,
        })),
    }),
  );
  return { atMs, slices, left, warnings: calendarArbitrage(slices) };
}

/**
 * The volatility of a strike and expiry.
 *
 * @returns null outside the quoted expiries: a surface does not know what nobody quoted.
 */
export function volatilityAt(
  { slices, atMs }: VolatilitySurface,
  { logMoneyness, expiryMs }: { logMoneyness: number; expiryMs: number },
): number | null {
  const years = (expiryMs - atMs) / YEAR_MS;
  const after = slices.findIndex((slice) => slice.expiryMs >= expiryMs);
  const upper = slices[after];
  if (!upper || !(years > 0)) return null;
  const above = varianceAt(upper, logMoneyness);
  if (upper.expiryMs === expiryMs) return Math.sqrt(above / years);
  const lower = slices[after - 1];
  if (!lower) return null;
  const below = varianceAt(lower, logMoneyness);
  const share = (years - lower.years) / (upper.years - lower.years);
  return Math.sqrt((below + share * (above - below)) / years);
}

function varianceAt({ points }: SmileSlice, x: number): number {
  const after = points.findIndex(({ logMoneyness }) => logMoneyness >= x);
  if (after === -1) return points.at(-1)!.totalVariance;
  const upper = points[after]!;
  const lower = points[after - 1];
  if (!lower) return upper.totalVariance;
  const share = (x - lower.logMoneyness) / (upper.logMoneyness - lower.logMoneyness);
  return lower.totalVariance + share * (upper.totalVariance - lower.totalVariance);
}

/** Total variance may not fall with time at the same moneyness: else a calendar spread is free money. */
function calendarArbitrage(slices: readonly SmileSlice[]): string[] {
  return slices.slice(1).flatMap((slice, i) => {
    const before = slices[i]!;
    const fallen = slice.points.filter(({ logMoneyness, totalVariance }) => {
      const [first, last] = [before.points[0]!.logMoneyness, before.points.at(-1)!.logMoneyness];
      return (
        logMoneyness >= first && logMoneyness <= last && totalVariance < varianceAt(before, logMoneyness)
      );
    });
    const [from, to] = [before, slice].map(({ expiryMs }) => new Date(expiryMs).toISOString().slice(0, 10));
    return fallen.length === 0
      ? []
      : [`total variance falls from ${from} to ${to} at ${fallen.length} of ${slice.points.length} strikes`];
  });
}
