import { evaluationFigure } from './evaluation/index.ts';
import type { Figure } from './figure.ts';
import { factorsFigure, gradesFigure } from './grades/index.ts';
import { indicesFigure } from './indices/index.ts';
import { narrativesFigure } from './narratives/index.ts';
import { assetsFigure } from './panel/index.ts';
import { guidesFigure } from './report/index.ts';
import { correlationFigure, levelsFigure, riskFigure } from './risk/index.ts';
import type { FigureName } from './rows.ts';
import { sentimentFigure } from './sentiment/index.ts';
import { pricesFigure } from './verify/index.ts';

/**
 * Every figure, in the order in which they are computed: a figure reads only earlier ones, and its own past.
 * `source` is its file below this folder: the digest of what it imports is recorded with every row.
 */
export const FIGURES: readonly { figure: Figure; source: string }[] = [
  made(assetsFigure, 'panel/assets-figure.ts'),
  made(pricesFigure, 'verify/prices-figure.ts'),
  made(riskFigure, 'risk/risk.ts'),
  made(levelsFigure, 'risk/levels.ts'),
  made(correlationFigure, 'risk/correlation.ts'),
  made(sentimentFigure, 'sentiment/sentiment.ts'),
  made(gradesFigure, 'grades/grades.ts'),
  made(factorsFigure, 'grades/grades.ts'),
  made(evaluationFigure, 'evaluation/evaluation.ts'),
  made(narrativesFigure, 'narratives/narratives.ts'),
  made(indicesFigure, 'indices/indices.ts'),
  made(guidesFigure, 'report/guides.ts'),
];

/** Each figure understands its own parameters; whoever runs them hands back what the figure gave. */
function made<Name extends FigureName, Parameters>(figure: Figure<Name, Parameters>, source: string) {
  return { figure: figure as unknown as Figure, source };
}
