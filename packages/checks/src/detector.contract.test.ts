/** The contract of every detector bites: an honest one keeps each rule, and each way of cheating breaks one. */
import net from 'node:net';
import { expect, test } from 'vitest';
import { type DetectorCases, detectorRules, testDetector } from './detector.contract.ts';
import type { Detector, DetectorFinding, Exhibit, Specimen } from './detector.ts';
import { readColumn, readMembers } from './terms.ts';

type Terms = { column: string };
type Memory = { highest: number };

/** Fails where a number is the highest so far by more than ten. */
const honest: Detector<Terms, Memory> = {
  name: 'peak',
  version: '1.0.0',
  readTerms: (value, path) => {
    const { column } = readMembers(value, path, ['column']);
    return { column: readColumn(column, `${path}.column`) };
  },
  begin: () => ({ highest: 0 }),
  examine: ({ rows = [] }, { column }, memory) => {
    let { highest } = memory;
    const failed: [number, number][] = [];
    for (const [i, row] of rows.entries()) {
      const text = (row as Record<string, unknown> | null)?.[column];
      if (typeof text !== 'string' || !/^\d{1,6}$/.test(text)) {
        return { findings: [{ check: 'peak_high', status: 'unknown', reason: 'unreadable' }], memory };
      }
      if (Number(text) > highest + 10) failed.push([i, i]);
      highest = Math.max(highest, Number(text));
    }
    const finding: DetectorFinding =
      rows.length === 0
        ? { check: 'peak_high', status: 'unknown', reason: 'no rows' }
        : failed.length > 0
          ? { check: 'peak_high', status: 'fail', reason: 'a peak', rows: failed, score: '0.5' }
          : { check: 'peak_high', status: 'pass', reason: 'no peak', score: '1' };
    return { findings: [finding], memory: { highest } };
  },
};

const specimenOf = (...numbers: string[]): Specimen => ({
  stream: 'numbers',
  digest: '0'.repeat(64),
  observedAt: '2026-03-01T00:00:00Z',
  rows: numbers.map((number) => ({ number })),
});
const cases: DetectorCases = {
  terms: { column: 'number' },
  badTerms: [{ terms: { column: 7 }, path: 'terms.column' }],
  specimens: [specimenOf('1', '2', '30'), specimenOf('31', '32')],
  broken: [specimenOf('1', 'x')],
};

testDetector(honest, cases);

/** The honest detector with its findings changed, or a look at the world besides. */
const altered = (
  change: (finding: DetectorFinding, specimen: Specimen) => DetectorFinding,
): Partial<Detector> => ({
  examine: (specimen, terms, memory) => {
    const answer = honest.examine(specimen, terms as Terms, memory as Memory) as {
      findings: DetectorFinding[];
      memory: Memory;
    };
    return { ...answer, findings: answer.findings.map((finding) => change(finding, specimen)) };
  },
});
const passing = (finding: DetectorFinding, part: Partial<DetectorFinding>) =>
  finding.status === 'pass' ? { ...finding, ...part } : finding;
const shows = (exhibit: unknown) =>
  altered((finding) => passing(finding, { exhibits: [exhibit as Exhibit] }));
let calls = 0;

const cheats: [what: string, part: Partial<Detector>, rule: string][] = [
  ['a shouted name', { name: 'Peak' }, 'has a name'],
  ['no version', { version: 'latest' }, 'has a name'],
  ['terms that it does not read', { readTerms: () => ({ column: 'number' }) }, 'refuses wrong terms'],
  ['a check of another name', altered((f) => ({ ...f, check: 'high' })), 'form of findings'],
  ['a score above one', altered((f) => passing(f, { score: '1.5' })), 'form of findings'],
  ['a score that is a number', altered((f) => passing(f, { score: 1 as never })), 'form of findings'],
  ['a word that is no status', altered((f) => passing(f, { status: 'fine' as never })), 'form of findings'],
  ['rows that pass', altered((f) => passing(f, { rows: [[0, 0]] })), 'form of findings'],
  ['rows beyond the last', altered((f) => (f.rows ? { ...f, rows: [[9, 9]] } : f)), 'form of findings'],
  [
    'rows in disorder',
    altered((f) =>
      f.rows
        ? {
            ...f,
            rows: [
              [2, 2],
              [1, 1],
            ],
          }
        : f,
    ),
    'form of findings',
  ],
  ['a novel for a reason', altered((f) => passing(f, { reason: 'x'.repeat(2001) })), 'form of findings'],
  ['no reason', altered((f) => passing(f, { reason: ' ' })), 'form of findings'],
  [
    'a severity of its own',
    altered((f) => ({ ...f, severity: 'flag' }) as DetectorFinding),
    'form of findings',
  ],
  ['evidence of nothing', altered((f) => passing(f, { evidence: ['trust me'] })), 'form of findings'],
  [
    'an exhibit of 2 MiB',
    shows({ kind: 'quotes', title: 'q', quotes: [{ place: 'a', text: 'x'.repeat(2 ** 21) }] }),
    'form of findings',
  ],
  [
    'a picture that is none',
    shows({ kind: 'image', title: 'i', mediaType: 'image/png', base64: 'AAAA' }),
    'form of findings',
  ],
  [
    'a table with a hole',
    shows({ kind: 'table', title: 't', columns: ['a', 'b'], rows: [['1']] }),
    'form of findings',
  ],
  [
    'marks outside a series',
    shows({ kind: 'series', title: 's', unit: '', points: [], marked: [[0, 0]] }),
    'form of findings',
  ],
  [
    'the time of day',
    altered((f) => ({ ...f, reason: `${f.reason} at ${Date.now()}` })),
    'clock and the dice',
  ],
  ['dice', altered((f) => ({ ...f, reason: `${f.reason} ${Math.random()}` })), 'clock and the dice'],
  [
    'a changed specimen',
    altered((f, { rows }) => {
      if (rows?.[0]) (rows[0] as Record<string, unknown>).number = '0';
      return f;
    }),
    'changes neither',
  ],
  ['a count of its own', altered((f) => ({ ...f, reason: `${f.reason} ${calls++}` })), 'memory alone'],
  [
    'a memory of functions',
    {
      examine: (s, t, m) =>
        ({ ...(honest.examine(s, t as Terms, m as Memory) as object), memory: () => 1 }) as never,
    },
    'plain data',
  ],
  [
    'a memory of everything',
    {
      examine: (s, t, m) => {
        const { findings } = honest.examine(s, t as Terms, m as Memory) as { findings: DetectorFinding[] };
        return { findings, memory: { highest: 0, all: 'x'.repeat(5 * 2 ** 20) } };
      },
    },
    'plain data',
  ],
  [
    'a pass for no rows',
    altered((f, { rows }) => (rows?.length === 0 ? { ...f, status: 'pass' } : f)),
    'never a pass',
  ],
  [
    'an exception for what it cannot read',
    altered((f) => {
      if (f.reason === 'unreadable') throw new Error('bad row');
      return f;
    }),
    'never a pass',
  ],
  [
    'a score of the unknown',
    altered((f) => (f.status === 'unknown' ? { ...f, score: '0' } : f)),
    'never a pass',
  ],
  [
    'a secret request',
    altered((f) => {
      try {
        net.connect(9, '127.0.0.1');
      } catch {
        // It hides that it was refused.
      }
      return f;
    }),
    'form of findings',
  ],
];

test.each(cheats)('%s breaks the contract', async (_, part, rule) => {
  const cheat = { ...honest, ...part } as Detector;
  const { holds } = detectorRules(cheat, cases).find((one) => one.rule.includes(rule))!;
  await expect(holds()).rejects.toThrow();
});
