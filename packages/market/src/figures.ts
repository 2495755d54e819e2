import { evaluationFigure } from './evaluation/index.ts';
import type { Figure } from './figure.ts';
import { factorsFigure, gradesFigure } from './grades/index.ts';
import { indicesFigure } from './indices/index.ts';
import { narrativesFigure } from './narratives/index.ts';
import { assetsFigure } from './panel/index.ts';
import { guidesFigure } from './report/index.ts';
import { correlationFigure, levelsFigure, riskFigure } from './risk/index.ts';
import type { FigureName } from './rows.ts';
import { scenariosFigure } from './scenarios/index.ts';
import { sentimentFigure } from './sentiment/index.ts';
import { signalsFigure } from './signals/index.ts';
import { pricesFigure } from './verify/index.ts';

/** A figure as it is run. */
export interface FigureEntry {
  figure: Figure;
  /** Its file below this folder: the digest of what it imports is recorded with every row. */
  source: string;
  /** Rows for every day of a derivation, or for its last day alone: what nobody reads of the past is not stored. */
  days: 'every' | 'last';
}

/** Every figure, in the order in which they are computed: a figure reads only earlier ones, and its own past. */
export const FIGURES: readonly FigureEntry[] = [
  made(assetsFigure, 'panel/assets-figure.ts'),
  made(pricesFigure, 'verify/prices-figure.ts'),
  made(riskFigure, 'risk/risk.ts', 'last'),
  made(levelsFigure, 'risk/levels.ts', 'last'),
  made(correlationFigure, 'risk/correlation.ts', 'last'),
  made(sentimentFigure, 'sentiment/sentiment.ts'),
  made(gradesFigure, 'grades/grades.ts'),
  made(factorsFigure, 'grades/grades.ts', 'last'),
  made(evaluationFigure, 'evaluation/evaluation.ts', 'last'),
  made(signalsFigure, 'signals/signals-figure.ts'),
  made(scenariosFigure, 'scenarios/scenarios-figure.ts', 'last'),
  made(narrativesFigure, 'narratives/narratives.ts'),
  made(indicesFigure, 'indices/indices.ts'),
  made(guidesFigure, 'report/guides.ts', 'last'),
];

/** Each figure understands its own parameters; whoever runs them hands back what the figure gave. */
function made<Name extends FigureName, Parameters>(
  figure: Figure<Name, Parameters>,
  source: string,
  days: FigureEntry['days'] = 'every',
): FigureEntry {
  return { figure: figure as unknown as Figure, source, days };
}
