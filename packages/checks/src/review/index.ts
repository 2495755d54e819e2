export type { Detector, DetectorFinding, Examination, Exhibit, Specimen, SpecimenFile } from '../detector.ts';
export {
  checkTerms,
  type DetectorMemory,
  type Examined,
  examine,
  exhibitDigest,
  MAX_FINDINGS,
  MAX_MEMORY_BYTES,
} from '../examine.ts';
export { effectiveLevel, levelOf, reaches, SERVED, type Served, servedAs, statusOf } from '../verdict.ts';
export * from './accuracy.ts';
export * from './alerts.ts';
export * from './draw.ts';
export * from './estimate-accuracy.ts';
export * from './outcome.ts';
export * from './queue.ts';
