import type { Decimal, Row } from '@assay/core';
import { cell } from '../cell.ts';
import type { Detector, DetectorFinding, Exhibit } from '../detector.ts';
import {
  nameCell,
  positiveCell,
  rangesOf,
  timeCell,
  Unreadable,
  UnreadableRows,
  withoutRows,
} from './cells.ts';
import { countHit, type HeavyHitters, newHeavyHitters } from './heavy-hitters.ts';
import { binomialTail, decimalOf, poissonTail, sayP, soundness } from './p-value.ts';
import { newestWithin, storedBytes } from './stored-bytes.ts';
import { TermsReader } from './terms.ts';
import { findTradeCycles } from './trade-cycles.ts';

export interface TransferTerms {
  columns: { time: string; from: string; to: string; amount: string };
  windowMs: number;
  maxTransfers: number;
  minFan: number;
  minHops: number;
  minForwards: number;
  forwardMs: number;
  maxAccounts: number;
  /** Largest share of an amount that a circle may lose to fees. */
  margin: number;
  maxShare: number;
  alpha: number;
}

export interface TransferMemory {
  window: Transfer[];
  latest: number;
  busiest: HeavyHitters;
  /** Transfers that were a step of a peel, among all that were read; older ones count half. */
  peels: number;
  read: number;
}

interface Transfer {
  time: number;
  timeText: string;
  from: string;
  to: string;
  amount: number;
  amountText: string;
}

/**
 * The shape of transfers between addresses, over a window of time:
 *
 * - `transfers_fan_out`, `transfers_fan_in`: one address pays, or is paid by, many others in amounts that are all
 *   alike, as structuring does.
 * - `transfers_cycle`: an amount returns to where it came from through few addresses.
 * - `transfers_peel_chain`: each address of a chain passes most of what it got on to a fresh one and peels off a
 *   little, after Meiklejohn et al., "A Fistful of Bitcoins" (IMC 2013, section 5).
 * - `transfers_forwarding`: an address sends on what it gets, nearly whole and at once, again and again.
 * - `transfers_concentration`: one address receives most of everything.
 *
 * Each but the last is held against chance (Bonferroni over the addresses). They are shapes, not verdicts: payrolls
 * fan out and deposit addresses forward. {@link transferFeatures} gives the same figures of one address.
 *
 * Memory: at most `maxTransfers` transfers of the window in at most 2.5 MiB, and the 1,000 busiest addresses of the whole stream.
 *
 * @example
 * const terms = transfers.readTerms({ windowSeconds: 86_400 }, 'terms');
 */
export const transfers: Detector<TransferTerms, TransferMemory> = {
  name: 'transfers',
  version: '1.0.0',
  readTerms(value, path) {
    const terms = new TermsReader(value, path);
    const read: TransferTerms = {
      columns: {
        time: terms.column('time', 'time'),
        from: terms.column('from', 'from'),
        to: terms.column('to', 'to'),
        amount: terms.column('amount', 'amount'),
      },
      windowMs: 1000 * terms.integer('windowSeconds', 86_400, 60, 90 * 86_400),
      maxTransfers: terms.integer('maxTransfers', 20_000, 100, 200_000),
      minFan: terms.integer('minFan', 20, 5, 100_000),
      minHops: terms.integer('minHops', 4, 2, 50),
      minForwards: terms.integer('minForwards', 5, 2, 10_000),
      forwardMs: 1000 * terms.integer('forwardSeconds', 600, 1, 7 * 86_400),
      maxAccounts: terms.integer('maxAccounts', 6, 2, 10),
      margin: terms.number('margin', 0.05, 0, 0.2),
      maxShare: terms.number('maxShare', 0.6, 0.01, 1),
      alpha: terms.number('alpha', 0.001, 1e-12, 0.2),
    };
    terms.end();
    return read;
  },
  begin: () => ({
    window: [],
    latest: Number.NEGATIVE_INFINITY,
    busiest: newHeavyHitters(1_000),
    peels: 0,
    read: 0,
  }),
  examine({ rows = [] }, terms, memory) {
    if (rows.length === 0) return { findings: withoutRows('transfers_fan_out'), memory };
    const bad = new UnreadableRows();
    const added: { row: number; transfer: Transfer }[] = [];
    for (const [row, content] of rows.entries()) {
      const transfer = readTransfer(content, terms, memory.latest);
      if (transfer instanceof Unreadable) {
        bad.add(row, transfer);
        continue;
      }
      memory.latest = transfer.time;
      added.push({ row, transfer });
      countHit(memory.busiest, transfer.from);
      countHit(memory.busiest, transfer.to);
    }
    const unread = bad.findings('transfers_input', rows.length);
    if (added.length === 0) return { findings: unread, memory };
    const view = look(memory, added, terms);
    return {
      findings: [
        fan('out', view),
        fan('in', view),
        cycle(view),
        peelChain(view, memory),
        forwarding(view),
        concentration(view),
        ...unread,
      ],
      memory,
    };
  },
};

/** What the window says of one address, as decimal strings; null where there is nothing to measure. */
export interface TransferFeatures {
  sent: Decimal;
  received: Decimal;
  /** Distinct addresses paid, and paid by. */
  outDegree: Decimal;
  inDegree: Decimal;
  amountSent: Decimal;
  amountReceived: Decimal;
  /** Share of what came in that did not go out again; below zero when more went out. */
  retained: Decimal | null;
  /** Share of the addresses paid that paid back. */
  reciprocity: Decimal | null;
  /** Herfindahl index of the amounts by counterparty: 1 is one counterparty. */
  concentrationOut: Decimal | null;
  concentrationIn: Decimal | null;
  /** Median time from a receipt to the next payment. */
  secondsToForward: Decimal | null;
  /** Peel steps behind the latest receipt. */
  peelDepth: Decimal;
  /** Transfers since the stream began, at most; and by how much that may be too high. Null for a rare address. */
  lifetime: Decimal | null;
  lifetimeError: Decimal | null;
}

/**
 * Features of an address in the transfers that are remembered.
 *
 * @example
 * transferFeatures(memory, terms, '0xabc').outDegree; // '12'
 */
export function transferFeatures(
  memory: TransferMemory,
  terms: TransferTerms,
  address: string,
): TransferFeatures {
  const graph = new Graph(memory.window);
  const out = graph.outOf(address).map((i) => memory.window[i]!);
  const into = graph.intoOf(address).map((i) => memory.window[i]!);
  const sum = (list: readonly Transfer[]) => list.reduce((total, { amount }) => total + amount, 0);
  const paid = new Set(out.map(({ to }) => to));
  const payers = new Set(into.map(({ from }) => from));
  const waits = into.flatMap(({ time }) => {
    const next = out.find((transfer) => transfer.time >= time);
    return next === undefined ? [] : [(next.time - time) / 1000];
  });
  const lastIn = graph.intoOf(address).at(-1);
  const lifetime = memory.busiest.counts.get(address);
  const maybe = (value: number | undefined) => (value === undefined ? null : decimalOf(value));
  return {
    sent: String(out.length),
    received: String(into.length),
    outDegree: String(paid.size),
    inDegree: String(payers.size),
    amountSent: decimalOf(sum(out)),
    amountReceived: decimalOf(sum(into)),
    retained: into.length === 0 ? null : decimalOf(1 - sum(out) / sum(into)),
    reciprocity:
      paid.size === 0 ? null : decimalOf([...paid].filter((to) => payers.has(to)).length / paid.size),
    concentrationOut: maybe(herfindahl(out.map(({ to, amount }) => [to, amount]))),
    concentrationIn: maybe(herfindahl(into.map(({ from, amount }) => [from, amount]))),
    secondsToForward: maybe(waits.sort((a, b) => a - b)[waits.length >> 1]),
    peelDepth: String(lastIn === undefined ? 0 : graph.peelsUpTo(lastIn, terms).length),
    lifetime: maybe(lifetime?.count),
    lifetimeError: maybe(lifetime?.error),
  };
}

function readTransfer(row: Row, { columns }: TransferTerms, latest: number): Transfer | Unreadable {
  const time = timeCell(row, columns.time);
  if (time instanceof Unreadable) return time;
  if (time < latest) return new Unreadable(`${columns.time}: earlier than a transfer before it`);
  const from = nameCell(row, columns.from);
  if (from instanceof Unreadable) return from;
  const to = nameCell(row, columns.to);
  if (to instanceof Unreadable) return to;
  const amount = positiveCell(row, columns.amount);
  if (amount instanceof Unreadable) return amount;
  return {
    time,
    from,
    to,
    amount,
    timeText: String(cell(row, columns.time)),
    amountText: String(cell(row, columns.amount)),
  };
}

/** The window after this observation, and which of its transfers are new. */
interface View {
  terms: TransferTerms;
  window: readonly Transfer[];
  graph: Graph;
  newFrom: number;
  rowOf: (index: number) => number | undefined;
  /** Addresses that this observation touches. */
  touched: string[];
  scope: string;
}

function look(
  memory: TransferMemory,
  added: readonly { row: number; transfer: Transfer }[],
  terms: TransferTerms,
): View {
  const from = memory.latest - terms.windowMs;
  const inTime = [...memory.window, ...added.map(({ transfer }) => transfer)].filter(
    ({ time }) => time >= from,
  );
  memory.window = newestWithin(
    inTime,
    terms.maxTransfers,
    MAX_WINDOW_BYTES,
    ({ timeText, from, to, amountText }) => TRANSFER_BYTES + storedBytes(timeText, from, to, amountText),
  );
  const { window } = memory;
  const newCount = Math.min(window.length, added.filter(({ transfer }) => transfer.time >= from).length);
  const newFrom = window.length - newCount;
  const dropped = inTime.length - window.length;
  return {
    terms,
    window,
    graph: new Graph(window),
    newFrom,
    rowOf: (index) => (index < newFrom ? undefined : added[added.length - newCount + index - newFrom]?.row),
    touched: [...new Set(window.slice(newFrom).flatMap((transfer) => [transfer.from, transfer.to]))],
    scope:
      `${window.length} transfers of the last ${terms.windowMs / 1000} s` +
      (dropped > 0
        ? `, without ${dropped} older ones beyond the bound of ${terms.maxTransfers} or 2.5 MiB`
        : ''),
  };
}

/** Of the stored window, and of a transfer in it without its texts. */
const MAX_WINDOW_BYTES = 2.5 * 1024 * 1024;
const TRANSFER_BYTES = 80;

class Graph {
  readonly window: readonly Transfer[];
  readonly addresses = new Set<string>();
  private readonly out = new Map<string, number[]>();
  private readonly into = new Map<string, number[]>();

  constructor(window: readonly Transfer[]) {
    this.window = window;
    for (const [i, { from, to }] of window.entries()) {
      push(this.out, from, i);
      push(this.into, to, i);
      this.addresses.add(from).add(to);
    }
  }

  outOf(address: string): readonly number[] {
    return this.out.get(address) ?? [];
  }

  intoOf(address: string): readonly number[] {
    return this.into.get(address) ?? [];
  }

  /** Transfers of the peel chain that ends with this one, the last first; empty when it is no peel step. */
  peelsUpTo(last: number, { forwardMs }: TransferTerms): number[] {
    const chain: number[] = [];
    for (let at: number | undefined = last; at !== undefined && chain.length < MAX_CHAIN; ) {
      const source = this.peeledFrom(at, forwardMs);
      if (source === undefined) break;
      chain.push(at);
      at = source;
    }
    return chain;
  }

  /** The receipt that this transfer passes on to a fresh address, less what is peeled off. */
  private peeledFrom(index: number, forwardMs: number): number | undefined {
    const { from, to, amount, time } = this.window[index]!;
    const [first, second, third] = this.intoOf(from);
    const isBusy = third !== undefined && third < index;
    const receipt = second !== undefined && second < index ? second : first;
    const isFresh = this.intoOf(to)[0] === index && (this.outOf(to)[0] ?? index) >= index;
    if (receipt === undefined || receipt >= index || isBusy || !isFresh || this.outOf(from).length > 3)
      return undefined;
    const kept = amount / this.window[receipt]!.amount;
    const isPeel = kept >= 0.7 && kept <= 0.995 && time - this.window[receipt]!.time <= forwardMs;
    return isPeel ? receipt : undefined;
  }
}

const MAX_CHAIN = 100;

function fan(direction: 'in' | 'out', view: View): DetectorFinding {
  const { terms, window, graph, touched, newFrom, scope } = view;
  const check = `transfers_fan_${direction}`;
  const amounts = Float64Array.from(window, ({ amount }) => amount).sort();
  let worst: { address: string; alike: number[]; p: number } | undefined;
  for (const address of touched) {
    const own = direction === 'out' ? graph.outOf(address) : graph.intoOf(address);
    if (own.length < terms.minFan) continue;
    const sorted = own.map((i) => window[i]!.amount).sort((a, b) => a - b);
    const median = sorted[sorted.length >> 1]!;
    const isAlike = (amount: number) => amount >= 0.95 * median && amount <= 1.05 * median;
    const seen = new Set<string>();
    const alike = own.filter((i) => {
      const { from, to, amount } = window[i]!;
      const partner = direction === 'out' ? to : from;
      if (!isAlike(amount) || seen.has(partner)) return false;
      seen.add(partner);
      return true;
    });
    // Without a new one it has been told before.
    if (alike.length < terms.minFan || alike.at(-1)! < newFrom) continue;
    // How common such amounts are among the others; the address itself must not vouch for itself.
    const others =
      countUpTo(amounts, 1.05 * median) -
      countUpTo(amounts, 0.95 * median * (1 - 1e-12)) -
      own.filter((i) => isAlike(window[i]!.amount)).length;
    const share = (others + 1) / (window.length - own.length + 2);
    const p = Math.min(1, binomialTail(alike.length, own.length, share) * graph.addresses.size);
    if (worst === undefined || p < worst.p) worst = { address, alike, p };
  }
  if (worst === undefined || worst.p > terms.alpha) {
    const reason = `No address ${direction === 'out' ? 'pays' : 'is paid by'} ${terms.minFan} or more others amounts that are all alike, in ${scope}.`;
    return { check, status: 'pass', reason, score: soundness(worst?.p ?? 1) };
  }
  const { address, alike, p } = worst;
  return told(view, check, p, alike, {
    reason:
      `${short(address)} ${direction === 'out' ? 'paid' : 'was paid by'} ${alike.length} addresses amounts within ` +
      `5 % of each other, such as ${window[alike[0]!]!.amountText}; p ${sayP(p)}, in ${scope}.`,
    title: `Fan-${direction} of ${short(address)}`,
  });
}

function cycle(view: View): DetectorFinding {
  const { terms, window, newFrom, scope } = view;
  const check = 'transfers_cycle';
  const trades = window.map(({ time, amount, from, to }) => ({
    time,
    size: amount,
    seller: from,
    buyer: to,
  }));
  const { cycles, complete } = findTradeCycles(trades, newFrom, terms);
  const [worst] = cycles;
  const note = complete ? '' : ' (the search stopped at its bound, so that a circle may be missed)';
  if (worst === undefined || worst.p > terms.alpha) {
    const reason = `No amount returns to where it came from more often than chance has it, in ${scope}${note}.`;
    return { check, status: 'pass', reason, score: soundness(worst?.p ?? 1) };
  }
  return told(view, check, worst.p, worst.trades, {
    reason:
      `Money goes round: ${worst.accounts.map(short).join(', ')} passed it on in ${worst.trades.length} transfers ` +
      `and nobody's balance changed by more than ${100 * terms.margin} %; p ${sayP(worst.p)}, in ${scope}${note}.`,
    title: 'Transfers of the circle',
  });
}

function peelChain(view: View, memory: TransferMemory): DetectorFinding {
  const { terms, window, newFrom, graph, scope } = view;
  const check = 'transfers_peel_chain';
  let longest: number[] = [];
  for (let i = newFrom; i < window.length; i++) {
    const chain = graph.peelsUpTo(i, terms);
    memory.read += 1;
    if (chain.length > 0) memory.peels += 1;
    if (memory.read >= FORGET_AT) {
      memory.read /= 2;
      memory.peels /= 2;
    }
    if (chain.length > longest.length) longest = chain;
  }
  // Were steps spread over transfers at random, a chain would need one after the other. The chain's own steps do
  // not count towards how common steps are.
  const common = (Math.max(0, memory.peels - longest.length) + 1) / (memory.read + 1);
  const p = Math.min(1, window.length * common ** longest.length);
  if (longest.length < terms.minHops || p > terms.alpha) {
    const reason = `The longest chain of addresses that peel off a little has ${longest.length} steps, in ${scope}.`;
    return { check, status: 'pass', reason, score: soundness(longest.length < terms.minHops ? 1 : p) };
  }
  const chain = longest.toReversed();
  const [first, last] = [window[chain[0]!]!, window[chain.at(-1)!]!];
  return told(view, check, p, chain, {
    reason:
      `A peel chain of ${chain.length} steps leads from ${short(first.from)} to ${short(last.to)}: each address ` +
      `passed 70 to 99.5 % of what it got to a fresh one; p ${sayP(p)}, in ${scope}.`,
    title: 'Steps of the chain',
  });
}

const FORGET_AT = 100_000;

function forwarding(view: View): DetectorFinding {
  const { terms, window, graph, touched, newFrom, scope } = view;
  const check = 'transfers_forwarding';
  const amounts = Float64Array.from(window, ({ amount }) => amount).sort();
  const spanMs = Math.max(window.at(-1)!.time - window[0]!.time, terms.forwardMs);
  let worst: { address: string; involved: number[]; count: number; median: number; p: number } | undefined;
  for (const address of touched) {
    const into = graph.intoOf(address);
    const out = graph.outOf(address);
    if (into.length < terms.minForwards || out.length < terms.minForwards) continue;
    const used = new Set<number>();
    const involved: number[] = [];
    const waits: number[] = [];
    let expected = 0;
    let start = 0;
    for (const i of into) {
      const { time, amount } = window[i]!;
      const alike = (countUpTo(amounts, amount) - countUpTo(amounts, 0.9 * amount)) / amounts.length;
      expected += 1 - Math.exp((-out.length * terms.forwardMs * alike) / spanMs);
      while (start < out.length && out[start]! <= i) start += 1;
      const sent = out
        .slice(start, start + MAX_LOOK)
        .find(
          (o) =>
            !used.has(o) &&
            window[o]!.time - time <= terms.forwardMs &&
            window[o]!.amount <= amount &&
            window[o]!.amount >= 0.9 * amount,
        );
      if (sent === undefined) continue;
      used.add(sent);
      involved.push(i, sent);
      waits.push(window[sent]!.time - time);
    }
    if (waits.length < terms.minForwards || involved.every((i) => i < newFrom)) continue;
    const p = Math.min(1, poissonTail(waits.length, expected) * graph.addresses.size);
    const median = waits.sort((a, b) => a - b)[waits.length >> 1]!;
    if (worst === undefined || p < worst.p) worst = { address, involved, count: waits.length, median, p };
  }
  if (worst === undefined || worst.p > terms.alpha) {
    const reason = `No address sends on what it gets, nearly whole and within ${terms.forwardMs / 1000} s, more often than chance has it, in ${scope}.`;
    return { check, status: 'pass', reason, score: soundness(worst?.p ?? 1) };
  }
  return told(view, check, worst.p, worst.involved, {
    reason:
      `${short(worst.address)} sent on ${worst.count} receipts, each at least nine tenths whole, after a median of ` +
      `${Math.round(worst.median / 1000)} s; p ${sayP(worst.p)}, in ${scope}.`,
    title: `Receipts of ${short(worst.address)} and what it sent on`,
  });
}

/** Payments after a receipt that are looked at: a hub may make thousands within the time. */
const MAX_LOOK = 256;

function concentration(view: View): DetectorFinding {
  const { terms, window, graph, scope } = view;
  const check = 'transfers_concentration';
  // With amounts that differ a thousandfold, fewer transfers are often dominated by one.
  if (window.length < 300) {
    const reason = `Concentration is judged from 300 transfers; ${window.length} are remembered.`;
    return { check, status: 'unknown', reason };
  }
  const total = window.reduce((sum, { amount }) => sum + amount, 0);
  let top = { address: '', amount: 0 };
  for (const address of graph.addresses) {
    const amount = graph.intoOf(address).reduce((sum, i) => sum + window[i]!.amount, 0);
    if (amount > top.amount) top = { address, amount };
  }
  const share = top.amount / total;
  const reason = `${short(top.address)} received ${decimalOf(Math.round(share * 1000) / 10)} % of the amount of ${scope}; at most ${100 * terms.maxShare} % is allowed.`;
  const involved = graph.intoOf(top.address);
  return share <= terms.maxShare
    ? { check, status: 'pass', reason, score: decimalOf(1 - share) }
    : { ...told(view, check, 1, involved, { reason, title: 'Receipts' }), score: decimalOf(1 - share) };
}

function told(
  { window, rowOf }: View,
  check: string,
  p: number,
  involved: readonly number[],
  { reason, title }: { reason: string; title: string },
): DetectorFinding {
  const exhibit: Exhibit = {
    kind: 'table',
    title,
    columns: ['time', 'from', 'to', 'amount'],
    rows: involved.slice(0, MAX_TABLE_ROWS).map((i) => {
      const { timeText, from, to, amountText } = window[i]!;
      return [timeText, from, to, amountText];
    }),
  };
  const rows = rangesOf(involved.flatMap((i) => rowOf(i) ?? []));
  return {
    check,
    status: 'fail',
    reason: reason.slice(0, 2000),
    // A state of the window, such as concentration, may have none of its rows in this observation: then it is all of it.
    ...(rows.length > 0 ? { rows } : {}),
    score: soundness(p),
    exhibits: [exhibit],
  };
}

const MAX_TABLE_ROWS = 200;

function herfindahl(parts: readonly (readonly [string, number])[]): number | undefined {
  const sums = new Map<string, number>();
  let total = 0;
  for (const [name, amount] of parts) {
    sums.set(name, (sums.get(name) ?? 0) + amount);
    total += amount;
  }
  return total === 0 ? undefined : [...sums.values()].reduce((sum, part) => sum + (part / total) ** 2, 0);
}

function countUpTo(sorted: Float64Array, value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]! <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}

function push(map: Map<string, number[]>, key: string, value: number): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}

function short(address: string): string {
  return address.slice(0, 60);
}
