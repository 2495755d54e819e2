import { setTimeout as sleep } from 'node:timers/promises';

const MAX_ATTEMPTS = 5;
const FIRST_BACKOFF_MS = 250;
const MAX_BACKOFF_MS = 8_000;

export interface RetryPace {
  /** 0 to 1, for the jitter of the back-off. */
  random?: (() => number) | undefined;
  firstBackoffMs?: number | undefined;
}

/**
 * Bounded retries with exponential back-off and jitter for what may pass by itself.
 *
 * @param options `mayPass` tells a passing failure from a lasting one; `waitMs` is what the other side asked to wait
 *   (at most 8 s are waited); `giveUp` makes the error that is thrown in the end.
 */
export async function boundedRetry<T>(
  work: () => Promise<T>,
  options: RetryPace & {
    mayPass: (error: unknown) => boolean;
    waitMs?: (error: unknown) => number | undefined;
    giveUp: (error: unknown, attempts: number) => Error;
    signal?: AbortSignal | undefined;
  },
): Promise<T> {
  const {
    random = Math.random,
    firstBackoffMs = FIRST_BACKOFF_MS,
    mayPass,
    waitMs,
    giveUp,
    signal,
  } = options;
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (!mayPass(error) || attempt === MAX_ATTEMPTS || signal?.aborted) throw giveUp(error, attempt);
      const longest = Math.min(firstBackoffMs * 2 ** (attempt - 1), MAX_BACKOFF_MS);
      const pause = Math.min(waitMs?.(error) ?? longest * (0.5 + random() / 2), MAX_BACKOFF_MS);
      await sleep(pause, undefined, signal ? { signal } : {}).catch(() => undefined);
    }
  }
}
