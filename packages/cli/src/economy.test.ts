/** The economy from the command line, against a real chain: every step by the real program, as its players would. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type ContractsFile,
  createKeystore,
  type DevelopmentChain,
  deployEconomy,
  startAnvil,
} from '@assay/chain';
import { type Committee, type Criteria, PRODUCTION_TERMS, SYSTEM, type SystemConfig } from '@assay/contracts';
import {
  createPublicClient,
  createTestClient,
  createWalletClient,
  encodeAbiParameters,
  getAbiItem,
  type Hex,
  http,
  parseEther,
  parseSignature,
  serializeCompactSignature,
  sha256,
  signatureToCompactSignature,
  stringToHex,
} from 'viem';
import { generatePrivateKey, type PrivateKeyAccount, privateKeyToAccount } from 'viem/accounts';
import { afterAll, beforeAll, expect, test } from 'vitest';

const ONE = 10n ** 18n;
const CONTRACT = sha256(stringToHex('a data contract'));
const SUBJECT = sha256(stringToHex('an observation'));
const DID = 'did:example:provider';
const program = fileURLToPath(new URL('../assay.mjs', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'assay-wallet-'));
const contracts = join(folder, 'contracts.json');
const proof = join(folder, 'proof.json');

const keys = Object.fromEntries(
  ['deployer', 'provider', 'hunter', 'voter', 'nobody'].map((name) => [name, generatePrivateKey()]),
) as Record<'deployer' | 'provider' | 'hunter' | 'voter' | 'nobody', Hex>;
const verifier = generatePrivateKey();
const reviewers = [generatePrivateKey(), generatePrivateKey(), generatePrivateKey()];
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
  deployer: accountOf('deployer').address,
  verifiers: committeeOf([verifier], 1),
  reviewers: committeeOf(reviewers, 2),
  registrar: accountOf('deployer').address,
  criteria: { [CONTRACT]: criteria },
  allocations: [
    { to: accountOf('provider').address, amount: 10_000n * ONE },
    { to: accountOf('hunter').address, amount: 10_000n * ONE },
    { to: accountOf('voter').address, amount: 60_000_000n * ONE },
  ],
  rewardPool: 1_000_000n * ONE,
};

let chain: DevelopmentChain;
let place: ContractsFile;
let client: ReturnType<typeof createPublicClient>;
let time: ReturnType<typeof createTestClient>;
let providerId: Hex;

beforeAll(async () => {
  chain = await startAnvil({ directory: join(folder, 'chain') });
  const { rpcUrl, chainId } = chain;
  place = await deployEconomy({
    rpcUrl,
    chainId,
    deployer: accountOf('deployer'),
    config,
    developmentChain: true,
  });
  writeFileSync(contracts, JSON.stringify(place));
  client = createPublicClient({ transport: http(rpcUrl), cacheTime: 0, pollingInterval: 20 });
  time = createTestClient({ mode: 'anvil', transport: http(rpcUrl) });
  for (const name of ['provider', 'hunter', 'voter'] as const)
    await time.setBalance({ address: accountOf(name).address, value: parseEther('10') });
});
afterAll(async () => {
  await chain.stop();
  rmSync(folder, { recursive: true, force: true });
});

test('a provider registers and stakes, after reading in words what is signed', async () => {
  const registered = await assay('provider', 'provider', 'register', DID, '--yes', '--json');
  expect(registered).toMatchObject({ code: 0 });
  expect(registered.stderr).toContain(DID);
  [{ id: providerId }] = JSON.parse((await assay('nobody', 'provider', 'show', '--json')).stdout);
  const dry = await assay('provider', 'stake', DID, '5000', '--dry-run');
  expect(dry.stdout).toMatch(/5,?000 ASSAY/);
  expect(await stake()).toEqual([0n, 0n]);
  expect(await assay('provider', 'stake', DID, '5000', '--yes')).toMatchObject({ code: 0, stderr: '' });
  expect(await stake()).toEqual([5_000n * ONE, 0n]);
});

test('a lie is challenged, ruled by two reviewers apart from each other, settled and paid', async () => {
  await postVerdict();
  const evidence = join(folder, 'evidence.txt');
  writeFileSync(evidence, 'the venue never traded there');
  const challenged = await assay('hunter', 'challenge', proof, 'reject', '--evidence', evidence, '--yes');
  expect(challenged).toMatchObject({ code: 0, stderr: '' });
  expect(await stake()).toEqual([5_000n * ONE, 1_000n * ONE]);

  const rulings = [];
  for (const [i, key] of reviewers.slice(0, 2).entries()) {
    const signed = await run(
      { ASSAY_KEY: key },
      ...['rule', 'sign', proof, 'reject', '--reasons', 'no such trade', '--yes', '--json', ...at()],
    );
    expect(signed.stderr).toContain('reject');
    rulings.push(join(folder, `ruling-${i}.json`));
    writeFileSync(rulings[i]!, signed.stdout);
  }
  expect(await assay('voter', 'rule', 'send', proof, ...rulings, '--yes')).toMatchObject({ code: 0 });

  const early = await assay('voter', 'settle', proof, '--yes');
  expect(early).toMatchObject({ code: 2 });
  expect(early.stderr).toMatch(/VerdictCourt refuses: .*\[CALL_REFUSED\]\n {2}next: try again after/s);
  await pass(4 * 86_400);
  expect(await assay('voter', 'settle', proof, '--yes')).toMatchObject({ code: 0 });
  const before = await balance('hunter');
  expect(await assay('hunter', 'claim', '--yes')).toMatchObject({ code: 0 });
  // Thirty of a hundred of what was at stake, and the bond of a hundred back.
  expect((await balance('hunter')) - before).toBe(400n * ONE);

  const shown = await assay('nobody', 'provider', 'show', providerId);
  expect(shown.stdout).toMatch(
    /Slashed +1000 ASSAY\n +Case .* settled: accept, should be reject, ruled reject/,
  );
});

test('stake leaves after its time and not before', async () => {
  expect(await assay('provider', 'unstake', DID, '4000', '--yes')).toMatchObject({ code: 0 });
  const early = await assay('provider', 'withdraw', DID, '--yes');
  expect(early.stderr).toContain('next: wait until the stake has unbonded');
  await pass(22 * 86_400);
  expect(await assay('provider', 'withdraw', DID, '--yes')).toMatchObject({ code: 0 });
  expect(await stake()).toEqual([0n, 0n]);
});

test('a vote changes a parameter, with a keystore and its password from a file', async () => {
  const password = join(folder, 'password');
  const keystore = join(folder, 'voter.json');
  writeFileSync(password, 'correct horse\n');
  // Less work for each guess than `assay key new` asks for, to be quick.
  writeFileSync(
    keystore,
    JSON.stringify(await createKeystore({ password: 'correct horse', secret: keys.voter, scryptN: 1024 })),
  );
  const voter = (...args: string[]) =>
    run({}, ...args, ...at(), '--keystore', keystore, '--password-file', password, '--yes');
  expect(await voter('delegate')).toMatchObject({ code: 0 });
  await pass(1);
  const changed = JSON.stringify({ ...criteria, requiredLevel: 4 }, (_, value) =>
    typeof value === 'bigint' ? `${value}` : value,
  );
  const proposed = await voter(
    'propose',
    'QualityCriteria.set',
    CONTRACT,
    changed,
    '--description',
    'Stricter',
  );
  const [, id] = /Proposal (\d+)/.exec(proposed.stdout)!;
  await pass(86_401);
  const voted = await voter('vote', id!, 'for', '--reason', 'it was too easy');
  expect(voted.stdout).toMatch(/Required level +L4/);
  const twice = await voter('vote', id!, 'for');
  expect(twice.stderr).toMatch(/AssayGovernor refuses: governor already cast vote/);
  await pass(3 * 86_400);
  expect(await voter('queue', id!)).toMatchObject({ code: 0 });
  expect((await voter('execute', id!)).stderr).toContain('next: wait until the timelock is over');
  await pass(2 * 86_400);
  expect(await voter('execute', id!)).toMatchObject({ code: 0 });
  const shown = await assay('nobody', 'governance');
  expect(shown.stdout).toMatch(/Stricter: executed/);
  expect(shown.stdout).toContain(`${CONTRACT} level 4, revision 2`);
});

test('what cannot be is told in words, with what to do next, and nothing is sent', async () => {
  const block = await client.getBlockNumber();
  const voter = (...args: string[]) => assay('voter', ...args);
  const foreign = join(folder, 'foreign.json');
  writeFileSync(foreign, JSON.stringify({ ...JSON.parse(readFileSync(proof, 'utf8')), chainId: 1 }));
  const cases: [Awaited<ReturnType<typeof voter>>, RegExp][] = await Promise.all([
    told(voter('stake', DID, '5'), /there is no provider .*\n {2}next: register it first/),
    told(voter('stake', providerId, '5.5.5'), /expected an amount of ASSAY/),
    told(voter('delegate'), /nobody is there to agree.*\n {2}next: read the words above, and add --yes/),
    told(voter('propose', 'Nothing.at', '--description', 'x'), /no contract "Nothing"/),
    told(voter('propose', 'VerdictCourt.stop', '--description', 'x'), /no function "stop".*pause\(\)/s),
    told(voter('settle', foreign, '--yes'), /CHAIN_WRONG/),
    told(voter('vote', '12', 'for', '--yes'), /there is no proposal 12/),
    told(run({}, 'claim', '--yes', ...at()), /no key to sign with.*assay key new/s),
    told(run({ ASSAY_KEY: '0x12' }, 'claim', '--yes', ...at()), /expected a private key/),
    told(assay('nobody', 'claim', '--yes'), /CALL_REFUSED|ACCOUNT_EMPTY/),
    told(run({ ASSAY_KEY: keys.nobody }, 'delegate', '--yes', ...at()), /has 0 for fees.*\n {2}next: send/),
    told(
      run({ ASSAY_KEY: keys.voter }, 'claim', '--contracts', contracts, '--rpc', 'http://127.0.0.1:1'),
      /RPC_UNAVAILABLE/,
    ),
  ]);
  for (const [{ code, stderr }, words] of cases) {
    expect(code, stderr).toBeGreaterThan(1);
    expect(stderr).toMatch(words);
    for (const key of Object.values(keys)) expect(stderr).not.toContain(key.slice(2));
  }
  expect(await client.getBlockNumber()).toBe(block);
});

test('a key comes from the environment into a keystore that nobody else can read, and never onto the screen', async () => {
  const keystore = join(folder, 'imported.json');
  const environment = { ASSAY_KEY: keys.hunter, ASSAY_PASSWORD: 'correct horse' };
  const { code, stdout, stderr } = await run(environment, 'key', 'import', keystore);
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout).toContain(accountOf('hunter').address);
  expect(statSync(keystore).mode & 0o777).toBe(0o600);
  for (const text of [stdout, readFileSync(keystore, 'utf8')])
    expect(text).not.toContain(keys.hunter.slice(2));
  const again = await run(environment, 'key', 'import', keystore);
  expect(again.stderr).toContain('a key is never overwritten');
  expect((await run({}, 'key', 'show', keystore)).stdout.trim()).toBe(accountOf('hunter').address);
  expect(readdirSync(folder).filter((name) => name.startsWith('imported'))).toEqual(['imported.json']);
});

// ------------------------------------------------------------------------------------------------------ players

function accountOf(name: keyof typeof keys): PrivateKeyAccount {
  return privateKeyToAccount(keys[name]);
}

function committeeOf(secrets: Hex[], threshold: number): Committee {
  const members = secrets.map((secret) => privateKeyToAccount(secret).address);
  return {
    epoch: 1n,
    threshold,
    members: members.sort((a, b) => (a.toLowerCase() < b.toLowerCase() ? -1 : 1)),
  };
}

function assay(name: keyof typeof keys, ...args: string[]) {
  return run({ ASSAY_KEY: keys[name] }, ...args, ...at());
}

function at(): string[] {
  return ['--contracts', contracts];
}

async function told<T>(answer: Promise<T>, words: RegExp): Promise<[T, RegExp]> {
  return [await answer, words];
}

function run(environment: Record<string, string>, ...args: string[]) {
  const { ASSAY_KEY: _, ASSAY_PASSWORD: __, ...inherited } = process.env;
  return new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
    const env = { ...inherited, ...environment };
    const child = execFile(process.execPath, [program, ...args], { env }, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
    );
    child.stdin?.end();
  });
}

/** One verdict of the committee, which says that the observation was right. */
async function postVerdict(): Promise<void> {
  const verdict = { subject: SUBJECT, providerId, statement: sha256(SUBJECT), decision: 1, level: 3 };
  const { inputs } = getAbiItem({ abi: SYSTEM.VerdictCourt.abi, name: 'finalise' });
  const leaf = encodeAbiParameters([inputs[0].components[1]], [verdict]);
  const { timestamp } = await client.getBlock();
  const root = sha256(`0x00${leaf.slice(2)}`);
  const batch = { contractDigest: CONTRACT, root, count: 1n, madeAt: Number(timestamp) };
  const court = { address: place.addresses.VerdictCourt!, abi: SYSTEM.VerdictCourt.abi } as const;
  const hash = await client.readContract({ ...court, functionName: 'batchDigest', args: [batch, 1n] });
  const signature = parseSignature(await privateKeyToAccount(verifier).sign({ hash }));
  const compact = serializeCompactSignature(signatureToCompactSignature(signature));
  const rvs = [[compact.slice(0, 66) as Hex, `0x${compact.slice(66)}` as Hex]] as const;
  const wallet = createWalletClient({ account: accountOf('voter'), transport: http(place.rpcUrl) });
  const posted = await wallet.writeContract({
    ...court,
    functionName: 'post',
    args: [batch, config.verifiers, { signers: 1n, rvs }],
    chain: null,
  });
  await client.waitForTransactionReceipt({ hash: posted });
  writeFileSync(
    proof,
    JSON.stringify({
      chainId: place.chainId,
      court: court.address,
      batch: { ...batch, count: '1' },
      verdict,
      index: '0',
      path: [],
    }),
  );
}

function stake(): Promise<unknown> {
  return client
    .readContract({
      address: place.addresses.StakeVault!,
      abi: SYSTEM.StakeVault.abi,
      functionName: 'stakeOf',
      args: [providerId],
    })
    .then(([total, locked]) => [total, locked]);
}

function balance(name: keyof typeof keys): Promise<bigint> {
  return client.readContract({
    address: place.addresses.AssayToken!,
    abi: SYSTEM.AssayToken.abi,
    functionName: 'balanceOf',
    args: [accountOf(name).address],
  });
}

async function pass(seconds: number): Promise<void> {
  await time.increaseTime({ seconds });
  await time.mine({ blocks: 1 });
}
