/** Shows when a checkpoint becomes public: with a quorum, never before, never backwards, and whoever is down. */
import { fromUtf8, openNote, parseVkey } from '@assay/core';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { LedgerOptions } from './ledger.ts';
import { entriesFrom, entry, temporaryLog, verifyServedLog } from './log.fixture.ts';
import { type ScriptedAnswer, scriptedWitness } from './scripted-witness.fixture.ts';
import { witnessClient } from './witness-client.ts';

let log: Awaited<ReturnType<typeof temporaryLog>>;
let witnesses: Awaited<ReturnType<typeof scriptedWitness>>[];

beforeEach(async () => {
  log = await temporaryLog();
  witnesses = await Promise.all([1, 2, 3].map((i) => scriptedWitness(`witness.test/w${i}`, i)));
});
afterEach(async () => {
  await log.dispose();
  for (const witness of witnesses) witness.close();
});

const open = (options: Partial<LedgerOptions> = {}) =>
  log.open({
    quorum: 2,
    witnesses: witnesses.map(({ url, signer }) =>
      witnessClient({ url, vkey: signer.vkey, timeoutMs: 400, maxBackoffMs: 40 }),
    ),
    ...options,
  });
const down = async (): Promise<ScriptedAnswer> => ({ status: 503 });

/** Names of the witnesses whose cosignatures the served checkpoint carries. */
async function servedCosigners(): Promise<string[]> {
  const note = fromUtf8((await log.tiles.get('checkpoint'))!);
  const { signatures, unknown } = await openNote(note, [
    parseVkey(log.signer.vkey),
    ...witnesses.map(({ signer }) => parseVkey(signer.vkey)),
  ]);
  expect(unknown).toEqual([]);
  expect(signatures[0]!.name).toBe(log.signer.name);
  return signatures.slice(1).map(({ name }) => name.slice(-2));
}

test('with all witnesses up the checkpoint carries the log’s signature and all cosignatures', async () => {
  const ledger = await open();
  await ledger.append(entriesFrom(0, 300));
  expect((await ledger.whenPublished(300)).size).toBe(300);
  expect(await servedCosigners()).toEqual(['w1', 'w2', 'w3']);
  expect(fromUtf8((await log.tiles.get('checkpoint'))!)).toBe(ledger.published()!.note);
  expect(ledger.latest()!.root).toEqual(ledger.published()!.root);
  expect(ledger.witnessStates().map(({ state, size }) => [state, size])).toEqual(Array(3).fill(['ok', 300]));
});

test('one witness down: two are enough; back again, it adds its cosignature', async () => {
  witnesses[1]!.answer = down;
  const sizes: number[] = [];
  const ledger = await open({ onPublished: ({ size }) => sizes.push(size) });
  await ledger.append(entriesFrom(0, 5));
  await ledger.whenPublished(5);
  expect(await servedCosigners()).toEqual(['w1', 'w3']);
  expect(ledger.witnessStates()[1]).toMatchObject({
    state: 'unreachable',
    lastError: expect.stringContaining('503'),
  });
  witnesses[1]!.answer = witnesses[1]!.cosign;
  await vi.waitFor(async () => expect(await servedCosigners()).toEqual(['w1', 'w2', 'w3']));
  expect(sizes).toEqual([5]);
});

test('two witnesses down: the log goes on, the public checkpoint waits, then catches up', async () => {
  const ledger = await open();
  await ledger.append([entry(0)]);
  await ledger.whenPublished(1);
  witnesses[0]!.answer = down;
  witnesses[2]!.answer = down;
  await ledger.append(entriesFrom(1, 300));
  await ledger.append(entriesFrom(300, 700));
  await new Promise((resolve) => setTimeout(resolve, 150));
  expect(ledger.published()!.size).toBe(1);
  expect(ledger.latest()!.size).toBe(700);
  witnesses[2]!.answer = witnesses[2]!.cosign;
  await ledger.whenPublished(700);
  expect(await servedCosigners()).toEqual(['w2', 'w3']);
  await verifyServedLog((path) => log.tiles.get(path), log.signer.vkey);
});

test('a silent witness holds nothing up for longer than the grace', async () => {
  witnesses[0]!.answer = async () => 'silence';
  const ledger = await open({ graceMs: 10 });
  const started = performance.now();
  for (let size = 1; size <= 5; size++) {
    await ledger.append([entry(size)]);
    await ledger.whenPublished(size);
  }
  expect(performance.now() - started).toBeLessThan(400);
  expect(await servedCosigners()).toEqual(['w2', 'w3']);
});

test('a witness that lies is not counted', async () => {
  for (const i of [0, 1]) {
    const stranger = witnesses[2]!.signer;
    witnesses[i]!.answer = (request) => witnesses[i]!.cosign(request, stranger);
  }
  const ledger = await open();
  await ledger.append([entry(0)]);
  await new Promise((resolve) => setTimeout(resolve, 120));
  expect(ledger.published()).toBeNull();
  expect(await log.tiles.get('checkpoint')).toBeNull();
  expect(ledger.witnessStates().map(({ state }) => state)).toEqual(['refusing', 'refusing', 'ok']);
});

test('tiles of a checkpoint are stored before any witness sees it', async () => {
  const partials = new Map<number, string | null>();
  witnesses[0]!.answer = async (request) => {
    const size = Number(request.note.split('\n')[1]);
    partials.set(size, (await log.tiles.get(`tile/0/000.p/${size}`)) && 'stored');
    return witnesses[0]!.cosign(request);
  };
  const ledger = await open();
  for (const size of [1, 2, 50]) {
    await ledger.append(entriesFrom(ledger.size, size));
    await ledger.whenPublished(size);
  }
  expect([...partials]).toEqual([1, 2, 50].map((size) => [size, 'stored']));
});

test('a restart goes on from what is public, and publishes what is committed', async () => {
  const first = await open();
  await first.append(entriesFrom(0, 10));
  await first.whenPublished(10);
  for (const witness of witnesses) witness.answer = down;
  await first.append(entriesFrom(10, 20));
  await first.close();
  for (const witness of witnesses.slice(1)) witness.answer = witness.cosign;

  const second = await open();
  expect(second.published()!.size).toBe(10);
  await second.whenPublished(20);
  expect(await servedCosigners()).toEqual(['w2', 'w3']);
  await second.close();

  const third = await open();
  expect(third.published()!.note).toBe(second.published()!.note);
  witnesses[0]!.answer = witnesses[0]!.cosign;
  await vi.waitFor(async () => expect(await servedCosigners()).toEqual(['w1', 'w2', 'w3']));
});

test('checkpoints that come faster than witnesses answer are published together', async () => {
  const ledger = await open({ publishEveryMs: 100 });
  for (let i = 0; i < 20; i++) await ledger.append([entry(i)]);
  await ledger.whenPublished(20);
  expect(witnesses[0]!.requests.length).toBeLessThanOrEqual(4);
});

test('a quorum that cannot be, and a witness named twice, are refused', async () => {
  await expect(open({ quorum: 4 })).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' });
  await expect(open({ quorum: 1.5 })).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' });
  witnesses[1] = witnesses[0]!;
  await expect(open()).rejects.toMatchObject({
    code: 'ARGUMENT_INVALID',
    message: expect.stringContaining('twice'),
  });
});
