/** Shows that fsck finds every changed byte of a log, and names the file. ASSAY_LONG=1 flips every bit. */

import { readFileSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { parseVkey } from '@assay/core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fsck, listLog } from './fsck.ts';
import { httpTileSource } from './http-tiles.ts';
import { entriesFrom, temporaryLog } from './log.fixture.ts';
import { servedLog } from './served-log.ts';
import type { TileSource } from './tile-store.ts';

type Log = Awaited<ReturnType<typeof temporaryLog>>;
let log: Log;
let folder: string;

async function logOf(sizes: readonly number[]): Promise<Log> {
  const made = await temporaryLog();
  const ledger = await made.open();
  for (const size of sizes) {
    await ledger.append(entriesFrom(ledger.size, size));
    await ledger.whenPublished(size);
  }
  await ledger.close();
  return made;
}

beforeAll(async () => {
  // A full tile, a level above it, and partial tiles of two widths.
  log = await logOf([256, 280, 300]);
  folder = join(log.folder, 'log');
});
afterAll(() => log.dispose());

/** fsck of the small log, in which some files have other bytes. */
const check = async (changed: Record<string, Uint8Array | null> = {}) => {
  const source: TileSource = {
    get: async (path) => (changed[path] === undefined ? log.tiles.get(path) : changed[path]),
  };
  return fsck({ source, verifiers: [parseVkey(log.signer.vkey)], files: await listLog(folder) });
};

test('a sound log', async () => {
  const report = await check();
  expect(report).toMatchObject({ entries: 300, problems: [], beyond: 0, signedBy: ['ledger.test/log'] });
  expect(report.files).toBe((await listLog(folder)).length);
});

test('every flipped bit of every file', { timeout: 600_000 }, async () => {
  let missed = 0;
  let flips = 0;
  for (const path of await listLog(folder)) {
    const genuine = new Uint8Array(readFileSync(join(folder, path)));
    // Every byte of the small files, every few bytes of the large ones; in the long suite every bit of all.
    const step = process.env.ASSAY_LONG ? 1 : Math.max(1, Math.floor((genuine.length * 8) / 120));
    for (let bit = 0; bit < genuine.length * 8; bit += step) {
      const bytes = genuine.slice();
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      flips++;
      const found = await check({ [path]: bytes }).then(
        ({ problems }) => problems.length > 0,
        (error: Error & { code?: string }) => error.code !== undefined,
      );
      if (!found) missed++;
    }
  }
  expect(flips).toBeGreaterThan(800);
  expect(missed).toBe(0);
});

test.each([
  ['tile/0/000', 'is missing'],
  ['tile/entries/000', 'is missing'],
  ['tile/1/000.p/1', 'is missing'],
])('%s missing', async (path, message) => {
  expect((await check({ [path]: null })).problems).toContainEqual({ path, message });
});

test('one damaged file is one named problem, not a cascade', async () => {
  const bundle = (await log.tiles.get('tile/entries/000'))!.slice();
  bundle[3]! ^= 1;
  expect((await check({ 'tile/entries/000': bundle })).problems).toEqual([
    { path: 'tile/0/000', message: 'hash 0 is not that of entry 0' },
  ]);
  // A length that is wrong moves everything after it.
  bundle[3]! ^= 1;
  bundle[1]! ^= 1;
  expect((await check({ 'tile/entries/000': bundle })).problems.map(({ path }) => path)).toEqual(
    expect.arrayContaining(['tile/0/000']),
  );
});

test('partial tiles that were replaced by the full one, and strangers', async () => {
  writeFileSync(join(folder, 'tile', 'note.txt'), 'hello');
  writeFileSync(join(folder, 'tile', '0', '002'), new Uint8Array(8_192));
  expect(await check()).toMatchObject({
    problems: [{ path: 'tile/note.txt', message: 'is no part of a log' }],
    beyond: 1,
  });
  unlinkSync(join(folder, 'tile', 'note.txt'));
  rmSync(join(folder, 'tile', '0', '002'));
});

describe('a larger log, read over HTTP', () => {
  test('65,536 + 300 entries, sound and with a hash of level 1 altered', { timeout: 60_000 }, async () => {
    const large = await logOf([65_836]);
    let altered: string | null = null;
    const read = servedLog(
      {
        get: async (path) => {
          const bytes = (await large.tiles.get(path))?.slice() ?? null;
          if (path === altered) bytes![40]! ^= 1;
          return bytes;
        },
      },
      0,
    );
    const server = createServer(async (request, response) => {
      const file = await read(request.url!.slice(1), String(request.headers['accept-encoding']));
      response.writeHead(file ? 200 : 404, file?.headers).end(file?.body);
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.on('listening', resolve));
    const source = httpTileSource({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
    expect(await fsck({ source })).toMatchObject({ entries: 65_836, problems: [], signedBy: [] });
    altered = 'tile/1/000';
    expect((await fsck({ source })).problems).toEqual([
      { path: 'tile/1/000', message: 'hash 1 is not that of tile/0/001' },
      { path: 'tile/2/000.p/1', message: 'hash 0 is not that of tile/1/000' },
    ]);
    server.closeAllConnections();
    server.close();
    await large.dispose();
  });
});

test('there is no log where there is no checkpoint', async () => {
  await expect(fsck({ source: { get: async () => null } })).rejects.toMatchObject({ code: 'NOT_FOUND' });
});
