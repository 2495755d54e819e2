/**
 * A program of its own, because what a process has loaded stays loaded: opens the product's detectors as a node does, reads terms,
 * examines a row, then a text, a picture and its credentials, and prints after each which heavy packages are loaded.
 */
import { registerHooks } from 'node:module';

const HEAVY =
  /node_modules\/(sharp|pdfjs-dist|parse5|marked|chrono-node|vader-sentiment|@contentauth|onnxruntime-web)\//;
const loaded = new Set<string>();
registerHooks({
  // Native libraries are resolved, but pass no `load` hook.
  resolve(specifier, context, next) {
    const resolved = next(specifier, context);
    const heavy = HEAVY.exec(resolved.url)?.[1];
    if (heavy !== undefined) loaded.add(heavy);
    return resolved;
  },
});

const { DetectorRegistry, loadFraudModel, openManifestReader, productDetectors } = await import('./index.ts');
const registry = new DetectorRegistry(
  await productDetectors({ fraudModel: loadFraudModel(), openManifestReader }),
);

const about = { stream: 's', digest: '0'.repeat(64), observedAt: '2026-01-01T00:00:00Z' };
const file = { name: 'a', mediaType: 'text/plain', bytes: Buffer.from('A text.'), metadata: {} };
const examine = async (name: string, part: object) => {
  const { detector } = registry.get(name);
  const terms = detector.readTerms({}, 'terms');
  await detector.examine({ ...about, ...part }, terms, detector.begin(terms));
  return [...loaded].sort();
};
console.log(
  JSON.stringify({
    names: registry.names(),
    rows: await examine('wash', { rows: [{}] }),
    terms: ['text', 'image', 'c2pa'].flatMap((name) => {
      registry.get(name).detector.readTerms({}, 'terms');
      return [...loaded];
    }),
    image: await examine('image', { file }),
    text: await examine('text', { file }),
    c2pa: await examine('c2pa', { file }),
  }),
);
