/** Simulated series of which everything is known. */
import { dice, normal as normalOf } from '../dice.fixture.ts';

/** Standard normal numbers. */
export function normal(seed: number): () => number {
  const next = dice(seed);
  return () => normalOf(next);
}

export function whiteNoise(length: number, seed: number): number[] {
  const next = normal(seed);
  return Array.from({ length }, next);
}

/** Each value is the last one times `memory`, plus normal noise. */
export function autoregression(length: number, memory: number, seed: number): number[] {
  const next = normal(seed);
  let value = 0;
  return Array.from({ length }, () => {
    value = memory * value + next();
    return value;
  });
}

/** Heights above a Poisson-like floor: exponential, as waiting times are. */
export function exponential(length: number, seed: number): number[] {
  const next = dice(seed);
  return Array.from({ length }, () => -Math.log(1 - next()));
}

/** A daily wave of 288 points with noise of a tenth of it. */
export function daily(length: number, seed: number, noise = 0.1): number[] {
  const next = normal(seed);
  return Array.from({ length }, (_, at) => Math.sin((2 * Math.PI * at) / 288) + noise * next());
}
