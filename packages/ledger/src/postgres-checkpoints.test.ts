/** Shows that a PostgreSQL database keeps the promises of a log's lock, also when the server dies in mid-write. */
import { setTimeout as sleep } from 'node:timers/promises';
import { utf8 } from '@assay/core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkpointStoreContract } from './checkpoint-store.contract.ts';
import type { Ledger } from './ledger.ts';
import { entriesFrom, entry, ORIGIN, temporaryLog, verifyServedLog } from './log.fixture.ts';
import { postgresAbsent, startPostgres, type TestPostgres } from './postgres.fixture.ts';
import { postgresCheckpointStore } from './postgres-checkpoints.ts';

const CRASHES = process.env.ASSAY_LONG ? 100 : 3;

describe.skipIf(postgresAbsent)(`PostgreSQL${postgresAbsent ? ` (${postgresAbsent})` : ''}`, () => {
  let server: TestPostgres;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server?.dispose());

  for (const isolation of ['read committed', 'serializable'] as const) {
    let logs = 0;
    describe(`contract, ${isolation}`, () =>
      checkpointStoreContract(async () => {
        const sql = await server.connect('contract', { default_transaction_isolation: isolation });
        const origin = `${isolation} ${logs++}`;
        return () => postgresCheckpointStore({ sql, origin });
      }));
  }

  test('logs in one database do not see each other', async () => {
    const sql = await server.connect('many');
    const staged = { fromSize: 0, toSize: 1, entries: utf8('e') };
    await postgresCheckpointStore({ sql, origin: 'a' }).compareAndSwap(null, 'note of a', staged);
    expect(await postgresCheckpointStore({ sql, origin: 'b' }).load()).toEqual({ note: null, staged: [] });
    expect((await postgresCheckpointStore({ sql, origin: 'a' }).load()).note).toBe('note of a');
  });

  test('processes that start at once make the tables once', async () => {
    const clients = await Promise.all(Array.from({ length: 6 }, () => server.connect('fresh')));
    const loads = clients.map((sql) => postgresCheckpointStore({ sql, origin: 'log' }).load());
    expect(await Promise.all(loads)).toEqual(clients.map(() => ({ note: null, staged: [] })));
  });

  test('any bytes come back as they were', async () => {
    const sql = await server.connect('many');
    const entries = Uint8Array.from({ length: 100_000 }, (_, i) => (i * i) >> 3);
    const store = postgresCheckpointStore({ sql, origin: 'bytes' });
    await store.compareAndSwap(null, 'note', { fromSize: 0, toSize: 1, entries });
    expect((await store.load()).staged).toEqual([{ fromSize: 0, toSize: 1, entries }]);
  });

  test('a commit is flushed where the client has turned flushing off', async () => {
    const sql = await server.connect('flushed', { synchronous_commit: 'off' });
    const store = postgresCheckpointStore({ sql, origin: 'log' });
    await store.load();
    // A deferred trigger runs inside the commit, and sees what the commit will do.
    await sql.unsafe(`
      CREATE TABLE seen (setting text);
      CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN INSERT INTO seen VALUES (current_setting('synchronous_commit')); RETURN NULL; END $$;
      CREATE CONSTRAINT TRIGGER see AFTER INSERT OR UPDATE ON ledger_checkpoint
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION see();`);
    await store.compareAndSwap(null, 'a', { fromSize: 0, toSize: 1, entries: utf8('e') });
    await store.compareAndSwap('a', 'b', { fromSize: 1, toSize: 2, entries: utf8('f') });
    expect((await sql`SELECT setting FROM seen`).map(({ setting }) => setting)).toEqual(['on', 'on']);
    expect((await sql`SHOW synchronous_commit`)[0]).toEqual({ synchronous_commit: 'off' });
  });

  test('a lease from a clock that was set back has ended', async () => {
    const sql = await server.connect('many');
    const store = postgresCheckpointStore({ sql, origin: 'clock' });
    await store.holdLease('a', 5_000);
    await sql`UPDATE ledger_lease SET ends_at = ends_at + interval '10 minutes' WHERE origin = 'clock'`;
    expect((await store.holdLease('b', 5_000)).held).toBe(true);
  });

  test(`after ${CRASHES} crashes of the server in mid-write every acknowledged entry is in its place`, {
    timeout: 30_000 + CRASHES * 2_000,
  }, async () => {
    const sql = await server.connect('crashing');
    const log = await temporaryLog();
    const checkpoints = postgresCheckpointStore({ sql, origin: ORIGIN });
    const stopped: string[] = [];
    const ledger = await log.open({ checkpoints, onStopped: ({ message }) => stopped.push(message) });
    const appending = appendUntilTold(ledger);
    try {
      for (let crash = 0; crash < CRASHES; crash++) {
        const before = appending.acknowledged.size;
        while (appending.acknowledged.size < before + 50) await sleep(1);
        await sleep((crash * 7) % 23);
        await server.crash();
        await sleep((crash * 31) % 90);
        await server.start();
      }
      const acknowledged = await appending.stop();
      expect(stopped).toEqual([]);
      await ledger.whenPublished(ledger.size);
      const served = await verifyServedLog((path) => log.tiles.get(path), log.signer.vkey);
      for (const [number, index] of acknowledged) expect(served.entries[index]).toEqual(entry(number));
      await ledger.close();
      const reopened = await log.open({ checkpoints });
      expect(reopened.size).toBe(served.size);
    } finally {
      await appending.stop();
      await log.dispose();
    }
  });
});

/** Appends batch after batch, as a careful client does: what was refused is sent again. */
function appendUntilTold(ledger: Ledger) {
  const acknowledged = new Map<number, number>();
  let told = false;
  const appending = (async () => {
    for (let next = 0, count = 1; !told; count = (count * 7) % 409) {
      const indices = await ledger.append(entriesFrom(next, next + count)).catch(() => null);
      for (const [i, index] of (indices ?? []).entries()) acknowledged.set(next + i, index);
      if (indices) next += count;
      else await sleep(5);
    }
  })();
  return {
    acknowledged,
    async stop() {
      told = true;
      await appending;
      return acknowledged;
    },
  };
}
