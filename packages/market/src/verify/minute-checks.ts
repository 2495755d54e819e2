import { type Decision, divRound, type Finding, fromScaled, type Quality, type RowRanges } from '@assay/core';
import type { MinuteRow } from './minute-hour.ts';

/** An hour of which more than this share of the rows was rejected is flagged. */
const MOST_LEFT_OUT = { of: 20n };

/** What the checks of an hour's rows found, ready for a verdict. */
export interface MinutesAssessment {
  findings: Finding[];
  decision: Decision;
  level: 'L1';
  rows: { flagged: RowRanges; rejected: RowRanges };
  quality: Quality;
}

/**
 * Checks an hour's rows: that there were venues to compare, and that what they were computed from was not rejected. What
 * a row found wrong with the market is no fault of the row: it raises an alert and leaves the row accepted.
 *
 * @param inputs rows that were read, and how many of them were rejected.
 */
export function assessMinutes(
  rows: readonly MinuteRow[],
  inputs: { rows: number; rejected: number },
): MinutesAssessment {
  const lonely = rows.filter(({ status }) => status === 'unknown').map(({ asset }) => asset);
  const tooMany = BigInt(inputs.rejected) * MOST_LEFT_OUT.of > BigInt(inputs.rows);
  const share = (part: number, whole: number) =>
    fromScaled(divRound(BigInt(part) * 10_000n, BigInt(Math.max(whole, 1))), 4);
  const compared = rows.reduce((sum, row) => sum + Number(row.compared), 0);
  return {
    findings: [
      {
        check: 'venues_to_compare',
        status: lonely.length === 0 ? 'pass' : 'unknown',
        severity: 'flag',
        reason:
          lonely.length === 0
            ? 'every asset traded on at least two venues'
            : `fewer than two venues traded ${lonely.join(', ')}: nothing is said of it`,
      },
      {
        check: 'inputs_were_accepted',
        status: tooMany ? 'fail' : 'pass',
        severity: 'flag',
        reason: `${inputs.rows - inputs.rejected} of ${inputs.rows} input rows were used; the others were rejected`,
      },
    ],
    decision: tooMany ? 'flag' : 'accept',
    level: 'L1',
    rows: { flagged: tooMany ? [[0, rows.length - 1]] : [], rejected: [] },
    quality: {
      accuracy: null,
      completeness: share(compared, rows.length * 60),
      consistency: share(inputs.rows - inputs.rejected, inputs.rows),
      credibility: null,
      currentness: null,
    },
  };
}
