import { setTimeout as sleep } from 'node:timers/promises';

/** The time that a source lives in: the wall's when live, the recording's otherwise. */
export interface SourceClock {
  nowMs(): number;
  /** When a recording ends; null for a source that never does. */
  readonly endMs: number | null;
  /** Whether it stands still between questions and jumps to the time that is waited for. */
  readonly jumps: boolean;
  /** Resolves when it is that time, or the signal aborts. */
  waitUntil(ms: number, signal?: AbortSignal): Promise<void>;
}

/** The longest that one timer runs, so that a changed wall clock is noticed. */
const MAX_SLEEP_MS = 1000;

export function wallClock(): SourceClock {
  return {
    nowMs: Date.now,
    endMs: null,
    jumps: false,
    async waitUntil(ms, signal) {
      while (Date.now() < ms && !signal?.aborted) await nap(Math.min(ms - Date.now(), MAX_SLEEP_MS), signal);
    },
  };
}

/**
 * A recording's clock. With a speed it runs that many times faster than the wall; with `max` it jumps to
 * whatever time is asked for.
 */
export function recordedClock(options: {
  startMs: number;
  endMs: number;
  speed: number | 'max';
}): SourceClock {
  const { startMs, endMs, speed } = options;
  if (speed === 'max') {
    let now = startMs;
    return {
      nowMs: () => now,
      endMs,
      jumps: true,
      async waitUntil(ms) {
        now = Math.max(now, Math.min(ms, endMs));
      },
    };
  }
  const began = Date.now();
  const nowMs = () => Math.min(startMs + (Date.now() - began) * speed, endMs);
  return {
    nowMs,
    endMs,
    jumps: false,
    async waitUntil(ms, signal) {
      const until = Math.min(ms, endMs);
      while (nowMs() < until && !signal?.aborted)
        await nap(Math.min((until - nowMs()) / speed, MAX_SLEEP_MS), signal);
    },
  };
}

async function nap(ms: number, signal: AbortSignal | undefined): Promise<void> {
  await sleep(Math.max(ms, 1), undefined, signal ? { signal } : {}).catch(() => undefined);
}
