/** Stake, disputes and governance from the command line. Each says in words what will be signed before it is. */
import { existsSync, readFileSync } from 'node:fs';
import { EconomyReader } from '@assay/chain';
import {
  advanceCall,
  appealCalls,
  type Call,
  type Committee,
  type ContractName,
  caseOf,
  challengeCalls,
  SYSTEM,
  stakeCalls,
  type VerdictProof,
  type VerdictProofFile,
  verdictProofOf,
} from '@assay/contracts';
import { AssayError } from '@assay/core';
import {
  type Abi,
  type AbiFunction,
  type AbiParameter,
  encodeFunctionData,
  formatUnits,
  getAddress,
  type Hex,
  isAddress,
  keccak256,
  parseSignature,
  parseUnits,
  sha256,
  signatureToCompactSignature,
  stringToHex,
} from 'viem';
import { type Command, type ExitCode, usageError } from './command.ts';
import { WALLET_OPTIONS, WALLET_USAGE, Wallet } from './wallet.ts';

/** What one reviewer signed, to be carried to the chain with others. */
interface RulingFile {
  caseId: Hex;
  round: number;
  decision: number;
  reasons: Hex;
  epoch: string;
  reviewer: Hex;
  signature: Hex;
}

type Run = (
  wallet: Wallet,
  positionals: string[],
  values: Record<string, string | boolean | undefined>,
) => Promise<unknown>;

const DECISIONS = ['accept', 'flag', 'reject'] as const;
const VOTES = ['against', 'for', 'abstain'] as const;
const DECIMALS = 18;

export function economyCommand(
  usage: string,
  arguments_: [least: number, most: number],
  run: Run,
  options: Command['options'] = {},
): Command {
  const [least, most] = arguments_;
  return {
    usage,
    common: WALLET_USAGE,
    options: { ...WALLET_OPTIONS, ...options },
    async run({ positionals, values }): Promise<ExitCode> {
      if (positionals.length < least || positionals.length > most)
        throw usageError(`got ${positionals.length} arguments`, `assay ${usage}`);
      await run(await Wallet.open(values), positionals, values);
      return 0;
    },
  };
}

export const providerCommand = economyCommand(
  'provider register <did> | show [<provider>]',
  [1, 2],
  async (wallet, [what, which]) => {
    if (what === 'register' && which) {
      const { address } = await wallet.account();
      const id = await wallet.read<Hex>('ProviderRegistry', 'providerIdOf', which, address);
      await wallet.send([wallet.call('ProviderRegistry', 'register', which)]);
      if (!wallet.json) console.log(`Provider ${id}`);
      return;
    }
    if (what !== 'show')
      throw usageError('expected register with a DID, or show', 'assay provider register <did>');
    const { providers } = await readerOf(wallet).providers();
    const chosen =
      which === undefined ? providers : providers.filter(({ id, did }) => id === which || did === which);
    if (which !== undefined && chosen.length === 0)
      throw new AssayError('NOT_FOUND', `there is no provider ${which}`, {
        next: '`assay provider show` lists all',
      });
    if (wallet.json) return console.log(JSON.stringify(chosen));
    for (const { id, did, controller, stake, rewards, slashed, disputes } of chosen) {
      console.log(`${id}\n  DID          ${did}\n  Controller   ${controller}`);
      const leaving = stake.withdrawableAt
        ? `, ${assay(stake.unbonding)} leaves from ${stake.withdrawableAt}`
        : '';
      console.log(
        `  Stake        ${assay(stake.total)}, ${assay(stake.locked)} of it held by cases${leaving}`,
      );
      console.log(
        `  Rewards      ${assay(rewards.credited)}, ${assay(rewards.claimable)} of it to be claimed`,
      );
      console.log(`  Slashed      ${assay(slashed)}`);
      for (const { caseId, phase, decision, claimed, ruling, deadline, overdue } of disputes)
        console.log(
          `  Case         ${caseId.slice(0, 18)}… ${phase}: ${decision}, should be ${claimed}${ruling ? `, ruled ${ruling}` : ''}; ${overdue ? 'can be settled' : `until ${deadline}`}`,
        );
    }
  },
);

export const stakeCommand = economyCommand(
  'stake <provider> <amount>',
  [2, 2],
  async (wallet, [provider, text]) => {
    const amount = amountOf(text!);
    const id = await providerIdOf(wallet, provider!);
    await wallet.send(await stakeCalls(wallet, id, amount));
  },
);

export const unstakeCommand = economyCommand(
  'unstake <provider> <amount>|cancel',
  [2, 2],
  async (wallet, [provider, text]) => {
    const id = await providerIdOf(wallet, provider!);
    await wallet.send([
      text === 'cancel'
        ? wallet.call('StakeVault', 'cancelUnbonding', id)
        : wallet.call('StakeVault', 'beginUnbonding', id, amountOf(text!)),
    ]);
  },
);

export const withdrawCommand = economyCommand('withdraw <provider>', [1, 1], async (wallet, [provider]) => {
  await wallet.send([wallet.call('StakeVault', 'withdraw', await providerIdOf(wallet, provider!))]);
});

export const claimCommand = economyCommand('claim [<to>]', [0, 1], async (wallet, [to]) => {
  const { address } = await wallet.account();
  await wallet.send([wallet.call('StakeVault', 'claim', addressOf(to ?? address))]);
});

export const challengeCommand = economyCommand(
  'challenge <verdict-proof.json|url> accept|flag|reject --evidence <file|text>',
  [2, 2],
  async (wallet, [source, should], { evidence }) => {
    const proof = await proofOf(wallet, source!);
    const digest = digestOf(evidence, '--evidence');
    await wallet.send(await challengeCalls(wallet, proof, decisionOf(should!), digest));
  },
  { evidence: { type: 'string' } },
);

export const appealCommand = economyCommand(
  'appeal <verdict-proof.json|url> --evidence <file|text>',
  [1, 1],
  async (wallet, [source], { evidence }) => {
    const proof = await proofOf(wallet, source!);
    await openCaseOf(wallet, proof);
    await wallet.send(await appealCalls(wallet, proof, digestOf(evidence, '--evidence')));
  },
  { evidence: { type: 'string' } },
);

export const settleCommand = economyCommand(
  'settle <verdict-proof.json|url>',
  [1, 1],
  async (wallet, [source]) => {
    await wallet.send([wallet.call('VerdictCourt', 'settle', await proofOf(wallet, source!))]);
  },
);

export const finaliseCommand = economyCommand(
  'finalise <verdict-proof.json|url>',
  [1, 1],
  async (wallet, [source]) => {
    await wallet.send([wallet.call('VerdictCourt', 'finalise', await proofOf(wallet, source!))]);
  },
);

const RULE_USAGE =
  'rule sign <verdict-proof.json|url> accept|flag|reject --reasons <file|text> | rule send <verdict-proof.json|url> <ruling.json> …';

export const ruleCommand = economyCommand(
  RULE_USAGE,
  [3, 67],
  async (wallet, [what, source, ...rest], { reasons }) => {
    const proof = await proofOf(wallet, source!);
    const { caseId, appeals } = await openCaseOf(wallet, proof);
    if (what === 'sign') {
      const epoch = await wallet.read<bigint>('VerdictCourt', 'reviewersEpoch');
      const message = {
        caseId,
        contractDigest: proof.batch.contractDigest,
        subject: proof.verdict.subject,
        round: appeals,
        decision: decisionOf(rest[0]!),
        reasons: digestOf(reasons, '--reasons'),
        epoch,
      };
      const { address } = await wallet.account();
      const signature = await wallet.sign({ ...rulingType(wallet), message });
      if (signature === null) return;
      const { round, decision } = message;
      const file: RulingFile = {
        caseId,
        round,
        decision,
        reasons: message.reasons,
        epoch: `${epoch}`,
        reviewer: address,
        signature,
      };
      console.log(JSON.stringify(file));
      return;
    }
    if (what !== 'send') throw usageError('expected sign or send', `assay ${RULE_USAGE}`);
    const rulings = readRulings<RulingFile>(rest, ['caseId', 'round', 'decision', 'reasons', 'epoch']);
    const [first] = rulings as [RulingFile];
    if (first.caseId !== caseId || first.round !== appeals)
      throw new AssayError(
        'ARGUMENT_INVALID',
        `the rulings are for round ${first.round} of case ${first.caseId}, this is round ${appeals} of ${caseId}`,
      );
    const reviewers = await reviewersOf(wallet, 'VerdictCourt');
    await wallet.send([
      wallet.call(
        'VerdictCourt',
        'rule',
        proof,
        first.decision,
        first.reasons,
        reviewers,
        signaturesBy(reviewers, rulings),
      ),
    ]);
  },
  { reasons: { type: 'string' } },
);

export const delegateCommand = economyCommand('delegate [<address>]', [0, 1], async (wallet, [to]) => {
  const { address } = await wallet.account();
  await wallet.send([wallet.call('AssayToken', 'delegate', addressOf(to ?? address))]);
});

export const governanceCommand = economyCommand('governance', [0, 0], async (wallet) => {
  const state = await readerOf(wallet).governance();
  if (wallet.json) return console.log(JSON.stringify(state));
  console.log(`Treasury ${state.treasury.address}: ${assay(state.treasury.balance)}\n\nParameters`);
  for (const { contract, name, value, since } of state.parameters)
    console.log(`  ${`${contract}.${name}`.padEnd(36)} ${String(value).padEnd(28)} since ${since}`);
  console.log('\nData contracts');
  for (const { digest, requiredLevel, revision, inForce } of state.dataContracts)
    console.log(`  ${digest} level ${requiredLevel}, revision ${revision}${inForce ? '' : ', retired'}`);
  console.log(`\nProposals${state.proposals.length === 0 ? ': none' : ''}`);
  for (const { id, title, state: now, votes, deadline, eta, actions } of state.proposals) {
    console.log(
      `  ${id}\n    ${title}: ${now}${now === 'active' ? ` until ${deadline}` : ''}${eta ? `, can be executed from ${eta}` : ''}`,
    );
    console.log(
      `    for ${assay(votes.for)}, against ${assay(votes.against)}, abstain ${assay(votes.abstain)}`,
    );
    for (const { words } of actions) console.log(`    → ${words}`);
  }
});

const PROPOSE_USAGE =
  'propose <Contract>.<function> <argument as JSON> … --description <text>   (for example: propose VerdictCourt.pause --description "Stop")';

export const proposeCommand = economyCommand(
  PROPOSE_USAGE,
  [1, 20],
  async (wallet, [target, ...args], { description }) => {
    if (typeof description !== 'string' || description.trim() === '')
      throw usageError('a proposal needs a --description', `assay ${PROPOSE_USAGE}`);
    const [name = '', functionName = ''] = target!.split('.');
    if (!Object.hasOwn(SYSTEM, name))
      throw usageError(
        `there is no contract ${JSON.stringify(name)}`,
        `one of ${Object.keys(SYSTEM).join(', ')}`,
      );
    const contract = name as ContractName;
    const item = (SYSTEM[contract].abi as Abi).find(
      (each): each is AbiFunction =>
        each.type === 'function' && each.name === functionName && each.inputs.length === args.length,
    );
    if (!item) {
      const known = (SYSTEM[contract].abi as Abi)
        .filter(
          (each): each is AbiFunction => each.type === 'function' && each.stateMutability === 'nonpayable',
        )
        .map((each) => `${each.name}(${each.inputs.map(({ name: input }) => input).join(', ')})`);
      throw usageError(
        `${contract} has no function ${JSON.stringify(functionName)} with ${args.length} arguments`,
        known.join(' '),
      );
    }
    const values = args.map((text, i) => argumentOf(text, item.inputs[i]!));
    const data = encodeFunctionData({ abi: [item], functionName, args: values });
    const proposal = [[wallet.address(contract)], [0n], [data]] as const;
    const id = await wallet.read<bigint>(
      'AssayGovernor',
      'getProposalId',
      ...proposal,
      keccak256(stringToHex(description)),
    );
    await wallet.send([wallet.call('AssayGovernor', 'propose', ...proposal, description)]);
    if (!wallet.json) console.log(`Proposal ${id}`);
  },
  { description: { type: 'string' } },
);

export const voteCommand = economyCommand(
  'vote <proposal> for|against|abstain [--reason <text>]',
  [2, 2],
  async (wallet, [id, choice], { reason }) => {
    const support = VOTES.indexOf(choice as (typeof VOTES)[number]);
    if (support < 0)
      throw usageError(`expected ${VOTES.join(', ')}, got ${choice}`, 'assay vote <proposal> for');
    const proposal = await proposalOf(wallet, id!);
    await wallet.send([
      reason === undefined
        ? wallet.call('AssayGovernor', 'castVote', proposal.id, support)
        : wallet.call('AssayGovernor', 'castVoteWithReason', proposal.id, support, reason),
    ]);
  },
  { reason: { type: 'string' } },
);

export const queueCommand = economyCommand('queue <proposal>', [1, 1], (wallet, [id]) =>
  advance(wallet, 'queue', id!),
);

export const executeCommand = economyCommand('execute <proposal>', [1, 1], (wallet, [id]) =>
  advance(wallet, 'execute', id!),
);

async function advance(wallet: Wallet, functionName: 'queue' | 'execute', text: string): Promise<void> {
  await wallet.send([advanceCall(wallet.addresses, functionName, await proposalOf(wallet, text))]);
}

// --------------------------------------------------------------------------------------------------- what is meant

function readerOf({ place }: Wallet): EconomyReader {
  return new EconomyReader({ place, developmentChain: place.chainId === 31_337 });
}

/** By id, or by DID when this account controls it. Its DID is shown in the words. */
export async function providerIdOf(wallet: Wallet, text: string): Promise<Hex> {
  const { address } = await wallet.account();
  const id = text.startsWith('did:')
    ? await wallet.read<Hex>('ProviderRegistry', 'providerIdOf', text, address)
    : (text as Hex);
  if (!/^0x[0-9a-f]{64}$/.test(id))
    throw usageError(
      `expected a provider's id or DID, got ${JSON.stringify(text)}`,
      '`assay provider show` lists all',
    );
  const controller = await wallet.read<Hex>('ProviderRegistry', 'controllerOf', id);
  if (/^0x0*$/.test(controller)) {
    throw new AssayError(
      'NOT_FOUND',
      `there is no provider ${text}${text.startsWith('did:') ? ` of ${address}` : ''}`,
      {
        next: 'register it first: assay provider register <did>',
      },
    );
  }
  if (text.startsWith('did:')) wallet.names[id] = text;
  return id;
}

async function proofOf(wallet: Wallet, source: string): Promise<VerdictProof> {
  const text = /^https?:/.test(source) ? await fetchText(source) : readText(source);
  let file: VerdictProofFile;
  try {
    file = JSON.parse(text) as VerdictProofFile;
  } catch (cause) {
    throw new AssayError('ARGUMENT_INVALID', `${source} is not JSON`, { cause });
  }
  if (!file.batch?.contractDigest || !file.verdict?.subject || !Array.isArray(file.path)) {
    throw new AssayError('ARGUMENT_INVALID', `${source} is not the proof of a verdict`, {
      next: 'ask a node for it: GET /v1/records/<id>/verdict-proof',
    });
  }
  const court = wallet.address('VerdictCourt');
  if (file.chainId !== wallet.place.chainId || file.court?.toLowerCase() !== court.toLowerCase()) {
    throw new AssayError(
      'CHAIN_WRONG',
      `the proof is for the court ${file.court} on chain ${file.chainId}, not for ${court} on chain ${wallet.place.chainId}`,
      { next: 'name the file of that chain with --contracts' },
    );
  }
  return verdictProofOf(file);
}

async function fetchText(url: string): Promise<string> {
  const answer = await fetch(url).catch((cause) => {
    throw new AssayError('NOT_FOUND', `${url} does not answer`, { cause });
  });
  const text = await answer.text();
  if (answer.ok) return text;
  const { detail } = (JSON.parse(text) ?? {}) as { detail?: string };
  throw new AssayError('NOT_FOUND', `${url} answers ${answer.status}: ${detail ?? text.slice(0, 200)}`);
}

async function openCaseOf(wallet: Wallet, proof: VerdictProof) {
  const found = await caseOf(wallet, proof);
  if (found.phase > 0) return found;
  throw new AssayError('NOT_FOUND', 'nobody has challenged this verdict', { next: 'assay challenge' });
}

function rulingType(wallet: Wallet) {
  return {
    domain: {
      name: 'Assay VerdictCourt',
      version: '1',
      chainId: wallet.place.chainId,
      verifyingContract: wallet.address('VerdictCourt'),
    },
    types: {
      Ruling: [
        { name: 'caseId', type: 'bytes32' },
        { name: 'contractDigest', type: 'bytes32' },
        { name: 'subject', type: 'bytes32' },
        { name: 'round', type: 'uint8' },
        { name: 'decision', type: 'uint8' },
        { name: 'reasons', type: 'bytes32' },
        { name: 'epoch', type: 'uint64' },
      ],
    },
    primaryType: 'Ruling',
  };
}

/** The reviewers of a court who are in force, from the event that named them. */
export async function reviewersOf(
  wallet: Wallet,
  court: 'VerdictCourt' | 'SamplingCourt',
): Promise<Committee> {
  const events = await wallet.client.getContractEvents({
    address: wallet.address(court),
    // Both declare the event alike.
    abi: SYSTEM.VerdictCourt.abi,
    eventName: 'ReviewersSet',
    fromBlock: BigInt(wallet.place.deployedAtBlock),
  });
  const { epoch, threshold, members } = events.at(-1)?.args ?? {};
  if (epoch === undefined || threshold === undefined || !members)
    throw new AssayError('NOT_FOUND', 'no reviewers were named yet');
  return { epoch, threshold, members };
}

/** What reviewers signed apart from each other, which must be the same. */
export function readRulings<T extends object>(files: readonly string[], members: readonly (keyof T)[]): T[] {
  const rulings = files.map((file) => JSON.parse(readText(file)) as T);
  const [first] = rulings;
  for (const ruling of rulings) {
    const member = members.find((each) => ruling[each] !== first![each]);
    if (member === undefined) continue;
    throw new AssayError(
      'ARGUMENT_INVALID',
      `the rulings differ in ${String(member)}: ${ruling[member]} and ${first![member]}`,
      { next: 'reviewers sign the same decision, for the same reasons, in the same round' },
    );
  }
  return rulings;
}

export function signaturesBy({ members }: Committee, rulings: readonly { reviewer: Hex; signature: Hex }[]) {
  let signers = 0n;
  const rvs: [Hex, Hex][] = [];
  for (const [place, member] of members.entries()) {
    const ruling = rulings.find(({ reviewer }) => reviewer.toLowerCase() === member.toLowerCase());
    if (!ruling) continue;
    const { r, yParityAndS } = signatureToCompactSignature(parseSignature(ruling.signature));
    signers |= 1n << BigInt(place);
    rvs.push([r, yParityAndS]);
  }
  const stranger = rulings.find(
    ({ reviewer }) => !members.some((each) => each.toLowerCase() === reviewer.toLowerCase()),
  );
  if (stranger) throw new AssayError('ARGUMENT_INVALID', `${stranger.reviewer} is no reviewer in force`);
  return { signers, rvs };
}

/** A proposal from the event that made it; its actions then show in the words. */
async function proposalOf(wallet: Wallet, text: string) {
  if (!/^\d{1,78}$/.test(text))
    throw usageError(`expected a proposal's id, got ${JSON.stringify(text)}`, '`assay governance` lists all');
  const id = BigInt(text);
  const events = await wallet.client.getContractEvents({
    address: wallet.address('AssayGovernor'),
    abi: SYSTEM.AssayGovernor.abi,
    eventName: 'ProposalCreated',
    fromBlock: BigInt(wallet.place.deployedAtBlock),
  });
  const { args } = events.find((event) => event.args.proposalId === id) ?? {};
  if (!args)
    throw new AssayError('NOT_FOUND', `there is no proposal ${text}`, {
      next: '`assay governance` lists all',
    });
  const {
    targets = [],
    values = [],
    calldatas = [],
    description = '',
  } = args as {
    targets?: readonly Hex[];
    values?: readonly bigint[];
    calldatas?: readonly Hex[];
    description?: string;
  };
  const actions: Call[] = targets.map((to, i) => ({ to, data: calldatas[i]!, value: values[i]! }));
  Object.assign(wallet.proposals, { [text]: { description, actions } });
  return { id, targets, values, calldatas, description };
}

/** ASSAY, in decimal: `1500` or `0.25`. */
function amountOf(text: string): bigint {
  if (/^\d{1,12}(\.\d{1,18})?$/.test(text)) {
    const amount = parseUnits(text, DECIMALS);
    if (amount > 0n) return amount;
  }
  throw usageError(
    `expected an amount of ASSAY such as 1500 or 0.25, got ${JSON.stringify(text)}`,
    'assay stake <provider> 1500',
  );
}

function assay(amount: string): string {
  return `${formatUnits(BigInt(amount), DECIMALS)} ASSAY`;
}

function addressOf(text: string): Hex {
  if (isAddress(text)) return getAddress(text);
  throw usageError(`expected an address, got ${JSON.stringify(text)}`, '0x and 40 hexadecimal digits');
}

function decisionOf(text: string): number {
  const place = DECISIONS.indexOf(text as (typeof DECISIONS)[number]);
  if (place >= 0) return place + 1;
  throw usageError(`expected ${DECISIONS.join(', ')}, got ${JSON.stringify(text)}`, 'for example reject');
}

/** SHA-256 of a file's bytes, or of the text itself when there is no such file. */
export function digestOf(text: string | boolean | undefined, option: string): Hex {
  if (typeof text !== 'string' || text === '')
    throw usageError(`${option} is missing`, `${option} <file|text>`);
  return sha256(existsSync(text) ? new Uint8Array(readFileSync(text)) : stringToHex(text));
}

function readText(file: string): string {
  if (existsSync(file)) return readFileSync(file, 'utf8');
  throw new AssayError('NOT_FOUND', `there is no file ${file}`);
}

/** An argument as JSON: numbers may be decimal strings, structures are objects by name. Text needs no quotes. */
function argumentOf(text: string, parameter: AbiParameter): unknown {
  let value: unknown;
  try {
    value = JSON.parse(/^-?\d{16,}$/.test(text) ? `"${text}"` : text);
  } catch {
    value = text;
  }
  return shaped(value, parameter);
}

function shaped(value: unknown, parameter: AbiParameter): unknown {
  const { type, name } = parameter;
  const wrong = (expected: string) =>
    usageError(`expected ${name || type} to be ${expected}, got ${JSON.stringify(value)}`, `a ${type}`);
  if (type.endsWith(']')) {
    if (!Array.isArray(value)) throw wrong('a list');
    const inner = { ...parameter, type: type.slice(0, type.lastIndexOf('[')) } as AbiParameter;
    return value.map((each) => shaped(each, inner));
  }
  if ('components' in parameter) {
    if (value === null || typeof value !== 'object') throw wrong('an object');
    return Object.fromEntries(
      parameter.components.map((component) => {
        const member = (value as Record<string, unknown>)[component.name ?? ''];
        if (member === undefined) throw wrong(`an object with the member ${component.name}`);
        return [component.name, shaped(member, component)];
      }),
    );
  }
  if (/^u?int/.test(type)) {
    if (!/^-?\d+$/.test(String(value))) throw wrong('a whole number');
    return BigInt(value as string);
  }
  return value;
}
