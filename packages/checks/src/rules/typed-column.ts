import type { TableColumn } from './cells.ts';
import type { Column } from './contract.ts';
import type { FileColumn } from './table-file.ts';
import { kindOf } from './types.ts';

/**
 * How a file's column is read as what the contract promises. What is not of the promised type is a misfit: it is told as
 * such, and counts as missing for every other rule.
 *
 * @param place the raw value has the alias `r<place>`.
 */
export function typedColumn(input: {
  type: string;
  typed: boolean;
  place: number;
  declared: Column | undefined;
}): Omit<FileColumn, 'name' | 'raw'> {
  const { type, typed, declared } = input;
  const raw = `r${input.place}`;
  const as = (kind: TableColumn['kind'], sql: string, misfit: string | null = null, scale = 0) => ({
    kind,
    scale,
    typeName: type,
    typed,
    sql,
    misfit,
  });
  const held = type === 'JSON' ? ({ kind: 'json', scale: 0 } as const) : kindOf(type);
  const plain = () => as(held.kind, plainSql(raw, type, held.kind), null, held.scale);
  /** The text of a value, where it is one. */
  const text = held.kind === 'string' ? `${raw}::VARCHAR` : type === 'JSON' ? `(${raw} ->> '$')` : null;
  const jsonType = `json_type(${raw})`;
  const isJsonNull = `${jsonType} = 'NULL'`;
  const present = type === 'JSON' ? `(${raw} IS NOT NULL AND NOT (${isJsonNull}))` : `${raw} IS NOT NULL`;
  const cast = (kind: TableColumn['kind'], sql: string, scale = 0) =>
    as(kind, sql, `${present} AND (${sql}) IS NULL`, scale);
  const wrong = (kind: TableColumn['kind'], sqlType: string) => as(kind, `NULL::${sqlType}`, present);
  /** Texts count where the file has no types, or JSON gives one. */
  const readText = (kind: TableColumn['kind'], sql: (text: string) => string, scale = 0) =>
    text === null ? null : cast(kind, sql(text), scale);

  switch (declared?.logicalType ?? null) {
    case null:
    case 'object':
    case 'array':
      return plain();
    case 'string':
      if (type === 'JSON') return cast('string', `CASE WHEN ${jsonType} = 'VARCHAR' THEN ${text} END`);
      return held.kind === 'string' ? plain() : as('string', `${raw}::VARCHAR`, present);
    case 'number': {
      const exact = exactType(declared?.physicalType);
      if (held.kind === 'integer' || held.kind === 'decimal' || (held.kind === 'double' && (!exact || typed)))
        return plain();
      if (exact) {
        const source = text ?? (held.kind === 'double' ? `${raw}::VARCHAR` : null);
        return source === null
          ? wrong('decimal', exact.type)
          : cast('decimal', decimalSql(source, exact), exact.scale);
      }
      return (
        readText('double', (value) => notNaN(`TRY_CAST(${value} AS DOUBLE)`)) ?? wrong('double', 'DOUBLE')
      );
    }
    case 'integer':
      if (held.kind === 'integer') return plain();
      if (held.kind === 'double' || held.kind === 'decimal') {
        return cast(
          'integer',
          `CASE WHEN ${raw} = trunc(${raw}) AND abs(${raw}) < 9007199254740992 THEN ${raw}::BIGINT END`,
        );
      }
      return (
        readText(
          'integer',
          (value) =>
            `CASE WHEN regexp_full_match(${value}, '[+-]?[0-9]{1,18}') THEN TRY_CAST(${value} AS BIGINT) END`,
        ) ?? wrong('integer', 'BIGINT')
      );
    case 'boolean':
      if (held.kind === 'boolean') return plain();
      if (held.kind === 'integer' && !typed)
        return cast('boolean', `CASE WHEN ${raw} IN (0, 1) THEN ${raw} = 1 END`);
      return readText('boolean', (value) => `TRY_CAST(${value} AS BOOLEAN)`) ?? wrong('boolean', 'BOOLEAN');
    case 'date': {
      if (held.kind === 'date') return plain();
      if (held.kind === 'timestamp')
        return cast('date', `CASE WHEN ${raw}::TIMESTAMP = ${raw}::DATE THEN ${raw}::DATE END`);
      const format = strptimeOf(declared?.format);
      return (
        readText('date', (value) =>
          format ? `try_strptime(${value}, '${format}')::DATE` : `TRY_CAST(${value} AS DATE)`,
        ) ?? wrong('date', 'DATE')
      );
    }
    case 'timestamp': {
      if (held.kind === 'timestamp') return plain();
      if (held.kind === 'date') return as('timestamp', `${raw}::TIMESTAMP`);
      const format = strptimeOf(declared?.format);
      return (
        readText('timestamp', (value) =>
          format
            ? `try_strptime(${value}, '${format}')`
            : `(TRY_CAST(${value} AS TIMESTAMPTZ) AT TIME ZONE 'UTC')`,
        ) ?? wrong('timestamp', 'TIMESTAMP')
      );
    }
    case 'time':
      if (held.kind === 'time') return plain();
      return readText('time', (value) => `TRY_CAST(${value} AS TIME)`) ?? wrong('time', 'TIME');
  }
}

function plainSql(raw: string, type: string, kind: TableColumn['kind']): string {
  switch (kind) {
    case 'double':
      return notNaN(type === 'DOUBLE' ? raw : `${raw}::DOUBLE`);
    case 'timestamp':
      return type === 'TIMESTAMP'
        ? raw
        : type === 'TIMESTAMP WITH TIME ZONE'
          ? `(${raw} AT TIME ZONE 'UTC')`
          : `${raw}::TIMESTAMP`;
    case 'string':
      return type === 'VARCHAR' ? raw : `${raw}::VARCHAR`;
    case 'json':
      return type === 'JSON'
        ? `CASE WHEN json_type(${raw}) <> 'NULL' THEN ${raw}::VARCHAR END`
        : `${raw}::VARCHAR`;
    default:
      return raw;
  }
}

/** NaN is a missing number, as pandas has it. */
function notNaN(sql: string): string {
  return `CASE WHEN NOT isnan(${sql}) THEN ${sql} END`;
}

/** `decimal(18, 4)`, `decimal string`: numbers that must not become doubles. */
function exactType(physicalType: string | null | undefined): { type: string; scale: number } | null {
  const match = /^(?:decimal|numeric)\b(?:\s*\(\s*(\d{1,2})\s*(?:,\s*(\d{1,2}))?\s*\))?/i.exec(
    physicalType ?? '',
  );
  if (!match) return null;
  const width = Math.min(Math.max(Number(match[1] ?? 38), 1), 38);
  const scale = match[1] === undefined ? 18 : Math.min(Number(match[2] ?? 0), width);
  return { type: `DECIMAL(${width}, ${scale})`, scale };
}

/** DuckDB casts a text to DECIMAL(18, 8) in 0.1 µs, to DECIMAL(38, 18) in 9 µs: short ones take the first way. */
function decimalSql(text: string, { type, scale }: { type: string; scale: number }): string {
  const long = `CASE WHEN regexp_full_match(${text}, '[+-]?([0-9]{1,20}([.][0-9]*)?|[.][0-9]+)') THEN TRY_CAST(${text} AS ${type}) END`;
  if (scale < 8) return long;
  return `CASE WHEN regexp_full_match(${text}, '-?[0-9]{1,9}([.][0-9]{1,8})?') THEN TRY_CAST(${text} AS DECIMAL(18, 8))::${type} ELSE ${long} END`;
}

/** A format in the letters of the JDK, which ODCS uses, in strptime's; undefined for ISO 8601 and for what is not known. */
function strptimeOf(format: string | null | undefined): string | undefined {
  if (!format || format.length > 60) return undefined;
  const letters: Record<string, string> = {
    yyyy: '%Y',
    uuuu: '%Y',
    yy: '%y',
    MMMM: '%B',
    MMM: '%b',
    MM: '%m',
    M: '%-m',
    dd: '%d',
    d: '%-d',
    HH: '%H',
    hh: '%I',
    mm: '%M',
    ss: '%S',
    SSS: '%g',
    SSSSSS: '%f',
    a: '%p',
    XXX: '%z',
    Z: '%z',
  };
  let out = '';
  for (const [part] of format.matchAll(/'[^']*'|([A-Za-z])\1*|[^A-Za-z']+/g)) {
    if (part.startsWith("'")) out += part.slice(1, -1).replaceAll('%', '%%').replaceAll("'", '');
    else if (/^[A-Za-z]/.test(part)) {
      if (!Object.hasOwn(letters, part)) return undefined;
      out += letters[part]!;
    } else out += part.replaceAll('%', '%%');
  }
  return out;
}
