import { isDecimal, type Row, type RowRanges } from '@assay/core';
import { cell } from '../cell.ts';
import type { DetectorFinding } from '../detector.ts';
import { toRanges } from '../rules/row-ranges.ts';

/** Why a cell cannot be used, for people. */
export class Unreadable {
  readonly reason: string;
  constructor(reason: string) {
    this.reason = reason;
  }
}

/** Milliseconds since 1970 of `2023-03-10T00:00:00Z`, with up to nine fraction digits. */
export function timeCell(row: Row, column: string): number | Unreadable {
  const value = cell(row, column);
  if (typeof value === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/.test(value)) {
    const ms = Date.parse(value);
    // Date.parse takes 31 February for 3 March.
    if (!Number.isNaN(ms) && new Date(ms).toISOString().slice(0, 19) === value.slice(0, 19)) return ms;
  }
  return unreadable(column, 'a UTC time like 2023-03-10T00:00:00Z', value);
}

/** A canonical decimal string above zero, as a double: statistics need no more digits. */
export function positiveCell(row: Row, column: string): number | Unreadable {
  const value = cell(row, column);
  const number = isDecimal(value) ? Number(value) : Number.NaN;
  return number > 0 && Number.isFinite(number)
    ? number
    : unreadable(column, 'a canonical decimal string above zero', value);
}

/** A name: an account, an address, an order's id. */
export function nameCell(row: Row, column: string): string | Unreadable {
  const value = cell(row, column);
  return typeof value === 'string' && value !== '' && value.length <= MAX_NAME && value.isWellFormed()
    ? value
    : unreadable(column, `a name of 1 to ${MAX_NAME} characters`, value);
}

export const MAX_NAME = 200;

export function unreadable(column: string, expected: string, value: unknown): Unreadable {
  const got =
    typeof value === 'string'
      ? JSON.stringify(value.slice(0, 40).toWellFormed())
      : value === undefined
        ? 'nothing'
        : value === null
          ? 'null'
          : `a ${typeof value}`;
  return new Unreadable(`${column}: expected ${expected}, got ${got}`);
}

/** Ranges of unreadable rows that are named. */
const MAX_TOLD = 5;

/** Gathers the rows that a detector could not use, and says so once. */
export class UnreadableRows {
  private readonly indices: number[] = [];
  private first = '';

  add(index: number, { reason }: Unreadable): void {
    if (this.indices.length === 0) this.first = reason;
    this.indices.push(index);
  }

  get count(): number {
    return this.indices.length;
  }

  /** `unknown`, because what was not read was not judged; no finding when every row was read. */
  findings(check: string, rowCount: number): DetectorFinding[] {
    if (this.indices.length === 0) return [];
    const ranges = toRanges(this.indices);
    const some = ranges
      .slice(0, MAX_TOLD)
      .map(([from, to]) => (from === to ? `${from}` : `${from} to ${to}`));
    const reason =
      `${this.indices.length} of ${rowCount} rows could not be read and were not judged: ${some.join(', ')}` +
      `${ranges.length > MAX_TOLD ? ' and more' : ''}. The first: ${this.first}.`;
    return [{ check, status: 'unknown', reason }];
  }
}

/** The one answer for a specimen that holds no rows. */
export function withoutRows(check: string): DetectorFinding[] {
  return [{ check, status: 'unknown', reason: 'The observation has no rows to look at.' }];
}

/** Ranges of indices given in any order, each once. */
export function rangesOf(indices: Iterable<number>): RowRanges {
  return toRanges([...new Set(indices)].sort((a, b) => a - b));
}
