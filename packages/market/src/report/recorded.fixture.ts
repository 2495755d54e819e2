import { normaliseDecimal } from '@assay/core';
import type { FigureName, FigureRows } from '../rows.ts';
import type { Recorded, ReportView } from './recorded.ts';

type Rows = { [Name in FigureName]?: Recorded<FigureRows[Name]>[] };

/** A view over rows, as the pipeline's: latest day without bounds, keys by asset, narrative, index or guide. */
export function viewOf(rows: Rows): ReportView {
  return {
    rows<Name extends FigureName>(
      figure: Name,
      query: { keys?: readonly string[]; from?: string; to?: string } = {},
    ) {
      const all = (rows[figure] ?? []) as Recorded<FigureRows[Name]>[];
      const last = all.reduce((time, row) => (row.time > time ? row.time : time), '');
      return all.filter((row) => {
        const key = keyOf(row as unknown as Record<string, unknown>);
        if (query.keys !== undefined && !query.keys.includes(key)) return false;
        if (query.from === undefined && query.to === undefined) return row.time === last;
        return row.time >= (query.from ?? '') && row.time < (query.to ?? '9');
      });
    },
  };
}

function keyOf(row: Record<string, unknown>): string {
  return String(row.guide ?? row.narrative ?? row.index ?? row.asset);
}

/** Rows of every figure about some assets and days; `draw` gives numbers between 0 and 1. */
export function makeRows(draw: () => number, days: readonly string[]): Rows {
  let record = 0;
  const proof = () => ({ record: `${'0'.repeat(60)}.${record++}` });
  const number = (scale: number, digits = 6) => normaliseDecimal(((draw() - 0.3) * scale).toFixed(digits));
  const size = (scale: number, digits = 6) => normaliseDecimal((draw() * scale).toFixed(digits));
  const count = (most: number) => String(Math.floor(draw() * most));
  const maybe = <T>(value: T) => (draw() < 0.15 ? null : value);
  const assets = [
    ['BTC', 'Bitcoin', 40_000],
    ['ETH', 'Ethereum', 2_500],
    ['DOGE', 'Dogecoin', 0.1],
    ['1INCH', '1inch', 1],
    ['NEAR', 'NEAR Protocol', 5],
  ] as const;
  const grade = () => ({
    grade: size(100, 2),
    low: size(100, 2),
    high: size(100, 2),
    change: maybe(number(10, 2)),
    label: 'neutral' as const,
    parts: {
      technical: maybe(size(100, 2)),
      exchange: size(100, 2),
      onChain: null,
      fundamental: maybe(size(100, 2)),
      sentiment: null,
    },
  });
  const rows: Required<Rows> = {
    assets: [],
    prices: [],
    grades: [],
    factors: [],
    evaluation: [],
    signals: [],
    risk: [],
    levels: [],
    correlation: [],
    narratives: [],
    indices: [],
    scenarios: [],
    sentiment: [],
    guides: [],
  };
  for (const time of days) {
    for (const [asset, name, scale] of assets) {
      const common = { time, asset };
      const price = () => normaliseDecimal(((0.5 + draw()) * scale).toPrecision(10));
      rows.assets.push({
        ...common,
        symbol: asset,
        name,
        rank: String(rows.assets.length + 1),
        marketCapUsd: maybe(size(1e12, 2)),
        supply: null,
        firstBar: days[0]!,
        lastBar: time,
        state: 'active',
        class: 'large',
        defects: draw() < 0.3 ? ['3 days are missing before 2022-01-01.'] : [],
        proof: proof(),
      });
      rows.prices.push({
        ...common,
        open: price(),
        high: price(),
        low: price(),
        close: price(),
        volume: size(1e6),
        volumeUsd: size(1e9, 2),
        changePct: maybe(number(20, 4)),
        venues: [],
        excluded: draw() < 0.3 ? [{ stream: 'kraken.bars.1d', reason: 'deviates by 312.5 bps' }] : [],
        status: draw() < 0.8 ? 'pass' : 'fail',
        reasons: [],
        proof: proof(),
      });
      rows.grades.push({
        ...common,
        symbol: asset,
        trader: maybe(grade()),
        investor: maybe(grade()),
        reason: null,
        proof: proof(),
      });
      rows.factors.push({
        ...common,
        trader: [
          {
            factor: 'momentum-30d',
            part: 'technical',
            value: number(1),
            score: size(100, 2),
            weight: size(1, 4),
          },
        ],
        investor: [],
        proof: proof(),
      });
      rows.signals.push({
        ...common,
        signal: draw() < 0.5 ? '1' : '-1',
        since: days[0]!,
        reasons: ['the 50-day average is above the 200-day average'],
        backtest: maybe({
          days: count(2000),
          trades: count(90),
          winRate: size(1, 4),
          returnPct: number(300, 2),
          holdReturnPct: number(300, 2),
          sharpe: maybe(number(3, 3)),
          maxDrawdownPct: size(90, 2),
        }),
        proof: proof(),
      });
      rows.risk.push({
        ...common,
        days: count(1500),
        returnPct: number(400, 4),
        cagrPct: number(90, 4),
        volatilityPct: maybe(size(150, 4)),
        sharpe: maybe(number(3, 4)),
        sortino: maybe(number(4, 4)),
        maxDrawdownPct: size(95, 4),
        varPct: maybe(size(20, 4)),
        cvarPct: maybe(size(30, 4)),
        tailRatio: null,
        skew: null,
        kurtosis: null,
        indicators: {},
        proof: proof(),
      });
      rows.levels.push({
        ...common,
        support: [{ price: price(), touches: count(9), strength: size(1, 3), lastTouch: days[0]! }],
        resistance: [],
        proof: proof(),
      });
      rows.correlation.push({
        ...common,
        windowDays: '90',
        toMarket: maybe(size(1, 4)),
        highest: [{ asset: 'ETH', correlation: size(1, 4) }],
        lowest: [{ asset: 'DOGE', correlation: number(1, 4) }],
        proof: proof(),
      });
      rows.scenarios.push({
        ...common,
        horizonDays: '90',
        price: price(),
        cases: (['bear', 'base', 'moon'] as const).map((one) => ({
          name: one,
          price: price(),
          returnPct: number(300, 2),
          basis: 'quantile 0.05 of 10,000 paths',
        })),
        marketCaps: [],
        proof: proof(),
      });
      rows.sentiment.push({
        ...common,
        score: maybe(number(1, 4)),
        label: 'neutral',
        articles: count(40),
        positive: count(20),
        negative: count(20),
        latest: [
          {
            title: `${name} falls 5% [7] after $3bn exploit`,
            link: 'https://example.org/a',
            time,
            article: 'a',
            score: number(1, 4),
          },
        ],
        proof: proof(),
      });
      rows.guides.push({
        time,
        guide: draw() < 0.5 ? 'trader-grade' : 'moonshots',
        name: 'Highest Trader Grade',
        place: String(1 + (rows.guides.length % 5)),
        asset,
        reasons: [`grades: Trader Grade ${size(100, 2)}, strong`],
        proof: proof(),
      });
    }
    rows.sentiment.push({
      time,
      asset: 'market',
      score: number(1, 4),
      label: 'neutral',
      articles: count(400),
      positive: count(200),
      negative: count(100),
      latest: [],
      proof: proof(),
    });
    rows.narratives.push({
      time,
      narrative: 'layer-1',
      name: 'Layer 1',
      members: ['ETH', 'NEAR'],
      leaders: ['NEAR'],
      return7dPct: maybe(number(30, 4)),
      return30dPct: number(90, 4),
      momentumPct: number(50, 4),
      cohesion: size(1, 4),
      marketCapUsd: size(1e12, 2),
      catalysts: [],
      basis: '5 assets moved together.',
      proof: proof(),
    });
    rows.indices.push({
      time,
      index: 'assay-10',
      name: 'Assay 10',
      value: size(5000),
      changePct: maybe(number(10, 4)),
      rule: 'The ten largest, at most 30 % each.',
      rebalanced: false,
      turnover: '0',
      holdings: [{ asset: 'BTC', weight: size(1, 6), price: size(40000, 2) }],
      proof: proof(),
    });
    rows.evaluation.push({
      time,
      grade: 'trader',
      horizonDays: '7',
      days: count(900),
      assets: count(90),
      rankIc: maybe(number(0.1, 4)),
      icIr: null,
      neweyWestT: null,
      hitRate: size(1, 4),
      spreadBps: null,
      spreadAfterFeesBps: number(90, 2),
      monotonicity: null,
      turnover: null,
      calibrationError: null,
      deflatedSharpe: null,
      trials: '4',
      stability: null,
      deciles: [],
      status: 'unknown',
      reason: 'too few days',
      proof: proof(),
    });
  }
  return rows;
}
