import { AnchorKeeper, type KeeperOptions, type KeeperState } from './anchor-keeper.ts';

/** What the keepers of all chains share. */
export type SharedKeeperOptions = Pick<
  KeeperOptions,
  'origin' | 'store' | 'intents' | 'nowMs' | 'onAnchored' | 'onAlert'
>;

/**
 * Keeps a log's newest checkpoint on several chains at once. The chains know nothing of each other: one that is down
 * keeps no other from its anchors.
 *
 * @example
 * const keepers = new AnchorKeepers({ origin, store, intents, nowMs: Date.now }, [mainnet, rollup]);
 */
export class AnchorKeepers {
  readonly #keepers: readonly AnchorKeeper[];

  constructor(
    shared: SharedKeeperOptions,
    chains: readonly Omit<KeeperOptions, keyof SharedKeeperOptions>[],
  ) {
    this.#keepers = chains.map((chain) => new AnchorKeeper({ ...shared, ...chain }));
  }

  /** Asks for a checkpoint to be anchored on every chain. */
  submit(checkpoint: { size: number; root: Uint8Array }): void {
    for (const keeper of this.#keepers) keeper.submit(checkpoint);
  }

  /** Anchors what was submitted now; false when some chain did not get there in time. */
  async flush(timeoutMs: number): Promise<boolean> {
    return (await Promise.all(this.#keepers.map((keeper) => keeper.flush(timeoutMs)))).every(Boolean);
  }

  /** One state for each chain, in the order in which they were given. */
  states(): KeeperState[] {
    return this.#keepers.map((keeper) => keeper.state());
  }

  async close(): Promise<void> {
    await Promise.all(this.#keepers.map((keeper) => keeper.close()));
  }
}
