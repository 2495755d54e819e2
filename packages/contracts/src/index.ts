/** Contracts that are deployed one by one: one for each rate, one for each kind of content. */

export * from './acts.ts';
export { ContentRegistry, ReferenceRateFeed, RoyaltySplitter } from './artifacts.ts';
export * from './clear-signing.ts';
export * from './deployment.ts';
export * from './refusal.ts';
export * from './sampling-economics.ts';

/** Storage slot of CheckpointAnchor's `heads`; its members lie at keccak256(originId ‖ slot) and after. */
export const CHECKPOINT_ANCHOR_HEADS_SLOT = 0n;
