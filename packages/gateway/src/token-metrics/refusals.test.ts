/**
 * How `/v2` refuses: without a key, with a wrong one, too often, and what is asked wrongly; always in the format's own
 * envelope, never with a stack trace, and never with the key.
 */
import type { AddressInfo } from 'node:net';
import { afterAll, expect, test, vi } from 'vitest';
import { marketFixture } from '../market.fixture.ts';
import { marketNode } from '../market-node.fixture.ts';
import { createGateway, type Gateway } from '../server.ts';
import { ApiKeys } from './api-keys.ts';
import type { TokenMetricsOptions } from './index.ts';

const opened: Gateway[] = [];
afterAll(() => Promise.all(opened.map((gateway) => gateway.close())));

async function serve(
  tokenMetrics: TokenMetricsOptions = {},
  market = marketFixture() as ReturnType<typeof marketFixture> | null,
) {
  const gateway = await createGateway(marketNode(market), { tokenMetrics });
  opened.push(gateway);
  await gateway.listen({ host: '127.0.0.1', port: 0 });
  const base = `http://127.0.0.1:${(gateway.server.address() as AddressInfo).port}/v2`;
  return (path: string, headers: Record<string, string> = { 'x-api-key': 'key' }, init: RequestInit = {}) =>
    fetch(`${base}/${path}`, { headers, ...init });
}

const refusal = (message: RegExp) => ({
  success: false,
  message: expect.stringMatching(message),
  length: 0,
  data: [],
});

test('a key is required; with a list only those on it are taken, while they are on it', async () => {
  const keys = ['tm-first', 'tm-second'];
  const get = await serve({ apiKeys: () => keys });
  for (const headers of [{}, { 'x-api-key': '' }, { 'x-api-key': '  ' }] as Record<string, string>[]) {
    const answer = await get('tokens', headers);
    expect(answer.status).toBe(401);
    expect(await answer.json()).toEqual(refusal(/x-api-key/));
  }
  for (const key of [
    'tm-firs',
    'tm-first ',
    'TM-FIRST',
    'tm-first,tm-second',
    '__proto__',
    'x'.repeat(500),
  ]) {
    // The HTTP parser trims spaces.
    const status = key.trim() === 'tm-first' ? 200 : 401;
    expect((await get('tokens', { 'x-api-key': key })).status, key).toBe(status);
  }
  expect((await get('tokens', { 'x-api-key': 'tm-second' })).status).toBe(200);
  expect((await get('tokens', { api_key: 'tm-second' })).status, 'as older clients send it').toBe(200);
  keys.pop();
  expect((await get('tokens', { 'x-api-key': 'tm-second' })).status).toBe(401);
  expect((await get('nothing', {})).status, 'strangers do not learn what there is').toBe(401);
});

test('without a list any key is taken on loopback, and none elsewhere', async () => {
  const get = await serve();
  expect((await get('tokens', { 'x-api-key': 'whatever' })).status).toBe(200);
  expect((await get('tokens', {})).status).toBe(401);
  const keys = new ApiKeys({ keys: () => [], requestsPerMinute: 10, nowMs: () => 0 });
  const from = (localAddress: string | undefined) =>
    keys.judge({ headers: { 'x-api-key': 'k' }, socket: { localAddress }, ip: '203.0.113.9' } as never);
  for (const loopback of ['127.0.0.1', '127.1.2.3', '::1', '::ffff:127.0.0.1'])
    expect(from(loopback).allowed, loopback).toBe(true);
  for (const open of ['192.168.0.2', '::', '10.127.0.0', undefined])
    expect(from(open), open).toMatchObject({ allowed: false, status: 401 });
});

test('each key has its own minute, wrong keys have one together, and a refusal says when to come back', async () => {
  let nowMs = 0;
  const keys = new ApiKeys({ keys: () => ['a', 'b'], requestsPerMinute: 3, nowMs: () => nowMs });
  const judge = (key: string) =>
    keys.judge({ headers: { 'x-api-key': key }, socket: {}, ip: '203.0.113.9' } as never);
  for (let turn = 0; turn < 3; turn += 1) expect(judge('a').allowed).toBe(true);
  expect(judge('a')).toMatchObject({ status: 429, retryAfterS: 20 });
  expect(judge('b').allowed).toBe(true);
  nowMs = 20_000;
  expect(judge('a').allowed).toBe(true);
  expect(judge('a')).toMatchObject({ status: 429 });
  for (const guess of ['c', 'd', 'e']) expect(judge(guess)).toMatchObject({ status: 401 });
  expect(judge('f'), 'guessing is not free').toMatchObject({ status: 429 });

  const get = await serve({ requestsPerMinute: 2 });
  const answers = [await get('price'), await get('price'), await get('price')];
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 429]);
  expect(Number(answers[2]!.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(await answers[2]!.json()).toEqual(refusal(/at most 2 requests a minute/));
});

test('callers that are remembered are bounded', () => {
  const keys = new ApiKeys({ keys: () => [], requestsPerMinute: 1, nowMs: () => 0 });
  const socket = { localAddress: '127.0.0.1' };
  const judge = (key: string) =>
    keys.judge({ headers: { 'x-api-key': key }, socket, ip: '127.0.0.1' } as never);
  expect(judge('first').allowed).toBe(true);
  expect(judge('first').allowed).toBe(false);
  for (let caller = 0; caller < 10_000; caller += 1) judge(`caller ${caller}`);
  expect(judge('first').allowed, 'it was forgotten').toBe(true);
});

test.each<[path: string, status: number, message: RegExp]>([
  ['tokens?token_id=abc', 400, /token_id.*integers/],
  ['tokens?token_id=1;DROP TABLE tokens', 400, /integers/],
  ['tokens?limit=0', 400, /limit/],
  ['tokens?limit=-5', 400, /limit/],
  ['tokens?limit=1001', 400, /limit/],
  ['tokens?limit=1e9', 400, /limit/],
  ['tokens?limit=NaN', 400, /limit/],
  ['tokens?page=-1', 400, /page/],
  ['tokens?page=1.5', 400, /page/],
  ['trader-grades?page=99999&limit=1000', 400, /page × limit/],
  ['trader-grades?startDate=2024-02-30', 400, /startDate.*calendar/],
  ['trader-grades?startDate=01/02/2024', 400, /startDate/],
  ['trader-grades?startDate=2024-01-20&endDate=2024-01-10', 400, /not after endDate/],
  ['trader-grades?traderGrade=high', 400, /traderGrade/],
  ['trader-grades?marketcap=Infinity', 400, /marketcap/],
  ['trading-signals?signal=2', 400, /signal/],
  ['indices?indicesType=lucky', 400, /indicesType/],
  ['indices-holdings', 400, /expected id/],
  ['indices-holdings?id=999', 404, /no index/],
  ['indices-performance?id=__proto__', 404, /no index/],
  ['moonshot-tokens?type=future', 400, /type/],
  [`tokens?symbol=${'A,'.repeat(201)}`, 400, /at most 200/],
  [`tokens?symbol=${'A'.repeat(9_000)}`, 400, /symbol/],
  ['nothing', 404, /no endpoint/],
  ['__proto__', 404, /no endpoint/],
])('%.60s is refused', async (path, status, message) => {
  const answer = await (await shared())(path);
  expect(answer.status).toBe(status);
  expect(await answer.json()).toEqual(refusal(message));
});
let one: ReturnType<typeof serve> | undefined;
const shared = () => {
  one ??= serve();
  return one;
};

test.each([
  ["tokens?symbol=' OR '1'='1", 0],
  ['tokens?symbol=__proto__,constructor,hasOwnProperty', 0],
  ['tokens?symbol=%00%0d%0aX', 0],
  [`tokens?symbol=${Array.from({ length: 100 }, (_, at) => `X${at}`).join(',')},BTC`, 1],
  ['tokens?symbol=BTC&symbol=ETH', 2],
  ['tokens?symbol=BTC&constructor=1&__proto__[a]=1', 1],
  ['tokens?page=500', 0],
  ['trader-grades?symbol=BTC&startDate=1999-01-01&endDate=1999-02-01', 0],
  ['trader-grades?symbol=BTC&startDate=2999-01-01', 0],
  ['trader-grades?symbol=BTC&endDate=2024-01-10&limit=100', 19],
  ['market-metrics?startDate=1999-01-01&endDate=1999-01-03', 0],
  ['tokens?token_id=2147483647', 0],
  ['tokens?symbol=', 12 - 1],
])('%.60s is answered with %i rows', async (path, count) => {
  const answer = await (await shared())(path);
  expect(answer.status).toBe(200);
  expect(await answer.json()).toMatchObject({ success: true, length: count });
  expect(({} as Record<string, unknown>).a).toBeUndefined();
});

test('a search that would read the whole history of a large market is refused with a way out', async () => {
  const get = await serve({}, marketFixture({ assets: 6_000, days: 50 }));
  const answer = await get('trader-grades?traderGrade=99.99&startDate=2023-12-13&endDate=2024-01-31');
  expect([answer.status, (await answer.json()).message]).toEqual([
    400,
    'this would read more than 250000 rows: name tokens, or fewer days',
  ]);
});

test('no market, no figures, and a market that fails: each in the format’s own words', async () => {
  expect(await (await (await serve({}, null))('tokens')).json()).toEqual(refusal(/follows no market/));
  const young = marketFixture();
  const status = () => ({ ...young.status(), from: null, to: null, assets: 0 });
  const get = await serve({}, { status, rows: () => [] });
  for (const path of ['tokens', 'trader-grades', 'market-metrics', 'indices', 'sentiments', 'daily-ohlcv'])
    expect(await (await get(path)).json(), path).toMatchObject({ success: true, length: 0, data: [] });
  const told = vi.spyOn(console, 'error').mockImplementation(() => {});
  const broken = await serve(
    {},
    {
      status: young.status,
      rows: () => {
        throw new Error('secret of the insides');
      },
    },
  );
  const answer = await broken('tokens', { 'x-api-key': 'tm-secret-key' });
  expect([answer.status, await answer.json()]).toEqual([500, refusal(/^the node failed to answer/)]);
  expect(told.mock.calls.flat().map(String).join()).not.toContain('tm-secret-key');
  told.mockRestore();
});

test('no other site may read it: no CORS, and no foreign Host', async () => {
  const get = await shared();
  const answer = await get('tokens', { 'x-api-key': 'k', origin: 'https://elsewhere.example' });
  expect(answer.headers.get('access-control-allow-origin')).toBeNull();
  expect((await get('tokens', { 'x-api-key': 'k' }, { method: 'OPTIONS' })).status).toBe(404);
  expect(answer.headers.get('cache-control')).toBe('no-store');
});
