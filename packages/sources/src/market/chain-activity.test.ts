/**
 * On-chain activity against a real anvil: transfers, holders and trades of contracts that were really deployed agree
 * with a count that is kept beside them, in one go and from a saved state, whatever ranges the node refuses.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DevelopmentChain, startAnvil } from '@assay/chain';
import solc from 'solc';
import { type Address, createTestClient, type Hex, http, publicActions, walletActions } from 'viem';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ChainToken, chainActivity } from './chain-activity.ts';
import { DAY_MS } from './market-rows.ts';

const SOURCE = `// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;
contract Coin {
  event Transfer(address indexed from, address indexed to, uint256 value);
  event Approval(address indexed owner, address indexed spender, uint256 value);
  mapping(address => uint256) public balanceOf;
  function mint(address to, uint256 value) external { balanceOf[to] += value; emit Transfer(address(0), to, value); }
  function transfer(address to, uint256 value) external { balanceOf[msg.sender] -= value; balanceOf[to] += value; emit Transfer(msg.sender, to, value); }
  function approve(address spender, uint256 value) external { emit Approval(msg.sender, spender, value); }
}
contract Pair {
  event Swap(address indexed sender, uint256 amount0In, uint256 amount1In, uint256 amount0Out, uint256 amount1Out, address indexed to);
  event Sync(uint112 reserve0, uint112 reserve1);
  uint112 r0 = 1_000_000; uint112 r1 = 5_000_000;
  function buy(uint112 dollars, uint112 coins) external { r1 += dollars; r0 -= coins; emit Sync(r0, r1); emit Swap(msg.sender, 0, dollars, coins, 0, msg.sender); }
}
contract Pool3 {
  event Swap(address indexed sender, address indexed recipient, int256 amount0, int256 amount1, uint160 sqrtPriceX96, uint128 liquidity, int24 tick);
  function sell(int256 dollars) external { emit Swap(msg.sender, msg.sender, -dollars, 7, 1, 4242, 0); }
}`;

const compiled = JSON.parse(
  solc.compile(
    JSON.stringify({
      language: 'Solidity',
      sources: { 'a.sol': { content: SOURCE } },
      settings: { outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object'] } } },
    }),
  ),
).contracts['a.sol'];

const OWNER = '0x00000000000000000000000000000000000000a1';
const people = Array.from(
  { length: 14 },
  (_, i): Address => `0x${(0xb000 + i).toString(16).padStart(40, '0')}`,
);
const folder = mkdtempSync(join(tmpdir(), 'activity-'));
let chain: DevelopmentChain;
let anvil: ReturnType<typeof connect>;
let token: ChainToken;
/** What the test itself counted, by day. */
const counted: {
  transfers: number;
  active: Set<string>;
  transactions: number;
  balances: Map<string, bigint>;
  dollars: bigint;
  reserves: string[];
}[] = [];
const firstDay = Math.ceil(Date.now() / DAY_MS) * DAY_MS + DAY_MS;

const connect = (rpcUrl: string) =>
  createTestClient({ mode: 'anvil', transport: http(rpcUrl), pollingInterval: 10, cacheTime: 0 })
    .extend(publicActions)
    .extend(walletActions);

beforeAll(async () => {
  chain = await startAnvil({ directory: folder });
  anvil = connect(chain.rpcUrl);
  await anvil.setAutomine(false);
  for (const address of [OWNER, ...people] as Address[]) {
    await anvil.impersonateAccount({ address });
    await anvil.setBalance({ address, value: 10n ** 20n });
  }
  const deploy = async (name: string): Promise<Address> => {
    const { abi, evm } = compiled[name];
    const hash = await anvil.deployContract({
      abi,
      bytecode: `0x${evm.bytecode.object}`,
      account: OWNER as Address,
      chain: null,
      gas: 3_000_000n,
    });
    await anvil.mine({ blocks: 1 });
    return (await anvil.getTransactionReceipt({ hash })).contractAddress!;
  };
  const coin = await deploy('Coin');
  const deployedBlock = await anvil.getBlockNumber();
  const pair = await deploy('Pair');
  const pool3 = await deploy('Pool3');
  token = {
    asset: 'COIN',
    address: coin,
    deployedBlock,
    pools: [
      { address: pair, kind: 'uniswap-v2', dollar: 1, dollarDecimals: 6 },
      { address: pool3, kind: 'uniswap-v3', dollar: 0, dollarDecimals: 18 },
    ],
  };
  const call = (
    name: string,
    address: Address,
    functionName: string,
    args: unknown[],
    account: Address = OWNER as Address,
  ): Promise<Hex> =>
    anvil.writeContract({
      abi: compiled[name].abi,
      address,
      functionName,
      args,
      account,
      chain: null,
      gas: 500_000n,
    });
  const balances = new Map<string, bigint>();
  const move = async (day: (typeof counted)[number], from: Address | null, to: Address, value: bigint) => {
    await (from
      ? call('Coin', coin, 'transfer', [to, value], from)
      : call('Coin', coin, 'mint', [to, value]));
    if (from) balances.set(from, balances.get(from)! - value);
    balances.set(to, (balances.get(to) ?? 0n) + value);
    day.transfers += 1;
    day.transactions += 1;
    for (const who of [from, to]) if (who) day.active.add(who);
  };
  const newDay = () => ({
    transfers: 0,
    active: new Set<string>(),
    transactions: 0,
    balances: new Map<string, bigint>(),
    dollars: 0n,
    reserves: [] as string[],
  });
  // Before the first day: the balances that the period begins with.
  const before = newDay();
  for (const [i, to] of people.entries()) if (i < 12) await move(before, null, to, BigInt(1000 * (i + 1)));
  await anvil.mine({ blocks: 1 });
  let reserves = [1_000_000n, 5_000_000n];
  for (let d = 0; d < 4; d++) {
    const day = newDay();
    // The third day is quiet: nothing happens on it at all, not even a block.
    for (let hour = 0; d !== 2 && hour < 24; hour += 6) {
      await anvil.setNextBlockTimestamp({ timestamp: BigInt((firstDay + d * DAY_MS) / 1000 + hour * 3600) });
      const from = people[(d * 5 + hour) % 12]!;
      await move(day, from, people[(d + hour / 6 + 8) % 14]!, balances.get(from)! / (hour === 6 ? 1n : 3n));
      if (hour === 12) {
        await call('Coin', coin, 'approve', [people[0], 5n], people[3]);
        day.transactions += 1;
        await call('Pair', pair, 'buy', [2_500_000n, 1000n]);
        await call('Pool3', pool3, 'sell', [3n * 10n ** 18n + 1n]);
        reserves = [reserves[0]! - 1000n, reserves[1]! + 2_500_000n];
        day.dollars += 2_500_000n * 10n ** 12n + 3n * 10n ** 18n + 1n;
      }
      await anvil.mine({ blocks: 1 });
    }
    day.reserves = reserves.map(String);
    day.balances = new Map([...balances].filter(([, units]) => units > 0n));
    counted.push(day);
  }
  // The block that ends the fourth day, and two that confirm it.
  await anvil.setNextBlockTimestamp({ timestamp: BigInt((firstDay + 4 * DAY_MS) / 1000) });
  await anvil.mine({ blocks: 3 });
}, 30_000);

afterAll(async () => {
  await chain?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const all = () => ({
  chain: 'test',
  client: anvil,
  tokens: [token],
  fromMs: firstDay,
  toMs: firstDay + 30 * DAY_MS,
  confirmations: 2,
});

test('every figure agrees with the count that was kept beside the chain', async () => {
  const { rows, malformed, pools, interactions, state } = await chainActivity(all());
  expect(malformed).toEqual([]);
  expect(rows).toHaveLength(4);
  for (const [i, day] of counted.entries()) {
    const sorted = [...day.balances.values()].map(Number).sort((a, b) => b - a);
    const share =
      sorted.slice(0, 10).reduce((sum, units) => sum + units, 0) /
      sorted.reduce((sum, units) => sum + units, 0);
    expect(rows[i], `day ${i}`).toMatchObject({
      asset: 'COIN',
      transfers: String(day.transfers),
      activeAddresses: String(day.active.size),
      holders: String(day.balances.size),
      swapVolumeUsd: day.dollars === 0n ? '0' : '5.500000000000000001',
    });
    expect(Number(rows[i]!.topTenShare)).toBeCloseTo(share, 5);
    expect(interactions[i]!.transactions).toBe(day.transactions);
    const [pair, pool3] = pools.slice(2 * i);
    expect(pair).toMatchObject({
      swaps: day.dollars === 0n ? 0 : 1,
      reserves: day.reserves,
      liquidity: null,
    });
    expect(pool3).toMatchObject({ liquidity: '4242', reserves: null });
  }
  expect(rows[2]).toMatchObject({ transfers: '0', activeAddresses: '0' });
  const held = Object.entries(state.balances[token.address.toLowerCase()]!);
  for (const [who, units] of held)
    expect(
      await anvil.readContract({
        abi: compiled.Coin.abi,
        address: token.address,
        functionName: 'balanceOf',
        args: [who],
      }),
    ).toBe(BigInt(units));
});

test('day by day from the saved state, the rows are the same', async () => {
  const whole = await chainActivity(all());
  let state = undefined as Awaited<ReturnType<typeof chainActivity>>['state'] | undefined;
  const rows = [];
  for (let d = 0; d < 4; d++) {
    const part = await chainActivity({
      ...all(),
      fromMs: firstDay + d * DAY_MS,
      toMs: firstDay + (d + 1) * DAY_MS,
      state,
    });
    state = JSON.parse(JSON.stringify(part.state));
    rows.push(...part.rows);
  }
  expect(rows).toEqual(whole.rows);
  expect(state).toEqual(whole.state);
  await expect(chainActivity({ ...all(), state })).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' });
  const rewritten = { ...state!, hash: `0x${'00'.repeat(32)}` };
  await expect(
    chainActivity({ ...all(), fromMs: firstDay + 4 * DAY_MS, state: rewritten }),
  ).rejects.toMatchObject({ code: 'FINALITY_BROKEN' });
});

test('ranges that the node refuses are halved, and a node that gives nothing is named', async () => {
  const whole = await chainActivity(all());
  let refused = 0;
  const strict = {
    ...anvil,
    getLogs: async (asked: { fromBlock: bigint; toBlock: bigint }) => {
      if (asked.toBlock - asked.fromBlock >= 3n) {
        refused += 1;
        throw new Error('query returned more than 10000 results');
      }
      return anvil.getLogs(asked);
    },
  } as unknown as typeof anvil;
  const split = await chainActivity({ ...all(), client: strict });
  expect(split.rows).toEqual(whole.rows);
  expect(refused).toBeGreaterThan(0);
  const silent = {
    ...anvil,
    getLogs: async () => Promise.reject(new Error('no archive')),
  } as unknown as typeof anvil;
  await expect(chainActivity({ ...all(), client: silent })).rejects.toMatchObject({
    code: 'RPC_UNAVAILABLE',
    message: expect.stringMatching(/logs of block \d+: no archive/),
  });
});

test('what cannot be known is null: holders without the beginning, or of more addresses than are followed; days that are not final', async () => {
  const { deployedBlock: _, ...late } = token;
  const unknown = await chainActivity({ ...all(), tokens: [late] });
  expect(unknown.rows.map(({ holders, topTenShare }) => [holders, topTenShare])).toEqual(
    Array(4).fill([null, null]),
  );
  expect(unknown.rows.map(({ transfers }) => transfers)).toEqual(
    counted.map(({ transfers }) => String(transfers)),
  );
  const many = await chainActivity({ ...all(), maxHolders: 5 });
  expect(many.rows[0]).toMatchObject({ holders: null, transfers: String(counted[0]!.transfers) });
  // Begun too late, a seller has less than nothing.
  const wrong = await chainActivity({
    ...all(),
    tokens: [{ ...token, deployedBlock: (await anvil.getBlockNumber()) - 10n }],
  });
  expect(wrong.rows.at(-1)).toMatchObject({ holders: null });
  const fewer = await chainActivity({ ...all(), confirmations: 4 });
  expect(fewer.rows).toHaveLength(3);
});
