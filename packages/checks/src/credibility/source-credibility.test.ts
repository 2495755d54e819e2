/**
 * Credibility of a source: the worked example of docs/credibility.md against SciPy, then what no strategy of a
 * coalition may bring about, then decay, stake and broken input.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  type CredibilityInput,
  credibilityAt,
  credibilityHistory,
  DEFAULT_TERMS,
  type Outcome,
} from './source-credibility.ts';

const DAY = 86_400_000;
const day = (n: number) => new Date(Date.UTC(2024, 0, 1) + n * DAY).toISOString();
const outcome = (change: Partial<Outcome>): Outcome => ({
  source: 'a',
  fact: 'f',
  right: true,
  resolver: 'court',
  resolvedAt: day(0),
  ...change,
});
const input = (outcomes: Outcome[], change: Partial<CredibilityInput> = {}): CredibilityInput => ({
  outcomes,
  resolvers: ['court', 'exchange'],
  copies: [],
  stakes: {},
  terms: DEFAULT_TERMS,
  ...change,
});
const record = (right: number, wrong: number, change: Partial<Outcome> = {}) => [
  ...Array.from({ length: right }, (_, i) => outcome({ fact: `r${i}`, ...change })),
  ...Array.from({ length: wrong }, (_, i) => outcome({ fact: `w${i}`, right: false, ...change })),
];
const credible = (given: CredibilityInput, source = 'a', at = day(0)) =>
  Number(credibilityAt(source, at, given).credibility);

test('8 right and 2 wrong of today, half of the useful stake, one sure copy', () => {
  const found = credibilityAt(
    'a',
    day(0),
    input(record(8, 2), {
      stakes: { a: '10000' },
      copies: [{ sources: ['a', 'b'], probability: 1 }],
    }),
  );
  // scipy.stats.beta.ppf(0.05, 9, 3) = 0.5299132, ppf(0.95, 9, 3) = 0.9211800; 0.5 + 0.5 · 0.5; 1 / 2.
  expect(found).toMatchObject({
    bound: '0.529913',
    interval: ['0.529913', '0.92118'],
    mean: '0.75',
    stakeFactor: '0.75',
    independence: '0.5',
    credibility: '0.198717',
    facts: 10,
    right: 8,
  });
});

test('one half life later an outcome counts half: 8 and 2 are 4 and 1', () => {
  const later = credibilityAt('a', day(90), input(record(8, 2)));
  const fewer = credibilityAt('a', day(0), input(record(4, 1)));
  expect(later.interval).toEqual(fewer.interval);
});

const names = ['a', 'b', 'c', 'd', 'e', 'f'];
const anyOutcome = fc.record({
  source: fc.constantFrom(...names),
  fact: fc.constantFrom('1', '2', '3', '4', '5', '6', '7', '8'),
  right: fc.boolean(),
  resolver: fc.constantFrom('court', 'exchange', ...names),
  resolvedAt: fc.integer({ min: 0, max: 200 }).map(day),
});
const anyCopies = fc.array(
  fc.record({
    sources: fc.tuple(fc.constantFrom(...names), fc.constantFrom(...names)),
    probability: fc.double({ min: 0, max: 1, noNaN: true }),
  }),
  { maxLength: 6 },
);

test('whatever a coalition says of itself, none of its members gains', () => {
  fc.assert(
    fc.property(
      fc.array(anyOutcome, { maxLength: 60 }),
      anyCopies,
      fc.subarray(names, { minLength: 2 }),
      // Resolvers may be sources, and even members.
      fc.subarray(names),
      (outcomes, copies, coalition, alsoEntitled) => {
        const resolvers = ['court', 'exchange', ...alsoEntitled];
        const agreement = coalition.flatMap((x) =>
          coalition
            .filter((y) => x < y)
            .map((y) => ({ sources: [x, y] as [string, string], probability: 0.9 })),
        );
        const isOwnWord = ({ source, resolver }: Outcome) =>
          coalition.includes(source) && coalition.includes(resolver);
        const alone = input(
          outcomes.filter((it) => !isOwnWord(it)),
          { resolvers, copies },
        );
        const together = input(outcomes, { resolvers, copies: [...copies, ...agreement] });
        for (const member of coalition) {
          // Without the coalition's word, and no resolver of the coalition for either.
          const without = {
            ...alone,
            resolvers: resolvers.filter((resolver) => !partyOf(member, together.copies).has(resolver)),
          };
          expect(credible(together, member, day(200))).toBeLessThanOrEqual(
            credible(without, member, day(200)),
          );
        }
      },
    ),
    { numRuns: 300 },
  );
});

test('what is settled by nobody entitled, by the source itself or by its copies changes nothing', () => {
  fc.assert(
    fc.property(fc.array(anyOutcome, { maxLength: 40 }), fc.nat(20), fc.nat(20), (noise, right, wrong) => {
      const own = record(right, wrong);
      const copies = [{ sources: ['a', 'b'] as [string, string], probability: 0.8 }];
      const unheard = noise.filter(({ resolver }) => !['court', 'exchange'].includes(resolver));
      expect(credible(input([...own, ...unheard], { copies }), 'a', day(200))).toBe(
        credible(input(own, { copies }), 'a', day(200)),
      );
      const byCopy = record(20, 0, { resolver: 'b' }).map((it) => ({ ...it, fact: `x${it.fact}` }));
      const entitled = { copies, resolvers: ['court', 'b', 'a'] };
      expect(credible(input([...own, ...byCopy], entitled))).toBe(credible(input(own, entitled)));
    }),
    { numRuns: 100 },
  );
});

test('copying the resolver that is about to convict does not help', () => {
  const convicted = record(0, 10, { resolver: 'exchange' });
  const copied = { copies: [{ sources: ['a', 'exchange'] as [string, string], probability: 1 }] };
  expect(credible(input(convicted, copied))).toBeLessThanOrEqual(credible(input(convicted)));
  // Nor does its praise.
  expect(credible(input(record(10, 0, { resolver: 'exchange' }), copied))).toBe(credible(input([], copied)));
});

test('another wrong answer never raises, another right one never lowers', () => {
  fc.assert(
    fc.property(
      fc.array(anyOutcome, { maxLength: 30 }),
      fc.integer({ min: 0, max: 200 }),
      (outcomes, when) => {
        const before = credible(input(outcomes), 'a', day(200));
        const one = (right: boolean) => outcome({ fact: 'new', right, resolvedAt: day(when) });
        expect(credible(input([...outcomes, one(false)]), 'a', day(200))).toBeLessThanOrEqual(before);
        expect(credible(input([...outcomes, one(true)]), 'a', day(200))).toBeGreaterThanOrEqual(before);
      },
    ),
    { numRuns: 200 },
  );
});

test('with time the reputation only nears the prior', () => {
  fc.assert(
    fc.property(fc.nat(50), fc.nat(50), (right, wrong) => {
      const times = [0, 30, 90, 400, 3000].map(day);
      const history = credibilityHistory('a', times, input(record(right, wrong)));
      const away = history.map(({ mean }) => Math.abs(Number(mean) - 0.5));
      for (let i = 1; i < away.length; i++) expect(away[i]!).toBeLessThanOrEqual(away[i - 1]! + 1e-6);
      expect(history.at(-1)!.interval.map((it) => Number(it).toFixed(3))).toEqual(['0.050', '0.950']);
    }),
    { numRuns: 100 },
  );
});

test('stake without a record is not credible, and all the stake in the world at most lifts to the bound', () => {
  expect(credible(input([], { stakes: { a: '1000000000000' } }))).toBeLessThanOrEqual(0.05);
  fc.assert(
    fc.property(fc.nat(30), fc.nat(30), fc.integer({ min: 0, max: 1e12 }), (right, wrong, stake) => {
      const given = input(record(right, wrong), { stakes: { a: String(stake) } });
      const more = input(record(right, wrong), { stakes: { a: String(stake * 2 + 1) } });
      const { bound, credibility } = credibilityAt('a', day(0), given);
      expect(Number(credibility)).toBeLessThanOrEqual(Number(bound));
      expect(credible(more)).toBeGreaterThanOrEqual(Number(credibility));
    }),
    { numRuns: 100 },
  );
});

test('nothing that was settled later is looked at, and the order of the outcomes does not matter', () => {
  fc.assert(
    fc.property(
      fc.array(anyOutcome, { maxLength: 30 }),
      fc.integer({ min: 0, max: 200 }),
      (outcomes, when) => {
        const known = outcomes.filter(({ resolvedAt }) => resolvedAt <= day(when));
        const expected = credibilityAt('a', day(when), input(known));
        expect(credibilityAt('a', day(when), input(outcomes))).toEqual(expected);
        expect(credibilityAt('a', day(when), input([...outcomes].reverse()))).toEqual(expected);
      },
    ),
    { numRuns: 100 },
  );
});

test('a fact counts once, as most of its resolvers have it; a tie is wrong', () => {
  const facts = (outcomes: Outcome[]) => {
    const { facts, right } = credibilityAt('a', day(0), input(outcomes, { resolvers: ['x', 'y', 'z'] }));
    return [facts, right];
  };
  const by = (resolver: string, right: boolean) => outcome({ resolver, right });
  expect(facts([by('x', true), by('y', true), by('z', false)])).toEqual([1, 1]);
  expect(facts([by('x', true), by('y', false)])).toEqual([1, 0]);
  expect(facts([by('x', true), by('x', true), by('x', true), by('y', false), by('z', false)])).toEqual([
    1, 0,
  ]);
});

test('input that makes no sense is refused with what was expected', () => {
  const refuse = (change: Partial<CredibilityInput>, text: RegExp) =>
    expect(() => credibilityAt('a', day(0), input([], change))).toThrow(text);
  refuse({ terms: { ...DEFAULT_TERMS, halfLifeDays: 0 } }, /halfLifeDays: expected above 0, got 0/);
  refuse({ terms: { ...DEFAULT_TERMS, prior: { right: 0, wrong: 1 } } }, /prior.right/);
  refuse({ terms: { ...DEFAULT_TERMS, halfStake: '0' } }, /halfStake/);
  refuse({ terms: { ...DEFAULT_TERMS, withoutStake: Number.NaN } }, /withoutStake/);
  refuse({ stakes: { a: '-1' } }, /stakes.a/);
  refuse({ stakes: { a: 'NaN' } }, /stakes.a/);
  refuse({ copies: [{ sources: ['a', 'b'], probability: 2 }] }, /probability for a and b, got 2/);
  expect(() => credibilityAt('a', 'today', input([]))).toThrow(/at: expected a time/);
  expect(() => credibilityAt('a', day(0), input([outcome({ resolvedAt: '?' })]))).toThrow(/resolvedAt/);
});

/** Everybody connected with a source, found here in another way than in the code: by repeated passes over the pairs. */
function partyOf(source: string, copies: CredibilityInput['copies']): Set<string> {
  const party = new Set([source]);
  for (let pass = 0; pass < names.length; pass++) {
    for (const { sources, probability } of copies) {
      if (probability >= 0.5 && sources.some((it) => party.has(it))) for (const it of sources) party.add(it);
    }
  }
  return party;
}
