import type { Kernel } from './kernel.ts';

/** On-balance volume (Granville 1963), begun with the first bar's volume as TA-Lib does. */
export const onBalance: Kernel = {
  cells: 2,
  reach: 1,
  run(from, to, state, inputs, outputs) {
    const close = inputs[0]!;
    const volume = inputs[1]!;
    const out = outputs[0]!;
    let begun = state[0]!;
    let total = state[1]!;
    for (let i = from; i < to; i++) {
      if (begun === 0) total = volume[i]!;
      else {
        const step = close[i]! - close[i - 1]!;
        total += (Number(step > 0) - Number(step < 0)) * volume[i]!;
      }
      begun = 1;
      out[i] = total;
    }
    state[0] = begun;
    state[1] = total;
  },
};

/** Chaikin's money flow of each bar, and its running total (accumulation and distribution); 0 for a bar without range. */
export const accumulation: Kernel = {
  cells: 1,
  reach: 0,
  run(from, to, state, inputs, outputs) {
    const high = inputs[0]!;
    const low = inputs[1]!;
    const close = inputs[2]!;
    const volume = inputs[3]!;
    const flow = outputs[0]!;
    const total = outputs[1]!;
    let sum = state[0]!;
    for (let i = from; i < to; i++) {
      const range = high[i]! - low[i]!;
      const part = range > 0 ? ((close[i]! - low[i]! - (high[i]! - close[i]!)) / range) * volume[i]! : 0;
      sum += part;
      flow[i] = part;
      total[i] = sum;
    }
    state[0] = sum;
  },
};

/** Chaikin's oscillator: a fast less a slow exponential average, both begun with the first value. */
export function chaikin(fast: number, slow: number): Kernel {
  const quick = 2 / (fast + 1);
  const lazy = 2 / (slow + 1);
  return {
    cells: 3,
    reach: 0,
    run(from, to, state, inputs, outputs) {
      const source = inputs[0]!;
      const out = outputs[0]!;
      let seen = state[0]! | 0;
      let a = state[1]!;
      let b = state[2]!;
      for (let i = from; i < to; i++) {
        const x = source[i]!;
        if (seen === 0) {
          a = x;
          b = x;
        }
        a += quick * (x - a);
        b += lazy * (x - b);
        if (seen < slow) seen++;
        out[i] = seen === slow ? a - b : Number.NaN;
      }
      state[0] = seen;
      state[1] = a;
      state[2] = b;
    },
  };
}

/** Price times volume of bars whose typical price rose, of those where it fell, and of all. */
export const moneyFlows: Kernel = {
  cells: 1,
  reach: 1,
  run(from, to, state, inputs, outputs) {
    const typical = inputs[0]!;
    const volume = inputs[1]!;
    const rises = outputs[0]!;
    const falls = outputs[1]!;
    const all = outputs[2]!;
    let begun = state[0]!;
    for (let i = from; i < to; i++) {
      const flow = typical[i]! * volume[i]!;
      const step = begun === 0 ? Number.NaN : typical[i]! - typical[i - 1]!;
      all[i] = flow;
      rises[i] = begun === 0 ? Number.NaN : Number(step > 0) * flow;
      falls[i] = begun === 0 ? Number.NaN : Number(step < 0) * flow;
      begun = 1;
    }
    state[0] = begun;
  },
};

/** First sum in percent of both together; NaN unless that is positive: flows of negative prices can cancel out. */
export const shareOfBoth: Kernel = {
  cells: 0,
  reach: 0,
  run(from, to, _state, inputs, outputs) {
    const a = inputs[0]!;
    const b = inputs[1]!;
    const out = outputs[0]!;
    for (let i = from; i < to; i++) {
      const both = a[i]! + b[i]!;
      const share = (100 * a[i]!) / both;
      out[i] = both > 0 && Number.isFinite(share) ? share : Number.NaN;
    }
  },
};

/** First input over the second; NaN unless that is positive. */
export const ratio: Kernel = {
  cells: 0,
  reach: 0,
  run(from, to, _state, inputs, outputs) {
    const a = inputs[0]!;
    const b = inputs[1]!;
    const out = outputs[0]!;
    for (let i = from; i < to; i++) out[i] = b[i]! > 0 ? a[i]! / b[i]! : Number.NaN;
  },
};

/** (high + low + close) / 3. */
export const typicalPrice: Kernel = {
  cells: 0,
  reach: 0,
  run(from, to, _state, inputs, outputs) {
    const high = inputs[0]!;
    const low = inputs[1]!;
    const close = inputs[2]!;
    const out = outputs[0]!;
    for (let i = from; i < to; i++) out[i] = (high[i]! + low[i]! + close[i]!) / 3;
  },
};
