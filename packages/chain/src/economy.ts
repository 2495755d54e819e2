import { type ContractName, SYSTEM, type SystemConfig, systemDeployment } from '@assay/contracts';
import { AssayError } from '@assay/core';
import {
  type Abi,
  type Account,
  createPublicClient,
  createTestClient,
  createWalletClient,
  encodeFunctionData,
  type Hex,
  hexToBigInt,
  http,
  keccak256,
  parseEther,
  slice,
  stringToHex,
  zeroAddress,
} from 'viem';

/** Where a system of contracts lies. Written beside the node's data as `contracts.json`. */
export interface ContractsFile {
  chainId: number;
  rpcUrl: string;
  addresses: Record<string, Hex>;
  /** Block before the first contract: events are looked for from here. */
  deployedAtBlock: number;
}

const TIMEOUT_MS = 10_000;
const RECEIPT_TIMEOUT_MS = 60_000;

/**
 * Deploys the system of contracts, sets it up and hands it to its timelock. What is there already stays; a
 * deployment that died half way is gone on with.
 *
 * @param options.developmentChain gives the deployer gas by decree
 * @throws CHAIN_UNAVAILABLE when the chain refuses a transaction or has no deployment proxy
 * @example
 * const { addresses } = await deployEconomy({ rpcUrl, chainId, deployer, config, developmentChain: true });
 */
export async function deployEconomy(options: {
  rpcUrl: string;
  chainId: number;
  deployer: Account;
  config: SystemConfig;
  developmentChain: boolean;
  /**
   * Only these contracts, with their roles; the others may follow later at the same addresses. Until then the
   * deployer stays the access manager's admin.
   */
  only?: readonly ContractName[];
}): Promise<ContractsFile> {
  const { rpcUrl, chainId, deployer, only } = options;
  const { client, send, fund } = openLine(rpcUrl, deployer);
  const { addresses, steps, setup, stillAdmin, deploymentProxy } = systemDeployment(options.config);
  const deployedAtBlock = options.developmentChain
    ? await beginningOf(client, addresses.AccessManager)
    : Number(await client.getBlockNumber());
  const place = { chainId, rpcUrl, addresses, deployedAtBlock };
  const missing = [];
  for (const step of steps) {
    if (only && !only.includes(step.name)) continue;
    if (!(await client.getCode({ address: step.address }))) missing.push(step);
  }
  const firstWord = async ({ to, data }: { to: Hex; data: Hex }) =>
    hexToBigInt(slice((await client.call({ to, data })).data ?? '0x00', 0, 32));
  if (missing.length === 0 && (await firstWord(stillAdmin)) === 0n) return place;

  if (options.developmentChain) await fund();
  if (!(await client.getCode({ address: deploymentProxy }))) {
    throw new AssayError('CHAIN_UNAVAILABLE', `the chain has no deployment proxy at ${deploymentProxy}`, {
      next: 'deploy the deterministic deployment proxy first, or choose another chain',
    });
  }
  for (const { name, data } of missing) await send(`to deploy ${name}`, { to: deploymentProxy, data });
  // The roles come first; whatever else there is to set up needs all contracts, and ends with handing them over.
  for (const { to, data, unless } of only ? setup.slice(0, 1) : setup) {
    if (unless && (await firstWord(unless)) >= unless.atLeast) continue;
    await send(`the set-up call ${data.slice(0, 10)} to ${to}`, { to, data });
  }
  return place;
}

/**
 * The block before the system's first contract, also when it was deployed by an earlier start: readers look for events
 * from there. The access manager comes first, and its constructor tells of its first admin.
 */
async function beginningOf(
  client: ReturnType<typeof openLine>['client'],
  accessManager: Hex,
): Promise<number> {
  const [first] = await client.getLogs({ address: accessManager, fromBlock: 0n });
  return first ? Math.max(Number(first.blockNumber) - 1, 0) : Number(await client.getBlockNumber());
}

/**
 * Makes an account the anchorer of a log; nothing happens where it is already.
 *
 * @param options.registrar holds the registrar's role
 * @throws CHAIN_UNAVAILABLE when the chain refuses the transaction
 */
export async function registerOrigin(options: {
  place: ContractsFile;
  origin: string;
  anchorer: Hex;
  registrar: Account;
  developmentChain: boolean;
}): Promise<void> {
  const { place, origin, anchorer, registrar } = options;
  const { client, send, fund } = openLine(place.rpcUrl, registrar);
  const contract = { address: place.addresses.CheckpointAnchor!, abi: SYSTEM.CheckpointAnchor.abi };
  const current = await client.readContract({
    ...contract,
    functionName: 'anchorerOf',
    args: [keccak256(stringToHex(origin))],
  });
  if (current === anchorer) return;
  if (options.developmentChain) await fund();
  const data = encodeFunctionData({ ...contract, functionName: 'registerOrigin', args: [origin, anchorer] });
  await send('to register the log', { to: contract.address, data });
}

/**
 * Registers a provider and brings its stake up to an amount, as far as it has tokens. What is there already stays.
 *
 * @returns the provider's id: keccak256(abi.encode(did, controller)).
 * @throws CHAIN_UNAVAILABLE when the chain refuses a transaction
 */
export async function enterProvider(options: {
  place: ContractsFile;
  did: string;
  controller: Account;
  stake: bigint;
  developmentChain: boolean;
}): Promise<Hex> {
  const { place, did, controller, stake } = options;
  const line = openLine(place.rpcUrl, controller);
  const { client, send } = line;
  const at = (name: ContractName) => ({ address: place.addresses[name]!, abi: SYSTEM[name].abi as Abi });
  const id = (await client.readContract({
    ...at('ProviderRegistry'),
    functionName: 'providerIdOf',
    args: [did, controller.address],
  })) as Hex;
  const known = await client.readContract({
    ...at('ProviderRegistry'),
    functionName: 'controllerOf',
    args: [id],
  });
  const [staked] = (await client.readContract({
    ...at('StakeVault'),
    functionName: 'stakeOf',
    args: [id],
  })) as [bigint];
  if (known !== zeroAddress && staked >= stake) return id;
  if (options.developmentChain) await line.fund();
  if (known === zeroAddress) {
    const data = encodeFunctionData({ ...at('ProviderRegistry'), functionName: 'register', args: [did] });
    await send('to register a provider', { to: place.addresses.ProviderRegistry!, data });
  }
  if (staked >= stake) return id;
  const amount = stake - staked;
  const approve = encodeFunctionData({
    ...at('AssayToken'),
    functionName: 'approve',
    args: [place.addresses.StakeVault, amount],
  });
  await send('an approval', { to: place.addresses.AssayToken!, data: approve });
  const data = encodeFunctionData({ ...at('StakeVault'), functionName: 'stake', args: [id, amount] });
  await send('a stake', { to: place.addresses.StakeVault!, data });
  return id;
}

/** An account with a line to a chain. */
export function openLine(rpcUrl: string, account: Account) {
  const transport = http(rpcUrl, { retryCount: 0, timeout: TIMEOUT_MS });
  const client = createPublicClient({ transport, cacheTime: 0, pollingInterval: 50 });
  const wallet = createWalletClient({ account, transport });
  return {
    client,
    async fund() {
      const chain = createTestClient({ mode: 'anvil', transport });
      await chain.setBalance({ address: account.address, value: parseEther('1000') });
    },
    async send(what: string, call: { to: Hex; data: Hex }) {
      const hash = await wallet.sendTransaction({ ...call, account, chain: null });
      const { status } = await client.waitForTransactionReceipt({ hash, timeout: RECEIPT_TIMEOUT_MS });
      if (status === 'success') return;
      throw new AssayError('CHAIN_UNAVAILABLE', `the chain refused ${what}, transaction ${hash}`, {
        next: 'look at the transaction on the chain; what was begun can be started again',
      });
    },
  };
}
