import {
  AssayError,
  type Ed25519Signer,
  MAX_PAYLOAD_BYTES,
  type Period,
  rowBytes,
  type SourceMode,
} from '@assay/core';
import { type Observation, signObservation } from '../provider.ts';
import { instantOf } from '../streams.ts';
import { DAY_MS, type MarketRecord } from './market-rows.ts';
import type { MarketStream } from './open-market-feed.ts';

/** Rows of one stream for one period, ready to be signed. */
export interface RecordBatch {
  rows: MarketRecord[];
  period: Period;
  /** Days of the period without a row, as periods. */
  gaps: Period[];
}

/** Signs rows of tables (`record/v1`), in the venue's own name and with its own key. */
export interface RecordProvider {
  readonly did: string;
  observe(
    batch: RecordBatch & {
      stream: MarketStream;
      observedAt: string;
      sequence: number;
      previous: string | null;
    },
  ): Promise<Observation>;
}

/**
 * A provider of the market's rows. `adapter` names the code that fetched them.
 *
 * @example
 * const provider = recordProvider({ signer, adapter: feed.adapter, mode: feed.mode });
 * for (const batch of splitAtMonths(rows, fromMs, toMs)) await provider.observe({ stream, ...batch, … });
 */
export function recordProvider(options: {
  signer: Ed25519Signer;
  adapter: string;
  mode: SourceMode;
}): RecordProvider {
  return {
    did: options.signer.did,
    observe: ({ stream: { name, venue, kind }, ...batch }) =>
      signObservation(
        {
          stream: name,
          schema: 'record/v1',
          source: { venue, instrument: kind, interval: name.endsWith('.1d') ? '1d' : 'irregular' },
        },
        batch,
        options,
      ),
  };
}

/**
 * Splits ascending rows at the starts of months, and a month that is larger than `maxBytes` at the starts of days;
 * a day that is larger is cut between seconds. Periods of the batches touch where rows are; a part without a row makes
 * no batch, and the next batch's place shows that it is missing.
 *
 * @throws PAYLOAD_TOO_LARGE when the rows of one second alone are larger than `maxBytes`; ARGUMENT_INVALID for rows
 *   that are out of order or outside the period.
 */
export function splitAtMonths(
  rows: readonly MarketRecord[],
  fromMs: number,
  toMs: number,
  maxBytes = MAX_PAYLOAD_BYTES,
): RecordBatch[] {
  const period = { from: instantOf(fromMs), to: instantOf(toMs) };
  const wrong = rows.find(
    ({ time }, i) => time < period.from || time >= period.to || (i > 0 && time < rows[i - 1]!.time),
  );
  if (wrong) {
    throw new AssayError(
      'ARGUMENT_INVALID',
      `expected ascending rows from ${period.from} to ${period.to}, got one of ${wrong.time} out of place`,
    );
  }
  const batches: RecordBatch[] = [];
  let at = 0;
  for (let from = fromMs; from < toMs; ) {
    const to = Math.min(nextMonth(from), toMs);
    const first = at;
    while (at < rows.length && Date.parse(rows[at]!.time) < to) at += 1;
    if (at > first) batches.push(...splitLarge(rows.slice(first, at), from, to, maxBytes));
    from = to;
  }
  return batches;
}

/** Cuts at the latest day's start that keeps a part small enough, else at the latest change of time. */
function splitLarge(rows: MarketRecord[], fromMs: number, toMs: number, maxBytes: number): RecordBatch[] {
  const batches: RecordBatch[] = [];
  let from = fromMs;
  let first = 0;
  let bytes = 0;
  let day = 0;
  let second = 0;
  for (let i = 0; i < rows.length; i++) {
    const size = rowBytes(rows[i]!).length + 1;
    if (i > first && rows[i]!.time !== rows[i - 1]!.time) {
      second = i;
      if (rows[i]!.time.slice(0, 10) !== rows[i - 1]!.time.slice(0, 10)) day = i;
    }
    bytes += size;
    if (bytes <= maxBytes) continue;
    const cut = day > first ? day : second;
    if (cut <= first) {
      throw new AssayError(
        'PAYLOAD_TOO_LARGE',
        `expected at most ${maxBytes} bytes of rows at ${rows[i]!.time}, got more`,
        { next: 'ask the source for fewer assets' },
      );
    }
    const to =
      cut === day ? Math.floor(Date.parse(rows[cut]!.time) / DAY_MS) * DAY_MS : Date.parse(rows[cut]!.time);
    batches.push(batchOf(rows.slice(first, cut), from, to));
    from = to;
    first = cut;
    // The rows from the cut on are measured again, by going back to it.
    i = cut - 1;
    bytes = 0;
  }
  batches.push(batchOf(rows.slice(first), from, toMs));
  return batches;
}

function batchOf(rows: MarketRecord[], fromMs: number, toMs: number): RecordBatch {
  return {
    rows,
    period: { from: instantOf(fromMs), to: instantOf(toMs) },
    gaps: daysWithout(rows, fromMs, toMs),
  };
}

/** Runs of whole days without a row. */
function daysWithout(rows: readonly MarketRecord[], fromMs: number, toMs: number): Period[] {
  const present = new Set(rows.map(({ time }) => time.slice(0, 10)));
  const gaps: Period[] = [];
  for (let day = Math.floor(fromMs / DAY_MS) * DAY_MS; day < toMs; day += DAY_MS) {
    const from = instantOf(Math.max(day, fromMs));
    const to = instantOf(Math.min(day + DAY_MS, toMs));
    if (present.has(from.slice(0, 10))) continue;
    const last = gaps.at(-1);
    if (last?.to === from) last.to = to;
    else gaps.push({ from, to });
  }
  return gaps;
}

function nextMonth(ms: number): number {
  const date = new Date(ms);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1);
}
