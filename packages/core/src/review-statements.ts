/**
 * What people and the checker say after a verdict: reviews, appeals, outcomes, and the commitments that keep the
 * drawing of reviews honest. None of them names a person: reviewers and appellants are DIDs.
 */
import { bytesToHex, utf8 } from './encoding.ts';
import { sha256 } from './sha256.ts';
import {
  exactly,
  type Fail,
  instant,
  integer,
  list,
  oneOf,
  pattern,
  rowRanges,
  sha256Hex,
  streamName,
  text,
} from './shape.ts';
import { DECISIONS, type Decision, LEVELS, type Level, type Period, type RowRanges } from './statement.ts';

/** A reviewer's statement about a verdict. Its subject is the id of the statement that was judged. */
export interface ReviewPredicate {
  stream: string;
  /** Id of the observation or derivation. */
  observation: string;
  /** Id of the checker's verdict on it. */
  verdict: string;
  /** The item of the review queue; with `round` it binds the review to one question asked once. */
  item: string;
  round: Round;
  decision: Decision;
  reason: string;
  /** Checks of the verdict whose findings the reviewer holds to be wrong. */
  disputed: string[];
  /** Digests of what was looked at: `sha256:<hex>` of exhibits and payloads, or statement ids. */
  evidence: string[];
  reviewedAt: string;
}

/** 1 after the verdict, 2 after an appeal; there is no third. */
export type Round = 1 | 2;

/** Somebody's objection to what was decided. Its subject is the id of the statement that was judged. */
export interface AppealPredicate {
  stream: string;
  observation: string;
  verdict: string;
  /** The outcome that is objected to; null when only the checks have decided. */
  outcome: string | null;
  reason: string;
  appealedAt: string;
}

/**
 * The checker's statement of what a round of reviews decided. From then on it stands where the verdict stood; the
 * verdict stays in the log beside it. Its subject is the id of the statement that was judged.
 */
export interface OutcomePredicate {
  stream: string;
  observation: string;
  verdict: string;
  /** The outcome that this one replaces, after an appeal. */
  previous: string | null;
  item: string;
  round: Round;
  /** Ids of the reviews of this round, all in the log. */
  reviews: string[];
  decision: Decision;
  /** L5 where reviewers accepted. */
  level: Level;
  rows: { flagged: RowRanges; rejected: RowRanges };
  reason: string;
  decidedAt: string;
}

export const COMMITMENT_PURPOSES = ['sampling', 'gold'] as const;

/**
 * The digest of a secret, logged before the secret is used; later the same again with the secret. Anybody can then
 * see that the draw was fixed beforehand. Its subject is `digest`.
 */
export interface CommitmentPredicate {
  stream: string;
  purpose: (typeof COMMITMENT_PURPOSES)[number];
  /** When the secret draws (sampling), or when the answer was laid down (gold). */
  period: Period;
  /** SHA-256 of the UTF-8 bytes of the secret text. */
  digest: string;
  /** The secret text once the period is over: a sampling secret in hex, or a gold answer as canonical JSON. */
  revealed: string | null;
  /** Of accepted observations, how many in a million are drawn; 0 for gold. */
  ratePpm: number;
  committedAt: string;
}

const MAX_REASON = 2_000;

/** Reads a review's predicate. */
export function readReview(value: unknown, fail: Fail): ReviewPredicate {
  const p = exactly(
    value,
    'predicate',
    [
      'stream',
      'observation',
      'verdict',
      'item',
      'round',
      'decision',
      'reason',
      'disputed',
      'evidence',
      'reviewedAt',
    ],
    fail,
  );
  return {
    stream: streamName(p.stream, 'stream', fail),
    observation: sha256Hex(p.observation, 'observation', fail),
    verdict: sha256Hex(p.verdict, 'verdict', fail),
    item: sha256Hex(p.item, 'item', fail),
    round: readRound(p.round, fail),
    decision: oneOf(p.decision, 'decision', DECISIONS, fail),
    reason: readReason(p.reason, fail),
    disputed: list(p.disputed, 'disputed', (check, at) => text(check, at, fail, 200), fail, 100),
    evidence: list(p.evidence, 'evidence', (digest, at) => readEvidence(digest, at, fail), fail, 100),
    reviewedAt: instant(p.reviewedAt, 'reviewedAt', fail),
  };
}

/** Reads an appeal's predicate. */
export function readAppeal(value: unknown, fail: Fail): AppealPredicate {
  const p = exactly(
    value,
    'predicate',
    ['stream', 'observation', 'verdict', 'outcome', 'reason', 'appealedAt'],
    fail,
  );
  return {
    stream: streamName(p.stream, 'stream', fail),
    observation: sha256Hex(p.observation, 'observation', fail),
    verdict: sha256Hex(p.verdict, 'verdict', fail),
    outcome: p.outcome === null ? null : sha256Hex(p.outcome, 'outcome', fail),
    reason: readReason(p.reason, fail),
    appealedAt: instant(p.appealedAt, 'appealedAt', fail),
  };
}

/** Reads an outcome's predicate. */
export function readOutcome(value: unknown, fail: Fail): OutcomePredicate {
  const p = exactly(
    value,
    'predicate',
    [
      'stream',
      'observation',
      'verdict',
      'previous',
      'item',
      'round',
      'reviews',
      'decision',
      'level',
      'rows',
      'reason',
      'decidedAt',
    ],
    fail,
  );
  const rows = exactly(p.rows, 'rows', ['flagged', 'rejected'], fail);
  const decision = oneOf(p.decision, 'decision', DECISIONS, fail);
  const flagged = rowRanges(rows.flagged, 'rows.flagged', fail);
  const rejected = rowRanges(rows.rejected, 'rows.rejected', fail);
  const worst = rejected.length > 0 ? 'reject' : flagged.length > 0 ? 'flag' : 'accept';
  if (decision !== worst) fail(`decision: expected ${worst}, which its rows say, got ${decision}`);
  return {
    stream: streamName(p.stream, 'stream', fail),
    observation: sha256Hex(p.observation, 'observation', fail),
    verdict: sha256Hex(p.verdict, 'verdict', fail),
    previous: p.previous === null ? null : sha256Hex(p.previous, 'previous', fail),
    item: sha256Hex(p.item, 'item', fail),
    round: readRound(p.round, fail),
    reviews: list(p.reviews, 'reviews', (id, at) => sha256Hex(id, at, fail), fail, 3),
    decision,
    level: oneOf(p.level, 'level', LEVELS, fail),
    rows: { flagged, rejected },
    reason: readReason(p.reason, fail),
    decidedAt: instant(p.decidedAt, 'decidedAt', fail),
  };
}

/** Reads a commitment's predicate. What it reveals must have the digest that was committed to. */
export function readCommitment(value: unknown, fail: Fail): CommitmentPredicate {
  const p = exactly(
    value,
    'predicate',
    ['stream', 'purpose', 'period', 'digest', 'revealed', 'ratePpm', 'committedAt'],
    fail,
  );
  const period = exactly(p.period, 'period', ['from', 'to'], fail);
  const from = instant(period.from, 'period.from', fail);
  const to = instant(period.to, 'period.to', fail);
  if (from >= to) fail(`period: expected from before to, got ${from} and ${to}`);
  const digest = sha256Hex(p.digest, 'digest', fail);
  const revealed = p.revealed === null ? null : text(p.revealed, 'revealed', fail, MAX_REASON);
  const actual = revealed === null ? digest : bytesToHex(sha256(utf8(revealed)));
  if (actual !== digest) fail(`revealed: expected a text with the digest ${digest}, got one with ${actual}`);
  const ratePpm = integer(p.ratePpm, 'ratePpm', fail);
  if (ratePpm > 1_000_000) fail(`ratePpm: expected at most 1000000, got ${ratePpm}`);
  return {
    stream: streamName(p.stream, 'stream', fail),
    purpose: oneOf(p.purpose, 'purpose', COMMITMENT_PURPOSES, fail),
    period: { from, to },
    digest,
    revealed,
    ratePpm,
    committedAt: instant(p.committedAt, 'committedAt', fail),
  };
}

function readRound(value: unknown, fail: Fail): Round {
  const round = integer(value, 'round', fail, 1);
  return round === 1 || round === 2 ? round : fail(`round: expected 1 or 2, got ${round}`);
}

function readReason(value: unknown, fail: Fail): string {
  const reason = text(value, 'reason', fail, MAX_REASON);
  return reason.trim() === '' ? fail('reason: expected words, got none') : reason;
}

function readEvidence(value: unknown, path: string, fail: Fail): string {
  return pattern(value, path, /^(sha256:)?[0-9a-f]{64}$/, 'a digest (sha256:<hex>) or a statement id', fail);
}
