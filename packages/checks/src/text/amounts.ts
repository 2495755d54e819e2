import { type Decimal, fromScaled, normaliseDecimal, toScaled } from '@assay/core';
import { findNumbersInWords } from './numbers-in-words.ts';

/** A sum of money, or a bare number where a table says the currency once. */
export interface Amount {
  start: number;
  end: number;
  /** ISO 4217 or a coin's ticker; several where a sign has several, `$` for instance; none for a bare number. */
  currencies: string[];
  /** What the figure may mean: two where `1,250` may be a thousand or a decimal. */
  readings: Decimal[];
  inWords: boolean;
}

export const CURRENCIES = new Set(
  (
    'USD EUR GBP CHF JPY CNY AUD CAD NZD SEK NOK DKK PLN CZK HUF RON BGN TRY INR SGD HKD KRW ZAR BRL MXN ILS AED SAR THB IDR MYR PHP TWD RUB UAH ' +
    'BTC ETH USDC USDT DAI SOL XRP ADA DOGE DOT AVAX MATIC LTC BCH LINK UNI BNB TRX XMR EURC'
  ).split(' '),
);
const SIGNS: Record<string, string[]> = {
  $: ['USD', 'CAD', 'AUD', 'NZD', 'SGD', 'HKD', 'MXN'],
  US$: ['USD'],
  C$: ['CAD'],
  CA$: ['CAD'],
  A$: ['AUD'],
  AU$: ['AUD'],
  NZ$: ['NZD'],
  S$: ['SGD'],
  HK$: ['HKD'],
  R$: ['BRL'],
  '€': ['EUR'],
  '£': ['GBP'],
  '¥': ['JPY', 'CNY'],
  '₹': ['INR'],
  '₩': ['KRW'],
  '₿': ['BTC'],
  Ξ: ['ETH'],
  'Fr.': ['CHF'],
};
const NAMES: Record<string, string[]> = {
  dollar: SIGNS.$!,
  'us dollar': ['USD'],
  'u.s. dollar': ['USD'],
  'united states dollar': ['USD'],
  'canadian dollar': ['CAD'],
  'australian dollar': ['AUD'],
  euro: ['EUR'],
  pound: ['GBP'],
  'pounds sterling': ['GBP'],
  'pound sterling': ['GBP'],
  'swiss franc': ['CHF'],
  yen: ['JPY'],
  bitcoin: ['BTC'],
  ether: ['ETH'],
};
const SCALES: Record<string, number> = {
  thousand: 3,
  k: 3,
  million: 6,
  mn: 6,
  mio: 6,
  m: 6,
  billion: 9,
  bn: 9,
  b: 9,
  trillion: 12,
};

const literally = (text: string) => text.replace(/[.$]/g, '\\$&');
const CODE = [...CURRENCIES].join('|');
const SIGN = Object.keys(SIGNS)
  .sort((a, b) => b.length - a.length)
  .map(literally)
  .join('|');
const NAME = Object.keys(NAMES)
  .sort((a, b) => b.length - a.length)
  .map((one) => literally(one).replace(/ /g, '\\s+'))
  .join('|');
/** Groups of three (of two as well with commas, as in India), or plain digits, then decimals. */
export const FIGURE =
  "(?:\\d{1,3}(?:[.'’\\u00a0\\u202f ]\\d{3}){1,9}(?:[.,]\\d{1,18})?|\\d{1,3}(?:,\\d{2,3}){1,9}(?:\\.\\d{1,18})?|\\d{1,24}(?:[.,]\\d{1,18})?)";
const SCALE = '(?:\\s?(thousand|million|billion|trillion|mio|mn|bn|[kKmMbB](?![\\w])))?';
const AFTER = `(?:[\\s\\u00a0]{0,2}(?:(${CODE})\\b|(${SIGN})(?![\\w])|((?:${NAME})s?)\\b))`;
const MONEY = new RegExp(
  `(?<![\\w.,])(?:(?:(${CODE})|(${SIGN}))[\\s\\u00a0]{0,2})?([-−(]?)(${FIGURE})(?![\\d])(\\.?[-–]{1,2}(?![\\w-]))?${SCALE}${AFTER}?`,
  'giu',
);

/**
 * Finds sums of money in figures and in English words, exactly. A figure without a currency is no sum.
 *
 * @example
 * findAmounts('1.250.000,00 €')[0]; // { currencies: ['EUR'], readings: ['1250000'], … }
 */
export function findAmounts(text: string): Amount[] {
  const found: Amount[] = [];
  for (const match of text.matchAll(MONEY)) {
    const [all, codeBefore, signBefore, minus, figure, , scale, codeAfter, signAfter, nameAfter] = match;
    // Codes are upper case; `dot` and `link` are words.
    const code = [codeBefore, codeAfter].find((one) => one !== undefined && one === one.toUpperCase());
    const sign = signBefore ?? signAfter;
    const currencies =
      code !== undefined
        ? [code]
        : sign !== undefined
          ? signOf(sign)
          : nameAfter !== undefined
            ? nameOf(nameAfter)
            : [];
    if (currencies.length === 0) continue;
    const negative = minus === '(' ? text[match.index + all.trimEnd().length] === ')' : minus !== '';
    const readings = readFigure(figure!).map((value) =>
      scaled(value, SCALES[(scale ?? '').toLowerCase()] ?? 0, negative),
    );
    const known = readings.filter((one) => one !== null);
    if (known.length > 0)
      found.push({
        start: match.index,
        end: match.index + all.trimEnd().length,
        currencies,
        readings: known,
        inWords: false,
      });
  }
  for (const { start, end, value } of findNumbersInWords(text)) {
    const after = new RegExp(`^[\\s\\u00a0]+(?:(${CODE})\\b|((?:${NAME})s?)\\b)`, 'i').exec(
      text.slice(end, end + 40),
    );
    const before = new RegExp(`(?:(${CODE})|((?:${NAME})s?))\\s+$`, 'i').exec(
      text.slice(Math.max(0, start - 30), start),
    );
    const named = after ?? before;
    if (named === null) continue;
    const code =
      named[1] !== undefined && named[1] === named[1].toUpperCase()
        ? [named[1]]
        : named[2] !== undefined
          ? nameOf(named[2])
          : [];
    if (code.length === 0) continue;
    found.push({
      start: after === null ? start - before![0].length : start,
      end: after === null ? end : end + after[0].length,
      currencies: code,
      readings: [value],
      inWords: true,
    });
  }
  return found.sort((a, b) => a.start - b.start);
}

/**
 * What a figure may mean. The last of two kinds of separators is the decimal one; a kind that occurs several times
 * groups; one separator with exactly three digits after it may be either, so both readings stand.
 *
 * @example
 * readFigure('1.250'); // ['1250', '1.25']
 */
export function readFigure(figure: string): Decimal[] {
  const text = figure.replace(/[\u00a0\u202f ’]/g, "'");
  const marks = [...text.matchAll(/[.,']/g)];
  if (marks.length === 0) return [canonical(text)];
  const last = marks.at(-1)!;
  const kinds = new Set(marks.map(([mark]) => mark));
  const tail = text.length - last.index - 1;
  const joined = text.replaceAll("'", '').replace(/[.,]/g, '');
  const asDecimal = canonical(
    `${text.slice(0, last.index).replace(/[.,']/g, '')}.${text.slice(last.index + 1)}`,
  );
  if (kinds.size > 1) {
    // Two separators must each keep to their side: 1.250,00 but not 1.250,00.5
    if (marks.filter(([mark]) => mark === last[0]).length > 1)
      return last[0] === "'" || tail !== 3 ? [] : [canonical(joined)];
    return last[0] === "'" ? [canonical(joined)] : [asDecimal];
  }
  if (marks.length > 1 || last[0] === "'") return /[.,']\d{3}$/.test(text) ? [canonical(joined)] : [];
  return tail === 3 && !text.startsWith('0') ? [canonical(joined), asDecimal] : [asDecimal];
}

function canonical(digits: string): Decimal {
  return normaliseDecimal(digits);
}

function scaled(value: Decimal, power: number, negative: boolean): Decimal | null {
  const scale = value.includes('.') ? value.length - value.indexOf('.') - 1 : 0;
  const units = toScaled(value, scale) * 10n ** BigInt(power) * (negative ? -1n : 1n);
  const text = fromScaled(units, scale);
  return text.length > 60 ? null : text;
}

function signOf(sign: string): string[] {
  return SIGNS[sign.toUpperCase()] ?? SIGNS[sign] ?? [];
}

function nameOf(name: string): string[] {
  const plain = name.toLowerCase().replace(/\s+/g, ' ');
  return NAMES[plain] ?? NAMES[plain.replace(/s$/, '')] ?? [];
}
