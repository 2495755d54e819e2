/**
 * A market for tests: simulated rows of any number of assets and days, computed when they are asked for, so that
 * 6,000 assets over a month take no memory but their closes. Every row says that it is simulated.
 */
import { createHash } from 'node:crypto';
import { AssayError, type Decimal } from '@assay/core';
import type { FigureName, FigureRows, Grade } from '@assay/market';
import type { MarketQuery, MarketRow, MarketView } from '@assay/pipeline';

const DAY_MS = 86_400_000;
const MAX_ROWS = 100_000;
/** The first assets have names that tests can ask for; two share a ticker, as a relaunched coin does. */
const KNOWN: readonly [asset: string, symbol: string, name: string][] = [
  ['bitcoin', 'BTC', 'Bitcoin'],
  ['ethereum', 'ETH', 'Ethereum'],
  ['solana', 'SOL', 'Solana'],
  ['tether', 'USDT', 'Tether'],
  ['luna-2', 'LUNA', 'Terra'],
  ['luna-classic', 'LUNA', 'Terra Classic'],
  ['dogecoin', 'DOGE', 'Dogecoin'],
  ['uniswap', 'UNI', 'Uniswap'],
];
/** Places in the market whose data is as bad as data gets. */
export const FIXTURE_ODD = {
  /** Its bars end ten days before the last day. */
  delisted: 'luna-classic',
  /** It has no market capitalisation and no grades. */
  ungraded: 'uniswap',
  /** Its rows were rejected. */
  rejected: 'dogecoin',
} as const;

export interface MarketFixtureOptions {
  assets?: number;
  days?: number;
  /** The last day. */
  to?: string;
  /** Figures without rows, as on a node that has not computed them yet. */
  without?: readonly FigureName[];
  portfolio?: MarketView['portfolio'];
}

/**
 * A `MarketView` of simulated rows: same options, same rows.
 *
 * @example
 * const market = marketFixture({ assets: 6_000, days: 31 });
 */
export function marketFixture(options: MarketFixtureOptions = {}): MarketView {
  const { assets: count = 12, days = 40, to = '2024-01-31', without = [] } = options;
  const lastDay = Date.parse(`${to}T00:00:00Z`);
  const firstDay = lastDay - (days - 1) * DAY_MS;
  const assets = Array.from({ length: count }, (_, place) => {
    const [asset, symbol, name] = KNOWN[place] ?? [`sim-${place}`, `S${place}`, `Simulated ${place}`];
    return { asset, symbol, name, place };
  });
  const closes = priceWalk(count, days);
  const price = (place: number, day: number) => closes[place * days + day]!;
  const aliveOn = (asset: string, day: number) => asset !== FIXTURE_ODD.delisted || day < days - 10;
  const time = (day: number) => instant(firstDay + Math.max(0, day) * DAY_MS);
  type Asset = (typeof assets)[number];

  const perAsset: { [Name in FigureName]?: (asset: Asset, day: number) => FigureRows[Name] | null } = {
    assets: ({ asset, symbol, name, place }, day) => ({
      time: time(day),
      asset,
      symbol,
      name,
      rank: asset === FIXTURE_ODD.ungraded ? null : `${place + 1}`,
      marketCapUsd: asset === FIXTURE_ODD.ungraded ? null : decimal(price(place, day) * supplyOf(place), 2),
      supply: asset === FIXTURE_ODD.ungraded ? null : `${supplyOf(place)}`,
      firstBar: time(0),
      lastBar: aliveOn(asset, day) ? time(day) : time(days - 11),
      state: aliveOn(asset, day) ? 'active' : 'delisted',
      class: symbol === 'USDT' ? 'stablecoin' : place < 3 ? 'large' : place < 20 ? 'mid' : 'small',
      defects: symbol === 'LUNA' ? ['two assets use this ticker'] : [],
    }),
    prices: ({ asset, place }, day) => {
      if (!aliveOn(asset, day)) return null;
      const close = price(place, day);
      const before = day > 0 ? price(place, day - 1) : null;
      const volume = 1_000 + ((place * 37 + day * 11) % 500);
      return {
        time: time(day),
        asset,
        open: decimal(before ?? close, 8),
        high: decimal(Math.max(close, before ?? close) * 1.01, 8),
        low: decimal(Math.min(close, before ?? close) * 0.99, 8),
        close: decimal(close, 8),
        volume: `${volume}`,
        volumeUsd: decimal(volume * close, 2),
        changePct: before === null ? null : decimal((close / before - 1) * 100, 4),
        venues: ['coinbase', place % 2 ? 'kraken' : 'binance'].map((venue) => ({
          stream: `${venue}.bars.1d`,
          close: decimal(close, 8),
          volume: `${volume / 2}`,
          deviationBps: '0',
        })),
        excluded: [],
        status: 'pass',
        reasons: [],
      };
    },
    grades: ({ asset, symbol, place }, day) => {
      const graded = asset !== FIXTURE_ODD.ungraded && aliveOn(asset, day);
      return {
        time: time(day),
        asset,
        symbol,
        trader: graded ? gradeOf(place, day, 1) : null,
        investor: graded ? gradeOf(place, day, 2) : null,
        reason: graded ? null : 'fewer than 90 days of bars',
      };
    },
    factors: ({ asset }, day) => {
      if (day !== days - 1) return null;
      const share = { factor: 'momentum-30d', part: 'technical', value: '0.12', score: '71.5', weight: '1' };
      return { time: time(day), asset, trader: [share], investor: [share] } as FigureRows['factors'];
    },
    signals: ({ asset, place }, day) => {
      // Long for a week, flat for a day, short for a week.
      const phase = (day + place) % 15;
      const signal = phase < 7 ? '1' : phase === 7 ? '0' : '-1';
      return {
        time: time(day),
        asset,
        signal,
        since: time(day - (phase < 7 ? phase : phase === 7 ? 0 : phase - 8)),
        reasons: ['simulated rule'],
        backtest: {
          ...{ days: '700', trades: '40', winRate: '0.5', returnPct: '12.34', holdReturnPct: '-5.6' },
          ...{ sharpe: '0.41', maxDrawdownPct: '33.1' },
        },
      };
    },
    risk: ({ asset }, day) => ({
      ...{ time: time(day), asset, days: '700', returnPct: '120.5', cagrPct: '49.1', volatilityPct: '62.25' },
      ...{ sharpe: '0.83', sortino: '1.2', maxDrawdownPct: '71.9', varPct: '5.1', cvarPct: '7.7' },
      ...{ tailRatio: '1.02', skew: '-0.3', kurtosis: '4.4', indicators: { rsi14: '55.5' } },
    }),
    levels: ({ asset, place }, day) => ({
      time: time(day),
      asset,
      support: [
        level(price(place, day) * 0.9, time(day - 9)),
        level(price(place, day) * 0.8, time(day - 19)),
      ],
      resistance: [level(price(place, day) * 1.1, time(day - 4))],
    }),
    correlation: ({ asset }, day) => {
      const others = assets.filter((other) => other.asset !== asset).slice(0, 10);
      const pairs = others.map((other, at) => ({
        asset: other.asset,
        correlation: decimal(0.9 - at / 20, 4),
      }));
      return {
        ...{ time: time(day), asset, windowDays: '90', toMarket: '0.7' },
        ...{ highest: pairs.slice(0, 5), lowest: pairs.slice(5).reverse() },
      };
    },
    scenarios: ({ asset, place }, day) => {
      const now = price(place, day);
      const prices = { bear: decimal(now / 2, 8), base: decimal(now, 8), moon: decimal(now * 3, 8) };
      return {
        ...{ time: time(day), asset, horizonDays: '365', price: decimal(now, 8) },
        cases: (['bear', 'base', 'moon'] as const).map((name) => ({
          ...{
            name,
            price: prices[name],
            returnPct: name === 'bear' ? '-50' : name === 'base' ? '0' : '200',
          },
          basis: 'share of the whole market held constant',
        })),
        marketCaps: ['1000000000000', '3000000000000'].map((totalUsd) => ({ totalUsd, ...prices })),
      };
    },
  };

  const perDay: { [Name in FigureName]?: (day: number) => FigureRows[Name][] } = {
    evaluation: (day) =>
      (['trader', 'investor'] as const).map((grade) => ({
        ...{
          time: time(day),
          grade,
          horizonDays: grade === 'trader' ? '7' : '30',
          days: '600',
          assets: '140',
        },
        ...{
          rankIc: grade === 'trader' ? '0.031' : '-0.012',
          icIr: '0.2',
          neweyWestT: '1.4',
          hitRate: '0.53',
        },
        ...{ spreadBps: '41', spreadAfterFeesBps: '-8', monotonicity: '0.6', turnover: '0.4' },
        ...{ calibrationError: '0.07', deflatedSharpe: '0.44', trials: '12', stability: '0.95' },
        deciles: Array.from({ length: 10 }, (_, at) => ({
          ...{ decile: `${at + 1}`, meanReturnBps: `${at * 3}`, assets: '14' },
        })),
        ...(grade === 'trader'
          ? { status: 'unknown' as const, reason: 'too few days to tell it from chance' }
          : { status: 'fail' as const, reason: 'no better than chance' }),
      })),
    narratives: (day) =>
      [
        { narrative: 'layer-1', name: 'Layer 1', members: assets.slice(0, 3).map(({ asset }) => asset) },
        { narrative: 'meme', name: 'Meme coins', members: ['dogecoin'] },
      ].map((story) => ({
        ...{ time: time(day), ...story, leaders: story.members.slice(0, 1), return7dPct: '2.5' },
        ...{ return30dPct: '-3', momentumPct: '1.1', cohesion: '0.3', marketCapUsd: null, catalysts: [] },
        basis: 'these move together and are written about together',
      })),
    indices: (day) => [
      {
        ...{
          time: time(day),
          index: 'top-3',
          name: 'Top 3 by market cap',
          value: decimal(1000 + day * 2.5, 4),
        },
        ...{ changePct: '0.25', rule: 'the three largest, by capitalisation', rebalanced: day % 30 === 0 },
        turnover: '0',
        holdings: assets.slice(0, 3).map(({ asset, place }) => ({
          ...{ asset, weight: ['0.6', '0.3', '0.1'][place]!, price: decimal(price(place, day), 8) },
        })),
      },
    ],
    sentiment: (day) =>
      ['market', 'bitcoin'].map((asset) => ({
        ...{ time: time(day), asset, score: '0.25', label: 'positive' as const, articles: '8' },
        ...{ positive: '5', negative: '2' },
        latest: [
          {
            title: '<script>alert(1)</script> Simulated & harmless headline',
            ...{ link: 'https://news.example/1', time: time(day), article: 'sim-1', score: '0.4' },
          },
        ],
      })),
    guides: (day) =>
      assets.slice(0, 3).map(({ asset, place }) => ({
        ...{ time: time(day), guide: 'steady', name: 'Steady large coins', place: `${place + 1}`, asset },
        reasons: ['large, liquid and listed for years'],
      })),
  };

  const statements = new Map<string, string>();
  const statementOf = (name: string) => {
    const id = statements.get(name) ?? createHash('sha256').update(name).digest('hex');
    statements.set(name, id);
    return id;
  };
  const proofOf = (figure: FigureName, day: number, row: number, asset?: string) => {
    const rejected = asset === FIXTURE_ODD.rejected;
    return {
      record: `${statementOf(`${figure} ${day}`)}.${row}`,
      served: rejected ? ('rejected' as const) : ('accepted' as const),
      level: rejected ? ('L1' as const) : ('L2' as const),
      decision: rejected ? ('reject' as const) : ('accept' as const),
      mode: 'simulated' as const,
    };
  };

  const rows = <Name extends FigureName>(figure: Name, query: MarketQuery = {}): MarketRow<Name>[] => {
    if (without.includes(figure)) return [];
    const from = query.from === undefined ? -Infinity : Date.parse(query.from);
    const until = query.to === undefined ? Infinity : Date.parse(query.to);
    const latest = query.from === undefined && query.to === undefined;
    const wanted = query.keys && new Set(query.keys);
    const chosen = wanted ? assets.filter(({ asset }) => wanted.has(asset)) : assets;
    const daysWanted = Array.from({ length: days }, (_, day) => day).filter((day) =>
      latest ? day === days - 1 : firstDay + day * DAY_MS >= from && firstDay + day * DAY_MS < until,
    );
    const make = perAsset[figure] as ((asset: Asset, day: number) => FigureRows[Name] | null) | undefined;
    if (make && daysWanted.length * chosen.length > MAX_ROWS) {
      throw new AssayError('ARGUMENT_INVALID', `expected at most ${MAX_ROWS} rows`, {
        next: 'ask for fewer days',
      });
    }
    return daysWanted.flatMap((day) => {
      if (make) {
        return chosen.flatMap((asset) => {
          const row = make(asset, day);
          return row ? [{ ...row, proof: proofOf(figure, day, asset.place, asset.asset) }] : [];
        }) as MarketRow<Name>[];
      }
      const all = (perDay[figure] as (day: number) => FigureRows[Name][])(day);
      return all
        .map((row, at) => ({ ...row, proof: proofOf(figure, day, at) }) as MarketRow<Name>)
        .filter(
          (row) =>
            !wanted ||
            Object.entries(row).some(([name, value]) => KEYS.has(name) && wanted.has(value as string)),
        );
    });
  };

  const figures = [...Object.keys(perAsset), ...Object.keys(perDay)] as FigureName[];
  return {
    status: () => ({
      ...{ mode: 'simulated', describe: 'Simulated assets: no price here was ever paid.', assets: count },
      ...{ from: time(0), to: time(days - 1), busy: false, progress: { days, of: days } },
      figures: figures
        .filter((figure) => !without.includes(figure))
        .map((figure) => ({
          ...{
            figure,
            stream: `assay.market.${figure}`,
            version: '1',
            rows: count * days,
            to: time(days - 1),
          },
        })),
      observed: [{ stream: 'coinbase.bars.1d', rows: count * days, to: time(days - 1) }],
    }),
    rows,
    ...(options.portfolio && { portfolio: options.portfolio }),
  };
}

/** By which members the rows of a figure can be asked for. */
const KEYS = new Set(['asset', 'narrative', 'index', 'guide', 'grade']);

/** A multiplicative walk a hundredth wide, the same in every run (xorshift32). */
function priceWalk(assets: number, days: number): Float64Array {
  const closes = new Float64Array(assets * days);
  let state = 0x9e3779b9;
  for (let place = 0; place < assets; place += 1) {
    let price = 40_000 / (place + 1) ** 1.5;
    for (let day = 0; day < days; day += 1) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      price *= 1 + ((state >>> 0) / 2 ** 32 - 0.5) / 50;
      closes[place * days + day] = price;
    }
  }
  return closes;
}

function gradeOf(place: number, day: number, salt: number): Grade {
  const at = (when: number) => Math.round((50 + 40 * Math.sin(place * salt + when / 5)) * 100) / 100;
  const grade = at(day);
  const label = (['very weak', 'weak', 'neutral', 'strong', 'very strong'] as const)[
    Math.min(4, Math.floor(grade / 20))
  ]!;
  return {
    ...{ grade: decimal(grade, 2), low: decimal(grade - 5, 2), high: decimal(grade + 5, 2), label },
    change: day === 0 ? null : decimal(grade - at(day - 1), 2),
    parts: { technical: '61.5', exchange: '48', onChain: null, fundamental: '55.25', sentiment: null },
  };
}

function level(price: number, lastTouch: string) {
  return { price: decimal(price, 8), touches: '3', strength: '0.6', lastTouch };
}

function supplyOf(place: number): number {
  return 19_000_000 * (place + 1);
}

function instant(ms: number): string {
  return new Date(ms).toISOString().replace('.000', '');
}

/** Canonical: fast, because a month of 6,000 assets has a million of them. */
function decimal(value: number, digits: number): Decimal {
  const text = value.toFixed(digits);
  const short = text.includes('.') ? text.replace(/\.?0+$/, '') : text;
  return short === '-0' ? '0' : short;
}
