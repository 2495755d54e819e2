/**
 * The reviewer's own key. It is made in this browser, which never lets it out, or read from a file and forgotten with
 * the page. The node sees signatures alone.
 */
import { didKey, type Ed25519Signer, ed25519Signer, hexToBytes, reviewerAuthorization } from '@assay/core';
import { useSyncExternalStore } from 'react';

interface Reviewer {
  signer: Ed25519Signer | null;
  /** Whether the browser holds the key for the next visit. */
  kept: boolean;
  error: string | null;
}

const DATABASE = 'assay';
const STORE = 'reviewer';

let reviewer: Reviewer = { signer: null, kept: false, error: null };
let looked = false;
const listeners = new Set<() => void>();

export const useReviewer = (): Reviewer =>
  useSyncExternalStore(
    (listener) => {
      void lookForKey();
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => reviewer,
  );

/** Makes a key that this browser keeps and nobody can read, not even this page. */
export async function makeKey(): Promise<void> {
  try {
    const pair = (await crypto.subtle.generateKey('Ed25519', false, ['sign', 'verify'])) as CryptoKeyPair;
    await inStore('readwrite', (store) => store.put(pair, 'key'));
    change({ signer: await signerOf(pair), kept: true, error: null });
  } catch (error) {
    change({
      error: `This browser makes no Ed25519 keys (${(error as Error).message}). Open a key file instead.`,
    });
  }
}

/** Reads a key file: 32 bytes in hex, as `assay stream key` makes one. */
export async function openKeyFile(text: string): Promise<void> {
  const hex = text.trim();
  if (!/^[0-9a-f]{64}$/i.test(hex)) {
    change({ error: `A key file holds 64 hexadecimal digits, this one ${hex.length} characters.` });
    return;
  }
  change({ signer: await ed25519Signer(hexToBytes(hex.toLowerCase())), kept: false, error: null });
}

/** Forgets the key on this page; one that the browser made is gone for good. */
export async function forgetKey(): Promise<void> {
  if (reviewer.kept) await inStore('readwrite', (store) => store.delete('key'));
  change({ signer: null, kept: false, error: null });
}

/** What a reader sends to prove to the node who asks; nothing without a key. */
export async function proofOfReviewer(signer: Ed25519Signer | null, path: string): Promise<HeadersInit> {
  if (!signer) return {};
  const authorization = await reviewerAuthorization(signer, { method: 'GET', path, time: instantNow() });
  return { authorization };
}

/** Now, to the second, as statements write it. */
export function instantNow(): string {
  return `${new Date().toISOString().slice(0, 19)}Z`;
}

async function lookForKey(): Promise<void> {
  if (looked) return;
  looked = true;
  const pair = await inStore<CryptoKeyPair | undefined>('readonly', (store) => store.get('key')).catch(
    () => undefined,
  );
  if (pair && !reviewer.signer) change({ signer: await signerOf(pair), kept: true, error: null });
}

async function signerOf({ publicKey, privateKey }: CryptoKeyPair): Promise<Ed25519Signer> {
  const raw = new Uint8Array(await crypto.subtle.exportKey('raw', publicKey));
  return {
    publicKey: raw,
    did: didKey(raw),
    sign: async (message) =>
      new Uint8Array(await crypto.subtle.sign('Ed25519', privateKey, message as Uint8Array<ArrayBuffer>)),
  };
}

function inStore<T>(mode: IDBTransactionMode, work: (store: IDBObjectStore) => IDBRequest): Promise<T> {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open(DATABASE, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
    opening.onerror = () => reject(opening.error);
    opening.onsuccess = () => {
      const request = work(opening.result.transaction(STORE, mode).objectStore(STORE));
      request.onsuccess = () => resolve(request.result as T);
      request.onerror = () => reject(request.error);
      request.transaction!.oncomplete = () => opening.result.close();
    };
  });
}

function change(part: Partial<Reviewer>): void {
  reviewer = { ...reviewer, ...part };
  for (const listener of listeners) listener();
}
