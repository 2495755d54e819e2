export {
  type DawidSkene,
  type DawidSkeneOptions,
  dawidSkene,
  type Review,
  type ReviewerAccuracy,
} from './dawid-skene.ts';
export {
  type CredibilityInput,
  type CredibilityTerms,
  credibilityAt,
  credibilityHistory,
  DEFAULT_TERMS,
  type Outcome,
  type SourceCredibility,
} from './source-credibility.ts';
