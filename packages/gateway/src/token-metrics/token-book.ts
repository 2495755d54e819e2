import type { MarketRow, MarketView } from '@assay/pipeline';
import type { ForeignQuery } from './foreign-query.ts';
import type { TokenIds } from './token-ids.ts';

/** One asset as this format knows it: what it is today, and what it can be found by. */
export interface Token {
  id: number;
  asset: string;
  symbol: string;
  name: string;
  row: MarketRow<'assets'>;
  price: MarketRow<'prices'> | null;
  exchanges: string[];
  categories: { id: number; key: string; name: string }[];
}

/** Every asset of the newest day, by market capitalisation. */
export interface TokenBook {
  tokens: readonly Token[];
  get(asset: string): Token | undefined;
  /** Place of an asset by market capitalisation. */
  place(asset: string): number;
  /** Assets whose own row was rejected or flagged: they are not among the tokens. */
  withheld: number;
}

export function readTokens(market: MarketView, ids: TokenIds): TokenBook {
  const all = market.rows('assets');
  const rows = all.filter(isUsable);
  const prices = new Map(
    market
      .rows('prices')
      .filter(isUsable)
      .map((row) => [row.asset, row]),
  );
  const categories = new Map<string, Token['categories']>();
  for (const row of market.rows('narratives').filter(isUsable)) {
    const category = { id: ids.idOf('category', row.narrative), key: row.narrative, name: row.name };
    for (const asset of row.members) {
      categories.set(asset, [...(categories.get(asset) ?? []), category]);
    }
  }
  // The oldest asset keeps its number in a collision: a newer one never takes it away.
  for (const { asset } of [...rows].sort(
    (a, b) => compare(a.firstBar, b.firstBar) || compare(a.asset, b.asset),
  )) {
    ids.idOf('asset', asset);
  }
  const tokens = rows
    .map((row): Token => {
      const price = prices.get(row.asset) ?? null;
      return {
        id: ids.idOf('asset', row.asset),
        asset: row.asset,
        symbol: row.symbol,
        name: row.name,
        row,
        price,
        exchanges: [...new Set(price?.venues.map(({ stream }) => stream.split('.')[0]!))].sort(),
        categories: categories.get(row.asset) ?? [],
      };
    })
    .sort((a, b) => rankOf(a) - rankOf(b) || compare(a.asset, b.asset));
  const byAsset = new Map(tokens.map((token) => [token.asset, token]));
  const places = new Map(tokens.map(({ asset }, place) => [asset, place]));
  return {
    tokens,
    withheld: all.length - rows.length,
    get: (asset) => byAsset.get(asset),
    place: (asset) => places.get(asset) ?? tokens.length,
  };
}

/**
 * The tokens that a query names; null when it names none, which means all.
 *
 * @returns with `missing`, what was asked for and is not there, in words.
 */
export function selectTokens(
  book: TokenBook,
  query: ForeignQuery,
): { tokens: readonly Token[] | null; missing: string[] } {
  const missing: string[] = [];
  let tokens: readonly Token[] = book.tokens;
  let named = false;
  const narrow = (keep: (token: Token) => boolean) => {
    named = true;
    tokens = tokens.filter(keep);
  };
  const narrowTo = (
    what: string,
    names: string[] | undefined,
    of: (token: Token) => readonly string[],
    plain: (name: string) => string = plainName,
  ) => {
    if (!names || names.length === 0) return;
    const wanted = new Set(names.map(plain));
    const found = new Set(book.tokens.flatMap((token) => of(token).map(plain)));
    const unknown = names.filter((name) => !found.has(plain(name)));
    if (unknown.length > 0) {
      missing.push(`no token that is served has the ${what} ${unknown.slice(0, 5).map(quote).join(', ')}`);
    }
    narrow((token) => of(token).some((name) => wanted.has(plain(name))));
  };
  narrowTo(
    'token_id',
    query.token_id,
    ({ id }) => [`${id}`],
    (id) => `${Number(id)}`,
  );
  narrowTo('symbol', query.symbol ?? query.base_symbol, ({ symbol }) => [symbol], lowerCase);
  narrowTo('token_name', query.token_name, ({ name }) => [name]);
  narrowTo('exchange', query.exchange, ({ exchanges }) => exchanges);
  narrowTo('category', query.category, ({ categories }) =>
    categories.flatMap(({ key, name }) => [key, name]),
  );
  if (query.blockchain_address !== undefined) {
    missing.push('no contract addresses are recorded, so that none can be found by one');
    narrow(() => false);
  }
  if (query.fdv !== undefined) {
    missing.push('no fully diluted valuations are recorded, so that none is known to be above one');
    narrow(() => false);
  }
  const { marketcap, volume } = query;
  // What is not known is not above anything.
  if (marketcap !== undefined) narrow(({ row }) => atLeast(row.marketCapUsd, marketcap));
  if (volume !== undefined) narrow(({ price }) => atLeast(price?.volumeUsd ?? null, volume));
  return { tokens: named ? tokens : null, missing };
}

export function atLeast(value: string | null | undefined, minimum: number): boolean {
  return value != null && Number(value) >= minimum;
}

/**
 * Whether a row may be handed to clients that cannot read as what it is served: what was rejected or flagged is
 * withheld from them.
 */
export function isUsable({ proof }: { proof: MarketRow['proof'] }): boolean {
  return proof.served !== 'rejected' && proof.served !== 'flagged';
}

export function withheldNote(rows: number): string {
  return `${rows} ${rows === 1 ? 'row is' : 'rows are'} withheld: rejected or flagged`;
}

/** `yield farming` is `yieldfarming`. */
function plainName(name: string): string {
  return lowerCase(name).replace(/[\s_-]/g, '');
}

function lowerCase(name: string): string {
  return name.toLowerCase();
}

function quote(name: string): string {
  return JSON.stringify(name.slice(0, 40));
}

function rankOf({ row }: Token): number {
  return row.rank === null ? Number.MAX_SAFE_INTEGER : Number(row.rank);
}

function compare(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
