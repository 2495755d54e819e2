export type { AlertRuleView } from './alert-rule-routes.ts';
export type { GovernanceView, NoEconomy } from './economy-routes.ts';
export type { ServedRow } from './market-figures.ts';
export type { AssetPage } from './market-page.ts';
export type { GradesTable, TableRow } from './market-table.ts';
export * from './node-view.ts';
export type { CredibilityHistory, ProvidersView } from './provider-credibility.ts';
export { createGateway, type Gateway } from './server.ts';
export type {
  ChatMessage,
  CitedText,
  PhrasingOptions,
  Reporter,
  TokenMetricsOptions,
  TokenReport,
} from './token-metrics/index.ts';
