export { recordedClock, type SourceClock, wallClock } from './clock.ts';
export { Exchanges, gapsIn, type StreamState } from './exchanges.ts';
export type { MarketKind, MarketRecord, MarketRows } from './market/market-rows.ts';
export {
  type MarketFeed,
  type MarketStream,
  type OpenMarketFeedOptions,
  openMarketFeed,
} from './market/open-market-feed.ts';
export {
  type RecordBatch,
  type RecordProvider,
  recordProvider,
  splitAtMonths,
} from './market/record-provider.ts';
export { openRecordedUniverse, type RecordedUniverse } from './market/recorded-universe.ts';
export { type PlantedDefect, type SimulatedUniverse, simulateUniverse } from './market/simulated-universe.ts';
export { type MarketSource, type OpenSourceOptions, openMarketSource } from './open-source.ts';
export { type Batch, createProvider, type Observation, type Provider, splitIntoBatches } from './provider.ts';
export { type Recording, readRecording } from './recording.ts';
export { startReplayServer } from './replay-server.ts';
export { type Planted, type SimulatedMarket, simulateMarket } from './simulated-market.ts';
export { instantOf, MINUTE_MS, STREAMS, type StreamSpec, VENUES, type Venue } from './streams.ts';
