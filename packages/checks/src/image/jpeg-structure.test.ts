// Coefficients and quantisation tables agree with an independent decoder: the inverse DCT of what we read is what
// libjpeg (through sharp) decodes, to one grey level; tables are those of the standard's annex K, scaled as libjpeg
// does. Then broken input: every truncation and random damage ends in an answer.
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { type JpegStructure, readJpeg } from './jpeg-structure.ts';

const CASES = [
  { quality: 90, progressive: false, chromaSubsampling: '4:2:0' },
  { quality: 50, progressive: false, chromaSubsampling: '4:4:4' },
  { quality: 90, progressive: true, chromaSubsampling: '4:2:0' },
  { quality: 97, progressive: true, chromaSubsampling: '4:4:4' },
  { quality: 75, progressive: true, chromaSubsampling: '4:2:0', mozjpeg: true },
];

test.each(CASES)('luminance of %o is what libjpeg decodes', async (options) => {
  for (const [width, height] of [
    [64, 64],
    [83, 45],
    [17, 130],
  ] as const) {
    const bytes = await sharp(scene(width, height, 3), { raw: { width, height, channels: 3 } })
      .jpeg(options)
      .toBuffer();
    const jpeg = read(bytes);
    expect([jpeg.width, jpeg.height, jpeg.progressive]).toEqual([width, height, options.progressive]);
    const colours = await sharp(bytes).raw().toBuffer();
    let apart = 0;
    const mine = pixelsOf(jpeg);
    for (let i = 0; i < mine.length; i++) {
      const [red, green, blue] = colours.subarray(3 * i);
      apart = Math.max(apart, Math.abs(0.299 * red! + 0.587 * green! + 0.114 * blue! - mine[i]!));
    }
    expect(apart, `${width}×${height}`).toBeLessThanOrEqual(2);
  }
});

test('a grey file too, baseline and progressive alike: the same coefficients', async () => {
  const image = () =>
    sharp(scene(100, 60, 1), { raw: { width: 100, height: 60, channels: 1 } }).toColourspace('b-w');
  const plain = read(await image().jpeg({ quality: 80, optimiseCoding: false }).toBuffer());
  const progressive = read(await image().jpeg({ quality: 80, progressive: true }).toBuffer());
  expect(plain.components.length).toBe(1);
  expect(plain.luminance.coefficients).toEqual(progressive.luminance.coefficients);
});

test('the tables are those of annex K, scaled', async () => {
  const bytes = await sharp(scene(32, 32, 3), { raw: { width: 32, height: 32, channels: 3 } })
    .jpeg({ quality: 50 })
    .toBuffer();
  const [luminance, chrominance] = read(bytes).components;
  // T.81, table K.1 and K.2: first rows.
  expect([...luminance!.quantisation.subarray(0, 8)]).toEqual([16, 11, 10, 16, 24, 40, 51, 61]);
  expect([...chrominance!.quantisation.subarray(0, 8)]).toEqual([17, 18, 24, 47, 99, 99, 99, 99]);
});

test('whatever is cut off is unreadable, and bytes after the end are counted', async () => {
  for (const progressive of [false, true]) {
    const bytes = await sharp(scene(40, 40, 3), { raw: { width: 40, height: 40, channels: 3 } })
      .jpeg({ progressive })
      .toBuffer();
    for (let length = 0; length < bytes.length - 1; length++) {
      expect(readJpeg(bytes.subarray(0, length)), `${length}`).toMatchObject({ broken: true });
    }
    expect(read(Buffer.concat([bytes, Buffer.alloc(7)])).trailingBytes).toBe(7);
  }
});

test('damage ends in an answer, never in an exception', async () => {
  let state = 5;
  const random = (below: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  for (const progressive of [false, true]) {
    const bytes = await sharp(scene(48, 48, 3), { raw: { width: 48, height: 48, channels: 3 } })
      .jpeg({ progressive })
      .toBuffer();
    for (let i = 0; i < 500; i++) {
      const damaged = Uint8Array.from(bytes);
      for (let k = 0; k <= random(4); k++) damaged[2 + random(bytes.length - 2)] = random(256);
      const answer = readJpeg(damaged);
      expect('unreadable' in answer || answer.luminance.coefficients.length > 0).toBe(true);
    }
  }
});

test('sizes over the bound take no memory', () => {
  const huge = Uint8Array.of(0xff, 0xd8, 0xff, 0xc0, 0, 11, 8, 0xff, 0xff, 0xff, 0xff, 1, 1, 0x11, 0);
  expect(readJpeg(huge)).toEqual({
    unreadable: '65535×65535 samples are over the bound of 40000000',
    broken: false,
  });
});

function read(bytes: Uint8Array): JpegStructure {
  const jpeg = readJpeg(bytes);
  if ('unreadable' in jpeg) throw new Error(jpeg.unreadable);
  return jpeg;
}

function scene(width: number, height: number, channels: number): Uint8Array {
  return new Uint8Array(width * height * channels).map((_, i) => {
    const pixel = Math.floor(i / channels);
    const [x, y, c] = [pixel % width, Math.floor(pixel / width), i % channels];
    return 118 + 25 * Math.sin(x / 5 + c) + 30 * Math.cos((y + x / 3) / 7) + ((x * 31 + y * 17) % 23);
  });
}

function pixelsOf({ width, height, components, luminance }: JpegStructure): Float64Array {
  const { blocksWide, coefficients } = luminance;
  const steps = components[0]!.quantisation;
  const basis = (u: number, x: number) =>
    (u === 0 ? Math.SQRT1_2 : 1) * Math.cos(((2 * x + 1) * u * Math.PI) / 16);
  const pixels = new Float64Array(width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const block = ((y >> 3) * blocksWide + (x >> 3)) * 64;
      let sum = 0;
      for (let k = 0; k < 64; k++) {
        const value = coefficients[block + k]!;
        if (value !== 0) sum += value * steps[k]! * basis(k & 7, x & 7) * basis(k >> 3, y & 7);
      }
      pixels[y * width + x] = Math.max(0, Math.min(255, Math.round(sum / 4 + 128)));
    }
  }
  return pixels;
}
