export * from './accuracy.ts';
export * from './alerts.ts';
export * from './draw.ts';
export * from './outcome.ts';
export * from './queue.ts';
