/**
 * Spoofing-like bursts: planted large orders and layers are found among makers and people, honest books raise few
 * alarms (the rate is stated), market makers who quote again are left alone, and bad events are answered.
 */
import { expect, test } from 'vitest';
import type { DetectorFinding } from '../detector.ts';
import { type FlowEvent, honestOrders, merge, spoofOrders } from './order-flow.fixture.ts';
import { type SpoofingTerms, spoofing } from './spoofing.ts';

const terms = spoofing.readTerms({}, 'terms');

async function run(rows: object[], own: SpoofingTerms = terms, batch = 500) {
  let memory = spoofing.begin(own);
  const all: DetectorFinding[] = [];
  for (let from = 0; from < rows.length; from += batch) {
    const specimen = {
      stream: 's',
      digest: String(from),
      observedAt: '',
      rows: rows.slice(from, from + batch),
    };
    const examined = await spoofing.examine(specimen, own, memory);
    memory = structuredClone(examined.memory);
    all.push(...examined.findings);
  }
  return { findings: all, memory };
}

const failing = (findings: DetectorFinding[], check?: string) =>
  findings.filter((finding) => finding.status === 'fail' && (check === undefined || finding.check === check));

test.each([
  { layers: 1, check: 'spoofing_large_order' },
  { layers: 5, check: 'spoofing_layering' },
])('six episodes of $layers orders are found: $check', async ({ layers, check }) => {
  for (let seed = 1; seed <= 4; seed++) {
    const book = honestOrders({ seed: 300 + seed, steps: 800, makers: 3, people: 40 });
    const { findings } = await run(merge(book, spoofOrders({ seed, times: 6, fromMs: 200_000, layers })));
    const [first] = failing(findings, check);
    expect(first?.reason).toMatch(/^spoofer showed/);
    expect(first!.rows!.length).toBeGreaterThan(0);
    const table = first!.exhibits![0]!;
    expect(table.kind === 'table' && table.rows.every(([, side]) => side === 'sell')).toBe(true);
  }
});

test('honest books: no alarm in 20,000 events', async () => {
  let events = 0;
  for (let seed = 1; seed <= 3; seed++) {
    const book = honestOrders({ seed, steps: 1_200, makers: 1 + (seed % 4), people: 30 });
    events += book.length;
    expect(failing((await run(book)).findings)).toEqual([]);
  }
  expect(events).toBeGreaterThan(20_000);
});

test('a maker who takes large quotes away after each fill and quotes again is left alone', async () => {
  const rows = spoofOrders({ seed: 1, times: 8, fromMs: 200_000, layers: 5 }).flatMap(
    (event, i): FlowEvent[] =>
      event.type === 'cancel'
        ? [
            event,
            {
              ...event,
              type: 'place',
              order: `again-${i}`,
              account: 'spoofer',
              side: 'sell',
              price: '100.2',
              size: '9',
            },
          ]
        : [event],
  );
  const book = honestOrders({ seed: 77, steps: 800, makers: 3, people: 40 });
  expect(failing((await run(merge(book, rows))).findings)).toEqual([]);
});

test('an episode is told only when it is sure, not before', async () => {
  const book = honestOrders({ seed: 41, steps: 300, makers: 3, people: 40 }).filter(
    ({ time }) => time < '2023-03-10T00:05',
  );
  const episode = spoofOrders({ seed: 2, times: 1, fromMs: 310_000 });
  const at = (seconds: number): FlowEvent => ({
    time: new Date(Date.UTC(2023, 2, 10) + 310_000 + seconds * 1000).toISOString(),
    type: 'place',
    order: `later-${seconds}`,
    account: 'other',
    side: 'buy',
    price: '99',
    size: '1',
  });
  const episodesAfter = async (seconds: number) => {
    const { memory } = await run([...book, ...episode, at(seconds)], terms, 100_000);
    return memory.traders.get('spoofer')!.large.length;
  };
  expect(await episodesAfter(11)).toBe(0);
  expect(await episodesAfter(13)).toBe(1);
});

test('what was told once is not told again without a new episode', async () => {
  const book = honestOrders({ seed: 305, steps: 1_600, makers: 3, people: 40 });
  const spoofs = spoofOrders({ seed: 5, times: 6, fromMs: 200_000, layers: 5 });
  const later: FlowEvent[] = [...Array(20).keys()].map((i) => ({
    time: new Date(Date.UTC(2023, 2, 10) + 800_000 + 10_000 * i).toISOString(),
    type: 'place',
    order: `calm-${i}`,
    account: 'spoofer',
    side: 'buy',
    price: '99',
    size: '1',
  }));
  const told = failing((await run(merge(book, spoofs, later), terms, 100)).findings, 'spoofing_layering');
  expect(told.length).toBeGreaterThan(0);
  expect(told.length).toBeLessThanOrEqual(4);
});

test('bad events are left out and said', async () => {
  const place = {
    time: '2023-03-10T00:00:00Z',
    type: 'place',
    order: 'a',
    side: 'buy',
    price: '1',
    size: '1',
  };
  const rows: object[] = [
    place,
    place,
    { ...place, order: 'b', side: 'up' },
    { ...place, order: 'c', price: 'NaN' },
    { time: '2023-03-10T00:00:01Z', type: 'cancel', order: 'nobody' },
    { time: '2023-03-09T00:00:01Z', type: 'cancel', order: 'a' },
    { time: '2023-03-10T00:00:01Z', type: 'amend', order: 'a' },
    { time: '2023-03-10T00:00:01Z', type: 'fill', order: 'a', size: '99' },
  ];
  const { findings, memory } = await run(rows);
  expect(findings.find(({ check }) => check === 'spoofing_input')?.reason).toMatch(/judged: 1 to 6\. /);
  expect([memory.orders.size, memory.book.buy]).toEqual([0, { sizes: new Map(), prices: [] }]);
});

test('open orders are bounded, and the reason says what was forgotten', async () => {
  const own = spoofing.readTerms({ maxOrders: 100 }, 'terms');
  const rows = [...Array(150).keys()].map((i) => ({
    time: '2023-03-10T00:00:00Z',
    type: 'place',
    order: `o${i}`,
    account: 'a',
    side: 'sell',
    price: '5',
    size: '2',
  }));
  const { findings, memory } = await run(rows, own);
  expect(memory.orders.size).toBe(100);
  expect(memory.book.sell).toEqual({ sizes: new Map([[5, 200]]), prices: [5] });
  expect(findings[0]?.reason).toMatch(/50 old open orders were forgotten, beyond 100 or 2 MiB/);
});
