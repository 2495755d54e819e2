/**
 * Transfers: planted fans, circles, peel chains and mules are found among honest people and services, whose own
 * transfers raise few alarms (the rate is stated); features by hand; Space-Saving against exact counts; bad input.
 */

import { expect, test } from 'vitest';
import type { DetectorFinding } from '../detector.ts';
import { dice } from '../dice.fixture.ts';
import { countHit, newHeavyHitters } from './heavy-hitters.ts';
import {
  circleTransfers,
  type FlowTransfer,
  fanTransfers,
  honestTransfers,
  merge,
  muleTransfers,
  peelTransfers,
} from './order-flow.fixture.ts';
import { type TransferTerms, transferFeatures, transfers } from './transfers.ts';

const terms = transfers.readTerms({}, 'terms');

async function run(rows: object[], own: TransferTerms = terms, batch = 200) {
  let memory = transfers.begin(own);
  const all: DetectorFinding[] = [];
  for (let from = 0; from < rows.length; from += batch) {
    const specimen = { stream: 's', digest: '', observedAt: '', rows: rows.slice(from, from + batch) };
    const examined = await transfers.examine(specimen, own, memory);
    memory = structuredClone(examined.memory);
    all.push(...examined.findings);
  }
  return { findings: all, memory };
}

const failing = (findings: DetectorFinding[]) => findings.filter(({ status }) => status === 'fail');

const PLANTED: { check: string; plant: (seed: number) => FlowTransfer[]; says: RegExp }[] = [
  {
    check: 'transfers_fan_out',
    plant: (seed) => fanTransfers('out', seed, 30, 4e6),
    says: /^boss paid 2\d|^boss paid 30/,
  },
  {
    check: 'transfers_fan_in',
    plant: (seed) => fanTransfers('in', seed, 30, 4e6),
    says: /^boss was paid by/,
  },
  { check: 'transfers_cycle', plant: (seed) => circleTransfers(seed, 4, 3, 4e6), says: /ring-0/ },
  {
    check: 'transfers_peel_chain',
    plant: (seed) => peelTransfers(seed, 8, 4e6),
    says: /peel chain of \d steps/,
  },
  { check: 'transfers_forwarding', plant: (seed) => muleTransfers(seed, 10, 4e6), says: /^mule sent on/ },
];

test.each(PLANTED)('$check is found in honest flow, and nothing else', async ({ check, plant, says }) => {
  for (let seed = 1; seed <= 4; seed++) {
    const rows = merge(honestTransfers({ seed: 80 + seed, count: 800, people: 300 }), plant(seed));
    const found = failing((await run(rows)).findings);
    expect(new Set(found.map((finding) => finding.check))).toEqual(new Set([check]));
    expect(found.at(-1)!.reason).toMatch(says);
    expect(found.at(-1)!.exhibits![0]!.kind).toBe('table');
  }
});

test('honest transfers: no alarm in 30 observations of 6,000 transfers', async () => {
  for (let seed = 1; seed <= 4; seed++) {
    const rows = honestTransfers({ seed: 500 + seed, count: 1_500, people: [50, 300, 2_000][seed % 3]! });
    expect(failing((await run(rows)).findings)).toEqual([]);
  }
});

const row = (seconds: number, from: string, to: string, amount: string): FlowTransfer => ({
  time: new Date(Date.UTC(2023, 2, 10) + seconds * 1000).toISOString(),
  from,
  to,
  amount,
});

test('features of an address, worked out by hand', async () => {
  const { memory } = await run([
    row(0, 'x', 'a', '6'),
    row(10, 'y', 'a', '2'),
    row(40, 'a', 'x', '3'),
    row(50, 'a', 'z', '1'),
    row(60, 'z', 'y', '1'),
  ]);
  expect(transferFeatures(memory, terms, 'a')).toEqual({
    sent: '2',
    received: '2',
    outDegree: '2',
    inDegree: '2',
    amountSent: '4',
    amountReceived: '8',
    retained: '0.5',
    // x paid back, z did not.
    reciprocity: '0.5',
    // (3/4)² + (1/4)², (6/8)² + (2/8)².
    concentrationOut: '0.625',
    concentrationIn: '0.625',
    // Receipts at 0 and 10 s, next payment at 40 s: waits of 40 and 30 s.
    secondsToForward: '40',
    peelDepth: '0',
    lifetime: '4',
    lifetimeError: '0',
  });
  expect(transferFeatures(memory, terms, 'nobody').retained).toBeNull();
});

test('a peel chain has as many steps as were planted', async () => {
  const { memory } = await run(peelTransfers(4, 7, 0));
  expect(transferFeatures(memory, terms, 'hop-4-7').peelDepth).toBe('7');
});

test('one receiver of most of everything', async () => {
  const rows = [...Array(400).keys()].map((i) =>
    row(i, `a${i % 50}`, i % 2 === 0 ? 'whale' : `b${i}`, i % 2 === 0 ? '50' : '1'),
  );
  const found = failing((await run(rows)).findings).filter(
    ({ check }) => check === 'transfers_concentration',
  );
  expect(found[0]?.reason).toMatch(/^whale received 98/);
  const few = (await run(rows.slice(0, 100))).findings.find(
    ({ check }) => check === 'transfers_concentration',
  );
  expect(few?.status).toBe('unknown');
});

test('Space-Saving keeps every name above 1/capacity, with its count within the error', () => {
  const roll = dice(6);
  const exact = new Map<string, number>();
  const hitters = newHeavyHitters(50);
  for (let i = 0; i < 20_000; i++) {
    const name = `n${Math.floor(2_000 * roll() ** 3)}`;
    exact.set(name, (exact.get(name) ?? 0) + 1);
    countHit(hitters, name);
  }
  expect(hitters.counts.size).toBe(50);
  expect([...hitters.counts.values()].reduce((sum, { count }) => sum + count, 0)).toBe(20_000);
  for (const [name, count] of exact) {
    const kept = hitters.counts.get(name);
    if (count > 20_000 / 50) expect(kept, name).toBeDefined();
    if (kept === undefined) continue;
    expect(kept.count).toBeGreaterThanOrEqual(count);
    expect(kept.count - kept.error).toBeLessThanOrEqual(count);
  }
});

test('memory is bounded by count and by time; bad rows are left out and said', async () => {
  const own = transfers.readTerms({ maxTransfers: 150, windowSeconds: 60 }, 'terms');
  const burst = [...Array(400).keys()].map((i) => row(i * 0.1, 'a', `b${i}`, String(i + 1)));
  expect((await run(burst, own)).memory.window).toHaveLength(150);
  const { memory, findings } = await run(
    [row(0, 'a', 'b', '1'), row(100, 'a', 'b', '1'), row(90, 'a', 'b', '2'), {}],
    own,
  );
  expect(memory.window).toHaveLength(1);
  expect(findings.find(({ check }) => check === 'transfers_input')?.reason).toMatch(/judged: 2 to 3\. /);
});
