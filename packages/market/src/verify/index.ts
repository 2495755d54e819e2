export {
  crossCandles,
  crossVerifyMinutes,
  MINUTE_PARAMETERS,
  type MinuteFeed,
  type MinuteFinding,
  type MinuteParameters,
} from './minute.ts';
export { type PricesParameters, pricesFigure } from './prices-figure.ts';
