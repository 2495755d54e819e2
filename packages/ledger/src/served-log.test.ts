/** Shows what readers of a served log get: bytes, types, caching and compression (C2SP tlog-tiles). */
import { gunzipSync } from 'node:zlib';
import { utf8 } from '@assay/core';
import { expect, test } from 'vitest';
import { servedLog } from './served-log.ts';

const FILES: Record<string, string> = {
  checkpoint: 'one\n',
  'tile/0/000': 'hashes',
  'tile/0/001.p/7': 'partial',
  'tile/entries/000': 'entries'.repeat(100),
  secret: 'not a tile',
};

function log() {
  const asked: string[] = [];
  const source = {
    get: async (path: string) => {
      asked.push(path);
      return FILES[path] === undefined ? null : utf8(FILES[path]);
    },
  };
  return { asked, serve: servedLog(source, 2_000) };
}

test('the checkpoint is text, and asked for anew each time', async () => {
  const { serve, asked } = log();
  await serve('checkpoint');
  const file = await serve('checkpoint');
  expect(file!.headers).toMatchObject({
    'content-type': 'text/plain; charset=utf-8',
    'cache-control': 'no-cache',
    'access-control-allow-origin': '*',
  });
  expect(file!.body).toEqual(utf8('one\n'));
  expect(asked).toEqual(['checkpoint', 'checkpoint']);
});

test('tiles are bytes for ever, and read once', async () => {
  const { serve, asked } = log();
  for (const path of ['tile/0/000', 'tile/0/001.p/7']) {
    await serve(path, 'gzip');
    const file = await serve(path, 'gzip');
    expect(file!.headers).toMatchObject({
      'content-type': 'application/octet-stream',
      'cache-control': expect.stringContaining('immutable'),
    });
    expect(file!.headers['content-encoding']).toBeUndefined();
    expect(file!.body).toEqual(utf8(FILES[path]!));
  }
  expect(asked).toEqual(['tile/0/000', 'tile/0/001.p/7']);
});

test.each<[string | undefined, boolean]>([
  ['gzip', true],
  ['br, gzip;q=0.5', true],
  ['*', true],
  ['deflate, GZIP , br', true],
  [undefined, false],
  ['', false],
  ['identity', false],
  ['gzip;q=0', false],
  ['gzip; q=0.000, br', false],
  ['notgzip', false],
])('entry bundles for Accept-Encoding %s: compressed %s', async (accept, compressed) => {
  const { serve } = log();
  const file = await serve('tile/entries/000', accept);
  expect(file!.headers['content-encoding']).toBe(compressed ? 'gzip' : undefined);
  expect(file!.headers.vary).toBe('accept-encoding');
  const body = compressed ? new Uint8Array(gunzipSync(file!.body)) : file!.body;
  expect(body).toEqual(utf8(FILES['tile/entries/000']!));
});

test.each([
  'secret',
  'tile/0/0',
  'tile/0/002',
  'tile/../secret',
  'tile/0/000/../../secret',
  'tile/0/000.p/256',
  'tile/0/000.p/0',
  '/checkpoint',
])('there is nothing at %s', async (path) => {
  expect(await log().serve(path)).toBeNull();
});

test('what is kept in memory is bounded', async () => {
  const { serve, asked } = log();
  for (let round = 0; round < 2; round++) {
    for (const path of ['tile/entries/000', 'tile/0/000']) await serve(path);
  }
  expect(asked).toHaveLength(2);
  asked.length = 0;
  const get = async (path: string) => {
    asked.push(path);
    return utf8('x'.repeat(1_500));
  };
  const small = servedLog({ get }, 2_000);
  for (let round = 0; round < 2; round++) for (const tile of ['tile/0/000', 'tile/0/001']) await small(tile);
  expect(asked).toHaveLength(4);
});
