import { hash } from 'node:crypto';
import { EMPTY_ROOT, MAX_ENTRY_BYTES } from '@assay/core';

// The hashes of core's merkle.ts with OpenSSL instead of portable code, as a log hashes every entry it takes.
// Lists of hashes are packed, 32 bytes each. `hash` gives a string three times as fast as it gives a Buffer
// (Node 24), and a string of one character a byte costs next to nothing to copy where the hash belongs.

/** Bytes of a hash. */
export const HASH_BYTES = 32;

// No hash is awaited, so that one piece of scratch memory serves them all.
const LEAF = Buffer.alloc(1 + MAX_ENTRY_BYTES, 0x00);
const NODE = Buffer.alloc(1 + 2 * HASH_BYTES, 0x01);

/** SHA-256 of some bytes. */
export function sha256(bytes: Uint8Array): Uint8Array {
  const out = new Uint8Array(HASH_BYTES);
  writeHash(bytes, out, 0);
  return out;
}

/** Leaf hash SHA-256(0x00 ‖ entry) (RFC 6962 section 2.1). */
export function leafHash(entry: Uint8Array): Uint8Array {
  return leafHashes([entry]);
}

/** Leaf hashes of entries. */
export function leafHashes(entries: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(entries.length * HASH_BYTES);
  let input = LEAF.subarray(0, 1);
  for (let i = 0; i < entries.length; i++) {
    const entry = entries[i]!;
    LEAF.set(entry, 1);
    // Neighbours are often of one length, and a view costs as much as half a hash.
    if (input.length !== entry.length + 1) input = LEAF.subarray(0, entry.length + 1);
    writeHash(input, out, i);
  }
  return out;
}

/** Interior node SHA-256(0x01 ‖ left ‖ right). */
export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  const out = new Uint8Array(HASH_BYTES);
  NODE.set(left, 1);
  NODE.set(right, 1 + HASH_BYTES);
  writeHash(NODE, out, 0);
  return out;
}

/** The nodes right above some hashes: each pair hashed; an odd last one moves up as it is. */
export function nodesAbove(hashes: Uint8Array): Uint8Array {
  const below = bufferOn(hashes);
  const pairs = Math.floor(hashes.length / (2 * HASH_BYTES));
  const rest = hashes.subarray(pairs * 2 * HASH_BYTES);
  const out = new Uint8Array(pairs * HASH_BYTES + rest.length);
  for (let i = 0; i < pairs; i++) {
    below.copy(NODE, 1, i * 2 * HASH_BYTES, (i + 1) * 2 * HASH_BYTES);
    writeHash(NODE, out, i);
  }
  out.set(rest, pairs * HASH_BYTES);
  return out;
}

/** Root of a list of hashes (MTH). */
export function merkleRoot(hashes: Uint8Array): Uint8Array {
  let level = hashes;
  while (level.length > HASH_BYTES) level = nodesAbove(level);
  return level.length === 0 ? EMPTY_ROOT : level;
}

/** The same memory as a Buffer. */
export function bufferOn(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

function writeHash(input: Uint8Array, out: Uint8Array, place: number): void {
  const digest = hash('sha256', input, 'binary');
  const at = place * HASH_BYTES;
  for (let i = 0; i < HASH_BYTES; i++) out[at + i] = digest.charCodeAt(i);
}
