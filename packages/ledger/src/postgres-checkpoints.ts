import { setTimeout as sleep } from 'node:timers/promises';
import { AssayError } from '@assay/core';
import type { Sql } from 'postgres';
import type { CheckpointStore } from './checkpoint-store.ts';

/** How long to wait for a server that is restarting, before an open log is given up. */
const RESTART_WITHIN_MS = 30_000;
const RETRY_EVERY_MS = 200;
/** Tries of a statement that lost to a neighbour, under serializable isolation. */
const SERIALIZATION_TRIES = 20;
/** Any number, as long as every process that makes the tables takes the same. */
const SCHEMA_LOCK = 7_210_113;

/**
 * The lock of a log in a PostgreSQL database, for sequencers on several machines. A database may hold the locks
 * of many logs, one per origin; the tables are made when absent.
 *
 * Each call is one statement. A client that is paused or cut off in the middle of one therefore holds no row
 * lock that others would wait for, and connection poolers do no harm. A commit waits for the write-ahead log on
 * disk, whatever `synchronous_commit` says elsewhere.
 *
 * Durable as the database is: if it fails over to a replica, that replica must be synchronous.
 *
 * @param options.sql the client; it stays open and belongs to the caller.
 * @throws STORAGE_UNSUITABLE for a server that does not flush, STORAGE_FAILED when it cannot be reached
 * @example
 * const checkpoints = postgresCheckpointStore({ sql: postgres('postgres://db.example.com/ledger'), origin });
 */
export function postgresCheckpointStore(options: { sql: Sql; origin: string }): CheckpointStore {
  const { sql, origin } = options;
  let prepared: Promise<void> | null = null;
  // Dropping rides in the next swap, which saves one commit for every checkpoint.
  let droppable = 0;

  /** Runs a statement once the tables are there, again when it only lost to a neighbour. */
  async function run<T>(statement: () => Promise<T>): Promise<T> {
    prepared ??= prepareTables(sql);
    await prepared.catch((error) => {
      prepared = null;
      throw error;
    });
    for (let tries = 1; ; tries++) {
      try {
        return await statement();
      } catch (error) {
        if (!lostToNeighbour(error) || tries === SERIALIZATION_TRIES) throw error;
      }
    }
  }

  return {
    async load() {
      // A commit whose answer was lost is decided by what is stored: it pays to wait for a restart.
      const rows = await patiently(() =>
        run(
          () => sql<{ note: string; fromSize: string | null; toSize: string; entries: string }[]>`
            SELECT note, from_size AS "fromSize", to_size AS "toSize", encode(entries, 'base64') AS entries
            FROM ledger_checkpoint LEFT JOIN ledger_staged USING (origin)
            WHERE origin = ${origin} ORDER BY to_size`,
        ),
      );
      const staged = rows.flatMap(({ fromSize, toSize, entries }) =>
        fromSize === null
          ? []
          : { fromSize: Number(fromSize), toSize: Number(toSize), entries: fromBase64(entries) },
      );
      return { note: rows[0]?.note ?? null, staged };
    },

    async compareAndSwap(expected, next, { fromSize, toSize, entries }) {
      // Base64, because a JavaScript string of hexadecimal digits would not hold the largest batch.
      const encoded = Buffer.from(entries.buffer, entries.byteOffset, entries.length).toString('base64');
      const swapped = () =>
        expected === null
          ? sql`INSERT INTO ledger_checkpoint VALUES (${origin}, ${next}) ON CONFLICT DO NOTHING
                RETURNING origin`
          : sql`UPDATE ledger_checkpoint SET note = ${next} WHERE origin = ${origin} AND note = ${expected}
                RETURNING origin`;
      const rows = await run(
        () => sql`
          WITH swapped AS (${swapped()}),
          dropped AS (
            DELETE FROM ledger_staged USING swapped
            WHERE ledger_staged.origin = swapped.origin AND to_size <= ${droppable}::bigint
          ),
          staged AS (
            INSERT INTO ledger_staged
            SELECT origin, ${fromSize}::bigint, ${toSize}::bigint, decode(${encoded}, 'base64') FROM swapped
          )
          SELECT set_config('synchronous_commit', 'on', true) FROM swapped`,
      );
      return rows.length === 1;
    },

    async dropStaged(toSize) {
      droppable = Math.max(droppable, toSize);
    },

    async holdLease(holder, forMs) {
      const taken = await run(
        () => sql`
          INSERT INTO ledger_lease AS lease
          SELECT ${origin}, ${holder}, length, clock_timestamp() + length
          FROM (SELECT ${forMs}::bigint * interval '1 millisecond' AS length) AS given
          ON CONFLICT (origin) DO UPDATE
            SET holder = excluded.holder, length = excluded.length, ends_at = excluded.ends_at
            WHERE lease.holder = excluded.holder
              OR lease.ends_at NOT BETWEEN clock_timestamp() AND clock_timestamp() + lease.length
          RETURNING origin`,
      );
      if (taken.length === 1) return { held: true, expiresInMs: forMs };
      const [left] = await run(
        () => sql<{ ms: number }[]>`
          SELECT ceil(extract(epoch FROM ends_at - clock_timestamp()) * 1000)::float8 AS ms
          FROM ledger_lease WHERE origin = ${origin}`,
      );
      return { held: false, expiresInMs: Math.max(left?.ms ?? 0, 0) };
    },

    async releaseLease(holder) {
      await run(() => sql`DELETE FROM ledger_lease WHERE origin = ${origin} AND holder = ${holder}`);
    },
  };
}

async function prepareTables(sql: Sql): Promise<void> {
  const [server] = await sql<{ fsync: string; ready: boolean }[]>`
    SELECT current_setting('fsync') AS fsync, to_regclass('ledger_lease') IS NOT NULL AS ready`;
  if (server!.fsync !== 'on') {
    throw new AssayError(
      'STORAGE_UNSUITABLE',
      `expected a PostgreSQL server with fsync = on, got ${server!.fsync}`,
      {
        next: 'turn fsync on: a power cut would lose entries that were acknowledged',
      },
    );
  }
  if (server!.ready) return;
  await sql.begin(async (transaction) => {
    // Two processes that make the same table at once would fail on the catalogue's own indices.
    await transaction`SELECT pg_advisory_xact_lock(${SCHEMA_LOCK}::bigint)`;
    await transaction`SET LOCAL client_min_messages = warning`;
    await transaction`
      CREATE TABLE IF NOT EXISTS ledger_checkpoint (origin text PRIMARY KEY, note text NOT NULL)`;
    await transaction`
      CREATE TABLE IF NOT EXISTS ledger_staged (
        origin text NOT NULL, from_size bigint NOT NULL, to_size bigint NOT NULL, entries bytea NOT NULL,
        PRIMARY KEY (origin, to_size)
      )`;
    await transaction`
      CREATE TABLE IF NOT EXISTS ledger_lease (
        origin text PRIMARY KEY, holder text NOT NULL, length interval NOT NULL, ends_at timestamptz NOT NULL
      )`;
  });
}

/** Tries again while the server is away. */
async function patiently<T>(work: () => Promise<T>): Promise<T> {
  for (let waitedMs = 0; ; waitedMs += RETRY_EVERY_MS) {
    try {
      return await work();
    } catch (error) {
      if (error instanceof AssayError) throw error;
      if (waitedMs >= RESTART_WITHIN_MS || !serverIsAway(error)) throw unreadable(error);
      await sleep(RETRY_EVERY_MS);
    }
  }
}

/** Broken connections of any kind, a server that shuts down or starts up, and one without a free connection. */
function serverIsAway(error: unknown): boolean {
  const code = String((error as { code?: unknown }).code);
  return /^(ECONN|EPIPE|ENOENT|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EHOST|ENET|CONNECTION_CLOSED|CONNECT_TIMEOUT|08|57P0|53300)/.test(
    code,
  );
}

/** Serialization failure or deadlock (PostgreSQL appendix A, class 40): nothing happened, try again. */
function lostToNeighbour(error: unknown): boolean {
  return ['40001', '40P01'].includes(String((error as { code?: unknown }).code));
}

function unreadable(cause: unknown): AssayError {
  return new AssayError('STORAGE_FAILED', `the log's lock cannot be read: ${(cause as Error).message}`, {
    cause,
    next: 'check the address, the credentials and the state of the PostgreSQL server',
  });
}

function fromBase64(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'base64'));
}
