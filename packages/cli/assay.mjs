#!/usr/bin/env node
// Plain JavaScript: it must start on whatever Node the machine has, and hand over to Node 24, which runs TypeScript.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { arch, platform } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('./src/main.ts', import.meta.url));
if (Number(process.versions.node.split('.')[0]) >= 24) {
  await import(main);
} else {
  const { status } = spawnSync(bundledNode(), [main, ...process.argv.slice(2)], { stdio: 'inherit' });
  process.exit(status ?? 1);
}

function bundledNode() {
  try {
    const manifest = createRequire(import.meta.url).resolve(`node-${platform()}-${arch()}/package.json`);
    return join(dirname(manifest), 'bin', 'node');
  } catch {
    console.error(`assay: needs Node 24 or newer, this is ${process.version}; install it from nodejs.org`);
    process.exit(2);
  }
}
