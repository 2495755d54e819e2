/**
 * From weights to orders: rebalancing lists add up exactly whatever the numbers; position sizes never risk more than
 * the budget; hedges by hand-computed examples; stress against direct computation.
 */
import { fromScaled, toScaled } from '@assay/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type OptionQuote, optionHedge, perpetualHedge } from './hedge.ts';
import { type PositionSizeRequest, positionSize } from './position-size.ts';
import { rebalance } from './rebalance.ts';
import { betasTo, factorShock, maximumDrawdown, scenarioOutcomes, worstWindows } from './stress.ts';

describe('rebalancing', () => {
  const position = (asset: string, quantity: string, targetWeight: string, more: object = {}) => ({
    asset,
    quantity,
    price: '100',
    targetWeight,
    lot: '1',
    minNotional: '0',
    feeBps: '0',
    ...more,
  });

  test('worked by hand: 10 + 0 of 1000 to half and half, with 10 basis points of fee', () => {
    const result = rebalance({
      cash: '0',
      positions: [
        position('A', '10', '0.5', { feeBps: '10' }),
        position('B', '0', '0.5', { feeBps: '10', lot: '0.01' }),
      ],
      band: '0',
      tradeTo: 'target',
    });
    // 5 A sold for 500 less 0.5; of B 4.99 lots cost 499 + 0.499 = 499.499, while 5.00 would cost 500.5.
    expect(result.orders).toEqual([
      { asset: 'A', side: 'sell', quantity: '5', price: '100', notional: '500', fee: '0.5' },
      { asset: 'B', side: 'buy', quantity: '4.99', price: '100', notional: '499', fee: '0.499' },
    ]);
    expect(result.cashAfter).toBe('0.001');
    expect(result.fees).toBe('0.999');
    expect(result.valueAfter).toBe('999.001');
    expect(result.turnover).toBe('0.4995');
  });

  test('bands, lots and least notionals: what is not traded is named with the reason', () => {
    const result = rebalance({
      cash: '100',
      positions: [
        position('NEAR', '4', '0.42'),
        position('LOT', '0', '0.09'),
        position('SMALL', '0', '0.1', { lot: '0.1', minNotional: '150' }),
        position('FAR', '5', '0.39'),
      ],
      band: '0.05',
      tradeTo: 'target',
    });
    expect(result.untraded).toEqual([
      { asset: 'NEAR', reason: 'within the band of 0.05' },
      { asset: 'LOT', reason: 'less than a lot of 1' },
      { asset: 'SMALL', reason: '100 is below the least notional 150' },
    ]);
    // 0.50 of 1000 down to 0.39: 1.1 lots, so 1.
    expect(result.orders).toEqual([
      { asset: 'FAR', side: 'sell', quantity: '1', price: '100', notional: '100', fee: '0' },
    ]);
    const edge = rebalance({
      cash: '0',
      positions: [position('A', '10', '0.5', { lot: '0.001' })],
      band: '0.05',
      tradeTo: 'band',
    });
    expect(edge.orders[0]!.quantity).toBe('4.5');
  });

  const decimals = (most: number, digits: number) =>
    fc.integer({ min: 0, max: most * 10 ** digits }).map((value) => fromScaled(BigInt(value), digits));
  const request = fc.record({
    cash: decimals(10_000, 2),
    band: decimals(1, 3).map((value) => (Number(value) > 0.2 ? '0.01' : value)),
    tradeTo: fc.constantFrom('target' as const, 'band' as const),
    positions: fc
      .array(
        fc.record({
          quantity: decimals(1000, 4),
          price: decimals(1000, 3).map((value) => (value === '0' ? '0.001' : value)),
          share: fc.nat(100),
          lot: fc.constantFrom('0.0001', '0.01', '1', '5'),
          minNotional: fc.constantFrom('0', '10', '250'),
          feeBps: fc.constantFrom('0', '2.5', '10', '100'),
        }),
        { minLength: 1, maxLength: 8 },
      )
      .map((list) => {
        const total = Math.max(
          1,
          list.reduce((sum, { share }) => sum + share, 0),
        );
        return list.map(({ share, ...rest }, i) => ({
          ...rest,
          asset: `A${i}`,
          targetWeight: fromScaled(BigInt(Math.floor((share / total) * 1e10)), 10),
        }));
      }),
  });

  test('holdings, cash and fees add up exactly; whole lots; nothing too small; no cash that is not there', () => {
    fc.assert(
      fc.property(request, (given) => {
        const value = given.positions.reduce(
          (sum, { quantity, price }) => sum + Number(quantity) * Number(price),
          Number(given.cash),
        );
        fc.pre(value > 0);
        const result = rebalance(given);
        const exact = (text: string) => toScaled(text, 60);
        const unit = 10n ** 60n;
        const held = result.holdings.reduce((sum, { value: worth }) => sum + exact(worth), 0n);
        expect(held + exact(result.cashAfter)).toBe(exact(result.valueAfter));
        expect(exact(result.valueAfter) + exact(result.fees)).toBe(exact(result.valueBefore));
        expect(result.orders.reduce((sum, { fee }) => sum + exact(fee), 0n)).toBe(exact(result.fees));
        expect(exact(result.cashAfter)).toBeGreaterThanOrEqual(0n);
        for (const order of result.orders) {
          const { lot, minNotional, price } = given.positions.find(({ asset }) => asset === order.asset)!;
          expect(exact(order.quantity) % exact(lot)).toBe(0n);
          expect(exact(order.notional)).toBeGreaterThanOrEqual(exact(minNotional));
          expect((exact(order.quantity) * exact(price)) / unit).toBe(exact(order.notional));
        }
        for (const [i, { quantity }] of given.positions.entries()) {
          const order = result.orders.find(({ asset }) => asset === `A${i}`);
          const change = order ? exact(order.quantity) * (order.side === 'buy' ? 1n : -1n) : 0n;
          expect(exact(result.holdings[i]!.quantity)).toBe(exact(quantity) + change);
        }
      }),
      { numRuns: 300, seed: 7 },
    );
  });

  test.each([
    [position('A', '1', '1', { price: '0' }), /positive price of A/],
    [position('A', '1', '1', { price: '-1' }), /positive price of A/],
    [position('A', '1', '1', { lot: '0' }), /positive lot of A/],
    [position('A', 'NaN', '1'), /quantity of A as a decimal/],
    [position('A', '0', '1'), /positive total value/],
  ])('refused: %j', (given, message) => {
    expect(() => rebalance({ cash: '0', positions: [given], band: '0', tradeTo: 'target' })).toThrow(message);
  });
});

describe('position size', () => {
  const base: PositionSizeRequest = {
    equity: 10_000,
    side: 'long',
    entryPrice: 100,
    maxLoss: 0.01,
    measure: { kind: 'stop', stopPrice: 95 },
    feeBps: 0,
    slippageBps: 0,
    maxWeight: 1,
    lot: '0.001',
    minNotional: 10,
  };

  test('by hand: 1 % of 10000 over a stop 5 away is 20 units; ATR, VaR and Kelly likewise', () => {
    expect(positionSize(base)).toMatchObject({
      quantity: '20',
      notional: '2000',
      lossAtStop: '100',
      limitedBy: 'loss-budget',
    });
    expect(positionSize({ ...base, measure: { kind: 'atr', atr: 4, multiple: 2.5 } }).quantity).toBe('10');
    expect(positionSize({ ...base, measure: { kind: 'value-at-risk', fraction: 0.2 } }).quantity).toBe('5');
    expect(positionSize({ ...base, side: 'short', measure: { kind: 'stop', stopPrice: 110 } }).quantity).toBe(
      '10',
    );
    expect(positionSize({ ...base, maxWeight: 0.1 })).toMatchObject({
      quantity: '10',
      limitedBy: 'max-weight',
    });
    // p = 0.6 at 1:1 is a Kelly fraction of 0.2; a hundredth of it risks 20.
    const kelly = { winRate: 0.6, payoff: 1, scale: 0.01, cap: 0.5 };
    expect(positionSize({ ...base, kelly })).toMatchObject({
      quantity: '4',
      kellyFraction: '0.2',
      limitedBy: 'kelly',
    });
    expect(positionSize({ ...base, kelly: { ...kelly, winRate: 0.4 } })).toMatchObject({
      quantity: '0',
      kellyFraction: '-0.2',
    });
  });

  test('whatever the numbers, being stopped out with fees and slippage costs no more than the budget', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.001, max: 1e5, noNaN: true }),
        fc.double({ min: 0.01, max: 0.99, noNaN: true }),
        fc.double({ min: 0.001, max: 0.2, noNaN: true }),
        fc.integer({ min: 0, max: 200 }),
        (entryPrice, distance, maxLoss, feeBps) => {
          const stopPrice = entryPrice * (1 - distance);
          const { quantity } = positionSize({
            ...base,
            entryPrice,
            maxLoss,
            feeBps,
            slippageBps: 5,
            measure: { kind: 'stop', stopPrice },
            maxWeight: 100,
          });
          const units = Number(quantity);
          const sold = stopPrice * (1 - 5 / 10_000);
          const lost = units * (entryPrice - sold) + (units * (entryPrice + stopPrice) * feeBps) / 10_000;
          expect(lost).toBeLessThanOrEqual(10_000 * maxLoss * (1 + 1e-9));
        },
      ),
      { numRuns: 200, seed: 11 },
    );
  });

  test('refused: a stop on the wrong side, no price, NaN', () => {
    expect(() => positionSize({ ...base, measure: { kind: 'stop', stopPrice: 105 } })).toThrow(
      /a stop below the entry 100, got 105/,
    );
    expect(() => positionSize({ ...base, entryPrice: -1 })).toThrow(/positive entry price/);
    expect(() => positionSize({ ...base, equity: Number.NaN })).toThrow(/positive equity, got NaN/);
  });
});

describe('hedges', () => {
  const base = {
    exposureUsd: 100_000,
    hedgeRatio: 1,
    method: { kind: 'beta' as const, beta: 1.2 },
    contractUnits: 0.01,
    price: 50_000,
    fundingPerDay: 0.0003,
    horizonDays: 10,
    feeBps: 5,
  };

  test('perpetual by beta: 120000 of 500 a contract is 240 sold, which earn positive funding', () => {
    expect(perpetualHedge(base)).toEqual({
      side: 'short',
      contracts: '240',
      notionalUsd: '120000',
      ratio: '1.2',
      residualExposureUsd: '0',
      effectiveness: null,
      fundingCostUsd: '-360',
      feeUsd: '120',
    });
    expect(perpetualHedge({ ...base, exposureUsd: -100_000 })).toMatchObject({
      side: 'long',
      contracts: '240',
      fundingCostUsd: '360',
    });
    expect(perpetualHedge({ ...base, exposureUsd: 200 })).toMatchObject({
      side: 'none',
      contracts: '0',
      residualExposureUsd: '240',
    });
  });

  test('minimum variance: no other ratio leaves less variance, and R² is what it removes', () => {
    const perpetual = Float64Array.of(0.01, -0.02, 0.03, -0.01, 0.02, 0);
    const exposure = Float64Array.of(0.02, -0.01, 0.04, -0.03, 0.01, 0.01);
    const { ratio, effectiveness } = perpetualHedge({
      ...base,
      method: { kind: 'minimum-variance', exposure, perpetual },
    });
    const left = (h: number) => {
      const series = exposure.map((value, t) => value - h * perpetual[t]!);
      const mean = series.reduce((sum, value) => sum + value, 0) / 6;
      return series.reduce((sum, value) => sum + (value - mean) ** 2, 0);
    };
    for (const step of [-0.1, -0.001, 0.001, 0.1])
      expect(left(Number(ratio) + step)).toBeGreaterThan(left(Number(ratio)));
    expect(1 - left(Number(ratio)) / left(0)).toBeCloseTo(Number(effectiveness), 7);
    expect(() =>
      perpetualHedge({
        ...base,
        method: { kind: 'minimum-variance', exposure, perpetual: new Float64Array(6) },
      }),
    ).toThrow(/perpetual that moved/);
  });

  const quote = (kind: 'put' | 'call', strike: number, price: number, delta: number): OptionQuote => ({
    kind,
    strike,
    price,
    delta,
    expiry: '2024-06-28',
  });
  const chain = [
    quote('put', 90, 3, -0.3),
    quote('put', 80, 1, -0.1),
    quote('put', 95, 5, -0.4),
    quote('call', 110, 2.8, 0.3),
    quote('call', 120, 1, 0.15),
    { ...quote('put', 99, 0.1, -0.5), expiry: '2024-03-29' },
  ];
  const holding = { quantity: 10, spot: 100, chain, expiry: '2024-06-28', maxLoss: 0.15, contractUnits: 1 };

  test('protective put: the cheapest that keeps the loss within 15 % is the 90, which loses 13 %', () => {
    expect(optionHedge({ ...holding, strategy: 'protective-put' })).toEqual({
      put: { strike: '90', contracts: '10', premiumUsd: '30' },
      call: null,
      costUsd: '30',
      worstLossUsd: '130',
      bestGainUsd: null,
      deltaAfter: '7',
      breakEven: '103',
      expiry: '2024-06-28',
    });
  });

  test('collar: the call nearest in premium pays for the put; value at expiry never below the stated worst', () => {
    const collar = optionHedge({ ...holding, strategy: 'collar' });
    expect(collar).toMatchObject({
      put: { strike: '90' },
      call: { strike: '110', contracts: '10' },
      costUsd: '2',
      worstLossUsd: '102',
      bestGainUsd: '98',
      deltaAfter: '4',
    });
    for (let price = 0; price <= 200; price += 5) {
      const gain = 10 * (price - 100) + 10 * Math.max(0, 90 - price) - 10 * Math.max(0, price - 110) - 2;
      expect(gain).toBeGreaterThanOrEqual(-102);
      expect(gain).toBeLessThanOrEqual(98);
    }
  });

  test('refused with the least loss that could be had, and what is missing', () => {
    expect(() => optionHedge({ ...holding, maxLoss: 0.05, strategy: 'protective-put' })).toThrow(
      /the least is 0\.1$/,
    );
    expect(() => optionHedge({ ...holding, expiry: '2030-01-01', strategy: 'collar' })).toThrow(
      /no put and call that expires/,
    );
  });
});

describe('stress', () => {
  const returns = [Float64Array.of(0.1, -0.2, -0.1, 0.3, -0.05), Float64Array.of(0, 0.1, -0.1, 0, 0)];
  const weights = Float64Array.of(0.5, 0.5);

  test('worst windows do not overlap and let the weights drift', () => {
    const [first, second] = worstWindows(weights, returns, 2, 3);
    // (0.8 × 0.9 − 1) / 2 + (1.1 × 0.9 − 1) / 2
    expect(first).toMatchObject({ from: 1, to: 2 });
    expect(first!.return).toBeCloseTo(-0.145, 12);
    expect(second).toMatchObject({ from: 3, to: 4 });
    expect(worstWindows(weights, returns, 6, 3)).toEqual([]);
  });

  test('drawdown: from the peak after the first period to the trough after the third', () => {
    const { drawdown, peak, trough } = maximumDrawdown(Float64Array.of(0.1, -0.2, -0.1, 0.3));
    expect(drawdown).toBeCloseTo(0.8 * 0.9 - 1, 12);
    expect([peak, trough]).toEqual([0, 2]);
  });

  test('factor shock by beta, never below a total loss; scenarios with and without probabilities', () => {
    const factor = Float64Array.of(0.01, -0.02, 0.015, -0.03);
    const betas = betasTo(factor, [factor, factor.map((value) => 5 * value)]);
    expect(betas[0]).toBeCloseTo(1, 12);
    expect(betas[1]).toBeCloseTo(5, 12);
    expect(factorShock(weights, betas, -0.3).return).toBeCloseTo(0.5 * -0.3 + 0.5 * -1, 12);
    expect(() => betasTo(new Float64Array(4), returns)).toThrow(/factor that moved/);
    const cases = [
      { name: 'down', returns: Float64Array.of(-0.5, -0.2), probability: 0.4 },
      { name: 'up', returns: Float64Array.of(0.5, 0.3), probability: 0.6 },
    ];
    const { outcomes, expected } = scenarioOutcomes(weights, cases);
    expect(outcomes.map((outcome) => outcome.return)).toEqual([-0.35, 0.4]);
    expect(expected).toBeCloseTo(0.1, 12);
    expect(scenarioOutcomes(weights, [cases[0]!]).expected).toBeNull();
  });
});
