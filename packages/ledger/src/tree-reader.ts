import { decodeEntries, type HashReader, TILE_WIDTH } from '@assay/core';
import { merkleRoot, nodeHash } from './hashing.ts';
import type { TileStore } from './tile-store.ts';
import { corrupt, type Edge, fullPath, splitHashes } from './tree.ts';

/** Full tiles kept with all their inner nodes: 511 hashes of 32 bytes each, 16 MiB in all. */
const CACHED_TILES = 1_024;
const CACHED_EDGE_NODES = 2_048;

/** What a sequencer knows beyond the tile store: the edge, and full tiles that are on their way there. */
export interface Unstored {
  readonly edge: Edge;
  readonly fullTiles: ReadonlyMap<string, Uint8Array>;
}

/** Reads hashes and entries of a growing log, the newest from memory, the others from the tile store. */
export class TreeReader {
  readonly #tiles: TileStore;
  readonly #unstored: Unstored;
  readonly #nodes = new Map<string, Uint8Array>();
  readonly #edgeNodes = new Map<string, Uint8Array>();

  constructor(tiles: TileStore, unstored: Unstored) {
    this.#tiles = tiles;
    this.#unstored = unstored;
  }

  /** Hash of the complete subtree of 2^level leaves that begins at leaf index·2^level. */
  readonly hash: HashReader = async (level, index) => {
    const tileLevel = Math.floor(level / 8);
    const height = level % 8;
    const first = index * 2 ** height;
    const tileIndex = Math.floor(first / TILE_WIDTH);
    const { edge } = this.#unstored;
    if (tileIndex === Math.floor(edge.size / TILE_WIDTH ** (tileLevel + 1))) {
      return this.#edgeNode(edge.levels[tileLevel] ?? [], first % TILE_WIDTH, height, `${level}/${index}`);
    }
    const nodes = await this.#tileNodes(fullPath(tileLevel, tileIndex));
    const at = (nodesBelow(height) + (index % (TILE_WIDTH >> height))) * 32;
    return nodes.subarray(at, at + 32);
  };

  /** Entries of one bundle, as many as the log has. */
  async bundle(index: number): Promise<readonly Uint8Array[]> {
    const { edge } = this.#unstored;
    if (index === Math.floor(edge.size / TILE_WIDTH)) return edge.entries;
    return decodeEntries(await this.#fullTile(fullPath('entries', index)));
  }

  /** Hashes of the latest leaves, oldest first. */
  async latestLeaves(count: number): Promise<Uint8Array[]> {
    const { edge } = this.#unstored;
    const from = Math.max(edge.size - count, 0);
    const firstTile = Math.floor(from / TILE_WIDTH);
    const hashes: Uint8Array[] = [];
    for (let tile = firstTile; (tile + 1) * TILE_WIDTH <= edge.size; tile++) {
      hashes.push(...splitHashes(await this.#fullTile(fullPath(0, tile)), TILE_WIDTH));
    }
    hashes.push(...(edge.levels[0] ?? []));
    return hashes.slice(from - firstTile * TILE_WIDTH);
  }

  /** A complete subtree never changes, so its hash can be kept while the edge grows over it. */
  #edgeNode(hashes: readonly Uint8Array[], at: number, height: number, key: string): Uint8Array {
    if (height === 0) return hashes[at]!;
    let node = this.#edgeNodes.get(key);
    if (!node) {
      node = merkleRoot(hashes.slice(at, at + 2 ** height));
      if (this.#edgeNodes.size >= CACHED_EDGE_NODES) this.#edgeNodes.clear();
      this.#edgeNodes.set(key, node);
    }
    return node;
  }

  async #tileNodes(path: string): Promise<Uint8Array> {
    const cached = this.#nodes.get(path);
    if (cached) {
      this.#nodes.delete(path);
      this.#nodes.set(path, cached);
      return cached;
    }
    const nodes = innerNodes(await this.#fullTile(path));
    this.#nodes.set(path, nodes);
    for (const oldest of this.#nodes.keys()) {
      if (this.#nodes.size <= CACHED_TILES) break;
      this.#nodes.delete(oldest);
    }
    return nodes;
  }

  async #fullTile(path: string): Promise<Uint8Array> {
    const bytes = this.#unstored.fullTiles.get(path) ?? (await this.#tiles.get(path));
    if (!bytes) throw corrupt(`${path} is missing`, { path });
    return bytes;
  }
}

/** The 256 hashes of a full tile followed by the 255 nodes above them, level by level. */
function innerNodes(tile: Uint8Array): Uint8Array {
  if (tile.length !== TILE_WIDTH * 32)
    throw corrupt(`expected a full tile of 8192 bytes, got ${tile.length}`);
  const nodes = new Uint8Array(511 * 32);
  nodes.set(tile);
  for (let child = 0, parent = TILE_WIDTH; parent < 511; child += 2, parent++) {
    const left = nodes.subarray(child * 32, child * 32 + 32);
    const right = nodes.subarray(child * 32 + 32, child * 32 + 64);
    nodes.set(nodeHash(left, right), parent * 32);
  }
  return nodes;
}

/** How many nodes stand before those of a height in {@link innerNodes}: 0, 256, 384, 448 … */
function nodesBelow(height: number): number {
  return 2 * TILE_WIDTH - ((2 * TILE_WIDTH) >> height);
}
