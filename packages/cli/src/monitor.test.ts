/**
 * Shows the real program: killed at any moment it goes on where it was, and what it finds is judged by another
 * process that has nothing but the file and the log's key.
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  EMPTY_ROOT,
  ed25519NoteSigner,
  ed25519Signer,
  formatCheckpoint,
  makeStatement,
  signNote,
  signStatement,
  utf8,
} from '@assay/core';
import {
  directoryTileStore,
  openLedger,
  servedLog,
  sqliteCheckpointStore,
  sqliteMonitorStore,
} from '@assay/ledger';
import { afterAll, beforeAll, expect, test } from 'vitest';

const KILLS = process.env.ASSAY_LONG ? 30 : 2;
const ENTRIES = 40_000;
const STATEMENTS = 100;
const ORIGIN = 'cli.test/log';
const folder = mkdtempSync(join(tmpdir(), 'assay-cli-'));
const signer = ed25519NoteSigner(ORIGIN, await ed25519Signer(new Uint8Array(32).fill(7)));
const policy = join(folder, 'log.policy');
const tiles = directoryTileStore(join(folder, 'log'));
const program = fileURLToPath(new URL('../assay.mjs', import.meta.url));

/** Served in the place of the log's own file; null is a 404. */
const instead = new Map<string, Uint8Array | null>();
let onRequest = () => {};
const read = servedLog(
  {
    get: async (path) => (instead.has(path) ? instead.get(path)! : tiles.get(path)),
  },
  0,
);
const server = createServer(async (request, response) => {
  onRequest();
  const file = await read(request.url!.slice(1), String(request.headers['accept-encoding']));
  response.writeHead(file ? 200 : 404, file?.headers).end(file?.body);
});

beforeAll(async () => {
  const provider = await ed25519Signer(new Uint8Array(32).fill(3));
  const entries = await Promise.all(
    Array.from({ length: ENTRIES }, async (_, i) => {
      if (i % (ENTRIES / STATEMENTS) !== 0) return utf8(`entry ${i}`);
      const subject = { name: 'number', sha256: 'a'.repeat(64) };
      return (
        await signStatement(makeStatement('index', subject, { stream: String(i), segments: [] }), provider)
      ).entry;
    }),
  );
  const checkpoints = sqliteCheckpointStore(join(folder, 'ledger.db'), ORIGIN);
  const ledger = await openLedger({
    origin: ORIGIN,
    signer,
    tiles,
    checkpoints,
    witnesses: [],
    quorum: 0,
    nowMs: Date.now,
    publishEveryMs: 0,
  });
  for (let at = 0; at < ENTRIES; at += 4_000) await ledger.append(entries.slice(at, at + 4_000));
  await ledger.whenPublished(ENTRIES);
  await ledger.close();
  checkpoints.close();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  writeFileSync(policy, `log ${signer.vkey} http://127.0.0.1:${port}/\nquorum none\n`);
}, 60_000);
afterAll(() => {
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true });
});

const assay = (...args: string[]) =>
  new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
    execFile(process.execPath, [program, ...args], (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
    );
  });
const monitorOf = (data: string) => ['monitor', '--policy', policy, '--data-dir', data];

test(`killed ${KILLS} times while it reads, it counts every entry once`, { timeout: 120_000 }, async () => {
  const data = join(folder, 'killed');
  const sizes: number[] = [];
  for (let kill = 0; kill < KILLS; kill++) {
    const child = spawn(process.execPath, [program, ...monitorOf(data)], { stdio: 'ignore' });
    // The first one keeps its place once and no more; the others die before they do so again.
    let left = kill === 0 ? 150 : 10 + ((kill * 53) % 100);
    onRequest = () => {
      if (--left === 0) child.kill('SIGKILL');
    };
    await once(child, 'close');
    expect(child.signalCode).toBe('SIGKILL');
    sizes.push(sizeIn(data).verifiedSize);
  }
  onRequest = () => {};
  expect(sizes).toEqual(sizes.map(() => 16_384));
  const { code, stdout } = await assay(...monitorOf(data), '--once');
  expect(stdout).toBe(
    `${ORIGIN}: ${ENTRIES} of ${ENTRIES} entries verified, ${STATEMENTS} signed statements, 0 incidents\n`,
  );
  expect(code).toBe(0);
  expect(sizeIn(data).counts).toMatchObject({
    entriesVerified: ENTRIES,
    statementsVerified: STATEMENTS,
    statementsInvalid: 0,
    notStatements: ENTRIES - STATEMENTS,
  });

  // The log signs another history of the same size.
  const fork = formatCheckpoint({ origin: ORIGIN, size: ENTRIES, root: EMPTY_ROOT });
  instead.set('checkpoint', utf8(await signNote(fork, [signer])));
  expect(await assay(...monitorOf(data), '--once')).toMatchObject({
    code: 1,
    stdout: expect.stringContaining('INCIDENT split-view'),
  });
  instead.clear();
  const file = evidenceIn(data);
  const text = readFileSync(file, 'utf8');
  const changed = join(folder, 'changed.json');
  writeFileSync(changed, text.replace(/"split-view"/, '"split-vieW"'));
  const resigned = join(folder, 'resigned.json');
  writeFileSync(resigned, text.replace(/\\n40000\\n/, '\\n40001\\n'));
  const other = ed25519NoteSigner(ORIGIN, await ed25519Signer(new Uint8Array(32).fill(8)));
  const [byKey, byPolicy, ...wrong] = await Promise.all([
    assay('verify-evidence', file, '--vkey', signer.vkey),
    assay('verify-evidence', file, '--policy', policy, '--json'),
    assay('verify-evidence', changed, '--vkey', signer.vkey),
    assay('verify-evidence', resigned, '--vkey', signer.vkey),
    assay('verify-evidence', file, '--vkey', other.vkey),
  ]);
  expect(byKey).toMatchObject({ code: 0, stdout: expect.stringContaining('PROVEN') });
  expect(byPolicy!.code).toBe(0);
  expect(JSON.parse(byPolicy!.stdout)).toMatchObject({ kind: 'split-view', outcome: 'verified' });
  expect(wrong.map(({ code }) => code)).toEqual([1, 1, 1]);
});

test('what is not served is evidence that others cannot decide', { timeout: 60_000 }, async () => {
  const data = join(folder, 'missing');
  instead.set('tile/entries/100', null);
  const { code, stdout } = await assay(...monitorOf(data), '--once');
  instead.clear();
  expect(code).toBe(1);
  expect(stdout).toContain('INCIDENT tile-missing: tile/entries/100 is not served');
  expect(await assay('verify-evidence', evidenceIn(data), '--vkey', signer.vkey)).toMatchObject({
    code: 3,
    stdout: expect.stringContaining('PLAUSIBLE'),
  });
});

function sizeIn(data: string) {
  const store = sqliteMonitorStore(data, ORIGIN);
  try {
    return store.load();
  } finally {
    store.close();
  }
}

/** The one file of evidence. */
function evidenceIn(data: string): string {
  const files = readdirSync(join(data, 'evidence'));
  expect(files).toHaveLength(1);
  return join(data, 'evidence', files[0]!);
}
