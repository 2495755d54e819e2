import type { Decimal } from './decimal.ts';
import { AssayError } from './errors.ts';
import { type ExecutionPredicate, readExecution } from './execution-statement.ts';
import {
  type AppealPredicate,
  type CommitmentPredicate,
  type OutcomePredicate,
  type ReviewPredicate,
  readAppeal,
  readCommitment,
  readOutcome,
  readReview,
} from './review-statements.ts';
import {
  decimal,
  exactly,
  type Fail,
  instant,
  integer,
  kindOf,
  list,
  oneOf,
  pattern,
  rowRanges,
  sha256Hex,
  streamName,
  text,
} from './shape.ts';

export const STATEMENT_TYPE = 'https://in-toto.io/Statement/v1';

/** Predicate types. The version is part of the name: a changed meaning is a new name. */
export const PREDICATE = {
  observation: 'urn:assay:observation/v1',
  verdict: 'urn:assay:verdict/v1',
  derivation: 'urn:assay:derivation/v1',
  review: 'urn:assay:review/v1',
  appeal: 'urn:assay:appeal/v1',
  outcome: 'urn:assay:outcome/v1',
  commitment: 'urn:assay:commitment/v1',
  execution: 'urn:assay:execution/v1',
  index: 'urn:assay:index/v1',
} as const;

export type StatementKind = keyof typeof PREDICATE;
/** Kinds that are about data; the others are about the log itself. */
export type RecordKind = Exclude<StatementKind, 'index'>;
/** Kinds that carry rows, and so can be checked. */
export type DataKind = 'observation' | 'derivation';

/** An in-toto Statement v1. Subjects are digests, never content. */
export interface StatementOf<Kind extends StatementKind, Predicate> {
  _type: typeof STATEMENT_TYPE;
  subject: [{ name: string; digest: { sha256: string } }];
  predicateType: (typeof PREDICATE)[Kind];
  predicate: Predicate;
}

export type ObservationStatement = StatementOf<'observation', ObservationPredicate>;
export type VerdictStatement = StatementOf<'verdict', VerdictPredicate>;
export type DerivationStatement = StatementOf<'derivation', DerivationPredicate>;
export type IndexStatement = StatementOf<'index', IndexPredicate>;
export type ReviewStatement = StatementOf<'review', ReviewPredicate>;
export type AppealStatement = StatementOf<'appeal', AppealPredicate>;
export type OutcomeStatement = StatementOf<'outcome', OutcomePredicate>;
export type CommitmentStatement = StatementOf<'commitment', CommitmentPredicate>;
export type ExecutionStatement = StatementOf<'execution', ExecutionPredicate>;
export type Statement =
  | ObservationStatement
  | VerdictStatement
  | DerivationStatement
  | ReviewStatement
  | AppealStatement
  | OutcomeStatement
  | CommitmentStatement
  | ExecutionStatement
  | IndexStatement;

/** Half-open interval [from, to) of UTC instants. */
export interface Period {
  from: string;
  to: string;
}

/** Inclusive ranges of row indices, ascending: `[[3, 17], [20, 20]]`. */
export type RowRanges = [from: number, to: number][];

export const ROW_SCHEMAS = [
  'candle/v1',
  'reference-rate/v1',
  'material/v1',
  'file/v1',
  'reading/v1',
  'record/v1',
  'figure/v1',
] as const;
export type RowSchema = (typeof ROW_SCHEMAS)[number];

/** What a statement says of its rows, so that each can be proved alone. */
export interface RowsCommitment {
  count: number;
  /** RFC 6962 root over the rows' canonical JSON, in hex. */
  root: string;
  schema: RowSchema;
  /** CIDv1 (raw, sha2-256, base32) of the payload: the rows as NDJSON. */
  payload: string;
  /** Length of the payload. */
  bytes: number;
}

export const SOURCE_MODES = ['live', 'replay', 'simulated'] as const;
export type SourceMode = (typeof SOURCE_MODES)[number];

/** How often a source gives a row; `irregular` for files and sensors that speak when they have something. */
export const INTERVALS = ['1m', '1d', 'irregular'] as const;

/** A provider's statement about a batch of rows. Its subject is the payload's digest. */
export interface ObservationPredicate {
  stream: string;
  source: {
    mode: SourceMode;
    venue: string;
    instrument: string;
    interval: (typeof INTERVALS)[number];
    adapter: string;
  };
  /** Place in the stream, from 1 without gaps; with `previous` it makes replay and reordering visible. */
  sequence: number;
  previous: string | null;
  observedAt: string;
  period: Period;
  /** Parts of the period for which the source gave nothing. */
  gaps: Period[];
  rows: RowsCommitment;
}

export const FINDING_STATUSES = ['pass', 'fail', 'unknown'] as const;
export type FindingStatus = (typeof FINDING_STATUSES)[number];

/** One check's answer. */
export interface Finding {
  check: string;
  column?: string;
  status: FindingStatus;
  /** What a failure means for the rows that failed. */
  severity: 'flag' | 'reject';
  reason: string;
  /** The rows that failed. */
  rows?: RowRanges;
  score?: Decimal;
  /** Statements and streams that the check read besides the observation itself. */
  evidence?: string[];
}

export const DECISIONS = ['accept', 'flag', 'reject'] as const;
export type Decision = (typeof DECISIONS)[number];
export const LEVELS = ['L0', 'L1', 'L2', 'L3', 'L4', 'L5'] as const;
export type Level = (typeof LEVELS)[number];

/** ISO/IEC 25012 characteristics, 0 to 1; null is "not known", which is not good. */
export const QUALITY_NAMES = [
  'accuracy',
  'completeness',
  'consistency',
  'credibility',
  'currentness',
] as const;
export type Quality = Record<(typeof QUALITY_NAMES)[number], Decimal | null>;

/** The checker's statement about one observation or derivation. Its subject is that statement's id. */
export interface VerdictPredicate {
  stream: string;
  /** Id of the statement that was checked. */
  observation: string;
  contract: { name: string; version: string; digest: { sha256: string } };
  checkedAt: string;
  findings: Finding[];
  /** The worst decision of any row. */
  decision: Decision;
  level: Level;
  /** Rows that are not accepted; all others are. */
  rows: { flagged: RowRanges; rejected: RowRanges };
  quality: Quality;
}

/** Which inputs, code and parameters gave which output. Its subject is the output payload's digest. */
export interface DerivationPredicate {
  stream: string;
  /** Of the inputs: a figure from simulated data says so itself. */
  source: { mode: SourceMode };
  function: { name: string; version: string; digest: { sha256: string } };
  parameters: Record<string, unknown>;
  /** The inputs (`material/v1` rows): committed to like rows, because an hour of live minutes has hundreds. */
  materials: RowsCommitment;
  derivedAt: string;
  period: Period;
  sequence: number;
  previous: string | null;
  rows: RowsCommitment;
}

/** A part of a log's index: the sorted records of its entries `from` to `to`. */
export interface IndexSegment {
  from: number;
  to: number;
  /** How many records they have. */
  count: number;
  /** RFC 6962 root over the records, in hex. */
  root: string;
}

/**
 * A log's statement about its own index, which anybody can make again from the log's entries. Its subject is
 * the digest of `segments`.
 */
export interface IndexPredicate {
  /** Origin of the log. */
  stream: string;
  /** Segments next to each other that begin with entry 0: they cover every entry below the last one's `to`. */
  segments: IndexSegment[];
}

/** The kind of a statement, from its predicate type. */
export function kindOfStatement(statement: Statement): StatementKind {
  return statement.predicateType.split(':')[2]!.split('/')[0] as StatementKind;
}

/** Makes a statement of a kind. `subject` names what it is about by digest. */
export function makeStatement<Kind extends StatementKind>(
  kind: Kind,
  subject: { name: string; sha256: string },
  predicate: Extract<Statement, { predicateType: (typeof PREDICATE)[Kind] }>['predicate'],
): Statement {
  return {
    _type: STATEMENT_TYPE,
    subject: [{ name: subject.name, digest: { sha256: subject.sha256 } }],
    predicateType: PREDICATE[kind],
    predicate,
  } as Statement;
}

/**
 * Reads a statement of unknown origin, member by member.
 *
 * @throws STATEMENT_MALFORMED with the path of what is wrong.
 */
export function parseStatement(input: unknown): Statement {
  const statement = exactly(
    input,
    'statement',
    ['_type', 'subject', 'predicateType', 'predicate'],
    malformed,
  );
  if (statement._type !== STATEMENT_TYPE)
    malformed(`_type: expected ${STATEMENT_TYPE}, got ${kindOf(statement._type)}`);
  const [subject] = list(statement.subject, 'subject', readSubject, malformed, 1);
  if (!subject) return malformed('subject: expected one, got none');
  const type = oneOf(statement.predicateType, 'predicateType', Object.values(PREDICATE), malformed);
  const predicate = READERS[type](statement.predicate, malformed);
  return { _type: STATEMENT_TYPE, subject: [subject], predicateType: type, predicate } as Statement;
}

const malformed: Fail = (message) => {
  throw new AssayError('STATEMENT_MALFORMED', message, {
    next: 'compare the statement with its schema in packages/core/schemas',
  });
};

const READERS: Record<(typeof PREDICATE)[StatementKind], (value: unknown, fail: Fail) => unknown> = {
  [PREDICATE.observation]: readObservation,
  [PREDICATE.verdict]: readVerdict,
  [PREDICATE.derivation]: readDerivation,
  [PREDICATE.review]: readReview,
  [PREDICATE.appeal]: readAppeal,
  [PREDICATE.outcome]: readOutcome,
  [PREDICATE.commitment]: readCommitment,
  [PREDICATE.execution]: readExecution,
  [PREDICATE.index]: readIndex,
};

function readSubject(value: unknown, path: string) {
  const subject = exactly(value, path, ['name', 'digest'], malformed);
  return {
    name: text(subject.name, `${path}.name`, malformed, 300),
    digest: readDigest(subject.digest, `${path}.digest`),
  };
}

function readDigest(value: unknown, path: string) {
  return {
    sha256: sha256Hex(exactly(value, path, ['sha256'], malformed).sha256, `${path}.sha256`, malformed),
  };
}

function readObservation(value: unknown): ObservationPredicate {
  const p = exactly(
    value,
    'predicate',
    ['stream', 'source', 'sequence', 'previous', 'observedAt', 'period', 'gaps', 'rows'],
    malformed,
  );
  const source = exactly(
    p.source,
    'source',
    ['mode', 'venue', 'instrument', 'interval', 'adapter'],
    malformed,
  );
  return {
    stream: streamName(p.stream, 'stream', malformed),
    source: {
      mode: oneOf(source.mode, 'source.mode', SOURCE_MODES, malformed),
      venue: text(source.venue, 'source.venue', malformed, 100),
      instrument: text(source.instrument, 'source.instrument', malformed, 100),
      interval: oneOf(source.interval, 'source.interval', INTERVALS, malformed),
      adapter: text(source.adapter, 'source.adapter', malformed, 100),
    },
    ...readPlace(p),
    observedAt: instant(p.observedAt, 'observedAt', malformed),
    period: readPeriod(p.period, 'period'),
    gaps: list(p.gaps, 'gaps', readPeriod, malformed),
    rows: readRows(p.rows, 'rows'),
  };
}

function readVerdict(value: unknown): VerdictPredicate {
  const p = exactly(
    value,
    'predicate',
    ['stream', 'observation', 'contract', 'checkedAt', 'findings', 'decision', 'level', 'rows', 'quality'],
    malformed,
  );
  const contract = exactly(p.contract, 'contract', ['name', 'version', 'digest'], malformed);
  const rows = exactly(p.rows, 'rows', ['flagged', 'rejected'], malformed);
  const quality = exactly(p.quality, 'quality', QUALITY_NAMES, malformed);
  return {
    stream: streamName(p.stream, 'stream', malformed),
    observation: sha256Hex(p.observation, 'observation', malformed),
    contract: {
      name: text(contract.name, 'contract.name', malformed, 200),
      version: text(contract.version, 'contract.version', malformed, 50),
      digest: readDigest(contract.digest, 'contract.digest'),
    },
    checkedAt: instant(p.checkedAt, 'checkedAt', malformed),
    findings: list(p.findings, 'findings', readFinding, malformed, 500),
    decision: oneOf(p.decision, 'decision', DECISIONS, malformed),
    level: oneOf(p.level, 'level', LEVELS, malformed),
    rows: {
      flagged: rowRanges(rows.flagged, 'rows.flagged', malformed),
      rejected: rowRanges(rows.rejected, 'rows.rejected', malformed),
    },
    quality: Object.fromEntries(
      QUALITY_NAMES.map((name) => [
        name,
        quality[name] === null ? null : decimal(quality[name], `quality.${name}`, malformed),
      ]),
    ) as Quality,
  };
}

function readFinding(value: unknown, path: string): Finding {
  const f = exactly(value, path, ['check', 'status', 'severity', 'reason'], malformed, [
    'column',
    'rows',
    'score',
    'evidence',
  ]);
  return {
    check: text(f.check, `${path}.check`, malformed, 200),
    ...(f.column === undefined ? {} : { column: text(f.column, `${path}.column`, malformed, 200) }),
    status: oneOf(f.status, `${path}.status`, FINDING_STATUSES, malformed),
    severity: oneOf(f.severity, `${path}.severity`, ['flag', 'reject'], malformed),
    reason: text(f.reason, `${path}.reason`, malformed, 2000),
    ...(f.rows === undefined ? {} : { rows: rowRanges(f.rows, `${path}.rows`, malformed) }),
    ...(f.score === undefined ? {} : { score: decimal(f.score, `${path}.score`, malformed) }),
    ...(f.evidence === undefined
      ? {}
      : {
          evidence: list(
            f.evidence,
            `${path}.evidence`,
            (item, at) => text(item, at, malformed, 200),
            malformed,
            200,
          ),
        }),
  };
}

function readDerivation(value: unknown): DerivationPredicate {
  const p = exactly(
    value,
    'predicate',
    [
      'stream',
      'source',
      'function',
      'parameters',
      'materials',
      'derivedAt',
      'period',
      'sequence',
      'previous',
      'rows',
    ],
    malformed,
  );
  const source = exactly(p.source, 'source', ['mode'], malformed);
  const code = exactly(p.function, 'function', ['name', 'version', 'digest'], malformed);
  if (typeof p.parameters !== 'object' || p.parameters === null || Array.isArray(p.parameters)) {
    malformed(`parameters: expected an object, got ${kindOf(p.parameters)}`);
  }
  return {
    stream: streamName(p.stream, 'stream', malformed),
    source: { mode: oneOf(source.mode, 'source.mode', SOURCE_MODES, malformed) },
    function: {
      name: text(code.name, 'function.name', malformed, 200),
      version: text(code.version, 'function.version', malformed, 50),
      digest: readDigest(code.digest, 'function.digest'),
    },
    parameters: p.parameters as Record<string, unknown>,
    materials: readRows(p.materials, 'materials'),
    derivedAt: instant(p.derivedAt, 'derivedAt', malformed),
    period: readPeriod(p.period, 'period'),
    ...readPlace(p),
    rows: readRows(p.rows, 'rows'),
  };
}

function readIndex(value: unknown): IndexPredicate {
  const p = exactly(value, 'predicate', ['stream', 'segments'], malformed);
  let covered = 0;
  return {
    stream: text(p.stream, 'stream', malformed, 300),
    segments: list(
      p.segments,
      'segments',
      (item, at): IndexSegment => {
        const segment = exactly(item, at, ['from', 'to', 'count', 'root'], malformed);
        const from = integer(segment.from, `${at}.from`, malformed);
        const to = integer(segment.to, `${at}.to`, malformed, from + 1);
        if (from !== covered)
          malformed(`${at}.from: expected ${covered}, where the last segment ends, got ${from}`);
        covered = to;
        return {
          from,
          to,
          count: integer(segment.count, `${at}.count`, malformed, 1),
          root: sha256Hex(segment.root, `${at}.root`, malformed),
        };
      },
      malformed,
      1_000,
    ),
  };
}

function readPlace(p: { sequence: unknown; previous: unknown }) {
  return {
    sequence: integer(p.sequence, 'sequence', malformed, 1),
    previous: p.previous === null ? null : sha256Hex(p.previous, 'previous', malformed),
  };
}

function readPeriod(value: unknown, path: string): Period {
  const period = exactly(value, path, ['from', 'to'], malformed);
  const from = instant(period.from, `${path}.from`, malformed);
  const to = instant(period.to, `${path}.to`, malformed);
  return from < to ? { from, to } : malformed(`${path}: expected from before to, got ${from} and ${to}`);
}

function readRows(value: unknown, path: string): RowsCommitment {
  const rows = exactly(value, path, ['count', 'root', 'schema', 'payload', 'bytes'], malformed);
  return {
    count: integer(rows.count, `${path}.count`, malformed, 1),
    root: sha256Hex(rows.root, `${path}.root`, malformed),
    schema: oneOf(rows.schema, `${path}.schema`, ROW_SCHEMAS, malformed),
    payload: pattern(
      rows.payload,
      `${path}.payload`,
      /^bafkrei[a-z2-7]{52}$/,
      'a CIDv1 of raw bytes under SHA-256',
      malformed,
    ),
    bytes: integer(rows.bytes, `${path}.bytes`, malformed, 1),
  };
}
