/** Signed notes, checkpoints and cosignatures: the specifications' examples, then hostile notes. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatCheckpoint, parseCheckpoint } from './checkpoint.ts';
import { ed25519Signer, verifyEd25519 } from './ed25519.ts';
import { bytesToHex, hexToBytes, utf8 } from './encoding.ts';
import { cosigner, ed25519NoteSigner, openNote, parseNote, parseVkey, signNote } from './note.ts';

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
