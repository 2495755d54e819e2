/**
 * Several series: a break of correlation that no series shows alone, independence calibrated like one series, and
 * degenerate inputs: constant, identical and absurd columns.
 */
import { describe, expect, test } from 'vitest';
import { ALARM_DISTANCE, experience, falseAlarmChance } from './calibration.ts';
import { newJoint, observeJointly } from './joint.ts';
import { alarmStrength, newSeries, observe } from './series.ts';
import { autoregression, whiteNoise } from './simulated.fixture.ts';

const NAMES = ['a', 'b', 'c', 'd'];
function run(rows: readonly number[][]) {
  const memory = newJoint(rows[0]!.length);
  return rows.map((row, at) => {
    const { distance, column } = observeJointly(memory, row, NAMES.slice(0, row.length));
    const alarm = alarmStrength(memory, distance) >= ALARM_DISTANCE;
    return { alarm, column, distance, chance: falseAlarmChance(distance, at) };
  });
}

/** Two gauges of one slowly moving quantity. */
function twins(length: number, seed: number): number[][] {
  const noise = [whiteNoise(length, seed + 1), whiteNoise(length, seed + 2)];
  return autoregression(length, 0.98, seed).map((level, at) => [
    level + 0.1 * noise[0]![at]!,
    3 * level + 20 + 0.3 * noise[1]![at]!,
  ]);
}

test('a gauge that leaves its twin by a value ordinary for both is found by the two together, and by neither alone', () => {
  const rows = twins(3000, 31).map(([a, b], at) => (at < 2500 ? [a!, b!] : [a!, b! + 6]));
  const spread =
    Math.max(...rows.slice(0, 2500).map(([, b]) => b!)) - Math.min(...rows.slice(0, 2500).map(([, b]) => b!));
  expect(6).toBeLessThan(spread / 4);
  expect(
    run(rows)
      .slice(2500, 2503)
      .some(({ alarm }) => alarm),
  ).toBe(true);
  for (const which of [0, 1]) {
    const memory = newSeries({ period: null });
    const alone = rows.map(
      (row) => observe(memory, row[which]!, null).distance * experience(memory.seen) >= ALARM_DISTANCE,
    );
    expect(alone.slice(2500, 2503)).toEqual([false, false, false]);
  }
});

describe('calibration: a chance of at most p comes for at most p of the rows', () => {
  test.each([
    ['four independent noises', (seed: number) => NAMES.map((_, at) => whiteNoise(4000, seed + at))],
    [
      'four independent AR(1), 0.9',
      (seed: number) => NAMES.map((_, at) => autoregression(4000, 0.9, seed + at)),
    ],
  ])('%s', (_, columns) => {
    const rows = [41, 51].flatMap((seed) => {
      const series = columns(seed);
      return run(series[0]!.map((_, at) => series.map((one) => one[at]!))).slice(400);
    });
    for (const p of [0.02, 0.01, 0.005]) {
      expect(rows.filter(({ chance }) => chance <= p).length / rows.length).toBeLessThanOrEqual(p);
    }
  });
});

test('constant, identical and absurd columns neither crash nor blind the others', () => {
  const noise = whiteNoise(2000, 61);
  const rows = noise.map((v, at) => [v, v, 5, at === 1000 ? 1e300 : at === 1001 ? -1e300 : 2 * v]);
  const judged = run(rows);
  expect(judged.every(({ distance }) => Number.isFinite(distance))).toBe(true);
  expect(judged[1000]).toMatchObject({ alarm: true });
});
