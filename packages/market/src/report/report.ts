import type { ActivityRow, DevelopmentRow, FactorRow } from '../rows.ts';
import {
  assetClaims,
  type Called,
  citing,
  correlationClaims,
  day,
  gradeClaims,
  indexClaims,
  levelClaims,
  narrativeClaims,
  priceClaims,
  riskClaims,
  scenarioClaims,
  sentimentClaims,
  signalClaims,
  title,
} from './claims.ts';
import {
  type Claim,
  type Recorded,
  type ReportFigures,
  renderSections,
  type Section,
  type Source,
} from './recorded.ts';
import { shown } from './shown.ts';

export interface Report {
  asset: string;
  symbol: string;
  name: string;
  title: string;
  /** Day of the newest row that it speaks of; null when there is none. */
  asOf: string | null;
  /** Short analysis for somebody who wants to know whether to look further. */
  investmentAnalysis: readonly Section[];
  /** All that is recorded. */
  deepDive: readonly Section[];
  /** Work on the public code and what happens on chain. No code was read for it. */
  technology: readonly Section[];
  /** All three as text; `[1]` is the first of `sources`. */
  text: string;
  sources: readonly Source[];
  /** What a report would say and nobody recorded. */
  notKnown: readonly string[];
}

/**
 * A report on one asset, composed of recorded figures only: each sentence names the records that it rests on, and what
 * is missing is listed as not known.
 *
 * @param figures rows of any assets and days; the last of each figure is spoken of.
 * @example
 * composeReport('ETH', { prices, grades, risk }).text;
 */
export function composeReport(asset: string, figures: ReportFigures): Report {
  const about = last(asset, figures.assets);
  const called: Called = { asset, symbol: about?.symbol ?? asset, name: about?.name ?? asset };
  const notKnown: string[] = [];
  const say = <Row>(row: Row | undefined, what: string, claims: (row: Row) => Claim[]): Claim[] => {
    const found = row === undefined ? [] : claims(row);
    if (found.length === 0) notKnown.push(what);
    return found;
  };
  const market = say(about, 'its size and its place in the market', (row) => assetClaims(row, called));
  const price = say(last(asset, figures.prices), 'its price', (row) => priceClaims(row, called));
  const grades = say(last(asset, figures.grades), 'its grades', (row) => gradeClaims(row, called));
  const signal = say(last(asset, figures.signals), 'its signal', (row) => signalClaims(row, called));
  const risk = say(last(asset, figures.risk), 'its risk and return', (row) => riskClaims(row, called));
  const levels = say(last(asset, figures.levels), 'support and resistance', (row) =>
    levelClaims(row, called),
  );
  const correlation = say(last(asset, figures.correlation), 'its correlation with others', (row) =>
    correlationClaims(row, called),
  );
  const sentiment = say(last(asset, figures.sentiment), 'what is written about it', (row) =>
    sentimentClaims(row, called),
  );
  const scenarios = say(last(asset, figures.scenarios), 'scenarios of its price', (row) =>
    scenarioClaims(row, called),
  );
  const factors = say(last(asset, figures.factors), 'the factors of its grades', (row) =>
    factorClaims(row, called),
  );
  const narratives = newest(figures.narratives)
    .filter(({ members }) => members.includes(asset))
    .flatMap((row) => narrativeClaims(row));
  const indices = newest(figures.indices)
    .filter(({ holdings }) => holdings.some((held) => held.asset === asset))
    .flatMap((row) => [
      ...indexClaims(row).slice(0, 1),
      citing(
        'indices',
        row,
        null,
      )(
        `It held ${asset} with a weight of ${shown(row.holdings.find((held) => held.asset === asset)!.weight)}`,
      ),
    ]);
  const development = say(last(asset, figures.development), 'work on its public code', (row) =>
    developmentClaims(row, called),
  );
  const activity = say(last(asset, figures.activity), 'what happens on chain', (row) =>
    activityClaims(row, called),
  );

  const investmentAnalysis = sections([
    ['Price', price],
    ['Grades', grades],
    ['Signal', signal],
    ['Risk', risk],
  ]);
  const deepDive = sections([
    ['Market', market],
    ['What the grades are made of', factors],
    ['Support and resistance', levels],
    ['Correlation', correlation],
    ['Narratives', narratives],
    ['Indices', indices],
    ['Sentiment', sentiment],
    ['Scenarios', scenarios],
  ]);
  const technology = sections([
    ['Development', development],
    ['On chain', activity],
  ]);
  const missing: Claim[] =
    notKnown.length === 0
      ? []
      : [{ text: `Not recorded, and so not known: ${notKnown.join(', ')}`, sources: [] }];
  const { text, sources } = renderSections([
    ...investmentAnalysis,
    ...deepDive,
    ...technology,
    { heading: 'Not known', claims: missing },
  ]);
  const times = sources.map(({ time }) => time).sort();
  return {
    asset,
    symbol: called.symbol,
    name: called.name,
    title: title(called),
    asOf: times.at(-1)?.slice(0, 10) ?? null,
    investmentAnalysis,
    deepDive,
    technology,
    text,
    sources,
    notKnown,
  };
}

function factorClaims(row: Recorded<FactorRow>, called: Called): Claim[] {
  const cite = citing('factors', row, called);
  return (['trader', 'investor'] as const).flatMap((which) => {
    const heaviest = row[which]
      .filter(({ score }) => score !== null)
      .sort((a, b) => Number(b.weight) - Number(a.weight) || (a.factor < b.factor ? -1 : 1))
      .slice(0, 5)
      .map(
        ({ factor, score, weight }) =>
          `${factor} with a score of ${shown(score!)} and a weight of ${shown(weight)}`,
      );
    if (heaviest.length === 0) return [];
    return [
      cite(
        `In the ${which === 'trader' ? 'Trader Grade' : 'Investor Grade'} of ${called.symbol} weigh most ${heaviest.join(', ')}`,
      ),
    ];
  });
}

function developmentClaims(row: Recorded<DevelopmentRow>, called: Called): Claim[] {
  const released =
    row.releasedAt === null ? 'no release is known' : `the last release is of ${row.releasedAt.slice(0, 10)}`;
  return [
    citing(
      'development',
      row,
      called,
    )(
      `On ${day(row)} the public code of ${called.symbol} had ${shown(row.commits)} commits by ${shown(row.contributors)} people, and ${released}`,
    ),
  ];
}

function activityClaims(row: Recorded<ActivityRow>, called: Called): Claim[] {
  const also = [
    ...(row.holders === null ? [] : [`${shown(row.holders)} addresses held it`]),
    ...(row.topTenShare === null
      ? []
      : [`a share of ${shown(row.topTenShare)} lay with the largest of them`]),
    ...(row.swapVolumeUsd === null ? [] : [`${shown(row.swapVolumeUsd)} USD were swapped`]),
  ];
  return [
    citing(
      'activity',
      row,
      called,
    )(
      `On ${day(row)} ${called.symbol} was moved ${shown(row.transfers)} times between ${shown(row.activeAddresses)} active addresses${also.length === 0 ? '' : `; ${also.join(', ')}`}`,
    ),
  ];
}

function sections(parts: readonly [string, Claim[]][]): Section[] {
  return parts.filter(([, claims]) => claims.length > 0).map(([heading, claims]) => ({ heading, claims }));
}

function last<Row extends { time: string; asset: string }>(
  asset: string,
  rows: readonly Recorded<Row>[] = [],
): Recorded<Row> | undefined {
  return newest(rows.filter((row) => row.asset === asset)).at(-1);
}

/** Rows of the last day among them. */
function newest<Row extends { time: string }>(rows: readonly Row[] = []): Row[] {
  let time = '';
  for (const row of rows) if (row.time > time) time = row.time;
  return rows.filter((row) => row.time === time);
}
