/**
 * The ONNX form: onnxruntime-web computes the same probabilities from it as we do, to 1e-6, on random rows with
 * missing values, for trained models, for the published model and at the edges; it survives a round trip; and spoilt
 * files are refused.
 */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import * as ort from 'onnxruntime-web';
import { expect, test } from 'vitest';
import { decodeFraudModel } from './fraud-model.ts';
import { FRAUD_MODEL_FILE } from './fraud-model-file.ts';
import { BOOSTING_DEFAULTS, randomFrom, trainGradientBoosting } from './gradient-boosting.ts';
import { logistic, marginOf, type TreeEnsemble } from './tree-ensemble.ts';
import { decodeTreeOnnx, encodeTreeOnnx, MAX_MODEL_BYTES } from './tree-onnx.ts';

function trained(seed: number, features: number, trees: number): TreeEnsemble {
  const random = randomFrom(seed);
  const columns = [...Array(features).keys()].map(() =>
    Float32Array.from({ length: 500 }, () =>
      random() < 0.15 ? Number.NaN : Math.round(random() * 1e4) / 100,
    ),
  );
  const labels = Uint8Array.from({ length: 500 }, (_, i) =>
    columns[0]![i]! > 40 !== random() < 0.1 ? 1 : 0,
  );
  return trainGradientBoosting({ columns, labels }, { ...BOOSTING_DEFAULTS, trees });
}

/** Largest difference between the runtime's probabilities and ours. */
async function difference(bytes: Uint8Array, ensemble: TreeEnsemble, rows: Float32Array[]): Promise<number> {
  const session = await ort.InferenceSession.create(bytes);
  const data = new Float32Array(rows.length * ensemble.featureCount);
  for (const [i, row] of rows.entries()) data.set(row, i * ensemble.featureCount);
  const input = new ort.Tensor('float32', data, [rows.length, ensemble.featureCount]);
  const { probabilities, label } = await session.run({ features: input });
  await session.release();
  return Math.max(
    ...rows.map((row, i) => {
      const p = logistic(marginOf(ensemble, row));
      const [no, yes] = (probabilities!.data as Float32Array).subarray(2 * i, 2 * i + 2);
      if (Math.abs(p - 0.5) > 1e-6) expect(Number(label!.data[i])).toBe(p > 0.5 ? 1 : 0);
      return Math.max(Math.abs(yes! - p), Math.abs(no! - (1 - p)));
    }),
  );
}

test('onnxruntime-web gives the same probabilities', async () => {
  for (const [seed, features, trees] of [
    [1, 3, 1],
    [2, 5, 40],
    [3, 8, 80],
  ] as const) {
    const ensemble = trained(seed, features, trees);
    const random = randomFrom(seed + 100);
    const rows = [...Array(300).keys()].map(() =>
      Float32Array.from({ length: features }, () => (random() < 0.2 ? Number.NaN : random() * 120 - 10)),
    );
    // Values that are thresholds themselves: at most means left.
    rows.push(
      ...ensemble.trees.slice(0, 40).map((tree) => new Float32Array(features).fill(tree.threshold[0]!)),
    );
    expect(await difference(encodeTreeOnnx({ ensemble, metadata: {} }), ensemble, rows)).toBeLessThan(1e-6);
  }
});

test('onnxruntime-web agrees where all leaves have one sign', async () => {
  for (const sign of [1, -1]) {
    const ensemble = trained(5, 2, 3);
    for (const tree of ensemble.trees) tree.value = tree.value.map((value) => sign * Math.abs(value));
    ensemble.base = sign * 0.25;
    const rows = [Float32Array.of(1, 1), Float32Array.of(90, Number.NaN), Float32Array.of(50, 20)];
    expect(await difference(encodeTreeOnnx({ ensemble, metadata: {} }), ensemble, rows)).toBeLessThan(1e-6);
  }
});

test('onnxruntime-web agrees on the published model', async () => {
  const bytes = readFileSync(FRAUD_MODEL_FILE);
  const { ensemble, facts } = decodeFraudModel(bytes);
  const random = randomFrom(9);
  const rows = [...Array(400).keys()].map(() =>
    Float32Array.from(facts.ranges, ([least, most]) =>
      random() < 0.1 ? Number.NaN : least + (most - least) * random() ** 8,
    ),
  );
  expect(await difference(bytes, ensemble, rows)).toBeLessThan(1e-6);
});

test('a round trip keeps trees and metadata, and the same model has the same bytes', () => {
  const model = { ensemble: trained(6, 4, 20), metadata: { features: '["a"]', note: 'ü' } };
  const bytes = encodeTreeOnnx(model);
  expect(decodeTreeOnnx(bytes)).toEqual(model);
  expect(encodeTreeOnnx(model)).toEqual(bytes);
});

test('spoilt files are refused with a code, never a crash', () => {
  const bytes = encodeTreeOnnx({ ensemble: trained(7, 3, 4), metadata: {} });
  const refused = expect.objectContaining({ code: 'ARGUMENT_INVALID' });
  expect(() => decodeTreeOnnx(new Uint8Array(0))).toThrow(refused);
  expect(() => decodeTreeOnnx(new Uint8Array(MAX_MODEL_BYTES + 1))).toThrow(refused);
  expect(() => decodeTreeOnnx(new TextEncoder().encode('{"not":"onnx"}'))).toThrow(refused);
  for (let cut = 1; cut < bytes.length; cut += 37) {
    expect(() => decodeTreeOnnx(bytes.subarray(0, cut))).toThrow(refused);
  }
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (place, change) => {
      const spoilt = Uint8Array.from(bytes);
      spoilt[place]! ^= change;
      try {
        const { ensemble } = decodeTreeOnnx(spoilt);
        marginOf(ensemble, new Float32Array(ensemble.featureCount));
      } catch (error) {
        expect(error).toEqual(refused);
      }
    }),
    { numRuns: 300 },
  );
});
