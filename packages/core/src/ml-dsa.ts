import { ml_dsa44 } from '@noble/post-quantum/ml-dsa.js';
import { concatBytes } from './encoding.ts';
import { AssayError } from './errors.ts';

/** Someone who can sign with ML-DSA-44 (FIPS 204). The private key stays behind it. */
export interface MlDsaSigner {
  /** 1312 bytes. */
  readonly publicKey: Uint8Array;
  /** 2420-byte signature of a message, with the empty context. */
  sign(message: Uint8Array): Promise<Uint8Array>;
}

export const ML_DSA_PUBLIC_KEY_BYTES = 1_312;
export const ML_DSA_SIGNATURE_BYTES = 2_420;

// As for hashes, OpenSSL is reached without an import: it verifies in 0.2 ms where noble takes 1.2 ms, and
// signs in constant time. WebCrypto would do too, but Node prints a warning for it.
const native = globalThis.process?.getBuiltinModule?.('node:crypto');

/** DER before the raw bytes (RFC 9881): SubjectPublicKeyInfo, and PKCS #8 with the seed alone. */
const ALGORITHM = [0x30, 0x0b, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, 0x11];
const SPKI_PREFIX = Uint8Array.of(0x30, 0x82, 5, 0x32, ...ALGORITHM, 3, 0x82, 5, 0x21, 0);
const PKCS8_PREFIX = Uint8Array.of(0x30, 0x34, 2, 1, 0, ...ALGORITHM, 4, 0x22, 0x80, 0x20);

/**
 * Verifies an ML-DSA-44 signature with the empty context (FIPS 204 algorithm 3): OpenSSL's in Node, noble's
 * elsewhere.
 *
 * @returns false for a wrong signature; never throws for hostile bytes.
 */
export function verifyMlDsa(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== ML_DSA_PUBLIC_KEY_BYTES || signature.length !== ML_DSA_SIGNATURE_BYTES)
    return false;
  const key = nativeKey((crypto) =>
    crypto.createPublicKey({ key: der(SPKI_PREFIX, publicKey), format: 'der', type: 'spki' }),
  );
  return key ? native!.verify(null, message, key, signature) : ml_dsa44.verify(signature, message, publicKey);
}

/**
 * A signer from a 32-byte seed (ξ of FIPS 204).
 *
 * @throws KEY_INVALID for a seed of another length.
 * @example
 * const witness = await mlDsaSigner(crypto.getRandomValues(new Uint8Array(32)));
 */
export async function mlDsaSigner(seed: Uint8Array): Promise<MlDsaSigner> {
  if (seed.length !== 32)
    throw new AssayError('KEY_INVALID', `expected a seed of 32 bytes, got ${seed.length}`);
  const { publicKey, secretKey } = ml_dsa44.keygen(seed);
  const key = nativeKey((crypto) =>
    crypto.createPrivateKey({ key: der(PKCS8_PREFIX, seed), format: 'der', type: 'pkcs8' }),
  );
  return {
    publicKey,
    sign: async (message) =>
      key ? new Uint8Array(native!.sign(null, message, key)) : ml_dsa44.sign(message, secretKey),
  };
}

/** Null where there is no Node, or one whose OpenSSL is older than the algorithm. */
function nativeKey<Key>(make: (crypto: NonNullable<typeof native>) => Key): Key | null {
  try {
    return native ? make(native) : null;
  } catch {
    return null;
  }
}

function der(prefix: Uint8Array, raw: Uint8Array) {
  return concatBytes(prefix, raw) as Buffer;
}
