import type { Grade } from '@assay/market';
import type { MarketView } from '@assay/pipeline';
import {
  DAY_MS,
  instant,
  latestEvaluation,
  rowsByPieces,
  type ServedRow,
  withBundle,
} from './market-figures.ts';

export const TABLE_ORDERS = ['rank', 'trader', 'investor', 'change', 'symbol'] as const;
export type TableOrder = (typeof TABLE_ORDERS)[number];

type TableGrade = Pick<Grade, 'grade' | 'low' | 'high' | 'change' | 'label'>;

/** One asset in the table of grades: what a reader compares, and where each part of it is proved. */
export interface TableRow {
  asset: string;
  symbol: string;
  name: string | null;
  rank: string | null;
  class: string | null;
  state: string | null;
  marketCapUsd: string | null;
  close: string | null;
  changePct: string | null;
  volumeUsd: string | null;
  priceStatus: 'pass' | 'fail' | 'unknown';
  trader: TableGrade | null;
  investor: TableGrade | null;
  /** Why it is not graded. */
  reason: string | null;
  signal: '1' | '0' | '-1' | null;
  since: string | null;
  /** Closes of the days up to this one, oldest first; null where there is none. */
  sparkline: (string | null)[];
  /** Of the grades. */
  proof: ServedRow['proof'];
  /** Records of the rest; null where there is none. */
  records: { asset: string | null; price: string | null; signal: string | null };
}

export interface GradesTable {
  mode: string;
  describe: string;
  /** The day of the grades; null while there are none. */
  day: string | null;
  /** Of the first point of the sparklines. */
  sparklineFrom: string | null;
  rows: TableRow[];
  total: number;
  evaluation: ServedRow<'evaluation'>[];
}

/**
 * The newest grades of every asset beside price, signal and the closes of some days: one answer for a page that
 * compares thousands.
 */
export async function gradesTable(market: MarketView, days: number): Promise<GradesTable> {
  const { mode, describe } = market.status();
  const grades = market.rows('grades');
  const evaluation = latestEvaluation(market);
  const day = grades.at(-1)?.time ?? null;
  if (day === null) {
    return { mode, describe, day, sparklineFrom: null, rows: [], total: 0, evaluation };
  }
  const end = Date.parse(day) + DAY_MS;
  const only = { from: day, to: instant(end) };
  const assets = byAsset(market.rows('assets', only));
  const signals = byAsset(market.rows('signals', only));
  const prices = byAsset(market.rows('prices', only));
  const from = end - Math.max(1, days) * DAY_MS;
  const lines = days === 0 ? new Map<string, (string | null)[]>() : await sparklines(market, from, end);
  const rows = grades.map((row): TableRow => {
    const asset = assets.get(row.asset);
    const price = prices.get(row.asset);
    const signal = signals.get(row.asset);
    return {
      asset: row.asset,
      symbol: row.symbol,
      name: asset?.name ?? null,
      rank: asset?.rank ?? null,
      class: asset?.class ?? null,
      state: asset?.state ?? null,
      marketCapUsd: asset?.marketCapUsd ?? null,
      close: price?.close ?? null,
      changePct: price?.changePct ?? null,
      volumeUsd: price?.volumeUsd ?? null,
      priceStatus: price?.status ?? 'unknown',
      trader: shortGrade(row.trader),
      investor: shortGrade(row.investor),
      reason: row.reason,
      signal: signal?.signal ?? null,
      since: signal?.since ?? null,
      sparkline: lines.get(row.asset) ?? new Array(days).fill(null),
      proof: withBundle(row).proof,
      records: {
        asset: asset?.proof.record ?? null,
        price: price?.proof.record ?? null,
        signal: signal?.proof.record ?? null,
      },
    };
  });
  return { mode, describe, day, sparklineFrom: instant(from), rows, total: rows.length, evaluation };
}

/** A table's rows in an order of their own. */
export function inOrder(rows: readonly TableRow[], order: TableOrder): TableRow[] {
  return [...rows].sort(COMPARE[order]);
}

async function sparklines(
  market: MarketView,
  from: number,
  to: number,
): Promise<Map<string, (string | null)[]>> {
  const lines = new Map<string, (string | null)[]>();
  const days = (to - from) / DAY_MS;
  for (const piece of rowsByPieces(market, 'prices', { from, to }, undefined, 20_000)) {
    // Others are answered between two pieces.
    await new Promise(setImmediate);
    for (const { asset, time, close } of piece) {
      let line = lines.get(asset);
      if (!line) {
        line = new Array(days).fill(null);
        lines.set(asset, line);
      }
      line[Math.floor((Date.parse(time) - from) / DAY_MS)] = close;
    }
  }
  return lines;
}

function shortGrade(grade: Grade | null): TableGrade | null {
  if (!grade) return null;
  const { parts: _, ...short } = grade;
  return short;
}

function byAsset<Row extends { asset: string }>(rows: readonly Row[]): Map<string, Row> {
  return new Map(rows.map((row) => [row.asset, row]));
}

/** What is not known comes last, and ties are broken by identity, so that equal data gives equal bytes. */
function by(value: (row: TableRow) => number | null): (left: TableRow, right: TableRow) => number {
  return (left, right) => {
    const [a, b] = [value(left) ?? Infinity, value(right) ?? Infinity];
    return a < b ? -1 : a > b ? 1 : compareText(left.asset, right.asset);
  };
}

function compareText(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

const falling = (value: string | null | undefined) => (value == null ? null : -Number(value));
const COMPARE: Record<TableOrder, (left: TableRow, right: TableRow) => number> = {
  rank: by(({ rank }) => (rank === null ? null : Number(rank))),
  trader: by(({ trader }) => falling(trader?.grade)),
  investor: by(({ investor }) => falling(investor?.grade)),
  change: by(({ changePct }) => falling(changePct)),
  symbol: (left, right) => compareText(left.symbol, right.symbol) || compareText(left.asset, right.asset),
};
