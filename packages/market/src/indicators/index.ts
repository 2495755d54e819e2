export { type BarColumns, RESTART_AFTER_MISSING } from './bar.ts';
export { indicatorBatch, indicatorColumns } from './batch.ts';
export { type Bar, IndicatorStream } from './stream.ts';
export { INDICATORS, type IndicatorName } from './table.ts';
