import type { Decimal, Decision } from '@assay/core';

/** One reviewer's decision on one item. */
export interface ReviewerDecision {
  reviewer: string;
  item: string;
  decision: Decision;
}

/** An item whose right decision is known. */
export interface GoldDecision {
  item: string;
  decision: Decision;
}

/** How often a reviewer is right, 0 to 1, with the interval that holds it in 95 of 100 cases. */
export interface Accuracy {
  accuracy: Decimal;
  low: Decimal;
  high: Decimal;
}

/**
 * Estimates reviewers' accuracy from closed items (Dawid and Skene 1979, with the gold answers as known). Pure.
 *
 * @returns for each reviewer it can judge; the others are left out.
 */
export type EstimateAccuracy = (
  decisions: readonly ReviewerDecision[],
  gold: readonly GoldDecision[],
) => ReadonlyMap<string, Accuracy>;

/** With fewer decisions nothing is said of a reviewer: an interval from 0 to 1 helps nobody. */
export const LEAST_DECISIONS = 10;

/** What is told of each reviewer: null until there is an estimator and enough to estimate from. */
export function accuracies(
  decisions: readonly ReviewerDecision[],
  gold: readonly GoldDecision[],
  estimate: EstimateAccuracy | null,
): Map<string, Accuracy | null> {
  const counts = new Map<string, number>();
  for (const { reviewer } of decisions) counts.set(reviewer, (counts.get(reviewer) ?? 0) + 1);
  const estimated = estimate?.(decisions, gold) ?? new Map<string, Accuracy>();
  return new Map(
    [...counts].map(([reviewer, count]) => [
      reviewer,
      count >= LEAST_DECISIONS ? (estimated.get(reviewer) ?? null) : null,
    ]),
  );
}
