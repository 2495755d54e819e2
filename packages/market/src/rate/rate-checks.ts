import {
  compareDecimal,
  type Decision,
  divRound,
  type Finding,
  fromScaled,
  type Level,
  type Quality,
  type RowRanges,
} from '@assay/core';
import type { RateParameters, ReferenceRate } from './reference-rate.ts';

/** Fewer venues than this agree with nobody. */
const MIN_VENUES = 2;

/** What the checks of a derived rate found, ready for a verdict. */
export interface RateAssessment {
  findings: Finding[];
  decision: Decision;
  level: Level;
  rows: { flagged: RowRanges; rejected: RowRanges };
  quality: Quality;
}

/**
 * Checks derived rates: that enough venues contributed, that the rate lies among them, and that every interval
 * has one. A rate from a single venue is flagged; with two or more that agree it reaches L3.
 *
 * @param expected Number of intervals in the period.
 */
export function assessRates(
  rates: readonly ReferenceRate[],
  expected: number,
  parameters: RateParameters,
): RateAssessment {
  const lonely = rowsWhere(rates, ({ venues }) => venues.length < MIN_VENUES);
  const outside = rowsWhere(rates, ({ rate, venues }) => {
    const prices = venues.map(({ price }) => price).sort(compareDecimal);
    return compareDecimal(rate, prices[0]!) < 0 || compareDecimal(rate, prices.at(-1)!) > 0;
  });
  const deviating = [
    ...new Set(
      rates.flatMap(({ excluded }) =>
        excluded.filter(({ reason }) => reason === 'deviates').map(({ stream }) => stream),
      ),
    ),
  ].sort();
  const findings: Finding[] = [
    {
      check: 'constituents_agree',
      status: lonely.length > 0 ? 'fail' : 'pass',
      severity: 'flag',
      reason:
        lonely.length > 0
          ? `fewer than ${MIN_VENUES} venues contributed to some rates`
          : `at least ${MIN_VENUES} venues within ${parameters.deviationLimitBps} bps contributed to every rate${deviating.length > 0 ? `; left out: ${deviating.join(', ')}` : ''}`,
      ...(lonely.length > 0 ? { rows: lonely } : {}),
    },
    {
      // Over several partitions the mean may leave the range of the venues' own medians; for one it may not.
      check: 'rate_within_constituents',
      status: outside.length === 0 ? 'pass' : 'unknown',
      severity: 'flag',
      reason:
        outside.length === 0
          ? "every rate lies between its venues' own medians"
          : "some rates are means of partitions in which other venues traded, outside the venues' own medians",
    },
    {
      check: 'no_gap',
      status: rates.length === expected ? 'pass' : 'fail',
      severity: 'flag',
      reason:
        rates.length === expected
          ? `${expected} of ${expected} intervals have a rate`
          : `${rates.length} of ${expected} intervals have a rate; in the others nothing was traded`,
    },
  ];
  const agreeing = divRound(
    BigInt(rates.length - width(lonely)) * 10_000n,
    BigInt(Math.max(rates.length, 1)),
  );
  const complete = divRound(BigInt(rates.length) * 10_000n, BigInt(expected));
  return {
    findings,
    decision: lonely.length > 0 ? 'flag' : 'accept',
    level: lonely.length > 0 ? 'L1' : 'L3',
    rows: { flagged: lonely, rejected: [] },
    quality: {
      accuracy: null,
      completeness: fromScaled(complete, 4),
      consistency: fromScaled(agreeing, 4),
      credibility: null,
      currentness: null,
    },
  };
}

function rowsWhere(rates: readonly ReferenceRate[], fails: (rate: ReferenceRate) => boolean): RowRanges {
  const ranges: RowRanges = [];
  for (const [i, rate] of rates.entries()) {
    if (!fails(rate)) continue;
    const last = ranges.at(-1);
    if (last && last[1] === i - 1) last[1] = i;
    else ranges.push([i, i]);
  }
  return ranges;
}

function width(ranges: RowRanges): number {
  return ranges.reduce((total, [from, to]) => total + to - from + 1, 0);
}
