import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { arch, platform } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AssayError } from '@assay/core';

/** A development chain: one node, no consensus, state in a folder. */
export interface DevelopmentChain {
  readonly rpcUrl: string;
  readonly chainId: number;
  /** Something that the operator should know, e.g. that a damaged state was put aside. */
  readonly notice: string | null;
  /** Stops the chain and lets it write its state. */
  stop(): Promise<void>;
}

const CHAIN_ID = 31_337;
const START_TIMEOUT_MS = 15_000;
const STOP_TIMEOUT_MS = 5_000;
/** The state grows by 3.7 kB a block and is written whole, in about 9 ms a megabyte: larger ones less often. */
const STATE_EVERY_SECONDS = 10;
/** States of so many blocks are kept, in memory, for proofs. */
const STATES_IN_MEMORY = 64;
const FIRST_RESTART_MS = 500;
const MAX_RESTARTS = 20;
/** A chain that ran so long before it died is not in a loop of crashes. */
const STABLE_MS = 60_000;

/**
 * Runs anvil as a child process on loopback, with its state kept in a folder. It dies with this process, even
 * when that is killed; when it dies by itself it is started again on the same port. What it had not written by
 * then is lost, which a keeper must bear as it bears a reorganisation.
 *
 * @throws CHAIN_UNAVAILABLE when there is no binary for this platform or it does not start.
 */
export async function startAnvil(options: {
  directory: string;
  onNotice?: (notice: string) => void;
}): Promise<DevelopmentChain> {
  const { directory, onNotice = () => undefined } = options;
  mkdirSync(directory, { recursive: true });
  const stopping = new AbortController();
  let running = await open(directory, 0);
  const { port, notice } = running;
  let reviving = Promise.resolve();
  let deaths = 0;
  const watch = () => {
    const startedMs = performance.now();
    running.child.once('exit', () => {
      if (performance.now() - startedMs > STABLE_MS) deaths = 0;
      if (!stopping.signal.aborted) reviving = revive();
    });
  };
  const revive = async () => {
    while (deaths < MAX_RESTARTS) {
      onNotice('the development chain stopped; starting it again');
      const delay = sleep(FIRST_RESTART_MS * 2 ** Math.min(deaths++, 6), undefined, {
        signal: stopping.signal,
      });
      await delay.catch(() => undefined);
      if (stopping.signal.aborted) return;
      const again = await open(directory, port).catch(() => null);
      if (!again) continue;
      running = again;
      if (again.notice) onNotice(again.notice);
      return watch();
    }
    onNotice(`the development chain stopped ${MAX_RESTARTS} times; checkpoints wait until the next start`);
  };
  watch();
  return {
    rpcUrl: `http://127.0.0.1:${port}`,
    chainId: CHAIN_ID,
    notice,
    async stop() {
      stopping.abort();
      await reviving;
      await end(running.child);
      rmSync(pidFile(directory), { force: true });
    },
  };
}

interface Running {
  child: ChildProcess;
  port: number;
  notice: string | null;
}

/** Starts anvil on the folder's state. One that it cannot read is put aside, not deleted, and it starts afresh. */
async function open(directory: string, port: number): Promise<Running> {
  await predecessorEnded(directory);
  try {
    return { ...(await launch(directory, port)), notice: null };
  } catch (error) {
    if (!(error instanceof AssayError && error.detail?.stateUnreadable)) throw error;
    const aside = `${stateFile(directory)}.damaged-${Date.now()}`;
    renameSync(stateFile(directory), aside);
    const notice = `the chain could not read its state, which was put aside as ${basename(aside)}; checkpoints are anchored anew`;
    return { ...(await launch(directory, port)), notice };
  }
}

/**
 * Starts anvil behind a shell that becomes it. A second shell waits for the end of descriptor 3, which comes when
 * this process dies however it dies, and then interrupts anvil. Both have a session of their own: a Ctrl-C in the
 * terminal is for this process, which then stops the chain when nobody needs it any more.
 */
async function launch(directory: string, port: number): Promise<{ child: ChildProcess; port: number }> {
  const state = stateFile(directory);
  const megabytes = existsSync(state) ? statSync(state).size / 1e6 : 0;
  const args = {
    port,
    'chain-id': CHAIN_ID,
    state,
    'state-interval': Math.max(STATE_EVERY_SECONDS, Math.round(megabytes)),
    'prune-history': STATES_IN_MEMORY,
    // Unless told, anvil puts older states into the home folder.
    'cache-path': join(directory, 'history'),
    // Nobody signs with anvil's well-known keys, and no page in a browser may speak to it.
    accounts: 0,
  };
  const script = '(cat <&3; kill -INT $$) >/dev/null 2>&1 & exec "$@" 3<&-';
  const child = spawn(
    'sh',
    [
      '-c',
      script,
      'sh',
      anvilBinary(),
      '--no-cors',
      ...Object.entries(args).flatMap(([name, value]) => [`--${name}`, String(value)]),
    ],
    { stdio: ['ignore', 'pipe', 'pipe', 'pipe'], detached: true },
  );
  // The waiting shell ends with its descriptor; left open, it would keep both processes alive.
  child.once('exit', () => child.stdio[3]?.destroy());
  let output = '';
  const listening = new Promise<number>((resolve, reject) => {
    const read = (chunk: Buffer) => {
      output = (output + chunk.toString('utf8')).slice(-20_000);
      const found = /Listening on 127\.0\.0\.1:(\d+)/.exec(output);
      if (found) resolve(Number(found[1]));
    };
    child.stdout!.on('data', read);
    child.stderr!.on('data', read);
    child.once('error', reject);
    child.once('close', (code, signal) => reject(new Error(`anvil ended with ${code ?? signal}`)));
    setTimeout(
      () => reject(new Error(`anvil did not listen within ${START_TIMEOUT_MS} ms`)),
      START_TIMEOUT_MS,
    ).unref();
  });
  try {
    const actual = await listening;
    writeFileSync(pidFile(directory), String(child.pid));
    // Nobody reads its log from here on; a full pipe would stop it.
    child.stdout!.removeAllListeners('data').resume();
    child.stderr!.removeAllListeners('data').resume();
    return { child, port: actual };
  } catch (cause) {
    child.kill('SIGKILL');
    throw new AssayError(
      'CHAIN_UNAVAILABLE',
      `the development chain did not start: ${(cause as Error).message} ${output.slice(-300)}`.trim(),
      {
        next: 'name another chain with --rpc, or start with --no-chain; records then stay unanchored',
        detail: { stateUnreadable: output.includes("for '--state <PATH>'") },
        cause,
      },
    );
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGINT');
  await Promise.race([exited, sleep(STOP_TIMEOUT_MS, undefined, { ref: false })]);
  child.kill('SIGKILL');
}

/** After this process was killed, the chain of the run before may still be writing the state. */
async function predecessorEnded(directory: string): Promise<void> {
  if (!existsSync(pidFile(directory))) return;
  const pid = Number(readFileSync(pidFile(directory), 'utf8'));
  // Bounded: the number may meanwhile be another process's.
  for (let waitedMs = 0; waitedMs < STOP_TIMEOUT_MS && isAlive(pid); waitedMs += 20) await sleep(20);
  rmSync(pidFile(directory), { force: true });
}

function isAlive(pid: number): boolean {
  try {
    return pid > 0 && process.kill(pid, 0);
  } catch {
    return false;
  }
}

function stateFile(directory: string): string {
  return join(directory, 'state.json');
}

function pidFile(directory: string): string {
  return join(directory, 'anvil.pid');
}

/** The binary inside anvil's platform package: its install script, which newer npm blocks, is not needed. */
export function anvilBinary(): string {
  const name = `@foundry-rs/anvil-${platform()}-${arch() === 'x64' ? 'amd64' : arch()}`;
  try {
    const fromAnvil = createRequire(import.meta.resolve('@foundry-rs/anvil/package.json'));
    return join(dirname(fromAnvil.resolve(`${name}/package.json`)), 'bin', 'anvil');
  } catch (cause) {
    throw new AssayError('CHAIN_UNAVAILABLE', `there is no development chain for ${platform()}-${arch()}`, {
      next: 'name a chain with --rpc, or start with --no-chain; records then stay unanchored',
      cause,
    });
  }
}
