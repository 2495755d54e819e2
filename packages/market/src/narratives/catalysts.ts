import type { Decimal } from '@assay/core';
import type { MarketHistory } from '../figure.ts';
import type { Panel } from '../panel/index.ts';
import type { ArticleRow, NarrativeRow } from '../rows.ts';
import { type CopyRule, distinctArticles } from '../sentiment/distinct-articles.ts';
import { logReturns, median } from './co-movement.ts';

export interface CatalystParameters extends CopyRule {
  /** Days up to the row's day in which jumps are looked for. */
  catalystDays: number;
  /** A return, less the market's, beyond this many standard deviations of the days before is a jump. */
  jumpDeviations: Decimal;
  deviationDays: number;
  /** Listed for each narrative. */
  catalysts: number;
}

const DAY_MS = 86_400_000;

/**
 * Finds articles about assets that coincide with a jump of their price: published on the day of the jump or the day
 * before. Coincidence is all that is shown; which caused which, nobody measured.
 *
 * @returns for a narrative's assets, the market and a day: the articles of the greatest jumps first.
 */
export function catalystFinder(
  { panel, articles }: MarketHistory,
  days: { from: number; to: number },
  parameters: CatalystParameters,
): (assets: readonly number[], market: Market, day: number) => NarrativeRow['catalysts'] {
  const written = articlesByDay(panel, articles, days, parameters);
  const known = new Map<Market, { returns: Map<number, number>; jumps: Map<string, number> }>();
  return (assets, market, day) => {
    const found: { article: ArticleRow; size: number }[] = [];
    for (const asset of assets) {
      for (let at = day; at > day - parameters.catalystDays && at >= 1; at--) {
        const about = [at - 1, at].flatMap((when) => written.get(`${panel.assets[asset]} ${when}`) ?? []);
        if (about.length === 0) continue;
        const size = jumpOf(asset, market, at);
        if (size >= Number(parameters.jumpDeviations))
          found.push(...about.map((article) => ({ article, size })));
      }
    }
    found.sort(
      (a, b) =>
        b.size - a.size ||
        (a.article.time < b.article.time ? 1 : a.article.time > b.article.time ? -1 : 0) ||
        (a.article.article < b.article.article ? -1 : 1),
    );
    return [...new Map(found.map(({ article }) => [`${article.article} ${article.title}`, article])).values()]
      .slice(0, parameters.catalysts)
      .map(({ title, link, time, article }) => ({
        title: title.slice(0, 300).toWellFormed(),
        link,
        time,
        article,
      }));
  };

  /** Of a day, in standard deviations of the days before it; 0 when that cannot be said. */
  function jumpOf(asset: number, market: Market, day: number): number {
    const { jumps } = knownOf(market);
    const key = `${asset} ${day}`;
    const before = jumps.get(key);
    if (before !== undefined) return before;
    const window = parameters.deviationDays;
    const series = logReturns(panel, asset, day, window + 1).map(
      (change, i) => change - marketReturn(market, day - window + i),
    );
    const past = [...series.subarray(0, window)].filter(Number.isFinite);
    const mean = past.reduce((sum, one) => sum + one, 0) / past.length;
    const squares = past.reduce((sum, one) => sum + (one - mean) ** 2, 0);
    const deviation = Math.sqrt(squares / (past.length - 1));
    const size = Math.abs(series[window]! - mean) / deviation;
    const answer = 2 * past.length >= window && deviation > 1e-9 && Number.isFinite(size) ? size : 0;
    jumps.set(key, answer);
    return answer;
  }

  function marketReturn(market: Market, day: number): number {
    if (market === null) return 0;
    const { returns } = knownOf(market);
    const before = returns.get(day);
    if (before !== undefined) return before;
    const value = median(market.map((asset) => logReturns(panel, asset, day, 1)[0]!).filter(Number.isFinite));
    returns.set(day, value);
    return value;
  }

  function knownOf(market: Market) {
    const found = known.get(market) ?? { returns: new Map(), jumps: new Map() };
    known.set(market, found);
    return found;
  }
}

/** The assets whose median return is taken off; null takes nothing off, as for coins that keep to a dollar. */
type Market = readonly number[] | null;

/** By asset and place of the day; copies of one story once. */
function articlesByDay(
  panel: Panel,
  articles: readonly ArticleRow[],
  days: { from: number; to: number },
  parameters: CatalystParameters,
): Map<string, ArticleRow[]> {
  const first = panel.days[0] ?? 0;
  const from = first + (days.from - parameters.catalystDays - 1) * DAY_MS - parameters.copyHours * 3_600_000;
  const to = first + days.to * DAY_MS;
  const within = articles.filter(({ time }) => {
    const at = Date.parse(time);
    return at >= from && at < to;
  });
  const byDay = new Map<string, ArticleRow[]>();
  for (const { article, publishedMs, assets } of distinctArticles(within, parameters)) {
    for (const asset of assets) {
      const key = `${asset} ${Math.floor((publishedMs - first) / DAY_MS)}`;
      const list = byDay.get(key);
      if (list === undefined) byDay.set(key, [article]);
      else list.push(article);
    }
  }
  return byDay;
}
