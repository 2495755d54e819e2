/**
 * ML-DSA-44: two implementations, OpenSSL's and noble's, accept each other's signatures and refuse the same
 * changed ones.
 */
import { execFileSync } from 'node:child_process';
import { createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { ml_dsa44 } from '@noble/post-quantum/ml-dsa.js';
import { expect, test } from 'vitest';
import { bytesToHex, concatBytes, hexToBytes, utf8 } from './encoding.ts';
import { mlDsaSigner, verifyMlDsa } from './ml-dsa.ts';

const MESSAGE = utf8('a message');
const SEED = new Uint8Array(32).fill(7);

/** OpenSSL 3.5, which brought the algorithm, came with Node 24.8. */
const hasNative = (() => {
  try {
    generateKeyPairSync('ml-dsa-44');
    return true;
  } catch {
    return false;
  }
})();
const nativeTest = hasNative ? test : test.skip;
const reason = hasNative ? '' : ' (skipped: the OpenSSL of this Node has no ML-DSA-44)';

test('a signature made here verifies, and noble agrees about the key and the signature', async () => {
  const signer = await mlDsaSigner(SEED);
  const signature = await signer.sign(MESSAGE);
  expect([signer.publicKey.length, signature.length]).toEqual([1312, 2420]);
  expect(signer.publicKey).toEqual(ml_dsa44.keygen(SEED).publicKey);
  expect(verifyMlDsa(signer.publicKey, MESSAGE, signature)).toBe(true);
  expect(ml_dsa44.verify(signature, MESSAGE, signer.publicKey)).toBe(true);
  expect(verifyMlDsa(signer.publicKey, utf8('another message'), signature)).toBe(false);
  expect(verifyMlDsa((await mlDsaSigner(SEED.with(0, 0))).publicKey, MESSAGE, signature)).toBe(false);
});

nativeTest(`a key that OpenSSL made: its signature verifies here and with noble${reason}`, () => {
  const { publicKey, privateKey } = generateKeyPairSync('ml-dsa-44');
  const raw = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }).subarray(-1312));
  const signature = new Uint8Array(sign(null, MESSAGE, privateKey));
  expect(verifyMlDsa(raw, MESSAGE, signature)).toBe(true);
  expect(ml_dsa44.verify(signature, MESSAGE, raw)).toBe(true);
});

nativeTest(`a signature that noble made verifies with OpenSSL${reason}`, () => {
  const { publicKey, secretKey } = ml_dsa44.keygen(SEED);
  const prefix = hexToBytes('30820532300b06096086480165030403110382052100');
  const key = createPublicKey({
    key: Buffer.from(concatBytes(prefix, publicKey)),
    format: 'der',
    type: 'spki',
  });
  expect(verify(null, MESSAGE, key, ml_dsa44.sign(MESSAGE, secretKey))).toBe(true);
});

test('every changed byte of a signature fails, with both', async () => {
  const signer = await mlDsaSigner(SEED);
  const signature = await signer.sign(MESSAGE);
  const nobleEvery = process.env.ASSAY_LONG ? 1 : 20;
  for (let at = 0; at < signature.length; at++) {
    const changed = signature.with(at, signature[at]! ^ (1 << (at % 8)));
    expect(verifyMlDsa(signer.publicKey, MESSAGE, changed), `byte ${at}`).toBe(false);
    if (at % nobleEvery === 0) expect(ml_dsa44.verify(changed, MESSAGE, signer.publicKey)).toBe(false);
  }
});

test('keys and signatures of other lengths and hostile bytes are false, not errors', async () => {
  const { publicKey, sign: signWith } = await mlDsaSigner(SEED);
  const signature = await signWith(MESSAGE);
  for (const fill of [0, 1, 0x7f, 0xff]) {
    expect(verifyMlDsa(publicKey, MESSAGE, new Uint8Array(2420).fill(fill))).toBe(false);
    expect(verifyMlDsa(new Uint8Array(1312).fill(fill), MESSAGE, signature)).toBe(false);
  }
  for (const length of [0, 1, 2419, 2421, 4840]) {
    const resized = new Uint8Array(length);
    resized.set(signature.subarray(0, length));
    expect(verifyMlDsa(publicKey, MESSAGE, resized)).toBe(false);
  }
  for (const length of [0, 32, 1311, 1313])
    expect(verifyMlDsa(new Uint8Array(length), MESSAGE, signature)).toBe(false);
  await expect(mlDsaSigner(new Uint8Array(31))).rejects.toMatchObject({ code: 'KEY_INVALID' });
});

test('where there is no node:crypto, as in a browser, signatures mean the same, and nothing is printed', async () => {
  const { publicKey, sign: signWith } = await mlDsaSigner(SEED);
  const signature = bytesToHex(await signWith(MESSAGE));
  const program = `
    delete process.getBuiltinModule;
    const { mlDsaSigner, verifyMlDsa } = await import(${JSON.stringify(new URL('./ml-dsa.ts', import.meta.url))});
    const bytes = (hex) => Uint8Array.from(hex.match(/../g), (byte) => parseInt(byte, 16));
    const hex = (bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
    const message = new TextEncoder().encode('a message');
    const signature = bytes(${JSON.stringify(signature)});
    const signer = await mlDsaSigner(new Uint8Array(32).fill(7));
    console.log(verifyMlDsa(signer.publicKey, message, signature));
    console.log(verifyMlDsa(signer.publicKey, message, signature.with(40, signature[40] ^ 1)));
    console.log(hex(await signer.sign(message)));
  `;
  const stdout = execFileSync(process.execPath, ['--input-type=module', '--eval', program], {
    encoding: 'utf8',
    cwd: fileURLToPath(new URL('.', import.meta.url)),
  });
  const [accepted, changed, portable] = stdout.trim().split('\n');
  expect([accepted, changed]).toEqual(['true', 'false']);
  expect(verifyMlDsa(publicKey, MESSAGE, hexToBytes(portable!))).toBe(true);
});
