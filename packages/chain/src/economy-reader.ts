import { type ContractName, SYSTEM } from '@assay/contracts';
import { AssayError } from '@assay/core';
import {
  type Abi,
  createPublicClient,
  decodeFunctionData,
  type Hex,
  http,
  type Log,
  type PublicClient,
  parseEventLogs,
} from 'viem';
import type { ContractsFile } from './economy.ts';

const TIMEOUT_MS = 10_000;
/** Many endpoints refuse to search more blocks at once. */
const BLOCKS_AT_ONCE = 2_000n;
/** A reorganisation may replace so many blocks; their events are read again each time. */
const UNSETTLED_BLOCKS = 64n;
const DECISIONS = ['none', 'accept', 'flag', 'reject'] as const;
const PROPOSAL_STATES = [
  'pending',
  'active',
  'canceled',
  'defeated',
  'succeeded',
  'queued',
  'expired',
  'executed',
] as const;

export type Decision = 'accept' | 'flag' | 'reject';

/** What both views begin with. Amounts are decimal strings in the token's smallest unit, times RFC 3339. */
export interface EconomyBase {
  chain: { chainId: number; name: string; simulated: boolean; blockNumber: number; at: string };
  error: null;
  token: { address: string; symbol: 'ASSAY'; decimals: 18 };
  contracts: Record<string, string>;
}

export interface Dispute {
  caseId: string;
  subject: string;
  contractDigest: string;
  phase: 'ruling' | 'appealable' | 'settled' | 'unresolved';
  decision: Decision;
  claimed: Decision;
  ruling: Decision | null;
  challenger: string;
  bond: string;
  atRisk: string;
  appeals: number;
  deadline: string;
  /** Its time is over: anybody may settle it. */
  overdue: boolean;
  openedAt: string;
  transaction: string;
}

export interface ProviderState {
  id: string;
  did: string;
  name: string | null;
  controller: string;
  registeredAt: string;
  stake: { total: string; locked: string; unbonding: string; withdrawableAt: string | null };
  rewards: { credited: string; claimable: string };
  slashed: string;
  slashes: { amount: string; caseId: string | null; at: string; transaction: string }[];
  keys: { kind: 'did' | 'controller'; value: string; since: string }[];
  disputes: Dispute[];
}

export interface ProvidersState extends EconomyBase {
  unbondingSeconds: number;
  rewardPool: string;
  parameters: CourtParameters;
  providers: ProviderState[];
}

export interface CourtParameters {
  challengeBond: string;
  rulingSeconds: number;
  appealSeconds: number;
  burnBps: number;
  challengerBps: number;
  feeBps: number;
}

export interface ProposalState {
  id: string;
  proposer: string;
  title: string;
  description: string;
  state: (typeof PROPOSAL_STATES)[number];
  actions: { target: string; contract: string | null; words: string; data: string; value: string }[];
  votes: { for: string; against: string; abstain: string };
  snapshotAt: string;
  deadline: string;
  eta: string | null;
  transaction: string;
}

export interface GovernanceState extends EconomyBase {
  rules: {
    votingDelaySeconds: number;
    votingPeriodSeconds: number;
    timelockSeconds: number;
    proposalThreshold: string;
    quorumVotes: string;
    totalSupply: string;
  };
  parameters: {
    contract: string;
    name: string;
    value: string;
    unit: string;
    since: string;
    transaction: string | null;
  }[];
  committees: {
    role: 'verifiers' | 'reviewers';
    epoch: number;
    threshold: number;
    members: string[];
    since: string;
  }[];
  dataContracts: {
    digest: string;
    name: string | null;
    requiredLevel: number;
    disputeSeconds: number;
    samplingPpm: number;
    stakeAtRisk: string;
    rewardPerObservation: string;
    revision: number;
    since: string;
    inForce: boolean;
  }[];
  proposals: ProposalState[];
  treasury: { address: string; balance: string; claimable: string };
}

/** An event of one of the contracts, as a reader of this file needs it. */
interface Happened {
  contract: ContractName;
  name: string;
  // biome-ignore lint/suspicious/noExplicitAny: the contract's interface gives each event's own members.
  args: any;
  blockNumber: bigint;
  logIndex: number;
  transaction: Hex;
}

/**
 * Reads who staked, disputed, earned and decided from the chain alone: every answer is made of the contracts'
 * events and of calls at one block, so that anybody with an endpoint gets the same.
 *
 * @example
 * const reader = new EconomyReader({ place, developmentChain: true });
 * const { providers } = await reader.providers();
 */
export class EconomyReader {
  readonly #place: ContractsFile;
  readonly #client: PublicClient;
  readonly #simulated: boolean;
  readonly #names: ReadonlyMap<string, ContractName>;
  readonly #nameOf: (did: string) => string | null;
  readonly #contractNameOf: (digest: string) => string | null;
  readonly #times = new Map<bigint, string>();
  #events: Happened[] = [];
  #readUpTo: bigint;
  #reading: Promise<bigint> | null = null;

  constructor(options: {
    place: ContractsFile;
    developmentChain: boolean;
    /** What a provider is called here; null when it has no name. */
    nameOf?: (did: string) => string | null;
    /** What a data contract is called, by the hex of its digest. */
    contractNameOf?: (digest: string) => string | null;
  }) {
    this.#place = options.place;
    this.#simulated = options.developmentChain;
    this.#nameOf = options.nameOf ?? (() => null);
    this.#contractNameOf = options.contractNameOf ?? (() => null);
    this.#client = createPublicClient({
      transport: http(options.place.rpcUrl, { retryCount: 1, timeout: TIMEOUT_MS }),
      cacheTime: 0,
    });
    this.#names = new Map(
      Object.entries(options.place.addresses).map(([name, address]) => [
        address.toLowerCase(),
        name as ContractName,
      ]),
    );
    this.#readUpTo = BigInt(options.place.deployedAtBlock) - 1n;
  }

  /** Providers with their stake, rewards, slashes and disputes. @throws RPC_UNAVAILABLE */
  async providers(): Promise<ProvidersState> {
    return this.#answer(async (block) => {
      const [unbondingSeconds, rewardPool, parameters] = await Promise.all([
        this.#read(block, 'StakeVault', 'unbondingSeconds'),
        this.#read(block, 'StakeVault', 'rewardPool'),
        this.#read(block, 'VerdictCourt', 'parameters'),
      ]);
      const registered = this.#of('ProviderRegistry', 'ProviderRegistered');
      return {
        ...(await this.#base(block)),
        unbondingSeconds: Number(unbondingSeconds),
        rewardPool: String(rewardPool),
        parameters: courtParameters(parameters as readonly (bigint | number)[]),
        providers: await Promise.all(registered.map((event) => this.#provider(block, event))),
      };
    });
  }

  /** What is in force since when, what is proposed, and what the treasury holds. @throws RPC_UNAVAILABLE */
  async governance(): Promise<GovernanceState> {
    return this.#answer(async (block) => {
      const { timestamp } = await this.#client.getBlock({ blockNumber: block });
      const timelock = this.#place.addresses.TimelockController!;
      const [delay, period, timelockSeconds, threshold, quorum, supply, balance, claimable] =
        (await Promise.all([
          this.#read(block, 'AssayGovernor', 'votingDelay'),
          this.#read(block, 'AssayGovernor', 'votingPeriod'),
          this.#read(block, 'TimelockController', 'getMinDelay'),
          this.#read(block, 'AssayGovernor', 'proposalThreshold'),
          this.#read(block, 'AssayGovernor', 'quorum', timestamp - 1n),
          this.#read(block, 'AssayToken', 'totalSupply'),
          this.#read(block, 'AssayToken', 'balanceOf', timelock),
          this.#read(block, 'StakeVault', 'owed', timelock),
        ])) as bigint[];
      return {
        ...(await this.#base(block)),
        rules: {
          votingDelaySeconds: Number(delay),
          votingPeriodSeconds: Number(period),
          timelockSeconds: Number(timelockSeconds),
          proposalThreshold: String(threshold),
          quorumVotes: String(quorum),
          totalSupply: String(supply),
        },
        parameters: await this.#parameters(),
        committees: await this.#committees(),
        dataContracts: await this.#dataContracts(),
        proposals: await Promise.all(
          this.#of('AssayGovernor', 'ProposalCreated')
            .reverse()
            .map((event) => this.#proposal(block, event)),
        ),
        treasury: { address: timelock, balance: String(balance), claimable: String(claimable) },
      };
    });
  }

  async #provider(block: bigint, registered: Happened): Promise<ProviderState> {
    const { providerId: id, controller: first, did } = registered.args;
    const since = await this.#time(registered.blockNumber);
    const changes = this.#of('ProviderRegistry', 'ControllerChanged', { providerId: id });
    const controller = (changes.at(-1)?.args.current ?? first) as Hex;
    const [[total, locked, unbonding, withdrawableAt], claimable] = (await Promise.all([
      this.#read(block, 'StakeVault', 'stakeOf', id),
      this.#read(block, 'StakeVault', 'owed', controller),
    ])) as [[bigint, bigint, bigint, number], bigint];
    const slashed = this.#of('StakeVault', 'Slashed', { providerId: id });
    const rewarded = this.#of('StakeVault', 'Rewarded', { to: controller });
    return {
      id,
      did,
      name: this.#nameOf(did),
      controller,
      registeredAt: since,
      stake: {
        total: String(total),
        locked: String(locked),
        unbonding: String(unbonding),
        withdrawableAt: withdrawableAt === 0 ? null : instant(withdrawableAt),
      },
      rewards: { credited: sumOf(rewarded, 'amount'), claimable: String(claimable) },
      slashed: sumOf(slashed, 'amount'),
      slashes: await Promise.all(
        slashed.map(async ({ args, blockNumber, transaction }) => ({
          amount: String(args.amount),
          caseId: this.#nameAt(args.court) === 'VerdictCourt' ? args.potId : null,
          at: await this.#time(blockNumber),
          transaction,
        })),
      ),
      keys: [
        { kind: 'did', value: did, since },
        {
          kind: 'controller',
          value: controller,
          since: changes.length > 0 ? await this.#time(changes.at(-1)!.blockNumber) : since,
        },
      ],
      disputes: await Promise.all(
        this.#of('VerdictCourt', 'VerdictChallenged', { providerId: id })
          .reverse()
          .map((event) => this.#dispute(block, event)),
      ),
    };
  }

  async #dispute(block: bigint, challenged: Happened): Promise<Dispute> {
    const { caseId, challenger, batch, verdict, opened } = challenged.args;
    let phase: Dispute['phase'] = 'ruling';
    let deadline = Number(opened.deadline);
    let ruling: Decision | null = null;
    let appeals = 0;
    for (const { name, args } of this.#events) {
      if (args.caseId !== caseId) continue;
      if (name === 'Ruled')
        [phase, ruling, deadline] = ['appealable', decisionOf(args.decision), Number(args.appealableUntil)];
      if (name === 'Appealed') [phase, appeals, deadline] = ['ruling', args.round, Number(args.deadline)];
      if (name === 'CaseSettled') phase = args.decision === 0 ? 'unresolved' : 'settled';
    }
    const { timestamp } = await this.#client.getBlock({ blockNumber: block });
    const open = phase === 'ruling' || phase === 'appealable';
    return {
      caseId,
      subject: verdict.subject,
      contractDigest: batch.contractDigest,
      phase,
      decision: decisionOf(verdict.decision),
      claimed: decisionOf(opened.claimed),
      ruling,
      challenger,
      bond: String(opened.bond),
      atRisk: String(opened.atRisk),
      appeals,
      deadline: instant(deadline),
      overdue: open && Number(timestamp) > deadline,
      openedAt: await this.#time(challenged.blockNumber),
      transaction: challenged.transaction,
    };
  }

  async #proposal(block: bigint, { args, transaction }: Happened): Promise<ProposalState> {
    const id = args.proposalId as bigint;
    const [state, [against, inFavour, abstain], eta, deadline] = (await Promise.all([
      this.#read(block, 'AssayGovernor', 'state', id),
      this.#read(block, 'AssayGovernor', 'proposalVotes', id),
      this.#read(block, 'AssayGovernor', 'proposalEta', id),
      this.#read(block, 'AssayGovernor', 'proposalDeadline', id),
    ])) as [number, [bigint, bigint, bigint], bigint, bigint];
    const description = args.description as string;
    return {
      id: String(id),
      proposer: args.proposer,
      title: description
        .split('\n')[0]!
        .replace(/^#+\s*/, '')
        .slice(0, 160),
      description,
      state: PROPOSAL_STATES[state]!,
      actions: (args.targets as Hex[]).map((target, place) => ({
        target,
        contract: this.#nameAt(target),
        words: this.#words(target, args.calldatas[place]),
        data: args.calldatas[place] as string,
        value: String(args.values[place]),
      })),
      votes: { for: String(inFavour), against: String(against), abstain: String(abstain) },
      snapshotAt: instant(Number(args.voteStart)),
      deadline: instant(Number(deadline)),
      eta: eta === 0n ? null : instant(Number(eta)),
      transaction,
    };
  }

  /** A call as its contract names it; what cannot be read is shown as it is. */
  #words(target: Hex, data: Hex): string {
    const contract = this.#nameAt(target);
    if (!contract) return `call ${target} with ${data}`;
    try {
      const { functionName, args = [] } = decodeFunctionData({ abi: SYSTEM[contract].abi as Abi, data });
      return `${contract}.${functionName}(${args.map(spelled).join(', ')})`;
    } catch {
      return `call ${contract} with ${data}`;
    }
  }

  async #parameters(): Promise<GovernanceState['parameters']> {
    const set = this.#of('VerdictCourt', 'ParametersSet').at(-1);
    if (!set) return [];
    const since = await this.#time(set.blockNumber);
    return Object.entries(set.args.parameters as Record<string, bigint | number>).map(([name, value]) => ({
      contract: 'VerdictCourt',
      name,
      value: String(value),
      unit: name.endsWith('Bps') ? 'basis points' : name.endsWith('Seconds') ? 'seconds' : 'ASSAY',
      since,
      transaction: set.transaction,
    }));
  }

  async #committees(): Promise<GovernanceState['committees']> {
    const found = [];
    for (const [name, role] of [
      ['CommitteeSet', 'verifiers'],
      ['ReviewersSet', 'reviewers'],
    ] as const) {
      const set = this.#of('VerdictCourt', name).at(-1);
      if (!set) continue;
      const { epoch, threshold, members } = set.args;
      found.push({
        role,
        epoch: Number(epoch),
        threshold,
        members: [...members],
        since: await this.#time(set.blockNumber),
      });
    }
    return found;
  }

  async #dataContracts(): Promise<GovernanceState['dataContracts']> {
    const newest = new Map(
      this.#of('QualityCriteria', 'CriteriaSet').map((event) => [event.args.contractDigest as Hex, event]),
    );
    return Promise.all(
      [...newest].map(async ([digest, { args, blockNumber }]) => {
        const retired = this.#of('QualityCriteria', 'ContractRetired', { contractDigest: digest }).at(-1);
        const inForce = !retired || retired.args.revision < args.revision;
        return {
          digest,
          name: this.#contractNameOf(digest),
          requiredLevel: args.criteria.requiredLevel,
          disputeSeconds: args.criteria.disputeSeconds,
          samplingPpm: args.criteria.samplingPpm,
          stakeAtRisk: String(args.criteria.stakeAtRisk),
          rewardPerObservation: String(args.criteria.rewardPerObservation),
          revision: inForce ? args.revision : retired.args.revision,
          since: await this.#time(inForce ? blockNumber : retired.blockNumber),
          inForce,
        };
      }),
    );
  }

  async #base(block: bigint): Promise<EconomyBase> {
    const { chainId, addresses } = this.#place;
    return {
      chain: {
        chainId,
        name: this.#simulated ? 'development chain' : `chain ${chainId}`,
        simulated: this.#simulated,
        blockNumber: Number(block),
        at: await this.#time(block),
      },
      error: null,
      token: { address: addresses.AssayToken!, symbol: 'ASSAY', decimals: 18 },
      contracts: { ...addresses },
    };
  }

  /** Brings the events up to date, then answers for that block. */
  async #answer<T>(make: (block: bigint) => Promise<T>): Promise<T> {
    try {
      this.#reading ??= this.#catchUp().finally(() => {
        this.#reading = null;
      });
      return await make(await this.#reading);
    } catch (error) {
      if (error instanceof AssayError) throw error;
      throw new AssayError(
        'RPC_UNAVAILABLE',
        `the chain could not be read: ${(error as { shortMessage?: string }).shortMessage ?? (error as Error).message}`,
        { next: 'look at the endpoint; what was read before is not shown as if it were new', cause: error },
      );
    }
  }

  async #catchUp(): Promise<bigint> {
    const chainId = await this.#client.getChainId();
    if (chainId !== this.#place.chainId) {
      throw new AssayError(
        'RPC_UNAVAILABLE',
        `expected chain ${this.#place.chainId}, the endpoint serves ${chainId}`,
        { next: 'name an endpoint of the right chain' },
      );
    }
    const latest = await this.#client.getBlockNumber();
    const start = BigInt(this.#place.deployedAtBlock);
    const settled = this.#readUpTo < latest ? this.#readUpTo : latest;
    const from = settled - UNSETTLED_BLOCKS > start ? settled - UNSETTLED_BLOCKS : start;
    const found: Happened[] = [];
    for (let first = from; first <= latest; first += BLOCKS_AT_ONCE) {
      const last = first + BLOCKS_AT_ONCE - 1n < latest ? first + BLOCKS_AT_ONCE - 1n : latest;
      const logs = await this.#client.getLogs({
        address: Object.values(this.#place.addresses),
        fromBlock: first,
        toBlock: last,
      });
      for (const log of logs) found.push(...this.#decoded(log));
    }
    this.#events = [...this.#events.filter(({ blockNumber }) => blockNumber < from), ...found];
    for (const block of this.#times.keys()) if (block >= from) this.#times.delete(block);
    this.#readUpTo = latest;
    return latest;
  }

  #decoded(log: Log<bigint, number, false>): Happened[] {
    const contract = this.#nameAt(log.address);
    if (!contract) return [];
    const { blockNumber, logIndex, transactionHash: transaction } = log;
    return parseEventLogs({ abi: SYSTEM[contract].abi as Abi, logs: [log] }).map(
      ({ eventName: name, args }) => ({ contract, name: name!, args, blockNumber, logIndex, transaction }),
    );
  }

  /** Events of a name whose members have these values. */
  #of(contract: ContractName, name: string, values: Record<string, unknown> = {}): Happened[] {
    return this.#events.filter(
      (event) =>
        event.contract === contract &&
        event.name === name &&
        Object.entries(values).every(([member, value]) => event.args[member] === value),
    );
  }

  #nameAt(address: Hex): ContractName | null {
    return this.#names.get(address.toLowerCase()) ?? null;
  }

  #read(block: bigint, contract: ContractName, functionName: string, ...args: unknown[]): Promise<unknown> {
    return this.#client.readContract({
      address: this.#place.addresses[contract]!,
      abi: SYSTEM[contract].abi as Abi,
      functionName,
      args,
      blockNumber: block,
    });
  }

  async #time(block: bigint): Promise<string> {
    const known = this.#times.get(block);
    if (known) return known;
    const { timestamp } = await this.#client.getBlock({ blockNumber: block });
    const time = instant(Number(timestamp));
    this.#times.set(block, time);
    return time;
  }
}

function courtParameters(values: readonly (bigint | number)[]): CourtParameters {
  const [challengeBond, rulingSeconds, appealSeconds, burnBps, challengerBps, feeBps] = values;
  return {
    challengeBond: String(challengeBond),
    rulingSeconds: Number(rulingSeconds),
    appealSeconds: Number(appealSeconds),
    burnBps: Number(burnBps),
    challengerBps: Number(challengerBps),
    feeBps: Number(feeBps),
  };
}

function decisionOf(code: number): Decision {
  return DECISIONS[code] as Decision;
}

function sumOf(events: readonly Happened[], member: string): string {
  return String(events.reduce((sum, { args }) => sum + (args[member] as bigint), 0n));
}

function spelled(value: unknown): string {
  return JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? String(part) : part));
}

function instant(seconds: number): string {
  return `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`;
}
