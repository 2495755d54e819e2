#!/usr/bin/env node
import { fstatSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { AssayError, cosigner } from '@assay/core';
import { keyFromFile } from './key-file.ts';
import { witnessServer } from './server.ts';
import { createWitness } from './witness.ts';
import { sqliteWitnessStore } from './witness-store.ts';

const USAGE = `usage: node main.ts --data-dir <folder> --name <name> --log-origin <origin> --log-vkey <vkey>
                    [--log-origin … --log-vkey …] [--host 127.0.0.1] [--port 0]`;

/** A witness as a process of its own: prints one JSON line when it listens, ends with its parent. */
async function main(): Promise<void> {
  const options = readOptions();
  mkdirSync(options.dataDir, { recursive: true, mode: 0o700 });
  const key = await keyFromFile(join(options.dataDir, 'witness.key'));
  const store = sqliteWitnessStore(join(options.dataDir, 'witness.db'));
  const signer = cosigner(options.name, key, () => Math.floor(Date.now() / 1000));
  const server = witnessServer(createWitness({ store, signer, logs: options.logs }));

  let stopping = false;
  const stop = async () => {
    if (stopping) return;
    stopping = true;
    await server.close();
    store.close();
    process.exit(0);
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  endWithParent(stop);

  const url = await server.listen({ host: options.host, port: options.port });
  process.stdout.write(`${JSON.stringify({ url, name: signer.name, vkey: signer.vkey })}\n`);
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
  return { dataDir, name, host, port, logs: origins.map((origin, i) => ({ origin, vkey: vkeys[i]! })) };
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
