export { checkItself } from './against-itself.ts';
export { checkMetadata, METADATA_FIELDS } from './against-metadata.ts';
export type { Answer } from './answer.ts';
export { DOCUMENT_LIMITS, type DocumentLimits } from './document-limits.ts';
export { type Entities, readEntities } from './entities.ts';
export {
  describePlace,
  type HiddenText,
  type Place,
  placeAt,
  readDocument,
  type Segment,
  type TextDocument,
} from './read-document.ts';
export { measureSentiment, type Sentiment, scoreSentence } from './sentiment.ts';
export { textDetector } from './text-detector.ts';
export {
  SELF_FAMILIES,
  type SelfFamily,
  TEXT_FAMILIES,
  type TextFamily,
  type TextTerms,
} from './text-terms.ts';
