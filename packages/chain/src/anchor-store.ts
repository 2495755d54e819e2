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
  /** The chain calls its block final, and the endpoints agreed; absent until then. */
  final?: true;
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
      .prepare(
        `UPDATE anchors SET orphaned = 1, record = json_remove(record, '$.final')
         WHERE origin = ? AND chain_id = ? AND block_number >= ?`,
      )
      .run(origin, chainId, fromBlock);
  }

  /** Anchors of a log that stand, by size, smallest first. */
  list(origin: string): AnchorRecord[] {
    const rows = this.#db
      .prepare('SELECT record FROM anchors WHERE origin = ? AND orphaned = 0 ORDER BY size')
      .all(origin);
    return rows.map((row) => JSON.parse(row.record as string) as AnchorRecord);
  }

  /**
   * Anchors of the checkpoint that covers a log index on the most chains, by chain; the smallest of such checkpoints.
   */
  covering(origin: string, index: number): AnchorRecord[] {
    const rows = this.#db
      .prepare(
        `SELECT record FROM anchors WHERE origin = :origin AND orphaned = 0 AND size = (
           SELECT size FROM anchors WHERE origin = :origin AND orphaned = 0 AND size > :index
           GROUP BY size ORDER BY count(*) DESC, size LIMIT 1
         ) ORDER BY chain_id`,
      )
      .all({ origin, index });
    return rows.map((row) => JSON.parse(row.record as string) as AnchorRecord);
  }

  /** The newest anchor that stands, in a block no higher than `upToBlock`. */
  latest(origin: string, chainId: number, upToBlock = Number.MAX_SAFE_INTEGER): AnchorRecord | null {
    const row = this.#db
      .prepare(
        `SELECT record FROM anchors WHERE origin = ? AND chain_id = ? AND orphaned = 0 AND block_number <= ?
         ORDER BY size DESC LIMIT 1`,
      )
      .get(origin, chainId, upToBlock);
    return row ? (JSON.parse(row.record as string) as AnchorRecord) : null;
  }

  /** The largest size that is final; null before the first. */
  finalSize(origin: string, chainId: number): number | null {
    const row = this.#db
      .prepare(
        `SELECT size FROM anchors WHERE origin = ? AND chain_id = ? AND orphaned = 0
         AND json_extract(record, '$.final') ORDER BY size DESC LIMIT 1`,
      )
      .get(origin, chainId);
    return row ? Number(row.size) : null;
  }

  /** Notes that an anchor, and every smaller one above `aboveSize`, is final. */
  finalize(origin: string, chainId: number, size: number, aboveSize: number): void {
    this.#db
      .prepare(
        `UPDATE anchors SET record = json_set(record, '$.final', json('true'))
         WHERE origin = ? AND chain_id = ? AND orphaned = 0 AND size <= ? AND size > ?`,
      )
      .run(origin, chainId, size, aboveSize);
  }

  close(): void {
    this.#db.close();
  }
}
