import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { createGunzip } from 'node:zlib';
import { AssayError, excerpt } from '@assay/core';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { loadArrow } from './arrow-file.ts';
import type { TableColumn } from './cells.ts';
import type { Column } from './contract.ts';
import { typedColumn } from './typed-column.ts';

export const TABLE_FORMATS = ['csv', 'tsv', 'parquet', 'json', 'ndjson', 'arrow'] as const;
export type TableFormat = (typeof TABLE_FORMATS)[number];

export interface TableOptions {
  format?: TableFormat;
  /** What a contract says of the columns: their types are read by it. */
  columns?: readonly Column[];
  /** Of a text file; else UTF-8, or UTF-16 where the file begins with its mark. */
  encoding?: 'utf-8' | 'utf-16' | 'latin-1';
  /** Sees dates and times in untyped text where no contract speaks; Great Expectations leaves them text. */
  seeDates?: boolean;
  /** DuckDB's `memory_limit`: what does not fit is written to `tempDirectory`. */
  memoryLimit?: string;
  tempDirectory?: string;
  threads?: number;
  /** Each query is stopped after so long: a small file can unfold to a large table. */
  maxSeconds?: number;
}

/** A column of a file with the SQL that reads it as what the contract says. */
export interface FileColumn extends TableColumn {
  /** Value in its kind, over the alias `r<place>` of the raw column. */
  sql: string;
  /** Whether a value is there that is not of the promised type; null where that cannot be. */
  misfit: string | null;
  /** The raw column's quoted name. */
  raw: string;
}

/** A file that DuckDB reads, and nothing else: its connection reaches no other file, no network and no setting. */
export interface Table {
  format: TableFormat;
  columns: FileColumn[];
  /** What stands after FROM. */
  source: string;
  /** Place of a row, from 0, among the source's columns. */
  rowNumber: string;
  connection: DuckDBConnection;
  /** Runs a query, for at most `maxSeconds`. */
  query(sql: string, values?: unknown[]): Promise<unknown[][]>;
  /** Rows of a query, chunk by chunk. */
  chunks(sql: string, values?: unknown[]): AsyncGenerator<unknown[][]>;
  close(): void;
}

/** Formats in which a type is part of the file. */
const TYPED: readonly TableFormat[] = ['parquet', 'arrow'];
const MAX_COLUMNS = 4_000;
const MAX_HEADER_BYTES = 1024 * 1024;
const MAX_OBJECT_BYTES = 16 * 1024 * 1024;
/** As pandas reads text: dates stay text. */
const PLAIN_TYPES = "auto_type_candidates=['BOOLEAN', 'BIGINT', 'DOUBLE', 'VARCHAR']";

/**
 * Opens a file as a table. Reading is bounded in memory (512 MB unless told otherwise; larger states are written to a
 * temporary folder) and in time.
 *
 * @throws TABLE_MALFORMED with the line of what is wrong, ENCODING_INVALID, NOT_FOUND.
 */
export async function openTable(path: string, options: TableOptions = {}): Promise<Table> {
  const info = await stat(path).catch(() => null);
  if (!info?.isFile())
    throw new AssayError('NOT_FOUND', `there is no file ${path}`, { next: 'check the path' });
  if (info.size === 0) throw malformed(`${path} is empty: expected a table, got 0 bytes`);
  const head = await readHead(path);
  const format = options.format ?? formatOf(path, head);
  const instance = await DuckDBInstance.create(':memory:', {
    threads: String(options.threads ?? 2),
    memory_limit: options.memoryLimit ?? '512MB',
    preserve_insertion_order: 'true',
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    allow_community_extensions: 'false',
    ...(options.tempDirectory === undefined
      ? {}
      : { temp_directory: options.tempDirectory, max_temp_directory_size: '20GB' }),
  });
  const connection = await instance.connect();
  const close = () => {
    connection.closeSync();
    instance.closeSync();
  };
  try {
    await connection.run("SET TimeZone = 'UTC'");
    const run = runner(connection, options.maxSeconds ?? 600);
    const loaded = await load({ path, format, head, options, connection, run });
    await lock(connection, path, options.tempDirectory);
    return { format, ...loaded, connection, query: run.query, chunks: run.chunks, close };
  } catch (error) {
    close();
    throw readable(error, path);
  }
}

/** After this the connection reads this file and nothing else, and nobody can undo that. */
async function lock(
  connection: DuckDBConnection,
  path: string,
  tempDirectory: string | undefined,
): Promise<void> {
  await connection.run(`SET allowed_paths = [${quoteText(path)}]`);
  if (tempDirectory !== undefined)
    await connection.run(`SET allowed_directories = [${quoteText(tempDirectory)}]`);
  await connection.run('SET enable_external_access = false');
  await connection.run('SET lock_configuration = true');
}

interface Run {
  query(sql: string, values?: unknown[]): Promise<unknown[][]>;
  chunks(sql: string, values?: unknown[]): AsyncGenerator<unknown[][]>;
}

function runner(connection: DuckDBConnection, maxSeconds: number): Run {
  const guarded = async <T>(action: () => Promise<T>): Promise<T> => {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      connection.interrupt();
    }, maxSeconds * 1000);
    try {
      return await action();
    } catch (error) {
      throw late
        ? new AssayError(
            'PAYLOAD_TOO_LARGE',
            `stopped after ${maxSeconds} s: the table is larger than can be checked in that time`,
            { next: 'allow more time with --max-seconds' },
          )
        : error;
    } finally {
      clearTimeout(timer);
    }
  };
  return {
    query: (sql, values) =>
      guarded(async () => (await connection.runAndReadAll(sql, values as never)).getRows()),
    async *chunks(sql, values) {
      const result = await guarded(() => connection.stream(sql, values as never));
      const until = performance.now() + maxSeconds * 1000;
      for (;;) {
        const chunk = await guarded(() => result.fetchChunk());
        if (!chunk || chunk.rowCount === 0) return;
        yield chunk.getRows();
        if (performance.now() > until)
          throw new AssayError('PAYLOAD_TOO_LARGE', `stopped after ${maxSeconds} s`, {
            next: 'allow more time with --max-seconds',
          });
      }
    },
  };
}

interface Loading {
  path: string;
  format: TableFormat;
  head: Uint8Array;
  options: TableOptions;
  connection: DuckDBConnection;
  run: Run;
}

type Loaded = Pick<Table, 'columns' | 'source' | 'rowNumber'>;

async function load(loading: Loading): Promise<Loaded> {
  switch (loading.format) {
    case 'parquet':
      return loadParquet(loading);
    case 'arrow':
      return loadArrowTable(loading);
    case 'csv':
    case 'tsv':
      return loadCsv(loading);
    default:
      return loadJson(loading);
  }
}

async function loadParquet({ path, run, options }: Loading): Promise<Loaded> {
  // The reader renames a second column of one name, which would hide it.
  const names = await run.query(`SELECT name, num_children FROM parquet_schema(${quoteText(path)})`);
  distinct(topLevel(names as [string, number | null][]), path);
  const source = `read_parquet(${quoteText(path)}, file_row_number = true)`;
  const raw = (await describe(run, source)).filter(([name]) => name !== 'file_row_number');
  return { columns: columnsFor(raw, 'parquet', options), source, rowNumber: 'file_row_number' };
}

/** Names of a Parquet schema's first level: it is listed depth first. */
function topLevel(names: [string, number | bigint | null][]): string[] {
  const found: string[] = [];
  let at = 1;
  const skip = (): void => {
    const children = Number(names[at++]?.[1] ?? 0);
    for (let i = 0; i < children; i++) skip();
  };
  while (at < names.length) {
    found.push(names[at]![0]);
    skip();
  }
  return found;
}

async function loadArrowTable({ path, connection, run, options }: Loading): Promise<Loaded> {
  const names = await loadArrow(path, connection, 'arrow_rows');
  distinct(names, path);
  const raw = (await describe(run, 'arrow_rows')).map(([, type], i): [string, string] => [names[i]!, type]);
  const columns = columnsFor(raw, 'arrow', options).map((column, i) => ({ ...column, raw: `c${i}` }));
  return { columns, source: 'arrow_rows', rowNumber: 'rowid' };
}

async function loadCsv(loading: Loading): Promise<Loaded> {
  const { path, format, head, options, run } = loading;
  const encoding = options.encoding ?? encodingOf(head);
  const text = new TextDecoder(encoding === 'latin-1' ? 'latin1' : encoding, { fatal: false }).decode(head);
  const delimiter = format === 'tsv' ? '\t' : delimiterOf(text);
  const names = headerOf(text, delimiter, path);
  distinct(names, path);
  const common = `${quoteText(path)}, delim = ${quoteText(delimiter)}, quote = '"', escape = '"', header = true, strict_mode = true, comment = '', encoding = ${quoteText(encoding)}`;
  const texts = names.filter(
    (name) => options.columns?.find((column) => column.fileName === name)?.logicalType === 'string',
  );
  const types =
    texts.length === 0
      ? ''
      : `, types = {${texts.map((name) => `${quoteText(name)}: 'VARCHAR'`).join(', ')}}`;
  const candidates = options.seeDates || options.columns ? '' : `, ${PLAIN_TYPES}`;
  const guessed = (sample: number) =>
    `read_csv(${common}, names = [${names.map(quoteText).join(', ')}]${types}${candidates}, sample_size = ${sample})`;
  const plain = `read_csv(${common}, auto_detect = false, columns = {${names.map((name) => `${quoteText(name)}: 'VARCHAR'`).join(', ')}})`;
  // Types are guessed from a sample; where a later row disproves the guess, from all rows.
  for (const sample of [20_480, -1]) {
    try {
      const raw = await describe(run, guessed(sample));
      const source = guessed(sample);
      if (sample === 20_480)
        await run.query(
          `SELECT ${raw.map(([name]) => `count(${quoteName(name)})`).join(', ')} FROM ${source}`,
        );
      return {
        columns: columnsFor(raw, format, options),
        source: numbered(source),
        rowNumber: 'row_number_',
      };
    } catch (error) {
      if (error instanceof AssayError) throw error;
      if (/sniffing/i.test((error as Error).message) || !/convert/i.test((error as Error).message)) break;
    }
  }
  // Read plainly it says the line.
  await run.query(`SELECT ${names.map((name) => `count(${quoteName(name)})`).join(', ')} FROM ${plain}`);
  const raw = await describe(run, plain);
  return { columns: columnsFor(raw, format, options), source: numbered(plain), rowNumber: 'row_number_' };
}

async function loadJson({ path, format, head, options, run }: Loading): Promise<Loaded> {
  const encoding = options.encoding ?? encodingOf(head);
  if (encoding !== 'utf-8')
    throw new AssayError('ENCODING_INVALID', `${path}: expected JSON in UTF-8, got ${encoding}`, {
      next: 'convert the file to UTF-8 (RFC 8259)',
    });
  const layout = format === 'ndjson' ? 'newline_delimited' : 'auto';
  const common = `${quoteText(path)}, format = '${layout}', records = true, maximum_object_size = ${MAX_OBJECT_BYTES}`;
  let raw: [string, string][] = [];
  for (const sample of [20_480, -1]) {
    const guessed = `read_json(${common}, sample_size = ${sample})`;
    raw = await describe(run, guessed);
    // A contract's columns are read as they stand, so that 5 and "5" are told apart; dates stay text.
    const types = raw.map(([name, type]): [string, string] => {
      const declared = options.columns?.find((column) => column.fileName === name)?.logicalType;
      if (declared && !['object', 'array'].includes(declared)) return [name, 'JSON'];
      return [name, !options.seeDates && /^(DATE|TIME|UUID)/.test(type) ? 'VARCHAR' : type];
    });
    const missing = options.columns?.filter(({ fileName }) => !raw.some(([name]) => name === fileName)) ?? [];
    const source = `read_json(${common}, columns = {${types.map(([name, type]) => `${quoteText(name)}: ${quoteText(type)}`).join(', ')}})`;
    try {
      if (sample === 20_480)
        await run.query(
          `SELECT count(*), ${types.map(([name]) => `count(${quoteName(name)})`).join(', ')} FROM ${source}`,
        );
      if (sample === 20_480 && missing.length > 0 && raw.length > 0) continue;
      return {
        columns: columnsFor(types, format, options),
        source: numbered(source),
        rowNumber: 'row_number_',
      };
    } catch (error) {
      if (
        sample === -1 ||
        error instanceof AssayError ||
        !/cast|convert|transform/i.test((error as Error).message)
      )
        throw error;
    }
  }
  throw malformed(`${path}: no table was found in it`);
}

/** Numbers the rows as they stand: DuckDB streams a window without an order in the order of the file. */
function numbered(source: string): string {
  return `(SELECT row_number() OVER () - 1 AS row_number_, * FROM ${source})`;
}

async function describe(run: Run, source: string): Promise<[string, string][]> {
  const rows = await run.query(`DESCRIBE SELECT * FROM ${source}`);
  if (rows.length > MAX_COLUMNS)
    throw malformed(`expected at most ${MAX_COLUMNS} columns, got ${rows.length}`);
  return rows.map(([name, type]) => [String(name), String(type)]);
}

function columnsFor(raw: [string, string][], format: TableFormat, options: TableOptions): FileColumn[] {
  return raw.map(([fileName, type], place) => {
    const declared = options.columns?.find((column) => column.fileName === fileName);
    return {
      ...typedColumn({ type, typed: TYPED.includes(format), place, declared }),
      name: declared?.name ?? fileName,
      raw: quoteName(fileName),
    };
  });
}

/** An identifier: whatever stands in it stays a name. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A text literal. DuckDB's have no escapes but the doubled quote. */
export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

function distinct(names: readonly string[], path: string): void {
  const seen = new Map<string, number>();
  names.forEach((name, i) => {
    // DuckDB's names are equal whatever their case.
    const first = seen.get(name.toLowerCase());
    if (first !== undefined)
      throw malformed(
        `${path}: expected a name of its own for each column, got ${excerpt(name)} for columns ${first + 1} and ${i + 1}`,
      );
    seen.set(name.toLowerCase(), i);
  });
}

function malformed(message: string): AssayError {
  return new AssayError('TABLE_MALFORMED', message, {
    next: 'correct the file, or say its format with --format',
  });
}

async function readHead(path: string): Promise<Uint8Array> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(new Uint8Array(MAX_HEADER_BYTES), 0, MAX_HEADER_BYTES, 0);
    const head = buffer.subarray(0, bytesRead);
    if (head[0] !== 0x1f || head[1] !== 0x8b) return head;
  } finally {
    await file.close();
  }
  const unpacked: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const part of createReadStream(path).pipe(createGunzip())) {
      unpacked.push(part as Uint8Array);
      size += (part as Uint8Array).length;
      if (size >= MAX_HEADER_BYTES) break;
    }
  } catch (cause) {
    throw new AssayError('TABLE_MALFORMED', `${path}: expected gzip, got a damaged stream`, {
      next: 'fetch the file again',
      cause,
    });
  }
  return Buffer.concat(unpacked).subarray(0, MAX_HEADER_BYTES);
}

function formatOf(path: string, head: Uint8Array): TableFormat {
  const magic = Buffer.from(head.subarray(0, 6)).toString('latin1');
  if (magic.startsWith('PAR1')) return 'parquet';
  if (magic === 'ARROW1') return 'arrow';
  const name = path.toLowerCase().replace(/\.(gz|zst)$/, '');
  const ending = name.slice(name.lastIndexOf('.') + 1);
  const known: Record<string, TableFormat> = {
    csv: 'csv',
    tsv: 'tsv',
    txt: 'csv',
    parquet: 'parquet',
    json: 'json',
    ndjson: 'ndjson',
    jsonl: 'ndjson',
    arrow: 'arrow',
    arrows: 'arrow',
    feather: 'arrow',
    ipc: 'arrow',
  };
  if (Object.hasOwn(known, ending)) return known[ending]!;
  const start = Buffer.from(head.subarray(0, 64)).toString('utf8').trimStart();
  if (start.startsWith('[') || start.startsWith('{')) return 'json';
  throw new AssayError(
    'ARGUMENT_INVALID',
    `${path}: expected a file of format ${TABLE_FORMATS.join(', ')}, got another name`,
    { next: 'say the format with --format' },
  );
}

function encodingOf(head: Uint8Array): 'utf-8' | 'utf-16' {
  const mark = (head[0]! << 8) | (head[1] ?? 0);
  return mark === 0xfffe || mark === 0xfeff ? 'utf-16' : 'utf-8';
}

/** The one of `, ; | tab` that stands most often in the first line, outside quotes. */
function delimiterOf(text: string): string {
  const line = (/^(?:"(?:[^"]|"")*"|[^"\r\n])*/.exec(text)?.[0] ?? '').replaceAll(/"(?:[^"]|"")*"/g, '');
  const counts = [',', ';', '\t', '|'].map((one) => [one, line.split(one).length] as const);
  return counts.reduce((best, next) => (next[1] > best[1] ? next : best))[0];
}

function headerOf(text: string, delimiter: string, path: string): string[] {
  const names: string[] = [];
  let [name, quoted, at] = ['', false, text.startsWith('\ufeff') ? 1 : 0];
  for (; at < text.length; at++) {
    const character = text[at]!;
    if (quoted) {
      if (character !== '"') name += character;
      else if (text[at + 1] === '"') name += text[at++];
      else quoted = false;
    } else if (character === '"' && name === '') quoted = true;
    else if (character === delimiter) {
      names.push(name);
      name = '';
    } else if (character === '\n' || character === '\r') break;
    else name += character;
  }
  if (quoted) throw malformed(`${path}, line 1: expected a quote that ends the column's name, got none`);
  if (at >= MAX_HEADER_BYTES)
    throw malformed(`${path}, line 1: expected at most ${MAX_HEADER_BYTES} bytes, got more`);
  names.push(name);
  if (names.length > MAX_COLUMNS)
    throw malformed(`${path}: expected at most ${MAX_COLUMNS} columns, got ${names.length}`);
  const unnamed = names.indexOf('');
  if (unnamed >= 0) throw malformed(`${path}, line 1: expected a name for column ${unnamed + 1}, got none`);
  return names;
}

/** What DuckDB says of a file, in a sentence, with the line where it tells one. */
export function readable(error: unknown, path: string): unknown {
  if (error instanceof AssayError || !(error instanceof Error)) return error;
  const { message } = error;
  const line =
    /Line: (\d+)/.exec(message)?.[1] ??
    /in line (\d+)/.exec(message)?.[1] ??
    /record\/value (\d+)/.exec(message)?.[1];
  const at = line === undefined ? path : `${path}, line ${line}`;
  const invalid = (
    code: 'TABLE_MALFORMED' | 'ENCODING_INVALID' | 'PAYLOAD_TOO_LARGE',
    said: string,
    next: string,
  ) => new AssayError(code, `${at}: ${said}`, { next, cause: error });
  if (/unicode|utf-8|utf8|encoded/i.test(message) && !/sniffing/i.test(message))
    return invalid(
      'ENCODING_INVALID',
      'expected UTF-8, got other bytes',
      'convert the file, or say --encoding latin-1 or utf-16',
    );
  if (/Out of Memory|max_temp_directory_size/i.test(message))
    return invalid(
      'PAYLOAD_TOO_LARGE',
      'the check needs more memory than it may use',
      'allow more with --memory',
    );
  const columns = /Expected Number of Columns: (\d+) Found: (\d+)/.exec(message);
  if (columns)
    return invalid(
      'TABLE_MALFORMED',
      `expected ${columns[1]} columns, got ${columns[2]}`,
      'correct the line',
    );
  if (/unterminated quote/i.test(message) || /quote/i.test(/^.*\n.*\n(.*)/.exec(message)?.[1] ?? ''))
    return invalid('TABLE_MALFORMED', 'expected a quote that ends the text, got none', 'correct the line');
  if (/Maximum line size/i.test(message))
    return invalid(
      'TABLE_MALFORMED',
      'expected a line of at most 2 MB, got a longer one: a quote may be missing',
      'correct the line',
    );
  const first = message.split('\n').find((part) => part.trim() !== '') ?? message;
  return invalid(
    'TABLE_MALFORMED',
    first.replaceAll(/"[^"]*\/[^"]*"/g, 'the file').slice(0, 300),
    'correct the file, or say its format with --format',
  );
}
