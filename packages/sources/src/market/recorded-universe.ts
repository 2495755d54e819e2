import { existsSync, readdirSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { AssayError, fromScaled, normaliseDecimal, toScaled } from '@assay/core';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { collectRows, DAY_MS, type MarketKind, type MarketRows } from './market-rows.ts';

/** A recording of daily data: what its files hold, as streams. */
export interface RecordedUniverse {
  startMs: number;
  endMs: number;
  /** What it holds, in words. */
  describe: string;
  streams: readonly { name: string; kind: MarketKind; venue: string }[];
  rows(stream: string, fromMs: number, toMs: number): Promise<MarketRows>;
  close(): void;
}

/**
 * Opens a folder of daily recordings. Files are known by their columns:
 *
 * - Parquet with `date, base, open, high, low, close, volume`: daily bars. `symbol` (`BTC/USD`) may stand beside `base`;
 *   pairs against anything but the dollar are left out. The venue is the folder's name less `-daily`.
 * - Parquet with `Rank, Name, Symbol, Market Cap, Price, Circulating Supply, Volume (24h), snapshot_date` (20200101):
 *   snapshots of market capitalisations.
 * - A folder `funding-btc` beside it with `<BASE>-<QUOTE>_<venue>_….csv` of `Symbol, Date, Funding Rate`.
 *
 * Floats become the shortest decimal that reads back as the same float. Tickers are the assets' names, as the sources
 * give no better; when a snapshot has one twice, the larger keeps it and the other is `BNX:binaryx-old`.
 *
 * @throws RECORDING_NOT_FOUND, RECORDING_INVALID naming the file and what is wrong with it.
 */
export async function openRecordedUniverse(folder: string): Promise<RecordedUniverse> {
  if (!existsSync(folder)) {
    throw new AssayError('RECORDING_NOT_FOUND', `there is no folder ${folder}`, {
      next: 'name a folder of Parquet files with daily bars',
    });
  }
  const files = readdirSync(folder)
    .filter((name) => name.endsWith('.parquet'))
    .sort();
  const connection = await (await DuckDBInstance.create(':memory:')).connect();
  try {
    const sources: Source[] = [];
    for (const name of files)
      sources.push(await parquetSource(connection, join(folder, name), venueOf(folder)));
    const bars = sources.filter(({ kind }) => kind === 'bars');
    if (bars.length === 0) {
      throw new AssayError('RECORDING_NOT_FOUND', `${folder} holds no Parquet file of daily bars`, {
        next: `record ${BAR_COLUMNS.join(', ')}`,
      });
    }
    const twice = sources.find(({ name }, i) => sources.findIndex((other) => other.name === name) !== i);
    if (twice)
      throw invalid(twice.file, `it is the second file for ${twice.name}`, 'keep one file of each kind');
    sources.push(...(await fundingSources(connection, join(dirname(resolve(folder)), 'funding-btc'))));
    return {
      startMs: Math.min(...bars.map(({ startMs }) => startMs)),
      endMs: Math.max(...bars.map(({ endMs }) => endMs)),
      describe: sources.map(({ name }) => name).join(', '),
      streams: sources.map(({ name, kind, venue }) => ({ name, kind, venue })),
      async rows(stream, fromMs, toMs) {
        const source = sources.find(({ name }) => name === stream);
        return source ? source.rows(fromMs, toMs) : { rows: [], malformed: [] };
      },
      close: () => connection.closeSync(),
    };
  } catch (error) {
    connection.closeSync();
    throw error;
  }
}

interface Source {
  file: string;
  name: string;
  kind: MarketKind;
  venue: string;
  startMs: number;
  endMs: number;
  rows(fromMs: number, toMs: number): Promise<MarketRows>;
}

const BAR_COLUMNS = ['date', 'base', 'open', 'high', 'low', 'close', 'volume'];
const CAP_COLUMNS = [
  'Rank',
  'Name',
  'Symbol',
  'Market Cap',
  'Price',
  'Circulating Supply',
  'Volume (24h)',
  'snapshot_date',
];
/** Fraction digits of summed funding rates; venues give at most 18. */
const RATE_SCALE = 30;
const MAX_FUNDING_BYTES_A_LINE = 200;

/** `coinbase-daily` holds what Coinbase says. */
function venueOf(folder: string): string {
  const name = basename(resolve(folder))
    .replace(/-daily$/, '')
    .replace(/[^A-Za-z0-9_-]/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '');
  return name.slice(0, 60) || 'recording';
}

async function parquetSource(connection: DuckDBConnection, file: string, venue: string): Promise<Source> {
  const from = `read_parquet(${quoted(file)})`;
  const described = await query(
    connection,
    file,
    `SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM ${from})`,
    'not a readable Parquet file',
  );
  const types = new Map(described as [string, string][]);
  const has = (columns: readonly string[]) => columns.every((column) => types.has(column));
  if (has(BAR_COLUMNS)) return barSource(connection, file, venue, from, types);
  if (has(CAP_COLUMNS)) return capSource(connection, file, from, types);
  throw invalid(
    file,
    `expected the columns ${BAR_COLUMNS.join(', ')}, or ${CAP_COLUMNS.join(', ')}; got ${[...types.keys()].join(', ').slice(0, 200)}`,
  );
}

async function barSource(
  connection: DuckDBConnection,
  file: string,
  venue: string,
  from: string,
  types: ReadonlyMap<string, string>,
): Promise<Source> {
  const name = `${venue}.bars.1d`;
  const dollars = types.has('symbol') ? `WHERE "symbol" = "base" || '/USD'` : 'WHERE true';
  const time = 'epoch_ms(date_trunc(\'day\', "date"))::DOUBLE';
  const span = await spanOf(connection, file, `${from} ${dollars}`, time);
  return {
    file,
    name,
    kind: 'bars',
    venue,
    ...span,
    async rows(fromMs, toMs) {
      const found = await query(
        connection,
        file,
        `SELECT ${time}, "base"::VARCHAR, ${['open', 'high', 'low', 'close', 'volume'].map((column) => exact(column, types)).join(', ')}
         FROM ${from} ${dollars} AND ${time} >= ${Number(fromMs)} AND ${time} < ${Number(toMs)}`,
      );
      return collectRows(
        name,
        'bars',
        found.map(([at, base, open, high, low, close, volume]) => ({
          timeMs: Number(at),
          values: { asset: tickerOf(base), open, high, low, close, volume },
        })),
      );
    },
  };
}

async function capSource(
  connection: DuckDBConnection,
  file: string,
  from: string,
  types: ReadonlyMap<string, string>,
): Promise<Source> {
  const name = 'snapshot.market-caps';
  const time = `epoch_ms(strptime("snapshot_date"::VARCHAR, '%Y%m%d'))::DOUBLE`;
  const span = await spanOf(connection, file, `${from} WHERE true`, time);
  return {
    file,
    name,
    kind: 'market-caps',
    venue: 'snapshot',
    ...span,
    async rows(fromMs, toMs) {
      const columns = ['Rank', 'Price', 'Market Cap', 'Circulating Supply', 'Volume (24h)'];
      const found = await query(
        connection,
        file,
        `SELECT ${time}, "Symbol"::VARCHAR, "Name"::VARCHAR, ${columns.map((column) => exact(column, types)).join(', ')}
         FROM ${from} WHERE ${time} >= ${Number(fromMs)} AND ${time} < ${Number(toMs)} ORDER BY 1, "Market Cap" DESC, "Rank"`,
      );
      const taken = new Set<string>();
      return collectRows(
        name,
        'market-caps',
        found.map(([at, symbol, title, rank, priceUsd, marketCapUsd, supply, volumeUsd]) => {
          const asset = unambiguous(tickerOf(symbol), String(title), (id) => taken.has(`${at} ${id}`));
          taken.add(`${at} ${asset}`);
          const values = { asset, symbol, name: title, rank, priceUsd, marketCapUsd, supply, volumeUsd };
          return { timeMs: Number(at), values };
        }),
      );
    },
  };
}

/** A ticker, or with the name behind it when the ticker is already somebody else's. */
export function unambiguous(ticker: string, name: string, isTaken: (id: string) => boolean): string {
  if (!isTaken(ticker)) return ticker;
  const slug = name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
    .slice(0, 60);
  return `${ticker}:${slug}`;
}

/**
 * Funding files, a stream each. The files of one recorder disagree on the time zone, which moves whole days only when
 * payments cross midnight: the sums are over the calendar day that the file itself states. A day with fewer payments than
 * their spacing promises is left out, because half a sum would be a wrong number.
 */
async function fundingSources(connection: DuckDBConnection, folder: string): Promise<Source[]> {
  if (!existsSync(folder)) return [];
  const sources: Source[] = [];
  for (const name of readdirSync(folder).sort()) {
    const [, venue] = /^[A-Z0-9]+-[A-Z0-9]+_([a-z0-9]{1,40})_.*\.csv$/.exec(name) ?? [];
    if (venue !== undefined) sources.push(await fundingSource(connection, join(folder, name), venue));
  }
  return sources;
}

async function fundingSource(connection: DuckDBConnection, file: string, venue: string): Promise<Source> {
  const from = `read_csv(${quoted(file)}, header = true, all_varchar = true, delim = ',', max_line_size = ${MAX_FUNDING_BYTES_A_LINE})`;
  const name = `${venue}.funding.1d`;
  const time = 'epoch_ms("Date"::TIMESTAMP)::DOUBLE';
  const described = await query(
    connection,
    file,
    `SELECT column_name FROM (DESCRIBE SELECT * FROM ${from})`,
    'not a readable CSV file',
  );
  const missing = ['Symbol', 'Date', 'Funding Rate'].filter(
    (column) => !described.some(([found]) => found === column),
  );
  if (missing.length > 0) throw invalid(file, `missing the columns ${missing.join(', ')}`);
  const span = await spanOf(connection, file, `${from} WHERE true`, time);
  return {
    file,
    name,
    kind: 'funding',
    venue,
    ...span,
    async rows(fromMs, toMs) {
      // A sum belongs to its day's start, and needs the whole day.
      const [first, end] = [fromMs, toMs].map((ms) => Math.ceil(ms / DAY_MS) * DAY_MS);
      const found = await query(
        connection,
        file,
        `SELECT ${time}, "Symbol", "Funding Rate" FROM ${from} WHERE ${time} >= ${Number(first)} AND ${time} < ${Number(end)} ORDER BY 1`,
      );
      return dailyFunding(
        name,
        found.map(([at, symbol, rate]) => ({
          timeMs: Number(at),
          asset: tickerOf(String(symbol).split('-')[0]),
          rate: String(rate),
        })),
      );
    },
  };
}

/**
 * Single payments, ascending in time, summed exactly over UTC days. A day with fewer payments than their spacing
 * promises is left out and reported.
 *
 * @param openInterestUsd By asset and day, where it is known.
 */
export function dailyFunding(
  stream: string,
  payments: readonly { timeMs: number; asset: string; rate: string }[],
  openInterestUsd: (asset: string, dayMs: number) => string | null = () => null,
): MarketRows {
  const days = new Map<string, { timeMs: number; asset: string; times: number[]; rates: string[] }>();
  for (const { timeMs, asset, rate } of payments) {
    const day = Math.floor(timeMs / DAY_MS) * DAY_MS;
    const key = `${asset} ${day}`;
    const entry = days.get(key) ?? { timeMs: day, asset, times: [], rates: [] };
    days.set(key, entry);
    // The venue's clock is a few milliseconds off the hour, differently on each page: minutes tell payments apart.
    const minute = Math.round(timeMs / 60_000);
    if (entry.times.at(-1) === minute) continue;
    entry.times.push(minute);
    entry.rates.push(rate);
  }
  const incomplete: AssayError[] = [];
  const complete = [...days.values()].filter(({ timeMs, asset, times }) => {
    const spacing = times
      .slice(1)
      .map((time, i) => time - times[i]!)
      .sort((a, b) => a - b);
    const expected = Math.max(Math.round(1440 / (spacing[0] ?? 720)), 1);
    if (times.length >= expected) return true;
    incomplete.push(
      new AssayError(
        'ROW_MALFORMED',
        `${stream} at ${new Date(timeMs).toISOString().slice(0, 10)}, ${asset}: expected ${expected} payments of funding, got ${times.length}`,
        { next: 'nothing: the day is left out, because a part of a sum would be wrong' },
      ),
    );
    return false;
  });
  const { rows, malformed } = collectRows(
    stream,
    'funding',
    complete.map(({ timeMs, asset, rates }) => ({
      timeMs,
      values: { asset, rate: sum(rates), openInterestUsd: openInterestUsd(asset, timeMs) },
    })),
  );
  return { rows, malformed: [...incomplete, ...malformed] };
}

/** Exact; what is not a number makes the sum none, which is then reported. */
function sum(rates: readonly string[]): string {
  try {
    return fromScaled(
      rates.reduce((total, rate) => total + toScaled(normaliseDecimal(rate), RATE_SCALE), 0n),
      RATE_SCALE,
    );
  } catch {
    return `not all numbers: ${rates.join(' ')}`;
  }
}

async function spanOf(connection: DuckDBConnection, file: string, from: string, time: string) {
  const [[first, last] = [null, null]] = await query(
    connection,
    file,
    `SELECT min(${time}), max(${time}) FROM ${from}`,
  );
  if (first === null || last === null) throw invalid(file, 'there are no rows');
  return {
    startMs: Math.floor(Number(first) / DAY_MS) * DAY_MS,
    endMs: (Math.floor(Number(last) / DAY_MS) + 1) * DAY_MS,
  };
}

async function query(
  connection: DuckDBConnection,
  file: string,
  sql: string,
  what = 'its columns hold something else than expected',
): Promise<unknown[][]> {
  try {
    return (await connection.runAndReadAll(sql)).getRows() as unknown[][];
  } catch (cause) {
    throw invalid(
      file,
      `${what}: ${(cause as Error).message.split('\n')[0]?.slice(0, 200)}`,
      undefined,
      cause,
    );
  }
}

function invalid(file: string, what: string, next = 'record the file again', cause?: unknown): AssayError {
  return new AssayError('RECORDING_INVALID', `${file}: ${what}`, { next, cause });
}

/** Doubles as they are, for the shortest text; anything else as DuckDB writes it, which is exact. */
function exact(column: string, types: ReadonlyMap<string, string>): string {
  return types.get(column) === 'DOUBLE' ? `"${column}"` : `"${column}"::VARCHAR`;
}

function quoted(path: string): string {
  return `'${path.replaceAll("'", "''")}'`;
}

function tickerOf(value: unknown): string {
  return String(value ?? '')
    .toUpperCase()
    .slice(0, 60);
}
