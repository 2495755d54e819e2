/** Shows how a log talks to witnesses: it asks as the protocol says and believes nothing that is not signed. */

import {
  cosigner,
  ed25519NoteSigner,
  ed25519Signer,
  mlDsaCosigner,
  mlDsaSigner,
  openNote,
  parseNote,
  parseVkey,
  signatureLine,
} from '@assay/core';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ORIGIN } from './log.fixture.ts';
import { type ScriptedAnswer, scriptedWitness } from './scripted-witness.fixture.ts';
import { signCheckpoint } from './signed-checkpoint.ts';
import { witnessClient } from './witness-client.ts';

const key = await ed25519Signer(new Uint8Array(32).fill(7));
const log = ed25519NoteSigner(ORIGIN, key);
const checkpointOf = (size: number) =>
  signCheckpoint({ origin: ORIGIN, size, root: new Uint8Array(32).fill(size) }, log);
/** Not a proof, but tells which one was asked for. */
const prove = async (oldSize: number) => [new Uint8Array(32).fill(oldSize)];
const hashLine = (oldSize: number) => Buffer.alloc(32, oldSize).toString('base64');

let witness: Awaited<ReturnType<typeof scriptedWitness>>;
let now = 1_000;
beforeEach(async () => {
  now = 1_000;
  witness = await scriptedWitness('witness.test/w1', 1);
});
afterEach(() => witness.close());

const newClient = (options: { timeoutMs?: number; maxBackoffMs?: number } = {}) =>
  witnessClient({ url: `${witness.url}/`, vkey: witness.signer.vkey, nowMs: () => now, ...options });

test('a cosignature is asked for, verified and given back', async () => {
  const client = newClient();
  expect(client.state()).toMatchObject({
    name: 'witness.test/w1',
    state: 'unknown',
    size: null,
    lastError: null,
  });
  const checkpoint = await checkpointOf(5);
  const line = await client.cosign(checkpoint, async () => []);
  expect(witness.requests).toEqual([{ oldSize: 0, proof: [], note: checkpoint.note }]);
  const opened = await openNote(checkpoint.note + line, [client.verifier, parseVkey(log.vkey)]);
  expect(opened.signatures.map(({ name }) => name)).toEqual([ORIGIN, 'witness.test/w1']);
  expect(client.state()).toMatchObject({ state: 'ok', size: 5, lastError: null, retryAtMs: 0 });
});

test('a post-quantum cosignature, among others, is found and verified; a plain key is no witness', async () => {
  const quantum = mlDsaCosigner(
    'witness.test/w1',
    await mlDsaSigner(new Uint8Array(32).fill(8)),
    () => 1_700_000_000,
  );
  witness.answer = async (request) => {
    const { text } = parseNote(request.note);
    const both = [witness.signer, quantum].map(async (by) => signatureLine(by, await by.sign(text)));
    return { status: 200, body: (await Promise.all(both)).join('') };
  };
  const client = witnessClient({ url: witness.url, vkey: quantum.vkey });
  const checkpoint = await checkpointOf(5);
  const line = await client.cosign(checkpoint, async () => []);
  const { signatures } = await openNote(checkpoint.note + line, [parseVkey(quantum.vkey)]);
  expect(signatures.map(({ verifier }) => verifier.algorithm)).toEqual(['subtree/v1']);
  expect(() => witnessClient({ url: witness.url, vkey: log.vkey })).toThrow('expected a cosignature key');
});

test('how long a cosignature took, and when it came, is that of the latest one', async () => {
  const client = newClient();
  expect(client.state()).toMatchObject({ latencyMs: null, lastCosignedAtMs: null });
  const took = (ms: number) => {
    witness.answer = async (request) => {
      now += ms;
      return witness.cosign(request);
    };
  };
  const before = Date.now();
  for (const ms of [30, 7]) {
    took(ms);
    await client.cosign(await checkpointOf(5), prove);
    expect(client.state().latencyMs).toBe(ms);
    // By the clock on the wall, not the one for pauses.
    expect(client.state().lastCosignedAtMs).toBeGreaterThanOrEqual(before);
  }
  witness.answer = async () => ({ status: 500 });
  await client.cosign(await checkpointOf(5), prove).catch(() => {});
  expect(client.state().latencyMs).toBe(7);
});

test('the size is remembered, and the next request proves from there', async () => {
  const client = newClient();
  await client.cosign(await checkpointOf(5), async () => []);
  await client.cosign(await checkpointOf(9), prove);
  expect(witness.requests[1]).toMatchObject({ oldSize: 5, proof: [hashLine(5)] });
});

describe('409', () => {
  const conflict = (size: unknown): ScriptedAnswer => ({
    status: 409,
    body: `${size}\n`,
    headers: { 'content-type': 'text/x.tlog.size' },
  });

  test('with a size is answered at once with the proof from that size', async () => {
    witness.answer = async (request) => (request.oldSize === 3 ? witness.cosign(request) : conflict(3));
    await newClient().cosign(await checkpointOf(5), prove);
    expect(witness.requests.map(({ oldSize, proof }) => [oldSize, proof[0]])).toEqual([
      [0, hashLine(0)],
      [3, hashLine(3)],
    ]);
  });

  test('for ever is given up after three requests', async () => {
    witness.answer = async ({ oldSize }) => conflict(oldSize + 1);
    await expect(newClient().cosign(await checkpointOf(9), prove)).rejects.toMatchObject({
      code: 'WITNESS_REFUSED',
    });
    expect(witness.requests).toHaveLength(3);
  });

  test('for the very size we named, or without a size, is a refusal and no loop', async () => {
    for (const size of [0, 'nonsense', '03', '-1', '1e3', '99999999999999999']) {
      witness.requests.length = 0;
      witness.answer = async () => conflict(size);
      const client = newClient();
      await expect(client.cosign(await checkpointOf(5), prove), String(size)).rejects.toMatchObject({
        code: 'WITNESS_REFUSED',
      });
      expect(witness.requests).toHaveLength(1);
      expect(client.state().state).toBe('refusing');
    }
  });

  test('for a size beyond ours says that this log went back', async () => {
    witness.answer = async () => conflict(8);
    const client = newClient();
    await expect(client.cosign(await checkpointOf(5), prove)).rejects.toMatchObject({
      code: 'WITNESS_REFUSED',
      message: expect.stringContaining('has cosigned size 8'),
      next: expect.stringContaining('old backup'),
      detail: { seen: 8, own: 5 },
    });
    expect(client.state().size).toBe(8);
  });
});

describe('patience', () => {
  test('429 and 5xx are waited out, as long as they ask', async () => {
    const client = newClient();
    witness.answer = async () => ({ status: 429, headers: { 'retry-after': '7' } });
    await expect(client.cosign(await checkpointOf(5), prove)).rejects.toMatchObject({
      code: 'WITNESS_UNAVAILABLE',
    });
    expect(client.state()).toMatchObject({ state: 'unreachable', retryAtMs: now + 7_000 });
    witness.answer = async () => ({ status: 503, headers: { 'retry-after': '999999999' } });
    await expect(client.cosign(await checkpointOf(5), prove)).rejects.toMatchObject({
      code: 'WITNESS_UNAVAILABLE',
    });
    expect(client.state().retryAtMs).toBe(now + 300_000);
    for (const retryAfter of ['-5', 'Wed, 21 Oct 2015 07:28:00 GMT', 'NaN']) {
      witness.answer = async () => ({ status: 500, headers: { 'retry-after': retryAfter } });
      await expect(client.cosign(await checkpointOf(5), prove)).rejects.toMatchObject({
        code: 'WITNESS_UNAVAILABLE',
      });
      expect(client.state().retryAtMs).toBeLessThanOrEqual(now + 10_000);
    }
  });

  test('grows with every failure up to a bound, and ends with the first success', async () => {
    const client = newClient({ maxBackoffMs: 1_000 });
    witness.answer = async () => ({ status: 502 });
    const waits: number[] = [];
    for (let i = 0; i < 5; i++) {
      await client.cosign(await checkpointOf(5), prove).catch(() => {});
      waits.push(client.state().retryAtMs - now);
    }
    expect(waits).toEqual([200, 400, 800, 1_000, 1_000]);
    witness.answer = witness.cosign;
    await client.cosign(await checkpointOf(5), prove);
    expect(client.state()).toMatchObject({ state: 'ok', lastError: null, retryAtMs: 0 });
  });

  test('ends at the time-out, and when the caller gives up', async () => {
    witness.answer = async () => 'silence';
    const client = newClient({ timeoutMs: 60 });
    await expect(client.cosign(await checkpointOf(5), prove)).rejects.toThrow('no answer within 60 ms');
    const closing = new AbortController();
    setTimeout(() => closing.abort(), 20);
    await expect(newClient().cosign(await checkpointOf(5), prove, closing.signal)).rejects.toMatchObject({
      code: 'WITNESS_UNAVAILABLE',
    });
  });

  test('is asked of a log whose witness is not there', async () => {
    witness.close();
    const client = newClient();
    await expect(client.cosign(await checkpointOf(5), prove)).rejects.toMatchObject({
      code: 'WITNESS_UNAVAILABLE',
    });
    expect(client.state().lastError).toContain('witness.test/w1');
  });
});

const stranger = cosigner('witness.test/w2', await ed25519Signer(new Uint8Array(32).fill(2)), () => 1);
const impostor = cosigner('witness.test/w1', await ed25519Signer(new Uint8Array(32).fill(3)), () => 1);

describe('an answer of 200', () => {
  test('may hold cosignatures of unknown keys, which are ignored', async () => {
    witness.answer = async (request) => {
      const answers = [
        await witness.cosign(request, stranger),
        await witness.cosign(request, impostor),
        await witness.cosign(request),
      ];
      return { status: 200, body: answers.map((answer) => (answer as { body: string }).body).join('') };
    };
    const checkpoint = await checkpointOf(5);
    const line = await newClient().cosign(checkpoint, prove);
    const opened = await openNote(checkpoint.note + line, [parseVkey(witness.signer.vkey)]);
    expect(opened.signatures).toHaveLength(1);
    expect(opened.unknown.map(({ name }) => name)).toEqual([ORIGIN]);
  });

  test('counts for nothing without a valid cosignature of this checkpoint by this key', async () => {
    const other = await checkpointOf(6);
    const cosigned = async (note: string, by = witness.signer) =>
      ((await witness.cosign({ oldSize: 0, proof: [], note }, by)) as { body: string }).body;
    const checkpoint = await checkpointOf(5);
    const good = await cosigned(checkpoint.note);
    const bodies = {
      nothing: '',
      'an unknown key': await cosigned(checkpoint.note, stranger),
      'another key of that name': await cosigned(checkpoint.note, impostor),
      'a cosignature of another checkpoint': await cosigned(other.note),
      'a changed letter': good.replace(/.{6}$/s, (end) => (end[0] === 'A' ? 'B' : 'A') + end.slice(1)),
      'no newline': good.slice(0, -1),
      'a checkpoint of its own': `\n${other.note}${await cosigned(other.note)}`,
      'a cosignature of a longer text': `\nmore\n\n${await cosigned(`${checkpoint.note}\nmore\n\n— a YWFhYWFh\n`)}`,
      html: '<html></html>\n',
      'more than the bound': `${good}${'x'.repeat(70_000)}`,
    };
    for (const [name, body] of Object.entries(bodies)) {
      witness.answer = async () => ({ status: 200, body });
      const client = newClient();
      const failure = await client.cosign(checkpoint, prove).then(
        () => null,
        (error) => error,
      );
      expect(failure, name).toMatchObject({ code: expect.stringMatching(/^WITNESS_/) });
      expect(client.state().size, name).toBeNull();
    }
  });
});

test('other statuses are refusals with their text', async () => {
  for (const status of [400, 403, 404, 422]) {
    witness.answer = async () => ({ status, body: 'because\n' });
    await expect(newClient().cosign(await checkpointOf(5), prove)).rejects.toMatchObject({
      code: 'WITNESS_REFUSED',
      message: expect.stringContaining(`${status} "because`),
    });
  }
  witness.answer = async () => ({ status: 302, headers: { location: witness.url } });
  await expect(newClient().cosign(await checkpointOf(5), prove)).rejects.toMatchObject({
    code: 'WITNESS_UNAVAILABLE',
  });
});

test('a key that makes no cosignatures is refused', () => {
  expect(() => witnessClient({ url: witness.url, vkey: log.vkey, nowMs: () => now })).toThrow(
    expect.objectContaining({ code: 'KEY_INVALID' }),
  );
});
