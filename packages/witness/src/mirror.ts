import { createHash } from 'node:crypto';
import {
  AssayError,
  concatBytes,
  type NoteSigner,
  type NoteVerifier,
  parseNote,
  verifySubtreeConsistency,
} from '@assay/core';
import { leafHashes, merkleRoot, type TileSource, type TileStore } from '@assay/ledger';
import { type LogCopy, openCopy } from './mirror-copy.ts';
import { ByteReader, type EntryPackage, readHead, readPackages, type UploadHead } from './mirror-request.ts';
import type { MirrorStore } from './mirror-store.ts';
import { cosign, createWitness, noteOf, type WatchedLog, type WitnessAnswer } from './witness.ts';
import type { Cosigned } from './witness-store.ts';

/** An answer of the protocol, whatever carries it. */
export interface MirrorAnswer {
  readonly status: 200 | 202 | 400 | 404 | 409 | 422;
  readonly contentType: 'text/plain; charset=utf-8' | 'text/x.tlog.mirror-info';
  readonly body: string;
}

/** How far the copy of a log is. */
export interface MirrorStatus {
  readonly origin: string;
  /** Size that the mirror vouches for; 0 before the first. */
  readonly size: number;
  readonly nextEntry: number;
  /** Size of the newest checkpoint that is to be copied. */
  readonly pendingSize: number;
}

/** A cosigner that keeps a copy of logs (C2SP tlog-mirror). */
export interface Mirror {
  /** As a witness, but nothing is cosigned: the checkpoint becomes the one to copy up to. */
  addCheckpoint(body: Uint8Array): Promise<WitnessAnswer>;
  /** Takes entries, as they stream in. What a 200 or 202 says is stored before it is said. */
  addEntries(body: AsyncIterable<Uint8Array>): Promise<MirrorAnswer>;
  /** The copy of the log whose origin has this SHA-256 in hexadecimal, or null. */
  copy(originHash: string): TileSource | null;
  status(origin: string): MirrorStatus;
  /** The checkpoint that the mirror vouches for, and the pending one, as notes. */
  checkpoints(origin: string): { mirrored: Cosigned | null; pending: Cosigned | null };
}

/** An upload may begin this far before the next entry: one request of 32 packages. */
const MAX_EXCESS_ENTRIES = 8_192;
/** Packages that are stored together, which flushes folders once for all of them … */
const PACKAGES_AT_A_TIME = 32;
/** … unless they are long. */
const BYTES_AT_A_TIME = 8 * 1024 * 1024;

/**
 * A mirror: it copies only entries that are proven to be in a checkpoint which extends all that it saw before, makes
 * every tile anew from them, and signs a checkpoint once all of its entries are stored.
 *
 * @param options.signers cosignature keys of this mirror, used for nothing else, not even for a witness.
 * @param options.tilesOf where the copy of a log is stored; each log needs a place of its own.
 * @param options.cosigners keys of witnesses, whose cosignatures are kept with the checkpoint.
 */
export async function createMirror(options: {
  store: MirrorStore;
  tilesOf: (originHash: string) => TileStore;
  signers: readonly NoteSigner[];
  logs: readonly WatchedLog[];
  cosigners?: readonly NoteVerifier[];
}): Promise<Mirror> {
  const { store, signers, tilesOf } = options;
  const copies = new Map<string, LogCopy>();
  const hashes = new Map<string, LogCopy>();
  for (const origin of new Set(options.logs.map((log) => log.origin))) {
    const hash = createHash('sha256').update(origin).digest('hex');
    const copy = openCopy({ origin, store, tiles: tilesOf(hash) });
    copies.set(origin, copy);
    hashes.set(hash, copy);
    // A crash may have come between the signature and its publication.
    const signed = store.mirrored(origin);
    if (signed) await copy.tiles.publish(signed.note);
  }
  const { addCheckpoint } = createWitness({ ...options, signers: [] });

  /** The checks of the specification, in its order. */
  async function addEntries(body: ByteReader): Promise<MirrorAnswer> {
    const head = await readHead(body);
    if (!head) throw new Refusal(400, 'expected an origin, two sizes, a ticket and entry packages');
    const copy = copies.get(head.origin);
    if (!copy) throw new Refusal(404, `no log ${head.origin} is mirrored here`);
    if (head.start > head.end)
      throw new Refusal(400, `expected entries up to a later one, got ${head.start} to ${head.end}`);
    const target = findTarget(head, copy);
    if (!target) return progressOf(409, head, copy);

    let proven = Number(head.start);
    let group: EntryPackage[] = [];
    const storeGroup = async () => {
      const entries = group.flatMap((some) => some.entries);
      if (entries.length > 0) await copy.append(group[0]!.start, entries);
      group = [];
    };
    try {
      let bytes = 0;
      for await (const part of readPackages(body, proven, target.size)) {
        await verify(part, target, copy);
        group.push(part);
        proven = part.end;
        bytes += part.entries.reduce((total, entry) => total + entry.length, 0);
        if (group.length < PACKAGES_AT_A_TIME && bytes < BYTES_AT_A_TIME) continue;
        await storeGroup();
        bytes = 0;
      }
    } finally {
      // What is proven is kept, whatever comes after it.
      await storeGroup();
    }
    if (proven === target.size) return finish(head, target, copy);
    if (proven === Number(head.start)) throw new Refusal(400, 'the body ends within the first entry package');
    return progressOf(202, head, copy);
  }

  /** The checkpoint to which a request uploads; null for a conflict. */
  function findTarget({ origin, start, end }: UploadHead, { nextEntry }: LogCopy): Cosigned | null {
    if (!store.latest(origin))
      throw new Refusal(422, `no checkpoint of ${origin} is pending: begin with add-checkpoint`);
    const target = targetOf(origin, end);
    const excess = Math.min(Number(end), nextEntry) - Number(start);
    return target && Number(start) <= nextEntry && excess <= MAX_EXCESS_ENTRIES ? target : null;
  }

  function targetOf(origin: string, end: bigint): Cosigned | null {
    const mirrored = store.mirrored(origin);
    if (end > BigInt(Number.MAX_SAFE_INTEGER) || Number(end) < (mirrored?.size ?? 0)) return null;
    return store.pending(origin, Number(end)) ?? (mirrored?.size === Number(end) ? mirrored : null);
  }

  /** Where an upload should go on. */
  function progressOf(status: 202 | 409, { origin, end }: UploadHead, { nextEntry }: LogCopy): MirrorAnswer {
    const size = (targetOf(origin, end) ?? store.latest(origin)!).size;
    // The ticket is empty: pending checkpoints are remembered here.
    return { status, contentType: 'text/x.tlog.mirror-info', body: `${size}\n${nextEntry}\n\n` };
  }

  /** All entries are stored: the checkpoint is vouched for, unless a larger one is by now. */
  async function finish(head: UploadHead, target: Cosigned, copy: LogCopy): Promise<MirrorAnswer> {
    const { origin } = head;
    await copy.completeTiles(target.size);
    // Newer cosignatures may have come with the same checkpoint.
    const { text, signatures } = parseNote((store.pending(origin, target.size) ?? target).note);
    const own = await cosign(text, signers);
    const note = noteOf(text, [...signatures.map(({ line }) => `${line}\n`), ...own]);
    if (!store.advanceMirrored(origin, { ...target, note })) return progressOf(409, head, copy);
    await publish(origin, copy);
    return { status: 200, contentType: 'text/plain; charset=utf-8', body: own.join('') };
  }

  const publishing = new Map<string, Promise<void>>();

  /** Publishes the newest signed checkpoint, one writing after the other, so that the public one never goes back. */
  function publish(origin: string, copy: LogCopy): Promise<void> {
    const done = (publishing.get(origin) ?? Promise.resolve())
      .catch(() => {})
      .then(() => copy.tiles.publish(store.mirrored(origin)!.note));
    publishing.set(origin, done);
    return done;
  }

  return {
    addCheckpoint,
    async addEntries(body) {
      try {
        return await addEntries(new ByteReader(body));
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        return { status: error.status, contentType: 'text/plain; charset=utf-8', body: `${error.message}\n` };
      }
    },
    copy: (originHash) => hashes.get(originHash)?.tiles ?? null,
    status: (origin) => ({
      origin,
      size: store.mirrored(origin)?.size ?? 0,
      nextEntry: copies.get(origin)?.nextEntry ?? 0,
      pendingSize: store.latest(origin)?.size ?? 0,
    }),
    checkpoints: (origin) => ({ mirrored: store.mirrored(origin), pending: store.latest(origin) }),
  };
}

/** The entries of a package are in the tree of the checkpoint, at their places. */
async function verify(
  { first, start, end, entries, path }: EntryPackage,
  { size, root }: Cosigned,
  copy: LogCopy,
): Promise<void> {
  // Only the first package of a request can begin within a bundle; what stands before it is stored.
  const before = start > first ? await copy.leaves(first, start) : NOTHING;
  const subtreeRoot = merkleRoot(concatBytes(before, leafHashes(entries)));
  try {
    verifySubtreeConsistency({ start: first, end, size, subtreeRoot, root, path });
  } catch (error) {
    if (!(error instanceof AssayError)) throw error;
    throw new Refusal(
      422,
      `the entries from ${start} up to ${end} are not in the tree of ${size}: ${error.message}`,
    );
  }
}

const NOTHING = new Uint8Array();

/** Why entries are not taken. */
class Refusal extends Error {
  readonly status: 400 | 404 | 422;

  constructor(status: Refusal['status'], message: string) {
    super(message);
    this.status = status;
  }
}
