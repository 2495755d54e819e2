/**
 * Scenarios: cases by hand, coverage of the band on random walks with a known answer, whole-market sizes by hand, and
 * no look-ahead.
 */
import { expect, test } from 'vitest';
import { emptyPanel, type Panel } from '../panel/index.ts';
import { scenariosFigure } from './scenarios-figure.ts';

const DAY = 86_400_000;
const T0 = Date.UTC(2023, 0, 1);
const panelOf = (series: number[][], caps: number[] = []): Panel => {
  const length = series[0]!.length;
  const panel = emptyPanel(
    series.map((_, a) => ({ asset: `A${a}` })),
    Array.from({ length }, (_, d) => T0 + d * DAY),
  );
  for (const [a, closes] of series.entries()) {
    panel.close.set(closes, a * length);
    if (caps[a] !== undefined) panel.marketCap.fill(caps[a]!, a * length, (a + 1) * length);
  }
  return panel;
};
const rowsOf = (panel: Panel, from = 0, to = panel.days.length) =>
  scenariosFigure.compute(
    {
      history: { panel, funding: [], articles: [], activity: [], development: [] },
      days: { from, to },
      figures: {},
    },
    scenariosFigure.parameters,
  );
/** Returns of plus and minus two percent in turn: mean zero, deviation known. */
const zigzag = Array.from({ length: 401 }, (_, d) => 100 * Math.exp(d % 2 === 0 ? 0 : 0.02));

test('by hand: no drift, and a spread of the normal deviate times volatility times the root of the horizon', () => {
  const rows = rowsOf(panelOf([zigzag]), 400, 401);
  expect(rows.map(({ horizonDays }) => horizonDays)).toEqual(['30', '90', '365']);
  const [bear, base, moon] = rows[0]!.cases;
  const sigma = 0.02 * Math.sqrt(30);
  expect(Number(base!.price)).toBeCloseTo(100, 0);
  expect(Math.log(Number(moon!.price) / Number(base!.price))).toBeCloseTo(1.2816 * sigma, 3);
  expect(Math.log(Number(bear!.price) / Number(base!.price))).toBeCloseTo(-1.2816 * sigma, 3);
  expect(bear!.basis).toMatch(/one in ten ends lower, were returns normal. A scenario, not a forecast.$/);
  expect(rows[0]!.marketCaps).toEqual([]);
});

test('the whole market at twice its size: an asset with beta one doubles, whatever the horizon', () => {
  // Both move alike: beta is one, nothing is left over.
  const panel = panelOf([zigzag, zigzag.map((close) => close / 50)], [6e11, 4e11]);
  for (const { price, marketCaps } of rowsOf(panel, 400, 401)) {
    expect(marketCaps.map(({ totalUsd, base }) => [totalUsd, Number(base) / Number(price)])).toEqual([
      ['1000000000000', 1],
      ['2000000000000', 2],
      ['5000000000000', 5],
      ['10000000000000', 10],
    ]);
    for (const { bear, base, moon } of marketCaps) expect([bear, moon]).toEqual([base, base]);
  }
});

test('on random walks four in five end between bear and moon', () => {
  let state = 7;
  const uniform = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state + 0.5) / 2 ** 32;
  };
  const normal = () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
  const walks = Array.from({ length: 400 }, () => {
    let price = 100;
    return Array.from({ length: 330 }, () => {
      price *= Math.exp(0.03 * normal());
      return price;
    });
  });
  const panel = panelOf(walks);
  const rows = rowsOf(panel, 299, 300).filter(({ horizonDays }) => horizonDays === '30');
  const inside = rows.filter(({ cases }, a) => {
    const end = walks[a]![329]!;
    return end >= Number(cases[0]!.price) && end <= Number(cases[2]!.price);
  });
  // Four standard errors of 400 draws around 0.8.
  expect(Math.abs(inside.length / rows.length - 0.8)).toBeLessThan(0.08);
});

test('no row reads a later day; too little, a constant price and no assets', () => {
  const before = rowsOf(panelOf([zigzag], [1e9])).filter(({ time }) => Date.parse(time) < T0 + 300 * DAY);
  const lied = zigzag.map((close, d) => (d >= 300 ? close * 1e6 : close));
  const after = rowsOf(panelOf([lied], [1e9])).filter(({ time }) => Date.parse(time) < T0 + 300 * DAY);
  expect(after).toEqual(before);
  expect(before[0]!.time).toBe(new Date(T0 + 60 * DAY).toISOString().replace('.000', ''));
  const constant = rowsOf(panelOf([zigzag.map(() => 5)]), 400, 401)[0]!;
  expect(constant.cases.map(({ price, returnPct }) => [price, returnPct])).toEqual([
    ['5', '0'],
    ['5', '0'],
    ['5', '0'],
  ]);
  expect(rowsOf(emptyPanel([], [T0]))).toEqual([]);
  expect(rowsOf(panelOf([[1, Number.NaN, 2]]))).toEqual([]);
});
