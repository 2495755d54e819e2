import { QUICKNET } from '@assay/contracts';
import { AssayError, bytesToHex, hexToBytes } from '@assay/core';
import { bls12_381 } from '@noble/curves/bls12-381.js';
import { type Hex, type PublicClient, sha256 } from 'viem';
import { headerRlp, type RawBlock } from './state-proof.ts';

/** Where the League of Entropy serves its rounds. The chain checks the signature, so any of them will do. */
export const DRAND_URLS = ['https://api.drand.sh', 'https://api2.drand.sh', 'https://drand.cloudflare.com'];
const TIMEOUT_MS = 5_000;

/** A round of drand, as `DrandBeacon.record` takes it. */
export interface DrandRound {
  round: bigint;
  /** x and y of the signature's point, 48 bytes each. */
  signature: Hex;
  /** SHA-256 of the signature as published. */
  randomness: Hex;
}

/**
 * Asks drand's servers for a round, one after the other.
 *
 * @throws BEACON_UNAVAILABLE when none has the round, or what they answer is no point of G1.
 * @example
 * const { round, signature } = await drandRound(1000n, { fetch });
 */
export async function drandRound(
  round: bigint,
  options: { fetch: typeof fetch; urls?: readonly string[]; chainHash?: string; timeoutMs?: number },
): Promise<DrandRound> {
  const { urls = DRAND_URLS, chainHash = QUICKNET.chainHash, timeoutMs = TIMEOUT_MS } = options;
  const failures: string[] = [];
  for (const url of urls) {
    try {
      const answer = await options.fetch(`${url}/${chainHash}/public/${round}`, {
        signal: AbortSignal.timeout(timeoutMs),
      });
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      return roundOf(round, await answer.json());
    } catch (error) {
      failures.push(`${url}: ${(error as Error).message}`);
    }
  }
  throw new AssayError(
    'BEACON_UNAVAILABLE',
    `no server has round ${round} of drand (${failures.join('; ')})`,
    {
      next: 'try again when the round is due; rounds stay available',
    },
  );
}

function roundOf(round: bigint, answer: unknown): DrandRound {
  const { round: given, signature } = (answer ?? {}) as { round?: unknown; signature?: unknown };
  if (given !== Number(round)) throw new Error(`answered with round ${given}`);
  if (typeof signature !== 'string' || !/^[0-9a-f]{96}$/.test(signature))
    throw new Error('the signature is not 48 bytes in hex');
  // Drand publishes x and the sign of y; the precompiles take both.
  const point = bls12_381.G1.Point.fromBytes(hexToBytes(signature));
  return {
    round,
    signature: `0x${bytesToHex(point.toBytes(false))}`,
    randomness: sha256(`0x${signature}`),
  };
}

/**
 * The header of a block, as `PrevrandaoBeacon.record` takes it.
 *
 * @throws BEACON_UNAVAILABLE while the chain does not have the block.
 */
export async function blockHeader(client: PublicClient, round: bigint): Promise<Hex> {
  const block = (await client.request({
    method: 'eth_getBlockByNumber',
    params: [`0x${round.toString(16)}`, false],
  })) as RawBlock | null;
  if (block) return headerRlp(block);
  throw new AssayError('BEACON_UNAVAILABLE', `the chain does not have block ${round} yet`, {
    next: 'try again when it does',
  });
}
