/** The contracts: their own tests run in Foundry's EVM, and the committed artifacts belong to the sources. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { arch, platform } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { compileAll } from '../compile.ts';
import * as artifacts from './artifacts.ts';

const forge = forgeBinary();
if (!forge) console.warn(`skipped: there is no forge binary for ${platform()}-${arch()}`);

test.skipIf(!forge)(
  'unit, fuzz and invariant tests pass in forge',
  () => {
    const root = fileURLToPath(new URL('../../..', import.meta.url));
    const run = spawnSync(forge!, ['test'], { encoding: 'utf8', cwd: root });
    expect(run.status, run.stdout + run.stderr).toBe(0);
    expect(run.stdout).toMatch(/[1-9]\d* tests? passed, 0 failed/);
  },
  120_000,
);

test('compiling the sources gives the committed artifacts, byte for byte', () => {
  const { compiler, contracts } = compileAll();
  expect({ compiler, ...contracts }).toEqual({ ...artifacts });
}, 60_000);

function forgeBinary(): string | null {
  const cpu = arch() === 'x64' ? 'amd64' : arch();
  try {
    const manifest = createRequire(import.meta.resolve('@foundry-rs/forge/package.json')).resolve(
      `@foundry-rs/forge-${platform()}-${cpu}/package.json`,
    );
    const binary = join(dirname(manifest), 'bin', 'forge');
    return existsSync(binary) ? binary : null;
  } catch {
    return null;
  }
}
