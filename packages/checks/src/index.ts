export { type AgreementInput, checkAgreement } from './agreement/agreement.ts';
export {
  type DepegDay,
  type DepegScore,
  type DepegVerdict,
  scoreDepeg,
} from './agreement/depeg-score.ts';
export { parseStreamName, type StreamName } from './agreement/price-feed.ts';
export { loadFraudModel } from './behaviour/fraud-model-file.ts';
export type {
  Detector,
  DetectorFinding,
  Examination,
  Exhibit,
  Specimen,
  SpecimenFile,
} from './detector.ts';
export { examineTable, examineWhole, isAboutFiles } from './examine-file.ts';
export { openManifestReader } from './image/c2pa-binding.ts';
export { NearDuplicateIndex } from './image/near-duplicates.ts';
export { DetectorRegistry, type RegisteredDetector } from './plugin/detector-registry.ts';
export { type ProductParts, productDetectors } from './product-detectors.ts';
export {
  type AgreementTerms,
  type Column,
  type DataContract,
  type DetectorRule,
  type Expectation,
  parseContract,
  type Rule,
} from './rules/contract.ts';
export { CONTRACTS_FOLDER, loadContracts, marketContract } from './rules/contract-files.ts';
export {
  type CheckedBatch,
  historyAfter,
  NO_HISTORY,
  openRuleEngine,
  type RowHistory,
  type RuleEngine,
} from './rules/rules.ts';
export { decideVerdict } from './verdict.ts';
