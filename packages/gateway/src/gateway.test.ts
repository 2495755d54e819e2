/**
 * The gateway over real HTTP on a real node: what it serves, how it refuses, and the door through which a provider
 * sends its own signed batches.
 */
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  AssayError,
  base64Encode,
  type Candle,
  type Envelope,
  ed25519Signer,
  encodePayload,
  hexToBytes,
  type ObservationStatement,
  parseCheckpoint,
  parseNote,
  signStatement,
} from '@assay/core';
import { createProvider, instantOf, STREAMS } from '@assay/sources';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { serve, stop, until } from '../../../node-process.fixture.ts';
import { problemOf } from './problem.ts';

const folder = mkdtempSync(join(tmpdir(), 'assay-gateway-'));
const dataDir = join(folder, 'data');
const STREAM = STREAMS.find(({ name }) => name === 'kraken.BTC-USD.1m')!;
let node: { child: ChildProcess; base: string };
const get = (path: string, headers: Record<string, string> = {}) => fetch(node.base + path, { headers });
const json = async (path: string) => (await get(path)).json();
const post = (body: unknown) =>
  fetch(`${node.base}/v1/observations`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

/** Status of a request that nothing between us and the socket changes. */
const rawStatus = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
  new Promise<number | undefined>((resolve, reject) => {
    const { hostname, port } = new URL(node.base);
    const answered = request({ hostname, port, path, headers, method }, (answer) => {
      answered.destroy();
      resolve(answer.statusCode);
    });
    answered.on('error', reject).flushHeaders();
  });

beforeAll(async () => {
  // Two hours of simulation run through at once; then the node stands still and the stream's end is ours.
  node = await serve(['--source', 'simulated', '--hours', '2', '--speed', 'max', '--data-dir', dataDir]);
  await until(async () => (await json('/v1/status')).node.clock === '2024-01-01T02:00:00Z');
  await until(async () => {
    const { log } = await json('/v1/status');
    return log.size > 40 && log.published?.size === log.size;
  });
}, 60_000);

afterAll(async () => {
  await stop(node.child);
  rmSync(folder, { recursive: true, force: true });
});

test('records, rates, streams, search and bundles answer with level, quality and a link to the proof', async () => {
  const { records, next } = await json(`/v1/records?stream=${STREAM.name}&limit=2`);
  expect(records).toHaveLength(2);
  expect(next).toBe(records[1].time);
  expect(records[0]).toMatchObject({
    kind: 'row',
    stream: STREAM.name,
    time: '2024-01-01T01:59:00Z',
    decision: 'accept',
    level: 'L3',
  });
  expect(Object.keys(records[0].quality)).toEqual([
    'accuracy',
    'completeness',
    'consistency',
    'credibility',
    'currentness',
  ]);
  expect(await json(records[0].proof)).toMatchObject({ id: records[0].id, statement: {}, verdict: {} });
  expect((await json(`/v1/records?stream=${STREAM.name}&limit=1&before=${next}`)).records[0].time).toBe(
    '2024-01-01T01:57:00Z',
  );

  const latest = await json('/v1/reference-rates/btc-usd/1h/latest');
  expect(latest).toMatchObject({ time: '2024-01-01T01:00:00Z', level: 'L3', decision: 'accept' });
  expect(latest.venues.length).toBeGreaterThan(2);
  expect(await json('/v1/reference-rates/BTC-USD/1h/2024-01-01T01:00Z')).toEqual(latest);
  const detail = await json(`/v1/records/${latest.id}`);
  expect(detail.verdict.findings.length).toBeGreaterThan(0);
  expect(detail.lineage.materials.length).toBeGreaterThan(5);
  expect((await json('/v1/streams')).streams).toHaveLength(13);
  for (const query of [latest.id, latest.id.slice(0, 12), STREAM.name, detail.signer, '0']) {
    expect((await json(`/v1/search?q=${encodeURIComponent(query)}`)).matches.length, query).toBeGreaterThan(
      0,
    );
  }
});

test('the OpenAPI document names every route', async () => {
  const { openapi, paths } = await json('/openapi.json');
  expect(openapi).toBe('3.1.0');
  const names = Object.keys(paths).sort();
  // What is at /v2 is somebody else's format: docs/token-metrics-api.md lists it.
  expect(names.filter((name) => name.startsWith('/v2/'))).toHaveLength(31);
  expect(names.filter((name) => !name.startsWith('/v2/'))).toEqual([
    ...['/v1/alerts', '/v1/alerts/{id}/acknowledge', '/v1/exhibits/{digest}', '/v1/files/{sha256}'],
    ...[
      '/v1/governance',
      '/v1/log/evidence/{name}',
      '/v1/log/health',
      '/v1/log/lookup',
      '/v1/log/policy',
      '/v1/market/alert-rules',
      '/v1/market/alert-rules/{id}',
      '/v1/market/assets/{asset}',
      '/v1/market/figures/{figure}',
      '/v1/market/grades',
      '/v1/market/minutes/{asset}',
      '/v1/market/portfolio',
      '/v1/market/status',
      '/v1/observations',
      '/v1/providers',
      '/v1/providers/{did}/credibility',
      '/v1/records',
      '/v1/records/{id}',
      '/v1/records/{id}/appeals',
      '/v1/records/{id}/bundle',
      '/v1/records/{id}/executions',
      '/v1/records/{id}/receipt',
      '/v1/records/{id}/verdict-proof',
    ],
    ...['/v1/reference-rates/{pair}/{interval}', '/v1/reference-rates/{pair}/{interval}/{time}'],
    ...['/v1/reviewers', '/v1/reviews', '/v1/reviews/{item}'],
    '/v1/search',
    '/v1/status',
    '/v1/streams',
    '/v1/streams/{name}/head',
    '/v1/trust-policy',
  ]);
});

test('credibility is not known, with the reason, until something is settled; also of strangers', async () => {
  await until(async () => (await get('/v1/providers')).ok);
  const { chain, providers } = await json('/v1/providers');
  expect(chain.simulated).toBe(true);
  const unknown = {
    credibility: null,
    credibilityReason: 'neither reviewers nor the court has decided about any of its data yet',
  };
  expect(providers).toHaveLength(3);
  for (const provider of providers)
    expect(provider).toMatchObject({ ...unknown, stake: { total: `${10n ** 22n}` } });
  for (const did of [providers[0].did, `did:key:z6Mk${'x'.repeat(44)}`])
    expect(await json(`/v1/providers/${encodeURIComponent(did)}/credibility`)).toEqual({
      ...{ did, ...unknown, history: [] },
    });
  expect((await get('/v1/providers/kraken/credibility')).status).toBe(400);
});

test('the log is served as tlog-tiles demands, and nothing beside it', async () => {
  const checkpoint = await get('/checkpoint');
  expect(checkpoint.headers.get('content-type')).toBe('text/plain; charset=utf-8');
  const { size } = parseCheckpoint(parseNote(await checkpoint.text()).text);
  const tile = await get(`/tile/0/000.p/${size}`);
  expect([tile.headers.get('content-type'), (await tile.arrayBuffer()).byteLength]).toEqual([
    'application/octet-stream',
    32 * size,
  ]);
  expect(tile.headers.get('cache-control')).toMatch(/immutable/);
  const entries = await get(`/tile/entries/000.p/${size}`, { 'accept-encoding': 'gzip' });
  expect(entries.headers.get('content-encoding')).toBe('gzip');
  // Raw paths: fetch would tidy them up before they are sent.
  for (const path of [
    '/tile/0/001',
    '/tile/0/0',
    '/tile/entries/000.p/0',
    '/tile/0/%2e%2e/%2e%2e/checkpoint',
    '/tile/../../keys/log.key',
    '/tile/..%2f..%2fkeys/log.key',
    '/../keys/log.key',
  ]) {
    expect([403, 404], path).toContain(await rawStatus(path));
  }
});

test('refusals are problem documents with a code and the next step', async () => {
  const refused = async (path: string) => {
    const answer = await get(path);
    expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    const { status, code, next } = await answer.json();
    expect(next).toBeTypeOf('string');
    return `${status} ${code}`;
  };
  expect(await refused(`/v1/records/${'0'.repeat(64)}`)).toBe('404 NOT_FOUND');
  expect(await refused('/v1/records?limit=0')).toBe('400 REQUEST_INVALID');
  expect(await refused('/v1/records?before=yesterday')).toBe('400 REQUEST_INVALID');
  expect(await refused('/v1/reference-rates/BTC-USD/1h/2020-01-01T00:00Z')).toBe('404 NOT_FOUND');
  expect(await refused('/v1/nothing')).toBe('404 NOT_FOUND');
  // DNS rebinding: a page on another host reaches the port, but not with our name.
  expect(await rawStatus('/v1/status', { host: 'evil.example' })).toBe(400);
});

test("a provider's batches come in through the door, in order, once, and only if they are what they claim", async () => {
  const signer = await ed25519Signer(
    hexToBytes(readFileSync(join(dataDir, 'keys', 'provider-kraken.key'), 'utf8').trim()),
  );
  const provider = createProvider({ signer, adapter: 'test/1', mode: 'simulated' });
  const last = (await json(`/v1/records?stream=${STREAM.name}&limit=1`)).records[0];
  const [previous] = last.id.split('.');
  const head = (await json(`/v1/records/${previous}`)).statement.predicate;
  const fromMs = Date.parse(head.period.to);
  const rows = (minutes: number): Candle[] =>
    Array.from(
      { length: minutes },
      (_, i) => ({ ...last.values, time: instantOf(fromMs + i * 60_000) }) as unknown as Candle,
    );
  const batch = (change: { sequence?: number; previous?: string | null; rows?: Candle[] } = {}) =>
    provider.observe({
      stream: STREAM,
      rows: rows(3),
      gaps: [],
      observedAt: instantOf(fromMs + 180_000),
      period: { from: instantOf(fromMs), to: instantOf(fromMs + 180_000) },
      sequence: head.sequence + 1,
      previous: previous!,
      ...change,
    });
  const send = async (envelope: unknown, payload: Uint8Array) => {
    const answer = await post({ envelope, payload: base64Encode(payload) });
    const body = await answer.json();
    return { said: `${answer.status} ${body.code ?? 'recorded'}`, body };
  };
  const good = await batch();
  const { envelope, statement } = good.opened;

  const forged: Envelope = {
    ...envelope,
    signatures: [{ ...envelope.signatures[0], sig: base64Encode(new Uint8Array(64)) }],
  };
  expect((await send(forged, good.payload)).said).toBe('403 SIGNATURE_INVALID');
  const stranger = await signStatement(
    statement as ObservationStatement,
    await ed25519Signer(new Uint8Array(32).fill(9)),
  );
  expect((await send(stranger.envelope, good.payload)).said).toBe('403 PROVIDER_UNKNOWN');
  const skipped = await batch({ sequence: head.sequence + 2 });
  expect((await send(skipped.opened.envelope, skipped.payload)).said).toBe('409 BATCH_OUT_OF_ORDER');
  const unlinked = await batch({ previous: null });
  expect((await send(unlinked.opened.envelope, unlinked.payload)).said).toBe('409 BATCH_OUT_OF_ORDER');
  expect((await send(envelope, encodePayload(rows(2)))).said).toBe('422 PAYLOAD_MISMATCH');
  const garbled = await batch({ rows: rows(3).map((row, i) => (i === 1 ? { ...row, close: 'NaN' } : row)) });
  expect((await send(garbled.opened.envelope, garbled.payload)).said).toBe('422 CANDLE_MALFORMED');
  const outside = await batch({ rows: rows(4) });
  expect((await send(outside.opened.envelope, outside.payload)).said).toBe('422 CANDLE_MALFORMED');
  expect((await send({ payloadType: 'x' }, good.payload)).said).toBe('400 ENVELOPE_MALFORMED');
  expect((await send(envelope, new Uint8Array(5 * 1024 * 1024))).said).toBe('413 PAYLOAD_TOO_LARGE');
  // Refused by its announced length, before it is sent.
  expect(
    await rawStatus(
      '/v1/observations',
      { 'content-type': 'application/json', 'content-length': '64000000' },
      'POST',
    ),
  ).toBe(413);
  // After all that, nothing was written: the good batch is still the next one.
  const recorded = await send(envelope, good.payload);
  expect(recorded).toMatchObject({ said: '201 recorded', body: { id: good.opened.id } });
  expect((await send(envelope, good.payload)).said).toBe('409 BATCH_REPLAYED');

  const detail = await json(`/v1/records/${good.opened.id}`);
  expect(detail).toMatchObject({ index: recorded.body.index, verdict: { id: recorded.body.verdict } });
  // A null has the right shape; whether it is acceptable is the contract's question, and the answer is logged.
  const nulled = await provider.observe({
    stream: STREAM,
    gaps: [],
    observedAt: instantOf(fromMs + 240_000),
    sequence: head.sequence + 2,
    previous: good.opened.id,
    rows: [{ ...rows(4)[3]!, close: null as unknown as string }],
    period: { from: instantOf(fromMs + 180_000), to: instantOf(fromMs + 240_000) },
  });
  const rejected = await send(nulled.opened.envelope, nulled.payload);
  expect(rejected.said).toBe('201 recorded');
  expect((await json(`/v1/records/${nulled.opened.id}`)).verdict.decision).toBe('reject');
}, 30_000);

test('what happens is told as server-sent events', async () => {
  const feed = await get('/v1/events');
  expect(feed.headers.get('content-type')).toBe('text/event-stream');
  const reader = feed.body!.getReader();
  expect(new TextDecoder().decode((await reader.read()).value)).toMatch(/^: live/);
  await reader.cancel();
});

test('a full disk is 507, a log that cannot keep up 429, a lost one 503, whoever met it first', () => {
  const diskFull = Object.assign(new Error('database or disk is full'), {
    code: 'ERR_SQLITE_ERROR',
    errcode: 13,
  });
  expect(problemOf(diskFull)).toMatchObject({ status: 507, code: 'STORAGE_FULL' });
  expect(problemOf(Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' }))).toMatchObject({ status: 507 });
  expect(problemOf(new AssayError('LEDGER_BUSY', 'full'))).toMatchObject({ status: 429 });
  expect(problemOf(new AssayError('LEDGER_STOPPED', 'gone'))).toMatchObject({ status: 503 });
});
