import { logChoose, poissonTail } from './p-value.ts';

/** A trade between named accounts: `seller` gave `size` of the asset to `buyer`. */
export interface Trade {
  /** Milliseconds since 1970. */
  time: number;
  size: number;
  seller: string;
  buyer: string;
}

/** What counts as a closed cycle. */
export interface CycleLimits {
  /** Largest number of accounts that act together. */
  maxAccounts: number;
  /** Position change, as a share of the mean trade size, that still counts as none. */
  margin: number;
}

/** Accounts whose trades with each other leave nobody with a changed position. */
export interface TradeCycle {
  accounts: string[];
  /** Indices of its trades in the window, ascending. */
  trades: number[];
  /** Chance that honest counterparties, drawn in proportion to how much they trade, would give this anywhere. */
  p: number;
}

/**
 * Finds groups of few accounts that trade in circles, after Victor and Weintraud, "Detecting and Quantifying Wash
 * Trading on Decentralized Cryptocurrency Exchanges" (WWW 2021, arXiv 2102.07001, section 4): strongly connected
 * components of the trade graph, found again with ever rarer edges left out, then volume matching, where the last
 * trade is dropped until everybody's position is back where it was. Two things are ours:
 *
 * - Cycles of equal sizes are also followed trade by trade, because in a busy hour all accounts are one component.
 * - A cycle counts only when chance does not explain it: the number of trades inside the group is held against the
 *   Poisson number that the accounts' own activity gives, with Bonferroni's correction for all groups of its size.
 *
 * @param trades in order of time; self-trades are skipped.
 * @param newFrom index of the first new trade: cycles that were closed before it are left out.
 * @example
 * const cycles = findTradeCycles(window, 0, { maxAccounts: 5, margin: 0.01 });
 */
export function findTradeCycles(
  trades: readonly Trade[],
  newFrom: number,
  limits: CycleLimits,
): { cycles: TradeCycle[]; complete: boolean } {
  const market = new Market(trades);
  const candidates = new Map<string, string[]>();
  const add = (accounts: string[]) => {
    if (candidates.size < MAX_CANDIDATES) candidates.set([...accounts].sort().join('\n'), accounts);
  };
  for (const component of smallComponents(market, limits.maxAccounts)) add(component);
  const complete = followEqualSizes(market, newFrom, limits, add) && candidates.size < MAX_CANDIDATES;
  const cycles: TradeCycle[] = [];
  for (const accounts of candidates.values()) {
    const inside = market.inside(accounts);
    if (inside.length < 2 || inside.at(-1)! < newFrom) continue;
    const matched = matchVolume(inside, trades, limits.margin);
    if (matched.length < 2 || matched.at(-1)! < newFrom) continue;
    const members = [...new Set(matched.flatMap((i) => [trades[i]!.seller, trades[i]!.buyer]))];
    cycles.push({ accounts: members, trades: matched, p: market.chance(members, matched, limits.margin) });
  }
  cycles.sort((a, b) => a.p - b.p || b.trades.length - a.trades.length);
  return { cycles, complete };
}

/** Bounds of one search; reaching one makes the answer incomplete, which the finding says. */
export const MAX_CANDIDATES = 5_000;
const MAX_STEPS_PER_TRADE = 256;
const MAX_STEPS = 2_000_000;

/** An account that trades much with few others and keeps its position, whoever holds the other side afterwards. */
export interface IdleVolume {
  account: string;
  partners: string[];
  trades: number[];
  volume: number;
  net: number;
  p: number;
}

/**
 * Accounts with volume and no position change: at least `minTrades` trades, net at most `margin` of the volume, at
 * least four fifths of it with at most `maxAccounts - 1` partners, and the same test against chance.
 */
export function findIdleVolume(
  trades: readonly Trade[],
  newFrom: number,
  limits: CycleLimits & { minTrades: number },
): IdleVolume[] {
  const market = new Market(trades);
  const found: IdleVolume[] = [];
  for (const account of new Set(trades.slice(newFrom).flatMap(({ seller, buyer }) => [seller, buyer]))) {
    const own = market.of(account);
    if (own.length < limits.minTrades) continue;
    const withPartner = new Map<string, number>();
    let volume = 0;
    let net = 0;
    for (const i of own) {
      const { seller, buyer, size } = trades[i]!;
      const partner = seller === account ? buyer : seller;
      withPartner.set(partner, (withPartner.get(partner) ?? 0) + size);
      volume += size;
      net += buyer === account ? size : -size;
    }
    if (Math.abs(net) > limits.margin * volume) continue;
    const partners = [...withPartner].sort((a, b) => b[1] - a[1]).slice(0, limits.maxAccounts - 1);
    if (partners.reduce((sum, [, size]) => sum + size, 0) < 0.8 * volume) continue;
    const names = partners.map(([name]) => name);
    const involved = own.filter((i) => names.includes(trades[i]!.seller) || names.includes(trades[i]!.buyer));
    if (involved.at(-1)! < newFrom) continue;
    found.push({
      account,
      partners: names,
      trades: involved,
      volume,
      net,
      p: market.chance([account, ...names], involved, 0),
    });
  }
  return found.sort((a, b) => a.p - b.p);
}

/** A window of trades by account. */
class Market {
  readonly trades: readonly Trade[];
  readonly sells = new Map<string, number[]>();
  readonly buys = new Map<string, number[]>();
  private readonly accounts = new Set<string>();
  private readonly sortedSizes: Float64Array;
  /** Trades between different accounts. */
  private total = 0;

  constructor(trades: readonly Trade[]) {
    this.trades = trades;
    for (const [i, { seller, buyer }] of trades.entries()) {
      if (seller === buyer) continue;
      push(this.sells, seller, i);
      push(this.buys, buyer, i);
      this.accounts.add(seller).add(buyer);
      this.total += 1;
    }
    this.sortedSizes = Float64Array.from(trades, ({ size }) => size).sort();
  }

  of(account: string): number[] {
    return [...(this.sells.get(account) ?? []), ...(this.buys.get(account) ?? [])].sort((a, b) => a - b);
  }

  inside(accounts: readonly string[]): number[] {
    const members = new Set(accounts);
    return accounts
      .flatMap((account) => (this.sells.get(account) ?? []).filter((i) => members.has(this.trades[i]!.buyer)))
      .sort((a, b) => a - b);
  }

  /**
   * P value of trades inside a group. Fills of one order (same instant, same two accounts) count once. When all sizes
   * are within the margin of each other, the chance of that joins in; looking twice doubles p.
   */
  chance(accounts: readonly string[], inside: readonly number[], margin: number): number {
    const { total } = this;
    const count = (of: Map<string, number[]>) =>
      accounts.reduce((sum, account) => sum + (of.get(account)?.length ?? 0), 0);
    const orders = new Set(inside.map((i) => this.orderOf(i))).size;
    const mean = (count(this.sells) * count(this.buys)) / total;
    const groups = Math.exp(logChoose(this.accounts.size, accounts.length));
    const byCount = poissonTail(orders, mean) * groups;
    let [least, most] = [Number.POSITIVE_INFINITY, 0];
    for (const i of inside) {
      least = Math.min(least, this.trades[i]!.size);
      most = Math.max(most, this.trades[i]!.size);
    }
    if (most > least * (1 + margin)) return Math.min(1, byCount);
    const alike = (this.countSizes(least, most) - inside.length + 1) / (total + 1);
    const bySize = byCount * Math.min(1, alike) ** (orders - 1);
    return Math.min(1, 2 * bySize);
  }

  private orderOf(i: number): string {
    const { time, seller, buyer } = this.trades[i]!;
    return `${time}\n${seller}\n${buyer}`;
  }

  private countSizes(least: number, most: number): number {
    return firstAbove(this.sortedSizes, most) - firstAbove(this.sortedSizes, least * (1 - 1e-12));
  }
}

function firstAbove(sorted: Float64Array, value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]! > value) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The longest beginning of the trades after which everybody's position is back, near enough. */
function matchVolume(inside: readonly number[], trades: readonly Trade[], margin: number): number[] {
  const balance = new Map<string, number>();
  let volume = 0;
  let matched = 0;
  for (const [n, i] of inside.entries()) {
    const { seller, buyer, size } = trades[i]!;
    balance.set(seller, (balance.get(seller) ?? 0) - size);
    balance.set(buyer, (balance.get(buyer) ?? 0) + size);
    volume += size;
    const allowed = (margin * volume) / (n + 1);
    if (n > 0 && [...balance.values()].every((change) => Math.abs(change) <= allowed)) matched = n + 1;
  }
  return inside.slice(0, matched);
}

/** Components of 2 to `most` accounts, of the graph of edges with at least 1, 2, 3 … trades. */
function* smallComponents(market: Market, most: number): Generator<string[]> {
  const weights = new Map<string, Map<string, number>>();
  let heaviest = 0;
  for (const { seller, buyer } of market.trades) {
    if (seller === buyer) continue;
    const edges = weights.get(seller) ?? new Map<string, number>();
    const weight = (edges.get(buyer) ?? 0) + 1;
    weights.set(seller, edges.set(buyer, weight));
    heaviest = Math.max(heaviest, weight);
  }
  for (let least = 1; least <= heaviest; least = Math.max(least + 1, Math.floor(least * 1.25))) {
    const graph = new Map<string, string[]>();
    for (const [seller, edges] of weights) {
      const kept = [...edges].filter(([, weight]) => weight >= least).map(([buyer]) => buyer);
      if (kept.length > 0) graph.set(seller, kept);
    }
    for (const component of stronglyConnected(graph)) {
      if (component.length >= 2 && component.length <= most) yield component;
    }
  }
}

/** Strongly connected components (Tarjan 1972), with a stack of our own: a path of accounts may be long. */
export function stronglyConnected(graph: ReadonlyMap<string, readonly string[]>): string[][] {
  const order = new Map<string, number>();
  const lowest = new Map<string, number>();
  const open: string[] = [];
  const isOpen = new Set<string>();
  const components: string[][] = [];
  for (const root of graph.keys()) {
    if (order.has(root)) continue;
    const work: { account: string; next: number }[] = [];
    const enter = (account: string) => {
      order.set(account, order.size);
      lowest.set(account, order.get(account)!);
      open.push(account);
      isOpen.add(account);
      work.push({ account, next: 0 });
    };
    enter(root);
    while (work.length > 0) {
      const step = work.at(-1)!;
      const target = graph.get(step.account)?.[step.next++];
      if (target !== undefined) {
        if (!order.has(target)) enter(target);
        else if (isOpen.has(target)) {
          lowest.set(step.account, Math.min(lowest.get(step.account)!, order.get(target)!));
        }
        continue;
      }
      work.pop();
      const parent = work.at(-1)?.account;
      if (parent !== undefined) {
        lowest.set(parent, Math.min(lowest.get(parent)!, lowest.get(step.account)!));
      }
      if (lowest.get(step.account) !== order.get(step.account)) continue;
      const component = open.splice(open.lastIndexOf(step.account));
      for (const account of component) isOpen.delete(account);
      components.push(component);
    }
  }
  return components;
}

/** From each new trade, earlier trades of the same size back to its seller. False when a bound cut the search. */
function followEqualSizes(
  { trades, sells }: Market,
  newFrom: number,
  { maxAccounts, margin }: CycleLimits,
  found: (accounts: string[]) => void,
): boolean {
  let steps = 0;
  let complete = true;
  for (let last = newFrom; last < trades.length; last++) {
    const { seller, buyer, size } = trades[last]!;
    if (seller === buyer) continue;
    let left = Math.min(MAX_STEPS_PER_TRADE, MAX_STEPS - steps);
    const walk = (at: string, path: string[]) => {
      const own = sells.get(at) ?? [];
      let isClosed = false;
      for (let place = own.length - 1; place >= 0; place--) {
        const i = own[place]!;
        if (i >= last) continue;
        if (left-- <= 0) {
          complete = false;
          return;
        }
        const next = trades[i]!;
        if (Math.abs(next.size - size) > margin * size) continue;
        if (next.buyer === seller) {
          // Another trade of the same accounts closes the same group.
          if (!isClosed) found(path);
          isClosed = true;
        } else if (path.length < maxAccounts && !path.includes(next.buyer))
          walk(next.buyer, [...path, next.buyer]);
      }
    };
    walk(buyer, [seller, buyer]);
    steps += MAX_STEPS_PER_TRADE - Math.max(left, 0);
  }
  return complete;
}

function push(map: Map<string, number[]>, key: string, value: number): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}
