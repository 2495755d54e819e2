import type { BlockGrid } from './block-grid.ts';
import type { CopyMove } from './copy-move.ts';
import type { DoubleCompression, ShiftedCompression } from './double-compression.ts';
import type { ErrorLevels } from './error-level.ts';

/**
 * From statistics to likelihoods: for each the value at which a forgery and a genuine picture are equally likely, and
 * the width of the logistic around it. Set by hand between what forged and genuine pictures gave in `bench/image.ts`,
 * half of each; `docs/image.md` gives the Brier scores. Fewer forgeries among the pictures at hand mean that more of
 * the alarms are false.
 */
const ALIGNED = { middle: 0.006, width: 0.002 };
/** The last compression's own steps show faintly on grids that share a row or a column with it. */
const SHIFTED_ALONG_AXIS = { middle: 45, width: 4 };
/** Soft, once enlarged pictures reach 20 without any other grid. */
const SHIFTED = { middle: 25, width: 3 };
const FOREIGN_GRID = { middle: 4, width: 1.5 };
const ERROR_LEVEL = { middle: 7.5, width: 1.2 };
const COPY_MOVE = { middle: 2.75, width: 0.2 };

/** Of a compression before the last one on the same grid. */
export function doubleCompressionLikelihood({ gain }: DoubleCompression): number {
  return logistic(gain, ALIGNED);
}

/** Of an earlier compression on another grid. */
export function shiftedCompressionLikelihood(
  { x, y, deviations }: ShiftedCompression,
  { lastOnOrigin }: { lastOnOrigin: boolean },
): number {
  return logistic(deviations, lastOnOrigin && (x === 0 || y === 0) ? SHIFTED_ALONG_AXIS : SHIFTED);
}

/** Of a region that comes from another JPEG picture. */
export function foreignGridLikelihood({ main, foreign }: BlockGrid): number {
  return main === undefined || foreign.length === 0 ? 0 : logistic(-foreign[0]!.logFalseAlarms, FOREIGN_GRID);
}

export function errorLevelLikelihood({ contrast }: ErrorLevels): number {
  return logistic(contrast, ERROR_LEVEL);
}

export function copyMoveLikelihood(found: CopyMove): number {
  return logistic(copyMoveStatistic(found), COPY_MOVE);
}

/**
 * Decimal digits of the matching area in hundred-thousandths of the picture, less for a match that a small move does
 * not spoil.
 */
export function copyMoveStatistic({ share, distinctness }: CopyMove): number {
  return Math.log10(1 + share * 100_000 * Math.max(0, Math.min(1, (distinctness - 1.5) / 2.5)));
}

function logistic(statistic: number, { middle, width }: { middle: number; width: number }): number {
  return 1 / (1 + Math.exp(-Math.max(-30, Math.min(30, (statistic - middle) / width))));
}
