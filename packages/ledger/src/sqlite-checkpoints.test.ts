/** Shows that an SQLite file keeps the promises of a log's lock, for many logs side by side. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { utf8 } from '@assay/core';
import { afterAll, describe, expect, test } from 'vitest';
import { checkpointStoreContract } from './checkpoint-store.contract.ts';
import { sqliteCheckpointStore } from './sqlite-checkpoints.ts';

const folder = mkdtempSync(join(tmpdir(), 'assay-lock-'));
const opened: { close(): void }[] = [];
afterAll(() => {
  for (const store of opened) store.close();
  rmSync(folder, { recursive: true });
});
let files = 0;

describe('contract', () =>
  checkpointStoreContract(async () => {
    const path = join(folder, `${files++}.db`);
    return () => connect(path, 'log');
  }));

test('logs in one file do not see each other', async () => {
  const path = join(folder, 'many.db');
  const staged = { fromSize: 0, toSize: 1, entries: utf8('e') };
  await connect(path, 'a').compareAndSwap(null, 'note of a', staged);
  expect(await connect(path, 'b').load()).toEqual({ note: null, staged: [] });
  expect((await connect(path, 'a').load()).note).toBe('note of a');
});

test('closing drops what may be dropped', async () => {
  const path = join(folder, 'closing.db');
  const store = connect(path, 'a');
  await store.compareAndSwap(null, 'note', { fromSize: 0, toSize: 1, entries: utf8('e') });
  await store.dropStaged(1);
  store.close();
  expect(await connect(path, 'a').load()).toEqual({ note: 'note', staged: [] });
});

test('a lease from a clock that was set back has ended', async () => {
  const path = join(folder, 'clock.db');
  const store = connect(path, 'a');
  await store.holdLease('first', 5_000);
  const db = new DatabaseSync(path);
  db.exec('UPDATE lease SET ends_at_ms = ends_at_ms + 600000');
  db.close();
  expect((await store.holdLease('second', 5_000)).held).toBe(true);
});

test('a file that cannot be made is a clear error', () => {
  expect(() => connect(join(folder, 'absent', 'lock.db'), 'a')).toThrow(
    expect.objectContaining({ code: 'DATA_DIR_UNWRITABLE' }),
  );
});

function connect(path: string, origin: string) {
  const store = sqliteCheckpointStore(path, origin);
  opened.push(store);
  return store;
}
