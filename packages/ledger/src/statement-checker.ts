import { Worker } from 'node:worker_threads';
import { decodeEntries, judgeEntry } from '@assay/core';

/** What some entries of a bundle are. */
export interface CheckedEntries {
  /** Statements with true signatures. */
  statements: number;
  /** Entries that are no statements. */
  others: number;
  /** Statements that are forged: their places in the bundle. */
  forged: { place: number; reason: string }[];
}

/** Checks the statements of entry bundles. */
export interface StatementChecker {
  /** @param from place in the bundle of the first entry to check. */
  check(bundle: Uint8Array, from: number): Promise<CheckedEntries>;
  close(): Promise<void>;
}

/**
 * A checker in this thread, or in as many others.
 *
 * @param threads 0 checks here, which is faster for a few hundred entries: a thread takes a moment to start.
 * @example
 * const checker = statementChecker(availableParallelism());
 * const { statements, forged } = await checker.check(bundle, 0);
 * await checker.close();
 */
export function statementChecker(threads: number): StatementChecker {
  const lanes = Array.from({ length: threads }, lane);
  return {
    async check(bundle, from) {
      if (lanes.length === 0) return checkEntries(bundle, from);
      return lanes
        .reduce((idlest, other) => (other.waiting() < idlest.waiting() ? other : idlest))
        .check(bundle, from);
    },
    close: async () => void (await Promise.all(lanes.map(({ close }) => close()))),
  };
}

/** What a worker thread is asked, and what it answers. */
export interface CheckRequest {
  id: number;
  bundle: Uint8Array;
  from: number;
}
export interface CheckResponse {
  id: number;
  checked: CheckedEntries;
}

/** Checks the entries of a bundle in this thread. */
export async function checkEntries(bundle: Uint8Array, from: number): Promise<CheckedEntries> {
  const judged = await Promise.all(decodeEntries(bundle).slice(from).map(judgeEntry));
  const forged = judged.flatMap(({ forgery }, i) =>
    forgery ? [{ place: from + i, reason: `${forgery.reason} [${forgery.code}]` }] : [],
  );
  const claimed = judged.filter(({ isStatement }) => isStatement).length;
  return { statements: claimed - forged.length, others: judged.length - claimed, forged };
}

function lane() {
  const worker = new Worker(new URL('./statement-checker.worker.ts', import.meta.url));
  const waiting = new Map<
    number,
    { resolve: (checked: CheckedEntries) => void; reject: (error: Error) => void }
  >();
  let nextId = 0;
  let failure: Error | null = null;
  worker.on('message', ({ id, checked }: CheckResponse) => {
    waiting.get(id)!.resolve(checked);
    waiting.delete(id);
  });
  worker.on('error', (error) => {
    failure = error;
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  });
  return {
    waiting: () => waiting.size,
    check(bundle: Uint8Array, from: number): Promise<CheckedEntries> {
      if (failure) return Promise.reject(failure);
      const request: CheckRequest = { id: nextId++, bundle, from };
      return new Promise((resolve, reject) => {
        waiting.set(request.id, { resolve, reject });
        worker.postMessage(request);
      });
    },
    close: () => worker.terminate(),
  };
}
