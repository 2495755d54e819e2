import type { Decision, OutcomePredicate, RowRanges, VerdictPredicate } from '@assay/core';
import { toRanges } from '../rules/row-ranges.ts';
import { effectiveLevel } from '../verdict.ts';
import { current, type ReviewItem } from './queue.ts';

/**
 * What a closed round decides about an observation.
 *
 * A reviewer's decision is about the rows in question: those that the verdict flagged or rejected, or all of them where
 * it accepted everything. The others stay accepted. An accepted observation is accepted whole, at L5.
 *
 * @param input.previous the outcome of the round before, and its id; null after a first round.
 */
export function outcomeOf(input: {
  item: ReviewItem;
  verdict: VerdictPredicate;
  previous: string | null;
  rowCount: number;
  decidedAt: string;
}): OutcomePredicate {
  const { item, verdict, previous, rowCount, decidedAt } = input;
  const round = current(item);
  const { decisions, result } = round;
  if (result === null) throw new RangeError(`expected a closed round of ${item.id}, got an open one`);
  const { decision, unanimous } = result;
  const question = inQuestion(verdict, rowCount);
  const counted = tally(decisions.map((one) => one.decision));
  return {
    stream: item.stream,
    observation: item.observation,
    verdict: item.verdict,
    previous,
    item: item.id,
    round: round.round,
    reviews: decisions.map(({ review }) => review),
    decision,
    level: decision === 'accept' ? effectiveLevel(verdict, decisions, []) : verdict.level,
    rows: {
      flagged: decision === 'flag' ? question : [],
      rejected: decision === 'reject' ? question : [],
    },
    reason: `${unanimous ? 'both reviewers' : 'three reviewers, after two disagreed'}${round.round === 2 ? ' on appeal' : ''}: ${counted}`,
    decidedAt,
  };
}

function inQuestion({ rows: { flagged, rejected } }: VerdictPredicate, rowCount: number): RowRanges {
  const rows = new Set<number>();
  for (const [from, to] of [...flagged, ...rejected]) for (let row = from; row <= to; row++) rows.add(row);
  return rows.size === 0 ? [[0, rowCount - 1]] : toRanges([...rows].sort((a, b) => a - b));
}

function tally(decisions: readonly Decision[]): string {
  return (['accept', 'flag', 'reject'] as const)
    .map((decision) => ({ decision, count: decisions.filter((one) => one === decision).length }))
    .filter(({ count }) => count > 0)
    .map(({ decision, count }) => `${count} ${decision}`)
    .join(', ');
}
