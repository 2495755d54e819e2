export {
  BACKTEST_PARAMETERS,
  type BacktestEvent,
  type BacktestInput,
  type BacktestParameters,
  type BacktestResult,
  backtest,
  type Fill,
  type PlaceOrder,
  type Strategy,
  type Trade,
} from './backtest.ts';
export type { MarketView } from './market-view.ts';
export { type RunRecord, records } from './record.ts';
export { type SignalsParameters, signalsFigure } from './signals-figure.ts';
export { type TrendParameters, type TrendState, trendStates } from './trend-rule.ts';
