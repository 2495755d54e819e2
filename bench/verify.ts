/**
 * How long a verifier needs for one whole bundle (a row of a node's log, with verdict, witnesses and anchor), in
 * Node and in Chromium, beside the signatures that such a bundle has.
 *
 *   npm run bench
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseBundle, parseTrustPolicy, verifyBundle } from '@assay/core';
import { chromium } from 'playwright-core';
import { build } from 'vite';

const TIMES = 200;
const root = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'assay-bench-'));
try {
  const { bundle, policy } = makeBundle();
  console.log(
    `A bundle of ${bundle.length} bytes, ${bundle.match(/\\n— /g)?.length} signatures on its checkpoints\n`,
  );
  report('Node', 5, await inNode(bundle, policy));
  const executablePath = process.env.CHROMIUM_PATH ?? '/usr/bin/chromium';
  if (existsSync(executablePath)) report('Chromium', 20, await inChromium(executablePath, bundle, policy));
  else console.log('Chromium: skipped, as it is not installed');
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** Runs a node on simulated data, and exports the newest row. */
function makeBundle(): { bundle: string; policy: string } {
  const run = (...args: string[]) =>
    execFileSync(process.execPath, ['--disable-warning=ExperimentalWarning', ...args], {
      cwd: root,
      encoding: 'utf8',
    });
  const data = join(folder, 'data');
  run('main.ts', '--source', 'simulated', '--hours', '3', '--data-dir', data, '--once', '--json');
  const cli = 'packages/cli/src/main.ts';
  const stream = 'kraken.BTC-USD.1m';
  const listed = run(cli, 'records', '--stream', stream, '--limit', '1', '--data-dir', data, '--json');
  const id = /[0-9a-f]{64}\.\d+/.exec(listed)![0];
  return {
    bundle: run(cli, 'export', id, '--data-dir', data),
    policy: readFileSync(join(data, 'trust-policy.json'), 'utf8'),
  };
}

async function inNode(bundle: string, policyText: string): Promise<number[]> {
  const policy = parseTrustPolicy(policyText);
  const took: number[] = [];
  for (let i = 0; i < TIMES; i++) {
    const began = performance.now();
    const { outcome } = await verifyBundle(parseBundle(bundle), policy);
    took.push(performance.now() - began);
    if (outcome !== 'verified') throw new Error(`expected verified, got ${outcome}`);
  }
  return took;
}

/** The same code, built for a browser as the console is. */
async function inChromium(executablePath: string, bundle: string, policy: string): Promise<number[]> {
  await build({
    root,
    configFile: false,
    logLevel: 'silent',
    build: {
      outDir: join(folder, 'web'),
      lib: {
        entry: join(root, 'packages/core/src/index.ts'),
        formats: ['iife'],
        name: 'core',
        fileName: 'core',
      },
    },
  });
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
  try {
    const page = await browser.newPage();
    // WebCrypto needs a secure context, which a page without an address is not.
    await page.route('http://localhost/', (route) =>
      route.fulfill({ contentType: 'text/html', body: '<!doctype html>' }),
    );
    await page.goto('http://localhost/');
    await page.addScriptTag({ path: join(folder, 'web', 'core.iife.js') });
    return await page.evaluate(
      async ({ bundle, policy, times }) => {
        const { core } = globalThis as unknown as { core: typeof import('@assay/core') };
        const parsed = core.parseTrustPolicy(policy);
        const took: number[] = [];
        for (let i = 0; i < times; i++) {
          const began = performance.now();
          const { outcome } = await core.verifyBundle(core.parseBundle(bundle), parsed);
          took.push(performance.now() - began);
          if (outcome !== 'verified') throw new Error(`expected verified, got ${outcome}`);
        }
        return took;
      },
      { bundle, policy, times: TIMES },
    );
  } finally {
    await browser.close();
  }
}

function report(where: string, targetMs: number, took: number[]): void {
  const [first] = took;
  const sorted = took.toSorted((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)]!;
  const p99 = sorted[Math.floor(sorted.length * 0.99)]!;
  const met = median < targetMs;
  if (!met) process.exitCode = 1;
  console.log(
    `${where.padEnd(9)} median ${median.toFixed(2)} ms   p99 ${p99.toFixed(2)} ms   the first ${first!.toFixed(1)} ms   ${met ? '✓' : '✗'} below ${targetMs} ms`,
  );
}
