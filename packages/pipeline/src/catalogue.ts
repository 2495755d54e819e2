import { effectiveLevel } from '@assay/checks/review';
import {
  type AppealStatement,
  AssayError,
  type Decision,
  type ExecutionStatement,
  encodePayload,
  fromUtf8,
  inRanges,
  kindOfStatement,
  type Level,
  type Material,
  type OpenedEnvelope,
  type OutcomeStatement,
  PREDICATE,
  type Quality,
  type RecordKind,
  type ReviewStatement,
  type RowRanges,
  type Statement,
  type VerdictPredicate,
} from '@assay/core';
import { Sql } from './sql.ts';

/** A statement as the node keeps it. `index` is null until the ledger has acknowledged it. */
export interface CatalogueEntry {
  id: string;
  kind: RecordKind;
  stream: string;
  signer: string;
  /** Place in its stream; null for what is said about data. */
  sequence: number | null;
  from: string;
  to: string;
  rows: number;
  /** Content identifier of its rows; null for what is said about data. */
  payload: string | null;
  /** Canonical envelope: the log entry. */
  entry: Uint8Array;
  index: number | null;
}

/** The verdict on a statement, as far as lists need it. */
export interface VerdictSummary {
  id: string;
  decision: Decision;
  level: Level;
  flagged: RowRanges;
  rejected: RowRanges;
  quality: Quality;
  /** What the stream's contract required when it was judged. */
  required: Level;
  /** What reviewers decided since; it stands where the verdict stood. */
  outcome: Standing | null;
  /** What others got who executed it again. */
  executions: { agrees: boolean }[];
}

/** What decides about a statement and its rows. */
export interface Standing {
  /** Id of the verdict or outcome. */
  id: string;
  decision: Decision;
  level: Level;
  flagged: RowRanges;
  rejected: RowRanges;
  /** When reviewers decided; absent for a verdict. */
  since?: string;
}

/** The last statement of a stream: what the next one must follow. */
export interface StreamHead {
  id: string;
  sequence: number;
  to: string;
}

/** A statement to be kept, with the payloads that it commits to. */
export interface NewStatement {
  opened: OpenedEnvelope;
  /** NDJSON of its rows; absent for verdicts. */
  payload?: Uint8Array;
  /** What a derivation was made from. */
  materials?: readonly Material[];
  /** For verdicts: what the contract requires. */
  required?: Level;
}

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS payloads (cid TEXT PRIMARY KEY, bytes BLOB NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS statements (
    n INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    stream TEXT NOT NULL,
    signer TEXT NOT NULL,
    sequence INTEGER,
    from_time TEXT NOT NULL,
    to_time TEXT NOT NULL,
    row_count INTEGER NOT NULL,
    payload TEXT,
    log_index INTEGER UNIQUE,
    entry BLOB NOT NULL
  );
  CREATE UNIQUE INDEX IF NOT EXISTS statements_place ON statements (stream, sequence) WHERE sequence IS NOT NULL;
  CREATE INDEX IF NOT EXISTS statements_time ON statements (stream, from_time);
  CREATE INDEX IF NOT EXISTS statements_signer ON statements (signer);
  CREATE INDEX IF NOT EXISTS statements_recent ON statements (from_time, n);
  CREATE TABLE IF NOT EXISTS verdicts (
    target TEXT PRIMARY KEY,
    id TEXT NOT NULL,
    kind TEXT NOT NULL,
    stream TEXT NOT NULL,
    day TEXT NOT NULL,
    decision TEXT NOT NULL,
    level TEXT NOT NULL,
    flagged TEXT NOT NULL,
    rejected TEXT NOT NULL,
    quality TEXT NOT NULL,
    flagged_rows INTEGER NOT NULL,
    rejected_rows INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS verdicts_decision ON verdicts (decision, stream, day);
  CREATE TABLE IF NOT EXISTS outcomes (target TEXT PRIMARY KEY, id TEXT NOT NULL, decision TEXT NOT NULL,
    level TEXT NOT NULL, flagged TEXT NOT NULL, rejected TEXT NOT NULL, since TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS opinions (id TEXT PRIMARY KEY, target TEXT NOT NULL, kind TEXT NOT NULL) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS opinions_target ON opinions (target);
  CREATE TABLE IF NOT EXISTS executions (target TEXT NOT NULL, executor TEXT NOT NULL, agrees INTEGER NOT NULL,
    PRIMARY KEY (target, executor)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS materials (derivation TEXT NOT NULL, material TEXT NOT NULL, stream TEXT NOT NULL,
    PRIMARY KEY (derivation, material)) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS materials_material ON materials (material);
  CREATE TABLE IF NOT EXISTS checkpoints (size INTEGER PRIMARY KEY, note TEXT NOT NULL, published_at TEXT NOT NULL);
`;

const ENTRY_COLUMNS =
  'id, kind, stream, signer, sequence, from_time AS "from", to_time AS "to", row_count AS rows, payload, entry, log_index AS "index"';

/**
 * Statements `s` of a stream whose period meets [from, to); its values are the stream, to, from, the stream, from. A
 * stream's periods follow one another: only the last that began before `from` may reach into it.
 */
const OVERLAPPING = `s.stream = ? AND s.kind IN ('observation', 'derivation') AND s.from_time < ? AND s.to_time > ?
  AND s.from_time >= coalesce((SELECT from_time FROM statements WHERE stream = ? AND from_time <= ?
    AND kind IN ('observation', 'derivation') ORDER BY from_time DESC LIMIT 1), '')`;

/**
 * What the node holds, findable: statements, the rows they commit to, verdicts by what they judge, and the
 * published checkpoints. A statement is kept here, durably, before it goes to the ledger; its index follows
 * when the ledger acknowledges it. Everything but the payloads can be rebuilt from the log.
 */
export class Catalogue {
  /** For the stores beside it; what they do in one transaction is durable together. */
  readonly sql: Sql;

  constructor(path: string, options: { readOnly?: boolean } = {}) {
    this.sql = new Sql(path, options);
    this.sql.make(SCHEMA);
    this.sql.addColumn('verdicts', 'required', "TEXT NOT NULL DEFAULT 'L0'");
  }

  /** Keeps statements with their payloads: all of them durably, or none. */
  keep(statements: readonly NewStatement[]): void {
    this.sql.transaction(() => {
      for (const statement of statements) this.#insert(statement);
    });
  }

  /** Notes where the ledger put statements. */
  acknowledge(indices: readonly { id: string; index: number }[]): void {
    this.sql.transaction(() => {
      for (const { id, index } of indices)
        this.sql.run('UPDATE statements SET log_index = ? WHERE id = ?', index, id);
    });
  }

  /** Statements that the ledger has not acknowledged, in the order in which they were kept. */
  pending(): { id: string; entry: Uint8Array }[] {
    return this.sql.all('SELECT id, entry FROM statements WHERE log_index IS NULL ORDER BY n');
  }

  /** Number of log entries that are known here: one more than the largest index. */
  acknowledgedSize(): number {
    return this.sql.one<{ size: number }>('SELECT coalesce(max(log_index) + 1, 0) AS size FROM statements')!
      .size;
  }

  has(id: string): boolean {
    return this.sql.one('SELECT 1 AS found FROM statements WHERE id = ?', id) !== undefined;
  }

  /**
   * The statement of a full id, or of an unambiguous beginning of at least 8 digits.
   *
   * @throws NOT_FOUND
   */
  get(id: string): CatalogueEntry {
    const found = /^[0-9a-f]{8,64}$/.test(id)
      ? this.sql.all<CatalogueEntry>(
          `SELECT ${ENTRY_COLUMNS} FROM statements WHERE id >= ? AND id < ? LIMIT 2`,
          id,
          `${id}g`,
        )
      : [];
    if (found.length !== 1) {
      throw new AssayError(
        'NOT_FOUND',
        `${found.length === 0 ? 'no record is named' : 'several records begin with'} ${id.slice(0, 80)}`,
        {
          next: 'list records with: assay records --stream <name>',
        },
      );
    }
    return found[0]!;
  }

  /** The statement at a log index, if it is one of ours. */
  at(index: number): CatalogueEntry | null {
    return (
      this.sql.one<CatalogueEntry>(`SELECT ${ENTRY_COLUMNS} FROM statements WHERE log_index = ?`, index) ??
      null
    );
  }

  /** Statements of some kinds, newest first; `decisions` keeps those about which this is decided now. */
  list(query: {
    stream?: string | undefined;
    kinds: readonly RecordKind[];
    /** Only those that begin before this instant. */
    before?: string | undefined;
    decisions?: readonly Decision[] | undefined;
    limit: number;
    offset?: number;
  }): CatalogueEntry[] {
    const { stream, kinds, before, decisions, limit, offset = 0 } = query;
    const places = (values: readonly unknown[]) => values.map(() => '?').join(',');
    return this.sql.all<CatalogueEntry>(
      `SELECT ${ENTRY_COLUMNS} FROM statements WHERE kind IN (${places(kinds)})
       ${stream === undefined ? '' : 'AND stream = ?'} ${before === undefined ? '' : 'AND from_time < ?'}
       ${
         decisions
           ? `AND id IN (SELECT target FROM verdicts WHERE decision IN (${places(decisions)})
                AND target NOT IN (SELECT target FROM outcomes)
              UNION ALL SELECT target FROM outcomes WHERE decision IN (${places(decisions)}))`
           : ''
       }
       ORDER BY from_time DESC, n DESC LIMIT ? OFFSET ?`,
      ...kinds,
      ...[stream, before].filter((value) => value !== undefined),
      ...(decisions ?? []),
      ...(decisions ?? []),
      limit,
      offset,
    );
  }

  /** The newest statements that a DID signed. */
  signedBy(did: string, limit: number): CatalogueEntry[] {
    return this.sql.all<CatalogueEntry>(
      `SELECT ${ENTRY_COLUMNS} FROM statements WHERE signer = ? ORDER BY n DESC LIMIT ?`,
      did,
      limit,
    );
  }

  /** Statements of a stream whose period meets [from, to), oldest first. */
  overlapping(stream: string, from: string, to: string): CatalogueEntry[] {
    return this.sql.all<CatalogueEntry>(
      `SELECT ${ENTRY_COLUMNS} FROM statements s WHERE ${OVERLAPPING} ORDER BY s.from_time`,
      ...[stream, to, from, stream, from],
    );
  }

  /** Judged statements of a stream whose period meets [from, to), oldest first, with the verdict or outcome that stands. */
  judged(stream: string, from: string, to: string): { id: string; standing: string }[] {
    return this.sql.all(
      `SELECT s.id AS id, coalesce(o.id, v.id) AS standing FROM statements s
         JOIN verdicts v ON v.target = s.id LEFT JOIN outcomes o ON o.target = s.id
       WHERE ${OVERLAPPING} ORDER BY s.from_time`,
      ...[stream, to, from, stream, from],
    );
  }

  /** What the stream's contract required when a statement was judged; null before it was. */
  requiredOf(id: string): Level | null {
    return (
      this.sql.one<{ required: Level }>('SELECT required FROM verdicts WHERE target = ?', id)?.required ??
      null
    );
  }

  /** The last statement of a stream. */
  head(stream: string): StreamHead | null {
    return (
      this.sql.one<StreamHead>(
        'SELECT id, sequence, to_time AS "to" FROM statements WHERE stream = ? AND sequence IS NOT NULL ORDER BY sequence DESC LIMIT 1',
        stream,
      ) ?? null
    );
  }

  /** The rows that a statement commits to, as stored. @throws NOT_FOUND */
  payload(cid: string): Uint8Array {
    const row = this.sql.one<{ bytes: Uint8Array }>('SELECT bytes FROM payloads WHERE cid = ?', cid);
    if (!row) throw new AssayError('NOT_FOUND', `the payload ${cid} is not stored here`);
    return row.bytes;
  }

  /** Logged statements of a kind after a log index, in the log's order. */
  logged(kind: RecordKind, afterIndex: number, most: number): CatalogueEntry[] {
    return this.sql.all(
      `SELECT ${ENTRY_COLUMNS} FROM statements WHERE log_index > ? AND kind = ? ORDER BY log_index LIMIT ?`,
      afterIndex,
      kind,
      most,
    );
  }

  /** The verdict on a statement, what reviewers decided since, and what executing it again gave. */
  verdictOn(id: string): VerdictSummary | null {
    const row = this.sql.one<
      Omit<VerdictSummary, Parsed | 'outcome' | 'executions'> & Record<Parsed, string>
    >('SELECT id, decision, level, flagged, rejected, quality, required FROM verdicts WHERE target = ?', id);
    if (!row) return null;
    const { flagged, rejected, quality } = row;
    return {
      ...row,
      flagged: JSON.parse(flagged),
      rejected: JSON.parse(rejected),
      quality: JSON.parse(quality),
      outcome: this.#outcomeOn(id),
      executions: this.sql
        .all<{ agrees: number }>('SELECT agrees FROM executions WHERE target = ?', id)
        .map(({ agrees }) => ({ agrees: agrees === 1 })),
    };
  }

  #outcomeOn(id: string): Standing | null {
    const row = this.sql.one<Omit<Standing, 'flagged' | 'rejected'> & { flagged: string; rejected: string }>(
      'SELECT id, decision, level, flagged, rejected, since FROM outcomes WHERE target = ?',
      id,
    );
    return row ? { ...row, flagged: JSON.parse(row.flagged), rejected: JSON.parse(row.rejected) } : null;
  }

  /** Reviews, appeals, outcomes and executions about a statement, in the order in which they were kept. */
  opinionsOn(id: string): CatalogueEntry[] {
    return this.sql.all<CatalogueEntry>(
      `SELECT ${ENTRY_COLUMNS} FROM statements WHERE id IN (SELECT id FROM opinions WHERE target = ?) ORDER BY n`,
      id,
    );
  }

  /** Inputs of a derivation, and the derivations that a statement went into. */
  lineage(id: string): {
    materials: { id: string; stream: string }[];
    derived: { id: string; stream: string }[];
  } {
    return {
      materials: this.sql.all(
        'SELECT material AS id, stream FROM materials WHERE derivation = ? ORDER BY stream, material',
        id,
      ),
      derived: this.sql.all(
        'SELECT s.id AS id, s.stream AS stream FROM materials m JOIN statements s ON s.id = m.derivation WHERE m.material = ? ORDER BY s.n LIMIT 100',
        id,
      ),
    };
  }

  /** Every stream with its rows and the end of its last period. */
  streams(): { name: string; kind: 'source' | 'derived'; rows: number; lastTime: string }[] {
    return this.sql.all(
      `SELECT stream AS name, CASE kind WHEN 'observation' THEN 'source' ELSE 'derived' END AS kind,
       sum(row_count) AS rows, max(to_time) AS lastTime FROM statements WHERE kind IN ('observation', 'derivation') GROUP BY stream ORDER BY stream`,
    );
  }

  /** Totals for the summary and the console. */
  totals(): {
    rows: number;
    observations: number;
    derivations: number;
    verdicts: Record<Decision, number>;
    flags: { stream: string; day: string; count: number }[];
  } {
    const counts = this.sql.all<{ kind: RecordKind; count: number; rows: number }>(
      'SELECT kind, count(*) AS count, sum(row_count) AS rows FROM statements GROUP BY kind',
    );
    const of = (kind: RecordKind) => counts.find((row) => row.kind === kind);
    const verdicts: Record<Decision, number> = { accept: 0, flag: 0, reject: 0 };
    for (const { decision, count } of this.sql.all<{ decision: Decision; count: number }>(
      "SELECT decision, count(*) AS count FROM verdicts WHERE kind = 'observation' GROUP BY decision",
    )) {
      verdicts[decision] = count;
    }
    return {
      rows: of('observation')?.rows ?? 0,
      observations: of('observation')?.count ?? 0,
      derivations: of('derivation')?.count ?? 0,
      verdicts,
      flags: this.sql.all(
        `SELECT stream, day, sum(flagged_rows) AS count FROM verdicts WHERE kind = 'observation' AND flagged_rows > 0
         GROUP BY stream, day ORDER BY stream, day`,
      ),
    };
  }

  /**
   * Remembers a published checkpoint, so that a bundle can be built on the one that was anchored.
   *
   * @returns when it was published first.
   */
  keepCheckpoint(size: number, note: string, publishedAt: string): string {
    this.sql.run(
      `INSERT INTO checkpoints (size, note, published_at) VALUES (?, ?, ?)
       ON CONFLICT (size) DO UPDATE SET note = excluded.note`,
      size,
      note,
      publishedAt,
    );
    return this.sql.one<{ at: string }>('SELECT published_at AS at FROM checkpoints WHERE size = ?', size)!
      .at;
  }

  /** How the public log grew: at most so many points, evenly chosen, the newest among them. */
  growth(points: number): { at: string; size: number }[] {
    return this.sql.all<{ at: string; size: number }>(
      `WITH numbered AS (
         SELECT size, published_at AS at, row_number() OVER (ORDER BY size DESC) - 1 AS back, count(*) OVER () AS total
         FROM checkpoints
       )
       SELECT at, size FROM numbered WHERE back % max(1, (total + ?1 - 1) / ?1) = 0 ORDER BY size`,
      points,
    );
  }

  /** A published checkpoint of exactly this size. */
  checkpoint(size: number): { size: number; note: string } | null {
    return (
      this.sql.one<{ size: number; note: string }>(
        'SELECT size, note FROM checkpoints WHERE size = ?',
        size,
      ) ?? null
    );
  }

  /** The smallest published checkpoint that covers a log index. */
  checkpointCovering(index: number): { size: number; note: string } | null {
    return (
      this.sql.one<{ size: number; note: string }>(
        'SELECT size, note FROM checkpoints WHERE size > ? ORDER BY size LIMIT 1',
        index,
      ) ?? null
    );
  }

  close(): void {
    this.sql.close();
  }

  #insert({ opened, payload, materials = [], required = 'L0' }: NewStatement): void {
    const { id, statement, signer, entry } = opened;
    const kind = kindOfStatement(statement);
    const place = placeOf(statement);
    this.sql.run(
      `INSERT INTO statements (id, kind, stream, signer, sequence, from_time, to_time, row_count, payload, entry)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      id,
      kind,
      statement.predicate.stream,
      signer,
      place.sequence,
      place.from,
      place.to,
      place.rows,
      place.payload,
      entry,
    );
    if (payload && place.payload) this.#keepPayload(place.payload, payload);
    if (statement.predicateType === PREDICATE.verdict) this.#insertVerdict(id, statement.predicate, required);
    if (isOpinion(statement)) this.#insertOpinion(id, signer, statement);
    if (statement.predicateType !== PREDICATE.derivation) return;
    this.#keepPayload(statement.predicate.materials.payload, encodePayload(materials));
    for (const { observation, stream } of materials) {
      this.sql.run(
        'INSERT OR IGNORE INTO materials (derivation, material, stream) VALUES (?, ?, ?)',
        id,
        observation,
        stream,
      );
    }
  }

  #keepPayload(cid: string, bytes: Uint8Array): void {
    this.sql.run('INSERT OR IGNORE INTO payloads (cid, bytes) VALUES (?, ?)', cid, bytes);
  }

  #insertOpinion(id: string, signer: string, { predicate, predicateType }: OpinionStatement): void {
    const { observation } = predicate;
    this.sql.run(
      'INSERT INTO opinions (id, target, kind) VALUES (?, ?, ?)',
      id,
      observation,
      kindOfStatement({ predicateType } as Statement),
    );
    if ('executedAt' in predicate) {
      this.sql.run(
        'INSERT INTO executions (target, executor, agrees) VALUES (?, ?, ?)',
        observation,
        signer,
        predicate.agrees ? 1 : 0,
      );
    }
    if (!('decidedAt' in predicate)) return;
    const { decision, level, rows, decidedAt } = predicate;
    this.sql.run(
      'INSERT OR REPLACE INTO outcomes (target, id, decision, level, flagged, rejected, since) VALUES (?, ?, ?, ?, ?, ?, ?)',
      observation,
      id,
      decision,
      level,
      JSON.stringify(rows.flagged),
      JSON.stringify(rows.rejected),
      decidedAt,
    );
  }

  #insertVerdict(id: string, verdict: VerdictPredicate, required: Level): void {
    const target = this.get(verdict.observation);
    const { flagged, rejected } = verdict.rows;
    this.sql.run(
      `INSERT INTO verdicts (target, id, kind, stream, day, decision, level, flagged, rejected, quality, flagged_rows, rejected_rows, required)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      verdict.observation,
      id,
      target.kind,
      verdict.stream,
      target.from.slice(0, 10),
      verdict.decision,
      verdict.level,
      JSON.stringify(flagged),
      JSON.stringify(rejected),
      JSON.stringify(verdict.quality),
      widthOf(flagged),
      widthOf(rejected),
      required,
    );
  }
}

/** Members of a verdict that are stored as JSON. */
type Parsed = 'flagged' | 'rejected' | 'quality';

/** The statement inside a kept entry. Its signature was verified before it was kept. */
export function statementOf(entry: Uint8Array): Statement {
  const { payload } = JSON.parse(fromUtf8(entry)) as { payload: string };
  return JSON.parse(Buffer.from(payload, 'base64').toString('utf8')) as Statement;
}

/**
 * What decides now: the outcome of a review, or else the verdict. What is accepted and was executed again with the same
 * result reaches L4 by that; what is not accepted is no better for having been computed correctly.
 */
export function standingOf({ outcome, executions, ...verdict }: VerdictSummary): Standing {
  const standing: Standing = outcome ?? verdict;
  if (standing.decision !== 'accept' || standing.level === 'L5') return standing;
  return { ...standing, level: effectiveLevel(standing, [], executions) };
}

/** What is decided about one row. */
export function decisionOnRow(
  { rejected, flagged }: Pick<Standing, 'flagged' | 'rejected'>,
  row: number,
): Decision {
  return inRanges(rejected, row) ? 'reject' : inRanges(flagged, row) ? 'flag' : 'accept';
}

type OpinionStatement = ReviewStatement | AppealStatement | OutcomeStatement | ExecutionStatement;

function isOpinion(statement: Statement): statement is OpinionStatement {
  const { predicateType } = statement;
  return (
    predicateType === PREDICATE.review ||
    predicateType === PREDICATE.appeal ||
    predicateType === PREDICATE.outcome ||
    predicateType === PREDICATE.execution
  );
}

/** When a statement that has no period was made. */
function madeAt(statement: Statement): string {
  switch (statement.predicateType) {
    case PREDICATE.verdict:
      return statement.predicate.checkedAt;
    case PREDICATE.review:
      return statement.predicate.reviewedAt;
    case PREDICATE.appeal:
      return statement.predicate.appealedAt;
    case PREDICATE.outcome:
      return statement.predicate.decidedAt;
    case PREDICATE.commitment:
      return statement.predicate.committedAt;
    case PREDICATE.execution:
      return statement.predicate.executedAt;
    default:
      throw new AssayError(
        'REQUEST_INVALID',
        'the catalogue keeps statements about data, got one about the log',
      );
  }
}

function placeOf(statement: Statement) {
  if (statement.predicateType !== PREDICATE.observation && statement.predicateType !== PREDICATE.derivation) {
    const at = madeAt(statement);
    return { sequence: null, from: at, to: at, rows: 0, payload: null };
  }
  const { sequence, period, rows } = statement.predicate;
  return { sequence, from: period.from, to: period.to, rows: rows.count, payload: rows.payload };
}

function widthOf(ranges: RowRanges): number {
  return ranges.reduce((total, [from, to]) => total + to - from + 1, 0);
}
