import { keccak_256 } from '@noble/hashes/sha3.js';
import { bytesEqual, bytesToHex, concatBytes, hexToBytes, utf8 } from './encoding.ts';
import { AssayError } from './errors.ts';

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
  if (anchor.chainId !== expected.chainId)
    invalid(`expected chain ${expected.chainId}, got ${anchor.chainId}`);
  if (anchor.contract !== expected.contract)
    invalid(`expected the contract ${expected.contract}, got ${anchor.contract}`);
  const stateRoot = readHeader(anchor);
  const account = listOf(
    decodeRlp(prove(stateRoot, keccak_256(bytesOf(anchor.contract)), anchor.accountProof, 'account')),
    4,
    'the account',
  );
  const storageRoot = account[2]!;
  const rootSlot = headSlot(expected.origin);
  const root = storageWord(prove(storageRoot, keccak_256(word(rootSlot)), anchor.rootProof, 'root'), 'root');
  if (!bytesEqual(word(root), expected.root)) invalid('the block records another root');
  const packed = storageWord(
    prove(storageRoot, keccak_256(word(rootSlot + 1n)), anchor.sizeProof, 'size'),
    'size',
  );
  // The slot packs `uint64 size` below `uint64 anchoredAt`.
  const size = packed & ((1n << 64n) - 1n);
  if (size !== BigInt(expected.size))
    invalid(`expected the size ${expected.size}, the block records ${size}`);
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

function readHeader(anchor: AnchorProof): Uint8Array {
  const header = bytesOf(anchor.header);
  if (`0x${bytesToHex(keccak_256(header))}` !== anchor.blockHash)
    invalid('the header does not have the stated block hash');
  const members = listOf(decodeRlp(header), null, 'the header');
  const [stateRoot, number] = [members[STATE_ROOT], members[NUMBER]];
  if (stateRoot?.length !== 32 || number === undefined) return invalid('the header has too few members');
  if (integerOf(number) !== BigInt(anchor.blockNumber))
    invalid(`the header is of block ${integerOf(number)}, not ${anchor.blockNumber}`);
  return stateRoot;
}

/** Value at a hashed key below a trie's root (Yellow Paper appendix D). Every node given must be used. */
function prove(root: Uint8Array, key: Uint8Array, nodes: readonly Hex[], what: string): Uint8Array {
  const path = [...bytesToHex(key)].map((digit) => Number.parseInt(digit, 16));
  let reference: Rlp = root;
  let used = 0;
  for (;;) {
    // A node shorter than 32 bytes stands inside its parent; any other is named by its hash.
    let node: Rlp = reference;
    if (node instanceof Uint8Array) {
      const bytes = nodes[used] === undefined ? null : bytesOf(nodes[used]!);
      used += 1;
      if (!bytes || !bytesEqual(keccak_256(bytes), node))
        return invalid(`the proof of the ${what} breaks at node ${used - 1}`);
      node = decodeRlp(bytes);
    }
    if (!Array.isArray(node)) return invalid(`the proof of the ${what} has a malformed node`);
    if (node.length === 17) {
      const step = path.shift();
      if (step === undefined) return invalid(`the proof of the ${what} is too long`);
      reference = node[step]!;
    } else if (node.length === 2 && node[0] instanceof Uint8Array) {
      const { leaf, nibbles } = compactPath(node[0]);
      if (nibbles.some((nibble) => path.shift() !== nibble))
        return invalid(`the ${what} is not in the state`);
      reference = node[1]!;
      if (leaf) {
        if (path.length > 0 || used !== nodes.length || !(reference instanceof Uint8Array)) {
          return invalid(`the proof of the ${what} does not end at its leaf`);
        }
        return reference;
      }
    } else return invalid(`the proof of the ${what} has a malformed node`);
    if (reference.length === 0) return invalid(`the ${what} is not in the state`);
  }
}

/** Hex-prefix encoding (Yellow Paper appendix C). */
function compactPath(encoded: Uint8Array): { leaf: boolean; nibbles: number[] } {
  const [flag, ...nibbles] = [...bytesToHex(encoded)].map((digit) => Number.parseInt(digit, 16));
  if (flag === undefined || flag > 3 || (flag % 2 === 0 && nibbles[0] !== 0))
    return invalid('a trie node has a malformed path');
  return { leaf: flag >= 2, nibbles: flag % 2 === 0 ? nibbles.slice(1) : nibbles };
}

function storageWord(value: Uint8Array, what: string): bigint {
  const scalar = decodeRlp(value);
  if (!(scalar instanceof Uint8Array) || scalar.length > 32)
    return invalid(`the ${what} is not a storage word`);
  return integerOf(scalar);
}

/** RLP integers have no leading zeros (Yellow Paper appendix B). */
function integerOf(bytes: Uint8Array): bigint {
  if (bytes[0] === 0) return invalid('an integer has a leading zero');
  return bytes.length === 0 ? 0n : BigInt(`0x${bytesToHex(bytes)}`);
}

type Rlp = Uint8Array | Rlp[];

/** Decodes one RLP item that fills the bytes, in the only encoding that it may have. */
function decodeRlp(bytes: Uint8Array): Rlp {
  const { item, end } = readItem(bytes, 0, 0);
  return end === bytes.length ? item : invalid('bytes follow an RLP item');
}

/** Deeper nesting than a trie node or a header has. */
const MAX_DEPTH = 8;

function readItem(bytes: Uint8Array, at: number, depth: number): { item: Rlp; end: number } {
  const first = bytes[at];
  if (first === undefined || depth > MAX_DEPTH) return invalid('an RLP item is cut short');
  if (first < 0x80) return { item: bytes.subarray(at, at + 1), end: at + 1 };
  const isList = first >= 0xc0;
  const short = first - (isList ? 0xc0 : 0x80);
  let start = at + 1;
  let length = short;
  if (short > 55) {
    start += short - 55;
    length = Number(integerOf(bytes.subarray(at + 1, start)));
    if (length <= 55) invalid('an RLP length is longer than it needs to be');
  }
  const end = start + length;
  if (!(end <= bytes.length)) invalid('an RLP item is cut short');
  if (!isList) {
    if (length === 1 && bytes[start]! < 0x80) invalid('an RLP byte is longer than it needs to be');
    return { item: bytes.subarray(start, end), end };
  }
  const items: Rlp[] = [];
  for (let next = start; next < end; ) {
    const member = readItem(bytes.subarray(0, end), next, depth + 1);
    items.push(member.item);
    next = member.end;
  }
  return { item: items, end };
}

function listOf(item: Rlp, length: number | null, what: string): Uint8Array[] {
  if (!Array.isArray(item) || (length !== null && item.length !== length) || item.some(Array.isArray)) {
    return invalid(`${what} is malformed`);
  }
  return item as Uint8Array[];
}

function bytesOf(hex: Hex): Uint8Array {
  return hex.startsWith('0x') ? hexToBytes(hex.slice(2)) : invalid('expected hexadecimal after 0x');
}

function invalid(message: string): never {
  throw new AssayError('ANCHOR_PROOF_INVALID', `the anchor does not prove the checkpoint: ${message}`);
}
