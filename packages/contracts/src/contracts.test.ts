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
import { CREATE2_DEPLOYER, checkpointAnchorBytecode, checkpointAnchorDeployment } from './index.ts';

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

test("the deployment is the proxy's input: salt, creation code, registrar", () => {
  const registrar = '0x1a642f0e3c3af545e7acbd38b07251b3990914f1';
  const { to, salt, creationCode, data } = checkpointAnchorDeployment(registrar);
  expect(to).toBe(CREATE2_DEPLOYER);
  expect(creationCode).toBe(`${checkpointAnchorBytecode}${'0'.repeat(24)}${registrar.slice(2)}`);
  expect(data).toBe(`0x${'0'.repeat(64)}${creationCode.slice(2)}`);
  expect(salt).toBe(`0x${'0'.repeat(64)}`);
  // One spelling of an address gives one address of the contract.
  expect(checkpointAnchorDeployment('0x1a642f0E3c3aF545E7AcBD38b07251B3990914F1').data).toBe(data);
});

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
