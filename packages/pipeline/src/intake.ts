import {
  AssayError,
  checkRow,
  commitRows,
  decodePayload,
  encodePayload,
  MAX_PAYLOAD_BYTES,
  type ObservationStatement,
  type OpenedEnvelope,
  openEnvelope,
  PREDICATE,
  type Row,
} from '@assay/core';
import type { StreamHead } from './catalogue.ts';

/** What the door needs to know of the world behind it. */
export interface IntakeView {
  /** The DID that may sign a stream; null for a stream that nobody registered. */
  providerOf(stream: string): string | null;
  head(stream: string): StreamHead | null;
  /** Whether a statement is already kept. */
  has(id: string): boolean;
}

/** An observation that was let in: signed by its provider, next in its stream, true to its payload. */
export interface Admitted {
  opened: OpenedEnvelope & { statement: ObservationStatement };
  rows: Row[];
  payload: Uint8Array;
}

/**
 * The door. Lets an observation in only if its provider signed it, it is the next of its stream, and its
 * payload is what it commits to. Whether the data is any good is decided afterwards, and logged either way.
 *
 * @param input A DSSE envelope (parsed or bytes) and its NDJSON payload.
 * @throws PAYLOAD_TOO_LARGE, ENVELOPE_MALFORMED, SIGNATURE_INVALID, STATEMENT_MALFORMED, PROVIDER_UNKNOWN,
 *   BATCH_REPLAYED, BATCH_OUT_OF_ORDER, PAYLOAD_MISMATCH, CANDLE_MALFORMED
 */
export async function admit(
  input: { envelope: unknown; payload: Uint8Array },
  view: IntakeView,
): Promise<Admitted> {
  if (input.payload.length > MAX_PAYLOAD_BYTES) {
    throw new AssayError(
      'PAYLOAD_TOO_LARGE',
      `expected at most ${MAX_PAYLOAD_BYTES} bytes of rows, got ${input.payload.length}`,
      {
        next: 'send the rows in several batches',
      },
    );
  }
  const opened = await openEnvelope(input.envelope);
  if (!isObservation(opened)) {
    throw new AssayError(
      'STATEMENT_MALFORMED',
      `expected an observation, got ${opened.statement.predicateType}`,
      {
        next: `sign a statement with predicateType ${PREDICATE.observation}`,
      },
    );
  }
  checkProvider(opened, view);
  checkPlace(opened, view);
  return { opened, rows: checkPayload(opened, input.payload), payload: input.payload };
}

function isObservation(opened: OpenedEnvelope): opened is Admitted['opened'] {
  return opened.statement.predicateType === PREDICATE.observation;
}

function checkProvider({ statement, signer }: Admitted['opened'], view: IntakeView): void {
  const { stream } = statement.predicate;
  const expected = view.providerOf(stream);
  if (expected === signer) return;
  throw new AssayError(
    'PROVIDER_UNKNOWN',
    expected === null
      ? `no provider is registered for the stream ${stream}`
      : `expected ${stream} to be signed by ${expected}, got ${signer}`,
    {
      next: 'register the provider for this stream, or sign with the registered key',
      detail: { stream, signer },
    },
  );
}

function checkPlace({ id, statement }: Admitted['opened'], view: IntakeView): void {
  const { stream, sequence, previous, period } = statement.predicate;
  if (view.has(id)) {
    throw new AssayError('BATCH_REPLAYED', `this batch is already recorded as ${id}`, {
      next: 'nothing: it was acknowledged before; send the next batch',
      detail: { id },
    });
  }
  const head = view.head(stream);
  const expected = { sequence: (head?.sequence ?? 0) + 1, previous: head?.id ?? null };
  if (sequence !== expected.sequence || previous !== expected.previous) {
    throw new AssayError(
      'BATCH_OUT_OF_ORDER',
      `expected batch ${expected.sequence} of ${stream} after ${expected.previous ?? 'nothing'}, got batch ${sequence} after ${previous ?? 'nothing'}`,
      { next: 'send the batches of a stream one after the other, in order', detail: { stream, ...expected } },
    );
  }
  if (head && period.from < head.to) {
    throw new AssayError(
      'BATCH_OUT_OF_ORDER',
      `expected a period from ${head.to} on, got ${period.from}: it overlaps the batch before`,
      {
        next: 'a correction is a new statement about the old one, not a second batch for the same time',
      },
    );
  }
}

function checkPayload({ statement }: Admitted['opened'], payload: Uint8Array): Row[] {
  const { rows: claimed, period } = statement.predicate;
  const rows = decodePayload(payload);
  for (const [i, row] of rows.entries()) {
    const { time } = checkRow(row, claimed.schema, `row ${i}`, malformedRow) as { time: string };
    if (time < period.from || time >= period.to)
      malformedRow(`row ${i}.time: expected ${period.from} to ${period.to}, got ${time}`);
  }
  if (rows.length === 0) mismatch('expected at least one row, got none');
  // One encoding only: what is stored must be byte for byte what the content identifier names.
  if (encodePayload(rows).length !== payload.length)
    mismatch('expected one canonical JSON row (RFC 8785) a line');
  const { commitment, sha256 } = commitRows(rows, claimed.schema);
  for (const member of ['count', 'root', 'payload', 'bytes'] as const) {
    if (commitment[member] !== claimed[member])
      mismatch(
        `rows.${member}: the payload gives ${commitment[member]}, the statement says ${claimed[member]}`,
      );
  }
  if (statement.subject[0].digest.sha256 !== sha256)
    mismatch(
      `subject: the payload's digest is ${sha256}, the statement says ${statement.subject[0].digest.sha256}`,
    );
  return rows;
}

function malformedRow(message: string): never {
  throw new AssayError('CANDLE_MALFORMED', message, {
    next: 'send every row with the members of its schema, as decimal strings',
  });
}

function mismatch(message: string): never {
  throw new AssayError('PAYLOAD_MISMATCH', message, {
    next: 'build the statement from exactly the payload that you send',
  });
}
