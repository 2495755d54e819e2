export { type AgreementInput, checkAgreement } from './agreement.ts';
export {
  type AgreementDetectorTerms,
  type AgreementMemory,
  agreementDetector,
} from './agreement-detector.ts';
export { type Claim, MAX_CLAIMS, MAX_FACTS, MAX_SOURCES, type Tolerance } from './claim-table.ts';
export { type DepegDay, type DepegScore, type DepegVerdict, scoreDepeg } from './depeg-score.ts';
export { betaQuantile, chiSquareQuantile } from './distribution-quantiles.ts';
export { parseStreamName, type StreamName } from './price-feed.ts';
export {
  type Copying,
  discoverTruth,
  type SourceHistory,
  type SourceStanding,
  type Truth,
  type TruthAlert,
  type TruthOptions,
  type Truths,
  type Vote,
} from './truth-discovery.ts';
