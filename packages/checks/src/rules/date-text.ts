import { daysIn } from './strptime.ts';

/** Longer texts are no dates, and a reader of dates must not be given work without bound. */
const MAX_LENGTH = 200;
/** What may stand between the parts of a date without meaning anything. */
const FILLERS = new Set([
  ' ',
  '.',
  ',',
  ';',
  '-',
  '/',
  "'",
  'at',
  'on',
  'and',
  'ad',
  'm',
  't',
  'of',
  'st',
  'nd',
  'rd',
  'th',
]);
const WEEKDAYS = names('monday tuesday wednesday thursday friday saturday sunday', 3);
const MONTHS = new Map([
  ...names('january february march april may june july august september october november december', 3),
  ['sept', 9],
]);
const UNITS = new Map([
  ['h', 0],
  ['hour', 0],
  ['hours', 0],
  ['m', 1],
  ['minute', 1],
  ['minutes', 1],
  ['s', 2],
  ['second', 2],
  ['seconds', 2],
]);
const HALVES = new Map([
  ['am', 0],
  ['a', 0],
  ['pm', 12],
  ['p', 12],
]);
const UTC = new Set(['utc', 'gmt', 'z']);

/**
 * Whether python-dateutil's `parser.parse` would read a text as a date or a time, month first. What it takes from
 * today's date (a missing month or year) is January 2000 here, so that an answer never depends on the day it is asked.
 *
 * @example
 * isDateText('3rd of May 2001'); // true
 */
export function isDateText(text: string): boolean {
  if (text.length > MAX_LENGTH) return false;
  try {
    return new Reader(split(text)).read();
  } catch (error) {
    if (error instanceof NoDate) return false;
    throw error;
  }
}

class NoDate extends Error {}

function names(list: string, short: number): Map<string, number> {
  return new Map(
    list.split(' ').flatMap((name, i): [string, number][] => [
      [name, i + 1],
      [name.slice(0, short), i + 1],
    ]),
  );
}

/**
 * Tokens: a run of letters, a run of digits with its decimals, a blank, or one other character. Points join letters
 * or digits at first (`a.m.`, `12.5`); a run with several points, or with both, is cut at each of them afterwards.
 */
function split(text: string): string[] {
  const found: string[] = [];
  const characters = [...text.replaceAll('\0', '')];
  let at = 0;
  while (at < characters.length) {
    const first = characters[at++]!;
    if (/\s/u.test(first)) found.push(' ');
    else if (!/[\p{L}\p{Nd}]/u.test(first)) found.push(first);
    else {
      let token = first;
      let digits = /\p{Nd}/u.test(first);
      let pointed = false;
      let letters = false;
      for (; at < characters.length; at++) {
        letters ||= !digits;
        const next = characters[at]!;
        const point = next === '.' || (next === ',' && digits && !pointed && token.length >= 2);
        const digit = /\p{Nd}/u.test(next);
        const letter = /\p{L}/u.test(next);
        const turns = pointed && token.endsWith('.');
        if (point) pointed = true;
        else if (digit && (digits || turns)) digits = true;
        else if (letter && (!digits || turns)) digits = false;
        else break;
        token += next;
      }
      const points = token.split('.').length - 1;
      if (pointed && (letters || points > 1 || /[.,]$/.test(token))) {
        found.push(...token.split(/([.,])/).filter((part) => part !== ''));
      } else found.push(digits && pointed && points === 0 ? token.replace(',', '.') : token);
    }
  }
  return found;
}

interface Part {
  value: number;
  label: 'year' | 'month' | undefined;
}

class Reader {
  readonly #tokens: string[];
  readonly #parts: Part[] = [];
  #at = 0;
  #hour: number | undefined;
  #minute: number | undefined;
  #second: number | undefined;
  #weekday = false;
  #zone = false;
  #offset = false;

  constructor(tokens: string[]) {
    this.#tokens = tokens;
  }

  read(): boolean {
    for (; this.#at < this.#tokens.length; this.#at++) this.#token(this.#tokens[this.#at]!);
    const something =
      this.#parts.length > 0 ||
      this.#weekday ||
      this.#zone ||
      this.#offset ||
      [this.#hour, this.#minute, this.#second].some((part) => part !== undefined);
    return something && this.#exists();
  }

  #peek(ahead: number): string | undefined {
    return this.#tokens[this.#at + ahead];
  }

  #token(token: string): void {
    const word = token.toLowerCase();
    const month = MONTHS.get(word);
    if (/^\p{Nd}+(\.\p{Nd}*)?$/u.test(token)) this.#number(token);
    else if (WEEKDAYS.has(word)) this.#weekday = true;
    else if (month !== undefined) this.#month(month);
    else if (HALVES.has(word)) this.#ampm(HALVES.get(word)!);
    else if (this.#couldBeZone(token)) this.#zoneName();
    else if (this.#hour !== undefined && (token === '+' || token === '-')) this.#zoneOffset();
    else if (!FILLERS.has(word)) throw new NoDate();
  }

  #number(token: string): void {
    const value = Number(token);
    const length = token.length;
    const next = this.#peek(1);
    const unit = this.#unit();
    if (
      this.#parts.length === 3 &&
      (length === 2 || length === 4) &&
      this.#hour === undefined &&
      (next === undefined || (next !== ':' && !UNITS.has(next.toLowerCase())))
    ) {
      // 19990101T23[59]
      this.#hour = whole(token.slice(0, 2));
      if (length === 4) this.#minute = whole(token.slice(2));
    } else if (length === 6 || (length > 6 && token.indexOf('.') === 6)) {
      const pairs = [token.slice(0, 2), token.slice(2, 4), token.slice(4)];
      if (this.#parts.length === 0 && !token.includes('.')) for (const pair of pairs) this.#add(pair);
      else
        [this.#hour, this.#minute, this.#second] = [
          whole(pairs[0]!),
          whole(pairs[1]!),
          Math.floor(number(pairs[2]!)),
        ];
    } else if (length === 8 || length === 12 || length === 14) {
      // YYYYMMDD[hhmm[ss]]
      this.#add(token.slice(0, 4), 'year');
      this.#add(token.slice(4, 6));
      this.#add(token.slice(6, 8));
      if (length > 8) [this.#hour, this.#minute] = [whole(token.slice(8, 10)), whole(token.slice(10, 12))];
      if (length > 12) this.#second = whole(token.slice(12));
    } else if (unit !== undefined) this.#withUnit(value, unit);
    else if (this.#peek(2) !== undefined && next === ':') this.#clock(value);
    else if (next === '-' || next === '/' || next === '.') this.#separated(token, next);
    else if (next === undefined || FILLERS.has(next.toLowerCase())) {
      const half = HALVES.get(this.#peek(2)?.toLowerCase() ?? '');
      if (half !== undefined) {
        this.#hour = adjusted(Math.floor(value), half);
        this.#at++;
      } else this.#add(value);
      this.#at++;
    } else if (HALVES.has(next.toLowerCase()) && value < 24) {
      this.#hour = adjusted(Math.floor(value), HALVES.get(next.toLowerCase())!);
      this.#at++;
    } else if (this.#couldBeDay(value)) this.#add(value);
    else throw new NoDate();
  }

  /** Place of a unit (`h`, `minutes`) that belongs to the number here, before or after it. */
  #unit(): number | undefined {
    const is = (ahead: number) => UNITS.has(this.#peek(ahead)?.toLowerCase() ?? '');
    if (is(1)) return 1;
    if (this.#peek(1) === ' ' && is(2)) return 2;
    if (this.#at > 0 && is(-1)) return -1;
    const last = this.#at === this.#tokens.length - 1;
    return this.#at > 1 && last && this.#peek(-1) === ' ' && is(-2) ? -2 : undefined;
  }

  #withUnit(value: number, place: number): void {
    // A unit before the number says what came before: 10h30 has thirty minutes.
    const unit = UNITS.get(this.#peek(place)!.toLowerCase())! + (place < 0 ? 1 : 0);
    if (place > 0) this.#at += place;
    const part = value % 1;
    if (unit === 0) {
      this.#hour = Math.floor(value);
      if (part > 0) this.#minute = Math.floor(60 * part);
    } else if (unit === 1) {
      this.#minute = Math.floor(value);
      if (part > 0) this.#second = Math.floor(60 * part);
    } else if (unit === 2) this.#second = Math.floor(value);
  }

  /** hh:mm[:ss[.ffffff]] */
  #clock(value: number): void {
    this.#hour = Math.floor(value);
    const minute = number(this.#peek(2)!);
    this.#minute = Math.floor(minute);
    this.#second = minute % 1 > 0 ? Math.floor(60 * (minute % 1)) : undefined;
    if (this.#peek(3) === ':' && this.#peek(4) !== undefined) {
      this.#second = Math.floor(number(this.#peek(4)!));
      this.#at += 2;
    }
    this.#at += 2;
  }

  /** 01-02[-03], 1/Jan/2020, 2.3.2020 */
  #separated(token: string, separator: string): void {
    this.#add(token);
    const second = this.#peek(2);
    if (second !== undefined && !FILLERS.has(second.toLowerCase())) {
      if (/^\p{Nd}+$/u.test(second)) this.#add(second);
      else this.#addMonth(second);
      if (this.#peek(3) === separator) {
        const third = this.#peek(4);
        if (third === undefined) throw new NoDate();
        if (MONTHS.has(third.toLowerCase())) this.#addMonth(third);
        else this.#add(third);
        this.#at += 2;
      }
      this.#at++;
    }
    this.#at++;
  }

  #month(month: number): void {
    this.#add(month, 'month');
    const next = this.#peek(1);
    const after = this.#peek(2);
    if (next === '-' || next === '/') {
      if (after === undefined) throw new NoDate();
      this.#add(after);
      if (this.#peek(3) === next) {
        const third = this.#peek(4);
        if (third === undefined) throw new NoDate();
        this.#add(third);
        this.#at += 2;
      }
      this.#at += 2;
    } else if (
      next === ' ' &&
      this.#peek(3) === ' ' &&
      after?.toLowerCase() === 'of' &&
      this.#peek(4) !== undefined
    ) {
      // January of 99
      const year = this.#peek(4)!;
      if (/^\p{Nd}+$/u.test(year)) this.#add(String(year.length <= 2 ? 2000 + Number(year) : year), 'year');
      this.#at += 4;
    }
  }

  #ampm(half: number): void {
    if (this.#hour === undefined || this.#hour > 12) throw new NoDate();
    this.#hour = adjusted(this.#hour, half);
  }

  #couldBeZone(token: string): boolean {
    const shaped = token.length <= 5 && /^[A-Z]+$/.test(token);
    return (
      this.#hour !== undefined &&
      !this.#zone &&
      !this.#offset &&
      (shaped || (UTC.has(token.toLowerCase()) && /^(UTC|GMT|[Zz])$/.test(token)))
    );
  }

  #zoneName(): void {
    this.#zone = true;
  }

  #zoneOffset(): void {
    const digits = this.#peek(1);
    if (digits === undefined || !/^\p{Nd}+$/u.test(digits)) throw new NoDate();
    if (digits.length === 4) this.#at++;
    else if (this.#peek(2) === ':' && this.#peek(3) !== undefined) {
      whole(this.#peek(3)!);
      this.#at += 3;
    } else if (digits.length <= 2) this.#at++;
    else throw new NoDate();
    this.#offset = true;
    // (BRST)
    const name = this.#peek(3);
    const named =
      FILLERS.has(this.#peek(1)?.toLowerCase() ?? '') && this.#peek(2) === '(' && this.#peek(4) === ')';
    if (named && name !== undefined && name.length >= 3 && name.length <= 5 && /^[A-Z]+$/.test(name))
      this.#at += 4;
  }

  #addMonth(token: string): void {
    const month = MONTHS.get(token.toLowerCase());
    if (month === undefined) throw new NoDate();
    this.#add(month, 'month');
  }

  #add(value: number | string, label?: Part['label']): void {
    const long = typeof value === 'string' ? /^\p{Nd}{3,}$/u.test(value) : value > 100;
    if (long && label === 'month') throw new NoDate();
    const own = long ? 'year' : label;
    if (own !== undefined && this.#parts.some((part) => part.label === own)) throw new NoDate();
    const read = typeof value === 'string' ? whole(value) : Math.floor(value);
    this.#parts.push({ value: read, label: own });
  }

  #couldBeDay(value: number): boolean {
    const month = this.#parts.find(({ label }) => label === 'month')?.value;
    const year = this.#parts.find(({ label }) => label === 'year')?.value ?? 2000;
    return value >= 1 && value <= (month === undefined ? 31 : daysIn(year, month));
  }

  #exists(): boolean {
    if (this.#parts.length > 3) return false;
    const { year = 2000, month = 1, day } = this.#resolve();
    const full = this.#parts.some(({ label }) => label === 'year') || year >= 100 ? year : year + 2000;
    return (
      full >= 1 &&
      full <= 9999 &&
      month >= 1 &&
      month <= 12 &&
      (day === undefined || (day >= 1 && day <= daysIn(full, month))) &&
      (this.#hour ?? 0) <= 23 &&
      (this.#minute ?? 0) <= 59 &&
      (this.#second ?? 0) <= 59
    );
  }

  /** Which of the numbers is the year, the month and the day. */
  #resolve(): { year?: number; month?: number; day?: number } {
    const [a, b, c] = this.#parts.map(({ value }) => value);
    const named = this.#parts.findIndex(({ label }) => label === 'month');
    const yearAt = this.#parts.findIndex(({ label }) => label === 'year');
    if (this.#parts.length === 0) return {};
    if (this.#parts.length === 3 && named >= 0 && yearAt >= 0) {
      return {
        year: this.#parts[yearAt]!.value,
        month: this.#parts[named]!.value,
        day: this.#parts[3 - named - yearAt]!.value,
      };
    }
    if (this.#parts.length === 2 && named >= 0 && yearAt >= 0) {
      return { year: this.#parts[yearAt]!.value, month: this.#parts[named]!.value };
    }
    if (this.#parts.length === 1 || (this.#parts.length === 2 && named >= 0)) {
      const other = named < 0 ? a! : this.#parts.length > 1 ? this.#parts[1 - named]!.value : undefined;
      const month = named < 0 ? {} : { month: this.#parts[named]!.value };
      if (other === undefined) return month;
      return yearAt >= 0 || other > 31 ? { ...month, year: other } : { ...month, day: other };
    }
    if (c === undefined)
      return a! > 31 ? { year: a!, month: b! } : b! > 31 ? { month: a!, year: b! } : { month: a!, day: b! };
    if (named === 0) return b! > 31 ? { month: a!, year: b!, day: c } : { month: a!, day: b!, year: c };
    if (named === 1) return a! > 31 ? { year: a!, month: b!, day: c } : { day: a!, month: b!, year: c };
    if (named === 2) return b! > 31 ? { day: a!, year: b!, month: c } : { year: a!, day: b!, month: c };
    if (a! > 31 || yearAt === 0) return { year: a!, month: b!, day: c };
    return a! > 12 ? { day: a!, month: b!, year: c } : { month: a!, day: b!, year: c };
  }
}

function adjusted(hour: number, half: number): number {
  return half === 12 ? (hour < 12 ? hour + 12 : hour) : hour === 12 ? 0 : hour;
}

function whole(text: string): number {
  if (!/^\p{Nd}+$/u.test(text)) throw new NoDate();
  return Number(text);
}

function number(text: string): number {
  if (!/^\p{Nd}+(\.\p{Nd}*)?$/u.test(text)) throw new NoDate();
  return Number(text);
}
