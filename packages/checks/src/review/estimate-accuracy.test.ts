/**
 * From a queue's decisions alone: careful and careless reviewers are told apart by intervals that hold their true
 * share, planted questions correct a majority that means the opposite, and where nothing can be told nothing is said.
 */
import { DECISIONS, type Decision } from '@assay/core';
import { expect, test } from 'vitest';
import { accuracies, LEAST_DECISIONS, type ReviewerDecision } from './accuracy.ts';
import { estimateAccuracy } from './estimate-accuracy.ts';

/** Numbers from 0 to 1 that are the same in every run (mulberry32). */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A queue in which two of the reviewers look at each item, each right as often as planted. */
function queue(seed: number, items: number, planted: Readonly<Record<string, number>>) {
  const next = numbers(seed);
  const names = Object.keys(planted);
  const decisions: ReviewerDecision[] = [];
  const truth = new Map<string, Decision>();
  const right = new Map(names.map((name) => [name, { right: 0, of: 0 }]));
  for (let i = 0; i < items; i++) {
    const item = `item-${i}/1`;
    const true_ = DECISIONS[Math.floor(next() ** 1.5 * 3)]!;
    truth.set(item, true_);
    const first = Math.floor(next() * names.length);
    const second = (first + 1 + Math.floor(next() * (names.length - 1))) % names.length;
    for (const at of [first, second]) {
      const reviewer = names[at]!;
      const others = DECISIONS.filter((decision) => decision !== true_);
      const isRight = next() < planted[reviewer]!;
      decisions.push({ reviewer, item, decision: isRight ? true_ : others[Math.floor(next() * 2)]! });
      const count = right.get(reviewer)!;
      count.of += 1;
      count.right += isRight ? 1 : 0;
    }
  }
  return { decisions, truth, right };
}

test('accurate and careless reviewers are told apart, each within its interval', () => {
  const planted = { ann: 0.97, ben: 0.92, cleo: 0.9, dirk: 0.55 };
  for (const seed of [1, 2, 3, 4, 5]) {
    const { decisions, truth, right } = queue(seed, 300, planted);
    const gold = [...truth].slice(0, 30).map(([item, decision]) => ({ item, decision }));
    const known = accuracies(decisions, gold, estimateAccuracy);
    expect([...known.keys()].sort()).toEqual(Object.keys(planted));
    for (const [name, { right: count, of }] of right) {
      const { low, high } = known.get(name)!;
      expect(Number(low), `${name}, seed ${seed}`).toBeLessThanOrEqual(count / of);
      expect(Number(high), `${name}, seed ${seed}`).toBeGreaterThanOrEqual(count / of);
    }
    const [careless, worst] = [known.get('dirk')!, known.get('cleo')!];
    expect(Number(careless.high), `seed ${seed}`).toBeLessThan(Number(worst.low));
  }
});

test('planted questions count as known: who answers them wrongly is seen though the others agree with it', () => {
  const items = Array.from({ length: 40 }, (_, i) => `item-${i}/1`);
  const say = (reviewer: string, decision: Decision) =>
    items.map((item): ReviewerDecision => ({ reviewer, item, decision }));
  const decisions = [...say('lazy', 'accept'), ...say('also-lazy', 'accept'), ...say('careful', 'reject')];
  const gold = items.slice(0, 20).map((item) => ({ item, decision: 'reject' as const }));
  const known = accuracies(decisions, gold, estimateAccuracy);
  expect(Number(known.get('careful')!.low)).toBeGreaterThan(0.8);
  expect(Number(known.get('lazy')!.high)).toBeLessThan(0.5);
});

const said = (reviewer: string, items: number, decision: (i: number) => Decision) =>
  Array.from(
    { length: items },
    (_, i): ReviewerDecision => ({
      reviewer,
      item: `${i}/1`,
      decision: decision(i),
    }),
  );

test('fewer than the least number of decisions give no figure', () => {
  const known = accuracies(
    [...said('many', LEAST_DECISIONS, () => 'flag'), ...said('few', LEAST_DECISIONS - 1, () => 'flag')],
    [],
    estimateAccuracy,
  );
  expect(known.get('few')).toBeNull();
  expect(known.get('many')).toMatchObject({ accuracy: expect.stringMatching(/^(1|0\.\d{1,6})$/) });
  expect(accuracies([], [], estimateAccuracy).size).toBe(0);
});

test('where planted questions show that a word does not mean what it says, nothing is said of anybody', () => {
  const decisions = ['a', 'b', 'c'].flatMap((reviewer) =>
    said(reviewer, 60, (i) => (i % 2 === 0 ? 'accept' : 'reject')),
  );
  // What all call accept is reject; what they call reject may be anything.
  const gold = Array.from({ length: 20 }, (_, i) => ({ item: `${2 * i}/1`, decision: 'reject' as const }));
  expect([...accuracies(decisions, gold, estimateAccuracy).values()]).toEqual([null, null, null]);
});
