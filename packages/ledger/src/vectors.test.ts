/**
 * Shows that hashing and proofs agree with the published vectors of transparency-dev/merkle (RFC 6962), both
 * core's and this package's own faster hashes.
 */
import { readFileSync } from 'node:fs';
import * as core from '@assay/core';
import { describe, expect, test } from 'vitest';
import { leafHash, leafHashes, merkleRoot, nodeHash } from './hashing.ts';
import { batchOf, EMPTY_EDGE, grow, rootOfEdge } from './tree.ts';

const vectors = read('rfc6962-merkle.json');
const subtrees = read('merkle-subtrees.json');
const leaves: Uint8Array[] = vectors.roots.leaves.map(core.hexToBytes);

/** Accepted by the vectors, refused here: a root of theirs is not a hash of 32 bytes. */
const NOT_HASHES = [
  'additional/sizes-are-equal-one-and-proof-is-empty.json',
  'additional/subtree-is-empty-sizes-are-equal-one-subtree-root-valid-tree-root-random-proof-is-empty.json',
  'additional/subtree-is-empty-sizes-are-equal-zero-subtree-root-valid-tree-root-random-proof-is-empty.json',
];

describe('roots', () => {
  test.each(leaves.map((_, i) => i))('of the first leaves up to number %i', (i) => {
    const entries = leaves.slice(0, i + 1);
    const hashes = leafHashes(entries);
    const expected = vectors.roots.rootBySize[i + 1];
    expect(core.bytesToHex(merkleRoot(hashes))).toBe(expected);
    expect(core.bytesToHex(core.merkleRoot(entries.map(core.leafHash)))).toBe(expected);
    const { edge } = grow(EMPTY_EDGE, batchOf(entries, hashes));
    expect(core.bytesToHex(rootOfEdge(edge))).toBe(expected);
  });

  test('the empty tree', () => {
    expect(core.bytesToHex(rootOfEdge(EMPTY_EDGE))).toBe(vectors.roots.rootBySize[0]);
    expect(core.bytesToHex(merkleRoot(new Uint8Array()))).toBe(vectors.roots.rootBySize[0]);
  });

  test('both hashers agree', () => {
    for (const length of [0, 1, 31, 55, 56, 63, 64, 65, 1_200, 65_535]) {
      const bytes = new Uint8Array(length).fill(length);
      expect(leafHash(bytes)).toEqual(core.leafHash(bytes));
    }
    const [left, right] = leaves.slice(0, 2).map(leafHash);
    expect(nodeHash(left!, right!)).toEqual(core.nodeHash(left!, right!));
  });
});

test.each<[string, InclusionVector]>(vectors.inclusion.map(named))('inclusion %s', (_file, vector) => {
  const accepted = accepts(() =>
    core.verifyInclusion({
      leafHash: core.base64Decode(vector.leafHash),
      index: vector.leafIdx,
      size: vector.treeSize,
      path: (vector.proof ?? []).map(core.base64Decode),
      root: core.base64Decode(vector.root),
    }),
  );
  expect(accepted).toBe(!vector.wantErr);
});

test.each<[string, ConsistencyVector]>(vectors.consistency.map(named))('consistency %s', (file, vector) => {
  const accepted = accepts(() =>
    core.verifyConsistency({
      oldSize: vector.size1,
      newSize: vector.size2,
      oldRoot: core.base64Decode(vector.root1),
      newRoot: core.base64Decode(vector.root2),
      path: (vector.proof ?? []).map(core.base64Decode),
    }),
  );
  expect(accepted).toBe(!vector.wantErr && !NOT_HASHES.includes(file));
});

test.each<[string, SubtreeInclusionVector]>(subtrees.inclusion.map(named))(
  'inclusion in a subtree %s',
  (_file, vector) => {
    const { start, end } = vector;
    const accepted =
      core.isSubtree(start, end) &&
      accepts(() =>
        core.verifyInclusion({
          leafHash: core.base64Decode(vector.leafHash),
          index: vector.leafIdx - start,
          size: end - start,
          path: (vector.proof ?? []).map(core.base64Decode),
          root: core.base64Decode(vector.root),
        }),
      );
    expect(accepted).toBe(!vector.wantErr);
  },
);

test.each<[string, SubtreeConsistencyVector]>(subtrees.consistency.map(named))(
  'consistency of a subtree %s',
  (file, vector) => {
    const { start, end, size } = vector;
    const accepted = accepts(() =>
      core.verifySubtreeConsistency({
        start,
        end,
        size,
        subtreeRoot: core.base64Decode(vector.root1),
        root: core.base64Decode(vector.root2),
        path: (vector.proof ?? []).map(core.base64Decode),
      }),
    );
    expect(accepted).toBe(!vector.wantErr && !NOT_HASHES.includes(file));
  },
);

interface InclusionVector {
  leafIdx: number;
  treeSize: number;
  root: string;
  leafHash: string;
  proof: string[] | null;
  wantErr: boolean;
}

interface ConsistencyVector {
  size1: number;
  size2: number;
  root1: string;
  root2: string;
  proof: string[] | null;
  wantErr: boolean;
}

interface SubtreeInclusionVector extends Omit<InclusionVector, 'treeSize'> {
  start: number;
  end: number;
}

interface SubtreeConsistencyVector extends Omit<ConsistencyVector, 'size1' | 'size2'> {
  start: number;
  end: number;
  size: number;
}

function read(file: string) {
  return JSON.parse(readFileSync(new URL(`../../../vectors/${file}`, import.meta.url), 'utf8'));
}

function named<T extends { file: string }>(vector: T): [string, T] {
  return [vector.file, vector];
}

function accepts(verify: () => void): boolean {
  try {
    verify();
    return true;
  } catch (error) {
    expect(error).toBeInstanceOf(core.AssayError);
    return false;
  }
}
