/**
 * The market of a real node, as its users meet it: figures that verify offline and compute again, the same figures for a
 * client of Token Metrics' API, an answer whose numbers are recorded, a portfolio, and a signed webhook that leads to its
 * evidence. All of it is there again after a restart.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { parseTrustPolicy, type TrustPolicy } from '@assay/core';
import type { AlertRule, KeptAlert, MarketRow, MarketStatus } from '@assay/pipeline';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { proveGrade } from './examples/grade-proof.ts';
import { provenGrades } from './examples/token-metrics-client.ts';
import { run, serve, stop, until } from './node-process.fixture.ts';

interface Delivery {
  headers: Record<string, string>;
  body: string;
}

let folder: string;
let dataDir: string;
let policyFile: string;
let node: Awaited<ReturnType<typeof serve>>;
let secret: string;
const deliveries: Delivery[] = [];
const hook = createServer((request, response) => {
  let body = '';
  request.on('data', (chunk: Buffer) => {
    body += chunk.toString();
  });
  request.on('end', () => {
    deliveries.push({ headers: request.headers as Record<string, string>, body });
    response.writeHead(204).end();
  });
});

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'assay-market-node-'));
  dataDir = join(folder, 'data');
  await new Promise<void>((resolve) => hook.listen(0, '127.0.0.1', resolve));
  node = await start();
  const target = `http://127.0.0.1:${(hook.address() as AddressInfo).port}/alerts`;
  ({ secret } = await post<{ secret: string }>('/v1/market/alert-rules', {
    ...{ id: 'btc-graded', name: 'BTC has a grade', figure: 'grades', channel: 'webhook', target },
    expression: 'row.asset == "BTC" && row.investor != null',
  }));
  await until(async () => !(await get<MarketStatus>('/v1/market/status')).busy, 90_000);
  // Without a chain there is no anchor; a verifier that can do without one says so.
  const policy = await get<TrustPolicy>('/v1/trust-policy');
  policyFile = join(folder, 'policy.json');
  writeFileSync(policyFile, JSON.stringify(policy));
}, 120_000);

afterAll(async () => {
  await stop(node.child);
  hook.close();
  rmSync(folder, { recursive: true, force: true });
});

test('a grade verifies offline and computes again', async () => {
  const btc = await grade();
  expect(btc.proof).toMatchObject({ mode: 'simulated', served: 'accepted' });
  await verifies(btc.proof.record);
  const again = await assay('recompute', btc.proof.record, '--data-dir', dataDir, '--json');
  expect(again.code, again.stderr).toBe(0);
  expect(JSON.parse(again.stdout)).toMatchObject({ same: true, agrees: true });
}, 60_000);

test('a client of Token Metrics’ API reads the same grade, with its proof in the row', async () => {
  const btc = await grade();
  const headers = { 'x-api-key': 'any' };
  const answer = await get<{ success: boolean; data: Record<string, unknown>[] }>(
    '/v2/trader-grades?symbol=BTC&limit=1&page=1',
    { headers },
  );
  expect(answer).toMatchObject({ success: true, data: [{ TOKEN_SYMBOL: 'BTC' }] });
  const [row] = answer.data;
  expect(String(row!.TM_TRADER_GRADE)).toBe(btc.trader!.grade);
  expect(row!._proof).toMatchObject({ record: btc.proof.record });
  expect((await fetch(`${node.base}/v2/tokens`)).status).toBe(401);
  const said = await get<{ answer: string }>('/v2/tmai', {
    ...{ method: 'POST', body: JSON.stringify({ messages: [{ user: 'What are the grades of BTC?' }] }) },
    headers: { ...headers, 'content-type': 'application/json' },
  });
  expect(said.answer).toContain(`Trader Grade of BTC on ${btc.time.slice(0, 10)} is ${btc.trader!.grade}`);
});

test('the examples verify what a node shows, and a node that shows another number is found out', async () => {
  const btc = await grade();
  const proof = await run('examples/grade-proof.ts', ['BTC', policyFile, node.base]);
  expect(proof.code, proof.stderr).toBe(0);
  expect(proof.stdout).toContain(`record ${btc.proof.record}, served as accepted`);
  const client = await run('examples/token-metrics-client.ts', ['BTC,ETH', policyFile, node.base]);
  expect(client.code, client.stderr).toBe(0);
  expect(client.stdout.match(/ verified: /g)).toHaveLength(2);

  const policy = parseTrustPolicy(readFileSync(policyFile, 'utf8'));
  const shown = btc.trader!.grade;
  const liar = createServer(async ({ url = '', headers }, response) => {
    const key = headers['x-api-key'];
    const answer = await fetch(node.base + url, key ? { headers: { 'x-api-key': String(key) } } : {});
    const text = await answer.text();
    response.end(url.includes('/bundle') ? text : text.replaceAll(shown, '99.9'));
  });
  await new Promise<void>((resolve) => liar.listen(0, '127.0.0.1', resolve));
  const lie = `http://127.0.0.1:${(liar.address() as AddressInfo).port}`;
  expect((await proveGrade(lie, 'BTC', policy)).grade).toMatchObject({ outcome: 'failed', same: false });
  expect((await provenGrades(lie, 'BTC', policy)).rows).toMatchObject([{ outcome: 'failed' }]);
  liar.close();
}, 60_000);

test('the command line opens a grade down to what a venue signed', async () => {
  const shown = await assay('market', 'show', 'BTC', '--raw', '--json', '--node', node.base);
  expect(shown.code, shown.stderr).toBe(0);
  const { latest, raw } = JSON.parse(shown.stdout);
  expect(latest.grades.proof.record).toBe((await grade()).proof.record);
  expect(raw.map(({ values }: { values: { close: string } }) => values.close)).toEqual(
    latest.prices.venues.map(({ close }: { close: string }) => close),
  );
  await verifies(raw[0].id);
}, 60_000);

test('a portfolio is recorded, and one that cannot be says why', async () => {
  const request = { assets: ['BTC', 'ETH'], windowDays: 60, objective: { name: 'min-variance' } };
  const { result, proof } = await post<{
    result: { weights: { weight: string }[] };
    proof: { record: string };
  }>('/v1/market/portfolio', request);
  expect(result.weights.reduce((sum, { weight }) => sum + Number(weight), 0)).toBeCloseTo(1, 9);
  await verifies(proof.record);
  const refused = await fetch(`${node.base}/v1/market/portfolio`, {
    ...{ method: 'POST', headers: { 'content-type': 'application/json' } },
    body: JSON.stringify({ ...request, constraints: { max: '0.4' } }),
  });
  expect(refused.status).toBe(400);
  expect(await refused.json()).toMatchObject({ code: 'ARGUMENT_INVALID', next: expect.any(String) });
}, 60_000);

test('the webhook came once, signed, and its evidence verifies', async () => {
  await until(async () => deliveries.length > 0);
  const [{ headers, body }] = deliveries as [Delivery];
  const { type, data } = new Webhook(secret).verify(body, headers, { jsonParse: true }) as {
    type: string;
    data: { record: string; evidence: { bundle: string } };
  };
  expect(type).toBe('alert.opened');
  expect(data.record).toBe((await grade()).proof.record);
  expect(data.evidence.bundle).toBe(`${node.base}/v1/records/${data.record}/bundle`);
  await verifies(data.record);
}, 60_000);

test('after a restart everything is there at once, and nothing is told twice', async () => {
  const before = await grade();
  const told = deliveries.length;
  expect(await stop(node.child)).toBe(0);
  node = await start();
  expect(await grade()).toEqual(before);
  await until(async () => !(await get<MarketStatus>('/v1/market/status')).busy);
  expect(await grade()).toEqual(before);
  expect(deliveries).toHaveLength(told);
}, 60_000);

test('rows that a venue garbled are an alert, with the batch that lacks them', async () => {
  const { alerts } = await get<{ alerts: KeptAlert[] }>('/v1/alerts?limit=500');
  const garbled = alerts.find(({ check }) => check === 'feed');
  expect(garbled).toMatchObject({ stream: 'simulated-b.bars.1d', reason: expect.stringMatching(/ATTSIM/) });
  await verifies(`${garbled!.observation}.0`);
}, 60_000);

test('alerts that a crash left out are made up for, and a rule that is put later is told at once', async () => {
  const [first] = deliveries;
  const told = deliveries.length;
  await stop(node.child);
  const catalogue = new DatabaseSync(join(dataDir, 'catalogue.db'));
  catalogue.exec('DELETE FROM alerts; DELETE FROM messages;');
  catalogue.close();
  node = await start();
  await until(async () => deliveries.length > told);
  expect(deliveries.at(-1)!.headers['webhook-id']).toBe(first!.headers['webhook-id']);
  const { rules } = await get<{ rules: AlertRule[] }>('/v1/market/alert-rules');
  await post('/v1/market/alert-rules', {
    ...rules.find(({ id }) => id === 'btc-graded'),
    ...{ id: 'eth-graded', expression: 'row.asset == "ETH" && row.investor != null' },
  });
  await until(async () => deliveries.length > told + 1);
  expect(JSON.parse(deliveries.at(-1)!.body).data.rule).toBe('eth-graded');
}, 60_000);

const assay = (...args: string[]) => run('packages/cli/src/main.ts', args);

function start() {
  const source = ['--source', 'simulated', '--speed', '1', '--market', 'simulated', '--market-days', '110'];
  return serve([...source, '--no-chain', '--private-webhooks', '--data-dir', dataDir]);
}

async function grade(): Promise<MarketRow<'grades'>> {
  const { rows } = await get<{ rows: MarketRow<'grades'>[] }>('/v1/market/figures/grades?keys=BTC');
  return rows[0]!;
}

/** Exports a record’s bundle when the witnesses have cosigned it, and verifies it with the policy alone. */
async function verifies(record: string): Promise<void> {
  const file = join(folder, 'bundle.json');
  await until(async () => {
    const response = await fetch(`${node.base}/v1/records/${record}/bundle`);
    if (response.ok) writeFileSync(file, await response.text());
    return response.ok;
  });
  const { code, stdout } = await assay('verify', file, '--policy', policyFile);
  expect(code, stdout).toBe(0);
}

async function get<T>(path: string, init: RequestInit = {}): Promise<T> {
  const response = await fetch(`${node.base}${path}`, init);
  expect(response.ok, `${path}: ${response.status}`).toBe(true);
  return response.json() as Promise<T>;
}

function post<T>(path: string, body: unknown): Promise<T> {
  return get(path, {
    ...{ method: 'POST', headers: { 'content-type': 'application/json' } },
    body: JSON.stringify(body),
  });
}
