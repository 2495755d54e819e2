import type { Decimal } from '@assay/core';
import { decimalOf } from '../decimal-of.ts';
import type { Figure, FigureInput, MarketHistory } from '../figure.ts';
import { instantOfDay, type Panel } from '../panel/index.ts';
import type { NarrativeRow } from '../rows.ts';
import { averageLinkage } from './average-linkage.ts';
import { type CatalystParameters, catalystFinder } from './catalysts.ts';
import { type CoMovementParameters, isPegged, measureCoMovement, medianTurnover } from './co-movement.ts';
import { followIdentities, type Identified } from './identities.ts';
import { type NamedGroup, type NamingParameters, nameGroups } from './naming.ts';

export interface NarrativeParameters extends CoMovementParameters, CatalystParameters, NamingParameters {
  /** Groups are joined while their mean correlation is above this. */
  minCorrelation: Decimal;
  minMembers: number;
  /** Share of members, of both groups together, from which a group is that of the month before, in percent. */
  sameGroupPercent: number;
  leaders: number;
  /** Median daily turnover below which an asset leads nothing. */
  leaderTurnoverUsd: Decimal;
  /** A price stands in for later days this long. */
  staleDays: number;
  /** A return above this factor is taken for a redenomination and left out. */
  maxFactor: number;
}

const DAY_MS = 86_400_000;
const MAX_STABLECOINS = 50;

/**
 * Sectors and themes. On the first day of each month the most liquid assets are grouped by the correlations of what
 * the market does not explain of their returns (average linkage, a stated cut); the groups stand for the month, their
 * returns, leaders and catalysts are those of each day. A group is called after the theme of the lexicon that its
 * members, or articles about them, stand out with, else after its largest member. It is the group of the month
 * before if enough members stayed; this is followed from the first of January of the year before.
 *
 * Coins that keep to a dollar are a narrative by that alone.
 *
 * @example
 * narrativesFigure.compute({ history, days: { from: 800, to: 830 }, figures: {} }, narrativesFigure.parameters);
 */
export const narrativesFigure: Figure<'narratives', NarrativeParameters> = {
  name: 'narratives',
  version: '1.0.0',
  parameters: {
    maxAssets: 300,
    minAssets: 10,
    windowDays: 90,
    presentPercent: 80,
    turnoverDays: 30,
    clipDeviations: 3,
    minCorrelation: '0.2',
    minMembers: 3,
    sameGroupPercent: 30,
    themeMembers: 2,
    themePercent: 34,
    articleDays: 90,
    articlesForTheme: 2,
    leaders: 3,
    leaderTurnoverUsd: '500000',
    staleDays: 7,
    maxFactor: 50,
    catalystDays: 30,
    jumpDeviations: '2.5',
    deviationDays: 90,
    catalysts: 3,
    copyPercent: 70,
    copyHours: 72,
    maxCompared: 50,
  },
  reads: { observed: ['articles'], figures: [] },
  // Two years back to a first of January, and the window of the first grouping.
  lookbackDays: 731 + 91,
  compute: computeNarratives,
};

/** What was found on the first day of a month. */
interface Month {
  day: number;
  groups: NamedGroup[];
  stablecoins: number[];
  /** All that were compared, in the order of their identities. */
  compared: number[];
  /** How many assets had a price. */
  priced: number;
}

function computeNarratives({ history, days }: FigureInput, parameters: NarrativeParameters): NarrativeRow[] {
  const { panel } = history;
  const months = new Map<number, Month | null>();
  const monthAt = (day: number) => {
    const found = months.has(day) ? months.get(day)! : measureMonth(history, day, parameters);
    months.set(day, found);
    return found;
  };
  const catalystsOf = catalystFinder(history, days, parameters);
  const rows: NarrativeRow[] = [];
  const identified = new Map<number, Identified[]>();
  for (let day = days.from; day < days.to && day < panel.days.length; day++) {
    const start = firstOfMonth(panel, day);
    const month = start < 0 ? null : monthAt(start);
    if (month === null) continue;
    if (!identified.has(start)) {
      const chain = firstsOfMonths(panel, start).map((first) => monthAt(first)?.groups ?? []);
      identified.set(start, followIdentities(chain, panel, parameters.sameGroupPercent));
    }
    const marketReturn = meanReturn(panel, month.compared, day, 30, parameters);
    for (const narrative of identified.get(start)!) {
      const { assets, cohesion } = narrative.group;
      const row = rowOf(narrative.id, narrative.name, assets, day, marketReturn, month.compared);
      if (row === null) continue;
      rows.push({
        ...row,
        cohesion: decimalOf(cohesion, 4),
        basis: basisOf(narrative, month, panel, parameters),
      });
    }
    if (month.stablecoins.length >= 2) {
      const row = rowOf('stablecoin', 'Stablecoins', month.stablecoins, day, marketReturn, null);
      if (row !== null)
        rows.push({
          ...row,
          leaders: [],
          basis: `Coins that kept within two percent of one dollar on nine days of ten in the month up to ${dateOf(panel, month.day)}; grouped by their peg, not by how they move.`,
        });
    }
  }
  return rows;

  function rowOf(
    narrative: string,
    name: string,
    assets: readonly number[],
    day: number,
    marketReturn: number,
    market: readonly number[] | null,
  ): NarrativeRow | null {
    const quoted = assets.filter((asset) => !Number.isNaN(priceAt(panel, asset, day, parameters.staleDays)));
    if (quoted.length === 0) return null;
    const return30d = meanReturn(panel, quoted, day, 30, parameters);
    const caps = quoted.map((asset) => panel.marketCap[asset * panel.days.length + day]!);
    const known = caps.filter((cap) => cap > 0 && Number.isFinite(cap));
    return {
      time: instantOfDay(panel.days[day]!),
      narrative,
      name,
      members: quoted.map((asset) => panel.assets[asset]!),
      leaders: leadersOf(panel, quoted, day, parameters),
      return7dPct: percent(meanReturn(panel, quoted, day, 7, parameters)),
      return30dPct: percent(return30d),
      momentumPct: percent(return30d - marketReturn),
      cohesion: null,
      marketCapUsd:
        known.length === 0
          ? null
          : decimalOf(
              known.reduce((sum, cap) => sum + cap, 0),
              2,
            ),
      catalysts: catalystsOf(quoted, market, day),
      basis: '',
    };
  }
}

function measureMonth(history: MarketHistory, day: number, parameters: NarrativeParameters): Month | null {
  const { panel } = history;
  const moved = measureCoMovement(panel, day, parameters);
  if (moved === null) return null;
  const n = moved.assets.length;
  const groups = averageLinkage(
    moved.correlations.map((correlation) => 1 - correlation),
    n,
    1 - Number(parameters.minCorrelation),
  )
    .filter((group) => group.length >= parameters.minMembers)
    .map((group) => ({
      assets: group.map((i) => moved.assets[i]!),
      ...correlationsOf(group, moved.correlations, n),
    }));
  const all = panel.assets.map((_, asset) => asset);
  const pegged = all
    .filter((asset) => panel.close[asset * panel.days.length + day]! > 0 && isPegged(panel, asset, day))
    .map((asset) => ({ asset, turnover: medianTurnover(panel, asset, day, parameters.turnoverDays) }))
    .sort((a, b) => b.turnover - a.turnover || (panel.assets[a.asset]! < panel.assets[b.asset]! ? -1 : 1))
    .slice(0, MAX_STABLECOINS)
    .map(({ asset }) => asset);
  return {
    day,
    groups: nameGroups(groups, moved.assets, history, day, parameters),
    stablecoins: pegged.sort((a, b) => (panel.assets[a]! < panel.assets[b]! ? -1 : 1)),
    compared: moved.assets,
    priced: all.filter((asset) => panel.close[asset * panel.days.length + day]! > 0).length,
  };
}

/** Mean correlation of the pairs within a group, and of its members with all others. */
function correlationsOf(
  group: readonly number[],
  correlations: Float64Array,
  n: number,
): { within: number; outside: number; cohesion: number } {
  const inside = new Set(group);
  let [within, outside] = [0, 0];
  for (const i of group)
    for (let k = 0; k < n; k++) {
      if (k === i) continue;
      if (inside.has(k)) within += correlations[i * n + k]!;
      else outside += correlations[i * n + k]!;
    }
  const size = group.length;
  within /= size * (size - 1);
  outside = size === n ? 0 : outside / (size * (n - size));
  return { within, outside, cohesion: within - outside };
}

function basisOf(
  { name, group }: Identified,
  month: Month,
  panel: Panel,
  { windowDays }: NarrativeParameters,
): string {
  const moved = `${group.assets.length} assets whose daily returns, with the market's taken out, moved together over the ${windowDays} days up to ${dateOf(panel, month.day)}: mean correlation ${group.within.toFixed(2)} among them, ${group.outside.toFixed(2)} with the others. The ${month.compared.length} most liquid of ${month.priced} assets were compared.`;
  if (group.theme !== null) {
    const { listed, written } = group.theme;
    const why = [
      ...(listed > 0 ? [`our list of tickers by theme has ${listed} of them`] : []),
      ...(written > 0 ? [`articles name it with ${written} of them`] : []),
    ];
    return `${moved} Called ${group.theme.name} because ${why.join(' and ')}.`;
  }
  const largest = panel.symbols[group.largest];
  return name.startsWith('Around ')
    ? `${moved} No theme of our list stands out: called after ${largest}, the largest of them.`
    : `${moved} Called ${name} as the month before, from which enough members stayed; no theme stands out now.`;
}

/** Liquid members that add most to the narrative's return: with equal weights, those with the highest return. */
function leadersOf(
  panel: Panel,
  members: readonly number[],
  day: number,
  parameters: NarrativeParameters,
): string[] {
  return members
    .filter(
      (asset) =>
        medianTurnover(panel, asset, day, parameters.turnoverDays) >= Number(parameters.leaderTurnoverUsd),
    )
    .map((asset) => ({ name: panel.assets[asset]!, gain: returnOver(panel, asset, day, 30, parameters) }))
    .filter(({ gain }) => Number.isFinite(gain))
    .sort((a, b) => b.gain - a.gain || (a.name < b.name ? -1 : 1))
    .slice(0, parameters.leaders)
    .map(({ name }) => name);
}

/** Mean of the assets' simple returns; NaN when fewer than half of them have one. */
function meanReturn(
  panel: Panel,
  assets: readonly number[],
  day: number,
  days: number,
  parameters: NarrativeParameters,
): number {
  let [sum, count] = [0, 0];
  for (const asset of assets) {
    const gain = returnOver(panel, asset, day, days, parameters);
    if (!Number.isFinite(gain)) continue;
    sum += gain;
    count++;
  }
  return count > 0 && 2 * count >= assets.length ? sum / count : Number.NaN;
}

function returnOver(
  panel: Panel,
  asset: number,
  day: number,
  days: number,
  { staleDays, maxFactor }: NarrativeParameters,
): number {
  const factor = priceAt(panel, asset, day, staleDays) / priceAt(panel, asset, day - days, staleDays);
  return factor <= maxFactor ? factor - 1 : Number.NaN;
}

/** The last price of the days up to one; NaN when there is none. */
function priceAt(panel: Panel, asset: number, day: number, staleDays: number): number {
  for (let at = day; at >= 0 && at > day - staleDays; at--) {
    const close = panel.close[asset * panel.days.length + at]!;
    if (close > 0 && Number.isFinite(close)) return close;
  }
  return Number.NaN;
}

function percent(value: number): Decimal | null {
  return decimalOf(value * 100, 4);
}

function dateOf(panel: Panel, day: number): string {
  return instantOfDay(panel.days[day]!).slice(0, 10);
}

/** Place of the first day of a day's month; negative when the panel begins after it. */
function firstOfMonth(panel: Panel, day: number): number {
  return day - new Date(panel.days[day]!).getUTCDate() + 1;
}

/** First days of the months from January of the year before up to one, as far as the panel has them. */
function firstsOfMonths(panel: Panel, last: number): number[] {
  const at = new Date(panel.days[last]!);
  const count = 12 + at.getUTCMonth();
  return Array.from({ length: count + 1 }, (_, i) => {
    const ms = Date.UTC(at.getUTCFullYear() - 1, i, 1);
    return Math.round((ms - panel.days[0]!) / DAY_MS);
  }).filter((day) => day >= 0);
}
