/**
 * The scorer against the paper: its worked values of the scoring function, small cases computed by hand from its
 * equations, and the two ends of its scale. (Against the published results of fourteen detectors on 27 of the
 * benchmark's files it agrees within 4e-11 in each file and profile; see docs/signal.md.)
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bestNabThreshold, NAB_PROFILES, type NabSeries, nabScore, normaliseNab } from './nab-score.ts';

const { standard } = NAB_PROFILES;
/** 100 points, so that 15 are probationary, with detections at the given places. */
const file = (detections: number[], windows: [number, number][] = [[40, 49]], length = 100): NabSeries => ({
  scores: Array.from({ length }, (_, at) => (detections.includes(at) ? 1 : 0)),
  windows,
});
const score = (
  detections: number[],
  profile: keyof typeof NAB_PROFILES = 'standard',
  windows?: [number, number][],
) => nabScore([file(detections, windows)], NAB_PROFILES[profile], 1);

describe('a window of ten points', () => {
  // Reference: 2 sigmoid(5) - 1 = 0.98661 at the left edge, which is divided by itself so that it earns 1.
  test.each([
    ['its first point earns all', 40, 1],
    // Position -(49 - 45 + 1) / 10 = -0.5: 0.84828 / 0.98661.
    ['its middle earns 0.8598', 45, 0.84828 / 0.98661],
    // Position -0.1: 2 / (1 + e^-0.5) - 1 = 0.24492.
    ['its last point still earns a quarter', 49, 0.24492 / 0.98661],
  ])('%s', (_, at, expected) => expect(score([at])).toBeCloseTo(expected, 4));

  test('only the first detection counts; a miss costs one, or two where misses are dear', () => {
    expect(score([40, 41, 45, 49])).toBeCloseTo(1, 12);
    expect(score([])).toBe(-1);
    expect(score([], 'low FN')).toBe(-2);
  });

  test('a false alarm costs by its distance behind the window: nine points are one width', () => {
    // sigmoid at one width: 2 / (1 + e^5) - 1 = -0.98661; at a ninth of it 2 / (1 + e^(5/9)) - 1 = -0.27083.
    expect(score([40, 58]) - 1).toBeCloseTo(-0.11 * 0.98661, 5);
    expect(score([40, 50]) - 1).toBeCloseTo(-0.11 * 0.27083, 5);
    expect(score([40, 77]) - 1).toBeCloseTo(-0.11, 12);
    expect(score([39, 40]) - 1).toBeCloseTo(-0.11, 12);
    expect(score([39, 40], 'low FP') - 1).toBeCloseTo(-0.22, 12);
  });
});

test('the probationary period neither earns nor costs, and its length is capped at 750 points', () => {
  expect(score([0, 5, 14, 40])).toBeCloseTo(1, 12);
  expect(score([15, 40])).toBeCloseTo(0.89, 12);
  const long = (at: number) => nabScore([file([at], [], 10_000)], standard, 1);
  expect(long(749)).toBe(0);
  expect(long(750)).toBe(-0.11);
});

test('the silent detector has 0 and the perfect one 100, in every profile', () => {
  for (const profile of Object.values(NAB_PROFILES)) {
    const perfect = [
      file([40]),
      file(
        [20, 60],
        [
          [20, 29],
          [60, 80],
        ],
      ),
    ];
    const silent = perfect.map(({ windows }) => file([], [...windows] as [number, number][]));
    expect(normaliseNab(nabScore(perfect, profile, 1), perfect, profile)).toBeCloseTo(100, 10);
    expect(normaliseNab(nabScore(silent, profile, 1), silent, profile)).toBe(0);
  }
});

test('property: the best threshold is as good as the best of trying each score, and scores what it says', () => {
  const scores = fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 60, maxLength: 60 });
  fc.assert(
    fc.property(fc.array(scores, { minLength: 1, maxLength: 3 }), (several) => {
      const files = several.map(
        (one): NabSeries => ({
          scores: one,
          windows: [
            [20, 26],
            [40, 50],
          ],
        }),
      );
      for (const profile of Object.values(NAB_PROFILES)) {
        const found = bestNabThreshold(files, profile);
        const tried = [...Array(11).keys()].map((threshold) => nabScore(files, profile, threshold));
        expect(found.score).toBeCloseTo(Math.max(...tried), 9);
        expect(nabScore(files, profile, found.threshold)).toBeCloseTo(found.score, 9);
      }
    }),
    { numRuns: 40 },
  );
});
