import {
  type Candle,
  compareDecimal,
  type Decimal,
  divRound,
  type Finding,
  fromScaled,
  isDecimal,
  type Period,
  type Row,
} from '@assay/core';
import { type Cell, cellOf, type TableColumn } from './cells.ts';
import { columnsOf, type DataContract, declaredColumn, type Expectation, type Rule } from './contract.ts';
import type { Outcome } from './outcome.ts';
import { promise } from './promise.ts';
import { openRowChecks } from './row-evaluator.ts';
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

/** Evaluates the contracts' rules over batches of a stream. */
export interface RuleEngine {
  /**
   * Findings of many batches at once, in the order of each contract: the schema, then its rules, then freshness.
   * Batches of one stream need not come in order, because each brings its history.
   */
  evaluate(batches: readonly CheckedBatch[]): Promise<Map<string, Finding[]>>;
  close(): void;
}

/**
 * Opens a rule engine. It runs the same expectations that files are checked with, row by row: 60 batches of 60 rows take
 * about 35 ms on one core. What is asked of a whole column is asked of the batch.
 *
 * @example
 * const engine = await openRuleEngine();
 * const findings = await engine.evaluate([{ id, contract, rows, history: NO_HISTORY }]);
 */
export async function openRuleEngine(): Promise<RuleEngine> {
  return {
    async evaluate(batches) {
      return new Map(batches.map((batch) => [batch.id, findingsOf(batch)]));
    },
    close() {},
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

/** At most 20 digits before the point, and one spelling of each number. */
const CANONICAL = /^(0|-?(0[.][0-9]*[1-9]|[1-9][0-9]{0,19}([.][0-9]*[1-9])?))$/;
const INSTANT = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$/;

/** Undefined: not of its type. The stream's spellings are stricter than a file's, because they are signed as they stand. */
function streamCell(column: TableColumn, value: unknown): Cell | undefined {
  if (value === null || value === undefined) return null;
  if (column.kind === 'decimal')
    return typeof value === 'string' && CANONICAL.test(value) ? cellOf(column, value) : undefined;
  if (column.kind === 'timestamp')
    return typeof value === 'string' && INSTANT.test(value) ? cellOf(column, value) : undefined;
  return cellOf(column, value);
}

/** Indices of rows, ascending, that break what the schema says of a column. */
interface Misfits {
  nulls: number[][];
  types: number[][];
}

function findingsOf(batch: CheckedBatch): Finding[] {
  const { contract, rows, history, observed } = batch;
  const columns = contract.columns.map(declaredColumn);
  const misfits: Misfits = { nulls: columns.map(() => []), types: columns.map(() => []) };
  /** By row, the columns that the schema refuses: a rule about several columns passes over such a row. */
  const refused = new Map<number, Set<string>>();
  const refuse = (row: number, name: string) => refused.set(row, (refused.get(row) ?? new Set()).add(name));
  const cells = rows.map((row, i) =>
    columns.map((column, c): Cell => {
      const cell = streamCell(column, (row as Record<string, unknown>)[column.name]);
      if (cell === undefined) misfits.types[c]!.push(i);
      if (cell === null && contract.columns[c]!.required) misfits.nulls[c]!.push(i);
      if (cell === undefined || (cell === null && contract.columns[c]!.required)) refuse(i, column.name);
      return cell ?? null;
    }),
  );
  const time: TableColumn = { name: 'time', kind: 'timestamp', scale: 0, typeName: 'timestamp', typed: true };
  const checks = openRowChecks(
    contract.rules.map(({ expectation }) => expectation),
    columns,
    {
      maxPlaces: Number.POSITIVE_INFINITY,
      history: {
        lastTime: cellOf(time, history.lastTime) ?? null,
        lastPositive: cellOf(time, history.lastTradeTime) ?? null,
      },
      skips: (expectation, _, index) => {
        const names = refused.get(index);
        if (names === undefined) return false;
        return 'columnA' in expectation
          ? names.has(expectation.columnA) || names.has(expectation.columnB)
          : 'ignore' in expectation && expectation.columns.some((name) => names.has(name));
      },
    },
  );
  for (const row of cells) checks.add(row);
  const outcomes = checks.finish();
  return [
    ...schemaFindings(batch, misfits),
    ...contract.rules.map((rule, i) => ruleFinding(batch, rule, outcomes[i]!)),
    ...(contract.freshness ? [freshnessFinding(contract.freshness.maxSeconds, observed)] : []),
  ];
}

/** Verdicts hold at most 500 findings; a contract may have 1,000 columns. */
const MAX_SCHEMA_FINDINGS = 100;

/** What the schema section says, as one finding while it holds and one for each column that breaks it. */
function schemaFindings({ contract, rows }: CheckedBatch, { nulls, types }: Misfits): Finding[] {
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
  if (broken.length > 0) return broken.slice(0, MAX_SCHEMA_FINDINGS);
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

function ruleFinding(batch: CheckedBatch, { severity, expectation }: Rule, outcome: Outcome): Finding {
  const { rows } = batch;
  const columns = columnsOf(expectation);
  const common = {
    check: expectation.type,
    ...(columns === '' ? {} : { column: columns.slice(0, 200) }),
    severity,
  };
  if (outcome.status === 'unknown') {
    return {
      ...common,
      status: 'unknown',
      reason: `${promise(expectation)}: ${outcome.why}`.slice(0, 2_000),
    };
  }
  const measured = outcome.unexpected === undefined;
  const failing = outcome.places ?? [];
  if (outcome.status === 'pass') {
    const reason = measured
      ? `${promise(expectation)}: ${shownObserved(outcome)}`
      : failing.length === 0
        ? `${promise(expectation)}: all ${rows.length} rows`
        : `${promise(expectation)}: in all but ${failing.length} of ${rows.length} rows`;
    return {
      ...common,
      status: 'pass',
      reason: reason.slice(0, 2_000),
      score: measured ? '1' : share(rows.length - failing.length, Math.max(rows.length, 1)),
    };
  }
  if (measured) {
    return {
      ...common,
      status: 'fail',
      reason: `${promise(expectation)}: not so, ${shownObserved(outcome)}`.slice(0, 2_000),
      score: '0',
    };
  }
  return {
    ...common,
    status: 'fail',
    reason:
      `${promise(expectation)}: not in ${failing.length} of ${rows.length} rows; ${observedIn(batch, expectation, failing)}`.slice(
        0,
        2_000,
      ),
    rows: toRanges(failing),
    score:
      expectation.type === 'expect_column_steps_to_be_at_most'
        ? coveredShare(batch, expectation.column, expectation.maxSeconds)
        : share(rows.length - failing.length, rows.length),
  };
}

function shownObserved({ observed }: Outcome): string {
  const json = JSON.stringify(observed) ?? 'nothing';
  return `${json.length > 200 ? `${json.slice(0, 200)}…` : json} was observed`;
}

/** The numbers that broke a promise. */
function observedIn(batch: CheckedBatch, expectation: Expectation, failing: readonly number[]): string {
  const { rows } = batch;
  const first = failing[0]!;
  const at = (column: string, row = first) => String((rows[row] as Record<string, unknown>)[column]);
  switch (expectation.type) {
    case 'expect_column_values_to_be_between': {
      const values = failing.map((row) => at(expectation.column, row));
      values.sort(values.every((value) => isDecimal(value)) ? compareDecimal : undefined);
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
