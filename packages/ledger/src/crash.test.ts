/** Shows that a real process, killed again and again at random moments, loses nothing that it acknowledged. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { entry, temporaryLog, verifyServedLog } from './log.fixture.ts';

const KILLS = 8;

test(`after ${KILLS} kills every acknowledged entry is in its place`, { timeout: 60_000 }, async () => {
  const log = await temporaryLog();
  const acknowledged = new Map<number, number>();
  try {
    for (let kill = 0; kill < KILLS; kill++) {
      const output = await runAndKill(log.folder, kill * 1_000_000, 10 + 17 * kill);
      for (const line of output.slice(0, output.lastIndexOf('\n')).split('\n').slice(1)) {
        const [number, index] = line.split(' ').map(Number);
        acknowledged.set(number!, index!);
      }
      const ledger = await log.open();
      if (ledger.size > 0) await ledger.whenPublished(ledger.size);
      await ledger.close();
    }
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
