import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { AssayError, formatVkey, parseTlogPolicy, type TlogPolicy } from '@assay/core';
import { runWitness, type WatchedLog } from '@assay/witness';
import { type Command, usageError } from './command.ts';

const USAGE =
  'witness --policy <log.policy> --data-dir <folder> --name <example.com/w1> [--host 127.0.0.1] [--port 4710]';
const DEFAULT_PORT = '4710';

/** Cosigns the checkpoints of logs, as long as each extends the one before. */
export const witnessCommand: Command = {
  usage: USAGE,
  options: {
    policy: { type: 'string' },
    'data-dir': { type: 'string' },
    name: { type: 'string' },
    host: { type: 'string', default: '127.0.0.1' },
    port: { type: 'string', default: DEFAULT_PORT },
  },
  async run({ values }) {
    const { policy, ...options } = readServiceOptions(values, USAGE);
    const witness = await runWitness({ ...options, logs: watchedLogs(policy), postQuantum: true });
    const logs = policy.logs.map(({ verifier }) => verifier.name).join(', ');
    process.stdout.write(`witnessing ${logs}\nfor the policy of a log:\n${policyLines(options, witness)}`);
    await untilStopped();
    await witness.close();
    return 0;
  },
};

/** What a witness and a mirror are told on the command line. */
export function readServiceOptions(values: Record<string, string | boolean | undefined>, usage: string) {
  const { policy: file, 'data-dir': dataDir, name, host } = values as Record<string, string | undefined>;
  const port = Number(values.port);
  if (file === undefined || dataDir === undefined || name === undefined || !host)
    throw usageError('expected a policy file, a data folder and a name', `assay ${usage}`);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw usageError(`expected --port to be a number up to 65535, got ${values.port}`, `assay ${usage}`);
  // What is no name of a key is said before anything is made.
  formatVkey(name, 4, new Uint8Array(32));
  const policy = readPolicy(file);
  if (policy.logs.length === 0)
    throw usageError(`expected a line "log <vkey> [<url>]" in ${file}`, `assay ${usage}`);
  return { policy, dataDir, name, host, port };
}

/** The logs of a policy: the name of a log's key is its origin. */
export function watchedLogs({ logs }: TlogPolicy): WatchedLog[] {
  return logs.map(({ verifier: { name, vkey } }) => ({ origin: name, vkey }));
}

/** Lines for a tlog-policy file. A second key is the same opinion: a group counts both as one. */
export function policyLines(
  { name, host }: { name: string; host: string },
  { url, vkeys }: { url: string; vkeys: readonly string[] },
): string {
  const short = name.split('/').at(-1)!;
  const place = isAnyAddress(host) ? `http://${hostname()}:${new URL(url).port}` : url;
  const [first, second] = vkeys;
  return (
    `witness ${short} ${first} ${place}\n` +
    (second === undefined
      ? ''
      : `# its post-quantum key, the same opinion:\n# witness ${short}-ml-dsa ${second} ${place}\n# group ${short}-either any ${short} ${short}-ml-dsa\n`)
  );
}

/** Resolves at the first signal to stop. */
export function untilStopped(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
}

function isAnyAddress(host: string): boolean {
  return host === '0.0.0.0' || host === '::';
}

function readPolicy(file: string): TlogPolicy {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new AssayError('ARGUMENT_INVALID', `cannot read ${file}: ${(cause as Error).message}`, {
      cause,
      next: 'name a tlog-policy file; a node serves one at /v1/log/policy',
    });
  }
  return parseTlogPolicy(text);
}
