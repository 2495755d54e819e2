/** Shows a log with three real witness processes: one down, all down, killed, restarted; and that they end. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  base64Encode,
  ed25519NoteSigner,
  ed25519Signer,
  formatCheckpoint,
  leafHash,
  merkleRoot,
  openNote,
  parseCheckpoint,
  parseNote,
  parseVkey,
  proveConsistency,
  signNote,
  utf8,
  verifyConsistency,
} from '@assay/core';
import { directoryTileStore, openLedger, sqliteCheckpointStore, witnessClient } from '@assay/ledger';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { keyFromFile } from './key-file.ts';
import { spawnWitness, type WitnessProcess } from './spawn.ts';

const KILLS = process.env.ASSAY_LONG ? 100 : 10;
const ORIGIN = 'process.test/log';
const originHash = createHash('sha256').update(ORIGIN).digest('hex');
const folder = mkdtempSync(join(tmpdir(), 'assay-witnesses-'));
const signer = ed25519NoteSigner(ORIGIN, await ed25519Signer(new Uint8Array(32).fill(9)));
const logs = [{ origin: ORIGIN, vkey: signer.vkey }];
const start = (i: number, port = 0) =>
  spawnWitness({ dataDir: join(folder, `w${i}`), name: `process.test/w${i}`, logs, port });

let witnesses: WitnessProcess[] = [];
beforeAll(async () => {
  witnesses = await Promise.all([1, 2, 3].map((i) => start(i)));
}, 30_000);
afterAll(async () => {
  await Promise.all(witnesses.map((witness) => witness.stop()));
  rmSync(folder, { recursive: true });
});

test('three witnesses, one killed, a quorum of two, and catching up', { timeout: 30_000 }, async () => {
  const checkpoints = sqliteCheckpointStore(join(folder, 'ledger.db'), ORIGIN);
  const ledger = await openLedger({
    origin: ORIGIN,
    signer,
    tiles: directoryTileStore(join(folder, 'log')),
    checkpoints,
    witnesses: witnesses.map(({ url, vkey }) => witnessClient({ url, vkey, maxBackoffMs: 100 })),
    quorum: 2,
    publishEveryMs: 0,
    graceMs: 200,
  });
  const published: number[] = [];
  const grow = async (count: number) => {
    await ledger.append(Array.from({ length: count }, (_, i) => utf8(`entry ${ledger.size + i}`)));
    return ledger.size;
  };
  const cosigners = async () => {
    const note = readFileSync(join(folder, 'log', 'checkpoint'), 'utf8');
    const opened = await openNote(
      note,
      [signer, ...witnesses].map(({ vkey }) => parseVkey(vkey)),
    );
    published.push(parseCheckpoint(opened.text).size);
    return opened.signatures.map(({ name }) => name.split('/')[1]);
  };

  await ledger.whenPublished(await grow(300));
  expect(await cosigners()).toEqual(['log', 'w1', 'w2', 'w3']);
  const first = ledger.published()!;

  process.kill(witnesses[0]!.pid, 'SIGKILL');
  await witnesses[0]!.exited;
  await ledger.whenPublished(await grow(50));
  expect(await cosigners()).toEqual(['log', 'w2', 'w3']);

  process.kill(witnesses[1]!.pid, 'SIGKILL');
  await witnesses[1]!.exited;
  await grow(400);
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(ledger.published()!.size).toBe(350);
  expect(ledger.witnessStates().map(({ state }) => state)).toEqual(['unreachable', 'unreachable', 'ok']);

  // The one that was killed first last saw size 300: it answers 409 and is caught up.
  const port = Number(new URL(witnesses[0]!.url).port);
  const { vkey } = witnesses[0]!;
  witnesses[0] = await start(1, port);
  expect(witnesses[0].vkey).toBe(vkey);
  const last = await ledger.whenPublished(750);
  expect(await cosigners()).toEqual(['log', 'w1', 'w3']);
  const path = await ledger.consistencyPath(first.size, last.size);
  verifyConsistency({
    oldSize: first.size,
    oldRoot: first.root,
    newSize: last.size,
    newRoot: last.root,
    path,
  });
  expect(published).toEqual([300, 350, 750]);
  await ledger.close();
  checkpoints.close();
});

test(`killed ${KILLS} times among many requests, it never cosigns two histories and never goes back`, {
  timeout: 300_000,
}, async () => {
  const data = join(folder, 'killed');
  // Two histories that part after entry 5, and a crowd that asks for both.
  const histories = [0, 1].map((fork) =>
    Array.from({ length: 400 }, (_, i) => leafHash(utf8(i < 5 ? `entry ${i}` : `entry ${i} ${fork}`))),
  );
  const reader = (fork: number) => async (level: number, index: number) =>
    merkleRoot(histories[fork]!.slice(index * 2 ** level, (index + 1) * 2 ** level));
  const body = async (fork: number, oldSize: number, size: number) => {
    const root = merkleRoot(histories[fork]!.slice(0, size));
    const path = await proveConsistency(oldSize, size, reader(fork));
    const note = await signNote(formatCheckpoint({ origin: ORIGIN, size, root }), [signer]);
    return `old ${oldSize}\n${path.map((hash) => `${base64Encode(hash)}\n`).join('')}\n${note}`;
  };
  /** By size, which history the witness vouched for. */
  const cosigned = new Map<number, number>();
  let largest = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    const witness = await spawnWitness({ dataDir: data, name: 'process.test/killed', logs });
    const post = (text: string) => fetch(`${witness.url}/add-checkpoint`, { method: 'POST', body: text });
    // What it said before it was killed, it remembers.
    const seen = await fetch(`${witness.url}/${originHash}/checkpoint`);
    const known = seen.ok ? parseCheckpoint(parseNote(await seen.text()).text).size : 0;
    expect(known).toBeGreaterThanOrEqual(largest);
    let left = 16 + ((kill * 7) % 40);
    const crowd = Array.from({ length: 8 }, async (_, i) => {
      const fork = i % 2;
      for (let oldSize = known, step = 1; oldSize < 400; step++) {
        const size = Math.min(oldSize + (step % 2), 400);
        const answer = await post(await body(fork, oldSize, size));
        if (--left === 0) process.kill(witness.pid, 'SIGKILL');
        const text = await answer.text();
        if (answer.status === 422) return;
        if (answer.status === 409) {
          oldSize = Number(text);
          continue;
        }
        expect(answer.status).toBe(200);
        if (size > 5) expect(cosigned.get(size) ?? fork, `size ${size}`).toBe(fork);
        cosigned.set(size, fork);
        largest = Math.max(largest, size);
        oldSize = size;
      }
    });
    const ends = await Promise.allSettled(crowd);
    // Only the kill may end them.
    for (const end of ends)
      if (end.status === 'rejected') expect(String(end.reason)).toMatch(/fetch failed|terminated/);
    if (left > 0) process.kill(witness.pid, 'SIGKILL');
    await witness.exited;
  }
  expect(largest).toBeGreaterThan(5);
});

test('a witness makes its key once, for its owner alone', async () => {
  const data = join(folder, 'keys');
  mkdirSync(data);
  const path = join(data, 'witness.key');
  const key = await keyFromFile(path);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect((await keyFromFile(path)).did).toBe(key.did);
  chmodSync(path, 0o644);
  await expect(keyFromFile(path)).rejects.toMatchObject({
    code: 'KEY_INVALID',
    next: expect.stringContaining('chmod 600'),
  });
  chmodSync(path, 0o600);
  writeFileSync(path, 'nonsense');
  await expect(keyFromFile(path)).rejects.toMatchObject({ code: 'KEY_INVALID' });
});

test('a witness ends when the process that started it is killed', { timeout: 20_000 }, async () => {
  const script = `
    import { spawnWitness } from ${JSON.stringify(new URL('./spawn.ts', import.meta.url).href)};
    const witness = await spawnWitness(${JSON.stringify({ dataDir: join(folder, 'orphan'), name: 'process.test/orphan', logs })});
    console.log(JSON.stringify({ url: witness.url, pid: witness.pid }));
    setInterval(() => {}, 1000);`;
  const parent = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(parent.stdout.setEncoding('utf8'), 'data');
  const { url, pid } = JSON.parse(line);
  expect((await fetch(`${url}/x/checkpoint`)).status).toBe(404);
  parent.kill('SIGKILL');
  await expect.poll(() => isRunning(pid), { timeout: 5_000 }).toBe(false);
});

test('a witness that cannot start says why', { timeout: 20_000 }, async () => {
  const taken = Number(new URL(witnesses[2]!.url).port);
  await expect(start(4, taken)).rejects.toMatchObject({
    code: 'WITNESS_UNAVAILABLE',
    message: expect.stringContaining('EADDRINUSE'),
  });
  const main = spawn(process.execPath, [fileURLToPath(new URL('./main.ts', import.meta.url)), '--name=x'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let errors = '';
  main.stderr.setEncoding('utf8').on('data', (text) => {
    errors += text;
  });
  const [code] = await once(main, 'close');
  expect(code).toBe(2);
  expect(errors).toContain('usage:');
});

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
