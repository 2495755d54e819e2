import { forwardDct, inverseDct, type Plane } from './dct.ts';
import { type JpegStructure, ZIGZAG } from './jpeg-structure.ts';

/** What the coefficients tell of a compression before the last one, on the same block grid. */
export interface DoubleCompression {
  /**
   * Nats that a coefficient gains when a first compression of quality 30 to 93 is assumed, over what one of 94 to 100
   * gains, which models rounding alone; at most about 0 for a file compressed once.
   */
  gain: number;
  /** The quality of the first compression on the scale of libjpeg. */
  primaryQuality: number;
  /** The quality that libjpeg would give the file's own table, and how far its steps are from that, on average. */
  lastQuality: number;
  lastQualityDistance: number;
  /** A value a block: above 0 the block went through the first compression too, below 0 it did not. */
  blocks: Plane;
}

/** The AC frequencies judged: high ones are all zero at usual qualities. */
const FREQUENCIES = ZIGZAG.subarray(1, 11);
const SHIFT_FREQUENCIES = FREQUENCIES.subarray(0, 9);
const FINE_BINS = 4;
/** Deviations that the last compression causes on grids that share a row or a column with it: up to 25 were seen. */
const AXIS_HANDICAP = 23;
/** Unquantised values up to this are counted; larger ones are rare and too coarse to show periods. */
const LARGEST = 400;
/** Rounding pixels to whole grey levels, and colours there and back, blurs a coefficient by about this. */
const ROUNDING_SIGMA = 0.5;
/** Some blocks always differ (clipped, edited): the model keeps this share for them. */
const OUTLIERS = 0.1;
const MIN_BLOCKS = 256;
/** From here on a first compression leaves steps of one or two, which look like rounding. */
const FINE_QUALITY = 94;

/**
 * Looks for a first compression in the histograms of the DCT coefficients. Quantising with step q1 and again with q2
 * leaves some multiples of q2 empty and doubles others; the period names q1. What the histogram would be without the
 * first compression comes from the picture itself: decoded, cut by four pixels each way, and transformed again
 * (Lukáš and Fridrich, DFRWS 2003, section 3). The same two models judge each block (Bianchi and Piva, IEEE TIFS 2012,
 * section III).
 *
 * It cannot see a first compression whose steps divide the last one's (equal quality among them), and one of far
 * higher quality hardly.
 *
 * @returns undefined for a picture of under 256 blocks, which has too few coefficients.
 */
export function findDoubleCompression(jpeg: JpegStructure): DoubleCompression | undefined {
  const { blocksWide, blocksHigh, coefficients } = jpeg.luminance;
  const blocks = blocksWide * blocksHigh;
  if (blocks < MIN_BLOCKS) return undefined;
  const steps = jpeg.components[0]!.quantisation;
  const references = referenceHistograms(decodeLuminance(jpeg));
  const models = Array.from(FREQUENCIES, (place, f) => {
    const step = steps[place]!;
    const counts = new Float64Array(Math.ceil(LARGEST / step) + 1);
    for (let block = 0; block < blocks; block++) {
      const value = Math.abs(coefficients[block * 64 + place]!);
      if (value < counts.length) counts[value]!++;
    }
    const once = smoothed(quantised(references[f]!, step, counts.length));
    const gains = new Map<number, { gain: number; ratio: Float64Array }>();
    return {
      counts,
      after: (first: number) => {
        let known = gains.get(first);
        if (known === undefined) {
          const twice = smoothed(requantised(references[f]!, first, step, counts.length));
          const ratio = twice.map((p, k) =>
            k === 0 ? 0 : Math.log(((1 - OUTLIERS) * p + OUTLIERS * once[k]!) / once[k]!),
          );
          known = { ratio, gain: counts.reduce((sum, count, k) => sum + count * ratio[k]!, 0) };
          gains.set(first, known);
        }
        return known;
      },
    };
  });
  const gainOf = (quality: number) => {
    const table = standardTable(quality);
    return models.reduce((sum, { after }, f) => sum + after(table[FREQUENCIES[f]!]!).gain, 0);
  };
  let best = { gain: Number.NEGATIVE_INFINITY, quality: 0 };
  for (let quality = 30; quality < FINE_QUALITY; quality++) {
    const gain = gainOf(quality);
    if (gain > best.gain) best = { gain, quality };
  }
  let fine = 0;
  for (let quality = FINE_QUALITY; quality <= 100; quality++) fine = Math.max(fine, gainOf(quality));
  const primary = standardTable(best.quality);
  const map = new Float32Array(blocks);
  for (const [f, place] of FREQUENCIES.entries()) {
    const { ratio } = models[f]!.after(primary[place]!);
    for (let block = 0; block < blocks; block++) {
      const value = Math.abs(coefficients[block * 64 + place]!);
      if (value < ratio.length) map[block]! += ratio[value]!;
    }
  }
  const last = nearestQuality(steps);
  return {
    gain: (best.gain - fine) / (blocks * FREQUENCIES.length),
    primaryQuality: best.quality,
    lastQuality: last.quality,
    lastQualityDistance: last.distance,
    blocks: { data: map, width: blocksWide, height: blocksHigh },
  };
}

/** A compression whose block grid lies elsewhere than the last one's: the picture was cut or moved in between. */
export interface ShiftedCompression {
  /** Where its blocks begin, 0 to 7. */
  x: number;
  y: number;
  quality: number;
  /** How far the coefficients cluster at multiples of that quality's steps, in standard deviations of chance. */
  deviations: number;
}

/**
 * Looks for the clearest compression on any of the 64 block grids, or, with `besideOrigin`, on the 63 that do not begin
 * at the picture's corner: there the last compression's own steps would show. On the right grid the coefficients
 * cluster around multiples of the first steps (Bianchi and Piva, IEEE TIFS 7(2), 2012, section III, who test for the
 * period in the DC term; here the mean cosine over nine AC frequencies). At most 4,096 blocks a grid are read.
 */
export function findShiftedCompression(
  { data, width, height }: Plane,
  { besideOrigin }: { besideOrigin: boolean },
): ShiftedCompression | undefined {
  const [across, down] = [Math.floor((width - 7) / 8), Math.floor((height - 7) / 8)];
  if (across * down < MIN_BLOCKS) return undefined;
  const every = Math.max(1, Math.ceil((across * down) / 4096));
  const out = new Float64Array(64);
  const counts = Array.from(SHIFT_FREQUENCIES, () => new Uint32Array(LARGEST * FINE_BINS));
  let best: ShiftedCompression | undefined;
  let most = Number.NEGATIVE_INFINITY;
  for (let grid = besideOrigin ? 1 : 0; grid < 64; grid++) {
    const [x, y] = [grid & 7, grid >> 3];
    for (const count of counts) count.fill(0);
    for (let block = 0; block < across * down; block += every) {
      const at = (Math.floor(block / across) * 8 + y) * width + (block % across) * 8 + x;
      forwardDct(data, at, width, out);
      for (const [f, place] of SHIFT_FREQUENCIES.entries()) {
        const bin = Math.round(Math.abs(out[place]!) * FINE_BINS);
        if (bin < LARGEST * FINE_BINS) counts[f]![bin]!++;
      }
    }
    const filled = counts.map((count) => Array.from(count.keys()).filter((bin) => count[bin]! > 0));
    const cosines = counts.map(() => new Map<number, { sum: number; terms: number }>());
    for (let quality = 30; quality < FINE_QUALITY; quality++) {
      const table = standardTable(quality);
      let [sum, terms] = [0, 0];
      for (const [f, place] of SHIFT_FREQUENCIES.entries()) {
        const step = table[place]!;
        let known = cosines[f]!.get(step);
        if (known === undefined) {
          known = clustering(counts[f]!, filled[f]!, step);
          cosines[f]!.set(step, known);
        }
        sum += known.sum;
        terms += known.terms;
      }
      const deviations = terms > 0 ? sum / Math.sqrt(terms / 2) : 0;
      const standing = deviations - (besideOrigin && (x === 0 || y === 0) ? AXIS_HANDICAP : 0);
      if (standing > most) {
        most = standing;
        best = { x, y, quality, deviations };
      }
    }
  }
  return best;
}

/** The sum of cosines over the values that are not quantised to zero: near their number if all are multiples. */
function clustering(counts: Uint32Array, filled: number[], step: number): { sum: number; terms: number } {
  const period = step * FINE_BINS;
  const cosines = COSINES[step]!;
  let [sum, terms] = [0, 0];
  for (const bin of filled) {
    if (bin < period / 2) continue;
    sum += counts[bin]! * cosines[bin % period]!;
    terms += counts[bin]!;
  }
  return { sum, terms };
}

/** One period of the cosine for each step of 8 bits. */
const COSINES = Array.from({ length: 256 }, (_, step) =>
  Float64Array.from({ length: step * FINE_BINS }, (_, bin) =>
    Math.cos((2 * Math.PI * bin) / (step * FINE_BINS)),
  ),
);

/** The luminance in whole grey levels, of all blocks, also where they go beyond the picture. */
export function decodeLuminance({ components, luminance }: JpegStructure): Plane {
  const { blocksWide, blocksHigh, coefficients } = luminance;
  const steps = components[0]!.quantisation;
  const width = blocksWide * 8;
  const data = new Float32Array(width * blocksHigh * 8);
  const values = new Float64Array(64);
  const pixels = new Float64Array(64);
  for (let block = 0; block < blocksWide * blocksHigh; block++) {
    for (let k = 0; k < 64; k++) values[k] = coefficients[block * 64 + k]! * steps[k]!;
    inverseDct(values, pixels);
    const at = Math.floor(block / blocksWide) * 8 * width + (block % blocksWide) * 8;
    for (let i = 0; i < 64; i++) {
      data[at + (i >> 3) * width + (i & 7)] = Math.max(0, Math.min(255, Math.round(pixels[i]! + 128)));
    }
  }
  return { data, width, height: blocksHigh * 8 };
}

/** The luminance table that libjpeg makes for a quality of 1 to 100, in natural order. */
export function standardTable(quality: number): Uint16Array {
  const scale = quality < 50 ? Math.floor(5000 / quality) : 200 - 2 * quality;
  return STANDARD_LUMINANCE.map((step) => Math.max(1, Math.min(255, Math.floor((step * scale + 50) / 100))));
}

/** Counts of unquantised values in bins of one, by absolute value, of each frequency on a grid that is off by four. */
function referenceHistograms({ data, width, height }: Plane): Float64Array[] {
  const histograms = Array.from(FREQUENCIES, () => new Float64Array(LARGEST + 64));
  const out = new Float64Array(64);
  for (let y = 4; y + 8 <= height; y += 8) {
    for (let x = 4; x + 8 <= width; x += 8) {
      forwardDct(data, y * width + x, width, out);
      for (const [f, place] of FREQUENCIES.entries()) {
        const value = Math.round(Math.abs(out[place]!));
        if (value < LARGEST + 64) histograms[f]![value]!++;
      }
    }
  }
  return histograms;
}

function quantised(histogram: Float64Array, step: number, length: number): Float64Array {
  const result = new Float64Array(length);
  for (const [value, count] of histogram.entries()) {
    const k = Math.round(value / step);
    if (k < length) result[k]! += count;
  }
  return result;
}

function requantised(histogram: Float64Array, first: number, step: number, length: number): Float64Array {
  const result = new Float64Array(length);
  const once = quantised(histogram, first, Math.ceil(histogram.length / first) + 1);
  for (const [m, count] of once.entries()) {
    if (count === 0) continue;
    const value = m * first;
    const nearest = Math.round(value / step);
    for (let k = nearest - 1; k <= nearest + 1; k++) {
      const share = normal((k + 0.5) * step - value) - normal((k - 0.5) * step - value);
      if (Math.abs(k) < length) result[Math.abs(k)]! += count * share;
    }
  }
  return result;
}

/**
 * As shares of what was not quantised to zero, none of them zero. How many are is left out: in soft pictures it depends
 * more on the grid's place than on any compression.
 */
function smoothed(all: Float64Array): Float64Array {
  const counts = all.slice();
  counts[0] = 0;
  const total = counts.reduce((sum, count) => sum + count, 0) + 0.5 * counts.length;
  return counts.map((count) => (count + 0.5) / total);
}

/** The normal distribution function of the rounding noise, by the logistic approximation of Bowling et al. (2009). */
function normal(x: number): number {
  const z = x / ROUNDING_SIGMA;
  return 1 / (1 + Math.exp(-0.07056 * z ** 3 - 1.5976 * z));
}

function nearestQuality(steps: Uint16Array): { quality: number; distance: number } {
  let best = { quality: 100, distance: Number.POSITIVE_INFINITY };
  for (let quality = 1; quality <= 100; quality++) {
    const table = standardTable(quality);
    const distance = steps.reduce((sum, step, k) => sum + Math.abs(step - table[k]!), 0) / 64;
    if (distance < best.distance) best = { quality, distance };
  }
  return best;
}

/** ITU-T T.81, table K.1. */
const STANDARD_LUMINANCE = Uint16Array.from([
  16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22,
  29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103,
  121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
]);
