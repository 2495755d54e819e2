/**
 * Reports and answers cite the records that they rest on. A language model may say them in other words, and whatever
 * it does wrong, the plain text stands. Numbers of tokens: published digests, and what happens when two collide.
 */
import { createHash } from 'node:crypto';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, expect, test } from 'vitest';
import { marketFixture } from '../market.fixture.ts';
import { marketNode } from '../market-node.fixture.ts';
import { createGateway } from '../server.ts';
import type { PhrasingOptions, Reporter, TokenMetricsOptions } from './index.ts';
import { TokenIds } from './token-ids.ts';

const closing: (() => unknown)[] = [];
afterAll(() => Promise.all(closing.map((close) => close())));

const RECORD = `${'b'.repeat(64)}.3`;
const CITED = [{ record: RECORD, bundle: `/v1/records/${RECORD}/bundle` }];
const reporter: Reporter = {
  report: (asset) =>
    asset === 'bitcoin' ? { text: 'Bitcoin closed at 41382.', summary: 'Calm.', records: [RECORD] } : null,
  answer: (messages) => ({
    text: `You asked: ${messages.at(-1)!.text} It closed at 41382.`,
    records: [RECORD],
  }),
};

async function serve(tokenMetrics: TokenMetricsOptions) {
  const gateway = await createGateway(marketNode(marketFixture()), { tokenMetrics });
  closing.push(() => gateway.close());
  await gateway.listen({ host: '127.0.0.1', port: 0 });
  const base = `http://127.0.0.1:${(gateway.server.address() as AddressInfo).port}/v2`;
  const headers = { 'x-api-key': 'k', 'content-type': 'application/json' };
  return {
    get: async (path: string) => (await fetch(`${base}/${path}`, { headers })).json(),
    chat: async (body: unknown) => {
      const text = typeof body === 'string' ? body : JSON.stringify(body);
      const answer = await fetch(`${base}/tmai`, { method: 'POST', headers, body: text });
      return { status: answer.status, ...((await answer.json()) as Record<string, unknown>) };
    },
  };
}

test('reports have the members that clients read, and cite', async () => {
  const { get } = await serve({ reporter });
  expect(await get('ai-reports?symbol=BTC,ETH')).toMatchObject({
    length: 1,
    data: [
      {
        ...{ TOKEN_SYMBOL: 'BTC', INVESTMENT_ANALYSIS_POINTER: 'Calm.', DEEP_DIVE: null, CODE_REVIEW: null },
        ...{ INVESTMENT_ANALYSIS: 'Bitcoin closed at 41382.', _proof: { records: CITED } },
      },
    ],
  });
});

test('a question is answered with its thread; without a reporter, honestly', async () => {
  const { chat } = await serve({ reporter });
  const messages = [{ user: 'Hello' }, { chatbot: 'Ask.' }, { user: 'Bitcoin?' }];
  expect(await chat({ messages })).toEqual({
    ...{ status: 200, success: true, message: 'AI Chatbot response successful' },
    answer: 'You asked: Bitcoin? It closed at 41382.',
    thread: [...messages, { chatbot: 'You asked: Bitcoin? It closed at 41382.' }],
    _proof: { records: CITED, phrasedBy: null },
  });
  const without = await serve({});
  expect(await without.chat({ messages })).toMatchObject({
    ...{ status: 200, answer: 'no report: this node composes none', _proof: { records: [] } },
  });
});

test.each<[body: unknown, status: number]>([
  [{}, 400],
  [{ messages: [] }, 400],
  [{ messages: [{}] }, 400],
  [{ messages: [{ user: '' }] }, 400],
  [{ messages: [{ user: 7 }] }, 400],
  [{ messages: [{ user: 'x'.repeat(4_001) }] }, 400],
  [{ messages: Array.from({ length: 21 }, () => ({ user: 'x' })) }, 400],
  ['{"messages":[{"__proto__":{"user":"x"}}]}', 400],
  ['not json', 400],
  [{ messages: [{ user: 'x' }], pad: 'x'.repeat(200_000) }, 413],
])('%.50s is refused as a question', async (body, status) => {
  one ??= serve({ reporter });
  expect(await (await one).chat(body)).toMatchObject({ status, success: false, length: 0, data: [] });
});
let one: ReturnType<typeof serve> | undefined;

const completion = (content: unknown) => JSON.stringify({ choices: [{ message: { content } }] });

/** A model that answers as it is told, and what it was asked. */
async function model(answer: RequestListener) {
  const asked: { path: string | undefined; authorization: string | undefined; body: string }[] = [];
  const server: Server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      asked.push({ path: request.url, authorization: request.headers.authorization, body });
      answer(request, response);
    });
  });
  closing.push(() => server.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/`, asked };
}

test('a model says the answer in other words, and is believed only when they are accepted', async () => {
  const { url, asked } = await model((_, response) =>
    response.end(completion('It closed at 41382, you asked.')),
  );
  const phrasing: PhrasingOptions = {
    ...{ url, model: 'small', apiKey: 'secret' },
    accept: (text, plain) => (text.match(/\d+/g) ?? []).every((number) => plain.text.includes(number)),
  };
  const { chat } = await serve({ reporter, phrasing });
  expect(await chat({ messages: [{ user: 'Bitcoin?' }] })).toMatchObject({
    answer: 'It closed at 41382, you asked.',
    _proof: { records: CITED, phrasedBy: 'small' },
  });
  expect(asked[0]).toMatchObject({ path: '/v1/chat/completions', authorization: 'Bearer secret' });
  expect(JSON.parse(asked[0]!.body)).toMatchObject({ model: 'small', temperature: 0 });
});

test.each<[what: string, answer: RequestListener]>([
  ['an invented number', (_, response) => response.end(completion('It will reach 1000000.'))],
  ['an error', (_, response) => response.writeHead(500).end(completion('It closed at 41382.'))],
  ['no JSON', (_, response) => response.end('<html>')],
  ['no text', (_, response) => response.end(completion(null))],
  ['an empty text', (_, response) => response.end(completion('  '))],
  ['a flood', (_, response) => response.end(completion('x'.repeat(400_000)))],
  ['a redirect', (_, response) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end()],
  ['silence', () => {}],
  ['a broken connection', (request) => request.socket.destroy()],
])('after %s the plain text stands', async (_what, answer) => {
  const { url } = await model(answer);
  const accept = (text: string) => !text.includes('1000000');
  const { chat } = await serve({ reporter, phrasing: { url, model: 'small', timeoutMs: 300, accept } });
  expect(await chat({ messages: [{ user: 'Bitcoin?' }] })).toMatchObject({
    ...{ success: true, answer: 'You asked: Bitcoin? It closed at 41382.', _proof: { phrasedBy: null } },
  });
});

test('a token’s number is 31 bits of SHA-256 over its kind and identity, on every node', () => {
  const first = createHash('sha256').update('asset bitcoin').digest().readUInt32BE(0) >>> 1;
  const ids = new TokenIds();
  expect(ids.idOf('asset', 'bitcoin')).toBe(first);
  expect(ids.idOf('asset', 'bitcoin')).toBe(first);
  expect(ids.idOf('index', 'bitcoin')).not.toBe(first);
  const all = Array.from({ length: 20_000 }, (_, at) => ids.idOf('asset', `sim-${at}`));
  expect(new Set(all).size).toBe(20_000);
  expect(all.every((id) => Number.isInteger(id) && id > 0 && id < 2 ** 31)).toBe(true);
});

test('whoever collides gets the next digest’s number; 0 is no number', () => {
  const bytes = (...list: number[]) => new Uint8Array(list);
  const ids = new TokenIds((text) =>
    text.endsWith(' 1') ? bytes(0, 0, 0, 9) : text === 'asset zero' ? bytes(0, 0, 0, 1) : bytes(0, 0, 0, 4),
  );
  expect([ids.idOf('asset', 'a'), ids.idOf('asset', 'zero'), ids.idOf('asset', 'a')]).toEqual([2, 4, 2]);
});
