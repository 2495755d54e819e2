/**
 * Readers for untrusted JSON. A shape that is checked exactly (no missing and no additional members) leaves
 * an attacker no room to say something that nobody verifies.
 */

import { type Decimal, isDecimal } from './decimal.ts';
import { excerpt } from './encoding.ts';

/** Reports what is wrong and where; decides the error's code. */
export type Fail = (message: string) => never;

/** An object with all the `required` members, any of the `optional` ones and no others. */
export function exactly<K extends string, O extends string = never>(
  value: unknown,
  path: string,
  required: readonly K[],
  fail: Fail,
  optional: readonly O[] = [],
): Record<K, unknown> & Partial<Record<O, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return fail(`${path}: expected an object, got ${kindOf(value)}`);
  }
  const allowed: readonly string[] = [...required, ...optional];
  for (const key of required) if (!Object.hasOwn(value, key)) fail(`${path}.${key}: missing`);
  for (const key of Object.keys(value))
    if (!allowed.includes(key)) fail(`${path}: unexpected member ${excerpt(key)}`);
  return value as Record<K, unknown> & Partial<Record<O, unknown>>;
}

/** A string of at most `limit` characters. */
export function text(value: unknown, path: string, fail: Fail, limit = 1 << 20): string {
  if (typeof value !== 'string') return fail(`${path}: expected a string, got ${kindOf(value)}`);
  if (value.length > limit) return fail(`${path}: expected at most ${limit} characters, got ${value.length}`);
  return value;
}

/** A string that matches a pattern; `expected` names it in words. */
export function pattern(value: unknown, path: string, regex: RegExp, expected: string, fail: Fail): string {
  const string = text(value, path, fail);
  return regex.test(string) ? string : fail(`${path}: expected ${expected}, got ${excerpt(string)}`);
}

/** 64 lower-case hexadecimal digits: a SHA-256 digest or a statement's id. */
export function sha256Hex(value: unknown, path: string, fail: Fail): string {
  return pattern(value, path, /^[0-9a-f]{64}$/, 'a SHA-256 digest in lower-case hex', fail);
}

/** A safe integer of at least `least`. */
export function integer(value: unknown, path: string, fail: Fail, least = 0): number {
  return Number.isSafeInteger(value) && (value as number) >= least
    ? (value as number)
    : fail(`${path}: expected an integer of at least ${least}, got ${kindOf(value)}`);
}

/** One of some strings. */
export function oneOf<const T extends string>(
  value: unknown,
  path: string,
  choices: readonly T[],
  fail: Fail,
): T {
  return choices.includes(value as T)
    ? (value as T)
    : fail(`${path}: expected ${choices.join(' or ')}, got ${kindOf(value)}`);
}

/** A list whose members are read by `member`. */
export function list<T>(
  value: unknown,
  path: string,
  member: (value: unknown, path: string) => T,
  fail: Fail,
  limit = 10_000,
): T[] {
  if (!Array.isArray(value)) return fail(`${path}: expected a list, got ${kindOf(value)}`);
  if (value.length > limit) return fail(`${path}: expected at most ${limit} members, got ${value.length}`);
  return value.map((item, i) => member(item, `${path}[${i}]`));
}

/** An instant in UTC with whole seconds, in the one spelling that sorts as text: `2023-03-10T00:00:00Z` (RFC 3339). */
export function instant(value: unknown, path: string, fail: Fail): string {
  const string = pattern(
    value,
    path,
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/,
    'a time like 2023-03-10T00:00:00Z',
    fail,
  );
  return isRealInstant(string) ? string : fail(`${path}: expected a real time, got ${string}`);
}

/** The name of a stream. */
export function streamName(value: unknown, path: string, fail: Fail): string {
  return pattern(
    value,
    path,
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,119}$/,
    'a stream name like binance.BTC-USDT.1m',
    fail,
  );
}

/** Inclusive ranges of row indices, ascending and apart. */
export function rowRanges(value: unknown, path: string, fail: Fail): [from: number, to: number][] {
  let last = -1;
  return list(
    value,
    path,
    (item, at): [number, number] => {
      const [from, to] = list(item, at, (index, where) => integer(index, where, fail), fail, 2);
      if (from === undefined || to === undefined || from > to || from <= last) {
        return fail(`${at}: expected ascending, separate ranges [from, to]`);
      }
      last = to;
      return [from, to];
    },
    fail,
  );
}

/** A decimal string in canonical form. */
export function decimal(value: unknown, path: string, fail: Fail): Decimal {
  return isDecimal(value)
    ? value
    : fail(`${path}: expected a canonical decimal string, got ${kindOf(value)}`);
}

/** What a value is, for an error message, without quoting much of it. */
export function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' ? 'an object' : excerpt(String(value));
}

/** Date.parse accepts 31 February; a round trip does not. */
function isRealInstant(value: string): boolean {
  const ms = Date.parse(value);
  return !Number.isNaN(ms) && new Date(ms).toISOString() === `${value.slice(0, -1)}.000Z`;
}
