/** A wallet as a browser extension would put it into the page: it announces itself, asks its owner, signs and sends. */
import type { BrowserContext } from 'playwright-core';
import { createWalletClient, defineChain, type Hex, http } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';

interface Asked {
  method: string;
  params?: unknown[];
}

/** What the script can do to the wallet from outside. */
export interface ScriptedWallet {
  address: Hex;
  /** The owner's answer to the next questions. */
  refuses: boolean;
  /** What the owner was asked to sign. */
  readonly asked: Asked[];
}

/** @param options.chainId where the wallet is when the page opens. */
export async function giveWallet(
  context: BrowserContext,
  options: { secret: Hex; rpcUrl: string; chainId: number; announce: boolean },
): Promise<ScriptedWallet> {
  const { rpcUrl, announce } = options;
  const account = privateKeyToAccount(options.secret);
  const wallet: ScriptedWallet = { address: account.address, refuses: false, asked: [] };
  let { chainId } = options;
  let allowed = false;
  const answer = async ({ method, params = [] }: Asked): Promise<unknown> => {
    if (method === 'eth_requestAccounts' || method === 'eth_sendTransaction') {
      wallet.asked.push({ method, params });
      if (wallet.refuses) throw Object.assign(new Error('User rejected the request.'), { code: 4001 });
    }
    switch (method) {
      case 'eth_requestAccounts':
        allowed = true;
        return [account.address];
      case 'eth_accounts':
        return allowed ? [account.address] : [];
      case 'eth_chainId':
        return `0x${chainId.toString(16)}`;
      case 'wallet_switchEthereumChain':
        chainId = Number((params[0] as { chainId: string }).chainId);
        return null;
      case 'eth_sendTransaction': {
        const { from, to, data } = params[0] as { from: Hex; to: Hex; data: Hex };
        if (from.toLowerCase() !== account.address.toLowerCase()) throw new Error('not my account');
        const chain = defineChain({
          id: chainId,
          name: 'chain',
          nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
          rpcUrls: { default: { http: [rpcUrl] } },
        });
        return createWalletClient({ account, chain, transport: http(rpcUrl) }).sendTransaction({ to, data });
      }
      default: {
        const response = await fetch(rpcUrl, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
        });
        const { result, error } = (await response.json()) as { result?: unknown; error?: object };
        if (error) throw error;
        return result;
      }
    }
  };
  await context.exposeFunction('scriptedWallet', async (asked: Asked) => {
    try {
      return { result: await answer(asked) };
    } catch (error) {
      const { code, message, data } = error as { code?: number; message: string; data?: unknown };
      return { error: { code: code ?? -32_603, message, data } };
    }
  });
  await context.addInitScript((announced) => {
    type Listener = (value: unknown) => void;
    const listeners: [string, Listener][] = [];
    const provider = {
      on: (event: string, listener: Listener) => void listeners.push([event, listener]),
      async request(asked: { method: string; params?: [{ chainId: string }] }) {
        const outside = window as unknown as {
          scriptedWallet(asked: unknown): Promise<{ result: unknown; error?: { message: string } }>;
        };
        const { result, error } = await outside.scriptedWallet(asked);
        if (error) throw Object.assign(new Error(error.message), error);
        if (asked.method === 'wallet_switchEthereumChain')
          for (const [event, listener] of listeners)
            if (event === 'chainChanged') listener(asked.params?.[0].chainId);
        return result;
      },
    };
    if (!announced) {
      Object.assign(window, { ethereum: provider });
      return;
    }
    const info = {
      uuid: crypto.randomUUID?.() ?? '1',
      name: 'Scripted',
      icon: 'data:,',
      rdns: 'test.scripted',
    };
    const announce = () =>
      dispatchEvent(
        new CustomEvent('eip6963:announceProvider', { detail: Object.freeze({ info, provider }) }),
      );
    addEventListener('eip6963:requestProvider', announce);
    announce();
  }, announce);
  return wallet;
}
