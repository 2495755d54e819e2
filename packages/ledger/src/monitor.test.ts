/**
 * Shows that a monitor finds every changed byte of a served log, two histories, steps back, and what is missing;
 * that its evidence is never refuted by the verifier; and that it blames the log for nothing that a server did.
 * ASSAY_LONG=1 flips every byte.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  AssayError,
  cosigner,
  EMPTY_ROOT,
  ed25519Signer,
  formatCheckpoint,
  fromUtf8,
  parseEvidence,
  parseTlogPolicy,
  signNote,
  utf8,
  verifyEvidence,
} from '@assay/core';
import { afterEach, expect, test } from 'vitest';
import { httpTileSource } from './http-tiles.ts';
import { LOG, logFiles, memoryStore, ORIGIN, plainEntries, statementEntry } from './monitor.fixture.ts';
import { createMonitor, type OtherView } from './monitor.ts';
import { sqliteMonitorStore } from './monitor-store.ts';

const POLICY = parseTlogPolicy(`log ${LOG.vkey}\nquorum none\n`);
const W1 = cosigner('monitor.test/w1', await ed25519Signer(new Uint8Array(32).fill(5)), () => 1_700_000_000);
const WITNESSED = parseTlogPolicy(`log ${LOG.vkey}\nwitness w1 ${W1.vkey}\nquorum w1\n`);

/** A log that is served from memory, a monitor, and what it found. */
function follow(
  files: Map<string, Uint8Array>,
  options: {
    policy?: typeof POLICY;
    others?: OtherView[];
    stallAfterMs?: number;
    clock?: { ms: number };
  } = {},
) {
  const store = memoryStore();
  const served = { files };
  const monitor = createMonitor({
    policy: options.policy ?? POLICY,
    source: { get: async (path) => served.files.get(path)?.slice() ?? null },
    store,
    nowMs: () => options.clock?.ms ?? 1_000,
    ...(options.others ? { others: options.others } : {}),
    ...(options.stallAfterMs === undefined ? {} : { stallAfterMs: options.stallAfterMs }),
  });
  return {
    monitor,
    store,
    served,
    kinds: () => monitor.status().incidents.map(({ kind }) => kind),
    /** What a third party who has the log's key makes of each incident's evidence. */
    outcomes: () =>
      Promise.all(
        [...store.evidence.values()].map(async (evidence) => {
          const parsed = parseEvidence(JSON.parse(JSON.stringify(evidence)));
          return (await verifyEvidence(parsed, { log: POLICY.logs.map(({ verifier }) => verifier) })).outcome;
        }),
      ),
  };
}

/** 300 entries, some of them statements: a full tile, partial ones, and a level above. */
const SMALL = [
  ...(await Promise.all(Array.from({ length: 20 }, (_, i) => statementEntry(i)))),
  ...plainEntries(20, 290),
  ...(await Promise.all(Array.from({ length: 10 }, (_, i) => statementEntry(290 + i)))),
];

const flipped = (bytes: Uint8Array, at: number, mask = 1) => {
  const copy = bytes.slice();
  copy[at]! ^= mask;
  return copy;
};

test('a sound log, at once and as it grows', async () => {
  for (const sizes of [[300], [1, 20, 255, 256, 257, 300]]) {
    const all = await logFiles(SMALL, { sizes });
    const { monitor, served, kinds } = follow(all);
    for (const size of sizes) {
      served.files = await logFiles(SMALL.slice(0, size));
      await monitor.poll();
      expect(monitor.status()).toMatchObject({ verifiedSize: size, checkpointSize: size, lastError: null });
    }
    expect(kinds()).toEqual([]);
    expect(monitor.status()).toMatchObject({
      entriesVerified: 300,
      statementsVerified: 30,
      statementsInvalid: 0,
      notStatements: 270,
    });
  }
});

test('a full tile in the place of a partial one that was collected', async () => {
  const files = await logFiles(SMALL);
  const later = await logFiles([...SMALL, ...plainEntries(300, 512)]);
  for (const path of [...files.keys()].filter((name) => name.includes('001.p/'))) {
    files.delete(path);
    files.set(path.split('.p/')[0]!, later.get(path.split('.p/')[0]!)!);
  }
  const { monitor, kinds } = follow(files);
  await monitor.poll();
  expect(kinds()).toEqual([]);
  expect(monitor.status().verifiedSize).toBe(300);
});

test('every flipped byte of every file', { timeout: 600_000 }, async () => {
  const files = await logFiles(SMALL);
  for (const [path, genuine] of files) {
    const step = process.env.ASSAY_LONG ? 1 : Math.max(1, Math.floor(genuine.length / 40));
    for (let at = 0; at < genuine.length; at += step) {
      const log = follow(new Map([...files, [path, flipped(genuine, at, 1 << (at % 8))]]));
      await log.monitor.poll();
      const found = `${path} ${at}: ${JSON.stringify(log.monitor.status().incidents)}`;
      // Only what was changed is blamed, and the log itself for nothing.
      expect(log.kinds(), found).toEqual([path === 'checkpoint' ? 'checkpoint-invalid' : 'tile-altered']);
      if (path !== 'checkpoint') {
        expect(log.monitor.status().incidents[0]!.message, found).toContain(path);
        expect(await log.outcomes(), found).toEqual(['inconclusive']);
      }
    }
  }
});

test('bytes after the end of a file, and a file cut short', async () => {
  const files = await logFiles(SMALL);
  for (const [path, genuine] of files) {
    for (const changed of [
      Buffer.concat([genuine, Buffer.alloc(32)]),
      Buffer.concat([genuine, Buffer.from([0, 0])]),
      genuine.subarray(0, -1),
      new Uint8Array(),
    ]) {
      const { monitor, kinds, outcomes } = follow(new Map([...files, [path, new Uint8Array(changed)]]));
      await monitor.poll();
      expect(kinds(), `${path} of ${changed.length} bytes`).toEqual([
        path === 'checkpoint' ? 'checkpoint-invalid' : 'tile-altered',
      ]);
      expect(await outcomes()).not.toContain('failed');
    }
  }
});

test('a changed byte in a log of 65,836 entries, sampled', { timeout: 120_000 }, async () => {
  const files = await logFiles(plainEntries(0, 65_836));
  const samples = ['tile/0/255', 'tile/1/000', 'tile/2/000.p/1', 'tile/entries/257.p/44'];
  const others = ['tile/0/000', 'tile/0/257.p/44', 'tile/1/001.p/1', 'tile/entries/100'];
  for (const path of process.env.ASSAY_LONG ? [...samples, ...others] : samples) {
    const log = follow(new Map([...files, [path, flipped(files.get(path)!, 20)]]));
    await log.monitor.poll();
    expect(log.kinds(), path).toEqual(['tile-altered']);
    expect(log.monitor.status().incidents[0]!.message).toContain(path);
    expect(await log.outcomes(), path).toEqual(['inconclusive']);
  }
});

test('an altered tile is found while the log grows, and the monitor goes on once it is mended', async () => {
  const before = await logFiles(SMALL.slice(0, 280));
  const after = await logFiles(SMALL);
  for (const path of after.keys()) {
    if (path === 'checkpoint') continue;
    const log = follow(before);
    await log.monitor.poll();
    log.served.files = new Map([...after, [path, flipped(after.get(path)!, 3)]]);
    await log.monitor.poll();
    log.served.files = after;
    await log.monitor.poll();
    const unread = path === 'tile/0/000' || path === 'tile/entries/000';
    expect(log.kinds(), path).toEqual(unread ? [] : ['tile-altered']);
    expect(log.monitor.status(), path).toMatchObject({
      verifiedSize: 300,
      entriesVerified: 300,
      statementsVerified: 30,
    });
  }
});

test('every missing file', async () => {
  const files = await logFiles(SMALL);
  for (const path of files.keys()) {
    if (path === 'checkpoint') continue;
    const log = follow(new Map([...files].filter(([name]) => name !== path)));
    await log.monitor.poll();
    expect(log.kinds(), path).toEqual(['tile-missing']);
    expect(log.monitor.status().incidents[0]!.message).toContain(path);
    expect(await log.outcomes()).toEqual(['inconclusive']);
    log.served.files = files;
    await log.monitor.poll();
    expect(log.monitor.status(), path).toMatchObject({
      verifiedSize: 300,
      statementsVerified: 30,
      notStatements: 270,
    });
  }
});

test('a forged statement is the log’s fault, and proven', async () => {
  const forged = fromUtf8(await statementEntry(1)).replace(/"payload":"./, '"payload":"f');
  const padded = ` ${fromUtf8(await statementEntry(2))}`.slice(1).replace('{"payload"', '{ "payload"');
  const { monitor, kinds, outcomes } = follow(
    await logFiles([...SMALL.slice(0, 270), utf8(forged), utf8(padded), ...plainEntries(0, 5)]),
  );
  await monitor.poll();
  expect(kinds()).toEqual(['statement-invalid', 'statement-invalid']);
  expect(await outcomes()).toEqual(['verified', 'verified']);
  expect(monitor.status()).toMatchObject({ verifiedSize: 277, statementsInvalid: 2, statementsVerified: 20 });
});

test('two histories: at one size, before it and after it', async () => {
  const fork = [...SMALL.slice(0, 100), utf8('another'), ...plainEntries(101, 400)];
  for (const [first, second] of [
    [SMALL, fork.slice(0, 300)],
    [SMALL, fork.slice(0, 280)],
    [SMALL, fork.slice(0, 257)],
    [SMALL, fork.slice(0, 256)],
    [SMALL.slice(0, 256), fork.slice(0, 400)],
    [SMALL.slice(0, 200), fork.slice(0, 300)],
    [SMALL.slice(0, 101), fork.slice(0, 102)],
  ] as const) {
    const log = follow(await logFiles(first));
    await log.monitor.poll();
    // A server that steps back to another history still has the tiles of the first one.
    const other = await logFiles(second);
    log.served.files =
      second.length > first.length
        ? other
        : new Map([...other, ...(await logFiles(first)), ['checkpoint', other.get('checkpoint')!]]);
    await log.monitor.poll();
    expect(log.kinds(), `${first.length} and ${second.length}`).toEqual(['split-view']);
    expect(await log.outcomes()).toEqual(['verified']);
    expect(log.monitor.status().verifiedSize).toBe(first.length);
    await log.monitor.poll();
    expect(log.kinds()).toEqual(['split-view']);
  }
});

test('a history that a witness was shown, behind, beside and ahead of the public one', async () => {
  const fork = [...SMALL.slice(0, 100), utf8('another'), ...plainEntries(101, 500)];
  for (const shown of [101, 280, 300]) {
    const other = {
      name: 'w1',
      checkpoint: async () => fromUtf8((await logFiles(fork.slice(0, shown))).get('checkpoint')!),
    };
    const log = follow(await logFiles(SMALL), { others: [other] });
    await log.monitor.poll();
    expect(log.kinds(), String(shown)).toEqual(['split-view']);
    expect(await log.outcomes()).toEqual(['verified']);
  }
  // The witness is always ahead of the public log: what it was shown earlier is compared all the same.
  let shown = 310;
  const ahead = {
    name: 'w1',
    checkpoint: async () => fromUtf8((await logFiles(fork.slice(0, shown))).get('checkpoint')!),
  };
  const log = follow(await logFiles(SMALL), { others: [ahead] });
  await log.monitor.poll();
  expect(log.kinds()).toEqual([]);
  shown = 400;
  log.served.files = await logFiles([...SMALL, ...plainEntries(300, 320)]);
  await log.monitor.poll();
  expect(log.kinds()).toEqual(['split-view']);
  expect(await log.outcomes()).toEqual(['verified']);
});

test('what a witness says alone does not count against the log, nor does it stop the monitor', async () => {
  const text = formatCheckpoint({ origin: ORIGIN, size: 300, root: EMPTY_ROOT });
  const notes = [
    await signNote(text, [W1]),
    'nonsense',
    await signNote(`${text}an extension line\n`, [LOG]),
    await signNote(formatCheckpoint({ origin: 'other.test', size: 300, root: EMPTY_ROOT }), [LOG]),
  ];
  for (const note of notes) {
    const log = follow(await logFiles(SMALL), { others: [{ name: 'w1', checkpoint: async () => note }] });
    await log.monitor.poll();
    expect(log.kinds()).toEqual([]);
    expect(log.monitor.status()).toMatchObject({ verifiedSize: 300, lastError: null });
  }
});

test('another history that lacks the quorum is the log’s fault as well', async () => {
  const log = follow(await logFiles(SMALL, { signers: [LOG, W1] }), { policy: WITNESSED });
  await log.monitor.poll();
  expect(log.monitor.status().verifiedSize).toBe(300);
  log.served.files = await logFiles([...SMALL.slice(0, 299), utf8('another')]);
  await log.monitor.poll();
  expect(log.kinds()).toEqual(['split-view']);
  expect(await log.outcomes()).toEqual(['verified']);
  expect(log.monitor.status().lastError).toContain('expected cosignatures');
});

test('a step back is a rollback once it lasts', async () => {
  const log = follow(await logFiles(SMALL));
  await log.monitor.poll();
  const stale = new Map([
    ...log.served.files,
    ['checkpoint', (await logFiles(SMALL.slice(0, 280))).get('checkpoint')!],
  ]);
  const fresh = log.served.files;
  for (const files of [stale, stale, fresh, stale, stale]) {
    log.served.files = files;
    await log.monitor.poll();
    expect(log.kinds()).toEqual([]);
  }
  await log.monitor.poll();
  await log.monitor.poll();
  expect(log.kinds()).toEqual(['rollback']);
  expect(await log.outcomes()).toEqual(['inconclusive']);
});

test('stalled growth, by an injected clock, once for each stall', async () => {
  const clock = { ms: 1_000 };
  const log = follow(await logFiles(SMALL.slice(0, 280)), { stallAfterMs: 60_000, clock });
  await log.monitor.poll();
  clock.ms += 60_000;
  await log.monitor.poll();
  expect(log.kinds()).toEqual([]);
  clock.ms += 1;
  await log.monitor.poll();
  clock.ms += 60_000;
  await log.monitor.poll();
  expect(log.kinds()).toEqual(['growth-stalled']);
  expect(await log.outcomes()).toEqual(['inconclusive']);
  log.served.files = await logFiles(SMALL);
  await log.monitor.poll();
  clock.ms += 60_001;
  await log.monitor.poll();
  expect(log.kinds()).toEqual(['growth-stalled', 'growth-stalled']);
});

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

test('the place, the counts and the incidents outlive the monitor, also half way through', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'assay-monitor-'));
  folders.push(folder);
  const entries = [...SMALL, ...plainEntries(300, 66_000), ...SMALL];
  const files = await logFiles(entries);
  let reads = 0;
  let dieAfter = Number.POSITIVE_INFINITY;
  const open = () =>
    createMonitor({
      policy: POLICY,
      store: sqliteMonitorStore(folder, ORIGIN),
      nowMs: () => 1_000,
      source: {
        async get(path) {
          if (reads++ > dieAfter) throw new AssayError('LOG_UNREACHABLE', 'gone');
          return files.get(path) ?? null;
        },
      },
    });
  dieAfter = 400;
  const first = open();
  await first.poll();
  expect(first.status().lastError).toBe('gone');
  expect(first.status().verifiedSize).toBeGreaterThan(0);
  dieAfter = Number.POSITIVE_INFINITY;
  reads = 0;
  const second = open();
  await second.poll();
  expect(reads).toBeLessThan(300);
  expect(second.status()).toMatchObject({
    verifiedSize: entries.length,
    entriesVerified: entries.length,
    statementsVerified: 60,
    notStatements: entries.length - 60,
    incidents: [],
  });
  // Evidence is a file that a third party can read.
  files.set('checkpoint', (await logFiles([...entries.slice(1), utf8('another')])).get('checkpoint')!);
  const third = open();
  await third.poll();
  const [incident] = open().status().incidents;
  expect(incident).toMatchObject({ kind: 'split-view', evidence: expect.any(String) });
  expect(readdirSync(join(folder, 'evidence'))).toEqual([incident!.evidence]);
  const evidence = parseEvidence(readFileSync(join(folder, 'evidence', incident!.evidence!), 'utf8'));
  const { outcome } = await verifyEvidence(evidence, { log: POLICY.logs.map(({ verifier }) => verifier) });
  expect(outcome).toBe('verified');
});

test('incidents are bounded, whatever the log serves', { timeout: 60_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'assay-monitor-'));
  folders.push(folder);
  const store = sqliteMonitorStore(folder, ORIGIN);
  for (let i = 0; i < 1_100; i++)
    store.report({ id: `x${i}`, kind: 'checkpoint-invalid', atMs: i, size: null, message: String(i) }, null);
  expect(store.incidents().length).toBe(1_000);
  store.report({ id: 'y', kind: 'split-view', atMs: 1, size: null, message: '' }, null);
  expect(store.incidents().length).toBe(1_001);
  store.close();
});

test('a log that is down, and one that has no checkpoint yet', async () => {
  const clock = { ms: 1_000 };
  const store = memoryStore();
  const source = httpTileSource({ url: 'http://127.0.0.1:9' });
  const monitor = createMonitor({
    policy: POLICY,
    source,
    store,
    nowMs: () => clock.ms,
    stallAfterMs: 60_000,
  });
  clock.ms += 60_001;
  await monitor.poll();
  expect(monitor.status().lastError).toContain('cannot be read');
  expect(store.incidents().map(({ kind }) => kind)).toEqual(['unreachable']);
  const empty = follow(new Map());
  await empty.monitor.poll();
  expect(empty.monitor.status()).toMatchObject({ lastError: null, verifiedSize: 0, incidents: [] });
});
