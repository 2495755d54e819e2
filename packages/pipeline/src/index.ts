// What the gateway's schemas name: it does not know the checks.
export { type Alert, CAUSES, SERVED } from '@assay/checks/review';
export { type AlertRule, BUILT_IN_RULES } from '@assay/market/alerts';
export { AlertBook, type KeptAlert } from './alert-book.ts';
export { AlertDelivery, checkTarget } from './alert-delivery.ts';
export { AlertOutbox, type Message } from './alert-outbox.ts';
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
export { codeDigest } from './code-digest.ts';
export {
  type Backing,
  type Credibility,
  CredibilityBook,
  type CredibilityPoint,
} from './credibility-book.ts';
export { type DataDir, dataDirLayout, existingDataDir, takeDataDir } from './data-dir.ts';
export { figureStream, observedKind } from './derive-figures.ts';
export { MINUTES_STREAM, minuteRows } from './derive-minutes.ts';
export { PORTFOLIO_STREAM } from './derive-portfolio.ts';
export { rateStream } from './derive-rates.ts';
export { EvidenceStore, type ExhibitSummary } from './evidence-store.ts';
export { ExecutionDesk } from './execution-desk.ts';
export { type BundleSources, exportBundle, resolveRecord } from './export-bundle.ts';
export { type Admitted, admit, type IntakeView } from './intake.ts';
export { reviewerSeed, roleSecret } from './keys.ts';
export { MarketAlerts, type RulePreview } from './market-alerts.ts';
export { MarketDesk } from './market-desk.ts';
export type { MarketPortfolio, MarketQuery, MarketRow, MarketStatus, MarketView } from './market-view.ts';
export { PictureBook } from './picture-book.ts';
export { Pipeline, type PipelineEvent, type PipelineOptions } from './pipeline.ts';
export { type Recomputed, recompute } from './recompute.ts';
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
