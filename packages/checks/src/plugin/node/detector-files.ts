import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { AssayError, canonicalBytes, digestHex } from '@assay/core';
import { asDetector, MAX_REGISTERED, type RegisteredDetector } from '../detector-registry.ts';

/** Largest file of a custom detector. */
const MAX_FILE_BYTES = 1024 * 1024;
const IS_MODULE = /\.(ts|mts|js|mjs)$/;
const IS_NO_DETECTOR = /(\.(test|fixture|contract)\.[a-z]+|\.d\.m?ts)$/;
/** Another file of its own would be code that the digest does not name. */
const OWN_IMPORT = /(?:\bfrom|\bimport)\s*\(?\s*['"`](\.{0,2}\/[^'"`]*)/;

/**
 * Loads custom detectors: an edge of the checks, which reads files and runs them. Each is one TypeScript or JavaScript
 * file whose default export is a {@link Detector}; it may import packages, but no file of its own, so that the SHA-256
 * of the file names all of its code.
 *
 * A custom detector runs with every right of this process. Load only files that you would run yourself.
 *
 * @param paths files, and folders whose `.ts`, `.mts`, `.js` and `.mjs` files are taken in the order of their names.
 * @throws NOT_FOUND for a path that is not there; ARGUMENT_INVALID naming the file for anything that is no detector.
 * @example
 * const [battery] = await loadDetectors(['examples/custom-detector.ts']);
 */
export async function loadDetectors(paths: readonly string[]): Promise<RegisteredDetector[]> {
  const files = paths.flatMap(filesAt);
  if (files.length > MAX_REGISTERED) {
    throw new AssayError('ARGUMENT_INVALID', `expected at most ${MAX_REGISTERED} files, got ${files.length}`);
  }
  const loaded: RegisteredDetector[] = [];
  for (const file of files) loaded.push(await loadFile(file));
  return loaded;
}

/**
 * SHA-256 over the canonical JSON of files' own digests, by name: names the code of a detector of several files.
 *
 * @example
 * const digest = digestOfFiles(new URL('../custody/', import.meta.url).pathname);
 */
export function digestOfFiles(folder: string): { sha256: string } {
  const digests = readdirSync(folder)
    .filter((name) => IS_MODULE.test(name) && !IS_NO_DETECTOR.test(name))
    .sort()
    .map((name) => [name, digestHex(readFileSync(join(folder, name)))]);
  return { sha256: digestHex(canonicalBytes(Object.fromEntries(digests))) };
}

async function loadFile(file: string): Promise<RegisteredDetector> {
  const size = statSync(file).size;
  if (size > MAX_FILE_BYTES) refuse(file, `expected at most ${MAX_FILE_BYTES} bytes, got ${size}`);
  const bytes = new Uint8Array(readFileSync(file));
  const source = new TextDecoder().decode(bytes);
  const own = OWN_IMPORT.exec(source)?.[1];
  if (own !== undefined)
    refuse(file, `expected one file that imports packages alone, got an import of ${own}`);
  const sha256 = digestHex(bytes);
  let module: { default?: unknown };
  try {
    // The digest in the address makes a changed file another module.
    module = await import(/* @vite-ignore */ `${pathToFileURL(file).href}?sha256=${sha256}`);
  } catch (cause) {
    return refuse(file, `the file does not load: ${(cause as Error).message}`, cause);
  }
  if (digestHex(new Uint8Array(readFileSync(file))) !== sha256) {
    refuse(file, 'the file changed while it was loaded');
  }
  return { detector: asDetector(module.default, file), digest: { sha256 } };
}

function filesAt(path: string): string[] {
  const absolute = resolve(path);
  const found = statSync(absolute, { throwIfNoEntry: false });
  if (!found) {
    throw new AssayError('NOT_FOUND', `there is no file or folder ${path}`, {
      next: 'name the file of a detector, or a folder of such files',
    });
  }
  if (!found.isDirectory()) return [absolute];
  return readdirSync(absolute)
    .filter((name) => IS_MODULE.test(name) && !IS_NO_DETECTOR.test(name))
    .sort()
    .map((name) => join(absolute, name));
}

function refuse(file: string, message: string, cause?: unknown): never {
  throw new AssayError('ARGUMENT_INVALID', `${file}: ${message}`, {
    next: 'docs/detectors.md shows what a file of a custom detector holds',
    ...(cause === undefined ? {} : { cause }),
  });
}
