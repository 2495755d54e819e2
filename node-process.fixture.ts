/** Starts real nodes for tests, and reads what they leave as a stranger would: with core alone. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
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

/** A node that serves; `base` is its address. */
export async function serve(args: readonly string[]): Promise<{ child: ChildProcess; base: string }> {
  const child = spawn(process.execPath, ['main.ts', '--port', '0', ...args], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  child.stderr.on('data', (chunk) => {
    output += chunk;
  });
  let base: string | undefined;
  await until(async () => {
    base = /http:\/\/127\.0\.0\.1:\d+/.exec(output)?.[0];
    return base !== undefined || child.exitCode !== null;
  });
  if (!base) throw new Error(`the node ended with ${child.exitCode}: ${output}`);
  return { child, base };
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
