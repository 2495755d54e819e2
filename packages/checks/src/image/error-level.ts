import type { Plane } from './dct.ts';
import type { Pixels } from './pdq.ts';

/** How unevenly a picture answers one more compression. */
export interface ErrorLevels {
  /** The clearest region's contrast, in robust standard deviations of regions of this picture. */
  contrast: number;
  /** Where it is, in pixels. */
  region: { x: number; y: number; width: number; height: number };
  /** A value a block of 8×8 pixels: its error in deviations from what blocks of like texture have. */
  blocks: Plane;
}

/** A region is this many blocks square: 48 pixels. */
const REGION = 6;
const TEXTURE_CLASSES = 16;
/** Below this many blocks there are too few of like texture to compare with. */
const MIN_BLOCKS = 400;

/**
 * Error level analysis: what one more JPEG compression changes, block by block (Krawetz, "A picture's worth", 2007).
 * Parts with another history answer differently. Texture answers differently as well, and more so: each block is
 * therefore judged among those of like texture, by median and median absolute deviation, and regions by the mean of
 * their blocks.
 *
 * @param recompressed the same picture after one compression of known quality.
 * @returns undefined for a picture of under 400 blocks.
 */
export function errorLevels(original: Pixels, recompressed: Pixels): ErrorLevels | undefined {
  const across = original.width >> 3;
  const down = original.height >> 3;
  if (across * down < MIN_BLOCKS) return undefined;
  const { errors, textures } = blockStatistics(original, recompressed, across, down);
  const blocks = judgedAmongAlikes(errors, textures);
  const regions = regionMeans(blocks, across, down);
  const middle = median(regions.data);
  const spread = 1.4826 * median(regions.data.map((value) => Math.abs(value - middle))) || 1;
  let at = 0;
  for (let i = 1; i < regions.data.length; i++) {
    if (Math.abs(regions.data[i]! - middle) > Math.abs(regions.data[at]! - middle)) at = i;
  }
  return {
    contrast: Math.abs(regions.data[at]! - middle) / spread,
    region: {
      x: (at % regions.width) * 8,
      y: Math.floor(at / regions.width) * 8,
      width: REGION * 8,
      height: REGION * 8,
    },
    blocks: { data: blocks, width: across, height: down },
  };
}

function blockStatistics(original: Pixels, recompressed: Pixels, across: number, down: number) {
  const { data, width, channels } = original;
  const errors = new Float32Array(across * down);
  const textures = new Float32Array(across * down);
  for (let block = 0; block < across * down; block++) {
    const [left, top] = [(block % across) * 8, Math.floor(block / across) * 8];
    let [error, texture] = [0, 0];
    for (let y = 0; y < 8; y++) {
      for (let x = 0; x < 8; x++) {
        const at = ((top + y) * width + left + x) * channels;
        for (let channel = 0; channel < channels; channel++) {
          const value = data[at + channel]!;
          error += Math.abs(value - recompressed.data[at + channel]!);
          if (x < 7) texture += Math.abs(value - data[at + channels + channel]!);
          if (y < 7) texture += Math.abs(value - data[at + width * channels + channel]!);
        }
      }
    }
    errors[block] = error / (64 * channels);
    textures[block] = texture / (112 * channels);
  }
  return { errors, textures };
}

function judgedAmongAlikes(errors: Float32Array, textures: Float32Array): Float32Array {
  const order = Uint32Array.from(textures.keys()).sort((a, b) => textures[a]! - textures[b]! || a - b);
  const judged = new Float32Array(errors.length);
  for (let group = 0; group < TEXTURE_CLASSES; group++) {
    const members = order.subarray(
      Math.floor((group * order.length) / TEXTURE_CLASSES),
      Math.floor(((group + 1) * order.length) / TEXTURE_CLASSES),
    );
    const levels = Float32Array.from(members, (block) => Math.log(errors[block]! + 0.05));
    const middle = median(levels);
    // A class of flat blocks may have no spread at all; a twentieth of a nat keeps one grey level from standing out.
    const spread = Math.max(1.4826 * median(levels.map((level) => Math.abs(level - middle))), 0.05);
    for (const [i, block] of members.entries()) {
      judged[block] = Math.max(-6, Math.min(6, (levels[i]! - middle) / spread));
    }
  }
  return judged;
}

function regionMeans(blocks: Float32Array, across: number, down: number): Plane {
  const width = across - REGION + 1;
  const height = down - REGION + 1;
  const data = new Float32Array(width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let sum = 0;
      for (let i = 0; i < REGION * REGION; i++) {
        sum += blocks[(y + Math.floor(i / REGION)) * across + x + (i % REGION)]!;
      }
      data[y * width + x] = sum / REGION ** 2;
    }
  }
  return { data, width, height };
}

function median(values: Float32Array): number {
  const sorted = values.slice().sort();
  return sorted[sorted.length >> 1] ?? 0;
}
