/**
 * Rules over HTTP: put, listed and taken away by the node's own pages and by programs, never by a page of somebody else;
 * what is no rule is a problem document, and a node without a market says so.
 */
import type { AddressInfo } from 'node:net';
import { AssayError } from '@assay/core';
import { type AlertRule, parseAlertRule } from '@assay/market/alerts';
import { afterAll, expect, test } from 'vitest';
import type { AlertRuleView } from './alert-rule-routes.ts';
import { marketNode } from './market-node.fixture.ts';
import type { NodeView } from './node-view.ts';
import { createGateway, type Gateway } from './server.ts';

const opened: Gateway[] = [];
afterAll(() => Promise.all(opened.map((gateway) => gateway.close())));

const RULE = { id: 'strong', name: 'Strong', figure: 'grades', expression: 'row.trader.grade > 80' };

test('a rule is put, listed and taken away', async () => {
  const { ask, kept } = await serve();
  const put = await ask('POST', '', RULE);
  expect([put.status, put.body]).toMatchObject([
    200,
    { rule: { ...RULE, severity: 'warning', channel: 'console', target: null }, secret: null },
  ]);
  const listed = await ask('GET', '');
  expect(listed.body).toMatchObject({ rules: [{ id: 'strong' }], builtIn: [], messages: [] });
  expect(listed.headers.get('cache-control')).toBe('no-store');
  expect((await ask('DELETE', '/strong')).status).toBe(204);
  expect((await ask('DELETE', '/strong')).body).toMatchObject({ status: 404, code: 'NOT_FOUND' });
  expect(kept.size).toBe(0);
});

test('no page of somebody else changes a rule; this node’s own may', async () => {
  const { ask, kept, base } = await serve();
  for (const origin of ['https://example.org', 'null', 'http://127.0.0.1:1', `${base}.example.org`]) {
    for (const [method, path] of [
      ['POST', ''],
      ['DELETE', '/strong'],
    ] as const) {
      const { status, body } = await ask(method, path, method === 'POST' ? RULE : undefined, { origin });
      expect([status, body.code], `${method} ${origin}`).toEqual([400, 'REQUEST_INVALID']);
    }
  }
  expect(kept.size).toBe(0);
  expect((await ask('POST', '', RULE, { origin: base })).status).toBe(200);
});

test('what is no rule is told, and pollutes nothing', async () => {
  const { raw, base } = await serve();
  for (const [body, status] of [
    ...(['null', '[]', '7', '"x"', '{', '', '{"id":1e999}'] as const).map((text) => [text, 400] as const),
    ['{"__proto__":{"id":"a"}}', 400],
    ['{"constructor":{"prototype":{"polluted":1}}}', 400],
    [JSON.stringify({ ...RULE, expression: 'row.a.exists(x, row.a.exists(y, true))' }), 400],
    [JSON.stringify({ ...RULE, name: 'x'.repeat(300_000) }), 413],
  ] as const) {
    const answer = await raw(body);
    expect(answer.status, body.slice(0, 60)).toBe(status);
    expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  }
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  // A form of another page can send text without asking first.
  expect((await raw(JSON.stringify(RULE), 'text/plain')).status).toBe(400);
  expect((await fetch(`${base}/v1/market/alert-rules/${'x'.repeat(61)}`, { method: 'DELETE' })).status).toBe(
    400,
  );
});

test('a node without a market says so', async () => {
  const { ask } = await serve({ market: false });
  for (const [method, path] of [
    ['GET', ''],
    ['POST', ''],
    ['DELETE', '/strong'],
  ] as const)
    expect((await ask(method, path, method === 'POST' ? RULE : undefined)).body, method).toMatchObject({
      status: 404,
      detail: 'this node follows no market',
    });
});

/** Rules in memory, read as a node reads them. */
function rulesInMemory() {
  const kept = new Map<string, AlertRule>();
  const view: AlertRuleView = {
    rules: () => ({ rules: [...kept.values()], builtIn: [], messages: [], channels: ['console'] }),
    async put(input) {
      const rule = parseAlertRule(input);
      kept.set(rule.id, rule);
      return { rule, preview: { fail: 0, pass: 0, unknown: 0, why: null }, secret: null };
    },
    remove(id) {
      if (!kept.delete(id)) throw new AssayError('NOT_FOUND', `there is no rule of your own named ${id}`);
    },
  };
  return { kept, view };
}

async function serve({ market = true } = {}) {
  const { kept, view } = rulesInMemory();
  const alertRules = market ? view : null;
  const node = new Proxy(marketNode(null), {
    get: (target, name) => (name === 'alertRules' ? alertRules : Reflect.get(target, name)),
  }) as NodeView;
  const gateway = await createGateway(node);
  opened.push(gateway);
  await gateway.listen({ host: '127.0.0.1', port: 0 });
  const base = `http://127.0.0.1:${(gateway.server.address() as AddressInfo).port}`;
  const url = `${base}/v1/market/alert-rules`;
  const ask = async (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) => {
    const response = await fetch(url + path, {
      method,
      headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      body: text === '' ? null : JSON.parse(text),
    };
  };
  const raw = (body: string, type = 'application/json') =>
    fetch(url, { method: 'POST', headers: { 'content-type': type }, body });
  return { base, kept, ask, raw };
}
