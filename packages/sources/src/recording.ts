import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { AssayError } from '@assay/core';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { STREAMS, type StreamSpec } from './streams.ts';

/** Candles of one stream in columns, ascending in time. NaN stands for what a venue left out or garbled. */
export interface RecordedStream {
  /** Start of each minute, milliseconds since the epoch. */
  times: Float64Array;
  open: Float64Array;
  high: Float64Array;
  low: Float64Array;
  close: Float64Array;
  volume: Float64Array;
}

/** What a replay serves: some or all of the streams. */
export interface Recording {
  streams: Map<string, RecordedStream>;
  startMs: number;
  /** End of the last minute. */
  endMs: number;
}

const COLUMNS = ['open', 'high', 'low', 'close', 'volume'] as const;

/**
 * Reads a folder of Parquet files named `<venue>_<base><quote>.parquet` with `timestamp` (UTC) and
 * `open, high, low, close, volume`; other columns are the venue's own and ignored.
 *
 * @throws RECORDING_NOT_FOUND, RECORDING_INVALID naming the file and the column.
 */
export async function readRecording(folder: string): Promise<Recording> {
  if (!existsSync(folder)) {
    throw new AssayError('RECORDING_NOT_FOUND', `there is no folder ${folder}`, {
      next: 'name a folder of Parquet files with --replay',
    });
  }
  const files = STREAMS.map((stream) => ({ stream, file: join(folder, fileName(stream)) })).filter(
    ({ file }) => existsSync(file),
  );
  if (files.length === 0) {
    throw new AssayError(
      'RECORDING_NOT_FOUND',
      `${folder} holds none of ${STREAMS.map(fileName).join(', ')}`,
      {
        next: 'record at least one of these streams, or use --source simulated',
      },
    );
  }
  const connection = await (await DuckDBInstance.create(':memory:')).connect();
  try {
    const streams = new Map<string, RecordedStream>();
    for (const { stream, file } of files) streams.set(stream.name, await readStream(connection, file));
    return spanOf(streams);
  } finally {
    connection.closeSync();
  }
}

/** A recording from its streams, with the time that they span together. */
export function spanOf(streams: Map<string, RecordedStream>): Recording {
  const all = [...streams.values()];
  return {
    streams,
    startMs: Math.min(...all.map(({ times }) => times[0]!)),
    endMs: Math.max(...all.map(({ times }) => times.at(-1)!)) + 60_000,
  };
}

async function readStream(connection: DuckDBConnection, file: string): Promise<RecordedStream> {
  const source = `read_parquet('${file.replaceAll("'", "''")}')`;
  const invalid = (what: string, cause?: unknown) =>
    new AssayError('RECORDING_INVALID', `${file}: ${what}`, {
      next: 'record timestamp, open, high, low, close and volume',
      cause,
    });
  const found = await connection
    .runAndReadAll(`SELECT column_name FROM (DESCRIBE SELECT * FROM ${source})`)
    .catch((cause) => {
      throw invalid('not a readable Parquet file', cause);
    });
  const names = found.getRowsJson().map(([name]) => name);
  const missing = ['timestamp', ...COLUMNS].filter((column) => !names.includes(column));
  if (missing.length > 0)
    throw invalid(`expected the columns timestamp, ${COLUMNS.join(', ')}; missing: ${missing.join(', ')}`);
  const result = await connection
    .runAndReadAll(
      `SELECT epoch_ms("timestamp")::DOUBLE AS time, ${COLUMNS.map((column) => `"${column}"::DOUBLE AS "${column}"`).join(', ')}
       FROM ${source} WHERE "timestamp" IS NOT NULL ORDER BY 1`,
    )
    .catch((cause) => {
      throw invalid(`expected a time and numbers: ${(cause as Error).message.split('\n')[0]}`, cause);
    });
  const [times, ...columns] = result
    .getColumns()
    .map((values) => Float64Array.from(values, (value) => (value === null ? Number.NaN : Number(value))));
  if (!times || times.length === 0) throw invalid('there are no rows');
  return {
    times,
    ...(Object.fromEntries(COLUMNS.map((column, i) => [column, columns[i]!])) as Omit<
      RecordedStream,
      'times'
    >),
  };
}

function fileName({ venue, base, quote }: StreamSpec): string {
  return `${venue}_${base}${quote}.parquet`.toLowerCase();
}
