export { INDEX_PARAMETERS, type IndexParameters, type IndexRule } from './index-rules.ts';
export { indicesFigure } from './indices.ts';
export { cappedWeights, exactWeights } from './weights.ts';
