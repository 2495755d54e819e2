import type { Decimal } from '@assay/core';

/** Every number that grades depend on beside the observations and the factors' own windows. */
export interface GradeParameters {
  /** Weight of each factor, by its name. They sum to 1. */
  trader: Readonly<Record<string, Decimal>>;
  investor: Readonly<Record<string, Decimal>>;
  /** Factors from which log market capitalisation is taken off before the ranking. */
  neutralised: readonly string[];
  /** Values are drawn in to the median ± this many robust standard deviations. */
  winsorLimit: Decimal;
  /** Fewer assets than this are no cross-section: nothing is ranked or graded. */
  minimumAssets: number;
  /** Below this share of known weight there is no grade. */
  minimumKnown: Decimal;
  /** Lowest grade of each label but the last. */
  labels: readonly [Decimal, Decimal, Decimal, Decimal];
}

/** In use. docs/grades.md says why, docs/results/grades.md what was tried. */
export const GRADE_PARAMETERS: GradeParameters = {
  trader: {
    'volatility-90': '0.08',
    'lottery-30': '0.08',
    'skew-90': '0.08',
    'high-90': '0.08',
    'reversal-3': '0.08',
    'volume-steadiness-30': '0.045',
    'volume-surge-7': '0.045',
    'turnover-30': '0.045',
    'illiquidity-30': '0.045',
    'funding-7': '0.01',
    'open-interest-growth': '0.01',
    size: '0.09',
    age: '0.09',
    'development-90': '0.02',
    'active-growth-28': '0.025',
    'holders-growth-30': '0.025',
    concentration: '0.025',
    'swap-use-28': '0.025',
    'sentiment-7': '0.1',
  },
  investor: {
    'volatility-360': '0.1',
    'lottery-30': '0.1',
    'skew-90': '0.1',
    'high-90': '0.1',
    'volume-steadiness-30': '0.18',
    'funding-7': '0.01',
    'open-interest-growth': '0.01',
    age: '0.16',
    'development-90': '0.04',
    'active-growth-90': '0.025',
    'holders-growth-30': '0.025',
    concentration: '0.025',
    'swap-use-28': '0.025',
    'sentiment-30': '0.1',
  },
  neutralised: ['volume-steadiness-30', 'volume-surge-7', 'turnover-30', 'illiquidity-30'],
  winsorLimit: '3',
  minimumAssets: 5,
  minimumKnown: '0.15',
  labels: ['65', '55', '45', '35'],
};
