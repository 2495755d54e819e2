/** The example of a custom detector: it keeps the contract of every detector, is loaded as a file, and finds the fault. */
import { readFileSync } from 'node:fs';
import { parseContract } from '@assay/checks';
import type { Specimen } from '@assay/checks/plugin';
import { loadDetectors } from '@assay/checks/plugin/node';
import { digestHex } from '@assay/core';
import { expect, test } from 'vitest';
import { testDetector } from '../packages/checks/src/detector.contract.ts';

const FILE = new URL('custom-detector.ts', import.meta.url).pathname;
const [loaded] = await loadDetectors([FILE]);
const contract = parseContract(
  readFileSync(new URL('contracts/van.battery.odcs.yaml', import.meta.url), 'utf8'),
);
const { terms } = contract.detectors[0]!;
const specimenOf = (minute: number, ...volts: string[]): Specimen => ({
  stream: 'van.battery',
  digest: '0'.repeat(64),
  observedAt: '2026-03-01T07:00:00Z',
  rows: volts.map((voltage, i) => ({
    time: `2026-03-01T06:${String(minute + i).padStart(2, '0')}:00Z`,
    voltage,
  })),
});

testDetector(loaded!.detector, {
  terms,
  badTerms: [
    { terms: { time: 'time', voltage: 'voltage', chemistry: 'lemon', cells: 13 }, path: 'terms.chemistry' },
    { terms: { time: 'time', voltage: 'voltage', chemistry: 'lifepo4', cells: 0 }, path: 'terms.cells' },
    { terms: { time: 'time', voltage: 'voltage', chemistry: 'lifepo4' }, path: 'terms.cells' },
  ],
  specimens: [specimenOf(0, '52.1', '52.0'), specimenOf(2, '43.2', '51.7')],
  broken: [specimenOf(0, '52.1', 'NaN')],
});

test('the contract asks for it by name, and its file’s digest names the code', () => {
  expect(contract.detectors[0]).toMatchObject({ detector: 'battery_sag', severity: 'flag' });
  expect(loaded!.detector.name).toBe('battery_sag');
  expect(loaded!.digest).toEqual({ sha256: digestHex(new Uint8Array(readFileSync(FILE))) });
});

test('a pack cannot lose 8.7 V in a minute, nor be charged beyond its cells, but it may be drained in half an hour', async () => {
  const { detector } = loaded!;
  const read = detector.readTerms(terms, 'terms');
  const judge = async (...specimens: Specimen[]) => {
    let memory = detector.begin(read);
    let last: unknown;
    for (const specimen of specimens) {
      const examination = await detector.examine(specimen, read, memory);
      memory = examination.memory;
      [last] = examination.findings;
    }
    return last;
  };
  expect(await judge(specimenOf(0, '52.1', '43.2', '51.9'))).toMatchObject({
    status: 'fail',
    rows: [[1, 1]],
    score: '0.666667',
  });
  expect(await judge(specimenOf(0, '52.1'), specimenOf(1, '43.2'))).toMatchObject({
    status: 'fail',
    rows: [[0, 0]],
  });
  expect(await judge(specimenOf(0, '60'))).toMatchObject({ status: 'fail' });
  // 13 cells × 1.7 V × 3 C an hour: 1.1 V a minute is honest.
  const draining = Array.from({ length: 20 }, (_, i) => (54 - i).toFixed(1));
  expect(await judge(specimenOf(0, ...draining))).toMatchObject({ status: 'pass', score: '1' });
});
