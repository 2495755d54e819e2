/**
 * Detectors examined: findings get the contract's severity and name by digest what was read and shown; a detector that
 * misbehaves in any way is unknown and changes nothing; memory is the same whether it went to the disk or not.
 */
import { canonicalBytes, digestHex, type Finding } from '@assay/core';
import { expect, test } from 'vitest';
import type { Detector, DetectorFinding, Exhibit, Specimen } from './detector.ts';
import { checkTerms, type DetectorMemory, examine, MAX_FINDINGS } from './examine.ts';
import { loadContracts } from './rules/contract-files.ts';
import { spike } from './spike.fixture.ts';

const base = loadContracts().get('kraken.BTC-USD.1m')!;
const rule = (detector: string, terms: unknown = {}) => ({
  ...{ id: detector, severity: 'reject' as const, dimension: 'accuracy' as const, detector, terms },
  path: `quality.${detector}`,
});
const asking = (...detectors: ReturnType<typeof rule>[]) => ({ ...base, detectors });
const specimen = (...values: (string | null)[]): Specimen => ({
  ...{ stream: base.name, digest: 'ab'.repeat(32), observedAt: '2026-01-01T00:00:00Z' },
  rows: values.map((close, i) => ({ time: `2026-01-01T00:0${i}:00Z`, close })),
});
const examined = (
  detector: Detector,
  specimens = [specimen('1', '2')],
  memories = new Map<string, DetectorMemory>(),
) =>
  examine({
    contract: asking(rule(detector.name, { column: 'close' })),
    detectors: new Map([[detector.name, detector]]),
    ...{ specimens, memories },
  });
const saying = (findings: unknown, memory: unknown = null): Detector => ({
  ...{ name: 'odd', version: '1', readTerms: () => null, begin: () => null },
  examine: () => ({ findings: findings as DetectorFinding[], memory }),
});
const fine: DetectorFinding = { check: 'odd_thing', status: 'pass', reason: 'nothing odd', score: '0.9' };

test('a finding has the severity of the contract, and names payload and exhibits by digest', async () => {
  const { findings, exhibits } = await examined(spike, [specimen('1', '1.1', '1.2', '9')]);
  expect(findings).toMatchObject([
    {
      check: 'spike_jump',
      column: 'close',
      status: 'fail',
      severity: 'reject',
      rows: [[3, 3]],
      score: '0.1',
    },
  ]);
  const [[digest, exhibit]] = [...exhibits] as [[string, Exhibit]];
  expect(digest).toBe(`sha256:${digestHex(canonicalBytes(exhibit))}`);
  expect(findings[0]!.evidence).toEqual([`sha256:${'ab'.repeat(32)}`, digest]);
});

test('memory that was kept and read again gives what memory that never left gives', async () => {
  const batches = [specimen('1', '1.1'), specimen('1.2', null, '1.3'), specimen('7', '1.4')];
  let kept = new Map<string, DetectorMemory>();
  const said: unknown[] = [];
  for (const batch of batches) {
    const { findings, memories } = await examined(spike, [batch], kept);
    said.push(findings[0]!.status);
    kept = new Map([...memories].map(([id, { version, bytes }]) => [id, { version, bytes: bytes.slice() }]));
  }
  expect(said).toEqual(['pass', 'pass', 'fail']);
  const terms = spike.readTerms({ column: 'close' }, '') as Parameters<typeof spike.begin>[0];
  let memory = spike.begin(terms);
  for (const [i, batch] of batches.entries()) {
    const examination = await spike.examine(batch, terms, memory);
    memory = examination.memory;
    expect(examination.findings[0]!.status).toBe(said[i]);
  }
});

test('another version, or other terms, begin anew', async () => {
  const { memories } = await examined(spike, [specimen('1', '1.1', '1.2')]);
  const jump = [specimen('9')];
  expect((await examined(spike, jump, memories)).findings[0]!.status).toBe('fail');
  expect((await examined({ ...spike, version: '2' } as Detector, jump, memories)).findings[0]!.status).toBe(
    'pass',
  );
});

test('a detector that misbehaves is unknown with its reason, and remembers what it did', async () => {
  const before = new Map([['odd', { version: 'x', bytes: new Uint8Array([1]) }]]);
  const exhibit: Exhibit = { kind: 'table', title: 't', columns: [], rows: [] };
  const big: Exhibit = {
    kind: 'image',
    title: 't',
    mediaType: 'image/png',
    base64: 'A'.repeat(3 * 1024 * 1024),
  };
  const broken: Record<string, Detector> = {
    'broke off: boom': {
      ...saying([]),
      examine: () => {
        throw new Error('boom');
      },
    },
    'gave no finding': saying([]),
    'at most 32 are taken': saying(Array(MAX_FINDINGS + 1).fill(fine)),
    'a name that is not its own': saying([{ ...fine, check: 'schema' }]),
    'a status that is neither': saying([{ ...fine, status: 'green' }]),
    'a score outside 0 to 1': saying([{ ...fine, score: '1.5' }]),
    'a score outside 0 to 1 ': saying([{ ...fine, score: Number.NaN }]),
    'a reason that is not': saying([{ ...fine, reason: 'x'.repeat(2_001) }]),
    'Unicode text': saying([{ ...fine, reason: '\ud800' }]),
    'ascending ranges below 2': saying([{ ...fine, status: 'fail', rows: [[0, 2]] }]),
    'at most 8 are kept': saying([{ ...fine, exhibits: Array(9).fill(exhibit) }]),
    'exhibits beyond': saying([{ ...fine, exhibits: [big] }]),
    'expected a JSON value': saying([{ ...fine, exhibits: [{ ...exhibit, rows: [[Number.NaN]] }] }]),
    'would remember': saying([fine], new Uint8Array(5 * 1024 * 1024)),
    'could not be cloned': saying([fine], () => null),
    'broke off: Cannot destructure': saying([null]),
  };
  for (const [why, detector] of Object.entries(broken)) {
    const { findings, exhibits, memories } = await examined(detector, [specimen('1', '2')], before);
    expect(findings, why).toMatchObject([{ check: 'odd_examined', status: 'unknown', severity: 'reject' }]);
    expect(findings[0]!.reason).toContain(why.trim());
    expect(exhibits.size).toBe(0);
    expect(memories.get('odd')).toBe(before.get('odd'));
  }
  const absent = await examine({
    contract: asking(rule('image')),
    ...{ detectors: new Map(), specimens: [specimen('1')], memories: new Map() },
  });
  expect(absent.findings).toMatchObject([{ check: 'image_examined', status: 'unknown' }]);
  const slow = await examine({
    contract: asking(rule('odd')),
    detectors: new Map([
      ['odd', { ...saying([]), examine: () => new Promise<never>(() => undefined) } as Detector],
    ]),
    ...{ specimens: [specimen('1')], memories: new Map() },
    limit: (work) => Promise.race([work, Promise.reject(new Error('no answer within 0 s'))]),
  });
  expect(slow.findings[0]!.reason).toContain('no answer within');
  expect(() => checkTerms(asking(rule('spike')), new Map([['spike', spike as Detector]]))).toThrow(
    expect.objectContaining({ code: 'CONTRACT_INVALID' }),
  );
});

test('one that misbehaves does not touch the others; long reasons are cut so that a verdict fits into the log', async () => {
  const wordy = saying(Array(30).fill({ ...fine, status: 'fail', reason: 'é'.repeat(2_000) }));
  const { findings } = await examine({
    contract: asking(rule('spike', { column: 'close' }), rule('odd')),
    detectors: new Map([
      ['spike', spike as Detector],
      ['odd', wordy],
    ]),
    ...{ specimens: [specimen('1', '1.1')], memories: new Map() },
  });
  expect(findings).toHaveLength(31);
  expect(findings[0]).toMatchObject({ check: 'spike_jump', status: 'pass' });
  expect(Buffer.byteLength(JSON.stringify(findings))).toBeLessThan(25_000);
});

test('a failure of every second row stays a failure: its ranges are joined, and it says so', async () => {
  const scattered = Array.from({ length: 8_000 }, (_, i): [number, number] => {
    const row = 2 * i + (i < 4_000 ? 0 : 500);
    return [row, row];
  });
  const failing: DetectorFinding = { ...fine, status: 'fail', rows: scattered };
  const { findings } = await examined(saying([failing]), [specimen(...Array(17_000).fill('1'))], new Map());
  const [{ status, reason, rows = [] }] = findings as [Finding];
  expect([status, reason]).toEqual(['fail', expect.stringMatching(/^8000 rows fail, too scattered/)]);
  expect(rows.length).toBeGreaterThan(1);
  const covered = (row: number) => rows.some(([from, to]) => row >= from && row <= to);
  expect(scattered.every(([row]) => covered(row))).toBe(true);
  // The widest gap is kept.
  expect(covered(8_200)).toBe(false);
  expect(Buffer.byteLength(JSON.stringify(findings))).toBeLessThan(20_000);
});

test('several files of one observation: the worst answer, and the rows that gave it', async () => {
  const file = (name: string, text: string): Specimen => ({
    ...{
      stream: base.name,
      digest: digestHex(new TextEncoder().encode(text)),
      observedAt: '2026-01-01T00:00:00Z',
    },
    file: { name, mediaType: 'text/plain', bytes: new TextEncoder().encode(text), metadata: {} },
  });
  const reader: Detector = {
    ...{ name: 'odd', version: '1', readTerms: () => null, begin: () => null },
    examine: ({ file: read }) => ({
      memory: null,
      findings: [
        {
          ...fine,
          status: read!.bytes.length > 3 ? 'fail' : 'pass',
          score: '0.5',
          reason: `${read!.name} was read`,
        },
      ],
    }),
  };
  const { findings } = await examined(reader, [file('a', 'abc'), file('b', 'abcd'), file('c', 'abcde')]);
  expect(findings).toMatchObject([
    { status: 'fail', rows: [[1, 2]], reason: 'b was read (and 1 more of 3 files)', score: '0.5' },
  ]);
});
