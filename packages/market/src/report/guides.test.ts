/** Guides: who is in which list and why, who is kept out, that reasons say what the figures say, and look-ahead. */
import { expect, test } from 'vitest';
import type { FigureInput } from '../figure.ts';
import { emptyPanel, instantOfDay } from '../panel/index.ts';
import type { AssetRow, GradeRow, PriceRow, RiskRow, SignalRow } from '../rows.ts';
import { GUIDES, guidesFigure } from './guides.ts';
import { knownOf, unprovenNumbers } from './proven-numbers.ts';

const T0 = Date.UTC(2023, 0, 1);
const time = (day: number) => instantOfDay(T0 + day * 86_400_000);
const NAMES = ['A', 'B', 'C', 'D'];
const grade = (value: number) => ({
  grade: String(value),
  low: '10',
  high: '90',
  change: null,
  label: 'strong' as const,
  parts: { technical: '50', exchange: null, onChain: null, fundamental: null, sentiment: null },
});

type Figures = { -readonly [Name in keyof FigureInput['figures']]: FigureInput['figures'][Name] };

function figuresFor(
  days: number,
  of: (
    asset: string,
    day: number,
  ) => {
    trader?: number;
    investor?: number;
    turnover?: number;
    status?: PriceRow['status'];
    class?: AssetRow['class'];
    drawdown?: string;
    volatility?: string | null;
    defects?: string[];
    sharpe?: string;
  },
): Figures {
  const all = Array.from({ length: days }, (_, day) =>
    NAMES.map((asset) => ({ asset, day, ...of(asset, day) })),
  ).flat();
  return {
    assets: all.map(
      (one) =>
        ({
          time: time(one.day),
          asset: one.asset,
          symbol: one.asset,
          name: one.asset,
          rank: null,
          marketCapUsd: null,
          supply: null,
          firstBar: time(0),
          lastBar: time(one.day),
          state: 'active',
          class: one.class ?? 'large',
          defects: one.defects ?? [],
        }) satisfies AssetRow,
    ),
    prices: all.map(
      (one) =>
        ({
          time: time(one.day),
          asset: one.asset,
          open: '1',
          high: '1',
          low: '1',
          close: '1',
          volume: '1',
          volumeUsd: String(one.turnover ?? 5_000_000),
          changePct: null,
          venues: [],
          excluded: [],
          status: one.status ?? 'pass',
          reasons: one.status === 'fail' ? ['two venues 300 bps apart'] : [],
        }) satisfies PriceRow,
    ),
    grades: all.map(
      (one) =>
        ({
          time: time(one.day),
          asset: one.asset,
          symbol: one.asset,
          trader: one.trader === undefined ? null : grade(one.trader),
          investor: one.investor === undefined ? null : grade(one.investor),
          reason: null,
        }) satisfies GradeRow,
    ),
    risk: all.map(
      (one) =>
        ({
          time: time(one.day),
          asset: one.asset,
          days: '365',
          returnPct: '1',
          cagrPct: null,
          volatilityPct: one.volatility === undefined ? '80' : one.volatility,
          sharpe: null,
          sortino: null,
          maxDrawdownPct: one.drawdown ?? '60',
          varPct: null,
          cvarPct: null,
          tailRatio: null,
          skew: null,
          kurtosis: null,
          indicators: {},
        }) satisfies RiskRow,
    ),
    signals: all.flatMap((one) =>
      one.sharpe === undefined
        ? []
        : [
            {
              time: time(one.day),
              asset: one.asset,
              signal: '1',
              since: time(0),
              reasons: [],
              backtest: {
                days: '300',
                trades: '12',
                winRate: null,
                returnPct: '55',
                holdReturnPct: '20',
                sharpe: one.sharpe,
                maxDrawdownPct: '15',
              },
            } satisfies SignalRow,
          ],
    ),
  };
}

function compute(figures: Figures, from: number, to: number) {
  const panel = emptyPanel(
    NAMES.map((asset) => ({ asset })),
    Array.from({ length: to }, (_, day) => T0 + day * 86_400_000),
  );
  return guidesFigure.compute(
    {
      history: { panel, funding: [], articles: [], activity: [], development: [] },
      days: { from, to },
      figures,
    },
    guidesFigure.parameters,
  );
}
const list = (rows: ReturnType<typeof compute>, guide: string) =>
  rows.filter((row) => row.guide === guide).map(({ asset }) => asset);

test('the highest grade leads; illiquid, disputed and ungraded assets are kept out, and a tie keeps the order of names', () => {
  const of = (trader: Record<string, number>, more: object = {}) =>
    figuresFor(1, (asset) => ({ ...(asset in trader ? { trader: trader[asset]! } : {}), ...more }));
  expect(list(compute(of({ A: 50, B: 90, C: 70, D: 70 }), 0, 1), 'trader-grade')).toEqual([
    'B',
    'C',
    'D',
    'A',
  ]);
  expect(list(compute(of({ A: 50, B: 90, C: 70, D: 70 }), 0, 1), 'weakest-grades')).toEqual([
    'A',
    'C',
    'D',
    'B',
  ]);
  expect(list(compute(of({ B: 90 }), 0, 1), 'trader-grade')).toEqual(['B']);
  expect(list(compute(of({ B: 90 }, { turnover: 999_999 }), 0, 1), 'trader-grade')).toEqual([]);
  expect(list(compute(of({ B: 90 }, { status: 'fail' }), 0, 1), 'trader-grade')).toEqual([]);
  expect(list(compute(of({ B: 90 }, { class: 'stablecoin' }), 0, 1), 'trader-grade')).toEqual([]);
});

test('improvement is against the grade a week before, and needs both', () => {
  const figures = figuresFor(8, (asset, day) => ({
    trader: { A: day === 7 ? 80 : 60, B: day === 7 ? 75 : 74, C: 70, D: day === 7 ? 90 : 50 }[asset]!,
  }));
  const rows = compute(figures, 6, 8);
  expect(list(rows, 'grade-risers')).toEqual(['D', 'A']);
  expect(rows.find(({ guide }) => guide === 'grade-risers')!.reasons[0]).toBe(
    'grades: Trader Grade from 50 a week before to 90',
  );
});

test('steady, calm, moonshots with their risks, signals with their record, narratives', () => {
  const figures = figuresFor(1, (asset) => ({
    trader: asset === 'D' ? 95 : 40,
    class: asset === 'D' || asset === 'C' ? 'micro' : 'large',
    drawdown: { A: '30', B: '-20', C: '10', D: '88' }[asset]!,
    volatility: asset === 'C' ? null : asset === 'A' ? '45' : '70',
    ...(asset === 'B' ? { sharpe: '1.5' } : asset === 'A' ? { sharpe: '-1' } : {}),
  }));
  figures.narratives = [
    {
      time: time(0),
      narrative: 'ai',
      name: 'AI',
      members: NAMES,
      leaders: ['C', 'A'],
      return7dPct: null,
      return30dPct: '9',
      momentumPct: '8.5',
      cohesion: null,
      marketCapUsd: null,
      catalysts: [],
      basis: '',
    },
    {
      time: time(0),
      narrative: 'old',
      name: 'Old',
      members: NAMES,
      leaders: ['B'],
      return7dPct: null,
      return30dPct: '-9',
      momentumPct: '-8.5',
      cohesion: null,
      marketCapUsd: null,
      catalysts: [],
      basis: '',
    },
  ];
  const rows = compute(figures, 0, 1);
  expect(list(rows, 'steady-large-caps')).toEqual(['B', 'A']);
  expect(list(rows, 'low-volatility')).toEqual(['A', 'B', 'D']);
  expect(list(rows, 'moonshots')).toEqual(['D']);
  expect(rows.find(({ guide }) => guide === 'moonshots')!.reasons.join()).toMatch(
    /lost as much as 88 %.*volatility 70 %/,
  );
  expect(list(rows, 'long-signals')).toEqual(['B']);
  expect(list(rows, 'narrative-leaders')).toEqual(['C', 'A']);
  const { risk: _, ...without } = figures;
  expect(list(compute(without, 0, 1), 'moonshots')).toEqual([]);
});

test('avoid: venues that disagree first, then defects, each named', () => {
  const rows = compute(
    figuresFor(1, (asset) => ({
      ...(asset === 'C' ? { status: 'fail' as const } : {}),
      defects: asset === 'A' ? ['relaunched ticker', 'missing days'] : [],
    })),
    0,
    1,
  );
  expect(rows.filter(({ guide }) => guide === 'avoid').map(({ asset, reasons }) => [asset, reasons])).toEqual(
    [
      ['C', ['prices: the venues disagree: two venues 300 bps apart']],
      ['A', ['assets: relaunched ticker', 'assets: missing days']],
    ],
  );
});

test('reasons say nothing that the figures of the day do not, places count from 1, at most ten', () => {
  const figures = figuresFor(9, (asset, day) => ({
    trader: 50 + NAMES.indexOf(asset) * day,
    investor: 60 + day,
    sharpe: '1.25',
  }));
  const rows = compute(figures, 8, 9);
  for (const row of rows) {
    const given = Object.values(figures).flatMap((list) =>
      (list ?? []).filter((one) => 'asset' in one && one.asset === row.asset),
    );
    expect(unprovenNumbers(row.reasons.join('; '), knownOf(given)), row.reasons.join('; ')).toEqual([]);
  }
  for (const { id } of GUIDES) {
    const places = rows.filter(({ guide }) => guide === id).map(({ place }) => place);
    expect(places).toEqual(places.map((_, i) => String(i + 1)));
    expect(places.length).toBeLessThanOrEqual(10);
  }
});

test('no look-ahead, any first wanted day, nothing from nothing', () => {
  const of = (lie: number) =>
    figuresFor(12, (asset, day) => ({
      trader: day >= 9 ? lie * NAMES.indexOf(asset) : 50 + ((NAMES.indexOf(asset) * day) % 7),
      drawdown: day >= 9 ? String(lie) : '40',
    }));
  const [one, other] = [compute(of(20), 0, 12), compute(of(3), 0, 12)];
  const early = (rows: typeof one) => rows.filter((row) => row.time < time(9));
  expect(early(one)).toEqual(early(other));
  expect(early(one)).not.toEqual([]);
  expect(compute(of(20), 8, 12)).toEqual(one.filter((row) => row.time >= time(8)));
  expect(compute({}, 0, 3)).toEqual([]);
});
