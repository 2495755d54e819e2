import { reaches, type Signal } from '@assay/checks/review';
import {
  AssayError,
  commitRows,
  type DerivationPredicate,
  type DerivationStatement,
  decodePayload,
  type Level,
  type Material,
  makeStatement,
  PREDICATE,
  type Row,
  type RowRanges,
  type RowSchema,
  type SourceMode,
  type VerdictPredicate,
} from '@assay/core';
import { type Catalogue, statementOf } from './catalogue.ts';

/** A derivation ready to be signed, with its payload and the verdict on it. */
export interface Prepared {
  predicate: DerivationPredicate;
  payload: Uint8Array;
  materials: readonly Material[];
  sha256: string;
  /** The verdict, once the statement's id is known. */
  verdictOn: (id: string) => VerdictPredicate;
  /** What the figure itself says is wrong, or right again. */
  signalsOn?: (id: string) => Signal[];
}

/** Where a derivation stands in its stream, and what period of it. */
export interface DerivationPlace {
  mode: SourceMode;
  fromMs: number;
  toMs: number;
  derivedAt: string;
  sequence: number;
  previous: string | null;
}

/** The predicate of a derivation, and the payload that it commits to. */
export function describeDerivation(
  {
    stream,
    code,
    parameters,
    materials,
    rows,
    schema,
  }: {
    stream: string;
    code: DerivationPredicate['function'];
    parameters: Record<string, unknown>;
    materials: readonly Material[];
    rows: readonly Row[];
    schema: RowSchema;
  },
  { mode, fromMs, toMs, derivedAt, sequence, previous }: DerivationPlace,
): Pick<Prepared, 'predicate' | 'payload' | 'sha256'> {
  const { commitment, payload, sha256 } = commitRows(rows, schema);
  return {
    predicate: {
      stream,
      source: { mode },
      function: code,
      parameters,
      materials: commitRows(materials, 'material/v1').commitment,
      derivedAt,
      period: { from: instantOf(fromMs), to: instantOf(toMs) },
      sequence,
      previous,
      rows: commitment,
    },
    payload,
    sha256,
  };
}

/** The statement around a derivation's predicate. */
export function derivationStatement({ predicate, sha256 }: Prepared): DerivationStatement {
  return makeStatement(
    'derivation',
    { name: `${predicate.stream}/${predicate.period.from}`, sha256 },
    predicate,
  ) as DerivationStatement;
}

/** What a derivation reads. */
export type Inputs = Pick<Catalogue, 'get' | 'payload'>;

/** Judged statements of a stream whose period meets [from, to), as materials. */
export function materialsOf(catalogue: Catalogue, stream: string, from: string, to: string): Material[] {
  return catalogue
    .judged(stream, from, to)
    .map(({ id, standing }) => ({ stream, observation: id, verdict: standing }));
}

/** The level that each stream's contract required of the inputs; recorded with the figure, so that it can be recomputed. */
export type RequiredLevels = Record<string, Level>;

export function requiredBy(catalogue: Catalogue, materials: readonly Material[]): RequiredLevels {
  const levels: RequiredLevels = {};
  for (const { stream, observation } of materials) {
    const required = catalogue.requiredOf(observation)!;
    const before = levels[stream] ?? 'L0';
    levels[stream] = reaches(required, before) ? required : before;
  }
  return levels;
}

/** The rows of an input, and which of them were not accepted. */
export interface ReadInput {
  stream: string;
  rows: readonly Row[];
  flagged: RowRanges;
  rejected: RowRanges;
}

/**
 * The rows of an input with what was decided about them, by the verdict or by the outcome of a review. What does not
 * reach the level that its contract requires counts as flagged: it is named among what was left out.
 *
 * @throws DERIVATION_MISMATCH when the verdict is about something else.
 */
export function readInput(
  inputs: Inputs,
  { stream, observation, verdict }: Material,
  requiredLevels: RequiredLevels,
): ReadInput {
  const judged = statementOf(inputs.get(verdict).entry);
  if (
    (judged.predicateType !== PREDICATE.verdict && judged.predicateType !== PREDICATE.outcome) ||
    judged.predicate.observation !== observation
  ) {
    throw new AssayError('DERIVATION_MISMATCH', `${verdict} is not the verdict on ${observation}`);
  }
  const { payload } = inputs.get(observation);
  const rows = decodePayload(inputs.payload(payload!));
  const { level, rows: decided } = judged.predicate;
  if (!reaches(level, requiredLevels[stream] ?? 'L0'))
    return { stream, rows, flagged: [[0, rows.length - 1]], rejected: decided.rejected };
  return { stream, rows, ...decided };
}

export function instantOf(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}
