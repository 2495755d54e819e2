import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { AssayError, parseTlogPolicy, type TlogPolicy } from '@assay/core';
import {
  createMonitor,
  httpTileSource,
  type Incident,
  monitorServer,
  type OtherView,
  sqliteMonitorStore,
  witnessView,
} from '@assay/ledger';
import { type Command, type ExitCode, usageError } from './command.ts';

const USAGE =
  'monitor --policy <log.policy> --data-dir <folder> [--port <n>] [--interval <seconds>] [--stall-after <seconds>] [--once]';
const DEFAULT_INTERVAL_S = 10;
const DEFAULT_STALL_S = 3_600;

/** Follows a log, reads every entry, and keeps evidence of what should not be. */
export const monitorCommand: Command = {
  usage: USAGE,
  options: {
    policy: { type: 'string' },
    'data-dir': { type: 'string' },
    port: { type: 'string' },
    interval: { type: 'string', default: String(DEFAULT_INTERVAL_S) },
    'stall-after': { type: 'string', default: String(DEFAULT_STALL_S) },
    once: { type: 'boolean' },
  },
  async run({ values }) {
    const { policy: policyFile, 'data-dir': folder } = values as Record<string, string | undefined>;
    if (policyFile === undefined || folder === undefined)
      throw usageError('expected a policy file and a folder to keep the place in', `assay ${USAGE}`);
    const policy = readPolicy(policyFile);
    const [log] = policy.logs;
    if (!log?.url)
      throw usageError(`expected a URL on the line "log <vkey> <url>" of ${policyFile}`, `assay ${USAGE}`);
    const store = sqliteMonitorStore(folder, log.verifier.name);
    const monitor = createMonitor({
      policy,
      source: httpTileSource({ url: log.url }),
      store,
      nowMs: Date.now,
      stallAfterMs: positive(values, 'stall-after') * 1_000,
      others: witnessViews(policy, log.verifier.name),
      onIncident: (incident) => process.stdout.write(`${describe(incident, folder)}\n`),
    });
    try {
      if (values.once) {
        await monitor.poll();
        return report(monitor.status());
      }
      await serve(monitor, values);
      return 0;
    } finally {
      store.close();
    }
  },
};

/** Runs until it is told to stop, and says when the log grew. */
async function serve(
  monitor: ReturnType<typeof createMonitor>,
  values: Record<string, string | boolean | undefined>,
): Promise<void> {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  const server = values.port === undefined ? null : monitorServer(monitor);
  if (server) {
    server.listen(positive(values, 'port', 0), '127.0.0.1');
    await once(server, 'listening').catch((cause: Error) => {
      throw new AssayError('PORT_IN_USE', `cannot listen on port ${values.port}: ${cause.message}`, {
        next: 'choose another with --port, or --port 0 for any free one',
        cause,
      });
    });
  }
  const at = server ? `, http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics` : '';
  process.stdout.write(`monitoring ${monitor.status().origin}${at}\n`);
  const everyMs = positive(values, 'interval') * 1_000;
  let shown = { size: monitor.status().verifiedSize, error: null as string | null };
  const saying = setInterval(() => {
    const { verifiedSize: size, lastError: error, incidents } = monitor.status();
    if (size !== shown.size)
      process.stdout.write(`${now()} verified up to ${size}, ${incidents.length} incidents so far\n`);
    if (error !== null && error !== shown.error) process.stderr.write(`${now()} ${error}\n`);
    shown = { size, error };
  }, 500);
  await monitor.run({ everyMs, signal: stop.signal });
  clearInterval(saying);
  server?.closeAllConnections();
  server?.close();
}

function report(status: ReturnType<ReturnType<typeof createMonitor>['status']>): ExitCode {
  const { origin, verifiedSize, checkpointSize, statementsVerified, incidents, lastError } = status;
  process.stdout.write(
    `${origin}: ${verifiedSize} of ${checkpointSize} entries verified, ${statementsVerified} signed statements, ` +
      `${incidents.length} incidents\n`,
  );
  if (lastError !== null) process.stderr.write(`assay: ${lastError}\n`);
  return incidents.length > 0 ? 1 : lastError === null ? 0 : 3;
}

function witnessViews({ witnesses }: TlogPolicy, origin: string): OtherView[] {
  return witnesses.flatMap(({ name, url }) => (url === null ? [] : [witnessView({ name, url, origin })]));
}

function readPolicy(file: string): TlogPolicy {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new AssayError('ARGUMENT_INVALID', `cannot read ${file}: ${(cause as Error).message}`, { cause });
  }
  return parseTlogPolicy(text);
}

function positive(values: Record<string, string | boolean | undefined>, name: string, least = 1): number {
  const number = Number(values[name]);
  if (Number.isInteger(number) && number >= least) return number;
  throw usageError(
    `expected --${name} to be a number of at least ${least}, got ${values[name]}`,
    `assay ${USAGE}`,
  );
}

function describe({ kind, message, evidence }: Incident, folder: string): string {
  return `${now()} INCIDENT ${kind}: ${message}${evidence ? ` (${folder}/evidence/${evidence})` : ''}`;
}

function now(): string {
  return `${new Date().toISOString().slice(0, 19)}Z`;
}
