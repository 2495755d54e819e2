import { bytesEqual } from './encoding.ts';
import { AssayError, type ErrorCode } from './errors.ts';
import { sha256 } from './sha256.ts';

/** RFC 6962 section 2.1: the hash of the empty tree is SHA-256 of nothing. */
export const EMPTY_ROOT: Uint8Array = sha256(new Uint8Array());

/** Longest path in a tree of 2^53 leaves; also the bound of tlog-witness (63) for a consistency proof. */
const MAX_PATH = 63;

// Hashing is synchronous, so that its input can take shape in the same memory each time: making new memory costs
// as much as the hash itself.
const LEAF_INPUT = new Uint8Array(4_096);
const NODE_INPUT = new Uint8Array(65).fill(1, 0, 1);

/** Leaf hash SHA-256(0x00 ‖ entry). The prefix keeps leaves and nodes apart (RFC 6962 section 2.1). */
export function leafHash(entry: Uint8Array): Uint8Array {
  const length = entry.length + 1;
  const input = length <= LEAF_INPUT.length ? LEAF_INPUT.subarray(0, length) : new Uint8Array(length);
  input.set(entry, 1);
  return sha256(input);
}

/** Interior node SHA-256(0x01 ‖ left ‖ right). */
export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  if (left.length !== 32 || right.length !== 32) throw new RangeError('expected two hashes of 32 bytes');
  NODE_INPUT.set(left, 1);
  NODE_INPUT.set(right, 33);
  return sha256(NODE_INPUT);
}

/**
 * Root of a list of leaf hashes (MTH of RFC 6962 section 2.1).
 *
 * @example
 * merkleRoot(rows.map((row) => leafHash(rowBytes(row))));
 */
export function merkleRoot(leafHashes: readonly Uint8Array[]): Uint8Array {
  let level = leafHashes;
  while (level.length > 1) level = nodesAbove(level);
  return level[0] ?? EMPTY_ROOT;
}

/** A tree held in memory with all its nodes, for many paths out of one tree. */
export interface MerkleTree {
  readonly root: Uint8Array;
  /** Inclusion path of a leaf, its sibling first (PATH of RFC 6962 section 2.1.1). */
  path(index: number): Uint8Array[];
}

/** The tree over some leaf hashes. */
export function merkleTree(leafHashes: readonly Uint8Array[]): MerkleTree {
  const levels = [leafHashes];
  for (let level = leafHashes; level.length > 1; levels.push(level)) level = nodesAbove(level);
  return {
    root: levels.at(-1)![0] ?? EMPTY_ROOT,
    path(index) {
      if (!(Number.isSafeInteger(index) && index >= 0 && index < leafHashes.length)) {
        throw new RangeError(`expected an index below ${leafHashes.length}, got ${index}`);
      }
      // A node without a sibling moves up as it is.
      return levels.flatMap((level, height) => level[Math.floor(index / 2 ** height) ^ 1] ?? []);
    },
  };
}

/** Inclusion path of one leaf of a small tree, leaf's sibling first. */
export function inclusionPath(leafHashes: readonly Uint8Array[], index: number): Uint8Array[] {
  return merkleTree(leafHashes).path(index);
}

/**
 * Root that an inclusion path leads to (RFC 9162 section 2.1.3.2).
 *
 * @throws INCLUSION_PROOF_INVALID when the index lies outside the tree or the path has the wrong length.
 */
export function rootFromInclusion(proof: {
  leafHash: Uint8Array;
  index: number;
  size: number;
  path: readonly Uint8Array[];
}): Uint8Array {
  const { index, size, path } = proof;
  const invalid = fails('INCLUSION_PROOF_INVALID');
  if (!isSize(index) || !isSize(size) || index >= size)
    invalid(`index ${index} is not below the size ${size}`);
  checkHashes([proof.leafHash, ...path], invalid);
  // Sizes reach 2^53, beyond 32-bit operators: halve with division.
  let node = index;
  let last = size - 1;
  let hash = proof.leafHash;
  for (const sibling of path) {
    if (last === 0) invalid(`the path is longer than the tree of ${size} needs`);
    if (node % 2 === 1 || node === last) {
      hash = nodeHash(sibling, hash);
      while (node % 2 === 0 && node !== 0) {
        node /= 2;
        last = Math.floor(last / 2);
      }
    } else {
      hash = nodeHash(hash, sibling);
    }
    node = Math.floor(node / 2);
    last = Math.floor(last / 2);
  }
  if (last !== 0) invalid(`the path is shorter than the tree of ${size} needs`);
  return hash;
}

/**
 * Checks that a leaf is in a tree.
 *
 * @throws INCLUSION_PROOF_INVALID
 * @example
 * verifyInclusion({ leafHash: leafHash(entry), index: 7, size: 20, path, root });
 */
export function verifyInclusion(proof: {
  leafHash: Uint8Array;
  index: number;
  size: number;
  path: readonly Uint8Array[];
  root: Uint8Array;
}): void {
  if (!bytesEqual(rootFromInclusion(proof), proof.root)) {
    fails('INCLUSION_PROOF_INVALID')('the path leads to another root');
  }
}

/**
 * Checks that a tree extends an older one (RFC 9162 section 2.1.4.2). An old size of 0 is refused: every tree
 * extends the empty one, so that there is nothing to prove.
 *
 * @throws CONSISTENCY_PROOF_INVALID
 */
export function verifyConsistency(proof: {
  oldSize: number;
  oldRoot: Uint8Array;
  newSize: number;
  newRoot: Uint8Array;
  path: readonly Uint8Array[];
}): void {
  const { oldSize, oldRoot, newSize, newRoot, path } = proof;
  const invalid = fails('CONSISTENCY_PROOF_INVALID');
  if (!isSize(oldSize) || !isSize(newSize) || oldSize === 0 || oldSize > newSize) {
    invalid(`expected an old size from 1 to the new size ${newSize}, got ${oldSize}`);
  }
  checkHashes([oldRoot, newRoot, ...path], invalid);
  if (oldSize === newSize) {
    if (path.length > 0) invalid(`expected an empty path for equal sizes, got ${path.length} hashes`);
    if (!bytesEqual(oldRoot, newRoot)) invalid(`the roots at size ${oldSize} differ`);
    return;
  }
  if (path.length === 0) invalid('the path is empty');
  let node = oldSize - 1;
  let last = newSize - 1;
  while (node % 2 === 1) {
    node = (node - 1) / 2;
    last = Math.floor(last / 2);
  }
  // A power of two is a complete subtree, so the old root itself begins the path.
  const [first, rest] = node === 0 ? [oldRoot, path] : [path[0]!, path.slice(1)];
  let oldHash = first;
  let newHash = first;
  for (const sibling of rest) {
    if (last === 0) invalid('the path is too long');
    if (node % 2 === 1 || node === last) {
      oldHash = nodeHash(sibling, oldHash);
      newHash = nodeHash(sibling, newHash);
      while (node % 2 === 0 && node !== 0) {
        node /= 2;
        last = Math.floor(last / 2);
      }
    } else {
      newHash = nodeHash(newHash, sibling);
    }
    node = Math.floor(node / 2);
    last = Math.floor(last / 2);
  }
  if (last !== 0) invalid('the path is too short');
  if (!bytesEqual(oldHash, oldRoot)) invalid('the path does not lead to the old root');
  if (!bytesEqual(newHash, newRoot)) invalid('the path does not lead to the new root');
}

/** Reads the hash of the complete subtree of 2^level leaves that begins at leaf index·2^level. */
export type HashReader = (level: number, index: number) => Promise<Uint8Array>;

/** Root of the first `size` leaves, from complete-subtree hashes. */
export async function rootOf(size: number, read: HashReader): Promise<Uint8Array> {
  return size === 0 ? EMPTY_ROOT : subtree(0, size, read);
}

/** Inclusion path of leaf `index` in the tree of `size`, leaf's sibling first (RFC 6962 section 2.1.1). */
export async function proveInclusion(index: number, size: number, read: HashReader): Promise<Uint8Array[]> {
  if (!isSize(index) || !isSize(size) || index >= size) {
    throw new RangeError(`expected an index below ${size}, got ${index}`);
  }
  return pathWithin(index, 0, size, read);
}

/** Consistency path between two sizes of one tree (RFC 6962 section 2.1.2). */
export async function proveConsistency(
  oldSize: number,
  newSize: number,
  read: HashReader,
): Promise<Uint8Array[]> {
  if (!isSize(oldSize) || !isSize(newSize) || oldSize > newSize) {
    throw new RangeError(`expected the old size to be at most ${newSize}, got ${oldSize}`);
  }
  return oldSize === 0 || oldSize === newSize ? [] : subproof(oldSize, 0, newSize, true, read);
}

/**
 * Path that proves all the leaves from one index up to another at once: the roots of the largest subtrees
 * beside them, from left to right. {@link rootFromRange} leads it to the root.
 */
export async function proveRange(
  from: number,
  to: number,
  size: number,
  read: HashReader,
): Promise<Uint8Array[]> {
  checkRange(from, to, size, (message) => {
    throw new RangeError(message);
  });
  const walk = async (lo: number, hi: number): Promise<Uint8Array[]> => {
    if (hi <= from || lo >= to) return [await subtree(lo, hi, read)];
    if (from <= lo && hi <= to) return [];
    const middle = lo + splitOf(hi - lo);
    return [...(await walk(lo, middle)), ...(await walk(middle, hi))];
  };
  return walk(0, size);
}

/**
 * Root of the tree of `size` in which the given leaves stand side by side from index `from`.
 *
 * @throws INCLUSION_PROOF_INVALID when the leaves lie outside the tree or the path has the wrong length.
 */
export function rootFromRange(proof: {
  from: number;
  leafHashes: readonly Uint8Array[];
  size: number;
  path: readonly Uint8Array[];
}): Uint8Array {
  const { from, leafHashes, size, path } = proof;
  const to = from + leafHashes.length;
  const invalid = fails('INCLUSION_PROOF_INVALID');
  checkRange(from, to, size, invalid);
  if (path.length > 2 * MAX_PATH) invalid(`expected at most ${2 * MAX_PATH} hashes, got ${path.length}`);
  if ([...leafHashes, ...path].some((hash) => hash.length !== 32)) invalid('expected hashes of 32 bytes');
  let used = 0;
  const walk = (lo: number, hi: number): Uint8Array => {
    if (hi <= from || lo >= to) return path[used++] ?? invalid('the path is too short');
    if (from <= lo && hi <= to) return merkleRoot(leafHashes.slice(lo - from, hi - from));
    const middle = lo + splitOf(hi - lo);
    const left = walk(lo, middle);
    return nodeHash(left, walk(middle, hi));
  };
  const root = walk(0, size);
  if (used !== path.length) invalid('the path is too long');
  return root;
}

function checkRange(from: number, to: number, size: number, invalid: (message: string) => never): void {
  if (!isSize(from) || !isSize(to) || !isSize(size) || from >= to || to > size)
    invalid(`expected leaves of a tree of ${size}, got those from ${from} up to ${to}`);
}

/** Pairing level by level, an odd last node moving up as it is, gives the same tree as MTH's splits. */
function nodesAbove(level: readonly Uint8Array[]): Uint8Array[] {
  const above: Uint8Array[] = [];
  for (let i = 0; i + 1 < level.length; i += 2) above.push(nodeHash(level[i]!, level[i + 1]!));
  if (level.length % 2 === 1) above.push(level.at(-1)!);
  return above;
}

async function pathWithin(index: number, from: number, to: number, read: HashReader): Promise<Uint8Array[]> {
  if (to - from === 1) return [];
  const middle = from + splitOf(to - from);
  return index < middle
    ? [...(await pathWithin(index, from, middle, read)), await subtree(middle, to, read)]
    : [...(await pathWithin(index, middle, to, read)), await subtree(from, middle, read)];
}

async function subproof(
  m: number,
  from: number,
  to: number,
  whole: boolean,
  read: HashReader,
): Promise<Uint8Array[]> {
  if (m === to) return whole ? [] : [await subtree(from, to, read)];
  const middle = from + splitOf(to - from);
  return m <= middle
    ? [...(await subproof(m, from, middle, whole, read)), await subtree(middle, to, read)]
    : [...(await subproof(m, middle, to, false, read)), await subtree(from, middle, read)];
}

async function subtree(from: number, to: number, read: HashReader): Promise<Uint8Array> {
  const level = Math.log2(to - from);
  // Near 2^53 the logarithm is rounded, so that 2^53 - 1 would pass for a power of two.
  if (Number.isInteger(level) && 2 ** level === to - from) return read(level, from / 2 ** level);
  const middle = from + splitOf(to - from);
  return nodeHash(await subtree(from, middle, read), await subtree(middle, to, read));
}

/** The largest power of two below n (k of RFC 6962 section 2.1). */
export function splitOf(n: number): number {
  let k = 1;
  while (k * 2 < n) k *= 2;
  return k;
}

function isSize(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function fails(code: ErrorCode): (message: string) => never {
  return (message) => {
    throw new AssayError(code, message);
  };
}

function checkHashes(hashes: readonly Uint8Array[], invalid: (message: string) => never): void {
  if (hashes.length > MAX_PATH + 2) invalid(`expected at most ${MAX_PATH} hashes, got ${hashes.length}`);
  if (hashes.some((hash) => hash.length !== 32)) invalid('expected hashes of 32 bytes');
}
