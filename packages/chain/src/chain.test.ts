/**
 * Anchoring on a real chain (anvil): the proof that is kept verifies offline and no changed character of it does;
 * a chain that dies, or comes back without its state, only delays.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type AnchorProof, verifyAnchorProof } from '@assay/core';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { AnchorKeeper } from './anchor-keeper.ts';
import { AnchorStore } from './anchor-store.ts';
import { type DevelopmentChain, startAnvil } from './anvil.ts';
import { canonicalBlockHash } from './canonical-block.ts';

const folder = mkdtempSync(join(tmpdir(), 'assay-chain-'));
const ORIGIN = 'log.example/chain-test';
const secret = (byte: number) => new Uint8Array(32).fill(byte);
const checkpoint = (size: number) => ({ size, root: new Uint8Array(32).fill(size % 251 || 1) });
let chain: DevelopmentChain;
let store: AnchorStore;

beforeAll(async () => {
  chain = await startAnvil({ directory: join(folder, 'chain') });
  store = new AnchorStore(join(folder, 'anchors.db'));
});

afterAll(async () => {
  await chain.stop();
  store.close();
  rmSync(folder, { recursive: true, force: true });
});

function keeperOn(rpcUrl: string, anchors = store) {
  return new AnchorKeeper({
    rpcUrl,
    chainId: 31_337,
    origin: ORIGIN,
    registrarSecret: secret(1),
    anchorerSecret: secret(2),
    store: anchors,
    nowMs: Date.now,
    everyMs: 0,
    developmentChain: true,
  });
}

const verified = (proof: AnchorProof, { size, root }: { size: number; root: Uint8Array }) =>
  verifyAnchorProof(proof, { origin: ORIGIN, size, root, contract: proof.contract, chainId: 31_337 });

test('a checkpoint is anchored, and its proof verifies offline', async () => {
  const keeper = keeperOn(chain.rpcUrl);
  expect(keeper.state().status).toBe('none');
  keeper.submit(checkpoint(20));
  expect(await keeper.flush(20_000)).toBe(true);
  keeper.submit(checkpoint(47));
  expect(await keeper.flush(20_000)).toBe(true);
  await keeper.close();
  expect(keeper.state()).toMatchObject({ status: 'confirmed', last: { size: 47 } });
  const records = store.list(ORIGIN);
  expect(records.map(({ size }) => size)).toEqual([20, 47]);
  for (const { proof, size } of records) {
    verified(proof, checkpoint(size));
    expect(await canonicalBlockHash(chain.rpcUrl, 31_337, proof.blockNumber)).toBe(proof.blockHash);
  }
  expect(() => verified(records[1]!.proof, checkpoint(20))).toThrow(/records another root/);
  expect(() => verified(records[1]!.proof, { ...checkpoint(47), size: 46 })).toThrow(/records 47/);
  // The head is three words in two slots; a rewritten one costs two warm writes and an event.
  expect(Number(records[1]!.gasUsed)).toBeLessThan(45_000);
});

test('no changed character of an anchor proof verifies', () => {
  const { proof, size } = store.list(ORIGIN)[1]!;
  const fields = Object.entries(proof).flatMap(([name, value]) =>
    Array.isArray(value)
      ? value.map((node, i) => ({ name, i, text: node }))
      : [{ name, i: -1, text: String(value) }],
  );
  fc.assert(
    fc.property(
      fc.constantFrom(...fields),
      fc.nat(),
      fc.constantFrom(...'0123456789abcdefxA'),
      ({ name, i, text }, at, letter) => {
        const where = at % text.length;
        fc.pre(text[where] !== letter);
        const changed = text.slice(0, where) + letter + text.slice(where + 1);
        const copy = structuredClone(proof) as unknown as Record<string, unknown>;
        if (i >= 0) (copy[name] as string[])[i] = changed;
        else copy[name] = name === 'chainId' || name === 'blockNumber' ? Number(changed) : changed;
        expect(
          () => verified(copy as unknown as AnchorProof, checkpoint(size)),
          `${name}[${i}] at ${where}`,
        ).toThrow();
      },
    ),
    { numRuns: 2000 },
  );
  for (const name of ['accountProof', 'rootProof', 'sizeProof'] as const) {
    const nodes = proof[name];
    expect(() => verified({ ...proof, [name]: [...nodes, nodes[0]!] }, checkpoint(size))).toThrow();
    expect(() => verified({ ...proof, [name]: nodes.slice(0, -1) }, checkpoint(size))).toThrow();
  }
  expect(() =>
    verified({ ...proof, rootProof: proof.sizeProof, sizeProof: proof.rootProof }, checkpoint(size)),
  ).toThrow();
});

test('while the chain is down the anchor waits; afterwards it catches up with the newest only', async () => {
  const dark = await startAnvil({ directory: join(folder, 'dark') });
  await dark.stop();
  const keeper = keeperOn(dark.rpcUrl);
  keeper.submit(checkpoint(60));
  expect(await keeper.flush(600)).toBe(false);
  expect(keeper.state()).toMatchObject({ status: 'down', pendingSize: 60 });
  await keeper.close();
  const again = keeperOn(chain.rpcUrl);
  again.submit(checkpoint(60));
  again.submit(checkpoint(61));
  expect(await again.flush(20_000)).toBe(true);
  await again.close();
  expect(store.list(ORIGIN).at(-1)!.size).toBe(61);
});

test('a restarted chain goes on; one that lost its state gets everything anew, and old anchors no longer count', async () => {
  const before = store.list(ORIGIN);
  await chain.stop();
  chain = await startAnvil({ directory: join(folder, 'chain') });
  const keeper = keeperOn(chain.rpcUrl);
  keeper.submit(checkpoint(80));
  expect(await keeper.flush(20_000)).toBe(true);
  expect(store.list(ORIGIN)).toHaveLength(before.length + 1);
  await keeper.close();

  await chain.stop();
  writeFileSync(join(folder, 'chain', 'state.json'), '{ damaged');
  chain = await startAnvil({ directory: join(folder, 'chain') });
  expect(chain.notice).toMatch(/put aside/);
  const anew = keeperOn(chain.rpcUrl);
  anew.submit(checkpoint(81));
  expect(await anew.flush(20_000)).toBe(true);
  await anew.close();
  const after = store.list(ORIGIN);
  expect(after.map(({ size }) => size)).toEqual([81]);
  verified(after[0]!.proof, checkpoint(81));
});

test('a crash between sending and the receipt is made good: the same checkpoint is not sent twice', async () => {
  // What such a crash leaves: the chain has the checkpoint, the store does not.
  const forgetful = new AnchorStore(join(folder, 'forgetful.db'));
  const keeper = keeperOn(chain.rpcUrl, forgetful);
  keeper.submit(checkpoint(81));
  expect(await keeper.flush(20_000)).toBe(true);
  await keeper.close();
  expect(keeper.state().last).toMatchObject({ size: 81, transaction: null });
  verified(forgetful.list(ORIGIN)[0]!.proof, checkpoint(81));
  forgetful.close();
});

test('the chain dies with a parent that is killed', async () => {
  const script = `
    import { startAnvil } from ${JSON.stringify(new URL('./anvil.ts', import.meta.url).href)};
    const chain = await startAnvil({ directory: ${JSON.stringify(join(folder, 'orphan'))} });
    console.log(chain.rpcUrl);
    setInterval(() => {}, 1000);`;
  const parent: ChildProcess = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(parent.stdout!, 'data')) as [Buffer];
  const url = line.toString().trim();
  expect(await canonicalBlockHash(url, 31_337, 0)).toMatch(/^0x/);
  parent.kill('SIGKILL');
  let gone = false;
  for (let i = 0; i < 60 && !gone; i++) {
    await sleep(100);
    gone = await canonicalBlockHash(url, 31_337, 0).then(
      () => false,
      (error) => error.code === 'RPC_UNAVAILABLE',
    );
  }
  expect(gone).toBe(true);
  expect(JSON.parse(readFileSync(join(folder, 'orphan', 'state.json'), 'utf8'))).toBeTypeOf('object');
});
