import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AssayError, TlogPolicy } from '@assay/core';
import { httpTileSource } from '@assay/ledger';
import { pullLog, runMirror } from '@assay/witness';
import { type Command, type ExitCode, usageError } from './command.ts';
import { policyLines, readServiceOptions, untilStopped, watchedLogs } from './witness.ts';

const USAGE =
  'mirror --policy <log.policy> --data-dir <folder> --name <example.com/m1> [--host 127.0.0.1] [--port 4720] [--interval 10s] [--once]';
const DEFAULT_PORT = '4720';

/** Keeps a copy of logs: of those with a URL in the policy by itself, of all of them as they are uploaded. */
export const mirrorCommand: Command = {
  usage: USAGE,
  options: {
    policy: { type: 'string' },
    'data-dir': { type: 'string' },
    name: { type: 'string' },
    host: { type: 'string', default: '127.0.0.1' },
    port: { type: 'string', default: DEFAULT_PORT },
    interval: { type: 'string', default: '10s' },
    once: { type: 'boolean' },
  },
  async run({ values }) {
    const { policy, ...options } = readServiceOptions(values, USAGE);
    const everyMs = readInterval(values.interval as string);
    const cosigners = policy.witnesses.map(({ verifier }) => verifier);
    const logs = watchedLogs(policy);
    const service = await runMirror({
      ...options,
      // Who copies once and goes needs no place to be reached at.
      port: values.once ? 0 : options.port,
      logs,
      cosigners,
      postQuantum: true,
    });
    const followed = policy.logs.flatMap(({ verifier, url }) =>
      url === null ? [] : [follow({ origin: verifier.name, url, policy, service })],
    );
    try {
      if (values.once) {
        const codes = await Promise.all(followed.map((look) => look()));
        return codes.length === 0 ? 3 : (Math.max(...codes) as ExitCode);
      }
      for (const { origin } of logs)
        process.stdout.write(`mirroring ${origin} at ${service.url}/${hashOf(origin)}/\n`);
      process.stdout.write(`for the policy of a log:\n${policyLines(options, service)}`);
      const stop = new AbortController();
      const loops = followed.map(async (look) => {
        while (!stop.signal.aborted) {
          await look();
          await sleep(everyMs, undefined, { signal: stop.signal }).catch(() => {});
        }
      });
      await untilStopped();
      stop.abort();
      await Promise.all(loops);
      return 0;
    } finally {
      await service.close();
    }
  },
};

/** Looks once at what a log serves, and says what is new. */
function follow(options: {
  origin: string;
  url: string;
  policy: TlogPolicy;
  service: Awaited<ReturnType<typeof runMirror>>;
}): () => Promise<ExitCode> {
  const { origin, url, policy, service } = options;
  const { mirror, vkeys } = service;
  const source = httpTileSource({ url });
  let lastError: string | null = null;
  return async () => {
    try {
      const before = mirror.status(origin).size;
      await pullLog({ mirror, vkeys, policy, origin, source });
      const { size } = mirror.status(origin);
      if (size !== before || lastError !== null)
        process.stdout.write(`${now()} ${origin}: ${size} entries\n`);
      lastError = null;
      return 0;
    } catch (error) {
      // A full disk is no reason to stop either: there may be room later.
      const { message, code, next } = error as AssayError;
      // Again and again the same would hide what else is said.
      if (message !== lastError)
        process.stderr.write(`${now()} ${message} [${code ?? 'ERROR'}]\n${next ? `  next: ${next}\n` : ''}`);
      lastError = message;
      return code === 'LOG_UNREACHABLE' || code === 'QUORUM_NOT_REACHED' ? 3 : 1;
    }
  };
}

function readInterval(text: string): number {
  const seconds = Number(/^(\d{1,6})s?$/.exec(text)?.[1] ?? 0);
  if (seconds > 0) return seconds * 1_000;
  throw usageError(`expected --interval in seconds, like 10s, got ${text}`, `assay ${USAGE}`);
}

function hashOf(origin: string): string {
  return createHash('sha256').update(origin).digest('hex');
}

function now(): string {
  return `${new Date().toISOString().slice(0, 19)}Z`;
}
