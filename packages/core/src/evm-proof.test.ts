/**
 * A real block's proof of an anchored checkpoint verifies, and says nothing else: no changed character of its JSON,
 * no node more or less, and no other checkpoint passes, and every refusal names the part.
 */
import { readFileSync } from 'node:fs';
import { keccak_256 } from '@noble/hashes/sha3.js';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bytesToHex, hexToBytes, utf8 } from './encoding.ts';
import { type AnchorProof, headSlot, verifyAnchorProof } from './evm-proof.ts';

interface Expected {
  origin: string;
  size: number;
  root: Uint8Array;
  contract: string;
  chainId: number;
}
const vector: { proof: AnchorProof; expected: Omit<Expected, 'root'> & { root: string } } = JSON.parse(
  readFileSync(new URL('../../../vectors/anchor-proof.json', import.meta.url), 'utf8'),
);
const { proof } = vector;
const expected: Expected = { ...vector.expected, root: hexToBytes(vector.expected.root) };
const PROOFS = ['accountProof', 'rootProof', 'sizeProof'] as const;

const refusal = (changed: unknown, about = expected): string => {
  try {
    verifyAnchorProof(changed as AnchorProof, about);
  } catch (error) {
    expect(error).toMatchObject({ code: 'ANCHOR_PROOF_INVALID', next: expect.any(String) });
    return (error as Error).message;
  }
  throw new Error(`verified: ${JSON.stringify(changed).slice(0, 200)}`);
};

test('keccak-256 is the one before SHA-3, and the slot is that of a Solidity mapping', () => {
  // The empty string's hash as the Yellow Paper has it.
  expect(bytesToHex(keccak_256(utf8('')))).toBe(
    'c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470',
  );
  const originId = bytesToHex(keccak_256(utf8('log.example/one')));
  expect(headSlot('log.example/one')).toBe(
    BigInt(`0x${bytesToHex(keccak_256(hexToBytes(originId + '0'.repeat(64))))}`),
  );
});

test('the proof verifies, through branches of the state and of the storage', () => {
  verifyAnchorProof(proof, expected);
  for (const name of PROOFS) expect(proof[name].length, name).toBeGreaterThan(1);
});

test('every single changed character of its JSON fails', () => {
  const json = JSON.stringify(proof);
  const alphabet = '0123456789abcdefxAF",:{}[] -.e';
  let parsed = 0;
  for (let at = 0; at < json.length; at++) {
    // Another hexadecimal digit, which parses wherever one stands, and one letter of any kind.
    const digit = '0123456789abcdef'[(Number.parseInt(json[at]!, 16) + 1 + (at % 15)) % 16] ?? '0';
    for (const letter of [digit, alphabet[(at * 7) % alphabet.length]!]) {
      if (letter === json[at]) continue;
      let changed: unknown;
      try {
        changed = JSON.parse(json.slice(0, at) + letter + json.slice(at + 1));
      } catch {
        continue;
      }
      parsed++;
      refusal(changed);
    }
  }
  expect(parsed).toBeGreaterThan(json.length);
}, 30_000);

test('a piece that is missing, doubled, inserted or moved fails', () => {
  fc.assert(
    fc.property(fc.constantFrom(...PROOFS), fc.nat(), fc.nat(), (name, from, to) => {
      const nodes = proof[name];
      const node = nodes[from % nodes.length]!;
      const without = nodes.filter((_, i) => i !== from % nodes.length);
      refusal({ ...proof, [name]: without });
      refusal({ ...proof, [name]: nodes.toSpliced(to % (nodes.length + 1), 0, node) });
      const moved = without.toSpliced(to % nodes.length, 0, node);
      if (moved.join() !== nodes.join()) refusal({ ...proof, [name]: moved });
    }),
  );
  for (const name of PROOFS) refusal({ ...proof, [name]: [] });
  refusal({ ...proof, rootProof: proof.sizeProof, sizeProof: proof.rootProof });
  for (const name of Object.keys(proof)) {
    const { [name as 'header']: _, ...rest } = proof;
    expect(refusal(rest)).toMatch(`anchor.${name}: missing`);
  }
  expect(refusal({ ...proof, note: 'and more' })).toMatch(/unexpected member "note"/);
});

test('every other checkpoint, log, contract and chain fails, and the refusal says why', () => {
  const { root, size } = expected;
  const cases: [Partial<Expected>, RegExp][] = [
    [{ size: size + 1 }, /expected the size \d+, the block records \d+/],
    [{ size: size - 1 }, /expected the size/],
    [{ size: size + 0.5 }, /expected the size/],
    [{ size: Number.NaN }, /expected the size/],
    [{ root: root.map((byte) => byte ^ 1) }, /records another root/],
    [{ root: root.subarray(1) }, /records another root/],
    [{ origin: `${expected.origin} ` }, /root: the (state has no such key|proof breaks)/],
    [{ chainId: 1 }, /expected chain 1, got 31337/],
    [{ contract: `0x${'00'.repeat(20)}` }, /expected the contract 0x00/],
    [{ contract: expected.contract.toUpperCase() }, /expected the contract/],
  ];
  for (const [change, reason] of cases) expect(refusal(proof, { ...expected, ...change })).toMatch(reason);
});

test('the proof of one key is not the proof of its neighbour below the same branches', () => {
  const path = (origin: string) =>
    bytesToHex(keccak_256(hexToBytes(headSlot(origin).toString(16).padStart(64, '0'))));
  // The leaf of the root lies below two branches: an origin with the same two digits gets as far as the leaf.
  const shared = path(expected.origin).slice(0, proof.rootProof.length - 1);
  const neighbour = Array.from({ length: 5_000 }, (_, i) => `log.example/neighbour-${i}`).find((origin) =>
    path(origin).startsWith(shared),
  )!;
  expect(refusal(proof, { ...expected, origin: neighbour })).toMatch(/root: the state has no such key/);
});

test.each([
  ['a letter in upper case', { header: proof.header.replace(/[a-f]/, (x) => x.toUpperCase()) }, /lower-case/],
  ['no 0x', { blockHash: proof.blockHash.slice(2) }, /lower-case hexadecimal after 0x/],
  ['half a byte', { header: proof.header.slice(0, -1) }, /anchor.header: expected/],
  ['a hash that is too long', { blockHash: `${proof.blockHash}00` }, /anchor.blockHash: expected 32 bytes/],
  ['another block number', { blockNumber: proof.blockNumber + 1 }, /header: expected block/],
  ['half a block', { blockNumber: proof.blockNumber + 0.5 }, /anchor.blockNumber: expected an integer/],
  ['a header that is no list', withHeader('83646f67'), /header: expected a list/],
  ['a header with too few members', withHeader('c3808080'), /header: it has too few members/],
  ['a header that is cut short', { header: proof.header.slice(0, -2) }, /header: expected the block hash/],
  ['bytes after the header', withHeader(`${proof.header.slice(2)}00`), /header: bytes follow/],
  ['nodes without end', { rootProof: Array(65).fill('0x80') }, /at most 64 members/],
  ['a node that is no node', { accountProof: ['0x80'] }, /account: the proof breaks at node 0/],
  ['no object', null, /expected an object/],
])('%s is refused', (_, change, reason) => {
  expect(refusal(change && { ...proof, ...change })).toMatch(reason);
});

/** A header of whatever bytes, with the hash that it then has. */
function withHeader(hex: string) {
  return { header: `0x${hex}`, blockHash: `0x${bytesToHex(keccak_256(hexToBytes(hex)))}` };
}
