/**
 * Tasks computed again on a real chain: who lies is caught by draws that nobody could know, who is right is paid. And
 * the beacons that draw: drand's published rounds through the precompiles, and a block's own header.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Committee,
  DEVELOPMENT_TERMS,
  QUICKNET,
  riskOfLying,
  type SamplingCourtTerms,
  SYSTEM,
  type SystemConfig,
} from '@assay/contracts';
import fc from 'fast-check';
import {
  type Abi,
  createPublicClient,
  createTestClient,
  createWalletClient,
  encodeAbiParameters,
  encodeFunctionData,
  type Hex,
  http,
  keccak256,
  parseEther,
  parseSignature,
  sha256,
  signatureToCompactSignature,
  stringToHex,
} from 'viem';
import { generatePrivateKey, type PrivateKeyAccount, privateKeyToAccount } from 'viem/accounts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type DevelopmentChain, startAnvil } from './anvil.ts';
import { blockHeader, drandRound } from './beacon.ts';
import { type ContractsFile, deployEconomy, enterProvider } from './economy.ts';

const ONE = 10n ** 18n;
const CONTRACT = sha256(stringToHex('a contract of computed data'));
const SALT = keccak256(stringToHex('salt'));
const folder = mkdtempSync(join(tmpdir(), 'assay-sampling-'));
const account = () => privateKeyToAccount(generatePrivateKey());
const [deployer, requester, provider] = [account(), account(), account()];
const validators = [account(), account(), account(), account(), account()];
const reviewers = [account(), account(), account()].sort(byAddress);
const idOf = ({ address }: PrivateKeyAccount) =>
  keccak256(encodeAbiParameters([{ type: 'string' }, { type: 'address' }], [didOf(address), address]));
const byId = new Map([provider, ...validators].map((someone) => [idOf(someone), someone]));
const terms: SamplingCourtTerms = {
  computeCost: ONE,
  lieGain: 50n * ONE,
  providerReward: 2n * ONE,
  validatorsReward: 6n * ONE,
  providerStake: 1_000n * ONE,
  validatorStake: 100n * ONE,
  samplingPpm: 500_000,
  plantedPpm: 20_000,
  stepSeconds: 3_600,
  rulingSeconds: 3_600,
  colludingBps: 3_300,
  burnBps: 5_000,
  validators: 3,
};
const config: SystemConfig = {
  ...DEVELOPMENT_TERMS,
  deployer: deployer.address,
  registrar: deployer.address,
  verifiers: { epoch: 1n, threshold: 1, members: [deployer.address] },
  reviewers: committee(),
  criteria: {
    [CONTRACT]: {
      requiredLevel: 4,
      disputeSeconds: 600,
      samplingPpm: 20_000,
      maxStalenessSeconds: 0,
      maxDeviationBps: 0,
      decimals: 0,
      stakeAtRisk: 0n,
      rewardPerObservation: 0n,
      minimum: 0n,
      maximum: 0n,
    },
  },
  sampling: { beacon: 'prevrandao', validators: validators.map(idOf), terms: { [CONTRACT]: terms } },
  allocations: [requester, provider, ...validators].map(({ address }) => ({
    to: address,
    amount: 100_000n * ONE,
  })),
  rewardPool: 0n,
};
let chain: DevelopmentChain;
let place: ContractsFile;
let client: ReturnType<typeof createPublicClient>;
let time: ReturnType<typeof createTestClient>;

beforeAll(async () => {
  chain = await startAnvil({ directory: folder });
  const options = { rpcUrl: chain.rpcUrl, chainId: chain.chainId, developmentChain: true };
  place = await deployEconomy({ ...options, deployer, config });
  client = createPublicClient({ transport: http(chain.rpcUrl), cacheTime: 0, pollingInterval: 20 });
  time = createTestClient({ mode: 'anvil', transport: http(chain.rpcUrl) });
  for (const controller of [provider, ...validators]) {
    const did = didOf(controller.address);
    await enterProvider({ place, did, controller, stake: 10_000n * ONE, developmentChain: true });
  }
  await time.setBalance({ address: requester.address, value: parseEther('100') });
  await call(requester, 'AssayToken', 'approve', place.addresses.StakeVault, 100_000n * ONE);
});
afterAll(async () => {
  await chain.stop();
  rmSync(folder, { recursive: true, force: true });
});

test('tasks are drawn at the rate; who lies is caught and pays, who is right is paid', async () => {
  const outcomes: string[] = [];
  // Half of all tasks are drawn, so that sixty do not suffice about once in a thousand million times.
  for (let i = 0; i < 60 && !(outcomes.includes('caught') && outcomes.includes('paid undrawn')); i++)
    outcomes.push(await play(`lie or truth ${i}`, i % 2 === 0 ? 'lie' : 'truth'));
  expect(outcomes).toContain('caught');
  expect(outcomes).not.toContain('wrong outcome');
  const [total, locked] = (await read('StakeVault', 'stakeOf', idOf(provider))) as [bigint, bigint];
  expect(total).toBe((10_000n - 1_000n * BigInt(outcomes.filter((was) => was === 'caught').length)) * ONE);
  expect(locked).toBe(0n);
}, 60_000);

test('terms under which a lie pays are refused, also when governance itself asks', async () => {
  const setTerms = (given: SamplingCourtTerms) =>
    client.simulateContract({
      address: place.addresses.SamplingCourt!,
      abi: SYSTEM.SamplingCourt.abi,
      functionName: 'setTerms',
      args: [CONTRACT, given],
      account: place.addresses.TimelockController!,
    });
  await setTerms(terms);
  await expect(setTerms({ ...terms, lieGain: 500n * ONE })).rejects.toThrow('LyingPays');
  await expect(setTerms({ ...terms, providerReward: ONE })).rejects.toThrow('WorkUnpaid');
  await expect(setTerms({ ...terms, plantedPpm: 0 })).rejects.toThrow('LazinessPays');
});

test('the bound in TypeScript is the contract’s, to the last unit', async () => {
  const amount = fc.bigInt(0n, 2n ** 96n - 1n);
  const some = fc.sample(
    fc.record({
      providerStake: amount,
      validatorsReward: amount,
      samplingPpm: fc.integer({ min: 0, max: 1_000_000 }),
      colludingBps: fc.integer({ min: 0, max: 10_000 }),
      validators: fc.integer({ min: 1, max: 16 }),
    }),
    200,
  );
  const given = some.map((each) => ({ ...terms, ...each }));
  const found = await Promise.all(given.map((each) => read('SamplingCourt', 'riskOfLying', each)));
  expect(found).toEqual(given.map((each) => riskOfLying(each, true)));
});

test("drand's published rounds are taken as its servers give them; others are not", async () => {
  const published: Record<string, string> = {
    123: 'b75c69d0b72a5d906e854e808ba7e2accb1542ac355ae486d591aa9d43765482e26cd02df835d3546d23c4b13e0dfc92',
    1000: 'b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125e342b73a8dd2bacbe47e4b6b63ed5e39',
  };
  const server = createServer((request, response) => {
    const [, hash, , round] = request.url!.split('/');
    const signature = hash === QUICKNET.chainHash && published[round!];
    if (!signature) return response.writeHead(404).end();
    response.end(JSON.stringify({ round: Number(round), randomness: '00', signature }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    // The first server is dead.
    const options = { fetch, urls: ['http://127.0.0.1:1', url] };
    const found = await drandRound(1000n, options);
    expect(found.randomness).toBe('0xfe290beca10872ef2fb164d2aa4442de4566183ec51c56ff3cd603d930e54fdd');
    await call(requester, 'DrandBeacon', 'record', found.round, found.signature);
    expect(await read('DrandBeacon', 'randomnessOf', 1000n)).toBe(found.randomness);
    const other = await drandRound(123n, options);
    await expect(
      client.simulateContract({
        address: place.addresses.DrandBeacon!,
        abi: SYSTEM.DrandBeacon.abi,
        functionName: 'record',
        args: [124n, other.signature],
        gas: 1_000_000n,
      }),
    ).rejects.toThrow('SignatureWrong');
    await expect(drandRound(7n, options)).rejects.toMatchObject({ code: 'BEACON_UNAVAILABLE' });
    published['8'] = `${published['123']!.slice(0, -2)}00`;
    await expect(drandRound(8n, options)).rejects.toMatchObject({ code: 'BEACON_UNAVAILABLE' });
  } finally {
    server.close();
  }
  // The next round is a minute and a bit ahead of the chain's clock.
  const { timestamp } = await client.getBlock();
  const due = QUICKNET.genesisSeconds + (((await read('DrandBeacon', 'nextRound')) as bigint) - 1n) * 3n;
  expect(due - timestamp).toBeGreaterThan(60n);
  expect(due - timestamp).toBeLessThanOrEqual(64n);
});

// ---------------------------------------------------------------------------------------------------- players

/** One task from request to its end. */
async function play(name: string, how: 'lie' | 'truth'): Promise<string> {
  const task = keccak256(stringToHex(name));
  const right = keccak256(stringToHex(`what ${name} really comes to`));
  const claimed = how === 'lie' ? keccak256(stringToHex('anything')) : right;
  const before = await owed(provider);
  await call(requester, 'SamplingCourt', 'request', CONTRACT, task, idOf(provider));
  const taskId = (await read('SamplingCourt', 'taskIdOf', CONTRACT, task, idOf(provider))) as Hex;
  await call(provider, 'SamplingCourt', 'commit', taskId, commitment(taskId, provider, claimed));
  const { round } = (await read('SamplingCourt', 'taskOf', taskId)) as { round: bigint };
  await time.mine({ blocks: Number(round - (await client.getBlockNumber()) + 1n) });
  await call(requester, 'PrevrandaoBeacon', 'record', round, await blockHeader(client as never, round));
  await call(requester, 'SamplingCourt', 'draw', taskId, [...config.sampling.validators].sort());
  const drawn = (await read('SamplingCourt', 'checksOf', taskId)) as { providerId: Hex }[];
  if (drawn.length === 0) {
    await call(provider, 'SamplingCourt', 'reveal', taskId, claimed, SALT);
    return (await owed(provider)) - before === 2n * ONE ? 'paid undrawn' : 'wrong outcome';
  }
  for (const [at, { providerId }] of drawn.entries()) {
    const validator = byId.get(providerId)!;
    await call(
      validator,
      'SamplingCourt',
      'commitCheck',
      taskId,
      BigInt(at),
      commitment(taskId, validator, right),
    );
  }
  await pass(3_601);
  await call(provider, 'SamplingCourt', 'reveal', taskId, claimed, SALT);
  for (const [at, { providerId }] of drawn.entries())
    await call(byId.get(providerId)!, 'SamplingCourt', 'revealCheck', taskId, BigInt(at), right, SALT);
  await pass(3_601);
  if (how === 'lie') await rule(taskId, right);
  await pass(3_601);
  await call(requester, 'SamplingCourt', 'settle', taskId);
  const { phase } = (await read('SamplingCourt', 'taskOf', taskId)) as { phase: number };
  const [accepted, rejected] = [5, 6];
  const earned = (await owed(provider)) - before;
  if (how === 'lie') return phase === rejected && earned === 0n ? 'caught' : 'wrong outcome';
  return phase === accepted && earned === 2n * ONE ? 'paid after checks' : 'wrong outcome';
}

async function rule(taskId: Hex, output: Hex): Promise<void> {
  const none = { root: `0x${'0'.repeat(64)}`, index: 0n, size: 0n, salt: `0x${'0'.repeat(64)}`, path: [] };
  const reasons = keccak256(stringToHex('computed three times'));
  const message = { taskId, output, plants: none.root as Hex, reasons, epoch: 1n };
  const rvs = await Promise.all(
    reviewers.slice(0, 2).map(async (reviewer) => {
      const signature = await reviewer.signTypedData({
        domain: {
          name: 'Assay SamplingCourt',
          version: '1',
          chainId: chain.chainId,
          verifyingContract: place.addresses.SamplingCourt!,
        },
        types: {
          Ruling: ['taskId', 'output', 'plants', 'reasons']
            .map((field) => ({ name: field, type: 'bytes32' }))
            .concat({ name: 'epoch', type: 'uint64' }),
        },
        primaryType: 'Ruling',
        message,
      });
      const { r, yParityAndS } = signatureToCompactSignature(parseSignature(signature));
      return [r, yParityAndS];
    }),
  );
  await call(requester, 'SamplingCourt', 'rule', taskId, output, none, reasons, committee(), {
    signers: 3n,
    rvs,
  });
}

function commitment(taskId: Hex, who: PrivateKeyAccount, output: Hex): Hex {
  const types = ['bytes32', 'bytes32', 'bytes32', 'bytes32'].map((type) => ({ type }));
  return keccak256(encodeAbiParameters(types, [taskId, idOf(who), output, SALT]));
}

function committee(): Committee {
  return { epoch: 1n, threshold: 2, members: reviewers.map(({ address }) => address) };
}

function didOf(address: Hex): string {
  return `did:example:${address}`;
}

function byAddress(a: PrivateKeyAccount, b: PrivateKeyAccount): number {
  return a.address.toLowerCase() < b.address.toLowerCase() ? -1 : 1;
}

function owed({ address }: PrivateKeyAccount): Promise<bigint> {
  return read('StakeVault', 'owed', address) as Promise<bigint>;
}

function read(contract: keyof typeof SYSTEM, functionName: string, ...args: unknown[]): Promise<unknown> {
  const { abi } = SYSTEM[contract] as { abi: Abi };
  return client.readContract({ address: place.addresses[contract]!, abi, functionName, args });
}

async function call(
  by: PrivateKeyAccount,
  contract: keyof typeof SYSTEM,
  functionName: string,
  ...args: unknown[]
): Promise<void> {
  const wallet = createWalletClient({ account: by, transport: http(chain.rpcUrl) });
  const data = encodeFunctionData({ abi: SYSTEM[contract].abi as Abi, functionName, args });
  const hash = await wallet.sendTransaction({ to: place.addresses[contract]!, data, chain: null });
  const { status } = await client.waitForTransactionReceipt({ hash });
  expect(status, `${contract}.${functionName}`).toBe('success');
}

async function pass(seconds: number): Promise<void> {
  await time.increaseTime({ seconds });
  await time.mine({ blocks: 1 });
}
