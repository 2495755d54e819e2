// The detector end to end: known and tampered pictures, metadata against the camera's own words, every kind of file
// that cannot be judged, bounds of what is shown, and the same answer twice. Credentials have a test of their own.

import { AssayError, isDecimal } from '@assay/core';
import sharp from 'sharp';
import { beforeAll, expect, test } from 'vitest';
import { type DetectorFinding, MAX_EXHIBIT_BYTES, MAX_EXHIBITS } from '../detector.ts';
import { readExif } from './exif.ts';
import { NearDuplicateIndex, openImageDetector, pdqHash } from './index.ts';
import { drawScene } from './scene.fixture.ts';

const [WIDTH, HEIGHT] = [208, 168];
const CHECKS = ['decodable', 'duplicate', 'double_compression', 'error_level', 'copy_move', 'metadata'];

let picture: Buffer;
beforeAll(async () => {
  picture = await image(1).jpeg({ quality: 92 }).toBuffer();
});

test('six findings, each with a decimal score or none, within the bounds, and the same twice', async () => {
  const index = new NearDuplicateIndex();
  const detector = openImageDetector({ index });
  const first = await examine(picture, { detector });
  expect(Object.keys(first)).toEqual(CHECKS.map((check) => `image_${check}`));
  for (const { status, score, reason, exhibits = [] } of Object.values(first)) {
    expect(reason.length).toBeLessThanOrEqual(2000);
    expect(status === 'unknown' ? score === undefined : isDecimal(score)).toBe(true);
    expect(exhibits.length).toBeLessThanOrEqual(MAX_EXHIBITS);
    expect(JSON.stringify(exhibits).length).toBeLessThan(MAX_EXHIBIT_BYTES);
  }
  expect(await examine(picture, { detector })).toEqual(first);
  expect(first.image_decodable).toMatchObject({ status: 'pass', score: '1' });
  expect(first.image_duplicate!.status).toBe('pass');
  expect(index.size).toBe(0);
});

test('a known picture is found again small, recompressed, turned and mirrored, with its thumbnail beside it', async () => {
  const index = new NearDuplicateIndex();
  // Large enough that the filter's even windows, which lie half a pixel off centre, do not matter to a turned copy.
  const known = await sharp(picture)
    .resize(2 * WIDTH, 2 * HEIGHT)
    .toBuffer();
  const data = await sharp(known).raw().toBuffer();
  const { hash } = pdqHash({ data, width: 2 * WIDTH, height: 2 * HEIGHT, channels: 3 });
  index.add('sha256:known', hash);
  const thumbnail = await sharp(picture).resize(64).jpeg().toBuffer();
  const detector = openImageDetector({ index, thumbnailOf: () => thumbnail });
  const copies = {
    smaller: await sharp(known).resize(WIDTH).jpeg({ quality: 60 }).toBuffer(),
    turned: await sharp(known).rotate(90).jpeg().toBuffer(),
    mirrored: await sharp(known).flop().jpeg().toBuffer(),
  };
  for (const [name, bytes] of Object.entries(copies)) {
    const { image_duplicate: found } = await examine(bytes, { detector, checks: ['duplicate'] });
    expect(found, name).toMatchObject({ status: 'fail', evidence: ['sha256:known'] });
    expect(Number(found!.score)).toBeLessThanOrEqual(0.1);
    expect(found!.exhibits!.map(({ kind }) => kind)).toEqual(['table', 'image', 'image']);
  }
  // The picture itself, already in the index, is no duplicate of itself.
  const own = new NearDuplicateIndex();
  own.add('sha256:00ff', hash);
  const itself = await examine(known, {
    detector: openImageDetector({ index: own }),
    digest: '00ff',
    checks: ['duplicate'],
  });
  expect(itself.image_duplicate!.status).toBe('pass');
});

test('a plain picture is unknown, not a duplicate of every other plain one', async () => {
  const plain = (grey: number) =>
    sharp({ create: { width: 300, height: 300, channels: 3, background: { r: grey, g: grey, b: grey } } });
  const index = new NearDuplicateIndex();
  index.add(
    'other',
    pdqHash({ data: await plain(90).raw().toBuffer(), width: 300, height: 300, channels: 3 }).hash,
  );
  const findings = await examine(await plain(90).png().toBuffer(), {
    checks: ['duplicate'],
    detector: openImageDetector({ index }),
    mediaType: 'image/png',
  });
  expect(findings.image_duplicate).toMatchObject({
    status: 'unknown',
    reason: expect.stringContaining('PDQ quality 0, needed 50'),
  });
  expect((await examine(picture, { checks: ['duplicate'] })).image_duplicate).toMatchObject({
    status: 'unknown',
    reason: expect.stringContaining('no index'),
  });
});

test('a file saved twice says so, and shows where', async () => {
  const low = await image(2).jpeg({ quality: 60 }).toBuffer();
  const twice = await sharp(low).jpeg({ quality: 92 }).toBuffer();
  const { image_double_compression: found } = await examine(twice, { checks: ['double_compression'] });
  expect(found).toMatchObject({ status: 'fail', reason: expect.stringMatching(/quality about (59|60|61)/) });
  const [map] = found!.exhibits!;
  expect(map).toMatchObject({ kind: 'image', mediaType: 'image/png' });
  const drawn = await sharp(Buffer.from((map as { base64: string }).base64, 'base64')).metadata();
  expect([drawn.width, drawn.height]).toEqual([WIDTH, HEIGHT]);
  // The same pixels without loss: the trace is in them, not in the file.
  const png = await examine(await sharp(low).png().toBuffer(), {
    mediaType: 'image/png',
    checks: ['double_compression'],
  });
  expect(png.image_double_compression).toMatchObject({
    status: 'fail',
    reason: expect.stringContaining('block grid at (0, 0)'),
  });
});

test('what the camera wrote is held against what is declared', async () => {
  const exif = {
    IFD0: { Make: 'Canon', Model: 'Canon EOS R5', Software: 'Adobe Photoshop 25.0' },
    IFD2: { DateTimeOriginal: '2025:06:01 12:30:00', OffsetTimeOriginal: '+02:00' },
    IFD3: {
      GPSLatitudeRef: 'N',
      GPSLatitude: '52/1 31/1 12/1',
      GPSLongitudeRef: 'E',
      GPSLongitude: '13/1 24/1 18/1',
    },
  };
  const bytes = await image(3).withExif(exif).jpeg({ quality: 92 }).toBuffer();
  const right = {
    capturedAt: '2025-06-01T10:30:00Z',
    latitude: '52.52',
    longitude: '13.405',
    camera: 'EOS R5',
    software: 'Adobe Photoshop',
  };
  const check = async (metadata: Record<string, unknown>, observedAt = '2026-01-01T00:00:00Z') =>
    (await examine(bytes, { metadata, observedAt, checks: ['metadata'] })).image_metadata!;
  const agrees = await check(right);
  expect(agrees).toMatchObject({
    status: 'pass',
    score: '1',
    reason: expect.stringContaining('editing software: Adobe Photoshop 25.0'),
  });
  for (const wrong of [
    { capturedAt: '2025-06-01T12:30:00Z' },
    { latitude: 48.85, longitude: 2.35 },
    { camera: 'Nikon Z8' },
    { software: 'GIMP' },
  ]) {
    expect(await check({ ...right, ...wrong }), JSON.stringify(wrong)).toMatchObject({ status: 'fail' });
  }
  expect(await check({}, '2025-05-01T00:00:00Z')).toMatchObject({
    status: 'fail',
    reason: expect.stringContaining('not in the future'),
  });
  // Nonsense declared is nothing declared.
  expect(
    await check({ capturedAt: Number.NaN, latitude: {}, longitude: [], camera: 5, software: null }),
  ).toMatchObject({ status: 'unknown' });
  expect((await examine(picture, { metadata: right, checks: ['metadata'] })).image_metadata).toMatchObject({
    status: 'unknown',
  });
});

test('an EXIF block with every byte broken in turn is read without an exception', async () => {
  const bytes = await image(3)
    .withExif({ IFD0: { Make: 'X', Software: 'Y' }, IFD2: { DateTimeOriginal: '2025:06:01 12:30:00' } })
    .jpeg()
    .toBuffer();
  const block = Uint8Array.from((await sharp(bytes).metadata()).exif!.subarray(6));
  expect(readExif(block)).toMatchObject({ make: 'X', takenAt: '2025-06-01T12:30:00' });
  for (let at = 0; at < block.length; at++) {
    for (const value of [0, 0x7f, 0xff]) {
      const broken = Uint8Array.from(block);
      broken[at] = value;
      expect(typeof readExif(broken)).toBe('object');
    }
    expect(typeof readExif(block.subarray(0, at))).toBe('object');
  }
});

test('what cannot be judged is unknown with its reason; what is broken fails', async () => {
  const png = await image(1).png().toBuffer();
  const cases = [
    { bytes: picture.subarray(0, 2000), status: 'fail', reason: /decoding fails/ },
    { bytes: png, status: 'fail', reason: /declared as image\/jpeg, but its bytes are image\/png/ },
    { bytes: new Uint8Array(0), status: 'fail', reason: /empty/ },
    {
      bytes: Buffer.from('%PDF-1.7'),
      mediaType: 'application/pdf',
      status: 'unknown',
      reason: /none of JPEG/,
    },
  ];
  for (const { bytes, mediaType = 'image/jpeg', status, reason } of cases) {
    const findings = await examine(bytes, { mediaType });
    expect(findings.image_decodable).toMatchObject({ status, reason: expect.stringMatching(reason) });
    for (const check of CHECKS.slice(1)) expect(findings[`image_${check}`]!.status, check).toBe('unknown');
  }
  const detector = openImageDetector();
  const none = await detector.examine(
    { stream: 's', digest: '', observedAt: '2026-01-01T00:00:00Z' },
    detector.readTerms({}, 't'),
    null,
  );
  expect(
    none.findings.every(
      ({ status, reason }) => status === 'unknown' && reason === 'The observation is not a file.',
    ),
  ).toBe(true);
});

test('pictures of a few pixels are decoded and otherwise unknown', async () => {
  const bytes = await sharp({ create: { width: 3, height: 2, channels: 3, background: 'red' } })
    .png()
    .toBuffer();
  const findings = await examine(bytes, {
    mediaType: 'image/png',
    detector: openImageDetector({ index: new NearDuplicateIndex() }),
  });
  expect(findings.image_decodable!.status).toBe('pass');
  for (const check of CHECKS.slice(1)) expect(findings[`image_${check}`]!.status, check).toBe('unknown');
});

test('terms are read with their paths', () => {
  const detector = openImageDetector();
  const path = 'quality[2].implementation.terms';
  expect(detector.readTerms({}, path)).toMatchObject({
    radius: 31,
    maxPixels: 40_000_000,
    metadata: { capturedAt: 'capturedAt' },
  });
  expect(
    detector.readTerms({ radius: 10, metadata: { capturedAt: 'taken', max_hours_apart: 2 } }, path),
  ).toMatchObject({
    radius: 10,
    metadata: { capturedAt: 'taken', maxHoursApart: 2, maxKilometresApart: 1 },
  });
  for (const [terms, message] of [
    [{ radius: 32 }, `${path}.radius: expected a whole number from 0 to 31`],
    [{ radius: 1.5 }, `${path}.radius: expected a whole number`],
    [{ max_pixels: 0 }, `${path}.max_pixels: expected a whole number from 1 to 40000000`],
    [{ checks: ['image_beauty'] }, `${path}.checks[0]: expected image_duplicate or image_double_compression`],
    [{ checks: 'image_metadata' }, `${path}.checks: expected a list`],
    [{ radios: 3 }, `${path}.radios: expected only checks, radius, max_pixels, metadata`],
    [[], `${path}: expected a mapping`],
    [{ metadata: { camera: 5 } }, `${path}.metadata.camera: expected a text of 1 to 100 characters`],
    [
      { metadata: { max_hours_apart: Number.NaN } },
      `${path}.metadata.max_hours_apart: expected a number from 0 to 10000`,
    ],
  ] as const) {
    expect(() => detector.readTerms(terms, path)).toThrow(AssayError);
    expect(() => detector.readTerms(terms, path)).toThrow(message);
  }
});

function image(seed: number) {
  return sharp(drawScene(seed, WIDTH, HEIGHT), { raw: { width: WIDTH, height: HEIGHT, channels: 3 } });
}

async function examine(
  bytes: Uint8Array,
  {
    detector = openImageDetector(),
    mediaType = 'image/jpeg',
    metadata = {},
    digest = 'ab',
    observedAt = '2026-01-01T00:00:00Z',
    checks,
  }: {
    checks?: string[];
    detector?: ReturnType<typeof openImageDetector>;
    mediaType?: string;
    metadata?: Record<string, unknown>;
    digest?: string;
    observedAt?: string;
  } = {},
): Promise<Record<string, DetectorFinding>> {
  const file = { name: 'a', mediaType, bytes, metadata };
  const { findings } = await detector.examine(
    { stream: 's', digest, observedAt, file },
    detector.readTerms(checks === undefined ? {} : { checks: checks.map((check) => `image_${check}`) }, 't'),
    null,
  );
  return Object.fromEntries(findings.map((finding) => [finding.check, finding]));
}
