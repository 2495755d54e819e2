import { AssayError, excerpt } from '@assay/core';
import { ALARM_DISTANCE } from './calibration.ts';
import { MAX_COLUMNS } from './joint.ts';

/** What a contract asks of the signal detector. */
export interface SignalTerms {
  /** Columns to watch; two or more are also watched together. */
  columns: string[];
  /** The column with each row's time; rows may lack it. */
  time: string;
  /** The known period of the series; null when it is to be learned. */
  period: { milliseconds: number } | { points: number } | null;
  /** Distance of an alarm, in ranges of what was seen before. Smaller is more sensitive. */
  threshold: number;
  /** Known values before the detector judges. */
  probation: number;
  /** Unit of the values, for people. */
  unit: string;
}

const MEMBERS = ['column', 'columns', 'time', 'period', 'threshold', 'probation', 'unit'];
const UNITS_MS = { W: 604_800_000, D: 86_400_000, H: 3_600_000, M: 60_000, S: 1000 } as const;
const DURATION = /^P(?:(\d{1,4})W|(?:(\d{1,4})D)?(?:T(?=\d)(?:(\d{1,4})H)?(?:(\d{1,5})M)?(?:(\d{1,6})S)?)?)$/;
const MAX_PERIOD_POINTS = 1_000_000;

/**
 * Reads the terms of a `signal` rule: `{ column | columns, time?, period?, threshold?, probation?, unit? }`.
 *
 * @throws CONTRACT_INVALID
 * @example
 * readSignalTerms({ column: 'close', period: 'P1D' }, 'schema[0].quality[3].terms');
 */
export function readSignalTerms(value: unknown, path: string): SignalTerms {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return fail(path, 'terms such as { column: close }', value);
  }
  const terms = value as Record<string, unknown>;
  const stranger = Object.keys(terms).find((key) => !MEMBERS.includes(key));
  if (stranger !== undefined)
    return fail(`${path}.${stranger}`, `only ${MEMBERS.join(', ')}`, terms[stranger]);
  return {
    columns: readColumns(terms, path),
    time: terms.time === undefined ? 'time' : readName(terms.time, `${path}.time`),
    period: terms.period === undefined ? null : readPeriod(terms.period, `${path}.period`),
    threshold: readNumber(terms.threshold, `${path}.threshold`, ALARM_DISTANCE, 0.05, 5),
    probation: Math.floor(readNumber(terms.probation, `${path}.probation`, 300, 64, 1_000_000)),
    unit: terms.unit === undefined ? '' : readName(terms.unit, `${path}.unit`),
  };
}

function readColumns(terms: Record<string, unknown>, path: string): string[] {
  if ((terms.column === undefined) === (terms.columns === undefined)) {
    return fail(path, 'either column or columns', terms);
  }
  if (terms.columns === undefined) return [readName(terms.column, `${path}.column`)];
  const { columns } = terms;
  if (!Array.isArray(columns) || columns.length < 1 || columns.length > MAX_COLUMNS) {
    return fail(`${path}.columns`, `1 to ${MAX_COLUMNS} names`, columns);
  }
  const names = columns.map((name, at) => readName(name, `${path}.columns[${at}]`));
  if (new Set(names).size !== names.length) return fail(`${path}.columns`, 'different names', columns);
  return names;
}

function readPeriod(value: unknown, path: string): SignalTerms['period'] {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 2 && value <= MAX_PERIOD_POINTS) {
    return { points: value };
  }
  const match = typeof value === 'string' ? DURATION.exec(value) : null;
  const [, W = 0, D = 0, H = 0, M = 0, S = 0] = match ?? [];
  const counts = { W, D, H, M, S };
  const milliseconds = Object.entries(counts).reduce(
    (sum, [unit, count]) => sum + Number(count) * UNITS_MS[unit as keyof typeof UNITS_MS],
    0,
  );
  return milliseconds > 0
    ? { milliseconds }
    : fail(path, `an ISO 8601 duration such as P1D or PT90M, or 2 to ${MAX_PERIOD_POINTS} points`, value);
}

function readNumber(value: unknown, path: string, otherwise: number, least: number, most: number): number {
  if (value === undefined) return otherwise;
  return typeof value === 'number' && value >= least && value <= most
    ? value
    : fail(path, `a number from ${least} to ${most}`, value);
}

function readName(value: unknown, path: string): string {
  return typeof value === 'string' && value.length >= 1 && value.length <= 100
    ? value
    : fail(path, 'a name of 1 to 100 characters', value);
}

function fail(path: string, expected: string, value: unknown): never {
  const got = excerpt(JSON.stringify(value) ?? String(value));
  throw new AssayError('CONTRACT_INVALID', `${path}: expected ${expected}, got ${got}`, {
    next: 'correct the terms of the signal detector in the contract',
    detail: { path, expected, got },
  });
}
