export const VENUES = ['binance', 'coinbase', 'kraken'] as const;
export type Venue = (typeof VENUES)[number];

/** One feed: a venue's one-minute candles of a pair. */
export interface StreamSpec {
  /** `<venue>.<BASE>-<QUOTE>.1m` */
  name: string;
  venue: Venue;
  /** ccxt's unified symbol. */
  symbol: string;
  base: string;
  quote: string;
  interval: '1m';
  /** The venue's own name of the pair, as its API spells it. */
  marketId: string;
}

const PAIRS: Record<Venue, string[]> = {
  binance: ['BTC-USDC', 'BTC-USDT', 'USDC-USDT'],
  coinbase: ['BTC-USD', 'BTC-USDT', 'USDT-USD'],
  kraken: ['BTC-USD', 'BTC-USDC', 'BTC-USDT', 'USDC-USD', 'USDT-USD'],
};

/** Kraken answers under the names of its asset classes, whatever the request said. */
const KRAKEN_IDS: Record<string, string> = {
  'BTC-USD': 'XXBTZUSD',
  'BTC-USDC': 'XBTUSDC',
  'BTC-USDT': 'XBTUSDT',
  'USDC-USD': 'USDCUSD',
  'USDT-USD': 'USDTZUSD',
};

/** The feeds that Assay follows: the same live, recorded and simulated. */
export const STREAMS: readonly StreamSpec[] = VENUES.flatMap((venue) =>
  PAIRS[venue].map((pair) => {
    const [base = '', quote = ''] = pair.split('-');
    const marketId = venue === 'binance' ? base + quote : venue === 'coinbase' ? pair : KRAKEN_IDS[pair]!;
    return {
      name: `${venue}.${pair}.1m`,
      venue,
      symbol: `${base}/${quote}`,
      base,
      quote,
      interval: '1m' as const,
      marketId,
    };
  }),
);

export const MINUTE_MS = 60_000;

/** RFC 3339 UTC with whole seconds, the spelling that all statements use. */
export function instantOf(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}
