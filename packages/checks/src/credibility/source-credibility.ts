import { AssayError, type Decimal, fromScaled, isDecimal } from '@assay/core';
import { betaQuantile } from '../agreement/distribution-quantiles.ts';
import type { Copying } from '../agreement/truth-discovery.ts';

/** That a claim turned out right or wrong, on the word of somebody who was entitled to say so. */
export interface Outcome {
  source: string;
  fact: string;
  right: boolean;
  /** Who settled it: a settlement price, a court, an auditor, an instrument of record. */
  resolver: string;
  /** `2024-01-31T00:00:00Z`; when it became known, not when the claim was made. */
  resolvedAt: string;
}

export interface CredibilityInput {
  outcomes: readonly Outcome[];
  /** Who may settle facts. What anybody else settles does not count. */
  resolvers: readonly string[];
  /** Pairs that are held to be copies or a coalition, as truth discovery found them. */
  copies: readonly Pick<Copying, 'sources' | 'probability'>[];
  /** What each source has at stake, in one unit; a source that is not named has nothing at stake. */
  stakes: Readonly<Record<string, Decimal>>;
  terms: CredibilityTerms;
}

export interface CredibilityTerms {
  /** After so many days an outcome counts half. */
  halfLifeDays: number;
  /** Outcomes that are granted before the first: Beta(right, wrong). */
  prior: { right: number; wrong: number };
  /** The stake that earns half of what a stake can earn. */
  halfStake: Decimal;
  /** The stake factor of a source with nothing at stake, 0 to 1. */
  withoutStake: number;
}

export const DEFAULT_TERMS: CredibilityTerms = {
  halfLifeDays: 90,
  prior: { right: 1, wrong: 1 },
  halfStake: '10000',
  withoutStake: 0.5,
};

/** A source's credibility at one time; every figure from 0 to 1, with six decimals. */
export interface SourceCredibility {
  source: string;
  at: string;
  /** `bound` × `stakeFactor` × `independence`. */
  credibility: Decimal;
  /** The reputation stays above this with 95 %. */
  bound: Decimal;
  /** 5 % and 95 % of the reputation. */
  interval: [low: Decimal, high: Decimal];
  mean: Decimal;
  stakeFactor: Decimal;
  independence: Decimal;
  /** Facts that count, and how many of them are right; undecayed. */
  facts: number;
  right: number;
  /** Outcomes that do not count: in its favour by itself or its own coalition, or by nobody entitled. */
  disregarded: number;
}

export const MAX_OUTCOMES = 500_000;
export const MAX_INSTANTS = 10_000;
const DAY_MS = 86_400_000;
/** A pair with at least this probability is one party: neither settles facts for the other. */
const ONE_PARTY = 0.5;

/**
 * How far a source can be believed, by what turned out of its earlier claims.
 *
 *     w_i          = 2^(−age_i / half life)
 *     α, β         = prior right + Σ w_i [right], prior wrong + Σ w_i [wrong]
 *     bound        = the value that Beta(α, β) exceeds with 95 %
 *     stake factor = s0 + (1 − s0) · stake / (stake + half stake)
 *     independence = 1 / (1 + Σ_j p_j), p_j the probability that it and source j are copies
 *     credibility  = bound · stake factor · independence
 *
 * That sources agree is no outcome: only what was settled later counts, on the word of an entitled resolver, and in
 * the source's favour only on the word of one outside its own coalition. Each fact counts once, as most of its resolvers have it; a tie is wrong.
 * Outcomes settled after `at` are not looked at.
 *
 * @throws ARGUMENT_INVALID for terms that make no sense, unreadable times and more than {@link MAX_OUTCOMES} outcomes.
 * @example
 * credibilityAt('kraken', '2024-02-01T00:00:00Z', input).credibility; // '0.412'
 */
export function credibilityAt(source: string, at: string, input: CredibilityInput): SourceCredibility {
  const [found] = credibilityHistory(source, [at], input);
  return found!;
}

/** Credibility at each of some times, each as it could be known then. At most {@link MAX_INSTANTS}. */
export function credibilityHistory(
  source: string,
  instants: readonly string[],
  input: CredibilityInput,
): SourceCredibility[] {
  requireTerms(input);
  if (instants.length > MAX_INSTANTS) {
    invalid(`expected at most ${MAX_INSTANTS} instants, got ${instants.length}`);
  }
  const independence = 1 / (1 + partnersOf(source, input.copies).reduce((sum, [, p]) => sum + p, 0));
  const stakeFactor = stakeFactorOf(input.stakes[source] ?? '0', input.terms);
  const party = partyOf(source, input.copies);
  const entitled = new Set(input.resolvers);
  // Its own party may speak against a source: else a liar would copy the resolver that is about to convict it.
  const counts = ({ resolver, right }: Outcome) => entitled.has(resolver) && !(right && party.has(resolver));
  const own = input.outcomes
    .filter((outcome) => outcome.source === source)
    .map((outcome) => ({ ...outcome, time: instantOf(outcome.resolvedAt, 'resolvedAt') }));
  return instants.map((at) => {
    const now = instantOf(at, 'at');
    const known = own.filter(({ time }) => time <= now);
    const settled = settle(known.filter(counts));
    const { right, wrong } = reputation(settled, now, input.terms);
    const low = betaQuantile(0.05, right, wrong);
    return {
      source,
      at,
      credibility: figure(low * stakeFactor * independence, Math.floor),
      bound: figure(low, Math.floor),
      interval: [figure(low, Math.floor), figure(betaQuantile(0.95, right, wrong), Math.ceil)],
      mean: figure(right / (right + wrong), Math.round),
      stakeFactor: figure(stakeFactor, Math.floor),
      independence: figure(independence, Math.floor),
      facts: settled.length,
      right: settled.filter((it) => it.right).length,
      disregarded: known.filter((outcome) => !counts(outcome)).length,
    };
  });
}

/** One answer a fact: what most resolvers say, at the time of the last of them. A resolver speaks once: the last time. */
function settle(outcomes: readonly (Outcome & { time: number })[]): { right: boolean; time: number }[] {
  const facts = new Map<string, Map<string, { right: boolean; time: number }>>();
  for (const { fact, resolver, right, time } of outcomes) {
    const said = facts.get(fact) ?? new Map<string, { right: boolean; time: number }>();
    facts.set(fact, said);
    const before = said.get(resolver);
    if (!before || time > before.time) said.set(resolver, { right, time });
    else if (time === before.time) before.right &&= right;
  }
  return [...facts.keys()].sort().map((fact) => {
    const said = [...facts.get(fact)!.values()];
    return {
      right: said.filter(({ right }) => right).length * 2 > said.length,
      time: Math.max(...said.map(({ time }) => time)),
    };
  });
}

function reputation(
  settled: readonly { right: boolean; time: number }[],
  now: number,
  { halfLifeDays, prior }: CredibilityTerms,
): { right: number; wrong: number } {
  let { right, wrong } = prior;
  // Oldest first, so that the sum is the same whatever the order of the outcomes.
  for (const { right: isRight, time } of [...settled].sort((a, b) => a.time - b.time)) {
    const weight = 2 ** (-(now - time) / (halfLifeDays * DAY_MS));
    if (isRight) right += weight;
    else wrong += weight;
  }
  return { right, wrong };
}

function stakeFactorOf(stake: Decimal, { halfStake, withoutStake }: CredibilityTerms): number {
  const amount = Number(stake);
  return withoutStake + (1 - withoutStake) * (amount / (amount + Number(halfStake)));
}

/** Everybody who is connected with a source by held copying, itself included. */
function partyOf(source: string, copies: CredibilityInput['copies']): Set<string> {
  const party = new Set([source]);
  for (const member of party) {
    for (const [other, p] of partnersOf(member, copies)) if (p >= ONE_PARTY) party.add(other);
  }
  return party;
}

/** A source's partners by name, each with the largest probability that is stated for the pair. */
function partnersOf(source: string, copies: CredibilityInput['copies']): [string, number][] {
  const partners = new Map<string, number>();
  for (const { sources, probability } of copies) {
    if (sources[0] === sources[1] || !sources.includes(source)) continue;
    const other = sources[0] === source ? sources[1] : sources[0];
    partners.set(other, Math.max(partners.get(other) ?? 0, probability));
  }
  return [...partners].sort(([a], [b]) => (a < b ? -1 : 1));
}

function requireTerms({ outcomes, copies, stakes, terms }: CredibilityInput): void {
  const { halfLifeDays, prior, halfStake, withoutStake } = terms;
  if (outcomes.length > MAX_OUTCOMES)
    invalid(`expected at most ${MAX_OUTCOMES} outcomes, got ${outcomes.length}`);
  if (!(halfLifeDays > 0 && Number.isFinite(halfLifeDays)))
    invalid(`halfLifeDays: expected above 0, got ${halfLifeDays}`);
  for (const [name, value] of Object.entries(prior)) {
    if (!(value > 0 && value <= 1000)) invalid(`prior.${name}: expected above 0, at most 1000, got ${value}`);
  }
  if (!isDecimal(halfStake) || !(Number(halfStake) > 0))
    invalid(`halfStake: expected a positive decimal, got ${halfStake}`);
  if (!(withoutStake >= 0 && withoutStake <= 1))
    invalid(`withoutStake: expected 0 to 1, got ${withoutStake}`);
  for (const [source, stake] of Object.entries(stakes)) {
    if (!isDecimal(stake) || Number(stake) < 0)
      invalid(`stakes.${source}: expected a decimal of at least 0, got ${stake}`);
  }
  for (const { sources, probability } of copies) {
    if (!(probability >= 0 && probability <= 1))
      invalid(`copies: expected a probability for ${sources.join(' and ')}, got ${probability}`);
  }
}

function instantOf(text: string, name: string): number {
  const time = Date.parse(text);
  if (Number.isNaN(time))
    invalid(`${name}: expected a time like 2024-01-31T00:00:00Z, got ${JSON.stringify(text)}`);
  return time;
}

function figure(value: number, round: (value: number) => number): Decimal {
  return fromScaled(BigInt(round(Math.min(Math.max(value, 0), 1) * 1_000_000)), 6);
}

function invalid(message: string): never {
  throw new AssayError('ARGUMENT_INVALID', message);
}
