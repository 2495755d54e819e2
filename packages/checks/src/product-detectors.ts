import { agreementDetector } from './agreement/agreement-detector.ts';
import { benford } from './behaviour/benford.ts';
import { fraudDetector } from './behaviour/fraud.ts';
import type { FraudModel } from './behaviour/fraud-model.ts';
import { pump } from './behaviour/pump.ts';
import { spoofing } from './behaviour/spoofing.ts';
import { transfers } from './behaviour/transfers.ts';
import { wash } from './behaviour/wash.ts';
import { custody } from './custody/custody.ts';
import type { Detector } from './detector.ts';
import type { ManifestReader } from './image/c2pa-binding.ts';
import { openC2paDetector } from './image/c2pa-detector.ts';
import type { KnownPictures } from './image/examine-image.ts';
import { openImageDetector } from './image/image-detector.ts';
import type { RegisteredDetector } from './plugin/detector-registry.ts';
import { signal } from './signal/signal.ts';
import { textDetector } from './text/text-detector.ts';

/** What some detectors need from outside. */
export interface ProductParts {
  /** From `loadFraudModel()`. */
  fraudModel: FraudModel;
  /** `openManifestReader`; called for the first file whose credentials are asked for. */
  openManifestReader: () => ManifestReader | { unavailable: string };
  /** What pictures are compared with; without an index duplicates are unknown. */
  knownPictures?: KnownPictures;
  /** Models with their cards, and the one runtime for all of them, from `nodeOnnxRuntime()`. */
  onnx?: { runtime: Uint8Array; models: readonly { model: Uint8Array; card: unknown }[] };
}

/**
 * Every detector that comes with the product, for a {@link DetectorRegistry}. Names, versions and terms cost nothing:
 * what takes tens of megabytes (libvips, the readers of PDF and HTML, c2pa-rs) is loaded by the first observation that
 * needs it, and the ONNX runtime only where models are given.
 *
 * @throws what `openOnnxDetector` throws for a model that does not go with its card.
 * @example
 * const parts = { fraudModel: loadFraudModel(), openManifestReader };
 * const registry = new DetectorRegistry([...(await productDetectors(parts)), ...(await loadDetectors(['detectors/']))]);
 */
export async function productDetectors(parts: ProductParts): Promise<RegisteredDetector[]> {
  const detectors: Detector[] = [
    agreementDetector,
    benford,
    openC2paDetector(parts.openManifestReader),
    custody,
    fraudDetector(parts.fraudModel),
    openImageDetector(parts.knownPictures),
    pump,
    signal,
    spoofing,
    textDetector,
    transfers,
    wash,
  ];
  return [
    ...detectors.map((detector) => ({ detector, digest: null })),
    ...(parts.onnx === undefined ? [] : await modelDetectors(parts.onnx)),
  ];
}

async function modelDetectors({ runtime, models }: NonNullable<ProductParts['onnx']>) {
  const { openOnnxDetector } = await import('./plugin/onnx-detector.ts');
  const opened: RegisteredDetector[] = [];
  for (const { model, card } of models) {
    const detector = await openOnnxDetector({ model, card, runtime });
    opened.push({ detector, digest: detector.digest });
  }
  return opened;
}
