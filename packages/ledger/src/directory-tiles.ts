import { randomUUID } from 'node:crypto';
import { closeSync, fsyncSync, mkdirSync, openSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { AssayError, bytesEqual, utf8 } from '@assay/core';
import { type Files, nodeFiles } from './files.ts';
import type { TileSource, TileStore } from './tile-store.ts';

/** Files written at the same time: enough to let the disk merge the flushes. */
const PARALLEL_WRITES = 16;
/** New files take shape here, hidden from web servers, and appear at their path whole. */
const UNFINISHED = '.tmp';

/**
 * Tiles as files: the folder is the served log, byte for byte.
 *
 * Each file is written aside, flushed, renamed into place, and its folder is flushed, so that a name which
 * exists always has its whole content.
 *
 * @param root the folder, made when absent. One process writes to it at a time: the log's lock sees to that.
 * @throws DATA_DIR_UNWRITABLE
 */
export function directoryTileStore(root: string): TileStore {
  prepare(root);
  return tilesInFiles(root, nodeFiles);
}

/** Reads the log in a folder, which another process may be writing. */
export function directoryTileSource(root: string): TileSource {
  return { get: (path) => nodeFiles.read(join(root, path)) };
}

/** The tile store of a folder that is ready, on any file system. */
export function tilesInFiles(root: string, files: Files): TileStore {
  /** Folders that surely exist after a power cut. */
  const durableFolders = new Set<string>();

  async function put(tiles: ReadonlyMap<string, Uint8Array>): Promise<void> {
    const queue = [...tiles];
    await inParallel(queue, async ([path, bytes]) => {
      const target = join(root, path);
      if (!files.exists(target)) return write(path, bytes);
      const stored = await files.read(target);
      if (!stored || !bytesEqual(stored, bytes)) throw conflict(path);
    });
    // A file that was already there may be named in a folder that was never flushed: flush them all.
    const folders = new Set(queue.map(([path]) => dirname(join(root, path))));
    await inParallel([...folders], flushFolder);
  }

  async function write(path: string, bytes: Uint8Array): Promise<void> {
    const target = join(root, path);
    const unfinished = join(root, UNFINISHED, randomUUID());
    try {
      await files.writeFlushed(unfinished, bytes);
      if (!durableFolders.has(dirname(target))) await files.makeFolder(dirname(target));
      await files.rename(unfinished, target);
    } catch (error) {
      await files.remove(unfinished);
      throw error;
    }
  }

  async function flushFolder(folder: string): Promise<void> {
    await files.flushFolder(folder);
    // A folder's own name lives in its parent.
    for (let at = folder; at !== root && !durableFolders.has(at); at = dirname(at)) {
      await files.flushFolder(dirname(at));
      durableFolders.add(at);
    }
  }

  return {
    get: (path) => files.read(join(root, path)),
    put,
    async publish(checkpoint) {
      await write('checkpoint', utf8(checkpoint));
      await files.flushFolder(root);
    },
    async partials(path) {
      const names = await files.list(join(root, `${path}.p`));
      return names.map(Number).sort((a, b) => a - b);
    },
    async dropPartials(path) {
      const folder = join(root, `${path}.p`);
      durableFolders.delete(folder);
      await files.remove(folder);
    },
  };
}

function prepare(root: string): void {
  try {
    const firstMade = mkdirSync(join(root, UNFINISHED), { recursive: true });
    if (firstMade !== undefined) flushNames(resolve(firstMade), resolve(root, UNFINISHED));
    for (const name of readdirSync(join(root, UNFINISHED)))
      rmSync(join(root, UNFINISHED, name), { force: true });
  } catch (cause) {
    throw new AssayError('DATA_DIR_UNWRITABLE', `the log's folder ${root} cannot be written`, {
      cause,
      next: 'choose another folder, or give this user the right to write there',
    });
  }
}

/** A folder's name lives in its parent: flushes those of new folders, from one down to another. */
function flushNames(first: string, last: string): void {
  for (let made = last; made.length >= first.length; made = dirname(made)) {
    const parent = openSync(dirname(made), 'r');
    fsyncSync(parent);
    closeSync(parent);
  }
}

/** Runs a task for every item, a few at a time; after a failure it starts no more and lets the running ones end. */
async function inParallel<T>(items: T[], task: (item: T) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async () => {
    try {
      while (next < items.length) await task(items[next++]!);
    } catch (error) {
      next = items.length;
      throw error;
    }
  };
  const lanes = await Promise.allSettled(Array.from({ length: PARALLEL_WRITES }, lane));
  const failed = lanes.find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
}

function conflict(path: string): AssayError {
  return new AssayError('TILE_CONFLICT', `${path} is stored with other bytes than the log would write`, {
    detail: { path },
    next: 'the folder belongs to another log or was altered: restore it, or start a log in a new folder',
  });
}
