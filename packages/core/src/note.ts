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
import { sha256 } from './sha256.ts';

/** Signature types of C2SP signed-note that Assay makes and checks. */
export const NOTE_ED25519 = 0x01;
export const NOTE_COSIGNATURE_V1 = 0x04;

/** The specification demands at least 16; post-quantum cosignatures make the byte bound the real one. */
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
  readonly algorithm: 'ed25519' | 'cosignature/v1';
  verify(text: string, signature: Uint8Array): Promise<boolean>;
}

/** One signature line, not yet verified. */
export interface NoteSignature {
  name: string;
  keyId: Uint8Array;
  /** What follows the key id; for cosignature/v1 a 64-bit time and the Ed25519 signature. */
  signature: Uint8Array;
  /** The line as written, without its newline. */
  line: string;
}

/** A signature that a known key made; `timestamp` in POSIX seconds for cosignatures. */
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
      ...(verifier.algorithm === 'cosignature/v1' ? { timestamp: cosignatureTime(signature.signature) } : {}),
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
  const match = /^— (\S+) (\S+)$/u.exec(line);
  const bytes = match && isKeyName(match[1]!) ? decodeOrNull(match[2]!) : null;
  if (!match || !bytes || bytes.length < 5) malformed(`expected "— <name> <base64>", got ${excerpt(line)}`);
  return { name: match[1]!, keyId: bytes.subarray(0, 4), signature: bytes.subarray(4), line };
}

/** A verifier key `name+hash+base64` (C2SP signed-note "Verifier keys"), Ed25519 or cosignature/v1. */
export function parseVkey(vkey: string): NoteVerifier {
  const match = /^([^+\s]+)\+([0-9a-f]{8})\+(\S+)$/.exec(vkey);
  const material = match ? decodeOrNull(match[3]!) : null;
  if (!match || !material) return badVkey(vkey);
  const name = match[1]!;
  const type = material[0]!;
  const publicKey = material.slice(1);
  if ((type !== NOTE_ED25519 && type !== NOTE_COSIGNATURE_V1) || publicKey.length !== 32)
    return badVkey(vkey);
  const keyId = noteKeyId(name, type, publicKey);
  if (bytesToHex(keyId) !== match[2]) return badVkey(vkey);
  return type === NOTE_ED25519
    ? {
        name,
        keyId,
        vkey,
        algorithm: 'ed25519',
        verify: (text, signature) => verifyEd25519(publicKey, utf8(text), signature),
      }
    : {
        name,
        keyId,
        vkey,
        algorithm: 'cosignature/v1',
        verify: (text, signature) => verifyCosignature(publicKey, text, signature),
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
  publicKey: Uint8Array,
  text: string,
  signature: Uint8Array,
): Promise<boolean> {
  if (signature.length !== 72) return false;
  const timestamp = cosignatureTime(signature);
  // A time of zero makes no statement about freshness, which tlog-witness forbids.
  if (!Number.isSafeInteger(timestamp) || timestamp === 0) return false;
  return verifyEd25519(publicKey, cosignedMessage(timestamp, text), signature.subarray(8));
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

function isKeyName(name: string): boolean {
  return name !== '' && !/[\s+\p{White_Space}\p{Cc}]/u.test(name);
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
