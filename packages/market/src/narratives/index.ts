export { averageLinkage } from './average-linkage.ts';
export { type NarrativeParameters, narrativesFigure } from './narratives.ts';
export { standsForAnother, THEMES, type Theme, themesOf } from './theme-lexicon.ts';
