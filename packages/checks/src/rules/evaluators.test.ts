/**
 * Two evaluators, one meaning: what DuckDB says of a file is what the evaluator of streams says of its rows, over random
 * tables with nulls, random rules, `mostly` and conditions.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { DuckDBInstance } from '@duckdb/node-api';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { type Cell, cellOf, type TableColumn } from './cells.ts';
import { readExpectation } from './expectation.ts';
import type { Outcome } from './outcome.ts';
import { openRowChecks } from './row-evaluator.ts';
import { evaluateTable } from './sql-evaluator.ts';
import { openTable } from './table-file.ts';

const folder = mkdtempSync(`${tmpdir()}/assay-rules-`);
afterAll(() => rmSync(folder, { recursive: true }));

const COLUMNS: (TableColumn & { sql: string })[] = [
  { name: 'i', kind: 'integer', scale: 0, typeName: 'BIGINT', typed: true, sql: 'BIGINT' },
  { name: 'k', kind: 'integer', scale: 0, typeName: 'INTEGER', typed: true, sql: 'INTEGER' },
  { name: 'd', kind: 'double', scale: 0, typeName: 'DOUBLE', typed: true, sql: 'DOUBLE' },
  { name: 'm', kind: 'decimal', scale: 2, typeName: 'DECIMAL(10,2)', typed: true, sql: 'DECIMAL(10,2)' },
  { name: 's', kind: 'string', scale: 0, typeName: 'VARCHAR', typed: true, sql: 'VARCHAR' },
  { name: 'o\'dd "name"; --', kind: 'string', scale: 0, typeName: 'VARCHAR', typed: true, sql: 'VARCHAR' },
  { name: 't', kind: 'timestamp', scale: 0, typeName: 'TIMESTAMP', typed: true, sql: 'TIMESTAMP' },
  { name: 'b', kind: 'boolean', scale: 0, typeName: 'BOOLEAN', typed: true, sql: 'BOOLEAN' },
];
const ODD = COLUMNS[5]!.name;

const nullable = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null, freq: 4 });
const word = fc.constantFrom('a', 'b', 'ab', 'B', 'é', '10', 'a\n', '', '😀x', '2020-02-29', '{"a":1}');
const row = fc.tuple(
  nullable(fc.integer({ min: -4, max: 6 })),
  nullable(fc.integer({ min: -3, max: 3 })),
  nullable(fc.integer({ min: -16, max: 24 }).map((n) => n / 4)),
  nullable(fc.integer({ min: -300, max: 300 }).map((n) => (n / 100).toFixed(2))),
  nullable(word),
  nullable(word),
  nullable(
    fc
      .integer({ min: 0, max: 300 })
      .map((n) => new Date(Date.UTC(2024, 0, 1) + n * 1000).toISOString().slice(0, 19)),
  ),
  nullable(fc.boolean()),
);

const number = fc.constantFrom('i', 'k', 'd', 'm');
const any = fc.constantFrom('i', 'k', 'd', 'm', 's', ODD, 't');
const textual = fc.constantFrom('s', ODD);
const limit = fc.constantFrom(-2, -1, 0, 0.25, 0.5, 1, 2, 2.5, 3, 5);
const limits = fc
  .tuple(limit, limit)
  .map(([a, b]) => ({ min_value: Math.min(a, b), max_value: Math.max(a, b) }));
const strict = fc.record({ strict_min: fc.boolean(), strict_max: fc.boolean() });
const values = fc.array(fc.constantFrom<unknown>(0, 1, 2, -1, 0.5, 'a', 'b', 'é', '10', true, null), {
  maxLength: 5,
});
const ignorePair = fc.constantFrom('both_values_are_missing', 'either_value_is_missing', 'neither');
const ignoreList = fc.constantFrom('all_values_are_missing', 'any_value_is_missing', 'never');
const columnList = fc.uniqueArray(fc.constantFrom('i', 'k', 'd', 'm'), { minLength: 2, maxLength: 3 });

const one = <T>(type: string, keywords: fc.Arbitrary<T>) =>
  keywords.map((kwargs) => [type, kwargs] as [string, Record<string, unknown>]);
const merge = (...parts: fc.Arbitrary<object>[]) =>
  fc.tuple(...parts).map((all) => Object.assign({}, ...all) as Record<string, unknown>);
const of = (column: fc.Arbitrary<string>) => fc.record({ column });
const mapped = fc.oneof(
  one('expect_column_values_to_be_null', of(any)),
  one('expect_column_values_to_not_be_null', of(any)),
  one('expect_column_values_to_be_in_set', merge(of(any), fc.record({ value_set: values }))),
  one('expect_column_values_to_not_be_in_set', merge(of(any), fc.record({ value_set: values }))),
  one('expect_column_values_to_be_between', merge(of(number), limits, strict)),
  one(
    'expect_column_values_to_be_between',
    fc.record({ column: textual, min_value: fc.constantFrom('a', 'b', 'é', '\uffee') }),
  ),
  one(
    'expect_column_values_to_be_between',
    fc.record({ column: fc.constant('t'), max_value: fc.constant('2024-01-01T00:02:00') }),
  ),
  one(
    'expect_column_values_to_match_regex',
    fc.record({ column: textual, regex: fc.constantFrom('^a$', '[ab]', '\\d+', '^.$', '(?i)^b', '\\w$') }),
  ),
  one(
    'expect_column_values_to_not_match_regex',
    fc.record({ column: textual, regex: fc.constantFrom('^a$', '[^ab]', '\\s') }),
  ),
  one(
    'expect_column_values_to_match_regex_list',
    fc.record({
      column: textual,
      regex_list: fc.constant(['a', '1']),
      match_on: fc.constantFrom('any', 'all'),
    }),
  ),
  one(
    'expect_column_values_to_match_like_pattern',
    fc.record({ column: textual, like_pattern: fc.constantFrom('a%', '_', '%x', '%') }),
  ),
  one(
    'expect_column_value_lengths_to_be_between',
    merge(
      of(textual),
      fc.record({ min_value: fc.nat(2), max_value: fc.integer({ min: 2, max: 4 }) }),
      strict,
    ),
  ),
  one(
    'expect_column_values_to_match_strftime_format',
    fc.record({ column: textual, strftime_format: fc.constant('%Y-%m-%d') }),
  ),
  one('expect_column_values_to_be_json_parseable', of(textual)),
  one('expect_column_values_to_be_dateutil_parseable', of(textual)),
  one('expect_column_values_to_be_increasing', merge(of(any), fc.record({ strictly: fc.boolean() }))),
  one('expect_column_values_to_be_decreasing', merge(of(any), fc.record({ strictly: fc.boolean() }))),
  one('expect_column_values_to_be_unique', of(any)),
  one(
    'expect_column_value_z_scores_to_be_less_than',
    merge(of(number), fc.record({ threshold: fc.constantFrom(0.5, 1.1, 2), double_sided: fc.boolean() })),
  ),
  one(
    'expect_column_pair_values_to_be_equal',
    fc.record({ column_A: number, column_B: number, ignore_row_if: ignorePair }),
  ),
  one(
    'expect_column_pair_values_to_be_equal',
    fc.record({ column_A: fc.constant('s'), column_B: fc.constantFrom('i', ODD), ignore_row_if: ignorePair }),
  ),
  one(
    'expect_column_pair_values_a_to_be_greater_than_b',
    fc.record({ column_A: number, column_B: number, or_equal: fc.boolean(), ignore_row_if: ignorePair }),
  ),
  one(
    'expect_column_pair_values_to_be_in_set',
    fc.record({
      column_A: fc.constant('i'),
      column_B: fc.constant('s'),
      value_pairs_set: fc.constant([
        [1, 'a'],
        [2, null],
        [null, 'b'],
      ]),
      ignore_row_if: ignorePair,
    }),
  ),
  one(
    'expect_compound_columns_to_be_unique',
    fc.record({ column_list: columnList, ignore_row_if: ignoreList }),
  ),
  one(
    'expect_select_column_values_to_be_unique_within_record',
    fc.record({ column_list: columnList, ignore_row_if: ignoreList }),
  ),
  one(
    'expect_multicolumn_sum_to_equal',
    fc.record({ column_list: columnList, sum_total: limit, ignore_row_if: ignoreList }),
  ),
  one(
    'expect_column_values_to_be_multiple_of',
    fc.record({ column: number, step: fc.constantFrom('0.5', '2', '0.01') }),
  ),
  one(
    'expect_column_steps_to_be_at_most',
    fc.record({ column: fc.constant('t'), max_seconds: fc.constantFrom(1, 60) }),
  ),
  one(
    'expect_column_to_be_positive_within',
    fc.record({ column: number, time_column: fc.constant('t'), max_seconds: fc.constantFrom(1, 60) }),
  ),
);
const aggregate = fc.oneof(
  ...[
    'min',
    'max',
    'sum',
    'mean',
    'median',
    'stdev',
    'unique_value_count',
    'proportion_of_unique_values',
    'proportion_of_non_null_values',
  ].map((figure) => one(`expect_column_${figure}_to_be_between`, merge(of(number), limits, strict))),
  one(
    'expect_column_quantile_values_to_be_between',
    fc.record({
      column: number,
      quantile_ranges: fc.constant({
        quantiles: [0, 0.25, 0.5, 0.9],
        value_ranges: [
          [null, 0],
          [-2, 2],
          [0, 1],
          [1, null],
        ],
      }),
      allow_relative_error: fc.constantFrom('nearest', 'linear', 'lower', 'higher', 'midpoint'),
    }),
  ),
  ...['in', 'equal', 'contain'].map((how) =>
    one(
      `expect_column_distinct_values_to_${how === 'in' ? 'be_in' : how}_set`,
      merge(of(any), fc.record({ value_set: values })),
    ),
  ),
  one(
    'expect_column_most_common_value_to_be_in_set',
    merge(of(any), fc.record({ value_set: values, ties_okay: fc.boolean() })),
  ),
  one(
    'expect_column_kl_divergence_to_be_less_than',
    fc.record({
      column: number,
      partition_object: fc.constant({ bins: [-2, 0, 1, 3], weights: [0.5, 0.25, 0.25] }),
      threshold: limit.map(Math.abs),
      tail_weight_holdout: fc.constantFrom(0, 0.1),
    }),
  ),
  one(
    'expect_column_kl_divergence_to_be_less_than',
    fc.record({
      column: textual,
      partition_object: fc.constant({ values: ['a', 'b'], weights: [0.5, 0.5] }),
      threshold: limit.map(Math.abs),
      tail_weight_holdout: fc.constantFrom(0, 0.1),
    }),
  ),
  one(
    'expect_table_row_count_to_be_between',
    fc.record({ min_value: fc.nat(5), max_value: fc.integer({ min: 5, max: 20 }) }),
  ),
);
const condition = fc.constantFrom(
  {},
  {},
  ...[
    'i > 0',
    'not (i == 1)',
    's != "a" and d <= 1.25',
    'k in [1, 2] or m < 0',
    'b == True',
    'i.isnull() or s.notnull()',
    'd >= k',
    '-1 < i <= 2.5',
  ].flatMap((row_condition) =>
    ['pandas', 'spark'].map((condition_parser) => ({ row_condition, condition_parser })),
  ),
);
const rule = fc.oneof(
  merge2(mapped, fc.constantFrom({}, { mostly: 0.5 }, { mostly: 0.9 })),
  merge2(aggregate, fc.constant({})),
);

function merge2(body: fc.Arbitrary<[string, Record<string, unknown>]>, mostly: fc.Arbitrary<object>) {
  return fc
    .tuple(body, mostly, condition)
    .map(([[type, kwargs], a, b]) => [type, { ...kwargs, ...a, ...b }] as [string, Record<string, unknown>]);
}

let files = 0;
async function parquet(rows: readonly unknown[][]): Promise<string> {
  const path = `${folder}/${files++}`;
  writeFileSync(
    `${path}.json`,
    JSON.stringify(rows.map((cells) => Object.fromEntries(cells.map((cell, c) => [`c${c}`, cell])))),
  );
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  const connection = await instance.connect();
  const types = COLUMNS.map(({ sql }, c) => `c${c}: '${sql}'`).join(', ');
  const names = COLUMNS.map(({ name }, c) => `c${c} AS "${name.replaceAll('"', '""')}"`).join(', ');
  await connection.run(
    `COPY (SELECT ${names} FROM read_json('${path}.json', format = 'array', columns = {${types}})) TO '${path}.parquet' (FORMAT parquet)`,
  );
  connection.closeSync();
  instance.closeSync();
  return `${path}.parquet`;
}

test('property: a file and a stream of the same rows get the same answers', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(row, { minLength: 1, maxLength: 25 }),
      fc.array(rule, { minLength: 12, maxLength: 12 }),
      async (rows, rules) => {
        const expectations = rules.map(([type, kwargs]) =>
          readExpectation(
            type,
            kwargs,
            type,
            COLUMNS.map(({ name }) => name),
          ),
        );
        const stream = openRowChecks(expectations, COLUMNS);
        for (const cells of rows) stream.add(cells.map((cell, c): Cell => cellOf(COLUMNS[c]!, cell) ?? null));
        const table = await openTable(await parquet(rows), { threads: 1 });
        try {
          const ofFile = (await evaluateTable(table, expectations, 1_000)).map(compared);
          stream
            .finish()
            .map(compared)
            .forEach((outcome, i) => {
              expect(ofFile[i], JSON.stringify(rules[i])).toEqual(outcome);
            });
        } finally {
          table.close();
        }
      },
    ),
    { numRuns: process.env.ASSAY_LONG ? 400 : 25, endOnFailure: true },
  );
}, 300_000);

/** What must be the same; examples carry the same rows and values. */
function compared({ status, elements, considered, unexpected, observed, places, examples, why }: Outcome) {
  return {
    status,
    elements,
    considered,
    unexpected,
    observed: rounded(observed),
    places: unexpected === 0 ? [] : places,
    examples: examples?.slice(0, 20),
    why,
  };
}

/** Logarithms are added in another order: ten digits of a divergence are the same. */
function rounded(observed: unknown): unknown {
  return typeof observed === 'number'
    ? Number(observed.toPrecision(10))
    : Array.isArray(observed)
      ? [...observed].sort()
      : observed;
}
