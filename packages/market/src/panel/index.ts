export { dayIndex, dayOf, emptyPanel, instantOfDay, type Panel, seriesOf } from './panel.ts';
