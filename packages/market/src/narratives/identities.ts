import type { Panel } from '../panel/index.ts';
import type { NamedGroup } from './naming.ts';

/** A group and under which name it goes on. */
export interface Identified {
  id: string;
  name: string;
  group: NamedGroup;
}

/**
 * Follows groups through the months and returns those of the last one. A group is that of the month before with
 * which it shares the most members, unless both have a theme and not the same; the greatest overlaps are settled first.
 * What is new is called by its theme, or by its largest member.
 *
 * @param samePercent least overlap, members in both of members in either, in percent.
 */
export function followIdentities(
  months: readonly (readonly NamedGroup[])[],
  panel: Panel,
  samePercent: number,
): Identified[] {
  let before: (Identified & { theme: string | null })[] = [];
  for (const groups of months) {
    const pairs = groups.flatMap((group) =>
      before.flatMap((old) => {
        const [one, other] = [group.theme?.id, old.theme];
        const same = overlap(group.assets, old.group.assets);
        if (same * 100 < samePercent || (one && other && one !== other)) return [];
        return [{ group, old, same }];
      }),
    );
    // Stable: of equal overlaps the first pair, in the order of identities, is settled first.
    pairs.sort((a, b) => b.same - a.same);
    const heirs = new Map<NamedGroup, (typeof before)[number]>();
    const taken = new Set<string>();
    for (const { group, old } of pairs) {
      if (heirs.has(group) || taken.has(old.id)) continue;
      heirs.set(group, old);
      taken.add(old.id);
    }
    before = groups.map((group) => {
      const around = panel.symbols[group.largest]!;
      const heir = heirs.get(group);
      const id = heir?.id ?? freeId(group.theme?.id ?? `around-${panel.assets[group.largest]}`, taken);
      taken.add(id);
      const name = group.theme?.name ?? (heir?.theme ? heir.name : `Around ${around}`);
      return { id, name, group, theme: group.theme?.id ?? heir?.theme ?? null };
    });
  }
  return distinctNames(before.map(({ id, name, group }) => ({ id, name, group })));
}

function overlap(one: readonly number[], other: readonly number[]): number {
  const members = new Set(one);
  const shared = other.filter((asset) => members.has(asset)).length;
  return shared / (one.length + other.length - shared);
}

function freeId(wish: string, taken: ReadonlySet<string>): string {
  for (let number = 1; ; number++) {
    const id = number === 1 ? wish : `${wish}-${number}`;
    if (!taken.has(id)) return id;
  }
}

/** A second group of one theme is told apart by a number. */
function distinctNames(narratives: readonly Identified[]): Identified[] {
  const seen = new Map<string, number>();
  return narratives.map((narrative) => {
    const count = (seen.get(narrative.name) ?? 0) + 1;
    seen.set(narrative.name, count);
    return count === 1 ? narrative : { ...narrative, name: `${narrative.name} (${count})` };
  });
}
