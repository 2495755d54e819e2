/** What a node's contracts may ask for beyond rules and agreement: the product's detectors, and the operator's own. */
import type { Detector } from '@assay/checks';
import { loadFraudModel } from '@assay/checks/behaviour';
import { openManifestReader } from '@assay/checks/c2pa-binding';
import { DetectorRegistry } from '@assay/checks/plugin';
import { loadDetectors } from '@assay/checks/plugin/node';
import { productDetectors } from '@assay/checks/product-detectors';
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
