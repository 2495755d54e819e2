/** Shows that an S3-compatible object store keeps the promises of a tile store, also when it dies in mid-write. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { AssayError, utf8 } from '@assay/core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { entriesFrom, entry, temporaryLog, verifyServedLog } from './log.fixture.ts';
import { LISTED_AT_ONCE, s3Absent, startS3, type TestS3 } from './s3-server.fixture.ts';
import { parseListing, s3TileStore } from './s3-tiles.ts';
import { tileStoreContract } from './tile-store.contract.ts';

const CRASHES = process.env.ASSAY_LONG ? 50 : 2;

describe.skipIf(s3Absent)(`object store${s3Absent ? ` (${s3Absent})` : ''}`, () => {
  let server: TestS3;
  beforeAll(async () => {
    server = await startS3();
    await server.makeBucket('logs');
  });
  afterAll(() => server?.dispose());
  const open = (prefix: string) => s3TileStore({ ...server.access, bucket: 'logs', prefix });

  let logs = 0;
  describe('contract', () => tileStoreContract(() => open(`contract/${logs++}`)));

  test('an object is the bytes, with the headers of a served log', async () => {
    const store = await open('served');
    await store.put(
      new Map([
        ['tile/0/000', utf8('hashes')],
        ['tile/entries/000', utf8('entries')],
      ]),
    );
    await store.publish('checkpoint\n');
    const read = async (path: string) => {
      const response = await server.read('logs', `served/${path}`);
      const names = ['content-type', 'cache-control', 'content-encoding'];
      return [await response.text(), ...names.map((name) => response.headers.get(name))];
    };
    const immutable = 'public, max-age=31536000, immutable';
    expect(await read('tile/0/000')).toEqual(['hashes', 'application/octet-stream', immutable, null]);
    expect(await read('tile/entries/000')).toEqual([
      'entries',
      'application/octet-stream',
      immutable,
      'gzip',
    ]);
    expect(await read('checkpoint')).toEqual(['checkpoint\n', 'text/plain; charset=utf-8', 'no-cache', null]);
  });

  test('of many writers of one tile with different bytes exactly one wins', async () => {
    const stores = await Promise.all(Array.from({ length: 8 }, () => open('race')));
    const writes = stores.map((store, i) => store.put(new Map([['tile/0/000', utf8(`writer ${i}`)]])));
    const ends = await Promise.allSettled(writes);
    const winner = ends.findIndex(({ status }) => status === 'fulfilled');
    expect(ends.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const end of ends) if (end.status === 'rejected') expect(end.reason.code).toBe('TILE_CONFLICT');
    expect(await stores[0]!.get('tile/0/000')).toEqual(utf8(`writer ${winner}`));
  });

  test('listings go on over many pages, and see neither neighbours nor strangers', async () => {
    const store = await open('listed & more');
    const widths = Array.from({ length: 3 * LISTED_AT_ONCE + 1 }, (_, i) => i * 11 + 1);
    const paths = [
      ...widths.map((width) => `tile/0/000.p/${width}`),
      'tile/0/000',
      'tile/0/000.p/x',
      'tile/0/001.p/9',
    ];
    await store.put(new Map(paths.map((path) => [path, utf8(path)])));
    expect(await store.partials('tile/0/000')).toEqual(widths);
    await store.dropPartials('tile/0/000');
    expect(await store.partials('tile/0/000')).toEqual([]);
    expect(await store.partials('tile/0/001')).toEqual([9]);
  });

  test('an object that is dropped is gone', async () => {
    const store = await open('dropped');
    await store.put(new Map([['tile/entries/000', utf8('e')]]));
    await store.drop('tile/entries/000');
    await store.drop('tile/entries/000');
    expect(await store.get('tile/entries/000')).toBeNull();
  });

  test('a wrong key or an absent bucket is a clear error', async () => {
    const { access } = server;
    await expect(s3TileStore({ ...access, bucket: 'absent' })).rejects.toMatchObject({
      code: 'STORAGE_FAILED',
      message: expect.stringContaining('404 NoSuchBucket'),
      next: expect.stringContaining('make the bucket'),
    });
    await expect(s3TileStore({ ...access, bucket: 'logs', secretAccessKey: 'wrong' })).rejects.toMatchObject({
      message: expect.stringContaining('403 SignatureDoesNotMatch'),
      next: expect.stringContaining('check the access key'),
    });
  });

  test(`after ${CRASHES} crashes of the store in mid-write nothing is lost`, {
    timeout: 30_000 + CRASHES * 15_000,
  }, async () => {
    const log = await temporaryLog();
    const tiles = await open('crashing');
    const ledger = await log.open({ tiles });
    const acknowledged = new Map<number, number>();
    let told = false;
    const appending = (async () => {
      for (let next = 0, count = 1; !told; count = (count * 7) % 409) {
        const indices = await ledger.append(entriesFrom(next, next + count));
        for (const [i, index] of indices.entries()) acknowledged.set(next + i, index);
        next += count;
      }
    })();
    try {
      for (let crash = 0; crash < CRASHES; crash++) {
        await ledger.whenPublished(ledger.size + 300);
        await sleep((crash * 7) % 23);
        await server.crash();
        await sleep(100);
        await server.start();
      }
      told = true;
      await appending;
      await ledger.whenPublished(ledger.size);
      const served = await verifyServedLog(tiles.get, log.signer.vkey);
      expect(served.size).toBe(acknowledged.size);
      for (const [number, index] of acknowledged) expect(served.entries[index]).toEqual(entry(number));
      await ledger.close();
      expect((await log.open({ tiles })).size).toBe(served.size);
    } finally {
      told = true;
      await log.dispose();
    }
  });
});

describe('a server that is not what it should be', () => {
  test('that replaces objects, or does not know the condition, is refused', async () => {
    for (const status of [200, 501]) {
      const server = await answering(() => ({ status }));
      await expect(server.open()).rejects.toMatchObject({
        code: 'STORAGE_UNSUITABLE',
        message: expect.stringContaining('If-None-Match'),
      });
      server.close();
    }
  });

  test('that is busy is asked again, as often and as late as it bears', async () => {
    const answers = [503, 429, 409, 412, 500, 200];
    const server = await answering((n) => ({ status: answers[n]!, body: 'bytes' }));
    const store = await server.open();
    expect(await store.get('tile/0/000')).toEqual(utf8('bytes'));
    expect(server.requests()).toBe(answers.length);
    server.close();

    const patient = await answering(() => ({ status: 503, headers: { 'retry-after': '3600' } }));
    await expect(patient.open()).rejects.toMatchObject({ code: 'STORAGE_FAILED', detail: { status: 503 } });
    expect(patient.requests()).toBe(1);
    patient.close();
  });
});

describe('a listing', () => {
  const page = (inside: string) =>
    `<?xml version="1.0"?><ListBucketResult xmlns="x">${inside}</ListBucketResult>`;

  test('gives keys and the place to go on', () => {
    const keys = '<Contents><Key>a%2Fb+c%2B1</Key></Contents><Contents><Key>d</Key></Contents>';
    const more = '<IsTruncated>true</IsTruncated><NextContinuationToken>t&amp;&#x41;</NextContinuationToken>';
    expect(parseListing(page(`<EncodingType>url</EncodingType>${keys}${more}`))).toEqual({
      keys: ['a/b c+1', 'd'],
      next: 't&A',
    });
    expect(parseListing(page('<IsTruncated>false</IsTruncated><Key>a&lt;+%</Key>'))).toEqual({
      keys: ['a<+%'],
      next: null,
    });
  });

  test.for([
    '',
    '<html>welcome</html>',
    page(''),
    page('<IsTruncated>perhaps</IsTruncated>'),
    page('<IsTruncated>true</IsTruncated>'),
    page('<IsTruncated>false</IsTruncated><IsTruncated>false</IsTruncated>'),
    page('<IsTruncated>false</IsTruncated><Key>&unknown;</Key>'),
    page('<IsTruncated>false</IsTruncated><Key>&amp</Key>'),
    page('<IsTruncated>false</IsTruncated><EncodingType>url</EncodingType><Key>%</Key>'),
  ])('that is malformed is refused: %s', (xml) => {
    expect(() => parseListing(xml)).toThrow(AssayError);
  });
});

/** An HTTP server that knows nothing of S3 and answers as it is told. */
async function answering(
  answer: (n: number) => { status: number; body?: string; headers?: Record<string, string> },
) {
  let requests = 0;
  const server = createServer((request, response) => {
    const { status, body, headers } = answer(requests++);
    request.resume().on('end', () => response.writeHead(status, headers).end(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const access = { region: 'r', bucket: 'b', accessKeyId: 'k', secretAccessKey: 's' };
  return {
    open: () => s3TileStore({ endpoint, ...access }),
    requests: () => requests,
    close: () => server.close(),
  };
}
