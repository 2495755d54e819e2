/**
 * The agreement detector: rows of several sources in, findings with who said what out. First what users see, then that
 * its memory is bounded, portable and enough to replay, then broken terms and rows.
 */
import type { Row } from '@assay/core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { DetectorFinding, Exhibit, Specimen } from '../detector.ts';
import { type AgreementMemory, agreementDetector } from './agreement-detector.ts';
import { plant } from './planted-colluders.fixture.ts';

const TERMS = {
  key: ['asset', 'minute'],
  value: 'price',
  source: 'venue',
  tolerance: { relative: 0.01 },
  minimumSources: 3,
  maxAge: 60,
};
const terms = agreementDetector.readTerms(TERMS, 'terms');
const specimen = (rows: readonly Row[]): Specimen => ({
  stream: 's',
  digest: '0'.repeat(64),
  observedAt: '2024-06-01T00:00:00Z',
  rows,
});
const quote = (venue: string, price: unknown, minute = '00:00') => ({ asset: 'BTC', minute, venue, price });
const examine = async (rows: readonly unknown[], use = terms, memory?: AgreementMemory) =>
  agreementDetector.examine(specimen(rows as Row[]), use, memory ?? agreementDetector.begin(use));
const tableRows = (exhibit: Exhibit | undefined) => (exhibit?.kind === 'table' ? exhibit.rows : []);
const find = (findings: readonly DetectorFinding[], check: string) =>
  findings.find((finding) => finding.check === check)!;

test('sources that agree pass, and the one that does not is shown with its row', async () => {
  const good = ['a', 'b', 'c', 'd'].map((venue, i) => quote(venue, `${20000 + i}`));
  const quiet = await examine(good);
  expect(find(quiet.findings, 'agreement_truth')).toMatchObject({
    status: 'pass',
    score: '1',
    column: 'price',
  });
  // One fact shows nobody's copying; eight that all have measured on their own do.
  expect(find(quiet.findings, 'agreement_copies').status).toBe('unknown');
  const eight = Array.from({ length: 8 }, (_, fact) =>
    ['a', 'b', 'c', 'd'].map((venue, i) =>
      quote(venue, `${20000 + ((i * 7 + fact * 5) % 11)}`, `00:0${fact}`),
    ),
  ).flat();
  expect(find((await examine(eight)).findings, 'agreement_copies').status).toBe('pass');
  const { findings } = await examine([...good, quote('e', '21000')]);
  const truth = find(findings, 'agreement_truth');
  expect(truth).toMatchObject({ status: 'fail', rows: [[4, 4]], score: '0.8' });
  const [exhibit] = truth.exhibits!;
  expect(exhibit).toMatchObject({
    kind: 'table',
    columns: expect.arrayContaining(['source', 'said', 'truth']),
  });
  expect(tableRows(exhibit).map((row) => row.slice(0, 3))).toContainEqual(['BTC | 00:00', 'e', '21000']);
});

test('what cannot be decided is unknown, and says why', async () => {
  const { findings } = await examine([quote('a', '20000'), quote('b', '20001')]);
  const truth = find(findings, 'agreement_truth');
  expect(truth.status).toBe('unknown');
  expect(truth.score).toBeUndefined();
  expect(truth.reason).toMatch(
    /^0 of 1 facts are known; .*not known: BTC \| 00:00: 2 sources are worth 2\.0 independent ones; at least 3 are needed$/,
  );
});

test('categories agree when they are equal', async () => {
  const { tolerance: _, ...rest } = TERMS;
  const words = agreementDetector.readTerms(rest, 'terms');
  const { findings } = await examine(
    [quote('a', 'yes'), quote('b', 'yes'), quote('c', 'yes'), quote('d', 'no')],
    words,
  );
  expect(find(findings, 'agreement_truth')).toMatchObject({ status: 'fail', rows: [[3, 3]] });
});

const planted = plant({ sources: 10, facts: 120, colluding: 0.3, strategy: 'same-value', seed: 8 });
const rowsOf = (from: number, to: number) =>
  planted.claims
    .slice(from * 10, to * 10)
    .map(({ fact, source, value, at }) => ({ asset: fact, minute: '-', venue: source, price: value, at }));
const plantedTerms = agreementDetector.readTerms(
  { ...TERMS, time: 'at', tolerance: { absolute: planted.tolerance } },
  'terms',
);

test('over many observations the copies are found, with an exhibit', async () => {
  let memory = agreementDetector.begin(plantedTerms);
  let last: DetectorFinding[] = [];
  for (let f = 0; f < 120; f += 4) {
    const examined = await examine(rowsOf(f, f + 4), plantedTerms, memory);
    memory = structuredClone(examined.memory);
    last = examined.findings;
  }
  const copies = find(last, 'agreement_copies');
  expect(copies.status).toBe('fail');
  expect(copies.reason).toMatch(/^3 of 10 sources are held to be copies of each other/);
  const [exhibit] = copies.exhibits!;
  expect(new Set(tableRows(exhibit).flatMap((row) => row.slice(0, 2)))).toEqual(new Set(planted.colluders));
  expect(JSON.stringify(memory).length).toBeLessThan(20_000);
});

test('a replay gives the same findings, and the memory does not depend on how it was carried', async () => {
  const run = async (carry: (memory: AgreementMemory) => AgreementMemory) => {
    let memory = agreementDetector.begin(plantedTerms);
    const all: DetectorFinding[] = [];
    for (let f = 0; f < 40; f += 8) {
      const examined = await examine(rowsOf(f, f + 8), plantedTerms, memory);
      memory = carry(examined.memory);
      all.push(...examined.findings);
    }
    return all;
  };
  const once = await run((memory) => memory);
  expect(await run(structuredClone)).toEqual(once);
  expect(await run((memory) => JSON.parse(JSON.stringify(memory)))).toEqual(once);
});

test('however many sources come and go, the memory stays bounded', async () => {
  let memory = agreementDetector.begin(terms);
  for (let batch = 0; batch < 20; batch++) {
    const rows = Array.from({ length: 10 }, (_, i) => quote(`v${batch * 10 + i}`, '20000'));
    memory = (await examine(rows, terms, memory)).memory;
  }
  expect(memory.history!.sources).toHaveLength(64);
  expect(memory.history!.evidence).toHaveLength(((64 * 63) / 2) * 9);
});

test('rows of any kind never throw, and never make a pass out of what cannot be read', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.oneof(
          fc.record({
            asset: fc.constantFrom('BTC', 'ETH'),
            minute: fc.constantFrom('1', '2'),
            venue: fc.constantFrom('a', 'b', 'c', 'd'),
            price: fc.oneof(
              fc.constantFrom('1', '1.001', 'NaN', '1e400', '', null),
              fc.double(),
              fc.anything(),
            ),
          }),
          fc.object(),
        ),
        { maxLength: 30 },
      ),
      async (rows) => {
        const { findings } = await examine(rows);
        expect(findings.map(({ check }) => check)).toEqual(['agreement_truth', 'agreement_copies']);
        for (const { status, score, reason } of findings) {
          expect(reason.length).toBeLessThanOrEqual(2000);
          if (status === 'pass') expect(score).toBe('1');
        }
      },
    ),
    { numRuns: 100 },
  );
  const { findings } = await examine(['a', 'b', 'c', 'd'].map((venue) => quote(venue, 'NaN')));
  expect(find(findings, 'agreement_truth').status).toBe('unknown');
});

test('no rows, too many rows, too many sources: unknown with the bound', async () => {
  const of = async (rows: unknown[]) => find((await examine(rows)).findings, 'agreement_truth');
  expect(await of([])).toMatchObject({ status: 'unknown' });
  expect((await of(new Array(100_001).fill({}))).reason).toMatch(/at most 100000 rows/);
  const crowd = Array.from({ length: 65 }, (_, i) => quote(`v${i}`, '1'));
  expect(await of(crowd)).toMatchObject({ status: 'unknown', reason: 'expected at most 64 sources, got 65' });
  const { rows: _, ...fileOnly } = specimen([]);
  const examined = await agreementDetector.examine(fileOnly, terms, agreementDetector.begin(terms));
  expect(examined.findings[0]!.status).toBe('unknown');
  expect(examined.findings[0]!.reason).toMatch(/rows are needed/);
});

test.each([
  [null, /terms: expected a mapping, got null/],
  [{ ...TERMS, key: [] }, /terms.key: expected 1 to 8 members/],
  [{ ...TERMS, value: 7 }, /terms.value: expected a text of 1 to 200 characters, got 7/],
  [{ ...TERMS, source: undefined }, /terms.source: expected a text of 1 to 200 characters, got nothing/],
  [{ ...TERMS, tolerance: { relative: -1 } }, /terms.tolerance: expected \{ relative/],
  [{ ...TERMS, tolerance: 0.1 }, /terms.tolerance/],
  [{ ...TERMS, minimumSources: 1 }, /terms.minimumSources: expected a whole number from 2 to 64, got 1/],
  [{ ...TERMS, maxAge: 'old' }, /terms.maxAge/],
  [{ ...TERMS, quorum: 3 }, /terms.quorum: expected only key, value/],
])('terms %j are refused with their path', (value, text) => {
  expect(() => agreementDetector.readTerms(value, 'terms')).toThrow(text);
});
