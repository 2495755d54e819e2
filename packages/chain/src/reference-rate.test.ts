/**
 * A reference rate on a real chain: what an ordinary wallet signs as typed data is what the contract checks, and a
 * reader who knows nothing but Chainlink's published interface gets the rate, and is told when it is disputed.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ReferenceRateFeed, SYSTEM } from '@assay/contracts';
import {
  type Abi,
  createPublicClient,
  createTestClient,
  createWalletClient,
  type Hex,
  http,
  parseAbi,
  parseEther,
  parseSignature,
  sha256,
  signatureToCompactSignature,
  stringToHex,
  toFunctionSelector,
  zeroHash,
} from 'viem';
import { generatePrivateKey, type PrivateKeyAccount, privateKeyToAccount } from 'viem/accounts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type DevelopmentChain, startAnvil } from './anvil.ts';

/** As Chainlink publishes it, for both of its interfaces. */
const PUBLISHED = parseAbi([
  'function decimals() view returns (uint8)',
  'function description() view returns (string)',
  'function latestRoundData() view returns (uint80 roundId, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredInRound)',
  'function getRoundData(uint80 _roundId) view returns (uint80 roundId, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredInRound)',
  'function latestAnswer() view returns (int256)',
  'event AnswerUpdated(int256 indexed current, uint256 indexed roundId, uint256 updatedAt)',
]);
const { AccessManager, AssayToken, ProviderRegistry, StakeVault } = SYSTEM;
const ONE = 10n ** 18n;
const CONTRACT = sha256(stringToHex('the reference rate of BTC / USD'));
const folder = mkdtempSync(join(tmpdir(), 'assay-rate-'));
const owner = privateKeyToAccount(generatePrivateKey());
const reporters = signers(3);
const reviewers = signers(3);
let chain: DevelopmentChain;
let client: ReturnType<typeof createPublicClient>;
let feed: Hex;
let vault: Hex;

beforeAll(async () => {
  chain = await startAnvil({ directory: folder });
  client = createPublicClient({ transport: http(chain.rpcUrl), cacheTime: 0, pollingInterval: 20 });
  const time = createTestClient({ mode: 'anvil', transport: http(chain.rpcUrl) });
  await time.setBalance({ address: owner.address, value: parseEther('100') });
  const authority = await deploy(AccessManager, owner.address);
  const token = await deploy(AssayToken, owner.address);
  const registry = await deploy(ProviderRegistry);
  vault = await deploy(StakeVault, authority, token, registry);
  const identity = {
    description: 'BTC / USD',
    contractDigest: CONTRACT,
    providerId: zeroHash,
    vault,
    registry,
    treasury: owner.address,
    decimals: 8,
  };
  const limits = {
    minAnswer: 1n,
    heartbeatSeconds: 3600,
    disputeSeconds: 3600,
    maxAnswer: 10n ** 15n,
    rulingSeconds: 3600,
    maxReportAgeSeconds: 600,
    maxDeviationBps: 500,
    bond: 100n * ONE,
    stakeAtRisk: 0n,
    maxSpreadBps: 100,
    burnBps: 5000,
  };
  feed = await deploy(ReferenceRateFeed, authority, identity, limits);
  const courtFunctions = StakeVault.abi.filter(
    (item) =>
      item.type === 'function' && ['lock', 'unlock', 'seize', 'collect', 'pay', 'burn'].includes(item.name),
  );
  await call(
    authority,
    AccessManager,
    'setTargetFunctionRole',
    vault,
    courtFunctions.map((item) => toFunctionSelector(item as never)),
    1n,
  );
  await call(authority, AccessManager, 'grantRole', 1n, feed, 0);
  await call(feed, ReferenceRateFeed, 'setCommittees', committeeOf(reporters), committeeOf(reviewers));
  await call(token, AssayToken, 'approve', vault, 1_000n * ONE);
});
afterAll(async () => {
  await chain.stop();
  rmSync(folder, { recursive: true, force: true });
});

test("what wallets sign is posted, and read through Chainlink's interface", async () => {
  const at = await now();
  await post(1n, at, 60_000_00000000n);
  expect(await published('decimals')).toBe(8);
  expect(await published('description')).toBe('BTC / USD');
  expect(await published('latestRoundData')).toEqual([1n, 60_000_00000000n, at, at, 1n]);
  expect(await published('getRoundData', 1n)).toEqual([1n, 60_000_00000000n, at, at, 1n]);
  await expect(published('getRoundData', 2n)).rejects.toThrow('No data present');
  const events = await client.getContractEvents({
    address: feed,
    abi: PUBLISHED,
    eventName: 'AnswerUpdated',
    fromBlock: 0n,
  });
  expect(events.map(({ args }) => args)).toEqual([{ current: 60_000_00000000n, roundId: 1n, updatedAt: at }]);
});

test('a disputed round says so, and what reviewers sign ends it', async () => {
  const first = await published('latestRoundData');
  const at = (await now()) + 1n;
  await createTestClient({ mode: 'anvil', transport: http(chain.rpcUrl) }).setNextBlockTimestamp({
    timestamp: at + 1n,
  });
  await post(2n, at, 61_000_00000000n);
  await call(feed, ReferenceRateFeed, 'dispute', 2n, zeroHash);
  expect(await published('latestRoundData')).toEqual([2n, ...(first as bigint[]).slice(1)]);
  expect(await published('latestAnswer')).toBe(60_000_00000000n);
  const ruling = { contractDigest: CONTRACT, epoch: 1n, roundId: 2n, stands: true, reasons: zeroHash };
  const signatures = await signedBy(reviewers, 'Ruling', ruling);
  await call(feed, ReferenceRateFeed, 'rule', 2n, true, zeroHash, committeeOf(reviewers), signatures);
  expect(await published('latestRoundData')).toEqual([2n, 61_000_00000000n, at, at, 2n]);
  // Half of the bond is destroyed; without a provider the treasury gets the other half.
  const owed = await client.readContract({
    address: vault,
    abi: StakeVault.abi,
    functionName: 'owed',
    args: [owner.address],
  });
  expect(owed).toBe(50n * ONE);
});

function signers(count: number): PrivateKeyAccount[] {
  return Array.from({ length: count }, () => privateKeyToAccount(generatePrivateKey())).sort((a, b) =>
    a.address.toLowerCase() < b.address.toLowerCase() ? -1 : 1,
  );
}

function committeeOf(members: readonly PrivateKeyAccount[]) {
  return { epoch: 1n, threshold: 2, members: members.map(({ address }) => address) };
}

/** Typed data as a wallet shows it, signed by the first two members. */
async function signedBy(
  members: readonly PrivateKeyAccount[],
  primaryType: 'Report' | 'Ruling',
  message: Record<string, unknown>,
) {
  const types = {
    Report: [
      { name: 'contractDigest', type: 'bytes32' },
      { name: 'epoch', type: 'uint64' },
      { name: 'roundId', type: 'uint80' },
      { name: 'answer', type: 'int256' },
      { name: 'observedAt', type: 'uint64' },
      { name: 'evidence', type: 'bytes32' },
    ],
    Ruling: [
      { name: 'contractDigest', type: 'bytes32' },
      { name: 'epoch', type: 'uint64' },
      { name: 'roundId', type: 'uint80' },
      { name: 'stands', type: 'bool' },
      { name: 'reasons', type: 'bytes32' },
    ],
  };
  const domain = {
    name: 'Assay ReferenceRateFeed',
    version: '1',
    chainId: chain.chainId,
    verifyingContract: feed,
  };
  const rvs = await Promise.all(
    members.slice(0, 2).map(async (member) => {
      const signature = await member.signTypedData({ domain, types, primaryType, message });
      const { r, yParityAndS } = signatureToCompactSignature(parseSignature(signature));
      return [r, yParityAndS];
    }),
  );
  return { signers: 0b11n, rvs };
}

async function post(roundId: bigint, observedAt: bigint, answer: bigint): Promise<void> {
  const evidence = sha256(stringToHex('a derivation statement'));
  const report = { contractDigest: CONTRACT, epoch: 1n, roundId, answer, observedAt, evidence };
  const signatures = await signedBy(reporters, 'Report', report);
  await call(feed, ReferenceRateFeed, 'post', committeeOf(reporters), roundId, observedAt, [
    { answer, evidence, signatures },
  ]);
}

async function now(): Promise<bigint> {
  return (await client.getBlock()).timestamp;
}

function published(functionName: string, ...args: unknown[]): Promise<unknown> {
  return client.readContract({ address: feed, abi: PUBLISHED as Abi, functionName, args });
}

async function deploy(
  { abi, bytecode }: { abi: readonly unknown[]; bytecode: Hex },
  ...args: unknown[]
): Promise<Hex> {
  const wallet = createWalletClient({ account: owner, transport: http(chain.rpcUrl) });
  const hash = await wallet.deployContract({ abi: abi as Abi, bytecode, args, chain: null });
  return (await client.waitForTransactionReceipt({ hash })).contractAddress!;
}

async function call(
  address: Hex,
  { abi }: { abi: readonly unknown[] },
  functionName: string,
  ...args: unknown[]
): Promise<void> {
  const wallet = createWalletClient({ account: owner, transport: http(chain.rpcUrl) });
  const hash = await wallet.writeContract({ address, abi: abi as Abi, functionName, args, chain: null });
  expect((await client.waitForTransactionReceipt({ hash })).status).toBe('success');
}
