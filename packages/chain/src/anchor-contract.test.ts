/**
 * The anchor contract on a real chain, with a real log's trees: witnesses whom nobody has to trust one by one, an
 * operator who is caught with two trees, and the Ethereum Attestation Service as published.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Committee,
  type ContractName,
  PRODUCTION_TERMS,
  SYSTEM,
  type SystemConfig,
} from '@assay/contracts';
import * as core from '@assay/core';
import {
  type Abi,
  createPublicClient,
  createTestClient,
  createWalletClient,
  type Hex,
  http,
  keccak256,
  parseEther,
  parseSignature,
  signatureToCompactSignature,
  stringToHex,
} from 'viem';
import { generatePrivateKey, type PrivateKeyAccount, privateKeyToAccount } from 'viem/accounts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type DevelopmentChain, startAnvil } from './anvil.ts';
import { type ContractsFile, deployEconomy, enterProvider, registerOrigin } from './economy.ts';

const ONE = 10n ** 18n;
const ORIGIN = 'log.example/trustless';
const ID = keccak256(stringToHex(ORIGIN));
const LEAVES = Array.from({ length: 100 }, (_, i) => core.leafHash(core.utf8(`entry ${i}`)));
const require = createRequire(import.meta.url);
const folder = mkdtempSync(join(tmpdir(), 'assay-anchor-contract-'));
const [registrar, operator, reporter, stranger, ...others] = Array.from({ length: 7 }, () =>
  privateKeyToAccount(generatePrivateKey()),
) as [PrivateKeyAccount, PrivateKeyAccount, PrivateKeyAccount, PrivateKeyAccount, ...PrivateKeyAccount[]];
const witnesses = others.sort((a, b) => (a.address.toLowerCase() < b.address.toLowerCase() ? -1 : 1));
const committee: Committee = { epoch: 1n, threshold: 2, members: witnesses.map(({ address }) => address) };
const config: SystemConfig = {
  ...PRODUCTION_TERMS,
  deployer: registrar.address,
  registrar: registrar.address,
  verifiers: committee,
  reviewers: committee,
  criteria: {},
  allocations: [{ to: operator.address, amount: 5_000n * ONE }],
  rewardPool: ONE,
};

let chain: DevelopmentChain;
let place: ContractsFile;
let client: ReturnType<typeof createPublicClient>;

beforeAll(async () => {
  chain = await startAnvil({ directory: folder });
  const { rpcUrl, chainId } = chain;
  client = createPublicClient({ transport: http(rpcUrl), cacheTime: 0, pollingInterval: 20 });
  const money = createTestClient({ mode: 'anvil', transport: http(rpcUrl) });
  for (const { address } of [registrar, operator, reporter, stranger])
    await money.setBalance({ address, value: parseEther('100') });
  place = await deployEconomy({ rpcUrl, chainId, deployer: registrar, config, developmentChain: true });
  await registerOrigin({
    place,
    origin: ORIGIN,
    anchorer: operator.address,
    registrar,
    developmentChain: true,
  });
});
afterAll(async () => {
  await chain.stop();
  rmSync(folder, { recursive: true, force: true });
});

test('anybody carries a checkpoint that a quorum of witnesses signed and that extends the recorded one', async () => {
  await call(registrar, 'CheckpointAnchor', 'setWitnesses', ID, committee);
  await carry(37, [0, 2]);
  expect(await head()).toEqual([rootAt(37), 37n]);
  await carry(100, [1, 2]);
  expect(await head()).toEqual([rootAt(100), 100n]);

  await expect(carry(100, [0])).rejects.toThrow('QuorumMissed');
  // A tree that does not extend the recorded one, even with every witness's signature.
  const other = core.merkleRoot([...LEAVES.slice(1), ...LEAVES]);
  await expect(carry(199, [0, 1, 2], hexOf(other))).rejects.toThrow('NotConsistent');
  const shorter = await signatures(50, rootAt(50), [0, 1]);
  await expect(
    call(stranger, 'CheckpointAnchor', 'anchorProven', ORIGIN, 50n, rootAt(50), [], committee, shorter),
  ).rejects.toThrow();
  // A signature for another log, or for another size, is no signature for this one.
  const foreign = await signatures(101, rootAt(100), [0, 1]);
  await expect(
    call(stranger, 'CheckpointAnchor', 'anchorProven', ORIGIN, 102n, rootAt(100), [], committee, foreign),
  ).rejects.toThrow('SignatureInvalid');
  expect(await head()).toEqual([rootAt(100), 100n]);
});

test('an operator who signs two trees of one size loses its stake and the log', async () => {
  const stake = 5_000n * ONE;
  const provider = await enterProvider({
    place,
    did: 'did:example:operator',
    controller: operator,
    stake,
    developmentChain: true,
  });
  await call(registrar, 'CheckpointAnchor', 'setOperator', ID, operator.address, provider);
  const [one, two] = [rootAt(100), hexOf(core.merkleRoot(LEAVES.slice(0, 99).concat(LEAVES[0]!)))];
  const [a, b] = [await signed(operator, 100, one), await signed(operator, 100, two)];
  const fork = (...args: unknown[]) =>
    call(reporter, 'CheckpointAnchor', 'proveEquivocation', ORIGIN, 100n, ...args);
  await expect(fork(one, a, one, a)).rejects.toThrow('NoConflict');
  await expect(fork(one, a, two, await signed(stranger, 100, two))).rejects.toThrow('NoConflict');
  await expect(
    fork(one, await signed(stranger, 100, one), two, await signed(stranger, 100, two)),
  ).rejects.toThrow('NotOperator');
  await fork(one, a, two, b);

  expect(((await read('StakeVault', 'stakeOf', provider)) as bigint[])[0]).toBe(0n);
  // A tenth for whoever showed it, the rest destroyed: an operator gains nothing by accusing itself.
  expect(await read('StakeVault', 'owed', reporter.address)).toBe(stake / 10n);
  expect(await read('AssayToken', 'totalSupply')).toBe(10n ** 27n - (stake * 9n) / 10n);
  await expect(fork(two, b, one, a)).rejects.toThrow('AlreadyProved');
  await expect(call(operator, 'CheckpointAnchor', 'anchor', ID, 101n, rootAt(100))).rejects.toThrow();
  // What was anchored before stays readable.
  expect(await head()).toEqual([rootAt(100), 100n]);
});

test('the Ethereum Attestation Service is told of a root, and whatever it does the anchor stands', async () => {
  const eas = await deploy(published('EAS'), [(await deploy(published('SchemaRegistry'))).address]);
  const authority = await deploy(SYSTEM.AccessManager, [registrar.address]);
  const adapter = await deploy(SYSTEM.EasAdapter, [authority.address, place.addresses.CheckpointAnchor]);
  const origin = 'log.example/attested';
  const id = keccak256(stringToHex(origin));
  await call(registrar, 'CheckpointAnchor', 'registerOrigin', origin, adapter.address);
  await send(registrar, adapter, 'setEas', [eas.address]);
  await send(registrar, adapter, 'anchor', [id, 60n, rootAt(60)]);
  const stamped = (await client.readContract({
    ...eas,
    functionName: 'getTimestamp',
    args: [rootAt(60)],
  })) as bigint;
  expect(Number(stamped)).toBeGreaterThan(1_600_000_000);

  // The service refuses to stamp a root twice: somebody did so before us.
  await send(stranger, eas, 'timestamp', [rootAt(61)]);
  await send(registrar, adapter, 'anchor', [id, 61n, rootAt(61)]);
  const told = await client.getContractEvents({ ...adapter, eventName: 'EasTold', fromBlock: 0n });
  expect(told.map(({ args }) => (args as { done: boolean }).done)).toEqual([true, false]);
  const [root, size] = (await read('CheckpointAnchor', 'head', id)) as [Hex, bigint];
  expect([root, size]).toEqual([rootAt(61), 61n]);
});

// ------------------------------------------------------------------------------------------------------- players

/** Brings a checkpoint to the chain, as anybody may. */
async function carry(size: number, signing: number[], root: Hex = rootAt(Math.min(size, LEAVES.length))) {
  const [, recorded] = (await head()) as [Hex, bigint];
  const read = async (level: number, index: number) =>
    core.merkleRoot(LEAVES.slice(index * 2 ** level, (index + 1) * 2 ** level));
  const grows = recorded > 0n && recorded < BigInt(size) && size <= LEAVES.length;
  const path = grows ? await core.proveConsistency(Number(recorded), size, read) : [];
  const given = await signatures(size, root, signing);
  await call(
    stranger,
    'CheckpointAnchor',
    'anchorProven',
    ...[ORIGIN, BigInt(size), root, path.map(hexOf), committee, given],
  );
}

async function signatures(size: number, root: Hex, signing: number[]) {
  const rvs = await Promise.all(signing.map((place) => signed(witnesses[place]!, size, root)));
  return { signers: signing.reduce((bits, place) => bits | (1n << BigInt(place)), 0n), rvs };
}

/** As a wallet signs it: the domain names no chain, for a tree is the same on all. */
async function signed(account: PrivateKeyAccount, size: number, root: Hex): Promise<[Hex, Hex]> {
  const signature = await account.signTypedData({
    domain: { name: 'Assay Checkpoint', version: '1' },
    types: {
      Checkpoint: [
        { name: 'origin', type: 'string' },
        { name: 'size', type: 'uint64' },
        { name: 'root', type: 'bytes32' },
      ],
    },
    primaryType: 'Checkpoint',
    message: { origin: ORIGIN, size: BigInt(size), root },
  });
  const { r, yParityAndS } = signatureToCompactSignature(parseSignature(signature));
  return [r, yParityAndS];
}

function rootAt(size: number): Hex {
  return hexOf(core.merkleRoot(LEAVES.slice(0, size)));
}

function hexOf(bytes: Uint8Array): Hex {
  return `0x${core.bytesToHex(bytes)}`;
}

async function head(): Promise<unknown[]> {
  return ((await read('CheckpointAnchor', 'head', ID)) as unknown[]).slice(0, 2);
}

/** A contract of the service, as its package has it. */
function published(name: string): { abi: Abi; bytecode: Hex } {
  const file = `@ethereum-attestation-service/eas-contracts/artifacts/contracts/${name}.sol/${name}.json`;
  return JSON.parse(readFileSync(require.resolve(file), 'utf8'));
}

function read(contract: ContractName, functionName: string, ...args: unknown[]): Promise<unknown> {
  const address = place.addresses[contract]!;
  return client.readContract({ address, abi: SYSTEM[contract].abi as Abi, functionName, args });
}

function call(account: PrivateKeyAccount, contract: ContractName, functionName: string, ...args: unknown[]) {
  const target = { address: place.addresses[contract]!, abi: SYSTEM[contract].abi as Abi };
  return send(account, target, functionName, args);
}

/** Simulates first, as a wallet does, so that a refusal comes with its name. */
async function send(
  account: PrivateKeyAccount,
  target: { address: Hex; abi: Abi },
  functionName: string,
  args: unknown[],
): Promise<void> {
  await client.simulateContract({ ...target, functionName, args, account });
  const wallet = createWalletClient({ account, transport: http(chain.rpcUrl) });
  const hash = await wallet.writeContract({ ...target, functionName, args, chain: null });
  const { status } = await client.waitForTransactionReceipt({ hash });
  expect(status, functionName).toBe('success');
}

async function deploy(
  { abi, bytecode }: { abi: unknown; bytecode: Hex },
  args: unknown[] = [],
): Promise<{ address: Hex; abi: Abi }> {
  const wallet = createWalletClient({ account: registrar, transport: http(chain.rpcUrl) });
  const hash = await wallet.deployContract({ abi: abi as Abi, bytecode, args, chain: null });
  const { contractAddress } = await client.waitForTransactionReceipt({ hash });
  return { address: contractAddress!, abi: abi as Abi };
}
