/**
 * ONNX models as detectors: probabilities against hand computation, for a linear model and for a boosted tree in the
 * form of the fraud model; the contract of every detector; a model that is not its card's, or that could run for ever
 * or roll dice, is refused; outside the training range nobody knows.
 */
import { readFileSync } from 'node:fs';
import { AssayError, digestHex } from '@assay/core';
import { beforeAll, expect, test } from 'vitest';
import { testDetector } from '../detector.contract.ts';
import type { Specimen } from '../detector.ts';
import { nodeOnnxRuntime } from './node/onnx-runtime-files.ts';
import { type OnnxDetector, openOnnxDetector, readOnnxCard } from './onnx-detector.ts';
import { encodeModel, linearModel, modelOf, treeModel } from './onnx-model.fixture.ts';
import { modelOperators } from './onnx-operators.ts';

const runtime = await nodeOnnxRuntime();
const LINEAR = linearModel([0.5, -2], 0.25);
const TREE = treeModel({ split: 10, low: -3, high: 2, base: 0.5 });
const linearCard = {
  name: 'drifting_cell',
  version: '1.2.0',
  about: 'a cell that drifts',
  sha256: digestHex(LINEAR),
  input: 'features',
  inputs: [
    { column: 'voltage', offset: 3, scale: 10, low: 2, high: 5 },
    { column: 'current', low: -1, high: 4 },
  ],
  output: { name: 'probability', index: 0, means: 'fault' },
  threshold: '0.9',
};
const treeCard = {
  ...linearCard,
  name: 'fraud',
  about: 'fraud',
  sha256: digestHex(TREE),
  inputs: [
    { column: 'sent', low: 0, high: 1e6, missing: 'nan' },
    { column: 'received', low: 0, high: 1e6, missing: 'nan' },
  ],
  output: { name: 'probabilities', index: 1, means: 'fault' },
  threshold: '0.5',
};
const specimenOf = (rows: object[]): Specimen => ({
  stream: 'cells',
  digest: '0'.repeat(64),
  observedAt: '2026-03-01T00:00:00Z',
  rows,
});
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
const linear = await openOnnxDetector({ model: LINEAR, card: linearCard, runtime });
const tree = await openOnnxDetector({ model: TREE, card: treeCard, runtime });

testDetector(linear, {
  terms: {},
  badTerms: [
    { terms: { threshold: 2 }, path: 'terms.threshold' },
    { terms: { minimumCoverage: 0 }, path: 'terms.minimumCoverage' },
    { terms: { model: 'another' }, path: 'terms.model' },
  ],
  specimens: [
    specimenOf([
      { voltage: '3.1', current: '0.5' },
      { voltage: '3.2', current: '1' },
    ]),
    specimenOf([
      { voltage: '4.9', current: '0' },
      { voltage: '3.2', current: '1' },
    ]),
  ],
  broken: [specimenOf([{ voltage: '3.1' }]), specimenOf([{ voltage: '3.1', current: '1e400' }])],
});

async function examine(detector: OnnxDetector, rows: object[], terms: unknown = {}) {
  const { findings } = await detector.examine(specimenOf(rows), detector.readTerms(terms, 'terms'), null);
  return findings[0]!;
}

test('linear and sigmoid: the probability that a hand computes', async () => {
  const rows = [
    { voltage: '3.1', current: '0.5' },
    { voltage: '4.9', current: '0' },
  ];
  // (3.1 − 3) × 10 × 0.5 − 2 × 0.5 + 0.25 = −0.25, and (4.9 − 3) × 10 × 0.5 + 0.25 = 9.75.
  const expected = [sigmoid(-0.25), sigmoid(9.75)];
  const finding = await examine(linear, rows);
  expect(finding).toMatchObject({ status: 'fail', rows: [[1, 1]], check: 'drifting_cell_model' });
  expect(Number(finding.score)).toBeCloseTo(1 - (expected[0]! + expected[1]!) / 2, 5);
  expect(finding.evidence).toEqual([`sha256:${digestHex(LINEAR)}`]);
  const table = finding.exhibits![0]!;
  if (table.kind !== 'table') throw new Error('expected a table');
  expect(Number(table.rows[0]![1])).toBeCloseTo(expected[1]!, 5);
  expect(await examine(linear, rows, { threshold: 1 })).toMatchObject({ status: 'pass' });
});

test('a boosted tree of ai.onnx.ml: log-odds of the leaf and the base; a missing value goes where it was trained to', async () => {
  for (const [sent, margin] of [
    ['10', -2.5],
    ['10.5', 2.5],
    [null, -2.5],
  ] as const) {
    const finding = await examine(tree, [{ sent, received: '1' }]);
    expect(Number(finding.score)).toBeCloseTo(1 - sigmoid(margin), 5);
    expect(finding.status).toBe(margin > 0 ? 'fail' : 'pass');
  }
  expect((await examine(tree, [{ sent: null, received: null }])).status).toBe('unknown');
});

test('outside the training range nobody knows, and too many such rows make the whole unknown', async () => {
  const far = { voltage: '5.01', current: '0' };
  const near = { voltage: '3.1', current: '1' };
  const finding = await examine(linear, [near, far]);
  expect(finding.status).toBe('unknown');
  expect(finding.reason).toContain('voltage lies outside 2 to 5, on which the model was trained (1)');
  expect((await examine(linear, [near, far], { minimumCoverage: 0.5 })).status).toBe('pass');
});

test('an output that means soundness is turned round', async () => {
  const card = { ...linearCard, output: { ...linearCard.output, means: 'sound' } };
  const sound = await openOnnxDetector({ model: LINEAR, card, runtime });
  const rows = [{ voltage: '3.1', current: '0.5' }];
  expect(Number((await examine(sound, rows)).score)).toBeCloseTo(sigmoid(-0.25), 5);
});

test('ten thousand rows are judged in pieces, each as if alone', async () => {
  const rows = Array.from({ length: 10_000 }, (_, i) => ({
    voltage: (2 + (i % 300) / 100).toFixed(2),
    current: '0',
  }));
  const finding = await examine(linear, rows);
  // 5 (v − 3) + 0.25 ≥ ln 9 = 2.197 from v = 3.39 on: rows 139 to 299 of each 300.
  expect(finding.rows!.slice(0, 2)).toEqual([
    [139, 299],
    [439, 599],
  ]);
  expect(finding.rows!.at(-1)).toEqual([9_739, 9_899]);
});

test('a model that is not its card’s is refused', async () => {
  const changed = Uint8Array.from(LINEAR);
  changed[changed.length - 1]! ^= 1;
  await expect(openOnnxDetector({ model: changed, card: linearCard, runtime })).rejects.toMatchObject({
    code: 'PAYLOAD_MISMATCH',
  });
  const other = { ...linearCard, output: { ...linearCard.output, name: 'nothing' } };
  await expect(openOnnxDetector({ model: LINEAR, card: other, runtime })).rejects.toThrow(
    'expected an output nothing, got probability',
  );
  const large = new Uint8Array(16 * 1024 * 1024 + 1);
  await expect(openOnnxDetector({ model: large, card: linearCard, runtime })).rejects.toThrow(
    'at most 16777216 bytes',
  );
  await expect(
    openOnnxDetector({ model: LINEAR, card: linearCard, runtime: runtime.slice(0, 1000) }),
  ).rejects.toMatchObject({ code: 'PAYLOAD_MISMATCH' });
});

test('operators that loop, branch into graphs or roll dice are refused before they run', () => {
  expect(modelOperators(LINEAR)).toEqual(['/Add', '/MatMul', '/Sigmoid']);
  expect(modelOperators(TREE)).toEqual(['ai.onnx.ml/TreeEnsembleClassifier']);
  for (const operator of ['Loop', 'If', 'Scan', 'RandomUniform', 'Multinomial', 'constructor', '']) {
    expect(() => modelOperators(modelOf(operator)), operator).toThrow(/bounded time|one operator/);
  }
  expect(() => modelOperators(modelOf('Add', 'com.example'))).toThrow('com.example/Add');
  expect(() => modelOperators(encodeModel({}, { functions: [{ opType: 'x' }] }))).toThrow('functions');
  for (const bytes of [
    new Uint8Array(),
    LINEAR.slice(0, 50),
    Uint8Array.of(0xff, 0xff, 0xff),
    new Uint8Array(1000).fill(0x80),
  ]) {
    expect(() => modelOperators(bytes)).toThrow(AssayError);
  }
});

test.each([
  [{ name: 'No Name' }, 'card.name'],
  [{ sha256: 'abc' }, 'card.sha256'],
  [{ threshold: 0.9 }, 'card.threshold'],
  [{ inputs: [] }, 'card.inputs'],
  [{ inputs: [{ column: 'a', low: 2, high: 1 }] }, 'card.inputs[0].high'],
  [{ output: { name: 'p', index: 0, means: 'good' } }, 'card.output.means'],
  [{ licence: 'none' }, 'card.licence'],
])('a card with %j is refused', (part, path) => {
  expect(() => readOnnxCard({ ...linearCard, ...part })).toThrow(path);
});

test('the digest names model, card and runtime', async () => {
  const again = await openOnnxDetector({ model: LINEAR, card: linearCard, runtime });
  const laxer = await openOnnxDetector({
    model: LINEAR,
    card: { ...linearCard, threshold: '0.95' },
    runtime,
  });
  expect(again.digest).toEqual(linear.digest);
  expect(laxer.digest).not.toEqual(linear.digest);
  expect(linear.version).toMatch(/^1\.2\.0\+ort\.[0-9a-f]{12}$/);
});

// The published fraud model comes with the checks; it is judged in its own family's tests. Here: the runtime reads it.
const FRAUD = new URL('../../models/ethereum-fraud.onnx', import.meta.url);
let fraud: Uint8Array | null = null;
beforeAll(() => {
  try {
    fraud = new Uint8Array(readFileSync(FRAUD));
  } catch {
    console.warn('skipped: there is no models/ethereum-fraud.onnx');
  }
});
test('the published fraud model uses allowed operators alone', ({ skip }) => {
  if (fraud === null) return skip('there is no models/ethereum-fraud.onnx');
  expect(modelOperators(fraud)).toEqual(['ai.onnx.ml/TreeEnsembleClassifier']);
});
