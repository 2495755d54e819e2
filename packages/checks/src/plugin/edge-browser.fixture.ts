/** What a device's page loads: the checks as they are, bundled. Tests and the bench call it in a real browser. */
import { custody } from '@assay/checks/custody';
import {
  type EdgeEnvelope,
  type EdgeReport,
  type EdgeRows,
  examineAtEdge,
  type OnnxDetector,
  openOnnxDetector,
  signEdgeReport,
} from '@assay/checks/plugin';
import { ed25519Signer } from '@assay/core';

/** What the page is asked to do; bytes come from the page's own origin. */
export interface EdgeTask extends EdgeRows {
  custody: { terms: unknown; digest: { sha256: string } };
  onnx: { terms: unknown; card: unknown; model: string; runtime: string };
  seed: number[];
}

export interface EdgeAnswer {
  report: EdgeReport;
  envelope: EdgeEnvelope;
}

export async function examineInBrowser(task: EdgeTask): Promise<EdgeAnswer> {
  const report = await examineAtEdge(task, [
    { detector: custody, ...task.custody },
    { ...(await model(task)), terms: task.onnx.terms },
  ]);
  return { report, envelope: await signEdgeReport(report, await ed25519Signer(Uint8Array.from(task.seed))) };
}

/** Rows a second through the model, after one warm run. */
export async function timeInBrowser(task: EdgeTask): Promise<{ model: number; custody: number }> {
  const { detector } = await model(task);
  const specimen = { stream: task.stream, digest: '', observedAt: task.observedAt, rows: task.rows };
  const terms = detector.readTerms(task.onnx.terms, 'terms');
  await detector.examine(specimen, terms, null);
  const began = performance.now();
  await detector.examine(specimen, terms, null);
  const between = performance.now();
  const custodyTerms = custody.readTerms(task.custody.terms, 'terms');
  await custody.examine(specimen, custodyTerms, custody.begin(custodyTerms));
  const ended = performance.now();
  const perSecond = (ms: number) => Math.round((task.rows.length / ms) * 1_000);
  return { model: perSecond(between - began), custody: perSecond(ended - between) };
}

async function model({ onnx }: EdgeTask): Promise<{ detector: OnnxDetector; digest: { sha256: string } }> {
  const [bytes, runtime] = await Promise.all([own(onnx.model), own(onnx.runtime)]);
  const detector = await openOnnxDetector({ model: bytes, card: onnx.card, runtime });
  return { detector, digest: detector.digest };
}

async function own(path: string): Promise<Uint8Array> {
  return new Uint8Array(await (await fetch(path)).arrayBuffer());
}

Object.assign(globalThis, { assayEdge: { examineInBrowser, timeInBrowser } });
