import { type Served, servedAs } from '@assay/checks/review';
import {
  type Decision,
  decodePayload,
  type ExecutionPredicate,
  type Finding,
  type Level,
  type OutcomePredicate,
  PREDICATE,
  type Quality,
  type RecordKind,
  type ReviewPredicate,
  type Row,
  type RowRanges,
  type Statement,
} from '@assay/core';
import {
  type Catalogue,
  type CatalogueEntry,
  decisionOnRow,
  standingOf,
  statementOf,
  type VerdictSummary,
} from './catalogue.ts';
import { EvidenceStore, type ExhibitSummary } from './evidence-store.ts';
import { resolveRecord } from './export-bundle.ts';
import { ReviewStore } from './review-store.ts';

/** One line of a list: a row or a statement, with what was decided about it and where its proof is. */
export interface RecordSummary {
  id: string;
  kind: 'row' | RecordKind;
  stream: string;
  time: string;
  /** The row's members, decimal strings; null for a whole statement. */
  values: Row | null;
  /** What is decided now: by reviewers where there is an outcome, else by the checks. */
  decision: Decision | null;
  level: Level | null;
  /** As what it is served; only `accepted` reached the level that its contract requires. */
  served: Served | null;
  servedReason: string | null;
  quality: Quality | null;
  /** Place in the log; null until the ledger acknowledged it. */
  index: number | null;
  /** Path of the bundle below the gateway's address. */
  proof: string;
}

/** A record opened: its statement, the verdict with its findings, and what it came from and went into. */
export interface RecordDetail extends RecordSummary {
  statement: Statement;
  signer: string;
  verdict: {
    id: string;
    decision: Decision;
    level: Level;
    quality: Quality;
    /** What the contract required then. */
    required: Level;
    /** `exhibits` are served at `/v1/exhibits/<digest>`. */
    findings: (Finding & { exhibits: ExhibitSummary[] })[];
    contract: { name: string; version: string; digest: { sha256: string } };
  } | null;
  /** What reviewers decided since; null while only the checks have. */
  outcome: RecordOutcome | null;
  /** Whether reviewers look at it. Why is not said while they do. */
  review: { item: string; state: 'open' | 'closed' } | null;
  /** Reviews that are in the log, the oldest first: none of a round that is open. */
  reviews: RecordReview[];
  appeals: { id: string; by: string; reason: string; at: string }[];
  /** What others got who executed a derived figure again, the oldest first. */
  executions: RecordExecution[];
  lineage: ReturnType<Catalogue['lineage']>;
}

export interface RecordOutcome {
  id: string;
  decision: Decision;
  level: Level;
  rows: { flagged: RowRanges; rejected: RowRanges };
  round: number;
  /** Ids of the reviews. */
  reviews: string[];
  reason: string;
  since: string;
  /** The outcome before it. */
  previous: string | null;
}

export interface RecordReview {
  id: string;
  reviewer: string;
  round: number;
  decision: Decision;
  reason: string;
  disputed: string[];
  evidence: string[];
  at: string;
}

export interface RecordExecution extends Pick<ExecutionPredicate, 'function' | 'rows' | 'agrees'> {
  id: string;
  executor: string;
  at: string;
}

const PAGE = 64;

/**
 * Rows of a stream, newest first. Without a stream, statements of every stream.
 *
 * @param query `before` excludes rows from that instant on; `decision` keeps rows (or statements) so decided.
 */
export function listRecords(
  catalogue: Catalogue,
  query: {
    stream?: string | undefined;
    decision?: Decision | undefined;
    before?: string | undefined;
    limit: number;
  },
): RecordSummary[] {
  const { stream, decision, before, limit } = query;
  const decisions =
    decision === 'accept' || decision === undefined ? undefined : (['flag', 'reject'] as const);
  const kinds = ['observation', 'derivation'] as const;
  if (stream === undefined) {
    const only = decision === undefined ? undefined : [decision];
    return catalogue
      .list({ kinds, before, decisions: only, limit })
      .map((entry) => summaryOf(catalogue, entry, null));
  }
  const found: RecordSummary[] = [];
  for (let offset = 0; found.length < limit; offset += PAGE) {
    const page = catalogue.list({ stream, kinds, before, decisions, limit: PAGE, offset });
    for (const entry of page) {
      found.push(
        ...rowsOf(catalogue, entry)
          .filter((row) => matches(row, before, decision))
          .slice(0, limit - found.length),
      );
      if (found.length >= limit) break;
    }
    if (page.length < PAGE) break;
  }
  return found;
}

/** A record by its name: a statement's id (or a beginning of it), or `<id>.<row>`. @throws NOT_FOUND */
export function describeRecord(catalogue: Catalogue, id: string): RecordDetail {
  const { entry, row } = resolveRecord(id, catalogue);
  const verdict = catalogue.verdictOn(entry.id);
  return {
    ...summaryOf(catalogue, entry, row),
    statement: statementOf(entry.entry),
    signer: entry.signer,
    verdict: verdict ? openVerdict(catalogue, verdict) : null,
    ...opinionsOn(catalogue, entry.id),
    lineage: catalogue.lineage(entry.id),
  };
}

function rowsOf(catalogue: Catalogue, entry: CatalogueEntry): RecordSummary[] {
  if (entry.payload === null) return [];
  const verdict = catalogue.verdictOn(entry.id);
  return decodePayload(catalogue.payload(entry.payload))
    .map((row, i) => rowSummary(entry, verdict, i, row))
    .reverse();
}

function matches(row: RecordSummary, before: string | undefined, decision: Decision | undefined): boolean {
  return (before === undefined || row.time < before) && (decision === undefined || row.decision === decision);
}

function summaryOf(catalogue: Catalogue, entry: CatalogueEntry, row: number | null): RecordSummary {
  const verdict = catalogue.verdictOn(entry.id);
  if (row !== null && entry.payload !== null) {
    return rowSummary(entry, verdict, row, decodePayload(catalogue.payload(entry.payload))[row]!);
  }
  const own = saidIn(statementOf(entry.entry));
  const standing = verdict && standingOf(verdict);
  return {
    id: entry.id,
    kind: entry.kind,
    stream: entry.stream,
    time: entry.from,
    values: null,
    decision: own.decision ?? standing?.decision ?? null,
    level: own.level ?? standing?.level ?? null,
    ...servedOf(verdict, standing?.decision),
    quality: own.quality ?? verdict?.quality ?? null,
    index: entry.index,
    proof: `/v1/records/${entry.id}/bundle`,
  };
}

function rowSummary(
  entry: CatalogueEntry,
  verdict: VerdictSummary | null,
  index: number,
  row: Row,
): RecordSummary {
  const { time, ...values } = row as { time: string };
  const standing = verdict && standingOf(verdict);
  const decision = standing && decisionOnRow(standing, index);
  return {
    id: `${entry.id}.${index}`,
    kind: 'row',
    stream: entry.stream,
    time,
    values,
    decision,
    level: standing?.level ?? null,
    ...servedOf(verdict, decision),
    quality: verdict?.quality ?? null,
    index: entry.index,
    proof: `/v1/records/${entry.id}.${index}/bundle`,
  };
}

/** As what something is served on which this is decided. */
function servedOf(
  verdict: VerdictSummary | null,
  decision: Decision | null | undefined,
): Pick<RecordSummary, 'served' | 'servedReason'> {
  if (!verdict || !decision) return { served: null, servedReason: null };
  const { level, since } = standingOf(verdict);
  const { served, reason } = servedAs({ decision, level, required: verdict.required, since });
  return { served, servedReason: reason };
}

/** What a statement itself decides, if it is one that does. */
function saidIn({ predicateType, predicate }: Statement): {
  decision?: Decision;
  level?: Level;
  quality?: Quality;
} {
  switch (predicateType) {
    case PREDICATE.verdict:
    case PREDICATE.outcome:
      return predicate;
    case PREDICATE.review:
      return { decision: predicate.decision };
    default:
      return {};
  }
}

function opinionsOn(
  catalogue: Catalogue,
  id: string,
): Pick<RecordDetail, 'outcome' | 'review' | 'reviews' | 'appeals' | 'executions'> {
  const opinions = catalogue
    .opinionsOn(id)
    .map(({ id, signer, entry }) => ({ id, signer, statement: statementOf(entry) }));
  const item = new ReviewStore(catalogue).itemOn(id);
  const of = <Type extends Statement['predicateType']>(type: Type) =>
    opinions.flatMap(({ id, signer, statement }) =>
      statement.predicateType === type
        ? [
            {
              id,
              signer,
              predicate: statement.predicate as Extract<Statement, { predicateType: Type }>['predicate'],
            },
          ]
        : [],
    );
  const outcome = of(PREDICATE.outcome).at(-1);
  return {
    outcome: outcome ? outcomeView(outcome.id, outcome.predicate) : null,
    review: item && { item: item.id, state: item.state },
    reviews: of(PREDICATE.review).map(({ id, signer, predicate }) => ({
      id,
      reviewer: signer,
      ...reviewView(predicate),
    })),
    appeals: of(PREDICATE.appeal).map(({ id, signer, predicate }) => ({
      ...{ id, by: signer, reason: predicate.reason, at: predicate.appealedAt },
    })),
    executions: of(PREDICATE.execution).map(({ id, signer, predicate }) => ({
      ...{ id, executor: signer, function: predicate.function, rows: predicate.rows },
      ...{ agrees: predicate.agrees, at: predicate.executedAt },
    })),
  };
}

function outcomeView(id: string, predicate: OutcomePredicate): RecordOutcome {
  const { decision, level, rows, round, reviews, reason, decidedAt, previous } = predicate;
  return { id, decision, level, rows, round, reviews, reason, since: decidedAt, previous };
}

function reviewView(predicate: ReviewPredicate): Omit<RecordReview, 'id' | 'reviewer'> {
  const { round, decision, reason, disputed, evidence, reviewedAt } = predicate;
  return { round, decision, reason, disputed, evidence, at: reviewedAt };
}

/** A verdict with what its findings show. */
export function openVerdict(
  catalogue: Catalogue,
  { id, required }: Pick<VerdictSummary, 'id' | 'required'>,
): RecordDetail['verdict'] {
  const statement = statementOf(catalogue.get(id).entry);
  if (statement.predicateType !== PREDICATE.verdict) return null;
  const { decision, level, quality, findings, contract } = statement.predicate;
  const evidence = new EvidenceStore(catalogue);
  const shown = findings.map((finding) => ({
    ...finding,
    exhibits: evidence.exhibitsAmong(finding.evidence ?? []),
  }));
  return { id, decision, level, quality, required, findings: shown, contract };
}
