import { AssayError, parseNote } from '@assay/core';
import type { SignedCheckpoint } from './signed-checkpoint.ts';
import type { TileStore } from './tile-store.ts';
import type { WitnessClient } from './witness-client.ts';

/** Pace of publication. */
export interface PublishLimits {
  /** Least time between the first requests for two checkpoints: newer ones wait and are published together. */
  publishEveryMs: number;
  /** Once a quorum has cosigned, how long the other witnesses may still add their cosignatures. */
  graceMs: number;
}

const RETRY_PUBLISH_MS = 500;

/**
 * Makes checkpoints public: offers the newest one to all witnesses, and writes it where readers look once a
 * quorum has cosigned. What is public never goes back.
 *
 * A witness that comes late still adds its cosignature to the checkpoint that is public already.
 */
export class Publisher {
  readonly #witnesses: readonly WitnessClient[];
  readonly #quorum: number;
  readonly #tiles: TileStore;
  readonly #limits: PublishLimits;
  readonly #nowMs: () => number;
  readonly #prove: (oldSize: number, newSize: number) => Promise<Uint8Array[]>;
  readonly #onPublished: (checkpoint: SignedCheckpoint) => void;

  #published: SignedCheckpoint | null;
  /** Newest checkpoint whose tiles are stored. */
  #newest: SignedCheckpoint | null;
  /** The checkpoint that is offered to the witnesses now. */
  #target: Target | null;

  readonly #asking = new Set<WitnessClient>();
  readonly #waiting: { size: number; published: PromiseWithResolvers<SignedCheckpoint> }[] = [];
  readonly #abort = new AbortController();
  #wake = Promise.withResolvers<void>();
  #retryPublishAtMs = 0;
  #running: Promise<void>;

  constructor(options: {
    witnesses: readonly WitnessClient[];
    quorum: number;
    tiles: TileStore;
    limits: PublishLimits;
    published: SignedCheckpoint | null;
    committed: SignedCheckpoint | null;
    nowMs: () => number;
    prove: (oldSize: number, newSize: number) => Promise<Uint8Array[]>;
    onPublished: (checkpoint: SignedCheckpoint) => void;
  }) {
    this.#witnesses = options.witnesses;
    this.#quorum = options.quorum;
    this.#tiles = options.tiles;
    this.#limits = options.limits;
    this.#nowMs = options.nowMs;
    this.#prove = options.prove;
    this.#onPublished = options.onPublished;
    this.#published = options.published;
    this.#newest = options.committed;
    this.#target = options.published && alreadyPublished(options.published, options.witnesses);
    this.#running = this.#run();
  }

  get published(): SignedCheckpoint | null {
    return this.#published;
  }

  /** Takes a newer checkpoint, whose tiles readers can already fetch. */
  offer(checkpoint: SignedCheckpoint): void {
    this.#newest = checkpoint;
    this.#signal();
  }

  /** Resolves with the public checkpoint once it covers a size. */
  whenPublished(size: number): Promise<SignedCheckpoint> {
    if (this.#published && this.#published.size >= size) return Promise.resolve(this.#published);
    if (this.#abort.signal.aborted) return Promise.reject(closed());
    const published = Promise.withResolvers<SignedCheckpoint>();
    this.#waiting.push({ size, published });
    return published.promise;
  }

  async close(): Promise<void> {
    this.#abort.abort();
    this.#signal();
    await this.#running;
    for (const { published } of this.#waiting.splice(0)) published.reject(closed());
  }

  async #run(): Promise<void> {
    while (!this.#abort.signal.aborted) {
      // Taken before looking around, so that nothing which happens meanwhile is slept through.
      const wake = this.#wake.promise;
      const now = this.#nowMs();
      this.#takeNewest(now);
      if (this.#target) {
        this.#askWitnesses(this.#target, now);
        if (this.#isDue(this.#target, now)) await this.#publish(this.#target);
      }
      await this.#sleep(wake);
    }
  }

  /** Moves on to the newest checkpoint, unless witnesses are still deciding on the current one. */
  #takeNewest(now: number): void {
    const { publishEveryMs } = this.#limits;
    const current = this.#target;
    if (!this.#newest || this.#newest.size <= (current?.checkpoint.size ?? 0)) return;
    if (current && now < current.sinceMs + publishEveryMs) return;
    if (current && current.written < 0 && this.#asking.size > 0) return;
    this.#target = {
      checkpoint: this.#newest,
      lines: new Map(),
      sinceMs: now,
      quorumAtMs: null,
      written: -1,
    };
    this.#reachQuorum(this.#target);
  }

  #askWitnesses(target: Target, now: number): void {
    for (const witness of this.#witnesses) {
      if (target.lines.has(witness) || this.#asking.has(witness) || witness.state().retryAtMs > now) continue;
      this.#asking.add(witness);
      const { checkpoint } = target;
      witness
        .cosign(checkpoint, (oldSize) => this.#prove(oldSize, checkpoint.size), this.#abort.signal)
        .then((line) => {
          target.lines.set(witness, line);
          this.#reachQuorum(target);
        })
        // The client keeps the reason and the time of the next try in its state.
        .catch(() => {})
        .finally(() => {
          this.#asking.delete(witness);
          this.#signal();
        });
    }
  }

  #reachQuorum(target: Target): void {
    if (target.lines.size >= this.#quorum) target.quorumAtMs ??= this.#nowMs();
  }

  #isDue(target: Target, now: number): boolean {
    if (target.quorumAtMs === null || target.lines.size <= target.written || now < this.#retryPublishAtMs)
      return false;
    return this.#asking.size === 0 || now >= target.quorumAtMs + this.#limits.graceMs;
  }

  async #publish(target: Target): Promise<void> {
    const lines = this.#witnesses.map((witness) => target.lines.get(witness) ?? '');
    const checkpoint = { ...target.checkpoint, note: target.checkpoint.note + lines.join('') };
    const cosignatures = target.lines.size;
    try {
      await this.#tiles.publish(checkpoint.note);
    } catch {
      // The disk's failure also shows where tiles are stored; here it only delays.
      this.#retryPublishAtMs = this.#nowMs() + RETRY_PUBLISH_MS;
      return;
    }
    const grew = checkpoint.size > (this.#published?.size ?? -1);
    target.written = cosignatures;
    this.#published = checkpoint;
    if (grew) this.#announce(checkpoint);
  }

  #announce(checkpoint: SignedCheckpoint): void {
    this.#onPublished(checkpoint);
    const covered = this.#waiting.filter(({ size }) => size <= checkpoint.size);
    for (const waiter of covered) {
      this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
      waiter.published.resolve(checkpoint);
    }
  }

  /** Sleeps until something happens or the earliest time at which something is due. */
  async #sleep(wake: Promise<void>): Promise<void> {
    const now = this.#nowMs();
    const dueMs = this.#dueTimes().filter((time) => time > now);
    let timer: NodeJS.Timeout | undefined;
    if (dueMs.length > 0) timer = setTimeout(() => this.#signal(), Math.min(...dueMs) - now + 1);
    await wake;
    clearTimeout(timer);
  }

  #dueTimes(): number[] {
    const { publishEveryMs, graceMs } = this.#limits;
    const target = this.#target;
    if (!target) return [];
    const retries = this.#witnesses
      .filter((witness) => !target.lines.has(witness) && !this.#asking.has(witness))
      .map((witness) => witness.state().retryAtMs);
    return [
      ...retries,
      target.sinceMs + publishEveryMs,
      (target.quorumAtMs ?? 0) + graceMs,
      this.#retryPublishAtMs,
    ];
  }

  #signal(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers<void>();
  }
}

/** One checkpoint on its way to the public. */
interface Target {
  readonly checkpoint: SignedCheckpoint;
  readonly lines: Map<WitnessClient, string>;
  readonly sinceMs: number;
  quorumAtMs: number | null;
  /** Cosignatures of the public note, or −1 while it is not public. */
  written: number;
}

/** After a restart: the public checkpoint, to which witnesses that missed it may still add. */
function alreadyPublished(published: SignedCheckpoint, witnesses: readonly WitnessClient[]): Target {
  const { text, signatures } = parseNote(published.note);
  const lines = new Map<WitnessClient, string>();
  const own: string[] = [];
  for (const { name, keyId, line } of signatures) {
    const witness = witnesses.find(
      ({ verifier }) => verifier.name === name && verifier.keyId.every((byte, i) => byte === keyId[i]),
    );
    if (witness) lines.set(witness, `${line}\n`);
    else own.push(`${line}\n`);
  }
  return {
    checkpoint: { ...published, note: `${text}\n${own.join('')}` },
    lines,
    sinceMs: 0,
    quorumAtMs: 0,
    written: lines.size,
  };
}

function closed(): AssayError {
  return new AssayError('LEDGER_STOPPED', 'the ledger is closed before the checkpoint was published', {
    next: 'open it again; it publishes what it has committed',
  });
}
