import type { Plane } from './dct.ts';

/** Two regions of one picture that are the same but for noise. */
export interface CopyMove {
  /** Pixels of the matching region, counted in the reduced picture; 0 when nothing matches. */
  area: number;
  /** The same as a share of the picture. */
  share: number;
  /** How far one region lies from the other, in pixels of the full picture. */
  offset: { x: number; y: number };
  /** Squared difference of the two regions over their variance: 0 is identical. */
  difference: number;
  /**
   * How many times worse they match when one is moved by three pixels, in the direction that hurts least. A copy is
   * far above 1; a straight edge or a gradient, which resembles itself a little further on, is near 1.
   */
  distinctness: number;
  /** One where either region is, in the reduced picture. */
  mask: Plane;
  /** Pixels of the full picture to one of the reduced one, each way. */
  reduction: number;
}

/** Pixels searched at most; larger pictures are averaged down first, which also takes JPEG noise out. */
const MAX_PIXELS = 300_000;
/** Side of the compared window, made of 4×4 means. */
const WINDOW = 16;
/** Nearer windows overlap or resemble each other in any smooth picture. */
const MIN_OFFSET = 32;
const ROUNDS = 5;
/** Variance of a window below which it is flat: sky matches sky. */
const MIN_VARIANCE = 20;
/** Windows differ by at most this share of their variance to vote for an offset, and less to be verified. */
const MAX_VOTING_DIFFERENCE = 0.1;
const MAX_DIFFERENCE = 0.08;
const CANDIDATES = 8;
/** Side of the neighbourhood in which an offset is verified. */
const NEIGHBOURHOOD = 11;

/**
 * Looks for a region copied within the picture. A nearest-neighbour field (PatchMatch; Barnes et al., SIGGRAPH 2009;
 * for this use Cozzolino, Poggi and Verdoliva, IEEE TIFS 2015) gives each textured window the most similar one at
 * least 32 pixels away; offsets that neighbours share are counted; the most frequent ones are verified pixel by pixel,
 * and the largest connected region that matches counts, unless it matches as well when moved a little.
 *
 * It finds moved regions, not turned, mirrored or scaled ones. Things that repeat exactly by themselves (a printed
 * pattern, a screenshot's icons) match as well.
 *
 * @returns undefined for a picture of under 64 pixels either way.
 */
export function findCopyMove(luminance: Plane): CopyMove | undefined {
  if (luminance.width < 64 || luminance.height < 64) return undefined;
  const factor = Math.max(1, Math.ceil(Math.sqrt((luminance.width * luminance.height) / MAX_PIXELS)));
  const plane = reduced(luminance, factor);
  if (plane.width < 64 || plane.height < 64) return undefined;
  let best: Match | undefined;
  for (const offset of frequentOffsets(nearestField(plane))) {
    const match = verified(plane, offset.x, offset.y);
    if (best === undefined || strength(match) > strength(best)) best = match;
  }
  const mask: Plane = { ...plane, data: new Float32Array(plane.data.length) };
  if (best === undefined || best.members.length === 0) {
    return {
      area: 0,
      share: 0,
      offset: { x: 0, y: 0 },
      difference: 1,
      distinctness: 1,
      mask,
      reduction: factor,
    };
  }
  for (const at of best.members) {
    mask.data[at] = 1;
    mask.data[at + best.y * plane.width + best.x] = 1;
  }
  return {
    area: best.members.length,
    share: best.members.length / plane.data.length,
    offset: { x: best.x * factor, y: best.y * factor },
    difference: best.difference,
    distinctness: best.distinctness,
    mask,
    reduction: factor,
  };
}

/** Pixels that match, discounted for matches that a small move does not spoil. */
function strength({ members, distinctness }: Match): number {
  return members.length * Math.max(0, Math.min(1, (distinctness - 1.5) / 2.5));
}

function reduced({ data, width, height }: Plane, factor: number): Plane {
  if (factor === 1) return { data, width, height };
  const [across, down] = [Math.floor(width / factor), Math.floor(height / factor)];
  const result = new Float32Array(across * down);
  for (let y = 0; y < down; y++) {
    for (let x = 0; x < across; x++) {
      let sum = 0;
      for (let i = 0; i < factor * factor; i++) {
        sum += data[(y * factor + Math.floor(i / factor)) * width + x * factor + (i % factor)]!;
      }
      result[y * across + x] = sum / factor ** 2;
    }
  }
  return { data: result, width: across, height: down };
}

interface Field {
  /** Windows are taken every second pixel. */
  columns: number;
  rows: number;
  /** Offset to the nearest window; both zero where there is none. */
  dx: Int16Array;
  dy: Int16Array;
  /** Whether the match is good enough to vote. */
  votes: Uint8Array;
}

function nearestField(plane: Plane): Field {
  const { width, height } = plane;
  const means = fourByFour(plane);
  const [right, bottom] = [width - WINDOW, height - WINDOW];
  const [columns, rows] = [(right >> 1) + 1, (bottom >> 1) + 1];
  const field: Field = {
    columns,
    rows,
    dx: new Int16Array(columns * rows),
    dy: new Int16Array(columns * rows),
    votes: new Uint8Array(columns * rows),
  };
  const distance = new Float32Array(columns * rows).fill(Number.POSITIVE_INFINITY);
  const variances = new Float32Array(columns * rows);
  const random = generator();
  const attempt = (cell: number, x: number, y: number, toX: number, toY: number) => {
    if (toX < 0 || toY < 0 || toX > right || toY > bottom) return;
    if (Math.abs(toX - x) < MIN_OFFSET && Math.abs(toY - y) < MIN_OFFSET) return;
    const most = distance[cell]!;
    const [a, b] = [y * width + x, toY * width + toX];
    let sum = 0;
    for (let i = 0; i < 16 && sum < most; i++) {
      const step = (i >> 2) * 4 * width + (i & 3) * 4;
      const difference = means[a + step]! - means[b + step]!;
      sum += difference * difference;
    }
    if (sum >= most) return;
    distance[cell] = sum;
    field.dx[cell] = toX - x;
    field.dy[cell] = toY - y;
  };
  for (let cell = 0; cell < columns * rows; cell++) {
    const at = Math.floor(cell / columns) * 2 * width + (cell % columns) * 2;
    let [sum, squares] = [0, 0];
    for (let i = 0; i < 16; i++) {
      const value = means[at + (i >> 2) * 4 * width + (i & 3) * 4]!;
      sum += value;
      squares += value * value;
    }
    variances[cell] = squares / 16 - (sum / 16) ** 2;
  }
  for (let round = 0; round < ROUNDS; round++) {
    const step = round % 2 === 0 ? 1 : -1;
    for (let i = 0; i < columns * rows; i++) {
      const cell = step > 0 ? i : columns * rows - 1 - i;
      if (variances[cell]! < MIN_VARIANCE) continue;
      const [column, row] = [cell % columns, Math.floor(cell / columns)];
      const [x, y] = [column * 2, row * 2];
      for (const near of [cell - step, cell - step * columns]) {
        if (near < 0 || near >= columns * rows || distance[near] === Number.POSITIVE_INFINITY) continue;
        attempt(cell, x, y, x + field.dx[near]!, y + field.dy[near]!);
      }
      for (let k = 0; k < 3; k++) attempt(cell, x, y, random(right + 1), random(bottom + 1));
      if (distance[cell] === Number.POSITIVE_INFINITY) continue;
      for (let radius = 64; radius >= 1; radius >>= 1) {
        const toX = x + field.dx[cell]! + random(2 * radius + 1) - radius;
        attempt(cell, x, y, toX, y + field.dy[cell]! + random(2 * radius + 1) - radius);
      }
    }
  }
  for (let cell = 0; cell < columns * rows; cell++) {
    if (distance[cell]! / 16 < MAX_VOTING_DIFFERENCE * variances[cell]!) field.votes[cell] = 1;
  }
  return field;
}

/** The offsets that most neighbouring windows share, each with its opposite counted in. */
function frequentOffsets({ columns, rows, dx, dy, votes }: Field): { x: number; y: number }[] {
  const counts = new Map<number, number>();
  const key = (x: number, y: number) => (y << 16) + x;
  for (let cell = columns; cell < columns * rows; cell++) {
    if (votes[cell] === 0 || cell % columns === 0) continue;
    const agree = (other: number) =>
      votes[other] === 1 && Math.abs(dx[cell]! - dx[other]!) <= 1 && Math.abs(dy[cell]! - dy[other]!) <= 1;
    if (!agree(cell - 1) || !agree(cell - columns)) continue;
    const flip = dy[cell]! < 0 || (dy[cell] === 0 && dx[cell]! < 0) ? -1 : 1;
    const at = key(flip * dx[cell]!, flip * dy[cell]!);
    counts.set(at, (counts.get(at) ?? 0) + 1);
  }
  const ordered = [...counts].sort((a, b) => b[1] - a[1] || a[0] - b[0]);
  const chosen: { x: number; y: number }[] = [];
  for (const [at] of ordered) {
    const x = (at << 16) >> 16;
    const y = (at - x) >> 16;
    if (chosen.every((other) => Math.abs(other.x - x) > 2 || Math.abs(other.y - y) > 2))
      chosen.push({ x, y });
    if (chosen.length === CANDIDATES) break;
  }
  return chosen;
}

interface Match {
  x: number;
  y: number;
  members: number[];
  difference: number;
  distinctness: number;
}

function verified({ data, width, height }: Plane, x: number, y: number): Match {
  const [left, right] = [Math.max(0, -x), Math.min(width, width - x)];
  const [across, down] = [right - left, height - y];
  if (across < NEIGHBOURHOOD || down < NEIGHBOURHOOD)
    return { x, y, members: [], difference: 1, distinctness: 1 };
  const size = across * down;
  const [first, firstSquared, second, secondSquared, product] = Array.from(
    { length: 5 },
    () => new Float64Array(size),
  );
  for (let i = 0; i < size; i++) {
    const at = Math.floor(i / across) * width + left + (i % across);
    const a = data[at]! - 128;
    const b = data[at + y * width + x]! - 128;
    first![i] = a;
    second![i] = b;
    firstSquared![i] = a * a;
    secondSquared![i] = b * b;
    product![i] = a * b;
  }
  for (const values of [first!, firstSquared!, second!, secondSquared!, product!])
    boxMean(values, across, down);
  const ratio = new Float32Array(size).fill(1);
  for (let i = 0; i < size; i++) {
    const variance = Math.min(firstSquared![i]! - first![i]! ** 2, secondSquared![i]! - second![i]! ** 2);
    if (variance < MIN_VARIANCE) continue;
    ratio[i] = (firstSquared![i]! + secondSquared![i]! - 2 * product![i]!) / variance;
  }
  const members = largestRegion(ratio, across, down);
  const difference = members.reduce((sum, i) => sum + ratio[i]!, 0) / Math.max(1, members.length);
  const places = members.map((i) => Math.floor(i / across) * width + left + (i % across));
  return {
    x,
    y,
    difference,
    members: places,
    distinctness: distinctness({ data, width, height }, places, x, y),
  };
}

function distinctness(
  { data, width, height }: Plane,
  places: readonly number[],
  x: number,
  y: number,
): number {
  const apart = (moveX: number, moveY: number) => {
    let [sum, count] = [0, 0];
    for (const at of places) {
      const [toX, toY] = [(at % width) + x + moveX, Math.floor(at / width) + y + moveY];
      if (toX < 0 || toY < 0 || toX >= width || toY >= height) continue;
      sum += (data[at]! - data[toY * width + toX]!) ** 2;
      count++;
    }
    return count === 0 ? Number.POSITIVE_INFINITY : sum / count;
  };
  if (places.length === 0) return 1;
  // One grey level of noise keeps two identical regions from a division by zero.
  const here = apart(0, 0) + 1;
  const moved = MOVES.map(([moveX, moveY]) => (apart(moveX!, moveY!) + 1) / here);
  return Math.min(...moved);
}

const MOVES = [
  [3, 0],
  [-3, 0],
  [0, 3],
  [0, -3],
  [2, 2],
  [-2, -2],
  [2, -2],
  [-2, 2],
];

/** Means over the neighbourhood of each value, in place; near an edge over what there is of it. */
function boxMean(values: Float64Array, width: number, height: number): void {
  const half = NEIGHBOURHOOD >> 1;
  const line = new Float64Array(Math.max(width, height) + 1);
  const along = (start: number, step: number, length: number) => {
    for (let i = 0; i < length; i++) line[i + 1] = line[i]! + values[start + i * step]!;
    for (let i = 0; i < length; i++) {
      const [from, to] = [Math.max(0, i - half), Math.min(length, i + half + 1)];
      values[start + i * step] = (line[to]! - line[from]!) / (to - from);
    }
  };
  for (let y = 0; y < height; y++) along(y * width, 1, width);
  for (let x = 0; x < width; x++) along(x, width, height);
}

function largestRegion(ratio: Float32Array, width: number, height: number): number[] {
  const seen = new Uint8Array(ratio.length);
  let largest: number[] = [];
  for (let start = 0; start < ratio.length; start++) {
    if (seen[start] === 1 || ratio[start]! > MAX_DIFFERENCE) continue;
    const members = [start];
    seen[start] = 1;
    for (let i = 0; i < members.length; i++) {
      const at = members[i]!;
      const x = at % width;
      const near = [x > 0 ? at - 1 : -1, x < width - 1 ? at + 1 : -1, at - width, at + width];
      for (const other of near) {
        if (other < 0 || other >= width * height || seen[other] === 1 || ratio[other]! > MAX_DIFFERENCE)
          continue;
        seen[other] = 1;
        members.push(other);
      }
    }
    if (members.length > largest.length) largest = members;
  }
  return largest;
}

/** Means of the 4×4 pixels right and below of each pixel. */
function fourByFour({ data, width, height }: Plane): Float32Array {
  const means = new Float32Array(width * height);
  for (let y = 0; y + 4 <= height; y++) {
    for (let x = 0; x + 4 <= width; x++) {
      let sum = 0;
      for (let k = 0; k < 4; k++) {
        const at = (y + k) * width + x;
        sum += data[at]! + data[at + 1]! + data[at + 2]! + data[at + 3]!;
      }
      means[y * width + x] = sum / 16;
    }
  }
  return means;
}

/** The same numbers for every picture (xorshift32), so that the same picture always gives the same answer. */
function generator(): (below: number) => number {
  let state = 0x9e3779b9;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}
