/**
 * Shows that no failing step of storage loses an acknowledged entry or forks the log. Calls of both ports fail
 * in every way: with no effect, after their effect, or with half of it; and then the storage either recovers or
 * is gone, as when the process dies at that very step. Reopening must find a consistent log.
 */
import { type ExpectStatic, test } from 'vitest';
import { collect, entriesFrom, entry, temporaryLog, verifyServedLog } from './log.fixture.ts';

/** Which calls of each step fail; a new log makes that many at least. */
const CALLS = {
  put: [1, 3],
  publish: [1, 3],
  dropPartials: [1, 3],
  compareAndSwap: [1, 3],
  dropStaged: [1, 3],
  load: [1],
  get: [1, 3],
  partials: [1, 2],
};
const EFFECTS = ['failed', 'failed but persisted', 'half persisted'] as const;
const AFTERMATHS = ['recovers', 'is gone'] as const;
const BATCHES = [3, 300, 1, 209, 40];
const SENT = BATCHES.reduce((a, b) => a + b);

interface Fault {
  step: string;
  effect: (typeof EFFECTS)[number];
  aftermath: (typeof AFTERMATHS)[number];
  call: number;
}

const table: Fault[] = Object.entries(CALLS).flatMap(([step, calls]) =>
  EFFECTS.filter((effect) => effect !== 'half persisted' || step === 'put').flatMap((effect) =>
    AFTERMATHS.flatMap((aftermath) => calls.map((call) => ({ step, effect, aftermath, call }))),
  ),
);

test.concurrent.for(table)('call $call of $step $effect, storage $aftermath', async (fault, { expect }) => {
  const log = await temporaryLog();
  try {
    await surviveFault(fault, log, expect);
  } finally {
    await log.dispose();
  }
});

async function surviveFault(
  fault: Fault,
  log: Awaited<ReturnType<typeof temporaryLog>>,
  expect: ExpectStatic,
): Promise<void> {
  const storage = breaking(fault);
  const broken = { tiles: storage.wrap(log.tiles), checkpoints: storage.wrap(log.checkpoints) };
  const ledger = await log.open(broken).catch(() => null);
  const acknowledged = new Map<number, number>();
  let sent = 0;
  for (const count of BATCHES) {
    const indices = await ledger?.append(entriesFrom(sent, sent + count)).catch(() => []);
    for (const [i, index] of (indices ?? []).entries()) acknowledged.set(sent + i, index);
    sent += count;
    // Until it breaks, every batch gets its own tiles and publication, so that their later calls are reached.
    await Promise.race([ledger?.whenPublished(sent).catch(() => {}), storage.broken]);
  }
  const recovered = ledger && fault.aftermath === 'recovers';
  if (recovered) expect(acknowledged.size).toBeGreaterThan(200);
  await ledger?.close();
  const publishedBefore = ledger?.published()?.size ?? 0;
  await storage.broken;

  const reopened = await log.open();
  const stored = await collect(reopened.entries(0, reopened.size));
  for (const [number, index] of acknowledged) expect(stored[index]).toEqual(entry(number));
  // Sending everything again, as a careful client does, brings in what was refused and nothing twice.
  await reopened.append(entriesFrom(0, SENT));
  expect(reopened.size).toBe(SENT);
  await reopened.whenPublished(SENT);
  const served = await verifyServedLog((path) => log.tiles.get(path), log.signer.vkey);
  expect(served.size).toBe(SENT);
  expect(served.size).toBeGreaterThanOrEqual(publishedBefore);
}

/** Ports of one storage, of which one call fails. */
function breaking(fault: Fault) {
  let calls = 0;
  let gone = false;
  const broken = Promise.withResolvers<void>();
  return {
    /** Resolves when the call that fails is made. */
    broken: broken.promise,
    wrap: <T extends object>(port: T): T =>
      new Proxy(port, {
        get:
          (target, name) =>
          async (first: unknown, ...rest: unknown[]) => {
            const method = target[name as keyof T] as (...args: unknown[]) => unknown;
            if (gone) throw new Error('storage is gone');
            if (name !== fault.step || ++calls !== fault.call) return method(first, ...rest);
            gone = fault.aftermath === 'is gone';
            broken.resolve();
            if (fault.effect === 'failed but persisted') await method(first, ...rest);
            if (fault.effect === 'half persisted') await method(half(first as Map<string, Uint8Array>));
            throw new Error(`${String(name)} ${fault.effect}`);
          },
      }),
  };
}

function half(tiles: Map<string, Uint8Array>): Map<string, Uint8Array> {
  return new Map([...tiles].slice(0, Math.ceil(tiles.size / 2)));
}
