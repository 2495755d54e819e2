import type { Detector } from '../detector.ts';
import type { KnownPictures } from './examine-image.ts';
import { type ImageTerms, readImageTerms } from './image-terms.ts';

/**
 * Opens the detector of duplicated and manipulated pictures.
 *
 * Findings: `image_decodable`, `image_duplicate`, `image_double_compression`, `image_error_level`, `image_copy_move`,
 * `image_metadata`.
 *
 * @param options.index hashes of the pictures known before this one; without it duplicates are unknown. Who keeps the
 * index adds a picture after it was examined, never before: the detector only searches.
 * @param options.thumbnailOf a small JPEG of an indexed picture, shown beside the specimen.
 * @example
 * const detector = openImageDetector({ index });
 * const terms = detector.readTerms({}, 'quality[0]');
 * const { findings } = await detector.examine(specimen, terms, detector.begin(terms));
 */
export function openImageDetector(options: KnownPictures = {}): Detector<ImageTerms, null> {
  return {
    name: 'image',
    version: '1.0.0',
    readTerms: readImageTerms,
    begin: () => null,
    async examine(specimen, terms) {
      // libvips is loaded by whoever examines a picture, and by nobody else.
      const { examineImage } = await import('./examine-image.ts');
      return { findings: await examineImage(specimen, terms, options), memory: null };
    },
  };
}
