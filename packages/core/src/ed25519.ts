import { ed25519 } from '@noble/curves/ed25519.js';
import { didKey } from './did.ts';
import { AssayError } from './errors.ts';

/** Someone who can sign: a service, a device, a log, a witness. The private key stays behind it. */
export interface Ed25519Signer {
  /** 32 bytes (RFC 8032 section 5.1.5). */
  readonly publicKey: Uint8Array;
  /** The `did:key` of {@link publicKey}. */
  readonly did: string;
  /** 64-byte signature of a message. */
  sign(message: Uint8Array): Promise<Uint8Array>;
}

/** PKCS #8 wrapping of a raw Ed25519 seed (RFC 8410 section 7), which WebCrypto demands. */
const PKCS8_PREFIX = Uint8Array.of(0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20);
const MAX_CACHED_KEYS = 256;

/** Keys by their hex, so that a stream's thousandth signature does not import its key a thousandth time. */
const importedKeys = new Map<string, Promise<CryptoKey | null>>();

/**
 * Verifies an Ed25519 signature: WebCrypto where it has the curve (ten times faster), noble elsewhere.
 *
 * @returns false for a wrong signature; never throws for hostile bytes.
 */
export async function verifyEd25519(
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  if (publicKey.length !== 32 || signature.length !== 64) return false;
  const key = await importPublicKey(publicKey);
  if (key) return crypto.subtle.verify('Ed25519', key, buffer(signature), buffer(message));
  try {
    return ed25519.verify(signature, message, publicKey);
  } catch {
    return false;
  }
}

/**
 * A signer from a 32-byte seed (RFC 8032 section 5.1.5).
 *
 * @throws KEY_INVALID for a seed of another length.
 * @example
 * const provider = await ed25519Signer(crypto.getRandomValues(new Uint8Array(32)));
 */
export async function ed25519Signer(seed: Uint8Array): Promise<Ed25519Signer> {
  if (seed.length !== 32)
    throw new AssayError('KEY_INVALID', `expected a seed of 32 bytes, got ${seed.length}`);
  const publicKey = ed25519.getPublicKey(seed);
  const pkcs8 = new Uint8Array([...PKCS8_PREFIX, ...seed]);
  const key = await crypto.subtle.importKey('pkcs8', pkcs8, 'Ed25519', false, ['sign']).catch(() => null);
  return {
    publicKey,
    did: didKey(publicKey),
    sign: async (message) =>
      key
        ? new Uint8Array(await crypto.subtle.sign('Ed25519', key, buffer(message)))
        : ed25519.sign(message, seed),
  };
}

function importPublicKey(publicKey: Uint8Array): Promise<CryptoKey | null> {
  const name = didKey(publicKey);
  let imported = importedKeys.get(name);
  if (!imported) {
    if (importedKeys.size >= MAX_CACHED_KEYS) importedKeys.clear();
    imported = crypto.subtle
      .importKey('raw', buffer(publicKey), 'Ed25519', false, ['verify'])
      .catch(() => null);
    importedKeys.set(name, imported);
  }
  return imported;
}

/** TypeScript's WebCrypto types refuse views that might lie on shared memory; ours never do. */
function buffer(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes as Uint8Array<ArrayBuffer>;
}
