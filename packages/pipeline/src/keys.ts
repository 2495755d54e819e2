import { createHmac, randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AssayError, bytesToHex, hexToBytes } from '@assay/core';

/**
 * The 32-byte secret of a role (`log`, `checker`, `provider-kraken` …), made on first use. One key a role, so
 * that a stolen one can be replaced without the others.
 *
 * @throws KEY_INVALID when the file holds something else.
 */
export function roleSecret(directory: string, role: string): Uint8Array {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const path = join(directory, `${role}.key`);
  const stored = readOrNull(path);
  if (stored === null) {
    const secret = new Uint8Array(randomBytes(32));
    // Written aside and renamed: a killed start must not leave half a key.
    writeFileSync(`${path}.new`, `${bytesToHex(secret)}\n`, { mode: 0o600, flush: true });
    renameSync(`${path}.new`, path);
    return secret;
  }
  chmodSync(path, 0o600);
  if (!/^[0-9a-f]{64}$/.test(stored)) {
    throw new AssayError('KEY_INVALID', `expected 64 hexadecimal digits in ${role}.key`, {
      next: 'restore the key from a backup; deleting it starts a new identity',
    });
  }
  return hexToBytes(stored);
}

/**
 * The Ed25519 seed with which a role signs reviews. Made from the role's secret, which signs for the chain with another
 * curve: one file to keep, and no key that serves two schemes.
 */
export function reviewerSeed(secret: Uint8Array): Uint8Array {
  return new Uint8Array(createHmac('sha256', secret).update('assay review key v1').digest());
}

function readOrNull(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
