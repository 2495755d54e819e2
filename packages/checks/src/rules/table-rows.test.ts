/** A file's rows come to detectors as a stream's do: decimals as texts, instants in RFC 3339, nulls as nulls, in order. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Row } from '@assay/core';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, expect, test } from 'vitest';
import { openTable } from './table-file.ts';
import { tableRows } from './table-rows.ts';

const folder = mkdtempSync(join(tmpdir(), 'assay-rows-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function rowsOf(path: string, size: number): Promise<Row[][]> {
  const table = await openTable(path);
  const batches: Row[][] = [];
  for await (const rows of tableRows(table, size)) batches.push(rows);
  table.close();
  return batches;
}

test('a Parquet file with every kind of value', async () => {
  const path = join(folder, 'kinds.parquet');
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  await connection.run(`COPY (SELECT * FROM (VALUES
    (1::BIGINT, 1.50::DECIMAL(18,2), 0.1::DOUBLE, TIMESTAMP '2023-03-11 07:00:00', DATE '2023-03-11', 'a', true),
    (9007199254740993::BIGINT, -0.07::DECIMAL(18,2), 1e300::DOUBLE, TIMESTAMP '1969-12-31 23:59:59.999999', DATE '1970-01-01', '', false),
    (NULL, NULL, 'nan'::DOUBLE, TIMESTAMP '2023-03-11 07:00:00.120', NULL, NULL, NULL)
  ) t(n, d, f, "at", "day", s, b)) TO '${path}' (FORMAT parquet)`);
  connection.closeSync();
  instance.closeSync();
  const [rows] = await rowsOf(path, 100);
  expect(rows).toEqual([
    {
      n: '1',
      d: '1.5',
      f: '0.1',
      at: '2023-03-11T07:00:00Z',
      day: '2023-03-11T00:00:00Z',
      s: 'a',
      b: 'true',
    },
    {
      ...{ n: '9007199254740993', d: '-0.07', at: '1969-12-31T23:59:59.999999Z' },
      ...{ f: expect.any(String), day: '1970-01-01T00:00:00Z', s: '', b: 'false' },
    },
    { n: null, d: null, f: null, at: '2023-03-11T07:00:00.12Z', day: null, s: null, b: null },
  ]);
});

test('batches hold what was asked for, in the order of the file, and nothing is lost', async () => {
  const path = join(folder, 'long.csv');
  writeFileSync(path, `n\n${Array.from({ length: 10_001 }, (_, i) => i).join('\n')}\n`);
  const batches = await rowsOf(path, 4_000);
  expect(batches.map((rows) => rows.length)).toEqual([4_000, 4_000, 2_001]);
  expect(batches.flat().map((row) => (row as unknown as { n: string }).n)).toEqual(
    Array.from({ length: 10_001 }, (_, i) => String(i)),
  );
});
