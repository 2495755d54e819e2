/**
 * Wash trades: planted ones are found in the flow of honest accounts, honest flow raises few alarms (the rate is
 * stated), the statistics are what they claim, sizes without accounts are judged, and bad input is answered.
 */

import { expect, test } from 'vitest';
import type { DetectorFinding } from '../detector.ts';
import { dice } from '../dice.fixture.ts';
import { type FlowTrade, honestTrades, humanSize, merge, plain, ringTrades } from './order-flow.fixture.ts';
import { findTradeCycles, stronglyConnected } from './trade-cycles.ts';
import { type WashTerms, wash } from './wash.ts';

const terms = wash.readTerms({}, 'terms');

async function run(rows: object[], own: WashTerms = terms, batch = 250) {
  let memory = wash.begin(own);
  const all: (DetectorFinding & { from: number })[] = [];
  for (let from = 0; from < rows.length; from += batch) {
    const specimen = {
      stream: 's',
      digest: String(from),
      observedAt: '',
      rows: rows.slice(from, from + batch),
    };
    const examined = await wash.examine(specimen, own, memory);
    memory = structuredClone(examined.memory);
    all.push(...examined.findings.map((finding) => ({ ...finding, from })));
  }
  return all;
}

const failing = (findings: DetectorFinding[], check?: string) =>
  findings.filter((finding) => finding.status === 'fail' && (check === undefined || finding.check === check));
const trade = (seconds: number, seller: string, buyer: string, size: string): FlowTrade => ({
  time: new Date(Date.UTC(2023, 2, 10) + seconds * 1000).toISOString(),
  price: '20000',
  size,
  buyer,
  seller,
});

test('a trade with oneself, and between accounts that are linked', async () => {
  const rows = [trade(0, 'a', 'b', '1'), trade(1, 'c', 'c', '3'), trade(2, 'a-1', 'a-2', '4')];
  const [plainly] = failing(await run(rows), 'wash_self_trade');
  expect([plainly?.rows, plainly?.score]).toEqual([[[1, 1]], '0.625']);
  const linked = wash.readTerms({ linked: [['a-1', 'a-2']] }, 'terms');
  expect(failing(await run(rows, linked), 'wash_self_trade')[0]?.rows).toEqual([[1, 2]]);
});

test.each([
  { accounts: 2, rounds: 3 },
  { accounts: 3, rounds: 2 },
  { accounts: 5, rounds: 2 },
])(
  'a ring of $accounts accounts among 200 honest ones is found, with its trades',
  async ({ accounts, rounds }) => {
    const names = [...Array(accounts).keys()].map((i) => `ring-${i}`);
    let found = 0;
    for (let seed = 1; seed <= 3; seed++) {
      const ring = ringTrades({ seed, accounts: names, rounds, fromMs: 400_000, gapMs: 20_000, size: 0.8 });
      const rows = merge(honestTrades({ seed, count: 1_000, accounts: 200 }), ring);
      const cycles = failing(await run(rows), 'wash_cycle');
      if (cycles.length === 0) continue;
      found += 1;
      const marked = (cycles as (DetectorFinding & { from: number })[]).flatMap(
        ({ rows: ranges = [], from }) => ranges.flatMap(([a, b]) => rows.slice(from + a!, from + b! + 1)),
      );
      for (const { buyer, seller } of marked)
        expect([names.includes(buyer), names.includes(seller)]).toEqual([true, true]);
      const exhibit = cycles[0]!.exhibits![0]!;
      expect(exhibit.kind === 'table' && exhibit.rows.length).toBeGreaterThanOrEqual(accounts);
    }
    expect(found).toBe(3);
  },
);

test('unequal sizes do not hide a pair that ends where it began', async () => {
  const pair = [1, 2.5, 0.7, 3.1, 4.4, 1.9].map((size, i) => trade(300 + 30 * i, 'p', 'q', plain(size, 6)));
  const back = trade(600, 'q', 'p', '13.6');
  const rows = merge(honestTrades({ seed: 9, count: 800, accounts: 150 }), [...pair, back]);
  const cycle = failing(await run(rows), 'wash_cycle')[0];
  expect(cycle?.reason).toMatch(/p, q|q, p/);
});

test('much volume with one partner and no change of position', async () => {
  const roll = dice(4);
  // The partner keeps passing its side on to the market, so that only one account is flat.
  const flat = [...Array(30).keys()].flatMap((i) => {
    const size = plain(0.5 + roll(), 4);
    return [trade(20 + 40 * i, 'idle', 'friend', size), trade(35 + 40 * i, 'friend', 'idle', size)];
  });
  const rows = merge(honestTrades({ seed: 5, count: 1_000, accounts: 200 }), flat);
  const finding = failing(await run(rows), 'wash_no_position').at(-1);
  expect(finding?.reason).toMatch(/idle|friend/);
});

test('honest flow: no alarm in 50 observations of 12,500 trades', async () => {
  let alarms = 0;
  for (let seed = 1; seed <= 8; seed++) {
    const accounts = [20, 60, 200, 800][seed % 4]!;
    alarms += failing(await run(honestTrades({ seed: 1_000 + seed, count: 1_250, accounts }))).length;
  }
  for (let seed = 1; seed <= 2; seed++) {
    // A market maker in two trades of three keeps its position near zero, honestly.
    alarms += failing(
      await run(honestTrades({ seed: 2_000 + seed, count: 1_250, accounts: 100, makerShare: 0.66 })),
    ).length;
  }
  expect(alarms).toBe(0);
});

test('p is what it claims: of windows of chance at most one in a hundred has a group below 0.01', () => {
  let below = 0;
  for (let seed = 1; seed <= 200; seed++) {
    const roll = dice(seed);
    // Few accounts and sizes: circles come about all the time.
    const trades = [...Array(60).keys()].map((time) => {
      const seller = Math.floor(roll() * 8);
      const buyer = (seller + 1 + Math.floor(roll() * 7)) % 8;
      return { time, seller: `a${seller}`, buyer: `a${buyer}`, size: 1 + Math.floor(roll() * 4) };
    });
    const { cycles } = findTradeCycles(trades, 0, { maxAccounts: 4, margin: 0.01 });
    if ((cycles[0]?.p ?? 1) <= 0.01) below += 1;
  }
  expect(below).toBeLessThanOrEqual(6);
});

test('components are those of the definition: each reaches the other', () => {
  for (let seed = 1; seed <= 60; seed++) {
    const roll = dice(seed);
    const names = [...'abcdefgh'];
    const graph = new Map(names.map((name) => [name, names.filter(() => roll() < 0.15)]));
    const reach = (from: string) => {
      const seen = new Set([from]);
      for (const at of seen) for (const next of graph.get(at)!) seen.add(next);
      return seen;
    };
    const byDefinition = new Set(
      names.map((a) => names.filter((b) => reach(a).has(b) && reach(b).has(a)).join('')),
    );
    expect(new Set(stronglyConnected(graph).map((component) => component.sort().join('')))).toEqual(
      byDefinition,
    );
  }
});

const anonymous = (sizes: string[]) =>
  sizes.map((size, i) => {
    const { time, price } = trade(i, '', '', size);
    return { time, price, size };
  });

test('sizes without accounts: people’s pass, a machine’s fail, few are unknown', async () => {
  const roll = dice(7);
  const people = Array.from({ length: 1_500 }, () => humanSize(roll));
  const machine = Array.from({ length: 1_500 }, () => plain(1 + 4 * roll(), 6));
  const last = async (sizes: string[]) =>
    (await run(anonymous(sizes))).filter(({ check }) => check === 'wash_size_pattern').at(-1);
  expect((await last(people))?.status).toBe('pass');
  const faked = await last(machine);
  expect([faked?.status, Number(faked?.score) < 0.1]).toEqual(['fail', true]);
  expect((await last(people.slice(0, 500)))?.status).toBe('unknown');
});

test('the tail of Pareto sizes has the exponent that they were drawn with', async () => {
  const roll = dice(12);
  const sizes = Array.from({ length: 6_000 }, () => plain((1 - roll()) ** (-1 / 1.4), 6));
  const { reason } = (await run(anonymous(sizes), terms, 6_000)).find(
    ({ check }) => check === 'wash_size_pattern',
  )!;
  const [, exponent, error] = /exponent (\S+) ± (\S+),/.exec(reason)!;
  expect(Math.abs(Number(exponent) - 1.4)).toBeLessThan(3 * Number(error));
});

test('sizes of people raise at most one false alarm in fifty', async () => {
  let alarms = 0;
  for (let seed = 1; seed <= 50; seed++) {
    const roll = dice(5_000 + seed);
    const sizes = Array.from({ length: 1_000 }, () => humanSize(roll, 0.05 + roll(), 2));
    if (failing(await run(anonymous(sizes), terms, 1_000), 'wash_size_pattern').length > 0) alarms += 1;
  }
  expect(alarms).toBeLessThanOrEqual(1);
});

test('bad rows are left out and said; without names self-trades are unknown', async () => {
  const rows: object[] = [
    { ...trade(0, 'a', 'b', '1'), size: '-1' },
    { ...trade(1, 'a', 'b', '1'), time: '2023-02-31T00:00:00Z' },
    { ...trade(2, 'a', 'b', '1'), buyer: 7 },
    { ...trade(3, 'a', 'b', '1'), seller: 'x'.repeat(201) },
    trade(5, 'a', 'b', '1'),
    trade(4, 'a', 'b', '1'),
    { ...trade(6, 'a', 'b', '1'), price: 'Infinity' },
  ];
  const findings = await run(rows);
  expect(findings.find(({ check }) => check === 'wash_input')?.reason).toMatch(/judged: 0 to 3, 5 to 6\. /);
  const unnamed = await run(anonymous(['1', '2']));
  expect(unnamed.find(({ check }) => check === 'wash_self_trade')?.status).toBe('unknown');
});

test('memory is bounded, and the reason says what it left out', async () => {
  const own = wash.readTerms({ maxTrades: 200 }, 'terms');
  let memory = wash.begin(own);
  let reason = '';
  const rows = honestTrades({ seed: 3, count: 1_000, accounts: 50, gapMs: 100 });
  for (let from = 0; from < rows.length; from += 250) {
    const specimen = { stream: 's', digest: '', observedAt: '', rows: rows.slice(from, from + 250) };
    const examined = await wash.examine(specimen, own, memory);
    memory = examined.memory;
    reason = examined.findings.find(({ check }) => check === 'wash_cycle')!.reason;
  }
  expect(memory.window).toHaveLength(200);
  expect(reason).toMatch(/left out, beyond 200/);
});
