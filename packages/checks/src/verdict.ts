import {
  compareDecimal,
  type Decimal,
  type Decision,
  type Finding,
  type Level,
  type Quality,
  type RowRanges,
  type VerdictPredicate,
} from '@assay/core';
import { columnsOf, type DataContract, type Dimension } from './rules/contract.ts';
import { countRows, toRanges } from './rules/row-ranges.ts';
import { share } from './rules/rules.ts';

/**
 * Decides on an observation from its findings.
 *
 * - *Rows* carry their own decision: rejected when any `reject` finding fails for them, else flagged when any `flag`
 *   finding does, else accepted. A finding that fails without naming rows fails for all of them.
 * - The *decision* on the batch is the worst of its rows, so that whoever reads only one word is never told that a
 *   batch with a bad row is good. An unknown finding changes no decision; it holds the level down.
 * - The *level* is L1 when the schema and every rule of the contract pass, and L3 when besides `agreement_converted`
 *   passes (its contract says how many venues must agree) and no agreement check fails. Contracts name no detectors
 *   yet, so that L2 adds nothing to L1 and is not given. Freshness is a service level, told by currentness.
 *
 * @param input.rowCount rows of the observation.
 * @example
 * const verdict = decideVerdict({ stream, observation: id, contract, checkedAt, rowCount: rows.length, findings });
 */
export function decideVerdict(input: {
  stream: string;
  observation: string;
  contract: DataContract;
  checkedAt: string;
  rowCount: number;
  findings: readonly Finding[];
}): VerdictPredicate {
  const { stream, observation, contract, checkedAt, rowCount, findings } = input;
  const rows = rowDecisions(findings, rowCount);
  return {
    stream,
    observation,
    contract: { name: contract.name, version: contract.version, digest: contract.digest },
    checkedAt,
    findings: [...findings],
    decision: worst(rows),
    level: levelOf(findings, contract),
    rows,
    quality: qualityOf(findings, contract, rowCount),
  };
}

function rowDecisions(
  findings: readonly Finding[],
  rowCount: number,
): { flagged: RowRanges; rejected: RowRanges } {
  const worstOf = new Uint8Array(rowCount);
  for (const { status, severity, rows } of findings) {
    if (status !== 'fail') continue;
    const weight = severity === 'reject' ? 2 : 1;
    for (const [from, to] of rows ?? [[0, rowCount - 1]]) {
      for (let row = from!; row <= Math.min(to!, rowCount - 1); row++) {
        worstOf[row] = Math.max(worstOf[row]!, weight);
      }
    }
  }
  const those = (weight: number) => toRanges([...worstOf.keys()].filter((row) => worstOf[row] === weight));
  return { flagged: those(1), rejected: those(2) };
}

function worst({ flagged, rejected }: { flagged: RowRanges; rejected: RowRanges }): Decision {
  return rejected.length > 0 ? 'reject' : flagged.length > 0 ? 'flag' : 'accept';
}

function levelOf(findings: readonly Finding[], contract: DataContract): Level {
  const stated = new Set<string>(contract.rules.map(({ expectation }) => expectation.type));
  const rules = findings.filter(({ check }) => check === 'schema' || stated.has(check));
  const schemaHolds = rules.some(({ check }) => check === 'schema');
  if (!schemaHolds || rules.some(({ status }) => status !== 'pass')) return 'L0';
  const agreements = findings.filter(({ check }) => check.startsWith('agreement_'));
  const corroborated = agreements.some(
    ({ check, status }) => check === 'agreement_converted' && status === 'pass',
  );
  return corroborated && agreements.every(({ status }) => status !== 'fail') ? 'L3' : 'L1';
}

/**
 * The quality vector under ISO/IEC 25012 names, each from what was really measured:
 *
 * - accuracy: of the rows that other venues could judge, the share that they confirm; a rule that rejects for
 *   inaccuracy lowers it. Unknown when nobody could judge: plausible is not accurate.
 * - completeness: the worst of the schema's and the completeness rules' scores.
 * - consistency: the worst of the consistency rules' scores and of the agreement at face value.
 * - credibility: the share of all rows that independent venues confirm. Unknown when none could be judged.
 * - currentness: the freshness score.
 */
function qualityOf(findings: readonly Finding[], contract: DataContract, rowCount: number): Quality {
  const dimensionOf = new Map<string, Dimension>(
    contract.rules.map(({ expectation, severity, dimension }) => [
      `${expectation.type}/${columnsOf(expectation)}/${severity}`,
      dimension,
    ]),
  );
  const scores = (dimension: Dimension, severity?: Finding['severity']) =>
    findings
      .filter(
        (finding) =>
          dimensionOf.get(`${finding.check}/${finding.column}/${finding.severity}`) === dimension &&
          (severity === undefined || finding.severity === severity),
      )
      .map(({ score }) => score);
  const named = (...checks: string[]) => findings.filter(({ check }) => checks.includes(check));
  const converted = named('agreement_converted')[0];
  const schema = named(
    'schema',
    'expect_column_values_to_not_be_null',
    'expect_column_values_to_be_of_type',
    'expect_table_columns_to_match_set',
  ).map(({ score }) => score);
  const inaccurate = scores('accuracy', 'reject').filter((score) => score !== '1');
  return {
    accuracy: lowest([confirmedOfJudged(converted, rowCount), ...inaccurate]),
    completeness: lowest([...schema, ...scores('completeness')]),
    consistency: lowest([...scores('consistency'), ...named('agreement_at_par').map(({ score }) => score)]),
    credibility: converted?.score ?? null,
    currentness: named('freshness')[0]?.score ?? null,
  };
}

/** The finding's score counts confirmed rows among all; accuracy counts them among those that were judged. */
function confirmedOfJudged(finding: Finding | undefined, rowCount: number): Decimal | undefined {
  if (finding?.score === undefined) return undefined;
  const confirmed = Math.round(Number(finding.score) * rowCount);
  const judged = confirmed + countRows(finding.rows ?? []);
  return judged > 0 ? share(confirmed, judged) : undefined;
}

function lowest(scores: readonly (Decimal | undefined)[]): Decimal | null {
  const known = scores.filter((score) => score !== undefined).sort(compareDecimal);
  return known[0] ?? null;
}
