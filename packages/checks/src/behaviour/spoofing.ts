import type { Row } from '@assay/core';
import { cell } from '../cell.ts';
import type { Detector, DetectorFinding } from '../detector.ts';
import {
  nameCell,
  positiveCell,
  rangesOf,
  timeCell,
  Unreadable,
  UnreadableRows,
  withoutRows,
} from './cells.ts';
import { decimalOf, poissonTail, sayP, soundness } from './p-value.ts';
import { forgetOldest, storedBytes } from './stored-bytes.ts';
import { TermsReader } from './terms.ts';

export interface SpoofingTerms {
  columns: {
    time: string;
    type: string;
    order: string;
    account: string;
    side: string;
    price: string;
    size: string;
  };
  /** How many times the median order, and the trade it helps, an order must be to be large. */
  largeFactor: number;
  /** Distance from the best price of its side, in hundredths of a percent, that is still near. */
  nearBps: number;
  withinMs: number;
  minEpisodes: number;
  minLevels: number;
  maxOrders: number;
  windowMs: number;
  alpha: number;
}

type Side = 'buy' | 'sell';

export interface SpoofingMemory {
  orders: Map<string, OpenOrder>;
  book: { buy: Levels; sell: Levels };
  /** The newest sizes of placed orders. */
  sizes: number[];
  median: number;
  placed: number;
  traders: Map<string, Trader>;
  latest: number;
  /** Orders forgotten at the bound; their cancellations are not judged. */
  forgotten: number;
}

interface Levels {
  sizes: Map<number, number>;
  /** Prices with size, ascending. */
  prices: number[];
}

interface OpenOrder {
  account: string;
  side: Side;
  price: number;
  size: number;
  filled: number;
  time: number;
  near: boolean;
}

interface Trader {
  since: number;
  last: number;
  /** Fills by side. */
  fills: { buy: number; sell: number };
  lastFill: { buy: Fill | null; sell: Fill | null };
  /** Bursts of cancellations, by side: each is one occasion for chance to put it after a fill. */
  bursts: { buy: number; sell: number };
  lastCancel: { buy: number; sell: number };
  large: Episode[];
  layers: Episode[];
  largeCount: number;
  layerCount: number;
  /** Whether there are episodes that no finding has told yet. */
  news: { large: boolean; layers: boolean };
  pending: Pending[];
}

interface Fill {
  time: number;
  size: number;
}

interface Pending {
  side: Side;
  fill: Fill;
  orders: { price: number; size: number; near: boolean; large: boolean; row: number; batch: string }[];
  /** From the fill to the last cancellation. */
  delayMs: number;
  /** Size placed again on the same side. */
  replaced: number;
  until: number;
}

interface Episode {
  time: string;
  side: Side;
  delayMs: number;
  fillSize: number;
  orders: number;
  size: number;
  prices: string;
  rows: number[];
  batch: string;
}

/**
 * Spoofing-like bursts in order events (`place`, `cancel`, `fill`): an account shows size on one side, trades on
 * the other, and takes the size away unfilled.
 *
 * An episode is a fill of the account on one side while it shows orders on the other that are cancelled, at most a
 * twentieth filled, within `withinSeconds` of the fill and not placed again within as long: whoever makes a market
 * quotes again. `spoofing_large_order` asks for one order near the touch of `largeFactor` times the median order and
 * the fill; `spoofing_layering` for `minLevels` prices whose sizes together are as large.
 *
 * Episodes alone prove nothing, so they are counted against chance: how often the account's cancellations would
 * follow its own fills as soon as they did if both came at their own pace (Poisson, Bonferroni over the accounts). Without
 * accounts all orders count as one account's, which finds only what the whole market shows.
 *
 * Memory: `maxOrders` open orders in at most 2 MiB, 10,000 accounts in at most 1.25 MiB, 500 sizes; the oldest are
 * forgotten, and the reason says so.
 * An episode is told when it is sure, at the latest two times `withinSeconds` after its fill.
 *
 * @example
 * const terms = spoofing.readTerms({ withinSeconds: 5 }, 'terms');
 */
export const spoofing: Detector<SpoofingTerms, SpoofingMemory> = {
  name: 'spoofing',
  version: '1.0.0',
  readTerms(value, path) {
    const terms = new TermsReader(value, path);
    const read: SpoofingTerms = {
      columns: {
        time: terms.column('time', 'time'),
        type: terms.column('type', 'type'),
        order: terms.column('order', 'order'),
        account: terms.column('account', 'account'),
        side: terms.column('side', 'side'),
        price: terms.column('price', 'price'),
        size: terms.column('size', 'size'),
      },
      largeFactor: terms.number('largeFactor', 5, 1.5, 1_000),
      nearBps: terms.number('nearBps', 20, 0, 10_000),
      withinMs: 1000 * terms.number('withinSeconds', 5, 0.001, 3_600),
      minEpisodes: terms.integer('minEpisodes', 3, 1, 1_000),
      minLevels: terms.integer('minLevels', 3, 2, 100),
      maxOrders: terms.integer('maxOrders', 50_000, 100, 500_000),
      windowMs: 1000 * terms.integer('windowSeconds', 3_600, 60, 7 * 86_400),
      alpha: terms.number('alpha', 0.001, 1e-12, 0.2),
    };
    terms.end();
    return read;
  },
  begin: () => ({
    orders: new Map(),
    book: { buy: { sizes: new Map(), prices: [] }, sell: { sizes: new Map(), prices: [] } },
    sizes: [],
    median: 0,
    placed: 0,
    traders: new Map(),
    latest: Number.NEGATIVE_INFINITY,
    forgotten: 0,
  }),
  examine({ rows = [], digest }, terms, memory) {
    if (rows.length === 0) return { findings: withoutRows('spoofing_large_order'), memory };
    const bad = new UnreadableRows();
    const touched = new Map<string, number[]>();
    for (const [row, content] of rows.entries()) {
      const event = readEvent(content, terms, memory);
      if (event instanceof Unreadable) {
        bad.add(row, event);
        continue;
      }
      memory.latest = event.time;
      touched.set(event.account, [...(touched.get(event.account) ?? []).slice(-MAX_LAYERS), row]);
      apply(event, row, digest, terms, memory);
    }
    forget(memory);
    for (const [name, trader] of memory.traders) {
      if (settle(trader, memory.latest, terms) && !touched.has(name)) touched.set(name, [rows.length - 1]);
    }
    return {
      findings: [
        ...(bad.count < rows.length ? judge(touched, digest, rows.length, terms, memory) : []),
        ...bad.findings('spoofing_input', rows.length),
      ],
      memory,
    };
  },
};

type Event = { time: number; order: string; account: string } & (
  | { type: 'place'; side: Side; price: number; size: number }
  | { type: 'fill'; size: number }
  | { type: 'cancel' }
);

function readEvent(row: Row, { columns }: SpoofingTerms, memory: SpoofingMemory): Event | Unreadable {
  const time = timeCell(row, columns.time);
  if (time instanceof Unreadable) return time;
  if (time < memory.latest) return new Unreadable(`${columns.time}: earlier than an event before it`);
  const order = nameCell(row, columns.order);
  if (order instanceof Unreadable) return order;
  const type = cell(row, columns.type);
  if (type === 'cancel' || type === 'fill') {
    const account = memory.orders.get(order)?.account;
    if (account === undefined)
      return new Unreadable(`${columns.order}: a ${type} of an order that is not open`);
    if (type === 'cancel') return { type, time, order, account };
    const size = positiveCell(row, columns.size);
    return size instanceof Unreadable ? size : { type, time, order, account, size };
  }
  if (type !== 'place') return new Unreadable(`${columns.type}: expected place, cancel or fill`);
  if (memory.orders.has(order)) return new Unreadable(`${columns.order}: placed a second time`);
  const side = cell(row, columns.side);
  if (side !== 'buy' && side !== 'sell') return new Unreadable(`${columns.side}: expected buy or sell`);
  const price = positiveCell(row, columns.price);
  if (price instanceof Unreadable) return price;
  const size = positiveCell(row, columns.size);
  if (size instanceof Unreadable) return size;
  const known = cell(row, columns.account) ?? null;
  const account = known === null ? '' : nameCell(row, columns.account);
  return account instanceof Unreadable ? account : { type, time, order, account, side, price, size };
}

/** Names are strangers' and may be long: the oldest orders and the quietest accounts go first. */
function forget(memory: SpoofingMemory): void {
  const orders = forgetOldest(
    memory.orders,
    MAX_ORDER_BYTES,
    (order, { account }) => ORDER_BYTES + storedBytes(order, account),
  );
  for (const order of orders) addToBook(memory, order, -(order.size - order.filled));
  memory.forgotten += orders.length;
  forgetOldest(memory.traders, MAX_TRADER_BYTES, (account, { large, layers, pending }) => {
    const told = [...large, ...layers].reduce((sum, { rows }) => sum + EPISODE_BYTES + 5 * rows.length, 0);
    const waiting = pending.reduce((sum, { orders }) => sum + EPISODE_BYTES + ORDER_BYTES * orders.length, 0);
    return TRADER_BYTES + storedBytes(account) + told + waiting;
  });
}

/** Of all that is stored: open orders with their levels of the book, and accounts. */
const MAX_ORDER_BYTES = 2 * 1024 * 1024;
const MAX_TRADER_BYTES = 1.25 * 1024 * 1024;
/** Of one, at most, without its names. */
const ORDER_BYTES = 150;
const TRADER_BYTES = 420;
const EPISODE_BYTES = 500;

function apply(event: Event, row: number, batch: string, terms: SpoofingTerms, memory: SpoofingMemory): void {
  const trader = traderOf(event.account, event.time, terms, memory);
  if (event.type === 'place') place(event, trader, terms, memory);
  else if (event.type === 'fill') fill(event, trader, memory);
  else cancel(event, trader, row, batch, terms, memory);
}

function place(
  { time, order, account, side, price, size }: Extract<Event, { type: 'place' }>,
  trader: Trader,
  terms: SpoofingTerms,
  memory: SpoofingMemory,
): void {
  const best = memory.book[side].prices.at(side === 'buy' ? -1 : 0);
  const behind = best === undefined ? 0 : (side === 'buy' ? best - price : price - best) / best;
  if (memory.orders.size >= terms.maxOrders) {
    const [oldest, forgotten] = memory.orders.entries().next().value!;
    memory.orders.delete(oldest);
    addToBook(memory, forgotten, -(forgotten.size - forgotten.filled));
    memory.forgotten += 1;
  }
  const placed = { account, side, price, size, filled: 0, time, near: behind * 10_000 <= terms.nearBps };
  memory.orders.set(order, placed);
  addToBook(memory, placed, size);
  for (const pending of trader.pending) if (pending.side === side) pending.replaced += size;
  memory.sizes[memory.placed % SIZES] = size;
  memory.placed += 1;
  if (memory.placed <= 50 || memory.placed % 50 === 0) {
    memory.median = [...memory.sizes].sort((a, b) => a - b)[memory.sizes.length >> 1]!;
  }
}

const SIZES = 500;

function fill(
  { time, order, size }: Extract<Event, { type: 'fill' }>,
  trader: Trader,
  memory: SpoofingMemory,
): void {
  const open = memory.orders.get(order)!;
  const taken = Math.min(size, open.size - open.filled);
  open.filled += taken;
  addToBook(memory, open, -taken);
  trader.fills[open.side] += 1;
  trader.lastFill[open.side] = { time, size };
  if (open.filled >= open.size * (1 - 1e-9)) memory.orders.delete(order);
}

function cancel(
  { time, order }: Extract<Event, { type: 'cancel' }>,
  trader: Trader,
  row: number,
  batch: string,
  terms: SpoofingTerms,
  memory: SpoofingMemory,
): void {
  const open = memory.orders.get(order)!;
  memory.orders.delete(order);
  addToBook(memory, open, -(open.size - open.filled));
  if (open.filled > open.size / 20) return;
  const other = open.side === 'buy' ? 'sell' : 'buy';
  if (time - trader.lastCancel[open.side] > terms.withinMs) trader.bursts[open.side] += 1;
  trader.lastCancel[open.side] = time;
  const last = trader.lastFill[other];
  if (last === null || last.time < open.time || time - last.time > terms.withinMs) return;
  let pending = trader.pending.find(({ side, fill }) => side === open.side && fill.time === last.time);
  if (pending === undefined) {
    if (trader.pending.length >= MAX_PENDING) trader.pending.shift();
    pending = {
      side: open.side,
      fill: last,
      orders: [],
      delayMs: 0,
      replaced: 0,
      until: last.time + 2 * terms.withinMs,
    };
    trader.pending.push(pending);
  }
  if (pending.orders.length >= MAX_LAYERS) return;
  const large = open.size >= terms.largeFactor * Math.max(memory.median, last.size);
  pending.delayMs = time - last.time;
  pending.orders.push({ price: open.price, size: open.size, near: open.near, large, row, batch });
}

const MAX_PENDING = 16;
const MAX_LAYERS = 100;
const MAX_EPISODES = 50;
const MAX_TRADERS = 10_000;

/** Turns what has waited long enough into episodes. True when there was one. */
function settle(trader: Trader, now: number, terms: SpoofingTerms): boolean {
  let found = false;
  trader.pending = trader.pending.filter((pending) => {
    if (now < pending.until) return true;
    const { orders, side, fill, replaced, delayMs } = pending;
    const size = orders.reduce((sum, order) => sum + order.size, 0);
    if (replaced >= size / 2) return false;
    const prices = new Set(orders.map(({ price }) => price));
    const batch = orders.at(-1)!.batch;
    const episode: Episode = {
      time: new Date(fill.time).toISOString(),
      side,
      delayMs,
      fillSize: fill.size,
      orders: orders.length,
      size,
      prices: [...prices].slice(0, 10).map(decimalOf).join(' '),
      rows: orders.filter((order) => order.batch === batch).map(({ row }) => row),
      batch,
    };
    if (orders.some(({ near, large }) => near && large)) {
      trader.large = [...trader.large, episode].slice(-MAX_EPISODES);
      trader.largeCount += 1;
      trader.news.large = true;
      found = true;
    }
    if (prices.size >= terms.minLevels && size >= terms.largeFactor * fill.size) {
      trader.layers = [...trader.layers, episode].slice(-MAX_EPISODES);
      trader.layerCount += 1;
      trader.news.layers = true;
      found = true;
    }
    return false;
  });
  return found;
}

function traderOf(account: string, time: number, terms: SpoofingTerms, memory: SpoofingMemory): Trader {
  const { traders } = memory;
  const trader = traders.get(account) ?? {
    since: time,
    last: time,
    fills: { buy: 0, sell: 0 },
    lastFill: { buy: null, sell: null },
    bursts: { buy: 0, sell: 0 },
    lastCancel: { buy: Number.NEGATIVE_INFINITY, sell: Number.NEGATIVE_INFINITY },
    large: [],
    layers: [],
    largeCount: 0,
    layerCount: 0,
    news: { large: false, layers: false },
    pending: [],
  };
  // Newest last, so that the one that was quiet for longest is forgotten first.
  traders.delete(account);
  traders.set(account, trader);
  if (traders.size > MAX_TRADERS) traders.delete(traders.keys().next().value!);
  settle(trader, time, terms);
  trader.last = time;
  if (time - trader.since > 2 * terms.windowMs) {
    trader.since += terms.windowMs;
    trader.since = Math.max(trader.since, time - terms.windowMs);
    trader.fills = { buy: trader.fills.buy / 2, sell: trader.fills.sell / 2 };
    trader.bursts = { buy: trader.bursts.buy / 2, sell: trader.bursts.sell / 2 };
    trader.largeCount /= 2;
    trader.layerCount /= 2;
  }
  return trader;
}

function judge(
  touched: ReadonlyMap<string, number[]>,
  batch: string,
  rowCount: number,
  terms: SpoofingTerms,
  memory: SpoofingMemory,
): DetectorFinding[] {
  const names = [...touched.keys()].filter((name) => memory.traders.has(name));
  const scope =
    `${rowCount} events, ${memory.traders.size} accounts` +
    (memory.forgotten > 0
      ? `; ${memory.forgotten} old open orders were forgotten, beyond ${terms.maxOrders} or 2 MiB`
      : '');
  const kinds = [
    {
      check: 'spoofing_large_order',
      what: 'a large order near the touch',
      count: (trader: Trader) => trader.largeCount,
      episodes: (trader: Trader) => trader.large,
      news: 'large' as const,
    },
    {
      check: 'spoofing_layering',
      what: `orders at ${terms.minLevels} or more prices`,
      count: (trader: Trader) => trader.layerCount,
      episodes: (trader: Trader) => trader.layers,
      news: 'layers' as const,
    },
  ];
  return kinds.map(({ check, what, count, episodes, news }): DetectorFinding => {
    const ranked = names
      .map((name) => {
        const trader = memory.traders.get(name)!;
        const expected = expectedOf(trader, episodes(trader));
        // The longest delay was chosen among the episodes, hence their number as a factor.
        const tries = memory.traders.size * Math.max(1, count(trader));
        const p = Math.min(1, poissonTail(Math.floor(count(trader)), expected) * tries);
        return { name, trader, expected, p };
      })
      .sort((a, b) => a.p - b.p);
    const guilty = ranked.filter(
      ({ p, trader }) =>
        trader.news[news] && p <= terms.alpha && Math.floor(count(trader)) >= terms.minEpisodes,
    );
    const [worst] = guilty;
    if (worst === undefined) {
      const reason = `No account shows ${what}, trades on the other side and takes it away more often than chance has it (${scope}).`;
      return { check, status: 'pass', reason, score: soundness(ranked[0]?.p ?? 1) };
    }
    const shown = episodes(worst.trader);
    for (const { trader } of guilty) trader.news[news] = false;
    return {
      check,
      status: 'fail',
      reason:
        `${worst.name === '' ? 'The market' : worst.name.slice(0, 60)} showed ${what}, traded on the other side and ` +
        `took it away unfilled within ${terms.withinMs / 1000} s, ${Math.floor(count(worst.trader))} times; ` +
        `${decimalOf(worst.expected)} would be chance, p ${sayP(worst.p)}. Read: ${scope}.`,
      rows: rangesOf(
        guilty.flatMap(({ name, trader }) => rowsOf(episodes(trader), batch, touched.get(name)!)),
      ),
      score: soundness(worst.p),
      exhibits: [
        {
          kind: 'table',
          title: `Episodes of ${worst.name === '' ? 'the market' : worst.name.slice(0, 60)}`,
          columns: ['fill at', 'shown side', 'fill size', 'orders', 'size taken away', 'prices'],
          rows: shown.map(({ time, side, fillSize, orders, size, prices }) => [
            time,
            side,
            decimalOf(fillSize),
            String(orders),
            decimalOf(size),
            prices,
          ]),
        },
      ],
    };
  });
}

/** The cancellations; where they stood in an earlier observation, the account's rows of the one that made it sure. */
function rowsOf(episodes: readonly Episode[], batch: string, others: readonly number[]): readonly number[] {
  const own = episodes.flatMap((episode) => (episode.batch === batch ? episode.rows : []));
  return own.length > 0 ? own : others;
}

/** Bursts of cancellations that chance would put as soon after a fill as the slowest episode came. */
function expectedOf({ since, last, fills, bursts }: Trader, episodes: readonly Episode[]): number {
  if (episodes.length === 0) return 0;
  const delayMs = Math.max(1, ...episodes.map((episode) => episode.delayMs));
  const observedMs = Math.max(last - since, delayMs);
  const chance = (count: number) => 1 - Math.exp((-count * delayMs) / observedMs);
  return bursts.buy * chance(fills.sell) + bursts.sell * chance(fills.buy);
}

function addToBook(memory: SpoofingMemory, { side, price }: OpenOrder, size: number): void {
  const { sizes, prices } = memory.book[side];
  const before = sizes.get(price);
  const left = (before ?? 0) + size;
  if (left > 1e-12) {
    sizes.set(price, left);
    if (before === undefined) prices.splice(placeOf(prices, price), 0, price);
  } else if (before !== undefined) {
    sizes.delete(price);
    prices.splice(placeOf(prices, price), 1);
  }
}

/** Of the first price that is at least this one. Moving 50,000 numbers takes some 10 µs, a scan ten times as long. */
function placeOf(prices: readonly number[], price: number): number {
  let low = 0;
  let high = prices.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (prices[middle]! < price) low = middle + 1;
    else high = middle;
  }
  return low;
}
