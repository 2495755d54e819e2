import { concatBytes, decodeEntries, encodeEntries, TILE_WIDTH, tilePath, tilesAt } from '@assay/core';
import {
  batchOf,
  type Edge,
  EMPTY_EDGE,
  edgeTile,
  fullPath,
  grow,
  HASH_BYTES,
  leafHashes,
  type TileStore,
} from '@assay/ledger';
import type { MirrorStore } from './mirror-store.ts';

/** The entries of one log, and the tiles that the mirror made of them. */
export interface LogCopy {
  readonly tiles: TileStore;
  /** Index of the first entry that is not stored. */
  readonly nextEntry: number;
  /** Hashes of stored leaves of one tile, packed. */
  leaves(from: number, to: number): Promise<Uint8Array>;
  /**
   * Stores entries that are proven to follow, from one that is stored or the next. When it resolves they survive a
   * power cut; those that were stored before are skipped.
   */
  append(from: number, entries: readonly Uint8Array[]): Promise<void>;
  /** Stores the partial tiles of a size that is stored, for its checkpoint. */
  completeTiles(size: number): Promise<void>;
}

/** Opens the copy of a log where it was left. One process has it open at a time. */
export function openCopy(options: { origin: string; store: MirrorStore; tiles: TileStore }): LogCopy {
  const { origin, store, tiles } = options;
  let edge = loadEdge(store, origin);
  let last: Promise<unknown> = Promise.resolve();

  /** One after the other: uploads may come at the same time. */
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = last.then(work);
    last = done.catch(() => {});
    return done;
  }

  return {
    tiles,
    get nextEntry() {
      return edge.size;
    },
    async leaves(from, to) {
      const index = Math.floor(from / TILE_WIDTH);
      const isEdge = index === Math.floor(edge.size / TILE_WIDTH);
      const tile = isEdge ? edge.levels[0] : await tiles.get(fullPath(0, index));
      const at = (from % TILE_WIDTH) * HASH_BYTES;
      return (tile ?? new Uint8Array()).subarray(at, at + (to - from) * HASH_BYTES);
    },
    append: (from, entries) =>
      inTurn(async () => {
        const missing = entries.slice(edge.size - from);
        if (missing.length === 0) return;
        const { edge: next, full } = grow(edge, batchOf(missing, leafHashes(missing)));
        await tiles.put(full);
        // Only now do the entries count. Lost before this, they are uploaded again and make the same tiles.
        store.saveProgress(origin, {
          nextEntry: next.size,
          bundle: next.bundle,
          hashes: concatBytes(...next.levels),
        });
        const grown = edge;
        edge = next;
        await dropPartials(tiles, grown, next);
      }),
    completeTiles: (size) =>
      inTurn(async () => {
        const partial = new Map<string, Uint8Array>();
        for (let level = 0; size >= TILE_WIDTH ** level; level++) {
          const { full: index, partialWidth: width } = tilesAt(level, size);
          // In place of a partial tile, its full one may be served.
          if (width === 0 || index < tilesAt(level, edge.size).full) continue;
          const hashes = edgeTile(edge, { level, index, width });
          partial.set(tilePath({ level, index, width }), hashes.slice(0, width * HASH_BYTES));
          if (level > 0) continue;
          const entries = decodeEntries(edge.bundle).slice(0, width);
          partial.set(tilePath({ level: 'entries', index, width }), encodeEntries(entries));
        }
        if (partial.size > 0) await tiles.put(partial);
      }),
  };
}

/** Partial versions of tiles that are full now. */
async function dropPartials(tiles: TileStore, before: Edge, after: Edge): Promise<void> {
  for (let level = 0; before.size >= TILE_WIDTH ** level; level++) {
    const { full: index } = tilesAt(level, before.size);
    if (index === tilesAt(level, after.size).full) continue;
    await tiles.dropPartials(fullPath(level, index));
    if (level === 0) await tiles.dropPartials(fullPath('entries', index));
  }
}

function loadEdge(store: MirrorStore, origin: string): Edge {
  const progress = store.progress(origin);
  if (!progress) return EMPTY_EDGE;
  const { nextEntry: size, bundle, hashes } = progress;
  const levels: Uint8Array[] = [];
  let at = 0;
  for (let level = 0; size >= TILE_WIDTH ** level; level++) {
    const end = at + tilesAt(level, size).partialWidth * HASH_BYTES;
    levels.push(hashes.subarray(at, end));
    at = end;
  }
  return { size, bundle, levels };
}
