/**
 * Pumps: planted ones are suspected within a quarter of an hour and resolved later as collapse or not, nothing of the future is
 * used, restless honest coins raise few alarms (the rate is stated), and bad candles are answered.
 */
import { expect, test } from 'vitest';
import type { DetectorFinding } from '../detector.ts';
import { type FlowCandle, honestCandles, withPump } from './order-flow.fixture.ts';
import { type PumpTerms, pump } from './pump.ts';

const terms = pump.readTerms({}, 'terms');

async function run(rows: readonly object[], own: PumpTerms = terms, batch = 60) {
  let memory = pump.begin(own);
  const all: (DetectorFinding & { from: number })[] = [];
  for (let from = 0; from < rows.length; from += batch) {
    const specimen = { stream: 's', digest: '', observedAt: '', rows: rows.slice(from, from + batch) };
    const examined = await pump.examine(specimen, own, memory);
    memory = structuredClone(examined.memory);
    all.push(...examined.findings.map((finding) => ({ ...finding, from })));
  }
  return all;
}

const failing = (findings: DetectorFinding[], check: string) =>
  findings.filter((finding) => finding.status === 'fail' && finding.check === check) as (DetectorFinding & {
    from: number;
  })[];

const FROM = 1_530;
const planted = (seed: number, collapses: boolean) =>
  withPump(honestCandles({ seed, count: 2_400, sigma: [0.0005, 0.0015][seed % 2]! }), {
    from: FROM,
    rise: 0.4,
    collapses,
  });

test('a pump is suspected within a quarter of an hour, is open at first, and then a collapse', async () => {
  for (let seed = 1; seed <= 3; seed++) {
    const findings = await run(planted(seed, true), terms, 15);
    const first = failing(findings, 'pump_suspected')[0]!;
    const row = first.from + first.rows![0]![0]!;
    expect(row).toBeGreaterThanOrEqual(FROM);
    expect(row).toBeLessThan(FROM + 15);
    const then = findings.find(({ check, from }) => check === 'pump_and_dump' && from === first.from);
    expect([then?.status, then?.score]).toEqual(['unknown', undefined]);
    const dump = failing(findings, 'pump_and_dump')[0]!;
    expect(dump.from + dump.rows![0]![0]!).toBeLessThan(FROM + 60);
    expect(dump.reason).toMatch(/lost .* of the rise/);
    expect(Number(dump.score)).toBeLessThan(Number(first.score));
  }
});

test('a rise that holds is suspected, and cleared after the horizon', async () => {
  for (let seed = 1; seed <= 3; seed++) {
    const findings = await run(planted(seed, false));
    expect(failing(findings, 'pump_suspected').length).toBeGreaterThan(0);
    expect(failing(findings, 'pump_and_dump')).toEqual([]);
    const cleared = findings.filter(({ reason }) => /held for 360 candles/.test(reason));
    expect(cleared.map(({ status }) => status)).toEqual(['pass']);
  }
});

test('what is said of a minute does not change with what comes after', async () => {
  const collapse = planted(3, true);
  const until = FROM + 10;
  const shared = collapse.slice(0, until);
  const other = [...shared, ...planted(3, false).slice(until)];
  const before = (findings: Awaited<ReturnType<typeof run>>) => findings.filter(({ from }) => from < until);
  expect(before(await run(other, terms, 10))).toEqual(before(await run(collapse, terms, 10)));
});

test('honest restless coins: no pump in 40 days of minutes', async () => {
  const calls = await Promise.all(
    [1, 2, 3, 4].map((seed) =>
      run(
        honestCandles({ seed: 700 + seed, count: 14_400, sigma: [0.0005, 0.0015, 0.004][seed % 3]! }),
        terms,
        720,
      ),
    ),
  );
  expect(failing(calls.flat(), 'pump_suspected')).toEqual([]);
});

test('a rise without volume, and volume without a rise, are no pump', async () => {
  const candles = honestCandles({ seed: 5, count: 2_000 });
  const pumped = withPump(candles, { from: FROM, rise: 0.4, collapses: true });
  const quiet = pumped.map((candle, i) => ({ ...candle, volume: candles[i]!.volume }));
  const flat = pumped.map((candle, i) => ({ ...candles[i]!, volume: candle.volume }));
  expect(failing([...(await run(quiet)), ...(await run(flat))], 'pump_suspected')).toEqual([]);
});

test('too short a history is unknown; bad candles are left out and said', async () => {
  const rows: (FlowCandle | object)[] = honestCandles({ seed: 2, count: 60 });
  expect((await run(rows))[0]?.status).toBe('unknown');
  const spoilt = [
    ...rows.slice(0, 3),
    rows[1]!,
    { ...rows[4], close: '0' },
    { ...rows[5], volume: '-1' },
    { ...rows[6], high: '1e5' },
    { ...rows[7], volume: '0' },
  ];
  const input = (await run(spoilt)).find(({ check }) => check === 'pump_input');
  expect(input?.reason).toMatch(/^4 of \d+ rows could not be read and were not judged: 3 to 6\. /);
  expect(() => pump.readTerms({ lag: 5 }, 't')).toThrow(
    /t\.lag: expected a whole number from 60 to 20000, got 5/,
  );
});

test('memory is the lag and the window, however long the stream', async () => {
  const own = pump.readTerms({ lag: 100, window: 10 }, 'terms');
  const { memory } = await pump.examine(
    { stream: 's', digest: '', observedAt: '', rows: honestCandles({ seed: 1, count: 1_000 }) },
    own,
    pump.begin(own),
  );
  expect(memory.candles).toHaveLength(110);
});
