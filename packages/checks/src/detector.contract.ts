import net from 'node:net';
import { deserialize, serialize } from 'node:v8';
import { AssayError, base64Decode, canonicalBytes, compareDecimal, isDecimal, type Row } from '@assay/core';
import { describe, expect, test, vi } from 'vitest';
import {
  type Detector,
  type DetectorFinding,
  type Exhibit,
  MAX_EXHIBIT_BYTES,
  MAX_EXHIBITS,
  type Specimen,
} from './detector.ts';
import { MAX_EVIDENCE, MAX_FINDINGS, MAX_MEMORY_BYTES } from './examine.ts';

/** What a detector is tried with. */
export interface DetectorCases {
  /** Terms as a contract would state them. */
  terms: unknown;
  /** Terms that must be refused, each with the path that the error must name, below `terms`. */
  badTerms: { terms: unknown; path: string }[];
  /** Sound or faulty observations of one stream, in order: at least two, each judged (not all unknown). */
  specimens: Specimen[];
  /** Observations that nobody can judge, beyond those that the suite makes of `specimens` itself. */
  broken: Specimen[];
  /** Observations that fill its memory, with the terms that let it remember most: its memory stays within bounds. */
  crowd?: Specimen[];
  crowdTerms?: unknown;
}

/**
 * The contract that every detector keeps, as a test suite: names and versions, terms, purity, memory, the form of
 * findings, hostile input, and no word to the network. Call it at the top of the detector's own test.
 *
 * @example
 * testDetector(custody, { terms, badTerms: [{ terms: {}, path: 'time' }], specimens, broken: [] });
 */
export function testDetector(detector: Detector, cases: DetectorCases): void {
  describe(`${detector.name}: the contract of every detector`, () => {
    for (const { rule, holds } of detectorRules(detector, cases)) test(rule, holds, 60_000);
  });
}

/** The contract rule by rule; each rejects when the detector breaks it. */
export function detectorRules(
  detector: Detector,
  cases: DetectorCases,
): { rule: string; holds: () => Promise<void> }[] {
  const { specimens } = cases;
  const terms = () => detector.readTerms(structuredClone(cases.terms), 'terms');
  const broken = [...brokenOnes(specimens[0]!), ...cases.broken];
  const rule = (title: string, holds: () => void | Promise<void>) => ({
    rule: title,
    holds: () => withoutNetwork(holds),
  });

  return [
    rule('has a name that begins its checks, and a version', () => {
      expect(detector.name).toMatch(/^[a-z][a-z0-9_]{0,39}$/);
      expect(detector.version).toMatch(/^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$/);
      expect(specimens.length, 'at least two specimens').toBeGreaterThanOrEqual(2);
    }),

    rule('refuses wrong terms as CONTRACT_INVALID, naming the path', () => {
      for (const bad of [null, 1, 'text', [], ...cases.badTerms.map((wrong) => wrong.terms)]) {
        const error = caught(() => detector.readTerms(bad, 'terms'));
        expect(error, `terms ${JSON.stringify(bad)}`).toBeInstanceOf(AssayError);
        expect((error as AssayError).code).toBe('CONTRACT_INVALID');
        expect((error as AssayError).message).toContain('terms');
      }
      for (const { terms: bad, path } of cases.badTerms) {
        expect((caught(() => detector.readTerms(bad, 'terms')) as AssayError).message).toContain(path);
      }
    }),

    rule('findings have the form of findings', async () => {
      for (const { specimen, findings } of await judged(detector, terms(), specimens)) {
        expect(findings.length, 'at least one finding').toBeGreaterThan(0);
        expect(findings.length, 'findings').toBeLessThanOrEqual(MAX_FINDINGS);
        expect(findings.some(({ status }) => status !== 'unknown')).toBe(true);
        for (const finding of findings) expectFinding(detector, finding, specimen);
      }
    }),

    rule('the same input gives the same output, whatever the clock and the dice', async () => {
      const first = await under({ now: 0, random: 0.1 }, () => judged(detector, terms(), specimens));
      const second = await under({ now: 4e12, random: 0.9 }, () => judged(detector, terms(), specimens));
      expect(second).toStrictEqual(first);
    }),

    rule('changes neither the specimen nor the terms', async () => {
      const frozenTerms = deepFreeze(terms());
      const frozen = specimens.map((specimen) => deepFreeze(structuredClone(specimen)));
      expect(await judged(detector, frozenTerms, frozen)).toStrictEqual(
        await judged(detector, terms(), specimens),
      );
      expect(frozen).toStrictEqual(specimens);
    }),

    rule('remembers in its memory alone', async () => {
      const alone = await judged(detector, terms(), [specimens[1]!]);
      await judged(detector, terms(), specimens);
      expect(await judged(detector, terms(), [specimens[1]!])).toStrictEqual(alone);
    }),

    rule('its memory is plain data, bounded, and survives being stored between observations', async () => {
      const straight = await judged(detector, terms(), specimens);
      const stored = (memory: unknown) => {
        const bytes = serialize(memory);
        expect(bytes.length, 'bytes of memory').toBeLessThanOrEqual(MAX_MEMORY_BYTES);
        return deserialize(bytes);
      };
      expect(await judged(detector, terms(), specimens, stored)).toStrictEqual(straight);
      expect(await judged(detector, terms(), specimens, structuredClone)).toStrictEqual(straight);
      if (cases.crowd === undefined) return;
      const most = detector.readTerms(cases.crowdTerms ?? cases.terms, 'terms');
      // The last memory is stored as well: the first observation comes once more.
      const crowded = await judged(detector, most, [...cases.crowd, cases.crowd[0]!], stored);
      for (const { findings, specimen } of crowded) {
        for (const finding of findings) expectFinding(detector, finding, specimen);
      }
    }),

    rule('what cannot be judged is unknown or a failure, never a pass and never an exception', async () => {
      for (const specimen of broken) {
        const [answer] = await judged(detector, terms(), [specimen]);
        expect(answer!.findings.length, specimen.stream).toBeGreaterThan(0);
        for (const finding of answer!.findings) {
          expect(finding.status, `${specimen.stream}: ${finding.check}: ${finding.reason}`).not.toBe('pass');
          expectFinding(detector, finding, specimen);
        }
      }
    }),

    rule('broken and cut-off input raises no exception and leaves a memory that goes on', async () => {
      // The head of a text may be a sound text: what a damaged file is worth is for the detector's own tests.
      const stream = [...broken, ...damagedFiles(specimens[0]!), ...specimens];
      for (const { findings, specimen } of await judged(detector, terms(), stream)) {
        for (const finding of findings) expectFinding(detector, finding, specimen);
      }
    }),
  ];
}

/** Shape of one finding, against the specimen that it is about. */
export function expectFinding(detector: Detector, finding: DetectorFinding, specimen: Specimen): void {
  const where = `${finding.check}: ${finding.reason}`;
  const known = ['check', 'column', 'status', 'reason', 'rows', 'score', 'evidence', 'exhibits'];
  expect(
    Object.keys(finding).filter((member) => !known.includes(member)),
    where,
  ).toEqual([]);
  expect(Object.values(finding).includes(undefined), `${where}: a member that is undefined`).toBe(false);
  expect(finding.check, where).toMatch(/^[a-z][a-z0-9_]{0,99}$/);
  expect(finding.check.startsWith(`${detector.name}_`), where).toBe(true);
  expect(['pass', 'fail', 'unknown'], where).toContain(finding.status);
  expect(finding.reason.trim().length, where).toBeGreaterThan(0);
  expect(finding.reason.length, where).toBeLessThanOrEqual(2000);
  expect(finding.reason.isWellFormed(), where).toBe(true);
  if (finding.column !== undefined) expect(finding.column.length, where).toBeLessThanOrEqual(200);
  if (finding.status === 'unknown') expect(finding.score, where).toBeUndefined();
  if (finding.score !== undefined) {
    expect(isDecimal(finding.score), `${where}: score ${finding.score}`).toBe(true);
    expect(compareDecimal(finding.score, '0'), where).toBeGreaterThanOrEqual(0);
    expect(compareDecimal(finding.score, '1'), where).toBeLessThanOrEqual(0);
  }
  if (finding.rows !== undefined) {
    expect(finding.status, `${where}: rows are those that failed`).toBe('fail');
    expectRanges(finding.rows, specimen.rows?.length ?? 0, where);
  }
  expect(finding.evidence?.length ?? 0, where).toBeLessThanOrEqual(MAX_EVIDENCE);
  for (const item of finding.evidence ?? []) {
    expect(item, where).toMatch(/^(sha256:[0-9a-f]{64}|[0-9a-f]{64}|[A-Za-z0-9][A-Za-z0-9._-]{0,119})$/);
  }
  expect(finding.exhibits?.length ?? 0, where).toBeLessThanOrEqual(MAX_EXHIBITS);
  for (const exhibit of finding.exhibits ?? []) expectExhibit(exhibit, where);
  const shown = (finding.exhibits ?? []).reduce((sum, exhibit) => sum + canonicalBytes(exhibit).length, 0);
  expect(shown, `${where}: bytes of exhibits`).toBeLessThanOrEqual(MAX_EXHIBIT_BYTES);
  expect(JSON.parse(JSON.stringify(finding)), where).toStrictEqual(finding);
}

function expectExhibit(exhibit: Exhibit, where: string): void {
  expect(exhibit.title.length, where).toBeGreaterThan(0);
  switch (exhibit.kind) {
    case 'series':
      for (const { value, low, high, score } of exhibit.points) {
        for (const number of [value, low, high, score]) {
          if (number !== null && number !== undefined)
            expect(isDecimal(number), `${where}: ${number}`).toBe(true);
        }
      }
      expectRanges(exhibit.marked, exhibit.points.length, where);
      return;
    case 'image': {
      const bytes = base64Decode(exhibit.base64);
      const magic = exhibit.mediaType === 'image/png' ? [0x89, 0x50, 0x4e, 0x47] : [0xff, 0xd8, 0xff];
      expect([...bytes.subarray(0, magic.length)], where).toEqual(magic);
      return;
    }
    case 'quotes':
      expect(exhibit.quotes.length, where).toBeGreaterThan(0);
      return;
    case 'table':
      for (const row of exhibit.rows) expect(row.length, where).toBe(exhibit.columns.length);
      return;
    default:
      expect.unreachable(`${where}: an exhibit of a kind that nobody can show`);
  }
}

function expectRanges(ranges: readonly [number, number][], length: number, where: string): void {
  let last = -1;
  for (const [from, to] of ranges) {
    expect(Number.isInteger(from) && Number.isInteger(to), where).toBe(true);
    expect(from, `${where}: ascending, separate ranges`).toBeGreaterThan(last);
    expect(to, where).toBeGreaterThanOrEqual(from);
    expect(to, `${where}: rows of the specimen`).toBeLessThan(length);
    last = to;
  }
}

/** Runs a stream through a detector. `between` is what storage does to the memory. */
async function judged(
  detector: Detector,
  terms: unknown,
  specimens: readonly Specimen[],
  between: (memory: unknown) => unknown = (memory) => memory,
): Promise<{ specimen: Specimen; findings: DetectorFinding[] }[]> {
  let memory = detector.begin(terms);
  const answers: { specimen: Specimen; findings: DetectorFinding[] }[] = [];
  for (const specimen of specimens) {
    const examination = await detector.examine(specimen, terms, between(memory));
    memory = examination.memory;
    answers.push({ specimen, findings: examination.findings });
  }
  return answers;
}

/** What a hostile or broken provider may send in place of a good observation. */
function brokenOnes(good: Specimen): Specimen[] {
  const { rows, file, ...head } = good;
  const named = (what: string, rest: Partial<Specimen>): Specimen => ({ ...head, stream: what, ...rest });
  const everyValue = (what: string, value: unknown) =>
    named(what, {
      rows: (rows ?? [{}]).map((row) => Object.fromEntries(Object.keys(row).map((key) => [key, value]))),
    });
  const broken = [
    named('neither-rows-nor-file', {}),
    named('no-rows', { rows: [] }),
    named('empty-rows', { rows: [{}, {}, {}] }),
    named('rows-that-are-no-objects', {
      rows: [null, 1, 'text', [], undefined, Number.NaN] as unknown as Row[],
    }),
    everyValue('all-null', null),
    everyValue('all-nan', 'NaN'),
    everyValue('all-infinite', Number.POSITIVE_INFINITY),
    everyValue('all-booleans', true),
    everyValue('all-lists', [1, 2, 3]),
    everyValue('all-objects', { toString: 'no function' }),
    everyValue('all-huge', '9'.repeat(100_000)),
    everyValue('all-exponents', '1e999'),
    everyValue('all-lone-surrogates', '\ud800'),
    everyValue('all-prototype', '__proto__'),
  ];
  if (file) broken.push(named('empty-file', { file: { ...file, bytes: new Uint8Array() } }));
  return broken;
}

function damagedFiles({ rows: _, file, ...head }: Specimen): Specimen[] {
  if (file === undefined) return [];
  const { bytes } = file;
  const zeroed = bytes.slice();
  zeroed.fill(0, bytes.length >> 2, bytes.length >> 1);
  // A fixed, ugly sequence: 0, 167, 78, 245 …
  const noise = Uint8Array.from({ length: 4096 }, (_, i) => (i * 167) & 0xff);
  const damaged = {
    one: bytes.slice(0, 1),
    head: bytes.slice(0, 16),
    half: bytes.slice(0, bytes.length >> 1),
    zeroed,
    noise,
  };
  return Object.entries(damaged).map(([stream, part]) => ({
    ...head,
    stream,
    file: { ...file, bytes: part },
  }));
}

/** Runs something with every way out closed; what it tried to reach is told, even when it hid the refusal. */
async function withoutNetwork(run: () => void | Promise<void>): Promise<void> {
  const asked: string[] = [];
  const { connect } = net.Socket.prototype;
  vi.stubGlobal('fetch', (input: unknown) => {
    asked.push(`fetch ${String(input)}`);
    throw new TypeError('detectors have no network');
  });
  net.Socket.prototype.connect = function refuse(...to: unknown[]): never {
    asked.push(`connect ${JSON.stringify(to)}`);
    throw new Error('detectors have no network');
  };
  try {
    await run();
  } finally {
    vi.unstubAllGlobals();
    net.Socket.prototype.connect = connect;
  }
  expect(asked, 'the network').toEqual([]);
}

/** Runs something under another clock and other dice. */
async function under<T>(world: { now: number; random: number }, run: () => Promise<T>): Promise<T> {
  vi.useFakeTimers({ toFake: ['Date'], now: world.now });
  const random = vi.spyOn(Math, 'random').mockReturnValue(world.random);
  try {
    return await run();
  } finally {
    random.mockRestore();
    vi.useRealTimers();
  }
}

/** Freezes everything but bytes, which JavaScript cannot freeze: those are compared afterwards. */
function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value;
  for (const member of Object.values(value)) deepFreeze(member);
  return Object.freeze(value);
}

function caught(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  return undefined;
}
