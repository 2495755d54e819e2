import { type Decision, divRound, type Finding, fromScaled, type Quality, type RowRanges } from '@assay/core';
import type { FigureName, FigureRows } from './rows.ts';

const DAY_MS = 86_400_000;
/** A figure from inputs of which more than this share was left out is flagged. */
const MOST_LEFT_OUT = { of: 20n };

/** What the checks of a figure found, ready for a verdict. */
export interface FigureAssessment {
  findings: Finding[];
  decision: Decision;
  level: 'L1';
  rows: { flagged: RowRanges; rejected: RowRanges };
  quality: Quality;
}

/**
 * Checks a figure's rows: that each day has some, that most of its inputs were accepted, and of prices that the venues
 * do not contradict each other.
 *
 * @param period the days that the rows are for.
 * @param inputs how many rows were read, and how many were left out because they were not accepted.
 */
export function assessFigure<Name extends FigureName>(
  { name: figure, days }: { name: Name; days: 'every' | 'last' },
  rows: readonly FigureRows[Name][],
  period: { fromMs: number; toMs: number },
  inputs: { rows: number; leftOut: number },
): FigureAssessment {
  const expected = days === 'last' ? 1 : (period.toMs - period.fromMs) / DAY_MS;
  const found = new Set(rows.map(({ time }) => time)).size;
  const complete = found >= expected;
  const tooMany = BigInt(inputs.leftOut) * MOST_LEFT_OUT.of > BigInt(inputs.rows);
  const disputed = figure === 'prices' ? disputedRows(rows as readonly FigureRows['prices'][]) : [];
  const findings: Finding[] = [
    {
      check: 'every_day_has_rows',
      status: complete ? 'pass' : 'fail',
      severity: 'flag',
      reason: `${found} of ${expected} days have rows`,
    },
    {
      check: 'inputs_were_accepted',
      status: tooMany ? 'fail' : 'pass',
      severity: 'flag',
      reason: `${inputs.rows - inputs.leftOut} of ${inputs.rows} input rows were accepted; the others were left out`,
    },
  ];
  if (figure === 'prices')
    findings.push({
      check: 'venues_agree',
      status: disputed.length > 0 ? 'fail' : 'pass',
      severity: 'flag',
      reason:
        disputed.length > 0
          ? 'of some prices the venues, or what is known of the asset, say something else: each row gives its reasons'
          : 'no price is contradicted',
      ...(disputed.length > 0 ? { rows: disputed } : {}),
    });
  const all: RowRanges = rows.length > 0 ? [[0, rows.length - 1]] : [];
  const flagged = tooMany ? all : disputed;
  const share = (part: number, whole: number) =>
    fromScaled(divRound(BigInt(part) * 10_000n, BigInt(Math.max(whole, 1))), 4);
  return {
    findings,
    decision: flagged.length > 0 ? 'flag' : 'accept',
    level: 'L1',
    rows: { flagged, rejected: [] },
    quality: {
      accuracy: null,
      completeness: share(Math.min(found, expected), expected),
      consistency: share(inputs.rows - inputs.leftOut, inputs.rows),
      credibility: null,
      currentness: null,
    },
  };
}

function disputedRows(prices: readonly FigureRows['prices'][]): RowRanges {
  const ranges: RowRanges = [];
  for (const [i, { status }] of prices.entries()) {
    if (status !== 'fail') continue;
    const last = ranges.at(-1);
    if (last && last[1] === i - 1) last[1] = i;
    else ranges.push([i, i]);
  }
  return ranges;
}
