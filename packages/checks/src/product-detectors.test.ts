/**
 * The list of the product's detectors: names of their own; whoever asks for none of the heavy ones loads none of their
 * libraries, and the same program does see them once they are asked for; a model joins with its digest.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { digestHex } from '@assay/core';
import { expect, test } from 'vitest';
import { loadFraudModel } from './behaviour/index.ts';
import { DetectorRegistry } from './plugin/detector-registry.ts';
import { nodeOnnxRuntime } from './plugin/node/index.ts';
import { linearModel } from './plugin/onnx-model.fixture.ts';
import { productDetectors } from './product-detectors.ts';

test('heavy libraries are loaded by what needs them, and by nothing else', async () => {
  const program = new URL('loaded-modules.fixture.ts', import.meta.url).pathname;
  const { stdout } = await promisify(execFile)(process.execPath, [program]);
  const loaded = JSON.parse(stdout);
  expect(loaded.names).toHaveLength(12);
  expect(loaded.rows).toEqual([]);
  expect(loaded.terms).toEqual([]);
  expect(loaded.image).toEqual(['sharp']);
  expect(loaded.text).toEqual(
    expect.arrayContaining(['chrono-node', 'marked', 'parse5', 'pdfjs-dist', 'sharp']),
  );
  expect(loaded.c2pa).toContain('@contentauth');
  expect(loaded.c2pa).not.toContain('onnxruntime-web');
}, 60_000);

test('names are unique, and a model joins with the digest of its card', async () => {
  const model = linearModel([0.5], 0);
  const card = {
    name: 'drifting_cell',
    version: '1.2.0',
    about: 'a cell that drifts',
    sha256: digestHex(model),
    input: 'features',
    inputs: [{ column: 'voltage', low: 2, high: 5 }],
    output: { name: 'probability', index: 0, means: 'fault' },
    threshold: '0.9',
  };
  const runtime = await nodeOnnxRuntime();
  const parts = { fraudModel: loadFraudModel(), openManifestReader: () => ({ unavailable: 'not here' }) };
  const open = (models: { model: Uint8Array; card: object }[]) =>
    productDetectors({ ...parts, onnx: { runtime, models } });
  const registry = new DetectorRegistry(await open([{ model, card }]));
  expect(registry.names()).toHaveLength(13);
  expect(registry.get('drifting_cell').digest?.sha256).toMatch(/^[0-9a-f]{64}$/);
  const named = await open([{ model, card: { ...card, name: 'wash' } }]);
  expect(() => new DetectorRegistry(named)).toThrow(/got wash twice/);
});
