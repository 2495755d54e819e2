export {
  crossCandles,
  crossVerifyMinutes,
  MINUTE_PARAMETERS,
  type MinuteFeed,
  type MinuteFinding,
  type MinuteParameters,
} from './minute.ts';
export { assessMinutes, type MinutesAssessment } from './minute-checks.ts';
export {
  HOUR_FUNCTION,
  HOUR_PARAMETERS,
  type HourFeed,
  type HourFinding,
  type HourInput,
  type HourParameters,
  holdsIn,
  type MinuteRow,
  verifyHour,
} from './minute-hour.ts';
export { type PricesParameters, pricesFigure } from './prices-figure.ts';
