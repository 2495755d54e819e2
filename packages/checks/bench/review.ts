/** What examining and the review queue cost: `node packages/checks/bench/review.ts`. */
import { performance } from 'node:perf_hooks';
import { serialize } from 'node:v8';
import type { Detector, Specimen } from '../src/detector.ts';
import { type DetectorMemory, examine } from '../src/examine.ts';
import { isSampled } from '../src/review/draw.ts';
import { assign, decide, openItem } from '../src/review/queue.ts';
import { loadContracts } from '../src/rules/contract-files.ts';
import { spike } from '../src/spike.fixture.ts';
import type { BenchSection } from './section.ts';

/** Microseconds of one call, the median of five rounds. */
async function microseconds(times: number, work: (i: number) => unknown): Promise<number> {
  const rounds: number[] = [];
  for (let round = 0; round < 5; round++) {
    const began = performance.now();
    for (let i = 0; i < times; i++) await work(i);
    rounds.push(((performance.now() - began) * 1000) / times);
  }
  return rounds.sort((a, b) => a - b)[2]!;
}

export async function reviewBench(): Promise<BenchSection> {
  const base = loadContracts().get('kraken.BTC-USD.1m')!;
  const rule = { id: 'x', severity: 'flag', dimension: 'accuracy', detector: 'spike', path: '' } as const;
  const contract = { ...base, detectors: [{ ...rule, terms: { column: 'close' } }] };
  const specimen: Specimen = {
    ...{ stream: base.name, digest: 'ab'.repeat(32), observedAt: '2026-01-01T01:00:00Z' },
    rows: Array.from({ length: 60 }, (_, i) => ({
      time: `2026-01-01T00:${i}:00Z`,
      close: String(20_000 + (i % 7)),
    })),
  };
  let memories = new Map<string, DetectorMemory>();
  const alone = await microseconds(2_000, () =>
    spike.examine(specimen, { column: 'close', multiple: 5 }, spike.begin({ column: 'close', multiple: 5 })),
  );
  const whole = await microseconds(2_000, async () => {
    const examined = await examine({
      ...{ contract, memories, specimens: [specimen] },
      detectors: new Map([['spike', spike as Detector]]),
    });
    memories = examined.memories;
  });
  const big = serialize(new Float64Array(125_000));
  const reviewers = Array.from({ length: 50 }, (_, i) => `did:key:z${i}`);
  const review = await microseconds(2_000, (i) => {
    const about = { stream: 's', observation: 'a', verdict: 'b', provider: 'p', cause: 'flagged' } as const;
    const options = { reviewers, nowMs: 0, load: () => 0, draw: (did: string) => (did.length * 7 + i) % 13 };
    let item = assign(openItem({ id: String(i), ...about }, 0), options);
    for (const { reviewer } of item.rounds[0]!.leases)
      item = decide(item, { id: 'r', reviewer, round: 1, decision: 'flag' }, 1);
  });
  const draw = await microseconds(20_000, (i) => isSampled('ab'.repeat(32), String(i)));
  const us = (value: number) => `${value.toFixed(1)} µs`;
  return {
    title: 'Examining and reviewing',
    lines: [
      '| What | Median |',
      '|---|---|',
      `| A small detector over 60 rows, by itself | ${us(alone)} |`,
      `| The same examined: terms, memory from and to bytes, bounds, evidence | ${us(whole)} |`,
      `| Writing a memory of ${(big.length / 1e6).toFixed(1)} MB, the most of that which a large one adds | ${us(await microseconds(50, () => serialize(new Float64Array(125_000))))} |`,
      `| An item asked of two of ${reviewers.length} reviewers, and decided | ${us(review)} |`,
      `| Whether an observation is drawn | ${us(draw)} |`,
    ],
  };
}

if (import.meta.main) console.log((await reviewBench()).lines.join('\n'));
