/**
 * Narratives: average linkage against its definition; planted groups are found, named, followed and led by the right
 * members; catalysts need both a jump and an article; look-ahead, order, cut histories, size, bad input.
 */
import { isDecimal } from '@assay/core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decimalOf, significant } from '../decimal-of.ts';
import type { MarketHistory } from '../figure.ts';
import { emptyPanel, instantOfDay, type Panel } from '../panel/index.ts';
import type { ArticleRow, NarrativeRow } from '../rows.ts';
import { averageLinkage } from './average-linkage.ts';
import { measureCoMovement } from './co-movement.ts';
import { narrativesFigure } from './narratives.ts';
import { standsForAnother, THEMES, themesOf } from './theme-lexicon.ts';

const DAY_MS = 86_400_000;
const T0 = Date.UTC(2022, 0, 1);
const { parameters } = narrativesFigure;

test('average linkage joins the pair with the least mean distance, again and again, as it is defined', () => {
  const matrix = fc
    .integer({ min: 1, max: 9 })
    .chain((n) =>
      fc
        .array(fc.integer({ min: 0, max: 12 }), { minLength: n * n, maxLength: n * n })
        .map((list) => ({ n, list })),
    );
  fc.assert(
    fc.property(matrix, fc.integer({ min: 0, max: 13 }), ({ n, list }, cut) => {
      const distance = (i: number, k: number) => (i === k ? 0 : list[Math.min(i, k) * n + Math.max(i, k)]!);
      let groups = Array.from({ length: n }, (_, i) => [i]);
      const mean = (a: number[], b: number[]) =>
        a.flatMap((i) => b.map((k) => distance(i, k))).reduce((x, y) => x + y, 0) / (a.length * b.length);
      let tied = false;
      for (;;) {
        const pairs = groups.flatMap((a, i) => groups.slice(i + 1).map((b) => ({ a, b, at: mean(a, b) })));
        const least = Math.min(...pairs.map(({ at }) => at));
        // The recurrence and the plain mean may round a tie differently: the case says nothing then.
        tied ||= pairs.filter(({ at }) => Math.abs(at - least) < 1e-9).length > 1 && groups.length < n;
        tied ||= Math.abs(least - cut) < 1e-9;
        const pair = pairs.find(({ at }) => at === least);
        if (pair === undefined || !(least < cut)) break;
        groups = groups.filter((group) => group !== pair.b);
        groups[groups.indexOf(pair.a)] = [...pair.a, ...pair.b].sort((x, y) => x - y);
      }
      fc.pre(!tied);
      const flat = Float64Array.from({ length: n * n }, (_, at) => distance(Math.floor(at / n), at % n));
      expect(averageLinkage(flat, n, cut)).toEqual(groups);
    }),
    { numRuns: 500 },
  );
});

test('of equal distances the first pair is joined', () => {
  const n = 4;
  const flat = Float64Array.from({ length: n * n }, (_, at) => (at % (n + 1) === 0 ? 0 : 1));
  flat[1 * n + 2] = 2;
  flat[2 * n + 1] = 2;
  // 0 and 1 first; {0, 1} and 3 are as near as 2 and 3, and come first; 2 is 4/3 away from the three.
  expect(averageLinkage(flat, n, 1.2)).toEqual([[0, 1, 3], [2]]);
});

test('decimals: rounded, never -0, never exponents, null for what is no number', () => {
  expect([decimalOf(1.23456, 2), decimalOf(-0.0001, 2), decimalOf(Number.NaN, 2)]).toEqual([
    '1.23',
    '0',
    null,
  ]);
  expect([significant(1.5e-9), significant(123456.789), significant(Infinity)]).toEqual([
    '0.0000000015',
    '123456.789',
    null,
  ]);
});

test('the lexicon: capitals only, no ticker twice in a theme, no ticker both a stablecoin and something else', () => {
  for (const { id, symbols, words } of THEMES) {
    for (const symbol of symbols) expect(symbol).toMatch(/^[A-Z0-9]+$/);
    if (id === 'stablecoin') for (const symbol of symbols) expect(themesOf(symbol)).toEqual(['stablecoin']);
    expect(words.test('nothing of note')).toBe(false);
  }
  expect(themesOf('doge')).toContain('meme');
  expect(standsForAnother('WBTC')).toBe(true);
  expect(standsForAnother('BTC')).toBe(false);
  const words = (id: string) => THEMES.find((one) => one.id === id)!.words;
  expect(words('layer-2').test('A new Layer 2 opens')).toBe(true);
  expect(words('ai').test('He said so')).toBe(false);
});

/** A seeded generator of standard normal numbers (Marsaglia's xorshift, Box and Muller). */
function normal(seed: number): () => number {
  let state = seed | 1;
  const uniform = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return ((state >>> 0) + 1) / 2 ** 32;
  };
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}

interface Made {
  symbol: string;
  /** Which common factor it follows; none for its own way. */
  factor?: string;
  drift?: number;
}

/** Returns = market + factor + noise, each with the same variance. */
function makePanel(assets: readonly Made[], days: number, seed = 7): Panel {
  const panel = emptyPanel(
    assets.map(({ symbol }) => ({ asset: symbol })),
    Array.from({ length: days }, (_, day) => T0 + day * DAY_MS),
  );
  const series = new Map<string, number[]>();
  const drawn = (name: string) => {
    const found = series.get(name);
    if (found) return found;
    const next = normal([...name].reduce((sum, letter) => sum * 31 + letter.charCodeAt(0), seed));
    const made = Array.from({ length: days }, () => 0.02 * next());
    series.set(name, made);
    return made;
  };
  for (const [i, { symbol, factor, drift = 0 }] of assets.entries()) {
    let price = 10 + i;
    for (let day = 0; day < days; day++) {
      const common = factor ? drawn(`factor ${factor}`)[day]! : drawn(`own ${symbol}`)[day]!;
      price *= Math.exp(drawn('market')[day]! + common + 0.7 * drawn(`noise ${symbol}`)[day]! + drift);
      panel.close[i * days + day] = price;
      panel.volume[i * days + day] = 1_000_000 / price;
      panel.marketCap[i * days + day] = price * (1_000 + i);
    }
  }
  return panel;
}

const DEFI = ['AAVE', 'COMP', 'CRV', 'UNI'];
const OTHERS = ['XAA', 'XBB', 'XCC', 'XDD'];
const UNIVERSE: Made[] = [
  ...DEFI.map((symbol) => ({ symbol, factor: 'defi' })),
  ...OTHERS.map((symbol) => ({ symbol, factor: 'other' })),
  ...['ZA', 'ZB', 'ZC', 'ZD', 'ZE', 'ZF', 'ZG', 'ZH'].map((symbol) => ({ symbol })),
];
const history = (panel: Panel, articles: ArticleRow[] = []): MarketHistory => ({
  panel,
  funding: [],
  articles,
  activity: [],
  development: [],
});
const compute = (given: MarketHistory, from: number, to: number, under = parameters): NarrativeRow[] =>
  narrativesFigure.compute({ history: given, days: { from, to }, figures: {} }, under);
const article = (day: number, assets: string, title: string, hours = 12): ArticleRow => ({
  time: new Date(T0 + day * DAY_MS + hours * 3_600_000).toISOString(),
  article: `${day} ${title}`,
  assets,
  title,
  summary: '',
  link: '',
});

test('planted groups are found exactly, named by theme or largest member, with their cohesion in words', () => {
  const rows = compute(history(makePanel(UNIVERSE, 130)), 125, 126);
  expect(rows.map(({ narrative, name, members }) => ({ narrative, name, members }))).toEqual([
    { narrative: 'defi', name: 'DeFi', members: DEFI },
    {
      narrative: expect.stringMatching(/^around-X/),
      name: expect.stringMatching(/^Around X/),
      members: OTHERS,
    },
  ]);
  expect(Number(rows[0]!.cohesion)).toBeGreaterThan(0.4);
  expect(rows[0]!.basis).toMatch(
    /^4 assets .* up to 2022-05-01.* because our list of tickers by theme has 4 of them\.$/,
  );
  expect(rows[1]!.basis).toContain('called after X');
});

test('articles name what the lexicon does not list', () => {
  const panel = makePanel(UNIVERSE, 130);
  const articles = ['XAA', 'XBB', 'XCC'].flatMap((asset, i) => [
    article(100 + i, asset, `${asset} builds a rollup for payments`),
    article(110 + i, asset, `${asset} opens its rollup to all`),
  ]);
  const [, other] = compute(history(panel, articles), 125, 126);
  expect(other).toMatchObject({ narrative: expect.stringMatching(/^around-X/), name: 'Layer 2' });
  expect(other!.basis).toContain('articles name it with 3 of them');
  // The same articles a month later come too late.
  const late = articles.map((one) => ({
    ...one,
    time: new Date(Date.parse(one.time) + 25 * DAY_MS).toISOString(),
  }));
  expect(compute(history(panel, late), 125, 126)[1]!.name).toMatch(/^Around X/);
});

test('returns, momentum and market capitalisation are those that a hand computes', () => {
  const panel = makePanel(UNIVERSE, 130);
  const at = (symbol: string, day: number) => panel.close[panel.assets.indexOf(symbol) * 130 + day]!;
  const gain = (symbols: readonly string[], days: number) =>
    symbols.reduce((sum, one) => sum + at(one, 128) / at(one, 128 - days) - 1, 0) / symbols.length;
  const [row] = compute(history(panel), 128, 129);
  expect(Number(row!.return7dPct)).toBeCloseTo(100 * gain(DEFI, 7), 3);
  expect(Number(row!.return30dPct)).toBeCloseTo(100 * gain(DEFI, 30), 3);
  expect(Number(row!.momentumPct)).toBeCloseTo(100 * (gain(DEFI, 30) - gain(panel.assets, 30)), 3);
  const caps = DEFI.reduce((sum, one) => sum + panel.marketCap[panel.assets.indexOf(one) * 130 + 128]!, 0);
  expect(Number(row!.marketCapUsd)).toBeCloseTo(caps, 1);
  const best = [...DEFI].sort((a, b) => at(b, 128) / at(b, 98) - at(a, 128) / at(a, 98));
  expect(row!.leaders).toEqual(best.slice(0, 3));
  panel.volume.fill(0.001, panel.assets.indexOf(best[0]!) * 130, (panel.assets.indexOf(best[0]!) + 1) * 130);
  expect(compute(history(panel), 128, 129)[0]!.leaders).not.toContain(best[0]);
});

test('a catalyst is an article on the day of a jump or the day before, and no other', () => {
  const panel = makePanel(UNIVERSE, 130, 11);
  const row = panel.assets.indexOf('AAVE') * 130;
  for (let day = 126; day < 130; day++) panel.close[row + day]! *= 1.5;
  const articles = [
    article(123, 'AAVE', 'Too early to have to do with it'),
    article(125, 'AAVE', 'A vote is announced'),
    article(126, 'AAVE', 'The vote is won'),
    article(126, 'AAVE', 'The vote is won - Another feed', 13),
    article(126, 'COMP', 'COMP did not move'),
    article(127, 'AAVE', 'AAVE holds its gains'),
  ];
  const titles = (day: number) =>
    compute(history(panel, articles), day, day + 1)
      .find(({ narrative }) => narrative === 'defi')!
      .catalysts.map(({ title }) => title);
  expect(titles(125)).toEqual([]);
  expect(titles(126).sort()).toEqual(['A vote is announced', 'The vote is won']);
  expect(titles(129)).toHaveLength(2);
});

test('a group keeps its name while its members change one by one, and a new one gets another', () => {
  const days = 250;
  const panel = makePanel(UNIVERSE, days);
  // From day 100 on ZA follows the second group, and XAA its own way.
  const swapped = makePanel(
    UNIVERSE.map((one) =>
      one.symbol === 'ZA' ? { ...one, factor: 'other' } : one.symbol === 'XAA' ? { symbol: 'XAA' } : one,
    ),
    days,
  );
  for (const symbol of ['ZA', 'XAA']) {
    const row = panel.assets.indexOf(symbol) * days;
    const factor = panel.close[row + 99]! / swapped.close[row + 99]!;
    for (let day = 100; day < days; day++) panel.close[row + day] = swapped.close[row + day]! * factor;
  }
  const rows = compute(history(panel), 100, days);
  const ids = (day: number) =>
    rows
      .filter(({ time }) => time === instantOfDay(T0 + day * DAY_MS))
      .map(({ narrative, members }) => [narrative, members.join(' ')]);
  const [before, after] = [ids(125), ids(249)];
  expect(before[1]![1]).toBe('XAA XBB XCC XDD');
  expect(after[1]![1]).toBe('XBB XCC XDD ZA');
  expect(after.map(([id]) => id)).toEqual(before.map(([id]) => id));
});

test('coins that keep to a dollar are a narrative by that alone, and in no other', () => {
  const panel = makePanel([...UNIVERSE, { symbol: 'USDT' }, { symbol: 'ZZUSD' }], 130);
  for (const symbol of ['USDT', 'ZZUSD']) {
    const row = panel.assets.indexOf(symbol) * 130;
    for (let day = 0; day < 130; day++) panel.close[row + day] = 1 + (day % 3) / 1000;
  }
  const rows = compute(history(panel), 125, 126);
  expect(rows.at(-1)).toMatchObject({
    narrative: 'stablecoin',
    members: ['USDT', 'ZZUSD'],
    leaders: [],
    cohesion: null,
  });
  expect(rows.slice(0, -1).flatMap(({ members }) => members)).not.toContain('ZZUSD');
});

test('no look-ahead; no row depends on the first wanted day, the order of assets or history before the lookback', () => {
  const days = 240;
  const whole = makePanel(UNIVERSE, days);
  // One day short of enough bars on the first of May: the next day may not help.
  const short = whole.assets.indexOf('ZH') * days;
  whole.close.fill(Number.NaN, short + 40, short + 59);
  const articles = Array.from({ length: 60 }, (_, i) =>
    article(4 * i, DEFI[i % 4]!, `Story number ${i} about DeFi lending`),
  );
  const all = compute(history(whole, articles), 95, days);
  for (const cut of [121, 150, 175, 200]) {
    const limit = instantOfDay(T0 + cut * DAY_MS);
    const lying = makePanel(UNIVERSE, days);
    for (let asset = 0; asset < lying.assets.length; asset++)
      for (let day = cut; day < days; day++) {
        const at = asset * days + day;
        lying.close[at] = 1e6 / (1 + ((asset * 37 + day * 11) % 97));
        lying.volume[at] = (asset * 7919) % 1000;
        lying.marketCap[at] = asset + 1;
      }
    lying.close.fill(Number.NaN, short + 40, short + 59);
    lying.close.fill(Number.NaN, short + cut, short + cut + 5);
    const lies = [
      ...articles.filter(({ time }) => time < limit),
      ...DEFI.map((asset) => article(cut, asset, `${asset} memecoin game privacy`, 0)),
    ];
    const early = ({ time }: NarrativeRow) => time < limit;
    expect(compute(history(lying, lies), 95, days).filter(early)).toEqual(all.filter(early));
    expect(compute(history(whole, articles), cut, days)).toEqual(all.filter((row) => !early(row)));
  }
  const backwards = compute(
    history(makePanelInOrder(whole, [...whole.assets].reverse()), articles),
    95,
    days,
  );
  expect(backwards).toEqual(all);
});

function makePanelInOrder(panel: Panel, order: readonly string[]): Panel {
  const width = panel.days.length;
  const made = emptyPanel(
    order.map((asset) => ({ asset })),
    panel.days,
  );
  for (const column of ['close', 'volume', 'marketCap'] as const)
    for (const [i, asset] of order.entries()) {
      const from = panel.assets.indexOf(asset) * width;
      made[column].set(panel[column].subarray(from, from + width), i * width);
    }
  return made;
}

test('the stated lookback is enough: older history changes nothing', () => {
  const days = 1_200;
  const panel = makePanel(UNIVERSE, days);
  const from = days - 1 - narrativesFigure.lookbackDays;
  const recent = { ...makePanel(UNIVERSE, days - from), days: panel.days.slice(from) };
  for (const column of ['close', 'volume', 'marketCap'] as const)
    for (let asset = 0; asset < panel.assets.length; asset++)
      recent[column].set(
        panel[column].subarray(asset * days + from, (asset + 1) * days),
        asset * (days - from),
      );
  const width = days - from;
  const long = compute(history(panel), days - 1, days);
  expect(long.length).toBeGreaterThan(0);
  expect(compute(history(recent), width - 1, width)).toEqual(long);
});

test('the market is taken out: assets that only follow it form no group', () => {
  const alone = Array.from({ length: 14 }, (_, i) => ({ symbol: `Z${i}` }));
  expect(compute(history(makePanel(alone, 130)), 125, 126)).toEqual([]);
  const moved = measureCoMovement(makePanel(alone, 130), 120, parameters)!;
  const n = moved.assets.length;
  const pairs = [...moved.correlations].filter((_, at) => at % (n + 1) !== 0);
  expect(Math.abs(pairs.reduce((sum, one) => sum + one, 0) / pairs.length)).toBeLessThan(0.12);
});

test('bad input: nothing, one asset, constant, negative, delisted and wild series; no NaN leaves', () => {
  expect(compute(history(emptyPanel([], [])), 0, 0)).toEqual([]);
  expect(compute(history(makePanel(UNIVERSE.slice(0, 1), 130)), 100, 130)).toEqual([]);
  const panel = makePanel(UNIVERSE, 160);
  const spoil = (symbol: string, from: number, value: number) =>
    panel.close.fill(
      value,
      panel.assets.indexOf(symbol) * 160 + from,
      (panel.assets.indexOf(symbol) + 1) * 160,
    );
  spoil('ZA', 0, 5);
  spoil('ZB', 100, -1);
  spoil('ZC', 130, Number.POSITIVE_INFINITY);
  spoil('UNI', 125, Number.NaN);
  spoil('XAA', 140, 1e9);
  const rows = compute(history(panel), 121, 160);
  const members = (day: number) =>
    rows.find(({ time, narrative }) => narrative === 'defi' && time === instantOfDay(T0 + day * DAY_MS))!
      .members;
  expect(members(130)).toContain('UNI');
  expect(members(132)).not.toContain('UNI');
  for (const row of rows)
    for (const value of [row.return7dPct, row.return30dPct, row.momentumPct, row.cohesion, row.marketCapUsd])
      expect(value === null || isDecimal(value)).toBe(true);
  const wild = rows.filter(
    ({ members, time }) => members.includes('XAA') && time > instantOfDay(T0 + 141 * DAY_MS),
  );
  for (const { return7dPct } of wild) expect(Math.abs(Number(return7dPct))).toBeLessThan(200);
});
