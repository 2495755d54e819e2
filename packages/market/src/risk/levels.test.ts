/**
 * Levels on prices drawn by hand: where they lie, how often they were touched, and that a turning point is
 * known only once the bars that confirm it are over.
 */
import { expect, test } from 'vitest';
import { instantOfDay } from '../panel/index.ts';
import { levelsFigure } from './index.ts';
import { inputOf, panelOfCloses, randomPanel } from './market.fixture.ts';

const PARAMETERS = levelsFigure.parameters;

/** Up and down between 100 and 120 in steps of 2, ten days each way. */
const zigzag = Array.from({ length: 100 }, (_, day) => {
  const place = day % 20;
  return place <= 10 ? 100 + 2 * place : 140 - 2 * place;
});

test('a price that goes up and down between 100 and 120 has support at 100 and resistance at 120', () => {
  const panel = panelOfCloses([zigzag]);
  // Day 95 stands at 110; tops on 10, 30, 50, 70 and 90, bottoms on 20, 40, 60 and 80.
  const [row] = levelsFigure.compute(inputOf(panel, 95, 96), PARAMETERS);
  const weights = (ages: number[]) => ages.reduce((sum, age) => sum + 0.5 ** (age / 90), 0);
  expect(row).toMatchObject({
    support: [{ price: '100', touches: '4', lastTouch: instantOfDay(panel.days[80]!) }],
    resistance: [{ price: '120', touches: '5', lastTouch: instantOfDay(panel.days[90]!) }],
  });
  expect(Number(row!.support[0]!.strength)).toBeCloseTo(weights([75, 55, 35, 15]), 4);
  expect(Number(row!.resistance[0]!.strength)).toBeCloseTo(weights([85, 65, 45, 25, 5]), 4);
});

test('a turning point counts on the fifth day after it, not on the fourth', () => {
  const panel = panelOfCloses([zigzag]);
  const rows = levelsFigure.compute(inputOf(panel, 94, 96), PARAMETERS);
  expect(rows.map((row) => row.resistance[0]!.touches)).toEqual(['4', '5']);
});

test('a level that the price has passed is support where it was resistance', () => {
  const panel = panelOfCloses([[...zigzag.slice(0, 95), 112, 116, 121, 124, 126]]);
  const [row] = levelsFigure.compute(inputOf(panel, 99), PARAMETERS);
  expect(row!.resistance).toEqual([]);
  expect(row!.support.map(({ price }) => price)).toEqual(['120', '100']);
});

test('one touch is no level, and a constant price has none', () => {
  const once = [
    ...Array.from({ length: 20 }, (_, i) => 100 + i),
    ...Array.from({ length: 20 }, (_, i) => 119 - i),
  ];
  for (const closes of [once, Array(40).fill(100)]) {
    const [row] = levelsFigure.compute(inputOf(panelOfCloses([closes]), 39), PARAMETERS);
    expect(row).toMatchObject({ support: [], resistance: [] });
  }
});

test('levels are on their side of the price, nearest first, apart by more than their width, and at most five', () => {
  const panel = randomPanel(30, 400, 8);
  const rows = levelsFigure.compute(inputOf(panel, 395), PARAMETERS);
  expect(rows.length).toBeGreaterThan(100);
  for (const row of rows) {
    const asset = panel.assets.indexOf(row.asset);
    const day = panel.days.indexOf(Date.parse(row.time));
    const close = panel.close[asset * 400 + day]!;
    const below = row.support.map(({ price }) => Number(price));
    const above = row.resistance.map(({ price }) => Number(price));
    expect(below).toEqual(below.toSorted((a, b) => b - a));
    expect(above).toEqual(above.toSorted((a, b) => a - b));
    expect(Math.max(...below)).toBeLessThan(close);
    expect(Math.min(...above)).toBeGreaterThan(close);
    expect(Math.max(below.length, above.length)).toBeLessThanOrEqual(5);
    for (const { touches, lastTouch } of [...row.support, ...row.resistance]) {
      expect(Number(touches)).toBeGreaterThan(1);
      expect(Date.parse(lastTouch)).toBeLessThanOrEqual(panel.days[day - 5]!);
    }
  }
});
