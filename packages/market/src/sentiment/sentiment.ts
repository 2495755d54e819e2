import { measureSentiment } from '@assay/checks/text';
import type { Decimal } from '@assay/core';
import { decimalOf } from '../decimal-of.ts';
import type { Figure, FigureInput, MarketHistory } from '../figure.ts';
import { dayOf, instantOfDay, seriesOf } from '../panel/index.ts';
import type { ArticleRow, SentimentRow } from '../rows.ts';
import { type CopyRule, type DistinctArticle, distinctArticles } from './distinct-articles.ts';

export interface SentimentParameters extends CopyRule {
  /** Articles of this many days up to the day's end count. */
  windowDays: number;
  /** An article this much older counts half. */
  halfLifeHours: number;
  /** An asset keeps a row, then with an unknown label, until nothing was written for this long. */
  silentDays: number;
  /** Magnitude from which a score has a sign. */
  neutral: Decimal;
  /** Newest articles listed. */
  latest: number;
  /** Articles read of one day: the first ones, if there are more. */
  maxArticlesPerDay: number;
}

/** The row that sums up everything that was written. */
export const WHOLE_MARKET = 'market';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

/**
 * What is written about each asset, and about the market: VADER with the finance lexicon of `@assay/checks/text` over
 * title and summary, the newer the heavier. An article about several assets counts for each with the sentences that
 * name it, if any do. Copies of a story count once. What is not English is counted and not scored.
 *
 * @example
 * sentimentFigure.compute({ history, days: { from: 100, to: 130 }, figures: {} }, sentimentFigure.parameters);
 */
export const sentimentFigure: Figure<'sentiment', SentimentParameters> = {
  name: 'sentiment',
  version: '1.0.0',
  parameters: {
    windowDays: 7,
    halfLifeHours: 24,
    silentDays: 30,
    neutral: '0.05',
    latest: 5,
    maxArticlesPerDay: 5_000,
    copyPercent: 70,
    copyHours: 72,
    maxCompared: 50,
  },
  reads: { observed: ['articles'], figures: [] },
  // A copy of the oldest article that keeps a row may lie `copyHours` before it.
  lookbackDays: 34,
  compute: computeSentiment,
};

interface Scored {
  publishedMs: number;
  article: ArticleRow;
  score: number | null;
}

function computeSentiment({ history, days }: FigureInput, parameters: SentimentParameters): SentimentRow[] {
  const firstDay = history.panel.days[days.from];
  if (firstDay === undefined) return [];
  const lastEnd = history.panel.days[Math.min(days.to, history.panel.days.length) - 1]! + DAY_MS;
  const reach = parameters.silentDays * DAY_MS;
  const readFrom = firstDay + DAY_MS - reach - parameters.copyHours * HOUR_MS;
  const distinct = distinctArticles(
    firstOfEachDay(history.articles, readFrom, lastEnd, parameters.maxArticlesPerDay),
    parameters,
  );
  const { market, byAsset } = scoreArticles(distinct, history);
  const known = knownAssets(history);
  const neutral = Number(parameters.neutral);

  const rows: SentimentRow[] = [];
  for (let day = days.from; day < days.to && day < history.panel.days.length; day++) {
    const start = history.panel.days[day]!;
    const end = start + DAY_MS;
    rows.push(rowOf(start, WHOLE_MARKET, within(market, end - parameters.windowDays * DAY_MS, end)));
    for (const [asset, written] of byAsset) {
      if (!known(asset, day) || within(written, end - reach, end).length === 0) continue;
      rows.push(rowOf(start, asset, within(written, end - parameters.windowDays * DAY_MS, end)));
    }
  }
  return rows;

  function rowOf(start: number, asset: string, written: readonly Scored[]): SentimentRow {
    const scored = written.filter((one): one is Scored & { score: number } => one.score !== null);
    let sum = 0;
    let weights = 0;
    for (const { score, publishedMs } of scored) {
      const weight = 2 ** (-(start + DAY_MS - publishedMs) / HOUR_MS / parameters.halfLifeHours);
      sum += weight * score;
      weights += weight;
    }
    const score = weights > 0 ? decimalOf(sum / weights, 4) : null;
    return {
      time: instantOfDay(start),
      asset,
      score,
      label: score === null ? 'unknown' : labelOf(Number(score), neutral),
      articles: String(written.length),
      positive: String(scored.filter((one) => labelOf(one.score, neutral) === 'positive').length),
      negative: String(scored.filter((one) => labelOf(one.score, neutral) === 'negative').length),
      latest: scored
        .slice(-parameters.latest)
        .reverse()
        .map(({ article, score }) => ({
          title: article.title.slice(0, 300).toWellFormed(),
          link: article.link,
          time: article.time,
          article: article.article,
          score: decimalOf(score, 4)!,
        })),
    };
  }
}

function firstOfEachDay(
  articles: readonly ArticleRow[],
  fromMs: number,
  toMs: number,
  most: number,
): ArticleRow[] {
  const counts = new Map<number, number>();
  return articles.filter(({ time }) => {
    const at = Date.parse(time);
    if (!(at >= fromMs && at < toMs)) return false;
    const day = dayOf(time);
    const count = (counts.get(day) ?? 0) + 1;
    counts.set(day, count);
    return count <= most;
  });
}

function labelOf(score: number, neutral: number): 'positive' | 'neutral' | 'negative' {
  return score >= neutral ? 'positive' : score <= -neutral ? 'negative' : 'neutral';
}

/** Ascending in time, as the distinct articles are. */
function scoreArticles(
  distinct: readonly DistinctArticle[],
  { panel }: MarketHistory,
): { market: Scored[]; byAsset: [string, Scored[]][] } {
  const called = new Map(panel.assets.map((asset, i) => [asset, [panel.symbols[i]!, panel.names[i]!]]));
  const market: Scored[] = [];
  const byAsset = new Map<string, Scored[]>();
  for (const { article, publishedMs, assets, first } of distinct) {
    const { whole, ofAsset } = scoreArticle(article, assets, called);
    if (first) market.push({ publishedMs, article, score: whole });
    for (const asset of assets) {
      const written = byAsset.get(asset) ?? [];
      written.push({ publishedMs, article, score: ofAsset.get(asset) ?? whole });
      byAsset.set(asset, written);
    }
  }
  return { market, byAsset: [...byAsset].sort(([a], [b]) => (a < b ? -1 : 1)) };
}

/** The whole text's score, and that of each asset which is named in it next to others. */
function scoreArticle(
  article: ArticleRow,
  assets: readonly string[],
  called: ReadonlyMap<string, readonly string[]>,
): { whole: number | null; ofAsset: Map<string, number> } {
  const text = `${article.title.slice(0, 500)}\n${article.summary.slice(0, 4_000)}`;
  const sentences = [...text.matchAll(/[^\n]+?(?:[.!?]["”’)]?(?=\s|$)|$)/gm)].map(({ 0: piece, index }) => ({
    start: index,
    end: index + piece.length,
    text: piece.trim(),
  }));
  const mentions =
    assets.length < 2 ? [] : assets.flatMap((asset) => findNamed(text, asset, called.get(asset) ?? []));
  const measured = measureSentiment(sentences, mentions);
  return {
    whole: measured === null ? null : Number(measured.score),
    ofAsset: new Map((measured?.mentions ?? []).map(({ name, score }) => [name, Number(score)])),
  };
}

/** Where a text names an asset: its symbol in capitals, its name as written or in capitals. */
function findNamed(text: string, asset: string, names: readonly string[]): { start: number; name: string }[] {
  const found: { start: number; name: string }[] = [];
  for (const name of new Set(names.flatMap((one) => [one, one.toUpperCase()]))) {
    if (name.length < 2) continue;
    for (let at = text.indexOf(name); at >= 0; at = text.indexOf(name, at + name.length)) {
      const around = `${text[at - 1] ?? ' '}${text[at + name.length] ?? ' '}`;
      if (!/[\p{L}\p{N}]/u.test(around)) found.push({ start: at, name: asset });
    }
  }
  return found;
}

/** Assets that had a price in the month up to a day: an article does not make an asset. */
function knownAssets({ panel }: MarketHistory): (asset: string, day: number) => boolean {
  const place = new Map(panel.assets.map((asset, i) => [asset, i]));
  return (asset, day) => {
    const at = place.get(asset);
    if (at === undefined) return false;
    const closes = seriesOf(panel, panel.close, at);
    for (let i = day; i >= 0 && i > day - 31; i--) if (Number.isFinite(closes[i])) return true;
    return false;
  };
}

function within(written: readonly Scored[], fromMs: number, toMs: number): readonly Scored[] {
  return written.slice(firstAtOrAfter(written, fromMs), firstAtOrAfter(written, toMs));
}

function firstAtOrAfter(written: readonly Scored[], ms: number): number {
  let low = 0;
  let high = written.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (written[middle]!.publishedMs < ms) low = middle + 1;
    else high = middle;
  }
  return low;
}
