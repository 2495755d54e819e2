/**
 * Appends to a log whenever it is this process's turn, and prints `ready`, `open`, `<number> <index>` for each
 * acknowledged entry, and `stopped`: killed and paused by standby.test.ts.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type AssayError, ed25519NoteSigner, ed25519Signer } from '@assay/core';
import postgres from 'postgres';
import { directoryTileStore } from './directory-tiles.ts';
import { entriesFrom, ORIGIN } from './log.fixture.ts';
import { postgresCheckpointStore } from './postgres-checkpoints.ts';
import { sqliteCheckpointStore } from './sqlite-checkpoints.ts';
import { openLedgerWhenFree } from './standby.ts';

const [folder = '', host = '', database = '', holder = '', first, leaseForMs] = process.argv.slice(2);
const signer = ed25519NoteSigner(ORIGIN, await ed25519Signer(new Uint8Array(32).fill(7)));
const checkpoints =
  host === ''
    ? sqliteCheckpointStore(join(folder, 'ledger.db'), ORIGIN)
    : postgresCheckpointStore({ sql: postgres({ host, username: 'postgres', database }), origin: ORIGIN });

// A pause between two commits: one inside a commit to SQLite would hold the file's lock.
process.on('SIGUSR2', () => process.kill(process.pid, 'SIGSTOP'));
process.stdout.write('ready\n');

for (let next = Number(first); ; ) {
  const stopped = Promise.withResolvers<AssayError>();
  const ledger = await openLedgerWhenFree({
    origin: ORIGIN,
    signer,
    tiles: () => directoryTileStore(join(folder, 'log')),
    checkpoints,
    witnesses: [],
    quorum: 0,
    poolForMs: 0,
    publishEveryMs: 0,
    holder,
    leaseForMs: Number(leaseForMs),
    onStopped: stopped.resolve,
  });
  process.stdout.write('open\n');
  let isStopped = false;
  void stopped.promise.then(() => {
    isStopped = true;
  });
  for (let count = 1; !isStopped; next += count, count = (count * 7) % 409) {
    const indices = await ledger.append(entriesFrom(next, next + count)).catch(() => []);
    process.stdout.write(indices.map((index, i) => `${next + i} ${index}\n`).join(''));
    await sleep(1);
  }
  process.stdout.write('stopped\n');
  await ledger.close();
}
