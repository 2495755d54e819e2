/** The economy around a node on its own development chain: contracts deployed, providers registered and staked. */
import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type ContractsFile,
  DECISION_CODES,
  deployEconomy,
  EconomyReader,
  enterProvider,
  type LoggedVerdict,
  openLine,
  registerOrigin,
  VerdictPoster,
} from '@assay/chain';
import type { DataContract } from '@assay/checks';
import { type Committee, DEVELOPMENT_TERMS, type SystemConfig, systemDeployment } from '@assay/contracts';
import {
  AssayError,
  base64Decode,
  bytesToHex,
  fromUtf8,
  leafHash,
  parseEnvelope,
  type Statement,
  type VerdictStatement,
} from '@assay/core';
import type { Catalogue } from '@assay/pipeline';
import { encodeAbiParameters, type Hex, keccak256 } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';

const ONE = 10n ** 18n;
const VERIFIERS = 3;
const REVIEWERS = 5;
const STAKE = 10_000n * ONE;
const POST_EVERY_MS = 30_000;
/** What an anchor needs; on a chain that costs money nothing else is deployed. */
const ANCHORING = ['AccessManager', 'CheckpointAnchor'] as const;
const FIRST_BACKOFF_MS = 500;
const MAX_BACKOFF_MS = 30_000;
/** A development chain may lose its state; then all is deployed anew. */
const LOOK_AGAIN_MS = 60_000;

export type NodeEconomy = ReturnType<typeof startEconomy>;

/**
 * The contracts that belong to a node's keys, at the same addresses on every chain. On the node's own development
 * chain all keys are the node's: one machine plays every part there, and the answers say so.
 */
export function nodeSystem(options: {
  /** Secret of a role, kept in the data folder. */
  secret: (role: string) => Uint8Array;
  contracts: ReadonlyMap<string, DataContract>;
  /** DIDs that sign data, by their names. */
  providers: ReadonlyMap<string, string>;
}) {
  const { secret, providers } = options;
  const account = (role: string) => privateKeyToAccount(`0x${bytesToHex(secret(role))}`);
  const controllers = new Map([...providers].map(([name, did]) => [did, account(`controller-${name}`)]));
  const config: SystemConfig = {
    ...DEVELOPMENT_TERMS,
    deployer: account('deployer').address,
    registrar: account('registrar').address,
    verifiers: committeeOf(VERIFIERS, 2, (i) => account(`verifier-${i}`).address),
    reviewers: committeeOf(REVIEWERS, 3, (i) => account(`reviewer-${i}`).address),
    criteria: Object.fromEntries([...options.contracts.values()].map(criteriaOf)),
    allocations: [
      ...[...controllers.values()].map(({ address }) => ({ to: address, amount: 10n * STAKE })),
      // Enough votes to try a proposal with.
      { to: account('voter').address, amount: 50_000_000n * ONE },
    ],
    rewardPool: 1_000_000n * ONE,
  };
  const deploying = new Map<number, Promise<ContractsFile>>();
  return {
    account,
    verifiers: config.verifiers,
    controllers,
    names: providers,
    /** Data contracts by their digests. */
    contractNames: new Map(
      [...options.contracts.values()].map(({ name, version, digest }) => [
        `0x${digest.sha256}`,
        `${name} ${version}`,
      ]),
    ),
    addresses: systemDeployment(config).addresses,
    /** One deployment of a chain at a time: all its transactions are one account's. */
    deploy(chain: { rpcUrl: string; chainId: number }, developmentChain: boolean): Promise<ContractsFile> {
      const { chainId } = chain;
      const underWay =
        deploying.get(chainId) ??
        deployEconomy({
          ...chain,
          deployer: account('deployer'),
          config,
          developmentChain,
          ...(developmentChain ? {} : { only: ANCHORING }),
        }).finally(() => deploying.delete(chainId));
      deploying.set(chainId, underWay);
      return underWay;
    },
  };
}

/**
 * Has the contracts deployed and the log registered before the first anchor: all of them on the node's own
 * development chain, on any other only those that an anchor needs.
 */
export function prepareAnchors(options: {
  chain: { rpcUrl: string; chainId: number };
  system: ReturnType<typeof nodeSystem>;
  developmentChain: boolean;
  origin: string;
}): () => Promise<void> {
  const { chain, system, developmentChain, origin } = options;
  return async () => {
    const place = await system.deploy(chain, developmentChain);
    const anchorer = system.account('anchorer').address;
    await registerOrigin({
      place,
      origin,
      anchorer,
      registrar: system.account('registrar'),
      developmentChain,
    });
  };
}

/** Brings the economy onto the node's own chain and keeps it there, also after the chain lost its state. */
export function startEconomy(options: {
  chain: { rpcUrl: string; chainId: number };
  system: ReturnType<typeof nodeSystem>;
  catalogue: Catalogue;
  /** Where to write which contracts there are. */
  file: string;
  /** Where to keep which verdicts are in which batch. */
  verdictsFile: string;
}) {
  const { chain, system, catalogue } = options;
  const { account, controllers, names, contractNames } = system;
  const stop = new AbortController();
  let reader: EconomyReader | null = null;
  let place: ContractsFile | null = null;
  let failure: string | null = 'the contracts are being deployed';

  async function bring(): Promise<void> {
    place = await system.deploy(chain, true);
    for (const [did, controller] of controllers)
      await enterProvider({ place, did, controller, stake: STAKE, developmentChain: true });
    // Whoever tries a vote with this key needs fees for it.
    await openLine(chain.rpcUrl, account('voter')).fund();
    writeFileSync(options.file, `${JSON.stringify(place, null, 2)}\n`);
    const nameByDid = new Map([...names].map(([name, did]) => [did, name]));
    reader ??= new EconomyReader({
      place,
      developmentChain: true,
      nameOf: (did) => nameByDid.get(did) ?? null,
      contractNameOf: (digest) => contractNames.get(digest) ?? null,
    });
    failure = null;
  }

  const running = (async () => {
    for (let failures = 0; !stop.signal.aborted; ) {
      try {
        await bring();
        failures = 0;
        await sleep(LOOK_AGAIN_MS, undefined, { signal: stop.signal }).catch(() => undefined);
      } catch (error) {
        failure = (error as Error).message;
        const waitMs = Math.min(FIRST_BACKOFF_MS * 2 ** failures++, MAX_BACKOFF_MS);
        await sleep(waitMs, undefined, { signal: stop.signal }).catch(() => undefined);
      }
    }
  })();

  function ready<T>(part: T | null): T {
    if (part !== null) return part;
    throw new AssayError('CHAIN_UNAVAILABLE', `the contracts are not there yet: ${failure}`, {
      next: 'try again in a few seconds',
    });
  }
  const providerIds = new Map(
    [...controllers].map(([did, { address }]) => [
      did,
      keccak256(encodeAbiParameters([{ type: 'string' }, { type: 'address' }], [did, address])),
    ]),
  );
  const poster = new VerdictPoster({
    file: options.verdictsFile,
    place: async () => ready(place),
    verdictsAfter: (index, most) => verdictsAfter(catalogue, providerIds, index, most),
    committee: system.verifiers,
    verifiers: Array.from({ length: VERIFIERS }, (_, i) => account(`verifier-${i + 1}`)),
    sender: account('poster'),
    everyMs: POST_EVERY_MS,
    nowMs: Date.now,
    developmentChain: true,
  });
  return {
    providers: async () => ready(reader).providers(),
    governance: async () => ready(reader).governance(),
    registrationOf: (did: string) => providerIds.get(did) ?? null,
    /** @throws PROOF_PENDING while the verdict is in no batch on the chain. */
    verdictProof(id: string) {
      const { chainId, addresses } = ready(place);
      const found = poster.proof(`0x${id}`);
      if (found?.posted) return { chainId, court: addresses.VerdictCourt!, ...found.proof };
      throw new AssayError('PROOF_PENDING', `no verdict on ${id} is on the chain yet`, {
        next: `try again in a minute${poster.state().lastError ? `; the chain said: ${poster.state().lastError}` : ''}`,
      });
    },
    async close() {
      stop.abort();
      await Promise.all([running, poster.close()]);
    },
  };
}

/** Verdicts on what providers observed; what Assay itself derived has no stake behind it. */
function verdictsAfter(
  catalogue: Catalogue,
  providerIds: ReadonlyMap<string, Hex>,
  index: number,
  most: number,
): { verdicts: LoggedVerdict[]; readUpTo: number | null } {
  const logged = catalogue.logged('verdict', index, most);
  const verdicts = logged.flatMap(({ entry, index }) => {
    const { predicate } = statementOf(entry) as VerdictStatement;
    const providerId = providerIds.get(catalogue.get(predicate.observation).signer);
    if (!providerId || index === null) return [];
    return {
      index,
      providerId,
      contractDigest: `0x${predicate.contract.digest.sha256}` as const,
      subject: `0x${predicate.observation}` as const,
      statement: `0x${bytesToHex(leafHash(entry))}` as const,
      decision: DECISION_CODES[predicate.decision],
      level: Number(predicate.level.slice(1)),
    };
  });
  return { verdicts, readUpTo: logged.at(-1)?.index ?? null };
}

function statementOf(entry: Uint8Array): Statement {
  const { payload } = parseEnvelope(JSON.parse(fromUtf8(entry)));
  return JSON.parse(fromUtf8(base64Decode(payload)));
}

/** A contract's own terms say nothing of money: on a development chain all have the same. */
function criteriaOf({
  digest,
  requiredLevel,
}: DataContract): [`0x${string}`, SystemConfig['criteria'][`0x${string}`]] {
  return [
    `0x${digest.sha256}`,
    {
      requiredLevel: Number(requiredLevel.slice(1)),
      disputeSeconds: 600,
      samplingPpm: 20_000,
      maxStalenessSeconds: 0,
      maxDeviationBps: 0,
      decimals: 0,
      stakeAtRisk: 1_000n * ONE,
      rewardPerObservation: ONE / 100n,
      minimum: 0n,
      maximum: 0n,
    },
  ];
}

function committeeOf(size: number, threshold: number, member: (number: number) => `0x${string}`): Committee {
  const members = Array.from({ length: size }, (_, i) => member(i + 1));
  members.sort((a, b) => (a.toLowerCase() < b.toLowerCase() ? -1 : 1));
  return { epoch: 1n, threshold, members };
}
