import { AssayError } from '@assay/core';
import { dayIndex, type Panel } from '../panel/index.ts';
import type { FundingRow } from '../rows.ts';
import { GrowingView, type MarketView } from './market-view.ts';

const MAX_FILLS = 1_000_000;
/** Whole cents beyond this are no longer exact in a double. */
const MAX_CENTS = Number.MAX_SAFE_INTEGER;

/** What trading costs and how much of it is possible. Decimal strings are fractions unless named otherwise. */
export interface BacktestParameters {
  initialUsd: string;
  feeBps: string;
  halfSpreadBps: string;
  /** Impact is this times daily volatility times the square root of the share of a usual day's volume. */
  impactFactor: string;
  /** Days from which volatility and usual volume are read. */
  impactDays: number;
  /** What a short pays a year where no funding is known. */
  borrowPerYear: string;
  /** Without a bar for this many days an asset is delisted, and what is held is sold with this loss. */
  delistedDays: number;
  delistingHaircut: string;
  /** Of the equity: at most in one asset, and at most in all. */
  maxWeight: string;
  maxGross: string;
  /** Most of a usual day's volume that is filled in a day; the rest waits. */
  maxParticipation: string;
  /** Everything is closed when the equity falls to this share of what is held. */
  maintenance: string;
}

/** The parameters in use. Where the values come from is in docs/signals.md. */
export const BACKTEST_PARAMETERS: BacktestParameters = {
  initialUsd: '100000',
  feeBps: '10',
  halfSpreadBps: '5',
  impactFactor: '1',
  impactDays: 20,
  borrowPerYear: '0.1',
  delistedDays: 30,
  delistingHaircut: '0.5',
  maxWeight: '1',
  maxGross: '1',
  maxParticipation: '0.1',
  maintenance: '0.05',
};

/** What happens, in the order in which it becomes known. A day's bars are known at its end, like its funding. */
export type BacktestEvent =
  | { kind: 'funding'; day: number; asset: number; rate: number }
  | { kind: 'bar'; day: number; asset: number }
  | { kind: 'signal'; day: number; asset: number; value: number };

/** Asks for a share of the equity in an asset, negative for a short. Filled from the next day's open on. */
export type PlaceOrder = (asset: number, share: number) => void;

export interface Strategy {
  name: string;
  onEvent(event: BacktestEvent, view: MarketView, order: PlaceOrder): void;
}

export interface BacktestInput {
  panel: Panel;
  /** Assets that are traded; all of the panel if not said. */
  assets?: readonly number[];
  /** Half open. The first decision is made at the end of the first day. */
  days: { from: number; to: number };
  funding?: readonly FundingRow[];
  signals?: readonly { day: number; asset: number; value: number }[];
  strategy: Strategy;
}

export interface Fill {
  day: number;
  asset: number;
  /** Bought, or sold if negative. */
  units: number;
  price: number;
  /** In cents. */
  notional: number;
  fee: number;
  spread: number;
  impact: number;
  why: 'order' | 'delisted' | 'liquidated';
}

/** A position from flat to flat, with everything that it cost. */
export interface Trade {
  asset: number;
  side: 'long' | 'short';
  opened: number;
  closed: number;
  /** In cents, after all costs. */
  profit: number;
}

/** Money is in whole cents: it adds up exactly. */
export interface BacktestResult {
  from: number;
  /** At the end of each day from `from` on. */
  cash: Float64Array;
  equity: Float64Array;
  /** Value of long and of short positions, by their sizes. */
  gross: Float64Array;
  fills: Fill[];
  trades: Trade[];
  costs: Record<CostKind, number>;
  /** Day on which everything had to be closed because the equity was used up. */
  liquidated: number | null;
}

export type CostKind = 'fee' | 'spread' | 'impact' | 'funding' | 'borrow' | 'haircut';

interface Position {
  units: number;
  /** Asked for at the end of the day before, in cents; null when nothing is asked for. */
  wanted: number | null;
  lastClose: number;
  lastBar: number;
  openedOn: number;
  /** Money in and out since it was opened, in cents. */
  flow: number;
}

/**
 * Plays days in order: fills at the open what was ordered before, then the day's funding or borrow, then the close
 * becomes known, then signals; what the strategy orders on any of them is filled at the next day's open at the
 * earliest, never at a price that it has seen. Bars without volume fill nothing. Long and short positions pay the
 * day's funding where it is known, like a perpetual; where it is not, shorts pay to borrow.
 *
 * @throws LOOK_AHEAD when the strategy reads a bar that is not yet known; ARGUMENT_INVALID for days outside the panel,
 * a share that is not a number, more than a million fills, or money beyond exact cents.
 * @example
 * backtest({ panel, days: { from: 0, to: 365 }, strategy: { name: 'hold', onEvent: (e, view, order) => {
 *   if (e.day === 0) order(e.asset, 1);
 * } } });
 */
export function backtest(
  input: BacktestInput,
  parameters: BacktestParameters = BACKTEST_PARAMETERS,
): BacktestResult {
  const { panel, days, strategy } = input;
  if (!(days.from >= 0 && days.from < days.to && days.to <= panel.days.length)) {
    throw new AssayError(
      'ARGUMENT_INVALID',
      `expected days within 0 to ${panel.days.length}, got ${days.from} to ${days.to}`,
    );
  }
  const assets = input.assets ?? panel.assets.map((_, a) => a);
  const rates = ratesByDay(panel, input.funding ?? []);
  const signals = byDay(input.signals ?? []);
  const account = new Account(panel, assets, days, parameters);
  const view = new GrowingView(panel);
  for (let d = 0; d < days.from; d++) view.learn(d, assets);
  for (let day = days.from; day < days.to; day++) {
    const funding = rates.get(day);
    account.fillOrders(day);
    account.charge(day, funding);
    view.learn(day, assets);
    account.close(day);
    if (account.result.liquidated !== null) continue;
    const order: PlaceOrder = (asset, share) => account.order(asset, share, day);
    if (funding) {
      for (const [asset, rate] of funding) {
        if (account.has(asset)) strategy.onEvent({ kind: 'funding', day, asset, rate }, view, order);
      }
    }
    for (const asset of assets) {
      if (panel.close[asset * panel.days.length + day]! > 0) {
        strategy.onEvent({ kind: 'bar', day, asset }, view, order);
      }
    }
    for (const { asset, value } of signals.get(day) ?? []) {
      if (account.has(asset)) strategy.onEvent({ kind: 'signal', day, asset, value }, view, order);
    }
    account.limit();
  }
  return account.result;
}

/** Cash and positions, and every rule by which they change. */
class Account {
  readonly result: BacktestResult;
  readonly #panel: Panel;
  readonly #positions: Map<number, Position>;
  readonly #asked = new Map<number, number>();
  readonly #rates: Record<
    'fee' | 'spread' | 'impact' | 'borrow' | 'haircut' | 'weight' | 'gross' | 'participation' | 'maintenance',
    number
  >;
  readonly #impactDays: number;
  readonly #delistedDays: number;
  #cash: number;
  #equity: number;

  constructor(
    panel: Panel,
    assets: readonly number[],
    days: { from: number; to: number },
    parameters: BacktestParameters,
  ) {
    this.#panel = panel;
    this.#positions = new Map(
      assets.map((asset) => [
        asset,
        { units: 0, wanted: null, lastClose: Number.NaN, lastBar: Number.NaN, openedOn: -1, flow: 0 },
      ]),
    );
    this.#rates = {
      fee: Number(parameters.feeBps) / 10_000,
      spread: Number(parameters.halfSpreadBps) / 10_000,
      impact: Number(parameters.impactFactor),
      borrow: Number(parameters.borrowPerYear) / 365,
      haircut: Number(parameters.delistingHaircut),
      weight: Number(parameters.maxWeight),
      gross: Number(parameters.maxGross),
      participation: Number(parameters.maxParticipation),
      maintenance: Number(parameters.maintenance),
    };
    this.#impactDays = parameters.impactDays;
    this.#delistedDays = parameters.delistedDays;
    this.#cash = cents(Number(parameters.initialUsd));
    this.#equity = this.#cash;
    const column = () => new Float64Array(days.to - days.from);
    this.result = {
      from: days.from,
      cash: column(),
      equity: column(),
      gross: column(),
      fills: [],
      trades: [],
      costs: { fee: 0, spread: 0, impact: 0, funding: 0, borrow: 0, haircut: 0 },
      liquidated: null,
    };
  }

  has(asset: number): boolean {
    return this.#positions.has(asset);
  }

  /** Notes what is asked for; the last word of a day counts. */
  order(asset: number, share: number, day: number): void {
    if (!Number.isFinite(share) || !this.#positions.has(asset)) {
      throw new AssayError(
        'ARGUMENT_INVALID',
        `expected a share of the equity in a traded asset, got ${share} of ${asset} on day ${day}`,
      );
    }
    this.#asked.set(asset, Math.max(-this.#rates.weight, Math.min(this.#rates.weight, share)));
  }

  /** Makes orders of what was asked for, scaled so that all positions stay within the gross limit. */
  limit(): void {
    if (this.#asked.size === 0) return;
    let kept = 0;
    let asked = 0;
    for (const [asset, position] of this.#positions) {
      const share = this.#asked.get(asset);
      if (share !== undefined) asked += Math.abs(share);
      else if (position.wanted !== null) kept += Math.abs(position.wanted);
      else if (position.units !== 0) kept += Math.abs(cents(position.units * position.lastClose));
    }
    const free = Math.max(this.#rates.gross - (this.#equity > 0 ? kept / this.#equity : 0), 0);
    const scale = asked > free ? free / asked : 1;
    for (const [asset, share] of this.#asked) {
      this.#positions.get(asset)!.wanted = share * scale * Math.max(this.#equity, 0);
    }
    this.#asked.clear();
  }

  fillOrders(day: number): void {
    for (const [asset, position] of this.#positions) {
      if (position.wanted === null) continue;
      const at = asset * this.#panel.days.length + day;
      const price = this.#panel.open[at]!;
      if (!(price > 0 && this.#panel.volume[at]! > 0)) continue;
      const { volume, volatility } = this.#usual(asset, day);
      // Room for fee and spread, so that a whole share of the equity does not borrow.
      const target =
        position.wanted / 100 / price / (position.wanted > 0 ? 1 + this.#rates.fee + this.#rates.spread : 1);
      const most = this.#rates.participation * volume;
      const full = target - position.units;
      // Nobody knows what a first day can take.
      const units = Number.isNaN(most) ? 0 : Math.max(-most, Math.min(most, full));
      if (units === full) position.wanted = null;
      if (units === 0) continue;
      const impact = this.#rates.impact * volatility * Math.sqrt(Math.abs(units) / volume);
      const crosses =
        position.units !== 0 && Math.sign(position.units + units) === -Math.sign(position.units);
      const parts = crosses ? [-position.units, units + position.units] : [units];
      for (const part of parts) this.#fill(day, asset, position, part, price, impact, 'order');
    }
  }

  /** Mean volume and standard deviation of log returns over the bars that were known the day before. */
  #usual(asset: number, day: number): { volume: number; volatility: number } {
    const { close, volume, days } = this.#panel;
    const start = asset * days.length;
    let [n, total] = [0, 0];
    const returns: number[] = [];
    let later = Number.NaN;
    for (let d = day - 1; d >= 0 && d >= day - this.#impactDays; d--) {
      const price = close[start + d]!;
      if (!(price > 0)) continue;
      n++;
      total += volume[start + d]!;
      if (later > 0) returns.push(Math.log(later / price));
      later = price;
    }
    const mean = returns.reduce((sum, one) => sum + one, 0) / returns.length;
    const variance = returns.reduce((sum, one) => sum + (one - mean) ** 2, 0) / (returns.length - 1);
    return {
      volume: n > 0 && total > 0 ? total / n : Number.NaN,
      // Two returns at least; before that a volatile asset's daily ten percent.
      volatility: returns.length >= 2 ? Math.sqrt(variance) : 0.1,
    };
  }

  #fill(
    day: number,
    asset: number,
    position: Position,
    units: number,
    price: number,
    impactRate: number,
    why: Fill['why'],
  ): void {
    const notional = cents(units * price);
    const size = Math.abs(notional);
    const fee = Math.round(size * this.#rates.fee);
    const spread = Math.round(size * this.#rates.spread);
    const impact = Math.round(size * impactRate);
    if (this.result.fills.length >= MAX_FILLS) {
      throw new AssayError('ARGUMENT_INVALID', `expected at most ${MAX_FILLS} fills`);
    }
    this.result.fills.push({ day, asset, units, price, notional, fee, spread, impact, why });
    this.result.costs.fee += fee;
    this.result.costs.spread += spread;
    this.result.costs.impact += impact;
    if (position.units === 0) {
      position.openedOn = day;
      position.flow = 0;
    }
    const side = position.units + units > 0 || position.units > 0 ? 'long' : 'short';
    this.#pay(position, -notional - fee - spread - impact);
    position.units = units === -position.units ? 0 : position.units + units;
    if (position.units === 0) {
      this.result.trades.push({
        asset,
        side,
        opened: position.openedOn,
        closed: day,
        profit: position.flow,
      });
    }
  }

  #pay(position: Position, amount: number): void {
    position.flow += amount;
    this.#cash += amount;
    if (!(Math.abs(this.#cash) <= MAX_CENTS)) {
      throw new AssayError('ARGUMENT_INVALID', 'expected money within exact cents, got more', {
        next: 'begin with less, or look for a price that is wrong by orders of magnitude',
      });
    }
  }

  /** Funding or borrow of the day, on what is held through it at its close. */
  charge(day: number, funding: ReadonlyMap<number, number> | undefined): void {
    for (const [asset, position] of this.#positions) {
      if (position.units === 0) continue;
      const close = this.#panel.close[asset * this.#panel.days.length + day]!;
      const value = position.units * (close > 0 ? close : position.lastClose);
      const rate = funding?.get(asset);
      if (rate !== undefined) {
        const paid = cents(value * rate);
        this.result.costs.funding += paid;
        this.#pay(position, -paid);
      } else if (value < 0) {
        const paid = cents(-value * this.#rates.borrow);
        this.result.costs.borrow += paid;
        this.#pay(position, -paid);
      }
    }
  }

  /** Marks everything to the close, takes out what was delisted, and closes all when the equity is used up. */
  close(day: number): void {
    let { value, gross } = this.#mark(day);
    if (gross > 0 && this.#cash + value < this.#rates.maintenance * gross) {
      this.result.liquidated = day;
      for (const [asset, position] of this.#positions) {
        position.wanted = null;
        if (position.units !== 0) {
          this.#fill(day, asset, position, -position.units, position.lastClose, 0, 'liquidated');
        }
      }
      value = 0;
      gross = 0;
    }
    this.#equity = this.#cash + value;
    const i = day - this.result.from;
    this.result.cash[i] = this.#cash;
    this.result.equity[i] = this.#equity;
    this.result.gross[i] = gross;
  }

  #mark(day: number): { value: number; gross: number } {
    let [value, gross] = [0, 0];
    for (const [asset, position] of this.#positions) {
      const close = this.#panel.close[asset * this.#panel.days.length + day]!;
      if (close > 0) {
        position.lastClose = close;
        position.lastBar = day;
      } else if (day - position.lastBar > this.#delistedDays) {
        position.wanted = null;
        this.#delist(day, asset, position);
      }
      if (position.units === 0) continue;
      const worth = cents(position.units * position.lastClose);
      value += worth;
      gross += Math.abs(worth);
    }
    return { value, gross };
  }

  /** Sold, or bought back, at the last price less the haircut. */
  #delist(day: number, asset: number, position: Position): void {
    if (position.units === 0) return;
    const loss = Math.round(Math.abs(cents(position.units * position.lastClose)) * this.#rates.haircut);
    this.result.costs.haircut += loss;
    this.#pay(position, -loss);
    this.#fill(day, asset, position, -position.units, position.lastClose, 0, 'delisted');
  }
}

function cents(usd: number): number {
  return Math.round(usd * 100);
}

function ratesByDay(panel: Panel, funding: readonly FundingRow[]): Map<number, Map<number, number>> {
  const places = new Map(panel.assets.map((asset, a) => [asset, a]));
  const rates = new Map<number, Map<number, number>>();
  for (const { time, asset, rate } of funding) {
    const day = dayIndex(panel, time);
    const place = places.get(asset);
    const value = Number(rate);
    if (day < 0 || place === undefined || !Number.isFinite(value)) continue;
    let onDay = rates.get(day);
    if (!onDay) {
      onDay = new Map();
      rates.set(day, onDay);
    }
    // Several venues: the first that was published, so that a later one changes nothing.
    if (!onDay.has(place)) onDay.set(place, value);
  }
  return rates;
}

function byDay<Event extends { day: number }>(events: readonly Event[]): Map<number, Event[]> {
  const days = new Map<number, Event[]>();
  for (const event of events) {
    const list = days.get(event.day);
    if (list) list.push(event);
    else days.set(event.day, [event]);
  }
  return days;
}
