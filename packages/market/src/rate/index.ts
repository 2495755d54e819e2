export { assessRates, type RateAssessment } from './rate-checks.ts';
export {
  BTC_USD,
  type ExclusionReason,
  RATE_FUNCTION,
  type RateInput,
  type RateParameters,
  type ReferenceRate,
  referenceRates,
} from './reference-rate.ts';
export { twiceWeightedMedian, type Weighted } from './volume-weighted-median.ts';
