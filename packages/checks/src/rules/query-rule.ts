import { AssayError } from '@assay/core';
import { DuckDBDecimalValue, StatementType } from '@duckdb/node-api';
import { decimalOf, literalOf } from './cells.ts';
import { type Expectation, satisfies } from './expectation.ts';
import type { Outcome } from './outcome.ts';
import { figureOf, Undecidable } from './row-evaluator.ts';
import { quoteName, type Table } from './table-file.ts';

/** What a query reads when it says `{object}`, `${object}`, `{table}` or Great Expectations' `{batch}`. */
const TABLE_NAME = 'checked_table';
/** Rows of an unexpected-rows query that are shown; more are only counted. */
const MAX_ROWS = 20;

/**
 * Runs a rule that is a query, over the file as it is and nothing else. The sandbox: the connection was locked when the
 * file was opened (no other file, no network, no extension, no setting, bounded memory), the query must be one SELECT,
 * and it is stopped after the table's time. Only its first value is compared.
 */
export async function runQueryRule(
  table: Table,
  expectation: Expectation & { type: 'sql' },
): Promise<Outcome> {
  const column =
    expectation.column === null ? null : table.columns.find(({ name }) => name === expectation.column);
  const query = expectation.query
    .trim()
    .replace(/;\s*$/, '')
    .replaceAll(/\$?\{\s*(?:object|schema|table|batch)\s*\}/gi, TABLE_NAME)
    .replaceAll(/\$?\{\s*(?:property|column|field)\s*\}/gi, () => {
      if (!column)
        throw new Undecidable('the query names {property}, but the rule belongs to no column of the file');
      return column.raw;
    });
  await oneSelect(table, query);
  await view(table);
  try {
    return expectation.operator === null
      ? await unexpectedRows(table, query, expectation)
      : await singleValue(table, query, expectation.operator);
  } catch (error) {
    if (error instanceof AssayError || error instanceof Undecidable) throw error;
    throw new Undecidable(
      `the query does not run: ${(error as Error).message.split('\n')[0]!.slice(0, 200)}`,
    );
  }
}

async function oneSelect(table: Table, query: string): Promise<void> {
  try {
    const statements = await table.connection.extractStatements(query);
    if (statements.count !== 1)
      throw new Undecidable(`expected one query, got ${statements.count} statements`);
    await view(table);
    const prepared = await statements.prepare(0);
    const { statementType, parameterCount } = prepared;
    prepared.destroySync();
    if (statementType !== StatementType.SELECT || parameterCount > 0)
      throw new Undecidable('expected a SELECT without parameters, got another statement');
  } catch (error) {
    if (error instanceof Undecidable) throw error;
    throw new Undecidable(
      `the query is no SQL that DuckDB reads: ${(error as Error).message.split('\n')[0]!.slice(0, 200)}`,
    );
  }
}

async function view(table: Table): Promise<void> {
  const columns = table.columns
    .map(({ raw, name }) => `${raw} AS ${table.format === 'arrow' ? quoteName(name) : raw}`)
    .join(', ');
  await table.query(`CREATE OR REPLACE TEMP VIEW ${TABLE_NAME} AS SELECT ${columns} FROM ${table.source}`);
}

async function singleValue(
  table: Table,
  query: string,
  operator: NonNullable<(Expectation & { type: 'sql' })['operator']>,
): Promise<Outcome> {
  const rows = await table.query(`SELECT * FROM (${query}) LIMIT 2`);
  if (rows.length !== 1 || rows[0]!.length !== 1)
    throw new Undecidable(
      `expected a query that gives one value, got ${rows.length === 0 ? 'none' : 'several'}`,
    );
  const value = plain(rows[0]![0]);
  if (value === null)
    throw new Undecidable('the query gave no number or null, which is neither kept nor broken');
  return {
    status: satisfies(operator, value) ? 'pass' : 'fail',
    observed: typeof value === 'string' && decimalOf(value) !== undefined ? figureOf(value) : value,
  };
}

async function unexpectedRows(table: Table, query: string, { mostly }: Expectation): Promise<Outcome> {
  const count = Number((await table.query(`SELECT count(*) FROM (${query})`))[0]![0]);
  const all = Number((await table.query(`SELECT count(*) FROM ${TABLE_NAME}`))[0]![0]);
  const rows = count === 0 ? [] : await table.query(`SELECT * FROM (${query}) LIMIT ${MAX_ROWS}`);
  const kept = count === 0 || (mostly !== '1' && all > 0 && (all - count) / all >= Number(mostly));
  return {
    status: kept ? 'pass' : 'fail',
    observed: count,
    details: { unexpected_rows: rows.map((row) => row.map((cell) => plain(cell))) },
  };
}

/** A value as the operator compares it: numbers as decimals. */
function plain(value: unknown): string | boolean | null {
  if (value === null || typeof value === 'boolean') return value;
  if (value instanceof DuckDBDecimalValue) return decimalOf(value.toString()) ?? null;
  if (typeof value === 'number' && !Number.isFinite(value)) return null;
  const literal = typeof value === 'number' || typeof value === 'bigint' ? literalOf(value) : undefined;
  return literal !== undefined ? (decimalOf(literal) ?? null) : String(value);
}
