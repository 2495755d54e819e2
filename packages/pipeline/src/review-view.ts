import { parseStreamName } from '@assay/checks';
import { type Cause, current, questionOf, type ReviewItem } from '@assay/checks/review';
import {
  AssayError,
  type Decision,
  decodePayload,
  type FileRow,
  type Level,
  type Row,
  type RowRanges,
  type RowSchema,
} from '@assay/core';
import { type Catalogue, type CatalogueEntry, decisionOnRow, statementOf } from './catalogue.ts';
import { describeRecord, openVerdict, type RecordDetail, type RecordReview } from './records.ts';
import type { ReviewDesk } from './review-desk.ts';

/** What everybody may know of the queue, and what one reviewer is asked. */
export interface QueueView {
  counts: { open: number; closed: number; enrolled: number };
  /** Only for a reviewer that proved who it is. */
  asked: { item: string; stream: string; observation: string; time: string; round: number; until: string }[];
  /** Newest first. */
  closed: {
    item: string;
    stream: string;
    observation: string;
    time: string;
    cause: Cause;
    round: number;
    decision: Decision;
    reviewers: number;
    closedAt: string;
  }[];
}

/** One item with everything side by side that a reviewer needs. */
export interface ItemDetail {
  item: string;
  state: 'open' | 'closed';
  round: number;
  /** Until when the reviewer who asks may decide; null for a closed item. */
  until: string | null;
  stream: string;
  observation: string;
  schema: RowSchema;
  period: { from: string; to: string };
  signer: string;
  verdict: NonNullable<RecordDetail['verdict']> & { rows: { flagged: RowRanges; rejected: RowRanges } };
  /** The rows in question with those around them; all of a small observation. */
  rows: { index: number; time: string; values: Row; decision: Decision; inQuestion: boolean }[];
  /** The ends of the observations before and after, of the same stream. */
  before: { time: string; values: Row }[];
  after: { time: string; values: Row }[];
  /** What other sources said of the same thing at the same time. */
  others: { stream: string; level: Level | null; rows: { time: string; values: Row }[] }[];
  /** Files, for `file/v1`: served at `/v1/files/<sha256>`. */
  files: { index: number; name: string; mediaType: string; sha256: string; url: string; metadata: unknown }[];
  /** Why somebody objects, in a round that was opened by an appeal. */
  appeals: { id: string; by: string; reason: string; at: string }[];
  /** What a review or an appeal has to name. */
  sign: { stream: string; observation: string; verdict: string; item: string; round: number };
  /** Only of a closed item: why it was drawn, who said what, and what it came to. */
  closed: { cause: Cause; reviews: RecordReview[]; outcome: RecordDetail['outcome'] } | null;
}

const CLOSED_SHOWN = 50;
const MAX_ROWS = 240;
const AROUND = 30;
const DAY_MS = 86_400_000;
const OTHERS_SHOWN = 12;

/** The queue as a reviewer sees it, or anybody (null). */
export function describeQueue(catalogue: Catalogue, desk: ReviewDesk, reviewer: string | null): QueueView {
  const enrolled = desk.reviewers().filter((one) => one.enrolled).length;
  const asked = reviewer === null ? [] : desk.store.askedOf(reviewer);
  // Not how many wait for a reviewer: that number grows when two disagree.
  const { open, closed } = desk.store.counts();
  return {
    counts: { open, closed, enrolled },
    asked: asked.flatMap((item) => {
      const question = questionOf(item, reviewer!);
      if (!question) return [];
      const { item: id, stream, observation, round, until } = question;
      return [
        {
          item: id,
          stream,
          observation,
          time: catalogue.get(observation).from,
          round,
          until: instantOf(until),
        },
      ];
    }),
    closed: desk.store.closed(CLOSED_SHOWN).map((item) => {
      const { round, result, decisions } = current(item);
      const { id, stream, observation, cause } = item;
      return {
        ...{ item: id, stream, observation, time: catalogue.get(observation).from, cause, round },
        ...{ decision: result!.decision, reviewers: decisions.length, closedAt: instantOf(result!.atMs) },
      };
    }),
  };
}

/**
 * One item. While it is open only those see it who are asked about it, and nobody sees what another one decided.
 *
 * @throws NOT_FOUND, REVIEW_NOT_ASSIGNED
 */
export function describeItem(
  catalogue: Catalogue,
  desk: ReviewDesk,
  name: string,
  reviewer: string | null,
): ItemDetail {
  const item = desk.store.item(name);
  if (!item) {
    throw new AssayError('NOT_FOUND', `no item of the review queue is named ${name.slice(0, 80)}`, {
      next: 'list what you are asked: assay review list',
    });
  }
  const question = reviewer === null ? null : questionOf(item, reviewer);
  if (item.state === 'open' && !question) {
    throw new AssayError(
      'REVIEW_NOT_ASSIGNED',
      'an open item is shown to those who are asked about it, and only to them',
      {
        next: 'sign the request as the reviewer who is asked: assay review list',
      },
    );
  }
  return detail(catalogue, item, question?.until ?? null);
}

function detail(catalogue: Catalogue, item: ReviewItem, untilMs: number | null): ItemDetail {
  const { stream, observation } = item;
  const entry = catalogue.get(observation);
  const summary = catalogue.verdictOn(observation)!;
  const { flagged, rejected } = summary;
  const rows = rowsOf(catalogue, entry);
  const record = describeRecord(catalogue, observation);
  const { round } = current(item);
  const statement = statementOf(entry.entry);
  if (!('rows' in statement.predicate) || !('period' in statement.predicate))
    throw new RangeError(`expected data, got ${statement.predicateType}`);
  const { schema } = statement.predicate.rows;
  const appeals = current(item).appeals;
  const around = neighbours(catalogue, entry);
  return {
    item: item.id,
    state: item.state,
    round,
    until: untilMs === null ? null : instantOf(untilMs),
    stream,
    observation,
    schema,
    period: statement.predicate.period,
    signer: entry.signer,
    verdict: { ...openVerdict(catalogue, summary)!, rows: { flagged, rejected } },
    rows: shownRows(rows, { flagged, rejected }),
    ...around,
    others: schema === 'candle/v1' ? otherSources(catalogue, entry, around) : [],
    files: schema === 'file/v1' ? filesOf(rows as FileRow[]) : [],
    appeals: record.appeals.filter(({ id }) => appeals.includes(id)),
    sign: { stream, observation, verdict: item.verdict, item: item.id, round },
    closed:
      item.state === 'closed'
        ? { cause: item.cause, reviews: record.reviews, outcome: record.outcome }
        : null,
  };
}

/** All rows of a small observation; else the ones in question with some around them, or its beginning. */
function shownRows(
  rows: readonly Row[],
  decided: { flagged: RowRanges; rejected: RowRanges },
): ItemDetail['rows'] {
  const ranges = [...decided.flagged, ...decided.rejected];
  const asked = (i: number) => ranges.length === 0 || ranges.some(([from, to]) => from <= i && i <= to);
  const near = (i: number) =>
    rows.length <= MAX_ROWS || ranges.length === 0
      ? true
      : ranges.some(([from, to]) => from - AROUND <= i && i <= to + AROUND);
  return rows
    .map((row, index) => ({
      ...{ index, ...split(row), decision: decisionOnRow(decided, index), inQuestion: asked(index) },
    }))
    .filter(({ index }) => near(index))
    .slice(0, MAX_ROWS);
}

/** Rows of the same stream on either side; of small observations several. */
function neighbours(catalogue: Catalogue, entry: CatalogueEntry): Pick<ItemDetail, 'before' | 'after'> {
  const at = (text: string, ms: number) => instantOf(Math.max(Date.parse(text) + ms, 0));
  const rowsIn = (entries: readonly CatalogueEntry[]) =>
    entries.flatMap((other) => rowsOf(catalogue, other)).map(split);
  const earlier = catalogue.overlapping(entry.stream, at(entry.from, -DAY_MS), entry.from);
  const later = catalogue.overlapping(entry.stream, entry.to, at(entry.to, DAY_MS));
  return {
    before: rowsIn(earlier.slice(-AROUND)).slice(-AROUND),
    after: rowsIn(later.slice(0, AROUND)).slice(0, AROUND),
  };
}

/** Streams of the same base asset, over the time that is shown of this one. */
function otherSources(
  catalogue: Catalogue,
  entry: CatalogueEntry,
  { before, after }: Pick<ItemDetail, 'before' | 'after'>,
): ItemDetail['others'] {
  const own = parseStreamName(entry.stream);
  if (!own) return [];
  const from = before[0]?.time ?? entry.from;
  const last = after.at(-1)?.time;
  const within = (time: string) => time >= from && (last === undefined ? time < entry.to : time <= last);
  return catalogue
    .streams()
    .filter(({ name }) => name !== entry.stream && parseStreamName(name)?.base === own.base)
    .slice(0, OTHERS_SHOWN)
    .map(({ name }) => {
      const until = last === undefined || last < entry.to ? entry.to : last;
      const entries = catalogue.overlapping(name, from, until);
      const rows = entries
        .flatMap((other) => rowsOf(catalogue, other))
        .map(split)
        .filter(({ time }) => within(time))
        .slice(0, MAX_ROWS);
      const beside = entries.find((other) => other.from <= entry.from && entry.from < other.to);
      return { stream: name, level: (beside && catalogue.verdictOn(beside.id)?.level) ?? null, rows };
    });
}

function filesOf(rows: readonly FileRow[]): ItemDetail['files'] {
  return rows.map(({ name, mediaType, sha256, metadata }, index) => ({
    ...{
      index,
      name,
      mediaType,
      sha256,
      url: `/v1/files/${sha256}`,
      metadata: JSON.parse(metadata) as unknown,
    },
  }));
}

function rowsOf(catalogue: Catalogue, { payload }: CatalogueEntry): Row[] {
  return payload === null ? [] : decodePayload(catalogue.payload(payload));
}

function split(row: Row): { time: string; values: Row } {
  const { time, ...values } = row as { time: string };
  return { time, values };
}

function instantOf(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}
