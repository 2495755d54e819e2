import type { ArticleRow } from '../rows.ts';

/** An article as it counts: a copy counts again only for assets that no earlier copy names. */
export interface DistinctArticle {
  article: ArticleRow;
  publishedMs: number;
  /** Assets that it counts for. */
  assets: readonly string[];
  /** Whether it counts for the market: no copy came before it. */
  first: boolean;
}

export interface CopyRule {
  /** Share of words that two titles have in common (Jaccard), in percent, from which one is a copy. */
  copyPercent: number;
  /** A copy appears within this of another. */
  copyHours: number;
  /** No title is compared with more than this many others, the latest first. */
  maxCompared: number;
}

const HOUR_MS = 3_600_000;
const MAX_WORDS = 40;
const MAX_ASSETS = 50;

/**
 * Counts a story once, however many feeds bring it or how often one sends it: an article counts for an asset, and for
 * the market, unless an earlier one with nearly the same title did within `copyHours`. Titles are compared as sets of
 * words; two titles with different numbers are different stories ("falls 5%", "falls 10%"). What an article counts
 * for depends on the `copyHours` before it alone, so that later articles and an older history change nothing.
 *
 * Candidates come from prefix filtering (Bayardo, Ma & Srikant, WWW 2007): two titles that share enough words share
 * one of their longest few, so that only those are indexed.
 *
 * @param articles in any order; those without a readable time are left out.
 * @returns ascending in time; articles that bring nothing new are gone.
 */
export function distinctArticles(articles: readonly ArticleRow[], rule: CopyRule): DistinctArticle[] {
  const threshold = rule.copyPercent / 100;
  const index = new Map<string, Indexed[]>();
  const distinct: DistinctArticle[] = [];
  const dated = articles
    .map((article) => ({ article, publishedMs: Date.parse(article.time) }))
    .filter(({ publishedMs }) => Number.isFinite(publishedMs))
    .sort((a, b) => a.publishedMs - b.publishedMs || compare(keyOf(a.article), keyOf(b.article)));
  for (const { article, publishedMs } of dated) {
    const words = wordsOf(article.title);
    const named = [...new Set(article.assets.split(' ').filter(Boolean))].slice(0, MAX_ASSETS);
    const one: Indexed = {
      publishedMs,
      link: article.link,
      words: new Set(words),
      numbers: words.filter((word) => /\d/.test(word)).join(' '),
      assets: named,
    };
    const keys = words.slice(0, words.length - Math.ceil(threshold * words.length) + 1);
    if (article.link !== '') keys.push(`link ${article.link}`);
    const taken = new Set<string>();
    let first = true;
    for (const key of keys) {
      const candidates = index.get(key) ?? [];
      const oldest = Math.max(0, candidates.length - rule.maxCompared);
      for (let i = candidates.length - 1; i >= oldest; i--) {
        const other = candidates[i]!;
        if (publishedMs - other.publishedMs > rule.copyHours * HOUR_MS) break;
        if (!isCopy(one, words, other, threshold)) continue;
        first = false;
        for (const asset of other.assets) taken.add(asset);
      }
      if (candidates.length === 0) index.set(key, [one]);
      else candidates.push(one);
    }
    const assets = named.filter((asset) => !taken.has(asset));
    if (first || assets.length > 0) distinct.push({ article, publishedMs, assets, first });
  }
  return distinct;
}

interface Indexed {
  publishedMs: number;
  link: string;
  words: ReadonlySet<string>;
  numbers: string;
  assets: readonly string[];
}

function isCopy(one: Indexed, words: readonly string[], other: Indexed, threshold: number): boolean {
  if (one.link !== '' && one.link === other.link) return true;
  return one.numbers === other.numbers && overlap(words, other.words) >= threshold;
}

/** Longest first, for long words are rare; without what a feed puts behind its titles (" - Some News"). */
function wordsOf(title: string): string[] {
  const plain = title
    .toLowerCase()
    .replace(/\s+[-–—|]\s+[^-–—|]{2,30}$/u, '')
    .replace(/(\d),(?=\d{3})/g, '$1');
  const words = plain.match(/\d+(?:\.\d+)?|\p{L}+/gu) ?? [];
  return [...new Set(words)].sort((a, b) => b.length - a.length || compare(a, b)).slice(0, MAX_WORDS);
}

function overlap(words: readonly string[], others: ReadonlySet<string>): number {
  let shared = 0;
  for (const word of words) if (others.has(word)) shared++;
  const union = words.length + others.size - shared;
  return union === 0 ? 0 : shared / union;
}

function keyOf({ article, title, link, assets }: ArticleRow): string {
  return [article, title, link, assets].join('\n');
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
