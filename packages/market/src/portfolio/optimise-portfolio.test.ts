/**
 * A whole request from outside: what every objective gives, that the same request gives the same digits, that nothing
 * after the day is read, and what is said of bad input: singular covariance, infeasible set, one asset, NaN, an asset
 * that never moves, duplicates, negative prices, and requests that are no requests.
 */
import { AssayError } from '@assay/core';
import { describe, expect, test } from 'vitest';
import { emptyPanel } from '../panel/index.ts';
import { OBJECTIVES, optimisePortfolio, parsePortfolioRequest, portfolioPanelInputs } from './index.ts';

function prices(n: number, length: number, seed = 1): Float64Array[] {
  let state = seed;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 4294967296;
  };
  return Array.from({ length: n }, () => {
    let price = 100;
    return Float64Array.from({ length }, () => {
      price *= 1 + 0.06 * (random() - 0.48);
      return price;
    });
  });
}
const assets = ['BTC', 'ETH', 'SOL', 'ADA', 'DOT'];
const inputs = {
  assets,
  prices: prices(5, 201),
  marketCaps: [500, 200, 50, 20, 10],
  grades: [80, 60, null, 40, 20],
};
const sum = (weights: { weight: string }[]) =>
  weights.reduce((total, { weight }) => total + Number(weight), 0);
const solve = (request: unknown, given: Parameters<typeof optimisePortfolio>[1] = inputs) =>
  optimisePortfolio(parsePortfolioRequest(request), given);

async function failure(run: () => unknown): Promise<AssayError> {
  try {
    await run();
  } catch (error) {
    expect(error).toBeInstanceOf(AssayError);
    expect((error as AssayError).code).toBe('ARGUMENT_INVALID');
    expect((error as AssayError).next).toBeTruthy();
    return error as AssayError;
  }
  throw new Error('expected a refusal');
}

/** Every text that should be a number is one. */
function numbersIn(value: unknown): string[] {
  return (JSON.stringify(value).match(/NaN|Infinity|-0"|[0-9]e[-+]?[0-9]/g) ?? []) as string[];
}

test.each(OBJECTIVES)('%s: weights sum to 1 exactly, within their bounds, twice the same', async (name) => {
  const request = {
    objective: { name, targetReturn: '0.2', targetVolatility: '0.3', targetCvar: '0.04' },
    windowDays: 200,
    riskFree: '0.02',
    constraints: { max: '0.4', groups: [{ name: 'top two', assets: ['BTC', 'ETH'], max: '0.5' }] },
    frontierPoints: 4,
    stress: {
      shocks: [{ asset: 'BTC', move: '-0.3' }],
      scenarios: [
        { name: 'crash', probability: '0.25', returns: [{ asset: 'BTC', return: '-0.5' }] },
        { name: 'calm', probability: '0.75', returns: [] },
      ],
    },
  };
  const first = await solve(request);
  expect(numbersIn(first)).toEqual([]);
  const exact = first.weights.reduce(
    (total, { weight }) => total + BigInt(Math.round(Number(weight) * 1e10)),
    0n,
  );
  expect(exact).toBe(10_000_000_000n);
  for (const { weight } of first.weights) expect(Number(weight)).toBeLessThanOrEqual(0.4 + 1e-9);
  expect(Number(first.weights[0]!.weight) + Number(first.weights[1]!.weight)).toBeLessThan(0.5 + 1e-9);
  expect(
    first.weights.reduce((total, { riskContribution }) => total + Number(riskContribution), 0),
  ).toBeCloseTo(1, 8);
  expect(first.frontier).toHaveLength(4);
  // BTC falls by its own shock, beta 1.
  const own = first.stress.shocks[0]!.contributions.find(({ asset }) => asset === 'BTC');
  expect(Number(own?.return ?? 0)).toBeCloseTo(-0.3 * Number(first.weights[0]!.weight), 8);
  expect(Number(first.stress.expected)).toBeCloseTo(-0.125 * Number(first.weights[0]!.weight), 8);
  expect(JSON.stringify(await solve(request))).toBe(JSON.stringify(first));
  // What is recorded is enough to ask again.
  const again = parsePortfolioRequest(JSON.parse(JSON.stringify(first.parameters)));
  expect(JSON.stringify(await optimisePortfolio(again, inputs))).toBe(JSON.stringify(first));
});

test.each([
  { model: 'historical-mean' },
  { model: 'ema', span: 60 },
  { model: 'capm', market: 'market-caps' },
  { model: 'given', values: assets.map((asset, i) => ({ asset, return: `0.${i + 1}` })) },
  {
    model: 'black-litterman',
    market: 'market-caps',
    views: [
      {
        portfolio: [
          { asset: 'BTC', weight: '1' },
          { asset: 'ETH', weight: '-1' },
        ],
        return: '0.1',
        confidence: '0.5',
      },
    ],
  },
])('expected returns: $model', async (expectedReturns) => {
  const result = await solve({ objective: { name: 'max-utility' }, expectedReturns, windowDays: 200 });
  expect(numbersIn(result)).toEqual([]);
  expect(sum(result.weights)).toBeCloseTo(1, 9);
});

test('a better grade raises the expected return, a worse one lowers it, and no grade says nothing by itself', async () => {
  const ask = (grades: object | null) =>
    solve({
      objective: { name: 'min-variance' },
      windowDays: 200,
      riskModel: { model: 'ledoit-wolf' },
      expectedReturns: { model: 'black-litterman', market: 'market-caps', grades },
    });
  const [before, after] = [await ask(null), await ask({ informationCoefficient: '0.05' })];
  const moved = after.weights.map(
    ({ expectedReturn }, i) => Number(expectedReturn) - Number(before.weights[i]!.expectedReturn),
  );
  expect(moved[0]).toBeGreaterThan(0);
  expect(moved[4]).toBeLessThan(0);
});

test('turnover, costs and the number of assets are kept', async () => {
  const currentWeights = [
    { asset: 'BTC', weight: '0.5' },
    { asset: 'ETH', weight: '0.5' },
  ];
  const result = await solve({
    objective: { name: 'max-sharpe' },
    windowDays: 200,
    constraints: { turnover: '0.3', costBps: '20', maxAssets: 3 },
    currentWeights,
  });
  expect(Number(result.turnover)).toBeLessThan(0.3 + 1e-8);
  expect(result.weights.filter(({ weight }) => weight !== '0').length).toBeLessThanOrEqual(3);
  // 20 basis points of all that is bought and sold.
  expect(Number(result.tradingCost)).toBeCloseTo(2 * Number(result.turnover) * 0.002, 9);
});

test('long and short: market neutral within a gross leverage', async () => {
  const result = await solve({
    objective: { name: 'efficient-risk', targetVolatility: '0.1' },
    windowDays: 200,
    constraints: { shorting: true, budget: '0', grossLeverage: '0.8' },
  });
  expect(sum(result.weights)).toBeCloseTo(0, 9);
  expect(Number(result.grossLeverage)).toBeLessThan(0.8 + 1e-8);
  expect(Number(result.volatility)).toBeLessThan(0.1 + 1e-8);
});

test('rebalancing goes to the optimum, and current weights come of the holdings', async () => {
  const result = await solve({
    objective: { name: 'hrp' },
    windowDays: 200,
    rebalance: {
      cash: '1000',
      positions: assets.map((asset) => ({
        asset,
        quantity: asset === 'BTC' ? '10' : '0',
        price: '100',
        lot: '0.01',
        feeBps: '10',
      })),
    },
  });
  expect(result.weights[0]!.change).toBe(
    (Number(result.weights[0]!.weight) - 0.5).toFixed(10).replace(/0+$/, ''),
  );
  for (const [i, { weight }] of result.rebalance!.holdings.entries())
    expect(Math.abs(Number(weight) - Number(result.weights[i]!.weight))).toBeLessThan(0.003);
});

describe('a panel', () => {
  const days = Array.from({ length: 60 }, (_, d) => Date.UTC(2024, 0, 1) + d * 86_400_000);
  const make = () => {
    const panel = emptyPanel(
      assets.map((asset) => ({ asset })),
      days,
    );
    for (const [a, series] of prices(5, 60).entries()) panel.close.set(series, a * 60);
    panel.marketCap.fill(100);
    return panel;
  };

  test('lies after the day change nothing', () => {
    const [honest, lying] = [make(), make()];
    for (let a = 0; a < 5; a++) {
      for (let d = 41; d < 60; d++) {
        lying.close[a * 60 + d] = -1e9;
        lying.marketCap[a * 60 + d] = Number.NaN;
      }
    }
    const at = (panel: ReturnType<typeof make>) => portfolioPanelInputs(panel, null, 40, 30);
    expect(at(lying)).toEqual(at(honest));
    expect(at(honest).inputs.prices![0]).toHaveLength(31);
    expect(at(honest).inputs.days!.at(-1)).toBe('2024-02-10T00:00:00Z');
  });

  test('assets with gaps and impossible prices are named, left out or refused', async () => {
    const panel = make();
    panel.close[1 * 60 + 20] = Number.NaN;
    panel.close[2 * 60 + 25] = -3;
    const { inputs: left, leftOut } = portfolioPanelInputs(panel, null, 40, 30);
    expect(left.assets).toEqual(['BTC', 'ADA', 'DOT']);
    expect(leftOut).toEqual([
      { asset: 'ETH', reason: 'no price on 2024-01-21' },
      { asset: 'SOL', reason: 'price -3 on 2024-01-26' },
    ]);
    expect(
      (await failure(() => portfolioPanelInputs(panel, null, 40, 30, { gaps: 'reject' }))).message,
    ).toMatch(/ETH: no price/);
    expect((await failure(() => portfolioPanelInputs(panel, ['XRP'], 40, 30))).message).toMatch(/got XRP/);
    expect((await failure(() => portfolioPanelInputs(panel, null, 60, 30))).message).toMatch(
      /day of the panel/,
    );
    expect(portfolioPanelInputs(panel, ['BTC'], 10, 30).leftOut[0]!.reason).toBe(
      'the panel begins 20 days too late for the window',
    );
  });
});

describe('bad input', () => {
  const minimum = { objective: { name: 'min-variance' }, riskModel: { model: 'sample' }, windowDays: 200 };

  test('two names for one asset: named, repaired only when asked', async () => {
    const [a, b, c] = prices(3, 201) as [Float64Array, Float64Array, Float64Array];
    const twins = { assets: ['A', 'TWIN', 'C'], prices: [a, a.slice(), c] };
    const refused = await failure(() => solve(minimum, twins));
    expect(refused.message).toMatch(/cannot be inverted: some mix of these assets has no risk at all/);
    expect((refused.detail!.assets as string[]).sort()).toEqual(['A', 'TWIN']);
    for (const repair of ['nearest', 'ridge']) {
      const result = await solve({ ...minimum, riskModel: { model: 'sample', repair } }, twins);
      expect(result.warnings.join()).toMatch(/as asked/);
      expect(Number(result.weights[0]!.weight)).toBeCloseTo(Number(result.weights[1]!.weight), 5);
    }
    expect(b.length).toBe(201);
    // Neither inverts anything.
    expect((await solve({ ...minimum, objective: { name: 'hrp' } }, twins)).warnings.join()).toMatch(
      /cannot be inverted/,
    );
    expect(sum((await solve({ ...minimum, objective: { name: 'risk-parity' } }, twins)).weights)).toBeCloseTo(
      1,
      9,
    );
  });

  test('fewer days than assets: named as such; shrinkage solves it', async () => {
    const few = { assets, prices: prices(5, 5) };
    expect((await failure(() => solve(minimum, few))).message).toMatch(
      /4 returns cannot tell 5 assets apart/,
    );
    expect(sum((await solve({ ...minimum, riskModel: { model: 'ledoit-wolf' } }, few)).weights)).toBeCloseTo(
      1,
      9,
    );
  });

  test('an asset that never moves', async () => {
    const still = { assets: ['A', 'STILL'], prices: [prices(1, 201)[0]!, new Float64Array(201).fill(7)] };
    for (const name of ['min-variance', 'hrp', 'risk-parity']) {
      const refused = await failure(() => solve({ ...minimum, objective: { name } }, still));
      expect(refused.message).toMatch(/never moved \(STILL\)/);
    }
    const shrunk = (target: string) =>
      solve({ ...minimum, riskModel: { model: 'ledoit-wolf', target } }, still);
    expect((await shrunk('constant-variance')).warnings.join()).toMatch(/STILL never moved/);
    for (const target of ['single-factor', 'constant-correlation'])
      expect((await failure(() => shrunk(target))).message).toMatch(/these never moved: STILL/);
  });

  test('one asset is held whole, by every objective that can reach its target', async () => {
    const one = { assets: ['BTC'], prices: prices(1, 201) };
    for (const name of ['min-variance', 'max-utility', 'risk-parity', 'hrp', 'min-cvar'])
      expect(
        (await solve({ ...minimum, objective: { name }, frontierPoints: 2 }, one)).weights[0]!.weight,
      ).toBe('1');
  });

  test('missing, infinite and negative prices are left out or refused by name; nothing left is refused', async () => {
    const table = prices(4, 201);
    table[1]![100] = Number.NaN;
    table[2]![100] = -5;
    table[3]![100] = Infinity;
    const broken = { assets: ['A', 'GAP', 'NEGATIVE', 'ENDLESS'], prices: table };
    const result = await solve(minimum, broken);
    expect(result.leftOut.map(({ asset }) => asset)).toEqual(['GAP', 'NEGATIVE', 'ENDLESS']);
    expect(result.leftOut[0]!.reason).toMatch(/missing value/);
    expect(result.leftOut[1]!.reason).toMatch(/not positive/);
    expect((await failure(() => solve({ ...minimum, gaps: 'reject' }, broken))).message).toMatch(
      /GAP: a missing value/,
    );
    expect((await failure(() => solve({ ...minimum, assets: ['GAP'] }, broken))).message).toMatch(/got none/);
    expect((await failure(() => solve(minimum, { assets: [], prices: [] }))).message).toMatch(
      /2 returns or more/,
    );
  });

  test('the same asset twice, rows of other lengths, unknown assets, caps that are missing', async () => {
    const table = prices(2, 50);
    expect((await failure(() => solve(minimum, { assets: ['A', 'A'], prices: table }))).message).toMatch(
      /got A twice/,
    );
    const uneven = [table[0]!, table[1]!.slice(1)];
    expect((await failure(() => solve(minimum, { assets: ['A', 'B'], prices: uneven }))).message).toMatch(
      /one length/,
    );
    expect((await failure(() => solve({ ...minimum, assets: ['X'] }))).message).toMatch(/got X/);
    const model = { model: 'capm', market: 'market-caps' };
    const refused = await failure(() =>
      solve({ ...minimum, expectedReturns: model }, { assets, prices: inputs.prices }),
    );
    expect(refused.message).toMatch(/market capitalisation of every asset, got none of BTC, ETH/);
  });

  test('an infeasible set names what conflicts and how much must give', async () => {
    const refused = await failure(() =>
      solve({
        ...minimum,
        constraints: {
          max: '0.5',
          groups: [
            { name: 'alts', assets: ['SOL', 'ADA', 'DOT'], min: '0.7' },
            { name: 'big', assets: ['BTC', 'ETH'], min: '0.6' },
          ],
        },
      }),
    );
    expect(refused.message).toContain('group alts at least 0.7');
    expect(refused.message).toContain('group big at least 0.6');
    expect(refused.message).toContain('sum of weights 1');
    expect(refused.next).toMatch(/by 0\.3/);
    const unreachable = await failure(() =>
      solve({ ...minimum, objective: { name: 'efficient-return', targetReturn: '900' } }),
    );
    expect(unreachable.message).toContain('expected return at least 900');
    const calm = await failure(() =>
      solve({ ...minimum, objective: { name: 'efficient-risk', targetVolatility: '0.01' } }),
    );
    expect(calm.message).toMatch(/target volatility of at least 0\.\d+, got 0\.01/);
    const safe = await failure(() =>
      solve({ ...minimum, objective: { name: 'efficient-cvar', targetCvar: '0.0001' } }),
    );
    expect(safe.message).toMatch(/target CVaR of at least 0\.\d+/);
  });

  test('a mistyped name in a constraint is refused, a holding outside the assets is mentioned', async () => {
    const typo = { groups: [{ name: 'top', assets: ['BCT'], max: '0.1' }] };
    expect((await failure(() => solve({ ...minimum, constraints: typo }))).message).toMatch(
      /inputs, got BCT/,
    );
    const held = await solve({ ...minimum, currentWeights: [{ asset: 'XRP', weight: '0.5' }] });
    expect(held.warnings.join()).toMatch(/XRP is held but not among the assets/);
  });

  test('no portfolio beats the risk-free rate', async () => {
    const refused = await failure(() =>
      solve({ ...minimum, objective: { name: 'max-sharpe' }, riskFree: '10' }),
    );
    expect(refused.message).toMatch(/earn more than the risk-free 10/);
  });

  test.each<[unknown, string]>([
    [null, 'request: expected an object'],
    [{}, 'request.objective: expected an object'],
    [{ objective: { name: 'best' } }, 'request.objective.name: expected one of'],
    [{ objective: { name: 'hrp' }, budget: 1 }, 'request.budget: expected no such member'],
    [{ objective: { name: 'hrp' }, windowDays: 1.5 }, 'request.windowDays: expected an integer from 2'],
    [{ objective: { name: 'hrp' }, riskFree: 0.02 }, 'request.riskFree: expected a decimal string, got 0.02'],
    [{ objective: { name: 'hrp' }, riskFree: '1e3' }, 'request.riskFree: expected a decimal string'],
    [{ objective: { name: 'hrp' }, riskFree: 'NaN' }, 'request.riskFree: expected a decimal string'],
    [
      { objective: { name: 'efficient-return' } },
      'request.objective.targetReturn: expected a decimal string for efficient-return',
    ],
    [{ objective: { name: 'hrp', penalty: '1' } }, 'request.objective.penalty: expected 0 for hrp'],
    [{ objective: { name: 'hrp' }, assets: ['A', 'A'] }, 'request.assets: expected each asset once'],
    [
      { objective: { name: 'hrp' }, frontierPoints: 101 },
      'request.frontierPoints: expected an integer from 0 to 100',
    ],
    [
      { objective: { name: 'hrp' }, constraints: { turnover: '-1' } },
      'request.constraints.turnover: expected at least 0',
    ],
    [
      {
        objective: { name: 'hrp' },
        expectedReturns: { views: [{ portfolio: [{ asset: 'A', weight: '1' }], return: '0' }] },
      },
      "request.expectedReturns.model: expected 'black-litterman'",
    ],
    [
      {
        objective: { name: 'hrp' },
        expectedReturns: {
          model: 'black-litterman',
          views: [{ portfolio: [{ asset: 'A', weight: 1 }], return: '0' }],
        },
      },
      'request.expectedReturns.views[0].portfolio[0].weight: expected a decimal string',
    ],
    [
      { objective: { name: 'hrp' }, stress: { windows: [0] } },
      'request.stress.windows[0]: expected an integer from 1',
    ],
    [
      { objective: { name: 'hrp' }, rebalance: { cash: '0', positions: [{ asset: 'A', price: '0' }] } },
      'request.rebalance.positions[0].price: expected more than 0',
    ],
    [
      JSON.parse('{"objective":{"name":"hrp"},"__proto__":{"x":1}}'),
      'request.__proto__: expected no such member',
    ],
  ])('request %#: %j', async (request, message) => {
    const refused = await failure(() => parsePortfolioRequest(request));
    expect(refused.message).toContain(message);
    expect(message.startsWith(refused.detail!.path as string)).toBe(true);
  });
});
