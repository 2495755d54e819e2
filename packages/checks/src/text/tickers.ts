/** A security or coin by its symbol. */
export interface TickerMention {
  start: number;
  end: number;
  ticker: string;
}

/** Coins that texts call by name as often as by symbol. */
export const COIN_NAMES: Record<string, string> = {
  bitcoin: 'BTC',
  ethereum: 'ETH',
  ether: 'ETH',
  solana: 'SOL',
  ripple: 'XRP',
  cardano: 'ADA',
  dogecoin: 'DOGE',
  polkadot: 'DOT',
  avalanche: 'AVAX',
  litecoin: 'LTC',
  chainlink: 'LINK',
  tether: 'USDT',
  tron: 'TRX',
  monero: 'XMR',
};
const COINS = [
  ...new Set([...Object.values(COIN_NAMES), 'USDC', 'DAI', 'BNB', 'MATIC', 'UNI', 'BCH', 'XLM', 'ATOM']),
].join('|');
const EXCHANGES =
  'NASDAQ|Nasdaq|NYSE|NYSE American|AMEX|LSE|LON|TSX|TSXV|ASX|HKEX|SEHK|FRA|XETRA|SIX|EPA|Euronext|BATS|OTC|OTCMKTS|OTCQB|OTCQX|CSE|TSE|SGX';

const PATTERNS: { pattern: RegExp; ticker: (match: RegExpExecArray) => string }[] = [
  { pattern: /(?<![\w$])\$([A-Z]{2,6}(?:\.[A-Z])?)(?![\w])/g, ticker: (match) => match[1]! },
  {
    pattern: new RegExp(`\\b(?:${EXCHANGES})\\s*:\\s*([A-Z0-9]{1,6}(?:\\.[A-Z])?)(?!\\w)`, 'g'),
    ticker: (match) => match[1]!,
  },
  { pattern: /\b(?:ticker|symbol)(?:\s+symbol)?\s*:?\s+["“]?([A-Z]{1,6})\b/g, ticker: (match) => match[1]! },
  { pattern: new RegExp(`(?<![\\w$/-])(${COINS})(?![\\w])`, 'g'), ticker: (match) => match[1]! },
  {
    pattern: new RegExp(`(?<!\\p{L})(${Object.keys(COIN_NAMES).join('|')})(?!\\p{L})`, 'giu'),
    ticker: (match) => COIN_NAMES[match[1]!.toLowerCase()]!,
  },
];

/** Finds cashtags, `NASDAQ: AAPL`, coins by symbol (`BTC/USDT` names BTC) and by name. */
export function findTickers(text: string): TickerMention[] {
  const found: TickerMention[] = [];
  for (const { pattern, ticker } of PATTERNS) {
    for (const match of text.matchAll(pattern)) {
      // Avalanche, Ripple and Tron are words as well: as a name they are written with a capital.
      if (/^[a-z]/.test(match[0]) && !/^(bitcoin|ethereum|ether)$/.test(match[0])) continue;
      found.push({ start: match.index, end: match.index + match[0].length, ticker: ticker(match) });
    }
  }
  return found.sort((a, b) => a.start - b.start);
}
