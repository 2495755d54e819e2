import type { Plane } from './dct.ts';

/** The 8×8 grid of a JPEG compression as the pixels show it: where its first block begins. */
export interface GridOrigin {
  x: number;
  y: number;
}

export interface BlockGrid {
  /** The grid of most of the picture; undefined when no grid stands out from chance. */
  main: GridOrigin | undefined;
  /** log10 of the number of false alarms: a grid this clear is expected so often in a picture without any. */
  mainLogFalseAlarms: number;
  /** Regions that follow another grid: pasted from another JPEG picture, or moved within this one. */
  foreign: {
    origin: GridOrigin;
    logFalseAlarms: number;
    x: number;
    y: number;
    width: number;
    height: number;
  }[];
  /** A value a cell of 8×8 pixels: 1 follows the main grid, -1 a foreign region, 0 says nothing. */
  cells: Plane;
  /** The part of the picture that the cells cover. */
  area: { x: number; y: number; width: number; height: number };
}

/** Pixels judged at most; larger pictures are judged in their middle. */
const MAX_PIXELS = 1_000_000;
/** A coefficient below this is zero (Nikoukhah et al., section 2). */
const ZERO = 0.5;
const NO_VOTE = 255;
/** Votes of a cell's 64 pixels from which it counts for their grid. */
const MAJORITY = 24;

/**
 * Finds JPEG's block grid in decoded pixels, and regions with a grid of their own. Quantisation makes many DCT
 * coefficients zero, but only in blocks that lie as the compression laid them: each pixel votes for the grid of the
 * block around it that has most zeros, and a binomial test says how likely so many votes are by chance (Nikoukhah,
 * Colom, Morel and Grompone von Gioi, "ZERO: a local JPEG grid origin detector", IPOL 2021; an independent
 * implementation that judges regions in cells of 8×8 pixels).
 */
export function findBlockGrid(luminance: Plane): BlockGrid {
  const { plane, offsetX, offsetY } = middle(luminance);
  const votes = castVotes(plane);
  const { width, height } = plane;
  const counts = new Float64Array(64);
  let voters = 0;
  for (const vote of votes) {
    if (vote === NO_VOTE) continue;
    counts[vote]!++;
    voters++;
  }
  const top = counts.indexOf(Math.max(...counts));
  // Votes of one block come together: 64 pixels are one trial.
  const mainLog = logFalseAlarms(voters / 64, counts[top]! / 64, 64 * 64 * Math.sqrt(width * height));
  const found = mainLog < 0;
  const origin = (vote: number): GridOrigin => ({ x: (vote + offsetX) & 7, y: ((vote >> 3) + offsetY) & 7 });
  const { foreign, cells } = foreignRegions(votes, plane, found ? top : NO_VOTE);
  return {
    main: found ? origin(top) : undefined,
    mainLogFalseAlarms: mainLog,
    foreign: foreign.map((region) => ({
      ...region,
      origin: origin(region.vote),
      x: region.x + offsetX,
      y: region.y + offsetY,
    })),
    cells,
    area: { x: offsetX, y: offsetY, width: cells.width * 8, height: cells.height * 8 },
  };
}

/** The middle of a picture that is too large, cut at multiples of eight so that origins stay comparable. */
function middle(plane: Plane): { plane: Plane; offsetX: number; offsetY: number } {
  if (plane.width * plane.height <= MAX_PIXELS) return { plane, offsetX: 0, offsetY: 0 };
  const scale = Math.sqrt(MAX_PIXELS / (plane.width * plane.height));
  const width = Math.min(plane.width, Math.floor((plane.width * scale) / 8) * 8 + 8);
  const height = Math.min(plane.height, Math.floor(MAX_PIXELS / width / 8) * 8);
  const offsetX = ((plane.width - width) >> 4) << 3;
  const offsetY = ((plane.height - height) >> 4) << 3;
  const data = new Float32Array(width * height);
  for (let y = 0; y < height; y++) {
    const from = (y + offsetY) * plane.width + offsetX;
    data.set(plane.data.subarray(from, from + width), y * width);
  }
  return { plane: { data, width, height }, offsetX, offsetY };
}

/** Row u of the 8-point DCT, halved by symmetry: even rows see sums of mirrored samples, odd rows differences. */
const HALF = Float64Array.from({ length: 32 }, (_, at) => {
  const [u, x] = [at >> 2, at & 3];
  return (u === 0 ? Math.SQRT1_2 : 1) * 0.5 * Math.cos(((2 * x + 1) * u * Math.PI) / 16);
});

function castVotes({ data, width, height }: Plane): Uint8Array {
  const votes = new Uint8Array(width * height).fill(NO_VOTE);
  if (width < 16 || height < 16) return votes;
  const best = new Uint8Array(width * height);
  const positions = width - 7;
  // The horizontal transforms of the last eight rows, [row mod 8][frequency][position].
  const rows = new Float64Array(8 * 8 * positions);
  const rowLength = 8 * positions;
  // Sums and differences of mirrored samples: even rows of the transform see the former, odd ones the latter.
  const column = new Float64Array(8);
  for (let y = 0; y < height; y++) {
    transformRow(data, y * width, positions, rows, (y & 7) * 8 * positions);
    if (y < 7) continue;
    const topRow = y - 7;
    for (let x = 0; x < positions; x++) {
      let zeros = 0;
      let acrossZero = 0;
      let downZero = 0;
      for (let u = 0; u < 8; u++) {
        const at = u * positions + x;
        const sample = (k: number) => rows[((topRow + k) & 7) * rowLength + at]!;
        const [a, b, c, d] = [sample(0), sample(1), sample(2), sample(3)];
        const [e, f, g, h] = [sample(4), sample(5), sample(6), sample(7)];
        column[0] = a + h;
        column[1] = b + g;
        column[2] = c + f;
        column[3] = d + e;
        column[4] = a - h;
        column[5] = b - g;
        column[6] = c - f;
        column[7] = d - e;
        for (let v = u === 0 ? 1 : 0; v < 8; v++) {
          const row = v * 4;
          const side = (v & 1) * 4;
          const value =
            HALF[row]! * column[side]! +
            HALF[row + 1]! * column[side + 1]! +
            HALF[row + 2]! * column[side + 2]! +
            HALF[row + 3]! * column[side + 3]!;
          if (value > -ZERO && value < ZERO) {
            zeros++;
            if (v === 0) acrossZero++;
            if (u === 0) downZero++;
          }
        }
      }
      // A block that is constant along a direction is as good at every shift that way.
      if (acrossZero === 7 || downZero === 7) continue;
      const grid = ((topRow & 7) << 3) | (x & 7);
      for (let k = 0; k < 8; k++) {
        const from = (topRow + k) * width + x;
        for (let at = from; at < from + 8; at++) {
          if (zeros > best[at]!) {
            best[at] = zeros;
            votes[at] = grid;
          } else if (zeros === best[at]! && votes[at] !== grid) votes[at] = NO_VOTE;
        }
      }
    }
  }
  // Pixels near an edge lie in fewer blocks than others.
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (x < 7 || y < 7 || x >= width - 7 || y >= height - 7) votes[y * width + x] = NO_VOTE;
    }
  }
  return votes;
}

function transformRow(
  data: Float32Array,
  from: number,
  positions: number,
  rows: Float64Array,
  to: number,
): void {
  for (let x = 0; x < positions; x++) {
    const at = from + x;
    for (let u = 0; u < 8; u++) {
      const h = u * 4;
      const sign = (u & 1) === 0 ? 1 : -1;
      rows[to + u * positions + x] =
        HALF[h]! * (data[at]! + sign * data[at + 7]!) +
        HALF[h + 1]! * (data[at + 1]! + sign * data[at + 6]!) +
        HALF[h + 2]! * (data[at + 2]! + sign * data[at + 5]!) +
        HALF[h + 3]! * (data[at + 3]! + sign * data[at + 4]!);
    }
  }
}

function foreignRegions(votes: Uint8Array, { width, height }: Plane, main: number) {
  const across = width >> 3;
  const down = height >> 3;
  const winner = new Uint8Array(across * down).fill(NO_VOTE);
  const cells: Plane = { data: new Float32Array(across * down), width: across, height: down };
  const counts = new Uint8Array(64);
  for (let cell = 0; cell < across * down; cell++) {
    counts.fill(0);
    const at = Math.floor(cell / across) * 8 * width + (cell % across) * 8;
    for (let i = 0; i < 64; i++) {
      const vote = votes[at + (i >> 3) * width + (i & 7)]!;
      if (vote !== NO_VOTE && ++counts[vote]! > MAJORITY) winner[cell] = vote;
    }
    if (winner[cell] === main) cells.data[cell] = 1;
  }
  const seen = new Uint8Array(across * down);
  const foreign: {
    vote: number;
    logFalseAlarms: number;
    x: number;
    y: number;
    width: number;
    height: number;
  }[] = [];
  for (let start = 0; start < winner.length; start++) {
    const vote = winner[start]!;
    if (vote === NO_VOTE || vote === main || seen[start] === 1) continue;
    const members = connected(start, winner, seen, across, down);
    if (members.length < 4) continue;
    const columns = members.map((cell) => cell % across);
    const rows = members.map((cell) => Math.floor(cell / across));
    const [left, right] = [
      columns.reduce((a, b) => Math.min(a, b)),
      columns.reduce((a, b) => Math.max(a, b)),
    ];
    const [top, bottom] = [rows.reduce((a, b) => Math.min(a, b)), rows.reduce((a, b) => Math.max(a, b))];
    const box = (right - left + 1) * (bottom - top + 1);
    const log = logFalseAlarms(box, members.length, 64 * (across * down) ** 2);
    if (log >= 0) continue;
    for (const cell of members) cells.data[cell] = -1;
    foreign.push({
      vote,
      logFalseAlarms: log,
      x: left * 8,
      y: top * 8,
      width: (right - left + 1) * 8,
      height: (bottom - top + 1) * 8,
    });
  }
  return { foreign: foreign.sort((a, b) => a.logFalseAlarms - b.logFalseAlarms), cells };
}

function connected(
  start: number,
  winner: Uint8Array,
  seen: Uint8Array,
  across: number,
  down: number,
): number[] {
  const members = [start];
  seen[start] = 1;
  for (let i = 0; i < members.length; i++) {
    const [x, y] = [members[i]! % across, Math.floor(members[i]! / across)];
    for (let near = 0; near < 9; near++) {
      const [nx, ny] = [x + (near % 3) - 1, y + Math.floor(near / 3) - 1];
      if (nx < 0 || ny < 0 || nx >= across || ny >= down) continue;
      const cell = ny * across + nx;
      if (seen[cell] === 1 || winner[cell] !== winner[start]) continue;
      seen[cell] = 1;
      members.push(cell);
    }
  }
  return members;
}

/**
 * log10 of tests × P(at least k of n trials), each of chance 1/64, by Hoeffding's bound
 * exp(−n·KL(k/n ‖ 1/64)), which never understates it.
 */
function logFalseAlarms(trials: number, successes: number, tests: number): number {
  const p = 1 / 64;
  const share = trials > 0 ? successes / trials : 0;
  if (share <= p) return Math.log10(tests);
  const divergence =
    share * Math.log(share / p) + (share < 1 ? (1 - share) * Math.log((1 - share) / (1 - p)) : 0);
  return Math.log10(tests) - (trials * divergence) / Math.LN10;
}
