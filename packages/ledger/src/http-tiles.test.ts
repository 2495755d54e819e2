/** Shows how a served log is read: patiently from busy servers, never without bound, and what is absent is null. */
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { utf8 } from '@assay/core';
import { afterEach, expect, test } from 'vitest';
import { httpTileSource } from './http-tiles.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

async function served(answer: RequestListener, timeoutMs?: number) {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/some/log`;
  return httpTileSource({ url, ...(timeoutMs ? { timeoutMs } : {}) });
}

test('bytes as they are, gzip undone, null for what is not there', async () => {
  const log = await served((request, response) => {
    if (request.url === '/some/log/checkpoint') response.end('note');
    else if (request.url === '/some/log/tile/entries/000')
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('entries'));
    else response.writeHead(404).end();
  });
  expect(await log.get('checkpoint')).toEqual(utf8('note'));
  expect(await log.get('tile/entries/000')).toEqual(utf8('entries'));
  expect(await log.get('tile/0/000')).toBeNull();
});

test('a busy server is asked again when it says', async () => {
  const asked: number[] = [];
  const log = await served((_request, response) => {
    asked.push(performance.now());
    if (asked.length === 1) response.writeHead(429, { 'retry-after': '1' }).end();
    else response.end('now');
  });
  expect(await log.get('checkpoint')).toEqual(utf8('now'));
  expect(asked[1]! - asked[0]!).toBeGreaterThan(950);
});

test.each<[string, RequestListener, string]>([
  ['forbids', (_request, response) => void response.writeHead(403).end(), 'it answered 403'],
  [
    'asks for too much patience',
    (_request, response) => void response.writeHead(503, { 'retry-after': '3600' }).end(),
    '503',
  ],
  [
    'sends without end',
    (_request, response) => {
      const more = () => {
        while (!response.destroyed && response.write(new Uint8Array(1 << 20)));
      };
      response.on('drain', more);
      more();
    },
    'it sends more than',
  ],
])('a server that %s is an error that says so', async (_what, answer, message) => {
  const log = await served(answer);
  await expect(log.get('checkpoint')).rejects.toMatchObject({
    code: 'LOG_UNREACHABLE',
    message: expect.stringContaining(message),
  });
});
