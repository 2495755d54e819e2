import {
  AssayError,
  base64Decode,
  base64Encode,
  bytesEqual,
  canonicalBytes,
  canonicalJson,
  concatBytes,
  digestHex,
  type Ed25519Signer,
  encodePayload,
  excerpt,
  fromUtf8,
  publicKeyFromDid,
  type Row,
  utf8,
  verifyEd25519,
} from '@assay/core';
import type { Detector, DetectorFinding } from '../detector.ts';

export const EDGE_REPORT_TYPE = 'urn:assay:edge-report/v1';
/** Of the DSSE envelope: a report is no statement of the ledger, and its signature can be taken for none. */
export const EDGE_REPORT_MEDIA_TYPE = 'application/vnd.assay.edge-report+json';

/** One detector as the device ran it. */
export interface EdgeDetector {
  detector: Detector;
  /** SHA-256 over its code, or over model, card and runtime. */
  digest: { sha256: string };
  /** Terms as the contract states them. */
  terms: unknown;
}

/** The rows that a device looked at before it sent them. */
export interface EdgeRows {
  stream: string;
  observedAt: string;
  rows: readonly Row[];
  /** Observations that came right before, oldest first, for detectors that remember. */
  before?: readonly { observedAt: string; rows: readonly Row[] }[] | undefined;
}

/** What a device found, in canonical JSON: the same code over the same rows gives the same bytes anywhere. */
export interface EdgeReport {
  type: typeof EDGE_REPORT_TYPE;
  place: 'edge';
  stream: string;
  observedAt: string;
  /** Digest of the rows as NDJSON: the subject of the observation that carries them. */
  payload: { sha256: string };
  rows: number;
  /** Digests of the payloads that the detectors had read before, oldest first; memory began before them. */
  before: { observedAt: string; sha256: string }[];
  examinations: {
    detector: string;
    version: string;
    code: { sha256: string };
    terms: unknown;
    /** Exhibits are named by their digests among the evidence. */
    findings: Omit<DetectorFinding, 'exhibits'>[];
  }[];
}

/** A report that was signed. */
export interface EdgeEnvelope {
  payloadType: typeof EDGE_REPORT_MEDIA_TYPE;
  /** base64 of the report's canonical JSON. */
  payload: string;
  signatures: [{ keyid: string; sig: string }];
}

/** What came of running a report's detectors again. */
export interface EdgeVerification {
  status: 'pass' | 'fail' | 'unknown';
  reason: string;
}

export const MAX_EDGE_DETECTORS = 16;
export const MAX_EDGE_BEFORE = 64;
const MAX_ENVELOPE_CHARACTERS = 4 * 1024 * 1024;

/**
 * Runs detectors beside the sensor, before anything is sent. Memory begins with the first of `before`, so that whoever
 * has the same rows gets the same report bit for bit.
 *
 * @throws ARGUMENT_INVALID for more than {@link MAX_EDGE_DETECTORS} detectors or {@link MAX_EDGE_BEFORE} observations
 *   before; CONTRACT_INVALID for wrong terms.
 * @example
 * const report = await examineAtEdge({ stream, observedAt, rows }, [{ detector: custody, digest, terms }]);
 * const envelope = await signEdgeReport(report, deviceKey);
 */
export async function examineAtEdge(
  input: EdgeRows,
  detectors: readonly EdgeDetector[],
): Promise<EdgeReport> {
  const before = input.before ?? [];
  if (detectors.length === 0 || detectors.length > MAX_EDGE_DETECTORS) {
    refuse(`expected 1 to ${MAX_EDGE_DETECTORS} detectors, got ${detectors.length}`);
  }
  if (before.length > MAX_EDGE_BEFORE) {
    refuse(`expected at most ${MAX_EDGE_BEFORE} observations before, got ${before.length}`);
  }
  const stream = input.stream;
  const specimens = [...before, input].map(({ observedAt, rows }) => ({
    stream,
    digest: digestHex(encodePayload(rows)),
    observedAt,
    rows,
    place: 'edge' as const,
  }));
  const examinations: EdgeReport['examinations'] = [];
  for (const { detector, digest, terms } of detectors) {
    const read = detector.readTerms(terms, `terms of ${detector.name}`);
    let memory = detector.begin(read);
    let findings: DetectorFinding[] = [];
    for (const specimen of specimens) ({ findings, memory } = await detector.examine(specimen, read, memory));
    examinations.push({
      detector: detector.name,
      version: detector.version,
      code: { sha256: digest.sha256 },
      terms,
      findings: findings.map(withoutExhibits),
    });
  }
  return {
    type: EDGE_REPORT_TYPE,
    place: 'edge',
    stream,
    observedAt: input.observedAt,
    payload: { sha256: specimens.at(-1)!.digest },
    rows: input.rows.length,
    before: specimens.slice(0, -1).map(({ observedAt, digest }) => ({ observedAt, sha256: digest })),
    examinations,
  };
}

/** SHA-256 of a report's canonical JSON, in hex: what a device may name in its observation. */
export function edgeReportDigest(report: EdgeReport): string {
  return digestHex(canonicalBytes(report));
}

/** Signs a report with the device's key, in a DSSE envelope of a type of its own. */
export async function signEdgeReport(report: EdgeReport, signer: Ed25519Signer): Promise<EdgeEnvelope> {
  const payload = canonicalBytes(report);
  return {
    payloadType: EDGE_REPORT_MEDIA_TYPE,
    payload: base64Encode(payload),
    signatures: [
      { keyid: signer.did, sig: base64Encode(await signer.sign(preAuthenticationEncoding(payload))) },
    ],
  };
}

/**
 * Opens a signed report: shape, signature by the key its DID names, canonical JSON. Whether that device is to be
 * believed is the caller's question.
 *
 * @throws ENVELOPE_MALFORMED, DID_INVALID, SIGNATURE_INVALID
 */
export async function openEdgeReport(input: unknown): Promise<{ report: EdgeReport; signer: string }> {
  const { payload, keyid, sig } = parseEnvelope(input);
  const publicKey = publicKeyFromDid(keyid);
  if (!(await verifyEd25519(publicKey, preAuthenticationEncoding(payload), sig))) {
    throw new AssayError(
      'SIGNATURE_INVALID',
      `the signature does not match the report and ${excerpt(keyid, 70)}`,
      {
        next: 'ask the device for the report as it signed it',
      },
    );
  }
  const report = parseJson(payload);
  if (!bytesEqual(canonicalBytes(report), payload)) malformed('expected canonical JSON (RFC 8785)');
  return { report: asReport(report), signer: keyid };
}

/**
 * Runs a report's detectors again over the same rows and compares every byte.
 *
 * - `pass`: the same findings, in every byte.
 * - `fail`: the rows are not those of the report, or the same code gives other findings.
 * - `unknown`: a detector, its version or the observations before are not at hand, or other code gives other
 *   findings: nobody can say who is wrong.
 *
 * @param detectors what is at hand here; terms are the report's.
 * @example
 * const { status, reason } = await verifyEdgeReport(report, { rows }, [{ detector: custody, digest }]);
 */
export async function verifyEdgeReport(
  report: EdgeReport,
  input: { rows: readonly Row[]; before?: EdgeRows['before'] },
  detectors: readonly Pick<EdgeDetector, 'detector' | 'digest'>[],
): Promise<EdgeVerification> {
  const digest = digestHex(encodePayload(input.rows));
  if (digest !== report.payload.sha256) {
    return {
      status: 'fail',
      reason: `The report is about the rows ${report.payload.sha256}, these are ${digest}.`,
    };
  }
  const before = input.before ?? [];
  if (before.length !== report.before.length) {
    return {
      status: 'unknown',
      reason: `The detectors had read ${report.before.length} observations before; ${before.length} are at hand.`,
    };
  }
  const ran: EdgeDetector[] = [];
  let otherCode = '';
  for (const { detector, version, code, terms } of report.examinations) {
    const own = detectors.find((candidate) => candidate.detector.name === detector);
    if (own === undefined) return { status: 'unknown', reason: `There is no detector ${detector} here.` };
    if (own.detector.version !== version) {
      return {
        status: 'unknown',
        reason: `The device ran ${detector} ${version}; here is ${own.detector.version}.`,
      };
    }
    if (own.digest.sha256 !== code.sha256) {
      otherCode += ` The device's code of ${detector} is ${code.sha256}, this is ${own.digest.sha256}.`;
    }
    ran.push({ detector: own.detector, digest: code, terms });
  }
  let again: EdgeReport;
  try {
    again = await examineAtEdge({ ...input, stream: report.stream, observedAt: report.observedAt }, ran);
  } catch (error) {
    return { status: 'unknown', reason: `The detectors do not run here: ${(error as Error).message}` };
  }
  if (canonicalJson(again.before) !== canonicalJson(report.before)) {
    return { status: 'fail', reason: 'The observations before are not those that the report names.' };
  }
  if (canonicalJson(again) === canonicalJson(report)) {
    return { status: 'pass', reason: `The same findings, in every byte.${otherCode}` };
  }
  const where = report.examinations.findIndex(
    (examination, i) => canonicalJson(examination) !== canonicalJson(again.examinations[i]),
  );
  const what = report.examinations[where]?.detector ?? 'the report';
  return otherCode === ''
    ? { status: 'fail', reason: `The same code gives other findings of ${what}.` }
    : { status: 'unknown', reason: `Other code gives other findings of ${what}.${otherCode}` };
}

/** Exhibits are too large for a device to sign: their digests stand for them. */
function withoutExhibits({ exhibits, ...finding }: DetectorFinding): Omit<DetectorFinding, 'exhibits'> {
  if (!exhibits?.length) return finding;
  const digests = exhibits.map((exhibit) => `sha256:${digestHex(canonicalBytes(exhibit))}`);
  return { ...finding, evidence: [...(finding.evidence ?? []), ...digests] };
}

/** DSSE PAE (secure-systems-lab/dsse, protocol.md): binds the payload type, so that no signature changes its meaning. */
function preAuthenticationEncoding(payload: Uint8Array): Uint8Array {
  return concatBytes(
    utf8(`DSSEv1 ${EDGE_REPORT_MEDIA_TYPE.length} ${EDGE_REPORT_MEDIA_TYPE} ${payload.length} `),
    payload,
  );
}

function parseEnvelope(input: unknown): { payload: Uint8Array; keyid: string; sig: Uint8Array } {
  const envelope = (input ?? {}) as Partial<Record<keyof EdgeEnvelope, unknown>>;
  const signatures = envelope.signatures as Partial<Record<'keyid' | 'sig', unknown>>[] | undefined;
  if (
    Object.keys(envelope).sort().join() !== 'payload,payloadType,signatures' ||
    envelope.payloadType !== EDGE_REPORT_MEDIA_TYPE
  ) {
    malformed(`expected an envelope of ${EDGE_REPORT_MEDIA_TYPE}`);
  }
  if (typeof envelope.payload !== 'string' || envelope.payload.length > MAX_ENVELOPE_CHARACTERS) {
    malformed(`payload: expected base64 of at most ${MAX_ENVELOPE_CHARACTERS} characters`);
  }
  const [signature] = Array.isArray(signatures) && signatures.length === 1 ? signatures : [];
  const { keyid, sig } = signature ?? {};
  if (typeof keyid !== 'string' || typeof sig !== 'string' || Object.keys(signature!).length !== 2) {
    return malformed('signatures: expected exactly one with keyid and sig');
  }
  return { payload: decode(envelope.payload), keyid, sig: decode(sig) };
}

function asReport(value: unknown): EdgeReport {
  const report = (value ?? {}) as Partial<EdgeReport>;
  const isText = (text: unknown) => typeof text === 'string' && text.length <= 200;
  const isDigest = (digest: unknown) => typeof digest === 'string' && /^[0-9a-f]{64}$/.test(digest);
  const sound =
    Object.keys(report).sort().join() === 'before,examinations,observedAt,payload,place,rows,stream,type' &&
    report.type === EDGE_REPORT_TYPE &&
    report.place === 'edge' &&
    isText(report.stream) &&
    isText(report.observedAt) &&
    isDigest(report.payload?.sha256) &&
    Number.isSafeInteger(report.rows) &&
    Array.isArray(report.before) &&
    report.before.length <= MAX_EDGE_BEFORE &&
    report.before.every((one) => isText(one?.observedAt) && isDigest(one?.sha256)) &&
    Array.isArray(report.examinations) &&
    report.examinations.length > 0 &&
    report.examinations.length <= MAX_EDGE_DETECTORS &&
    report.examinations.every(
      (one) =>
        isText(one?.detector) &&
        isText(one?.version) &&
        isDigest(one?.code?.sha256) &&
        Array.isArray(one?.findings),
    );
  return sound ? (report as EdgeReport) : malformed('expected an edge report (urn:assay:edge-report/v1)');
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(fromUtf8(bytes));
  } catch (cause) {
    return malformed(`expected JSON: ${(cause as Error).message}`);
  }
}

function decode(value: string): Uint8Array {
  try {
    return base64Decode(value);
  } catch (cause) {
    return malformed((cause as Error).message);
  }
}

function malformed(message: string): never {
  throw new AssayError('ENVELOPE_MALFORMED', message, {
    next: 'send a DSSE envelope of an edge report with one Ed25519 signature by a did:key',
  });
}

function refuse(message: string): never {
  throw new AssayError('ARGUMENT_INVALID', message);
}
