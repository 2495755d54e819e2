import {
  compareDecimal,
  type Decimal,
  type Decision,
  type Finding,
  type FindingStatus,
  LEVELS,
  type Level,
  type Quality,
  type RowRanges,
  type VerdictPredicate,
} from '@assay/core';
import { columnsOf, type DataContract, type DetectorRule, type Dimension } from './rules/contract.ts';
import { countRows, toRanges } from './rules/row-ranges.ts';
import { share } from './rules/rules.ts';

/**
 * Decides on an observation from its findings.
 *
 * - *Rows* carry their own decision: rejected when any `reject` finding fails for them, else flagged when any `flag`
 *   finding does, else accepted. A finding that fails without naming rows fails for all of them.
 * - The *decision* on the batch is the worst of its rows, so that whoever reads only one word is never told that a
 *   batch with a bad row is good. An unknown finding changes no decision; it holds the level down.
 * - The *level* is what the accepted rows reach ({@link levelOf}). A rule that fails for rows which it names has taken
 *   them out, and says nothing against the others. Freshness is a service level, told by currentness.
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
    level: levelOf(findings, contract, rowCount),
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

/**
 * The level that findings give.
 *
 * - L0: signed and logged.
 * - L1: the schema and every rule hold for all rows that they did not flag or reject, of which there is at least one.
 * - L2: L1, the contract names detectors, and every one of them passed.
 * - L3: L1, `agreement_converted` or `agreement_truth` passes (the contract says how many sources must agree), no
 *   agreement check fails and no detector fails.
 *
 * A higher level is a stronger claim, not a longer list: independent sources that say the same are worth more than a
 * detector that sees nothing odd. So L3 stands above L2 also when the contract names no detectors, or when one of them
 * could not tell; the finding says so, and where the contract requires L2 or more it goes to reviewers. A detector
 * that *fails* leaves L1. L4 and L5 are never given here: {@link effectiveLevel}.
 */
export function levelOf(findings: readonly Finding[], contract: DataContract, rowCount: number): Level {
  const stated = new Set<string>(contract.rules.map(({ expectation }) => expectation.type));
  const rules = findings.filter(({ check }) => SCHEMA_CHECKS.has(check) || stated.has(check));
  const holds = rules.every(
    ({ status, rows }) => status === 'pass' || (status === 'fail' && rows !== undefined),
  );
  const broken = rowDecisions(rules, rowCount);
  const left = rowCount - countRows(broken.flagged) - countRows(broken.rejected);
  if (!rules.some(({ check }) => SCHEMA_CHECKS.has(check)) || !holds || left <= 0) return 'L0';
  const examined = contract.detectors.map((rule) => statusOf(rule, findings));
  const agreements = findings.filter(({ check }) => check.startsWith('agreement_'));
  const corroborated = agreements.some(
    ({ check, status }) => CORROBORATING.includes(check) && status === 'pass',
  );
  if (examined.includes('fail')) return 'L1';
  if (corroborated && agreements.every(({ status }) => status !== 'fail')) return 'L3';
  return examined.length > 0 && examined.every((status) => status === 'pass') ? 'L2' : 'L1';
}

/** Checks that say of independent sources that they tell the same. */
const CORROBORATING = ['agreement_converted', 'agreement_truth'];

/** What a detector that the contract asks for came to: the worst of its findings; unknown when it gave none. */
export function statusOf(
  { detector }: Pick<DetectorRule, 'detector'>,
  findings: readonly Finding[],
): FindingStatus {
  const own = findings.filter(({ check }) => check.startsWith(`${detector}_`));
  if (own.some(({ status }) => status === 'fail')) return 'fail';
  return own.length > 0 && own.every(({ status }) => status === 'pass') ? 'pass' : 'unknown';
}

/**
 * The level after what others said of it later: L5 when at least two human reviewers accepted and no more of them did
 * not; else L4 when whoever executed it again got the same, every time; else the verdict's own.
 *
 * @param reviews of one closed round, all of them.
 * @example
 * effectiveLevel({ level: 'L1' }, [{ decision: 'accept' }, { decision: 'accept' }], []); // 'L5'
 */
export function effectiveLevel(
  verdict: { level: Level },
  reviews: readonly { decision: Decision }[],
  executions: readonly { agrees: boolean }[],
): Level {
  const accepting = reviews.filter(({ decision }) => decision === 'accept').length;
  if (accepting >= 2 && 2 * accepting > reviews.length) return 'L5';
  return executions.length > 0 && executions.every(({ agrees }) => agrees) ? 'L4' : verdict.level;
}

/** Whether a level is at least another. */
export function reaches(level: Level, required: Level): boolean {
  return LEVELS.indexOf(level) >= LEVELS.indexOf(required);
}

/** As what data is served. Only `accepted` may be used without a second look. */
export const SERVED = ['accepted', 'below-level', 'flagged', 'rejected'] as const;
export type Served = (typeof SERVED)[number];

/**
 * As what a row, or a whole observation, is served, and why.
 *
 * @param standing what decides now: the verdict, or the outcome of a review of it.
 * @example
 * servedAs({ decision: 'accept', level: 'L1', required: 'L2' }).served; // 'below-level'
 */
export function servedAs(standing: {
  decision: Decision;
  level: Level;
  required: Level;
  /** Set where reviewers decided. */
  since?: string | undefined;
}): { served: Served; reason: string } {
  const { decision, level, required, since } = standing;
  const by = since === undefined ? 'by the checks' : `by reviewers, since ${since}`;
  if (decision === 'reject') return { served: 'rejected', reason: `rejected ${by}` };
  if (decision === 'flag') return { served: 'flagged', reason: `flagged ${by}` };
  return reaches(level, required)
    ? { served: 'accepted', reason: `accepted ${by}, at ${level}; its contract requires ${required}` }
    : { served: 'below-level', reason: `reached ${level}, but its contract requires ${required}` };
}

/** Checks of what a contract's columns say. */
const SCHEMA_CHECKS = new Set([
  'schema',
  'expect_column_values_to_not_be_null',
  'expect_column_values_to_be_of_type',
  'expect_table_columns_to_match_set',
]);

/**
 * The quality vector under ISO/IEC 25012 names, each from what was really measured:
 *
 * A detector's score counts under the dimension that the contract gives it.
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
  const detected = (dimension: Dimension) =>
    contract.detectors
      .filter((rule) => rule.dimension === dimension)
      .flatMap(({ detector }) => findings.filter(({ check }) => check.startsWith(`${detector}_`)))
      .map(({ score }) => score);
  const named = (...checks: string[]) => findings.filter(({ check }) => checks.includes(check));
  const converted = named('agreement_converted')[0];
  const schema = named(...SCHEMA_CHECKS).map(({ score }) => score);
  const inaccurate = scores('accuracy', 'reject').filter((score) => score !== '1');
  return {
    accuracy: lowest([confirmedOfJudged(converted, rowCount), ...inaccurate, ...detected('accuracy')]),
    completeness: lowest([...schema, ...scores('completeness'), ...detected('completeness')]),
    consistency: lowest([
      ...scores('consistency'),
      ...named('agreement_at_par').map(({ score }) => score),
      ...detected('consistency'),
    ]),
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
