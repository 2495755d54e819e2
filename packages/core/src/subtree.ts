import { bytesEqual } from './encoding.ts';
import { AssayError } from './errors.ts';
import { EMPTY_ROOT, type HashReader, nodeHash, proveConsistency, rootOf } from './merkle.ts';

/** tlog-mirror and tlog-witness carry at most this many hashes in a proof. */
const MAX_PATH = 63;

/**
 * Whether the leaves from `start` up to (not including) `end` are a subtree: what a tree's right edge once
 * was, so that its hash can be proven consistent with every larger tree (draft-ietf-plants-merkle-tree-certs,
 * "Definition of a Subtree"). The empty one at any place is a subtree too.
 *
 * @example
 * isSubtree(8, 13); // true
 * isSubtree(4, 13); // false: 9 leaves would have to begin at a multiple of 16
 */
export function isSubtree(start: number, end: number): boolean {
  return isSize(start) && isSize(end) && start <= end && start % powerFrom(end - start) === 0;
}

/** Hash of the subtree of these leaves. @throws RangeError when they are not a subtree. */
export async function subtreeRoot(start: number, end: number, read: HashReader): Promise<Uint8Array> {
  if (!isSubtree(start, end)) throw new RangeError(`expected a subtree, got the leaves ${start} to ${end}`);
  return rootOf(end - start, shifted(start, read));
}

/**
 * Path that proves a subtree to be part of the tree of `size` (SUBTREE_PROOF of the draft). From leaf 0 it is
 * a consistency path, for one leaf an inclusion path.
 *
 * @throws RangeError when the leaves are not a subtree of that tree.
 * @example
 * await proveSubtreeConsistency(8, 13, 14, read); // hashes of the leaves 12, 13, 8 to 11 and 0 to 7
 */
export async function proveSubtreeConsistency(
  start: number,
  end: number,
  size: number,
  read: HashReader,
): Promise<Uint8Array[]> {
  if (!isSubtree(start, end) || !isSize(size) || end > size) {
    throw new RangeError(`expected a subtree of a tree of ${size}, got the leaves ${start} to ${end}`);
  }
  if (start === end) return [];
  if (start === 0) return proveConsistency(end, size, read);
  // A subtree that does not begin at 0 lies on one side of the middle.
  const middle = powerFrom(size) / 2;
  const right = shifted(middle, read);
  return end <= middle
    ? [...(await proveSubtreeConsistency(start, end, middle, read)), await rootOf(size - middle, right)]
    : [
        ...(await proveSubtreeConsistency(start - middle, end - middle, size - middle, right)),
        await rootOf(middle, read),
      ];
}

/**
 * Checks that a subtree is part of a tree ("Verifying a Subtree Consistency Proof" of the draft). Of an empty
 * subtree it says nothing about the tree.
 *
 * @throws CONSISTENCY_PROOF_INVALID
 * @example
 * verifySubtreeConsistency({ start: 8, end: 13, size: 14, subtreeRoot, root, path });
 */
export function verifySubtreeConsistency(proof: {
  start: number;
  end: number;
  size: number;
  subtreeRoot: Uint8Array;
  root: Uint8Array;
  path: readonly Uint8Array[];
}): void {
  const { start, end, size, subtreeRoot, root, path } = proof;
  if (!isSubtree(start, end) || !isSize(size) || end > size)
    invalid(`expected a subtree of a tree of ${size}, got the leaves ${start} to ${end}`);
  if (path.length > MAX_PATH) invalid(`expected at most ${MAX_PATH} hashes, got ${path.length}`);
  if ([subtreeRoot, root, ...path].some((hash) => hash.length !== 32)) invalid('expected hashes of 32 bytes');
  if (start === end) {
    if (path.length > 0) invalid(`expected an empty path for an empty subtree, got ${path.length} hashes`);
    if (!bytesEqual(subtreeRoot, EMPTY_ROOT)) invalid('the hash of the empty subtree is not SHA-256("")');
    return;
  }
  // The first and last leaf of the subtree and the last of the tree, as nodes of one level that climbs.
  let first = start;
  let last = end - 1;
  let treeLast = size - 1;
  const climb = () => {
    // Sizes reach 2^53, beyond 32-bit operators: halve with division.
    first = Math.floor(first / 2);
    last = Math.floor(last / 2);
    treeLast = Math.floor(treeLast / 2);
  };
  // Up to the largest node at the subtree's end that is also in the tree: there the path begins.
  const sharesEnd = last === treeLast;
  while (first !== last && (sharesEnd || last % 2 === 1)) climb();
  const isWhole = first === last;
  const [seed, rest] = isWhole
    ? [subtreeRoot, path]
    : [path[0] ?? invalid('the path is empty'), path.slice(1)];
  let subtreeHash = seed;
  let treeHash = seed;
  for (const sibling of rest) {
    if (treeLast === 0) invalid('the path is too long');
    if (last % 2 === 1 || last === treeLast) {
      if (first < last) subtreeHash = nodeHash(sibling, subtreeHash);
      treeHash = nodeHash(sibling, treeHash);
      while (last % 2 === 0 && last > 0) climb();
    } else {
      treeHash = nodeHash(treeHash, sibling);
    }
    climb();
  }
  if (treeLast !== 0) invalid('the path is too short');
  if (!bytesEqual(subtreeHash, subtreeRoot)) invalid('the path does not lead to the root of the subtree');
  if (!bytesEqual(treeHash, root)) invalid('the path does not lead to the root of the tree');
}

/** The tree that begins at leaf `start`, a multiple of its largest complete subtree. */
function shifted(start: number, read: HashReader): HashReader {
  return (level, index) => read(level, start / 2 ** level + index);
}

/** The smallest power of two that is at least n (BIT_CEIL of the draft). */
function powerFrom(n: number): number {
  let power = 1;
  while (power < n) power *= 2;
  return power;
}

function isSize(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function invalid(message: string): never {
  throw new AssayError('CONSISTENCY_PROOF_INVALID', message);
}
