import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { AssayError } from '@assay/core';
import type { WatchedLog } from './witness.ts';

/** A witness that runs as a child process. */
export interface WitnessProcess {
  readonly url: string;
  readonly name: string;
  readonly vkey: string;
  readonly pid: number;
  /** Resolves with the exit code (null after a signal) when the process has ended, for whatever reason. */
  readonly exited: Promise<number | null>;
  /** Ends it and waits for that. */
  stop(): Promise<void>;
}

const READY_TIMEOUT_MS = 15_000;
const STOP_TIMEOUT_MS = 3_000;
const MAX_ERROR_TEXT = 2_000;

/**
 * Starts a witness with its own key and memory in `dataDir`, on loopback. It ends when this process does, even
 * when this one is killed.
 *
 * @param options.port 0 for any free one.
 * @throws WITNESS_UNAVAILABLE when it does not come up; the message holds what it printed.
 * @example
 * const witness = await spawnWitness({ dataDir: 'data/witness-1', name: 'assay.local/w1', logs: [{ origin, vkey }] });
 */
export async function spawnWitness(options: {
  dataDir: string;
  name: string;
  logs: readonly WatchedLog[];
  port?: number;
}): Promise<WitnessProcess> {
  const logs = options.logs.flatMap(({ origin, vkey }) => [`--log-origin=${origin}`, `--log-vkey=${vkey}`]);
  const child = spawn(
    process.execPath,
    [
      '--disable-warning=ExperimentalWarning',
      fileURLToPath(new URL('./main.ts', import.meta.url)),
      `--data-dir=${options.dataDir}`,
      `--name=${options.name}`,
      `--port=${options.port ?? 0}`,
      ...logs,
    ],
    { stdio: ['pipe', 'pipe', 'pipe'] },
  );
  const exited = new Promise<number | null>((resolve) => {
    child.once('exit', (code) => resolve(code));
    child.once('error', () => resolve(null));
  });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors = (errors + text).slice(-MAX_ERROR_TEXT);
  });

  const stop = async () => {
    child.kill('SIGTERM');
    const late = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await exited;
    clearTimeout(late);
  };
  const ready = await firstLine(child.stdout, exited);
  if (ready === null) {
    await stop();
    throw new AssayError(
      'WITNESS_UNAVAILABLE',
      `witness ${options.name} did not start: ${errors.trim() || 'no answer'}`,
      {
        next: `look into ${options.dataDir}`,
      },
    );
  }
  const { url, name, vkey } = JSON.parse(ready) as { url: string; name: string; vkey: string };
  return { url, name, vkey, pid: child.pid!, exited, stop };
}

/** The first line of a stream, or null when the process ends or takes too long. */
async function firstLine(stream: NodeJS.ReadableStream, exited: Promise<unknown>): Promise<string | null> {
  const line = Promise.withResolvers<string | null>();
  let text = '';
  stream.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
    if (text.includes('\n')) line.resolve(text.slice(0, text.indexOf('\n')));
  });
  const late = setTimeout(() => line.resolve(null), READY_TIMEOUT_MS);
  exited.then(() => line.resolve(null));
  try {
    return await line.promise;
  } finally {
    clearTimeout(late);
  }
}
