import { existsSync, readFileSync, statSync } from 'node:fs';
import { basename, extname } from 'node:path';
import {
  AssayError,
  base64Encode,
  canonicalJson,
  commitRows,
  digestHex,
  type FileRow,
  MAX_FILES_BYTES,
  makeStatement,
  normaliseDecimal,
  type ObservationStatement,
  type Row,
  type RowSchema,
  signStatement,
} from '@assay/core';
import { type Command, usageError } from './command.ts';
import { askNode, instantNow, NODE_OPTIONS, SIGNER_OPTIONS, signerFrom } from './node-client.ts';

const USAGE =
  'submit <file> --stream <name> --key <device.key> [--metadata <m.json>] [--media-type <type>] | submit <rows.ndjson> --readings --stream <name> --key <device.key>  [--time <instant>] [--node <url>] [--json]';

const MEDIA_TYPES: Record<string, string> = {
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.jpeg': 'image/jpeg',
  '.webp': 'image/webp',
  '.gif': 'image/gif',
  '.tif': 'image/tiff',
  '.tiff': 'image/tiff',
  '.pdf': 'application/pdf',
  '.txt': 'text/plain',
  '.md': 'text/markdown',
  '.html': 'text/html',
  '.json': 'application/json',
  '.csv': 'text/csv',
};

/** By the file's name; a detector looks at the bytes. */
export function mediaTypeOf(file: string): string {
  return MEDIA_TYPES[extname(file).toLowerCase()] ?? 'application/octet-stream';
}

interface Head {
  id: string;
  sequence: number;
  to: string;
}

/** Signs a file, or a device's readings, as the next observation of a stream, and sends it. */
export const submitCommand: Command = {
  usage: USAGE,
  options: {
    ...NODE_OPTIONS,
    ...SIGNER_OPTIONS,
    stream: { type: 'string' },
    metadata: { type: 'string' },
    'media-type': { type: 'string' },
    readings: { type: 'boolean' },
    time: { type: 'string' },
  },
  async run({ positionals: [file, ...more], values }) {
    const { stream } = values;
    if (file === undefined || more.length > 0 || typeof stream !== 'string')
      throw usageError('expected one file and --stream', `assay ${USAGE}`);
    const signer = await signerFrom(values, USAGE);
    const { head } = await askNode<{ head: Head | null }>(
      values,
      `/v1/streams/${encodeURIComponent(stream)}/head`,
    );
    const bytes = readBytes(file);
    const at = timeFrom(values.time as string | undefined, head);
    const { rows, schema, attachments } = values.readings
      ? { rows: readingsIn(bytes, file), schema: 'reading/v1' as RowSchema, attachments: [] }
      : { rows: [fileRow(file, bytes, at, values)], schema: 'file/v1' as RowSchema, attachments: [bytes] };
    const times = rows.map((row) => String((row as { time?: unknown }).time)).sort();
    const { commitment, payload, sha256 } = commitRows(rows, schema);
    const period = { from: times[0]!, to: secondAfter(times.at(-1)!) };
    const statement: ObservationStatement = makeStatement(
      'observation',
      { name: `${stream}/${period.from}`, sha256 },
      {
        stream,
        source: {
          mode: 'live',
          venue: signer.did.slice(0, 100),
          instrument: stream.slice(0, 100),
          interval: 'irregular',
          adapter: 'assay-submit/1',
        },
        sequence: (head?.sequence ?? 0) + 1,
        previous: head?.id ?? null,
        observedAt: instantNow(),
        period,
        gaps: [],
        rows: commitment,
      },
    ) as ObservationStatement;
    const { envelope } = await signStatement(statement, signer);
    const recorded = await askNode<{ id: string; index: number; verdict: string }>(
      values,
      '/v1/observations',
      {
        method: 'POST',
        body: {
          envelope,
          payload: base64Encode(payload),
          ...(attachments.length === 0 ? {} : { attachments: attachments.map(base64Encode) }),
        },
      },
    );
    if (values.json) console.log(JSON.stringify(recorded));
    else
      console.log(
        `recorded as ${recorded.id}, entry ${recorded.index} of the log; what the checks said: assay records --stream ${stream}, or /v1/records/${recorded.id}`,
      );
    return 0;
  },
};

function readBytes(file: string): Uint8Array {
  if (!existsSync(file) || !statSync(file).isFile())
    throw new AssayError('NOT_FOUND', `there is no file ${file}`, { next: 'name a file' });
  const { size } = statSync(file);
  if (size > MAX_FILES_BYTES) {
    throw new AssayError('PAYLOAD_TOO_LARGE', `expected at most ${MAX_FILES_BYTES} bytes, got ${size}`, {
      next: 'send a smaller file, or its digest as metadata of one',
    });
  }
  return new Uint8Array(readFileSync(file));
}

function fileRow(
  file: string,
  bytes: Uint8Array,
  time: string,
  values: Record<string, string | boolean | undefined>,
): FileRow {
  const { metadata } = values;
  const mediaType = (values['media-type'] as string | undefined) ?? mediaTypeOf(file);
  return {
    time,
    name: basename(file),
    mediaType,
    bytes: String(bytes.length),
    sha256: digestHex(bytes),
    metadata: metadata === undefined ? '{}' : metadataIn(String(metadata)),
  };
}

/** What is declared of a file, in canonical JSON. */
export function metadataIn(file: string): string {
  const bytes = readBytes(file);
  try {
    return canonicalJson(JSON.parse(Buffer.from(bytes).toString('utf8')));
  } catch (cause) {
    throw new AssayError('ARGUMENT_INVALID', `${file}: expected JSON: ${(cause as Error).message}`, {
      next: 'write what is known of the file as one JSON object',
    });
  }
}

function readingsIn(bytes: Uint8Array, file: string): Row[] {
  try {
    const lines = Buffer.from(bytes)
      .toString('utf8')
      .split('\n')
      .filter((line) => line.trim() !== '');
    const rows = lines.map((line) => canonical(JSON.parse(line)));
    if (rows.length > 0 && rows.every((row) => typeof (row as { time?: unknown }).time === 'string'))
      return rows;
  } catch {
    // Told below.
  }
  throw new AssayError('ROW_MALFORMED', `${file}: expected one JSON object a line, each with its time`, {
    next: 'for example {"temperature":"21.5","time":"2023-03-11T07:00:00Z"}',
  });
}

/** Numbers as the log writes them: `21.50` and 21.5 are "21.5". What is no number stays for the door to judge. */
function canonical(row: object): Row {
  const entries = Object.entries(row).map(([name, value]) => {
    if (name === 'time' || (typeof value !== 'string' && typeof value !== 'number')) return [name, value];
    try {
      return [name, normaliseDecimal(String(value))];
    } catch {
      return [name, value];
    }
  });
  return Object.fromEntries(entries) as Row;
}

/** Now, or just after what the stream has already: two files within a second are two periods. */
function timeFrom(given: string | undefined, head: Head | null): string {
  if (given !== undefined) return given;
  const now = instantNow();
  return head !== null && now < head.to ? head.to : now;
}

function secondAfter(time: string): string {
  const ms = Date.parse(time);
  if (Number.isNaN(ms))
    throw new AssayError(
      'ROW_MALFORMED',
      `expected a time like 2023-03-11T07:00:00Z, got ${time.slice(0, 40)}`,
    );
  return `${new Date(ms + 1000).toISOString().slice(0, 19)}Z`;
}
