export { ALARM_DISTANCE, experience, falseAlarmChance } from './calibration.ts';
export {
  bestNabThreshold,
  NAB_PROFILES,
  type NabProfile,
  type NabSeries,
  nabScore,
  normaliseNab,
} from './nab-score.ts';
export { alarmStrength, newSeries, observe, type SeriesMemory, type Surprise } from './series.ts';
export { type SignalMemory, signal } from './signal.ts';
export type { SignalTerms } from './terms.ts';
