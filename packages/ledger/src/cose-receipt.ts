import {
  AssayError,
  bytesEqual,
  type Ed25519Signer,
  leafHash as hashOfEntry,
  rootFromInclusion,
  verifyEd25519,
} from '@assay/core';
import { decode, encode, rfc8949EncodeOptions, Tagged } from 'cborg';

/** The position of an entry in a log, as a receipt carries it. */
interface Inclusion {
  leafIndex: number;
  /** Entries of the tree that `path` leads to. */
  size: number;
  /** Leaf's sibling first. */
  path: readonly Uint8Array[];
}

/** More than any origin and a path of 63 hashes take. */
const MAX_RECEIPT_BYTES = 8_192;

// Numbers of the IANA registry "CBOR Object Signing and Encryption (COSE)".
const COSE_SIGN1 = 18;
const ALGORITHM = 1;
/** RFC 9864: says the curve too, other than -8 (EdDSA), which that RFC deprecates. */
const ED25519 = -19;
const CWT_CLAIMS = 15;
const ISSUER = 1;
const VERIFIABLE_DATA_STRUCTURE = 395;
const RFC9162_SHA256 = 1;
const PROOFS = 396;
const INCLUSION = -1;

/**
 * A COSE receipt (RFC 9942): a log's signed word, in CBOR, that an entry is in its tree. For those who have
 * COSE and no signed notes. It carries no cosignatures, so it does not rule out a split view: that is what
 * tlog-proofs are for.
 *
 * @param receipt.root root of a published checkpoint of `size`; another would be a second history.
 * @param receipt.signer the log's key. No note can pass for a receipt or the other way: what is signed here begins
 *   with the byte 0x84 (an array of four), which no UTF-8 text begins with, and a note is such a text.
 * @throws PROOF_PENDING for a log of one entry: RFC 9942 wants a path of at least one hash.
 * @example
 * await coseReceipt({ origin, leafIndex: 7, size, path: await ledger.inclusionPath(7, size), root, signer });
 */
export async function coseReceipt(
  receipt: Inclusion & { origin: string; root: Uint8Array; signer: Ed25519Signer },
): Promise<Uint8Array> {
  const { origin, root, signer, ...inclusion } = receipt;
  if (inclusion.path.length === 0) {
    throw new AssayError('PROOF_PENDING', 'expected a log of at least two entries, got one', {
      next: 'ask for the receipt again once the log has grown',
    });
  }
  return encodeReceipt(origin, inclusion, await signer.sign(signedBytes(origin, root)));
}

/**
 * Checks that a receipt by this log is one for this entry. Of what it carries, only that is authenticated: the
 * same path may stand for another index in a tree of another size (a last leaf, say), so neither is returned.
 *
 * @returns the root that the log signed.
 * @throws RECEIPT_MALFORMED, INCLUSION_PROOF_INVALID, SIGNATURE_INVALID
 * @example
 * const { root } = await verifyCoseReceipt(receipt, { entry, origin, publicKey: parseVkey(vkey).publicKey });
 */
export async function verifyCoseReceipt(
  receipt: Uint8Array,
  expected: { origin: string; publicKey: Uint8Array } & ({ entry: Uint8Array } | { leafHash: Uint8Array }),
): Promise<{ root: Uint8Array }> {
  const { origin, inclusion, signature } = decodeReceipt(receipt);
  if (origin !== expected.origin) malformed(`expected a receipt by ${expected.origin}, got one by ${origin}`);
  const { leafIndex, size, path } = inclusion;
  const leafHash = 'entry' in expected ? hashOfEntry(expected.entry) : expected.leafHash;
  const root = rootFromInclusion({ leafHash, index: leafIndex, size, path });
  if (!(await verifyEd25519(expected.publicKey, signedBytes(origin, root), signature))) {
    throw new AssayError('SIGNATURE_INVALID', `the receipt is not one by ${origin} for this entry`, {
      next: 'check that entry and receipt belong together; fetch the receipt again',
    });
  }
  return { root };
}

function encodeReceipt(
  origin: string,
  { size, leafIndex, path }: Inclusion,
  signature: Uint8Array,
): Uint8Array {
  const proofs = new Map([[INCLUSION, [cbor([size, leafIndex, path])]]]);
  const detached = null;
  return cbor(
    new Tagged(COSE_SIGN1, [protectedHeader(origin), new Map([[PROOFS, proofs]]), detached, signature]),
  );
}

/** Sig_structure of RFC 9052 section 4.4; the payload is the root, which the receipt leaves out. */
function signedBytes(origin: string, root: Uint8Array): Uint8Array {
  return cbor(['Signature1', protectedHeader(origin), new Uint8Array(), root]);
}

function protectedHeader(origin: string): Uint8Array {
  return cbor(
    new Map<number, unknown>([
      [ALGORITHM, ED25519],
      [CWT_CLAIMS, new Map([[ISSUER, origin]])],
      [VERIFIABLE_DATA_STRUCTURE, RFC9162_SHA256],
    ]),
  );
}

function decodeReceipt(receipt: Uint8Array) {
  if (receipt.length > MAX_RECEIPT_BYTES)
    malformed(`expected at most ${MAX_RECEIPT_BYTES} bytes, got ${receipt.length}`);
  const tagged = parse(receipt);
  const [header, unprotected, , signature] = arrayOf(tagged instanceof Tagged ? tagged.value : null);
  const claims = mapOf(parse(header)).get(CWT_CLAIMS);
  const origin = mapOf(claims).get(ISSUER);
  const [proof] = arrayOf(mapOf(mapOf(unprotected).get(PROOFS)).get(INCLUSION));
  const [size, leafIndex, path] = arrayOf(parse(proof));
  if (
    typeof origin !== 'string' ||
    !Number.isSafeInteger(size) ||
    !Number.isSafeInteger(leafIndex) ||
    !isHashes(path) ||
    !(signature instanceof Uint8Array)
  )
    return malformed('its members have other types');
  const inclusion = { size: size as number, leafIndex: leafIndex as number, path };
  // One spelling: what the members above do not make again is not canonical, or says something unheard.
  if (!bytesEqual(encodeReceipt(origin, inclusion, signature), receipt))
    malformed('expected the deterministic encoding and no further members');
  return { origin, inclusion, signature };
}

/** Deterministic encoding (RFC 8949 section 4.2.1). */
function cbor(value: unknown): Uint8Array {
  return encode(value, rfc8949EncodeOptions);
}

function parse(bytes: unknown): unknown {
  if (!(bytes instanceof Uint8Array)) return malformed('expected bytes');
  try {
    return decode(bytes, {
      useMaps: true,
      strict: true,
      allowIndefinite: false,
      rejectDuplicateMapKeys: true,
      tags: Tagged.preserve(COSE_SIGN1),
    });
  } catch (cause) {
    throw new AssayError('RECEIPT_MALFORMED', `not a COSE receipt: ${(cause as Error).message}`, { cause });
  }
}

function isHashes(value: unknown): value is Uint8Array[] {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((hash) => hash instanceof Uint8Array && hash.length === 32)
  );
}

function arrayOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : malformed('expected an array');
}

function mapOf(value: unknown): Map<unknown, unknown> {
  return value instanceof Map ? value : malformed('expected a map');
}

function malformed(message: string): never {
  throw new AssayError('RECEIPT_MALFORMED', `not a COSE receipt: ${message}`, {
    next: 'fetch the receipt again; it may have been cut short or edited on its way',
  });
}
