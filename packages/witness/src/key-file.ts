import { randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import {
  AssayError,
  bytesToHex,
  type Ed25519Signer,
  ed25519Signer,
  hexToBytes,
  type MlDsaSigner,
  mlDsaSigner,
} from '@assay/core';

const SEED_BYTES = 32;

/**
 * The Ed25519 key in a file (the seed in hexadecimal), made on first use and readable by its owner alone.
 *
 * @throws KEY_INVALID when others can read the file or it holds something else.
 */
export async function keyFromFile(path: string): Promise<Ed25519Signer> {
  return ed25519Signer(seedFromFile(path));
}

/** The same for ML-DSA-44: its seed is as long. */
export async function mlDsaKeyFromFile(path: string): Promise<MlDsaSigner> {
  return mlDsaSigner(seedFromFile(path));
}

function seedFromFile(path: string): Uint8Array {
  if (!existsSync(path)) create(path);
  const mode = statSync(path).mode & 0o777;
  if ((mode & 0o077) !== 0) {
    throw new AssayError(
      'KEY_INVALID',
      `expected ${path} to be readable by its owner alone, got mode ${mode.toString(8)}`,
      {
        next: `chmod 600 ${path}, and think about who may have read it`,
      },
    );
  }
  try {
    const seed = hexToBytes(readFileSync(path, 'utf8').trim());
    if (seed.length === SEED_BYTES) return seed;
    throw new RangeError(`got ${seed.length} bytes`);
  } catch (cause) {
    throw new AssayError('KEY_INVALID', `expected 64 hexadecimal digits in ${path}`, {
      cause,
      next: 'restore the key from a backup; a witness with a new key is another witness',
    });
  }
}

/** Flushed before it gets its name, and never in place of a key that is there. */
function create(path: string): void {
  const unfinished = `${path}.${process.pid}`;
  const file = openSync(unfinished, 'wx', 0o600);
  writeSync(file, `${bytesToHex(randomBytes(SEED_BYTES))}\n`);
  fsyncSync(file);
  closeSync(file);
  try {
    linkSync(unfinished, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(unfinished);
  }
  const folder = openSync(dirname(path), 'r');
  fsyncSync(folder);
  closeSync(folder);
}
