import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { AssayError } from '@assay/core';

/** Where everything lies in a node's data folder. */
export function dataDirLayout(root: string) {
  return {
    root,
    /** Statements, payloads, verdicts, published checkpoints. */
    catalogue: join(root, 'catalogue.db'),
    /** The log's lock and staging. */
    ledger: join(root, 'ledger.db'),
    /** The served log, byte for byte: `checkpoint` and `tile/…`. */
    log: join(root, 'log'),
    /** The log's index, made from the log; may be deleted. */
    index: join(root, 'index'),
    /** What the node's own monitor remembers and found. */
    monitor: join(root, 'monitor'),
    /** Anchors and their proofs. */
    anchors: join(root, 'anchors.db'),
    keys: join(root, 'keys'),
    chain: join(root, 'chain'),
    /** Which contracts there are, for the `assay` commands. */
    contracts: join(root, 'contracts.json'),
    /** Which verdicts went onto the chain in which batch. */
    verdictBatches: join(root, 'verdict-batches.db'),
    witness: (number: number) => join(root, `witness-${number}`),
    trustPolicy: join(root, 'trust-policy.json'),
    /** Who may review; the operator's list. */
    reviewers: join(root, 'reviewers.json'),
    /** Who may say that a figure was executed again; the operator's list. */
    executors: join(root, 'executors.json'),
    /** Planted questions and their answers: nobody who reviews may read it. */
    gold: join(root, 'gold.json'),
    /** Streams that their providers send themselves; their contracts lie in `contracts/` beside it. */
    streams: join(root, 'streams.json'),
    lock: join(root, 'lock.db'),
  };
}

export type DataDir = ReturnType<typeof dataDirLayout>;

/**
 * Takes a data folder for one process: makes it, checks that it can be written, and locks it. The lock is the
 * operating system's, so a killed process leaves none behind.
 *
 * @returns a function that gives the folder free.
 * @throws DATA_DIR_UNWRITABLE, DATA_DIR_IN_USE
 */
export function takeDataDir(layout: DataDir): () => void {
  try {
    mkdirSync(layout.root, { recursive: true });
    const probe = join(layout.root, '.writable');
    writeFileSync(probe, '');
    rmSync(probe);
  } catch (cause) {
    throw new AssayError(
      'DATA_DIR_UNWRITABLE',
      `cannot write to ${layout.root}: ${(cause as Error).message}`,
      {
        next: 'choose a folder that you may write to with --data-dir',
        cause,
      },
    );
  }
  const lock = new DatabaseSync(layout.lock, { timeout: 0 });
  try {
    lock.exec('BEGIN EXCLUSIVE');
  } catch (cause) {
    lock.close();
    throw new AssayError('DATA_DIR_IN_USE', `another node is running on ${layout.root}`, {
      next: 'stop it, or choose another folder with --data-dir',
      cause,
    });
  }
  return () => lock.close();
}

/** The layout of an existing data folder. @throws NOT_FOUND when no node ever ran on it. */
export function existingDataDir(root: string): DataDir {
  const layout = dataDirLayout(root);
  if (existsSync(layout.catalogue)) return layout;
  throw new AssayError('NOT_FOUND', `no node has run on ${root}`, {
    next: 'name the folder of a node with --data-dir, or run: npm start',
  });
}
