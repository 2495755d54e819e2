/**
 * Sentiment by asset: a score computed by hand from the decay, copies that count once, what was known when, and bad
 * input. The scores of sentences themselves are tested beside the scorer.
 */
import { measureSentiment, scoreSentence } from '@assay/checks/text';
import { isDecimal } from '@assay/core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { MarketHistory } from '../figure.ts';
import { emptyPanel } from '../panel/index.ts';
import type { ArticleRow } from '../rows.ts';
import { distinctArticles } from './distinct-articles.ts';
import { sentimentFigure } from './sentiment.ts';

const DAY_MS = 86_400_000;
const T0 = Date.UTC(2022, 0, 1);
const { parameters } = sentimentFigure;

function history(articles: ArticleRow[], days = 40): MarketHistory {
  const panel = emptyPanel(
    [{ asset: 'BTC', name: 'Bitcoin' }, { asset: 'ETH', name: 'Ethereum' }, { asset: 'OLD' }],
    Array.from({ length: days }, (_, day) => T0 + day * DAY_MS),
  );
  panel.close.fill(1, 0, 2 * days);
  return { panel, funding: [], articles, activity: [], development: [] };
}

let count = 0;
function article(hours: number, assets: string, title: string, more: Partial<ArticleRow> = {}): ArticleRow {
  count++;
  return {
    time: new Date(T0 + hours * 3_600_000).toISOString(),
    article: `a${count}`,
    assets,
    title,
    summary: '',
    link: '',
    ...more,
  };
}
const compute = (given: MarketHistory, from: number, to: number) =>
  sentimentFigure.compute({ history: given, days: { from, to }, figures: {} }, parameters);

test('the newer of two articles weighs twice the one a half-life older', () => {
  const [good, bad] = ['Bitcoin rallies to all-time high', 'Bitcoin plunges after exploit'];
  const given = history([article(30 * 24, 'BTC', bad), article(31 * 24, 'BTC', good)]);
  const row = compute(given, 31, 32).find(({ asset }) => asset === 'BTC')!;
  const expected = (2 * scoreSentence(good) + scoreSentence(bad)) / 3;
  expect(Number(row.score)).toBeCloseTo(expected, 3);
  expect(row).toMatchObject({ articles: '2', positive: '1', negative: '1' });
  expect(row.latest.map(({ title }) => title)).toEqual([good, bad]);
});

test('an article about two assets counts for each with the sentences that name it', () => {
  const title = 'Bitcoin rallies to a record high. ETH plunges after the exploit.';
  const rows = compute(history([article(31 * 24, 'BTC ETH', title)]), 31, 32);
  const label = (name: string) => rows.find(({ asset }) => asset === name)!.label;
  expect([label('BTC'), label('ETH')]).toEqual(['positive', 'negative']);
});

test('nothing written is unknown, never neutral; an asset without a price has no row', () => {
  expect(compute(history([]), 31, 32)).toMatchObject([
    { asset: 'market', score: null, label: 'unknown', articles: '0', latest: [] },
  ]);
  const given = history([article(24 * 5, 'BTC OLD NOBODY', 'Bitcoin rallies on good news for the market')]);
  const rows = compute(given, 5, 40);
  expect(new Set(rows.map(({ asset }) => asset))).toEqual(new Set(['market', 'BTC']));
  const btc = rows.filter(({ asset }) => asset === 'BTC');
  expect(btc.map(({ label }) => label)).toEqual([...Array(7).fill('positive'), ...Array(23).fill('unknown')]);
});

test('what is not English is counted and has no score', () => {
  const text = 'Der Kurs ist nach dem Angriff auf die Börse stark gefallen';
  expect(measureSentiment([{ start: 0, end: text.length, text }], [])).toBeNull();
  expect(compute(history([article(31 * 24, 'BTC', text)]), 31, 32)[1]).toMatchObject({
    asset: 'BTC',
    score: null,
    label: 'unknown',
    articles: '1',
    positive: '0',
    negative: '0',
    latest: [],
  });
});

test('an article counts from the day in which it was published, to the second', () => {
  const at = (seconds: number) =>
    history([article(31 * 24 + seconds / 3600, 'BTC', 'Bitcoin rallies to a record high')]);
  expect(compute(at(-1), 30, 31).find(({ asset }) => asset === 'BTC')?.articles).toBe('1');
  expect(compute(at(0), 30, 31).find(({ asset }) => asset === 'BTC')).toBeUndefined();
});

test('copies: same words, same link, other feeds; not other numbers, not weeks later', () => {
  const fold = (...articles: ArticleRow[]) => distinctArticles(articles, parameters);
  const story = 'Lender halts withdrawals citing extreme market conditions';
  expect(fold(article(0, 'BTC', story), article(2, 'BTC', `${story} - Some News`))).toHaveLength(1);
  expect(fold(article(0, 'BTC', story), article(2, 'BTC', `Crypto ${story.toUpperCase()}`))).toHaveLength(1);
  expect(
    fold(
      article(0, '', 'One headline here', { link: 'https://example.org/1' }),
      article(1, '', 'Rewritten fully later', { link: 'https://example.org/1' }),
    ),
  ).toHaveLength(1);
  expect(
    fold(article(0, 'BTC', 'Bitcoin falls 5% today'), article(1, 'BTC', 'Bitcoin falls 10% today')),
  ).toHaveLength(2);
  expect(fold(article(0, 'BTC', story), article(100, 'BTC', story))).toHaveLength(2);
  expect(fold(article(0, 'BTC', story), article(60, 'BTC', story), article(120, 'BTC', story))).toHaveLength(
    1,
  );
  const [, copy] = fold(article(0, 'BTC', story), article(1, 'BTC ETH', story));
  expect(copy).toMatchObject({ assets: ['ETH'], first: false });
});

test('prefix filtering finds every copy that comparing all pairs finds', () => {
  const word = fc.constantFrom('alpha', 'beta', 'gamma', 'delta', 'omega', 'sigma', 'kappa', '1', '2');
  fc.assert(
    fc.property(fc.array(fc.array(word, { minLength: 1, maxLength: 6 }), { maxLength: 20 }), (titles) => {
      const articles = titles.map((words, i) => article(i, '', words.join(' ')));
      const sets = titles.map((words) => new Set(words));
      const copyOf = (a: Set<string>, b: Set<string>) => {
        const digits = (set: Set<string>) =>
          [...set]
            .filter((one) => /\d/.test(one))
            .sort()
            .join();
        return (
          digits(a) === digits(b) &&
          [...a].filter((one) => b.has(one)).length / new Set([...a, ...b]).size >= 0.7
        );
      };
      const expected = articles.filter((_, i) => !sets.slice(0, i).some((other) => copyOf(other, sets[i]!)));
      const titlesWithUnits = distinctArticles(articles, { ...parameters, maxCompared: 1000 });
      expect(titlesWithUnits.map((one) => one.article.article)).toEqual(expected.map((one) => one.article));
    }),
    { numRuns: 200 },
  );
});

test('no look-ahead, and no row depends on where the wanted days begin or on the order of articles', () => {
  const titles = [
    'Bitcoin rallies',
    'Bitcoin plunges after exploit',
    'ETH gains as ETF approval nears',
    'ETH gains as the ETF approval nears',
  ];
  const made = fc.array(
    fc.record({
      hours: fc.integer({ min: 0, max: 45 * 24 - 1 }),
      assets: fc.constantFrom('BTC', 'ETH', 'BTC ETH', ''),
      title: fc.constantFrom(...titles),
    }),
    { minLength: 5, maxLength: 60 },
  );
  fc.assert(
    fc.property(made, fc.integer({ min: 34, max: 44 }), (list, cut) => {
      const articles = list
        .map(({ hours, assets, title }) => article(hours, assets, title))
        .sort((a, b) => (a.time < b.time ? -1 : 1));
      const all = compute(history(articles, 45), 0, 45);
      const end = T0 + cut * DAY_MS;
      const past = articles.filter(({ time }) => Date.parse(time) < end);
      const lies = [
        ...past,
        article(cut * 24, 'BTC ETH', 'Everything plunges, total collapse'),
        article(cut * 24 + 1, 'BTC', titles[0]!),
      ];
      const early = ({ time }: { time: string }) => Date.parse(time) < end;
      expect(compute(history(lies, 45), 0, 45).filter(early)).toEqual(all.filter(early));
      expect(compute(history(articles, 45), cut, 45)).toEqual(all.filter((row) => !early(row)));
      // The stated lookback is enough.
      const from = end + DAY_MS - 34 * DAY_MS;
      const recent = articles.filter(({ time }) => Date.parse(time) >= from);
      expect(compute(history(recent, 45), cut, cut + 1)).toEqual(
        all.filter(({ time }) => Date.parse(time) === end),
      );
    }),
    { numRuns: 40 },
  );
});

test('a copy counts for nothing although its original lies before the first day that keeps a row', () => {
  const title = 'Bitcoin rallies to a record high';
  const given = history([article(1, 'BTC', title), article(2 * 24 + 1, 'BTC', title)]);
  expect(compute(given, 31, 32).map(({ asset }) => asset)).toEqual(['market']);
  expect(compute(given, 0, 32).filter(({ asset }) => asset === 'BTC')).toHaveLength(30);
});

test('bad input: unreadable times, empty titles, lone surrogates, a flood', () => {
  const odd = [
    article(31 * 24, 'BTC', ''),
    article(31 * 24, 'BTC', '\ud800 Bitcoin rallies to a record high'),
    { ...article(0, 'BTC', 'Bitcoin rallies'), time: 'yesterday' },
  ];
  const flood = Array.from({ length: 6_000 }, (_, i) =>
    article(31 * 24 + 1, 'ETH', `ETH rallies for time ${i}`),
  );
  const rows = compute(history([...odd, ...flood]), 31, 32);
  for (const row of rows) {
    expect(row.score === null || isDecimal(row.score)).toBe(true);
    for (const { title } of row.latest) expect(title.isWellFormed()).toBe(true);
  }
  expect(rows.find(({ asset }) => asset === 'BTC')!.articles).toBe('2');
  expect(Number(rows.find(({ asset }) => asset === 'ETH')!.articles)).toBe(4_998);
});
