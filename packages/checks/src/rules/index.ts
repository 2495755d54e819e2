export {
  type Checked,
  checkFile,
  findingOf,
  RESULT_FORMATS,
  type ResultFormat,
  resultOf,
  saidOf,
  type TableReport,
} from './check-table.ts';
export { type Column, type DataContract, type DetectorRule, parseContract, type Rule } from './contract.ts';
export { CONTRACTS_FOLDER, loadContracts, marketContract } from './contract-files.ts';
export { type Expectation, GREAT_EXPECTATIONS, OWN_EXPECTATIONS } from './expectation.ts';
export { type Inferred, inferContract } from './infer.ts';
export { openRowChecks, type RowChecks, streams } from './row-evaluator.ts';
export { openRuleEngine, type RuleEngine } from './rules.ts';
export { openTable, TABLE_FORMATS, type TableFormat, type TableOptions } from './table-file.ts';
