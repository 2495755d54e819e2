import { readInteger, readList, readMembers, readNumber, readText, refuseTerms } from '../terms.ts';
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
  /** Distance of an alarm after 1,000 values, in ranges of what was seen before. Smaller is more sensitive. */
  threshold: number;
  /** Known values before the detector judges. */
  probation: number;
  /** Unit of the values, for people. */
  unit: string;
}

const MEMBERS = ['column', 'columns', 'time', 'period', 'threshold', 'probation', 'unit'] as const;
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
  const t = readMembers(value, path, [], MEMBERS);
  if ((t.column === undefined) === (t.columns === undefined)) {
    return refuseTerms(path, 'either column or columns', value);
  }
  return {
    columns:
      t.columns === undefined
        ? [readName(t.column, `${path}.column`)]
        : readColumns(t.columns, `${path}.columns`),
    time: readName(t.time ?? 'time', `${path}.time`),
    period: t.period === undefined ? null : readPeriod(t.period, `${path}.period`),
    threshold: readNumber(t.threshold ?? ALARM_DISTANCE, `${path}.threshold`, 0.05, 5),
    probation: readInteger(t.probation ?? 300, `${path}.probation`, 64, 1_000_000),
    unit: t.unit === undefined ? '' : readName(t.unit, `${path}.unit`),
  };
}

function readColumns(value: unknown, path: string): string[] {
  const names = readList(value, path, 1, MAX_COLUMNS, readName);
  return new Set(names).size === names.length ? names : refuseTerms(path, 'different names', value);
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
    : refuseTerms(
        path,
        `an ISO 8601 duration such as P1D or PT90M, or 2 to ${MAX_PERIOD_POINTS} points`,
        value,
      );
}

const readName = (value: unknown, path: string) => readText(value, path, 100);
