/**
 * Truth discovery against the plain median and its peers, with planted coalitions; what is alarmed and what is missed;
 * speed and memory.
 *
 *   node packages/checks/bench/agreement.ts
 */

import { pathToFileURL } from 'node:url';
import { serialize } from 'node:v8';
import {
  median,
  type Planted,
  plant,
  STRATEGIES,
  type Strategy,
} from '../src/agreement/planted-colluders.fixture.ts';
import { discoverTruth, type Truths } from '../src/agreement/truth-discovery.ts';
import { weightedMedian } from '../src/agreement/weighted-median.ts';
import { dawidSkene, type Review } from '../src/credibility/dawid-skene.ts';
import { dice } from '../src/dice.fixture.ts';
import type { BenchSection } from './section.ts';

const SOURCES = 20;
const FACTS = 200;
const SEEDS = [101, 102, 103, 104];
const BELOW = [0, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45];
const ABOVE = [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9];

export async function agreementBench(): Promise<BenchSection> {
  return {
    title: 'Agreement: truth discovery, and reviewers',
    lines: [
      `${SOURCES} sources (deviation 0.15 to 0.5 tolerances), ${FACTS} facts, ${SEEDS.length} seeds a line; the coalition lies on half of the facts, by 1.5 to 3.5 tolerances (small bias: 0.4). Mean absolute error in hundredths of the tolerance, over the facts for which there is a figure.`,
      '',
      ...errorTable(),
      '',
      'Above one half. *Alerts* and *wrong* (figure off by more than the tolerance) are shares of the facts on which the coalition lies; *needless* are alerts on the others.',
      '',
      ...alertTable(),
      '',
      'Where a coalition cannot be told from honest sources: each member scatters around the wrong value like an honest source.',
      '',
      ...limitTable(),
      '',
      ...categoryTable(),
      '',
      ...speed(),
      '',
      reviewers(),
    ],
  };
}

interface Tally {
  errors: Record<string, number>;
  known: number;
  contested: number;
  alerted: number;
  needless: number;
  wrong: number;
  covered: number;
}

function tally(strategy: Strategy, colluding: number): Tally {
  const sum: Tally = {
    errors: { assay: 0, median: 0, mean: 0, hampel: 0, crh: 0 },
    known: 0,
    contested: 0,
    alerted: 0,
    needless: 0,
    wrong: 0,
    covered: 0,
  };
  for (const seed of SEEDS) {
    const planted = plant({ sources: SOURCES, facts: FACTS, colluding, strategy, seed });
    const found = discover(planted);
    const rows = planted.truths.map((_, f) =>
      planted.claims.slice(f * SOURCES, (f + 1) * SOURCES).map(({ value }) => Number(value)),
    );
    const crh = plainCrh(rows);
    planted.truths.forEach(({ truth, contested }, f) => {
      const { value, interval } = found.facts[f]!;
      if (contested) sum.contested++;
      if (value === null) {
        if (contested) sum.alerted++;
        else sum.needless++;
        return;
      }
      sum.known++;
      const add = (name: string, figure: number) => {
        sum.errors[name]! += Math.abs(figure - truth) / planted.tolerance;
      };
      add('assay', Number(value));
      add('median', median(rows[f]!));
      add('mean', mean(rows[f]!));
      add('hampel', hampelMean(rows[f]!));
      add('crh', crh[f]!);
      if (Math.abs(Number(value) - truth) > planted.tolerance) sum.wrong++;
      if (Number(interval![0]) <= truth && truth <= Number(interval![1])) sum.covered++;
    });
  }
  return sum;
}

function discover({ claims, tolerance }: Planted): Truths {
  return discoverTruth(claims, { kind: 'number', tolerance: { absolute: String(tolerance) } });
}

function errorTable(): string[] {
  const lines = [
    '| coalition | colluders | Assay | median | mean | Hampel mean | CRH | figures wrong | alerts where it lies | needless alerts | interval holds |',
    '|---|---|---|---|---|---|---|---|---|---|---|',
  ];
  for (const strategy of STRATEGIES) {
    for (const level of strategy === 'same-value' ? BELOW : BELOW.slice(1)) {
      const { errors, known, contested, alerted, needless, wrong, covered } = tally(strategy, level);
      const cells = ['assay', 'median', 'mean', 'hampel', 'crh'].map((name) =>
        ((100 * errors[name]!) / known).toFixed(1),
      );
      const all = FACTS * SEEDS.length;
      lines.push(
        `| ${strategy} | ${percent(level)} | ${cells.map((cell, i) => (i === 0 ? `**${cell}**` : cell)).join(' | ')} | ${wrong} of ${known} | ${share(alerted, contested)} | ${share(needless, all - contested)} | ${share(covered, known)} |`,
      );
    }
  }
  return lines;
}

function alertTable(): string[] {
  const lines = ['| coalition | colluders | alerts | wrong | needless |', '|---|---|---|---|---|'];
  for (const strategy of STRATEGIES) {
    for (const level of ABOVE) lines.push(alertLine(strategy, level));
  }
  return lines;
}

function limitTable(): string[] {
  return [
    '| coalition | colluders | alerts | wrong | needless |',
    '|---|---|---|---|---|',
    ...[0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.75, 0.8, 0.9].map((level) => alertLine('own-noise', level)),
  ];
}

function alertLine(strategy: Strategy, level: number): string {
  const { contested, alerted, wrong, needless } = tally(strategy, level);
  const all = FACTS * SEEDS.length;
  const lies = strategy === 'small-bias' ? all : contested;
  return `| ${strategy} | ${percent(level)} | ${share(alerted, contested)} | ${share(wrong, lies)} | ${share(needless, all - contested)} |`;
}

/** Categories: accuracies of 0.75 to 0.99, a coalition that says the same wrong word on half of the facts. */
function categoryTable(): string[] {
  const lines = [
    'Categories (accuracy of the sources 0.75 to 0.99): agreement is never improbable, so that only shared errors show copies.',
    '',
    '| colluders | wrong | alerts where it lies | needless alerts | plurality wrong where it lies |',
    '|---|---|---|---|---|',
  ];
  for (const level of [0, 0.1, 0.2, 0.3, 0.45, 0.55, 0.7, 0.8]) {
    let [wrong, alerted, needless, plural, contested] = [0, 0, 0, 0, 0];
    for (const seed of SEEDS) {
      const random = dice(seed);
      const accuracy = Array.from({ length: SOURCES }, () => 0.75 + 0.24 * random());
      const truths: { right: string; lie: boolean }[] = [];
      const claims = Array.from({ length: FACTS }, (_, f) => {
        const lie = random() < 0.5 && level > 0;
        truths.push({ right: 'right', lie });
        return accuracy.map((skill, s) => ({
          fact: `f${String(f).padStart(4, '0')}`,
          source: `s${String(s).padStart(2, '0')}`,
          value:
            lie && s < Math.round(level * SOURCES)
              ? 'lie'
              : random() < skill
                ? 'right'
                : `wrong ${Math.floor(random() * 20)}`,
          at: '2024-01-01T00:00:00Z',
        }));
      });
      const found = discoverTruth(claims.flat(), { kind: 'category' });
      found.facts.forEach(({ value }, f) => {
        const { right, lie } = truths[f]!;
        if (lie) contested++;
        if (value === null && lie) alerted++;
        else if (value === null) needless++;
        else if (value !== right) wrong++;
        const votes = claims[f]!.filter((it) => it.value === right).length;
        if (lie && votes < claims[f]!.filter((it) => it.value === 'lie').length) plural++;
      });
    }
    lines.push(
      `| ${percent(level)} | ${wrong} of ${FACTS * SEEDS.length} | ${share(alerted, contested)} | ${share(needless, FACTS * SEEDS.length - contested)} | ${share(plural, contested)} |`,
    );
  }
  return lines;
}

function speed(): string[] {
  const lines = [
    '| sources | facts | facts a second | median alone, facts a second | kept between calls |',
    '|---|---|---|---|---|',
  ];
  for (const [sources, facts] of [
    [5, 4000],
    [20, 2000],
    [64, 300],
  ] as const) {
    const planted = plant({ sources, facts, colluding: 0.3, strategy: 'same-value', seed: 1 });
    const started = performance.now();
    const { history } = discover(planted);
    const took = performance.now() - started;
    const kept = serialize(history).length;
    const rows = planted.truths.map((_, f) =>
      planted.claims.slice(f * sources, (f + 1) * sources).map(({ value }) => Number(value)),
    );
    const again = performance.now();
    for (const row of rows) median(row);
    const alone = performance.now() - again;
    lines.push(
      `| ${sources} | ${facts} | ${perSecond(facts, took)} | ${perSecond(facts, alone)} | ${(kept / 1024).toFixed(1)} KiB |`,
    );
  }
  lines.push(
    '',
    `Peak resident memory of the whole bench so far: ${Math.round(process.resourceUsage().maxRSS / 1024)} MiB.`,
  );
  return lines;
}

function reviewers(): string {
  const random = dice(5);
  const items = 20_000;
  const accuracies = [0.95, 0.9, 0.8, 0.7, 0.6];
  const reviews: Review[] = [];
  const truth: boolean[] = [];
  for (let i = 0; i < items; i++) {
    truth.push(random() < 0.3);
    accuracies.forEach((accuracy, r) => {
      const says = random() < accuracy ? truth[i]! : !truth[i]!;
      reviews.push({
        item: String(i).padStart(6, '0'),
        reviewer: `r${r}`,
        label: says ? 'reject' : 'accept',
      });
    });
  }
  const started = performance.now();
  const found = dawidSkene(reviews);
  const took = performance.now() - started;
  const errors = found.items.filter(({ label }, i) => (label === 'reject') !== truth[i]).length;
  const votes = truth.filter((right, i) => {
    const rejects = reviews.slice(i * 5, i * 5 + 5).filter(({ label }) => label === 'reject').length;
    return rejects >= 3 !== right;
  }).length;
  const estimates = found.reviewers.map(({ accuracy }, r) => `${accuracies[r]} as ${accuracy.toFixed(3)}`);
  return `Dawid–Skene: ${perSecond(reviews.length, took)} reviews a second (${found.trace.length} iterations over ${reviews.length} reviews); ${share(errors, items)} of the labels wrong, ${share(votes, items)} by vote; accuracies ${estimates.join(', ')}.`;
}

/** CRH as published (Li et al., SIGMOD 2014): normalised absolute loss, weighted median, weight −log of the share of the loss. */
function plainCrh(rows: readonly number[][]): number[] {
  const orders = rows.map((row) => [...row.keys()].sort((a, b) => row[a]! - row[b]!));
  const spreads = rows.map((row) => Math.sqrt(mean(row.map((value) => (value - mean(row)) ** 2))) || 1);
  let weights: number[] = rows[0]!.map(() => 1);
  let truths: number[] = [];
  for (let round = 0; round < 20; round++) {
    truths = rows.map((row, f) => {
      const { low, high } = weightedMedian(orders[f]!, weights);
      return (row[low]! + row[high]!) / 2;
    });
    const losses = weights.map((_, s) =>
      rows.reduce((sum, row, f) => sum + Math.abs(row[s]! - truths[f]!) / spreads[f]!, 0),
    );
    const total = losses.reduce((sum, loss) => sum + loss, 0);
    weights = losses.map((loss) => -Math.log(Math.max(loss, 1e-12) / total));
  }
  return truths;
}

function hampelMean(row: readonly number[]): number {
  const centre = median(row);
  const scale = 1.4826 * median(row.map((value) => Math.abs(value - centre)));
  return mean(row.filter((value) => Math.abs(value - centre) <= 3 * scale));
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function percent(level: number): string {
  return `${Math.round(100 * level)} %`;
}

function share(n: number, d: number): string {
  return d === 0 ? '–' : `${((100 * n) / d).toFixed(1)} %`;
}

function perSecond(n: number, ms: number): string {
  return Math.round((n / ms) * 1000).toLocaleString('en');
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { title, lines } = await agreementBench();
  console.log([`## ${title}`, '', ...lines].join('\n'));
}
