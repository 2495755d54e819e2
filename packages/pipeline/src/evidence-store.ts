import type { DetectorMemory, Exhibit } from '@assay/checks/review';
import { AssayError, canonicalBytes } from '@assay/core';
import type { Catalogue } from './catalogue.ts';
import type { Sql } from './sql.ts';

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS memories (stream TEXT NOT NULL, rule TEXT NOT NULL, version TEXT NOT NULL, bytes BLOB NOT NULL,
    PRIMARY KEY (stream, rule)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS exhibits (digest TEXT PRIMARY KEY, bytes BLOB NOT NULL);
  CREATE TABLE IF NOT EXISTS files (digest TEXT PRIMARY KEY, media_type TEXT NOT NULL, bytes BLOB NOT NULL);
`;

/** What an exhibit is, for lists: `digest` is what findings name. */
export interface ExhibitSummary {
  digest: string;
  kind: Exhibit['kind'];
  title: string;
}

/**
 * What detectors remember and show, and the files that they looked at. Changes ride in the transaction of the verdict
 * that they led to: after a crash both are there, or neither is. Exhibits and files are kept under their digests.
 */
export class EvidenceStore {
  readonly #sql: Sql;

  constructor({ sql }: Pick<Catalogue, 'sql'>) {
    this.#sql = sql;
    sql.make(SCHEMA);
  }

  /** What the detectors of a stream remember, by the id of the contract's rule. */
  memories(stream: string): Map<string, DetectorMemory> {
    return new Map(
      this.#sql
        .all<DetectorMemory & { rule: string }>(
          'SELECT rule, version, bytes FROM memories WHERE stream = ?',
          stream,
        )
        .map(({ rule, version, bytes }) => [rule, { version, bytes }]),
    );
  }

  /** Within the caller's transaction. */
  keepMemories(stream: string, memories: ReadonlyMap<string, DetectorMemory>): void {
    for (const [rule, { version, bytes }] of memories) {
      this.#sql.run(
        'INSERT OR REPLACE INTO memories (stream, rule, version, bytes) VALUES (?, ?, ?, ?)',
        stream,
        rule,
        version,
        bytes,
      );
    }
  }

  /** Within the caller's transaction. */
  keepExhibits(exhibits: ReadonlyMap<string, Exhibit>): void {
    for (const [digest, exhibit] of exhibits)
      this.#sql.run(
        'INSERT OR IGNORE INTO exhibits (digest, bytes) VALUES (?, ?)',
        digest,
        canonicalBytes(exhibit),
      );
  }

  /** Within the caller's transaction. */
  keepFile(sha256: string, mediaType: string, bytes: Uint8Array): void {
    this.#sql.run(
      'INSERT OR IGNORE INTO files (digest, media_type, bytes) VALUES (?, ?, ?)',
      sha256,
      mediaType,
      bytes,
    );
  }

  /** The canonical JSON of an exhibit, by `sha256:<hex>`. @throws NOT_FOUND */
  exhibit(digest: string): Uint8Array {
    const row = this.#sql.one<{ bytes: Uint8Array }>('SELECT bytes FROM exhibits WHERE digest = ?', digest);
    if (row) return row.bytes;
    throw new AssayError('NOT_FOUND', `no exhibit ${digest} is kept here`, {
      next: 'take a digest from the exhibits of a finding: /v1/records/<id>',
    });
  }

  /** Those of some digests that are exhibits. */
  exhibitsAmong(digests: readonly string[]): ExhibitSummary[] {
    return digests.flatMap((digest) => {
      if (!digest.startsWith('sha256:')) return [];
      const row = this.#sql.one<{ kind: Exhibit['kind']; title: string }>(
        "SELECT json_extract(CAST(bytes AS TEXT), '$.kind') AS kind, json_extract(CAST(bytes AS TEXT), '$.title') AS title FROM exhibits WHERE digest = ?",
        digest,
      );
      return row ? [{ digest, ...row }] : [];
    });
  }

  /** The content of a file. @throws NOT_FOUND */
  file(sha256: string): { mediaType: string; bytes: Uint8Array } {
    const row = this.#sql.one<{ mediaType: string; bytes: Uint8Array }>(
      'SELECT media_type AS mediaType, bytes FROM files WHERE digest = ?',
      sha256,
    );
    if (row) return row;
    throw new AssayError('NOT_FOUND', `no file ${sha256} is kept here`, {
      next: 'take the digest from a row of a file/v1 observation',
    });
  }
}
