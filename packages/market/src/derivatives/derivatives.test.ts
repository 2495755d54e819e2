/**
 * Options, perpetuals and margins against published values: Haug's and Hull's worked examples, tables of the normal
 * distribution, and the greeks that a venue itself stated for 976 options. Then what must hold of any of them.
 */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  black76,
  blackScholes,
  erfc,
  impliedVolatility,
  liquidationOf,
  marginTiers,
  normalCdf,
  type OptionQuote,
  perpetualProfit,
  scanMargin,
  volatilityAt,
  volatilitySurface,
} from './index.ts';

const RECORDING = fileURLToPath(
  new URL('../../../../../shared/data/options-btc/deribit-2021-02-11.csv', import.meta.url),
);

test('the normal distribution is right to fourteen digits of published tables', () => {
  for (const [x, value] of [
    [0, 0.5],
    [1, 0.8413447460685429],
    [2, 0.9772498680518208],
    [-1, 0.15865525393145705],
    [-5, 2.866515718791939e-7],
    [-10, 7.61985302416047e-24],
  ] as const)
    expect(Math.abs(normalCdf(x) / value - 1), `Φ(${x})`).toBeLessThan(1e-14);
  for (const [x, value] of [
    [0.5, 0.4795001221869535],
    [1, 0.15729920705028513],
    [5, 1.5374597944280347e-12],
    [-1, 1.8427007929497148],
  ] as const)
    expect(Math.abs(erfc(x) / value - 1), `erfc(${x})`).toBeLessThan(1e-14);
});

test('prices and greeks of worked examples (Haug 2007; Hull 2006), to the digits that they print', () => {
  const hull = { strike: 40, spot: 42, rate: 0.1, volatility: 0.2, years: 0.5 };
  expect(blackScholes({ kind: 'call', ...hull }).price).toBeCloseTo(4.76, 2);
  expect(blackScholes({ kind: 'put', ...hull }).price).toBeCloseTo(0.81, 2);
  const onFuture = { forward: 20, strike: 20, rate: 0.09, volatility: 0.25, years: 4 / 12 };
  expect(black76({ kind: 'put', ...onFuture }).price).toBeCloseTo(1.12, 2);
  const oil = { forward: 19, strike: 19, years: 0.75, rate: 0.1, volatility: 0.28 };
  expect(black76({ kind: 'call', ...oil }).price).toBeCloseTo(1.7011, 4);
  expect(black76({ kind: 'put', ...oil }).price).toBeCloseTo(1.7011, 4);
  const delta = { forward: 105, strike: 100, years: 0.5, rate: 0.1, volatility: 0.36 };
  expect(black76({ kind: 'call', ...delta }).delta).toBeCloseTo(0.5946, 4);
  expect(black76({ kind: 'put', ...delta }).delta).toBeCloseTo(-0.3566, 4);
  const stock = { spot: 55, strike: 60, years: 0.75, volatility: 0.3 };
  expect(blackScholes({ kind: 'call', ...stock, rate: 0.1 }).gamma).toBeCloseTo(0.0278, 4);
  expect(blackScholes({ kind: 'call', ...stock, rate: 0.105, yield: 0.0355 }).vega * 100).toBeCloseTo(
    18.5027,
    3,
  );
  const index = { spot: 430, strike: 405, years: 1 / 12, rate: 0.07, yield: 0.05, volatility: 0.2 };
  expect(blackScholes({ kind: 'put', ...index }).theta * 365).toBeCloseTo(-31.1924, 3);
  const rho = { spot: 72, strike: 75, years: 1, rate: 0.09, volatility: 0.19 };
  expect(blackScholes({ kind: 'call', ...rho }).rho * 100).toBeCloseTo(38.7325, 4);
});

test('every greek is the slope of the price, by small steps that know nothing of the formula', () => {
  const number = (min: number, max: number) => fc.double({ min, max, noNaN: true });
  fc.assert(
    fc.property(
      fc.constantFrom('call' as const, 'put' as const),
      fc.tuple(number(60, 160), number(0.1, 2), number(0.15, 1.2), number(-0.05, 0.1), number(0, 0.08)),
      (kind, [spot, years, volatility, rate, income]) => {
        const option = { kind, spot, strike: 100, years, volatility, rate, yield: income };
        const priceWith = (change: Partial<typeof option>) => blackScholes({ ...option, ...change }).price;
        const slope = (name: 'spot' | 'volatility' | 'rate' | 'years', h: number) =>
          (priceWith({ [name]: option[name] + h }) - priceWith({ [name]: option[name] - h })) / (2 * h);
        const greeks = blackScholes(option);
        expect(greeks.delta).toBeCloseTo(slope('spot', 1e-3), 6);
        expect(greeks.vega * 100).toBeCloseTo(slope('volatility', 1e-5), 4);
        expect(greeks.rho * 100).toBeCloseTo(slope('rate', 1e-5), 4);
        expect(greeks.theta * 365).toBeCloseTo(-slope('years', 1e-5), 3);
        const deltaAt = (at: number) => blackScholes({ ...option, spot: at }).delta;
        expect(greeks.gamma).toBeCloseTo((deltaAt(spot + 1e-3) - deltaAt(spot - 1e-3)) / 2e-3, 6);
        // Put–call parity, with the forward that carrying the spot gives.
        const other = blackScholes({ ...option, kind: kind === 'call' ? 'put' : 'call' }).price;
        const parity = spot * Math.exp(-income * years) - 100 * Math.exp(-rate * years);
        expect(greeks.price - other).toBeCloseTo(kind === 'call' ? parity : -parity, 9);
        const forward = spot * Math.exp((rate - income) * years);
        const found = impliedVolatility({ kind, forward, strike: 100, years, rate, price: greeks.price });
        if (greeks.vega > 1e-6) expect(found).toBeCloseTo(volatility, 6);
      },
    ),
  );
});

test.skipIf(!existsSync(RECORDING))('delta of 976 recorded options is within 1e-4 of the venue’s own', () => {
  const options = recorded();
  expect(options).toHaveLength(976);
  let worst = 0;
  for (const { delta, vega, markIv, ...option } of options) {
    const greeks = black76({ ...option, volatility: markIv });
    worst = Math.max(worst, Math.abs(greeks.delta - delta));
    expect(Math.abs(greeks.vega - vega), option.instrument).toBeLessThan(0.02);
  }
  expect(worst).toBeLessThan(1e-4);
});

test.skipIf(!existsSync(RECORDING))(
  'a surface from recorded marks gives the venue’s volatilities back',
  () => {
    const options = recorded();
    const atMs = options[0]!.atMs;
    const quotes: OptionQuote[] = options.map(({ mark, ...option }) => ({
      ...option,
      price: mark * option.forward,
    }));
    const surface = volatilitySurface(quotes, atMs);
    expect(surface.slices.length).toBe(new Set(options.map(({ expiryMs }) => expiryMs)).size);
    const errors = options
      // Marks have eight digits, in bitcoin: a volatility from a price of a few of them is noise.
      .filter(
        ({ kind, strike, forward, mark }) =>
          (kind === 'call' ? strike >= forward : strike <= forward) && mark > 1e-3,
      )
      .map(({ strike, forward, expiryMs, markIv }) =>
        Math.abs(volatilityAt(surface, { logMoneyness: Math.log(strike / forward), expiryMs })! - markIv),
      );
    expect(errors.length).toBeGreaterThan(200);
    expect(Math.max(...errors)).toBeLessThan(0.01);
    expect(volatilityAt(surface, { logMoneyness: 0, expiryMs: atMs + 10 * 365 * 86_400_000 })).toBeNull();
  },
);

test('a volatility is found wherever one exists, and none is where none does', () => {
  const option = { kind: 'call' as const, forward: 100, strike: 100, years: 1 };
  expect(impliedVolatility({ ...option, price: 7.965567455405804 })).toBeCloseTo(0.2, 12);
  expect(impliedVolatility({ ...option, price: 0 })).toBeNull();
  expect(impliedVolatility({ ...option, price: 100 })).toBeNull();
  expect(impliedVolatility({ ...option, strike: 80, price: 19.99 })).toBeNull();
  expect(impliedVolatility({ ...option, price: Number.NaN })).toBeNull();
  for (const bad of [
    { forward: 0 },
    { strike: -1 },
    { years: 0 },
    { volatility: -0.1 },
    { forward: Number.NaN },
  ])
    expect(() => black76({ ...option, volatility: 0.2, ...bad }), JSON.stringify(bad)).toThrow(
      expect.objectContaining({ code: 'ARGUMENT_INVALID' }),
    );
  expect(black76({ ...option, strike: 90, volatility: 0 })).toMatchObject({ price: 10, delta: 1, gamma: 0 });
});

test('total variance that falls with time is named, and what cannot be used is left out with a reason', () => {
  const day = 86_400_000;
  const quote = (days: number, volatility: number, kind: 'call' | 'put', strike: number): OptionQuote => ({
    ...{ instrument: `${days}-${strike}-${kind}`, kind, strike, forward: 100, expiryMs: days * day },
    price: black76({ kind, forward: 100, strike, years: days / 365, volatility }).price,
  });
  const rising = volatilitySurface([quote(30, 0.5, 'call', 100), quote(60, 0.5, 'call', 100)], 0);
  expect(rising.warnings).toEqual([]);
  expect(volatilityAt(rising, { logMoneyness: 0, expiryMs: 45 * day })).toBeCloseTo(0.5, 9);
  const falling = volatilitySurface([quote(30, 0.9, 'call', 100), quote(60, 0.5, 'call', 100)], 0);
  expect(falling.warnings).toHaveLength(1);
  const { left } = volatilitySurface(
    [
      quote(30, 0.5, 'put', 90),
      quote(30, 0.5, 'call', 90),
      { ...quote(30, 0.5, 'put', 80), expiryMs: -day },
      { ...quote(30, 0.5, 'put', 80), price: null },
      { ...quote(30, 0.5, 'put', 70), price: 71 },
    ],
    0,
  );
  expect(left.map(({ reason }) => reason)).toEqual([
    'it has expired',
    'its price is outside what any volatility gives',
    'it has no price',
    'it is in the money',
  ]);
  expect(() => volatilitySurface([], 0)).toThrow(/no option/);
});

test('perpetuals: price, funding and fees of small examples done by hand; inverse contracts in the coin', () => {
  const linear = { contract: 'linear' as const, size: 2, entryPrice: 100 };
  const funding = [
    { rate: 0.001, markPrice: 105 },
    { rate: -0.0005, markPrice: 110 },
  ];
  const result = perpetualProfit(linear, { exitPrice: 110, funding, feeRate: 0.0005 });
  expect(result.price).toBeCloseTo(20, 12);
  expect(result.funding).toBeCloseTo(-0.21 + 0.11, 12);
  expect(result.fees).toBeCloseTo(-(200 + 220) * 0.0005, 12);
  expect(result.total).toBeCloseTo(20 - 0.1 - 0.21, 12);
  // 10,000 dollars long from 10,000 to 12,500: a fifth of a coin.
  const inverse = perpetualProfit(
    { contract: 'inverse', size: 10_000, entryPrice: 10_000 },
    { exitPrice: 12_500, funding: [{ rate: 0.0001, markPrice: 10_000 }] },
  );
  expect(inverse.price).toBeCloseTo(0.2, 12);
  expect(inverse.funding).toBeCloseTo(-0.0001, 12);
  expect(() => perpetualProfit(linear, { exitPrice: 0, funding: [] })).toThrow(/exitPrice/);
});

test('at its liquidation price a position’s equity is exactly its maintenance margin, in whichever tier', () => {
  const tiers = marginTiers([
    { notional: 50_000, maintenanceRate: 0.004 },
    { notional: 250_000, maintenanceRate: 0.005 },
    { notional: 1_000_000, maintenanceRate: 0.01 },
    { notional: 1e12, maintenanceRate: 0.025 },
  ]);
  // Binance's published deductions for these brackets.
  expect(tiers.map(({ deduction }) => Math.round(deduction * 100) / 100)).toEqual([0, 50, 1_300, 16_300]);
  const number = (min: number, max: number) => fc.double({ min, max, noNaN: true });
  fc.assert(
    fc.property(
      number(0.01, 200),
      fc.boolean(),
      number(100, 60_000),
      number(0.02, 0.9),
      (units, long, entryPrice, share) => {
        const size = long ? units : -units;
        const collateral = units * entryPrice * share;
        const { price, marginRatio } = liquidationOf(
          { contract: 'linear', size, entryPrice },
          { collateral, markPrice: entryPrice, tiers },
        );
        expect(price).not.toBeNull();
        const notional = units * price!;
        const tier = tiers.find((one) => notional <= one.notional)!;
        const equity = collateral + size * (price! - entryPrice);
        const maintenance = notional * tier.maintenanceRate - tier.deduction;
        expect(Math.abs(equity - maintenance) / (units * entryPrice)).toBeLessThan(1e-9);
        if (marginRatio > 1) expect(long ? price! < entryPrice : price! > entryPrice).toBe(true);
      },
    ),
  );
  const covered = liquidationOf(
    { contract: 'linear', size: 1, entryPrice: 100 },
    { collateral: 200, markPrice: 100, tiers },
  );
  expect(covered.price).toBeNull();
  expect(() =>
    marginTiers([
      { notional: 2, maintenanceRate: 0.1 },
      { notional: 1, maintenanceRate: 0.2 },
    ]),
  ).toThrow(/rising/);
});

test('a scan prices hedges: what offsets lowers the margin, what adds up does not', () => {
  const future = (size: number) => ({ instrument: 'perp', kind: 'future' as const, size, price: 100 });
  const put = (size: number) => ({
    ...{
      instrument: 'put',
      kind: 'put' as const,
      size,
      forward: 100,
      strike: 100,
      years: 0.25,
      volatility: 0.8,
    },
  });
  const bare = scanMargin([future(1)]);
  // One coin long: the worst is three thirds down, 15 % of 100; the extreme move counts for a third of 45.
  expect(bare.scanRisk).toBeCloseTo(15, 9);
  expect(bare.scenarios).toHaveLength(16);
  expect(scanMargin([future(1), put(1)]).margin).toBeLessThan(bare.margin);
  expect(scanMargin([future(1), future(-1)]).margin).toBe(0);
  expect(scanMargin([put(1)]).margin).toBeGreaterThan(0);
  const deep = scanMargin([{ ...put(-1), strike: 1 }]);
  expect(deep.margin).toBeCloseTo(0.1, 6);
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: -3, max: 3 }), fc.integer({ min: 60, max: 140 })), {
        minLength: 2,
        maxLength: 6,
      }),
      (lines) => {
        const positions = lines.map(([size, strike]) => ({ ...put(size), strike }));
        const apart = positions.reduce((sum, one) => sum + scanMargin([one]).scanRisk, 0);
        expect(scanMargin(positions).scanRisk).toBeLessThanOrEqual(apart + 1e-9);
      },
    ),
  );
  expect(() => scanMargin([])).toThrow(/1 to 1000/);
});

function recorded() {
  const [head = '', ...lines] = readFileSync(RECORDING, 'utf8').trim().split('\n');
  const names = head.split(',');
  return lines.map((line) => {
    // Books are quoted and hold commas; what is read here stands outside of them.
    const cells = line.replace(/"[^"]*"/g, 'book').split(',');
    const cell = (name: string) => cells[names.indexOf(name)]!;
    const instrument = cell('instrument_name');
    const [, day = '', strike, kind] = instrument.split('-');
    const expiryMs = Date.parse(day.replace(/(\d+)([A-Z]{3})(\d\d)/, '$1 $2 20$3 08:00 UTC'));
    const atMs = Number(cell('timestamp'));
    return {
      ...{
        instrument,
        kind: kind === 'C' ? ('call' as const) : ('put' as const),
        strike: Number(strike),
        expiryMs,
        atMs,
      },
      forward: Number(cell('underlying_price')),
      years: (expiryMs - atMs) / (365 * 86_400_000),
      markIv: Number(cell('mark_iv')) / 100,
      mark: Number(cell('mark_price')),
      delta: Number(cell('greeks.delta')),
      vega: Number(cell('greeks.vega')),
    };
  });
}
