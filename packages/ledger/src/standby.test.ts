/**
 * Shows two real processes that stand ready for one log: one writes, the other takes over soon after its death,
 * and one that was paused over its time does no harm when it wakes.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { fromUtf8 } from '@assay/core';
import { afterAll, beforeAll, describe, type ExpectStatic, expect, test } from 'vitest';
import type { CheckpointStore } from './checkpoint-store.ts';
import { entriesFrom, entry, ORIGIN, temporaryLog, verifyServedLog } from './log.fixture.ts';
import { postgresAbsent, startPostgres, type TestPostgres } from './postgres.fixture.ts';
import { postgresCheckpointStore } from './postgres-checkpoints.ts';
import { openLedgerWhenFree, type StandbyOptions } from './standby.ts';

const DEFAULT_LEASE_MS = 5_000;
const TAKEOVER_WITHIN_MS = 10_000;
const SHORT_LEASE_MS = 1_500;

let server: TestPostgres | undefined;
beforeAll(async () => {
  if (postgresAbsent) return;
  server = await startPostgres();
  for (const database of ['killed', 'paused']) await server.connect(database);
});
afterAll(() => server?.dispose());

const STORES = [
  { name: 'SQLite', skipped: null, host: () => '', pause: 'SIGUSR2' as const },
  { name: 'PostgreSQL', skipped: postgresAbsent, host: () => server!.host, pause: 'SIGSTOP' as const },
];

describe.for(STORES)(
  'two processes on one log in $name',
  { concurrent: true },
  ({ skipped, host, pause }) => {
    const because = skipped ? ` (${skipped})` : '';

    test.skipIf(skipped)(
      `the other takes over after a kill${because}`,
      { timeout: 40_000 },
      async ({ expect }) => {
        const pair = await twoProcesses({ host: host(), database: 'killed', leaseForMs: DEFAULT_LEASE_MS });
        try {
          await pair.second.says('ready');
          await pair.first.acknowledges(2_000);
          expect(pair.second.words).toEqual(['ready']);

          pair.first.signal('SIGKILL');
          const killedAtMs = performance.now();
          await pair.second.acknowledges(1);
          const tookMs = performance.now() - killedAtMs;
          expect(tookMs).toBeLessThan(TAKEOVER_WITHIN_MS);
          await pair.second.acknowledges(2_000);
        } finally {
          await pair.verify(expect);
        }
      },
    );

    test.skipIf(skipped)(
      `one that was paused does no harm${because}`,
      { timeout: 40_000 },
      async ({ expect }) => {
        const pair = await twoProcesses({ host: host(), database: 'paused', leaseForMs: SHORT_LEASE_MS });
        try {
          await pair.second.says('ready');
          await pair.first.acknowledges(500);
          pair.first.signal(pause);
          await pair.second.acknowledges(500);
          pair.first.signal('SIGCONT');
          await pair.first.says('stopped');
          await pair.second.acknowledges(1_000);
          expect(pair.second.words).not.toContain('stopped');

          const before = pair.first.acknowledged.size;
          pair.second.signal('SIGKILL');
          await pair.first.acknowledges(before + 500);
        } finally {
          await pair.verify(expect);
        }
      },
    );
  },
);

test('a turn that is given up is taken at once, and waiting can be ended', async () => {
  await withLog(async ({ open }) => {
    const first = await open({ holder: 'first', leaseForMs: 3_000 });
    await first.append(entriesFrom(0, 10));
    const given = new AbortController();
    const waiting = open({ holder: 'second', signal: given.signal });
    given.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');

    const next = open({ holder: 'third', leaseForMs: 300 });
    await first.close();
    expect((await next).size).toBe(10);
  });
});

test('a ledger whose lease went to another stops by itself, commits nothing and says so once', async () => {
  await withLog(async ({ log, open }) => {
    const stopped: string[] = [];
    const onStopped: StandbyOptions['onStopped'] = ({ code, message }) => stopped.push(`${code}: ${message}`);
    const ledger = await open({ holder: 'first', leaseForMs: 300, onStopped });
    await ledger.append(entriesFrom(0, 10));
    await log.checkpoints.releaseLease('first');
    await log.checkpoints.holdLease('other', 60_000);
    await expect.poll(() => stopped).toHaveLength(1);
    await expect(ledger.append(entriesFrom(10, 20))).rejects.toMatchObject({ code: 'LEDGER_STOPPED' });
    await ledger.close();
    expect(stopped).toEqual([
      'LEDGER_STOPPED: another process has taken over this log; this one has stopped',
    ]);
    expect((await log.checkpoints.holdLease('third', 1)).held).toBe(false);
  });
});

test('who wakes after its time asks before it commits', async () => {
  await withLog(async ({ log, open }) => {
    let nowMs = 1_000_000;
    const ledger = await open({ holder: 'first', leaseForMs: 60_000, nowMs: () => nowMs });
    await ledger.append(entriesFrom(0, 10));
    await log.checkpoints.releaseLease('first');
    await log.checkpoints.holdLease('other', 60_000);
    nowMs += 60_000;
    await expect(ledger.append(entriesFrom(10, 20))).rejects.toMatchObject({ code: 'LEDGER_STOPPED' });
    expect((await log.checkpoints.load()).staged.at(-1)?.toSize ?? 10).toBe(10);
  });
});

test('a checkpoint that a paused process wrote late is put right', async () => {
  await withLog(async ({ log, open }) => {
    const ledger = await open({ holder: 'first', leaseForMs: 90 });
    await ledger.append(entriesFrom(0, 10));
    const old = await ledger.whenPublished(10);
    await ledger.append(entriesFrom(10, 20));
    const { note } = await ledger.whenPublished(20);
    await log.tiles.publish(old.note);
    await expect.poll(async () => fromUtf8((await log.tiles.get('checkpoint'))!)).toBe(note);
  });
});

test('a commit of the one before while this one opens is no corruption', async () => {
  await withLog(async ({ log, open }) => {
    const before = await log.open();
    await before.append(entriesFrom(0, 10));
    await before.whenPublished(10);
    // It has lost its turn without knowing, and commits right after the next one has read the lock.
    let loads = 0;
    const checkpoints: CheckpointStore = {
      ...log.checkpoints,
      async load() {
        const state = await log.checkpoints.load();
        if (++loads === 2) {
          await before.append(entriesFrom(10, 600));
          await before.whenPublished(600);
          await before.close();
        }
        return state;
      },
    };
    expect((await open({ holder: 'next', checkpoints })).size).toBe(600);
  });
});

test('what is wrong with the log itself is said, and the turn given up', async () => {
  await withLog(async ({ log, open }) => {
    const ledger = await log.open();
    await ledger.append(entriesFrom(0, 600));
    await ledger.close();
    const tiles = () => ({ ...log.tiles, get: async () => null });
    await expect(open({ holder: 'first', tiles })).rejects.toMatchObject({ code: 'LEDGER_CORRUPT' });
    expect((await log.checkpoints.holdLease('second', 1)).held).toBe(true);
  });
});

/** A log in this process, with ledgers that are opened in turn and closed at the end. */
async function withLog(
  work: (use: {
    log: Awaited<ReturnType<typeof temporaryLog>>;
    open: (options: Partial<StandbyOptions> & { holder: string }) => ReturnType<typeof openLedgerWhenFree>;
  }) => Promise<void>,
): Promise<void> {
  const log = await temporaryLog();
  const opened: { close(): Promise<void> }[] = [];
  const { signer, checkpoints } = log;
  const tiles = () => log.tiles;
  const pace = { poolForMs: 0, publishEveryMs: 0, witnesses: [], quorum: 0 };
  const open = async (options: Partial<StandbyOptions> & { holder: string }) => {
    const ledger = await openLedgerWhenFree({
      ...pace,
      origin: ORIGIN,
      signer,
      tiles,
      checkpoints,
      ...options,
    });
    opened.push(ledger);
    return ledger;
  };
  try {
    await work({ log, open });
  } finally {
    for (const ledger of opened) await ledger.close();
    await log.dispose();
  }
}

/** Two appending processes, the first of which has its turn already. */
async function twoProcesses(options: { host: string; database: string; leaseForMs: number }) {
  const log = await temporaryLog();
  const start = (holder: string, first: number) =>
    appender([log.folder, options.host, options.database, holder, String(first), String(options.leaseForMs)]);
  const first = start('first', 0);
  await first.acknowledges(1);
  const second = start('second', 10_000_000);
  return {
    first,
    second,
    /** Ends both, and finds everything that was acknowledged in the served log. */
    async verify(expect: ExpectStatic): Promise<void> {
      await Promise.all([first.end(), second.end()]);
      const ledger = await log.open({ checkpoints: await checkpointsOf(options, log) });
      await ledger.whenPublished(ledger.size);
      const served = await verifyServedLog((path) => log.tiles.get(path), log.signer.vkey);
      for (const [number, index] of [...first.acknowledged, ...second.acknowledged]) {
        expect(served.entries[index]).toEqual(entry(number));
      }
      await log.dispose();
    },
  };
}

async function checkpointsOf(
  options: { host: string; database: string },
  log: Awaited<ReturnType<typeof temporaryLog>>,
): Promise<CheckpointStore> {
  if (options.host === '') return log.checkpoints;
  return postgresCheckpointStore({ sql: await server!.connect(options.database), origin: ORIGIN });
}

/** A process of standby.child.ts. */
function appender(args: string[]) {
  const script = fileURLToPath(new URL('./standby.child.ts', import.meta.url));
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', script, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const acknowledged = new Map<number, number>();
  const words: string[] = [];
  createInterface(child.stdout).on('line', (line) => {
    const [number, index] = line.split(' ').map(Number);
    if (index === undefined) words.push(line);
    else acknowledged.set(number!, index);
  });
  const until = async (reached: () => boolean) => {
    while (!reached()) {
      if (child.exitCode !== null) throw new Error(`the process ended with ${child.exitCode}`);
      await sleep(5);
    }
  };
  return {
    words,
    acknowledged,
    acknowledges: (count: number) => until(() => acknowledged.size >= count),
    says: (word: string) => until(() => words.includes(word)),
    signal: (signal: NodeJS.Signals) => child.kill(signal),
    async end() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}
