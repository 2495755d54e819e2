export { ALARM_DISTANCE, falseAlarmChance } from './calibration.ts';
export {
  bestNabThreshold,
  NAB_PROFILES,
  type NabProfile,
  type NabSeries,
  nabScore,
  normaliseNab,
} from './nab-score.ts';
export { newSeries, observe, type SeriesMemory, type Surprise, speaks } from './series.ts';
export { type SignalMemory, signal } from './signal.ts';
export type { SignalTerms } from './terms.ts';
