/** A promise is green only while it is known to be kept: everything that speaks against it, or is not known, shows. */
import type { MonitorStatus } from '@assay/ledger';
import { expect, test } from 'vitest';
import { Backlog, healthOf, PROMISED, PublicationMeter } from './node-health.ts';
import type { NodeIdentity, RunningParts } from './node-report.ts';

const SIZE = 100;
const kept: Partial<MonitorStatus> = { verifiedSize: SIZE };
const late = PROMISED.readWithinMs + 1;

test.each<[string, Partial<MonitorStatus>, number, string, RegExp]>([
  ['it has read all', kept, 0, 'pass', /^100 of 100 entries, looked/],
  ['it has never looked', { ...kept, lastPollAtMs: null }, 0, 'unknown', /not looked yet/],
  ['it found something', { ...kept, incidents: [{ atMs: 0 } as never] }, 0, 'fail', /incidents found: 1/],
  ['it says what hinders it', { ...kept, lastError: 'tile missing' }, 0, 'unknown', /tile missing/],
  ['it is a little behind', { verifiedSize: 60 }, 1_000, 'pass', /^60 of 100/],
  ['it stands still while the log grows', { verifiedSize: 60 }, late, 'fail', /has waited/],
  ['it has stopped looking', { ...kept, lastPollAtMs: Date.now() - late }, 0, 'fail', /it last looked/],
  ['the clock was set back', { ...kept, lastPollAtMs: Date.now() + late }, 0, 'unknown', /clock/],
])('reading: %s', (_, status, waitedMs, expected, words) => {
  const promise = promises({ monitor: status, waitedMs })[1]!;
  expect(promise.status).toBe(expected);
  expect(promise.measured).toMatch(words);
});

test.each<[string, { size: number }[], number, string]>([
  ['all is anchored', [{ size: SIZE }], 0, 'pass'],
  ['nothing is anchored yet', [], 1_000, 'unknown'],
  ['the newest waits within the promise', [{ size: 60 }], 60_000, 'pass'],
  ['the newest has waited too long', [{ size: 60 }], PROMISED.anchoredWithinMs + 1, 'fail'],
  ['nothing was ever anchored', [], PROMISED.anchoredWithinMs + 1, 'fail'],
])('anchoring: %s', (_, anchored, waitedMs, expected) => {
  expect(promises({ anchored, waitedMs })[2]!.status).toBe(expected);
});

test('a log that grows all the time does not hide that its oldest public entry waits', () => {
  let nowMs = 0;
  const backlog = new Backlog(() => nowMs);
  for (let size = 1; size <= 200_000; size++) {
    backlog.published(size);
    nowMs += 10;
  }
  expect(backlog.waitsMs(0)).toBe(nowMs);
  // Sizes within one second count together, and so may look a second older than they are; never younger.
  expect(backlog.waitsMs(50_000)).toBeGreaterThanOrEqual(nowMs - 500_000);
  expect(backlog.waitsMs(50_000)).toBeLessThanOrEqual(nowMs - 500_000 + 1_010);
  expect(backlog.waitsMs(199_999)).toBeGreaterThan(0);
  expect(backlog.waitsMs(200_000)).toBe(0);
});

function promises(given: {
  monitor?: Partial<MonitorStatus>;
  anchored?: { size: number }[];
  waitedMs: number;
}) {
  let nowMs = 0;
  const [unread, unanchored] = [new Backlog(() => nowMs), new Backlog(() => nowMs)];
  for (const backlog of [unread, unanchored]) backlog.published(SIZE);
  nowMs = given.waitedMs;
  const anchored = (given.anchored ?? []).map(({ size }) => ({
    size,
    proof: { blockNumber: 1, chainId: 1 },
  }));
  const parts = {
    catalogue: { growth: () => [] },
    ledger: {
      size: SIZE,
      origin: 'log.example',
      published: () => ({ size: SIZE }),
      witnessStates: () => [],
    },
    anchors: {
      list: () => anchored,
      latest: () => anchored.at(-1) ?? null,
    },
    keepers: { states: () => [] },
    publishedAt: () => '2026-01-01T00:00:00Z',
  } as unknown as RunningParts;
  const monitor = {
    verifiedSize: SIZE,
    lastPollAtMs: Date.now(),
    lastError: null,
    incidents: [],
    ...given.monitor,
  } as unknown as MonitorStatus;
  const identity = { chains: [{ chainId: 1 }], quorum: 2 } as unknown as NodeIdentity;
  return healthOf(identity, parts, { meter: new PublicationMeter(), unread, unanchored, monitor })
    .serviceLevel;
}
