/**
 * The busiest names of an endless stream in bounded memory: Space-Saving after Metwally, Agrawal and El Abbadi,
 * "Efficient Computation of Frequent and Top-k Elements in Data Streams" (ICDT 2005). A name's true count lies
 * between `count - error` and `count`; every name with more than 1/capacity of all is kept.
 *
 * @example
 * const busiest = newHeavyHitters(1000);
 * countHit(busiest, 'address');
 */
export interface HeavyHitters {
  capacity: number;
  total: number;
  counts: Map<string, { count: number; error: number }>;
  /** Names by count, so that the least is found without a search. */
  byCount: Map<number, Set<string>>;
  least: number;
}

export function newHeavyHitters(capacity: number): HeavyHitters {
  return { capacity, total: 0, counts: new Map(), byCount: new Map(), least: 0 };
}

/** Counts one more occurrence; a name that is not known takes the place of the rarest. */
export function countHit(hitters: HeavyHitters, name: string): void {
  hitters.total += 1;
  const known = hitters.counts.get(name);
  if (known !== undefined) {
    move(hitters, name, known.count, known.count + 1);
    known.count += 1;
    return;
  }
  if (hitters.counts.size < hitters.capacity) {
    hitters.counts.set(name, { count: 1, error: 0 });
    move(hitters, name, 0, 1);
    hitters.least = 1;
    return;
  }
  const { least } = hitters;
  const evicted = hitters.byCount.get(least)!.values().next().value!;
  hitters.counts.delete(evicted);
  hitters.counts.set(name, { count: least + 1, error: least });
  // The newcomer joins before the other leaves, so that the least count is still found.
  move(hitters, name, 0, least + 1);
  move(hitters, evicted, least, 0);
}

function move(hitters: HeavyHitters, name: string, from: number, to: number): void {
  const { byCount } = hitters;
  if (to > 0) {
    const names = byCount.get(to);
    if (names) names.add(name);
    else byCount.set(to, new Set([name]));
  }
  const left = byCount.get(from);
  if (left === undefined) return;
  left.delete(name);
  if (left.size > 0) return;
  byCount.delete(from);
  if (from === hitters.least) hitters.least = from + 1;
}
