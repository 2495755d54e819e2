export type { AlertRuleView } from './alert-rule-routes.ts';
export type { GovernanceView, NoEconomy } from './economy-routes.ts';
export * from './node-view.ts';
export type { CredibilityHistory, ProvidersView } from './provider-credibility.ts';
export { createGateway, type Gateway } from './server.ts';
