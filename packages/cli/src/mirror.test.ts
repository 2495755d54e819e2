/**
 * Shows the real program: with nothing but a policy file it copies a log, is killed at any moment and goes on, and
 * says when it does not follow.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import {
  cosigner,
  ed25519NoteSigner,
  ed25519Signer,
  formatCheckpoint,
  rootOf,
  signNote,
  utf8,
} from '@assay/core';
import {
  directoryTileStore,
  httpMirror,
  type Ledger,
  mirrorClient,
  openLedger,
  servedLog,
  sqliteCheckpointStore,
} from '@assay/ledger';
import { afterAll, beforeAll, expect, test } from 'vitest';

const KILLS = process.env.ASSAY_LONG ? 100 : 2;
const ENTRIES = 70_000;
const ORIGIN = 'mirror.test/log';
const folder = mkdtempSync(join(tmpdir(), 'assay-mirror-'));
const signer = ed25519NoteSigner(ORIGIN, await ed25519Signer(new Uint8Array(32).fill(7)));
const witness = cosigner(
  'mirror.test/w1',
  await ed25519Signer(new Uint8Array(32).fill(8)),
  () => 1_700_000_000,
);
const policy = join(folder, 'log.policy');
const pushed = join(folder, 'pushed.policy');
const tiles = directoryTileStore(join(folder, 'log'));
const checkpoints = sqliteCheckpointStore(join(folder, 'ledger.db'), ORIGIN);
const program = fileURLToPath(new URL('../assay.mjs', import.meta.url));
const originHash = createHash('sha256').update(ORIGIN).digest('hex');
const children: ChildProcess[] = [];
let ledger: Ledger;

/** Served in the place of the log's own file. */
const instead = new Map<string, Uint8Array>();
let onRequest = () => {};
const read = servedLog({ get: async (path) => instead.get(path) ?? tiles.get(path) }, 0);
const server = createServer(async (request, response) => {
  onRequest();
  const file = await read(request.url!.slice(1), String(request.headers['accept-encoding']));
  response.writeHead(file ? 200 : 404, file?.headers).end(file?.body);
});

beforeAll(async () => {
  ledger = await openLedger({
    origin: ORIGIN,
    signer,
    tiles,
    checkpoints,
    witnesses: [],
    quorum: 0,
    publishEveryMs: 0,
  });
  const entries = Array.from({ length: ENTRIES }, (_, i) => utf8(`entry ${i}`));
  for (let at = 0; at < ENTRIES; at += 4_000) await ledger.append(entries.slice(at, at + 4_000));
  await ledger.whenPublished(ENTRIES);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  writeFileSync(
    policy,
    `log ${signer.vkey} http://127.0.0.1:${port}/\nwitness w1 ${witness.vkey}\nquorum w1\n`,
  );
  writeFileSync(pushed, `log ${signer.vkey}\nquorum none\n`);
}, 60_000);
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  server.closeAllConnections();
  server.close();
  await ledger.close();
  checkpoints.close();
  rmSync(folder, { recursive: true });
});

const assay = (...args: string[]) =>
  new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
    execFile(process.execPath, [program, ...args], (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
    );
  });
const mirrorOf = (data: string, file = policy) => [
  ...['mirror', '--policy', file, '--data-dir', data, '--name', 'mirror.test/m1', '--port', '0'],
];
/** What the log serves as its checkpoint from now on. */
async function serve(size: number): Promise<void> {
  const text = formatCheckpoint({ origin: ORIGIN, size, root: await rootOf(size, ledger.hash) });
  instead.set('checkpoint', utf8(await signNote(text, [signer, witness])));
}

test(`a log of ${ENTRIES} entries, pulled by a mirror that is killed ${KILLS} times`, {
  timeout: 600_000,
}, async () => {
  const data = join(folder, 'pulled');
  await serve(ENTRIES);
  let before = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    const child = spawn(process.execPath, [program, ...mirrorOf(data)], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    children.push(child);
    // At the latest when it has everything.
    child.stdout.on('data', (text) => String(text).includes(' entries') && child.kill('SIGKILL'));
    let left = 60 + ((kill * 97) % 150);
    onRequest = () => {
      if (--left === 0) child.kill('SIGKILL');
    };
    await once(child, 'close');
    expect(child.signalCode).toBe('SIGKILL');
    const next = nextEntryIn(data);
    expect(next).toBeGreaterThanOrEqual(before);
    before = next;
    if (next === ENTRIES) rmSync(data, { recursive: true });
    before %= ENTRIES;
  }
  onRequest = () => {};
  expect(await assay(...mirrorOf(data), '--once')).toMatchObject({
    code: 0,
    stdout: expect.stringContaining(`${ORIGIN}: ${ENTRIES} entries`),
    stderr: '',
  });
  // The copy is a log of its own: it has what the log has, and the cosignatures of witness and mirror.
  const copy = join(data, 'logs', originHash);
  const checked = await assay('fsck', copy, '--policy', policy, '--json');
  expect(checked.code, checked.stdout).toBe(0);
  expect(JSON.parse(checked.stdout)).toMatchObject({ size: ENTRIES, entries: ENTRIES, problems: [] });
  const note = readFileSync(join(copy, 'checkpoint'), 'utf8');
  expect(note.match(/^— \S+/gm)).toEqual([
    `— ${ORIGIN}`,
    '— mirror.test/w1',
    '— mirror.test/m1',
    '— mirror.test/m1',
  ]);

  // A log that went back is not followed: the copy stays byte for byte.
  await serve(ENTRIES - 1);
  expect(await assay(...mirrorOf(data), '--once')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining(
      `${ORIGIN} serves size ${ENTRIES - 1} after size ${ENTRIES}: it is not followed [LOG_INCONSISTENT]\n  next: `,
    ),
  });
  expect(readFileSync(join(copy, 'checkpoint'), 'utf8')).toBe(note);
});

test(`killed ${KILLS} times while a log uploads to it, a mirror keeps what it said it has`, {
  timeout: 600_000,
}, async () => {
  const data = join(folder, 'uploaded');
  const size = 20_000;
  const root = await rootOf(size, ledger.hash);
  const note = await signNote(formatCheckpoint({ origin: ORIGIN, size, root }), [signer]);
  let acknowledged = 0;
  for (let kill = 0; ; kill++) {
    const { child, url, vkeys } = await startMirror(data);
    const closed = once(child, 'close');
    const post = httpMirror({ url });
    let requests = 0;
    const client = mirrorClient({
      vkeys,
      async post(path, body) {
        // While this one is on its way, or right after one was answered.
        if (kill < KILLS && ++requests === 3 + (kill % 2))
          setTimeout(() => child.kill('SIGKILL'), (kill * 7) % 40);
        const answer = await post(path, body);
        if (answer.status === 202) {
          const next = Number(answer.body.split('\n')[1]);
          expect(next).toBeGreaterThanOrEqual(acknowledged);
          acknowledged = next;
        }
        return answer;
      },
    });
    const outcome = await client.push({ size, root, note }, ledger).catch((error) => error.code);
    if (kill < KILLS) {
      child.kill('SIGKILL');
      await closed;
      const next = nextEntryIn(data);
      expect(next).toBeGreaterThanOrEqual(acknowledged);
      // Everything is there: once more from the start.
      if (next < size) continue;
      rmSync(data, { recursive: true });
      acknowledged = 0;
      continue;
    }
    expect(outcome).toMatch(/^— mirror\.test\/m1 /);
    // One process at a time has the folder, and one program the port.
    expect(await assay(...mirrorOf(data, pushed))).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('DATA_DIR_IN_USE'),
    });
    const taken = ['--port', new URL(url).port];
    expect(await assay(...mirrorOf(join(folder, 'other'), pushed), ...taken)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('PORT_IN_USE'),
    });
    expect(await assay('fsck', `${url}/${originHash}/`, '--vkey', signer.vkey)).toMatchObject({ code: 0 });
    child.kill('SIGTERM');
    expect(await closed).toEqual([0, null]);
    return;
  }
});

/** A mirror process without a log to follow, once it listens. */
async function startMirror(data: string): Promise<{ child: ChildProcess; url: string; vkeys: string[] }> {
  const child = spawn(process.execPath, [program, ...mirrorOf(data, pushed)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  let text = '';
  for await (const chunk of child.stdout!.setEncoding('utf8').iterator({ destroyOnReturn: false })) {
    text += chunk;
    if (text.includes('\n# group ')) break;
  }
  const url = /mirroring \S+ at (\S+)\/[0-9a-f]{64}\//.exec(text)![1]!;
  const vkeys = [...text.matchAll(/witness \S+ (\S+) /g)].map((match) => match[1]!);
  return { child, url, vkeys };
}

function nextEntryIn(data: string): number {
  const db = new DatabaseSync(join(data, 'mirror.db'));
  try {
    const row = db.prepare('SELECT next_entry AS next FROM progress').get() as { next: number } | undefined;
    return row?.next ?? 0;
  } finally {
    db.close();
  }
}
