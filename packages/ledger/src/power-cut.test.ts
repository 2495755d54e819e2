/**
 * Shows that a power cut at any step loses nothing that was acknowledged or published: on a file system that loses
 * and reorders whatever was not flushed, through several cuts in one log's life. ASSAY_LONG=1 tries 10,000 lives.
 */
import { fromUtf8, parseCheckpoint, parseNote } from '@assay/core';
import { expect, test } from 'vitest';
import type { CheckpointStore, LockedState } from './checkpoint-store.ts';
import { tilesInFiles } from './directory-tiles.ts';
import { openLedger } from './ledger.ts';
import { collect, entriesFrom, entry, ORIGIN, temporaryLog, verifyServedLog } from './log.fixture.ts';
import { LossyFiles } from './lossy-files.fixture.ts';
import type { SignedCheckpoint } from './signed-checkpoint.ts';

const LIVES = process.env.ASSAY_LONG ? 10_000 : 250;
const CUTS = 3;
const ROOT = '/log';

test(`${LIVES} logs, each through ${CUTS} power cuts`, { timeout: 1_200_000 }, async () => {
  const { signer, dispose } = await temporaryLog();
  await dispose();
  let cuts = 0;
  for (let seed = 1; seed <= LIVES; seed++) {
    try {
      cuts += await live(seed, signer);
    } catch (error) {
      throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error });
    }
  }
  // A cut that comes after the last step cuts nothing.
  expect(cuts).toBeGreaterThan(LIVES * CUTS * 0.6);
});

async function live(
  seed: number,
  signer: Awaited<ReturnType<typeof temporaryLog>>['signer'],
): Promise<number> {
  const random = randomNumbers(seed);
  const files = new LossyFiles(random);
  const lock = lockOn(files);
  const acknowledged = new Map<number, number>();
  let announced: SignedCheckpoint | null = null;
  let sent = 0;
  let cuts = 0;
  const open = async () => {
    // What directoryTileStore prepares: an empty folder for files that take shape.
    await files.remove(`${ROOT}/.tmp`);
    await files.makeFolder(`${ROOT}/.tmp`);
    await files.flushFolder('/');
    return openLedger({
      origin: ORIGIN,
      signer,
      tiles: tilesInFiles(ROOT, files),
      checkpoints: lock,
      witnesses: [],
      quorum: 0,
      nowMs: () => 0,
      poolForMs: 0,
      publishEveryMs: 0,
      onPublished: (checkpoint) => {
        announced = checkpoint;
      },
    });
  };

  for (let cut = 0; cut < CUTS; cut++) {
    files.cutPowerAfter(Math.floor(random() * 60));
    const ledger = await open().catch(() => null);
    for (let batch = 0; batch < 4 && ledger && !files.powerIsCut; batch++) {
      const count = 1 + Math.floor(random() ** 3 * 400);
      const numbers = Array.from({ length: count }, (_, i) => sent + i);
      sent += count;
      const indices = await ledger.append(entriesFrom(numbers[0]!, sent)).catch(() => []);
      for (const [i, index] of indices.entries()) acknowledged.set(numbers[i]!, index);
      if (random() < 0.5) await new Promise(setImmediate);
    }
    cuts += files.powerIsCut ? 1 : 0;
    files.cutPowerAfter(-1);
    await ledger?.close();
    files.restart();
    const found = await files.read(`${ROOT}/checkpoint`);
    const size = found ? parseCheckpoint(parseNote(fromUtf8(found)).text).size : 0;
    expect(size).toBeGreaterThanOrEqual((announced as SignedCheckpoint | null)?.size ?? 0);
  }

  const ledger = await open();
  const stored = await collect(ledger.entries(0, ledger.size));
  for (const [number, index] of acknowledged) {
    if (!Buffer.from(stored[index] ?? []).equals(entry(number))) throw new Error(`entry ${number} is lost`);
  }
  expect(ledger.published()?.size ?? 0).toBeGreaterThanOrEqual(
    (announced as SignedCheckpoint | null)?.size ?? 0,
  );
  await ledger.append([entry(-1)]);
  await ledger.whenPublished(ledger.size);
  await ledger.close();
  const served = await verifyServedLog((path) => files.read(`${ROOT}/${path}`), signer.vkey);
  expect(served.size).toBe(ledger.size);
  return cuts;
}

/** A lock that loses nothing it has answered for, as a database does; at the cut it did the swap, or did not. */
function lockOn(files: LossyFiles): CheckpointStore {
  let state: LockedState = { note: null, staged: [] };
  return {
    async load() {
      if (files.powerIsCut) throw new Error('there is no power');
      return structuredClone(state);
    },
    async compareAndSwap(expected, next, staged) {
      if (state.note !== expected) return false;
      files.step(() => {
        state = { note: next, staged: [...state.staged, { ...staged, entries: staged.entries.slice() }] };
      });
      return true;
    },
    holdLease: async () => ({ held: true, expiresInMs: 1_000 }),
    releaseLease: async () => {},
    async dropStaged(toSize) {
      files.step(() => {
        state = { ...state, staged: state.staged.filter((one) => one.toSize > toSize) };
      });
    },
  };
}

/** mulberry32: the same numbers for the same seed, so that a failure can be had again. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
