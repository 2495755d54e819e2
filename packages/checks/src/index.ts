export { type AgreementInput, checkAgreement } from './agreement/agreement.ts';
export {
  type DepegDay,
  type DepegScore,
  type DepegVerdict,
  scoreDepeg,
} from './agreement/depeg-score.ts';
export { parseStreamName, type StreamName } from './agreement/price-feed.ts';
export type {
  Detector,
  DetectorFinding,
  Examination,
  Exhibit,
  Specimen,
  SpecimenFile,
} from './detector.ts';
export {
  type AgreementTerms,
  type Column,
  type DataContract,
  type DetectorRule,
  type Expectation,
  parseContract,
  type Rule,
} from './rules/contract.ts';
export { CONTRACTS_FOLDER, loadContracts } from './rules/contract-files.ts';
export {
  type CheckedBatch,
  historyAfter,
  NO_HISTORY,
  openRuleEngine,
  type RowHistory,
  type RuleEngine,
} from './rules/rules.ts';
export { decideVerdict } from './verdict.ts';
