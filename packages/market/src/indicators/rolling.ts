import type { Kernel } from './kernel.ts';

/**
 * Windows are combined from two halves: time is cut into blocks as long as the window, so that each window is the end
 * of one block and the beginning of the next (van Herk 1992, Gil and Werman 1993). The ends are prepared once a block,
 * from the last value backwards; the beginning grows with each value. That costs three operations a value whatever
 * the length, and nothing is ever taken out of a sum again: no drift over a long history, and neither an absurd value nor a
 * NaN outlives its window.
 *
 * State of all of them: place in the block (1 to period), whether a block was completed, the running beginning, and
 * the ends by the place that they are combined at.
 */

/** Sum of the last `period` values, divided by `divisor`. */
export function rollingSum(period: number, divisor = 1): Kernel {
  const ends = 3;
  return {
    cells: ends + period + 1,
    reach: period,
    run(from, to, state, inputs, outputs) {
      const source = inputs[0]!;
      const out = outputs[0]!;
      let place = state[0]! | 0;
      let full = state[1]! | 0;
      let begin = state[2]!;
      for (let i = from; i < to; ) {
        if (place === period) {
          let end = 0;
          for (let k = period - 1; k >= 1; k--) {
            end += source[i - period + k]!;
            state[ends + k] = end;
          }
          place = 0;
          begin = 0;
          full = 1;
        }
        const stop = Math.min(to, i + period - place);
        if (full === 1) {
          for (; i < stop; i++) {
            begin += source[i]!;
            out[i] = (state[ends + ++place]! + begin) / divisor;
          }
        } else {
          for (; i < stop; i++) {
            begin += source[i]!;
            out[i] = ++place === period ? begin / divisor : Number.NaN;
          }
        }
      }
      state[0] = place;
      state[1] = full;
      state[2] = begin;
    },
  };
}

/** Simple moving average. */
export function rollingMean(period: number): Kernel {
  return rollingSum(period, period);
}

/** `weight` times the sum of the values, each multiplied by its place from 1 (oldest) on, plus `plain` times their sum. */
export function rollingWeighted(period: number, weight: number, plain: number): Kernel {
  const ends = 4;
  return {
    cells: ends + 2 * (period + 1),
    reach: period,
    run(from, to, state, inputs, outputs) {
      const source = inputs[0]!;
      const out = outputs[0]!;
      const sums = ends + period + 1;
      let place = state[0]! | 0;
      let full = state[1]! | 0;
      let sum = state[2]!;
      let weighted = state[3]!;
      for (let i = from; i < to; ) {
        if (place === period) {
          sum = 0;
          weighted = 0;
          for (let k = period - 1; k >= 1; k--) {
            sum += source[i - period + k]!;
            weighted += sum;
            state[ends + k] = weighted;
            state[sums + k] = sum;
          }
          place = 0;
          sum = 0;
          weighted = 0;
          full = 1;
        }
        const stop = Math.min(to, i + period - place);
        for (; i < stop; i++) {
          place++;
          sum += source[i]!;
          weighted += place * source[i]!;
          const whole = state[ends + place]! + (period - place) * sum + weighted;
          out[i] =
            full === 1 || place === period
              ? weight * whole + plain * (state[sums + place]! + sum)
              : Number.NaN;
        }
      }
      state[0] = place;
      state[1] = full;
      state[2] = sum;
      state[3] = weighted;
    },
  };
}

/** Linearly weighted moving average: the newest value weighs `period`, the oldest 1. */
export function weightedMean(period: number): Kernel {
  return rollingWeighted(period, 2 / (period * (period + 1)), 0);
}

/** Slope of the least-squares line through the last `period` values, a bar. */
export function regressionSlope(period: number): Kernel {
  const places = (period * (period + 1)) / 2;
  const squares = (period * (period + 1) * (2 * period + 1)) / 6;
  const scale = period * squares - places * places;
  return rollingWeighted(period, period / scale, -places / scale);
}

/**
 * Mean, and the standard deviation about it times `scale`, of the last `period` values; `freedom` is 0 for the
 * population's and 1 for the sample's. Halves are joined by Chan, Golub and LeVeque's update, because the textbook
 * difference of squares leaves nothing but rounding for a stablecoin: equal values give exactly zero here.
 */
export function rollingMoments(period: number, freedom: 0 | 1 = 0, scale = 1): Kernel {
  const ends = 4;
  const spreads = ends + period + 1;
  const share = Float64Array.from({ length: period + 1 }, (_, k) => 1 / k);
  const olderShare = Float64Array.from({ length: period + 1 }, (_, k) => (period - k) / period);
  const scaled = (scale * scale) / (period - freedom);
  return {
    cells: ends + 2 * (period + 1),
    reach: period,
    run(from, to, state, inputs, outputs) {
      const source = inputs[0]!;
      const means = outputs[0]!;
      const deviations = outputs[1]!;
      let place = state[0]! | 0;
      let full = state[1]! | 0;
      let mean = state[2]!;
      let spread = state[3]!;
      for (let i = from; i < to; ) {
        if (place === period) {
          mean = 0;
          spread = 0;
          for (let k = period - 1; k >= 1; k--) {
            const from = source[i - period + k]! - mean;
            mean += from * share[period - k]!;
            spread += from * (source[i - period + k]! - mean);
            state[ends + k] = mean;
            state[spreads + k] = spread;
          }
          place = 0;
          mean = 0;
          spread = 0;
          full = 1;
        }
        const stop = Math.min(to, i + period - place);
        for (; i < stop; i++) {
          const x = source[i]!;
          const from = x - mean;
          mean += from * share[++place]!;
          spread += from * (x - mean);
          if (place === period) {
            means[i] = mean;
            deviations[i] = Math.sqrt(spread * scaled);
          } else if (full === 1) {
            const apart = mean - state[ends + place]!;
            const part = apart * olderShare[place]!;
            means[i] = mean - part;
            deviations[i] = Math.sqrt((spread + state[spreads + place]! + apart * part * place) * scaled);
          } else {
            means[i] = Number.NaN;
            deviations[i] = Number.NaN;
          }
        }
      }
      state[0] = place;
      state[1] = full;
      state[2] = mean;
      state[3] = spread;
    },
  };
}

/** Greatest of the first input and least of the second (which may be the same) over the last `period` values. */
export function rollingRange(period: number): Kernel {
  const tops = 4;
  const bottoms = tops + period + 1;
  return {
    cells: bottoms + period + 1,
    reach: period,
    run(from, to, state, inputs, outputs) {
      const high = inputs[0]!;
      const low = inputs[1]!;
      const highest = outputs[0]!;
      const lowest = outputs[1]!;
      let place = state[0]! | 0;
      let full = state[1]! | 0;
      let top = state[2]!;
      let bottom = state[3]!;
      for (let i = from; i < to; ) {
        if (place === period) {
          let most = high[i - 1]!;
          let least = low[i - 1]!;
          state[tops + period - 1] = most;
          state[bottoms + period - 1] = least;
          for (let k = period - 2; k >= 1; k--) {
            most = Math.max(high[i - period + k]!, most);
            least = Math.min(low[i - period + k]!, least);
            state[tops + k] = most;
            state[bottoms + k] = least;
          }
          place = 0;
          full = 1;
        }
        const stop = Math.min(to, i + period - place);
        if (place === 0) {
          top = high[i]!;
          bottom = low[i]!;
        }
        for (; i < stop; i++) {
          place++;
          top = Math.max(high[i]!, top);
          bottom = Math.min(low[i]!, bottom);
          if (place === period) {
            highest[i] = top;
            lowest[i] = bottom;
          } else if (full === 1) {
            highest[i] = Math.max(state[tops + place]!, top);
            lowest[i] = Math.min(state[bottoms + place]!, bottom);
          } else {
            highest[i] = Number.NaN;
            lowest[i] = Number.NaN;
          }
        }
      }
      state[0] = place;
      state[1] = full;
      state[2] = top;
      state[3] = bottom;
    },
  };
}
