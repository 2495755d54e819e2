import { en } from 'chrono-node';
import { findNumbersInWords } from './numbers-in-words.ts';

/** A calendar day in a text. */
export interface DateMention {
  start: number;
  end: number;
  /** ISO days: two where day and month may be changed round (`03/04/2024`); both stand, none is guessed. */
  readings: string[];
}

export type PeriodUnit = 'day' | 'business day' | 'week' | 'month' | 'year';

/** A length of time: `thirty (30) days`. */
export interface PeriodMention {
  start: number;
  end: number;
  count: number;
  /** The count in words where figures follow in brackets; both should agree. */
  countInWords: number | null;
  unit: PeriodUnit;
}

const MONTH_NAMES = [
  'january|jan|januar|jänner|janvier|enero',
  'february|feb|februar|février|febrero',
  'march|mar|märz|mars|marzo',
  'april|apr|avril|abril',
  'may|mai|mayo',
  'june|jun|juni|juin|junio',
  'july|jul|juli|juillet|julio',
  'august|aug|août|agosto',
  'september|sept|sep|septembre|septiembre',
  'october|oct|oktober|okt|octobre|octubre',
  'november|nov|novembre|noviembre',
  'december|dec|dezember|dez|décembre|diciembre',
];
const MONTHS = new Map(
  MONTH_NAMES.flatMap((names, i) => names.split('|').map((name) => [name, i + 1] as const)),
);
const MONTH = [...MONTHS.keys()].sort((a, b) => b.length - a.length).join('|');
const EDGE = '(?<![\\p{L}\\p{N}])';

/** Each with where its year, month and day stand among the groups. */
const PATTERNS: { pattern: RegExp; order: (groups: string[]) => [string, string, string][] }[] = [
  {
    pattern: new RegExp(`${EDGE}(\\d{4})-(\\d{2})-(\\d{2})(?=$|[^\\d-]|T\\d)`, 'gu'),
    order: ([y, m, d]) => [[y!, m!, d!]],
  },
  {
    // 1 March 2024, 1st day of March, 2024, 1. März 2024, 1er mars 2024, 1 de marzo de 2024
    pattern: new RegExp(
      `${EDGE}(\\d{1,2})(?:st|nd|rd|th|er|\\.)?[\\s-]+(?:day\\s+of\\s+|of\\s+|de\\s+)?(${MONTH})\\.?(?:,?\\s+|-)(?:de\\s+)?(\\d{4})(?!\\d)`,
      'giu',
    ),
    order: ([d, m, y]) => [[y!, m!, d!]],
  },
  {
    pattern: new RegExp(
      `${EDGE}(${MONTH})\\.?\\s+(\\d{1,2})(?:st|nd|rd|th)?(?:\\s*,\\s*|\\s+)(\\d{4})(?!\\d)`,
      'giu',
    ),
    order: ([m, d, y]) => [[y!, m!, d!]],
  },
  {
    pattern: new RegExp(`${EDGE}(\\d{4})[/.](\\d{1,2})[/.](\\d{1,2})(?![\\d/])`, 'gu'),
    order: ([y, m, d]) => [[y!, m!, d!]],
  },
  {
    // With dots the day comes first wherever dots are used.
    pattern: new RegExp(`${EDGE}(?<!\\d\\.)(\\d{1,2})\\.\\s?(\\d{1,2})\\.\\s?(\\d{4})(?![\\d]|\\.\\d)`, 'gu'),
    order: ([d, m, y]) => [[y!, m!, d!]],
  },
  {
    pattern: new RegExp(`${EDGE}(\\d{1,2})[/-](\\d{1,2})[/-](\\d{4})(?![\\d/-])`, 'gu'),
    order: ([a, b, y]) => [
      [y!, a!, b!],
      [y!, b!, a!],
    ],
  },
];

/** Chrono reads what is left, such as "the first of March 2024", near each name of a month. */
const MAX_CHRONO = 2_000;
const NEAR_MONTH = new RegExp(
  `${EDGE}(?:january|february|march|april|may|june|july|august|september|october|november|december)(?!\\p{L})`,
  'giu',
);

/** Finds calendar days that are stated in full. "Next Friday" is no day: a document has no now. */
export function findDates(text: string): DateMention[] {
  const found: DateMention[] = [];
  for (const { pattern, order } of PATTERNS) {
    for (const match of text.matchAll(pattern)) {
      const readings = [
        ...new Set(
          order(match.slice(1))
            .map(isoDay)
            .filter((day) => day !== null),
        ),
      ];
      const [start, end] = [match.index, match.index + match[0].length];
      if (readings.length > 0) found.push({ start, end, readings });
    }
  }
  found.sort((a, b) => a.start - b.start || b.end - a.end);
  const apart = found.filter((one, i) => i === 0 || one.start >= found[i - 1]!.end);
  return [...apart, ...chronoDates(text, apart)].sort((a, b) => a.start - b.start);
}

function chronoDates(text: string, known: readonly DateMention[]): DateMention[] {
  const found: DateMention[] = [];
  let at = 0;
  let tries = 0;
  for (const { index, 0: month } of text.matchAll(NEAR_MONTH)) {
    while (at < known.length && known[at]!.end <= index) at++;
    if (known[at] !== undefined && known[at]!.start <= index) continue;
    if (++tries > MAX_CHRONO) break;
    const start = Math.max(at > 0 ? known[at - 1]!.end : 0, index - 30);
    const window = text.slice(start, index + month.length + 30);
    if (!/\d{4}/.test(window)) continue;
    for (const result of en.GB.parse(window, new Date(0), { forwardDate: false })) {
      const part = result.start;
      if (!part.isCertain('day') || !part.isCertain('month') || !part.isCertain('year')) continue;
      const day = isoDay([String(part.get('year')), String(part.get('month')), String(part.get('day'))]);
      const here = { start: start + result.index, end: start + result.index + result.text.length };
      if (day !== null && !found.some((one) => one.end > here.start))
        found.push({ ...here, readings: [day] });
    }
  }
  return found;
}

const PERIOD =
  /(?<![\w.,/-])(\d{1,4})\)?[\s-]+((?:consecutive|calendar|full|business|working|banking)\s+)?(day|week|month|year)s?\b/giu;
const PERIOD_IN_WORDS =
  /^[\s-]+(?:\((\d{1,4})\)[\s-]*)?((?:consecutive|calendar|full|business|working|banking)\s+)?(day|week|month|year)s?\b/iu;

/** Finds lengths of time in figures, in words, or in both. */
export function findPeriods(text: string): PeriodMention[] {
  const found: PeriodMention[] = [];
  for (const { start, end, value } of findNumbersInWords(text)) {
    const match = PERIOD_IN_WORDS.exec(text.slice(end, end + 60));
    const words = Number(value);
    if (match === null || !Number.isSafeInteger(words) || words > 9999) continue;
    const count = match[1] === undefined ? words : Number(match[1]);
    found.push({
      start,
      end: end + match[0].length,
      count,
      countInWords: words,
      unit: unitOf(match[2], match[3]!),
    });
  }
  for (const match of text.matchAll(PERIOD)) {
    const [start, end] = [match.index, match.index + match[0].length];
    if (found.some((one) => one.start <= start && one.end >= end)) continue;
    found.push({
      start,
      end,
      count: Number(match[1]),
      countInWords: null,
      unit: unitOf(match[2], match[3]!),
    });
  }
  return found.sort((a, b) => a.start - b.start);
}

function unitOf(kind: string | undefined, unit: string): PeriodUnit {
  const plain = unit.toLowerCase() as 'day' | 'week' | 'month' | 'year';
  return plain === 'day' && /business|working|banking/i.test(kind ?? '') ? 'business day' : plain;
}

/**
 * The day so long after another. Months keep the day of the month, or end with it (31 January + 1 month = 28 or
 * 29 February). null for business days, which need a calendar of holidays.
 *
 * @example
 * addPeriod('2024-01-31', 1, 'month'); // '2024-02-29'
 */
export function addPeriod(day: string, count: number, unit: PeriodUnit): string | null {
  if (unit === 'business day') return null;
  const [year, month, date] = day.split('-').map(Number) as [number, number, number];
  if (unit === 'day' || unit === 'week') return addDays(day, count * (unit === 'week' ? 7 : 1));
  const months = year * 12 + month - 1 + count * (unit === 'year' ? 12 : 1);
  const [y, m] = [Math.floor(months / 12), (months % 12) + 1];
  return y > 9999 ? null : isoDay([String(y), String(m), String(Math.min(date, daysIn(y, m)))]);
}

/** Days from one to the other. */
export function daysBetween(from: string, to: string): number {
  return Math.round((Date.parse(`${to}T00:00:00Z`) - Date.parse(`${from}T00:00:00Z`)) / 86_400_000);
}

export function addDays(day: string, days: number): string | null {
  const time = Date.parse(`${day}T00:00:00Z`) + days * 86_400_000;
  return Number.isFinite(time) && time < Date.parse('9999-12-31T00:00:00Z')
    ? new Date(time).toISOString().slice(0, 10)
    : null;
}

/** null for a day that no calendar has, such as 30 February. */
export function isoDay([year, month, day]: readonly [string, string, string]): string | null {
  const [y, m, d] = [Number(year), MONTHS.get(month.toLowerCase()) ?? Number(month), Number(day)];
  if (!(y >= 1500 && y <= 9999 && m >= 1 && m <= 12 && d >= 1 && d <= daysIn(y, m))) return null;
  return `${y}-${String(m).padStart(2, '0')}-${String(d).padStart(2, '0')}`;
}

function daysIn(year: number, month: number): number {
  return new Date(Date.UTC(year, month, 0)).getUTCDate();
}
