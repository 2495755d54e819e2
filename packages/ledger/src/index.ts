export type { CheckpointStore, Lease, LockedState, StagedEntries } from './checkpoint-store.ts';
export { coseReceipt, verifyCoseReceipt } from './cose-receipt.ts';
export { directoryTileSource, directoryTileStore } from './directory-tiles.ts';
export { type FsckReport, fsck, listLog, type Problem } from './fsck.ts';
export { HASH_BYTES, leafHashes, merkleRoot } from './hashing.ts';
export { httpTileSource } from './http-tiles.ts';
export { type Ledger, type LedgerOptions, openLedger } from './ledger.ts';
export { type LogIndex, openLogIndex } from './log-index.ts';
export {
  httpMirror,
  type MirrorAnswer,
  type MirrorClient,
  type MirrorPost,
  mirrorClient,
} from './mirror-client.ts';
export { createMonitor, type Incident, type Monitor, type MonitorStatus, type OtherView } from './monitor.ts';
export { monitorServer } from './monitor-server.ts';
export { type MonitorStore, sqliteMonitorStore } from './monitor-store.ts';
export { postgresCheckpointStore } from './postgres-checkpoints.ts';
export { type ProvenTiles, provenTiles, type TileProblem } from './proven-tiles.ts';
export type { PublishLimits } from './publisher.ts';
export { type RowRoots, rowRoots } from './row-roots.ts';
export { type S3Bucket, type S3TileStore, s3TileStore } from './s3-tiles.ts';
export type { SequencerLimits } from './sequencer.ts';
export { type ServedFile, servedLog } from './served-log.ts';
export type { SignedCheckpoint } from './signed-checkpoint.ts';
export { sqliteCheckpointStore } from './sqlite-checkpoints.ts';
export { openLedgerWhenFree, type StandbyOptions } from './standby.ts';
export { storageFull } from './storage-full.ts';
export { type TieredTileStore, tieredTileStore } from './tiered-tiles.ts';
export type { TileSource, TileStore } from './tile-store.ts';
export { batchOf, type Edge, EMPTY_EDGE, edgeTile, fullPath, grow } from './tree.ts';
export { type WitnessClient, type WitnessState, witnessClient } from './witness-client.ts';
export { witnessView } from './witness-view.ts';
