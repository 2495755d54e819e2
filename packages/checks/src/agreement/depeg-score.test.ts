/** Scoring depeg flags against an independent truth, on a market small enough to count by hand. */
import type { Candle, Finding, RowRanges } from '@assay/core';
import { expect, test } from 'vitest';
import { type DepegVerdict, scoreDepeg } from './depeg-score.ts';

const at = (minute: number) =>
  `${new Date(Date.UTC(2023, 2, 11) + minute * 60_000).toISOString().slice(0, 19)}Z`;
const rows = (prices: string[], volumes: string[] = []): Candle[] =>
  prices.map((close, i) => ({
    time: at(i),
    open: close,
    high: close,
    low: close,
    close,
    volume: volumes[i] ?? '1',
  }));
const flag = (check: string, ranges: RowRanges): Finding => ({
  check,
  column: 'close',
  status: 'fail',
  severity: 'flag',
  reason: '',
  rows: ranges,
});
const OPTIONS = { limitBps: 100, marginBps: 25, staleAfterMinutes: 5 };

// USDC at 1, 0.9, 0.9, 0.992 dollars; bitcoin at 20,000 dollars throughout.
const MARKET: DepegVerdict[] = [
  { stream: 'coinbase.BTC-USD.1m', rows: rows(['20000', '20000', '20000', '20000']), findings: [] },
  {
    stream: 'kraken.USDC-USD.1m',
    rows: rows(['1', '0.9', '0.9', '0.992']),
    findings: [flag('expect_column_values_to_be_between', [[1, 1]])],
  },
  {
    stream: 'kraken.BTC-USDC.1m',
    rows: rows(['20000', '22222.22', '22222.22', '20161.29'], ['1', '1', '0', '1']),
    findings: [
      flag('agreement_at_par', [
        [0, 1],
        [3, 3],
      ]),
    ],
  },
];

test('each flag is true, false or missed by the rate of the other instruments', () => {
  const { days } = scoreDepeg(MARKET, OPTIONS);
  expect(days).toEqual([
    {
      stream: 'kraken.BTC-USDC.1m',
      day: '2023-03-11',
      check: 'agreement_at_par',
      rows: 4,
      flags: 3,
      trueFlags: 1,
      // Minute 0 is on the peg; minute 3 is 0.8% off, near the limit of 1%.
      falseFlags: 2,
      falseNearLimit: 1,
      unlabelledFlags: 0,
      missed: 1,
      missedNearLimit: 0,
      missedWithoutTrade: 1,
    },
    {
      stream: 'kraken.USDC-USD.1m',
      day: '2023-03-11',
      check: 'peg',
      rows: 4,
      flags: 1,
      // The truth for the coin itself: 20,000 dollars over 22,222.22 USDC.
      trueFlags: 1,
      falseFlags: 0,
      falseNearLimit: 0,
      unlabelledFlags: 0,
      missed: 1,
      missedNearLimit: 0,
      missedWithoutTrade: 0,
    },
  ]);
});

test('a stream is never its own witness: alone, its flags stay unlabelled', () => {
  const [, coin] = MARKET;
  expect(scoreDepeg([coin!], OPTIONS).days).toMatchObject([
    { flags: 1, trueFlags: 0, falseFlags: 0, unlabelledFlags: 1 },
  ]);
});

test('batches of a stream join in order, and other findings are no depeg flags', () => {
  const [dollars, coin, bitcoin] = MARKET;
  const split = (verdict: DepegVerdict, findings: [Finding[], Finding[]]): DepegVerdict[] => [
    { ...verdict, rows: verdict.rows.slice(0, 2), findings: findings[0] },
    { ...verdict, rows: verdict.rows.slice(2), findings: findings[1] },
  ];
  const verdicts = [
    dollars!,
    ...split(coin!, [
      [flag('expect_column_values_to_be_between', [[1, 1]])],
      [flag('agreement_converted', [[0, 1]])],
    ]),
    ...split(bitcoin!, [[flag('agreement_at_par', [[0, 1]])], [flag('agreement_at_par', [[1, 1]])]]),
  ];
  expect(scoreDepeg(verdicts, OPTIONS)).toEqual(scoreDepeg(MARKET, OPTIONS));
});
