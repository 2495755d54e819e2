import {
  AssayError,
  type Decimal,
  divRound,
  fromScaled,
  isDecimal,
  toScaled,
  toScaledRounded,
} from '@assay/core';

/** What one asset is held, priced and traded at. All decimals. */
export interface Position {
  asset: string;
  /** Units held; negative for a short. */
  quantity: Decimal;
  price: Decimal;
  /** Fraction of the total value that it should be. */
  targetWeight: Decimal;
  /** Least step of a quantity. */
  lot: Decimal;
  /** Least value of an order. */
  minNotional: Decimal;
  feeBps: Decimal;
}

export interface RebalanceRequest {
  cash: Decimal;
  positions: readonly Position[];
  /** Nothing is done about a weight that is at most this far from its target. */
  band: Decimal;
  /** What is done about one further off: trade to the target itself, or only back to the edge of the band. */
  tradeTo: 'target' | 'band';
}

export interface Order {
  asset: string;
  side: 'buy' | 'sell';
  quantity: Decimal;
  price: Decimal;
  notional: Decimal;
  fee: Decimal;
}

export interface Rebalance {
  /** Sales first: they pay for the purchases. */
  orders: Order[];
  /** Assets that are not traded though off their target, and why. */
  untraded: { asset: string; reason: string }[];
  holdings: { asset: string; quantity: Decimal; value: Decimal; weight: Decimal; targetWeight: Decimal }[];
  /** Exactly: cash + sales − purchases − fees. */
  cashAfter: Decimal;
  valueBefore: Decimal;
  /** Exactly: the value before less the fees. */
  valueAfter: Decimal;
  fees: Decimal;
  /** Half the traded value over the value before. */
  turnover: Decimal;
}

/** Fraction digits that quantities and prices may have, and those of their product with a fee. */
const SCALE = 18;
const FEE_SCALE = 8;
const UNIT = 10n ** BigInt(SCALE);
const VALUE_SCALE = 2 * SCALE;
const FEE_UNIT = 10n ** BigInt(FEE_SCALE);
const EXACT_SCALE = VALUE_SCALE + FEE_SCALE;
const WEIGHT_DIGITS = 10;
const MAX_POSITIONS = 1000;

/**
 * Orders that bring holdings to their target weights: whole lots, nothing below the least notional, never more cash
 * than there is. Integers throughout, so that holdings, cash and fees add up exactly to the value before.
 *
 * Quantities are rounded towards no trade. When fees or rounding leave too little cash for all purchases, the last lots
 * of the largest ones are given up until it is enough.
 *
 * @throws ARGUMENT_INVALID for a price or lot that is not positive, a repeated asset, more than 1000 positions, or
 * nothing of value to distribute.
 * @example
 * rebalance({ cash: '1000', positions: [{ asset: 'BTC', quantity: '0', price: '100', targetWeight: '0.5', lot: '1',
 *   minNotional: '10', feeBps: '0' }], band: '0', tradeTo: 'target' }).orders; // buy 5 BTC for 500
 */
export function rebalance({ cash, positions, band, tradeTo }: RebalanceRequest): Rebalance {
  if (positions.length > MAX_POSITIONS)
    refuse(`expected at most ${MAX_POSITIONS} positions, got ${positions.length}`);
  const seen = new Set<string>();
  const books = positions.map((position) => {
    const { asset } = position;
    if (seen.has(asset)) refuse(`expected each asset once, got ${asset} twice`);
    seen.add(asset);
    const price = read(position.price, `price of ${asset}`);
    const lot = read(position.lot, `lot of ${asset}`);
    const minNotional = read(position.minNotional, `least notional of ${asset}`);
    const fee = scaled(position.feeBps, `fee of ${asset}`, FEE_SCALE - 4);
    if (price <= 0n) refuse(`expected a positive price of ${asset}, got ${position.price}`);
    if (lot <= 0n) refuse(`expected a positive lot of ${asset}, got ${position.lot}`);
    if (minNotional < 0n || fee < 0n) refuse(`expected no negative notional or fee of ${asset}`);
    return {
      asset,
      price,
      lot,
      quantity: read(position.quantity, `quantity of ${asset}`),
      target: read(position.targetWeight, `target weight of ${asset}`),
      minNotional: minNotional * UNIT,
      fee,
    };
  });
  const cashBefore = read(cash, 'cash') * UNIT;
  const before = books.reduce((sum, { quantity, price }) => sum + quantity * price, cashBefore);
  if (before <= 0n) refuse(`expected a positive total value, got ${fromScaled(before, VALUE_SCALE)}`);
  const width = read(band, 'band');
  if (width < 0n) refuse(`expected no negative band, got ${band}`);

  const untraded: Rebalance['untraded'] = [];
  /** Signed lots. */
  const lots = books.map((book) => {
    const now = book.quantity * book.price;
    const edge = width * before;
    // Values times UNIT, so that weights stay exact.
    const gap = book.target * before - now * UNIT;
    if (gap === 0n) return 0n;
    if (abs(gap) <= edge) {
      untraded.push({ asset: book.asset, reason: `within the band of ${band}` });
      return 0n;
    }
    const wanted = tradeTo === 'target' ? gap : gap > 0n ? gap - edge : gap + edge;
    const count = wanted / (book.lot * book.price * UNIT);
    if (count === 0n)
      untraded.push({ asset: book.asset, reason: `less than a lot of ${fromScaled(book.lot, SCALE)}` });
    else if (abs(count) * book.lot * book.price < book.minNotional) {
      untraded.push({
        asset: book.asset,
        reason: `${fromScaled(abs(count) * book.lot * book.price, VALUE_SCALE)} is below the least notional ${fromScaled(book.minNotional, VALUE_SCALE)}`,
      });
      return 0n;
    }
    return count;
  });
  const value = (i: number) => abs(lots[i]!) * books[i]!.lot * books[i]!.price;
  const feeOf = (i: number) => value(i) * books[i]!.fee;
  const cashLeft = () =>
    books.reduce((sum, _, i) => {
      const traded = value(i) * FEE_UNIT;
      return sum + (lots[i]! < 0n ? traded : -traded) - feeOf(i);
    }, cashBefore * FEE_UNIT);

  // Each round gives up enough of one purchase, or all of it: at most one round an asset, and one to see that it is done.
  for (let round = 0; round <= books.length; round++) {
    const missing = -cashLeft();
    if (missing <= 0n || cashBefore < 0n) break;
    let largest = -1;
    for (let i = 0; i < books.length; i++)
      if (lots[i]! > 0n && (largest < 0 || value(i) > value(largest))) largest = i;
    if (largest < 0) break;
    const book = books[largest]!;
    const perLot = book.lot * book.price * (FEE_UNIT + book.fee);
    const give = (missing + perLot - 1n) / perLot;
    lots[largest] = give >= lots[largest]! ? 0n : lots[largest]! - give;
    if (lots[largest] === 0n || value(largest) < book.minNotional) {
      lots[largest] = 0n;
      untraded.push({ asset: book.asset, reason: 'not enough cash after fees' });
    }
  }

  const orders = books.flatMap((book, i): Order[] => {
    const count = lots[i]!;
    if (count === 0n) return [];
    return [
      {
        asset: book.asset,
        side: count > 0n ? 'buy' : 'sell',
        quantity: fromScaled(abs(count) * book.lot, SCALE),
        price: fromScaled(book.price, SCALE),
        notional: fromScaled(value(i), VALUE_SCALE),
        fee: fromScaled(feeOf(i), EXACT_SCALE),
      },
    ];
  });
  const cashAfter = cashLeft();
  const fees = books.reduce((sum, _, i) => sum + feeOf(i), 0n);
  const after = before * FEE_UNIT - fees;
  const traded = books.reduce((sum, _, i) => sum + value(i), 0n);
  const ratio = (n: bigint, d: bigint) => {
    const digits = n * 10n ** BigInt(WEIGHT_DIGITS);
    return fromScaled(divRound(digits, d), WEIGHT_DIGITS);
  };
  return {
    orders: [...orders.filter(({ side }) => side === 'sell'), ...orders.filter(({ side }) => side === 'buy')],
    untraded,
    holdings: books.map((book, i) => {
      const quantity = book.quantity + lots[i]! * book.lot;
      return {
        asset: book.asset,
        quantity: fromScaled(quantity, SCALE),
        value: fromScaled(quantity * book.price, VALUE_SCALE),
        weight: after > 0n ? ratio(quantity * book.price * FEE_UNIT, after) : '0',
        targetWeight: fromScaled(book.target, SCALE),
      };
    }),
    cashAfter: fromScaled(cashAfter, EXACT_SCALE),
    valueBefore: fromScaled(before, VALUE_SCALE),
    valueAfter: fromScaled(after, EXACT_SCALE),
    fees: fromScaled(fees, EXACT_SCALE),
    turnover: ratio(traded, 2n * before),
  };
}

/** The largest whole number of lots in a quantity, as a quantity. */
export function floorToLot(quantity: Decimal, lot: Decimal): Decimal {
  const step = read(lot, 'lot');
  if (step <= 0n) refuse(`expected a positive lot, got ${lot}`);
  return fromScaled((toScaledRounded(quantity, SCALE) / step) * step, SCALE);
}

function read(value: Decimal, what: string): bigint {
  return scaled(value, what, SCALE);
}

/** At most 40 characters: no product of them leaves what a decimal string may hold. */
function scaled(value: Decimal, what: string, scale: number): bigint {
  if (!isDecimal(value) || value.length > 40)
    refuse(`expected ${what} as a decimal string, got ${String(value)}`);
  return toScaled(value, scale);
}

function abs(value: bigint): bigint {
  return value < 0n ? -value : value;
}

function refuse(message: string): never {
  throw new AssayError('ARGUMENT_INVALID', `rebalance: ${message}`, {
    next: 'correct the position and ask again',
  });
}
