import type { Row } from './batch.ts';
import { type Envelope, parseEnvelope } from './dsse.ts';
import { base64Decode } from './encoding.ts';
import { AssayError } from './errors.ts';
import { type AnchorProof, readAnchorProof } from './evm-proof.ts';
import { exactly, type Fail, integer, kindOf, list, pattern, text } from './shape.ts';

export const BUNDLE_TYPE = 'application/vnd.assay.bundle.v1+json';

/** A bundle carries at most so many executions. */
export const MAX_EXECUTIONS = 16;

/** A statement with the proof that it was logged. */
export interface LoggedStatement {
  envelope: Envelope;
  /** c2sp.org/tlog-proof@v1: index, inclusion path and cosigned checkpoint. */
  proof: string;
}

/**
 * Self-contained proof of one statement, or of one row of it. Every member is verified; nothing in it is
 * decoration, so a changed bundle cannot pass for the original.
 */
export interface Bundle {
  mediaType: typeof BUNDLE_TYPE;
  /** Statement id, with `.index` for a row. */
  id: string;
  statement: LoggedStatement;
  /** The row, and its path to the batch root (base64 hashes, leaf's sibling first). */
  row?: { index: number; value: Row; path: string[] };
  /** Every row, in a bundle of a whole observation or derivation. */
  rows?: Row[];
  verdict?: LoggedStatement;
  /** What reviewers decided since: it stands where the verdict stood. */
  outcome?: LoggedStatement;
  /** The reviews that the outcome names. */
  reviews?: LoggedStatement[];
  /** What others got who executed a derivation again. */
  executions?: LoggedStatement[];
  /** Where the statement's checkpoint was recorded; empty while that is pending. */
  anchors: AnchorProof[];
}

/**
 * Reads a bundle of unknown origin, exactly: unknown members are refused, because nobody would verify them.
 *
 * @throws BUNDLE_MALFORMED with the path of what is wrong.
 */
export function parseBundle(input: unknown): Bundle {
  const b = exactly(
    typeof input === 'string' ? parseJson(input) : input,
    'bundle',
    ['mediaType', 'id', 'statement', 'anchors'],
    malformed,
    ['row', 'rows', 'verdict', 'outcome', 'reviews', 'executions'],
  );
  if (b.mediaType !== BUNDLE_TYPE)
    malformed(`bundle.mediaType: expected ${BUNDLE_TYPE}, got ${kindOf(b.mediaType)}`);
  if (b.row !== undefined && b.rows !== undefined) malformed('bundle: expected row or rows, got both');
  if (b.outcome !== undefined && b.verdict === undefined)
    malformed('bundle.outcome: expected the verdict beside it');
  if (b.executions !== undefined && b.verdict === undefined)
    malformed('bundle.executions: expected the verdict beside them');
  if ((b.outcome === undefined) !== (b.reviews === undefined))
    malformed('bundle: expected an outcome with its reviews, got one of the two');
  return {
    mediaType: BUNDLE_TYPE,
    id: pattern(
      b.id,
      'bundle.id',
      /^[0-9a-f]{64}(\.(0|[1-9]\d{0,8}))?$/,
      'a statement id, with .index for a row',
      malformed,
    ),
    statement: readLogged(b.statement, 'bundle.statement'),
    ...(b.row === undefined ? {} : { row: readRow(b.row) }),
    ...(b.rows === undefined ? {} : { rows: list(b.rows, 'bundle.rows', readObject, malformed, 100_000) }),
    ...(b.verdict === undefined ? {} : { verdict: readLogged(b.verdict, 'bundle.verdict') }),
    ...(b.outcome === undefined ? {} : { outcome: readLogged(b.outcome, 'bundle.outcome') }),
    ...(b.reviews === undefined
      ? {}
      : { reviews: list(b.reviews, 'bundle.reviews', readLogged, malformed, 3) }),
    ...(b.executions === undefined
      ? {}
      : { executions: list(b.executions, 'bundle.executions', readLogged, malformed, MAX_EXECUTIONS) }),
    anchors: list(
      b.anchors,
      'bundle.anchors',
      (anchor, path) => readAnchorProof(anchor, path, malformed),
      malformed,
      16,
    ),
  };
}

const malformed: Fail = (message) => {
  throw new AssayError('BUNDLE_MALFORMED', message, {
    next: 'export the bundle again (assay export <id>); it may have been cut short or edited on its way',
  });
};

function parseJson(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (cause) {
    return malformed(`bundle: expected JSON: ${(cause as Error).message}`);
  }
}

function readLogged(value: unknown, path: string): LoggedStatement {
  const logged = exactly(value, path, ['envelope', 'proof'], malformed);
  try {
    return {
      envelope: parseEnvelope(logged.envelope),
      proof: text(logged.proof, `${path}.proof`, malformed, 300_000),
    };
  } catch (cause) {
    return malformed(`${path}: ${(cause as Error).message}`);
  }
}

function readRow(value: unknown) {
  const row = exactly(value, 'bundle.row', ['index', 'value', 'path'], malformed);
  return {
    index: integer(row.index, 'bundle.row.index', malformed),
    value: readObject(row.value, 'bundle.row.value'),
    path: list(row.path, 'bundle.row.path', readHash, malformed, 63),
  };
}

function readObject(value: unknown, path: string): Row {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? value
    : malformed(`${path}: expected an object, got ${kindOf(value)}`);
}

function readHash(value: unknown, path: string): string {
  const hash = pattern(value, path, /^[A-Za-z0-9+/]{43}=$/, 'a base64 hash of 32 bytes', malformed);
  try {
    base64Decode(hash);
  } catch (cause) {
    malformed(`${path}: ${(cause as Error).message}`);
  }
  return hash;
}
