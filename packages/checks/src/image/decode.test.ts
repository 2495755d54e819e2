// Files made to hurt or to deceive get a clear answer in little memory and time: bombs, truncation, wrong types,
// damaged checksums; and the odd kinds of honest files (CMYK, 16 bits, animation, transparency, orientation) decode
// with a note. Pixels are those that libvips decodes; what is tested is which files get that far.
import { crc32, deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { type DecodedImage, decodeImage } from './decode.ts';

const plain = () => sharp({ create: { width: 60, height: 40, channels: 3, background: '#38c' } });

test('what the bytes are counts, not what they are called', async () => {
  const png = await plain().png().toBuffer();
  expect(await decodeImage(png, 'image/jpeg')).toMatchObject({
    broken: true,
    mediaType: 'image/png',
    undecodable: 'it is declared as image/jpeg, but its bytes are image/png',
  });
  expect(
    await decodeImage(Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'), 'image/svg+xml'),
  ).toMatchObject({ broken: false });
  expect(await decodeImage(Buffer.from('not an image'), 'image/png')).toMatchObject({ broken: true });
  expect(await decodeImage(new Uint8Array(0), 'image/png')).toMatchObject({
    broken: true,
    undecodable: 'the file is empty',
  });
  const jpeg = await plain().jpeg().toBuffer();
  for (const declared of ['image/jpeg', 'IMAGE/JPEG', 'image/jpg', 'image/jpeg; charset=binary', undefined]) {
    expect(await decodeImage(jpeg, declared)).toMatchObject({ mediaType: 'image/jpeg' });
  }
});

test('every truncation is seen', async () => {
  for (const format of ['jpeg', 'png', 'webp', 'gif', 'tiff'] as const) {
    const bytes = await sharp(noise(64, 64), { raw: { width: 64, height: 64, channels: 3 } })
      .toFormat(format)
      .toBuffer();
    expect(await decodeImage(bytes, `image/${format}`)).toHaveProperty('pixels');
    for (const share of [0.1, 0.5, 0.9]) {
      const cut = bytes.subarray(0, Math.floor(bytes.length * share));
      expect(await decodeImage(cut, `image/${format}`), `${format} ${share}`).toMatchObject({ broken: true });
    }
  }
});

test('sizes over the bound are not decoded', async () => {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(60_000, 0);
  header.writeUInt32BE(60_000, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const bomb = png([
    ['IHDR', header],
    ['IDAT', deflateSync(Buffer.alloc(1_000_000))],
    ['IEND', Buffer.alloc(0)],
  ]);
  expect(await decodeImage(bomb, 'image/png')).toMatchObject({
    broken: false,
    undecodable: 'it claims 60000×60000 pixels; the bound is 40000000',
  });
  for (const format of ['jpeg', 'webp', 'gif', 'tiff'] as const) {
    const bytes = await plain().toFormat(format).toBuffer();
    expect(await decodeImage(bytes, `image/${format}`, { maxPixels: 100 }), format).toMatchObject({
      broken: false,
      undecodable: 'it has more than 100 pixels, the bound',
    });
  }
});

test('texts and profiles that inflate without end are bombs, not data', async () => {
  const filler = deflateSync(Buffer.alloc(64 * 1024 * 1024), { level: 9 });
  const original = chunksOf(await plain().png().toBuffer());
  const bombs: [string, Buffer][] = [
    ['iCCP', Buffer.concat([Buffer.from('profile\0\0'), filler])],
    ['zTXt', Buffer.concat([Buffer.from('Comment\0\0'), filler])],
    ['iTXt', Buffer.concat([Buffer.from('Comment\0\x01\0en\0\0'), filler])],
  ];
  for (const [type, data] of bombs) {
    const bytes = png([original[0]!, [type, data], ...original.slice(1)]);
    const before = process.memoryUsage().rss;
    expect(await decodeImage(bytes, 'image/png')).toMatchObject({
      broken: true,
      undecodable: `chunk ${type} inflates to more than 4194304 bytes: a decompression bomb`,
    });
    expect(process.memoryUsage().rss - before).toBeLessThan(64 * 1024 * 1024);
  }
  const honest = png([
    original[0]!,
    ['zTXt', Buffer.concat([Buffer.from('Comment\0\0'), deflateSync(Buffer.from('hello'))])],
    ...original.slice(1),
  ]);
  expect(await decodeImage(honest, 'image/png')).toHaveProperty('pixels');
});

test('a wrong checksum, a missing end and bytes after the end', async () => {
  const good = await plain().png().toBuffer();
  const damaged = Buffer.from(good);
  damaged[40]! ^= 1;
  expect(await decodeImage(damaged, 'image/png')).toMatchObject({
    broken: true,
    undecodable: expect.stringContaining('checksum'),
  });
  const endless = png(chunksOf(good).slice(0, -1));
  expect(await decodeImage(endless, 'image/png')).toMatchObject({
    undecodable: 'it is truncated: there is no IEND chunk',
  });
  expect((await decoded(Buffer.concat([good, Buffer.alloc(9)]), 'image/png')).notes).toEqual([
    '9 bytes follow its end',
  ]);
});

test('odd but honest files decode, with a note', async () => {
  const cmyk = await decoded(await plain().toColourspace('cmyk').jpeg().toBuffer(), 'image/jpeg');
  expect([cmyk.pixels.channels, cmyk.notes]).toEqual([3, ['it is CMYK and was converted to sRGB']]);
  const deep = await decoded(await plain().toColourspace('rgb16').png().toBuffer(), 'image/png');
  expect(deep.notes).toEqual(['it has ushort samples, which were reduced to 8 bits']);
  expect([...deep.pixels.data.subarray(0, 3)]).toEqual([0x33, 0x88, 0xcc]);
  const clear = await decoded(
    await sharp({ create: { width: 9, height: 9, channels: 4, background: { r: 0, g: 0, b: 0, alpha: 0 } } })
      .png()
      .toBuffer(),
    'image/png',
  );
  expect([clear.notes, clear.pixels.data[0]]).toEqual([['transparent pixels were laid on white'], 255]);
  const turned = await decoded(
    await plain().withMetadata({ orientation: 6 }).jpeg().toBuffer(),
    'image/jpeg',
  );
  expect([turned.pixels.width, turned.notes[0]]).toEqual([60, expect.stringContaining('EXIF orientation 6')]);
  const frames = Buffer.concat([noise(8, 8), noise(8, 8).map((value) => 255 - value)]);
  const animated = await sharp(frames, { raw: { width: 8, height: 16, channels: 3, pageHeight: 8 } })
    .gif({ delay: [100, 100] })
    .toBuffer();
  const moving = await decoded(animated, 'image/gif');
  expect([moving.pixels.height, moving.notes[0]]).toEqual([
    8,
    'it has 2 pages or frames, of which the first was read',
  ]);
  const grey = await decoded(await plain().toColourspace('b-w').png().toBuffer(), 'image/png');
  expect(grey.pixels.channels).toBe(1);
});

test('damage anywhere ends in an answer', async () => {
  let state = 3;
  const random = (below: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  for (const format of ['jpeg', 'png', 'webp', 'gif', 'tiff', 'avif'] as const) {
    const bytes = await plain().toFormat(format).toBuffer();
    for (let i = 0; i < 40; i++) {
      const damaged = Uint8Array.from(bytes);
      for (let k = 0; k < 3; k++) damaged[random(bytes.length)] = random(256);
      const answer = await decodeImage(damaged, undefined, { maxPixels: 1_000_000 });
      expect('pixels' in answer || answer.undecodable.length > 0).toBe(true);
    }
  }
});

async function decoded(bytes: Uint8Array, mediaType: string): Promise<DecodedImage> {
  const image = await decodeImage(bytes, mediaType);
  if ('undecodable' in image) throw new Error(image.undecodable);
  return image;
}

function noise(width: number, height: number): Buffer {
  return Buffer.from(
    Uint8Array.from({ length: width * height * 3 }, (_, i) => Math.imul(i + 1, 2654435761) >>> 24),
  );
}

function png(chunks: [string, Buffer][]): Buffer {
  const parts = chunks.map(([type, data]) => {
    const chunk = Buffer.alloc(12 + data.length);
    chunk.writeUInt32BE(data.length, 0);
    chunk.write(type, 4, 'latin1');
    data.copy(chunk, 8);
    chunk.writeUInt32BE(crc32(chunk.subarray(4, 8 + data.length)), 8 + data.length);
    return chunk;
  });
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), ...parts]);
}

function chunksOf(bytes: Buffer): [string, Buffer][] {
  const chunks: [string, Buffer][] = [];
  for (let at = 8; at < bytes.length; ) {
    const length = bytes.readUInt32BE(at);
    chunks.push([bytes.toString('latin1', at + 4, at + 8), bytes.subarray(at + 8, at + 8 + length)]);
    at += 12 + length;
  }
  return chunks;
}
