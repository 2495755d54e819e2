/** Truth discovery on a recorded day of bitcoin at five order books: real noise, calm hours and all, and no copies. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { DuckDBInstance } from '@duckdb/node-api';
import { expect, test } from 'vitest';
import type { Claim } from './claim-table.ts';
import { discoverTruth } from './truth-discovery.ts';

const FOLDER = fileURLToPath(new URL('../../../../../shared/data/usdc-depeg-2023-03/', import.meta.url));
const there = existsSync(FOLDER);
if (!there) console.log(`skipped: no recording at ${FOLDER}`);

test.skipIf(!there)('on an ordinary day the venues agree and none is held to be a copy', async () => {
  const connection = await (await DuckDBInstance.create(':memory:')).connect();
  const claims: Claim[] = [];
  for (const source of [
    'coinbase_btcusd',
    'kraken_btcusd',
    'coinbase_btcusdt',
    'kraken_btcusdt',
    'binance_btcusdt',
  ]) {
    const rows = await connection.runAndReadAll(
      `select strftime(timestamp::timestamp, '%Y-%m-%dT%H:%M:00Z'), close::varchar from '${FOLDER}${source}.parquet'
       where timestamp::timestamp between '2023-03-02' and '2023-03-02 20:00:00' and close is not null`,
    );
    for (const [at, close] of rows.getRows()) {
      claims.push({ fact: String(at), source, value: String(Number(close)), at: String(at) });
    }
  }
  const { facts, copies } = discoverTruth(claims, { kind: 'number', tolerance: { relative: '0.003' } });
  expect(facts.length).toBeGreaterThan(1000);
  expect(copies).toEqual([]);
  expect(facts.every(({ value }) => value !== null)).toBe(true);
});
