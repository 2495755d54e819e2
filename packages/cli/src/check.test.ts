/** `assay check` and `assay contract` as a person runs them: exit codes, what is printed, and the machine's form. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url));
const folder = mkdtempSync(`${tmpdir()}/assay-cli-check-`);
afterAll(() => rmSync(folder, { recursive: true }));

function assay(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], {
    encoding: 'utf8',
    cwd: folder,
  });
  return { status, stdout, stderr };
}

const contract = (quality: string) => `apiVersion: v3.1.0
kind: DataContract
id: trades
version: 1.0.0
status: active
schema:
  - name: trades
    properties:
      - { name: id, logicalType: integer, primaryKey: true }
      - { name: price, logicalType: number, required: true, logicalTypeOptions: { minimum: 0 } }
    quality: [${quality}]
`;
writeFileSync(`${folder}/trades.csv`, 'id,price\n1,10\n2,-3\n2,\nx,4\n');
writeFileSync(`${folder}/good.csv`, 'id,price\n1,10\n2,3\n');
writeFileSync(`${folder}/trades.yaml`, contract('{ metric: rowCount, mustBeGreaterThan: 1 }'));
writeFileSync(`${folder}/words.yaml`, contract('{ type: text, description: The venue is honest. }'));

test('what failed is told with its rows, from 1, and examples; the exit code is 1', () => {
  const { status, stdout } = assay('check', 'trades.csv', '--contract', 'trades.yaml');
  expect(status).toBe(1);
  expect(stdout).toContain('✗ price is not null: not in 1 of 4 rows');
  expect(stdout).toContain('✗ id is of type integer: not in 1 of 4 rows');
  expect(stdout).toContain('row 4: id = "x"');
  expect(stdout).toMatch(
    /✗ price is at least 0: not in 1 of 3 rows, 1 not judged \[.*\]\n {4}row 2: price = -3/,
  );
  expect(stdout).toMatch(/✗ id occurs once: not in 2 of 3 rows, 1 not judged/);
  expect(stdout).toContain('FAIL: 4 failed, 0 unknown, ');
});

test('0 holds, 3 inconclusive, 2 wrong words or an unreadable file', () => {
  expect(assay('check', 'good.csv', '--contract', 'trades.yaml')).toMatchObject({ status: 0 });
  const unsure = assay('check', 'good.csv', '--contract', 'words.yaml');
  expect(unsure.status).toBe(3);
  expect(unsure.stdout).toContain('a person must judge it: The venue is honest.');
  expect(assay('check', 'good.csv')).toMatchObject({ status: 2 });
  writeFileSync(`${folder}/ragged.csv`, 'id,price\n1,2\n3\n');
  expect(assay('check', 'ragged.csv', '--contract', 'trades.yaml')).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('ragged.csv, line 3: expected 2 columns, got 1 [TABLE_MALFORMED]'),
  });
});

test('the machine reads findings and results; an inferred contract is valid and holds', () => {
  const { status, stdout } = assay(
    'check',
    'trades.csv',
    '--contract',
    'trades.yaml',
    '--json',
    '--result-format',
    'COMPLETE',
  );
  const report = JSON.parse(stdout);
  expect([status, report.status, report.rows, report.statistics.unsuccessful_expectations]).toEqual([
    1,
    'fail',
    4,
    4,
  ]);
  expect(
    report.findings.find(
      (finding: { check: string }) => finding.check === 'expect_column_values_to_be_between',
    ),
  ).toMatchObject({ column: 'price', status: 'fail', rows: [[1, 1]] });
  expect(assay('contract', 'infer', 'good.csv', '--out', 'good.yaml')).toMatchObject({
    status: 0,
    stderr: expect.stringContaining('proposed from 2 rows'),
  });
  expect(assay('contract', 'validate', 'good.yaml').status).toBe(0);
  expect(assay('check', 'good.csv', '--contract', 'good.yaml').status).toBe(0);
  writeFileSync(`${folder}/bad.yaml`, contract('{ metric: rowCounts, mustBe: 1 }'));
  expect(assay('contract', 'validate', 'bad.yaml')).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('did you mean rowCount? (line 11,'),
  });
});

test('what a contract asks of detectors is judged too, or unknown: never passed over', () => {
  const asks = (detector: string, terms: string) =>
    contract(
      `{ id: d, dimension: accuracy, severity: warning, type: custom, engine: assay, implementation: { detector: ${detector}, terms: ${terms} } }`,
    )
      .replace('logicalType: integer, primaryKey: true', 'logicalType: timestamp')
      .replace('name: id', 'name: time');
  writeFileSync(
    `${folder}/jump.csv`,
    'time,price\n2026-01-01T00:00:00Z,5\n2026-01-01T00:01:00Z,5.1\n2026-01-01T00:02:00Z,50\n',
  );
  writeFileSync(
    `${folder}/jump.yaml`,
    asks('custody', '{ time: time, jump: { column: price, maxPerSecond: 0.05, tolerance: 0.5 } }'),
  );
  const jump = assay('check', 'jump.csv', '--contract', 'jump.yaml');
  expect(jump.status).toBe(1);
  expect(jump.stdout).toMatch(/✗ custody_jump \(price\): 1 of 2 readings fail.*first in row 3/);
  const { findings } = JSON.parse(assay('check', 'jump.csv', '--contract', 'jump.yaml', '--json').stdout);
  expect(findings.at(-1)).toMatchObject({ check: 'custody_jump', status: 'fail', rows: [[2, 2]] });
  writeFileSync(`${folder}/nobody.yaml`, asks('nobody_has_it', '{}'));
  const unknown = assay('check', 'jump.csv', '--contract', 'nobody.yaml');
  expect(unknown.status).toBe(3);
  expect(unknown.stdout).toContain('no detector named nobody_has_it is installed here');
});
