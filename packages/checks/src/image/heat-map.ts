import { base64Encode } from '@assay/core';
import sharp from 'sharp';
import type { Exhibit } from '../detector.ts';
import type { Plane } from './dct.ts';
import type { Pixels } from './pdq.ts';

const LONGEST_SIDE = 512;

/**
 * A heat map over the picture in grey: red where values are at `high`, blue where they are at `low`, nothing at zero.
 * At most 512 pixels long, so that it stays well under the bound of an exhibit.
 *
 * @param map values of any resolution that cover the whole picture, or its middle part when `area` says so.
 */
export async function heatMap(input: {
  title: string;
  picture: Pixels;
  map: Plane;
  low: number;
  high: number;
  area?: { x: number; y: number; width: number; height: number };
}): Promise<Exhibit> {
  const { title, picture, map, low, high } = input;
  const area = input.area ?? { x: 0, y: 0, width: picture.width, height: picture.height };
  const scale = Math.min(1, LONGEST_SIDE / Math.max(picture.width, picture.height));
  const width = Math.max(1, Math.round(picture.width * scale));
  const height = Math.max(1, Math.round(picture.height * scale));
  const drawn = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const sourceX = Math.min(picture.width - 1, Math.floor((x + 0.5) / scale));
      const sourceY = Math.min(picture.height - 1, Math.floor((y + 0.5) / scale));
      const at = (sourceY * picture.width + sourceX) * picture.channels;
      const grey =
        picture.channels === 1
          ? picture.data[at]!
          : (picture.data[at]! + 2 * picture.data[at + 1]! + picture.data[at + 2]!) / 4;
      const column = Math.floor(((sourceX - area.x) * map.width) / area.width);
      const row = Math.floor(((sourceY - area.y) * map.height) / area.height);
      const inside = column >= 0 && row >= 0 && column < map.width && row < map.height;
      const value = inside ? map.data[row * map.width + column]! : 0;
      const heat = value > 0 ? Math.min(1, value / high) : low < 0 ? Math.min(1, value / low) : 0;
      const colour = value > 0 ? [255, 30, 30] : [30, 90, 255];
      const to = (y * width + x) * 3;
      for (let channel = 0; channel < 3; channel++) {
        drawn[to + channel] = Math.round(grey * 0.8 * (1 - 0.7 * heat) + colour[channel]! * 0.7 * heat);
      }
    }
  }
  const png = await sharp(drawn, { raw: { width, height, channels: 3 } })
    .png({ compressionLevel: 9 })
    .toBuffer();
  return { kind: 'image', title, mediaType: 'image/png', base64: base64Encode(png) };
}
