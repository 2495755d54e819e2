import { setTimeout as sleep } from 'node:timers/promises';
import { SYSTEM } from '@assay/contracts';
import { type AnchorProof, AssayError, bytesToHex, type ErrorCode, hexToBytes } from '@assay/core';
import {
  createTestClient,
  encodeFunctionData,
  type Hex,
  http,
  keccak256,
  type LocalAccount,
  type PublicClient,
  parseEther,
  stringToHex,
} from 'viem';
import type { AnchorRecord, AnchorStore } from './anchor-store.ts';
import { ChainEndpoints, type EndpointState, inWords } from './endpoints.ts';
import type { Intent, IntentStore } from './intent-store.ts';
import { takeAnchorProof } from './state-proof.ts';
import { rawBlockHash, TransactionSender } from './transactions.ts';

export interface KeeperOptions {
  /** Endpoints of the chain, the preferred one first. With several, what counts is asked of all. */
  rpcUrls: readonly string[];
  chainId: number;
  origin: string;
  /** Records checkpoints; pays the gas. Nothing else may send with this account. */
  anchorer: LocalAccount;
  /** The CheckpointAnchor contract. */
  contract: Hex;
  /** Deploys the contract and registers the log with this anchorer; called when the chain shows neither. */
  prepare: () => Promise<void>;
  store: AnchorStore;
  intents: IntentStore;
  nowMs: () => number;
  /** Least time between two anchors … */
  everyMs: number;
  /** … unless the log grew by so many entries since the last one. */
  everyEntries?: number;
  /** Blocks that must hold an anchor, its own included, before it counts; 1 unless told. */
  confirmations?: number;
  /** Blocks after which an anchor is final on a chain that has no `finalized` block; 64 unless told. */
  finalDepth?: number;
  /** Endpoints that must agree before an anchor is final; more than half of them unless told. */
  agreeing?: number;
  /** How often an idle keeper asks whether its newest anchor still stands; 15 s unless told. */
  recheckMs?: number;
  /** Pause between two looks while something is under way; 4 s unless told, 20 ms on a development chain. */
  pollMs?: number;
  /** Longest wait for an endpoint's answer; 5 s unless told. */
  timeoutMs?: number;
  /** Most that a unit of gas may cost. */
  maxFeePerGasWei?: bigint;
  /** A transaction that no block has taken for so long is replaced by a dearer one. */
  replaceAfterMs?: number;
  /** Gives the accounts gas by decree: possible, and meant, on a development chain only. */
  developmentChain: boolean;
  onAnchored?: (record: AnchorRecord) => void;
  /** Called once when something is wrong, again every hour while it lasts, and once when it is over. */
  onAlert?: (alert: KeeperAlert) => void;
}

/** What keeps a keeper from its work. */
export interface KeeperFault {
  code: ErrorCode;
  message: string;
  /** What to do. */
  next: string;
}

export interface KeeperAlert extends KeeperFault {
  chainId: number;
  recovered: boolean;
  /** Milliseconds since the epoch. */
  sinceMs: number;
}

export interface KeeperState {
  /**
   * Of the newest checkpoint that was submitted: `none`, nothing was; `pending`, it has too few confirmations;
   * `confirmed`, it has them; `final`, it cannot be undone any more. `down`: it waits, because of `lastError`.
   */
  status: 'none' | 'pending' | 'confirmed' | 'final' | 'down';
  chainId: number;
  contract: Hex;
  last: AnchorRecord | null;
  /** Size that waits to be anchored. */
  pendingSize: number | null;
  /** Largest size that is final. */
  finalSize: number | null;
  /** Pays for the anchors. */
  account: Hex;
  /** Decimal; null before the chain was asked. */
  balanceWei: string | null;
  /** In words. */
  nextAction: string;
  lastError: KeeperFault | null;
  endpoints: EndpointState[];
}

interface Checkpoint {
  size: number;
  root: Uint8Array;
}

const FIRST_BACKOFF_MS = 250;
const MAX_BACKOFF_MS = 15_000;
const RECHECK_MS = 15_000;
const POLL_MS = 4_000;
const DEVELOPMENT_POLL_MS = 20;
const REMIND_MS = 3_600_000;
const FINAL_DEPTH = 64;
/** How far back to look for the transaction of an anchor that an earlier run sent; many endpoints refuse more. */
const LOG_RANGE_BLOCKS = 1_000n;
const LEAST_DEVELOPMENT_BALANCE_WEI = parseEther('1');
const DEVELOPMENT_BALANCE_WEI = parseEther('1000');

/**
 * Keeps a log's newest checkpoint on a chain. Only the newest counts: it covers all before it. A chain that is
 * down, was reorganised or lost its state delays the anchor and nothing else; what the chain says is read again
 * before every transaction, and every transaction is written down before it is sent.
 */
export class AnchorKeeper {
  readonly contract: Hex;
  readonly #options: KeeperOptions;
  readonly #endpoints: ChainEndpoints;
  readonly #originId: Hex;
  readonly #pollMs: number;
  readonly #sender: TransactionSender;
  readonly #stop = new AbortController();
  #wanted: Checkpoint | null = null;
  /** Newest anchor that stands, as the store has it. */
  #last: AnchorRecord | null;
  #finalSize: number | null;
  #balanceWei: bigint | null = null;
  #fault: (KeeperFault & { sinceMs: number; remindMs: number }) | null = null;
  #failures = 0;
  #retryMs = 0;
  /** Largest size that was given to the chain. */
  #sentSize = 0;
  /** Something is on its way, so the chain is looked at often. */
  #underWay = false;
  #roundMs = Number.NEGATIVE_INFINITY;
  #nextAnchorMs = Number.NEGATIVE_INFINITY;
  #nextCheckMs = Number.NEGATIVE_INFINITY;
  #hurry = false;
  #wake: () => void = () => undefined;
  readonly #loop: Promise<void>;

  /** @throws ARGUMENT_INVALID when the endpoints are no URLs. */
  constructor(options: KeeperOptions) {
    const { origin, chainId, developmentChain, store } = options;
    this.#options = options;
    this.#endpoints = new ChainEndpoints(options);
    this.contract = options.contract.toLowerCase() as Hex;
    this.#originId = keccak256(stringToHex(origin));
    this.#pollMs = options.pollMs ?? (developmentChain ? DEVELOPMENT_POLL_MS : POLL_MS);
    this.#last = store.latest(origin, chainId);
    this.#finalSize = store.finalSize(origin, chainId);
    const { anchorer: account, intents, nowMs, maxFeePerGasWei, replaceAfterMs } = options;
    this.#sender = new TransactionSender({
      endpoints: this.#endpoints,
      account,
      store: intents,
      nowMs,
      pollMs: this.#pollMs,
      developmentChain,
      ...(maxFeePerGasWei === undefined ? {} : { maxFeePerGasWei }),
      ...(replaceAfterMs === undefined ? {} : { replaceAfterMs }),
    });
    this.#loop = this.#run();
  }

  /** Asks for a checkpoint to be anchored; a newer one replaces it. */
  submit(checkpoint: Checkpoint): void {
    if (this.#wanted && this.#wanted.size >= checkpoint.size) return;
    this.#wanted = checkpoint;
    this.#wake();
  }

  /** Anchors what was submitted without waiting for the interval; false when it did not get there in time. */
  async flush(timeoutMs: number): Promise<boolean> {
    this.#hurry = true;
    this.#wake();
    const deadline = performance.now() + timeoutMs;
    while (this.#pending() && performance.now() < deadline) await sleep(20);
    this.#hurry = false;
    return !this.#pending();
  }

  state(): KeeperState {
    const pending = this.#pending();
    const { chainId, anchorer } = this.#options;
    const { code, message, next } = this.#fault ?? {};
    return {
      status:
        this.#fault && this.#fault.code !== 'ENDPOINTS_DISAGREE'
          ? 'down'
          : pending
            ? 'pending'
            : !this.#last
              ? 'none'
              : this.#last.final && !this.#fault
                ? 'final'
                : 'confirmed',
      chainId,
      contract: this.contract,
      last: this.#last,
      pendingSize: pending ? this.#wanted!.size : null,
      finalSize: this.#finalSize,
      account: anchorer.address,
      balanceWei: this.#balanceWei === null ? null : `${this.#balanceWei}`,
      nextAction: this.#nextAction(),
      lastError: this.#fault && { code: code!, message: message!, next: next! },
      endpoints: this.#endpoints.states(),
    };
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.#wake();
    await this.#loop;
  }

  #pending(): boolean {
    return this.#wanted !== null && !isOf(this.#last, this.#wanted);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    const { nowMs } = this.#options;
    while (!signal.aborted) {
      const waitMs = this.#waitMs();
      if (waitMs > 0) {
        await this.#pause(waitMs);
        continue;
      }
      try {
        await this.#round();
        this.#recovered();
      } catch (error) {
        if (signal.aborted) return;
        this.#failed(error);
        this.#retryMs = nowMs() + Math.min(FIRST_BACKOFF_MS * 2 ** this.#failures++, MAX_BACKOFF_MS);
      }
      this.#roundMs = nowMs();
    }
  }

  /** Until something is to be done; never longer than its interval, because clocks are set back too. */
  #waitMs(): number {
    const nowMs = this.#options.nowMs();
    if (this.#fault) return Math.min(this.#retryMs - nowMs, this.#hurry ? FIRST_BACKOFF_MS : MAX_BACKOFF_MS);
    const { recheckMs = RECHECK_MS } = this.#options;
    const pollMs = Math.min(this.#roundMs + this.#pollMs - nowMs, this.#pollMs);
    if (this.#underWay) return pollMs;
    if (this.#due()) return 0;
    const anchorMs = this.#pending() ? this.#nextAnchorMs - nowMs : Number.POSITIVE_INFINITY;
    const checkMs = this.#last ? Math.min(this.#nextCheckMs - nowMs, recheckMs) : Number.POSITIVE_INFINITY;
    return Math.min(anchorMs, checkMs);
  }

  #due(): boolean {
    const { nowMs, everyEntries = Number.POSITIVE_INFINITY } = this.#options;
    return (
      this.#pending() &&
      (this.#hurry ||
        nowMs() >= this.#nextAnchorMs ||
        this.#wanted!.size - Math.max(this.#sentSize, this.#last?.size ?? 0) >= everyEntries)
    );
  }

  /** Waits, at most so long, for a submission, a flush or the end. */
  async #pause(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, Math.min(ms, 3_600_000));
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** One round: what was sent gets on, what was anchored still stands, what was submitted is sent when it is due. */
  async #round(): Promise<void> {
    const { nowMs, recheckMs = RECHECK_MS } = this.#options;
    await this.#endpoints.look();
    await this.#lookAtBalance();
    const finalBlock = await this.#finalBlock();
    const failures: unknown[] = [];
    const attempt = async (step: () => Promise<void>) => {
      await step().catch((error) => failures.push(error));
    };
    // A fee that is too high for one transaction says nothing about the anchors that stand, and the reverse.
    await attempt(() => this.#sender.tend(finalBlock));
    await attempt(async () => {
      await this.#dropOrphans();
      await this.#checkHeads();
      await this.#record();
      await this.#finalize(finalBlock);
    });
    this.#nextCheckMs = nowMs() + recheckMs;
    if (this.#due()) await attempt(() => this.#anchor(this.#wanted!));
    this.#underWay =
      this.#pending() &&
      (this.#sentSize > (this.#last?.size ?? 0) || this.#anchorIntents('pending').length > 0);
    if (failures.length > 0) throw failures[0];
  }

  async #anchor(checkpoint: Checkpoint): Promise<void> {
    const { nowMs, everyMs } = this.#options;
    // Only the newest counts, so one that waits for a block is waited for.
    if (this.#anchorIntents('pending').length > 0) return;
    await this.#ensureRegistered();
    if (!(await this.#isRecorded(checkpoint))) {
      const { size, root } = checkpoint;
      const key = `${this.#keyPrefix}${size}:${bytesToHex(root)}`;
      await this.#sender.submit({
        key,
        what: `to anchor size ${size}`,
        to: this.contract,
        data: encodeFunctionData({
          abi: SYSTEM.CheckpointAnchor.abi,
          functionName: 'anchor',
          args: [this.#originId, BigInt(size), hexOf(root)],
        }),
        // The chain said so once, and now denies it: then it is not what was called final.
        repeat: this.#sender.find(key)?.state === 'final',
      });
    }
    this.#sentSize = checkpoint.size;
    this.#nextAnchorMs = nowMs() + everyMs;
  }

  get #keyPrefix(): string {
    return `anchor:${this.contract}:${this.#originId}:`;
  }

  /** Anchors of this log that are in a state, newest first. */
  #anchorIntents(state: 'pending' | 'mined'): (Intent & Checkpoint)[] {
    return this.#sender
      .open()
      .filter((intent) => intent.state === state && intent.key.startsWith(this.#keyPrefix))
      .map((intent) => {
        const [size, root] = intent.key.slice(this.#keyPrefix.length).split(':');
        return { ...intent, size: Number(size), root: hexToBytes(root!) };
      })
      .sort((a, b) => b.size - a.size);
  }

  /** Takes the proof of the newest anchor that has its confirmations. */
  async #record(): Promise<void> {
    const { confirmations = 1 } = this.#options;
    const solidBlock = this.#endpoints.height - confirmations + 1;
    const lastSize = this.#last?.size ?? 0;
    const mined = this.#anchorIntents('mined').find(
      (intent) => intent.mined!.success && intent.mined!.blockNumber <= solidBlock && intent.size > lastSize,
    );
    if (mined) {
      const { blockNumber, hash, gasUsed } = mined.mined!;
      const recorded = await this.#endpoints.ask((client) => this.#headOf(client, BigInt(blockNumber)));
      if (!recorded || recorded.size < BigInt(mined.size)) {
        // A chain that lost its state took the transaction before it had the contract again.
        this.#sender.disown(mined);
        this.#sentSize = 0;
        this.#nextAnchorMs = Number.NEGATIVE_INFINITY;
        return;
      }
      const proof = await this.#proofAt(mined, blockNumber).catch(() => this.#proofAt(mined, solidBlock));
      await this.#keep(mined, proof, { transaction: hash, gasUsed: `${gasUsed}` });
    } else if (this.#pending() && solidBlock >= 0) {
      // Another run may have sent it and lost its notes: then only the proof is missing.
      const wanted = this.#wanted!;
      const recorded = await this.#endpoints.ask((client) => this.#headOf(client, BigInt(solidBlock)));
      if (recorded?.size !== BigInt(wanted.size) || recorded.root !== hexOf(wanted.root)) return;
      const proof = await this.#proofAt(wanted, solidBlock);
      await this.#keep(wanted, proof, { transaction: await this.#earlierTransaction(wanted), gasUsed: null });
    }
  }

  async #proofAt(checkpoint: Checkpoint, blockNumber: number): Promise<AnchorProof> {
    const { chainId, origin, developmentChain } = this.#options;
    const take = (block: bigint) => {
      const place = { chainId, contract: this.contract, blockNumber: block };
      return this.#endpoints.ask((client) => takeAnchorProof(client, { origin, ...checkpoint }, place));
    };
    try {
      return await take(BigInt(blockNumber));
    } catch (error) {
      if (!developmentChain || (error as AssayError).code !== 'ANCHOR_PROOF_INVALID') throw error;
      // Balances are set from outside there, between two blocks: the block before has no proofs then, the next has.
      await this.#developmentClient().mine({ blocks: 1 });
      return take(await this.#endpoints.ask((client) => client.getBlockNumber()));
    }
  }

  async #keep(
    { size, root }: Checkpoint,
    proof: AnchorProof,
    sent: Pick<AnchorRecord, 'transaction' | 'gasUsed'>,
  ): Promise<void> {
    const { origin, store, nowMs, onAnchored } = this.#options;
    // The chain may have lost its state since the round began; then the anchors before this one went with it.
    await this.#dropOrphans();
    await this.#stands(proof, size);
    const anchoredAt = `${new Date(nowMs()).toISOString().slice(0, 19)}Z`;
    const record: AnchorRecord = { origin, size, root: bytesToHex(root), anchoredAt, ...sent, proof };
    store.add(record);
    this.#last = record;
    onAnchored?.(record);
  }

  /** A reorganisation, or a lost state, takes the newest blocks: look from the newest anchor backwards. */
  async #dropOrphans(): Promise<void> {
    const { store, origin, chainId, developmentChain } = this.#options;
    while (this.#last && !(await this.#stands(this.#last.proof, this.#last.size))) {
      const { proof, size, final } = this.#last;
      store.orphan(origin, chainId, proof.blockNumber);
      this.#last = store.latest(origin, chainId);
      this.#finalSize = store.finalSize(origin, chainId);
      this.#nextAnchorMs = Number.NEGATIVE_INFINITY;
      this.#sentSize = 0;
      if (final && !developmentChain) {
        throw new AssayError(
          'FINALITY_BROKEN',
          `chain ${chainId} no longer has block ${proof.blockNumber}, which it called final with size ${size}`,
          { next: 'check the endpoints; the checkpoint is anchored again' },
        );
      }
    }
  }

  /**
   * Whether a block is the chain's, as all endpoints see it. One that does not have the height yet says nothing; only
   * a development chain becomes shorter.
   *
   * @throws ENDPOINTS_DISAGREE when one has the block and another has a different one, CHAIN_UNAVAILABLE when all are
   *   behind it.
   */
  async #stands({ blockNumber, blockHash }: AnchorProof, size: number): Promise<boolean> {
    const { chainId, developmentChain } = this.#options;
    const answers = await this.#endpoints.askAll((client) => rawBlockHash(client, blockNumber));
    if (answers.length === 0) throw this.#silent();
    const agreeing = answers.filter(({ answer }) => answer === blockHash);
    const denying = answers.filter(({ answer }) => answer !== null && answer !== blockHash);
    if (agreeing.length > 0 && denying.length > 0) {
      throw disagreement(
        `about block ${blockNumber}, which holds size ${size}: ${namesOf(agreeing)} has ${blockHash}, ${denying
          .map(({ url, answer }) => `${url} has ${answer}`)
          .join(', ')}`,
      );
    }
    if (agreeing.length === 0 && denying.length === 0 && !developmentChain) {
      throw new AssayError(
        'CHAIN_UNAVAILABLE',
        `the endpoints of chain ${chainId} that answer are behind block ${blockNumber}, which holds size ${size}`,
        { next: 'nothing: it goes on when they have caught up' },
      );
    }
    return agreeing.length > 0;
  }

  /** @throws ENDPOINTS_DISAGREE when one does not show the newest anchor in the contract. */
  async #checkHeads(): Promise<void> {
    if (!this.#last || this.#endpoints.count === 1) return;
    const { size, root, proof } = this.#last;
    const heights = new Map(this.#endpoints.states().map(({ url, blockNumber }) => [url, blockNumber]));
    const answers = await this.#endpoints.askAll((client) => this.#headOf(client));
    const denying = answers.filter(
      ({ url, answer }) =>
        (heights.get(url) ?? 0) >= proof.blockNumber &&
        (!answer ||
          answer.size < BigInt(size) ||
          (answer.size === BigInt(size) && answer.root !== `0x${root}`)),
    );
    if (denying.length === 0) return;
    throw disagreement(
      `about the contract ${this.contract}: size ${size} is proved to be recorded, ${denying
        .map(({ url, answer }) => `${url} shows size ${answer?.size ?? 0} with the root ${answer?.root}`)
        .join(', ')}`,
    );
  }

  /** Notes which anchors are final: enough endpoints must call a block final that holds them, and none deny it. */
  async #finalize(finalBlock: number): Promise<void> {
    const { store, origin, chainId } = this.#options;
    const { agreeing = Math.floor(this.#endpoints.count / 2) + 1 } = this.#options;
    const newest = store.latest(origin, chainId, finalBlock);
    if (!newest || newest.final) return;
    const { blockNumber, blockHash } = newest.proof;
    if (!(await this.#stands(newest.proof, newest.size))) return;
    const answers = await this.#endpoints.askAll(
      async (client) =>
        (await rawBlockHash(client, blockNumber)) === blockHash &&
        (await this.#finalHeight(client)) >= blockNumber,
    );
    if (answers.filter(({ answer }) => answer).length < agreeing) return;
    store.finalize(origin, chainId, newest.size, this.#finalSize ?? 0);
    this.#finalSize = newest.size;
    this.#last = store.latest(origin, chainId);
  }

  /** The block that every endpoint which answers calls final. */
  async #finalBlock(): Promise<number> {
    const answers = await this.#endpoints.askAll((client) => this.#finalHeight(client));
    return answers.length === 0 ? 0 : Math.min(...answers.map(({ answer }) => answer));
  }

  async #finalHeight(client: PublicClient): Promise<number> {
    const { finalDepth = FINAL_DEPTH } = this.#options;
    const latest = Number(await client.getBlockNumber());
    const tagged = await client.getBlock({ blockTag: 'finalized' }).catch((error) => {
      // A chain that does not know the tag has no such block; a silent endpoint has no say.
      if (/HTTP request failed|took too long/.test(String(error))) throw error;
      return null;
    });
    return tagged ? Math.min(Number(tagged.number), latest) : Math.max(0, latest - finalDepth);
  }

  async #ensureRegistered(): Promise<void> {
    const { prepare, origin, anchorer, chainId } = this.#options;
    if (await this.#isRegistered()) return;
    await prepare();
    if (await this.#isRegistered()) return;
    throw new AssayError(
      'LOG_NOT_REGISTERED',
      `the contract ${this.contract} on chain ${chainId} does not name ${anchorer.address} as the anchorer of ${origin}`,
      { next: 'have the log registered there; anchoring goes on by itself' },
    );
  }

  #isRegistered(): Promise<boolean> {
    const { anchorer } = this.#options;
    return this.#endpoints.ask(async (client) => {
      if (!(await client.getCode({ address: this.contract }))) return false;
      const named = await client.readContract({
        address: this.contract,
        abi: SYSTEM.CheckpointAnchor.abi,
        functionName: 'anchorerOf',
        args: [this.#originId],
      });
      return named === anchorer.address;
    });
  }

  /** What the contract records; null where there is no contract. */
  async #headOf(client: PublicClient, blockNumber?: bigint): Promise<{ root: Hex; size: bigint } | null> {
    const at = blockNumber === undefined ? {} : { blockNumber };
    if (!(await client.getCode({ address: this.contract, ...at }))) return null;
    const [root, size] = await client.readContract({
      address: this.contract,
      abi: SYSTEM.CheckpointAnchor.abi,
      functionName: 'head',
      args: [this.#originId],
      ...at,
    });
    return { root, size };
  }

  /** Whether the chain's head is this checkpoint already. @throws ANCHOR_CONFLICT when it contradicts it. */
  async #isRecorded({ size, root }: Checkpoint): Promise<boolean> {
    const recorded = await this.#endpoints.ask((client) => this.#headOf(client));
    if (!recorded || recorded.size < BigInt(size)) return false;
    if (recorded.size === BigInt(size) && recorded.root === hexOf(root)) return true;
    throw new AssayError(
      'ANCHOR_CONFLICT',
      recorded.size > BigInt(size)
        ? `the chain records size ${recorded.size} of ${this.#options.origin}, the log shows only ${size}`
        : `the chain records the root ${recorded.root} at size ${size}, the log shows ${hexOf(root)}`,
      { next: 'the log lost or rewrote entries that were anchored: restore it from a backup' },
    );
  }

  /** The transaction of an anchor that an earlier run sent; null when the endpoint does not tell. */
  async #earlierTransaction({ size }: Checkpoint): Promise<Hex | null> {
    try {
      const latest = BigInt(this.#endpoints.height);
      const events = await this.#endpoints.ask((client) =>
        client.getContractEvents({
          address: this.contract,
          abi: SYSTEM.CheckpointAnchor.abi,
          eventName: 'CheckpointAnchored',
          args: { originId: this.#originId, size: BigInt(size) },
          fromBlock: latest > LOG_RANGE_BLOCKS ? latest - LOG_RANGE_BLOCKS : 0n,
          toBlock: latest,
        }),
      );
      return events.at(-1)?.transactionHash ?? null;
    } catch {
      return null;
    }
  }

  async #lookAtBalance(): Promise<void> {
    const { developmentChain } = this.#options;
    const { address } = this.#sender;
    this.#balanceWei = await this.#endpoints.ask((client) => client.getBalance({ address }));
    if (!developmentChain || this.#balanceWei >= LEAST_DEVELOPMENT_BALANCE_WEI) return;
    await this.#developmentClient().setBalance({ address, value: DEVELOPMENT_BALANCE_WEI });
    this.#balanceWei = DEVELOPMENT_BALANCE_WEI;
  }

  #developmentClient() {
    const transport = http(this.#options.rpcUrls[0], { retryCount: 0 });
    return createTestClient({ mode: 'anvil', transport });
  }

  #nextAction(): string {
    const { nowMs, confirmations = 1, everyEntries } = this.#options;
    if (this.#fault) {
      const seconds = Math.ceil(Math.max(0, this.#retryMs - nowMs()) / 1000);
      return `tries again ${seconds === 0 ? 'now' : `in ${seconds} s`}`;
    }
    if (this.#pending()) {
      const { size } = this.#wanted!;
      const [waiting] = this.#anchorIntents('pending');
      if (waiting) {
        const times = waiting.attempts.length;
        const dearer = times > 1 ? `, whose fee was raised ${times - 1} times,` : '';
        return `waits for a block to take transaction ${waiting.nonce}${dearer} with size ${waiting.size}`;
      }
      const [mined] = this.#anchorIntents('mined');
      if (mined && mined.size > (this.#last?.size ?? 0)) {
        const has = this.#endpoints.height - mined.mined!.blockNumber + 1;
        return `waits for confirmations of size ${mined.size}: ${has} of ${confirmations} blocks`;
      }
      const seconds = Math.ceil(Math.max(0, this.#nextAnchorMs - nowMs()) / 1000);
      const sooner = everyEntries === undefined ? '' : `, sooner when it grew by ${everyEntries} entries`;
      return seconds === 0 ? `anchors size ${size} now` : `anchors size ${size} in ${seconds} s${sooner}`;
    }
    if (!this.#last) return 'waits for the first checkpoint';
    if (!this.#last.final) return `waits for block ${this.#last.proof.blockNumber} to become final`;
    return 'waits for a new checkpoint';
  }

  #failed(error: unknown): void {
    const { nowMs, onAlert, chainId } = this.#options;
    const known = error instanceof AssayError;
    const fault: KeeperFault = {
      code: known ? error.code : 'CHAIN_UNAVAILABLE',
      message: known ? error.message : inWords(error),
      next: (known ? error.next : undefined) ?? 'nothing: the chain is asked again',
    };
    if (this.#fault?.code !== fault.code) {
      this.#recovered();
      this.#fault = { ...fault, sinceMs: nowMs(), remindMs: nowMs() + REMIND_MS };
    } else {
      Object.assign(this.#fault, fault);
      if (nowMs() < this.#fault.remindMs) return;
      this.#fault.remindMs = nowMs() + REMIND_MS;
    }
    onAlert?.({ ...fault, chainId, recovered: false, sinceMs: this.#fault.sinceMs });
  }

  #recovered(): void {
    const { onAlert, chainId } = this.#options;
    const fault = this.#fault;
    this.#fault = null;
    if (!fault) return;
    this.#failures = 0;
    const { code, sinceMs } = fault;
    const message = `over: ${fault.message}`;
    onAlert?.({ code, message, next: 'nothing', chainId, recovered: true, sinceMs });
  }

  #silent(): AssayError {
    const { chainId } = this.#options;
    return new AssayError('CHAIN_UNAVAILABLE', `no endpoint of chain ${chainId} answers`, {
      next: 'nothing: it is asked again',
    });
  }
}

function disagreement(message: string): AssayError {
  return new AssayError('ENDPOINTS_DISAGREE', `the endpoints disagree ${message}`, {
    next: 'find out which endpoint is right and remove the other; until they agree nothing new counts as final',
  });
}

function namesOf(answers: readonly { url: string }[]): string {
  return answers.map(({ url }) => url).join(', ');
}

function isOf(record: AnchorRecord | null, { size, root }: Checkpoint): boolean {
  return record?.size === size && record.root === bytesToHex(root);
}

function hexOf(bytes: Uint8Array): Hex {
  return `0x${bytesToHex(bytes)}`;
}
