export { type AgreementInput, checkAgreement } from './agreement.ts';
export {
  type AgreementTerms,
  type Column,
  type DataContract,
  type Expectation,
  parseContract,
  type Rule,
} from './contract.ts';
export { CONTRACTS_FOLDER, loadContracts } from './contract-files.ts';
export {
  type DepegDay,
  type DepegScore,
  type DepegVerdict,
  scoreDepeg,
} from './depeg-score.ts';
export { parseStreamName, type StreamName } from './price-feed.ts';
export {
  type CheckedBatch,
  historyAfter,
  NO_HISTORY,
  openRuleEngine,
  type RowHistory,
  type RuleEngine,
} from './rules.ts';
export { decideVerdict } from './verdict.ts';
