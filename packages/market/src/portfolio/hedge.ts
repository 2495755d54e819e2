/** What protects a holding: perpetual futures against its market risk, options against a fall. */
import { AssayError, type Decimal } from '@assay/core';
import { decimalOf } from '../decimal-of.ts';
import { covarianceOf } from './covariance.ts';

export interface PerpetualHedgeRequest {
  /** US dollars; what is hedged. Positive: long. */
  exposureUsd: number;
  /** Share of the risk to take away, 0 to 1. */
  hedgeRatio: number;
  /** `beta`: the given beta of the exposure to the perpetual's asset. `minimum-variance`: from both return series. */
  method:
    | { kind: 'beta'; beta: number }
    | { kind: 'minimum-variance'; exposure: Float64Array; perpetual: Float64Array };
  /** Units of the asset in one contract, and its price. */
  contractUnits: number;
  price: number;
  /** Funding a day as a fraction of the notional, as last known; longs pay when positive. */
  fundingPerDay: number;
  horizonDays: number;
  feeBps: number;
}

export interface PerpetualHedge {
  side: 'short' | 'long' | 'none';
  contracts: Decimal;
  notionalUsd: Decimal;
  /** Dollars of the perpetual for a dollar of the exposure, before rounding to contracts. */
  ratio: Decimal;
  /** Of the exposure in beta terms, after rounding. */
  residualExposureUsd: Decimal;
  /** Share of the variance that the hedge removes (R²); null without series. */
  effectiveness: Decimal | null;
  /** Over the horizon: positive is paid, negative received. */
  fundingCostUsd: Decimal;
  feeUsd: Decimal;
}

/**
 * Contracts of a perpetual that offset an exposure: N = −h × exposure × ratio / (units × price), rounded to the nearest
 * whole contract. The minimum-variance ratio is cov(exposure, perpetual) / var(perpetual) (Ederington 1979).
 *
 * @throws ARGUMENT_INVALID for numbers outside their range, and a perpetual that never moved.
 */
export function perpetualHedge(request: PerpetualHedgeRequest): PerpetualHedge {
  const { exposureUsd, hedgeRatio, method, contractUnits, price, fundingPerDay, horizonDays, feeBps } =
    request;
  check(Number.isFinite(exposureUsd), 'an exposure', exposureUsd);
  check(hedgeRatio >= 0 && hedgeRatio <= 1, 'a hedge ratio from 0 to 1', hedgeRatio);
  check(contractUnits > 0 && price > 0, 'a positive contract size and price', Math.min(contractUnits, price));
  check(horizonDays >= 0 && horizonDays <= 3650, 'a horizon of 0 to 3650 days', horizonDays);
  check(Math.abs(fundingPerDay) <= 1, 'a funding rate within ±1 a day', fundingPerDay);
  check(feeBps >= 0 && feeBps <= 10_000, 'a fee of 0 to 10000 basis points', feeBps);
  let ratio: number;
  let effectiveness: number | null = null;
  if (method.kind === 'beta') ratio = method.beta;
  else {
    check(
      method.exposure.length === method.perpetual.length && method.exposure.length >= 3,
      'two return series of one length, 3 at the least',
      method.exposure.length,
    );
    const variance = covarianceOf(method.perpetual, method.perpetual);
    check(variance > 0, 'a perpetual that moved', variance);
    const covariance = covarianceOf(method.exposure, method.perpetual);
    ratio = covariance / variance;
    const own = covarianceOf(method.exposure, method.exposure);
    effectiveness = own > 0 ? covariance ** 2 / (variance * own) : null;
  }
  check(Number.isFinite(ratio), 'a finite ratio', ratio);
  const perContract = contractUnits * price;
  const signed = -Math.round((hedgeRatio * exposureUsd * ratio) / perContract);
  const contracts = signed === 0 ? 0 : signed;
  const notional = Math.abs(contracts) * perContract;
  return {
    side: contracts === 0 ? 'none' : contracts < 0 ? 'short' : 'long',
    contracts: show(Math.abs(contracts)),
    notionalUsd: show(notional),
    ratio: show(ratio),
    residualExposureUsd: show(exposureUsd * ratio + contracts * perContract),
    effectiveness: effectiveness === null ? null : show(effectiveness),
    fundingCostUsd: show(contracts * perContract * fundingPerDay * horizonDays),
    feeUsd: show((2 * notional * feeBps) / 10_000),
  };
}

/** One option of a chain; price and strike in dollars per unit of the asset. */
export interface OptionQuote {
  kind: 'put' | 'call';
  strike: number;
  /** Date, RFC 3339. */
  expiry: string;
  price: number;
  /** As quoted: negative for puts. */
  delta: number;
}

export interface OptionHedgeRequest {
  /** Units held, positive. */
  quantity: number;
  spot: number;
  chain: readonly OptionQuote[];
  /** Only this expiry is looked at. */
  expiry: string;
  /** Most that may be lost, as a fraction of today's value, options included. */
  maxLoss: number;
  /** Units in one contract. */
  contractUnits: number;
  /** `collar` also sells a call above the spot, so that its premium pays for the put. */
  strategy: 'protective-put' | 'collar';
}

export interface OptionHedge {
  put: { strike: Decimal; contracts: Decimal; premiumUsd: Decimal };
  call: { strike: Decimal; contracts: Decimal; premiumUsd: Decimal } | null;
  /** Paid less received. */
  costUsd: Decimal;
  /** At expiry, whatever the price. */
  worstLossUsd: Decimal;
  /** At expiry; null when nothing caps it. */
  bestGainUsd: Decimal | null;
  /** Units of the asset that the position still moves like. */
  deltaAfter: Decimal;
  /** Asset price at expiry from which the whole makes money. */
  breakEven: Decimal;
  expiry: string;
}

/**
 * Sizes a protective put or a collar from a given chain. Contracts are rounded up for the put (fully covered) and the
 * call is never sold for more units than are held. Among the puts that keep the loss within the budget the cheapest is
 * taken; for a collar, the call above the spot whose premium is nearest to the put's.
 *
 * @throws ARGUMENT_INVALID when no put keeps the loss within the budget, with the least loss that one would.
 */
export function optionHedge(request: OptionHedgeRequest): OptionHedge {
  const { quantity, spot, chain, expiry, maxLoss, contractUnits, strategy } = request;
  check(quantity > 0 && spot > 0, 'a positive quantity and spot', Math.min(quantity, spot));
  check(contractUnits > 0, 'a positive contract size', contractUnits);
  check(maxLoss > 0 && maxLoss < 1, 'a largest loss between 0 and 1', maxLoss);
  check(chain.length <= 10_000, 'at most 10000 options', chain.length);
  const quoted = chain.filter(
    (option) =>
      option.expiry === expiry &&
      option.strike > 0 &&
      option.price >= 0 &&
      Number.isFinite(option.strike + option.price + option.delta),
  );
  const putContracts = Math.ceil(quantity / contractUnits - 1e-12);
  const callContracts = Math.floor(quantity / contractUnits + 1e-12);
  const calls = quoted.filter(({ kind, strike }) => kind === 'call' && strike > spot);
  const candidates = quoted
    .filter(({ kind }) => kind === 'put')
    .map((put) => {
      const call =
        strategy === 'collar' && callContracts > 0
          ? nearest(calls, (put.price * putContracts) / callContracts, put.strike)
          : undefined;
      const paid = put.price * putContracts * contractUnits;
      const received = call ? call.price * callContracts * contractUnits : 0;
      const cost = paid - received;
      // Puts cover every unit, so that the value at expiry is at least quantity × strike.
      const worst = quantity * (spot - put.strike) + cost;
      return { put, call, paid, received, cost, worst };
    })
    .filter(({ call }) => strategy === 'protective-put' || call !== undefined);
  candidates.sort((a, b) => a.cost - b.cost || a.put.strike - b.put.strike);
  const chosen = candidates.find(({ worst }) => worst <= maxLoss * quantity * spot);
  if (!chosen) {
    const least = Math.min(...candidates.map(({ worst }) => worst / (quantity * spot)));
    throw new AssayError(
      'ARGUMENT_INVALID',
      candidates.length === 0
        ? `hedge: the chain has no ${strategy === 'collar' ? 'put and call' : 'put'} that expires on ${expiry}`
        : `hedge: no put of ${expiry} keeps the loss within ${show(maxLoss)}; the least is ${show(least)}`,
      { next: 'allow a larger loss, another expiry or a collar' },
    );
  }
  const { put, call, paid, received, cost, worst } = chosen;
  const putUnits = putContracts * contractUnits;
  const callUnits = callContracts * contractUnits;
  return {
    put: { strike: show(put.strike), contracts: show(putContracts), premiumUsd: show(paid) },
    call: call
      ? { strike: show(call.strike), contracts: show(callContracts), premiumUsd: show(received) }
      : null,
    costUsd: show(cost),
    worstLossUsd: show(worst),
    bestGainUsd: call && callUnits >= quantity ? show(quantity * (call.strike - spot) - cost) : null,
    deltaAfter: show(quantity + putUnits * put.delta - (call ? callUnits * call.delta : 0)),
    breakEven: show(spot + cost / quantity),
    expiry,
  };
}

function nearest(calls: readonly OptionQuote[], premium: number, above: number): OptionQuote | undefined {
  let best: OptionQuote | undefined;
  for (const call of calls) {
    if (call.strike <= above) continue;
    const better = best === undefined ? -1 : Math.abs(call.price - premium) - Math.abs(best.price - premium);
    if (better < 0 || (better === 0 && call.strike > best!.strike)) best = call;
  }
  return best;
}

function show(value: number): Decimal {
  const text = decimalOf(value, 8);
  check(text !== null, 'a finite result', value);
  return text!;
}

function check(holds: boolean, expected: string, got: number): void {
  if (!holds || Number.isNaN(got)) {
    throw new AssayError('ARGUMENT_INVALID', `hedge: expected ${expected}, got ${got}`, {
      next: 'correct the number and ask again',
    });
  }
}
