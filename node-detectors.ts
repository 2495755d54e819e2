/** What a node's contracts may ask for beyond rules and agreement: the product's detectors, and the operator's own. */
import {
  type Detector,
  DetectorRegistry,
  loadFraudModel,
  openManifestReader,
  productDetectors,
} from '@assay/checks';
import { loadDetectors } from '@assay/checks/plugin/node';
import type { PictureBook } from '@assay/pipeline';

/**
 * Detectors by their names. Pictures are held against every picture that the node has kept.
 *
 * @param own files or folders of the operator's detectors; one of a name that the product has is refused.
 */
export async function nodeDetectors(
  pictures: PictureBook,
  own: readonly string[],
): Promise<ReadonlyMap<string, Detector>> {
  const product = await productDetectors({
    fraudModel: loadFraudModel(),
    openManifestReader,
    knownPictures: pictures.known,
  });
  const registry = new DetectorRegistry([...product, ...(await loadDetectors([...own]))]);
  return new Map(
    registry.names().map((name) => {
      const { detector } = registry.get(name);
      return [name, name === 'image' ? pictures.remembering(detector) : detector];
    }),
  );
}
