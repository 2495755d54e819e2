import {
  type CredibilityInput,
  credibilityAt,
  credibilityHistory,
  DEFAULT_TERMS,
  type Outcome,
  type SourceCredibility,
} from '@assay/checks/credibility';
import type { Decimal, Decision, OutcomeStatement } from '@assay/core';
import { instantOf } from '@assay/sources';
import { type Catalogue, statementOf } from './catalogue.ts';
import type { Sql } from './sql.ts';

const SCHEMA = `
  CREATE INDEX IF NOT EXISTS statements_outcomes ON statements (n) WHERE kind = 'outcome';
  CREATE TABLE IF NOT EXISTS settled_facts (provider TEXT NOT NULL, at TEXT NOT NULL, observation TEXT NOT NULL,
    is_right INTEGER NOT NULL, PRIMARY KEY (provider, at, observation)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS settled_up_to (one INTEGER PRIMARY KEY CHECK (one = 1), n INTEGER NOT NULL);
`;
/** Outcomes that are taken in by one transaction. */
const PAGE = 500;
/** Of each provider the newest outcomes count: so many, if they are new, put its interval within 0.02 of the mean. */
export const MAX_FACTS = 2_000;
/** Instants of a history. */
export const MAX_POINTS = 60;
/** What was computed holds so long, if nothing else was settled: with time alone it hardly moves. */
const FRESH_MS = 60_000;
/** Providers whose figures are remembered. */
const MAX_REMEMBERED = 500;
const RESOLVERS = ['reviewers', 'court'] as const;

/** What a chain says of a provider. */
export interface Backing {
  /** In ASSAY. */
  stake: Decimal;
  /** Of the court, when they could no longer be appealed. */
  rulings: readonly { observation: string; decision: Decision; finalAt: string }[];
}

/** How far a provider can be believed now. Shares from 0 to 1, as decimal strings. */
export interface Credibility {
  at: string;
  /** `lower` × `stakeFactor`; `lower` alone where no chain says what is at stake. */
  credibility: Decimal;
  /** The share of its data that turns out right lies above this with 95 %, and below `upper` with 95 %. */
  lower: Decimal;
  mean: Decimal;
  upper: Decimal;
  /** In ASSAY; null when this node uses no chain. */
  stake: Decimal | null;
  stakeFactor: Decimal | null;
  /** Null while nobody looks for copying among this node's providers. */
  independence: Decimal | null;
  /** Observations about which reviewers or the court decided, and how many of them were right. */
  facts: number;
  right: number;
}

/** What could be known at one time, without what is at stake: that is known for now only. */
export type CredibilityPoint = Pick<Credibility, 'at' | 'lower' | 'mean' | 'upper' | 'facts' | 'right'>;

/**
 * What turned out of providers' data: outcomes that reviewers decided, as they are kept in the catalogue, and the
 * court's rulings. Sources that agree are no outcome. Times are those of the decisions, on the node's clock.
 *
 * Each outcome is read once and kept by provider, so that an answer costs what that provider has, whatever the log has.
 *
 * @example
 * new CredibilityBook({ catalogue, nowMs: Date.now }).now('did:key:z6Mk…', null)?.lower; // '0.529913'
 */
export class CredibilityBook {
  readonly #sql: Sql;
  readonly #nowMs: () => number;
  readonly #remembered = new Map<string, { key: string; atMs: number; answer: unknown }>();

  constructor(options: { catalogue: Pick<Catalogue, 'sql'>; nowMs: () => number }) {
    this.#sql = options.catalogue.sql;
    this.#nowMs = options.nowMs;
    this.#sql.make(SCHEMA);
    this.#takeIn();
  }

  /** Null while nothing is settled: that is not known, and no number says so. */
  now(provider: string, backing: Backing | null): Credibility | null {
    return this.#fresh('now', provider, backing, (input, atMs) => {
      const found = credibilityAt(provider, instantOf(atMs), input);
      if (found.facts === 0) return null;
      return {
        ...pointOf(found),
        credibility: found.credibility,
        stake: backing?.stake ?? null,
        stakeFactor: backing && found.stakeFactor,
        independence: null,
      };
    });
  }

  /** From the first outcome to now, at most {@link MAX_POINTS}, each as it could be known then; the oldest first. */
  history(provider: string, backing: Backing | null): CredibilityPoint[] {
    return this.#fresh('history', provider, backing, (input, atMs) =>
      credibilityHistory(provider, instantsOf(input.outcomes, atMs), input).map(pointOf),
    );
  }

  #fresh<T>(
    what: string,
    provider: string,
    backing: Backing | null,
    compute: (input: CredibilityInput, atMs: number) => T,
  ): T {
    this.#takeIn();
    const name = `${what} ${provider}`;
    const key = JSON.stringify([this.#upTo(), backing]);
    const atMs = this.#nowMs();
    const before = this.#remembered.get(name);
    if (before?.key === key && Math.abs(atMs - before.atMs) < FRESH_MS) return before.answer as T;
    const input = this.#inputOf(provider, backing);
    const answer = compute(input, atMs);
    // Names that somebody made up take no room.
    if (input.outcomes.length === 0) return answer;
    if (this.#remembered.size >= MAX_REMEMBERED) this.#remembered.clear();
    this.#remembered.set(name, { key, atMs, answer });
    return answer;
  }

  #inputOf(provider: string, backing: Backing | null): CredibilityInput {
    const reviewed = this.#sql
      .all<{ at: string; observation: string; right: number }>(
        `SELECT at, observation, is_right AS "right" FROM settled_facts WHERE provider = ?
         ORDER BY at DESC LIMIT ?`,
        provider,
        MAX_FACTS,
      )
      .map(({ at, observation, right }) => outcome('reviewers', observation, right === 1, at));
    const ruled = (backing?.rulings ?? [])
      .toSorted((a, b) => (a.finalAt < b.finalAt ? 1 : -1))
      .slice(0, MAX_FACTS)
      .map(({ observation, decision, finalAt }) =>
        outcome('court', observation, decision === 'accept', finalAt),
      );
    return {
      outcomes: [...reviewed, ...ruled],
      resolvers: RESOLVERS,
      copies: [],
      stakes: backing ? { [provider]: backing.stake } : {},
      // Without a chain nothing is known of a stake, neither that there is one nor that there is none.
      terms: backing ? DEFAULT_TERMS : { ...DEFAULT_TERMS, withoutStake: 1 },
    };

    function outcome(
      resolver: (typeof RESOLVERS)[number],
      fact: string,
      right: boolean,
      resolvedAt: string,
    ): Outcome {
      return { source: provider, fact, right, resolver, resolvedAt };
    }
  }

  /** Takes in the outcomes that were kept since the last time; nothing is read twice, also over a restart. */
  #takeIn(): void {
    for (let page = PAGE; page === PAGE; ) {
      const kept = this.#sql.all<{ n: number; entry: Uint8Array }>(
        "SELECT n, entry FROM statements WHERE kind = 'outcome' AND n > ? ORDER BY n LIMIT ?",
        this.#upTo(),
        PAGE,
      );
      page = kept.length;
      if (page === 0) return;
      this.#sql.transaction(() => {
        for (const { entry } of kept) this.#settle(entry);
        this.#sql.run('INSERT OR REPLACE INTO settled_up_to (one, n) VALUES (1, ?)', kept.at(-1)!.n);
      });
    }
  }

  #upTo(): number {
    return this.#sql.one<{ n: number }>('SELECT n FROM settled_up_to')?.n ?? 0;
  }

  #settle(entry: Uint8Array): void {
    const { predicate } = statementOf(entry) as OutcomeStatement;
    const { observation, decision, decidedAt } = predicate;
    // What is derived from providers' data is nobody's claim but this node's.
    const target = this.#sql.one<{ signer: string }>(
      "SELECT signer FROM statements WHERE id = ? AND kind = 'observation'",
      observation,
    );
    if (!target) return;
    // Of two that were decided in one second, the later one replaces the earlier one.
    this.#sql.run(
      'INSERT OR REPLACE INTO settled_facts (provider, at, observation, is_right) VALUES (?, ?, ?, ?)',
      target.signer,
      decidedAt,
      observation,
      decision === 'accept' ? 1 : 0,
    );
  }
}

function pointOf({ at, interval, mean, facts, right }: SourceCredibility): CredibilityPoint {
  return { at, lower: interval[0], mean, upper: interval[1], facts, right };
}

function instantsOf(outcomes: readonly Outcome[], nowMs: number): string[] {
  const times = outcomes.map(({ resolvedAt }) => Date.parse(resolvedAt)).filter((time) => time <= nowMs);
  if (times.length === 0) return [];
  const first = times.reduce((least, time) => Math.min(least, time));
  const now = Math.floor(nowMs / 1000) * 1000;
  // Instants have whole seconds.
  const steps = Math.min(MAX_POINTS - 1, Math.round((now - first) / 1000));
  if (steps < 1) return [instantOf(now)];
  return Array.from({ length: steps + 1 }, (_, i) =>
    instantOf(first + Math.round(((now - first) * i) / steps)),
  );
}
