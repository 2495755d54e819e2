import {
  type Candle,
  type Decimal,
  divRound,
  inRanges,
  isDecimal,
  type RowRanges,
  toScaled,
} from '@assay/core';

/** A stream's name taken apart: `kraken.BTC-USDC.1m`. */
export interface StreamName {
  name: string;
  venue: string;
  base: string;
  quote: string;
}

/** Takes a stream's name apart; null when it is not `<venue>.<BASE>-<QUOTE>.<interval>`. */
export function parseStreamName(name: string): StreamName | null {
  const [, venue, base, quote] = /^([a-z0-9]+)\.([A-Z0-9]+)-([A-Z0-9]+)\.[a-z0-9]+$/.exec(name) ?? [];
  return venue && base && quote ? { name, venue, base, quote } : null;
}

/** Prices and rates are integers of 10^-18: as exact as the contract's DECIMAL(38, 18). */
const SCALE = 18;
export const ONE = 10n ** BigInt(SCALE);
const MINUTE_MS = 60_000;
export const USD = 'USD';

export interface Tick {
  minute: number;
  price: bigint;
  traded: boolean;
  /** Index among the rows to judge; null for history. */
  judged: number | null;
}

/** One stream's prices, read minute by minute. */
export interface Feed {
  stream: StreamName;
  ticks: Tick[];
  next: number;
  /** The newest row at or before the current minute. */
  current: Tick | null;
  /** Minute of the newest trade at or before the current minute. */
  tradedAt: number;
}

/**
 * Opens a stream's prices for reading in order.
 *
 * @throws RangeError for a name that is not a stream of a pair.
 */
export function openFeed(
  name: string,
  rows: readonly Candle[],
  options: { history?: readonly Candle[]; rejected?: RowRanges } = {},
): Feed {
  const { history = [], rejected = [] } = options;
  const stream = parseStreamName(name);
  if (stream === null)
    throw new RangeError(`expected a stream like kraken.BTC-USD.1m, got ${JSON.stringify(name)}`);
  const ticks: Tick[] = [];
  const last = () => ticks.at(-1)?.minute ?? Number.NEGATIVE_INFINITY;
  for (const row of history) {
    const tick = tickOf(row, null);
    if (tick && tick.minute > last()) ticks.push(tick);
  }
  rows.forEach((row, i) => {
    const tick = inRanges(rejected, i) ? null : tickOf(row, i);
    if (tick && tick.minute > last()) ticks.push(tick);
  });
  return { stream, ticks, next: 0, current: null, tradedAt: Number.NEGATIVE_INFINITY };
}

/** A row as a price; null for what the rules reject anyway. */
function tickOf({ time, close, volume }: Candle, judged: number | null): Tick | null {
  const minute = Date.parse(time) / MINUTE_MS;
  if (!Number.isInteger(minute) || !isDecimal(close) || !isDecimal(volume)) return null;
  const price = scaled(close);
  return price > 0n ? { minute, price, traded: volume !== '0', judged } : null;
}

/** Digits beyond the scale are cut: 10^-18 of a dollar moves no decision. */
function scaled(value: Decimal): bigint {
  const dot = value.indexOf('.');
  return toScaled(
    dot >= 0 && value.length - dot - 1 > SCALE
      ? value.slice(0, dot + 1 + SCALE).replace(/\.?0+$/, '')
      : value,
    SCALE,
  );
}

/** Moves on to a minute, which may not be earlier than the last. */
export function advance(feed: Feed, minute: number): void {
  for (let tick = feed.ticks[feed.next]; tick && tick.minute <= minute; tick = feed.ticks[++feed.next]) {
    feed.current = tick;
    if (tick.traded) feed.tradedAt = tick.minute;
  }
}

/** Whether a feed's price still says something: neither its last row nor its last trade is too old. */
export function isFresh(feed: Feed, minute: number, staleAfterMinutes: number): boolean {
  return (
    feed.current !== null &&
    minute - feed.current.minute <= staleAfterMinutes &&
    minute - feed.tradedAt <= staleAfterMinutes
  );
}

/** A coin's dollar rate as measured at one venue, with the streams that it was read from. */
export interface Rate {
  value: bigint;
  /** Empty for a median over venues. */
  venue: string;
  via: string[];
  /** Conversions between the coin and the dollar. */
  steps: number;
}

/** The coins' measured dollar rates at one minute. */
export class RateBook {
  readonly #feeds: readonly Feed[];
  readonly #minute: number;
  readonly #rates = new Map<string, Rate[]>();

  constructor(feeds: readonly Feed[], minute: number) {
    this.#feeds = feeds;
    this.#minute = minute;
  }

  /** Every measurement of a coin, at most one a venue. */
  measured(coin: string, staleAfterMinutes: number): readonly Rate[] {
    const key = `${coin}/${staleAfterMinutes}`;
    let rates = this.#rates.get(key);
    if (!rates) {
      rates = this.#measure(coin, staleAfterMinutes);
      this.#rates.set(key, rates);
    }
    return rates;
  }

  /** The rate to convert a venue's price by: its own, else the median of the other venues'. */
  rate(coin: string, venue: string, staleAfterMinutes: number): Rate | null {
    if (coin === USD) return { value: ONE, venue, via: [], steps: 0 };
    const rates = this.measured(coin, staleAfterMinutes);
    const own = rates.find((rate) => rate.venue === venue);
    if (own || rates.length === 0) return own ?? null;
    return {
      value: medianOf(rates.map(({ value }) => value)),
      venue: '',
      via: rates.flatMap(({ via }) => via),
      steps: Math.max(...rates.map(({ steps }) => steps)),
    };
  }

  #measure(coin: string, staleAfterMinutes: number): Rate[] {
    const fresh = this.#feeds.filter(
      (feed) => feed.stream.base === coin && isFresh(feed, this.#minute, staleAfterMinutes),
    );
    const direct = fresh
      .filter(({ stream }) => stream.quote === USD)
      .map(
        ({ stream, current }): Rate => ({
          value: current!.price,
          venue: stream.venue,
          via: [stream.name],
          steps: 1,
        }),
      );
    // One hop through another coin, whose rate must be quoted in dollars: no cycles.
    const crossed = fresh
      .filter(
        ({ stream }) =>
          stream.quote !== USD &&
          stream.quote !== coin &&
          !direct.some(({ venue }) => venue === stream.venue) &&
          this.#feeds.some((feed) => feed.stream.base === stream.quote && feed.stream.quote === USD),
      )
      .flatMap(({ stream, current }): Rate[] => {
        const leg = this.rate(stream.quote, stream.venue, staleAfterMinutes);
        return leg && leg.steps === 1
          ? [
              {
                value: times(current!.price, leg.value),
                venue: stream.venue,
                via: [stream.name, ...leg.via],
                steps: 2,
              },
            ]
          : [];
      });
    return [...direct, ...crossed];
  }
}

/** The middle value, or the mean of the two middle ones. */
export function medianOf(values: readonly bigint[]): bigint {
  const sorted = [...values].sort(ascending);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : divRound(sorted[middle - 1]! + sorted[middle]!, 2n);
}

/** Product of two scaled numbers. */
export function times(a: bigint, b: bigint): bigint {
  return b === ONE ? a : divRound(a * b, ONE);
}

export function distance(a: bigint, b: bigint): bigint {
  return a > b ? a - b : b - a;
}

/** How far a value lies from a centre, signed, in hundredths of a basis point. */
export function differenceOf(value: bigint, centre: bigint): bigint {
  return divRound((value - centre) * 1_000_000n, centre);
}

export function ascending(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
