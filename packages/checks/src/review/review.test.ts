/**
 * The review queue: whatever reviewers, clocks and operators do, rounds are blind, short and final, planted questions
 * look like the others, the draw is what the secret says, and alerts neither flood nor forget.
 */
import type { Decision, Finding, VerdictPredicate } from '@assay/core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { accuracies } from './accuracy.ts';
import {
  type Alert,
  acknowledge,
  credibilityDrop,
  FLAP_SECONDS,
  MAX_HISTORY,
  observe,
  RECOVER_SECONDS,
  type Signal,
  signalsOf,
  silence,
} from './alerts.ts';
import {
  bringsGold,
  causeOf,
  commitmentTo,
  goldText,
  isSampled,
  itemId,
  readGold,
  SAMPLE_PPM,
  samplingPeriod,
  samplingSecret,
} from './draw.ts';
import { outcomeOf } from './outcome.ts';
import {
  appealItem,
  assign,
  current,
  decide,
  isStarved,
  LEASE_MS,
  MAX_APPEALS,
  MAX_LEASES,
  MOST_REVIEWERS,
  openItem,
  questionOf,
  type ReviewItem,
  resultOf,
} from './queue.ts';

const PROVIDER = 'did:key:zProvider';
const REVIEWERS = Array.from({ length: 7 }, (_, i) => `did:key:zReviewer${i}`);
const hex = (letter: string) => letter.repeat(64);
const fresh = (cause: ReviewItem['cause'] = 'flagged'): ReviewItem =>
  openItem(
    { id: hex('1'), stream: 's.a-b.1m', observation: hex('2'), verdict: hex('3'), provider: PROVIDER, cause },
    0,
  );
const asking = (item: ReviewItem, nowMs = 0, reviewers: readonly string[] = REVIEWERS) =>
  assign(item, {
    reviewers,
    nowMs,
    load: () => 0,
    draw: (reviewer) => reviewer.length + REVIEWERS.indexOf(reviewer),
  });
const say = (item: ReviewItem, reviewer: string, decision: Decision, nowMs = 1) =>
  decide(item, { id: hex('9'), reviewer, round: current(item).round, decision }, nowMs);
const holders = (item: ReviewItem) => current(item).leases.map(({ reviewer }) => reviewer);
const verdict = (change: Partial<VerdictPredicate> = {}): VerdictPredicate => ({
  stream: 's.a-b.1m',
  observation: hex('2'),
  contract: { name: 's.a-b.1m', version: '1.0.0', digest: { sha256: hex('4') } },
  checkedAt: '2026-03-01T10:00:00Z',
  findings: [],
  decision: 'accept',
  level: 'L1',
  rows: { flagged: [], rejected: [] },
  quality: { accuracy: null, completeness: '1', consistency: '1', credibility: null, currentness: '1' },
  ...change,
});

const decision = fc.constantFrom<Decision>('accept', 'flag', 'reject');
/** Anything that can happen to an item. */
const happening = fc.oneof(
  fc.record({ what: fc.constant('decide' as const), who: fc.nat(REVIEWERS.length), decision }),
  fc.record({ what: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 2 * LEASE_MS }) }),
  fc.record({ what: fc.constant('appeal' as const) }),
  fc.record({ what: fc.constant('dismiss' as const), who: fc.nat(REVIEWERS.length - 1) }),
);

test('whatever happens: at most three reviews a round and two rounds, nobody twice, nobody on own data', () => {
  fc.assert(
    fc.property(fc.array(happening, { maxLength: 60 }), (happenings) => {
      // The provider is on the list too, and must never be asked.
      let reviewers = [...REVIEWERS, PROVIDER];
      let nowMs = 0;
      let item = asking(fresh(), nowMs, reviewers);
      let closedBefore = 0;
      for (const one of happenings) {
        const before = item;
        if (one.what === 'wait') nowMs += one.ms;
        if (one.what === 'dismiss')
          reviewers = reviewers.filter((reviewer) => reviewer !== REVIEWERS[one.who]);
        try {
          if (one.what === 'decide')
            item = say(item, [...REVIEWERS, PROVIDER][one.who]!, one.decision, nowMs);
          if (one.what === 'appeal') item = appealItem(item, hex('a'));
        } catch (error) {
          // Refused: nothing changed.
          expect((error as { code: string }).code).toMatch(/^(REVIEW|APPEAL)_/);
          expect(item).toBe(before);
        }
        item = asking(item, nowMs, reviewers);
        const decided = item.rounds.flatMap((round) => round.decisions.map(({ reviewer }) => reviewer));
        expect(new Set(decided).size).toBe(decided.length);
        expect(decided).not.toContain(PROVIDER);
        expect(holders(item)).not.toContain(PROVIDER);
        expect(item.rounds.length).toBeLessThanOrEqual(2);
        for (const round of item.rounds) {
          expect(round.decisions.length).toBeLessThanOrEqual(MOST_REVIEWERS);
          expect(round.decisions.length + round.leases.length).toBeLessThanOrEqual(MOST_REVIEWERS);
          expect(round.result).toEqual(
            round.result && expect.objectContaining(resultOf(round.decisions.map((d) => d.decision))!),
          );
        }
        if (item.rounds.length === 2) expect(item.rounds[0]!.result).not.toBeNull();
        const closed = item.rounds.filter(({ result }) => result !== null).length;
        // What is closed stays as it was decided; only an appeal adds a round.
        expect(closed).toBeGreaterThanOrEqual(closedBefore);
        if (closed > 0)
          expect(item.rounds[0]).toEqual(
            item.rounds.length === 2 || before.state === 'closed' ? before.rounds[0] : item.rounds[0],
          );
        closedBefore = closed;
      }
    }),
    { numRuns: 400 },
  );
});

test('until an item is closed, what a reviewer sees does not depend on what others decided', () => {
  fc.assert(
    fc.property(decision, decision, (one, other) => {
      const asked = asking(fresh());
      const [first, second] = holders(asked) as [string, string];
      const seen = (said: Decision) => questionOf(say(asked, first, said), second);
      expect(seen(one)).toEqual(seen(other));
      expect(seen(one)).toEqual(questionOf(asked, second));
      expect(questionOf(say(asked, first, one), first)).toBeNull();
    }),
  );
});

test('a planted question looks like any other', () => {
  const views = (['flagged', 'rejected', 'unknown', 'sample', 'gold', 'appeal'] as const).map((cause) => {
    const item = asking(fresh(cause));
    return questionOf(item, holders(item)[0]!);
  });
  for (const view of views) expect(view).toEqual(views[0]);
  expect(JSON.stringify(views[0])).not.toMatch(/gold|sample|cause|opened/);
  // Its name is as random as any other's, and half of nothing says which is which.
  const names = Array.from({ length: 200 }, (_, i) => itemId(new Uint8Array(32), String(i)));
  expect(new Set(names).size).toBe(200);
  const brought = names.filter(bringsGold).length;
  expect(brought).toBeGreaterThan(20);
  expect(brought).toBeLessThan(90);
});

test('two agree, or the middle of three decides; three different ones are a flag', () => {
  expect(resultOf(['accept'])).toBeNull();
  expect(resultOf(['accept', 'accept'])).toEqual({ decision: 'accept', unanimous: true });
  expect(resultOf(['accept', 'reject'])).toBeNull();
  expect(resultOf(['accept', 'reject', 'reject'])).toEqual({ decision: 'reject', unanimous: false });
  expect(resultOf(['reject', 'accept', 'flag'])).toEqual({ decision: 'flag', unanimous: false });
});

test('leases run out, go to others, come back only when nobody else is left, and are bounded', () => {
  const reviewers = REVIEWERS.slice(0, 3);
  const asked = asking(fresh(), 0, reviewers);
  const first = holders(asked);
  expect(first).toHaveLength(2);
  expect(asking(asked, LEASE_MS - 1, reviewers)).toBe(asked);
  const later = asking(asked, LEASE_MS, reviewers);
  // One is fresh; of those who let it run out one has to be asked again.
  expect(holders(later)).toContain(reviewers.find((reviewer) => !first.includes(reviewer)));
  expect(holders(later)).toHaveLength(2);
  expect(() => say(asked, reviewers.find((reviewer) => !first.includes(reviewer))!, 'accept')).toThrow(
    expect.objectContaining({ code: 'REVIEW_NOT_ASSIGNED' }),
  );
  const busy = assign(fresh(), { reviewers, nowMs: 0, load: () => MAX_LEASES, draw: () => 0 });
  expect(holders(busy)).toEqual([]);
  expect(isStarved(fresh(), [REVIEWERS[0]!, PROVIDER])).toBe(true);
  expect(isStarved(fresh(), reviewers)).toBe(false);
});

test('an appeal comes after the decision, once; others may join it while it runs', () => {
  const asked = asking(fresh());
  expect(() => appealItem(asked, hex('a'))).toThrow(expect.objectContaining({ code: 'APPEAL_REFUSED' }));
  const [one, two] = holders(asked) as [string, string];
  let item = appealItem(say(say(asked, one, 'flag'), two, 'flag'), hex('a'));
  for (let i = 1; i < MAX_APPEALS; i++) item = appealItem(item, hex('b'));
  expect(() => appealItem(item, hex('c'))).toThrow(expect.objectContaining({ code: 'APPEAL_REFUSED' }));
  item = asking(item);
  const panel = holders(item) as [string, string];
  expect(panel).not.toContain(one);
  expect(panel).not.toContain(two);
  const final = say(say(item, panel[0], 'accept'), panel[1], 'accept');
  expect(() => appealItem(final, hex('d'))).toThrow(/final/);
});

test('an outcome speaks of the rows in question, and accepts whole at L5', () => {
  const judged = (said: readonly Decision[], rows: VerdictPredicate['rows']) => {
    let item = asking(fresh());
    for (const one of said) item = asking(say(item, holders(item)[0]!, one));
    return outcomeOf({
      ...{ item, previous: null, rowCount: 10, decidedAt: '2026-03-01T12:00:00Z' },
      verdict: verdict({ rows, decision: rows.flagged.length > 0 ? 'flag' : 'accept' }),
    });
  };
  const flagged = { flagged: [[2, 3]] as [number, number][], rejected: [] };
  const none = { flagged: [], rejected: [] };
  expect(judged(['accept', 'accept'], flagged)).toMatchObject({
    decision: 'accept',
    level: 'L5',
    rows: none,
  });
  expect(judged(['reject', 'reject'], flagged)).toMatchObject({ level: 'L1', rows: { rejected: [[2, 3]] } });
  expect(judged(['flag', 'accept', 'flag'], flagged)).toMatchObject({ rows: flagged, level: 'L1' });
  expect(judged(['flag', 'accept', 'flag'], flagged).reason).toBe(
    'three reviewers, after two disagreed: 1 accept, 2 flag',
  );
  expect(judged(['reject', 'reject'], none)).toMatchObject({ rows: { flagged: [], rejected: [[0, 9]] } });
});

test('what is looked at: everything bad, what stayed unknown below its level, and a drawn 1 to 2 in a hundred', () => {
  const unknown: Finding = {
    check: 'signal_anomaly',
    status: 'unknown',
    severity: 'flag',
    reason: 'warming up',
  };
  const rule = {
    id: 'x',
    severity: 'flag',
    dimension: 'accuracy',
    detector: 'signal',
    terms: {},
    path: '',
  } as const;
  const why = (
    change: Partial<VerdictPredicate>,
    requiredLevel: 'L0' | 'L1' | 'L2' = 'L1',
    detectors = [rule],
  ) => causeOf(verdict(change), { requiredLevel, detectors: [...detectors] }, 'no draw') ?? 'none';
  expect(isSampled('no draw', hex('2'))).toBe(false);
  expect(why({ decision: 'flag' })).toBe('flagged');
  expect(why({ decision: 'reject' })).toBe('rejected');
  expect(why({ findings: [unknown], level: 'L1' }, 'L2')).toBe('unknown');
  expect(why({ findings: [unknown], level: 'L3' }, 'L2')).toBe('unknown');
  expect(why({ findings: [unknown], level: 'L1' }, 'L1')).toBe('none');
  expect(why({ findings: [], level: 'L1' }, 'L1', [])).toBe('none');
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 1_000_000 }), (seed) => {
      const secret = samplingSecret(
        new Uint8Array(32).fill(seed % 256),
        samplingPeriod(`2026-03-${String(1 + (seed % 28)).padStart(2, '0')}T00:00:00Z`),
      );
      const drawn = Array.from({ length: 20_000 }, (_, i) => isSampled(secret, `${seed}-${i}`)).filter(
        Boolean,
      ).length;
      // 300 expected of 20,000; six standard deviations are 103.
      expect(drawn).toBeGreaterThan(195);
      expect(drawn).toBeLessThan(405);
    }),
    { numRuns: 6 },
  );
  expect(SAMPLE_PPM).toBe(15_000);
  expect(isSampled('any', 'any', 1_000_000)).toBe(true);
  expect(isSampled('any', 'any', 0)).toBe(false);
});

test('secrets hold for a day, are committed to by digest, and say nothing of each other', () => {
  const master = new Uint8Array(32).fill(7);
  const today = samplingPeriod('2026-02-28T23:59:59Z');
  expect(today).toEqual({ from: '2026-02-28T00:00:00Z', to: '2026-03-01T00:00:00Z' });
  const secret = samplingSecret(master, today);
  expect(samplingSecret(master, samplingPeriod('2026-02-28T00:00:00Z'))).toBe(secret);
  expect(samplingSecret(master, samplingPeriod(today.to))).not.toBe(secret);
  // SHA-256 of "abc", FIPS 180-4 example.
  expect(commitmentTo('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  const gold = { observation: hex('5'), decision: 'reject', salt: hex('6') } as const;
  expect(readGold(goldText(gold))).toEqual(gold);
  for (const bad of ['', '{}', goldText(gold).replace('reject', 'maybe'), ` ${goldText(gold)}`])
    expect(() => readGold(bad)).toThrow(expect.objectContaining({ code: 'STATEMENT_MALFORMED' }));
});

test('accuracy is not known without an estimator, or from a few decisions', () => {
  const decisions = Array.from({ length: 12 }, (_, i) => ({
    ...{ reviewer: i < 10 ? 'a' : 'b', item: String(i), decision: 'flag' as const },
  }));
  expect([...accuracies(decisions, [], null)]).toEqual([
    ['a', null],
    ['b', null],
  ]);
  const sure = { accuracy: '0.9', low: '0.7', high: '0.97' };
  const known = accuracies(
    decisions,
    [],
    () =>
      new Map([
        ['a', sure],
        ['b', sure],
      ]),
  );
  expect([...known]).toEqual([
    ['a', sure],
    ['b', null],
  ]);
});

const T0 = Date.parse('2026-03-01T00:00:00Z');
const at = (seconds: number) => `${new Date(T0 + seconds * 1000).toISOString().slice(0, 19)}Z`;
const signal = (status: Signal['status'], seconds: number, change: Partial<Signal> = {}): Signal => ({
  ...{
    stream: 's',
    check: 'c',
    status,
    severity: 'warning',
    reason: `${status} at ${seconds}`,
    at: at(seconds),
  },
  ...change,
});
const after = (...signals: Signal[]) => signals.reduce<Alert | null>(observe, null);

test('an alert counts instead of multiplying, and recovers when its check passes for long enough', () => {
  expect(after(signal('pass', 0), signal('unknown', 1))).toBeNull();
  const open = after(signal('fail', 0), signal('fail', 60), signal('fail', 120, { severity: 'critical' }))!;
  expect(open).toMatchObject({
    state: 'open',
    count: 3,
    firstAt: at(0),
    lastAt: at(120),
    severity: 'critical',
  });
  expect(open.history).toHaveLength(1);
  const soon = [signal('pass', 200), signal('pass', 199 + RECOVER_SECONDS)].reduce<Alert | null>(
    observe,
    open,
  )!;
  expect(soon).toMatchObject({ state: 'open', passingSince: at(200) });
  expect(observe(soon, signal('pass', 200 + RECOVER_SECONDS))).toMatchObject({
    state: 'recovered',
    count: 3,
  });
  // Unknown is not passing: the time begins anew.
  const unsure = [
    signal('unknown', 300),
    signal('pass', 400),
    signal('pass', 300 + RECOVER_SECONDS),
  ].reduce<Alert | null>(observe, soon)!;
  expect(unsure).toMatchObject({ state: 'open', passingSince: at(400) });
});

test('what was acknowledged is not told again until it recovered; what flaps needs longer each time', () => {
  const seen = acknowledge(after(signal('fail', 0))!, 'night shift', at(10));
  expect(observe(seen, signal('fail', 60))).toMatchObject({ state: 'acknowledged', count: 2 });
  expect(acknowledge(seen, 'somebody else', at(20))).toBe(seen);
  let alert = seen;
  let now = 60;
  for (let flap = 0; flap < 6; flap++) {
    alert = observe(alert, signal('fail', now))!;
    const needed = RECOVER_SECONDS * 2 ** Math.min(flap, 4);
    alert = observe(alert, signal('pass', now + 1))!;
    expect(observe(alert, signal('pass', now + needed))).toMatchObject({ state: alert.state });
    alert = observe(alert, signal('pass', now + 1 + needed))!;
    expect(alert).toMatchObject({ state: 'recovered', flaps: Math.min(flap, 4) });
    now += needed + 2;
  }
  const muchLater = observe(alert, signal('fail', now + FLAP_SECONDS + 1))!;
  expect(muchLater).toMatchObject({ state: 'open', count: 1, flaps: 0, acknowledged: null });
});

test('one alert a check, in bounded space, whatever the signals; an old signal changes nothing', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.record({ status: fc.constantFrom('pass', 'fail', 'unknown' as const), wait: fc.nat(40_000) }),
        { maxLength: 300 },
      ),
      (signals) => {
        let now = 0;
        let failures = 0;
        let alert: Alert | null = null;
        for (const { status, wait } of signals) {
          now += wait;
          if (status === 'fail') failures += 1;
          alert = observe(alert, signal(status as Signal['status'], now));
          expect(alert === null).toBe(failures === 0);
          if (alert === null) continue;
          expect(alert.count).toBeLessThanOrEqual(failures);
          expect(alert.history.length).toBeLessThanOrEqual(MAX_HISTORY);
          if (status === 'fail') expect(alert.state).not.toBe('recovered');
          if (now > 1) expect(observe(alert, signal('pass', -1))).toBe(alert);
        }
      },
    ),
    { numRuns: 200 },
  );
});

test('verdicts, silence and falling credibility give signals', () => {
  const findings: Finding[] = [
    { check: 'a', column: 'x', status: 'pass', severity: 'flag', reason: 'fine' },
    { check: 'a', column: 'y', status: 'fail', severity: 'reject', reason: 'bad' },
    { check: 'b', status: 'unknown', severity: 'flag', reason: 'who knows' },
  ];
  expect(signalsOf(verdict({ findings }))).toMatchObject([
    { check: 'a', status: 'fail', severity: 'critical', reason: 'bad' },
    { check: 'b', status: 'unknown', severity: 'warning' },
  ]);
  const signal = { stream: 's', check: 'c', status: 'fail', severity: 'warning', reason: 'bad' } as const;
  const once = observe(null, { ...signal, at: at(0), observation: 'one' });
  // The same record asked about again is one failure; another one at the same time is a second.
  expect(observe(once, { ...signal, at: at(0), observation: 'one' })).toBe(once);
  expect(observe(once, { ...signal, at: at(0), observation: 'two' })).toMatchObject({ count: 2 });
  expect(silence('s', { maxSeconds: 60 }, at(0), at(60), 'newest')).toMatchObject({
    status: 'pass',
    observation: 'newest',
  });
  expect(silence('s', { maxSeconds: 60 }, at(0), at(61))).toMatchObject({
    status: 'fail',
    severity: 'critical',
  });
  let mean: string | null = null;
  for (const credibility of ['1', '0.9', '1']) {
    const next = credibilityDrop('s', mean, credibility, at(0));
    expect(next.signal.status).toBe('pass');
    mean = next.mean;
  }
  expect(credibilityDrop('s', mean, '0.5', at(0)).signal.status).toBe('fail');
  expect(credibilityDrop('s', mean, null, at(0))).toMatchObject({ mean, signal: { status: 'unknown' } });
});
