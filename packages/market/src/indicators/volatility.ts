import type { Kernel } from './kernel.ts';

/** Bollinger's bands (1983) from price, mean and deviation: upper, lower, %B, width, and the price's z-score. */
export function bollinger(multiple: number): Kernel {
  return {
    cells: 0,
    reach: 0,
    run(from, to, _state, inputs, outputs) {
      const source = inputs[0]!;
      const means = inputs[1]!;
      const deviations = inputs[2]!;
      const upper = outputs[0]!;
      const lower = outputs[1]!;
      const place = outputs[2]!;
      const width = outputs[3]!;
      const score = outputs[4]!;
      for (let i = from; i < to; i++) {
        const mean = means[i]!;
        const reach = multiple * deviations[i]!;
        upper[i] = mean + reach;
        lower[i] = mean - reach;
        // Without any spread there is no place within it: 0 / 0 is NaN.
        const z = (source[i]! - mean) / deviations[i]!;
        score[i] = z;
        place[i] = 0.5 + z / (2 * multiple);
        width[i] = mean > 0 ? (2 * reach) / mean : Number.NaN;
      }
    },
  };
}

/** Keltner's channel: a middle line and a multiple of the average true range about it. */
export function channel(multiple: number): Kernel {
  return {
    cells: 0,
    reach: 0,
    run(from, to, _state, inputs, outputs) {
      const line = inputs[0]!;
      const range = inputs[1]!;
      const upper = outputs[0]!;
      const lower = outputs[1]!;
      for (let i = from; i < to; i++) {
        upper[i] = line[i]! + multiple * range[i]!;
        lower[i] = line[i]! - multiple * range[i]!;
      }
    },
  };
}

/** First input in percent of the second, where that is positive. */
export const percentOf: Kernel = {
  cells: 0,
  reach: 0,
  run(from, to, _state, inputs, outputs) {
    const part = inputs[0]!;
    const whole = inputs[1]!;
    const out = outputs[0]!;
    for (let i = from; i < to; i++) out[i] = whole[i]! > 0 ? (100 * part[i]!) / whole[i]! : Number.NaN;
  },
};

/** Logarithm; NaN for what is not positive. */
export const logarithm: Kernel = {
  cells: 0,
  reach: 0,
  run(from, to, _state, inputs, outputs) {
    const source = inputs[0]!;
    const out = outputs[0]!;
    for (let i = from; i < to; i++) out[i] = source[i]! > 0 ? Math.log(source[i]!) : Number.NaN;
  },
};

/**
 * What a day tells of its variance by its range, from open, high, low and close: Parkinson (1980) and Garman and Klass
 * (1980, the practical form). NaN unless all four are positive.
 */
export const rangeVariance: Kernel = {
  cells: 0,
  reach: 0,
  run(from, to, _state, inputs, outputs) {
    const open = inputs[0]!;
    const high = inputs[1]!;
    const low = inputs[2]!;
    const close = inputs[3]!;
    const parkinson = outputs[0]!;
    const garmanKlass = outputs[1]!;
    for (let i = from; i < to; i++) {
      if (low[i]! > 0 && open[i]! > 0 && close[i]! > 0) {
        const range = logOfRatio(high[i]!, low[i]!);
        const body = logOfRatio(close[i]!, open[i]!);
        parkinson[i] = (range * range) / (4 * Math.LN2);
        garmanKlass[i] = 0.5 * range * range - (2 * Math.LN2 - 1) * body * body;
      } else {
        parkinson[i] = Number.NaN;
        garmanKlass[i] = Number.NaN;
      }
    }
  },
};

/**
 * Logarithm of a / b. The two are mostly close: then it is twice the area tangent of (a - b) / (a + b), whose series
 * has no term above 1e-17 left after the eighth, in half the time of the library's logarithm.
 */
function logOfRatio(a: number, b: number): number {
  const s = (a - b) / (a + b);
  if (s > 0.1 || s < -0.1) return Math.log(a / b);
  const q = s * s;
  const tail = 1 / 9 + q * (1 / 11 + q * (1 / 13 + q * (1 / 15)));
  return 2 * s * (1 + q * (1 / 3 + q * (1 / 5 + q * (1 / 7 + q * tail))));
}

/** Annual volatility in percent from a mean daily variance; NaN for a negative one. */
export function annualPercent(days: number): Kernel {
  return {
    cells: 0,
    reach: 0,
    run(from, to, _state, inputs, outputs) {
      const variance = inputs[0]!;
      const out = outputs[0]!;
      for (let i = from; i < to; i++) out[i] = 100 * Math.sqrt(days * variance[i]!);
    },
  };
}

/**
 * Hurst's exponent from how the deviation of `lag`-day moves (first input) exceeds that of one-day moves (second):
 * log of their ratio over log of the lag, the variance-ratio form (Lo and MacKinlay 1988). 0.5 is a random walk, more
 * is a trend, less a return to the mean.
 */
export function scalingExponent(lag: number): Kernel {
  const scale = 1 / Math.log(lag);
  return {
    cells: 0,
    reach: 0,
    run(from, to, _state, inputs, outputs) {
      const far = inputs[0]!;
      const near = inputs[1]!;
      const out = outputs[0]!;
      for (let i = from; i < to; i++) {
        out[i] = far[i]! > 0 && near[i]! > 0 ? Math.log(far[i]! / near[i]!) * scale : Number.NaN;
      }
    },
  };
}
