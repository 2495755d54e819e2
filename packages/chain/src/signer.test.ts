/** Keys: the published vector of the keystore's format, files that are broken or greedy, and a signer over HTTP. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { createPublicClient, http, recoverTypedDataAddress } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { anvilBinary } from './anvil.ts';
import { accountOf, createKeystore, externalSigner, openKeystore } from './signer.ts';

/** Web3 Secret Storage Definition, test vector with scrypt. */
const PUBLISHED = {
  crypto: {
    cipher: 'aes-128-ctr',
    cipherparams: { iv: '83dbcc02d8ccb40e466191a123791e0e' },
    ciphertext: 'd172bf743a674da9cdad04534d56926ef8358534d458fffccd4e6ad2fbde479c',
    kdf: 'scrypt',
    kdfparams: {
      dklen: 32,
      n: 262_144,
      p: 8,
      r: 1,
      salt: 'ab0c7876052600dd703518d6fc3fe8984592145b591fc8fb5c6d43190334ba19',
    },
    mac: '2103ac29920d71da29f15d75b4a16dbe95cfd7ff8faea1056c33131d846e3097',
  },
  id: '3198bc9c-6672-5ab3-d995-4942343ae5b6',
  version: 3,
};
const PUBLISHED_KEY = '0x7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d';
const TYPED = {
  domain: { name: 'Example', version: '1', chainId: 31_337 },
  types: { Note: [{ name: 'text', type: 'string' }] },
  primaryType: 'Note',
  message: { text: 'hello' },
} as const;

/** Anvil as it comes: it holds keys and signs with them. */
let anvil: ChildProcess;
let rpcUrl: string;
beforeAll(async () => {
  anvil = spawn(anvilBinary(), ['--port', '0'], { stdio: ['ignore', 'pipe', 'ignore'] });
  rpcUrl = await new Promise((found) => {
    anvil.stdout!.on('data', (chunk) => {
      const place = /Listening on (\S+)/.exec(String(chunk));
      if (place) found(`http://${place[1]}`);
    });
  });
});
afterAll(() => anvil.kill());

test('the published keystore opens to the published key, which then shows nowhere', async () => {
  const account = await openKeystore(PUBLISHED, 'testpassword');
  expect(account.address).toBe(privateKeyToAccount(PUBLISHED_KEY).address);
  const hash = `0x${'11'.repeat(32)}` as const;
  expect(await account.sign!({ hash })).toBe(await privateKeyToAccount(PUBLISHED_KEY).sign({ hash }));
  for (const text of [inspect(account, { depth: 9, showHidden: true }), JSON.stringify(account)])
    expect(text).not.toContain(PUBLISHED_KEY.slice(2));
});

test('a new keystore opens with its password alone', async () => {
  const keystore = await createKeystore({ password: 'pässword', secret: PUBLISHED_KEY, scryptN: 1024 });
  expect(JSON.stringify(keystore)).not.toContain(PUBLISHED_KEY.slice(2));
  expect((await openKeystore(keystore, 'pässword')).address.toLowerCase()).toBe(`0x${keystore.address}`);
  await expect(openKeystore(keystore, 'password')).rejects.toMatchObject({ code: 'KEY_INVALID' });
});

test('what is no keystore, or asks for more work than any honest one, is refused in words', async () => {
  const { crypto } = PUBLISHED;
  const broken: unknown[] = [
    null,
    'text',
    {},
    { ...PUBLISHED, version: 1 },
    { ...PUBLISHED, crypto: { ...crypto, cipher: 'aes-256-gcm' } },
    { ...PUBLISHED, crypto: { ...crypto, kdf: 'pbkdf2' } },
    { ...PUBLISHED, crypto: { ...crypto, ciphertext: 'd172' } },
    { ...PUBLISHED, crypto: { ...crypto, mac: crypto.mac.replace('2', '3') } },
    { ...PUBLISHED, crypto: { ...crypto, kdfparams: { ...crypto.kdfparams, n: 2 ** 40 } } },
    { ...PUBLISHED, crypto: { ...crypto, kdfparams: { ...crypto.kdfparams, n: 1000 } } },
    { ...PUBLISHED, crypto: { ...crypto, kdfparams: { ...crypto.kdfparams, dklen: 16 } } },
  ];
  for (const keystore of broken)
    await expect(openKeystore(keystore, 'testpassword'), inspect(keystore)).rejects.toMatchObject({
      code: 'KEY_INVALID',
    });
  for (const secret of ['', '0x', PUBLISHED_KEY.slice(0, -1), `0x${'0'.repeat(64)}`, `0x${'f'.repeat(64)}`])
    expect(() => accountOf(secret), secret).toThrow('expected a private key');
  expect(() => accountOf(`${PUBLISHED_KEY}0`)).not.toThrow(PUBLISHED_KEY);
});

test('an outside signer signs messages and transactions that a chain takes', async () => {
  const account = await externalSigner(rpcUrl);
  const signature = await account.signTypedData(TYPED);
  expect(await recoverTypedDataAddress({ ...TYPED, signature })).toBe(account.address);
  const client = createPublicClient({ transport: http(rpcUrl), pollingInterval: 20 });
  const serializedTransaction = await account.signTransaction({
    type: 'eip1559',
    chainId: 31_337,
    nonce: 0,
    to: `0x${'22'.repeat(20)}`,
    value: 7n,
    gas: 21_000n,
    maxFeePerGas: 10n ** 10n,
    maxPriorityFeePerGas: 1n,
  });
  const hash = await client.sendRawTransaction({ serializedTransaction });
  const { status, from } = await client.waitForTransactionReceipt({ hash });
  expect([status, from]).toEqual(['success', account.address.toLowerCase()]);
});

test('a signer that is away, says no, or has another account is told apart', async () => {
  const refusing = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk) => {
      text += chunk;
    });
    request.on('end', () => {
      const { id, method } = JSON.parse(text) as { id: number; method: string };
      const answer =
        method === 'eth_accounts'
          ? { result: [privateKeyToAccount(PUBLISHED_KEY).address] }
          : { error: { code: -32_000, message: 'Request denied' } };
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ jsonrpc: '2.0', id, ...answer }));
    });
  });
  await new Promise<void>((done) => refusing.listen(0, '127.0.0.1', done));
  const url = `http://127.0.0.1:${(refusing.address() as AddressInfo).port}`;
  try {
    const account = await externalSigner(url);
    await expect(account.signTypedData(TYPED)).rejects.toThrow(
      'the signer refused eth_signTypedData_v4: Request denied',
    );
    await expect(externalSigner(url, `0x${'33'.repeat(20)}`)).rejects.toThrow('does not offer the account');
  } finally {
    refusing.close();
  }
  await expect(externalSigner('http://127.0.0.1:1')).rejects.toMatchObject({ code: 'SIGNER_REFUSED' });
});
