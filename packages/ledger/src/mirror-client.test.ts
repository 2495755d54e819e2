/**
 * Shows what a log believes of a mirror: nothing that is not signed; and that no answer sends it round for ever. That
 * the two understand each other is shown beside the mirror, in the witness package.
 */
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import {
  cosigner,
  ed25519NoteSigner,
  ed25519Signer,
  fromUtf8,
  type HashReader,
  leafHash,
  merkleRoot,
} from '@assay/core';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { entriesFrom, entry, ORIGIN } from './log.fixture.ts';
import { httpMirror, mirrorClient } from './mirror-client.ts';
import { signCheckpoint } from './signed-checkpoint.ts';

const SIZE = 9_000;
const LEAVES = entriesFrom(0, SIZE).map((bytes) => leafHash(bytes));
const hash: HashReader = async (level, index) =>
  merkleRoot(LEAVES.slice(index * 2 ** level, (index + 1) * 2 ** level));
const log = {
  hash,
  async *entries(from: number, to: number) {
    for (let n = from; n < to; n++) yield entry(n);
  },
};
const logKey = ed25519NoteSigner(ORIGIN, await ed25519Signer(new Uint8Array(32).fill(7)));
const mirrorKey = cosigner('mirror.test/m1', await ed25519Signer(new Uint8Array(32).fill(1)), () => 1);
const stranger = cosigner('mirror.test/m1', await ed25519Signer(new Uint8Array(32).fill(2)), () => 1);
const checkpoint = await signCheckpoint({ origin: ORIGIN, size: SIZE, root: merkleRoot(LEAVES) }, logKey);
const lineBy = async (key: typeof mirrorKey) => {
  const signature = await key.sign(checkpoint.note.slice(0, checkpoint.note.lastIndexOf('\n\n') + 1));
  return `— ${key.name} ${Buffer.concat([key.keyId, signature]).toString('base64')}\n`;
};

interface Answer {
  status: number;
  body?: string;
  headers?: Record<string, string>;
}
interface Upload {
  start: number;
  end: number;
  bytes: number;
  headers: IncomingHttpHeaders;
}
let server: Server;
let url = '';
let uploads: Upload[] = [];
let added: string[] = [];
let onAdd: (body: string) => Answer = () => ({ status: 200 });
let onUpload: (upload: Upload) => Answer | Promise<Answer>;
beforeEach(async () => {
  [uploads, added] = [[], []];
  onAdd = () => ({ status: 200 });
  server = createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray());
    let answer: Answer;
    if (request.url === '/add-checkpoint') {
      added.push(fromUtf8(body));
      answer = onAdd(added.at(-1)!);
    } else {
      const plain = gunzipSync(body);
      const at = 2 + plain.readUInt16BE(0);
      uploads.push({
        start: Number(plain.readBigUInt64BE(at)),
        end: Number(plain.readBigUInt64BE(at + 8)),
        bytes: plain.length,
        headers: request.headers,
      });
      answer = await onUpload(uploads.at(-1)!);
    }
    response.writeHead(answer.status, answer.headers).end(answer.body ?? '');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});
const push = () =>
  mirrorClient({ post: httpMirror({ url: `${url}/` }), vkeys: [mirrorKey.vkey] }).push(checkpoint, log);

test('it asks where the mirror is, and uploads from there, 32 packages at a time', async () => {
  onUpload = async ({ start }) => {
    if (start === SIZE) return { status: 409, body: `${SIZE}\n300\ndGlja2V0\n` };
    const next = Math.min(start - (start % 256) + 8_192, SIZE);
    if (next < SIZE) return { status: 202, body: `${SIZE}\n${next}\n\n` };
    return { status: 200, body: (await lineBy(stranger)) + (await lineBy(mirrorKey)) };
  };
  expect(await push()).toBe(await lineBy(mirrorKey));
  expect(uploads.map(({ start, end }) => [start, end])).toEqual([
    [SIZE, SIZE],
    [300, SIZE],
    [256 + 8_192, SIZE],
  ]);
  expect(uploads[0]!.headers).toMatchObject({
    'content-type': 'application/octet-stream',
    'content-encoding': 'gzip',
  });
  expect(added).toHaveLength(1);
});

test('409 to a checkpoint is answered with the proof from that size; a size beyond ours is a refusal', async () => {
  onAdd = (body) => (body.startsWith('old 7\n') ? { status: 200 } : { status: 409, body: '7\n' });
  onUpload = async () => ({ status: 200, body: await lineBy(mirrorKey) });
  await push();
  expect(added.map((body) => body.split('\n')[0])).toEqual(['old 0', 'old 7']);
  onAdd = () => ({ status: 409, body: `${SIZE + 1}\n` });
  await expect(push()).rejects.toMatchObject({
    code: 'MIRROR_REFUSED',
    message: expect.stringContaining(`has seen size ${SIZE + 1}`),
  });
  let size = 0;
  onAdd = () => ({ status: 409, body: `${++size}\n` });
  await expect(push()).rejects.toMatchObject({ message: expect.stringContaining('moved 8 times') });
});

test('a mirror that forgot the checkpoint is given it again', async () => {
  onUpload = async () =>
    uploads.length === 1 ? { status: 409, body: '5\n5\n\n' } : { status: 200, body: await lineBy(mirrorKey) };
  await push();
  expect(added).toHaveLength(2);
});

test('answers that make no sense, or no progress, end it', async () => {
  const answers: Record<string, () => Promise<Answer>> = {
    'next entry stays': async () => ({ status: 409, body: `${SIZE}\n10\n\n` }),
    'next entry goes back': async () => ({ status: 202, body: `${SIZE}\n0\n\n` }),
    'no info': async () => ({ status: 202, body: 'nonsense' }),
    'no size': async () => ({ status: 409, body: '99999999999999999\n0\n\n' }),
    'no ticket': async () => ({ status: 409, body: `${SIZE}\n0\n=\n` }),
    'no cosignature': async () => ({ status: 200, body: '' }),
    'a stranger’s': async () => ({ status: 200, body: await lineBy(stranger) }),
    'a text of its own': async () => ({ status: 200, body: `\nx\n\n${await lineBy(mirrorKey)}` }),
    unprocessable: async () => ({ status: 422, body: 'because\n' }),
  };
  for (const [name, answer] of Object.entries(answers)) {
    onUpload = answer;
    await expect(push(), name).rejects.toMatchObject({ code: 'MIRROR_REFUSED' });
  }
  expect(uploads.length).toBeLessThan(40);
});

test('a busy mirror says for how long; one that is not there is not there', async () => {
  onUpload = () => ({ status: 429, headers: { 'retry-after': '7' } });
  await expect(push()).rejects.toMatchObject({ code: 'MIRROR_UNAVAILABLE', detail: { retryAfterMs: 7_000 } });
  onUpload = () => ({ status: 500 });
  await expect(push()).rejects.toMatchObject({ code: 'MIRROR_UNAVAILABLE', detail: { retryAfterMs: 0 } });
  onUpload = () => ({ status: 200, body: 'x'.repeat(100_000) });
  await expect(push()).rejects.toMatchObject({ code: 'MIRROR_UNAVAILABLE' });
  server.close();
  server.closeAllConnections();
  await expect(push()).rejects.toMatchObject({ code: 'MIRROR_UNAVAILABLE' });
});
