import type { FigureInput } from '../figure.ts';
import { type GradeParameters, gradesOn } from '../grades/index.ts';
import type { Panel } from '../panel/index.ts';
import type { ActivityRow, SentimentRow } from '../rows.ts';
import { spearman } from './rank-correlation.ts';

/** A source that lies about one asset in ten, and what it says of them. */
export const LIES = {
  close: "the last day's close and high are raised by half",
  volume: 'the volumes of the last 30 days are ten times what they were (wash trades)',
  'market-cap': 'market capitalisation and supply are ten times what they are',
  activity: 'active addresses, holders and swaps of the last 30 days are ten times what they were',
  sentiment: 'everything written in the last 30 days is praise',
} as const;
export type Lie = keyof typeof LIES;

const LIE_DAYS = 30;

/** What one lie does to both grades of a day. */
export interface LieEffect {
  lie: Lie;
  /** Spearman's correlation of all grades with and without the lie; NaN when it is not known. */
  trader: number;
  investor: number;
  /** Mean change of the grades of the assets lied about. */
  traderGain: number;
  investorGain: number;
}

/**
 * How far each grade moves when one source lies about one asset in ten. Which ones is fixed by a hash of their names,
 * so that the answer does not depend on who else is there. Sources that say nothing cannot lie.
 */
export function lieEffects(input: FigureInput, day: number, parameters: GradeParameters): LieEffect[] {
  const honest = gradesOn(input, day, parameters);
  return (Object.keys(LIES) as Lie[]).flatMap((lie) => {
    const told = withLie(input, day, lie);
    if (!told) return [];
    const rows = new Map(gradesOn(told, day, parameters).map((row) => [row.asset, row]));
    const compare = (grade: 'trader' | 'investor') => {
      const pairs = honest.flatMap((row) => {
        const other = rows.get(row.asset)?.[grade];
        return row[grade] && other
          ? [{ asset: row.asset, before: Number(row[grade].grade), after: Number(other.grade) }]
          : [];
      });
      const gains = pairs.filter(({ asset }) => isLiedAbout(asset));
      return {
        correlation: spearman(
          pairs.map(({ before }) => before),
          pairs.map(({ after }) => after),
        ),
        gain: gains.reduce((sum, { before, after }) => sum + (after - before) / gains.length, 0),
      };
    };
    const trader = compare('trader');
    const investor = compare('investor');
    return [
      {
        lie,
        trader: trader.correlation,
        investor: investor.correlation,
        traderGain: trader.gain,
        investorGain: investor.gain,
      },
    ];
  });
}

function withLie(input: FigureInput, day: number, lie: Lie): FigureInput | null {
  const { history, figures } = input;
  const { panel } = history;
  const from = panel.days[Math.max(0, day - LIE_DAYS + 1)]!;
  const isTold = ({ time, asset }: { time: string; asset: string }) =>
    isLiedAbout(asset) && Date.parse(time) >= from;
  const withPanel = (columns: Partial<Panel>): FigureInput => ({
    ...input,
    history: { ...history, panel: { ...panel, ...columns } },
  });
  switch (lie) {
    case 'close':
      return withPanel({
        close: scaled(panel, panel.close, [day, day], 1.5),
        high: scaled(panel, panel.high, [day, day], 1.5),
      });
    case 'volume':
      return withPanel({ volume: scaled(panel, panel.volume, [day - LIE_DAYS + 1, day], 10) });
    case 'market-cap':
      return withPanel({
        marketCap: scaled(panel, panel.marketCap, [0, day], 10),
        supply: scaled(panel, panel.supply, [0, day], 10),
      });
    case 'activity':
      if (history.activity.length === 0) return null;
      return {
        ...input,
        history: {
          ...history,
          activity: history.activity.map((row) => (isTold(row) ? tenfold(row) : row)),
        },
      };
    case 'sentiment':
      if (!figures.sentiment?.length) return null;
      return {
        ...input,
        figures: {
          ...figures,
          sentiment: figures.sentiment.map(
            (row): SentimentRow => (isTold(row) ? { ...row, score: '1' } : row),
          ),
        },
      };
  }
}

function scaled(
  panel: Panel,
  column: Float64Array,
  [from, to]: readonly [number, number],
  factor: number,
): Float64Array {
  const copy = column.slice();
  for (const [asset, name] of panel.assets.entries()) {
    if (!isLiedAbout(name)) continue;
    for (let d = Math.max(0, from); d <= to; d++) copy[asset * panel.days.length + d]! *= factor;
  }
  return copy;
}

function tenfold(row: ActivityRow): ActivityRow {
  const times = (value: string) => String(Number(value) * 10);
  return {
    ...row,
    activeAddresses: times(row.activeAddresses),
    holders: row.holders === null ? null : times(row.holders),
    swapVolumeUsd: row.swapVolumeUsd === null ? null : times(row.swapVolumeUsd),
  };
}

/** One in ten, by FNV-1a of the name. */
function isLiedAbout(asset: string): boolean {
  let hash = 0x811c9dc5;
  for (let i = 0; i < asset.length; i++) hash = Math.imul(hash ^ asset.charCodeAt(i), 0x01000193);
  return (hash >>> 0) % 10 === 0;
}
