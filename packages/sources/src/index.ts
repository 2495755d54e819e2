export { recordedClock, type SourceClock, wallClock } from './clock.ts';
export { Exchanges, gapsIn, type StreamState } from './exchanges.ts';
export { type AssetLexicon, assetLexicon, type LexiconEntry, tagAssets } from './market/asset-lexicon.ts';
export {
  type ChainActivity,
  type ChainActivityOptions,
  type ChainActivityState,
  type ChainPool,
  type ChainToken,
  chainActivity,
} from './market/chain-activity.ts';
export { type AssetCode, fetchDevelopment } from './market/development.ts';
export { type FeedState, fetchFeed, parseFeed } from './market/feeds.ts';
export type { LiveFeedOptions } from './market/live-feed.ts';
export { fetchMarketCaps } from './market/market-caps.ts';
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
export {
  MARKET_VENUES,
  type MarketVenue,
  type OptionQuote,
  type OrderBook,
  type Trade,
  VenueClient,
  type VenueMarket,
} from './market/venues.ts';
export { type MarketSource, type OpenSourceOptions, openMarketSource } from './open-source.ts';
export { type Batch, createProvider, type Observation, type Provider, splitIntoBatches } from './provider.ts';
export { type Recording, readRecording } from './recording.ts';
export { startReplayServer } from './replay-server.ts';
export { type Planted, type SimulatedMarket, simulateMarket } from './simulated-market.ts';
export { instantOf, MINUTE_MS, STREAMS, type StreamSpec, VENUES, type Venue } from './streams.ts';
