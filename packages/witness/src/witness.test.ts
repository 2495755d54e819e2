/** Shows that the witness answers exactly as C2SP tlog-witness says, over real HTTP, also to a crowd. */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  base64Encode,
  cosigner,
  EMPTY_ROOT,
  ed25519NoteSigner,
  ed25519Signer,
  formatCheckpoint,
  leafHash,
  merkleRoot,
  mlDsaCosigner,
  mlDsaSigner,
  type NoteSigner,
  openNote,
  parseVkey,
  proveConsistency,
  signNote,
  utf8,
} from '@assay/core';
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { witnessServer } from './server.ts';
import { createWitness, type Witness } from './witness.ts';
import { sqliteWitnessStore, type WitnessStore } from './witness-store.ts';

const ORIGIN = 'witness.test/log';
const seed = (byte: number) => new Uint8Array(32).fill(byte);
const logKey = ed25519NoteSigner(ORIGIN, await ed25519Signer(seed(1)));
const secondLogKey = ed25519NoteSigner('witness.test/rotated', await ed25519Signer(seed(2)));
const strangerKey = ed25519NoteSigner(ORIGIN, await ed25519Signer(seed(3)));
const NOW = 1_700_000_000;
const signer = cosigner('witness.test/w1', await ed25519Signer(seed(4)), () => NOW);

const LEAVES = Array.from({ length: 600 }, (_, i) => leafHash(utf8(`entry ${i}`)));
const rootOf = (size: number) => merkleRoot(LEAVES.slice(0, size));
const checkpoint = (size: number, root = rootOf(size), origin = ORIGIN) =>
  formatCheckpoint({ origin, size, root });
const signed = (size: number, signers: NoteSigner[] = [logKey]) => signNote(checkpoint(size), signers);
const proof = (oldSize: number, size: number) =>
  proveConsistency(oldSize, size, async (level, index) =>
    merkleRoot(LEAVES.slice(index * 2 ** level, (index + 1) * 2 ** level)),
  );
const body = (oldSize: number | string, path: (Uint8Array | string)[], note: string) =>
  `old ${oldSize}\n${path.map((hash) => `${typeof hash === 'string' ? hash : base64Encode(hash)}\n`).join('')}\n${note}`;
const growth = async (oldSize: number, size: number) =>
  body(oldSize, await proof(oldSize, size), await signed(size));

const folder = mkdtempSync(join(tmpdir(), 'assay-witness-'));
let store: WitnessStore;
let witness: Witness;
let server: FastifyInstance;
let url = '';
let files = 0;

beforeAll(async () => {
  // One server for all: each test gets a witness without memory behind it.
  server = witnessServer({
    addCheckpoint: (bytes) => witness.addCheckpoint(bytes),
    checkpoint: (hash) => witness.checkpoint(hash),
  });
  url = await server.listen({ host: '127.0.0.1', port: 0 });
});
beforeEach(() => {
  store?.close();
  store = sqliteWitnessStore(join(folder, `${files++}.db`));
  const logs = [
    { origin: ORIGIN, vkey: logKey.vkey },
    { origin: ORIGIN, vkey: secondLogKey.vkey },
  ];
  witness = createWitness({ store, signers: [signer], logs });
});
afterAll(async () => {
  await server.close();
  store.close();
  rmSync(folder, { recursive: true });
});

async function post(text: string | Uint8Array<ArrayBuffer>) {
  const response = await fetch(`${url}/add-checkpoint`, { method: 'POST', body: text });
  return { status: response.status, type: response.headers.get('content-type'), text: await response.text() };
}
const originHash = createHash('sha256').update(ORIGIN).digest('hex');
const monitored = () => fetch(`${url}/${originHash}/checkpoint`);

describe('200', () => {
  test('a first checkpoint, then ones that extend it, are cosigned', async () => {
    let oldSize = 0;
    for (const size of [1, 2, 255, 256, 600]) {
      const note = await signed(size);
      const answer = await post(await growth(oldSize, size));
      expect(answer).toMatchObject({ status: 200, type: 'text/plain; charset=utf-8' });
      expect(answer.text).toMatch(/^— witness\.test\/w1 \S+\n$/);
      const opened = await openNote(note + answer.text, [parseVkey(signer.vkey)]);
      expect(opened.signatures[0]!.timestamp).toBe(NOW);
      oldSize = size;
    }
  });

  test('the same checkpoint again is cosigned again', async () => {
    await post(await growth(0, 5));
    expect(await post(await growth(5, 5))).toMatchObject({ status: 200 });
  });

  test('a checkpoint of the empty log, and growth from it', async () => {
    expect(await post(await growth(0, 0))).toMatchObject({ status: 200 });
    expect(await post(await growth(0, 7))).toMatchObject({ status: 200 });
    expect(await post(await growth(0, 7))).toMatchObject({ status: 409, text: '7\n' });
  });

  test('signatures of unknown keys are ignored, and any trusted key of the log will do', async () => {
    const note = await signNote(checkpoint(3), [strangerKey, secondLogKey]);
    expect(await post(body(0, [], note))).toMatchObject({ status: 200 });
  });

  test('extension lines are cosigned as they are', async () => {
    const note = await signNote(`${checkpoint(3)}extension 1\nextension 2\n`, [logKey]);
    const answer = await post(body(0, [], note));
    expect(answer.status).toBe(200);
    expect((await openNote(note + answer.text, [parseVkey(signer.vkey)])).text).toContain('extension 2\n');
  });

  test('whatever content type the client names', async () => {
    for (const type of ['application/json', 'text/plain', 'application/x-www-form-urlencoded', 'nonsense']) {
      const request = { method: 'POST', headers: { 'content-type': type }, body: await growth(0, 0) };
      expect((await fetch(`${url}/add-checkpoint`, request)).status, type).toBe(200);
    }
    expect(await rawPost(await growth(0, 0))).toBe(200);
  });
});

describe('400', () => {
  const root = base64Encode(rootOf(5));
  test.each([
    ['no body', ''],
    ['no empty line', 'old 0\n'],
    ['no old size', `\n\n${checkpoint(5)}`],
    ['an old size with a leading zero', 'old 05'],
    ['a negative old size', 'old -1'],
    ['an old size beyond 2^53', 'old 9007199254740993'],
    ['an old size in words', 'old five'],
    ['two spaces', 'old  0'],
    ['a proof line that is not base64', 'old 0\n!!!'],
    ['a proof line that is not canonical base64', `old 0\n${root.slice(0, -2)}B=`],
    ['a proof line of 31 bytes', `old 0\n${base64Encode(new Uint8Array(31))}`],
    ['64 proof lines', `old 0\n${Array(64).fill(root).join('\n')}`],
  ])('%s', async (_name, head) => {
    const text = head.startsWith('old ') && !head.endsWith('\n') ? `${head}\n\n${await signed(5)}` : head;
    expect(await post(text)).toMatchObject({ status: 400, type: 'text/plain; charset=utf-8' });
  });

  test('a checkpoint that is none', async () => {
    const texts = [
      `${ORIGIN}\n5\n`,
      `${ORIGIN}\n05\n${root}\n`,
      `${ORIGIN}\n5\nAAAA\n`,
      `${ORIGIN}\n5\n${root}\n\nx\n`,
    ];
    for (const text of texts)
      expect(await post(body(0, [], await signNote(text, [logKey])))).toMatchObject({ status: 400 });
    expect(await post(body(0, [], checkpoint(5)))).toMatchObject({ status: 400 });
    expect(await post(`old 0\n\n${(await signed(5)).trimEnd()}`)).toMatchObject({ status: 400 });
    expect(await post(Uint8Array.of(0xff, 0xfe, 10, 10))).toMatchObject({ status: 400 });
  });

  test('an old size above the size', async () => {
    expect(await post(body(6, [], await signed(5)))).toMatchObject({ status: 400 });
  });
});

describe('403', () => {
  test('no signature by a trusted key', async () => {
    expect(await post(body(0, [], await signed(5, [strangerKey])))).toMatchObject({ status: 403 });
  });

  test('a wrong signature by a trusted key, even beside a right one', async () => {
    const [right, wrong] = [await signed(5, [secondLogKey]), await signed(6, [logKey])];
    const line = wrong.slice(wrong.lastIndexOf('\n\n') + 2);
    expect(await post(body(0, [], `${checkpoint(5)}\n${line}`))).toMatchObject({ status: 403 });
    expect(await post(body(0, [], right + line))).toMatchObject({ status: 403 });
  });
});

test('404: another origin', async () => {
  const other = await signNote(checkpoint(5, rootOf(5), 'witness.test/other'), [logKey]);
  expect(await post(body(0, [], other))).toMatchObject({ status: 404 });
});

describe('409', () => {
  test('another old size is answered with the size that was cosigned', async () => {
    const conflict = (size: number) => ({ status: 409, type: 'text/x.tlog.size', text: `${size}\n` });
    expect(await post(await growth(3, 5))).toEqual(conflict(0));
    await post(await growth(0, 5));
    expect(await post(await growth(0, 9))).toEqual(conflict(5));
    expect(await post(await growth(3, 9))).toEqual(conflict(5));
    expect(await post(await growth(4, 4))).toEqual(conflict(5));
  });
});

describe('422', () => {
  test('a proof where there must be none', async () => {
    expect(await post(body(0, await proof(3, 5), await signed(5)))).toMatchObject({ status: 422 });
    await post(await growth(0, 5));
    expect(await post(body(5, await proof(3, 5), await signed(5)))).toMatchObject({ status: 422 });
  });

  test('a proof that is missing, cut, longer, altered or of other sizes', async () => {
    await post(await growth(0, 5));
    const path = await proof(5, 9);
    for (const wrong of [
      [],
      path.slice(1),
      path.slice(0, -1),
      [...path, path[0]!],
      path.toReversed(),
      await proof(4, 9),
    ]) {
      expect(await post(body(5, wrong, await signed(9)))).toMatchObject({ status: 422 });
    }
    expect(await post(body(5, path, await signed(9)))).toMatchObject({ status: 200 });
  });

  test('another root at the same size, or at size zero', async () => {
    await post(await growth(0, 5));
    const fork = await signNote(checkpoint(5, rootOf(6)), [logKey]);
    expect(await post(body(5, [], fork))).toMatchObject({ status: 422 });
  });

  test('a root of size zero that is not that of the empty tree', async () => {
    const wrong = await signNote(checkpoint(0, rootOf(1)), [logKey]);
    expect(await post(body(0, [], wrong))).toMatchObject({ status: 422 });
    expect(EMPTY_ROOT).toEqual(rootOf(0));
  });

  test('nothing that was refused is remembered', async () => {
    await post(body(0, await proof(3, 5), await signed(5)));
    expect((await monitored()).status).toBe(404);
  });
});

test('a body beyond any honest request is cut off', async () => {
  expect((await post('x'.repeat(200_000))).status).toBe(413);
});

describe('monitoring', () => {
  test('shows the latest checkpoint with the log’s verified signatures and the cosignature', async () => {
    expect((await monitored()).status).toBe(404);
    await post(await growth(0, 5));
    await post(body(5, await proof(5, 9), await signed(9, [strangerKey, logKey])));
    const response = await monitored();
    expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    const opened = await openNote(
      await response.text(),
      [logKey, signer].map(({ vkey }) => parseVkey(vkey)),
    );
    expect(opened.text).toBe(checkpoint(9));
    expect(opened.signatures.map(({ name }) => name)).toEqual([ORIGIN, signer.name]);
    expect(opened.unknown).toEqual([]);
  });

  test('knows no other log and no other spelling', async () => {
    await post(await growth(0, 5));
    for (const hash of [
      originHash.toUpperCase(),
      createHash('sha256').update('other').digest('hex'),
      'x',
      '..',
    ]) {
      expect((await fetch(`${url}/${hash}/checkpoint`)).status).toBe(404);
    }
  });
});

test('a second key adds a second line, and both are in the monitored checkpoint', async () => {
  const both = [signer, mlDsaCosigner(signer.name, await mlDsaSigner(seed(4)), () => NOW)];
  witness = createWitness({ store, signers: both, logs: [{ origin: ORIGIN, vkey: logKey.vkey }] });
  const answer = await post(await growth(0, 5));
  const verifiers = both.map(({ vkey }) => parseVkey(vkey));
  for (const note of [(await signed(5)) + answer.text, await (await monitored()).text()]) {
    const { signatures } = await openNote(note, verifiers);
    expect(signatures.map((by) => [by.verifier.algorithm, by.timestamp])).toEqual([
      ['cosignature/v1', NOW],
      ['subtree/v1', NOW],
    ]);
  }
  // One of each key, however often it is asked.
  await post(await growth(5, 5));
  expect((await (await monitored()).text()).match(/^— /gm)).toHaveLength(3);
});

test('a clock that is set back or ahead changes the times of cosignatures, not the order of sizes', async () => {
  let now = NOW;
  const drifting = cosigner(signer.name, await ed25519Signer(seed(4)), () => now);
  witness = createWitness({ store, signers: [drifting], logs: [{ origin: ORIGIN, vkey: logKey.vkey }] });
  const times: number[] = [];
  let oldSize = 0;
  for (const [size, shift] of [
    [5, 0],
    [9, 600],
    [20, -600],
    [30, -86_400],
  ] as const) {
    now = NOW + shift;
    const answer = await post(await growth(oldSize, size));
    times.push(
      (await openNote((await signed(size)) + answer.text, [parseVkey(signer.vkey)])).signatures[0]!
        .timestamp!,
    );
    expect(await post(await growth(0, 5))).toMatchObject({ status: 409, text: `${size}\n` });
    oldSize = size;
  }
  expect(times).toEqual([NOW, NOW + 600, NOW - 600, NOW - 86_400]);
});

describe('requests at the same time', () => {
  test('of many from one size exactly those for one checkpoint win, and the size never goes back', async () => {
    await post(await growth(0, 5));
    const sizes = Array.from({ length: 24 }, (_, i) => 6 + i);
    const bodies = await Promise.all(sizes.map((size) => growth(5, size)));
    const answers = await Promise.all(bodies.map(post));
    const won = sizes.filter((_, i) => answers[i]!.status === 200);
    expect(won).toHaveLength(1);
    for (const answer of answers) expect([200, 409]).toContain(answer.status);
    for (const { status, text } of answers) if (status === 409) expect(text).toBe(`${won[0]}\n`);
    expect(store.latest(ORIGIN)!.size).toBe(won[0]);
  });

  test('two histories: only one is ever cosigned', async () => {
    await post(await growth(0, 5));
    const forkLeaves = [...LEAVES.slice(0, 5), ...LEAVES.slice(100, 104)];
    const forkRoot = merkleRoot(forkLeaves);
    const forkProof = await proveConsistency(5, 9, async (level, index) =>
      merkleRoot(forkLeaves.slice(index * 2 ** level, (index + 1) * 2 ** level)),
    );
    const fork = body(5, forkProof, await signNote(checkpoint(9, forkRoot), [logKey]));
    const honest = await growth(5, 9);
    const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => post(i % 2 ? fork : honest)));
    const statuses = (parity: number) =>
      new Set(answers.filter((_, i) => i % 2 === parity).map(({ status }) => status));
    expect([statuses(0).has(200), statuses(1).has(200)].filter(Boolean)).toHaveLength(1);
  });

  test('the latest cosigned checkpoint is what the answers said', async () => {
    let cosignedSize = 0;
    const submit = async (size: number) => {
      for (let oldSize = cosignedSize; oldSize <= size; ) {
        const { status, text } = await post(await growth(oldSize, size));
        if (status === 200) {
          cosignedSize = Math.max(cosignedSize, size);
          return;
        }
        oldSize = Number(text);
      }
    };
    await Promise.all(Array.from({ length: 12 }, (_, i) => submit(10 * (i + 1))));
    expect(cosignedSize).toBe(120);
    expect(store.latest(ORIGIN)!.size).toBe(120);
  });
});

describe('storage', () => {
  test('what was cosigned is remembered by the next process', async () => {
    await post(await growth(0, 5));
    const path = join(folder, `${files - 1}.db`);
    const reopened = sqliteWitnessStore(path);
    const second = createWitness({
      store: reopened,
      signers: [signer],
      logs: [{ origin: ORIGIN, vkey: logKey.vkey }],
    });
    expect(await second.addCheckpoint(utf8(await growth(0, 9)))).toMatchObject({ status: 409, body: '5\n' });
    reopened.close();
  });

  test('that fails gives no cosignature away, whether or not the write happened', async () => {
    for (const persisted of [false, true]) {
      const failing = {
        ...store,
        advance: (...args: Parameters<WitnessStore['advance']>) => {
          if (persisted) store.advance(...args);
          throw new Error('disk full');
        },
      };
      witness = createWitness({
        store: failing,
        signers: [signer],
        logs: [{ origin: ORIGIN, vkey: logKey.vkey }],
      });
      const answer = await post(await growth(0, 5));
      expect(answer.status).toBe(500);
      expect(answer.text).not.toContain('—');
    }
    expect(store.latest(ORIGIN)!.size).toBe(5);
  });
});

/** A request without any content type. */
function rawPost(text: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const outgoing = request(`${url}/add-checkpoint`, { method: 'POST' }, (response) => {
      response.resume();
      resolve(response.statusCode!);
    });
    outgoing.on('error', reject).end(text);
  });
}
