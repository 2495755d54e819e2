import type { Kernel } from './kernel.ts';

/** Change over `period` bars, and the same in percent; no percentage of a base that is not positive. */
export function change(period: number): Kernel {
  return {
    cells: 1,
    reach: period,
    run(from, to, state, inputs, outputs) {
      const source = inputs[0]!;
      const momentum = outputs[0]!;
      const rate = outputs[1]!;
      let seen = state[0]! | 0;
      for (let i = from; i < to; i++) {
        if (seen < period) {
          seen++;
          momentum[i] = Number.NaN;
          rate[i] = Number.NaN;
          continue;
        }
        const base = source[i - period]!;
        const step = source[i]! - base;
        momentum[i] = step;
        rate[i] = base > 0 ? (100 * step) / base : Number.NaN;
      }
      state[0] = seen;
    },
  };
}

/** Absolute change from bar to bar. */
export const absoluteChange: Kernel = {
  cells: 1,
  reach: 1,
  run(from, to, state, inputs, outputs) {
    const source = inputs[0]!;
    const out = outputs[0]!;
    for (let i = from; i < to; i++) {
      out[i] = state[0] === 0 ? Number.NaN : Math.abs(source[i]! - source[i - 1]!);
      state[0] = 1;
    }
  },
};

/** Wilder's relative strength index (1978), 0 to 100; NaN until something moved. */
export function relativeStrength(period: number): Kernel {
  return {
    cells: 4,
    reach: 0,
    run(from, to, state, inputs, outputs) {
      const source = inputs[0]!;
      const out = outputs[0]!;
      let seen = state[0]! | 0;
      let last = state[1]!;
      let gain = state[2]!;
      let loss = state[3]!;
      for (let i = from; i < to; i++) {
        const x = source[i]!;
        const step = x - last;
        last = x;
        // Exactly max(step, 0) and max(-step, 0), without a branch that nobody can predict.
        const up = 0.5 * (Math.abs(step) + step);
        const down = 0.5 * (Math.abs(step) - step);
        if (seen > period) {
          gain += (up - gain) / period;
          loss += (down - loss) / period;
        } else {
          if (seen > 0) {
            gain += up;
            loss += down;
          }
          if (++seen <= period) {
            out[i] = Number.NaN;
            continue;
          }
          gain /= period;
          loss /= period;
        }
        // 0 / 0 says what there is to say about a price that never moved.
        out[i] = (100 * gain) / (gain + loss);
      }
      state[0] = seen;
      state[1] = last;
      state[2] = gain;
      state[3] = loss;
    },
  };
}

/** Place of the first input between the third (lowest) and the second (highest): %K 0 to 100, and Williams' %R. */
export const placeInRange: Kernel = {
  cells: 0,
  reach: 0,
  run(from, to, _state, inputs, outputs) {
    const source = inputs[0]!;
    const highest = inputs[1]!;
    const lowest = inputs[2]!;
    const place = outputs[0]!;
    const williams = outputs[1]!;
    for (let i = from; i < to; i++) {
      const range = highest[i]! - lowest[i]!;
      // A window without a range has no place in it; 0 / 0 is NaN.
      place[i] = (100 * (source[i]! - lowest[i]!)) / range;
      williams[i] = (-100 * (highest[i]! - source[i]!)) / range;
    }
  },
};

/**
 * Bars since the highest high and the lowest low of the last `period` + 1, as 100 (now) to 0 (Chande 1995); the latest
 * of equals counts. Windows are joined from halves as in rolling.ts.
 */
export function aroon(period: number): Kernel {
  const length = period + 1;
  const tops = 6;
  const topPlaces = tops + length;
  const bottoms = topPlaces + length;
  const bottomPlaces = bottoms + length;
  return {
    cells: bottomPlaces + length,
    reach: length,
    run(from, to, state, inputs, outputs) {
      const high = inputs[0]!;
      const low = inputs[1]!;
      const up = outputs[0]!;
      const down = outputs[1]!;
      let place = state[0]! | 0;
      let full = state[1]! | 0;
      let top = state[2]!;
      let topPlace = state[3]! | 0;
      let bottom = state[4]!;
      let bottomPlace = state[5]! | 0;
      for (let i = from; i < to; i++) {
        if (place === length) {
          top = Number.NEGATIVE_INFINITY;
          bottom = Number.POSITIVE_INFINITY;
          for (let k = length - 1; k >= 1; k--) {
            const h = high[i - length + k]!;
            const l = low[i - length + k]!;
            if (h > top) {
              top = h;
              topPlace = k - length;
            }
            if (l < bottom) {
              bottom = l;
              bottomPlace = k - length;
            }
            state[tops + k] = top;
            state[topPlaces + k] = topPlace;
            state[bottoms + k] = bottom;
            state[bottomPlaces + k] = bottomPlace;
          }
          place = 0;
          full = 1;
        }
        if (place === 0 || high[i]! >= top) {
          top = high[i]!;
          topPlace = place;
        }
        if (place === 0 || low[i]! <= bottom) {
          bottom = low[i]!;
          bottomPlace = place;
        }
        place++;
        if (place === length) {
          up[i] = (100 * topPlace) / period;
          down[i] = (100 * bottomPlace) / period;
        } else if (full === 1) {
          const highest = top >= state[tops + place]! ? topPlace : state[topPlaces + place]!;
          const lowest = bottom <= state[bottoms + place]! ? bottomPlace : state[bottomPlaces + place]!;
          up[i] = (100 * (period - place + 1 + highest)) / period;
          down[i] = (100 * (period - place + 1 + lowest)) / period;
        } else {
          up[i] = Number.NaN;
          down[i] = Number.NaN;
        }
      }
      state[0] = place;
      state[1] = full;
      state[2] = top;
      state[3] = topPlace;
      state[4] = bottom;
      state[5] = bottomPlace;
    },
  };
}

/** Lambert's commodity channel index (1980) of a typical price, whose mean over `period` is the second input. */
export function commodityChannel(period: number): Kernel {
  return {
    cells: 0,
    reach: period,
    run(from, to, _state, inputs, outputs) {
      const typical = inputs[0]!;
      const means = inputs[1]!;
      const out = outputs[0]!;
      for (let i = from; i < to; i++) {
        const mean = means[i]!;
        if (Number.isNaN(mean)) {
          out[i] = Number.NaN;
          continue;
        }
        // Two sums, because one chain of additions would wait for itself.
        let even = 0;
        let odd = 0;
        let k = i - period + 1;
        for (; k < i; k += 2) {
          even += Math.abs(typical[k]! - mean);
          odd += Math.abs(typical[k + 1]! - mean);
        }
        if (k === i) even += Math.abs(typical[i]! - mean);
        const deviation = (even + odd) / period;
        // Equal prices leave a deviation of mere rounding.
        out[i] = deviation > 1e-12 * Math.abs(mean) ? (typical[i]! - mean) / (0.015 * deviation) : Number.NaN;
      }
    },
  };
}

/** Buying pressure of Williams' ultimate oscillator: the close above the true low, from low and close. */
export const buyingPressure: Kernel = {
  cells: 1,
  reach: 1,
  run(from, to, state, inputs, outputs) {
    const low = inputs[0]!;
    const close = inputs[1]!;
    const pressure = outputs[0]!;
    let begun = state[0]!;
    for (let i = from; i < to; i++) {
      pressure[i] = begun === 0 ? Number.NaN : close[i]! - Math.min(low[i]!, close[i - 1]!);
      begun = 1;
    }
    state[0] = begun;
  },
};

/** Williams' ultimate oscillator (1985), from sums of pressure and of range over 7, 14 and 28 bars. */
export const ultimate: Kernel = {
  cells: 0,
  reach: 0,
  run(from, to, _state, inputs, outputs) {
    const [p7, r7, p14, r14, p28, r28] = inputs as readonly [
      Float64Array,
      Float64Array,
      Float64Array,
      Float64Array,
      Float64Array,
      Float64Array,
    ];
    const out = outputs[0]!;
    for (let i = from; i < to; i++) {
      out[i] = (100 * ((4 * p7[i]!) / r7[i]! + (2 * p14[i]!) / r14[i]! + p28[i]! / r28[i]!)) / 7;
    }
  },
};

/** First input less the second, and that in percent of the second where it is positive. */
export const difference: Kernel = {
  cells: 0,
  reach: 0,
  run(from, to, _state, inputs, outputs) {
    const a = inputs[0]!;
    const b = inputs[1]!;
    const plain = outputs[0]!;
    const percent = outputs[1]!;
    for (let i = from; i < to; i++) {
      plain[i] = a[i]! - b[i]!;
      percent[i] = b[i]! > 0 ? (100 * (a[i]! - b[i]!)) / b[i]! : Number.NaN;
    }
  },
};
