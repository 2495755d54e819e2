import {
  AssayError,
  bytesEqual,
  decodeEntries,
  leafHash,
  parseTilePath,
  TILE_WIDTH,
  tilePath,
} from '@assay/core';
import { inParallel } from './in-parallel.ts';
import type { TileStore } from './tile-store.ts';

/** Entry bundles on the move at the same time. */
const PARALLEL_MOVES = 8;
const HASH_BYTES = 32;

/** A tile store whose old entries may lie elsewhere. */
export interface TieredTileStore extends TileStore {
  /**
   * Moves every full entry bundle between two entry indices to the cold store: copies it, reads it back, compares
   * it with the hashes of its leaves, and only then deletes it here. May be stopped at any moment and repeated,
   * also while the log grows. What recovery stores again after a crash is here again, until the next call.
   *
   * @returns bundles moved by this call
   * @throws TILE_INVALID for a bundle that does not hash to its leaves, COLD_STORAGE_UNREACHABLE
   */
  moveEntries(from: number, to: number): Promise<number>;
}

/**
 * Keeps old entries in a second, cheaper store, which may be slow or away for a time.
 *
 * Hashes stay in the hot store, all of them: every inclusion and consistency proof, for old entries too, and
 * opening and growing the log need no cold read. Whether a bundle that is not here must be in the cold store is
 * told by the tile of its leaf hashes, so that no list of what was moved can go wrong.
 *
 * @param options.drop deletes one path from the hot store, durably or not; may be asked twice.
 * @throws COLD_STORAGE_UNREACHABLE when entries are read that lie in a cold store which does not answer
 * @example
 * const tiles = tieredTileStore({
 *   hot: directoryTileStore(folder),
 *   cold: await s3TileStore(bucket),
 *   drop: (path) => rm(join(folder, path), { force: true }),
 * });
 * await tiles.moveEntries(0, ledger.size - 10_000_000);
 */
export function tieredTileStore(options: {
  hot: TileStore;
  cold: Pick<TileStore, 'get' | 'put'>;
  drop: (path: string) => Promise<void>;
}): TieredTileStore {
  const { hot, cold, drop } = options;
  const leavesOf = (bundle: number) => hot.get(tilePath({ level: 0, index: bundle, width: TILE_WIDTH }));

  /** Whether it had to be moved. */
  async function move(bundle: number): Promise<boolean> {
    const path = tilePath({ level: 'entries', index: bundle, width: TILE_WIDTH });
    const bytes = await hot.get(path);
    if (!bytes) return false;
    const leaves = await leavesOf(bundle);
    if (!leaves) return false;
    if (!hashesTo(bytes, leaves)) throw altered(path);
    const copy = await reachingCold(path, async () => {
      await cold.put(new Map([[path, bytes]]));
      return cold.get(path);
    });
    if (!copy || !bytesEqual(copy, bytes)) throw altered(path, 'the cold store gives it back otherwise');
    await drop(path);
    return true;
  }

  return {
    // Entries are stored with the tile of their leaves: other entries than those that were moved meet it there.
    put: (tiles) => hot.put(tiles),
    publish: (checkpoint) => hot.publish(checkpoint),
    partials: (path) => hot.partials(path),
    dropPartials: (path) => hot.dropPartials(path),

    async get(path) {
      const here = await hot.get(path);
      if (here) return here;
      const tile = parseTilePath(path);
      if (tile?.level !== 'entries' || tile.width < TILE_WIDTH || !(await leavesOf(tile.index))) return null;
      return reachingCold(path, () => cold.get(path));
    },

    async moveEntries(from, to) {
      const first = Math.ceil(from / TILE_WIDTH);
      const count = Math.max(Math.floor(to / TILE_WIDTH) - first, 0);
      let moved = 0;
      await inParallel(
        Array.from({ length: count }, (_, i) => first + i),
        PARALLEL_MOVES,
        async (bundle) => {
          if (await move(bundle)) moved++;
        },
      );
      return moved;
    },
  };
}

function hashesTo(bundle: Uint8Array, leaves: Uint8Array): boolean {
  const leafAt = (i: number) => leaves.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES);
  try {
    const entries = decodeEntries(bundle);
    return (
      entries.length === TILE_WIDTH && entries.every((entry, i) => bytesEqual(leafHash(entry), leafAt(i)))
    );
  } catch {
    return false;
  }
}

async function reachingCold<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof AssayError && cause.code === 'TILE_CONFLICT') throw cause;
    throw new AssayError(
      'COLD_STORAGE_UNREACHABLE',
      `${path} lies in cold storage, which does not answer: ${(cause as Error).message}`,
      { cause, detail: { path }, next: 'try again once it is back; proofs need no cold storage' },
    );
  }
}

function altered(path: string, why = 'it does not hash to its leaves'): AssayError {
  return new AssayError('TILE_INVALID', `${path} was not moved to cold storage: ${why}`, {
    detail: { path },
    next: 'restore it from a mirror or a backup before moving it',
  });
}
