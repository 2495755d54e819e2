import { DatabaseSync } from 'node:sqlite';

/** The latest checkpoint of a log that the witness has cosigned. */
export interface Cosigned {
  readonly size: number;
  readonly root: Uint8Array;
  /** The checkpoint with the log's verified signatures and the witness's cosignature. */
  readonly note: string;
}

/** What a witness has seen: one checkpoint a log, which never goes back. */
export interface WitnessStore {
  /** The latest cosigned checkpoint of an origin, or null. */
  latest(origin: string): Cosigned | null;

  /**
   * Replaces the latest checkpoint of an origin if it still has the size and root of `expected` (null: none),
   * atomically.
   *
   * @returns true when it did, and then the new one survives a power cut; false when another one is there,
   * and then nothing changed. After an exception either may be the case: the cosignature must not be given out.
   */
  advance(origin: string, expected: Cosigned | null, next: Cosigned): boolean;

  close(): void;
}

/** How long to wait for another process that holds the database. */
const BUSY_TIMEOUT_MS = 5_000;

/**
 * A witness's memory in an SQLite file, with `synchronous = FULL`: what it has cosigned, it remembers.
 *
 * @param path the file, made when absent; its folder must exist.
 */
export function sqliteWitnessStore(path: string): WitnessStore {
  const db = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
  db.exec(`
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    CREATE TABLE IF NOT EXISTS cosigned (
      origin TEXT PRIMARY KEY, size INTEGER NOT NULL, root BLOB NOT NULL, note TEXT NOT NULL
    ) STRICT;
  `);
  const select = db.prepare('SELECT size, root, note FROM cosigned WHERE origin = ?');
  // One statement is one transaction: the check and the change cannot come apart.
  const insert = db.prepare(
    'INSERT INTO cosigned (origin, size, root, note) VALUES (?, ?, ?, ?) ON CONFLICT (origin) DO NOTHING',
  );
  const update = db.prepare(
    'UPDATE cosigned SET size = ?, root = ?, note = ? WHERE origin = ? AND size = ? AND root = ?',
  );
  return {
    latest: (origin) => (select.get(origin) as Cosigned | undefined) ?? null,
    advance(origin, expected, next) {
      const { changes } = expected
        ? update.run(next.size, next.root, next.note, origin, expected.size, expected.root)
        : insert.run(origin, next.size, next.root, next.note);
      return changes === 1;
    },
    close: () => db.isOpen && db.close(),
  };
}
