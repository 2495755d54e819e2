import { publicKeyFromDid } from './did.ts';
import { AssayError } from './errors.ts';
import { parseVkey } from './note.ts';
import { exactly, type Fail, integer, list, oneOf, pattern, text } from './shape.ts';
import { DECISIONS, type Decision, LEVELS, type Level } from './statement.ts';

export const POLICY_TYPE = 'application/vnd.assay.trust-policy.v1+json';

/** Rungs of the proof ladder, from the datum to the chain. */
export const STEPS = [
  'row',
  'batch',
  'signature',
  'checks',
  'leaf',
  'checkpoint',
  'witnesses',
  'anchor',
] as const;
export type Step = (typeof STEPS)[number];

/**
 * What a verifier chooses to believe. It is the verifier's own: taken from the server under examination it
 * proves only that the server agrees with itself.
 */
export interface TrustPolicy {
  mediaType: typeof POLICY_TYPE;
  logs: { origin: string; vkey: string }[];
  /** At least `quorum` of these keys must have cosigned. */
  witnesses: { quorum: number; vkeys: string[] };
  /** Who may sign observations and derivations, and for which streams. */
  providers: { did: string; streams: string[] }[];
  /** Who may sign verdicts, and the outcomes of reviews. */
  checkers: string[];
  /** Whose reviews count. Level L5 is these people's word: a policy that asks for it must name them. */
  reviewers?: string[];
  /** Whose executions of a derivation count. Level L4 is these people's word: a policy that asks for it must name them. */
  executors?: string[];
  /** Chains whose anchors count. An anchor in a block of `trustedBlocks` needs no network to verify. */
  chains: { chainId: number; contract: string; trustedBlocks: string[] }[];
  /** Steps that must pass; the others are reported only. */
  require: Step[];
  /** Decisions that the `checks` step lets pass. */
  accept: Decision[];
  /**
   * Least level of the data. A statement's level is that of the rows which it accepts; a policy that also accepts
   * flagged rows takes them as they are.
   */
  minLevel: Level;
}

/**
 * Reads a trust policy.
 *
 * @throws POLICY_MALFORMED with the path of what is wrong.
 */
export function parseTrustPolicy(input: unknown): TrustPolicy {
  const p = exactly(
    typeof input === 'string' ? parseJson(input) : input,
    'policy',
    ['mediaType', 'logs', 'witnesses', 'providers', 'checkers', 'chains', 'require', 'accept', 'minLevel'],
    malformed,
    ['reviewers', 'executors'],
  );
  oneOf(p.mediaType, 'policy.mediaType', [POLICY_TYPE], malformed);
  const witnesses = exactly(p.witnesses, 'policy.witnesses', ['quorum', 'vkeys'], malformed);
  const vkeys = list(witnesses.vkeys, 'policy.witnesses.vkeys', readVkey, malformed, 64);
  const quorum = integer(witnesses.quorum, 'policy.witnesses.quorum', malformed);
  if (quorum > vkeys.length)
    malformed(`policy.witnesses.quorum: expected at most ${vkeys.length} (the keys listed), got ${quorum}`);
  return {
    mediaType: POLICY_TYPE,
    logs: list(p.logs, 'policy.logs', readLog, malformed, 64),
    witnesses: { quorum, vkeys: [...new Set(vkeys)] },
    providers: list(p.providers, 'policy.providers', readProvider, malformed),
    checkers: list(p.checkers, 'policy.checkers', readDid, malformed),
    ...(p.reviewers === undefined
      ? {}
      : { reviewers: list(p.reviewers, 'policy.reviewers', readDid, malformed) }),
    ...(p.executors === undefined
      ? {}
      : { executors: list(p.executors, 'policy.executors', readDid, malformed) }),
    chains: list(p.chains, 'policy.chains', readChain, malformed, 64),
    require: list(
      p.require,
      'policy.require',
      (step, path) => oneOf(step, path, STEPS, malformed),
      malformed,
      STEPS.length,
    ),
    accept: list(
      p.accept,
      'policy.accept',
      (decision, path) => oneOf(decision, path, DECISIONS, malformed),
      malformed,
      3,
    ),
    minLevel: oneOf(p.minLevel, 'policy.minLevel', LEVELS, malformed),
  };
}

const malformed: Fail = (message) => {
  throw new AssayError('POLICY_MALFORMED', message, {
    next: 'start from the trust-policy.json that a node writes into its data folder, and edit what you trust',
  });
};

function parseJson(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (cause) {
    return malformed(`policy: expected JSON: ${(cause as Error).message}`);
  }
}

function readLog(value: unknown, path: string) {
  const log = exactly(value, path, ['origin', 'vkey'], malformed);
  return {
    origin: text(log.origin, `${path}.origin`, malformed, 300),
    vkey: readVkey(log.vkey, `${path}.vkey`),
  };
}

function readVkey(value: unknown, path: string): string {
  const vkey = text(value, path, malformed, 4000);
  try {
    return parseVkey(vkey).vkey;
  } catch (cause) {
    return malformed(`${path}: ${(cause as Error).message}`);
  }
}

function readProvider(value: unknown, path: string) {
  const provider = exactly(value, path, ['did', 'streams'], malformed);
  return {
    did: readDid(provider.did, `${path}.did`),
    streams: list(
      provider.streams,
      `${path}.streams`,
      (name, at) => text(name, at, malformed, 120),
      malformed,
    ),
  };
}

function readDid(value: unknown, path: string): string {
  const did = text(value, path, malformed, 200);
  try {
    publicKeyFromDid(did);
  } catch (cause) {
    return malformed(`${path}: ${(cause as Error).message}`);
  }
  return did;
}

function readChain(value: unknown, path: string) {
  const chain = exactly(value, path, ['chainId', 'contract', 'trustedBlocks'], malformed);
  return {
    chainId: integer(chain.chainId, `${path}.chainId`, malformed, 1),
    contract: pattern(
      chain.contract,
      `${path}.contract`,
      /^0x[0-9a-f]{40}$/,
      'a lower-case address',
      malformed,
    ),
    trustedBlocks: list(
      chain.trustedBlocks,
      `${path}.trustedBlocks`,
      (hash, at) => pattern(hash, at, /^0x[0-9a-f]{64}$/, 'a lower-case block hash', malformed),
      malformed,
      100_000,
    ),
  };
}
