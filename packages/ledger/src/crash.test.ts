/**
 * Shows that a real process, killed again and again at random moments, loses nothing that it acknowledged, and that
 * what it made public never goes back. ASSAY_LONG=1 kills it a thousand times.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { fromUtf8, parseCheckpoint, parseNote } from '@assay/core';
import { expect, test } from 'vitest';
import { entry, temporaryLog, verifyServedLog } from './log.fixture.ts';

const KILLS = process.env.ASSAY_LONG ? 1_000 : 30;
const LONGEST_LIFE_MS = 60;

test(`after ${KILLS} kills every acknowledged entry is in its place`, {
  timeout: KILLS * 2_000,
}, async () => {
  const log = await temporaryLog();
  const acknowledged = new Map<number, number>();
  let publicSize = 0;
  try {
    for (let kill = 0; kill < KILLS; kill++) {
      const output = await runAndKill(log.folder, kill * 1_000_000, Math.random() * LONGEST_LIFE_MS);
      for (const line of output.slice(0, output.lastIndexOf('\n')).split('\n').slice(1)) {
        const [number, index] = line.split(' ').map(Number);
        acknowledged.set(number!, index!);
      }
      const note = await log.tiles.get('checkpoint');
      const size = note ? parseCheckpoint(parseNote(fromUtf8(note)).text).size : 0;
      expect(size).toBeGreaterThanOrEqual(publicSize);
      publicSize = size;
    }
    const ledger = await log.open();
    await ledger.whenPublished(ledger.size);
    await ledger.close();
    const served = await verifyServedLog((path) => log.tiles.get(path), log.signer.vkey);
    expect(acknowledged.size).toBeGreaterThan(100);
    for (const [number, index] of acknowledged) expect(served.entries[index]).toEqual(entry(number));
    expect(new Set(acknowledged.values()).size).toBe(acknowledged.size);
  } finally {
    await log.dispose();
  }
});

/** Everything that the child printed before it was killed, `afterMs` after it opened the log. */
async function runAndKill(folder: string, first: number, afterMs: number): Promise<string> {
  const script = fileURLToPath(new URL('./crash.child.ts', import.meta.url));
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', script, folder, String(first)],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    if (output === '') setTimeout(() => child.kill('SIGKILL'), afterMs);
    output += text;
  });
  await once(child, 'close');
  expect(child.signalCode).toBe('SIGKILL');
  return output;
}
