import {
  type Decision,
  decodePayload,
  type Finding,
  type Level,
  PREDICATE,
  type Quality,
  type RecordKind,
  type Row,
  type Statement,
} from '@assay/core';
import {
  type Catalogue,
  type CatalogueEntry,
  decisionOnRow,
  statementOf,
  type VerdictSummary,
} from './catalogue.ts';
import { resolveRecord } from './export-bundle.ts';

/** One line of a list: a row or a statement, with what was decided about it and where its proof is. */
export interface RecordSummary {
  id: string;
  kind: 'row' | RecordKind;
  stream: string;
  time: string;
  /** The row's members, decimal strings; null for a whole statement. */
  values: Row | null;
  decision: Decision | null;
  level: Level | null;
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
    findings: Finding[];
    contract: { name: string; version: string; digest: { sha256: string } };
  } | null;
  lineage: ReturnType<Catalogue['lineage']>;
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
  const own = statementOf(entry.entry);
  return {
    id: entry.id,
    kind: entry.kind,
    stream: entry.stream,
    time: entry.from,
    values: null,
    decision: own.predicateType === PREDICATE.verdict ? own.predicate.decision : (verdict?.decision ?? null),
    level: own.predicateType === PREDICATE.verdict ? own.predicate.level : (verdict?.level ?? null),
    quality: own.predicateType === PREDICATE.verdict ? own.predicate.quality : (verdict?.quality ?? null),
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
  return {
    id: `${entry.id}.${index}`,
    kind: 'row',
    stream: entry.stream,
    time,
    values,
    decision: verdict ? decisionOnRow(verdict, index) : null,
    level: verdict?.level ?? null,
    quality: verdict?.quality ?? null,
    index: entry.index,
    proof: `/v1/records/${entry.id}.${index}/bundle`,
  };
}

function openVerdict(catalogue: Catalogue, { id }: VerdictSummary): RecordDetail['verdict'] {
  const statement = statementOf(catalogue.get(id).entry);
  if (statement.predicateType !== PREDICATE.verdict) return null;
  const { decision, level, quality, findings, contract } = statement.predicate;
  return { id, decision, level, quality, findings, contract };
}
