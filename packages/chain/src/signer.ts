import { createCipheriv, createDecipheriv, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';
import { AssayError } from '@assay/core';
import { scryptAsync } from '@noble/hashes/scrypt.js';
import {
  bytesToHex,
  createClient,
  getAddress,
  type Hex,
  hexToBytes,
  http,
  isAddress,
  isHex,
  keccak256,
  type LocalAccount,
} from 'viem';
import { generatePrivateKey, privateKeyToAccount, toAccount } from 'viem/accounts';

/** A private key under a password: Web3 Secret Storage, version 3, as geth, foundry and wallets write it. */
export interface Keystore {
  version: 3;
  id: string;
  /** In hex, without 0x. */
  address: string;
  crypto: {
    cipher: 'aes-128-ctr';
    ciphertext: string;
    cipherparams: { iv: string };
    kdf: 'scrypt';
    kdfparams: { n: number; r: number; p: number; dklen: number; salt: string };
    mac: string;
  };
}

/** What geth uses: about a second and 256 MB for each guess at the password. */
const SCRYPT = { n: 262_144, r: 8, p: 1, dklen: 32 };
/** A file may ask for more work than any honest one does. */
const MOST_SCRYPT_BYTES = 1024 * 1024 * 1024;
const TIMEOUT_MS = 120_000;

/**
 * Puts a private key under a password.
 *
 * @param options.secret a new random key unless given.
 * @param options.scryptN work for each guess; tests use less than the default.
 * @throws KEY_INVALID when the secret is no private key of secp256k1.
 */
export async function createKeystore(options: {
  password: string;
  secret?: Hex;
  scryptN?: number;
}): Promise<Keystore> {
  const { password, secret = generatePrivateKey(), scryptN = SCRYPT.n } = options;
  const { address } = accountOf(secret);
  const [salt, iv] = [randomBytes(32), randomBytes(16)];
  const kdfparams = { ...SCRYPT, n: scryptN, salt: salt.toString('hex') };
  const key = await keyOf(password, kdfparams);
  const cipher = createCipheriv('aes-128-ctr', key.subarray(0, 16), iv);
  const ciphertext = Buffer.concat([cipher.update(hexToBytes(secret)), cipher.final()]);
  return {
    version: 3,
    id: randomUUID(),
    address: address.slice(2).toLowerCase(),
    crypto: {
      cipher: 'aes-128-ctr',
      ciphertext: ciphertext.toString('hex'),
      cipherparams: { iv: iv.toString('hex') },
      kdf: 'scrypt',
      kdfparams,
      mac: macOf(key, ciphertext).toString('hex'),
    },
  };
}

/**
 * Opens a keystore. The key itself is nowhere to be read in what this gives.
 *
 * @throws KEY_INVALID when it is no keystore or the password is wrong.
 */
export async function openKeystore(keystore: unknown, password: string): Promise<LocalAccount> {
  const { crypto } = keystoreOf(keystore);
  const key = await keyOf(password, crypto.kdfparams);
  const ciphertext = Buffer.from(crypto.ciphertext, 'hex');
  const mac = Buffer.from(crypto.mac, 'hex');
  const expected = macOf(key, ciphertext);
  if (mac.length !== expected.length || !timingSafeEqual(mac, expected)) {
    throw new AssayError('KEY_INVALID', 'the password does not open the keystore', {
      next: 'try again; a lost password cannot be recovered',
    });
  }
  const decipher = createDecipheriv(
    'aes-128-ctr',
    key.subarray(0, 16),
    Buffer.from(crypto.cipherparams.iv, 'hex'),
  );
  return accountOf(bytesToHex(Buffer.concat([decipher.update(ciphertext), decipher.final()])));
}

/**
 * The account of a private key in hex, with or without 0x.
 *
 * @throws KEY_INVALID; the message does not hold what was given.
 */
export function accountOf(secret: string): LocalAccount {
  const text = secret.trim();
  const hex = (text.startsWith('0x') ? text : `0x${text}`) as Hex;
  try {
    if (/^0x[0-9a-fA-F]{64}$/.test(hex)) return privateKeyToAccount(hex);
  } catch {
    // Told below, without the key.
  }
  throw new AssayError('KEY_INVALID', 'expected a private key: 64 hexadecimal digits, not zero', {
    next: 'make one with `assay key new`',
  });
}

/**
 * An account whose key lies with another program that asks its owner by itself: clef, web3signer, or any that speaks
 * `eth_signTransaction` and `eth_signTypedData`.
 *
 * @throws SIGNER_REFUSED when it does not answer or says no.
 */
export async function externalSigner(url: string, address?: Hex): Promise<LocalAccount> {
  const client = createClient({ transport: http(url, { retryCount: 0, timeout: TIMEOUT_MS }) });
  const ask = async (method: string, params: unknown[]): Promise<unknown> => {
    try {
      return await client.request({ method, params } as never);
    } catch (cause) {
      const { details, shortMessage } = cause as { details?: string; shortMessage?: string };
      throw new AssayError('SIGNER_REFUSED', `the signer refused ${method}: ${details ?? shortMessage}`, {
        next: 'look at the signer: it may wait for you, or not allow this',
        cause,
      });
    }
  };
  const listed = (await ask('eth_accounts', [])) as unknown;
  const accounts = Array.isArray(listed) ? listed.filter((each): each is Hex => isAddress(each)) : [];
  const chosen = address ?? accounts[0];
  if (!chosen || !accounts.some((each) => each.toLowerCase() === chosen.toLowerCase())) {
    throw new AssayError('SIGNER_REFUSED', `the signer does not offer the account ${chosen ?? '(any)'}`, {
      next: accounts.length > 0 ? `it offers ${accounts.join(', ')}` : 'unlock or add an account there',
    });
  }
  const signer = getAddress(chosen);
  return toAccount({
    address: signer,
    async signTransaction(transaction) {
      const { to, data, value, gas, nonce, chainId, maxFeePerGas, maxPriorityFeePerGas } = transaction as {
        [name: string]: unknown;
      };
      const request = { from: signer, to, data, ...hexMembers({ value, gas, nonce, chainId }) };
      const fees = hexMembers({ maxFeePerGas, maxPriorityFeePerGas });
      const answer = await ask('eth_signTransaction', [{ ...request, ...fees }]);
      const raw = isHex(answer) ? answer : (answer as { raw?: unknown } | null)?.raw;
      if (isHex(raw)) return raw;
      throw new AssayError('SIGNER_REFUSED', 'the signer did not answer with a signed transaction');
    },
    async signTypedData(typedData) {
      const text = JSON.stringify(typedData, (_, value) => (typeof value === 'bigint' ? `${value}` : value));
      return (await ask('eth_signTypedData_v4', [signer, text])) as Hex;
    },
    signMessage() {
      throw new AssayError('SIGNER_REFUSED', 'nothing here signs plain messages');
    },
  });
}

function hexMembers(members: Record<string, unknown>): Record<string, Hex> {
  return Object.fromEntries(
    Object.entries(members)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => [name, `0x${BigInt(value as bigint).toString(16)}` as Hex]),
  );
}

/** Of noble and not of OpenSSL, which refuses parameters that the format's own published example has (n 2^18, r 1). */
function keyOf(
  password: string,
  { n, r, p, dklen, salt }: Keystore['crypto']['kdfparams'],
): Promise<Uint8Array> {
  return scryptAsync(password.normalize('NFKC'), Buffer.from(salt, 'hex'), {
    N: n,
    r,
    p,
    dkLen: dklen,
    maxmem: 2 * MOST_SCRYPT_BYTES,
  });
}

function macOf(key: Uint8Array, ciphertext: Buffer): Buffer {
  return Buffer.from(keccak256(Buffer.concat([key.subarray(16, 32), ciphertext]), 'bytes'));
}

function keystoreOf(value: unknown): Keystore {
  const keystore = value as Keystore;
  const { crypto } = keystore ?? {};
  const hex = (text: unknown, bytes?: number) =>
    typeof text === 'string' &&
    /^([0-9a-fA-F]{2})+$/.test(text) &&
    (bytes === undefined || text.length === 2 * bytes);
  const { n, r, p, dklen, salt } = crypto?.kdfparams ?? {};
  const whole = [n, r, p].every((each) => Number.isSafeInteger(each) && each! > 0);
  if (
    keystore?.version === 3 &&
    crypto?.cipher === 'aes-128-ctr' &&
    crypto.kdf === 'scrypt' &&
    hex(crypto.ciphertext, 32) &&
    hex(crypto.cipherparams?.iv, 16) &&
    hex(crypto.mac, 32) &&
    hex(salt) &&
    dklen === 32 &&
    whole &&
    Number.isInteger(Math.log2(n!)) &&
    128 * n! * r! <= MOST_SCRYPT_BYTES &&
    p! <= 16
  )
    return keystore;
  throw new AssayError(
    'KEY_INVALID',
    'expected a keystore of version 3 with aes-128-ctr and scrypt, as geth and foundry write them',
    { next: 'make one with `assay key new` or `assay key import`' },
  );
}
