import { isDecimal, type Row } from '@assay/core';
import { cell } from '../cell.ts';
import type { Detector, DetectorFinding, Exhibit, Specimen } from '../detector.ts';
import { conformityOf } from './benford.ts';
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
import { newestWithin, storedBytes } from './stored-bytes.ts';
import { TermsReader } from './terms.ts';
import { findIdleVolume, findTradeCycles, type Trade } from './trade-cycles.ts';

export interface WashTerms {
  columns: { time: string; price: string; size: string; buyer: string; seller: string };
  /** Accounts of one owner, by name of the owner. */
  owners: Record<string, string>;
  windowMs: number;
  /** Most trades that are remembered. */
  maxTrades: number;
  maxAccounts: number;
  margin: number;
  minTrades: number;
  alpha: number;
  /** Share of round sizes that people leave at the least. */
  roundShare: number;
  minSizes: number;
}

export interface WashMemory {
  window: RememberedTrade[];
  /** Latest time seen: an earlier trade comes too late to be judged. */
  latest: number;
  sizes: SizeCounts;
}

interface RememberedTrade extends Trade {
  price: string;
  /** Size as it stood in the row. */
  sizeText: string;
  timeText: string;
}

/** What is remembered of the sizes of trades without accounts. */
interface SizeCounts {
  /** Of sizes that are not round, by first digit: people round to 1, 2 and 5 more often than Benford has it. */
  digits: number[];
  count: number;
  round: number;
  /** Round sizes that would come about by chance. */
  expectedRound: number;
  /** Finest decimal place seen. */
  places: number;
  /** The largest sizes, descending. */
  largest: number[];
}

/**
 * Wash trades: trades that change no owner.
 *
 * - `wash_self_trade`: buyer and seller are the same account, or accounts that the terms link.
 * - `wash_cycle`: few accounts trade in a circle and nobody's position changes (see {@link findTradeCycles}).
 * - `wash_no_position`: an account trades much with few partners and keeps its position (see {@link findIdleVolume}).
 * - `wash_size_pattern`, for trades without accounts, after Cong, Li, Tang and Yang, "Crypto Wash Trading"
 *   (Management Science 2023): first digits against Benford's law, and whether sizes cluster at round numbers as
 *   people's do. Round sizes do not count towards the digits. The exponent of the tail, their third test, is told but
 *   decides nothing, because Aloosh and Li, "Direct Evidence of Bitcoin Wash Trading" (Management Science 2024), found
 *   it to point the wrong way in the one market whose truth is known.
 *
 * Rows are trades in order of time. Only rows of this observation are marked; earlier trades of a cycle stand in the
 * exhibit. Memory: at most `maxTrades` trades of the last `windowSeconds`, and at most 3 MiB of them.
 *
 * @example
 * const terms = wash.readTerms({ windowSeconds: 3600, linked: [['alice-1', 'alice-2']] }, 'terms');
 */
export const wash: Detector<WashTerms, WashMemory> = {
  name: 'wash',
  version: '1.0.0',
  readTerms(value, path) {
    const terms = new TermsReader(value, path);
    const read: WashTerms = {
      columns: {
        time: terms.column('time', 'time'),
        price: terms.column('price', 'price'),
        size: terms.column('size', 'size'),
        buyer: terms.column('buyer', 'buyer'),
        seller: terms.column('seller', 'seller'),
      },
      owners: Object.fromEntries(
        terms.groups('linked', 1_000, 100).flatMap((group) => group.map((account) => [account, group[0]!])),
      ),
      windowMs: 1000 * terms.integer('windowSeconds', 3_600, 1, 7 * 86_400),
      maxTrades: terms.integer('maxTrades', 10_000, 100, 100_000),
      maxAccounts: terms.integer('maxAccounts', 5, 2, 10),
      margin: terms.number('margin', 0.01, 0, 0.1),
      minTrades: terms.integer('minTrades', 20, 4, 10_000),
      alpha: terms.number('alpha', 0.01, 1e-9, 0.2),
      roundShare: terms.number('roundShare', 0.02, 0.001, 0.5),
      minSizes: terms.integer('minSizes', 1_000, 300, 1_000_000),
    };
    terms.end();
    return read;
  },
  begin: () => ({
    window: [],
    latest: Number.NEGATIVE_INFINITY,
    sizes: { digits: Array(10).fill(0), count: 0, round: 0, expectedRound: 0, places: 0, largest: [] },
  }),
  examine(specimen, terms, memory) {
    const rows = specimen.rows ?? [];
    if (rows.length === 0) return { findings: withoutRows('wash_self_trade'), memory };
    const bad = new UnreadableRows();
    const named: { row: number; trade: RememberedTrade }[] = [];
    let anonymous = 0;
    for (const [row, content] of rows.entries()) {
      const trade = readTrade(content, terms, memory.latest);
      if (trade instanceof Unreadable) {
        bad.add(row, trade);
        continue;
      }
      memory.latest = trade.time;
      if (trade.buyer === '') {
        anonymous += 1;
        countSize(memory.sizes, trade.sizeText);
      } else named.push({ row, trade });
    }
    return {
      findings: [
        ...(named.length + anonymous > 0 ? judgeNamed(named, terms, memory, specimen) : []),
        ...(anonymous > 0 ? [judgeSizes(memory.sizes, terms)] : []),
        ...bad.findings('wash_input', rows.length),
      ],
      memory,
    };
  },
};

function readTrade(row: Row, { columns }: WashTerms, latest: number): RememberedTrade | Unreadable {
  const time = timeCell(row, columns.time);
  if (time instanceof Unreadable) return time;
  if (time < latest) return new Unreadable(`${columns.time}: earlier than a trade before it`);
  const size = positiveCell(row, columns.size);
  if (size instanceof Unreadable) return size;
  const price = positiveCell(row, columns.price);
  if (price instanceof Unreadable) return price;
  const trade = {
    time,
    size,
    timeText: String(cell(row, columns.time)),
    sizeText: String(cell(row, columns.size)),
    price: String(cell(row, columns.price)),
  };
  const isAnonymous = [columns.buyer, columns.seller].every((column) => (cell(row, column) ?? null) === null);
  if (isAnonymous) return { ...trade, buyer: '', seller: '' };
  const buyer = nameCell(row, columns.buyer);
  if (buyer instanceof Unreadable) return buyer;
  const seller = nameCell(row, columns.seller);
  return seller instanceof Unreadable ? seller : { ...trade, buyer, seller };
}

function judgeNamed(
  named: readonly { row: number; trade: RememberedTrade }[],
  terms: WashTerms,
  memory: WashMemory,
  { digest }: Specimen,
): DetectorFinding[] {
  if (named.length === 0) {
    const reason = 'No trade names its buyer and seller, so nobody can tell whether they are the same.';
    return [{ check: 'wash_self_trade', status: 'unknown', reason }];
  }
  const ownerOf = (account: string) =>
    Object.hasOwn(terms.owners, account) ? terms.owners[account]! : account;
  const kept = remember(
    memory.window,
    named.map(({ trade }) => trade),
    terms,
  );
  memory.window = kept.window;
  const newFrom = kept.window.length - kept.added;
  const rowOf = (index: number) => named[named.length - kept.added + index - newFrom]?.row;
  const byOwner = kept.window.map((trade) => ({
    ...trade,
    seller: ownerOf(trade.seller),
    buyer: ownerOf(trade.buyer),
  }));
  const report: Reporter = { terms, window: kept.window, rowOf, newFrom, digest, dropped: kept.dropped };
  return [selfTrades(named, ownerOf), cycles(byOwner, report), idleVolume(byOwner, report)];
}

/** Of the stored window, and of a trade in it without its texts. */
const MAX_WINDOW_BYTES = 3 * 1024 * 1024;
const TRADE_BYTES = 90;

interface Reporter {
  terms: WashTerms;
  window: readonly RememberedTrade[];
  rowOf: (index: number) => number | undefined;
  newFrom: number;
  digest: string;
  /** Trades inside the time window that the bound pushed out. */
  dropped: number;
}

function remember(window: readonly RememberedTrade[], added: readonly RememberedTrade[], terms: WashTerms) {
  const from = added.at(-1)!.time - terms.windowMs;
  const inTime = [...window, ...added].filter(({ time }) => time >= from);
  const kept = newestWithin(
    inTime,
    terms.maxTrades,
    MAX_WINDOW_BYTES,
    ({ timeText, sizeText, price, buyer, seller }) =>
      TRADE_BYTES + storedBytes(timeText, sizeText, price, buyer, seller),
  );
  return {
    window: kept,
    added: Math.min(kept.length, added.filter(({ time }) => time >= from).length),
    dropped: inTime.length - kept.length,
  };
}

function selfTrades(
  named: readonly { row: number; trade: RememberedTrade }[],
  ownerOf: (account: string) => string,
): DetectorFinding {
  const own = named.filter(({ trade }) => ownerOf(trade.buyer) === ownerOf(trade.seller));
  const volume = (of: typeof named) => of.reduce((sum, { trade }) => sum + trade.size, 0);
  if (own.length === 0) {
    const reason = `None of ${named.length} trades has the same owner on both sides.`;
    return { check: 'wash_self_trade', status: 'pass', reason, score: '1' };
  }
  const shareOfVolume = volume(own) / volume(named);
  return {
    check: 'wash_self_trade',
    status: 'fail',
    reason:
      `${own.length} of ${named.length} trades, ${percent(shareOfVolume)} of the volume, have the same owner on ` +
      `both sides; the first is ${nameOf(own[0]!.trade)}.`,
    rows: rangesOf(own.map(({ row }) => row)),
    score: decimalOf(1 - shareOfVolume),
    exhibits: [
      tradeTable(
        'Trades with one owner on both sides',
        own.map(({ trade }) => trade),
      ),
    ],
  };
}

function cycles(byOwner: readonly Trade[], report: Reporter): DetectorFinding {
  const { terms, window, newFrom } = report;
  const { cycles: all, complete } = findTradeCycles(byOwner, newFrom, terms);
  const unlikely = [];
  const told = new Set<number>();
  for (const cycle of all) {
    if (cycle.p > terms.alpha || unlikely.length === MAX_TOLD) break;
    if (cycle.trades.every((i) => told.has(i))) continue;
    for (const i of cycle.trades) told.add(i);
    unlikely.push(cycle);
  }
  const scope = `${window.length} trades of the last ${terms.windowMs / 1000} s${cutNote(report, complete)}`;
  if (unlikely.length === 0) {
    const reason = `No group of up to ${terms.maxAccounts} accounts trades in a circle, in ${scope}.`;
    return { check: 'wash_cycle', status: 'pass', reason, score: soundness(all[0]?.p ?? 1) };
  }
  const worst = unlikely[0]!;
  return {
    check: 'wash_cycle',
    status: 'fail',
    reason:
      `${groups(unlikely.length)} of accounts trade in a circle and end with the position they began with. ` +
      `${listNames(worst.accounts)} did so in ${worst.trades.length} trades; among honest counterparties, p ` +
      `${sayP(worst.p)}. Read: ${scope}.`,
    rows: rangesOf([...told].flatMap((i) => report.rowOf(i) ?? [])),
    score: soundness(worst.p),
    exhibits: unlikely.slice(0, 4).map((cycle) =>
      tradeTable(
        `Circle of ${listNames(cycle.accounts)}`,
        cycle.trades.map((i) => window[i]!),
      ),
    ),
  };
}

function idleVolume(byOwner: readonly Trade[], report: Reporter): DetectorFinding {
  const { terms, window, newFrom } = report;
  const found = findIdleVolume(byOwner, newFrom, terms)
    .filter(({ p }) => p <= terms.alpha)
    .slice(0, MAX_TOLD);
  const check = 'wash_no_position';
  const worst = found[0];
  if (worst === undefined) {
    const reason =
      `No account with ${terms.minTrades} or more trades keeps its position while trading with few partners, in ` +
      `${window.length} trades${cutNote(report, true)}.`;
    return { check, status: 'pass', reason, score: soundness(1) };
  }
  return {
    check,
    status: 'fail',
    reason:
      `${found.length === 1 ? 'One account trades' : `${found.length} accounts trade`} much and keep the same ` +
      `position. ${worst.account.slice(0, 60)} traded ${decimalOf(worst.volume)} in ${worst.trades.length} trades ` +
      `with ${listNames(worst.partners)} and changed its position by ${decimalOf(worst.net)}; among honest ` +
      `counterparties, p ${sayP(worst.p)}.`,
    rows: rangesOf(found.flatMap(({ trades }) => trades.flatMap((i) => report.rowOf(i) ?? []))),
    score: soundness(worst.p),
    exhibits: found.slice(0, 4).map(({ account, trades }) =>
      tradeTable(
        `Trades of ${account.slice(0, 60)}`,
        trades.map((i) => window[i]!),
      ),
    ),
  };
}

/** Cycles and accounts told in one finding. */
const MAX_TOLD = 20;

/** A size is round when at most two digits of it are not zero: 1, 0.25, 15000. */
function countSize(sizes: SizeCounts, text: string): void {
  if (!isDecimal(text)) return;
  const [whole = '', fraction = ''] = text.split('.');
  sizes.places = Math.max(sizes.places, fraction.length);
  const digits = (whole + fraction).replace(/^0+/, '');
  keepLargest(sizes.largest, Number(text));
  // Digits down to the finest place: that many could have been other than zero.
  const room = digits.length + sizes.places - fraction.length;
  const isRound = digits.replace(/0+$/, '').length <= 2;
  if (!isRound) sizes.digits[Number(digits[0])]! += 1;
  sizes.count += 1;
  if (room > 2) {
    sizes.expectedRound += 10 ** (2 - room);
    if (isRound) sizes.round += 1;
  }
  if (sizes.count < FORGET_AT) return;
  sizes.count /= 2;
  sizes.round /= 2;
  sizes.expectedRound /= 2;
  sizes.digits = sizes.digits.map((n) => n / 2);
}

function keepLargest(largest: number[], size: number): void {
  if (largest.length === MAX_LARGEST && size <= largest.at(-1)!) return;
  let place = largest.length;
  while (place > 0 && largest[place - 1]! < size) place -= 1;
  largest.splice(place, 0, size);
  if (largest.length > MAX_LARGEST) largest.pop();
}

const MAX_LARGEST = 500;

/** Hill's estimate of the tail's exponent from the largest twentieth; Cong et al. find 1 to 2 where trading is honest. */
function sayTail({ largest, count }: SizeCounts): string {
  const k = Math.min(largest.length - 1, Math.floor(count / 20));
  const logs = largest.slice(0, k).reduce((sum, size) => sum + Math.log(size / largest[k]!), 0);
  if (k < 50 || logs === 0) return '';
  const exponent = k / logs;
  return `; the tail falls off with exponent ${exponent.toFixed(2)} ± ${(exponent / Math.sqrt(k)).toFixed(2)}, which decides nothing`;
}

/** After this many sizes older ones count half, so that a change of habit shows within a day of busy trading. */
const FORGET_AT = 200_000;

function judgeSizes(sizes: SizeCounts, terms: WashTerms): DetectorFinding {
  const check = 'wash_size_pattern';
  const column = terms.columns.size;
  const count = Math.round(sizes.count);
  if (sizes.count < terms.minSizes) {
    const reason = `${count} sizes of trades without accounts so far; they are judged from ${terms.minSizes}.`;
    return { check, column, status: 'unknown', reason };
  }
  const benford = conformityOf(sizes.digits, 1);
  const digitsP = benford.count >= 300 && benford.verdict === 'nonconforming' ? benford.p : 1;
  const human = sizes.expectedRound + terms.roundShare * sizes.count;
  const roundP = 1 - poissonTail(Math.floor(sizes.round) + 1, human);
  const p = Math.min(1, 2 * Math.min(digitsP, roundP));
  const figures =
    `first digits of the ${Math.round(benford.count)} sizes that are not round: p ${sayP(benford.p)}, mean absolute deviation ${decimalOf(benford.mad)} (${benford.verdict}); ` +
    `${Math.round(sizes.round)} of ${count} sizes are round, where people who leave ${percent(terms.roundShare)} ` +
    `round sizes would give about ${Math.round(human)} (p ${sayP(roundP)})${sayTail(sizes)}`;
  const suspicious = p <= terms.alpha;
  return {
    check,
    column,
    status: suspicious ? 'fail' : 'pass',
    reason: suspicious
      ? `The sizes of the trades look machine-made: ${figures}. This is a sign of wash trading, not a proof.`
      : `The sizes of the trades look like those of people: ${figures}.`,
    score: soundness(p),
    ...(suspicious ? { exhibits: [digitTable(sizes)] } : {}),
  };
}

function digitTable({ digits }: SizeCounts): Exhibit {
  const count = Math.max(
    1,
    digits.reduce((sum, n) => sum + n, 0),
  );
  return {
    kind: 'table',
    title: 'First digits of trade sizes that are not round',
    columns: ['digit', 'share', 'expected by Benford'],
    rows: digits
      .slice(1)
      .map((n, i) => [String(i + 1), decimalOf(n / count), decimalOf(Math.log10(1 + 1 / (i + 1)))]),
  };
}

function tradeTable(title: string, trades: readonly RememberedTrade[]): Exhibit {
  return {
    kind: 'table',
    title: title.slice(0, 200),
    columns: ['time', 'seller', 'buyer', 'size', 'price'],
    rows: trades
      .slice(0, MAX_TABLE_ROWS)
      .map(({ timeText, seller, buyer, sizeText, price }) => [timeText, seller, buyer, sizeText, price]),
  };
}

const MAX_TABLE_ROWS = 200;

function cutNote({ dropped, terms }: Reporter, complete: boolean): string {
  const notes = [
    ...(dropped > 0
      ? [`${dropped} older trades of that time were left out, beyond ${terms.maxTrades} or 3 MiB`]
      : []),
    ...(complete ? [] : ['the search stopped at its bound, so that a circle may be missed']),
  ];
  return notes.length === 0 ? '' : ` (${notes.join('; ')})`;
}

function nameOf({ seller, buyer, timeText }: RememberedTrade): string {
  return `${seller.slice(0, 60)} to ${buyer.slice(0, 60)} at ${timeText}`;
}

function listNames(names: readonly string[]): string {
  return names.map((name) => name.slice(0, 60)).join(', ');
}

function groups(count: number): string {
  return count === 1 ? 'One group' : `${count} groups`;
}

function percent(value: number): string {
  return `${(100 * value).toFixed(1).replace(/\.0$/, '')} %`;
}
