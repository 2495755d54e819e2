export * from './figure.ts';
export * from './figure-checks.ts';
export * from './figures.ts';
export * from './panel/index.ts';
export * from './rate/index.ts';
export * from './rows.ts';
