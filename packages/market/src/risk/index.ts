export {
  type CorrelationParameters,
  correlationFigure,
  correlationMatrix,
  MAX_ASSETS,
} from './correlation.ts';
export { type LevelParameters, levelsFigure } from './levels.ts';
export { READ_INDICATORS, type RiskParameters, riskFigure, riskOf } from './risk.ts';
