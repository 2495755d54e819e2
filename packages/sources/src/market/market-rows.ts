import { AssayError, type Decimal, isDecimal, normaliseDecimal, type TableRecord } from '@assay/core';
import { instantOf } from '../streams.ts';

export const DAY_MS = 86_400_000;

/** One observed row (`record/v1`): texts by name at a time; null is "not known". */
export type MarketRecord = TableRecord;

/** What kind of rows a stream gives. */
export type MarketKind = 'bars' | 'market-caps' | 'funding' | 'articles' | 'activity' | 'development';

/** What a fetch brings: good rows ascending by time and key, and what was left out, in words. */
export interface MarketRows {
  rows: MarketRecord[];
  malformed: AssayError[];
}

/** Columns of each kind beside `time`: decimals that must be there, decimals that may be unknown, texts. */
export const COLUMNS: Record<
  MarketKind,
  { key: string; decimals: readonly string[]; optional: readonly string[]; texts: readonly string[] }
> = {
  bars: {
    key: 'asset',
    decimals: ['open', 'high', 'low', 'close', 'volume'],
    optional: [],
    texts: ['asset'],
  },
  'market-caps': {
    key: 'asset',
    decimals: ['rank', 'priceUsd', 'marketCapUsd'],
    optional: ['supply', 'volumeUsd'],
    texts: ['asset', 'symbol', 'name'],
  },
  funding: { key: 'asset', decimals: ['rate'], optional: ['openInterestUsd'], texts: ['asset'] },
  articles: {
    key: 'article',
    decimals: [],
    optional: [],
    texts: ['article', 'assets', 'title', 'summary', 'link'],
  },
  activity: {
    key: 'asset',
    decimals: ['transfers', 'activeAddresses'],
    optional: ['holders', 'topTenShare', 'swapVolumeUsd'],
    texts: ['asset'],
  },
  development: {
    key: 'asset',
    decimals: ['commits', 'contributors'],
    optional: [],
    texts: ['asset', 'releasedAt'],
  },
};

/** Longest text of one `record/v1` value. */
const MAX_TEXT = 4_096;

/**
 * A row of a kind from raw values, with every number in canonical form.
 *
 * Shape is checked here, plausibility is not: a price that is wrong but is a number goes on to the checks, whose
 * verdict is recorded.
 *
 * @throws ROW_MALFORMED naming the stream, the time, the column, what was expected and what came.
 */
export function marketRow(
  stream: string,
  kind: MarketKind,
  timeMs: number,
  values: Record<string, unknown>,
): MarketRecord {
  const { key, decimals, optional, texts } = COLUMNS[kind];
  const fail = (column: string, expected: string): never => {
    const got = values[column] === undefined ? 'nothing' : JSON.stringify(values[column])?.slice(0, 60);
    const when = Number.isFinite(timeMs) ? instantOf(timeMs) : String(timeMs);
    throw new AssayError(
      'ROW_MALFORMED',
      `${stream} at ${when}, ${String(values[key]).slice(0, 60)}: expected ${expected} for ${column}, got ${got}`,
      { next: 'nothing: the row is left out; if it lasts, the source changed its format' },
    );
  };
  if (!Number.isSafeInteger(timeMs) || timeMs < 0 || timeMs > 253_402_300_799_000)
    fail('time', 'milliseconds since 1970');
  const row: MarketRecord = { time: instantOf(timeMs) };
  for (const column of texts) {
    const value = values[column];
    if (value === null && column === 'releasedAt') row[column] = null;
    else if (typeof value !== 'string' || value.length > MAX_TEXT || (column === key && value === ''))
      fail(column, `a text of at most ${MAX_TEXT} characters`);
    else row[column] = value.toWellFormed();
  }
  for (const column of decimals) row[column] = decimalOf(values[column]) ?? fail(column, 'a number');
  for (const column of optional) {
    const value = values[column];
    row[column] =
      value === null || value === undefined || value === ''
        ? null
        : (decimalOf(value) ?? fail(column, 'a number or nothing'));
  }
  return row;
}

/**
 * Rows of a kind from raw ones, ascending by time and key. What has the wrong shape, and the second of two rows for
 * one time and key, is left out and reported.
 */
export function collectRows(
  stream: string,
  kind: MarketKind,
  raw: Iterable<{ timeMs: number; values: Record<string, unknown> }>,
): MarketRows {
  const { key } = COLUMNS[kind];
  const found: MarketRecord[] = [];
  const malformed: AssayError[] = [];
  for (const { timeMs, values } of raw) {
    try {
      found.push(marketRow(stream, kind, timeMs, values));
    } catch (error) {
      malformed.push(error as AssayError);
    }
  }
  const order = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
  found.sort((a, b) => order(a.time, b.time) || order(a[key]!, b[key]!));
  const rows = found.filter((row, i) => {
    const before = found[i - 1];
    if (row.time !== before?.time || row[key] !== before[key]) return true;
    malformed.push(
      new AssayError('ROW_MALFORMED', `${stream} at ${row.time}: expected one row for ${row[key]}, got two`, {
        next: 'nothing: the first one is kept; if it lasts, two markets share one name',
      }),
    );
    return false;
  });
  return { rows, malformed };
}

/** Start of the UTC day that an instant lies in. */
export function dayStart(ms: number): number {
  return Math.floor(ms / DAY_MS) * DAY_MS;
}

/** The exact decimal of a text, or the shortest text that reads back as the same float; null for anything else. */
function decimalOf(value: unknown): Decimal | null {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'string' && typeof value !== 'number') return null;
  const text = String(value);
  if (isDecimal(text)) return text;
  try {
    const decimal = normaliseDecimal(text);
    // `1e-300` is a number, and three hundred digits that no row may carry.
    return isDecimal(decimal) ? decimal : null;
  } catch {
    return null;
  }
}
