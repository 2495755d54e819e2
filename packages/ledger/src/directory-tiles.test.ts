/** Shows that a folder of files keeps the promises of a tile store, and holds nothing but the served log. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { utf8 } from '@assay/core';
import { afterAll, describe, expect, test } from 'vitest';
import { directoryTileStore } from './directory-tiles.ts';
import { tileStoreContract } from './tile-store.contract.ts';

const root = mkdtempSync(join(tmpdir(), 'assay-tiles-'));
afterAll(() => rmSync(root, { recursive: true }));
let folders = 0;
const newFolder = () => join(root, `${folders++}`);

describe('contract', () => tileStoreContract(async () => directoryTileStore(newFolder())));

test('a file is the bytes and its path is the path', async () => {
  const folder = newFolder();
  const store = directoryTileStore(folder);
  await store.put(new Map([['tile/0/000.p/5', utf8('a')]]));
  await store.publish('checkpoint\n');
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((file) => file.isFile());
  expect(files.map((file) => join(file.parentPath, file.name).slice(folder.length)).sort()).toEqual([
    '/checkpoint',
    '/tile/0/000.p/5',
  ]);
});

test('what a crash left unfinished is cleared away', async () => {
  const folder = newFolder();
  mkdirSync(join(folder, '.tmp'), { recursive: true });
  writeFileSync(join(folder, '.tmp', 'half'), 'half a til');
  directoryTileStore(folder);
  expect(readdirSync(join(folder, '.tmp'))).toEqual([]);
});

test('a tile that cannot be written leaves nothing behind', async () => {
  const folder = newFolder();
  const store = directoryTileStore(folder);
  writeFileSync(join(folder, 'tile'), 'a file where a folder should be');
  await expect(store.put(new Map([['tile/0/000', utf8('a')]]))).rejects.toThrow();
  expect(readdirSync(join(folder, '.tmp'))).toEqual([]);
});

test('a folder that cannot be made is a clear error', () => {
  writeFileSync(join(root, 'file'), '');
  expect(() => directoryTileStore(join(root, 'file', 'log'))).toThrow(
    expect.objectContaining({ code: 'DATA_DIR_UNWRITABLE', next: expect.stringContaining('another folder') }),
  );
});
