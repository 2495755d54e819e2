import { Worker } from 'node:worker_threads';
import { HASH_BYTES, leafHashes, merkleRoot } from './hashing.ts';

const NEWLINE = 0x0a;

/** Roots of row batches, made on other threads. */
export interface RowRoots {
  /** RFC 6962 root over the lines of an NDJSON payload, as core's `commitRows` makes it. */
  rootOf(payload: Uint8Array): Promise<Uint8Array>;
  close(): Promise<void>;
}

/**
 * Hashes batches of rows on several threads, for streams of hundreds of thousands of rows a second: one thread signs
 * and logs, and the hash rate of the machine is the limit.
 *
 * @example
 * const roots = rowRoots(availableParallelism());
 * const root = await roots.rootOf(encodePayload(rows));
 * await roots.close();
 */
export function rowRoots(threads: number): RowRoots {
  const lanes = Array.from({ length: threads }, lane);
  return {
    rootOf: (payload) =>
      lanes.reduce((idlest, other) => (other.waiting() < idlest.waiting() ? other : idlest)).rootOf(payload),
    close: async () => void (await Promise.all(lanes.map(({ close }) => close()))),
  };
}

/** What a thread is asked, and what it answers. */
export interface RootRequest {
  id: number;
  payload: Uint8Array;
}
export interface RootResponse {
  id: number;
  root: Uint8Array;
}

/** The root in this thread. */
export function rootOfLines(payload: Uint8Array): Uint8Array {
  const rows: Uint8Array[] = [];
  for (let from = 0; from < payload.length; ) {
    const newline = payload.indexOf(NEWLINE, from);
    const end = newline < 0 ? payload.length : newline;
    rows.push(payload.subarray(from, end));
    from = end + 1;
  }
  return merkleRoot(leafHashes(rows)).slice(0, HASH_BYTES);
}

function lane() {
  const worker = new Worker(new URL('./row-roots.worker.ts', import.meta.url));
  const waiting = new Map<number, PromiseWithResolvers<Uint8Array>>();
  let nextId = 0;
  let failure: Error | null = null;
  worker.on('message', ({ id, root }: RootResponse) => {
    waiting.get(id)!.resolve(root);
    waiting.delete(id);
  });
  worker.on('error', (error) => {
    failure = error;
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  });
  return {
    waiting: () => waiting.size,
    rootOf(payload: Uint8Array): Promise<Uint8Array> {
      if (failure) return Promise.reject(failure);
      const request: RootRequest = { id: nextId++, payload };
      const root = Promise.withResolvers<Uint8Array>();
      waiting.set(request.id, root);
      worker.postMessage(request);
      return root.promise;
    },
    close: () => worker.terminate(),
  };
}
