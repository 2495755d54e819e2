export type { GovernanceView, NoEconomy, ProvidersView } from './economy-routes.ts';
export * from './node-view.ts';
export { createGateway, type Gateway } from './server.ts';
