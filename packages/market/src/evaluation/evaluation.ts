import { AssayError, type Decimal } from '@assay/core';
import { decimalOf } from '../decimal-of.ts';
import type { Figure, FigureInput } from '../figure.ts';
import { GRADE_PARAMETERS, type GradeParameters, gradesFigure } from '../grades/index.ts';
import { dayIndex, instantOfDay } from '../panel/index.ts';
import type { EvaluationRow, GradeRow } from '../rows.ts';
import { forwardReturn, STOPPED_DAYS } from './forward-returns.ts';
import { type GradedDay, type Judgement, type JudgeRules, judge } from './judge.ts';
import { lieEffects } from './stability.ts';

/** Every number that the evaluation depends on beside the grades and the panel. */
export interface EvaluationParameters {
  horizonsDays: readonly number[];
  /** Longest record that is judged. */
  windowDays: number;
  minimumAssets: number;
  /** A record with fewer judged days, or fewer horizons that do not overlap, is unknown. */
  minimumDays: number;
  minimumPeriods: number;
  /** Of one trade. */
  feeBps: number;
  /**
   * What becomes of the last price of an asset that stopped and that no snapshot knew. Zero: it was traded at that price;
   * any further loss is an assumption, and would flatter grades that think little of small assets.
   */
  deadReturn: Decimal;
  /** Every strategy that was tried before the grades were fixed: the ledger in docs/results/grades.md. */
  trials: number;
  /** Variance of the trials' Sharpe ratios per horizon, by the horizon in days; measured in the same ledger. */
  trialVariance: Readonly<Record<string, Decimal>>;
  /** What a pass takes. A t of 1.96 is reached by some 9 % of worthless grades, not by 5 %: hence more. */
  passT: Decimal;
  passDeflatedSharpe: Decimal;
  /** Of the grades that are made again when a source lies. */
  grades: GradeParameters;
}

export const EVALUATION_PARAMETERS: EvaluationParameters = {
  horizonsDays: [1, 7, 30],
  windowDays: 1461,
  minimumAssets: 10,
  minimumDays: 60,
  minimumPeriods: 12,
  feeBps: 20,
  deadReturn: '0',
  trials: 640,
  trialVariance: { '1': '0.0016', '7': '0.008', '30': '0.0463' },
  passT: '2.5',
  passDeflatedSharpe: '0.95',
  grades: GRADE_PARAMETERS,
};

/**
 * How good both grades have been up to the last wanted day, at each horizon: the record that is shown beside every
 * grade, whatever it says. Only returns that are complete on that day count. Rows of the last wanted day alone are
 * made; a record hardly changes from one day to the next. Definitions are in docs/grades.md.
 */
export const evaluationFigure: Figure<'evaluation', EvaluationParameters> = {
  name: 'evaluation',
  version: '1.0.0',
  parameters: EVALUATION_PARAMETERS,
  reads: {
    observed: gradesFigure.reads.observed,
    figures: ['grades', ...gradesFigure.reads.figures],
  },
  lookbackDays: EVALUATION_PARAMETERS.windowDays,
  compute(input, parameters) {
    const { from, to } = input.days;
    if (to <= from) return [];
    const asOf = to - 1;
    const effects = lieEffects(input, asOf, parameters.grades);
    return (['trader', 'investor'] as const).flatMap((grade) => {
      const stability = Math.min(...effects.map((effect) => effect[grade]));
      return parameters.horizonsDays.map((horizon) =>
        evaluationRow(
          judgeGrade(input, { grade, horizon, asOf }, parameters),
          { time: instantOfDay(input.history.panel.days[asOf]!), grade, horizon, stability },
          parameters,
        ),
      );
    });
  },
};

/** Judges one grade at one horizon by everything that is complete on a day. */
export function judgeGrade(
  input: FigureInput,
  of: { grade: 'trader' | 'investor'; horizon: number; asOf: number },
  parameters: EvaluationParameters,
): Judgement {
  return judge(gradedDays(input, of, parameters), judgeRules(of.horizon, parameters));
}

/** The days of a grade's record, with the returns over one horizon that are complete on the day `asOf`. */
export function gradedDays(
  { history: { panel }, figures }: FigureInput,
  { grade, horizon, asOf }: { grade: 'trader' | 'investor'; horizon: number; asOf: number },
  parameters: Pick<EvaluationParameters, 'windowDays' | 'deadReturn'>,
): GradedDay[] {
  const places = new Map(panel.assets.map((asset, place) => [asset, place]));
  const days = new Map<number, GradeRow[]>();
  let time = '';
  let day = -1;
  for (const row of figures.grades ?? []) {
    if (row.time !== time) {
      time = row.time;
      day = dayIndex(panel, time);
    }
    if (day < 0 || day > asOf - horizon || day <= asOf - parameters.windowDays) continue;
    if (!row[grade] || !places.has(row.asset)) continue;
    const known = days.get(day);
    if (known) known.push(row);
    else days.set(day, [row]);
  }
  const rules = { asOf, deadReturn: Number(parameters.deadReturn) };
  return [...days]
    .sort(([a], [b]) => a - b)
    .map(([on, rows]) => ({
      day: on,
      assets: rows.map(({ asset }) => asset),
      grades: rows.map((row) => Number(row[grade]!.grade)),
      labels: rows.map((row) => row[grade]!.label),
      returns: rows.map((row) => forwardReturn(panel, places.get(row.asset)!, on, horizon, rules)),
    }));
}

/** What {@link judge} needs to know of a horizon. */
export function judgeRules(horizon: number, parameters: EvaluationParameters): JudgeRules {
  const trialVariance = Number(parameters.trialVariance[String(horizon)]);
  if (!(trialVariance >= 0)) {
    throw new AssayError(
      'ARGUMENT_INVALID',
      `expected the variance of the trials' Sharpe ratios at ${horizon} days in trialVariance, got ${parameters.trialVariance[String(horizon)]}`,
      { next: 'measure it with the ledger of trials, and add it' },
    );
  }
  const { minimumAssets, feeBps, trials } = parameters;
  return {
    horizon,
    minimumAssets,
    feeBps,
    trials,
    trialVariance,
    embargoDays: horizon + STOPPED_DAYS,
  };
}

function evaluationRow(
  judgement: Judgement,
  of: { time: string; grade: 'trader' | 'investor'; horizon: number; stability: number },
  parameters: EvaluationParameters,
): EvaluationRow {
  const bps = (value: number) => decimalOf(value * 10_000, 2);
  return {
    time: of.time,
    grade: of.grade,
    horizonDays: String(of.horizon),
    days: String(judgement.days),
    assets: decimalOf(judgement.assets, 1) ?? '0',
    rankIc: decimalOf(judgement.rankIc, 4),
    icIr: decimalOf(judgement.icIr, 4),
    neweyWestT: decimalOf(judgement.neweyWestT, 2),
    hitRate: decimalOf(judgement.hitRate, 4),
    spreadBps: bps(judgement.spread),
    spreadAfterFeesBps: bps(judgement.spreadAfterFees),
    monotonicity: decimalOf(judgement.monotonicity, 4),
    turnover: judgement.days > 0 ? decimalOf(judgement.turnover, 4) : null,
    calibrationError: decimalOf(judgement.calibration.error, 4),
    deflatedSharpe: decimalOf(judgement.deflatedSharpe, 4),
    trials: String(parameters.trials),
    stability: decimalOf(of.stability, 4),
    deciles: judgement.deciles.flatMap(({ mean, assets }, decile) => {
      const meanReturnBps = bps(mean);
      return meanReturnBps === null
        ? []
        : [{ decile: String(decile + 1), meanReturnBps, assets: decimalOf(assets, 1)! }];
    }),
    ...statusOf(judgement, parameters),
  };
}

/** A pass takes all of it: an order that chance does not explain, and a spread that the number of trials does not. */
export function statusOf(
  { days, moments, rankIc, neweyWestT, spreadAfterFees, deflatedSharpe }: Judgement,
  parameters: EvaluationParameters,
): Pick<EvaluationRow, 'status' | 'reason'> {
  const { minimumDays, minimumPeriods, passT, passDeflatedSharpe, trials } = parameters;
  if (days < minimumDays || moments.observations < minimumPeriods) {
    return {
      status: 'unknown',
      reason: `${days} judged days and ${moments.observations} periods that do not overlap; ${minimumDays} and ${minimumPeriods} are needed`,
    };
  }
  const t = decimalOf(neweyWestT, 2);
  const sharpe = decimalOf(deflatedSharpe, 3);
  if (t === null || sharpe === null) {
    return { status: 'unknown', reason: 'the record does not vary enough to be judged' };
  }
  const held =
    neweyWestT >= Number(passT)
      ? `the order held (rank IC ${decimalOf(rankIc, 3)}, t ${t}), but it is not shown to pay: `
      : '';
  const faults = [
    !(neweyWestT >= Number(passT)) &&
      `the rank IC of ${decimalOf(rankIc, 3)} has a t of ${t}, below ${passT}: chance explains it`,
    !(spreadAfterFees > 0) && 'the best tenth does not beat the worst after fees',
    !(deflatedSharpe >= Number(passDeflatedSharpe)) &&
      `the spread's deflated Sharpe ratio is ${sharpe}, below ${passDeflatedSharpe}: the best of ${trials} trials could look so by luck`,
  ].filter((fault) => fault !== false);
  return faults.length > 0
    ? { status: 'fail', reason: `${held}${faults.join('; ')}` }
    : {
        status: 'pass',
        reason: `rank IC ${decimalOf(rankIc, 3)} with a t of ${t}, and a deflated Sharpe ratio of ${sharpe} after ${trials} trials; the past promises nothing`,
      };
}
