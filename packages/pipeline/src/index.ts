export { Assessor } from './assess.ts';
export {
  Catalogue,
  type CatalogueEntry,
  decisionOnRow,
  statementOf,
  type VerdictSummary,
} from './catalogue.ts';
export { type DataDir, dataDirLayout, existingDataDir, takeDataDir } from './data-dir.ts';
export { rateStream, recompute } from './derive.ts';
export { type BundleSources, exportBundle, resolveRecord } from './export-bundle.ts';
export { type Admitted, admit, type IntakeView } from './intake.ts';
export { roleSecret } from './keys.ts';
export { Pipeline, type PipelineEvent, type PipelineOptions } from './pipeline.ts';
export { describeRecord, listRecords, type RecordDetail, type RecordSummary } from './records.ts';
