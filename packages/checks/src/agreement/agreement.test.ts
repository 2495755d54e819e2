/** Agreement between venues: hand-made markets in which it is known what moved, then what must hold for any market. */
import type { Candle, Finding } from '@assay/core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { AgreementTerms } from '../rules/contract.ts';
import { type AgreementInput, checkAgreement } from './agreement.ts';

const T0 = Date.UTC(2023, 2, 11, 7);
const at = (minute: number) => `${new Date(T0 + minute * 60_000).toISOString().slice(0, 19)}Z`;
const candle = (minute: number, close: string, volume = '1'): Candle => ({
  time: at(minute),
  open: close,
  high: close,
  low: close,
  close,
  volume,
});
const TERMS: AgreementTerms = {
  minimumVenues: 2,
  staleAfterMinutes: 5,
  toleranceBps: 75,
  madMultiple: 3,
  minimumCoverage: '0.9',
  atParLimitBps: null,
};
const input = (stream: string, rows: Candle[], change: Partial<AgreementInput> = {}): AgreementInput => ({
  stream: `${stream}.1m`,
  terms: /BTC-USD[CT]/.test(stream) ? { ...TERMS, atParLimitBps: 100 } : TERMS,
  rows,
  history: [],
  ...change,
});

/** One minute of all eleven streams at consistent prices, with some of them changed. */
function market(change: Record<string, string> = {}): AgreementInput[] {
  const prices: Record<string, string> = {
    'binance.BTC-USDC': '20000',
    'binance.BTC-USDT': '20000',
    'binance.USDC-USDT': '1',
    'coinbase.BTC-USD': '20000',
    'coinbase.BTC-USDT': '20000',
    'coinbase.USDT-USD': '1',
    'kraken.BTC-USD': '20000',
    'kraken.BTC-USDC': '20000',
    'kraken.BTC-USDT': '20000',
    'kraken.USDC-USD': '1',
    'kraken.USDT-USD': '1',
    ...change,
  };
  return Object.entries(prices).map(([stream, price]) => input(stream, [candle(0, price)]));
}
const finding = (inputs: AgreementInput[], stream: string, check: string): Finding =>
  checkAgreement(inputs)
    .get(`${stream}.1m`)!
    .find((found) => found.check === check)!;

test('a quiet market agrees; the stablecoin pairs have too few independent sources to say so', () => {
  const results = checkAgreement(market());
  for (const [stream, findings] of results) {
    const converted = findings.find(({ check }) => check === 'agreement_converted')!;
    expect(converted.status).toBe(stream.includes('BTC') ? 'pass' : 'unknown');
    expect(findings.find(({ check }) => check === 'agreement_at_par')?.status).toBe(
      /BTC-USD[CT]/.test(stream) ? 'pass' : undefined,
    );
  }
  expect(finding(market(), 'kraken.USDT-USD', 'agreement_converted')).toMatchObject({
    status: 'unknown',
    reason: 'no row could be judged: 1 with too few other venues',
  });
});

test('the stablecoin moved: flagged at par, in agreement once converted, and the reason says so', () => {
  // 20,000 dollars are 21,739.13 USDC at 0.92.
  const depeg = market({
    'kraken.USDC-USD': '0.92',
    'binance.USDC-USDT': '0.92',
    'kraken.BTC-USDC': '21739.13',
    'binance.BTC-USDC': '21739.13',
  });
  expect(finding(depeg, 'kraken.BTC-USDC', 'agreement_converted').status).toBe('pass');
  expect(finding(depeg, 'kraken.BTC-USDC', 'agreement_at_par')).toMatchObject({
    status: 'fail',
    severity: 'flag',
    rows: [[0, 0]],
    score: '0',
    reason:
      '1 of 1 rows differ. The most at 2023-03-11T07:00:00Z: BTC/USDC 21739.13 is +8.7% against BTC/USD 20000 at par; ' +
      'converted at the measured USDC/USD 0.92 (kraken.USDC-USD.1m) it agrees within 0%: the stablecoin moved; ' +
      'the measured rate explains 1 of the 1',
  });
  expect(finding(depeg, 'kraken.BTC-USD', 'agreement_converted').status).toBe('pass');
});

test('the price moved: it fails converted and at par, and no venue that is right is blamed for it', () => {
  const manipulated = market({ 'kraken.BTC-USDT': '21400' });
  expect(finding(manipulated, 'kraken.BTC-USDT', 'agreement_converted')).toMatchObject({
    status: 'fail',
    reason:
      "1 of 1 rows differ. The most at 2023-03-11T07:00:00Z: BTC/USDT converted at the measured USDT/USD 1 is +7% from the other venues' centre, and no measured rate explains it",
  });
  expect(finding(manipulated, 'kraken.BTC-USDT', 'agreement_at_par').reason).toContain(
    "it still differs by +7%: the stablecoin's move does not explain all of it",
  );
  for (const stream of ['coinbase.BTC-USD', 'binance.BTC-USDT', 'kraken.BTC-USD']) {
    expect(finding(manipulated, stream, 'agreement_converted').status).toBe('pass');
  }
});

test('tolerance: 0.75% passes, a hundredth more fails', () => {
  expect(finding(market({ 'kraken.BTC-USD': '20150' }), 'kraken.BTC-USD', 'agreement_converted').status).toBe(
    'pass',
  );
  expect(
    finding(market({ 'kraken.BTC-USD': '20150.01' }), 'kraken.BTC-USD', 'agreement_converted').status,
  ).toBe('fail');
});

test('when the other venues contradict each other they are no yardstick', () => {
  const torn = market({ 'coinbase.BTC-USD': '21000', 'coinbase.BTC-USDT': '21000' });
  expect(finding(torn, 'kraken.BTC-USD', 'agreement_converted')).toMatchObject({
    status: 'unknown',
    reason: expect.stringContaining('while the other venues differed among themselves'),
  });
  expect(finding(torn, 'kraken.BTC-USDC', 'agreement_at_par')).toMatchObject({
    status: 'unknown',
    reason: expect.stringContaining('while the other venues differed among themselves'),
  });
});

test("a stray print in the conversion rate is not the price's fault: unknown, while another rate explains it", () => {
  const stray = market({ 'binance.USDC-USDT': '0.9' });
  expect(finding(stray, 'binance.BTC-USDC', 'agreement_converted')).toMatchObject({
    status: 'unknown',
    reason: 'no row could be judged: 1 that only another measured conversion rate explains',
  });
  expect(finding(stray, 'binance.BTC-USDC', 'agreement_at_par').status).toBe('pass');
});

test('staleness: a carried price ages with its last trade, and missing feeds leave nothing to judge by', () => {
  const carried = (minutes: number) => [
    input('kraken.BTC-USD', [candle(minutes, '20000', '0')], { history: [candle(0, '20000')] }),
    input('coinbase.BTC-USD', [candle(minutes, '20000')]),
    input('binance.BTC-USDT', [candle(minutes, '20000')]),
    input('coinbase.USDT-USD', [candle(minutes, '1')]),
  ];
  expect(finding(carried(5), 'kraken.BTC-USD', 'agreement_converted').status).toBe('pass');
  expect(finding(carried(6), 'kraken.BTC-USD', 'agreement_converted')).toMatchObject({
    status: 'unknown',
    reason: 'no row could be judged: 1 without a recent trade',
  });
  const alone = carried(1).filter(({ stream }) => !stream.startsWith('coinbase'));
  expect(finding(alone, 'kraken.BTC-USD', 'agreement_converted').reason).toContain('too few other venues');
  expect(finding(alone, 'binance.BTC-USDT', 'agreement_converted').reason).toContain(
    'without a recent conversion rate',
  );
});

test('rows that the rules rejected are neither judged nor evidence', () => {
  const inputs = market({ 'coinbase.BTC-USD': '1' }).map((one) =>
    one.stream === 'coinbase.BTC-USD.1m' ? { ...one, rejected: [[0, 0]] as [number, number][] } : one,
  );
  expect(finding(inputs, 'coinbase.BTC-USD', 'agreement_converted').reason).toBe(
    'no row could be judged: 1 not readable',
  );
  // Coinbase still speaks through BTC/USDT.
  expect(finding(inputs, 'kraken.BTC-USD', 'agreement_converted').status).toBe('pass');
});

test('too few rows judged is unknown, and the reason counts them', () => {
  const inputs = market().map((one) =>
    one.stream === 'kraken.BTC-USD.1m'
      ? { ...one, rows: [candle(0, '20000'), ...[10, 11, 12].map((minute) => candle(minute, '20000', '0'))] }
      : one,
  );
  expect(finding(inputs, 'kraken.BTC-USD', 'agreement_converted')).toMatchObject({
    status: 'unknown',
    score: '0.25',
    reason:
      '1 of 4 rows agree with 2 or more other venues, within 0.75% (at most 0% apart); not judged: 3 without a recent trade',
  });
});

const quotes = fc.record(
  Object.fromEntries(
    market().map(({ stream }) => [
      stream.slice(0, -3),
      stream.includes('BTC')
        ? fc.integer({ min: 1_800_000, max: 2_200_000 }).map((cents) => decimal(cents, 2))
        : fc.integer({ min: 9000, max: 10_500 }).map((n) => decimal(n, 4)),
    ]),
  ),
);

test('property: the order of the streams changes nothing', () => {
  fc.assert(
    fc.property(quotes, fc.infiniteStream(fc.nat()), (prices, keys) => {
      const inputs = market(prices);
      const shuffled = inputs
        .map((one) => ({ one, key: keys.next().value as number }))
        .sort((a, b) => a.key - b.key)
        .map(({ one }) => one);
      const sorted = (results: Map<string, Finding[]>) => [...results].sort(([a], [b]) => (a < b ? -1 : 1));
      expect(statuses(sorted(checkAgreement(shuffled)))).toEqual(statuses(sorted(checkAgreement(inputs))));
    }),
    { numRuns: 100 },
  );
});

test('property: bitcoin at another price level gives the same findings', () => {
  fc.assert(
    fc.property(quotes, fc.integer({ min: 1, max: 6 }), (prices, zeros) => {
      const scaled = Object.fromEntries(
        Object.entries(prices).map(([stream, price]) => [
          stream,
          stream.includes('BTC') ? decimal(Math.round(Number(price) * 100), 2, zeros) : price,
        ]),
      );
      expect(statuses([...checkAgreement(market(scaled))])).toEqual(
        statuses([...checkAgreement(market(prices))]),
      );
    }),
    { numRuns: 100 },
  );
});

test('property: one venue alone, however many pairs it lists, neither acquits itself nor condemns another', () => {
  fc.assert(
    fc.property(quotes, (prices) => {
      const kraken = market(prices).filter(({ stream }) => stream.startsWith('kraken'));
      for (const [, findings] of checkAgreement(kraken)) {
        for (const { check, status } of findings) {
          expect(status, check).toBe('unknown');
        }
      }
    }),
    { numRuns: 50 },
  );
});

function statuses(results: readonly (readonly [string, Finding[]])[]) {
  return results.map(([stream, findings]) => [
    stream,
    findings.map(({ check, status, rows, score }) => ({ check, status, rows, score })),
  ]);
}

/** n units of 10^-scale as a canonical decimal, times 10^zeros. */
function decimal(n: number, scale: number, zeros = 0): string {
  const digits = String(n).padStart(scale + 1, '0') + '0'.repeat(zeros);
  const point = digits.length - scale;
  const fraction = digits.slice(point).replace(/0+$/, '');
  return digits.slice(0, point) + (fraction === '' ? '' : `.${fraction}`);
}
