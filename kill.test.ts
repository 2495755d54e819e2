/**
 * kill -9, twenty times in the middle of a replay: afterwards the log is whole, every acknowledged statement is at its
 * index, nothing is there twice, and every checkpoint that was ever public is a prefix of the final tree.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { bytesToHex, digestHex, leafHash, merkleRoot, parseCheckpoint, parseNote } from '@assay/core';
import { Catalogue, dataDirLayout, statementOf } from '@assay/pipeline';
import { afterAll, expect, test } from 'vitest';
import { ROOT, readPublishedLog, run, serve, stop, until } from './node-process.fixture.ts';

const KILLS = process.env.ASSAY_LONG ? 40 : 7;
const folder = mkdtempSync(join(tmpdir(), 'assay-kill-'));
const dataDir = join(folder, 'data');
const RECORDING = join(ROOT, '../shared/data/usdc-depeg-2023-03');
const recorded = existsSync(RECORDING);
if (!recorded) console.warn('the recording usdc-depeg-2023-03 is absent: the simulated source is replayed');
const SOURCE = recorded
  ? ['--source', 'replay', '--replay', RECORDING]
  : ['--source', 'simulated', '--hours', '200'];
const NODE = [...SOURCE, '--speed', '9000', '--anchor-every', '500ms', '--data-dir', dataDir];

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('nothing acknowledged is lost', async () => {
  const acknowledged = new Map<string, number>();
  const checkpoints = new Map<number, string>();
  for (let kill = 0; kill < KILLS; kill++) {
    const { child, base } = await serve(NODE);
    const ended = new Promise((resolve) => child.once('exit', resolve));
    // From a moment after the start to a second and a half later: before, between and after commits.
    const deadline = Date.now() + 60 + ((kill * 379) % 900);
    while (Date.now() < deadline) {
      const note = await fetch(`${base}/checkpoint`).then(
        (answer) => (answer.ok ? answer.text() : null),
        () => null,
      );
      if (note) {
        const { size, root } = parseCheckpoint(parseNote(note).text);
        checkpoints.set(size, bytesToHex(root));
      }
      const list = await fetch(`${base}/v1/records?limit=200`).then(
        (answer) => (answer.ok ? answer.json() : null),
        () => null,
      );
      for (const { id, index } of (list as { records: { id: string; index: number | null }[] } | null)
        ?.records ?? []) {
        if (index !== null) acknowledged.set(id, index);
      }
    }
    child.kill('SIGKILL');
    await ended;
  }
  expect(acknowledged.size).toBeGreaterThan(100);
  await until(async () => leftovers().length === 0, 5_000);

  const { code, stderr } = await run('main.ts', [
    '--source',
    'simulated',
    '--hours',
    '1',
    '--data-dir',
    dataDir,
    '--once',
    '--json',
  ]);
  expect(code, stderr).toBe(0);
  const log = readPublishedLog(join(dataDir, 'log'));
  expect(log.actual).toBe(log.stated);
  const ids = log.entries.map(digestHex);
  expect(new Set(ids).size).toBe(ids.length);
  for (const [id, index] of acknowledged) expect(ids[index]).toBe(id);
  const leaves = log.entries.map(leafHash);
  for (const [size, root] of checkpoints)
    expect(bytesToHex(merkleRoot(leaves.slice(0, size))), `checkpoint ${size}`).toBe(root);
  expectChainedStreams(log.entries);
  const catalogue = new Catalogue(dataDirLayout(dataDir).catalogue, { readOnly: true });
  expect(catalogue.pending()).toEqual([]);
  catalogue.close();
}, 300_000);

test('with the chain killed, or a witness, the node goes on and catches up', async () => {
  const { child, base } = await serve([
    ...SOURCE,
    '--speed',
    '600',
    '--anchor-every',
    '300ms',
    '--data-dir',
    join(folder, 'other'),
  ]);
  const status = async () =>
    (await (await fetch(`${base}/v1/status`)).json()) as {
      log: { size: number; published: { size: number } | null };
      anchors: { last: { size: number } | null }[];
    };
  try {
    await until(async () => (await status()).anchors[0]!.last !== null);
    const before = await status();
    for (const pid of leftovers(/anvil --port/)) process.kill(pid, 'SIGKILL');
    process.kill(leftovers(/witness\/src\/main\.ts/)[0]!, 'SIGKILL');
    await until(async () => ((await status()).log.published?.size ?? 0) > before.log.size + 50);
    const during = await status();
    await until(async () => ((await status()).anchors[0]!.last?.size ?? 0) > during.log.size);
  } finally {
    expect(await stop(child)).toBe(0);
  }
  await sleep(300);
  expect(leftovers()).toEqual([]);
}, 120_000);

/** Processes of the nodes of this test that are still there. */
function leftovers(pattern = /./): number[] {
  return execFileSync('ps', ['-eo', 'pid,stat,args'], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line.includes(folder) && !/ Z/.test(line) && pattern.test(line))
    .map((line) => Number(line.trim().split(/\s+/)[0]));
}

function expectChainedStreams(entries: readonly Uint8Array[]): void {
  const heads = new Map<string, { id: string; sequence: number }>();
  for (const entry of entries) {
    const { predicate } = statementOf(entry);
    if (!('sequence' in predicate)) continue;
    const head = heads.get(predicate.stream);
    expect([predicate.sequence, predicate.previous]).toEqual([(head?.sequence ?? 0) + 1, head?.id ?? null]);
    heads.set(predicate.stream, { id: digestHex(entry), sequence: predicate.sequence });
  }
  expect(heads.size).toBeGreaterThan(11);
}
