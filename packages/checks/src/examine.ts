import { createHash } from 'node:crypto';
import { deserialize, serialize } from 'node:v8';
import {
  AssayError,
  canonicalBytes,
  compareDecimal,
  FINDING_STATUSES,
  type Finding,
  isDecimal,
  type RowRanges,
} from '@assay/core';
import {
  type Detector,
  type DetectorFinding,
  type Exhibit,
  MAX_EXHIBIT_BYTES,
  MAX_EXHIBITS,
  type Specimen,
} from './detector.ts';
import type { DataContract, DetectorRule } from './rules/contract.ts';
import { countRows, toRanges } from './rules/row-ranges.ts';

/** What a detector remembers of a stream, as it is kept: of another version or other terms it is worth nothing. */
export interface DetectorMemory {
  /** The detector's version and the digest of its terms. */
  version: string;
  /** `v8.serialize` of its memory. */
  bytes: Uint8Array;
}

export interface Examined {
  /** With the contract's severity, and evidence that names the payload and every exhibit by digest. */
  findings: Finding[];
  /** What reviewers look at, by `sha256:<hex>` of its canonical JSON. */
  exhibits: Map<string, Exhibit>;
  /** What the detectors remember from now on, by the id of the contract's rule. */
  memories: Map<string, DetectorMemory>;
}

/** Bounds of what a detector may say and remember. */
export const MAX_FINDINGS = 32;
export const MAX_MEMORY_BYTES = 4 * 1024 * 1024;
export const MAX_EVIDENCE = 40;
/** A log entry holds 65,535 bytes; this much of it is left to detectors, which share it. */
const MAX_FINDINGS_BYTES = 20_000;
const MAX_REASON = 2_000;

/**
 * Runs the detectors that a contract asks for over one observation. Whatever a detector does, an observation gets its
 * findings: one that throws, is not there, or says or remembers more than it may is `unknown` with the reason, and
 * remembers what it remembered before.
 *
 * Pure like the detectors: the same specimens, contract and memories give the same findings and memories.
 *
 * @param input.specimens the observation: one, or one for each file of it, in the order of the rows.
 * @param input.memories by the id of the contract's rule; what is missing or of another version begins anew.
 * @param input.limit bounds a detector's time; a detector whose promise it rejects is unknown.
 * @example
 * const { findings, exhibits, memories } = await examine({ contract, detectors, specimens: [specimen], memories: new Map() });
 */
export async function examine(input: {
  contract: DataContract;
  detectors: ReadonlyMap<string, Detector>;
  specimens: readonly Specimen[];
  memories: ReadonlyMap<string, DetectorMemory>;
  limit?: <T>(work: Promise<T>) => Promise<T>;
}): Promise<Examined> {
  const { contract, detectors, specimens, memories } = input;
  const examined: Examined = { findings: [], exhibits: new Map(), memories: new Map() };
  const share = Math.floor(MAX_FINDINGS_BYTES / Math.max(contract.detectors.length, 1));
  for (const rule of contract.detectors) {
    const detector = detectors.get(rule.detector);
    const kept = memories.get(rule.id);
    try {
      if (!detector) throw new Unjudged(`no detector named ${rule.detector} is installed here`);
      const one = await (input.limit ?? ((work) => work))(runDetector(rule, detector, specimens, kept));
      examined.findings.push(...withinBytes(one.findings, share));
      for (const [digest, exhibit] of one.exhibits) examined.exhibits.set(digest, exhibit);
      examined.memories.set(rule.id, one.memory);
    } catch (error) {
      examined.findings.push(unjudged(rule, specimens, error));
      if (kept) examined.memories.set(rule.id, kept);
    }
  }
  return examined;
}

/** Reads every detector's terms once, so that a contract that asks wrongly is told before it is used. */
export function checkTerms(contract: DataContract, detectors: ReadonlyMap<string, Detector>): void {
  for (const { detector, terms, path } of contract.detectors) detectors.get(detector)?.readTerms(terms, path);
}

/** The canonical JSON of an exhibit, and the digest that findings name it by. */
export function exhibitDigest(exhibit: Exhibit): { digest: string; bytes: Uint8Array } {
  const bytes = canonicalBytes(exhibit);
  return { digest: `sha256:${sha256(bytes)}`, bytes };
}

/** Why a detector gave no answer of its own. */
class Unjudged extends Error {}

async function runDetector(
  rule: DetectorRule,
  detector: Detector,
  specimens: readonly Specimen[],
  kept: DetectorMemory | undefined,
): Promise<{ findings: Finding[]; exhibits: Map<string, Exhibit>; memory: DetectorMemory }> {
  const terms = detector.readTerms(rule.terms, rule.path);
  const version = `${detector.version} ${sha256(canonicalBytes(rule.terms))}`;
  let memory: unknown = kept?.version === version ? deserialize(kept.bytes) : detector.begin(terms);
  const exhibits = new Map<string, Exhibit>();
  const found: Finding[] = [];
  for (const [row, specimen] of specimens.entries()) {
    const examination = await detector.examine(specimen, terms, memory);
    memory = examination.memory;
    const { findings } = examination;
    if (findings.length === 0) throw new Unjudged(`${rule.detector} gave no finding`);
    if (findings.length > MAX_FINDINGS)
      throw new Unjudged(
        `${rule.detector} gave ${findings.length} findings, at most ${MAX_FINDINGS} are taken`,
      );
    for (const finding of findings) {
      const rows = specimen.file ? fileRows(finding, row) : rowsWithin(finding, specimen.rows?.length ?? 0);
      found.push(complete(rule, specimen, { ...finding, ...rows }, exhibits));
    }
  }
  const bytes = new Uint8Array(serialize(memory));
  if (bytes.length > MAX_MEMORY_BYTES)
    throw new Unjudged(
      `${rule.detector} would remember ${bytes.length} bytes, at most ${MAX_MEMORY_BYTES} are kept`,
    );
  return { findings: specimens.length > 1 ? byCheck(found) : found, exhibits, memory: { version, bytes } };
}

function complete(
  rule: DetectorRule,
  specimen: Specimen,
  finding: DetectorFinding,
  exhibits: Map<string, Exhibit>,
): Finding {
  const { check, column, status, reason, rows, score, evidence = [] } = finding;
  const wrong = (what: string): never => {
    throw new Unjudged(`${rule.detector} gave a finding with ${what}`);
  };
  if (typeof check !== 'string' || !check.startsWith(`${rule.detector}_`) || check.length > 100)
    wrong('a name that is not its own');
  if (!FINDING_STATUSES.includes(status)) wrong('a status that is neither pass, fail nor unknown');
  if (
    typeof reason !== 'string' ||
    reason.length === 0 ||
    reason.length > MAX_REASON ||
    !reason.isWellFormed()
  )
    wrong(`a reason that is not 1 to ${MAX_REASON} characters of Unicode text`);
  if (score !== undefined && !(isDecimal(score) && inUnit(score))) wrong('a score outside 0 to 1');
  if (column !== undefined && (typeof column !== 'string' || column.length > 200))
    wrong('a column without a name');
  if (
    evidence.length > MAX_EVIDENCE ||
    evidence.some((item) => typeof item !== 'string' || item.length > 200)
  )
    wrong(`evidence beyond ${MAX_EVIDENCE} names of 200 characters`);
  const digests = keepExhibits(finding.exhibits ?? [], exhibits, wrong);
  return {
    check,
    ...(column === undefined ? {} : { column }),
    status,
    severity: rule.severity,
    reason,
    ...(rows === undefined ? {} : { rows }),
    ...(score === undefined ? {} : { score }),
    evidence: [`sha256:${specimen.digest}`, ...evidence, ...digests],
  };
}

function keepExhibits(
  shown: readonly Exhibit[],
  exhibits: Map<string, Exhibit>,
  wrong: (what: string) => never,
): string[] {
  if (shown.length > MAX_EXHIBITS) wrong(`${shown.length} exhibits, at most ${MAX_EXHIBITS} are kept`);
  let total = 0;
  return shown.map((exhibit) => {
    const { digest, bytes } = exhibitDigest(exhibit);
    total += bytes.length;
    if (total > MAX_EXHIBIT_BYTES) wrong(`exhibits beyond ${MAX_EXHIBIT_BYTES} bytes`);
    exhibits.set(digest, exhibit);
    return digest;
  });
}

/** A finding about a file is about its row. */
function fileRows({ status }: DetectorFinding, row: number): { rows?: RowRanges } {
  return status === 'fail' ? { rows: [[row, row]] } : {};
}

function rowsWithin({ check, rows, status }: DetectorFinding, count: number): { rows?: RowRanges } {
  if (rows === undefined || status !== 'fail') return {};
  let last = -1;
  for (const [from, to] of rows) {
    if (!(Number.isInteger(from) && Number.isInteger(to) && from > last && from <= to && to < count))
      throw new Unjudged(`${check} names rows that are not ascending ranges below ${count}`);
    last = to;
  }
  return { rows };
}

/** Several files, one question: the worst answer, the rows that failed, and the first reason of that kind. */
function byCheck(found: readonly Finding[]): Finding[] {
  const groups = Map.groupBy(found, ({ check, column }) => `${check}/${column ?? ''}`);
  return [...groups.values()].map((same): Finding => {
    const worst = (['fail', 'unknown', 'pass'] as const).find((status) =>
      same.some((one) => one.status === status),
    )!;
    const those = same.filter(({ status }) => status === worst);
    const rows = toRanges(those.flatMap(({ rows = [] }) => rows.map(([row]) => row)));
    const scores = those.flatMap(({ score }) => score ?? []).sort(compareDecimal);
    const more = those.length > 1 ? ` (and ${those.length - 1} more of ${same.length} files)` : '';
    const { score: _, rows: __, ...first } = those[0]!;
    return {
      ...first,
      reason: `${first.reason.slice(0, MAX_REASON - more.length)}${more}`,
      ...(rows.length === 0 ? {} : { rows }),
      ...(scores[0] === undefined ? {} : { score: scores[0] }),
      evidence: [...new Set(same.flatMap(({ evidence = [] }) => evidence))].slice(0, 200),
    };
  });
}

/**
 * Shortens reasons, the passing ones first, and then joins ranges of rows, until the findings fit into their part of a
 * log entry. Whoever makes every second row fail must not turn a failure into an unknown.
 */
function withinBytes(findings: Finding[], most: number): Finding[] {
  const size = (list: readonly Finding[]) => canonicalBytes(list).length;
  const shortened = (list: readonly Finding[], to: number, only?: Finding['status']) =>
    list.map((finding) =>
      finding.reason.length > to && (only === undefined || finding.status === only)
        ? { ...finding, reason: `${finding.reason.slice(0, to - 1).toWellFormed()}…` }
        : finding,
    );
  let fitting = findings;
  if (size(fitting) > most) fitting = shortened(fitting, 160, 'pass');
  for (const to of [600, 200, 80]) if (size(fitting) > most) fitting = shortened(fitting, to);
  if (size(fitting) <= most) return fitting;
  for (const ranges of [128, 16, 1]) {
    const joined = fitting.map((finding) => withFewerRanges(finding, ranges));
    if (size(joined) <= most) return joined;
  }
  throw new Unjudged(`findings beyond ${most} bytes`);
}

/** At most so many ranges, joined over the smallest gaps; the reason says that sound rows lie within. */
function withFewerRanges(finding: Finding, most: number): Finding {
  const { rows = [], reason } = finding;
  if (rows.length <= most) return finding;
  const widest = rows
    .slice(1)
    .map(([from], i) => ({ at: i + 1, gap: from - rows[i]![1] }))
    .sort((a, b) => b.gap - a.gap || a.at - b.at)
    .slice(0, most - 1);
  const cuts = [0, ...widest.map(({ at }) => at).sort((a, b) => a - b), rows.length];
  const joined = cuts.slice(1).map((to, i): [number, number] => [rows[cuts[i]!]![0], rows[to - 1]![1]]);
  const said = `${countRows(rows)} rows fail, too scattered to be named without sound ones between them. ${reason}`;
  return { ...finding, rows: joined, reason: said.slice(0, MAX_REASON).toWellFormed() };
}

function unjudged(rule: DetectorRule, specimens: readonly Specimen[], error: unknown): Finding {
  const why =
    error instanceof Unjudged || error instanceof AssayError
      ? error.message
      : `${rule.detector} broke off: ${error instanceof Error ? error.message : 'without a reason'}`;
  return {
    check: `${rule.detector}_examined`,
    status: 'unknown',
    severity: rule.severity,
    reason: why.toWellFormed().slice(0, 400) || 'without a reason',
    evidence: specimens.slice(0, 20).map(({ digest }) => `sha256:${digest}`),
  };
}

function inUnit(score: string): boolean {
  return compareDecimal(score, '0') >= 0 && compareDecimal(score, '1') <= 0;
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
