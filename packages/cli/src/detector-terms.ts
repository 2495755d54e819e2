import { type DataContract, loadFraudModel, openManifestReader, productDetectors } from '@assay/checks';

/**
 * Reads what a contract asks of detectors, as the first observation would: a contract that would leave every
 * observation unknown is told so before one comes.
 *
 * @returns detectors that do not come with the product: a node needs them as `--detectors`.
 * @throws CONTRACT_INVALID with the path of what is wrong in a detector's terms.
 */
export async function readDetectorTerms({ detectors }: Pick<DataContract, 'detectors'>): Promise<string[]> {
  if (detectors.length === 0) return [];
  const parts = { fraudModel: loadFraudModel(), openManifestReader };
  const product = new Map(
    (await productDetectors(parts)).map(({ detector }) => [detector.name, detector] as const),
  );
  for (const { detector, terms, path } of detectors) product.get(detector)?.readTerms(terms, path);
  return [...new Set(detectors.map(({ detector }) => detector))].filter((name) => !product.has(name));
}
