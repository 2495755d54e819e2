/** Markets of sources in which it is known who lies, for tests and for the bench. */
import { dice, normal } from '../dice.fixture.ts';
import type { Claim } from './claim-table.ts';

/** How a coalition lies; on the facts on which it does not, its members measure like anybody else. */
export const STRATEGIES = [
  'same-value',
  'small-bias',
  'noisy-copies',
  'alternating',
  'honest-then-lying',
] as const;
/** `own-noise`: around the wrong value each member scatters like an honest source, so that nothing gives it away. */
export type Strategy = (typeof STRATEGIES)[number] | 'own-noise';

export interface Planted {
  claims: Claim[];
  /** By fact, in the claims' order. */
  truths: { fact: string; truth: number; contested: boolean }[];
  colluders: string[];
  /** What counts as wrong: further off than this. */
  tolerance: number;
}

/**
 * Sources of different quality that measure the same facts, some of which coordinate. The truth moves as a random walk.
 */
export function plant(terms: {
  sources: number;
  facts: number;
  /** Share of the sources. */
  colluding: number;
  strategy: Strategy;
  seed: number;
  /** Share of the facts on which the coalition lies; a half. */
  lying?: number;
  /** Deviations of best and worst source, as shares of the tolerance. */
  deviations?: [number, number];
}): Planted {
  const { sources, facts, colluding, strategy, seed, lying = 0.5, deviations = [0.15, 0.5] } = terms;
  const random = dice(seed);
  const tolerance = 3;
  const names = Array.from({ length: sources }, (_, s) => `source-${String(s).padStart(2, '0')}`);
  const order = [...names.keys()];
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  const liars = order.slice(0, Math.round(colluding * sources));
  const deviation = names.map(() => tolerance * (deviations[0] + (deviations[1] - deviations[0]) * random()));
  const noise = 0.06 * tolerance;
  let truth = 1000;
  const claims: Claim[] = [];
  const truths: Planted['truths'] = [];
  for (let f = 0; f < facts; f++) {
    truth += 5 * normal(random);
    const fact = `fact-${String(f).padStart(5, '0')}`;
    const at = new Date(Date.UTC(2024, 0, 1) + f * 60_000).toISOString();
    const lies = strategy === 'honest-then-lying' ? f >= facts * (1 - lying) : random() < lying;
    const offset =
      (random() < 0.5 ? -1 : 1) * tolerance * (strategy === 'small-bias' ? 0.4 : 1.5 + 2 * random());
    // Taking turns: another two thirds of the coalition lies each time.
    const resting = strategy === 'alternating' ? f % 3 : -1;
    truths.push({ fact, truth, contested: lies && liars.length > 0 && strategy !== 'small-bias' });
    names.forEach((source, s) => {
      const rank = liars.indexOf(s);
      const honest = truth + deviation[s]! * normal(random);
      const scatter = strategy === 'noisy-copies' ? noise : strategy === 'own-noise' ? deviation[s]! : 0;
      const lie = truth + offset + (scatter === 0 ? 0 : scatter * normal(random));
      const value = rank >= 0 && lies && rank % 3 !== resting ? lie : honest;
      claims.push({ fact, source, value: decimal(value), at });
    });
  }
  return { claims, truths, colluders: liars.map((s) => names[s]!).sort(), tolerance };
}

export function decimal(value: number): string {
  return value.toFixed(6).replace(/\.?0+$/, '');
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}
