// Each trace of manipulation is found in pictures drawn and forged here, with what the forger did as the answer to
// check against: the first quality, the shift of the grid, the place of the pasted region, the offset of the copy. The
// same pictures without the forgery stay silent. How often this holds on photographs is the bench's question.
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { findBlockGrid } from './block-grid.ts';
import {
  copyMoveLikelihood,
  doubleCompressionLikelihood,
  foreignGridLikelihood,
  shiftedCompressionLikelihood,
} from './calibration.ts';
import { findCopyMove } from './copy-move.ts';
import type { Plane } from './dct.ts';
import { forwardDct, inverseDct } from './dct.ts';
import {
  decodeLuminance,
  findDoubleCompression,
  findShiftedCompression,
  standardTable,
} from './double-compression.ts';
import { errorLevels } from './error-level.ts';
import { readJpeg } from './jpeg-structure.ts';
import { drawScene } from './scene.fixture.ts';

const [WIDTH, HEIGHT] = [256, 208];

test('the DCT is orthonormal and undone by its inverse', () => {
  const block = Float64Array.from({ length: 64 }, (_, i) => (i * 37) % 101);
  const [terms, back] = [new Float64Array(64), new Float64Array(64)];
  forwardDct(block, 0, 8, terms);
  inverseDct(terms, back);
  expect(Math.max(...block.map((value, i) => Math.abs(value - back[i]!)))).toBeLessThan(1e-9);
  const energy = (values: Float64Array) => values.reduce((sum, value) => sum + value * value, 0);
  expect(energy(terms)).toBeCloseTo(energy(block), 6);
  expect(terms[0]).toBeCloseTo(block.reduce((sum, value) => sum + value, 0) / 8, 9);
});

test('tables of every quality are those that libjpeg writes', async () => {
  for (const quality of [1, 10, 25, 49, 50, 51, 75, 88, 95, 100]) {
    const file = await saved(scene(1, 16, 16), 16, 16, quality);
    expect(structure(file).components[0]!.quantisation, `${quality}`).toEqual(standardTable(quality));
  }
});

test.each([
  [60, 90],
  [75, 92],
  [85, 95],
])(
  'a first compression at %i under one at %i is found and named; once only is silent',
  async (first, second) => {
    const once = await saved(scene(2), WIDTH, HEIGHT, second);
    const twice = await saved(
      await opened(await saved(scene(2), WIDTH, HEIGHT, first)),
      WIDTH,
      HEIGHT,
      second,
    );
    const [single, double] = [once, twice].map((file) => findDoubleCompression(structure(file))!);
    expect(doubleCompressionLikelihood(single!)).toBeLessThan(0.5);
    expect(doubleCompressionLikelihood(double!)).toBeGreaterThan(0.99);
    expect(Math.abs(double!.primaryQuality - first)).toBeLessThanOrEqual(1);
    expect([double!.lastQuality, double!.lastQualityDistance]).toEqual([second, 0]);
  },
);

test('blocks pasted after the first compression stand out on the map', async () => {
  const base = await opened(await saved(scene(2), WIDTH, HEIGHT, 60));
  const fresh = scene(3);
  const mixed = pasted(base, fresh, { x: 80, y: 64 }, { x: 80, y: 64 }, 96);
  const { blocks } = findDoubleCompression(structure(await saved(mixed, WIDTH, HEIGHT, 90)))!;
  const mean = (inside: boolean) => {
    const values = [...blocks.data].filter((_, i) => {
      const [x, y] = [i % blocks.width, Math.floor(i / blocks.width)];
      return (x >= 10 && x < 22 && y >= 8 && y < 20) === inside;
    });
    return values.reduce((sum, value) => sum + value, 0) / values.length;
  };
  expect(mean(false)).toBeGreaterThan(2);
  expect(mean(true)).toBeLessThan(0);
});

test('a picture cut between two compressions gives away its old grid', async () => {
  const old = await opened(await saved(scene(4), WIDTH, HEIGHT, 65));
  const { data, width, height } = cropped(old, 3, 5);
  const file = await saved(data, width, height, 92);
  const found = findShiftedCompression(decodeLuminance(structure(file)), { besideOrigin: true })!;
  expect([found.x, found.y, found.quality]).toEqual([5, 3, 65]);
  expect(shiftedCompressionLikelihood(found, { lastOnOrigin: true })).toBeGreaterThan(0.99);
  const once = findShiftedCompression(decodeLuminance(structure(await saved(scene(4), WIDTH, HEIGHT, 92))), {
    besideOrigin: true,
  })!;
  expect(shiftedCompressionLikelihood(once, { lastOnOrigin: true })).toBeLessThan(0.1);
});

test('a region of another JPEG picture has a grid of its own', async () => {
  const base = await opened(await saved(scene(5), WIDTH, HEIGHT, 75));
  const donor = await opened(await saved(scene(6), WIDTH, HEIGHT, 60));
  const forged = findBlockGrid(luminance(pasted(base, donor, { x: 64, y: 64 }, { x: 101, y: 82 }, 96)));
  const genuine = findBlockGrid(luminance(base));
  expect([genuine.main, genuine.foreign]).toEqual([{ x: 0, y: 0 }, []]);
  expect(forged.main).toEqual({ x: 0, y: 0 });
  const [region] = forged.foreign;
  // The donor's grid begins at multiples of eight; the paste moved it by 37 and 18 pixels.
  expect(region!.origin).toEqual({ x: 5, y: 2 });
  expect(Math.abs(region!.x - 101)).toBeLessThanOrEqual(24);
  expect(foreignGridLikelihood(forged)).toBeGreaterThan(0.9);
  expect(findBlockGrid(luminance(scene(5))).main).toBeUndefined();
});

test('a copied region is found with its offset, also after saving at 75', async () => {
  const base = scene(7);
  const moved = pasted(base, base, { x: 20, y: 30 }, { x: 180, y: 120 }, 72);
  for (const quality of [95, 75]) {
    const found = findCopyMove(decodeLuminance(structure(await saved(moved, WIDTH, HEIGHT, quality))))!;
    expect([found.offset.x, found.offset.y]).toEqual([160, 90]);
    expect(copyMoveLikelihood(found)).toBeGreaterThan(0.7);
    const inside = (x: number, y: number) => found.mask.data[y * found.mask.width + x];
    expect([inside(56, 66), inside(216, 156), inside(10, 10)]).toEqual([1, 1, 0]);
  }
  const genuine = findCopyMove(decodeLuminance(structure(await saved(base, WIDTH, HEIGHT, 75))))!;
  expect(copyMoveLikelihood(genuine)).toBeLessThan(0.2);
});

test('flat areas and gradients are no copies of each other', () => {
  const flat: Plane = { data: new Float32Array(200 * 200).fill(90), width: 200, height: 200 };
  const ramp: Plane = { ...flat, data: flat.data.map((_, i) => (i % 200) / 2 + Math.floor(i / 200) / 3) };
  for (const plane of [flat, ramp]) expect(copyMoveLikelihood(findCopyMove(plane)!)).toBeLessThan(0.05);
});

test('error levels stand out where a region has another history', async () => {
  const base = await opened(await saved(scene(8), WIDTH, HEIGHT, 95));
  const donor = await opened(await saved(scene(8), WIDTH, HEIGHT, 40));
  const raw = (data: Uint8Array) => ({ data, width: WIDTH, height: HEIGHT, channels: 3 as const });
  const level = async (data: Uint8Array) =>
    errorLevels(raw(data), raw(await opened(await saved(data, WIDTH, HEIGHT, 90))))!;
  const forged = await level(pasted(base, donor, { x: 160, y: 96 }, { x: 160, y: 96 }, 80));
  const genuine = await level(base);
  expect(forged.contrast).toBeGreaterThan(genuine.contrast * 1.5);
  expect(Math.abs(forged.region.x + 24 - 200)).toBeLessThanOrEqual(40);
  expect(Math.abs(forged.region.y + 24 - 136)).toBeLessThanOrEqual(40);
});

test('too small pictures are not judged', () => {
  const tiny: Plane = { data: new Float32Array(40 * 40), width: 40, height: 40 };
  expect(findCopyMove(tiny)).toBeUndefined();
  expect(findShiftedCompression(tiny, { besideOrigin: false })).toBeUndefined();
  expect(findBlockGrid({ data: new Float32Array(9), width: 3, height: 3 })).toMatchObject({
    main: undefined,
    foreign: [],
  });
  const pixels = { data: new Uint8Array(40 * 40), width: 40, height: 40, channels: 1 as const };
  expect(errorLevels(pixels, pixels)).toBeUndefined();
});

const scenes = new Map<string, Uint8Array>();

function scene(seed: number, width = WIDTH, height = HEIGHT): Uint8Array {
  const name = `${seed} ${width}×${height}`;
  if (!scenes.has(name)) scenes.set(name, drawScene(seed, width, height));
  return scenes.get(name)!;
}

async function saved(data: Uint8Array, width: number, height: number, quality: number): Promise<Uint8Array> {
  return sharp(data, { raw: { width, height, channels: 3 } })
    .jpeg({ quality, chromaSubsampling: '4:4:4' })
    .toBuffer();
}

async function opened(file: Uint8Array): Promise<Uint8Array> {
  return sharp(file).raw().toBuffer();
}

function structure(file: Uint8Array) {
  const jpeg = readJpeg(file);
  if ('unreadable' in jpeg) throw new Error(jpeg.unreadable);
  return jpeg;
}

function luminance(data: Uint8Array): Plane {
  return {
    data: Float32Array.from({ length: WIDTH * HEIGHT }, (_, i) => data[3 * i]!),
    width: WIDTH,
    height: HEIGHT,
  };
}

function cropped(data: Uint8Array, left: number, top: number) {
  const [width, height] = [WIDTH - left, HEIGHT - top];
  const rows = Array.from({ length: height }, (_, y) =>
    data.subarray(((y + top) * WIDTH + left) * 3, (y + top + 1) * WIDTH * 3),
  );
  return { data: Uint8Array.from(Buffer.concat(rows)), width, height };
}

function pasted(
  base: Uint8Array,
  donor: Uint8Array,
  from: { x: number; y: number },
  to: { x: number; y: number },
  size: number,
) {
  const data = Uint8Array.from(base);
  for (let row = 0; row < size; row++) {
    const at = ((from.y + row) * WIDTH + from.x) * 3;
    data.set(donor.subarray(at, at + size * 3), ((to.y + row) * WIDTH + to.x) * 3);
  }
  return data;
}
