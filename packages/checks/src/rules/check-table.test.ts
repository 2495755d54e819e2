/**
 * A file against a contract: published examples of Great Expectations, results in its fields, suites in both spellings,
 * and broken files, each with its line; a contract that is inferred holds for its file.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { gzipSync } from 'node:zlib';
import { AssayError } from '@assay/core';
import { tableFromArrays, tableToIPC } from 'apache-arrow';
import { afterAll, expect, test } from 'vitest';
import { checkFile, inferContract, parseContract, type ResultFormat, resultOf } from './index.ts';

const folder = mkdtempSync(`${tmpdir()}/assay-check-`);
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;
function file(content: string | Uint8Array, ending = 'csv'): string {
  const path = `${folder}/${files++}.${ending}`;
  writeFileSync(path, content);
  return path;
}

const suite = (...expectations: [string, Record<string, unknown>][]) =>
  parseContract(
    JSON.stringify({ name: 'suite', expectations: expectations.map(([type, kwargs]) => ({ type, kwargs })) }),
  );

async function one(
  path: string,
  type: string,
  kwargs: Record<string, unknown>,
  format: ResultFormat = 'COMPLETE',
) {
  const report = await checkFile(path, suite([type, kwargs]), { resultFormat: format });
  return resultOf(report.checks[0]!, format) as {
    success: boolean | null;
    result: Record<string, unknown>;
    exception_info: { exception_message: string };
  };
}

const LETTERS = file(`test\n${[...'AAAAABBBCC'].join('\n')}\n`);

// The examples in Great Expectations' reference for this expectation, with its figures.
test('KL divergence of the published example', async () => {
  const kl = (weights: number[], threshold: number) =>
    one(LETTERS, 'expect_column_kl_divergence_to_be_less_than', {
      column: 'test',
      partition_object: { values: ['A', 'B', 'C'], weights },
      threshold,
    });
  expect((await kl([0.5, 0.3, 0.2], 0.1)).result.observed_value).toBe(0);
  const failing = await kl([1 / 3, 1 / 3, 1 / 3], 0.01);
  expect(failing.success).toBe(false);
  expect(failing.result.observed_value).toBeCloseTo(0.06895927460353621, 11);
});

test('weights held out for a tail, as published: 0.0994 with a tenth, 0.2322 with a twentieth, infinite without', async () => {
  const path = file('a\na\na\nb\nc\n');
  const kl = async (tail_weight_holdout: number) =>
    (
      await one(path, 'expect_column_kl_divergence_to_be_less_than', {
        column: 'a',
        partition_object: { values: ['a', 'b'], weights: [0.6, 0.4] },
        threshold: 0.1,
        tail_weight_holdout,
      })
    ).result.observed_value;
  expect(await kl(0.1)).toBeCloseTo(0.09943138400349738, 11);
  expect(await kl(0.05)).toBeCloseTo(0.2321677631907768, 11);
  expect(await kl(0)).toBeNull();
});

test('a result has the fields that its format promises, and no others', async () => {
  const path = file('x\n1\n2\n\n9\n9\n', 'csv');
  const rows = file('{"x":1}\n{"x":2}\n{"x":null}\n{"x":9}\n{"x":9}\n', 'ndjson');
  const asked = { column: 'x', max_value: 5, mostly: 0.5 };
  const result = async (format: ResultFormat) =>
    (await one(rows, 'expect_column_values_to_be_between', asked, format)).result;
  expect(await result('BOOLEAN_ONLY')).toBeUndefined();
  expect(await result('BASIC')).toEqual({
    element_count: 5,
    unexpected_count: 2,
    unexpected_percent: 50,
    partial_unexpected_list: [9, 9],
    missing_count: 1,
    missing_percent: 20,
    unexpected_percent_total: 40,
    unexpected_percent_nonmissing: 50,
  });
  expect(await result('SUMMARY')).toMatchObject({
    partial_unexpected_counts: [{ value: 9, count: 2 }],
    partial_unexpected_index_list: [3, 4],
  });
  expect(await result('COMPLETE')).toMatchObject({ unexpected_list: [9, 9], unexpected_index_list: [3, 4] });
  expect(
    (await one(path, 'expect_column_values_to_be_between', { column: 'x', max_value: 5, mostly: 0.5 }))
      .success,
  ).toBe(true);
  expect(
    (await one(path, 'expect_column_values_to_be_between', { column: 'x', max_value: 5, mostly: 0.51 }))
      .success,
  ).toBe(false);
});

test('standard deviation divides by n - 1, quantiles are the nearest value, medians lie between two', async () => {
  const path = file(`x\n${[1, 2, 3, 4, 5, 6, 7, 8, 9, 10].join('\n')}\n`);
  const observed = async (type: string, kwargs = {}) =>
    (await one(path, type, { column: 'x', min_value: 0, ...kwargs })).result.observed_value;
  // sqrt(82.5 / 9)
  expect(await observed('expect_column_stdev_to_be_between')).toBeCloseTo(3.0276503540974917, 10);
  expect(await observed('expect_column_median_to_be_between')).toBe(5.5);
  const ranges = {
    quantile_ranges: {
      quantiles: [0.25, 0.5, 0.9],
      value_ranges: [
        [3, 3],
        [5, 5],
        [9, 9],
      ],
    },
    min_value: undefined,
  };
  // (n - 1) q is 2.25, 4.5 and 8.1: half goes to the even place.
  expect(await observed('expect_column_quantile_values_to_be_between', ranges)).toEqual({
    quantiles: [0.25, 0.5, 0.9],
    values: [3, 5, 9],
  });
});

test('a suite is read in its old and its new spelling; a misspelt rule names the nearest', () => {
  const rule = { kwargs: { column: 'x' }, meta: {} };
  const old = parseContract(
    JSON.stringify({
      expectation_suite_name: 's',
      expectations: [{ expectation_type: 'expect_column_values_to_be_unique', ...rule }],
      meta: {},
    }),
  );
  const now = parseContract(
    JSON.stringify({ name: 's', expectations: [{ type: 'expect_column_values_to_be_unique', ...rule }] }),
  );
  expect(now.rules).toEqual(old.rules);
  expect(() => suite(['expect_column_value_to_be_uniqe', { column: 'x' }])).toThrow(
    'did you mean expect_column_values_to_be_unique?',
  );
});

test('the same table from CSV, gzip, NDJSON, a JSON array and Arrow has the same answers', async () => {
  const rows = Array.from({ length: 50 }, (_, i) => ({ id: i, name: `n${i % 3}`, x: i / 4 }));
  const csv = `id,name,x\n${rows.map(({ id, name, x }) => `${id},${name},${x}`).join('\n')}\n`;
  const arrow = tableToIPC(
    tableFromArrays({
      id: Int32Array.from(rows, ({ id }) => id),
      name: rows.map(({ name }) => name),
      x: Float64Array.from(rows, ({ x }) => x),
    }),
    'file',
  );
  const paths = [
    file(csv),
    file(gzipSync(csv), 'csv.gz'),
    file(rows.map((row) => JSON.stringify(row)).join('\n'), 'ndjson'),
    file(JSON.stringify(rows), 'json'),
    file(arrow, 'arrow'),
  ];
  const contract = suite(
    ['expect_column_values_to_be_unique', { column: 'id' }],
    ['expect_column_values_to_be_in_set', { column: 'name', value_set: ['n0', 'n1'] }],
    ['expect_column_mean_to_be_between', { column: 'x', max_value: 6 }],
  );
  const answers = await Promise.all(
    paths.map(async (path) =>
      (await checkFile(path, contract)).checks.map(({ outcome }) => [
        outcome.status,
        outcome.unexpected,
        outcome.observed,
        outcome.examples?.[0],
      ]),
    ),
  );
  for (const answer of answers)
    expect(answer).toEqual([
      ['pass', 0, undefined, undefined],
      ['fail', 16, undefined, { row: 2, values: { name: 'n2' } }],
      ['fail', undefined, 6.125, undefined],
    ]);
});

test.each<[string, string | Uint8Array, string, string]>([
  ['a ragged row', 'a,b\n1,2\n3\n', 'TABLE_MALFORMED', 'line 3: expected 2 columns, got 1'],
  ['a quote without end', 'a,b\n1,2\n"3,4\n', 'TABLE_MALFORMED', 'line 3: expected a quote'],
  [
    'Latin-1 in UTF-8',
    Buffer.from('a,b\n1,2\n3,caf\xe9\n', 'latin1'),
    'ENCODING_INVALID',
    'line 3: expected UTF-8',
  ],
  ['an empty file', '', 'TABLE_MALFORMED', 'is empty'],
  ['two columns of one name', 'a,b,a\n1,2,3\n', 'TABLE_MALFORMED', 'got "a" for columns 1 and 3'],
  [
    'damaged gzip',
    Buffer.concat([gzipSync('a,b\n1,2\n').subarray(0, 14), Buffer.alloc(20)]),
    'TABLE_MALFORMED',
    'damaged',
  ],
])('%s is an error with its place', async (_, content, code, message) => {
  const error = await checkFile(
    file(content),
    suite(['expect_table_row_count_to_equal', { value: 1 }]),
  ).catch((caught) => caught);
  expect(error).toBeInstanceOf(AssayError);
  expect([error.code, error.message]).toEqual([code, expect.stringContaining(message)]);
});

test('a byte order mark, UTF-16, a header alone and quotes or SQL in names are read as what they are', async () => {
  const count = async (content: string | Uint8Array, column: string) =>
    (await one(file(content), 'expect_column_values_to_not_be_null', { column })).result.element_count;
  expect(await count('\ufeffa,b\n1,2\n', 'a')).toBe(1);
  expect(await count(Buffer.from('\ufeffé,b\n1,2\n', 'utf16le'), 'é')).toBe(1);
  expect(await count('a,b\n', 'a')).toBe(0);
  const evil = `a"; DROP TABLE x; --'`;
  expect(await count(`"${evil.replaceAll('"', '""')}",b\n1,2\n`, evil)).toBe(1);
});

test('NaN is missing, an infinity is a value that no mean survives', async () => {
  const path = file('x\n1.5\nnan\ninf\n');
  expect(
    (await one(path, 'expect_column_values_to_be_between', { column: 'x', max_value: 5 })).result,
  ).toMatchObject({ missing_count: 1, unexpected_count: 1, unexpected_list: ['Infinity'] });
  expect(await one(path, 'expect_column_mean_to_be_between', { column: 'x', max_value: 5 })).toMatchObject({
    success: false,
    result: { observed_value: null },
  });
});

test('what cannot be said is unknown with its reason: lookaround, an absent column, text beside numbers', async () => {
  const path = file('name,x\na,1\n');
  const why = async (type: string, kwargs: Record<string, unknown>) => {
    const { success, exception_info } = await one(path, type, kwargs);
    expect(success).toBeNull();
    return exception_info.exception_message;
  };
  expect(await why('expect_column_values_to_match_regex', { column: 'name', regex: '^(?!b)' })).toContain(
    'lookaround',
  );
  expect(await why('expect_column_values_to_be_unique', { column: 'nam' })).toContain('did you mean name?');
  expect(await why('expect_column_values_to_be_between', { column: 'name', min_value: 1 })).toContain(
    'name is text',
  );
});

test('a query sees the file and nothing else', async () => {
  const path = file('x\n1\n5\n');
  const rows = (unexpected_rows_query: string) =>
    one(path, 'unexpected_rows_expectation', { unexpected_rows_query });
  expect((await rows('SELECT * FROM {batch} WHERE x > 2')).result.observed_value).toBe(1);
  expect((await rows('SELECT * FROM {batch} WHERE x > 9')).success).toBe(true);
  for (const query of [
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM glob('/*')",
    'DROP VIEW checked_table',
    "COPY (SELECT 1) TO '/tmp/x'",
    'SET threads = 9',
    'SELECT 1; SELECT 2',
    "ATTACH '/tmp/x.db'",
    'INSTALL httpfs',
  ]) {
    expect((await rows(query)).success, query).toBeNull();
  }
});

test('an inferred contract fits the standard, holds for its file and says what it saw', async () => {
  const lines = Array.from(
    { length: 60 },
    (_, i) =>
      `${i},2024-01-01T00:00:${String(i).padStart(2, '0')}Z,${['buy', 'sell'][i % 2]},${(i * 1.25).toFixed(2)},0x${String(i).padStart(40, 'a')}`,
  );
  const path = file(`id,time,side,price,wallet\n${lines.join('\n')}\n`);
  const { yaml, rows, notes } = await inferContract(path, 'trades');
  const contract = parseContract(yaml);
  const report = await checkFile(path, contract);
  expect([rows, report.status]).toEqual([60, 'pass']);
  expect(notes.join('\n')).toMatch(
    /time: timestamp.*each later than the one before[\s\S]*side:.*2 words[\s\S]*wallet:.*Ethereum address/,
  );
  const other = file(`id,time,side,price,wallet\n0,2024-01-01T00:00:00Z,hold,999,0x1\n`);
  expect(
    (await checkFile(other, contract)).checks
      .filter(({ outcome }) => outcome.status === 'fail')
      .map(({ expectation }) => 'column' in expectation && expectation.column),
  ).toEqual(['side', 'price', 'wallet']);
});
