import { crc32, inflateSync } from 'node:zlib';
import sharp, { type Metadata } from 'sharp';
import { mediaTypeOf } from './media-type.ts';
import type { Pixels } from './pdq.ts';

/** A picture's pixels and what its container says; orientation is not applied, so that block grids stay in place. */
export interface DecodedImage {
  pixels: Pixels;
  mediaType: string;
  /** What a reader should know: animation, transparency, CMYK, depth, orientation, bytes after the end. */
  notes: string[];
  /** The EXIF block, beginning with its TIFF header. */
  exif: Uint8Array | undefined;
}

/** Why there are no pixels. `broken`: the file is at fault; otherwise a bound of ours or a format we do not read. */
export interface Undecodable {
  undecodable: string;
  broken: boolean;
  mediaType: string | undefined;
}

export interface DecodeBounds {
  /** Width × height; 40 million when left out. */
  maxPixels?: number;
  /** Seconds of decoding; 20 when left out. */
  timeoutSeconds?: number;
}

const MAX_BYTES = 256 * 1024 * 1024;
const MAX_PIXELS = 40_000_000;
/** Profiles and texts are a few kilobytes; one that inflates beyond this is there to fill memory. */
const MAX_CHUNK_TEXT = 4 * 1024 * 1024;
const MAX_PNG_CHUNKS = 100_000;

/**
 * Decodes a picture to 8-bit sRGB or grey, within bounds of size, memory and time. Containers are looked at before
 * any decoder is: claimed sizes, truncation, checksums, and compressed texts and profiles that inflate without end.
 *
 * Reads JPEG, PNG, WebP, GIF, TIFF and AVIF; of several pages or frames the first.
 *
 * @param declared the media type that the provider states: another one than the bytes show is `broken`.
 * @example
 * const image = await decodeImage(bytes, 'image/jpeg');
 * if ('undecodable' in image) console.log(image.undecodable);
 */
export async function decodeImage(
  bytes: Uint8Array,
  declared: string | undefined,
  { maxPixels = MAX_PIXELS, timeoutSeconds = 20 }: DecodeBounds = {},
): Promise<DecodedImage | Undecodable> {
  const mediaType = mediaTypeOf(bytes);
  const refuse = (undecodable: string, broken: boolean): Undecodable => ({ undecodable, broken, mediaType });
  if (bytes.length === 0) return refuse('the file is empty', true);
  if (bytes.length > MAX_BYTES)
    return refuse(`${bytes.length} bytes are over the bound of ${MAX_BYTES}`, false);
  if (mediaType === undefined) {
    const claims = declared?.startsWith('image/') && SUPPORTED.has(declared.toLowerCase());
    return refuse('its first bytes are of none of JPEG, PNG, WebP, GIF, TIFF or AVIF', claims === true);
  }
  const stated = declared?.toLowerCase().replace(/;.*/s, '').trim().replace('image/jpg', 'image/jpeg');
  if (stated !== undefined && stated !== mediaType) {
    return refuse(`it is declared as ${stated.slice(0, 100)}, but its bytes are ${mediaType}`, true);
  }
  const container = mediaType === 'image/png' ? inspectPng(bytes, maxPixels) : { notes: [] };
  if ('problem' in container) return refuse(container.problem, container.broken);
  try {
    const options = { limitInputPixels: maxPixels, failOn: 'warning' as const };
    const described = await sharp(bytes, options).metadata();
    const pages = described.pages ?? 1;
    const { data, info } = await sharp(bytes, options)
      .timeout({ seconds: timeoutSeconds })
      .flatten({ background: 'white' })
      .toColourspace(described.channels <= 2 ? 'b-w' : 'srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    const channels = info.channels === 1 ? 1 : 3;
    if (data.length !== info.width * info.height * channels)
      return refuse(`it has ${info.channels} channels`, false);
    return {
      pixels: {
        data: new Uint8Array(data.buffer, data.byteOffset, data.length),
        width: info.width,
        height: info.height,
        channels,
      },
      mediaType,
      notes: [...container.notes, ...notesOf(described, pages)],
      exif: exifOf(described.exif),
    };
  } catch (error) {
    const message = error instanceof Error ? error.message.split('\n')[0]!.slice(0, 200) : String(error);
    if (/pixel limit/i.test(message)) return refuse(`it has more than ${maxPixels} pixels, the bound`, false);
    if (/timeout/i.test(message))
      return refuse(`decoding took longer than ${timeoutSeconds} seconds, the bound`, false);
    return refuse(`decoding fails: ${message}`, true);
  }
}

const SUPPORTED = new Set([
  'image/jpeg',
  'image/png',
  'image/webp',
  'image/gif',
  'image/tiff',
  'image/avif',
  'image/jpg',
]);

function notesOf(described: Metadata, pages: number): string[] {
  const notes: string[] = [];
  if (pages > 1) notes.push(`it has ${pages} pages or frames, of which the first was read`);
  if (described.hasAlpha) notes.push('transparent pixels were laid on white');
  if (described.space === 'cmyk') notes.push('it is CMYK and was converted to sRGB');
  if (described.depth !== 'uchar')
    notes.push(`it has ${described.depth} samples, which were reduced to 8 bits`);
  if ((described.orientation ?? 1) !== 1) {
    notes.push(`EXIF orientation ${described.orientation} was not applied: traces are looked for as stored`);
  }
  return notes;
}

function exifOf(block: Uint8Array | undefined): Uint8Array | undefined {
  if (block === undefined) return undefined;
  return Buffer.from(block.subarray(0, 6)).toString('latin1') === 'Exif\0\0' ? block.subarray(6) : block;
}

/** Walks the chunks of a PNG file (ISO/IEC 15948, 5.3). */
function inspectPng(
  bytes: Uint8Array,
  maxPixels: number,
): { notes: string[] } | { problem: string; broken: boolean } {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const broken = (problem: string) => ({ problem, broken: true });
  const notes: string[] = [];
  let at = 8;
  for (let chunk = 0; ; chunk++) {
    if (chunk === MAX_PNG_CHUNKS)
      return { problem: `it has more than ${MAX_PNG_CHUNKS} chunks, the bound`, broken: false };
    if (at + 12 > view.length) return broken('it is truncated: there is no IEND chunk');
    const length = view.readUInt32BE(at);
    const type = view.toString('latin1', at + 4, at + 8);
    const end = at + 12 + length;
    if (!/^[A-Za-z]{4}$/.test(type)) return broken(`byte ${at + 4} begins no chunk`);
    if (end > view.length) return broken(`it is truncated: chunk ${type} goes beyond the end of the file`);
    const data = view.subarray(at + 8, end - 4);
    if (crc32(view.subarray(at + 4, end - 4)) !== view.readUInt32BE(end - 4)) {
      return broken(`the checksum of chunk ${type} at byte ${at} is wrong`);
    }
    if (chunk === 0) {
      if (type !== 'IHDR' || length !== 13) return broken('it does not begin with an image header');
      const [width, height] = [data.readUInt32BE(0), data.readUInt32BE(4)];
      if (width === 0 || height === 0) return broken('its header gives no size');
      if (width * height > maxPixels) {
        return { problem: `it claims ${width}×${height} pixels; the bound is ${maxPixels}`, broken: false };
      }
    }
    const packed = packedText(type, data);
    if (packed !== undefined && inflatesBeyond(packed)) {
      return broken(`chunk ${type} inflates to more than ${MAX_CHUNK_TEXT} bytes: a decompression bomb`);
    }
    if (type === 'acTL' && length >= 8)
      notes.push(`it is animated with ${data.readUInt32BE(0)} frames, of which the first was read`);
    at = end;
    if (type === 'IEND') break;
  }
  if (at < view.length) notes.push(`${view.length - at} bytes follow its end`);
  return { notes };
}

/** The deflated part of a chunk that has one. */
function packedText(type: string, data: Buffer): Buffer | undefined {
  const name = data.indexOf(0);
  if (name < 0) return undefined;
  if (type === 'iCCP' || type === 'zTXt') return data.subarray(name + 2);
  if (type !== 'iTXt' || data[name + 1] !== 1) return undefined;
  const language = data.indexOf(0, name + 3);
  const keyword = language < 0 ? -1 : data.indexOf(0, language + 1);
  return keyword < 0 ? undefined : data.subarray(keyword + 1);
}

function inflatesBeyond(packed: Buffer): boolean {
  try {
    inflateSync(packed, { maxOutputLength: MAX_CHUNK_TEXT });
    return false;
  } catch (error) {
    // A text that does not inflate is for the decoder to judge: many readers pass over it.
    return (error as { code?: string }).code === 'ERR_BUFFER_TOO_LARGE';
  }
}
