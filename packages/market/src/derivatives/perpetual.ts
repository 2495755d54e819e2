import { AssayError } from '@assay/core';

/** A position in a perpetual future. */
export interface PerpetualPosition {
  /** `linear` is settled in the quote currency; `inverse` in the base asset, with contracts of a fixed quote value. */
  contract: 'linear' | 'inverse';
  /** Positive for long: units of the base asset when linear, quote currency when inverse. */
  size: number;
  entryPrice: number;
}

/** What a position came to, in the currency that it is settled in. */
export interface PerpetualProfit {
  price: number;
  funding: number;
  fees: number;
  total: number;
  /** Payments of funding that were counted. */
  payments: number;
}

/**
 * Profit and loss of a perpetual over time: price, funding at each payment on the notional of that moment, fees of
 * entry and exit. Longs pay positive funding.
 *
 * @param funding payments while the position was held, each with the mark price of its moment.
 * @throws ARGUMENT_INVALID for a price that is not positive.
 * @example
 * perpetualProfit({ contract: 'linear', size: 2, entryPrice: 100 }, { exitPrice: 110, funding: [{ rate: 0.001, markPrice: 105 }], feeRate: 0.0005 });
 * // price 20, funding -0.21, fees -0.21
 */
export function perpetualProfit(
  { contract, size, entryPrice }: PerpetualPosition,
  {
    exitPrice,
    funding,
    feeRate = 0,
  }: { exitPrice: number; funding: readonly { rate: number; markPrice: number }[]; feeRate?: number },
): PerpetualProfit {
  positive({ entryPrice, exitPrice });
  const notional = (at: number) => (contract === 'linear' ? size * at : size / at);
  const price =
    contract === 'linear' ? size * (exitPrice - entryPrice) : size * (1 / entryPrice - 1 / exitPrice);
  let paid = 0;
  for (const { rate, markPrice } of funding) {
    positive({ markPrice });
    paid -= rate * notional(markPrice);
  }
  const fees = -feeRate * (Math.abs(notional(entryPrice)) + Math.abs(notional(exitPrice)));
  return { price, funding: paid, fees, total: price + paid + fees, payments: funding.length };
}

/** A venue's tiers: up to `notional`, this share of it must be held, less `deduction`. Ascending. */
export interface MarginTier {
  notional: number;
  maintenanceRate: number;
  deduction: number;
}

/** Tiers with the deductions that make the requirement continuous where one tier ends and the next begins. */
export function marginTiers(tiers: readonly { notional: number; maintenanceRate: number }[]): MarginTier[] {
  let deduction = 0;
  return tiers.map((tier, i) => {
    const before = tiers[i - 1];
    if (before) {
      if (!(tier.notional > before.notional && tier.maintenanceRate >= before.maintenanceRate)) {
        throw new AssayError('ARGUMENT_INVALID', 'expected tiers of rising notional and rate', {
          next: 'sort the tiers as the venue publishes them',
        });
      }
      deduction += before.notional * (tier.maintenanceRate - before.maintenanceRate);
    }
    return { ...tier, deduction };
  });
}

/** Where a position would be liquidated, and how far that is. */
export interface Liquidation {
  /** Null when no positive price liquidates it: there is more collateral than it can lose. */
  price: number | null;
  /** Distance of the mark price to it, as a share of the mark price; negative when it is past. */
  buffer: number | null;
  maintenanceMargin: number;
  /** Equity over maintenance margin; below 1 it is liquidated. */
  marginRatio: number;
}

/**
 * The mark price at which equity equals the maintenance margin, for an isolated position. Solved in each tier of the
 * margin schedule; the answer is the one that lies in its own tier.
 *
 * @param collateral in the currency of settlement.
 * @throws ARGUMENT_INVALID for prices that are not positive, no tiers, or collateral that is negative.
 * @example
 * liquidationOf({ contract: 'linear', size: 1, entryPrice: 100 }, { collateral: 10, markPrice: 100, tiers: marginTiers([{ notional: 1e9, maintenanceRate: 0.005 }]) }).price; // 90 / 0.995
 */
export function liquidationOf(
  { contract, size, entryPrice }: PerpetualPosition,
  { collateral, markPrice, tiers }: { collateral: number; markPrice: number; tiers: readonly MarginTier[] },
): Liquidation {
  positive({ entryPrice, markPrice });
  if (tiers.length === 0 || !(collateral >= 0) || !Number.isFinite(size) || size === 0) {
    throw new AssayError(
      'ARGUMENT_INVALID',
      'expected a size, collateral of at least 0 and at least one margin tier',
    );
  }
  const linear = contract === 'linear';
  const notional = (at: number) => Math.abs(linear ? size * at : size / at);
  const tierOf = (value: number) => tiers.find((tier) => value <= tier.notional) ?? tiers.at(-1)!;
  const profit = (at: number) => (linear ? size * (at - entryPrice) : size * (1 / entryPrice - 1 / at));
  const maintenance = (at: number) => {
    const { maintenanceRate, deduction } = tierOf(notional(at));
    return notional(at) * maintenanceRate - deduction;
  };
  const solve = ({ maintenanceRate: rate, deduction }: MarginTier): number => {
    if (linear) {
      // collateral + size (p - entry) = |size| p rate - deduction
      return (size * entryPrice - collateral - deduction) / (size - Math.abs(size) * rate);
    }
    // collateral + size / entry - size / p = |size| rate / p - deduction
    return (size + Math.abs(size) * rate) / (collateral + deduction + size / entryPrice);
  };
  const found = tiers
    .map((tier) => ({ tier, at: solve(tier) }))
    .filter(({ tier, at }) => at > 0 && Number.isFinite(at) && tierOf(notional(at)) === tier)
    .map(({ at }) => at);
  // A long is liquidated at the first such price below, a short at the first above.
  const price = found.length === 0 ? null : size > 0 ? Math.max(...found) : Math.min(...found);
  const maintenanceMargin = maintenance(markPrice);
  return {
    price,
    buffer: price === null ? null : (size > 0 ? markPrice - price : price - markPrice) / markPrice,
    maintenanceMargin,
    marginRatio: (collateral + profit(markPrice)) / maintenanceMargin,
  };
}

function positive(prices: Record<string, number>): void {
  for (const [name, value] of Object.entries(prices)) {
    if (value > 0 && Number.isFinite(value)) continue;
    throw new AssayError('ARGUMENT_INVALID', `${name}: expected a positive price, got ${value}`, {
      next: 'leave out moments without a price',
    });
  }
}
