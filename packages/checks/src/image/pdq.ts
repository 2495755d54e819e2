import { AssayError, bytesToHex, excerpt, hexToBytes } from '@assay/core';

/** Decoded pixels, row by row, 8 bits a sample: one channel is grey, three are red, green and blue. */
export interface Pixels {
  data: Uint8Array;
  width: number;
  height: number;
  channels: 1 | 3;
}

/** 256 bits, most significant first, so that hexadecimal shows them as every other PDQ tool writes them. */
export type PdqHash = Uint8Array;

/** How the eight hashes of one picture are named; turns are counterclockwise, as in the reference. */
export const DIHEDRALS = [
  'original',
  'rotate90',
  'rotate180',
  'rotate270',
  'flipX',
  'flipY',
  'flipPlus1',
  'flipMinus1',
] as const;
export type Dihedral = (typeof DIHEDRALS)[number];

/** Two pictures closer than this are one picture to PDQ's users (ThreatExchange, README: 31 of 256 bits). */
export const PDQ_RADIUS = 31;

/**
 * Below this quality the hash tells little: flat pictures resemble each other (ThreatExchange, README: discard < 50).
 */
export const PDQ_MIN_QUALITY = 50;

/** Smaller pictures have no hash (reference: five pixels each way). */
const MIN_SIDE = 5;
const GRID = 64;
const TERMS = 16;
/** Two passes of a box filter in each direction make the tent ("Jarosz") filter. */
const FILTER_PASSES = 2;

/**
 * PDQ, the perceptual hash of ThreatExchange: luminance, tent filter, 64×64 samples, the 16×16 lowest terms but the
 * constant of their DCT, each one bit: above the median or not. Every step is rounded to float32 where the reference
 * does, so that the hash of the same decoded pixels is the reference's, bit for bit.
 *
 * A picture of under five pixels either way has the zero hash of quality 0.
 *
 * @returns the hash and its quality, 0 to 100.
 * @throws ARGUMENT_INVALID when the buffer is not `width × height × channels` bytes.
 * @see https://github.com/facebook/ThreatExchange/tree/main/pdq and its hashing.pdf
 * @example
 * const { hash, quality } = pdqHash({ data, width: 640, height: 480, channels: 3 });
 * formatPdq(hash); // 64 hexadecimal digits
 */
export function pdqHash(pixels: Pixels): { hash: PdqHash; quality: number } {
  const { width, height } = checked(pixels);
  if (width < MIN_SIDE || height < MIN_SIDE) return { hash: new Uint8Array(32), quality: 0 };
  const luma = luminance(pixels);
  // The reference takes 64×64 as already reduced, here but not for the dihedral hashes.
  const grid =
    width === GRID && height === GRID ? luma : decimate(tentFilter(luma, width, height), width, height);
  return { hash: toBits(lowTerms(grid)), quality: gridQuality(grid) };
}

/**
 * The hashes of the picture and of its seven turns and mirror images, from one transform: turning a picture only
 * transposes its DCT and changes signs.
 *
 * @throws ARGUMENT_INVALID as {@link pdqHash}.
 */
export function pdqDihedralHashes(pixels: Pixels): { hashes: Record<Dihedral, PdqHash>; quality: number } {
  const { width, height } = checked(pixels);
  const tooSmall = width < MIN_SIDE || height < MIN_SIDE;
  const grid = tooSmall
    ? new Float32Array(GRID * GRID)
    : decimate(tentFilter(luminance(pixels), width, height), width, height);
  const terms = lowTerms(grid);
  const hashes = Object.fromEntries(
    DIHEDRALS.map((dihedral) => [dihedral, tooSmall ? new Uint8Array(32) : toBits(turned(terms, dihedral))]),
  ) as Record<Dihedral, PdqHash>;
  return { hashes, quality: tooSmall ? 0 : gridQuality(grid) };
}

/**
 * Nearest-neighbour reduction to 512×512 of any picture larger than that either way, as the reference's command-line
 * tools do before they hash a file (`pdqio.cpp`). Bounds the cost for large pictures.
 */
export function reduceForPdq(pixels: Pixels): Pixels {
  const side = 512;
  const { data, width, height, channels } = checked(pixels);
  if (width <= side && height <= side) return pixels;
  const reduced = new Uint8Array(side * side * channels);
  let to = 0;
  for (let y = 0; y < side; y++) {
    const row = Math.floor((y * height) / side) * width;
    for (let x = 0; x < side; x++) {
      const from = (row + Math.floor((x * width) / side)) * channels;
      for (let channel = 0; channel < channels; channel++) reduced[to++] = data[from + channel]!;
    }
  }
  return { data: reduced, width: side, height: side, channels };
}

/** The number of bits in which two hashes differ. */
export function hammingDistance(a: PdqHash, b: PdqHash): number {
  let bits = 0;
  for (let i = 0; i < 32; i++) {
    let differing = a[i]! ^ b[i]!;
    for (; differing !== 0; differing &= differing - 1) bits++;
  }
  return bits;
}

/** The hash in 64 hexadecimal digits. */
export function formatPdq(hash: PdqHash): string {
  return bytesToHex(hash);
}

/** @throws ARGUMENT_INVALID when the text is not 64 hexadecimal digits. */
export function parsePdq(text: string): PdqHash {
  if (!/^[0-9a-f]{64}$/i.test(text)) {
    throw new AssayError('ARGUMENT_INVALID', `expected a PDQ hash of 64 hex digits, got ${excerpt(text)}`);
  }
  return hexToBytes(text.toLowerCase());
}

function checked(pixels: Pixels): Pixels {
  const { data, width, height, channels } = pixels;
  const right =
    Number.isSafeInteger(width) &&
    Number.isSafeInteger(height) &&
    width > 0 &&
    height > 0 &&
    (channels === 1 || channels === 3) &&
    data.length === width * height * channels;
  if (!right) {
    throw new AssayError(
      'ARGUMENT_INVALID',
      `expected width × height × channels (1 or 3) bytes of pixels, got ${data.length} for ${width}×${height}×${channels}`,
    );
  }
  return pixels;
}

function luminance({ data, channels }: Pixels): Float32Array {
  if (channels === 1) return Float32Array.from(data);
  const [red, green, blue] = [Math.fround(0.299), Math.fround(0.587), Math.fround(0.114)];
  const luma = new Float32Array(data.length / 3);
  for (let i = 0, at = 0; i < luma.length; i++, at += 3) {
    const redAndGreen = Math.fround(Math.fround(red * data[at]!) + Math.fround(green * data[at + 1]!));
    luma[i] = Math.fround(redAndGreen + Math.fround(blue * data[at + 2]!));
  }
  return luma;
}

function tentFilter(luma: Float32Array, width: number, height: number): Float32Array {
  const window = (side: number) => Math.floor((side + 2 * GRID - 1) / (2 * GRID));
  const other = new Float32Array(luma.length);
  for (let pass = 0; pass < FILTER_PASSES; pass++) {
    for (let row = 0; row < height; row++) boxAlongRow(luma, other, row * width, width, window(width));
    boxAlongColumns(other, luma, width, height, window(height));
  }
  return luma;
}

/** Running sums add and subtract in the reference's order: float32 addition does not commute with regrouping. */
function boxAlongRow(
  from: Float32Array,
  to: Float32Array,
  start: number,
  length: number,
  window: number,
): void {
  const half = Math.floor((window + 2) / 2);
  let sum = Math.fround(0);
  let [left, right, out, size] = [start, start, start, 0];
  for (let i = 1; i < half; i++, size++) sum = Math.fround(sum + from[right++]!);
  for (let i = half - 1; i < window; i++) {
    sum = Math.fround(sum + from[right++]!);
    to[out++] = Math.fround(sum / ++size);
  }
  for (let i = window; i < length; i++) {
    sum = Math.fround(Math.fround(sum + from[right++]!) - from[left++]!);
    to[out++] = Math.fround(sum / size);
  }
  for (let i = 1; i < half; i++) {
    sum = Math.fround(sum - from[left++]!);
    to[out++] = Math.fround(sum / --size);
  }
}

/** All columns at once, row after row, each with its own running sum: four times faster than one by one. */
function boxAlongColumns(
  from: Float32Array,
  to: Float32Array,
  width: number,
  height: number,
  window: number,
): void {
  const half = Math.floor((window + 2) / 2);
  const sums = new Float32Array(width);
  let [left, right, out, size] = [0, 0, 0, 0];
  for (let i = 1; i < half; i++, size++) {
    for (let x = 0; x < width; x++) sums[x] = Math.fround(sums[x]! + from[right++]!);
  }
  for (let i = half - 1; i < window; i++) {
    size++;
    for (let x = 0; x < width; x++) {
      const sum = Math.fround(sums[x]! + from[right++]!);
      sums[x] = sum;
      to[out++] = Math.fround(sum / size);
    }
  }
  for (let i = window; i < height; i++) {
    for (let x = 0; x < width; x++) {
      const sum = Math.fround(Math.fround(sums[x]! + from[right++]!) - from[left++]!);
      sums[x] = sum;
      to[out++] = Math.fround(sum / size);
    }
  }
  for (let i = 1; i < half; i++) {
    size--;
    for (let x = 0; x < width; x++) {
      const sum = Math.fround(sums[x]! - from[left++]!);
      sums[x] = sum;
      to[out++] = Math.fround(sum / size);
    }
  }
}

function decimate(luma: Float32Array, width: number, height: number): Float32Array {
  const grid = new Float32Array(GRID * GRID);
  for (let i = 0; i < GRID; i++) {
    const row = Math.trunc(((i + 0.5) * height) / GRID) * width;
    for (let j = 0; j < GRID; j++) grid[i * GRID + j] = luma[row + Math.trunc(((j + 0.5) * width) / GRID)]!;
  }
  return grid;
}

/** Sums the gradients that can be seen: each is cut to whole percent of the range first. */
function gridQuality(grid: Float32Array): number {
  let sum = 0;
  const add = (u: number, v: number) => {
    sum += Math.abs(Math.trunc(Math.fround(Math.fround(Math.fround(u - v) * 100) / 255)));
  };
  for (let i = 0; i < GRID; i++) {
    for (let j = 0; j < GRID; j++) {
      const at = i * GRID + j;
      if (i < GRID - 1) add(grid[at]!, grid[at + GRID]!);
      if (j < GRID - 1) add(grid[at]!, grid[at + 1]!);
    }
  }
  return Math.min(Math.trunc(sum / 90), 100);
}

/** Rows 1 to 16 of the orthonormal 64-point DCT-II. */
const DCT = Float32Array.from({ length: TERMS * GRID }, (_, at) => {
  const [i, j] = [Math.floor(at / GRID), at % GRID];
  return Math.fround(Math.sqrt(2 / GRID)) * Math.cos((Math.PI / 2 / GRID) * (i + 1) * (2 * j + 1));
});

function lowTerms(grid: Float32Array): Float32Array {
  const half = new Float32Array(TERMS * GRID);
  for (let i = 0; i < TERMS; i++) {
    for (let j = 0; j < GRID; j++) {
      let sum = Math.fround(0);
      for (let k = 0; k < GRID; k++) {
        sum = Math.fround(sum + Math.fround(DCT[i * GRID + k]! * grid[k * GRID + j]!));
      }
      half[i * GRID + j] = sum;
    }
  }
  const terms = new Float32Array(TERMS * TERMS);
  for (let i = 0; i < TERMS; i++) {
    for (let j = 0; j < TERMS; j++) {
      let sum = Math.fround(0);
      for (let k = 0; k < GRID; k++) {
        sum = Math.fround(sum + Math.fround(half[i * GRID + k]! * DCT[j * GRID + k]!));
      }
      terms[i * TERMS + j] = sum;
    }
  }
  return terms;
}

/** Which of the turns transpose the terms, and which terms change their sign. */
const TURNS: Record<Dihedral, { transposed: boolean; negative: (i: number, j: number) => boolean }> = {
  original: { transposed: false, negative: () => false },
  rotate90: { transposed: true, negative: (_, j) => j % 2 === 0 },
  rotate180: { transposed: false, negative: (i, j) => (i + j) % 2 === 1 },
  rotate270: { transposed: true, negative: (i) => i % 2 === 0 },
  flipX: { transposed: false, negative: (i) => i % 2 === 0 },
  flipY: { transposed: false, negative: (_, j) => j % 2 === 0 },
  flipPlus1: { transposed: true, negative: () => false },
  flipMinus1: { transposed: true, negative: (i, j) => (i + j) % 2 === 1 },
};

function turned(terms: Float32Array, dihedral: Dihedral): Float32Array {
  const { transposed, negative } = TURNS[dihedral];
  const result = new Float32Array(terms.length);
  for (let i = 0; i < TERMS; i++) {
    for (let j = 0; j < TERMS; j++) {
      const term = terms[i * TERMS + j]!;
      result[transposed ? j * TERMS + i : i * TERMS + j] = negative(i, j) ? -term : term;
    }
  }
  return result;
}

function toBits(terms: Float32Array): PdqHash {
  const middle = torbenMedian(terms);
  const hash = new Uint8Array(32);
  for (let bit = 0; bit < terms.length; bit++) {
    if (terms[bit]! > middle) hash[31 - (bit >> 3)]! |= 1 << (bit & 7);
  }
  return hash;
}

/**
 * Torben Mogensen's median by bisection. Sorting would not do: of 256 values this one gives the lower middle value or
 * its own last guess between the two, and a bit says whether a term is strictly greater.
 */
function torbenMedian(values: Float32Array): number {
  const middle = Math.floor((values.length + 1) / 2);
  let low = values[0]!;
  let high = values[0]!;
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  // Each round moves one end to a value past the guess, so that there are at most as many rounds as values.
  for (;;) {
    const guess = Math.fround(Math.fround(low + high) / 2);
    let [less, greater, below, above] = [0, 0, low, high];
    for (const value of values) {
      if (value < guess) {
        less++;
        if (value > below) below = value;
      } else if (value > guess) {
        greater++;
        if (value < above) above = value;
      }
    }
    if (less <= middle && greater <= middle) {
      const equal = values.length - less - greater;
      return less >= middle ? below : less + equal >= middle ? guess : above;
    }
    if (less > greater) high = below;
    else low = above;
  }
}
