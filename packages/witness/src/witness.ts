import { createHash } from 'node:crypto';
import {
  AssayError,
  base64Decode,
  bytesEqual,
  bytesToHex,
  type Checkpoint,
  EMPTY_ROOT,
  fromUtf8,
  type NoteSigner,
  type NoteVerifier,
  openNote,
  parseCheckpoint,
  parseNote,
  parseSignatureLine,
  parseVkey,
  signatureLine,
  verifyConsistency,
} from '@assay/core';
import type { Cosigned, WitnessStore } from './witness-store.ts';

/** A log that the witness watches. An origin may come with several keys. */
export interface WatchedLog {
  readonly origin: string;
  readonly vkey: string;
}

/** An answer of the protocol, whatever carries it. */
export interface WitnessAnswer {
  readonly status: 200 | 400 | 403 | 404 | 409 | 422;
  readonly contentType: 'text/plain; charset=utf-8' | 'text/x.tlog.size';
  readonly body: string;
}

/** An independent observer of logs (C2SP tlog-witness). */
export interface Witness {
  /** Answers an add-checkpoint request. What a 200 says is stored before it is said. */
  addCheckpoint(body: Uint8Array): Promise<WitnessAnswer>;
  /** The latest cosigned checkpoint of the log whose origin has this SHA-256 in hexadecimal, or null. */
  checkpoint(originHash: string): string | null;
}

/** tlog-witness: a client sends at most 63 lines of consistency proof. */
const MAX_PROOF_LINES = 63;

/**
 * A witness: it cosigns a checkpoint only if it extends the last one that it cosigned for that log, so that
 * nobody can show two histories to two readers.
 *
 * @param options.signers cosignature keys, used for nothing else; each adds a line to the answer. A mirror has none
 * here: it only remembers what it has to copy.
 * @param options.cosigners keys of others, whose cosignatures are kept with the checkpoint.
 * @example
 * createWitness({ store, signers: [cosigner(name, key, nowSeconds)], logs: [{ origin, vkey }] });
 */
export function createWitness(options: {
  store: WitnessStore;
  signers: readonly NoteSigner[];
  logs: readonly WatchedLog[];
  cosigners?: readonly NoteVerifier[];
}): Witness {
  const { store, signers, cosigners = [] } = options;
  const keys = new Map<string, NoteVerifier[]>();
  const origins = new Map<string, string>();
  for (const { origin, vkey } of options.logs) {
    keys.set(origin, [...(keys.get(origin) ?? []), parseVkey(vkey)]);
    origins.set(createHash('sha256').update(origin).digest('hex'), origin);
  }

  /** The checks of the specification, in its order. */
  async function addCheckpoint(body: Uint8Array): Promise<WitnessAnswer> {
    const request = parseRequest(body);
    const { origin, size, root } = request.checkpoint;

    const verifiers = keys.get(origin);
    if (!verifiers) throw new Refusal(404, `no log ${origin} is watched here`);
    const { text, signatures } = await openNote(request.note, [...verifiers, ...cosigners]).catch((error) => {
      throw new Refusal(403, error.message);
    });
    if (!signatures.some((by) => verifiers.includes(by.verifier)))
      throw new Refusal(403, `no key of ${origin} that is trusted here signed the checkpoint`);
    if (request.oldSize > size)
      throw new Refusal(400, `the old size ${request.oldSize} is above the size ${size}`);

    const latest = store.latest(origin);
    if (request.oldSize !== (latest?.size ?? 0)) return conflict(latest);
    checkConsistency(request, latest);

    // Signed before it is stored, but given out only after: a crash between the two costs one cosignature.
    const own = await cosign(text, signers);
    const known = latest && parseNote(latest.note);
    const before = known?.text === text ? known.signatures.map(({ line }) => `${line}\n`) : [];
    const lines = signatures.map(({ line }) => `${line}\n`);
    const next = { size, root, note: noteOf(text, [...before, ...lines, ...own]) };
    if (!store.advance(origin, latest, next)) return conflict(store.latest(origin));
    return { status: 200, contentType: 'text/plain; charset=utf-8', body: own.join('') };
  }

  return {
    async addCheckpoint(body) {
      try {
        return await addCheckpoint(body);
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        return { status: error.status, contentType: 'text/plain; charset=utf-8', body: `${error.message}\n` };
      }
    },
    checkpoint(originHash) {
      const origin = origins.get(originHash);
      return origin === undefined ? null : (store.latest(origin)?.note ?? null);
    },
  };
}

/** Signature lines of some keys on a checkpoint. */
export function cosign(text: string, signers: readonly NoteSigner[]): Promise<string[]> {
  return Promise.all(signers.map(async (signer) => signatureLine(signer, await signer.sign(text))));
}

/** A note with some signature lines; of those by one key the last one counts. */
export function noteOf(text: string, lines: readonly string[]): string {
  const byKey = new Map<string, string>();
  for (const line of lines) {
    const { name, keyId } = parseSignatureLine(line.slice(0, -1));
    byKey.set(`${name} ${bytesToHex(keyId)}`, line);
  }
  return `${text}\n${[...byKey.values()].join('')}`;
}

/** Why a request is not cosigned. */
class Refusal extends Error {
  readonly status: 400 | 403 | 404 | 422;

  constructor(status: Refusal['status'], message: string) {
    super(message);
    this.status = status;
  }
}

interface Request {
  oldSize: number;
  path: Uint8Array[];
  note: string;
  checkpoint: Checkpoint;
}

function parseRequest(body: Uint8Array): Request {
  try {
    const text = fromUtf8(body);
    const end = text.indexOf('\n\n');
    const [old, ...proof] = text.slice(0, Math.max(end, 0)).split('\n');
    const oldSize = /^old (0|[1-9]\d{0,15})$/.exec(old!)?.[1];
    if (oldSize === undefined || !Number.isSafeInteger(Number(oldSize))) {
      throw new Refusal(
        400,
        'expected a first line "old <size>", then proof lines, an empty line and a checkpoint',
      );
    }
    if (proof.length > MAX_PROOF_LINES) {
      throw new Refusal(400, `expected at most ${MAX_PROOF_LINES} proof lines, got ${proof.length}`);
    }
    const note = text.slice(end + 2);
    return {
      oldSize: Number(oldSize),
      path: proof.map(parseHash),
      note,
      checkpoint: readHead(parseNote(note).text),
    };
  } catch (error) {
    if (error instanceof AssayError) throw new Refusal(400, error.message);
    throw error;
  }
}

/** The head of a checkpoint. A witness signs extension lines without reading them (C2SP tlog-cosignature). */
function readHead(text: string): Checkpoint {
  const [origin, size, root, ...extensions] = text.slice(0, -1).split('\n');
  if (extensions.includes('')) throw new Refusal(400, 'expected no empty line in the checkpoint');
  return parseCheckpoint(`${origin}\n${size}\n${root}\n`);
}

function parseHash(line: string): Uint8Array {
  const hash = base64Decode(line);
  if (hash.length !== 32) throw new Refusal(400, `expected proof lines of 32 bytes, got ${hash.length}`);
  return hash;
}

/** The checkpoint extends the latest one, which the caller found to be of the request's old size. */
function checkConsistency(
  { oldSize, path, checkpoint: { size, root } }: Request,
  latest: Cosigned | null,
): void {
  if (size === 0 && !bytesEqual(root, EMPTY_ROOT))
    throw new Refusal(422, 'expected the root of the empty tree at size 0');
  if (latest === null || oldSize === 0) {
    // Every tree extends the empty one.
    if (path.length > 0) throw new Refusal(422, `expected no proof from size 0, got ${path.length} lines`);
    return;
  }
  try {
    verifyConsistency({ oldSize, oldRoot: latest.root, newSize: size, newRoot: root, path });
  } catch (error) {
    throw new Refusal(422, (error as Error).message);
  }
}

function conflict(latest: Cosigned | null): WitnessAnswer {
  return { status: 409, contentType: 'text/x.tlog.size', body: `${latest?.size ?? 0}\n` };
}
