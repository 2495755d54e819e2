import { DatabaseSync } from 'node:sqlite';
import type { Hex } from 'viem';

/** One signed form of an intent's transaction. All forms of an intent have the same nonce, so at most one counts. */
export interface Attempt {
  hash: Hex;
  /** Signed and serialised: the bytes that are sent, again after a crash. */
  raw: Hex;
  maxFeePerGasWei: bigint;
  priorityFeePerGasWei: bigint;
}

/** Where an intent's transaction lies in the chain. */
export interface Mined {
  blockNumber: number;
  blockHash: Hex;
  hash: Hex;
  gasUsed: bigint;
  /** False when the call was undone by the contract; the nonce is used all the same. */
  success: boolean;
}

/**
 * A transaction that shall happen exactly once. `pending`: not in a block. `mined`: in a block that a reorganisation
 * may take. `final`: in one that it may not. `superseded`: somebody else used its nonce, for good.
 */
export interface Intent {
  id: number;
  chainId: number;
  account: Hex;
  nonce: number;
  /** Names the purpose; while one intent of a purpose is open, there is no second one. */
  key: string;
  /** In words, for people. */
  what: string;
  to: Hex;
  data: Hex;
  valueWei: bigint;
  gas: bigint;
  /** Oldest first; never empty. */
  attempts: Attempt[];
  state: 'pending' | 'mined' | 'final' | 'superseded';
  mined: Mined | null;
  createdAtMs: number;
  /** When the newest attempt was made. */
  attemptedAtMs: number;
}

/** So many closed intents are kept for each account: enough to answer for a purpose that is asked for again. */
const CLOSED_KEPT = 1_000;

/**
 * Keeps intents. Every call is durable when it returns, and atomic: a nonce belongs to one intent even when two
 * processes share the file.
 */
export class IntentStore {
  readonly #db: DatabaseSync;

  constructor(path: string) {
    this.#db = new DatabaseSync(path, { timeout: 5000 });
    this.#db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
      CREATE TABLE IF NOT EXISTS intents (
        id INTEGER PRIMARY KEY, chain_id INTEGER NOT NULL, account TEXT NOT NULL, nonce INTEGER NOT NULL,
        key TEXT NOT NULL, state TEXT NOT NULL, block_number INTEGER, content TEXT NOT NULL,
        UNIQUE (chain_id, account, nonce)
      );
      CREATE INDEX IF NOT EXISTS intents_by_key ON intents (chain_id, account, key, id);
      CREATE INDEX IF NOT EXISTS intents_by_state ON intents (chain_id, account, state, nonce);
      CREATE TABLE IF NOT EXISTS chains (chain_id INTEGER PRIMARY KEY, genesis TEXT NOT NULL)`);
  }

  /** Keeps a new intent. @throws when its nonce is taken. */
  add(intent: Omit<Intent, 'id'>): Intent {
    const { chainId, account, nonce, key, state, mined } = intent;
    const { lastInsertRowid } = this.#db
      .prepare(
        'INSERT INTO intents (chain_id, account, nonce, key, state, block_number, content) VALUES (?, ?, ?, ?, ?, ?, ?)',
      )
      .run(chainId, account, nonce, key, state, mined?.blockNumber ?? null, write(intent));
    return { ...intent, id: Number(lastInsertRowid) };
  }

  update(intent: Intent): void {
    this.#db
      .prepare('UPDATE intents SET state = ?, block_number = ?, content = ? WHERE id = ?')
      .run(intent.state, intent.mined?.blockNumber ?? null, write(intent), intent.id);
  }

  /** Closes what lies in or below a final block, and forgets closed ones that are very old. */
  finalize(chainId: number, account: Hex, upToBlock: number): void {
    this.#db
      .prepare(
        `UPDATE intents SET state = 'final' WHERE chain_id = ? AND account = ? AND state = 'mined' AND block_number <= ?`,
      )
      .run(chainId, account, upToBlock);
    this.#db
      .prepare(
        `DELETE FROM intents WHERE chain_id = ? AND account = ? AND state IN ('final', 'superseded')
         AND nonce < (SELECT max(nonce) FROM intents WHERE chain_id = ? AND account = ?) - ?`,
      )
      .run(chainId, account, chainId, account, CLOSED_KEPT);
  }

  /** The newest intent of a purpose. */
  latest(chainId: number, account: Hex, key: string): Intent | null {
    return (
      this.#read(
        'chain_id = ? AND account = ? AND key = ? ORDER BY id DESC LIMIT 1',
        chainId,
        account,
        key,
      )[0] ?? null
    );
  }

  /** Intents that wait for a block, or for theirs to become final; by nonce. */
  open(chainId: number, account: Hex): Intent[] {
    return this.#read(
      `chain_id = ? AND account = ? AND state IN ('pending', 'mined') ORDER BY nonce`,
      chainId,
      account,
    );
  }

  /** Every intent that is kept, by nonce. */
  list(chainId: number, account: Hex): Intent[] {
    return this.#read('chain_id = ? AND account = ? ORDER BY nonce', chainId, account);
  }

  /** The first nonce that no intent has. */
  nextNonce(chainId: number, account: Hex): number {
    const row = this.#db
      .prepare('SELECT coalesce(max(nonce) + 1, 0) AS next FROM intents WHERE chain_id = ? AND account = ?')
      .get(chainId, account);
    return Number(row!.next);
  }

  /** Forgets intents from a nonce on: for a development chain that lost its state. */
  forget(chainId: number, account: Hex, fromNonce: number): void {
    this.#db
      .prepare('DELETE FROM intents WHERE chain_id = ? AND account = ? AND nonce >= ?')
      .run(chainId, account, fromNonce);
  }

  /** Hash of the chain's first block when it was first used; the one given is kept when there is none. */
  genesis(chainId: number, hash: Hex): Hex {
    this.#db.prepare('INSERT OR IGNORE INTO chains VALUES (?, ?)').run(chainId, hash);
    return this.#db.prepare('SELECT genesis FROM chains WHERE chain_id = ?').get(chainId)!.genesis as Hex;
  }

  /** Another chain took the chain's place, as only a development chain's may: forgets all of it. */
  reset(chainId: number, hash: Hex): void {
    this.#db.prepare('DELETE FROM intents WHERE chain_id = ?').run(chainId);
    this.#db.prepare('INSERT OR REPLACE INTO chains VALUES (?, ?)').run(chainId, hash);
  }

  close(): void {
    this.#db.close();
  }

  #read(where: string, ...values: (string | number)[]): Intent[] {
    const rows = this.#db.prepare(`SELECT id, state, content FROM intents WHERE ${where}`).all(...values);
    return rows.map((row) => ({
      ...(JSON.parse(row.content as string, reviveBigint) as Intent),
      id: Number(row.id),
      // Finality is written without the content.
      state: row.state as Intent['state'],
    }));
  }
}

/** Amounts are written as {"wei": "…"}: JSON's numbers are too short for them. */
function write(intent: Omit<Intent, 'id'>): string {
  return JSON.stringify(intent, (_, value) => (typeof value === 'bigint' ? { wei: `${value}` } : value));
}

function reviveBigint(_: string, value: unknown): unknown {
  return value !== null && typeof value === 'object' && 'wei' in value ? BigInt(value.wei as string) : value;
}
