/**
 * The calculators over HTTP: worked examples of Haug and Hull and small ones done by hand come out in decimal strings,
 * each answer says which code computed it, and whatever is asked wrongly is refused with the place and the next step.
 */
import { readFileSync } from 'node:fs';
import { codeDigest } from '@assay/pipeline';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { marketNode } from './market-node.fixture.ts';
import { createGateway, type Gateway } from './server.ts';

let gateway: Gateway;
beforeAll(async () => {
  gateway = await createGateway(marketNode(null));
});
afterAll(() => gateway.close());

async function ask(tool: string, body: unknown) {
  const answer = await gateway.inject({
    ...{ method: 'POST', url: `/v1/market/tools/${tool}` },
    headers: { host: 'localhost', 'content-type': 'application/json' },
    payload: JSON.stringify(body),
  });
  return { status: answer.statusCode, body: answer.json() };
}
const result = async (tool: string, body: unknown) => {
  const answer = await ask(tool, body);
  expect(answer.status, JSON.stringify(answer.body)).toBe(200);
  return answer.body.result;
};

test('greeks of Hull’s and Haug’s worked examples', async () => {
  const { options } = await result('greeks', {
    options: [
      {
        model: 'black-scholes',
        kind: 'call',
        spot: '42',
        strike: '40',
        years: '0.5',
        volatility: '0.2',
        rate: '0.1',
      },
      {
        model: 'black-76',
        kind: 'put',
        forward: '105',
        strike: '100',
        years: '0.5',
        volatility: '0.36',
        rate: '0.1',
      },
      { model: 'black-76', kind: 'call', forward: '100', strike: '90', years: '1', volatility: '0' },
    ],
  });
  expect(Number(options[0].price)).toBeCloseTo(4.76, 2);
  expect(Number(options[1].delta)).toBeCloseTo(-0.3566, 4);
  expect(options[2]).toMatchObject({ price: '10', delta: '1', gamma: '0', vega: '0' });
  for (const option of options)
    for (const value of Object.values(option)) expect(value).toMatch(/^-?\d+(\.\d+)?$/);
});

test('a price gives its volatility; one that no volatility gives is null, and says so', async () => {
  const at = { kind: 'call', forward: '100', strike: '100', years: '1' };
  const { options } = await result('implied-volatility', {
    options: [
      { ...at, price: '7.965567455405804' },
      { ...at, price: '100' },
    ],
  });
  expect(Number(options[0].volatility)).toBeCloseTo(0.2, 10);
  expect(options[1]).toEqual({ volatility: null, reason: expect.stringContaining('no volatility') });
});

test('a surface of two expiries is read between them, not beyond, and says what it left out', async () => {
  const quote = (expiry: string, price: string) => ({
    ...{ instrument: `C-${expiry}`, kind: 'call', strike: '100', forward: '100', expiry, price },
  });
  // 73 and 146 days are a fifth and two fifths of a year; both prices are those of 50 %, by the textbook's formula.
  const [near, far] = ['2021-03-15T00:00:00Z', '2021-05-27T00:00:00Z'];
  const { options: priced } = await result('greeks', {
    options: ['0.2', '0.4'].map((years) => ({
      ...{ model: 'black-76', kind: 'call', forward: '100', strike: '100', years, volatility: '0.5' },
    })),
  });
  const surface = await result('volatility-surface', {
    at: '2021-01-01T00:00:00Z',
    quotes: [quote(near, priced[0].price), quote(far, priced[1].price), { ...quote(far, '1'), price: null }],
    points: ['2021-04-20T12:00:00Z', '2022-01-01T00:00:00Z'].map((expiry) => ({ logMoneyness: '0', expiry })),
  });
  expect(surface.slices.map(({ expiry }: { expiry: string }) => expiry)).toEqual([near, far]);
  expect(Number(surface.points[0].volatility)).toBeCloseTo(0.5, 9);
  expect(surface.points[1].volatility).toBeNull();
  expect(surface.left).toEqual([{ instrument: `C-${far}`, reason: 'it has no price' }]);
  expect(surface.warnings).toEqual([]);
});

test('perpetuals by hand: profit, and the price at which equity is the maintenance margin', async () => {
  const linear = { contract: 'linear', size: '2', entryPrice: '100' };
  const profit = await result('perpetual-profit', {
    ...linear,
    ...{ exitPrice: '110', feeRate: '0.0005' },
    funding: [
      { rate: '0.001', markPrice: '105' },
      { rate: '-0.0005', markPrice: '110' },
    ],
  });
  expect(profit).toEqual({
    ...{ price: '20', funding: '-0.1', fees: '-0.21', total: '19.69', payments: '2' },
    currency: 'the quote currency',
  });
  const inverse = await result('perpetual-profit', {
    ...{ contract: 'inverse', size: '10000', entryPrice: '10000', exitPrice: '12500' },
  });
  expect(inverse).toMatchObject({ price: '0.2', total: '0.2', currency: 'the base asset' });
  const one = { contract: 'linear', size: '1', entryPrice: '100', markPrice: '100' };
  const tiers = [{ notional: '1000000', maintenanceRate: '0.005' }];
  const liquidated = await result('liquidation', { ...one, collateral: '10', tiers });
  expect(Number(liquidated.price)).toBeCloseTo(90 / 0.995, 9);
  expect(liquidated).toMatchObject({ maintenanceMargin: '0.5', marginRatio: '20' });
  expect(await result('liquidation', { ...one, collateral: '200', tiers })).toMatchObject({
    price: null,
    buffer: null,
  });
});

test('a coin long is scanned at its range, a coin hedged at nothing', async () => {
  const future = (size: string) => ({ kind: 'future', instrument: 'perp', size, price: '100' });
  const bare = await result('scan-margin', { positions: [future('1')] });
  expect(Number(bare.margin)).toBeCloseTo(15, 9);
  expect(bare.scenarios).toHaveLength(16);
  expect(await result('scan-margin', { positions: [future('1'), future('-1')] })).toMatchObject({
    margin: '0',
  });
  const narrow = await result('scan-margin', { positions: [future('1')], parameters: { priceRange: '0.1' } });
  expect(Number(narrow.margin)).toBeCloseTo(10, 9);
  expect(narrow.parameters).toMatchObject({ priceRange: '0.1', volatilityRange: '0.25' });
});

test('a position is sized by its stop, and a holding hedged, as by hand', async () => {
  const stop = {
    ...{ equity: '10000', side: 'long', entryPrice: '100', maxLoss: '0.01', lot: '0.01' },
    measure: { kind: 'stop', stopPrice: '95' },
  };
  // A hundredth of ten thousand is a hundred: twenty units lose five each.
  expect(await result('position-size', stop)).toMatchObject({
    quantity: '20',
    lossAtStop: '100',
    limitedBy: 'loss-budget',
  });
  const perpetual = {
    ...{ with: 'perpetual', exposureUsd: '10000', contractUnits: '0.01', price: '20000', feeBps: '5' },
    ...{ method: { kind: 'beta', beta: '1.5' }, fundingPerDay: '0.0003', horizonDays: '10' },
  };
  // 15,000 dollars short in contracts of 200: 75, which receive 0.3 ‰ a day.
  expect(await result('hedge', perpetual)).toMatchObject({
    ...{ side: 'short', contracts: '75', notionalUsd: '15000', residualExposureUsd: '0' },
    ...{ fundingCostUsd: '-45', feeUsd: '15', effectiveness: null },
  });
  const put = { kind: 'put', strike: '90', expiry: '2021-02-26', price: '2', delta: '-0.2' };
  const option = {
    ...{ with: 'option', strategy: 'protective-put', quantity: '10', spot: '100', expiry: '2021-02-26' },
    ...{ maxLoss: '0.15', contractUnits: '1', chain: [put] },
  };
  expect(await result('hedge', option)).toMatchObject({
    costUsd: '20',
    worstLossUsd: '120',
    deltaAfter: '8',
    breakEven: '102',
  });
  expect((await ask('hedge', { ...option, maxLoss: '0.05' })).body).toMatchObject({
    ...{ code: 'ARGUMENT_INVALID', detail: expect.stringContaining('the least is 0.12') },
    next: expect.any(String),
  });
});

test('an answer names the code that computed it, and that it has no proof', async () => {
  const { body } = await ask('scan-margin', {
    positions: [{ kind: 'future', instrument: 'perp', size: '1', price: '100' }],
  });
  expect(body).toMatchObject({ proof: null, note: expect.stringContaining('recorded nowhere') });
  const { name, version, digest, source } = body.function;
  expect([name, version]).toEqual(['market.scan-margin', '1.0.0']);
  expect(digest.sha256).toBe(codeDigest(source));
  expect(readFileSync(new URL(`../../${source}`, import.meta.url), 'utf8')).toContain('function scanMargin');
  const { paths } = (await gateway.inject({ url: '/openapi.json', headers: { host: 'localhost' } })).json();
  for (const tool of [
    'greeks',
    'implied-volatility',
    'volatility-surface',
    'perpetual-profit',
    'liquidation',
    'scan-margin',
    'position-size',
    'hedge',
  ])
    expect(paths[`/v1/market/tools/${tool}`].post.requestBody, tool).toBeDefined();
});

test('what is asked wrongly is refused with its place', async () => {
  const option = {
    model: 'black-76',
    kind: 'call',
    forward: '100',
    strike: '100',
    years: '1',
    volatility: '0.2',
  };
  const refused = async (tool: string, body: unknown) => {
    const { status, body: problem } = await ask(tool, body);
    expect([status, problem.code, typeof problem.next]).toEqual([400, 'ARGUMENT_INVALID', 'string']);
    return problem.detail as string;
  };
  const greeks = (change: object) => refused('greeks', { options: [option, { ...option, ...change }] });
  expect(await greeks({ strike: 100 })).toMatch(/^options\[1\]\.strike: .*expected string/);
  expect(await greeks({ strike: '0' })).toMatch(/^options\[1\]\.strike: expected a decimal from/);
  expect(await greeks({ strike: 'NaN' })).toMatch(/decimal string like/);
  expect(await greeks({ strike: '1e3' })).toMatch(/decimal string like/);
  expect(await greeks({ volatility: '-0.1' })).toMatch(/^options\[1\]\.volatility/);
  expect(await greeks({ model: 'guess' })).toMatch(/^options\[1\]\.model/);
  expect(await greeks({ surprise: '1' })).toMatch(/^options\[1\]/);
  expect(await refused('greeks', { options: [] })).toMatch(/^options/);
  expect(await refused('greeks', { options: Array(1_001).fill(option) })).toMatch(/^options/);
  expect(await refused('greeks', null)).toMatch(/^body/);
  expect(await refused('position-size', { equity: '1' })).toMatch(/^side/);
  const tiers = [
    { notional: '2', maintenanceRate: '0.1' },
    { notional: '1', maintenanceRate: '0.2' },
  ];
  const long = { contract: 'linear', size: '1', entryPrice: '1', markPrice: '1', collateral: '1' };
  expect(await refused('liquidation', { ...long, tiers })).toMatch(/rising/);
  expect(await refused('liquidation', { ...long, size: '0', tiers })).toMatch(/^size/);
});

test('no numbers within the bounds give anything but numbers, or a refusal in words', async () => {
  const text = (least: number, most: number) =>
    fc
      .double({ min: Math.log10(least), max: Math.log10(most), noNaN: true })
      .map((exponent) => (10 ** exponent).toFixed(12))
      .filter((digits) => Number(digits) >= least && Number(digits) <= most);
  const positive = text(1e-12, 1e12);
  const signed = fc.tuple(fc.boolean(), positive).map(([minus, digits]) => (minus ? `-${digits}` : digits));
  const kind = fc.constantFrom('call', 'put');
  const option = { kind, strike: positive, years: text(1e-8, 100), volatility: text(1e-6, 100) };
  const contract = fc.constantFrom('linear', 'inverse');
  const bodies: [string, fc.Arbitrary<unknown>][] = [
    [
      'greeks',
      fc.record({
        options: fc.tuple(fc.record({ model: fc.constant('black-76'), forward: positive, ...option })),
      }),
    ],
    [
      'greeks',
      fc.record({
        options: fc.tuple(
          fc.record({ model: fc.constant('black-scholes'), spot: positive, rate: text(1e-6, 10), ...option }),
        ),
      }),
    ],
    [
      'implied-volatility',
      fc.record({
        options: fc.tuple(
          fc.record({ kind, forward: positive, strike: positive, years: option.years, price: positive }),
        ),
      }),
    ],
    [
      'perpetual-profit',
      fc.record({
        ...{ contract, size: signed, entryPrice: positive, exitPrice: positive },
        funding: fc.array(fc.record({ rate: text(1e-6, 1), markPrice: positive }), { maxLength: 3 }),
      }),
    ],
    [
      'liquidation',
      fc.record({
        ...{ contract, size: signed, entryPrice: positive, markPrice: positive, collateral: positive },
        tiers: fc.tuple(fc.record({ notional: positive, maintenanceRate: text(1e-6, 1) })),
      }),
    ],
    [
      'scan-margin',
      fc.record({
        positions: fc.array(
          fc.record({ instrument: fc.constant('o'), size: signed, forward: positive, ...option }),
          {
            ...{ minLength: 1, maxLength: 3 },
          },
        ),
      }),
    ],
    [
      'position-size',
      fc.record({
        ...{
          equity: positive,
          side: fc.constantFrom('long', 'short'),
          entryPrice: positive,
          maxLoss: text(1e-9, 1),
        },
        ...{
          measure: fc.record({ kind: fc.constant('value-at-risk'), fraction: text(1e-9, 1) }),
          lot: text(1e-9, 100),
        },
      }),
    ],
    [
      'hedge',
      fc.record({
        ...{ with: fc.constant('perpetual'), exposureUsd: signed, contractUnits: positive, price: positive },
        method: fc.record({ kind: fc.constant('beta'), beta: text(1e-6, 100) }),
      }),
    ],
  ];
  for (const [tool, body] of bodies) {
    await fc.assert(
      fc.asyncProperty(body, async (given) => {
        const answer = await ask(tool, given);
        if (answer.status !== 200) {
          expect(answer.body, tool).toMatchObject({ status: 400, code: 'ARGUMENT_INVALID' });
          return;
        }
        expect(JSON.stringify(answer.body.result), tool).not.toMatch(/NaN|Infinity|undefined|\de[+-]?\d/);
      }),
      { numRuns: 60 },
    );
  }
});
