import { EMPTY_ROOT, TILE_WIDTH } from '@assay/core';
import { HASH_BYTES, merkleRoot, nodeHash } from './hashing.ts';

/** A tree reduced to what appending to it needs: the roots of its largest complete subtrees, at most 53. */
export class CompactRange {
  #size: number;
  /** From the left and largest to the smallest: one for every 1 in the binary size. */
  readonly #roots: Uint8Array[];

  constructor(size = 0, roots: Uint8Array[] = []) {
    this.#size = size;
    this.#roots = [...roots];
  }

  get size(): number {
    return this.#size;
  }

  get roots(): readonly Uint8Array[] {
    return this.#roots;
  }

  /** Appends leaf hashes, packed. */
  append(hashes: Uint8Array): void {
    for (let at = 0; at < hashes.length; ) {
      // A whole tile is one subtree already.
      const isTile = this.#size % TILE_WIDTH === 0 && hashes.length - at >= TILE_WIDTH * HASH_BYTES;
      const width = isTile ? TILE_WIDTH : 1;
      const end = at + width * HASH_BYTES;
      // A copy: the leaf hash must not keep the whole list in memory.
      let root = isTile ? merkleRoot(hashes.subarray(at, end)) : hashes.slice(at, end);
      for (let trees = this.#size / width; trees % 2 === 1; trees = (trees - 1) / 2)
        root = nodeHash(this.#roots.pop()!, root);
      this.#roots.push(root);
      this.#size += width;
      at = end;
    }
  }

  /** Root of the tree (RFC 6962 section 2.1). */
  root(): Uint8Array {
    return this.#roots.length === 0
      ? EMPTY_ROOT
      : this.#roots.reduceRight((right, left) => nodeHash(left, right));
  }
}
