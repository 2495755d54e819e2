/**
 * What the ledger does in a second, each figure beside the limit that this machine sets, measured in the same run.
 *
 *   npm run bench -w packages/ledger            all but the long one (about a minute)
 *   npm run bench -w packages/ledger -- --long  also ten million entries in one log (a few minutes, 5 GB of disk)
 */
import { createHash, generateKeyPairSync, hash, sign, verify } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { availableParallelism, cpus } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Worker } from 'node:worker_threads';
import {
  ed25519NoteSigner,
  ed25519Signer,
  leafHash,
  makeStatement,
  merkleTree,
  rootFromInclusion,
  rowBytes,
  signStatement,
  verifyInclusion,
} from '@assay/core';
import { StandardMerkleTree } from '@openzeppelin/merkle-tree';
import { MerkleTree } from 'merkletreejs';
import { leafHashes, merkleRoot } from '../src/hashing.ts';
import { directoryTileStore, openLedger, rowRoots, servedLog, sqliteCheckpointStore } from '../src/index.ts';

const ORIGIN = 'bench.example/log';
const ENTRY_BYTES = 200;
const long = process.argv.includes('--long');
/** On a real disk: a folder in memory would make every flush free. */
const ROOT = mkdtempSync(join(process.env.ASSAY_BENCH_DIR ?? '/var/tmp', 'assay-bench-'));

try {
  await main();
} finally {
  rmSync(ROOT, { recursive: true, force: true });
}

async function main(): Promise<void> {
  console.log(`Node ${process.version}, ${cpus().length} × ${cpus()[0]!.model}`);
  const limits = measureLimits();
  const best = await sequencing(limits);
  await latency(best / 2);
  await rows(limits);
  await proofs(limits);
  await servedTiles();
  await peers(best);
  if (long) await tenMillion();
}

interface Limits {
  leafHashes: number;
  nodeHashes: number;
  verifications: number;
  flushes: Record<256 | 4096, number>;
}

/** What one core and the disk can do at all. */
function measureLimits(): Limits {
  heading('Limits of this machine');
  const leaf = new Uint8Array(1 + ENTRY_BYTES);
  const node = new Uint8Array(65);
  const limits = {
    leafHashes: rate(200_000, () => hash('sha256', leaf, 'binary')),
    nodeHashes: rate(200_000, () => hash('sha256', node, 'binary')),
    verifications: verificationLimit(),
    flushes: { 256: flushLimit(256), 4096: flushLimit(4_096) },
  };
  line('SHA-256 of 201 bytes, one core', limits.leafHashes);
  line('SHA-256 of 65 bytes, one core', limits.nodeHashes);
  line('Ed25519 verifications, one core', limits.verifications);
  line('appends of 51,200 bytes with fdatasync', limits.flushes[256]);
  line('appends of 819,200 bytes with fdatasync', limits.flushes[4096]);
  return limits;
}

/** Durable sequencing: an entry costs a leaf hash and about one node hash; a batch costs a flush. */
async function sequencing(limits: Limits): Promise<number> {
  heading('Sequencing 200-byte entries, durable before they are acknowledged');
  let best = 0;
  for (const [batch, count, target] of [
    [256, 300_000, 60_000],
    [4_096, 1_000_000, 150_000],
  ] as const) {
    // A disk has better and worse moments: the median of three.
    const runs = [];
    for (let run = 0; run < 3; run++)
      runs.push(await sequence(join(ROOT, `batch-${batch}-${run}`), count, batch));
    const { perSecond, cores } = runs.sort((a, b) => a.perSecond - b.perSecond)[1]!;
    const range = `${Math.round(runs[0]!.perSecond / 1_000)}–${Math.round(runs[2]!.perSecond / 1_000)} thousand`;
    const perEntry = 1 / limits.leafHashes + 1 / limits.nodeHashes + 1 / limits.flushes[batch] / batch;
    line(`batches of ${batch}`, perSecond, {
      target,
      limit: 1 / perEntry,
      note: `${range}, ${cores.toFixed(2)} cores busy`,
    });
    best = perSecond;
  }
  return best;
}

async function sequence(folder: string, count: number, batch: number) {
  const log = await openLog(folder, { maxBatchEntries: batch, poolForMs: 0 });
  const next = entrySource();
  let left = count;
  const cpu = process.cpuUsage();
  const began = performance.now();
  // Enough requests under way that the next batch is always ready.
  await Promise.all(
    Array.from({ length: 4 }, async () => {
      while (left > 0) {
        left -= batch;
        await log.append(next(batch));
      }
    }),
  );
  const ms = performance.now() - began;
  const { user, system } = process.cpuUsage(cpu);
  await log.close();
  return { perSecond: (count / ms) * 1_000, cores: (user + system) / 1_000 / ms };
}

/** How long an acknowledgement takes while entries come in steadily, at half of what the log can take. */
async function latency(perSecond: number): Promise<void> {
  heading(
    `Acknowledgement while ${Math.round(perSecond).toLocaleString('en')} entries a second come in, 2 ms apart`,
  );
  const log = await openLog(join(ROOT, 'latency'));
  const next = entrySource();
  const took: number[] = [];
  const pending: Promise<void>[] = [];
  const began = performance.now();
  for (let sent = 0; performance.now() - began < 4_000; ) {
    const due = Math.floor(((performance.now() - began) / 1_000) * perSecond);
    if (due > sent) {
      const at = performance.now();
      pending.push(log.append(next(due - sent)).then(() => void took.push(performance.now() - at)));
      sent = due;
    }
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  await Promise.all(pending);
  await log.close();
  took.sort((a, b) => a - b);
  const at = (share: number) => took[Math.floor((took.length - 1) * share)]!;
  console.log(
    `  p50 ${at(0.5).toFixed(1)} ms   p99 ${at(0.99).toFixed(1)} ms   ${markOf(at(0.99) < 50)} p99 below 50 ms`,
  );
}

/** Rows of a fast stream: one signed statement a batch, so that the log sees few entries and the limit is hashing. */
async function rows(limits: Limits): Promise<void> {
  const threads = availableParallelism();
  heading(`Rows through batches of 4,096: hashed on ${threads} threads, signed, logged durably`);
  const log = await openLog(join(ROOT, 'rows'), { poolForMs: 20 });
  const roots = rowRoots(threads);
  const provider = await ed25519Signer(new Uint8Array(32).fill(3));
  const batch = Array.from({ length: 4_096 }, (_, i) => candle(i));
  const payload = Buffer.concat(batch.flatMap((row) => [row, Buffer.from('\n')]));
  const rounds = 500;
  const record = async (round: number) => {
    // A number of its own in the first row makes every batch another one.
    const own = new Uint8Array(payload);
    own.set(Buffer.from(String(1_000_000 + round)), 10);
    const root = Buffer.from(await roots.rootOf(own)).toString('hex');
    const { entry } = await signStatement(observation(root, batch.length, round + 1), provider);
    return log.append([entry]);
  };
  await Promise.all(Array.from({ length: 50 }, (_, round) => record(1_000_000 + round)));
  const began = performance.now();
  const acknowledged: Promise<number[]>[] = [];
  for (let round = 0; round < rounds; round++) {
    acknowledged.push(record(round));
    // At most so many batches are under way, as a source would have it.
    await acknowledged[round - 48];
  }
  const indices = (await Promise.all(acknowledged)).flat();
  const perSecond = (rounds * batch.length * 1_000) / (performance.now() - began);
  await roots.close();
  const leaf = rate(200_000, () => hash('sha256', batch[1]!, 'binary'));
  line(`rows of ${batch[0]!.length} bytes`, perSecond, {
    target: 1_000_000,
    limit: threads / (1 / leaf + 1 / limits.nodeHashes),
    note: 'limit: all threads hash and do nothing else',
  });

  const tree = merkleTree(batch.map((row) => leafHash(row)));
  const perBundle = await time(2_000, async (i) => {
    tree.path((i * 37) % batch.length);
    await log.inclusionPath(indices[i % indices.length]!, log.size);
  });
  console.log(
    `  both paths of one row's proof, its batch's tree at hand: ${(perBundle * 1_000).toFixed(2)} ms   ${markOf(perBundle < 0.001)} below 1 ms`,
  );
  await log.close();
}

async function proofs(limits: Limits): Promise<void> {
  heading('Verifying inclusion in a log of a million entries, one core');
  const size = 2 ** 20;
  const path = Array.from({ length: 20 }, (_, i) => new Uint8Array(32).fill(i));
  const proof = { leafHash: new Uint8Array(32), index: 123_456, size, path };
  const root = rootFromInclusion(proof);
  const perSecond = rate(50_000, () => verifyInclusion({ ...proof, root }));
  line('proofs of 20 hashes', perSecond, { target: 20_000, limit: limits.nodeHashes / 20 });
}

/** Tiles over HTTP, with the readers on another thread of the same machine. */
async function servedTiles(): Promise<void> {
  heading('Served tiles: HTTP/1.1 on loopback, 8 connections, 16 requests under way on each');
  const folder = join(ROOT, 'served');
  const log = await openLog(folder);
  await log.append(entrySource()(70_000));
  await log.whenPublished(70_000);
  const read = servedLog(directoryTileStore(join(folder, 'log')));
  const constant = Buffer.alloc(8_192);
  const server = createServer(async (request, response) => {
    const file =
      request.url === '/constant' ? { headers: {}, body: constant } : await read(request.url!.slice(1));
    response.writeHead(file ? 200 : 404, { ...file?.headers, 'content-length': file?.body.length ?? 0 });
    response.end(file?.body);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const tiles = Array.from({ length: 273 }, (_, i) => `/tile/0/${String(i).padStart(3, '0')}`);
  const limit = await readersOf(port, ['/constant']);
  const perSecond = await readersOf(port, tiles);
  line('tiles of 8,192 bytes', perSecond, {
    target: 20_000,
    limit,
    note: 'limit: the same server with one constant',
  });
  server.closeAllConnections();
  server.close();
  await log.close();
}

/** Requests a second that a thread of raw sockets gets answered: a full client would measure itself. */
async function readersOf(port: number, paths: string[]): Promise<number> {
  const reader = new Worker(new URL('./http-reader.ts', import.meta.url), {
    workerData: { port, paths, ms: 3_000 },
  });
  const [answered] = await once(reader, 'message');
  return answered as number;
}

/** The same entries in the trees that others use, and in the simplest log that is as durable. */
async function peers(ours: number): Promise<void> {
  heading('Peers, the same 200-byte entries on the same machine');
  const entries = entrySource()(100_000);
  const chained = hashChain(entries);
  line('a hash chain in SQLite, batches of 4,096, durable', chained, { ratio: ours / chained });
  const leaves = entries.map((entry) => createHash('sha256').update(entry).digest());
  const sha256 = (data: Buffer) => createHash('sha256').update(data).digest();
  const js = perSecondOf(entries.length, () => new MerkleTree(leaves, sha256).getRoot());
  line('merkletreejs: building a tree in memory', js, { ratio: ours / js });
  const few = entries.slice(0, 10_000).map((entry) => [`0x${Buffer.from(entry).toString('hex')}`]);
  const openzeppelin = perSecondOf(few.length, () => StandardMerkleTree.of(few, ['bytes']).root);
  line('@openzeppelin/merkle-tree: building a tree in memory', openzeppelin, { ratio: ours / openzeppelin });
  const packed = perSecondOf(entries.length, () => merkleRoot(leafHashes(entries)));
  line('ours, in memory alone', packed, { ratio: packed / js, note: 'ratio to merkletreejs' });
}

/** No proofs, no tiles, no witnesses: only that nobody can change an entry without changing all later ones. */
function hashChain(entries: readonly Uint8Array[]): number {
  const db = new DatabaseSync(join(ROOT, 'chain.db'));
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;');
  db.exec('CREATE TABLE chain (n INTEGER PRIMARY KEY, entry BLOB NOT NULL, hash BLOB NOT NULL) STRICT');
  const insert = db.prepare('INSERT INTO chain (entry, hash) VALUES (?, ?)');
  let previous: Uint8Array = new Uint8Array(32);
  const perSecond = perSecondOf(entries.length, () => {
    for (let from = 0; from < entries.length; from += 4_096) {
      db.exec('BEGIN');
      for (const entry of entries.slice(from, from + 4_096)) {
        previous = createHash('sha256').update(previous).update(entry).digest();
        insert.run(entry, previous);
      }
      db.exec('COMMIT');
    }
  });
  db.close();
  return perSecond;
}

/** Whether a large log is as fast as a small one, and what memory it takes. */
async function tenMillion(): Promise<void> {
  heading('Ten million entries in one log: the cost of the next 100,000, until they are public');
  const log = await openLog(join(ROOT, 'long'), { poolForMs: 0 });
  const next = entrySource();
  const growTo = async (size: number) => {
    while (log.size < size) await Promise.all([log.append(next(4_096)), log.append(next(4_096))]);
    await log.whenPublished(log.size);
  };
  const costs: number[] = [];
  // The first entries warm up; then one window at 100,000 and one each further million.
  for (const at of [100_000, ...Array.from({ length: 10 }, (_, i) => (i + 1) * 1_000_000)]) {
    await growTo(at);
    const before = log.size;
    const began = performance.now();
    await growTo(before + 100_000);
    costs.push(((performance.now() - began) * 1_000) / (log.size - before));
    const rss = Math.round(process.memoryUsage().rss / 1e6);
    console.log(
      `  at ${before.toLocaleString('en').padStart(10)}: ${costs.at(-1)!.toFixed(2)} µs an entry, ${rss} MB of memory`,
    );
  }
  // A disk has better and worse moments: the first three windows against the last three.
  const mean = (some: number[]) => some.reduce((sum, cost) => sum + cost, 0) / some.length;
  const ratio = mean(costs.slice(-3)) / mean(costs.slice(0, 3));
  console.log(`  last three / first three: ${ratio.toFixed(2)}   ${markOf(ratio <= 1.2)} at most 1.20`);
  await log.close();
}

async function openLog(folder: string, limits: { maxBatchEntries?: number; poolForMs?: number } = {}) {
  const tiles = directoryTileStore(join(folder, 'log'));
  const checkpoints = sqliteCheckpointStore(join(folder, 'ledger.db'), ORIGIN);
  const signer = ed25519NoteSigner(ORIGIN, await ed25519Signer(new Uint8Array(32).fill(7)));
  const log = await openLedger({
    origin: ORIGIN,
    signer,
    tiles,
    checkpoints,
    witnesses: [],
    quorum: 0,
    ...limits,
  });
  return log;
}

/** Entries that are all different, without counting the making of random bytes. */
function entrySource(): (count: number) => Uint8Array[] {
  const seed = hash('sha512', String(performance.now()), 'buffer');
  let n = 0;
  return (count) => {
    const memory = new Uint8Array(count * ENTRY_BYTES);
    const view = new DataView(memory.buffer);
    return Array.from({ length: count }, (_, i) => {
      const entry = memory.subarray(i * ENTRY_BYTES, (i + 1) * ENTRY_BYTES);
      entry.set(seed, 16);
      view.setFloat64(i * ENTRY_BYTES, n++);
      return entry;
    });
  };
}

function candle(i: number): Uint8Array {
  const price = (20_000 + i / 100).toFixed(2);
  const row = {
    time: '2026-01-01T00:00:00Z',
    open: price,
    high: price,
    low: price,
    close: price,
    volume: '1.25',
  };
  return rowBytes(row);
}

function observation(root: string, count: number, sequence: number) {
  return makeStatement(
    'observation',
    { name: 'bench', sha256: root },
    {
      stream: 'bench.BTC-USD.1m',
      source: { mode: 'simulated', venue: 'bench', instrument: 'BTC-USD', interval: '1m', adapter: 'bench' },
      sequence,
      previous: null,
      observedAt: '2026-01-01T01:00:00Z',
      period: { from: '2026-01-01T00:00:00Z', to: '2026-01-01T01:00:00Z' },
      gaps: [],
      rows: { count, root, schema: 'candle/v1', payload: `bafkrei${'a'.repeat(52)}`, bytes: 1 },
    },
  );
}

function verificationLimit(): number {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const message = Buffer.alloc(1_200);
  const signature = sign(null, message, privateKey);
  return rate(3_000, () => verify(null, message, publicKey, signature));
}

function flushLimit(batch: number): number {
  const file = openSync(join(ROOT, 'flush'), 'w');
  const bytes = Buffer.alloc(batch * ENTRY_BYTES);
  const perSecond = rate(batch > 1_000 ? 100 : 300, () => {
    writeSync(file, bytes);
    fdatasyncSync(file);
  });
  closeSync(file);
  return perSecond;
}

/** Times a second that something can be done, after a warm-up. */
function rate(times: number, work: (i: number) => unknown): number {
  for (let i = 0; i < times / 10; i++) work(i);
  const began = performance.now();
  for (let i = 0; i < times; i++) work(i);
  return (times / (performance.now() - began)) * 1_000;
}

async function time(times: number, work: (i: number) => Promise<unknown>): Promise<number> {
  const began = performance.now();
  for (let i = 0; i < times; i++) await work(i);
  return (performance.now() - began) / times / 1_000;
}

function perSecondOf(count: number, work: () => unknown): number {
  const began = performance.now();
  work();
  return (count / (performance.now() - began)) * 1_000;
}

function heading(text: string): void {
  console.log(`\n${text}`);
}

function line(
  what: string,
  perSecond: number,
  context: { target?: number; limit?: number; ratio?: number; note?: string } = {},
): void {
  const { target, limit, ratio, note } = context;
  console.log(
    [
      `  ${what.padEnd(54)} ${Math.round(perSecond).toLocaleString('en').padStart(11)} /s`,
      limit &&
        `${Math.round((perSecond / limit) * 100)} % of the limit ${Math.round(limit).toLocaleString('en')}`,
      target && `${markOf(perSecond >= target)} at least ${target.toLocaleString('en')}`,
      ratio && `ratio ${ratio.toFixed(2)}`,
      note,
    ]
      .filter(Boolean)
      .join('   '),
  );
}

function markOf(met: boolean): string {
  if (!met) process.exitCode = 1;
  return met ? '✓' : '✗';
}
