/**
 * Truth discovery. First the motivating example of Dong, Berti-Equille and Srivastava (VLDB 2009, table 1) and cases
 * worked by hand; then planted coalitions, of which the error must stay below the plain median's at every level and
 * which must raise an alert above one half; then what holds for any claims (order, names, unit, cap, exact numbers);
 * then broken input.
 */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { dice, normal } from '../dice.fixture.ts';
import { type Claim, MAX_SOURCES } from './claim-table.ts';
import { decimal, median, plant, STRATEGIES, type Strategy } from './planted-colluders.fixture.ts';
import { capped, measureSources, sourceWeights } from './source-weights.ts';
import { discoverTruth, type Truths } from './truth-discovery.ts';
import { weightedMedian } from './weighted-median.ts';

const AT = '2024-01-01T00:00:00Z';
const numbers = (...values: string[]): Claim[] =>
  values.map((value, i) => ({ fact: 'f', source: `s${i}`, value, at: AT }));
const byHundred = { kind: 'number', tolerance: { absolute: '1' } } as const;
const LEVELS = [0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45];

test('the example of the paper: where plain voting follows the copies, there is an alert or no known error', () => {
  const table: Record<string, string[]> = {
    Stonebraker: ['MIT', 'Berkeley', 'MIT', 'MIT', 'MS'],
    Dewitt: ['MSR', 'MSR', 'UWisc', 'UWisc', 'UWisc'],
    Bernstein: ['MSR', 'MSR', 'MSR', 'MSR', 'MSR'],
    Carey: ['UCI', 'AT&T', 'BEA', 'BEA', 'BEA'],
    Halevy: ['Google', 'Google', 'UW', 'UW', 'UW'],
  };
  const claims = Object.entries(table).flatMap(([fact, row]) =>
    row.map((value, i) => ({ fact, source: `S${i + 1}`, value, at: AT })),
  );
  const found = Object.fromEntries(
    discoverTruth(claims, { kind: 'category' }).facts.map(({ fact, value, alert }) => [
      fact,
      value ?? alert!.kind,
    ]),
  );
  expect(found).toMatchObject({
    Stonebraker: 'MIT',
    Bernstein: 'MSR',
    Dewitt: 'rival-value',
    Halevy: 'rival-value',
  });
  // Five facts cannot show who copies: the copies of S3 are still believed where S1 and S2 differ too.
  expect(found.Carey).toBe('BEA');
});

test('a long record of shared errors shows the copies, and the truth is found', () => {
  // As in the paper: independent sources that err at times, one of them with two copies.
  const claims: Claim[] = [];
  for (let i = 0; i < 60; i++) {
    const wrong = (source: number) => (i * 7 + source * 3) % 10 < 2;
    const said = [0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 8].map((source) =>
      wrong(source) ? `wrong ${source} ${i % 4}` : 'right',
    );
    [...said, said[10]!, said[10]!].forEach((value, s) => {
      claims.push({ fact: `f${String(i).padStart(2, '0')}`, source: `S${10 + s}`, value, at: AT });
    });
  }
  const { facts, copies } = discoverTruth(claims, { kind: 'category' });
  expect(copies.map(({ sources }) => sources.join('='))).toEqual(['S20=S21', 'S20=S22', 'S21=S22']);
  expect(copies.every(({ by, probability }) => by === 'shared-errors' && probability > 0.99)).toBe(true);
  expect(facts.filter(({ value }) => value !== 'right')).toEqual([]);
});

test('the weighted median by hand', () => {
  const at = (...weights: number[]) => weightedMedian([...weights.keys()], weights);
  expect(at(1, 1, 1)).toEqual({ low: 1, high: 1 });
  expect(at(1, 1, 4)).toEqual({ low: 2, high: 2 });
  expect(new Set(Object.values(at(1, 1, 1, 1)))).toEqual(new Set([1, 2]));
  expect(new Set(Object.values(at(2, 1, 1)))).toEqual(new Set([0, 1]));
  expect(at(0.1, 0.2, 0.3, 0.05, 0.35)).toEqual({ low: 2, high: 2 });
});

test('a source is weighed by the CATD bound: 10 errors of 1 are a deviation of at most sqrt(10 / 3.247)', () => {
  const record = { claims: 9, loss: 9, coreClaims: 9, coreLoss: 9, wrong: 0, lastHeard: 0 };
  const { bounds, weights } = sourceWeights({
    // One pseudo-claim of the usual deviation makes it ten; 3.247 is NIST's 2.5 % point of chi-square with 10 degrees.
    ...measureSources([], [], [record], 1),
  });
  expect(bounds[0]).toBeCloseTo(Math.sqrt(10 / 3.247), 3);
  expect(weights[0]! * bounds[0]!).toBeCloseTo(1, 12);
});

test('the cap goes round until nobody is above it', () => {
  expect(capped([8, 1, 1], 0.5).map((share) => share.toFixed(3))).toEqual(['0.500', '0.250', '0.250']);
  expect(capped([100, 10, 1, 1], 0.3)).toEqual([0.3, 0.3, 0.2, 0.2]);
  expect(capped([5, 1], 0.1)).toEqual([0.5, 0.5]);
  expect(capped([3, 0, 0], 0.1)).toEqual([1, 0, 0]);
});

test('too few, no agreement, a rival: each its own alert', () => {
  const kindOf = (...values: string[]) => discoverTruth(numbers(...values), byHundred).facts[0]!.alert?.kind;
  expect(kindOf('1', '1')).toBe('too-few-independent');
  expect(kindOf('1', '50', '100')).toBe('no-agreement');
  expect(kindOf('10', '10.2', '10.1', '20', '20.3')).toBe('rival-value');
  expect(kindOf('10', '10.2', '10.1')).toBeUndefined();
  expect(kindOf('10', '10.2', '10.1', '20')).toBeUndefined();
});

interface Score {
  ours: number;
  medians: number;
  known: number;
  wrong: number;
  contested: number;
  contestedAlerts: number;
  needlessAlerts: number;
}

function score(colluding: number, strategy: Strategy, seeds: number[], facts = 120): Score {
  const total: Score = {
    ours: 0,
    medians: 0,
    known: 0,
    wrong: 0,
    contested: 0,
    contestedAlerts: 0,
    needlessAlerts: 0,
  };
  for (const seed of seeds) {
    const planted = plant({ sources: 20, facts, colluding, strategy, seed });
    const found = discoverTruth(planted.claims, {
      kind: 'number',
      tolerance: { absolute: String(planted.tolerance) },
    });
    planted.truths.forEach(({ truth, contested }, f) => {
      const { value, votes } = found.facts[f]!;
      if (contested) total.contested++;
      if (value === null) {
        if (contested) total.contestedAlerts++;
        else total.needlessAlerts++;
        return;
      }
      total.known++;
      total.ours += Math.abs(Number(value) - truth);
      total.medians += Math.abs(median(votes.map((vote) => Number(vote.value))) - truth);
      if (Math.abs(Number(value) - truth) > planted.tolerance) total.wrong++;
    });
  }
  return total;
}

test.each(STRATEGIES)(
  '%s: with 10, 15 … 45 of 100 colluding the error is below the plain median’s',
  (strategy) => {
    for (const level of LEVELS) {
      const { ours, medians, known, wrong } = score(
        level,
        strategy,
        process.env.ASSAY_LONG ? [11, 12, 13, 14] : [12],
        120,
      );
      expect(ours / known, `${level}`).toBeLessThan(medians / known);
      expect(wrong).toBe(0);
      // Not by keeping silent.
      expect(known).toBeGreaterThan(116);
    }
  },
);

test('for any seed, from a quarter of colluders on', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1e9 }),
      fc.constantFrom(...STRATEGIES),
      fc.constantFrom(0.3, 0.35, 0.4, 0.45),
      (seed, strategy, level) => {
        const { ours, medians, wrong } = score(level, strategy, [seed], 150);
        expect(ours).toBeLessThan(medians);
        expect(wrong).toBe(0);
      },
    ),
    { numRuns: process.env.ASSAY_LONG ? 200 : 6 },
  );
});

test.each(['same-value', 'noisy-copies', 'honest-then-lying'] as const)(
  '%s: above one half there is an alert and no figure where they lie',
  (strategy) => {
    for (const level of [0.55, 0.65, 0.75]) {
      const { contested, contestedAlerts, wrong } = score(level, strategy, [21], 120);
      expect(contestedAlerts / contested, `${level}`).toBeGreaterThan(0.98);
      expect(wrong / contested).toBeLessThan(0.01);
    }
  },
);

test.each(['alternating', 'small-bias'] as const)(
  '%s: above one half no figure is off by more than the tolerance',
  (strategy) => {
    for (const level of [0.55, 0.65, 0.75]) expect(score(level, strategy, [31], 120).wrong).toBe(0);
  },
);

test('honest sources are hardly ever held to be copies, and alarm nobody', () => {
  let pairs = 0;
  for (const seed of [1, 2, 3, 4, 5]) {
    const { claims, tolerance } = plant({
      sources: 20,
      facts: 150,
      colluding: 0,
      strategy: 'same-value',
      seed,
    });
    const found = discoverTruth(claims, { kind: 'number', tolerance: { absolute: String(tolerance) } });
    pairs += found.copies.length;
    expect(found.facts.every(({ value }) => value !== null)).toBe(true);
  }
  // Of 950.
  expect(pairs).toBeLessThanOrEqual(1);
});

const NOISES: Record<string, (random: () => number, fact: number) => number> = {
  'heavy tails': (random) =>
    normal(random) / Math.sqrt((normal(random) ** 2 + normal(random) ** 2) / 2 + 0.1),
  'calm and wild days': (random, fact) => normal(random) * (Math.floor(fact / 25) % 2 === 0 ? 1 : 0.1),
  'a long calm': (random, fact) => normal(random) * (fact < 75 ? 1 : 0.05),
  'gross errors': (random) => normal(random) * (random() < 0.1 ? 20 : 1),
  'rounded to halves': (random) => normal(random),
};

test.each(Object.keys(NOISES))('honest sources are no copies for %s', (name) => {
  for (const sources of [5, 12]) {
    const random = dice(sources);
    const quality = Array.from({ length: sources }, () => 0.3 + 0.7 * random());
    const claims: Claim[] = [];
    for (let f = 0; f < 150; f++) {
      const truth = 1000 + 20 * normal(random);
      quality.forEach((deviation, s) => {
        const value = truth + deviation * NOISES[name]!(random, f);
        claims.push({
          fact: `f${String(f).padStart(3, '0')}`,
          source: `s${s}`,
          value: decimal(name === 'rounded to halves' ? Math.round(2 * value) / 2 : value),
          at: new Date(Date.UTC(2024, 0, 1) + f * 60_000).toISOString(),
        });
      });
    }
    const found = discoverTruth(claims, { kind: 'number', tolerance: { absolute: '3' } });
    expect(found.copies).toEqual([]);
    expect(found.facts.filter(({ value }) => value === null).length).toBeLessThan(8);
  }
});

test('sources that all report the same exact number are no copies for that', () => {
  const claims = Array.from({ length: 100 }, (_, f) =>
    Array.from({ length: 6 }, (_, s) => ({
      fact: `f${String(f).padStart(3, '0')}`,
      source: `s${s}`,
      value: String((f + s) % 17 === 0 ? 7 * s : 1000 + f),
      at: AT,
    })),
  ).flat();
  const found = discoverTruth(claims, { kind: 'number', tolerance: { absolute: '0.5' } });
  expect(found.copies).toEqual([]);
  expect(found.facts.every(({ value }, f) => value === String(1000 + f))).toBe(true);
});

test('the 95 % interval holds the truth at least that often', () => {
  let inside = 0;
  let known = 0;
  for (const seed of [41, 42, 43]) {
    const { claims, truths, tolerance } = plant({
      sources: 9,
      facts: 150,
      colluding: 0.2,
      strategy: 'same-value',
      seed,
    });
    discoverTruth(claims, { kind: 'number', tolerance: { absolute: String(tolerance) } }).facts.forEach(
      ({ interval }, f) => {
        if (!interval) return;
        known++;
        const [low, high] = interval.map(Number) as [number, number];
        if (low <= truths[f]!.truth && truths[f]!.truth <= high) inside++;
      },
    );
  }
  expect(known).toBeGreaterThan(400);
  expect(inside / known).toBeGreaterThan(0.95);
});

test('in pieces, with the history handed on, the coalition is found as well', () => {
  const { claims, truths, tolerance } = plant({
    sources: 20,
    facts: 200,
    colluding: 0.45,
    strategy: 'honest-then-lying',
    seed: 77,
  });
  let history: Truths['history'] | undefined;
  let ours = 0;
  let medians = 0;
  let wrong = 0;
  for (let f = 0; f < 200; f += 5) {
    const found = discoverTruth(claims.slice(f * 20, (f + 5) * 20), {
      kind: 'number',
      tolerance: { absolute: String(tolerance) },
      ...(history ? { history } : {}),
    });
    history = structuredClone(found.history);
    found.facts.forEach(({ value, votes }, i) => {
      if (value === null) return;
      ours += Math.abs(Number(value) - truths[f + i]!.truth);
      medians += Math.abs(median(votes.map((vote) => Number(vote.value))) - truths[f + i]!.truth);
      if (Math.abs(Number(value) - truths[f + i]!.truth) > tolerance) wrong++;
    });
  }
  expect(ours).toBeLessThan(medians / 1.5);
  expect(wrong).toBe(0);
});

const anyClaims = fc.array(
  fc.record({
    fact: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
    source: fc.constantFrom('p', 'q', 'r', 's', 't', 'u', 'v'),
    value: fc.integer({ min: -5_000_000, max: 5_000_000 }).map((n) => decimal(n / 1000)),
    at: fc.integer({ min: 0, max: 59 }).map((s) => `2024-01-01T00:00:${String(s).padStart(2, '0')}Z`),
  }),
  { minLength: 1, maxLength: 60 },
);
const options = { kind: 'number', tolerance: { relative: '0.05' }, maxAgeSeconds: 40 } as const;

test('neither the order of the claims nor the names of the sources change an answer', () => {
  fc.assert(
    fc.property(
      anyClaims.chain((claims) =>
        fc.tuple(
          fc.constant(claims),
          fc.shuffledSubarray(claims, { minLength: claims.length, maxLength: claims.length }),
        ),
      ),
      ([claims, shuffled]) => {
        const found = discoverTruth(claims, options);
        expect(discoverTruth(shuffled, options)).toEqual(found);
        const renamed = discoverTruth(
          claims.map((claim) => ({ ...claim, source: `z${'vutsrqp'.indexOf(claim.source)}` })),
          options,
        );
        expect(renamed.facts.map(({ value, alert }) => value ?? alert!.kind)).toEqual(
          found.facts.map(({ value, alert }) => value ?? alert!.kind),
        );
      },
    ),
    { numRuns: 100 },
  );
});

test('another unit gives the same answers in that unit, exactly', () => {
  fc.assert(
    fc.property(anyClaims, fc.constantFrom(1000, 2, 10, 8), (claims, factor) => {
      const times = (value: string) => decimal(Number(value) * factor);
      const found = discoverTruth(claims, options);
      const scaled = discoverTruth(
        claims.map((claim) => ({ ...claim, value: times(claim.value) })),
        options,
      );
      expect(scaled.facts.map(({ value, alert }) => value ?? alert!.kind)).toEqual(
        found.facts.map(({ value, alert }) => (value === null ? alert!.kind : times(value))),
      );
    }),
    { numRuns: 100 },
  );
});

test('shares sum to one and respect the cap, and a value is a claim or the exact mean of two', () => {
  fc.assert(
    fc.property(anyClaims, fc.double({ min: 0.05, max: 1, noNaN: true }), (claims, weightCap) => {
      for (const { value, votes, interval } of discoverTruth(claims, { ...options, weightCap }).facts) {
        const voting = votes.filter(({ share }) => share > 0);
        expect(votes.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 9);
        const most = Math.max(weightCap, 1 / voting.length);
        expect(Math.max(...votes.map(({ share }) => share))).toBeLessThanOrEqual(most * (1 + 1e-9));
        if (value === null) continue;
        const micro = (text: string) => Math.round(Number(text) * 10_000);
        const sums = voting.flatMap((a) => voting.map((b) => (micro(a.value) + micro(b.value)) / 2));
        expect(sums).toContain(micro(value));
        expect(Number(interval![0])).toBeLessThanOrEqual(Number(value));
        expect(Number(interval![1])).toBeGreaterThanOrEqual(Number(value));
      }
    }),
    { numRuns: 100 },
  );
});

test('digits that doubles do not have are kept', () => {
  const of = (...values: string[]) => discoverTruth(numbers(...values), byHundred).facts[0]!.value;
  expect(of('0.1234567890123456789012', '0.1234567890123456789012', '0.1234567890123456789012')).toBe(
    '0.1234567890123456789012',
  );
  expect(
    of(
      '100000000000000000000.1',
      '100000000000000000000.1',
      '100000000000000000000.4',
      '100000000000000000000.4',
    ),
  ).toBe('100000000000000000000.25');
});

test('numbers as far apart as decimals can be raise an alert, not an infinity', () => {
  const huge = `1${'0'.repeat(78)}`;
  const { facts, history } = discoverTruth(numbers(`-${huge}`, '0', huge, '1', `-${huge}`), {
    kind: 'number',
    tolerance: { absolute: `0.${'0'.repeat(38)}1` },
  });
  expect(facts[0]!.value).toBeNull();
  expect(JSON.parse(JSON.stringify(history))).toEqual(history);
});

test('what cannot count is refused by name, and the rest is judged', () => {
  const claim = (source: string, value: unknown, at = AT) => ({ fact: 'f', source, value, at }) as Claim;
  const { facts, refused } = discoverTruth(
    [
      ...numbers('1', '1.1', '1.2'),
      claim('nan', 'NaN'),
      claim('float', 1.5),
      claim('infinite', '1e999'),
      claim('nothing', null),
      claim('no-time', '1', 'yesterday'),
      claim('old', '9', '2023-12-31T23:00:00Z'),
      claim('early', '9', '2024-01-02T00:00:00Z'),
      claim('two-minded', '1'),
      claim('two-minded', '2'),
      claim('x'.repeat(201), '1'),
    ],
    { ...byHundred, maxAgeSeconds: 60, now: '2024-01-01T00:01:00Z' },
  );
  expect(facts[0]!.value).toBe('1.1');
  expect(facts[0]!.votes).toHaveLength(3);
  const why = Object.fromEntries(refused.map((it) => [it.claim.source.slice(0, 12), it.why]));
  expect(why).toMatchObject({
    nan: 'malformed',
    float: 'malformed',
    infinite: 'malformed',
    nothing: 'malformed',
    'no-time': 'malformed',
    old: 'stale',
    early: 'from-the-future',
    'two-minded': 'contradicts-itself',
    xxxxxxxxxxxx: 'malformed',
  });
});

test('nothing claimed is nothing known; options that make no sense are refused', () => {
  expect(discoverTruth([], byHundred)).toMatchObject({ facts: [], sources: [], copies: [] });
  const refuse = (change: object, text: RegExp) =>
    expect(() => discoverTruth(numbers('1'), { ...byHundred, ...change })).toThrow(text);
  refuse({ tolerance: { absolute: '0' } }, /tolerance: expected a positive decimal/);
  refuse({ tolerance: undefined }, /tolerance/);
  refuse({ minimumSources: 1 }, /minimumSources: expected 2 to 64, got 1/);
  refuse({ weightCap: 0 }, /weightCap/);
  refuse({ rivalShare: 0.9 }, /rivalShare/);
  refuse({ madMultiple: Number.NaN }, /madMultiple/);
  refuse({ maxAgeSeconds: -1 }, /maxAgeSeconds/);
  refuse({ now: 'soon' }, /now/);
  refuse({ history: { sources: ['a'], records: [], evidence: [] } }, /history/);
  const many = Array.from({ length: MAX_SOURCES + 1 }, () => '1');
  expect(() => discoverTruth(numbers(...many), byHundred)).toThrow(/at most 64 sources, got 65/);
});
