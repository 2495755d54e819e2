/** Shows that a mirror answers exactly as C2SP tlog-mirror says, over real HTTP, and that its copy is the log. */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import {
  base64Encode,
  concatBytes,
  cosigner,
  ed25519NoteSigner,
  ed25519Signer,
  encodeEntries,
  formatCheckpoint,
  fromUtf8,
  mlDsaCosigner,
  mlDsaSigner,
  type NoteSigner,
  openNote,
  parseCheckpoint,
  parseTlogPolicy,
  parseVkey,
  proveConsistency,
  proveSubtreeConsistency,
  rootOf,
  signNote,
  tilePath,
  tilesFor,
  utf8,
} from '@assay/core';
import {
  directoryTileStore,
  fsck,
  httpMirror,
  httpTileSource,
  type Ledger,
  mirrorClient,
  openLedger,
  sqliteCheckpointStore,
  type TileStore,
} from '@assay/ledger';
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createMirror, type Mirror } from './mirror.ts';
import { pullLog } from './mirror-pull.ts';
import { mirrorServer } from './mirror-server.ts';
import { type MirrorStore, sqliteMirrorStore } from './mirror-store.ts';

const ORIGIN = 'mirror.test/log';
const SIZE = 9_000;
const seed = (byte: number) => new Uint8Array(32).fill(byte);
const logKey = ed25519NoteSigner(ORIGIN, await ed25519Signer(seed(1)));
const nowSeconds = () => 1_700_000_000;
const signers = [
  cosigner('mirror.test/m1', await ed25519Signer(seed(4)), nowSeconds),
  mlDsaCosigner('mirror.test/m1', await mlDsaSigner(seed(4)), nowSeconds),
];
const witness = cosigner('mirror.test/w1', await ed25519Signer(seed(5)), nowSeconds);
const vkeys = signers.map(({ vkey }) => vkey);
const originHash = createHash('sha256').update(ORIGIN).digest('hex');

const folder = mkdtempSync(join(tmpdir(), 'assay-mirror-'));
const ledgerTiles = directoryTileStore(join(folder, 'log'));
let ledger: Ledger;
let server: FastifyInstance;
let url = '';
let mirror: Mirror;
let store: MirrorStore;
let tiles: TileStore;
let copies = 0;

beforeAll(async () => {
  ledger = await openLedger({
    origin: ORIGIN,
    signer: logKey,
    tiles: ledgerTiles,
    checkpoints: sqliteCheckpointStore(join(folder, 'ledger.db'), ORIGIN),
    witnesses: [],
    quorum: 0,
    publishEveryMs: 0,
  });
  await ledger.append(Array.from({ length: SIZE }, (_, i) => utf8(`entry ${i} ${'x'.repeat(i % 50)}`)));
  await ledger.whenPublished(SIZE);
}, 30_000);
beforeEach(() => {
  tiles = directoryTileStore(join(folder, `copy-${++copies}`));
  store = sqliteMirrorStore(join(folder, `mirror-${copies}.db`));
  return start(store, tiles);
});
afterAll(async () => {
  await server.close();
  await ledger.close();
  rmSync(folder, { recursive: true });
});

async function start(withStore: MirrorStore, withTiles: TileStore): Promise<void> {
  await server?.close();
  mirror = await createMirror({
    store: withStore,
    tilesOf: () => withTiles,
    signers,
    logs: [{ origin: ORIGIN, vkey: logKey.vkey }],
    cosigners: [parseVkey(witness.vkey)],
  });
  server = mirrorServer(mirror);
  url = await server.listen({ host: '127.0.0.1', port: 0 });
}

async function checkpointOf(size: number, by: NoteSigner[] = [logKey], hash = ledger.hash) {
  const root = await rootOf(size, hash);
  return { size, root, note: await signNote(formatCheckpoint({ origin: ORIGIN, size, root }), by) };
}

async function announce(oldSize: number, size: number, by?: NoteSigner[]) {
  const path = await proveConsistency(oldSize, size, ledger.hash);
  const { note } = await checkpointOf(size, by);
  const body = `old ${oldSize}\n${path.map((hash) => `${base64Encode(hash)}\n`).join('')}\n${note}`;
  return post('add-checkpoint', utf8(body));
}

function head(start: number | bigint, end: number | bigint, origin = ORIGIN, ticket = ''): Uint8Array {
  const sizes = Buffer.alloc(16);
  sizes.writeBigUInt64BE(BigInt(start));
  sizes.writeBigUInt64BE(BigInt(end), 8);
  return concatBytes(encodeEntries([utf8(origin)]), sizes, encodeEntries([utf8(ticket)]));
}

async function entriesOf(from: number, to: number): Promise<Uint8Array[]> {
  const entries: Uint8Array[] = [];
  for await (const entry of ledger.entries(from, to)) entries.push(entry);
  return entries;
}

/** Written from the specification, apart from the client: the packages of [start, end). */
async function packagesOf(start: number, end: number, howMany = Number.POSITIVE_INFINITY) {
  const parts: Uint8Array[] = [];
  const roundedStart = start - (start % 256);
  const count = start === end ? 0 : Math.ceil(end / 256) - roundedStart / 256;
  for (let i = 0; i < Math.min(count, howMany); i++) {
    const [from, to] = [Math.max(start, roundedStart + i * 256), Math.min(end, roundedStart + (i + 1) * 256)];
    const entries = await entriesOf(from, to);
    const path = await proveSubtreeConsistency(roundedStart + i * 256, to, end, ledger.hash);
    parts.push(concatBytes(encodeEntries(entries), Uint8Array.of(path.length), ...path));
  }
  return parts;
}

async function post(path: string, body: Uint8Array, headers: Record<string, string> = {}) {
  const response = await fetch(`${url}/${path}`, { method: 'POST', body: new Uint8Array(body), headers });
  return {
    status: response.status,
    type: response.headers.get('content-type'),
    encodings: response.headers.get('accept-encoding'),
    text: await response.text(),
  };
}
const upload = async (start: number, end: number, howMany?: number) =>
  post('add-entries', concatBytes(head(start, end), ...(await packagesOf(start, end, howMany))));
const info = (status: number, size: number, next: number) => ({
  status,
  type: 'text/x.tlog.mirror-info',
  encodings: 'gzip',
  text: `${size}\n${next}\n\n`,
});
const text = (status: number) => ({ status, type: 'text/plain; charset=utf-8' });

/** Reads the whole copy as any client of a log would, and compares it with the log byte for byte. */
async function expectCopy(size: number, names = [ORIGIN, 'mirror.test/m1', 'mirror.test/m1']) {
  const source = httpTileSource({ url: `${url}/${originHash}` });
  const note = fromUtf8((await source.get('checkpoint'))!);
  const opened = await openNote(
    note,
    [logKey.vkey, witness.vkey, ...vkeys].map((vkey) => parseVkey(vkey)),
  );
  expect(opened.signatures.map(({ name }) => name)).toEqual(names);
  expect(parseCheckpoint(opened.text)).toEqual({
    origin: ORIGIN,
    size,
    root: await rootOf(size, ledger.hash),
  });
  const report = await fsck({ source, verifiers: [parseVkey(logKey.vkey)] });
  expect(report.problems).toEqual([]);
  expect(report.entries).toBe(size);
}

describe('add-checkpoint', () => {
  test('is answered as by a witness, but nothing is cosigned', async () => {
    expect(await announce(0, 300)).toMatchObject({ ...text(200), text: '' });
    expect(await announce(0, 400)).toMatchObject({ status: 409, type: 'text/x.tlog.size', text: '300\n' });
    expect(await announce(300, 400)).toMatchObject({ ...text(200), text: '' });
    const stranger = ed25519NoteSigner(ORIGIN, await ed25519Signer(seed(9)));
    expect(await announce(400, 500, [stranger])).toMatchObject(text(403));
    // Neither does the signature of a witness make it the log's.
    expect(await announce(400, 500, [witness])).toMatchObject(text(403));
    const fork = await signNote(formatCheckpoint({ origin: ORIGIN, size: 400, root: seed(9) }), [logKey]);
    expect(await post('add-checkpoint', utf8(`old 400\n\n${fork}`))).toMatchObject(text(422));
    expect(await post('add-checkpoint', utf8('old 400\n'))).toMatchObject(text(400));
    expect((await fetch(`${url}/${originHash}/checkpoint`)).status).toBe(404);
  });
});

describe('add-entries', () => {
  test('200: all entries at once, and again; the log is served with the mirror’s cosignatures', async () => {
    await announce(0, 1_000);
    const answer = await upload(0, 1_000);
    expect(answer).toMatchObject({ ...text(200), encodings: 'gzip' });
    const { note } = await checkpointOf(1_000);
    const opened = await openNote(note + answer.text, vkeys.map(parseVkey));
    expect(opened.signatures.map(({ verifier }) => verifier.algorithm)).toEqual([
      'cosignature/v1',
      'subtree/v1',
    ]);
    await expectCopy(1_000);
    for (const tile of tilesFor(0, 1_000).map(tilePath)) expect(await tiles.get(tile), tile).not.toBeNull();
    expect(await upload(0, 1_000)).toMatchObject(text(200));
    expect(await upload(1_000, 1_000)).toMatchObject(text(200));
    expect(mirror.status(ORIGIN)).toEqual({
      origin: ORIGIN,
      size: 1_000,
      nextEntry: 1_000,
      pendingSize: 1_000,
    });
  });

  test('200: sizes that end anywhere, from anywhere, are one log', { timeout: 30_000 }, async () => {
    let [old, next] = [0, 0];
    for (const size of [0, 1, 2, 255, 256, 257, 511, 512, 700, 768, 3_000, 8_192, SIZE]) {
      await announce(old, size);
      // Begins before what is there, as far as it may.
      expect(await upload(Math.max(next - 100, 0), size), `to ${size}`).toMatchObject(text(200));
      await expectCopy(size);
      [old, next] = [size, size];
    }
    // No partial tiles of tiles that are full, once collected.
    expect(await tiles.partials('tile/0/000')).toEqual([]);
    expect(await tiles.partials('tile/entries/002')).toEqual([]);
  });

  test('202: a part of the packages; the answer says where to go on', async () => {
    await announce(0, 1_000);
    expect(await upload(0, 1_000, 1)).toEqual(info(202, 1_000, 256));
    expect(await upload(100, 1_000, 2)).toEqual(info(202, 1_000, 512));
    expect(await upload(512, 1_000)).toMatchObject(text(200));
    await expectCopy(1_000);
  });

  test('202: a package that breaks off is forgotten, those before it are kept', async () => {
    await announce(0, 1_000);
    const [first, second] = await packagesOf(0, 1_000);
    const cut = concatBytes(head(0, 1_000), first!, second!.subarray(0, -5));
    expect(await post('add-entries', cut)).toEqual(info(202, 1_000, 256));
    expect(await upload(256, 1_000)).toMatchObject(text(200));
    await expectCopy(1_000);
  });

  test('202: a connection that breaks is an upload that goes on later, compressed or not', async () => {
    await announce(0, 1_000);
    const [first, second, third] = await packagesOf(0, 1_000);
    await breakOff(concatBytes(head(0, 1_000), first!, second!.subarray(0, 300)), {});
    await expect.poll(() => mirror.status(ORIGIN).nextEntry).toBe(256);
    const packed = gzipSync(concatBytes(head(256, 1_000), second!, third!));
    await breakOff(packed.subarray(0, -4), { 'content-encoding': 'gzip' });
    await expect.poll(() => mirror.status(ORIGIN).nextEntry).toBeGreaterThan(256);
    const { nextEntry } = mirror.status(ORIGIN);
    expect(await upload(nextEntry, 1_000)).toMatchObject(text(200));
    await expectCopy(1_000);
  });

  test('400: what is no request, and no package at all', async () => {
    await announce(0, 1_000);
    const [first] = await packagesOf(0, 1_000);
    for (const body of [
      new Uint8Array(),
      head(0, 1_000).subarray(0, -1),
      head(0, 1_000),
      head(5, 4),
      concatBytes(head(0, 1_000), first!.subarray(0, -1)),
      concatBytes(Uint8Array.of(0, 2, 0xff, 0xff), new Uint8Array(18)),
    ])
      expect(await post('add-entries', body)).toMatchObject(text(400));
    const garbage = utf8('this is not gzip');
    expect(await post('add-entries', garbage, { 'content-encoding': 'gzip' })).toMatchObject(text(400));
    expect(mirror.status(ORIGIN).nextEntry).toBe(0);
  });

  test('404: another log', async () => {
    expect(await post('add-entries', head(0, 0, 'mirror.test/other'))).toMatchObject(text(404));
    expect((await fetch(`${url}/${'0'.repeat(64)}/checkpoint`)).status).toBe(404);
  });

  test('409: sizes that do not fit; the answer says which do', async () => {
    await announce(0, 500);
    await announce(500, 1_000);
    expect(await upload(0, 700)).toEqual(info(409, 1_000, 0));
    expect(await upload(1, 1_000)).toEqual(info(409, 1_000, 0));
    expect(await upload(256, 500)).toEqual(info(409, 500, 0));
    expect(await post('add-entries', head(0, 2n ** 60n))).toEqual(info(409, 1_000, 0));
    expect(await upload(0, 1_000)).toMatchObject(text(200));
    // Below the mirror checkpoint, though it was pending once.
    expect(await upload(0, 500)).toEqual(info(409, 1_000, 1_000));
  });

  test('409: entries that are there, more of them than belong to one request', async () => {
    await announce(0, SIZE);
    for (let next = 0; next < SIZE; ) {
      const answer = await upload(next, SIZE, 32);
      if (answer.status === 200) break;
      next = Number(answer.text.split('\n')[1]);
      expect(answer.status).toBe(202);
    }
    expect(await post('add-entries', head(SIZE - 8_193, SIZE))).toEqual(info(409, SIZE, SIZE));
    expect(await upload(SIZE - 8_192, SIZE)).toMatchObject(text(200));
  });

  test('422: before any checkpoint, and entries or proofs that are not the tree’s', async () => {
    expect(await post('add-entries', head(0, 0))).toMatchObject(text(422));
    await announce(0, 1_000);
    const [first, second] = await packagesOf(0, 1_000);
    for (const at of [5, first!.length - 1, first!.length - 40]) {
      const wrong = first!.slice();
      wrong[at]! ^= 1;
      expect(await post('add-entries', concatBytes(head(0, 1_000), wrong)), String(at)).toMatchObject(
        text(422),
      );
    }
    expect(await post('add-entries', concatBytes(head(0, 1_000), second!))).toMatchObject(text(422));
    const entries = encodeEntries(await entriesOf(0, 256));
    const long = concatBytes(head(0, 1_000), entries, Uint8Array.of(64), new Uint8Array(64 * 32));
    expect(await post('add-entries', long)).toMatchObject(text(422));
    expect(mirror.status(ORIGIN).nextEntry).toBe(0);
    // What was proven before it stays.
    const mixed = concatBytes(head(0, 1_000), first!, first!);
    expect(await post('add-entries', mixed)).toMatchObject(text(422));
    expect(mirror.status(ORIGIN).nextEntry).toBe(256);
    expect((await fetch(`${url}/${originHash}/checkpoint`)).status).toBe(404);
  });

  test('an answer does not wait for the end of the request, whose rest does no harm', async () => {
    await announce(0, 1_000);
    const rest = new Uint8Array(30_000_000);
    const wrong = concatBytes(head(0, 700), rest);
    for (const body of [wrong, gzipSync(wrong)]) {
      const headers: Record<string, string> = body === wrong ? {} : { 'content-encoding': 'gzip' };
      for (let i = 0; i < 3; i++)
        expect(await post('add-entries', body, headers)).toEqual(info(409, 1_000, 0));
    }
    const early = await new Promise<number>((resolve, reject) => {
      const outgoing = request(`${url}/add-entries`, { method: 'POST' }, (response) => {
        resolve(response.statusCode!);
        outgoing.destroy();
      });
      outgoing.on('error', reject).write(head(0, 700));
    });
    expect(early).toBe(409);
    expect(await upload(0, 1_000)).toMatchObject(text(200));
  });

  test('415: an encoding that is not known', async () => {
    expect(await post('add-entries', head(0, 0), { 'content-encoding': 'br' })).toMatchObject({
      status: 415,
      encodings: 'gzip',
    });
  });

  test('uploads to an older pending checkpoint are taken while it is remembered', async () => {
    await announce(0, 1_000);
    const [first, ...rest] = await packagesOf(0, 1_000);
    await announce(1_000, 2_000);
    expect(await post('add-entries', concatBytes(head(0, 1_000), first!))).toEqual(info(202, 1_000, 256));
    expect(await post('add-entries', concatBytes(head(256, 1_000), ...rest))).toMatchObject(text(200));
    await expectCopy(1_000);
    expect(await upload(1_000, 2_000)).toMatchObject(text(200));
    await expectCopy(2_000);
  });

  test('many at the same time, of several checkpoints, make one log', { timeout: 30_000 }, async () => {
    const sizes = [700, 1_500, 1_501, 2_300, 3_000];
    for (const [i, size] of sizes.entries()) await announce(sizes[i - 1] ?? 0, size);
    const clients = sizes
      .flatMap((size) => [size, size])
      .map(async (size) => {
        for (let next = 0; ; ) {
          const answer = await upload(next, size, 3);
          expect([200, 202, 409]).toContain(answer.status);
          if (answer.status === 200 || Number(answer.text.split('\n')[0]) !== size) return;
          next = Math.min(Number(answer.text.split('\n')[1]), size);
        }
      });
    await Promise.all(clients);
    expect(mirror.status(ORIGIN)).toMatchObject({ size: 3_000, nextEntry: 3_000 });
    await expectCopy(3_000);
  });
});

describe('the copy', () => {
  test('goes compressed to those who take that, tiles for ever and the checkpoint fresh', async () => {
    await announce(0, 300);
    await upload(0, 300);
    const get = (path: string, encoding: string) =>
      fetch(`${url}/${originHash}/${path}`, { headers: { 'accept-encoding': encoding } });
    const plain = await get('tile/entries/000', 'identity');
    expect(plain.headers.get('content-encoding')).toBeNull();
    expect(plain.headers.get('vary')).toBe('accept-encoding');
    expect(plain.headers.get('cache-control')).toContain('immutable');
    expect(await rawGet(`/${originHash}/tile/entries/000`)).toEqual(
      new Uint8Array(await plain.arrayBuffer()),
    );
    expect((await get('checkpoint', 'gzip')).headers.get('cache-control')).toBe('no-cache');
    expect((await get('checkpoint', 'gzip')).headers.get('content-type')).toBe('text/plain; charset=utf-8');
    for (const path of ['tile/0/999', 'tile/0/0', '..%2f..%2fmirror.db', 'checkpoint/x', '.tmp'])
      expect((await get(path, 'gzip')).status, path).toBe(404);
  });

  test('keeps the cosignatures of witnesses that came with a checkpoint, whatever comes later', async () => {
    await announce(0, 300, [logKey, witness]);
    await announce(300, 300);
    await upload(0, 300);
    await expectCopy(300, [ORIGIN, 'mirror.test/w1', 'mirror.test/m1', 'mirror.test/m1']);
  });

  test('is brought up by the log’s client, which goes on where the mirror is', {
    timeout: 30_000,
  }, async () => {
    const client = mirrorClient({ post: httpMirror({ url }), vkeys });
    for (const size of [10, 300, 8_500]) {
      const checkpoint = await checkpointOf(size);
      const lines = await client.push(checkpoint, ledger);
      expect((await openNote(checkpoint.note + lines, vkeys.map(parseVkey))).signatures).toHaveLength(2);
      await expectCopy(size);
    }
    // Another client, which knows nothing, and long entries that fill a request.
    const other = mirrorClient({ post: httpMirror({ url }), vkeys: vkeys.slice(1) });
    expect(await other.push(await checkpointOf(SIZE), ledger)).toMatch(/^— mirror\.test\/m1 \S+\n$/);
    await expectCopy(SIZE);
    await expect(client.push(await checkpointOf(400), ledger)).rejects.toMatchObject({
      code: 'MIRROR_REFUSED',
      message: expect.stringContaining('has seen size 9000'),
    });
  });

  test('survives every step that fails, and every step that fails after it was done', {
    timeout: 60_000,
  }, async () => {
    const steps = ['put', 'publish', 'saveProgress', 'advanceMirrored', 'advance', 'dropPartials'] as const;
    for (const step of steps)
      for (const done of [false, true]) {
        tiles = directoryTileStore(join(folder, `copy-${++copies}`));
        store = sqliteMirrorStore(join(folder, `mirror-${copies}.db`));
        let calls = 0;
        const failing = <T extends object>(target: T): T =>
          new Proxy(target, {
            get(object, name) {
              const method = Reflect.get(object, name) as (...args: unknown[]) => unknown;
              if (name !== step) return method;
              return (...args: unknown[]) => {
                if (++calls !== 2) return method(...args);
                const result = done ? method(...args) : null;
                if (result instanceof Promise) return result.then(() => Promise.reject(new Error('disk')));
                throw new Error('disk');
              };
            },
          });
        await start(failing(store), failing(tiles));
        const sizes = [300, 600, 900];
        for (let i = 0; i < sizes.length; i++) {
          const client = mirrorClient({ post: httpMirror({ url }), vkeys });
          const checkpoint = await checkpointOf(sizes[i]!);
          const failure = await client.push(checkpoint, ledger).then(
            () => null,
            (error) => error,
          );
          if (!failure) continue;
          expect(failure, step).toMatchObject({ code: 'MIRROR_UNAVAILABLE' });
          // As after a crash: from what is stored.
          await start(store, tiles);
          i--;
        }
        expect(calls, step).toBeGreaterThan(1);
        await expectCopy(900);
      }
  });
});

describe('a log that serves itself', () => {
  const url = 'http://127.0.0.1:1/';
  const policy = parseTlogPolicy(`log ${logKey.vkey} ${url}\nwitness w1 ${witness.vkey}\nquorum w1\n`);
  const instead = new Map<string, Uint8Array | null>();
  const source = {
    get: async (path: string) => (instead.has(path) ? instead.get(path)! : ledgerTiles.get(path)),
  };
  const pull = () => pullLog({ mirror, vkeys, policy, origin: ORIGIN, source });
  async function serve(size: number, root?: Uint8Array, by = [logKey, witness]): Promise<void> {
    const tree = root ?? (await rootOf(size, ledger.hash));
    instead.set(
      'checkpoint',
      utf8(await signNote(formatCheckpoint({ origin: ORIGIN, size, root: tree }), by)),
    );
  }
  const all = [ORIGIN, 'mirror.test/w1', 'mirror.test/m1', 'mirror.test/m1'];
  beforeEach(() => instead.clear());

  test('is copied with the cosignatures of its witnesses, and again when it grows', async () => {
    for (const size of [0, 1, 700, 8_192, SIZE]) {
      await serve(size);
      expect(await pull()).toBe(true);
      await expectCopy(size, all);
      expect(await pull()).toBe(false);
    }
  });

  test('is not followed back, into another history, or without its quorum', async () => {
    await serve(2_000);
    await pull();
    const before = await tiles.get('checkpoint');
    const wrongs: [string, () => Promise<void>, string][] = [
      ['back', () => serve(1_999), 'LOG_INCONSISTENT'],
      ['another tree', () => serve(2_000, seed(1)), 'LOG_INCONSISTENT'],
      ['no tree at all', () => serve(3_000, seed(1)), 'TILE_INVALID'],
      ['no witness', () => serve(3_000, undefined, [logKey]), 'QUORUM_NOT_REACHED'],
      ['not the log', () => serve(3_000, undefined, [witness]), 'NOTE_UNSIGNED'],
      ['nothing', async () => void instead.set('checkpoint', null), 'LOG_UNREACHABLE'],
    ];
    for (const [name, wrong, code] of wrongs) {
      await wrong();
      await expect(pull(), name).rejects.toMatchObject({ code });
      expect(await tiles.get('checkpoint')).toEqual(before);
    }
    await serve(3_000);
    await pull();
    await expectCopy(3_000, all);
  });

  test('is not followed into another history that is sound in itself', async () => {
    await serve(1_000);
    await pull();
    const forkTiles = directoryTileStore(join(folder, 'fork'));
    const checkpoints = sqliteCheckpointStore(join(folder, 'fork.db'), ORIGIN);
    const options = { origin: ORIGIN, signer: logKey, witnesses: [], quorum: 0, publishEveryMs: 0 };
    const fork = await openLedger({ ...options, tiles: forkTiles, checkpoints });
    const entries = await entriesOf(0, 1_500);
    await fork.append(entries.with(300, utf8('rewritten')));
    await fork.whenPublished(1_500);
    await serve(1_500, await rootOf(1_500, fork.hash));
    for (const path of tilesFor(0, 1_500).map(tilePath)) instead.set(path, await forkTiles.get(path));
    await expect(pull()).rejects.toMatchObject({
      code: 'LOG_INCONSISTENT',
      message: `${ORIGIN} at size 1500 holds another past than at size 1000: it is not followed`,
    });
    expect(mirror.status(ORIGIN)).toMatchObject({ size: 1_000, nextEntry: 1_000, pendingSize: 1_000 });
    await fork.close();
    checkpoints.close();
  });

  test('that is damaged is copied up to there, and the file is named', async () => {
    await serve(SIZE);
    const bundle = (await ledgerTiles.get('tile/entries/033'))!.slice();
    bundle[2]! ^= 1;
    instead.set('tile/entries/033', bundle);
    await expect(pull()).rejects.toMatchObject({
      code: 'TILE_INVALID',
      message: expect.stringContaining('tile/entries/033 holds another entry 8448'),
    });
    expect(mirror.status(ORIGIN)).toMatchObject({ size: 0, nextEntry: 8_192, pendingSize: SIZE });
    instead.delete('tile/entries/033');
    // Its tiles of hashes are not believed, nor needed where the entries are there.
    const tile = (await ledgerTiles.get('tile/0/034'))!.slice();
    tile[5]! ^= 1;
    instead.set('tile/0/034', tile);
    await pull();
    await expectCopy(SIZE, all);
  });
});

/** Sends a part of what it announces, and is gone. */
function breakOff(part: Uint8Array, headers: Record<string, string>): Promise<void> {
  return new Promise((resolve) => {
    const outgoing = request(`${url}/add-entries`, { method: 'POST', headers });
    outgoing.on('error', () => {}).on('close', resolve);
    outgoing.write(part, () => setTimeout(() => outgoing.destroy(), 50));
  });
}

/** The compressed bytes as they come, opened. */
function rawGet(path: string): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      `${url}${path}`,
      { headers: { 'accept-encoding': 'gzip' } },
      async (response) => {
        expect(response.headers['content-encoding']).toBe('gzip');
        resolve(new Uint8Array(gunzipSync(Buffer.concat(await response.toArray()))));
      },
    );
    outgoing.on('error', reject).end();
  });
}
