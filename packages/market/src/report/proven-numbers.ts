import { isDecimal } from '@assay/core';

/** Significant digits below which a rounded number says too little to be the recorded one. */
const LEAST_DIGITS = 3;
const LEAST_DIGITS_SCALED = 2;

/** What the rows that a text cites hold. */
export interface Known {
  /** With the names of the members each stands under, `trader.grade`. */
  numbers: readonly { value: number; member: string }[];
  dates: ReadonlySet<string>;
  /** Names, titles, reasons: may be quoted as they stand, whatever numbers are in them. */
  words: readonly string[];
}

/** Numbers, dates and words of rows; their proofs are none of them. */
export function knownOf(rows: readonly object[]): Known {
  const numbers: { value: number; member: string }[] = [];
  const dates = new Set<string>();
  const words = new Set<string>();
  const walk = (value: unknown, member: string) => {
    if (typeof value === 'string') {
      const date = /^\d{4}-\d{2}-\d{2}(?=T|$)/.exec(value);
      if (isDecimal(value)) numbers.push({ value: Number(value), member });
      else if (date) dates.add(date[0]);
      else if (/\p{L}/u.test(value)) words.add(tidy(value));
    } else if (Array.isArray(value)) for (const one of value) walk(one, member);
    else if (typeof value === 'object' && value !== null)
      for (const [name, one] of Object.entries(value))
        if (name !== 'proof') walk(one, member === '' ? name : `${member}.${name}`);
  };
  for (const row of rows) walk(row, '');
  return { numbers, dates, words: [...words].sort((a, b) => b.length - a.length) };
}

/**
 * Says which numbers, dates and links in a text are not those of the rows that it cites. A number may be rounded to
 * three significant digits or more, be written with k, m, bn, million …, in words, or as a percentage of a recorded share; its sign must
 * be the recorded one, or the sentence must say that something is negative. Names and titles of the rows may be quoted.
 *
 * @returns empty when all are proven.
 * @example
 * unprovenNumbers('BTC closed at 16,547.9 USD', knownOf([{ close: '16547.91' }])); // []
 */
export function unprovenNumbers(text: string, known: Known): string[] {
  const plain = text.normalize('NFKC').replace(/[−–—](?=\d)/g, '-');
  const bad: string[] = [];
  let rest = quoted(plain, known.words);
  for (const [link] of rest.matchAll(/\b(?:https?:\/\/|www\.)\S+/gi)) bad.push(link);
  rest = rest.replace(/\b(\d{4}-\d{2}-\d{2})(?:T[\d:.]+Z)?(?![\d-])/g, (_, date: string) => {
    if (!known.dates.has(date)) bad.push(date);
    return ' ';
  });
  rest = rest.replace(WRITTEN_DATE, (all, day1, month1, year1, month2, day2, year2) => {
    const month = MONTHS.indexOf((month1 ?? month2).slice(0, 3).toLowerCase()) + 1;
    const date = `${year1 ?? year2}-${String(month).padStart(2, '0')}-${String(day1 ?? day2).padStart(2, '0')}`;
    if (!known.dates.has(date)) bad.push(all);
    return ' ';
  });
  rest = rest.replace(NUMBER, (all, sign = '', digits: string, unit = '', offset: number) => {
    const written = { sign, digits: digits.replaceAll(',', ''), unit: unit.trim().toLowerCase() };
    if (!isKnown(written, rest, offset, known)) bad.push(all.trim());
    return ' '.repeat(all.length);
  });
  // Digits of other scripts, and what NFKC leaves of fractions.
  for (const [odd] of rest.matchAll(/\p{N}+/gu)) bad.push(odd);
  for (const [ratio] of rest.matchAll(RATIO_WORDS)) bad.push(ratio);
  for (const [all, value, at] of spelled(rest)) {
    const written = { sign: '', digits: String(value), unit: '' };
    if (!isKnown(written, rest, at, known)) bad.push(all);
  }
  return bad;
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const MONTH =
  '(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)';
const WRITTEN_DATE = new RegExp(
  `\\b(?:(\\d{1,2})(?:st|nd|rd|th)?\\s+(${MONTH})\\.?,?\\s+(\\d{4})|(${MONTH})\\.?\\s+(\\d{1,2})(?:st|nd|rd|th)?,?\\s+(\\d{4}))\\b`,
  'gi',
);
const SCALES: Record<string, number> = {
  k: 1e3,
  thousand: 1e3,
  m: 1e6,
  mn: 1e6,
  million: 1e6,
  b: 1e9,
  bn: 1e9,
  billion: 1e9,
  t: 1e12,
  tn: 1e12,
  trillion: 1e12,
};
const NUMBER =
  /([-+])?[$€£]?((?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|\.\d+)(?:(\s?(?:%|percent\b|per cent\b|thousand\b|million\b|billion\b|trillion\b)|(?:k|mn?|bn?|tn?)\b))?/gi;
/** Claims of a ratio that nobody recorded. */
const RATIO_WORDS =
  /\b(?:half|halves|halved|halving|doubl(?:e|es|ed|ing)|tripl(?:e|es|ed|ing)|quadrupl\w+|twice|thrice|\w+fold|dozens?|hundreds|thousands|millions|billions|trillions|(?:a|one|two|three) (?:third|quarter|fifth|tenth)s?)\b/gi;
const DOWN =
  /\b(?:negative|minus|below|under|fell|falls?|falling|fallen|drops?|dropped|declin\w+|los[st]|loses?|losing|loss(?:es)?|down|decreas\w+|drawdowns?|lower|less|worse|behind|lag\w*|underperform\w*|sank|slid|slipp?\w*)\b/i;
const FALL = /\b(?:fell|falls?|fallen|falling|dropp?(?:ed|s)?|declin(?:ed|es)|plunged|slid|sank|lost)\b/i;

function isKnown(
  { sign, digits, unit }: { sign: string; digits: string; unit: string },
  sentence: string,
  at: number,
  known: Known,
): boolean {
  const scale = SCALES[unit] ?? 1;
  const written = Number(digits) * scale;
  const places = digits.includes('.') ? digits.length - digits.indexOf('.') - 1 : 0;
  const significant = digits.replace('.', '').replace(/^0+/, '').length;
  const tolerance =
    significant >= (scale > 1 ? LEAST_DIGITS_SCALED : LEAST_DIGITS) ? 0.5 * 10 ** -places * scale : 0;
  const isPercent = unit === '%' || unit.startsWith('per');
  const fits = (value: number) =>
    Math.abs(Math.abs(value) - written) <= tolerance + 1e-9 * Math.max(1e-9, Math.abs(written));
  // A share may be told in percent; what is recorded in percent already may not.
  const isShare = (member: string) => isPercent && !/pct|bps|usd|price/i.test(member);
  const found = known.numbers.filter(
    ({ value, member }) => fits(value) || (isShare(member) && Math.abs(value) <= 1 && fits(value * 100)),
  );
  if (found.length === 0 || isMislabelled(found, sentence.slice(0, at))) return false;
  const positive = found.filter(({ value }) => value >= 0);
  const negative = found.filter(({ value }) => value <= 0);
  if (sign === '-') return negative.length > 0;
  if (sign === '+') return positive.length > 0;
  if (positive.length === 0) return DOWN.test(sentence);
  const grown = positive.filter(({ member }) => /change|return|momentum/i.test(member));
  return !(grown.length === found.length && grown.some(({ value }) => value > 0) && FALL.test(sentence));
}

/** Words for one member of a row: the last of them before a number says which member it should be. */
const LABELS: [RegExp, RegExp][] = [
  [/trader grade/gi, /^trader\./],
  [/investor grade/gi, /^investor\./],
  [/\bsupports?\b/gi, /^support\./],
  [/\bresistances?\b/gi, /^resistance\./],
  [/\bvolatility\b/gi, /volatilityPct$/],
  [/\bdrawdown\b/gi, /maxDrawdownPct$/],
  [/\bsharpe\b/gi, /sharpe$/],
  [/\bsortino\b/gi, /sortino$/],
];

/** Whether a number is called what only another one of the row is: the grades changed places, support is resistance. */
function isMislabelled(found: readonly { member: string }[], before: string): boolean {
  let [last, label] = [-1, null as RegExp | null];
  for (const [words, member] of LABELS)
    for (const { index } of before.matchAll(words)) if (index > last) [last, label] = [index, member];
  if (label === null) return false;
  return found.every(({ member }) => !label.test(member) && LABELS.some(([, path]) => path.test(member)));
}

const UNITS = [
  'zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen',
].flatMap((line) => line.split(' '));
const TENS = ['', '', ...'twenty thirty forty fifty sixty seventy eighty ninety'.split(' ')];
const WORD = `(?:${[...UNITS, ...TENS.slice(2), 'hundred', 'thousand', 'million', 'billion', 'trillion', 'point'].join('|')})`;
const SPELLED = new RegExp(`\\b${WORD}(?:[ -]+(?:and[ -]+)?${WORD})*\\b`, 'gi');

/** Numbers in words with their values. A lone "one" is a pronoun, unless something is counted in it. */
function* spelled(text: string): Generator<[string, number, number]> {
  for (const { 0: all, index } of text.matchAll(SPELLED)) {
    const words = all
      .toLowerCase()
      .split(/[ -]+/)
      .filter((word) => word !== 'and');
    const after = text.slice(index + all.length, index + all.length + 12);
    if (words.length === 1 && words[0] === 'point') continue;
    if (words.length === 1 && words[0] === 'one' && !/^[ -](?:per|%|dollar|usd|day|point|basis)/i.test(after))
      continue;
    const [whole, fraction] = splitAt(words, 'point');
    let value = wholeOf(whole);
    if (fraction.length > 0) value += Number(`0.${fraction.map((word) => wholeOf([word])).join('')}`);
    yield [all, value, index];
  }
}

function splitAt(words: readonly string[], mark: string): [string[], string[]] {
  const at = words.indexOf(mark);
  return at < 0 ? [[...words], []] : [words.slice(0, at), words.slice(at + 1)];
}

function wholeOf(words: readonly string[]): number {
  let [total, part] = [0, 0];
  for (const word of words) {
    if (word === 'hundred') part = (part || 1) * 100;
    else if (SCALES[word] !== undefined) {
      total += (part || 1) * SCALES[word];
      part = 0;
    } else part += UNITS.includes(word) ? UNITS.indexOf(word) : Math.max(0, TENS.indexOf(word)) * 10;
  }
  return total + part;
}

/** Takes out what the rows say in words, as long as it stands alone. */
function quoted(text: string, words: readonly string[]): string {
  let rest = text;
  for (const word of words) {
    if (!/[\p{N}]/u.test(word) && !RATIO_OR_SPELLED.test(word)) continue;
    const plain = word.normalize('NFKC').replace(/[−–—](?=\d)/g, '-');
    for (let at = rest.indexOf(plain); at >= 0; at = rest.indexOf(plain, at + 1)) {
      const around = `${rest[at - 1] ?? ' '}${rest[at + plain.length] ?? ' '}`;
      if (/[\p{L}\p{N}]/u.test(around)) continue;
      rest = `${rest.slice(0, at)} ${rest.slice(at + plain.length)}`;
    }
  }
  return rest;
}

const RATIO_OR_SPELLED = new RegExp(`${RATIO_WORDS.source}|\\b${WORD}\\b`, 'i');

/** As sentences quote it: one space, no mark that looks like a source's, no stop at the end. */
function tidy(word: string): string {
  return word
    .replace(/\[(\d+)\]/g, '($1)')
    .replace(/\s+/g, ' ')
    .trim()
    .replace(/[.;,\s]+$/, '');
}
