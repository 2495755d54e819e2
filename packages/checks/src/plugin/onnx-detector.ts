import {
  AssayError,
  canonicalBytes,
  type Decimal,
  digestHex,
  excerpt,
  fromScaled,
  isDecimal,
  type Row,
} from '@assay/core';
import * as ort from 'onnxruntime-web/wasm';
import { cell } from '../cell.ts';
import type { Detector, DetectorFinding, Exhibit } from '../detector.ts';
import { toRanges } from '../rules/row-ranges.ts';
import { readColumn, readInteger, readList, readMembers, readNumber, readText } from '../terms.ts';
import { modelOperators } from './onnx-operators.ts';

/** What a model's publisher says of it; the model and its card go together by the digest. */
export interface OnnxCard {
  /** Name of the detector. */
  name: string;
  version: string;
  /** What it judges, for people: `transfers that look like fraud`. */
  about: string;
  /** SHA-256 of the model's bytes, in hex. */
  sha256: string;
  /** Name of the model's input, a float tensor of [rows, inputs.length]. */
  input: string;
  inputs: OnnxInput[];
  output: {
    /** Name of a float output of [rows, n] or [rows]. */
    name: string;
    /** Which of its columns holds the probability. */
    index: number;
    /** Whether it is the probability that a row is faulty, or that it is sound. */
    means: 'fault' | 'sound';
  };
  /** A row fails at this probability of a fault, and above. */
  threshold: Decimal;
}

/** One column of the model's input: value → (value − offset) × scale, as a 32-bit float. */
export interface OnnxInput {
  column: string;
  offset: number;
  scale: number;
  /** What the model was trained on; outside it the answer is unknown. */
  low: number;
  high: number;
  /** What a missing value means: nobody knows, or the model has learnt what to do with NaN. */
  missing: 'unknown' | 'nan';
}

export interface OnnxTerms {
  /** Stricter or laxer than the card's; null takes the card's. */
  threshold: number | null;
  minimumCoverage: number;
}

/** A detector with the digest of everything that decides its answers: model, card and runtime. */
export interface OnnxDetector extends Detector<OnnxTerms, null> {
  readonly digest: { sha256: string };
}

export const MAX_MODEL_BYTES = 16 * 1024 * 1024;
const MAX_INPUTS = 512;
const MAX_ROWS = 262_144;
/** Rows that one run of the model takes: memory stays flat however long the observation is. */
const CHUNK = 4_096;
const MAX_SHOWN = 200;
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?$/;

/** The runtime is one for all models of a process; WebAssembly of another build must not slip in later. */
let loadedRuntime: string | null = null;

/**
 * Opens an ONNX model as a detector of rows. It runs in WebAssembly on one thread, by the same bytes in Node and in a
 * browser, and asks the network for nothing: model and runtime come in as bytes.
 *
 * @param input.model the model's file, at most 16 MiB, of operators that {@link modelOperators} allows.
 * @param input.card what its publisher says of it; a model with another digest is refused.
 * @param input.runtime bytes of `ort-wasm-simd-threaded.wasm`, from `nodeOnnxRuntime()` or the page's own origin.
 * @throws CONTRACT_INVALID for a malformed card, ARGUMENT_INVALID for a model that is too large, not allowed or not
 *   what the card says, PAYLOAD_MISMATCH for another digest.
 * @example
 * const detector = await openOnnxDetector({ model, card, runtime: await nodeOnnxRuntime() });
 */
export async function openOnnxDetector(input: {
  model: Uint8Array;
  card: unknown;
  runtime: Uint8Array;
}): Promise<OnnxDetector> {
  const card = readOnnxCard(input.card);
  if (input.model.length > MAX_MODEL_BYTES) {
    refuse(`expected a model of at most ${MAX_MODEL_BYTES} bytes, got ${input.model.length}`);
  }
  const sha256 = digestHex(input.model);
  if (sha256 !== card.sha256) {
    throw new AssayError('PAYLOAD_MISMATCH', `expected the model ${card.sha256} of its card, got ${sha256}`, {
      next: 'fetch the published model again, or the card that belongs to this model',
      detail: { expected: card.sha256, got: sha256 },
    });
  }
  modelOperators(input.model);
  const runtime = loadRuntime(input.runtime);
  const session = await openSession(input.model, card);
  return {
    name: card.name,
    version: `${card.version}+ort.${runtime.slice(0, 12)}`,
    digest: { sha256: digestHex(canonicalBytes({ card, runtime })) },

    readTerms(value, path) {
      const t = readMembers(value, path, [], ['threshold', 'minimumCoverage']);
      return {
        threshold: t.threshold === undefined ? null : readNumber(t.threshold, `${path}.threshold`, 0, 1),
        minimumCoverage:
          t.minimumCoverage === undefined
            ? 1
            : readNumber(t.minimumCoverage, `${path}.minimumCoverage`, 0.01, 1),
      };
    },

    begin: () => null,

    async examine(specimen, terms) {
      const { rows } = specimen;
      const check = `${card.name}_model`;
      const unknown = (reason: string) => ({
        findings: [{ check, status: 'unknown' as const, reason }],
        memory: null,
      });
      if (rows === undefined || rows.length === 0) return unknown('The observation has no rows.');
      if (rows.length > MAX_ROWS) return unknown(`Expected at most ${MAX_ROWS} rows, got ${rows.length}.`);
      const faults = await probabilities(session, card, rows);
      return { findings: [findingOf(card, check, rows, faults, terms)], memory: null };
    },
  };
}

/** Reads a model's card. @throws CONTRACT_INVALID with the path of what is wrong. */
export function readOnnxCard(value: unknown): OnnxCard {
  const c = readMembers(value, 'card', [
    'name',
    'version',
    'about',
    'sha256',
    'input',
    'inputs',
    'output',
    'threshold',
  ]);
  const output = readMembers(c.output, 'card.output', ['name', 'index', 'means']);
  const pattern = (member: unknown, name: string, regex: RegExp, expected: string) => {
    const text = readText(member, `card.${name}`);
    return regex.test(text) ? text : wrongCard(`card.${name}`, expected, text);
  };
  return {
    name: pattern(c.name, 'name', /^[a-z][a-z0-9_]{0,39}$/, 'the name of a detector'),
    version: pattern(c.version, 'version', /^\d+\.\d+\.\d+$/, 'a version like 1.0.0'),
    about: readText(c.about, 'card.about'),
    sha256: pattern(c.sha256, 'sha256', /^[0-9a-f]{64}$/, 'a SHA-256 digest in hex'),
    input: readText(c.input, 'card.input'),
    inputs: readList(c.inputs, 'card.inputs', 1, MAX_INPUTS, readInput),
    output: {
      name: readText(output.name, 'card.output.name'),
      index: readInteger(output.index, 'card.output.index', 0, 1_000),
      means:
        output.means === 'sound' || output.means === 'fault'
          ? output.means
          : wrongCard('card.output.means', 'fault or sound', output.means),
    },
    threshold:
      isDecimal(c.threshold) && Number(c.threshold) > 0 && Number(c.threshold) <= 1
        ? c.threshold
        : wrongCard('card.threshold', 'a decimal text above 0 and at most 1', c.threshold),
  };
}

function readInput(value: unknown, path: string): OnnxInput {
  const i = readMembers(value, path, ['column', 'low', 'high'], ['offset', 'scale', 'missing']);
  const low = readNumber(i.low, `${path}.low`, -1e30, 1e30);
  const missing = i.missing ?? 'unknown';
  return {
    column: readColumn(i.column, `${path}.column`),
    offset: i.offset === undefined ? 0 : readNumber(i.offset, `${path}.offset`, -1e30, 1e30),
    scale: i.scale === undefined ? 1 : readNumber(i.scale, `${path}.scale`, -1e30, 1e30),
    low,
    high: readNumber(i.high, `${path}.high`, low, 1e30),
    missing:
      missing === 'unknown' || missing === 'nan'
        ? missing
        : wrongCard(`${path}.missing`, 'unknown or nan', missing),
  };
}

/** Gives the runtime's digest; it is loaded by the first session. */
function loadRuntime(bytes: Uint8Array): string {
  const digest = digestHex(bytes);
  if (loadedRuntime === null) {
    // One thread and no proxy worker: sums are added in one order, so that answers never differ.
    ort.env.wasm.numThreads = 1;
    ort.env.wasm.proxy = false;
    ort.env.wasm.wasmBinary = bytes;
    ort.env.logLevel = 'error';
    loadedRuntime = digest;
  } else if (loadedRuntime !== digest) {
    throw new AssayError('PAYLOAD_MISMATCH', `expected the loaded runtime ${loadedRuntime}, got ${digest}`, {
      next: 'use one build of the runtime in a process',
    });
  }
  return digest;
}

async function openSession(model: Uint8Array, card: OnnxCard): Promise<ort.InferenceSession> {
  let session: ort.InferenceSession;
  try {
    session = await ort.InferenceSession.create(model, {
      executionProviders: ['wasm'],
      graphOptimizationLevel: 'disabled',
      intraOpNumThreads: 1,
      interOpNumThreads: 1,
    });
  } catch (cause) {
    return refuse(
      `expected a model that the runtime reads: ${excerpt((cause as Error).message, 200)}`,
      cause,
    );
  }
  if (!session.inputNames.includes(card.input) || session.inputNames.length !== 1) {
    refuse(`expected the one input ${card.input}, got ${session.inputNames.join(', ')}`);
  }
  if (!session.outputNames.includes(card.output.name)) {
    refuse(`expected an output ${card.output.name}, got ${session.outputNames.join(', ')}`);
  }
  return session;
}

/** Probability of a fault of each row, or why there is none. */
async function probabilities(
  session: ort.InferenceSession,
  card: OnnxCard,
  rows: readonly Row[],
): Promise<(number | string)[]> {
  const faults: (number | string)[] = [];
  for (let from = 0; from < rows.length; from += CHUNK) {
    const features = rows.slice(from, from + CHUNK).map((row) => featuresOf(row, card));
    const readable = features.filter((feature) => feature instanceof Float32Array);
    const answers = readable.length === 0 ? [] : await run(session, card, readable);
    let next = 0;
    for (const feature of features) faults.push(typeof feature === 'string' ? feature : answers[next++]!);
  }
  return faults;
}

async function run(
  session: ort.InferenceSession,
  { input, inputs, output }: OnnxCard,
  features: readonly Float32Array[],
): Promise<(number | string)[]> {
  const data = new Float32Array(features.length * inputs.length);
  features.forEach((row, i) => {
    data.set(row, i * inputs.length);
  });
  let answer: ort.Tensor | undefined;
  try {
    const outputs = await session.run(
      { [input]: new ort.Tensor('float32', data, [features.length, inputs.length]) },
      [output.name],
    );
    answer = outputs[output.name];
  } catch (error) {
    const reason = `the model does not run: ${excerpt((error as Error).message, 120)}`;
    return features.map(() => reason);
  }
  const width = (answer?.dims.at(1) ?? 1) as number;
  const values = answer?.type === 'float32' ? (answer.data as Float32Array) : new Float32Array();
  if (output.index >= width || values.length !== features.length * width) {
    return features.map(() => 'the model gives no such output');
  }
  return features.map((_, i) => {
    const probability = values[i * width + output.index]!;
    if (!(probability >= 0 && probability <= 1)) return 'the model gives no probability';
    return output.means === 'fault' ? probability : 1 - probability;
  });
}

function featuresOf(row: Row, { inputs }: OnnxCard): Float32Array | string {
  const features = new Float32Array(inputs.length);
  for (const [i, { column, offset, scale, low, high, missing }] of inputs.entries()) {
    const text = cell(row, column);
    if (text === null || text === undefined || text === '') {
      if (missing === 'unknown') return `${column} is missing`;
      features[i] = Number.NaN;
      continue;
    }
    if (typeof text !== 'string' || text.length > 80 || !NUMBER.test(text)) {
      return `${column} is no decimal text`;
    }
    const value = Number(text);
    if (!(value >= low && value <= high)) {
      return `${column} lies outside ${low} to ${high}, on which the model was trained`;
    }
    features[i] = (value - offset) * scale;
  }
  return features.every(Number.isNaN) ? 'every input is missing' : features;
}

function findingOf(
  card: OnnxCard,
  check: string,
  rows: readonly Row[],
  faults: readonly (number | string)[],
  terms: OnnxTerms,
): DetectorFinding {
  const threshold = terms.threshold ?? Number(card.threshold);
  const failing: number[] = [];
  const doubts = new Map<string, number>();
  let judged = 0;
  let sum = 0;
  let worst = { row: -1, probability: -1 };
  faults.forEach((fault, row) => {
    if (typeof fault === 'string') {
      doubts.set(fault, (doubts.get(fault) ?? 0) + 1);
      return;
    }
    judged++;
    sum += fault;
    if (fault >= threshold) failing.push(row);
    if (fault > worst.probability) worst = { row, probability: fault };
  });
  const told = [...doubts]
    .slice(0, 5)
    .map(([doubt, count]) => `${doubt} (${count})`)
    .join('; ');
  const unknown = doubts.size > 0 ? ` ${rows.length - judged} cannot be judged: ${told}.` : '';
  const model = `${card.about}, by the model ${card.sha256.slice(0, 12)}…`;
  if (judged === 0 || (failing.length === 0 && judged / rows.length < terms.minimumCoverage)) {
    return {
      check,
      status: 'unknown',
      reason: `${judged} of ${rows.length} rows can be judged for ${model}; ${Math.round(terms.minimumCoverage * 1_000) / 10} % are needed.${unknown}`,
    };
  }
  const highest = `The highest probability is ${millionths(worst.probability)}, of row ${worst.row}; the limit is ${millionths(threshold)}.`;
  const shared = {
    check,
    // The expected share of sound rows, which is what calibrated probabilities add up to.
    score: millionths(1 - sum / judged),
    evidence: [`sha256:${card.sha256}`],
  };
  return failing.length === 0
    ? {
        ...shared,
        status: 'pass',
        reason: `None of ${judged} rows looks like ${model}. ${highest}${unknown}`,
      }
    : {
        ...shared,
        status: 'fail',
        reason: `${failing.length} of ${judged} rows look like ${model}. ${highest}${unknown}`,
        rows: toRanges(failing),
        exhibits: [tableOf(card, rows, faults, failing)],
      };
}

function tableOf(
  card: OnnxCard,
  rows: readonly Row[],
  faults: readonly (number | string)[],
  failing: readonly number[],
): Exhibit {
  const columns = card.inputs.slice(0, 16).map(({ column }) => column);
  const most = [...failing].sort((a, b) => (faults[b] as number) - (faults[a] as number) || a - b);
  return {
    kind: 'table',
    title: `Rows that look like ${card.about}, the most probable first`,
    columns: ['row', 'probability', ...columns],
    rows: most
      .slice(0, MAX_SHOWN)
      .map((row) => [
        String(row),
        millionths(faults[row] as number),
        ...columns.map((column) => String(cell(rows[row]!, column) ?? '').slice(0, 80)),
      ]),
  };
}

function millionths(value: number): Decimal {
  return fromScaled(BigInt(Math.round(Math.min(1, Math.max(0, value)) * 1e6)), 6);
}

function wrongCard(path: string, expected: string, got: unknown): never {
  throw new AssayError('CONTRACT_INVALID', `${path}: expected ${expected}, got ${excerpt(String(got))}`, {
    next: 'correct the model card; docs/detectors.md lists its members',
    detail: { path, expected },
  });
}

function refuse(message: string, cause?: unknown): never {
  throw new AssayError('ARGUMENT_INVALID', `ONNX model: ${message}`, {
    next: 'compare the model with its card',
    ...(cause === undefined ? {} : { cause }),
  });
}
