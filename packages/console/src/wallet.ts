/** The visitor's own wallet, found as EIP-6963 says and spoken to as EIP-1193 says. Reading pages needs none. */
import { useSyncExternalStore } from 'react';

/** What a wallet offers a page (EIP-1193). */
export interface WalletProvider {
  request(request: { method: string; params?: unknown }): Promise<unknown>;
  on?(event: string, listener: (value: never) => void): void;
}

/** A wallet that is installed in this browser. */
export interface WalletOffer {
  /** Reverse domain name, the same at every visit. */
  id: string;
  name: string;
  provider: WalletProvider;
}

/** A wallet that agreed to be spoken to. */
export interface Session {
  provider: WalletProvider;
  address: `0x${string}`;
  chainId: number;
}

interface Wallets {
  offers: WalletOffer[];
  session: Session | null;
  /** Why the last attempt to connect came to nothing. */
  error: string | null;
}

/** Remembered so that a reload does not ask again; the wallet itself decides whether it still agrees. */
const REMEMBERED = 'assay.wallet';
const USER_REJECTED = 4001;

let wallets: Wallets = { offers: [], session: null, error: null };
const listeners = new Set<() => void>();
let looking = false;

export const useWallets = (): Wallets =>
  useSyncExternalStore(
    (listener) => {
      lookForWallets();
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => wallets,
  );

/** Asks the wallet for its account; the wallet asks its owner. */
export async function connect({ id, provider }: WalletOffer): Promise<void> {
  await open(id, provider, 'eth_requestAccounts');
}

/** Forgets the wallet. What it was allowed, its owner takes back in the wallet itself. */
export function disconnect(): void {
  localStorage.removeItem(REMEMBERED);
  change({ session: null, error: null });
}

/** Asks the wallet to use another chain. */
export async function switchChain({ provider }: Session, chainId: number): Promise<void> {
  try {
    await provider.request({
      method: 'wallet_switchEthereumChain',
      params: [{ chainId: `0x${chainId.toString(16)}` }],
    });
    change({ error: null });
  } catch (error) {
    change({ error: said(error, `add chain ${chainId} to the wallet first`) });
  }
}

/** What a wallet's refusal means. */
export function said(error: unknown, otherwise: string): string {
  const { code, message } = error as { code?: number; message?: string };
  if (code === USER_REJECTED) return 'Nothing was signed: the wallet’s owner said no.';
  return `The wallet refuses: ${message ?? 'it does not say why'}; ${otherwise}.`;
}

function lookForWallets(): void {
  if (looking) return;
  looking = true;
  addEventListener('eip6963:announceProvider', (event) => {
    const { info, provider } = (event as CustomEvent).detail as {
      info: { rdns: string; name: string };
      provider: WalletProvider;
    };
    add({ id: info.rdns, name: info.name, provider });
  });
  dispatchEvent(new Event('eip6963:requestProvider'));
  const { ethereum } = window as { ethereum?: WalletProvider };
  if (ethereum) add({ id: 'injected', name: 'Browser wallet', provider: ethereum });
}

function add(offer: WalletOffer): void {
  // Most wallets announce themselves and are `window.ethereum` as well.
  if (wallets.offers.some(({ id, provider }) => id === offer.id || provider === offer.provider)) return;
  change({ offers: [...wallets.offers, offer] });
  if (localStorage.getItem(REMEMBERED) === offer.id) void open(offer.id, offer.provider, 'eth_accounts');
}

async function open(id: string, provider: WalletProvider, method: string): Promise<void> {
  try {
    const [address] = (await provider.request({ method })) as `0x${string}`[];
    if (!address) return;
    const chainId = Number(await provider.request({ method: 'eth_chainId' }));
    localStorage.setItem(REMEMBERED, id);
    change({ session: { provider, address, chainId }, error: null });
    follow(provider);
  } catch (error) {
    change({ error: said(error, 'try again') });
  }
}

const followed = new WeakSet<WalletProvider>();

function follow(provider: WalletProvider): void {
  if (followed.has(provider)) return;
  followed.add(provider);
  const when = (event: string, next: (session: Session, value: never) => Session | null) =>
    provider.on?.(event, (value) => {
      if (wallets.session?.provider === provider) change({ session: next(wallets.session, value) });
    });
  when('accountsChanged', (session, [address]: `0x${string}`[]) =>
    address ? { ...session, address } : null,
  );
  when('chainChanged', (session, chainId: string) => ({ ...session, chainId: Number(chainId) }));
  when('disconnect', () => null);
}

function change(part: Partial<Wallets>): void {
  wallets = { ...wallets, ...part };
  for (const listener of listeners) listener();
}
