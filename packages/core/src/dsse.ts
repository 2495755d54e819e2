import { canonicalBytes } from './canonical-json.ts';
import { publicKeyFromDid } from './did.ts';
import { type Ed25519Signer, verifyEd25519 } from './ed25519.ts';
import {
  base64Decode,
  base64Encode,
  bytesEqual,
  bytesToHex,
  concatBytes,
  excerpt,
  fromUtf8,
  utf8,
} from './encoding.ts';
import { AssayError } from './errors.ts';
import { sha256 } from './sha256.ts';
import { exactly, type Fail, text } from './shape.ts';
import { parseStatement, type Statement } from './statement.ts';

export const PAYLOAD_TYPE = 'application/vnd.in-toto+json';

/** A DSSE envelope with one signature by a `did:key` (secure-systems-lab/dsse, envelope.md v1.0.2). */
export interface Envelope {
  payloadType: typeof PAYLOAD_TYPE;
  /** base64 of the statement's canonical JSON. */
  payload: string;
  signatures: [{ keyid: string; sig: string }];
}

/** A statement whose signature was verified. */
export interface OpenedEnvelope {
  /** SHA-256 of the envelope's canonical bytes, in hex: the statement's name everywhere. */
  id: string;
  statement: Statement;
  /** DID of who signed. */
  signer: string;
  envelope: Envelope;
  /** The log entry: the envelope's canonical JSON. */
  entry: Uint8Array;
}

/**
 * Signs a statement: canonical JSON, pre-authentication encoding, Ed25519.
 *
 * @example
 * const { id, entry } = await signStatement(statement, provider);
 */
export async function signStatement(statement: Statement, signer: Ed25519Signer): Promise<OpenedEnvelope> {
  const payload = canonicalBytes(statement);
  const envelope: Envelope = {
    payloadType: PAYLOAD_TYPE,
    payload: base64Encode(payload),
    signatures: [
      { keyid: signer.did, sig: base64Encode(await signer.sign(preAuthenticationEncoding(payload))) },
    ],
  };
  const entry = envelopeBytes(envelope);
  return { id: digestHex(entry), statement, signer: signer.did, envelope, entry };
}

/**
 * Opens an envelope: shape, canonical payload, signature by the key its DID names. Whether that signer is
 * to be believed is the caller's question.
 *
 * @throws ENVELOPE_MALFORMED, DID_INVALID, SIGNATURE_INVALID, STATEMENT_MALFORMED
 */
export async function openEnvelope(input: unknown): Promise<OpenedEnvelope> {
  const envelope = parseEnvelope(input);
  const { keyid, sig } = envelope.signatures[0];
  const payload = decode(envelope.payload, 'payload');
  const message = preAuthenticationEncoding(payload);
  if (!(await verifyEd25519(publicKeyFromDid(keyid), message, decode(sig, 'signatures[0].sig')))) {
    throw new AssayError('SIGNATURE_INVALID', `the signature does not match the statement and ${keyid}`, {
      next: 'sign the DSSE pre-authentication encoding of the exact payload bytes with the key that keyid names',
    });
  }
  const statement = parseStatement(parseJson(payload));
  if (!bytesEqual(canonicalBytes(statement), payload)) {
    malformed('payload: expected canonical JSON (RFC 8785)');
  }
  const entry = envelopeBytes(envelope);
  return { id: digestHex(entry), statement, signer: keyid, envelope, entry };
}

/** Checks an envelope's shape, not its signature. @throws ENVELOPE_MALFORMED */
export function parseEnvelope(input: unknown): Envelope {
  const envelope = exactly(
    input instanceof Uint8Array ? parseJson(input) : input,
    'envelope',
    ['payloadType', 'payload', 'signatures'],
    malformed,
  );
  if (envelope.payloadType !== PAYLOAD_TYPE) {
    malformed(`payloadType: expected ${PAYLOAD_TYPE}, got ${excerpt(String(envelope.payloadType))}`);
  }
  const signatures = envelope.signatures;
  if (!Array.isArray(signatures) || signatures.length !== 1) malformed('signatures: expected exactly one');
  const signature = exactly(signatures[0], 'signatures[0]', ['keyid', 'sig'], malformed);
  return {
    payloadType: PAYLOAD_TYPE,
    payload: text(envelope.payload, 'payload', malformed),
    signatures: [
      {
        keyid: text(signature.keyid, 'signatures[0].keyid', malformed),
        sig: text(signature.sig, 'signatures[0].sig', malformed),
      },
    ],
  };
}

/** The envelope's canonical JSON: exactly what the log hashes. */
export function envelopeBytes(envelope: Envelope): Uint8Array {
  return canonicalBytes(envelope);
}

/** A statement's id: SHA-256 of {@link envelopeBytes} in hex. */
export function envelopeId(envelope: Envelope): string {
  return digestHex(envelopeBytes(envelope));
}

/** Lower-case hex SHA-256 of some bytes. */
export function digestHex(bytes: Uint8Array): string {
  return bytesToHex(sha256(bytes));
}

/** DSSE PAE: binds the payload type to the payload, so that neither can be reinterpreted. */
function preAuthenticationEncoding(payload: Uint8Array): Uint8Array {
  return concatBytes(utf8(`DSSEv1 ${PAYLOAD_TYPE.length} ${PAYLOAD_TYPE} ${payload.length} `), payload);
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(fromUtf8(bytes));
  } catch (cause) {
    throw new AssayError('ENVELOPE_MALFORMED', `expected JSON: ${(cause as Error).message}`, { cause });
  }
}

function decode(value: string, where: string): Uint8Array {
  try {
    return base64Decode(value);
  } catch (cause) {
    throw new AssayError('ENVELOPE_MALFORMED', `${where}: ${(cause as Error).message}`, { cause });
  }
}

const malformed: Fail = (message) => {
  throw new AssayError('ENVELOPE_MALFORMED', message, {
    next: 'send a DSSE envelope with one Ed25519 signature by a did:key',
  });
};
