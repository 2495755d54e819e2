import { setTimeout as sleep } from 'node:timers/promises';
import { spawnWitness, type WitnessProcess } from '@assay/witness';

/** A witness that is started again when it ends by itself, at the same address and with the same key. */
export interface KeptWitness {
  readonly url: string;
  readonly name: string;
  readonly vkey: string;
  stop(): Promise<void>;
}

const FIRST_PAUSE_MS = 200;
const MAX_PAUSE_MS = 10_000;

/** Keeps a witness process running until it is stopped. @throws WITNESS_UNAVAILABLE when the first start fails. */
export async function keepWitness(options: Parameters<typeof spawnWitness>[0]): Promise<KeptWitness> {
  let current: WitnessProcess = await spawnWitness(options);
  let stopping = false;
  const port = Number(new URL(current.url).port);
  const watch = async () => {
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)) {
      await current.exited;
      if (stopping) return;
      await sleep(pauseMs);
      if (stopping) return;
      const again = await spawnWitness({ ...options, port }).catch(() => null);
      if (!again) continue;
      current = again;
      pauseMs = FIRST_PAUSE_MS / 2;
    }
  };
  void watch();
  return {
    url: current.url,
    name: current.name,
    vkey: current.vkey,
    async stop() {
      stopping = true;
      await current.stop();
    },
  };
}
