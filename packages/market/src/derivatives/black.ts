import { AssayError } from '@assay/core';
import { normalCdf, normalDensity } from './normal.ts';

export type OptionKind = 'call' | 'put';

/** A European option on a forward (Black 1976). */
export interface BlackOption {
  kind: OptionKind;
  /** Price of the underlying for the day of expiry. */
  forward: number;
  strike: number;
  /** Time to expiry in years of 365 days. */
  years: number;
  /** Per year, as a fraction: 0.8 is 80 %. */
  volatility: number;
  /** Continuously compounded, per year; what is paid at expiry is discounted with it. */
  rate?: number;
}

/** Price and sensitivities. */
export interface Greeks {
  price: number;
  /** For one unit of the forward (Black-76) or of the spot (Black–Scholes). */
  delta: number;
  gamma: number;
  /** For one point of volatility, 0.01. */
  vega: number;
  /** For one day of 365. */
  theta: number;
  /** For one point of interest, 0.01. */
  rho: number;
}

/**
 * Price and greeks of a European option by Black (1976), as venues quote options on dated futures.
 *
 * @throws ARGUMENT_INVALID for a price, strike or time that is not positive, or a volatility that is negative.
 * @example black76({ kind: 'call', forward: 100, strike: 100, years: 1, volatility: 0.2 }).price; // 7.9656
 */
export function black76(option: BlackOption): Greeks {
  const { kind, forward, strike, years, volatility, rate = 0 } = checked(option);
  const discount = Math.exp(-rate * years);
  const sign = kind === 'call' ? 1 : -1;
  const deviation = volatility * Math.sqrt(years);
  if (deviation === 0) {
    const inside = sign * (forward - strike) > 0;
    const price = discount * Math.max(sign * (forward - strike), 0);
    return {
      price,
      delta: inside ? sign * discount : 0,
      ...{ gamma: 0, vega: 0 },
      theta: (rate * price) / 365,
      rho: (-years * price) / 100,
    };
  }
  const d1 = Math.log(forward / strike) / deviation + deviation / 2;
  const d2 = d1 - deviation;
  const price = discount * sign * (forward * normalCdf(sign * d1) - strike * normalCdf(sign * d2));
  const density = normalDensity(d1);
  return {
    price,
    delta: discount * sign * normalCdf(sign * d1),
    gamma: (discount * density) / (forward * deviation),
    vega: (discount * forward * density * Math.sqrt(years)) / 100,
    theta: (rate * price - (discount * forward * density * volatility) / (2 * Math.sqrt(years))) / 365,
    rho: (-years * price) / 100,
  };
}

/** A European option on a spot price (Black and Scholes 1973, with a yield as Merton has it). */
export interface BlackScholesOption extends Omit<BlackOption, 'forward'> {
  spot: number;
  /** What holding the underlying yields, per year. */
  yield?: number;
}

/**
 * Price and greeks of a European option on a spot price.
 *
 * @throws what {@link black76} throws.
 * @example blackScholes({ kind: 'put', spot: 42, strike: 40, years: 0.5, volatility: 0.2, rate: 0.1 }).price; // 0.81, Hull
 */
export function blackScholes({ spot, yield: income = 0, ...option }: BlackScholesOption): Greeks {
  const { years, rate = 0, kind, strike, volatility } = option;
  const carry = Math.exp((rate - income) * years);
  const forward = spot * carry;
  const greeks = black76({ ...option, forward });
  const sign = kind === 'call' ? 1 : -1;
  const deviation = volatility * Math.sqrt(years);
  const d1 =
    deviation === 0
      ? sign * Number.POSITIVE_INFINITY
      : Math.log(forward / strike) / deviation + deviation / 2;
  const payout = Math.exp(-rate * years) * strike * normalCdf(sign * (deviation === 0 ? d1 : d1 - deviation));
  const holding = spot * Math.exp(-income * years) * normalCdf(sign * d1);
  return {
    ...greeks,
    delta: greeks.delta * carry,
    gamma: greeks.gamma * carry * carry,
    theta: greeks.theta - (rate * greeks.price) / 365 + (sign * (income * holding - rate * payout)) / 365,
    rho: (sign * years * payout) / 100,
  };
}

const MAX_STEPS = 200;

/**
 * The volatility at which Black's formula gives a price. Bisection in the volatility with Newton's steps where they
 * stay inside: it always ends, also where vega is next to nothing.
 *
 * @returns null when no volatility gives it: the price is below what exercising is worth, or not below the underlying.
 * @example impliedVolatility({ kind: 'call', forward: 100, strike: 100, years: 1, price: 7.965567 }); // 0.2
 */
export function impliedVolatility({
  price,
  ...option
}: Omit<BlackOption, 'volatility'> & { price: number }): number | null {
  const priceAt = (volatility: number) => black76({ ...option, volatility });
  const { forward, strike, kind, years, rate = 0 } = option;
  const ceiling = Math.exp(-rate * years) * (kind === 'call' ? forward : strike);
  const least = priceAt(0).price;
  if (!(price > least) || !(price < ceiling)) return null;
  let low = 0;
  let high = 1;
  while (priceAt(high).price < price) {
    high *= 2;
    if (high > 1_024) return null;
  }
  let guess = Math.min(high, Math.max(Math.sqrt((2 * Math.PI) / years) * (price / forward), 1e-4));
  for (let step = 0; step < MAX_STEPS; step++) {
    const { price: found, vega } = priceAt(guess);
    if (found > price) high = guess;
    else low = guess;
    const next = guess - (found - price) / (vega * 100);
    const inside = Number.isFinite(next) && next > low && next < high;
    const following = inside ? next : (low + high) / 2;
    if (Math.abs(following - guess) <= 1e-14 * Math.max(1, guess) || high - low <= 1e-14) return following;
    guess = following;
  }
  return guess;
}

function checked(option: BlackOption): BlackOption {
  const { forward, strike, years, volatility, rate = 0 } = option;
  const positive = { forward, strike, years };
  for (const [name, value] of Object.entries(positive))
    if (!(value > 0) || !Number.isFinite(value)) throw invalid(name, 'above 0', value);
  if (!(volatility >= 0) || !Number.isFinite(volatility))
    throw invalid('volatility', 'at least 0', volatility);
  if (!Number.isFinite(rate)) throw invalid('rate', 'finite', rate);
  return option;
}

function invalid(name: string, expected: string, got: number): AssayError {
  return new AssayError('ARGUMENT_INVALID', `${name}: expected a number ${expected}, got ${got}`, {
    next: 'prices are in one currency, times in years, volatilities and rates as fractions of 1',
  });
}
