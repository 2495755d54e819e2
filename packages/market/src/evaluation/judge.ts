import { medianOf } from '../grades/cross-section.ts';
import { type Calibration, calibrate, type Outcome } from './calibration.ts';
import { DECILES, decileReturns, decilesOf, monotonicity, tradingCost, turnoverOf } from './deciles.ts';
import { deflatedSharpe, type SharpeMoments, sharpeMoments } from './deflated-sharpe.ts';
import { neweyWest, overlapLag } from './newey-west.ts';
import { spearman } from './rank-correlation.ts';

/** The grades of one day with the returns that followed. Same length each; NaN where a return is not complete. */
export interface GradedDay {
  day: number;
  assets: readonly string[];
  grades: readonly number[];
  labels: readonly string[];
  returns: readonly number[];
}

export interface JudgeRules {
  horizon: number;
  /** A day with fewer complete returns is not judged. */
  minimumAssets: number;
  feeBps: number;
  /** Every strategy that was tried before this one was chosen, and the variance of their Sharpe ratios per period. */
  trials: number;
  trialVariance: number;
  /** Days until a return is surely known, for the hit rates that are stated in advance. */
  embargoDays: number;
}

/** What a grade was worth over one horizon. NaN is unknown; returns are per horizon. */
export interface Judgement {
  days: number;
  assets: number;
  rankIc: number;
  icIr: number;
  neweyWestT: number;
  hitRate: number;
  spread: number;
  spreadAfterFees: number;
  monotonicity: number;
  turnover: number;
  calibration: Calibration;
  deflatedSharpe: number;
  /** Of the spread after fees over periods that do not overlap: their number and Sharpe ratio, not deflated. */
  moments: SharpeMoments;
  deciles: { mean: number; assets: number }[];
  rankIcs: { day: number; rankIc: number }[];
}

/**
 * Judges grades by what followed. Pure: only the returns that are given count, and whether they were complete is for
 * the caller to see to.
 *
 * Rank IC is the mean over days of Spearman's correlation of grade and return; ICIR that mean over the days' standard
 * deviation; t is Newey and West's with {@link overlapLag}. Deciles are formed each day. The Sharpe ratio is taken
 * over every `horizon`-th day, counted back from the last, so that no return counts twice.
 *
 * @param days ascending
 */
export function judge(days: readonly GradedDay[], rules: JudgeRules): Judgement {
  const judged = days
    .map((one) => judgeDay(one, rules.minimumAssets))
    .filter((one): one is JudgedDay => one !== null);
  const rankIcs = judged.map(({ day, rankIc }) => ({ day, rankIc }));
  const values = rankIcs.map(({ rankIc }) => rankIc);
  const { mean, t } = neweyWest(values, overlapLag(values.length, rules.horizon));
  const spreads = judged.filter(({ spread }) => !Number.isNaN(spread));
  const turnover = meanTurnover(judged, rules.horizon);
  const cost = tradingCost(turnover, rules.feeBps);
  const apart = withoutOverlap(spreads, rules.horizon).map(({ spread }) => spread - cost);
  const moments = sharpeMoments(apart);
  const deciles = Array.from({ length: DECILES }, (_, decile) => ({
    mean: meanKnown(judged.map(({ means }) => means[decile]!)),
    assets: meanKnown(judged.map(({ counts }) => counts[decile]!)),
  }));
  const spread = meanKnown(spreads.map((one) => one.spread));
  return {
    days: judged.length,
    assets: meanKnown(judged.map(({ assets }) => assets)),
    rankIc: mean,
    icIr: sharpeMoments(values).sharpe,
    neweyWestT: t,
    hitRate: values.length > 0 ? values.filter((value) => value > 0).length / values.length : Number.NaN,
    spread,
    spreadAfterFees: spread - cost,
    monotonicity: monotonicity(deciles.map((decile) => decile.mean)),
    turnover: turnover.best,
    calibration: calibrate(
      judged.flatMap(({ outcomes }) => outcomes),
      rules.embargoDays,
    ),
    deflatedSharpe: deflatedSharpe({
      ...moments,
      trials: rules.trials,
      trialVariance: rules.trialVariance,
    }),
    moments,
    deciles,
    rankIcs,
  };
}

interface JudgedDay {
  day: number;
  assets: number;
  rankIc: number;
  spread: number;
  means: number[];
  counts: number[];
  best: ReadonlySet<string>;
  worst: ReadonlySet<string>;
  outcomes: Outcome[];
}

function judgeDay(one: GradedDay, minimumAssets: number): JudgedDay | null {
  const complete = one.returns.flatMap((value, i) => (Number.isNaN(value) ? [] : [i]));
  if (complete.length < Math.max(3, minimumAssets)) return null;
  const grades = complete.map((i) => one.grades[i]!);
  const returns = complete.map((i) => one.returns[i]!);
  const rankIc = spearman(grades, returns);
  // All grades or all returns equal: the day says nothing about the order.
  if (Number.isNaN(rankIc)) return null;
  const deciles = decilesOf(grades);
  const { means, counts } = decileReturns(deciles, returns);
  const members = (decile: number) =>
    new Set(complete.filter((_, place) => deciles[place] === decile).map((i) => one.assets[i]!));
  const median = medianOf(returns);
  return {
    day: one.day,
    assets: complete.length,
    rankIc,
    spread: means[DECILES - 1]! - means[0]!,
    means,
    counts,
    best: members(DECILES - 1),
    worst: members(0),
    outcomes: complete.map((i) => ({
      day: one.day,
      bucket: one.labels[i]!,
      hit: one.returns[i]! > median,
    })),
  };
}

/** Over all pairs of judged days that lie one horizon apart. Without a pair nothing is known to be kept: all turns over. */
function meanTurnover(judged: readonly JudgedDay[], horizon: number): { best: number; worst: number } {
  const byDay = new Map(judged.map((one) => [one.day, one]));
  const pairs = judged.flatMap((after) => {
    const before = byDay.get(after.day - horizon);
    return before ? [{ before, after }] : [];
  });
  const of = (side: 'best' | 'worst') => {
    const mean = meanKnown(pairs.map(({ before, after }) => turnoverOf(before[side], after[side])));
    return Number.isNaN(mean) ? 1 : mean;
  };
  return { best: of('best'), worst: of('worst') };
}

function withoutOverlap(days: readonly JudgedDay[], horizon: number): JudgedDay[] {
  const kept: JudgedDay[] = [];
  for (let i = days.length - 1; i >= 0; i--) {
    const last = kept.at(-1);
    if (!last || last.day - days[i]!.day >= horizon) kept.push(days[i]!);
  }
  return kept.reverse();
}

function meanKnown(values: readonly number[]): number {
  let sum = 0;
  let count = 0;
  for (const value of values) {
    if (Number.isNaN(value)) continue;
    sum += value;
    count++;
  }
  return count > 0 ? sum / count : Number.NaN;
}
