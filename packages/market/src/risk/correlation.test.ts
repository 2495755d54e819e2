/**
 * Correlations against Pearson's definition in plain loops over the days that a pair has in common, with and without
 * missing days; the lists against a sort of everything; and that blocks make no difference to a single bit.
 */
import { AssayError } from '@assay/core';
import { expect, test } from 'vitest';
import type { Panel } from '../panel/index.ts';
import { correlationFigure, correlationMatrix, MAX_ASSETS } from './index.ts';
import { inputOf, panelOfCloses, randomPanel } from './market.fixture.ts';

const PARAMETERS = correlationFigure.parameters;

function returnsOf(panel: Panel, asset: number, day: number, window: number): number[] {
  return Array.from({ length: window }, (_, k) => {
    const at = asset * panel.days.length + day - window + 1 + k;
    return Math.log(panel.close[at]!) - Math.log(panel.close[at - 1]!);
  });
}

function pearson(x: number[], y: number[]): { r: number; days: number } {
  const both = x.flatMap((value, k) => (Number.isNaN(value + y[k]!) ? [] : [[value, y[k]!] as const]));
  const n = both.length;
  const mx = both.reduce((sum, [a]) => sum + a, 0) / n;
  const my = both.reduce((sum, [, b]) => sum + b, 0) / n;
  const xy = both.reduce((sum, [a, b]) => sum + (a - mx) * (b - my), 0);
  const xx = both.reduce((sum, [a]) => sum + (a - mx) ** 2, 0);
  const yy = both.reduce((sum, [, b]) => sum + (b - my) ** 2, 0);
  return { r: xy / Math.sqrt(xx * yy), days: n };
}

const panel = randomPanel(150, 120, 21);
const DAY = 110;

test('the matrix is Pearson’s correlation over the days in common, and says how many they are', () => {
  const assets = [3, 9, 19, 40, 59, 60, 61, 62, 63, 64, 65, 129];
  const { correlation, days } = correlationMatrix(panel, DAY, 90, assets);
  const size = assets.length;
  let partly = 0;
  for (const [i, a] of assets.entries()) {
    for (const [j, b] of assets.entries()) {
      const expected = pearson(returnsOf(panel, a, DAY, 90), returnsOf(panel, b, DAY, 90));
      expect(correlation[i * size + j]).toBeCloseTo(i === j ? 1 : expected.r, 12);
      expect(days[i * size + j]).toBe(expected.days);
      expect(correlation[i * size + j]).toBe(correlation[j * size + i]);
      if (expected.days < 90) partly++;
    }
  }
  expect(partly).toBeGreaterThan(20);
});

test('who else is there changes no bit of a pair', () => {
  const all = correlationMatrix(
    panel,
    DAY,
    90,
    panel.assets.map((_, i) => i),
  ).correlation;
  for (const [i, j] of [
    [0, 1],
    [5, 149],
    [62, 66],
    [9, 140],
  ] as const) {
    expect(correlationMatrix(panel, DAY, 90, [i, j]).correlation[1]).toBe(all[i * 150 + j]);
  }
});

test('the lists hold the ten highest and lowest of everything, and the market is all the others', () => {
  const rows = correlationFigure.compute(inputOf(panel, DAY, DAY + 1), PARAMETERS);
  const used = rows.map((row) => panel.assets.indexOf(row.asset));
  expect(rows.length).toBeGreaterThan(140);
  for (const row of rows.filter((_, i) => i % 13 === 0)) {
    const own = panel.assets.indexOf(row.asset);
    const x = returnsOf(panel, own, DAY, 90);
    const others = used.filter((asset) => asset !== own);
    const sorted = others
      .map((asset) => pearson(x, returnsOf(panel, asset, DAY, 90)).r)
      .toSorted((a, b) => b - a);
    expect(row.highest.map(({ correlation }) => Number(correlation))).toEqual(
      sorted.slice(0, 10).map((r) => expect.closeTo(r, 3)),
    );
    expect(row.lowest.map(({ correlation }) => Number(correlation))).toEqual(
      sorted
        .toReversed()
        .slice(0, 10)
        .map((r) => expect.closeTo(r, 3)),
    );
    const returns = others.map((asset) => returnsOf(panel, asset, DAY, 90));
    const market = x.map((_, k) => {
      const known = returns.map((series) => series[k]!).filter((value) => !Number.isNaN(value));
      return known.reduce((sum, value) => sum + value, 0) / known.length;
    });
    expect(Number(row.toMarket)).toBeCloseTo(pearson(x, market).r, 3);
  }
});

test('a copy correlates by 1, its mirror by -1, what never moves with nothing', () => {
  const moves = Array.from({ length: 100 }, (_, i) => ((i * 37) % 11) - 5);
  const walk = (scale: number) => {
    let log = 0;
    return moves.map((move) => {
      log += 0.01 * scale * move;
      return Math.exp(log);
    });
  };
  const rows = correlationFigure.compute(
    inputOf(panelOfCloses([walk(1), walk(3), walk(-2), Array(100).fill(7)]), 99),
    PARAMETERS,
  );
  expect(rows[0]!.highest[0]).toEqual({ asset: 'asset-1', correlation: '1' });
  expect(rows[0]!.lowest[0]).toEqual({ asset: 'asset-2', correlation: '-1' });
  expect(rows[3]).toMatchObject({ asset: 'asset-3', toMarket: null, highest: [], lowest: [] });
});

test('too few days in common are no correlation', () => {
  const closes = (from: number, to: number) =>
    Array.from({ length: 100 }, (_, i) => (i >= from && i < to ? 100 + ((i * 7) % 13) : Number.NaN));
  // 44 and 90 returns in the window; 44 are too few for a row.
  const rows = correlationFigure.compute(
    inputOf(panelOfCloses([closes(55, 100), closes(0, 100)]), 99),
    PARAMETERS,
  );
  expect(rows.map(({ asset, toMarket, highest }) => ({ asset, toMarket, highest }))).toEqual([
    { asset: 'asset-1', toMarket: null, highest: [] },
  ]);
  const { correlation, days } = correlationMatrix(
    panelOfCloses([closes(0, 30), closes(70, 100)]),
    99,
    99,
    [0, 1],
  );
  expect(correlation[1]).toBeNaN();
  expect(days[1]).toBe(0);
});

test('bounds are named', () => {
  expect(() => correlationMatrix(panel, DAY, 90, [150])).toThrow(AssayError);
  expect(() => correlationMatrix(panel, 120, 90, [0])).toThrow('expected a day from 0 to 119, got 120');
  expect(() => correlationMatrix(panel, DAY, 1, [0])).toThrow('expected a window of 2 to 10,000 days, got 1');
  expect(() => correlationMatrix(panel, DAY, 90, Array(2_001).fill(0))).toThrow(
    'expected at most 2000 assets',
  );
  expect(() => correlationFigure.compute(inputOf(randomPanel(MAX_ASSETS + 1, 1, 1), 0), PARAMETERS)).toThrow(
    `expected at most ${MAX_ASSETS} assets`,
  );
});
