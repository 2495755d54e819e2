/** Shows what a log promises: order, durability, one index per entry, proofs, and a folder that anyone can serve. */

import { cpSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import {
  ed25519NoteSigner,
  ed25519Signer,
  leafHash,
  utf8,
  verifyConsistency,
  verifyInclusion,
} from '@assay/core';
import fc from 'fast-check';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { directoryTileStore } from './directory-tiles.ts';
import type { Ledger } from './ledger.ts';
import { collect, entriesFrom, entry, ORIGIN, temporaryLog, verifyServedLog } from './log.fixture.ts';
import { sqliteCheckpointStore } from './sqlite-checkpoints.ts';

const disposals: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const dispose of disposals.splice(0)) await dispose();
});

async function newLog() {
  const log = await temporaryLog();
  disposals.push(log.dispose);
  return log;
}

describe('append', () => {
  test('gives indices in order, and the entries can be read back', async () => {
    const log = await newLog();
    const ledger = await log.open();
    expect(ledger.size).toBe(0);
    expect(ledger.latest()).toBeNull();
    expect(ledger.published()).toBeNull();
    expect(await ledger.append(entriesFrom(0, 3))).toEqual([0, 1, 2]);
    expect(await ledger.append(entriesFrom(3, 700))).toEqual(Array.from({ length: 697 }, (_, i) => i + 3));
    expect(ledger.size).toBe(700);
    expect(ledger.latest()!.size).toBe(700);
    expect(await collect(ledger.entries(2, 600))).toEqual(entriesFrom(2, 600));
    expect(await ledger.append([])).toEqual([]);
  });

  test('calls at the same time share a checkpoint', async () => {
    const log = await newLog();
    const ledger = await log.open({ poolForMs: 20 });
    const calls = Array.from({ length: 50 }, (_, i) => ledger.append([entry(i)]));
    expect((await Promise.all(calls)).flat()).toEqual(Array.from({ length: 50 }, (_, i) => i));
    expect((await log.checkpoints.load()).staged).toHaveLength(1);
  });

  test('an entry over 65,535 bytes is refused, one of that size is taken', async () => {
    const log = await newLog();
    const ledger = await log.open();
    await expect(ledger.append([new Uint8Array(65_536)])).rejects.toMatchObject({ code: 'ENTRY_TOO_LARGE' });
    expect(await ledger.append([new Uint8Array(65_535), new Uint8Array()])).toEqual([0, 1]);
    await ledger.whenPublished(2);
    const served = await verifyServedLog((path) => log.tiles.get(path), log.signer.vkey);
    expect(served.entries.map((bytes) => bytes.length)).toEqual([65_535, 0]);
  });

  test('more than the queue holds is refused with advice, and nothing of it is taken', async () => {
    const log = await newLog();
    const ledger = await log.open({ maxPooledEntries: 10, poolForMs: 20 });
    const taken = ledger.append(entriesFrom(0, 8));
    await expect(ledger.append(entriesFrom(8, 12))).rejects.toMatchObject({
      code: 'LEDGER_BUSY',
      detail: { retryAfterMs: expect.any(Number) },
      next: expect.stringContaining('retry'),
    });
    await taken;
    expect(ledger.size).toBe(8);
    const small = await newLog();
    const bytes = await small.open({ maxPooledBytes: 100 });
    await expect(bytes.append([new Uint8Array(101)])).rejects.toMatchObject({ code: 'LEDGER_BUSY' });
  });

  test('100,000 entries in one call', async () => {
    const log = await newLog();
    const ledger = await log.open();
    const indices = await ledger.append(entriesFrom(0, 100_000));
    expect(indices.at(-1)).toBe(99_999);
    await ledger.whenPublished(100_000);
    expect(await collect(ledger.entries(65_530, 65_540))).toEqual(entriesFrom(65_530, 65_540));
    const path = await ledger.inclusionPath(65_535, 100_000);
    verifyInclusion({
      leafHash: leafHash(entry(65_535)),
      index: 65_535,
      size: 100_000,
      path,
      root: ledger.latest()!.root,
    });
  });
});

describe('the same bytes', () => {
  test('have one index: within a call, between calls, while they wait, after a restart', async () => {
    const log = await newLog();
    const first = await log.open({ poolForMs: 5 });
    expect(await first.append([entry(0), entry(1), entry(0)])).toEqual([0, 1, 0]);
    expect(await Promise.all([first.append([entry(2)]), first.append([entry(2), entry(1)])])).toEqual([
      [2],
      [2, 1],
    ]);
    await first.append(entriesFrom(3, 600));
    await first.close();
    const second = await log.open();
    expect(await second.append([entry(0), entry(300), entry(599), entry(600)])).toEqual([0, 300, 599, 600]);
  });

  test('may get a new index after a restart, once they fell out of the window', async () => {
    const log = await newLog();
    const ledger = await log.open({ dedupeWindow: 10 });
    await ledger.append(entriesFrom(0, 15));
    expect(await ledger.append([entry(5), entry(14)])).toEqual([5, 14]);
    await ledger.close();
    const reopened = await log.open({ dedupeWindow: 10 });
    expect(await reopened.append([entry(4), entry(7), entry(5)])).toEqual([15, 7, 5]);
  });
});

test('every proof between committed sizes verifies', async () => {
  const log = await newLog();
  const ledger = await log.open();
  const roots = new Map<number, Uint8Array>();
  for (const size of [1, 2, 255, 256, 257, 700, 1_025]) {
    await ledger.append(entriesFrom(ledger.size, size));
    roots.set(size, ledger.latest()!.root);
  }
  const sizes = [...roots.keys()];
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...sizes), fc.constantFrom(...sizes), fc.nat(1_024), async (a, b, i) => {
      const [oldSize, newSize] = a < b ? [a, b] : [b, a];
      const [oldRoot, newRoot] = [roots.get(oldSize)!, roots.get(newSize)!];
      const path = await ledger.consistencyPath(oldSize, newSize);
      verifyConsistency({ oldSize, oldRoot, newSize, newRoot, path });
      const index = i % newSize;
      const inclusion = await ledger.inclusionPath(index, newSize);
      verifyInclusion({
        leafHash: leafHash(entry(index)),
        index,
        size: newSize,
        path: inclusion,
        root: newRoot,
      });
    }),
    { numRuns: 150 },
  );
  await expect(ledger.inclusionPath(0, 2_000)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await expect(ledger.inclusionPath(700, 700)).rejects.toThrow('index');
});

test('any static file server publishes the folder, and a stranger’s reader verifies it', async () => {
  const log = await newLog();
  const ledger = await log.open();
  const server = createServer((request, response) => {
    try {
      response.end(readFileSync(join(log.folder, 'log', request.url!)));
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const get = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${port}/${path}`);
    return response.ok ? new Uint8Array(await response.arrayBuffer()) : null;
  };
  try {
    for (const size of [1, 200, 256, 300, 770]) {
      await ledger.append(entriesFrom(ledger.size, size));
      await ledger.whenPublished(size);
      const served = await verifyServedLog(get, log.signer.vkey);
      expect(served).toMatchObject({ origin: ORIGIN, size, note: ledger.published()!.note });
      expect(served.entries).toEqual(entriesFrom(0, size));
    }
    // Partial tiles stay only where no full one has replaced them.
    expect(await log.tiles.partials('tile/0/000')).toEqual([]);
    expect(await log.tiles.partials('tile/entries/000')).toEqual([]);
    expect(await log.tiles.partials('tile/0/001')).toEqual([]);
    expect(await log.tiles.partials('tile/0/003')).toEqual([2]);
    expect(await log.tiles.partials('tile/1/000')).toEqual([1, 3]);
  } finally {
    server.close();
    server.closeAllConnections();
  }
});

describe('reopening', () => {
  test('goes on where it was', async () => {
    const log = await newLog();
    for (const size of [0, 3, 300, 512, 513]) {
      const ledger = await log.open();
      await ledger.append(entriesFrom(ledger.size, size));
      expect(ledger.size).toBe(size);
      await ledger.close();
    }
    const ledger = await log.open();
    await ledger.whenPublished(513);
    expect((await verifyServedLog((path) => log.tiles.get(path), log.signer.vkey)).entries).toEqual(
      entriesFrom(0, 513),
    );
  });

  test('publishes what was committed but not published', async () => {
    const log = await newLog();
    const silent = { ...log.tiles, publish: () => Promise.reject(new Error('disk full')) };
    const ledger = await log.open({ tiles: silent });
    await ledger.append(entriesFrom(0, 5));
    await ledger.close();
    expect(await log.tiles.get('checkpoint')).toBeNull();
    const sizes: number[] = [];
    const reopened = await log.open({ onPublished: ({ size }) => sizes.push(size) });
    expect((await reopened.whenPublished(5)).size).toBe(5);
    expect(sizes).toEqual([5]);
  });

  test('refuses another origin and another key', async () => {
    const log = await newLog();
    await (await log.open()).append([entry(0)]);
    await expect(log.open({ origin: 'ledger.test/other' })).rejects.toMatchObject({ code: 'LEDGER_CORRUPT' });
    const stranger = await import('@assay/core').then((core) =>
      core.ed25519Signer(new Uint8Array(32)).then((key) => core.ed25519NoteSigner(ORIGIN, key)),
    );
    await expect(log.open({ signer: stranger })).rejects.toMatchObject({
      code: 'LEDGER_CORRUPT',
      message: expect.stringContaining('the committed note is not a checkpoint'),
    });
  });

  test('refuses tiles that are missing or altered', async () => {
    for (const [path, bytes] of [
      ['tile/entries/001.p/44', null],
      ['tile/0/001.p/44', null],
      ['tile/1/000.p/1', null],
      ['tile/0/001.p/44', new Uint8Array(44 * 32)],
      ['tile/1/000.p/1', new Uint8Array(32)],
      ['tile/0/001.p/44', new Uint8Array(3)],
      ['tile/entries/001.p/44', utf8('nonsense')],
    ] as const) {
      const log = await newLog();
      const ledger = await log.open();
      await ledger.append(entriesFrom(0, 300));
      await ledger.close();
      log.checkpoints.close();
      const damaged = { ...log.tiles, get: async (at: string) => (at === path ? bytes : log.tiles.get(at)) };
      const checkpoints = sqliteCheckpointStore(join(log.folder, 'ledger.db'), ORIGIN);
      await expect(log.open({ tiles: damaged, checkpoints }), path).rejects.toMatchObject({
        code: expect.stringMatching(/LEDGER_CORRUPT|TILE_INVALID/),
      });
      checkpoints.close();
    }
  });

  test('refuses storage that is ahead of its lock', async () => {
    const log = await newLog();
    const ledger = await log.open();
    await ledger.append(entriesFrom(0, 10));
    await ledger.close();
    log.checkpoints.close();
    cpSync(join(log.folder, 'ledger.db'), join(log.folder, 'old.db'));

    const lost = sqliteCheckpointStore(join(log.folder, 'new.db'), ORIGIN);
    await expect(log.open({ checkpoints: lost })).rejects.toMatchObject({
      code: 'LEDGER_CORRUPT',
      message: expect.stringContaining('ahead of the lock'),
      next: expect.stringContaining('fork'),
    });
    lost.close();

    // Also when the newer checkpoints never became public.
    const hidden = { ...log.tiles, publish: () => Promise.reject(new Error('not now')) };
    for (const size of [11, 256, 300]) {
      const current = sqliteCheckpointStore(join(log.folder, 'ledger.db'), ORIGIN);
      const more = await log.open({ checkpoints: current, tiles: hidden });
      await more.append(entriesFrom(more.size, size));
      await more.close();
      current.close();
      cpSync(join(log.folder, 'old.db'), join(log.folder, 'restored.db'));
      const restored = sqliteCheckpointStore(join(log.folder, 'restored.db'), ORIGIN);
      await expect(log.open({ checkpoints: restored })).rejects.toMatchObject({
        code: 'LEDGER_CORRUPT',
        message: expect.stringContaining('it holds tile/'),
      });
      restored.close();
      rmSync(join(log.folder, 'restored.db'));
    }
  });
});

test('many logs in one process and one database file keep apart', async () => {
  const log = await newLog();
  const key = await ed25519Signer(new Uint8Array(32).fill(9));
  const logs = await Promise.all(
    Array.from({ length: 25 }, async (_, i) => {
      const origin = `many.test/${i}`;
      const checkpoints = sqliteCheckpointStore(join(log.folder, 'many.db'), origin);
      const tiles = directoryTileStore(join(log.folder, `many-${i}`));
      const signer = ed25519NoteSigner(origin, key);
      return { signer, tiles, checkpoints, ledger: await log.open({ origin, signer, tiles, checkpoints }) };
    }),
  );
  await Promise.all(
    logs.flatMap(({ ledger }, i) => [ledger.append(entriesFrom(0, i)), ledger.append([entry(i)])]),
  );
  for (const [i, { ledger, tiles, signer, checkpoints }] of logs.entries()) {
    await ledger.whenPublished(i + 1);
    await ledger.close();
    checkpoints.close();
    const served = await verifyServedLog((path) => tiles.get(path), signer.vkey);
    expect(served).toMatchObject({ origin: `many.test/${i}`, size: i + 1, entries: entriesFrom(0, i + 1) });
  }
});

test('a time of day that jumps ten minutes back and forth changes neither order nor progress', async () => {
  const log = await newLog();
  const ledger = await log.open({ poolForMs: 5, publishEveryMs: 20 });
  let jump = 0;
  const genuine = Date.now;
  vi.spyOn(Date, 'now').mockImplementation(() => genuine() + jump);
  for (let round = 0; round < 40; round++) {
    jump = [0, 600_000, -600_000, 3, -50][round % 5]!;
    const indices = await ledger.append(entriesFrom(round * 10, round * 10 + 10));
    expect(indices).toEqual(Array.from({ length: 10 }, (_, i) => round * 10 + i));
    if (round % 10 === 9) await ledger.whenPublished(ledger.size);
  }
  vi.restoreAllMocks();
  expect(await collect(ledger.entries(0, 400))).toEqual(entriesFrom(0, 400));
});

test('of two sequencers on one log the one that loses a swap stops, and loses nothing', async () => {
  const log = await newLog();
  const stopped: string[] = [];
  const first = await log.open({ onStopped: (error) => stopped.push(error.code) });
  const second = await log.open({ dedupeWindow: 1 });
  await first.append(entriesFrom(0, 5));
  await expect(second.append([utf8('late')])).rejects.toMatchObject({ code: 'LEDGER_STOPPED' });
  await expect(second.append([utf8('later')])).rejects.toMatchObject({ code: 'LEDGER_STOPPED' });
  expect(await first.append(entriesFrom(5, 300))).toHaveLength(295);
  expect(stopped).toEqual([]);
  await first.whenPublished(300);
  expect((await verifyServedLog((path) => log.tiles.get(path), log.signer.vkey)).entries).toEqual(
    entriesFrom(0, 300),
  );
});

describe('closing', () => {
  test('commits what waits, then takes nothing more', async () => {
    const log = await newLog();
    const ledger = await log.open({ poolForMs: 5_000 });
    const waiting = ledger.append(entriesFrom(0, 5));
    const never = ledger.whenPublished(1_000);
    await Promise.all([ledger.close(), expect(never).rejects.toMatchObject({ code: 'LEDGER_STOPPED' })]);
    expect(await waiting).toEqual([0, 1, 2, 3, 4]);
    await expect(ledger.append([entry(9)])).rejects.toMatchObject({ code: 'LEDGER_STOPPED' });
    await expect(ledger.whenPublished(1_000)).rejects.toMatchObject({ code: 'LEDGER_STOPPED' });
  });
});

test('what is published never goes back', async () => {
  const log = await newLog();
  const sizes: number[] = [];
  const ledger: Ledger = await log.open({ onPublished: ({ size }) => sizes.push(size) });
  for (let i = 0; i < 30; i++) await ledger.append([entry(i)]);
  await ledger.whenPublished(30);
  expect(sizes.at(-1)).toBe(30);
  expect(sizes).toEqual([...sizes].sort((a, b) => a - b));
  expect(new Set(sizes).size).toBe(sizes.length);
});
