export * from './node-view.ts';
export { createGateway, type Gateway } from './server.ts';
