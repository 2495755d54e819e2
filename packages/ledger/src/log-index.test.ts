/**
 * Shows that a lookup gives exactly the entries that match, that the proof of its completeness verifies, that no
 * changed answer verifies as another set of entries, and that the index can be made again from the tiles alone.
 */
import { hash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  base64Decode,
  base64Encode,
  type Ed25519Signer,
  ed25519Signer,
  type LookupAnswer,
  type LookupQuery,
  leafHash,
  makeStatement,
  merkleRoot,
  openEnvelope,
  parseLookup,
  proveRange,
  rootFromRange,
  signStatement,
  type TrustPolicy,
  verifyLookup,
} from '@assay/core';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Ledger } from './ledger.ts';
import { collect, entriesFrom, entry, ORIGIN, temporaryLog } from './log.fixture.ts';
import { type LogIndex, openLogIndex } from './log-index.ts';

const STREAMS = ['venue.A.1m', 'venue.B.1m', 'venue.C.1m'];
const START = Date.parse('2026-01-01T00:00:00Z');

let log: Awaited<ReturnType<typeof temporaryLog>>;
let ledger: Ledger;
let index: LogIndex;
let signers: Ed25519Signer[];
/** What stands in the log, told apart by hand. */
const written: { stream: string; signer: string; id: string; time: string }[] = [];
const instant = (ms: number) => `${new Date(ms).toISOString().slice(0, 19)}Z`;

const logKey = () => ed25519Signer(new Uint8Array(32).fill(7));
const openIndex = async (folder: string) =>
  openLogIndex({ folder: join(log.folder, folder), ledger, tiles: log.tiles, signer: await logKey() });

async function verdictEntry(n: number) {
  const stream = STREAMS[n % 3]!;
  const time = instant(START + Math.floor(n / 7) * 60_000);
  const signer = signers[n % 2]!;
  const observation = n.toString(16).padStart(64, '0');
  const signed = await signStatement(
    makeStatement(
      'verdict',
      { name: `batch ${n}`, sha256: observation },
      {
        stream,
        observation,
        contract: { name: 'test', version: '1.0.0', digest: { sha256: '0'.repeat(64) } },
        checkedAt: time,
        findings: [],
        decision: 'accept',
        level: 'L1',
        rows: { flagged: [], rejected: [] },
        quality: {
          accuracy: null,
          completeness: null,
          consistency: null,
          credibility: null,
          currentness: null,
        },
      },
    ),
    signer,
  );
  written.push({ stream, signer: signer.did, id: signed.id, time });
  return signed.entry;
}

async function append(count: number): Promise<void> {
  const entries: Uint8Array[] = [];
  // One entry of eight is a statement; the others are found by their digest only.
  for (let n = ledger.size; n < ledger.size + count; n++)
    entries.push(n % 8 === 0 ? await verdictEntry(written.length) : entry(n));
  await ledger.append(entries);
  await ledger.whenPublished(ledger.size);
}

const policy = (): TrustPolicy => ({
  mediaType: 'application/vnd.assay.trust-policy.v1+json',
  logs: [{ origin: ORIGIN, vkey: log.signer.vkey }],
  witnesses: { quorum: 0, vkeys: [] },
  providers: [],
  checkers: [],
  chains: [],
  require: ['leaf', 'checkpoint'],
  accept: ['accept'],
  minLevel: 'L0',
});

beforeAll(async () => {
  log = await temporaryLog();
  ledger = await log.open();
  signers = [
    await ed25519Signer(new Uint8Array(32).fill(1)),
    await ed25519Signer(new Uint8Array(32).fill(2)),
  ];
  index = await openIndex('index');
  // Sixteen bundles make a larger segment; then a statement about it, two more bundles, and a tail.
  await append(16 * 256 + 3);
  expect(await index.update()).toBe(16 * 256);
  await append(600);
  expect(await index.update()).toBe(18 * 256);
  await ledger.whenPublished(ledger.size);
}, 60_000);

afterAll(async () => {
  index.close();
  await log.dispose();
});

/** Entries of the log that match, by reading all that was written. The index statements stand among them. */
async function expected(match: (entry: (typeof written)[number]) => boolean): Promise<number[]> {
  const entries = await collect(ledger.entries(0, ledger.size));
  const place = new Map(entries.map((bytes, i) => [hash('sha256', bytes), i]));
  return written.filter(match).map(({ id }) => place.get(id)!);
}

const lookup = async (query: LookupQuery) =>
  parseLookup(JSON.parse(JSON.stringify(await index.lookup(query))));

describe('finds all that match, provably', () => {
  const cases: [string, () => LookupQuery, (entry: (typeof written)[number]) => boolean][] = [
    ['an id', () => ({ id: written[234]!.id }), ({ id }) => id === written[234]!.id],
    ['an id after the index', () => ({ id: written.at(-1)!.id }), ({ id }) => id === written.at(-1)!.id],
    ['an id that is not there', () => ({ id: 'f'.repeat(64) }), () => false],
    ['a stream', () => ({ subject: STREAMS[1]! }), ({ stream }) => stream === STREAMS[1]],
    ['a subject name', () => ({ subject: 'batch 77' }), ({ id }) => id === written[77]!.id],
    [
      'a subject digest',
      () => ({ subjectDigest: (99).toString(16).padStart(64, '0') }),
      ({ id }) => id === written[99]!.id,
    ],
    ['a signer', () => ({ signer: signers[0]!.did }), ({ signer }) => signer === signers[0]!.did],
    [
      'a time',
      () => ({ from: instant(START + 60_000), to: instant(START + 180_000) }),
      ({ time }) => time >= instant(START + 60_000) && time < instant(START + 180_000),
    ],
    [
      'a time before everything',
      () => ({ from: '2001-01-01T00:00:00Z', to: '2002-01-01T00:00:00Z' }),
      () => false,
    ],
    [
      'a time after everything',
      () => ({ from: '2101-01-01T00:00:00Z', to: '2102-01-01T00:00:00Z' }),
      () => false,
    ],
  ];
  test.each(cases)('%s', async (_name, query, match) => {
    const report = await verifyLookup(await lookup(query()), policy());
    expect(report.steps.filter(({ status }) => status === 'fail')).toEqual([]);
    expect(report.outcome).toBe('verified');
    expect(report.complete).toBe(ledger.published()!.size);
    expect(report.entries).toEqual(await expected(match));
  });

  test('an entry that is no statement', async () => {
    const report = await verifyLookup(await lookup({ id: hash('sha256', entry(4_001)) }), policy());
    expect(report).toMatchObject({ outcome: 'verified', entries: [4_001] });
  });

  test('without the tail only as far as the index reaches', async () => {
    const answer = { ...(await lookup({ signer: signers[1]!.did })), tail: null };
    const report = await verifyLookup(answer, policy());
    expect(report).toMatchObject({ outcome: 'inconclusive', complete: 18 * 256 });
    const all = await expected(({ signer }) => signer === signers[1]!.did);
    expect(report.entries).toEqual(all.filter((n) => n < 18 * 256));
  });
});

describe('a changed answer never verifies as other entries', () => {
  test('any one member cut, moved, doubled or altered', async () => {
    const genuine = await lookup({ subject: STREAMS[0]! });
    const truth = (await verifyLookup(genuine, policy())).entries;
    const tamper = fc.record({
      part: fc.constantFrom(
        'records',
        'path',
        'first',
        'segments',
        'tail',
        'tail path',
        'index path',
        'index',
        'query',
      ),
      segment: fc.nat(10),
      at: fc.nat(5_000),
      how: fc.constantFrom('remove', 'double', 'flip', 'cut before', 'cut after'),
    });
    await fc.assert(
      fc.asyncProperty(tamper, async ({ part, segment, at, how }) => {
        const changed: LookupAnswer = structuredClone(genuine);
        const shown = changed.segments[segment % changed.segments.length]!;
        if (part === 'first') shown.first += how === 'remove' ? 1 : -1;
        else if (part === 'query') changed.query = { subject: STREAMS[1]! };
        else if (part === 'index') changed.index!.index += how === 'remove' ? 1 : -1;
        else if (part === 'segments') change(changed.segments as never, at, how);
        else
          change(
            part === 'records'
              ? shown.records
              : part === 'path'
                ? shown.path
                : part === 'tail'
                  ? changed.tail!.entries
                  : part === 'tail path'
                    ? changed.tail!.path
                    : changed.index!.path,
            at,
            how,
          );
        const report = await verifyLookup(changed, policy());
        if (report.outcome === 'verified') {
          expect(part === 'query' || JSON.stringify(changed) === JSON.stringify(genuine)).toBe(true);
          expect(report.entries).toEqual(truth);
        }
      }),
      { numRuns: 200 },
    );
  });

  test('a statement by another key', async () => {
    const answer = await lookup({ subject: STREAMS[0]! });
    const { statement } = await openEnvelope(answer.index!.envelope);
    const forged = await signStatement(statement, signers[0]!);
    const report = await verifyLookup(
      { ...answer, index: { ...answer.index!, envelope: forged.envelope } },
      policy(),
    );
    expect(report.steps.find(({ step }) => step === 'index')?.status).toBe('fail');
  });
});

test('answers and statements satisfy the published schemas', async () => {
  const ajv = new Ajv2020({ strict: false });
  const schema = (name: string) =>
    ajv.compile(
      JSON.parse(readFileSync(new URL(`../../core/schemas/${name}.v1.json`, import.meta.url), 'utf8')),
    );
  const answer = await lookup({ from: '2026-01-01T00:00:00Z', to: '2026-01-02T00:00:00Z' });
  const { statement } = await openEnvelope(answer.index!.envelope);
  for (const [name, example] of [
    ['lookup', answer],
    ['index', statement],
  ] as const) {
    const validate = schema(name);
    expect(validate(example), JSON.stringify(validate.errors)).toBe(true);
    expect(validate({ ...example, extra: 1 })).toBe(false);
  }
});

test('the index is made again from the tiles alone, and is the same', async () => {
  const before = await index.lookup({ subject: STREAMS[2]! });
  index.close();
  const folder = join(log.folder, 'index');
  const [damaged] = readdirSync(folder).filter((name) => /^\d+-\d+$/.test(name));
  writeFileSync(join(folder, damaged!), 'damaged');
  index = await openIndex('index');
  expect(await index.lookup({ subject: STREAMS[2]! })).toEqual(before);
  index.close();
  for (const name of readdirSync(folder).filter((name) => name !== 'statement.json'))
    rmSync(join(folder, name));
  index = await openIndex('index');
  expect(await index.lookup({ subject: STREAMS[2]! })).toEqual(before);
});

test('a log that contradicts its own index is not opened', async () => {
  const other = {
    ...log.tiles,
    get: async (path: string) => {
      const bytes = await log.tiles.get(path);
      return path === 'tile/entries/001' ? await log.tiles.get('tile/entries/000') : bytes;
    },
  };
  const folder = join(log.folder, 'index');
  for (const name of readdirSync(folder).filter((name) => name !== 'statement.json'))
    rmSync(join(folder, name));
  await expect(openLogIndex({ folder, ledger, tiles: other, signer: await logKey() })).rejects.toMatchObject({
    code: 'LEDGER_CORRUPT',
  });
  for (const name of readdirSync(folder).filter((name) => name !== 'statement.json'))
    rmSync(join(folder, name));
});

test('neighbouring leaves are proven together, in trees of every shape', async () => {
  const leaves = entriesFrom(0, 70).map(leafHash);
  const read = async (level: number, at: number) =>
    merkleRoot(leaves.slice(at * 2 ** level, (at + 1) * 2 ** level));
  for (let size = 1; size <= 70; size += size < 20 ? 1 : 17) {
    const root = merkleRoot(leaves.slice(0, size));
    for (let from = 0; from < size; from++) {
      for (let to = from + 1; to <= size; to++) {
        const path = await proveRange(from, to, size, read);
        const proof = { from, leafHashes: leaves.slice(from, to), size, path };
        expect(rootFromRange(proof)).toEqual(root);
        expect(() => rootFromRange({ ...proof, path: [...path, root] })).toThrow('too long');
        if (path.length > 0)
          expect(() => rootFromRange({ ...proof, path: path.slice(1) })).toThrow('too short');
      }
    }
  }
});

/** One change to a list of base64 strings (or of segments). */
function change(list: string[], at: number, how: string): void {
  if (list.length === 0) return;
  const i = at % list.length;
  if (how === 'remove') list.splice(i, 1);
  else if (how === 'double') list.splice(i, 0, list[i]!);
  else if (how === 'cut before') list.splice(0, i + 1);
  else if (how === 'cut after') list.splice(i);
  else if (typeof list[i] === 'string') {
    const bytes = base64Decode(list[i]!);
    bytes[at % bytes.length]! ^= 1 << (at % 8);
    list[i] = base64Encode(bytes);
  }
}
