import { dice, normal } from '../dice.fixture.ts';

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

export interface FlowTransfer {
  time: string;
  from: string;
  to: string;
  amount: string;
}

/** People pay people and a few busy services; services pay out other amounts. */
export function honestTransfers(options: { seed: number; count: number; people: number }): FlowTransfer[] {
  const { seed, count, people } = options;
  const roll = dice(seed);
  const someone = () => `person-${Math.floor(people * roll() ** 1.5)}`;
  const service = () => `service-${Math.floor(3 * roll())}`;
  const transfers: FlowTransfer[] = [];
  let time = 0;
  while (transfers.length < count) {
    time += -Math.log(1 - roll()) * 20_000;
    const kind = roll();
    const from = kind < 0.2 ? service() : someone();
    const to = kind > 0.75 ? service() : someone();
    if (from !== to) transfers.push({ time: at(time), from, to, amount: humanSize(roll, 2, 1.8) });
  }
  return transfers;
}

/** One sender pays many addresses nearly the same. */
export function fanTransfers(
  direction: 'in' | 'out',
  seed: number,
  count: number,
  fromMs: number,
): FlowTransfer[] {
  const roll = dice(seed);
  return Array.from({ length: count }, (_, i) => {
    const leaf = `mule-${seed}-${i}`;
    const [from, to] = direction === 'out' ? ['boss', leaf] : [leaf, 'boss'];
    return { time: at(fromMs + i * 15_000), from, to, amount: plain(9.5 * (1 + 0.02 * roll()), 6) };
  });
}

/** A hundred are peeled off bit by bit. */
export function peelTransfers(seed: number, hops: number, fromMs: number): FlowTransfer[] {
  const roll = dice(seed);
  const out: FlowTransfer[] = [{ time: at(fromMs), from: 'thief', to: `hop-${seed}-0`, amount: '100' }];
  let amount = 100;
  for (let hop = 0; hop < hops; hop++) {
    const peeled = amount * (0.02 + 0.1 * roll());
    const from = `hop-${seed}-${hop}`;
    const ms = fromMs + (hop + 1) * 120_000;
    out.push({ time: at(ms), from, to: `cash-${Math.floor(5 * roll())}`, amount: plain(peeled, 6) });
    amount -= peeled;
    out.push({ time: at(ms + 1_000), from, to: `hop-${seed}-${hop + 1}`, amount: plain(amount, 6) });
  }
  return out;
}

/** A mule that sends on whatever it gets within minutes, less a fee. */
export function muleTransfers(seed: number, count: number, fromMs: number): FlowTransfer[] {
  const roll = dice(seed);
  return Array.from({ length: count }, (_, i): FlowTransfer[] => {
    const amount = 5 * Math.exp(normal(roll));
    const ms = fromMs + i * 900_000;
    return [
      { time: at(ms), from: `victim-${seed}-${i}`, to: 'mule', amount: plain(amount, 6) },
      { time: at(ms + 60_000 + 200_000 * roll()), from: 'mule', to: 'boss', amount: plain(amount * 0.98, 6) },
    ];
  }).flat();
}

/** The same amount round a ring, less a small fee at each step. */
export function circleTransfers(
  seed: number,
  accounts: number,
  rounds: number,
  fromMs: number,
): FlowTransfer[] {
  const roll = dice(seed);
  return Array.from({ length: rounds }, (_, round): FlowTransfer[] => {
    const amount = 20 * (0.5 + roll());
    return Array.from({ length: accounts }, (_, i) => ({
      time: at(fromMs + (round * accounts + i) * 200_000),
      from: `ring-${i}`,
      to: `ring-${(i + 1) % accounts}`,
      amount: plain(amount * 0.999 ** i, 6),
    }));
  }).flat();
}

export interface FlowCandle {
  time: string;
  high: string;
  close: string;
  volume: string;
}

/** A restless coin: volatility that comes in clusters, heavy tails, volume that goes with the moves. */
export function honestCandles(options: { seed: number; count: number; sigma?: number }): FlowCandle[] {
  const { seed, count, sigma = 0.0015 } = options;
  const roll = dice(seed);
  let price = 1;
  let heat = 1;
  return Array.from({ length: count }, (_, i) => {
    heat = 0.94 * heat + 0.06 * (0.4 + 1.2 * roll() ** 4 * 5);
    // Student's t with four degrees of freedom.
    const chi = Array.from({ length: 4 }, () => normal(roll) ** 2).reduce((a, b) => a + b, 0);
    const move = (sigma * heat * normal(roll)) / Math.sqrt(chi / 2);
    price *= Math.exp(move);
    const volume = 1_000 * heat * (0.2 + Math.abs(move) / sigma) * Math.exp(0.8 * normal(roll));
    return candleAt(i, price, price * Math.exp(Math.abs(sigma * normal(roll)) / 2), volume);
  });
}

/** Raises candles by a planted pump: a rise within minutes, then a collapse, or none. */
export function withPump(
  candles: readonly FlowCandle[],
  options: { from: number; rise: number; collapses: boolean },
): FlowCandle[] {
  const { from, rise, collapses } = options;
  return candles.map((candle, i) => {
    const after = i - from;
    if (after < 0) return candle;
    const up = Math.min(1, (after + 1) / 6);
    const down = collapses ? Math.max(0, Math.min(0.9, (after - 12) / 20)) : 0;
    const factor = 1 + rise * up * (1 - down);
    const busy = after < 40 ? 15 : 1;
    return candleAt(
      i,
      Number(candle.close) * factor,
      Number(candle.high) * factor,
      Number(candle.volume) * busy,
    );
  });
}

function candleAt(minute: number, close: number, high: number, volume: number): FlowCandle {
  const time = `${at(minute * 60_000).slice(0, 19)}Z`;
  return { time, close: plain(close, 8), high: plain(Math.max(high, close), 8), volume: plain(volume, 3) };
}

export interface FlowEvent {
  time: string;
  type: 'place' | 'cancel' | 'fill';
  order: string;
  account?: string;
  side?: 'buy' | 'sell';
  price?: string;
  size?: string;
}

/**
 * Market makers who quote several prices on both sides and quote again after a fill, and people who place orders,
 * now and then a large one, and cancel some.
 */
export function honestOrders(options: {
  seed: number;
  steps: number;
  makers: number;
  people: number;
}): FlowEvent[] {
  const { seed, steps, makers, people } = options;
  const roll = dice(seed);
  const events: FlowEvent[] = [];
  const open = new Map<string, { order: string; side: 'buy' | 'sell' }[]>();
  let ms = 0;
  let mid = 100;
  let drift = 0;
  let next = 0;
  const emit = (event: Omit<FlowEvent, 'time'>) => {
    ms += 1 + Math.floor(roll() * 20);
    events.push({ time: at(ms), ...event });
  };
  const put = (account: string, side: 'buy' | 'sell', price: number, size: string) => {
    const order = `o${next++}`;
    emit({ type: 'place', order, account, side, price: plain(price, 2), size });
    open.set(account, [...(open.get(account) ?? []), { order, side }]);
    return order;
  };
  const end = (account: string, type: 'cancel' | 'fill', wanted?: string, size?: string) => {
    const own = open.get(account) ?? [];
    const gone = own.find(({ order }) => wanted === undefined || order === wanted);
    if (gone === undefined) return;
    open.set(
      account,
      own.filter((o) => o !== gone),
    );
    emit({ type, order: gone.order, ...(size === undefined ? {} : { size }) });
  };
  const quote = (maker: string) => {
    for (const { order } of open.get(maker) ?? []) end(maker, 'cancel', order);
    for (const level of [1, 2, 3, 4]) {
      put(maker, 'buy', mid - 0.02 * level, plain(2 + level, 2));
      put(maker, 'sell', mid + 0.02 * level, plain(2 + level, 2));
    }
  };
  for (let step = 0; step < steps; step++) {
    ms += Math.floor(-Math.log(1 - roll()) * 1_500);
    drift = 0.97 * drift + 0.0002 * normal(roll);
    mid = 100 * Math.exp(drift);
    const act = roll();
    const maker = `maker-${Math.floor(roll() * makers)}`;
    const person = `person-${Math.floor(roll() * people)}`;
    if (act < 0.25) quote(maker);
    else if (act < 0.5) {
      const own = open.get(maker) ?? [];
      const hit = own[Math.floor(roll() * own.length)];
      if (hit) {
        end(maker, 'fill', hit.order, '100');
        if (roll() < 0.7) quote(maker);
      }
    } else if (act < 0.8) {
      const side = roll() < 0.5 ? 'buy' : 'sell';
      const off = 0.01 + 0.2 * roll();
      put(person, side, side === 'buy' ? mid - off : mid + off, humanSize(roll, 2, 1.3));
    } else if (act < 0.9) end(person, 'cancel');
    else end(person, 'fill', undefined, '1000');
  }
  return events;
}

/** Someone who buys small, having shown large offers just above the touch, and takes them away. */
export function spoofOrders(options: {
  seed: number;
  times: number;
  fromMs: number;
  layers?: number;
}): FlowEvent[] {
  const { seed, times, fromMs, layers = 1 } = options;
  const roll = dice(seed);
  const events: FlowEvent[] = [];
  for (let i = 0; i < times; i++) {
    const ms = fromMs + i * 60_000 * (1 + 0.2 * roll());
    const bid = `spoof-${seed}-${i}-bid`;
    const asks = Array.from({ length: layers }, (_, level) => `spoof-${seed}-${i}-ask${level}`);
    events.push({
      time: at(ms),
      type: 'place',
      order: bid,
      account: 'spoofer',
      side: 'buy',
      price: '99.9',
      size: '3',
    });
    for (const [level, order] of asks.entries()) {
      const price = plain(layers === 1 ? 99.95 : 100.05 + 0.02 * level, 2);
      const size = layers === 1 ? '80' : '9';
      events.push({
        time: at(ms + 200 + level),
        type: 'place',
        order,
        account: 'spoofer',
        side: 'sell',
        price,
        size,
      });
    }
    events.push({ time: at(ms + 2_000), type: 'fill', order: bid, size: '3' });
    for (const [level, order] of asks.entries()) {
      events.push({ time: at(ms + 2_300 + level), type: 'cancel', order });
    }
  }
  return events;
}
