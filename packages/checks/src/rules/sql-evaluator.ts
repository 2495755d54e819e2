import { AssayError, type Decimal, fromScaled } from '@assay/core';
import {
  DuckDBDateValue,
  DuckDBDecimalValue,
  type DuckDBListValue,
  type DuckDBStructValue,
  DuckDBTimestampValue,
  DuckDBTimeValue,
} from '@duckdb/node-api';
import {
  type Bound,
  boundFor,
  type Cell,
  comparable,
  type Literal,
  memberFor,
  narrow,
  showCell,
} from './cells.ts';
import { type Condition, conditionColumns, type NullLogic, type RowCondition } from './condition.ts';
import {
  type Aggregate,
  type Expectation,
  isMap,
  type MapBody,
  type PairBody,
  type RecordBody,
  readColumns,
} from './expectation.ts';
import { type Example, holdsMostly, MAX_EXAMPLES, type Outcome, unknown } from './outcome.ts';
import { runQueryRule } from './query-rule.ts';
import {
  aKind,
  columnPlace,
  judgeBins,
  judgeCategories,
  judgeColumns,
  judgeCount,
  judgeCounts,
  judgeExtreme,
  judgeMetric,
  judgeNumber,
  judgeQuantiles,
  judgeType,
  median,
  membersFor,
  numberOnly,
  openRowChecks,
  rangeBounds,
  readPatterns,
  textOnly,
  Undecidable,
  uniqueFigure,
} from './row-evaluator.ts';
import { quantilePlaces, ratio, rounded } from './statistics.ts';
import type { FileColumn, Table } from './table-file.ts';

/** Distinct values that are fetched at most; a rule that needs more of them is unknown. */
const MAX_DISTINCT = 100_000;
/** Values listed of one rule in a COMPLETE result. */
export const MAX_UNEXPECTED = 10_000;

/**
 * Evaluates expectations over a file. Everything that a single pass can answer is one query: counts, extremes, sums,
 * histograms. What needs another look shares it: one query for each column that is about repeated values or order, one
 * for what needs a mean or a count first, one for the examples of all that failed, one for what only JavaScript can judge.
 *
 * @param listed how many rows of each failed rule are told.
 */
export async function evaluateTable(
  table: Table,
  expectations: readonly Expectation[],
  listed: number = MAX_EXAMPLES,
): Promise<Outcome[]> {
  const shared: Shared = { table, first: new Scan(table), second: new Scan(table), failed: [] };
  const rows = expectations.filter((expectation) => judgedInRows(expectation));
  const plans = expectations.map((expectation): Planned => {
    if (judgedInRows(expectation)) return { finish: async () => judged.get(expectation)! };
    try {
      return plan(expectation, shared);
    } catch (error) {
      const outcome = undecided(error);
      return { finish: async () => outcome };
    }
  });
  await shared.first.run();
  const judged = await evaluateRows(table, rows, listed);
  for (const { prepare } of plans) prepare?.();
  await shared.second.run();
  const outcomes: Outcome[] = [];
  for (const { finish } of plans) outcomes.push(await finish().catch(undecided));
  return addExamples(shared, expectations, outcomes, listed);
}

/** How an outcome follows from the passes. */
interface Planned {
  /** After the first pass: asks something of the second. */
  prepare?(): void;
  finish(): Promise<Outcome>;
}

function undecided(error: unknown): Outcome {
  if (error instanceof Undecidable) return unknown(error.message);
  if (error instanceof AssayError && error.code === 'CONTRACT_INVALID') return unknown(error.message);
  throw error;
}

interface Shared {
  table: Table;
  first: Scan;
  second: Scan;
  /** What failed, with the SQL of its rows: one query shows examples of all. */
  failed: { expectation: Expectation; unexpected: (sql: Writer) => string }[];
}

/** One pass: aggregates that are asked for together. */
class Scan {
  readonly #table: Table;
  readonly #select = new Map<string, number>();
  readonly #params: unknown[] = [];
  readonly #used = new Set<number>();
  #row: unknown[] = [];

  constructor(table: Table) {
    this.#table = table;
  }

  /** Registers an aggregate; what is returned gives its value after the run. */
  add(write: (sql: Writer) => string): () => unknown {
    const writer = new Writer(this.#table, this.#params, this.#used);
    const sql = write(writer);
    const place = this.#select.get(sql) ?? this.#select.size;
    this.#select.set(sql, place);
    return () => this.#row[place];
  }

  count(write: (sql: Writer) => string): () => number {
    // Counting all rows, or those with a value, needs no filter.
    const value = this.add((sql) => {
      const where = write(sql).replace(/^(true AND )+/, '');
      const filled = /^(c\d+) IS NOT NULL$/.exec(where)?.[1];
      return where === 'true' ? 'count(*)' : filled ? `count(${filled})` : `count(*) FILTER (WHERE ${where})`;
    });
    return () => Number(value());
  }

  async run(): Promise<void> {
    if (this.#select.size === 0) return;
    const rows = await this.#table.query(
      `SELECT ${[...this.#select.keys()].join(',\n')} FROM ${typed(this.#table, this.#used)}`,
      this.#params,
    );
    this.#row = rows[0] ?? [];
  }
}

/** Writes SQL over the columns' aliases `c<place>`; limits become parameters. */
class Writer {
  readonly #table: Table;
  readonly params: unknown[];
  readonly used: Set<number>;

  constructor(table: Table, params: unknown[], used: Set<number>) {
    this.#table = table;
    this.params = params;
    this.used = used;
  }

  column(name: string): FileColumn {
    return this.#table.columns[columnPlace(this.#table.columns, name)]!;
  }

  /** A column's value. */
  value(name: string): string {
    const place = columnPlace(this.#table.columns, name);
    this.used.add(place);
    return `c${place}`;
  }

  /** A cell as a parameter of the column's type. */
  cell(column: FileColumn, cell: Cell): string {
    if (cell === null) return 'NULL';
    const param = (value: unknown) => `$${this.#same(value)}`;
    switch (column.kind) {
      case 'integer':
        // Beyond 38 digits nothing is stored, but a limit may lie there.
        return `CAST(${param(String(cell))} AS ${Math.abs(Number(cell)) < 9e18 ? 'BIGINT' : 'HUGEINT'})`;
      case 'decimal': {
        const width = /\((\d+)/.exec(column.typeName)?.[1] ?? '38';
        const wide = String(cell).replace('-', '').length > Number(width) ? '38' : width;
        return `CAST(${param(fromScaled(BigInt(cell as number), column.scale))} AS DECIMAL(${wide}, ${column.scale}))`;
      }
      case 'double':
        return Number.isFinite(cell as number)
          ? `CAST(${param(cell)} AS DOUBLE)`
          : `CAST(${param(Number(cell) > 0 ? 'inf' : '-inf')} AS DOUBLE)`;
      case 'timestamp':
      case 'date':
        return `make_timestamp(CAST(${param(String(cell))} AS BIGINT))`;
      case 'time':
        return `CAST(${param(showCell(column, cell))} AS TIME)`;
      default:
        return param(cell);
    }
  }

  text(value: string): string {
    return `$${this.#same(value)}`;
  }

  /** One parameter for equal values: then equal expressions are equal texts, and are computed once. */
  #same(value: unknown): number {
    const known = this.params.indexOf(value);
    return known >= 0 ? known + 1 : this.params.push(value);
  }
}

/** The source with the columns that are used, read as the contract says. */
function typed(table: Table, used: ReadonlySet<number>, extra = ''): string {
  const places = [...used].sort((a, b) => a - b);
  const raws = places.map((place) => `${table.columns[place]!.raw} AS r${place}`);
  if (extra !== '') raws.push(extra);
  const inner = `(SELECT ${raws.length === 0 ? '1 AS one' : raws.join(', ')} FROM ${table.source})`;
  const values = places.map((place) => `${table.columns[place]!.sql} AS c${place}, r${place}`);
  return `(SELECT ${[...values, ...(extra === '' ? [] : ['rn'])].join(', ') || '1 AS one'} FROM ${inner})`;
}

function conditionNames(expectation: Expectation): string[] {
  return expectation.condition ? conditionColumns(expectation.condition.condition) : [];
}

/** What has no SQL of the same meaning. */
function judgedInRows(expectation: Expectation): boolean {
  return [
    'expect_column_values_to_match_strftime_format',
    'expect_column_values_to_be_dateutil_parseable',
    'expect_column_values_to_be_json_parseable',
    'expect_column_values_to_match_json_schema',
    'expect_column_values_to_be_multiple_of',
    'expect_column_to_be_positive_within',
  ].includes(expectation.type);
}

/** Reads the needed columns once through the evaluator for streams. */
async function evaluateRows(
  table: Table,
  expectations: readonly Expectation[],
  listed: number,
): Promise<Map<Expectation, Outcome>> {
  const names = new Set(
    expectations.flatMap((expectation) => [...readColumns(expectation), ...conditionNames(expectation)]),
  );
  // A column that is absent is told by the evaluator.
  const columns = table.columns.filter(({ name }) => names.has(name));
  const places = columns.map((column) => table.columns.indexOf(column));
  const checks = openRowChecks(expectations, columns, { maxPlaces: listed });
  if (places.length > 0) {
    const rows = table.chunks(
      `SELECT ${places.map((place) => `c${place}`).join(', ')} FROM ${typed(table, new Set(places))}`,
    );
    for await (const chunk of rows) {
      for (const row of chunk) checks.add(row.map((value, i) => cellFrom(columns[i]!, value)));
    }
  }
  const outcomes = checks.finish();
  return new Map(expectations.map((expectation, i) => [expectation, outcomes[i]!]));
}

/** A value of DuckDB's client as a cell. */
export function cellFrom(column: FileColumn, value: unknown): Cell {
  if (value === null || value === undefined) return null;
  if (typeof value === 'bigint') return narrow(value);
  if (value instanceof DuckDBDecimalValue) return narrow(value.value);
  if (value instanceof DuckDBTimestampValue) return narrow(value.micros);
  if (value instanceof DuckDBDateValue) return value.days * 86_400_000_000;
  if (value instanceof DuckDBTimeValue) return Number(value.micros);
  if (typeof value === 'number' || typeof value === 'string' || typeof value === 'boolean') return value;
  return column.kind === 'json' ? String(value) : null;
}

/** Registers what the first pass must count, and says how the outcome follows. */
function plan(expectation: Expectation, shared: Shared): Planned {
  const { first, table } = shared;
  const chosen = (sql: Writer) =>
    expectation.condition === null ? 'true' : conditionSql(expectation.condition, sql);
  // A missing column is told now, not by DuckDB.
  if (expectation.type !== 'text')
    for (const name of [...readColumns(expectation), ...conditionNames(expectation)]) columnOf(table, name);
  if (isMap(expectation)) return planMap(expectation, shared, chosen);
  switch (expectation.type) {
    case 'expect_table_row_count_to_be_between':
    case 'expect_table_row_count_to_equal': {
      const count = first.count(chosen);
      return { finish: async () => judgeCount(expectation, count()) };
    }
    case 'expect_table_column_count_to_be_between':
    case 'expect_table_column_count_to_equal':
    case 'expect_column_to_exist':
    case 'expect_table_columns_to_match_ordered_list':
    case 'expect_table_columns_to_match_set':
      return {
        finish: async () =>
          judgeColumns(
            expectation,
            table.columns.map(({ name }) => name),
          ),
      };
    case 'expect_column_quantile_values_to_be_between': {
      const column = columnOf(table, expectation.column);
      numberOnly(column);
      return ordered(
        shared,
        expectation.column,
        chosen,
        (count) =>
          expectation.quantiles.map((q) => quantilePlaces(count, Number(q), expectation.interpolation)),
        (count, at) => judgeQuantiles(expectation, column, count, at),
      );
    }
    case 'expect_column_distinct_values_to_be_in_set':
    case 'expect_column_distinct_values_to_equal_set':
    case 'expect_column_distinct_values_to_contain_set':
    case 'expect_column_most_common_value_to_be_in_set': {
      const column = columnOf(table, expectation.column);
      return {
        finish: async () => judgeCounts(expectation, column, (await valuesOf(table, column, chosen)).counts),
      };
    }
    case 'expect_column_kl_divergence_to_be_less_than': {
      const column = columnOf(table, expectation.column);
      const { partition } = expectation;
      if (partition.kind === 'categorical') {
        return {
          finish: async () => {
            const { counts, total } = await valuesOf(table, column, chosen);
            return judgeCategories(expectation, partition, column, counts, total);
          },
        };
      }
      numberOnly(column);
      const count = filled(first, expectation.column, chosen);
      const edge = (sql: Writer, bin: number) =>
        `CAST(${sql.text(Number.isFinite(bin) ? String(bin) : bin > 0 ? 'inf' : '-inf')} AS DOUBLE)`;
      const { bins, weights } = partition;
      const within = (test: (sql: Writer, value: string) => string) =>
        first.count((sql) => `${chosen(sql)} AND ${test(sql, `${sql.value(expectation.column)}::DOUBLE`)}`);
      const below = within((sql, value) => `${value} < ${edge(sql, bins[0]!)}`);
      const above = within((sql, value) => `${value} > ${edge(sql, bins.at(-1)!)}`);
      const counts = weights.map((_, i) =>
        within(
          (sql, value) =>
            `${value} >= ${edge(sql, bins[i]!)} AND ${value} ${i === weights.length - 1 ? '<=' : '<'} ${edge(sql, bins[i + 1]!)}`,
        ),
      );
      return {
        finish: async () =>
          judgeBins(expectation, partition, {
            counts: counts.map((bin) => bin()),
            below: below(),
            above: above(),
            considered: count(),
          }),
      };
    }
    case 'rowCount': {
      const count = first.count(chosen);
      return { finish: async () => judgeMetric(expectation, count(), count()) };
    }
    case 'nullValues':
    case 'missingValues':
    case 'invalidValues': {
      const all = first.count(() => 'true');
      const count = first.count((sql) => metricSql(expectation, sql));
      return { finish: async () => judgeMetric(expectation, count(), all()) };
    }
    case 'duplicateValues': {
      const all = first.count(() => 'true');
      return {
        finish: async () => {
          const { total, distinct } = await repeats(
            table,
            expectation.columns,
            () => 'true',
            'all_values_are_missing',
          );
          return judgeMetric(expectation, total - distinct, all());
        },
      };
    }
    case 'sql':
      return { finish: () => runQueryRule(table, expectation) };
    case 'text':
      throw new Undecidable(`a person must judge it: ${expectation.description.slice(0, 300)}`);
    default:
      return planAggregate(expectation, shared, chosen);
  }
}

function columnOf(table: Table, name: string): FileColumn {
  return table.columns[columnPlace(table.columns, name)]!;
}

type Chosen = (sql: Writer) => string;

function filled(scan: Scan, name: string, chosen: Chosen): () => number {
  return scan.count((sql) => `${chosen(sql)} AND ${sql.value(name)} IS NOT NULL`);
}

function planAggregate(expectation: Expectation & Aggregate, shared: Shared, chosen: Chosen): Planned {
  const { first, table } = shared;
  const name = expectation.column;
  const column = columnOf(table, name);
  switch (expectation.type) {
    case 'expect_column_min_to_be_between':
    case 'expect_column_max_to_be_between': {
      if (column.kind === 'json') throw new Undecidable(`${name} is ${aKind(column)}, which has no order`);
      const which = expectation.type === 'expect_column_max_to_be_between' ? 'max' : 'min';
      const best = first.add((sql) => `${which}(${sql.value(name)}) FILTER (WHERE ${chosen(sql)})`);
      return { finish: async () => judgeExtreme(expectation, column, cellFrom(column, best())) };
    }
    case 'expect_column_median_to_be_between':
      numberOnly(column);
      return ordered(
        shared,
        name,
        chosen,
        (count) => [quantilePlaces(count, 0.5, 'linear')],
        (count, at) => judgeNumber(expectation, median(count, at, column)),
      );
    case 'expect_column_unique_value_count_to_be_between':
    case 'expect_column_proportion_of_unique_values_to_be_between':
      return {
        finish: async () => {
          const { distinct, total } = await repeats(table, [name], chosen, 'any_value_is_missing');
          return judgeNumber(expectation, uniqueFigure(expectation.type, distinct, total));
        },
      };
    case 'expect_column_proportion_of_non_null_values_to_be_between': {
      const [all, full] = [first.count(chosen), filled(first, name, chosen)];
      return {
        finish: async () =>
          judgeNumber(expectation, all() === 0 ? null : ratio(BigInt(full()), BigInt(all()))),
      };
    }
    default: {
      numberOnly(column);
      const moments = momentsOf(first, column, name, chosen);
      const figure =
        expectation.type === 'expect_column_sum_to_be_between'
          ? moments.sum
          : expectation.type === 'expect_column_mean_to_be_between'
            ? moments.mean
            : moments.stdev;
      return { finish: async () => judgeNumber(expectation, figure(), moments.infinite()) };
    }
  }
}

interface FileMoments {
  infinite(): number;
  sum(): Decimal | null;
  mean(): Decimal | null;
  stdev(): Decimal | null;
}

/** Infinities are counted apart: DuckDB's sums do not bear them. */
function momentsOf(scan: Scan, column: FileColumn, name: string, chosen: Chosen): FileMoments {
  const double = column.kind === 'double';
  const scale = column.kind === 'decimal' ? column.scale : 0;
  const finite = (sql: Writer) => `${chosen(sql)}${double ? ` AND isfinite(${sql.value(name)})` : ''}`;
  const count = filled(scan, name, chosen);
  const infinite = double ? scan.count((sql) => `${chosen(sql)} AND isinf(${sql.value(name)})`) : () => 0;
  // Compensated summation, so that the order of two threads does not show in twelve digits.
  const total = scan.add(
    (sql) => `${double ? 'fsum' : 'sum'}(${sql.value(name)}) FILTER (WHERE ${finite(sql)})`,
  );
  const spread = scan.add(
    (sql) =>
      `stddev_samp(${sql.value(name)}::DOUBLE) FILTER (WHERE ${finite(sql)} AND abs(${sql.value(name)}::DOUBLE) < 1e150)`,
  );
  const units = () => {
    const value = total();
    return value instanceof DuckDBDecimalValue ? value.value : (value as bigint);
  };
  const none = () => count() === 0 || infinite() > 0;
  return {
    infinite,
    sum: () => (none() ? null : double ? rounded(total() as number) : fromScaled(units(), scale)),
    mean: () =>
      none()
        ? null
        : double
          ? rounded((total() as number) / count())
          : ratio(units(), 10n ** BigInt(scale) * BigInt(count())),
    stdev: () => (none() || count() < 2 ? null : rounded(spread() as number)),
  };
}

/** What needs values at some places of a column's order: they are known once the values are counted. */
function ordered(
  { first, second, table }: Shared,
  name: string,
  chosen: Chosen,
  placesOf: (count: number) => { low: number; high: number }[],
  judge: (count: number, at: (place: number) => Cell) => Outcome,
): Planned {
  const column = columnOf(table, name);
  const count = filled(first, name, chosen);
  let places: number[] = [];
  let values: () => unknown = () => null;
  return {
    prepare() {
      if (count() === 0) return;
      places = [...new Set(placesOf(count()).flatMap(({ low, high }) => [low, high]))];
      // quantile_disc takes the value at ceil(q n) - 1: half a place below it is safe from rounding.
      const quantiles = places.map((place) => `${(place + 0.5) / count()}::DOUBLE`).join(', ');
      values = second.add(
        (sql) => `quantile_disc(${sql.value(name)}, [${quantiles}]) FILTER (WHERE ${chosen(sql)})`,
      );
    },
    finish: async () => {
      const items = (values() as DuckDBListValue | null)?.items ?? [];
      return judge(count(), (place) => cellFrom(column, items[places.indexOf(place)]));
    },
  };
}

// Values that occur again.

/** How many rows have values, how many different ones there are, and how many rows share theirs with another. */
async function repeats(
  table: Table,
  names: readonly string[],
  chosen: Chosen,
  ignore: string,
): Promise<{ total: number; distinct: number; repeated: number }> {
  const sql = new Writer(table, [], new Set());
  const keys = names.map((name) => sql.value(name));
  const where = `${chosen(sql)} AND NOT (${ignoredSql(keys, ignore)})`;
  const rows = await table.query(
    `SELECT coalesce(sum(n), 0), count(*), coalesce(sum(n) FILTER (WHERE n > 1), 0) FROM
      (SELECT count(*) AS n FROM ${typed(table, sql.used)} WHERE ${where} GROUP BY ${keys.join(', ')})`,
    sql.params,
  );
  const [total, distinct, repeated] = rows[0]!.map(Number);
  return { total: total!, distinct: distinct!, repeated: repeated! };
}

/** How often each value occurs. */
async function valuesOf(
  table: Table,
  column: FileColumn,
  chosen: Chosen,
): Promise<{ counts: Map<Cell, number>; total: number }> {
  const sql = new Writer(table, [], new Set());
  const value = sql.value(column.name);
  const where = `${chosen(sql)} AND ${value} IS NOT NULL`;
  const rows = await table.query(
    `SELECT ${value}, count(*) FROM ${typed(table, sql.used)} WHERE ${where} GROUP BY ${value} LIMIT ${MAX_DISTINCT + 1}`,
    sql.params,
  );
  if (rows.length > MAX_DISTINCT)
    throw new Undecidable(`${column.name} has more than ${MAX_DISTINCT} different values`);
  const counts = new Map(rows.map(([cell, n]) => [cellFrom(column, cell), Number(n)]));
  return { counts, total: [...counts.values()].reduce((sum, n) => sum + n, 0) };
}

function ignoredSql(values: readonly string[], ignore: string): string {
  if (ignore === 'all_values_are_missing' || ignore === 'both_values_are_missing')
    return values.map((value) => `${value} IS NULL`).join(' AND ');
  if (ignore === 'any_value_is_missing' || ignore === 'either_value_is_missing')
    return values.map((value) => `${value} IS NULL`).join(' OR ');
  return 'false';
}

// What is asked of each row.

function planMap(expectation: Expectation & MapBody, shared: Shared, chosen: Chosen): Planned {
  const { first, second, table } = shared;
  const elements = first.count(chosen);
  switch (expectation.type) {
    case 'expect_column_values_to_be_of_type':
    case 'expect_column_values_to_be_in_type_list':
      return { finish: async () => judgeType(expectation, columnOf(table, expectation.column)) };
    case 'expect_column_values_to_be_unique':
    case 'expect_compound_columns_to_be_unique': {
      const [names, ignore] =
        expectation.type === 'expect_column_values_to_be_unique'
          ? [[expectation.column], 'any_value_is_missing']
          : [expectation.columns, expectation.ignore];
      return {
        finish: async () => {
          const { total, repeated } = await repeats(table, names, chosen, ignore);
          return counted(expectation, elements(), total, repeated);
        },
      };
    }
    case 'expect_column_values_to_be_increasing':
    case 'expect_column_values_to_be_decreasing':
    case 'expect_column_steps_to_be_at_most': {
      const column = columnOf(table, expectation.column);
      if (column.kind === 'json' || column.kind === 'boolean')
        throw new Undecidable(`${column.name} is ${aKind(column)}, which has no order`);
      if (
        expectation.type === 'expect_column_steps_to_be_at_most' &&
        column.kind !== 'timestamp' &&
        column.kind !== 'date'
      ) {
        throw new Undecidable(`${column.name} is ${aKind(column)}, not a time`);
      }
      const count = filled(first, expectation.column, chosen);
      return {
        finish: async () => {
          const sql = new Writer(table, [], new Set());
          const rows = await table.query(
            `SELECT count(*) FROM ${steps(expectation, table, sql, chosen, '')} WHERE broken`,
            sql.params,
          );
          return counted(expectation, elements(), count(), Number(rows[0]![0]));
        },
      };
    }
    case 'expect_column_value_z_scores_to_be_less_than': {
      const column = columnOf(table, expectation.column);
      numberOnly(column);
      const count = filled(first, expectation.column, chosen);
      const moments = momentsOf(first, column, expectation.column, chosen);
      const fails = (sql: Writer) => {
        const [mean, spread] = [moments.mean(), moments.stdev()];
        const value = `${sql.value(expectation.column)}::DOUBLE`;
        if (mean === null || spread === null || !(Number(spread) > 0)) return `${value} IS NOT NULL`;
        const number = (text: string) => `CAST(${sql.text(text)} AS DOUBLE)`;
        const score = `(${value} - ${number(mean)}) / ${number(spread)}`;
        const limit = Number(expectation.threshold);
        return expectation.doubleSided
          ? `NOT (abs(${score}) < ${number(String(Math.abs(limit)))})`
          : `NOT (${score} < ${number(String(limit))})`;
      };
      const unexpected = (sql: Writer) =>
        `${chosen(sql)} AND ${sql.value(expectation.column)} IS NOT NULL AND ${fails(sql)}`;
      let found = () => 0;
      shared.failed.push({ expectation, unexpected });
      return {
        prepare() {
          found = second.count(unexpected);
        },
        finish: async () => counted(expectation, elements(), count(), found()),
      };
    }
    default: {
      const { ignored, fails } = failureSql(expectation, table);
      const alone = 'column' in expectation && !/_to_(not_)?be_null$/.test(expectation.type);
      const judged = (sql: Writer) =>
        alone ? `${ignored(sql).replace('IS NULL', 'IS NOT NULL')}` : `NOT (${ignored(sql)})`;
      const considered = first.count((sql) =>
        ignored(sql) === 'false' ? chosen(sql) : `${chosen(sql)} AND ${judged(sql)}`,
      );
      // A test of one column is null where the value is, and a null is not counted.
      const unexpected = (sql: Writer) =>
        `${chosen(sql)} AND ${alone ? '' : `${judged(sql)} AND `}(${fails(sql)})`;
      const count = first.count(unexpected);
      shared.failed.push({ expectation, unexpected });
      return { finish: async () => counted(expectation, elements(), considered(), count()) };
    }
  }
}

function counted(
  expectation: Expectation,
  elements: number,
  considered: number,
  unexpected: number,
): Outcome {
  return {
    status: holdsMostly(considered, unexpected, expectation.mostly) ? 'pass' : 'fail',
    elements,
    considered,
    unexpected,
    examples: [],
  };
}

/** Each value beside the one before it, nulls left out; `broken` where the order or the step does not hold. */
function steps(
  expectation: MapBody & { column: string },
  table: Table,
  sql: Writer,
  chosen: Chosen,
  extra: string,
): string {
  const value = sql.value(expectation.column);
  const where = `${chosen(sql)} AND ${value} IS NOT NULL`;
  const more = extra === '' ? '' : ', rn';
  const inner = `(SELECT ${value} AS v, lag(${value}) OVER () AS p${more} FROM (SELECT ${value}${more} FROM ${typed(table, sql.used, extra)} WHERE ${where}))`;
  const broken =
    expectation.type === 'expect_column_steps_to_be_at_most'
      ? `epoch_us(v::TIMESTAMP) - epoch_us(p::TIMESTAMP) > ${BigInt(expectation.maxSeconds) * 1_000_000n}`
      : 'strictly' in expectation
        ? `v ${expectation.type === 'expect_column_values_to_be_increasing' ? '<' : '>'}${expectation.strictly ? '=' : ''} p`
        : 'false';
  return `(SELECT v, p, ${broken} AS broken${more} FROM ${inner})`;
}

interface Failure {
  ignored: (sql: Writer) => string;
  fails: (sql: Writer) => string;
}

function failureSql(expectation: MapBody, table: Table): Failure {
  switch (expectation.type) {
    case 'expect_column_values_to_be_null':
    case 'expect_column_values_to_not_be_null': {
      const is = expectation.type === 'expect_column_values_to_be_null' ? 'IS NOT NULL' : 'IS NULL';
      return { ignored: () => 'false', fails: (sql) => `${sql.value(expectation.column)} ${is}` };
    }
    case 'expect_column_pair_values_to_be_equal':
    case 'expect_column_pair_values_a_to_be_greater_than_b':
    case 'expect_column_pair_values_to_be_in_set':
      return pairSql(expectation, table);
    case 'expect_select_column_values_to_be_unique_within_record':
    case 'expect_multicolumn_sum_to_equal':
      return recordSql(expectation, table);
    default: {
      if (!('column' in expectation)) throw new Undecidable('not about one column');
      const column = columnOf(table, expectation.column);
      const fails = valueSql(expectation, column);
      const of = (sql: Writer) => sql.value(expectation.column);
      return { ignored: (sql) => `${of(sql)} IS NULL`, fails: (sql) => fails(of(sql), sql) };
    }
  }
}

/** When a value that is not null does not hold. */
function valueSql(
  expectation: MapBody & { column: string },
  column: FileColumn,
): (value: string, sql: Writer) => string {
  switch (expectation.type) {
    case 'expect_column_values_to_be_in_set':
    case 'expect_column_values_to_not_be_in_set': {
      if (expectation.values === null) return () => 'false';
      const members = [...membersFor(column, expectation.values)];
      const not = expectation.type === 'expect_column_values_to_be_in_set' ? 'NOT ' : '';
      if (members.length === 0) return (value) => (not === '' ? 'false' : `${value} IS NOT NULL`);
      return (value, sql) => `${not}${inSql(value, column, members, sql)}`;
    }
    case 'expect_column_values_to_be_between': {
      const { min, max } = rangeBounds(column, expectation);
      return (value, sql) =>
        [
          ...(min
            ? [`${value} ${expectation.strictMin || !min.exact ? '<=' : '<'} ${sql.cell(column, min.value)}`]
            : []),
          ...(max
            ? [`${value} ${expectation.strictMax && max.exact ? '>=' : '>'} ${sql.cell(column, max.value)}`]
            : []),
        ].join(' OR ');
    }
    case 'expect_column_value_lengths_to_be_between':
    case 'expect_column_value_lengths_to_equal': {
      textOnly(column, 'its values have no length');
      const { min, max, strictMin, strictMax } = expectation;
      return (value) =>
        [
          ...(min === null ? [] : [`length(${value}) ${strictMin ? '<=' : '<'} ${min}`]),
          ...(max === null ? [] : [`length(${value}) ${strictMax ? '>=' : '>'} ${max}`]),
        ].join(' OR ');
    }
    default: {
      if (!('patterns' in expectation)) throw new Undecidable('not asked of a value alone');
      textOnly(column, 'a pattern is matched with text');
      const patterns = readPatterns(expectation);
      const { matchOn } = expectation;
      return (value, sql) => {
        const found = patterns.map(({ re2 }) => `regexp_matches(${value}, ${sql.text(re2)})`);
        return matchOn === 'none'
          ? found.join(' OR ')
          : `NOT (${found.join(matchOn === 'any' ? ' OR ' : ' AND ')})`;
      };
    }
  }
}

function inSql(value: string, column: FileColumn, members: readonly Cell[], sql: Writer): string {
  return members.length === 0
    ? 'false'
    : `(${value} IN (${members.map((member) => sql.cell(column, member)).join(', ')}))`;
}

function pairSql(expectation: PairBody, table: Table): Failure {
  const [a, b] = [columnOf(table, expectation.columnA), columnOf(table, expectation.columnB)];
  const values = (sql: Writer) => [sql.value(expectation.columnA), sql.value(expectation.columnB)] as const;
  const ignored = (sql: Writer) => ignoredSql(values(sql), expectation.ignore);
  const failing = (holds: (x: string, y: string, sql: Writer) => string): Failure => ({
    ignored,
    // A comparison with null does not hold.
    fails: (sql) => `NOT coalesce(${holds(...values(sql), sql)}, false)`,
  });
  if (expectation.type === 'expect_column_pair_values_to_be_in_set') {
    const { pairs } = expectation;
    if (pairs === null) return { ignored, fails: () => 'false' };
    return failing((x, y, sql) => {
      const one = (value: string, column: FileColumn, literal: Literal) => {
        if (literal === null) return `${value} IS NULL`;
        const member = memberFor(column, literal);
        return member === undefined ? 'false' : `coalesce(${value} = ${sql.cell(column, member)}, false)`;
      };
      return pairs.map(([p, q]) => `(${one(x, a, p)} AND ${one(y, b, q)})`).join(' OR ') || 'false';
    });
  }
  const equal = expectation.type === 'expect_column_pair_values_to_be_equal';
  if (!comparable(a, b)) {
    if (equal) return failing(() => 'false');
    throw new Undecidable(`${a.name} is ${aKind(a)} and ${b.name} ${aKind(b)}: they have no common order`);
  }
  return failing((x, y) => compareSql(a, x, equal ? '=' : expectation.orEqual ? '>=' : '>', b, y));
}

/** Integers beside doubles are compared as doubles, as everywhere. */
function compareSql(a: FileColumn, x: string, operator: string, b: FileColumn, y: string): string {
  const double = (a.kind === 'double') !== (b.kind === 'double');
  return double ? `${x}::DOUBLE ${operator} ${y}::DOUBLE` : `${x} ${operator} ${y}`;
}

function recordSql(expectation: RecordBody, table: Table): Failure {
  const columns = expectation.columns.map((name) => columnOf(table, name));
  const values = (sql: Writer) => expectation.columns.map((name) => sql.value(name));
  const ignored = (sql: Writer) => ignoredSql(values(sql), expectation.ignore);
  if (expectation.type === 'expect_multicolumn_sum_to_equal') {
    for (const column of columns) numberOnly(column);
    const double = columns.some(({ kind }) => kind === 'double');
    const scale = Math.max(0, ...columns.map((column) => (column.kind === 'decimal' ? column.scale : 0)));
    const exact = scale === 0 ? 'HUGEINT' : `DECIMAL(38, ${scale})`;
    const total: FileColumn = {
      ...columns[0]!,
      kind: double ? 'double' : scale === 0 ? 'integer' : 'decimal',
      scale,
      typeName: exact,
    };
    const bound = boundFor(total, { decimal: expectation.total });
    return {
      ignored,
      fails: (sql) => {
        const sum = values(sql)
          .map((value) => `${value}::${double ? 'DOUBLE' : exact}`)
          .join(' + ');
        return bound?.exact ? `coalesce(${sum} <> ${sql.cell(total, bound.value)}, true)` : 'true';
      },
    };
  }
  return {
    ignored,
    fails: (sql) => {
      const all = values(sql);
      const same = all.flatMap((x, i) =>
        all.slice(i + 1).map((y, j) => {
          const [a, b] = [columns[i]!, columns[i + 1 + j]!];
          const equal = comparable(a, b) ? ` OR coalesce(${compareSql(a, x, '=', b, y)}, false)` : '';
          return `((${x} IS NULL AND ${y} IS NULL)${equal})`;
        }),
      );
      return same.join(' OR ');
    },
  };
}

function metricSql(
  expectation: Expectation & { columns: string[]; values: Literal[]; pattern: string | null },
  sql: Writer,
): string {
  const name = expectation.columns[0]!;
  const value = sql.value(name);
  const column = sql.column(name);
  if (expectation.type === 'nullValues') return `${value} IS NULL`;
  const among = inSql(value, column, [...membersFor(column, expectation.values)], sql);
  if (expectation.type === 'missingValues')
    return `coalesce(${among}, false)${expectation.values.includes(null) ? ` OR ${value} IS NULL` : ''}`;
  if (expectation.pattern !== null) textOnly(column, 'a pattern is matched with text');
  const pattern =
    expectation.pattern === null
      ? null
      : readPatterns({ patterns: [expectation.pattern], syntax: 'regex' })[0]!;
  const wrong = [
    ...(expectation.values.length > 0 ? [`NOT ${among}`] : []),
    ...(pattern ? [`NOT regexp_matches(${value}, ${sql.text(pattern.re2)})`] : []),
  ];
  return `${value} IS NOT NULL AND (${wrong.join(' OR ')})`;
}

// Which rows a rule is about.

function conditionSql({ condition, logic }: RowCondition, sql: Writer): string {
  return `coalesce(${chooses(condition, logic, sql)}, false)`;
}

function chooses(condition: Condition, logic: NullLogic, sql: Writer): string {
  /** In pandas a comparison with null has an answer. */
  const withNull = (test: string, ofNull: boolean) =>
    logic === 'pandas' ? `coalesce(${test}, ${ofNull})` : `(${test})`;
  switch (condition.kind) {
    case 'not':
      return `(NOT ${chooses(condition.part, logic, sql)})`;
    case 'and':
    case 'or':
      return `(${condition.parts.map((part) => chooses(part, logic, sql)).join(condition.kind === 'and' ? ' AND ' : ' OR ')})`;
    case 'null':
      return `(${sql.value(condition.column)} IS ${condition.not ? 'NOT ' : ''}NULL)`;
    case 'in': {
      const column = sql.column(condition.column);
      const value = sql.value(condition.column);
      const members = [...membersFor(column, condition.literals)];
      const among =
        members.length === 0
          ? `CASE WHEN ${value} IS NOT NULL THEN false END`
          : inSql(value, column, members, sql);
      return withNull(
        condition.not ? `NOT ${among}` : among,
        condition.literals.includes(null) !== condition.not,
      );
    }
    case 'compare':
      return withNull(literalSql(condition, sql), condition.operator === '!=');
    case 'columns': {
      const [a, b] = [sql.column(condition.column), sql.column(condition.other)];
      const [x, y] = [sql.value(condition.column), sql.value(condition.other)];
      if (!comparable(a, b)) {
        if (condition.operator !== '==' && condition.operator !== '!=')
          throw new Undecidable(
            `the condition orders ${a.name}, which is ${aKind(a)}, with ${b.name}, which is ${aKind(b)}`,
          );
        return withNull(
          `CASE WHEN ${x} IS NOT NULL AND ${y} IS NOT NULL THEN ${condition.operator === '!='} END`,
          condition.operator === '!=',
        );
      }
      return withNull(compareSql(a, x, SQL_OPERATORS[condition.operator], b, y), condition.operator === '!=');
    }
  }
}

const SQL_OPERATORS = { '==': '=', '!=': '<>', '<': '<', '<=': '<=', '>': '>', '>=': '>=' } as const;

function literalSql(
  { column: name, operator, literal }: Condition & { kind: 'compare' },
  sql: Writer,
): string {
  const column = sql.column(name);
  const value = sql.value(name);
  const bound: Bound | undefined = boundFor(column, literal);
  if (operator === '==' || operator === '!=') {
    if (!bound?.exact) return `CASE WHEN ${value} IS NOT NULL THEN ${operator === '!='} END`;
    return `${value} ${SQL_OPERATORS[operator]} ${sql.cell(column, bound.value)}`;
  }
  if (!bound)
    throw new Undecidable(
      `the condition orders ${name}, which is ${aKind(column)}, with another kind of value`,
    );
  // A limit between two values is represented by the lower one.
  const asked = bound.exact ? operator : operator === '<' ? '<=' : operator === '>=' ? '>' : operator;
  return `${value} ${asked} ${sql.cell(column, bound.value)}`;
}

// Examples of what failed.

/** Adds the first rows of everything that failed: one pass for all whose rows one expression chooses. */
async function addExamples(
  shared: Shared,
  expectations: readonly Expectation[],
  outcomes: Outcome[],
  listed: number,
): Promise<Outcome[]> {
  const { table, failed } = shared;
  const broken = (expectation: Expectation) =>
    (outcomes[expectations.indexOf(expectation)]?.unexpected ?? 0) > 0;
  const together = failed.filter(({ expectation }) => broken(expectation));
  if (together.length > 0 && listed > 0) {
    const sql = new Writer(table, [], new Set());
    const select = together.map(({ expectation, unexpected }) => {
      const values = readColumns(expectation).map((name, i) => `v${i} := ${sql.value(name)}`);
      return `arg_min(struct_pack(${['rn := rn', ...values].join(', ')}), rn, ${listed}) FILTER (WHERE ${unexpected(sql)})`;
    });
    const rows = await table.query(
      `SELECT ${select.join(',\n')} FROM ${typed(table, sql.used, `${table.rowNumber} AS rn`)}`,
      sql.params,
    );
    together.forEach(({ expectation }, i) => {
      const items = ((rows[0]?.[i] ?? null) as DuckDBListValue | null)?.items ?? [];
      note(
        outcomes,
        expectations,
        expectation,
        table,
        items.map((item) => Object.values((item as DuckDBStructValue).entries)),
      );
    });
  }
  for (const expectation of expectations) {
    const alone =
      'strictly' in expectation ||
      expectation.type === 'expect_column_steps_to_be_at_most' ||
      expectation.type === 'expect_column_values_to_be_unique' ||
      expectation.type === 'expect_compound_columns_to_be_unique';
    if (!alone || !broken(expectation) || listed === 0) continue;
    note(
      outcomes,
      expectations,
      expectation,
      table,
      await brokenRows(table, expectation as Expectation & MapBody, listed),
    );
  }
  return outcomes;
}

/** Rows out of order, or whose values occur again. */
async function brokenRows(
  table: Table,
  expectation: Expectation & MapBody,
  listed: number,
): Promise<unknown[][]> {
  const sql = new Writer(table, [], new Set());
  const chosen: Chosen = (writer) =>
    expectation.condition === null ? 'true' : conditionSql(expectation.condition, writer);
  const extra = `${table.rowNumber} AS rn`;
  if ('strictly' in expectation || expectation.type === 'expect_column_steps_to_be_at_most') {
    return table.query(
      `SELECT rn, v FROM ${steps(expectation, table, sql, chosen, extra)} WHERE broken ORDER BY rn LIMIT ${listed}`,
      sql.params,
    );
  }
  const names = readColumns(expectation);
  const keys = names.map((name) => sql.value(name));
  const ignore =
    expectation.type === 'expect_compound_columns_to_be_unique' ? expectation.ignore : 'any_value_is_missing';
  const where = `${chosen(sql)} AND NOT (${ignoredSql(keys, ignore)})`;
  const source = typed(table, sql.used, extra);
  const inner = keys.map((key) => `o.${key}`).join(', ');
  return table.query(
    `SELECT o.rn, ${inner} FROM (SELECT * FROM ${source} WHERE ${where}) o
      JOIN (SELECT ${keys.join(', ')} FROM ${source} WHERE ${where} GROUP BY ${keys.join(', ')} HAVING count(*) > 1) t
      ON ${keys.map((key) => `o.${key} IS NOT DISTINCT FROM t.${key}`).join(' AND ')}
      ORDER BY o.rn LIMIT ${listed}`,
    sql.params,
  );
}

function note(
  outcomes: Outcome[],
  expectations: readonly Expectation[],
  expectation: Expectation,
  table: Table,
  rows: readonly unknown[][],
): void {
  const columns = readColumns(expectation).map((name) => columnOf(table, name));
  const found = rows.map(
    ([row, ...values]): Example => ({
      row: Number(row),
      values: Object.fromEntries(
        columns.map((column, i) => [column.name, showCell(column, cellFrom(column, values[i]))]),
      ),
    }),
  );
  expectations.forEach((other, i) => {
    const outcome = outcomes[i]!;
    if (other !== expectation) return;
    const places = found.map(({ row }) => row);
    outcomes[i] = {
      ...outcome,
      examples: found,
      ...(places.length === outcome.unexpected ? { places } : {}),
    };
  });
}
