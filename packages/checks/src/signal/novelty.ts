/**
 * Remembers which values a number has taken, and says how far a new one lies from all of them.
 *
 * The distance is measured in ranges: 0 has been seen before, 0.1 is a tenth of the range away from the nearest value
 * ever seen, whether beyond the extremes or in a gap between them. Having been seen once, a value is known, so that a
 * new level, a drift or the next spike of the same height is told once and not again. Nothing is assumed of the
 * distribution, and units cancel out.
 *
 * The idea is the nearest-neighbour nonconformity of conformal detection (Burnaev & Ishimtsev 2016), with values
 * closer than {@link SAME} of the range merged, so that memory does not grow.
 */
export interface Novelty {
  /** Values seen. */
  seen: number;
  /** Where the values lie: their mean, each clipped to the range. */
  centre: number;
  /** The largest distance from the centre, fading as the values that made it grow old. */
  range: number;
  /** One value for each neighbourhood seen, and when each was last near. */
  known: number[];
  lastNear: number[];
}

/** Nearer than this share of the range is the same value: 40 neighbourhoods cover a range from end to end. */
export const SAME = 0.05;
const MAX_KNOWN = 64;
/** Values after which the range has faded by 1/e, and the centre has moved. */
const FADING = 2000;
/** The range grows at most by half at a time: one absurd value must not make the detector blind for what follows. */
const GROWTH = 1.5;
/** Absurd is absurd: beyond this distance nothing is gained, and sums stay finite. */
const MAX_DISTANCE = 5;

export function newNovelty(): Novelty {
  return { seen: 0, centre: 0, range: 0, known: [], lastNear: [] };
}

/**
 * Distance of a value from all that are known, in ranges (0 to 5). From then on it is known too.
 *
 * @param value finite.
 * @param grain what is nearer is rounding, not news.
 * @example
 * const memory = newNovelty();
 * for (const value of [1, 2, 3, 2, 1]) meet(memory, value);
 * meet(memory, 30); // far more than 1
 */
export function meet(memory: Novelty, value: number, grain = 0): number {
  const { known, lastNear } = memory;
  memory.seen++;
  if (known.length === 0) {
    memory.centre = value;
    known.push(value);
    lastNear.push(1);
    return 0;
  }
  memory.range = stretched(memory, value);
  const away = Math.max(-memory.range, Math.min(memory.range, value - memory.centre));
  memory.centre += away / Math.min(memory.seen, FADING);
  const near = nearest(known, value);
  const gap = Math.abs(known[near]! - value);
  lastNear[near] = memory.seen;
  if (gap > SAME * memory.range) {
    const place = known.length < MAX_KNOWN ? known.length : longestUnseen(lastNear);
    known[place] = value;
    lastNear[place] = memory.seen;
  }
  return gap > grain && memory.range > 0 ? Math.min(gap / memory.range, MAX_DISTANCE) : 0;
}

/** The range once this value is counted in. */
function stretched({ range, centre }: Novelty, value: number): number {
  const faded = range * (1 - 1 / FADING);
  const reach = Math.abs(value - centre);
  return faded > 0 ? Math.max(faded, Math.min(reach, GROWTH * faded)) : reach;
}

function nearest(known: readonly number[], value: number): number {
  let best = 0;
  let gap = Number.POSITIVE_INFINITY;
  for (let at = 0; at < known.length; at++) {
    const distance = Math.abs(known[at]! - value);
    if (distance < gap) {
      gap = distance;
      best = at;
    }
  }
  return best;
}

function longestUnseen(lastNear: readonly number[]): number {
  let place = 0;
  for (let at = 1; at < lastNear.length; at++) if (lastNear[at]! < lastNear[place]!) place = at;
  return place;
}
