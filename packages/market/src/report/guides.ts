import type { Decimal } from '@assay/core';
import type { Figure, FigureInput } from '../figure.ts';
import { dayIndex, instantOfDay } from '../panel/index.ts';
import type { FigureName, FigureRows, Grade, GuideRow } from '../rows.ts';
import { shown } from './shown.ts';

export interface GuideParameters {
  places: number;
  /** Turnover of the day from which an asset is liquid. */
  liquidUsd: Decimal;
  /** Days over which a grade's improvement is measured. */
  improvementDays: number;
  /** Least improvement, and least Trader Grade of a moonshot. */
  minImprovement: Decimal;
  moonshotGrade: Decimal;
}

/**
 * Top-ten lists with their reasons, made of recorded figures only. An asset whose venues disagree, or whose figures
 * are missing, is in no list that speaks for it. No list is advice.
 *
 * @example
 * guidesFigure.compute({ history, days: { from: 364, to: 365 }, figures }, guidesFigure.parameters);
 */
export const guidesFigure: Figure<'guides', GuideParameters> = {
  name: 'guides',
  version: '1.0.0',
  parameters: {
    places: 10,
    liquidUsd: '1000000',
    improvementDays: 7,
    minImprovement: '3',
    moonshotGrade: '60',
  },
  reads: {
    observed: [],
    figures: ['assets', 'prices', 'grades', 'signals', 'risk', 'narratives'],
  },
  lookbackDays: 8,
  compute: computeGuides,
};

/** What is recorded of one day, by asset. */
interface Day {
  asset: string;
  figures: { [Name in FigureName]?: FigureRows[Name] };
}

interface Place {
  asset: string;
  /** Higher is a better place. */
  score: number;
  reasons: string[];
}

function computeGuides({ history, days, figures }: FigureInput, parameters: GuideParameters): GuideRow[] {
  const { panel } = history;
  const at = byDay(figures, panel, days.from - parameters.improvementDays, days.to);
  const rows: GuideRow[] = [];
  for (let day = days.from; day < days.to && day < panel.days.length; day++) {
    const today = at.get(day);
    if (today === undefined) continue;
    const earlier = at.get(day - parameters.improvementDays)?.assets ?? new Map<string, Day>();
    for (const { id, name, places } of GUIDES) {
      const ranked = places(today, earlier, parameters)
        .filter(({ score }) => Number.isFinite(score))
        .sort((a, b) => b.score - a.score || (a.asset < b.asset ? -1 : 1))
        .slice(0, parameters.places);
      for (const [i, { asset, reasons }] of ranked.entries())
        rows.push({
          time: instantOfDay(panel.days[day]!),
          guide: id,
          name,
          place: String(i + 1),
          asset,
          reasons,
        });
    }
  }
  return rows;
}

interface DayFigures {
  assets: Map<string, Day>;
  narratives: FigureRows['narratives'][];
}

interface Guide {
  id: string;
  name: string;
  places(today: DayFigures, earlier: ReadonlyMap<string, Day>, parameters: GuideParameters): Place[];
}

export const GUIDES: readonly Guide[] = [
  {
    id: 'trader-grade',
    name: 'Highest Trader Grade among liquid assets',
    places: (today, _, parameters) =>
      sound(today, parameters).flatMap((one) => {
        const grade = one.figures.grades?.trader;
        return grade ? [place(one, Number(grade.grade), [gradeReason('Trader', grade), turnover(one)])] : [];
      }),
  },
  {
    id: 'investor-grade',
    name: 'Highest Investor Grade among liquid assets',
    places: (today, _, parameters) =>
      sound(today, parameters).flatMap((one) => {
        const grade = one.figures.grades?.investor;
        return grade
          ? [place(one, Number(grade.grade), [gradeReason('Investor', grade), turnover(one)])]
          : [];
      }),
  },
  {
    id: 'grade-risers',
    name: 'Greatest improvement of the Trader Grade in a week',
    places: (today, earlier, parameters) =>
      sound(today, parameters).flatMap((one) => {
        const [now, then] = [one.figures.grades?.trader, earlier.get(one.asset)?.figures.grades?.trader];
        if (!now || !then) return [];
        const change = Number(now.grade) - Number(then.grade);
        if (!(change >= Number(parameters.minImprovement))) return [];
        return [
          place(one, change, [
            `grades: Trader Grade from ${shown(then.grade)} a week before to ${shown(now.grade)}`,
            turnover(one),
          ]),
        ];
      }),
  },
  {
    id: 'steady-large-caps',
    name: 'Lowest drawdown among large caps',
    places: (today, _, parameters) =>
      sound(today, parameters).flatMap((one) => {
        const risk = one.figures.risk;
        if (one.figures.assets?.class !== 'large' || !risk) return [];
        return [
          place(one, -Math.abs(Number(risk.maxDrawdownPct)), [
            `risk: deepest drawdown ${shown(risk.maxDrawdownPct)} % over ${shown(risk.days)} days`,
            ...volatility(one),
          ]),
        ];
      }),
  },
  {
    id: 'low-volatility',
    name: 'Lowest volatility among liquid assets',
    places: (today, _, parameters) =>
      sound(today, parameters).flatMap((one) => {
        const risk = one.figures.risk;
        if (!risk || risk.volatilityPct === null) return [];
        return [
          place(one, -Number(risk.volatilityPct), [
            ...volatility(one),
            `risk: deepest drawdown ${shown(risk.maxDrawdownPct)} % over ${shown(risk.days)} days`,
          ]),
        ];
      }),
  },
  {
    id: 'moonshots',
    name: 'Small caps with a high Trader Grade, and their risks',
    places: (today, _, parameters) =>
      sound(today, parameters).flatMap((one) => {
        const [grade, assets, risk] = [one.figures.grades?.trader, one.figures.assets, one.figures.risk];
        // Without its risks a moonshot is an advertisement.
        if (!grade || !risk || (assets?.class !== 'small' && assets?.class !== 'micro')) return [];
        if (!(Number(grade.grade) >= Number(parameters.moonshotGrade))) return [];
        return [
          place(one, Number(grade.grade), [
            gradeReason('Trader', grade),
            `assets: ${assets.class} by market capitalisation`,
            `risk: it has lost as much as ${shown(String(Math.abs(Number(risk.maxDrawdownPct))))} % from a peak`,
            ...volatility(one),
          ]),
        ];
      }),
  },
  {
    id: 'narrative-leaders',
    name: 'Leaders of the narratives that beat the market',
    places: (today, _, parameters) => {
      const held = new Map(sound(today, parameters).map((one) => [one.asset, one]));
      const places = new Map<string, Place>();
      for (const narrative of today.narratives) {
        const momentum = Number(narrative.momentumPct ?? Number.NaN);
        if (!(momentum > 0)) continue;
        for (const [i, asset] of narrative.leaders.entries()) {
          const one = held.get(asset);
          // Leaders of one narrative follow each other.
          const score = momentum - i * 1e-6;
          if (!one || (places.get(asset)?.score ?? Number.NEGATIVE_INFINITY) >= score) continue;
          places.set(
            asset,
            place(one, score, [
              `narratives: leads ${narrative.name}, which over a month did ${shown(narrative.momentumPct!)} points better than the market`,
              turnover(one),
            ]),
          );
        }
      }
      return [...places.values()];
    },
  },
  {
    id: 'long-signals',
    name: 'Long signals with the best record',
    places: (today, _, parameters) =>
      sound(today, parameters).flatMap((one) => {
        const signal = one.figures.signals;
        const tested = signal?.backtest;
        if (signal?.signal !== '1' || !tested || tested.sharpe === null || !(Number(tested.sharpe) > 0))
          return [];
        return [
          place(one, Number(tested.sharpe), [
            `signals: long since ${signal.since.slice(0, 10)}`,
            `signals: the rule had a Sharpe ratio of ${shown(tested.sharpe)} over ${shown(tested.days)} days after costs, and returned ${shown(tested.returnPct)} % where holding returned ${shown(tested.holdReturnPct)} %`,
          ]),
        ];
      }),
  },
  {
    id: 'weakest-grades',
    name: 'Lowest Trader Grade among liquid assets',
    places: (today, _, parameters) =>
      sound(today, parameters).flatMap((one) => {
        const grade = one.figures.grades?.trader;
        return grade ? [place(one, -Number(grade.grade), [gradeReason('Trader', grade), turnover(one)])] : [];
      }),
  },
  {
    id: 'avoid',
    name: 'Avoid: incidents in the data',
    places: ({ assets }) =>
      [...assets.values()].flatMap((one) => {
        const [price, about] = [one.figures.prices, one.figures.assets];
        const found = [
          ...(price?.status === 'fail' ? [`prices: the venues disagree${because(price.reasons)}`] : []),
          ...(price?.excluded ?? []).map(({ stream, reason }) => `prices: ${stream} was left out: ${reason}`),
          ...(about?.defects ?? []).map((defect) => `assets: ${defect}`),
        ];
        const weight = (price?.status === 'fail' ? 1_000 : 0) + found.length;
        return found.length === 0 ? [] : [place(one, weight, found.slice(0, 5))];
      }),
  },
];

function place({ asset }: Day, score: number, reasons: string[]): Place {
  return { asset, score, reasons };
}

/** Liquid assets with a price that no finding speaks against; no stablecoins, nothing that is delisted. */
function sound({ assets }: DayFigures, { liquidUsd }: GuideParameters): Day[] {
  return [...assets.values()].filter(({ figures: { prices, assets: about } }) => {
    if (prices === undefined || prices.status === 'fail') return false;
    if (about !== undefined && (about.class === 'stablecoin' || about.state === 'delisted')) return false;
    return Number(prices.volumeUsd) >= Number(liquidUsd);
  });
}

function gradeReason(which: 'Trader' | 'Investor', { grade, label, low, high }: Grade): string {
  return `grades: ${which} Grade ${shown(grade)}, ${label}; between ${shown(low)} and ${shown(high)} whatever the missing parts say`;
}

function turnover({ figures: { prices } }: Day): string {
  return `prices: ${shown(prices!.volumeUsd)} USD traded that day`;
}

function volatility({ figures: { risk } }: Day): string[] {
  return risk?.volatilityPct ? [`risk: volatility ${shown(risk.volatilityPct)} % a year`] : [];
}

function because(reasons: readonly string[]): string {
  return reasons.length === 0 ? '' : `: ${reasons.slice(0, 3).join('; ')}`;
}

function byDay(
  figures: FigureInput['figures'],
  panel: FigureInput['history']['panel'],
  from: number,
  to: number,
): Map<number, DayFigures> {
  const days = new Map<number, DayFigures>();
  const dayOf = (time: string) => {
    const day = dayIndex(panel, time);
    if (day < 0 || day < from || day >= to) return undefined;
    const known = days.get(day) ?? { assets: new Map<string, Day>(), narratives: [] };
    days.set(day, known);
    return known;
  };
  const add = <Name extends 'assets' | 'prices' | 'grades' | 'signals' | 'risk'>(name: Name) => {
    for (const row of (figures[name] ?? []) as readonly (FigureRows[Name] & {
      time: string;
      asset: string;
    })[]) {
      const day = dayOf(row.time);
      if (day === undefined) continue;
      const one = day.assets.get(row.asset) ?? { asset: row.asset, figures: {} };
      one.figures[name] = row as (typeof one.figures)[Name];
      day.assets.set(row.asset, one);
    }
  };
  for (const name of ['assets', 'prices', 'grades', 'signals', 'risk'] as const) add(name);
  for (const row of figures.narratives ?? []) dayOf(row.time)?.narratives.push(row);
  return days;
}
