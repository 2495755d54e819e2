import { parseCheckpointHead } from './checkpoint.ts';
import { type Ed25519Signer, verifyEd25519 } from './ed25519.ts';
import {
  base64Decode,
  base64Encode,
  bytesEqual,
  bytesToHex,
  concatBytes,
  excerpt,
  utf8,
} from './encoding.ts';
import { AssayError } from './errors.ts';
import { ML_DSA_PUBLIC_KEY_BYTES, type MlDsaSigner, verifyMlDsa } from './ml-dsa.ts';
import { sha256 } from './sha256.ts';

/** Signature types of C2SP signed-note that Assay makes and checks. */
export const NOTE_ED25519 = 0x01;
export const NOTE_COSIGNATURE_V1 = 0x04;
export const NOTE_ML_DSA_44 = 0x06;

/** The specification demands at least 16. The bytes hold this many of 3,300 characters, as ML-DSA-44 makes them. */
const MAX_SIGNATURES = 64;
const MAX_NOTE_BYTES = 256 * 1024;

/** A key that signs notes. `sign` returns the signature without the key id. */
export interface NoteSigner {
  readonly name: string;
  readonly keyId: Uint8Array;
  readonly vkey: string;
  sign(text: string): Promise<Uint8Array>;
}

/** A key that a verifier chose to believe. */
export interface NoteVerifier {
  readonly name: string;
  readonly keyId: Uint8Array;
  readonly vkey: string;
  readonly publicKey: Uint8Array;
  readonly algorithm: 'ed25519' | 'cosignature/v1' | 'subtree/v1';
  verify(text: string, signature: Uint8Array): Promise<boolean>;
}

/** One signature line, not yet verified. */
export interface NoteSignature {
  name: string;
  keyId: Uint8Array;
  /** What follows the key id; for cosignatures a 64-bit time and the signature proper. */
  signature: Uint8Array;
  /** The line as written, without its newline. */
  line: string;
}

/**
 * A signature that a known key made; `timestamp` in POSIX seconds for cosignatures. A time of 0 (subtree/v1
 * only) leaves out that the tree was the largest that the cosigner had seen.
 */
export interface VerifiedSignature extends NoteSignature {
  verifier: NoteVerifier;
  timestamp?: number;
}

/**
 * Opens a signed note (C2SP signed-note): every signature by a known key must verify, unknown keys are ignored.
 *
 * @throws NOTE_MALFORMED, NOTE_SIGNATURE_INVALID, NOTE_UNSIGNED when no known key signed.
 * @example
 * const { text } = await openNote(checkpoint, [parseVkey(vkey)]);
 */
export async function openNote(
  note: string,
  verifiers: readonly NoteVerifier[],
): Promise<{ text: string; signatures: VerifiedSignature[]; unknown: NoteSignature[] }> {
  const { text, signatures } = parseNote(note);
  const verified: VerifiedSignature[] = [];
  const unknown: NoteSignature[] = [];
  for (const signature of signatures) {
    const verifier = verifiers.find(
      (known) => known.name === signature.name && bytesEqual(known.keyId, signature.keyId),
    );
    if (!verifier) {
      unknown.push(signature);
      continue;
    }
    if (!(await verifier.verify(text, signature.signature))) {
      throw new AssayError(
        'NOTE_SIGNATURE_INVALID',
        `the signature by ${signature.name} does not match the note`,
        {
          detail: { name: signature.name },
          next: 'treat the note as forged or damaged; fetch it again from its source',
        },
      );
    }
    // The same key twice is one opinion.
    if (verified.some((other) => other.verifier === verifier)) continue;
    verified.push({
      ...signature,
      verifier,
      ...(verifier.algorithm === 'ed25519' ? {} : { timestamp: cosignatureTime(signature.signature) }),
    });
  }
  if (verified.length === 0) {
    throw new AssayError(
      'NOTE_UNSIGNED',
      `no known key signed the note; it is signed by ${signatures.map((s) => s.name).join(', ')}`,
      {
        next: 'check that the trust policy names the keys of this log',
      },
    );
  }
  return { text, signatures: verified, unknown };
}

/** Signs a text with one or more keys. @throws NOTE_MALFORMED when the text does not end in a newline. */
export async function signNote(text: string, signers: readonly NoteSigner[]): Promise<string> {
  checkText(text);
  const lines = await Promise.all(
    signers.map(async (signer) => signatureLine(signer, await signer.sign(text))),
  );
  return `${text}\n${lines.join('')}`;
}

/** One signature line with its newline: `— name base64(key id ‖ signature)`. */
export function signatureLine(key: { name: string; keyId: Uint8Array }, signature: Uint8Array): string {
  return `— ${key.name} ${base64Encode(concatBytes(key.keyId, signature))}\n`;
}

/** Splits a note into text and signatures without verifying anything. @throws NOTE_MALFORMED */
export function parseNote(note: string): { text: string; signatures: NoteSignature[] } {
  if (note.length > MAX_NOTE_BYTES)
    malformed(`expected at most ${MAX_NOTE_BYTES} characters, got ${note.length}`);
  const split = note.lastIndexOf('\n\n');
  if (split < 0 || !note.endsWith('\n')) malformed('expected a text, an empty line and signature lines');
  const text = note.slice(0, split + 1);
  checkText(text);
  const lines = note.slice(split + 2, -1).split('\n');
  if (lines.length > MAX_SIGNATURES)
    malformed(`expected at most ${MAX_SIGNATURES} signatures, got ${lines.length}`);
  return { text, signatures: lines.map(parseSignatureLine) };
}

/** Reads one signature line (without its newline). @throws NOTE_MALFORMED */
export function parseSignatureLine(line: string): NoteSignature {
  const match = /^— ([^ ]+) ([^ ]+)$/u.exec(line);
  const bytes = match && isKeyName(match[1]!) ? decodeOrNull(match[2]!) : null;
  if (!match || !bytes || bytes.length < 5) malformed(`expected "— <name> <base64>", got ${excerpt(line)}`);
  return { name: match[1]!, keyId: bytes.subarray(0, 4), signature: bytes.subarray(4), line };
}

/** What a type of key is called, how long it is, and when a signature by it holds. */
const KEY_TYPES = new Map<
  number,
  {
    algorithm: NoteVerifier['algorithm'];
    keyBytes: number;
    verify(
      key: { name: string; publicKey: Uint8Array },
      text: string,
      signature: Uint8Array,
    ): Promise<boolean>;
  }
>([
  [
    NOTE_ED25519,
    {
      algorithm: 'ed25519',
      keyBytes: 32,
      verify: ({ publicKey }, text, signature) => verifyEd25519(publicKey, utf8(text), signature),
    },
  ],
  [NOTE_COSIGNATURE_V1, { algorithm: 'cosignature/v1', keyBytes: 32, verify: verifyCosignature }],
  [
    NOTE_ML_DSA_44,
    { algorithm: 'subtree/v1', keyBytes: ML_DSA_PUBLIC_KEY_BYTES, verify: verifySubtreeCosignature },
  ],
]);

/**
 * A verifier key `name+hash+base64` (C2SP signed-note "Verifier keys") of one of the three types above.
 *
 * @throws KEY_INVALID
 */
export function parseVkey(vkey: string): NoteVerifier {
  const match = /^([^+]+)\+([0-9a-f]{8})\+(\S+)$/.exec(vkey);
  const material = match && isKeyName(match[1]!) ? decodeOrNull(match[3]!) : null;
  if (!match || !material) return badVkey(vkey);
  const name = match[1]!;
  const type = material[0]!;
  const publicKey = material.slice(1);
  const kind = KEY_TYPES.get(type);
  if (!kind || publicKey.length !== kind.keyBytes) return badVkey(vkey);
  const keyId = noteKeyId(name, type, publicKey);
  if (bytesToHex(keyId) !== match[2]) return badVkey(vkey);
  return {
    name,
    keyId,
    vkey,
    publicKey,
    algorithm: kind.algorithm,
    verify: (text, signature) => kind.verify({ name, publicKey }, text, signature),
  };
}

/** The text of a verifier key. */
export function formatVkey(name: string, type: number, publicKey: Uint8Array): string {
  const material = concatBytes(Uint8Array.of(type), publicKey);
  return `${name}+${bytesToHex(noteKeyId(name, type, publicKey))}+${base64Encode(material)}`;
}

/** A log's key: plain Ed25519 over the note text (type 0x01). */
export function ed25519NoteSigner(name: string, signer: Ed25519Signer): NoteSigner {
  return {
    ...noteKey(name, NOTE_ED25519, signer.publicKey),
    sign: (text) => signer.sign(utf8(text)),
  };
}

/**
 * A witness's key: cosignature/v1 (C2SP tlog-cosignature, type 0x04), which says that as of now this is the
 * largest consistent tree that the witness has seen.
 */
export function cosigner(name: string, signer: Ed25519Signer, nowSeconds: () => number): NoteSigner {
  return {
    ...noteKey(name, NOTE_COSIGNATURE_V1, signer.publicKey),
    sign: async (text) => {
      const timestamp = nowSeconds();
      return concatBytes(bigEndian64(timestamp), await signer.sign(cosignedMessage(timestamp, text)));
    },
  };
}

/**
 * A post-quantum cosigner's key (C2SP tlog-cosignature, type 0x06). It signs checkpoints only, and of those
 * the first three lines: extension lines are not covered.
 *
 * @example
 * mlDsaCosigner('witness.example/w1', await mlDsaSigner(seed), nowSeconds);
 */
export function mlDsaCosigner(name: string, signer: MlDsaSigner, nowSeconds: () => number): NoteSigner {
  return {
    ...noteKey(name, NOTE_ML_DSA_44, signer.publicKey),
    sign: async (text) => {
      const timestamp = nowSeconds();
      const { origin, size, root } = parseCheckpointHead(text);
      const message = subtreeMessage({ cosigner: name, timestamp, origin, start: 0, end: size, hash: root });
      return concatBytes(bigEndian64(timestamp), await signer.sign(message));
    },
  };
}

/**
 * What an ML-DSA-44 cosigner signs (`cosigned_message` of C2SP tlog-cosignature): that the leaves of a log
 * from `start` up to `end` hash to `hash`. A checkpoint begins at 0.
 *
 * @throws NOTE_MALFORMED when a name is empty or longer than 255 bytes, the hash is not one, or a part has a time.
 */
export function subtreeMessage(statement: {
  cosigner: string;
  /** POSIX seconds; 0 when nothing is said about the largest tree, as must be where `start` is not 0. */
  timestamp: number;
  origin: string;
  start: number;
  end: number;
  hash: Uint8Array;
}): Uint8Array {
  const { cosigner, timestamp, origin, start, end, hash } = statement;
  if (hash.length !== 32) malformed(`expected a hash of 32 bytes, got ${hash.length}`);
  if (start !== 0 && timestamp !== 0) malformed('expected no time on a subtree that does not begin at 0');
  return concatBytes(
    utf8('subtree/v1\n\0'),
    shortText(cosigner),
    bigEndian64(timestamp),
    shortText(origin),
    bigEndian64(start),
    bigEndian64(end),
    hash,
  );
}

function noteKey(name: string, type: number, publicKey: Uint8Array) {
  if (!isKeyName(name)) {
    throw new AssayError('KEY_INVALID', `expected a key name without spaces and "+", got ${excerpt(name)}`);
  }
  return { name, keyId: noteKeyId(name, type, publicKey), vkey: formatVkey(name, type, publicKey) };
}

function noteKeyId(name: string, type: number, publicKey: Uint8Array): Uint8Array {
  return sha256(concatBytes(utf8(`${name}\n`), Uint8Array.of(type), publicKey)).slice(0, 4);
}

async function verifyCosignature(
  { publicKey }: { publicKey: Uint8Array },
  text: string,
  signature: Uint8Array,
): Promise<boolean> {
  if (signature.length !== 72) return false;
  const timestamp = cosignatureTime(signature);
  // A time of zero makes no statement about freshness, which tlog-witness forbids.
  if (!Number.isSafeInteger(timestamp) || timestamp === 0) return false;
  return verifyEd25519(publicKey, cosignedMessage(timestamp, text), signature.subarray(8));
}

async function verifySubtreeCosignature(
  { name, publicKey }: { name: string; publicKey: Uint8Array },
  text: string,
  signature: Uint8Array,
): Promise<boolean> {
  if (signature.length < 8) return false;
  const timestamp = cosignatureTime(signature);
  if (!Number.isSafeInteger(timestamp)) return false;
  let message: Uint8Array;
  try {
    const { origin, size, root } = parseCheckpointHead(text);
    message = subtreeMessage({ cosigner: name, timestamp, origin, start: 0, end: size, hash: root });
  } catch (error) {
    // Nothing but checkpoints can be signed this way.
    if (error instanceof AssayError) return false;
    throw error;
  }
  return verifyMlDsa(publicKey, message, signature.subarray(8));
}

function cosignedMessage(timestamp: number, text: string): Uint8Array {
  return utf8(`cosignature/v1\ntime ${timestamp}\n${text}`);
}

function cosignatureTime(signature: Uint8Array): number {
  return Number(new DataView(signature.buffer, signature.byteOffset, signature.byteLength).getBigUint64(0));
}

function bigEndian64(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value));
  return bytes;
}

/** Text behind its length in one byte. */
function shortText(text: string): Uint8Array {
  const bytes = utf8(text);
  if (bytes.length === 0 || bytes.length > 255)
    malformed(`expected a name of 1 to 255 bytes, got ${bytes.length}`);
  return concatBytes(Uint8Array.of(bytes.length), bytes);
}

function isKeyName(name: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the specification forbids exactly these.
  return name !== '' && name.isWellFormed() && !/[+\p{White_Space}\u0000-\u001f]/u.test(name);
}

function checkText(text: string): void {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the specification forbids exactly these.
  if (!text.endsWith('\n') || /[\u0000-\u0009\u000b-\u001f]/.test(text) || !text.isWellFormed()) {
    malformed('expected UTF-8 lines, each ending in a newline, without control characters');
  }
}

function decodeOrNull(text: string): Uint8Array | null {
  try {
    return base64Decode(text);
  } catch {
    return null;
  }
}

function malformed(message: string): never {
  throw new AssayError('NOTE_MALFORMED', `not a signed note: ${message}`);
}

function badVkey(vkey: string): never {
  throw new AssayError(
    'KEY_INVALID',
    `expected a verifier key <name>+<id>+<base64>, got ${excerpt(vkey, 90)}`,
  );
}
