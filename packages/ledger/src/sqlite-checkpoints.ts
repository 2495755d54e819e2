import { DatabaseSync } from 'node:sqlite';
import { AssayError } from '@assay/core';
import type { CheckpointStore } from './checkpoint-store.ts';

/** How long to wait for another process that holds the database. */
const BUSY_TIMEOUT_MS = 5_000;
/** The machine's clock: whoever shares the file shares the machine. */
const NOW_MS = "CAST(unixepoch('subsec') * 1000 AS INTEGER)";

/**
 * The lock of a log in an SQLite file. A file may hold the locks of many logs, one per origin.
 *
 * One commit is one fsync: write-ahead log with `synchronous = FULL`.
 *
 * @param path the file, made when absent; its folder must exist.
 * @throws DATA_DIR_UNWRITABLE
 * @example
 * const checkpoints = sqliteCheckpointStore('data/ledger.db', 'example.com/log');
 */
export function sqliteCheckpointStore(path: string, origin: string): CheckpointStore & { close(): void } {
  const db = openDatabase(path);
  db.exec(`
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    CREATE TABLE IF NOT EXISTS checkpoint (origin TEXT PRIMARY KEY, note TEXT NOT NULL) STRICT;
    CREATE TABLE IF NOT EXISTS staged (
      origin TEXT NOT NULL, from_size INTEGER NOT NULL, to_size INTEGER NOT NULL, entries BLOB NOT NULL,
      PRIMARY KEY (origin, to_size)
    ) STRICT;
    CREATE TABLE IF NOT EXISTS lease (
      origin TEXT PRIMARY KEY, holder TEXT NOT NULL, length_ms INTEGER NOT NULL, ends_at_ms INTEGER NOT NULL
    ) STRICT;
  `);
  const selectNote = db.prepare('SELECT note FROM checkpoint WHERE origin = ?');
  const selectStaged = db.prepare(
    'SELECT from_size AS fromSize, to_size AS toSize, entries FROM staged WHERE origin = ? ORDER BY to_size',
  );
  const upsertNote = db.prepare(
    'INSERT INTO checkpoint (origin, note) VALUES (?, ?) ON CONFLICT (origin) DO UPDATE SET note = excluded.note',
  );
  const insertStaged = db.prepare(
    'INSERT INTO staged (origin, from_size, to_size, entries) VALUES (?, ?, ?, ?)',
  );
  const deleteStaged = db.prepare('DELETE FROM staged WHERE origin = ? AND to_size <= ?');
  const takeLease = db.prepare(`
    INSERT INTO lease (origin, holder, length_ms, ends_at_ms) VALUES (?1, ?2, ?3, ${NOW_MS} + ?3)
    ON CONFLICT (origin) DO UPDATE
      SET holder = excluded.holder, length_ms = excluded.length_ms, ends_at_ms = excluded.ends_at_ms
      WHERE holder = excluded.holder OR ends_at_ms NOT BETWEEN ${NOW_MS} + 1 AND ${NOW_MS} + length_ms`);
  const selectLease = db.prepare(`SELECT ends_at_ms - ${NOW_MS} AS leftMs FROM lease WHERE origin = ?`);
  const deleteLease = db.prepare('DELETE FROM lease WHERE origin = ? AND holder = ?');

  // Dropping rides in the next swap, which saves one fsync for every checkpoint.
  let droppable = 0;

  function transaction<T>(work: () => T): T {
    db.exec('BEGIN IMMEDIATE');
    try {
      const result = work();
      db.exec('COMMIT');
      return result;
    } catch (error) {
      if (db.isTransaction) db.exec('ROLLBACK');
      throw error;
    }
  }

  const committedNote = () => (selectNote.get(origin) as { note: string } | undefined)?.note ?? null;

  return {
    async load() {
      db.exec('BEGIN');
      try {
        return { note: committedNote(), staged: selectStaged.all(origin) as never };
      } finally {
        db.exec('COMMIT');
      }
    },
    async compareAndSwap(expected, next, staged) {
      return transaction(() => {
        if (committedNote() !== expected) return false;
        upsertNote.run(origin, next);
        insertStaged.run(origin, staged.fromSize, staged.toSize, staged.entries);
        deleteStaged.run(origin, droppable);
        return true;
      });
    },
    async dropStaged(toSize) {
      droppable = Math.max(droppable, toSize);
    },
    async holdLease(holder, forMs) {
      return transaction(() => {
        const held = takeLease.run(origin, holder, forMs).changes === 1;
        return { held, expiresInMs: held ? forMs : Number(selectLease.get(origin)!.leftMs) };
      });
    },
    async releaseLease(holder) {
      deleteLease.run(origin, holder);
    },
    close() {
      if (!db.isOpen) return;
      transaction(() => deleteStaged.run(origin, droppable));
      db.close();
    },
  };
}

function openDatabase(path: string): DatabaseSync {
  try {
    return new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
  } catch (cause) {
    throw new AssayError(
      'DATA_DIR_UNWRITABLE',
      `the log's lock ${path} cannot be opened: ${(cause as Error).message}`,
      {
        cause,
        next: 'make its folder, or give this user the right to write there',
      },
    );
  }
}
