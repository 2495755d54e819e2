import type { Figures } from './usdc-depeg-figures.ts';
export function renderReport(figures: Figures): string { return JSON.stringify(figures, null, 1); }
