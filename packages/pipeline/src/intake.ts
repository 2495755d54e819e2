import {
  AssayError,
  checkRow,
  commitRows,
  decodePayload,
  digestHex,
  encodePayload,
  type FileRow,
  MAX_FILES,
  MAX_FILES_BYTES,
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
  /** Contents of the files that `file/v1` rows name, by their SHA-256. */
  files: ReadonlyMap<string, Uint8Array>;
}

/**
 * The door. Lets an observation in only if its provider signed it, it is the next of its stream, and its
 * payload is what it commits to. Whether the data is any good is decided afterwards, and logged either way.
 *
 * @param input A DSSE envelope (parsed or bytes), its NDJSON payload, and the contents of the files that its rows name.
 * @throws PAYLOAD_TOO_LARGE, ENVELOPE_MALFORMED, SIGNATURE_INVALID, STATEMENT_MALFORMED, PROVIDER_UNKNOWN,
 *   BATCH_REPLAYED, BATCH_OUT_OF_ORDER, PAYLOAD_MISMATCH, CANDLE_MALFORMED, ROW_MALFORMED
 */
export async function admit(
  input: { envelope: unknown; payload: Uint8Array; attachments?: readonly Uint8Array[] },
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
  const rows = checkPayload(opened, input.payload);
  const files = checkFiles(opened, rows, input.attachments ?? []);
  return { opened, rows, payload: input.payload, files };
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
  const malformedRow = claimed.schema === 'candle/v1' ? malformedCandle : malformedOther;
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

/** Every file that a row names came with it, whole, and nothing else did. */
function checkFiles(
  { statement }: Admitted['opened'],
  rows: readonly Row[],
  attachments: readonly Uint8Array[],
): Map<string, Uint8Array> {
  const total = attachments.reduce((sum, { length }) => sum + length, 0);
  if (attachments.length > MAX_FILES || total > MAX_FILES_BYTES) {
    throw new AssayError(
      'PAYLOAD_TOO_LARGE',
      `expected at most ${MAX_FILES} files and ${MAX_FILES_BYTES} bytes of them, got ${attachments.length} and ${total}`,
      { next: 'send the files in several observations' },
    );
  }
  const came = new Map(attachments.map((bytes) => [digestHex(bytes), bytes]));
  const files = new Map<string, Uint8Array>();
  if (statement.predicate.rows.schema === 'file/v1') {
    if (rows.length > MAX_FILES) mismatch(`expected at most ${MAX_FILES} files, got ${rows.length}`);
    for (const [i, row] of (rows as FileRow[]).entries()) {
      const bytes = came.get(row.sha256);
      if (!bytes) return mismatch(`row ${i}: no attachment has the digest ${row.sha256}`);
      if (String(bytes.length) !== row.bytes)
        mismatch(`row ${i}.bytes: the attachment has ${bytes.length}, the row says ${row.bytes}`);
      files.set(row.sha256, bytes);
    }
  }
  if (files.size !== attachments.length)
    mismatch(
      `expected an attachment for each file that a row names, got ${attachments.length} for ${files.size}`,
    );
  return files;
}

function malformedCandle(message: string): never {
  throw new AssayError('CANDLE_MALFORMED', message, {
    next: 'send every row with the members of its schema, as decimal strings',
  });
}

function malformedOther(message: string): never {
  throw new AssayError('ROW_MALFORMED', message, {
    next: 'compare the row with its schema in packages/core/schemas',
  });
}

function mismatch(message: string): never {
  throw new AssayError('PAYLOAD_MISMATCH', message, {
    next: 'build the statement from exactly the payload that you send',
  });
}
