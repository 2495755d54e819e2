import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { DuckDBInstance } from '@duckdb/node-api';
import type { MarketHistory } from '../src/figure.ts';
import { emptyPanel } from '../src/panel/index.ts';

const DAY_MS = 86_400_000;
const FOLDER = fileURLToPath(new URL('../../../../shared/data/coinbase-daily/', import.meta.url));

/**
 * The panel of the data's whole period: daily bars of up to 97 pairs on one venue, and monthly snapshots of the 200
 * largest. A snapshot holds until the next one; an asset that is not in the next one has left. Null without the data.
 *
 * Assets are named by their tickers, as published; the data names no other identity.
 */
export async function coinbaseHistory(): Promise<MarketHistory | null> {
  if (!existsSync(`${FOLDER}ohlcv-2020-2023.parquet`)) return null;
  const database = await DuckDBInstance.create();
  const connection = await database.connect();
  const read = async (sql: string) =>
    (await connection.runAndReadAll(sql)).getRows() as (string | number)[][];
  const bars = await read(
    `select base, epoch(date) * 1000.0, open, high, low, close, volume from '${FOLDER}ohlcv-2020-2023.parquet' order by 1, 2`,
  );
  // One ticker stands twice in one snapshot (before and after a redenomination): the better ranked is taken.
  const caps = await read(
    `select Symbol, epoch(strptime(snapshot_date::varchar, '%Y%m%d')) * 1000.0, "Market Cap", "Circulating Supply", Name
     from '${FOLDER}market-cap-monthly-2020-2023.parquet'
     qualify row_number() over (partition by Symbol, snapshot_date order by Rank) = 1 order by 1, 2`,
  );
  connection.closeSync();
  database.closeSync();

  const names = new Map<string, string>();
  for (const row of bars) names.set(String(row[0]), String(row[0]));
  for (const row of caps) names.set(String(row[0]), String(row[4]));
  const assets = [...names.keys()].sort();
  const first = Date.parse('2020-01-01T00:00:00Z');
  const days = Array.from({ length: 1461 }, (_, i) => first + i * DAY_MS);
  const panel = emptyPanel(
    assets.map((asset) => ({ asset, name: names.get(asset)! })),
    days,
  );
  const place = new Map(assets.map((asset, i) => [asset, i * days.length]));
  const dayOf = (ms: string | number) => Math.round((Number(ms) - first) / DAY_MS);
  for (const row of bars) {
    const at = place.get(String(row[0]))! + dayOf(row[1]!);
    panel.open[at] = Number(row[2]);
    panel.high[at] = Number(row[3]);
    panel.low[at] = Number(row[4]);
    panel.close[at] = Number(row[5]);
    panel.volume[at] = Number(row[6]);
  }
  const snapshots = [...new Set(caps.map((row) => dayOf(row[1]!)))].sort((a, b) => a - b);
  for (const row of caps) {
    const from = dayOf(row[1]!);
    const to = snapshots.find((day) => day > from) ?? days.length;
    const base = place.get(String(row[0]))!;
    panel.marketCap.fill(Number(row[2]), base + from, base + to);
    if (Number(row[3]) > 0) panel.supply.fill(Number(row[3]), base + from, base + to);
  }
  return { panel, funding: [], articles: [], activity: [], development: [] };
}
