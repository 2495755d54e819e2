import type { Kind, TableColumn } from './cells.ts';

/**
 * Names of types in Python, pandas, Spark and SQL. A general name (`int`, `INTEGER`) is any width of its kind; one with a
 * width (`int64`, `BIGINT`) is that width where the file has types of its own, any where it has none (CSV, JSON).
 */
const GENERAL: Record<string, Kind[]> = {
  int: ['integer'],
  long: ['integer'],
  integer: ['integer'],
  numeric: ['decimal'],
  decimal: ['decimal'],
  decimaltype: ['decimal'],
  float: ['double'],
  floating: ['double'],
  real: ['double'],
  number: ['integer', 'decimal', 'double'],
  bool: ['boolean'],
  bool_: ['boolean'],
  boolean: ['boolean'],
  booleantype: ['boolean'],
  booleandtype: ['boolean'],
  str: ['string'],
  string: ['string'],
  string_types: ['string'],
  str_: ['string'],
  unicode: ['string'],
  object: ['string', 'json'],
  object_: ['string', 'json'],
  varchar: ['string'],
  text: ['string'],
  char: ['string'],
  nvarchar: ['string'],
  stringtype: ['string'],
  stringdtype: ['string'],
  date: ['date'],
  datetype: ['date'],
  time: ['time'],
  datetime: ['timestamp'],
  timestamp: ['timestamp'],
  datetime64: ['timestamp'],
  'datetime64[ns]': ['timestamp'],
  timestamptype: ['timestamp'],
  timestamp_ntz: ['timestamp'],
  'timestamp with time zone': ['timestamp'],
  timestamptz: ['timestamp'],
  datetimetzdtype: ['timestamp'],
  list: ['json'],
  dict: ['json'],
  array: ['json'],
  struct: ['json'],
  map: ['json'],
  json: ['json'],
  bytes: ['json'],
  blob: ['json'],
  binarytype: ['json'],
  arraytype: ['json'],
  structtype: ['json'],
  maptype: ['json'],
};
const SIZED: Record<string, string> = {
  int8: 'TINYINT',
  tinyint: 'TINYINT',
  bytetype: 'TINYINT',
  int16: 'SMALLINT',
  smallint: 'SMALLINT',
  shorttype: 'SMALLINT',
  int32: 'INTEGER',
  integertype: 'INTEGER',
  int64: 'BIGINT',
  bigint: 'BIGINT',
  longtype: 'BIGINT',
  hugeint: 'HUGEINT',
  int8dtype: 'TINYINT',
  int16dtype: 'SMALLINT',
  int32dtype: 'INTEGER',
  int64dtype: 'BIGINT',
  uint8: 'UTINYINT',
  utinyint: 'UTINYINT',
  uint16: 'USMALLINT',
  usmallint: 'USMALLINT',
  uint32: 'UINTEGER',
  uinteger: 'UINTEGER',
  uint64: 'UBIGINT',
  ubigint: 'UBIGINT',
  float32: 'FLOAT',
  floattype: 'FLOAT',
  float64: 'DOUBLE',
  double: 'DOUBLE',
  'double precision': 'DOUBLE',
  double_precision: 'DOUBLE',
  doubletype: 'DOUBLE',
};
const KINDS: Record<string, Kind> = { FLOAT: 'double', DOUBLE: 'double' };

/**
 * Whether a column is of one of some types.
 *
 * @returns null when none of the names is known.
 */
export function isOfType(column: TableColumn, names: readonly string[]): boolean | null {
  const answers = names.map((name) =>
    isOne(
      column,
      name
        .trim()
        .toLowerCase()
        .replace(/\(.*\)$/, ''),
    ),
  );
  return answers.includes(true) ? true : answers.includes(false) ? false : null;
}

function isOne(column: TableColumn, name: string): boolean | null {
  if (Object.hasOwn(GENERAL, name)) return GENERAL[name]!.includes(column.kind);
  if (!Object.hasOwn(SIZED, name)) return null;
  const type = SIZED[name]!;
  return column.typed ? column.typeName === type : column.kind === (KINDS[type] ?? 'integer');
}

/** What a type of DuckDB holds. */
export function kindOf(typeName: string): Pick<TableColumn, 'kind' | 'scale'> {
  const decimal = /^DECIMAL\(\d+,\s*(\d+)\)$/.exec(typeName);
  if (decimal) return { kind: 'decimal', scale: Number(decimal[1]) };
  if (/^(U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER)$/.test(typeName)) return { kind: 'integer', scale: 0 };
  if (typeName === 'DOUBLE' || typeName === 'FLOAT') return { kind: 'double', scale: 0 };
  if (typeName === 'BOOLEAN') return { kind: 'boolean', scale: 0 };
  if (typeName === 'DATE') return { kind: 'date', scale: 0 };
  if (typeName === 'TIME') return { kind: 'time', scale: 0 };
  if (typeName.startsWith('TIMESTAMP')) return { kind: 'timestamp', scale: 0 };
  if (typeName === 'VARCHAR' || typeName === 'UUID' || typeName.startsWith('ENUM('))
    return { kind: 'string', scale: 0 };
  return { kind: 'json', scale: 0 };
}
