/** Simulated series of which everything is known. */

/** Uniform numbers in [0, 1): mulberry32, by its seed. */
export function uniform(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** Standard normal numbers (Box and Muller). */
export function normal(seed: number): () => number {
  const next = uniform(seed);
  return () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
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
  const next = uniform(seed);
  return Array.from({ length }, () => -Math.log(1 - next()));
}

/** A daily wave of 288 points with noise of a tenth of it. */
export function daily(length: number, seed: number, noise = 0.1): number[] {
  const next = normal(seed);
  return Array.from({ length }, (_, at) => Math.sin((2 * Math.PI * at) / 288) + noise * next());
}
