/** The registry and its loader: names are unique, what is no detector is refused, a file's digest names its code. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { digestHex, utf8 } from '@assay/core';
import { afterAll, expect, test } from 'vitest';
import { custody } from '../custody/custody.ts';
import { DetectorRegistry } from './detector-registry.ts';
import { digestOfFiles, loadDetectors } from './node/detector-files.ts';

const folder = mkdtempSync(join(tmpdir(), 'assay-detectors-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const source = (name: string, rest = '') =>
  `export default { name: '${name}', version: '1.0.0', readTerms: () => ({}), begin: () => null,
     examine: (_, __, memory) => ({ findings: [], memory }) };\n${rest}`;
const write = (file: string, text: string) => {
  writeFileSync(join(folder, file), text);
  return join(folder, file);
};

test('a registry gives detectors by name and describes them', () => {
  const registry = new DetectorRegistry([{ detector: custody, digest: { sha256: 'a'.repeat(64) } }]);
  expect(registry.get('custody').detector).toBe(custody);
  expect(registry.has('astrology')).toBe(false);
  expect(registry.describe()).toEqual([
    { name: 'custody', version: custody.version, digest: 'a'.repeat(64) },
  ]);
  expect(() => registry.get('astrology')).toThrow('there is no detector "astrology"');
});

test('two of one name are refused, and what is no detector', () => {
  const entry = { detector: custody, digest: null };
  expect(() => new DetectorRegistry([entry, entry])).toThrow('custody twice');
  const wrong: [unknown, string][] = [
    [null, 'got object'],
    [() => custody, 'got function'],
    [{ ...custody, name: 'Custody!' }, 'expected a name like battery_sag'],
    [{ ...custody, version: 'latest' }, 'expected a version like 1.0.0'],
    [{ ...custody, examine: undefined }, 'expected the method examine, got undefined'],
  ];
  for (const [detector, message] of wrong) {
    expect(() => new DetectorRegistry([{ detector: detector as never, digest: null }])).toThrow(message);
  }
});

test('a folder of files is loaded in the order of names, each with its digest; tests beside them are left alone', async () => {
  write('b.ts', source('second', 'const typed: number = 1; void typed;\n'));
  write('a.mjs', source('first'));
  write('a.test.ts', 'throw new Error("not a detector")');
  write('notes.md', 'nothing');
  const loaded = await loadDetectors([folder]);
  expect(loaded.map(({ detector }) => detector.name)).toEqual(['first', 'second']);
  expect(loaded[0]!.digest).toEqual({ sha256: digestHex(utf8(source('first'))) });
  expect(new DetectorRegistry(loaded).names()).toEqual(['first', 'second']);
  const changed = write('a.mjs', source('changed'));
  expect((await loadDetectors([changed]))[0]!.detector.name).toBe('changed');
});

test('files that are no detectors are refused by name', async () => {
  const refused: [string, string][] = [
    ['export default 7;', 'expected a default export that is a detector, got number'],
    ['export const custody = 1;', 'got undefined'],
    ['throw new Error("boom");', 'the file does not load: boom'],
    ["import { x } from './other.ts'; export default x;", 'got an import of ./other.ts'],
    [source('late', "await import('../elsewhere.js');"), 'got an import of ../elsewhere.js'],
    [`${source('long')}//${' '.repeat(1024 * 1024)}`, 'expected at most 1048576 bytes'],
  ];
  for (const [i, [text, message]] of refused.entries()) {
    const file = write(`refused-${i}.mjs`, text);
    await expect(loadDetectors([file])).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' });
    await expect(loadDetectors([file])).rejects.toThrow(message);
  }
  await expect(loadDetectors([join(folder, 'absent.ts')])).rejects.toMatchObject({ code: 'NOT_FOUND' });
});

test('the digest of several files changes with any of them', () => {
  const before = digestOfFiles(folder);
  expect(digestOfFiles(folder)).toEqual(before);
  write('notes.md', 'something');
  expect(digestOfFiles(folder)).toEqual(before);
  write('b.ts', source('second'));
  expect(digestOfFiles(folder)).not.toEqual(before);
});
