import type { Kernel } from './kernel.ts';

/**
 * Exponential moving average with weight 2 / (period + 1), begun with the plain mean of the first `period` values
 * after `skip` others, as TA-Lib does; `skip` lets two averages begin together.
 */
export function exponential(period: number, skip = 0): Kernel {
  const weight = 2 / (period + 1);
  const seed = skip + period;
  return {
    cells: 2,
    reach: 0,
    run(from, to, state, inputs, outputs) {
      const source = inputs[0]!;
      const out = outputs[0]!;
      let seen = state[0]! | 0;
      let value = state[1]!;
      for (let i = from; i < to; i++) {
        const x = source[i]!;
        out[i] = Number.NaN;
        if (Number.isNaN(x)) continue;
        if (seen >= seed) {
          value += weight * (x - value);
          out[i] = value;
          continue;
        }
        seen++;
        if (seen > skip) value += x;
        if (seen === seed) {
          value /= period;
          out[i] = value;
        }
      }
      state[0] = seen;
      state[1] = value;
    },
  };
}

/** Wilder's average, weight 1 / period, begun with the plain mean of the first `period` values. */
export function wilder(period: number): Kernel {
  return {
    cells: 2,
    reach: 0,
    run(from, to, state, inputs, outputs) {
      const source = inputs[0]!;
      const out = outputs[0]!;
      let seen = state[0]! | 0;
      let value = state[1]!;
      for (let i = from; i < to; i++) {
        const x = source[i]!;
        out[i] = Number.NaN;
        if (Number.isNaN(x)) continue;
        if (seen === period) value += (x - value) / period;
        else {
          value += x;
          if (++seen === period) value /= period;
          else continue;
        }
        out[i] = value;
      }
      state[0] = seen;
      state[1] = value;
    },
  };
}

/**
 * An exponential average, the average of that and the average of that again; outputs: the first, the double (2a - b)
 * and the triple one (3a - 3b + c) of Mulloy (1994), and the third average itself. One loop, because three chains of
 * dependent additions run beside each other in the time of one.
 */
export function tripleExponential(period: number): Kernel {
  const weight = 2 / (period + 1);
  return {
    cells: 4,
    reach: 0,
    run(from, to, state, inputs, outputs) {
      const source = inputs[0]!;
      const single = outputs[0]!;
      const double = outputs[1]!;
      const triple = outputs[2]!;
      const third = outputs[3]!;
      let seen = state[0]! | 0;
      let a = state[1]!;
      let b = state[2]!;
      let c = state[3]!;
      const warm = 3 * period - 2;
      for (let i = from; i < to; i++) {
        const x = source[i]!;
        if (seen >= warm) {
          a += weight * (x - a);
          b += weight * (a - b);
          c += weight * (b - c);
          single[i] = a;
          double[i] = 2 * a - b;
          triple[i] = 3 * (a - b) + c;
          third[i] = c;
          continue;
        }
        seen++;
        if (seen < period) a += x;
        else if (seen === period) a = (a + x) / period;
        else a += weight * (x - a);
        if (seen >= period) {
          const done = seen - period + 1;
          if (done < period) b += a;
          else if (done === period) b = (b + a) / period;
          else b += weight * (a - b);
        }
        if (seen >= 2 * period - 1) {
          const done = seen - 2 * period + 2;
          if (done < period) c += b;
          else c = (c + b) / period;
        }
        single[i] = seen >= period ? a : Number.NaN;
        double[i] = seen >= 2 * period - 1 ? 2 * a - b : Number.NaN;
        triple[i] = seen === warm ? 3 * (a - b) + c : Number.NaN;
        third[i] = seen === warm ? c : Number.NaN;
      }
      state[0] = seen;
      state[1] = a;
      state[2] = b;
      state[3] = c;
    },
  };
}

/**
 * Kaufman's adaptive average (1995) of the first input; the second is the sum of its absolute changes over `period`
 * bars. Second output: the efficiency ratio, 1 for a straight line and near 0 for noise; NaN when nothing moved.
 */
export function adaptive(period: number, fast = 2, slow = 30): Kernel {
  const quick = 2 / (fast + 1);
  const lazy = 2 / (slow + 1);
  return {
    cells: 2,
    reach: period,
    run(from, to, state, inputs, outputs) {
      const source = inputs[0]!;
      const travelled = inputs[1]!;
      const out = outputs[0]!;
      const efficiency = outputs[1]!;
      let begun = state[0]!;
      let value = state[1]!;
      for (let i = from; i < to; i++) {
        const path = travelled[i]!;
        if (Number.isNaN(path)) {
          out[i] = Number.NaN;
          efficiency[i] = Number.NaN;
          continue;
        }
        if (begun === 0) value = source[i - 1]!;
        begun = 1;
        // Rounding may leave the way a hair longer than the path.
        const ratio = path > 0 ? Math.min(1, Math.abs(source[i]! - source[i - period]!) / path) : Number.NaN;
        efficiency[i] = ratio;
        const root = path > 0 ? ratio * (quick - lazy) + lazy : quick;
        value += root * root * (source[i]! - value);
        out[i] = value;
      }
      state[0] = begun;
      state[1] = value;
    },
  };
}
