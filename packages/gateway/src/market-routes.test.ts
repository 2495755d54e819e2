/**
 * The market's figures over HTTP: every answer says what proves it and how good grades have been, large tables are
 * sent once and packed, dead coins are found, and what is asked wrongly is refused in words.
 */
import { type AddressInfo, connect } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { AssayError } from '@assay/core';
import type { MarketView } from '@assay/pipeline';
import { afterAll, expect, test } from 'vitest';
import { FIXTURE_ODD, marketFixture } from './market.fixture.ts';
import { FIGURES } from './market-figures.ts';
import { marketNode } from './market-node.fixture.ts';
import { createGateway, type Gateway } from './server.ts';

const opened: Gateway[] = [];
let one: ReturnType<typeof serve> | undefined;
/** For tests that change nothing. */
const shared = () => {
  one ??= serve(marketFixture());
  return one;
};
afterAll(() => Promise.all(opened.map((gateway) => gateway.close())));

async function serve(market: MarketView | null) {
  const gateway = await createGateway(marketNode(market));
  opened.push(gateway);
  await gateway.listen({ host: '127.0.0.1', port: 0 });
  const base = `http://127.0.0.1:${(gateway.server.address() as AddressInfo).port}`;
  const get = (path: string, headers: Record<string, string> = {}) => fetch(base + path, { headers });
  return { base, get, json: async (path: string) => (await get(path)).json() };
}

const PROOF = {
  record: expect.stringMatching(/^[0-9a-f]{64}\.\d+$/),
  served: 'accepted',
  level: 'L2',
  decision: 'accept',
  mode: 'simulated',
  bundle: expect.stringMatching(/^\/v1\/records\/[0-9a-f]{64}\.\d+\/bundle$/),
};

test('rows of each figure name their record, as what they are served, and the path of its bundle', async () => {
  const { json } = await serve(marketFixture());
  for (const figure of FIGURES) {
    const { rows, evaluation } = await json(`/v1/market/figures/${figure}?limit=1`);
    expect(rows, figure).toHaveLength(1);
    expect(rows[0], figure).toMatchObject({ time: '2024-01-31T00:00:00Z', proof: PROOF });
    const graded = ['grades', 'factors', 'guides'].includes(figure);
    expect(Array.isArray(evaluation), figure).toBe(graded);
  }
  const { rows } = await json(`/v1/market/figures/prices?keys=${FIXTURE_ODD.rejected}`);
  expect(rows[0].proof).toMatchObject({ served: 'rejected', decision: 'reject', level: 'L1' });
});

test('grades never come without how good they have been, good or bad; empty where nothing was judged', async () => {
  const { json } = await serve(marketFixture());
  for (const path of ['grades', 'figures/grades', 'figures/factors', 'assets/bitcoin']) {
    const { evaluation } = await json(`/v1/market/${path}`);
    expect(evaluation, path).toMatchObject([
      { grade: 'trader', status: 'unknown', proof: PROOF },
      { grade: 'investor', status: 'fail', rankIc: '-0.012', proof: PROOF },
    ]);
  }
  const young = await serve(marketFixture({ without: ['evaluation'] }));
  expect((await young.json('/v1/market/grades')).evaluation).toEqual([]);
});

test('days are half open, pages follow one another, and the next page names its days', async () => {
  const { json } = await serve(marketFixture());
  const period = 'figures/prices?keys=bitcoin,ethereum&from=2024-01-10&to=2024-01-13';
  const { rows, total, next } = await json(`/v1/market/${period}`);
  expect([rows.length, total, next]).toEqual([6, 6, null]);
  expect([rows[0].time, rows[5].time]).toEqual(['2024-01-10T00:00:00Z', '2024-01-12T00:00:00Z']);
  const seen: string[] = [];
  let path: string | null = `/v1/market/${period}&limit=4`;
  while (path) {
    const page: Awaited<ReturnType<typeof json>> = await json(path);
    seen.push(...page.rows.map((row: { proof: { record: string } }) => row.proof.record));
    path = page.next;
  }
  expect(seen).toEqual(rows.map((row: { proof: { record: string } }) => row.proof.record));
  const latest = await json('/v1/market/figures/grades?limit=5');
  expect(latest.next).toBe(
    '/v1/market/figures/grades?from=2024-01-31T00%3A00%3A00Z&to=2024-02-01T00%3A00%3A00Z&limit=5&offset=5',
  );
  expect((await json('/v1/market/figures/grades?offset=999')).rows).toEqual([]);
});

test('one answer holds everything of an asset; a dead coin is shown as it was when it was last traded', async () => {
  const { json, get } = await serve(marketFixture());
  const page = await json('/v1/market/assets/bitcoin?days=20');
  expect(page.asset).toMatchObject({ symbol: 'BTC', proof: PROOF });
  for (const [figure, row] of Object.entries(page.latest))
    expect(row, figure).toMatchObject({ asset: 'bitcoin' });
  expect(page.history).toMatchObject({ days: 20 });
  for (const series of ['prices', 'grades', 'signals'] as const) {
    expect(page.history[series], series).toHaveLength(20);
    expect(page.history[series].at(-1)).toMatchObject({ time: '2024-01-31T00:00:00Z', proof: PROOF });
  }
  expect(page.narratives).toMatchObject([{ narrative: 'layer-1' }]);
  expect(page.indices).toMatchObject([{ index: 'top-3', weight: '0.6' }]);
  expect(page.guides).toMatchObject([{ guide: 'steady', place: '1' }]);

  const dead = await json(`/v1/market/assets/${FIXTURE_ODD.delisted}`);
  expect(dead.asset.state).toBe('delisted');
  expect(dead.latest.prices.time).toBe('2024-01-21T00:00:00Z');
  const ungraded = await json(`/v1/market/assets/${FIXTURE_ODD.ungraded}`);
  expect(ungraded.latest.grades).toMatchObject({ trader: null, reason: 'fewer than 90 days of bars' });

  const unknown = await get('/v1/market/assets/LUNA');
  expect([unknown.status, (await unknown.json()).next]).toEqual([
    404,
    'did you mean luna-2 or luna-classic?',
  ]);
});

test('an asset that has grades and no bars is not said to be unknown', async () => {
  const whole = marketFixture();
  const market: MarketView = {
    status: () => whole.status(),
    rows: (figure, query) =>
      whole
        .rows(figure, query)
        .filter((row) => figure !== 'assets' || (row as { asset?: string }).asset !== 'bitcoin') as never,
  };
  const { json } = await serve(market);
  expect(await json('/v1/market/assets/bitcoin')).toMatchObject({
    status: 404,
    detail: '"bitcoin" has no daily bars, only snapshots of its market capitalisation',
    next: 'its grades: /v1/market/figures/grades?keys=bitcoin',
  });
});

test('6,000 assets come as one table: packed, sorted, the same bytes each time, and once for each reader', async () => {
  const { base, get } = await serve(marketFixture({ assets: 6_000, days: 31 }));
  const first = await get('/v1/market/grades', { 'accept-encoding': 'gzip' });
  const etag = first.headers.get('etag')!;
  expect(first.headers.get('content-encoding')).toBe('gzip');
  expect(first.headers.get('cache-control')).toBe('no-cache');
  const table = await first.json();
  expect([table.rows.length, table.total, table.day]).toEqual([6_000, 6_000, '2024-01-31T00:00:00Z']);
  expect(table.sparklineFrom).toBe('2024-01-02T00:00:00Z');
  const bitcoin = table.rows[0];
  expect(bitcoin).toMatchObject({ asset: 'bitcoin', rank: '1', signal: '1', proof: PROOF });
  expect(bitcoin.sparkline).toHaveLength(30);
  expect(bitcoin.sparkline.at(-1)).toBe(bitcoin.close);
  expect(table.rows.at(-1).rank).toBeNull();
  const dead = table.rows.find(({ asset }: { asset: string }) => asset === FIXTURE_ODD.delisted);
  expect(dead.sparkline.slice(-10)).toEqual(new Array(10).fill(null));
  expect(dead).toMatchObject({ close: null, priceStatus: 'unknown', trader: null });

  const again = await get('/v1/market/grades', { 'if-none-match': `"other", ${etag}` });
  expect([again.status, await again.text()]).toEqual([304, '']);
  const plain = await get('/v1/market/grades', { 'accept-encoding': 'gzip;q=0' });
  expect(plain.headers.get('content-encoding')).toBeNull();
  const packed = await rawBody(`${base}/v1/market/grades`);
  expect(gunzipSync(packed).equals(Buffer.from(await plain.arrayBuffer()))).toBe(true);

  const best = await (await get('/v1/market/grades?order=trader&days=0&limit=50')).json();
  const grades = best.rows.map((row: { trader: { grade: string } }) => Number(row.trader.grade));
  expect(grades).toEqual([...grades].sort((a, b) => b - a));
  expect(best.rows[0].sparkline).toEqual([]);
});

test('a table is made again when a figure is new', async () => {
  const market = marketFixture({ days: 40 });
  const newer = marketFixture({ days: 41, to: '2024-02-01' });
  let current = market;
  const { json } = await serve({
    status: () => current.status(),
    rows: (...query) => current.rows(...query),
  });
  expect((await json('/v1/market/grades?limit=1')).day).toBe('2024-01-31T00:00:00Z');
  current = newer;
  expect((await json('/v1/market/grades?limit=1')).day).toBe('2024-02-01T00:00:00Z');
});

test('portfolios are built where the node builds them', async () => {
  const record = `${'a'.repeat(64)}.0`;
  const { base } = await serve(
    marketFixture({
      portfolio: async (request) => {
        if ((request as { method?: string }).method === 'hrp')
          return { result: { weights: [] }, proof: { record } };
        throw new AssayError('ARGUMENT_INVALID', 'expected a method', { next: 'name one: hrp' });
      },
    }),
  );
  const post = (at: string, body: string) =>
    fetch(`${at}/v1/market/portfolio`, {
      ...{ method: 'POST', headers: { 'content-type': 'application/json' }, body },
    });
  expect(await (await post(base, '{"method":"hrp"}')).json()).toEqual({
    result: { weights: [] },
    proof: { record, bundle: `/v1/records/${record}/bundle` },
  });
  const bad = await post(base, '{"method":"?"}');
  expect([bad.status, (await bad.json()).code]).toEqual([400, 'ARGUMENT_INVALID']);
  for (const body of ['[]', '7', '{', '{"__proto__":{"a":1}}']) {
    expect((await post(base, body)).status, body).toBe(400);
  }
  // Each is recorded for good: a page of somebody else may not have one made.
  for (const origin of ['https://example.org', 'null']) {
    const foreign = await fetch(`${base}/v1/market/portfolio`, {
      ...{
        method: 'POST',
        headers: { 'content-type': 'application/json', origin },
        body: '{"method":"hrp"}',
      },
    });
    expect([foreign.status, (await foreign.json()).detail]).toEqual([
      400,
      `a page of ${origin} may not do this`,
    ]);
  }
  expect((await post(base, JSON.stringify({ big: 'x'.repeat(300_000) }))).status).toBe(413);
  const without = await serve(marketFixture());
  const absent = await post(without.base, '{}');
  expect([absent.status, (await absent.json()).detail]).toEqual([404, 'this node builds no portfolios']);
});

test('a node without a market says so, and one without figures answers with nothing', async () => {
  const none = await serve(null);
  for (const path of ['status', 'figures/grades', 'assets/bitcoin', 'grades']) {
    const answer = await none.get(`/v1/market/${path}`);
    expect(answer.status, path).toBe(404);
    expect(answer.headers.get('content-type'), path).toMatch(/^application\/problem\+json/);
    expect((await answer.json()).detail, path).toMatch(/^this node follows no market/);
  }
  const empty = marketFixture({ without: FIGURES });
  const young = await serve({ ...empty, status: () => ({ ...empty.status(), from: null, to: null }) });
  expect(await young.json('/v1/market/grades')).toMatchObject({ day: null, rows: [], evaluation: [] });
  expect(await young.json('/v1/market/figures/grades')).toMatchObject({ rows: [], total: 0, next: null });
  expect((await young.get('/v1/market/assets/bitcoin')).status).toBe(404);
});

test.each([
  ['figures/nothing', 400],
  ['figures/__proto__', 400],
  ['figures/grades?from=2024-02-30', 400],
  ['figures/grades?from=2024-13-01', 400],
  ['figures/grades?from=yesterday', 400],
  ['figures/grades?from=2024-01-02&to=2024-01-02', 400],
  ['figures/grades?from=2024-01-03&to=2024-01-01', 400],
  ['figures/grades?limit=0', 400],
  ['figures/grades?limit=10001', 400],
  ['figures/grades?limit=1e3x', 400],
  ['figures/grades?offset=-1', 400],
  [`figures/grades?keys=${'a,'.repeat(501)}`, 400],
  ['figures/grades?keys=__proto__,constructor,toString', 200],
  ["figures/grades?keys=' OR 1=1;--", 200],
  ['grades?days=31', 400],
  ['grades?order=luck', 400],
  ['assets/bitcoin?days=1001', 400],
  ['assets/__proto__', 404],
  ['assets/..%2f..%2fkeys', 404],
  [`assets/${'x'.repeat(300)}`, 414],
])('%.60s is answered with %i', async (path, status) => {
  const { get } = await shared();
  const answer = await get(`/v1/market/${path}`);
  expect(answer.status).toBe(status);
  if (status !== 200) expect(await answer.json()).toMatchObject({ status, detail: expect.any(String) });
  else expect((await answer.json()).rows).toEqual([]);
});

test('too many rows at once are refused with a way out', async () => {
  const { get } = await serve(marketFixture({ assets: 6_000, days: 31 }));
  const answer = await get('/v1/market/figures/prices?from=2024-01-01');
  expect([answer.status, (await answer.json()).next]).toEqual([400, 'ask for fewer days']);
});

/** The bytes as they are on the wire: fetch unpacks them. */
function rawBody(url: string): Promise<Buffer> {
  const { hostname, port, pathname, host } = new URL(url);
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect(Number(port), hostname, () => {
      socket.write(`GET ${pathname} HTTP/1.0\r\nhost: ${host}\r\naccept-encoding: br, gzip\r\n\r\n`);
    });
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('error', reject);
    socket.on('end', () => {
      const all = Buffer.concat(chunks);
      resolve(all.subarray(all.indexOf('\r\n\r\n') + 4));
    });
  });
}
