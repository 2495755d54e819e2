/** What the lock of one log holds. */
export interface LockedState {
  /** The latest committed checkpoint, a signed note, or null for a log without entries. */
  note: string | null;
  /** Committed entries whose tiles may not be in the tile store yet, oldest first, without holes. */
  staged: StagedEntries[];
}

/** The entries that led from one committed size to the next: enough to make every tile between them again. */
export interface StagedEntries {
  fromSize: number;
  toSize: number;
  /** An entry bundle, as in C2SP tlog-tiles. */
  entries: Uint8Array;
}

/**
 * The lock of one log. Whoever swaps it decides what the log says, so that two sequencers can never both win.
 *
 * The staged entries ride in the same transaction as the checkpoint: it cannot happen that a checkpoint is
 * committed whose entries are lost, nor that a lost swap leaves anything behind.
 */
export interface CheckpointStore {
  /** The committed state. Reads what every earlier successful swap wrote, by this process or another. */
  load(): Promise<LockedState>;

  /**
   * If the committed note is still `expected` (null: none), makes `next` the committed note and adds `staged`,
   * atomically. This is the commit point of the log.
   *
   * @returns true when it did, and then both survive a power cut; false when another note is there, and then
   * nothing changed. After an exception either may be the case: ask {@link load}.
   */
  compareAndSwap(expected: string | null, next: string, staged: StagedEntries): Promise<boolean>;

  /**
   * Forgets staged entries up to a size whose tiles are durable. May be deferred to the next swap: entries
   * that come back are applied again, which changes nothing.
   */
  dropStaged(toSize: number): Promise<void>;

  /**
   * Takes or renews the log's lease, unless another holder's is still running. Time is the store's own, and a
   * lease that seems to run for longer than it was given was given by another clock: it has ended.
   *
   * A courtesy among sequencers, so that they take turns. What the log says is decided by the swap alone.
   *
   * @param holder names one process: those who give the same name share one lease.
   */
  holdLease(holder: string, forMs: number): Promise<Lease>;

  /** Ends the lease now, if this holder has it. */
  releaseLease(holder: string): Promise<void>;
}

/** What became of a request for the lease. */
export interface Lease {
  held: boolean;
  /** How long the lease still runs, whoever holds it. */
  expiresInMs: number;
}
