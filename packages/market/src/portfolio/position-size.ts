import { AssayError, type Decimal } from '@assay/core';
import { decimalOf } from '../decimal-of.ts';
import { floorToLot } from './rebalance.ts';

/** How far a position may fall before it is closed, or is taken to fall. */
export type LossMeasure =
  | { kind: 'stop'; stopPrice: number }
  /** Average true range times a multiple. */
  | { kind: 'atr'; atr: number; multiple: number }
  /** Value at risk of the holding period, as a fraction of the price. */
  | { kind: 'value-at-risk'; fraction: number };

export interface PositionSizeRequest {
  equity: number;
  side: 'long' | 'short';
  entryPrice: number;
  /** Fraction of the equity that may be lost. */
  maxLoss: number;
  measure: LossMeasure;
  /** Paid at entry and again at exit, and slipped at exit. */
  feeBps: number;
  slippageBps: number;
  /** Most of the equity that one position may be worth; above 1 with leverage. */
  maxWeight: number;
  /** Past record of the trade: its Kelly fraction, times `scale`, never above `cap`, limits the position too. */
  kelly?: { winRate: number; payoff: number; scale: number; cap: number };
  lot: Decimal;
  minNotional: number;
}

export interface PositionSize {
  /** Units, whole lots; 0 when nothing should be bought. */
  quantity: Decimal;
  notional: Decimal;
  weight: Decimal;
  /** Lost when the stop is hit, with fees and slippage; never above the budget. */
  lossAtStop: Decimal;
  lossPerUnit: Decimal;
  /** Full Kelly fraction of the equity; null without a record. Negative: the trade loses in the long run. */
  kellyFraction: Decimal | null;
  /** Which limit decided. */
  limitedBy: 'loss-budget' | 'max-weight' | 'kelly' | 'min-notional';
}

/**
 * How much to buy or sell short so that being stopped out costs no more than the budget.
 *
 * Kelly's (1956) fraction for a bet that wins `payoff` times its stake with probability p is p − (1 − p)/payoff; its
 * stake is what is lost at the stop, so that it limits the loss, not the notional. Estimates of p are rough: use
 * `scale` of a half or less, and it is capped in any case.
 *
 * @throws ARGUMENT_INVALID for what is no price, fraction or rate, and for a stop on the wrong side of the entry.
 */
export function positionSize(request: PositionSizeRequest): PositionSize {
  const { equity, side, entryPrice, maxLoss, measure, feeBps, slippageBps, maxWeight, kelly } = request;
  check(entryPrice > 0, 'a positive entry price', entryPrice);
  check(equity > 0, 'a positive equity', equity);
  check(maxLoss > 0 && maxLoss <= 1, 'a loss budget above 0 and at most 1', maxLoss);
  check(feeBps >= 0 && feeBps < 10_000, 'a fee of 0 to 10000 basis points', feeBps);
  check(slippageBps >= 0 && slippageBps < 10_000, 'a slippage of 0 to 10000 basis points', slippageBps);
  check(maxWeight > 0 && maxWeight <= 100, 'a maximum weight above 0 and at most 100', maxWeight);
  check(request.minNotional >= 0, 'a least notional of at least 0', request.minNotional);
  const distance = distanceOf(measure, side, entryPrice);
  const exit = side === 'long' ? entryPrice - distance : entryPrice + distance;
  const lossPerUnit = distance + (entryPrice * feeBps) / 10_000 + (exit * (feeBps + slippageBps)) / 10_000;
  let budget = equity * maxLoss;
  let limitedBy: PositionSize['limitedBy'] = 'loss-budget';
  let fraction: number | null = null;
  if (kelly) {
    check(kelly.winRate >= 0 && kelly.winRate <= 1, 'a win rate from 0 to 1', kelly.winRate);
    check(kelly.payoff > 0, 'a positive payoff', kelly.payoff);
    check(kelly.scale > 0 && kelly.scale <= 1, 'a Kelly scale above 0 and at most 1', kelly.scale);
    check(kelly.cap > 0 && kelly.cap <= 1, 'a Kelly cap above 0 and at most 1', kelly.cap);
    fraction = kelly.winRate - (1 - kelly.winRate) / kelly.payoff;
    const allowed = equity * Math.max(0, Math.min(kelly.cap, kelly.scale * fraction));
    if (allowed < budget) {
      budget = allowed;
      limitedBy = 'kelly';
    }
  }
  let units = budget / lossPerUnit;
  if (units * entryPrice > equity * maxWeight) {
    units = (equity * maxWeight) / entryPrice;
    limitedBy = 'max-weight';
  }
  // Twelve digits: 3.999999999999999 units are four, and the budget is kept as exactly as doubles know it.
  let quantity = floorToLot(decimalOf(Number(units.toPrecision(12)), 18) ?? '0', request.lot);
  if (Number(quantity) * entryPrice < request.minNotional) {
    quantity = '0';
    limitedBy = 'min-notional';
  }
  const held = Number(quantity);
  return {
    quantity,
    notional: must(held * entryPrice),
    weight: must((held * entryPrice) / equity),
    lossAtStop: must(held * lossPerUnit),
    lossPerUnit: must(lossPerUnit),
    kellyFraction: fraction === null ? null : must(fraction),
    limitedBy,
  };
}

function distanceOf(measure: LossMeasure, side: 'long' | 'short', entry: number): number {
  if (measure.kind === 'atr') {
    check(measure.atr > 0 && measure.multiple > 0, 'a positive average true range and multiple', measure.atr);
    const distance = measure.atr * measure.multiple;
    return side === 'long' ? Math.min(distance, entry) : distance;
  }
  if (measure.kind === 'value-at-risk') {
    check(
      measure.fraction > 0 && measure.fraction <= 1,
      'a value at risk above 0 and at most 1',
      measure.fraction,
    );
    return entry * measure.fraction;
  }
  check(measure.stopPrice >= 0, 'a stop price of at least 0', measure.stopPrice);
  const distance = side === 'long' ? entry - measure.stopPrice : measure.stopPrice - entry;
  check(distance > 0, `a stop ${side === 'long' ? 'below' : 'above'} the entry ${entry}`, measure.stopPrice);
  return distance;
}

function must(value: number): Decimal {
  const text = decimalOf(value, 10);
  check(text !== null, 'a finite result', value);
  return text!;
}

function check(holds: boolean, expected: string, got: number): void {
  if (!holds || !Number.isFinite(got)) {
    throw new AssayError('ARGUMENT_INVALID', `position size: expected ${expected}, got ${got}`, {
      next: 'correct the number and ask again',
    });
  }
}
