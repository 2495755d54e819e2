import type { Finding, FindingStatus } from '@assay/core';
import { columnsOf, type DataContract, type Dimension, type Expectation, type Severity } from './contract.ts';
import { MAX_EXAMPLES, type Outcome } from './outcome.ts';
import { promise } from './promise.ts';
import { toRanges } from './row-ranges.ts';
import { share } from './rules.ts';
import { misfits } from './schema-check.ts';
import { nearestOf } from './shape.ts';
import { evaluateTable, MAX_UNEXPECTED } from './sql-evaluator.ts';
import { openTable, readable, type TableFormat, type TableOptions } from './table-file.ts';

export const RESULT_FORMATS = ['BOOLEAN_ONLY', 'BASIC', 'SUMMARY', 'COMPLETE'] as const;
export type ResultFormat = (typeof RESULT_FORMATS)[number];

/** One rule's answer on a file. */
export interface Checked {
  id: string;
  severity: Severity;
  dimension: Dimension;
  expectation: Expectation;
  /** What it promises, in words, or what the contract says of it. */
  promise: string;
  outcome: Outcome;
}

export interface TableReport {
  format: TableFormat;
  rows: number;
  columns: { name: string; type: string }[];
  checks: Checked[];
  /** `fail` when any rule fails, else `unknown` when any is unknown, else `pass`. */
  status: FindingStatus;
}

/**
 * Checks a file against a contract: what its schema says of columns, types and nulls, then each of its rules.
 *
 * @throws TABLE_MALFORMED, ENCODING_INVALID with the line, when the file cannot be read as a table.
 * @example
 * const { status, checks } = await checkFile('trades.parquet', contract);
 */
export async function checkFile(
  path: string,
  contract: DataContract,
  options: TableOptions & { resultFormat?: ResultFormat } = {},
): Promise<TableReport> {
  const table = await openTable(path, { ...options, columns: contract.columns });
  try {
    const listed = { BOOLEAN_ONLY: 0, BASIC: MAX_EXAMPLES, SUMMARY: MAX_EXAMPLES, COMPLETE: MAX_UNEXPECTED }[
      options.resultFormat ?? 'BASIC'
    ];
    const schema = await misfits(table, contract.columns, Math.min(listed, MAX_EXAMPLES));
    const outcomes = await evaluateTable(
      table,
      contract.rules.map(({ expectation }) => expectation),
      listed,
    );
    const names = table.columns.map(({ name }) => name);
    const rules = contract.rules.map(
      (rule, i): Checked => ({
        ...rule,
        promise: promise(rule.expectation),
        outcome: helpful(outcomes[i]!, names),
      }),
    );
    const checks = [...schema.checks, ...rules];
    return {
      format: table.format,
      rows: schema.rows,
      columns: table.columns.map(({ name, typeName }) => ({ name, type: typeName })),
      checks,
      status: worst(checks.map(({ outcome }) => outcome.status)),
    };
  } catch (error) {
    throw readable(error, path);
  } finally {
    table.close();
  }
}

function worst(statuses: readonly FindingStatus[]): FindingStatus {
  return statuses.includes('fail') ? 'fail' : statuses.includes('unknown') ? 'unknown' : 'pass';
}

/** Names the column that may have been meant. */
function helpful(outcome: Outcome, names: readonly string[]): Outcome {
  const missing = /^there is no column "(.*)"$/.exec(outcome.why ?? '')?.[1];
  const nearest = missing === undefined ? undefined : nearestOf(missing, names);
  return nearest === undefined ? outcome : { ...outcome, why: `${outcome.why}; did you mean ${nearest}?` };
}

/** A rule's answer as Great Expectations gives it. */
export function resultOf(
  { expectation, outcome, id }: Checked,
  format: ResultFormat,
): Record<string, unknown> {
  const success = outcome.status === 'unknown' ? null : outcome.status === 'pass';
  const common = {
    success,
    expectation_config: { type: expectation.type, id, kwargs: kwargsOf(expectation) },
    exception_info: {
      raised_exception: outcome.status === 'unknown',
      exception_message: outcome.why ?? null,
      exception_traceback: null,
    },
  };
  if (format === 'BOOLEAN_ONLY') return common;
  if (outcome.unexpected === undefined) {
    const { observed, details } = outcome;
    return {
      ...common,
      result: {
        ...(observed === undefined ? {} : { observed_value: observed }),
        ...(details === undefined ? {} : { details }),
      },
    };
  }
  const { elements = 0, considered = elements, unexpected, examples = [] } = outcome;
  const percent = (n: number, of: number) => (of === 0 ? null : (n / of) * 100);
  const noMissing = /_to_(not_)?be_null$/.test(expectation.type);
  const listed = examples.map(({ values }) =>
    Object.keys(values).length === 1
      ? Object.values(values)[0]
      : 'columnA' in expectation
        ? Object.values(values)
        : values,
  );
  const result = {
    element_count: elements,
    unexpected_count: unexpected,
    unexpected_percent: percent(unexpected, considered),
    partial_unexpected_list: listed.slice(0, MAX_EXAMPLES),
    ...(noMissing
      ? {}
      : {
          missing_count: elements - considered,
          missing_percent: percent(elements - considered, elements),
          unexpected_percent_total: percent(unexpected, elements),
          unexpected_percent_nonmissing: percent(unexpected, considered),
        }),
  };
  if (format === 'BASIC') return { ...common, result };
  const places = examples.map(({ row }) => row);
  const summary = {
    ...result,
    partial_unexpected_counts: frequent(listed),
    partial_unexpected_index_list: places.slice(0, MAX_EXAMPLES),
  };
  if (format === 'SUMMARY') return { ...common, result: summary };
  // Great Expectations lists all; a list of 10,000 is where ours ends, and says so.
  const cut = listed.length < unexpected ? { unexpected_list_truncated: true } : {};
  return {
    ...common,
    result: { ...summary, unexpected_list: listed, unexpected_index_list: places, ...cut },
  };
}

function frequent(values: readonly unknown[]): { value: unknown; count: number }[] {
  const counts = new Map<string, { value: unknown; count: number }>();
  for (const value of values) {
    const key = JSON.stringify(value) ?? 'null';
    const known = counts.get(key);
    if (known) known.count++;
    else counts.set(key, { value, count: 1 });
  }
  return [...counts.values()].sort((a, b) => b.count - a.count).slice(0, MAX_EXAMPLES);
}

function kwargsOf({ type, condition, mostly, ...members }: Expectation): Record<string, unknown> {
  return {
    ...members,
    ...(mostly === '1' ? {} : { mostly: Number(mostly) }),
    ...(condition ? { row_condition: condition.text } : {}),
  };
}

/** A rule's answer as a finding of a verdict: the rows that are named are those that were listed. */
export function findingOf({ expectation, severity, promise: words, outcome }: Checked): Finding {
  const column = columnsOf(expectation);
  const common = {
    check: expectation.type,
    ...(column === '' ? {} : { column: column.slice(0, 200) }),
    status: outcome.status,
    severity,
  };
  return {
    ...common,
    reason: `${words}: ${saidOf(outcome)}`.slice(0, 2_000),
    ...scoreOf(outcome),
    ...rowsOf(outcome),
  };
}

/** What was seen, in words. */
export function saidOf(outcome: Outcome): string {
  const { status, unexpected, elements = 0, considered = elements } = outcome;
  if (status === 'unknown') return outcome.why ?? 'not known';
  if (unexpected === undefined) {
    const note = (outcome.details as { note?: string } | undefined)?.note;
    const json = JSON.stringify(outcome.observed) ?? '';
    return note ?? `observed ${json.length > 160 ? `${json.slice(0, 160)}…` : json}`;
  }
  const missing = considered < elements ? `, ${elements - considered} not judged` : '';
  return unexpected === 0
    ? `all ${considered} rows${missing}`
    : `not in ${unexpected} of ${considered} rows${missing}`;
}

function scoreOf({ status, unexpected, elements = 0 }: Outcome): Pick<Finding, 'score'> {
  if (status === 'unknown') return {};
  if (unexpected === undefined) return { score: status === 'pass' ? '1' : '0' };
  return { score: elements === 0 ? '1' : share(elements - unexpected, elements) };
}

function rowsOf({ status, places }: Outcome): Pick<Finding, 'rows'> {
  return status === 'fail' && places && places.length > 0 ? { rows: toRanges(places) } : {};
}
