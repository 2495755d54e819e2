import {
  compareDecimal,
  type Decimal,
  fromScaled,
  isDecimal,
  normaliseDecimal,
  type Row,
  toScaled,
} from '@assay/core';
import { cell } from '../cell.ts';
import type { DetectorFinding } from '../detector.ts';
import { readColumn, readMembers, readText, refuseTerms } from '../terms.ts';
import type { Frame } from './custody.ts';
import { type KeyedStates, noRoom, type StateBounds, stateOf } from './keyed-states.ts';
import { type Doubt, instantText, isDoubt, readInstant, readName } from './reading.ts';
import { doubt, fault, findingOf, newVerdicts, type RowVerdicts, sound, tableOf } from './row-verdicts.ts';
import { readCoverage } from './temperature.ts';

export interface HandoverTerms {
  item: string;
  from: string;
  to: string;
  quantity: string | null;
  /** Largest loss at one hand-over and altogether, as a share of what was there; gains are never allowed. */
  lossAllowed: Decimal;
  totalLossAllowed: Decimal;
  /** The seal found on arrival and the one put on for what follows; null when goods travel unsealed. */
  sealFound: string | null;
  sealSet: string | null;
  /** Who must have the item first; null takes whoever gives it first. */
  origin: string | null;
  minimumCoverage: number;
}

/** One item so far. */
interface Chain {
  at: number;
  /** Who has it; null when a hand-over did not say. */
  holder: string | null;
  first: Decimal | null;
  quantity: Decimal | null;
  seal: string | null;
  sealKnown: boolean;
}

export type HandoverMemory = KeyedStates<Chain>;

/**
 * Goods lie in warehouses: an item that is forgotten too early could come back from anybody. With the longest names
 * for itself, its holder and its seal one is stored in 930 bytes, and all of them within the 4 MiB of a detector.
 */
const ITEMS: StateBounds = { maxKeys: 4_096, idleMs: 2 * 366 * 86_400_000 };
/** Quantities are compared exactly, as integers of 10^-SCALE units. */
const SCALE = 18;
const MAX_QUANTITY_CHARACTERS = 40;

export function readHandoverTerms(value: unknown, path: string): HandoverTerms {
  const t = readMembers(
    value,
    path,
    ['item', 'from', 'to'],
    ['quantity', 'lossAllowed', 'totalLossAllowed', 'sealFound', 'sealSet', 'origin', 'minimumCoverage'],
  );
  const column = (member: unknown, name: string) =>
    member === undefined ? null : readColumn(member, `${path}.${name}`);
  if ((t.sealFound === undefined) !== (t.sealSet === undefined)) {
    refuseTerms(path, 'sealFound and sealSet together', value);
  }
  const lossAllowed = readShare(t.lossAllowed, `${path}.lossAllowed`) ?? '0';
  return {
    item: readColumn(t.item, `${path}.item`),
    from: readColumn(t.from, `${path}.from`),
    to: readColumn(t.to, `${path}.to`),
    quantity: column(t.quantity, 'quantity'),
    lossAllowed,
    totalLossAllowed: readShare(t.totalLossAllowed, `${path}.totalLossAllowed`) ?? lossAllowed,
    sealFound: column(t.sealFound, 'sealFound'),
    sealSet: column(t.sealSet, 'sealSet'),
    origin: t.origin === undefined ? null : readText(t.origin, `${path}.origin`, 120),
    minimumCoverage: readCoverage(t.minimumCoverage, `${path}.minimumCoverage`),
  };
}

/**
 * The chain of custody of each item: whoever gives it is whoever had it, times go forward, one holder at a time,
 * nothing is added and no more is lost than allowed (at one hand-over and in all, so that many small losses count),
 * and the seal found is the seal that was set. After a break the chain is followed from the new holder, so that one
 * break is told once.
 */
export function examineHandover(
  rows: readonly Row[],
  terms: HandoverTerms,
  memory: HandoverMemory,
  frame: Frame,
): DetectorFinding {
  const on = newVerdicts(rows.length);
  for (const [i, row] of rows.entries()) {
    const item = readName(row, terms.item);
    const from = readName(row, terms.from);
    const to = readName(row, terms.to);
    const at = readInstant(row, frame.time);
    if (isDoubt(item) || isDoubt(at)) {
      doubt(on, i, isDoubt(item) ? item.doubt : (at as Doubt).doubt);
      continue;
    }
    const isFirst = !memory.has(item);
    const chain = stateOf(memory, item, at, () => newChain(at), ITEMS);
    if (chain === null) {
      doubt(on, i, noRoom(ITEMS));
      continue;
    }
    const what = `${JSON.stringify(item)} at ${instantText(at)}`;
    sound(on, i);
    if (!isFirst && at < chain.at) {
      fault(on, i, 'time', `${what}: handed over before it was received at ${instantText(chain.at)}`);
    }
    judgeHolder(on, i, chain, from, to, isFirst ? terms.origin : chain.holder, isFirst, what);
    if (terms.quantity !== null) judgeQuantity(on, i, chain, row, terms, what);
    if (terms.sealFound !== null) judgeSeal(on, i, chain, row, terms, isFirst, what);
    chain.holder = isDoubt(to) ? null : to;
    chain.at = Math.max(chain.at, at);
  }
  return findingOf(on, {
    check: 'custody_handover',
    column: [terms.item, terms.from, terms.to].join(','),
    noun: 'hand-overs',
    well: 'form an unbroken chain',
    figures: `${memory.size} item${memory.size === 1 ? '' : 's'} followed so far.`,
    minimumCoverage: terms.minimumCoverage,
    exhibits: tableOf(on, rows, {
      title: 'Hand-overs',
      columns: [
        frame.time,
        terms.item,
        terms.from,
        terms.to,
        terms.quantity,
        terms.sealFound,
        terms.sealSet,
      ].filter((column) => column !== null),
    }),
  });
}

function newChain(at: number): Chain {
  return { at, holder: null, first: null, quantity: null, seal: null, sealKnown: false };
}

function judgeHolder(
  on: RowVerdicts,
  i: number,
  chain: Chain,
  from: string | Doubt,
  to: string | Doubt,
  holder: string | null,
  isFirst: boolean,
  what: string,
): void {
  if (isDoubt(from)) doubt(on, i, from.doubt, `${what}: ${from.doubt}`);
  else if (holder === null) {
    if (!isFirst) doubt(on, i, 'holder', `${what}: nobody knows who had it`);
  } else if (from !== holder) {
    fault(
      on,
      i,
      'holder',
      `${what}: given by ${JSON.stringify(from)} while ${JSON.stringify(holder)} had it${isFirst ? ' by contract' : ` since ${instantText(chain.at)}`}`,
    );
  }
  if (isDoubt(to)) doubt(on, i, to.doubt, `${what}: ${to.doubt}`);
  else if (to === from) fault(on, i, 'self', `${what}: ${JSON.stringify(to)} gives it to itself`);
}

function judgeQuantity(
  on: RowVerdicts,
  i: number,
  chain: Chain,
  row: Row,
  terms: HandoverTerms,
  what: string,
): void {
  const quantity = readQuantity(row, terms.quantity!);
  if (isDoubt(quantity)) {
    doubt(on, i, quantity.doubt, `${what}: ${quantity.doubt}`);
    return;
  }
  if (chain.quantity !== null && chain.first !== null) {
    if (compareDecimal(quantity, chain.quantity) > 0) {
      fault(on, i, 'gain', `${what}: ${quantity} handed over of ${chain.quantity} received`);
    } else if (isLost(quantity, chain.quantity, terms.lossAllowed)) {
      fault(
        on,
        i,
        'loss',
        `${what}: ${quantity} handed over of ${chain.quantity} received, a loss beyond ${terms.lossAllowed} of it`,
      );
    } else if (isLost(quantity, chain.first, terms.totalLossAllowed)) {
      fault(
        on,
        i,
        'total loss',
        `${what}: ${quantity} is left of ${chain.first} at the start, a loss beyond ${terms.totalLossAllowed} of it`,
      );
    }
  }
  chain.first ??= quantity;
  chain.quantity = quantity;
}

function judgeSeal(
  on: RowVerdicts,
  i: number,
  chain: Chain,
  row: Row,
  terms: HandoverTerms,
  isFirst: boolean,
  what: string,
): void {
  const found = readName(row, terms.sealFound!);
  const set = readName(row, terms.sealSet!);
  if (!isFirst) {
    if (!chain.sealKnown) doubt(on, i, 'seal', `${what}: nobody knows which seal was set`);
    else if (isDoubt(found))
      fault(on, i, 'seal', `${what}: no seal was found, ${JSON.stringify(chain.seal)} was set`);
    else if (found !== chain.seal) {
      fault(
        on,
        i,
        'seal',
        `${what}: seal ${JSON.stringify(found)} was found, ${JSON.stringify(chain.seal)} was set`,
      );
    }
  }
  if (isDoubt(set)) doubt(on, i, set.doubt, `${what}: ${set.doubt}`);
  chain.sealKnown = !isDoubt(set);
  chain.seal = isDoubt(set) ? null : set;
}

/** Whether less is left than (1 − allowed) of what was there, in exact arithmetic. */
function isLost(left: Decimal, was: Decimal, allowed: Decimal): boolean {
  const one = 10n ** BigInt(SCALE);
  return toScaled(left, SCALE) * one < toScaled(was, SCALE) * (one - toScaled(allowed, SCALE));
}

function readQuantity(row: Row, column: string): Decimal | Doubt {
  const text = cell(row, column);
  if (text === null || text === undefined || text === '') return { doubt: `${column} is missing` };
  if (typeof text !== 'string' || text.length > MAX_QUANTITY_CHARACTERS || /[eE]/.test(text)) {
    return { doubt: `${column} is no plain decimal text` };
  }
  try {
    const quantity = normaliseDecimal(text);
    toScaled(quantity, SCALE);
    return isDecimal(quantity) && !quantity.startsWith('-') ? quantity : { doubt: `${column} is negative` };
  } catch {
    return { doubt: `${column} is no decimal text of at most ${SCALE} decimals` };
  }
}

function readShare(value: unknown, path: string): Decimal | null {
  if (value === undefined) return null;
  try {
    const decimal = normaliseDecimal(typeof value === 'number' ? String(value) : (value as string));
    const scaled = toScaled(decimal, SCALE);
    if (scaled >= 0n && scaled < 10n ** BigInt(SCALE)) return fromScaled(scaled, SCALE);
  } catch {
    // Told below, with the path.
  }
  return refuseTerms(path, 'a share from 0 to below 1', value);
}
