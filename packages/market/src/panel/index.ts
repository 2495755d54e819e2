export { decimalOf, significant } from '../decimal-of.ts';
export { type AssetsParameters, assetsFigure, isStablecoin } from './assets-figure.ts';
export { buildPanel, PANEL_PARAMETERS, type PanelInput, type PanelParameters } from './build-panel.ts';
export { compositeBar } from './composite-bar.ts';
export type { Defect, DefectKind } from './defect.ts';
export {
  bestShift,
  type FundingClock,
  type FundingSchedule,
  type FundingStretch,
  readFundingTimes,
} from './funding-times.ts';
export { dayIndex, dayOf, emptyPanel, instantOfDay, nameOn, type Panel, seriesOf, unitOn } from './panel.ts';
