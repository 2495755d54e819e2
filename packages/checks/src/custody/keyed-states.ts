/**
 * What a check remembers of each device, shipment or item, at most {@link MAX_KEYS} of them. A name that was silent
 * longer than {@link IDLE_MS}, by the rows' own time, makes room for a new one; while none was, rows of a further
 * name are unknown. Nobody wins a fresh budget by flooding a stream with invented names.
 */
export type KeyedStates<State> = Map<string, { seen: number; state: State }>;

export const MAX_KEYS = 1_024;
export const IDLE_MS = 30 * 86_400_000;

/** The state of one name, made by `fresh` when it is new; null when there is no room. */
export function stateOf<State>(
  states: KeyedStates<State>,
  key: string,
  timeMs: number,
  fresh: () => State,
): State | null {
  const known = states.get(key);
  if (known) {
    known.seen = Math.max(known.seen, timeMs);
    return known.state;
  }
  if (states.size >= MAX_KEYS && !makeRoom(states, timeMs)) return null;
  const state = fresh();
  states.set(key, { seen: timeMs, state });
  return state;
}

function makeRoom<State>(states: KeyedStates<State>, timeMs: number): boolean {
  let longest: string | null = null;
  let seen = timeMs - IDLE_MS;
  for (const [key, entry] of states) {
    if (entry.seen < seen) {
      seen = entry.seen;
      longest = key;
    }
  }
  return longest !== null && states.delete(longest);
}

export const NO_ROOM = `more than ${MAX_KEYS} names at once`;
