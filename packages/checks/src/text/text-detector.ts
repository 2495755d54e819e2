import type { Detector } from '../detector.ts';
import { readTextTerms, type TextTerms } from './text-terms.ts';

/**
 * Compares a document with what its provider declares of it, and with itself.
 *
 * ```yaml
 * implementation: { detector: text, terms: { families: [metadata, total, hidden], toleranceAmount: '0.05' } }
 * ```
 */
export const textDetector: Detector<TextTerms, null> = {
  name: 'text',
  version: '1.0.0',
  readTerms: readTextTerms,
  begin: () => null,
  async examine(specimen, terms) {
    // Readers of PDF, HTML and dates take 100 MB: whoever examines no document does not load them.
    const { examineText } = await import('./examine-text.ts');
    return { findings: await examineText(specimen, terms), memory: null };
  },
};
