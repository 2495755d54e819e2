import sharp from 'sharp';
import type { Pixels } from './pdq.ts';

/** A small JPEG of a picture, at most 256 pixels on either side, to be shown beside another. */
export async function thumbnail({ data, width, height, channels }: Pixels): Promise<Uint8Array> {
  const jpeg = await sharp(data, { raw: { width, height, channels } })
    .resize(256, 256, { fit: 'inside', withoutEnlargement: true })
    .jpeg({ quality: 80 })
    .toBuffer();
  return new Uint8Array(jpeg);
}
