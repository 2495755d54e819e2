import { open } from 'node:fs/promises';
import { AssayError } from '@assay/core';
import {
  BIGINT,
  BLOB,
  BOOLEAN,
  DATE,
  DECIMAL,
  DOUBLE,
  DuckDBBlobValue,
  type DuckDBConnection,
  DuckDBDataChunk,
  DuckDBDateValue,
  DuckDBDecimalValue,
  DuckDBTimestampValue,
  type DuckDBType,
  type DuckDBValue,
  FLOAT,
  INTEGER,
  SMALLINT,
  TIMESTAMP,
  TINYINT,
  UBIGINT,
  UINTEGER,
  USMALLINT,
  UTINYINT,
  VARCHAR,
} from '@duckdb/node-api';
import { DataType, type Field, RecordBatchReader, TimeUnit, type Vector } from 'apache-arrow';

/** DuckDB's vectors hold 2048 values. */
const CHUNK = 2048;

/**
 * Reads an Arrow IPC file or stream into a table of DuckDB, one record batch at a time; its columns are `c0`, `c1` …
 *
 * @returns the columns' own names.
 * @throws TABLE_MALFORMED when it is no Arrow, or compressed.
 */
export async function loadArrow(
  path: string,
  connection: DuckDBConnection,
  table: string,
): Promise<string[]> {
  // A handle, not a stream: a file of Arrow is read from its end.
  const file = await open(path);
  try {
    const reader = await RecordBatchReader.from(file);
    // A reader that destroys itself forgets its schema.
    await reader.open({ autoDestroy: false });
    const columns = reader.schema.fields.map(columnOf);
    await connection.run(
      `CREATE TEMP TABLE ${table} (${columns.map(({ type }, i) => `c${i} ${type}`).join(', ')})`,
    );
    const appender = await connection.createAppender(table);
    for await (const batch of reader) {
      const vectors = columns.map((_, i) => batch.getChildAt(i));
      for (let from = 0; from < batch.numRows; from += CHUNK) {
        const to = Math.min(from + CHUNK, batch.numRows);
        const chunk = DuckDBDataChunk.create(columns.map(({ type }) => type));
        chunk.setColumns(columns.map(({ read }, c) => cells(vectors[c] ?? null, read, from, to)));
        appender.appendDataChunk(chunk);
      }
      appender.flushSync();
    }
    appender.closeSync();
    return reader.schema.fields.map(({ name }) => name);
  } catch (cause) {
    if (cause instanceof AssayError) throw cause;
    throw new AssayError(
      'TABLE_MALFORMED',
      `${path}: expected Arrow IPC, got something that says: ${(cause as Error).message.slice(0, 200)}`,
      {
        next: 'write it without compression, or as Parquet',
        cause,
      },
    );
  } finally {
    await file.close().catch(() => undefined);
  }
}

function cells(
  vector: Vector | null,
  read: (value: never) => DuckDBValue,
  from: number,
  to: number,
): DuckDBValue[] {
  const out: DuckDBValue[] = [];
  for (let i = from; i < to; i++) {
    const value = vector?.get(i);
    out.push(value === null || value === undefined ? null : read(value as never));
  }
  return out;
}

function columnOf({ type }: Field): { type: DuckDBType; read: (value: never) => DuckDBValue } {
  const same = (value: DuckDBValue) => value;
  if (DataType.isDictionary(type)) return columnOf({ type: type.dictionary } as Field);
  if (DataType.isInt(type)) {
    const signed = { 8: TINYINT, 16: SMALLINT, 32: INTEGER, 64: BIGINT } as const;
    const unsigned = { 8: UTINYINT, 16: USMALLINT, 32: UINTEGER, 64: UBIGINT } as const;
    return { type: (type.isSigned ? signed : unsigned)[type.bitWidth as 8], read: same };
  }
  if (DataType.isFloat(type)) return { type: type.precision === 2 ? DOUBLE : FLOAT, read: same };
  if (DataType.isUtf8(type) || DataType.isLargeUtf8(type)) return { type: VARCHAR, read: same };
  if (DataType.isBool(type)) return { type: BOOLEAN, read: same };
  // The library gives milliseconds for dates and timestamps.
  if (DataType.isDate(type))
    return { type: DATE, read: (ms: number) => new DuckDBDateValue(Math.floor(ms / 86_400_000)) };
  if (DataType.isTimestamp(type) && type.unit !== TimeUnit.NANOSECOND) {
    return { type: TIMESTAMP, read: (ms: number) => new DuckDBTimestampValue(BigInt(Math.round(ms * 1000))) };
  }
  if (DataType.isDecimal(type) && type.bitWidth === 128) {
    const { precision, scale } = type;
    return {
      type: DECIMAL(precision, scale),
      read: (words: Uint32Array) => new DuckDBDecimalValue(unscaled(words), precision, scale),
    };
  }
  if (DataType.isBinary(type)) return { type: BLOB, read: (bytes: Uint8Array) => new DuckDBBlobValue(bytes) };
  // Nested values are there or not; nothing else is asked of them.
  return {
    type: VARCHAR,
    read: (value: unknown) =>
      String(JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? String(part) : part))),
  };
}

/** Two's complement of 128 bits, least word first. */
function unscaled(words: Uint32Array): bigint {
  const value = words.reduce((sum, word, i) => sum | (BigInt(word) << BigInt(32 * i)), 0n);
  return BigInt.asIntN(128, value);
}
