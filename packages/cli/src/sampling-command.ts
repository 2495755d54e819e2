/** Work that is paid for, committed to, drawn afterwards, and sometimes done a second time: SamplingCourt's part. */
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { blockHeader, drandRound } from '@assay/chain';
import { allowanceCalls, type Call, SYSTEM } from '@assay/contracts';
import { AssayError } from '@assay/core';
import { bytesToHex, encodeAbiParameters, type Hex, keccak256, zeroHash } from 'viem';
import { usageError } from './command.ts';
import {
  digestOf,
  economyCommand,
  providerIdOf,
  readRulings,
  reviewersOf,
  signaturesBy,
} from './economy-commands.ts';
import type { Wallet } from './wallet.ts';

/** What its owner must keep from the commitment to the reveal. */
interface SecretFile {
  taskId: Hex;
  providerId: Hex;
  output: Hex;
  salt: Hex;
}

/** What one reviewer signed. */
interface TaskRulingFile {
  taskId: Hex;
  output: Hex;
  plants: Hex;
  reasons: Hex;
  epoch: string;
  reviewer: Hex;
  signature: Hex;
}

interface Task {
  contractDigest: Hex;
  providerId: Hex;
  requester: Hex;
  phase: number;
  revealed: boolean;
  round: bigint;
  validatorsEpoch: bigint;
  output: Hex;
  ruling: Hex;
}

interface Check {
  providerId: Hex;
  commitment: Hex;
  revealed: boolean;
}

const PHASES = [
  'none',
  'requested',
  'committed',
  'not drawn',
  'drawn',
  'accepted',
  'rejected',
  'planted',
  'unresolved',
  'expired',
] as const;
const USAGE =
  'sampling request <data contract> <task: file|text> <provider> | show <task id> | commit <task id> --output <file|text> --secret <new file> | draw <task id> | reveal <secret file> | rule sign <task id> <output: file|text> --reasons <file|text> | rule send <task id> <ruling.json> … | settle <task id>';

export const samplingCommand = economyCommand(
  USAGE,
  [2, 70],
  async (wallet, [what, subject, ...rest], { output, secret, reasons }) => {
    switch (what) {
      case 'request':
        return request(wallet, subject!, rest[0], rest[1]);
      case 'show':
        return show(wallet, taskIdOf(subject!));
      case 'commit':
        return commit(wallet, taskIdOf(subject!), digestOf(output, '--output'), secret);
      case 'draw':
        return draw(wallet, taskIdOf(subject!));
      case 'reveal':
        return reveal(wallet, subject!);
      case 'settle':
        return wallet.send([wallet.call('SamplingCourt', 'settle', taskIdOf(subject!))]);
      case 'rule': {
        const [task, ...more] = rest;
        if (subject === 'sign')
          return sign(wallet, taskIdOf(task!), digestOf(more[0], 'the output'), reasons);
        if (subject === 'send') return rule(wallet, taskIdOf(task!), more);
      }
    }
    throw usageError(`there is no sampling ${what} ${subject}`, `assay ${USAGE}`);
  },
  { output: { type: 'string' }, secret: { type: 'string' }, reasons: { type: 'string' } },
);

async function request(wallet: Wallet, contract: string, task?: string, provider?: string): Promise<void> {
  const contractDigest = taskIdOf(contract);
  const digest = digestOf(task, 'the task');
  const providerId = await providerIdOf(wallet, provider ?? '');
  const revision = await wallet.read<number>('SamplingCourt', 'revisionOf', contractDigest);
  const terms = await wallet.read<{ providerReward: bigint; validatorsReward: bigint }>(
    'SamplingCourt',
    'termsOf',
    contractDigest,
    revision,
  );
  const calls = [wallet.call('SamplingCourt', 'request', contractDigest, digest, providerId)];
  await wallet.send([
    ...(await allowanceCalls(wallet, terms.providerReward + terms.validatorsReward)),
    ...calls,
  ]);
  const taskId = await wallet.read<Hex>('SamplingCourt', 'taskIdOf', contractDigest, digest, providerId);
  if (!wallet.json) console.log(`Task ${taskId}`);
}

async function show(wallet: Wallet, taskId: Hex): Promise<void> {
  const task = await taskOf(wallet, taskId);
  const checks = await wallet.read<Check[]>('SamplingCourt', 'checksOf', taskId);
  const phase = PHASES[task.phase]!;
  if (wallet.json)
    return console.log(
      JSON.stringify({ ...task, taskId, phase, checks }, (_, value) =>
        typeof value === 'bigint' ? `${value}` : value,
      ),
    );
  console.log(
    `Task ${taskId}: ${phase}\n  Data contract ${task.contractDigest}\n  Provider      ${task.providerId}`,
  );
  if (task.phase === 2) console.log(`  Drawn by      round ${task.round} of the beacon`);
  if (task.revealed) console.log(`  Output        ${task.output}`);
  if (task.ruling !== zeroHash) console.log(`  Reviewers say ${task.ruling}`);
  for (const { providerId, commitment, revealed } of checks)
    console.log(
      `  Validator     ${providerId} ${revealed ? 'revealed' : commitment === zeroHash ? 'has not committed' : 'committed'}`,
    );
}

/** The provider's commitment, or that of a validator who was drawn: whichever this account controls. */
async function commit(wallet: Wallet, taskId: Hex, output: Hex, file: unknown): Promise<void> {
  if (typeof file !== 'string')
    throw usageError('--secret is missing: the file that the reveal will need', `assay ${USAGE}`);
  if (existsSync(file))
    throw new AssayError('ARGUMENT_INVALID', `${file} exists already, and a secret is never overwritten`, {
      next: 'choose another name',
    });
  const task = await taskOf(wallet, taskId);
  const checks = await wallet.read<Check[]>('SamplingCourt', 'checksOf', taskId);
  const place = task.phase === 4 ? await ownPlace(wallet, checks) : null;
  const providerId = place === null ? task.providerId : checks[place]!.providerId;
  const salt = bytesToHex(randomBytes(32));
  const types = ['bytes32', 'bytes32', 'bytes32', 'bytes32'].map((type) => ({ type }));
  const commitment = keccak256(encodeAbiParameters(types, [taskId, providerId, output, salt]));
  // Kept before anything is sent: without it the stake is lost.
  const kept: SecretFile = { taskId, providerId, output, salt };
  if (!wallet.dryRun) writeFileSync(file, `${JSON.stringify(kept, null, 2)}\n`, { mode: 0o600, flag: 'wx' });
  await wallet.send([
    place === null
      ? wallet.call('SamplingCourt', 'commit', taskId, commitment)
      : wallet.call('SamplingCourt', 'commitCheck', taskId, BigInt(place), commitment),
  ]);
  if (!wallet.json && !wallet.dryRun)
    console.log(`The reveal needs ${file}: keep it, and show it to nobody until then.`);
}

async function reveal(wallet: Wallet, file: string): Promise<void> {
  if (!existsSync(file)) throw new AssayError('NOT_FOUND', `there is no file ${file}`);
  const { taskId, providerId, output, salt } = JSON.parse(readFileSync(file, 'utf8')) as SecretFile;
  const task = await taskOf(wallet, taskId);
  const checks = await wallet.read<Check[]>('SamplingCourt', 'checksOf', taskId);
  const place = checks.findIndex((check) => check.providerId === providerId);
  await wallet.send([
    providerId === task.providerId
      ? wallet.call('SamplingCourt', 'reveal', taskId, output, salt)
      : wallet.call('SamplingCourt', 'revealCheck', taskId, BigInt(place), output, salt),
  ]);
}

/** Brings the round of the beacon first, where nobody has. */
async function draw(wallet: Wallet, taskId: Hex): Promise<void> {
  const { round, validatorsEpoch } = await taskOf(wallet, taskId);
  const beacon = await wallet.read<Hex>('SamplingCourt', 'beacon');
  const isDrand = beacon.toLowerCase() === wallet.addresses.DrandBeacon?.toLowerCase();
  const name = isDrand ? 'DrandBeacon' : 'PrevrandaoBeacon';
  const calls: Call[] = [];
  if ((await wallet.read<Hex>(name, 'randomnessOf', round)) === zeroHash) {
    const proof = isDrand
      ? (await drandRound(round, { fetch })).signature
      : await blockHeader(wallet.client, round);
    calls.push(wallet.call(name, 'record', round, proof));
  }
  const events = await wallet.client.getContractEvents({
    address: wallet.address('SamplingCourt'),
    abi: SYSTEM.SamplingCourt.abi,
    eventName: 'ValidatorsSet',
    args: { epoch: validatorsEpoch },
    fromBlock: BigInt(wallet.place.deployedAtBlock),
  });
  const validators = events.at(-1)?.args.validators ?? [];
  await wallet.send([...calls, wallet.call('SamplingCourt', 'draw', taskId, validators)]);
  if (!wallet.json) await show(wallet, taskId);
}

async function sign(wallet: Wallet, taskId: Hex, output: Hex, reasons: unknown): Promise<void> {
  const { epoch } = await reviewersOf(wallet, 'SamplingCourt');
  const message = {
    taskId,
    output,
    plants: zeroHash,
    reasons: digestOf(reasons as string | undefined, '--reasons'),
    epoch,
  };
  const { address } = await wallet.account();
  const signature = await wallet.sign({
    domain: {
      name: 'Assay SamplingCourt',
      version: '1',
      chainId: wallet.place.chainId,
      verifyingContract: wallet.address('SamplingCourt'),
    },
    types: {
      Ruling: ['taskId', 'output', 'plants', 'reasons']
        .map((name) => ({ name, type: 'bytes32' }))
        .concat({ name: 'epoch', type: 'uint64' }),
    },
    primaryType: 'Ruling',
    message,
  });
  if (signature === null) return;
  const file: TaskRulingFile = { ...message, epoch: `${epoch}`, reviewer: address, signature };
  console.log(JSON.stringify(file));
}

async function rule(wallet: Wallet, taskId: Hex, files: string[]): Promise<void> {
  const rulings = readRulings<TaskRulingFile>(files, ['taskId', 'output', 'plants', 'reasons', 'epoch']);
  const [first] = rulings as [TaskRulingFile];
  if (first.taskId !== taskId)
    throw new AssayError('ARGUMENT_INVALID', `the rulings are for task ${first.taskId}, not for ${taskId}`);
  const reviewers = await reviewersOf(wallet, 'SamplingCourt');
  const plant = { root: zeroHash, index: 0n, size: 0n, salt: zeroHash, path: [] };
  const signatures = signaturesBy(reviewers, rulings);
  const { output, reasons } = first;
  await wallet.send([
    wallet.call('SamplingCourt', 'rule', taskId, output, plant, reasons, reviewers, signatures),
  ]);
}

async function taskOf(wallet: Wallet, taskId: Hex): Promise<Task> {
  const task = await wallet.read<Task>('SamplingCourt', 'taskOf', taskId);
  if (task.phase !== 0) return task;
  throw new AssayError('NOT_FOUND', `there is no task ${taskId}`, {
    next: '`assay sampling request` makes one',
  });
}

async function ownPlace(wallet: Wallet, checks: readonly Check[]): Promise<number> {
  const { address } = await wallet.account();
  for (const [place, { providerId }] of checks.entries())
    if ((await wallet.read<Hex>('ProviderRegistry', 'controllerOf', providerId)) === address) return place;
  throw new AssayError('ARGUMENT_INVALID', `${address} was not drawn for this task`, {
    next: '`assay sampling show` says who was',
  });
}

function taskIdOf(text: string | undefined): Hex {
  if (text !== undefined && /^0x[0-9a-f]{64}$/.test(text)) return text as Hex;
  throw usageError(`expected 0x and 64 hexadecimal digits, got ${JSON.stringify(text)}`, `assay ${USAGE}`);
}
