import type { MarketHistory } from '../figure.ts';
import { THEMES, themesOf } from './theme-lexicon.ts';

export interface NamingParameters {
  /** Members that must match a theme, and the least share of all members, in percent. */
  themeMembers: number;
  themePercent: number;
  /** Days of articles that are read, and how many must name a theme with a member. */
  articleDays: number;
  articlesForTheme: number;
}

export interface Group {
  /** Places in the panel, in the order of their identities. */
  assets: number[];
  within: number;
  outside: number;
  cohesion: number;
}

export interface NamedGroup extends Group {
  largest: number;
  /** The theme it stands out with, and how many members match it by the lexicon's list and by articles. */
  theme: { id: string; name: string; listed: number; written: number } | null;
}

const DAY_MS = 86_400_000;

/**
 * Finds what to call groups. A theme fits when enough members match it and its share among them exceeds its share
 * among all that were compared; the greatest excess wins, then the order of the lexicon. A member that the lexicon
 * does not list matches the themes that several articles name together with it.
 */
export function nameGroups(
  groups: readonly Group[],
  compared: readonly number[],
  history: MarketHistory,
  day: number,
  parameters: NamingParameters,
): NamedGroup[] {
  const { panel } = history;
  const written = themesWritten(history, compared, day, parameters);
  const matches = new Map(
    compared.map((asset) => {
      const listed = themesOf(panel.symbols[asset]!);
      return [asset, new Set(listed.length > 0 ? listed : (written.get(asset) ?? []))];
    }),
  );
  const shareOf = (assets: readonly number[], id: string) =>
    assets.filter((asset) => matches.get(asset)!.has(id)).length / assets.length;
  return groups.map((group) => {
    let best: { id: string; name: string; excess: number } | null = null;
    for (const { id, name } of THEMES) {
      const share = shareOf(group.assets, id);
      if (share * group.assets.length < parameters.themeMembers - 0.5) continue;
      if (share * 100 < parameters.themePercent) continue;
      const excess = share - shareOf(compared, id);
      if (excess > (best?.excess ?? 0)) best = { id, name, excess };
    }
    const cap = (asset: number) => panel.marketCap[asset * panel.days.length + day]! || 0;
    const [largest] = [...group.assets].sort((a, b) => cap(b) - cap(a));
    if (best === null) return { ...group, largest: largest!, theme: null };
    const { id, name } = best;
    const listed = group.assets.filter((asset) => themesOf(panel.symbols[asset]!).includes(id)).length;
    const matched = group.assets.filter((asset) => matches.get(asset)!.has(id)).length;
    return { ...group, largest: largest!, theme: { id, name, listed, written: matched - listed } };
  });
}

/** Themes that articles of the days up to one name with assets which the lexicon does not list. */
function themesWritten(
  { panel, articles }: MarketHistory,
  compared: readonly number[],
  day: number,
  { articleDays, articlesForTheme }: NamingParameters,
): Map<number, string[]> {
  const unlisted = new Map(
    compared
      .filter((asset) => themesOf(panel.symbols[asset]!).length === 0)
      .map((asset) => [panel.assets[asset]!, asset]),
  );
  const counts = new Map<number, Map<string, number>>();
  if (unlisted.size === 0) return new Map();
  const end = panel.days[day]! + DAY_MS;
  for (const { time, assets, title } of articles) {
    const at = Date.parse(time);
    if (!(at >= end - articleDays * DAY_MS && at < end)) continue;
    const named = assets.split(' ').flatMap((asset) => unlisted.get(asset) ?? []);
    if (named.length === 0) continue;
    const headline = title.slice(0, 300);
    for (const { id, words } of THEMES) {
      if (!words.test(headline)) continue;
      for (const asset of new Set(named)) {
        const ofAsset = counts.get(asset) ?? new Map<string, number>();
        ofAsset.set(id, (ofAsset.get(id) ?? 0) + 1);
        counts.set(asset, ofAsset);
      }
    }
  }
  return new Map(
    [...counts].map(([asset, ofAsset]) => [
      asset,
      [...ofAsset].filter(([, count]) => count >= articlesForTheme).map(([id]) => id),
    ]),
  );
}
