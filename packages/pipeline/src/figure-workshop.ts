import { Worker } from 'node:worker_threads';
import { AssayError, type ErrorCode } from '@assay/core';
import type { Prepared } from './derive.ts';
import type { Commission, Reply, Work } from './figure-worker.ts';

interface Waiting {
  resolve: (work: Work | null) => void;
  reject: (error: Error) => void;
  timer: NodeJS.Timeout;
}

/**
 * A worker thread that computes figures, one after the other. It is started with the first commission; one that takes
 * too long ends it, and the next commission starts another.
 */
export class FigureWorkshop {
  readonly #catalogueFile: string;
  readonly #limitMs: number;
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | null = null;
  #next = 0;

  /** @param options.limitMs the longest that a commission may take, waiting included. */
  constructor(options: { catalogueFile: string; limitMs: number }) {
    this.#catalogueFile = options.catalogueFile;
    this.#limitMs = options.limitMs;
  }

  /** @returns null when there is no row. @throws what the figure throws, DERIVATION_FAILED when it
   *   breaks or, for a figure, takes too long, ARGUMENT_INVALID for a portfolio that does. */
  async make(commission: Commission): Promise<{ prepared: Prepared; result: unknown } | null> {
    const work = await new Promise<Work | null>((resolve, reject) => {
      const n = this.#next++;
      const timer = setTimeout(() => this.#end(tooLong(commission, this.#limitMs)), this.#limitMs);
      timer.unref();
      this.#waiting.set(n, { resolve, reject, timer });
      this.#start().postMessage({ n, commission });
    });
    if (!work) return null;
    const { verdict, result, ...prepared } = work;
    return { result, prepared: { ...prepared, verdictOn: (observation) => ({ ...verdict, observation }) } };
  }

  async close(): Promise<void> {
    const worker = this.#worker;
    this.#end(new Error('the node stops'));
    await worker?.terminate();
  }

  #start(): Worker {
    if (this.#worker) return this.#worker;
    const worker = new Worker(new URL('./figure-worker.ts', import.meta.url), {
      workerData: this.#catalogueFile,
    });
    // A node that is told to stop does not wait for a figure.
    worker.unref();
    worker.on('message', (reply: Reply) => this.#settle(reply));
    worker.on('error', (error) => {
      if (this.#worker === worker) this.#end(failed((error as Error).message));
    });
    this.#worker = worker;
    return worker;
  }

  #settle(reply: Reply): void {
    const waiting = this.#waiting.get(reply.n);
    if (!waiting) return;
    clearTimeout(waiting.timer);
    this.#waiting.delete(reply.n);
    if ('work' in reply) {
      waiting.resolve(reply.work);
      return;
    }
    const { code, message, next, detail } = reply.error;
    waiting.reject(
      code === null
        ? failed(message)
        : new AssayError(code as ErrorCode, message, {
            ...(next === undefined ? {} : { next }),
            ...(detail === undefined ? {} : { detail: detail as Record<string, unknown> }),
          }),
    );
  }

  /** Whoever waits is told; the thread ends. */
  #end(error: Error): void {
    void this.#worker?.terminate();
    this.#worker = null;
    for (const { reject, timer } of this.#waiting.values()) {
      clearTimeout(timer);
      reject(error);
    }
    this.#waiting.clear();
  }
}

function failed(message: string): AssayError {
  return new AssayError('DERIVATION_FAILED', `a figure could not be computed: ${message}`, {
    next: 'this is a fault of Assay: please report it; the log and everything recorded are not concerned',
  });
}

function tooLong({ kind }: Commission, limitMs: number): AssayError {
  const code = kind === 'portfolio' ? 'ARGUMENT_INVALID' : 'DERIVATION_FAILED';
  return new AssayError(code, `expected a ${kind} within ${limitMs / 1000} s, and it took longer`, {
    next:
      kind === 'portfolio' ? 'ask for fewer assets or constraints' : 'follow fewer assets, or less history',
  });
}
