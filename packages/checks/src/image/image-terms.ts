import { readChoice, readInteger, readList, readMembers, readNumber, readText } from '../terms.ts';
import type { MetadataTerms } from './image-metadata.ts';
import { PDQ_RADIUS } from './pdq.ts';

/** What a contract may ask of the image detector; everything has a default. */
export interface ImageTerms {
  /** The findings asked for besides `image_decodable`, which is always given. */
  checks: ReadonlySet<ImageCheck>;
  /** Hamming distance up to which two pictures are one, 0 to 31. */
  radius: number;
  /** Pictures of more pixels are not decoded. */
  maxPixels: number;
  metadata: MetadataTerms;
}

const CHECKS = [
  'image_duplicate',
  'image_double_compression',
  'image_error_level',
  'image_copy_move',
  'image_metadata',
] as const;
export type ImageCheck = (typeof CHECKS)[number];

const METADATA_KEYS = ['capturedAt', 'latitude', 'longitude', 'camera', 'software'] as const;
const MAX_PIXELS = 40_000_000;
/** Half the circumference of the Earth: nothing is farther apart. */
const MAX_KILOMETRES = 20_100;

/**
 * Reads the terms of an `image` rule: `{ checks?, radius?, max_pixels?, metadata? }`.
 *
 * @throws CONTRACT_INVALID
 * @example
 * readImageTerms({ checks: ['image_duplicate'], radius: 24 }, 'schema[0].quality[3].terms');
 */
export function readImageTerms(value: unknown, path: string): ImageTerms {
  const t = readMembers(value, path, [], ['checks', 'radius', 'max_pixels', 'metadata']);
  const limits = ['max_hours_apart', 'max_kilometres_apart'] as const;
  const metadata = readMembers(t.metadata ?? {}, `${path}.metadata`, [], [...METADATA_KEYS, ...limits]);
  const field = (key: (typeof METADATA_KEYS)[number]) =>
    readText(metadata[key] ?? key, `${path}.metadata.${key}`, 100);
  const apart = (key: (typeof limits)[number], most: number) =>
    readNumber(metadata[key] ?? 1, `${path}.metadata.${key}`, 0, most);
  const asked = readList(t.checks ?? CHECKS, `${path}.checks`, 0, 100, (check, at) =>
    readChoice(check, at, CHECKS),
  );
  return {
    checks: new Set(CHECKS.filter((check) => asked.includes(check))),
    radius: readInteger(t.radius ?? PDQ_RADIUS, `${path}.radius`, 0, PDQ_RADIUS),
    maxPixels: readInteger(t.max_pixels ?? MAX_PIXELS, `${path}.max_pixels`, 1, MAX_PIXELS),
    metadata: {
      capturedAt: field('capturedAt'),
      latitude: field('latitude'),
      longitude: field('longitude'),
      camera: field('camera'),
      software: field('software'),
      maxHoursApart: apart('max_hours_apart', 10_000),
      maxKilometresApart: apart('max_kilometres_apart', MAX_KILOMETRES),
    },
  };
}
