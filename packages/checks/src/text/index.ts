export { checkItself, SELF_FAMILIES, type SelfFamily } from './against-itself.ts';
export { checkMetadata, METADATA_FIELDS } from './against-metadata.ts';
export type { Answer } from './answer.ts';
export { type Entities, readEntities } from './entities.ts';
export {
  DOCUMENT_LIMITS,
  type DocumentLimits,
  describePlace,
  type HiddenText,
  type Place,
  placeAt,
  readDocument,
  type Segment,
  type TextDocument,
} from './read-document.ts';
export { measureSentiment, type Sentiment, scoreSentence } from './sentiment.ts';
export { TEXT_FAMILIES, type TextFamily, type TextTerms, textDetector } from './text-detector.ts';
