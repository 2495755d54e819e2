export { recordedClock, type SourceClock, wallClock } from './clock.ts';
export { Exchanges, gapsIn, type StreamState } from './exchanges.ts';
export { type MarketSource, type OpenSourceOptions, openMarketSource } from './open-source.ts';
export { type Batch, createProvider, type Observation, type Provider, splitIntoBatches } from './provider.ts';
export { type Recording, readRecording } from './recording.ts';
export { startReplayServer } from './replay-server.ts';
export { type Planted, type SimulatedMarket, simulateMarket } from './simulated-market.ts';
export { instantOf, MINUTE_MS, STREAMS, type StreamSpec, VENUES, type Venue } from './streams.ts';
