import { utf8 } from '@assay/core';
import { expect, test } from 'vitest';
import type { TileStore } from './tile-store.ts';

/** What every {@link TileStore} must show. `make` gives an empty store each time. */
export function tileStoreContract(make: () => Promise<TileStore>): void {
  const PARTIAL = 'tile/0/x001/x234/067.p/5';
  const FULL = 'tile/0/x001/x234/067';

  test('gives back what was stored, and null for the rest', async () => {
    const store = await make();
    expect(await store.get(PARTIAL)).toBeNull();
    await store.put(
      new Map([
        [PARTIAL, utf8('a')],
        ['tile/entries/000', utf8('b')],
      ]),
    );
    expect(await store.get(PARTIAL)).toEqual(utf8('a'));
    expect(await store.get('tile/entries/000')).toEqual(utf8('b'));
    expect(await store.get(FULL)).toBeNull();
  });

  test('takes the same bytes again and refuses others', async () => {
    const store = await make();
    await store.put(new Map([[FULL, utf8('a')]]));
    await store.put(
      new Map([
        [FULL, utf8('a')],
        [PARTIAL, utf8('p')],
      ]),
    );
    await expect(store.put(new Map([[FULL, utf8('other')]]))).rejects.toMatchObject({
      code: 'TILE_CONFLICT',
    });
    expect(await store.get(FULL)).toEqual(utf8('a'));
  });

  test('stores many tiles at once', async () => {
    const store = await make();
    const tiles = new Map(
      Array.from({ length: 100 }, (_, i) => [`tile/0/${String(i).padStart(3, '0')}`, utf8(`${i}`)]),
    );
    await store.put(tiles);
    for (const [path, bytes] of tiles) expect(await store.get(path)).toEqual(bytes);
  });

  test('replaces the checkpoint', async () => {
    const store = await make();
    expect(await store.get('checkpoint')).toBeNull();
    await store.publish('one\n');
    await store.publish('two\n');
    expect(await store.get('checkpoint')).toEqual(utf8('two\n'));
  });

  test('lists and forgets partial tiles, and leaves the full one', async () => {
    const store = await make();
    await store.put(
      new Map([
        [PARTIAL, utf8('a')],
        [`${FULL}.p/31`, utf8('b')],
        [FULL, utf8('c')],
      ]),
    );
    expect(await store.partials(FULL)).toEqual([5, 31]);
    await store.dropPartials(FULL);
    await store.dropPartials(FULL);
    expect(await store.partials(FULL)).toEqual([]);
    expect(await store.get(PARTIAL)).toBeNull();
    expect(await store.get(FULL)).toEqual(utf8('c'));
    await store.put(new Map([[PARTIAL, utf8('a')]]));
    expect(await store.get(PARTIAL)).toEqual(utf8('a'));
  });
}
