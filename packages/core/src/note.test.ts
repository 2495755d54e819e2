/** Signed notes, checkpoints and cosignatures: the specifications' examples, then hostile notes. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatCheckpoint, parseCheckpoint, parseCheckpointHead } from './checkpoint.ts';
import { ed25519Signer, verifyEd25519 } from './ed25519.ts';
import { base64Encode, bytesToHex, concatBytes, hexToBytes, utf8 } from './encoding.ts';
import { mlDsaSigner, verifyMlDsa } from './ml-dsa.ts';
import {
  cosigner,
  ed25519NoteSigner,
  formatVkey,
  mlDsaCosigner,
  openNote,
  parseNote,
  parseVkey,
  signatureLine,
  signNote,
  subtreeMessage,
} from './note.ts';
import { sha256 } from './sha256.ts';

// C2SP signed-note, section "Example".
const VKEY = 'example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k';
const NOTE =
  'This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n';

const seed = (byte: number) => new Uint8Array(32).fill(byte);

test("the specification's note opens with its verifier key", async () => {
  const { text, signatures } = await openNote(NOTE, [parseVkey(VKEY)]);
  expect(text).toBe('This is an example message.\n');
  expect(signatures).toHaveLength(1);
});

test('RFC 8032 section 7.1, test 1', async () => {
  const signer = await ed25519Signer(
    hexToBytes('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60'),
  );
  expect(bytesToHex(signer.publicKey)).toBe(
    'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
  );
  const signature = await signer.sign(new Uint8Array());
  expect(bytesToHex(signature)).toMatch(/^e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155/);
  expect(await verifyEd25519(signer.publicKey, new Uint8Array(), signature)).toBe(true);
  expect(await verifyEd25519(signer.publicKey, utf8('x'), signature)).toBe(false);
});

test('unknown keys are ignored, a wrong signature by a known key is fatal, no known key is an error', async () => {
  const known = ed25519NoteSigner('log.example', await ed25519Signer(seed(1)));
  const other = ed25519NoteSigner('log.example', await ed25519Signer(seed(2)));
  const note = await signNote('text\n', [other, known]);
  const opened = await openNote(note, [parseVkey(known.vkey)]);
  expect([opened.signatures.length, opened.unknown.length]).toEqual([1, 1]);
  await expect(openNote(note.replace('text', 'texT'), [parseVkey(known.vkey)])).rejects.toMatchObject({
    code: 'NOTE_SIGNATURE_INVALID',
  });
  await expect(openNote(await signNote('text\n', [other]), [parseVkey(known.vkey)])).rejects.toMatchObject({
    code: 'NOTE_UNSIGNED',
  });
});

test('a note may carry 16 signatures, and one key counts once', async () => {
  const signers = await Promise.all(
    Array.from({ length: 16 }, async (_, i) => ed25519NoteSigner(`k${i}`, await ed25519Signer(seed(i)))),
  );
  const note = await signNote('text\n', [...signers, signers[0]!]);
  expect(
    (
      await openNote(
        note,
        signers.map(({ vkey }) => parseVkey(vkey)),
      )
    ).signatures,
  ).toHaveLength(16);
});

test('a cosignature carries its time, and changing the time breaks it', async () => {
  const witness = cosigner('witness.example/w1', await ed25519Signer(seed(3)), () => 1679315147);
  const text = formatCheckpoint({ origin: 'example.com/behind-the-sofa', size: 20852163, root: seed(9) });
  const note = await signNote(text, [witness]);
  const { signatures } = await openNote(note, [parseVkey(witness.vkey)]);
  expect(signatures[0]?.timestamp).toBe(1679315147);
  const { signatures: raw } = parseNote(note);
  raw[0]!.signature[7]! ^= 1;
  expect(await parseVkey(witness.vkey).verify(text, raw[0]!.signature)).toBe(false);
});

test("tlog-cosignature's checkpoint: a log's signature, and a witness's with its time", () => {
  const note = `example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==
`;
  const { text, signatures } = parseNote(note);
  expect(parseCheckpoint(text)).toMatchObject({ origin: 'example.com/behind-the-sofa', size: 20852163 });
  expect(signatures.map(({ name, signature }) => [name, signature.length])).toEqual([
    ['example.com/behind-the-sofa', 64],
    ['witness.example.com/w1', 72],
  ]);
  expect(bytesToHex(signatures[1]!.signature.subarray(0, 8))).toBe(
    (1679315147).toString(16).padStart(16, '0'),
  );
});

test("the specification's checkpoint parses, others do not", () => {
  const text = 'example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n';
  const checkpoint = parseCheckpoint(text);
  expect(checkpoint).toMatchObject({ origin: 'example.com/behind-the-sofa', size: 20852163 });
  expect(formatCheckpoint(checkpoint)).toBe(text);
  for (const bad of [
    text.replace('\n2', '\n02'),
    `${text}extension\n`,
    text.slice(0, -1),
    text.replace('2I=', '2J='),
    '\n0\n\n',
  ]) {
    expect(() => parseCheckpoint(bad)).toThrow();
  }
});

test('no text makes the note parser do anything but parse or say NOTE_MALFORMED', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string({ unit: 'binary' }), fc.constant(NOTE)),
      fc.nat(200),
      fc.string({ maxLength: 3 }),
      (note, at, junk) => {
        try {
          parseNote(note.slice(0, at) + junk + note.slice(at));
        } catch (error) {
          expect(error).toMatchObject({ code: 'NOTE_MALFORMED' });
        }
      },
    ),
  );
});

test('verifier keys: a wrong id, type or length is refused', () => {
  for (const bad of [
    VKEY.replace('530d', '530e'),
    VKEY.replace('Aeky', 'Beky'),
    VKEY.slice(0, -4),
    'x',
    '',
  ]) {
    expect(() => parseVkey(bad)).toThrow(/verifier key/);
  }
});

test('key names: Unicode spaces and plus are refused, all else is a name', async () => {
  const signer = await ed25519Signer(seed(1));
  for (const name of ['', 'a b', 'a+b', 'a\u00a0b', 'a\u0085b', 'a\u2003b', 'a\nb', 'a\u0001b', 'a\ud800b'])
    expect(() => ed25519NoteSigner(name, signer)).toThrow(/key name/);
  for (const name of ['log.example/ü', '日本', 'a\ufeffb', 'a\u007fb']) {
    const key = ed25519NoteSigner(name, signer);
    const note = await signNote('text\n', [key]);
    expect((await openNote(note, [parseVkey(key.vkey)])).signatures[0]!.name).toBe(name);
  }
});

describe('ML-DSA-44 cosignatures', () => {
  const text = formatCheckpoint({ origin: 'example.com/log', size: 20852163, root: seed(9) });
  const witness = async (time = 1679315147, name = 'witness.example/w1') =>
    mlDsaCosigner(name, await mlDsaSigner(seed(3)), () => time);

  test('sign what tlog-cosignature says, under the key id that it says', async () => {
    const { publicKey } = await mlDsaSigner(seed(3));
    const key = await witness();
    const id = sha256(concatBytes(utf8('witness.example/w1\n'), Uint8Array.of(6), publicKey)).subarray(0, 4);
    expect(key.keyId).toEqual(id);
    expect(key.vkey).toBe(
      `witness.example/w1+${bytesToHex(id)}+${base64Encode(concatBytes(Uint8Array.of(6), publicKey))}`,
    );
    const note = await signNote(text, [key]);
    const { signatures } = await openNote(note, [parseVkey(key.vkey)]);
    expect(signatures).toMatchObject([{ timestamp: 1679315147, verifier: { algorithm: 'subtree/v1' } }]);

    const signature = signatures[0]!.signature;
    expect(signature).toHaveLength(8 + 2420);
    const message = concatBytes(
      utf8('subtree/v1\n\0\x12witness.example/w1'),
      hexToBytes('00000000641850cb'),
      utf8('\x0fexample.com/log'),
      hexToBytes('000000000000000000000000013e2dc3'),
      seed(9),
    );
    expect(verifyMlDsa(publicKey, message, signature.subarray(8))).toBe(true);
  });

  test('every changed byte of signature, name, time, size and root is fatal', async () => {
    const key = await witness();
    const verifier = parseVkey(key.vkey);
    const signature = await key.sign(text);
    expect(await verifier.verify(text, signature)).toBe(true);
    for (let at = 0; at < signature.length; at++)
      expect(await verifier.verify(text, signature.with(at, signature[at]! ^ 0x10)), `byte ${at}`).toBe(
        false,
      );
    const root = base64Encode(seed(9));
    for (const other of [
      text.replace('log', 'lof'),
      text.replace('2085', '2086'),
      text.replace(root, base64Encode(seed(8))),
      'not a checkpoint\n',
      `${'o'.repeat(256)}\n1\n${root}\n`,
    ])
      expect(await verifier.verify(other, signature)).toBe(false);
    // The same key under another name cannot lend its signatures.
    const renamed = parseVkey(formatVkey('witness.example/w2', 6, verifier.publicKey));
    expect(await renamed.verify(text, signature)).toBe(false);
    for (const length of [0, 7, 8, 72, 2427])
      expect(await verifier.verify(text, signature.subarray(0, length))).toBe(false);
    await expect(
      openNote(`${text}\n${signatureLine(key, signature.with(99, 0).with(98, 0))}`, [verifier]),
    ).rejects.toMatchObject({
      code: 'NOTE_SIGNATURE_INVALID',
    });
  });

  test('do not cover extension lines, which parseCheckpoint refuses', async () => {
    const key = await witness();
    const note = await signNote(`${text}extension\n`, [key]);
    const opened = await openNote(note.replace('extension', 'another'), [parseVkey(key.vkey)]);
    expect(() => parseCheckpoint(opened.text)).toThrow(/three lines/);
    expect(parseCheckpointHead(opened.text)).toEqual(parseCheckpoint(text));
    await expect(signNote(`${text}\nextension\n`, [key])).rejects.toMatchObject({
      code: 'CHECKPOINT_MALFORMED',
    });
    await expect(signNote('text\n', [key])).rejects.toMatchObject({ code: 'CHECKPOINT_MALFORMED' });
  });

  test('with a time of 0 make no statement of freshness, and say so', async () => {
    const key = await witness(0);
    const { signatures } = await openNote(await signNote(text, [key]), [parseVkey(key.vkey)]);
    expect(signatures[0]!.timestamp).toBe(0);
  });

  test('of a part of a log have no time', () => {
    const part = { cosigner: 'w', origin: 'o', start: 256, end: 300, hash: seed(1) };
    expect(subtreeMessage({ ...part, timestamp: 0 })).toHaveLength(12 + 2 + 8 + 2 + 8 + 8 + 32);
    expect(() => subtreeMessage({ ...part, timestamp: 1 })).toThrow(/no time/);
    expect(() => subtreeMessage({ ...part, timestamp: 0, origin: 'o'.repeat(256) })).toThrow(
      /1 to 255 bytes/,
    );
    expect(() => subtreeMessage({ ...part, timestamp: 0, cosigner: '' })).toThrow(/1 to 255 bytes/);
  });

  test('fit 16 to a note, beside an Ed25519 cosignature of the same name', async () => {
    const keys = await Promise.all(
      Array.from({ length: 16 }, async (_, i) => mlDsaCosigner(`w${i}`, await mlDsaSigner(seed(i)), () => 1)),
    );
    const classic = cosigner('w0', await ed25519Signer(seed(0)), () => 1);
    const note = await signNote(text, [...keys, classic, keys[3]!]);
    const opened = await openNote(
      note,
      [...keys, classic].map(({ vkey }) => parseVkey(vkey)),
    );
    expect(opened.signatures).toHaveLength(17);
  });

  test('verifier keys of another length are refused', () => {
    for (const length of [32, 1311, 1313])
      expect(() => parseVkey(formatVkey('w', 6, new Uint8Array(length)))).toThrow(/verifier key/);
    expect(() => parseVkey(formatVkey('w', 4, new Uint8Array(1312)))).toThrow(/verifier key/);
  });
});
