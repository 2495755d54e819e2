/**
 * Anchoring on a real chain (anvil): the proof that is kept verifies offline and no changed character of it does;
 * a chain that dies, is reorganised or comes back without its state only delays, and nothing is anchored twice.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DEVELOPMENT_TERMS, type SystemConfig, systemDeployment } from '@assay/contracts';
import { type AnchorProof, verifyAnchorProof } from '@assay/core';
import fc from 'fast-check';
import { createPublicClient, createTestClient, type Hex, http, publicActions } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { AnchorKeeper, type KeeperOptions } from './anchor-keeper.ts';
import { AnchorStore } from './anchor-store.ts';
import { type DevelopmentChain, startAnvil } from './anvil.ts';
import { canonicalBlockHash } from './canonical-block.ts';
import { deployEconomy, registerOrigin } from './economy.ts';
import { IntentStore } from './intent-store.ts';
import { headerRlp } from './state-proof.ts';

const folder = mkdtempSync(join(tmpdir(), 'assay-chain-'));
const ORIGIN = 'log.example/chain-test';
const account = (byte: number) => privateKeyToAccount(`0x${byte.toString(16).padStart(2, '0').repeat(32)}`);
const checkpoint = (size: number) => ({ size, root: new Uint8Array(32).fill(size % 251 || 1) });
let chain: DevelopmentChain;
let store: AnchorStore;
let intents: IntentStore;

beforeAll(async () => {
  chain = await startAnvil({ directory: join(folder, 'chain') });
  store = new AnchorStore(join(folder, 'anchors.db'));
  intents = new IntentStore(join(folder, 'anchors.db'));
});

afterAll(async () => {
  await chain.stop();
  store.close();
  intents.close();
  rmSync(folder, { recursive: true, force: true });
});

function keeperOn(rpcUrl: string, options: Partial<KeeperOptions> = {}) {
  const { anchorer = account(2) } = options;
  return new AnchorKeeper({
    rpcUrls: [rpcUrl],
    chainId: 31_337,
    origin: ORIGIN,
    contract: systemDeployment(config).addresses.CheckpointAnchor,
    prepare: () => prepare(rpcUrl, anchorer.address),
    anchorer,
    store,
    intents,
    nowMs: Date.now,
    everyMs: 0,
    developmentChain: true,
    ...options,
  });
}

const deployer = privateKeyToAccount(`0x${'01'.repeat(32)}`);
const config: SystemConfig = {
  ...DEVELOPMENT_TERMS,
  deployer: deployer.address,
  registrar: deployer.address,
  verifiers: { epoch: 1n, threshold: 1, members: [deployer.address] },
  reviewers: { epoch: 1n, threshold: 1, members: [deployer.address] },
  criteria: {},
  allocations: [],
  rewardPool: 0n,
};

async function prepare(rpcUrl: string, anchorer: Hex): Promise<void> {
  const place = await deployEconomy({
    rpcUrl,
    chainId: 31_337,
    deployer,
    config,
    developmentChain: true,
    only: ['AccessManager', 'CheckpointAnchor'],
  });
  await registerOrigin({ place, origin: ORIGIN, anchorer, registrar: deployer, developmentChain: true });
}

/** Anchors a checkpoint with a keeper of its own; its record. */
async function anchor(size: number, options: Partial<KeeperOptions> = {}) {
  const keeper = keeperOn(chain.rpcUrl, options);
  keeper.submit(checkpoint(size));
  expect(await keeper.flush(20_000), keeper.state().lastError?.message).toBe(true);
  await keeper.close();
  return keeper.state().last!;
}

/** The chain as its operator handles it. */
const anvil = () =>
  createTestClient({ mode: 'anvil', transport: http(chain.rpcUrl), cacheTime: 0 }).extend(publicActions);
const anchorer = account(2).address;
const transactionsOf = (blockTag: 'latest' | 'pending') =>
  anvil().getTransactionCount({ address: anchorer, blockTag });

async function until(holds: () => Promise<boolean> | boolean): Promise<void> {
  for (let i = 0; i < 200; i++) {
    if (await holds()) return;
    await sleep(50);
  }
  throw new Error('it did not come to pass within 10 s');
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
  // The head is three words in two slots: two new slots for the first checkpoint, two updates for every other.
  const [first, next] = records.map(({ gasUsed }) => Number(gasUsed));
  console.log(`gas of anchor(): ${first} for the first checkpoint of a log, ${next} for every other`);
  expect(next).toBeLessThan(39_000);
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

test('after a restart with nothing new, nothing is sent and the record stays', async () => {
  const before = store.list(ORIGIN);
  const sent = await transactionsOf('pending');
  await anchor(81);
  expect(store.list(ORIGIN)).toEqual(before);
  expect(await transactionsOf('pending')).toBe(sent);
});

test('a crash between sending and the receipt is made good: the same checkpoint is not sent twice', async () => {
  const chainControl = anvil();
  const before = await transactionsOf('latest');
  await chainControl.setAutomine(false);
  const crashed = keeperOn(chain.rpcUrl);
  crashed.submit(checkpoint(85));
  await until(async () => (await transactionsOf('pending')) > before);
  await crashed.close();
  expect(store.latest(ORIGIN, 31_337)?.size).toBe(81);

  const again = keeperOn(chain.rpcUrl);
  again.submit(checkpoint(85));
  expect(await again.flush(300)).toBe(false);
  await chainControl.mine({ blocks: 1 });
  expect(await again.flush(20_000)).toBe(true);
  await again.close();
  await chainControl.setAutomine(true);
  expect(await transactionsOf('pending')).toBe(before + 1);
  const record = store.latest(ORIGIN, 31_337)!;
  expect(record).toMatchObject({ size: 85, transaction: expect.stringMatching(/^0x[0-9a-f]{64}$/) });
  verified(record.proof, checkpoint(85));
});

test('an anchor counts only after the confirmations that were asked for', async () => {
  const keeper = keeperOn(chain.rpcUrl, { confirmations: 3 });
  keeper.submit(checkpoint(86));
  expect(await keeper.flush(300)).toBe(false);
  expect(keeper.state()).toMatchObject({ status: 'pending', pendingSize: 86 });
  await anvil().mine({ blocks: 2 });
  expect(await keeper.flush(20_000)).toBe(true);
  await keeper.close();
  verified(store.latest(ORIGIN, 31_337)!.proof, checkpoint(86));
});

test('an idle keeper notices a reorganisation, and anchors again without being asked', async () => {
  const keeper = keeperOn(chain.rpcUrl, { recheckMs: 100 });
  keeper.submit(checkpoint(90));
  expect(await keeper.flush(20_000)).toBe(true);
  const { blockHash } = keeper.state().last!.proof;
  await anvil().request({ method: 'anvil_reorg' as never, params: [1, []] as never });
  await until(() => keeper.state().last?.size === 90 && keeper.state().last!.proof.blockHash !== blockHash);
  await keeper.close();
  const { proof } = store.latest(ORIGIN, 31_337)!;
  verified(proof, checkpoint(90));
  expect(await canonicalBlockHash(chain.rpcUrl, 31_337, proof.blockNumber)).toBe(proof.blockHash);
});

test('a chain that is killed comes back on its port, and what it forgot is anchored anew', async () => {
  const directory = join(folder, 'killed');
  const notices: string[] = [];
  const mortal = await startAnvil({ directory, onNotice: (notice) => notices.push(notice) });
  const anchors = new AnchorStore(join(folder, 'killed.db'));
  const kept = new IntentStore(join(folder, 'killed.db'));
  let anchored = 0;
  const onAnchored = () => {
    anchored++;
  };
  const keeper = keeperOn(mortal.rpcUrl, { store: anchors, intents: kept, recheckMs: 100, onAnchored });
  keeper.submit(checkpoint(7));
  expect(await keeper.flush(20_000)).toBe(true);
  process.kill(Number(readFileSync(join(directory, 'anvil.pid'), 'utf8')), 'SIGKILL');
  // Counted, because within one second the same transactions give the very same block again.
  await until(() => anchored === 2);
  expect(notices).toContain('the development chain stopped; starting it again');
  verified(keeper.state().last!.proof, checkpoint(7));
  await keeper.close();
  await mortal.stop();
  anchors.close();
  kept.close();
});

test('a log that contradicts what the chain records is told so, and sends nothing', async () => {
  const sent = await transactionsOf('pending');
  const forked = keeperOn(chain.rpcUrl);
  forked.submit({ size: 90, root: new Uint8Array(32).fill(9) });
  expect(await forked.flush(500)).toBe(false);
  expect(forked.state().lastError?.message).toMatch(
    /the chain records the root 0x5a5a.* the log shows 0x0909/,
  );
  await forked.close();
  const shorter = keeperOn(chain.rpcUrl);
  shorter.submit(checkpoint(89));
  expect(await shorter.flush(500)).toBe(false);
  expect(shorter.state().lastError?.message).toMatch(/records size 90 of .*, the log shows only 89/);
  await shorter.close();
  expect(await transactionsOf('pending')).toBe(sent);
});

test('a new anchorer takes over by registration', async () => {
  const record = await anchor(95, { anchorer: account(3) });
  verified(record.proof, checkpoint(95));
  const back = await anchor(96);
  verified(back.proof, checkpoint(96));
});

test("a verifier's endpoint must be of the right chain", async () => {
  expect(await canonicalBlockHash(chain.rpcUrl, 31_337, 1_000_000)).toBeNull();
  await expect(canonicalBlockHash(chain.rpcUrl, 1, 0)).rejects.toMatchObject({ code: 'RPC_UNAVAILABLE' });
  const wrong = keeperOn(chain.rpcUrl, { chainId: 1 });
  wrong.submit(checkpoint(99));
  expect(await wrong.flush(300)).toBe(false);
  expect(wrong.state().lastError?.message).toMatch(/expected chain 1, the endpoint serves 31337/);
  await wrong.close();
});

test('the header of the first Ethereum block, older than many members, has its published hash', () => {
  const zeros = (bytes: number): Hex => `0x${'0'.repeat(2 * bytes)}`;
  const emptyTrie: Hex = '0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421';
  const genesis = {
    hash: '0xd4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3',
    parentHash: zeros(32),
    sha3Uncles: '0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347',
    miner: zeros(20),
    stateRoot: '0xd7f8974fb5ac78d9ac099b9ad5018bedc2ce0a72dad1827a1709da30580f0544',
    transactionsRoot: emptyTrie,
    receiptsRoot: emptyTrie,
    logsBloom: zeros(256),
    difficulty: '0x400000000',
    number: '0x0',
    gasLimit: '0x1388',
    gasUsed: '0x0',
    timestamp: '0x0',
    extraData: '0x11bbe8db4e347b4e8c937c1c8370e4b5ed33adb3db69cbdb7a38e1e50b1b82fa',
    mixHash: zeros(32),
    nonce: '0x0000000000000042',
  } as const;
  expect(headerRlp(genesis)).toMatch(/^0xf9/);
  expect(() => headerRlp({ ...genesis, gasUsed: '0x1' })).toThrow(/does not hash to/);
});

test('pages in a browser cannot speak to the chain, and nobody has its keys', async () => {
  const preflight = await fetch(chain.rpcUrl, {
    method: 'OPTIONS',
    headers: { origin: 'https://page.example', 'access-control-request-method': 'POST' },
  });
  expect(preflight.headers.get('access-control-allow-origin')).toBeNull();
  const client = createPublicClient({ transport: http(chain.rpcUrl) });
  expect(await client.request({ method: 'eth_accounts' as never })).toEqual([]);
});

test('a chain that is started while its predecessor still ends has lost nothing', async () => {
  const directory = join(folder, 'chain');
  const height = await anvil().getBlockNumber();
  // As after the death of the process before: the chain has been interrupted, and nobody waits for it.
  const pid = readFileSync(join(directory, 'anvil.pid'), 'utf8');
  const old = chain;
  const ending = old.stop();
  writeFileSync(join(directory, 'anvil.pid'), pid);
  chain = await startAnvil({ directory });
  await ending;
  expect(chain.notice).toBeNull();
  expect(await anvil().getBlockNumber()).toBe(height);
  expect(readdirSync(directory).filter((name) => name.includes('damaged'))).toHaveLength(1);
});

test('the chain dies with a parent that is killed', async () => {
  const script = `
    import { startAnvil } from ${JSON.stringify(new URL('./anvil.ts', import.meta.url).href)};
    process.on('SIGINT', () => {});
    const chain = await startAnvil({ directory: ${JSON.stringify(join(folder, 'orphan'))} });
    console.log(chain.rpcUrl);
    setInterval(() => {}, 1000);`;
  const parent: ChildProcess = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  const [line] = (await once(parent.stdout!, 'data')) as [Buffer];
  const url = line.toString().trim();
  // Ctrl-C reaches every process of the terminal's group; the chain is the parent's to stop.
  process.kill(-parent.pid!, 'SIGINT');
  await sleep(200);
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
