/**
 * `npm run bench -w packages/market`: every room on real or planted data, its speed beside a limit or a peer in the same
 * run, its scores as they are. Writes docs/results/market.md. Rooms by name for a part of it: `-- indicators grades`.
 */
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { BenchSection } from './section.ts';

const FOLDER = fileURLToPath(new URL('.', import.meta.url));
const RESULTS = fileURLToPath(new URL('../../../docs/results/market.md', import.meta.url));
/** Cheap ones first; how the grades did over four years has a page of its own, docs/results/grades.md. */
const ROOMS = ['indicators', 'grades', 'portfolio', 'derivatives', 'signals', 'narratives'];

const wanted = process.argv.slice(2);
const parts: string[] = [];
for (const room of ROOMS.filter((name) => wanted.length === 0 || wanted.includes(name))) {
  const exported = (await import(pathToFileURL(join(FOLDER, `${room}.ts`)).href)) as Record<
    string,
    () => Promise<BenchSection>
  >;
  const { title, lines } = await exported[`${room}Bench`]!();
  const part = [`## ${title}`, '', ...lines].join('\n');
  console.log(`${part}\n`);
  parts.push(part);
}
// A part of the rooms is for the eye only: the published page is always of one run.
if (wanted.length === 0) {
  writeFileSync(
    RESULTS,
    [
      '# Market intelligence, measured',
      '',
      `Written by \`npm run bench -w packages/market\` on ${availableParallelism()} cores, Node ${process.versions.node}. How good the grades were over four years is in [grades.md](grades.md).`,
      '',
      parts.join('\n\n'),
      '',
    ].join('\n'),
  );
}
