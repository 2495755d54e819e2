import { Agent } from 'node:http';
import { AssayError, type Candle, normaliseDecimal, type Period } from '@assay/core';
import ccxt, { type Exchange } from 'ccxt';
import { boundedRetry } from './bounded-retry.ts';
import type { SourceClock } from './clock.ts';
import { instantOf, MINUTE_MS, STREAMS, type StreamSpec, VENUES, type Venue } from './streams.ts';

/** Candles that one request may bring, by the venues' own rules. */
const PAGE: Record<Venue, number> = { binance: 1000, coinbase: 300, kraken: 720 };
const REQUEST_TIMEOUT_MS = 10_000;
/** A stream that gave no row for this long is delayed. */
const DELAYED_AFTER_MS = 15 * MINUTE_MS;

/** What a stream is doing, for the console and the start screen. */
export interface StreamState {
  stream: string;
  state: 'ok' | 'delayed' | 'unreachable' | 'waiting';
  lastRowAt: string | null;
  lastError?: string;
}

export interface ExchangeOptions {
  clock: SourceClock;
  /** Where to ask instead of the venues' public addresses. */
  baseUrls?: Partial<Record<Venue, string>>;
  /** Wait between requests as the venues demand. Off only where a recording answers. */
  rateLimit: boolean;
  /** 0 to 1, for the jitter of the back-off. */
  random?: () => number;
  firstBackoffMs?: number;
}

/** Public candles of the three venues through ccxt, in exact decimal strings. */
export class Exchanges {
  readonly #options: ExchangeOptions;
  readonly #clients: Record<Venue, Exchange>;
  readonly #states = new Map<string, StreamState>();
  readonly #agent = new Agent({ keepAlive: true });

  constructor(options: ExchangeOptions) {
    this.#options = options;
    this.#clients = Object.fromEntries(VENUES.map((venue) => [venue, this.#client(venue)])) as Record<
      Venue,
      Exchange
    >;
    for (const { name } of STREAMS)
      this.#states.set(name, { stream: name, state: 'waiting', lastRowAt: null });
  }

  /**
   * Closed candles that begin in [fromMs, toMs), oldest first. A malformed candle is left out, so that its
   * minute is a gap, and reported with the venue, time and field.
   *
   * @throws SOURCE_UNREACHABLE after bounded retries.
   */
  async fetchCandles(
    stream: StreamSpec,
    fromMs: number,
    toMs: number,
    signal?: AbortSignal,
  ): Promise<{ rows: Candle[]; malformed: AssayError[] }> {
    const rows: Candle[] = [];
    const malformed: AssayError[] = [];
    // A page can be short because minutes are missing, so progress is counted in time, not in candles.
    const step = (PAGE[stream.venue] - 1) * MINUTE_MS;
    for (let at = fromMs; at < toMs; at += step) {
      rows.push(
        ...(await this.#page(stream, { fromMs: at, toMs: Math.min(at + step, toMs) }, malformed, signal)),
      );
    }
    this.#note(stream, rows.at(-1), malformed[0]);
    return { rows, malformed };
  }

  states(): StreamState[] {
    const now = this.#options.clock.nowMs();
    return [...this.#states.values()].map((state) =>
      state.state === 'ok' && state.lastRowAt !== null && now - Date.parse(state.lastRowAt) > DELAYED_AFTER_MS
        ? { ...state, state: 'delayed' }
        : state,
    );
  }

  async close(): Promise<void> {
    this.#agent.destroy();
    await Promise.all(Object.values(this.#clients).map((client) => client.close()));
  }

  async #page(
    stream: StreamSpec,
    { fromMs, toMs }: { fromMs: number; toMs: number },
    malformed: AssayError[],
    signal: AbortSignal | undefined,
  ): Promise<Candle[]> {
    const client = this.#clients[stream.venue];
    // Binance and Coinbase take an end; Kraken always answers up to now.
    const until = stream.venue === 'kraken' ? {} : { until: toMs - 1 };
    const candles = await boundedRetry(
      () => client.fetchOHLCV(stream.symbol, '1m', fromMs, PAGE[stream.venue], until),
      {
        ...this.#options,
        mayPass: (error) => error instanceof ccxt.NetworkError,
        giveUp: (error, attempts) => this.#unreachable(stream, error, attempts),
        signal,
      },
    );
    // The newest candle is still being made; the venues send it all the same.
    const lastClosed = Math.min(toMs - 1, this.#options.clock.nowMs() - MINUTE_MS);
    const rows = new Map<number, Candle>();
    for (const candle of candles as unknown[][]) {
      const time = candle[0] as number;
      if (time < fromMs || time > lastClosed) continue;
      try {
        rows.set(time, toCandle(stream, candle));
      } catch (error) {
        malformed.push(error as AssayError);
      }
    }
    return [...rows].sort(([a], [b]) => a - b).map(([, row]) => row);
  }

  #note(stream: StreamSpec, last: Candle | undefined, error: AssayError | undefined): void {
    const before = this.#states.get(stream.name)!;
    this.#states.set(stream.name, {
      stream: stream.name,
      state: 'ok',
      lastRowAt: last?.time ?? before.lastRowAt,
      ...(error ? { lastError: error.message } : {}),
    });
  }

  #unreachable(stream: StreamSpec, error: unknown, attempts: number): AssayError {
    const message = (error instanceof Error ? error.message : String(error))
      .replace(/\s+/g, ' ')
      .slice(0, 200);
    const before = this.#states.get(stream.name)!;
    this.#states.set(stream.name, { ...before, state: 'unreachable', lastError: message });
    return new AssayError(
      'SOURCE_UNREACHABLE',
      `${stream.name} did not answer after ${attempts} attempts: ${message}`,
      {
        next: 'check the network; the node goes on with the other streams and catches up',
        cause: error,
      },
    );
  }

  #client(venue: Venue): Exchange {
    const base = this.#options.baseUrls?.[venue];
    const client = new ccxt[venue]({
      // Strings instead of floats: prices keep every digit that the venue sent.
      number: String,
      enableRateLimit: this.#options.rateLimit,
      timeout: REQUEST_TIMEOUT_MS,
      ...(base?.startsWith('http:') ? { agent: this.#agent } : {}),
    }) as Exchange;
    if (base !== undefined) {
      const api = client.urls.api as Record<string, string>;
      if (venue === 'binance') api.public = `${base}/api/v3`;
      else if (venue === 'coinbase') api.rest = base;
      else api.public = base;
    }
    // Only our instruments: the venues' full market lists are megabytes that nothing here needs.
    client.setMarkets(STREAMS.filter((stream) => stream.venue === venue).map(marketOf));
    return client;
  }
}

/** Minutes of [fromMs, toMs) without a candle, as periods. */
export function gapsIn(rows: readonly Candle[], fromMs: number, toMs: number): Period[] {
  const gaps: Period[] = [];
  let expected = fromMs;
  for (const time of [...rows.map((row) => Date.parse(row.time)), toMs]) {
    if (time > expected) gaps.push({ from: instantOf(expected), to: instantOf(time) });
    expected = time + MINUTE_MS;
  }
  return gaps;
}

function toCandle(stream: StreamSpec, [time, ...values]: unknown[]): Candle {
  const read = (field: string, value: unknown) => {
    try {
      return normaliseDecimal(String(value));
    } catch {
      const got = value === undefined ? 'nothing' : JSON.stringify(value).slice(0, 60);
      const where = `${stream.name} at ${Number.isSafeInteger(time) ? instantOf(time as number) : String(time)}`;
      throw new AssayError('CANDLE_MALFORMED', `${where}: expected a number for ${field}, got ${got}`, {
        next: 'nothing: the candle is left out and its minute counts as a gap; if it lasts, the venue changed its format',
      });
    }
  };
  const [open, high, low, close, volume] = values;
  return {
    time: instantOf(time as number),
    open: read('open', open),
    high: read('high', high),
    low: read('low', low),
    close: read('close', close),
    volume: read('volume', volume),
  };
}

function marketOf({ symbol, base, quote, marketId }: StreamSpec) {
  return {
    id: marketId,
    symbol,
    base,
    quote,
    baseId: base,
    quoteId: quote,
    altname: marketId,
    type: 'spot',
    spot: true,
    margin: false,
    swap: false,
    future: false,
    option: false,
    contract: false,
    active: true,
    precision: {},
    limits: {},
    info: {},
  };
}
