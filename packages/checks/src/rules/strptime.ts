import { AssayError, excerpt } from '@assay/core';

/** What each directive of Python's `datetime.strptime` reads, in its English names. Every one is bounded in length. */
const DIRECTIVES: Record<string, string> = {
  d: '(?<d>3[01]|[12]\\d|0[1-9]|[1-9]| [1-9])',
  m: '(?<m>1[0-2]|0[1-9]|[1-9])',
  Y: '(?<Y>\\d{4})',
  y: '(?<y>\\d{2})',
  H: '(?<H>2[0-3]|[01]\\d|\\d)',
  I: '(?<I>1[0-2]|0[1-9]|[1-9])',
  M: '(?<M>[0-5]\\d|\\d)',
  S: '(?<S>6[01]|[0-5]\\d|\\d)',
  f: '(?<f>\\d{1,6})',
  j: '(?<j>36[0-6]|3[0-5]\\d|[12]\\d{2}|0[1-9]\\d|00[1-9]|[1-9]\\d|0[1-9]|[1-9])',
  p: '(?<p>am|pm)',
  a: '(?<a>mon|tue|wed|thu|fri|sat|sun)',
  A: '(?<A>monday|tuesday|wednesday|thursday|friday|saturday|sunday)',
  b: '(?<b>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)',
  B: '(?<B>january|february|march|april|may|june|july|august|september|october|november|december)',
  U: '(?<U>5[0-3]|[0-4]\\d|\\d)',
  W: '(?<W>5[0-3]|[0-4]\\d|\\d)',
  w: '(?<w>[0-6])',
  u: '(?<u>[1-7])',
  z: '(?<z>[+-]\\d{2}:?[0-5]\\d(?::?[0-5]\\d(?:\\.\\d{1,6})?)?|z)',
  Z: '(?<Z>utc|gmt)',
};
/** Directives that stand for others. */
const COMPOSED: Record<string, string> = { c: '%a %b %d %H:%M:%S %Y', x: '%m/%d/%y', X: '%H:%M:%S' };
const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const MAX_FORMAT = 200;

/**
 * Whether a text is a time in a format of Python's `strptime`, which also means that its day exists.
 *
 * @throws CONTRACT_INVALID for a directive that `strptime` does not know, or one that stands twice.
 * @example
 * readTimeFormat('%Y-%m-%d')('2023-02-29'); // false
 */
export function readTimeFormat(format: string): (text: string) => boolean {
  if (format.length > MAX_FORMAT) throw invalid(format, `at most ${MAX_FORMAT} characters`);
  const regex = new RegExp(source(format), 'iuy');
  return (text) => {
    regex.lastIndex = 0;
    const match = regex.exec(text);
    return match !== null && match[0].length === text.length && exists(match.groups ?? {});
  };
}

function source(format: string): string {
  const seen = new Set<string>();
  return format
    .replaceAll(/%([cxX%])/g, (all, letter: string) => COMPOSED[letter] ?? all)
    .replaceAll(
      /%(.?)|(\s+)|([^%\s]+)/gsu,
      (_, letter: string | undefined, space: string | undefined, text: string) => {
        if (space !== undefined) return '\\s+';
        if (text !== undefined) return text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
        if (letter === '%') return '%';
        const directive =
          letter === undefined || !Object.hasOwn(DIRECTIVES, letter) ? undefined : DIRECTIVES[letter];
        if (directive === undefined) throw invalid(format, `a directive of strptime, not %${letter ?? ''}`);
        if (seen.has(letter!)) throw invalid(format, `%${letter} once`);
        seen.add(letter!);
        return directive;
      },
    );
}

/** The pattern leaves two things open: the length of the month, and leap seconds, which `datetime` does not have. */
function exists(found: Record<string, string | undefined>): boolean {
  if (Number(found.S ?? 0) > 59) return false;
  const name = (found.b ?? found.B)?.toLowerCase().slice(0, 3);
  const month = name === undefined ? Number(found.m ?? 1) : MONTHS.indexOf(name) + 1;
  const short = found.y === undefined ? 1900 : Number(found.y) + (Number(found.y) < 69 ? 2000 : 1900);
  const year = found.Y === undefined ? short : Number(found.Y);
  return year > 0 && Number(found.d ?? 1) <= daysIn(year, month);
}

/** Days of a month, 1 to 12, in the Gregorian calendar. */
export function daysIn(year: number, month: number): number {
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return month === 2 ? (leap ? 29 : 28) : [4, 6, 9, 11].includes(month) ? 30 : 31;
}

function invalid(format: string, expected: string): AssayError {
  return new AssayError(
    'CONTRACT_INVALID',
    `expected a time format with ${expected}, got ${excerpt(format)}`,
    {
      next: 'write it as Python’s datetime.strptime reads it, like %Y-%m-%d',
    },
  );
}
