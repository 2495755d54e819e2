/**
 * `npm run bench -w packages/checks`: every family of checks on its data, its score beside the best published
 * figure, its speed beside a limit or a peer in the same run. Writes docs/results/checks.md.
 */
import { globSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { BenchSection } from './section.ts';

const FOLDER = fileURLToPath(new URL('.', import.meta.url));
const RESULTS = fileURLToPath(new URL('../../../docs/results/checks.md', import.meta.url));
/** In the order of a datum's journey through the checks. */
const FAMILIES = ['rules', 'signal', 'agreement', 'behaviour', 'text', 'image', 'custody', 'review'];

const wanted = process.argv.slice(2);
const parts: string[] = [];
for (const family of FAMILIES.filter((name) => wanted.length === 0 || wanted.includes(name))) {
  const { title, lines } = await run(family);
  const part = [`## ${title}`, '', ...lines].join('\n');
  console.log(`${part}\n`);
  parts.push(part);
}
// A part of the families is for the eye only: the published page is always of one run.
if (wanted.length === 0) writeFileSync(RESULTS, page(parts));

async function run(family: string): Promise<BenchSection> {
  const exported = (await import(pathToFileURL(join(FOLDER, `${family}.ts`)).href)) as Record<
    string,
    () => Promise<BenchSection>
  >;
  return exported[`${family}Bench`]!();
}

function page(sections: readonly string[]): string {
  const missing = globSync('*.ts', { cwd: FOLDER })
    .map((file) => basename(file, '.ts'))
    .filter((name) => !FAMILIES.includes(name) && !['checks', 'section'].includes(name));
  if (missing.length > 0) throw new Error(`expected every bench to be a family of checks, got ${missing}`);
  return [
    '# Checks, measured',
    '',
    `Written by \`npm run bench -w packages/checks\` on ${availableParallelism()} cores, Node ${process.versions.node}. A published figure stands with its source; where it is of other data than ours, it says so.`,
    '',
    sections.join('\n\n'),
    '',
  ].join('\n');
}
