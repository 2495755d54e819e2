// What the gateway's schemas name: it does not know the checks.
export { type Alert, CAUSES, SERVED } from '@assay/checks/review';
export { AlertBook, type KeptAlert } from './alert-book.ts';
export { type Assessment, Assessor } from './assess.ts';
export {
  Catalogue,
  type CatalogueEntry,
  decisionOnRow,
  type Standing,
  standingOf,
  statementOf,
  type VerdictSummary,
} from './catalogue.ts';
export {
  type Backing,
  type Credibility,
  CredibilityBook,
  type CredibilityPoint,
} from './credibility-book.ts';
export { type DataDir, dataDirLayout, existingDataDir, takeDataDir } from './data-dir.ts';
export { type Recomputed, rateStream, recompute } from './derive.ts';
export { EvidenceStore, type ExhibitSummary } from './evidence-store.ts';
export { ExecutionDesk } from './execution-desk.ts';
export { type BundleSources, exportBundle, resolveRecord } from './export-bundle.ts';
export { type Admitted, admit, type IntakeView } from './intake.ts';
export { reviewerSeed, roleSecret } from './keys.ts';
export type { MarketPortfolio, MarketQuery, MarketRow, MarketStatus, MarketView } from './market-view.ts';
export { PictureBook } from './picture-book.ts';
export { Pipeline, type PipelineEvent, type PipelineOptions } from './pipeline.ts';
export {
  describeRecord,
  listRecords,
  type RecordDetail,
  type RecordSummary,
} from './records.ts';
export { ReviewDesk, type ReviewDeskOptions, type ReviewerState } from './review-desk.ts';
export {
  dismissExecutor,
  dismissReviewer,
  type EnrolledExecutor,
  type EnrolledReviewer,
  enrolExecutor,
  enrolReviewer,
  plantGold,
  type RegisteredStream,
  readExecutors,
  readGoldFile,
  readReviewers,
  readStreams,
  registerStream,
  remembered,
  streamRegistry,
} from './review-files.ts';
export { ReviewStore } from './review-store.ts';
export { describeItem, describeQueue, type ItemDetail, type QueueView } from './review-view.ts';
