export type { CheckpointStore, LockedState, StagedEntries } from './checkpoint-store.ts';
export { directoryTileStore } from './directory-tiles.ts';
export { type Ledger, type LedgerOptions, openLedger } from './ledger.ts';
export type { PublishLimits } from './publisher.ts';
export type { SequencerLimits } from './sequencer.ts';
export type { SignedCheckpoint } from './signed-checkpoint.ts';
export { sqliteCheckpointStore } from './sqlite-checkpoints.ts';
export type { TileStore } from './tile-store.ts';
export { type WitnessClient, type WitnessState, witnessClient } from './witness-client.ts';
