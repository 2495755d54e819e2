import { concatBytes, decodeEntries, type HashReader, TILE_WIDTH } from '@assay/core';
import { HASH_BYTES, merkleRoot, nodesAbove } from './hashing.ts';
import type { TileSource } from './tile-store.ts';
import { corrupt, type Edge, fullPath, TILE_BYTES } from './tree.ts';

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
  readonly #tiles: TileSource;
  readonly #unstored: Unstored;
  readonly #nodes = new Map<string, Uint8Array[]>();
  readonly #edgeNodes = new Map<string, Uint8Array>();

  constructor(tiles: TileSource, unstored: Unstored) {
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
      return this.#edgeNode(edge.levels[tileLevel]!, first % TILE_WIDTH, height, `${level}/${index}`);
    }
    const nodes = await this.#tileNodes(fullPath(tileLevel, tileIndex));
    const at = (index % (TILE_WIDTH >> height)) * HASH_BYTES;
    return nodes[height]!.subarray(at, at + HASH_BYTES);
  };

  /** Entries of one bundle, as many as the log has. */
  async bundle(index: number): Promise<readonly Uint8Array[]> {
    const { edge } = this.#unstored;
    if (index === Math.floor(edge.size / TILE_WIDTH)) return decodeEntries(edge.bundle);
    return decodeEntries(await this.#fullTile(fullPath('entries', index)));
  }

  /** Hashes of the latest leaves, oldest first, packed. */
  async latestLeaves(count: number): Promise<Uint8Array> {
    const { edge } = this.#unstored;
    const from = Math.max(edge.size - count, 0);
    const firstTile = Math.floor(from / TILE_WIDTH);
    const tiles: Uint8Array[] = [];
    for (let tile = firstTile; (tile + 1) * TILE_WIDTH <= edge.size; tile++) {
      tiles.push(await this.#fullTile(fullPath(0, tile)));
    }
    const hashes = concatBytes(...tiles, edge.levels[0] ?? new Uint8Array());
    return hashes.subarray((from - firstTile * TILE_WIDTH) * HASH_BYTES);
  }

  /** A complete subtree never changes, so its hash can be kept while the edge grows over it. */
  #edgeNode(hashes: Uint8Array, at: number, height: number, key: string): Uint8Array {
    const below = hashes.subarray(at * HASH_BYTES, (at + 2 ** height) * HASH_BYTES);
    if (height === 0) return below;
    let node = this.#edgeNodes.get(key);
    if (!node) {
      node = merkleRoot(below);
      if (this.#edgeNodes.size >= CACHED_EDGE_NODES) this.#edgeNodes.clear();
      this.#edgeNodes.set(key, node);
    }
    return node;
  }

  async #tileNodes(path: string): Promise<Uint8Array[]> {
    const cached = this.#nodes.get(path);
    if (cached) {
      this.#nodes.delete(path);
      this.#nodes.set(path, cached);
      return cached;
    }
    const nodes = tileNodes(await this.#fullTile(path));
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

/** The 256 hashes of a full tile, and level by level the nodes above them, up to the one below its root. */
function tileNodes(tile: Uint8Array): Uint8Array[] {
  if (tile.length !== TILE_BYTES)
    throw corrupt(`expected a full tile of ${TILE_BYTES} bytes, got ${tile.length}`);
  const levels = [tile];
  for (let height = 1; height < 8; height++) levels.push(nodesAbove(levels.at(-1)!));
  return levels;
}
