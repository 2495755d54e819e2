/**
 * Reports from the edge: the same bytes from Node and from a real browser, for the custody detector and for a model;
 * signed by the device; a changed row, finding or signature is noticed; who cannot run the same code says unknown.
 */
import { AssayError, canonicalJson, digestHex, ed25519Signer, signStatement } from '@assay/core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { custody } from '../custody/custody.ts';
import { honestJourney, JOURNEY_TERMS } from '../custody/journeys.fixture.ts';
import type { EdgeTask } from './edge-browser.fixture.ts';
import { BROWSER, type EdgePage, openEdgePage } from './edge-page.fixture.ts';
import {
  type EdgeDetector,
  type EdgeReport,
  edgeReportDigest,
  examineAtEdge,
  openEdgeReport,
  signEdgeReport,
  verifyEdgeReport,
} from './edge-report.ts';
import { digestOfFiles } from './node/detector-files.ts';
import { nodeOnnxRuntime } from './node/onnx-runtime-files.ts';
import { openOnnxDetector } from './onnx-detector.ts';
import { linearModel } from './onnx-model.fixture.ts';

const MODEL = linearModel([1.4, -0.1], -8);
const CARD = {
  name: 'spoiling',
  version: '1.0.0',
  about: 'a load that spoils',
  sha256: digestHex(MODEL),
  input: 'features',
  inputs: [
    { column: 'temperature', low: -10, high: 30 },
    { column: 'humidity', low: 0, high: 100 },
  ],
  output: { name: 'probability', index: 0, means: 'fault' },
  threshold: '0.2',
};
const code = digestOfFiles(new URL('../custody/', import.meta.url).pathname);
const model = await openOnnxDetector({ model: MODEL, card: CARD, runtime: await nodeOnnxRuntime() });
const own: EdgeDetector[] = [
  { detector: custody, digest: code, terms: JOURNEY_TERMS },
  { detector: model, digest: model.digest, terms: { minimumCoverage: 0.9 } },
];
const journey = honestJourney({ seed: 31, readings: 500 }).map((row, i) =>
  i > 300 && i < 330 ? { ...row, temperature: '12.3' } : i === 400 ? { ...row, temperature: null } : row,
);
const input = {
  stream: 'lorry.sensors',
  observedAt: '2026-03-02T00:00:00Z',
  rows: journey.slice(250),
  before: [{ observedAt: '2026-03-01T12:00:00Z', rows: journey.slice(0, 250) }],
};
const seed = Array.from({ length: 32 }, (_, i) => i);
const device = await ed25519Signer(Uint8Array.from(seed));
const report = await examineAtEdge(input, own);

test('a report says where, by which code, over which rows, and what was found', () => {
  expect(report).toMatchObject({ place: 'edge', rows: 250, stream: 'lorry.sensors' });
  expect(report.before).toHaveLength(1);
  expect(report.examinations.map(({ detector, version }) => `${detector} ${version.split('+')[0]}`)).toEqual([
    'custody 1.0.0',
    'spoiling 1.0.0',
  ]);
  const found = Object.fromEntries(
    report.examinations.flatMap(({ findings }) => findings).map((f) => [f.check, f]),
  );
  expect(found.custody_jump).toMatchObject({ status: 'fail' });
  expect(found.spoiling_model).toMatchObject({ status: 'fail', rows: [[51, 79]] });
  // An exhibit's digest stands for it.
  expect(found.custody_jump!.evidence?.[0]).toMatch(/^sha256:/);
  expect(canonicalJson(report)).not.toContain('exhibits');
});

test('whoever has the rows and the code gets the same bytes', async () => {
  expect(await verifyEdgeReport(report, input, own)).toEqual({
    status: 'pass',
    reason: 'The same findings, in every byte.',
  });
});

describe('verification', () => {
  const tampered = (change: (report: EdgeReport) => void) => {
    const copy = structuredClone(report);
    change(copy);
    return copy;
  };

  test('fails for other rows, other findings, other observations before', async () => {
    const rows = input.rows.map((row, i) => (i === 3 ? { ...row, temperature: '5.0' } : row));
    expect(await verifyEdgeReport(report, { ...input, rows }, own)).toMatchObject({ status: 'fail' });
    const better = tampered((copy) => {
      copy.examinations[0]!.findings[2] = {
        check: 'custody_jump',
        status: 'pass',
        reason: 'fine',
        score: '1',
      };
    });
    expect((await verifyEdgeReport(better, input, own)).reason).toContain('other findings of custody');
    const before = [{ ...input.before[0]!, rows: journey.slice(1, 250) }];
    expect((await verifyEdgeReport(report, { ...input, before }, own)).status).toBe('fail');
  });

  test('is unknown without the detector, its version, its terms or the observations before', async () => {
    expect(await verifyEdgeReport(report, input, own.slice(1))).toMatchObject({ status: 'unknown' });
    const newer = [{ ...own[0]!, detector: { ...custody, version: '9.0.0' } }, own[1]!];
    expect((await verifyEdgeReport(report, input, newer)).reason).toContain('here is 9.0.0');
    expect(await verifyEdgeReport(report, { rows: input.rows }, own)).toMatchObject({ status: 'unknown' });
    const terms = tampered((copy) => {
      copy.examinations[0]!.terms = { time: 'time' };
    });
    expect((await verifyEdgeReport(terms, input, own)).reason).toContain('do not run here');
  });

  test('other code that finds the same is a pass that says so; that finds something else is unknown', async () => {
    const rebuilt = [{ ...own[0]!, digest: { sha256: 'f'.repeat(64) } }, own[1]!];
    const same = await verifyEdgeReport(report, input, rebuilt);
    expect(same.status).toBe('pass');
    expect(same.reason).toContain('this is ffff');
    const blind = {
      ...custody,
      examine: (_: unknown, __: unknown, memory: unknown) => ({ findings: [], memory }),
    };
    const other = [{ ...rebuilt[0]!, detector: blind as unknown as typeof custody }, own[1]!];
    expect((await verifyEdgeReport(report, input, other)).status).toBe('unknown');
    expect(
      (await verifyEdgeReport(report, input, [{ ...own[0]!, detector: other[0]!.detector }, own[1]!])).status,
    ).toBe('fail');
  });
});

describe('signature', () => {
  test('opens to the report and the device that signed it', async () => {
    const envelope = await signEdgeReport(report, device);
    const opened = await openEdgeReport(JSON.parse(JSON.stringify(envelope)));
    expect(opened).toEqual({ report, signer: device.did });
    expect(edgeReportDigest(opened.report)).toBe(edgeReportDigest(report));
  });

  test('a changed byte, another key or a statement’s envelope is refused', async () => {
    const envelope = await signEdgeReport(report, device);
    const other = await ed25519Signer(new Uint8Array(32).fill(9));
    const [signature] = envelope.signatures;
    const broken: [unknown, string][] = [
      [{ ...envelope, payload: envelope.payload.replace(/.{8}$/, 'AAAAAAA=') }, 'SIGNATURE_INVALID'],
      [{ ...envelope, signatures: [{ ...signature, keyid: other.did }] }, 'SIGNATURE_INVALID'],
      [{ ...envelope, signatures: [{ ...signature, keyid: 'did:web:example.com' }] }, 'DID_INVALID'],
      [{ ...envelope, signatures: [signature, signature] }, 'ENVELOPE_MALFORMED'],
      [{ ...envelope, payloadType: 'application/vnd.in-toto+json' }, 'ENVELOPE_MALFORMED'],
      [{ ...envelope, note: 1 }, 'ENVELOPE_MALFORMED'],
      [{ ...envelope, payload: 7 }, 'ENVELOPE_MALFORMED'],
      [null, 'ENVELOPE_MALFORMED'],
      [[], 'ENVELOPE_MALFORMED'],
      [
        await signEdgeReport({ ...report, place: 'node' } as unknown as EdgeReport, device),
        'ENVELOPE_MALFORMED',
      ],
      [await signEdgeReport({ ...report, rows: 1.5 }, device), 'ENVELOPE_MALFORMED'],
    ];
    for (const [input, code] of broken) {
      const error = await openEdgeReport(input).catch((caught: unknown) => caught);
      expect(error).toBeInstanceOf(AssayError);
      expect((error as AssayError).code).toBe(code);
    }
    // The payload type is signed: the same bytes as a statement have another signature.
    const statement = await signStatement(report as never, device);
    expect(statement.envelope.payload).toBe(envelope.payload);
    expect(statement.envelope.signatures[0].sig).not.toBe(signature.sig);
  });
});

test('bounds: no detectors, too many, too much before', async () => {
  await expect(examineAtEdge(input, [])).rejects.toThrow('expected 1 to 16 detectors, got 0');
  const before = Array.from({ length: 65 }, () => input.before[0]!);
  await expect(examineAtEdge({ ...input, before }, own)).rejects.toThrow('at most 64 observations before');
});

if (!BROWSER)
  console.warn('skipped: there is no Chromium here; set CHROMIUM_PATH or install the package chromium');
describe.skipIf(!BROWSER)('in Chromium', () => {
  let page: EdgePage;
  beforeAll(async () => {
    page = await openEdgePage(BROWSER!, MODEL);
  }, 60_000);
  afterAll(() => page?.close());

  test('the same report and signature, byte for byte, and only the page’s own origin is asked', async () => {
    const task: EdgeTask = {
      ...input,
      custody: { terms: JOURNEY_TERMS, digest: code },
      onnx: { terms: own[1]!.terms, card: CARD, model: '/model.onnx', runtime: '/runtime.wasm' },
      seed,
    };
    const answer = await page.examine(task);
    expect(canonicalJson(answer.report)).toBe(canonicalJson(report));
    expect(answer.envelope).toEqual(await signEdgeReport(report, device));
    expect(await verifyEdgeReport((await openEdgeReport(answer.envelope)).report, input, own)).toMatchObject({
      status: 'pass',
    });
    expect(page.asked.length).toBeGreaterThanOrEqual(4);
    for (const address of page.asked) expect(address.startsWith(`${page.origin}/`), address).toBe(true);
  }, 60_000);
});
