/**
 * `npm run sampling -w packages/contracts`: plays ten thousand rounds of each strategy and writes
 * docs/results/sampling.md. The draws come from a fixed seed, so that a run gives the same file.
 */
import { writeFileSync } from 'node:fs';
import {
  type Gain,
  leastSamplingPpm,
  type ProviderStrategy,
  playProvider,
  riskOfLying,
  type SamplingTerms,
} from './src/sampling-economics.ts';

const ROUNDS = 10_000;
const POPULATION = 60;
const ONE = 10n ** 18n;
const TERMS: SamplingTerms = {
  computeCost: ONE,
  lieGain: 50n * ONE,
  providerReward: 2n * ONE,
  validatorsReward: 6n * ONE,
  providerStake: 1_000n * ONE,
  validatorStake: 100n * ONE,
  samplingPpm: 60_000,
  plantedPpm: 20_000,
  colludingBps: 3_300,
  validators: 3,
};
const STRATEGIES: readonly ProviderStrategy[] = ['honest', 'lie', 'lie and betray', 'lie and hide'];

const lines = [
  '# Sampling: where honesty pays',
  '',
  `Written by \`npm run sampling -w packages/contracts\`. ${ROUNDS.toLocaleString('en')} rounds of each strategy, ${POPULATION} validators, a fixed seed. C = 1, B = 50, R_A = 2, R_V = 6, S = 1,000 tokens, n = 3; [economics.md](../economics.md) says what they are and derives the bound.`,
  '',
  '## The least rate that the court accepts',
  '',
  'Share of tasks to be computed again. With a beacon that the proposer of a block can bend, the rate must be higher.',
  '',
  '| Colluding share | n = 1 | n = 3 | n = 5 | n = 3, bendable beacon |',
  '|---:|---:|---:|---:|---:|',
];
for (const colludingBps of [0, 1_000, 3_300, 5_000, 6_600, 8_000, 9_000]) {
  const rate = (validators: number, biasable = false): string =>
    percent(
      leastSamplingPpm(
        { ...TERMS, colludingBps, validators, validatorsReward: 2n * ONE * BigInt(validators) },
        biasable,
      ),
    );
  lines.push(`| ${colludingBps / 100} % | ${rate(1)} | ${rate(3)} | ${rate(5)} | ${rate(3, true)} |`);
}
lines.push(
  '',
  '## What a round brings',
  '',
  'Tokens a round for the provider and the validators who are his friends together, with the standard error of the mean. *Betray*: friends pass the lie only where they are among themselves. *Hide*: the provider stays silent when drawn.',
  '',
  '| Colluding share | Rate | Risk of a lie (C + B = 51) | Honest | Lie | Betray | Hide |',
  '|---:|---:|---:|---:|---:|---:|---:|',
);
for (const colludingBps of [0, 3_300, 6_600]) {
  const least = leastSamplingPpm({ ...TERMS, colludingBps })!;
  for (const [part, name] of [
    [0.5, 'half the bound'],
    [1, 'the bound'],
    [1.5, 'one and a half'],
    [3, 'three times'],
  ] as const) {
    const terms = { ...TERMS, colludingBps, samplingPpm: Math.round(part * least) };
    const random = seeded(20);
    const gains = STRATEGIES.map((strategy) =>
      inWords(playProvider(terms, strategy, { rounds: ROUNDS, population: POPULATION, random })),
    );
    const risk = (Number(riskOfLying(terms)) / 1e18).toFixed(1);
    lines.push(
      `| ${colludingBps / 100} % | ${percent(terms.samplingPpm)}, ${name} | ${risk} | ${gains.join(' | ')} |`,
    );
  }
}
writeFileSync(new URL('../../docs/results/sampling.md', import.meta.url), `${lines.join('\n')}\n`);
console.log(lines.join('\n'));

function percent(ppm: number | null): string {
  return ppm === null ? 'none suffices' : `${(ppm / 10_000).toFixed(2)} %`;
}

function inWords({ mean, standardError }: Gain): string {
  return `${(mean / 1e18).toFixed(1)} ± ${(standardError / 1e18).toFixed(1)}`;
}

/** Mulberry32. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
