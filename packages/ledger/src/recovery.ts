import {
  AssayError,
  bytesEqual,
  EMPTY_ROOT,
  fromUtf8,
  rootOf,
  TILE_WIDTH,
  tilePath,
  tilesAt,
  tilesFor,
} from '@assay/core';
import type { CheckpointStore, StagedEntries } from './checkpoint-store.ts';
import { openOwnCheckpoint, type SignedCheckpoint } from './signed-checkpoint.ts';
import type { TileStore } from './tile-store.ts';
import { corrupt, decodeBatch, type Edge, edgeTile, fullPath, grow, readEdge, rootOfEdge } from './tree.ts';
import { TreeReader } from './tree-reader.ts';

/** A log at rest: everything that is committed has its tiles in the store. */
export interface Recovered {
  readonly edge: Edge;
  readonly committed: SignedCheckpoint | null;
  readonly published: SignedCheckpoint | null;
}

/**
 * Brings tile store and lock to one state, as after every crash: what is committed is applied, the rest is
 * refused.
 *
 * @throws LEDGER_CORRUPT when the tiles lack or contradict what was committed, or hold more than it.
 */
export async function recover(log: {
  origin: string;
  vkey: string;
  tiles: TileStore;
  checkpoints: CheckpointStore;
}): Promise<Recovered> {
  const { tiles, checkpoints } = log;
  const { note, staged } = await checkpoints.load();
  const committed = note === null ? null : await openOwnCheckpoint(note, log, 'the committed note');
  const size = committed?.size ?? 0;

  const edge = await replay(staged, size, tiles);
  if (!bytesEqual(rootOfEdge(edge), committed?.root ?? EMPTY_ROOT)) {
    throw corrupt(`its tiles do not hash to the committed root at size ${size}`, { size });
  }
  await refuseTilesBeyond(edge, tiles);
  const published = await readPublished(log, edge);
  await checkpoints.dropStaged(size);
  return { edge, committed, published };
}

/** Stores tiles from one size to another, and collects the partial ones that they replace. */
export async function applyTiles(
  tiles: TileStore,
  from: number,
  edge: Edge,
  fullTiles: ReadonlyMap<string, Uint8Array>,
): Promise<void> {
  const changed = tilesFor(from, edge.size).map((tile) => {
    const path = tilePath(tile);
    return { tile, path, bytes: tile.width === TILE_WIDTH ? fullTiles.get(path)! : edgeTile(edge, tile) };
  });
  await tiles.put(new Map(changed.map(({ path, bytes }) => [path, bytes])));
  for (const { tile, path } of changed) {
    // Only the tile that was partial at `from` has partial versions.
    const { full, partialWidth } = tilesAt(tile.level === 'entries' ? 0 : tile.level, from);
    if (tile.width === TILE_WIDTH && tile.index === full && partialWidth > 0) await tiles.dropPartials(path);
  }
}

/** Makes the tiles of staged entries again: they may have reached the store wholly, in part or not at all. */
async function replay(staged: readonly StagedEntries[], size: number, tiles: TileStore): Promise<Edge> {
  const from = staged[0]?.fromSize ?? size;
  let edge = await readEdge(tiles, from);
  const fullTiles = new Map<string, Uint8Array>();
  for (const { fromSize, toSize, entries } of staged) {
    if (fromSize !== edge.size) throw corrupt(`staged entries begin at ${fromSize}, not at ${edge.size}`);
    const grown = grow(edge, decodeBatch(entries));
    if (grown.edge.size !== toSize)
      throw corrupt(`expected staged entries up to ${toSize}, got ${grown.edge.size}`);
    edge = grown.edge;
    for (const [path, bytes] of grown.full) fullTiles.set(path, bytes);
  }
  if (edge.size !== size)
    throw corrupt(`the lock stands at size ${size}, its staged entries at ${edge.size}`);
  await applyTiles(tiles, from, edge, fullTiles);
  return edge;
}

/** Commits come before tiles: tiles beyond the lock mean that the lock is older than they are. */
async function refuseTilesBeyond(edge: Edge, tiles: TileStore): Promise<void> {
  const levels = ['entries' as const, ...edge.levels.keys(), edge.levels.length];
  for (const level of levels) {
    const { full, partialWidth } = tilesAt(level === 'entries' ? 0 : level, edge.size);
    const path = fullPath(level, full);
    const wider = (await tiles.partials(path)).find((width) => width > partialWidth);
    if (wider !== undefined) throw ahead(`${path}.p/${wider}`, edge.size);
    if (await tiles.get(path)) throw ahead(path, edge.size);
  }
}

async function readPublished(
  log: { origin: string; vkey: string; tiles: TileStore },
  edge: Edge,
): Promise<SignedCheckpoint | null> {
  const bytes = await log.tiles.get('checkpoint');
  if (!bytes) return null;
  const published = await openOwnCheckpoint(fromUtf8(bytes), log, 'the public checkpoint');
  if (published.size > edge.size) throw ahead(`the public checkpoint of size ${published.size}`, edge.size);
  const { hash } = new TreeReader(log.tiles, { edge, fullTiles: new Map() });
  if (!bytesEqual(await rootOf(published.size, hash), published.root)) {
    throw corrupt(`its tiles do not hash to the public root at size ${published.size}`);
  }
  return published;
}

function ahead(what: string, size: number): AssayError {
  return new AssayError(
    'LEDGER_CORRUPT',
    `the tile store is ahead of the lock: it holds ${what}, the lock stands at size ${size}`,
    {
      detail: { size },
      next: 'restore the lock that belongs to these tiles; signing again from an older state would fork the log',
    },
  );
}
