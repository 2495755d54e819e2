/** COSE receipts: their bytes as RFC 9942 draws them, signatures checked without a COSE library, and every change of one. */
import { createPublicKey, verify } from 'node:crypto';
import {
  AssayError,
  base64Encode,
  bytesToHex,
  concatBytes,
  ed25519Signer,
  hexToBytes,
  inclusionPath,
  leafHash,
  merkleRoot,
  utf8,
} from '@assay/core';
import { decode, encode, Tagged } from 'cborg';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { coseReceipt, verifyCoseReceipt } from './cose-receipt.ts';
import { entriesFrom } from './log.fixture.ts';

const ORIGIN = 'ledger.test/log';
const SIZE = 5;
const entries = entriesFrom(0, SIZE);
const leaves = entries.map(leafHash);
const root = merkleRoot(leaves);
const signerOf = () => ed25519Signer(new Uint8Array(32).fill(7));

let publicKey: Uint8Array;
let receipts: Uint8Array[];

beforeAll(async () => {
  const signer = await signerOf();
  publicKey = signer.publicKey;
  receipts = await Promise.all(
    entries.map((_, leafIndex) =>
      coseReceipt({
        origin: ORIGIN,
        leafIndex,
        size: SIZE,
        path: inclusionPath(leaves, leafIndex),
        root,
        signer,
      }),
    ),
  );
});

test('each entry has a receipt that verifies for it, by its bytes or its hash, and for no other', async () => {
  for (const [i, receipt] of receipts.entries()) {
    expect(await verifyCoseReceipt(receipt, { entry: entries[i]!, origin: ORIGIN, publicKey })).toEqual({
      root,
    });
    expect(await verifyCoseReceipt(receipt, { leafHash: leaves[i]!, origin: ORIGIN, publicKey })).toEqual({
      root,
    });
    const other = { entry: entries[(i + 1) % SIZE]!, origin: ORIGIN, publicKey };
    await expect(verifyCoseReceipt(receipt, other)).rejects.toMatchObject({ code: 'SIGNATURE_INVALID' });
  }
});

test('another log or key is refused', async () => {
  const entry = entries[0]!;
  await expect(
    verifyCoseReceipt(receipts[0]!, { entry, origin: 'another.test/log', publicKey }),
  ).rejects.toMatchObject({ code: 'RECEIPT_MALFORMED' });
  const { publicKey: stranger } = await ed25519Signer(new Uint8Array(32).fill(8));
  await expect(
    verifyCoseReceipt(receipts[0]!, { entry, origin: ORIGIN, publicKey: stranger }),
  ).rejects.toMatchObject({ code: 'SIGNATURE_INVALID' });
});

test('the bytes, laid out by hand', () => {
  const bytes = receipts[1]!;
  const path = inclusionPath(leaves, 1);
  const signature = bytes.subarray(-64);
  const header = concatBytes(
    hexToBytes('a3' + '0132' + '0fa1016f'), // {1: -19, 15: {1: text of 15 bytes
    utf8(ORIGIN),
    hexToBytes('19018b01'), // 395: 1}
  );
  const proof = concatBytes(
    hexToBytes('830501' + '83'),
    ...path.map((hash) => concatBytes(hexToBytes('5820'), hash)),
  );
  expect(bytesToHex(bytes)).toBe(
    bytesToHex(
      concatBytes(
        hexToBytes('d284'), // 18([
        Uint8Array.of(0x58, header.length),
        header,
        hexToBytes('a119018c' + 'a12081'), // {396: {-1: [
        Uint8Array.of(0x58, proof.length),
        proof,
        hexToBytes('f6' + '5840'), // null, 64 bytes])
        signature,
      ),
    ),
  );
  // Sig_structure: ["Signature1", protected, h'', root]
  const signed = concatBytes(
    hexToBytes('846a'),
    utf8('Signature1'),
    Uint8Array.of(0x58, header.length),
    header,
    hexToBytes('40' + '5820'),
    root,
  );
  const key = createPublicKey({
    key: {
      kty: 'OKP',
      crv: 'Ed25519',
      x: base64Encode(publicKey).replace(/=$/, '').replaceAll('+', '-').replaceAll('/', '_'),
    },
    format: 'jwk',
  });
  expect(verify(null, signed, key, signature)).toBe(true);
  // Nothing that begins like this is the text of a note.
  expect(() => new TextDecoder('utf-8', { fatal: true }).decode(signed)).toThrow();
});

test('a log of one entry has no receipt, as RFC 9942 wants a path', async () => {
  const [leaf] = leaves;
  const signer = await signerOf();
  await expect(
    coseReceipt({ origin: ORIGIN, leafIndex: 0, size: 1, path: [], root: leaf!, signer }),
  ).rejects.toMatchObject({ code: 'PROOF_PENDING' });
});

describe('refused', () => {
  const options = { useMaps: true, tags: Tagged.preserve(18) };
  const parts = () =>
    (decode(receipts[1]!, options) as Tagged).value as [Uint8Array, Map<number, unknown>, null, Uint8Array];
  const sealed = (value: unknown, tag = 18) => encode(new Tagged(tag, value));
  const withProof = (proof: unknown) => {
    const [header, , payload, signature] = parts();
    return sealed([header, new Map([[396, new Map([[-1, [encode(proof)]]])]]), payload, signature]);
  };
  const hash = new Uint8Array(32);

  test.each<[string, () => Uint8Array]>([
    ['nothing', () => new Uint8Array()],
    ['null', () => encode(null)],
    ['a tag of another kind', () => sealed(parts(), 98)],
    ['no tag', () => encode(parts())],
    ['bytes after the end', () => concatBytes(receipts[1]!, Uint8Array.of(0))],
    ['a fifth member', () => sealed([...parts(), 1])],
    ['an attached payload', () => sealed(parts().with(2, root))],
    ['an empty protected header', () => sealed(parts().with(0, new Uint8Array()))],
    [
      'a further protected parameter',
      () =>
        sealed(parts().with(0, encode((decode(parts()[0], options) as Map<number, unknown>).set(4, hash)))),
    ],
    [
      'another algorithm',
      () => sealed(parts().with(0, encode((decode(parts()[0], options) as Map<number, unknown>).set(1, -8)))),
    ],
    [
      'another data structure',
      () =>
        sealed(parts().with(0, encode((decode(parts()[0], options) as Map<number, unknown>).set(395, 2)))),
    ],
    ['a further unprotected parameter', () => sealed(parts().with(1, parts()[1].set(4, hash)))],
    ['no proof', () => sealed(parts().with(1, new Map()))],
    [
      'two proofs',
      () =>
        sealed(
          parts().with(
            1,
            new Map([[396, new Map([[-1, [encode([5, 1, [hash]]), encode([5, 1, [hash]])]]])]]),
          ),
        ),
    ],
    ['an empty path', () => withProof([5, 1, []])],
    ['a path of short hashes', () => withProof([5, 1, [new Uint8Array(31)]])],
    ['a size beyond safe integers', () => withProof([2n ** 60n, 1, [hash]])],
    ['a fractional index', () => withProof([5, 1.5, [hash]])],
    ['a negative index', () => withProof([5, -1, [hash]])],
    ['an index beyond the size', () => withProof([5, 5, inclusionPath(leaves, 4)])],
    ['a path that is too long', () => withProof([2, 1, inclusionPath(leaves, 1)])],
    [
      'an array of indefinite length',
      () => concatBytes(hexToBytes('d29f'), receipts[1]!.subarray(2), hexToBytes('ff')),
    ],
    ['an integer longer than needed', () => concatBytes(hexToBytes('d812'), receipts[1]!.subarray(1))],
    ['a length beyond the end', () => hexToBytes('d2845bffffffffffffffff')],
    ['an array of 2^32 members', () => hexToBytes('d29affffffff')],
    ['deep nesting', () => new Uint8Array(8_000).fill(0x81)],
    ['more than 8 KiB', () => new Uint8Array(8_193)],
  ])('%s', async (_name, make) => {
    await expect(
      verifyCoseReceipt(make(), { entry: entries[1]!, origin: ORIGIN, publicKey }),
    ).rejects.toMatchObject({
      code: expect.stringMatching(/^(RECEIPT_MALFORMED|INCLUSION_PROOF_INVALID)$/),
    });
  });

  test('a duplicate key', async () => {
    const [header, , , signature] = parts();
    const proof = encode(encode([5, 1, inclusionPath(leaves, 1)]));
    const twice = hexToBytes('a219018c' + 'a12081');
    const bytes = concatBytes(
      hexToBytes('d284'),
      encode(header),
      twice,
      proof,
      hexToBytes('19018c' + 'a12081'),
      proof,
      hexToBytes('f6'),
      encode(signature),
    );
    await expect(
      verifyCoseReceipt(bytes, { entry: entries[1]!, origin: ORIGIN, publicKey }),
    ).rejects.toMatchObject({ code: 'RECEIPT_MALFORMED' });
  });

  test('every changed byte, unless it only restates the position that nobody signed', async () => {
    const receipt = receipts[1]!;
    for (let at = 0; at < receipt.length; at++) {
      for (const bit of [1, 0x80]) {
        const changed = receipt.with(at, receipt[at]! ^ bit);
        const verified = await verifyCoseReceipt(changed, {
          entry: entries[1]!,
          origin: ORIGIN,
          publicKey,
        }).catch((error) => error.code);
        if (typeof verified === 'string')
          expect(verified).toMatch(/^(RECEIPT_MALFORMED|INCLUSION_PROOF_INVALID|SIGNATURE_INVALID)$/);
        else expect(verified, `byte ${at}`).toEqual({ root });
      }
    }
  });

  const runs = process.env.ASSAY_LONG ? 150_000 : 2_500;
  test(`${runs} spliced, cut and random inputs: no other error, and no other entry or root`, async () => {
    const anything = fc.uint8Array({ maxLength: 300 });
    const changed = fc
      .tuple(
        fc.constantFrom(0, 1, 2, 3, 4),
        fc.array(fc.tuple(fc.nat(400), fc.nat(40), fc.uint8Array({ maxLength: 40 })), {
          minLength: 1,
          maxLength: 4,
        }),
      )
      .map(([i, edits]) =>
        edits.reduce<Uint8Array>(
          (bytes, [at, drop, insert]) =>
            concatBytes(bytes.subarray(0, at), insert, bytes.subarray(at + drop)),
          receipts[i]!,
        ),
      );
    await fc.assert(
      fc.asyncProperty(fc.oneof({ weight: 9, arbitrary: changed }, anything), async (bytes) => {
        for (const entry of [entries[0]!, entries[4]!]) {
          const verified = await verifyCoseReceipt(bytes, { entry, origin: ORIGIN, publicKey }).catch(
            (error) => {
              expect(error).toBeInstanceOf(AssayError);
              return null;
            },
          );
          if (verified) expect(verified).toEqual({ root });
        }
      }),
      { numRuns: runs },
    );
  }, 3_600_000);
});
