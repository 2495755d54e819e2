import { significant } from '../decimal-of.ts';
import type { Figure, FigureInput } from '../figure.ts';
import type { AssetRow } from '../rows.ts';
import type { Defect } from './defect.ts';
import { instantOfDay, nameOn, type Panel, seriesOf, unitOn } from './panel.ts';

export interface AssetsParameters {
  /** Days without a trade until an asset is quiet, and until it is delisted. */
  quietDays: number;
  delistedDays: number;
  /** Least capitalisation of each size, in US dollars. */
  largeUsd: string;
  midUsd: string;
  smallUsd: string;
  /** Symbols of coins that promise a dollar. They stay stablecoins when they break the promise. */
  stablecoins: readonly string[];
  /** An unlisted asset is one too when this share of its last closes lay within the band around a dollar. */
  pegWindowDays: number;
  pegBand: string;
  pegShare: string;
  /** How long a defect is told after its last day. */
  defectDays: number;
}

/** What each asset is on each day: its name, size, state, and what is wrong with its data. */
export const assetsFigure: Figure<'assets', AssetsParameters> = {
  name: 'assets',
  version: '1.0.0',
  parameters: {
    quietDays: 3,
    delistedDays: 30,
    largeUsd: '10000000000',
    midUsd: '1000000000',
    smallUsd: '100000000',
    stablecoins: ['BUSD', 'DAI', 'FDUSD', 'GUSD', 'PYUSD', 'TUSD', 'USDC', 'USDP', 'USDT', 'UST', 'USTC'],
    pegWindowDays: 90,
    pegBand: '0.01',
    pegShare: '0.95',
    defectDays: 90,
  },
  reads: { observed: [], figures: [] },
  // The first bar may be any time ago.
  lookbackDays: 36_500,
  compute: assetRows,
};

function assetRows({ history, days }: FigureInput, parameters: AssetsParameters): AssetRow[] {
  const { panel } = history;
  const defects = defectsByAsset(history.defects ?? []);
  const firstBars = panel.assets.map((_, a) => seriesOf(panel, panel.close, a).findIndex((x) => x > 0));
  const rows: AssetRow[] = [];
  for (let d = Math.max(days.from, 0); d < Math.min(days.to, panel.days.length); d++) {
    const ranks = ranksOn(panel, d);
    for (const [a, asset] of panel.assets.entries()) {
      const first = firstBars[a]!;
      if (first < 0 || first > d) continue;
      const { lastBar, lastTrade } = lastOn(panel, a, d);
      const idle = d - lastTrade;
      const marketCap = panel.marketCap[a * panel.days.length + d]!;
      const supply = panel.supply[a * panel.days.length + d]! * unitOn(panel, a, d);
      rows.push({
        time: instantOfDay(panel.days[d]!),
        asset,
        symbol: panel.symbols[a]!,
        name: nameOn(panel, a, d),
        rank: ranks[a] === undefined ? null : String(ranks[a]),
        marketCapUsd: significant(marketCap, 15),
        supply: significant(supply, 15),
        firstBar: instantOfDay(panel.days[first]!),
        lastBar: instantOfDay(panel.days[lastBar]!),
        state: idle > parameters.delistedDays ? 'delisted' : idle > parameters.quietDays ? 'quiet' : 'active',
        class: classOf(panel, a, d, marketCap, parameters),
        defects: (defects.get(asset) ?? [])
          .filter(({ fromMs, toMs }) => {
            const day = panel.days[d]!;
            return fromMs <= day && day - toMs <= parameters.defectDays * 86_400_000;
          })
          .map((told) => (told.knownMs <= panel.days[d]! ? told.text : told.endless))
          .filter((text) => text !== ''),
      });
    }
  }
  return rows;
}

interface ToldDefect {
  fromMs: number;
  toMs: number;
  /** Day at whose end all of it is known. That a run ended shows only on the day after. */
  knownMs: number;
  text: string;
  /** What is known of it before its last day: for a run that goes on, only that it began. */
  endless: string;
}

/** A run of days is known day by day, but its end and its count only when it ended; anything else at its last day. */
function defectsByAsset(defects: readonly Defect[]): Map<string, ToldDefect[]> {
  const found = new Map<string, ToldDefect[]>();
  for (const { kind, asset, stream, from, to, text } of defects) {
    if (asset === null) continue;
    const where = stream === null ? '' : ` (${stream})`;
    const [first, last] = [from.slice(0, 10), to.slice(0, 10)];
    const told = {
      fromMs: Date.parse(from),
      toMs: Date.parse(to),
      knownMs: Date.parse(to) + (RUNS.has(kind) || kind === 'missing-days' ? 86_400_000 : 0),
      text: `${kind} ${first === last ? first : `${first} to ${last}`}${where}: ${text}`,
      endless: RUNS.has(kind) ? `${kind} since ${first}${where}` : '',
    };
    const list = found.get(asset);
    if (list) list.push(told);
    else found.set(asset, [told]);
  }
  return found;
}

const RUNS = new Set<Defect['kind']>([
  'price-not-positive',
  'high-below-low',
  'not-a-day',
  'duplicate-row',
  'out-of-order',
  'zero-volume',
]);

/** Place of each asset by capitalisation, 1 for the largest; nothing where it is not known. */
function ranksOn(panel: Panel, day: number): (number | undefined)[] {
  const ranks: (number | undefined)[] = [];
  const cap = (a: number) => panel.marketCap[a * panel.days.length + day]!;
  panel.assets
    .map((_, a) => a)
    .filter((a) => cap(a) > 0)
    .sort((a, b) => cap(b) - cap(a) || a - b)
    .forEach((a, place) => {
      ranks[a] = place + 1;
    });
  return ranks;
}

function lastOn(panel: Panel, asset: number, day: number): { lastBar: number; lastTrade: number } {
  const start = asset * panel.days.length;
  let lastBar = day;
  while (!(panel.close[start + lastBar]! > 0)) lastBar--;
  let lastTrade = lastBar;
  while (lastTrade >= 0 && !(panel.volume[start + lastTrade]! > 0)) lastTrade--;
  return { lastBar, lastTrade };
}

function classOf(
  panel: Panel,
  asset: number,
  day: number,
  marketCap: number,
  parameters: AssetsParameters,
): AssetRow['class'] {
  if (isStablecoin(panel, asset, day, parameters)) return 'stablecoin';
  if (Number.isNaN(marketCap)) return 'unknown';
  if (marketCap >= Number(parameters.largeUsd)) return 'large';
  if (marketCap >= Number(parameters.midUsd)) return 'mid';
  return marketCap >= Number(parameters.smallUsd) ? 'small' : 'micro';
}

/**
 * Whether an asset promises a dollar: by its symbol, or because it has kept to one over the window.
 */
export function isStablecoin(
  panel: Panel,
  asset: number,
  day: number,
  parameters: Pick<AssetsParameters, 'stablecoins' | 'pegWindowDays' | 'pegBand' | 'pegShare'>,
): boolean {
  if (parameters.stablecoins.includes(panel.symbols[asset]!)) return true;
  const from = day + 1 - parameters.pegWindowDays;
  if (from < 0) return false;
  let seen = 0;
  let near = 0;
  for (let d = from; d <= day; d++) {
    const close = panel.close[asset * panel.days.length + d]!;
    if (Number.isNaN(close)) continue;
    seen++;
    if (Math.abs(close - 1) <= Number(parameters.pegBand)) near++;
  }
  return seen * 2 >= parameters.pegWindowDays && near >= seen * Number(parameters.pegShare);
}
