import { existsSync, readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import vader from 'vader-sentiment';
import { makeDocument } from '../src/text/documents.fixture.ts';
import { evaluate, type Tally } from '../src/text/evaluate.fixture.ts';
import { pagesOf, writePdf } from '../src/text/pdf-writer.fixture.ts';
import { readDocument } from '../src/text/read-document.ts';
import { labelOf, scoreSentence } from '../src/text/sentiment.ts';
import { textDetector } from '../src/text/text-detector.ts';
import type { BenchSection } from './section.ts';

/**
 * Measures the text checks: recall and false alarms of each on made documents, sentiment on labelled headlines where
 * they are at hand, speed and memory.
 *
 * `ASSAY_HEADLINES` names the training file of SemEval-2017 Task 5, Subtask 2 (JSON with `title` and `sentiment`),
 * which may not be copied here.
 */
export async function textBench(): Promise<BenchSection> {
  return {
    title: 'Text',
    lines: [
      ...accuracyLines(await evaluate('develop', 3), await evaluate('heldOut', 3)),
      '',
      'Made by one author with one planted fault each, and the held-out phrasings have been seen since their first measurement (docs/text.md), so these are upper bounds for documents of strangers. Nobody has published figures for this task. ContractNLI (Koreeda & Manning 2021) asks whether a hypothesis follows from a contract, CUAD (Hendrycks et al. 2021) to find spans of 41 kinds of clauses: different tasks, whose figures say nothing about this one.',
      '',
      ...sentimentLines(),
      '',
      ...(await speedLines()),
    ],
  };
}

function accuracyLines(develop: ReadonlyMap<string, Tally>, heldOut: ReadonlyMap<string, Tally>): string[] {
  const rows = [...heldOut.keys()].sort().map((name) => {
    const [one, other] = [develop.get(name), heldOut.get(name)];
    return `| \`${name}\` | ${figures(one)} | ${figures(other)} |`;
  });
  return [
    '| Check | found / planted, precision (phrasings developed with) | found / planted, precision (held out) |',
    '|---|---|---|',
    ...rows,
  ];
}

function figures(tally: Tally | undefined): string {
  if (tally === undefined) return '';
  const { planted, found, falseAlarms, sound } = tally;
  const precision = found + falseAlarms === 0 ? '' : `, ${(found / (found + falseAlarms)).toFixed(2)}`;
  return `${planted === 0 ? 'none planted' : `${found} / ${planted}${precision}`}; ${falseAlarms} false alarms in ${sound}`;
}

interface Headline {
  title: string;
  sentiment: number;
}

function sentimentLines(): string[] {
  const path = process.env.ASSAY_HEADLINES;
  if (path === undefined || !existsSync(path)) {
    return [
      'Sentiment was not measured in this run: `ASSAY_HEADLINES` names no file. docs/text.md has the figures.',
    ];
  }
  const headlines = JSON.parse(readFileSync(path, 'utf8')) as Headline[];
  const plain = (text: string) => vader.SentimentIntensityAnalyzer.polarity_scores(text).compound;
  const row = (name: string, score: (text: string) => number) => {
    const scores = headlines.map(({ title }) => score(title));
    const same = headlines.filter(({ sentiment }, i) => labelOf(sentiment) === labelOf(scores[i]!)).length;
    return `| ${name} | ${cosine(
      scores,
      headlines.map((one) => one.sentiment),
    ).toFixed(3)} | ${(same / headlines.length).toFixed(3)} |`;
  };
  return [
    `| Sentiment of ${headlines.length} headlines (SemEval-2017 Task 5.2, training part) | cosine | same of three labels |`,
    '|---|---|---|',
    row('VADER alone', plain),
    row('VADER with the finance lexicon', scoreSentence),
    '',
    'The best trained system of the task reached a cosine of 0.745 on its test part (Fortia-FBK, 2017); ours is not trained.',
  ];
}

function cosine(a: readonly number[], b: readonly number[]): number {
  const dot = (x: readonly number[], y: readonly number[]) =>
    x.reduce((sum, value, i) => sum + value * y[i]!, 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

async function speedLines(): Promise<string[]> {
  const lines = ['| Work | per second | size |', '|---|---|---|'];
  const terms = textDetector.readTerms({}, 'terms');
  for (const format of ['text', 'markdown', 'html', 'pdf'] as const) {
    const made = Array.from({ length: 60 }, (_, i) => makeDocument(i, 'develop', 'contract', format, null));
    const run = async () => {
      for (const { bytes, mediaType, metadata } of made) {
        const file = { name: 'made', mediaType, bytes, metadata };
        await textDetector.examine(
          { stream: 's', digest: '', observedAt: '2026-01-01T00:00:00Z', file },
          terms,
          null,
        );
      }
    };
    await run();
    const seconds = await timed(run);
    lines.push(
      `| contract of one or two pages, ${format}, all checks | ${(made.length / seconds).toFixed(0)} documents | ${made[0]!.bytes.length} bytes |`,
    );
  }
  const words = Array.from(
    { length: 100 * 48 },
    (_, i) => `Line ${i} of a long report about nothing in particular, with ${i} words.`,
  );
  const long = writePdf(pagesOf(words), { compress: true });
  const seconds = await timed(() => readDocument(long, 'application/pdf'));
  lines.push(`| PDF of 100 pages, read only | ${(100 / seconds).toFixed(0)} pages | ${long.length} bytes |`);
  lines.push(
    '',
    `Highest resident memory of the whole run: ${(process.resourceUsage().maxRSS / 1024).toFixed(0)} MiB, pdf.js included.`,
  );
  return lines;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  console.log((await textBench()).lines.join('\n'));
}
