/** One task from the command line, against a real chain: a provider lies, is drawn, and three others say so. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type ContractsFile,
  type DevelopmentChain,
  deployEconomy,
  enterProvider,
  startAnvil,
} from '@assay/chain';
import { type Committee, DEVELOPMENT_TERMS, SYSTEM } from '@assay/contracts';
import {
  createPublicClient,
  createTestClient,
  encodeAbiParameters,
  type Hex,
  http,
  keccak256,
  parseEther,
  sha256,
  stringToHex,
} from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { afterAll, beforeAll, expect, test } from 'vitest';

const ONE = 10n ** 18n;
const STAKE = 10_000n * ONE;
const CONTRACT = sha256(stringToHex('a data contract'));
const program = fileURLToPath(new URL('../assay.mjs', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'assay-sampling-'));
const [deployer, requester, provider, ...others] = Array.from({ length: 11 }, () => generatePrivateKey()) as [
  Hex,
  Hex,
  Hex,
  ...Hex[],
];
const [validators, reviewers] = [others.slice(0, 5), others.slice(5)];
const committee: Committee = {
  epoch: 1n,
  threshold: 2,
  members: reviewers.map(addressOf).sort((a, b) => (a.toLowerCase() < b.toLowerCase() ? -1 : 1)),
};

let chain: DevelopmentChain;
let place: ContractsFile;
let time: ReturnType<typeof createTestClient>;

beforeAll(async () => {
  chain = await startAnvil({ directory: join(folder, 'chain') });
  const { rpcUrl, chainId } = chain;
  place = await deployEconomy({
    rpcUrl,
    chainId,
    deployer: privateKeyToAccount(deployer),
    developmentChain: true,
    config: {
      ...DEVELOPMENT_TERMS,
      deployer: addressOf(deployer),
      registrar: addressOf(deployer),
      verifiers: { epoch: 1n, threshold: 1, members: [addressOf(deployer)] },
      reviewers: committee,
      criteria: {
        [CONTRACT]: {
          requiredLevel: 4,
          disputeSeconds: 600,
          samplingPpm: 1_000_000,
          maxStalenessSeconds: 0,
          maxDeviationBps: 0,
          decimals: 0,
          stakeAtRisk: 0n,
          rewardPerObservation: 0n,
          minimum: 0n,
          maximum: 0n,
        },
      },
      sampling: {
        beacon: 'prevrandao',
        validators: validators.map(idOf).sort(),
        terms: {
          [CONTRACT]: {
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
          },
        },
      },
      allocations: [requester, provider, ...validators].map((key) => ({
        to: addressOf(key),
        amount: 2n * STAKE,
      })),
      rewardPool: 0n,
    },
  });
  writeFileSync(join(folder, 'contracts.json'), JSON.stringify(place));
  time = createTestClient({ mode: 'anvil', transport: http(rpcUrl) });
  await time.setBalance({ address: addressOf(requester), value: parseEther('10') });
  for (const key of [provider, ...validators]) {
    const controller = privateKeyToAccount(key);
    await enterProvider({ place, did: didOf(key), controller, stake: STAKE, developmentChain: true });
  }
});
afterAll(async () => {
  await chain.stop();
  rmSync(folder, { recursive: true, force: true });
});

test('a task is asked for, committed to, drawn, done again, ruled and settled: the liar pays', async () => {
  const sampling = async (key: Hex, ...args: string[]) => {
    const { code, stdout, stderr } = await run(key, 'sampling', ...args);
    expect(code, stderr).toBe(0);
    return stdout;
  };
  const asked = await sampling(requester, 'request', CONTRACT, 'add 2 and 2', idOf(provider));
  const task = /Task (0x[0-9a-f]{64})/.exec(asked)![1]!;

  const secret = join(folder, 'secret.json');
  expect((await run(provider, 'sampling', 'commit', task, '--output', '5')).stderr).toContain('--secret');
  await sampling(provider, 'commit', task, '--output', '5', '--secret', secret);
  expect(statSync(secret).mode & 0o777).toBe(0o600);
  const before = readFileSync(secret, 'utf8');
  const again = await run(provider, 'sampling', 'commit', task, '--output', '4', '--secret', secret);
  expect(again.stderr).toContain('a secret is never overwritten');
  expect(readFileSync(secret, 'utf8')).toBe(before);

  const early = await run(requester, 'sampling', 'draw', task);
  expect(early.code).toBe(2);
  await time.mine({ blocks: 40 });
  expect(await sampling(requester, 'draw', task)).toContain(': drawn');

  const secretOf = (i: number) => join(folder, `validator-${i}.json`);
  const { checks } = JSON.parse(await sampling(requester, 'show', task, '--json')) as {
    checks: { providerId: Hex }[];
  };
  const drawn = checks.map(({ providerId }) => validators.find((key) => idOf(key) === providerId)!);
  expect(drawn.length).toBe(3);
  for (const [i, key] of drawn.entries())
    await sampling(key, 'commit', task, '--output', '4', '--secret', secretOf(i));
  const stranger = await run(
    requester,
    'sampling',
    'commit',
    task,
    '--output',
    '4',
    '--secret',
    `${secret}2`,
  );
  expect(stranger.stderr).toContain('was not drawn for this task');
  await pass(3_601);
  await sampling(provider, 'reveal', secret);
  for (const [i, key] of drawn.entries()) await sampling(key, 'reveal', secretOf(i));
  await pass(3_601);
  const rulings = await Promise.all(
    reviewers.slice(0, 2).map(async (key, i) => {
      const file = join(folder, `ruling-${i}.json`);
      writeFileSync(file, await sampling(key, 'rule', 'sign', task, '4', '--reasons', 'counted', '--json'));
      return file;
    }),
  );
  await sampling(requester, 'rule', 'send', task, ...rulings);
  const shown = await sampling(requester, 'show', task);
  expect(shown).toContain(`Output        ${sha256(stringToHex('5'))}`);
  expect(shown).toContain(`Reviewers say ${sha256(stringToHex('4'))}`);
  await pass(3_601);
  await sampling(requester, 'settle', task);
  expect(await sampling(requester, 'show', task)).toContain(': rejected');
  const client = createPublicClient({ transport: http(place.rpcUrl) });
  const [staked] = await client.readContract({
    address: place.addresses.StakeVault!,
    abi: SYSTEM.StakeVault.abi,
    functionName: 'stakeOf',
    args: [idOf(provider)],
  });
  expect(staked).toBe(STAKE - 1_000n * ONE);
}, 90_000);

function addressOf(key: Hex): Hex {
  return privateKeyToAccount(key).address;
}

function didOf(key: Hex): string {
  return `did:example:${addressOf(key)}`;
}

function idOf(key: Hex): Hex {
  return keccak256(
    encodeAbiParameters([{ type: 'string' }, { type: 'address' }], [didOf(key), addressOf(key)]),
  );
}

function run(key: Hex, ...args: string[]) {
  const at = ['--contracts', join(folder, 'contracts.json'), '--yes'];
  const env = { ...process.env, ASSAY_KEY: key };
  return new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
    execFile(process.execPath, [program, ...args, ...at], { env }, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
    );
  });
}

async function pass(seconds: number): Promise<void> {
  await time.increaseTime({ seconds });
  await time.mine({ blocks: 1 });
}
