/**
 * The panel: examples computed by hand for the composite bar and for each defect, identities that are never joined,
 * no look-ahead whatever the future says, and the relaunches and redenominations of 2020 to 2023 in real snapshots.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { DuckDBInstance } from '@duckdb/node-api';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decimalOf, significant } from '../decimal-of.ts';
import type { BarRow, CapRow } from '../rows.ts';
import { assetsFigure } from './assets-figure.ts';
import { buildPanel, PANEL_PARAMETERS } from './build-panel.ts';
import { compositeBar } from './composite-bar.ts';
import { dayIndex, nameOn, seriesOf, unitOn } from './panel.ts';

const DAY = 86_400_000;
const T0 = Date.UTC(2024, 0, 1);
const time = (day: number) => `${new Date(T0 + day * DAY).toISOString().slice(0, 19)}Z`;
const bar = (day: number, close: number, more: Partial<BarRow> = {}): BarRow => ({
  time: time(day),
  asset: 'AAA',
  open: String(close),
  high: String(close),
  low: String(close),
  close: String(close),
  volume: '10',
  ...more,
});
const cap = (day: number, price: number, supply: number, more: Partial<CapRow> = {}): CapRow => ({
  time: time(day),
  asset: 'AAA',
  symbol: 'AAA',
  name: 'Alpha',
  rank: '1',
  priceUsd: String(price),
  marketCapUsd: String(price * supply),
  supply: String(supply),
  volumeUsd: null,
  ...more,
});
const days = (from: number, to: number, price: (day: number) => number, more: Partial<BarRow> = {}) =>
  Array.from({ length: to - from }, (_, i) => bar(from + i, price(from + i), more));
const build = (venues: BarRow[][], caps: CapRow[] = [], length = 100, parameters = PANEL_PARAMETERS) =>
  buildPanel(
    {
      bars: venues.map((rows, v) => ({ stream: `v${v}.bars.1d`, rows })),
      caps: [{ stream: 'caps', rows: caps }],
      days: { fromMs: T0, toMs: T0 + length * DAY },
    },
    parameters,
  );
const kinds = (defects: { kind: string }[]) => defects.map(({ kind }) => kind);
const venueBar = (stream: string, close: number, volume: number) => ({
  stream,
  open: close,
  high: close,
  low: close,
  close,
  volume,
});

test('composite close: the median weighted by volume, weights capped, deviating venues left out', () => {
  const of = (bars: [number, number][], last: number | null = null) =>
    compositeBar(
      bars.map(([close, volume], i) => venueBar(`v${i}`, close, volume)),
      last,
      { deviationLimitBps: 300, weightCap: '0.4' },
    );
  // Two: half of the weight decides, a tie takes the mean.
  expect(
    of([
      [100, 3],
      [101, 1],
    ])?.close,
  ).toBe(100);
  expect(
    of([
      [100, 2],
      [101, 2],
    ])?.close,
  ).toBe(100.5);
  // Weights 1, 1 and min(98, 2 × 0.4/0.6 = 1.33): the half of 3.33 is reached at the second.
  expect(
    of([
      [100, 1],
      [101, 1],
      [102, 98],
    ])?.close,
  ).toBe(101);
  const spiked = of([
    [100, 1],
    [101, 1],
    [150, 1000],
  ])!;
  expect(spiked.close).toBe(100.5);
  expect(spiked.volume).toBe(2);
  expect(spiked.excluded).toMatchObject([{ bar: { stream: 'v2' }, reason: 'deviates' }]);
  expect(spiked.excluded[0]!.deviationBps).toBeCloseTo((150 / 100.5 - 1) * 1e4, 9);
  // Two that differ: the last close tells, or nothing does.
  expect(
    of(
      [
        [100, 1],
        [150, 9],
      ],
      101,
    ),
  ).toMatchObject({ close: 100, undecided: false });
  expect(
    of([
      [100, 1],
      [150, 1],
    ]),
  ).toMatchObject({ close: 125, undecided: true });
  expect(
    of([
      [100, 0],
      [101, 5],
    ]),
  ).toMatchObject({ close: 101, excluded: [{ reason: 'no-trades' }] });
  expect(of([])).toBeNull();
});

test('any venues: the composite bar is a bar, and lies between what was kept', () => {
  const price = fc.integer({ min: 1, max: 1_000_000 }).map((n) => n / 100);
  fc.assert(
    fc.property(
      fc.array(fc.tuple(price, price, price, price, fc.integer({ min: 0, max: 1000 })), {
        minLength: 1,
        maxLength: 7,
      }),
      fc.option(price, { nil: null }),
      (drawn, last) => {
        const bars = drawn.map(([a, b, c, d, volume], i) => {
          const [low, , , high] = [a, b, c, d].sort((x, y) => x - y) as [number, number, number, number];
          return { stream: `v${i}`, open: a, close: b, high, low, volume };
        });
        const made = compositeBar(bars, last, PANEL_PARAMETERS)!;
        expect(made.low).toBeLessThanOrEqual(Math.min(made.open, made.close));
        expect(made.high).toBeGreaterThanOrEqual(Math.max(made.open, made.close));
        const closes = made.kept.map(({ close }) => close);
        expect(made.close).toBeGreaterThanOrEqual(Math.min(...closes));
        expect(made.close).toBeLessThanOrEqual(Math.max(...closes));
        expect(made.kept.length + made.excluded.length).toBe(bars.length);
      },
    ),
  );
});

test('decimals: rounded, canonical, never a NaN, an exponent or a minus zero', () => {
  expect([1.005, -0.0001, 0, 1e-9, 123456789.5].map((x) => decimalOf(x, 2))).toEqual([
    '1',
    '0',
    '0',
    '0',
    '123456789.5',
  ]);
  expect([Number.NaN, Number.POSITIVE_INFINITY, 1e70].map((x) => decimalOf(x, 2))).toEqual([
    null,
    null,
    null,
  ]);
  expect([0.0000123456789, 123456.789, -1.5e-12, 0, Number.NaN].map((x) => significant(x, 4))).toEqual([
    '0.00001235',
    '123457',
    '-0.0000000000015',
    '0',
    null,
  ]);
});

test('each broken row is named and left out; the panel has the rest', () => {
  const { panel, defects } = build(
    [
      [
        bar(0, 100),
        bar(1, 100, { close: '-1', low: '-1' }),
        bar(2, 100, { high: '99', low: '101' }),
        bar(3, 100, { close: 'NaN' }),
        bar(5, 100),
        bar(4, 100),
        bar(5, 100),
        bar(5, 101),
        bar(6, 100, { volume: '0' }),
        bar(7, 0),
        bar(8, 100, { time: time(8).replace('T00', 'T08') }),
        bar(9, 100, { time: 'never' }),
        bar(10, 100, { close: '103' }),
        bar(11, 100, { asset: 'AAA#2' }),
        bar(12, 100),
      ],
    ],
    [],
    13,
  );
  expect(kinds(defects).sort()).toEqual([
    'contradicting-rows',
    'duplicate-row',
    'high-below-low',
    'high-below-low',
    'malformed',
    'malformed',
    'missing-days',
    'missing-days',
    'not-a-day',
    'out-of-order',
    'price-not-positive',
    'price-not-positive',
    'zero-volume',
  ]);
  expect(defects.every(({ text }) => text.length > 10)).toBe(true);
  const closes = [...seriesOf(panel, panel.close, 0)];
  expect(closes.map((x) => (Number.isNaN(x) ? null : x))).toEqual(
    Array.from({ length: 13 }, (_, d) => ([0, 4, 5, 6, 12].includes(d) ? 100 : null)),
  );
  expect(panel.assets).toEqual(['AAA']);
});

test('capitalisation is carried forward while it is fresh, and ends when the asset leaves the snapshots', () => {
  const others = [10, 20].map((day) => cap(day, 5, 10, { asset: 'BBB', symbol: 'BBB', name: 'Beta' }));
  const { panel } = build([days(0, 80, () => 100)], [cap(10, 100, 7), ...others], 80);
  const at = (day: number) => panel.marketCap[day]!;
  expect([at(9), at(10), at(19)]).toEqual([Number.NaN, 700, 700]);
  // On day 20 the source published again, without it.
  expect(at(20)).toBeNaN();
  const alone = build([days(0, 80, () => 100)], [cap(10, 100, 7)], 80).panel;
  expect([alone.marketCap[55], alone.marketCap[56]]).toEqual([700, Number.NaN]);
  expect(alone.supply[30]).toBe(7);
});

test('a ticker that comes back is another asset: after a silence at another price, or with another name', () => {
  const crashed = build([[...days(0, 10, () => 80), ...days(60, 70, () => 2)]]);
  expect(crashed.panel.assets).toEqual(['AAA', 'AAA#2']);
  expect(crashed.panel.symbols).toEqual(['AAA', 'AAA']);
  expect(crashed.defects).toMatchObject([
    { kind: 'relaunched', asset: 'AAA#2', from: time(9), to: time(60) },
  ]);
  expect(seriesOf(crashed.panel, crashed.panel.close, 0)[60]).toBeNaN();
  expect(seriesOf(crashed.panel, crashed.panel.close, 1)[60]).toBe(2);
  const renamed = build(
    [[...days(0, 10, () => 80), ...days(60, 70, () => 81)]],
    [cap(1, 80, 10), cap(55, 80, 10, { name: 'Omega' })],
  );
  expect(renamed.panel.assets).toEqual(['AAA', 'AAA#2']);
  // The same price after a silence, or a crash without one, is the same asset.
  expect(build([[...days(0, 10, () => 80), ...days(60, 70, () => 82)]]).panel.assets).toEqual(['AAA']);
  const fell = build([[...days(0, 10, () => 80), ...days(10, 20, () => 15)]]);
  expect(fell.panel.assets).toEqual(['AAA']);
  expect(kinds(fell.defects)).toEqual(['price-jump']);
});

test('a redenomination keeps the asset and its returns, is named at once, and is confirmed by the supply', () => {
  const rows = [...days(0, 10, () => 200), ...days(10, 20, () => 2.04)];
  const { panel, defects } = build([rows], [cap(2, 200, 5), cap(15, 2.04, 500)], 20);
  expect(panel.assets).toEqual(['AAA']);
  expect(panel.close[10]! / panel.close[9]!).toBeCloseTo(1.02, 12);
  expect(panel.volume[10]).toBeCloseTo(0.1, 12);
  expect([unitOn(panel, 0, 9), unitOn(panel, 0, 10)]).toEqual([1, 100]);
  expect([panel.supply[9], panel.supply[15]]).toEqual([5, 5]);
  expect(defects.map(({ kind, to }) => [kind, to])).toEqual([
    ['redenomination', time(10)],
    ['redenomination', time(15)],
  ]);
  expect(defects[1]!.text).toMatch(/confirmed$/);
  const doubted = build([rows], [cap(2, 200, 5), cap(15, 2.04, 5)], 20);
  expect(doubted.defects.at(-1)!.text).toMatch(/somebody must look/);
  // An announced ratio need be no power of ten; a tenfold move within the day is a move.
  const stated = build([[...days(0, 10, () => 200), ...days(10, 20, () => 8)]], [], 20, {
    ...PANEL_PARAMETERS,
    redenominations: [{ asset: 'AAA', from: time(10), newPerOld: '25' }],
  });
  expect(stated.panel.close[10]).toBe(200);
  const moved = build([[...days(0, 10, () => 200), bar(10, 20, { open: '200', high: '200' })]], [], 11);
  expect(moved.panel.close[10]).toBe(20);
  expect(moved.defects).toEqual([]);
});

test('two assets with one ticker in a snapshot: the price tells which one trades', () => {
  const { panel, defects } = build(
    [days(0, 10, () => 80)],
    [cap(3, 80, 10), cap(6, 81, 10), cap(6, 0.5, 1000, { name: 'Other' })],
    10,
  );
  expect(panel.assets).toEqual(['AAA', 'AAA#2']);
  expect(panel.names).toEqual(['Alpha', 'Other']);
  expect([panel.marketCap[6], panel.marketCap[10 + 6]]).toEqual([810, 500]);
  expect(kinds(defects)).toEqual(['duplicate-symbol']);
  const alone = build([days(0, 10, () => 80)], [cap(6, 0.5, 1000, { name: 'Other' })], 10);
  expect(kinds(alone.defects)).toEqual(['cap-disagrees']);
  expect(alone.panel.marketCap[6]).toBeNaN();
});

test('nothing later changes an earlier day: whatever follows, the columns and rows before it stay', () => {
  const cut = 40;
  // The past ends in the middle of a run, after a gap: neither its end nor its count may show.
  const past = [
    ...days(0, cut - 6, (day) => 100 + day),
    ...days(cut - 4, cut, (day) => 100 + day, { volume: '0' }),
  ];
  const caps = [cap(3, 103, 10), cap(30, 130, 11)];
  const [before] = [build([past], caps, cut)];
  const event = fc.record({
    day: fc.integer({ min: cut, max: 99 }),
    price: fc.constantFrom(1.4, 0.014, 140, 14_000, -3, 7),
    supply: fc.constantFrom(10, 1000),
    name: fc.constantFrom('Alpha', 'Omega'),
    kind: fc.constantFrom('bar', 'cap', 'other'),
  });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 12 }), (events) => {
      const rows = events
        .filter(({ kind }) => kind === 'bar')
        .map(({ day, price, supply }) => bar(day, price, supply === 10 ? { volume: '0' } : {}));
      const later = events
        .filter(({ kind }) => kind === 'cap')
        .map((e) => cap(e.day, e.price, e.supply, { name: e.name }));
      const other = events
        .filter(({ kind }) => kind === 'other')
        .map(({ day, price }) => bar(day, price, { asset: 'AA' }));
      const after = build([[...past, ...rows, ...other]], [...caps, ...later], 100);
      const place = after.panel.assets.indexOf('AAA');
      for (const column of ['open', 'close', 'volume', 'marketCap', 'supply'] as const) {
        const now = seriesOf(after.panel, after.panel[column], place).slice(0, cut);
        expect(now).toEqual(before.panel[column].slice(0, cut));
      }
      const rowsOf = ({ panel, defects }: typeof after) =>
        assetsFigure.compute(
          {
            history: { panel, defects, funding: [], articles: [], activity: [], development: [] },
            days: { from: 0, to: cut },
            figures: {},
          },
          assetsFigure.parameters,
        );
      expect(rowsOf(after)).toEqual(rowsOf(before));
    }),
    { numRuns: 60 },
  );
});

test('assets: rank, class and state as they were on the day', () => {
  const { panel, defects } = build(
    [
      [
        ...days(0, 20, () => 100),
        ...days(0, 100, () => 1.001, { asset: 'USDX' }),
        ...days(0, 100, () => 5, { asset: 'BIG' }),
      ],
    ],
    [
      cap(0, 100, 2e6),
      cap(0, 5, 4e9, { asset: 'BIG', symbol: 'BIG', name: 'Big' }),
      cap(50, 5, 4e9, { asset: 'BIG', symbol: 'BIG', name: 'Bigger' }),
    ],
  );
  const on = (day: number) =>
    assetsFigure.compute(
      {
        history: { panel, defects, funding: [], articles: [], activity: [], development: [] },
        days: { from: day, to: day + 1 },
        figures: {},
      },
      assetsFigure.parameters,
    );
  expect(on(10).map(({ asset, rank, class: size, state }) => [asset, rank, size, state])).toEqual([
    ['AAA', '2', 'small', 'active'],
    ['BIG', '1', 'large', 'active'],
    ['USDX', null, 'unknown', 'active'],
  ]);
  expect(on(25).map(({ state }) => state)).toEqual(['quiet', 'active', 'active']);
  const late = on(95);
  expect(late.map(({ state, class: size }) => [state, size])).toEqual([
    ['delisted', 'unknown'],
    ['active', 'large'],
    ['active', 'stablecoin'],
  ]);
  expect(late[0]).toMatchObject({ lastBar: time(19), firstBar: time(0), marketCapUsd: null });
  expect(nameOn(panel, 1, 10)).toBe('Big');
});

test('empty input and broken days', () => {
  expect(build([], [], 0).panel.assets).toEqual([]);
  expect(() => buildPanel({ bars: [], caps: [], days: { fromMs: 1, toMs: DAY } })).toThrow(/whole UTC days/);
  expect(() =>
    buildPanel({
      bars: [{ stream: 'v', rows: [bar(0, 1)] }],
      caps: [],
      days: { fromMs: 0, toMs: 2e7 * DAY },
    }),
  ).toThrow(/at most 20000000/);
});

const data = fileURLToPath(new URL('../../../../../shared/data/coinbase-daily/', import.meta.url));
test.skipIf(!existsSync(data))(
  'real snapshots 2020 to 2023: LUNA and BNX are two assets, BTT was redenominated, renames stay one asset',
  async () => {
    const connection = await (await DuckDBInstance.create(':memory:')).connect();
    const read = async (sql: string) =>
      (await connection.runAndReadAll(sql)).getRowObjectsJson() as Record<string, string>[];
    const caps = (
      await read(
        `select "Symbol" s, "Name" n, "Rank" r, "Price" p, "Market Cap" m, "Circulating Supply" u, snapshot_date d from '${data}market-cap-monthly-2020-2023.parquet' order by d, r`,
      )
    ).map(
      (row): CapRow => ({
        time: `${row.d!.slice(0, 4)}-${row.d!.slice(4, 6)}-${row.d!.slice(6, 8)}T00:00:00Z`,
        asset: row.s!,
        symbol: row.s!,
        name: row.n!,
        rank: row.r!,
        priceUsd: String(row.p),
        marketCapUsd: String(row.m),
        supply: row.u === null ? null : String(row.u),
        volumeUsd: null,
      }),
    );
    const bars = (
      await read(
        `select strftime(date, '%Y-%m-%dT00:00:00Z') t, * from '${data}ohlcv-2020-2023.parquet' order by date, base`,
      )
    ).map(
      (row): BarRow => ({
        time: row.t!,
        asset: row.base!,
        open: String(row.open),
        high: String(row.high),
        low: String(row.low),
        close: String(row.close),
        volume: String(row.volume),
      }),
    );
    const { panel, defects } = buildPanel({
      bars: [{ stream: 'coinbase.bars.1d', rows: bars }],
      caps: [{ stream: 'caps', rows: caps }],
      days: { fromMs: Date.UTC(2020, 0, 1), toMs: Date.UTC(2024, 0, 1) },
    });
    const of = (ticker: string) => panel.assets.filter((asset) => asset.split('#')[0] === ticker);
    expect(of('LUNA')).toEqual(['LUNA', 'LUNA#2']);
    const luna = defects.find(({ kind, asset }) => kind === 'relaunched' && asset === 'LUNA#2')!;
    expect([luna.from.slice(0, 7), luna.to.slice(0, 7)]).toEqual(['2022-05', '2022-10']);
    expect(of('BNX')).toEqual(['BNX', 'BNX#2']);
    expect(
      defects.find(({ kind, asset }) => kind === 'duplicate-symbol' && asset!.startsWith('BNX')),
    ).toBeDefined();
    expect(of('BTT')).toEqual(['BTT']);
    expect(defects.find(({ kind, asset }) => kind === 'redenomination' && asset === 'BTT')!.text).toMatch(
      /one old unit became 1000 new ones/,
    );
    for (const ticker of ['BTC', 'ETH', 'MATIC', 'OMG', 'STX', 'HBAR']) expect(of(ticker)).toEqual([ticker]);
    const btc = panel.assets.indexOf('BTC');
    const jump = dayIndex(panel, '2022-05-15T00:00:00Z');
    expect(nameOn(panel, btc, jump)).toBe('Bitcoin');
    expect(panel.marketCap[btc * panel.days.length + jump]).toBeGreaterThan(1e11);
  },
  30_000,
);
