/**
 * Our indicators agree with other people's: TA-Lib (compiled to WebAssembly) for everything it has, trading-signals for
 * what it lacks. On random walks at three price levels and, where it is at hand, on real daily bars. Every
 * value from TA-Lib's first on is compared, so that warm-up is too.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { DuckDBInstance } from '@duckdb/node-api';
import * as talib from 'talib-web';
import * as signals from 'trading-signals';
import { beforeAll, expect, test, vi } from 'vitest';
import { randomBars } from './bars.fixture.ts';
import { type BarColumns, INDICATORS, type IndicatorName, indicatorColumns } from './index.ts';

const PARQUET = new URL('../../../../../shared/data/coinbase-daily/ohlcv-2020-2023.parquet', import.meta.url);

type Peer = (bars: Plain) => Partial<Record<IndicatorName, ArrayLike<number>>>;
interface Plain {
  open: number[];
  high: number[];
  low: number[];
  close: number[];
  volume: number[];
}

const SMA = 0;
const EMA = 1;

const TALIB: Peer[] = [
  ({ close: inReal }) => ({
    sma20: talib.SMA({ inReal, timePeriod: 20 }).output,
    sma50: talib.SMA({ inReal, timePeriod: 50 }).output,
    sma200: talib.SMA({ inReal, timePeriod: 200 }).output,
    ema20: talib.EMA({ inReal, timePeriod: 20 }).output,
    ema50: talib.EMA({ inReal, timePeriod: 50 }).output,
    ema200: talib.EMA({ inReal, timePeriod: 200 }).output,
    wma20: talib.WMA({ inReal, timePeriod: 20 }).output,
    dema20: talib.DEMA({ inReal, timePeriod: 20 }).output,
    tema20: talib.TEMA({ inReal, timePeriod: 20 }).output,
    kama10: talib.KAMA({ inReal, timePeriod: 10 }).output,
    rsi14: talib.RSI({ inReal, timePeriod: 14 }).output,
    ppo: talib.PPO({ inReal, fastPeriod: 12, slowPeriod: 26, MAType: EMA }).output,
    deviation20: inParts(inReal, (part) => talib.STDDEV({ inReal: part, timePeriod: 20, nbDev: 1 }).output),
    momentum10: talib.MOM({ inReal, timePeriod: 10 }).output,
    roc10: talib.ROC({ inReal, timePeriod: 10 }).output,
    trix15: talib.TRIX({ inReal, timePeriod: 15 }).output,
    slope14: talib.LINEARREG_SLOPE({ inReal, timePeriod: 14 }).output,
  }),
  ({ close: inReal }) => {
    const macd = talib.MACD({ inReal, fastPeriod: 12, slowPeriod: 26, signalPeriod: 9 });
    const bands = (part: number[]) =>
      talib.BBANDS({ inReal: part, timePeriod: 20, nbDevUp: 2, nbDevDn: 2, MAType: SMA });
    const rsi = talib.STOCHRSI({
      inReal,
      timePeriod: 14,
      fastK_Period: 14,
      fastD_Period: 3,
      fastD_MAType: SMA,
    });
    return {
      macd: macd.MACD,
      macdSignal: macd.MACDSignal,
      macdHistogram: macd.MACDHist,
      bollingerUpper: inParts(inReal, (part) => bands(part).upperBand),
      bollingerLower: inParts(inReal, (part) => bands(part).lowerBand),
      stochasticRsiK: rsi.fastK,
      stochasticRsiD: rsi.fastD,
    };
  },
  ({ high, low, close, volume }) => {
    const aroon = talib.AROON({ high, low, timePeriod: 25 });
    // This build's STOCH gives zeros; what it is made of works.
    const slow = talib
      .STOCHF({ high, low, close, fastK_Period: 14, fastD_Period: 3, fastD_MAType: SMA })
      .fastD.slice(0, close.length - 15);
    return {
      atr14: talib.ATR({ high, low, close, timePeriod: 14 }).output,
      natr14: talib.NATR({ high, low, close, timePeriod: 14 }).output,
      adx14: talib.ADX({ high, low, close, timePeriod: 14 }).output,
      plusDi14: talib.PLUS_DI({ high, low, close, timePeriod: 14 }).output,
      minusDi14: talib.MINUS_DI({ high, low, close, timePeriod: 14 }).output,
      aroonUp25: aroon.aroonUp,
      aroonDown25: aroon.aroonDown,
      cci20: talib.CCI({ high, low, close, timePeriod: 20 }).output,
      stochasticK: slow,
      stochasticD: talib.SMA({ inReal: slow, timePeriod: 3 }).output,
      williamsR14: talib.WILLR({ high, low, close, timePeriod: 14 }).output,
      ultimate: talib.ULTOSC({ high, low, close, timePeriod1: 7, timePeriod2: 14, timePeriod3: 28 }).output,
      donchianUpper20: talib.MAX({ inReal: high, timePeriod: 20 }).output,
      donchianLower20: talib.MIN({ inReal: low, timePeriod: 20 }).output,
      ichimokuConversion: talib.MIDPRICE({ high, low, timePeriod: 9 }).output,
      ichimokuBase: talib.MIDPRICE({ high, low, timePeriod: 26 }).output,
      sar: talib.SAR({ high, low, acceleration: 0.02, maximum: 0.2 }).output,
      mfi14: talib.MFI({ high, low, close, volume, timePeriod: 14 }).output,
      obv: talib.OBV({ inReal: close, volume }).output,
      accumulation: talib.AD({ high, low, close, volume }).output,
      chaikin: talib.ADOSC({ high, low, close, volume, fastPeriod: 3, slowPeriod: 10 }).output,
    };
  },
];

beforeAll(async () => {
  // It would fetch its file as a browser does, which Node's fetch refuses; without one it reads it.
  vi.stubGlobal('fetch', undefined);
  await talib.init(fileURLToPath(import.meta.resolve('talib-web').replace(/[^/]+$/, 'talib.wasm')));
  vi.unstubAllGlobals();
});

/** Indicators that TA-Lib was asked for. */
const compared = new Set<string>();

const SAMPLES: [string, BarColumns][] = [
  ['a price of 100', randomBars(700, 1)],
  ['a price of 60,000', randomBars(700, 2, 60_000)],
  ['a stablecoin', randomBars(700, 3, 1, 0.0005)],
];

test.each(SAMPLES)('TA-Lib, all 45 that it has, at every bar: %s', (_, bars) => {
  const ours = indicatorColumns(bars);
  for (const peer of TALIB) {
    for (const [name, theirs] of Object.entries(peer(plain(bars)))) {
      expect(disagreement(name, ours[name as IndicatorName], theirs!), name).toBeLessThan(1e-6);
      compared.add(name);
    }
  }
  expect(compared.size).toBe(45);
});

test('trading-signals, for ten that TA-Lib lacks', () => {
  const bars = randomBars(900, 5);
  const ours = indicatorColumns(bars);
  const supertrend = new signals.SuperTrend({ interval: 10, multiplier: 3 });
  const keltner = new signals.KeltnerChannels({ emaInterval: 20, atrInterval: 10, multiplier: 2 });
  const cloud = new signals.IchimokuCloud();
  const flow = new signals.CMF(20);
  const vwap = new signals.VWMA(20);
  const place = new signals.PercentB({ interval: 20, deviationMultiplier: 2 });
  const width = new signals.BollingerBandsWidth(new signals.BollingerBands(20, 2));
  const leads: { spanA: number; spanB: number }[] = [];
  let count = 0;
  for (let i = 0; i < bars.close.length; i++) {
    const bar = {
      open: bars.open[i]!,
      high: bars.high[i]!,
      low: bars.low[i]!,
      close: bars.close[i]!,
      volume: bars.volume[i]!,
    };
    const trend = supertrend.update(bar, false);
    const channel = keltner.update(bar, false);
    const ahead = cloud.update(bar, false);
    leads[i] = ahead ?? { spanA: Number.NaN, spanB: Number.NaN };
    const theirs: Partial<Record<IndicatorName, number | null>> = {
      moneyFlow20: flow.update(bar, false),
      bollingerPlace: place.update(bar.close, false),
      bollingerWidth: width.update(bar.close, false),
      ichimokuSpanA: leads[i - 26]?.spanA ?? null,
      ichimokuSpanB: leads[i - 26]?.spanB ?? null,
    };
    // Theirs weighs the close by volume.
    const weighted = vwap.update({ ...bar, close: (bar.high + bar.low + bar.close) / 3 }, false);
    theirs.vwap20 = weighted;
    // Their true range of the first bar is high less low; ours has none. That fades with (9/10)^n.
    if (i > 400) {
      theirs.superTrend10 = trend!.supertrend;
      theirs.superTrendWay10 = trend!.trend === 'BULLISH' ? 1 : -1;
      theirs.keltnerUpper20 = channel!.upper;
      theirs.keltnerLower20 = channel!.lower;
    }
    for (const [name, value] of Object.entries(theirs)) {
      if (value === null || value === undefined || Number.isNaN(value)) continue;
      const mine = ours[name as IndicatorName][i]!;
      expect(Math.abs(mine - value) / Math.max(1, Math.abs(value)), `${name} on ${i}`).toBeLessThan(1e-9);
      count++;
    }
  }
  expect(count).toBeGreaterThan(7_000);
});

test.skipIf(!existsSync(PARQUET))('TA-Lib on real daily bars of five assets', async () => {
  let count = 0;
  for (const bars of await realBars(5)) {
    const ours = indicatorColumns(bars);
    for (const peer of TALIB) {
      for (const [name, theirs] of Object.entries(peer(plain(bars)))) {
        // TA-Lib takes moves below 1e-8 (absolute) for nothing; assets under a cent are left out below.
        expect(disagreement(name, ours[name as IndicatorName], theirs!), name).toBeLessThan(1e-4);
        count++;
      }
    }
  }
  expect(count).toBeGreaterThan(200);
});
if (!existsSync(PARQUET)) console.log('skipped the comparison on real bars: ../shared/data is not there');

/** Few, because this build of TA-Lib never gives memory back. */
async function realBars(count: number): Promise<BarColumns[]> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  const columns = await connection.runAndReadAll(
    `DESCRIBE SELECT * FROM read_parquet('${fileURLToPath(PARQUET)}')`,
  );
  const names = columns.getRowObjects().map((row) => String(row.column_name));
  const symbol = names.find((name) => /symbol|asset|ticker|product/i.test(name))!;
  const time = names.find((name) => /date|time/i.test(name))!;
  const result = await connection.runAndReadAll(
    `SELECT "${symbol}" AS asset, list(CAST(open AS DOUBLE) ORDER BY "${time}") AS open, list(CAST(high AS DOUBLE) ORDER BY "${time}") AS high,
     list(CAST(low AS DOUBLE) ORDER BY "${time}") AS low, list(CAST(close AS DOUBLE) ORDER BY "${time}") AS close,
     list(CAST(volume AS DOUBLE) ORDER BY "${time}") AS volume
     FROM read_parquet('${fileURLToPath(PARQUET)}') GROUP BY 1 HAVING count(*) > 700 AND min(low) > 0.01 ORDER BY 1 LIMIT ${count}`,
  );
  connection.closeSync();
  return result.getRowObjectsJS().map((row) => ({
    open: Float64Array.from(row.open as number[]),
    high: Float64Array.from(row.high as number[]),
    low: Float64Array.from(row.low as number[]),
    close: Float64Array.from(row.close as number[]),
    volume: Float64Array.from(row.volume as number[]),
  }));
}

/**
 * Largest difference: absolute for small values, relative above 1. TA-Lib gives its values from its own first bar on,
 * without saying which that is, and leaves what it finds in memory behind the last: ours must begin with the same bar.
 */
function disagreement(name: string, ours: Float64Array, theirs: ArrayLike<number>): number {
  const first = ours.findIndex((value) => !Number.isNaN(value)) + (HELD_BACK[name] ?? 0);
  let most = 0;
  // Its first NATR is 0, whatever the prices.
  for (let i = name === 'natr14' ? first + 1 : first; i < ours.length; i++) {
    const apart = Math.abs(ours[i]! - theirs[i - first]!) / Math.max(1, Math.abs(theirs[i - first]!));
    if (!(apart <= most)) most = Number.isNaN(apart) ? Number.POSITIVE_INFINITY : apart;
  }
  return first < ours.length - 100 ? most : Number.POSITIVE_INFINITY;
}

/** Bars that TA-Lib holds a line back until the line that smoothes it is there too. */
const HELD_BACK: Record<string, number> = { macd: 8, stochasticRsiK: 2 };

/**
 * This build of TA-Lib confuses where its output begins with how long it is, so that STDDEV and BBANDS of 20 bars finish
 * their first 19 values only: it is asked for 19 at a time.
 */
function inParts(values: number[], compute: (part: number[]) => number[]): number[] {
  const all: number[] = [];
  for (let from = 0; from + 20 <= values.length; from += 19) {
    const part = values.slice(from, from + 38);
    all.push(...compute(part).slice(0, part.length - 19));
  }
  return all;
}

function plain(bars: BarColumns): Plain {
  return {
    open: [...bars.open],
    high: [...bars.high],
    low: [...bars.low],
    close: [...bars.close],
    volume: [...bars.volume],
  };
}

test('every indicator has a peer here or a definition in definitions.test.ts', () => {
  const signalsHave = [
    'superTrend10',
    'superTrendWay10',
    'keltnerUpper20',
    'keltnerLower20',
    'ichimokuSpanA',
    'ichimokuSpanB',
    'moneyFlow20',
    'vwap20',
    'bollingerPlace',
    'bollingerWidth',
  ];
  const defined = ['efficiency10', 'zScore20', 'volatility30', 'parkinson30', 'garmanKlass30', 'hurst100'];
  expect(
    INDICATORS.filter((name) => !compared.has(name) && ![...signalsHave, ...defined].includes(name)),
  ).toEqual([]);
});
