/** How fast indicators, risk, levels and correlation are, beside two libraries and the machine's own limit. */
import * as technical from 'technicalindicators';
import * as signals from 'trading-signals';
import {
  type BarColumns,
  INDICATORS,
  type IndicatorName,
  IndicatorStream,
  indicatorBatch,
} from '../src/indicators/index.ts';
import { emptyPanel, type Panel } from '../src/panel/index.ts';
import { correlationFigure, levelsFigure, riskFigure } from '../src/risk/index.ts';
import type { BenchSection } from './section.ts';

const TOKENS = 6_000;
const DAYS = 1_000;

/** Forty, without those that are a second line of another or nearly so. */
const FORTY: readonly IndicatorName[] = INDICATORS.filter(
  (name) =>
    ![
      'sma200',
      'ema200',
      'dema20',
      'tema20',
      'efficiency10',
      'ppo',
      'bollingerWidth',
      'zScore20',
      'natr14',
      'aroonDown25',
      'stochasticRsiD',
      'momentum10',
      'keltnerUpper20',
      'keltnerLower20',
      'superTrendWay10',
      'ichimokuConversion',
      'ichimokuBase',
      'ichimokuSpanA',
      'ichimokuSpanB',
      'chaikin',
      'moneyFlow20',
    ].includes(name),
);

export async function indicatorsBench(): Promise<BenchSection> {
  const panel = walks(TOKENS, DAYS);
  const forty = passOver(panel, FORTY);
  const all = passOver(panel, INDICATORS);
  const limit = plainPass(panel, FORTY.length);
  const peerTokens = 60;
  const tradingSignals = peerSignals(panel, peerTokens);
  const technicalIndicators = peerTechnical(panel, peerTokens);
  const perColumn = (forty * 1e9) / (TOKENS * DAYS * FORTY.length);
  const tick = ticks(panel);
  const month = { from: DAYS - 30, to: DAYS };
  const some = first(panel, 150);
  const lines = [
    `| ${TOKENS.toLocaleString('en')} tokens × ${DAYS.toLocaleString('en')} days, one core | s of processor | ns a value |`,
    '|---|---|---|',
    `| ${FORTY.length} indicators, one pass each into columns that are used again for the next token | ${forty.toFixed(2)} | ${perColumn.toFixed(1)} |`,
    `| all ${INDICATORS.length} | ${all.toFixed(2)} | ${((all * 1e9) / (TOKENS * DAYS * INDICATORS.length)).toFixed(1)} |`,
    `| the machine's limit: read five columns and write ${FORTY.length} plainly (${limit.gigabytes.toFixed(1)} GB/s) | ${limit.seconds.toFixed(2)} | ${((limit.seconds * 1e9) / (TOKENS * DAYS * FORTY.length)).toFixed(1)} |`,
    peerLine('trading-signals', tradingSignals, perColumn, peerTokens),
    peerLine('technicalindicators', technicalIndicators, perColumn, peerTokens),
    '',
    `A live bar or tick with all ${INDICATORS.length}: p50 ${tick.p50.toFixed(1)} µs, p99 ${tick.p99.toFixed(1)} µs, longest of ${tick.count.toLocaleString('en')} ${tick.longest.toFixed(0)} µs.`,
    '',
    '| Figure | 30 days × 150 assets | 1 day × 6,000 assets |',
    '|---|---|---|',
    ...([riskFigure, levelsFigure, correlationFigure] as const).map(
      (figure) =>
        `| ${figure.name} | ${figureSeconds(figure, some, month).toFixed(2)} s | ${figureSeconds(figure, panel, { from: DAYS - 1, to: DAYS }).toFixed(2)} s |`,
    ),
  ];
  return { title: 'Indicators, risk, levels and correlation', lines };
}

function peerLine(
  name: string,
  peer: { columns: number; nanoseconds: number },
  ours: number,
  tokens: number,
): string {
  const seconds = (peer.nanoseconds * TOKENS * DAYS * FORTY.length) / 1e9;
  return `| ${name}: ${peer.columns} columns of its own on ${tokens} of the tokens, scaled to ${FORTY.length} on all; ${(peer.nanoseconds / ours).toFixed(0)} times ours | ${seconds.toFixed(0)} | ${peer.nanoseconds.toFixed(0)} |`;
}

function passOver(panel: Panel, names: readonly IndicatorName[]): number {
  const run = indicatorBatch(DAYS, names);
  const outputs = names.map(() => new Float64Array(DAYS));
  // The compiler is done with it after a few hundred tokens.
  for (let token = 0; token < 400; token++) run(barsOf(panel, token), outputs);
  return best(4, () => {
    for (let token = 0; token < TOKENS; token++) run(barsOf(panel, token), outputs);
  });
}

/** Five columns read and so many written, with an addition: what any pass must move. */
function plainPass(panel: Panel, columns: number): { seconds: number; gigabytes: number } {
  const outputs = Array.from({ length: columns }, () => new Float64Array(DAYS));
  const copy = (source: Float64Array, out: Float64Array) => {
    for (let i = 0; i < out.length; i++) out[i] = source[i]! + 1;
  };
  const seconds = best(3, () => {
    for (let token = 0; token < TOKENS; token++) {
      const sources = Object.values(barsOf(panel, token)) as Float64Array[];
      for (const [i, out] of outputs.entries()) copy(sources[i % 5]!, out);
    }
  });
  return { seconds, gigabytes: (2 * columns * TOKENS * DAYS * 8) / seconds / 1e9 };
}

function peerSignals(panel: Panel, tokens: number): { columns: number; nanoseconds: number } {
  const make = () => ({
    closes: [
      new signals.SMA(20),
      new signals.SMA(50),
      new signals.EMA(20),
      new signals.EMA(50),
      new signals.WMA(20),
      new signals.DEMA(20),
      new signals.TEMA(20),
      new signals.RSI(14),
      new signals.ROC(10),
      new signals.MOM(10),
    ],
    bars: [
      new signals.ATR(14),
      new signals.ADX(14),
      new signals.CCI(20),
      new signals.WilliamsR(14),
      new signals.OBV(2),
      new signals.MFI(14),
      new signals.AD(),
      new signals.CMF(20),
      new signals.SuperTrend({ interval: 10, multiplier: 3 }),
      new signals.DonchianChannels(20),
    ],
  });
  const seconds = best(1, () => {
    for (let token = 0; token < tokens; token++) {
      const { closes, bars } = make();
      const columns = barsOf(panel, token);
      for (let i = 0; i < DAYS; i++) {
        const bar = {
          open: columns.open[i]!,
          high: columns.high[i]!,
          low: columns.low[i]!,
          close: columns.close[i]!,
          volume: columns.volume[i]!,
        };
        for (const indicator of closes) indicator.update(bar.close, false);
        for (const indicator of bars) indicator.update(bar as never, false);
      }
    }
  });
  // The channel is two columns, SuperTrend a stop and a direction.
  return { columns: 22, nanoseconds: (seconds * 1e9) / (tokens * DAYS * 22) };
}

function peerTechnical(panel: Panel, tokens: number): { columns: number; nanoseconds: number } {
  const seconds = best(1, () => {
    for (let token = 0; token < tokens; token++) {
      const columns = barsOf(panel, token);
      const [high, low, close, volume] = [columns.high, columns.low, columns.close, columns.volume].map(
        (column) => Array.from(column),
      ) as [number[], number[], number[], number[]];
      technical.SMA.calculate({ period: 20, values: close });
      technical.SMA.calculate({ period: 50, values: close });
      technical.EMA.calculate({ period: 20, values: close });
      technical.EMA.calculate({ period: 50, values: close });
      technical.WMA.calculate({ period: 20, values: close });
      technical.RSI.calculate({ period: 14, values: close });
      technical.ROC.calculate({ period: 10, values: close });
      technical.TRIX.calculate({ period: 15, values: close });
      technical.MACD.calculate({
        values: close,
        fastPeriod: 12,
        slowPeriod: 26,
        signalPeriod: 9,
        SimpleMAOscillator: false,
        SimpleMASignal: false,
      });
      technical.BollingerBands.calculate({ period: 20, values: close, stdDev: 2 });
      technical.ATR.calculate({ period: 14, high, low, close });
      technical.ADX.calculate({ period: 14, high, low, close });
      technical.CCI.calculate({ period: 20, high, low, close });
      technical.WilliamsR.calculate({ period: 14, high, low, close });
      technical.Stochastic.calculate({ period: 14, signalPeriod: 3, high, low, close });
      technical.OBV.calculate({ close, volume });
      technical.MFI.calculate({ period: 14, high, low, close, volume });
      technical.ADL.calculate({ high, low, close, volume });
      technical.PSAR.calculate({ step: 0.02, max: 0.2, high, low });
    }
  });
  // MACD, the bands and ADX are three columns each, the stochastic two.
  return { columns: 26, nanoseconds: (seconds * 1e9) / (tokens * DAYS * 26) };
}

function ticks(panel: Panel): { p50: number; p99: number; longest: number; count: number } {
  const times: number[] = [];
  for (let token = 0; token < 40; token++) {
    const stream = new IndicatorStream();
    const columns = barsOf(panel, token);
    for (let i = 0; i < DAYS; i++) {
      const bar = {
        open: columns.open[i]!,
        high: columns.high[i]!,
        low: columns.low[i]!,
        close: columns.close[i]!,
        volume: columns.volume[i]!,
      };
      const start = performance.now();
      if (i % 2) stream.tick(bar);
      const middle = performance.now();
      stream.bar(bar);
      const end = performance.now();
      if (token < 10) continue;
      if (i % 2) times.push((middle - start) * 1_000);
      times.push((end - middle) * 1_000);
    }
  }
  times.sort((a, b) => a - b);
  return {
    p50: times[Math.floor(times.length * 0.5)]!,
    p99: times[Math.floor(times.length * 0.99)]!,
    longest: times.at(-1)!,
    count: times.length,
  };
}

function figureSeconds(
  figure: typeof riskFigure | typeof levelsFigure | typeof correlationFigure,
  panel: Panel,
  days: { from: number; to: number },
): number {
  const history = { panel, funding: [], articles: [], activity: [], development: [] };
  return best(2, () => figure.compute({ history, days, figures: {} }, figure.parameters as never));
}

/** Seconds of processor time of this thread, the least of some runs: others may be at work on the machine. */
function best(times: number, run: () => unknown): number {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < times; i++) {
    const start = process.threadCpuUsage();
    run();
    const { user, system } = process.threadCpuUsage(start);
    least = Math.min(least, user + system);
  }
  return least / 1e6;
}

function barsOf(panel: Panel, token: number): BarColumns {
  const from = token * panel.days.length;
  const to = from + panel.days.length;
  return {
    open: panel.open.subarray(from, to),
    high: panel.high.subarray(from, to),
    low: panel.low.subarray(from, to),
    close: panel.close.subarray(from, to),
    volume: panel.volume.subarray(from, to),
  };
}

function first(panel: Panel, assets: number): Panel {
  const cut = (column: Float64Array) => column.subarray(0, assets * panel.days.length);
  return {
    ...panel,
    assets: panel.assets.slice(0, assets),
    symbols: panel.symbols.slice(0, assets),
    names: panel.names.slice(0, assets),
    open: cut(panel.open),
    high: cut(panel.high),
    low: cut(panel.low),
    close: cut(panel.close),
    volume: cut(panel.volume),
    marketCap: cut(panel.marketCap),
    supply: cut(panel.supply),
  };
}

/** Random walks from a fixed seed. */
function walks(assets: number, days: number): Panel {
  const panel = emptyPanel(
    Array.from({ length: assets }, (_, i) => ({ asset: `asset-${String(i).padStart(5, '0')}` })),
    Array.from({ length: days }, (_, day) => Date.UTC(2022, 0, 1) + day * 86_400_000),
  );
  let state = 1;
  const random = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  for (let asset = 0; asset < assets; asset++) {
    let price = 10 ** (8 * random() - 4);
    for (let at = asset * days; at < (asset + 1) * days; at++) {
      const open = price;
      price *= 1 + 0.08 * (random() - 0.5);
      panel.open[at] = open;
      panel.close[at] = price;
      panel.high[at] = Math.max(open, price) * (1 + 0.02 * random());
      panel.low[at] = Math.min(open, price) * (1 - 0.02 * random());
      panel.volume[at] = 1e5 * random();
    }
  }
  return panel;
}

if (import.meta.main) console.log((await indicatorsBench()).lines.join('\n'));
