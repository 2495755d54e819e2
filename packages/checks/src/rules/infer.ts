import { AssayError } from '@assay/core';
import { stringify } from 'yaml';
import { showCell } from './cells.ts';
import type { LogicalType } from './contract.ts';
import { cellFrom } from './sql-evaluator.ts';
import { type FileColumn, openTable, type Table, type TableOptions } from './table-file.ts';

export interface Inferred {
  /** The proposed contract, ODCS v3.1. */
  yaml: string;
  rows: number;
  /** What was proposed of each column and why, for people. */
  notes: string[];
}

/** A column with at most so many different texts, each several times, is a set of words. */
const MAX_WORDS = 20;
const LEAST_REPEATS = 5;
/** Fewer rows say too little of uniqueness and order. */
const LEAST_ROWS = 10;
/** Room on both sides of what was seen, of its width. */
const MARGIN = 0.25;

const SHAPES: [name: string, regex: string][] = [
  ['a UUID', '^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$'],
  ['an Ethereum address', '^0x[0-9a-fA-F]{40}$'],
  ['a transaction hash', '^0x[0-9a-fA-F]{64}$'],
  ['an e-mail address', '^[^@\\s]+@[^@\\s]+\\.[^@\\s.]+$'],
  ['a web address', '^https?://[^\\s]+$'],
  ['an IBAN', '^[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}$'],
  ['a trading pair', '^[A-Z0-9]{2,10}[-/][A-Z0-9]{2,10}$'],
  ['capital letters and digits', '^[A-Z0-9]+$'],
];

/**
 * Proposes a contract from a file: types, nulls, ranges with a margin, sets, uniqueness, common shapes and the order of
 * time. It holds for that file; whether it should hold for the next one is for a person to say.
 */
export async function inferContract(
  path: string,
  name: string,
  options: TableOptions = {},
): Promise<Inferred> {
  const table = await openTable(path, { ...options, seeDates: true });
  try {
    const rows = Number((await table.query(`SELECT count(*) FROM ${table.source}`))[0]![0]);
    if (rows === 0)
      throw new AssayError('TABLE_MALFORMED', `${path}: expected rows to infer a contract from, got none`, {
        next: 'give a file with data',
      });
    const notes: string[] = [];
    const properties: Record<string, unknown>[] = [];
    for (const column of table.columns) {
      const { property, note } = await inferColumn(table, column, rows);
      properties.push(property);
      notes.push(`${column.name}: ${note}`);
    }
    const contract = {
      apiVersion: 'v3.1.0',
      kind: 'DataContract',
      id: name.replaceAll(/[^A-Za-z0-9._-]+/g, '-').slice(0, 120) || 'inferred',
      version: '0.1.0',
      status: 'draft',
      description: {
        limitations: `Proposed from ${rows} rows of one file; a person must say what of it is meant.`,
      },
      schema: [
        {
          name: 'table',
          logicalType: 'object',
          properties,
          quality: [
            custom('columns', 'conformity', 'expect_table_columns_to_match_set', {
              column_set: table.columns.map(({ name: one }) => one),
            }),
          ],
        },
      ],
    };
    return { yaml: stringify(contract, { lineWidth: 0 }), rows, notes };
  } finally {
    table.close();
  }
}

const LOGICAL: Record<FileColumn['kind'], LogicalType> = {
  boolean: 'boolean',
  integer: 'integer',
  decimal: 'number',
  double: 'number',
  string: 'string',
  timestamp: 'timestamp',
  date: 'date',
  time: 'time',
  json: 'object',
};

async function inferColumn(
  table: Table,
  column: FileColumn,
  rows: number,
): Promise<{ property: Record<string, unknown>; note: string }> {
  const place = table.columns.indexOf(column);
  const from = `(SELECT ${table.rowNumber} AS rn, ${column.sql} AS v FROM (SELECT ${table.rowNumber}, ${column.raw} AS r${place} FROM ${table.source}))`;
  const ordered = column.kind !== 'json' && column.kind !== 'boolean';
  const [filled, distinct, low, high] = (
    await table.query(
      `SELECT count(v), count(DISTINCT v)${ordered ? ', min(v), max(v)' : ', NULL, NULL'} FROM ${from}`,
    )
  )[0]!;
  const [count, different] = [Number(filled), Number(distinct)];
  const logicalType = LOGICAL[column.kind];
  const nested = column.kind === 'json';
  const property: Record<string, unknown> = {
    name: column.name,
    ...(nested ? {} : { logicalType }),
    ...(column.kind === 'decimal' ? { physicalType: column.typeName.toLowerCase() } : {}),
  };
  const found: string[] = [nested ? `of type ${column.typeName}` : logicalType];
  const quality: unknown[] = [];
  const slug = `c${place}`;
  if (count === rows) {
    property.required = true;
    found.push('never null');
  } else found.push(`null in ${rows - count} of ${rows} rows`);
  if (count === 0) return { property, note: found.join(', ') };
  if (
    rows >= LEAST_ROWS &&
    different === count &&
    !nested &&
    column.kind !== 'double' &&
    column.kind !== 'boolean'
  ) {
    property.unique = true;
    found.push('each value once');
  }
  const show = (value: unknown) => showCell(column, cellFrom(column, value));
  if (column.kind === 'integer' || column.kind === 'double' || column.kind === 'decimal') {
    const range = widened(String(show(low)), String(show(high)), column.kind === 'integer');
    if (range) {
      quality.push(
        custom(`${slug}_range`, 'conformity', 'expect_column_values_to_be_between', {
          column: column.name,
          ...range,
        }),
      );
      found.push(`${show(low)} to ${show(high)}, allowed ${range.min_value} to ${range.max_value}`);
    }
  }
  if (column.kind === 'timestamp' || column.kind === 'date') {
    found.push(`${show(low)} to ${show(high)}`);
    const order = rows < LEAST_ROWS ? null : await orderOf(table, from);
    if (order) {
      quality.push(
        custom(`${slug}_order`, 'consistency', 'expect_column_values_to_be_increasing', {
          column: column.name,
          strictly: order === 'strict',
        }),
      );
      found.push(order === 'strict' ? 'each later than the one before' : 'never earlier than the one before');
    }
  }
  if (column.kind === 'string') {
    const shape = await inferText(table, from, { count, different });
    if (shape.words) {
      quality.push(
        custom(`${slug}_words`, 'conformity', 'expect_column_values_to_be_in_set', {
          column: column.name,
          value_set: shape.words,
        }),
      );
      found.push(`one of ${shape.words.length} words`);
    } else if (shape.shape) {
      quality.push(
        custom(`${slug}_shape`, 'conformity', 'expect_column_values_to_match_regex', {
          column: column.name,
          regex: shape.shape[1],
        }),
      );
      found.push(`shaped like ${shape.shape[0]}`);
    }
    if (!shape.words) {
      property.logicalTypeOptions = { maxLength: Math.max(Math.ceil(shape.longest * 1.5), 1) };
      found.push(`at most ${shape.longest} characters`);
    }
  }
  if (quality.length > 0) property.quality = quality;
  return { property, note: found.join(', ') };
}

async function orderOf(table: Table, from: string): Promise<'strict' | 'weak' | null> {
  const [back, same] = (
    await table.query(
      `SELECT count(*) FILTER (WHERE v < p), count(*) FILTER (WHERE v = p) FROM (SELECT v, lag(v) OVER () AS p FROM (SELECT v FROM ${from} WHERE v IS NOT NULL))`,
    )
  )[0]!.map(Number);
  return back! > 0 ? null : same! > 0 ? 'weak' : 'strict';
}

async function inferText(
  table: Table,
  from: string,
  { count, different }: { count: number; different: number },
) {
  const tests = SHAPES.map((_, i) => `count(*) FILTER (WHERE regexp_matches(v, $${i + 1}))`);
  const [longest, ...matching] = (
    await table.query(
      `SELECT max(length(v)), ${tests.join(', ')} FROM ${from}`,
      SHAPES.map(([, regex]) => regex),
    )
  )[0]!.map(Number);
  const few = different <= MAX_WORDS && count >= different * LEAST_REPEATS;
  const words = few
    ? (await table.query(`SELECT DISTINCT v FROM ${from} WHERE v IS NOT NULL ORDER BY v`)).map(([word]) =>
        String(word),
      )
    : null;
  const shape = SHAPES.find((_, i) => matching[i] === count) ?? null;
  return { longest: longest!, words, shape };
}

/** A quarter of the width on both sides, in round numbers; what was never negative stays so. */
function widened(
  low: string,
  high: string,
  whole: boolean,
): { min_value: number | string; max_value: number | string } | null {
  const [least, most] = [Number(low), Number(high)];
  if (!Number.isFinite(least) || !Number.isFinite(most)) return null;
  const width = Math.max(most - least, Math.abs(most) * 0.1, whole ? 1 : 0);
  const step = 10 ** Math.floor(Math.log10(width || 1) - 1);
  const round = (value: number, up: boolean) =>
    Number(((up ? Math.ceil : Math.floor)(value / step) * step).toPrecision(12));
  const min =
    least >= 0 ? Math.max(0, round(least - width * MARGIN, false)) : round(least - width * MARGIN, false);
  const max =
    most <= 0 ? Math.min(0, round(most + width * MARGIN, true)) : round(most + width * MARGIN, true);
  const exact = (value: number) => (Number.isSafeInteger(value) || Math.abs(value) < 1e15 ? value : null);
  const [a, b] = whole ? [exact(Math.floor(min)), exact(Math.ceil(max))] : [exact(min), exact(max)];
  return a === null || b === null ? null : { min_value: a, max_value: b };
}

function custom(id: string, dimension: string, type: string, kwargs: Record<string, unknown>) {
  return {
    id,
    dimension,
    severity: 'error',
    type: 'custom',
    engine: 'greatExpectations',
    implementation: { type, kwargs },
  };
}
