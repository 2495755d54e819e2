import { type SystemConfig, systemDeployment } from '@assay/contracts';
import { AssayError } from '@assay/core';
import {
  type Account,
  createPublicClient,
  createTestClient,
  createWalletClient,
  type Hex,
  hexToBigInt,
  http,
  parseEther,
  slice,
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
}): Promise<ContractsFile> {
  const { rpcUrl, chainId, deployer } = options;
  const transport = http(rpcUrl, { retryCount: 0, timeout: TIMEOUT_MS });
  const client = createPublicClient({ transport, cacheTime: 0, pollingInterval: 50 });
  const wallet = createWalletClient({ account: deployer, transport });
  const { addresses, steps, setup, stillAdmin, deploymentProxy } = systemDeployment(options.config);
  const deployedAtBlock = Number(await client.getBlockNumber());
  const place = { chainId, rpcUrl, addresses, deployedAtBlock };
  const missing = [];
  for (const step of steps) if (!(await client.getCode({ address: step.address }))) missing.push(step);
  const firstWord = async ({ to, data }: { to: Hex; data: Hex }) =>
    hexToBigInt(slice((await client.call({ to, data })).data ?? '0x00', 0, 32));
  if (missing.length === 0 && (await firstWord(stillAdmin)) === 0n) return place;

  if (options.developmentChain) {
    const chain = createTestClient({ mode: 'anvil', transport });
    await chain.setBalance({ address: deployer.address, value: parseEther('1000') });
  }
  if (!(await client.getCode({ address: deploymentProxy }))) {
    throw new AssayError('CHAIN_UNAVAILABLE', `the chain has no deployment proxy at ${deploymentProxy}`, {
      next: 'deploy the deterministic deployment proxy first, or choose another chain',
    });
  }
  const send = async (what: string, call: { to: Hex; data: Hex }) => {
    const hash = await wallet.sendTransaction({ ...call, account: deployer, chain: null });
    const { status } = await client.waitForTransactionReceipt({ hash, timeout: 60_000 });
    if (status === 'success') return;
    throw new AssayError('CHAIN_UNAVAILABLE', `the chain refused ${what}, transaction ${hash}`, {
      next: 'look at the transaction on the chain; the deployment can be started again',
    });
  };
  for (const { name, data } of missing) await send(`to deploy ${name}`, { to: deploymentProxy, data });
  for (const { to, data, unless } of setup) {
    if (unless && (await firstWord(unless)) >= unless.atLeast) continue;
    await send(`the set-up call ${data.slice(0, 10)} to ${to}`, { to, data });
  }
  return place;
}
