import { current, MAX_LEASES, MOST_REVIEWERS, REVIEWERS, type ReviewItem } from '@assay/checks/review';
import type { CommitmentPredicate, OpenedEnvelope, Period } from '@assay/core';
import type { Catalogue } from './catalogue.ts';
import type { Sql } from './sql.ts';

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS review_items (n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, observation TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL, needs INTEGER NOT NULL, closed_ms INTEGER, item TEXT NOT NULL);
  CREATE INDEX IF NOT EXISTS review_items_needs ON review_items (state, needs, n);
  CREATE INDEX IF NOT EXISTS review_items_closed ON review_items (closed_ms);
  CREATE TABLE IF NOT EXISTS review_leases (item TEXT NOT NULL, reviewer TEXT NOT NULL, until_ms INTEGER NOT NULL,
    PRIMARY KEY (item, reviewer)) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS review_leases_reviewer ON review_leases (reviewer);
  CREATE TABLE IF NOT EXISTS held_reviews (n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, item TEXT NOT NULL, entry BLOB NOT NULL);
  CREATE TABLE IF NOT EXISTS commitments (digest TEXT PRIMARY KEY, purpose TEXT NOT NULL, from_time TEXT NOT NULL,
    to_time TEXT NOT NULL, secret TEXT NOT NULL, observation TEXT UNIQUE, state TEXT NOT NULL);
`;

/** A secret whose digest is in the log. Gold waits until it is placed in the queue. */
export interface KeptCommitment {
  digest: string;
  purpose: CommitmentPredicate['purpose'];
  period: Period;
  secret: string;
  observation: string | null;
  state: 'waiting' | 'placed' | 'revealed';
}

/** The queue as it is kept: items, who is asked, and reviews that are held back until their round closes. */
export class ReviewStore {
  readonly #sql: Sql;

  constructor({ sql }: Pick<Catalogue, 'sql'>) {
    this.#sql = sql;
    sql.make(SCHEMA);
  }

  item(id: string): ReviewItem | null {
    return this.#read('SELECT item FROM review_items WHERE id = ?', id)[0] ?? null;
  }

  itemOn(observation: string): ReviewItem | null {
    return this.#read('SELECT item FROM review_items WHERE observation = ?', observation)[0] ?? null;
  }

  /** Within the caller's transaction. */
  save(item: ReviewItem): void {
    const { leases, decisions, result } = current(item);
    const wanted = decisions.length < REVIEWERS ? REVIEWERS : MOST_REVIEWERS;
    this.#sql.run(
      `INSERT INTO review_items (id, observation, state, needs, closed_ms, item) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET state = excluded.state, needs = excluded.needs, closed_ms = excluded.closed_ms, item = excluded.item`,
      item.id,
      item.observation,
      item.state,
      item.state === 'open' ? wanted - decisions.length - leases.length : 0,
      result?.atMs ?? null,
      JSON.stringify(item),
    );
    this.#sql.run('DELETE FROM review_leases WHERE item = ?', item.id);
    for (const { reviewer, untilMs } of leases)
      this.#sql.run(
        'INSERT INTO review_leases (item, reviewer, until_ms) VALUES (?, ?, ?)',
        item.id,
        reviewer,
        untilMs,
      );
  }

  /** Items for which somebody has to be asked, the oldest first. */
  needing(most: number): ReviewItem[] {
    return this.#read(
      "SELECT item FROM review_items WHERE state = 'open' AND needs > 0 ORDER BY n LIMIT ?",
      most,
    );
  }

  /** Items of which a lease ran out, or is held by somebody who is no reviewer any more. */
  lapsed(nowMs: number, reviewers: readonly string[]): ReviewItem[] {
    const leases = this.#sql.all<{ item: string; reviewer: string; untilMs: number }>(
      'SELECT item, reviewer, until_ms AS untilMs FROM review_leases',
    );
    const gone = leases.filter(({ reviewer, untilMs }) => untilMs <= nowMs || !reviewers.includes(reviewer));
    return [...new Set(gone.map(({ item }) => item))].map((id) => this.item(id)!);
  }

  askedOf(reviewer: string): ReviewItem[] {
    // By name, which says nothing: the order in which they came would.
    return this.#read(
      'SELECT item FROM review_items WHERE id IN (SELECT item FROM review_leases WHERE reviewer = ?) ORDER BY id LIMIT ?',
      reviewer,
      MAX_LEASES,
    );
  }

  load(reviewer: string): number {
    return this.#count('SELECT count(*) AS count FROM review_leases WHERE reviewer = ?', reviewer);
  }

  counts(): { open: number; closed: number; waiting: number } {
    return {
      open: this.#count("SELECT count(*) AS count FROM review_items WHERE state = 'open'"),
      closed: this.#count("SELECT count(*) AS count FROM review_items WHERE state = 'closed'"),
      waiting: this.#count("SELECT count(*) AS count FROM review_items WHERE state = 'open' AND needs > 0"),
    };
  }

  /** Open items, the oldest first. */
  open(most: number): ReviewItem[] {
    return this.#read("SELECT item FROM review_items WHERE state = 'open' ORDER BY n LIMIT ?", most);
  }

  /** Closed items, the newest first. */
  closed(most: number): ReviewItem[] {
    return this.#read(
      "SELECT item FROM review_items WHERE state = 'closed' ORDER BY closed_ms DESC, n DESC LIMIT ?",
      most,
    );
  }

  /** Keeps a review back. Within the caller's transaction. */
  hold(item: string, { id, entry }: Pick<OpenedEnvelope, 'id' | 'entry'>): void {
    this.#sql.run('INSERT INTO held_reviews (id, item, entry) VALUES (?, ?, ?)', id, item, entry);
  }

  held(item: string): Uint8Array[] {
    return this.#sql
      .all<{ entry: Uint8Array }>('SELECT entry FROM held_reviews WHERE item = ? ORDER BY n', item)
      .map(({ entry }) => entry);
  }

  /** Within the caller's transaction. */
  release(item: string): void {
    this.#sql.run('DELETE FROM held_reviews WHERE item = ?', item);
  }

  /** Appeals that one DID has running. */
  runningAppeals(did: string): number {
    return this.#count(
      `SELECT count(*) AS count FROM opinions o JOIN statements s ON s.id = o.id
       WHERE o.kind = 'appeal' AND s.signer = ? AND o.target IN (SELECT observation FROM review_items WHERE state = 'open')`,
      did,
    );
  }

  /** Within the caller's transaction. */
  keepCommitment({ digest, purpose, period, secret, observation, state }: KeptCommitment): void {
    this.#sql.run(
      'INSERT INTO commitments (digest, purpose, from_time, to_time, secret, observation, state) VALUES (?, ?, ?, ?, ?, ?, ?)',
      digest,
      purpose,
      period.from,
      period.to,
      secret,
      observation,
      state,
    );
  }

  /** Within the caller's transaction. */
  markCommitment(digest: string, state: KeptCommitment['state']): void {
    this.#sql.run('UPDATE commitments SET state = ? WHERE digest = ?', state, digest);
  }

  commitment(digest: string): KeptCommitment | null {
    return this.#commitments('WHERE digest = ?', digest)[0] ?? null;
  }

  gold(observation: string): KeptCommitment | null {
    return this.#commitments('WHERE observation = ?', observation)[0] ?? null;
  }

  /** The planted question that waits longest. */
  nextGold(): KeptCommitment | null {
    return (
      this.#commitments("WHERE purpose = 'gold' AND state = 'waiting' ORDER BY digest LIMIT 1")[0] ?? null
    );
  }

  /** Revealed answers. */
  knownGold(): KeptCommitment[] {
    return this.#commitments("WHERE purpose = 'gold' AND state = 'revealed'");
  }

  /** Sampling secrets whose period is over and that are not revealed. */
  toReveal(now: string): KeptCommitment[] {
    return this.#commitments(
      "WHERE purpose = 'sampling' AND state != 'revealed' AND to_time <= ? ORDER BY from_time LIMIT 50",
      now,
    );
  }

  #commitments(where: string, ...values: string[]): KeptCommitment[] {
    return this.#sql
      .all<Omit<KeptCommitment, 'period'> & { from: string; to: string }>(
        `SELECT digest, purpose, from_time AS "from", to_time AS "to", secret, observation, state FROM commitments ${where}`,
        ...values,
      )
      .map(({ from, to, ...rest }) => ({ ...rest, period: { from, to } }));
  }

  #read(sql: string, ...values: (string | number)[]): ReviewItem[] {
    return this.#sql.all<{ item: string }>(sql, ...values).map(({ item }) => JSON.parse(item) as ReviewItem);
  }

  #count(sql: string, ...values: string[]): number {
    return this.#sql.one<{ count: number }>(sql, ...values)!.count;
  }
}
