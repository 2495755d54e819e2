import { type AnchorProof, AssayError, headSlot, verifyAnchorProof } from '@assay/core';
import { type Hex, keccak256, numberToHex, type PublicClient, toRlp } from 'viem';

/** A block as eth_getBlockByNumber answers, members that the header hashes. */
export type RawBlock = Record<string, Hex | undefined> & { hash: Hex; number: Hex };

/** Header members in hashing order (Yellow Paper section 4.4; EIP-1559, 4895, 4844, 4788, 7685 append). */
const HEADER = [
  'parentHash',
  'sha3Uncles',
  'miner',
  'stateRoot',
  'transactionsRoot',
  'receiptsRoot',
  'logsBloom',
  'difficulty',
  'number',
  'gasLimit',
  'gasUsed',
  'timestamp',
  'extraData',
  'mixHash',
  'nonce',
  'baseFeePerGas',
  'withdrawalsRoot',
  'blobGasUsed',
  'excessBlobGas',
  'parentBeaconBlockRoot',
  'requestsHash',
];
/** Members that RLP writes as integers, without leading zeros. */
const INTEGERS = new Set([
  'difficulty',
  'number',
  'gasLimit',
  'gasUsed',
  'timestamp',
  'baseFeePerGas',
  'blobGasUsed',
  'excessBlobGas',
]);

/**
 * Takes the proof that a block records a checkpoint: its header and EIP-1186 proofs of the contract's storage.
 * The proof is verified as any stranger would before it is returned.
 *
 * @throws ANCHOR_PROOF_INVALID when the chain's answer does not prove the checkpoint.
 */
export async function takeAnchorProof(
  client: PublicClient,
  checkpoint: { origin: string; size: number; root: Uint8Array },
  place: { chainId: number; contract: Hex; blockNumber: bigint },
): Promise<AnchorProof> {
  const { chainId, contract, blockNumber } = place;
  const block = (await client.request({
    method: 'eth_getBlockByNumber',
    params: [numberToHex(blockNumber), false],
  })) as unknown as RawBlock | null;
  if (!block) {
    throw new AssayError('CHAIN_UNAVAILABLE', `the endpoint does not have block ${blockNumber} yet`, {
      next: 'nothing: it is asked again',
    });
  }
  const slot = headSlot(checkpoint.origin);
  const slots = [slot, slot + 1n].map((value) => numberToHex(value, { size: 32 }));
  const { accountProof, storageProof } = await client.getProof({
    address: contract,
    storageKeys: slots,
    blockNumber,
  });
  const proof: AnchorProof = {
    chainId,
    contract,
    blockNumber: Number(blockNumber),
    blockHash: block.hash,
    header: headerRlp(block),
    accountProof,
    rootProof: storageProof[0]?.proof ?? [],
    sizeProof: storageProof[1]?.proof ?? [],
  };
  verifyAnchorProof(proof, { ...checkpoint, contract, chainId });
  return proof;
}

/** RLP of a block's header. @throws ANCHOR_PROOF_INVALID for a header with members that we do not know. */
export function headerRlp(block: RawBlock): Hex {
  // Later forks append members; a chain without them simply ends earlier.
  const members = HEADER.filter((name) => block[name] !== undefined && block[name] !== null);
  const rlp = toRlp(members.map((name) => (INTEGERS.has(name) ? minimalHex(block[name]!) : block[name]!)));
  if (keccak256(rlp) === block.hash) return rlp;
  throw new AssayError(
    'ANCHOR_PROOF_INVALID',
    `the header of block ${Number(block.number)} does not hash to ${block.hash}`,
    {
      next: 'the chain has header members that are not known here; update the node',
    },
  );
}

function minimalHex(quantity: Hex): Hex {
  const value = BigInt(quantity);
  if (value === 0n) return '0x';
  const digits = value.toString(16);
  return `0x${digits.length % 2 === 0 ? digits : `0${digits}`}`;
}
