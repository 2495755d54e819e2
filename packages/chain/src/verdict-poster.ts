import { DatabaseSync } from 'node:sqlite';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { type Committee, SYSTEM } from '@assay/contracts';
import { leafHash, merkleTree } from '@assay/core';
import {
  bytesToHex,
  createPublicClient,
  encodeAbiParameters,
  encodeFunctionData,
  getAbiItem,
  type Hex,
  hashTypedData,
  hexToBytes,
  http,
  keccak256,
  type PrivateKeyAccount,
  parseSignature,
  signatureToCompactSignature,
} from 'viem';
import { type ContractsFile, openLine } from './economy.ts';

/** A verdict in the log, as the chain needs it. */
export interface LoggedVerdict {
  /** Of the verdict's statement in the log. */
  index: number;
  /** SHA-256 of the data contract. */
  contractDigest: Hex;
  /** Id of the observation. */
  subject: Hex;
  providerId: Hex;
  /** Leaf hash of the verdict's statement. */
  statement: Hex;
  decision: 1 | 2 | 3;
  level: number;
}

/** Proves one verdict to VerdictCourt: what `assay challenge`, `assay settle` and `finalise` take. */
export interface VerdictProof {
  batch: { contractDigest: Hex; root: Hex; count: string; madeAt: number };
  verdict: { subject: Hex; providerId: Hex; statement: Hex; decision: number; level: number };
  index: string;
  path: Hex[];
}

const MOST_IN_A_BATCH = 1_000;
const MAX_AGE_SECONDS = 3 * 86_400 - 3_600;
const FIRST_BACKOFF_MS = 500;
const MAX_BACKOFF_MS = 30_000;
/** How VerdictCourt writes decisions. */
export const DECISION_CODES = { accept: 1, flag: 2, reject: 3 } as const;

/** EIP-712 type of what the committee signs (VerdictCourt.BATCH_TYPEHASH). */
const BATCH_TYPE = [
  { name: 'contractDigest', type: 'bytes32' },
  { name: 'root', type: 'bytes32' },
  { name: 'count', type: 'uint64' },
  { name: 'madeAt', type: 'uint48' },
  { name: 'epoch', type: 'uint64' },
] as const;

export interface PosterOptions {
  /** SQLite database of what is in which batch. */
  file: string;
  /** The contracts; rejects while they are not there. */
  place: () => Promise<ContractsFile>;
  /** Logged verdicts after an index, in order, and how far was looked; null when there is nothing new. */
  verdictsAfter: (index: number, most: number) => { verdicts: LoggedVerdict[]; readUpTo: number | null };
  committee: Committee;
  /** Members of the committee whose keys are here, in its order. */
  verifiers: readonly PrivateKeyAccount[];
  /** Pays the gas. */
  sender: PrivateKeyAccount;
  everyMs: number;
  nowMs: () => number;
  developmentChain: boolean;
}

interface StoredBatch {
  n: number;
  contract: Hex;
  root: Hex;
  count: number;
  made_at: number;
}

/**
 * Brings verdicts onto the chain, many in one transaction: a batch is the RFC 6962 root over the verdicts, signed
 * by the committee. What is in which batch is durable before anything is sent, so that after a crash the same
 * batch is sent again and no verdict is left out or posted twice.
 */
export class VerdictPoster {
  readonly #options: PosterOptions;
  readonly #db: DatabaseSync;
  readonly #stop = new AbortController();
  #lastError: string | null = null;
  readonly #running: Promise<void>;

  constructor(options: PosterOptions) {
    this.#options = options;
    this.#db = new DatabaseSync(options.file, { timeout: 5000 });
    this.#db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
      CREATE TABLE IF NOT EXISTS batches (
        n INTEGER PRIMARY KEY, contract TEXT NOT NULL, root TEXT NOT NULL, count INTEGER NOT NULL,
        made_at INTEGER NOT NULL, posted INTEGER NOT NULL DEFAULT 0
      );
      CREATE TABLE IF NOT EXISTS members (
        log_index INTEGER PRIMARY KEY, batch INTEGER NOT NULL, place INTEGER NOT NULL, subject TEXT NOT NULL,
        leaf BLOB NOT NULL, verdict TEXT NOT NULL
      );
      CREATE INDEX IF NOT EXISTS members_batch ON members (batch, place);
      CREATE INDEX IF NOT EXISTS members_subject ON members (subject);
      CREATE TABLE IF NOT EXISTS cursor (read_up_to INTEGER NOT NULL);
    `);
    this.#running = this.#run();
  }

  /** Proof of the verdict on an observation; null when none is in a batch yet. */
  proof(subject: Hex): { proof: VerdictProof; posted: boolean } | null {
    const row = this.#db
      .prepare(
        `SELECT m.batch, m.place, m.verdict, b.contract, b.root, b.count, b.made_at, b.posted
         FROM members m JOIN batches b ON b.n = m.batch WHERE m.subject = ? ORDER BY m.log_index LIMIT 1`,
      )
      .get(subject) as Record<string, string | number> | undefined;
    if (!row) return null;
    const leaves = this.#db
      .prepare('SELECT leaf FROM members WHERE batch = ? ORDER BY place')
      .all(row.batch!) as { leaf: Uint8Array }[];
    const path = merkleTree(leaves.map(({ leaf }) => leaf)).path(row.place as number);
    return {
      proof: {
        batch: {
          contractDigest: row.contract as Hex,
          root: row.root as Hex,
          count: String(row.count),
          madeAt: row.made_at as number,
        },
        verdict: JSON.parse(row.verdict as string),
        index: String(row.place),
        path: path.map((hash) => bytesToHex(hash)),
      },
      posted: row.posted === 1,
    };
  }

  state(): { posted: number; waiting: number; lastError: string | null } {
    const { posted, waiting } = this.#db
      .prepare(
        'SELECT coalesce(sum(CASE posted WHEN 1 THEN count END), 0) AS posted, coalesce(sum(CASE posted WHEN 0 THEN count END), 0) AS waiting FROM batches',
      )
      .get() as { posted: number; waiting: number };
    return { posted, waiting, lastError: this.#lastError };
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    this.#db.close();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    for (let failures = 0; !signal.aborted; ) {
      let waitMs = this.#options.everyMs;
      try {
        await this.#round();
        failures = 0;
        this.#lastError = null;
      } catch (error) {
        this.#lastError = (error as { shortMessage?: string }).shortMessage ?? (error as Error).message;
        waitMs = Math.min(FIRST_BACKOFF_MS * 2 ** failures++, MAX_BACKOFF_MS);
      }
      await sleep(waitMs, undefined, { signal }).catch(() => undefined);
    }
  }

  async #round(): Promise<void> {
    const place = await this.#options.place();
    await this.#forgetLost(place);
    // Everything that is there: a fixed number a round would fall behind a log that grows faster.
    while (this.#gather() && !this.#stop.signal.aborted) await setImmediate();
    for (;;) {
      const next = this.#db.prepare('SELECT * FROM batches WHERE posted = 0 ORDER BY n LIMIT 1').get() as
        | StoredBatch
        | undefined;
      if (!next || this.#stop.signal.aborted) return;
      await this.#post(place, next);
    }
  }

  /** A development chain may come back without its state: then what was posted there is posted again. */
  async #forgetLost(place: ContractsFile): Promise<void> {
    const newest = this.#db.prepare('SELECT * FROM batches WHERE posted = 1 ORDER BY n DESC LIMIT 1').get() as
      | StoredBatch
      | undefined;
    if (newest && !(await isPosted(place, batchOf(newest)))) this.#db.exec('UPDATE batches SET posted = 0');
  }

  /**
   * Puts verdicts that are in no batch yet into one for each data contract, in one transaction.
   *
   * @returns whether there was anything; false means that all are in batches.
   */
  #gather(): boolean {
    const cursor = this.#db.prepare('SELECT read_up_to FROM cursor').get() as
      | { read_up_to: number }
      | undefined;
    const { verdicts, readUpTo } = this.#options.verdictsAfter(cursor?.read_up_to ?? -1, MOST_IN_A_BATCH);
    if (readUpTo === null) return false;
    const madeAt = Math.floor(this.#options.nowMs() / 1000);
    this.#db.exec('BEGIN IMMEDIATE');
    try {
      for (const [contract, members] of Map.groupBy(verdicts, ({ contractDigest }) => contractDigest)) {
        const leaves = members.map((verdict) => leafHash(hexToBytes(encodedVerdict(verdict))));
        const { lastInsertRowid } = this.#db
          .prepare('INSERT INTO batches (contract, root, count, made_at) VALUES (?, ?, ?, ?)')
          .run(contract, bytesToHex(merkleTree(leaves).root), members.length, madeAt);
        members.forEach(({ index, contractDigest: _, ...verdict }, at) => {
          this.#db
            .prepare(
              'INSERT INTO members (log_index, batch, place, subject, leaf, verdict) VALUES (?, ?, ?, ?, ?, ?)',
            )
            .run(index, lastInsertRowid, at, verdict.subject, leaves[at]!, JSON.stringify(verdict));
        });
      }
      this.#db.exec('DELETE FROM cursor');
      this.#db.prepare('INSERT INTO cursor VALUES (?)').run(readUpTo);
      this.#db.exec('COMMIT');
      return true;
    } catch (error) {
      this.#db.exec('ROLLBACK');
      throw error;
    }
  }

  async #post(place: ContractsFile, stored: StoredBatch): Promise<void> {
    const { verifiers, committee, sender, developmentChain, nowMs } = this.#options;
    const nowSeconds = Math.floor(nowMs() / 1000);
    if (!(await isPosted(place, batchOf(stored)))) {
      // The court refuses what was decided too long ago; the committee then decides it anew.
      if (nowSeconds - stored.made_at > MAX_AGE_SECONDS) {
        this.#db.prepare('UPDATE batches SET made_at = ? WHERE n = ?').run(nowSeconds, stored.n);
        stored.made_at = nowSeconds;
      }
      const { send, fund } = openLine(place.rpcUrl, sender);
      if (developmentChain) await fund();
      const batch = batchOf(stored);
      const digest = hashTypedData({
        domain: {
          name: 'Assay VerdictCourt',
          version: '1',
          chainId: place.chainId,
          verifyingContract: place.addresses.VerdictCourt!,
        },
        types: { VerdictBatch: BATCH_TYPE },
        primaryType: 'VerdictBatch',
        message: { ...batch, epoch: committee.epoch },
      });
      const signatures = await signaturesOf(verifiers, committee, digest);
      await send('a batch of verdicts', {
        to: place.addresses.VerdictCourt!,
        data: encodeFunctionData({
          abi: SYSTEM.VerdictCourt.abi,
          functionName: 'post',
          args: [batch, committee, signatures],
        }),
      });
    }
    this.#db.prepare('UPDATE batches SET posted = 1 WHERE n = ?').run(stored.n);
  }
}

/** Signatures by those members of a committee whose keys are given, as Quorum.sol takes them. */
export async function signaturesOf(
  accounts: readonly PrivateKeyAccount[],
  committee: Committee,
  digest: Hex,
): Promise<{ signers: bigint; rvs: readonly (readonly [Hex, Hex])[] }> {
  let signers = 0n;
  const rvs: [Hex, Hex][] = [];
  for (const [place, member] of committee.members.entries()) {
    const account = accounts.find(({ address }) => address === member);
    if (!account) continue;
    const { r, yParityAndS } = signatureToCompactSignature(
      parseSignature(await account.sign({ hash: digest })),
    );
    signers |= 1n << BigInt(place);
    rvs.push([r, yParityAndS]);
  }
  return { signers, rvs };
}

function batchOf({ contract, root, count, made_at }: StoredBatch) {
  return { contractDigest: contract, root, count: BigInt(count), madeAt: made_at };
}

async function isPosted(place: ContractsFile, batch: ReturnType<typeof batchOf>): Promise<boolean> {
  const client = createPublicClient({ transport: http(place.rpcUrl, { retryCount: 0, timeout: 10_000 }) });
  const [batchType] = getAbiItem({ abi: SYSTEM.VerdictCourt.abi, name: 'post' }).inputs;
  const until = await client.readContract({
    address: place.addresses.VerdictCourt!,
    abi: SYSTEM.VerdictCourt.abi,
    functionName: 'challengeableUntil',
    args: [keccak256(encodeAbiParameters([batchType], [batch]))],
  });
  return until > 0;
}

/** What a leaf hashes: abi.encode of the contract's Verdict. */
function encodedVerdict({ subject, providerId, statement, decision, level }: LoggedVerdict): Hex {
  const [proofType] = getAbiItem({ abi: SYSTEM.VerdictCourt.abi, name: 'finalise' }).inputs;
  return encodeAbiParameters(
    [proofType.components[1]],
    [{ subject, providerId, statement, decision, level }],
  );
}
