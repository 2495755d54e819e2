/** How the console words things: no digit is lost or moved, and nothing but a number is grouped. */
import type { Finding } from '@assay/core';
import { describe, expect, test } from 'vitest';
import { age, describeRecord, describeStream, moment, price, reasonOf, short } from './words.ts';

const THIN = '\u202f';
const VERDICT = {
  id: 'cd'.repeat(32),
  decision: 'flag',
  level: 'L1',
  required: 'L1',
  quality: { accuracy: null, completeness: '1', consistency: '1', credibility: null, currentness: '0.5' },
  contract: { name: 'kraken.USDC-USD.1m', version: '1.0.0', digest: { sha256: 'ef'.repeat(32) } },
} as const;

describe('words', () => {
  test('a price is grouped and keeps every digit', () => {
    expect(price('20534.10')).toBe(`20${THIN}534.10`);
    expect(price('-1234567.00000001')).toBe(`-1${THIN}234${THIN}567.00000001`);
    expect(price('0.9567')).toBe('0.9567');
  });

  test('a digest or a time that ends in digits is left alone', () => {
    for (const text of ['abc123456', '2023-03-11', '1e21', '']) expect(price(text)).toBe(text);
  });

  test('ages take the largest unit, and a clock that is ahead gives no negative age', () => {
    const at = '2023-03-11T07:00:00Z';
    const after = (seconds: number) => age(at, Date.parse(at) + seconds * 1000);
    expect([-5, 0, 89, 90, 5_400, 172_800].map(after)).toEqual(['0 s', '0 s', '89 s', '2 min', '2 h', '2 d']);
  });

  test('a flagged row is given its own reason first, else the batch’s, never another row’s', () => {
    const finding = (reason: string, rows?: [number, number][]): Finding & { exhibits: [] } => ({
      exhibits: [],
      check: 'freshness',
      status: 'fail',
      severity: 'flag',
      reason,
      ...(rows ? { rows } : {}),
    });
    const why = (row: number, findings: (Finding & { exhibits: [] })[]) =>
      reasonOf({ id: `${'ab'.repeat(32)}.${row}`, decision: 'flag', verdict: { ...VERDICT, findings } });
    const late = finding('late');
    const low = finding('too low', [[3, 5]]);
    expect(why(4, [late, low])).toBe('too low');
    expect(why(6, [low, late])).toBe('late');
    expect(why(6, [low])).toBe(null);
  });

  test('records are named as people would', () => {
    expect(describeRecord({ kind: 'row', stream: 'assay.market.grades' })).toBe('this row of market grades');
    expect(describeStream('assay.market.prices')).toBe('Market prices');
    expect(describeRecord({ kind: 'row', stream: 'kraken.USDC-USD.1m' })).toBe(
      'this USDC/USD minute from Kraken',
    );
    expect(describeRecord({ kind: 'row', stream: 'assay.BTC-USD.reference-rate.1h' })).toBe(
      'this hour’s BTC/USD reference rate',
    );
    expect(describeRecord({ kind: 'observation', stream: 'binance.BTC-USDT.1m' })).toBe(
      'this batch of BTC/USDT minutes from Binance',
    );
    expect(moment('2023-03-11T07:00:00Z')).toBe('2023-03-11 07:00');
    expect(short(`${'ab'.repeat(32)}.12`)).toBe('ababababab….12');
  });
});
