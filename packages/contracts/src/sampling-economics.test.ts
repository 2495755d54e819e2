/**
 * Where honesty pays: rounds played by the court's rules, against the bound that the court enforces. Rational cheaters
 * play whatever gains most.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Gain,
  leastSamplingPpm,
  type ProviderStrategy,
  playProvider,
  playValidator,
  riskOfLying,
  type SamplingTerms,
} from './sampling-economics.ts';

const ROUNDS = 10_000;
const CHEATS: readonly ProviderStrategy[] = ['lie', 'lie and betray', 'lie and hide'];
const ONE = 10n ** 18n;
const TERMS: SamplingTerms = {
  computeCost: ONE,
  lieGain: 50n * ONE,
  providerReward: 2n * ONE,
  validatorsReward: 6n * ONE,
  providerStake: 1_000n * ONE,
  validatorStake: 100n * ONE,
  samplingPpm: 60_000,
  plantedPpm: 20_000,
  colludingBps: 3_300,
  validators: 3,
};

test('the bound, worked out by hand', () => {
  // 0.06·[(1 − 0.035937)·1,000 − 0.035937·6] = 57.830842...
  expect(Number(riskOfLying(TERMS)) / 1e18).toBeCloseTo(57.830_842_68, 6);
  // 51 / [(1 − 0.035937)·1,000 − 0.035937·6] = 0.052913...
  expect(leastSamplingPpm(TERMS)).toBe(52_913);
  // (p·0.964063)²·1,000 − 2·p·0.035937·6 = 51 at p = 0.2346...
  expect(leastSamplingPpm(TERMS, true)).toBeGreaterThan(234_000);
  expect(leastSamplingPpm(TERMS, true)).toBeLessThan(236_000);
  expect(leastSamplingPpm({ ...TERMS, colludingBps: 10_000 })).toBeNull();
  expect(leastSamplingPpm({ ...TERMS, lieGain: 964n * ONE })).toBeNull();
});

test('the least rate is enough and one less is not', () => {
  fc.assert(
    fc.property(
      fc.record({
        lieGain: fc.bigInt(0n, 10_000n * ONE),
        providerStake: fc.bigInt(0n, 100_000n * ONE),
        validatorsReward: fc.bigInt(0n, 100n * ONE),
        colludingBps: fc.integer({ min: 0, max: 10_000 }),
        validators: fc.integer({ min: 1, max: 16 }),
      }),
      fc.boolean(),
      (some, biasable) => {
        const terms = { ...TERMS, ...some };
        const least = leastSamplingPpm(terms, biasable);
        const needed = terms.computeCost + terms.lieGain;
        if (least === null) {
          expect(riskOfLying({ ...terms, samplingPpm: 1_000_000 }, biasable)).toBeLessThan(needed);
          return;
        }
        expect(riskOfLying({ ...terms, samplingPpm: least }, biasable)).toBeGreaterThanOrEqual(needed);
        if (least > 1) {
          expect(riskOfLying({ ...terms, samplingPpm: least - 1 }, biasable)).toBeLessThan(needed);
        }
      },
    ),
  );
});

describe(`${ROUNDS.toLocaleString('en')} rounds of each strategy`, () => {
  for (const colludingBps of [0, 1_000, 3_300, 5_000, 6_600]) {
    const terms = { ...TERMS, colludingBps };
    const least = leastSamplingPpm(terms)!;

    test(`${colludingBps / 100} % collude: half as much again as the bound, and every cheat loses`, () => {
      const play = playedAt({ ...terms, samplingPpm: Math.round(1.5 * least) });
      for (const cheat of CHEATS) expect(surplus(play('honest'), play(cheat))).toBeGreaterThan(3);
    });

    test(`${colludingBps / 100} % collude: at the bound no cheat gains`, () => {
      const play = playedAt({ ...terms, samplingPpm: least });
      for (const cheat of CHEATS) expect(surplus(play('honest'), play(cheat))).toBeGreaterThan(-3);
    });

    test(`${colludingBps / 100} % collude: at half the bound lying pays`, () => {
      const play = playedAt({ ...terms, samplingPpm: Math.round(least / 2) });
      expect(surplus(play('lie and betray'), play('honest'))).toBeGreaterThan(3);
    });
  }

  test('honesty stops paying where a lie is worth twice what the terms assume', () => {
    const samplingPpm = leastSamplingPpm(TERMS)!;
    const play = playedAt({ ...TERMS, samplingPpm, lieGain: 2n * TERMS.lieGain });
    expect(surplus(play('lie and betray'), play('honest'))).toBeGreaterThan(3);
  });

  test('honesty stops paying where far more collude than the terms assume', () => {
    const samplingPpm = leastSamplingPpm(TERMS)!;
    const play = playedAt({ ...TERMS, samplingPpm, colludingBps: 8_500 });
    expect(surplus(play('lie'), play('honest'))).toBeGreaterThan(3);
  });

  test('who repeats what he was told loses to planted tasks, and gains where too few are planted', () => {
    // The bound: C = q·(R_V/n + stake), 1 = q·102.
    const gains = (plantedPpm: number): number => {
      const options = { rounds: 100 * ROUNDS, random: seeded(7) };
      const terms = { ...TERMS, plantedPpm };
      return surplus(playValidator(terms, 'compute', options), playValidator(terms, 'repeat', options));
    };
    expect(gains(20_000)).toBeGreaterThan(3);
    expect(gains(Math.ceil(1e6 / 102))).toBeGreaterThan(-3);
    expect(gains(4_000)).toBeLessThan(-3);
  });
});

/** Every strategy sees its own draws; all from one seed, so that a run can be repeated. */
function playedAt(terms: SamplingTerms): (strategy: ProviderStrategy) => Gain {
  const random = seeded(42);
  return (strategy) => playProvider(terms, strategy, { rounds: ROUNDS, population: 60, random });
}

/** By how many standard errors the first gains more than the second. */
function surplus(a: Gain, b: Gain): number {
  return (a.mean - b.mean) / Math.hypot(a.standardError, b.standardError);
}

/** Mulberry32: small, and good enough to draw lots in a simulation. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
