import { AssayError, type Decimal, fromScaled } from '@assay/core';
import { type Address, decodeEventLog, type Hex, type Log, type PublicClient, parseAbi } from 'viem';
import { instantOf } from '../streams.ts';
import { collectRows, DAY_MS, type MarketRows } from './market-rows.ts';

/** A token on an EVM chain, and the pools whose trades count as its own. */
export interface ChainToken {
  asset: string;
  address: Address;
  /** Block of its creation: who holds it can only be known from there on. Without it, holders stay unknown. */
  deployedBlock?: bigint | undefined;
  pools?: readonly ChainPool[] | undefined;
}

export interface ChainPool {
  address: Address;
  kind: 'uniswap-v2' | 'uniswap-v3';
  /** Which of the pool's two tokens is a dollar stablecoin: the trades' worth is read from it. */
  dollar: 0 | 1;
  dollarDecimals: number;
}

/** What happened in one pool in a day, beside the activity rows. */
export interface PoolDay {
  time: string;
  asset: string;
  pool: Address;
  swaps: number;
  volumeUsd: Decimal;
  /** Reserves after the last event (v2), in the tokens' smallest units; null before the first one. */
  reserves: [Decimal, Decimal] | null;
  /** Liquidity in range after the last swap (v3). */
  liquidity: Decimal | null;
}

/** Where reading has come to; plain JSON, so that it can be kept between runs. */
export interface ChainActivityState {
  nextBlock: string;
  /** Hash of the block before `nextBlock`: another one means that the chain was rewritten below what was final. */
  hash: string;
  /** Balances by token and address in decimal digits; null for a token whose holders are not known. */
  balances: Record<string, Record<string, string> | null>;
  /** Last known state of each pool. */
  pools: Record<string, { reserves: [string, string] | null; liquidity: string | null }>;
}

export interface ChainActivityOptions {
  /** `<chain>.activity.1d` is the stream. */
  chain: string;
  client: Pick<PublicClient, 'getBlock' | 'getLogs' | 'getBlockNumber'>;
  tokens: readonly ChainToken[];
  fromMs: number;
  toMs: number;
  state?: ChainActivityState | undefined;
  /** How many blocks must follow one; without it, the chain's own `finalized` block is the last that is read. */
  confirmations?: number | undefined;
  /** Blocks of one request, to begin with. */
  blocksPerRequest?: number | undefined;
  /** Addresses of one token that are followed; one that has more loses its holders, not its other figures. */
  maxHolders?: number | undefined;
  signal?: AbortSignal | undefined;
}

export interface ChainActivity extends MarketRows {
  pools: PoolDay[];
  /** Distinct transactions that made a token's contract speak, by asset and day. */
  interactions: { time: string; asset: string; transactions: number }[];
  state: ChainActivityState;
}

const EVENTS = parseAbi([
  'event Transfer(address indexed from, address indexed to, uint256 value)',
  'event Swap(address indexed sender, uint256 amount0In, uint256 amount1In, uint256 amount0Out, uint256 amount1Out, address indexed to)',
  'event Sync(uint112 reserve0, uint112 reserve1)',
]);
/** Named like the v2 event, so it is told apart by the pool's kind. */
const V3_EVENTS = parseAbi([
  'event Swap(address indexed sender, address indexed recipient, int256 amount0, int256 amount1, uint160 sqrtPriceX96, uint128 liquidity, int24 tick)',
]);
const ZERO = '0x0000000000000000000000000000000000000000';
const BLOCKS_PER_REQUEST = 2_000;
const MAX_BLOCKS_PER_REQUEST = 10_000;
const MAX_HOLDERS = 1_000_000;
const MAX_DAYS = 1_000;
const SHARE_DIGITS = 6;

/**
 * What happened with some ERC-20 tokens on an EVM chain, by UTC day: transfers, addresses that took part, holders, the
 * share of the ten largest, and the volume of Uniswap pools. Only final blocks are read, and only days that ended before
 * the last of them. Balances are replayed from transfers, so tokens that change balances without an event (rebasing)
 * are wrong here; a balance that falls below zero shows it, and the token's holders are then unknown.
 *
 * @throws RPC_UNAVAILABLE when a block or its logs cannot be had; FINALITY_BROKEN when the chain is not the one that the
 *   state was read from; ARGUMENT_INVALID for a period before the state.
 */
export async function chainActivity(options: ChainActivityOptions): Promise<ChainActivity> {
  const { chain, tokens, confirmations } = options;
  const first = Math.ceil(options.fromMs / DAY_MS) * DAY_MS;
  const blocks = new Blocks(options.client);
  const last = await blocks.lastFinal(confirmations);
  const end = Math.min(Math.ceil(options.toMs / DAY_MS) * DAY_MS, first + MAX_DAYS * DAY_MS);
  const reader = new Reader(options);
  await reader.resume(blocks, await blocks.firstFrom(first, last));
  const raw: { timeMs: number; values: Record<string, unknown> }[] = [];
  const pools: PoolDay[] = [];
  const interactions: ChainActivity['interactions'] = [];
  for (let day = first; day + DAY_MS <= end && day + DAY_MS <= last.timeMs; day += DAY_MS) {
    const next = await blocks.firstFrom(day + DAY_MS, last);
    const time = instantOf(day);
    const read = await reader.read(next);
    for (const token of tokens) {
      const seen = read.get(key(token.address))!;
      raw.push({ timeMs: day, values: { asset: token.asset, ...seen.values } });
      interactions.push({ time, asset: token.asset, transactions: seen.transactions });
      pools.push(...seen.pools.map((pool) => ({ time, asset: token.asset, ...pool })));
    }
    await reader.settle(blocks, next);
  }
  return {
    ...collectRows(`${chain}.activity.1d`, 'activity', raw),
    pools,
    interactions,
    state: reader.state(),
  };
}

interface FinalBlock {
  number: bigint;
  timeMs: number;
}

/** Blocks by time, each asked for once. */
class Blocks {
  readonly #client: ChainActivityOptions['client'];
  readonly #times = new Map<bigint, number>();

  constructor(client: ChainActivityOptions['client']) {
    this.#client = client;
  }

  async lastFinal(confirmations: number | undefined): Promise<FinalBlock> {
    const block = await rpc('the last final block', async () => {
      if (confirmations === undefined) return this.#client.getBlock({ blockTag: 'finalized' });
      const head = await this.#client.getBlockNumber({ cacheTime: 0 });
      return this.#client.getBlock({
        blockNumber: head > BigInt(confirmations) ? head - BigInt(confirmations) : 0n,
      });
    });
    return { number: block.number, timeMs: Number(block.timestamp) * 1000 };
  }

  /** The first block with a time from `ms` on, by halving; the one after the last final one when there is none. */
  async firstFrom(ms: number, last: FinalBlock): Promise<bigint> {
    if (last.timeMs < ms) return last.number + 1n;
    let low = 0n;
    let high = last.number;
    while (low < high) {
      const middle = (low + high) / 2n;
      if ((await this.#timeOf(middle)) >= ms) high = middle;
      else low = middle + 1n;
    }
    return low;
  }

  async hashOf(number: bigint): Promise<Hex> {
    const block = await rpc(`block ${number}`, () => this.#client.getBlock({ blockNumber: number }));
    return block.hash!;
  }

  async #timeOf(number: bigint): Promise<number> {
    const known = this.#times.get(number);
    if (known !== undefined) return known;
    const block = await rpc(`block ${number}`, () => this.#client.getBlock({ blockNumber: number }));
    const timeMs = Number(block.timestamp) * 1000;
    this.#times.set(number, timeMs);
    return timeMs;
  }
}

interface TokenDay {
  values: Record<string, string | null>;
  transactions: number;
  pools: Omit<PoolDay, 'time' | 'asset'>[];
}

/** Replays logs in order and counts what a day brings. */
class Reader {
  readonly #options: ChainActivityOptions;
  readonly #balances = new Map<string, Map<string, bigint> | null>();
  readonly #pools = new Map<string, { reserves: [string, string] | null; liquidity: string | null }>();
  #next = 0n;
  #hash = '';
  #step: bigint;

  constructor(options: ChainActivityOptions) {
    this.#options = options;
    this.#step = BigInt(options.blocksPerRequest ?? BLOCKS_PER_REQUEST);
  }

  /** Takes up a state, or reads from the tokens' creation, so that the balances are those before block `first`. */
  async resume(blocks: Blocks, first: bigint): Promise<void> {
    const { state, tokens } = this.#options;
    for (const { address, deployedBlock } of tokens) {
      const kept = state?.balances[key(address)];
      // A token that joins later was not followed from its creation on.
      if (state)
        this.#balances.set(
          key(address),
          kept ? new Map(Object.entries(kept).map(([who, units]) => [who, BigInt(units)])) : null,
        );
      else this.#balances.set(key(address), deployedBlock === undefined ? null : new Map());
    }
    for (const [pool, known] of Object.entries(state?.pools ?? {})) this.#pools.set(pool, known);
    if (state) {
      this.#next = BigInt(state.nextBlock);
      this.#hash = state.hash;
      if (this.#next > 0n && (await blocks.hashOf(this.#next - 1n)) !== state.hash) {
        throw new AssayError(
          'FINALITY_BROKEN',
          `block ${this.#next - 1n} is another one than was read before`,
          {
            next: 'read the activity again without the state, and ask the chain’s operator what happened',
          },
        );
      }
    } else {
      const created = tokens.flatMap(({ deployedBlock }) =>
        deployedBlock === undefined ? [] : [deployedBlock],
      );
      this.#next = created.reduce((least, block) => (block < least ? block : least), first);
    }
    if (this.#next > first) {
      throw new AssayError(
        'ARGUMENT_INVALID',
        `expected a period from block ${this.#next} on, where the state ends, got block ${first}`,
        {
          next: 'ask for later days, or read again without the state',
        },
      );
    }
    await this.#replay(first, () => undefined);
    await this.settle(blocks, first);
  }

  /** Counts all blocks before `next`. */
  async read(next: bigint): Promise<Map<string, TokenDay>> {
    const { tokens } = this.#options;
    const days = new Map(tokens.map(({ address, pools }) => [key(address), new DayCount(pools ?? [])]));
    const tokensOfPool = new Map<string, string[]>();
    for (const { address, pools = [] } of tokens)
      for (const pool of pools)
        tokensOfPool.set(key(pool.address), [...(tokensOfPool.get(key(pool.address)) ?? []), key(address)]);
    await this.#replay(next, (log) => {
      days.get(key(log.address))?.token(log);
      for (const token of tokensOfPool.get(key(log.address)) ?? []) days.get(token)?.pool(log);
    });
    return new Map(
      [...days].map(([token, day]) => [token, day.result(this.#balances.get(token) ?? null, this.#pools)]),
    );
  }

  async settle(blocks: Blocks, next: bigint): Promise<void> {
    this.#hash = next === 0n ? '' : await blocks.hashOf(next - 1n);
  }

  state(): ChainActivityState {
    return {
      nextBlock: this.#next.toString(),
      hash: this.#hash,
      balances: Object.fromEntries(
        [...this.#balances].map(([token, held]) => [
          token,
          held && Object.fromEntries([...held].map(([who, units]) => [who, units.toString()])),
        ]),
      ),
      pools: Object.fromEntries(this.#pools),
    };
  }

  async #replay(next: bigint, count: (log: Log) => void): Promise<void> {
    while (this.#next < next) {
      this.#options.signal?.throwIfAborted();
      const to = this.#next + this.#step < next ? this.#next + this.#step - 1n : next - 1n;
      const logs = await this.#logs(this.#next, to);
      for (const log of logs) {
        this.#apply(log);
        count(log);
      }
      this.#next = to + 1n;
      const largest = BigInt(Math.max(this.#options.blocksPerRequest ?? 0, MAX_BLOCKS_PER_REQUEST));
      if (this.#step < largest) this.#step = this.#step * 2n < largest ? this.#step * 2n : largest;
    }
  }

  /** Halves a range that the node refuses ("query returned more than 10000 results"), down to one block. */
  async #logs(from: bigint, to: bigint): Promise<Log[]> {
    const { client, tokens } = this.#options;
    const address = [
      ...new Set(
        tokens.flatMap((token) => [token.address, ...(token.pools ?? []).map((pool) => pool.address)]),
      ),
    ];
    try {
      const logs = await client.getLogs({ address, fromBlock: from, toBlock: to });
      return [...logs].sort((a, b) => Number(a.blockNumber! - b.blockNumber!) || a.logIndex! - b.logIndex!);
    } catch (cause) {
      if (from === to) throw unavailable(`logs of block ${from}`, cause);
      this.#step = (to - from + 1n) / 2n;
      const middle = from + this.#step - 1n;
      return [...(await this.#logs(from, middle)), ...(await this.#logs(middle + 1n, to))];
    }
  }

  #apply(log: Log): void {
    const sync = decode(log, 'Sync');
    if (sync)
      this.#pools.set(key(log.address), {
        ...this.#poolOf(log),
        reserves: [String(sync.reserve0), String(sync.reserve1)],
      });
    const swap = decodeV3(log);
    if (swap) this.#pools.set(key(log.address), { ...this.#poolOf(log), liquidity: String(swap.liquidity) });
    const token = key(log.address);
    const held = this.#balances.get(token);
    const transfer = held && decode(log, 'Transfer');
    if (!transfer) return;
    const { from, to, value } = transfer as { from: string; to: string; value: bigint };
    for (const [who, change] of [
      [key(from), -value],
      [key(to), value],
    ] as const) {
      if (who === ZERO || change === 0n) continue;
      const units = (held.get(who) ?? 0n) + change;
      if (units === 0n) held.delete(who);
      else held.set(who, units);
      // Nobody can have less than nothing: a transfer is missing, or the token moves balances in silence.
      if (units < 0n || held.size > (this.#options.maxHolders ?? MAX_HOLDERS)) {
        this.#balances.set(token, null);
        return;
      }
    }
  }

  #poolOf(log: Log) {
    return this.#pools.get(key(log.address)) ?? { reserves: null, liquidity: null };
  }
}

/** One token's day. */
class DayCount {
  readonly #pools: readonly ChainPool[];
  readonly #addresses = new Set<string>();
  readonly #transactions = new Set<string>();
  readonly #swaps = new Map<string, { count: number; units: bigint }>();
  #transfers = 0;

  constructor(pools: readonly ChainPool[]) {
    this.#pools = pools;
  }

  token(log: Log): void {
    this.#transactions.add(log.transactionHash!);
    const transfer = decode(log, 'Transfer') as { from: string; to: string } | null;
    if (!transfer) return;
    this.#transfers += 1;
    for (const who of [key(transfer.from), key(transfer.to)]) if (who !== ZERO) this.#addresses.add(who);
  }

  pool(log: Log): void {
    const pool = this.#pools.find(({ address }) => key(address) === key(log.address));
    if (!pool) return;
    const swap = pool.kind === 'uniswap-v3' ? decodeV3(log) : decode(log, 'Swap');
    if (!swap) return;
    // Of the dollars that went in and came out, the larger amount is the trade: flash swaps may have both.
    const [one, other] =
      pool.kind === 'uniswap-v3'
        ? [swap[`amount${pool.dollar}`] as bigint, 0n]
        : [swap[`amount${pool.dollar}In`] as bigint, swap[`amount${pool.dollar}Out`] as bigint];
    const units = [one < 0n ? -one : one, other].reduce((most, amount) => (amount > most ? amount : most));
    const before = this.#swaps.get(key(pool.address)) ?? { count: 0, units: 0n };
    this.#swaps.set(key(pool.address), { count: before.count + 1, units: before.units + units });
  }

  result(
    held: ReadonlyMap<string, bigint> | null,
    known: ReadonlyMap<string, { reserves: [string, string] | null; liquidity: string | null }>,
  ): TokenDay {
    const pools = this.#pools.map(({ address, dollarDecimals }) => {
      const { count, units } = this.#swaps.get(key(address)) ?? { count: 0, units: 0n };
      const { reserves, liquidity } = known.get(key(address)) ?? { reserves: null, liquidity: null };
      return {
        pool: address,
        swaps: count,
        volumeUsd: fromScaled(units, dollarDecimals),
        reserves,
        liquidity,
      };
    });
    return {
      transactions: this.#transactions.size,
      pools,
      values: {
        transfers: String(this.#transfers),
        activeAddresses: String(this.#addresses.size),
        holders: held && String(held.size),
        topTenShare: held && topTenShare(held),
        swapVolumeUsd: pools.length === 0 ? null : sumUsd(this.#pools, this.#swaps),
      },
    };
  }
}

/** Share of all units that the ten largest hold, rounded down; null when nobody holds any. */
function topTenShare(held: ReadonlyMap<string, bigint>): Decimal | null {
  const top: bigint[] = [];
  let all = 0n;
  for (const units of held.values()) {
    all += units;
    if (top.length === 10 && units <= top[9]!) continue;
    top.push(units);
    top.sort((a, b) => (a < b ? 1 : a > b ? -1 : 0));
    top.length = Math.min(top.length, 10);
  }
  if (all === 0n) return null;
  return fromScaled(
    (top.reduce((sum, units) => sum + units, 0n) * 10n ** BigInt(SHARE_DIGITS)) / all,
    SHARE_DIGITS,
  );
}

function sumUsd(pools: readonly ChainPool[], swaps: ReadonlyMap<string, { units: bigint }>): Decimal {
  const scale = Math.max(...pools.map(({ dollarDecimals }) => dollarDecimals));
  const total = pools.reduce(
    (sum, pool) =>
      sum + (swaps.get(key(pool.address))?.units ?? 0n) * 10n ** BigInt(scale - pool.dollarDecimals),
    0n,
  );
  return fromScaled(total, scale);
}

/** Members of an event, or null when the log is another one or does not keep to its form. */
function decode(log: Log, eventName: 'Transfer' | 'Swap' | 'Sync'): Record<string, unknown> | null {
  try {
    const found = decodeEventLog({ abi: EVENTS, eventName, data: log.data, topics: log.topics });
    return found.eventName === eventName ? (found.args as unknown as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

function decodeV3(log: Log): Record<string, unknown> | null {
  try {
    return decodeEventLog({ abi: V3_EVENTS, eventName: 'Swap', data: log.data, topics: log.topics })
      .args as unknown as Record<string, unknown>;
  } catch {
    return null;
  }
}

function key(address: string): string {
  return address.toLowerCase();
}

async function rpc<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw unavailable(what, cause);
  }
}

function unavailable(what: string, cause: unknown): AssayError {
  const message = ((cause as { shortMessage?: string }).shortMessage ?? (cause as Error).message)
    .split('\n')[0]
    ?.slice(0, 200);
  return new AssayError('RPC_UNAVAILABLE', `the chain did not give ${what}: ${message}`, {
    next: 'check the RPC address; an archive node is needed for blocks that are long past',
    cause,
  });
}
