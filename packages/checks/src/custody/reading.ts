import type { Row } from '@assay/core';
import { cell } from '../cell.ts';
import type { Position } from './geodesic.ts';

/**
 * What a row says, read without trust: numbers and times are texts, and what cannot be read is a `Doubt` with its
 * reason, never a guess.
 */
export interface Doubt {
  doubt: string;
}

export function isDoubt(value: unknown): value is Doubt {
  return typeof value === 'object' && value !== null && 'doubt' in value;
}

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?$/;
const INSTANT = /^([1-9]\d{3})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])(\d\d):(\d\d))$/;
const MAX_NUMBER_CHARACTERS = 80;
/** No sensor's reading is larger, and below it doubles keep a millionth. */
const MAX_MAGNITUDE = 1e9;
const MAX_NAME_CHARACTERS = 120;

/** A decimal text as a number. */
export function readValue(row: Row, column: string): number | Doubt {
  const text = cell(row, column);
  if (text === null || text === undefined || text === '') return { doubt: `${column} is missing` };
  if (typeof text !== 'string' || text.length > MAX_NUMBER_CHARACTERS || !NUMBER.test(text)) {
    return { doubt: `${column} is no decimal text` };
  }
  const value = Number(text);
  return Math.abs(value) <= MAX_MAGNITUDE ? value : { doubt: `${column} is beyond ±${MAX_MAGNITUDE}` };
}

/** An RFC 3339 instant in milliseconds since 1970, to the microsecond. A time without a zone is no instant. */
export function readInstant(row: Row, column: string): number | Doubt {
  const text = cell(row, column);
  if (text === null || text === undefined || text === '') return { doubt: `${column} is missing` };
  const ms = typeof text === 'string' ? parseInstant(text) : null;
  return ms ?? { doubt: `${column} is no time with a zone (RFC 3339)` };
}

/** Milliseconds since 1970 of an RFC 3339 text; null when it is none, or no day of the calendar. */
export function parseInstant(text: string): number | null {
  const match = text.length <= 40 ? INSTANT.exec(text) : null;
  if (match === null) return null;
  const [, year, month, day, hour, minute, second, fraction, sign, zoneHour, zoneMinute] = match;
  const [h, m, s] = [Number(hour), Number(minute), Number(second)];
  const ms = Date.UTC(Number(year), Number(month) - 1, Number(day), h, m, s);
  if (h > 23 || m > 59 || s > 59 || new Date(ms).getUTCDate() !== Number(day) || Number(month) > 12) {
    return null;
  }
  const [zh, zm] = [Number(zoneHour ?? 0), Number(zoneMinute ?? 0)];
  if (zh > 23 || zm > 59) return null;
  const zone = (sign === '-' ? -1 : 1) * (zh * 60 + zm) * 60_000;
  return ms - zone + (fraction === undefined ? 0 : Math.round(Number(`0.${fraction}`) * 1e6) / 1e3);
}

/** A place in degrees. Exactly 0, 0 is what a receiver without a fix says. */
export function readPosition(row: Row, latitude: string, longitude: string): Position | Doubt {
  const lat = readValue(row, latitude);
  if (isDoubt(lat)) return lat;
  const lon = readValue(row, longitude);
  if (isDoubt(lon)) return lon;
  if (Math.abs(lat) > 90 || Math.abs(lon) > 180) return { doubt: 'the position is not on the Earth' };
  return lat === 0 && lon === 0
    ? { doubt: 'the position is 0, 0: a receiver without a fix' }
    : { latitude: lat, longitude: lon };
}

/** Who or what: a short text, compared exactly. */
export function readName(row: Row, column: string): string | Doubt {
  const text = cell(row, column);
  if (text === null || text === undefined || text === '') return { doubt: `${column} is missing` };
  return typeof text === 'string' && text.length <= MAX_NAME_CHARACTERS && text.isWellFormed()
    ? text
    : { doubt: `${column} is no text of at most ${MAX_NAME_CHARACTERS} characters` };
}

/** A time for people and exhibits. */
export function instantText(ms: number): string {
  const text = new Date(ms).toISOString();
  return text.endsWith('.000Z') ? `${text.slice(0, -5)}Z` : text;
}
