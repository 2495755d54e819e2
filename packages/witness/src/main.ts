#!/usr/bin/env node
import { fstatSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { AssayError } from '@assay/core';
import { runWitness } from './run.ts';

const USAGE = `usage: node main.ts --data-dir <folder> --name <name> --log-origin <origin> --log-vkey <vkey>
                    [--log-origin … --log-vkey …] [--host 127.0.0.1] [--port 0]`;

/** A witness as a process of its own: prints one JSON line when it listens, ends with its parent. */
async function main(): Promise<void> {
  const options = readOptions();
  const witness = await runWitness(options);

  let stopping = false;
  const stop = async () => {
    if (stopping) return;
    stopping = true;
    await witness.close();
    process.exit(0);
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  endWithParent(stop);
  process.stdout.write(
    `${JSON.stringify({ url: witness.url, name: options.name, vkey: witness.vkeys[0] })}\n`,
  );
}

function readOptions() {
  const { values } = parseArgs({
    options: {
      'data-dir': { type: 'string' },
      name: { type: 'string' },
      'log-origin': { type: 'string', multiple: true, default: [] },
      'log-vkey': { type: 'string', multiple: true, default: [] },
      host: { type: 'string', default: '127.0.0.1' },
      port: { type: 'string', default: '0' },
    },
  });
  const { 'data-dir': dataDir, name, 'log-origin': origins, 'log-vkey': vkeys, host } = values;
  const port = Number(values.port);
  if (!dataDir || !name || origins.length === 0 || origins.length !== vkeys.length) {
    throw new AssayError('ARGUMENT_INVALID', 'expected a data folder, a name, and a key for every log', {
      next: USAGE,
    });
  }
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new AssayError('ARGUMENT_INVALID', `expected a port from 0 to 65535, got ${values.port}`, {
      next: USAGE,
    });
  }
  return {
    dataDir,
    name,
    host,
    port,
    postQuantum: false,
    logs: origins.map((origin, i) => ({ origin, vkey: vkeys[i]! })),
  };
}

/**
 * A parent that is killed closes the pipe on our standard input, and that is all we hear of it. A terminal or
 * /dev/null there means that we run alone.
 */
function endWithParent(stop: () => void): void {
  const input = fstatSync(0);
  if (!input.isFIFO() && !input.isSocket()) return;
  process.stdin.on('error', stop).on('close', stop).on('end', stop).resume();
}

main().catch((error: AssayError & NodeJS.ErrnoException) => {
  process.stderr.write(`${error.code ?? 'ERROR'}: ${error.message}\n${error.next ? `${error.next}\n` : ''}`);
  process.exit(error.code === 'ARGUMENT_INVALID' || error.code?.startsWith('ERR_PARSE_ARGS') ? 2 : 1);
});
