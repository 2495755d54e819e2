import type { BarColumns } from './bar.ts';

/** Bars of a random walk with gaps between close and open, from a seed; the same on every machine. */
export function randomBars(length: number, seed: number, price = 100, dailyMove = 0.04): BarColumns {
  const random = seeded(seed);
  const bars = emptyBars(length);
  let last = price;
  for (let i = 0; i < length; i++) {
    const open = last * (1 + dailyMove * 0.1 * (random() - 0.5));
    const close = open * Math.exp(dailyMove * 2 * (random() + random() - 1));
    bars.open[i] = open;
    bars.close[i] = close;
    bars.high[i] = Math.max(open, close) * (1 + dailyMove * random());
    bars.low[i] = Math.min(open, close) * (1 - dailyMove * random());
    bars.volume[i] = 1e4 * random() ** 3;
    last = close;
  }
  return bars;
}

export function emptyBars(length: number): BarColumns {
  return {
    open: new Float64Array(length).fill(Number.NaN),
    high: new Float64Array(length).fill(Number.NaN),
    low: new Float64Array(length).fill(Number.NaN),
    close: new Float64Array(length).fill(Number.NaN),
    volume: new Float64Array(length).fill(Number.NaN),
  };
}

/** Numbers in [0, 1) from a seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
