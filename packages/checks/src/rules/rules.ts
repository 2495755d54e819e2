import {
  type Candle,
  compareDecimal,
  type Decimal,
  divRound,
  type Finding,
  fromScaled,
  type Period,
  type Row,
} from '@assay/core';
import {
  type DuckDBConnection,
  DuckDBDataChunk,
  DuckDBInstance,
  type DuckDBType,
  type DuckDBValue,
  INTEGER,
  VARCHAR,
} from '@duckdb/node-api';
import { type Column, columnsOf, type DataContract, type Expectation, type Rule } from './contract.ts';
import { toRanges } from './row-ranges.ts';

/** One observation's rows with what is needed to judge them. */
export interface CheckedBatch {
  /** Id of the observation; unique among the batches of one call. */
  id: string;
  contract: DataContract;
  rows: readonly Row[];
  history: RowHistory;
  /** When the rows were seen, for freshness; without it freshness is unknown. */
  observed?: { observedAt: string; period: Period };
}

/** What a stream's earlier rows leave behind for the checks of the next batch. Null: nothing earlier is known. */
export interface RowHistory {
  lastTime: string | null;
  /** Last row with a positive volume. */
  lastTradeTime: string | null;
}

export const NO_HISTORY: RowHistory = { lastTime: null, lastTradeTime: null };

/** Evaluates the contracts' rules in an in-memory DuckDB. */
export interface RuleEngine {
  /**
   * Findings of many batches at once, in the order of each contract: the schema, then its rules, then freshness.
   * Batches of one stream need not come in order, because each brings its history.
   */
  evaluate(batches: readonly CheckedBatch[]): Promise<Map<string, Finding[]>>;
  close(): void;
}

/**
 * Opens a rule engine. Contracts of the same shape (columns and expectations, whatever their limits) are
 * evaluated by one query over all their batches: 60 batches of 60 rows take about 20 ms on one core.
 *
 * @example
 * const engine = await openRuleEngine();
 * const findings = await engine.evaluate([{ id, contract, rows, history: NO_HISTORY }]);
 */
export async function openRuleEngine(): Promise<RuleEngine> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  const connection = await instance.connect();
  const shapes = new Map<string, Shape>();
  // The tables are shared, so calls take turns.
  let turn: Promise<unknown> = Promise.resolve();
  return {
    evaluate(batches) {
      const result = turn.then(() => evaluate(connection, shapes, batches));
      turn = result.catch(() => undefined);
      return result;
    },
    close() {
      connection.closeSync();
      instance.closeSync();
    },
  };
}

/** The history that the next batch needs, after these rows. */
export function historyAfter(history: RowHistory, rows: readonly Row[]): RowHistory {
  let { lastTime, lastTradeTime } = history;
  for (const { time, volume } of rows as readonly Partial<Candle>[]) {
    if (typeof time !== 'string') continue;
    if (lastTime === null || time > lastTime) lastTime = time;
    const traded = typeof volume === 'string' && volume !== '0';
    if (traded && (lastTradeTime === null || time > lastTradeTime)) lastTradeTime = time;
  }
  return { lastTime, lastTradeTime };
}

/** n of d as a decimal share, to the millionth. */
export function share(n: number, d: number): Decimal {
  return fromScaled(divRound(BigInt(n) * 1_000_000n, BigInt(d)), 6);
}

async function evaluate(
  connection: DuckDBConnection,
  shapes: Map<string, Shape>,
  batches: readonly CheckedBatch[],
): Promise<Map<string, Finding[]>> {
  const groups = new Map<string, { shape: Shape; members: CheckedBatch[] }>();
  for (const batch of batches) {
    const key = shapeKey(batch.contract);
    const shape = shapes.get(key) ?? compile(batch.contract);
    shapes.set(key, shape);
    const group = groups.get(key) ?? { shape, members: [] };
    groups.set(key, group);
    group.members.push(batch);
  }
  const findings = new Map<string, Finding[]>();
  for (const { shape, members } of groups.values()) {
    const failures = await failuresOf(connection, shape, members);
    members.forEach((batch, n) => {
      findings.set(batch.id, findingsOf(batch, failures[n]!));
    });
  }
  return findings;
}

/** Indices of failing rows, ascending: by column for what the schema implies, by rule for what is stated. */
interface Failures {
  nulls: number[][];
  types: number[][];
  rules: number[][];
}

async function failuresOf(
  connection: DuckDBConnection,
  shape: Shape,
  batches: readonly CheckedBatch[],
): Promise<Failures[]> {
  await connection.run(shape.createRows);
  await connection.run(shape.createBatches);
  await append(connection, 'checked_rows', shape.rowTypes, rowTable(batches));
  await append(connection, 'checked_batches', shape.batchTypes, batchTable(batches));
  const result = await connection.runAndReadAll(shape.query);
  const failures = batches.map(({ contract }) => ({
    nulls: contract.columns.map((): number[] => []),
    types: contract.columns.map((): number[] => []),
    rules: contract.rules.map((): number[] => []),
  }));
  for (const [batch, row, nulls, types, rules] of result.getRows() as [
    number,
    number,
    bigint,
    bigint,
    bigint,
  ][]) {
    const found = failures[batch]!;
    note(found.nulls, nulls, row);
    note(found.types, types, row);
    note(found.rules, rules, row);
  }
  return failures;
}

function note(failures: number[][], bits: bigint, row: number): void {
  for (let i = 0; bits >> BigInt(i) > 0n; i++) if ((bits >> BigInt(i)) & 1n) failures[i]!.push(row);
}

/** DuckDB's vectors hold 2048 values. */
const CHUNK = 2048;

async function append(
  connection: DuckDBConnection,
  table: string,
  types: readonly DuckDBType[],
  columns: DuckDBValue[][],
): Promise<void> {
  const appender = await connection.createAppender(table);
  const count = columns[0]!.length;
  for (let from = 0; from < count; from += CHUNK) {
    const chunk = DuckDBDataChunk.create(types);
    chunk.setColumns(columns.map((column) => column.slice(from, from + CHUNK)));
    appender.appendDataChunk(chunk);
  }
  appender.closeSync();
}

/** A value that no column type accepts stands for anything that is not text. */
const NOT_TEXT = '\u0001';

function rowTable(batches: readonly CheckedBatch[]): DuckDBValue[][] {
  const table: DuckDBValue[][] = [[], [], ...batches[0]!.contract.columns.map(() => [])];
  batches.forEach(({ contract, rows }, batch) => {
    rows.forEach((row, i) => {
      table[0]!.push(batch);
      table[1]!.push(i);
      contract.columns.forEach(({ name }, c) => {
        const value = (row as Record<string, unknown>)[name];
        table[c + 2]!.push(
          typeof value === 'string' ? value : value === null || value === undefined ? null : NOT_TEXT,
        );
      });
    });
  });
  return table;
}

function batchTable(batches: readonly CheckedBatch[]): DuckDBValue[][] {
  const rows = batches.map(({ contract, history }, batch): DuckDBValue[] => [
    batch,
    history.lastTime,
    history.lastTradeTime,
    ...contract.rules.flatMap(({ expectation }) => limitsOf(expectation)),
  ]);
  return rows[0]!.map((_, column) => rows.map((row) => row[column]!));
}

/** The query of all contracts with the same columns and expectations. Limits travel as data, never as SQL. */
interface Shape {
  createRows: string;
  createBatches: string;
  rowTypes: DuckDBType[];
  batchTypes: DuckDBType[];
  query: string;
}

function shapeKey({ columns, rules }: DataContract): string {
  return JSON.stringify([
    columns,
    rules.map(({ expectation }) => ({ ...expectation, min: null, max: null, maxSeconds: null })),
  ]);
}

function compile({ columns, rules }: DataContract): Shape {
  const limits = rules.flatMap(({ expectation }) => limitsOf(expectation)).map((_, i) => `p${i}`);
  const place = new Map(columns.map(({ name }, i) => [name, i]));
  const value = (name: string) => `v${place.get(name)!}`;
  const conditions = rules.map(({ expectation }, i) => {
    const first = rules.slice(0, i).flatMap((rule) => limitsOf(rule.expectation)).length;
    return failureOf(expectation, value, limits.slice(first), `w${i}`);
  });
  // A duplicate or missing instant must not shift the comparison, so nulls are passed over.
  const earlier = (v: string) =>
    `coalesce(lag(${v} IGNORE NULLS) OVER (PARTITION BY batch ORDER BY i), last_time)`;
  const steps = rules.flatMap(({ expectation }, i) =>
    expectation.type === 'expect_column_values_to_be_increasing' ||
    expectation.type === 'expect_column_steps_to_be_at_most'
      ? [`${earlier(value(expectation.column))} AS w${i}`]
      : expectation.type === 'expect_column_to_be_positive_within'
        ? [
            `coalesce(max(CASE WHEN ${value(expectation.column)} > 0 THEN ${value(expectation.timeColumn)} END)
               OVER (PARTITION BY batch ORDER BY i ROWS UNBOUNDED PRECEDING), last_trade_time) AS w${i}`,
          ]
        : [],
  );
  return {
    createRows: `CREATE OR REPLACE TABLE checked_rows (batch INTEGER, i INTEGER${columns.map((_, c) => `, c${c} VARCHAR`).join('')})`,
    createBatches: `CREATE OR REPLACE TABLE checked_batches (batch INTEGER, last_time VARCHAR, last_trade_time VARCHAR${limits.map((p) => `, ${p} VARCHAR`).join('')})`,
    rowTypes: [INTEGER, INTEGER, ...columns.map(() => VARCHAR)],
    batchTypes: [INTEGER, VARCHAR, VARCHAR, ...limits.map(() => VARCHAR)],
    query: `
      WITH limits AS (
        SELECT batch, ${seconds('last_time')} AS last_time, ${seconds('last_trade_time')} AS last_trade_time
          ${limits.map((p) => `, CAST(${p} AS DECIMAL(38, 18)) AS ${p}`).join('')}
        FROM checked_batches
      ), typed AS (
        SELECT batch, i ${columns.map((column, c) => `, c${c}, ${typed(column, `c${c}`)} AS v${c}`).join('')}
        FROM checked_rows
      ), seen AS (
        SELECT * ${steps.map((step) => `, ${step}`).join('')} FROM typed JOIN limits USING (batch)
      ), judged AS (
        SELECT batch, i,
          ${bits(columns.map(({ required }, c) => (required ? `c${c} IS NULL` : 'false')))} AS nulls,
          ${bits(columns.map((_, c) => `c${c} IS NOT NULL AND v${c} IS NULL`))} AS types,
          ${bits(conditions)} AS rules
        FROM seen
      )
      SELECT batch, i, nulls, types, rules FROM judged WHERE nulls > 0 OR types > 0 OR rules > 0 ORDER BY batch, i`,
  };
}

function bits(conditions: readonly string[]): string {
  return conditions.length === 0
    ? '0::UBIGINT'
    : conditions
        .map((condition, i) => `(CASE WHEN ${condition} THEN ${2n ** BigInt(i)} ELSE 0 END)::UBIGINT`)
        .join(' | ');
}

/** One spelling of each number, at most 20 digits before the point. What lies beyond 10^-18 is rounded. */
const CANONICAL = '0|-?(0[.][0-9]*[1-9]|[1-9][0-9]{0,19}([.][0-9]*[1-9])?)';
/** Those that fit 64 bits: DuckDB casts a text to DECIMAL(18, 8) in 0.1 µs, to DECIMAL(38, 18) in 9 µs. */
const CANONICAL_SHORT = '0|-?(0[.][0-9]{0,7}[1-9]|[1-9][0-9]{0,9}([.][0-9]{0,7}[1-9])?)';

function typed({ logicalType }: Column, column: string): string {
  switch (logicalType) {
    case 'number':
      return `CASE WHEN regexp_full_match(${column}, '${CANONICAL_SHORT}') THEN TRY_CAST(${column} AS DECIMAL(18, 8))::DECIMAL(38, 18)
        WHEN regexp_full_match(${column}, '${CANONICAL}') THEN TRY_CAST(${column} AS DECIMAL(38, 18)) END`;
    case 'timestamp':
      return seconds(column);
    default:
      return `CASE WHEN ${column} <> chr(1) THEN ${column} END`;
  }
}

function seconds(column: string): string {
  return `CASE WHEN regexp_full_match(${column}, '[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z') THEN epoch(TRY_CAST(${column} AS TIMESTAMP))::BIGINT END`;
}

function limitsOf(expectation: Expectation): string[] {
  switch (expectation.type) {
    case 'expect_column_values_to_be_between':
      return [expectation.min ?? '0', expectation.max ?? '0'];
    case 'expect_column_steps_to_be_at_most':
    case 'expect_column_to_be_positive_within':
      return [String(expectation.maxSeconds)];
    default:
      return [];
  }
}

/** When a row fails. A comparison with null is null, which is not a failure: Great Expectations skips nulls too. */
function failureOf(
  expectation: Expectation,
  value: (column: string) => string,
  limits: readonly string[],
  before: string,
): string {
  switch (expectation.type) {
    case 'expect_column_values_to_not_be_null':
      return `${value(expectation.column)} IS NULL`;
    case 'expect_column_values_to_be_between': {
      const v = value(expectation.column);
      const below = expectation.strictMin ? `${v} <= ${limits[0]}` : `${v} < ${limits[0]}`;
      const above = expectation.strictMax ? `${v} >= ${limits[1]}` : `${v} > ${limits[1]}`;
      return `(${expectation.min === null ? 'false' : below}) OR (${expectation.max === null ? 'false' : above})`;
    }
    case 'expect_column_pair_values_a_to_be_greater_than_b': {
      const [a, b] = [value(expectation.columnA), value(expectation.columnB)];
      return expectation.orEqual ? `${a} < ${b}` : `${a} <= ${b}`;
    }
    case 'expect_column_values_to_be_increasing':
      return `${value(expectation.column)} ${expectation.strictly ? '<=' : '<'} ${before}`;
    case 'expect_column_steps_to_be_at_most':
      return `${value(expectation.column)} - ${before} > ${limits[0]}`;
    case 'expect_column_to_be_positive_within':
      return `${value(expectation.timeColumn)} - ${before} > ${limits[0]}`;
  }
}

function findingsOf(batch: CheckedBatch, failures: Failures): Finding[] {
  const { contract, observed } = batch;
  return [
    ...schemaFindings(batch, failures),
    ...contract.rules.map((rule, i) => ruleFinding(batch, rule, failures.rules[i]!)),
    ...(contract.freshness ? [freshnessFinding(contract.freshness.maxSeconds, observed)] : []),
  ];
}

/** What the schema section says, as one finding while it holds and one for each column that breaks it. */
function schemaFindings({ contract, rows }: CheckedBatch, { nulls, types }: Failures): Finding[] {
  const names = new Set(contract.columns.map(({ name }) => name));
  const strange = new Set<string>();
  const strangers = rows.flatMap((row, i) => {
    const found = Object.keys(row).filter((key) => !names.has(key));
    for (const key of found) if (strange.size < 3) strange.add(key.slice(0, 40));
    return found.length > 0 ? [i] : [];
  });
  const broken = [
    ...contract.columns.flatMap(({ name, logicalType }, c) => [
      ...failed(
        'expect_column_values_to_not_be_null',
        name,
        nulls[c]!,
        rows,
        (n) => `${name} is null in ${n}`,
      ),
      ...failed(
        'expect_column_values_to_be_of_type',
        name,
        types[c]!,
        rows,
        (n) => `${name} is not a ${logicalType} in ${n}`,
      ),
    ]),
    ...failed(
      'expect_table_columns_to_match_set',
      undefined,
      strangers,
      rows,
      (n) => `columns that the contract does not name (${[...strange].join(', ')}) in ${n}`,
    ),
  ];
  if (broken.length > 0) return broken;
  const reason = `all ${rows.length} rows have the contract's columns and types, and none is null that must not be`;
  return [{ check: 'schema', status: 'pass', severity: 'reject', reason, score: '1' }];
}

function failed(
  check: string,
  column: string | undefined,
  indices: readonly number[],
  rows: readonly Row[],
  reason: (rowsOf: string) => string,
): Finding[] {
  if (indices.length === 0) return [];
  return [
    {
      check,
      ...(column === undefined ? {} : { column }),
      status: 'fail',
      severity: 'reject',
      reason: `${reason(`${indices.length} of ${rows.length} rows`)}, first at ${place(rows, indices[0]!)}`,
      rows: toRanges(indices),
      score: share(rows.length - indices.length, rows.length),
    },
  ];
}

function ruleFinding(batch: CheckedBatch, { severity, expectation }: Rule, failing: number[]): Finding {
  const { rows } = batch;
  const common = { check: expectation.type, column: columnsOf(expectation), severity };
  if (failing.length === 0) {
    const reason = `${promise(expectation)}: all ${rows.length} rows`;
    return { ...common, status: 'pass', reason, score: '1' };
  }
  return {
    ...common,
    status: 'fail',
    reason: `${promise(expectation)}: not in ${failing.length} of ${rows.length} rows; ${observedIn(batch, expectation, failing)}`,
    rows: toRanges(failing),
    score:
      expectation.type === 'expect_column_steps_to_be_at_most'
        ? coveredShare(batch, expectation.column, expectation.maxSeconds)
        : share(rows.length - failing.length, rows.length),
  };
}

/** What an expectation promises, in words. */
function promise(expectation: Expectation): string {
  switch (expectation.type) {
    case 'expect_column_values_to_not_be_null':
      return `${expectation.column} is not null`;
    case 'expect_column_values_to_be_between': {
      const { column, min, max, strictMin, strictMax } = expectation;
      const least = min === null ? '' : `${strictMin ? 'above' : 'at least'} ${min}`;
      const most = max === null ? '' : `${strictMax ? 'below' : 'at most'} ${max}`;
      return `${column} is ${[least, most].filter((part) => part !== '').join(' and ')}`;
    }
    case 'expect_column_pair_values_a_to_be_greater_than_b':
      return `${expectation.columnA} is ${expectation.orEqual ? 'at least' : 'above'} ${expectation.columnB}`;
    case 'expect_column_values_to_be_increasing':
      return `${expectation.column} ${expectation.strictly ? 'increases' : 'does not decrease'}`;
    case 'expect_column_steps_to_be_at_most':
      return `${expectation.column} has no gap over ${expectation.maxSeconds} s`;
    case 'expect_column_to_be_positive_within':
      return `${expectation.column} was positive in the last ${expectation.maxSeconds} s`;
  }
}

/** The numbers that broke a promise. */
function observedIn(batch: CheckedBatch, expectation: Expectation, failing: readonly number[]): string {
  const { rows } = batch;
  const first = failing[0]!;
  const at = (column: string, row = first) => String((rows[row] as Record<string, unknown>)[column]);
  switch (expectation.type) {
    case 'expect_column_values_to_be_between': {
      const values = failing.map((row) => at(expectation.column, row)).sort(compareDecimal);
      const [low, high] = [values[0]!, values.at(-1)!];
      return `${low === high ? low : `${low} to ${high}`}, first at ${place(rows, first)}`;
    }
    case 'expect_column_pair_values_a_to_be_greater_than_b':
      return `first ${at(expectation.columnA)} against ${at(expectation.columnB)} at ${place(rows, first)}`;
    case 'expect_column_values_to_be_increasing':
      return `first ${at(expectation.column)} after ${before(batch, expectation.column, first)}`;
    case 'expect_column_steps_to_be_at_most':
      return `first ${secondsBetween(before(batch, expectation.column, first), at(expectation.column))} s before ${place(rows, first)}`;
    default:
      return `first at ${place(rows, first)}`;
  }
}

/** The instant before a row's: in the batch, or where the stream stood. */
function before({ rows, history }: CheckedBatch, column: string, row: number): string {
  for (let i = row - 1; i >= 0; i--) {
    const time = (rows[i] as Record<string, unknown>)[column];
    if (isInstant(time)) return time;
  }
  return history.lastTime ?? 'nothing';
}

/** Share of the time since the last known row that lies in no excessive gap. */
function coveredShare({ rows, history }: CheckedBatch, column: string, maxSeconds: number): Decimal {
  const times = rows.map((row) => (row as Record<string, unknown>)[column]).filter(isInstant);
  const instants = [...(history.lastTime === null ? [] : [history.lastTime]), ...times];
  let total = 0;
  let missing = 0;
  for (let i = 1; i < instants.length; i++) {
    const step = Math.max(secondsBetween(instants[i - 1]!, instants[i]!), 0);
    total += step;
    missing += Math.max(step - maxSeconds, 0);
  }
  return total > 0 ? share(total - missing, total) : '1';
}

function freshnessFinding(maxSeconds: number, observed: CheckedBatch['observed']): Finding {
  const common = { check: 'freshness', severity: 'flag' } as const;
  if (!observed) return { ...common, status: 'unknown', reason: 'the time of observation is not known' };
  const lateSeconds = Math.max(secondsBetween(observed.period.to, observed.observedAt), 0);
  const fresh = lateSeconds <= maxSeconds;
  return {
    ...common,
    status: fresh ? 'pass' : 'fail',
    reason: `observed ${lateSeconds} s after the end of its period; at most ${maxSeconds} s are promised`,
    score: fresh ? '1' : share(maxSeconds, lateSeconds),
  };
}

function place(rows: readonly Row[], index: number): string {
  const { time } = rows[index] as { time?: unknown };
  return typeof time === 'string' ? time.slice(0, 40) : `row ${index}`;
}

function isInstant(value: unknown): value is string {
  return typeof value === 'string' && !Number.isNaN(Date.parse(value));
}

function secondsBetween(from: string, to: string): number {
  return Math.round((Date.parse(to) - Date.parse(from)) / 1000);
}
