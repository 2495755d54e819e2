import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, rename, rmSync, writeFile } from 'node:fs';
import { mkdir, open, readdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { AssayError, bytesEqual, utf8 } from '@assay/core';
import type { TileStore } from './tile-store.ts';

// A file costs a third of the processor time through callbacks that it costs through a promised FileHandle.
const writeFlushed = promisify(writeFile);
const renameFile = promisify(rename);

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
  /** Folders that surely exist after a power cut. */
  const durableFolders = new Set<string>();

  async function put(tiles: ReadonlyMap<string, Uint8Array>): Promise<void> {
    const queue = [...tiles];
    await inParallel(queue, async ([path, bytes]) => {
      const target = join(root, path);
      if (!existsSync(target)) return write(path, bytes);
      const stored = await readOrNull(target);
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
      await writeFlushed(unfinished, bytes, { flag: 'wx', flush: true });
      if (!durableFolders.has(dirname(target))) await mkdir(dirname(target), { recursive: true });
      await renameFile(unfinished, target);
    } catch (error) {
      await rm(unfinished, { force: true });
      throw error;
    }
  }

  async function flushFolder(folder: string): Promise<void> {
    await flush(folder);
    // A folder's own name lives in its parent.
    for (let at = folder; at !== root && !durableFolders.has(at); at = dirname(at)) {
      await flush(dirname(at));
      durableFolders.add(at);
    }
  }

  return {
    get: (path) => readOrNull(join(root, path)),
    put,
    async publish(checkpoint) {
      await write('checkpoint', utf8(checkpoint));
      await flush(root);
    },
    async partials(path) {
      const names = await readdir(join(root, `${path}.p`)).catch(absent);
      return (names ?? []).map(Number).sort((a, b) => a - b);
    },
    async dropPartials(path) {
      const folder = join(root, `${path}.p`);
      durableFolders.delete(folder);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function prepare(root: string): void {
  try {
    mkdirSync(join(root, UNFINISHED), { recursive: true });
    for (const name of readdirSync(join(root, UNFINISHED))) rmSync(join(root, UNFINISHED, name));
  } catch (cause) {
    throw new AssayError('DATA_DIR_UNWRITABLE', `the log's folder ${root} cannot be written`, {
      cause,
      next: 'choose another folder, or give this user the right to write there',
    });
  }
}

async function flush(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** A view on plain bytes, so that no Buffer leaves this file. */
async function readOrNull(path: string): Promise<Uint8Array | null> {
  const buffer = await readFile(path).catch(absent);
  return buffer && new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}

function absent(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT') return null;
  throw error;
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
