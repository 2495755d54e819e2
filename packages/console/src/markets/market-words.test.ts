/** How the market room words numbers: nothing unknown becomes a number, no sign is lost, and links are web addresses. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  amount,
  digits,
  dollars,
  share,
  shortPrice,
  signed,
  signedPercent,
  webAddress,
} from './market-words.ts';
import { requestOf, type Wishes } from './portfolio-request.ts';
import { changed, matching, tableView } from './table-view.ts';

const THIN = '\u202f';

describe('numbers', () => {
  test('what is not known is said so, never shown as zero', () => {
    for (const say of [
      (text: string | null) => digits(text, 2),
      (text: string | null) => signed(text, 1),
      signedPercent,
      share,
      shortPrice,
      dollars,
    ])
      for (const text of [null, '', 'NaN', 'Infinity', 'abc']) expect(say(text)).toBe('unknown');
  });

  test('signs stand before what is not zero, and nothing is below zero by rounding alone', () => {
    expect([signed('1.25', 1), signed('-0.04', 1), signed('0', 1), signed('-3', 0)]).toEqual([
      '+1.3',
      '0.0',
      '0.0',
      '−3',
    ]);
    expect(signedPercent('-12.345', 2)).toBe('−12.35\u00a0%');
  });

  test('prices of every size keep five significant digits or cents', () => {
    expect(shortPrice('27123.456')).toBe(`27${THIN}123.46`);
    expect(shortPrice('1.234567')).toBe('1.2346');
    expect(shortPrice('0.0000123456')).toBe('0.000012346');
    fc.assert(
      fc.property(fc.double({ min: 1e-7, max: 1e9, noNaN: true }), (value) => {
        const shown = Number(shortPrice(String(value)).replaceAll(THIN, ''));
        expect(Math.abs(shown / value - 1)).toBeLessThan(1e-4);
      }),
    );
  });

  test('large amounts step to the next word where three digits would say a thousand', () => {
    expect([amount(999_400), amount(999_600), amount(1.234e9), amount(-2.5e6), amount(12.5)]).toEqual([
      '999\u00a0k',
      '1.00\u00a0m',
      '1.23\u00a0bn',
      '-2.50\u00a0m',
      '12.50',
    ]);
  });

  test('only web addresses may be followed', () => {
    expect(webAddress('https://news.example/a')).toBe('https://news.example/a');
    for (const link of ['javascript:alert(1)', 'data:text/html,x', ' java\nscript:alert(1)', 'nonsense', ''])
      expect(webAddress(link)).toBe(null);
  });
});

describe('the view of the table', () => {
  const line = (asset: string, grade: string | null, cap: string | null) =>
    ({
      asset,
      symbol: asset,
      name: null,
      class: 'large',
      marketCapUsd: cap,
      volumeUsd: cap,
      signal: null,
      trader: grade === null ? null : { grade },
      investor: null,
    }) as Parameters<typeof matching>[0][number];
  const lines = [line('btc', '80', '900'), line('eth', '40', null), line('new', null, '100')];
  const chosen = (view: Parameters<typeof matching>[1]) =>
    matching(lines, view, new Map()).map(({ asset }) => asset);

  test('what is not known is in no range', () => {
    expect(chosen({ min: 0 })).toEqual(['btc', 'eth']);
    expect(chosen({ max: 50 })).toEqual(['eth']);
    expect(chosen({ cap: 100 })).toEqual(['btc', 'new']);
    expect(chosen({ grade: 'investor', min: 0 })).toEqual([]);
    expect(chosen({ signal: 'unknown', q: 'BT' })).toEqual(['btc']);
  });

  test('an address that anybody wrote gives a view or leaves out what makes none', () => {
    expect(
      tableView({ q: 42, min: '30', max: 'x', sort: '-trader', cols: 'rank,nope,trader', cap: -1 }),
    ).toEqual({
      q: '42',
      min: 30,
      sort: '-trader',
      cols: 'rank,trader',
    });
    expect(tableView({ sort: '-constructor', cols: 'toString', q: ['a'], grade: 'best' })).toEqual({});
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (search) => {
        const view = tableView(search);
        expect(tableView(view as Record<string, unknown>)).toEqual(view);
      }),
    );
    expect(changed({ q: 'a', min: 3 }, { q: '', min: undefined })).toEqual({});
  });
});

test('what is typed as percent is asked for as fractions in plain decimals, and what is empty is not asked for', () => {
  const wishes: Wishes = {
    assets: ['btc', 'eth'],
    held: { btc: '0.5' },
    cash: '10000',
    objective: 'efficient-risk',
    target: '45',
    returns: 'black-litterman',
    views: [{ key: 1, asset: 'btc', against: 'eth', returnPct: '7.5', confidencePct: '' }],
    byGrades: false,
    risk: 'sample',
    windowDays: '180',
    minPct: '',
    maxPct: '0.0000001',
    maxAssets: '3',
    turnoverPct: '',
    costBps: '',
    shorting: false,
    shockAsset: 'btc',
    shockPct: '-30',
  };
  const request = requestOf(wishes, new Map([['btc', '20000']]), [
    { name: 'bear', returns: [{ asset: 'btc', returnPct: '-58' }] },
  ]);
  expect(request.objective).toEqual({ name: 'efficient-risk', targetVolatility: '0.45' });
  expect(request.expectedReturns.views).toEqual([
    {
      portfolio: [
        { asset: 'btc', weight: '1' },
        { asset: 'eth', weight: '-1' },
      ],
      return: '0.075',
      confidence: null,
    },
  ]);
  expect(request.constraints).toEqual({ shorting: false, max: '0.000000001', maxAssets: 3 });
  expect(request.currentWeights).toEqual([{ asset: 'btc', weight: '0.5' }]);
  expect(request.stress.shocks).toEqual([{ asset: 'btc', move: '-0.3' }]);
  expect(request.stress.scenarios).toEqual([{ name: 'bear', returns: [{ asset: 'btc', return: '-0.58' }] }]);
  // An asset without a price cannot be traded to: the node says so of its weight, not of a made-up price.
  expect(request.rebalance?.positions.map(({ asset }) => asset)).toEqual(['btc']);
});
