import { DECISIONS, type Decimal, fromScaled } from '@assay/core';
import { dawidSkene } from '../credibility/dawid-skene.ts';
import type { Accuracy, EstimateAccuracy } from './accuracy.ts';

/**
 * Of 5,000 items by five reviewers, 100 steps take 0.2 s; converging moves the figures by another 0.00002, by 0.003
 * where all five are hardly better than chance.
 */
const MAX_ITERATIONS = 100;

/**
 * Reviewers' accuracy by Dawid and Skene (1979): planted answers are known and never relabelled, the other items are
 * what the reviewers, each weighed by how it does, most likely make them.
 *
 * @returns nobody where the decisions do not tell which word means what: reviewers of whom most say the opposite of
 *   what they mean, and no planted question to show it.
 * @throws ARGUMENT_INVALID for more than a million decisions.
 * @example
 * estimateAccuracy(decisions, gold).get('did:key:z6Mk…'); // { accuracy: '0.93', low: '0.81', high: '0.98' }
 */
export const estimateAccuracy: EstimateAccuracy = (decisions, gold) => {
  const { reviewers, identified } = dawidSkene(
    decisions.map(({ decision, ...rest }) => ({ ...rest, label: decision })),
    {
      classes: DECISIONS,
      gold: Object.fromEntries(gold.map(({ item, decision }) => [item, decision])),
      maxIterations: MAX_ITERATIONS,
    },
  );
  if (!identified) return new Map();
  return new Map(
    reviewers.map(({ reviewer, accuracy, interval: [low, high] }): [string, Accuracy] => [
      reviewer,
      { accuracy: share(accuracy, Math.round), low: share(low, Math.floor), high: share(high, Math.ceil) },
    ]),
  );
};

/** Rounded away from the middle at the ends, so that the interval never promises more than it has. */
function share(value: number, round: (value: number) => number): Decimal {
  return fromScaled(BigInt(round(Math.min(Math.max(value, 0), 1) * 1_000_000)), 6);
}
