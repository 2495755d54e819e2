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

  test('one holder at a time has the lease, and may renew it', async () => {
    const connect = await make();
    expect(await connect().holdLease('a', 60_000)).toEqual({ held: true, expiresInMs: 60_000 });
    const refused = await connect().holdLease('b', 60_000);
    expect(refused.held).toBe(false);
    expect(refused.expiresInMs).toBeGreaterThan(50_000);
    expect(refused.expiresInMs).toBeLessThanOrEqual(60_000);
    expect(await connect().holdLease('a', 90_000)).toEqual({ held: true, expiresInMs: 90_000 });
    expect((await connect().holdLease('b', 1)).expiresInMs).toBeGreaterThan(60_000);
  });

  test('of many who ask for the lease exactly one has it', async () => {
    const connect = await make();
    const clients = Array.from({ length: 8 }, connect);
    const leases = await Promise.all(clients.map((client, i) => client.holdLease(`holder ${i}`, 60_000)));
    expect(leases.filter(({ held }) => held)).toHaveLength(1);
  });

  test('a lease ends by itself, or when its holder gives it up', async () => {
    const connect = await make();
    const client = connect();
    await client.holdLease('a', 30);
    const { expiresInMs } = await client.holdLease('b', 60_000);
    await new Promise((resolve) => setTimeout(resolve, expiresInMs + 1));
    expect((await client.holdLease('b', 60_000)).held).toBe(true);
    await client.releaseLease('a');
    expect((await client.holdLease('a', 60_000)).held).toBe(false);
    await client.releaseLease('b');
    expect((await client.holdLease('a', 60_000)).held).toBe(true);
  });

  test('the lease does not decide who may swap', async () => {
    const connect = await make();
    await connect().holdLease('a', 60_000);
    expect(await connect().compareAndSwap(null, 'a', staged(0, 3))).toBe(true);
  });
}
