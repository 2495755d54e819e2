/**
 * The rows that the market is computed from, and the rows that come of it. Numbers are decimal strings throughout;
 * null means "not known", which is never a zero. `time` is the start of the UTC day that a row sums up: it is known at
 * that day's end.
 */
import type { Decimal } from '@assay/core';

/* What is observed (`record/v1`). */

/** A day of one asset on one venue, in US dollars. Streams `<venue>.bars.1d`. */
export interface BarRow {
  time: string;
  asset: string;
  open: Decimal;
  high: Decimal;
  low: Decimal;
  close: Decimal;
  /** In units of the asset. */
  volume: Decimal;
}

/** One asset in a snapshot of market capitalisations. Streams `<source>.market-caps`. */
export interface CapRow {
  time: string;
  asset: string;
  symbol: string;
  name: string;
  rank: Decimal;
  priceUsd: Decimal;
  marketCapUsd: Decimal;
  supply: Decimal | null;
  /** Turnover of the last 24 hours that the source states. */
  volumeUsd: Decimal | null;
}

/** Funding of a perpetual and its open interest over a day. Streams `<venue>.funding.1d`. */
export interface FundingRow {
  time: string;
  asset: string;
  /** Sum of the day's rates, as a fraction of the notional; longs pay when it is positive. */
  rate: Decimal;
  openInterestUsd: Decimal | null;
}

/** A news item, announcement or social post. Streams `<feed>.articles`. */
export interface ArticleRow {
  /** When it was published. */
  time: string;
  /** Stable name within its feed. */
  article: string;
  /** Assets that it is about, separated by spaces; empty for the whole market. */
  assets: string;
  title: string;
  summary: string;
  link: string;
}

/** What happened on chain with one asset in a day. Streams `<chain>.activity.1d`. */
export interface ActivityRow {
  time: string;
  asset: string;
  transfers: Decimal;
  activeAddresses: Decimal;
  /** Addresses with a balance at the day's end. */
  holders: Decimal | null;
  /** Share of the supply that the ten largest hold, 0 to 1. */
  topTenShare: Decimal | null;
  /** Volume of swaps on decentralised exchanges. */
  swapVolumeUsd: Decimal | null;
}

/** Work on an asset's public code in a day. Streams `<forge>.development.1d`. */
export interface DevelopmentRow {
  time: string;
  asset: string;
  commits: Decimal;
  contributors: Decimal;
  /** Of the last release; null when there was none. */
  releasedAt: string | null;
}

/* What is made of it (`figure/v1`), streams `assay.market.<figure>`. */

/** What an asset is on a day. */
export interface AssetRow {
  time: string;
  asset: string;
  symbol: string;
  name: string;
  rank: Decimal | null;
  marketCapUsd: Decimal | null;
  supply: Decimal | null;
  /** First and last day with a bar. */
  firstBar: string;
  lastBar: string;
  state: 'active' | 'quiet' | 'delisted';
  /** Size class, or what it is otherwise known as. */
  class: 'large' | 'mid' | 'small' | 'micro' | 'stablecoin' | 'unknown';
  /** What is wrong with its data, in words: relaunched ticker, redenomination, missing days … */
  defects: string[];
}

/** The cross-verified price of an asset on a day. */
export interface PriceRow {
  time: string;
  asset: string;
  open: Decimal;
  high: Decimal;
  low: Decimal;
  close: Decimal;
  volume: Decimal;
  volumeUsd: Decimal;
  /** Against the day before, in percent. */
  changePct: Decimal | null;
  venues: { stream: string; close: Decimal; volume: Decimal; deviationBps: Decimal }[];
  excluded: { stream: string; reason: string }[];
  /** Whether the venues agree; unknown with fewer than two. */
  status: 'pass' | 'fail' | 'unknown';
  /** Findings in words: disagreement, stale feed, depeg, volume that is not credible. */
  reasons: string[];
}

export const GRADE_PARTS = ['technical', 'exchange', 'onChain', 'fundamental', 'sentiment'] as const;
export type GradePart = (typeof GRADE_PARTS)[number];
export const GRADE_LABELS = ['very strong', 'strong', 'neutral', 'weak', 'very weak'] as const;
export type GradeLabel = (typeof GRADE_LABELS)[number];

/** One grade, 0 to 100. */
export interface Grade {
  grade: Decimal;
  /** Where the grade would lie, whatever the missing parts said. */
  low: Decimal;
  high: Decimal;
  /** Against the day before. */
  change: Decimal | null;
  label: GradeLabel;
  /** 0 to 100 each; null where there is no data. */
  parts: Record<GradePart, Decimal | null>;
}

/** Both grades of an asset on a day; null where it cannot be graded, and `reason` says why. */
export interface GradeRow {
  time: string;
  asset: string;
  symbol: string;
  trader: Grade | null;
  investor: Grade | null;
  reason: string | null;
}

/** One factor's share in a grade. */
export interface FactorShare {
  factor: string;
  part: GradePart;
  /** As measured, before it is ranked. */
  value: Decimal | null;
  /** 0 to 100 among the universe of that day. */
  score: Decimal | null;
  /** Of the part's weight that was really used; weights of one grade sum to 1. */
  weight: Decimal;
}

/** What an asset's grades are made of. For the last day of each derivation. */
export interface FactorRow {
  time: string;
  asset: string;
  trader: FactorShare[];
  investor: FactorShare[];
}

/** How good a grade has been up to a day. One row a grade and horizon. */
export interface EvaluationRow {
  time: string;
  grade: 'trader' | 'investor';
  horizonDays: Decimal;
  /** Days that were judged, and assets on an average day. */
  days: Decimal;
  assets: Decimal;
  rankIc: Decimal | null;
  icIr: Decimal | null;
  neweyWestT: Decimal | null;
  /** Share of days with a positive rank IC. */
  hitRate: Decimal | null;
  /** Mean return of the best tenth less that of the worst, per horizon, in basis points. */
  spreadBps: Decimal | null;
  spreadAfterFeesBps: Decimal | null;
  /** Spearman correlation of the decile's number with its mean return. */
  monotonicity: Decimal | null;
  /** Share of the best decile that is replaced per horizon. */
  turnover: Decimal | null;
  /** Mean absolute difference of the stated and the observed hit rate. */
  calibrationError: Decimal | null;
  /** Probability that the Sharpe ratio of the spread is above zero, after all trials that were counted. */
  deflatedSharpe: Decimal | null;
  trials: Decimal;
  /** Rank correlation of the grades when one source lies. */
  stability: Decimal | null;
  deciles: { decile: Decimal; meanReturnBps: Decimal; assets: Decimal }[];
  /** fail: no better than chance; unknown: too little was observed. */
  status: 'pass' | 'fail' | 'unknown';
  reason: string;
}

/** What to hold of an asset after a day. */
export interface SignalRow {
  time: string;
  asset: string;
  /** 1 long, 0 flat, -1 short. */
  signal: '1' | '0' | '-1';
  /** First day with this signal. */
  since: string;
  reasons: string[];
  /** The rule over the history up to that day, after all costs; null while it is too short. */
  backtest: {
    days: Decimal;
    trades: Decimal;
    winRate: Decimal | null;
    returnPct: Decimal;
    holdReturnPct: Decimal;
    sharpe: Decimal | null;
    maxDrawdownPct: Decimal;
  } | null;
}

/** Risk and return of an asset up to a day. Ratios are annual over 365 days. */
export interface RiskRow {
  time: string;
  asset: string;
  days: Decimal;
  returnPct: Decimal;
  cagrPct: Decimal | null;
  volatilityPct: Decimal | null;
  sharpe: Decimal | null;
  sortino: Decimal | null;
  maxDrawdownPct: Decimal;
  /** Of a day's return, at 95 %: losses are positive. */
  varPct: Decimal | null;
  cvarPct: Decimal | null;
  tailRatio: Decimal | null;
  skew: Decimal | null;
  kurtosis: Decimal | null;
  /** Indicators that traders read. */
  indicators: Record<string, Decimal | null>;
}

/** Prices at which an asset turned before. */
export interface LevelRow {
  time: string;
  asset: string;
  support: { price: Decimal; touches: Decimal; strength: Decimal; lastTouch: string }[];
  resistance: { price: Decimal; touches: Decimal; strength: Decimal; lastTouch: string }[];
}

/** With what an asset moves. */
export interface CorrelationRow {
  time: string;
  asset: string;
  windowDays: Decimal;
  toMarket: Decimal | null;
  highest: { asset: string; correlation: Decimal }[];
  lowest: { asset: string; correlation: Decimal }[];
}

/** A sector or theme. */
export interface NarrativeRow {
  time: string;
  narrative: string;
  name: string;
  members: string[];
  leaders: string[];
  return7dPct: Decimal | null;
  return30dPct: Decimal | null;
  /** Return against the market over 30 days, in percent. */
  momentumPct: Decimal | null;
  /** Mean correlation within, less that with the rest. */
  cohesion: Decimal | null;
  marketCapUsd: Decimal | null;
  catalysts: { title: string; link: string; time: string; article: string }[];
  /** Why these belong together. */
  basis: string;
}

/** A rule-based index. */
export interface IndexRow {
  time: string;
  index: string;
  name: string;
  value: Decimal;
  changePct: Decimal | null;
  rule: string;
  rebalanced: boolean;
  /** Sum of the absolute changes of weight at this rebalancing, halved. */
  turnover: Decimal;
  holdings: { asset: string; weight: Decimal; price: Decimal }[];
  /** Of this rebalancing, at the stated cost of a trade. */
  costBps?: Decimal;
  /** The value to somebody who paid these costs since the first day. */
  valueAfterCosts?: Decimal;
  /** What happened that day, in words: who left, and at which price. */
  notes?: string[];
}

/** What a price would be in three cases, and under several sizes of the whole market. */
export interface ScenarioRow {
  time: string;
  asset: string;
  horizonDays: Decimal;
  price: Decimal;
  cases: { name: 'bear' | 'base' | 'moon'; price: Decimal; returnPct: Decimal; basis: string }[];
  marketCaps: { totalUsd: Decimal; bear: Decimal; base: Decimal; moon: Decimal }[];
}

/** What is written about an asset; asset `market` sums up all. */
export interface SentimentRow {
  time: string;
  asset: string;
  /** -1 to 1; null when nothing was written. */
  score: Decimal | null;
  label: 'positive' | 'neutral' | 'negative' | 'unknown';
  articles: Decimal;
  positive: Decimal;
  negative: Decimal;
  latest: { title: string; link: string; time: string; article: string; score: Decimal }[];
}

/** A place in a top-ten list. */
export interface GuideRow {
  time: string;
  guide: string;
  name: string;
  place: Decimal;
  asset: string;
  reasons: string[];
}

/** Row type of each observed kind. */
export interface ObservedRows {
  bars: BarRow;
  'market-caps': CapRow;
  funding: FundingRow;
  articles: ArticleRow;
  activity: ActivityRow;
  development: DevelopmentRow;
}
export type ObservedKind = keyof ObservedRows;
export const OBSERVED_KINDS = [
  'bars',
  'market-caps',
  'funding',
  'articles',
  'activity',
  'development',
] as const satisfies readonly ObservedKind[];

/** Row type of each figure. */
export interface FigureRows {
  assets: AssetRow;
  prices: PriceRow;
  grades: GradeRow;
  factors: FactorRow;
  evaluation: EvaluationRow;
  signals: SignalRow;
  risk: RiskRow;
  levels: LevelRow;
  correlation: CorrelationRow;
  narratives: NarrativeRow;
  indices: IndexRow;
  scenarios: ScenarioRow;
  sentiment: SentimentRow;
  guides: GuideRow;
}
export type FigureName = keyof FigureRows;
