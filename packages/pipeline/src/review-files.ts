/**
 * What the operator decides by files in the data folder: who reviews, who executes again, which
 * questions are planted, whose streams come in.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type DataContract, parseContract } from '@assay/checks';
import { AssayError, DECISIONS, type Decision, publicKeyFromDid } from '@assay/core';

export interface EnrolledReviewer {
  did: string;
  /** A working name; it never leaves this node in a statement. */
  name: string | null;
}

/** Who may say what came out when a derived figure was executed again. */
export type EnrolledExecutor = EnrolledReviewer;

export interface GoldEntry {
  observation: string;
  decision: Decision;
}

/** A stream that its provider sends itself. */
export interface RegisteredStream {
  stream: string;
  /** DID that may sign it. */
  provider: string;
}

const MAX_ENTRIES = 1_000;

/** The list of reviewers in a file. A missing file is an empty list. @throws ARGUMENT_INVALID */
export function readReviewers(file: string): EnrolledReviewer[] {
  return readEnrolled(file, 'reviewers');
}

/** Puts a reviewer on the list, or gives it another name. */
export function enrolReviewer(file: string, reviewer: EnrolledReviewer): void {
  enrol(file, 'reviewers', reviewer);
}

/** Takes a reviewer off the list. @returns whether it was there. */
export function dismissReviewer(file: string, did: string): boolean {
  return dismiss(file, 'reviewers', did);
}

/** The list of executors in a file. A missing file is an empty list. @throws ARGUMENT_INVALID */
export function readExecutors(file: string): EnrolledExecutor[] {
  return readEnrolled(file, 'executors');
}

/** Puts an executor on the list, or gives it another name. */
export function enrolExecutor(file: string, executor: EnrolledExecutor): void {
  enrol(file, 'executors', executor);
}

/** Takes an executor off the list; what it signed stays. @returns whether it was there. */
export function dismissExecutor(file: string, did: string): boolean {
  return dismiss(file, 'executors', did);
}

/** Planted questions in a file. */
export function readGoldFile(file: string): GoldEntry[] {
  return readList(file, 'gold').map((entry, i) => {
    const { observation, decision } = entry as Partial<GoldEntry>;
    if (
      typeof observation !== 'string' ||
      !/^[0-9a-f]{64}$/.test(observation) ||
      !DECISIONS.includes(decision!)
    )
      throw malformed(file, `gold[${i}]`, '{ "observation": "<id>", "decision": "accept|flag|reject" }');
    return { observation, decision: decision! };
  });
}

/** Plants a question. */
export function plantGold(file: string, gold: GoldEntry): void {
  const others = readGoldFile(file).filter(({ observation }) => observation !== gold.observation);
  writeList(file, 'gold', [...others, gold]);
}

/** Streams that providers send themselves. */
export function readStreams(file: string): RegisteredStream[] {
  return readList(file, 'streams').map((entry, i) => {
    const { stream, provider } = entry as Partial<RegisteredStream>;
    if (typeof stream !== 'string' || typeof provider !== 'string')
      throw malformed(file, `streams[${i}]`, '{ "stream": …, "provider": "did:key:…" }');
    publicKeyFromDid(provider);
    return { stream, provider };
  });
}

/**
 * Registers a stream with its provider and its data contract.
 *
 * @param contract the contract's YAML; its id is the stream's name.
 * @throws CONTRACT_INVALID, DID_INVALID
 */
export function registerStream(
  file: string,
  { provider, contract }: { provider: string; contract: string },
): RegisteredStream {
  publicKeyFromDid(provider);
  const { name: stream } = parseContract(contract);
  mkdirSync(contractsFolder(file), { recursive: true });
  replaceFile(contractFile(file, stream), contract);
  const others = readStreams(file).filter((other) => other.stream !== stream);
  writeList(file, 'streams', [...others, { stream, provider }]);
  return { stream, provider };
}

/**
 * The registered streams as they are now: a stream that was added while the node runs is taken from its next
 * observation on. `contracts` is changed in place, for whoever reads contracts from it.
 *
 * @param own streams that the node itself brings from elsewhere than its venues.
 */
export function streamRegistry(
  file: string,
  contracts: Map<string, DataContract>,
  own: readonly RegisteredStream[] = [],
) {
  const taken = new Set(contracts.keys());
  const read = remembered(file, (): RegisteredStream[] => {
    // A file cannot take over a stream that the node itself reads.
    const streams = readStreams(file).filter(({ stream }) => !taken.has(stream));
    for (const { stream } of streams) {
      const contract = parseContract(readFileSync(contractFile(file, stream), 'utf8'));
      if (contract.name === stream) contracts.set(stream, contract);
    }
    return streams;
  });
  const streams = () => (own.length === 0 ? read() : [...own, ...read()]);
  return {
    streams,
    providerOf: (stream: string) => streams().find((one) => one.stream === stream)?.provider ?? null,
  };
}

/** Reads a file again when it was changed; while it cannot be read, what it said before holds. */
export function remembered<T>(file: string, read: () => T): () => T {
  let stamp = '';
  let value: T | undefined;
  return () => {
    const now = existsSync(file)
      ? `${statSync(file).mtimeMs} ${statSync(file).size} ${statSync(file).ino}`
      : 'none';
    if (now === stamp && value !== undefined) return value;
    try {
      value = read();
      stamp = now;
    } catch (error) {
      if (value === undefined) throw error;
      process.stderr.write(`assay: ${(error as Error).message}; what it said before holds\n`);
      stamp = now;
    }
    return value;
  };
}

function contractsFolder(file: string): string {
  return join(dirname(file), 'contracts');
}

function contractFile(file: string, stream: string): string {
  return join(contractsFolder(file), `${stream}.odcs.yaml`);
}

type EnrolledList = 'reviewers' | 'executors';

function readEnrolled(file: string, list: EnrolledList): EnrolledReviewer[] {
  return readList(file, list).map((entry, i) => {
    const { did, name = null } = entry as Partial<EnrolledReviewer>;
    if (typeof did !== 'string' || (name !== null && typeof name !== 'string'))
      throw malformed(file, `${list}[${i}]`, '{ "did": "did:key:…", "name": … }');
    publicKeyFromDid(did);
    return { did, name };
  });
}

function enrol(file: string, list: EnrolledList, one: EnrolledReviewer): void {
  publicKeyFromDid(one.did);
  const others = readEnrolled(file, list).filter(({ did }) => did !== one.did);
  writeList(file, list, [...others, one]);
}

function dismiss(file: string, list: EnrolledList, did: string): boolean {
  const all = readEnrolled(file, list);
  writeList(
    file,
    list,
    all.filter((one) => one.did !== did),
  );
  return all.some((one) => one.did === did);
}

function readList(file: string, member: string): unknown[] {
  if (!existsSync(file)) return [];
  let value: unknown;
  try {
    value = (JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>)[member];
  } catch (cause) {
    throw malformed(file, (cause as Error).message, 'JSON');
  }
  if (!Array.isArray(value) || value.length > MAX_ENTRIES)
    throw malformed(file, member, `a list of at most ${MAX_ENTRIES}`);
  return value.map((entry) => (typeof entry === 'object' && entry !== null ? entry : {}));
}

function writeList(file: string, member: string, list: unknown[]): void {
  if (list.length > MAX_ENTRIES) throw malformed(file, member, `a list of at most ${MAX_ENTRIES}`);
  replaceFile(file, `${JSON.stringify({ [member]: list }, null, 2)}\n`);
}

/** Written aside and renamed: a node that reads it meanwhile reads the old one or the new one. */
function replaceFile(file: string, text: string): void {
  writeFileSync(`${file}.new`, text, { mode: 0o600, flush: true });
  renameSync(`${file}.new`, file);
}

function malformed(file: string, what: string, expected: string): AssayError {
  return new AssayError('ARGUMENT_INVALID', `${file}: ${what}: expected ${expected}`, {
    next: 'correct the file, or write it with assay review enrol, assay execution enrol, assay review gold and assay stream add',
  });
}
