import { AssayError, type Decimal, fromScaled, toScaledRounded } from '@assay/core';
import type { MarketRow, MarketView } from '@assay/pipeline';
import { bundlePath, DAY_MS, endOf, instant } from '../market-figures.ts';
import { type Context, daysOf, joined, pageOfList } from './foreign-pages.ts';
import {
  type ForeignRow,
  foreignRow,
  percentChange,
  rounded,
  timestampOf,
  tokenNames,
} from './foreign-row.ts';
import { type Answer, dayChange } from './grade-endpoints.ts';
import { isUsable } from './token-book.ts';

/** Days of the whole market that one request may sum up: each reads a row of every asset. */
const MAX_MARKET_DAYS = 62;

/** `market-metrics`: sums over the rows of a day, newest first. */
export async function marketMetrics({ market, query }: Context, sums: MarketSums): Promise<Answer> {
  const end = endOf(market);
  if (end === null) return { rows: [], notes: [] };
  const days = daysOf(market, query) ?? { from: end - DAY_MS, to: end };
  const count = (days.to - days.from) / DAY_MS;
  if (count > MAX_MARKET_DAYS) {
    throw new AssayError(
      'REQUEST_INVALID',
      `expected at most ${MAX_MARKET_DAYS} days of the market, got ${count}`,
      {
        next: 'split the period',
      },
    );
  }
  const wanted = Array.from({ length: Math.max(0, count) }, (_, at) => days.to - (at + 1) * DAY_MS);
  const rows: ForeignRow[] = [];
  for (const day of pageOfList(wanted, query)) {
    const row = sums.of(market, day);
    if (row) rows.push(row);
    // Others are answered between two days.
    await new Promise(setImmediate);
  }
  return { rows, notes: [], graded: true };
}

/** Days that were summed up before, so that a month of a large market is read once. */
export class MarketSums {
  #revision = '';
  #atMs = 0;
  readonly #days = new Map<number, ForeignRow | null>();
  readonly #nowMs: () => number;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  of(market: MarketView, day: number): ForeignRow | null {
    const revision = JSON.stringify(market.status());
    const nowMs = this.#nowMs();
    // As what a row is served may change without a new row.
    if (revision !== this.#revision || nowMs - this.#atMs > 60_000 || this.#days.size > 1000) {
      this.#days.clear();
      this.#revision = revision;
      this.#atMs = nowMs;
    }
    const kept = this.#days.get(day);
    if (kept !== undefined) return kept;
    const made = sumUp(market, day);
    this.#days.set(day, made);
    return made;
  }
}

function sumUp(market: MarketView, day: number): ForeignRow | null {
  const period = { from: instant(day), to: instant(day + DAY_MS) };
  const assets = market.rows('assets', period).filter(isUsable);
  const grades = market.rows('grades', period).filter(isUsable);
  if (assets.length === 0 && grades.length === 0) return null;
  const caps = assets.flatMap(({ marketCapUsd }) => marketCapUsd ?? []);
  const graded = grades.flatMap(({ trader }) => trader ?? []);
  const high = graded.filter(({ label }) => label === 'strong' || label === 'very strong');
  const total = caps.length === 0 ? null : sumOf(caps);
  const statements = new Set([...assets, ...grades].map(({ proof }) => proof.record.split('.')[0]!));
  const share = graded.length === 0 ? null : rounded((high.length / graded.length) * 100, 2);
  const [first] = [...assets, ...grades];
  return {
    DATE: instant(day).slice(0, 10),
    TOTAL_CRYPTO_MCAP: total === null ? null : Number(total),
    TM_GRADE_PERC_HIGH_COINS: share === null ? null : Number(share),
    TM_GRADE_SIGNAL: null,
    LAST_TM_GRADE_SIGNAL: null,
    _proof: {
      computed: `sum over ${caps.length} assets; ${high.length} of ${graded.length} graded ones are strong or very strong`,
      statements: [...statements].slice(0, 100).map((record) => ({ record, bundle: bundlePath(record) })),
      mode: first!.proof.mode,
      ...(total !== null && { exact: { TOTAL_CRYPTO_MCAP: total } }),
    },
  };
}

/** `sentiments`: of the whole market, newest first. */
export function sentiments({ market, query }: Context): Answer {
  const end = endOf(market);
  const rows =
    end === null
      ? []
      : market
          .rows('sentiment', { keys: ['market'], from: instant(end - 366 * DAY_MS), to: instant(end) })
          .filter(isUsable)
          .reverse();
  return {
    notes: ['daily, and of news only: no social posts are recorded'],
    rows: pageOfList(rows, query).map((row) => {
      // -1 … 1 is 0 … 100 there.
      const grade = row.score === null ? null : rounded((Number(row.score) + 1) * 50, 2);
      const label = row.label === 'unknown' ? null : row.label;
      return foreignRow(
        [row],
        {
          DATETIME: timestampOf(row.time),
          MARKET_SENTIMENT_LABEL: label,
          NEWS_SENTIMENT_LABEL: label,
          NEWS_SUMMARY: row.latest.map(({ title }) => title).join(' · ') || null,
          REDDIT_SENTIMENT_GRADE: null,
          REDDIT_SENTIMENT_LABEL: null,
          REDDIT_SUMMARY: null,
          TWITTER_SENTIMENT_GRADE: null,
          TWITTER_SENTIMENT_LABEL: null,
          TWITTER_SUMMARY: null,
        },
        { MARKET_SENTIMENT_GRADE: grade, NEWS_SENTIMENT_GRADE: grade },
      );
    }),
  };
}

/** `indices`. All follow a fixed rule: they are passive. */
export function indices({ market, ids, query }: Context): Answer {
  if (query.indicesType === 'active') {
    return { rows: [], notes: ['every index here follows a fixed rule: ask for indicesType=passive'] };
  }
  const newest = market.rows('indices').filter(isUsable);
  const shown = pageOfList(newest, query);
  return {
    notes: [],
    rows: shown.map((row) => {
      const series = seriesOf(market, row.index);
      const back = (days: number) =>
        series.find(({ time }) => Date.parse(time) === Date.parse(row.time) - days * DAY_MS);
      const [week, month, first] = [back(7), back(30), series[0]];
      return foreignRow(
        [row, week, month, first],
        {
          ID: ids.idOf('index', row.index),
          NAME: row.name,
          TICKER: row.index,
          COINS: row.holdings.length,
          TOP_GAINERS_ICONS: {},
          _rule: row.rule,
        },
        {
          PRICE: row.value,
          '24H': row.changePct,
          '7D': growth(row, week),
          '1M': growth(row, month),
          ALL_TIME: growth(row, first),
          '24H_VOLUME': null,
          INDEX_GRADE: null,
          MARKET_CAP: null,
        },
      );
    }),
  };
}

/** `indices-holdings`. @throws NOT_FOUND for an index that does not exist. */
export function indicesHoldings(context: Context): Answer {
  const { market, book, query } = context;
  const row = indexOf(context);
  const held = pageOfList(row.holdings, query);
  const gradeOf = joined(
    market,
    'grades',
    held.map(({ asset }) => ({ asset, time: row.time })),
  );
  return {
    notes: [],
    graded: true,
    rows: held.map(({ asset, weight, price }) => {
      const token = book.get(asset);
      const grade = gradeOf({ asset, time: row.time });
      const names = token ? tokenNames(token) : { TOKEN_ID: null, TOKEN_NAME: asset, TOKEN_SYMBOL: null };
      return foreignRow(
        [row, grade, token?.row],
        {
          ...names,
          COIN: token?.name ?? asset,
          CG_ID: null,
          ICON: null,
          DATE: timestampOf(row.time),
        },
        {
          WEIGHT: rounded(Number(weight) * 100, 6),
          MARKET_CAP: token?.row.marketCapUsd,
          PRICE: price,
          CURRENT_ROI: null,
          TRADER_GRADE: grade?.trader?.grade,
          TRADER_GRADE_CHANGE_24H: dayChange(grade?.trader),
        },
      );
    }),
  };
}

/** `indices-performance`, newest first. @throws NOT_FOUND for an index that does not exist. */
export function indicesPerformance(context: Context): Answer {
  const { market, ids, query } = context;
  const { index } = indexOf(context);
  const series = seriesOf(market, index);
  const [first] = series;
  const days = daysOf(market, query);
  const wanted = series
    .filter(({ time }) => !days || (Date.parse(time) >= days.from && Date.parse(time) < days.to))
    .reverse();
  return {
    notes: [],
    rows: pageOfList(wanted, query).map((row) =>
      foreignRow(
        [row, first],
        { ID: ids.idOf('index', index), DATE: timestampOf(row.time) },
        {
          INDEX_CUMULATIVE_ROI: rounded(Number(row.value) / Number(first!.value) - 1, 10),
          INDEX_VALUE: row.value,
          MARKET_CAP: null,
          VOLUME: null,
          FDV: null,
        },
      ),
    ),
  };
}

/** By its number, or by its own name. */
function indexOf({ market, ids, query }: Context): MarketRow<'indices'> {
  if (query.id === undefined || query.id.trim() === '') {
    throw new AssayError('REQUEST_INVALID', 'expected id, the number of an index', {
      next: 'see /v2/indices',
    });
  }
  const wanted = query.id.trim();
  const rows = market.rows('indices').filter(isUsable);
  const found = rows.find(({ index }) => index === wanted || `${ids.idOf('index', index)}` === wanted);
  if (found) return found;
  throw new AssayError('NOT_FOUND', `there is no index ${JSON.stringify(wanted)}`, {
    next: 'see /v2/indices',
  });
}

function seriesOf(market: MarketView, index: string): MarketRow<'indices'>[] {
  const { from } = market.status();
  return from === null ? [] : market.rows('indices', { keys: [index], from }).filter(isUsable);
}

function growth(now: { value: Decimal }, then: { value: Decimal } | undefined): Decimal | null {
  return then ? percentChange(now.value, Number(then.value)) : null;
}

/** Exactly, to a cent each. */
function sumOf(decimals: readonly Decimal[]): Decimal {
  return fromScaled(
    decimals.reduce((sum, decimal) => sum + toScaledRounded(decimal, 2), 0n),
    2,
  );
}
