/**
 * The economy on real chains, played to its end: a provider who is right and one who lies, a challenge won, one
 * lost, an appeal, a vote that changes a parameter; the same addresses on two chains; a deployment cut off half way.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Committee, type Criteria, PRODUCTION_TERMS, SYSTEM, type SystemConfig } from '@assay/contracts';
import {
  type Abi,
  createPublicClient,
  createTestClient,
  createWalletClient,
  encodeAbiParameters,
  encodeFunctionData,
  getAbiItem,
  type Hex,
  http,
  keccak256,
  parseEther,
  parseSignature,
  serializeCompactSignature,
  sha256,
  signatureToCompactSignature,
  stringToHex,
} from 'viem';
import { generatePrivateKey, type PrivateKeyAccount, privateKeyToAccount } from 'viem/accounts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type DevelopmentChain, startAnvil } from './anvil.ts';
import { type ContractsFile, deployEconomy } from './economy.ts';
import { EconomyReader } from './economy-reader.ts';
import { VerdictPoster } from './verdict-poster.ts';

const ONE = 10n ** 18n;
const CONTRACT = sha256(stringToHex('a data contract'));
const folder = mkdtempSync(join(tmpdir(), 'assay-economy-'));
const people = Array.from({ length: 8 }, () => privateKeyToAccount(generatePrivateKey()));
const [deployer, honest, liar, hunter, fool, judge, voter] = people as [
  PrivateKeyAccount,
  PrivateKeyAccount,
  PrivateKeyAccount,
  PrivateKeyAccount,
  PrivateKeyAccount,
  PrivateKeyAccount,
  PrivateKeyAccount,
];
const verifiers = signers(3);
const reviewers = signers(7);
const criteria: Criteria = {
  requiredLevel: 2,
  disputeSeconds: 86_400,
  samplingPpm: 20_000,
  maxStalenessSeconds: 0,
  maxDeviationBps: 0,
  decimals: 0,
  stakeAtRisk: 1_000n * ONE,
  rewardPerObservation: ONE,
  minimum: 0n,
  maximum: 0n,
};
const config: SystemConfig = {
  ...PRODUCTION_TERMS,
  deployer: deployer.address,
  verifiers: committeeOf(verifiers, 2),
  reviewers: committeeOf(reviewers, 3),
  registrar: deployer.address,
  criteria: { [CONTRACT]: criteria },
  allocations: [honest, liar, hunter, fool, judge]
    .map(({ address }) => ({ to: address, amount: 10_000n * ONE }))
    .concat({ to: voter.address, amount: 60_000_000n * ONE }),
  rewardPool: 1_000_000n * ONE,
};

let chains: DevelopmentChain[];
let place: ContractsFile;
let client: ReturnType<typeof createPublicClient>;
let time: ReturnType<typeof createTestClient>;

beforeAll(async () => {
  chains = [
    await startAnvil({ directory: join(folder, 'one') }),
    await startAnvil({ directory: join(folder, 'two') }),
  ];
  place = await deploy(chains[0]!);
  const transport = http(place.rpcUrl);
  client = createPublicClient({ transport, cacheTime: 0, pollingInterval: 20 });
  time = createTestClient({ mode: 'anvil', transport });
  for (const { address } of people) await time.setBalance({ address, value: parseEther('100') });
});
afterAll(async () => {
  await Promise.all(chains.map((chain) => chain.stop()));
  rmSync(folder, { recursive: true, force: true });
});

test('one configuration has the same addresses on two chains, and a second start changes nothing', async () => {
  const second = await deploy(chains[1]!);
  expect(second.addresses).toEqual(place.addresses);
  const before = await client.getBlockNumber();
  // Also where readers begin to look for events: else a node that starts again has forgotten who its reviewers are.
  expect(await deploy(chains[0]!)).toEqual(place);
  expect(await client.getBlockNumber()).toBe(before);
});

test('a deployment that dies at any step is gone on with, and ends with nobody holding a key', async () => {
  const chain = await startAnvil({ directory: join(folder, 'cut') });
  try {
    // Each start lets two more transactions through, then the line is dead.
    for (let allowed = 2; ; allowed += 2) {
      const proxy = await cutAfter(chain.rpcUrl, allowed);
      const outcome = await deploy({ ...chain, rpcUrl: proxy.url }).catch(() => null);
      await proxy.close();
      if (outcome) {
        expect(outcome.addresses).toEqual(place.addresses);
        break;
      }
    }
  } finally {
    await chain.stop();
  }
  for (const role of [0n, 1n, 3n]) {
    expect(await read('AccessManager', 'hasRole', role, deployer.address)).toEqual([false, 0]);
  }
  expect(await read('TimelockController', 'hasRole', `0x${'0'.repeat(64)}`, deployer.address)).toBe(false);
  expect(await read('AssayToken', 'balanceOf', deployer.address)).toBe(0n);
  expect(await read('AccessManager', 'hasRole', 0n, place.addresses.TimelockController)).toEqual([true, 0]);
});

test('who is right earns; who lies pays; who accuses wrongly pays too', async () => {
  const [good, bad] = [await enter(honest, 'did:example:honest'), await enter(liar, 'did:example:liar')];
  for (const account of [hunter, fool, judge]) await approve(account, 10_000n * ONE);

  const truth = await postVerdict(good, 'the truth', 1);
  const lie = await postVerdict(bad, 'a lie', 1);
  const slandered = await postVerdict(good, 'another truth', 1);

  // A challenge won.
  await call(hunter, 'VerdictCourt', 'challenge', lie, 3, evidence('the venue never traded there'));
  await rule(lie, 0, 3);
  // A challenge lost, after an appeal that turned a wrong first ruling.
  await call(fool, 'VerdictCourt', 'challenge', slandered, 3, evidence('nothing'));
  await rule(slandered, 0, 3);
  await call(judge, 'VerdictCourt', 'appeal', slandered, evidence('the signed raw data'));
  await rule(slandered, 1, 1);
  // A liar who wants to leave is too late.
  await call(liar, 'StakeVault', 'beginUnbonding', bad, 5_000n * ONE);
  await pass(4 * 86_400);
  for (const proof of [lie, slandered]) await call(voter, 'VerdictCourt', 'settle', proof);
  await call(voter, 'VerdictCourt', 'finalise', truth);

  expect(await verdictOf('the truth')).toEqual([1, 3]);
  expect(await verdictOf('a lie')).toEqual([3, 0]);
  expect(await verdictOf('another truth')).toEqual([1, 5]);
  // Stake 5,000: 1,000 at risk, of which 30 % to the hunter, 20 % to the treasury, 50 % burned.
  const [total, locked] = (await read('StakeVault', 'stakeOf', bad)) as [bigint, bigint];
  expect([total, locked]).toEqual([4_000n * ONE, 0n]);
  expect(await owed(hunter)).toBe(400n * ONE);
  // The reward less a fee of 10 %, and half of the fool's bond.
  expect(await owed(honest)).toBe((ONE * 9n) / 10n + 50n * ONE);
  expect(await owed(judge)).toBe(200n * ONE);
  expect(await owed(fool)).toBe(0n);
  expect(await read('AssayToken', 'totalSupply')).toBe(10n ** 27n - 550n * ONE);

  await expect(call(liar, 'StakeVault', 'withdraw', bad)).rejects.toThrow('TooEarly');
  await pass(21 * 86_400);
  await call(liar, 'StakeVault', 'withdraw', bad);
  await call(hunter, 'StakeVault', 'claim', hunter.address);
  expect(await read('AssayToken', 'balanceOf', hunter.address)).toBe(10_300n * ONE);
});

test('a vote changes what a data contract asks for, and nothing else does', async () => {
  await expect(call(voter, 'QualityCriteria', 'set', CONTRACT, criteria)).rejects.toThrow(
    'AccessManagedUnauthorized',
  );
  await call(voter, 'AssayToken', 'delegate', voter.address);
  await pass(1);
  const actions = [
    [place.addresses.QualityCriteria!],
    [0n],
    [
      encodeFunctionData({
        abi: SYSTEM.QualityCriteria.abi,
        functionName: 'set',
        args: [CONTRACT, { ...criteria, requiredLevel: 4, samplingPpm: 50_000 }],
      }),
    ],
  ] as const;
  const description = 'Accept only what was computed again';
  await call(voter, 'AssayGovernor', 'propose', ...actions, description);
  const id = await read('AssayGovernor', 'getProposalId', ...actions, keccak256(stringToHex(description)));
  await pass(86_401);
  await call(voter, 'AssayGovernor', 'castVote', id, 1);
  await pass(3 * 86_400);
  await call(fool, 'AssayGovernor', 'queue', ...actions, keccak256(stringToHex(description)));
  await expect(
    call(fool, 'AssayGovernor', 'execute', ...actions, keccak256(stringToHex(description))),
  ).rejects.toThrow('TimelockUnexpectedOperationState');
  await pass(2 * 86_400);
  await call(fool, 'AssayGovernor', 'execute', ...actions, keccak256(stringToHex(description)));
  const [now, revision] = (await read('QualityCriteria', 'criteriaOf', CONTRACT)) as [Criteria, number];
  expect(now).toMatchObject({ requiredLevel: 4, samplingPpm: 50_000 });
  expect(revision).toBe(2);
});

test('verdicts reach the chain in batches, each once, also when the poster dies and the chain refuses', async () => {
  const providerId = (await read(
    'ProviderRegistry',
    'providerIdOf',
    'did:example:honest',
    honest.address,
  )) as Hex;
  const logged = Array.from({ length: 37 }, (_, index) => ({
    index: index * 3,
    contractDigest: CONTRACT,
    subject: subject(`observation ${index}`),
    providerId,
    statement: subject(`verdict ${index}`),
    decision: 1 as const,
    level: 2,
  }));
  await time.setBalance({ address: deployer.address, value: parseEther('1') });
  const { timestamp } = await client.getBlock();
  let there = false;
  const poster = (everyMs: number) =>
    new VerdictPoster({
      file: join(folder, 'verdicts.db'),
      place: async () => {
        if (there) return place;
        throw new Error('not there yet');
      },
      verdictsAfter: (index, most) => {
        const verdicts = logged.filter((verdict) => verdict.index > index).slice(0, Math.min(most, 10));
        return { verdicts, readUpTo: verdicts.at(-1)?.index ?? null };
      },
      committee: config.verifiers,
      verifiers: verifiers.slice(1),
      sender: deployer,
      everyMs,
      nowMs: () => Number(timestamp) * 1000,
      developmentChain: true,
    });
  const first = poster(20);
  await until(() => first.state().lastError !== null);
  there = true;
  await until(() => first.state().posted > 0);
  await first.close();
  // One round takes all that there is, however much it was behind.
  const second = poster(3_600_000);
  await until(() => second.state().posted === 37 && second.state().waiting === 0);
  expect(second.state()).toEqual({ posted: 37, waiting: 0, lastError: null });
  await pass(86_402);
  for (const { subject: about } of [logged[0]!, logged[20]!, logged[36]!]) {
    await call(voter, 'VerdictCourt', 'finalise', second.proof(about)!.proof);
    const [decision, level] = (await read('VerdictCourt', 'verdictOf', CONTRACT, about)) as number[];
    expect([decision, level]).toEqual([1, 2]);
  }
  expect(second.proof(subject('never seen'))).toBeNull();
  await second.close();
});

test('a reader of the chain alone sees all of it', async () => {
  const reader = new EconomyReader({ place, developmentChain: true, nameOf: (did) => did.split(':')[2]! });
  const { providers, chain, rewardPool } = await reader.providers();
  expect(chain).toMatchObject({ chainId: 31_337, simulated: true });
  expect(rewardPool).toBe(String(999_996n * ONE));
  const [good, bad] = providers;
  expect(good).toMatchObject({ name: 'honest', slashed: '0', disputes: [{ phase: 'settled', appeals: 1 }] });
  expect(good!.rewards.credited).toBe(String((ONE * 36n) / 10n));
  expect(bad).toMatchObject({
    slashed: String(1_000n * ONE),
    stake: { total: '0', locked: '0', unbonding: '0', withdrawableAt: null },
    disputes: [{ phase: 'settled', decision: 'accept', claimed: 'reject', ruling: 'reject', overdue: false }],
  });
  expect(bad!.slashes[0]!.caseId).toBe(bad!.disputes[0]!.caseId);

  const governance = await reader.governance();
  expect(governance.proposals).toMatchObject([
    { state: 'executed', title: 'Accept only what was computed again', votes: { against: '0' } },
  ]);
  expect(governance.proposals[0]!.actions[0]!.words).toMatch(/^QualityCriteria\.set\("0x/);
  expect(governance.dataContracts).toMatchObject([{ requiredLevel: 4, revision: 2, inForce: true }]);
  expect(governance.committees.map(({ role, members }) => [role, members.length])).toEqual([
    ['verifiers', 3],
    ['reviewers', 7],
  ]);
  expect(governance.parameters.find(({ name }) => name === 'burnBps')).toMatchObject({ value: '5000' });
});

test('an endpoint of another chain, or none, is told apart from an economy without providers', async () => {
  const other = new EconomyReader({ place: { ...place, chainId: 5 }, developmentChain: false });
  await expect(other.providers()).rejects.toMatchObject({ code: 'RPC_UNAVAILABLE' });
  const dead = new EconomyReader({
    place: { ...place, rpcUrl: 'http://127.0.0.1:1' },
    developmentChain: false,
  });
  await expect(dead.governance()).rejects.toMatchObject({ code: 'RPC_UNAVAILABLE' });
});

// ---------------------------------------------------------------------------------------------------- players

interface Proof {
  batch: { contractDigest: Hex; root: Hex; count: bigint; madeAt: number };
  verdict: { subject: Hex; providerId: Hex; statement: Hex; decision: number; level: number };
  index: bigint;
  path: Hex[];
}

async function enter(account: PrivateKeyAccount, did: string): Promise<Hex> {
  await call(account, 'ProviderRegistry', 'register', did);
  const id = (await read('ProviderRegistry', 'providerIdOf', did, account.address)) as Hex;
  await approve(account, 5_000n * ONE);
  await call(account, 'StakeVault', 'stake', id, 5_000n * ONE);
  return id;
}

async function approve(account: PrivateKeyAccount, amount: bigint): Promise<void> {
  await call(account, 'AssayToken', 'approve', place.addresses.StakeVault, amount);
}

async function postVerdict(providerId: Hex, about: string, decision: number): Promise<Proof> {
  const verdict = {
    subject: subject(about),
    providerId,
    statement: subject(`${about} logged`),
    decision,
    level: 3,
  };
  const { inputs } = getAbiItem({ abi: SYSTEM.VerdictCourt.abi, name: 'finalise' });
  const leaf = encodeAbiParameters([inputs[0].components[1]], [verdict]);
  const { timestamp } = await client.getBlock();
  const batch = {
    contractDigest: CONTRACT,
    root: sha256(`0x00${leaf.slice(2)}`),
    count: 1n,
    madeAt: Number(timestamp),
  };
  const digest = (await read('VerdictCourt', 'batchDigest', batch, 1n)) as Hex;
  await call(voter, 'VerdictCourt', 'post', batch, config.verifiers, await signed(verifiers, 2, digest));
  return { batch, verdict, index: 0n, path: [] };
}

async function rule(proof: Proof, round: number, decision: number): Promise<void> {
  const caseId = keccak256(
    encodeAbiParameters(
      getAbiItem({ abi: SYSTEM.VerdictCourt.abi, name: 'finalise' }).inputs[0].components.slice(0, 2),
      [proof.batch, proof.verdict] as never,
    ),
  );
  const reasons = evidence('signed reasons');
  const digest = (await read(
    'VerdictCourt',
    'rulingDigest',
    caseId,
    proof,
    round,
    decision,
    reasons,
    1n,
  )) as Hex;
  const signatures = await signed(reviewers, 3 + 2 * round, digest);
  await call(voter, 'VerdictCourt', 'rule', proof, decision, reasons, config.reviewers, signatures);
}

function subject(about: string): Hex {
  return sha256(stringToHex(about));
}

function evidence(text: string): Hex {
  return sha256(stringToHex(text));
}

async function verdictOf(about: string): Promise<unknown> {
  const [decision, level] = (await read('VerdictCourt', 'verdictOf', CONTRACT, subject(about))) as number[];
  return [decision, level];
}

function owed({ address }: PrivateKeyAccount): Promise<unknown> {
  return read('StakeVault', 'owed', address);
}

function signers(count: number): PrivateKeyAccount[] {
  return Array.from({ length: count }, () => privateKeyToAccount(generatePrivateKey())).sort((a, b) =>
    a.address.toLowerCase() < b.address.toLowerCase() ? -1 : 1,
  );
}

function committeeOf(accounts: PrivateKeyAccount[], threshold: number): Committee {
  return { epoch: 1n, threshold, members: accounts.map(({ address }) => address) };
}

async function signed(accounts: PrivateKeyAccount[], count: number, hash: Hex) {
  const rvs = await Promise.all(
    accounts.slice(0, count).map(async (account) => {
      const compact = serializeCompactSignature(
        signatureToCompactSignature(parseSignature(await account.sign({ hash }))),
      );
      return [compact.slice(0, 66) as Hex, `0x${compact.slice(66)}` as Hex] as const;
    }),
  );
  return { signers: (1n << BigInt(count)) - 1n, rvs };
}

// ------------------------------------------------------------------------------------------------------ chains

function deploy({ rpcUrl, chainId }: { rpcUrl: string; chainId: number }) {
  return deployEconomy({ rpcUrl, chainId, deployer, config, developmentChain: true });
}

function read(contract: keyof typeof SYSTEM, functionName: string, ...args: unknown[]): Promise<unknown> {
  return client.readContract({
    address: place.addresses[contract]!,
    abi: SYSTEM[contract].abi as Abi,
    functionName,
    args,
  });
}

/** Simulates first, as a wallet does, so that a refusal comes with its name. */
async function call(
  account: PrivateKeyAccount,
  contract: keyof typeof SYSTEM,
  functionName: string,
  ...args: unknown[]
): Promise<void> {
  const request = {
    address: place.addresses[contract]!,
    // With OpenZeppelin's errors too, which a call may run into further down.
    abi: [...SYSTEM[contract].abi, ...errorsOf('TimelockController')] as Abi,
    functionName,
    args,
    account,
  };
  await client.simulateContract(request);
  const wallet = createWalletClient({ account, transport: http(place.rpcUrl) });
  const hash = await wallet.writeContract({ ...request, chain: null });
  const { status } = await client.waitForTransactionReceipt({ hash });
  expect(status, `${contract}.${functionName}`).toBe('success');
}

function errorsOf(contract: keyof typeof SYSTEM) {
  return (SYSTEM[contract].abi as Abi).filter(({ type }) => type === 'error');
}

async function until(holds: () => boolean): Promise<void> {
  for (let i = 0; i < 400 && !holds(); i++) await sleep(25);
  expect(holds()).toBe(true);
}

async function pass(seconds: number): Promise<void> {
  await time.increaseTime({ seconds });
  await time.mine({ blocks: 1 });
}

/** A line to the chain that dies after so many transactions. */
async function cutAfter(rpcUrl: string, transactions: number) {
  let left = transactions;
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    if (body.includes('eth_sendRawTransaction') && left-- <= 0) return void response.destroy();
    const answer = await fetch(rpcUrl, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json' },
    });
    response.end(Buffer.from(await answer.arrayBuffer()));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}`,
    close: () => new Promise<void>((resolve) => void server.close(() => resolve())),
  };
}
