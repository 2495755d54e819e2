export { type Calibration, calibrate, type Outcome } from './calibration.ts';
export { decileReturns, decilesOf, monotonicity, tradingCost, turnoverOf } from './deciles.ts';
export {
  deflatedSharpe,
  expectedMaximumSharpe,
  probabilisticSharpe,
  type SharpeMoments,
  sharpeMoments,
} from './deflated-sharpe.ts';
export {
  EVALUATION_PARAMETERS,
  type EvaluationParameters,
  evaluationFigure,
  gradedDays,
  judgeGrade,
  judgeRules,
  statusOf,
} from './evaluation.ts';
export { type ForwardReturnRules, forwardReturn } from './forward-returns.ts';
export { type GradedDay, type Judgement, type JudgeRules, judge } from './judge.ts';
export { neweyWest, overlapLag } from './newey-west.ts';
export { spearman } from './rank-correlation.ts';
export { LIES, type Lie, type LieEffect, lieEffects } from './stability.ts';
