import { compareDecimal, type Decimal, divRound, fromScaled, toScaled, toScaledRounded } from '@assay/core';
import type { Contradiction } from './against-itself.ts';
import { FIGURE, readFigure } from './amounts.ts';

/** A line of cells: a table's row, or `Total: 119.00`. */
interface Row {
  start: number;
  end: number;
  label: string;
  cells: Cell[];
}

interface Cell {
  text: string;
  /** null when it is no number. */
  value: Decimal | null;
  percent: boolean;
}

/** Sums are taken in units of 10^-8, which holds a satoshi. */
const SCALE = 8;
const MAX_ROWS = 20_000;
const ITEM_ENDS =
  /^(?:sub[\s-]?total|net(?: amount| total)?|total(?: net| excl\w*.*)?|sum|zwischensumme|nettobetrag|summe)\b/i;
const TAX = /\b(?:vat|tax|gst|mwst|ust|tva|iva|hst)\b/i;
const DISCOUNT = /\b(?:discount|rebate|credit|deduction|less|rabatt|deposit paid|already paid|prepaid)\b/i;
const EXTRA = /\b(?:shipping|freight|handling|postage|delivery|surcharge|rounding|expenses|insurance)\b/i;
const GRAND =
  /^(?:grand total|total|total due|amount due|balance due|gross(?: amount| total)?|amount payable|total payable|total amount|invoice total|total incl\w*.*|gesamt\w*|rechnungsbetrag|zu zahlen)\b/i;
const SHARES =
  /\b(allocat\w*|shares?|split|ownership|distribut\w*|royalt\w*|profits?|revenues?|holders?|portions?|stakes?|vest\w*|weights?|weighting|composition|apportion\w*|instal+ments?|milestones?)\b/i;

/**
 * Adds up what a document says adds up: quantity times price in each row, rows to their subtotal, tax on it, and the
 * total; shares of a whole that exceed 100 %. All exact; `tolerance` is for the rounding of each line.
 */
export function checkTotals(
  text: string,
  tolerance: Decimal,
): { compared: number; contradictions: Contradiction[] } {
  const rows = rowsOf(text);
  const contradictions: Contradiction[] = [];
  let compared = 0;
  for (const block of blocksOf(rows, text)) {
    for (const check of [checkProducts, checkSums, checkShares]) {
      const result = check(block, tolerance, text);
      compared += result.compared;
      contradictions.push(...result.contradictions);
    }
  }
  const prose = sharesInProse(text);
  const stated = totalsInProse(text, tolerance);
  return {
    compared: compared + prose.compared + stated.compared,
    contradictions: [...contradictions, ...prose.contradictions, ...stated.contradictions],
  };
}

function rowsOf(text: string): Row[] {
  const rows: Row[] = [];
  let start = 0;
  for (const line of text.split('\n')) {
    const end = start + line.length;
    const trimmed = line.trim();
    let cells = trimmed.split(/\t+|\s{2,}|\s*\|\s*/).filter((cell) => cell !== '');
    // "Total: EUR 119.00" and "Total EUR 119.00" are a label and a number.
    if (cells.length === 1) {
      const pair =
        /^([^:]{2,60}?):\s*(\S.{0,40})$/.exec(trimmed) ??
        new RegExp(
          `^((?:sub-?total|total|vat|net|gross|amount due|tax|balance due|grand total)[^\\d€$£]{0,30}?(?:\\(?[\\d.,]+\\s?%\\)?)?)\\s+((?:[A-Z]{3}\\s?|[€$£]\\s?)?${FIGURE}(?:\\s?[A-Z]{3}|\\s?[€$£])?)$`,
          'i',
        ).exec(trimmed);
      cells = pair === null ? cells : [pair[1]!, pair[2]!];
    }
    if (cells.length >= 2 && rows.length < MAX_ROWS) {
      rows.push({
        start: start + line.length - line.trimStart().length,
        end: start + line.trimEnd().length,
        label: cells[0]!.replace(/^[\s:*-]+|[\s:*]+$/g, ''),
        cells: cells.map(readCell),
      });
    }
    start = end + 1;
  }
  return rows;
}

const NUMBER = new RegExp(
  `^([-−(])?\\s*(?:[A-Z]{3,4}|[A-Z]{0,2}\\$|[€£¥₿])?\\s?([-−(])?(${FIGURE})\\)?\\s*(?:[A-Z]{3,4}|[€$£¥]|%|per\\s?cent|h|hrs?|hours?|days?|pcs?|units?|x)?\\)?$`,
  'i',
);

function readCell(text: string): Cell {
  const match = NUMBER.exec(text.trim());
  const readings = match === null ? [] : readFigure(match[3]!);
  if (match === null || readings.length === 0) return { text, value: null, percent: false };
  // In a table a single separator with three digits groups; only a quantity of a coin is otherwise, and is unsure.
  const value = readings[0]!;
  const negative = match[1] !== undefined || match[2] !== undefined;
  const short = value.includes('.') && value.length - value.indexOf('.') - 1 > SCALE ? null : value;
  return {
    text,
    value: short === null ? null : negative && short !== '0' ? `-${short}` : short,
    percent: /%|per\s?cent/i.test(text),
  };
}

/** Rows that follow each other, with at most a few lines of other text between: one table and what is below it. */
function blocksOf(rows: readonly Row[], text: string): Row[][] {
  const blocks: Row[][] = [];
  for (const row of rows) {
    const last = blocks.at(-1)?.at(-1);
    const between = last === undefined ? '' : text.slice(last.end, row.start);
    if (last === undefined || between.split('\n').length > 4 || between.trim().length > 120) blocks.push([]);
    blocks.at(-1)!.push(row);
  }
  return blocks;
}

type Result = { compared: number; contradictions: Contradiction[] };

function headerOf(
  block: readonly Row[],
): { at: number; quantity: number; price: number; amount: number } | null {
  for (const [at, { cells }] of block.entries()) {
    const find = (words: RegExp) => cells.findIndex(({ text, value }) => value === null && words.test(text));
    const quantity = find(/^(?:qty|quantity|hours|units|days|count|pieces|menge|anzahl|no\.?|number)\b/i);
    const price = find(/\b(?:unit price|price|rate|unit cost|cost per|einzelpreis|per unit)\b/i);
    const amount = cells.findLastIndex(
      ({ text, value }) =>
        value === null && /\b(?:amount|total|line total|sum|value|betrag|net)\b/i.test(text),
    );
    if (quantity >= 0 && price >= 0 && amount > Math.max(quantity, price))
      return { at, quantity, price, amount };
  }
  return null;
}

function checkProducts(block: Row[], tolerance: Decimal): Result {
  const header = headerOf(block);
  const contradictions: Contradiction[] = [];
  let compared = 0;
  if (header === null) return { compared, contradictions };
  const width = block[header.at]!.cells.length;
  for (const { cells, start, end, label } of block.slice(header.at + 1)) {
    if (cells.length !== width || isSummary(label)) continue;
    const [quantity, price, amount] = [header.quantity, header.price, header.amount].map(
      (i) => cells[i]!.value ?? null,
    );
    if (
      quantity === null ||
      price === null ||
      amount === null ||
      quantity === undefined ||
      price === undefined ||
      amount === undefined
    )
      continue;
    compared++;
    const product = multiply(quantity, price);
    if (!near(product, amount, tolerance)) {
      contradictions.push({
        what: `${quantity} × ${price} is ${product}, not ${amount}.`,
        places: [{ start, end }],
      });
    }
  }
  return { compared, contradictions };
}

function isSummary(label: string): boolean {
  return (
    ITEM_ENDS.test(label) || GRAND.test(label) || TAX.test(label) || DISCOUNT.test(label) || EXTRA.test(label)
  );
}

/** Items, then their subtotal, then taxes and deductions, then the total. */
function checkSums(block: Row[], tolerance: Decimal): Result {
  const contradictions: Contradiction[] = [];
  let compared = 0;
  const amountOf = ({ cells }: Row) => {
    const last = cells.at(-1)!;
    return last.percent ? null : last.value;
  };
  const header = headerOf(block);
  const body = header === null ? block : block.slice(header.at + 1);
  let items: Row[] = [];
  let base: { row: Row; value: Decimal } | null = null;
  let additions: { row: Row; value: Decimal }[] = [];
  const expect = (row: Row, parts: { value: Decimal }[], stated: Decimal, name: string, from: Row[]) => {
    compared++;
    const sum = add(parts.map(({ value }) => value));
    const slack = multiply(tolerance, String(Math.max(1, parts.length)));
    if (!near(sum, stated, slack)) {
      contradictions.push({
        what: `${name} is ${stated}, but its parts add up to ${sum}.`,
        places: [row, ...from.slice(0, 1), ...from.slice(-1)].filter((one, i, all) => all.indexOf(one) === i),
      });
    }
  };
  for (const row of body) {
    const value = amountOf(row);
    if (value === null) {
      if (row.cells.every((cell) => cell.value === null)) items = [];
      continue;
    }
    const { label } = row;
    if (base === null && ITEM_ENDS.test(label) && (items.length > 0 || !GRAND.test(label))) {
      const isTotal = GRAND.test(label) && !/net|excl/i.test(label);
      const parts = [...items.map((item) => ({ value: amountOf(item)! })), ...additions];
      if (items.length >= 2 || (items.length === 1 && additions.length > 0))
        expect(row, parts, value, label, [...items, ...additions.map((one) => one.row)]);
      if (!isTotal) base = { row, value };
      additions = [];
      items = isTotal ? [] : items;
    } else if (TAX.test(label) && !/total|incl/i.test(label)) {
      const rate = /(\d{1,2}(?:[.,]\d{1,3})?)\s?%/
        .exec(row.cells.map(({ text }) => text).join(' '))?.[1]
        ?.replace(',', '.');
      const discounts = additions.filter((one) => !TAX.test(one.row.label)).map((one) => one.value);
      const taxed = base === null ? add(items.map((item) => amountOf(item)!)) : base.value;
      if (rate !== undefined && (base !== null || items.length > 0)) {
        compared++;
        const canonicalRate = readFigure(rate)[0]!;
        // Tax may be on the sum before or after a discount.
        const due = [taxed, add([taxed, ...discounts])].map((on) => percentOf(on, canonicalRate));
        if (!due.some((one) => near(one, value, tolerance))) {
          contradictions.push({
            what: `${canonicalRate} % of ${taxed} is ${due[0]}, not ${value}.`,
            places: [row, base?.row ?? items[0]!],
          });
        }
      }
      additions.push({ row, value });
    } else if (DISCOUNT.test(label))
      additions.push({ row, value: value.startsWith('-') ? value : value === '0' ? value : `-${value}` });
    else if (EXTRA.test(label) && base !== null) additions.push({ row, value });
    else if (GRAND.test(label)) {
      const start =
        base === null ? items.map((item) => ({ value: amountOf(item)! })) : [{ value: base.value }];
      const from = [...(base === null ? items : [base.row]), ...additions.map((one) => one.row)];
      if (start.length + additions.length >= 2 || (base !== null && additions.length === 0))
        expect(row, [...start, ...additions], value, label, from);
      items = [];
      base = null;
      additions = [];
    } else if (base === null) items.push(row);
  }
  return { compared, contradictions };
}

/** Consecutive rows that each end in a percentage, where the words say that they divide something. */
function checkShares(block: Row[], _tolerance: Decimal, text: string): Result {
  const contradictions: Contradiction[] = [];
  let compared = 0;
  let group: { row: Row; value: Decimal }[] = [];
  const close = (total: { row: Row; value: Decimal } | null) => {
    const context =
      group.length === 0 ? '' : text.slice(Math.max(0, group[0]!.row.start - 300), group[0]!.row.end);
    if (group.length >= 2 && (total !== null || SHARES.test(context))) {
      compared++;
      const sum = add(group.map(({ value }) => value));
      const whole = total?.value ?? '100';
      const wrong =
        total === null
          ? compareDecimal(sum, '100') > 0 && !near(sum, '100', '0.1')
          : !near(sum, whole, '0.1');
      if (wrong) {
        const places =
          total === null ? [group[0]!.row, group.at(-1)!.row] : [total.row, group[0]!.row, group.at(-1)!.row];
        contradictions.push({
          what: `The shares add up to ${sum} %, ${total === null ? 'more than the whole' : `not to the stated ${whole} %`}.`,
          places,
        });
      }
    }
    group = [];
  };
  for (const row of block) {
    const shares = row.cells.filter(({ percent, value }) => percent && value !== null);
    if (shares.length !== 1 || TAX.test(row.label)) close(null);
    else if (GRAND.test(row.label) || ITEM_ENDS.test(row.label)) close({ row, value: shares[0]!.value! });
    else group.push({ row, value: shares[0]!.value! });
  }
  close(null);
  return { compared, contradictions };
}

/** "40% to Alice, 35% to Bob and 30% to Carol": a sentence that divides a whole. */
function sharesInProse(text: string): Result {
  const contradictions: Contradiction[] = [];
  let compared = 0;
  for (const match of text.matchAll(/[^.;\n]*(?:\.\d[^.;\n]*|\n(?!\n)[^.;\n]*){0,12}/g)) {
    const sentence = match[0];
    if (
      sentence.length > 1500 ||
      sentence.includes('\t') ||
      !/\b(?:allocat|divid|split|distribut|shar|apportion|own|hold|belong)\w*/i.test(sentence)
    )
      continue;
    const shares = [
      ...sentence.matchAll(
        /(?<![\w.,])(\d{1,3}(?:[.,]\d{1,4})?)\s?(?:%|per\s?cent|percent)\s*(?:\)\s*)?(?=(?:shall (?:go |belong )?)?(?:to|for|by)\b)|\b(?:to|for|holds?|owns?|receives?)\s+(?:the\s+)?[\p{L}\s.]{2,40}?\s+\(?(\d{1,3}(?:[.,]\d{1,4})?)\s?(?:%|per\s?cent|percent)/gu,
      ),
    ];
    const values = shares.map(([, before, after]) => readFigure((before ?? after)!)[0]!);
    if (values.length < 2 || values.some((value) => compareDecimal(value, '100') >= 0)) continue;
    compared++;
    const sum = add(values);
    if (compareDecimal(sum, '100') <= 0 || near(sum, '100', '0.1')) continue;
    const place = (share: RegExpExecArray) => ({
      start: match.index + share.index,
      end: match.index + share.index + share[0].length,
    });
    contradictions.push({
      what: `The shares add up to ${sum} %, more than the whole.`,
      places: [place(shares[0]!), place(shares.at(-1)!)],
    });
  }
  return { compared, contradictions };
}

const SUM = `(?:[A-Z]{3}|[€$£])?\\s?(${FIGURE})(?:\\s?(?:[A-Z]{3}|[€$£]))?`;
/** "EUR 1,000.00 plus 19% VAT of EUR 190.00, in total EUR 1,190.00" and its other orders. */
const PLUS = new RegExp(
  `${SUM}\\s*,?\\s*(?:plus|and)\\s+(?:(\\d{1,2}(?:[.,]\\d{1,2})?)\\s?%\\s+)?(?:VAT|tax|GST|sales tax)\\s*(?:of|\\(|at \\d+\\s?% of|:|amounting to)?\\s*${SUM}\\)?[^.;\\d]{0,60}?(?:total\\w*|sum|altogether|gross)[^.;\\d]{0,40}?${SUM}`,
  'gi',
);

function totalsInProse(text: string, tolerance: Decimal): Result {
  const contradictions: Contradiction[] = [];
  let compared = 0;
  for (const match of text.matchAll(PLUS)) {
    const [net, tax, total] = [match[1]!, match[3]!, match[4]!].map((figure) => readFigure(figure)[0]);
    if (net === undefined || tax === undefined || total === undefined) continue;
    compared++;
    const places = [{ start: match.index, end: match.index + match[0].length }];
    const rate = match[2] === undefined ? undefined : readFigure(match[2])[0];
    if (!near(add([net, tax]), total, tolerance))
      contradictions.push({ what: `${net} and ${tax} are ${add([net, tax])}, not ${total}.`, places });
    else if (rate !== undefined && !near(percentOf(net, rate), tax, tolerance)) {
      contradictions.push({ what: `${rate} % of ${net} is ${percentOf(net, rate)}, not ${tax}.`, places });
    }
  }
  return { compared, contradictions };
}

function add(values: readonly Decimal[]): Decimal {
  return fromScaled(
    values.reduce((sum, value) => sum + toScaledRounded(value, SCALE), 0n),
    SCALE,
  );
}

function multiply(a: Decimal, b: Decimal): Decimal {
  const product = toScaledRounded(a, SCALE) * toScaledRounded(b, SCALE);
  return fromScaled(divRound(product, 10n ** BigInt(SCALE)), SCALE);
}

function percentOf(base: Decimal, rate: Decimal): Decimal {
  const units = toScaledRounded(base, SCALE) * toScaledRounded(rate, SCALE);
  // Rounded to a hundredth for people to read; the tolerance covers other roundings.
  return fromScaled(divRound(units, 100n * 10n ** BigInt(2 * SCALE - 2)), 2);
}

function near(a: Decimal, b: Decimal, tolerance: Decimal): boolean {
  const difference = toScaledRounded(a, SCALE) - toScaledRounded(b, SCALE);
  return (difference < 0n ? -difference : difference) <= toScaled(tolerance, SCALE);
}
