// Makes a fresh machine ready: `npm start` and `npm test` run this first, on whatever Node there is, before
// anything is installed. So: plain JavaScript, no dependencies, and nothing is done twice.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { arch, platform } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const NEEDED_NODE = 24;
process.chdir(dirname(fileURLToPath(import.meta.url)));

installPackages();
const node = findNode();
buildConsole();

/** `npm ci`, only when the lock file is newer than what it installed last. */
function installPackages() {
  if (timeOf('package-lock.json') <= timeOf('node_modules/.package-lock.json')) return;
  console.error('assay: installing packages (once, about half a minute) …');
  // npm_execpath is the npm that runs us, which may not be the first on the path.
  const npm = process.env.npm_execpath;
  run(npm ? process.execPath : 'npm', [
    ...(npm ? [npm] : []),
    'ci',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
  ]);
}

/** Node 24 runs TypeScript as it is. On Linux a package brings it; npm scripts find it first on their path. */
function findNode() {
  const bundled = join('node_modules', `node-${platform()}-${arch()}`, 'bin', 'node');
  if (existsSync(bundled)) return bundled;
  if (Number(process.versions.node.split('.')[0]) >= NEEDED_NODE) return process.execPath;
  fail(
    `Assay needs Node ${NEEDED_NODE} on ${platform()}-${arch()}, this is ${process.version}: install it from nodejs.org`,
  );
}

/** The console is the only thing with a build step; it is built again when a source is newer. */
function buildConsole() {
  const built = timeOf('packages/console/dist/index.html');
  if (
    Math.max(newestIn('packages/console'), newestIn('packages/core/src'), timeOf('package-lock.json')) <=
    built
  )
    return;
  console.error('assay: building the console …');
  run(node, ['node_modules/vite/bin/vite.js', 'build', 'packages/console', '--logLevel', 'warn']);
}

function newestIn(folder) {
  return readdirSync(folder, { withFileTypes: true }).reduce((newest, entry) => {
    if (['dist', 'node_modules', 'test'].includes(entry.name) || entry.name.includes('.test.')) return newest;
    const path = join(folder, entry.name);
    return Math.max(newest, entry.isDirectory() ? newestIn(path) : timeOf(path));
  }, 0);
}

function timeOf(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

function run(command, args) {
  const { status, error } = spawnSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  if (error || status !== 0)
    fail(
      `${[command, ...args].join(' ')} failed${error ? `: ${error.message}` : ` with exit code ${status}`}`,
    );
}

function fail(message) {
  console.error(`assay: ${message}`);
  process.exit(1);
}
