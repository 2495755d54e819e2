/**
 * What a check remembers of each device, shipment or item, of at most so many of them. A name that was silent too
 * long, by the rows' own time, makes room for a new one; while none was, rows of a further name are unknown. Nobody
 * wins a fresh budget by flooding a stream with invented names.
 */
export type KeyedStates<State> = Map<string, { seen: number; state: State }>;

export interface StateBounds {
  maxKeys: number;
  idleMs: number;
}

/**
 * Devices and shipments: a month of silence ends a journey. With every check asked for, one is stored in at most 6 KB
 * (half of it what the clock's drift is fitted to), and all of them within the 4 MiB of a detector.
 */
export const JOURNEYS: StateBounds = { maxKeys: 512, idleMs: 30 * 86_400_000 };

/** The state of one name, made by `fresh` when it is new; null when there is no room. */
export function stateOf<State>(
  states: KeyedStates<State>,
  key: string,
  timeMs: number,
  fresh: () => State,
  bounds: StateBounds = JOURNEYS,
): State | null {
  const known = states.get(key);
  if (known) {
    known.seen = Math.max(known.seen, timeMs);
    return known.state;
  }
  if (states.size >= bounds.maxKeys && !makeRoom(states, timeMs - bounds.idleMs)) return null;
  const state = fresh();
  states.set(key, { seen: timeMs, state });
  return state;
}

/** What is said of a row for whose name there is no room. */
export function noRoom({ maxKeys }: StateBounds = JOURNEYS): string {
  return `more than ${maxKeys} names at once`;
}

function makeRoom<State>(states: KeyedStates<State>, silentSince: number): boolean {
  let longest: string | null = null;
  let seen = silentSince;
  for (const [key, entry] of states) {
    if (entry.seen < seen) {
      seen = entry.seen;
      longest = key;
    }
  }
  return longest !== null && states.delete(longest);
}
