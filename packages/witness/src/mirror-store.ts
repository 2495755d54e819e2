import { DatabaseSync } from 'node:sqlite';
import type { Cosigned, WitnessStore } from './witness-store.ts';

/** How many of the latest pending checkpoints may still be uploaded to. */
const KEPT_PENDING = 256;
const BUSY_TIMEOUT_MS = 5_000;

/** How far the copy of a log has come: what is needed to append the next entry. */
export interface MirrorProgress {
  /** Index of the first entry that is not stored. */
  readonly nextEntry: number;
  /** The entries of the last bundle, when it is not full (C2SP tlog-tiles entry bundle). */
  readonly bundle: Uint8Array;
  /** The hashes of each level's last tile, when it is not full, one level after the other. */
  readonly hashes: Uint8Array;
}

/**
 * What a mirror remembers of its logs (C2SP tlog-mirror). As a {@link WitnessStore} it holds the pending checkpoints.
 * Every change survives a power cut when the call returns, and happens as a whole or not at all.
 */
export interface MirrorStore extends WitnessStore {
  /** The pending checkpoint of a size, while it is remembered. */
  pending(origin: string, size: number): Cosigned | null;
  progress(origin: string): MirrorProgress | null;
  saveProgress(origin: string, progress: MirrorProgress): void;
  /** The checkpoint that the mirror signed last. */
  mirrored(origin: string): Cosigned | null;
  /** Replaces that checkpoint, unless it is of a larger size. @returns whether it did. */
  advanceMirrored(origin: string, next: Cosigned): boolean;
}

/**
 * A mirror's memory in an SQLite file, with `synchronous = FULL`.
 *
 * @param path the file, made when absent; its folder must exist.
 */
export function sqliteMirrorStore(path: string): MirrorStore {
  const db = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
  db.exec(`
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    CREATE TABLE IF NOT EXISTS pending (
      origin TEXT NOT NULL, size INTEGER NOT NULL, root BLOB NOT NULL, note TEXT NOT NULL,
      PRIMARY KEY (origin, size)
    ) STRICT;
    CREATE TABLE IF NOT EXISTS progress (
      origin TEXT PRIMARY KEY, next_entry INTEGER NOT NULL, bundle BLOB NOT NULL, hashes BLOB NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS mirrored (
      origin TEXT PRIMARY KEY, size INTEGER NOT NULL, root BLOB NOT NULL, note TEXT NOT NULL
    ) STRICT;
  `);
  const latest = db.prepare(
    'SELECT size, root, note FROM pending WHERE origin = ? ORDER BY size DESC LIMIT 1',
  );
  const pending = db.prepare('SELECT size, root, note FROM pending WHERE origin = ? AND size = ?');
  const insert = db.prepare(
    'INSERT INTO pending (origin, size, root, note) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET note = excluded.note',
  );
  const forget = db.prepare(`
    DELETE FROM pending WHERE origin = ?1 AND size < (
      SELECT size FROM pending WHERE origin = ?1 ORDER BY size DESC LIMIT 1 OFFSET ${KEPT_PENDING - 1}
    )`);
  const progress = db.prepare(
    'SELECT next_entry AS nextEntry, bundle, hashes FROM progress WHERE origin = ?',
  );
  const saveProgress = db.prepare(`
    INSERT INTO progress (origin, next_entry, bundle, hashes) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE
      SET next_entry = excluded.next_entry, bundle = excluded.bundle, hashes = excluded.hashes`);
  const mirrored = db.prepare('SELECT size, root, note FROM mirrored WHERE origin = ?');
  const advanceMirrored = db.prepare(`
    INSERT INTO mirrored (origin, size, root, note) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE
      SET size = excluded.size, root = excluded.root, note = excluded.note WHERE size <= excluded.size`);

  const latestOf = (origin: string) => (latest.get(origin) as Cosigned | undefined) ?? null;
  return {
    latest: latestOf,
    advance(origin, expected, { size, root, note }) {
      db.exec('BEGIN IMMEDIATE');
      try {
        const known = latestOf(origin);
        const isExpected =
          known?.size === expected?.size && Buffer.compare(known?.root ?? NONE, expected?.root ?? NONE) === 0;
        if (isExpected) {
          insert.run(origin, size, root, note);
          forget.run(origin);
        }
        db.exec('COMMIT');
        return isExpected;
      } catch (error) {
        if (db.isTransaction) db.exec('ROLLBACK');
        throw error;
      }
    },
    pending: (origin, size) => (pending.get(origin, size) as Cosigned | undefined) ?? null,
    progress: (origin) => (progress.get(origin) as MirrorProgress | undefined) ?? null,
    saveProgress: (origin, { nextEntry, bundle, hashes }) =>
      void saveProgress.run(origin, nextEntry, bundle, hashes),
    mirrored: (origin) => (mirrored.get(origin) as Cosigned | undefined) ?? null,
    advanceMirrored: (origin, { size, root, note }) =>
      advanceMirrored.run(origin, size, root, note).changes === 1,
    close: () => db.isOpen && db.close(),
  };
}

const NONE = new Uint8Array();
