import { AssayError } from '@assay/core';
import { BlockNotFoundError, createPublicClient, http } from 'viem';

/**
 * Hash of the block at a height, as the verifier's own endpoint sees the chain; null when it has no such block.
 *
 * @throws RPC_UNAVAILABLE when the endpoint does not answer or serves another chain.
 */
export async function canonicalBlockHash(
  rpcUrl: string,
  chainId: number,
  blockNumber: number,
): Promise<string | null> {
  try {
    const client = createPublicClient({ transport: http(rpcUrl, { retryCount: 1, timeout: 10_000 }) });
    const actual = await client.getChainId();
    if (actual !== chainId) throw new Error(`it serves chain ${actual}, the anchor is on chain ${chainId}`);
    return (await client.getBlock({ blockNumber: BigInt(blockNumber) })).hash;
  } catch (error) {
    if (error instanceof BlockNotFoundError) return null;
    throw new AssayError(
      'RPC_UNAVAILABLE',
      `the endpoint ${rpcUrl} is of no use: ${(error as { shortMessage?: string }).shortMessage ?? (error as Error).message}`,
      {
        next: 'name an endpoint of the right chain with --rpc, or verify without one: the anchor is then unknown',
        cause: error,
      },
    );
  }
}
