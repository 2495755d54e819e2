import {
  type Abi,
  type AbiFunction,
  type AbiParameter,
  decodeFunctionData,
  encodeFunctionData,
  formatUnits,
  getAddress,
  type Hex,
  isAddress,
  keccak256,
  maxUint64,
  maxUint256,
  size,
  slice,
  stringToHex,
  toFunctionSelector,
  zeroAddress,
} from 'viem';
import { type ContractName, ROLES, SYSTEM } from './deployment.ts';

/** What a signature would do, for the person who is asked for it. */
export interface Words {
  title: string;
  /** Everything that is signed, without loss: another argument gives other lines. */
  lines: { label: string; value: string }[];
  /** What to think about before signing. An empty list does not mean that signing is safe. */
  warnings: string[];
}

/** A call as a wallet is asked to sign it. */
export interface Call {
  /** Null deploys a contract. */
  to: Hex | null;
  data: Hex;
  /** In wei. */
  value?: bigint;
}

/** What the reader of the words knows. Nothing of it may come from whoever asks for the signature. */
export interface SigningContext {
  chainId: number;
  /** Addresses of the system's contracts. */
  addresses: Readonly<Partial<Record<ContractName, Hex>>>;
  /** What other addresses, providers and digests are called. */
  names?: Readonly<Record<Hex, string>>;
  /** Proposals by their id in decimal, so that a vote says what it is about. */
  proposals?: Readonly<Record<string, { description: string; actions: readonly Call[] }>>;
}

/** An EIP-712 message. */
export interface TypedData {
  domain: { name?: string; version?: string; chainId?: number | bigint; verifyingContract?: Hex; salt?: Hex };
  types: Readonly<Record<string, readonly { name: string; type: string }[]>>;
  primaryType: string;
  message: Readonly<Record<string, unknown>>;
}

type Text = (value: unknown, scene: Scene) => string;
interface Scene {
  context: SigningContext;
  warnings: string[];
}

/** A proposal that holds calls that hold calls: deeper than this nobody reads. */
const MAX_DEPTH = 4;
const SECONDS = { day: 86_400n, hour: 3_600n, minute: 60n } as const;
const LAST_CALENDAR_SECOND = 8_640_000_000_000n;
/** For values that are shown alike wherever they are. */
const NOWHERE: Scene = { context: { chainId: 0, addresses: {} }, warnings: [] };
const DECISIONS: readonly (string | undefined)[] = [undefined, 'accept', 'flag', 'reject'];
const SUPPORT: readonly (string | undefined)[] = ['against', 'for', 'abstain'];

/**
 * Says in words what a transaction does. What is not known is said to be unknown; nothing is ever called safe.
 *
 * @example
 * const { title } = describeCall({ to: addresses.StakeVault, data }, { chainId: 1, addresses });
 * // 'Stake 5,000 ASSAY behind provider 0x1f…9c'
 */
export function describeCall(call: Call, context: SigningContext): Words {
  return describeNested(call, context, 0);
}

/**
 * Says in words what an EIP-712 signature commits to: a verdict batch, a ruling, a checkpoint, a permit, a
 * delegation or a ballot. Any other message, or one of these for another chain or contract, is shown with warnings.
 */
export function describeTypedData(typedData: TypedData, context: SigningContext): Words {
  const { domain, types, primaryType, message } = typedData;
  const members = types[primaryType] ?? [];
  const scene: Scene = { context, warnings: [] };
  const typeText = (list: readonly { name: string; type: string }[]) =>
    list.map(({ name, type }) => `${type} ${name}`).join(',');
  const known = MESSAGES.find(({ name, type }) => name === primaryType && type === typeText(members));
  const shaped = known !== undefined;
  if (!known) scene.warnings.push(`Unknown message: nobody has written words for ${quoted(primaryType)}.`);
  else scene.warnings.push(...domainWarnings(domain, known, context));

  const lines = members.flatMap(({ name, type }) =>
    linesOf(
      { name, type } as AbiParameter,
      message[name],
      shaped ? known.contract : null,
      primaryType,
      scene,
    ),
  );
  for (const name of Object.keys(message))
    if (!members.some((member) => member.name === name))
      scene.warnings.push(`The member ${quoted(name)} is shown to you but is not part of what is signed.`);
  for (const [name, value] of Object.entries(domain))
    if (value !== undefined)
      lines.push({
        label: `Domain ${name}`,
        value: FALLBACK(value, scene, name === 'chainId' ? '' : 'string'),
      });
  const args = Object.fromEntries(members.map(({ name }) => [name, message[name]]));
  if (shaped) scene.warnings.push(...(known.cautions?.(args, context) ?? []));
  return {
    title: shaped
      ? filled(known.title, members as readonly AbiParameter[], args, known.contract, primaryType, scene)
      : `Unknown message ${quoted(primaryType)}`,
    lines,
    warnings: [...new Set(scene.warnings)],
  };
}

function describeNested(call: Call, context: SigningContext, depth: number): Words {
  const { to, data, value = 0n } = call;
  const scene: Scene = { context, warnings: [] };
  const ether = value === 0n ? [] : [{ label: 'Ether attached', value: `${decimal(value)} ETH` }];
  const raw = [...ether, { label: 'Data', value: data }];
  if (to === null) {
    return {
      title: 'Deploy a contract',
      lines: raw,
      warnings: ['What the new contract does cannot be read from its code here.'],
    };
  }
  const target = { label: 'Contract', value: addressed(to, scene) };
  const contract = contractAt(to, context);
  if (size(data) === 0) {
    return {
      title: `Send ${decimal(value)} ETH to ${short(to, scene)}`,
      lines: [{ label: 'To', value: addressed(to, scene) }, ...ether],
      warnings: contract ? [`${contract} has no use for ether; it may be lost.`] : [],
    };
  }
  if (!contract) {
    return {
      title: `Unknown call to ${short(to, scene)}`,
      lines: [target, ...raw],
      warnings: ['Unknown contract: what this does cannot be said. It may do anything that you may do.'],
    };
  }
  const decoded = decode(contract, data);
  if (!decoded) {
    return {
      title: `Unknown call to ${contract}`,
      lines: [target, ...raw],
      warnings: [
        `Unknown function ${slice(data, 0, Math.min(4, size(data)))}: what this does cannot be said.`,
      ],
    };
  }
  const { item, args, canonical } = decoded;
  if (!canonical)
    scene.warnings.push('The data holds more than these words say: it is not what this call is encoded as.');
  if (value > 0n)
    scene.warnings.push(
      item.stateMutability === 'payable'
        ? `${decimal(value)} ETH leave your account with this call.`
        : 'Ether is attached to a function that takes none: it will be refused.',
    );

  const key = `${contract}.${item.name}`;
  const [template, ...notes] = SENTENCES[contract]?.[item.name] ?? [];
  const named = Object.fromEntries(
    item.inputs.map((input, i) => [input.name || `argument ${i + 1}`, args[i]]),
  );
  const actions = actionsOf(contract, to, item.name, named);
  const inside = new Set(actions === null ? [] : ACTION_ARGUMENTS);
  const lines = [
    target,
    ...item.inputs.flatMap((input, i) =>
      inside.has(input.name ?? '')
        ? []
        : linesOf({ ...input, name: input.name || `argument ${i + 1}` }, args[i], contract, item.name, scene),
    ),
    ...ether,
    ...(canonical ? [] : [{ label: 'Data', value: data }]),
  ];
  if (actions) addActions(lines, scene, actions, depth);
  if (contract === 'AssayGovernor' && named.proposalId !== undefined) {
    const proposal = context.proposals?.[String(named.proposalId)];
    if (!proposal) scene.warnings.push('What this proposal would do is not known here.');
    else {
      lines.push({ label: 'Proposal says', value: quoted(proposal.description) });
      addActions(lines, scene, proposal.actions, depth);
    }
  }
  for (const value of notes) lines.push({ label: 'Note', value });
  if (item.stateMutability === 'view' || item.stateMutability === 'pure')
    scene.warnings.push('This only reads: it changes nothing, and nobody needs to sign it.');
  else if (!template)
    scene.warnings.push('Nobody has written words for this function: these come from its interface alone.');
  scene.warnings.push(...(CAUTIONS[key]?.(named, context) ?? []));
  return {
    title: template
      ? filled(template, item.inputs, named, contract, item.name, scene)
      : `${item.name} of ${contract}`,
    lines,
    warnings: [...new Set(scene.warnings)],
  };
}

// ------------------------------------------------------------------------------------------ calls inside calls

/** Arguments that hold other calls; they are shown as those calls. */
const ACTION_ARGUMENTS = ['target', 'targets', 'value', 'values', 'data', 'payload', 'payloads', 'calldatas'];

function actionsOf(
  contract: ContractName,
  to: Hex,
  functionName: string,
  args: Record<string, unknown>,
): Call[] | null {
  if (contract === 'AccessManager') {
    if (functionName === 'multicall') return (args.data as Hex[]).map((data) => ({ to, data }));
    if (!['execute', 'schedule', 'cancel'].includes(functionName)) return null;
    return [{ to: args.target as Hex, data: args.data as Hex }];
  }
  if (contract !== 'AssayGovernor' && contract !== 'TimelockController') return null;
  const { target, value, targets, values } = args as {
    target?: Hex;
    value?: bigint;
    targets?: Hex[];
    values?: bigint[];
  };
  if (target !== undefined)
    return [{ to: target, data: (args.data ?? args.payload) as Hex, value: value ?? 0n }];
  const datas = (args.calldatas ?? args.payloads) as Hex[] | undefined;
  // Lists of different lengths are no list of calls; they are shown as they are.
  if (!targets || !values || !datas || targets.length !== values.length || targets.length !== datas.length)
    return null;
  return targets.map((each, i) => ({ to: each, data: datas[i]!, value: values[i]! }));
}

function addActions(lines: Words['lines'], scene: Scene, actions: readonly Call[], depth: number): void {
  if (actions.length === 0) scene.warnings.push('It does nothing: there is no action in it.');
  actions.forEach((action, i) => {
    const name = `Action ${i + 1}`;
    if (depth + 1 >= MAX_DEPTH) {
      scene.warnings.push(`${name}: too many calls inside calls to say what this does.`);
      lines.push({ label: name, value: `${action.to} ${action.value ?? 0n} ${action.data}` });
      return;
    }
    const words = describeNested(action, scene.context, depth + 1);
    lines.push({ label: name, value: words.title });
    for (const { label, value } of words.lines) lines.push({ label: `${name} · ${label}`, value });
    for (const warning of words.warnings) scene.warnings.push(`${name}: ${warning}`);
  });
}

function decode(contract: ContractName, data: Hex) {
  const abi = SYSTEM[contract].abi as Abi;
  const selector = size(data) < 4 ? data : slice(data, 0, 4);
  const item = abi.find(
    (each): each is AbiFunction => each.type === 'function' && toFunctionSelector(each) === selector,
  );
  if (!item) return null;
  try {
    const { args = [] } = decodeFunctionData({ abi: [item], data });
    const again = encodeFunctionData({ abi: [item], functionName: item.name, args });
    return { item, args: args as readonly unknown[], canonical: again === data.toLowerCase() };
  } catch {
    return null;
  }
}

// ------------------------------------------------------------------------------------------------- values in words

function linesOf(
  parameter: AbiParameter,
  value: unknown,
  contract: ContractName | null,
  functionName: string,
  scene: Scene,
): Words['lines'] {
  if ('components' in parameter && parameter.type === 'tuple') {
    return parameter.components.flatMap((component) =>
      linesOf(
        component,
        (value as Record<string, unknown>)[component.name ?? ''],
        contract,
        functionName,
        scene,
      ),
    );
  }
  const name = parameter.name ?? '';
  const [label, text] = fieldOf(contract, functionName, name);
  return [
    {
      label: label ?? spaced(name),
      value: text && value !== undefined ? text(value, scene) : FALLBACK(value, scene, parameter.type),
    },
  ];
}

/** Puts arguments into a sentence: `{amount}`, or `{proof.verdict.subject}` for a member. */
function filled(
  template: string,
  inputs: readonly AbiParameter[],
  args: Record<string, unknown>,
  contract: ContractName | null,
  functionName: string,
  scene: Scene,
): string {
  return template.replaceAll(/\{([\w.]+)\}/g, (_, path: string) => {
    const members = path.split('.');
    const name = members.at(-1)!;
    const value = members.reduce(
      (part: unknown, member) => (part as Record<string, unknown>)?.[member],
      args,
    );
    const [, text] = fieldOf(contract, functionName, name);
    if (text === undefined || text === ADDRESS || text === ID)
      if (typeof value === 'string' && /^0x[0-9a-f]+$/i.test(value)) return short(value as Hex, scene);
    const type = inputs.find((input) => input.name === name)?.type ?? '';
    return text && value !== undefined ? text(value, scene) : FALLBACK(value, scene, type);
  });
}

function fieldOf(contract: ContractName | null, functionName: string, name: string): Partial<Field> {
  return (
    FIELDS[`${contract}.${functionName}.${name}`] ??
    FIELDS[`${contract}.${name}`] ??
    (contract ? FIELDS[name] : undefined) ??
    []
  );
}

const FALLBACK = (value: unknown, scene: Scene, type: string): string => {
  if (Array.isArray(value))
    return value.length === 0
      ? 'none'
      : value.map((each) => FALLBACK(each, scene, type.replace(/\[\d*\]$/, ''))).join(', ');
  if (typeof value === 'bigint' || typeof value === 'number') return grouped(String(value));
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value !== 'string') return quoted(JSON.stringify(value, bigintText) ?? 'nothing');
  if (type === 'address' && isAddress(value, { strict: false })) return addressed(value, scene);
  return /^0x[0-9a-f]*$/i.test(value) && type !== 'string' ? value : quoted(value);
};

const AMOUNT: Text = (value) =>
  value === maxUint256 ? 'unlimited ASSAY (2^256 - 1 units)' : `${decimal(value as bigint)} ASSAY`;
const ETHER: Text = (value) => `${decimal(value as bigint)} ETH`;
const ADDRESS: Text = (value, scene) => addressed(value as Hex, scene);
const ADDRESSES: Text = (value, scene) =>
  (value as Hex[]).map((each) => addressed(each, scene)).join(', ') || 'none';
const ID: Text = (value, { context }) => {
  const name = nameOf(value as Hex, context);
  return name === null ? String(value) : `${name} (${value})`;
};
const DIGEST = ID;
const NUMBER: Text = (value) => grouped(String(value));
const QUOTED: Text = (value) => quoted(String(value));
const LEVEL: Text = (value) => `L${value}`;
const BPS: Text = (value) => `${formatUnits(BigInt(value as number), 2)} %`;
const PPM: Text = (value) => `${formatUnits(BigInt(value as number), 4)} %`;
const PERCENT: Text = (value) => `${value} %`;
const TIME: Text = (value) => {
  const seconds = BigInt(value as bigint | number);
  if (seconds === maxUint256) return 'never (2^256 - 1)';
  if (seconds > LAST_CALENDAR_SECOND)
    return `${grouped(String(seconds))} seconds after 1970, beyond any calendar`;
  return `${new Date(Number(seconds) * 1000).toISOString().replace('T', ' ').slice(0, -5)} UTC`;
};
const DURATION: Text = (value) => {
  let rest = BigInt(value as bigint | number);
  const parts: string[] = [];
  for (const [unit, length] of Object.entries(SECONDS)) {
    const count = rest / length;
    if (count > 0n) parts.push(`${grouped(String(count))} ${unit}${count === 1n ? '' : 's'}`);
    rest %= length;
  }
  if (rest > 0n || parts.length === 0) parts.push(`${rest} second${rest === 1n ? '' : 's'}`);
  return parts.join(' ');
};
const DECISION: Text = (value, scene) => {
  const word = DECISIONS[Number(value)];
  if (!word) scene.warnings.push(`There is no decision ${value}: it will be refused.`);
  return word ?? `unknown decision ${value}`;
};
const VOTE: Text = (value, scene) => {
  const word = SUPPORT[Number(value)];
  if (!word) scene.warnings.push(`There is no vote ${value}: it will be refused.`);
  return word ?? `unknown vote ${value}`;
};
const MASK: Text = (value) => {
  const bits = BigInt(value as bigint);
  const places = [];
  for (let place = 0n; place < 256n; place++) if ((bits >> place) & 1n) places.push(place);
  return places.length === 0 ? 'nobody' : `number ${places.join(', ')} of the list, counted from 0`;
};
const SIGNATURES: Text = (value) =>
  (value as [Hex, Hex][]).map(([r, vs]) => `${r}${vs.slice(2)}`).join(', ') || 'none';
const PAIR: Text = (value) => (value as [Hex, Hex]).map((part, i) => (i ? part.slice(2) : part)).join('');
const ROLE: Text = (value) => {
  if (value === maxUint64) return 'everybody (the public role)';
  const name = Object.entries(ROLES).find(([, number]) => number === value)?.[0];
  return name ? `${name} (role ${value})` : `role ${value}`;
};
const TIMELOCK_ROLES: Readonly<Record<Hex, string>> = Object.fromEntries([
  [`0x${'0'.repeat(64)}`, 'admin'],
  ...['PROPOSER_ROLE', 'CANCELLER_ROLE', 'EXECUTOR_ROLE'].map((role) => [
    keccak256(stringToHex(role)),
    role.slice(0, -5).toLowerCase(),
  ]),
]);
const TIMELOCK_ROLE: Text = (value) => `${TIMELOCK_ROLES[value as Hex] ?? 'unknown role'} (${value})`;
const SELECTORS: Text = (value, scene) =>
  (value as Hex[])
    .map((selector) => {
      const name = FUNCTION_NAMES.get(selector);
      if (!name) scene.warnings.push(`Unknown function ${selector}.`);
      return name ? `${name} (${selector})` : `unknown function ${selector}`;
    })
    .join(', ') || 'none';
const FUNCTION_NAMES = new Map(
  Object.values(SYSTEM).flatMap(({ abi }) =>
    (abi as Abi).flatMap((item) =>
      item.type === 'function' ? [[toFunctionSelector(item), item.name] as const] : [],
    ),
  ),
);

/** Exact, never through a floating-point number: 1,234.5 */
function decimal(value: bigint | number): string {
  const [whole, fraction] = formatUnits(BigInt(value), 18).split('.');
  return fraction === undefined ? grouped(whole!) : `${grouped(whole!)}.${fraction}`;
}

function grouped(digits: string): string {
  return digits.replaceAll(/\B(?=(\d{3})+$)/g, ',');
}

function addressed(address: Hex, { context }: Scene): string {
  if (!isAddress(address, { strict: false })) return quoted(String(address));
  const name = nameOf(address, context);
  const full = getAddress(address);
  return name === null ? full : `${name} (${full})`;
}

function short(value: Hex, { context }: Scene): string {
  const name = nameOf(value, context);
  return name ?? (value.length <= 14 ? value : `${value.slice(0, 6)}…${value.slice(-4)}`);
}

function nameOf(value: Hex, context: SigningContext): string | null {
  if (value === zeroAddress) return 'nobody';
  const contract = contractAt(value, context);
  if (contract) return contract;
  const wanted = value.toLowerCase();
  const found = Object.entries(context.names ?? {}).find(([key]) => key.toLowerCase() === wanted);
  return found ? quoted(found[1]).slice(1, -1) : null;
}

function contractAt(address: Hex, { addresses }: SigningContext): ContractName | null {
  const wanted = address.toLowerCase();
  const found = Object.entries(addresses).find(([, each]) => each.toLowerCase() === wanted);
  return found && Object.hasOwn(SYSTEM, found[0]) ? (found[0] as ContractName) : null;
}

/** Text by others in quotes; what would not be seen, or turns the reading direction, is spelled out. */
function quoted(text: string): string {
  return JSON.stringify(text).replaceAll(
    /[\p{C}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`,
  );
}

function spaced(name: string): string {
  const words = name
    .replace(/_$/, '')
    .replaceAll(/([a-z])([A-Z])/g, '$1 $2')
    .toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function bigintText(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}

// ------------------------------------------------------------------------------------------------------- the words

type Field = readonly [label: string, text: Text];

/** How arguments are shown: by their name, or by function or contract where the name says less there. */
const FIELDS: Readonly<Record<string, Field>> = {
  // Money.
  amount: ['Amount', AMOUNT],
  'AssayToken.value': ['Amount', AMOUNT],
  stakeAtRisk: ['Stake that one case puts at risk', AMOUNT],
  rewardPerObservation: ['Reward for one accepted observation', AMOUNT],
  challengeBond: ['Bond of a challenge', AMOUNT],
  newProposalThreshold: ['Votes that a proposer needs', AMOUNT],
  value: ['Ether', ETHER],
  values: [
    'Ether',
    (value, scene) => (value as bigint[]).map((each) => ETHER(each, scene)).join(', ') || 'none',
  ],
  // Who.
  to: ['To', ADDRESS],
  from: ['From', ADDRESS],
  owner: ['Owner', ADDRESS],
  account: ['Account', ADDRESS],
  spender: ['Who may take them', ADDRESS],
  delegatee: ['Who votes with them', ADDRESS],
  proposed: ['New controller', ADDRESS],
  anchorer: ['Anchorer', ADDRESS],
  signer: ['Signs the checkpoints', ADDRESS],
  reporter: ['Reporter', ADDRESS],
  voter: ['Voter', ADDRESS],
  caller: ['Caller', ADDRESS],
  target: ['Contract that is called', ADDRESS],
  targets: ['Contracts that are called', ADDRESSES],
  members: ['Members', ADDRESSES],
  newAuthority: ['New authority', ADDRESS],
  newTimelock: ['New timelock', ADDRESS],
  callerConfirmation: ['Account', ADDRESS],
  eas_: ['EAS', ADDRESS],
  providerId: ['Provider', ID],
  did: ['DID', QUOTED],
  // Verdicts.
  contractDigest: ['Data contract', DIGEST],
  root: ['Root hash', DIGEST],
  count: ['Number of verdicts', NUMBER],
  madeAt: ['Decided at', TIME],
  subject: ['Observation', DIGEST],
  statement: ['Statement of the verdict', DIGEST],
  decision: ['Decision', DECISION],
  'VerdictCourt.challenge.decision': ['Decision of the verdict', DECISION],
  'VerdictCourt.appeal.decision': ['Decision of the verdict', DECISION],
  claimed: ['Should have been', DECISION],
  level: ['Level', LEVEL],
  requiredLevel: ['Required level', LEVEL],
  index: ['Place in the batch', NUMBER],
  path: ['Inclusion proof', (value) => (value as Hex[]).join(', ') || 'empty'],
  consistency: ['Consistency proof', (value) => (value as Hex[]).join(', ') || 'empty'],
  evidence: ['Digest of the evidence', DIGEST],
  reasons: ['Digest of the reasons', DIGEST],
  caseId: ['Case', DIGEST],
  round: ['Round', NUMBER],
  epoch: ['Epoch of the committee', NUMBER],
  threshold: ['Signatures needed', NUMBER],
  signers: ['Signed by', MASK],
  rvs: ['Signatures', SIGNATURES],
  potId: ['Pot', DIGEST],
  // Sampling.
  task: ['Task', DIGEST],
  taskId: ['Task', DIGEST],
  commitment: ['Commitment', DIGEST],
  output: ['Output', DIGEST],
  salt: ['Salt', (value) => String(value)],
  plants: ['Tree of planted tasks', DIGEST],
  place: ['Place among the drawn', NUMBER],
  validators: ['Validators', (value) => (Array.isArray(value) ? value.join(', ') : NUMBER(value, NOWHERE))],
  computeCost: ['Most that a computation costs', AMOUNT],
  lieGain: ['Most that a lie is worth', AMOUNT],
  providerReward: ['Reward of the provider', AMOUNT],
  validatorsReward: ['Reward of all validators together', AMOUNT],
  providerStake: ['Stake of the provider', AMOUNT],
  validatorStake: ['Stake of a validator', AMOUNT],
  plantedPpm: ['Part of drawn tasks that are planted', PPM],
  colludingBps: ['Validators that may collude', BPS],
  stepSeconds: ['Time for each step', DURATION],
  // Parameters.
  rulingSeconds: ['Time to rule', DURATION],
  appealSeconds: ['Time to appeal', DURATION],
  disputeSeconds: ['Time to challenge', DURATION],
  maxStalenessSeconds: ['A value is stale after', DURATION],
  burnBps: ['Part of what is lost that is destroyed', BPS],
  challengerBps: ['Part of a slash for the challenger', BPS],
  feeBps: ['Part of a reward for the treasury', BPS],
  maxDeviationBps: ['Largest distance from the median', BPS],
  samplingPpm: ['Part of observations computed again', PPM],
  minimum: ['Smallest value, with these decimals', NUMBER],
  maximum: ['Largest value, with these decimals', NUMBER],
  // Governance.
  proposalId: ['Proposal', (value) => String(value)],
  support: ['Vote', VOTE],
  reason: ['Reason', QUOTED],
  description: ['Description', QUOTED],
  descriptionHash: ['Digest of the description', DIGEST],
  newVotingDelay: ['From proposal to vote', DURATION],
  newVotingPeriod: ['Time to vote', DURATION],
  newVoteExtension: ['Time left once a quorum is reached', DURATION],
  newQuorumNumerator: ['Share that must vote', PERCENT],
  newDelay: ['New delay', DURATION],
  delay: ['Delay', DURATION],
  executionDelay: ['Delay of its calls', DURATION],
  when: ['When', TIME],
  deadline: ['Can be used until', TIME],
  expiry: ['Can be used until', TIME],
  roleId: ['Role', ROLE],
  admin: ['Administered by', ROLE],
  guardian: ['Guarded by', ROLE],
  'TimelockController.role': ['Role', TIMELOCK_ROLE],
  label: ['Label', QUOTED],
  selectors: ['Functions', SELECTORS],
  // Logs.
  origin: ['Log', QUOTED],
  originId: ['Log', ID],
  size: ['Entries', NUMBER],
  rootA: ['First root hash', DIGEST],
  rootB: ['Second root hash', DIGEST],
  signatureA: ['First signature', PAIR],
  signatureB: ['Second signature', PAIR],
  'VerdictCourt.root': ['Root hash of the batch', DIGEST],
};

const GOVERNANCE = 'Only the timelock may do this, after a vote.';
const COURTS = 'Only a court of the system may do this.';
const REGISTRAR = 'Only the registrar or the timelock may do this.';
const HOOK = 'It changes nothing.';

/** A sentence for each function that changes something, and notes about what follows from it. */
const SENTENCES: Readonly<Partial<Record<ContractName, Readonly<Record<string, readonly string[]>>>>> = {
  AssayToken: {
    approve: ['Let {spender} take {value} of your tokens', 'It stays allowed until it is used or set to 0.'],
    burn: ['Destroy {value} of your tokens', 'They are gone for ever.'],
    burnFrom: ['Destroy {value} of the tokens of {account}', 'They are gone for ever.'],
    delegate: ['Let {delegatee} vote with your tokens', 'Only votes are handed over; the tokens stay yours.'],
    delegateBySig: ['Let {delegatee} vote with the tokens of whoever signed'],
    permit: ['Let {spender} take {value} of the tokens of {owner}'],
    transfer: ['Give {value} to {to}'],
    transferFrom: ['Move {value} from {from} to {to}'],
  },
  ProviderRegistry: {
    register: ['Become the controller of the provider {did}'],
    proposeController: [
      'Offer provider {providerId} to {proposed}',
      'Once accepted, the new controller has the stake and the rewards.',
    ],
    acceptController: ['Take provider {providerId} over'],
  },
  StakeVault: {
    stake: [
      'Stake {amount} behind provider {providerId}',
      "Courts can take it when the provider's data is found wrong. Only the provider's controller can take it out again, 21 days after asking.",
    ],
    beginUnbonding: [
      'Start to take {amount} out of the stake of provider {providerId}',
      'It can still be taken by courts for 21 days. The time starts again for all that is on its way out.',
    ],
    cancelUnbonding: ['Keep the stake of provider {providerId} that was on its way out'],
    withdraw: ['Take out the stake of provider {providerId} that finished unbonding', 'It goes to you.'],
    claim: ['Pay out all that you are owed to {to}'],
    fundRewards: ['Give {amount} to the pool that rewards are paid from', 'You cannot take it back.'],
    lock: ['Lock {amount} of the stake of provider {providerId}', COURTS],
    unlock: ['Unlock {amount} of the stake of provider {providerId}', COURTS],
    seize: ['Slash {amount} of the stake of provider {providerId}', COURTS],
    collect: ['Collect a bond of {amount} from {from}', COURTS],
    pay: ['Credit {amount} to {to}', COURTS],
    burn: ['Destroy {amount} of a pot', COURTS],
    reward: ['Reward {to} with {amount}', COURTS],
    reserve: ['Set {amount} of the reward pool aside', COURTS],
    setAuthority: ['Hand the vault to the authority {newAuthority}'],
  },
  QualityCriteria: {
    set: ['Put the data contract {contractDigest} into force', GOVERNANCE],
    retire: ['End the data contract {contractDigest}', GOVERNANCE],
    setAuthority: ['Hand the criteria to the authority {newAuthority}'],
  },
  VerdictCourt: {
    post: ['Post {batch.count} verdicts under the data contract {batch.contractDigest}'],
    finalise: ['Make the verdict on observation {proof.verdict.subject} final'],
    challenge: [
      'Challenge the verdict on observation {proof.verdict.subject}: it should have been {claimed}',
      'You pay a bond, and lose it when the reviewers decide otherwise.',
    ],
    rule: ['Record that reviewers decided {decision} on observation {proof.verdict.subject}'],
    appeal: [
      'Appeal the ruling on observation {proof.verdict.subject}',
      'You pay a bond twice as large as the one before, and lose it when the ruling stands.',
    ],
    settle: ['End the case about observation {proof.verdict.subject}', 'Who was wrong pays.'],
    setParameters: ['Change bonds, times and shares of disputes', GOVERNANCE],
    setCommittee: ['Name the committee that posts verdicts', GOVERNANCE],
    setReviewers: ['Name the reviewers who rule on cases', GOVERNANCE],
    pause: ['Stop new verdicts', 'Only a guardian or the timelock may do this. Cases under way go on.'],
    unpause: ['Let verdicts be posted again', 'Only a guardian or the timelock may do this.'],
    setAuthority: ['Hand the court to the authority {newAuthority}'],
  },
  CheckpointAnchor: {
    anchor: ['Anchor log {originId} at {size} entries', "Only the log's anchorer may do this."],
    anchorWithHistory: [
      'Anchor log {originId} at {size} entries, and keep the root',
      "Only the log's anchorer may do this.",
    ],
    anchorProven: ['Anchor log {origin} at {size} entries on the word of its witnesses'],
    proveEquivocation: [
      'Show that the operator of log {origin} signed two trees of {size} entries',
      "All of the operator's stake is slashed.",
    ],
    registerOrigin: ['Register log {origin} with the anchorer {anchorer}', REGISTRAR],
    setOperator: ['Make {signer} answer for log {originId}', REGISTRAR],
    setWitnesses: ['Name the witnesses of log {originId}', REGISTRAR],
    takeStake: ['Take the stake behind a fork', 'Only the contract itself may do this.'],
    setAuthority: ['Hand the anchors to the authority {newAuthority}'],
  },
  EasAdapter: {
    anchor: [
      'Anchor log {originId} at {size} entries, and tell EAS',
      'Only whom the authority lets may do this.',
    ],
    setEas: ['Say that EAS is at {eas_}', GOVERNANCE],
    setAuthority: ['Hand the adapter to the authority {newAuthority}'],
  },
  InclusionProof: {},
  DrandBeacon: { record: ['Bring round {round} of drand', 'Anybody may; the signature decides.'] },
  PrevrandaoBeacon: { record: ['Bring the randomness of block {round}', 'Anybody may; the header decides.'] },
  SamplingCourt: {
    setTerms: ['Change the terms under which {contractDigest} is computed again', GOVERNANCE],
    setValidators: ['Name who may be drawn to compute again', GOVERNANCE],
    setReviewers: ['Name the reviewers who rule on tasks', GOVERNANCE],
    postPlants: ['Post the root of a tree of planted tasks', 'Reviewers signed it.'],
    request: [
      'Ask provider {providerId} to compute {task}',
      'You pay its reward and the validators; what is not earned comes back to you.',
    ],
    commit: [
      'Commit to the output of task {taskId}',
      'Your stake is locked. You lose it when the output is wrong, or when you are drawn and do not reveal it.',
    ],
    draw: ['Draw who computes task {taskId} again'],
    commitCheck: [
      'Commit to what you found for task {taskId}',
      'You lose your stake when it is wrong, or when you do not reveal it.',
    ],
    reveal: ['Reveal the output of task {taskId}'],
    revealCheck: ['Reveal what you found for task {taskId}'],
    rule: ['Record what reviewers found right for task {taskId}'],
    settle: ['End task {taskId}', 'Who was wrong or silent pays.'],
    setAuthority: ['Hand the sampling court to the authority {newAuthority}'],
  },
  AssayGovernor: {
    propose: ['Propose {description}'],
    castVote: ['Vote {support} proposal {proposalId}'],
    castVoteWithReason: ['Vote {support} proposal {proposalId} and say why'],
    castVoteWithReasonAndParams: ['Vote {support} proposal {proposalId} and say why'],
    castVoteBySig: ['Hand in the signed vote of {voter}: {support} proposal {proposalId}'],
    castVoteWithReasonAndParamsBySig: ['Hand in the signed vote of {voter}: {support} proposal {proposalId}'],
    queue: ['Put an accepted proposal into the timelock'],
    execute: ['Carry out a proposal that waited long enough'],
    cancel: ['Cancel a proposal', 'Only its proposer may, before the vote begins.'],
    relay: ['Have the governor itself make a call', GOVERNANCE],
    setLateQuorumVoteExtension: [
      'Set the time left once a quorum is reached to {newVoteExtension}',
      GOVERNANCE,
    ],
    setProposalThreshold: ['Set the votes that a proposer needs to {newProposalThreshold}', GOVERNANCE],
    setVotingDelay: ['Set the time from proposal to vote to {newVotingDelay}', GOVERNANCE],
    setVotingPeriod: ['Set the time to vote to {newVotingPeriod}', GOVERNANCE],
    updateQuorumNumerator: ['Set the share that must vote to {newQuorumNumerator}', GOVERNANCE],
    updateTimelock: ['Replace the timelock by {newTimelock}', GOVERNANCE],
    onERC721Received: ['Tell the governor of a token', HOOK],
    onERC1155Received: ['Tell the governor of a token', HOOK],
    onERC1155BatchReceived: ['Tell the governor of tokens', HOOK],
  },
  TimelockController: {
    schedule: ['Have the timelock make a call after {delay}', 'Only the governor may do this.'],
    scheduleBatch: ['Have the timelock make calls after {delay}', 'Only the governor may do this.'],
    execute: ['Have the timelock make a call that waited long enough'],
    executeBatch: ['Have the timelock make calls that waited long enough'],
    cancel: ['Cancel what the timelock was to do', 'Only the governor may do this.'],
    grantRole: ['Give the role {role} of the timelock to {account}', GOVERNANCE],
    revokeRole: ['Take the role {role} of the timelock from {account}', GOVERNANCE],
    renounceRole: ['Give up the role {role} of the timelock'],
    updateDelay: ['Make the timelock wait {newDelay}', GOVERNANCE],
    onERC721Received: ['Tell the timelock of a token', HOOK],
    onERC1155Received: ['Tell the timelock of a token', HOOK],
    onERC1155BatchReceived: ['Tell the timelock of tokens', HOOK],
  },
  AccessManager: {
    cancel: ['Cancel a scheduled call'],
    consumeScheduledOp: ['Use up a scheduled call', 'Only the called contract may do this.'],
    execute: ['Have the access manager make a call'],
    schedule: ['Schedule a call for later'],
    multicall: ['Make several calls to the access manager'],
    grantRole: ['Give {account} the {roleId}', GOVERNANCE],
    revokeRole: ['Take the {roleId} from {account}', GOVERNANCE],
    renounceRole: ['Give up the {roleId}'],
    labelRole: ['Name the {roleId}', GOVERNANCE],
    setGrantDelay: ['Let the {roleId} begin {newDelay} after it is given', GOVERNANCE],
    setRoleAdmin: ['Let another role administer the {roleId}', GOVERNANCE],
    setRoleGuardian: ['Let another role guard the {roleId}', GOVERNANCE],
    setTargetAdminDelay: ['Let changes to {target} wait {newDelay}', GOVERNANCE],
    setTargetClosed: ['Open or close {target} for everybody', GOVERNANCE],
    setTargetFunctionRole: ['Let the {roleId} call functions of {target}', GOVERNANCE],
    updateAuthority: ['Hand {target} to the authority {newAuthority}', GOVERNANCE],
  },
};

/** Every function that changes something has its sentence, or none of its contract has. */
export function hasWords(contract: ContractName, functionName: string): boolean {
  return SENTENCES[contract]?.[functionName] !== undefined;
}

type Caution = (args: Record<string, unknown>, context: SigningContext) => string[];

const allowance: Caution = ({ spender, value }, context) => [
  ...(contractAt(spender as Hex, context) === 'StakeVault'
    ? []
    : ['Who may take the tokens is not the vault of the system: it can take them at any time.']),
  ...((value as bigint) >= 2n ** 255n
    ? ['Unlimited: all tokens that you have, now and later, can be taken.']
    : []),
];
const newAuthority: Caution = () => ['Whoever is the authority can do everything with this contract.'];
const votesHandedOver: Caution = ({ delegatee }) =>
  delegatee === zeroAddress ? ['Nobody votes with your tokens then.'] : [];

/** What to think about, by function. */
const CAUTIONS: Readonly<Record<string, Caution>> = {
  'AssayToken.approve': allowance,
  'AssayToken.permit': allowance,
  'AssayToken.delegate': votesHandedOver,
  'AssayToken.transfer': ({ to }, context) => {
    const contract = contractAt(to as Hex, context);
    if (!contract || contract === 'TimelockController') return [];
    return [`Tokens that are sent to ${contract} like this belong to nobody and are lost.`];
  },
  'ProviderRegistry.proposeController': () => ['Whoever accepts has all of the stake.'],
  'StakeVault.setAuthority': newAuthority,
  'QualityCriteria.setAuthority': newAuthority,
  'VerdictCourt.setAuthority': newAuthority,
  'SamplingCourt.setAuthority': newAuthority,
  'CheckpointAnchor.setAuthority': newAuthority,
  'EasAdapter.setAuthority': newAuthority,
  'AccessManager.updateAuthority': newAuthority,
  'AssayGovernor.updateTimelock': () => ['The timelock holds the treasury and every role.'],
  'AssayGovernor.propose': ({ targets, values, calldatas }) =>
    (targets as []).length === (values as []).length && (targets as []).length === (calldatas as []).length
      ? []
      : ['Contracts, amounts and calls are not equally many: it will be refused.'],
  'AccessManager.grantRole': ({ roleId }) =>
    roleId === ROLES.admin
      ? ['An admin can give itself every role.']
      : roleId === ROLES.court
        ? ['A court can take every stake.']
        : [],
  'AccessManager.setTargetFunctionRole': ({ roleId }) =>
    roleId === maxUint64 ? ['Everybody may call these functions then.'] : [],
};

interface Message {
  name: string;
  /** The members as EIP-712 hashes them; a message of this name with others is another message. */
  type: string;
  title: string;
  contract: ContractName;
  /** `chainless`: holds on every chain and for no contract, on purpose. */
  domain: { name: string; version: string; chainless?: true };
  cautions?: Caution;
}

const MESSAGES: readonly Message[] = [
  {
    name: 'VerdictBatch',
    type: 'bytes32 contractDigest,bytes32 root,uint64 count,uint48 madeAt,uint64 epoch',
    title: 'As a verifier, decide {count} verdicts under the data contract {contractDigest}',
    contract: 'VerdictCourt',
    domain: { name: 'Assay VerdictCourt', version: '1' },
  },
  {
    name: 'Ruling',
    type: 'bytes32 caseId,bytes32 contractDigest,bytes32 subject,uint8 round,uint8 decision,bytes32 reasons,uint64 epoch',
    title: 'As a reviewer, rule {decision} on observation {subject}',
    contract: 'VerdictCourt',
    domain: { name: 'Assay VerdictCourt', version: '1' },
  },
  {
    name: 'Checkpoint',
    type: 'string origin,uint64 size,bytes32 root',
    title: 'Say that log {origin} has this tree of {size} entries, and never had another of this size',
    contract: 'CheckpointAnchor',
    domain: { name: 'Assay Checkpoint', version: '1', chainless: true },
    cautions: () => ['It holds on every chain. Two trees of one size cost the operator all of its stake.'],
  },
  {
    name: 'Permit',
    type: 'address owner,address spender,uint256 value,uint256 nonce,uint256 deadline',
    title: 'Let {spender} take {value} of the tokens of {owner}',
    contract: 'AssayToken',
    domain: { name: 'Assay', version: '1' },
    cautions: allowance,
  },
  {
    name: 'Delegation',
    type: 'address delegatee,uint256 nonce,uint256 expiry',
    title: 'Let {delegatee} vote with your tokens',
    contract: 'AssayToken',
    domain: { name: 'Assay', version: '1' },
    cautions: votesHandedOver,
  },
  {
    name: 'Ballot',
    type: 'uint256 proposalId,uint8 support,address voter,uint256 nonce',
    title: 'Vote {support} proposal {proposalId}',
    contract: 'AssayGovernor',
    domain: { name: 'Assay Governor', version: '1' },
  },
  {
    name: 'Ruling',
    type: 'bytes32 taskId,bytes32 output,bytes32 plants,bytes32 reasons,uint64 epoch',
    title: 'As a reviewer, rule that {output} is right for task {taskId}',
    contract: 'SamplingCourt',
    domain: { name: 'Assay SamplingCourt', version: '1' },
  },
  {
    name: 'Plants',
    type: 'bytes32 root,uint64 epoch',
    title: 'As a reviewer, post a tree of planted tasks',
    contract: 'SamplingCourt',
    domain: { name: 'Assay SamplingCourt', version: '1' },
  },
];

/** A signature for one chain and contract must not be taken for one for another. */
function domainWarnings(domain: TypedData['domain'], known: Message, context: SigningContext): string[] {
  const { contract, domain: expected } = known;
  const warnings: string[] = [];
  if (domain.name !== expected.name || domain.version !== expected.version || domain.salt !== undefined)
    warnings.push(`It is not for ${expected.name}, version ${expected.version}.`);
  if (expected.chainless) {
    if (domain.chainId !== undefined || domain.verifyingContract !== undefined)
      warnings.push('It names a chain or a contract, which this message never does: no contract accepts it.');
    return warnings;
  }
  if (domain.chainId === undefined) warnings.push('It names no chain: it may hold on every chain.');
  else if (BigInt(domain.chainId) !== BigInt(context.chainId))
    warnings.push(`It is for chain ${domain.chainId}, not for chain ${context.chainId}.`);
  if (domain.verifyingContract === undefined) warnings.push('It names no contract.');
  else if (contractAt(domain.verifyingContract, context) !== contract)
    warnings.push(`It is not for the system's ${contract}: unknown contract ${domain.verifyingContract}.`);
  return warnings;
}
