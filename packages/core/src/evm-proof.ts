import { keccak_256 } from '@noble/hashes/sha3.js';
import { bytesEqual, bytesToHex, concatBytes, hexToBytes, utf8 } from './encoding.ts';
import { AssayError } from './errors.ts';
import { decodeRlp, type Rlp, rlpInteger } from './rlp.ts';
import { exactly, type Fail, integer, list, pattern } from './shape.ts';

type Hex = `0x${string}`;

/**
 * Proof that a block's state holds a checkpoint in the CheckpointAnchor contract: the block's header and
 * Merkle-Patricia proofs (EIP-1186) of the contract's account and of the two storage slots of the log's head.
 * It shows what that block says; whether the block is the chain's is for the verifier to know.
 */
export interface AnchorProof {
  chainId: number;
  /** Address of the contract, lower case. */
  contract: Hex;
  blockNumber: number;
  blockHash: Hex;
  /** RLP of the block header. */
  header: Hex;
  accountProof: Hex[];
  rootProof: Hex[];
  sizeProof: Hex[];
}

/** Slot of `heads` in the contract's storage layout. */
const HEADS_SLOT = 0n;
/** Members of a header (Yellow Paper section 4.4; later forks only append). */
const STATE_ROOT = 3;
const NUMBER = 8;

/**
 * Checks that the block of an anchor records exactly this checkpoint.
 *
 * @throws ANCHOR_PROOF_INVALID naming the part that does not hold.
 * @example
 * verifyAnchorProof(anchor, { origin, size, root, contract, chainId });
 */
export function verifyAnchorProof(
  anchor: AnchorProof,
  expected: { origin: string; size: number; root: Uint8Array; contract: string; chainId: number },
): void {
  const proof = readAnchorProof(anchor, 'anchor', invalid);
  if (proof.chainId !== expected.chainId) invalid(`expected chain ${expected.chainId}, got ${proof.chainId}`);
  if (proof.contract !== expected.contract)
    invalid(`expected the contract ${expected.contract}, got ${proof.contract}`);
  const stateRoot = part('header', () => readHeader(proof));
  const storageRoot = part('account', () => {
    const account = prove(stateRoot, keccak_256(bytesOf(proof.contract)), proof.accountProof);
    return listOf(decodeRlp(account), 4)[2]!;
  });
  const slot = headSlot(expected.origin);
  const root = part('root', () => storageWord(storageRoot, slot, proof.rootProof));
  if (!bytesEqual(word(root), expected.root)) invalid('the block records another root');
  // The slot after it packs `uint64 size` below `uint64 anchoredAt`.
  const packed = part('size', () => storageWord(storageRoot, slot + 1n, proof.sizeProof));
  const size = packed & ((1n << 64n) - 1n);
  if (`${size}` !== `${expected.size}`)
    invalid(`expected the size ${expected.size}, the block records ${size}`);
}

/** More nodes than the path of a 32-byte key has. */
const MAX_NODES = 64;

/** Reads an anchor of unknown origin, exactly; `fail` decides the error. */
export function readAnchorProof(value: unknown, path: string, fail: Fail): AnchorProof {
  const hex = (member: unknown, at: string, bytes?: number) =>
    pattern(
      member,
      at,
      bytes ? new RegExp(`^0x[0-9a-f]{${2 * bytes}}$`) : /^0x([0-9a-f]{2})+$/,
      `${bytes ? `${bytes} bytes of ` : ''}lower-case hexadecimal after 0x`,
      fail,
    ) as Hex;
  const members = ['chainId', 'contract', 'blockNumber', 'blockHash', 'header'] as const;
  const proofs = ['accountProof', 'rootProof', 'sizeProof'] as const;
  const anchor = exactly(value, path, [...members, ...proofs], fail);
  const nodes = (name: (typeof proofs)[number]) =>
    list(anchor[name], `${path}.${name}`, (node, at) => hex(node, at), fail, MAX_NODES);
  return {
    chainId: integer(anchor.chainId, `${path}.chainId`, fail, 1),
    contract: hex(anchor.contract, `${path}.contract`, 20),
    blockNumber: integer(anchor.blockNumber, `${path}.blockNumber`, fail),
    blockHash: hex(anchor.blockHash, `${path}.blockHash`, 32),
    header: hex(anchor.header, `${path}.header`),
    accountProof: nodes('accountProof'),
    rootProof: nodes('rootProof'),
    sizeProof: nodes('sizeProof'),
  };
}

/** Storage slot of a log's head: the root; the size lies in the slot after it. */
export function headSlot(origin: string): bigint {
  const originId = keccak_256(utf8(origin));
  return BigInt(`0x${bytesToHex(keccak_256(concatBytes(originId, word(HEADS_SLOT))))}`);
}

/** A number as a 32-byte word. */
function word(value: bigint): Uint8Array {
  return hexToBytes(value.toString(16).padStart(64, '0'));
}

/** Names the part of the proof in which something does not hold. */
function part<T>(name: string, check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (!(error instanceof AssayError)) throw error;
    return invalid(`${name}: ${error.message}`, error);
  }
}

/** The state root of the header. */
function readHeader({ header, blockHash, blockNumber }: AnchorProof): Uint8Array {
  const bytes = bytesOf(header);
  const hash = `0x${bytesToHex(keccak_256(bytes))}`;
  if (hash !== blockHash) broken(`expected the block hash ${blockHash}, the header has ${hash}`);
  const members = listOf(decodeRlp(bytes), null);
  const [stateRoot, number] = [members[STATE_ROOT], members[NUMBER]];
  if (stateRoot?.length !== 32 || number === undefined) return broken('it has too few members');
  if (rlpInteger(number) !== BigInt(blockNumber))
    broken(`expected block ${blockNumber}, the header is of block ${rlpInteger(number)}`);
  return stateRoot;
}

/** Value at a hashed key below a trie's root (Yellow Paper appendix D). Every node given must be used. */
function prove(root: Uint8Array, key: Uint8Array, nodes: readonly Hex[]): Uint8Array {
  const path = nibblesOf(key);
  let reference: Rlp = root;
  let used = 0;
  for (;;) {
    // A node shorter than 32 bytes stands inside its parent; any other is named by its hash.
    let node: Rlp = reference;
    if (node instanceof Uint8Array) {
      const bytes = nodes[used] === undefined ? null : bytesOf(nodes[used]!);
      if (!bytes || !bytesEqual(keccak_256(bytes), node)) return broken(`the proof breaks at node ${used}`);
      used += 1;
      node = decodeRlp(bytes);
    }
    if (!Array.isArray(node)) return broken('a trie node is malformed');
    if (node.length === 17) {
      const step = path.shift();
      if (step === undefined) return broken('the proof goes on after its key');
      reference = node[step]!;
    } else if (node.length === 2 && node[0] instanceof Uint8Array) {
      const { leaf, nibbles } = compactPath(node[0]);
      if (nibbles.some((nibble) => path.shift() !== nibble)) return broken('the state has no such key');
      reference = node[1]!;
      if (leaf) {
        if (path.length > 0 || used !== nodes.length || !(reference instanceof Uint8Array))
          return broken('the proof does not end at its leaf');
        return reference;
      }
    } else return broken('a trie node is malformed');
    if (reference.length === 0) return broken('the state has no such key');
  }
}

/** Hex-prefix encoding (Yellow Paper appendix C). */
function compactPath(encoded: Uint8Array): { leaf: boolean; nibbles: number[] } {
  const [flag, ...nibbles] = nibblesOf(encoded);
  if (flag === undefined || flag > 3 || (flag % 2 === 0 && nibbles[0] !== 0))
    return broken('a trie node has a malformed path');
  return { leaf: flag >= 2, nibbles: flag % 2 === 0 ? nibbles.slice(1) : nibbles };
}

function nibblesOf(bytes: Uint8Array): number[] {
  return Array.from(bytes).flatMap((byte) => [byte >> 4, byte & 15]);
}

function storageWord(storageRoot: Uint8Array, slot: bigint, nodes: readonly Hex[]): bigint {
  const scalar = decodeRlp(prove(storageRoot, keccak_256(word(slot)), nodes));
  if (!(scalar instanceof Uint8Array) || scalar.length > 32) return broken('expected a storage word');
  return rlpInteger(scalar);
}

/** A list of byte strings. */
function listOf(item: Rlp, length: number | null): Uint8Array[] {
  if (!Array.isArray(item) || (length !== null && item.length !== length) || item.some(Array.isArray))
    return broken(`expected a list of ${length ?? 'some'} byte strings`);
  return item as Uint8Array[];
}

function bytesOf(hex: Hex): Uint8Array {
  return hexToBytes(hex.slice(2));
}

/** Breaks off inside a part, which `part` then names. */
function broken(message: string): never {
  throw new AssayError('ANCHOR_PROOF_INVALID', message);
}

function invalid(message: string, cause?: unknown): never {
  throw new AssayError('ANCHOR_PROOF_INVALID', `the anchor does not prove the checkpoint: ${message}`, {
    next: 'export the bundle again; if it fails again, do not rely on this anchor',
    cause,
  });
}
