import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { DuckDBInstance } from '@duckdb/node-api';
import { emptyPanel, type Panel } from '../src/panel/index.ts';

const FOLDER = fileURLToPath(new URL('../../../../shared/data/coinbase-daily/', import.meta.url));
const DAY_MS = 86_400_000;
const FIRST = Date.UTC(2020, 0, 1);
const LAST = Date.UTC(2023, 11, 31);
/** A snapshot counts until the next one is overdue. */
const SNAPSHOT_DAYS = 40;

/**
 * Daily bars of Coinbase, 2020 to 2023, with monthly market capitalisations as they were known; null where the data
 * is not at hand. A capitalisation is carried from its snapshot on with the supply of that day.
 */
export async function coinbasePanel(): Promise<Panel | null> {
  if (!existsSync(`${FOLDER}ohlcv-2020-2023.parquet`)) return null;
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  const read = async (sql: string) => (await connection.runAndReadAll(sql)).getRows();
  const bars = await read(
    `SELECT base, (epoch_ms(date::TIMESTAMP))::DOUBLE, open, high, low, close, volume FROM '${FOLDER}ohlcv-2020-2023.parquet' ORDER BY base, date`,
  );
  const caps = await read(
    `SELECT "Symbol", "snapshot_date"::VARCHAR, "Market Cap", "Circulating Supply", "Price", "Name" FROM '${FOLDER}market-cap-monthly-2020-2023.parquet' WHERE "Market Cap" > 0 ORDER BY "snapshot_date", "Rank"`,
  );
  connection.closeSync();
  const names = new Map<string, string>();
  for (const [symbol, , , , , name] of caps)
    if (!names.has(String(symbol))) names.set(String(symbol), String(name));
  const assets = [...new Set(bars.map(([base]) => String(base)))].sort();
  const days = Array.from({ length: (LAST - FIRST) / DAY_MS + 1 }, (_, day) => FIRST + day * DAY_MS);
  const panel = emptyPanel(
    assets.map((asset) => ({ asset, name: names.get(asset) ?? asset })),
    days,
  );
  const place = new Map(assets.map((asset, i) => [asset, i]));
  for (const [base, ms, open, high, low, close, volume] of bars) {
    const at = place.get(String(base))! * days.length + (Number(ms) - FIRST) / DAY_MS;
    panel.open[at] = Number(open);
    panel.high[at] = Number(high);
    panel.low[at] = Number(low);
    panel.close[at] = Number(close);
    panel.volume[at] = Number(volume);
  }
  const seen = new Set<string>();
  for (const [symbol, date, cap, supply, price] of caps) {
    const asset = place.get(String(symbol));
    // Tickers are not unique in the snapshots: the largest is taken, which is listed first.
    if (asset === undefined || seen.has(`${symbol} ${date}`)) continue;
    seen.add(`${symbol} ${date}`);
    const text = String(date);
    const ms = Date.UTC(Number(text.slice(0, 4)), Number(text.slice(4, 6)) - 1, Number(text.slice(6, 8)));
    const from = (ms - FIRST) / DAY_MS;
    const units = Number(supply) > 0 ? Number(supply) : Number(cap) / Number(price);
    for (let day = from; day < Math.min(from + SNAPSHOT_DAYS, days.length); day++) {
      const at = asset * days.length + day;
      panel.supply[at] = units;
      panel.marketCap[at] = Number.isFinite(panel.close[at]) ? units * panel.close[at]! : Number(cap);
    }
  }
  return panel;
}
