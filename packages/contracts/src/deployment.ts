import {
  type Abi,
  type AbiFunction,
  type ContractConstructorArgs,
  concat,
  type EncodeDeployDataParameters,
  encodeDeployData,
  encodeFunctionData,
  getAbiItem,
  getCreate2Address,
  type Hex,
  keccak256,
  stringToHex,
  toFunctionSelector,
  zeroAddress,
} from 'viem';
import {
  AccessManager,
  AssayGovernor,
  AssayToken,
  CheckpointAnchor,
  DrandBeacon,
  EasAdapter,
  InclusionProof,
  PrevrandaoBeacon,
  ProviderRegistry,
  QualityCriteria,
  SamplingCourt,
  StakeVault,
  TimelockController,
  VerdictCourt,
} from './artifacts.ts';
import type { SamplingTerms } from './sampling-economics.ts';

/** Arachnid's deterministic deployment proxy: the same address on almost every EVM chain, and on anvil. */
export const CREATE2_DEPLOYER = '0x4e59b44847b379578588920ca78fbf26c0b4956c';
const SALT: Hex = `0x${'0'.repeat(64)}`;

/** How far the real time may be ahead of a block's. */
const CLOCK_MARGIN_SECONDS = 60n;

/**
 * The drand network that draws, every three seconds, with the scheme bls-unchained-g1-rfc9380. Its public key is
 * 83cf0f28…5ece45a, here as EIP-2537 writes points of G2.
 *
 * Source: https://api.drand.sh/52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971/info
 */
export const QUICKNET = {
  chainHash: '52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971',
  genesisSeconds: 1_692_803_367n,
  periodSeconds: 3n,
  publicKey: {
    x0: [
      '0x000000000000000000000000000000000d1fec758c921cc22b0e17e63aaf4bcb',
      '0x5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a',
    ],
    x1: [
      '0x0000000000000000000000000000000003cf0f2896adee7eb8b5f01fcad39122',
      '0x12c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d106451',
    ],
    y0: [
      '0x000000000000000000000000000000000e5db2b6bfbb01c867749cadffca88b3',
      '0x6c24f3012ba09fc4d3022c5c37dce0f977d3adb5d183c7477c442b1f04515273',
    ],
    y1: [
      '0x0000000000000000000000000000000001a714f2edb74119a2f2b0d5a7c75ba9',
      '0x02d163700a61bc224ededd8e63aef7be1aaf8e93d7a9718b047ccddb3eb5d68b',
    ],
  },
} as const;

/** Roles in the access manager; 0 is its own admin role, which the timelock holds. */
export const ROLES = {
  admin: 0n,
  /** May lock, seize and pay in the vault. */
  court: 1n,
  /** May register logs and their operators. */
  registrar: 2n,
  /** May stop new verdicts; nothing that holds money. */
  guardian: 3n,
} as const;

/** A committee of signers, as Quorum.sol has it. */
export interface Committee {
  epoch: bigint;
  threshold: number;
  /** In ascending order. */
  members: readonly Hex[];
}

/** What the chain enforces of a data contract, as QualityCriteria.sol has it. */
export interface Criteria {
  requiredLevel: number;
  disputeSeconds: number;
  samplingPpm: number;
  maxStalenessSeconds: number;
  maxDeviationBps: number;
  decimals: number;
  stakeAtRisk: bigint;
  rewardPerObservation: bigint;
  minimum: bigint;
  maximum: bigint;
}

/** Terms under which a data contract's tasks are computed again, as SamplingCourt.sol has them. */
export interface SamplingCourtTerms extends SamplingTerms {
  /** Part of what is lost that is destroyed. */
  burnBps: number;
  /** Time for each step: the provider's commitment, the draw, the checks, the reveals. */
  stepSeconds: number;
  /** Time for reviewers to rule after the reveals. */
  rulingSeconds: number;
}

/** All that the contracts' addresses depend on, and what they start with. */
export interface SystemConfig {
  /** Deploys, sets up, and hands all over to the timelock; may do nothing afterwards. */
  deployer: Hex;
  governance: {
    votingDelaySeconds: number;
    votingPeriodSeconds: number;
    timelockSeconds: number;
    /** Votes that a proposer needs, in the token's smallest unit. */
    proposalThreshold: bigint;
    quorumPercent: bigint;
    /** Time that is left at least once a quorum is reached. */
    lateQuorumSeconds: number;
  };
  court: {
    challengeBond: bigint;
    rulingSeconds: number;
    appealSeconds: number;
    burnBps: number;
    challengerBps: number;
    feeBps: number;
  };
  sampling: {
    /** Where draws come from; the proposer of a block can bend `prevrandao`. */
    beacon: 'drand' | 'prevrandao';
    /** Ids of the providers who may be drawn; none until governance names some when empty. */
    validators: readonly Hex[];
    /** By SHA-256 of the data contract's document. */
    terms: Readonly<Record<Hex, SamplingCourtTerms>>;
  };
  verifiers: Committee;
  reviewers: Committee;
  /** Registers logs. */
  registrar: Hex;
  /** May pause new verdicts; nobody but the timelock when left out. */
  guardian?: Hex;
  /** Data contracts in force from the start, by SHA-256 of their document. */
  criteria: Readonly<Record<Hex, Criteria>>;
  /** Who gets tokens at the start; the treasury gets the rest. */
  allocations: readonly { to: Hex; amount: bigint }[];
  /** Part of the treasury's share that rewards are paid from. */
  rewardPool: bigint;
}

const DAY_SECONDS = 86_400;
const ONE = 10n ** 18n;

/** Terms for a chain that matters. docs/economics.md says why each figure is what it is. */
export const PRODUCTION_TERMS: Pick<SystemConfig, 'governance' | 'court' | 'sampling'> = {
  governance: {
    votingDelaySeconds: DAY_SECONDS,
    votingPeriodSeconds: 3 * DAY_SECONDS,
    timelockSeconds: 2 * DAY_SECONDS,
    proposalThreshold: 100_000n * ONE,
    quorumPercent: 4n,
    lateQuorumSeconds: DAY_SECONDS,
  },
  court: {
    challengeBond: 100n * ONE,
    rulingSeconds: 2 * DAY_SECONDS,
    appealSeconds: 2 * DAY_SECONDS,
    burnBps: 5_000,
    challengerBps: 3_000,
    feeBps: 1_000,
  },
  sampling: { beacon: 'drand', validators: [], terms: {} },
};

/** The same with times that a person can sit through, for a chain on one's own machine. */
export const DEVELOPMENT_TERMS: Pick<SystemConfig, 'governance' | 'court' | 'sampling'> = {
  governance: {
    ...PRODUCTION_TERMS.governance,
    votingDelaySeconds: 60,
    votingPeriodSeconds: 600,
    timelockSeconds: 60,
    lateQuorumSeconds: 60,
  },
  court: { ...PRODUCTION_TERMS.court, rulingSeconds: 600, appealSeconds: 600 },
  // A chain of one's own has no access to drand's network when it is offline.
  sampling: { beacon: 'prevrandao', validators: [], terms: {} },
};

/** A call that makes something so, and how to see that it is so already. */
export interface SetupCall {
  to: Hex;
  data: Hex;
  /** Not needed when this call answers at least so much (its first word). */
  unless?: { to: Hex; data: Hex; atLeast: bigint };
}

/** A contract of the system and the transaction that deploys it. */
export interface DeploymentStep {
  name: ContractName;
  address: Hex;
  /** Input for the deployment proxy: salt and creation code. */
  data: Hex;
}

export type ContractName = keyof typeof SYSTEM;
export type Addresses = Readonly<Record<ContractName, Hex>>;

/** Contracts of the system, with typed interfaces for viem. */
export const SYSTEM = {
  AccessManager,
  AssayToken,
  TimelockController,
  AssayGovernor,
  ProviderRegistry,
  StakeVault,
  QualityCriteria,
  VerdictCourt,
  CheckpointAnchor,
  InclusionProof,
  EasAdapter,
  DrandBeacon,
  PrevrandaoBeacon,
  SamplingCourt,
} as const;

/**
 * How the whole system is deployed. Every address follows from the configuration alone (CREATE2, EIP-1014), so one
 * configuration has one set of addresses on every chain.
 *
 * @returns `steps` in order of deployment; `setup`, calls by the deployer that may be repeated until the last one
 * has happened; `stillAdmin`, which answers at least 1 while the deployer still holds the admin role.
 * @example
 * const { addresses, steps } = systemDeployment(config);
 */
export function systemDeployment(config: SystemConfig): {
  addresses: Addresses;
  steps: DeploymentStep[];
  setup: SetupCall[];
  stillAdmin: { to: Hex; data: Hex };
  deploymentProxy: Hex;
} {
  const steps: DeploymentStep[] = [];
  const place = <A extends Abi>(name: ContractName, abi: A, args: ContractConstructorArgs<A>): Hex => {
    const { bytecode } = SYSTEM[name];
    const initCode = encodeDeployData({ abi, bytecode, args } as unknown as EncodeDeployDataParameters);
    const address = getCreate2Address({ from: CREATE2_DEPLOYER, salt: SALT, bytecode: initCode });
    steps.push({ name, address, data: concat([SALT, initCode]) });
    return address;
  };
  const { deployer, governance, court } = config;
  const authority = place('AccessManager', AccessManager.abi, [deployer]);
  const token = place('AssayToken', AssayToken.abi, [deployer]);
  const timelock = place('TimelockController', TimelockController.abi, [
    BigInt(governance.timelockSeconds),
    [],
    // Whoever likes may execute what was queued long enough.
    [zeroAddress],
    deployer,
  ]);
  place('AssayGovernor', AssayGovernor.abi, [
    token,
    timelock,
    governance.votingDelaySeconds,
    governance.votingPeriodSeconds,
    governance.proposalThreshold,
    governance.quorumPercent,
    governance.lateQuorumSeconds,
  ]);
  const registry = place('ProviderRegistry', ProviderRegistry.abi, []);
  const vault = place('StakeVault', StakeVault.abi, [authority, token, registry]);
  const criteria = place('QualityCriteria', QualityCriteria.abi, [authority]);
  const verdicts = place('VerdictCourt', VerdictCourt.abi, [
    authority,
    vault,
    registry,
    criteria,
    timelock,
    court,
  ]);
  const anchors = place('CheckpointAnchor', CheckpointAnchor.abi, [authority, vault]);
  place('InclusionProof', InclusionProof.abi, [anchors]);
  place('EasAdapter', EasAdapter.abi, [authority, anchors]);
  const beacons = {
    drand: place('DrandBeacon', DrandBeacon.abi, [
      QUICKNET.publicKey,
      QUICKNET.genesisSeconds,
      QUICKNET.periodSeconds,
      CLOCK_MARGIN_SECONDS,
    ]),
    prevrandao: place('PrevrandaoBeacon', PrevrandaoBeacon.abi, []),
  };
  const sampling = place('SamplingCourt', SamplingCourt.abi, [
    authority,
    vault,
    registry,
    criteria,
    beacons[config.sampling.beacon],
    timelock,
  ]);
  const addresses = Object.fromEntries(steps.map(({ name, address }) => [name, address])) as Addresses;
  return {
    addresses,
    steps,
    setup: setupOf(config, addresses, [verdicts, anchors, sampling]),
    deploymentProxy: CREATE2_DEPLOYER,
    stillAdmin: {
      to: authority,
      data: encodeFunctionData({
        abi: AccessManager.abi,
        functionName: 'hasRole',
        args: [ROLES.admin, deployer],
      }),
    },
  };
}

/** From bare contracts to a system that belongs to its timelock. */
function setupOf(config: SystemConfig, at: Addresses, courts: readonly Hex[]): SetupCall[] {
  const manage = (functionName: string, ...args: unknown[]): Hex =>
    encodeFunctionData({ abi: AccessManager.abi as Abi, functionName, args });
  const byAccessManager = (...data: Hex[]): SetupCall => ({
    to: at.AccessManager,
    data: manage('multicall', data),
  });
  const transferred = (to: Hex, amount: bigint): SetupCall => ({
    to: at.AssayToken,
    data: encodeFunctionData({ abi: AssayToken.abi, functionName: 'transfer', args: [to, amount] }),
    unless: {
      to: at.AssayToken,
      data: encodeFunctionData({ abi: AssayToken.abi, functionName: 'balanceOf', args: [to] }),
      atLeast: amount,
    },
  });
  const toGovernor = (role: Hex): SetupCall => ({
    to: at.TimelockController,
    data: encodeFunctionData({
      abi: TimelockController.abi,
      functionName: 'grantRole',
      args: [role, at.AssayGovernor],
    }),
    unless: {
      to: at.TimelockController,
      data: encodeFunctionData({
        abi: TimelockController.abi,
        functionName: 'hasRole',
        args: [role, at.AssayGovernor],
      }),
      atLeast: 1n,
    },
  });
  const toTreasury =
    INITIAL_SUPPLY - config.rewardPool - config.allocations.reduce((sum, { amount }) => sum + amount, 0n);
  return [
    {
      ...byAccessManager(
        manage(
          'setTargetFunctionRole',
          at.StakeVault,
          selectorsOf(StakeVault.abi, COURT_FUNCTIONS),
          ROLES.court,
        ),
        ...courts.map((court) => manage('grantRole', ROLES.court, court, 0)),
        manage(
          'setTargetFunctionRole',
          at.VerdictCourt,
          selectorsOf(VerdictCourt.abi, ['pause', 'unpause']),
          ROLES.guardian,
        ),
        manage('grantRole', ROLES.guardian, at.TimelockController, 0),
        ...(config.guardian ? [manage('grantRole', ROLES.guardian, config.guardian, 0)] : []),
        manage('grantRole', ROLES.registrar, at.TimelockController, 0),
        manage('grantRole', ROLES.registrar, config.registrar, 0),
        manage(
          'setTargetFunctionRole',
          at.CheckpointAnchor,
          selectorsOf(CheckpointAnchor.abi, ['registerOrigin', 'setOperator', 'setWitnesses']),
          ROLES.registrar,
        ),
        manage('labelRole', ROLES.court, 'court'),
        manage('labelRole', ROLES.registrar, 'registrar'),
        manage('labelRole', ROLES.guardian, 'guardian'),
      ),
      unless: {
        to: at.AccessManager,
        data: manage('hasRole', ROLES.registrar, config.registrar),
        atLeast: 1n,
      },
    },
    ...Object.entries(config.criteria).map(([digest, criteria]) => ({
      to: at.QualityCriteria,
      data: encodeFunctionData({
        abi: QualityCriteria.abi,
        functionName: 'set',
        args: [digest as Hex, criteria],
      }),
      unless: {
        to: at.QualityCriteria,
        data: encodeFunctionData({
          abi: QualityCriteria.abi,
          functionName: 'termsOf',
          args: [digest as Hex],
        }),
        atLeast: 1n,
      },
    })),
    ...(
      [
        ['setCommittee', 'committeeEpoch', config.verifiers],
        ['setReviewers', 'reviewersEpoch', config.reviewers],
      ] as const
    ).map(([functionName, epoch, committee]) => ({
      to: at.VerdictCourt,
      data: encodeFunctionData({ abi: VerdictCourt.abi, functionName, args: [committee] }),
      unless: {
        to: at.VerdictCourt,
        data: encodeFunctionData({ abi: VerdictCourt.abi, functionName: epoch }),
        atLeast: 1n,
      },
    })),
    ...samplingSetup(config, at),
    ...config.allocations.map(({ to, amount }) => transferred(to, amount)),
    ...(config.rewardPool === 0n
      ? []
      : [
          {
            to: at.AssayToken,
            data: encodeFunctionData({
              abi: AssayToken.abi,
              functionName: 'approve',
              args: [at.StakeVault, config.rewardPool],
            }),
          },
          {
            to: at.StakeVault,
            data: encodeFunctionData({
              abi: StakeVault.abi,
              functionName: 'fundRewards',
              args: [config.rewardPool],
            }),
            unless: {
              to: at.StakeVault,
              data: encodeFunctionData({ abi: StakeVault.abi, functionName: 'rewardPool' }),
              atLeast: 1n,
            },
          },
        ]),
    ...(toTreasury > 0n ? [transferred(at.TimelockController, toTreasury)] : []),
    toGovernor(TIMELOCK_ROLES.proposer),
    toGovernor(TIMELOCK_ROLES.canceller),
    {
      to: at.TimelockController,
      data: encodeFunctionData({
        abi: TimelockController.abi,
        functionName: 'renounceRole',
        args: [TIMELOCK_ROLES.admin, config.deployer],
      }),
    },
    // The last call: from here on nobody holds a key to anything.
    byAccessManager(
      manage('grantRole', ROLES.admin, at.TimelockController, 0),
      manage('renounceRole', ROLES.admin, config.deployer),
    ),
  ];
}

function samplingSetup({ reviewers, sampling }: SystemConfig, at: Addresses): SetupCall[] {
  const court = (functionName: string, ...args: unknown[]): Hex =>
    encodeFunctionData({ abi: SamplingCourt.abi as Abi, functionName, args });
  const once = (data: Hex, ...seen: [string, ...unknown[]]): SetupCall => ({
    to: at.SamplingCourt,
    data,
    unless: { to: at.SamplingCourt, data: court(...seen), atLeast: 1n },
  });
  const validators = [...sampling.validators].sort();
  return [
    once(court('setReviewers', reviewers), 'reviewersEpoch'),
    ...(validators.length === 0 ? [] : [once(court('setValidators', 1n, validators), 'validatorsEpoch')]),
    ...Object.entries(sampling.terms).map(([digest, terms]) =>
      once(court('setTerms', digest, terms), 'revisionOf', digest),
    ),
  ];
}

/** What a court calls in the vault. */
const COURT_FUNCTIONS = ['lock', 'unlock', 'seize', 'collect', 'pay', 'burn', 'reward', 'reserve'];
/** AssayToken.INITIAL_SUPPLY. */
const INITIAL_SUPPLY = 10n ** 27n;
/** OpenZeppelin's TimelockController. */
const TIMELOCK_ROLES = {
  admin: `0x${'0'.repeat(64)}`,
  proposer: keccak256(stringToHex('PROPOSER_ROLE')),
  canceller: keccak256(stringToHex('CANCELLER_ROLE')),
} as const;

function selectorsOf(abi: Abi, names: readonly string[]): Hex[] {
  return names.map((name) => toFunctionSelector(getAbiItem({ abi, name }) as AbiFunction));
}
