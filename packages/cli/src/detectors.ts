import {
  type DataContract,
  type Detector,
  loadFraudModel,
  openManifestReader,
  productDetectors,
} from '@assay/checks';
import { loadDetectors } from '@assay/checks/plugin/node';
import { checkTerms } from '@assay/checks/review';

/** The product's detectors and the user's own, by name. */
export async function detectorsHere(own: readonly string[] = []): Promise<ReadonlyMap<string, Detector>> {
  const product = await productDetectors({ fraudModel: loadFraudModel(), openManifestReader });
  const all = [...product, ...(await loadDetectors([...own]))];
  return new Map(all.map(({ detector }) => [detector.name, detector]));
}

/**
 * Reads what a contract asks of detectors, as the first observation would: a contract that would leave every
 * observation unknown is told so before one comes.
 *
 * @returns detectors that do not come with the product: a node needs them as `--detectors`.
 * @throws CONTRACT_INVALID with the path of what is wrong in a detector's terms.
 */
export async function readDetectorTerms(contract: DataContract): Promise<string[]> {
  if (contract.detectors.length === 0) return [];
  const product = await detectorsHere();
  checkTerms(contract, product);
  return [...new Set(contract.detectors.map(({ detector }) => detector))].filter(
    (name) => !product.has(name),
  );
}
