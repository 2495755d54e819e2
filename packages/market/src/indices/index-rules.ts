import type { Decimal } from '@assay/core';

/** How an index picks its constituents and weighs them. */
export interface IndexRule {
  id: string;
  name: string;
  /** In words, as it is published with every value. */
  rule: string;
  rebalance: 'monthly' | 'weekly';
  /** Constituents, and how many of the largest they are picked from. */
  count: number;
  among: number;
  pick: 'market-cap' | 'low-volatility' | 'trader-grade';
  weigh: 'market-cap' | 'equal' | 'inverse-volatility' | 'grade';
  /** No weight above this at a rebalancing. */
  maxWeight: Decimal;
  /** Themes of the lexicon that are left out. */
  without: readonly string[];
}

/** What can be held: the same for all indices. */
export interface IndexParameters {
  rules: readonly IndexRule[];
  base: Decimal;
  /** Bars within the last `seasoningDays` that a constituent needs, and the median turnover of those days. */
  seasoningDays: number;
  minBars: number;
  minTurnoverUsd: Decimal;
  /** Days over which volatility is measured. */
  volatilityDays: number;
  /** A grade older than this is none. */
  gradeDays: number;
  /** A constituent without a bar for this long leaves at its last price. */
  staleDays: number;
  /** A price that changes by more than this factor in a day is a redenomination, or no price. */
  jumpFactor: number;
  /** Fee and slippage of a trade, of its notional. */
  costBps: Decimal;
}

const COMMON =
  'Without stablecoins, wrapped coins and tokenised gold; listed for a month, median daily turnover of a month at least 500,000 USD; picked by what was known the day before.';

/** The indices in use. What each number means is in docs/indices.md. */
export const INDEX_PARAMETERS: IndexParameters = {
  rules: [
    {
      id: 'assay-10',
      name: 'Assay 10',
      rule: `The ten largest by market capitalisation, weighted by it, at most 30 % each; monthly. ${COMMON}`,
      rebalance: 'monthly',
      count: 10,
      among: 10,
      pick: 'market-cap',
      weigh: 'market-cap',
      maxWeight: '0.3',
      without: [],
    },
    {
      id: 'assay-20',
      name: 'Assay 20',
      rule: `The twenty largest by market capitalisation, weighted by it, at most 20 % each; monthly. ${COMMON}`,
      rebalance: 'monthly',
      count: 20,
      among: 20,
      pick: 'market-cap',
      weigh: 'market-cap',
      maxWeight: '0.2',
      without: [],
    },
    {
      id: 'assay-equal-30',
      name: 'Assay Equal 30',
      rule: `The thirty largest by market capitalisation, equal weights; monthly. ${COMMON}`,
      rebalance: 'monthly',
      count: 30,
      among: 30,
      pick: 'market-cap',
      weigh: 'equal',
      maxWeight: '1',
      without: [],
    },
    {
      id: 'assay-low-volatility',
      name: 'Assay Low Volatility',
      rule: `Of the forty largest the twelve with the lowest volatility over 90 days, weighted by its inverse, at most 15 % each; monthly. ${COMMON}`,
      rebalance: 'monthly',
      count: 12,
      among: 40,
      pick: 'low-volatility',
      weigh: 'inverse-volatility',
      maxWeight: '0.15',
      without: [],
    },
    {
      id: 'assay-large-no-memes',
      name: 'Assay Large Caps without Memes',
      rule: `The fifteen largest by market capitalisation without memecoins, weighted by it, at most 25 % each; monthly. ${COMMON}`,
      rebalance: 'monthly',
      count: 15,
      among: 15,
      pick: 'market-cap',
      weigh: 'market-cap',
      maxWeight: '0.25',
      without: ['meme'],
    },
    {
      id: 'assay-grade',
      name: 'Assay Grade',
      rule: `Of the sixty largest the ten with the highest Trader Grade, weighted by it, at most 20 % each; weekly. ${COMMON}`,
      rebalance: 'weekly',
      count: 10,
      among: 60,
      pick: 'trader-grade',
      weigh: 'grade',
      maxWeight: '0.2',
      without: [],
    },
  ],
  base: '1000',
  seasoningDays: 30,
  minBars: 28,
  minTurnoverUsd: '500000',
  volatilityDays: 90,
  gradeDays: 7,
  staleDays: 7,
  jumpFactor: 8,
  costBps: '20',
};
