import { AssayError } from '@assay/core';
import { type BoundedHttpOptions, boundedGet } from './bounded-http.ts';
import { exactJson } from './exact-json.ts';
import { collectRows, type MarketRows } from './market-rows.ts';
import { unambiguous } from './recorded-universe.ts';

const PAGE = 250;
const MAX_PAGES = 40;

/**
 * A snapshot of market capitalisations in the format of CoinGecko's `/coins/markets`, as rows of one day. A ticker that
 * several coins claim goes to the largest; the others are `TICKER:their-name`.
 *
 * @param options `timeMs` is the start of the day that the snapshot is taken for; `limit` the number of coins.
 * @throws SOURCE_UNREACHABLE; ROW_MALFORMED when the answer is not the format.
 * @example
 * await fetchMarketCaps({ baseUrl: 'https://api.coingecko.com', timeMs, limit: 500 });
 */
export async function fetchMarketCaps(
  options: BoundedHttpOptions & { baseUrl: string; timeMs: number; limit: number; key?: string | undefined },
): Promise<MarketRows> {
  const { baseUrl, timeMs, limit, key, ...http } = options;
  const coins: Record<string, unknown>[] = [];
  for (let page = 1; page <= MAX_PAGES && coins.length < limit; page++) {
    const url = `${baseUrl}/api/v3/coins/markets?vs_currency=usd&order=market_cap_desc&per_page=${PAGE}&page=${page}`;
    const headers = {
      accept: 'application/json',
      ...(key === undefined ? {} : { 'x-cg-demo-api-key': key }),
    };
    const found = exactJson((await boundedGet(url, { ...http, headers })).body);
    if (!Array.isArray(found)) {
      throw new AssayError('ROW_MALFORMED', `${baseUrl}: expected a list of coins, got ${typeof found}`, {
        next: 'check that the address speaks the format of /coins/markets',
      });
    }
    coins.push(...(found as Record<string, unknown>[]).slice(0, PAGE));
    if (found.length < PAGE) break;
  }
  const taken = new Set<string>();
  const seen = new Set<unknown>();
  return collectRows(
    'coingecko.market-caps',
    'market-caps',
    coins.slice(0, limit).flatMap((coin) => {
      // A coin that changed its place between two pages comes twice. One without a capitalisation has no place in the list.
      if (coin === null || typeof coin !== 'object' || seen.has(coin.id) || coin.market_cap_rank === null)
        return [];
      seen.add(coin.id);
      const symbol = String(coin.symbol ?? '').toUpperCase();
      const asset = unambiguous(symbol, String(coin.id), (id) => taken.has(id));
      taken.add(asset);
      return [
        {
          timeMs,
          values: {
            asset,
            symbol,
            name: coin.name,
            rank: coin.market_cap_rank,
            priceUsd: coin.current_price,
            marketCapUsd: coin.market_cap,
            supply: coin.circulating_supply,
            volumeUsd: coin.total_volume,
          },
        },
      ];
    }),
  );
}
