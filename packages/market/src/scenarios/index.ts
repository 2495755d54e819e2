export { type ScenariosParameters, scenariosFigure } from './scenarios-figure.ts';
