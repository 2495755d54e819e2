// PDQ is bit-exact: hashes made by the reference implementation (ThreatExchange, pdq/cpp, built with g++ -O3 for
// x86-64, driven with raw pixels) of pictures that integer formulas draw here; then the symmetries that follow from
// the algorithm, and broken input.
import { AssayError } from '@assay/core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  DIHEDRALS,
  formatPdq,
  hammingDistance,
  PDQ_RADIUS,
  type Pixels,
  parsePdq,
  pdqDihedralHashes,
  pdqHash,
  reduceForPdq,
} from './pdq.ts';

type Formula = 'rings' | 'noise' | 'tiles' | 'ramp' | 'flat';

const REFERENCE: [Formula, number, number, 1 | 3, string, number][] = [
  ['rings', 64, 64, 1, 'ccdddefd0240ccfd10005008800c5300acddccdd556cf0ceeeddccffc0efe8fd', 29],
  ['rings', 128, 128, 1, 'ad112b235a4c52d956b6f5a99546ab5caadbaa96aaad2aa99aab555a15525554', 100],
  ['rings', 200, 133, 3, '5c37d8fca3e06e9f5d309acfb5b02b47669e55304d61ca479ace9a98909895b0', 100],
  ['rings', 640, 480, 3, 'ffff7ffffffffe00fffbfe00fe00ff80e000fe00fc00e000fc00c000e000fc00', 100],
  ['noise', 5, 5, 1, '61c83c8fde37c3709b2683e021c86c5b6e5b3c8f21c83c8fde37c3709b2693e4', 100],
  ['noise', 97, 301, 3, 'ae26ff77f62464fae921234b1e0201e6dfd89e960d0b9dc8ae1763110c9157ab', 100],
  ['noise', 512, 512, 1, '3910567ce286ce7deb0a3fbae3183c1a1916ef3b0a409ceda3d9722e7cf182d0', 100],
  ['tiles', 320, 240, 3, '9cf1801bf05a9fcfc55a3bf044a53eb0ea0534b045a7bc2df1a5e2704ba5d770', 100],
  ['tiles', 63, 65, 1, 'b249b2494db64936b2494db64db649b64db6b24949b64db6b249b2494db64db6', 100],
  ['flat', 100, 80, 1, '00002c4b2c4b0000000000008200017e0000cc530000554b13a0554b585e1706', 0],
  ['rings', 4, 200, 1, '0000000000000000000000000000000000000000000000000000000000000000', 0],
  ['ramp', 1030, 70, 3, '852bd3ae79b55fae7da27f2a7fa22ea2778a2aaa75aa02ca15a8008855aaff00', 100],
];

/** In the order of `DIHEDRALS`. The reference filters 64×64 here, though it does not for the plain hash. */
const REFERENCE_DIHEDRALS: [Formula, number, number, 1 | 3, string[]][] = [
  [
    'rings',
    64,
    64,
    1,
    [
      'ccdddefd0240ccfd10005008800c5300acddccdd556cf0ceeeddccffc0efe8fd',
      'f2df0880609992cff2cd2f137758dcdfd0df0f00f9270f32d6ff2d0031162f10',
      'b9a85457aea764554577f8a2df59f988f988647708385864bb88665595ba4257',
      'a78aa22abfcc3865a7b8a5b9320d7675a58aa5aaad72a59883aa87aa6cc385ba',
      'ecfd0102fff233003022adf7eb0cacfdacdf31225d6d0d31eedd3300c0ef1702',
      '99a8aba8ae279baa4575075d9e590677f9889b880038a79bbb8899aa95babda8',
      'd2dfd57f00994d30d0cdd0ec61080120d0dff0ff5027d0cdd6ffd2ff0016d0cf',
      'a78a5fd5b5ccc79aa7b87a46220d8b8aa58a5a55ac725a6783aa78556c437a45',
    ],
  ],
  [
    'rings',
    640,
    480,
    3,
    [
      'ffff7ffffffffe00fffbfe00fe00ff80e000fe00fc00e000fc00c000e000fc00',
      '17ff6004ff690096ff4900b7f90016ffe80017ffc80017ff4000bfff4000bfff',
      '2aa595556aa554aaaaa556aaa95555aab55556aaad556aaaa9552aaab55556aa',
      '42aacaaeaa3caa3caa1caa1cac55bc55bd55bd551d55bd551555155515551555',
      '7fd0c0003fd001ff7ff003fffc0000ffc00003fff0003ffffc007fffc00003ff',
      '2aa56aaa6a85ab552aa5a955a955aa559555a955a5559555a955d5559555ad55',
      'bffffffffffbff69ff69ff69ff40e900e900e800e800e800e800e000e800e800',
      '4aaa3551aabe55c3aa3c55e3ac5543aabd5542aabd5542aa1555eaaa1555eaaa',
    ],
  ],
];

test.each(REFERENCE)(
  '%s of %i×%i×%i hashes as the reference does',
  (formula, width, height, channels, hash, quality) => {
    const mine = pdqHash(draw(formula, width, height, channels));
    expect([formatPdq(mine.hash), mine.quality]).toEqual([hash, quality]);
  },
);

test.each(REFERENCE_DIHEDRALS)(
  'the eight turns of %s, %i×%i×%i',
  (formula, width, height, channels, expected) => {
    const { hashes } = pdqDihedralHashes(draw(formula, width, height, channels));
    expect(DIHEDRALS.map((dihedral) => formatPdq(hashes[dihedral]))).toEqual(expected);
  },
);

test('hashing a turned picture comes within the radius of the turned hash', () => {
  const picture = cloud(320, 240);
  const { hashes } = pdqDihedralHashes(picture);
  const { data, width, height } = picture;
  const turns = {
    flipX: place(width, height, (x, y) => data[(height - 1 - y) * width + x]!),
    flipY: place(width, height, (x, y) => data[y * width + width - 1 - x]!),
    rotate180: place(width, height, (x, y) => data[(height - 1 - y) * width + width - 1 - x]!),
    rotate90: place(height, width, (x, y) => data[x * width + width - 1 - y]!),
    rotate270: place(height, width, (x, y) => data[(height - 1 - x) * width + y]!),
    flipPlus1: place(height, width, (x, y) => data[x * width + y]!),
    flipMinus1: place(height, width, (x, y) => data[(height - 1 - x) * width + width - 1 - y]!),
  };
  for (const [name, turned] of Object.entries(turns)) {
    const distance = hammingDistance(pdqHash(turned).hash, hashes[name as keyof typeof turns]);
    expect(distance, name).toBeLessThanOrEqual(PDQ_RADIUS);
  }
});

test('grey and the same grey in three channels are near, and half the bits are set', () => {
  fc.assert(
    fc.property(fc.integer({ min: 64, max: 200 }), fc.integer({ min: 64, max: 200 }), (width, height) => {
      const grey = draw('noise', width, height, 1);
      const data = new Uint8Array(grey.data.length * 3).map((_, i) => grey.data[Math.floor(i / 3)]!);
      const three = pdqHash({ data, width, height, channels: 3 });
      const one = pdqHash(grey);
      expect(hammingDistance(one.hash, three.hash)).toBeLessThanOrEqual(2);
      // Of 256 terms those above the lower middle one: half, unless terms are equal.
      expect(hammingDistance(one.hash, new Uint8Array(32))).toBe(128);
    }),
    { numRuns: 20, seed: 1 },
  );
});

test('hexadecimal there and back, and what is not a hash', () => {
  const [, , , , text] = REFERENCE[0]!;
  expect(formatPdq(parsePdq(text.toUpperCase()))).toBe(text);
  for (const wrong of ['', text.slice(1), `${text}0`, text.replace('c', 'g')]) {
    expect(() => parsePdq(wrong)).toThrow(AssayError);
  }
});

test('a larger picture is reduced to 512×512 by its nearest pixels', () => {
  const picture = draw('tiles', 1024, 768, 3);
  const reduced = reduceForPdq(picture);
  expect([reduced.width, reduced.height, reduced.data.length]).toEqual([512, 512, 512 * 512 * 3]);
  expect([...reduced.data.subarray(3 * 512 * 100, 3 * 512 * 100 + 3)]).toEqual([
    ...picture.data.subarray(3 * 1024 * 150, 3 * 1024 * 150 + 3),
  ]);
  expect(hammingDistance(pdqHash(reduced).hash, pdqHash(picture).hash)).toBeLessThanOrEqual(PDQ_RADIUS);
  const small = draw('tiles', 512, 100, 1);
  expect(reduceForPdq(small)).toBe(small);
});

test('a buffer of another size than the picture is refused', () => {
  for (const broken of [
    { data: new Uint8Array(99), width: 10, height: 10, channels: 1 },
    { data: new Uint8Array(0), width: 0, height: 0, channels: 1 },
    { data: new Uint8Array(400), width: 10, height: 10, channels: 4 },
    { data: new Uint8Array(100), width: Number.NaN, height: 10, channels: 1 },
    { data: new Uint8Array(100), width: -10, height: -10, channels: 1 },
  ]) {
    expect(() => pdqHash(broken as Pixels)).toThrow(/expected width × height × channels/);
  }
});

function draw(formula: Formula, width: number, height: number, channels: 1 | 3): Pixels {
  const data = new Uint8Array(width * height * channels);
  for (let i = 0; i < data.length; i++) {
    const pixel = Math.floor(i / channels);
    data[i] = sample(formula, pixel % width, Math.floor(pixel / width), i % channels);
  }
  return { data, width, height, channels };
}

function place(width: number, height: number, at: (x: number, y: number) => number): Pixels {
  const data = new Uint8Array(width * height).map((_, i) => at(i % width, Math.floor(i / width)));
  return { data, width, height, channels: 1 };
}

/** Soft blobs, as in photographs: the spectrum falls, and no term of it is nearly zero for symmetry. */
function cloud(width: number, height: number): Pixels {
  return place(width, height, (x, y) => {
    let sum = 128;
    for (let k = 1; k <= 12; k++) {
      sum +=
        (70 / k) *
        Math.sin((k * 2.1 * x) / width + k * k) *
        Math.cos((k * 1.7 * y) / height + 3 * k + (k * x) / 400);
    }
    return Math.max(0, Math.min(255, Math.round(sum)));
  });
}

function sample(formula: Formula, x: number, y: number, channel: number): number {
  switch (formula) {
    case 'rings':
      return ((x * x + 3 * y * y + 40 * channel * x) >> 6) & 255;
    case 'noise':
      return Math.imul((x * 73856093) ^ (y * 19349663) ^ (channel * 83492791), 2654435761) >>> 24;
    case 'tiles':
      return (Math.floor(x / 20) * 37 + Math.floor(y / 15) * 91 + channel * 50) & 255;
    case 'ramp':
      return (x + 2 * y + 60 * channel) % 256;
    default:
      return 77;
  }
}
