/**
 * The contract that checks Merkle proofs and the verifier in TypeScript say yes to the same proofs: published
 * vectors, and random trees, proofs and alterations, judged by both.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SYSTEM } from '@assay/contracts';
import * as core from '@assay/core';
import fc from 'fast-check';
import {
  type Abi,
  createPublicClient,
  createTestClient,
  createWalletClient,
  encodeFunctionData,
  type Hex,
  http,
  maxUint64,
  zeroAddress,
} from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type DevelopmentChain, startAnvil } from './anvil.ts';

const PROOFS = process.env.ASSAY_LONG ? 100_000 : 2_000;
/** Calls in one request: a node is asked faster so. */
const AT_ONCE = 250;
const LARGEST_SIZE = 2 ** 53 - 1;
const folder = mkdtempSync(join(tmpdir(), 'assay-inclusion-'));
const abi = SYSTEM.InclusionProof.abi as Abi;
const vectors = JSON.parse(
  readFileSync(new URL('../../../vectors/rfc6962-merkle.json', import.meta.url), 'utf8'),
) as { inclusion: InclusionVector[]; consistency: ConsistencyVector[] };

let chain: DevelopmentChain;
let contract: Hex;

beforeAll(async () => {
  chain = await startAnvil({ directory: folder });
  const transport = http(chain.rpcUrl);
  const account = privateKeyToAccount(generatePrivateKey());
  const client = createPublicClient({ transport, pollingInterval: 20 });
  await createTestClient({ mode: 'anvil', transport }).setBalance({
    address: account.address,
    value: 10n ** 20n,
  });
  const wallet = createWalletClient({ account, transport });
  const { bytecode } = SYSTEM.InclusionProof;
  const hash = await wallet.deployContract({ abi, bytecode, args: [zeroAddress], chain: null });
  contract = (await client.waitForTransactionReceipt({ hash })).contractAddress!;
});
afterAll(async () => {
  await chain.stop();
  rmSync(folder, { recursive: true, force: true });
});

test('published vectors', async () => {
  // A root or a hash that is not 32 bytes long cannot even be written down for a contract.
  const isHashes = (hashes: (string | null)[]) =>
    hashes.every((hash) => core.base64Decode(hash ?? '').length === 32);
  const inclusion = vectors.inclusion.filter(({ leafHash, root, proof }) =>
    isHashes([leafHash, root, ...(proof ?? [])]),
  );
  const consistency = vectors.consistency.filter(({ root1, root2, proof }) =>
    isHashes([root1, root2, ...(proof ?? [])]),
  );
  expect([inclusion.length > 70, consistency.length > 70]).toEqual([true, true]);
  const decoded = (proof: string[] | null) => (proof ?? []).map(core.base64Decode);
  const said = await askContract([
    ...inclusion.map(({ leafHash, leafIdx, treeSize, proof, root }) =>
      inclusionCall({
        leafHash: core.base64Decode(leafHash),
        index: leafIdx,
        size: treeSize,
        path: decoded(proof),
        root: core.base64Decode(root),
      }),
    ),
    ...consistency.map(({ size1, size2, root1, root2, proof }) =>
      consistencyCall({
        oldSize: size1,
        oldRoot: core.base64Decode(root1),
        newSize: size2,
        newRoot: core.base64Decode(root2),
        path: decoded(proof),
      }),
    ),
  ]);
  expect(said).toEqual([...inclusion, ...consistency].map(({ wantErr }) => !wantErr));
});

test(`both say the same of ${PROOFS} proofs of inclusion`, { timeout: 900_000 }, async () => {
  const seed = Date.now() & 0x7fffffff;
  const proofs = fc.sample(fc.oneof(smallInclusion, largeInclusion).chain(altered), {
    numRuns: PROOFS,
    seed,
  });
  const ours = proofs.map((proof) => accepts(() => core.verifyInclusion(proof)));
  const theirs = await askContract(proofs.map(inclusionCall));
  const differs = ours.findIndex((said, i) => said !== theirs[i]);
  expect(differs, `seed ${seed}: ${inspect(proofs[differs])}`).toBe(-1);
  // A judge that always says the same would agree as well.
  for (const verdict of [true, false])
    expect(ours.filter((said) => said === verdict).length).toBeGreaterThan(PROOFS / 5);
});

test(`both say the same of ${PROOFS} proofs of consistency`, { timeout: 900_000 }, async () => {
  const seed = Date.now() & 0x7fffffff;
  const proofs = fc.sample(consistencyProof.chain(alteredGrowth), { numRuns: PROOFS, seed });
  const ours = proofs.map((proof) => accepts(() => core.verifyConsistency(proof)));
  const theirs = await askContract(proofs.map(consistencyCall));
  const differs = ours.findIndex((said, i) => said !== theirs[i]);
  expect(differs, `seed ${seed}: ${inspect(proofs[differs])}`).toBe(-1);
  for (const verdict of [true, false])
    expect(ours.filter((said) => said === verdict).length).toBeGreaterThan(PROOFS / 5);
});

// ------------------------------------------------------------------------------------------------------- proofs

type Inclusion = Parameters<typeof core.verifyInclusion>[0];
type Consistency = Parameters<typeof core.verifyConsistency>[0];
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

const hash = fc.uint8Array({ minLength: 32, maxLength: 32 });
const LEAVES = Array.from({ length: 130 }, (_, i) => core.leafHash(core.utf8(`leaf ${i}`)));
const hashAt = async (level: number, index: number) =>
  core.merkleRoot(LEAVES.slice(index * 2 ** level, (index + 1) * 2 ** level));
const roots = LEAVES.map((_, i) => core.merkleRoot(LEAVES.slice(0, i + 1)));
/** Every proof of consistency between real trees, made once. */
const GROWTHS: Consistency[] = [];
for (let newSize = 1; newSize <= LEAVES.length; newSize += 3)
  for (let oldSize = 1; oldSize <= newSize; oldSize += 2)
    GROWTHS.push({
      oldSize,
      newSize,
      oldRoot: roots[oldSize - 1]!,
      newRoot: roots[newSize - 1]!,
      path: await core.proveConsistency(oldSize, newSize, hashAt),
    });

/** A real proof of a real tree. */
const smallInclusion: fc.Arbitrary<Inclusion> = fc
  .integer({ min: 1, max: LEAVES.length })
  .chain((size) => fc.record({ size: fc.constant(size), index: fc.nat(size - 1) }))
  .map(({ size, index }) => ({
    leafHash: LEAVES[index]!,
    index,
    size,
    path: core.inclusionPath(LEAVES.slice(0, size), index),
    root: roots[size - 1]!,
  }));

/** A proof of a tree that nobody could build, up to the largest one: only its path has to exist. */
const largeInclusion: fc.Arbitrary<Inclusion> = fc
  .tuple(fc.maxSafeInteger(), fc.maxSafeInteger(), fc.array(hash, { minLength: 53, maxLength: 53 }), hash)
  .map(([a, b, hashes, leafHash]) => {
    const size = (Math.abs(a) % LARGEST_SIZE) + 1;
    const index = Math.abs(b) % size;
    for (let length = 0; ; length++) {
      const proof = { leafHash, index, size, path: hashes.slice(0, length) };
      try {
        return { ...proof, root: core.rootFromInclusion(proof) };
      } catch {
        // Too short yet.
      }
    }
  });

const consistencyProof: fc.Arbitrary<Consistency> = fc.constantFrom(...GROWTHS);

/** What a liar, or a line with noise, makes of a path of hashes. */
function alteredPath(path: readonly Uint8Array[]): fc.Arbitrary<Uint8Array[]> {
  const at = fc.nat(Math.max(0, path.length - 1));
  return fc.oneof(
    fc.tuple(at, hash).map(([i, other]) => path.map((each, place) => (place === i ? other : each))),
    fc.tuple(at, hash).map(([i, other]) => path.toSpliced(i, 0, other)),
    at.map((i) => path.toSpliced(i, 1)),
    at.map((i) => [...path.slice(i), ...path.slice(0, i)]),
    hash.map((other) => [...path, other]),
  );
}

function alteredSize(size: number): fc.Arbitrary<number> {
  return fc.oneof(
    fc.integer({ min: -2, max: 2 }).map((by) => Math.min(LARGEST_SIZE + 1, Math.max(0, size + by))),
    fc.constantFrom(0, 1, size * 2 > LARGEST_SIZE ? size : size * 2, LARGEST_SIZE, LARGEST_SIZE + 1),
  );
}

/** The proof itself half of the time, else with one thing in it changed. */
function altered(proof: Inclusion): fc.Arbitrary<Inclusion> {
  return fc.oneof(
    { arbitrary: fc.constant(proof), weight: 4 },
    alteredPath(proof.path).map((path) => ({ ...proof, path })),
    alteredSize(proof.size).map((size) => ({ ...proof, size })),
    alteredSize(proof.index).map((index) => ({ ...proof, index })),
    hash.map((leafHash) => ({ ...proof, leafHash })),
  );
}

function alteredGrowth(proof: Consistency): fc.Arbitrary<Consistency> {
  return fc.oneof(
    { arbitrary: fc.constant(proof), weight: 4 },
    alteredPath(proof.path).map((path) => ({ ...proof, path })),
    alteredSize(proof.oldSize).map((oldSize) => ({ ...proof, oldSize })),
    alteredSize(proof.newSize).map((newSize) => ({ ...proof, newSize })),
    fc.constant({ ...proof, oldRoot: proof.newRoot, newRoot: proof.oldRoot }),
  );
}

// -------------------------------------------------------------------------------------------------- both judges

function accepts(verify: () => void): boolean {
  try {
    verify();
    return true;
  } catch (error) {
    expect(error).toBeInstanceOf(core.AssayError);
    return false;
  }
}

function inclusionCall({ leafHash, index, size, path, root }: Inclusion): Hex {
  const args = [hexOf(leafHash), uint64(index), uint64(size), path.map(hexOf), hexOf(root)];
  return encodeFunctionData({ abi, functionName: 'verifyInclusion', args });
}

function consistencyCall({ oldSize, oldRoot, newSize, newRoot, path }: Consistency): Hex {
  const args = [uint64(oldSize), hexOf(oldRoot), uint64(newSize), hexOf(newRoot), path.map(hexOf)];
  return encodeFunctionData({ abi, functionName: 'verifyConsistency', args });
}

async function askContract(calls: readonly Hex[]): Promise<boolean[]> {
  const said: boolean[] = [];
  for (let at = 0; at < calls.length; at += AT_ONCE) {
    const response = await fetch(chain.rpcUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(
        calls.slice(at, at + AT_ONCE).map((data, id) => ({
          jsonrpc: '2.0',
          id,
          method: 'eth_call',
          params: [{ to: contract, data }, 'latest'],
        })),
      ),
    });
    const answers = (await response.json()) as { id: number; result?: Hex; error?: unknown }[];
    answers.sort((a, b) => a.id - b.id);
    for (const { result, error } of answers) {
      // It answers, also to nonsense: a caller never has to catch.
      expect(error).toBeUndefined();
      said.push(BigInt(result!) === 1n);
    }
  }
  return said;
}

/** The largest of the vectors' numbers, 2^64 - 1, was rounded up when it was read. */
function uint64(number: number): bigint {
  const value = BigInt(number);
  return value > maxUint64 ? maxUint64 : value;
}

function hexOf(bytes: Uint8Array): Hex {
  return `0x${core.bytesToHex(bytes)}`;
}

function inspect(proof: unknown): string {
  return JSON.stringify(proof, (_, value) => (value instanceof Uint8Array ? core.bytesToHex(value) : value));
}
