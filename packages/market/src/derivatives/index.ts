export {
  type BlackOption,
  type BlackScholesOption,
  black76,
  blackScholes,
  type Greeks,
  impliedVolatility,
  type OptionKind,
} from './black.ts';
export { erfc, normalCdf, normalDensity } from './normal.ts';
export {
  type Liquidation,
  liquidationOf,
  type MarginTier,
  marginTiers,
  type PerpetualPosition,
  type PerpetualProfit,
  perpetualProfit,
} from './perpetual.ts';
export {
  SCAN_PARAMETERS,
  type ScanMargin,
  type ScanParameters,
  type ScanPosition,
  scanMargin,
} from './scan-margin.ts';
export {
  type OptionQuote,
  type SmileSlice,
  type VolatilitySurface,
  volatilityAt,
  volatilitySurface,
} from './surface.ts';
