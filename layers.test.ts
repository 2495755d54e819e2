/** The order of `workspaces` is the data's journey: a package imports only itself and earlier ones. */
import { globSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const { workspaces } = JSON.parse(readFileSync('package.json', 'utf8')) as { workspaces: string[] };
const names = workspaces.map((folder) => folder.replace('packages/', '@assay/'));

test.each(workspaces.map((folder, place) => ({ folder, place })))(
  '$folder depends only on earlier packages',
  ({ folder, place }) => {
    const declared = Object.keys(
      JSON.parse(readFileSync(`${folder}/package.json`, 'utf8')).dependencies ?? {},
    );
    for (const file of globSync(`${folder}/**/*.{ts,tsx}`, {
      exclude: ['**/node_modules/**', '**/dist/**'],
    })) {
      for (const [, imported = ''] of readFileSync(file, 'utf8').matchAll(
        /(?:from|import\()\s*'(@assay\/[a-z-]+)(?:\/[a-z/-]+)?'/g,
      )) {
        // A test may play a part of the outside world with any package.
        if (/\.test\.tsx?$/.test(file)) continue;
        if (imported === names[place]) continue;
        expect(names.slice(0, place), `${file} imports ${imported}`).toContain(imported);
        expect(declared, `${file} imports ${imported}, which its package.json does not name`).toContain(
          imported,
        );
      }
    }
  },
);

test('core installs alone: noble and a JSON canonicaliser only', () => {
  const { dependencies } = JSON.parse(readFileSync('packages/core/package.json', 'utf8'));
  expect(Object.keys(dependencies).sort()).toEqual([
    '@noble/curves',
    '@noble/hashes',
    '@noble/post-quantum',
    'canonicalize',
  ]);
});

test('core does no I/O and asks nobody for the time', () => {
  for (const file of globSync('packages/core/src/*.ts').filter((name) => !name.endsWith('.test.ts'))) {
    expect(readFileSync(file, 'utf8'), file).not.toMatch(
      /from 'node:|\bfetch\(|Date\.now\(|process\.|Math\.random/,
    );
  }
});
