/**
 * Where a served log is read.
 *
 * Paths are those of C2SP tlog-tiles (`tile/0/x001/234`, `tile/entries/000.p/7`, `checkpoint`).
 */
export interface TileSource {
  /** The bytes at a path, or null. Never a part of a tile: a reader sees a whole tile or none. */
  get(path: string): Promise<Uint8Array | null>;
}

/** Where the served log lives: a store that any web server can read is the public log itself. */
export interface TileStore extends TileSource {
  /**
   * Stores tiles; when it resolves, every one of them survives a power cut.
   *
   * Tiles are immutable: storing the same bytes again changes nothing (and is durable all the same), other
   * bytes are refused with TILE_CONFLICT and leave the stored ones as they were. After any failure each tile
   * is there whole or not at all, in no particular order, and the call may be repeated.
   */
  put(tiles: ReadonlyMap<string, Uint8Array>): Promise<void>;

  /**
   * Replaces the public checkpoint; when it resolves, the new one survives a power cut. Readers see the old
   * one or the new one. After a failure either may be there, and the call may be repeated.
   */
  publish(checkpoint: string): Promise<void>;

  /** Widths of the partial versions of a tile that are stored, given the path of its full version. */
  partials(path: string): Promise<number[]>;

  /** Forgets the partial versions of a tile. May be repeated; need not survive a power cut. */
  dropPartials(path: string): Promise<void>;
}
