/**
 * First, indicators that no peer has in our form, against their definitions written out in plain loops, a window at a
 * time. Then what every indicator must keep: live values are those of the history bit for bit, nothing reads the
 * future, gaps and absurd bars leave no trace, no infinity comes out, and a price in other units gives the same answer.
 */
import { AssayError } from '@assay/core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { emptyBars, randomBars, seeded } from './bars.fixture.ts';
import {
  type BarColumns,
  INDICATORS,
  type IndicatorName,
  IndicatorStream,
  indicatorColumns,
} from './index.ts';

const COLUMNS = ['open', 'high', 'low', 'close', 'volume'] as const;

const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
const deviation = (values: number[], freedom: number) => {
  const centre = mean(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - centre) ** 2, 0) / (values.length - freedom));
};

/** Each gives the value after bar `i`, from all bars up to it. */
const DEFINITIONS: Partial<
  Record<IndicatorName, { from: number; at: (bars: BarColumns, i: number) => number }>
> = {
  efficiency10: {
    from: 10,
    at: ({ close }, i) => {
      let path = 0;
      for (let k = i - 9; k <= i; k++) path += Math.abs(close[k]! - close[k - 1]!);
      return Math.abs(close[i]! - close[i - 10]!) / path;
    },
  },
  zScore20: {
    from: 19,
    at: ({ close }, i) => {
      const window = [...close.slice(i - 19, i + 1)];
      return (close[i]! - mean(window)) / deviation(window, 0);
    },
  },
  volatility30: {
    from: 30,
    at: ({ close }, i) => {
      const returns = Array.from({ length: 30 }, (_, k) => Math.log(close[i - k]! / close[i - k - 1]!));
      return 100 * deviation(returns, 1) * Math.sqrt(365);
    },
  },
  parkinson30: {
    from: 29,
    at: ({ high, low }, i) => {
      const days = Array.from({ length: 30 }, (_, k) => Math.log(high[i - k]! / low[i - k]!) ** 2);
      return 100 * Math.sqrt((365 * mean(days)) / (4 * Math.log(2)));
    },
  },
  garmanKlass30: {
    from: 29,
    at: ({ open, high, low, close }, i) => {
      const days = Array.from(
        { length: 30 },
        (_, k) =>
          0.5 * Math.log(high[i - k]! / low[i - k]!) ** 2 -
          (2 * Math.log(2) - 1) * Math.log(close[i - k]! / open[i - k]!) ** 2,
      );
      return 100 * Math.sqrt(365 * mean(days));
    },
  },
  hurst100: {
    from: 107,
    at: ({ close }, i) => {
      const moves = (lag: number) =>
        Array.from({ length: 100 }, (_, k) => Math.log(close[i - k]! / close[i - k - lag]!));
      return Math.log(deviation(moves(8), 0) / deviation(moves(1), 0)) / Math.log(8);
    },
  },
};

test.each(Object.entries(DEFINITIONS))(
  '%s is what its definition says, from the first bar that has one',
  (name, rule) => {
    const bars = randomBars(400, 11);
    const ours = indicatorColumns(bars)[name as IndicatorName];
    expect(ours.findIndex((value) => !Number.isNaN(value))).toBe(rule.from);
    for (let i = rule.from; i < 400; i++) expect(Math.abs(ours[i]! - rule.at(bars, i))).toBeLessThan(1e-9);
  },
);

test('a trend, noise about a level and a random walk have the Hurst exponents that they should', () => {
  const random = seeded(12);
  const bars = (next: (last: number, i: number) => number) => {
    const all = emptyBars(3_000);
    for (let i = 0, last = 0; i < 3_000; i++) {
      last = next(last, i);
      for (const column of COLUMNS) all[column][i] = column === 'volume' ? 1 : Math.exp(last);
    }
    const values = indicatorColumns(all, ['hurst100']).hurst100.slice(200);
    return values.reduce((sum, value) => sum + value, 0) / values.length;
  };
  const noise = () => 0.02 * (random() + random() + random() - 1.5);
  expect(bars((last) => last + noise())).toBeGreaterThan(0.4);
  expect(bars((last) => last + noise())).toBeLessThan(0.55);
  expect(bars(() => noise())).toBeLessThan(0.1);
  let drift = 0;
  const trend = (last: number) => {
    drift = 0.95 * drift + 0.1 * noise();
    return last + drift;
  };
  expect(bars(trend)).toBeGreaterThan(0.8);
});

/** Histories with gaps of any length, absurd bars, unknown volumes, flat stretches and negative prices. */
const history = fc
  .record({
    seed: fc.integer(),
    spoil: fc.array(
      fc.record({
        at: fc.nat(399),
        length: fc.integer({ min: 1, max: 45 }),
        how: fc.constantFrom(
          'gap',
          'flat',
          'zero volume',
          'volume',
          'huge',
          'negative',
          'turned',
          'narrow',
          'zero',
        ),
      }),
      { maxLength: 6 },
    ),
  })
  .map(({ seed, spoil }) => {
    const bars = randomBars(400, seed);
    for (const { at, length, how } of spoil) {
      for (let i = at; i < Math.min(400, at + length); i++) {
        if (how === 'gap') for (const column of COLUMNS) bars[column][i] = Number.NaN;
        if (how === 'flat') for (const column of COLUMNS) bars[column][i] = 0.1;
        if (how === 'zero') for (const column of COLUMNS) bars[column][i] = 0;
        if (how === 'zero volume') bars.volume[i] = 0;
        if (how === 'volume') bars.volume[i] = i % 2 ? Number.NaN : -1;
        if (how === 'huge')
          for (const column of COLUMNS) bars[column][i] = i % 3 ? 1e99 : Number.POSITIVE_INFINITY;
        if (how === 'negative') for (const column of COLUMNS.slice(0, 4)) bars[column][i]! *= -1;
        if (how === 'turned') [bars.high[i], bars.low[i]] = [bars.low[i]!, bars.high[i]!];
        if (how === 'narrow') bars.high[i] = bars.low[i]!;
      }
    }
    return bars;
  });

test('a stream gives the values of the history bit for bit, whatever ticks come between, and never an infinity', () => {
  fc.assert(
    fc.property(history, fc.integer(), (bars, seed) => {
      const random = seeded(seed);
      const columns = indicatorColumns(bars);
      const stream = new IndicatorStream();
      for (let i = 0; i < bars.close.length; i++) {
        const bar = barOf(bars, i);
        for (let ticks = Math.floor(3 * random()); ticks > 0; ticks--) {
          stream.tick({ ...bar, close: bar.close * (1 + random()), high: bar.high * 3, volume: random() });
        }
        stream.bar(bar);
        for (const [k, name] of INDICATORS.entries()) {
          const value = columns[name][i]!;
          if (!Object.is(stream.values[k], value) || Math.abs(value) === Number.POSITIVE_INFINITY) {
            throw new Error(`${name} on ${i}: ${stream.values[k]} and ${value}`);
          }
        }
      }
    }),
    { numRuns: 30 },
  );
});

test('a tick shows what the bar would give if it closed so', () => {
  const bars = randomBars(300, 13);
  const whole = new IndicatorStream();
  const open = new IndicatorStream();
  for (let i = 0; i < 299; i++) for (const stream of [whole, open]) stream.bar(barOf(bars, i));
  open.tick({ ...barOf(bars, 299), close: 1 });
  open.tick(barOf(bars, 299));
  whole.bar(barOf(bars, 299));
  expect(open.values).toEqual(whole.values);
});

test('lies planted in the future change no earlier value', () => {
  const bars = randomBars(500, 14);
  const before = indicatorColumns(bars);
  for (const column of COLUMNS) for (let i = 350; i < 500; i++) bars[column][i] = 1e6 * (i % 7);
  const after = indicatorColumns(bars);
  for (const name of INDICATORS) expect(after[name].slice(0, 350), name).toEqual(before[name].slice(0, 350));
  expect(after.rsi14[499]).not.toBe(before.rsi14[499]);
});

test('missing bars leave no trace: the others have the values that they have without them', () => {
  const bars = randomBars(400, 15);
  const plain = indicatorColumns(bars);
  const random = seeded(16);
  const days = Array.from({ length: 400 }, (_, i) => i).flatMap((i) =>
    random() < 0.3 ? [-1, ...Array(Math.floor(5 * random())).fill(-1), i] : [i],
  );
  const gapped = indicatorColumns(spreadOver(bars, days));
  for (const name of INDICATORS) {
    for (const [day, i] of days.entries()) {
      expect(gapped[name][day], name).toEqual(i < 0 ? Number.NaN : plain[name][i]);
    }
  }
});

test('after more than 30 missing bars everything begins anew; after 30 it goes on', () => {
  const bars = randomBars(600, 17);
  const later = indicatorColumns(slice(bars, 300, 600));
  const gap = (days: number) =>
    indicatorColumns(
      spreadOver(
        bars,
        Array.from({ length: 600 + days }, (_, d) => (d < 300 ? d : d < 300 + days ? -1 : d - days)),
      ),
    );
  const restarted = gap(31);
  const continued = gap(30);
  for (const name of INDICATORS) expect(restarted[name].slice(331), name).toEqual(later[name]);
  expect(continued.sma200.slice(330, 500).some(Number.isNaN)).toBe(false);
});

test('an absurd bar is gone from every window once it has left it', () => {
  const bars = randomBars(900, 18);
  const clean = indicatorColumns(bars);
  for (const column of COLUMNS) bars[column][300] = 1e60;
  const spoilt = indicatorColumns(bars);
  const windows: IndicatorName[] = [
    'sma20',
    'sma50',
    'sma200',
    'wma20',
    'deviation20',
    'bollingerUpper',
    'zScore20',
    'cci20',
    'stochasticD',
    'williamsR14',
    'aroonUp25',
    'ultimate',
    'donchianUpper20',
    'ichimokuSpanB',
    'slope14',
    'volatility30',
    'parkinson30',
    'garmanKlass30',
    'hurst100',
    'mfi14',
    'moneyFlow20',
    'vwap20',
  ];
  for (const name of windows) expect(spoilt[name].slice(520), name).toEqual(clean[name].slice(520));
});

test('unknown volume silences what needs it, and nothing else', () => {
  const bars = randomBars(300, 19);
  const plain = indicatorColumns(bars);
  bars.volume.fill(Number.NaN, 100, 200);
  const partly = indicatorColumns(bars);
  const silent = INDICATORS.filter(
    (name) => Number.isNaN(partly[name][150]!) && !Number.isNaN(plain[name][150]!),
  );
  expect(silent).toEqual(['mfi14', 'obv', 'accumulation', 'chaikin', 'moneyFlow20', 'vwap20']);
  for (const name of INDICATORS) {
    if (!silent.includes(name)) expect(partly[name], name).toEqual(plain[name]);
  }
});

test('a constant price has averages, no spread, and no answer where there is none', () => {
  const bars = emptyBars(300);
  for (const column of COLUMNS) bars[column].fill(0.1);
  const last = (name: IndicatorName) => indicatorColumns(bars)[name].at(-1);
  for (const name of ['sma20', 'sma200', 'ema50', 'tema20', 'kama10', 'vwap20', 'sar'] as const) {
    expect(last(name), name).toBeCloseTo(0.1, 12);
  }
  for (const name of ['deviation20', 'atr14', 'volatility30', 'parkinson30', 'macd', 'momentum10'] as const) {
    expect(last(name), name).toBeCloseTo(0, 15);
  }
  for (const name of [
    'rsi14',
    'zScore20',
    'bollingerPlace',
    'cci20',
    'stochasticK',
    'adx14',
    'mfi14',
  ] as const) {
    expect(last(name), name).toBeNaN();
  }
});

test('a price in other units, even far below where TA-Lib calls it zero, has the same ratios', () => {
  const ratios: IndicatorName[] = [
    'rsi14',
    'ppo',
    'bollingerPlace',
    'bollingerWidth',
    'zScore20',
    'natr14',
    'adx14',
    'cci20',
    'stochasticK',
    'stochasticRsiD',
    'williamsR14',
    'roc10',
    'trix15',
    'ultimate',
    'aroonUp25',
    'superTrendWay10',
    'volatility30',
    'garmanKlass30',
    'hurst100',
    'efficiency10',
    'mfi14',
    'moneyFlow20',
  ];
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: -12, max: 12 }), (seed, power) => {
      const bars = randomBars(250, seed);
      const plain = indicatorColumns(bars);
      for (const column of COLUMNS.slice(0, 4)) for (let i = 0; i < 250; i++) bars[column][i]! *= 10 ** power;
      const scaled = indicatorColumns(bars);
      for (const name of ratios) {
        for (let i = 0; i < 250; i++) {
          const apart = Math.abs(scaled[name][i]! - plain[name][i]!);
          if (apart > 1e-6) throw new Error(`${name} on ${i}: ${scaled[name][i]} and ${plain[name][i]}`);
        }
      }
    }),
    { numRuns: 20 },
  );
});

test('averages follow a shifted price, and a mirrored one turns RSI and the directions round', () => {
  const bars = randomBars(300, 20);
  const plain = indicatorColumns(bars);
  const mirror: BarColumns = {
    open: bars.open.map((x) => 1_000 - x),
    high: bars.low.map((x) => 1_000 - x),
    low: bars.high.map((x) => 1_000 - x),
    close: bars.close.map((x) => 1_000 - x),
    volume: bars.volume,
  };
  const turned = indicatorColumns(mirror);
  for (let i = 250; i < 300; i++) {
    expect(turned.sma50[i]).toBeCloseTo(1_000 - plain.sma50[i]!, 8);
    expect(turned.rsi14[i]).toBeCloseTo(100 - plain.rsi14[i]!, 8);
    expect(turned.plusDi14[i]).toBeCloseTo(plain.minusDi14[i]!, 8);
    expect(turned.aroonUp25[i]).toBe(plain.aroonDown25[i]);
  }
});

test('no bars, one bar, and names that are none', () => {
  expect(indicatorColumns(emptyBars(0)).rsi14).toHaveLength(0);
  expect(indicatorColumns(randomBars(1, 1)).obv[0]).toBeGreaterThan(0);
  expect(indicatorColumns(randomBars(50, 1), []).valueOf()).toEqual({});
  expect(() => indicatorColumns(randomBars(1, 1), ['rsi' as IndicatorName])).toThrow(AssayError);
  expect(() => new IndicatorStream(['obv', 'obv'])).toThrow('expected each indicator once, got obv again');
  expect(() => new IndicatorStream(['obv']).value('sar')).toThrow(
    'expected an indicator of this stream, got sar',
  );
  expect(() => indicatorColumns({ ...randomBars(3, 1), volume: new Float64Array(2) })).toThrow(AssayError);
});

function barOf(bars: BarColumns, i: number) {
  return {
    open: bars.open[i]!,
    high: bars.high[i]!,
    low: bars.low[i]!,
    close: bars.close[i]!,
    volume: bars.volume[i]!,
  };
}

function slice(bars: BarColumns, from: number, to: number): BarColumns {
  return {
    open: bars.open.slice(from, to),
    high: bars.high.slice(from, to),
    low: bars.low.slice(from, to),
    close: bars.close.slice(from, to),
    volume: bars.volume.slice(from, to),
  };
}

/** Bars by day, of the places given; -1 is a missing day. */
function spreadOver(bars: BarColumns, days: number[]): BarColumns {
  const over = (column: Float64Array) => Float64Array.from(days, (i) => (i < 0 ? Number.NaN : column[i]!));
  return {
    open: over(bars.open),
    high: over(bars.high),
    low: over(bars.low),
    close: over(bars.close),
    volume: over(bars.volume),
  };
}
