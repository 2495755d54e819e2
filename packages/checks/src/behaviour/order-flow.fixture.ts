/**
 * Markets made up for tests and the bench: honest order flow and planted manipulation. Independent of the detectors:
 * its own random numbers, its own ideas of how people trade.
 */

/** Mulberry32. */
export function dice(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export function normal(roll: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - roll())) * Math.cos(2 * Math.PI * roll());
}

export const START = Date.UTC(2023, 2, 10);
export const at = (ms: number) => new Date(START + Math.round(ms)).toISOString();

/** A size as people give it: log-normal over three orders of magnitude, one in four round. */
export function humanSize(roll: () => number, median = 0.3, spread = 1.6): string {
  const size = median * Math.exp(spread * normal(roll));
  if (roll() > 0.25) return plain(Math.max(size, 0.000001), 6);
  const scale = 10 ** Math.floor(Math.log10(size));
  const steps = [1, 1, 2, 2.5, 5, 5, 10];
  return plain(Math.max(steps[Math.floor(roll() * steps.length)]! * scale, 0.001), 6);
}

export function plain(value: number, places: number): string {
  const text = value.toFixed(places).replace(/0+$/, '').replace(/\.$/, '');
  return text === '0' ? `0.${'0'.repeat(places - 1)}1` : text;
}

export interface FlowTrade {
  time: string;
  price: string;
  size: string;
  buyer: string;
  seller: string;
}

/** Accounts trade with whom they meet, busy ones more often (Zipf); one account makes the market. */
export function honestTrades(options: {
  seed: number;
  count: number;
  accounts: number;
  /** Mean milliseconds between trades. */
  gapMs?: number;
  /** Share of trades that the market maker takes a side of. */
  makerShare?: number;
}): FlowTrade[] {
  const { seed, count, accounts, gapMs = 2_000, makerShare = 0.2 } = options;
  const roll = dice(seed);
  const weights = Array.from({ length: accounts }, (_, i) => 1 / (i + 5) ** 0.7);
  const total = weights.reduce((a, b) => a + b, 0);
  const someone = () => {
    let left = roll() * total;
    for (let i = 0; i < accounts; i++) {
      left -= weights[i]!;
      if (left <= 0) return `trader-${i}`;
    }
    return `trader-${accounts - 1}`;
  };
  const trades: FlowTrade[] = [];
  let time = 0;
  let price = 20_000;
  while (trades.length < count) {
    time += -Math.log(1 - roll()) * gapMs;
    price *= Math.exp(0.0002 * normal(roll));
    let buyer = someone();
    let seller = someone();
    if (roll() < makerShare) {
      if (roll() < 0.5) buyer = 'maker';
      else seller = 'maker';
    }
    if (buyer === seller) continue;
    trades.push({ time: at(time), price: plain(price, 2), size: humanSize(roll), buyer, seller });
  }
  return trades;
}

/** Puts trades into others in order of time. */
export function merge<T extends { time: string }>(...flows: T[][]): T[] {
  return flows.flat().sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0));
}

/** A ring of accounts that pass the same amount round, each time with a slightly different size. */
export function ringTrades(options: {
  seed: number;
  accounts: string[];
  rounds: number;
  fromMs: number;
  gapMs: number;
  size: number;
}): FlowTrade[] {
  const { seed, accounts, rounds, fromMs, gapMs, size } = options;
  const roll = dice(seed);
  const trades: FlowTrade[] = [];
  for (let round = 0; round < rounds; round++) {
    const amount = size * (0.5 + roll());
    for (const [i, seller] of accounts.entries()) {
      const buyer = accounts[(i + 1) % accounts.length]!;
      const ms = fromMs + (round * accounts.length + i) * gapMs * (0.5 + roll());
      trades.push({
        time: at(ms),
        price: plain(20_000 * Math.exp(0.001 * normal(roll)), 2),
        size: plain(amount * (1 + 0.002 * (roll() - 0.5)), 6),
        buyer,
        seller,
      });
    }
  }
  return merge(trades);
}
