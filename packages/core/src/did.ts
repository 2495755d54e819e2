import { excerpt } from './encoding.ts';
import { AssayError } from './errors.ts';

/** Multicodec `ed25519-pub` (0xed) as an unsigned varint. */
const ED25519_PUB = [0xed, 0x01];
const ALPHABET = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';

/**
 * The `did:key` of an Ed25519 public key (W3C CCG did:key method: multibase base58btc of multicodec and key).
 *
 * @example
 * didKey(publicKey); // 'did:key:z6Mk…'
 */
export function didKey(publicKey: Uint8Array): string {
  if (publicKey.length !== 32)
    throw new AssayError('KEY_INVALID', `expected a public key of 32 bytes, got ${publicKey.length}`);
  return `did:key:z${base58Encode(Uint8Array.of(...ED25519_PUB, ...publicKey))}`;
}

/** The Ed25519 public key of a `did:key`. @throws DID_INVALID for other methods, key types or spellings. */
export function publicKeyFromDid(did: string): Uint8Array {
  const match = /^did:key:z([1-9A-HJ-NP-Za-km-z]{40,60})$/.exec(did);
  const bytes = match ? base58Decode(match[1]!) : new Uint8Array();
  if (bytes.length !== 34 || bytes[0] !== ED25519_PUB[0] || bytes[1] !== ED25519_PUB[1]) {
    throw new AssayError(
      'DID_INVALID',
      `expected the did:key of an Ed25519 key (did:key:z6Mk…), got ${excerpt(did, 70)}`,
    );
  }
  return bytes.slice(2);
}

function base58Encode(bytes: Uint8Array): string {
  let number = 0n;
  for (const byte of bytes) number = number * 256n + BigInt(byte);
  let text = '';
  for (; number > 0n; number /= 58n) text = ALPHABET[Number(number % 58n)] + text;
  // A multicodec never begins with a zero byte, so base58's leading ones do not arise.
  return text;
}

function base58Decode(text: string): Uint8Array {
  let number = 0n;
  for (const letter of text) number = number * 58n + BigInt(ALPHABET.indexOf(letter));
  const bytes: number[] = [];
  for (; number > 0n; number /= 256n) bytes.unshift(Number(number % 256n));
  return Uint8Array.from(bytes);
}
