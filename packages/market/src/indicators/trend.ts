import type { Kernel } from './kernel.ts';

/** True range, and Wilder's movement upwards and downwards, from high, low and close. */
export const movement: Kernel = {
  cells: 1,
  reach: 1,
  run(from, to, state, inputs, outputs) {
    const high = inputs[0]!;
    const low = inputs[1]!;
    const close = inputs[2]!;
    const range = outputs[0]!;
    const plus = outputs[1]!;
    const minus = outputs[2]!;
    let begun = state[0]!;
    for (let i = from; i < to; i++) {
      if (begun === 0) {
        begun = 1;
        range[i] = Number.NaN;
        plus[i] = Number.NaN;
        minus[i] = Number.NaN;
        continue;
      }
      const before = close[i - 1]!;
      const top = high[i]!;
      const bottom = low[i]!;
      range[i] = (top > before ? top : before) - (bottom < before ? bottom : before);
      const up = top - high[i - 1]!;
      const down = low[i - 1]! - bottom;
      // The greater of both counts, if it is positive: in numbers, since nobody can predict these branches.
      plus[i] = Number(up > down) * 0.5 * (up + Math.abs(up));
      minus[i] = Number(down > up) * 0.5 * (down + Math.abs(down));
    }
    state[0] = begun;
  },
};

/**
 * Wilder's directional indicators and their average (1978), from true range and both movements. Without any movement
 * they have no value; a bar without direction leaves the average as it was.
 */
export function directional(period: number): Kernel {
  return {
    cells: 6,
    reach: 0,
    run(from, to, state, inputs, outputs) {
      const range = inputs[0]!;
      const plus = inputs[1]!;
      const minus = inputs[2]!;
      const plusOut = outputs[0]!;
      const minusOut = outputs[1]!;
      const average = outputs[2]!;
      let seen = state[0]! | 0;
      let ranges = state[1]!;
      let ups = state[2]!;
      let downs = state[3]!;
      let judged = state[4]! | 0;
      let adx = state[5]!;
      for (let i = from; i < to; i++) {
        plusOut[i] = Number.NaN;
        minusOut[i] = Number.NaN;
        average[i] = Number.NaN;
        if (Number.isNaN(range[i]!)) continue;
        if (seen < period - 1) {
          seen++;
          ranges += range[i]!;
          ups += plus[i]!;
          downs += minus[i]!;
          continue;
        }
        ranges += range[i]! - ranges / period;
        ups += plus[i]! - ups / period;
        downs += minus[i]! - downs / period;
        plusOut[i] = (100 * ups) / ranges;
        minusOut[i] = (100 * downs) / ranges;
        const both = ups + downs;
        const index = both > 0 ? (100 * Math.abs(ups - downs)) / both : Number.NaN;
        if (judged < period) {
          judged++;
          if (both > 0) adx += index;
          if (judged === period) adx /= period;
          else continue;
        } else if (both > 0) adx += (index - adx) / period;
        average[i] = ranges > 0 ? adx : Number.NaN;
      }
      state[0] = seen;
      state[1] = ranges;
      state[2] = ups;
      state[3] = downs;
      state[4] = judged;
      state[5] = adx;
    },
  };
}

/** Wilder's parabolic stop and reverse (1978), with TA-Lib's choice of the first direction. */
export function parabolic(step: number, limit: number): Kernel {
  return {
    cells: 5,
    reach: 1,
    run(from, to, state, inputs, outputs) {
      const high = inputs[0]!;
      const low = inputs[1]!;
      const out = outputs[0]!;
      // 0 before the first bar, 1 after it, 2 while it rises, 3 while it falls.
      let phase = state[0]! | 0;
      let stop = state[1]!;
      let extreme = state[2]!;
      let pace = state[3]!;
      for (let i = from; i < to; i++) {
        if (phase === 0) {
          phase = 1;
          out[i] = Number.NaN;
          continue;
        }
        let oldHigh = high[i - 1]!;
        let oldLow = low[i - 1]!;
        const newHigh = high[i]!;
        const newLow = low[i]!;
        if (phase === 1) {
          const down = oldLow - newLow;
          const falls = down > 0 && newHigh - oldHigh < down;
          phase = falls ? 3 : 2;
          stop = falls ? oldHigh : oldLow;
          extreme = falls ? newLow : newHigh;
          pace = step;
          oldHigh = newHigh;
          oldLow = newLow;
        }
        if (phase === 2 ? newLow <= stop : newHigh >= stop) {
          phase = phase === 2 ? 3 : 2;
          stop = phase === 3 ? Math.max(extreme, oldHigh, newHigh) : Math.min(extreme, oldLow, newLow);
          out[i] = stop;
          extreme = phase === 3 ? newLow : newHigh;
          pace = step;
        } else {
          out[i] = stop;
          if (phase === 2 ? newHigh > extreme : newLow < extreme) {
            extreme = phase === 2 ? newHigh : newLow;
            pace = Math.min(limit, pace + step);
          }
        }
        stop += pace * (extreme - stop);
        stop = phase === 3 ? Math.max(stop, oldHigh, newHigh) : Math.min(stop, oldLow, newLow);
      }
      state[0] = phase;
      state[1] = stop;
      state[2] = extreme;
      state[3] = pace;
    },
  };
}

/**
 * SuperTrend: a stop at `multiple` average true ranges from the middle of the bar, which only ever tightens until the
 * close crosses it. Inputs high, low, close, average true range; outputs the stop and 1 (rising) or -1.
 */
export function superTrend(multiple: number): Kernel {
  return {
    cells: 4,
    reach: 0,
    run(from, to, state, inputs, outputs) {
      const high = inputs[0]!;
      const low = inputs[1]!;
      const close = inputs[2]!;
      const atr = inputs[3]!;
      const out = outputs[0]!;
      const direction = outputs[1]!;
      let way = state[0]!;
      let upper = state[1]!;
      let lower = state[2]!;
      let before = state[3]!;
      for (let i = from; i < to; i++) {
        if (Number.isNaN(atr[i]!)) {
          out[i] = Number.NaN;
          direction[i] = Number.NaN;
          continue;
        }
        const middle = (high[i]! + low[i]!) / 2;
        const above = middle + multiple * atr[i]!;
        const below = middle - multiple * atr[i]!;
        const x = close[i]!;
        if (way === 0) {
          upper = above;
          lower = below;
          way = x > above ? 1 : -1;
        } else {
          if (above < upper || before > upper) upper = above;
          if (below > lower || before < lower) lower = below;
          way = way === 1 ? (x >= lower ? 1 : -1) : x > upper ? 1 : -1;
        }
        before = x;
        out[i] = way === 1 ? lower : upper;
        direction[i] = way;
      }
      state[0] = way;
      state[1] = upper;
      state[2] = lower;
      state[3] = before;
    },
  };
}

/** Middle of a high and a low. */
export const middle: Kernel = {
  cells: 0,
  reach: 0,
  run(from, to, _state, inputs, outputs) {
    const a = inputs[0]!;
    const b = inputs[1]!;
    const out = outputs[0]!;
    for (let i = from; i < to; i++) out[i] = (a[i]! + b[i]!) / 2;
  },
};

/** The value of `bars` ago. */
export function delayed(bars: number): Kernel {
  return {
    cells: 1,
    reach: bars,
    run(from, to, state, inputs, outputs) {
      const source = inputs[0]!;
      const out = outputs[0]!;
      let seen = state[0]! | 0;
      for (let i = from; i < to; i++) {
        out[i] = seen < bars ? Number.NaN : source[i - bars]!;
        if (seen < bars) seen++;
      }
      state[0] = seen;
    },
  };
}
