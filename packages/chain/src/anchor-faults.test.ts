/**
 * What keeps anchors from a chain: endpoints that are down, hang, lie, lose answers or serve another chain, fees, an
 * empty account, reorganisations, kill -9. The chain is anvil; between it and the keeper stands a proxy that misbehaves.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { DEVELOPMENT_TERMS, SYSTEM, type SystemConfig, systemDeployment } from '@assay/contracts';
import {
  createPublicClient,
  createTestClient,
  type Hex,
  http,
  keccak256,
  parseEther,
  publicActions,
  stringToHex,
} from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { AnchorKeeper, type KeeperAlert, type KeeperOptions } from './anchor-keeper.ts';
import { AnchorKeepers } from './anchor-keepers.ts';
import { AnchorStore } from './anchor-store.ts';
import { type DevelopmentChain, startAnvil } from './anvil.ts';
import { deployEconomy, registerOrigin } from './economy.ts';
import { IntentStore } from './intent-store.ts';

const LONG = process.env.ASSAY_LONG === '1';
const ORIGIN = 'log.example/faults';
const FINAL_DEPTH = 64;
const folder = mkdtempSync(join(tmpdir(), 'assay-faults-'));
const deployer = privateKeyToAccount(`0x${'01'.repeat(32)}`);
const anchorer = privateKeyToAccount(`0x${'02'.repeat(32)}`);
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
const contract = systemDeployment(config).addresses.CheckpointAnchor;
let chain: DevelopmentChain;
let store: AnchorStore;
let intents: IntentStore;
let proxy: Proxy;
let nextSize = 1;
const alerts: KeeperAlert[] = [];
const closers: (() => Promise<void>)[] = [];

beforeAll(async () => {
  chain = await startAnvil({ directory: join(folder, 'chain') });
  store = new AnchorStore(join(folder, 'anchors.db'));
  intents = new IntentStore(join(folder, 'anchors.db'));
  proxy = await startProxy(chain.rpcUrl);
  await anvil().setBalance({ address: anchorer.address, value: parseEther('1000') });
  await prepare(chain.rpcUrl, ORIGIN);
});

afterEach(async () => {
  proxy.fault = null;
  for (const close of closers.splice(0)) await close();
  alerts.length = 0;
});

afterAll(async () => {
  await proxy.close();
  await chain.stop();
  store.close();
  intents.close();
  rmSync(folder, { recursive: true, force: true });
});

describe('an endpoint', () => {
  test('that is down delays anchors, says so, and all is caught up with', async () => {
    proxy.fault = 'down';
    const keeper = keep();
    const size = submit(keeper);
    await until(() => keeper.state().status === 'down');
    expect(keeper.state().lastError).toMatchObject({ code: 'CHAIN_UNAVAILABLE' });
    expect(keeper.state().nextAction).toMatch(/^tries again/);
    proxy.fault = null;
    await until(() => keeper.state().last?.size === size);
    expect(alerts.map(({ code, recovered }) => [code, recovered])).toEqual([
      ['CHAIN_UNAVAILABLE', false],
      ['CHAIN_UNAVAILABLE', true],
    ]);
    expect(await anchoredSizes()).toContain(size);
  });

  test('that is down for an hour: the keeper says so again and again, and then anchors only the newest', async () => {
    let aheadMs = 0;
    proxy.fault = 'down';
    const keeper = keep({ nowMs: () => Date.now() + aheadMs });
    const first = submit(keeper);
    await until(() => keeper.state().status === 'down');
    let newest = first;
    for (let minute = 0; minute <= 60; minute++) {
      aheadMs += 60_000;
      newest = submit(keeper);
      await sleep(5);
      expect(keeper.state().status).toBe('down');
    }
    expect(keeper.state().lastError).toMatchObject({ code: 'CHAIN_UNAVAILABLE' });
    proxy.fault = null;
    const missed = newest;
    aheadMs += 60_000;
    newest = submit(keeper);
    // An attempt that was under way when the endpoint came back may fail still; minutes go on passing.
    for (let minute = 0; minute < 5 && keeper.state().last?.size !== newest; minute++) {
      const size = newest;
      await until(() => keeper.state().last?.size === size, 4_000).catch(() => {
        aheadMs += 60_000;
        newest = submit(keeper);
      });
    }
    expect(keeper.state().last?.size).toBe(newest);
    expect(alerts.at(-1)).toMatchObject({ code: 'CHAIN_UNAVAILABLE', recovered: true });
    expect(alerts.filter(({ recovered }) => !recovered).length).toBeGreaterThan(1);
    const sizes = await anchoredSizes();
    expect(sizes).toContain(newest);
    expect(sizes.filter((size) => size >= first && size <= missed)).toEqual([]);
  });

  test('that takes a transaction and loses the answer gets it once', async () => {
    const before = await sent();
    proxy.fault = { loseAnswersOf: 'eth_sendRawTransaction' };
    const keeper = keep();
    const size = submit(keeper);
    await until(async () => (await sent()) === before + 1);
    proxy.fault = null;
    await until(() => keeper.state().last?.size === size);
    expect(await sent()).toBe(before + 1);
  });

  test('that hangs is left for another one', async () => {
    proxy.fault = 'hang';
    const keeper = keep({ rpcUrls: [proxy.url, chain.rpcUrl], timeoutMs: 400 });
    const size = submit(keeper);
    await until(() => keeper.state().last?.size === size);
    expect(keeper.state().endpoints.map(({ ok }) => ok)).toEqual([false, true]);
  });

  test('of another chain is never sent anything', async () => {
    const before = await sent();
    const keeper = keep({ chainId: 5 });
    submit(keeper);
    await until(() => keeper.state().lastError?.code === 'CHAIN_WRONG');
    expect(keeper.state().lastError!.message).toMatch(/expected chain 5, the endpoint serves 31337/);
    expect(await sent()).toBe(before);
  });

  test('that lies about a block keeps anchors from being final, and names both', async () => {
    const keeper = keep({ rpcUrls: [chain.rpcUrl, proxy.url] });
    const size = submit(keeper);
    await until(() => keeper.state().last?.size === size);
    const { blockNumber } = keeper.state().last!.proof;
    proxy.fault = {
      lie: (method, params, result) =>
        method === 'eth_getBlockByNumber' && params[0] === `0x${blockNumber.toString(16)}`
          ? { ...(result as object), hash: `0x${'ab'.repeat(32)}` }
          : result,
    };
    await anvil().mine({ blocks: FINAL_DEPTH + 1 });
    await until(() => keeper.state().lastError?.code === 'ENDPOINTS_DISAGREE');
    expect(keeper.state().lastError!.message).toContain(`0x${'ab'.repeat(32)}`);
    expect(keeper.state().finalSize ?? 0).toBeLessThan(size);
    proxy.fault = null;
    await until(() => keeper.state().finalSize === size);
    expect(keeper.state().status).toBe('final');
  });

  test('that hides what the contract records is found out', async () => {
    const keeper = keep({ rpcUrls: [chain.rpcUrl, proxy.url] });
    const size = submit(keeper);
    await until(() => keeper.state().last?.size === size);
    proxy.fault = {
      lie: (method, _params, result) =>
        method === 'eth_call' && (result as string).length > 66 ? `0x${'00'.repeat(96)}` : result,
    };
    await until(() => keeper.state().lastError?.code === 'ENDPOINTS_DISAGREE');
    expect(keeper.state().lastError!.message).toMatch(/is proved to be recorded/);
  });
});

describe('money', () => {
  test('a fee above the cap is waited out, and said', async () => {
    const keeper = keep({ maxFeePerGasWei: 20_000_000_000n });
    await anvil().setNextBlockBaseFeePerGas({ baseFeePerGas: 90_000_000_000n });
    await anvil().mine({ blocks: 1 });
    const size = submit(keeper);
    await until(() => keeper.state().lastError?.code === 'FEE_ABOVE_CAP');
    expect(keeper.state().lastError!.message).toMatch(/asks \d+(\.\d+)? gwei a unit of gas, the cap is 20/);
    expect(keeper.state().pendingSize).toBe(size);
    await anvil().setNextBlockBaseFeePerGas({ baseFeePerGas: 1_000_000_000n });
    await anvil().mine({ blocks: 1 });
    await until(() => keeper.state().last?.size === size);
  });

  test('a transaction that no block takes is replaced under its nonce', async () => {
    await anvil().setAutomine(false);
    try {
      const before = await sent();
      const keeper = keep({ replaceAfterMs: 300 });
      const size = submit(keeper);
      await until(() => /whose fee was raised/.test(keeper.state().nextAction));
      const [open] = intents.open(31_337, anchorer.address).filter(({ state }) => state === 'pending');
      expect(open!.attempts.length).toBeGreaterThan(1);
      expect(open!.attempts.at(-1)!.maxFeePerGasWei).toBeGreaterThan(open!.attempts[0]!.maxFeePerGasWei);
      await anvil().mine({ blocks: 1 });
      await until(() => keeper.state().last?.size === size);
      expect(await sent()).toBe(before + 1);
    } finally {
      await anvil().setAutomine(true);
    }
  });

  test('an empty account is told how much it needs, and goes on when it has it', async () => {
    await anvil().setBalance({ address: anchorer.address, value: 1_000n });
    const keeper = keep();
    const size = submit(keeper);
    await until(() => keeper.state().lastError?.code === 'ACCOUNT_EMPTY');
    expect(keeper.state().lastError!.next).toMatch(
      new RegExp(`^send at least 0\\.\\d+ to ${anchorer.address}`),
    );
    expect(keeper.state().balanceWei).toBe('1000');
    await anvil().setBalance({ address: anchorer.address, value: parseEther('1000') });
    await until(() => keeper.state().last?.size === size);
  });

  test('somebody else who sends with the account is noticed, and the anchor still gets there', async () => {
    await anvil().setAutomine(false);
    const keeper = keep();
    const size = submit(keeper);
    try {
      await until(() => /transaction \d+/.test(keeper.state().nextAction));
      await anvil().request({ method: 'anvil_dropAllTransactions' } as never);
      const foreign = await anchorer.signTransaction({
        chainId: 31_337,
        type: 'eip1559',
        nonce: await sent(),
        to: anchorer.address,
        value: 1n,
        gas: 21_000n,
        maxFeePerGas: 500_000_000_000n,
        maxPriorityFeePerGas: 100_000_000_000n,
      });
      await anvil().sendRawTransaction({ serializedTransaction: foreign });
      await anvil().mine({ blocks: 1 });
    } finally {
      await anvil().setAutomine(true);
    }
    await anvil().mine({ blocks: FINAL_DEPTH + 1 });
    await until(() => keeper.state().last?.size === size);
    expect(alerts.map(({ code }) => code)).toContain('NONCE_TAKEN');
  });
});

describe('reorganisations', () => {
  const depths = LONG ? Array.from({ length: 64 }, (_, i) => i + 1) : [1, 2, 7, 33, 64];
  test.each(depths)('of depth %i: nothing is called final early, and the anchor heals', async (depth) => {
    const confirmations = Math.min(2, depth);
    const keeper = keep({ confirmations, finalDepth: FINAL_DEPTH });
    await anvil().mine({ blocks: FINAL_DEPTH + 2 });
    const size = submit(keeper);
    if (confirmations > 1) {
      await until(() => keeper.state().nextAction.startsWith('waits for confirmations'));
      await anvil().mine({ blocks: 1 });
    }
    await until(() => keeper.state().last?.size === size);
    // The anchor lies `depth` blocks deep.
    const { blockNumber } = keeper.state().last!.proof;
    const height = Number(await anvil().getBlockNumber({ cacheTime: 0 }));
    if (blockNumber + depth - 1 > height) await anvil().mine({ blocks: blockNumber + depth - 1 - height });
    expect(keeper.state().status).not.toBe('final');
    const standing = keeper.state().last!.proof.blockHash;
    await anvil().request({
      method: 'anvil_reorg',
      params: [Math.max(depth, height - blockNumber + 1), []],
    } as never);
    await until(async () => (await canonicalHash(blockNumber)) !== standing);
    // The transaction is gone; it is sent again and gets a new block.
    await mineUntil(
      () => keeper.state().last?.size === size && keeper.state().last!.proof.blockHash !== standing,
    );
    expect(keeper.state().finalSize ?? 0).toBeLessThan(size);
    const { proof } = keeper.state().last!;
    expect(await canonicalHash(proof.blockNumber)).toBe(proof.blockHash);
    expect(store.latest(ORIGIN, 31_337)!.proof.blockHash).toBe(proof.blockHash);
    await anvil().mine({ blocks: FINAL_DEPTH + 1 });
    await until(() => keeper.state().finalSize === size);
  });
});

test('two chains at once, one of which is down: the other has its anchors', async () => {
  const second = await startAnvil({ directory: join(folder, 'second') });
  const origin = 'log.example/two';
  const broken = await startProxy(second.rpcUrl);
  await prepare(chain.rpcUrl, origin);
  await prepare(second.rpcUrl, origin);
  const other = createTestClient({ mode: 'anvil', transport: http(second.rpcUrl) });
  await other.setBalance({ address: anchorer.address, value: parseEther('10') });
  // Both chains have one id here, so that each needs files of its own.
  const anchors = [0, 1].map((i) => new AnchorStore(join(folder, `two-${i}.db`)));
  const kept = [0, 1].map((i) => new IntentStore(join(folder, `two-${i}.db`)));
  const keepers = [chain.rpcUrl, broken.url].map(
    (url, i) =>
      new AnchorKeepers({ origin, store: anchors[i]!, intents: kept[i]!, nowMs: Date.now }, [
        { ...optionsFor([url]), prepare: async () => undefined },
      ]),
  );
  try {
    broken.fault = 'down';
    for (const keeper of keepers) keeper.submit({ size: 5, root: rootOf(5) });
    expect(await keepers[0]!.flush(10_000)).toBe(true);
    expect(await keepers[1]!.flush(300)).toBe(false);
    broken.fault = null;
    expect(await keepers[1]!.flush(20_000)).toBe(true);
    const [a, b] = keepers.map((keeper) => keeper.states()[0]!);
    expect(a!.contract).toBe(b!.contract);
    expect([a!.last!.size, b!.last!.size]).toEqual([5, 5]);
  } finally {
    for (const keeper of keepers) await keeper.close();
    await broken.close();
    await second.stop();
    for (const closable of [...anchors, ...kept]) closable.close();
  }
}, 40_000);

test('anchors come by size before their time', async () => {
  const keeper = keep({ everyMs: 3_600_000, everyEntries: 100 });
  const first = submit(keeper);
  await until(() => keeper.state().last?.size === first);
  keeper.submit({ size: first + 99, root: rootOf(first + 99) });
  await sleep(200);
  expect(keeper.state().last!.size).toBe(first);
  expect(keeper.state().nextAction).toMatch(/sooner when it grew by 100 entries/);
  keeper.submit({ size: first + 100, root: rootOf(first + 100) });
  await until(() => keeper.state().last?.size === first + 100);
  nextSize = first + 101;
});

test(`killed ${LONG ? 200 : 8} times: every checkpoint is anchored at most once, and the newest is`, async () => {
  const origin = 'log.example/killed';
  await prepare(chain.rpcUrl, origin);
  const before = await sent();
  const kills = LONG ? 200 : 8;
  let size = 0;
  let child: ChildProcess | null = null;
  for (let kill = 0; kill <= kills; kill++) {
    child = spawn(
      process.execPath,
      [
        fileURLToPath(new URL('./anchor-faults.child.ts', import.meta.url)),
        JSON.stringify({
          rpcUrl: chain.rpcUrl,
          contract,
          origin,
          file: join(folder, 'killed.db'),
          from: size + 1,
        }),
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    child.stdout!.on('data', (text) => {
      for (const [, number] of String(text).matchAll(/submitted (\d+)/g)) size = Number(number);
    });
    await until(() => child!.exitCode !== null || size > 0);
    await sleep(kill === kills ? 0 : 150 + ((kill * 7919) % 350));
    if (kill < kills) {
      child.kill('SIGKILL');
      await new Promise((resolve) => child!.once('exit', resolve));
    }
  }
  const newest = () => size;
  await until(async () => (await anchoredSizes(origin)).at(-1) === newest(), 20_000);
  child!.kill('SIGKILL');
  await new Promise((resolve) => child!.once('exit', resolve));
  const sizes = await anchoredSizes(origin);
  expect(new Set(sizes).size).toBe(sizes.length);
  expect(sizes).toEqual([...sizes].sort((a, b) => a - b));
  expect((await sent()) - before).toBe(sizes.length);
  // Whatever was under way when the last one died is noted by the next.
  const [anchors, after] = [
    new AnchorStore(join(folder, 'killed.db')),
    new IntentStore(join(folder, 'killed.db')),
  ];
  const keeper = keep({ origin, store: anchors, intents: after });
  keeper.submit({ size, root: rootOf(size) });
  await until(() => keeper.state().last?.size === size);
  expect(after.open(31_337, anchorer.address).filter(({ state }) => state === 'pending')).toEqual([]);
  expect((await sent()) - before).toBe(sizes.length);
  await keeper.close();
  anchors.close();
  after.close();
}, 240_000);

// ------------------------------------------------------------------------------------------------------------ tools

function optionsFor(rpcUrls: readonly string[]) {
  return {
    rpcUrls,
    chainId: 31_337,
    contract,
    prepare: () => prepare(chain.rpcUrl, ORIGIN),
    anchorer,
    everyMs: 0,
    pollMs: 20,
    recheckMs: 50,
    developmentChain: false,
  };
}

function keep(options: Partial<KeeperOptions> = {}): AnchorKeeper {
  const keeper = new AnchorKeeper({
    origin: ORIGIN,
    store,
    intents,
    nowMs: Date.now,
    onAlert: (alert) => alerts.push(alert),
    ...optionsFor([proxy.url]),
    ...options,
  });
  closers.push(() => keeper.close());
  return keeper;
}

function submit(keeper: AnchorKeeper): number {
  const size = nextSize++;
  keeper.submit({ size, root: rootOf(size) });
  return size;
}

function rootOf(size: number): Uint8Array {
  return new Uint8Array(32).fill(size % 251 || 1);
}

async function prepare(rpcUrl: string, origin: string): Promise<void> {
  const place = await deployEconomy({
    rpcUrl,
    chainId: 31_337,
    deployer,
    config,
    developmentChain: true,
    only: ['AccessManager', 'CheckpointAnchor'],
  });
  const registration = { place, origin, anchorer: anchorer.address, registrar: deployer };
  await registerOrigin({ ...registration, developmentChain: true });
}

function anvil() {
  return createTestClient({ mode: 'anvil', transport: http(chain.rpcUrl), cacheTime: 0 }).extend(
    publicActions,
  );
}

function sent(): Promise<number> {
  return anvil().getTransactionCount({ address: anchorer.address });
}

async function canonicalHash(blockNumber: number): Promise<Hex | null> {
  const block = await anvil()
    .getBlock({ blockNumber: BigInt(blockNumber) })
    .catch(() => null);
  return block?.hash ?? null;
}

/** Sizes that the contract took, in the chain's order. */
async function anchoredSizes(origin = ORIGIN): Promise<number[]> {
  const client = createPublicClient({ transport: http(chain.rpcUrl) });
  const events = await client.getContractEvents({
    address: contract,
    abi: SYSTEM.CheckpointAnchor.abi,
    eventName: 'CheckpointAnchored',
    fromBlock: 0n,
  });
  const originId = keccak256(stringToHex(origin));
  return events.filter(({ args }) => args.originId === originId).map(({ args }) => Number(args.size));
}

async function until(condition: () => boolean | Promise<boolean>, withinMs = 25_000): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (performance.now() < deadline) {
    if (await condition()) return;
    await sleep(15);
  }
  throw new Error(`it did not come to pass within ${withinMs / 1000} s`);
}

/** The same on a chain that moves. */
async function mineUntil(condition: () => boolean): Promise<void> {
  await until(async () => {
    await anvil().mine({ blocks: 1 });
    await sleep(100);
    return condition();
  });
}

type Fault =
  | 'down'
  | 'hang'
  | { loseAnswersOf: string }
  | { lie: (method: string, params: readonly unknown[], result: unknown) => unknown };

interface Proxy {
  url: string;
  fault: Fault | null;
  close(): Promise<void>;
}

async function startProxy(target: string): Promise<Proxy> {
  const hanging = new Set<ServerResponse>();
  const proxy: Proxy = { url: '', fault: null, close: async () => undefined };
  const server: Server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const { fault } = proxy;
    if (fault === 'down') return request.socket.destroy();
    if (fault === 'hang') return hanging.add(response);
    const asked = JSON.parse(Buffer.concat(chunks).toString());
    const answer = await fetch(target, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(asked),
    });
    const body = (await answer.json()) as { result?: unknown };
    if (fault && 'loseAnswersOf' in fault && asked.method === fault.loseAnswersOf)
      return request.socket.destroy();
    if (fault && 'lie' in fault && body.result)
      body.result = fault.lie(asked.method, asked.params, body.result);
    response.setHeader('content-type', 'application/json').end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  proxy.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  proxy.close = async () => {
    for (const response of hanging) response.destroy();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return proxy;
}
