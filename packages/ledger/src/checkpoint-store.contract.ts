import { utf8 } from '@assay/core';
import { expect, test } from 'vitest';
import type { CheckpointStore } from './checkpoint-store.ts';

/**
 * What every {@link CheckpointStore} must show. `make` gives the lock of a new log, and each call of its
 * result another client of that same lock, as another process would have.
 */
export function checkpointStoreContract(make: () => Promise<() => CheckpointStore>): void {
  const staged = (fromSize: number, toSize: number) => ({
    fromSize,
    toSize,
    entries: utf8(`${fromSize}-${toSize}`),
  });

  test('a new lock holds nothing', async () => {
    const connect = await make();
    expect(await connect().load()).toEqual({ note: null, staged: [] });
  });

  test('a swap from the right note stores the next one and its entries together', async () => {
    const connect = await make();
    expect(await connect().compareAndSwap(null, 'a', staged(0, 3))).toBe(true);
    expect(await connect().compareAndSwap('a', 'b', staged(3, 4))).toBe(true);
    expect(await connect().load()).toEqual({ note: 'b', staged: [staged(0, 3), staged(3, 4)] });
  });

  test('a swap from another note changes nothing', async () => {
    const connect = await make();
    expect(await connect().compareAndSwap('x', 'a', staged(0, 3))).toBe(false);
    await connect().compareAndSwap(null, 'a', staged(0, 3));
    expect(await connect().compareAndSwap(null, 'b', staged(0, 5))).toBe(false);
    expect(await connect().compareAndSwap('x', 'b', staged(3, 5))).toBe(false);
    expect(await connect().load()).toEqual({ note: 'a', staged: [staged(0, 3)] });
  });

  test('of many swaps from one note exactly one wins', async () => {
    const connect = await make();
    const clients = Array.from({ length: 8 }, connect);
    const won = await Promise.all(
      clients.map((client, i) => client.compareAndSwap(null, `note ${i}`, staged(0, i + 1))),
    );
    expect(won.filter(Boolean)).toHaveLength(1);
    const winner = won.indexOf(true);
    expect(await connect().load()).toEqual({ note: `note ${winner}`, staged: [staged(0, winner + 1)] });
  });

  test('dropped entries are gone after the next swap at the latest, later ones stay', async () => {
    const connect = await make();
    const client = connect();
    await client.compareAndSwap(null, 'a', staged(0, 3));
    await client.compareAndSwap('a', 'b', staged(3, 4));
    await client.dropStaged(3);
    await client.compareAndSwap('b', 'c', staged(4, 9));
    expect(await connect().load()).toEqual({ note: 'c', staged: [staged(3, 4), staged(4, 9)] });
  });
}
