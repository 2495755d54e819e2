import { type Decimal, fromScaled, normaliseDecimal, toScaled, toScaledRounded } from '@assay/core';

/**
 * What a column holds, the same for a file in DuckDB and for rows on a stream. `json` is anything nested or binary:
 * it can be null or not, and nothing else is asked of it.
 */
export type Kind =
  | 'boolean'
  | 'integer'
  | 'decimal'
  | 'double'
  | 'string'
  | 'timestamp'
  | 'date'
  | 'time'
  | 'json';

export interface TableColumn {
  name: string;
  kind: Kind;
  /** Digits after the point of a `decimal`. */
  scale: number;
  /** Name of the physical type: `BIGINT`, `VARCHAR`. */
  typeName: string;
  /** False where the format has no types of its own (CSV, JSON) and `typeName` is a guess from the values. */
  typed: boolean;
}

/**
 * One value of a row. Numbers of any width compare exactly across `number` and `bigint`:
 * integer: a safe integer, else a bigint; decimal: units of 10^-scale; double: finite or infinite, never NaN, which
 * counts as null; timestamp and date: microseconds since 1970 UTC; time: microseconds since midnight.
 */
export type Cell = null | boolean | number | bigint | string;

/** A value of a contract, before it is known what column it is compared with. */
export type Literal = null | boolean | string | { decimal: Decimal };

/** A limit in a column's own representation: `value` is the largest one not above the limit. */
export interface Bound {
  value: Cell;
  /** Whether `value` is the limit itself. */
  exact: boolean;
}

/** DuckDB's widest decimal has 38 digits. */
export const DECIMAL_LIMIT: bigint = 10n ** 38n;

const NUMERIC: readonly Kind[] = ['integer', 'decimal', 'double'];
const TEMPORAL: readonly Kind[] = ['timestamp', 'date'];

export function isNumeric(kind: Kind): boolean {
  return NUMERIC.includes(kind);
}

export function isTemporal(kind: Kind): boolean {
  return TEMPORAL.includes(kind);
}

/** Whether values of two columns can be ordered: numbers among numbers, instants among instants. */
export function comparable(a: TableColumn, b: TableColumn): boolean {
  return (
    (isNumeric(a.kind) && isNumeric(b.kind)) ||
    (isTemporal(a.kind) && isTemporal(b.kind)) ||
    (a.kind === b.kind && a.kind !== 'json')
  );
}

/**
 * A limit for a column. Integers and decimals are compared exactly; a double is compared with the nearest double, as
 * IEEE 754 and Great Expectations do.
 *
 * @returns undefined when the column cannot be compared with such a value.
 */
export function boundFor(column: TableColumn, limit: Literal): Bound | undefined {
  if (limit === null || typeof limit === 'boolean') {
    return column.kind === 'boolean' && limit !== null ? { value: limit, exact: true } : undefined;
  }
  if (isNumeric(column.kind)) {
    const decimal = decimalOf(limit);
    return decimal === undefined ? undefined : numericBound(column, decimal);
  }
  if (typeof limit !== 'string') return undefined;
  if (column.kind === 'string') return { value: limit, exact: true };
  const micros =
    column.kind === 'time' ? microsOfTime(limit) : isTemporal(column.kind) ? microsOf(limit) : undefined;
  return micros === undefined ? undefined : { value: micros, exact: true };
}

/** The same value in a column's representation, or undefined when the column can never hold it. */
export function memberFor(column: TableColumn, value: Literal): Cell | undefined {
  const bound = boundFor(column, value);
  return bound?.exact ? bound.value : undefined;
}

function numericBound({ kind, scale }: TableColumn, limit: Decimal): Bound {
  if (kind === 'double') return { value: Number(limit), exact: true };
  const digits = limit.includes('.') ? limit.length - limit.indexOf('.') - 1 : 0;
  const wide = Math.max(digits, kind === 'decimal' ? scale : 0);
  const divisor = 10n ** BigInt(wide - (kind === 'decimal' ? scale : 0));
  const scaled = toScaled(limit, wide);
  const floor = scaled / divisor - (scaled % divisor < 0n ? 1n : 0n);
  return { value: narrow(floor), exact: floor * divisor === scaled };
}

/** The decimal that a literal means: quoted decimals are numbers too, so that they can be written exactly. */
export function decimalOf(literal: Literal): Decimal | undefined {
  if (typeof literal === 'object' && literal !== null) return literal.decimal;
  if (typeof literal !== 'string') return undefined;
  try {
    return normaliseDecimal(literal);
  } catch {
    return undefined;
  }
}

/** A literal of parsed YAML or JSON. Plain numbers are taken in their shortest spelling. */
export function literalOf(value: unknown): Literal | undefined {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value;
  if (typeof value === 'bigint') return { decimal: String(value) };
  if (typeof value !== 'number' || !Number.isFinite(value)) return undefined;
  return { decimal: normaliseDecimal(String(value)) };
}

export function showLiteral(literal: Literal): string {
  return literal === null
    ? 'null'
    : typeof literal === 'object'
      ? literal.decimal
      : typeof literal === 'string'
        ? JSON.stringify(literal.length > 60 ? `${literal.slice(0, 60)}…` : literal)
        : String(literal);
}

/** A safe integer as a number, another as it is: mixed comparisons stay exact and the common case is fast. */
export function narrow(value: bigint): number | bigint {
  return value >= -9007199254740991n && value <= 9007199254740991n ? Number(value) : value;
}

/** Order of two values of comparable columns: negative, zero or positive. */
export function comparer(a: TableColumn, b: TableColumn): (x: Cell, y: Cell) => number {
  if (a.kind === 'string') return (x, y) => compareText(x as string, y as string);
  const scaled = a.kind === 'decimal' || b.kind === 'decimal';
  if (scaled && (a.kind === 'double' || b.kind === 'double')) {
    return (x, y) => order(toDouble(a, x), toDouble(b, y));
  }
  if (scaled && a.scale !== b.scale) {
    const scale = Math.max(a.scale, b.scale);
    const up = ({ scale: own }: TableColumn) => 10n ** BigInt(scale - own);
    const [upA, upB] = [up(a), up(b)];
    return (x, y) => order(BigInt(x as number) * upA, BigInt(y as number) * upB);
  }
  if (a.kind === 'double' || b.kind === 'double') return (x, y) => order(Number(x), Number(y));
  return order;
}

function order(x: Cell, y: Cell): number {
  return x! < y! ? -1 : x! > y! ? 1 : 0;
}

/**
 * Order by code point, which is also that of UTF-8 bytes: Python and DuckDB compare so. JavaScript compares UTF-16
 * units, which differs where a surrogate meets U+E000 to U+FFFF.
 */
export function compareText(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const [x, y] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (x !== y) return fixed(x) - fixed(y);
  }
  return a.length - b.length;
}

/** Moves surrogates above the rest of the basic plane. */
function fixed(unit: number): number {
  return unit < 0xd800 ? unit : unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}

/** A numeric cell as the nearest double. */
export function toDouble({ kind, scale }: TableColumn, cell: Cell): number {
  return kind === 'decimal' ? Number(fromScaled(BigInt(cell as number), scale)) : Number(cell);
}

/** A cell as a result shows it: JSON, without losing digits. */
export function showCell({ kind, scale }: TableColumn, cell: Cell): null | boolean | number | string {
  if (cell === null || typeof cell === 'string' || typeof cell === 'boolean') return cell;
  switch (kind) {
    case 'decimal':
      return fromScaled(BigInt(cell), scale);
    case 'timestamp':
      return showMicros(BigInt(cell));
    case 'date':
      return showMicros(BigInt(cell)).slice(0, -'T00:00:00'.length);
    case 'time':
      return showMicros(BigInt(cell)).split('T')[1]!;
    case 'double':
      return Number.isFinite(cell as number) ? (cell as number) : String(cell);
    default:
      return typeof cell === 'bigint' ? String(cell) : cell;
  }
}

/** `2023-03-10T00:00:00.5`, in UTC. */
function showMicros(micros: bigint): string {
  const seconds = micros / 1_000_000n - (micros % 1_000_000n < 0n ? 1n : 0n);
  const fraction = String(micros - seconds * 1_000_000n)
    .padStart(6, '0')
    .replace(/0+$/, '');
  const date = new Date(Number(seconds) * 1000);
  if (Number.isNaN(date.getTime())) return `${seconds} s since 1970`;
  return `${date.toISOString().slice(0, -5)}${fraction === '' ? '' : `.${fraction}`}`;
}

const INSTANT =
  /^([+-]?\d{4,6})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?(Z|[+-]\d\d(?::?\d\d)?)?$/;

/** Microseconds of a date or an instant in ISO 8601; without a zone it is UTC. */
export function microsOf(text: string): number | bigint | undefined {
  const match = INSTANT.exec(text.trim());
  if (!match) return undefined;
  const [
    ,
    year = '',
    month = '',
    day = '',
    hour = '0',
    minute = '0',
    second = '0',
    fraction = '',
    zone = 'Z',
  ] = match;
  const date = new Date(0);
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  // The round trip refuses 31 February.
  if (date.getUTCMonth() !== Number(month) - 1 || date.getUTCDate() !== Number(day)) return undefined;
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return undefined;
  const seconds =
    BigInt(date.getTime() / 1000) +
    BigInt(Number(hour) * 3600 + Number(minute) * 60 + Number(second)) -
    BigInt(offsetSeconds(zone));
  return narrow(seconds * 1_000_000n + BigInt(fraction.slice(0, 6).padEnd(6, '0')));
}

function offsetSeconds(zone: string): number {
  if (zone === 'Z') return 0;
  const [hours, minutes] = [Number(zone.slice(1, 3)), Number(zone.slice(3).replace(':', '') || '0')];
  return (zone.startsWith('-') ? -1 : 1) * (hours * 3600 + minutes * 60);
}

function microsOfTime(text: string): number | undefined {
  const match = /^(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,6}))?)?$/.exec(text.trim());
  if (!match) return undefined;
  const [, hour = '', minute = '', second = '0', fraction = ''] = match;
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return undefined;
  return (
    (Number(hour) * 3600 + Number(minute) * 60 + Number(second)) * 1_000_000 + Number(fraction.padEnd(6, '0'))
  );
}

/**
 * The cell of a value that comes on a stream: parsed JSON, with decimal strings for exact numbers and RFC 3339 for
 * instants. NaN counts as missing.
 *
 * @returns undefined when the value is not of the column's kind.
 */
export function cellOf(column: TableColumn, value: unknown): Cell | undefined {
  if (value === null || value === undefined) return null;
  switch (column.kind) {
    case 'boolean':
      return typeof value === 'boolean' ? value : undefined;
    case 'string':
      return typeof value === 'string' ? value : undefined;
    case 'integer':
      if (typeof value === 'bigint') return narrow(value);
      if (typeof value === 'string') return /^-?\d{1,39}$/.test(value) ? narrow(BigInt(value)) : undefined;
      return Number.isSafeInteger(value) ? (value as number) : undefined;
    case 'decimal':
      return decimalCell(column.scale, value);
    case 'double':
      if (typeof value === 'string') return decimalOf(value) === undefined ? undefined : Number(value);
      return typeof value !== 'number' ? undefined : Number.isNaN(value) ? null : value;
    case 'timestamp':
    case 'date':
      return typeof value === 'string' ? microsOf(value) : undefined;
    case 'time':
      return typeof value === 'string' ? microsOfTime(value) : undefined;
    case 'json':
      return typeof value === 'string' ? value : JSON.stringify(value);
  }
}

/** As DECIMAL(38, scale) takes it: digits beyond the scale are rounded, more than 38 are refused. */
function decimalCell(scale: number, value: unknown): Cell | undefined {
  const text = decimalOf(literalOf(value) ?? null);
  if (text === undefined) return undefined;
  const units = toScaledRounded(text, scale);
  return units < DECIMAL_LIMIT && units > -DECIMAL_LIMIT ? narrow(units) : undefined;
}
