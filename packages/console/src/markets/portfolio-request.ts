import { numberOf } from './market-words.ts';

/** What the gateway is asked for a portfolio, and what comes back: as much of it as this room fills in and shows. */

export interface PortfolioRequest {
  assets: string[];
  windowDays: number;
  objective: {
    name: ObjectiveName;
    riskAversion?: string;
    targetReturn?: string;
    targetVolatility?: string;
    targetCvar?: string;
  };
  expectedReturns: {
    model: ReturnModel;
    market?: 'market-caps';
    views?: { portfolio: { asset: string; weight: string }[]; return: string; confidence: string | null }[];
    grades?: { informationCoefficient: string; confidence: string | null };
  };
  riskModel: { model: RiskModel; repair: 'none' | 'nearest' };
  constraints: {
    shorting: boolean;
    min?: string;
    max?: string;
    maxAssets?: number;
    turnover?: string;
    costBps?: string;
  };
  currentWeights: { asset: string; weight: string }[];
  frontierPoints: number;
  stress: {
    shocks: { asset: string; move: string }[];
    scenarios: { name: string; returns: { asset: string; return: string }[] }[];
  };
  rebalance?: {
    cash: string;
    band: string;
    positions: { asset: string; quantity: string; price: string; minNotional: string; feeBps: string }[];
  };
}

export interface PortfolioResult {
  asOf: string | null;
  periods: number;
  weights: {
    asset: string;
    weight: string;
    change: string;
    riskContribution: string;
    expectedReturn: string;
    volatility: string;
  }[];
  expectedReturn: string;
  volatility: string;
  sharpe: string | null;
  tradingCost: string;
  turnover: string;
  tail: { confidence: string; valueAtRisk: string; cvar: string };
  drawdown: { drawdown: string; from: string | null; to: string | null };
  frontier: { expectedReturn: string; volatility: string; sharpe: string | null; weights: string[] }[];
  stress: {
    windows: { periods: number; return: string; from: string | null; to: string | null }[];
    shocks: { asset: string; move: string; return: string; contributions: Contribution[] }[];
    scenarios: { name: string; return: string; contributions: Contribution[] }[];
  };
  rebalance: {
    orders: {
      asset: string;
      side: 'buy' | 'sell';
      quantity: string;
      price: string;
      notional: string;
      fee: string;
    }[];
    untraded: { asset: string; reason: string }[];
    cashAfter: string;
    valueBefore: string;
    valueAfter: string;
    fees: string;
  } | null;
  leftOut: { asset: string; reason: string }[];
  warnings: string[];
  /** The request with every default filled in: with it anybody computes the same result. */
  parameters: unknown;
}

export interface Contribution {
  asset: string;
  return: string;
}

export interface PortfolioAnswer {
  result: PortfolioResult;
  proof: { record: string; bundle: string } | null;
}

export const OBJECTIVES = {
  'min-variance': 'Least variance',
  'max-sharpe': 'Most return for its risk (Sharpe)',
  'max-utility': 'Most utility, at a risk aversion',
  'efficient-return': 'Least risk that reaches a return',
  'efficient-risk': 'Most return within a volatility',
  'risk-parity': 'Equal shares in the risk',
  hrp: 'Hierarchical risk parity',
  'min-cvar': 'Least expected tail loss (CVaR)',
  'efficient-cvar': 'Most return within a tail loss',
} as const;
export type ObjectiveName = keyof typeof OBJECTIVES;

export const RETURN_MODELS = {
  'historical-mean': 'their own past',
  ema: 'their own past, newer days count more',
  capm: 'their share in the market’s risk (CAPM)',
  'black-litterman': 'the market and views (Black–Litterman)',
} as const;
export type ReturnModel = keyof typeof RETURN_MODELS;

export const RISK_MODELS = {
  'ledoit-wolf': 'shrunk (Ledoit–Wolf)',
  sample: 'as observed',
  exponential: 'newer days count more',
  semicovariance: 'only falls count',
} as const;
export type RiskModel = keyof typeof RISK_MODELS;

/** A view of the asker: an asset will return so much a year, alone or against another. */
export interface View {
  key: number;
  asset: string;
  against: string;
  returnPct: string;
  confidencePct: string;
}

/** What the form holds; numbers as they were typed. */
export interface Wishes {
  assets: string[];
  held: Record<string, string>;
  cash: string;
  objective: ObjectiveName;
  /** Of objectives that have one: percent a year, or a plain number for risk aversion. */
  target: string;
  returns: ReturnModel;
  views: View[];
  byGrades: boolean;
  risk: RiskModel;
  windowDays: string;
  minPct: string;
  maxPct: string;
  maxAssets: string;
  turnoverPct: string;
  costBps: string;
  shorting: boolean;
  shockAsset: string;
  shockPct: string;
}

/** The last close of each asset that has one. */
export type Prices = ReadonlyMap<string, string>;
/** Returns in cases of the future that the scenarios figure names, in percent. */
export type Cases = readonly { name: string; returns: readonly { asset: string; returnPct: string }[] }[];

/** Puts wishes into the gateway's words. Values that were left empty are left out, so that its defaults hold. */
export function requestOf(wishes: Wishes, prices: Prices, cases: Cases): PortfolioRequest {
  const { assets, objective, returns, views, byGrades } = wishes;
  const targets: Partial<Record<ObjectiveName, keyof PortfolioRequest['objective']>> = {
    'efficient-return': 'targetReturn',
    'efficient-risk': 'targetVolatility',
    'efficient-cvar': 'targetCvar',
  };
  const target = targets[objective];
  const bayes = returns === 'black-litterman';
  const values = assets.map(
    (asset) => (numberOf(wishes.held[asset]) ?? 0) * (numberOf(prices.get(asset)) ?? 0),
  );
  const cash = numberOf(wishes.cash) ?? 0;
  const total = values.reduce((sum, value) => sum + value, cash);
  return {
    assets,
    windowDays: Number(wishes.windowDays),
    objective: {
      name: objective,
      ...(target && { [target]: fraction(wishes.target) }),
      ...(objective === 'max-utility' && wishes.target !== '' && { riskAversion: plain(wishes.target) }),
    },
    expectedReturns: {
      model: returns,
      ...((bayes || returns === 'capm') && { market: 'market-caps' as const }),
      ...(bayes && {
        views: views.map(({ asset, against, returnPct, confidencePct }) => ({
          portfolio: [{ asset, weight: '1' }, ...(against === '' ? [] : [{ asset: against, weight: '-1' }])],
          return: fraction(returnPct),
          confidence: confidencePct === '' ? null : fraction(confidencePct),
        })),
        ...(byGrades && { grades: { informationCoefficient: '0.03', confidence: null } }),
      }),
    },
    riskModel: { model: wishes.risk, repair: 'none' },
    constraints: {
      shorting: wishes.shorting,
      ...(wishes.minPct !== '' && { min: fraction(wishes.minPct) }),
      ...(wishes.maxPct !== '' && { max: fraction(wishes.maxPct) }),
      ...(wishes.maxAssets !== '' && { maxAssets: Number(wishes.maxAssets) }),
      ...(wishes.turnoverPct !== '' && { turnover: fraction(wishes.turnoverPct) }),
      ...(wishes.costBps !== '' && { costBps: plain(wishes.costBps) }),
    },
    currentWeights: assets.flatMap((asset, i) =>
      total > 0 && values[i]! > 0 ? [{ asset, weight: plain(String(values[i]! / total)) }] : [],
    ),
    frontierPoints: 24,
    stress: {
      shocks: wishes.shockAsset === '' ? [] : [{ asset: wishes.shockAsset, move: fraction(wishes.shockPct) }],
      scenarios: cases.map(({ name, returns: own }) => ({
        name,
        returns: own.map(({ asset, returnPct }) => ({ asset, return: fraction(returnPct) })),
      })),
    },
    ...(total > 0 && {
      rebalance: {
        cash: plain(wishes.cash || '0'),
        band: '0',
        positions: assets.flatMap((asset) => {
          const price = prices.get(asset);
          return price === undefined
            ? []
            : [
                {
                  asset,
                  quantity: plain(wishes.held[asset] || '0'),
                  price,
                  minNotional: '1',
                  feeBps: plain(wishes.costBps || '0'),
                },
              ];
        }),
      },
    }),
  };
}

/** Percent as typed, as a fraction; what is no number goes as it is, so that the node says so. */
function fraction(percent: string): string {
  const value = numberOf(percent);
  return value === null ? percent : plain(String(value / 100));
}

/** A decimal string without exponent and trailing zeros, to twelve places. */
function plain(text: string): string {
  const value = numberOf(text);
  if (value === null) return text;
  // What was typed plainly keeps every digit.
  if (/^-?(0|[1-9]\d*)(\.\d*[1-9])?$/.test(text) && text.length <= 18) return text;
  return value
    .toFixed(12)
    .replace(/\.?0+$/, '')
    .replace(/^-0$/, '0');
}
