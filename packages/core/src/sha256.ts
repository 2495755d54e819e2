import { sha256 as portable } from '@noble/hashes/sha2.js';

// Node has OpenSSL within reach without an import, which a browser's bundler would have to be taught to leave
// out. Its one-shot hash is five times as fast as portable code, and fastest when it gives a string of one
// character a byte (Node 24).
const native = globalThis.process?.getBuiltinModule?.('node:crypto')?.hash;

/** SHA-256 of some bytes (FIPS 180-4): OpenSSL's in Node, noble's elsewhere. */
export const sha256: (bytes: Uint8Array) => Uint8Array = native
  ? (bytes) => {
      const digest = native('sha256', bytes, 'binary');
      const out = new Uint8Array(32);
      for (let i = 0; i < 32; i++) out[i] = digest.charCodeAt(i);
      return out;
    }
  : portable;
