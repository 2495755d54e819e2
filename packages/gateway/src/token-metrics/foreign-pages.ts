import { AssayError } from '@assay/core';
import type { FigureName } from '@assay/market';
import type { MarketRow, MarketView } from '@assay/pipeline';
import { DAY_MS, endOf, instant, rowsByPieces } from '../market-figures.ts';
import type { ForeignQuery } from './foreign-query.ts';
import { isUsable, selectTokens, type Token, type TokenBook, withheldNote } from './token-book.ts';
import type { TokenIds } from './token-ids.ts';

/** Days that one request may span. The official clients split what is longer into 29 days and merge. */
const MAX_DAYS = 366;
/** Rows that one request may make the node look at. */
const MAX_SCANNED = 250_000;
/** Rows up to the end of the page that is asked for. */
const MAX_REACH = 100_000;
const PIECE = 10_000;

/** What an endpoint answers from. */
export interface Context {
  market: MarketView;
  book: TokenBook;
  ids: TokenIds;
  query: ForeignQuery;
  /** Scheme and host by which the client reached this node. */
  base: string;
}

type AssetFigure = {
  [Name in FigureName]: MarketRow<Name> extends { asset: string } ? Name : never;
}[FigureName];

/** One page of rows and what a reader should know of it. */
export interface Page<Row> {
  rows: Row[];
  notes: string[];
}

/**
 * One page of a figure's rows about tokens that are known today, newest day first, and within a day by market
 * capitalisation. What was rejected or flagged is withheld and counted.
 *
 * @param options.undated what is meant where a request names no days.
 * @throws REQUEST_INVALID for a period or a page that would make the node look at too many rows.
 */
export async function pageOfFigure<Name extends AssetFigure>(
  { market, book, query }: Context,
  figure: Name,
  options: {
    undated: 'latest' | 'history';
    keep?: (row: MarketRow<Name> & { asset: string }, token: Token) => boolean;
  },
): Promise<Page<{ row: MarketRow<Name> & { asset: string }; token: Token }>> {
  const { tokens, missing } = selectTokens(book, query);
  const notes = [...missing];
  const reach = query.page * query.limit;
  if (reach > MAX_REACH) {
    throw new AssayError('REQUEST_INVALID', `expected page × limit of at most ${MAX_REACH}, got ${reach}`, {
      next: 'name tokens, or fewer days',
    });
  }
  const wanted = tokens && new Set(tokens.map(({ asset }) => asset));
  const found: { row: MarketRow<Name> & { asset: string }; token: Token }[] = [];
  let scanned = 0;
  let withheld = 0;
  if (!tokens || tokens.length > 0) {
    for (const piece of piecesOf(market, figure, query, options.undated, tokens)) {
      scanned += piece.length;
      if (scanned > MAX_SCANNED) {
        throw new AssayError('REQUEST_INVALID', `this would read more than ${MAX_SCANNED} rows`, {
          next: 'name tokens, or fewer days',
        });
      }
      const rows = [...(piece as (MarketRow<Name> & { asset: string })[])];
      rows.sort((a, b) => compare(b.time, a.time) || book.place(a.asset) - book.place(b.asset));
      for (const row of rows) {
        if (wanted && !wanted.has(row.asset)) continue;
        const token = book.get(row.asset);
        if (!isUsable(row)) withheld += 1;
        else if (token && (options.keep?.(row, token) ?? true)) found.push({ row, token });
      }
      if (found.length >= reach) break;
      // Others are answered between two pieces.
      await new Promise(setImmediate);
    }
  }
  if (withheld > 0) notes.push(withheldNote(withheld));
  return { rows: found.slice(reach - query.limit, reach), notes };
}

/** One page of anything that is short enough to be listed whole. */
export function pageOfList<Row>(
  rows: readonly Row[],
  { page, limit }: { page: number; limit: number },
): Row[] {
  return rows.slice((page - 1) * limit, page * limit);
}

/** The days that a request names, half open; null where it names none. @throws REQUEST_INVALID */
export function daysOf(market: MarketView, query: ForeignQuery): { from: number; to: number } | null {
  const { startDate, endDate } = query;
  if (startDate === undefined && endDate === undefined) return null;
  const newest = (endOf(market) ?? DAY_MS) - DAY_MS;
  const last = endDate ?? Math.max(newest, startDate!);
  const first = startDate ?? last - (MAX_DAYS - 1) * DAY_MS;
  if (first > last) {
    throw new AssayError('REQUEST_INVALID', 'expected startDate not after endDate', {
      next: 'exchange the two',
    });
  }
  const oldest = Date.parse(market.status().from ?? instant(newest));
  const days = { from: Math.max(first, oldest), to: Math.min(last, newest) + DAY_MS };
  if (days.to - days.from > MAX_DAYS * DAY_MS) {
    throw new AssayError(
      'REQUEST_INVALID',
      `expected at most ${MAX_DAYS} days, got ${(days.to - days.from) / DAY_MS}`,
      {
        next: 'split the period',
      },
    );
  }
  return days;
}

/** Rows of another figure for the same assets and days, by `<asset> <time>`. */
export function joined<Name extends AssetFigure>(
  market: MarketView,
  figure: Name,
  rows: readonly { asset: string; time: string }[],
  shiftDays = 0,
): (row: { asset: string; time: string }) => MarketRow<Name> | undefined {
  const found = new Map<string, MarketRow<Name>>();
  if (rows.length > 0) {
    const times = rows.map(({ time }) => Date.parse(time) + shiftDays * DAY_MS);
    const days = { from: Math.min(...times), to: Math.max(...times) + DAY_MS };
    const keys = [...new Set(rows.map(({ asset }) => asset))];
    for (const piece of rowsByPieces(market, figure, days, keys)) {
      for (const row of piece.filter(isUsable) as (MarketRow<Name> & { asset: string })[]) {
        found.set(`${row.asset} ${Date.parse(row.time)}`, row);
      }
    }
  }
  return ({ asset, time }) => found.get(`${asset} ${Date.parse(time) + shiftDays * DAY_MS}`);
}

function* piecesOf<Name extends AssetFigure>(
  market: MarketView,
  figure: Name,
  query: ForeignQuery,
  undated: 'latest' | 'history',
  tokens: readonly Token[] | null,
): Generator<MarketRow<Name>[]> {
  const keys = tokens?.map(({ asset }) => asset);
  const end = endOf(market);
  if (end === null) return;
  const days = daysOf(market, query);
  if (!days && undated === 'latest') yield market.rows(figure, { keys });
  else yield* rowsByPieces(market, figure, days ?? { from: end - MAX_DAYS * DAY_MS, to: end }, keys, PIECE);
}

function compare(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
