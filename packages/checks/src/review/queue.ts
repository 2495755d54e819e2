import { AssayError, type Decision, type Round } from '@assay/core';

/** Why something is looked at by people. Never shown while the item is open: a reviewer must not know. */
export const CAUSES = ['flagged', 'rejected', 'unknown', 'sample', 'gold', 'appeal'] as const;
export type Cause = (typeof CAUSES)[number];

/** One question put to reviewers: is this verdict right? Plain data, so that it can be kept as it is. */
export interface ReviewItem {
  /** 64 hexadecimal digits that say nothing. */
  id: string;
  stream: string;
  /** Id of the observation or derivation that was judged. */
  observation: string;
  /** Id of the checker's verdict on it. */
  verdict: string;
  /** DID of who provided the data. */
  provider: string;
  cause: Cause;
  state: 'open' | 'closed';
  openedAtMs: number;
  /** One, or two after an appeal; the last is the one that is open. */
  rounds: ReviewRound[];
}

export interface ReviewRound {
  round: Round;
  /** Who is asked now, and until when. */
  leases: { reviewer: string; untilMs: number }[];
  /** Who let a lease run out; they are asked again only when nobody else is left. */
  lapsed: string[];
  /** In the order in which they came. */
  decisions: { reviewer: string; decision: Decision; review: string; atMs: number }[];
  /** Ids of the appeals that opened it, or joined it. */
  appeals: string[];
  /** What it came to. */
  result: { decision: Decision; unanimous: boolean; atMs: number } | null;
}

/** Reviewers for a round: two, and a third when those disagree. */
export const REVIEWERS = 2;
export const MOST_REVIEWERS = 3;
/** What one reviewer is asked at once. */
export const MAX_LEASES = 5;
/** A lease that is not used goes to somebody else. */
export const LEASE_MS = 24 * 3_600_000;
/** Items that may be open at once; beyond it nothing enters but appeals. */
export const MAX_OPEN = 10_000;

/** A question for reviewers, with nobody asked yet. */
export function openItem(
  about: Pick<ReviewItem, 'id' | 'stream' | 'observation' | 'verdict' | 'provider' | 'cause'>,
  nowMs: number,
  appeal?: string,
): ReviewItem {
  return { ...about, state: 'open', openedAtMs: nowMs, rounds: [newRound(1, appeal)] };
}

/**
 * Asks as many reviewers as are still needed. Reviewers do not choose: who may pick what it reviews can be paid for
 * it. Nobody is asked about own data, twice about an item, or about more than {@link MAX_LEASES} at once.
 *
 * @param options.load leases that a reviewer holds on other items.
 * @param options.draw a number for a reviewer that nobody can foresee; the least is asked first.
 * @returns the item, changed only if somebody is asked anew or a lease ran out.
 */
export function assign(
  item: ReviewItem,
  options: {
    reviewers: readonly string[];
    load: (reviewer: string) => number;
    nowMs: number;
    draw: (reviewer: string) => number;
  },
): ReviewItem {
  const { reviewers, load, nowMs, draw } = options;
  const round = current(item);
  if (item.state === 'closed') return item;
  const leases = round.leases.filter(
    ({ reviewer, untilMs }) => untilMs > nowMs && reviewers.includes(reviewer),
  );
  const gone = round.leases.filter((lease) => !leases.includes(lease)).map(({ reviewer }) => reviewer);
  const lapsed = [...new Set([...round.lapsed, ...gone])];
  const missing = wanted(round) - round.decisions.length - leases.length;
  const free = reviewers
    .filter((reviewer) => mayReview(item, reviewer) && !leases.some((lease) => lease.reviewer === reviewer))
    .filter((reviewer) => load(reviewer) < MAX_LEASES)
    .map((reviewer) => ({ reviewer, again: lapsed.includes(reviewer) ? 1 : 0, load: load(reviewer) }))
    .sort((a, b) => a.again - b.again || a.load - b.load || draw(a.reviewer) - draw(b.reviewer));
  const asked = free
    .slice(0, Math.max(missing, 0))
    .map(({ reviewer }) => ({ reviewer, untilMs: nowMs + LEASE_MS }));
  if (gone.length === 0 && asked.length === 0) return item;
  return withRound(item, { ...round, leases: [...leases, ...asked], lapsed });
}

/**
 * Takes a reviewer's decision.
 *
 * @returns the item, closed when this decision was the last that was needed.
 * @throws REVIEW_ROUND_CLOSED, REVIEW_MISMATCH for another round, REVIEW_REPEATED, REVIEW_NOT_ASSIGNED
 */
export function decide(
  item: ReviewItem,
  review: { id: string; reviewer: string; round: Round; decision: Decision },
  nowMs: number,
): ReviewItem {
  const { id, reviewer, round: asked, decision } = review;
  const round = current(item);
  if (hasDecided(item, reviewer)) {
    throw new AssayError('REVIEW_REPEATED', `${reviewer} has decided on this item already`, {
      next: 'nothing: nobody reviews twice',
    });
  }
  if (item.state === 'closed') {
    throw new AssayError('REVIEW_ROUND_CLOSED', `the item ${item.id.slice(0, 16)}… is closed`, {
      next: 'see what was decided: /v1/reviews/<item>',
    });
  }
  if (asked !== round.round) {
    throw new AssayError(
      'REVIEW_MISMATCH',
      `expected a review of round ${round.round}, got one of round ${asked}`,
      {
        next: 'read the item again and sign a review of its round',
      },
    );
  }
  const lease = round.leases.find((held) => held.reviewer === reviewer);
  if (!lease || !mayReview(item, reviewer)) {
    throw new AssayError('REVIEW_NOT_ASSIGNED', `${reviewer} is not asked about this item`, {
      next: 'list what you are asked: assay review list',
    });
  }
  const decisions = [...round.decisions, { reviewer, decision, review: id, atMs: nowMs }];
  const next = { ...round, decisions, leases: round.leases.filter((held) => held !== lease) };
  const result = resultOf(decisions.map((one) => one.decision));
  if (result === null) return withRound(item, next);
  return { ...withRound(item, { ...next, leases: [], result: { ...result, atMs: nowMs } }), state: 'closed' };
}

/**
 * Opens a closed item once more, for reviewers who did not take part. While that round is open, others may add their
 * reasons to it.
 *
 * @param appeal id of the appeal's statement.
 * @throws APPEAL_REFUSED in the first round, which has decided nothing yet, and after the second.
 */
export function appealItem(item: ReviewItem, appeal: string): ReviewItem {
  const round = current(item);
  if (item.state === 'open' && round.appeals.length === 0) {
    throw new AssayError(
      'APPEAL_REFUSED',
      'reviewers are looking at it now; nothing is decided that could be appealed',
      {
        next: 'wait for the outcome, and appeal against that',
      },
    );
  }
  if (item.state === 'open') {
    if (round.appeals.length >= MAX_APPEALS) {
      throw new AssayError('APPEAL_REFUSED', `expected at most ${MAX_APPEALS} appeals in one round`, {
        next: 'wait for the outcome: it answers all of them',
      });
    }
    return withRound(item, { ...round, appeals: [...round.appeals, appeal] });
  }
  if (item.rounds.some(({ appeals }) => appeals.length > 0)) {
    throw new AssayError(
      'APPEAL_REFUSED',
      'this was appealed once already, and what was decided then is final',
      {
        next: 'nothing here; a dispute about money goes to the court: assay challenge',
      },
    );
  }
  return { ...item, state: 'open', rounds: [...item.rounds, newRound(2, appeal)] };
}

/** Appeals that one round answers. */
export const MAX_APPEALS = 8;

/**
 * What decisions come to: two that are equal, or the middle one of three, where accept < flag < reject. Of three
 * different ones that is flag: nobody may use it as good, and nobody threw it away. Null while more are needed.
 */
export function resultOf(decisions: readonly Decision[]): { decision: Decision; unanimous: boolean } | null {
  const [first, second] = decisions;
  if (first === undefined || second === undefined) return null;
  if (decisions.length === REVIEWERS) return first === second ? { decision: first, unanimous: true } : null;
  const sorted = [...decisions].sort((a, b) => SEVERITY[a] - SEVERITY[b]);
  return { decision: sorted[Math.floor(sorted.length / 2)]!, unanimous: false };
}

const SEVERITY: Record<Decision, number> = { accept: 0, flag: 1, reject: 2 };

/**
 * What a reviewer is told of an item that is open: what to look at and until when. Not why it was drawn, when it
 * came, who else is asked, or how many have decided: so a planted item looks like any other.
 */
export function questionOf(
  item: ReviewItem,
  reviewer: string,
): {
  item: string;
  stream: string;
  observation: string;
  verdict: string;
  round: Round;
  until: number;
} | null {
  const round = current(item);
  const lease = item.state === 'open' && round.leases.find((held) => held.reviewer === reviewer);
  if (!lease) return null;
  const { id, stream, observation, verdict } = item;
  return { item: id, stream, observation, verdict, round: round.round, until: lease.untilMs };
}

/** The round that is open, or was last. */
export function current(item: ReviewItem): ReviewRound {
  return item.rounds.at(-1)!;
}

/** Whether nobody can be asked although somebody is needed. */
export function isStarved(item: ReviewItem, reviewers: readonly string[]): boolean {
  const round = current(item);
  const needed = wanted(round) - round.decisions.length;
  const able = reviewers.filter((reviewer) => mayReview(item, reviewer)).length;
  return item.state === 'open' && able < needed;
}

function wanted({ decisions }: ReviewRound): number {
  return decisions.length < REVIEWERS ? REVIEWERS : MOST_REVIEWERS;
}

function mayReview(item: ReviewItem, reviewer: string): boolean {
  return reviewer !== item.provider && !hasDecided(item, reviewer);
}

function hasDecided(item: ReviewItem, reviewer: string): boolean {
  return item.rounds.some(({ decisions }) => decisions.some((decision) => decision.reviewer === reviewer));
}

function newRound(round: Round, appeal?: string): ReviewRound {
  return {
    round,
    leases: [],
    lapsed: [],
    decisions: [],
    appeals: appeal === undefined ? [] : [appeal],
    result: null,
  };
}

function withRound(item: ReviewItem, round: ReviewRound): ReviewItem {
  return { ...item, rounds: [...item.rounds.slice(0, -1), round] };
}
