import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { canonicalBytes, digestHex } from '@assay/core';

const PACKAGES = fileURLToPath(new URL('../..', import.meta.url));
/** What figures use of core: how numbers are written, and rows encoded and committed to. */
const CORE = ['core/src/decimal.ts', 'core/src/batch.ts', 'core/src/canonical-json.ts'];
const { resolve } = createRequire(import.meta.url);
const remembered = new Map<string, string>();

/**
 * Digest of the code that makes a figure: SHA-256 over the digests of its source file and of everything that it
 * imports, by their names; of a library, its name and version. Anybody with the same checkout gets the same digest,
 * and no other code has it.
 *
 * @param entry the figure's file below `packages`, such as `market/src/grades/index.ts`.
 */
export function codeDigest(entry: string): string {
  const known = remembered.get(entry);
  if (known !== undefined) return known;
  const parts = new Map<string, string>();
  for (const file of [...CORE, entry]) follow(join(PACKAGES, file), parts);
  const digest = digestHex(
    canonicalBytes(Object.fromEntries([...parts].sort(([a], [b]) => (a < b ? -1 : 1)))),
  );
  remembered.set(entry, digest);
  return digest;
}

function follow(file: string, parts: Map<string, string>): void {
  const name = relative(PACKAGES, file);
  if (parts.has(name)) return;
  const text = readFileSync(file, 'utf8');
  parts.set(name, digestHex(Buffer.from(text)));
  for (const [, imported = ''] of text.matchAll(/(?:\bfrom|\bimport\(?)\s*'([^']+)'/g)) {
    if (imported.startsWith('.')) follow(join(dirname(file), imported), parts);
    // Of core only what is listed above: a change to how proofs are read does not change a figure.
    else if (imported === '@assay/core' || imported.startsWith('node:')) continue;
    else if (imported.startsWith('@assay/')) follow(realpathSync(resolve(imported)), parts);
    else library(imported, parts);
  }
}

function library(imported: string, parts: Map<string, string>): void {
  const name = imported
    .split('/')
    .slice(0, imported.startsWith('@') ? 2 : 1)
    .join('/');
  const file = join(PACKAGES, '..', 'node_modules', name, 'package.json');
  const { version } = existsSync(file)
    ? (JSON.parse(readFileSync(file, 'utf8')) as { version: string })
    : { version: 'unknown' };
  parts.set(name, version);
}
