import { closeSync, existsSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { AssayError, cosigner, mlDsaCosigner, type NoteSigner, type NoteVerifier } from '@assay/core';
import { directoryTileStore } from '@assay/ledger';
import type { FastifyInstance } from 'fastify';
import { keyFromFile, mlDsaKeyFromFile } from './key-file.ts';
import { createMirror, type Mirror } from './mirror.ts';
import { mirrorServer } from './mirror-server.ts';
import { sqliteMirrorStore } from './mirror-store.ts';
import { witnessServer } from './server.ts';
import { createWitness, type WatchedLog } from './witness.ts';
import { sqliteWitnessStore } from './witness-store.ts';

/** How to run a witness or a mirror: its folder, its name, and where it listens. */
export interface ServiceOptions {
  /** Made when absent; one process uses it at a time. */
  dataDir: string;
  /** Name of its keys, as a rule its URL without the scheme. */
  name: string;
  logs: readonly WatchedLog[];
  host: string;
  /** 0 for any free one. */
  port: number;
  /** Whether it signs with ML-DSA-44 too, in a second line. */
  postQuantum: boolean;
}

/** A service that listens. */
export interface Service {
  readonly url: string;
  /** Its verifier keys: cosignature/v1, then ML-DSA-44 if it has one. */
  readonly vkeys: readonly string[];
  close(): Promise<void>;
}

/**
 * Runs a witness: its keys and its memory are in its folder.
 *
 * @throws DATA_DIR_UNWRITABLE, DATA_DIR_IN_USE, KEY_INVALID, PORT_IN_USE
 */
export function runWitness(options: ServiceOptions): Promise<Service> {
  return run('witness', options, async (signers) => {
    const store = sqliteWitnessStore(join(options.dataDir, 'witness.db'));
    return { server: witnessServer(createWitness({ store, signers, logs: options.logs })), store };
  });
}

/**
 * Runs a mirror: its folder holds its keys, its memory, and in `logs/<origin hash>` the copies, each of them a served
 * log that any web server could serve.
 *
 * @param options.cosigners keys of witnesses, whose cosignatures are kept with the checkpoints.
 * @throws DATA_DIR_UNWRITABLE, DATA_DIR_IN_USE, KEY_INVALID, PORT_IN_USE
 */
export async function runMirror(
  options: ServiceOptions & { cosigners: readonly NoteVerifier[] },
): Promise<Service & { mirror: Mirror }> {
  const { dataDir, logs, cosigners } = options;
  const tilesOf = (originHash: string) => directoryTileStore(join(dataDir, 'logs', originHash));
  let mirror: Mirror | undefined;
  const service = await run('mirror', options, async (signers) => {
    const store = sqliteMirrorStore(join(dataDir, 'mirror.db'));
    mirror = await createMirror({ store, tilesOf, signers, logs, cosigners });
    return { server: mirrorServer(mirror), store };
  });
  return { ...service, mirror: mirror! };
}

async function run(
  kind: 'witness' | 'mirror',
  { dataDir, name, host, port, postQuantum }: ServiceOptions,
  open: (signers: NoteSigner[]) => Promise<{ server: FastifyInstance; store: { close(): void } }>,
): Promise<Service> {
  const release = takeFolder(dataDir);
  try {
    const key = join(dataDir, `${kind}.key`);
    keepTogether(key, join(dataDir, `${kind}.db`));
    const nowSeconds = () => Math.floor(Date.now() / 1000);
    const signers = [cosigner(name, await keyFromFile(key), nowSeconds)];
    if (postQuantum) {
      const second = await mlDsaKeyFromFile(join(dataDir, `${kind}-ml-dsa-44.key`));
      signers.push(mlDsaCosigner(name, second, nowSeconds));
    }
    const { server, store } = await open(signers);
    const url = await server.listen({ host, port }).catch((cause: Error) => {
      throw new AssayError('PORT_IN_USE', `cannot listen on ${host}:${port}: ${cause.message}`, {
        next: 'choose another with --port, or --port 0 for any free one',
        cause,
      });
    });
    return {
      url,
      vkeys: signers.map(({ vkey }) => vkey),
      async close() {
        await server.close();
        store.close();
        release();
      },
    };
  } catch (error) {
    release();
    throw error;
  }
}

/** A key without the memory of what it signed could sign a second history. The memory is made first. */
function keepTogether(key: string, memory: string): void {
  if (existsSync(key) && !existsSync(memory)) {
    throw new AssayError(
      'KEY_INVALID',
      `${key} is there, but ${memory}, which says what it has signed, is not`,
      {
        next: 'start in an empty folder, with a new key and under a new name',
      },
    );
  }
  closeSync(openSync(memory, 'a', 0o600));
}

/** Takes a folder for this process. The lock is the operating system's: a killed process leaves none behind. */
function takeFolder(folder: string): () => void {
  let lock: DatabaseSync;
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    lock = new DatabaseSync(join(folder, 'lock.db'), { timeout: 0 });
  } catch (cause) {
    throw new AssayError('DATA_DIR_UNWRITABLE', `cannot write to ${folder}: ${(cause as Error).message}`, {
      next: 'choose a folder that you may write to with --data-dir',
      cause,
    });
  }
  try {
    lock.exec('BEGIN EXCLUSIVE');
  } catch (cause) {
    lock.close();
    throw new AssayError('DATA_DIR_IN_USE', `another process uses ${folder}`, {
      next: 'stop it, or choose another folder with --data-dir',
      cause,
    });
  }
  return () => lock.isOpen && lock.close();
}
