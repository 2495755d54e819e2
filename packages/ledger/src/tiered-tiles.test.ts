/** Shows that old entries can lie in a second store, and what a log can still do while that store is away. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { leafHash, rootOf, verifyConsistency, verifyInclusion } from '@assay/core';
import { afterAll, describe, expect, test } from 'vitest';
import { directoryTileStore } from './directory-tiles.ts';
import { collect, entriesFrom, entry, temporaryLog, verifyServedLog } from './log.fixture.ts';
import { tieredTileStore } from './tiered-tiles.ts';
import { tileStoreContract } from './tile-store.contract.ts';

const SIZE = 2_000;
const BOUNDARY = 1_024;

const root = mkdtempSync(join(tmpdir(), 'assay-tiers-'));
afterAll(() => rmSync(root, { recursive: true }));

/** Folders as both stores, and a cold one that can be switched off. */
function tiers(name: string) {
  const folders = { hot: join(root, name, 'hot'), cold: join(root, name, 'cold') };
  const coldFolder = directoryTileStore(folders.cold);
  const reach = async () => {
    if (cold.away) throw new Error('no route to host');
  };
  const cold = {
    away: false,
    get: (path: string) => reach().then(() => coldFolder.get(path)),
    put: (tiles: ReadonlyMap<string, Uint8Array>) => reach().then(() => coldFolder.put(tiles)),
  };
  const drop = (path: string) => rm(join(folders.hot, path), { force: true });
  const tiles = tieredTileStore({ hot: directoryTileStore(folders.hot), cold, drop });
  const bundlesIn = (folder: string) =>
    readdirSync(join(folder, 'tile/entries'), { withFileTypes: true }).filter((file) => file.isFile()).length;
  return { tiles, cold, drop, folders, bundlesIn };
}

let stores = 0;
describe('contract', () => tileStoreContract(async () => tiers(`contract-${stores++}`).tiles));

test('with the cold store away every proof can be made, and only old entries cannot be read', async () => {
  const { tiles, cold, folders, bundlesIn } = tiers('away');
  const log = await temporaryLog();
  try {
    const growing = await log.open({ tiles });
    // Two commits: the second one drops the staging of the first, which recovery would store again.
    await growing.append(entriesFrom(0, SIZE - 10));
    await growing.whenPublished(SIZE - 10);
    await growing.append(entriesFrom(SIZE - 10, SIZE));
    await growing.whenPublished(SIZE);
    expect(await tiles.moveEntries(0, BOUNDARY + 255)).toBe(BOUNDARY / 256);
    expect(await tiles.moveEntries(0, BOUNDARY + 255)).toBe(0);
    expect([bundlesIn(folders.hot), bundlesIn(folders.cold)]).toEqual([3, 4]);
    await growing.close();

    cold.away = true;
    const ledger = await log.open({ tiles });
    const { root, size } = ledger.latest()!;
    expect(size).toBe(SIZE);
    for (let index = 0; index < SIZE; index += 7) {
      const path = await ledger.inclusionPath(index, SIZE);
      verifyInclusion({ leafHash: leafHash(entry(index)), index, size, path, root });
    }
    for (let oldSize = 1; oldSize < SIZE; oldSize += 97) {
      const path = await ledger.consistencyPath(oldSize, SIZE);
      const oldRoot = await rootOf(oldSize, ledger.hash);
      verifyConsistency({ oldSize, oldRoot, newSize: SIZE, newRoot: root, path });
    }
    expect(await collect(ledger.entries(BOUNDARY, SIZE))).toEqual(entriesFrom(BOUNDARY, SIZE));
    await expect(collect(ledger.entries(BOUNDARY - 1, SIZE))).rejects.toMatchObject({
      code: 'COLD_STORAGE_UNREACHABLE',
      message: 'tile/entries/003 lies in cold storage, which does not answer: no route to host',
    });
    await ledger.append(entriesFrom(SIZE, SIZE + 600));
    await ledger.whenPublished(SIZE + 600);
    expect(await tiles.get('tile/entries/999')).toBeNull();
    await expect(tiles.moveEntries(BOUNDARY, SIZE)).rejects.toMatchObject({
      code: 'COLD_STORAGE_UNREACHABLE',
    });
    expect(bundlesIn(folders.cold)).toBe(4);

    cold.away = false;
    const served = await verifyServedLog(tiles.get, log.signer.vkey);
    expect(served.entries).toEqual(entriesFrom(0, SIZE + 600));
  } finally {
    await log.dispose();
  }
});

test('a bundle that is altered, here or there, is not deleted here', async () => {
  const { tiles, cold, drop, folders, bundlesIn } = tiers('altered');
  const log = await temporaryLog();
  try {
    const ledger = await log.open({ tiles });
    await ledger.append(entriesFrom(0, 512));
    await ledger.whenPublished(512);

    const losing = { put: cold.put, get: async () => null };
    const hot = directoryTileStore(folders.hot);
    await expect(tieredTileStore({ hot, cold: losing, drop }).moveEntries(0, 512)).rejects.toMatchObject({
      code: 'TILE_INVALID',
      message: expect.stringContaining('gives it back otherwise'),
    });
    const bundle = (await tiles.get('tile/entries/001'))!.slice();
    bundle[100]! ^= 1;
    writeFileSync(join(folders.hot, 'tile/entries/001'), bundle);
    await expect(tiles.moveEntries(256, 512)).rejects.toMatchObject({
      code: 'TILE_INVALID',
      message: expect.stringContaining('does not hash to its leaves'),
    });
    expect(bundlesIn(folders.hot)).toBe(2);
  } finally {
    await log.dispose();
  }
});

test('only full bundles move, also when their number is not known', async () => {
  const { tiles, folders, bundlesIn } = tiers('partial');
  const log = await temporaryLog();
  try {
    const ledger = await log.open({ tiles });
    await ledger.append(entriesFrom(0, 600));
    await ledger.whenPublished(600);
    expect(await tiles.moveEntries(100, 10_000)).toBe(1);
    expect(await tiles.moveEntries(10_000, 0)).toBe(0);
    expect(bundlesIn(folders.hot)).toBe(1);
    expect((await verifyServedLog(tiles.get, log.signer.vkey)).size).toBe(600);
  } finally {
    await log.dispose();
  }
});
