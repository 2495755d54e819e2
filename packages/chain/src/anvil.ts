import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { createRequire } from 'node:module';
import { arch, platform } from 'node:os';
import { dirname, join } from 'node:path';
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
const STATE_EVERY_SECONDS = 2;
const MAX_RESTARTS = 20;

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
  mkdirSync(options.directory, { recursive: true });
  const state = join(options.directory, 'state.json');
  let notice: string | null = null;
  let running = await launch(state, 0).catch((error) => {
    if (!existsSync(state)) throw error;
    // A state that cannot be read is put aside, not deleted; checkpoints are anchored anew.
    renameSync(state, `${state}.damaged-${Date.now()}`);
    notice = 'the chain could not read its state, which was put aside; checkpoints are anchored anew';
    return launch(state, 0);
  });
  const { port } = running;
  let stopping = false;
  let restarts = 0;
  const watch = () => {
    running.child.once('exit', async () => {
      while (!stopping && restarts++ < MAX_RESTARTS) {
        options.onNotice?.('the development chain stopped; starting it again');
        await sleep(500);
        const again = stopping ? null : await launch(state, port).catch(() => null);
        if (!again) continue;
        running = again;
        return watch();
      }
    });
  };
  watch();
  return {
    rpcUrl: `http://127.0.0.1:${port}`,
    chainId: CHAIN_ID,
    notice,
    async stop() {
      stopping = true;
      const { child } = running;
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGINT');
      await Promise.race([exited, sleep(STOP_TIMEOUT_MS, undefined, { ref: false })]);
      child.kill('SIGKILL');
    },
  };
}

/**
 * Starts anvil behind a shell that becomes it. A second shell waits for the end of descriptor 3, which comes when
 * this process dies however it dies, and then interrupts anvil.
 */
async function launch(state: string, port: number): Promise<{ child: ChildProcess; port: number }> {
  const script = '(cat <&3 >/dev/null; kill -INT $$ 2>/dev/null) & exec "$@" 3<&-';
  const args = [
    '--port',
    String(port),
    '--chain-id',
    String(CHAIN_ID),
    '--state',
    state,
    '--state-interval',
    String(STATE_EVERY_SECONDS),
  ];
  const child = spawn('sh', ['-c', script, 'sh', anvilBinary(), ...args], {
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  });
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
    child.once('exit', (code, signal) => reject(new Error(`anvil ended with ${code ?? signal}`)));
    setTimeout(
      () => reject(new Error(`anvil did not listen within ${START_TIMEOUT_MS} ms`)),
      START_TIMEOUT_MS,
    ).unref();
  });
  try {
    const actual = await listening;
    // Nobody reads its log from here on; a full pipe would stop it.
    child.stdout!.removeAllListeners('data').resume();
    child.stderr!.removeAllListeners('data').resume();
    // The waiting shell ends with its descriptor; left open, it would keep both processes alive.
    child.once('exit', () => {
      for (const stream of child.stdio) stream?.destroy();
    });
    return { child, port: actual };
  } catch (cause) {
    child.kill('SIGKILL');
    throw new AssayError(
      'CHAIN_UNAVAILABLE',
      `the development chain did not start: ${(cause as Error).message} ${output.slice(-300)}`.trim(),
      {
        next: 'name another chain with --rpc, or start with --no-chain; records then stay unanchored',
        cause,
      },
    );
  }
}

/** The binary inside anvil's platform package: its install script, which newer npm blocks, is not needed. */
function anvilBinary(): string {
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
