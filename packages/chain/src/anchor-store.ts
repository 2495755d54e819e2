import { DatabaseSync } from 'node:sqlite';
import type { AnchorProof } from '@assay/core';

/** A checkpoint that a chain recorded, with the proof taken when it did. */
export interface AnchorRecord {
  origin: string;
  size: number;
  /** RFC 6962 root hash, in hex. */
  root: string;
  /** RFC 3339. */
  anchoredAt: string;
  /** The transaction that recorded it; null when another run sent it and the chain no longer tells. */
  transaction: string | null;
  gasUsed: string | null;
  proof: AnchorProof;
}

/**
 * Keeps anchors. `add` is durable when it returns; adding the same size on the same chain again replaces it.
 * Orphaned anchors are kept, but no longer listed: their block is not the chain's any more.
 */
export class AnchorStore {
  readonly #db: DatabaseSync;

  constructor(path: string, options: { readOnly?: boolean } = {}) {
    this.#db = new DatabaseSync(path, { readOnly: options.readOnly ?? false, timeout: 5000 });
    if (options.readOnly) return;
    this.#db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
      CREATE TABLE IF NOT EXISTS anchors (
        origin TEXT NOT NULL, chain_id INTEGER NOT NULL, size INTEGER NOT NULL, block_number INTEGER NOT NULL,
        orphaned INTEGER NOT NULL DEFAULT 0, record TEXT NOT NULL, PRIMARY KEY (origin, chain_id, size)
      ) WITHOUT ROWID`);
  }

  add(record: AnchorRecord): void {
    this.#db
      .prepare(
        'INSERT OR REPLACE INTO anchors (origin, chain_id, size, block_number, record) VALUES (?, ?, ?, ?, ?)',
      )
      .run(
        record.origin,
        record.proof.chainId,
        record.size,
        record.proof.blockNumber,
        JSON.stringify(record),
      );
  }

  /** Marks every anchor from a block on as not the chain's. */
  orphan(origin: string, chainId: number, fromBlock: number): void {
    this.#db
      .prepare('UPDATE anchors SET orphaned = 1 WHERE origin = ? AND chain_id = ? AND block_number >= ?')
      .run(origin, chainId, fromBlock);
  }

  /** Anchors of a log that stand, by size, smallest first. */
  list(origin: string): AnchorRecord[] {
    const rows = this.#db
      .prepare('SELECT record FROM anchors WHERE origin = ? AND orphaned = 0 ORDER BY size')
      .all(origin);
    return rows.map((row) => JSON.parse(row.record as string) as AnchorRecord);
  }

  /** The smallest anchor that stands and covers a log index. */
  covering(origin: string, index: number): AnchorRecord | null {
    const row = this.#db
      .prepare(
        'SELECT record FROM anchors WHERE origin = ? AND orphaned = 0 AND size > ? ORDER BY size LIMIT 1',
      )
      .get(origin, index);
    return row ? (JSON.parse(row.record as string) as AnchorRecord) : null;
  }

  latest(origin: string, chainId: number): AnchorRecord | null {
    const row = this.#db
      .prepare(
        'SELECT record FROM anchors WHERE origin = ? AND chain_id = ? AND orphaned = 0 ORDER BY block_number DESC LIMIT 1',
      )
      .get(origin, chainId);
    return row ? (JSON.parse(row.record as string) as AnchorRecord) : null;
  }

  close(): void {
    this.#db.close();
  }
}
