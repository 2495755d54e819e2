/** Starts real nodes for tests, and reads what they leave as a stranger would: with core alone. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import {
  bytesToHex,
  decodeEntries,
  leafHash,
  merkleRoot,
  parseCheckpoint,
  parseNote,
  TILE_WIDTH,
  tilePath,
} from '@assay/core';

export const ROOT = fileURLToPath(new URL('.', import.meta.url));

export interface Finished {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs a script of ours to its end. A run that hangs is killed and has no exit code. */
export async function run(
  script: string,
  args: readonly string[],
  options: { cwd?: string; timeoutMs?: number } = {},
): Promise<Finished> {
  const child = spawn(process.execPath, [join(ROOT, script), ...args], {
    cwd: options.cwd ?? ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk) => {
    output.stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    output.stderr += chunk;
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), options.timeoutMs ?? 90_000);
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  clearTimeout(timer);
  return { code, ...output };
}

/** A node that serves; `base` is its address. It answers before its first screen, and so do we. */
export async function serve(args: readonly string[]): Promise<{ child: ChildProcess; base: string }> {
  for (let tries = 1; ; tries++) {
    const port = await freePort();
    const base = `http://127.0.0.1:${port}`;
    const child = spawn(
      process.execPath,
      [
        'main.ts',
        '--port',
        String(port),
        ...(args.includes('--market') ? [] : ['--market', 'none']),
        ...args,
      ],
      {
        cwd: ROOT,
        stdio: ['ignore', 'ignore', 'pipe'],
      },
    );
    let errors = '';
    child.stderr.on('data', (chunk) => {
      errors += chunk;
    });
    const answers = () => fetch(`${base}/v1/status`).then(({ ok }) => ok);
    await until(async () => child.exitCode !== null || (await answers()), 60_000);
    if (child.exitCode === null) return { child, base };
    // Somebody else may have taken the port since it was found free.
    if (tries === 3 || !errors.includes('PORT_IN_USE'))
      throw new Error(`the node ended with ${child.exitCode}: ${errors}`);
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Asks a node to stop and waits for that. */
export async function stop(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  child.kill('SIGINT');
  return ended;
}

/** Waits until something holds. */
export async function until(holds: () => Promise<boolean>, timeoutMs = 30_000): Promise<void> {
  for (const deadline = Date.now() + timeoutMs; !(await holds().catch(() => false)); ) {
    if (Date.now() > deadline) throw new Error(`waited ${timeoutMs} ms in vain`);
    await sleep(50);
  }
}

/**
 * Reads a published log from its folder, as any static file server would give it: all entries, and the root that
 * they give against the one that the checkpoint states.
 */
export function readPublishedLog(folder: string): {
  origin: string;
  size: number;
  entries: Uint8Array[];
  stated: string;
  actual: string;
} {
  const { text } = parseNote(readFileSync(join(folder, 'checkpoint'), 'utf8'));
  const { origin, size, root } = parseCheckpoint(text);
  const entries: Uint8Array[] = [];
  for (let index = 0; index * TILE_WIDTH < size; index++) {
    const width = Math.min(TILE_WIDTH, size - index * TILE_WIDTH);
    const partial = join(folder, tilePath({ level: 'entries', index, width }));
    const path = existsSync(partial)
      ? partial
      : join(folder, tilePath({ level: 'entries', index, width: TILE_WIDTH }));
    entries.push(...decodeEntries(readFileSync(path)).slice(0, width));
  }
  return {
    origin,
    size,
    entries,
    stated: bytesToHex(root),
    actual: bytesToHex(merkleRoot(entries.map(leafHash))),
  };
}
