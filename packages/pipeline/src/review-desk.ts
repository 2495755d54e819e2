import type { DataContract } from '@assay/checks';
import {
  type Accuracy,
  accuracies,
  appealItem,
  assign,
  bringsGold,
  type Cause,
  causeOf,
  commitmentTo,
  current,
  decide,
  type EstimateAccuracy,
  goldText,
  itemId,
  MAX_LEASES,
  MAX_OPEN,
  openItem,
  outcomeOf,
  type ReviewItem,
  readGold,
  reviewerDraw,
  SAMPLE_PPM,
  saltOf,
  samplingPeriod,
  samplingSecret,
} from '@assay/checks/review';
import {
  type AppealStatement,
  AssayError,
  type Decision,
  digestHex,
  type Ed25519Signer,
  MAX_ENTRY_BYTES,
  makeStatement,
  type OpenedEnvelope,
  openEnvelope,
  PREDICATE,
  parseEnvelope,
  type ReviewStatement,
  signStatement,
  type VerdictPredicate,
} from '@assay/core';
import { type Catalogue, type NewStatement, statementOf } from './catalogue.ts';
import type { EnrolledReviewer, GoldEntry } from './review-files.ts';
import { type KeptCommitment, ReviewStore } from './review-store.ts';

/** Stream of the commitments: they are about the drawing of reviews, not about data. */
export const REVIEW_STREAM = 'assay.review';
/** Appeals that one DID may have running. */
const MAX_RUNNING_APPEALS = 5;
/** Items for which reviewers are sought at once. */
const MAX_FILLED = 200;
/** Closed items from which accuracy is estimated. */
const JUDGED_ITEMS = 5_000;
/** A clock of a reviewer may differ so much. */
const CLOCKS_APART_MS = 5 * 60_000;

export interface ReviewDeskOptions {
  catalogue: Catalogue;
  checker: Ed25519Signer;
  /** From which sampling secrets, item names and draws are made. */
  master: Uint8Array;
  /** Who may review, as the operator has it now. */
  reviewers: () => readonly EnrolledReviewer[];
  /** Planted questions, as the operator has them now. */
  gold: () => readonly GoldEntry[];
  nowMs: () => number;
  randomBytes: (length: number) => Uint8Array;
  /** How accurate reviewers are; null until there is such an estimator. */
  estimate?: EstimateAccuracy | null;
}

/** A verdict that was just given. */
export interface GivenVerdict {
  id: string;
  verdict: VerdictPredicate;
  /** DID of who signed the data. */
  provider: string;
  contract: Pick<DataContract, 'requiredLevel' | 'detectors'>;
}

/** A reviewer with what is known of it. */
export interface ReviewerState {
  did: string;
  name: string | null;
  /** Whether it is on the operator's list now. */
  enrolled: boolean;
  /** In rounds that are closed: what is going on now would tell who is asked, and who disagreed. */
  reviews: number;
  accuracy: Accuracy | null;
}

/** Of reviewers in closed rounds: how many reviews, and how accurate. */
interface Judged {
  reviews: Map<string, number>;
  accuracy: Map<string, Accuracy | null>;
}

/**
 * The queue at work. What changes together is one transaction with the statements that say so: a review is durable
 * before it is acknowledged, and it goes to the log only when its round closes, together with the others, so that
 * the public log cannot tell a reviewer what another one said.
 *
 * Callers take turns; every method that signs reads, signs, then writes.
 */
export class ReviewDesk {
  readonly #o: ReviewDeskOptions;
  readonly store: ReviewStore;
  /** What closed rounds say of reviewers; null when another closed or went on since. */
  #judged: Judged | null = null;

  constructor(options: ReviewDeskOptions) {
    this.#o = options;
    this.store = new ReviewStore(options.catalogue);
  }

  /**
   * Commitments that have to be in the log before anything is judged at this time, and secrets that are to be revealed:
   * the day's sampling secret and the next one's, so that no secret is chosen in view of the day's data.
   *
   * @returns what was kept and must now be logged.
   */
  async commit(now: string): Promise<NewStatement[]> {
    const { master, catalogue } = this.#o;
    const today = samplingPeriod(now);
    const periods = [today, samplingPeriod(today.to)];
    const fresh = periods
      .map((period): KeptCommitment => {
        const secret = samplingSecret(master, period);
        const digest = commitmentTo(secret);
        return { digest, purpose: 'sampling', period, secret, observation: null, state: 'placed' };
      })
      .filter(({ digest }) => this.store.commitment(digest) === null);
    const planted = this.#newGold(now);
    const over = this.store.toReveal(now);
    const statements = [
      ...(await Promise.all([...fresh, ...planted].map((kept) => this.#sign(kept, false, now)))),
      ...(await Promise.all(over.map((kept) => this.#sign(kept, true, now)))),
    ];
    if (statements.length === 0) return [];
    catalogue.sql.transaction(() => {
      catalogue.keep(statements);
      for (const kept of [...fresh, ...planted]) this.store.keepCommitment(kept);
      for (const { digest } of over) this.store.markCommitment(digest, 'revealed');
    });
    return statements;
  }

  /** Puts verdicts into the queue that people should look at. Within the transaction that keeps them. */
  enter(given: readonly GivenVerdict[]): void {
    for (const { id, verdict, provider, contract } of given) {
      const secret = samplingSecret(this.#o.master, samplingPeriod(verdict.checkedAt));
      const cause = causeOf(verdict, contract, secret);
      if (cause === null || this.store.counts().open >= MAX_OPEN) continue;
      if (this.store.itemOn(verdict.observation)) continue;
      const item = this.#open(verdict.observation, id, verdict.stream, provider, cause);
      if (bringsGold(item.id)) this.#placeGold();
    }
    this.#fill();
  }

  /** Gives what nobody took in time to somebody else, and asks reviewers who are free. */
  tick(): void {
    const { catalogue, nowMs } = this.#o;
    const reviewers = this.#dids();
    catalogue.sql.transaction(() => {
      for (const item of this.store.lapsed(nowMs(), reviewers)) this.#ask(item, reviewers);
      this.#fill();
    });
  }

  /**
   * Takes a signed review.
   *
   * @returns its id; and for the caller's own use, what was decided if that closed the round. The reviewer is not told:
   *   who hears that the second review did not close a round knows that the first one said something else.
   * @throws what {@link openEnvelope} throws, STATEMENT_MALFORMED, REVIEWER_UNKNOWN, NOT_FOUND, REVIEW_MISMATCH and
   *   what the queue's `decide` throws.
   */
  async decide(itemName: string, envelope: unknown): Promise<{ id: string; outcome: Decision | null }> {
    const { catalogue, nowMs } = this.#o;
    const opened = await openEnvelope(envelope);
    const { statement, signer, id } = opened;
    checkSize(opened);
    if (statement.predicateType !== PREDICATE.review) throw notA('review', statement.predicateType);
    if (!this.#dids().includes(signer)) {
      throw new AssayError('REVIEWER_UNKNOWN', `${signer} is not enrolled as a reviewer here`, {
        next: 'ask the operator: assay review enrol <did>',
      });
    }
    const item = this.#item(itemName);
    this.#checkReview(item, statement);
    const { round, decision } = statement.predicate;
    const next = decide(item, { id, reviewer: signer, round, decision }, nowMs());
    const closing = next.state === 'closed' ? await this.#close(next, opened) : null;
    catalogue.sql.transaction(() => {
      if (closing) {
        catalogue.keep(closing.statements);
        this.store.release(item.id);
        if (closing.gold) this.store.markCommitment(closing.gold, 'revealed');
      } else this.store.hold(item.id, opened);
      this.store.save(next);
      this.#ask(next, this.#dids());
      this.#fill();
    });
    if (closing) this.#judged = null;
    return { id, outcome: closing?.outcome ?? null };
  }

  /**
   * Takes a signed appeal against what was decided about a record.
   *
   * @throws what {@link openEnvelope} throws, STATEMENT_MALFORMED, NOT_FOUND, REVIEW_MISMATCH, APPEAL_REFUSED
   */
  async appeal(record: string, envelope: unknown): Promise<{ id: string; item: string }> {
    const { catalogue, nowMs } = this.#o;
    const opened = await openEnvelope(envelope);
    const { statement, signer, id } = opened;
    checkSize(opened);
    if (statement.predicateType !== PREDICATE.appeal) throw notA('appeal', statement.predicateType);
    const entry = catalogue.get(record.split('.')[0]!);
    const verdict = catalogue.verdictOn(entry.id);
    if (!verdict) {
      throw new AssayError('APPEAL_REFUSED', `nothing was decided about ${entry.id}`, {
        next: 'appeal about an observation or a derived figure',
      });
    }
    this.#checkAppeal(statement, { observation: entry.id, stream: entry.stream, verdict });
    const before = this.store.itemOn(entry.id);
    const signedBefore = catalogue
      .opinionsOn(entry.id)
      .some((opinion) => opinion.kind === 'appeal' && opinion.signer === signer);
    if (signedBefore || this.store.runningAppeals(signer) >= MAX_RUNNING_APPEALS) {
      throw new AssayError(
        'APPEAL_REFUSED',
        signedBefore
          ? `${signer} has appealed about this already`
          : `expected at most ${MAX_RUNNING_APPEALS} appeals of one DID at a time`,
        { next: 'wait for what is decided' },
      );
    }
    const item = before
      ? appealItem(before, id)
      : openItem(
          {
            id: itemId(this.#o.master, entry.id),
            ...{ stream: entry.stream, observation: entry.id, verdict: verdict.id },
            ...{ provider: entry.signer, cause: 'appeal' },
          },
          nowMs(),
          id,
        );
    catalogue.sql.transaction(() => {
      catalogue.keep([{ opened }]);
      this.store.save(item);
      this.#ask(item, this.#dids());
    });
    this.#judged = null;
    return { id, item: item.id };
  }

  /** Everybody who reviews or has reviewed. */
  reviewers(): ReviewerState[] {
    const enrolled = this.#o.reviewers();
    this.#judged ??= this.#judge();
    const { reviews, accuracy } = this.#judged;
    const dids = new Set([...enrolled.map(({ did }) => did), ...reviews.keys()]);
    return [...dids].map((did) => ({
      did,
      name: enrolled.find((one) => one.did === did)?.name ?? null,
      enrolled: enrolled.some((one) => one.did === did),
      reviews: reviews.get(did) ?? 0,
      accuracy: accuracy.get(did) ?? null,
    }));
  }

  #judge(): Judged {
    const decisions = this.store.closed(JUDGED_ITEMS).flatMap(({ id, rounds }) =>
      rounds.flatMap((round) =>
        round.decisions.map(({ reviewer, decision }) => ({
          reviewer,
          item: `${id}/${round.round}`,
          decision,
        })),
      ),
    );
    const gold = this.store.knownGold().map(({ secret }) => {
      const { observation, decision } = readGold(secret);
      return { item: `${itemId(this.#o.master, observation)}/1`, decision };
    });
    const reviews = new Map<string, number>();
    for (const { reviewer } of decisions) reviews.set(reviewer, (reviews.get(reviewer) ?? 0) + 1);
    return { reviews, accuracy: accuracies(decisions, gold, this.#o.estimate ?? null) };
  }

  #dids(): string[] {
    return this.#o.reviewers().map(({ did }) => did);
  }

  #item(name: string): ReviewItem {
    const item = this.store.item(name);
    if (item) return item;
    throw new AssayError('NOT_FOUND', `no item of the review queue is named ${name.slice(0, 80)}`, {
      next: 'list what you are asked: assay review list',
    });
  }

  #open(observation: string, verdict: string, stream: string, provider: string, cause: Cause): ReviewItem {
    const id = itemId(this.#o.master, observation);
    const item = openItem({ id, stream, observation, verdict, provider, cause }, this.#o.nowMs());
    this.store.save(item);
    return item;
  }

  /** A planted question goes in together with an ordinary one. */
  #placeGold(): void {
    const gold = this.store.nextGold();
    if (!gold) return;
    this.store.markCommitment(gold.digest, 'placed');
    const observation = gold.observation!;
    const entry = this.#o.catalogue.get(observation);
    const verdict = this.#o.catalogue.verdictOn(observation);
    // Meanwhile it may have entered by itself; then its answer is known all the same.
    if (!verdict || this.store.itemOn(observation)) return;
    this.#open(observation, verdict.id, entry.stream, entry.signer, 'gold');
  }

  #fill(): void {
    const reviewers = this.#dids();
    if (!reviewers.some((reviewer) => this.store.load(reviewer) < MAX_LEASES)) return;
    for (const item of this.store.needing(MAX_FILLED)) this.#ask(item, reviewers);
  }

  #ask(item: ReviewItem, reviewers: readonly string[]): void {
    const { nowMs, master } = this.#o;
    const own = new Set(current(item).leases.map(({ reviewer }) => reviewer));
    const asked = assign(item, {
      reviewers,
      nowMs: nowMs(),
      load: (reviewer) => this.store.load(reviewer) - (own.has(reviewer) ? 1 : 0),
      draw: (reviewer) => reviewerDraw(master, item.id, current(item).round, reviewer),
    });
    if (asked !== item) this.store.save(asked);
  }

  #checkReview(item: ReviewItem, { predicate, subject }: ReviewStatement): void {
    const { nowMs } = this.#o;
    for (const member of ['stream', 'observation', 'verdict'] as const)
      if (predicate[member] !== item[member]) mismatch(member, item[member], predicate[member]);
    if (predicate.item !== item.id) mismatch('item', item.id, predicate.item);
    if (subject[0].digest.sha256 !== item.observation)
      mismatch('subject', item.observation, subject[0].digest.sha256);
    const at = Date.parse(predicate.reviewedAt);
    if (at > nowMs() + CLOCKS_APART_MS || at < item.openedAtMs - CLOCKS_APART_MS)
      mismatch('reviewedAt', 'a time since the item was opened', predicate.reviewedAt);
    const checks = this.#verdict(item.verdict).findings.map(({ check }) => check);
    const strange = predicate.disputed.find((check) => !checks.includes(check));
    if (strange !== undefined) mismatch('disputed', 'checks of the verdict', strange);
  }

  #checkAppeal(
    { predicate, subject }: AppealStatement,
    about: { observation: string; stream: string; verdict: NonNullable<ReturnType<Catalogue['verdictOn']>> },
  ): void {
    const { observation, stream, verdict } = about;
    const outcome = verdict.outcome?.id ?? null;
    if (predicate.observation !== observation) mismatch('observation', observation, predicate.observation);
    if (subject[0].digest.sha256 !== observation) mismatch('subject', observation, subject[0].digest.sha256);
    if (predicate.stream !== stream) mismatch('stream', stream, predicate.stream);
    if (predicate.verdict !== verdict.id) mismatch('verdict', verdict.id, predicate.verdict);
    if (predicate.outcome !== outcome) mismatch('outcome', outcome ?? 'null', predicate.outcome ?? 'null');
    if (Date.parse(predicate.appealedAt) > this.#o.nowMs() + CLOCKS_APART_MS)
      mismatch('appealedAt', 'a time that is not in the future', predicate.appealedAt);
  }

  /** What goes to the log when a round closes: its reviews, and the outcome, or for a planted question the answer. */
  async #close(
    item: ReviewItem,
    last: OpenedEnvelope,
  ): Promise<{ statements: NewStatement[]; gold: string | null; outcome: Decision | null }> {
    const { catalogue, checker, nowMs } = this.#o;
    const reviews = [...this.store.held(item.id).map(reopened), last].map((opened) => ({ opened }));
    const decidedAt = instantOf(nowMs());
    const known = this.store.gold(item.observation);
    const gold = known !== null && known.state !== 'revealed' ? known : null;
    const answer = gold === null ? [] : [await this.#sign(gold, true, decidedAt)];
    const closing = { gold: gold?.digest ?? null };
    // A planted question asks about the reviewers, not about the data: what they said of it changes nothing.
    if (item.cause === 'gold' && current(item).round === 1)
      return { ...closing, statements: [...reviews, ...answer], outcome: null };
    const outcome = outcomeOf({
      item,
      verdict: this.#verdict(item.verdict),
      previous: catalogue.verdictOn(item.observation)?.outcome?.id ?? null,
      rowCount: catalogue.get(item.observation).rows,
      decidedAt,
    });
    const about = { name: item.stream, sha256: item.observation };
    const opened = await signStatement(makeStatement('outcome', about, outcome), checker);
    return { ...closing, statements: [...reviews, { opened }, ...answer], outcome: outcome.decision };
  }

  #verdict(id: string): VerdictPredicate {
    const statement = statementOf(this.#o.catalogue.get(id).entry);
    if (statement.predicateType === PREDICATE.verdict) return statement.predicate;
    throw new RangeError(`expected a verdict, got ${statement.predicateType}`);
  }

  /** Planted questions that are not committed to yet. Only what nobody has been asked about is indistinguishable. */
  #newGold(now: string): KeptCommitment[] {
    const { catalogue, gold, randomBytes } = this.#o;
    return gold().flatMap(({ observation, decision }): KeptCommitment[] => {
      if (this.store.gold(observation) || !catalogue.has(observation) || this.store.itemOn(observation))
        return [];
      const secret = goldText({ observation, decision, salt: saltOf(randomBytes(32)) });
      const period = samplingPeriod(now);
      return [
        { digest: commitmentTo(secret), purpose: 'gold', period, secret, observation, state: 'waiting' },
      ];
    });
  }

  async #sign(kept: KeptCommitment, reveal: boolean, now: string): Promise<NewStatement> {
    const { digest, purpose, period, secret } = kept;
    const predicate = {
      ...{ stream: REVIEW_STREAM, purpose, period, digest },
      revealed: reveal ? secret : null,
      ratePpm: purpose === 'sampling' ? SAMPLE_PPM : 0,
      committedAt: now,
    };
    const statement = makeStatement('commitment', { name: REVIEW_STREAM, sha256: digest }, predicate);
    return { opened: await signStatement(statement, this.#o.checker) };
  }
}

/** A review that was verified when it came. */
function reopened(entry: Uint8Array): OpenedEnvelope {
  const envelope = parseEnvelope(entry);
  const { keyid: signer } = envelope.signatures[0];
  return { id: digestHex(entry), statement: statementOf(entry), signer, envelope, entry };
}

/** What the log would refuse must not be kept: it would wait for ever. */
function checkSize({ entry }: OpenedEnvelope): void {
  if (entry.length <= MAX_ENTRY_BYTES) return;
  throw new AssayError('ENTRY_TOO_LARGE', `expected at most ${MAX_ENTRY_BYTES} bytes, got ${entry.length}`, {
    next: 'say it in fewer words',
  });
}

function notA(kind: 'review' | 'appeal', got: string): AssayError {
  return new AssayError('STATEMENT_MALFORMED', `expected a ${kind}, got ${got}`, {
    next: `sign a statement with predicateType ${PREDICATE[kind]}`,
  });
}

function mismatch(member: string, expected: string, got: string): never {
  throw new AssayError('REVIEW_MISMATCH', `${member}: expected ${expected}, got ${got}`, {
    next: 'read the item or the record again, and sign what it says',
    detail: { member, expected, got },
  });
}

function instantOf(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}
