/**
 * Shows that a full disk, a real one of a few megabytes, is a clear refusal: nothing is acknowledged that is not
 * stored, and the log goes on by itself once there is space again.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { directoryTileStore } from './directory-tiles.ts';
import { collect, temporaryLog, verifyServedLog } from './log.fixture.ts';

const disk = mkdtempSync(join(tmpdir(), 'assay-small-disk-'));
const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', disk]).status === 0;
const ballast = join(disk, 'ballast');
const ENTRY_BYTES = 60_000;

beforeAll(() => mounted && writeFileSync(ballast, new Uint8Array(2 * 1024 * 1024)));
afterAll(() => {
  if (mounted) spawnSync('umount', [disk]);
  rmSync(disk, { recursive: true, force: true });
});

describe.skipIf(!mounted)(
  mounted ? 'a disk of 4 MB' : 'skipped: a small file system cannot be mounted here',
  () => {
    test.each([
      ['lock and tiles', true],
      ['tiles alone', false],
    ])('full with the %s on it', async (_what, lockToo) => {
      if (lockToo) mkdirSync(join(disk, 'all'));
      const log = await temporaryLog(lockToo ? join(disk, 'all') : undefined);
      const tiles = lockToo ? log.tiles : directoryTileStore(join(disk, 'tiles'));
      const limits = { tiles, maxUnappliedEntries: 4, maxPooledBytes: 3 * ENTRY_BYTES, publishEveryMs: 10 };
      const ledger = await log.open(limits);
      const acknowledged: [index: number, entry: Uint8Array][] = [];
      const append = async (n: number) => {
        const entry = new Uint8Array(ENTRY_BYTES).fill(n);
        const [index] = await ledger.append([entry]);
        acknowledged.push([index!, entry]);
      };
      const refused: unknown[] = [];
      for (let n = 0; n < 120 && refused.length < 3; n++) {
        // Several at a time: with the tiles alone on the disk, entries wait in memory before they are refused.
        const results = await Promise.allSettled(
          [append(3 * n), append(3 * n + 1), append(3 * n + 2)].map(withTimeout),
        );
        refused.push(...results.flatMap((result) => (result.status === 'rejected' ? result.reason : [])));
      }
      expect(refused.length).toBeGreaterThanOrEqual(3);
      for (const error of refused) expect(error).toMatchObject({ code: 'STORAGE_FULL' });
      const before = acknowledged.length;
      expect(before).toBeGreaterThan(5);

      rmSync(ballast);
      await expect.poll(() => append(250).catch(() => 'refused'), { timeout: 10_000 }).toBeUndefined();
      await ledger.whenPublished(ledger.size);
      await ledger.close();
      const served = await verifyServedLog((path) => tiles.get(path), log.signer.vkey);
      for (const [index, entry] of acknowledged)
        expect(Buffer.compare(served.entries[index]!, entry)).toBe(0);

      const reopened = await log.open(limits);
      expect((await collect(reopened.entries(0, reopened.size))).length).toBe(served.size);
      await log.dispose();
      rmSync(join(disk, 'tiles'), { recursive: true, force: true });
      writeFileSync(ballast, new Uint8Array(2 * 1024 * 1024));
    });
  },
);

/** An entry that waits for space is neither acknowledged nor refused: the caller gives up on it. */
async function withTimeout(appended: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  await Promise.race([appended, new Promise<void>((resolve) => (timer = setTimeout(resolve, 200)))]);
  clearTimeout(timer);
}
