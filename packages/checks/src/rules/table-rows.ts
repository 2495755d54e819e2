import { fromScaled, normaliseDecimal, type Row } from '@assay/core';
import type { Cell, TableColumn } from './cells.ts';
import { cellFrom } from './sql-evaluator.ts';
import type { Table } from './table-file.ts';

/**
 * The rows of a file as a stream has them: numbers as decimal texts, times in RFC 3339, so that detectors judge a file
 * as they judge observations. Batch by batch, in the order of the file.
 *
 * @param size rows of a batch; the last one may have fewer.
 * @example
 * for await (const rows of tableRows(table, 1_000)) console.log(rows.length);
 */
export async function* tableRows(table: Table, size: number): AsyncGenerator<Row[]> {
  const values = table.columns.map(({ sql }, place) => `${sql} AS c${place}`).join(', ');
  const raws = table.columns.map(({ raw }, place) => `${raw} AS r${place}`).join(', ');
  let batch: Row[] = [];
  for await (const chunk of table.chunks(`SELECT ${values} FROM (SELECT ${raws} FROM ${table.source})`)) {
    for (const row of chunk) {
      const entries = table.columns.map((column, i) => [
        column.name,
        textOf(column, cellFrom(column, row[i])),
      ]);
      batch.push(Object.fromEntries(entries) as Row);
      if (batch.length < size) continue;
      yield batch;
      batch = [];
    }
  }
  if (batch.length > 0) yield batch;
}

function textOf({ kind, scale }: TableColumn, cell: Cell): string | null {
  if (cell === null) return null;
  switch (kind) {
    case 'decimal':
      return fromScaled(BigInt(cell as number | bigint), scale);
    case 'timestamp':
    case 'date':
      return instantOf(BigInt(cell as number | bigint));
    case 'double':
      return decimalOf(cell as number);
    default:
      return String(cell);
  }
}

/** Years 0000 to 9999, which RFC 3339 can write. */
const FIRST_MS = -62_167_219_200_000;
const LAST_MS = 253_402_300_799_999;

/** Microseconds since 1970 in RFC 3339, without digits that say nothing; an instant beyond it stays a number. */
function instantOf(micros: bigint): string {
  const rest = ((micros % 1000n) + 1000n) % 1000n;
  const ms = Number((micros - rest) / 1000n);
  if (ms < FIRST_MS || ms > LAST_MS) return String(micros);
  const text = new Date(ms).toISOString();
  const fraction = `${text.slice(20, 23)}${String(rest).padStart(3, '0')}`.replace(/0+$/, '');
  return `${text.slice(0, 19)}${fraction === '' ? '' : `.${fraction}`}Z`;
}

/** A double in its shortest spelling; one too large or too small for a decimal stays as it is, for who reads it to refuse. */
function decimalOf(value: number): string {
  try {
    return normaliseDecimal(Number.isFinite(value) ? value.toString() : 'NaN');
  } catch {
    return String(value);
  }
}
