export type { PhrasingOptions } from './phrasing.ts';
export type { ChatMessage, CitedText, Reporter, TokenReport } from './reports.ts';
export { serveTokenMetrics, type TokenMetricsOptions } from './token-metrics-routes.ts';
