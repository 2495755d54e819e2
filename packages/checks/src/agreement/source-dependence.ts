import type { FactClaims } from './claim-table.ts';
import { normalCdf } from './distribution-quantiles.ts';

/**
 * Copies give themselves away in two ways.
 *
 * *Closeness*: independent measurements differ by their noise. Two sources that agree much more closely than their own
 * noise allows, and than other pairs do on the same facts, have not measured twice. This needs no truth, so that it
 * holds for a majority too.
 *
 * *Shared errors* (Dong, Berti-Equille and Srivastava, VLDB 2009, section 3): there is one way to be right and there
 * are many to be wrong, so that the same wrong value twice is seldom chance. This presumes the truth that was found.
 *
 * For each of a few copying rates c the log likelihood ratio of "copies with rate c" against "independent" is summed
 * over the facts in order of time and never falls below 0 (Page 1954), so that a long honest record buys no credit
 * against a coalition that begins to lie.
 */
export const COPYING_RATES = [0.2, 0.4, 0.65, 0.9] as const;
const RATES = COPYING_RATES.length;
/** Numbers kept for a pair: one sum a rate for closeness, one a rate for shared errors, facts in common. */
export const PAIR_WIDTH = 2 * RATES + 1;

/** A pair's values match when they differ by less than this share of the deviation that independent ones would have. */
const CLOSE = 0.18;
const CHANCE_OF_CLOSE = 2 * normalCdf(CLOSE) - 1;
/** Share of the sources, those that match with fewest, by which a contested fact is measured. */
const LEAST_MATCHED = 0.1;
/** With so large a share of the sources for one other value, a fact says nothing about shared errors. */
const OPEN_SHARE = 1 / 3;
/** How many wrong values are as likely as each other (n in the paper; fewer is more careful). */
const WRONG_VALUES = 10;
/** Probability before any evidence that a source has some source that it copies. */
const PRIOR_COPY = 0.01;
const MAX_EVIDENCE = 60;
const LOG_REST = COPYING_RATES.map((c) => Math.log(1 - c));
// Values computed from the same decimals differ in their last bits.
const SLACK = 1 + 1e-9;

/** What is known of each source while dependence is judged; arrays by source. */
export interface SourceNoise {
  /** Typical deviation from the others, in tolerances, without gross errors. */
  deviation: Float64Array;
  /** Share of gross errors, smoothed. */
  errorRate: Float64Array;
}

/** Evidence by pair; pair (a, b) with a < b stands at `pairIndex(a, b, sources) * PAIR_WIDTH`. */
export type PairEvidence = Float64Array;

export function pairIndex(a: number, b: number, sources: number): number {
  return a * sources - (a * (a + 1)) / 2 + (b - a - 1);
}

/**
 * The largest evidence of each pair while it passed through the facts, and the evidence after the last one.
 *
 * @param wrong by fact, whether each claim is a gross error against the truth that was found.
 * @param numeric whether closeness can be judged: categories are equal or not.
 * @param before evidence from earlier facts; not changed.
 */
export function weighEvidence(input: {
  facts: readonly FactClaims[];
  wrong: readonly Uint8Array[];
  truths: readonly number[];
  noise: SourceNoise;
  sources: number;
  numeric: boolean;
  before: PairEvidence;
}): { peak: PairEvidence; after: PairEvidence } {
  const { facts, wrong, truths, noise, sources, numeric, before } = input;
  const after = before.slice();
  const peak = before.slice();
  const match = new Uint8Array(sources * sources);
  const spread = new Float64Array(sources * sources);
  for (let a = 0; a < sources; a++) {
    for (let b = 0; b < sources; b++) {
      spread[a * sources + b] = Math.sqrt(noise.deviation[a]! ** 2 + noise.deviation[b]! ** 2);
    }
  }
  facts.forEach((fact, f) => {
    if (numeric) weighCloseness(fact, truths[f]!, spread, sources, match, after);
    weighSharedErrors(fact, wrong[f]!, noise, sources, after);
    const { sources: who } = fact;
    for (let i = 0; i < who.length; i++) {
      for (let j = i + 1; j < who.length; j++) {
        const at = pairIndex(who[i]!, who[j]!, sources) * PAIR_WIDTH;
        after[at + 2 * RATES]!++;
        for (let k = 0; k <= 2 * RATES; k++)
          if (after[at + k]! > peak[at + k]!) peak[at + k] = after[at + k]!;
      }
    }
  });
  return { peak, after };
}

function weighCloseness(
  fact: FactClaims,
  truth: number,
  spread: Float64Array,
  sources: number,
  match: Uint8Array,
  evidence: PairEvidence,
): void {
  const { sources: who, values, halfStep } = fact;
  const n = who.length;
  const matches = new Array<number>(n).fill(0);
  for (let i = 0; i < n; i++) {
    for (let j = i + 1; j < n; j++) {
      const window = Math.max(CLOSE * spread[who[i]! * sources + who[j]!]!, halfStep) * SLACK;
      const close = Math.abs(values[i]! - values[j]!) <= window;
      match[i * n + j] = close ? 1 : 0;
      if (!close) continue;
      matches[i]!++;
      matches[j]!++;
    }
  }
  const chance = chanceOfMatch(matches, values.filter((value) => Math.abs(value - truth) > 1).length);
  const gains = COPYING_RATES.map((c) => Math.log((c + (1 - c) * chance) / chance));
  for (let i = 0; i < n; i++) {
    for (let j = i + 1; j < n; j++) {
      const at = pairIndex(who[i]!, who[j]!, sources) * PAIR_WIDTH;
      if (match[i * n + j] === 0) {
        for (let k = 0; k < RATES; k++) add(evidence, at + k, LOG_REST[k]!);
        continue;
      }
      // Coarse values tie by chance more often than fine ones.
      const noise = spread[who[i]! * sources + who[j]!]!;
      const coarse = halfStep > CLOSE * noise ? 2 * normalCdf(halfStep / Math.max(noise, 1e-12)) - 1 : 0;
      if (coarse <= chance) {
        for (let k = 0; k < RATES; k++) add(evidence, at + k, gains[k]!);
      } else {
        COPYING_RATES.forEach((c, k) => {
          add(evidence, at + k, Math.log((c + (1 - c) * coarse) / coarse));
        });
      }
    }
  }
}

/**
 * How often independent sources match on this fact. On a calm day everybody is close to everybody, so that it is what
 * all pairs show. Where several claims stand apart, the pairs of a coalition would make their own agreement look
 * usual: then it is what those sources show that match with fewest.
 */
function chanceOfMatch(matches: number[], apart: number): number {
  const n = matches.length;
  if (apart >= 2) {
    const least = [...matches].sort((a, b) => a - b)[Math.max(1, Math.floor(LEAST_MATCHED * n))]!;
    return Math.max(CHANCE_OF_CLOSE, least / (n - 1));
  }
  // Where all match, this is 1 and nothing is learnt: with five sources a prior on it would make copies of a calm week.
  const pairs = matches.reduce((total, count) => total + count, 0) / 2;
  return Math.max(CHANCE_OF_CLOSE, pairs / ((n * (n - 1)) / 2));
}

function weighSharedErrors(
  fact: FactClaims,
  wrong: Uint8Array,
  { errorRate }: SourceNoise,
  sources: number,
  evidence: PairEvidence,
): void {
  const { sources: who, values } = fact;
  // Where so many stand together against it, the truth is what is in question: nothing may be presumed of it.
  const alike = values.map((value, i) =>
    wrong[i] === 0 ? 0 : values.filter((other) => Math.abs(other - value) <= SLACK).length,
  );
  if (Math.max(...alike) >= OPEN_SHARE * who.length) return;
  for (let i = 0; i < who.length; i++) {
    for (let j = i + 1; j < who.length; j++) {
      // To be right together says nothing: the truth is there for all to see.
      if (wrong[i] === 0 && wrong[j] === 0) continue;
      const at = pairIndex(who[i]!, who[j]!, sources) * PAIR_WIDTH + RATES;
      if (wrong[i] === 1 && wrong[j] === 1 && Math.abs(values[i]! - values[j]!) <= SLACK) {
        const a = errorRate[who[i]!]!;
        const b = errorRate[who[j]!]!;
        const chance = (a * b) / WRONG_VALUES;
        const copied = (a + b) / 2;
        COPYING_RATES.forEach((c, k) => {
          add(evidence, at + k, Math.log((c * copied + (1 - c) * chance) / chance));
        });
      } else {
        for (let k = 0; k < RATES; k++) add(evidence, at + k, LOG_REST[k]!);
      }
    }
  }
}

/** Most facts that two sources have in common. */
export function mostInCommon(evidence: readonly number[]): number {
  let most = 0;
  for (let at = 2 * RATES; at < evidence.length; at += PAIR_WIDTH) most = Math.max(most, evidence[at]!);
  return most;
}

/** Whether a source that copied another in all of so many facts would by now be held to be a copy, by closeness. */
export function wouldShow(facts: number, sources: number): boolean {
  const doubt = Math.log(sources / PRIOR_COPY) + Math.log1p(facts);
  const odds = COPYING_RATES.reduce((sum, c) => {
    const gain = facts * Math.log((c + (1 - c) * CHANCE_OF_CLOSE) / CHANCE_OF_CLOSE);
    return sum + Math.exp(Math.min(gain, MAX_EVIDENCE) - doubt) / RATES;
  }, 0);
  return odds >= 1;
}

function add(evidence: PairEvidence, at: number, gain: number): void {
  evidence[at] = Math.min(Math.max(evidence[at]! + gain, 0), MAX_EVIDENCE);
}

/**
 * The probability of dependence by closeness and by shared errors, as a matrix by source. The prior is shared among a
 * source's possible partners and among the facts at which the copying may have begun.
 */
export function dependence(
  evidence: PairEvidence,
  sources: number,
): { closeness: Float64Array; sharedErrors: Float64Array } {
  const closeness = new Float64Array(sources * sources);
  const sharedErrors = new Float64Array(sources * sources);
  for (let a = 0; a < sources; a++) {
    for (let b = a + 1; b < sources; b++) {
      const at = pairIndex(a, b, sources) * PAIR_WIDTH;
      const doubt = Math.log(sources / PRIOR_COPY) + Math.log1p(evidence[at + 2 * RATES]!);
      let close = 0;
      let errors = 0;
      for (let k = 0; k < RATES; k++) {
        close += Math.exp(evidence[at + k]! - doubt) / RATES;
        errors += Math.exp(evidence[at + RATES + k]! - doubt) / RATES;
      }
      closeness[a * sources + b] = closeness[b * sources + a] = close / (1 + close);
      sharedErrors[a * sources + b] = sharedErrors[b * sources + a] = errors / (1 + errors);
    }
  }
  return { closeness, sharedErrors };
}
