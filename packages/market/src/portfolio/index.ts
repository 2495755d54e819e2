export {
  blackLitterman,
  impliedReturns,
  impliedRiskAversion,
  type View,
  viewsFromGrades,
} from './black-litterman.ts';
export {
  cvarOf,
  maximumReturnWithinCvar,
  minimumCvar,
  portfolioReturns,
  type TailInput,
  valueAtRisk,
} from './conditional-value-at-risk.ts';
export { type Conflict, type Constraints, plainConstraints } from './constraints.ts';
export {
  addRidge,
  correlationOf,
  exponentialCovariance,
  ledoitWolf,
  nearestPositive,
  type ShrinkageTarget,
  sampleCovariance,
  semiCovariance,
  singularityOf,
  volatilityOf,
} from './covariance.ts';
export { capitalAssetPricing, exponentialMean, historicalMean } from './expected-returns.ts';
export {
  type OptionHedge,
  type OptionHedgeRequest,
  type OptionQuote,
  optionHedge,
  type PerpetualHedge,
  type PerpetualHedgeRequest,
  perpetualHedge,
} from './hedge.ts';
export { type HierarchicalOptions, hierarchicalRiskParity } from './hierarchical-risk-parity.ts';
export {
  efficientFrontier,
  efficientReturn,
  efficientRisk,
  type MeanVarianceInput,
  maximumSharpe,
  maximumUtility,
  minimumVariance,
} from './mean-variance.ts';
export { optimisePortfolio, PORTFOLIO_METHOD, type PortfolioResult } from './optimise-portfolio.ts';
export { type PortfolioInputs, portfolioPanelInputs } from './portfolio-inputs.ts';
export { LIMITS, OBJECTIVES, type PortfolioRequest, parsePortfolioRequest } from './portfolio-request.ts';
export {
  type LossMeasure,
  type PositionSize,
  type PositionSizeRequest,
  positionSize,
} from './position-size.ts';
export { type Order, type Position, type Rebalance, type RebalanceRequest, rebalance } from './rebalance.ts';
export { riskContributions, riskParity } from './risk-parity.ts';
export {
  betasTo,
  factorShock,
  maximumDrawdown,
  type Scenario,
  scenarioOutcomes,
  worstWindows,
} from './stress.ts';
